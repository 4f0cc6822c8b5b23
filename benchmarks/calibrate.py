"""Figures of the whole calibration of a recording, from videos to a rig, beside Caliscope's.

    python benchmarks/calibrate.py RECORDING [RECORDING ...] [--board FILE] [--repeat 3] [--seed 0]
        [--peer-python PYTHON] [--peer-step 1]

A RECORDING is a folder as ``mocap calibrate`` takes it; for the peer it must hold videos with numbers in their
names, timestamps.csv and a board file in Caliscope's layout. PYTHON is one of an environment of its own, with
``pip install caliscope``. Prints a table in Markdown for each recording. The solver alone, against
aniposelib and scipy and against known truth, is measured by ``benchmarks/bundle.py``.

Every timed run is a process of its own that starts with nothing cached, imports counted.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

BEGUN = time.perf_counter()

import numpy as np  # noqa: E402

from calibration.bundle import BundleResult  # noqa: E402
from calibration.camera import CameraRig  # noqa: E402
from calibration.formats import load_rig  # noqa: E402
from calibration.report import at_common_times, measure_heldout  # noqa: E402
from calibration.report.from_bundle import true_times  # noqa: E402
from calibration.sightings import Sightings  # noqa: E402
from mocap.capture import find_videos  # noqa: E402
from mocap.pipeline.calibration.calibrate import CalibrateRequest, calibrate  # noqa: E402
from mocap.pipeline.calibration.inputs import BOARD_FILES, PLACES  # noqa: E402
from mocap.sync import TIMESTAMPS_FILE  # noqa: E402

PEER_SCRIPT = Path(__file__).parent / "peers" / "caliscope_run.py"
# Caliscope drops the worst 2.5 % of each camera's corners.
PEER_SHARE = 0.975
# Corners that two detectors put further apart than this are numbered differently.
SAME_CORNER_PX = 3.0
# Ways of the peer's solve, and what the table calls them.
WAYS = ("steps", "call")
NAMES = ("Caliscope, its guide", "Caliscope, its one call")


@dataclass(frozen=True)
class Ours:
    """Our calibration of a recording.

    Attributes
    ----------
    sightings : Sightings
    heldout : (T,) bool
    result : BundleResult
        Of ``sightings.at(~heldout)``.
    seconds : list of dict
        Of each run: wall and processor time by stage, and in "whole".
    """

    sightings: Sightings
    heldout: np.ndarray
    result: BundleResult
    seconds: list[dict[str, list[float]]]

    @property
    def errors(self) -> np.ndarray:
        """Rows of camera, picture, corner, reprojection error (px) and whether the solve kept it."""
        length = np.linalg.norm(self.result.residual_px, axis=-1)
        instant, camera, corner = np.nonzero(np.isfinite(length))
        at = (instant, camera, corner)
        number = np.array([_number(name) for name in self.sightings.cameras])[camera]
        picture = self.sightings.at(~self.heldout).frame_index[instant, camera]
        return np.stack([number, picture, corner, length[at], self.result.inlier[at]], axis=1)


@dataclass(frozen=True)
class Peer:
    """Caliscope's calibration of the same recording: see ``peers/caliscope_run.py``."""

    rigs: Mapping[str, CameraRig]
    errors: Mapping[str, np.ndarray]
    seen: np.ndarray
    seconds: Mapping[str, list[float]]

    def whole(self, way: str) -> list[float]:
        """Wall and processor time of the whole calibration by that way of solving, s."""
        stages = np.array([self.seconds[stage] for stage in ("import", "intrinsics", "detect", way)])
        return [float(s) for s in stages.sum(axis=0)]


def _number(name: str) -> int:
    return int(re.findall(r"\d+", name)[-1])


def _cpu_s() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def time_once(request: CalibrateRequest) -> dict[str, list[float]]:
    """Calibrate in this process: wall and processor time by stage, s, from its start on."""
    report = calibrate(request).report
    return {
        **{stage: [seconds] for stage, seconds in report.seconds.items()},
        "whole": [time.perf_counter() - BEGUN, _cpu_s()],
        "rmse_px": [report.rmse_px],
    }


def run_ours(request: CalibrateRequest, repeat: int) -> Ours:
    """Time the calibration in fresh processes, then solve once more here for every corner's residual."""
    seconds = []
    for run in range(repeat):
        with tempfile.TemporaryDirectory() as scratch:
            arguments = [str(request.folder), "--seed", str(request.seed), "--child", scratch]
            if request.board:
                arguments += ["--board", str(request.board)]
            done = subprocess.run(
                [sys.executable, __file__, *arguments], check=True, stdout=subprocess.PIPE, text=True
            )
            seconds.append(json.loads(done.stdout.splitlines()[-1]))
            if run == 0:
                solved = calibrate(replace(request, out=Path(scratch) / "rig.toml")).solved
    return Ours(solved.sightings, solved.heldout, solved.result, seconds)


def run_peer(python: Path, request: CalibrateRequest, ours: Ours, step: int) -> Peer:
    """Have Caliscope calibrate the same recording in its own environment."""
    stamps = [request.folder / place / TIMESTAMPS_FILE for place in PLACES]
    times = next((path for path in stamps if path.is_file()), None)
    boards = [request.board] if request.board else [request.folder / name for name in BOARD_FILES]
    board = next((path for path in boards if path.is_file()), None)
    if times is None or board is None:
        raise SystemExit(
            f"{request.folder}: Caliscope needs {TIMESTAMPS_FILE} beside the videos, and a board file."
        )
    frames = ours.sightings.at(ours.heldout).frame_index
    job = {
        "board": str(board.resolve()),
        "videos": {_number(name): str(path.resolve()) for name, path in find_videos(times.parent).items()},
        "timestamps": str(times.resolve()),
        "intrinsics_step": step,
        "heldout": {
            _number(name): frames[frames[:, c] >= 0, c].tolist() for c, name in enumerate(ours.sightings.cameras)
        },
    }
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        (out / "job.json").write_text(json.dumps(job), encoding="utf-8")
        # Its environment must not see this project's.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        subprocess.run(
            [python.absolute(), PEER_SCRIPT.resolve(), out / "job.json", out],
            check=True,
            cwd=out,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        names = ("steps", "call", "steps_train", "call_train")
        rigs = {name: load_rig(out / name / "camera_array.toml").select(ours.result.rig.names) for name in names}
        with np.load(out / "errors.npz") as errors:
            seconds = json.loads((out / "seconds.json").read_text(encoding="utf-8"))
            return Peer(rigs, dict(errors), np.load(out / "seen.npy"), seconds)


def rms(errors: np.ndarray, share: float = 1.0) -> float:
    """Root mean square of the smallest errors, this share of all, px."""
    kept = np.sort(errors)[: max(1, round(share * errors.size))]
    return float(np.sqrt(np.mean(kept**2)))


def in_common(ours: np.ndarray, theirs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (the fourth column on) of the corners that stand in both."""
    where = {tuple(key): row for row, key in enumerate(theirs[:, :3].astype(np.int64).tolist())}
    rows = [(i, where.get(tuple(key), -1)) for i, key in enumerate(ours[:, :3].astype(np.int64).tolist())]
    a, b = np.array([row for row in rows if row[1] >= 0]).reshape(-1, 2).T
    return ours[a, 3:], theirs[b, 3:]


def detected_apart(ours: Ours, peer: Peer) -> tuple[float, int, int, int]:
    """Median distance of the corners that both found, px; and how many both, we and they found."""
    instant, camera, corner = np.nonzero(ours.sightings.seen)
    number = np.array([_number(name) for name in ours.sightings.cameras])[camera]
    picture = ours.sightings.frame_index[instant, camera]
    mine = np.column_stack([number, picture, corner, ours.sightings.xy[instant, camera, corner]])
    a, b = in_common(mine, peer.seen)
    apart = float(np.median(np.linalg.norm(a - b, axis=1)))
    if not apart < SAME_CORNER_PX:
        raise SystemExit(f"Corners of the same number lie {apart:.1f} px apart: they are not the same corners.")
    return apart, len(a), len(mine), len(peer.seen)


@dataclass(frozen=True)
class Row:
    """A figure: its name, ours, the peer's by its guide and by its one call, and how to print it."""

    name: str
    values: tuple[float, ...]
    style: str
    compared: bool = True

    def text(self) -> str:
        """One line of the table; the ratio is the better of the peer's figures over ours."""
        cells = [format(value, self.style) if np.isfinite(value) else "-" for value in self.values]
        known = [value for value in self.values[1:] if self.compared and np.isfinite(value)]
        cells += [f"{min(known) / self.values[0]:.2f}" if known else "-"]
        return f"| {self.name} | {' | '.join(cells)} |"


def reprojection(ours: Ours, peer: Peer | None) -> list[Row]:
    """Compare reprojection errors on equal shares of the corners."""
    errors = ours.errors
    length, kept = errors[:, 3], errors[:, 4] > 0
    theirs = [peer.errors[way][:, 3] for way in WAYS] if peer else []
    every = peer.errors["first"][:, 3] if peer else np.zeros(0)
    best = f"{100 * PEER_SHARE:g} %"
    # The one call shows no solve with every corner.
    rows = [
        Row("corners with a prediction", (length.size, *(every.size for _ in theirs)), ".0f", False),
        Row("RMSE of all, px", (rms(length), *([rms(every), np.nan] if peer else [])), ".3f"),
        Row(f"RMSE of the best {best}, px", (rms(length, PEER_SHARE), *map(rms, theirs)), ".3f"),
        Row(
            "kept by its own rule, %",
            (100 * kept.mean(), *(100 * t.size / every.size for t in theirs)),
            ".2f",
            False,
        ),
        Row("RMSE of those, px", (rms(length[kept]), *map(rms, theirs)), ".3f"),
    ]
    if peer:
        for way, name in zip(WAYS, NAMES, strict=True):
            a, b = in_common(errors[kept], peer.errors[way])
            row = (rms(a[:, 0]), *(rms(b[:, 0]) if other == way else np.nan for other in WAYS))
            rows.append(Row(f"RMSE of the {len(a)} corners that ours and {name} keep, px", row, ".3f"))
    return rows


def held_out(ours: Ours, peer: Peer | None) -> list[Row]:
    """Compare what the rigs make of a rigid board in the solves' own pictures and in the held-out ones.

    The peer takes the pictures of an instant as simultaneous. Where our solve found that they are not, they are
    also compared after being moved to one time, which is what ours are for.
    """
    rigs = [ours.result.rig, *(peer.rigs[f"{way}_train"] for way in WAYS)] if peer else [ours.result.rig]
    saw_all = [ours.result.rig, *(peer.rigs[way] for way in WAYS)] if peer else []
    moments = [(ours.sightings, "as they stand")]
    if ours.result.clock_offset_s.any():
        moved = at_common_times(ours.sightings, true_times(ours.result, ours.sightings.t_s))
        moments.append((moved, "at one time by our clocks"))
    rows = []
    for pictures, words in moments:
        fitted = [measure_heldout(rig, pictures.at(~ours.heldout)).rmse_px for rig in rigs]
        found = [measure_heldout(rig, pictures.at(ours.heldout)) for rig in rigs]
        lengths = [f.lengths for f in found]
        rows += [
            Row(f"pictures of the solve {words}: reprojection of a rigid board, px", tuple(fitted), ".3f"),
            Row(f"held-out pictures {words}: the same, px", tuple(f.rmse_px for f in found), ".3f"),
            Row("board lengths in these: median error, mm", tuple(e.median_mm for e in lengths), ".2f"),
            Row("board lengths in these: RMS error, mm", tuple(e.rms_mm for e in lengths), ".2f"),
            Row("views left out as gross, %", tuple(100 * e.left_out_share for e in lengths), ".1f", False),
        ]
        if peer:
            seen = [measure_heldout(rig, pictures.at(ours.heldout)).lengths.rms_mm for rig in saw_all]
            rows.append(Row("RMS error, mm, had Caliscope solved with these too", tuple(seen), ".2f"))
    return rows


def times(ours: Ours, peer: Peer | None) -> list[Row]:
    """Compare the time from the start of the process to the rig."""
    rows = []
    for which, words in ((0, "wall"), (1, "processor")):
        mine = statistics.median(run["whole"][which] for run in ours.seconds)
        theirs = [peer.whole(way)[which] for way in WAYS] if peer else []
        rows.append(Row(f"whole, {words} time, s", (mine, *theirs), ".1f"))
    return rows


def stages(seconds: Mapping[str, Sequence[float]]) -> str:
    """Name the wall time of each stage."""
    return ", ".join(f"{name} {value[0]:.1f} s" for name, value in seconds.items() if name != "rmse_px")


def print_recording(request: CalibrateRequest, ours: Ours, peer: Peer | None) -> None:
    """Print the table of a recording."""
    instants = int(np.count_nonzero(ours.heldout))
    print(f"### {request.folder.resolve().name}\n")
    print(f"{len(ours.sightings.cameras)} cameras, {len(ours.heldout)} instants, {instants} of them held out.")
    if peer:
        apart, both, mine, theirs = detected_apart(ours, peer)
        print(f"Corners found: ours {mine}, Caliscope {theirs}, both {both}, these {apart:.2f} px apart (median).")
    print(f"Ours, first run: {stages(ours.seconds[0])}.")
    if peer:
        print(f"Caliscope: {stages(peer.seconds)}.")
    names = NAMES if peer else ()
    print(f"\n| | ours | {' | '.join((*names, 'better of theirs / ours'))} |")
    print("|---" * (3 + len(names)) + "|")
    for row in (*reprojection(ours, peer), *held_out(ours, peer), *times(ours, peer)):
        print(row.text())
    print(flush=True)


def main() -> None:
    """Measure the recordings that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("recordings", type=Path, nargs="+")
    parser.add_argument("--board", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peer-python", type=Path)
    parser.add_argument("--peer-step", type=int, default=1, help="every how many pictures it takes for the lenses")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    for folder in given.recordings:
        request = CalibrateRequest(folder, given.board, seed=given.seed)
        if given.child:
            print(json.dumps(time_once(replace(request, out=given.child / "rig.toml"))))
            continue
        ours = run_ours(request, given.repeat)
        peer = run_peer(given.peer_python, request, ours, given.peer_step) if given.peer_python else None
        print_recording(request, ours, peer)
    if not given.peer_python and not given.child:
        print("Caliscope was not run: name the Python of an environment that has it with --peer-python.")


if __name__ == "__main__":
    main()
