"""A thin wrapper of the LiteRT interpreter that checks what goes in and what comes out."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mocap.core.errors import ModelError

_STDERR_LOCK = threading.Lock()


@contextmanager
def _quiet_native_stderr() -> Iterator[None]:
    """Send the native library's start-up notes to nowhere.

    LiteRT writes "Created TensorFlow Lite XNNPACK delegate" and the like straight to file descriptor 2,
    past Python. Only the making of an interpreter is wrapped; faults still come as exceptions.
    """
    with _STDERR_LOCK:
        try:
            kept = os.dup(2)
        except OSError:  # A windowed program on Windows has no descriptor 2: nothing to silence.
            yield
            return
        try:
            sys.stderr.flush()
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


class LiteRtModel:
    """One network, ready to run. Not for two threads at once: give each thread its own.

    Parameters
    ----------
    path : Path
        The .tflite file.
    outputs : sequence of tuple of int
        Shape of each output that must be there.
    threads : int
        Threads of one run.
    """

    def __init__(self, path: Path, outputs: Sequence[tuple[int, ...]], threads: int = 1) -> None:
        # Imported here: it costs a quarter of a second that commands without detection need not pay.
        from ai_edge_litert.interpreter import Interpreter

        self._path = path
        try:
            with _quiet_native_stderr():
                self._interpreter: Any = Interpreter(model_path=str(path), num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"This is not a network that LiteRT can run: {error}.",
                "Fetch it again with: mocap models fetch",
                path,
            ) from error
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1:
            raise self._wrong(f"it has {len(inputs)} inputs where one is expected")
        self._input = inputs[0]
        self._outputs = self._match(self._interpreter.get_output_details(), outputs)

    def _wrong(self, why: str) -> ModelError:
        return ModelError(
            f"The network is not of the kind that its card says: {why}.",
            "Check the card with: mocap models verify",
            self._path,
        )

    def _match(self, details: list[dict[str, Any]], wanted: Sequence[tuple[int, ...]]) -> list[int]:
        """Find each wanted output by its shape, which names it where names are not kept."""
        found = []
        for shape in wanted:
            fits = [int(d["index"]) for d in details if tuple(int(n) for n in d["shape"]) == shape]
            if len(fits) != 1:
                have = ", ".join(str(tuple(int(n) for n in d["shape"])) for d in details)
                raise self._wrong(f"an output of shape {shape} is expected once, and it has {have}")
            found.append(fits[0])
        return found

    @property
    def path(self) -> Path:
        """The file it was made from."""
        return self._path

    def run(self, tensor: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        """Run once.

        Parameters
        ----------
        tensor : array
            Of the input's shape; where the network leaves a size open, of any such size. Cast to the
            input's type.

        Returns
        -------
        list of arrays
            In the order of ``outputs``.
        """
        signature = [int(n) for n in self._input["shape_signature"]]
        shape = tensor.shape
        if len(shape) != len(signature) or any(s not in (-1, n) for s, n in zip(signature, shape, strict=True)):
            raise self._wrong(f"its input is {tuple(signature)} and it was given {shape}")
        if shape != tuple(self._interpreter.get_input_details()[0]["shape"]):
            self._interpreter.resize_tensor_input(self._input["index"], shape)
            self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(self._input["index"], tensor.astype(self._input["dtype"], copy=False))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]
