"""BVH: a skeleton of fixed bones in motion, for animation programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from calibration.files import atomic_write
from mocap.core.body import rest_directions, to_matrix
from mocap.core.errors import InputError
from mocap.core.euler import tait_bryan, unwrapped
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, Take
from mocap.export.posed import NO_BODY, posed
from mocap.export.written import Written, late_start, uneven_times, y_up
from mocap.presets import preset_path, read_toml

CM_PER_M = 100.0
# The order that Biovision's own files have: about z, then x, then y, each in the axes turned so far. Its
# singular pose, a quarter turn about x, is rare in the joints and passed by the unwrapping.
USUAL_ORDER = "ZXY"
# The last joints have no bone to draw; this gives the hand, the foot and the head something to be seen by.
END_SITE_CM = 5.0


@dataclass(frozen=True)
class NamePreset:
    """How another program calls the joints, and in which order it turns them.

    Attributes
    ----------
    name : str
        Of the preset, and in the file's name; empty for our own names.
    title : str
    rotation_order : str
        Three letters; the first turn is the outermost.
    joints : mapping of str to str
        Its name for each of our joints; a joint that is not there keeps ours.
    """

    name: str = ""
    title: str = "our own names"
    rotation_order: str = USUAL_ORDER
    joints: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if sorted(self.rotation_order) != ["X", "Y", "Z"]:
            raise InputError(
                f"'{self.rotation_order}' is no order of rotations.", "Use the letters X, Y and Z once each."
            )

    @property
    def axes(self) -> tuple[int, int, int]:
        """Axes of the three turns, 0 to 2."""
        first, second, third = ("XYZ".index(letter) for letter in self.rotation_order)
        return first, second, third

    @property
    def channels(self) -> str:
        """The turns as a BVH file lists them."""
        return " ".join(f"{letter}rotation" for letter in self.rotation_order)


def load_name_preset(name: str) -> NamePreset:
    """Read names and order of ``configs/exports``.

    Raises
    ------
    InputError
        If there is no such preset, or it is wrong.
    """
    path = preset_path("exports", name)
    table = read_toml(path)
    try:
        return NamePreset(name, table["title"], table["rotation_order"], dict(table["joints"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"This preset of names is wrong: {error}.", "Mend it.", path) from error


@dataclass(frozen=True)
class BvhExporter:
    """Centimetres, Y up (see ``y_up``), T-pose at rest, the root's offset 0, angles without jumps.

    Joints and their offsets are those of the skeleton and the fitted bones; the position of the root is the
    only one that moves. BVH cannot leave a value out: see ``posed``.
    """

    names: NamePreset = field(default_factory=NamePreset)

    title = "BVH, a skeleton in motion for animation programs"

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write ``<stem>.bvh``, or ``<stem>.<preset>.bvh``; nothing where there was no body at any time."""
        path = folder / (f"{stem}.{self.names.name}.bvh" if self.names.name else f"{stem}.bvh")
        motion, skeleton = take.motion, take.motion.skeleton
        body = posed(motion, person)
        if body is None:
            return Written((), (NO_BODY,))
        root = skeleton.parents.index(-1)
        offsets = CM_PER_M * body.offset
        degrees = np.degrees(unwrapped(tait_bryan(to_matrix(body.rotation), self.names.axes)))
        order = depth_first(skeleton)
        values = np.concatenate([CM_PER_M * body.root, degrees[:, order].reshape(len(degrees), -1)], axis=1)
        with atomic_write(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
            file.write("HIERARCHY\n" + "\n".join(hierarchy(skeleton, offsets, root, self.names)) + "\n")
            file.write(f"MOTION\nFrames: {len(values)}\nFrame Time: {1.0 / take.rate_hz:.8f}\n")
            for row in values.tolist():
                file.write(" ".join([f"{v:.6f}" for v in row]) + "\n")
        return Written(
            (path,),
            (
                *body.held,
                "Keypoints that are no joints of the body, joint angles, and every uncertainty.",
                *uneven_times(take),
                *late_start(take),
            ),
        )


def depth_first(skeleton: Skeleton) -> list[int]:
    """Joints in the order in which a BVH file lists them and their channels."""

    def below(joint: int) -> list[int]:
        return [joint] + [d for c, p in enumerate(skeleton.parents) if p == joint for d in below(c)]

    return below(skeleton.parents.index(-1))


def hierarchy(
    skeleton: Skeleton, offsets_cm: FloatArray, joint: int, names: NamePreset, depth: int = 0
) -> list[str]:
    """Lines of the HIERARCHY section from a joint on outwards."""
    tab, parent = "\t" * depth, skeleton.parents[joint]
    children = [c for c, p in enumerate(skeleton.parents) if p == joint]
    # A root offset other than 0 is ignored by some readers and added by others.
    x, y, z = offsets_cm[joint] if parent >= 0 else np.zeros(3)
    channels = f"3 {names.channels}" if parent >= 0 else f"6 Xposition Yposition Zposition {names.channels}"
    ours = skeleton.joints[joint].name
    lines = [
        f"{tab}{'JOINT' if parent >= 0 else 'ROOT'} {names.joints.get(ours, ours)}",
        f"{tab}{{",
        f"{tab}\tOFFSET {x:.6f} {y:.6f} {z:.6f}",
        f"{tab}\tCHANNELS {channels}",
    ]
    for child in children:
        lines += hierarchy(skeleton, offsets_cm, child, names, depth + 1)
    if not children:
        x, y, z = END_SITE_CM * y_up(rest_directions(skeleton)[joint])
        lines += [f"{tab}\tEnd Site", f"{tab}\t{{", f"{tab}\t\tOFFSET {x:.6f} {y:.6f} {z:.6f}", f"{tab}\t}}"]
    return [*lines, f"{tab}}}"]
