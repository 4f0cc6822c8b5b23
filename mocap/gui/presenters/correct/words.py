"""Edits in words, for the list of them."""

from __future__ import annotations

from mocap.gui.presenters.words import title
from mocap.pipeline.edits.kinds import (
    AddEvent,
    ChooseSubject,
    DeleteEvent,
    Edit,
    EventEdit,
    ExchangePeople,
    MaskCamera,
    MovePoint,
    RemovePoint,
    SwapSides,
)


def words_of(edit: Edit, rate_hz: float) -> tuple[str, str]:
    """What an edit says, and where: two short lines."""
    if isinstance(edit, MovePoint):
        return f"{title(edit.keypoint)} moved", f"{edit.camera}, {_at(edit.instant, rate_hz)}"
    if isinstance(edit, RemovePoint):
        return f"{title(edit.keypoint)} removed", f"{edit.camera}, {_at(edit.instant, rate_hz)}"
    if isinstance(edit, SwapSides):
        return "Left and right swapped", f"{', '.join(edit.cameras) or 'all cameras'}, {_over(edit, rate_hz)}"
    if isinstance(edit, MaskCamera):
        return f"Camera {edit.camera} not used", _over(edit, rate_hz)
    if isinstance(edit, ChooseSubject):
        return "Subject chosen", f"{edit.camera}, {_at(edit.instant, rate_hz)}"
    if isinstance(edit, ExchangePeople):
        return f"People {edit.one} and {edit.other} exchanged", _over(edit, rate_hz)
    name = title(" ".join(filter(None, (edit.side, edit.event))))
    if isinstance(edit, AddEvent):
        return f"{name} marked", f"{edit.t_s:.3f} s"
    if isinstance(edit, DeleteEvent):
        return f"{name} taken away", f"{edit.t_s:.3f} s"
    return f"{name} moved", f"{edit.t_s:.3f} s to {edit.to_s:.3f} s"


def instant_of(edit: Edit, first_s: float, rate_hz: float) -> int:
    """The instant to look at to see what an edit is about; events are on a clock that began at ``first_s``."""
    if isinstance(edit, EventEdit):
        return max(0, round((edit.t_s - first_s) * rate_hz))
    return edit.first if isinstance(edit, SwapSides | MaskCamera | ExchangePeople) else edit.instant


def _at(instant: int, rate_hz: float) -> str:
    return f"{instant / rate_hz:.3f} s"


def _over(edit: SwapSides | MaskCamera | ExchangePeople, rate_hz: float) -> str:
    if edit.first == edit.last:
        return f"at {_at(edit.first, rate_hz)}"
    return f"{edit.first / rate_hz:.3f} to {_at(edit.last, rate_hz)}"


def summary(edits: tuple[Edit, ...], solving: bool, applied: bool, kept: bool = True) -> str:
    """The state in a sentence."""
    if not edits and applied:
        return "Nothing is corrected."
    count = f"{len(edits)} correction{'' if len(edits) == 1 else 's'}"
    if not kept:
        return f"{count}, not on disk yet."
    if solving:
        return f"{count}; solving …"
    if applied:
        return f"{count}; this run is made with them."
    return f"{count}, kept. Angles and 3D show them; measures and files will once you apply them."
