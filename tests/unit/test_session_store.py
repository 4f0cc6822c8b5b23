"""Results come back as they were stored, damage is explained, and newer manifests are refused."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from mocap.core.errors import SessionError
from mocap.core.types import JointAngles, Poses2D
from mocap.presets import load_skeleton
from mocap.session import (
    SessionManifest,
    cached,
    data_dir,
    fingerprint,
    key_of,
    load,
    read_manifest,
    save,
    stored_key,
    write_manifest,
)
from mocap.session.store import OlderResultError


def poses() -> Poses2D:
    rng = np.random.default_rng(0)
    shape = (3, 2, 1, 33)
    return Poses2D(
        ("a", "b"),
        load_skeleton("blazepose33"),
        rng.normal(size=(*shape, 2)),
        np.full(shape, 2.0),
        np.full(shape, 0.5),
        np.zeros(shape[:3], dtype=np.int64),
    )


def test_round_trip(tmp_path: Path) -> None:
    before = poses()
    save(tmp_path / "poses.npz", before, "key", 1.5)
    after = load(tmp_path / "poses.npz", Poses2D, "key")
    assert after is not None
    assert after.reused
    assert after.seconds == 1.5
    for item in fields(Poses2D):
        np.testing.assert_equal(getattr(after.result, item.name), getattr(before, item.name))
    assert stored_key(tmp_path / "poses.npz") == "key"
    assert load(tmp_path / "poses.npz", Poses2D, "other") is None
    assert load(tmp_path / "nothing.npz", Poses2D) is None


def test_computed_once_until_the_key_changes(tmp_path: Path) -> None:
    calls = []

    def compute() -> JointAngles:
        calls.append(1)
        return JointAngles(("knee",), np.ones((2, 1, 1)), np.full((2, 1, 1), np.nan))

    path = tmp_path / "angles.npz"
    assert not cached(path, JointAngles, "a", compute).reused
    assert cached(path, JointAngles, "a", compute).reused
    assert not cached(path, JointAngles, "b", compute).reused
    assert len(calls) == 2


@pytest.mark.parametrize("cut", [0, 10, 400])
def test_damage_is_explained(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "poses.npz"
    save(path, poses(), "key", 0.0)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(SessionError, match="damaged"):
        load(path, Poses2D, "key")


def test_a_result_of_an_earlier_version_is_told_from_a_damaged_one_and_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "angles.npz"
    np.savez(path, __key__=np.array("k"), __seconds__=0.0, names=np.array(["knee"]), value=np.ones((2, 1, 1)))
    with pytest.raises(OlderResultError, match=r"earlier version.*sigma") as told:
        load(path, JointAngles)
    assert "again" in told.value.remedy
    new = JointAngles(("knee",), np.zeros((2, 1, 1)), np.zeros((2, 1, 1)))
    made = cached(path, JointAngles, "k", lambda: new)
    assert not made.reused
    assert not load(path, JointAngles, "k").result.value.any()


def test_no_pickle_is_ever_opened(tmp_path: Path) -> None:
    path = tmp_path / "angles.npz"
    np.savez(path, __key__=np.array("k"), __seconds__=0.0, names=np.array([{"run": "code"}], dtype=object))
    with pytest.raises(SessionError, match="damaged"):
        load(path, JointAngles, "k")


def test_fingerprint_sees_a_changed_byte(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(bytes(1000))
    b.write_bytes(bytes(500) + b"\1" + bytes(499))
    assert fingerprint(a) != fingerprint(b)
    b.write_bytes(bytes(1000))
    assert fingerprint(a) == fingerprint(b)


def test_keys_depend_on_every_part() -> None:
    assert key_of(1, {"a": 2}) == key_of(1, {"a": 2})
    assert len({key_of(1, {"a": 2}), key_of(1, {"a": 3}), key_of(2, {"a": 2}), key_of({"a": 2})}) == 4


def test_newer_manifest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "session.toml"
    write_manifest(path, SessionManifest(id="s1"))
    assert read_manifest(path, SessionManifest) == SessionManifest(id="s1")
    path.write_text(path.read_text().replace("schema_version = 1", "schema_version = 99"))
    with pytest.raises(SessionError, match="newer version"):
        read_manifest(path, SessionManifest)


def test_wrong_entry_is_named(tmp_path: Path) -> None:
    path = tmp_path / "session.toml"
    path.write_text('schema_version = 1\nid = "s1"\ncolour = "red"\n')
    with pytest.raises(SessionError, match="colour"):
        read_manifest(path, SessionManifest)


def test_data_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOCAP_SESSIONS", str(tmp_path))
    assert data_dir() == tmp_path
