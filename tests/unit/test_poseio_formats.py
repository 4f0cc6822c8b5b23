"""Detections of other programs: read right, written so that they come back, refused with a reason."""

from __future__ import annotations

import csv
import json
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from mocap.core.errors import InputError
from mocap.poseio import POSE_FORMATS, View, read_views

FRAMES, PEOPLE, KEYPOINTS = 6, 2, 17
NAMES = tuple(f"part{k}" for k in range(KEYPOINTS))


def made_up(camera: str, people: int = PEOPLE, names: tuple[str, ...] | int = KEYPOINTS) -> View:
    """Two people with a missing keypoint and a missing frame."""
    rng = np.random.default_rng(len(camera))
    xy = rng.uniform(10, 600, (FRAMES, people, KEYPOINTS, 2)).round(3)
    score = rng.uniform(0.2, 1.0, (FRAMES, people, KEYPOINTS)).round(3)
    xy[2, 0, 5] = np.nan
    xy[4, people - 1] = np.nan
    score[np.isnan(xy[..., 0])] = 0.0
    track = np.where((score > 0).any(axis=-1), np.arange(people), -1)
    return View(camera, names, xy, score, track)


@pytest.mark.parametrize("name", ["openpose", "coco", "deeplabcut"])
def test_what_is_written_comes_back(tmp_path: Path, name: str) -> None:
    views = (made_up("cam01"), made_up("cam02"))
    POSE_FORMATS[name].write(views, tmp_path, 60.0)
    back = read_views(tmp_path)
    assert [view.camera for view in back] == ["cam01", "cam02"]
    for view, again in zip(views, back, strict=True):
        np.testing.assert_allclose(again.xy, view.xy, atol=1e-3)
        np.testing.assert_allclose(again.score, view.score, atol=1e-3)
        np.testing.assert_array_equal(again.track, view.track)


def test_the_array_of_freemocap_comes_back(tmp_path: Path) -> None:
    views = (made_up("cam_0", people=1), made_up("cam_1", people=1))
    POSE_FORMATS["freemocap"].write(views, tmp_path, 30.0)
    back = read_views(tmp_path)
    np.testing.assert_allclose(back[1].xy, views[1].xy)
    assert back[0].score[2, 0, 5] == 0.0
    with pytest.raises(InputError, match="one person"):
        POSE_FORMATS["freemocap"].write((made_up("cam_0"),), tmp_path, 30.0)


def test_openpose_counts_frames_from_the_first_file(tmp_path: Path) -> None:
    folder = tmp_path / "cam1_json"
    folder.mkdir()
    for number in (12, 13, 15):
        keypoints = [100.0 + number, 50.0, 0.9] * 24 + [0, 0, 0]
        people = [{"person_id": [-1], "pose_keypoints_2d": keypoints}] if number != 13 else []
        (folder / f"video_{number:012d}_keypoints.json").write_text(json.dumps({"people": people}))
    (view,) = read_views(folder)
    assert view.xy.shape == (4, 1, 25, 2)
    assert view.xy[0, 0, 0, 0] == 112.0
    assert view.xy[3, 0, 0, 0] == 115.0
    np.testing.assert_array_equal(view.track[:, 0], [0, -1, -1, 0])
    assert np.isnan(view.xy[0, 0, 24]).all()
    assert view.score[0, 0, 24] == 0.0


def test_alphapose_scores_beyond_one_are_scaled_and_people_keep_their_slot(tmp_path: Path) -> None:
    def one(frame: int, number: int, x: float) -> dict[str, object]:
        return {
            "image_id": f"{frame:06d}.jpg",
            "category_id": 1,
            "idx": number,
            "keypoints": [x, 5.0, 3.0] * KEYPOINTS,
            "score": 2.9,
        }

    (tmp_path / "cam1.json").write_text(
        json.dumps([one(0, 7, 1.0), one(0, 3, 2.0), one(1, 3, 2.5), one(1, 7, 1.5)])
    )
    (view,) = read_views(tmp_path)
    np.testing.assert_array_equal(view.track, [[7, 3], [7, 3]])
    np.testing.assert_array_equal(view.xy[:, 0, 0, 0], [1.0, 1.5])
    assert view.score.max() == 1.0


def test_mmpose_writes_frames_of_instances(tmp_path: Path) -> None:
    instance = {"keypoints": [[10.0, 20.0]] * KEYPOINTS, "keypoint_scores": [0.5] * KEYPOINTS}
    frames = [{"frame_id": n + 1, "instances": [instance] if n else []} for n in range(3)]
    (tmp_path / "results_cam1.json").write_text(json.dumps({"meta_info": {}, "instance_info": frames}))
    (view,) = read_views(tmp_path)
    assert view.xy.shape == (3, 1, KEYPOINTS, 2)
    np.testing.assert_array_equal(view.track[:, 0], [-1, 0, 0])


def test_deeplabcut_of_one_animal_and_its_video_name(tmp_path: Path) -> None:
    path = tmp_path / "cam1DLC_resnet50_trialJan1shuffle1_50000.csv"
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["scorer", *["net"] * 6])
        rows.writerow(["bodyparts", "nose", "nose", "nose", "tail", "tail", "tail"])
        rows.writerow(["coords", *["x", "y", "likelihood"] * 2])
        rows.writerow([0, 1.5, 2.5, 0.9, 3.5, 4.5, 0.1])
        rows.writerow([1, "", "", "", 5.5, 6.5, 0.2])
    (view,) = read_views(path)
    assert view.camera == "cam1"
    assert view.keypoints == ("nose", "tail")
    np.testing.assert_allclose(view.xy[0, 0], [[1.5, 2.5], [3.5, 4.5]])
    assert np.isnan(view.xy[1, 0, 0]).all()


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("several", [False, True])
def test_deeplabcut_in_hdf5(tmp_path: Path, protocol: int, several: bool) -> None:
    """Laid out as PyTables does: rows of an index and a block, the columns' names as a pickle."""
    people = ["anna", "ben"] if several else ["anna"]
    columns = [
        ("net", *([who] if several else []), part, c)
        for who in people
        for part in ("nose", "tail")
        for c in ("x", "y", "likelihood")
    ]
    values = np.arange(3.0 * len(columns)).reshape(3, -1) + 1.0
    kind = np.dtype([("index", "i8"), ("values_block_0", "f8", (len(columns),))])
    path = tmp_path / "cam1DLC_resnet50.h5"
    with h5py.File(path, "w") as file:
        table = file.create_dataset("df_with_missing/table", data=np.zeros(3, kind))
        rows = np.zeros(3, kind)
        rows["index"], rows["values_block_0"] = [0, 1, 4], values
        table[...] = rows
        table.attrs["values_block_0_kind"] = np.void(pickle.dumps(columns, protocol))
    (view,) = read_views(path)
    assert view.keypoints == ("nose", "tail")
    assert view.xy.shape == (5, len(people), 2, 2)
    np.testing.assert_allclose(view.xy[4, -1, 1], values[2, -3:-1])
    assert np.isnan(view.xy[2]).all()


def test_a_pickle_among_the_columns_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "ran",))  # type: ignore[return-value]

    kind = np.dtype([("index", "i8"), ("values_block_0", "f8", (3,))])
    with h5py.File(tmp_path / "camDLC.h5", "w") as file:
        table = file.create_dataset("df/table", data=np.zeros(1, kind))
        table.attrs["values_block_0_kind"] = np.void(pickle.dumps([Evil()]))
    with pytest.raises(InputError, match="names of the columns"):
        POSE_FORMATS["deeplabcut"].read(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_sleap_axes_are_those_of_matlab(tmp_path: Path) -> None:
    truth = np.arange(3 * 2 * 4 * 2, dtype=float).reshape(3, 2, 4, 2)  # frames, tracks, nodes, xy
    truth[1, 1] = np.nan
    with h5py.File(tmp_path / "labels.000_cam2.analysis.h5", "w") as file:
        file["tracks"] = np.transpose(truth, (1, 3, 2, 0))
        file["node_names"] = np.array([b"a", b"b", b"c", b"d"])
        file["point_scores"] = np.full((2, 4, 3), 0.7)
    (view,) = read_views(tmp_path)
    assert view.camera == "000_cam2"
    np.testing.assert_allclose(view.xy, truth)
    assert view.score[1, 1, 0] == 0.0
    assert view.score[0, 0, 0] == 0.7
    assert view.track[1, 1] == -1


def test_caliscopes_table(tmp_path: Path) -> None:
    lines = ["sync_index,port,frame_index,frame_time,point_id,img_loc_x,img_loc_y"]
    lines += [f"{5 + f},{c},{f},{f / 30},{k},{100 * c + f},{k}" for f in range(3) for c in (1, 3) for k in (0, 2)]
    (tmp_path / "xy_HOLISTIC.csv").write_text("\n".join(lines))
    views = read_views(tmp_path)
    assert [view.camera for view in views] == ["cam_1", "cam_3"]
    assert views[1].xy.shape == (3, 1, 3, 2)
    np.testing.assert_allclose(views[1].xy[2, 0, 2], [302, 2])
    assert np.isnan(views[1].xy[0, 0, 1]).all()


def test_real_caliscope_corners(shared_data: Path) -> None:
    found = sorted((shared_data / "caliscope").rglob("xy_*.csv"))
    if not found:
        pytest.skip("no stored corners among the real recordings")
    views = read_views(found[0])
    assert len(views) == 4
    assert all(np.isfinite(view.xy).any() for view in views)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a_000.json", '{"people": [{"pose_keypoints_2d": [1, 2]}]}', "triples"),
        ("a_000.json", '{"people": [{"pose_keypoints_2d": [1, 2, "x"]}]}', "no number"),
        ("a_000.json", '{"people": [{"hands": []}]}', "pose_keypoints_2d"),
        ("a_000.json", '{"people": []}', "Nobody"),
        ("a_000.json", '{"people": ', "no known format"),
        ("a.json", '[{"image_id": 0, "keypoints": [1, 2]}]', "triples"),
        ("a.json", '[{"image_id": "x", "keypoints": [1, 2, 3]}]', "has no number"),
        ("a.csv", "scorer,a\nbodyparts,a\ncoords,x\n0,banana\n", "not of numbers"),
        ("xy_A.csv", "sync_index,cam_id,point_id,img_loc_x,img_loc_y\n1,2,3,4,x\n", "not Caliscope"),
        ("a2d.npy", "no array", "cannot be read"),
        ("a.h5", "no hdf5", "no known format"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, content: str, complaint: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=complaint) as caught:
        read_views(tmp_path)
    assert caught.value.path is not None


def test_people_of_two_models_are_refused(tmp_path: Path) -> None:
    for number, count in ((0, 17), (1, 25)):
        people = [{"pose_keypoints_2d": [1.0, 2.0, 0.5] * count}]
        (tmp_path / f"a_{number}.json").write_text(json.dumps({"people": people}))
    with pytest.raises(InputError, match="25 keypoints, others 17"):
        read_views(tmp_path)


def test_an_unknown_format_and_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no format 'x'"):
        read_views(tmp_path, "x")
    with pytest.raises(InputError, match="no known format"):
        read_views(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_views(tmp_path / "gone")
