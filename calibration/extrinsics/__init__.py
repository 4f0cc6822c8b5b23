"""First guess of a rig: where the cameras stand, from what they saw of a flat target together."""

from calibration.extrinsics.rig import Pair, RigGuess, first_rig, only

__all__ = ["Pair", "RigGuess", "first_rig", "only"]
