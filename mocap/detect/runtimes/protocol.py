"""What a runtime is: arrays in, arrays out, whatever library does the work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mocap.core.errors import ModelError

Array: TypeAlias = NDArray[Any]
Kind = Literal["litert", "openvino", "onnxruntime", "torch"]
KINDS: tuple[Kind, ...] = ("litert", "openvino", "onnxruntime", "torch")
# The size of an axis that the network leaves open.
OPEN = -1


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a network.

    Attributes
    ----------
    name : str
        As the file has it.
    shape : tuple of int, or None
        -1 where the network leaves a size open; None where the file does not say (TorchScript).
    dtype : numpy type, or None
        None where the file does not say.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: np.dtype[Any] | None


class Runtime(Protocol):
    """One network, ready to run. Not for two threads at once: give each thread its own."""

    @property
    def name(self) -> str:
        """The library, its version and the device, such as ``litert 2.3.0, 1 thread``."""
        ...

    @property
    def path(self) -> Path:
        """The file it was made from."""
        ...

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What it eats, in the order that `run` takes."""
        ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What it gives, in the order that `run` returns; empty where the file does not say."""
        ...

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        """Run once, on a batch where the network's first axis is open.

        Parameters
        ----------
        *inputs : arrays
            Of the shapes of ``inputs``; cast to their types.

        Returns
        -------
        tuple of arrays
            Copies, which the next run leaves alone.

        Raises
        ------
        ModelError
            If a shape does not fit or the library fails, naming the file.
        """
        ...


class OpenedNetwork:
    """What every runtime knows of its network."""

    def __init__(self, path: Path, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> None:
        self._path, self._inputs, self._outputs = path, inputs, outputs

    @property
    def path(self) -> Path:
        """The file it was made from."""
        return self._path

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What it eats; shapes and types are None where the file does not tell."""
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What it gives; empty where the file does not tell."""
        return self._outputs


def wrong_kind(path: Path, why: str) -> ModelError:
    """Error of a network that is sound and yet not the one that its card describes."""
    return ModelError(
        f"The network is not of the kind that its card says: {why}.",
        "Check the card with: mocap models verify",
        path,
    )


def unreadable(path: Path, library: str, error: Exception) -> ModelError:
    """Error of a file that the library cannot open."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return ModelError(
        f"This is not a network that {library} can run: {reason[:300]}.",
        "Fetch it again with: mocap models fetch",
        path,
    )


def check_inputs(path: Path, specs: tuple[TensorSpec, ...], inputs: tuple[Array, ...]) -> tuple[Array, ...]:
    """Return the inputs in the types that the network wants.

    Raises
    ------
    ModelError
        If their number or a shape does not fit.
    """
    if len(inputs) != len(specs):
        raise wrong_kind(path, f"it has {len(specs)} inputs and was given {len(inputs)}")
    ready = []
    for spec, tensor in zip(specs, inputs, strict=True):
        wanted = spec.shape
        if wanted is not None and (
            len(wanted) != tensor.ndim
            or any(want not in (OPEN, have) for want, have in zip(wanted, tensor.shape, strict=True))
        ):
            raise wrong_kind(path, f"its input '{spec.name}' is {wanted} and it was given {tensor.shape}")
        ready.append(np.ascontiguousarray(tensor, dtype=spec.dtype))
    return tuple(ready)


def outputs_of_shape(runtime: Runtime, wanted: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    """Find each wanted output by its shape, which names it where names are not kept.

    Parameters
    ----------
    runtime : Runtime
    wanted : shapes
        Of one crop; where the network leaves the first axis open, it fits any.

    Returns
    -------
    tuple of int
        Positions among the runtime's outputs.

    Raises
    ------
    ModelError
        Unless each is there exactly once.
    """
    have = [spec.shape or () for spec in runtime.outputs]
    found = []
    for shape in wanted:
        fits = [n for n, one in enumerate(have) if _fits(one, shape)]
        if len(fits) != 1:
            listed = ", ".join(map(str, have)) or "none that the file tells"
            raise wrong_kind(runtime.path, f"an output of shape {shape} is expected once, and it has {listed}")
        found.append(fits[0])
    return tuple(found)


def _fits(have: tuple[int, ...], want: tuple[int, ...]) -> bool:
    return len(have) == len(want) and all(h in (OPEN, w) for h, w in zip(have, want, strict=True))
