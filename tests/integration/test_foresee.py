"""What a run would have to do is said before it does it, and it is so."""

from __future__ import annotations

from pathlib import Path

import pytest

from mocap.pipeline.foresee import foresee
from mocap.pipeline.run import ProcessRequest, process
from mocap.pipeline.settings import PipelineSettings, load_settings, with_formats
from tests.integration.film import KnowingDetector, make_recording, walking

FRAMES = 20


@pytest.fixture
def settings() -> PipelineSettings:
    fast = load_settings("fast")
    return fast.model_copy(
        update={"output": fast.output.model_copy(update={"overlays": False, "formats": ("csv",)})}
    )


def test_what_is_foreseen_comes_about(tmp_path: Path, settings: PipelineSettings) -> None:
    rig = make_recording(tmp_path / "walk", FRAMES)
    detector, out = KnowingDetector(rig, walking(FRAMES), []), tmp_path / "visit"

    def run(wanted: PipelineSettings) -> Path:
        return process(ProcessRequest(tmp_path / "walk", wanted, out=out), make_detector=detector).folder

    first = foresee(tmp_path / "walk", settings, out=out)
    assert first.need == "everything"
    assert not out.exists()  # nothing is written by looking
    made = run(settings)
    seen = len(detector.calls)
    again = foresee(tmp_path / "walk", settings, out=out)
    assert (again.need, again.run) == ("nothing", made)
    # Other files: people are not looked for again.
    other = with_formats(settings, ("trc",))
    assert foresee(tmp_path / "walk", other, out=out).need == "no detection"
    run(other)
    assert len(detector.calls) == seen
    # Other ways of finding people: everything.
    paced = settings.model_copy(update={"detect": settings.detect.model_copy(update={"longest_pace": 3})})
    assert foresee(tmp_path / "walk", paced, out=out).need == "everything"
    # Looking again is after the detection.
    looking = settings.model_copy(update={"detect": settings.detect.model_copy(update={"look_again": True})})
    assert foresee(tmp_path / "walk", looking, out=out).need == "no detection"


def test_another_calibration_or_video_is_another_run(tmp_path: Path, settings: PipelineSettings) -> None:
    rig = make_recording(tmp_path / "walk", FRAMES)
    detector, out = KnowingDetector(rig, walking(FRAMES), []), tmp_path / "visit"
    process(ProcessRequest(tmp_path / "walk", settings, out=out), make_detector=detector)
    rig_file = tmp_path / "walk" / "calibration.toml"
    text = rig_file.read_text()
    moved = tmp_path / "moved.toml"
    at = text.index("translation")
    moved.write_text(text[:at] + text[at:].replace("0.", "1.", 1))
    assert foresee(tmp_path / "walk", settings, moved, out).need == "no detection"
    # The same name, other pictures.
    video = next((tmp_path / "walk").glob("*.mp4"))
    fresh = make_recording(tmp_path / "other", FRAMES - 2)
    assert fresh.names == rig.names
    video.write_bytes((tmp_path / "other" / video.name).read_bytes())
    assert foresee(tmp_path / "walk", settings, out=out).need == "everything"


def test_a_damaged_run_is_no_obstacle(tmp_path: Path, settings: PipelineSettings) -> None:
    rig = make_recording(tmp_path / "walk", FRAMES)
    out = tmp_path / "visit"
    made = process(
        ProcessRequest(tmp_path / "walk", settings, out=out),
        make_detector=KnowingDetector(rig, walking(FRAMES), []),
    )
    (made.folder / "run.toml").write_text("schema_version = 99\n")
    assert foresee(tmp_path / "walk", settings, out=out).need == "everything"
    (made.folder / "run.toml").unlink()
    assert foresee(tmp_path / "walk", settings, out=out).begun
