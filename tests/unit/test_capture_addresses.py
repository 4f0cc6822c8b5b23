import time
from importlib.metadata import EntryPoint
from pathlib import Path

import cv2
import numpy as np
import pytest

from mocap.capture.addresses import ENTRY_POINTS, SourceWishes, open_sources
from mocap.capture.files import ImageFolderCamera, VideoFileCamera
from mocap.capture.network import NetworkCamera
from mocap.capture.usb import Device, UsbCamera, identities, same_serial, usb_devices
from mocap.core.errors import CameraError, InputError
from tests.cameras import FakeCamera, number_of, picture, write_film


def test_addresses_become_cameras_with_names_of_their_own(tmp_path: Path) -> None:
    film = write_film(tmp_path / "walk.mp4", 3)
    made = open_sources(
        ["usb:0", "side=usb:3", "rtsp://me:secret@10.0.0.7:554/live", str(film), "/dev/video5"], SourceWishes(), ()
    )
    assert list(made) == ["cam_0", "side", "10.0.0.7-554", "walk", "cam_5"]
    kinds = [UsbCamera, UsbCamera, NetworkCamera, VideoFileCamera, UsbCamera]
    assert [type(source) for source in made.values()] == kinds
    assert made["10.0.0.7-554"].address == "rtsp://10.0.0.7:554/live"


def test_folders_become_a_rig_or_a_camera(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    for name in ("walk_cam1", "walk_cam2"):
        write_film(tmp_path / "films" / f"{name}.mp4", 3)
    (tmp_path / "stills").mkdir()
    for i in (1, 2, 10):
        cv2.imwrite(str(tmp_path / "stills" / f"{i}.png"), picture(i))
    made = open_sources([str(tmp_path / "films"), str(tmp_path / "stills")], SourceWishes(rate_hz=200.0), ())
    assert list(made) == ["cam1", "cam2", "stills"]
    stills = made["stills"]
    assert isinstance(stills, ImageFolderCamera)
    stills.open()
    read = [stills.read() for _ in range(4)]
    assert [number_of(p.image) for p in read if p is not None and p.image is not None] == [1, 2, 10]
    times = [p.camera_ns for p in read if p is not None and p.camera_ns is not None]
    assert np.diff(times).tolist() == [5_000_000, 5_000_000]


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (["usb:0", "left=usb:0"], "twice"),
        (["nowhere.mp4"], "no camera and no file"),
        (["usb:x"], "no camera"),
        (["left=usb:0", "LEFT=usb:1"], None),
        ([], "No camera"),
    ],
)
def test_wrong_addresses_are_explained(given: list[str], what: str | None) -> None:
    if what is None:
        assert list(open_sources(given, SourceWishes(), ())) == ["left_1", "LEFT_2"]
        return
    with pytest.raises(InputError, match=what):
        open_sources(given, SourceWishes(), ())


def test_another_package_adds_a_kind_of_camera() -> None:
    good = EntryPoint("fake", "tests.cameras:make_camera", ENTRY_POINTS)
    made = open_sources(["left=fake:7"], SourceWishes(), [good])
    assert isinstance(made["left"], FakeCamera)
    assert made["left"].address == "fake:7"
    broken = EntryPoint("fake", "not_installed_anywhere:make", ENTRY_POINTS)
    with pytest.raises(CameraError, match="not_installed_anywhere"):
        open_sources(["fake:7"], SourceWishes(), [broken])


def test_cameras_of_one_serial_number_are_told_apart_by_their_port() -> None:
    devices = (Device(0, "C920", "A1", "1-2"), Device(2, "C920", "A1", "1-3"), Device(4, "C930", "B7", "1-4"))
    assert identities(devices) == ("port-1-2", "port-1-3", "B7")
    (said,) = same_serial(devices)
    assert "usb:0, usb:2" in said
    assert "A1" in said
    assert same_serial(devices[1:]) == ()


def test_linux_tells_its_cameras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    for number, port, index in ((0, "1-1", "0"), (1, "1-1", "1"), (2, "1-2", "0")):
        usb = tmp_path / "bus" / port
        (usb / "interface").mkdir(parents=True, exist_ok=True)
        (usb / "idVendor").write_text("046d")
        (usb / "serial").write_text(f"S{port}\n")
        node = tmp_path / "class" / f"video{number}"
        node.mkdir(parents=True)
        (node / "name").write_text("Webcam\n")
        (node / "index").write_text(index)
        (node / "device").symlink_to(usb / "interface")
    found = usb_devices(tmp_path / "class")
    assert found == (Device(0, "Webcam", "S1-1", "1-1"), Device(2, "Webcam", "S1-2", "1-2"))


class FakeCapture:
    """What ``cv2.VideoCapture`` does with a UVC camera that knows two sizes and cannot focus."""

    def __init__(self, jpeg: bool = True, stamped: bool = True, opens: bool = True) -> None:
        self.values: dict[int, float] = {cv2.CAP_PROP_FPS: 30.0}
        self.jpeg, self.stamped, self.opens, self.gone = jpeg, stamped, opens, False
        self.released = False

    def __call__(self, index: int, backend: int) -> "FakeCapture":
        return self

    def isOpened(self) -> bool:
        return self.opens

    def set(self, key: int, value: float) -> bool:
        if key in (cv2.CAP_PROP_FOCUS, cv2.CAP_PROP_AUTOFOCUS):
            return False
        self.values[key] = value
        return True

    def get(self, key: int) -> float:
        if key == cv2.CAP_PROP_POS_MSEC:
            return time.monotonic() * 1e3 - 20.0 if self.stamped else 0.0
        if key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT):
            wide = self.values.get(cv2.CAP_PROP_FRAME_WIDTH, 0) >= 640
            return {cv2.CAP_PROP_FRAME_WIDTH: 640, cv2.CAP_PROP_FRAME_HEIGHT: 480}[key] * (1 if wide else 0.5)
        return self.values.get(key, 0.0)

    def grab(self) -> bool:
        return not self.gone

    def retrieve(self) -> tuple[bool, np.ndarray]:
        size = (int(self.get(cv2.CAP_PROP_FRAME_WIDTH)), int(self.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        image = picture(5, size)
        if self.jpeg and self.values.get(cv2.CAP_PROP_CONVERT_RGB) == 0:
            return True, cv2.imencode(".jpg", image)[1].reshape(1, -1)
        return True, image

    def release(self) -> None:
        self.released = True


def test_a_usb_camera_hands_over_its_jpeg_and_the_drivers_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    driver = FakeCapture()
    camera = UsbCamera(0, (640, 480), 30.0, capture=driver)
    told = camera.open()
    assert (told.size_wh, told.rate_hz, told.codec) == ((640, 480), 30.0, "mjpeg")
    shot = camera.read()
    assert shot is not None
    assert shot.coded is not None
    assert shot.camera_ns is not None
    assert shot.arrival_ns - shot.camera_ns == pytest.approx(20e6, abs=10e6)
    assert number_of(cv2.imdecode(np.frombuffer(bytes(shot.coded.packet), np.uint8), cv2.IMREAD_COLOR)) == 5
    held = camera.control({"exposure": 60.0, "focus": 10.0})
    assert held["exposure"] == driver.values[cv2.CAP_PROP_EXPOSURE] == 60.0
    assert driver.values[cv2.CAP_PROP_AUTO_EXPOSURE] == 1.0
    assert np.isnan(held["focus"])
    driver.gone = True
    with pytest.raises(CameraError, match="lost"):
        camera.read()
    camera.close()
    assert driver.released


def test_a_usb_camera_that_hands_over_no_jpeg_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    camera = UsbCamera(0, (320, 240), capture=FakeCapture(jpeg=False, stamped=False))
    assert camera.open().codec == "raw"
    shot = camera.read()
    assert shot is not None
    assert shot.image is not None
    assert number_of(shot.image) == 5
    assert shot.camera_ns is None


def test_a_usb_camera_tells_what_its_sizes_come_to() -> None:
    assert {f.size_wh for f in UsbCamera(0, capture=FakeCapture()).formats()} == {(640, 480)}


def test_a_usb_camera_in_use_is_explained() -> None:
    with pytest.raises(CameraError, match="cannot be opened"):
        UsbCamera(0, capture=FakeCapture(opens=False)).open()
