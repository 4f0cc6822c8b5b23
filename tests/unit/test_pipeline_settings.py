from __future__ import annotations

import pytest

from mocap.core.errors import ExplainedError
from mocap.pipeline.settings import load_settings, parse_click, with_formats, with_people
from mocap.presets import preset_names


@pytest.mark.parametrize("name", preset_names("pipelines"))
def test_every_preset_is_right(name: str) -> None:
    settings = load_settings(name)
    assert settings.associate.people == "subject"
    with_formats(settings, settings.output.formats)


def test_people_are_chosen() -> None:
    settings = load_settings()
    everybody = with_people(settings, people="all")
    assert everybody.associate.people == "all"
    assert everybody.detect.max_people == 6
    clicked = with_people(settings, click=parse_click("cam,2,120, 640.5,360"))
    assert clicked.associate.as_choice().by == "clicked"
    assert clicked.associate.click == ("cam,2", 120, 640.5, 360.0)
    assert with_people(clicked, subject="biggest").associate.click == ()
    assert with_people(settings) == settings


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: with_people(load_settings(), people="some"), "'some' is no choice"),
        (lambda: with_people(load_settings(), subject="tallest"), "'tallest' is no choice"),
        (lambda: parse_click("cam_1,3"), "no click"),
        (lambda: parse_click("cam_1,x,3,4"), "no click"),
        (lambda: with_formats(load_settings(), ("trc", "docx")), "no export format 'docx'"),
        (lambda: with_formats(load_settings(), ("bvh:maya",)), "no preset 'maya'"),
    ],
)
def test_wrong_choices_are_explained(make: object, complaint: str) -> None:
    with pytest.raises(ExplainedError, match=complaint):
        make()  # type: ignore[operator]
