"""Matching videos to the cameras of a calibration: by name, and by size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from calibration import CalibrationError, CameraRig
from mocap.capture.video import VideoInfo


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
    by_video = _match_names(rig.names, tuple(video.camera for video in videos))
    warnings = [f"Video '{v}' was taken for the calibrated camera '{c}'." for v, c in by_video.items() if v != c]
    chosen = rig.select(tuple(by_video[video.camera] for video in videos))
    cameras = []
    for camera, video in zip(chosen.cameras, videos, strict=True):
        try:
            intrinsics = camera.intrinsics.for_size(video.size_wh, video.bars_px)
        except CalibrationError as error:
            raise CalibrationError(f"Camera '{camera.name}': {error.what}", error.remedy, video.path) from error
        if intrinsics is not camera.intrinsics:
            (w0, h0), (w1, h1) = camera.intrinsics.size_wh, video.size_wh
            scale = intrinsics.K[0, 0] / camera.intrinsics.K[0, 0]
            how = f"scaled by {scale:.4f}" if scale != 1.0 else "cut at the right and bottom edge"
            warnings.append(
                f"Camera '{video.camera}' was calibrated at {w0}x{h0} px and recorded at {w1}x{h1} px; "
                f"the picture was taken as {how}."
            )
        cameras.append(replace(camera, name=video.camera, intrinsics=intrinsics))
    return replace(rig, cameras=tuple(cameras)), tuple(warnings)


def _match_names(calibrated: tuple[str, ...], videos: tuple[str, ...]) -> dict[str, str]:
    """Map the name of each video to that of its camera."""
    for key in (str, str.casefold, _last_number):
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


def _last_number(name: str) -> str:
    """Last number in a name without leading zeros; the name itself if it has none."""
    numbers = re.findall(r"\d+", name)
    return str(int(numbers[-1])) if numbers else name
