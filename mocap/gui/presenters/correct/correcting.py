"""Correct once: tools that put right what was seen, and the guides that help with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mocap.core.types import FloatArray
from mocap.gui.presenters.correct.corrections import Corrections
from mocap.gui.presenters.correct.guides import guides
from mocap.gui.presenters.review.review import Review
from mocap.pipeline.edits.kinds import (
    AddEvent,
    ChooseSubject,
    DeleteEvent,
    ExchangePeople,
    MaskCamera,
    MoveEvent,
    MovePoint,
    RemovePoint,
    Side,
    SwapSides,
)

Tool = Literal["look", "move", "subject"]
TOOL_NAMES: dict[str, Tool] = {"look": "look", "move": "move", "subject": "subject"}
# How exactly a hand sets a joint, as a share of the person's size in the picture: 17 mm on an adult. People who
# mark joints in single pictures differ by several times that (Lin et al. 2014, COCO, whose measure of keypoints is
# scaled by it); here the other views guide the hand, and it can be said of each point.
HAND_SHARE = 0.01
LEAST_SIGMA_PX = 1.0
# An event is the nearest one to the playhead within this, s: half a step.
EVENT_REACH_S = 0.3


@dataclass(frozen=True)
class Joint:
    """A keypoint of a person in a view."""

    camera: int
    person: int
    keypoint: int


@dataclass(frozen=True)
class Guide:
    """What is drawn for the joint that is held.

    Attributes
    ----------
    line : (S, 2)
        Where this view must see it, px; all NaN in the view in which it is held.
    handle : (2,)
        Where it is held, in that view, else NaN.
    back : (2,)
        Where its point in 3D is seen in this view, px.
    """

    line: FloatArray
    handle: FloatArray
    back: FloatArray
    words: str


class Correcting(Corrections):
    """Tools on the corrections of a run.

    Attributes
    ----------
    instant : int
        The instant shown.
    range : (int, int) or None
        The range of the timeline, where one is marked.
    person : int
        Whom corrections over a range and events are about: chosen on the page, or by selecting a joint.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tool: Tool = "look"
        self.selected: Joint | None = None
        self.instant = self.person = 0
        self.range: tuple[int, int] | None = None
        self._grasp: MovePoint | None = None
        self._off = (0.0, 0.0)
        self._guided: tuple[int, tuple[float, float]] | None = None
        self._lines = np.empty((0, 0, 2))

    def open(self, review: Review) -> None:
        """Another run is shown."""
        self.selected, self._grasp, self._guided = None, None, None
        super().open(review)

    def set_tool(self, tool: Tool) -> None:
        """Take another tool."""
        self.tool = tool
        self.begin()
        self.changed.emit()

    # What the mouse does.

    def press(self, camera: int, xy: tuple[float, float], reach_px: float) -> bool:
        """Take hold of a joint near a place, px, or choose who stands there; says whether something was meant."""
        if self.review is None or not self.ready:
            return False
        if self.tool == "subject":
            chosen = ChooseSubject(camera=self._name(camera), instant=self.instant, x=xy[0], y=xy[1])
            self.add(chosen)
            return True
        self.selected = self.nearest(camera, xy, reach_px)
        self.person = self.person if self.selected is None else self.selected.person
        if self.selected is not None and self.tool == "move":
            # Where it is taken hold of counts from the first move on, so that a click moves nothing.
            before = self.edit_at_selected()
            sigma = self.usual_sigma(self.selected) if before is None else before.sigma_px
            self._grasp = self._moved(self.selected, self._place(self.selected), sigma)
            self._off = (xy[0] - self._grasp.x, xy[1] - self._grasp.y)
        self.changed.emit()
        return self._grasp is not None

    def drag(self, xy: tuple[float, float]) -> None:
        """Move what is held."""
        if self._grasp is not None:
            x, y = xy[0] - self._off[0], xy[1] - self._off[1]
            self.hold(self._grasp.model_copy(update={"x": x, "y": y}))

    def release(self) -> None:
        """Let go; a joint that was not moved stays where it is."""
        held, self.held, self._grasp = self.held, None, None
        if held is not None:
            self.add(held)

    def select_next(self, camera: int) -> None:
        """Select the next joint of the person in a view, for hands that do without a mouse."""
        if self.review is not None and self.ready:
            order = self.review.drawn.tolist()
            at = (
                self.selected.keypoint
                if self.selected is not None and self.selected.camera == camera
                else order[-1]
            )
            following = order[(order.index(at) + 1) % len(order)] if at in order else order[0]
            self.selected = Joint(camera, self.person, following)
            self.changed.emit()

    def nudge(self, dx: float, dy: float) -> None:
        """Move the selected joint by some px."""
        if self.selected is not None and self.ready and self.held is None:
            x, y = self._place(self.selected)
            before = self.edit_at_selected()
            sigma = self.usual_sigma(self.selected) if before is None else before.sigma_px
            self.add(self._moved(self.selected, (x + dx, y + dy), sigma))

    def nearest(self, camera: int, xy: tuple[float, float], reach_px: float) -> Joint | None:
        """The keypoint nearest to a place in a picture: as seen, or where it was not, as seen back from 3D."""
        assert self.review is not None
        seen = self.review.tracks.xy[self.instant, camera][:, self.review.drawn]
        back = self.review.pixels[camera, self.instant][:, self.review.drawn].astype(np.float64)
        places = np.where(np.isfinite(seen), seen, back)
        off = np.linalg.norm(places - np.array(xy), axis=-1)
        if not (off <= reach_px).any():
            return None
        n, k = np.unravel_index(int(np.nanargmin(off)), off.shape)
        return Joint(camera, int(n), int(self.review.drawn[k]))

    # What buttons and keys do.

    def remove_selected(self) -> None:
        """The selected keypoint was not seen here."""
        if self.selected is not None and self.ready:
            at = self.selected
            self.add(
                RemovePoint(
                    camera=self._name(at.camera),
                    instant=self.instant,
                    person=self._id(at.person),
                    keypoint=self._keypoint(at),
                )
            )

    def swap(self, camera: int | None) -> None:
        """Left and right were taken for each other over the range, in one camera or in all."""
        if self.ready:
            first, last = self.span
            cameras = () if camera is None else (self._name(camera),)
            self.add(SwapSides(person=self._id(self.person), cameras=cameras, first=first, last=last))

    def mask(self, camera: int) -> None:
        """Do not use a camera over the range."""
        if self.ready:
            first, last = self.span
            self.add(MaskCamera(camera=self._name(camera), first=first, last=last))

    def exchange(self, other: int) -> None:
        """Two people were taken for each other over the range: the selected one and another."""
        if self.ready and other != self.person:
            first, last = self.span
            self.add(ExchangePeople(one=self._id(self.person), other=self._id(other), first=first, last=last))

    def mark(self, event: str, side: Side | None) -> None:
        """Something happened at the instant shown."""
        if self.ready:
            self.add(AddEvent(person=self._id(self.person), event=event, side=side, t_s=self._now_s))

    def move_event(self, event: str, side: Side | None) -> None:
        """The nearest event of a kind happened at the instant shown."""
        at = self.nearest_event(event, side)
        if at is not None:
            own = [
                e for e in self.edits if isinstance(e, AddEvent) and (e.event, e.side, e.t_s) == (event, side, at)
            ]
            if own:  # marked by hand: it is marked elsewhere then
                moved = own[-1].model_copy(update={"t_s": self._now_s})
                self.step(tuple(moved if e is own[-1] else e for e in self.edits))
                return
            person = self._id(self.person)
            self.add(MoveEvent(person=person, event=event, side=side, t_s=at, to_s=self._now_s))

    def delete_event(self, event: str, side: Side | None) -> None:
        """The nearest event of a kind did not happen."""
        at = self.nearest_event(event, side)
        if at is not None:
            self.add(DeleteEvent(person=self._id(self.person), event=event, side=side, t_s=at))

    def nearest_event(self, event: str, side: Side | None) -> float | None:
        """Time of the event of a kind nearest to the instant shown, s; None where none is near."""
        if self.review is None or not self.ready:
            return None
        found = [e.t_s for e in self.review.take.findings[self.person].events if (e.kind, e.side) == (event, side)]
        near = min(found, key=lambda t: abs(t - self._now_s), default=None)
        return near if near is not None and abs(near - self._now_s) <= EVENT_REACH_S else None

    def set_sigma(self, sigma_px: float) -> None:
        """Say how exactly the selected keypoint was set."""
        edit = self.edit_at_selected()
        if edit is not None and sigma_px > 0:
            new = edit.model_copy(update={"sigma_px": sigma_px})
            self.step(tuple(new if other is edit else other for other in self.edits))

    def edit_at_selected(self) -> MovePoint | None:
        """What was said of the selected keypoint at this instant."""
        if self.selected is None or self.review is None:
            return None
        at = (self._name(self.selected.camera), self.instant, self._id(self.selected.person))
        for edit in self.edits:
            here = isinstance(edit, MovePoint) and (edit.camera, edit.instant, edit.person) == at
            if here and isinstance(edit, MovePoint) and edit.keypoint == self._keypoint(self.selected):
                return edit
        return None

    @property
    def span(self) -> tuple[int, int]:
        """Instants that ranged edits are over: the range of the timeline, or the instant shown."""
        return self.range or (self.instant, self.instant)

    # What is drawn.

    def guide(self, camera: int) -> Guide | None:
        """Guides of the joint that is held or selected, in one view; None where there is none."""
        at, review = self.selected, self.review
        if at is None or review is None:
            return None
        place = self._place(at)
        back = review.pixels[camera, self.instant, at.person, at.keypoint].astype(np.float64)
        if (at.camera, place) != self._guided:  # all views are drawn of one place
            self._guided, self._lines = (at.camera, place), guides(review.rig, at.camera, place)
        handle = np.array(place) if camera == at.camera else np.full(2, np.nan)
        return Guide(self._lines[camera], handle, back, self._keypoint(at).replace("_", " "))

    def _place(self, at: Joint) -> tuple[float, float]:
        """Where the selected joint is in its view."""
        assert self.review is not None
        if self.held is not None:
            return self.held.x, self.held.y
        seen = self.review.tracks.xy[self.instant, at.camera, at.person, at.keypoint]
        edit = self.edit_at_selected()
        if edit is not None:
            return edit.x, edit.y
        if not np.isfinite(seen).all():
            seen = self.review.pixels[at.camera, self.instant, at.person, at.keypoint]
        return float(seen[0]), float(seen[1])

    def _moved(self, at: Joint, xy: tuple[float, float], sigma_px: float) -> MovePoint:
        return MovePoint(
            camera=self._name(at.camera),
            instant=self.instant,
            person=self._id(at.person),
            keypoint=self._keypoint(at),
            x=xy[0],
            y=xy[1],
            sigma_px=sigma_px,
        )

    def usual_sigma(self, at: Joint) -> float:
        """How exactly a hand sets a keypoint of a person of this size, px."""
        assert self.review is not None
        body = self.review.pixels[at.camera, self.instant, at.person]
        known = body[np.isfinite(body).all(axis=-1)]
        size = float(np.ptp(known, axis=0).max()) if len(known) > 1 else 0.0
        return max(LEAST_SIGMA_PX, HAND_SHARE * size)

    @property
    def _now_s(self) -> float:
        assert self.review is not None
        return float(self.review.take.t_s[self.instant])

    def _name(self, camera: int) -> str:
        assert self.review is not None
        return self.review.rig.names[camera]

    def _id(self, person: int) -> int:
        assert self.review is not None
        return int(self.review.tracks.person_ids[person])

    def _keypoint(self, at: Joint) -> str:
        assert self.review is not None
        return self.review.take.points.skeleton.keypoints[at.keypoint]
