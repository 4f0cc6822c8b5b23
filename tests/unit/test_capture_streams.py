"""Streams of other kinds, and such as change their minds: UDP, SRT, another size in the middle."""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from mocap.capture import probe, read_frames, track
from mocap.capture.feed import CameraPlan
from mocap.capture.network import NetworkCamera
from mocap.capture.recorder import Recorder
from mocap.capture.recording import Recording
from mocap.capture.sizes import Sizes, jpeg_size, parameter_set
from mocap.capture.track import hardware_encoder
from mocap.core.errors import CameraError
from mocap.sync import read_timestamps_csv
from tests.cameras import SIZE_WH, FakeCamera, number_of, picture, write_film
from tests.streamer import RATE_HZ
from tests.unit.test_capture_network import assert_counts, free_port

WIDE = (SIZE_WH[0] * 2, SIZE_WH[1] * 2)


@pytest.fixture(autouse=True)
def _no_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mocap.capture.recorder.WARM_UP_S", 0.1)


@contextmanager
def running(*words: str) -> Iterator[None]:
    with subprocess.Popen(words, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def record(url: str, folder: Path, seconds: float) -> Recording:
    with Recorder([CameraPlan("cam", NetworkCamera(url))], folder) as recorder:
        recorder.start(seconds)
        while not recorder.done:
            time.sleep(0.01)
        return recorder.stop()


def assert_whole(done: Recording, folder: Path, gaps: int = 0) -> None:
    kept = done.cameras[0]
    assert (kept.codec, kept.stamp, kept.missing, kept.dropped) == ("h264, copied", "stream", 0, {})
    times = read_timestamps_csv(folder / "timestamps.csv")["cam"]
    found = assert_counts(folder / "cam.mp4", times, gaps)
    error = (times - times[0]) - (found - found[0]) / RATE_HZ
    assert np.abs(error).max() < 0.03


def test_datagrams_are_recorded_without_loss(tmp_path: Path) -> None:
    url = f"udp://127.0.0.1:{free_port()}"
    with running(sys.executable, "-m", "tests.streamer", f"{url}?pkt_size=1316", "1", "12"):
        done = record(url, tmp_path, 1.5)
    assert_whole(done, tmp_path)


def test_nobody_who_sends_datagrams_is_told_in_time() -> None:
    camera = NetworkCamera(f"udp://127.0.0.1:{free_port()}", timeouts_s=(0.5, 0.5))
    began = time.monotonic()
    with pytest.raises(CameraError, match="cannot be opened"):
        camera.open()
    assert time.monotonic() - began < 5.0


def _speaks_srt() -> bool:
    program = shutil.which("ffmpeg")
    if program is None:
        return False
    told = subprocess.run([program, "-hide_banner", "-protocols"], capture_output=True, text=True, check=False)
    return "srt\n" in told.stdout.replace(" ", "")


@pytest.mark.slow
@pytest.mark.skipif(not _speaks_srt(), reason="there is no ffmpeg with SRT")
def test_srt_is_recorded_without_loss(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", 12 * RATE_HZ, rate=RATE_HZ, gop=10)
    url = f"srt://127.0.0.1:{free_port()}"
    send = ["ffmpeg", "-loglevel", "error", "-re", "-i", str(film), "-c", "copy", "-f", "mpegts"]
    with running(*send, f"{url}?mode=listener"):
        time.sleep(0.5)
        done = record(url, tmp_path / "raw", 1.5)
    assert_whole(done, tmp_path / "raw")


def test_srt_without_a_program_that_speaks_it_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*given: object, **named: object) -> None:
        raise av.error.ProtocolNotFoundError(1, "Protocol not found", "srt")

    monkeypatch.setattr("mocap.capture.network.av.open", absent)
    monkeypatch.setattr("mocap.capture.relay.shutil.which", lambda name: None)
    with pytest.raises(CameraError, match="no SRT") as told:
        NetworkCamera("srt://10.0.0.9:9000").open()
    assert "ffmpeg" in told.value.remedy


def coded(
    numbers: range, size_wh: tuple[int, int], stream: av.VideoStream, out: av.container.OutputContainer
) -> None:
    """Encode pictures anew, as a camera does after its size was changed, and send them on in the same stream."""
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = *size_wh, "yuv420p"
    codec.time_base, codec.framerate = stream.time_base, RATE_HZ
    codec.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "10", "x264-params": "repeat-headers=1"}
    frames = [*numbers, None]
    for i in frames:
        frame = None
        if i is not None:
            frame = av.VideoFrame.from_ndarray(picture(i, size_wh), format="bgr24")
            frame.pts, frame.time_base = i * 3000, stream.time_base
        for packet in codec.encode(frame):
            packet.stream = stream
            out.mux(packet)


@pytest.fixture
def changing(tmp_path: Path) -> Iterator[str]:
    """A stream of 90 pictures, of which 40 to 59 are twice as wide; sent at its own pace to who comes."""
    from fractions import Fraction

    data = io.BytesIO()
    with av.open(data, "w", format="mpegts") as out:
        stream = out.add_stream("libx264", rate=RATE_HZ)
        stream.width, stream.height, stream.pix_fmt = *SIZE_WH, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 90_000)
        for numbers, size in ((range(40), SIZE_WH), (range(40, 60), WIDE), (range(60, 90), SIZE_WH)):
            coded(numbers, size, stream, out)
    sent = data.getvalue()

    def send(server: socket.socket) -> None:
        client, _ = server.accept()
        with client:
            for at in range(0, len(sent), step := len(sent) // 90):
                try:
                    client.sendall(sent[at : at + step])
                except OSError:
                    return
                time.sleep(1.0 / RATE_HZ)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=send, args=(server,))
        thread.start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


@pytest.mark.slow
def test_a_copied_stream_that_changes_its_size_loses_those_pictures_and_says_so(
    tmp_path: Path, changing: str
) -> None:
    done = record(changing, tmp_path, 2.0)
    kept = done.cameras[0]
    assert kept.dropped == {"size": 20}
    assert any("192x96 to 384x192" in note for note in done.notes)
    info = probe(tmp_path / "cam.mp4", "cam")
    assert info.size_wh == SIZE_WH
    found = [number_of(frame.image) for frame in read_frames(info)]
    assert [n for n in range(found[0], found[-1]) if n not in found] == list(range(40, 60))


def test_sizes_are_told_from_the_bytes() -> None:
    for size in (SIZE_WH, WIDE):
        done, jpeg = cv2.imencode(".jpg", picture(3, size))
        assert done
        assert jpeg_size(jpeg.tobytes()) == size
    assert jpeg_size(b"\xff\xd8\xff") is None
    assert jpeg_size(b"") is None
    assert parameter_set(b"\0\0\0\1\x67abc\0\0\0\1\x68de\0\0\1\x65fg", "h264") == b"\x67abc"
    assert parameter_set(b"\0\0\1\x42\1xyz\0\0\1\x26\1", "hevc") == b"\x42\1xyz"
    assert parameter_set(b"\0\0\0\5\x67abcd", "h264") is None
    sizes = Sizes("mjpeg", (1, 1))
    assert sizes.of(av.Packet(b"\xff\xd8 damaged")) == (1, 1)


@pytest.mark.parametrize(
    ("offered", "taken"), [(("no_such_encoder", "ffv1"), "ffv1"), (("no_such_encoder",), "libx264")]
)
def test_the_machines_own_encoder_is_tried_and_taken_only_if_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offered: tuple[str, ...], taken: str
) -> None:
    """A code that this FFmpeg has in software stands in for one of a graphics card."""
    monkeypatch.setattr(track, "HARDWARE", offered)
    hardware_encoder.cache_clear()
    try:
        with Recorder([CameraPlan("cam", FakeCamera(size_wh=(384, 192)))], tmp_path) as recorder:
            recorder.start(0.5)
            while not recorder.done:
                time.sleep(0.01)
            kept = recorder.stop().cameras[0]
    finally:
        hardware_encoder.cache_clear()
    assert kept.codec == taken
    found = [number_of(frame.image) for frame in read_frames(probe(tmp_path / "cam.mp4", "cam"))]
    np.testing.assert_array_equal(np.diff(found), 1)
    assert len(found) == kept.recorded > 20


def test_an_encoder_that_opens_but_gives_nothing_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dumb:
        def encode(self, frame: object) -> list[object]:
            return []

    class Broken:
        def encode(self, frame: object) -> list[object]:
            raise av.error.ExternalError(1, "no device", "nvenc")

    made = {"h264_nvenc": Broken(), "h264_qsv": Dumb()}
    monkeypatch.setattr(track, "HARDWARE", tuple(made))
    monkeypatch.setattr("mocap.capture.track.av.CodecContext.create", lambda name, mode: made[name], raising=False)
    hardware_encoder.cache_clear()
    try:
        assert hardware_encoder() is None
    finally:
        hardware_encoder.cache_clear()
