"""A body as solid shapes: cylinders for bones, spheres for joints, ready for whatever draws triangles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, IntArray
from mocap.report.drawing import MIDDLE_BGR, drawn_keypoints, side_colours

# A limb bone is drawn this thick, m: about a forearm's breadth less the flesh, so that crossing limbs stay apart.
BONE_RADIUS_M = 0.022
# A short bone, of a finger or of the face, is thinner: this share of its length.
SLIMMEST = 0.16
# Joints stand out of the bones that meet there by this factor.
JOINT_SWELL = 1.35
# A head between two ears: half of its length from brow to nape, about 19 cm in adults.
HEAD_RADIUS_M = 0.095
EARS, SHOULDERS = ("left_ear", "right_ear"), ("left_shoulder", "right_shoulder")
# Red, green, blue of what is on neither side.
MIDDLE = MIDDLE_BGR[::-1]
# Corners around a cylinder and rings of a sphere: smooth at the size of a film.
CORNERS, RINGS = 16, 9


@dataclass(frozen=True)
class Solid:
    """Triangles with smooth shading.

    Attributes
    ----------
    vertices, normals, colours : (V, 3)
        m; unit vectors; red, green, blue from 0 to 1.
    triangles : (F, 3) int
    """

    vertices: FloatArray
    normals: FloatArray
    colours: FloatArray
    triangles: IntArray


@dataclass(frozen=True)
class Figure:
    """How the bodies of one skeleton are built.

    Attributes
    ----------
    bone_radius_m : (B,)
    joints : (J,) int
        Keypoints that bones end at.
    joint_radius_m : (J,)
    """

    skeleton: Skeleton
    bone_radius_m: FloatArray
    joints: IntArray
    joint_radius_m: FloatArray

    @classmethod
    def of(cls, skeleton: Skeleton, xyz: FloatArray) -> Figure:
        """Measure the bones of a take, keypoints (T, N, K, 3): short ones are slim."""
        bones = skeleton.bone_index
        lengths = np.linalg.norm(xyz[:, :, bones[:, 0]] - xyz[:, :, bones[:, 1]], axis=-1).reshape(-1, len(bones))
        known = np.isfinite(lengths).any(axis=0)
        usual = np.full(len(bones), np.nan)
        usual[known] = np.nanmedian(lengths[:, known], axis=0)
        # A bone never seen is never drawn; its radius only must not be NaN.
        radius = np.minimum(BONE_RADIUS_M, np.nan_to_num(SLIMMEST * usual, nan=BONE_RADIUS_M))
        joints = drawn_keypoints(skeleton)
        thickest = np.array([radius[(bones == joint).any(axis=1)].max() for joint in joints])
        return cls(skeleton, radius, joints.astype(np.int64), thickest * JOINT_SWELL)

    @cached_property
    def colours(self) -> FloatArray:
        """Red, green, blue of each keypoint (K, 3) by its side of the body, 0 to 1."""
        return np.array(side_colours(self.skeleton), dtype=float)[:, ::-1] / 255.0

    def solid(self, xyz: FloatArray) -> Solid:
        """Shape bodies at one instant, keypoints (N, K, 3); what is missing is left out."""
        parts = [part for body in xyz for part in self._parts(body)]
        return joined(parts)

    def _parts(self, body: FloatArray) -> list[Solid]:
        bones, sides = self.skeleton.bone_index, self.colours
        ends = body[bones]
        there = np.isfinite(ends).all(axis=(1, 2)) & (np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) > 0.0)
        one_side = (sides[bones[:, 0]] == sides[bones[:, 1]]).all(axis=1)
        middle = np.array(MIDDLE) / 255.0
        bone_colours = np.where(one_side[:, None], sides[bones[:, 0]], middle)
        parts = [cylinders(ends[there], self.bone_radius_m[there], bone_colours[there])]
        seen = np.isfinite(body[self.joints]).all(axis=1)
        at = self.joints[seen]
        parts.append(spheres(body[at], self.joint_radius_m[seen], sides[at]))
        parts += self._head(body)
        return parts

    def _head(self, body: FloatArray) -> list[Solid]:
        """A head on a neck, where the ears are known: eyes and mouth alone do not look like one."""
        names, middle = self.skeleton.keypoints, np.array([MIDDLE]) / 255.0
        if any(name not in names for name in EARS):
            return []
        head = body[[names.index(name) for name in EARS]].mean(axis=0)
        if not np.isfinite(head).all():
            return []
        parts = [spheres(head[None], np.array([HEAD_RADIUS_M]), middle)]
        if all(name in names for name in SHOULDERS):
            chest = body[[names.index(name) for name in SHOULDERS]].mean(axis=0)
            if np.isfinite(chest).all() and (chest != head).any():
                neck = np.stack([chest, head])[None]
                parts.append(cylinders(neck, np.array([BONE_RADIUS_M]), middle))
        return parts


def cylinders(ends: FloatArray, radius: FloatArray, colours: FloatArray) -> Solid:
    """Open cylinders between pairs of points (M, 2, 3) with radii (M,) and colours (M, 3)."""
    angles = 2.0 * np.pi * np.arange(CORNERS) / CORNERS
    axis = ends[:, 1] - ends[:, 0]
    axis = axis / np.linalg.norm(axis, axis=1, keepdims=True)
    # Any direction that is not along the axis: the coordinate axis that it is least along.
    least = np.eye(3)[np.argmin(np.abs(axis), axis=1)] if len(axis) else np.empty((0, 3))
    first = np.cross(axis, least)
    first = first / np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(axis, first)
    normals = np.cos(angles)[:, None] * first[:, None] + np.sin(angles)[:, None] * second[:, None]
    shifted = normals * radius[:, None, None]
    vertices = np.stack([ends[:, :1] + shifted, ends[:, 1:] + shifted], axis=1)
    here = np.arange(CORNERS)
    after = (here + 1) % CORNERS
    faces = np.concatenate(
        [
            np.stack([here, after, here + CORNERS], axis=1),
            np.stack([after, after + CORNERS, here + CORNERS], axis=1),
        ]
    )
    return _repeated(vertices, np.stack([normals, normals], axis=1), colours, faces)


def spheres(centres: FloatArray, radius: FloatArray, colours: FloatArray) -> Solid:
    """Spheres around points (M, 3) with radii (M,) and colours (M, 3)."""
    polar = np.pi * np.arange(RINGS) / (RINGS - 1)
    around = 2.0 * np.pi * np.arange(CORNERS) / CORNERS
    unit = np.stack(
        [
            np.sin(polar)[:, None] * np.cos(around),
            np.sin(polar)[:, None] * np.sin(around),
            np.repeat(np.cos(polar)[:, None], CORNERS, axis=1),
        ],
        axis=-1,
    ).reshape(-1, 3)
    vertices = centres[:, None] + radius[:, None, None] * unit
    ring, corner = (grid.ravel() for grid in np.meshgrid(np.arange(RINGS - 1), np.arange(CORNERS), indexing="ij"))
    after = (corner + 1) % CORNERS
    a, b = ring * CORNERS + corner, ring * CORNERS + after
    faces = np.concatenate(
        [np.stack([a, a + CORNERS, b], axis=1), np.stack([b, a + CORNERS, b + CORNERS], axis=1)]
    )
    return _repeated(vertices, np.tile(unit, (len(centres), 1, 1)), colours, faces)


def joined(parts: list[Solid]) -> Solid:
    """Several solids as one."""
    before = np.cumsum([0, *(len(part.vertices) for part in parts)])
    return Solid(
        np.concatenate([np.empty((0, 3)), *(part.vertices for part in parts)]),
        np.concatenate([np.empty((0, 3)), *(part.normals for part in parts)]),
        np.concatenate([np.empty((0, 3)), *(part.colours for part in parts)]),
        np.concatenate(
            [
                np.empty((0, 3), np.int64),
                *(part.triangles + start for part, start in zip(parts, before[:-1], strict=True)),
            ]
        ),
    )


def _repeated(vertices: FloatArray, normals: FloatArray, colours: FloatArray, faces: IntArray) -> Solid:
    """Pieces (M, ..., 3) that are all meshed alike by ``faces`` (F, 3), as one."""
    count, corners = len(vertices), int(np.prod(vertices.shape[1:-1]))
    triangles = faces[None] + (np.arange(count) * corners)[:, None, None]
    return Solid(
        vertices.reshape(-1, 3),
        normals.reshape(-1, 3),
        np.repeat(colours, corners, axis=0),
        triangles.reshape(-1, 3).astype(np.int64),
    )
