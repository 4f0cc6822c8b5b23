import cv2
import numpy as np
import pytest

from mocap.capture.observer import Observer
from mocap.capture.source import Picture
from mocap.capture.watch import REFERENCE_PICTURES, SENTENCES, View, looked, small_grey
from mocap.core.types import ImageArray

ROOM = cv2.GaussianBlur(np.random.default_rng(5).integers(0, 256, (540, 700), dtype=np.uint8), (0, 0), 2)
ROOM = cv2.normalize(ROOM, None, 40, 210, cv2.NORM_MINMAX)


def view_of_room(
    frame: int, shift_px: float = 0.0, blur_px: float = 0.0, gain: float = 1.0, person: bool = True
) -> ImageArray:
    """640x360, with noise, and a person of a fifth of the width who walks through."""
    turned = cv2.warpAffine(ROOM, np.array([[1, 0, -shift_px], [0, 1, 0]]), (700, 540))
    grey = turned[50:410, 30:670].copy()
    if person:
        left = (19 * frame) % 500
        texture = np.random.default_rng(9).integers(0, 255, (72, 26), dtype=np.uint8)
        grey[50:350, left : left + 128] = cv2.resize(texture, (128, 300), interpolation=cv2.INTER_NEAREST)
    if blur_px:
        grey = cv2.GaussianBlur(grey, (0, 0), blur_px)
    noisy = grey * gain + np.random.default_rng(frame).normal(0, 3, grey.shape)
    return np.repeat(np.clip(noisy, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def problems(frames: list[ImageArray]) -> set[str]:
    """Problems that are told at the end, after a start without any."""
    view = View()
    for frame in range(REFERENCE_PICTURES + 5):
        view, look = looked(view, small_grey(view_of_room(frame)))
        assert look.problems == ()
    for image in frames:
        view, look = looked(view, small_grey(image))
    return set(look.problems)


def test_a_person_who_walks_through_is_no_problem() -> None:
    assert problems([view_of_room(frame) for frame in range(12, 40)]) == set()


def test_clouds_before_the_sun_are_no_problem() -> None:
    assert problems([view_of_room(frame, gain=0.6) for frame in range(12, 20)]) == set()


@pytest.mark.parametrize(("shift_px", "moved"), [(0.5, False), (3.0, True), (12.0, True)])
def test_a_camera_that_was_bumped_is_told(shift_px: float, moved: bool) -> None:
    expected = {"bumped"} if moved else set()
    assert problems([view_of_room(frame, shift_px=shift_px) for frame in range(12, 20)]) == expected


def test_a_lens_out_of_focus_is_told() -> None:
    assert problems([view_of_room(frame, blur_px=7.0) for frame in range(12, 20)]) == {"unfocused"}


def test_a_covered_lens_is_told_and_taken_back() -> None:
    black = np.full((360, 640, 3), 6, np.uint8)
    assert problems([black] * 4) == {"covered"}
    assert problems([black] * 2) == set()
    assert problems([black] * 4 + [view_of_room(frame) for frame in range(12, 20)]) == set()


def test_a_lens_covered_from_the_start_is_told() -> None:
    view = View()
    noise = np.random.default_rng(1)
    for _ in range(4):
        dark = np.clip(noise.normal(8, 2, (360, 640, 3)), 0, 255).astype(np.uint8)
        view, look = looked(view, small_grey(dark))
    assert look.problems == ("covered",)


def test_too_much_light_is_told() -> None:
    assert problems([view_of_room(frame, gain=3.0) for frame in range(12, 20)]) >= {"bright"}


def test_the_observer_says_it_once_and_says_when_it_is_over() -> None:
    observer = Observer("left")
    said: list[str] = []
    images = [view_of_room(frame) for frame in range(12)]
    images += [np.zeros((360, 640, 3), np.uint8)] * 6 + images
    for number, image in enumerate(images):
        said += observer.look(Picture(number, None, (640, 360), image.copy()))
    sentence = SENTENCES["covered"].format(name="left")
    assert said == [sentence, f"No longer: {sentence}"]
    assert observer.problems == ()
    assert observer.sharpness == pytest.approx(1.0, abs=0.15)
