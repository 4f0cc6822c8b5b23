"""Pictures for the guides: smaller, with a palette, and still what they show."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mocap.core.errors import InputError


def test_pictures_are_made_small_and_stay_what_they_are(app: object, tmp_path: Path) -> None:
    from mocap.gui.tour.small import COLOURS, WALK, WIDTH, small_pictures

    x, y = np.meshgrid(np.arange(1920), np.arange(1200))
    full = np.stack([x % 256, y % 256, (x + y) % 256], axis=-1).astype(np.uint8)
    full[300:500, 300:500] = (20, 200, 30)
    cv2.imwrite(str(tmp_path / f"library-{WALK}.png"), full)
    (made,) = small_pictures(tmp_path, tmp_path / "out")
    shown = cv2.imread(str(made))
    assert made.name == "guide-library.png"
    assert shown is not None
    assert shown.shape == (600, WIDTH, 3)
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) <= COLOURS
    assert np.abs(shown[200, 200].astype(int) - (20, 200, 30)).max() < 12
    wanted = cv2.resize(full, (WIDTH, 600), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(shown.astype(int) - wanted).mean() < 20


def test_a_folder_without_a_tour_is_told(app: object, tmp_path: Path) -> None:
    from mocap.gui.tour.small import small_pictures

    with pytest.raises(InputError, match="no picture"):
        small_pictures(tmp_path, tmp_path / "out")
