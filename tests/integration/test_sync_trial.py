"""``mocap sync`` from videos to the file that ``process`` takes up."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mocap.core.errors import InputError
from mocap.core.types import SyncTable
from mocap.pipeline.run import ProcessRequest, process
from mocap.pipeline.settings import load_settings
from mocap.pipeline.sync.synchronise import SyncRequest, synchronise
from mocap.session import load
from mocap.sync import SYNC_FILE
from tests.integration.film import KnowingDetector, make_recording, walking

FRAMES = 150
LATE = (0.0, 3.4, -2.0, 6.25)


def wandering() -> np.ndarray:
    """A person (T, 33, 3) who sways and strays."""
    t = np.arange(FRAMES + 20) / 30
    way = np.stack([0.3 * np.sin(2 * np.pi * t / 2.9), 0.25 * np.sin(2 * np.pi * t / 1.7 + 1.0), 0.0 * t], axis=-1)
    return walking(FRAMES + 20) + way[:, None]


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    folder = tmp_path / "walk"
    make_recording(folder, FRAMES)
    return folder


@pytest.fixture(autouse=True)
def _sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCAP_SESSIONS", str(tmp_path / "sessions"))


def test_a_trial_is_synchronised_and_processed_by_it(trial: Path, tmp_path: Path) -> None:
    rig = make_recording(tmp_path / "again", 2)
    late = tuple(4.0 + shift for shift in LATE)
    knowing = KnowingDetector(rig, wandering(), [], noise_px=0.7, late=late)
    found = synchronise(SyncRequest(trial), make_detector=knowing)
    clocks = found.fusion.clocks
    # A camera that takes its pictures late shows at each stamp what happened later: its clock is behind.
    np.testing.assert_allclose(clocks.offset_s + 2.5 * (clocks.rate - 1.0), -np.array(LATE) / 30, atol=0.1 / 30)
    assert {link.method for link in found.fusion.used} == {"geometry"}
    assert any("has no sound" in silence.reason for silence in found.silences)
    assert found.file == trial / SYNC_FILE
    assert "Synchronisation" in found.page.read_text(encoding="utf-8")

    settings = load_settings("fast")
    output = settings.output.model_copy(update={"overlays": False, "formats": ("trc",)})
    settings = settings.model_copy(update={"output": output})
    result = process(
        ProcessRequest(trial, settings, out=tmp_path / "out"), make_detector=replace(knowing, calls=[])
    )
    stored = load(result.folder / "sync.npz", SyncTable)
    assert stored is not None
    np.testing.assert_allclose(stored.result.offset_s, clocks.offset_s)
    assert (stored.result.offset_sigma_s[1:] < 0.5 / 30).all()


def test_people_who_do_not_move_are_told_with_all_other_reasons(trial: Path) -> None:
    rig = make_recording(trial.parent / "again", 2)
    still = np.repeat(walking(1), FRAMES + 20, axis=0)
    with pytest.raises(InputError, match=r"Nothing tells .* has no sound.*hardly move") as caught:
        synchronise(SyncRequest(trial), make_detector=KnowingDetector(rig, still, []))
    assert caught.value.path == trial
    assert not (trial / SYNC_FILE).exists()


def test_clocks_by_hand_need_no_pictures(trial: Path) -> None:
    by_hand = (("cam_2", -0.1), ("cam_3", 0.2), ("cam_4", 0.0))
    found = synchronise(SyncRequest(trial, methods=(), by_hand=by_hand))
    np.testing.assert_allclose(found.fusion.clocks.offset_s, [0.0, -0.1, 0.2, 0.0], atol=1e-9)


def test_a_camera_of_another_time_is_named(trial: Path) -> None:
    by_hand = (("cam_2", -0.1), ("cam_3", 90.0), ("cam_4", 0.0))
    with pytest.raises(InputError, match=r"'cam_3' recorded at another time than all others"):
        synchronise(SyncRequest(trial, methods=(), by_hand=by_hand))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"methods": ("smell",)}, "no method 'smell'"),
        ({"methods": (), "by_hand": (("cam_9", 1.0),)}, "'cam_9' has no clock"),
    ],
)
def test_wrong_requests_are_explained(trial: Path, request_: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        synchronise(SyncRequest(trial, **request_))  # type: ignore[arg-type]
