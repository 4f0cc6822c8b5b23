"""A run made of corrections: the ordinary pipeline, from detections that are there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration import CameraRig
from mocap.core.errors import InputError
from mocap.core.types import Points3D, Tracks2D
from mocap.pipeline.edits.files import MADE_WITH, SEEN, EditFile, read_edits
from mocap.pipeline.edits.kinds import AddEvent, ChooseSubject, Edits, MovePoint, SwapSides
from mocap.pipeline.reexport import load_take
from mocap.pipeline.run import ProcessRequest, ProcessResult, process
from mocap.pipeline.settings import PipelineSettings, load_settings
from mocap.session import RunFolder, load
from tests.integration.film import KnowingDetector, make_recording, walking

FRAMES = 30


def settings() -> PipelineSettings:
    fast = load_settings("fast")
    output = fast.output.model_copy(update={"overlays": False, "formats": ("csv",)})
    return fast.model_copy(update={"output": output})


class Film:
    """A recording, a detector that knows it, and runs of it."""

    def __init__(self, base: Path) -> None:
        self.base, self.calls = base, []  # type: tuple[Path, list[int]]
        self.rig: CameraRig = make_recording(base / "walk", FRAMES)
        self.detector = KnowingDetector(self.rig, walking(FRAMES), self.calls)
        self.first = self.run()

    def run(self, edits: Edits = (), instants: int = FRAMES) -> ProcessResult:
        file = EditFile(instants=instants, edits=edits) if edits else None
        request = ProcessRequest(self.base / "walk", settings(), out=self.base / "data", edits=file)
        return process(request, make_detector=self.detector)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return Film(tmp_path_factory.mktemp("edited"))


def stage(result: ProcessResult, name: str, kind: type) -> object:
    stored = load(RunFolder(result.folder).stage(name), kind)
    assert stored is not None
    return stored.result


def test_a_corrected_run_is_a_new_one_from_the_same_detections(film: Film) -> None:
    looked = len(film.calls)
    tracks = stage(film.first, "tracks2d", Tracks2D)
    assert isinstance(tracks, Tracks2D)
    person, name = int(tracks.person_ids[0]), film.rig.names[0]
    edits: Edits = (
        MovePoint(camera=name, instant=12, person=person, keypoint="left_knee", x=100.0, y=100.0, sigma_px=2.0),
        SwapSides(person=person, cameras=(film.rig.names[1],), first=3, last=4),
        AddEvent(person=person, event="marked", t_s=0.4),
    )
    done = film.run(edits)
    assert done.folder != film.first.folder
    assert len(film.calls) == looked  # nobody looked at a picture again
    assert read_edits(done.folder / MADE_WITH).edits == edits
    assert any("by hand" in note for note in done.summary.warnings)
    seen, corrected = stage(done, SEEN, Tracks2D), stage(done, "tracks2d", Tracks2D)
    assert isinstance(seen, Tracks2D)
    assert isinstance(corrected, Tracks2D)
    np.testing.assert_array_equal(seen.xy, tracks.xy)
    # ... nor followed people anew: what was seen is the other run's, with the time that it took then.
    taken, other = RunFolder(done.folder).stage(SEEN), RunFolder(film.first.folder).stage("tracks2d")
    assert taken.read_bytes() == other.read_bytes()
    knee = tracks.skeleton.keypoints.index("left_knee")
    assert corrected.xy[12, 0, 0, knee].tolist() == [100.0, 100.0]
    points, before = stage(done, "points3d_raw", Points3D), stage(film.first, "points3d_raw", Points3D)
    assert isinstance(points, Points3D)
    assert isinstance(before, Points3D)
    # What a person set is believed, so that the others are left out where they contradict it.
    assert not points.used[12, 1:, 0, knee].all()
    assert before.used[12, :, 0, knee].all()
    take = load_take(RunFolder(done.folder))
    assert [(e.kind, e.t_s) for e in take.findings[0].events if e.kind == "marked"] == [("marked", 0.4)]
    assert list((done.folder / "exports").glob("*.csv"))
    assert film.run(edits).reused
    assert film.run().folder == film.first.folder
    # Another list of edits is another run.
    assert film.run(edits[:1]).folder not in (done.folder, film.first.folder)


def test_the_subject_can_be_chosen_by_an_edit(film: Film) -> None:
    tracks = stage(film.first, "tracks2d", Tracks2D)
    assert isinstance(tracks, Tracks2D)
    hip = tracks.skeleton.keypoints.index("left_hip")
    x, y = tracks.xy[5, 2, 0, hip].tolist()
    chosen = film.run((ChooseSubject(camera=film.rig.names[2], instant=5, x=x, y=y),))
    again = stage(chosen, "tracks2d", Tracks2D)
    assert isinstance(again, Tracks2D)
    assert again.person_ids.tolist() == tracks.person_ids.tolist()
    with pytest.raises(InputError, match="Nobody"):
        film.run((ChooseSubject(camera=film.rig.names[2], instant=5, x=1.0, y=1.0),))


def test_edits_of_another_recording_are_refused(film: Film) -> None:
    with pytest.raises(InputError, match="7 instants"):
        film.run((ChooseSubject(camera=film.rig.names[2], instant=5, x=1.0, y=1.0),), instants=7)
