"""Figures of the whole way on a real recording: agreement of views, constancy of bones, speed.

    python benchmarks/pipeline.py RECORDING [--repeat 3]

RECORDING is a folder with videos and a calibration, such as Pose2Sim's Demo_SinglePerson. Prints the median and
the range over the repetitions.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from mocap.pipeline.run import ProcessRequest, process
from mocap.pipeline.settings import load_settings


def main() -> None:
    """Process the recording several times into a scratch folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("recording", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--preset", default="balanced")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        runs = [
            process(
                ProcessRequest(given.recording, load_settings(given.preset), out=Path(scratch) / str(i))
            ).summary
            for i in range(given.repeat)
        ]
    first = runs[0]
    print(f"{first.trial}: {first.frames_3d} of {first.frames} frames in 3D, detector {first.detector}")
    print(
        f"reprojection, 12 core joints: median {first.reproj_px_median:.2f} px, 90 % {first.reproj_px_p90:.2f} px"
    )
    print(f"bone length variation: {first.bone_variation_percent:.2f} %")
    for stage in first.seconds:
        _spread(f"{stage}, s", [run.seconds[stage] for run in runs])
    _spread("whole run, pictures/s", [run.views_per_s for run in runs])
    pictures = first.views_per_s * sum(first.seconds.values())
    _spread("decode and detect, pictures/s", [pictures / run.seconds["detect"] for run in runs])


def _spread(name: str, values: list[float]) -> None:
    print(f"{name}: median {statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})")


if __name__ == "__main__":
    main()
