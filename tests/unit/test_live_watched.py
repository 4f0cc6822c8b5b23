"""Recording goes on at full rate while live capture looks at the same cameras."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from calibration.formats import load_rig
from mocap.capture.addresses import SourceWishes, open_sources
from mocap.capture.feed import CameraPlan
from mocap.capture.recorder import Recorder
from mocap.capture.source import Coded, Picture, Stamp
from mocap.core.errors import CameraError
from mocap.core.live import LiveFrame
from mocap.pipeline.live import LiveEvent, LiveSession, LiveSetup
from mocap.pipeline.live.watched import WatchedSource
from mocap.studio import sample_dir
from tests.factories import make_motion
from tests.live_rig import KnowingDetector, maker
from tests.unit.test_live_session import settings

COUNT = 60  # pictures in each video of the sample


def test_every_picture_is_recorded_whatever_live_capture_looks_at(tmp_path: Path) -> None:
    root = sample_dir()
    rig = load_rig(root / "calibration" / "rig.toml")
    videos = sorted((root / "trials" / "sample" / "raw").glob("*.mp4"))[:2]
    sources = open_sources([str(video) for video in videos], SourceWishes(decoded=True))
    recorder = Recorder([CameraPlan(name, source) for name, source in sources.items()], tmp_path / "raw")
    slow = KnowingDetector(make_motion(2), rig, delay_s=0.15, spoil=lambda index, xy: None)
    slow.xy = [np.zeros((1 << 16, *xy.shape[1:])) for xy in slow.xy]  # its pictures are not numbered
    with recorder:
        recorder.start()
        watched = [
            WatchedSource(name, Stamp.FILE, partial(recorder.latest, name), lambda: recorder.done)
            for name in sources
        ]
        live = LiveSession(LiveSetup(rig, settings(), make_detector=maker(slow)), watched)
        events: list[LiveEvent] = []
        live.events.subscribe(events.append)
        live.start()
        assert live.wait(20.0)
        made = recorder.stop()
    assert [camera.recorded for camera in made.cameras] == [COUNT, COUNT]
    looked = [event for event in events if isinstance(event, LiveFrame)]
    assert 3 < len(looked) < COUNT
    assert any(frame.seen == (True, True) for frame in looked)


def picture(codec: str, data: bytes) -> Picture:
    coded = Coded(av.Packet(data), codec, is_key=True)
    return Picture(time.monotonic_ns(), None, (64, 48), coded=coded)


def test_jpeg_is_decoded_and_other_codes_are_explained() -> None:
    grey = np.full((48, 64, 3), 90, dtype=np.uint8)
    done, jpeg = cv2.imencode(".jpg", grey)
    assert done
    source = WatchedSource("a", Stamp.ARRIVAL, lambda: picture("mjpeg", jpeg.tobytes()), lambda: False)
    source.open()
    frame = source.read()
    assert frame is not None
    assert np.abs(frame.image.astype(int) - 90).max() <= 2
    coded = WatchedSource("a", Stamp.ARRIVAL, lambda: picture("h264", b"abc"), lambda: False)
    coded.open()
    with pytest.raises(CameraError, match="none can be looked at"):
        coded.read()
    nothing = WatchedSource("a", Stamp.ARRIVAL, lambda: None, lambda: True)
    assert nothing.read() is None
