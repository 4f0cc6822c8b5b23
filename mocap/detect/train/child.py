"""The card and the weights of a network that was taught, with its descent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from calibration.files import atomic_write
from mocap.detect.cards import ModelCard, parse_card
from mocap.detect.specs import Parent


@dataclass(frozen=True)
class Child:
    """A network that was taught: its card, and where card and weights lie."""

    card: ModelCard
    card_path: Path
    weights_path: Path


def write_child(folder: Path, name: str, card: ModelCard, weights: bytes, descent: Parent) -> Child:
    """Write weights and card of a new network; the version is its parent's and the first digits of its own hash.

    Parameters
    ----------
    folder : Path
    name : str
        Of the new model.
    card : ModelCard
        The parent's.
    weights : bytes
        Content of the file.
    descent : Parent
        What it was made from, and what that brought.

    Raises
    ------
    ModelError
        If the name is not one.
    StorageError
        If the files cannot be written.
    """
    sha256 = hashlib.sha256(weights).hexdigest()
    table = {
        **card.model_dump(mode="json", exclude_none=True, exclude_defaults=True),
        "name": name,
        "version": f"{card.version}+{sha256[:8]}",
        "file": f"{name}.tflite",
        "size_bytes": len(weights),
        "sha256": sha256,
        "sources": [],
        "parent": descent.model_dump(mode="json", exclude_none=True),
    }
    new = parse_card(table)
    weights_path, card_path = folder / new.file, folder / f"{name}.toml"
    with atomic_write(weights_path) as draft:
        draft.write_bytes(weights)
    # The card is last: where it is, the weights are.
    with atomic_write(card_path) as draft:
        draft.write_text(tomli_w.dumps(table), encoding="utf-8")
    return Child(new, card_path, weights_path)
