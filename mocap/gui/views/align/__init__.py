"""The dialog that aligns cameras by hand."""
