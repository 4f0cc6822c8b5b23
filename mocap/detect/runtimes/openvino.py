"""OpenVINO: runs .tflite and .onnx files on the processor, on Intel's and AMD's often the fastest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mocap.core.errors import MissingExtraError
from mocap.detect.runtimes.protocol import OPEN, Array, OpenedNetwork, TensorSpec, check_inputs, unreadable


class OpenVinoRuntime(OpenedNetwork):
    """A `Runtime` of OpenVINO in 32-bit floats.

    Parameters
    ----------
    path : Path
        The .tflite or .onnx file.
    threads : int
        Threads of one run.

    Raises
    ------
    MissingExtraError
        If OpenVINO is not installed.
    ModelError
        If the file is not a network.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            import openvino
        except ImportError as error:
            raise MissingExtraError(f"OpenVINO, which is to run {path.name}, is absent.", "openvino") from error
        self._threads, self._version = threads, openvino.__version__.split("-")[0]
        # It takes bf16 of itself where the processor has AMX: keypoints then move by whole pixels. One core's
        # threads are not pinned: several networks run side by side, and pinned they would share one core.
        options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,
        }
        try:
            compiled = openvino.Core().compile_model(str(path), "CPU", options)
        except RuntimeError as error:
            raise unreadable(path, "OpenVINO", error) from error
        self._request: Any = compiled.create_infer_request()
        super().__init__(path, tuple(map(_spec, compiled.inputs)), tuple(map(_spec, compiled.outputs)))

    @property
    def name(self) -> str:
        """Library, version and device."""
        return f"openvino {self._version}, {self._threads} thread(s)"

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        """Run once; see `Runtime`."""
        ready = check_inputs(self._path, self._inputs, inputs)
        try:
            answers = self._request.infer(list(ready), share_inputs=True)
        except RuntimeError as error:
            raise unreadable(self._path, "OpenVINO", error) from error
        return tuple(np.array(answers[n]) for n in range(len(self._outputs)))


def _spec(port: Any) -> TensorSpec:
    shape = tuple(OPEN if n.is_dynamic else n.get_length() for n in port.get_partial_shape())
    name = min(port.get_names(), default="")
    return TensorSpec(name, shape, np.dtype(port.get_element_type().to_dtype()))
