"""The small files that say what a session, a trial and a run are."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calibration.files import atomic_write
from mocap.core.errors import SessionError
from mocap.core.summary import RunSummary
from mocap.presets import read_toml
from mocap.session.layout import TrialFolder

SCHEMA_VERSION = 1

# Beyond these a number is a slip of the pen, most likely of the unit.
SMALLEST_M, TALLEST_M = 0.3, 2.8
LIGHTEST_KG, HEAVIEST_KG = 2.0, 400.0


class Manifest(BaseModel):
    """What every manifest says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION


class SessionManifest(Manifest):
    """A session: who and when. People go by pseudonyms; consent is recorded, not assumed."""

    id: str
    participant: str = "unnamed"
    recorded_on: date | None = None
    consent: str = "not recorded"
    units: str = "m, s, rad"
    tags: tuple[str, ...] = ()
    notes: str = ""
    sex: Literal["female", "male", "unknown"] = "unknown"
    height_m: float | None = Field(default=None, ge=SMALLEST_M, le=TALLEST_M)
    mass_kg: float | None = Field(default=None, ge=LIGHTEST_KG, le=HEAVIEST_KG)


class TrialManifest(Manifest):
    """A trial: its videos by camera, and where each came from; or the detections it was made of instead.

    Without videos and detections, the videos are those that lie in ``raw``. ``poses`` are detections that another
    program made of these videos.
    """

    videos: dict[str, str] = {}
    detections: str | None = None
    poses: str | None = None
    tags: tuple[str, ...] = ()
    notes: str = ""


class RunManifest(Manifest):
    """A finished run: everything it depended on and what it came to."""

    id: str
    settings: dict[str, Any]
    inputs: dict[str, str] = Field(description="Fingerprint of each input by name")
    summary: RunSummary


ManifestT = TypeVar("ManifestT", bound=Manifest)


def read_manifest(path: Path, kind: type[ManifestT]) -> ManifestT:
    """Read a manifest.

    Raises
    ------
    SessionError
        If it was written by a newer version of the software, or does not hold what it should.
    """
    table = read_toml(path)
    version = table.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise SessionError(
            f"This was written by a newer version of the software (schema {version}, this one knows "
            f"{SCHEMA_VERSION}).",
            "Update the software: pip install --upgrade openmocap.",
            path,
        )
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SessionError(
            f"'{where}' is wrong: {first['msg']}.", "Mend the file or make it anew.", path
        ) from error


def trial_manifest(trial: TrialFolder) -> TrialManifest:
    """Read what a trial says of itself; one that says nothing has its videos in ``raw``."""
    return read_manifest(trial.manifest, TrialManifest) if trial.manifest.is_file() else TrialManifest()


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest whole or not at all."""
    text = tomli_w.dumps(manifest.model_dump(exclude_none=True))
    with atomic_write(path) as draft:
        draft.write_text(text, encoding="utf-8")
