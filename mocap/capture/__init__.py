"""Sources of pictures: cameras and video files."""
