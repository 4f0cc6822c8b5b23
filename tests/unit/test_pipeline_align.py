"""Existing calibrations in new worlds; wands and boards that give a rig its size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from calibration import CameraRig
from calibration.alignment import move_rig
from calibration.extrinsics.average import differences
from calibration.formats import load_rig, save_rig
from calibration.transforms import FloatArray, apply, from_rvec_tvec
from mocap.cli.app import app
from mocap.core.errors import CalibrationError, ExplainedError, InputError
from mocap.core.types import Tracks2D
from mocap.pipeline.calibration.align import AlignRequest, align, parse_factor, parse_triple, standing_feet
from mocap.pipeline.calibration.observed import Observed, observe_points
from mocap.pipeline.calibration.person_size import Scale
from mocap.pipeline.calibration.refine import RefineRequest, baselines, refine
from mocap.presets import load_skeleton
from mocap.studio import sample_dir
from mocap.triangulate import TriangulationSettings
from tests.conftest import ring_rig
from tests.unit.test_pipeline_refine import bumped

# A world that is tilted and lies elsewhere.
TILTED = from_rvec_tvec([0.2, -0.1, 0.6], [0.5, -0.4, 1.3])
WAND_M = 0.5


@pytest.fixture
def tilted(tmp_path: Path) -> Path:
    """A rig file in a world that is tilted."""
    file = tmp_path / "tilted.toml"
    save_rig(move_rig(ring_rig(), TILTED, {"assumption": "made up"}), file, "anipose")
    return file


def heights(rig: CameraRig) -> FloatArray:
    return np.array([camera.centre[2] for camera in rig.cameras])


def floor_file(folder: Path, spread_m: float = 2.0) -> Path:
    """Points on the true floor in the tilted world, a few above it, under a line of names."""
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(-spread_m, spread_m, (60, 2)), rng.normal(0, 0.002, 60)])
    points[:10, 2] = rng.uniform(0.2, 1.0, 10)
    file = folder / "floor.csv"
    np.savetxt(file, apply(TILTED, points), delimiter=",", header="x,y,z", comments="")
    return file


def test_points_on_the_floor_level_a_rig(tilted: Path, tmp_path: Path) -> None:
    before = tilted.read_bytes()
    done = align(AlignRequest(tilted, tmp_path / "new.toml", floor=floor_file(tmp_path)))
    np.testing.assert_allclose(heights(done.rig), 1.6, atol=0.005)
    assert done.warnings == ()
    written = load_rig(tmp_path / "new.toml")
    assert "50 of 60 points" in written.notes["floor"]
    assert "assumption" not in written.notes
    assert tilted.read_bytes() == before
    old = load_rig(tilted)
    np.testing.assert_allclose(done.rig.cam_from_world @ done.new_from_old, old.cam_from_world, atol=1e-9)


def test_a_small_patch_of_floor_is_warned_about(tilted: Path, tmp_path: Path) -> None:
    done = align(AlignRequest(tilted, tmp_path / "new.toml", floor=floor_file(tmp_path, 0.15)))
    assert "slope may be off by" in done.warnings[0]


def test_up_origin_heading_and_scale(tilted: Path, tmp_path: Path) -> None:
    up, spot = TILTED[:3, 2], apply(TILTED, np.array([1.0, 0.0, 0.0]))
    request = AlignRequest(tilted, tmp_path / "new.toml", scale=2.0, up=2.0 * up, origin=spot, turn_deg=90.0)
    done = align(request)
    np.testing.assert_allclose(heights(done.rig), 3.2, atol=1e-6)
    np.testing.assert_allclose(apply(done.new_from_old, spot), 0.0, atol=1e-9)
    # Turning the axes counterclockwise turns what is seen clockwise.
    plain = align(AlignRequest(tilted, tmp_path / "plain.toml", scale=2.0, up=up, origin=spot))
    ahead = apply(plain.new_from_old, apply(TILTED, np.array([1.5, 0.0, 0.0])))
    turned = apply(done.new_from_old, apply(TILTED, np.array([1.5, 0.0, 0.0])))
    np.testing.assert_allclose(turned, [ahead[1], -ahead[0], ahead[2]], atol=1e-9)
    assert "2.0000 m long" in done.rig.notes["scale"]
    assert "Turned by 90°" in done.rig.notes["world"]
    level = align(AlignRequest(tilted, tmp_path / "level.toml", cameras_up=True))
    np.testing.assert_allclose(np.ptp(heights(level.rig)), 0.0, atol=1e-6)


def test_a_board_gives_the_scale(tmp_path: Path) -> None:
    truth = load_rig(sample_dir() / "calibration" / "rig.toml")
    small = tmp_path / "small.toml"
    save_rig(move_rig(truth, np.diag([0.9, 0.9, 0.9, 1.0]), {}), small, "anipose")
    done = align(AlignRequest(small, tmp_path / "new.toml", board=sample_dir()))
    assert baselines(done.rig) == pytest.approx(baselines(truth), rel=0.003)


@pytest.mark.parametrize("text", ["", "up", "1,2", "1,2,3,4", "nan,0,1"])
def test_directions_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_triple(text, "direction")


def test_factors_are_read() -> None:
    np.testing.assert_array_equal(parse_triple("-y", "direction"), [0.0, -1.0, 0.0])
    assert parse_factor("1.5") == (1.5, None)
    assert parse_factor("0.5=0.6")[0] == pytest.approx(1.2)
    assert parse_factor("board=there") == (None, Path("there"))
    for text in ("", "0", "-1", "0=1", "1=0", "board=", "inf"):
        with pytest.raises(InputError):
            parse_factor(text)


def test_nothing_asked_for_is_an_error(tilted: Path, tmp_path: Path) -> None:
    out = tmp_path / "new.toml"
    result = CliRunner().invoke(app, ["calibration", "align", str(tilted), "--out", str(out), "--json"])
    assert result.exit_code == 1
    assert "--floor" in json.loads(result.stdout)["error"]["remedy"]
    assert not out.exists()


def test_the_command_says_what_it_did(tilted: Path, tmp_path: Path) -> None:
    out, floor = tmp_path / "new.toml", floor_file(tmp_path)
    arguments = ["calibration", "align", str(tilted), "--out", str(out), "--floor", str(floor), "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert "floor at z = 0" in told["notes"]["world"]
    assert np.array(told["new_from_old"]).shape == (4, 4)


def feet(rig: CameraRig, moving: bool) -> Observed:
    """Somebody of whom one foot stands, 3 cm above the floor, and one swings."""
    skeleton = load_skeleton("blazepose33")
    t_s = np.arange(60) / 30.0
    xyz = np.full((60, 1, len(skeleton.keypoints), 3), np.nan)
    standing, swinging = skeleton.index("left_heel", "right_heel")
    xyz[:, 0, standing] = [0.3, 0.2, 0.03]
    xyz[:, 0, swinging] = np.column_stack([0.3 * np.sin(8 * t_s), 0.3 * np.cos(8 * t_s), np.full(60, 0.15)])
    if moving:
        xyz[:, 0, standing] = xyz[:, 0, swinging]
    pixels, valid = rig.project(xyz)
    xy = np.moveaxis(np.where(valid[..., None], pixels, np.nan), 0, 1)
    shape = xy.shape[:-1]
    tracks = Tracks2D(rig.names, skeleton, xy, np.full(shape, 1.0), np.ones(shape), np.arange(1))
    return Observed(rig, tracks, t_s, TriangulationSettings(), Path("run"), ())


def test_only_standing_feet_are_on_the_floor() -> None:
    found = standing_feet(feet(ring_rig(), moving=False), Path("run"))
    assert len(found) >= 50
    np.testing.assert_allclose(found, np.tile([0.3, 0.2, 0.03], (len(found), 1)), atol=1e-3)
    with pytest.raises(CalibrationError, match="No foot stands"):
        standing_feet(feet(ring_rig(), moving=True), Path("run"))


def wand_file(folder: Path, rig: CameraRig, frames: int = 120) -> Path:
    """The ends of a wand that is waved, as each camera sees them, to half a pixel."""
    rng = np.random.default_rng(1)
    t = np.arange(frames) / 30.0
    middle = np.stack([0.8 * np.sin(1.1 * t), 0.8 * np.cos(1.7 * t), 1.0 + 0.6 * np.sin(2.3 * t)], axis=1)
    way = np.stack([np.sin(2.0 * t), np.cos(1.3 * t), np.sin(0.7 * t + 1.0)], axis=1)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    lines = ["camera,frame,point,x,y,t"]
    for point, end in (("red", middle - 0.5 * WAND_M * way), ("blue", middle + 0.5 * WAND_M * way)):
        pixels, valid = rig.project(end)
        for c, name in enumerate(rig.names):
            seen = pixels[c] + rng.normal(0, 0.5, (frames, 2))
            lines += [
                f"{name},{i},{point},{seen[i, 0]:.2f},{seen[i, 1]:.2f},{t[i]:.4f}"
                for i in range(frames)
                if valid[c, i]
            ]
    file = folder / "wand.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def test_a_wand_mends_a_rig_and_gives_its_size(tmp_path: Path) -> None:
    truth = ring_rig()
    wrong = move_rig(bumped(truth, 1, 4.0, 0.2), np.diag([0.8, 0.8, 0.8, 1.0]), {})
    save_rig(wrong, tmp_path / "wrong.toml", "anipose")
    wand = wand_file(tmp_path, truth)
    done = refine(RefineRequest(tmp_path / "wrong.toml", wand, tmp_path / "new.toml", scale=Scale(wand_m=WAND_M)))
    assert done.refinement.improved
    assert baselines(done.refinement.rig) == pytest.approx(baselines(truth), rel=0.004)
    turn, _ = differences(done.refinement.rig.cam_from_world, truth.cam_from_world)
    assert np.degrees(turn).max() < 0.3
    assert done.refinement.heldout.median_px < 1.0
    notes = load_rig(tmp_path / "new.toml").notes
    assert "tracked points" in notes["refined"]
    assert "red-blue" in notes["scale"]


def test_the_wand_on_the_command_line(tmp_path: Path) -> None:
    save_rig(ring_rig(), tmp_path / "rig.toml", "anipose")
    wand, out = wand_file(tmp_path, ring_rig()), tmp_path / "new.toml"
    arguments = ["calibration", "refine", str(tmp_path / "rig.toml"), "--from", str(wand), "--out", str(out)]
    result = CliRunner().invoke(app, [*arguments, "--scale", f"wand={WAND_M}", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["improved"] is False
    assert told["bone_m"]["red-blue"][1] == pytest.approx(WAND_M, rel=0.003)
    tall = CliRunner().invoke(app, [*arguments, "--scale", "height=1.8", "--json"])
    assert tall.exit_code == 1
    assert "wand=" in json.loads(tall.stdout)["error"]["remedy"]


@pytest.mark.parametrize("looks", ["-1", "25"])
def test_so_many_looks_there_are_not(tmp_path: Path, looks: str) -> None:
    save_rig(ring_rig(), tmp_path / "rig.toml", "anipose")
    arguments = ["calibration", "refine", str(tmp_path / "rig.toml"), "--from", str(tmp_path), "--looks", looks]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "new.toml"), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["remedy"] == "Choose 0 to 24 looks."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("camera,frame,x,y\ncam_1,0,1,2", "no column 'point'"),
        ("camera,frame,point,x,y", "holds no points"),
        ("camera,frame,point,x,y\ncam_1,0,a,here,2", "Line 2"),
        ("camera,frame,point,x,y\ncam_1,0,a,1", "Line 2"),
        ("camera,frame,point,x,y\ncam_7,0,a,1,2", "no camera 'cam_7'"),
        ("camera,frame,point,x,y\ncam_1,0,a,1,2", "one camera only"),
        ("camera,frame,point,x,y\ncam_1,0,a,1,2\ncam_2,0,a,1,2\ncam_1,0,a,3,2", "Lines 2 and 4"),
    ],
)
def test_files_of_points_that_make_no_sense(tmp_path: Path, text: str, words: str) -> None:
    from mocap.core.progress import CancelToken, silent

    save_rig(ring_rig(), tmp_path / "rig.toml", "anipose")
    (tmp_path / "points.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ExplainedError, match=words):
        observe_points(tmp_path / "rig.toml", tmp_path / "points.csv", None, silent, CancelToken())
