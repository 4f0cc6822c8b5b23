"""Crops a second of the landmark network on a graphics card, in batches, and how far the keypoints move.

    python benchmarks/crops.py [--model pose_landmark_heavy] [--batches 1 8 24 64] [--seconds 3]

Prepared crops in, the network's answers in main memory out: decoding of videos and cutting of crops are not in it
(`benchmarks/detect.py` has them). Without a graphics card torch runs on the processor, which the first line says.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mocap.detect import BlazePoseDetector, DetectorSettings
from mocap.detect.blazepose import LANDMARKS, OUTPUT_SHAPES, ROWS, prepare, refine
from mocap.detect.runtimes import outputs_of_shape
from mocap.detect.runtimes.protocol import Array, Runtime
from mocap.detect.runtimes.tflitetorch import Precision, TorchTfliteRuntime
from mocap.detect.runtimes.torchscript import best_device
from mocap.detect.weights import ensure
from mocap.studio import sample_dir

SIZE = 256


def sample_crops() -> NDArray[np.float32]:
    """Crops (4, 256, 256, 3) of the person in the shipped film, one of each view."""
    detector = BlazePoseDetector(ensure("movenet_multipose"), ensure("pose_landmark_heavy"), DetectorSettings())
    crops = []
    for path in sorted(next((sample_dir() / "trials").iterdir()).glob("raw/*.mp4")):
        film = cv2.VideoCapture(str(path))
        image = np.asarray(film.read()[1], dtype=np.uint8)
        film.release()
        _, state = detector.detect_view(image, detector.initial_state())
        crops.append(prepare(image, state.roi[0], SIZE, 255.0))
    return np.concatenate(crops)


def landmarks(runtime: Runtime, crops: Array) -> NDArray[np.float64]:
    """Landmarks (B, 33, 2), crop px."""
    order = outputs_of_shape(runtime, OUTPUT_SHAPES)
    answers = runtime.run(crops)
    rows, heat = answers[order[0]].reshape(-1, ROWS, 5).astype(np.float64), answers[order[2]]
    return np.stack([refine(r[:, :2], h, SIZE)[:LANDMARKS] for r, h in zip(rows, heat, strict=True)])


def rate(runtime: Runtime, crops: Array, batch: int, seconds: float) -> float:
    """Crops a second in batches of this size."""
    tensor = np.resize(crops, (batch, *crops.shape[1:]))
    for _ in range(3):  # the first runs choose their ways of computing
        runtime.run(tensor)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        runtime.run(tensor)
        count += batch
    return count / (time.perf_counter() - start)


def main() -> None:
    """Measure each precision, compiled and not, on each size of batch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="pose_landmark_heavy")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 24, 64])
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    path: Path = ensure(given.model)[1]
    crops, card = sample_crops(), best_device() != "cpu"
    exact = landmarks(TorchTfliteRuntime(path), crops)
    print(f"{given.model} on {best_device()}: crops/s in batches of {given.batches}; moved by, crop px")
    precisions: tuple[Precision, ...] = ("float32", "float16", "bfloat16") if card else ("float32",)
    for precision in precisions:
        for compiled in (False, True) if card else (False,):
            runtime = TorchTfliteRuntime(path, precision=precision, compiled=compiled)
            moved = np.linalg.norm(landmarks(runtime, crops) - exact, axis=-1)
            rates = "  ".join(f"{rate(runtime, crops, batch, given.seconds):.0f}" for batch in given.batches)
            print(
                f"{precision}{' compiled' if compiled else ''} | {rates} | {moved.mean():.3f}, {moved.max():.3f}"
            )


if __name__ == "__main__":
    main()
