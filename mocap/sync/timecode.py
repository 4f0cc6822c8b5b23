"""What a video file itself says about when it was recorded: a time code, or the time of its creation."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import av

from mocap.core.errors import InputError, VideoError
from mocap.sync.clocks import Link

# A time code counts frames: it is right to a frame where the cameras were jam-synced, and to as much more as their
# clocks drifted since; the standard error of the difference of two, in frames.
TIMECODE_FRAMES = 1.0
# Creation times are in whole seconds, of clocks that were set by hand or over a network, and some programs note
# the beginning, some the end; s.
CREATION_S = 2.0
DAY_S = 86_400.0
_CODE = re.compile(r"^(\d{2}):(\d{2}):(\d{2})([:;.])(\d{2,3})$")


@dataclass(frozen=True)
class Stamp:
    """When a file began.

    Attributes
    ----------
    camera : str
    start_s : float
        Time of day, or since 1970, at time 0 of the file, s.
    sigma_s : float
    coded : bool
        From a time code.
    """

    camera: str
    start_s: float
    sigma_s: float
    coded: bool


def read_stamp(path: Path, camera: str, rate_hz: float) -> Stamp:
    """Read the time code, or else the creation time, of a video.

    Raises
    ------
    InputError
        If the file has neither.
    VideoError
        If it cannot be opened.
    """
    try:
        with av.open(str(path)) as container:
            notes: dict[str, str] = {}
            for said in (*(stream.metadata for stream in container.streams), container.metadata):
                notes |= {key.lower(): value for key, value in said.items()}
    except av.error.FFmpegError as error:
        raise VideoError(f"The video cannot be opened: {error.strerror}.", "Convert it again.", path) from error
    if (code := notes.get("timecode")) is not None:
        return Stamp(camera, read_code(code, rate_hz), TIMECODE_FRAMES / rate_hz / math.sqrt(2.0), True)
    if (made := notes.get("creation_time")) is not None:
        try:
            instant = datetime.fromisoformat(made.replace("Z", "+00:00"))
        except ValueError as error:
            raise InputError(f"'{made}' is no creation time.", "Sync by sound or motion.", path) from error
        if instant.year > 1990:  # clocks that were never set begin in 1904 or 1970
            return Stamp(camera, instant.timestamp(), CREATION_S / math.sqrt(2.0), False)
    raise InputError(f"The video of '{camera}' has no time code.", "Sync by sound or motion.", path)


def read_code(code: str, rate_hz: float) -> float:
    """Turn a time code HH:MM:SS:FF, or HH:MM:SS;FF with dropped numbers (SMPTE ST 12-1), into seconds.

    Raises
    ------
    InputError
        If it is none.
    """
    found = _CODE.match(code.strip())
    if found is None:
        raise InputError(f"'{code}' is no time code.", "Sync by sound or motion.")
    hours, minutes, seconds, frames = (int(found[n]) for n in (1, 2, 3, 5))
    counted = round(rate_hz)
    number = ((hours * 60 + minutes) * 60 + seconds) * counted + frames
    if found[4] == ";":  # two numbers of thirty are dropped each minute, but for every tenth
        whole = hours * 60 + minutes
        number -= (counted // 15) * (whole - whole // 10)
    return number / rate_hz


def compare_stamps(first: Stamp, second: Stamp) -> Link:
    """Offset of the second file's clock against the first's.

    Raises
    ------
    InputError
        If one has a time code, the other a creation time.
    """
    if first.coded != second.coded:
        raise InputError(
            f"Of '{first.camera}' and '{second.camera}' only one has a time code.", "Sync by sound or motion."
        )
    offset = first.start_s - second.start_s
    if first.coded:  # a recording may pass midnight
        offset = (offset + 0.5 * DAY_S) % DAY_S - 0.5 * DAY_S
    kind = "time codes" if first.coded else "creation times"
    sigma = math.hypot(first.sigma_s, second.sigma_s)
    return Link("timecode", first.camera, second.camera, 0.0, offset, sigma, basis=kind)
