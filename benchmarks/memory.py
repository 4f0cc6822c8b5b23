"""Peak memory of the whole way against the length of the videos.

    python benchmarks/memory.py SECONDS [SECONDS ...]

Loops the shipped sample to each length, processes it in a process of its own, overlays and all, and prints the
peak resident memory of that process. The lightest network runs, because five minutes of four cameras take the
default one half an hour; the weights differ by 25 MB whatever the length.
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


def main() -> None:
    """Measure each length."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("seconds", type=float, nargs="+")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        _measure(given.inside)
        return
    trial = next((sample_dir() / "trials").iterdir())
    for seconds in given.seconds:
        with tempfile.TemporaryDirectory() as scratch:
            film = Path(scratch) / "film"
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


if __name__ == "__main__":
    main()
