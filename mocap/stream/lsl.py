"""Angles and keypoints of the subject as streams of the Lab Streaming Layer."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from mocap.core.errors import MissingExtraError
from mocap.core.live import LiveFrame
from mocap.core.skeleton import Skeleton

# Frames come as the machine can: LSL calls that an irregular rate.
IRREGULAR = 0.0
# Samples that a receiver may lag behind before the oldest are dropped, s.
BUFFER_S = 10


class LslSink:
    """Two outlets, ``NAME.angles`` (degrees) and ``NAME.points`` (metres); NaN where something is not known.

    Samples bear the time at which the pictures were taken. Channels are named as the meta-data of XDF for motion
    capture have it (https://github.com/sccn/xdf/wiki/MoCap-Meta-Data).

    Parameters
    ----------
    name : str
    skeleton : Skeleton
    angles : tuple of str

    Raises
    ------
    MissingExtraError
        If pylsl or its library is not installed.
    """

    def __init__(self, name: str, skeleton: Skeleton, angles: tuple[str, ...]) -> None:
        try:
            import pylsl
        except (ImportError, RuntimeError) as error:  # the second where its shared library is missing
            raise MissingExtraError("Streaming to LSL needs pylsl and the library liblsl.", "live") from error
        self._clock = pylsl.local_clock
        self._names, self.address = angles, f"lsl:{name}"
        axes = [
            (f"{keypoint}_{axis}", f"Position{axis.upper()}") for keypoint in skeleton.keypoints for axis in "xyz"
        ]
        self._outlets: tuple[Any, ...] = tuple(
            self._outlet(pylsl, f"{name}.{part}", channels, unit)
            for part, channels, unit in (
                ("angles", [(angle, "Orientation") for angle in angles], "degrees"),
                ("points", axes, "meters"),
            )
        )
        self._empty = np.full(3 * len(skeleton.keypoints), np.nan, dtype=np.float32)

    @staticmethod
    def _outlet(pylsl: Any, name: str, channels: list[tuple[str, str]], unit: str) -> Any:
        info = pylsl.StreamInfo(name, "MoCap", len(channels), IRREGULAR, "float32", f"openmocap-{name}")
        described = info.desc().append_child("channels")
        for label, kind in channels:
            channel = described.append_child("channel")
            for key, value in (("label", label), ("type", kind), ("unit", unit)):
                channel.append_child_value(key, value)
        return pylsl.StreamOutlet(info, max_buffered=BUFFER_S)

    def send(self, frame: LiveFrame) -> None:
        """Push one sample to each outlet; see ``Sink``."""
        if not self._outlets:
            return
        # Both clocks are monotonic; the age of the pictures carries their time from one to the other.
        taken = self._clock() - (time.monotonic_ns() - frame.t_ns) / 1e9
        one = frame.subject_person
        points = self._empty if one is None else one.xyz.astype(np.float32).ravel()
        degrees = np.full(len(self._names), np.nan, dtype=np.float32)
        if one is not None:
            degrees[:] = np.degrees(one.angles.value[0, 0])
        for outlet, sample in zip(self._outlets, (degrees, points), strict=True):
            outlet.push_sample(sample.tolist(), taken)

    def close(self) -> None:
        """Withdraw the outlets."""
        self._outlets = ()
