from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mocap.core.errors import CancelledError, ExportError, StorageError
from mocap.core.measures import Cycles, Event, Findings
from mocap.core.progress import CancelToken
from mocap.export import EXPORTERS, export
from mocap.export.registry import WITH_EVENTS, WITH_STRIDES, file_stems
from tests.factories import make_take, with_gap

# All that need no other program.
OWN = tuple(form for form in EXPORTERS if form != "fbx")


def test_one_person_gives_one_file_named_after_the_trial(tmp_path: Path) -> None:
    results = export(make_take(5), OWN, tmp_path / "exports")
    names = sorted(path.name for path in (tmp_path / "exports").iterdir())
    two = {"csv", "parquet"}
    expected = [f"walk.{form}" for form in OWN if form not in {*two, "usd"}] + ["walk.usdc"]
    expected += [f"walk.{table}.{form}" for form in two for table in ("points", "angles")]
    assert names == sorted(expected)
    assert sorted(path.name for done in results.values() for path in done.files) == names
    assert all(done.dropped or form in ("npz", "json") for form, done in results.items())


def test_several_people_get_a_file_each_and_sentences_say_whose(tmp_path: Path) -> None:
    take = make_take(6, people=2)
    results = export(replace(take, points=with_gap(take.points, "nose", slice(0, 2), 1)), ("trc", "bvh"), tmp_path)
    assert [path.name for path in results["trc"].files] == ["walk.person_1.trc", "walk.person_2.trc"]
    assert all(sentence.startswith(("person_1: ", "person_2: ")) for sentence in results["bvh"].dropped)
    first, second = (path.read_text() for path in results["trc"].files)
    assert "\t\t\t\t" not in first.split("\n")[6]
    assert "\t\t\t\t" in second.split("\n")[6]


@pytest.mark.parametrize(
    ("trial", "people", "stems"),
    [
        ("a/b: c", ("x",), ("a_b_c",)),
        ("..", ("x",), ("take",)),
        ("walk 1.5", ("x",), ("walk_1.5",)),
        ("w", ("Ann", "ann"), ("w.Ann_1", "w.ann_2")),
        ("Zoë", ("x",), ("Zoë",)),
    ],
)
def test_names_are_safe_and_differ(trial: str, people: tuple[str, ...], stems: tuple[str, ...]) -> None:
    take = replace(make_take(2, people=len(people)), name=trial, people=people)
    assert file_stems(take) == stems


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="docx"):
        export(make_take(3), ("trc", "docx"), tmp_path / "exports")
    assert not (tmp_path / "exports").exists()


@pytest.mark.parametrize("name", OWN)
def test_a_place_that_cannot_be_written_is_explained(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        export(make_take(3), (name,), tmp_path / "file")


def test_a_disk_that_fills_up_under_ezc3d_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ezc3d writes on regardless; cutting its file short is what a full disk does."""
    import ezc3d

    whole = ezc3d.c3d.write

    def cut_short(self: ezc3d.c3d, path: str) -> None:
        whole(self, path)
        data = Path(path).read_bytes()
        Path(path).write_bytes(data[:-600])

    monkeypatch.setattr(ezc3d.c3d, "write", cut_short)
    with pytest.raises(StorageError, match="disk is full"):
        export(make_take(30), ("c3d",), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_uneven_times_and_a_late_start_are_said(tmp_path: Path) -> None:
    take = make_take(30, start_s=2.5)
    t_s = take.t_s.copy()
    t_s[7] += 0.004
    results = export(replace(take, t_s=t_s), ("c3d", "bvh", "trc"), tmp_path)
    for name in ("c3d", "bvh"):
        assert any("4.0 ms" in sentence for sentence in results[name].dropped)
        assert any("2.500000 s" in sentence for sentence in results[name].dropped)
    assert not any("ms" in sentence for sentence in results["trc"].dropped)


def test_the_csv_holds_what_was_measured_and_leaves_the_rest_empty(tmp_path: Path) -> None:
    take = make_take(20, gap=("left_wrist", slice(5, 8)), start_s=1.0)
    points_file, angles_file = export(take, ("csv",), tmp_path)["csv"].files
    table = np.genfromtxt(points_file, delimiter=",", names=True)
    k = take.points.skeleton.index("left_wrist")[0]
    for axis, column in enumerate(("x", "y", "z")):
        values = table[f"left_wrist_{column}_m"]
        assert np.isnan(values[5:8]).all()
        assert np.allclose(
            np.delete(values, slice(5, 8)), np.delete(take.points.xyz[:, 0, k, axis], slice(5, 8)), atol=1e-6
        )
    assert np.array_equal(table["left_wrist_views"], np.where((np.arange(20) >= 5) & (np.arange(20) < 8), 0, 4))
    assert np.allclose(table["time_s"], take.t_s, atol=1e-6)
    assert np.array_equal(table["frame"], np.arange(1, 21))
    assert np.allclose(table["nose_sigma_m"], 0.005)
    angles = np.genfromtxt(angles_file, delimiter=",", names=True)
    which = take.angles.names.index("left_elbow_flexion")
    wanted = np.degrees(take.angles.value[:, 0, which])
    assert np.allclose(angles["left_elbow_flexion_deg"], wanted, atol=1e-4, equal_nan=True)
    assert np.isnan(wanted[5:8]).all()
    assert np.allclose(
        angles["left_knee_flexion_sigma_deg"],
        np.degrees(take.angles.sigma[:, 0, take.angles.names.index("left_knee_flexion")]),
        atol=1e-4,
    )
    lines = points_file.read_text().split("\n")
    assert "nan" not in points_file.read_text().lower()
    assert len({line.count(",") for line in lines if line}) == 1


def test_progress_is_told_and_a_wish_to_stop_is_followed(tmp_path: Path) -> None:
    token = CancelToken()
    told: list[tuple[str, int, int]] = []

    def note(stage: str, done: int, total: int) -> None:
        told.append((stage, done, total))
        if done == 1:
            token.cancel()

    with pytest.raises(CancelledError):
        export(make_take(3), ("trc", "bvh", "csv"), tmp_path, progress=note, cancel=token)
    assert told == [("export", 0, 3), ("export", 1, 3)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["walk.bvh", "walk.trc"]
    told.clear()
    export(make_take(3), ("trc", "trc"), tmp_path, progress=note)
    assert told == [("export", 0, 1), ("export", 1, 1)]


def test_what_is_read_out_of_a_motion_is_never_lost_silently(tmp_path: Path) -> None:
    event, stride = Event("foot_strike", "left", 0.1), Cycles("knee", "left", np.zeros((1, 101)))
    take = replace(make_take(5), findings=(Findings((event,), (), (stride,)),))
    told = {form: " ".join(done.dropped) for form, done in export(take, OWN, tmp_path).items()}
    for form, words in told.items():
        assert ("Events" in words) == (form not in WITH_EVENTS), form
        assert ("Strides" in words) == (form in WITH_EVENTS and form not in WITH_STRIDES), form
    assert "Events" not in " ".join(export(make_take(5), ("trc",), tmp_path)["trc"].dropped)
