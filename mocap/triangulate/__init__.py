"""From pixels in several views to metric 3D with its covariance."""

from mocap.triangulate.noise import Noise
from mocap.triangulate.robust import TriangulationSettings, triangulate

__all__ = ["Noise", "TriangulationSettings", "triangulate"]
