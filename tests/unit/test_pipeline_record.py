import json
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from mocap.capture import probe, read_frames
from mocap.capture.addresses import SourceWishes
from mocap.capture.events import Note
from mocap.capture.remote import Switch
from mocap.core.errors import InputError
from mocap.core.progress import CancelToken
from mocap.pipeline.inputs import open_trial
from mocap.pipeline.recording.record import STUDIO, RecordRequest, record
from mocap.presets import read_toml
from mocap.studio import sample_dir
from mocap.sync import from_frame_times, read_timestamps_csv
from tests.cameras import number_of, write_film

FAST = SourceWishes(paced=False)


def started() -> Switch:
    switch = Switch()
    switch.start()
    return switch


def mocap(*words: str) -> list[str]:
    return [sys.executable, "-c", "from mocap.cli import main; main()", *words]


def test_the_shipped_film_played_as_cameras_is_a_trial_that_opens(tmp_path: Path) -> None:
    done = record(RecordRequest((STUDIO,), tmp_path / "visit" / "walk", wishes=FAST), started())
    assert done.trial == tmp_path / "visit" / "trials" / "walk"
    opened = open_trial(done.trial)
    assert opened.timed
    assert opened.warnings == ()
    assert [video.n_frames for video in opened.videos] == [60] * 4
    assert opened.rig.names == ("cam_1", "cam_2", "cam_3", "cam_4")
    table = from_frame_times(opened.rig.names, opened.t_s, shared_clock=True)
    np.testing.assert_array_equal(table.frame_index, np.arange(60)[:, None].repeat(4, axis=1))
    originals = sorted((sample_dir() / "trials" / "sample" / "raw").glob("*.mp4"))
    for video, original in zip(opened.videos, originals, strict=True):
        pairs = zip(read_frames(video), read_frames(probe(original, "cam")), strict=True)
        assert all(np.array_equal(kept.image, played.image) for kept, played in pairs)


def test_a_duration_ends_the_recording_to_the_picture(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", 60, rate=50, b_frames=2)
    done = record(RecordRequest((str(film),), tmp_path / "s" / "a", duration_s=0.6), started())
    (camera,) = done.recording.cameras
    video = done.trial / "raw" / camera.video
    found = [number_of(frame.image) for frame in read_frames(probe(video, "cam"))]
    assert found == list(range(len(found)))
    assert len(found) == pytest.approx(30, abs=4)


def test_another_program_starts_it_and_a_countdown_comes_first(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", 20, rate=50)
    said: list[str] = []
    heard: list[Note] = []
    asked: list[float] = []

    def ask() -> None:
        while not said:
            time.sleep(0.01)
        time.sleep(0.3)
        asked.append(time.monotonic())
        url = said[0].split("POST ")[1].split(",")[0]
        urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=5).close()

    helper = threading.Thread(target=ask)
    helper.start()
    request = RecordRequest((str(film),), tmp_path / "s" / "a", countdown_s=0.4)
    listen = heard.append
    done = record(request, Switch(), "0", lambda e: listen(e) if isinstance(e, Note) else None, said.append)
    helper.join()
    assert done.recording.cameras[0].recorded == 20
    assert done.recording.began_s - asked[0] >= 0.4
    assert [note.text for note in heard] == ["The recording began."]


def test_a_recording_that_is_called_off_leaves_no_video(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", 20)
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(InputError, match="before it began"):
        record(RecordRequest((str(film),), tmp_path / "s" / "a"), Switch(), cancel=cancel)
    assert not list((tmp_path / "s").rglob("*.mp4"))


def test_ctrl_c_keeps_what_was_recorded(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", 300, rate=50)
    cancel = CancelToken()
    threading.Timer(1.0, cancel.cancel).start()
    done = record(RecordRequest((str(film),), tmp_path / "s" / "a"), started(), cancel=cancel)
    assert 10 < done.recording.cameras[0].recorded < 200
    assert read_toml(done.trial / "raw" / "recording.toml")["finished"]


@pytest.mark.parametrize("turns", [{"other": 90}, {"film": 45}])
def test_a_wrong_rotation_is_explained(tmp_path: Path, turns: dict[str, int]) -> None:
    film = write_film(tmp_path / "film.mp4", 5)
    with pytest.raises(InputError, match="does not fit"):
        record(RecordRequest((str(film),), tmp_path / "s" / "a", rotations_deg=turns), started())


@pytest.mark.parametrize("quality", ["auto", "h264"])
def test_kill_9_leaves_a_session_that_opens(tmp_path: Path, quality: str) -> None:
    rig = sample_dir() / "calibration" / "rig.toml"
    trial = tmp_path / "visit" / "trials" / "walk"
    films = [tmp_path / f"cam_{i}.mp4" for i in (1, 2, 3, 4)]
    sources = [word for film in films for word in ("-s", str(film))]
    for film in films:
        _long_film(film)
    words = mocap("record", *sources, "-o", str(trial), "-c", str(rig), "--quality", quality)
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    times = trial / "raw" / "timestamps.csv"
    while not times.is_file() or min(times.read_text().count(film.stem) for film in films) < 15:
        time.sleep(0.02)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    at = time.monotonic()
    process.wait()
    opened = open_trial(trial)
    assert not read_toml(trial / "raw" / "recording.toml")["finished"]
    for video, t_s in zip(opened.videos, opened.t_s, strict=True):
        assert video.n_frames >= 14  # the last row may be of a picture that was not whole yet
        assert abs(len(read_timestamps_csv(times)[video.camera]) - video.n_frames) <= 1
        np.testing.assert_allclose(t_s - t_s[0], video.t_s[: len(t_s)] - video.t_s[0], rtol=0, atol=2e-5)
        assert at - t_s[-1] < 1.0


def _long_film(path: Path) -> None:
    """The first camera's pictures of the sample, over and over."""
    import av

    source = sample_dir() / "trials" / "sample" / "raw" / "cam_1.mp4"
    with av.open(str(source)) as clip, av.open(str(path), "w") as film:
        video = clip.streams.video[0]
        out = film.add_stream_from_template(video)
        length = video.duration
        for turn in range(10):
            clip.seek(0)
            for packet in clip.demux(video):
                if packet.size:
                    packet.pts += turn * length
                    packet.dts += turn * length
                    packet.stream = out
                    film.mux(packet)


def test_the_command_answers_in_json_and_explains_its_errors(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", 10)
    words = ("record", "-s", f"left={film}", "--fast", "-o", str(tmp_path / "s" / "a"), "--json")
    told = json.loads(subprocess.run(mocap(*words), capture_output=True, check=True).stdout)
    assert [(c["name"], c["recorded"], c["dropped"]) for c in told["cameras"]] == [("left", 10, {})]
    again = subprocess.run(mocap(*words), capture_output=True, check=False)
    assert again.returncode == 1
    assert "already" in json.loads(again.stdout)["error"]["what"]
    listed = subprocess.run(mocap("cameras", "--json"), capture_output=True, check=True)
    assert set(json.loads(listed.stdout)) == {"cameras", "warnings", "added_kinds"}
