"""A window without a screen, real widgets driven by real events, and a finished run to look at.

Qt's own ``QTest`` drives the widgets: pytest-qt ends every test run where no Qt is installed,
and the app is an extra.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mocap.core.progress import CancelToken
from mocap.gui.jobs.calibrate import CalibrateJob
from mocap.gui.presenters.jobs import JobHandle, JobRequest, Message
from mocap.pipeline.run import ProcessRequest, process
from mocap.pipeline.settings import load_settings
from mocap.studio import sample_dir
from tests.integration.film import KnowingDetector, make_recording, walking

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

FRAMES = 40
PATIENCE_S = 20.0


@dataclass
class FakeHandle:
    """A job whose messages the test writes."""

    request: JobRequest
    said: list[Message] = field(default_factory=list)
    cancelled: bool = False

    def poll(self) -> tuple[Message, ...]:
        said, self.said = tuple(self.said), []
        return said

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class FakeRunner:
    """Starts jobs that do nothing by themselves."""

    started: list[FakeHandle] = field(default_factory=list)

    def start(self, request: JobRequest) -> JobHandle:
        self.started.append(FakeHandle(request))
        return self.started[-1]


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture(scope="session")
def library_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one finished run of a made-up film."""
    base = tmp_path_factory.mktemp("gui")
    rig = make_recording(base / "walk", FRAMES)
    settings = load_settings("fast")
    output = settings.output.model_copy(update={"overlays": False, "formats": ("csv",)})
    detector = KnowingDetector(rig, walking(FRAMES), [])
    request = ProcessRequest(
        base / "walk", settings.model_copy(update={"output": output}), out=base / "data" / "visit"
    )
    process(request, make_detector=detector)
    return base / "data"


@pytest.fixture
def run_folder(library_root: Path) -> Path:
    return next((library_root / "visit" / "trials" / "walk" / "runs").iterdir())


@pytest.fixture(scope="session")
def calibrated_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Message, ...]]:
    """The shipped board film calibrated by the app's job, and what the job said; not to be changed."""
    folder = tmp_path_factory.mktemp("calibrated") / "visit"
    shutil.copytree(sample_dir() / "calibration" / "videos", folder / "calibration" / "videos")
    shutil.copyfile(sample_dir() / "calibration" / "board.toml", folder / "calibration" / "board.toml")
    said: list[Message] = []
    said.append(CalibrateJob("visit", folder).run(said.append, CancelToken()))
    return folder, tuple(said)


@pytest.fixture
def calibrated(calibrated_once: tuple[Path, tuple[Message, ...]], tmp_path: Path) -> Path:
    """The same session, to be changed."""
    return Path(shutil.copytree(calibrated_once[0], tmp_path / "visit"))


@pytest.fixture(scope="session")
def app() -> object:
    """The application object; skips where the extra or a system library is missing."""
    pytest.importorskip("PySide6.QtWidgets", reason="the extra 'gui' is not installed", exc_type=ImportError)
    pytest.importorskip("pyqtgraph", reason="the extra 'gui' is not installed", exc_type=ImportError)
    from mocap.gui.app import make_app

    return make_app()


Wait = Callable[[Callable[[], object]], None]


@pytest.fixture
def wait(app: object) -> Wait:
    """Let the window live until something is so."""

    def until(so: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not so():
            assert time.monotonic() < end, "it did not come about"
            app.processEvents()  # type: ignore[attr-defined]
            time.sleep(0.002)

    return until


@pytest.fixture
def window(app: object, runner: FakeRunner, library_root: Path, tmp_path: Path, wait: Wait) -> Iterator[object]:
    """The window on that data folder, shown and read."""
    from PySide6.QtCore import QSettings

    from mocap.gui.views.main import MainWindow

    settings = QSettings(str(tmp_path / "app.ini"), QSettings.Format.IniFormat)
    made = MainWindow(runner, library_root, settings)
    made.show()
    wait(lambda: made.library.read_once)
    yield made
    made.close_quietly()
    made.hide()
    made.deleteLater()
    app.processEvents()  # type: ignore[attr-defined]
