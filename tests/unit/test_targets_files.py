"""Board files, presets, and boards on paper."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from calibration.errors import CalibrationError
from calibration.targets import AnyTarget, ArucoMarker, CharucoBoard, Checkerboard, read_target, write_target
from calibration.targets.drawing import PAPERS, pages, to_pdf, to_picture, to_png, to_svg
from mocap.cli.board import app
from mocap.presets import preset_names, preset_path

ROOT = Path(__file__).resolve().parents[2]
DPI = 100.0

TARGETS: list[AnyTarget] = [
    CharucoBoard(5, 7, 0.03, 0.022, "DICT_5X5_50"),
    CharucoBoard(4, 6, 0.03, 0.024, "DICT_4X4_50", legacy=True, inverted=True),
    Checkerboard(6, 5, 0.025),
    ArucoMarker(7, 0.12, "DICT_6X6_250"),
]


@pytest.mark.parametrize("target", TARGETS)
def test_a_board_file_holds_its_target(target: AnyTarget, tmp_path: Path) -> None:
    write_target(target, tmp_path / "board.toml")
    assert read_target(tmp_path / "board.toml") == target


def test_the_boards_of_others_are_read(shared_data: Path) -> None:
    board = read_target(shared_data / "caliscope" / "charuco_calibration" / "charuco.toml")
    assert board == CharucoBoard(4, 5, 0.054, 0.0405, "DICT_4X4_1000", inverted=True)


def test_the_board_of_the_shipped_film_is_read() -> None:
    board = read_target(ROOT / "mocap" / "studio" / "sample" / "calibration" / "board.toml")
    assert board == CharucoBoard(4, 6, 0.145, 0.116, "DICT_4X4_100")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind = ", "not valid TOML"),
        ("squares = [4, 5]", "does not say what kind"),
        ('kind = "chess"', "'chess'"),
        ('kind = "charuco"\nsquares = [4]', "squares"),
        ('kind = "charuco"\nsquares = [4, 5]', "'square_m' is missing"),
        ('kind = "checkerboard"\ncorners = [6, 5]\nsquare_m = "a"', "'square_m' is 'a'"),
        ('kind = "checkerboard"\ncorners = [6, 5]\nsquare_m = -1', "-1 m"),
        ('kind = "checkerboard"\ncorners = [6, 5]\nsquare_m = 0.02\nsqaure = 1', "Unknown key 'sqaure'"),
        ('kind = "marker"\nid = 99\nside_m = 0.1\ndictionary = "DICT_4X4_50"', "no marker 99"),
    ],
)
def test_a_bad_board_file_is_explained(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    path.write_text(text)
    with pytest.raises(CalibrationError, match=re.escape(words)) as caught:
        read_target(path)
    assert caught.value.path == path
    assert caught.value.remedy


@pytest.mark.parametrize("name", preset_names("boards"))
def test_presets_are_boards_that_fit_their_paper(name: str) -> None:
    target = read_target(preset_path("boards", name))
    paper = {"a3": "A3", "large": "A0"}.get(name, "A4")
    assert pages(target, paper)
    assert not (isinstance(target, Checkerboard) and target.symmetric)


def place_on_page(target: AnyTarget, picture: np.ndarray) -> np.ndarray:
    """Corners (K, 2) of the target on a drawn page, mm."""
    found = target.detect(cv2.GaussianBlur(picture, (0, 0), 1.0))
    assert found.corners == len(target.points)
    return (found.xy + 0.5) / DPI * 25.4


@pytest.mark.parametrize("target", TARGETS)
def test_the_drawing_is_true_to_scale(target: AnyTarget) -> None:
    at = place_on_page(target, to_picture(pages(target, "A4")[0], DPI))
    offset = at - 1000.0 * target.points[:, :2]
    assert np.abs(offset - offset.mean(axis=0)).max() < 0.05  # mm


def test_the_back_puts_corners_on_corners() -> None:
    target = TARGETS[0]
    front, back = pages(target, "A4", both_sides=True)
    on_front = place_on_page(target, to_picture(front, DPI))
    picture = to_picture(back, DPI)
    assert target.detect(picture).mirrored
    on_back = place_on_page(target, picture)
    assert (
        np.abs(on_back[:, 0] - (PAPERS["A4"][0] - on_front[:, 0])).max() < 0.1
    )  # mm: turned like a page of a book
    assert np.abs(on_back[:, 1] - on_front[:, 1]).max() < 0.1


def test_the_ruler_measures_what_it_says() -> None:
    page = pages(TARGETS[0], "A4")[0]
    ruler = page.layers[-1][1]
    ticks = sorted(x + w / 2 for x, _, w, h in ruler if h > w)
    assert ticks[-1] - ticks[0] == pytest.approx(100.0)
    assert any("100 mm" in words for _, _, words in page.texts)


def test_the_pdf_has_the_size_of_the_paper_and_every_rectangle() -> None:
    page = pages(TARGETS[0], "A4")[0]
    text = to_pdf((page,)).decode("latin-1")
    media = re.search(r"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", text)
    assert media
    assert [float(value) * 25.4 / 72 for value in media.groups()] == pytest.approx([210.0, 297.0], abs=0.01)
    drawn = (
        np.array([line.split()[:4] for line in text.splitlines() if line.endswith(" re")], dtype=float) / 72 * 25.4
    )
    wanted = np.array([shape for _, shapes in page.layers for shape in shapes])
    assert np.abs(drawn[:, [0, 2, 3]] - wanted[:, [0, 2, 3]]).max() < 1e-3
    assert np.abs(297.0 - drawn[:, 1] - drawn[:, 3] - wanted[:, 1]).max() < 1e-3
    # Readers find the objects by their offsets.
    start = int(re.search(r"startxref\n(\d+)", text).group(1))  # type: ignore[union-attr]
    assert text[start : start + 4] == "xref"
    for number, offset in enumerate(re.findall(r"(\d{10}) 00000 n", text), start=1):
        assert text[int(offset) :].startswith(f"{number} 0 obj")


def test_the_svg_is_in_millimetres() -> None:
    svg = to_svg(pages(TARGETS[2], "letter")[0])
    assert 'width="279.4mm" height="215.9mm"' in svg or 'width="215.9mm" height="279.4mm"' in svg
    assert svg.count("h25.0000v25.0000") == 21  # black squares of 7 x 6


def test_the_png_knows_its_resolution() -> None:
    data = to_png(pages(TARGETS[0], "A4")[0], 150.0)
    at = data.index(b"pHYs")
    assert struct.unpack(">IIB", data[at + 4 : at + 13]) == (5906, 5906, 1)
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE).shape == (1754, 1240)


def test_a_board_that_does_not_fit_says_what_would() -> None:
    with pytest.raises(CalibrationError, match="too large for A4") as caught:
        pages(CharucoBoard(5, 7, 0.06, 0.045, "DICT_5X5_50"), "A4")
    largest = float(re.search(r"([\d.]+) mm", caught.value.remedy).group(1)) / 1000  # type: ignore[union-attr]
    assert pages(CharucoBoard(5, 7, largest, 0.7 * largest, "DICT_5X5_50"), "A4")


def test_commands_make_and_identify_a_board(tmp_path: Path) -> None:
    run = CliRunner()
    options = ["make", "--squares", "4x5", "--square-mm", "40", "--dictionary", "DICT_4X4_50", "--dpi", "80"]
    made = run.invoke(app, [*options, "-o", str(tmp_path / "b.png"), "--json"])
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["squares"] == [4, 5]
    expected = CharucoBoard(4, 5, 0.04, 0.03, "DICT_4X4_50")
    assert read_target(tmp_path / "b.toml") == expected
    seen = run.invoke(app, ["identify", str(tmp_path / "b.png"), "--square-mm", "40", "--json"])
    assert seen.exit_code == 0, seen.output
    table = json.loads(seen.stdout)
    assert (table["squares"], table["dictionary"], table["scale_known"]) == ([4, 5], "DICT_4X4_50", True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["make", "--squares", "4by5", "--square-mm", "40", "-o", "b.pdf"], "'4by5' is not a number of squares"),
        (["make", "--squares", "4x5", "-o", "b.pdf"], "size is missing"),
        (["make", "-o", "b.docx"], "'.docx'"),
        (["make", "-o", "b.svg", "--both-sides"], "Only a PDF"),
        (["make", "--preset", "large", "-o", "b.pdf"], "too large for A4"),
        (["show", "nosuch"], "no preset 'nosuch'"),
    ],
)
def test_commands_explain_what_they_cannot_do(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 1
    assert words in json.loads(done.stdout)["error"]["what"]
    assert not list(tmp_path.iterdir())


def test_commands_list_the_boards() -> None:
    listed = CliRunner().invoke(app, ["list", "--json"])
    assert set(json.loads(listed.stdout)["boards"]) == set(preset_names("boards"))
