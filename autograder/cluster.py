"""The same work on a Dask cluster: ``--scheduler tcp://host:port``.

Dask finds a worker for each submission and another one when a worker is lost; here is only what it
cannot know. A worker has the course (at the same path, or where its ``GRADUS_COURSE`` says), the
same version of it and of the grader, and a sandbox; each task looks again, for workers come and go.
Nothing is recorded there: verdicts travel back, and the process that asked writes them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat

from autograder.chapter import CourseError
from autograder.grade_one import Work, desk, grade_one
from autograder.resume import digest, grader_digest
from autograder.sandbox import NONE, why_not
from autograder.scheduler import AHEAD
from autograder.verdict import NEEDS_PERSON, Verdict

CONNECT_SECONDS = 15  # until a scheduler counts as unreachable
LOOK_SECONDS = 5  # between two looks at whether there are workers left
LONELY_SECONDS = 300  # without any worker before the run gives up: a queue may bring new ones
WHERE = "GRADUS_COURSE"  # on a worker: where the course lies there


class Unfit(CourseError):
    """A worker that would not grade as this machine would."""


def graded_on_cluster(
    address: str, course: Path, work: list[Work], load: Callable[[Work], Work]
) -> Iterator[tuple[Work, Verdict]]:
    """Each submission with its verdict, once, as they are ready; ``load`` reads it when it goes.

    Raises CourseError when the cluster cannot be used, before anything is graded, or when it is
    lost on the way; verdicts that have arrived hold.
    """
    if not work:
        return
    expected = {
        (item.chapter, item.sandbox): facts(course, item.chapter, item.sandbox) for item in work
    }
    with _connected(address) as client:
        _inspect(client, course, expected)
        cluster = _Cluster(client, address)
        waiting, running = iter(work), {}
        try:
            while True:
                while len(running) < AHEAD * cluster.size and (item := next(waiting, None)):
                    wanted = expected[item.chapter, item.sandbox]
                    running[cluster.submit(_grade_there, str(course), load(item), wanted)] = item
                if not running:
                    return
                for future in cluster.finished(list(running)):
                    item = running.pop(future)
                    yield item, cluster.verdict(future, item)
        finally:  # stopped: what waits in the cluster is taken back
            with contextlib.suppress(Exception):
                client.cancel(list(running))


class _Cluster:
    """What is asked of a connected client, with an end to every wait."""

    def __init__(self, client: Any, address: str) -> None:
        self.client, self.address = client, address
        self.size = 1  # workers, at the last look
        self.seen = time.monotonic()  # when there was a worker
        self.look()

    def submit(self, *task: Any) -> Any:
        """A new task; each has its own key, so that a rerun never gets an old result."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of large arguments: they are few
            return self.client.submit(*task, pure=False)

    def finished(self, futures: list[Any]) -> list[Any]:
        """At least one of them, done. Raises CourseError when the cluster is lost."""
        from distributed import CancelledError, wait

        while True:
            try:
                with self.client.as_current():
                    done = wait(futures, LOOK_SECONDS, "FIRST_COMPLETED").done
                self.look()
                return list(done)
            except TimeoutError:
                self.look()
            except CancelledError:
                raise self.lost() from None

    def verdict(self, future: Any, item: Work) -> Verdict:
        """What a finished task found."""
        from distributed import CancelledError, KilledWorker

        while True:
            try:
                return future.result(timeout=LOOK_SECONDS)
            except TimeoutError:  # its worker was lost with the result: Dask grades it again
                self.look()
            except KilledWorker:
                cause = "it ended several workers of the cluster that graded it, one after another"
                break
            except CancelledError:
                raise self.lost() from None
            except Unfit:
                raise
            except Exception as error:
                cause = f"the cluster could not grade it: {type(error).__name__}: {error}"
                break
        return Verdict(item.student, item.chapter, NEEDS_PERSON, cause, sandbox=item.sandbox)

    def look(self) -> None:
        """Count the workers. Raises CourseError when there have been none for long."""
        try:
            workers = len(self.client.nthreads())
        except Exception:  # no answer
            raise self.lost() from None
        now = time.monotonic()
        if workers:
            self.size, self.seen = workers, now
        elif now - self.seen > LONELY_SECONDS:
            raise CourseError(
                f"{self.address} has had no worker for {LONELY_SECONDS} s: start some, and run"
                " this again to go on"
            )

    def lost(self) -> CourseError:
        return CourseError(f"the scheduler {self.address} was lost; run this again to go on")


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    """A client of the scheduler. Raises CourseError where there is none."""
    try:
        from distributed import Client
    except ImportError:
        raise CourseError("--scheduler needs Dask: pip install 'gradus[cluster]'") from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is said in one line
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except Exception as error:  # by kind of address: OSError, ValueError, TypeError, RuntimeError
        line = f"no Dask scheduler answers at {address!r} (like tcp://host:8786): {_line(error)}"
        raise CourseError(line) from None
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):
            client.close(timeout=CONNECT_SECONDS)


def _line(problem: object) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]


def _inspect(client: Any, course: Path, expected: dict[tuple[str, str], dict[str, str]]) -> None:
    """Raises CourseError unless there are workers and every one fits."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError:
        raise CourseError("the cluster has no workers: start some with `dask worker`") from None
    wanted = list(expected.items())
    answers = client.run(_look_there, str(course), wanted, on_error="return")
    for worker, problem in answers.items():
        if isinstance(problem, ModuleNotFoundError):
            problem = f"{problem}: install the course and its requirements there"
        if problem:
            raise Unfit(f"the worker {worker} cannot be used: {_line(problem)}")


def _look_there(course: str, wanted: list[tuple[tuple[str, str], dict[str, str]]]) -> str:
    """On a worker: why it may not grade, in one line; "" when it may."""
    for (chapter, sandbox), here in wanted:
        problem = _unfit(course, chapter, sandbox, tuple(here.items()))
        if problem:
            return problem
    return ""


def _grade_there(course: str, work: Work, wanted: dict[str, str]) -> Verdict:
    """On a worker: the verdict. Raises Unfit if the worker may not grade (it came later)."""
    problem = _unfit(course, work.chapter, work.sandbox, tuple(wanted.items()))
    if problem:
        raise Unfit(f"a worker of the cluster cannot be used: {problem}")
    return grade_one(_course_there(course), work)


def _course_there(course: str) -> Path:
    return Path(os.environ.get(WHERE) or course)


def _unfit(course: str, chapter: str, sandbox: str, wanted: tuple[tuple[str, str], ...]) -> str:
    where = _course_there(course)
    if not (where / "solutions").is_dir():
        return f"there is no course at {where}: put it there, or set {WHERE} on the worker"
    problem = why_not() if sandbox != NONE else ""
    if problem:
        return problem
    try:
        found = facts(where, chapter, sandbox)
    except KeyError:
        return f"{where} has no chapter {chapter}"
    except CourseError as error:
        return str(error)
    for what, value in wanted:
        if found[what] != value:
            return f"{what} is not the same as here: copy the course again and restart the workers"
    return ""


def facts(course: Path, chapter: str, sandbox: str) -> dict[str, str]:
    """What must be equal on two machines for equal marks, by its name. Raises CourseError.

    A chapter is taken as it was when this process first opened it, for so it is graded.
    """
    opened = desk(course, chapter)
    return {
        "the version of Python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "the grader": grader_digest(),
        f"the chapter {chapter}": digest(*opened.digests(sandbox).values()),
        f"the released notebook of {chapter}": digest(nbformat.writes(opened.released)),
    }
