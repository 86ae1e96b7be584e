"""The unit of work: the bytes of one submission in, one verdict out.

Everything a worker needs is found from the root of the course, so the same call can run in this
process, in a pool, or on another machine. A worker keeps one judging process for each chapter that
it has met.
"""

from __future__ import annotations

import atexit
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.boundary import split
from autograder.chapter import Chapter, CourseError, Exercise, chapters, hidden_title, tags
from autograder.intake import Refused, parse
from autograder.judge import Judge, Outcome
from autograder.kernel import KernelNotStarted
from autograder.rebuild import ADDED, Rebuilt, rebuild, version_of
from autograder.resume import digest, exercise_digests, normalised, submission_digest
from autograder.run import Probe, Run, run
from autograder.sandbox import NONE
from autograder.verdict import FAILED, NEEDS_PERSON, Answer, Mark, Verdict

DESKS = 2  # chapters that a worker has open: the one that ends and the one that begins
_one_at_a_time = threading.Lock()  # one kernel and one judge a process, whatever threads there are


class Desk:
    """One chapter, ready to grade: what is released, and the trusted process that judges."""

    def __init__(self, chapter: Chapter, released: NotebookNode) -> None:
        self.chapter, self.released = chapter, released
        self.judge = Judge(chapter.source)
        self._probes: dict[str, dict[str, Probe]] = {}
        self._digests: dict[str, dict[str, str]] = {}

    def digests(self, sandbox: str) -> dict[str, str]:
        """Hash of what each exercise's marks depend on here, by exercise."""
        if sandbox not in self._digests:
            self._digests[sandbox] = exercise_digests(self.chapter, sandbox)
        return self._digests[sandbox]

    def probes(self, exercise: Exercise) -> dict[str, Probe]:
        """Tests of an exercise with their inputs. Raises CourseError when an Arrange fails."""
        if exercise.key not in self._probes:
            inputs = self.judge.inputs(exercise.key)
            self._probes[exercise.key] = {
                grade_id: Probe(split(cell.source), inputs[grade_id])
                for grade_id, cell in exercise.tests.items()
            }
        return self._probes[exercise.key]


_open: dict[tuple[Path, str], Desk] = {}  # a class comes chapter by chapter: few are enough


def desk(root: Path, name: str) -> Desk:
    """The desk of a chapter, kept while a worker is at it: each holds a process with torch."""
    key = (root, name)
    if key not in _open:
        chapter = chapters(root)[name]
        path = root / "notebooks" / name / chapter.notebook_name
        if not path.is_file():
            raise CourseError(f"{path} does not exist: run `make notebooks CH={name}`")
        while len(_open) >= DESKS:
            _open.pop(next(iter(_open))).judge.close()
        _open[key] = Desk(chapter, nbformat.read(path, as_version=4))
        atexit.register(_open[key].judge.close)
    return _open[key]


@dataclass(frozen=True)
class Work:
    """What a worker needs for one submission; plain data, so that it can travel.

    Planned without ``data`` and ``files``, which are read when its turn comes: a thousand notebooks
    do not wait in memory.
    """

    chapter: str
    student: str
    data: bytes = b""  # the notebook file
    files: dict[str, bytes] = field(default_factory=dict)  # beside it, by name
    sandbox: str = NONE
    settled: dict[str, str] = field(default_factory=dict)  # of an earlier verdict, by exercise


def grade_one(course: Path, work: Work) -> Verdict:
    """The verdict on one submission. Raises nothing: whatever goes wrong is in the verdict.

    Exercises whose hash is in ``work.settled`` are not run; their names are in ``verdict.kept``.
    """
    started = time.monotonic()
    verdict = Verdict(work.student, work.chapter, sandbox=work.sandbox)
    verdict.submission = submission_digest(work.data, work.files)
    with _one_at_a_time:
        try:
            _grade(desk(course, work.chapter), work, verdict)
        except Refused as refused:
            verdict.status, verdict.cause = FAILED, str(refused)
        except (CourseError, KernelNotStarted) as error:
            _not_graded(verdict, str(error))
        except Exception as error:  # a mistake of the grader must not stop the class
            _not_graded(verdict, f"the grader failed: {type(error).__name__}: {error}")
    verdict.seconds = round(time.monotonic() - started, 3)
    return verdict


def _not_graded(verdict: Verdict, cause: str) -> None:
    """The machine or the course failed: nothing is kept, so that the next run tries all again."""
    verdict.status, verdict.cause = NEEDS_PERSON, cause
    verdict.marks, verdict.kept = [], []


def _grade(desk: Desk, work: Work, verdict: Verdict) -> None:
    verdict.version = version_of(desk.released)
    rebuilt = rebuild(desk.released, parse(work.data))
    exercises = desk.chapter.exercises
    verdict.answers = _answers(desk, rebuilt, work)
    for key, answer in verdict.answers.items():
        if work.settled.get(key) == answer.settled:
            verdict.kept.append(key)
    changed = [exercise for key, exercise in exercises.items() if key not in verdict.kept]
    result = Run()
    try:
        if changed:
            verdict.marks, result = mark_exercises(
                desk, rebuilt, changed, work.sandbox != NONE, work.files
            )
    finally:
        verdict.cpu_seconds, verdict.peak_bytes = round(result.cpu_seconds, 3), result.peak_bytes
    verdict.flags = rebuilt.flags
    verdict.notebook = rebuilt.notebook
    faults = [mark.title for mark in verdict.marks if mark.fault]
    if faults:
        verdict.status, verdict.cause = NEEDS_PERSON, f"could not be judged: {', '.join(faults)}"


def _answers(desk: Desk, rebuilt: Rebuilt, work: Work) -> dict[str, Answer]:
    """What is remembered of each exercise's answer."""
    digests = desk.digests(work.sandbox)
    released = answer_texts(desk.released, list(desk.chapter.exercises.values()))
    texts = answer_texts(rebuilt.notebook, list(desk.chapter.exercises.values()))
    added = [c.source for c in rebuilt.notebook.cells if ADDED in tags(c)]
    files = [part for item in sorted(work.files.items()) for part in item]
    found = {}
    for key, text in texts.items():
        plain = normalised(text) if text != released[key] else ""
        found[key] = Answer(
            written=digest(plain) if plain else "",
            settled=digest(digests[key], text, *added, *files),
            length=len(plain),
        )
    return found


def mark_exercises(
    desk: Desk,
    rebuilt: Rebuilt,
    exercises: list[Exercise],
    sandboxed: bool = False,
    files: dict[str, bytes] | None = None,
) -> tuple[list[Mark], Run]:
    """Run and judge the tests of these exercises; adds to ``rebuilt.flags``."""
    probes: dict[str, Probe] = {}
    for exercise in exercises:
        probes |= desk.probes(exercise)
    result = run(rebuilt.notebook, probes, desk.chapter.limits, sandboxed, files)
    rebuilt.flags += result.flags
    outcomes = desk.judge.judge(result.claims, answer_texts(rebuilt.notebook, exercises))
    missing = Outcome(False, "not run")
    marks = [
        _mark(exercise, grade_id, outcomes.get(grade_id, missing))
        for exercise in exercises
        for grade_id in exercise.tests
    ]
    return marks, result


def answer_texts(notebook: NotebookNode, exercises: list[Exercise]) -> dict[str, str]:
    """The text of each exercise's answers, as the grader holds it, by exercise."""
    sources = {cell.id: cell.source for cell in notebook.cells}
    return {e.key: "\n".join(sources.get(key, "") for key in e.answers) for e in exercises}


def _mark(exercise: Exercise, grade_id: str, outcome: Outcome) -> Mark:
    cell = exercise.tests[grade_id]
    points = cell.metadata.nbgrader.points
    title = hidden_title(cell)
    mark = Mark(
        grade_id=grade_id,
        title=f"{exercise.name} · {title or exercise.title}",
        max_points=points,
        points=points if outcome.passed else 0,
        message=outcome.message,
        values=outcome.values,
        visible="-hidden" not in grade_id,
    )
    if outcome.fault:
        mark.fault, mark.values = True, outcome.fault
        mark.message = "this test could not be judged: a person will look at it"
    return mark
