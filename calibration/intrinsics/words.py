"""Sentences about a calibrated camera for the person who has to record the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibration.errors import CalibrationError

if TYPE_CHECKING:
    from calibration.intrinsics import CameraIntrinsics

# Below this tilt the focal length and the distance of the board cannot be told apart.
FACING_DEG = 15.0

# A focal length known no better than this makes lengths wrong by as much along the line of sight.
FOCAL_REFUSED = 0.05
FOCAL_WARNED = 0.01

# Less of the picture covered than this leaves the distortion of the rest to extrapolation.
LEAST_COVERAGE = 0.5
FEW_PICTURES = 10
MANY_REJECTED = 0.3

MEANINGS = {
    "f": "focal length",
    "aspect": "pixel shape",
    "cx": "principal point across",
    "cy": "principal point down",
}
# Where the prior has it.
HELD_AT = {
    "f": "a usual focal length",
    "aspect": "square pixels",
    "cx": "the picture's middle",
    "cy": "the picture's middle",
}
REMEDY = (
    "Show the board to each camera at ten or more places all over its picture, tilted by 20 to 45 degrees "
    "to every side, and hold it still for a moment."
)


def refusal(name: str, reason: str) -> CalibrationError:
    """Refuse to calibrate a camera."""
    return CalibrationError(f"Camera '{name}' {reason}.", REMEDY)


def undetermined(camera: CameraIntrinsics) -> str | None:
    """Why a camera's pictures do not determine its lens; None if they do."""
    share = camera.sigma["f"] / camera.intrinsics.focal_px
    if share <= FOCAL_REFUSED:
        return None
    tilt = camera.coverage.tilt_reached_deg
    text = f"knows its focal length only to {share:.0%} from {len(camera.pictures)} pictures"
    if tilt < FACING_DEG:
        text += f", as the board faced it in nearly all of them (tilted by at most {tilt:.0f} degrees)"
    return text


def warnings_of(camera: CameraIntrinsics) -> tuple[str, ...]:
    """What to know before trusting a camera."""
    name, cover = camera.name, camera.coverage
    found: list[str] = []
    share = camera.sigma["f"] / camera.intrinsics.focal_px
    if share > FOCAL_WARNED:
        why = ""
        if cover.tilt_reached_deg < FACING_DEG:
            why = f": the board was tilted by at most {cover.tilt_reached_deg:.0f} degrees in nine of ten pictures"
        found.append(f"Camera '{name}' knows its focal length only to {share:.1%}{why}.")
    if len(camera.pictures) < FEW_PICTURES:
        found.append(f"Camera '{name}' was calibrated from only {len(camera.pictures)} pictures.")
    if cover.empty_regions and cover.share < LEAST_COVERAGE:
        found.append(
            f"Camera '{name}' saw the board in {cover.share:.0%} of its picture, never at the "
            f"{_list(cover.empty_regions, 'or')}: distortion there is a guess."
        )
    total = len(camera.rejected) + len(camera.pictures)
    if len(camera.rejected) > MANY_REJECTED * total:
        found.append(
            f"{len(camera.rejected)} of {total} pictures of camera '{name}' did not fit and were left out: "
            "was the board moving, or bent?"
        )
    if camera.held_by_prior:
        held = _list(tuple(_held(camera, parameter) for parameter in camera.held_by_prior), "and")
        found.append(f"The pictures of camera '{name}' do not determine its {held}.")
    aspect = camera.intrinsics.K[1, 1] / camera.intrinsics.K[0, 0]
    if abs(aspect - 1.0) > max(0.02, 3 * camera.sigma["aspect"]):
        found.append(
            f"Camera '{name}' has pixels that are not square (fy / fx = {aspect:.3f}): was the video scaled?"
        )
    return tuple(found)


def _held(camera: CameraIntrinsics, parameter: str) -> str:
    """Name a parameter and where it is held."""
    unit = " px" if parameter in ("cx", "cy", "f") else ""
    meaning = MEANINGS.get(parameter, f"distortion {parameter}")
    return f"{meaning} (held near {HELD_AT.get(parameter, '0')}, ± {camera.sigma[parameter]:.2g}{unit})"


def _list(words: tuple[str, ...], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
