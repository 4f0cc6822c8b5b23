"""A simple figure of one wedge a bone: something for a skeleton to carry in formats that hold a mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray

# A bone is drawn as an octahedron, thickest near its beginning, as animation programs do.
WAIST_AT = 0.15
WAIST_SHARE = 0.1
# The last joints have no bone to draw: this gives the hand, the foot and the head something to be seen by, m.
END_M = 0.05


@dataclass(frozen=True)
class Figure:
    """Vertices in the T-pose, Y up.

    Attributes
    ----------
    vertex : (V, 3)
        m, in the axes of the root joint.
    joint : (V,) int
        The joint that carries each vertex.
    triangle : (F, 3) int
    """

    vertex: FloatArray
    joint: NDArray[np.int64]
    triangle: NDArray[np.int64]


def figure(skeleton: Skeleton, offset: FloatArray, end: FloatArray) -> Figure:
    """Build the figure of a skeleton.

    Parameters
    ----------
    offset : (J, 3)
        Of each joint from its parent in the T-pose, m.
    end : (J, 3)
        Unit direction in which a joint without children goes on.
    """
    place = rest_places(skeleton, offset)
    vertices: list[FloatArray] = []
    joints: list[NDArray[np.int64]] = []
    triangles: list[NDArray[np.int64]] = []
    for joint in range(len(skeleton.joints)):
        children = [c for c, p in enumerate(skeleton.parents) if p == joint]
        tips = [place[c] for c in children if np.linalg.norm(offset[c]) > 0.0]
        for tip in tips if children else [place[joint] + END_M * end[joint]]:
            triangles.append(_FACES + len(vertices) * len(_CORNERS))
            vertices.append(_wedge(place[joint], tip))
            joints.append(np.full(len(_CORNERS), joint, dtype=np.int64))
    return Figure(np.concatenate(vertices), np.concatenate(joints), np.concatenate(triangles))


def rest_places(skeleton: Skeleton, offset: FloatArray) -> FloatArray:
    """Joint centres in the T-pose (J, 3), m, from the root."""
    place = np.zeros_like(offset)
    for joint, parent in enumerate(skeleton.parents):
        if parent >= 0:
            place[joint] = place[parent] + offset[joint]
    return place


# Beginning, four corners of the waist, tip; along the bone, and across it in shares of its length.
_CORNERS = np.array(
    [
        [0.0, 0.0, 0.0],
        [WAIST_AT, WAIST_SHARE, 0.0],
        [WAIST_AT, 0.0, WAIST_SHARE],
        [WAIST_AT, -WAIST_SHARE, 0.0],
        [WAIST_AT, 0.0, -WAIST_SHARE],
        [1.0, 0.0, 0.0],
    ]
)
_FACES = np.array([[0, 2, 1], [0, 3, 2], [0, 4, 3], [0, 1, 4], [5, 1, 2], [5, 2, 3], [5, 3, 4], [5, 4, 1]])


def _wedge(start: FloatArray, tip: FloatArray) -> FloatArray:
    """Corners (6, 3) of the octahedron of one bone."""
    along = tip - start
    across = np.cross(along, np.eye(3)[np.argmin(np.abs(along))])
    across *= np.linalg.norm(along) / np.linalg.norm(across)
    third = np.cross(along, across) / np.linalg.norm(along)
    return np.asarray(start + _CORNERS @ np.stack([along, across, third]))
