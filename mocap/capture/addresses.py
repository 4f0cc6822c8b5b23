"""From what a user writes to cameras: addresses, names, and the kinds that other packages add."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from urllib.parse import urlsplit

from mocap.capture.files import PICTURE_SUFFIXES, FileClock, ImageFolderCamera, VideoFileCamera
from mocap.capture.find import VIDEO_SUFFIXES, camera_names, find_videos, natural_key
from mocap.capture.network import SCHEMES, NetworkCamera
from mocap.capture.source import CameraSource
from mocap.capture.track import USUAL_RATE_HZ
from mocap.capture.usb import UsbCamera, usb_devices
from mocap.core.errors import CameraError, InputError

# Other packages name a function here that makes a camera of what follows ``NAME:`` in an address.
ENTRY_POINTS = "openmocap.camera_sources"

SOURCE_HELP = "usb:0, usb:all, a URL (rtsp, http, srt, udp, tcp), a video, a folder of videos or of pictures"

# Characters that some file system does not take in a name, or that would lead into another folder.
_UNSAFE = re.compile(r"[^\w.-]+")
_NAMED = re.compile(r"^([\w.-]+)=(.+)$")


@dataclass(frozen=True)
class SourceWishes:
    """What is asked of every camera.

    Attributes
    ----------
    size_wh : (int, int) or None
        Size to ask USB cameras for, px; None for their own choice.
    rate_hz : float or None
        Rate to ask them for, and that of folders of pictures (30 if None), Hz.
    decoded : bool
        Hand over decoded pictures, not those that the camera coded.
    paced : bool
        Play files at their own pace, else as fast as possible.
    looped : bool
        Play videos over and over, as cameras that run by themselves.
    """

    size_wh: tuple[int, int] | None = None
    rate_hz: float | None = None
    decoded: bool = False
    paced: bool = True
    looped: bool = False


def open_sources(
    addresses: Sequence[str], wishes: SourceWishes, extra: Sequence[EntryPoint] | None = None
) -> dict[str, CameraSource]:
    """Make the cameras that the user named; none is started yet.

    Parameters
    ----------
    addresses : sequence of str
        Each ``[NAME=]ADDRESS``; see ``SOURCE_HELP``. A folder of videos and ``usb:all`` give several cameras.
    wishes : SourceWishes
    extra : sequence of EntryPoint, optional
        Kinds that other packages add; those that are installed if not given.

    Returns
    -------
    dict of str to CameraSource
        By camera name.

    Raises
    ------
    InputError
        If an address means nothing, or a camera or a name was given twice.
    """
    kinds = {point.name: point for point in (entry_points(group=ENTRY_POINTS) if extra is None else extra)}
    clock = FileClock(wishes.paced)
    named: list[tuple[str, CameraSource]] = []
    for written in addresses:
        match = _NAMED.match(written)
        own, address = (match[1], match[2]) if match else ("", written)
        made = _make(address.strip(), wishes, clock, kinds)
        if own and len(made) > 1:
            raise InputError(f"'{address}' is {len(made)} cameras, but has one name.", "Leave the name out.")
        named += [(own or name, source) for name, source in made]
    if not named:
        raise InputError("No camera was named.", f"Give one or more of: {SOURCE_HELP}.")
    seen: set[str] = set()
    for _, source in named:
        if source.address in seen:
            raise InputError(f"The camera '{source.address}' was given twice.", "Give each camera once.")
        seen.add(source.address)
    return dict(zip(_distinct([name for name, _ in named]), [source for _, source in named], strict=True))


def _make(
    address: str, wishes: SourceWishes, clock: FileClock, kinds: dict[str, EntryPoint]
) -> list[tuple[str, CameraSource]]:
    """Cameras of one address with the names that offer themselves."""
    head, _, rest = address.partition(":")
    if head == "usb":
        return _usb(rest, wishes)
    if head.lower() in SCHEMES:
        host = urlsplit(address).hostname or head
        return [(f"{host}-{urlsplit(address).port or ''}".strip("-"), NetworkCamera(address, wishes.decoded))]
    if rest and head in kinds:
        return [(head, _foreign(kinds[head], rest))]
    path = Path(address)
    if match := re.fullmatch(r"/dev/video(\d+)", address):
        return _usb(match[1], wishes)
    if path.is_file():
        return [(path.stem, VideoFileCamera(path, clock, wishes.decoded, wishes.looped))]
    if path.is_dir():
        return _folder(path, wishes, clock)
    known = ", ".join(sorted(kinds)) or "none"
    raise InputError(
        f"'{address}' is no camera and no file.", f"Give one or more of: {SOURCE_HELP}; added kinds: {known}."
    )


def _usb(number: str, wishes: SourceWishes) -> list[tuple[str, CameraSource]]:
    if number == "all":
        devices = usb_devices()
        if not devices:
            raise InputError("No USB camera was found.", "Plug one in; see mocap cameras.")
        return [
            (f"cam_{d.index}", UsbCamera(d.index, wishes.size_wh, wishes.rate_hz, wishes.decoded)) for d in devices
        ]
    if not number.isdigit():
        raise InputError(f"'usb:{number}' is no camera.", "Write usb:0, usb:1 ..., or usb:all.")
    return [(f"cam_{number}", UsbCamera(int(number), wishes.size_wh, wishes.rate_hz, wishes.decoded))]


def _folder(path: Path, wishes: SourceWishes, clock: FileClock) -> list[tuple[str, CameraSource]]:
    inside = sorted(path.iterdir())
    pictures = any(p.suffix.lower() in PICTURE_SUFFIXES for p in inside)
    if pictures and not any(p.suffix.lower() in VIDEO_SUFFIXES for p in inside):
        return [(path.name, ImageFolderCamera(path, clock, wishes.rate_hz or USUAL_RATE_HZ))]
    videos = find_videos(path)
    return [(name, VideoFileCamera(file, clock, wishes.decoded, wishes.looped)) for name, file in videos.items()]


def _foreign(point: EntryPoint, rest: str) -> CameraSource:
    """Make a camera of a kind that another package adds."""
    try:
        make: Callable[[str], CameraSource] = point.load()
        return make(rest)
    except ImportError as error:
        raise CameraError(
            f"The camera kind '{point.name}' ({point.value}) cannot be loaded: {error}.",
            "Install what it needs, or uninstall the package that adds it.",
        ) from error


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Safe file names, each another: words that all share are dropped, what is still the same is numbered."""
    safe = [_UNSAFE.sub("_", name).strip("._") or "cam" for name in names]
    if len(set(safe)) == len(safe) and len(set(camera_names(safe))) == len(safe):
        safe = [short or name for short, name in zip(camera_names(safe), safe, strict=True)]
    lower = [name.casefold() for name in safe]
    numbered = [
        name if lower.count(low) == 1 else f"{name}_{lower[: i + 1].count(low)}"
        for i, (name, low) in enumerate(zip(safe, lower, strict=True))
    ]
    if len({name.casefold() for name in numbered}) != len(numbered):
        double = ", ".join(sorted({n for n in names if list(names).count(n) > 1}, key=natural_key))
        raise InputError(f"Several cameras have the name {double}.", "Name them: left=usb:0 right=usb:1.")
    return tuple(numbered)
