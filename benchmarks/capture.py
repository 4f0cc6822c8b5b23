"""Recording of four cameras: frames lost or doubled, memory, processor; kill -9; a full disk.

    python benchmarks/capture.py files|encode|tcp|http|rtsp [SECONDS | --minutes 10]
    python benchmarks/capture.py kill [RUNS]
    python benchmarks/capture.py full

The cameras play a film of 1280x720 at 30 Hz whose frames carry their numbers in black and white blocks, so that
what was recorded is counted by looking at it. ``files`` plays it as four file cameras that are copied, ``encode``
decodes it and encodes it anew; ``tcp`` (MPEG-TS) and ``http`` (MJPEG) have four ffmpeg processes serve it on
loopback, ``rtsp`` four GStreamer ones (Debian: gir1.2-gst-rtsp-server-1.0, python3-gi; by /usr/bin/python3).
``full`` mounts a small tmpfs, which needs root.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from mocap.capture import probe, read_frames
from mocap.pipeline.inputs import open_trial
from mocap.studio import sample_dir
from mocap.sync import read_timestamps_csv

RATE_HZ = 30
# Pictures by which the film's B-frames are out of order.
REORDERED = 2
BITS = 16
CAMERAS = 4
# How often memory is looked at, s.
SAMPLE_S = 0.5
RECORD = [sys.executable, "-c", "from mocap.cli import main; main()", "record"]

RTSP_SERVER = """
import sys, gi
gi.require_version('Gst', '1.0')
gi.require_version('GstRtspServer', '1.0')
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer(service=sys.argv[2])
factory = GstRtspServer.RTSPMediaFactory()
parts = ['filesrc location=' + sys.argv[1], 'qtdemux', 'h264parse', 'rtph264pay name=pay0 config-interval=1']
factory.set_launch('( ' + ' ! '.join(parts) + ' )')
server.get_mount_points().add_factory('/cam', factory)
server.attach(None)
GLib.MainLoop().run()
"""


def picture(number: int, size_wh: tuple[int, int], background: np.ndarray) -> np.ndarray:
    """A picture that carries its number in a row of blocks; its lower third moves, the rest stands."""
    image = background.copy()
    third = size_wh[1] // 3
    image[-third:] = np.roll(background[-third:], 3 * number, axis=1)
    width = size_wh[0] // BITS
    for bit in range(BITS):
        image[:64, width * bit : width * (bit + 1)] = 235 if number >> bit & 1 else 20
    return image


def number_of(image: np.ndarray) -> int:
    """The number that ``picture`` wrote."""
    width = image.shape[1] // BITS
    blocks = image[16:48, : width * BITS].reshape(32, BITS, width, 3)[:, :, width // 4 : -width // 4]
    return sum(1 << bit for bit, level in enumerate(blocks.mean(axis=(0, 2, 3))) if level > 128)


def make_film(path: Path, seconds: float, size_wh: tuple[int, int], b_frames: int = 0) -> Path:
    """Encode the film as a camera would: H.264 with a key picture a second, or MJPEG into an .mkv."""
    rng = np.random.default_rng(1)
    noise = cv2.GaussianBlur(rng.integers(0, 256, (size_wh[1], size_wh[0], 3), dtype=np.uint8), (0, 0), 3)
    background = cv2.normalize(noise, None, 30, 220, cv2.NORM_MINMAX)
    with av.open(str(path), "w") as film:
        options = {"preset": "ultrafast", "crf": "24", "g": str(RATE_HZ), "bf": str(b_frames)}
        jpeg = path.suffix == ".mkv"
        if jpeg:
            options = {"qmin": "5", "qmax": "5"}
        stream = film.add_stream("mjpeg" if jpeg else "libx264", rate=RATE_HZ, options=options)
        stream.width, stream.height, stream.pix_fmt = *size_wh, "yuvj420p" if jpeg else "yuv420p"
        stream.codec_context.time_base = Fraction(1, RATE_HZ)
        for i in range(round(seconds * RATE_HZ)):
            frame = av.VideoFrame.from_ndarray(picture(i, size_wh, background), format="bgr24")
            frame.pts = i
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    return path


def serve(kind: str, film: Path, port: int) -> tuple[subprocess.Popen[bytes], str]:
    """Serve the film at its own pace; the process and its address."""
    if kind == "rtsp":
        server = subprocess.Popen(["/usr/bin/python3", "-c", RTSP_SERVER, str(film), str(port)])
        return server, f"rtsp://127.0.0.1:{port}/cam"
    common = ["ffmpeg", "-loglevel", "error", "-re", "-i", str(film), "-an"]
    if kind == "tcp":
        url = f"tcp://127.0.0.1:{port}"
        form = ["-c", "copy", "-f", "mpegts", "-muxdelay", "0", "-flush_packets", "1", f"{url}?listen=1"]
    else:
        url = f"http://127.0.0.1:{port}/cam"
        form = ["-c", "copy", "-f", "mpjpeg", "-flush_packets", "1", "-listen", "1", url]
    return subprocess.Popen([*common, *form]), url


def watch_memory(process: subprocess.Popen[bytes]) -> list[float]:
    """Resident memory of a process, MiB, every ``SAMPLE_S`` until it ends."""
    seen = []
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        except OSError:
            break
        if "VmRSS" in status:
            seen.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
        time.sleep(SAMPLE_S)
    process.wait()
    return seen


def examine(raw: Path, loose: bool = False) -> list[str]:
    """What is in the videos: a line a camera; wrong ones begin with WRONG. Times of streams are only told."""
    times, lines = read_timestamps_csv(raw / "timestamps.csv"), []
    for path in sorted(raw.glob("*.mp4")):
        video = probe(path, path.stem)
        numbers = np.array([number_of(frame.image) for frame in read_frames(video)])
        steps = np.diff(numbers)
        stamps = times[path.stem]
        wanted = (numbers - numbers[0]) / RATE_HZ
        told = min(len(stamps), len(numbers))
        error_ms = 1e3 * np.abs((stamps[:told] - stamps[0]) - wanted[:told])
        file_ms = 1e3 * np.abs(video.t_s - video.t_s[0] - wanted)
        # Of the last pictures, one that is shown before another may have been due after it: lost with the end.
        whole = (steps[:-REORDERED] == 1).all() and (steps >= 1).all()
        good = whole and abs(len(stamps) - len(numbers)) <= 1 and (loose or error_ms.max() < 1)
        lines.append(
            f"{'' if good else 'WRONG '}{path.stem}: {len(numbers)} frames, {int((steps > 1).sum())} gaps, "
            f"{int((steps < 1).sum())} doubled, {len(stamps)} stamps, off by {np.median(error_ms):.2f} ms "
            f"(median), {error_ms.max():.1f} ms (worst); times in the file off by {file_ms.max():.1f} ms at worst"
        )
    return lines


def long_run(kind: str, seconds: float, scratch: Path) -> None:
    """Record four cameras for so long and examine what came of it."""
    name = "film.mkv" if kind == "http" else "film.mp4"
    film = make_film(scratch / name, seconds + 8, (1280, 720), 2 if kind in ("files", "encode") else 0)
    servers, sources = [], []
    for i in range(CAMERAS):
        if kind in ("files", "encode"):
            copy = scratch / f"cam_{i + 1}.mp4"
            os.link(film, copy)
            sources += ["-s", str(copy)]
        else:
            server, url = serve(kind, film, 18600 + i)
            servers.append(server)
            sources += ["-s", f"cam_{i + 1}={url}"]
    time.sleep(2.0)
    quality = "h264" if kind == "encode" else "auto"
    words = [*RECORD, *sources, "-o", str(scratch / "s" / kind), "--duration", str(seconds), "--quality", quality]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        with (scratch / "out.json").open("wb") as out:
            memory = watch_memory(subprocess.Popen([*words, "--json"], stdout=out))
    finally:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        for server in servers:
            server.kill()
            server.wait()
    told = json.loads((scratch / "out.json").read_text(encoding="utf-8"))
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    for camera in told.get("cameras", []):
        counts = f"{camera['recorded']} recorded, {camera['missing']} missing, {camera['dropped']}"
        print(f"  told: {camera['name']} {counts}")
    print(*told.get("notes", [told]), sep="\n")
    print(*examine(scratch / "s" / "trials" / kind / "raw", loose=bool(servers)), sep="\n")
    print(
        f"{kind}: {seconds:.0f} s, {cpu:.1f} s of processor time = {50 * cpu / seconds:.0f} % of 2 cores, "
        f"load {os.getloadavg()[2]:.1f}\n{tell_memory(memory)}",
        flush=True,
    )


def tell_memory(memory: list[float]) -> str:
    """Memory, MiB, by tenths of the time, and how fast it grows once the queues have seen some use."""
    tenths = np.array_split(np.array(memory), 10)
    settled = np.array(memory[len(memory) // 5 : -3])
    slope, _ = np.polyfit(np.arange(len(settled)) * SAMPLE_S / 60.0, settled, 1)
    medians = " ".join(f"{np.median(tenth):.0f}" for tenth in tenths)
    return (
        f"memory by tenths of the time, MiB: {medians}; peak {max(memory):.0f}; "
        f"growth after the first fifth {slope:+.2f} MiB a minute"
    )


def killed(runs: int, scratch: Path) -> None:
    """Kill the recorder at random and see what is left."""
    film = make_film(scratch / "film.mp4", 20, (640, 480), 2)
    chance, worst, failed = random.Random(7), 0.0, 0
    for run in range(runs):
        quality = ("auto", "h264")[run % 2]
        sources = []
        for i in range(CAMERAS):
            copy = scratch / f"cam_{i + 1}.mp4"
            if not copy.exists():
                os.link(film, copy)
            sources += ["-s", str(copy)]
        trial = scratch / "s" / "trials" / f"run_{run}"
        rig = ["-c", str(sample_dir() / "calibration" / "rig.toml")]
        process = subprocess.Popen(
            [*RECORD, *sources, "-o", str(trial), "--quality", quality, *rig], stderr=subprocess.DEVNULL
        )
        while not (trial / "raw" / "recording.toml").exists():
            time.sleep(0.02)
        time.sleep(chance.uniform(1.0, 6.0))
        at = time.monotonic()
        process.send_signal(signal.SIGKILL)
        process.wait()
        opened = open_trial(trial)
        loss = max(
            at - t[len(t) - 1] for t in (t[: v.n_frames] for t, v in zip(opened.t_s, opened.videos, strict=True))
        )
        lines = examine(trial / "raw")
        failed += any(line.startswith("WRONG") for line in lines) or loss > 1.0
        worst = max(worst, loss)
        print(f"run {run} ({quality}): lost {1e3 * loss:.0f} ms", *opened.warnings, *lines, sep="\n  ", flush=True)
    print(f"kill -9: {runs} runs, {failed} failed, at most {1e3 * worst:.0f} ms lost")


def full_disk(scratch: Path) -> None:
    """Fill the disk while it is being recorded to."""
    film = make_film(scratch / "film.mp4", 20, (1280, 720), 2)
    disk = scratch / "disk"
    for quality in ("auto", "h264", "lossless"):
        disk.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(disk)], check=True)
        try:
            sources = []
            for i in range(CAMERAS):
                copy = scratch / f"cam_{i + 1}.mp4"
                if not copy.exists():
                    os.link(film, copy)
                sources += ["-s", str(copy)]
            trial = disk / "s" / "trials" / quality
            words = [*RECORD, *sources, "-o", str(trial), "--quality", quality, "--json"]
            process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            while not (trial / "raw" / "recording.toml").exists():
                time.sleep(0.02)
            with contextlib.suppress(OSError), (disk / "ballast").open("wb") as ballast:
                free = os.statvfs(disk)
                ballast.write(b"x" * max(0, free.f_bavail * free.f_frsize - 5_000_000))
            out, _ = process.communicate(timeout=60)
            print(f"{quality}: exit {process.returncode}, {json.loads(out).get('error')}")
            print(*examine(trial / "raw"), sep="\n", flush=True)
            last = [t[-1] for t in read_timestamps_csv(trial / "raw" / "timestamps.csv").values()]
            print(f"  the cameras' last pictures are {1e3 * (max(last) - min(last)):.0f} ms apart")
        finally:
            subprocess.run(["umount", "--lazy", str(disk)], check=True)


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("files", "encode", "tcp", "http", "rtsp", "kill", "full"))
    parser.add_argument("amount", type=float, nargs="?", help="seconds, or runs")
    parser.add_argument("--minutes", type=float, help="length of a recording, instead of SECONDS")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.what == "kill":
            killed(int(given.amount or 20), Path(folder))
        elif given.what == "full":
            full_disk(Path(folder))
        else:
            seconds = 60.0 * given.minutes if given.minutes is not None else given.amount or 60.0
            long_run(given.what, seconds, Path(folder))


if __name__ == "__main__":
    main()
