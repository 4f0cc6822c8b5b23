"""A network and its card: crops in, keypoints, boxes or people out, in input pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from mocap.core.errors import ModelError
from mocap.core.types import ImageArray
from mocap.detect import decoders, specs
from mocap.detect.cards import ModelCard
from mocap.detect.decoders import Boxes, Keypoints, OutputError, Outputs, People
from mocap.detect.prepare import to_tensor
from mocap.detect.runtimes import OPEN, Array, Kind, Runtime, open_runtime

Answer = TypeVar("Answer")

# More pictures at once are no faster, and whole ones of 640 px are 5 MB each.
MOST_AT_ONCE = 64


class CardNetwork:
    """A network that does what its card says.

    Parameters
    ----------
    card : ModelCard
        With a decoder.
    path : Path
        Its weights.
    threads : int
        Threads of one run.
    runtime : str, optional
        Which library runs it; by default the usual one of this kind of file.

    Raises
    ------
    ModelError
        If the network cannot be opened or has not the outputs that the card names.
    MissingExtraError
        If the library that it needs is not installed.
    """

    def __init__(self, card: ModelCard, path: Path, threads: int = 1, runtime: Kind | None = None) -> None:
        if card.decoder is None:
            raise ModelError(f"The card of '{card.name}' names no decoder.", "Add a [decoder] table.", path)
        self.card = card
        self._decoder = card.decoder
        self._runtime = open_runtime(path, runtime, threads)
        self._places = _places(self._decoder.outputs, self._runtime, card)
        # Pictures that fit into the memory at once; found out when they do not.
        self._most = MOST_AT_ONCE

    @property
    def runtime(self) -> str:
        """Name of the library in use."""
        return self._runtime.name

    def keypoints(self, crops: Sequence[ImageArray]) -> Keypoints:
        """Read the keypoints of B crops."""
        return self._read(crops, self._read_keypoints)

    def boxes(self, pictures: Sequence[ImageArray]) -> list[Boxes]:
        """Read the boxes around the people of B pictures of the input's size."""
        return self._read(pictures, self._read_boxes)

    def people(self, pictures: Sequence[ImageArray]) -> list[People]:
        """Read the keypoints of everybody in B pictures of the input's size."""
        return self._read(pictures, self._read_people)

    def _read(self, crops: Sequence[ImageArray], read: Callable[[Outputs], Answer]) -> Answer:
        try:
            return read(self._run(crops))
        except OutputError as error:
            raise ModelError(
                f"The network '{self.card.name}' does not answer as its card says: {error}.",
                "Mend the card, or give the network that it is of.",
                self._runtime.path,
            ) from error

    def _run(self, crops: Sequence[ImageArray]) -> Outputs:
        """Run on all crops: at once where the network takes any number, else in the portions that it takes.

        Where a portion does not run and is not prescribed, half of it is tried: a graphics card's memory may be
        too small, and the libraries say so each in its own way. What fails with a single picture is an error.
        """
        shape = self._runtime.inputs[0].shape
        fixed = None if shape is None or shape[0] == OPEN else shape[0]
        parts: list[Outputs] = []
        start = 0
        while start < len(crops):
            portion = fixed or min(self._most, len(crops) - start)
            part = to_tensor(crops[start : start + portion], self.card.input)
            try:
                answer = self._runtime.run(_filled(part, portion))
            except ModelError:
                if fixed or portion == 1:
                    raise
                self._most = portion // 2
                continue
            parts.append({role: self._output(answer, place)[: len(part)] for role, place in self._places.items()})
            start += portion
        return {role: np.concatenate([part[role] for part in parts]) for role in self._places}

    def _output(self, answer: tuple[Array, ...], place: int) -> Array:
        if place >= len(answer):
            raise OutputError(f"there is no output {place}; it has {len(answer)}, counted from 0")
        return answer[place]

    def _read_keypoints(self, outputs: Outputs) -> Keypoints:
        spec, wh, count = self._decoder, self.card.input.wh, self.card.keypoints
        if isinstance(spec, specs.SimccSpec):
            found = decoders.decode_simcc(outputs, spec.bins_per_px)
            if outputs["x"].shape[-1] != round(wh[0] * spec.bins_per_px):
                raise OutputError(f"the output 'x' has {outputs['x'].shape[-1]} bins for {wh[0]} px")
        elif isinstance(spec, specs.HeatmapSpec):
            found = decoders.decode_heatmap(
                outputs, wh, spec.grid, spec.refine, spec.layout, spec.activation, spec.blur_cells, spec.offset_px
            )
        elif isinstance(spec, specs.PointsSpec):
            found = decoders.decode_points(outputs, count, spec.origin, spec.presence)
        elif isinstance(spec, specs.PeaksSpec):
            found = decoders.decode_peaks(outputs, count, spec.origin)
        elif isinstance(spec, specs.MoveNetSingleSpec):
            found = decoders.decode_movenet_single(outputs, wh, count)
        else:
            raise OutputError(f"'{spec.kind}' gives no keypoints of a crop")
        if found.xy.shape[1] != count:
            raise OutputError(f"it gives {found.xy.shape[1]} keypoints where the card says {count}")
        return found

    def _read_boxes(self, outputs: Outputs) -> list[Boxes]:
        spec, wh = self._decoder, self.card.input.wh
        if isinstance(spec, specs.BoxesSpec):
            return decoders.decode_boxes(outputs, spec.min_score, spec.most_overlap, spec.class_index, spec.origin)
        if isinstance(spec, specs.YoloxSpec):
            return decoders.decode_yolox(
                outputs, wh, spec.min_score, spec.most_overlap, spec.class_index, spec.origin
            )
        if isinstance(spec, specs.YoloSpec):
            return decoders.decode_yolo(outputs, spec.min_score, spec.most_overlap, spec.class_index, spec.origin)
        if isinstance(spec, specs.MiddlesSpec):
            return decoders.decode_middles(outputs, spec.box_px, spec.min_score, spec.most_overlap, spec.origin)
        if isinstance(spec, specs.CentroidsSpec):
            return decoders.decode_centroids(outputs, wh, spec.box_px, spec.min_score, spec.grid, spec.layout)
        return [people.boxes for people in self._read_people(outputs)]

    def _read_people(self, outputs: Outputs) -> list[People]:
        spec, wh, count = self._decoder, self.card.input.wh, self.card.keypoints
        if isinstance(spec, specs.YoloPoseSpec):
            return decoders.decode_yolo_pose(
                outputs, count, spec.min_score, spec.most_overlap, spec.origin, spec.layout, spec.class_index
            )
        if isinstance(spec, specs.RtmoSpec):
            return decoders.decode_rtmo(outputs, count, spec.min_score, spec.most_overlap, spec.origin)
        if isinstance(spec, specs.InstancesSpec):
            return decoders.decode_instances(outputs, count, spec.min_score, spec.most_overlap, spec.origin)
        if isinstance(spec, specs.MoveNetMultiSpec):
            return decoders.decode_movenet_multi(outputs, wh, count, spec.min_score, spec.most_overlap)
        raise OutputError(f"'{spec.kind}' gives no people of a picture")


def _filled(part: Array, portion: int) -> Array:
    """Fill up a batch with black pictures, for networks that take a fixed number."""
    missing = portion - len(part)
    return np.concatenate([part, np.zeros((missing, *part.shape[1:]), part.dtype)]) if missing else part


def _places(wanted: dict[str, specs.OutputName], runtime: Runtime, card: ModelCard) -> dict[str, int]:
    """Position of each output that the card names.

    Raises
    ------
    ModelError
        If the network has no such output.
    """
    names = [spec.name for spec in runtime.outputs]
    places = {}
    for role, name in wanted.items():
        # TorchScript does not say how many outputs it has: a position beyond shows when it runs.
        known = name in names if isinstance(name, str) else not names or name < len(names)
        if not known:
            have = ", ".join(names) or "no names; give positions, from 0"
            raise ModelError(
                f"The network '{card.name}' has no output '{name}' for the role '{role}'; it has: {have}.",
                "Put the right name into the card's [decoder] table.",
                runtime.path,
            )
        places[role] = names.index(name) if isinstance(name, str) else name
    return places
