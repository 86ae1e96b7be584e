"""Who does the work: processes of this machine (``cluster.py``: a Dask cluster)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
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
    """Each submission with its verdict, as they are ready; None where the pool broke before."""
    if not work:
        return
    jobs = min(jobs, len(work))
    pool = worker_pool(jobs)
    waiting = iter(work)
    running: dict[Future, Work] = {}
    try:
        while True:
            while len(running) < AHEAD * jobs and (item := next(waiting, None)) is not None:
                try:
                    with uninterrupted():  # it may start a process
                        running[pool.submit(grade_one, course, load(item))] = item
                except RuntimeError:  # broken: no more work is taken
                    yield item, None
            if not running:
                pool.shutdown()
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                item = running.pop(future)
                try:
                    verdict = future.result()
                except Exception:  # BrokenProcessPool, or a verdict that could not be sent
                    verdict = None
                yield item, verdict
    except BaseException:  # stopped: nobody waits for what is under way
        end(pool)
        raise
    finally:
        remove_leftovers()
