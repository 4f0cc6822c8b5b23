"""The pictures of one camera at given instants."""

from __future__ import annotations

from collections.abc import Iterator

from mocap.core.types import Frame, ImageArray, IntArray


def images_at(frames: Iterator[Frame], wanted: IntArray) -> Iterator[ImageArray | None]:
    """Pick pictures out of a stream of frames; only one is held at a time.

    Parameters
    ----------
    frames : iterator of Frame
        In ascending order.
    wanted : (T,) int
        Frame numbers, never falling but for -1, which means none; a column of ``SyncTable.frame_index``.

    Yields
    ------
    The picture (H, W, 3), or None where there is none.
    """
    frame: Frame | None = None
    for number in wanted.tolist():
        while number >= 0 and (frame is None or frame.index < number):
            frame = next(frames, None)
            if frame is None:
                break
        yield frame.image if number >= 0 and frame is not None and frame.index == number else None
