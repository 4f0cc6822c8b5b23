"""Joint angles and what follows from them."""

from mocap.kinematics.angles import joint_angles

__all__ = ["joint_angles"]
