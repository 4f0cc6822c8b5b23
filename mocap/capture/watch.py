"""Looks at each camera's view while it is recorded: covered, out of focus, bumped, too bright or too dark.

All of it is told from small grey pictures, against how the view was at the start, block by block: people walk
through some blocks, but what happens to a camera happens to all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mocap.core.types import FloatArray, ImageArray

GreyArray = NDArray[np.float32]

# Width that pictures are looked at, px: half a thousandth of the view is a tenth of a pixel here, which phase
# correlation tells.
WIDTH_PX = 320

# Side of a block, px: large enough for phase correlation, small enough that a person leaves most of them alone.
BLOCK_PX = 40

# Pictures of the start that the reference is the median of: who walks by is in none of them for long.
REFERENCE_PICTURES = 7

# How many looks in a row must agree before anything is said, and taken back.
LOOKS = 3

# A block says something about shift and sharpness if its grey levels vary by more than noise does.
TEXTURE = 0.02

# A camera that turned by this share of its picture's width moves points by 3 px in 1280: more than keypoints err.
BUMPED_SHARE = 1 / 400

# At so little of the detail of the start (gradients against brightness) the lens is out of focus; other light on
# the same room, harder or softer, leaves more.
SOFT = 0.4

# A lens that is covered leaves no contrast: this share of that at the start, or so little in a whole picture.
COVERED = 0.2
FLAT = 0.01

# Shares of a picture that may be white or black before detail is lost.
CLIPPED_WHITE, CLIPPED_BLACK = 0.3, 0.6
WHITE, BLACK = 0.98, 0.03

# Phase correlation answers with a peak of 1 for the same block moved; below this it is no answer.
LEAST_PEAK = 0.2
# Blocks that must answer, and the share of them that must agree, before a camera counts as moved.
LEAST_BLOCKS, AGREEING = 4, 0.5


@dataclass(frozen=True)
class Look:
    """What one look at a view found.

    Attributes
    ----------
    brightness : float
        Mean grey level, 0 to 1.
    sharpness : float
        Detail against that of the start, 1 where nothing changed; NaN where nothing can be compared.
    shift : float
        How far the background has moved since the start, as a share of the width; NaN where unknown.
    problems : tuple of str
        ``covered``, ``bumped``, ``unfocused``, ``bright``, ``dark``.
    """

    brightness: float
    sharpness: float
    shift: float
    problems: tuple[str, ...]


SENTENCES = {
    "covered": "The lens of camera '{name}' is covered, or the light is off.",
    "bumped": "Camera '{name}' was moved: its background has shifted. The calibration no longer holds for it.",
    "unfocused": "Camera '{name}' is out of focus: it shows less than half the detail that it did.",
    "bright": "Much of the picture of camera '{name}' is white; lower its exposure.",
    "dark": "Most of the picture of camera '{name}' is black; raise its exposure or the light.",
}


@dataclass(frozen=True)
class View:
    """What is remembered of a camera's view; ``looked`` gives the next one.

    Attributes
    ----------
    samples : tuple of (H, W) float32
        The first pictures, until there are enough of them.
    reference : (H, W) float32 or None
        Their median.
    counts : tuple of (str, int)
        For how many looks in a row each problem has been there, or, with a minus before its name, been gone.
    told : frozenset of str
        Problems that were told.
    """

    samples: tuple[GreyArray, ...] = ()
    reference: GreyArray | None = None
    counts: tuple[tuple[str, int], ...] = ()
    told: frozenset[str] = frozenset()


def small_grey(image: ImageArray) -> GreyArray:
    """Grey picture of ``WIDTH_PX``, 0 to 1."""
    height = max(BLOCK_PX, round(image.shape[0] * WIDTH_PX / image.shape[1]))
    small = cv2.resize(image, (WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY) if small.ndim == 3 else small
    scaled: GreyArray = grey.astype(np.float32) / np.float32(255.0)
    return scaled


def looked(view: View, grey: GreyArray) -> tuple[View, Look]:
    """Look once more; the problems of the view that comes back have been there for several looks.

    Parameters
    ----------
    view : View
    grey : (H, W) float32
        From ``small_grey``.
    """
    if view.reference is not None and view.reference.shape != grey.shape:
        view = View()
    if view.reference is None:
        samples = (*view.samples, grey)
        done = len(samples) == REFERENCE_PICTURES
        reference = np.median(np.stack(samples), axis=0).astype(np.float32) if done else None
        view = replace(view, samples=() if done else samples, reference=reference)
    found = examine(grey, view.reference)
    before = dict(view.counts)
    counts = {name: before.get(name, 0) + 1 for name in found.problems}
    lasting = {name for name, count in counts.items() if count >= LOOKS}
    # What was told stays told until the same number of looks in a row went without it.
    absent = {name: before.get(f"-{name}", 0) + 1 for name in view.told if name not in found.problems}
    told = frozenset(lasting | {name for name in view.told if absent.get(name, 0) < LOOKS})
    memory = {**counts, **{f"-{name}": count for name, count in absent.items()}}
    return replace(view, counts=tuple(memory.items()), told=told), replace(found, problems=tuple(sorted(told)))


def examine(grey: GreyArray, reference: GreyArray | None) -> Look:
    """Compare one picture (H, W) with that of the start."""
    brightness = float(grey.mean())
    problems = []
    now = _blocks(grey)
    contrast = now.std(axis=(1, 2))
    sharpness = shift = float("nan")
    covered = bool(np.percentile(contrast, 90) < FLAT)
    if reference is not None:
        then = _blocks(reference)
        contrast_then = then.std(axis=(1, 2))
        textured = contrast_then > TEXTURE
        if textured.sum() >= LEAST_BLOCKS:
            lost = np.median(contrast[textured] / contrast_then[textured]) < COVERED
            covered = covered or bool(lost)
            if not covered:
                sharpness = _sharpness(now[textured], then[textured])
                shift = _shift(now[textured], then[textured])
    bright = float((grey > WHITE).mean()) > CLIPPED_WHITE
    if covered and not bright:
        problems.append("covered")
    else:
        problems += ["bright"] if bright else []
        problems += ["dark"] if float((grey < BLACK).mean()) > CLIPPED_BLACK else []
        problems += ["unfocused"] if sharpness < SOFT else []
        problems += ["bumped"] if shift > BUMPED_SHARE else []
    return Look(brightness, sharpness, shift, tuple(problems))


def _blocks(grey: GreyArray) -> GreyArray:
    """Picture (H, W) as blocks (B, BLOCK_PX, BLOCK_PX); what is left at the edges is left out."""
    rows, columns = grey.shape[0] // BLOCK_PX, grey.shape[1] // BLOCK_PX
    whole = grey[: rows * BLOCK_PX, : columns * BLOCK_PX]
    return np.ascontiguousarray(
        whole.reshape(rows, BLOCK_PX, columns, BLOCK_PX).swapaxes(1, 2).reshape(-1, BLOCK_PX, BLOCK_PX)
    )


def _detail(blocks: GreyArray) -> FloatArray:
    """Root mean square of the gradients over the mean grey level (B,): free of exposure."""
    energy = np.square(np.diff(blocks, axis=1)).mean(axis=(1, 2)) + np.square(np.diff(blocks, axis=2)).mean(
        axis=(1, 2)
    )
    detail: FloatArray = (np.sqrt(energy) / np.maximum(blocks.mean(axis=(1, 2)), 1e-3)).astype(np.float64)
    return detail


def _sharpness(now: GreyArray, then: GreyArray) -> float:
    """Detail against that of the start, by the median block."""
    return float(np.median(_detail(now) / np.maximum(_detail(then), 1e-6)))


def _shift(now: GreyArray, then: GreyArray) -> float:
    """Shift of the background as a share of the width: what most blocks that answer agree on; else NaN.

    Phase correlation (Kuglin and Hines, 1975) of each block with itself at the start.
    """
    window = cv2.createHanningWindow((BLOCK_PX, BLOCK_PX), cv2.CV_32F)
    answers = [cv2.phaseCorrelate(b, a, window) for a, b in zip(now, then, strict=True)]
    moves = np.array([move for move, peak in answers if peak > LEAST_PEAK])
    if len(moves) < max(LEAST_BLOCKS, AGREEING * len(now)):
        return float("nan")
    middle = np.median(moves, axis=0)
    # A turn about the lens' axis moves blocks by different vectors; their lengths then tell.
    near = np.linalg.norm(moves - middle, axis=1) < 0.5 * WIDTH_PX * BUMPED_SHARE + 0.5 * np.linalg.norm(middle)
    if near.mean() < AGREEING:
        return float(np.median(np.linalg.norm(moves, axis=1))) / WIDTH_PX
    return float(np.linalg.norm(middle)) / WIDTH_PX
