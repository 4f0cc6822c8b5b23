"""A model of OpenSim scaled to a person and moved by inverse kinematics, in a process of its own.

Sizes are set as OpenSim's Scale Tool does: the mean distance of two markers over that in the model's own pose. The
pairs are the bones of our skeleton, each measured for the body that carries the marker at its far end.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mocap.core.errors import ExportError, InputError
from mocap.core.skeleton import Skeleton
from mocap.core.types import Take
from mocap.export.trc import TrcExporter
from mocap.pipeline.opensim_script import SCRIPT
from mocap.pipeline.reexport import load_take
from mocap.session import RunFolder, SessionManifest, read_manifest

# A Python that has the package opensim.
VARIABLE = "MOCAP_OPENSIM"
# Inverse kinematics takes some 40 frames/s; an hour of computing is enough for half an hour of film.
LIMIT_S = 3600
# Inverse kinematics needs three markers for a body, and a person has more than one.
FEWEST_MARKERS = 6
# From heel to toe a foot is measured, its hind part and its toes alike; an ankle's height says nothing of it.
FEET = (("left_heel", "left_toe"), ("right_heel", "right_toe"))


@dataclass(frozen=True)
class OpensimRequest:
    """What a user asks for.

    Attributes
    ----------
    run : Path
        Folder of a finished run.
    model : Path
        Any .osim whose markers are named like keypoints: ``left_knee``, ``LKnee``, ``knee_l``.
    markers : Path or None
        A MarkerSet file (.xml) that takes the place of the model's own markers.
    mass_kg : float or None
        Of the person; what the session says, else the model's own, where it is not given.
    """

    run: Path
    model: Path
    out: Path
    markers: Path | None = None
    person: int = 0
    mass_kg: float | None = None


@dataclass(frozen=True)
class OpensimResult:
    """What OpenSim made, and how far its markers are from ours.

    Attributes
    ----------
    scale : dict
        Size of each measured body over that of the model.
    marker_rms_m : float
        Over all markers and frames, m.
    marker_max_m : float
        The farthest of all, m.
    unused : tuple of str
        Markers of the model for which there is no keypoint.
    """

    model: Path
    motion: Path
    markers_used: dict[str, str]
    unused: tuple[str, ...]
    scale: dict[str, float]
    marker_rms_m: float
    marker_max_m: float


def run_opensim(request: OpensimRequest) -> OpensimResult:
    """Scale a model to one person of a run and find the joint angles that bring its markers nearest to ours.

    Raises
    ------
    InputError
        If the model cannot be used, or there is no such person.
    ExportError
        If OpenSim is missing or fails.
    """
    for path in (request.model, request.markers):
        if path is not None and not path.is_file():
            raise InputError(
                "There is no such file.", "Name a model of OpenSim (.osim), or its markers (.xml).", path
            )
    program = find_opensim()
    take = load_take(RunFolder(request.run))
    if not 0 <= request.person < len(take.people):
        raise InputError(
            f"There is no person {request.person + 1}.",
            f"The run has {len(take.people)}: {', '.join(take.people)}.",
        )
    request.out.mkdir(parents=True, exist_ok=True)
    out = request.out.resolve()
    given = {"model": str(request.model.resolve()), "markers": str((request.markers or Path()).resolve())}
    given["markers"] = given["markers"] if request.markers else ""
    listed = _run(program, {**given, "task": "markers"})["markers"]
    names = matched(take.points.skeleton, tuple(listed))
    if len(names) < FEWEST_MARKERS:
        raise InputError(
            f"Only {len(names)} markers of the model are named like keypoints of ours.",
            f"The model has {', '.join(sorted(listed)[:40]) or 'none'}; the keypoints are "
            f"{', '.join(take.points.skeleton.keypoints[:40])}. Give a marker set with such names.",
            request.markers or request.model,
        )
    with tempfile.TemporaryDirectory() as scratch:
        renamed = _renamed(take, names)
        (trc,) = TrcExporter().write(renamed, request.person, Path(scratch), "markers").files
        job = {
            **given,
            "task": "solve",
            "trc": str(trc),
            "start": float(take.t_s[0]),
            "stop": float(take.t_s[-1]),
            "pairs": measured_pairs(take.points.skeleton, names, listed),
            "wanted": list(names.values()),
            "mass": request.mass_kg or _known_mass(request.run) or -1.0,
            "scaled": str(out / f"{request.model.stem}_scaled.osim"),
            "motion": str(out / "inverse_kinematics.mot"),
            "folder": scratch,
        }
        found = _run(program, job)
    return OpensimResult(
        model=Path(str(job["scaled"])),
        motion=Path(str(job["motion"])),
        markers_used=names,
        unused=tuple(sorted(set(listed) - set(names.values()))),
        scale={body: float(size) for body, size in found["scale"].items()},
        marker_rms_m=float(found["rms"]),
        marker_max_m=float(found["max"]),
    )


def canonical(name: str) -> tuple[str, str]:
    """Side and plain name of a marker: ``LKnee``, ``knee_l`` and ``left_knee`` are all ("left", "knee")."""
    text = re.sub(r"^([LR])(?=[A-Z])", r"\1_", name)
    words = [word for word in re.split(r"[_\s\-.]+", text.lower()) if word]
    sides = {"l": "left", "left": "left", "r": "right", "right": "right"}
    side = next((sides[word] for word in words if word in sides), "")
    plain = "".join(word for word in words if word not in sides)
    return side, re.sub(r"^(left|right)", "", plain)


# What keypoints are called elsewhere.
SYNONYMS = {"footindex": ("bigtoe", "toe"), "bigtoe": ("footindex", "toe"), "index": ("hand",)}


def _known_mass(run: Path) -> float | None:
    """Mass of the person as the run's session says, kg."""
    above = run.resolve().parents
    session = above[3] / "session.toml" if len(above) > 3 else None
    return read_manifest(session, SessionManifest).mass_kg if session is not None and session.is_file() else None


def matched(skeleton: Skeleton, markers: tuple[str, ...]) -> dict[str, str]:
    """Marker of the model for each keypoint that has one."""
    by_name = {canonical(marker): marker for marker in markers}
    found: dict[str, str] = {}
    for keypoint in skeleton.keypoints:
        side, plain = canonical(keypoint)
        marker = next((by_name[side, n] for n in (plain, *SYNONYMS.get(plain, ())) if (side, n) in by_name), None)
        if marker is not None and marker not in found.values():
            found[keypoint] = marker
    return found


def measured_pairs(
    skeleton: Skeleton, names: dict[str, str], bodies: dict[str, str]
) -> list[tuple[str, str, str]]:
    """Pairs of markers whose distance says how large a body is: (near marker, far marker, body)."""
    own = {joint.name: joint.keypoints[0] for joint in skeleton.joints if len(joint.keypoints) == 1}
    bones = [(j.parent, j.name) for j in skeleton.joints if not j.name.endswith("toe")]
    pairs = [(own[near], own[far]) for near, far in bones if near in own and far in own]
    # Hips and shoulders hang on joints of no keypoint: trunk and pelvis are measured across.
    pairs += [("left_hip", "right_hip"), ("left_hip", "left_shoulder"), ("right_hip", "right_shoulder")]
    found = [(a, b, b) for a, b in pairs]
    found += [(heel, own[toe], part) for heel, toe in FEET if toe in own for part in (heel, own[toe])]
    return [(names[a], names[b], bodies[names[on]]) for a, b, on in found if a in names and b in names]


def _renamed(take: Take, names: dict[str, str]) -> Take:
    """The same with those keypoints only that the model has markers for, under the model's names."""
    k = take.points.skeleton.index(*names)
    points = take.points
    skeleton = Skeleton("markers", tuple(names.values()), (), (), (), (), ())
    kept = replace(
        points,
        skeleton=skeleton,
        xyz=points.xyz[:, :, k],
        cov=points.cov[:, :, k],
        n_views=points.n_views[:, :, k],
        reproj_px=points.reproj_px[..., k],
        used=points.used[..., k],
    )
    return replace(take, points=kept)


def find_opensim() -> str:
    """Find a Python that has OpenSim.

    Raises
    ------
    ExportError
        If there is none.
    """
    named = os.environ.get(VARIABLE)
    program = named or sys.executable
    if shutil.which(program) is None:
        raise ExportError(f"{VARIABLE} names '{named}', which is no program.", f"Set {VARIABLE} to a Python.")
    asked = subprocess.run([program, "-c", "import opensim"], capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        raise ExportError(
            "OpenSim was not found.",
            "Install it: pip install 'openmocap[opensim]', or into a Python of its own, and set "
            f"{VARIABLE} to that Python.",
        )
    return program


def _run(program: str, job: dict[str, object]) -> dict[str, Any]:
    """Run OpenSim on a job and return its answer."""
    with tempfile.TemporaryDirectory() as scratch:
        asked, answer = Path(scratch) / "job.json", Path(scratch) / "answer.json"
        asked.write_text(json.dumps(job), encoding="utf-8")
        try:
            done = subprocess.run(
                [program, "-c", SCRIPT, str(asked), str(answer)],
                capture_output=True, text=True, timeout=LIMIT_S, check=False, cwd=scratch,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ExportError(f"OpenSim could not be run: {error}.", "Check that it starts.") from error
        if done.returncode != 0 or not answer.is_file():
            last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
            raise ExportError(f"OpenSim failed: {last}", "Check that it opens the model.", Path(str(job["model"])))
        return dict(json.loads(answer.read_text(encoding="utf-8")))
