"""Grade a class: find submissions, grade them in parallel processes, record what comes back.

The workers never write; this process records each verdict as it arrives, so that every submission
ends in a row of the gradebook, a feedback page and a line of the summary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.chapter import Chapter, CourseError, chapters
from autograder.classroom import read_classroom
from autograder.exchange import doubt, for_exchange
from autograder.feedback import write_feedback
from autograder.grade_one import grade_one
from autograder.intake import Refused, Submission, find_submissions, read_bytes, strangers
from autograder.pool import worker_pool
from autograder.record import Book
from autograder.verdict import FAILED, GRADED, NEEDS_PERSON, Verdict


@dataclass
class Report:
    """What a run did: every verdict, and one line for each thing that was left out."""

    verdicts: list[Verdict] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        counted = Counter(verdict.status for verdict in self.verdicts)
        return {status: counted[status] for status in (GRADED, FAILED, NEEDS_PERSON)}

    @property
    def exit_code(self) -> int:
        """0 only if every submission was graded."""
        return 0 if self.counts[GRADED] == len(self.verdicts) else 1

    def summary(self) -> dict[str, Any]:
        """Plain data for ``--json``."""
        return {
            "counts": self.counts,
            "left_out": self.left_out,
            "submissions": [verdict.summary() for verdict in self.verdicts],
        }


def grade(
    root: Path,
    course: Path,
    names: Iterable[str] = (),
    students: Iterable[str] = (),
    jobs: int = 2,
    db_url: str = "",
    progress: Callable[[Verdict, int, int], None] = lambda verdict, done, total: None,
) -> Report:
    """Grade what lies under ``root/submitted`` for the chapters of ``course``.

    ``names``, ``students``: only these (all when empty). Raises CourseError for an unknown chapter
    or student. Everything that can go wrong with one submission is in its verdict.
    """
    known = chapters(course)
    wanted = _wanted(known, names)
    files = {name: chapter.notebook_name for name, chapter in known.items()}
    submissions = [s for s in find_submissions(root, files) if s.chapter in wanted]
    submissions = _of_students(submissions, set(students))
    report = Report(left_out=strangers(root, files))
    classroom = read_classroom(root, known)
    with Book(root, db_url) as book:
        for name in sorted({s.chapter for s in submissions}):
            book.open_chapter(known[name])
        times = book.open_class(classroom, submissions)
        paths = {(s.student, s.chapter): s for s in submissions}
        for verdict in _verdicts(course, submissions, jobs):
            verdict.received = times[verdict.student, verdict.chapter]
            found = paths[verdict.student, verdict.chapter]
            verdict.flags += doubt(classroom.inbound, found)
            _give_back(root, book, verdict, files[verdict.chapter])
            verdict.notebook = None  # recorded: a class of a thousand must not stay in memory
            report.verdicts.append(verdict)
            progress(verdict, len(report.verdicts), len(submissions))
        for_exchange(root, book.verdicts())
    report.verdicts.sort(key=lambda v: (v.chapter, v.student))
    return report


def _give_back(root: Path, book: Book, verdict: Verdict, notebook_name: str) -> None:
    """Feedback, then the gradebook; a page that cannot be made must not stop the class."""
    try:
        write_feedback(root, verdict, notebook_name)
    except Exception as error:
        verdict.status = NEEDS_PERSON
        verdict.cause = f"no feedback page: {type(error).__name__}: {error}"
    try:
        book.record(verdict, notebook_name)
    except Exception as error:
        book.gradebook.db.rollback()
        verdict.status, verdict.marks, verdict.notebook = NEEDS_PERSON, [], None
        verdict.cause = f"it could not be recorded: {type(error).__name__}: {error}"
        book.record(verdict, notebook_name)


def _wanted(known: dict[str, Chapter], names: Iterable[str]) -> set[str]:
    names = set(names)
    unknown = sorted(names - set(known))
    if unknown:
        raise CourseError(f"there is no chapter {unknown[0]!r}; one of {', '.join(known)}")
    return names or set(known)


def _of_students(submissions: list[Submission], students: set[str]) -> list[Submission]:
    missing = sorted(students - {s.student for s in submissions})
    if missing:
        raise CourseError(f"student {missing[0]!r} has handed in nothing to grade")
    return [s for s in submissions if not students or s.student in students]


def _verdicts(course: Path, submissions: list[Submission], jobs: int) -> Iterator[Verdict]:
    """Verdicts in the order in which they are ready."""
    readable: list[tuple[Submission, bytes]] = []
    for submission in submissions:
        try:
            readable.append((submission, read_bytes(submission.path)))
        except Refused as refused:
            yield Verdict(submission.student, submission.chapter, FAILED, str(refused))
    if not readable:
        return
    unfinished: list[tuple[Submission, bytes]] = []
    for submission, data, verdict in _graded_in_pool(course, readable, jobs):
        if verdict is None:
            unfinished.append((submission, data))
        else:
            yield verdict
    for submission, data in unfinished:  # a worker died: find out, one by one, with whom
        ((_, _, verdict),) = _graded_in_pool(course, [(submission, data)], 1)
        cause = "it ended the process that graded it, twice"
        yield verdict or Verdict(submission.student, submission.chapter, NEEDS_PERSON, cause)


def _graded_in_pool(
    course: Path, readable: list[tuple[Submission, bytes]], jobs: int
) -> Iterator[tuple[Submission, bytes, Verdict | None]]:
    """Each submission with its verdict, as they are ready; None where the pool broke before."""
    with worker_pool(min(jobs, len(readable))) as pool:
        futures: dict[Future, tuple[Submission, bytes]] = {
            pool.submit(grade_one, course, s.chapter, s.student, data): (s, data)
            for s, data in readable
        }
        for future in as_completed(futures):
            submission, data = futures[future]
            try:
                yield submission, data, future.result()
            except Exception:  # BrokenProcessPool, or a verdict that could not be sent
                yield submission, data, None
