"""The body as VMC messages over OSC, for Unity, Unreal, Blender and VSeeFace.

The messages are those of the Virtual Motion Capture Protocol, from performer to marionette
(https://protocol.vmc.info/english): ``/VMC/Ext/Bone/Pos`` with a bone of Unity's humanoid, its place and turn
relative to the parent, as Unity has them: left-handed, x to the figure's right, y up, z forwards, metres,
quaternion x, y, z, w. The turns are zero in the T-pose.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import numpy as np

from mocap.core.body import conjugate, multiply, rotate, segments
from mocap.core.errors import InputError, MissingExtraError
from mocap.core.live import LiveFrame, LivePerson
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, Motion

DEFAULT_PORT = 39539
# Messages go in bundles that fit into one Ethernet packet of 1500 bytes; a bone takes some 80.
MESSAGES_A_BUNDLE = 15
# Unity's names of the bones that our joints turn.
BONES = {
    "pelvis": "Hips",
    "spine": "Spine",
    "chest": "Chest",
    "neck": "Neck",
    "head": "Head",
    **{
        f"{side}_{joint}": f"{side.title()}{bone}"
        for side in ("left", "right")
        for joint, bone in (
            ("hip", "UpperLeg"),
            ("knee", "LowerLeg"),
            ("ankle", "Foot"),
            ("shoulder", "UpperArm"),
            ("elbow", "LowerArm"),
            ("wrist", "Hand"),
        )
    },
}
STILL = (0.0, 0.0, 0.0, 1.0)


def unity_vector(xyz: FloatArray) -> FloatArray:
    """Vectors (..., 3) in Unity's axes.

    Ours are x to the left of somebody in the T-pose, y backwards, z up; Unity's figure looks along z, its right
    is x, up is y.
    """
    return np.stack([-xyz[..., 0], xyz[..., 2], -xyz[..., 1]], axis=-1)


def unity_turn(wxyz: FloatArray) -> FloatArray:
    """Quaternions (..., 4) w, x, y, z as Unity's x, y, z, w.

    The change of axes is a reflection, under which an axis of rotation changes its sign beyond turning along.
    """
    return np.stack([wxyz[..., 1], -wxyz[..., 3], wxyz[..., 2], wxyz[..., 0]], axis=-1)


def bones_of(motion: Motion) -> Iterator[tuple[str, FloatArray, FloatArray]]:
    """Bones of the first person at the first instant: Unity's name, place (3,) and turn (4,) from the parent.

    A joint that Unity has no bone for is folded into those that hang on it. Bones that are not known are left
    out, so that the receiver leaves them as they are.
    """
    centres, world = (values[0, 0] for values in segments(motion))
    names = [joint.name for joint in motion.skeleton.joints]
    holder = _holders(motion.skeleton)
    for joint, name in enumerate(names):
        if name not in BONES:
            continue
        parent = holder[joint]
        # The head carries nothing: where its own turn is not known, it goes with the neck.
        turn = world[joint] if np.isfinite(world[joint]).all() or parent < 0 else world[parent]
        if parent < 0:
            place, local = centres[joint], turn
        else:
            inverse = conjugate(world[parent])
            place = rotate(inverse, centres[joint] - centres[parent])
            local = multiply(inverse, turn)
        if np.isfinite(place).all() and np.isfinite(local).all():
            yield BONES[name], unity_vector(place), unity_turn(local)


def _holders(skeleton: Skeleton) -> list[int]:
    """Nearest joint on the way to the root that has a bone; -1 where there is none."""
    named = [joint.name in BONES for joint in skeleton.joints]
    holders: list[int] = []
    for parent in skeleton.parents:
        while parent >= 0 and not named[parent]:
            parent = skeleton.parents[parent]
        holders.append(parent)
    return holders


class VmcSink:
    """Sends the subject's body by UDP.

    Parameters
    ----------
    host : str
    port : int

    Raises
    ------
    MissingExtraError
        If python-osc is not installed.
    InputError
        If there is no such host.
    """

    def __init__(self, host: str, port: int = DEFAULT_PORT) -> None:
        try:
            from pythonosc import osc_bundle_builder, osc_message_builder
        except ImportError as error:
            raise MissingExtraError("Sending VMC needs python-osc.", "live") from error
        self._messages, self._bundles = osc_message_builder, osc_bundle_builder
        try:
            family, kind, _, _, to = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        except OSError as error:
            raise InputError(f"There is no host '{host}' to send VMC to.", "Check its name or address.") from error
        self._to, self._socket = to, socket.socket(family, kind)
        self._socket.setblocking(False)
        self.address = f"vmc:{host}:{port}"
        self._start_ns: int | None = None

    def send(self, frame: LiveFrame) -> None:
        """Send the subject's body; see ``Sink``."""
        messages = list(self._told(frame, frame.subject_person))
        for start in range(0, len(messages), MESSAGES_A_BUNDLE):
            bundle = self._bundles.OscBundleBuilder(self._bundles.IMMEDIATELY)
            for path, values in messages[start : start + MESSAGES_A_BUNDLE]:
                bundle.add_content(self._message(path, values))
            # A full buffer loses this instant, as UDP may anywhere; the next one is on its way.
            with contextlib.suppress(BlockingIOError):
                self._socket.sendto(bundle.build().dgram, self._to)

    def _told(self, frame: LiveFrame, person: LivePerson | None) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Messages of one instant: path and values."""
        self._start_ns = frame.t_ns if self._start_ns is None else self._start_ns
        body = None if person is None else person.motion
        yield "/VMC/Ext/OK", (int(body is not None),)
        yield "/VMC/Ext/T", ((frame.t_ns - self._start_ns) / 1e9,)
        if body is None:
            return
        yield "/VMC/Ext/Root/Pos", ("root", 0.0, 0.0, 0.0, *STILL)
        for name, place, turn in bones_of(body):
            yield "/VMC/Ext/Bone/Pos", (name, *place.tolist(), *turn.tolist())

    def _message(self, path: str, values: tuple[Any, ...]) -> Any:
        message = self._messages.OscMessageBuilder(path)
        for value in values:
            kind = {str: "s", int: "i"}.get(type(value), "f")
            message.add_arg(value, kind)
        return message.build()

    def close(self) -> None:
        """Close the line."""
        self._socket.close()
