"""Find keypoints with mediapipe's `Pose`, one process per video; runs in an environment that has it.

    PYTHON mediapipe_run.py OUT.npz COMPLEXITY VIDEO [VIDEO ...]

COMPLEXITY is 1 (full, which its wheel carries) or 2 (heavy, copied into its modules folder beforehand). OUT
receives ``xy`` (C, T, 33, 2), px with pixel centres at integers, NaN where nobody was found, ``score``
(C, T, 33), and the seconds from the moment when every process has its network ready and its video open until
the last is done (``wall_s``), and of processor time that this took (``cpu_s``). Facts from mediapipe 0.10.21.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from multiprocessing.synchronize import Barrier

import cv2
import numpy as np
from mediapipe.python.solutions.pose import Pose

LANDMARKS = 33


def follow(video: str, complexity: int, ready: Barrier, answers: multiprocessing.Queue) -> None:
    """Go through one video as mediapipe's guide does."""
    capture = cv2.VideoCapture(video)
    with Pose(model_complexity=complexity) as pose:
        pose.process(np.zeros((256, 256, 3), dtype=np.uint8))
        ready.wait()
        begun, cpu = time.perf_counter(), time.process_time()
        found = []
        while True:
            good, image = capture.read()
            if not good:
                break
            landmarks = pose.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).pose_landmarks
            rows = np.full((LANDMARKS, 3), np.nan)
            if landmarks is not None:
                rows = np.array([[p.x, p.y, p.visibility] for p in landmarks.landmark])
                rows[:, :2] = rows[:, :2] * [image.shape[1], image.shape[0]] - 0.5
            found.append(rows)
        ended = time.perf_counter()
        answers.put((video, begun, ended, time.process_time() - cpu, np.stack(found)))


def main() -> None:
    """Run all videos at once and store what was found."""
    target, complexity, videos = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    context = multiprocessing.get_context("spawn")
    ready, answers = context.Barrier(len(videos)), context.Queue()
    workers = [context.Process(target=follow, args=(v, complexity, ready, answers)) for v in videos]
    for worker in workers:
        worker.start()
    got = {answer[0]: answer for answer in (answers.get() for _ in videos)}
    for worker in workers:
        worker.join()
    length = min(got[v][4].shape[0] for v in videos)
    rows = np.stack([got[v][4][:length] for v in videos])
    np.savez(
        target,
        xy=rows[..., :2],
        score=rows[..., 2],
        wall_s=max(a[2] for a in got.values()) - min(a[1] for a in got.values()),
        cpu_s=sum(a[3] for a in got.values()),
        frames=sum(got[v][4].shape[0] for v in videos),
    )


if __name__ == "__main__":
    main()
