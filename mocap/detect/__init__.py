"""People and their keypoints in each view."""
