"""Weights without a published hash, weights of a lab's own, and files that could run a program."""

import io
import pickle
import zipfile
from pathlib import Path
from typing import IO, Any

import pytest

from mocap.core.errors import ModelError
from mocap.detect import weights
from mocap.detect.sources import Clients
from mocap.detect.weightfile import check_weights

ONNX = b"\x08\x08\x12\x04test" + bytes(500)
OTHER = b"\x08\x08\x12\x04else" + bytes(500)
CARD = """
name = "mine"
version = "1"
task = "landmarks"
skeleton = "coco17"
keypoints = 17
licence = "MIT"
file = "mine.onnx"
sha256 = "{sha256}"
[input]
size_px = 192
[decoder]
kind = "simcc"
outputs = {{ x = "x", y = "y" }}
[[sources]]
kind = "url"
url = "https://example.org/mine"
{member}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setenv(weights.DIR_VARIABLE, str(folder))
    return folder


def card(cache: Path, sha256: str = "first_use", member: str = "") -> Path:
    path = cache / "cards" / "mine.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CARD.format(sha256=sha256, member=member), encoding="utf-8")
    return path


def serving(content: bytes) -> Clients:
    def open_url(url: str) -> IO[bytes]:
        return io.BytesIO(content)

    return Clients(open_url=open_url)


def zipped(**members: bytes) -> bytes:
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w") as pack:
        for name, content in members.items():
            pack.writestr(name.replace("__", "/").replace("_onnx", ".onnx"), content)
    return box.getvalue()


def test_the_first_file_is_trusted_noted_and_binding(cache: Path) -> None:
    card(cache)
    assert {s.card.name: s.state for s in weights.status()}["mine"] == "missing"
    known, path = weights.ensure("mine", clients=serving(ONNX))
    assert path.read_bytes() == ONNX
    assert len(known.sha256) == 64
    (found,) = [s for s in weights.verify() if s.card.name == "mine"]
    assert (found.state, found.on_trust, found.card.sha256) == ("ready", True, known.sha256)

    # Somebody puts another file at the address: it is refused, though the first is gone.
    path.unlink()
    with pytest.raises(ModelError, match="sha256 expected"):
        weights.ensure("mine", clients=serving(OTHER))
    assert weights.ensure("mine", clients=serving(ONNX))[1].read_bytes() == ONNX


def test_a_changed_file_in_the_cache_is_noticed(cache: Path) -> None:
    card(cache)
    _, path = weights.ensure("mine", clients=serving(ONNX))
    path.write_bytes(ONNX[:-1] + b"X")
    assert {s.card.name: s.state for s in weights.verify()}["mine"] == "damaged"
    assert weights.ensure("mine", clients=serving(ONNX))[1].read_bytes() == ONNX


def test_who_uses_it_is_told_that_it_was_taken_on_trust(cache: Path) -> None:
    card(cache)
    (warning,) = weights.choose(("mine",), clients=serving(ONNX)).warnings
    assert "taken on trust" in warning
    assert "https://example.org/mine" in warning


def test_a_damaged_note_is_told(cache: Path) -> None:
    card(cache)
    weights.ensure("mine", clients=serving(ONNX))
    (cache / "first_use" / "mine-1.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match="damaged"):
        weights.ensure("mine", clients=serving(ONNX))


def test_a_member_of_an_archive_at_an_address(cache: Path) -> None:
    card(cache, member='member = "*end2end.onnx"')
    content = zipped(export__end2end_onnx=ONNX, export__detail_json=b"{}")
    assert weights.ensure("mine", clients=serving(content))[1].read_bytes() == ONNX


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (zipped(a__end2end_onnx=ONNX, b__end2end_onnx=ONNX), "holds 2 files"),
        (zipped(a__readme=b"x"), "holds 0 files"),
        (b"<html>no</html>", "damaged"),
    ],
)
def test_an_archive_that_leaves_a_choice_is_refused(cache: Path, content: bytes, reason: str) -> None:
    card(cache, member='member = "*end2end.onnx"')
    with pytest.raises(ModelError, match=reason):
        weights.ensure("mine", clients=serving(content))


@pytest.mark.parametrize(
    ("content", "reason"), [(pickle.dumps({"w": 1}), "pickled"), (b"<!DOCTYPE html>", "web page"), (b"", "empty")]
)
def test_what_is_no_network_is_never_trusted(cache: Path, content: bytes, reason: str) -> None:
    card(cache)
    with pytest.raises(ModelError, match=reason):
        weights.ensure("mine", clients=serving(content))
    assert not (cache / "first_use").exists()


def test_weights_with_their_card_are_added_at_once(cache: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(CARD.format(sha256="first_use", member=""), encoding="utf-8")
    file = tmp_path / "whatever.onnx"
    file.write_bytes(ONNX)
    assert weights.add(file, own).state == "ready"
    assert weights.ensure("mine", clients=serving(b""))[1].read_bytes() == ONNX
    # The same name and version is the same file from then on.
    file.write_bytes(OTHER)
    with pytest.raises(ModelError, match="not the weights of 'mine'"):
        weights.add(file, own)


def test_a_known_card_without_a_hash_knows_its_first_file_by_name(cache: Path, tmp_path: Path) -> None:
    card(cache)
    file = tmp_path / "mine.onnx"
    file.write_bytes(ONNX)
    added = weights.add(file)
    assert (added.state, added.on_trust) == ("ready", True)
    file.write_bytes(OTHER)
    with pytest.raises(ModelError, match="No known model"):
        weights.add(file)


def test_weights_that_are_not_the_cards_are_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(CARD.format(sha256="0" * 64, member=""), encoding="utf-8")
    file = tmp_path / "whatever.onnx"
    file.write_bytes(ONNX)
    with pytest.raises(ModelError, match="sha256 expected"):
        weights.add(file, own)
    with pytest.raises(ModelError, match="so is the other"):
        weights.add(own, own)
    lite = tmp_path / "net.tflite"
    lite.write_bytes(b"\0\0\0\0TFL3" + bytes(50))
    with pytest.raises(ModelError, match=r"of a \.onnx file"):
        weights.add(lite, own)


def bad_torch() -> bytes:
    """A checkpoint as torch.save writes it."""
    return zipped(net__data_pkl=b"\x80\x02}.", net__version=b"3")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("net.pkl", b"\x80\x04", "a pickle"),
        ("net.pth", pickle.dumps([1]), "pickled checkpoint"),
        ("net.pt", bad_torch(), "pickled checkpoint"),
        ("net.onnx", pickle.dumps([1]), "pickled checkpoint"),
        ("net.onnx", bad_torch(), "an archive"),
        ("net.pt", b"nothing", "not a TorchScript"),
        ("net.tflite", b"nothing at all", "not a LiteRT"),
        ("net.h5", b"\x89HDF", "Keras"),
        ("net.exe", b"MZ", "no kind of network"),
    ],
)
def test_files_that_could_run_a_program_are_refused_with_the_reason(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(ModelError, match=reason):
        weights.add(file)


def test_torchscript_is_let_through(tmp_path: Path) -> None:
    torch: Any = pytest.importorskip("torch")
    path = tmp_path / "net.pt"
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w") as pack:
        pack.writestr("net/code/__torch__.py", "")
        pack.writestr("net/constants.pkl", b"")
    path.write_bytes(box.getvalue())
    check_weights(path)
    torch.save({"w": torch.zeros(2)}, tmp_path / "saved.pt")
    with pytest.raises(ModelError, match="pickled checkpoint"):
        check_weights(tmp_path / "saved.pt")
