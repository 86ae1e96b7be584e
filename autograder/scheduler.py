"""Who does the work: processes of this machine (``cluster.py``: a Dask cluster)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from autograder.grade_one import Work, grade_one
from autograder.pool import end, uninterrupted, worker_pool
from autograder.sandbox import remove_leftovers
from autograder.verdict import NEEDS_PERSON, Verdict

AHEAD = 3  # submissions a worker that are on their way: their bytes wait in memory


def graded_locally(
    course: Path, work: list[Work], jobs: int, load: Callable[[Work], Work]
) -> Iterator[tuple[Work, Verdict]]:
    """Verdicts as they are ready; ``load`` reads what is planned, when its turn comes.

    A worker that dies costs a second try, one by one.
    """
    remove_leftovers()
    unfinished = []
    for item, verdict in _graded_in_pool(course, work, jobs, load):
        if verdict is None:
            unfinished.append(item)
        else:
            yield item, verdict
    for item in unfinished:  # find out with whom it died
        ((_, verdict),) = _graded_in_pool(course, [item], 1, load)
        cause = "it ended the process that graded it, twice"
        failed = Verdict(item.student, item.chapter, NEEDS_PERSON, cause, sandbox=item.sandbox)
        yield item, verdict or failed


def _graded_in_pool(
    course: Path, work: list[Work], jobs: int, load: Callable[[Work], Work]
) -> Iterator[tuple[Work, Verdict | None]]:
    """Each submission with its verdict, as they are ready; None for those a dead worker took along.

    A pool of which one worker has died takes no more work: a new one goes on with the rest.
    """
    waiting = deque(work)
    while waiting:
        pool = worker_pool(min(jobs, len(waiting)))
        try:
            yield from _until_it_breaks(pool, AHEAD * jobs, course, waiting, load)
            pool.shutdown()
        except BaseException:  # stopped: nobody waits for what is under way
            end(pool)
            raise
        finally:
            remove_leftovers()


def _until_it_breaks(
    pool: ProcessPoolExecutor,
    places: int,
    course: Path,
    waiting: deque[Work],
    load: Callable[[Work], Work],
) -> Iterator[tuple[Work, Verdict | None]]:
    """Let a pool work until nothing waits, or one of its workers has died."""
    running: dict[Future, Work] = {}
    broken = False
    while running or (waiting and not broken):
        while waiting and len(running) < places and not broken:
            try:
                with uninterrupted():  # it may start a process
                    future = pool.submit(grade_one, course, load(waiting[0]))
                running[future] = waiting.popleft()
            except BrokenProcessPool:
                broken = True
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            item = running.pop(future)
            try:
                verdict = future.result()
            except BrokenProcessPool:
                verdict, broken = None, True
            except Exception:  # a verdict that could not be sent
                verdict = None
            yield item, verdict
