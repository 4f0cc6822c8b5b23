"""Hashes that nobody published: written down at the first fetch, and binding from then on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from calibration.files import atomic_write
from mocap.core.errors import ModelError
from mocap.detect.cards import ModelCard

FOLDER = "first_use"


@dataclass(frozen=True)
class Record:
    """What was taken on trust: hash and size of the file, where it came from, and when (UTC)."""

    sha256: str
    size_bytes: int
    source: str
    when: str


def record_path(models: Path, card: ModelCard) -> Path:
    """Where the hash of a card's first file is noted."""
    return models / FOLDER / f"{card.name}-{card.version}.json"


def recall(models: Path, card: ModelCard) -> Record | None:
    """Give what was noted of a card at its first use, if it was used.

    Raises
    ------
    ModelError
        If the note is damaged.
    """
    path = record_path(models, card)
    if not path.is_file():
        return None
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return Record(str(table["sha256"]), int(table["size_bytes"]), str(table["source"]), str(table["when"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"The note of the hash of '{card.name}' is damaged.",
            "Delete it to trust the next file that is fetched, or put the hash into the card.",
            path,
        ) from error


def note(models: Path, card: ModelCard, sha256: str, size_bytes: int, source: str) -> None:
    """Note the hash of a card's first file."""
    when = datetime.now(timezone.utc).isoformat(timespec="seconds")
    table = {"sha256": sha256, "size_bytes": size_bytes, "source": source, "when": when}
    with atomic_write(record_path(models, card)) as draft:
        draft.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def resolve(models: Path, card: ModelCard) -> ModelCard:
    """Give a card with its hash: its own, or the one noted at first use; as it is where there is none yet."""
    record = recall(models, card) if card.on_trust else None
    if record is None:
        return card
    return card.model_copy(update={"sha256": record.sha256, "size_bytes": record.size_bytes})


def warning(card: ModelCard, models: Path) -> str:
    """What the user should know of a model that is used on trust; empty where the card states a hash."""
    record = recall(models, card) if card.on_trust else None
    if record is None:
        return ""
    return (
        f"The publisher of '{card.name}' states no hash: the file of {record.when[:10]} from {record.source} was "
        f"taken on trust (sha256 {record.sha256})."
    )
