"""MOT, XLSX, Parquet, NPZ, JSON, netCDF and USD as other libraries read them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import netcdf_file

from mocap.core.body import forward
from mocap.core.measures import Cycles, Event, Findings, Measure
from mocap.export import export
from mocap.export.written import y_up
from mocap.kinematics.mass import mass_centre
from mocap.kinematics.rates import with_rates
from tests.factories import make_take

FRAMES = 20
TAKE = make_take(FRAMES, gap=("left_wrist", slice(3, 6)))


def write(form: str, folder: Path) -> tuple[Path, ...]:
    return export(TAKE, (form,), folder)[form].files


def test_mot_has_opensims_heading_and_nan_where_missing(tmp_path: Path) -> None:
    (path,) = write("mot", tmp_path)
    head, body = path.read_text().split("endheader\n")
    assert "inDegrees=yes" in head
    assert f"nRows={FRAMES}" in head
    assert f"nColumns={len(TAKE.angles.names) + 1}" in head
    names, *rows = [line.split("\t") for line in body.splitlines()]
    values = np.array(rows, dtype=float)
    assert names == ["time", *TAKE.angles.names]
    np.testing.assert_allclose(values[:, 0], TAKE.t_s, atol=1e-6)
    np.testing.assert_allclose(values[:, 1:], np.degrees(TAKE.angles.value[:, 0]), atol=1e-5)
    assert np.isnan(values[4, 1 + TAKE.angles.names.index("left_elbow_flexion")])


def test_the_workbook(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="needs 'openmocap[sheets]'")
    book = openpyxl.load_workbook(write("xlsx", tmp_path)[0], read_only=True)
    assert book.sheetnames == ["points", "angles"]
    head, *rows = list(book["points"].iter_rows(values_only=True))
    column = head.index("left_knee_z_m")
    k = TAKE.points.skeleton.index("left_knee")[0]
    np.testing.assert_allclose([row[column] for row in rows], TAKE.points.xyz[:, 0, k, 2])
    assert rows[4][head.index("left_wrist_x_m")] is None
    assert rows[4][head.index("left_wrist_views")] == 0
    book.close()


def test_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs 'openmocap[sheets]'")
    points, angles = (parquet.read_table(path) for path in write("parquet", tmp_path))
    assert points["left_wrist_x_m"].null_count == 3
    np.testing.assert_allclose(points["time_s"].to_numpy(), TAKE.t_s)
    a = TAKE.angles.names.index("left_knee_flexion")
    np.testing.assert_allclose(angles["left_knee_flexion_deg"].to_numpy(), np.degrees(TAKE.angles.value[:, 0, a]))


def test_npz_and_json_hold_everything(tmp_path: Path) -> None:
    with np.load(write("npz", tmp_path)[0], allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["keypoint_xyz_m"], TAKE.points.xyz[:, 0])
        np.testing.assert_allclose(stored["joint_xyz_m"], forward(TAKE.motion)[:, 0])
        names = set(stored.files)
        parents = stored["joint_parent"].tolist()
    content = json.loads(write("json", tmp_path)[0].read_text())
    assert names <= set(content)
    assert content["joint_parent"] == parents
    again = np.array(content["keypoint_xyz_m"], dtype=float)  # None becomes NaN
    np.testing.assert_allclose(again, TAKE.points.xyz[:, 0], atol=1e-8)
    cov = np.array(content["keypoint_cov_m2"], dtype=float)
    np.testing.assert_allclose(cov, TAKE.points.cov[:, 0], rtol=1e-12)


def test_netcdf_has_the_dimensions_of_movement(tmp_path: Path) -> None:
    (path,) = write("nc", tmp_path)
    with netcdf_file(str(path), mmap=False) as file:
        assert file.variables["position"].dimensions == ("time", "space", "keypoints", "individuals")
        position = file.variables["position"][:]
        words = [b"".join(row).decode().strip("\0") for row in file.variables["keypoints"][:]]
    assert tuple(words) == TAKE.points.skeleton.keypoints
    np.testing.assert_array_equal(position[:, :, 3, 0], TAKE.points.xyz[:, 0, 3])


def test_usd_plays_the_same_joints(tmp_path: Path) -> None:
    usd_skel = pytest.importorskip("pxr.UsdSkel", reason="needs 'openmocap[usd]'")
    from pxr import Gf, Usd, UsdGeom

    (path,) = write("usd", tmp_path)
    stage = Usd.Stage.Open(str(path))
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    assert stage.GetTimeCodesPerSecond() == TAKE.rate_hz
    cache = usd_skel.Cache()
    root = usd_skel.Root(stage.GetDefaultPrim())
    cache.Populate(root, Usd.PrimDefaultPredicate)
    query = cache.GetSkelQuery(usd_skel.Skeleton(stage.GetPrimAtPath(f"{root.GetPath()}/skeleton")))
    truth = y_up(forward(TAKE.motion)[:, 0])
    for frame in (0, 7, FRAMES - 1):
        transforms = query.ComputeJointSkelTransforms(Usd.TimeCode(frame))
        places = np.array([Gf.Matrix4d(m).ExtractTranslation() for m in transforms])
        seen = np.isfinite(truth[frame]).all(axis=-1)
        np.testing.assert_allclose(places[seen], truth[frame][seen], atol=1e-5)


FOUND = Findings(
    (Event("foot_strike", "left", 0.123456, 0.01), Event("foot_off", None, 0.25, doubtful=True)),
    (
        Measure("stride_length", "left", "m", np.array([1.2, 1.3])),
        Measure("step_time", "right", "s", np.array([0.5])),
    ),
    (Cycles("left_knee_flexion", "left", np.linspace(0.0, 1.0, 202).reshape(2, 101)),),
)
RICH = replace(
    TAKE, angles=with_rates(TAKE.angles, 60.0), mass_centre=mass_centre(TAKE.motion), findings=(FOUND,)
)  # fmt: skip


def rich(form: str, folder: Path) -> dict[str, Path]:
    """Files by the table that they hold."""
    return {path.name.split(".")[-2]: path for path in export(RICH, (form,), folder)[form].files}


def test_csv_holds_events_measures_rates_and_the_centre_of_mass(tmp_path: Path) -> None:
    files = rich("csv", tmp_path)
    assert list(files) == ["points", "angles", "rates", "mass_centre", "events", "measures"]
    with files["events"].open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["event"], first["side"], float(first["time_s"])) == ("foot_strike", "left", 0.123456)
    assert (second["side"], second["sigma_s"], second["doubtful"]) == ("", "", "1")
    with files["measures"].open(newline="") as file:
        length, time = csv.DictReader(file)
    assert (length["measure"], length["unit"], length["n"]) == ("stride_length", "m", "2")
    assert float(length["mean"]) == pytest.approx(1.25)
    assert float(length["sd"]) == pytest.approx(np.std([1.2, 1.3], ddof=1))
    assert [float(v) for v in length["values"].split()] == [1.2, 1.3]
    assert time["sd"] == ""
    with files["mass_centre"].open(newline="") as file:
        row = next(csv.DictReader(file))
    assert RICH.mass_centre is not None
    assert float(row["mass_centre_z_m"]) == pytest.approx(RICH.mass_centre.xyz[0, 0, 2], abs=1e-6)
    with files["rates"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    a = RICH.angles.names.index("right_knee_flexion")
    assert rows[0]["right_knee_flexion_deg_per_s"] == ""  # too near to the start
    assert float(rows[10]["right_knee_flexion_deg_per_s"]) == pytest.approx(
        np.degrees(RICH.angles.rate[10, 0, a]), abs=1e-3
    )


def test_the_workbook_has_sheets_of_events_and_measures(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="needs 'openmocap[sheets]'")
    book = openpyxl.load_workbook(rich("xlsx", tmp_path)["walk"], read_only=True)
    assert book.sheetnames == ["points", "angles", "rates", "mass_centre", "events", "measures"]
    rows = list(book["events"].iter_rows(values_only=True))
    assert rows[0] == ("event", "side", "time_s", "sigma_s", "doubtful")
    assert rows[1] == ("foot_strike", "left", 0.123456, 0.01, 0)
    book.close()


def test_parquet_of_events(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs 'openmocap[sheets]'")
    table = parquet.read_table(rich("parquet", tmp_path)["events"])
    assert table["time_s"].to_pylist() == [0.123456, 0.25]
    assert table["side"].to_pylist() == ["left", None]


def test_npz_and_json_hold_events_measures_and_cycles(tmp_path: Path) -> None:
    with np.load(rich("npz", tmp_path)["walk"], allow_pickle=False) as stored:
        assert stored["event_kind"].tolist() == ["foot_strike", "foot_off"]
        assert stored["event_time_s"].tolist() == [0.123456, 0.25]
        assert stored["measure_name"].tolist() == ["stride_length", "stride_length", "step_time"]
        assert stored["measure_value"].tolist() == [1.2, 1.3, 0.5]
        assert stored["cycle_rad"].shape == (2, 101)
        assert stored["cycle_angle"].tolist() == ["left_knee_flexion"] * 2
        np.testing.assert_array_equal(stored["angle_rate_rad_s"], RICH.angles.rate[:, 0])
    content = json.loads(rich("json", tmp_path)["walk"].read_text())
    assert content["event_side"] == ["left", ""]
    assert content["event_sigma_s"] == [0.01, None]
    assert content["event_doubtful"] == [False, True]
