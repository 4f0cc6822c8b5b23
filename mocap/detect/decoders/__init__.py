"""From a network's numbers to keypoints and boxes: pure functions on arrays, one module a kind of output."""

from __future__ import annotations

from mocap.detect.decoders.boxes import decode_boxes, decode_middles, decode_yolo, decode_yolox
from mocap.detect.decoders.common import Boxes, Keypoints, OutputError, Outputs, People
from mocap.detect.decoders.heatmap import decode_centroids, decode_heatmap
from mocap.detect.decoders.people import (
    decode_instances,
    decode_movenet_multi,
    decode_movenet_single,
    decode_rtmo,
    decode_yolo_pose,
)
from mocap.detect.decoders.points import decode_peaks, decode_points
from mocap.detect.decoders.simcc import decode_simcc

__all__ = [
    "Boxes",
    "Keypoints",
    "OutputError",
    "Outputs",
    "People",
    "decode_boxes",
    "decode_centroids",
    "decode_heatmap",
    "decode_instances",
    "decode_middles",
    "decode_movenet_multi",
    "decode_movenet_single",
    "decode_peaks",
    "decode_points",
    "decode_rtmo",
    "decode_simcc",
    "decode_yolo",
    "decode_yolo_pose",
    "decode_yolox",
]
