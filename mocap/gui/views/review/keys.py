"""Keys of the review page: what they do (a word of ``ReviewPage.act``), and how the sheet says it."""

from __future__ import annotations

from mocap.gui.scene.content import LOOKS

KEYS = (
    ("Space", "play", "Play or pause"),
    ("Left", "back", "One instant back"),
    ("Right", "forward", "One instant forward"),
    ("Shift+Left", "back 10", "Ten instants back"),
    ("Shift+Right", "forward 10", "Ten instants forward"),
    ("Ctrl+Left", "first", "To the beginning of the range"),
    ("Ctrl+Right", "last", "To the end of the range"),
    ("E", "event after", "To the next event"),
    ("Shift+E", "event before", "To the event before"),
    ("A", "a", "Range begins here"),
    ("B", "b", "Range ends here"),
    ("Esc", "clear", "Play everything"),
    ("L", "loop", "Loop on or off"),
    ("+", "faster", "Faster"),
    ("-", "slower", "Slower"),
    ("W", "whole", "See the whole recording again"),
    *((str(n), f"solo {n - 1}", f"Camera {n} alone, or all") for n in range(1, 5)),
    *((f"Alt+{n}", f"look {look}", f"Room seen from the {look}") for n, look in enumerate(LOOKS, start=1)),
    ("Alt+F", "follow", "Room follows the person"),
)
