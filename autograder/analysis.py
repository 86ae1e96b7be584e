"""The numbers of the report: what a class got, found hard and misunderstood.

A *result* is a submission that has points in the gradebook. Shares lie between 0 and 1. Where a
number is not defined or not known it is None, and the report shows a dash.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import StatisticsError, correlation, fmean, median

from autograder.chapter import CATEGORIES, CourseError, Exercise, GradeId
from autograder.marks import ClassMarks
from autograder.verdict import Mark, Verdict

BINS = 10  # of a distribution: 0 to 10 %, …, 90 to 100 %
# What the grader says of an answer that was left as released (see run.py).
NOT_WRITTEN = "not written yet"
# The size of an error (see gradus/check.py): the same mistake has another one in each answer.
_SIZE = re.compile(r"(?<=off by )[^\s,)]+|(?<=largest error )[^\s,)]+|\b\d+(?= of \d+ values)")


@dataclass(frozen=True)
class Message:
    """One thing that tests said: how often, and to how many students."""

    text: str
    count: int
    students: int


@dataclass(frozen=True)
class ExerciseFigures:
    """How a class did in one exercise."""

    chapter: str
    exercise: Exercise
    results: int
    solved: float | None  # share of results with full points
    mean: float | None  # share of the points
    discrimination: float | None  # item-rest correlation, -1 to 1
    tries: float | None  # median of the tries that are known
    unwritten: int  # students who left it as released
    messages: list[Message]


@dataclass(frozen=True)
class Category:
    """The class's share of the points of one rubric category."""

    name: str
    exercises: int
    points: int  # of one student
    share: float | None


@dataclass(frozen=True)
class Use:
    """Median and largest of what submissions used; None where it was not measured."""

    median: float | None
    most: float | None


@dataclass(frozen=True)
class Resources:
    """What grading a chapter took: seconds and bytes per submission."""

    chapter: str
    submissions: int
    seconds: Use
    cpu_seconds: Use
    peak_bytes: Use


@dataclass(frozen=True)
class Distribution:
    """How many results lie in each tenth of the points; the last bin includes 100 %."""

    title: str
    counts: list[int]
    mean: float | None
    median: float | None

    @property
    def results(self) -> int:
        return sum(self.counts)


def discrimination(points: Sequence[float], rest: Sequence[float]) -> float | None:
    """Item-rest correlation: of an exercise's points with those of the chapter's other exercises.

    None for fewer than three results (two always give ±1) and where one side does not vary.
    """
    rounded = [round(value, 6) for value in rest]  # equal sums of floats may differ by 1e-16
    if len(points) < 3:
        return None
    try:
        return correlation(points, rounded)
    except StatisticsError:
        return None


def marks_of(verdict: Verdict) -> dict[str, list[Mark]]:
    """A verdict's marks by exercise key; marks of cells that no chapter can have are left out."""
    found: dict[str, list[Mark]] = defaultdict(list)
    for mark in verdict.marks:
        try:
            found[GradeId.parse(mark.grade_id).exercise].append(mark)
        except CourseError:
            continue
    return found


def exercise_figures(room: ClassMarks) -> list[ExerciseFigures]:
    """One entry an exercise, in the order of the course."""
    found = []
    for name, chapter in room.chapters.items():
        verdicts = [v for (_, of), v in room.verdicts.items() if of == name]
        marks = {v.student: marks_of(v) for v in verdicts}
        tests = room.tests[name]
        won = {key: [s.of(tests[key]) for _, s in room.marked(name)] for key in tests}
        together = [sum(points) for points in zip(*won.values(), strict=True)]
        for key, exercise in chapter.exercises.items():
            points = won[key]
            full = exercise.points
            tries = [a.tries for v in verdicts if (a := v.answers.get(key)) and a.tries > 0]
            of_exercise = {student: by_key.get(key, []) for student, by_key in marks.items()}
            found.append(
                ExerciseFigures(
                    chapter=name,
                    exercise=exercise,
                    results=len(points),
                    solved=fmean(p >= full for p in points) if points and full else None,
                    mean=fmean(points) / full if points and full else None,
                    discrimination=discrimination(
                        points, [all_ - own for all_, own in zip(together, points, strict=True)]
                    ),
                    tries=median(tries) if tries else None,
                    unwritten=sum(unwritten(v, key, of_exercise[v.student]) for v in verdicts),
                    messages=messages(of_exercise),
                )
            )
    return found


def unwritten(verdict: Verdict, exercise: str, marks: list[Mark]) -> bool:
    """Whether an exercise (its key, and its marks) was left as it was released."""
    if exercise in verdict.answers:
        return not verdict.answers[exercise].written
    return bool(marks) and all(mark.message.startswith(NOT_WRITTEN) for mark in marks)


def messages(marks: dict[str, list[Mark]]) -> list[Message]:
    """What tests said, most students first; ``marks`` of one exercise by student.

    Left out is what says nothing about understanding: answers that were not written, and mistakes
    of the course.
    """
    count: Counter[str] = Counter()
    students: dict[str, set[str]] = defaultdict(set)
    for student, of_student in marks.items():
        for mark in of_student:
            if mark.message and not mark.fault and not mark.message.startswith(NOT_WRITTEN):
                text = _SIZE.sub("…", mark.message)
                count[text] += 1
                students[text].add(student)
    found = [Message(text, n, len(students[text])) for text, n in count.items()]
    return sorted(found, key=lambda m: (-m.students, -m.count, m.text))


def distribution(title: str, points: Iterable[float], full: float) -> Distribution:
    """Points as shares of ``full``; more than full (extra credit) counts as full."""
    shares = [min(max(p / full, 0.0), 1.0) for p in points] if full else []
    counts = [0] * BINS
    for share in shares:
        # Rounded first: 0.3 of the points is in the bin that begins at 30 %, whatever 0.3 * 10 is.
        counts[min(int(round(share * BINS, 6)), BINS - 1)] += 1
    middle = (fmean(shares), median(shares)) if shares else (None, None)
    return Distribution(title, counts, *middle)


def distributions(room: ClassMarks) -> list[Distribution]:
    """One a chapter; and first one for the whole course where there are several."""
    found = [
        distribution(name, [score.points for _, score in room.marked(name)], full)
        for name, full in room.worth.items()
    ]
    if len(found) > 1:
        totals = [t for person in room.people if (t := room.total(person)) is not None]
        found.insert(0, distribution("All chapters together", totals, room.max_points))
    return found


def categories(room: ClassMarks) -> list[Category]:
    """Rubric categories: of all points that results could have won, the share they won."""
    exercises: Counter[str] = Counter()
    points: Counter[str] = Counter()
    won: defaultdict[str, float] = defaultdict(float)
    possible: Counter[str] = Counter()
    for name, chapter in room.chapters.items():
        scores = [score for _, score in room.marked(name)]
        for key, exercise in chapter.exercises.items():
            tests, full, category = room.tests[name][key], exercise.points, exercise.category
            exercises[category] += 1
            points[category] += full
            possible[category] += full * len(scores)
            won[category] += sum(score.of(tests) for score in scores)
    names = [*CATEGORIES, *sorted(set(exercises) - set(CATEGORIES))]
    return [
        Category(n, exercises[n], points[n], won[n] / possible[n] if possible[n] else None)
        for n in names
        if exercises[n]
    ]


def resources(room: ClassMarks) -> list[Resources]:
    """What grading took, by chapter."""
    found = []
    for name in room.chapters:
        verdicts = [v for (_, of), v in room.verdicts.items() if of == name]
        uses = (
            _use([getattr(v, what) for v in verdicts])
            for what in ("seconds", "cpu_seconds", "peak_bytes")
        )
        found.append(Resources(name, len(verdicts), *uses))
    return found


def _use(values: Iterable[float]) -> Use:
    measured = [value for value in values if value > 0]
    return Use(median(measured), max(measured)) if measured else Use(None, None)
