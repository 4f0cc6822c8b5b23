"""LiteRT: runs .tflite files on the processor; comes with the base install."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mocap.detect.runtimes.protocol import Array, OpenedNetwork, TensorSpec, check_inputs, unreadable

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


class LiteRtRuntime(OpenedNetwork):
    """A `Runtime` of LiteRT.

    Parameters
    ----------
    path : Path
        The .tflite file.
    threads : int
        Threads of one run.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        # Imported here: it costs a quarter of a second that commands without detection need not pay.
        from ai_edge_litert.interpreter import Interpreter

        self._threads = threads
        try:
            with _quiet_native_stderr():
                self._interpreter: Any = Interpreter(model_path=str(path), num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise unreadable(path, "LiteRT", error) from error
        details = self._interpreter.get_input_details()
        self._input_index = [int(d["index"]) for d in details]
        self._shapes = [tuple(int(n) for n in d["shape"]) for d in details]
        answers = self._interpreter.get_output_details()
        self._output_index = [int(d["index"]) for d in answers]
        super().__init__(path, tuple(map(_spec, details)), tuple(map(_spec, answers)))

    @property
    def name(self) -> str:
        """Library, version and device."""
        return f"litert {importlib.metadata.version('ai-edge-litert')}, {self._threads} thread(s)"

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        """Run once; see `Runtime`."""
        ready = check_inputs(self._path, self._inputs, inputs)
        try:
            if [tensor.shape for tensor in ready] != self._shapes:
                for index, tensor in zip(self._input_index, ready, strict=True):
                    self._interpreter.resize_tensor_input(index, tensor.shape)
                self._interpreter.allocate_tensors()
                self._shapes = [tensor.shape for tensor in ready]
            for index, tensor in zip(self._input_index, ready, strict=True):
                self._interpreter.set_tensor(index, tensor)
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise unreadable(self._path, "LiteRT", error) from error
        return tuple(self._interpreter.get_tensor(index) for index in self._output_index)


def _spec(details: dict[str, Any]) -> TensorSpec:
    shape = details.get("shape_signature")
    # A tensor without open sizes has no signature, or an empty one.
    if shape is None or len(shape) != len(details["shape"]):
        shape = details["shape"]
    return TensorSpec(str(details.get("name", "")), tuple(int(n) for n in shape), np.dtype(details["dtype"]))
