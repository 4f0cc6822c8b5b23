"""What lies on disk: layout, manifest, atomic store."""
