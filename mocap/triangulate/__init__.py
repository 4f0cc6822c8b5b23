"""From pixels in several views to metric 3D with its covariance."""

from mocap.triangulate.noise import Noise
from mocap.triangulate.robust import TriangulationSettings, Triangulator, triangulate

__all__ = ["Noise", "TriangulationSettings", "Triangulator", "triangulate"]
