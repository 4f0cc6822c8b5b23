"""Stage results on disk, each with the key of what it was made from.

A result is a frozen dataclass of arrays; its fields are stored by name in an ``.npz`` without pickles. The
key is a hash of the stage's inputs and settings: a result whose key still fits need not be computed again.
"""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import MISSING, Field, asdict, dataclass, fields, is_dataclass
from itertools import repeat
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

from calibration.files import atomic_write
from mocap.core.errors import SessionError

ResultT = TypeVar("ResultT")

# A file is known by its size and by blocks spread evenly over it: a recording of an hour is told from any
# other in milliseconds, where reading all of it would take minutes.
FINGERPRINT_BLOCKS = 64
FINGERPRINT_BLOCK_BYTES = 1 << 16

KEY, SECONDS = "__key__", "__seconds__"


@dataclass(frozen=True)
class Stored(Generic[ResultT]):
    """A result, how long it took to compute, and whether that was done now or before."""

    result: ResultT
    seconds: float
    reused: bool


def key_of(*parts: object) -> str:
    """Hash of anything that JSON can say."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def fingerprint(path: Path) -> str:
    """Hash of a file's size and of blocks spread over its content."""
    size = path.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=16)
    last = max(0, size - FINGERPRINT_BLOCK_BYTES)
    with path.open("rb") as file:
        for offset in np.unique(np.linspace(0, last, FINGERPRINT_BLOCKS).astype(np.int64)):
            file.seek(int(offset))
            digest.update(file.read(FINGERPRINT_BLOCK_BYTES))
    return digest.hexdigest()


def save(path: Path, result: object, key: str, seconds: float) -> None:
    """Store a dataclass of arrays, tuples of names, numbers and further dataclasses, whole or not at all."""
    arrays: dict[str, Any] = {KEY: np.array(key), SECONDS: np.array(seconds)}
    for name, hint in get_type_hints(type(result)).items():
        value = getattr(result, name)
        # A skeleton's whole definition: a result stays what it was when presets change, and labs bring their own.
        arrays[name] = np.asarray(_as_json(value) if _is_nested(hint) else value)
    with atomic_write(path) as draft, draft.open("wb") as file:
        np.savez(file, **arrays)


def _is_nested(hint: Any) -> bool:
    """Whether a field holds a dataclass or a tuple of dataclasses."""
    inner = get_args(hint)[0] if get_origin(hint) is tuple else hint
    return is_dataclass(inner)


def _as_json(value: Any) -> str:
    plain = [asdict(one) for one in value] if isinstance(value, tuple) else asdict(value)
    return json.dumps(plain, default=np.ndarray.tolist)


def stored_key(path: Path) -> str:
    """Key of a stored result."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return str(stored[KEY])
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> SessionError:
    return SessionError(f"This result is damaged: {error}.", "Delete the file and run again.", path)


class OlderResultError(SessionError):
    """A result that an earlier version of the software wrote, which did not find out all that is known now."""


def load(path: Path, kind: type[ResultT], key: str | None = None) -> Stored[ResultT] | None:
    """Read a result back; None where there is none, or where a key is given and another was stored.

    Raises
    ------
    OlderResultError
        If it lacks what earlier versions did not store.
    SessionError
        If it is damaged.
    """
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            if key is not None and str(stored[KEY]) != key:
                return None
            hints = get_type_hints(kind)
            # What older versions did not find out is left at its default.
            there = [item.name for item in fields(kind) if item.name in stored or not _has_default(item)]  # type: ignore[arg-type]
            values = {name: _restore(hints[name], stored[name]) for name in there if name in stored}
            if absent := [name for name in there if name not in stored]:
                raise OlderResultError(
                    f"This result is of an earlier version of the software: it does not hold {', '.join(absent)}.",
                    "Process the recording again; the former result stays.",
                    path,
                )
            return Stored(kind(**values), float(stored[SECONDS]), reused=True)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise _damaged(path, error) from error


def _has_default(item: Field[Any]) -> bool:
    return item.default is not MISSING or item.default_factory is not MISSING


def _restore(hint: Any, array: np.ndarray) -> Any:
    """Turn a stored array back into what the dataclass field holds, by the field's annotation."""
    if _is_nested(hint):
        return _rebuild(hint, json.loads(str(array)))
    if get_origin(hint) is tuple:
        return tuple(str(name) for name in array)
    if hint in (int, float, str):
        return array.item()
    return array


def _rebuild(kind: Any, value: Any) -> Any:
    """Turn what JSON gave back into a frozen dataclass, or a tuple, of the given type."""
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(**{name: _rebuild(hints[name], part) for name, part in value.items()})
    if get_origin(kind) is tuple:
        types = get_args(kind)
        each = repeat(types[0]) if types[1:] == (Ellipsis,) else types
        return tuple(_rebuild(one, part) for one, part in zip(each, value, strict=False))
    if get_origin(kind) is np.ndarray:
        return np.asarray(value, dtype=np.float64)
    return value


def cached(path: Path, kind: type[ResultT], key: str, compute: Callable[[], ResultT]) -> Stored[ResultT]:
    """Return the stored result if its key fits and it holds all that is known now; else compute and store it."""
    try:
        stored = load(path, kind, key)
    except OlderResultError:
        stored = None
    if stored is not None:
        return stored
    start = time.perf_counter()
    result = compute()
    seconds = time.perf_counter() - start
    save(path, result, key, seconds)
    return Stored(result, seconds, reused=False)
