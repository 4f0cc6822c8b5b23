"""A small z-buffer rasteriser, compiled by numba. Import only where films are really rendered.

Images are (H, W); depth is stored as nearness (1 / z for a perspective camera, any falling linear function
of distance for a parallel light), because that is what is linear on the screen; 0 is infinitely far.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from mocap.core.types import FloatArray
from mocap.studio.body import IndexArray


def _cover_loop(xy: Any, near: Any, faces: Any, depth: Any, owner: Any, bary: Any) -> None:
    """Fill ``depth``, ``owner`` and ``bary`` with the nearest triangle at each pixel centre."""
    height, width = depth.shape
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        if near[a] <= 0.0 or near[b] <= 0.0 or near[c] <= 0.0:
            continue
        ax, ay, bx, by, cx, cy = xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1], xy[c, 0], xy[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0 or area != area:
            continue
        x0 = max(int(np.ceil(min(ax, bx, cx))), 0)
        x1 = min(int(np.floor(max(ax, bx, cx))), width - 1)
        y0 = max(int(np.ceil(min(ay, by, cy))), 0)
        y1 = min(int(np.floor(max(ay, by, cy))), height - 1)
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
                w = 1.0 - u - v
                if u < 0.0 or v < 0.0 or w < 0.0:
                    continue
                n = u * near[a] + v * near[b] + w * near[c]
                if n > depth[y, x]:
                    depth[y, x] = n
                    owner[y, x] = f
                    bary[y, x, 0] = u
                    bary[y, x, 1] = v


def _shade_loop(
    owner: Any, bary: Any, near: Any, faces: Any, light: Any, face_uv: Any, uv: Any, texture: Any, colour: Any
) -> None:
    """Write lit texture colours where ``owner`` names a triangle; perspective-correct."""
    height, width = owner.shape
    rows, columns = texture.shape[0], texture.shape[1]
    for y in range(height):
        for x in range(width):
            f = owner[y, x]
            if f < 0:
                continue
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            p = bary[y, x, 0] * near[a]
            q = bary[y, x, 1] * near[b]
            r = (1.0 - bary[y, x, 0] - bary[y, x, 1]) * near[c]
            s = p + q + r
            p, q, r = p / s, q / s, r / s
            i, j, k = face_uv[f, 0], face_uv[f, 1], face_uv[f, 2]
            tx = (p * uv[i, 0] + q * uv[j, 0] + r * uv[k, 0]) * columns - 0.5
            ty = (1.0 - (p * uv[i, 1] + q * uv[j, 1] + r * uv[k, 1])) * rows - 0.5
            tx = min(max(tx, 0.0), columns - 1.001)
            ty = min(max(ty, 0.0), rows - 1.001)
            x0, y0 = int(tx), int(ty)
            fx, fy = tx - x0, ty - y0
            for channel in range(3):
                top = (1.0 - fx) * texture[y0, x0, channel] + fx * texture[y0, x0 + 1, channel]
                low = (1.0 - fx) * texture[y0 + 1, x0, channel] + fx * texture[y0 + 1, x0 + 1, channel]
                lit = p * light[a, channel] + q * light[b, channel] + r * light[c, channel]
                colour[y, x, channel] = ((1.0 - fy) * top + fy * low) * lit


_cover: Callable[..., None] = numba.njit(cache=True)(_cover_loop)
_shade: Callable[..., None] = numba.njit(cache=True)(_shade_loop)


def cover(xy: FloatArray, near: FloatArray, faces: IndexArray, depth: FloatArray) -> tuple[IndexArray, FloatArray]:
    """Find which triangle is seen at each pixel; ``depth`` (H, W) is updated.

    Parameters
    ----------
    xy : (V, 2)
        Vertices on the screen, px.
    near : (V,)
        Nearness of the vertices; not positive where behind the camera.
    faces : (F, 3) int
    depth : (H, W)
        Nearness so far.

    Returns
    -------
    owner : (H, W) int
        Triangle that became visible, -1 where none did.
    bary : (H, W, 2)
        Share of its first and second corner.
    """
    owner = np.full(depth.shape, -1, dtype=np.int32)
    bary = np.zeros((*depth.shape, 2))
    _cover(xy, near, faces, depth, owner, bary)
    return owner, bary


def shade(
    owner: IndexArray,
    bary: FloatArray,
    near: FloatArray,
    faces: IndexArray,
    light: FloatArray,
    face_uv: IndexArray,
    uv: FloatArray,
    texture: FloatArray,
    colour: NDArray[np.floating[Any]],
) -> None:
    """Paint what ``cover`` found into ``colour`` (H, W, 3).

    Parameters
    ----------
    light : (V, 3)
        Light on each vertex per channel.
    face_uv, uv
        Corners of the triangles in the texture, as in ``Body``.
    texture : (R, S, 3)
        Colours, first row at the top.
    """
    _shade(owner, bary, near, faces, light, face_uv, uv, texture, colour)


def interpolate(owner: IndexArray, bary: FloatArray, faces: IndexArray, values: FloatArray) -> FloatArray:
    """Values (V, D) at the covered pixels (N, D), linear on the screen; in the order of ``owner >= 0``."""
    seen = owner >= 0
    corners = values[faces[owner[seen]]]
    u, v = bary[seen, 0, None], bary[seen, 1, None]
    return np.asarray(u * corners[:, 0] + v * corners[:, 1] + (1.0 - u - v) * corners[:, 2])
