"""From pixels in several views to metric 3D with its covariance."""
