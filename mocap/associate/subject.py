"""The one person whom a recording is of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mocap.core.errors import InputError
from mocap.core.types import FloatArray, Tracks2D

# Core keypoints from which a view shows somebody.
MIN_KEYPOINTS = 4
# A click counts for somebody whose box, made wider on all sides by this share of its diagonal, holds it.
CLICK_MARGIN = 0.1


@dataclass(frozen=True)
class SubjectChoice:
    """Who is the subject.

    Attributes
    ----------
    by : str
        ``longest``: who is seen together by most views for longest. ``biggest``: who is largest in the pictures
        while they are seen by two views. ``clicked``: who is at a place in a picture.
    camera : str
        For ``clicked``, as are the following.
    instant : int
        Row of the common instants.
    xy : (float, float)
        Place in the picture, px.
    """

    by: Literal["longest", "biggest", "clicked"] = "longest"
    camera: str = ""
    instant: int = 0
    xy: tuple[float, float] = (0.0, 0.0)


def choose_subject(tracks: Tracks2D, choice: SubjectChoice | None = None) -> Tracks2D:
    """Leave the subject only, with the number they have among all.

    Raises
    ------
    InputError
        If nobody is where the click was.
    """
    choice = choice or SubjectChoice()
    rating = _clicked(tracks, choice) if choice.by == "clicked" else _seen(tracks, choice.by == "biggest")
    n = int(np.argmax(rating))
    return replace(
        tracks,
        xy=tracks.xy[:, :, n : n + 1],
        sigma_px=tracks.sigma_px[:, :, n : n + 1],
        score=tracks.score[:, :, n : n + 1],
        person_ids=tracks.person_ids[n : n + 1],
    )


def _boxes(tracks: Tracks2D, frames: slice) -> tuple[FloatArray, FloatArray, np.ndarray]:
    """Corners of the boxes around people (T, C, N, 2) in some frames, px, and whether they are shown (T, C, N)."""
    core = tracks.skeleton.core_index if tracks.skeleton.core else np.arange(tracks.xy.shape[3])
    xy = tracks.xy[frames][..., core, :]
    known = np.isfinite(xy)
    low = np.min(np.where(known, xy, np.inf), axis=-2)
    high = np.max(np.where(known, xy, -np.inf), axis=-2)
    return low, high, known[..., 0].sum(axis=-1) >= MIN_KEYPOINTS


def _seen(tracks: Tracks2D, by_size: bool) -> FloatArray:
    """How long, or how large, people (N,) are seen by two views and more."""
    low, high, shown = _boxes(tracks, slice(None))
    views = shown.sum(axis=1)
    if not by_size:
        return np.asarray(np.maximum(views - 1, 0).sum(axis=0), dtype=np.float64)
    size = np.linalg.norm(np.where(shown[..., None], high - low, 0.0), axis=-1)
    counted = shown & (views >= 2)[:, None]
    return np.asarray((size * counted).sum(axis=(0, 1)) / np.maximum(counted.sum(axis=(0, 1)), 1))


def _clicked(tracks: Tracks2D, choice: SubjectChoice) -> FloatArray:
    """Nearness (N,) of the middles of the boxes that hold a click; -inf for the others."""
    if choice.camera not in tracks.cameras or not 0 <= choice.instant < tracks.xy.shape[0]:
        raise InputError(
            f"There is no picture {choice.instant} of a camera '{choice.camera}'.",
            f"Name one of the cameras {', '.join(tracks.cameras)} and an instant below {tracks.xy.shape[0]}.",
        )
    low, high, shown = _boxes(tracks, slice(choice.instant, choice.instant + 1))
    c = tracks.cameras.index(choice.camera)
    low, high, shown = low[0, c], high[0, c], shown[0, c]
    margin = CLICK_MARGIN * np.linalg.norm(np.where(shown[:, None], high - low, 0.0), axis=-1)[:, None]
    at = np.array(choice.xy)
    inside = shown & ((at >= low - margin) & (at <= high + margin)).all(axis=-1)
    if not inside.any():
        raise InputError(
            f"Nobody who was found in 3D is at ({at[0]:.0f}, {at[1]:.0f}) in picture {choice.instant} of "
            f"camera '{choice.camera}'.",
            "Choose a place on the body of a person, at an instant at which two cameras see them.",
        )
    middle = 0.5 * (np.where(inside[:, None], low, 0.0) + np.where(inside[:, None], high, 0.0))
    return np.asarray(np.where(inside, -np.linalg.norm(middle - at, axis=-1), -np.inf))
