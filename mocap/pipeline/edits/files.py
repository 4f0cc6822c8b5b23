"""Edits on disk: a file for each run that is worked on, beside the runs, and a copy in the run made of them."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from calibration.files import atomic_write
from mocap.core.errors import InputError, SessionError
from mocap.pipeline.edits.kinds import Edits
from mocap.session import RunFolder, key_of

SCHEMA_VERSION = 1
# In a run: what it was made with, and what was seen before anything was put right.
MADE_WITH, SEEN = "edits.json", "tracks2d_seen"

_EDITS: TypeAdapter[Edits] = TypeAdapter(Edits)


class EditFile(BaseModel):
    """What is kept: the edits in the order they were made, and how many instants they are of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    instants: int
    edits: Edits


class _Version(BaseModel):
    model_config = ConfigDict(extra="ignore")

    schema_version: int


def working_file(run: RunFolder) -> Path:
    """Where the edits of a run are kept while somebody works on them: finished runs never change."""
    return run.root.parent.parent / "edits" / f"{run.root.name}.json"


def made_with(run: RunFolder) -> Edits:
    """Edits that a run was made with."""
    path = run.root / MADE_WITH
    return read_edits(path).edits if path.is_file() else ()


def read_edits(path: Path) -> EditFile:
    """Read a file of edits.

    Raises
    ------
    InputError
        If there is none.
    SessionError
        If it is damaged, or of a newer version.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError("There is no such file of edits.", "Check the path.", path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SessionError(f"The edits cannot be read: {error}.", "Restore the file from a copy.", path) from error
    try:
        _refuse_newer(text, path)
        return EditFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise SessionError(
            f"These edits are not understood: '{where}': {first['msg']}.",
            "Mend the file, or delete it to begin without edits.",
            path,
        ) from error


def _refuse_newer(text: str, path: Path) -> None:
    """What a newer version wrote may hold kinds of edits that are not known here."""
    try:
        version = _Version.model_validate_json(text).schema_version
    except ValidationError:
        return  # the error is told in full where the whole is read
    if version > SCHEMA_VERSION:
        raise SessionError(
            f"These edits were written by a newer version of the software (schema {version}).",
            "Update the software: pip install --upgrade openmocap.",
            path,
        )


def check_fits(file: EditFile, instants: int, path: Path | None = None) -> None:
    """Refuse edits of another recording.

    Raises
    ------
    InputError
        If they are of another number of instants.
    """
    if file.instants != instants:
        raise InputError(
            f"These edits are of a recording of {file.instants} instants, this one has {instants}.",
            "Name the edits of this recording; after another synchronisation they must be made anew.",
            path,
        )


def write_edits(path: Path, edits: Edits, instants: int) -> None:
    """Write edits whole or not at all.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    text = EditFile(instants=instants, edits=edits).model_dump_json(indent=1)
    with atomic_write(path) as draft:
        draft.write_text(text + "\n", encoding="utf-8")


def edits_key(edits: Edits) -> str:
    """Hash of edits: two runs with the same ones are the same."""
    return key_of(_EDITS.dump_python(edits, mode="json"))
