"""Whatever a format can hold comes back as it was, for rigs drawn at random."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calibration import CalibrationError, Camera, CameraRig, Intrinsics
from calibration.formats import FORMATS, Source, load_rig, rig_format, save_rig
from calibration.transforms import from_rotation, from_rvec_tvec
from tests.conftest import ring_rig

# What each format is named by, and which lenses it holds besides k1, k2, p1, p2: k3, rational, fisheye, skew.
WRITABLE = {
    "anipose": ("rig.toml", "k3 rational fisheye skew"),
    "caliscope": ("camera_array.toml", "k3 rational fisheye"),
    "easymocap": ("intri.yml", "k3"),
    "freemocap": ("walk_camera_calibration.toml", "k3 rational fisheye"),
    "opencap": ("Videos", "k3"),
    "opencv": ("cameras", "k3 rational fisheye skew"),
    "pose2sim": ("Calib.toml", "fisheye"),
    "qualisys": ("lab.qca.txt", "k3 skew"),
}
POINTS = np.random.default_rng(3).uniform(-0.5, 0.5, (40, 3)) + np.array([0.0, 0.0, 1.0])


def number(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers as calibrations give them, none next to zero."""
    return st.integers(-1000, 1000).map(lambda n: low + (high - low) * (n + 1000) / 2000)


def lens(draw: st.DrawFn, kinds: str) -> Intrinsics:
    """A lens of a kind that the format holds."""
    w, h = draw(st.sampled_from([(640, 480), (1280, 720), (1088, 1920)]))
    focal = draw(number(0.6, 2.0)) * max(w, h)
    skew = draw(number(-2.0, 2.0)) if "skew" in kinds else 0.0
    K = np.array(
        [
            [focal, skew, w / 2 + draw(number(-20, 20))],
            [0.0, focal * draw(number(0.98, 1.02)), h / 2 + draw(number(-20, 20))],
            [0.0, 0.0, 1.0],
        ]
    )
    small = number(-0.01, 0.01)
    if "fisheye" in kinds and draw(st.booleans()):
        return Intrinsics((w, h), K, np.array([draw(small) for _ in range(4)]), "fisheye")
    tangential = [draw(small) / 10 for _ in range(2)]
    dist = [draw(number(-0.1, 0.1)), draw(small), *tangential, draw(small) if "k3" in kinds else 0.0]
    if "rational" in kinds and draw(st.booleans()):
        dist += [draw(small) for _ in range(3)]
    return Intrinsics((w, h), K, np.array(dist))


@st.composite
def rigs(draw: st.DrawFn, kinds: str) -> CameraRig:
    """Cameras on a ring, shaken, with lenses drawn at random."""
    cameras = []
    for camera in ring_rig(draw(st.integers(1, 4)), radius_m=draw(number(2.0, 10.0))).cameras:
        shake = from_rvec_tvec([draw(number(-0.05, 0.05)) for _ in range(3)], [0.0, 0.0, 0.0])
        cameras.append(Camera(camera.name, lens(draw, kinds), shake @ camera.cam_from_world))
    return CameraRig(tuple(cameras))


def same_cameras(found: CameraRig, rig: CameraRig) -> None:
    assert len(found.cameras) == len(rig.cameras)
    ours, valid = rig.project(POINTS)
    theirs, seen = found.project(POINTS)
    np.testing.assert_array_equal(seen, valid)
    assert valid.all()
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-6)
    for a, b in zip(found.cameras, rig.cameras, strict=True):
        assert a.intrinsics.size_wh == b.intrinsics.size_wh
        assert a.intrinsics.model == b.intrinsics.model
        np.testing.assert_allclose(a.centre, b.centre, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", WRITABLE)
def test_what_a_format_holds_comes_back(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    file, kinds = WRITABLE[name]

    @settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(rigs(kinds))
    def comes_back(rig: CameraRig) -> None:
        path = tmp_path_factory.mktemp("rig") / file
        dropped = save_rig(rig, path, name)
        assert not [sentence for sentence in dropped if "lens" in sentence]
        place = path if path.exists() else path.parent
        found = load_rig(place)
        # Some formats sort their files by name.
        same_cameras(found, rig if name == "caliscope" else rig.select(found.names))
        same_cameras(load_rig(place, name), rig if name == "caliscope" else rig.select(found.names))

    comes_back()


def test_every_format_is_written_or_refused() -> None:
    refused = set()
    for candidate in FORMATS:
        try:
            candidate.write(ring_rig(2))
        except CalibrationError:
            refused.add(candidate.name)
    assert refused == {"vicon", "optitrack"}
    assert {f.name for f in FORMATS} == set(WRITABLE) | refused


@pytest.mark.parametrize("name", WRITABLE)
def test_each_format_takes_its_own_files_only(tmp_path: Path, name: str) -> None:
    save_rig(ring_rig(2), tmp_path / WRITABLE[name][0], name)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        source = Source(path, path.read_bytes())
        takers = [f.name for f in FORMATS if f.recognises(source)]
        assert takers[0] == name
        # Anipose's tables are common to several, which is why it comes last.
        assert set(takers) <= {name, "anipose"}


@pytest.mark.parametrize("name", WRITABLE)
def test_truncated_files_never_crash(tmp_path: Path, name: str) -> None:
    """A file cut anywhere is either explained or, where only its end mattered, read."""
    for file, content in rig_format(name).write(ring_rig(2)).files.items():
        path = tmp_path / (file or WRITABLE[name][0])
        path.parent.mkdir(parents=True, exist_ok=True)
        for cut in {*range(0, len(content), max(1, len(content) // 30)), len(content) - 1}:
            path.write_bytes(content[:cut])
            with contextlib.suppress(CalibrationError):
                assert load_rig(path, name).cameras
        path.write_bytes(content)


def test_more_than_ten_cameras_keep_their_order(tmp_path: Path) -> None:
    """Anipose sorts the tables by name, and so would cam_10 come before cam_2."""
    rig = ring_rig(12)
    for name in ("anipose", "freemocap"):
        save_rig(rig, tmp_path / "rig.toml", name)
        keys = [line for line in (tmp_path / "rig.toml").read_text().splitlines() if line.startswith("[cam_")]
        assert keys == sorted(keys)
        assert load_rig(tmp_path / "rig.toml").names == rig.names


ODD = ('a "b"', "c: d", "<e> & 'f'", "g\\h", "i/../j", "ü")


def odd_rig() -> CameraRig:
    cameras = zip(ODD, ring_rig(len(ODD)).cameras, strict=True)
    return CameraRig(tuple(Camera(name, camera.intrinsics, camera.cam_from_world) for name, camera in cameras))


@pytest.mark.parametrize("name", ["anipose", "freemocap", "opencv", "pose2sim", "qualisys"])
def test_odd_names_are_kept(tmp_path: Path, name: str) -> None:
    """Names are data: they must not break out of the text or the folder that they are written into."""
    path = tmp_path / "rig" / WRITABLE[name][0]
    save_rig(odd_rig(), path, name)
    assert set(load_rig(path).names) == set(ODD)
    assert [p.name for p in tmp_path.iterdir()] == ["rig"]


@pytest.mark.parametrize("name", ["easymocap", "opencap"])
@pytest.mark.parametrize("odd", ODD)
def test_odd_names_are_refused_where_they_make_keys_or_folders(tmp_path: Path, name: str, odd: str) -> None:
    with pytest.raises(CalibrationError, match=r"cannot hold the camera name.*Rename"):
        save_rig(odd_rig().select((odd,)), tmp_path / "rig", name)
    assert list(tmp_path.iterdir()) == []


def test_camera_turned_by_half_a_turn_comes_back(tmp_path: Path) -> None:
    """Rotations by 180 degrees are where vectors and quaternions change sign."""
    turn = np.diag([-1.0, -1.0, 1.0])
    cameras = (
        Camera("a", ring_rig(1).cameras[0].intrinsics, from_rotation(turn, [0.0, 0.0, 3.0])),
        Camera("b", ring_rig(1).cameras[0].intrinsics, from_rotation(np.eye(3), [0.0, 0.0, 3.0])),
    )
    for name, (file, _) in WRITABLE.items():
        save_rig(CameraRig(cameras), tmp_path / name / file, name)
        place = tmp_path / name / file
        same_cameras(load_rig(place if place.exists() else tmp_path / name), CameraRig(cameras))
