"""Grade a class: find submissions, grade them in parallel processes, record what comes back.

The workers never write; this process records each verdict as it arrives, so that every submission
ends in a row of the gradebook, a feedback page and a line of the summary. What an earlier run has
recorded, and nothing has changed since, is not done again (``resume.py``).
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autograder import resume
from autograder.chapter import Chapter, CourseError, chapters
from autograder.classroom import read_classroom
from autograder.exchange import doubt, for_exchange
from autograder.feedback import write_feedback
from autograder.grade_one import Work
from autograder.intake import (
    Refused,
    Submission,
    find_submissions,
    read_beside,
    read_bytes,
    strangers,
)
from autograder.likeness import alike
from autograder.record import Book
from autograder.sandbox import NONE
from autograder.scheduler import graded_locally
from autograder.storage import NotRecorded, alone_in
from autograder.verdict import FAILED, GRADED, NEEDS_PERSON, Verdict

TOO_MANY_FAILURES = 3  # to record, one after another: the disk is full, or the gradebook gone
Progress = Callable[[Verdict, int, int], None]


@dataclass
class Options:
    """How a class is graded; see ``python -m autograder grade --help``."""

    names: Iterable[str] = ()  # chapters; all when empty
    students: Iterable[str] = ()  # all when empty
    jobs: int = 2
    db_url: str = ""
    sandbox: str = NONE
    force: bool = False  # grade again what is recorded
    scheduler: str = ""  # address of a Dask scheduler; "": processes of this machine


@dataclass
class Report:
    """What a run did: every verdict, and one line for each thing that was left out."""

    verdicts: list[Verdict] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    alike: list[str] = field(default_factory=list)  # answers that several students share
    unrecorded: list[str] = field(default_factory=list)  # what could not be written, and why
    skipped: int = 0  # verdicts that an earlier run had recorded

    @property
    def counts(self) -> dict[str, int]:
        counted = Counter(verdict.status for verdict in self.verdicts)
        return {status: counted[status] for status in (GRADED, FAILED, NEEDS_PERSON)}

    @property
    def exit_code(self) -> int:
        """0 only if every submission was graded and recorded."""
        return int(bool(self.unrecorded) or self.counts[GRADED] < len(self.verdicts))

    def summary(self) -> dict[str, Any]:
        """Plain data for ``--json``."""
        return {
            "counts": self.counts,
            "left_out": self.left_out,
            "alike": self.alike,
            "unrecorded": self.unrecorded,
            "submissions": [verdict.summary() for verdict in self.verdicts],
        }


def grade(
    root: Path,
    course: Path,
    options: Options | None = None,
    progress: Progress = lambda verdict, done, total: None,
) -> Report:
    """Grade what lies under ``root/submitted`` for the chapters of ``course``.

    Raises CourseError for an unknown chapter or student, a gradebook that cannot be used, or when
    another grader is at work in ``root``.
    Everything that can go wrong with one submission is in its verdict.
    """
    options = options or Options()
    known = chapters(course)
    wanted = _wanted(known, options.names)
    files = {name: chapter.notebook_name for name, chapter in known.items()}
    submissions = [s for s in find_submissions(root, files) if s.chapter in wanted]
    submissions = _of_students(submissions, set(options.students))
    report = Report(left_out=strangers(root, files))
    classroom = read_classroom(root, known)
    with alone_in(root), Book(root, options.db_url) as book:
        for name in sorted({s.chapter for s in submissions}):
            book.open_chapter(known[name])
        times = book.open_class(classroom, submissions)
        run = _Run(root, course, known, book, options, report, progress)
        run.grade(submissions, times)
        on_record = book.verdicts()
        report.alike = alike(on_record)
        with run.noting("the exchange's files"):
            for_exchange(root, on_record)
    report.verdicts.sort(key=lambda v: (v.chapter, v.student))
    return report


class _Run:
    """One run over a class: who is done, who is graded now, and what is written."""

    def __init__(self, root, course, known, book, options, report, progress) -> None:
        self.root: Path = root
        self.course: Path = course
        self.known: dict[str, Chapter] = known
        self.book: Book = book
        self.options: Options = options
        self.report: Report = report
        self.progress: Progress = progress
        self.total = self.failures = 0  # failures to record, one after another
        self.times: dict[tuple[str, str], str] = {}
        self.places: dict[tuple[str, str], Submission] = {}
        self.previous = {(v.student, v.chapter): v for v in book.verdicts()}
        self.notes: dict[tuple[str, str], list[str]] = {}
        self.against = {
            name: resume.digest(*resume.exercise_digests(chapter, options.sandbox).values())
            for name, chapter in known.items()
        }

    def grade(self, submissions: list[Submission], times: dict[tuple[str, str], str]) -> None:
        """All of them; ``times``: when each was handed in, by student and chapter."""
        self.total, self.times = len(submissions), times
        self.places = {(s.student, s.chapter): s for s in submissions}
        work = [item for s in submissions if (item := self.look_at(s)) is not None]
        with contextlib.closing(self.graded(work)) as verdicts:
            for done, (item, verdict) in enumerate(verdicts, 1):
                self.complete(item, verdict)
                self.give_back(verdict)
                if self.failures == TOO_MANY_FAILURES:
                    left = len(work) - done
                    self.report.unrecorded.append(f"stopped: {left} more were not graded")
                    return

    def look_at(self, submission: Submission) -> Work | None:
        """The work that a submission needs; None if there is none, or it cannot be read."""
        key = (submission.student, submission.chapter)
        previous = None if self.options.force else self.previous.get(key)
        chapter = self.known[submission.chapter]
        try:
            data = read_bytes(submission.path)
        except Refused as refused:
            self.give_back(Verdict(*key, FAILED, str(refused), sandbox=self.options.sandbox))
            return None
        folder = submission.path.parent
        files, notes = read_beside(folder, chapter.notebook_name, chapter.files)
        handed_in = resume.submission_digest(data, files)
        if resume.is_done(previous, handed_in, self.against[chapter.name]) and self.on_disk(
            previous
        ):
            self.report.skipped += 1
            self.count(previous)
            return None
        self.notes[key] = notes
        settled = resume.settled(previous if previous and self.on_disk(previous) else None)
        sandbox = self.options.sandbox
        return Work(chapter.name, submission.student, sandbox=sandbox, settled=settled)

    def graded(self, work: list[Work]) -> Iterator[tuple[Work, Verdict]]:
        """Verdicts in the order in which they are ready."""
        if self.options.scheduler:
            from autograder.cluster import graded_on_cluster

            return graded_on_cluster(self.options.scheduler, self.course, work, self.load)
        return graded_locally(self.course, work, self.options.jobs, self.load)

    def load(self, item: Work) -> Work:
        """Read a submission that was planned."""
        path = self.places[item.student, item.chapter].path
        try:
            data = read_bytes(path)
        except Refused:  # gone since it was planned: as if it were empty
            data = b""
        files, _ = read_beside(path.parent, path.name, self.known[item.chapter].files)
        return replace(item, data=data, files=files)

    def complete(self, item: Work, verdict: Verdict) -> None:
        """Add what this process knows: earlier marks and tries, hashes, notes."""
        key = (item.student, item.chapter)
        verdict.against = self.against[item.chapter]
        verdict.flags += self.notes.get(key, [])
        old = resume.read_graded(self.path("autograded", verdict)) if verdict.kept else None
        resume.carry_over(verdict, self.previous.get(key), old)

    def path(self, step: str, verdict: Verdict) -> Path:
        """Where the notebook of a step lies, in nbgrader's layout."""
        name = self.known[verdict.chapter].notebook_name
        return self.root / step / verdict.student / verdict.chapter / name

    def on_disk(self, verdict: Verdict) -> bool:
        """Whether the pages of a recorded verdict are still there."""
        page = self.path("feedback", verdict).with_suffix(".html")
        graded = self.path("autograded", verdict)
        return page.is_file() and (not verdict.marks or graded.is_file())

    def give_back(self, verdict: Verdict) -> None:
        """Feedback, then the gradebook; a page that cannot be made must not stop the class."""
        name = self.known[verdict.chapter].notebook_name
        key = (verdict.student, verdict.chapter)
        verdict.received = self.times.get(key, "")
        verdict.flags += doubt(self.book.classroom.inbound, self.places[key])
        with self.noting(f"{verdict.chapter} {verdict.student}"):
            try:
                write_feedback(self.root, verdict, name)
            except NotRecorded:
                raise
            except Exception as error:
                verdict.status = NEEDS_PERSON
                verdict.cause = f"no feedback page: {type(error).__name__}: {error}"
            self.book.record(verdict, name)
        self.count(verdict)

    @contextlib.contextmanager
    def noting(self, what: str) -> Iterator[None]:
        """Note what could not be written, in one line, and go on."""
        try:
            yield
        except NotRecorded as error:
            self.failures += 1
            self.report.unrecorded.append(f"{what}: {error}; grade again")
        else:
            self.failures = 0

    def count(self, verdict: Verdict) -> None:
        verdict.notebook = None  # written: a class of a thousand must not stay in memory
        self.report.verdicts.append(verdict)
        self.progress(verdict, len(self.report.verdicts), self.total)


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
