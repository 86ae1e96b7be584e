"""What is on record about a class: people, points and verdicts, read in a few queries.

Points are the gradebook's, so that a mark which a person changed in formgrader counts; messages,
flags and resources are the ledger's. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from nbgrader.api import (
    Assignment,
    BaseCell,
    Grade,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from sqlalchemy import select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session

from autograder.chapter import Chapter, CourseError
from autograder.record import Book
from autograder.verdict import Verdict


@dataclass(frozen=True)
class Person:
    """A student's row of the gradebook; everything but the id may be missing ("")."""

    id: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_user_id: str = ""

    @property
    def named(self) -> bool:
        return bool(self.first_name or self.last_name)

    @property
    def name(self) -> str:
        """First and last name, or the id where the gradebook knows neither."""
        return f"{self.first_name} {self.last_name}".strip() or self.id


@dataclass
class Score:
    """The gradebook's points for one submission; ``cells`` by grade id, None: no score yet."""

    cells: dict[str, float | None] = field(default_factory=dict)
    by_hand: set[str] = field(default_factory=set)  # grade ids that a person gave points
    penalty: float = 0.0  # points taken off for lateness
    submitted: datetime | None = None  # UTC

    @property
    def recorded(self) -> bool:
        """Whether anybody, grader or person, has given points."""
        return any(points is not None for points in self.cells.values())

    @property
    def raw(self) -> float:
        return self.of(self.cells)

    def of(self, grade_ids: Iterable[str]) -> float:
        """The points of these cells."""
        return sum(self.cells.get(grade_id) or 0.0 for grade_id in grade_ids)

    @property
    def points(self) -> float:
        """What counts: never less than 0, as nbgrader has it."""
        return max(0.0, self.raw - self.penalty)


Key = tuple[str, str]  # student, chapter


@dataclass
class ClassMarks:
    """A class as it stands. ``chapters``: those of the course that have a submission, in order."""

    chapters: dict[str, Chapter]
    people: dict[str, Person]
    scores: dict[Key, Score]
    verdicts: dict[Key, Verdict]
    due: dict[str, datetime | None]  # by chapter, UTC
    unknown: list[str] = field(default_factory=list)  # on record, but not in the course

    def marked(self, chapter: str) -> list[tuple[str, Score]]:
        """(student, score) of every submission that has points, by student."""
        found = ((s, score) for (s, name), score in self.scores.items() if name == chapter)
        return sorted((s, score) for s, score in found if score.recorded)

    def of_student(self, student: str) -> dict[str, Score]:
        """The scores of one student by chapter, in the order of the course."""
        keys = ((student, name) for name in self.chapters)
        return {key[1]: self.scores[key] for key in keys if key in self.scores}

    def total(self, student: str) -> float | None:
        """Points over all chapters; None where there are none."""
        scores = [s.points for s in self.of_student(student).values() if s.recorded]
        return sum(scores) if scores else None

    @cached_property
    def worth(self) -> dict[str, int]:
        """The points of each chapter."""
        return {
            name: sum(exercise.points for exercise in chapter.exercises.values())
            for name, chapter in self.chapters.items()
        }

    @property
    def max_points(self) -> int:
        return sum(self.worth.values())

    @cached_property
    def tests(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Grade ids of the tests by chapter and exercise key; asked for once per submission."""
        return {
            name: {key: tuple(exercise.tests) for key, exercise in chapter.exercises.items()}
            for name, chapter in self.chapters.items()
        }


def read_marks(root: Path, known: dict[str, Chapter], db_url: str = "") -> ClassMarks:
    """The class whose gradebook lies in ``root`` (or at ``db_url``); ``known``: the course.

    Raises CourseError where there is no gradebook, or where it holds or allows nothing to read.
    """
    if not db_url and not (root / "gradebook.db").is_file():
        raise CourseError(f"{root} has no gradebook.db: grade first, or name another --root")
    try:
        with Book(root, db_url) as book:
            verdicts = book.verdicts()
            return _read(book.gradebook.db, known, verdicts)
    except ArgumentError:
        raise CourseError("--db needs a URL such as postgresql://user@host/gradebook") from None
    except (SQLAlchemyError, ImportError) as error:  # ImportError: no driver for this database
        url = make_url(db_url).render_as_string() if db_url else root / "gradebook.db"
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise CourseError(f"the gradebook {url} cannot be read ({cause})") from error


def _read(session: Session, known: dict[str, Chapter], verdicts: list[Verdict]) -> ClassMarks:
    scores = _scores(session)
    if not scores:
        raise CourseError("the gradebook holds no submission yet: grade first")
    on_record = {chapter for _, chapter in scores}
    due = dict(session.execute(select(Assignment.name, Assignment.duedate)).tuples().all())
    return ClassMarks(
        chapters={name: chapter for name, chapter in known.items() if name in on_record},
        people=_people(session),
        scores={key: score for key, score in scores.items() if key[1] in known},
        # A submission that a person removed from the gradebook is gone from the report, too.
        verdicts={
            key: v
            for v in verdicts
            if (key := (v.student, v.chapter)) in scores and key[1] in known
        },
        due={name: due.get(name) for name in known},
        unknown=sorted(on_record - set(known)),
    )


def _people(session: Session) -> dict[str, Person]:
    columns = (
        Student.id, Student.first_name, Student.last_name, Student.email, Student.lms_user_id,
    )  # fmt: skip
    rows = session.execute(select(*columns).order_by(Student.id))
    return {row[0]: Person(*(value or "" for value in row)) for row in rows}


def _scores(session: Session) -> dict[Key, Score]:
    """Every submission's score; one query for submissions, one for cells."""
    scores: dict[Key, Score] = {}
    submissions = (
        select(
            SubmittedAssignment.student_id,
            Assignment.name,
            SubmittedAssignment.timestamp,
            SubmittedNotebook.late_submission_penalty,
        )
        .join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
        .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
    )
    for student, chapter, submitted, penalty in session.execute(submissions):
        score = scores.setdefault((student, chapter), Score(submitted=submitted))
        score.penalty += penalty or 0.0
    cells = (
        select(
            SubmittedAssignment.student_id,
            Assignment.name,
            BaseCell.name,
            Grade.auto_score,
            Grade.manual_score,
            Grade.extra_credit,
        )
        .join(SubmittedNotebook, Grade.notebook_id == SubmittedNotebook.id)
        .join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
        .join(BaseCell, Grade.cell_id == BaseCell.id)
    )
    for student, chapter, cell, auto, manual, extra in session.execute(cells):
        score = scores[student, chapter]
        given = auto if manual is None else manual
        score.cells[cell] = None if given is None else given + (extra or 0.0)
        if manual is not None or extra:
            score.by_hand.add(cell)
    return scores
