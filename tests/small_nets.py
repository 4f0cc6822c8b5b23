"""Small ONNX networks that see coloured spots, made on the spot, with answers that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mocap.detect.cards import ModelCard, parse_card

# Blue, green, red spots in a picture (BGR) are these keypoints, in the order of RGB channels.
SPOTS = ("red", "green", "blue")
OPSET = 17


def save(
    path: Path,
    nodes: list[onnx.NodeProto],
    input_shape: list[int | str],
    outputs: dict[str, list[int | str]],
    constants: dict[str, np.ndarray] | None = None,
) -> Path:
    """Write a network of one input called ``image``."""
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, input_shape)],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        [numpy_helper.from_array(v.astype(np.float32), n) for n, v in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def heat_net(path: Path, batch: int | str = "n", name: str = "heat") -> Path:
    """Mean over 4 x 4 pixels of each colour: cell n lies at the middle of its pixels."""
    pool = helper.make_node("AveragePool", ["image"], [name], kernel_shape=[4, 4], strides=[4, 4])
    return save(path, [pool], [batch, 3, "h", "w"], {name: [batch, 3, "h4", "w4"]})


def simcc_net(path: Path) -> Path:
    """Highest value of each column and of each row of each colour, one bin a pixel."""
    nodes = [
        helper.make_node("ReduceMax", ["image"], ["simcc_x"], axes=[2], keepdims=0),
        helper.make_node("ReduceMax", ["image"], ["simcc_y"], axes=[3], keepdims=0),
    ]
    return save(path, nodes, ["n", 3, "h", "w"], {"simcc_x": ["n", 3, "w"], "simcc_y": ["n", 3, "h"]})


def fixed_net(path: Path, wh: tuple[int, int], **answers: np.ndarray) -> Path:
    """Answer the same whatever is seen: (1, ...) arrays by name, for one picture at a time."""
    nodes = [helper.make_node("Identity", [f"{n}_value"], [n]) for n in answers]
    shapes: dict[str, list[int | str]] = {n: list(a.shape) for n, a in answers.items()}
    constants = {f"{n}_value": a for n, a in answers.items()}
    return save(path, nodes, [1, 3, wh[1], wh[0]], shapes, constants)


def spot_card(name: str, task: str, decoder: dict[str, object], wh: tuple[int, int], **more: object) -> ModelCard:
    """Card of a network of three spots."""
    return parse_card(
        {
            "name": name,
            "version": "1",
            "task": task,
            "skeleton": "spots",
            "own_skeleton": {"keypoints": list(SPOTS)},
            "keypoints": 3,
            "licence": "Apache-2.0",
            "file": f"{name}.onnx",
            "sha256": "first_use",
            "input": {
                "size_px": wh[0],
                "height_px": wh[1],
                "layout": "nchw",
                "divide_by": 255.0,
                "padding": 1.25,
                **more.pop("input", {}),  # type: ignore[dict-item]
            },
            "decoder": decoder,
            "sources": [],
            **more,
        }
    )
