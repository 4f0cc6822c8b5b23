import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from mocap.capture import video
from mocap.capture.video import FRAMES_AHEAD, FrameReader, VideoInfo, probe, read_frames
from mocap.core.errors import VideoError
from mocap.core.types import Frame

BITS = 8
WIDTH, HEIGHT = 16 * BITS, 64


def picture(index: int, bars: int = 0) -> np.ndarray:
    """A picture that says its number in black and white blocks; its left and right halves differ in height."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for bit in range(BITS):
        image[16:48, 16 * bit : 16 * bit + 16] = 235 if index >> bit & 1 else 20
    image[:, :4] = (200, 120, 60)
    image[:, -4:] = (200, 120, 60)
    if bars:
        image[:bars] = image[-bars:] = 0
    return image


def number(image: np.ndarray) -> int:
    """The number that ``picture`` wrote."""
    blocks = image[24:40].reshape(16, BITS, 16, 3).mean(axis=(0, 2, 3))
    return sum(1 << bit for bit in range(BITS) if blocks[bit] > 128)


def write_video(
    path: Path,
    ticks: Sequence[int],
    *,
    rate: int = 30,
    audio: bool = False,
    pictures: bool = True,
    bars: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """Write an H.264 film (B-frames included) whose frame i is shown at ``ticks[i]`` / rate."""
    with av.open(str(path), "w", options=options or {}) as container:
        if audio:
            sound = container.add_stream("aac", rate=16000, layout="mono")
        if pictures:
            stream = container.add_stream("libx264", rate=rate, options={"crf": "18", "bf": "2", "g": "12"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.codec_context.time_base = stream.time_base = Fraction(1, rate)
            for i, tick in enumerate(ticks):
                frame = av.VideoFrame.from_ndarray(picture(i, bars), format="bgr24")
                frame.pts, frame.time_base = tick, Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        if audio:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
            silence.sample_rate = 16000
            container.mux(sound.encode(silence))
            container.mux(sound.encode())
    return path


@pytest.fixture
def film(tmp_path: Path) -> VideoInfo:
    return probe(write_video(tmp_path / "cam.mp4", range(50)), "cam")


def numbers(frames: Iterator[Frame]) -> list[int]:
    return [number(frame.image) for frame in frames]


def test_probe_tells_times_size_and_codec(film: VideoInfo) -> None:
    assert film.size_wh == (WIDTH, HEIGHT)
    assert film.n_frames == 50
    np.testing.assert_allclose(film.t_s, np.arange(50) / 30, rtol=0, atol=1e-9)
    assert film.rate_hz == pytest.approx(30)
    assert film.codec == "h264"
    assert film.even
    assert not film.has_audio
    assert film.bars_px == (0, 0, 0, 0)
    assert film.warnings == ()


def test_frames_come_in_order_with_their_times(film: VideoInfo) -> None:
    frames = list(read_frames(film))
    assert numbers(iter(frames)) == list(range(50))
    assert [frame.index for frame in frames] == list(range(50))
    assert [frame.t_ns for frame in frames] == [round(t * 1e9) for t in film.t_s]
    assert {frame.camera for frame in frames} == {"cam"}
    assert frames[0].image.shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(("start", "stop"), [(0, 3), (17, 22), (37, None), (49, 99), (20, 20)])
def test_a_range_of_frames_is_exact(film: VideoInfo, start: int, stop: int | None) -> None:
    assert numbers(read_frames(film, start, stop)) == list(range(50))[start:stop]


def test_variable_frame_rate_keeps_its_times_and_its_frames(tmp_path: Path) -> None:
    ticks = [0, 1, 2, 3, 8, 9, 10, 20, 21, 22, 23, 24, 30, 31, 40, 41, 42, 60, 61, 62]
    info = probe(write_video(tmp_path / "a.mp4", ticks), "a")
    np.testing.assert_allclose(info.t_s, np.array(ticks) / 30, rtol=0, atol=1e-9)
    assert not info.even
    assert numbers(read_frames(info, 13)) == list(range(13, 20))


def test_sound_is_noticed(tmp_path: Path) -> None:
    info = probe(write_video(tmp_path / "a.mp4", range(30), audio=True), "a")
    assert info.has_audio
    assert info.n_frames == 30


def test_avi_without_presentation_times_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (WIDTH, HEIGHT))
    for i in range(20):
        writer.write(picture(i))
    writer.release()
    info = probe(path, "a")
    np.testing.assert_allclose(info.t_s, np.arange(20) / 25, rtol=0, atol=1e-9)
    assert numbers(read_frames(info, 5)) == list(range(5, 20))


def test_rotation_flag_turns_the_picture(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", range(3))
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 4 + 20 + 16  # version, times and ids, reserved words: ISO 14496-12, 8.3.2
    quarter_turn = np.array([0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30], ">i4").tobytes()
    data[matrix : matrix + 36] = quarter_turn
    path.write_bytes(data)
    info = probe(path, "a")
    assert info.size_wh == (HEIGHT, WIDTH)
    upright = [np.rot90(frame.image) for frame in read_frames(info)]
    assert [number(image) for image in upright] == [0, 1, 2]


def test_black_bars_are_measured(tmp_path: Path) -> None:
    assert probe(write_video(tmp_path / "a.mp4", range(20), bars=8), "a").bars_px == (0, 8, 0, 8)


@pytest.fixture
def broken_files(tmp_path: Path) -> Path:
    whole = write_video(tmp_path / "whole.mp4", range(50)).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])  # the index is at the end
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("This is not a video, whatever its name says.\n" * 20)
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    write_video(tmp_path / "sound.mp4", [], audio=True, pictures=False)
    fast = write_video(tmp_path / "fast.mp4", range(50), options={"movflags": "+faststart"}).read_bytes()
    (tmp_path / "index_only.mp4").write_bytes(fast[: fast.index(b"mdat") + 4])
    (tmp_path / "folder.mp4").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.mp4", "no such video"),
        ("empty.mp4", "empty"),
        ("text.mp4", "not a video"),
        ("noise.mp4", "not a video"),
        ("cut.mp4", "cut off before its index"),
        ("sound.mp4", "no pictures"),
        ("index_only.mp4", "has no frames"),
        ("folder.mp4", "folder"),
    ],
)
def test_unreadable_files_are_explained_and_libraries_keep_quiet(
    broken_files: Path, name: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    with pytest.raises(VideoError, match=message) as caught:
        probe(broken_files / name, "a")
    assert caught.value.path == broken_files / name
    assert caught.value.remedy
    assert capfd.readouterr().err == ""


def test_missing_permission_is_explained(film: VideoInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root reads files of any mode
    with pytest.raises(VideoError, match="Permission denied"):
        probe(film.path, "a")


def test_what_a_truncated_video_still_holds_is_read(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", range(50), options={"movflags": "+faststart"}).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: int(len(whole) * 0.7)])
    info = probe(path, "a")
    assert 10 < info.n_frames < 50
    assert any(f"the last {50 - info.n_frames} of 50 frames are missing" in w for w in info.warnings)
    assert numbers(read_frames(info)) == list(range(info.n_frames))


def test_damage_in_the_middle_is_reported_where_it_is(film: VideoInfo) -> None:
    with av.open(str(film.path)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(film.path.read_bytes())
    for pos, size in packets[20:24]:
        data[pos : pos + size] = b"\xff" * size
    film.path.write_bytes(data)
    info = probe(film.path, "cam")
    with pytest.raises(VideoError, match=r"Frame \d+ of 50 cannot be decoded"):
        list(read_frames(info))


def test_libraries_keep_quiet_about_damage_that_is_reported(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", range(50), options={"movflags": "+faststart"}).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: int(len(whole) * 0.7)])
    code = "import sys; from pathlib import Path; from mocap.capture.video import *; "
    code += "print(len(list(read_frames(probe(Path(sys.argv[1]), 'a')))))"
    # In a process of its own: FFmpeg is told to be quiet once, before the first video is opened.
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 10
    assert done.stderr == ""


def test_leaving_early_ends_the_thread(film: VideoInfo) -> None:
    frames = read_frames(film)
    next(frames)
    assert decoding_threads()
    frames.close()
    assert not decoding_threads()


def test_a_consumer_that_fails_ends_the_thread(film: VideoInfo) -> None:
    def consume() -> None:
        with FrameReader(film) as reader:
            next(reader)
            raise RuntimeError("consumer")

    with pytest.raises(RuntimeError, match="consumer"):
        consume()
    assert not decoding_threads()


def decoding_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


def test_a_file_that_vanishes_is_reported_to_the_consumer(film: VideoInfo) -> None:
    os.unlink(film.path)
    with pytest.raises(VideoError, match="cannot be decoded"):
        list(read_frames(film))
    assert not decoding_threads()


def test_a_frame_that_cannot_be_decoded_is_named(film: VideoInfo, tmp_path: Path) -> None:
    write_video(film.path, range(30))
    with FrameReader(film) as reader:
        good = [next(reader).index for _ in range(30)]
        with pytest.raises(VideoError, match="Frame 30 of 50"):
            next(reader)
        assert list(reader) == []
    assert good == list(range(30))


def test_a_slow_consumer_holds_up_the_decoder(film: VideoInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    original = video._decode

    def counting(*args: object) -> Iterator[Frame]:
        for frame in original(*args):  # type: ignore[arg-type]
            decoded.append(frame.index)
            yield frame

    monkeypatch.setattr(video, "_decode", counting)
    with FrameReader(film) as reader:
        next(reader)
        threading.Event().wait(0.5)
        assert len(decoded) <= FRAMES_AHEAD + 2  # one taken, one waiting to be queued


def test_real_videos_of_two_sizes(shared_data: Path) -> None:
    folder = shared_data / "pose2sim" / "Demo_SinglePerson" / "videos"
    infos = {name: probe(folder / f"{name}.mp4", name) for name in ("cam01", "cam02", "cam03")}
    assert [info.n_frames for info in infos.values()] == [100, 100, 100]
    assert [info.size_wh for info in infos.values()] == [(1080, 1920), (1080, 1920), (1088, 1920)]
    # The first two were shrunk by 1080/1088 and padded: (1920 - 1920 * 1080 / 1088) / 2 = 7.06 rows.
    for name in ("cam01", "cam02"):
        left, top, right, bottom = infos[name].bars_px
        assert (left, right) == (0, 0)
        assert abs(top - 7.06) < 1.5
        assert abs(bottom - 7.06) < 1.5
    assert infos["cam03"].bars_px == (0, 0, 0, 0)
