"""Matching videos to the cameras of a calibration: by name, and by size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from calibration import CalibrationError, CameraRig, Intrinsics
from mocap.capture.video import VideoInfo
from mocap.core.names import last_number


def fit_rig(rig: CameraRig, videos: Sequence[VideoInfo]) -> tuple[CameraRig, tuple[str, ...]]:
    """Return the calibrated cameras in the order of the videos, with intrinsics for the videos' sizes.

    Names are compared as they are, then without regard to case, then by their last number (``cam01`` is
    ``cam_1``) where the numbers of both sides leave no doubt. The cameras get the videos' names.

    Returns
    -------
    rig : CameraRig
    warnings : tuple of str
        Which names and sizes were not the same, in sentences.

    Raises
    ------
    CalibrationError
        If a video has no camera, or was recorded in another shape than its camera was calibrated.
    """
    by_video = match_names(rig.names, tuple(video.camera for video in videos))
    warnings = [f"Video '{v}' was taken for the calibrated camera '{c}'." for v, c in by_video.items() if v != c]
    unused = [name for name in rig.names if name not in by_video.values()]
    warnings += [f"The calibrated camera '{name}' has no video and is left out." for name in unused]
    chosen = rig.select(tuple(by_video[video.camera] for video in videos))
    cameras = []
    for camera, video in zip(chosen.cameras, videos, strict=True):
        try:
            intrinsics = camera.intrinsics.for_size(video.size_wh, video.bars_px)
        except CalibrationError as error:
            raise CalibrationError(f"Camera '{camera.name}': {error.what}", error.remedy, video.path) from error
        if intrinsics is not camera.intrinsics:
            warnings.append(_say_how(camera.intrinsics, intrinsics, video))
        cameras.append(replace(camera, name=video.camera, intrinsics=intrinsics))
    return replace(rig, cameras=tuple(cameras)), tuple(warnings)


def _say_how(calibrated: Intrinsics, fitted: Intrinsics, video: VideoInfo) -> str:
    """Say how the picture was taken to be made from the calibrated one."""
    (w0, h0), (w1, h1) = calibrated.size_wh, fitted.size_wh
    scale = fitted.K[0, 0] / calibrated.K[0, 0]
    # The picture's corner lies at -0.5; where it went tells how wide the padding is.
    pad = fitted.K[:2, 2] + 0.5 - (calibrated.K[:2, 2] + 0.5) * scale
    ways = [f"scaled by {scale:.4f}"] if scale != 1.0 else []
    if np.any(pad > 0.5):
        ways.append(f"padded by {pad[0]:.1f} px at the sides and {pad[1]:.1f} px at top and bottom")
    elif w0 * scale - w1 > 0.5 or h0 * scale - h1 > 0.5:
        ways.append("cut at the right and bottom edge")
    elif not ways:
        ways.append("extended at the right and bottom edge")
    return (
        f"Camera '{video.camera}' was calibrated at {w0}x{h0} px and recorded at {w1}x{h1} px; "
        f"the picture was taken as {' and '.join(ways)}."
    )


def match_names(calibrated: tuple[str, ...], videos: tuple[str, ...]) -> dict[str, str]:
    """Map the name of each video to that of its camera."""
    for key in (str, str.casefold, last_number):
        cameras = {key(name): name for name in calibrated}
        wanted = [key(name) for name in videos]
        unambiguous = len(cameras) == len(calibrated) and len(set(wanted)) == len(videos)
        if unambiguous and all(name in cameras for name in wanted):
            return {video: cameras[name] for video, name in zip(videos, wanted, strict=True)}
    missing = [name for name in videos if name not in calibrated] or list(videos)
    raise CalibrationError(
        f"The calibration has the cameras {', '.join(calibrated)}; none of them is {', '.join(missing)}.",
        "Name the videos as the cameras of the calibration, or give the calibration of this recording.",
    )
