"""nbgrader's formgrader on a class that this grader graded.

This module is also the Jupyter server extension that keeps formgrader from two things: from
believing ``timestamp.txt``, which a student can write (with another time in it formgrader takes a
graded submission for a new one), and from its own grading (which runs submissions without any wall)
and its own feedback (which prints the hidden tests).
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from nbgrader.api import Assignment, SubmittedAssignment
from nbgrader.apps.api import NbGraderAPI
from nbgrader.server_extensions.formgrader import base

from autograder.chapter import CourseError
from gradus.student import open_jupyter

NOT_RUN = (
    "Submissions are not run from here: use `make autograde`. It keeps the marks and comments that"
    " you enter in formgrader."
)
NO_PAGES = (
    "nbgrader's feedback would print the hidden tests. The pages that `make autograde` wrote lie in"
    " feedback/ and can be released as they are."
)


def open_formgrader(course: Path, root: Path, db_url: str, options: list[str]) -> int:
    """JupyterLab with formgrader on the class in ``root``. CourseError if nothing is graded."""
    course, root = course.resolve(), root.resolve()
    if not db_url and not (root / "gradebook.db").is_file():
        raise CourseError(f"{root / 'gradebook.db'} does not exist: grade the class first")
    os.environ["GRADUS_ROOT"] = str(root)  # nbgrader_config.py in the course reads both
    os.environ["GRADUS_DB"] = db_url or f"sqlite:///{root / 'gradebook.db'}"
    if "GRADUS_EXCHANGE" not in os.environ:
        (course / ".exchange").mkdir(exist_ok=True)
    ours = ["--ServerApp.default_url=/formgrader", f"--ServerApp.jpserver_extensions={__name__}=1"]
    return open_jupyter(course, root, [*ours, *options])


class GradedClass(NbGraderAPI):
    """What formgrader's pages ask."""

    def get_autograded_students(self, assignment_id: str) -> set[str]:
        """Who is in the gradebook and has a graded notebook."""
        with self.gradebook as book:
            query = book.db.query(SubmittedAssignment.student_id).join(Assignment)
            students = {row[0] for row in query.filter(Assignment.name == assignment_id)}
        folder = self.coursedir.autograded_directory
        return {
            student
            for student in students
            if os.path.isdir(self.coursedir.format_path(folder, student, assignment_id))
        }

    def get_submitted_timestamp(self, assignment_id: str, student_id: str) -> datetime | None:
        """Unknown before it is graded."""

    def autograde(self, assignment_id: str, *_: object, **__: object) -> dict[str, object]:
        return {"success": False, "error": NOT_RUN, "log": ""}

    def generate_feedback(self, assignment_id: str, *_: object, **__: object) -> dict[str, object]:
        return {"success": False, "error": NO_PAGES, "log": ""}


def _load_jupyter_server_extension(server: object) -> None:
    base.NbGraderAPI = GradedClass
