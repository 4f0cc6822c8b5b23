"""What a person needs to trust a calibration."""
