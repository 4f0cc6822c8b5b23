"""The arrays that the page's drawings are made of, packed small."""

from __future__ import annotations

import base64
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration import Camera, CameraRig
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, ImageArray, Take

# The view plays smoothly up to this many poses; more would only make the file heavier to send.
MOST_FRAMES_IN_VIEW = 600
# More samples than this per curve are denser than any screen.
MOST_SAMPLES_IN_PLOT = 20_000
# Depth of the pyramids that stand for cameras, m: seen from across a room, not in the way.
FRUSTUM_DEPTH_M = 0.35
# JPEG quality of the embedded picture: marks stay crisp, four cameras stay near 150 kB.
PICTURE_QUALITY = 82
# Quantiles of the boxes: middle half, and whiskers that a few outliers do not stretch.
BOX_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
# Ends of the limbs, whose path says most about a movement.
TRAIL_ENDINGS = ("wrist", "ankle")


def packed(array: NDArray[Any]) -> dict[str, Any]:
    """Pack an array as little-endian float32 in base64; NaN stays NaN.

    float32 keeps positions of a room to 1 µm and the time of an hour to 0.3 ms.
    """
    data = np.ascontiguousarray(array, dtype="<f4")
    return {"shape": list(data.shape), "data": base64.b64encode(data.tobytes()).decode("ascii")}


def stride_for(frames: int, most: int) -> int:
    """Every how many frames one is kept, so that at most ``most`` remain."""
    return max(1, -(-frames // most))


def scene(take: Take, rig: CameraRig) -> dict[str, Any]:
    """People, cameras and first view of the 3D drawing."""
    skeleton = take.points.skeleton
    stride = stride_for(take.t_s.shape[0], MOST_FRAMES_IN_VIEW)
    return {
        "t": packed(take.t_s[::stride] - _start(take)),
        "xyz": packed(take.points.xyz[::stride]),
        "stride": stride,
        "people": list(take.people),
        "bones": [[int(a), int(b), _side(skeleton, int(a), int(b))] for a, b in skeleton.bone_index],
        "spine": [[list(map(int, a)), list(map(int, b))] for a, b in spine(skeleton)],
        "trails": [k for k, name in enumerate(skeleton.keypoints) if name.endswith(TRAIL_ENDINGS)],
        "cameras": [frustum(camera) for camera in rig.cameras],
        "facing": facing_rad(take),
    }


def spine(skeleton: Skeleton) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Back and neck, which no keypoint marks: keypoints whose means they run between."""
    by_name = {joint.name: joint for joint in skeleton.joints}
    parts = []
    for joint in skeleton.joints:
        parent = by_name.get(joint.parent or "")
        if parent is None or joint.keypoints == parent.keypoints:
            continue
        if min(len(joint.keypoints), len(parent.keypoints)) > 1:
            parts.append((skeleton.index(*parent.keypoints), skeleton.index(*joint.keypoints)))
    return parts


def frustum(camera: Camera) -> dict[str, Any]:
    """Name, place and picture corners of a camera in the world, m."""
    width, height = camera.intrinsics.size_wh
    corners = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]])
    rays = camera.intrinsics.undistort(corners)
    local = np.concatenate([rays, np.ones((4, 1))], axis=1)
    local *= FRUSTUM_DEPTH_M / np.linalg.norm(local, axis=1, keepdims=True)
    world = (local - camera.cam_from_world[:3, 3]) @ camera.cam_from_world[:3, :3]
    # A lens whose model does not reach the corners of the picture has no corners to draw.
    shown = world.tolist() if np.isfinite(world).all() else []
    return {"name": camera.name, "centre": camera.centre.tolist(), "corners": shown}


def facing_rad(take: Take) -> float:
    """Direction that the first person faces, about the vertical from the x axis, rad; 0 if not known.

    Left minus right partner points to the body's left; turned by a quarter about the vertical it points
    ahead.
    """
    skeleton = take.points.skeleton
    left = skeleton.index(*(pair[0] for pair in skeleton.mirror))
    right = skeleton.index(*(pair[1] for pair in skeleton.mirror))
    across = (take.points.xyz[:, :1, left] - take.points.xyz[:, :1, right])[..., :2].reshape(-1, 2)
    across = across[np.isfinite(across).all(axis=-1)]
    if not len(across):
        return 0.0
    x, y = across.mean(axis=0)
    return float(np.arctan2(-x, y))


def angle_plots(take: Take) -> list[dict[str, Any]]:
    """One plot per person and joint, with its sides as curves in degrees over seconds."""
    stride = stride_for(take.t_s.shape[0], MOST_SAMPLES_IN_PLOT)
    plots: dict[tuple[int, str], dict[str, Any]] = {}
    for person, who in enumerate(take.people):
        for a, name in enumerate(take.angles.names):
            side, joint = split_side(name)
            plot = plots.setdefault((person, joint), {"person": who, "joint": joint, "curves": []})
            value = np.degrees(take.angles.value[::stride, person, a])
            sigma = np.degrees(take.angles.sigma[::stride, person, a])
            if np.isfinite(value).any():
                plot["curves"].append({"side": side, "value": packed(value), "sigma": packed(sigma)})
    return list(plots.values())


# Parts of the body, by the first word of an angle's name without its side.
REGIONS = {
    "Pelvis, trunk and neck": ("pelvis", "trunk", "neck"),
    "Hip": ("hip",),
    "Knee": ("knee",),
    "Ankle and foot": ("ankle", "foot"),
    "Shoulder": ("shoulder",),
    "Elbow and wrist": ("elbow", "forearm", "wrist"),
}


def angle_groups(plots: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Plots by the part of the body, with their numbers among all; angles that are not known are only named.

    Where nothing is known at all, everything stays where it is, so that the page can say so.
    """
    nothing = not any(plot["curves"] for plot in plots)
    groups: dict[str, dict[str, Any]] = {}
    for index, plot in enumerate(plots):
        first = plot["joint"].split("_")[0]
        region = next((name for name, words in REGIONS.items() if first in words), "Other angles")
        group = groups.setdefault(region, {"name": region, "plots": [], "missing": []})
        if plot["curves"] or nothing:
            group["plots"].append({**plot, "index": index})
        else:
            group["missing"].append({"joint": plot["joint"], "person": plot["person"]})
    order = [*REGIONS, "Other angles"]
    return sorted(groups.values(), key=lambda group: order.index(group["name"]))


def angle_times(take: Take) -> dict[str, Any]:
    """Times of the samples of the angle plots, s from the start."""
    return packed(take.t_s[:: stride_for(take.t_s.shape[0], MOST_SAMPLES_IN_PLOT)] - _start(take))


def split_side(name: str) -> tuple[str, str]:
    """Split ``left_knee_flexion`` into ``left`` and ``knee_flexion``; the side is ``middle`` if none is named."""
    for side in ("left", "right"):
        if name.startswith(f"{side}_"):
            return side, name[len(side) + 1 :]
    return "middle", name


def reprojection_quantiles(take: Take) -> FloatArray:
    """Quantiles ``BOX_QUANTILES`` of the reprojection error of the core keypoints (C, 5), px; NaN if none."""
    error = take.points.reproj_px[..., take.points.skeleton.core_index]
    found = np.full((error.shape[1], len(BOX_QUANTILES)), np.nan)
    for c in range(error.shape[1]):
        known = error[:, c][np.isfinite(error[:, c])]
        if known.size:
            found[c] = np.quantile(known, BOX_QUANTILES)
    return found


def jpeg_data_url(picture: ImageArray) -> str:
    """Encode a picture (H, W, 3) BGR for embedding in the page."""
    _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, PICTURE_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode("ascii")


def _start(take: Take) -> float:
    """Time of the first instant, s."""
    return float(take.t_s[0]) if take.t_s.shape[0] else 0.0


def _side(skeleton: Skeleton, a: int, b: int) -> str:
    """Side of the body that a bone belongs to."""
    names = {skeleton.keypoints[a], skeleton.keypoints[b]}
    if names <= {pair[0] for pair in skeleton.mirror}:
        return "left"
    if names <= {pair[1] for pair in skeleton.mirror}:
        return "right"
    return "middle"
