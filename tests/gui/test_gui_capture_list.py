"""The list of cameras: what is added one after another is all taken in."""

from __future__ import annotations

import time

from mocap.gui.presenters.capture.camera_list import CameraList
from mocap.studio import sample_dir


def test_what_is_added_before_the_last_was_looked_at_is_added_too() -> None:
    cameras = CameraList()
    videos = sorted((sample_dir() / "trials" / "sample").rglob("*.mp4"))[:3]
    assert len(videos) == 3
    for path in videos:
        cameras.add(str(path))
    end = time.monotonic() + 20.0
    while cameras.working:
        assert time.monotonic() < end, "it did not come about"
        cameras.fetch()
    cameras.close()
    assert [entry.name for entry in cameras.entries] == [path.stem for path in videos]
    assert len({entry.slot for entry in cameras.entries}) == 3
