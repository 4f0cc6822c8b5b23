"""What a person may put right in a recording, as statements that stay apart from what they change.

Points and places are those of the picture as it was taken; instants are rows of the common instants; people go by
the number that association gave them, ``Tracks2D.person_ids``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Side = Literal["left", "right"]
Row = Annotated[int, Field(ge=0)]
Place = Annotated[float, Field(allow_inf_nan=False)]


class _Edit(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Ranged(_Edit):
    """From one instant to another, both included."""

    first: Row
    last: Row

    @model_validator(mode="after")
    def _in_order(self) -> _Ranged:
        if self.last < self.first:
            raise ValueError("a range ends before it begins")
        return self


class MovePoint(_Edit):
    """A keypoint of a person lies at (x, y), px, in one picture, known to ``sigma_px``."""

    kind: Literal["move point"] = "move point"
    camera: str
    instant: Row
    person: int
    keypoint: str
    x: Place
    y: Place
    sigma_px: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RemovePoint(_Edit):
    """A keypoint of a person was not seen in one picture, whatever was found there."""

    kind: Literal["remove point"] = "remove point"
    camera: str
    instant: Row
    person: int
    keypoint: str


class SwapSides(_Ranged):
    """Left and right of a person were taken for each other in some cameras; in all, where none is named."""

    kind: Literal["swap sides"] = "swap sides"
    person: int
    cameras: tuple[str, ...] = ()


class MaskCamera(_Ranged):
    """Nothing that a camera saw is to be believed."""

    kind: Literal["mask camera"] = "mask camera"
    camera: str


class ChooseSubject(_Edit):
    """The recording is of whoever is at (x, y), px, in one picture."""

    kind: Literal["choose subject"] = "choose subject"
    camera: str
    instant: Row
    x: Place
    y: Place


class ExchangePeople(_Ranged):
    """Two people were taken for each other."""

    kind: Literal["exchange people"] = "exchange people"
    one: int
    other: int


class AddEvent(_Edit):
    """Something happened at ``t_s``, on the clock of the recording."""

    kind: Literal["add event"] = "add event"
    person: int
    event: Annotated[str, Field(min_length=1)]
    side: Side | None = None
    t_s: Place


class MoveEvent(_Edit):
    """What was found at ``t_s`` happened at ``to_s``."""

    kind: Literal["move event"] = "move event"
    person: int
    event: str
    side: Side | None = None
    t_s: Place
    to_s: Place


class DeleteEvent(_Edit):
    """What was found at ``t_s`` did not happen."""

    kind: Literal["delete event"] = "delete event"
    person: int
    event: str
    side: Side | None = None
    t_s: Place


PointEdit = MovePoint | RemovePoint
IdentityEdit = ChooseSubject | ExchangePeople
EventEdit = AddEvent | MoveEvent | DeleteEvent
Edit = Annotated[
    MovePoint | RemovePoint | SwapSides | MaskCamera | ChooseSubject | ExchangePeople | AddEvent | MoveEvent
    | DeleteEvent,
    Field(discriminator="kind"),
]  # fmt: skip
Edits = tuple[Edit, ...]


def subject_of(edits: Edits) -> ChooseSubject | None:
    """The last word on who the subject is."""
    chosen = [edit for edit in edits if isinstance(edit, ChooseSubject)]
    return chosen[-1] if chosen else None


def identity_edits(edits: Edits) -> Edits:
    """Those about who is who: they count before anybody is looked at again."""
    return tuple(edit for edit in edits if isinstance(edit, ChooseSubject | ExchangePeople))
