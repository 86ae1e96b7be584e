"""The proof of the tests: every named wrong answer loses, every right one wins, in the real grader.

Besides the answers of ``answers.py`` each chapter is asked two more questions: the untouched
starter must score nothing, the solution everything.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import nbformat

import gradus
from autograder.answers import Answer, read_answers
from autograder.chapter import Chapter, CourseError, Exercise, chapters
from autograder.grade_one import Desk, mark_exercises
from autograder.kernel import KernelNotStarted
from autograder.pool import worker_pool
from autograder.rebuild import Rebuilt
from autograder.release import release
from autograder.sandbox import why_not
from autograder.verdict import Mark

MOST_KEPT = 2000  # cached results of a chapter, of its older states too


@dataclass
class Result:
    """What the grader said to one answer; ``problem`` is empty when it is as it should be."""

    chapter: str
    exercise: str
    kind: str  # wrong, right, starter or solution
    name: str
    expect: str
    points: float
    max_points: float
    problem: str
    marks: list[dict[str, Any]] = field(default_factory=list)


def prove(
    course: Path, wanted: Iterable[str] = (), folder: Path | None = None, jobs: int = 2
) -> list[Result]:
    """Results for the wanted chapters or exercises (all when empty).

    ``folder``: read ``<folder>/<chapter>/answers.py`` instead of the course's own; starter and
    solution are then left out. Raises CourseError for an unknown name or a malformed file.
    """
    tasks = list(answer_tasks(course, list(wanted), folder))
    cache = _Cache(course)
    results: dict[Task, Result | None] = {task: cache.get(task) for task in tasks}
    missing = [task for task, result in results.items() if result is None]
    with worker_pool(min(jobs, len(missing))) as pool:
        for task, result in zip(missing, pool.map(partial(_try, course), missing), strict=True):
            results[task] = result
            cache.put(task, result)
    return list(results.values())


@dataclass(frozen=True)
class Task:
    """One answer to try: the texts of the answer cells, of one exercise or of all (key "")."""

    chapter: str
    exercise: str
    kind: str
    name: str
    expect: str
    cells: tuple[tuple[str, str], ...]


def answer_tasks(course: Path, wanted: list[str], folder: Path | None) -> Iterable[Task]:
    """What there is to try: starter and solution of each chapter, and its named answers."""
    known = chapters(course)
    found: set[str] = set()
    for name, chapter in known.items():
        labels = {w for w in wanted if w != name and _is_exercise_of(w, chapter)}
        if wanted and name not in wanted and not labels:
            continue
        found |= labels | {name}
        keys = set() if name in wanted else {chapter.find(label).key for label in labels}
        path = (folder or course / "solutions") / name / "answers.py"
        if not path.is_file():
            if folder is None:
                raise CourseError(f"{path} is missing: the tests of {name} are not proved")
            continue
        if folder is None and not keys:
            yield Task(name, "", "starter", "untouched starter", "", ())
            yield Task(name, "", "solution", "the solution", "", _solution(chapter))
        for answer in read_answers(path, chapter):
            if not keys or answer.exercise in keys:
                yield _task(name, answer)
    unknown = [w for w in wanted if w not in found]
    if unknown:
        raise CourseError(f"{unknown[0]!r} is neither a chapter nor an exercise")


def _is_exercise_of(label: str, chapter: Chapter) -> bool:
    return any(label in (e.label, e.key) for e in chapter.exercises.values())


def _task(name: str, answer: Answer) -> Task:
    kind = "right" if answer.right else "wrong"
    cells = tuple(answer.cells.items())
    return Task(name, answer.exercise, kind, answer.name, answer.expect, cells)


def _solution(chapter: Chapter) -> tuple[tuple[str, str], ...]:
    exercises = chapter.exercises.values()
    return tuple((key, cell.source) for e in exercises for key, cell in e.answers.items())


@lru_cache(maxsize=32)
def _desk(course: Path, name: str) -> Desk:
    chapter = chapters(course)[name]
    return Desk(chapter, release(chapter.notebook))


def _try(course: Path, task: Task) -> Result:
    """Grade one answer (in a worker)."""
    desk = _desk(course, task.chapter)
    texts = dict(task.cells)
    notebook = nbformat.from_dict(desk.released)
    for cell in notebook.cells:
        cell.source = texts.get(cell.id, cell.source)
    exercises = list(desk.chapter.exercises.values())
    if task.exercise:
        exercises = [desk.chapter.exercises[task.exercise]]
    try:
        marks, _ = mark_exercises(desk, Rebuilt(notebook), exercises, sandboxed=not why_not())
    except (CourseError, KernelNotStarted) as error:
        return _result(task, [], f"the course or the machine is at fault: {error}")
    return _result(task, marks, _problem(task, marks))


def _problem(task: Task, marks: list[Mark]) -> str:
    faults = [mark for mark in marks if mark.fault]
    if faults:
        return f"{faults[0].grade_id} could not judge it: {faults[0].values.strip()[-300:]}"
    lost = [mark for mark in marks if mark.message]
    points, full = sum(m.points for m in marks), sum(m.max_points for m in marks)
    if task.kind in ("right", "solution"):
        said = f": {lost[0].grade_id}: {lost[0].message}" if lost else ""
        return "" if points == full and not lost else f"got {points:g} of {full:g}{said}"
    if task.kind == "starter":
        return "" if points == 0 else f"got {points:g} of {full:g} for nothing"
    if points == full:
        return f"got all {full:g} points"
    shown = [mark.message + ("\n" + mark.values if mark.visible else "") for mark in lost]
    if task.expect and not any(task.expect in text for text in shown):
        return f"lost points, but no message says {task.expect!r}; it says {lost[0].message!r}"
    return ""


def _result(task: Task, marks: list[Mark], problem: str) -> Result:
    return Result(
        chapter=task.chapter,
        exercise=task.exercise,
        kind=task.kind,
        name=task.name,
        expect=task.expect,
        points=sum(mark.points for mark in marks),
        max_points=sum(mark.max_points for mark in marks),
        problem=problem,
        marks=[asdict(mark) for mark in marks],
    )


class _Cache:
    """Results by a hash of everything that they depend on; ``GRADUS_NO_CACHE`` switches it off.

    A file for each chapter, so that two proofs of different chapters may run at once.
    """

    def __init__(self, course: Path) -> None:
        self.folder = course / ".cache" / "proof"
        self.off = bool(os.environ.get("GRADUS_NO_CACHE"))
        self.course = course
        self.used: dict[str, dict[str, Any]] = defaultdict(dict)

    def get(self, task: Task) -> Result | None:
        kept = None if self.off else self._kept(task.chapter).get(self._key(task))
        if kept is None:
            return None
        self.used[task.chapter][self._key(task)] = kept
        return Result(**kept)

    def put(self, task: Task, result: Result) -> None:
        """Keep a result at once: a run that is stopped has not worked for nothing."""
        self.used[task.chapter][self._key(task)] = asdict(result)
        if not self.off:
            kept = self._kept(task.chapter)
            if len(kept) > MOST_KEPT:  # of older states of the chapter
                kept.clear()
            self.folder.mkdir(parents=True, exist_ok=True)
            scratch = self._file(task.chapter).with_suffix(".new")
            scratch.write_text(json.dumps(kept | self.used[task.chapter]), encoding="utf-8")
            scratch.replace(self._file(task.chapter))  # whole, or not at all

    def _file(self, chapter: str) -> Path:
        return self.folder / f"{chapter}.json"

    @cache  # noqa: B019 (one cache a run)
    def _kept(self, chapter: str) -> dict[str, Any]:
        file = self._file(chapter)
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}

    @cache  # noqa: B019 (one cache a run)
    def _base(self, chapter: str) -> str:
        digest = hashlib.sha256()
        packages = [Path(gradus.__file__).parent, Path(__file__).parent]
        files = [f for package in packages for f in sorted(package.rglob("*.py"))]
        folder = self.course / "solutions" / chapter
        files += sorted(f for f in folder.glob("*.py") if f.name != "answers.py")
        files += [f for f in [Path(__file__).parents[1] / "requirements.lock"] if f.is_file()]
        for file in files:
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def _key(self, task: Task) -> str:
        text = json.dumps([self._base(task.chapter), asdict(task)])
        return hashlib.sha256(text.encode()).hexdigest()


def summary(results: list[Result]) -> str:
    """The one line that the README quotes."""
    wrong = [r for r in results if r.kind == "wrong"]
    right = [r for r in results if r.kind == "right"]
    rejected, accepted = (sum(not r.problem for r in group) for group in (wrong, right))
    return f"wrong rejected {rejected}/{len(wrong)}, right accepted {accepted}/{len(right)}"


def title(result: Result, exercise: Exercise | None) -> str:
    """How a line names an answer."""
    label = exercise.label if exercise else result.chapter
    return f"{label} {result.kind} {result.name!r}"
