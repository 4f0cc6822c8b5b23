"""What is installed, what works, and what to do about the rest.

Every library is tried in a child process: one that kills the process, hangs, or lacks a system library becomes a
finding instead of the end of the examination. This file imports nothing but the standard library, because the
child runs it by its path: importing the package would import the very libraries that are under suspicion.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["ok", "missing", "broken"]

SUPPORTED = ((3, 10), (3, 12))
# A library that takes longer to load than this on a busy machine has hung.
PROBE_TIMEOUT_S = 30.0
# The models take 0.05 GB, a session with overlays of a minute about as much: below this a run may not finish.
SCARCE_GB = 1.0

# Distribution and the module that shows whether it works, for each base dependency of pyproject.toml.
BASE = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "av": "av",
    "ezc3d": "ezc3d",
    "jinja2": "jinja2",
    "numpy": "numpy",
    "opencv-contrib-python": "cv2",
    "platformdirs": "platformdirs",
    "plotly": "plotly.graph_objects",
    "pydantic": "pydantic",
    "pygltflib": "pygltflib",
    "rich": "rich",
    "scipy": "scipy.optimize",
    "threadpoolctl": "threadpoolctl",
    "tomli-w": "tomli_w",
    "typer": "typer",
}
# Distributions of each extra. Only those of [gui] are loaded: the others take many seconds.
EXTRAS = {
    "gui": ("PySide6-Essentials", "pyqtgraph", "PyOpenGL"),
    "anipose": ("aniposelib",),
    "torch": ("torch", "tflite"),
    "onnx": ("onnxruntime",),
    "openvino": ("openvino",),
    "hdf5": ("h5py",),
    "sheets": ("openpyxl", "pyarrow"),
    "usd": ("usd-core",),
    "live": ("python-osc", "pylsl", "websockets"),
    "open3d": ("open3d-cpu" if (sys.platform, platform.machine()) == ("linux", "x86_64") else "open3d",),
    "opensim": ("opensim",),
    "studio": ("torch", "anny", "numba"),
}
# They all bring a package named cv2, and the last one installed wins.
OTHER_OPENCVS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python-headless")
# Where Debian and Ubuntu keep what the wheels expect of the system.
DEBIAN_PACKAGES = {
    "libstdc++.so.6": "libstdc++6",
    "libGL.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libEGL.so.1": "libegl1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libxkbcommon.so.0": "libxkbcommon0",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: State
    detail: str
    remedy: str = ""
    """What to do; empty where nothing needs doing."""


@dataclass(frozen=True)
class Answer:
    """What a probe said in its child process: facts, or why there are none."""

    works: bool
    facts: tuple[str, ...]


def _probe_encoder() -> tuple[str, ...]:
    import av

    av.codec.Codec("libx264", "w")
    return ("libx264", ".".join(str(part) for part in av.library_versions["libavcodec"]))


def _probe_graphics() -> tuple[str, ...]:
    import torch

    if torch.cuda.is_available():
        return (torch.cuda.get_device_name(0),)
    return ("Apple GPU (mps)",) if torch.backends.mps.is_available() else ()


def _probe_models() -> tuple[str, ...]:
    from mocap.detect.load import FINDER, LANDMARK_MODELS
    from mocap.detect.weights import verify

    needed = (FINDER, LANDMARK_MODELS[0])
    return tuple(
        f"{model.card.name}\t{model.state}\t{model.path}"
        for model in verify()
        if model.card.name in needed or model.state != "missing"
    )


def _probe_runtimes() -> tuple[str, ...]:
    from mocap.detect.runtimes.choose import remembered

    return tuple(
        "\t".join((one.model, one.chosen, *(f"{kind} {ms:g} ms" for kind, ms in one.milliseconds.items())))
        for one in remembered().values()
    )


def _probe_folders() -> tuple[str, ...]:
    from mocap.detect.weights import models_dir
    from mocap.session import data_dir

    return (str(models_dir()), str(data_dir()))


PROBES: dict[str, Callable[[], tuple[str, ...]]] = {
    "encoder": _probe_encoder,
    "graphics": _probe_graphics,
    "models": _probe_models,
    "folders": _probe_folders,
    "runtimes": _probe_runtimes,
}


def _answer(name: str) -> Answer:
    """Run one probe, or import the module of this name; whatever goes wrong is the answer."""
    try:
        if name in PROBES:
            return Answer(True, PROBES[name]())
        importlib.import_module(name)
    except Exception as error:  # a damaged library may raise anything at import, and that is the finding
        return Answer(False, (f"{type(error).__name__}: {error}",))
    return Answer(True, ())


def _child(names: Sequence[str]) -> None:
    """Say each answer as a line of JSON, and before it what is being tried."""
    for name in names:
        sys.stdout.write(json.dumps({"trying": name}) + "\n")
        sys.stdout.flush()
        answer = _answer(name)
        sys.stdout.write(json.dumps({"name": name, "works": answer.works, "facts": answer.facts}) + "\n")
        sys.stdout.flush()


def probe(names: Sequence[str], timeout_s: float = PROBE_TIMEOUT_S) -> dict[str, Answer]:
    """Try modules and probes in child processes; one that dies or hangs is left out of the next child."""
    answers: dict[str, Answer] = {}
    while remaining := [name for name in names if name not in answers]:
        command = [sys.executable, str(Path(__file__).resolve()), *remaining]
        try:
            done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
            output, end = done.stdout, f"ended the process with code {done.returncode}"
        except subprocess.TimeoutExpired as error:
            output, end = error.stdout or b"", f"gave no answer within {timeout_s:.0f} s"
        trying = remaining[0]
        for line in output.decode(errors="replace").splitlines():
            if not line.startswith("{"):
                continue  # a library that talks while it loads
            said = json.loads(line)
            trying = said.get("trying", trying)
            if "name" in said:
                answers[said["name"]] = Answer(said["works"], tuple(said["facts"]))
        if trying not in answers:
            answers[trying] = Answer(False, (end,))
    return answers


def version_of(distribution: str) -> str | None:
    """Version of an installed distribution, or None."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def reinstall_remedy(reason: str, pip_line: str) -> str:
    """What to do about a library that is installed and does not load."""
    if found := re.search(r"(lib[\w.+-]+\.so[.\d]*): cannot open shared object", reason):
        package = DEBIAN_PACKAGES.get(found[1])
        how = f"sudo apt-get install {package}" if package else "with your system's package manager"
        return f"Install the system library {found[1]} ({how})."
    return f"Install it again: {pip_line} --force-reinstall --no-deps"


def library_finding(distribution: str, version: str | None, answer: Answer) -> Finding:
    """Judge a base dependency by its version and by whether it loads."""
    if version is None:
        return Finding(distribution, "missing", "not installed", f"pip install {distribution}")
    if not answer.works:
        reason = " ".join(answer.facts)
        remedy = reinstall_remedy(reason, f"pip install {distribution}=={version}")
        return Finding(distribution, "broken", f"{version} does not load: {reason}", remedy)
    return Finding(distribution, "ok", version)


def extra_finding(extra: str, versions: dict[str, str | None], loads: Answer | None) -> Finding:
    """Judge an extra by what is installed of it, and by whether it loads where that was tried."""
    absent = [name for name, version in versions.items() if version is None]
    install = f"pip install 'openmocap[{extra}]'"
    if absent:
        return Finding(f"extra {extra}", "missing", f"optional; without {', '.join(absent)}", install)
    if loads is not None and not loads.works:
        reason = " ".join(loads.facts)
        return Finding(f"extra {extra}", "broken", reason, reinstall_remedy(reason, install))
    return Finding(f"extra {extra}", "ok", ", ".join(f"{name} {version}" for name, version in versions.items()))


def opencv_finding(installed: Sequence[str]) -> Finding | None:
    """Complain of a second OpenCV beside ours."""
    if not installed:
        return None
    names = " ".join(installed)
    return Finding(
        "a second OpenCV",
        "broken",
        f"{names} overwrites opencv-contrib-python",
        f"pip uninstall -y {names}, then: pip install --force-reinstall --no-deps opencv-contrib-python",
    )


def python_finding(version: tuple[int, int], bits_64: bool) -> Finding:
    """Judge the Python that runs this."""
    detail = f"{platform.python_version()} on {platform.system()} {platform.release()} {platform.machine()}"
    if not bits_64 or not SUPPORTED[0] <= version <= SUPPORTED[1]:
        return Finding("Python", "broken", detail, "Use a 64-bit Python 3.10, 3.11 or 3.12.")
    return Finding("Python", "ok", detail)


def encoder_finding(answer: Answer) -> Finding:
    """Judge whether overlay videos can be written."""
    if answer.works:
        return Finding("video encoder", "ok", f"{answer.facts[0]} (libavcodec {answer.facts[1]})")
    return Finding(
        "video encoder",
        "broken",
        " ".join(answer.facts),
        "Install PyAV from its wheel: pip install --only-binary :all: av",
    )


def model_findings(answer: Answer) -> list[Finding]:
    """Judge the models' weights, each by its hash."""
    if not answer.works:
        return [Finding("models", "broken", " ".join(answer.facts), "Mend the libraries above first.")]
    states: dict[str, tuple[State, str]] = {
        "ready": ("ok", ""),
        "missing": ("missing", "mocap models fetch"),
        "damaged": ("broken", "mocap models fetch"),
    }
    found = []
    for fact in answer.facts:
        name, said, path = fact.split("\t")
        state, remedy = states[said]
        found.append(Finding(f"model {name}", state, path if said == "ready" else f"{said}: {path}", remedy))
    return found


def runtime_findings(answer: Answer) -> list[Finding]:
    """Say what runs each network on this machine, as the trial at its first use found."""
    if not answer.works:
        return [Finding("runtimes", "broken", " ".join(answer.facts), "Mend the libraries above first.")]
    # The last verdict on a model counts: those before were of other versions.
    latest = {fact.split("\t")[0]: fact.split("\t")[1:] for fact in answer.facts}
    if not latest:
        return [Finding("runtimes", "ok", "litert; others are tried at their first use, where they are installed")]
    return [
        Finding(f"runtime of {model}", "ok", f"{chosen} is used; one crop on one core: {', '.join(times)}")
        for model, (chosen, *times) in latest.items()
    ]


def folder_finding(name: str, folder: Path) -> Finding:
    """Judge the disk of a folder that may not exist yet: whether it can be written and has room."""
    there = next(part for part in (folder, *folder.parents) if part.is_dir())
    free_gb = shutil.disk_usage(there).free / 1e9
    if not os.access(there, os.W_OK):
        return Finding(name, "broken", f"{folder} cannot be written to", f"Allow writing to {there}.")
    if free_gb < SCARCE_GB:
        return Finding(name, "broken", f"{folder}: {free_gb:.1f} GB free", "Free some space on this disk.")
    return Finding(name, "ok", f"{folder}: {free_gb:.0f} GB free")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def graphics_finding(torch_version: str | None, answer: Answer | None) -> Finding:
    """Say whether there is a graphics card that torch can use; nothing in the base needs one."""
    if torch_version is None or answer is None:
        return Finding(
            "graphics card", "missing", "optional; not looked for without torch", "pip install 'openmocap[torch]'"
        )
    if not answer.works:
        reason = " ".join(answer.facts)
        return Finding("graphics card", "broken", reason, reinstall_remedy(reason, "pip install torch"))
    return Finding("graphics card", "ok", answer.facts[0] if answer.facts else "none found; the processor is used")


def examine() -> tuple[Finding, ...]:
    """Look at everything; takes a few seconds, never raises for what it finds."""
    versions = {name: version_of(name) for name in {*BASE, *OTHER_OPENCVS, *sum(EXTRAS.values(), ())}}
    base = [module for name, module in BASE.items() if versions[name]]
    gui = ["PySide6.QtWidgets"] if all(versions[name] for name in EXTRAS["gui"]) else []
    groups = [
        [*base, "encoder"],
        ["models", "folders", "runtimes", *gui],
        ["graphics"] if versions["torch"] else [],
    ]
    with ThreadPoolExecutor(len(groups)) as pool:  # threads that wait for children
        answers = {name: answer for part in pool.map(probe, groups) for name, answer in part.items()}
    nothing = Answer(False, ("not tried",))
    found = [python_finding(sys.version_info[:2], sys.maxsize > 2**32)]
    found += [library_finding(name, versions[name], answers.get(module, nothing)) for name, module in BASE.items()]
    second = opencv_finding([name for name in OTHER_OPENCVS if versions[name]])
    found += [second] if second else []
    for extra, names in EXTRAS.items():
        loads = answers.get("PySide6.QtWidgets") if extra == "gui" else None
        found.append(extra_finding(extra, {name: versions[name] for name in names}, loads))
    found += [encoder_finding(answers["encoder"]), *model_findings(answers["models"])]
    if answers["folders"].works:
        models, data = answers["folders"].facts
        found += [folder_finding("models folder", Path(models)), folder_finding("sessions folder", Path(data))]
    found.append(Finding("processor", "ok", f"{cores()} cores"))
    found += runtime_findings(answers["runtimes"])
    found.append(graphics_finding(versions["torch"], answers.get("graphics")))
    return tuple(found)


if __name__ == "__main__":
    # Run by path, Python puts this folder first, where `run` and `settings` would hide others' modules.
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    _child(sys.argv[1:])
