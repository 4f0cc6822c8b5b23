#!/usr/bin/env python3
"""Sets the software up beside this file and runs it; needs nothing but Python itself.

The first run makes ``.venv``, installs the exact versions of constraints.txt and fetches the models; later ones
start at once. Everything said here goes to stderr: stdout belongs to the command that is run.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "openmocap-setup.json"
LOG = VENV / "openmocap-setup.log"

SUPPORTED = ((3, 10), (3, 11), (3, 12))  # as the wheels of ai-edge-litert and open3d; so says pyproject.toml
# What an installation takes on the disk, pip's downloads included, rounded up.
GIB = 1024**3
BASE_GIB = 2.0
# On Linux the registry's torch brings the CUDA libraries, 5 GB once unpacked.
ALL_GIB = 12.0 if sys.platform == "linux" else 5.0
# What pip says where the registry cannot be reached.
OFFLINE_WORDS = ("name resolution", "NewConnectionError", "ConnectTimeout", "Network is unreachable", "ProxyError")
STOPPED = 130  # by SIGINT, in the shells' convention


@dataclass(frozen=True)
class Library:
    """A shared library of the operating system, and the package that holds it."""

    soname: str
    apt: str
    dnf: str
    pacman: str


CV2_LIBRARIES = (
    Library("libstdc++.so.6", "libstdc++6", "libstdc++", "gcc-libs"),
    Library("libGL.so.1", "libgl1", "mesa-libGL", "libglvnd"),
    Library("libgthread-2.0.so.0", "libglib2.0-0", "glib2", "glib2"),
)
ALL_LIBRARIES = (
    *CV2_LIBRARIES,
    Library("libEGL.so.1", "libegl1", "mesa-libEGL", "libglvnd"),
    Library("libdbus-1.so.3", "libdbus-1-3", "dbus-libs", "dbus"),
    Library("libfontconfig.so.1", "libfontconfig1", "fontconfig", "fontconfig"),
    Library("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon", "libxkbcommon"),
)

XCB = (("cursor", 0, "cursor"), ("icccm", 4, "wm"), ("keysyms", 1, "keysyms"))
APP_LIBRARIES = (
    *ALL_LIBRARIES,
    *(Library(f"libxcb-{a}.so.{v}", f"libxcb-{a}{v}", f"xcb-util-{b}", f"xcb-util-{b}") for a, v, b in XCB),
    Library("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11", "libxkbcommon-x11"),
)
INSTALL_COMMANDS = {
    "apt": ["apt-get", "install", "-y", "--no-install-recommends"],
    "dnf": ["dnf", "install", "-y"],
    "pacman": ["pacman", "-S", "--noconfirm"],
}


@dataclass(frozen=True)
class Command:
    """What one word after ``run.py`` needs and does."""

    help: str
    extras: tuple[str, ...]
    libraries: tuple[Library, ...]
    needs_models: bool


COMMANDS = {
    "demo": Command("run the whole way on the film that is shipped", (), CV2_LIBRARIES, needs_models=True),
    "app": Command("open the desktop app", ("gui",), APP_LIBRARIES, needs_models=True),
    "test": Command("run every check and test (with words: pytest)", ("all",), ALL_LIBRARIES, needs_models=True),
    "doctor": Command("say what works here, and what to do", (), CV2_LIBRARIES, needs_models=False),
    "mocap": Command("run any mocap command: mocap process FOLDER", (), CV2_LIBRARIES, needs_models=True),
}
WORDS = {"mocap": [], "app": ["gui"]}  # what ``mocap`` calls them, where it is another word
USAGE = "Usage: python3 run.py COMMAND [arguments]\n"
USAGE += "\n".join(f"  {name:<8}{command.help}" for name, command in COMMANDS.items())


class SetupError(Exception):
    """Something that the person at the keyboard has to mend."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}\n{remedy}")


@dataclass(frozen=True)
class Stamp:
    """What is in ``.venv``; a command starts at once where it says enough."""

    base: str  # Python's version and the folder: a change of either asks for a new environment
    digest: str  # of pyproject.toml and constraints.txt: a change asks for an installation
    extras: tuple[str, ...] = ()
    models: str = ""  # digest of the model cards whose files were fetched
    complete: bool = False  # not while pip is at work, so that an interrupted installation is seen


def say(text: str) -> None:
    """Tell the person something, beside the command's own output."""
    print(text, file=sys.stderr, flush=True)


def python_problem(version: tuple[int, int], bits_64: bool, system: str, machine: str) -> SetupError | None:
    """Say why the libraries cannot run here, or None where they can."""
    names = "Python 3.10, 3.11 or 3.12"
    if version not in SUPPORTED:
        remedy = "Install one (Debian, Ubuntu: apt install python3.12 or python3.11; Windows, macOS: python.org)."
        return SetupError(f"This needs {names}; this is {version[0]}.{version[1]}.", remedy)
    if not bits_64:
        return SetupError("This is a 32-bit Python.", f"Install a 64-bit {names}: nothing else has the libraries.")
    if system == "Darwin" and machine == "x86_64":
        what = "The detector's runtime (ai-edge-litert) does not exist for Macs with Intel processors."
        return SetupError(what, "Use Linux, Windows, or a Mac with Apple silicon and a Python made for it.")
    return None


def other_python() -> str | None:
    """Path of a supported Python beside this one, the newest first."""
    versions = [f"{major}.{minor}" for major, minor in reversed(SUPPORTED)]
    for command in [*([f"python{v}"] for v in versions), *(["py", f"-{v}"] for v in versions)]:
        if shutil.which(command[0]):
            ask = [*command, "-c", "import sys; print(sys.executable)"]
            answer = subprocess.run(ask, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
            if answer.returncode == 0:
                return answer.stdout.decode().strip()
    return None


def can_load(soname: str) -> bool:
    """Whether the dynamic linker finds a library: all that counts, whoever installed it."""
    try:
        return bool(ctypes.CDLL(soname))
    except OSError:
        return False


def package_manager(which: Callable[[str], str | None] = shutil.which) -> str | None:
    """Name of this system's package manager, as Library's fields call it."""
    return next((name for name, command in INSTALL_COMMANDS.items() if which(command[0])), None)


def root_prefix() -> list[str] | None:
    """What to put before a command that needs to be root; None where it would ask for a password."""
    if os.geteuid() == 0:  # type: ignore[attr-defined,unused-ignore]  # not on Windows, which never asks
        return []
    if shutil.which("sudo") and subprocess.call(["sudo", "-n", "true"], stderr=subprocess.DEVNULL) == 0:
        return ["sudo", "-n"]
    return None


def install_packages(names: Sequence[str], why: str) -> None:
    """Install packages of the operating system where that needs no password, else say the line to type."""
    manager = package_manager()
    if manager is None:
        raise SetupError(f"{why} is missing.", f"Install it with your system's package manager: {' '.join(names)}")
    command = [*INSTALL_COMMANDS[manager], *names]
    line = f"sudo {' '.join(command)}"
    prefix = root_prefix() if manager == "apt" else None
    if prefix is None:
        raise SetupError(f"{why} is missing.", f"Type this once, then the same line again:\n\n    {line}\n")
    say(f"{why} is missing; installing {', '.join(names)} ...")
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive"]
    # A fresh image holds no package lists, or old ones: fetch them only then.
    for attempt in ([*apt, *command], [*apt, "apt-get", "update"], [*apt, *command]):
        result = subprocess.run(attempt, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if result.returncode == 0 and "install" in attempt:
            return
    words = result.stdout.decode(errors="replace").strip().splitlines()[-3:]
    raise SetupError(f"{why} is missing, and apt could not install it: {' '.join(words)}", f"Type: {line}")


def check_libraries(libraries: Sequence[Library], loads: Callable[[str], bool] = can_load) -> None:
    """See that the system libraries load; macOS and Windows bring theirs with the wheels."""
    if sys.platform != "linux":
        return
    missing = [library for library in libraries if not loads(library.soname)]
    if not missing:
        return
    packages = sorted({getattr(library, package_manager() or "apt") for library in missing})
    install_packages(packages, f"System library {', '.join(library.soname for library in missing)}")
    still = [library.soname for library in missing if not loads(library.soname)]
    if still:
        raise SetupError(f"{', '.join(still)} still cannot be loaded.", "Run ldconfig as root, then retry.")


def venv_program(name: str) -> Path:
    """Path of a program inside ``.venv``."""
    return VENV / ("Scripts" if os.name == "nt" else "bin") / (f"{name}.exe" if os.name == "nt" else name)


def digest_of(files: Sequence[Path]) -> str:
    """One digest over the contents of files."""
    parts = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def read_stamp() -> Stamp | None:
    """Read the stamp; one that cannot be read counts as none."""
    try:
        table = json.loads(STAMP.read_text(encoding="utf-8"))
        return Stamp(**{**table, "extras": tuple(table["extras"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_stamp(stamp: Stamp) -> None:
    """Write the stamp in one step."""
    fresh = STAMP.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(stamp), indent=1), encoding="utf-8")
    os.replace(fresh, STAMP)


def is_enough(stamp: Stamp | None, wanted: Stamp) -> bool:
    """Whether what is installed serves; ``all`` serves every command."""
    if stamp is None or not stamp.complete or (stamp.base, stamp.digest) != (wanted.base, wanted.digest):
        return False
    return "all" in stamp.extras or set(wanted.extras) <= set(stamp.extras)


def reason_to_rebuild(stamp: Stamp, wanted: Stamp) -> str:
    """Why ``.venv`` cannot be mended by installing into it; empty where it can."""
    if not stamp.complete:
        return "The last installation was not finished"
    return "" if stamp.base == wanted.base else f"The environment was made for {stamp.base}"


def make_venv() -> None:
    """Make ``.venv``, also on Debian, where Python comes without the means to."""
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        install_packages(["python{}.{}-venv".format(*sys.version_info)], "Python's venv module")
    say(f"Making {VENV} with Python {platform.python_version()} ...")
    run_logged([sys.executable, "-m", "venv", str(VENV)], "The environment could not be made")


def explain_log(text: str) -> str:
    """Turn the end of a log into what to do."""
    if "No space left" in text:
        return "The disk is full: free some space and run the same line again."
    if any(word in text for word in OFFLINE_WORDS):
        return "The package registry is out of reach: check the network or proxy, then run the same line again."
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "The registry's certificate is not trusted: set PIP_CERT to your network's certificate file."
    if "ResolutionImpossible" in text or "No matching distribution" in text:
        return "A package does not exist for this Python and system, or its registry is out of reach: see the log."
    lines = text.strip().splitlines()
    errors = [line.strip() for line in lines if re.match(r"\s*(error|\w+Error):", line, re.IGNORECASE)]
    return "\n".join((errors or lines)[-3:]) + "\nRun the same line again to retry."


def run_logged(command: Sequence[str], failure: str) -> None:
    """Run a command with its output in the log, and its last line on a terminal."""
    env = {**os.environ, "PIP_USER": "0", "PYTHONUNBUFFERED": "1"}
    lines = []
    width = shutil.get_terminal_size().columns - 1 if sys.stderr.isatty() else 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, cwd=ROOT) as process:
        assert process.stdout is not None  # asked for by PIPE
        for raw in process.stdout:
            lines.append(raw.decode(errors="replace"))
            if width:
                print("\r\033[K" + lines[-1].strip()[:width], end="", file=sys.stderr, flush=True)
    if width:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    LOG.write_text(shlex.join(command) + "\n" + "".join(lines), encoding="utf-8")
    if process.returncode:
        raise SetupError(f"{failure}. All that was said: {LOG}", explain_log("".join(lines)))


def install(command: Command) -> None:
    """Bring ``.venv`` to what the command needs; does nothing where it is there already."""
    digest = digest_of([ROOT / "pyproject.toml", ROOT / "constraints.txt"])
    wanted = Stamp(f"Python {platform.python_version()} in {VENV}", digest, command.extras)
    stamp = read_stamp()
    if is_enough(stamp, wanted) and venv_program("python").exists():
        return
    free, needed = shutil.disk_usage(ROOT).free / GIB, ALL_GIB if command.extras else BASE_GIB
    if free < needed:
        what = f"The installation needs {needed:.0f} GB on the disk; {free:.1f} GB are free."
        raise SetupError(what, f"Free some space on the disk of {ROOT}, then run the same line again.")
    reason = reason_to_rebuild(stamp, wanted) if stamp else ""
    if stamp and reason:
        say(f"{reason}: making it anew.")
        shutil.rmtree(VENV)
    elif stamp:
        wanted = replace(wanted, extras=tuple(sorted({*wanted.extras, *stamp.extras})), models=stamp.models)
    start = time.monotonic()
    VENV.mkdir(exist_ok=True)
    write_stamp(wanted)
    if not venv_program("python").exists():
        make_venv()
    say(f"Installing {'everything' if 'all' in wanted.extras else 'the libraries'}; this happens once ...")
    pip = [str(venv_program("python")), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    target = f"{ROOT}[{','.join(wanted.extras)}]" if wanted.extras else str(ROOT)
    try:
        run_logged([*pip, "-c", str(ROOT / "constraints.txt"), "-e", target], "The installation failed")
    except SetupError:
        if stamp and not reason:  # pip changes nothing where it cannot download: what worked before still does
            write_stamp(stamp)
        raise
    write_stamp(replace(wanted, complete=True))
    say(f"Set up in {time.monotonic() - start:.0f} s.")


def fetch_models() -> None:
    """Fetch the model files once; what is out of reach is said and tried again the next time."""
    stamp = read_stamp()
    cards = digest_of(sorted((ROOT / "configs" / "detectors").glob("*.toml")))
    if stamp is None or stamp.models == cards:
        return
    if call([str(venv_program("mocap")), "models", "fetch"], ROOT, stdout=2) == 0:
        write_stamp(replace(stamp, models=cards))
    else:
        say("Not every model could be fetched (see above). Going on without; the next run tries again.")


def call(command: Sequence[str], folder: Path, stdout: int | None = None) -> int:
    """Run a command to its end with the person's terminal; after Ctrl-C it may put its work away first."""
    process = subprocess.Popen(command, cwd=folder, stdout=stdout)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.wait()  # the terminal told the command as well: let it put its work away
        raise
    return STOPPED if code == -2 else code


def run_tests(arguments: Sequence[str], python: tuple[int, int], run: Callable[[Sequence[str], Path], int]) -> int:
    """Run the checks, then the tests; the tests' closing line comes last where all is well."""
    marks = [] if "-m" in arguments else ["-m", "not slow"]
    tests = [str(venv_program("python")), "-m", "pytest", *marks, *arguments]
    if arguments:
        return run(tests, ROOT)
    failed = []
    for check in (["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"], ["lint-imports"]):
        skipped = check == ["mypy"] and python < (3, 11)  # the last numpy for 3.10 has poorer types
        say(f"--- {' '.join(check)}{': not on Python 3.10' if skipped else ''}")
        if not skipped and run([str(venv_program(check[0])), *check[1:]], ROOT):
            failed.append(" ".join(check))
    say("--- pytest")
    code = run(tests, ROOT)
    if failed:
        say(f"Failed before the tests: {', '.join(failed)}.")
    return code or int(bool(failed))


def main(arguments: Sequence[str]) -> int:
    """Do what the command line asks."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        say(USAGE)
        return 0 if arguments else 2
    name, *rest = arguments
    if name not in COMMANDS:
        raise SetupError(f"There is no command '{name}'.", USAGE)
    problem = python_problem(sys.version_info[:2], sys.maxsize > 2**32, platform.system(), platform.machine())
    if problem is not None:
        other = other_python() if sys.version_info[:2] not in SUPPORTED else None
        if other is None:
            raise problem
        return call([other, str(Path(__file__).resolve()), *arguments], Path.cwd())
    command = COMMANDS[name]
    check_libraries(command.libraries)
    install(command)
    if command.needs_models:
        fetch_models()
    if name == "test":
        return run_tests(rest, sys.version_info[:2], call)
    return call([str(venv_program("mocap")), *WORDS.get(name, [name]), *rest], Path.cwd())


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as error:
        say(f"\n{error}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("\nStopped. Run the same line again to go on.")
        sys.exit(STOPPED)
    except OSError as error:
        say(f"\n{error}\nCheck that {ROOT} can be written to and that the disk is not full.")
        sys.exit(1)
