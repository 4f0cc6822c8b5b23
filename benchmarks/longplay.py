"""Playing a trial of ten minutes with plots: memory, instants shown a second, and how long the window is held.

python -m benchmarks.longplay RUN [SECONDS]    # a finished run of a short recording, repeated to ten minutes
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.review import SIZE, make_page

MINUTES = 10
# Small films, so that what is measured is the page and not the decoder.
HEIGHT_PX = 480


def repeated(run: Path, folder: Path):  # type: ignore[no-untyped-def]  # its type is as heavy as itself
    """The run as if it had gone on for ten minutes, with films to match."""
    from mocap.gui.presenters.review.review import open_review

    review = open_review(run)
    take = review.take
    count = len(take.t_s)
    times = -(-round(60 * MINUTES * take.rate_hz) // count)

    def longer(made: object, *names: str) -> object:
        return replace(made, **{n: np.concatenate([getattr(made, n)] * times) for n in names})  # type: ignore[type-var]

    videos = []
    for path in review.videos:
        made = folder / f"{path.stem}.mp4"
        short, ffmpeg = made.with_suffix(".short.mp4"), ["ffmpeg", "-v", "error", "-y"]
        coded = ["-an", "-vf", f"scale=-2:{HEIGHT_PX}", "-c:v", "libx264", "-preset", "veryfast", str(short)]
        subprocess.run([*ffmpeg, "-i", str(path), *coded], check=True)
        looped = ["-stream_loop", str(times - 1), "-i", str(short), "-c", "copy", str(made)]
        subprocess.run([*ffmpeg, *looped], check=True)
        videos.append(made)
    t_s = take.t_s[0] + np.arange(count * times) / take.rate_hz
    frames = [review.sync.frame_index + np.int64(count * n) for n in range(times)]
    sync = replace(
        review.sync, t_s=t_s, frame_index=np.concatenate(frames), lag_s=np.concatenate([review.sync.lag_s] * times)
    )
    points = ("xyz", "cov", "n_views", "reproj_px", "used")
    longer_take = replace(
        take,
        t_s=t_s,
        points=longer(take.points, *points),
        angles=longer(take.angles, "value", "sigma", "rate", "rate_sigma"),
        motion=longer(take.motion, "root_xyz", "rotation", "rotation_cov", "centre_cov"),
        mass_centre=None,
    )
    return replace(
        review,
        take=longer_take,
        tracks=longer(review.tracks, "xy", "sigma_px", "score"),
        measured=longer(review.measured, *points),
        sync=sync,
        videos=tuple(videos),
        pixels=np.concatenate([review.pixels] * times, axis=1),
    )


def resident_mib() -> float:
    """Memory of this process."""
    words = Path("/proc/self/statm").read_text().split()
    return int(words[1]) * 4096 / 2**20


def main(run: Path, seconds: float) -> None:
    """Measure."""
    from mocap.gui.app import SWITCH_S, make_app
    from mocap.gui.housekeeping import Housekeeper

    app = make_app()
    sys.setswitchinterval(SWITCH_S)
    keeper = Housekeeper()
    import mocap.gui.views.review.page as module
    from mocap.gui.watchdog import Watchdog

    with tempfile.TemporaryDirectory() as folder:
        long_review = repeated(run, Path(folder))
        module.open_review = lambda _: long_review  # type: ignore[assignment]
        page = make_page(run)
        page.resize(*SIZE)
        page.show()
        app.processEvents()
        said: list[str] = []
        dog, seen, memory = Watchdog(tell=said.append), set(), []
        page.open_result(run)
        while page.review is None or any(view.drawn_instant != 0 for view in page.videos.views):
            app.processEvents()
        page.act("play")
        begun, cpu = time.perf_counter(), time.process_time()
        while (passed := time.perf_counter() - begun) < seconds:
            app.processEvents()
            seen.add(page.head.instant)
            if passed > len(memory) * seconds / 6:
                memory.append((resident_mib(), page.store.nbytes / 2**20))
            time.sleep(0.001)
        rate = len(seen) / seconds
        print(
            f"{page.head.total_s / 60:.1f} min of {len(page.videos.views)} films, played for {seconds:.0f} s: ",
            end="",
        )
        print(f"{rate:.0f} instants/s, {(time.process_time() - cpu) / seconds:.1f} processors")
        print(
            f"window held at most {1000 * dog.longest_own_s:.0f} ms of its own ({dog.late} times over 50), ",
            end="",
        )
        print(f"{1000 * dog.longest_s:.0f} ms by the clock, the opening of the run among it")
        print("\n".join(said))
        print("memory, MiB, over the time:", ", ".join(f"{m:.0f} ({p:.0f} of it pictures)" for m, p in memory))
        page.leave()
        keeper.leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 60.0)
