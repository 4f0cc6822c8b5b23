"""Which runtime is the fastest for a network on this very machine: a short trial, remembered per user."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from platformdirs import user_cache_dir

from calibration.files import atomic_write
from mocap.core.errors import ExplainedError, StorageError
from mocap.detect.runtimes import READERS, open_runtime
from mocap.detect.runtimes.protocol import OPEN, Array, Kind, Runtime, outputs_of_shape

APP = "openmocap"
# Rounds of the trial, and seconds after which no further round begins. The fastest run of each counts: whatever
# else the machine does can only slow one down.
ROUNDS = 10
TRIAL_S = 4.0
# Where the system counts a process's time this finely, that is measured, so that a busy machine misleads nobody.
FINE_S = 1e-3
# Crops of a batch on a graphics card: what a few cameras have at the same time.
CARD_BATCH = 8
# Another runtime must be this much faster than the base one to take its place, or chance decides.
WORTHWHILE = 0.95
# Runtimes whose keypoints differ by more than this, crop px, are not equal.
AGREEMENT_PX = 0.05
MODULES: dict[Kind, tuple[str, str]] = {
    "litert": ("ai_edge_litert", "ai-edge-litert"),
    "openvino": ("openvino", "openvino"),
    "onnxruntime": ("onnxruntime", "onnxruntime"),
    "torch": ("torch", "torch"),
}


@dataclass(frozen=True)
class Verdict:
    """Outcome of a trial.

    Attributes
    ----------
    model : str
        Name of the model.
    chosen : str
        The runtime.
    milliseconds : dict of str to float
        Time that one crop takes one core, of each runtime that was tried; on a graphics card the core's share
        of the time.
    """

    model: str
    chosen: Kind
    milliseconds: dict[str, float]


def installed(kind: Kind) -> str | None:
    """Version of a runtime, None where it is not installed."""
    module, distribution = MODULES[kind]
    if importlib.util.find_spec(module) is None:
        return None
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:  # built or vendored by hand
        return "unknown"


def fastest(model: str, sha256: str, path: Path, outputs: tuple[tuple[int, ...], ...], cores: int = 1) -> Verdict:
    """Return the fastest runtime of a network whose first output is in crop pixels; tried once per machine.

    Parameters
    ----------
    model, sha256 : str
        Name of the model and hash of its weights.
    path : Path
    outputs : shapes
        By which two runtimes' answers are told apart.
    cores : int
        Copies of the network that a processor would run side by side.

    Raises
    ------
    ModelError
        If the runtime of the base install cannot run it.
    """
    # torch is not tried on a processor: it takes seconds to load and is several times slower there.
    kinds = [k for k in READERS[path.suffix.lower()] if installed(k) and (k != "torch" or on_graphics_card())]
    if len(kinds) == 1:
        return Verdict(model, kinds[0], {})
    key = _key(sha256, kinds)
    known = remembered()
    if key not in known:
        known = {**known, key: trial(model, kinds, lambda kind: open_runtime(path, kind), outputs, cores)}
        _remember(known)
    return known[key]


def on_graphics_card() -> bool:
    """Whether torch would work on a graphics card; it is only loaded, for seconds, where there may be one."""
    apple = sys.platform == "darwin" and platform.machine() == "arm64"
    if installed("torch") is None or not (
        apple or shutil.which("nvidia-smi") or Path("/proc/driver/nvidia").exists()
    ):
        return False
    from mocap.detect.runtimes.torchscript import best_device

    return best_device() != "cpu"


def trial(
    model: str,
    kinds: Sequence[Kind],
    start: Callable[[Kind], Runtime],
    outputs: tuple[tuple[int, ...], ...],
    cores: int = 1,
) -> Verdict:
    """Run each runtime in turns; one that fails or disagrees with the first is left out.

    Parameters
    ----------
    kinds : sequence of str
        The base runtime first.
    start : function
        Opens the network with a runtime.
    cores : int
        Copies of the network that a processor would run side by side.
    """
    base = start(kinds[0])
    tensor = _noise(base)
    right = _answer(base, tensor, outputs)
    runtimes: dict[Kind, Runtime] = {kinds[0]: base}
    for kind in kinds[1:]:
        try:
            other = start(kind)
            if np.abs(_answer(other, tensor, outputs) - right).max() <= AGREEMENT_PX:
                runtimes[kind] = other
        except ExplainedError:  # broken, or not able to read this network: the base one is there
            continue
    fine = time.get_clock_info("process_time").resolution < FINE_S
    best = dict.fromkeys(runtimes, np.inf)
    begun = time.perf_counter()
    for _ in range(ROUNDS):
        for kind, runtime in runtimes.items():
            # A graphics card works beside the processor, on a batch, and does what all cores would share.
            on_card = kind == "torch"
            clock = time.process_time if fine and not on_card else time.perf_counter
            batch = np.repeat(tensor, CARD_BATCH, axis=0) if on_card else tensor
            start_s = clock()
            runtime.run(batch)
            took = (clock() - start_s) * (cores / CARD_BATCH if on_card else 1.0)
            best[kind] = min(best[kind], took)
        if time.perf_counter() - begun > TRIAL_S:
            break
    winner = min(best, key=lambda kind: best[kind])
    chosen = winner if best[winner] < WORTHWHILE * best[kinds[0]] else kinds[0]
    return Verdict(model, chosen, {kind: round(1000 * seconds, 1) for kind, seconds in best.items()})


def _noise(runtime: Runtime) -> Array:
    shape = tuple(1 if n == OPEN else n for n in runtime.inputs[0].shape or ())
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def _answer(runtime: Runtime, tensor: Array, outputs: tuple[tuple[int, ...], ...]) -> Array:
    first = outputs_of_shape(runtime, outputs)[0]
    return np.asarray(runtime.run(tensor)[first])


def remembered() -> dict[str, Verdict]:
    """Verdicts of this user by key; those that cannot be read are forgotten."""
    try:
        table = json.loads(_file().read_text(encoding="utf-8"))
        return {key: Verdict(**entry) for key, entry in table.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _remember(verdicts: dict[str, Verdict]) -> None:
    """Write verdicts down; a cache that cannot be written costs another trial the next time, nothing else."""
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(_file()) as draft:
            draft.write_text(json.dumps({key: asdict(one) for key, one in verdicts.items()}), encoding="utf-8")
    except (OSError, StorageError):
        return


def _file() -> Path:
    return Path(user_cache_dir(APP)) / "runtimes.json"


def _key(sha256: str, kinds: Sequence[Kind]) -> str:
    """Hash of the machine, the runtimes' versions and the weights."""
    machine = (platform.node(), platform.machine(), platform.processor(), os.cpu_count())
    versions = [(kind, installed(kind)) for kind in kinds]
    return hashlib.sha256(repr((machine, versions, sha256)).encode()).hexdigest()[:16]
