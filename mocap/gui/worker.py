"""Jobs in a process of their own: a long solve cannot slow the window, and its end cannot take it along."""

from __future__ import annotations

import multiprocessing
import threading
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event

from mocap.core.errors import CancelledError
from mocap.core.progress import CancelToken
from mocap.gui.presenters.jobs import Failed, Finished, JobHandle, JobRequest, Message, Stopped
from mocap.gui.presenters.words import Trouble, trouble_of

# Messages taken in at one poll: more wait for the next, so that a chatty job does not hold the window.
MOST_AT_ONCE = 200
# After one of these a job says no more.
OVER = (Finished, Stopped, Failed)


def run_job(request: JobRequest, pipe: Connection, stop: Event) -> None:
    """Do a job and tell of it; runs in the worker process."""
    cancel = CancelToken()

    def pass_on() -> None:
        stop.wait()
        cancel.cancel()

    threading.Thread(target=pass_on, daemon=True).start()
    last: Message
    try:
        last = request.run(pipe.send, cancel)
    except CancelledError:
        last = Stopped()
    except Exception as error:  # whatever it is, the window must be told instead of waiting for ever
        last = Failed(trouble_of(error))
    pipe.send(last)
    pipe.close()


class ProcessRunner:
    """Starts each job in a fresh process."""

    def start(self, request: JobRequest) -> JobHandle:
        """Start one."""
        # Fresh, not forked: a copy of a process with threads and a window may hang.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        stop = context.Event()
        process = context.Process(target=run_job, args=(request, theirs, stop), daemon=True, name="mocap job")
        process.start()
        theirs.close()
        return _Running(process, ours, stop)


class _Running:
    """A job in another process."""

    def __init__(self, process: BaseProcess, pipe: Connection, stop: Event) -> None:
        self._process, self._pipe, self._stop = process, pipe, stop
        self._over = False

    def poll(self) -> tuple[Message, ...]:
        """Return what the process said; that it died counts as a message."""
        heard: list[Message] = []
        try:
            while not self._over and len(heard) < MOST_AT_ONCE and self._pipe.poll():
                heard.append(self._pipe.recv())
                self._over = isinstance(heard[-1], OVER)
        except (EOFError, OSError):
            self._over = True
            self._process.join(timeout=1.0)
            heard.append(Failed(_died(self._process.exitcode)))
        return tuple(heard)

    def cancel(self) -> None:
        """Ask it to stop."""
        self._stop.set()


def _died(code: int | None) -> Trouble:
    return Trouble(
        f"The job ended in the middle (code {code}), as when the system runs out of memory.",
        "Close other programs and start it again; it goes on where it was.",
    )
