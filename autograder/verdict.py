"""The one record that travels from the first step of grading to the last."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

GRADED, FAILED, NEEDS_PERSON = "graded", "failed", "needs a person"


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
    seconds: float = 0.0
    sandbox: str = "none"
    version: str = ""
    notebook: dict[str, Any] | None = None  # as executed, with outputs

    @property
    def points(self) -> float:
        return sum(mark.points for mark in self.marks)

    @property
    def max_points(self) -> float:
        return sum(mark.max_points for mark in self.marks)

    def summary(self) -> dict[str, Any]:
        """Plain data for ``--json``: everything but the notebook."""
        record = asdict(self)
        del record["notebook"]
        return record | {"points": self.points, "max_points": self.max_points}
