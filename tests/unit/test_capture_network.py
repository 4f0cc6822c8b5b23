import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from mocap.capture import probe, read_frames
from mocap.capture.feed import CameraPlan
from mocap.capture.network import NetworkCamera
from mocap.capture.recorder import Recorder
from mocap.capture.source import Stamp
from mocap.core.errors import CameraError
from mocap.sync import read_timestamps_csv
from tests.cameras import number_of, picture
from tests.streamer import RATE_HZ


@pytest.fixture(autouse=True)
def _no_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mocap.capture.recorder.WARM_UP_S", 0.1)


def free_port() -> int:
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        return int(probe_socket.getsockname()[1])


@contextmanager
def serve_mpegts(port: int, turns: int, seconds: float) -> Iterator[str]:
    """Wait for a client ``turns`` times and send it numbered pictures; in a process of its own, as PyAV blocks."""
    words = [sys.executable, "-m", "tests.streamer", str(port), str(turns), str(seconds)]
    with subprocess.Popen(words, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()  # it listens in a moment
        time.sleep(0.3)
        yield f"tcp://127.0.0.1:{port}"
        server.kill()


def assert_counts(path: Path, times: np.ndarray, gaps: int) -> np.ndarray:
    info = probe(path, "cam")
    found = np.array([number_of(frame.image) for frame in read_frames(info)])
    assert len(found) == len(times)
    steps = np.diff(found)
    assert (steps != 1).sum() == gaps
    return found


def test_a_stream_is_copied_without_loss_at_its_own_times(tmp_path: Path) -> None:
    port = free_port()
    with (
        serve_mpegts(port, 1, 8.0) as url,
        Recorder([CameraPlan("cam", NetworkCamera(url))], tmp_path) as recorder,
    ):
        recorder.start(1.5)
        while not recorder.done:
            time.sleep(0.01)
        done = recorder.stop()
    kept = done.cameras[0]
    assert (kept.codec, kept.stamp, kept.missing, kept.dropped) == ("h264, copied", "stream", 0, {})
    times = read_timestamps_csv(tmp_path / "timestamps.csv")["cam"]
    found = assert_counts(tmp_path / "cam.mp4", times, gaps=0)
    assert 45 <= len(found) <= 56  # with those since the last key picture before the start
    error = (times - times[0]) - (found - found[0]) / RATE_HZ
    assert np.abs(error).max() < 0.02


def test_a_stream_that_ends_is_connected_to_again(tmp_path: Path) -> None:
    port = free_port()
    with (
        serve_mpegts(port, 2, 3.5) as url,
        Recorder([CameraPlan("cam", NetworkCamera(url))], tmp_path) as recorder,
    ):
        recorder.start(4.5)
        while not recorder.done:
            time.sleep(0.01)
        done = recorder.stop()
    assert any("is back" in note for note in done.notes)
    kept = done.cameras[0]
    assert kept.missing > 0
    assert kept.clock_jumps == 0
    times = read_timestamps_csv(tmp_path / "timestamps.csv")["cam"]
    assert np.all(np.diff(times) > 0)
    assert_counts(tmp_path / "cam.mp4", times, gaps=1)
    assert times[-1] - times[0] == pytest.approx(4.5, abs=0.5)


def test_a_silent_stream_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        camera = NetworkCamera(f"tcp://127.0.0.1:{server.getsockname()[1]}", timeouts_s=(0.5, 0.5))
        began = time.monotonic()
        with pytest.raises(CameraError, match="cannot be opened"):
            camera.open()
        assert time.monotonic() - began < 3.0


def test_nobody_there_is_explained_without_the_password() -> None:
    camera = NetworkCamera(f"rtsp://me:secret@127.0.0.1:{free_port()}/x", timeouts_s=(1.0, 1.0))
    with pytest.raises(CameraError, match="cannot be opened") as caught:
        camera.open()
    assert "secret" not in str(caught.value)


class _Mjpeg(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        try:
            for i in range(1000):
                data = cv2.imencode(".jpg", picture(i))[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")
                self.wfile.flush()
                time.sleep(1 / 50)
        except OSError:
            return

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def mjpeg_server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Mjpeg)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/cam.mjpg"
    server.shutdown()
    server.server_close()
    thread.join()


def test_mjpeg_over_http_is_copied_and_stamped_by_arrival(tmp_path: Path) -> None:
    with mjpeg_server() as url:
        camera = NetworkCamera(url)
        with Recorder([CameraPlan("cam", camera)], tmp_path) as recorder:
            recorder.start(1.0)
            while not recorder.done:
                time.sleep(0.01)
            done = recorder.stop()
    assert camera.stamp is Stamp.ARRIVAL
    kept = done.cameras[0]
    assert (kept.codec, kept.stamp) == ("mjpeg, copied", "arrival")
    times = read_timestamps_csv(tmp_path / "timestamps.csv")["cam"]
    assert_counts(tmp_path / "cam.mp4", times, gaps=0)
    assert kept.rate_hz == pytest.approx(len(times) / 1.0, rel=0.2)  # not the 25 Hz that the reader makes up


def test_decoded_pictures_of_a_stream_come_with_its_times() -> None:
    port = free_port()
    with serve_mpegts(port, 1, 5.0) as url:
        camera = NetworkCamera(url, decoded=True)
        assert camera.open().codec == "raw"
        shots = [camera.read() for _ in range(10)]
        camera.close()
    found = [number_of(shot.image) for shot in shots if shot is not None and shot.image is not None]
    assert np.diff(found).tolist() == [1] * 9
    taken = [shot.camera_ns for shot in shots if shot is not None and shot.camera_ns is not None]
    np.testing.assert_allclose(np.diff(taken), 1e9 / RATE_HZ, atol=2e4)
