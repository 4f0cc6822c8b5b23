"""The shipped landmark networks on torch: for graphics cards, in batches."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mocap.core.errors import MissingExtraError, ModelError
from mocap.detect.runtimes.protocol import Array, TensorSpec, check_inputs, unreadable
from mocap.detect.runtimes.tflitegraph import Graph, Operation, read_graph
from mocap.detect.runtimes.torchscript import best_device

Precision = Literal["float32", "float16", "bfloat16"]


class TorchTfliteRuntime:
    """A `Runtime` of a .tflite file on torch, channels last.

    Parameters
    ----------
    path : Path
        The .tflite file.
    threads : int
        Has no effect: torch has one number of threads for the whole process.
    device : str, optional
        Torch's name of it; the best there is if not given.
    precision : {"float32", "float16", "bfloat16"}
        Of the convolutions. On 4 crops of Demo_SinglePerson, heavy, the landmarks move by 0.02 crop px on
        average and 0.6 at most with float16, by 0.4 and 3.5 with bfloat16: neither is taken for granted.
    compiled : bool
        Whether torch compiles the network for each size of batch (powers of two), on a graphics card into CUDA
        graphs: the first batch of each size then takes a minute.

    Raises
    ------
    MissingExtraError
        If torch or the package tflite is not installed.
    ModelError
        If the file is damaged or has operations that are not known here.
    """

    def __init__(
        self,
        path: Path,
        threads: int = 1,
        device: str | None = None,
        precision: Precision = "float32",
        compiled: bool = False,
    ) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError(f"Running {path.name} on torch needs torch.", "torch") from error
        self._torch, self._path = torch, path
        self._device = device or best_device()
        self._graph = read_graph(path)
        self._weights = {n: self._place(values) for n, values in _by_use(self._graph).items()}
        self._precision, self._compiled = precision, compiled
        self._run_graph = (
            torch.compile(self._calculate, fullgraph=True, mode="reduce-overhead") if compiled else self._calculate
        )
        # Pictures that fit into the memory at once; found out when they do not.
        self._batch = 1 << 16

    def _place(self, values: Array) -> Any:
        tensor = self._torch.from_numpy(np.ascontiguousarray(values)).to(self._device)
        return tensor.contiguous(memory_format=self._torch.channels_last) if tensor.ndim == 4 else tensor

    @property
    def name(self) -> str:
        """Library, version and device."""
        return f"torch {self._torch.__version__} on {self._device}"

    @property
    def path(self) -> Path:
        """The file it was made from."""
        return self._path

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What it eats; batches of any size."""
        return tuple(spec for _, spec in self._graph.inputs)

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What it gives."""
        return tuple(spec for _, spec in self._graph.outputs)

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        """Run a batch, in pieces where the graphics card's memory is too small for all of it; see `Runtime`."""
        ready = check_inputs(self._path, self.inputs, inputs)
        count = ready[0].shape[0]
        pieces: list[tuple[Array, ...]] = []
        start = 0
        while start < count:
            stop = min(count, start + self._batch)
            try:
                pieces.append(self._forward(*(tensor[start:stop] for tensor in ready)))
            except self._torch.OutOfMemoryError as error:
                if stop - start == 1:
                    raise ModelError(
                        "The graphics card's memory is too small for a single picture.",
                        "Close other programs that use it, or choose the runtime litert.",
                        self._path,
                    ) from error
                self._batch = (stop - start) // 2
                if self._device.startswith("cuda"):
                    self._torch.cuda.empty_cache()
                continue
            except RuntimeError as error:
                raise unreadable(self._path, "torch", error) from error
            start = stop
        return tuple(np.concatenate(parts) for parts in zip(*pieces, strict=True))

    def _forward(self, *inputs: Array) -> tuple[Array, ...]:
        """Run one piece."""
        torch, count = self._torch, inputs[0].shape[0]
        if self._compiled:
            inputs = tuple(_filled_up(tensor) for tensor in inputs)
        with torch.inference_mode(), self._arithmetic():
            # Channels last in memory is what the file has: permuting moves nothing.
            ready = [torch.from_numpy(tensor).to(self._device).permute(0, 3, 1, 2) for tensor in inputs]
            answers = self._run_graph(*ready)
            shown = [one.permute(0, 2, 3, 1) if one.ndim == 4 else one for one in answers]
            return tuple(np.array(one.float().cpu().numpy())[:count] for one in shown)

    def _arithmetic(self) -> Any:
        """Context in which the precision is what was asked for."""
        torch = self._torch
        if self._precision != "float32":
            return torch.autocast(self._device.split(":")[0], dtype=getattr(torch, self._precision))
        # Graphics cards otherwise multiply with 10 bits behind the point, and call that float32.
        return torch.backends.cudnn.flags(allow_tf32=False) if "cuda" in self._device else nullcontext()

    def _calculate(self, *inputs: Any) -> list[Any]:
        """Outputs of the graph, tensors in, tensors out."""
        values = dict(self._weights)
        for (n, _), tensor in zip(self._graph.inputs, inputs, strict=True):
            values[n] = tensor
        for operation in self._graph.operations:
            values[operation.outputs[0]] = self._apply(operation, values)
        return [values[n] for n, _ in self._graph.outputs]

    def _apply(self, operation: Operation, values: dict[int, Any]) -> Any:
        """Result of one operation."""
        functional, kind = self._torch.nn.functional, operation.kind
        x = values[operation.inputs[0]]
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            weight = values[operation.inputs[1]]
            bias = values[operation.inputs[2]] if len(operation.inputs) > 2 else None
            groups = x.shape[1] if kind == "DEPTHWISE_CONV_2D" else 1
            x = self._padded(x, operation, tuple(weight.shape[2:]), 0.0)
            x = functional.conv2d(x, weight, bias, operation.stride, groups=groups)
        elif kind == "ADD":
            x = x + values[operation.inputs[1]]
        elif kind == "MAX_POOL_2D":
            x = self._padded(x, operation, operation.window, -np.inf)
            x = functional.max_pool2d(x, operation.window, operation.stride)
        elif kind == "PAD":
            x = functional.pad(x, _torch_padding(self._graph.constants[operation.inputs[1]]))
        elif kind == "RESIZE_BILINEAR":
            size = tuple(int(n) for n in self._graph.constants[operation.inputs[1]])
            x = _resize(functional, x, size, operation, self._path)
        elif kind == "RESHAPE":
            # The file's order is channels last.
            x = x.permute(0, 2, 3, 1) if x.ndim == 4 else x
            x = x.reshape(x.shape[0], *self._graph.shapes[operation.outputs[0]][1:])
            x = x.permute(0, 3, 1, 2) if x.ndim == 4 else x
        elif kind == "LOGISTIC":
            x = x.sigmoid()
        if operation.activation == "relu6":
            return functional.relu6(x)
        return functional.relu(x) if operation.activation == "relu" else x

    def _padded(self, x: Any, operation: Operation, window: tuple[int, int], value: float) -> Any:
        """Pad as SAME means: where the sum is odd, one more to the right and below."""
        if not operation.same:
            return x
        sides = []
        for size, width, stride in zip(x.shape[2:], window, operation.stride, strict=True):
            total = max(0, (-(-size // stride) - 1) * stride + width - size)
            sides.append((total // 2, total - total // 2))
        (top, bottom), (left, right) = sides
        if not any((top, bottom, left, right)):
            return x
        return self._torch.nn.functional.pad(x, (left, right, top, bottom), value=value)


def _filled_up(tensor: Array) -> Array:
    """A batch with zeros behind it, so that its length is a power of two: each length is compiled once."""
    missing = (1 << (tensor.shape[0] - 1).bit_length()) - tensor.shape[0]
    return np.concatenate([tensor, np.zeros((missing, *tensor.shape[1:]), dtype=tensor.dtype)])


def _resize(functional: Any, x: Any, size: tuple[int, ...], operation: Operation, path: Path) -> Any:
    if not operation.half_pixel:
        raise ModelError(
            "torch cannot run this network: a resize without half pixels is not known here.",
            "Use the runtime litert or openvino.",
            path,
        )
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _torch_padding(table: Array) -> tuple[int, ...]:
    """Padding of the axes N, H, W, C, before and after each, in torch's order for N, C, H, W: last axis first."""
    n, h, w, c = (tuple(int(v) for v in row) for row in table)
    return (*w, *h, *c, *n)


def _by_use(graph: Graph) -> dict[int, Array]:
    """Constants that are calculated with, in torch's order of axes."""
    used: dict[int, Array] = {}
    for operation in graph.operations:
        for place, n in enumerate(operation.inputs):
            if n not in graph.constants or operation.kind in ("PAD", "RESIZE_BILINEAR", "RESHAPE"):
                continue
            values = graph.constants[n]
            if operation.kind == "CONV_2D" and place == 1:
                values = values.transpose(0, 3, 1, 2)  # out, height, width, in
            elif operation.kind == "DEPTHWISE_CONV_2D" and place == 1:
                values = values.transpose(3, 0, 1, 2)  # 1, height, width, channel
            used[n] = values
    return used
