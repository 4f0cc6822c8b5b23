"""The queue of long jobs: one runs, the others wait; progress, time left, log, stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from mocap.core.events import Subscribers
from mocap.core.progress import CancelToken, Progress
from mocap.gui.presenters.changes import Changes
from mocap.gui.presenters.words import Trouble, duration

# Stages of a job in order: what each is called, and its usual share of the time.
Stages = Mapping[str, tuple[str, float]]
State = Literal["waiting", "running", "stopping", "done", "stopped", "failed"]

# Before this share of the work an estimate of the rest says nothing.
LEAST_SHARE = 0.02
# Lines of a log that are kept; a job writes about a dozen.
LOG_LINES = 500


@dataclass(frozen=True)
class Step:
    """``done`` of ``total`` steps of a stage are finished."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class Said:
    """Something for the log."""

    text: str


@dataclass(frozen=True)
class Preview:
    """Something that the page of this kind of job shows while it works: plain data."""

    content: object


@dataclass(frozen=True)
class Finished:
    """The job is done.

    Attributes
    ----------
    result : Path or None
        What it made.
    reused : bool
        Whether that was there before.
    opens : str
        Name of the page that shows the result.
    """

    result: Path | None
    reused: bool = False
    warnings: tuple[str, ...] = ()
    opens: str = "review"


@dataclass(frozen=True)
class Stopped:
    """The job stopped because it was asked to."""


@dataclass(frozen=True)
class Failed:
    """The job could not be done."""

    trouble: Trouble


Message = Step | Said | Preview | Finished | Stopped | Failed
Tell = Callable[[Message], None]


def steps(tell: Tell) -> Progress:
    """Progress of a pipeline, told as steps."""
    return lambda stage, done, total: tell(Step(stage, done, total))


class JobRequest(Protocol):
    """A long job: plain data that another process can take, and that knows how to do itself."""

    @property
    def title(self) -> str:
        """What it is called in the list of jobs."""
        ...

    @property
    def stages(self) -> Stages:
        """Its stages in order."""
        ...

    def run(self, tell: Tell, cancel: CancelToken) -> Finished:
        """Do it, in whatever process; say how it goes.

        Raises
        ------
        CancelledError
            If it was asked to stop.
        ExplainedError
            If it cannot be done.
        """
        ...


class JobHandle(Protocol):
    """A job that runs elsewhere."""

    def poll(self) -> tuple[Message, ...]:
        """Return what it said since the last time; never waits."""
        ...

    def cancel(self) -> None:
        """Ask it to stop at the next safe point."""
        ...


class JobRunner(Protocol):
    """Starts jobs."""

    def start(self, request: JobRequest) -> JobHandle:
        """Start one; never waits."""
        ...


@dataclass(frozen=True)
class Job:
    """A job as the panel shows it.

    Attributes
    ----------
    share : float
        Of the whole work that is done, 0 to 1.
    seconds : float
        Since it started, s.
    left_s : float
        Estimated rest, s; NaN while nothing can be said.
    """

    id: int
    request: JobRequest
    state: State = "waiting"
    stage: str = ""
    share: float = 0.0
    seconds: float = 0.0
    left_s: float = float("nan")
    log: tuple[str, ...] = ()
    result: Path | None = None
    opens: str = ""
    trouble: Trouble | None = None

    @property
    def stage_title(self) -> str:
        """Name of its stage for people."""
        stages = self.request.stages
        return stages[self.stage][0] if self.stage in stages else self.stage.capitalize()

    @property
    def active(self) -> bool:
        """Whether it waits or works."""
        return self.state in ("waiting", "running", "stopping")


def share_of(step: Step, stages: Stages) -> float:
    """Share of the whole work at a step: stages before it, and its part."""
    if step.stage not in stages:
        return 0.0
    order = list(stages)
    before = sum(stages[name][1] for name in order[: order.index(step.stage)])
    part = step.done / step.total if step.total > 0 else 0.0
    return min(1.0, before + stages[step.stage][1] * part)


class Jobs:
    """The queue. ``tick`` is called by a timer; all state changes there or by the user's orders."""

    def __init__(self, runner: JobRunner, clock: Callable[[], float] = time.monotonic) -> None:
        self.changed, self.over = Changes(), Subscribers[Job]()
        self.previews = Subscribers[tuple[Job, Preview]]()
        self._runner, self._clock = runner, clock
        self._jobs: dict[int, Job] = {}
        self._handle: JobHandle | None = None
        self._current: int | None = None
        self._started = 0.0
        # Share and time of the first step: what was there from a run that was stopped took no time now.
        self._from: tuple[float, float] | None = None

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs, newest first."""
        return tuple(reversed(self._jobs.values()))

    @property
    def active(self) -> tuple[Job, ...]:
        """Jobs that wait or work."""
        return tuple(job for job in self._jobs.values() if job.active)

    def add(self, request: JobRequest) -> int:
        """Put a job in the queue and return its number."""
        number = len(self._jobs) + 1
        self._jobs[number] = Job(number, request)
        self._start_next()
        self.changed.emit()
        return number

    def cancel(self, number: int) -> None:
        """Stop a job: at once if it waits, at its next safe point if it works."""
        job = self._jobs[number]
        if job.state == "waiting":
            self._put(replace(job, state="stopped", log=(*job.log, "Stopped before it began.")))
        elif job.state == "running" and self._handle is not None:
            self._handle.cancel()
            said = "Stopping; what is done so far is kept."
            self._put(replace(job, state="stopping", log=self._logged(job, said)))
        self.changed.emit()

    def tick(self) -> None:
        """Take in what the running job said."""
        if self._handle is None or self._current is None:
            return
        before = self._jobs[self._current]
        for message in self._handle.poll():
            self._take(message)
        job = self._jobs[before.id]
        if job.active:
            self._put(replace(job, seconds=self._clock() - self._started, left_s=self._left(job)))
        else:
            self._handle, self._current = None, None
            self._start_next()
            self.over.emit(job)
        self.changed.emit()

    def _start_next(self) -> None:
        waiting = [job for job in self._jobs.values() if job.state == "waiting"]
        if self._handle is not None or not waiting:
            return
        self._current, self._started, self._from = waiting[0].id, self._clock(), None
        self._handle = self._runner.start(waiting[0].request)
        self._put(replace(waiting[0], state="running", log=("Started.",)))

    def _take(self, message: Message) -> None:
        assert self._current is not None
        job = self._jobs[self._current]
        if isinstance(message, Step):
            share = max(job.share, share_of(message, job.request.stages))
            if self._from is None:
                self._from = (share, self._clock())
            new, job = message.stage != job.stage, replace(job, stage=message.stage, share=share)
            self._put(replace(job, log=self._logged(job, f"{job.stage_title}.")) if new else job)
        elif isinstance(message, Said):
            self._put(replace(job, log=self._logged(job, message.text)))
        elif isinstance(message, Preview):
            self.previews.emit((job, message))
        elif isinstance(message, Finished):
            said = "This was done before, with the same settings." if message.reused else "Finished."
            log = (*job.log, *(f"Note: {text}" for text in message.warnings))
            done = replace(job, state="done", share=1.0, result=message.result, opens=message.opens, log=log)
            self._put(replace(done, log=self._logged(done, said)))
        elif isinstance(message, Stopped):
            said = "Stopped. Started again, it goes on where it was."
            self._put(replace(job, state="stopped", log=self._logged(job, said)))
        else:
            trouble = message.trouble
            log = self._logged(job, f"{trouble.what} {trouble.remedy}")
            self._put(replace(job, state="failed", trouble=trouble, log=log))

    def _left(self, job: Job) -> float:
        if self._from is None or job.state != "running":
            return float("nan")
        gained = job.share - self._from[0]
        if gained < LEAST_SHARE:
            return float("nan")
        return (self._clock() - self._from[1]) / gained * (1.0 - job.share)

    def _logged(self, job: Job, text: str) -> tuple[str, ...]:
        return (*job.log, f"{duration(self._clock() - self._started)}  {text}")[-LOG_LINES:]

    def _put(self, job: Job) -> None:
        self._jobs[job.id] = job
