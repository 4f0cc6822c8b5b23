"""The weights of the networks: fetched once per user, checked against their cards."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_dir, user_data_dir

from calibration.files import atomic_write, explain_write_error
from mocap.core.errors import ModelError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.detect import trust
from mocap.detect.cards import ModelCard, card_skeleton, describe, load_cards, read_card
from mocap.detect.sources import Clients, UnavailableError, obtain
from mocap.detect.weightfile import check_weights

APP = "openmocap"
# A folder of the user's choice for weights and cards: shared drives, machines without a network, tests.
DIR_VARIABLE = "MOCAP_MODELS_DIR"
# Digits of the hash in the folder's name: enough that no two models meet.
PREFIX = 12
CHUNK = 1 << 20

State = Literal["ready", "missing", "damaged"]


@dataclass(frozen=True)
class ModelStatus:
    """What is known of one model on this machine.

    Attributes
    ----------
    card : ModelCard
        With the hash noted at first use where it states none itself.
    path : Path
        Where its weights lie or would lie.
    on_trust : bool
        Whether nobody but this machine vouches for the hash.
    """

    card: ModelCard
    path: Path
    state: State
    on_trust: bool = False


@dataclass(frozen=True)
class Choice:
    """The model that is used, and what the user should know about it."""

    card: ModelCard
    path: Path
    warnings: tuple[str, ...]


def models_dir() -> Path:
    """Folder of the weights."""
    chosen = os.environ.get(DIR_VARIABLE)
    return Path(chosen) if chosen else Path(user_cache_dir(APP)) / "models"


def user_cards_dir() -> Path:
    """Folder of the cards that the user added."""
    chosen = os.environ.get(DIR_VARIABLE)
    return Path(chosen) / "cards" if chosen else Path(user_data_dir(APP)) / "detectors"


def known_cards() -> dict[str, ModelCard]:
    """Shipped cards and the user's own, by name."""
    return load_cards(user_cards_dir())


def find_card(name: str) -> ModelCard:
    """Card by name; a name that does not exist is explained with those that do."""
    cards = known_cards()
    if name not in cards:
        raise ModelError(f"There is no model '{name}'.", f"Choose one of: {', '.join(sorted(cards))}.")
    return cards[name]


def cached_path(card: ModelCard) -> Path:
    """Where the weights of a card lie once they are fetched."""
    known = trust.resolve(models_dir(), card)
    # Without a hash yet, a place that no file is ever put to.
    folder = f"{card.name}-{card.version}" if known.on_trust else known.sha256[:PREFIX]
    return models_dir() / folder / card.file


def sha256_of(path: Path) -> str:
    """Hash of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _state(card: ModelCard, *, whole: bool) -> ModelStatus:
    """Look at the cached weights: their size, and the hash of the whole file if asked."""
    path, known = cached_path(card), trust.resolve(models_dir(), card)
    if known.on_trust or not path.is_file():
        return ModelStatus(known, path, "missing", card.on_trust)
    sound = known.size_bytes in (None, path.stat().st_size) and (not whole or sha256_of(path) == known.sha256)
    return ModelStatus(known, path, "ready" if sound else "damaged", card.on_trust)


def status() -> tuple[ModelStatus, ...]:
    """State of every known model, quickly: by the size of its file."""
    return tuple(_state(card, whole=False) for _, card in sorted(known_cards().items()))


def verify() -> tuple[ModelStatus, ...]:
    """State of every known model, by the hash of its whole file."""
    return tuple(_state(card, whole=True) for _, card in sorted(known_cards().items()))


def fetch(
    card: ModelCard,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
    clients: Clients | None = None,
) -> Path:
    """Fetch the weights of a card from the first of its sources that has them.

    The file appears in the cache whole and verified, or not at all. Where the card knows no hash, the first
    file is taken on trust and its hash noted; `trust.warning` says so.

    Raises
    ------
    ModelError
        If no source gives them; names each source and its reason.
    CancelledError
        If the user stops.
    StorageError
        If the cache cannot be written to.
    """
    cancel, clients = cancel or CancelToken(), clients or Clients()
    card, stage = trust.resolve(models_dir(), card), f"fetching {card.name}"
    size = card.size_bytes or 1
    reasons = []
    for source in card.sources:
        cancel.check()
        progress(stage, 0, size)
        try:
            models_dir().mkdir(parents=True, exist_ok=True)
            # Beside the cache: a small /tmp in memory is no place for packages of 60 MB.
            with tempfile.TemporaryDirectory(prefix=".fetch-", dir=models_dir()) as folder:
                found = obtain(source, card, Path(folder), clients, progress, cancel)
                target = _store(found, card, describe(source))
        except UnavailableError as error:
            reasons.append(f"{describe(source)}: {error}")
        except OSError as error:
            raise explain_write_error(error, models_dir()) from error
        else:
            progress(stage, size, size)
            return target
    raise ModelError(
        f"The weights of '{card.name}' could not be fetched ({'; '.join(reasons) or 'the card names no source'}).",
        f"Connect to the internet and try again, or copy {card.file} here and run: mocap models add {card.file}",
    )


def _store(found: Path, card: ModelCard, origin: str) -> Path:
    """Put a file into the cache if it is the one that the card means; note its hash if it is the first."""
    have = sha256_of(found)
    if card.on_trust:
        try:
            check_weights(found, card.file)
        except ModelError as error:
            raise UnavailableError(error.what) from error
    elif have != card.sha256:
        raise UnavailableError(f"the file is another: sha256 expected {card.sha256}, got {have}")
    target = models_dir() / have[:PREFIX] / card.file
    with atomic_write(target) as draft:
        shutil.copyfile(found, draft)
    if card.on_trust:
        trust.note(models_dir(), card, have, target.stat().st_size, origin)
    return target


def ensure(
    name: str,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
    clients: Clients | None = None,
) -> tuple[ModelCard, Path]:
    """Give a model's card and weights, fetched if they are missing or damaged.

    The whole file is hashed: 30 ms for the largest, and a flipped bit in a weight would go unnoticed.
    """
    card = find_card(name)
    now = _state(card, whole=True)
    path = now.path if now.state == "ready" else fetch(card, progress, cancel, clients)
    return trust.resolve(models_dir(), card), path


def choose(
    preferred: tuple[str, ...],
    progress: Progress = silent,
    cancel: CancelToken | None = None,
    clients: Clients | None = None,
) -> Choice:
    """Give the first of the preferred models that is to be had, and say so if it is not the first.

    Raises
    ------
    ModelError
        If none is.
    """
    failures: list[ModelError] = []
    for name in preferred:
        try:
            card, path = ensure(name, progress, cancel, clients)
        except ModelError as error:
            failures.append(error)
            continue
        warnings = tuple(f"{e.what} '{name}' is used instead: expect larger errors." for e in failures)
        on_trust = trust.warning(find_card(name), models_dir())
        return Choice(card, path, (*warnings, on_trust) if on_trust else warnings)
    raise ModelError(
        " ".join(e.what for e in failures) or "No model is named.",
        failures[0].remedy if failures else "Name at least one model.",
    )


def add(path: Path, card_path: Path | None = None) -> ModelStatus:
    """Add a card, weights that belong to a known card, or weights together with their card.

    Parameters
    ----------
    path : Path
        A card (.toml) or a file of weights.
    card_path : Path, optional
        The card of the weights.

    Raises
    ------
    ModelError
        If a card is not valid, the weights could run a program, are not those of the card, or no card knows
        them.
    """
    for given in (path, card_path):
        if given is not None and not given.is_file():
            raise ModelError("There is no such file.", "Give a card (.toml) or a file of weights.", given)
    if path.suffix.lower() == ".toml":
        if card_path is not None:
            raise ModelError("This is a card, and so is the other.", "Give the weights and one card.", path)
        return _state(_add_card(path), whole=False)
    if card_path is not None:
        check_weights(path)
        return _add_weights(path, read_card(card_path), card_path)
    have = sha256_of(path)
    for card in known_cards().values():
        known = trust.resolve(models_dir(), card)
        named = known.on_trust and card.file == path.name
        if named:  # without a hash, the first file is known by the name that `fetch` would give it
            check_weights(path)
        if named or known.sha256 == have:
            _store(path, card, str(path))
            return _state(card, whole=False)
    check_weights(path)
    raise ModelError(
        f"No known model has these weights (sha256 {have}).",
        "Give its model card too: mocap models add WEIGHTS --card CARD.toml",
        path,
    )


def _add_card(path: Path) -> ModelCard:
    """Check a card and keep it among the user's own."""
    card = read_card(path)
    if card.task in ("landmarks", "people"):
        card_skeleton(card)
    with atomic_write(user_cards_dir() / f"{card.name}.toml") as draft:
        shutil.copyfile(path, draft)
    return card


def _add_weights(path: Path, card: ModelCard, card_path: Path) -> ModelStatus:
    """Keep weights and their card, if they belong together."""
    if path.suffix.lower() != Path(card.file).suffix.lower():
        raise ModelError(
            f"The card is of a {Path(card.file).suffix} file and these weights are {path.suffix}.",
            "Give the weights that the card is of.",
            path,
        )
    try:
        _store(path, trust.resolve(models_dir(), card), str(path))
    except UnavailableError as error:
        raise ModelError(
            f"These are not the weights of '{card.name}': {error}.",
            "Give the right file, or a card with a version of its own.",
            path,
        ) from error
    return _state(_add_card(card_path), whole=False)
