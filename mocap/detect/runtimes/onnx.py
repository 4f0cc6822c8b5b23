"""ONNX Runtime: runs .onnx files, on a graphics card where its build can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mocap.core.errors import MissingExtraError
from mocap.detect.runtimes.protocol import OPEN, Array, OpenedNetwork, TensorSpec, check_inputs, unreadable

_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
# What it may run on, the best first; builds have different ones.
PROVIDERS = ("CUDAExecutionProvider", "CoreMLExecutionProvider", "CPUExecutionProvider")
# Faults and nothing else: its warnings go to the terminal past Python.
LOG_ERRORS = 3


class OnnxRuntime(OpenedNetwork):
    """A `Runtime` of ONNX Runtime.

    Parameters
    ----------
    path : Path
        The .onnx file.
    threads : int
        Threads of one run.

    Raises
    ------
    MissingExtraError
        If ONNX Runtime is not installed.
    ModelError
        If the file is not a network.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError(f"Running {path.name} needs ONNX Runtime.", "onnx") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = LOG_ERRORS
        providers = [name for name in PROVIDERS if name in onnxruntime.get_available_providers()]
        self._threads, self._version = threads, onnxruntime.__version__
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # its errors have no common base below Exception
            raise unreadable(path, "ONNX Runtime", error) from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        super().__init__(path, tuple(map(_spec, inputs)), tuple(map(_spec, outputs)))

    @property
    def name(self) -> str:
        """Library, version and device."""
        provider = self._session.get_providers()[0].removesuffix("ExecutionProvider")
        return f"onnxruntime {self._version} on {provider}, {self._threads} thread(s)"

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        """Run once; see `Runtime`."""
        ready = check_inputs(self._path, self._inputs, inputs)
        try:
            return tuple(
                np.asarray(one)
                for one in self._session.run(
                    None, {spec.name: tensor for spec, tensor in zip(self._inputs, ready, strict=True)}
                )
            )
        except Exception as error:  # as above
            raise unreadable(self._path, "ONNX Runtime", error) from error


def _spec(node: Any) -> TensorSpec:
    # An open size is None or has a name.
    shape = tuple(n if isinstance(n, int) and n > 0 else OPEN for n in node.shape)
    kind = _TYPES.get(node.type)
    return TensorSpec(node.name, shape, None if kind is None else np.dtype(kind))
