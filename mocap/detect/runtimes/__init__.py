"""Networks of any kind of file behind one interface."""

from __future__ import annotations

from pathlib import Path

from mocap.core.errors import ModelError
from mocap.detect.runtimes.protocol import KINDS, OPEN, Array, Kind, Runtime, TensorSpec, outputs_of_shape

# Which runtime opens which kind of file; the first is the one that needs no extra, or the usual one.
READERS: dict[str, tuple[Kind, ...]] = {
    ".tflite": ("litert", "openvino", "torch"),
    ".onnx": ("onnxruntime", "openvino"),
    ".pt": ("torch",),
    ".pth": ("torch",),
    ".torchscript": ("torch",),
}


def open_runtime(path: Path, kind: Kind | None = None, threads: int = 1) -> Runtime:
    """Open a network.

    Parameters
    ----------
    path : Path
        A .tflite, .onnx or TorchScript file.
    kind : str, optional
        The runtime; by default the usual one of this kind of file.
    threads : int
        Threads of one run.

    Raises
    ------
    ModelError
        If the file is not a network, or the runtime does not read this kind.
    MissingExtraError
        If the runtime is not installed.
    """
    able = READERS.get(path.suffix.lower(), ())
    if not able:
        raise ModelError(
            f"'{path.suffix}' is no kind of network file that can be opened.",
            f"Give one of: {', '.join(READERS)}.",
            path,
        )
    chosen = able[0] if kind is None else kind
    if chosen not in able:
        raise ModelError(f"{chosen} does not read {path.suffix} files.", f"Choose: {', '.join(able)}.", path)
    if not path.is_file():
        raise ModelError("There is no such file.", "Fetch it with: mocap models fetch", path)
    if chosen == "litert":
        from mocap.detect.runtimes.litert import LiteRtRuntime

        return LiteRtRuntime(path, threads)
    if chosen == "openvino":
        from mocap.detect.runtimes.openvino import OpenVinoRuntime

        return OpenVinoRuntime(path, threads)
    if chosen == "onnxruntime":
        from mocap.detect.runtimes.onnx import OnnxRuntime

        return OnnxRuntime(path, threads)
    if path.suffix.lower() == ".tflite":
        from mocap.detect.runtimes.tflitetorch import TorchTfliteRuntime

        return TorchTfliteRuntime(path, threads)
    from mocap.detect.runtimes.torchscript import TorchScriptRuntime

    return TorchScriptRuntime(path, threads)


__all__ = [
    "KINDS",
    "OPEN",
    "READERS",
    "Array",
    "Kind",
    "Runtime",
    "TensorSpec",
    "open_runtime",
    "outputs_of_shape",
]
