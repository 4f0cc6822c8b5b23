"""Clothes, hair and skin of a body: the shape is puffed out, the texture painted in the body's rest pose."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import ConvexHull

from mocap.core.types import FloatArray
from mocap.studio.body import Body
from mocap.studio.noise import value_noise

Colour = tuple[float, float, float]

TEXTURE_SIDE = 1024

# How far each garment stands off the skin, m, and how many times its shape is smoothed first, so that
# it hangs over hollows instead of painting them.
SHIRT_OFF_M, TROUSERS_OFF_M, SHOE_OFF_M, HAIR_OFF_M = 0.014, 0.016, 0.012, 0.014
SMOOTHING = 12

# The cap of a shoe starts this far behind the joints of the toes, m.
TOE_CAP_BEHIND_M = 0.03

# Half the height of an average head above the eyes, m; features of the face scale with it.
BROW_TO_CROWN_M = 0.115


@dataclass(frozen=True)
class Outfit:
    """Colours, blue-green-red, 0 to 255."""

    shirt: Colour
    trousers: Colour
    shoes: Colour
    skin: Colour
    hair: Colour


# In the order in which people enter the scene.
OUTFITS = (
    Outfit((52, 58, 178), (104, 66, 44), (235, 235, 235), (138, 168, 222), (28, 44, 66)),
    Outfit((150, 190, 210), (58, 60, 62), (40, 40, 160), (96, 128, 190), (20, 22, 26)),
    Outfit((84, 140, 60), (140, 158, 172), (60, 60, 60), (150, 184, 236), (70, 130, 180)),
    Outfit((190, 120, 50), (70, 90, 110), (220, 220, 225), (62, 88, 140), (14, 14, 18)),
)


@dataclass(frozen=True)
class Dressed:
    """A body in clothes: rest ``vertices`` (V, 3) m and ``texture`` (R, R, 3) BGR 0 to 255."""

    vertices: FloatArray
    texture: FloatArray


@dataclass(frozen=True)
class _Fields:
    """What the garments are cut by, at vertices or at points of the texture: each (N,)."""

    xyz: FloatArray
    foot: FloatArray
    limb: FloatArray
    neck: FloatArray
    head: FloatArray
    eye: FloatArray
    sleeve: FloatArray

    @staticmethod
    def of(body: Body) -> _Fields:
        """Fields at the vertices of a body."""
        along = np.zeros(len(body.vertices))
        for letter, sign in (("L", 1.0), ("R", -1.0)):
            shoulder = body.head(f"upperarm01.{letter}")
            arm = body.head(f"lowerarm01.{letter}") - shoulder
            mine = sign * body.vertices[:, 0] > 0
            along[mine] = ((body.vertices[mine] - shoulder) @ arm) / (arm @ arm)
        return _Fields(
            xyz=body.vertices,
            foot=body.share("foot", "toe"),
            limb=body.share("upperarm", "lowerarm", "wrist", "finger", "metacarpal"),
            neck=body.share("neck", "head", "eye"),
            head=body.share("head"),
            eye=body.share("eye"),
            sleeve=along,
        )

    def stacked(self) -> FloatArray:
        """All fields side by side (N, 9)."""
        rest = (self.foot, self.limb, self.neck, self.head, self.eye, self.sleeve)
        return np.column_stack([self.xyz, *rest])

    @staticmethod
    def unstacked(table: FloatArray) -> _Fields:
        """Undo ``stacked``."""
        return _Fields(table[:, :3], *table[:, 3:].T)


@dataclass(frozen=True)
class _Regions:
    """Which garment covers each point: boolean masks (N,); skin is the rest."""

    shirt: NDArray[np.bool_]
    trousers: NDArray[np.bool_]
    shoes: NDArray[np.bool_]
    hair: NDArray[np.bool_]


def dress(body: Body, outfit: Outfit) -> Dressed:
    """Put clothes on a body at rest."""
    return Dressed(_puff(body), _paint(body, outfit))


def _head_scale(body: Body) -> float:
    """Size of the head against an average one."""
    return float((body.vertices[:, 2].max() - body.head("eye.L")[2]) / BROW_TO_CROWN_M)


def _cut(body: Body, at: _Fields) -> _Regions:
    """Cut the garments."""
    waist = body.head("spine04")[2] + 0.01
    x, y, z = at.xyz.T
    on_arm = at.limb > 0.5
    shoes = at.foot > 0.55
    trousers = (z < waist) & ~on_arm & ~shoes
    # Sleeves end just above the elbow, the collar where the neck begins.
    shirt = ~trousers & ~shoes & (at.neck < 0.45) & (~on_arm | (at.sleeve < 0.72))
    k, eye = _head_scale(body), body.head("eye.L")
    up, back = (z - eye[2]) / k, (y - eye[1]) / k
    wave = 0.004 * value_noise(60.0 * x, 60.0 * y, 60.0 * z)
    front = up > 0.062 + wave
    behind = (back > 0.072 + wave - 0.25 * np.maximum(up, 0.0)) & (up > -0.075 + wave)
    ear = (np.abs(x) > 0.074 * k) & (np.abs(up + 0.012) < 0.038) & (back < 0.12)
    hair = (at.head > 0.4) & (at.eye < 0.1) & (front | (behind & ~ear))
    return _Regions(shirt, trousers, shoes, hair)


def vertex_normals(vertices: FloatArray, faces: NDArray[np.int32]) -> FloatArray:
    """Unit normals of the vertices (V, 3), outwards."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    flat = np.cross(b - a, c - a)
    total = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(total, faces[:, i], flat)
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-15))


def _puff(body: Body) -> FloatArray:
    """Rest shape with clothes on (V, 3), m."""
    cut = _cut(body, _Fields.of(body))
    count = len(body.vertices)
    edges = np.concatenate([body.faces[:, [0, 1]], body.faces[:, [1, 2]], body.faces[:, [2, 0]]])
    both = np.concatenate([edges, edges[:, ::-1]])
    # Each edge is there once or twice; adding up duplicates and setting 1 leaves neighbours.
    linked = sparse.csr_matrix((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(count, count))
    linked.sum_duplicates()
    linked.data[:] = 1.0
    mean = sparse.diags(1.0 / np.maximum(linked.sum(axis=1).A1, 1.0)) @ linked
    cloth = (cut.shirt | cut.trousers | cut.shoes)[:, None]
    shape = body.vertices
    for _ in range(SMOOTHING):
        shape = np.where(cloth, 0.5 * shape + 0.5 * (mean @ shape), shape)
    off = np.select(
        [cut.hair, cut.shoes, cut.trousers, cut.shirt], [HAIR_OFF_M, SHOE_OFF_M, TROUSERS_OFF_M, SHIRT_OFF_M], 0.0
    )
    # One step of smoothing of the offset turns the hems from cliffs into folds.
    off = 0.6 * off + 0.4 * (mean @ off)
    return _toe_caps(body, shape + off[:, None] * vertex_normals(shape, body.faces))


def _toe_caps(body: Body, vertices: FloatArray) -> FloatArray:
    """Vertices (V, 3) with the toes of each foot under one cap, their convex hull, as in a shoe."""
    capped = vertices.copy()
    for letter, sign in (("L", 1.0), ("R", -1.0)):
        ball = body.head(f"toe2-1.{letter}")[1] + TOE_CAP_BEHIND_M
        toes = np.flatnonzero(
            (body.share("foot", "toe") > 0.9) & (sign * vertices[:, 0] > 0) & (vertices[:, 1] < ball)
        )
        hull = ConvexHull(vertices[toes])
        normals, offsets = hull.equations[:, :3], hull.equations[:, 3]
        gap = vertices[toes] @ normals.T + offsets
        nearest = gap.argmax(axis=1)
        # The nearest side of the hull; fading out towards the instep, which goes on without a cap.
        fade = np.clip((ball - vertices[toes, 1]) / TOE_CAP_BEHIND_M, 0.0, 1.0)
        depth = gap[np.arange(len(toes)), nearest] * fade
        capped[toes] -= depth[:, None] * normals[nearest]
    return capped


def _paint(body: Body, outfit: Outfit) -> FloatArray:
    """Texture of the dressed body (R, R, 3), BGR 0 to 255."""
    from mocap.studio.raster import cover, interpolate

    side = TEXTURE_SIDE
    xy = np.column_stack([body.uv[:, 0], 1.0 - body.uv[:, 1]]) * side - 0.5
    owner, bary = cover(xy, np.ones(len(xy)), body.face_uv, np.zeros((side, side)))
    at = _Fields.unstacked(interpolate(owner, bary, body.faces, _Fields.of(body).stacked()))
    seen = owner >= 0
    lips = cv2.resize(body.lips, (side, side))[seen]
    texture = np.zeros((side, side, 3))
    texture[seen] = _colours(body, outfit, at, lips)
    # Fill the gutters between the islands with the nearest colour, so that seams do not bleed.
    _, nearest = cv2.distanceTransformWithLabels(
        (~seen).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    lookup = np.zeros((int(nearest.max()) + 1, 3))
    lookup[nearest[seen]] = texture[seen]
    return np.asarray(lookup[nearest])


def _colours(body: Body, outfit: Outfit, at: _Fields, lips: FloatArray) -> FloatArray:
    """Colours of points of the body (N, 3)."""
    cut = _cut(body, at)
    x, y, z = at.xyz.T
    weave = 0.05 * value_noise(260.0 * x, 260.0 * y, 260.0 * z)
    folds = 0.10 * value_noise(9.0 * x, 9.0 * y, 16.0 * z) + 0.06 * value_noise(25.0 * x, 25.0 * y, 40.0 * z)
    colour = _skin(body, outfit, at, lips)
    waist = body.head("spine04")[2] + 0.01
    colour[cut.shirt] = outfit.shirt
    # A band across the chest and darker hems: plain surfaces look unreal and say nothing of direction.
    chest = body.head("spine01")[2]
    colour[cut.shirt & (np.abs(z - chest + 0.02) < 0.03) & (at.limb < 0.5)] = (225.0, 225.0, 220.0)
    colour[cut.shirt & (at.limb > 0.5) & (at.sleeve > 0.66)] = np.array(outfit.shirt) * 0.7
    colour[cut.shirt & (at.neck > 0.25)] = np.array(outfit.shirt) * 0.75
    colour[cut.trousers] = outfit.trousers
    colour[cut.trousers & (z > waist - 0.035)] = np.array(outfit.trousers) * 0.45
    # Side seams.
    colour[cut.trousers & (np.abs(y - body.head("upperleg01.L")[1]) < 0.006)] *= 0.75
    colour[cut.shoes] = outfit.shoes
    sole = body.vertices[:, 2].min() + 0.009
    colour[cut.shoes & (z < sole)] = (60.0, 60.0, 60.0)
    colour[cut.hair] = outfit.hair
    strands = 0.30 * value_noise(180.0 * x, 60.0 * y, 25.0 * z)
    tone = np.select([cut.hair, cut.shirt | cut.trousers, cut.shoes], [strands, weave + folds, weave], 0.4 * weave)
    return np.clip(colour * (1.0 + tone)[:, None], 0.0, 255.0)


def _skin(body: Body, outfit: Outfit, at: _Fields, lips: FloatArray) -> FloatArray:
    """Skin, face and eyes of points of the body (N, 3)."""
    x, y, z = at.xyz.T
    k, eye = _head_scale(body), body.head("eye.L")
    skin = np.array(outfit.skin)
    colour = np.tile(skin, (len(x), 1))
    face = (at.head > 0.5) & (y < eye[1] + 0.06 * k)
    side, up = (np.abs(x) - eye[0]) / k, (z - eye[2]) / k

    def spot(centre: tuple[float, float], radius: tuple[float, float]) -> FloatArray:
        """Soft spot on both halves of the face, 0 to 1."""
        d = ((side - centre[0]) / radius[0]) ** 2 + ((up - centre[1]) / radius[1]) ** 2
        return np.asarray(np.where(face, np.exp(-d), 0.0)[:, None])

    def mix(base: FloatArray, other: FloatArray, share: FloatArray) -> FloatArray:
        return np.asarray(base * (1.0 - share) + other * share)

    colour = mix(colour, skin * (0.82, 0.80, 1.0), 0.5 * spot((0.012, -0.042), (0.022, 0.018)))
    colour = mix(colour, skin * 0.62, 0.8 * spot((0.0, 0.004), (0.02, 0.012)))
    brow = np.array(outfit.hair) * 0.8 + skin * 0.1
    colour = mix(colour, brow, np.clip(1.6 * spot((0.002, 0.024), (0.02, 0.0055)), 0.0, 1.0))
    colour = mix(colour, skin * 0.6, 0.5 * spot((-eye[0] / k, -0.052), (0.012, 0.006)))
    colour = mix(colour, skin * (0.62, 0.58, 0.86), np.where(at.head > 0.5, np.clip(lips, 0, 1), 0.0)[:, None])
    ball = at.eye > 0.5
    gaze = np.stack([np.abs(x) - eye[0], y - eye[1], z - eye[2]], axis=-1)
    gaze = gaze / np.maximum(np.linalg.norm(gaze, axis=-1, keepdims=True), 1e-9)
    turn = np.arccos(np.clip(-gaze[:, 1], -1.0, 1.0))
    colour[ball] = (225.0, 228.0, 230.0)
    colour[ball & (turn < 0.55)] = (60.0, 80.0, 95.0)
    colour[ball & (turn < 0.25)] = (12.0, 12.0, 12.0)
    return colour
