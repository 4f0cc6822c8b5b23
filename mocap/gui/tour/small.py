"""Pictures of a tour made small enough to keep with the guides: fewer pixels, a palette instead of all colours.

    python -m mocap.gui.tour.small TOUR docs/images

``TOUR`` is a folder that ``mocap gui --screenshots`` filled.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from PySide6.QtGui import QImage
from scipy.spatial import cKDTree

from mocap.core.errors import InputError

# Half of dense screens, and as wide as a page of text shows it, px.
WIDTH = 960
COLOURS = 128
# Colours are sought among so many pixels, spread evenly.
SAMPLES = 20_000
# Of the tour's walks, the one that the guides show.
WALK = "light-1280x800"
PREFIX = "guide"


def small_pictures(tour: Path, out: Path) -> tuple[Path, ...]:
    """Make the pictures of the guides; returns them.

    Raises
    ------
    InputError
        If the folder holds no pictures of a tour.
    """
    sources = sorted(tour.glob(f"*-{WALK}.png"))
    if not sources:
        raise InputError(
            f"There is no picture '*-{WALK}.png' here.", "Make them: mocap gui --screenshots DIR", tour
        )
    out.mkdir(parents=True, exist_ok=True)
    made = []
    for source in sources:
        path = out / f"{PREFIX}-{source.name.removesuffix(f'-{WALK}.png')}.png"
        write_small(source, path)
        made.append(path)
    return tuple(made)


def write_small(source: Path, path: Path) -> None:
    """Write one picture with fewer pixels and colours."""
    full = cv2.imread(str(source), cv2.IMREAD_COLOR)
    if full is None:
        raise InputError("This picture cannot be read.", "Make it again.", source)
    height = round(full.shape[0] * WIDTH / full.shape[1])
    image = cv2.cvtColor(cv2.resize(full, (WIDTH, height), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
    pixels = image.reshape(-1, 3)
    palette = _palette(pixels)
    _, index = cKDTree(palette).query(pixels)
    shown = np.ascontiguousarray(index.reshape(height, WIDTH).astype(np.uint8))
    made = QImage(shown.data, WIDTH, height, WIDTH, QImage.Format.Format_Indexed8)
    made.setColorTable([0xFF000000 | int(r) << 16 | int(g) << 8 | int(b) for r, g, b in palette])
    # The smallest file; at run time it takes words, not the bytes that its types ask for.
    if not made.save(str(path), "PNG", 0):  # type: ignore[call-overload]
        raise InputError("This picture cannot be written.", "Is the disk full?", path)


def _palette(pixels: np.ndarray) -> np.ndarray:
    """The colours (P, 3) that stand for all: k-means, each colour weighed by the root of how often it is there.

    Large even grounds would otherwise take all colours from the small bright things.
    """
    step = max(1, len(pixels) // SAMPLES)
    known, counts = np.unique(pixels[::step], axis=0, return_counts=True)
    if len(known) <= COLOURS:
        return known
    chosen = np.repeat(known, np.ceil(np.sqrt(counts)).astype(int), axis=0).astype(np.float32)
    cv2.setRNGSeed(0)
    ends = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    _, _, centres = cv2.kmeans(chosen, COLOURS, None, ends, 1, cv2.KMEANS_PP_CENTERS)
    return np.asarray(np.rint(centres), dtype=np.int64)


if __name__ == "__main__":
    small_pictures(Path(sys.argv[1]), Path(sys.argv[2]))
