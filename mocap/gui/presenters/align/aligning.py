"""Aligning a trial's cameras by hand: which picture of each is shown at one instant, offsets, undo, saving."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mocap.core.types import FloatArray
from mocap.gui.presenters.align.curves import Curve, picture_curves, sound_curve
from mocap.gui.presenters.changes import Changes
from mocap.pipeline.sync.manual import Alignment, by_hand_sigma_s, open_alignment, write_alignment
from mocap.sync import CRYSTAL, Clocks, Told, read_clocks, read_told

# Ways to find the clocks, in the order in which they are offered; the first two take seconds.
METHODS = {
    "sound": ("Sound", "A clap or speech that all microphones hear"),
    "light": ("Light", "A lamp that is switched where all cameras see it"),
    "board": ("Board", "A calibration board that is waved where two cameras see it at a time"),
    "timecode": ("Time codes", "Written into the files by the cameras"),
    "motion": ("Movement", "People who walk about; takes as long as finding them"),
}
QUICK = ("sound", "light", "timecode")
# A picture farther from the instant than this share of a period is not of it.
HALF_PERIOD = 0.5 + 1e-6
# A drift within so many standard errors of nothing is not worth a word.
TOLD = 3.0
# Steps that can be taken back.
UNDO_STEPS = 200
# "Match here" tries shifts up to this, s, over curves this far on both sides of the playhead, s.
MATCH_REACH_S, MATCH_SPAN_S, MATCH_STEP_S = 0.5, 1.0, 0.001


@dataclass(frozen=True)
class Placing:
    """The clocks as they are set, which of them by hand, and what the others rest on."""

    clocks: Clocks
    by_hand: tuple[bool, ...]
    told: Told


class Aligning:
    """Everything the dialog shows. The first camera is the clock that the others are set by."""

    def __init__(self, opened: Alignment) -> None:
        self.changed = Changes()
        self.opened = opened
        self.cameras = opened.clocks.cameras
        by_hand = tuple(
            any(title.startswith("by hand") and title.endswith(f" {name}") for title in opened.told.found_by)
            for name in self.cameras
        )
        self._placing = self._saved = Placing(opened.clocks, by_hand, opened.told)
        self._undo: list[Placing] = []
        self._redo: list[Placing] = []
        self._merging: object = None
        self.selected = 1
        self.place_s = self.span_s[0]

    @property
    def placing(self) -> Placing:
        """How the clocks are set."""
        return self._placing

    @property
    def clocks(self) -> Clocks:
        """The clocks as they are set."""
        return self._placing.clocks

    @property
    def dirty(self) -> bool:
        """Whether something is not saved."""
        return self._placing is not self._saved

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Whether a step was taken back."""
        return bool(self._redo)

    @property
    def span_s(self) -> tuple[float, float]:
        """First and last instant that any camera shows, on the common clock, s."""
        spans = [self.recorded_s(c) for c in range(len(self.cameras))]
        return min(a for a, _ in spans), max(b for _, b in spans)

    def recorded_s(self, camera: int) -> tuple[float, float]:
        """First and last instant of a camera, on the common clock, s."""
        ends = self.clocks.to_common(camera, self.opened.t_s[camera][[0, -1]])
        return float(ends[0]), float(ends[1])

    def period_s(self, camera: int) -> float:
        """From frame to frame of a camera, s."""
        return float(np.median(np.diff(self.opened.t_s[camera])))

    def frame_of(self, camera: int) -> int:
        """Number of the frame that a camera took at the playhead; -1 where it took none."""
        times = self.opened.t_s[camera]
        wanted = float(self.clocks.from_common(camera, np.array(self.place_s)))
        right = int(np.clip(np.searchsorted(times, wanted), 1, times.shape[0] - 1))
        nearest = right - 1 if wanted - times[right - 1] <= times[right] - wanted else right
        return nearest if abs(times[nearest] - wanted) <= HALF_PERIOD * self.period_s(camera) else -1

    def lag_s(self, camera: int) -> float:
        """How much later than the playhead the frame shown was taken, s; NaN where there is none."""
        frame = self.frame_of(camera)
        if frame < 0:
            return float("nan")
        return float(self.clocks.to_common(camera, self.opened.t_s[camera][frame])) - self.place_s

    def start_words(self, camera: int) -> str:
        """When a camera began against the first, in words."""
        if camera == 0:
            return "The other clocks are set by this one"
        late = self.recorded_s(camera)[0] - self.recorded_s(0)[0]
        if abs(late) < 0.5e-3:
            return f"Begins with {self.cameras[0]}"
        return f"Begins {abs(late):.3f} s {'after' if late > 0 else 'before'} {self.cameras[0]}"

    def trust_words(self, camera: int) -> str:
        """How well a camera's clock is known, and by what."""
        if camera == 0:
            return ""
        sigma = float(self.clocks.sigma_s[camera])
        if not np.isfinite(sigma):
            return "Not set yet: shown as if all began together"
        drift = float(self.clocks.rate[camera]) - 1.0
        told = abs(drift) > TOLD * float(self.clocks.rate_sigma[camera])
        runs = f"; runs {abs(drift) * 100:.3f} % {'fast' if drift > 0 else 'slow'}" if told else ""
        how = "set by hand" if self._placing.by_hand[camera] else f"found by {self._methods(camera)}"
        return f"{how.capitalize()}, ± {_ms(sigma)}{runs}"

    def _methods(self, camera: int) -> str:
        name = self.cameras[camera]
        found = [title.partition(": ") for title in self._placing.told.found_by]
        methods = sorted({method for method, _, pair in found if name in pair.split(" to ")})
        return " and ".join(methods) or "the file"

    def found_words(self) -> tuple[str, ...]:
        """What the methods said, a line a statement, and what they could not tell."""
        told = self._placing.told
        used = tuple(f"{title}: {said}" for title, said in told.found_by.items())
        out = tuple(f"Left out – {title}: {said}" for title, said in told.left_out.items())
        return (*told.notes, *used, *out)

    def select(self, camera: int) -> None:
        """Choose the camera that keys move."""
        self.selected = int(np.clip(camera, 1, len(self.cameras) - 1))
        self.changed.emit()

    def seek(self, place_s: float) -> None:
        """Go to an instant of the common clock, s."""
        first, last = self.span_s
        self.place_s = float(np.clip(place_s, first, last))
        self.changed.emit()

    def step(self, frames: int) -> None:
        """Go on by frames of the first camera."""
        self.seek(self.place_s + frames * self.period_s(0))

    def nudge(self, frames: float, camera: int | None = None) -> None:
        """Show a picture so many frames later in a camera at the same instant."""
        c = self.selected if camera is None else camera
        self.set_offset(c, float(self.clocks.offset_s[c]) + frames * self.period_s(c))

    def set_offset(self, camera: int, offset_s: float, merge: object = None) -> None:
        """Set a camera's clock against the first one's, s; with the same ``merge`` as before it is one step."""
        if camera == 0 or not np.isfinite(offset_s):
            return
        offset, sigma, at = (
            array.copy() for array in (self.clocks.offset_s, self.clocks.sigma_s, self.clocks.at_s)
        )
        offset[camera], at[camera] = offset_s, self.place_s
        sigma[camera] = by_hand_sigma_s(1.0 / self.period_s(camera))
        by_hand = tuple(hand or c == camera for c, hand in enumerate(self._placing.by_hand))
        clocks = replace(self.clocks, offset_s=offset, sigma_s=sigma, at_s=at)
        self._put(replace(self._placing, clocks=clocks, by_hand=by_hand), merge)

    def take(self, file: Path) -> None:
        """Take over what methods found and wrote to a file.

        Raises
        ------
        InputError
            If the file is not of these videos.
        """
        clocks = read_clocks(file, self.cameras, self.opened.frames)
        self._put(Placing(clocks, (False,) * len(self.cameras), read_told(file)), None)

    def match(self, curves: tuple[Curve, ...], camera: int | None = None) -> bool:
        """Shift a camera so that its curve about the playhead fits the first one's best.

        Returns whether it was possible: both curves must vary there.
        """
        c = self.selected if camera is None else camera
        span = np.arange(-MATCH_SPAN_S, MATCH_SPAN_S + MATCH_STEP_S, MATCH_STEP_S) + self.place_s
        wide = round(MATCH_REACH_S / MATCH_STEP_S)
        long = np.arange(-wide, span.size + wide) * MATCH_STEP_S + span[0]
        one, two = self._on_common(curves[0], 0, span), self._on_common(curves[c], c, long)
        one = one - one.mean()
        windows = np.lib.stride_tricks.sliding_window_view(two, span.size)
        spread = windows.std(axis=1) * one.std()
        if one.std() < 1e-6 or not (spread > 1e-9).any():
            return False
        fit = np.where(spread > 1e-9, windows @ one / np.maximum(spread, 1e-9), -np.inf)
        shift = (int(fit.argmax()) - wide) * MATCH_STEP_S
        self.set_offset(c, float(self.clocks.offset_s[c] + self.clocks.rate[c] * shift))
        return True

    def _on_common(self, curve: Curve, camera: int, t_s: FloatArray) -> FloatArray:
        if curve.t_s.size == 0:
            return np.zeros(t_s.size)
        there = self.clocks.from_common(camera, t_s)
        return np.asarray(np.interp(there, curve.t_s, curve.value, left=0.0, right=0.0))

    def undo(self) -> None:
        """Take the last step back."""
        if self._undo:
            self._redo.append(self._placing)
            self._placing, self._merging = self._undo.pop(), None
            self.changed.emit()

    def redo(self) -> None:
        """Take back the taking back."""
        if self._redo:
            self._undo.append(self._placing)
            self._placing, self._merging = self._redo.pop(), None
            self.changed.emit()

    def save(self) -> Path:
        """Keep the clocks; a clock that nobody set or found counts as set by hand as it is shown.

        Raises
        ------
        StorageError
            If the file cannot be written.
        """
        unset = ~np.isfinite(self.clocks.sigma_s)
        hand = tuple(bool(a or b) for a, b in zip(self._placing.by_hand, unset.tolist(), strict=True))
        own = np.array([by_hand_sigma_s(1.0 / self.period_s(c)) for c in range(len(self.cameras))])
        clocks = replace(
            self.clocks,
            sigma_s=np.where(unset, own, self.clocks.sigma_s),
            rate_sigma=np.where(unset, CRYSTAL, self.clocks.rate_sigma),
        )
        self._placing = replace(self._placing, clocks=clocks, by_hand=hand)
        file = write_alignment(self.opened, clocks, hand, self._placing.told)
        self._saved = self._placing
        self.changed.emit()
        return file

    def _put(self, placing: Placing, merge: object) -> None:
        if merge is None or merge != self._merging:
            self._undo = [*self._undo, self._placing][-UNDO_STEPS:]
        self._placing, self._merging, self._redo = placing, merge, []
        self.changed.emit()


def open_aligning(trial: Path) -> Aligning:
    """Read a trial; takes a while.

    Raises
    ------
    ExplainedError
        If there is nothing to align.
    """
    return Aligning(open_alignment(trial))


def read_curve(opened: Alignment, camera: int, kind: str) -> dict[str, Curve]:
    """Curves of one camera by kind: its sound, or what its pictures show; takes a while."""
    video, t_s = opened.videos[camera], opened.t_s[camera]
    if kind == "sound":
        file_s = video.t_s[: t_s.shape[0]]

        def on_ours(times: FloatArray) -> FloatArray:
            inside = np.clip(times, file_s[0], file_s[-1])
            return np.asarray(np.interp(inside, file_s, t_s) + times - inside)

        return {"sound": sound_curve(video.path, video.camera, on_ours)}
    return picture_curves(video.path, video.camera, t_s)


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms" if seconds < 1e-2 else f"{seconds * 1e3:.0f} ms"
