"""``sync.toml``: the clocks of a recording's cameras, beside its videos; people may read and mend it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calibration.files import atomic_write
from mocap.core.errors import InputError
from mocap.presets import read_toml
from mocap.sync.clocks import Clocks

SYNC_FILE = "sync.toml"
VERSION = 1


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Clock(_Table):
    """One camera, and the frames of the video that it was found from."""

    camera: str
    frames: int = Field(ge=1)
    offset_s: float = Field(allow_inf_nan=False)
    rate: float = Field(gt=0.1, lt=10.0)
    best_known_at_s: float = Field(default=0.0, allow_inf_nan=False)
    sigma_s: float = Field(ge=0.0)
    rate_sigma: float = Field(ge=0.0)


class _File(_Table):
    version: int
    meaning: str = ""
    found_by: dict[str, str] = {}
    left_out: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    clock: tuple[_Clock, ...] = Field(min_length=2)


MEANING = (
    "What a camera's video shows at the time t of the video happened at (t - offset_s) / rate on the common "
    "clock, which is the first camera's."
)


AGAIN = "Run mocap sync again, or remove the file."


def write_clocks(
    path: Path,
    clocks: Clocks,
    frames: tuple[int, ...],
    found_by: dict[str, str] | None = None,
    left_out: dict[str, str] | None = None,
    notes: tuple[str, ...] = (),
) -> None:
    """Write the clocks of cameras whose videos have so many ``frames``; whole or not at all."""
    table = _File(
        version=VERSION,
        meaning=MEANING,
        found_by=found_by or {},
        left_out=left_out or {},
        notes=notes,
        clock=tuple(
            _Clock(
                camera=name,
                frames=frames[c],
                offset_s=float(clocks.offset_s[c]),
                rate=float(clocks.rate[c]),
                best_known_at_s=float(clocks.at_s[c]),
                sigma_s=float(clocks.sigma_s[c]),
                rate_sigma=float(clocks.rate_sigma[c]),
            )
            for c, name in enumerate(clocks.cameras)
        ),
    )
    with atomic_write(path) as draft:
        draft.write_text(tomli_w.dumps(table.model_dump()), encoding="utf-8")


@dataclass(frozen=True)
class Told:
    """What the file says beside the clocks: statements that were used and left out, by title, and notes."""

    found_by: dict[str, str]
    left_out: dict[str, str]
    notes: tuple[str, ...]


def read_told(path: Path) -> Told:
    """Read what the clocks rest on, in words.

    Raises
    ------
    InputError
        If the file does not hold what it should.
    """
    table = _read(path)
    return Told(dict(table.found_by), dict(table.left_out), table.notes)


def read_clocks(path: Path, cameras: tuple[str, ...], frames: tuple[int, ...]) -> Clocks:
    """Read the clocks of these cameras, whose videos have so many frames.

    Raises
    ------
    InputError
        If the file is of other videos, or does not hold what it should.
    """
    again, table = AGAIN, _read(path)
    known = {clock.camera: clock for clock in table.clock}
    missing = [name for name in cameras if name not in known]
    if missing:
        raise InputError(f"The file has no clock for camera '{missing[0]}'.", again, path)
    chosen = [known[name] for name in cameras]
    for clock, count in zip(chosen, frames, strict=True):
        if clock.frames != count:
            raise InputError(
                f"The file was made for a video of '{clock.camera}' with {clock.frames} frames; this one has "
                f"{count}.",
                again,
                path,
            )
    return Clocks(
        cameras,
        np.array([clock.offset_s for clock in chosen]),
        np.array([clock.rate for clock in chosen]),
        np.array([clock.best_known_at_s for clock in chosen]),
        np.array([clock.sigma_s for clock in chosen]),
        np.array([clock.rate_sigma for clock in chosen]),
    )


def _read(path: Path) -> _File:
    try:
        table = _File.model_validate(read_toml(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"'{where}' is wrong: {first['msg']}.", AGAIN, path) from error
    if table.version > VERSION:
        raise InputError("This was written by a newer version of the software.", "Update the software.", path)
    return table
