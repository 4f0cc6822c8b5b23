"""The report: self-contained, escaped, honest about what was not measured, and it says what the figures say."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration import Camera, CameraRig, Intrinsics
from calibration.report.numbers import NOT_MEASURED, number, percent
from calibration.transforms import from_rotation
from mocap.core.errors import StorageError
from mocap.core.skeleton import AngleDefinition, Joint, Skeleton
from mocap.core.summary import RunSummary, TruthErrors
from mocap.core.types import JointAngles, Motion, Points3D, Take, Tracks2D
from mocap.report import payload
from mocap.report.numbers import duration, words
from mocap.report.page import render, write_report
from mocap.report.verdict import Level, judge, person_size_px, reprojection_share

RATE = 50.0
SIZE_WH = (640, 480)
SKELETON = Skeleton(
    name="leg pair",
    keypoints=("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
    bones=(
        ("left_hip", "right_hip"),
        ("left_hip", "left_knee"),
        ("left_knee", "left_ankle"),
        ("right_hip", "right_knee"),
        ("right_knee", "right_ankle"),
    ),
    mirror=(("left_hip", "right_hip"), ("left_knee", "right_knee"), ("left_ankle", "right_ankle")),
    core=("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
    angles=(
        AngleDefinition("left_knee_flexion", ("left_hip", "left_knee", "left_ankle"), math.pi, -1),
        AngleDefinition("right_knee_flexion", ("right_hip", "right_knee", "right_ankle"), math.pi, -1),
    ),
    joints=(Joint("pelvis", None, ("left_hip", "right_hip"), (0.0, 0.0, 0.0)),),
)
NASTY = "<script>alert('x')</script> & \"cam\""


def looking_rig() -> CameraRig:
    """Two cameras at 4 m that look along +y, the second with a name that tries to be markup."""
    K = np.array([[500.0, 0, 319.5], [0, 500.0, 239.5], [0, 0, 1]])
    facing = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    poses = [from_rotation(facing, [x, 0.5, 4.0]) for x in (0.4, -0.4)]
    names = ("east", NASTY)
    intrinsics = Intrinsics(SIZE_WH, K, np.zeros(5))
    return CameraRig(tuple(Camera(n, intrinsics, p) for n, p in zip(names, poses, strict=True)))


def squat(instants: int = 50) -> np.ndarray:
    """Two legs whose knees bend by 40° and back, facing -y: (T, 1, 6, 3) m."""
    bend = np.radians(20.0) * (1.0 - np.cos(2 * np.pi * np.arange(instants) / 49.0)) / 2.0
    xyz = np.zeros((instants, 1, 6, 3))
    for side, x in ((0, 0.1), (1, -0.1)):
        forward, down = 0.42 * np.sin(bend), 0.42 * np.cos(bend)
        xyz[:, 0, 4 + side] = [x, 0.0, 0.1]
        xyz[:, 0, 2 + side] = np.stack([np.full(instants, x), -forward, 0.1 + down], axis=-1)
        xyz[:, 0, 0 + side] = np.stack([np.full(instants, x), 0.0 * down, 0.1 + 2 * down], axis=-1)
    return xyz


def make_run(instants: int = 50) -> dict[str, Any]:
    """A good run, as arguments of ``render``."""
    rig, xyz = looking_rig(), squat(instants)
    xy = np.moveaxis(rig.project(xyz)[0], 0, 1)
    shape = xy.shape[:-1]
    error = np.full(shape, 1.5)
    error[:, 1] = 3.0
    points = Points3D(
        SKELETON,
        xyz,
        np.broadcast_to(np.eye(3) * 4e-6, (*xyz.shape, 3)),
        np.full(xyz.shape[:-1], 2),
        error,
        np.ones(shape, bool),
    )
    flexion = np.radians(20.0) * (1.0 - np.cos(2 * np.pi * np.arange(instants) / 49.0))
    value = np.stack([flexion, flexion / 2], axis=-1)[:, None]
    angles = JointAngles(("left_knee_flexion", "right_knee_flexion"), value, np.full_like(value, np.radians(1.25)))
    motion = Motion(
        SKELETON, xyz[:, :, 0], np.tile([1.0, 0, 0, 0], (instants, 1, 1, 1)), np.zeros((1, 1)), np.zeros((1, 1))
    )
    take = Take("Squat", np.arange(instants) / RATE + 7.0, RATE, ("Person 1",), points, angles, motion)
    summary = RunSummary(
        trial="squat_01",
        run_id="run-0001",
        cameras=rig.names,
        frames=instants,
        frames_3d=instants,
        rate_hz=RATE,
        reproj_px_median=2.25,
        reproj_px_p90=3.0,
        reproj_px_per_camera={rig.names[0]: 1.5, rig.names[1]: 3.0},
        rejected_share_per_camera={rig.names[0]: 0.01, rig.names[1]: 0.02},
        bone_variation_percent=1.25,
        bone_length_m={"left_hip-left_knee": (0.4213, 0.0052)},
        sigma_mm_median=2.0,
        seconds={"detect": 12.5, "triangulate": 0.004},
        frames_per_s=4.0,
        views_per_s=8.0,
        detector="detector-x 1.0",
        calibration="/home/somebody/secret/Calib.qca.txt",
        files={"C3D": "/home/somebody/secret/squat_01.c3d"},
        provenance={"video sha256": "ab" * 32},
    )
    tracks = Tracks2D(rig.names, SKELETON, xy, np.ones(shape), np.ones(shape), np.array([0]))
    return {"take": take, "summary": summary, "rig": rig, "tracks": tracks}


class Loads(HTMLParser):
    """Collects what a page would load, and its text outside of scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "data", "action", "poster", "srcset")]

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] not in (["script"], ["style"]):
            self.text += data


def read(page: str) -> Loads:
    reader = Loads()
    reader.feed(page)
    return reader


def embedded(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def unpacked(array: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(array["data"]), "<f4").reshape(array["shape"])


@pytest.fixture(scope="module")
def page() -> str:
    return render(**make_run())


def test_the_page_loads_nothing_from_anywhere(page: str) -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    reader = read(render(**make_run(), picture=picture))
    assert len(reader.addresses) == 1
    assert reader.addresses[0].startswith("data:image/jpeg;base64,")
    assert "link" not in reader.tags
    styles = page[page.index("<style>") : page.index("</style>")]
    assert "@import" not in styles
    assert "url(" not in styles
    assert "default-src 'none'" in page
    assert page.count("plotly.js v") == 1, "the drawing library is embedded, once"


def test_figures_are_in_the_page(page: str) -> None:
    text = read(page).text.replace("\u202f", " ")
    for expected in ("Squat", "50 / 50", "2.2 px", "± 2.0 mm", "1.2 %", "42.1 cm", "5.2 mm", "12.5 s", "4 ms"):
        assert expected in text
    for expected in (
        "run-0001",
        "detector-x 1.0",
        "Calib.qca.txt",
        "ab" * 32,
        "squat_01.c3d",
        "0.98 s",
        "50.0 Hz",
    ):
        assert expected in text
    # Least, greatest and range of the two knees.
    assert re.search(r"0\.0°\s*40\.0°\s*40\.0°\s*1\.2°\s*100 %", text.replace("\n", "")), text
    assert re.search(r"0\.0°\s*20\.0°\s*20\.0°", text.replace("\n", ""))


def test_folders_of_the_users_computer_are_not_sent_along(page: str) -> None:
    assert "/home/somebody" not in page


def test_names_are_escaped_everywhere() -> None:
    run = make_run()
    run["take"] = replace(run["take"], name=NASTY, people=(NASTY,))
    run["summary"] = replace(
        run["summary"],
        trial=NASTY,
        warnings=(NASTY,),
        files={NASTY: NASTY},
        dropped=(NASTY,),
        seconds={NASTY: 1.0},
        provenance={NASTY: NASTY},
        detector=NASTY,
        calibration=NASTY,
        run_id=NASTY,
        bone_length_m={NASTY: (1.0, 0.1)},
    )
    page = render(**run)
    assert "<script>alert" not in page
    reader = read(page)
    assert reader.tags.count("script") == 3
    assert reader.text.count("<script>alert") >= 10, "the names themselves are shown"
    assert embedded(page)["scene"]["cameras"][1]["name"] == NASTY


def test_the_drawings_get_the_measured_arrays(page: str) -> None:
    run = make_run()
    data = embedded(page)
    assert np.allclose(unpacked(data["scene"]["xyz"]), run["take"].points.xyz, atol=1e-6)
    assert np.allclose(unpacked(data["scene"]["t"]), np.arange(50) / RATE, atol=1e-6)
    (plot,) = data["angles"]["plots"]
    assert plot["joint"] == "knee_flexion"
    assert [curve["side"] for curve in plot["curves"]] == ["left", "right"]
    assert unpacked(plot["curves"][0]["value"]).max() == pytest.approx(40.0, abs=0.1)
    assert np.allclose(unpacked(plot["curves"][1]["sigma"]), 1.25)
    assert data["scene"]["cameras"][0]["centre"] == pytest.approx([-0.4, -4.0, 0.5])


def test_gaps_stay_gaps() -> None:
    run = make_run()
    value = run["take"].angles.value.copy()
    value[10:15, 0, 0] = np.nan
    run["take"] = replace(run["take"], angles=replace(run["take"].angles, value=value))
    curve = unpacked(embedded(render(**run))["angles"]["plots"][0]["curves"][0]["value"])
    assert np.flatnonzero(np.isnan(curve)).tolist() == [10, 11, 12, 13, 14]


def test_a_long_take_is_thinned_for_the_view_and_this_is_said() -> None:
    run = make_run(instants=1300)
    page = render(**run)
    assert embedded(page)["scene"]["xyz"]["shape"][0] == 434
    assert "every 3rd instant" in page
    assert len(unpacked(embedded(page)["angles"]["plots"][0]["curves"][0]["value"])) == 1300
    assert "every" not in read(render(**make_run())).text


def test_nothing_measured_is_said_and_does_not_fail() -> None:
    run = make_run()
    take, summary = run["take"], run["summary"]
    nan = math.nan
    points = replace(
        take.points,
        xyz=np.full_like(take.points.xyz, nan),
        cov=np.full_like(take.points.cov, nan),
        n_views=np.zeros_like(take.points.n_views),
        reproj_px=np.full_like(take.points.reproj_px, nan),
        used=np.zeros_like(take.points.used),
    )
    angles = replace(
        take.angles, value=np.full_like(take.angles.value, nan), sigma=np.full_like(take.angles.sigma, nan)
    )
    run["take"] = replace(take, points=points, angles=angles)
    run["tracks"] = replace(run["tracks"], xy=np.full_like(run["tracks"].xy, nan))
    run["summary"] = replace(
        summary,
        frames_3d=0,
        reproj_px_median=nan,
        reproj_px_p90=nan,
        reproj_px_per_camera=dict.fromkeys(summary.cameras, nan),
        rejected_share_per_camera=dict.fromkeys(summary.cameras, nan),
        bone_variation_percent=nan,
        bone_length_m={"left_hip-left_knee": (nan, nan)},
        sigma_mm_median=nan,
    )
    page = render(**run)
    text = read(page).text
    assert "Nobody was measured in 3D" in text
    assert "nothing to show" in text
    assert "Not measured" in text
    assert "± –" not in text.replace(" ", " ")
    assert text.count(NOT_MEASURED) > 10
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    assert embedded(page)["angles"]["plots"][0]["curves"] == []


def test_errors_against_truth_are_shown_only_where_known() -> None:
    run = make_run()
    assert "Errors against the truth" not in render(**run)
    truth = TruthErrors(31.4, {"left_knee": 41.5}, {"left_knee_flexion": 4.56}, 0.013)
    text = read(render(**run | {"summary": replace(run["summary"], truth=truth)})).text.replace("\u202f", " ")
    for expected in ("31.4 mm", "41.5 mm", "4.6°", "1.3 %", "joints are 31 mm off"):
        assert expected in text


def test_the_file_appears_whole(tmp_path: Path) -> None:
    write_report(tmp_path / "new" / "report.html", **make_run())
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["report.html"]
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")


def test_a_file_in_the_way_is_explained(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StorageError):
        write_report(tmp_path / "runs" / "report.html", **make_run())


def level_of(**changes: Any) -> Level:
    """Level of a flawless run of three cameras with these changes."""
    run = make_run()
    flawless = {"cameras": ("a", "b", "c"), "reproj_px_per_camera": dict.fromkeys(run["rig"].names, 0.5)}
    return judge(replace(run["summary"], **(flawless | changes)), run["tracks"]).level


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, Level.GOOD),
        ({"cameras": ("a", "b")}, Level.CARE),  # two cannot check each other
        ({"frames_3d": 45}, Level.CARE),
        ({"frames_3d": 20}, Level.POOR),
        ({"frames_3d": 0}, Level.POOR),
        ({"bone_variation_percent": 5.0}, Level.CARE),
        ({"bone_variation_percent": 15.0}, Level.POOR),
        ({"bone_variation_percent": math.nan}, Level.CARE),
        ({"rejected_share_per_camera": {"a": 0.3}}, Level.CARE),
        ({"rejected_share_per_camera": {"a": 0.5}}, Level.POOR),
        ({"rejected_share_per_camera": {"a": math.nan}}, Level.CARE),
        ({"warnings": ("mind this",)}, Level.CARE),
        # The person is about 105 px tall.
        ({"reproj_px_per_camera": {"east": 2.0}}, Level.CARE),
        ({"reproj_px_per_camera": {"east": 20.0}}, Level.POOR),
        ({"reproj_px_per_camera": {}}, Level.CARE),
        ({"truth": TruthErrors(30.0, {}, {}, 0.0)}, Level.GOOD),
        ({"truth": TruthErrors(150.0, {}, {}, 0.0)}, Level.POOR),
    ],
)
def test_verdict_follows_the_figures(changes: dict[str, Any], level: Level) -> None:
    assert level_of(**changes) is level


def test_verdict_names_the_camera_that_disagrees() -> None:
    run = make_run()
    summary = replace(run["summary"], rejected_share_per_camera={"east": 0.31})
    texts = [finding.text for finding in judge(summary, run["tracks"]).findings]
    assert any(text.startswith("Camera east: 31") for text in texts)


def test_person_size_is_the_longer_side_of_the_box() -> None:
    run = make_run()
    # Standing, the hips are 0.84 m above the ankles, 4 m away, at a focal length of 500 px.
    size = person_size_px(run["tracks"])
    assert size == pytest.approx([0.84 * 500 / 4] * 2, rel=0.05)
    assert reprojection_share(run["summary"], run["tracks"]) == pytest.approx(np.median([1.5, 3.0] / size))
    empty = replace(run["tracks"], xy=np.full_like(run["tracks"].xy, np.nan))
    assert np.isnan(person_size_px(empty)).all()


def test_the_view_starts_in_front_of_the_body() -> None:
    take = make_run()["take"]
    assert payload.facing_rad(take) == pytest.approx(-math.pi / 2)
    unseen = replace(take, points=replace(take.points, xyz=np.full_like(take.points.xyz, np.nan)))
    assert payload.facing_rad(unseen) == 0.0


def test_camera_pyramids_point_where_the_camera_looks() -> None:
    camera = looking_rig().cameras[0]
    shape = payload.frustum(camera)
    assert shape["centre"] == pytest.approx([-0.4, -4.0, 0.5])
    corners = np.array(shape["corners"])
    pixels, valid = camera.project(corners)
    assert valid.all()
    assert pixels == pytest.approx(
        np.array([[-0.5, -0.5], [639.5, -0.5], [639.5, 479.5], [-0.5, 479.5]]), abs=1e-6
    )
    assert np.linalg.norm(corners - shape["centre"], axis=1) == pytest.approx([payload.FRUSTUM_DEPTH_M] * 4)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (number(math.nan, 1, "mm"), "–"),
        (number(-0.01, 1), "0.0"),
        (number(-3.25, 1, "°"), "−3.2°"),
        (number(2.0, 1, "px"), "2.0 px"),
        (percent(0.999), "> 99 %"),
        (percent(1.0), "100 %"),
        (percent(0.0001), "< 1 %"),
        (percent(0.0), "0 %"),
        (duration(0.0042), "4 ms"),
        (duration(0.42), "0.42 s"),
        (duration(125.0), "2 min 5 s"),
        (duration(math.inf), "–"),
        (words("left_knee_flexion"), "Left knee flexion"),
    ],
)
def test_numbers_read_well(given: str, expected: str) -> None:
    assert given.replace("\u202f", " ") == expected
