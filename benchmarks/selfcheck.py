"""Cameras that are bumped, found by the people they see; recordings that people start by entering.

    python benchmarks/selfcheck.py bump
    python benchmarks/selfcheck.py entry

``bump`` looks at the shipped film with the embedded detector, and then takes one camera after the other to be
turned, by several angles about its own axes, after the start: the calibration then is wrong for it by as much.
``entry`` plays the film with its room empty before and after, and has ``mocap record`` wait for somebody.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np

from calibration import CameraRig
from calibration.formats import load_rig
from mocap.capture import probe, read_frames
from mocap.core.progress import CancelToken, silent
from mocap.pipeline.live.drift import START_GLANCES, Drift, Glance, glance_at
from mocap.pipeline.run import default_detector
from mocap.pipeline.settings import load_settings
from mocap.studio import sample_dir
from mocap.sync import read_timestamps_csv

ROOT = sample_dir()
MODEL, LEAST_SCORE = "pose_landmark_full", 0.5
# One picture of so many is looked at, and so many glances are taken, to and fro.
EVERY, GLANCES = 2, 40
AXES = {"tilt": 0, "pan": 1, "roll": 2}
DEGREES = (0.0, 0.3, 0.6, 1.0, 2.0, 4.0)
# The film of ``entry``: pictures of the empty room before, of somebody, and of the room after; its rate, Hz.
BEFORE, DURING, AFTER, RATE_HZ = 150, 150, 180, 30
# Grey levels by which a picture differs from the empty room where somebody is in it.
SOMEBODY = 0.5


def videos() -> Iterator[list[np.ndarray]]:
    """Pictures of each camera of the film."""
    for path in sorted((ROOT / "trials" / "sample" / "raw").glob("*.mp4")):
        yield [frame.image for frame in read_frames(probe(path, path.stem))]


def keypoints() -> tuple[np.ndarray, np.ndarray]:
    """Keypoints (T, C, K, 2) of the film's person and their errors (T, C, K), px."""
    detect = load_settings("live").detect.model_copy(update={"landmarks": (MODEL,)})
    detector, _ = default_detector(detect, silent, CancelToken())
    films = list(videos())
    states, found = [detector.initial_state() for _ in films], []
    for i in range(0, len(films[0]), EVERY):
        views, states = detector.detect([film[i] for film in films], states)
        found.append(views)
    score = np.stack([[view.score[0] for view in views] for views in found])
    xy = np.stack([[view.xy[0] for view in views] for views in found])
    xy[score < LEAST_SCORE] = np.nan
    return xy, np.stack([[view.sigma_px[0] for view in views] for views in found])


def turned(rig: CameraRig, number: int, degrees: float, axis: int) -> CameraRig:
    """The rig with one camera turned about an axis of its own."""
    turn = np.eye(4)
    turn[:3, :3] = cv2.Rodrigues(np.radians(degrees) * np.eye(3)[axis])[0]
    moved = [
        replace(c, cam_from_world=turn @ c.cam_from_world) if i == number else c for i, c in enumerate(rig.cameras)
    ]
    return replace(rig, cameras=tuple(moved))


def bump() -> None:
    """Print how many of the bumped cameras are named, and how many others."""
    rig = load_rig(ROOT / "calibration" / "rig.toml")
    xy, sigma = keypoints()
    way = [*range(len(xy)), *range(len(xy) - 2, 0, -1)]
    order = [way[i % len(way)] for i in range(GLANCES)]

    def glances(seen_by: CameraRig, of: list[int]) -> list[Glance]:
        return [glance_at(xy[i], sigma[i], seen_by) for i in of]

    start = glances(rig, order[:START_GLANCES])
    print("axis   degrees  named  others accused")
    for name, axis in AXES.items():
        for degrees in DEGREES:
            named = accused = 0
            for number in range(len(rig.cameras)):
                drift = Drift([camera.intrinsics.size_wh[0] for camera in rig.cameras])
                after = glances(turned(rig, number, degrees, axis), order[START_GLANCES:])
                told = {drift.look(glance) for glance in [*start, *after]} - {None}
                named += number in told
                accused += len(told - {number})
            print(f"{name:6} {degrees:7.1f}  {named} of {len(rig.cameras)}  {accused}")


def entry() -> None:
    """Print when a recording began and ended against when somebody came and went."""
    with tempfile.TemporaryDirectory() as scratch:
        films = Path(scratch) / "films"
        films.mkdir()
        for number, pictures in enumerate(videos(), start=1):
            empty = np.median(np.stack(pictures), axis=0).astype(np.uint8)
            way = [*pictures, *pictures[-2:0:-1]]
            with av.open(str(films / f"cam_{number}.mp4"), "w") as out:
                stream = out.add_stream("libx264", rate=RATE_HZ, options={"crf": "18", "g": str(RATE_HZ)})
                stream.height, stream.width = empty.shape[:2]
                stream.pix_fmt = "yuv420p"
                somebody = [way[i % len(way)] for i in range(DURING)]
                for picture in [empty] * BEFORE + somebody + [empty] * AFTER:
                    out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
                out.mux(stream.encode(None))
        words = [sys.executable, "-c", "from mocap.cli import main; main()", "record", "-s", str(films), "--json"]
        words += ["-o", str(Path(scratch) / "s" / "t"), "-c", str(ROOT / "calibration" / "rig.toml")]
        out_json = subprocess.run(
            [*words, "--start-on-entry", "--stop-on-exit"], stdout=subprocess.PIPE, check=True, timeout=120
        ).stdout
        told = json.loads(out_json)
        raw = Path(told["folder"])
        times = read_timestamps_csv(raw / "timestamps.csv")["cam_1"]
        pictures = [frame.image.astype(int) for frame in read_frames(probe(raw / "cam_1.mp4", "cam_1"))]
        there = [i for i, one in enumerate(pictures) if np.abs(one - pictures[0]).mean() > SOMEBODY]
        print(
            f"noticed {told['began_s'] - times[there[0]]:.1f} s after the first picture with somebody in it; "
            f"{times[there[0]] - times[0]:.1f} s before it are recorded, and "
            f"{times[-1] - times[there[-1]]:.1f} s after the last"
        )
        print(*[(c["name"], c["recorded"], c["missing"], c["dropped"]) for c in told["cameras"]], sep="\n")


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("bump", "entry"))
    {"bump": bump, "entry": entry}[parser.parse_args().what]()


if __name__ == "__main__":
    main()
