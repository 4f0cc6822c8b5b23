"""USB cameras and whatever else the system offers as a camera, through OpenCV."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from mocap.capture.source import CONTROLS, Coded, Picture, Stamp, StreamFormat
from mocap.core.errors import CameraError
from mocap.core.types import ImageArray

# The system's own way to cameras; OpenCV would try others first and hang on some.
BACKENDS = {"Linux": cv2.CAP_V4L2, "Windows": cv2.CAP_DSHOW, "Darwin": cv2.CAP_AVFOUNDATION}

# Sizes and rates that UVC cameras commonly offer; OpenCV cannot list them, but tells what a wish came to.
SIZES = ((640, 480), (800, 600), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))
RATES_HZ = (30.0, 60.0, 120.0)

# Cameras are numbered from 0; beyond this nobody has any.
MOST_CAMERAS = 10

# Where Linux says what its cameras are.
SYSFS = Path("/sys/class/video4linux")

_AUTO = {"exposure": cv2.CAP_PROP_AUTO_EXPOSURE, "white_balance": cv2.CAP_PROP_AUTO_WB}
_AUTO["focus"] = cv2.CAP_PROP_AUTOFOCUS
_PROPERTY = {
    "exposure": cv2.CAP_PROP_EXPOSURE,
    "gain": cv2.CAP_PROP_GAIN,
    "white_balance": cv2.CAP_PROP_WB_TEMPERATURE,
    "focus": cv2.CAP_PROP_FOCUS,
}
# V4L2's menu of exposure has 1, "manual", and 3, "aperture priority", which is automatic; the others know 0 and 1.
EXPOSURE_V4L2 = (1.0, 3.0)

JPEG_START = b"\xff\xd8"


@dataclass(frozen=True)
class Device:
    """A camera that the system offers.

    Attributes
    ----------
    index : int
        By which it is opened.
    name : str
        What the maker calls it.
    serial : str
        What the maker stamped on it; empty where unknown, and the same on many a cheap camera.
    port : str
        Where it is plugged in; empty where unknown.
    """

    index: int
    name: str
    serial: str = ""
    port: str = ""


def identities(devices: Sequence[Device]) -> tuple[str, ...]:
    """Tell each camera by a word that stays the same from day to day.

    The serial number where no other camera has the same, else the port, else the number.
    """
    serials = [device.serial for device in devices]
    return tuple(
        d.serial if d.serial and serials.count(d.serial) == 1 else f"port-{d.port}" if d.port else f"usb-{d.index}"
        for d in devices
    )


def same_serial(devices: Sequence[Device]) -> tuple[str, ...]:
    """Sentences about cameras that their serial numbers do not tell apart."""
    groups: dict[str, list[Device]] = {}
    for device in devices:
        groups.setdefault(device.serial, []).append(device)
    return tuple(
        f"The cameras {', '.join(f'usb:{d.index}' for d in group)} all have the serial number {serial}; they are "
        "told apart by where they are plugged in: keep each in its socket."
        for serial, group in groups.items()
        if serial and len(group) > 1
    )


def usb_devices(sysfs: Path = SYSFS, capture: Callable[..., Any] = cv2.VideoCapture) -> tuple[Device, ...]:
    """List the cameras that the system offers.

    On Linux the system tells; elsewhere each number is tried.
    """
    if platform.system() == "Linux":
        return _listed(sysfs)
    found = []
    for index in range(MOST_CAMERAS):
        camera = capture(index, _backend())
        if camera.isOpened():
            found.append(Device(index, f"camera {index}"))
        camera.release()
    return tuple(found)


def _listed(sysfs: Path) -> tuple[Device, ...]:
    """Cameras by Linux's files; a camera has several nodes, of which number 0 gives pictures."""
    devices = []
    for node in sorted(sysfs.glob("video*"), key=lambda p: int(p.name[5:]) if p.name[5:].isdigit() else -1):
        if not node.name[5:].isdigit() or _word(node / "index") not in ("", "0"):
            continue
        interface = (node / "device").resolve()
        usb = next((p for p in (interface, *interface.parents) if (p / "idVendor").is_file()), None)
        serial = _word(usb / "serial") if usb is not None else ""
        port = usb.name if usb is not None else ""
        devices.append(Device(int(node.name[5:]), _word(node / "name") or node.name, serial, port))
    return tuple(devices)


def _word(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _backend() -> int:
    return BACKENDS.get(platform.system(), cv2.CAP_ANY)


class UsbCamera:
    """A camera through OpenCV, as coded JPEG where the driver hands that over.

    Parameters
    ----------
    index : int
    size_wh : (int, int), optional
        Size to ask for, px; the camera's own choice if not given.
    rate_hz : float, optional
        Rate to ask for, Hz; the camera's own choice if not given.
    decoded : bool
        Hand over decoded pictures even where the camera codes them.
    capture : callable
        Stands in for ``cv2.VideoCapture`` in tests.
    """

    live = True

    def __init__(
        self,
        index: int,
        size_wh: tuple[int, int] | None = None,
        rate_hz: float | None = None,
        decoded: bool = False,
        capture: Callable[..., Any] = cv2.VideoCapture,
    ) -> None:
        self._index, self._decoded, self._new = index, decoded, capture
        self._wanted_size, self._wanted_rate = size_wh, rate_hz
        self._camera: Any = None

    @property
    def address(self) -> str:
        """``usb:`` and the number."""
        return f"usb:{self._index}"

    @property
    def stamp(self) -> Stamp:
        """V4L2 stamps on the monotonic clock; the other ways to cameras through OpenCV tell nothing."""
        return Stamp.DRIVER if platform.system() == "Linux" else Stamp.ARRIVAL

    def open(self) -> StreamFormat:
        """Start the camera; see ``CameraSource``."""
        self.close()
        self._camera = self._new(self._index, _backend())
        if not self._camera.isOpened():
            self.close()
            raise CameraError(
                f"Camera {self.address} cannot be opened.",
                "Check that it is plugged in and that no other program uses it.",
            )
        # The camera's own JPEG takes a tenth of the bus: raw pictures of several cameras do not fit on one.
        self._camera.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        if self._wanted_size is not None:
            self._camera.set(cv2.CAP_PROP_FRAME_WIDTH, self._wanted_size[0])
            self._camera.set(cv2.CAP_PROP_FRAME_HEIGHT, self._wanted_size[1])
        if self._wanted_rate is not None:
            self._camera.set(cv2.CAP_PROP_FPS, self._wanted_rate)
        if not self._decoded:
            self._camera.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        first = self.read()
        coded = first is not None and first.coded is not None
        if not coded:  # this driver hands over raw bytes of another kind, or decodes anyway
            self._camera.set(cv2.CAP_PROP_CONVERT_RGB, 1)
        rate = float(self._camera.get(cv2.CAP_PROP_FPS))
        return StreamFormat(self._size(), rate if rate > 0 else np.nan, "mjpeg" if coded else "raw")

    def _size(self) -> tuple[int, int]:
        return int(self._camera.get(cv2.CAP_PROP_FRAME_WIDTH)), int(self._camera.get(cv2.CAP_PROP_FRAME_HEIGHT))

    def read(self) -> Picture | None:
        """Wait for the next picture; see ``CameraSource``."""
        good = self._camera is not None and self._camera.grab()
        arrival_ns = time.monotonic_ns()
        good, data = self._camera.retrieve() if good else (False, None)
        if not good or data is None:
            raise CameraError(f"Camera {self.address} was lost.", "Check its plug, cable and hub.")
        taken_ns = round(self._camera.get(cv2.CAP_PROP_POS_MSEC) * 1e6) if self.stamp is Stamp.DRIVER else 0
        camera_ns = taken_ns if taken_ns > 0 else None
        flat = data.reshape(-1)
        if data.ndim < 3 and flat[:2].tobytes() == JPEG_START:
            coded = Coded(av.Packet(flat.tobytes()), "mjpeg", is_key=True)
            return Picture(arrival_ns, camera_ns, self._size(), coded=coded)
        return Picture(arrival_ns, camera_ns, (data.shape[1], data.shape[0]), _as_bgr(data))

    def close(self) -> None:
        """Let go of the camera."""
        if self._camera is not None:
            self._camera.release()
        self._camera = None

    def formats(self) -> tuple[StreamFormat, ...]:
        """Ask for the usual sizes and rates and note what each wish comes to."""
        camera = self._new(self._index, _backend())
        found: dict[StreamFormat, None] = {}
        try:
            camera.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            four = int(camera.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True)
            codec = "mjpeg" if four == b"MJPG" else "raw"
            for size in SIZES:
                for rate in RATES_HZ:
                    camera.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
                    camera.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
                    camera.set(cv2.CAP_PROP_FPS, rate)
                    width, height = (camera.get(p) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
                    format_ = StreamFormat((int(width), int(height)), float(camera.get(cv2.CAP_PROP_FPS)), codec)
                    found[format_] = None
        finally:
            camera.release()
        return tuple(found)

    def control(self, wanted: Mapping[str, float]) -> dict[str, float]:
        """Fix exposure, gain, white balance and focus, or have the camera choose; see ``CameraSource``."""
        held = dict.fromkeys(wanted, float("nan"))
        for name, value in wanted.items():
            if self._camera is None or name not in CONTROLS:
                continue
            v4l2 = name == "exposure" and _backend() == cv2.CAP_V4L2
            manual, automatic = EXPOSURE_V4L2 if v4l2 else (0.0, 1.0)
            if np.isnan(value):
                set_it = name in _AUTO and self._camera.set(_AUTO[name], automatic)
            else:
                if name in _AUTO:
                    self._camera.set(_AUTO[name], manual)
                set_it = self._camera.set(_PROPERTY[name], value)
            if set_it:
                held[name] = float(self._camera.get(_PROPERTY[name]))
        return held


def _as_bgr(data: ImageArray) -> ImageArray:
    """Grey pictures as BGR; colour ones as they are."""
    if data.ndim == 3 and data.shape[2] == 3:
        return data.copy()  # the driver's buffer is used again
    grey: ImageArray = data.reshape(data.shape[:2])
    colour: ImageArray = np.repeat(grey[:, :, None], 3, axis=2)
    return colour
