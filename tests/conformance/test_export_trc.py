"""TRC by a strict reader of the format as OpenSim 4.x reads it (TRCFileAdapter)."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from mocap.core.types import FloatArray
from mocap.export import export
from tests.factories import make_take, with_gap


@dataclass(frozen=True)
class Trc:
    names: list[str]
    rate_hz: float
    units: str
    t_s: FloatArray
    xyz: FloatArray


def cells_of(line: str) -> list[str]:
    """Cells of a line as OpenSim counts them: an empty one at the end is not seen."""
    cells = line.split("\t")
    return cells[:-1] if cells[-1] == "" else cells


def read_trc(path: Path) -> Trc:
    text = path.read_text(encoding="utf-8")
    assert "\r" not in text
    assert "nan" not in text.lower()
    lines = text.split("\n")
    assert lines[0].split("\t")[:3] == ["PathFileType", "4", "(X/Y/Z)"]
    meta = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    labels = lines[3].rstrip("\t").split("\t")
    assert labels[:2] == ["Frame#", "Time"]
    names = labels[2::3]
    assert all(blank == "" for i, blank in enumerate(labels[2:]) if i % 3)
    count = int(meta["NumMarkers"])
    assert len(names) == count
    assert lines[4].split("\t") == ["", "", *(f"{a}{n}" for n in range(1, count + 1) for a in "XYZ")]
    assert lines[5] == ""
    assert lines[-1] == ""
    rows = [cells_of(line) for line in lines[6:-1]]
    assert len(rows) == int(meta["NumFrames"])
    assert all(len(row) == 2 + 3 * count for row in rows)
    assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))
    values = np.array([[float(c) if c.strip() else np.nan for c in row[1:]] for row in rows])
    return Trc(
        names, float(meta["DataRate"]), meta["Units"], values[:, 0], values[:, 1:].reshape(len(rows), count, 3)
    )


def test_opensim_finds_markers_times_and_axes(tmp_path: Path) -> None:
    take = make_take(40, rate_hz=59.94, start_s=0.5)
    trc = read_trc(export(take, ("trc",), tmp_path)["trc"].files[0])
    assert tuple(trc.names) == take.points.skeleton.keypoints
    assert trc.rate_hz == pytest.approx(59.94)
    assert trc.units == "mm"
    assert np.allclose(trc.t_s, take.t_s, atol=1e-6)
    x, y, z = np.moveaxis(take.points.xyz[:, 0], -1, 0)
    assert np.allclose(trc.xyz, 1000 * np.stack([x, z, -y], axis=-1), atol=1e-3)


def test_missing_markers_are_blank_even_the_last_one(tmp_path: Path) -> None:
    take = make_take(20)
    points = with_gap(take.points, "nose", slice(0, 3))
    points = with_gap(points, points.skeleton.keypoints[-1], slice(2, 6))
    points = with_gap(points, "left_knee", slice(None))
    trc = read_trc(export(replace(take, points=points), ("trc",), tmp_path)["trc"].files[0])
    assert np.array_equal(np.isnan(trc.xyz), np.isnan(points.xyz[:, 0]))
