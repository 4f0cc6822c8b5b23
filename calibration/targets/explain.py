"""Why a target was not found: what the pictures show instead."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from calibration.targets.charuco import CharucoBoard
from calibration.targets.checkerboard import Checkerboard
from calibration.targets.files import AnyTarget
from calibration.targets.identify import identify, same_print
from calibration.targets.marker import ArucoMarker
from calibration.targets.markers import FAMILY_OF, side_px
from calibration.targets.protocol import Image, grey
from calibration.targets.survey import Reading, survey

# Pictures per camera that are kept to be looked at more closely if nothing is found.
SAMPLES = 6

# Markers whose modules are smaller than this cannot be read reliably, px.
LEAST_MODULE_PX = 2.0

# Pictures whose grey levels spread by less than this show nothing; and whose sharpest edges, as a share of the
# spread, rise by less than this per pixel are blurred.
LEAST_SPREAD = 8.0
LEAST_SHARPNESS = 0.12

BLANK = "The pictures are blank."
USUAL_REMEDY = (
    "Show the whole board, sharp, near and evenly lit, filling a quarter of the picture, and check the board file."
)


def why_not_found(target: AnyTarget, pictures: Sequence[Image]) -> tuple[str, str]:
    """Explain why a target was not found in pictures that were searched for it.

    Returns
    -------
    what : str
        What the pictures show, in sentences.
    remedy : str
        What to do.
    """
    if not pictures:
        return "No picture was searched.", "Give videos or pictures that can be read."
    greys = [grey(picture) for picture in pictures]
    if max(float(picture.std()) for picture in greys) < LEAST_SPREAD:
        return BLANK, "Check that the camera's lens is open and that it records."
    if any(target.detect(picture).doubled for picture in greys):
        return "Two such targets are in the picture.", "Hide one of them: nobody knows which one a camera sees."
    found = identify(pictures)
    if found is not None and not isinstance(found.target, ArucoMarker):
        if same_print(found.target, target):
            return "The target was seen, but too few of its corners.", USUAL_REMEDY
        return _another(target, found.target)
    readings = survey(pictures)
    if readings:
        return _markers_only(target, readings[0])
    sharpness = max(_sharpness(picture) for picture in greys)
    if sharpness < LEAST_SHARPNESS:
        return (
            f"The pictures are blurred: their sharpest edges take {1.0 / max(sharpness, 1e-3):.0f} px.",
            "Focus the camera, use more light or a shorter exposure, and move the board more slowly.",
        )
    if isinstance(target, Checkerboard):
        return "No checkerboard of any size was found.", USUAL_REMEDY + " No corner may be hidden."
    return "No marker of any known dictionary was found, upright, mirrored or inverted.", USUAL_REMEDY


def _another(target: AnyTarget, seen: AnyTarget) -> tuple[str, str]:
    """The pictures show another target."""
    if isinstance(target, CharucoBoard) and isinstance(seen, CharucoBoard):
        differs = []
        if FAMILY_OF[target.dictionary] != FAMILY_OF[seen.dictionary]:
            differs.append(f"the dictionary {seen.dictionary}, not {target.dictionary}")
        if (target.squares_x, target.squares_y) != (seen.squares_x, seen.squares_y):
            differs.append(f"{seen.squares_x}x{seen.squares_y} squares, not {target.squares_x}x{target.squares_y}")
        elif target.legacy != seen.legacy and seen.squares_y % 2 == 0:
            differs.append(f"{'the' if seen.legacy else 'not the'} legacy pattern")
        if target.inverted != seen.inverted:
            differs.append("an inverted print" if seen.inverted else "a print that is not inverted")
        return (
            f"The board in the pictures has {' and '.join(differs)}.",
            "Choose the board that is in the pictures, or correct its file.",
        )
    if isinstance(target, CharucoBoard) and isinstance(seen, Checkerboard):
        return (
            f"A checkerboard pattern of {seen.corners_x}x{seen.corners_y} corners was seen, but no marker in it "
            "can be read: they are blurred or too small, or it is a plain checkerboard.",
            USUAL_REMEDY,
        )
    return f"The pictures show a {_shape(seen)}.", "Use its board file, or record the right board."


def _markers_only(target: AnyTarget, reading: Reading) -> tuple[str, str]:
    """Markers were read, but they form no board."""
    seen = [markers.corners for markers in reading.markers if len(markers)]
    side = side_px(np.concatenate(seen))
    ids = ", ".join(str(i) for i in sorted(reading.ids)[:8])
    what = f"Markers of {reading.dictionary} were read (ids {ids}; {side:.0f} px wide"
    what += (", mirrored" if reading.mirrored else "") + (", inverted print)" if reading.inverted else ")")
    if isinstance(target, ArucoMarker):
        return f"{what}.", f"The board file says marker {target.id} of {target.dictionary}: correct it."
    if isinstance(target, Checkerboard):
        return f"{what}.", "The board file says checkerboard: give that of the board you used."
    if FAMILY_OF[reading.dictionary] != FAMILY_OF[target.dictionary]:
        return f"{what}, not of {target.dictionary}.", "Correct the dictionary in the board file."
    if side < LEAST_MODULE_PX * 8:
        return f"{what}: too small.", "Bring the board nearer or use larger squares."
    return f"{what}, but too few at a time, or not as on this board.", USUAL_REMEDY


def _shape(target: AnyTarget) -> str:
    """A target without its size, which a picture cannot tell."""
    if isinstance(target, CharucoBoard):
        return f"ChArUco board {target.squares_x}x{target.squares_y} of {target.dictionary}"
    if isinstance(target, Checkerboard):
        return f"checkerboard with {target.corners_x}x{target.corners_y} inner corners"
    return f"single marker {target.id} of {target.dictionary}"


def _sharpness(picture: Image) -> float:
    """Steepest edges (their 99.9th percentile), per pixel, as a share of the picture's spread of grey levels."""
    small = cv2.GaussianBlur(picture, (3, 3), 0).astype(np.float32)
    slope = np.hypot(
        cv2.Sobel(small, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(small, cv2.CV_32F, 0, 1, scale=0.125)
    )
    low, high = np.percentile(small, [1, 99])
    return float(np.percentile(slope, 99.9) / max(high - low, 1.0))
