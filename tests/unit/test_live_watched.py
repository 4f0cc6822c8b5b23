"""Recording goes on at full rate while live capture looks at the same cameras."""

from __future__ import annotations

import json
import threading
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from calibration.formats import load_rig
from mocap.capture import probe, read_frames
from mocap.capture.addresses import SourceWishes, open_sources
from mocap.capture.backlog import Timed
from mocap.capture.beside import LONGEST_QUEUE, Beside
from mocap.capture.files import FileClock, VideoFileCamera
from mocap.capture.source import CameraSource
from mocap.cli.app import app
from mocap.core.live import LiveFrame
from mocap.core.types import Frame, ImageArray
from mocap.pipeline import live
from mocap.pipeline.inputs import open_trial
from mocap.pipeline.live import CapturedSource, LiveEvent, LiveRecording, LiveSession, LiveSetup
from mocap.studio import sample_dir
from mocap.sync import read_timestamps_csv
from tests.cameras import SIZE_WH, FakeCamera, number_of, write_film
from tests.factories import make_motion
from tests.live_rig import KnowingDetector, maker
from tests.unit.test_live_session import settings

COUNT = 60  # pictures in each video of the sample
ROOT = sample_dir()
RIG_FILE = ROOT / "calibration" / "rig.toml"


@pytest.fixture(autouse=True)
def _no_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mocap.capture.recorder.WARM_UP_S", 0.1)


def blind(delay_s: float) -> KnowingDetector:
    """A detector that takes its time and finds nobody."""
    slow = KnowingDetector(make_motion(2), load_rig(RIG_FILE), delay_s, spoil=lambda index, xy: None)
    slow.xy = [np.zeros((1 << 16, *xy.shape[1:])) for xy in slow.xy]  # its pictures are not numbered
    return slow


@pytest.mark.parametrize("decoded", [True, False])
def test_every_picture_is_recorded_whatever_live_capture_looks_at(tmp_path: Path, decoded: bool) -> None:
    videos = sorted((ROOT / "trials" / "sample" / "raw").glob("*.mp4"))[:2]
    sources = open_sources([str(video) for video in videos], SourceWishes(decoded=decoded))
    events: list[LiveEvent] = []
    with LiveRecording(sources, tmp_path / "anna" / "walk", RIG_FILE) as recording:
        setup = LiveSetup(load_rig(RIG_FILE), settings(), make_detector=maker(blind(0.15)), before=recording.start)
        session = LiveSession(setup, recording.sources)
        session.events.subscribe(events.append)
        session.start()
        assert session.wait(20.0)
        made = recording.stop()
    assert [camera.recorded for camera in made.recording.cameras] == [COUNT, COUNT]
    assert all(camera.codec.endswith("copied") != decoded for camera in made.recording.cameras)
    assert [video.n_frames for video in open_trial(made.trial).videos] == [COUNT, COUNT]
    looked = [event for event in events if isinstance(event, LiveFrame)]
    assert 3 < len(looked) < COUNT
    assert any(frame.seen == (True, True) for frame in looked)


@pytest.mark.parametrize(("name", "b_frames"), [("cam.mp4", 0), ("cam.mp4", 2), ("cam.mkv", 0)])
def test_what_is_looked_at_is_what_was_recorded_at_that_time(tmp_path: Path, name: str, b_frames: int) -> None:
    film = write_film(tmp_path / "film.mp4", 40, rate=50, b_frames=b_frames)
    if name.endswith("mkv"):
        film = _as_jpeg(film, tmp_path / name)
    sources: dict[str, CameraSource] = {"cam": VideoFileCamera(film, FileClock())}
    seen: list[Frame] = []
    with LiveRecording(sources, tmp_path / "s" / "t", None) as recording:
        recording.start()
        (source,) = recording.sources
        source.open()
        while (frame := source.read()) is not None:
            seen.append(frame)
        made = recording.stop()
    (camera,) = made.recording.cameras
    assert (camera.recorded, camera.missing, camera.dropped) == (40, 0, {})
    assert camera.codec.endswith("copied")
    video = made.trial / "raw" / "cam.mp4"
    recorded = [number_of(picture.image) for picture in read_frames(probe(video, "cam"))]
    assert recorded == list(range(40))
    times = read_timestamps_csv(video.with_name("timestamps.csv"))["cam"]
    assert len(seen) + recording.skipped["cam"] > 30
    for frame in seen:
        assert times[number_of(frame.image)] == pytest.approx(frame.t_ns / 1e9, abs=2e-6)


def _as_jpeg(film: Path, target: Path) -> Path:
    import av

    with av.open(str(target), "w") as out:
        stream = out.add_stream("mjpeg", rate=50, options={"qmin": "3", "qmax": "3"})
        stream.width, stream.height = SIZE_WH
        stream.pix_fmt = "yuvj420p"
        for number, picture in enumerate(read_frames(probe(film, "film"))):
            frame = av.VideoFrame.from_ndarray(picture.image, format="bgr24")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return target


def test_decoding_that_is_behind_skips_to_a_picture_that_needs_no_other(tmp_path: Path) -> None:
    """The gate holds the decoder at one picture, while a film with a key picture each 15 goes by."""
    film = write_film(tmp_path / "film.mp4", 40, gop=15)
    camera = VideoFileCamera(film, FileClock(paced=False))
    camera.open()
    gate, entered = threading.Event(), threading.Event()

    def wait(image: ImageArray) -> ImageArray:
        entered.set()
        gate.wait(10.0)
        return image

    view = Beside("cam", dress=wait)
    pictures = [Timed(picture, number) for number in range(40) if (picture := camera.read()) is not None]
    view.put(pictures[0])
    assert entered.wait(10.0)
    for timed in pictures[1 : LONGEST_QUEUE + 2]:  # one more than fit, and no key picture among them
        view.put(timed)
    gate.set()
    last = view.newer(None, 10.0)
    shown: list[int] = []
    for timed in pictures[LONGEST_QUEUE + 2 :]:
        view.put(timed)
        # Those before the next key picture build on what was left out: none of them may be shown.
        newest = view.newer(last, 5.0 if timed.t_ns >= 15 else 0.05)
        if newest is not None and newest.picture.image is not None:
            assert number_of(newest.picture.image) == newest.t_ns
            shown.append(newest.t_ns)
            last = newest
    view.close()
    camera.close()
    assert shown == list(range(15, 40))
    assert view.skipped == LONGEST_QUEUE + 1


def test_a_stream_is_recorded_while_the_command_follows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LiveSetup", partial(live.LiveSetup, make_detector=maker(blind(0.05))))
    raw = ROOT / "trials" / "sample" / "raw"
    words = ["live", "-s", str(raw), "-c", str(RIG_FILE), "--record", str(tmp_path / "anna" / "walk"), "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert told["poses"] > 5
    for camera in told["recorded"]["cameras"]:
        assert (camera["recorded"], camera["missing"], camera["dropped"]) == (COUNT, 0, {})
    assert len(open_trial(tmp_path / "anna" / "trials" / "walk").videos) == 4


def test_jpeg_that_is_damaged_is_passed_over() -> None:
    import av

    from mocap.capture.beside import CodedDecoder
    from mocap.capture.source import Coded, Picture

    grey = cv2.imencode(".jpg", np.full((48, 64, 3), 90, dtype=np.uint8))[1].tobytes()

    def timed(data: bytes) -> Timed:
        coded = Coded(av.Packet(data), "mjpeg", is_key=True)
        return Timed(Picture(time.monotonic_ns(), None, (64, 48), coded=coded), 5)

    decoder = CodedDecoder()
    assert decoder.decode(timed(b"\xff\xd8 nothing")) is None
    made = decoder.decode(timed(grey))
    assert made is not None
    assert made.picture.image is not None
    assert np.abs(made.picture.image.astype(int) - 90).max() <= 2


@pytest.mark.parametrize("turn", [90, 270])
def test_turned_cameras_are_looked_at_as_their_videos_are_shown(tmp_path: Path, turn: int) -> None:
    film = write_film(tmp_path / "film.mp4", 20, rate=50)
    source = CapturedSource("cam", VideoFileCamera(film, FileClock(), decoded=True), turn)
    source.open()
    alone = source.read()
    source.close()
    with LiveRecording(
        {"cam": VideoFileCamera(film, FileClock())}, tmp_path / "s" / "t", None, rotations_deg={"cam": turn}
    ) as recording:
        recording.start()
        (watched,) = recording.sources
        watched.open()
        beside = watched.read()
        made = recording.stop()
    shown = next(iter(read_frames(probe(made.trial / "raw" / "cam.mp4", "cam")))).image.astype(int)
    assert shown.shape == (SIZE_WH[0], SIZE_WH[1], 3)
    for frame in (alone, beside):
        assert frame is not None
        assert frame.image.shape == shown.shape
        assert np.abs(frame.image - shown).mean() < 12  # the numbers differ by a picture or two


def test_a_camera_that_is_unplugged_is_looked_at_again_when_it_is_back(tmp_path: Path) -> None:
    def unplugged(number: int, camera: FakeCamera) -> None:
        if camera.opened == 1 and len(camera.truth) > 20:
            camera.unplug(0.4)

    camera = FakeCamera("cam", act=unplugged)
    with LiveRecording({"cam": camera}, tmp_path / "s" / "t", None) as recording:
        recording.start()
        (watched,) = recording.sources
        watched.open()
        seen = []
        until = time.monotonic() + 2.0
        while time.monotonic() < until and (frame := watched.read()) is not None:
            seen.append(number_of(frame.image))
            if camera.opened == 2 and len(camera.truth) > 40:
                break
        made = recording.stop()
    assert camera.opened == 2
    gap = np.diff(seen).max() - 1
    assert gap >= 10
    assert made.recording.cameras[0].missing == pytest.approx(gap, abs=3)
    assert seen[-1] - seen[0] - gap >= 20
