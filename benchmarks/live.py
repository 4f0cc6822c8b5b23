"""Live capture on the shipped film: rate, latency from glass to pose, and where the time goes.

    python benchmarks/live.py [--seconds 30] [--model NAME] [--stream ADDRESS ...]
    python benchmarks/live.py --record
    python benchmarks/live.py --work

The film's two seconds are played to and fro as video files of the wanted length, each file as a camera at its own
pace; the pictures' times are when they are due, so that decoding ahead of time is not in the latency, and all from
then on is. Wall times depend on who else uses the machine: the load and the processor time are printed, too.

With ``--record`` every picture is recorded meanwhile, copied as it is coded, and what was recorded is counted.

With ``--work`` nothing is played: the processor time of each step is measured picture by picture, one after the
other, and laid onto two cores, the longest view first. That is what the work would take on two cores that do
nothing else: computed, not measured.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from calibration.formats import load_rig
from mocap.capture.addresses import SourceWishes, open_sources
from mocap.core.progress import CancelToken, silent
from mocap.detect import ViewDetector
from mocap.pipeline.live import CapturedSource, LiveNote, LiveRecording, LiveSession, LiveSetup, LiveState
from mocap.pipeline.live.reconstruct import Reconstruction
from mocap.pipeline.run import default_detector
from mocap.pipeline.settings import load_settings
from mocap.studio import sample_dir

# Times that the film is gone through for the processor time, and instants that set everything up.
WORK_ROUNDS, SET_UP = 2, 10


def lengthen(source: Path, target: Path, seconds: float) -> None:
    """Write a film played to and fro for so long."""
    capture = cv2.VideoCapture(str(source))
    rate = capture.get(cv2.CAP_PROP_FPS)
    pictures = []
    while (read := capture.read())[0]:
        pictures.append(read[1])
    way = pictures + pictures[-2:0:-1]
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1001))
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "18", "preset": "veryfast"}
        for i in range(round(seconds * rate)):
            frame = av.VideoFrame.from_ndarray(way[i % len(way)], format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def work(model: str, every: int) -> tuple[list[float], list[float]]:
    """Processor time of one instant after the other on two cores, s: of detection, and of all that follows."""
    settings = load_settings("live")
    detect = settings.detect.model_copy(update={"landmarks": (model,)})
    detector, _ = default_detector(detect, silent, CancelToken())
    assert isinstance(detector, ViewDetector)
    root = sample_dir()
    rig = load_rig(root / "calibration" / "rig.toml")
    films = []
    for name in rig.names:
        capture = cv2.VideoCapture(str(root / "trials" / "sample" / "raw" / f"{name}.mp4"))
        films.append([])
        while (read := capture.read())[0]:
            films[-1].append(read[1])
    count = len(films[0])
    way = [*range(count), *range(count - 2, 0, -1)] * WORK_ROUNDS
    states = [detector.initial_state() for _ in films]
    found, rest = [], []
    with ThreadPoolExecutor(1) as beside:
        making = Reconstruction(rig, detector.skeleton, detector.max_people, settings, beside)
        for i, picture in enumerate(way[::every]):
            cores, views, spent = [0.0, 0.0], [], []
            for camera, film in enumerate(films):
                begun = time.process_time()
                poses, states[camera] = detector.detect_view(film[picture], states[camera])
                spent.append(time.process_time() - begun)
                views.append(poses)
            for seconds in sorted(spent, reverse=True):
                cores[cores.index(min(cores))] += seconds
            instant = (i + 1) * every / 30.0
            made = making.step(views, np.full(len(films), instant), instant)
            found.append(max(cores))
            rest.append(sum(made.busy_s.values()))
    return found, rest


def print_work() -> None:
    """Print what the work on an instant would take on two cores of its own."""
    print(f"load {os.getloadavg()[0]:.1f}; ms of the processor on two cores, p50 / p80 / p95 / p99")
    for model in load_settings("live").detect.landmarks:
        for every in (1, 2, 3):
            found, rest = work(model, every)
            for name, values in (("detection", found), ("all", [a + b for a, b in zip(found, rest, strict=True)])):
                row = " ".join(f"{1e3 * p:7.1f}" for p in np.percentile(values[SET_UP:], (50, 80, 95, 99)))
                print(f"{model:22} {30 / every:4.0f} poses/s  {name:10} {row}")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--model", help="this network only, instead of those of the preset")
    parser.add_argument("--stream", action="append", default=[], help="send to this stream meanwhile")
    parser.add_argument("--record", action="store_true", help="record all pictures meanwhile")
    parser.add_argument("--work", action="store_true", help="processor time alone, laid onto two cores")
    given = parser.parse_args()
    if given.work:
        print_work()
        return
    settings = load_settings("live")
    if given.model:
        settings = settings.model_copy(
            update={"detect": settings.detect.model_copy(update={"landmarks": (given.model,)})}
        )
    root = sample_dir()
    videos = sorted((root / "trials" / "sample" / "raw").glob("*.mp4"))
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch) / "films"
        folder.mkdir()
        for video in videos:
            lengthen(video, folder / video.name, given.seconds)
        cameras = open_sources([str(folder)], SourceWishes(decoded=not given.record))
        rig = load_rig(root / "calibration" / "rig.toml")
        setup = LiveSetup(rig, settings, tuple(given.stream))
        recording = None
        if given.record:
            recording = stack.enter_context(LiveRecording(cameras, Path(scratch) / "session" / "trial", None))
            session = LiveSession(replace(setup, before=recording.start, observe=False), recording.sources)
        else:
            session = LiveSession(setup, [CapturedSource(name, camera) for name, camera in cameras.items()])
        session.events.subscribe(lambda event: print(event.text) if isinstance(event, LiveNote) else None)
        loads = [os.getloadavg()[0]]
        session.start()
        while session.state is LiveState.STARTING and not session.wait(0.05):
            pass
        wall, work = time.perf_counter(), time.process_time()
        first = session.budget.frames
        while not session.wait(0.5):
            pass
        wall, work = time.perf_counter() - wall, time.process_time() - work
        loads.append(os.getloadavg()[0])
        recorded = recording.stop().recording if recording is not None else None
    count = session.budget.frames - first
    print(f"load before and after: {loads[0]:.1f}, {loads[1]:.1f} on {os.cpu_count()} cores")
    print(f"{count} poses in {wall:.1f} s: {count / wall:.1f} a second")
    print(f"processor time: {1e3 * work / count:.1f} ms a pose, {work / wall:.2f} cores (decoding included)")
    for kept in recorded.cameras if recorded is not None else ():
        print(
            f"{kept.name}: {kept.recorded} recorded ({kept.codec}), {kept.missing} missing, {kept.dropped} dropped"
        )
    for camera in session.status().cameras:
        print(f"{camera.name}: {camera.arrived} pictures, {camera.used} used")
    for title, stages in (
        ("by the clock", session.budget.times()),
        ("by the clock, second half", session.budget.times(count // 2)),
        ("of the processor", session.budget.busy()),
    ):
        print(f"ms {title}, p50 / p95 / p99:")
        for stage in stages:
            print(f"  {stage.name:14} {1e3 * stage.p50_s:7.1f} {1e3 * stage.p95_s:7.1f} {1e3 * stage.p99_s:7.1f}")


if __name__ == "__main__":
    main()
