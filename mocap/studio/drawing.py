"""Draws people into the room: light, shadows, and the picture of one camera at one instant."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from calibration.camera import Camera
from calibration.transforms import apply
from mocap.core.types import FloatArray, ImageArray
from mocap.studio.clothes import vertex_normals
from mocap.studio.people import Person
from mocap.studio.raster import cover, shade
from mocap.studio.scene import LIGHT_DIRECTION, Backdrop, Pixels, average, to_samples

# Maps of what the light (and the floor, from below) sees: half their width in metres, and their side in px.
SHADOW_HALF_M, SHADOW_SIDE = 2.6, 520
CONTACT_HALF_M, CONTACT_SIDE = 2.6, 260

# Blur of the shadow's edge and of the dark zone around the feet, px of those maps (10 and 20 mm each).
SHADOW_BLUR_PX, CONTACT_BLUR_PX = 2.5, 4.0

# Below this height a body darkens the floor under it, m.
CONTACT_HEIGHT_M = 0.35

# A surface this much behind what the light sees is in shadow, m; less speckles, more leaks light.
SHADOW_BIAS_M = 0.025

# Light from above (warm), from all around (cool, weaker from below) and from the other side (blue-green-red).
KEY_LIGHT = np.array([0.50, 0.55, 0.58])
SKY_LIGHT = np.array([0.58, 0.55, 0.53])
GROUND_LIGHT = np.array([0.33, 0.36, 0.38])
FILL_DIRECTION = np.array([-0.7, 0.6, 0.35]) / np.linalg.norm([-0.7, 0.6, 0.35])
FILL_LIGHT = np.array([0.16, 0.15, 0.14])

# How dark the shadow on the floor is, and the zone around the feet.
SHADOW_STRENGTH, CONTACT_STRENGTH = 0.42, 0.45


@dataclass(frozen=True)
class Surfaces:
    """All people at one instant.

    Attributes
    ----------
    vertices : tuple of (V, 3)
        Clothed skin of each person, m.
    light : tuple of (V, 3)
        Light on each vertex, BGR.
    shadow, contact : (S, S)
        What the light and the floor see of the people, blurred, 0 to 1.
    """

    vertices: tuple[FloatArray, ...]
    light: tuple[FloatArray, ...]
    shadow: Pixels
    contact: Pixels


@dataclass(frozen=True)
class Stage:
    """A camera's view of the empty room with what the floor needs to take shadows.

    Attributes
    ----------
    shadow_xy, contact_xy : (H, W, 2)
        Where each sample lies in the maps of ``Surfaces``; outside them where it is not the floor.
    gain : (3,)
        Exposure and white balance of the camera.
    """

    camera: Camera
    backdrop: Backdrop
    shadow_xy: Pixels
    contact_xy: Pixels
    gain: FloatArray


def set_stage(camera: Camera, backdrop: Backdrop, gain: FloatArray) -> Stage:
    """Prepare a camera's view."""
    outside = np.float32(-100.0)
    floor = backdrop.floor[..., None]
    shadow_xy, _ = _light_view(backdrop.point)
    contact_xy = _contact_view(backdrop.point)
    return Stage(
        camera,
        backdrop,
        np.where(floor, shadow_xy, outside).astype(np.float32),
        np.where(floor, contact_xy, outside).astype(np.float32),
        gain,
    )


def _light_view(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Project points (..., 3) along the light: map coordinates (..., 2) and nearness to the light (...)."""
    side = np.cross([0.0, 0.0, 1.0], LIGHT_DIRECTION)
    side = side / np.linalg.norm(side)
    up = np.cross(LIGHT_DIRECTION, side)
    # The map is centred on the middle of a standing body.
    centred = points - np.array([0.0, 0.0, 0.7])
    flat = np.stack([centred @ side, centred @ up], axis=-1)
    return (flat / SHADOW_HALF_M + 1.0) * 0.5 * SHADOW_SIDE - 0.5, points @ LIGHT_DIRECTION + 20.0


def _contact_view(points: FloatArray) -> FloatArray:
    """Map coordinates (..., 2) of points seen from below."""
    return np.asarray((points[..., :2] / CONTACT_HALF_M + 1.0) * 0.5 * CONTACT_SIDE - 0.5)


def light_people(people: tuple[Person, ...], vertices: tuple[FloatArray, ...]) -> Surfaces:
    """Find light and shadow on people whose clothed skin is at ``vertices``."""
    depth = np.zeros((SHADOW_SIDE, SHADOW_SIDE))
    feet = np.zeros((CONTACT_SIDE, CONTACT_SIDE))
    views = [_light_view(points) for points in vertices]
    for person, points, (xy, near) in zip(people, vertices, views, strict=True):
        faces = person.body.faces
        cover(xy, near, faces, depth)
        low = faces[points[faces, 2].max(axis=1) < CONTACT_HEIGHT_M]
        if len(low):
            cover(_contact_view(points), np.ones(len(points)), low, feet)
    light = tuple(
        _light_on(vertex_normals(points, person.body.faces), _lit_share(depth, xy, near))
        for person, points, (xy, near) in zip(people, vertices, views, strict=True)
    )
    shadow = cv2.GaussianBlur((depth > 0).astype(np.float32), (0, 0), SHADOW_BLUR_PX)
    # A blurred sole never reaches 1; the gain makes the floor right under it fully dark.
    contact = np.minimum(1.8 * cv2.GaussianBlur((feet > 0).astype(np.float32), (0, 0), CONTACT_BLUR_PX), 1.0)
    return Surfaces(vertices, light, shadow, contact)


def _lit_share(depth: FloatArray, xy: FloatArray, near: FloatArray) -> FloatArray:
    """Share of a small neighbourhood in the light's map that does not hide the vertex (V,), 0 to 1."""
    column, row = np.rint(xy).astype(np.int64).T
    lit = np.zeros(len(near))
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            y, x = np.clip(row + dy, 0, SHADOW_SIDE - 1), np.clip(column + dx, 0, SHADOW_SIDE - 1)
            lit += depth[y, x] <= near + SHADOW_BIAS_M
    return lit / 9.0


def _light_on(normals: FloatArray, lit: FloatArray) -> FloatArray:
    """Light (V, 3) on vertices with these normals, of which a share is lit by the key light."""
    up = 0.5 + 0.5 * normals[:, 2:]
    key = (np.maximum(normals @ LIGHT_DIRECTION, 0.0) * lit)[:, None] * KEY_LIGHT
    fill = np.maximum(normals @ FILL_DIRECTION, 0.0)[:, None] * FILL_LIGHT
    return np.asarray(up * SKY_LIGHT + (1.0 - up) * GROUND_LIGHT + key + fill)


def draw(stage: Stage, people: tuple[Person, ...], surfaces: Surfaces) -> FloatArray:
    """Take the picture of one camera: (H, W, 3) BGR, 0 to 255, without noise."""
    backdrop = stage.backdrop
    dark = cv2.remap(surfaces.shadow, stage.shadow_xy, None, cv2.INTER_LINEAR, borderValue=0.0)
    near_feet = cv2.remap(surfaces.contact, stage.contact_xy, None, cv2.INTER_LINEAR, borderValue=0.0)
    kept = (1.0 - SHADOW_STRENGTH * dark) * (1.0 - CONTACT_STRENGTH * near_feet)
    colour = backdrop.colour * kept[..., None]
    depth = backdrop.nearness.copy()
    for person, points, light in zip(people, surfaces.vertices, surfaces.light, strict=True):
        body = person.body
        xy, near = project_samples(stage.camera, points)
        owner, bary = cover(xy, near, body.faces, depth)
        shade(owner, bary, near, body.faces, light, body.face_uv, body.uv, person.dressed.texture, colour)
    return np.asarray(average(colour) * stage.gain)


def project_samples(camera: Camera, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Project points (V, 3) through the lens to the sample grid (V, 2); nearness (V,), 0 behind."""
    pixels, valid = camera.project(points)
    z = apply(camera.cam_from_world, points)[:, 2]
    near = np.where(valid, 1.0 / np.where(valid, z, 1.0), 0.0)
    return to_samples(np.where(valid[:, None], pixels, 0.0)), near


def develop(picture: FloatArray, noise_sigma: float, rng: np.random.Generator) -> ImageArray:
    """Add the noise of the sensor and round to bytes."""
    noisy = picture + noise_sigma * rng.standard_normal(picture.shape) if noise_sigma > 0 else picture
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
