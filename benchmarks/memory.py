"""Peak memory of the whole way against the length of the videos.

    python benchmarks/memory.py SECONDS [SECONDS ...]

Loops the shipped sample to each length, processes it in a process of its own, overlays and all, and prints the
peak resident memory of that process. The lightest network runs, because five minutes of four cameras take the
default one half an hour; the weights differ by 25 MB whatever the length.

    python benchmarks/memory.py --detection SECONDS [SECONDS ...]

Decoding and detection alone, of eight cameras of 3840x2160: the shipped film enlarged, each view twice. The peak
holds the pictures that are decoded ahead and the results of the parts; what is joined at the end grows.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import av

from mocap.studio import sample_dir

BIG_WH = (3840, 2160)


def loop_video(source: Path, target: Path, seconds: float) -> None:
    """Repeat a video's packets, without decoding, until it is ``seconds`` long."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(source)) as clip, av.open(str(target), "w") as film:
        video = clip.streams.video[0]
        out = film.add_stream_from_template(video)
        length = video.duration
        for turn in range(round(seconds / float(length * video.time_base))):
            clip.seek(0)
            for packet in clip.demux(video):
                if packet.size:
                    packet.pts += turn * length
                    packet.dts += turn * length
                    packet.stream = out
                    film.mux(packet)


def enlarge_video(source: Path, target: Path) -> None:
    """Encode a video again at 3840x2160."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(source)) as clip, av.open(str(target), "w") as film:
        out = film.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "30"})
        out.width, out.height, out.pix_fmt = *BIG_WH, "yuv420p"
        for frame in clip.decode(video=0):
            film.mux(out.encode(frame.reformat(*BIG_WH, format="yuv420p")))
        film.mux(out.encode(None))


def main() -> None:
    """Measure each length."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("seconds", type=float, nargs="+")
    parser.add_argument("--detection", action="store_true")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        (_measure_detection if given.detection else _measure)(given.inside)
        return
    trial = next((sample_dir() / "trials").iterdir())
    for seconds in given.seconds:
        with tempfile.TemporaryDirectory() as scratch:
            film = Path(scratch) / "film"
            if given.detection:
                for n, source in enumerate(sorted((trial / "raw").glob("*.mp4"))):
                    big = Path(scratch) / source.name
                    enlarge_video(source, big)
                    for camera in (n, n + 4):
                        loop_video(big, film / f"cam_{camera + 1}.mp4", seconds)
                command = [sys.executable, __file__, "0", "--detection", "--inside", str(film)]
                subprocess.run(command, check=True)
                continue
            for source in sorted((trial / "raw").glob("*.mp4")):
                loop_video(source, film / source.name, seconds)
            (film / "rig.toml").write_bytes((sample_dir() / "calibration" / "rig.toml").read_bytes())
            subprocess.run([sys.executable, __file__, "0", "--inside", str(film)], check=True)


def _measure(film: Path) -> None:
    from mocap.pipeline.run import ProcessRequest, process
    from mocap.pipeline.settings import load_settings

    settings = load_settings("balanced")
    light = settings.detect.model_copy(update={"landmarks": ("pose_landmark_lite",)})
    settings = settings.model_copy(update={"detect": light})
    summary = process(ProcessRequest(film, settings, out=film.parent / "out")).summary
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{summary.frames} instants, {len(summary.cameras)} cameras: peak {peak_mib:.0f} MiB", flush=True)


def _measure_detection(film: Path) -> None:
    import time

    from mocap.capture import probe
    from mocap.core.progress import CancelToken, silent
    from mocap.detect import load_detector
    from mocap.pipeline.detection import detect_trial
    from mocap.session import RunFolder
    from mocap.sync import from_frame_times

    videos = tuple(probe(path, path.stem) for path in sorted(film.glob("*.mp4")))
    sync = from_frame_times(tuple(v.camera for v in videos), tuple(v.t_s for v in videos), shared_clock=True)
    detector, _ = load_detector(("pose_landmark_lite",))
    clock = time.perf_counter()
    detect_trial(videos, sync, detector, RunFolder(film.parent / "run"), "key", silent, CancelToken())
    rate = sync.frame_index.size / (time.perf_counter() - clock)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(sync.t_s)} instants, {len(videos)} cameras at 4K: peak {peak_mib:.0f} MiB, {rate:.1f} pictures/s")


if __name__ == "__main__":
    main()
