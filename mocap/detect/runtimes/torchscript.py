"""TorchScript: runs exported .pt files. Pickled checkpoints, which may hold any program, are refused."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from mocap.core.errors import MissingExtraError, ModelError
from mocap.detect.runtimes.protocol import Array, OpenedNetwork, TensorSpec, check_inputs, unreadable


class TorchScriptRuntime(OpenedNetwork):
    """A `Runtime` of a TorchScript file, on the best device that torch finds.

    Parameters
    ----------
    path : Path
        The file, as ``torch.jit.save`` writes it.
    threads : int
        Threads of one run; torch has one number for the whole process, so this is a wish.

    Raises
    ------
    MissingExtraError
        If torch is not installed.
    ModelError
        If the file is no TorchScript.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError(f"Running {path.name} needs torch.", "torch") from error
        _refuse_pickles(path)
        self._torch, self._threads = torch, threads
        self._device = best_device()
        try:
            with warnings.catch_warnings():  # torch calls its own format old; labs have files of it
                warnings.simplefilter("ignore", DeprecationWarning)
                self._module: Any = torch.jit.load(str(path), map_location=self._device).eval()
            names = [node.debugName() for node in self._module.graph.inputs()][1:]
        except (RuntimeError, ValueError) as error:
            raise unreadable(path, "torch", error) from error
        super().__init__(path, tuple(TensorSpec(name, None, None) for name in names), ())

    @property
    def name(self) -> str:
        """Library, version and device."""
        return f"torch {self._torch.__version__} on {self._device}"

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        """Run once; see `Runtime`. A tuple, list or dict of tensors comes out in its own order."""
        torch = self._torch
        ready = check_inputs(self._path, self._inputs, inputs)
        try:
            with torch.inference_mode():
                answer = self._module(*(torch.from_numpy(tensor).to(self._device) for tensor in ready))
        except RuntimeError as error:
            raise unreadable(self._path, "torch", error) from error
        parts = list(answer.values()) if isinstance(answer, dict) else answer
        parts = parts if isinstance(parts, list | tuple) else [parts]
        return tuple(np.array(part.cpu().numpy()) for part in parts)


def best_device() -> str:
    """Name of the device that torch works fastest on: a graphics card if there is one."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _refuse_pickles(path: Path) -> None:
    """Raise ModelError unless the file holds TorchScript code and not a bare pickle."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise unreadable(path, "torch", error) from error
    if not any("/code/" in name for name in names) or not any(name.endswith("/constants.pkl") for name in names):
        raise ModelError(
            "This is a pickled checkpoint, not TorchScript: opening it could run any program hidden in it.",
            "Export the network as ONNX or with torch.jit.save.",
            path,
        )
