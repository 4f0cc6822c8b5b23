"""What a file of weights is, told from its first bytes and its table of contents, without opening it as a network.

Pickled checkpoints are refused: reading one runs whatever program its maker put in. What is accepted holds
numbers and a graph only: LiteRT and ONNX files, and TorchScript, whose code runs in torch's own closed language.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from mocap.core.errors import ModelError

SUFFIXES = (".tflite", ".onnx", ".pt", ".pth", ".torchscript")
# A LiteRT file is a flatbuffer whose bytes 4 to 8 name its kind.
TFLITE_MARK = b"TFL3"
# Protocol numbers 2 to 5 follow this byte at the start of a bare pickle.
PICKLE_MARK = 0x80
PICKLE_PROTOCOLS = range(2, 6)
EXPORT = "Export the network as ONNX, or with torch.jit.save as TorchScript."
# These kinds of file carry code, or need the program that wrote them.
REFUSED = {
    ".pkl": "a pickle, and opening it could run any program hidden in it",
    ".pickle": "a pickle, and opening it could run any program hidden in it",
    ".ckpt": "a pickled checkpoint, and opening it could run any program hidden in it",
    ".bin": "most often a pickled checkpoint, and opening it could run any program hidden in it",
    ".h5": "a Keras file, which may carry pickled code",
    ".keras": "a Keras file, which may carry pickled code",
    ".pb": "a TensorFlow graph, which no runtime here reads",
}


def check_name(name: str) -> None:
    """Raise ValueError, with the reason, unless a file of this name can be one of weights."""
    suffix = Path(name).suffix.lower()
    if suffix in REFUSED:
        raise ValueError(f"{name} is {REFUSED[suffix]}")
    if suffix not in SUFFIXES:
        raise ValueError(f"'{suffix}' is no kind of network file; give one of {', '.join(SUFFIXES)}")


def check_weights(path: Path, name: str | None = None) -> None:
    """Check that a file is of the kind that its name says, and none that could run a program.

    Parameters
    ----------
    path : Path
    name : str, optional
        The name it will bear, where it differs from the present one.

    Raises
    ------
    ModelError
        If it is not.
    """
    named = path.name if name is None else name
    try:
        check_name(named)
    except ValueError as error:
        raise ModelError(f"These weights are refused: {error}.", EXPORT, path) from error
    with path.open("rb") as file:
        head = file.read(16)
    suffix = Path(named).suffix.lower()
    reason = _fault(path, head, suffix)
    if reason:
        raise ModelError(f"These weights are refused: {reason}.", EXPORT, path)


def _fault(path: Path, head: bytes, suffix: str) -> str:
    """Say why the content is not of the kind of the suffix; empty where it is."""
    if not head:
        return "the file is empty"
    if head[0] == PICKLE_MARK and len(head) > 1 and head[1] in PICKLE_PROTOCOLS:
        return "this is a pickled checkpoint, and opening it could run any program hidden in it"
    if head.lstrip()[:1] == b"<":
        return "this is a web page, not a network"
    if suffix == ".tflite":
        return "" if head[4:8] == TFLITE_MARK else "this is not a LiteRT file"
    if suffix == ".onnx":
        return "this is an archive, not an ONNX file" if zipfile.is_zipfile(path) else ""
    if not zipfile.is_zipfile(path):
        return "this is not a TorchScript file"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    script = any("/code/" in n for n in names) and any(n.endswith("/constants.pkl") for n in names)
    return "" if script else "this is a pickled checkpoint, and opening it could run any program hidden in it"
