"""The one record that travels from the first step of grading to the last."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

GRADED, FAILED, NEEDS_PERSON = "graded", "failed", "needs a person"
REPLACED = "replaced while it ran"  # begins the flag of a library that student code changed


@dataclass
class Mark:
    """One graded cell: what it is worth, what it got, and why.

    ``message`` may be shown to the student always; ``values`` only where the cell was visible.
    """

    grade_id: str
    title: str
    max_points: float
    points: float = 0.0
    message: str = ""
    values: str = ""
    visible: bool = True
    fault: bool = False  # the course's own mistake: a person decides

    @property
    def passed(self) -> bool:
        return not self.message and self.points == self.max_points


@dataclass
class Answer:
    """What is remembered of one exercise's answer between runs and students.

    ``written``: a hash of the normalised text, "" for an untouched one; ``settled``: a hash of all
    that its marks depend on; ``tries``: how many different answers were graded until it passed.
    """

    written: str = ""
    settled: str = ""
    length: int = 0  # characters of the normalised text
    tries: int = 0


@dataclass
class Verdict:
    """What became of one submission of one student to one chapter.

    ``status``: graded; failed (``cause`` says why: not a notebook, …; no marks are recorded);
    or needs a person (the course or the grader is at fault, marks so far are recorded).
    """

    student: str
    chapter: str
    status: str = GRADED
    cause: str = ""
    marks: list[Mark] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)  # by exercise key
    seconds: float = 0.0  # wall clock
    cpu_seconds: float = 0.0  # of the student's kernel
    peak_bytes: int = 0  # memory of the student's kernel
    sandbox: str = "none"
    version: str = ""  # of the chapter
    received: str = ""  # when it was handed in: ISO 8601, UTC
    submission: str = ""  # hash of what was handed in
    against: str = ""  # hash of what it was graded against: tests, limits, grader
    kept: list[str] = field(default_factory=list)  # exercises whose earlier marks still hold
    notebook: dict[str, Any] | None = None  # as executed, with outputs

    @property
    def points(self) -> float:
        return sum(mark.points for mark in self.marks)

    @property
    def max_points(self) -> float:
        return sum(mark.max_points for mark in self.marks)

    def record(self) -> dict[str, Any]:
        """Plain data that ``from_record`` reads again: everything but the notebook."""
        fields = asdict(replace(self, notebook=None))  # a notebook is large, and would be copied
        del fields["notebook"]
        return fields

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Verdict:
        marks = [Mark(**mark) for mark in record["marks"]]
        answers = {key: Answer(**answer) for key, answer in record["answers"].items()}
        return cls(**(record | {"marks": marks, "answers": answers}))

    def summary(self) -> dict[str, Any]:
        """Plain data for ``--json``."""
        return self.record() | {"points": self.points, "max_points": self.max_points}
