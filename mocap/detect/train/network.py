"""A shipped landmark network whose weights can be changed: the graph of `TorchTfliteRuntime`, with gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mocap.detect.blazepose import HEAT, OUTPUT_SHAPES, REFINE_PEAK, ROWS, WINDOW
from mocap.detect.runtimes.protocol import Array, outputs_of_shape
from mocap.detect.runtimes.tflitegraph import Operation
from mocap.detect.runtimes.tflitetorch import TorchTfliteRuntime

LEARNING = ("CONV_2D", "DEPTHWISE_CONV_2D")


class TrainableNetwork(TorchTfliteRuntime):
    """BlazePose's landmarks, differentiable; the branch that draws a silhouette is left out.

    Parameters
    ----------
    path : Path
        The .tflite file.
    share : float
        Of the convolutions, counted from the outputs, that may change.
    device : str, optional
        Torch's name of it; the best there is if not given.
    """

    def __init__(self, path: Path, share: float = 1.0, device: str | None = None) -> None:
        super().__init__(path, device=device)
        order = outputs_of_shape(self, OUTPUT_SHAPES)
        self._wanted = tuple(self._graph.outputs[n][0] for n in order)
        self._needed = _needed(self._graph.operations, set(self._wanted))
        layers = [operation for operation in self._needed if operation.kind in LEARNING]
        layers = layers[len(layers) - max(1, round(share * len(layers))) :]
        learned = {n for layer in layers for n in layer.inputs[1:] if n in self._weights}
        # Copies: tensors may share their memory with the graph's constants, and so with other networks of it.
        self._weights = {n: tensor.clone().requires_grad_(n in learned) for n, tensor in self._weights.items()}
        self.parameters: dict[int, Any] = {n: self._weights[n] for n in sorted(learned)}

    def answer(self, crops: NDArray[np.uint8], divide_by: float) -> tuple[Any, Any, Any]:
        """Answer to B crops (B, S, S, 3) BGR: rows (B, 39, 5), presence (B, 1), heat maps (B, 64, 64, 39)."""
        rgb = np.ascontiguousarray(crops[..., ::-1])
        x = self._torch.from_numpy(rgb).to(self._device).permute(0, 3, 1, 2).float() / divide_by
        values: dict[int, Any] = {**self._weights, self._graph.inputs[0][0]: x}
        for operation in self._needed:
            values[operation.outputs[0]] = self._apply(operation, values)
        rows, presence, heat = (values[n] for n in self._wanted)
        return rows.reshape(-1, ROWS, 5), presence.reshape(-1, 1), heat.permute(0, 2, 3, 1)

    def refined(self, rows: Any, heat: Any, size: int) -> Any:
        """Do for (B, 39) points what `blazepose.refine` does for one crop: (B, 39, 2), px from the corner.

        The window stays where it is while the gradient is taken; what it holds is differentiated.
        """
        torch = self._torch
        xy = rows[..., :2]
        at = torch.floor(xy.detach() * (HEAT / size))
        inside = ((at >= 0) & (at < HEAT)).all(dim=-1)
        at = torch.where(inside[..., None], at, torch.zeros_like(at)).long()
        around = torch.arange(WINDOW, device=xy.device) - WINDOW // 2
        columns, lines = at[..., :1] + around, at[..., 1:] + around  # (B, 39, 7)
        flat = lines.clip(0, HEAT - 1)[..., :, None] * HEAT + columns.clip(0, HEAT - 1)[..., None, :]
        beyond = ((lines < 0) | (lines >= HEAT))[..., :, None] | ((columns < 0) | (columns >= HEAT))[..., None, :]
        maps = heat.permute(0, 3, 1, 2).reshape(*xy.shape[:2], HEAT * HEAT)
        weight = torch.gather(maps, 2, flat.flatten(2)).reshape(flat.shape).sigmoid().masked_fill(beyond, 0.0)
        total = weight.sum(dim=(2, 3))
        clear = inside & (weight.detach().amax(dim=(2, 3)) >= REFINE_PEAK)
        total = torch.where(clear, total, torch.ones_like(total))
        centre = torch.stack(
            [(weight.sum(dim=2) * columns).sum(dim=-1) / total, (weight.sum(dim=3) * lines).sum(dim=-1) / total],
            dim=-1,
        )
        return torch.where(clear[..., None], centre * (size / HEAT), xy)

    def state(self) -> dict[int, Array]:
        """What has been learned so far: by number of tensor, in torch's order of axes."""
        return {n: np.array(tensor.detach().cpu().numpy()) for n, tensor in self.parameters.items()}

    def restore(self, state: dict[int, Array]) -> None:
        """Set what was learned."""
        with self._torch.no_grad():
            for n, tensor in self.parameters.items():
                tensor.copy_(self._torch.from_numpy(np.ascontiguousarray(state[n])))

    def in_file_order(self) -> dict[int, Array]:
        """Give what has been learned as the file keeps it: channels last."""
        kinds = {n: o.kind for o in self._needed if o.kind in LEARNING for n in o.inputs[1:2]}
        axes = {"CONV_2D": (0, 2, 3, 1), "DEPTHWISE_CONV_2D": (1, 2, 3, 0)}
        return {n: v.transpose(axes[kinds[n]]) if n in kinds else v for n, v in self.state().items()}


def _needed(operations: tuple[Operation, ...], wanted: set[int]) -> tuple[Operation, ...]:
    """Operations without which the wanted tensors cannot be had, in order."""
    kept = []
    for operation in reversed(operations):
        if operation.outputs[0] in wanted:
            kept.append(operation)
            wanted |= set(operation.inputs)
    return tuple(reversed(kept))
