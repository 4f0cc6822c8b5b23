"""How quick a correction is: from a joint that is dragged to new points, poses and angles, and to all of it drawn.

python -m benchmarks.correct RUN        # folder of a finished run of several cameras
python -m benchmarks.correct --truth    # how much one corrected instant mends, against known truth

Wall time and the processor's are stated beside each other: on a machine that others use, the latter counts.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from mocap.gui.presenters.correct.solve import open_corrections, solve_all
from mocap.gui.presenters.review.review import Review, open_review
from mocap.pipeline.edits.files import working_file
from mocap.pipeline.edits.kinds import Edits, MaskCamera, MovePoint, SwapSides
from mocap.session import RunFolder

DRAGS = 60


def figures(name: str, wall: list[float], own: list[float]) -> None:
    """Print percentiles, ms."""
    of = [1000 * np.percentile(times, share) for times in (wall, own) for share in (50, 95)]
    print(f"{name}: wall p50 {of[0]:.0f} p95 {of[1]:.0f} ms, processor p50 {of[2]:.0f} p95 {of[3]:.0f} ms")


def moved(review: Review, instant: int, camera: int, keypoint: int, by_px: float) -> MovePoint:
    """A keypoint moved to the side."""
    x, y = review.tracks.xy[instant, camera, 0, keypoint].tolist()
    return MovePoint(
        camera=review.rig.names[camera],
        instant=instant,
        person=int(review.tracks.person_ids[0]),
        keypoint=review.tracks.skeleton.keypoints[keypoint],
        x=x + by_px,
        y=y,
        sigma_px=3.0,
    )


def solving(review: Review) -> None:
    """Solve single drags, and corrections over a range, without a window."""
    begun = time.perf_counter()
    prepared = open_corrections(review).prepared
    print(f"made ready in {time.perf_counter() - begun:.2f} s, {len(review.take.t_s)} instants")
    rng = np.random.default_rng(3)
    core = review.tracks.skeleton.core_index
    wall, own = [], []
    while len(wall) < DRAGS:
        at = (
            int(rng.integers(len(review.take.t_s))),
            int(rng.integers(len(review.rig.cameras))),
            int(rng.choice(core)),
        )
        if not np.isfinite(review.tracks.xy[at[0], at[1], 0, at[2]]).all():
            continue
        edits: Edits = (moved(review, *at, float(rng.uniform(5, 60))),)
        begun, busy = time.perf_counter(), time.process_time()
        solve_all(prepared, edits, {})
        wall.append(time.perf_counter() - begun)
        own.append(time.process_time() - busy)
    figures(f"{DRAGS} drags -> points, poses, angles", wall, own)
    middle, name = len(review.take.t_s) // 2, review.rig.names[0]
    person, last = int(review.tracks.person_ids[0]), min(len(review.take.t_s) - 1, middle + 29)
    for what, edit in (
        ("30 instants of swapped sides", SwapSides(person=person, cameras=(name,), first=middle, last=last)),
        ("30 instants without a camera", MaskCamera(camera=name, first=middle, last=last)),
    ):
        wall, own = [], []
        for _ in range(10):
            begun, busy = time.perf_counter(), time.process_time()
            solve_all(prepared, (edit,), {})
            wall.append(time.perf_counter() - begun)
            own.append(time.process_time() - busy)
        figures(what, wall, own)


def in_the_window(run: Path) -> None:
    """Drag a joint in a real window: from the mouse to everything drawn."""
    from PySide6.QtCore import QPoint, QSettings, Qt
    from PySide6.QtTest import QTest

    from mocap.gui.app import make_app
    from mocap.gui.views.main import MainWindow
    from mocap.gui.worker import ProcessRunner

    app = make_app()
    with tempfile.TemporaryDirectory() as folder:
        settings = QSettings(str(Path(folder) / "app.ini"), QSettings.Format.IniFormat)
        window = MainWindow(ProcessRunner(), run.parents[4], settings)
        window.resize(1280, 800)
        window.show()
        window.open_run(run)
        page = window.shown
        while page.review is None:
            app.processEvents()
        instant = len(page.review.take.t_s) // 2
        page.set_head(page.head.seek(instant))
        page.act("tool move")
        now = page.correct.correcting
        views = [view for view in page.videos.views if view.isVisible()]
        while not now.ready or not page.store.filled or any(view.drawn_instant != instant for view in views):
            app.processEvents()
            time.sleep(0.001)
        view = page.videos.views[1]
        keypoint = int(page.review.tracks.skeleton.index("left_knee")[0])
        start = page.review.tracks.xy[instant, 1, 0, keypoint].copy()

        def at(xy: np.ndarray) -> QPoint:
            x, y = view.port.to_widget(xy).tolist()
            return QPoint(round(x), round(y))

        QTest.mousePress(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at(start))
        wall, own = [], []
        scale = view.port.scale
        for step in range(DRAGS):
            begun, busy = time.perf_counter(), time.process_time()
            # The move is solved from this call on.
            QTest.mouseMove(view, at(start + np.array([2.0 * (1 + step % 20), step % 3]) / scale))
            while now.busy:
                app.processEvents()
                time.sleep(0.002)
            app.processEvents()
            wall.append(time.perf_counter() - begun)
            own.append(time.process_time() - busy)
        now.held = None
        page.correct.correcting.hold(None)
        figures(f"{DRAGS} drags -> all of it drawn, {app.platformName()}", wall, own)
        window.close_quietly()
        window.hide()
    shutil.rmtree(working_file(RunFolder(run)).parent, ignore_errors=True)


def against_truth() -> None:
    """A walker's knee that three of four cameras misread by 150 mm for 0.17 s: what corrections make of it."""
    from mocap.pipeline.run import ProcessRequest, process
    from mocap.pipeline.settings import load_settings
    from tests.gui.test_gui_correcting import FRAMES, INSTANT, KNEE, WRONG, KnowingDetector, MisreadingDetector
    from tests.integration.film import make_recording, walking

    settings = load_settings("fast")
    output = settings.output.model_copy(update={"overlays": False, "formats": ()})
    settings = settings.model_copy(update={"output": output})
    truth = walking(FRAMES)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        rig = make_recording(base / "walk", FRAMES)
        request = ProcessRequest(base / "walk", settings, out=base / "session")
        wrong = open_review(
            process(request, make_detector=MisreadingDetector(rig, truth, [], noise_px=0.4)).folder
        )
        right = open_review(
            process(request, make_detector=KnowingDetector(rig, truth, [], noise_px=0.4, identity="right")).folder
        )
        prepared = open_corrections(wrong).prepared
        hip = wrong.take.angles.names.index("left_hip_rotation")
        wanted, rows = np.degrees(right.take.angles.value[:, 0, hip]), list(WRONG)

        def told(name: str, xyz: np.ndarray, angle: np.ndarray) -> None:
            off = 1000 * np.linalg.norm(xyz[rows, 0, KNEE] - truth[rows, KNEE], axis=-1)
            turned = np.abs(np.degrees(angle[rows, 0, hip]) - wanted[rows])
            print(f"{name}: knee {off.max():.0f} mm at most, hip rotation {turned.max():.1f} degrees at most")

        told("as it was", wrong.measured.xyz, wrong.take.angles.value)
        for views, instants in (((0,), (INSTANT,)), ((0, 1), (INSTANT,)), ((0, 1), tuple(rows))):
            edits: Edits = tuple(
                MovePoint(
                    camera=rig.names[c],
                    instant=t,
                    person=int(wrong.tracks.person_ids[0]),
                    keypoint="left_knee",
                    x=float(rig.cameras[c].project(truth[t, KNEE])[0][0]),
                    y=float(rig.cameras[c].project(truth[t, KNEE])[0][1]),
                    sigma_px=3.0,
                )
                for t in instants
                for c in views
            )
            xyz, angle = wrong.measured.xyz.copy(), wrong.take.angles.value.copy()
            for patch in solve_all(prepared, edits, {}).values():
                xyz[patch.rows], angle[patch.rows] = patch.measured.xyz, patch.angles.value
            told(f"put right in {len(views)} view(s) at {len(instants)} of {len(rows)} instants", xyz, angle)


def main() -> None:
    """Measure."""
    if sys.argv[1:] == ["--truth"]:
        against_truth()
        return
    run = Path(sys.argv[1])
    solving(open_review(run))
    in_the_window(run)


if __name__ == "__main__":
    main()
