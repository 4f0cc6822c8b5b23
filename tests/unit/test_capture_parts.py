import errno
import json
import os
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from mocap.capture.backlog import Backlog, Preroll, Timed
from mocap.capture.clock import CameraClock
from mocap.capture.events import Events, Note, RecorderState, Status
from mocap.capture.remote import RemoteControl, Switch
from mocap.capture.resilient import GuardedFile, TimesFile
from mocap.capture.source import Coded, Picture, Stamp
from mocap.capture.track import hardware_encoder
from mocap.core.errors import InputError, StorageError
from mocap.sync import read_timestamps_csv

S = 1_000_000_000


def stream_times(delays_s: np.ndarray, drift: float = 0.0, rate_hz: float = 30.0) -> tuple[np.ndarray, np.ndarray]:
    """True times and those that a clock tells from stamps on another clock and arrivals so late, s."""
    clock = CameraClock(Stamp.STREAM)
    true_s = 50.0 + np.arange(len(delays_s)) / rate_hz
    stamps = np.rint((true_s * (1 + drift) - 4000.0) * 1e9).astype(int)
    arrivals = np.rint((true_s + delays_s) * 1e9).astype(int)
    told = [clock.time_ns(int(c), int(a)) for c, a in zip(stamps, arrivals, strict=True)]
    assert clock.jumps == 0
    return true_s, np.array(told) / 1e9


def test_a_clock_sees_through_late_arrivals() -> None:
    delays = 0.05 + np.random.default_rng(1).exponential(0.03, 3000)
    delays[900:910] = 0.4
    true_s, told_s = stream_times(delays)
    settled = told_s[60:] - true_s[60:]
    assert np.all(np.diff(told_s) > 0)
    assert np.abs(settled - 0.05).max() < 0.01  # the least delay stays; nobody can tell it from the stamps


def test_a_clock_follows_drift() -> None:
    delays = 0.05 + np.random.default_rng(2).exponential(0.01, 18000)
    true_s, told_s = stream_times(delays, drift=50e-6)
    assert np.abs(told_s[60:] - true_s[60:] - 0.05).max() < 0.012


def test_pictures_out_of_order_are_no_jump() -> None:
    clock = CameraClock(Stamp.STREAM)
    order = np.concatenate([3 * k + np.array([3, 1, 2]) for k in range(60)])
    told = [clock.time_ns(int(k * S / 30), int((200 + i / 30) * S)) for i, k in enumerate(order)]
    assert clock.jumps == 0
    assert np.argsort(told[60:]).tolist() == np.argsort(order[60:]).tolist()
    assert all(t <= (200 + i / 30) * S + 2 for i, t in enumerate(told))  # none is taken after it came


def test_a_clock_that_begins_anew_after_an_absence_is_no_jump() -> None:
    clock = CameraClock(Stamp.STREAM)
    for i in range(100):
        clock.time_ns(7 * S + i * S // 30, 500 * S + i * S // 30)
    clock.come_back()
    assert clock.time_ns(0, 510 * S) == 510 * S
    assert clock.jumps == 0


class Disk:
    """Takes so many bytes, a part of the last write among them."""

    def __init__(self, capacity: int) -> None:
        self.left = capacity

    def __call__(self, descriptor: int, data: memoryview) -> int:
        taken = min(self.left, len(data))
        self.left -= taken
        if taken == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.write(descriptor, data[:taken])


def test_a_guarded_file_is_cut_back_to_what_is_good(tmp_path: Path) -> None:
    disk = Disk(25)
    file = GuardedFile(tmp_path / "a", disk)
    file.write(b"0123456789")
    file.mark()
    file.write(b"0123456789")
    file.mark()
    file.write(b"0123456789")
    disk.left = 1000  # somebody made room
    file.seek(0)
    file.write(b"closing words that must not reach the disk")
    with pytest.raises(StorageError, match="full"):
        file.check()
    file.close()
    assert (tmp_path / "a").read_bytes() == b"01234567890123456789"


def test_rows_of_times_are_whole_or_not_there(tmp_path: Path) -> None:
    times = TimesFile(tmp_path / "timestamps.csv", Disk(150))

    def fill() -> None:
        for i in range(100):
            times.add('odd, "name"', i * S, None, i * S)

    with pytest.raises(StorageError):
        fill()
    times.close()
    (read,) = read_timestamps_csv(tmp_path / "timestamps.csv").values()
    np.testing.assert_array_equal(read, np.arange(len(read)))
    assert len(read) >= 2


def raw(t_s: float) -> Timed:
    image = np.zeros((10, 10, 3), np.uint8)
    return Timed(Picture(0, None, (10, 10), image), round(t_s * S))


def coded(t_s: float, is_key: bool) -> Timed:
    class Packet:
        size = 100

    return Timed(Picture(0, None, (10, 10), coded=Coded(Packet(), "h264", is_key)), round(t_s * S))


def test_a_queue_refuses_or_waits_when_it_is_full() -> None:
    backlog = Backlog(capacity=1500)
    assert [backlog.put(raw(i), wait=False) for i in range(6)] == [True] * 5 + [False]
    assert backlog.full == 1.0
    threading.Timer(0.1, backlog.get).start()
    assert backlog.put(raw(9), wait=True)
    backlog.close()
    taken = []
    while (timed := backlog.get()) is not None:
        taken.append(timed.t_ns // S)
    assert taken == [1, 2, 3, 4, 9]


@pytest.mark.parametrize(("preroll_s", "first"), [(0.0, 14), (0.5, 14), (1.0, 13), (3.0, 11)])
def test_preroll_of_coded_pictures_begins_with_a_key(preroll_s: float, first: int) -> None:
    preroll = Preroll(round(preroll_s * S))
    for i in range(150):
        preroll.add(coded(i / 10, is_key=i % 10 == 0))
    kept = preroll.take(round((14.9 - preroll_s) * S))
    assert kept[0].is_key
    assert kept[0].t_ns == first * S
    assert kept[-1].t_ns == round(14.9 * S)


def test_preroll_of_raw_pictures_is_as_long_as_asked() -> None:
    preroll = Preroll(S)
    for i in range(100):
        preroll.add(raw(i / 10))
    kept = preroll.take(round(9.3 * S))
    assert [t.t_ns for t in kept] == [round(i / 10 * S) for i in range(93, 100)]
    small = Preroll(100 * S, capacity=1500)
    for i in range(100):
        small.add(raw(i))
    assert len(small.take(0)) == 5


def test_subscribers_hear_until_they_leave() -> None:
    events, heard = Events(), []
    leave = events.subscribe(heard.append)
    note = Note(1.0, None, "state", "began")
    events.emit(note)
    leave()
    leave()
    events.emit(note)
    assert heard == [note]


def ask(url: str, method: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, object]]:
    request = urllib.request.Request(url, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_another_program_starts_and_stops() -> None:
    switch = Switch()
    state = Status(RecorderState.READY, 0.0, (), 10, float("nan"))
    with RemoteControl("0", switch, lambda: state) as control:
        code, told = ask(f"{control.url}/status", "GET")
        assert (code, told["state"], told["minutes_left"]) == (200, "ready", None)
        assert ask(f"{control.url}/start", "GET")[0] == 404
        assert ask(f"{control.url}/start", "POST", {"Origin": "http://a.page"})[0] == 403
        assert ask(f"{control.url}/start", "POST", {"Host": "a.page:80"})[0] == 403
        assert not switch.started
        assert ask(f"{control.url}/start", "POST")[0] == 200
        assert (switch.started, switch.stopped) == (True, False)
        ask(f"{control.url}/stop", "POST")
        assert switch.stopped


def test_other_computers_need_the_token() -> None:
    switch = Switch()
    with RemoteControl("0.0.0.0:0", switch, lambda: None) as control:
        url = f"http://127.0.0.1:{control.url.rpartition(':')[2]}"
        assert ask(f"{url}/start", "POST")[0] == 403
        assert ask(f"{url}/start", "POST", {"Authorization": "Bearer wrong"})[0] == 403
        assert not switch.started
        assert ask(f"{url}/start", "POST", {"Authorization": f"Bearer {control.token}"})[0] == 200
        assert switch.started


@pytest.mark.parametrize("address", ["x", "1:2:x", "70000"])
def test_a_wrong_address_to_listen_at_is_explained(address: str) -> None:
    with pytest.raises(InputError, match="no address"):
        RemoteControl(address, Switch(), lambda: None)


def test_a_hardware_encoder_is_taken_only_if_it_works() -> None:
    began = time.monotonic()
    assert hardware_encoder() in (None, "h264_nvenc", "h264_videotoolbox", "h264_qsv", "h264_amf")
    assert time.monotonic() - began < 20.0
