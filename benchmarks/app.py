"""How quick the app starts: from an interpreter without modules to a window whose library is read.

python -m benchmarks.app    # a window under Xvfb or on a screen, else offscreen; the rest: benchmarks.review
"""

from __future__ import annotations

import subprocess
import sys
import time

START = (
    "import time, os; t = time.perf_counter(); from mocap.gui.app import make_app; a = make_app(); "
    "from mocap.gui.views.main import MainWindow; from mocap.gui.worker import ProcessRunner; "
    "w = MainWindow(ProcessRunner()); w.show(); a.processEvents()\n"
    "while not w.library.read_once: a.processEvents()\n"
    "a.processEvents(); print(time.perf_counter() - t, time.process_time()); os._exit(0)"
)


def cold_start(times: int = 3) -> None:
    """Time from an interpreter without modules to a window whose library is read."""
    for _ in range(times):
        begun = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True)
        inner, cpu = done.stdout.split()
        whole = time.perf_counter() - begun
        print(f"cold start {whole:.2f} s wall with Python's own ({float(inner):.2f}), {float(cpu):.2f} s CPU")


if __name__ == "__main__":
    cold_start()
