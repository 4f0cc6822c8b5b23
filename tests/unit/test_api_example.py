"""The example of docs/api.md does what it says."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.conftest import CHECKOUT
from tests.crowd import make_crowd


def test_the_example_runs_on_arrays_alone(capsys: pytest.CaptureFixture[str]) -> None:
    text = (CHECKOUT / "docs" / "api.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    crowd = make_crowd(2, people=2, seconds=2.0, miss_share=0.05, noise_px=2.0, swap_share=0.0)
    poses, rig, sync, truth, _ = crowd
    lenses = [camera.intrinsics for camera in rig.cameras]
    given = {
        "xy": poses.xy,
        "score": poses.score,
        "t_s": sync.t_s,
        "K": np.stack([lens.K for lens in lenses]),
        "dist": np.stack([lens.dist for lens in lenses]),
        "pose": rig.cam_from_world,
        "size": np.array([lens.size_wh for lens in lenses]),
        "truth": truth,
    }
    exec(example, given)
    result = given["result"]
    assert result.parts.mean > 0.97  # type: ignore[attr-defined]
    assert result.identities.switches == 0  # type: ignore[attr-defined]
    assert result.mpjpe.found_m < 0.02  # type: ignore[attr-defined]
    assert "MPJPE" in capsys.readouterr().out
