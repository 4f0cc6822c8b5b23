"""Events that a person added, moved or took away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mocap.core.measures import Event
from mocap.pipeline.edits.kinds import AddEvent, DeleteEvent, Edits, EventEdit, MoveEvent

# An event that was found elsewhere after other corrections is still the one that was meant within this time, s:
# the same foot strikes again after 0.6 s at the soonest, in a sprint after 0.4.
SAME_EVENT_S = 0.15

EditEvents = Callable[[int, tuple[Event, ...]], tuple[Event, ...]]


def event_editor(edits: Edits, person_ids: list[int], rate_hz: float) -> EditEvents:
    """Make a function that puts right the events of the n-th person."""

    def put_right(n: int, found: tuple[Event, ...]) -> tuple[Event, ...]:
        return edited_events(edits, person_ids[n], found, rate_hz)

    return put_right


def edited_events(edits: Edits, person: int, found: tuple[Event, ...], rate_hz: float) -> tuple[Event, ...]:
    """Events of a person, in order of time.

    One that a person marked is known to a picture; an event that was to be moved and is no longer found happened
    where it was moved to.
    """
    events = list(found)
    for edit in edits:
        if not isinstance(edit, AddEvent | MoveEvent | DeleteEvent) or edit.person != person:
            continue
        meant = None if isinstance(edit, AddEvent) else _meant(edit, events)
        if meant is not None:
            events.remove(meant)
        if isinstance(edit, AddEvent):
            events.append(Event(edit.event, edit.side, edit.t_s, 1.0 / rate_hz))
        elif isinstance(edit, MoveEvent):
            as_found = meant or Event(edit.event, edit.side, edit.t_s)
            events.append(replace(as_found, t_s=edit.to_s, sigma_s=1.0 / rate_hz, doubtful=False))
    return tuple(sorted(events, key=lambda event: event.t_s))


def _meant(edit: EventEdit, events: list[Event]) -> Event | None:
    """The event that an edit is about."""
    near = [
        event
        for event in events
        if (event.kind, event.side) == (edit.event, edit.side) and abs(event.t_s - edit.t_s) <= SAME_EVENT_S
    ]
    return min(near, key=lambda event: abs(event.t_s - edit.t_s)) if near else None
