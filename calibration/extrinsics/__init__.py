"""First guess of a rig: where the cameras stand, from what they saw of a flat target together."""

from calibration.extrinsics.ends import settle_ends
from calibration.extrinsics.mirrored import check_mirrored
from calibration.extrinsics.rig import Pair, RigGuess, first_rig, only

__all__ = ["Pair", "RigGuess", "check_mirrored", "first_rig", "only", "settle_ends"]
