"""Step 5: write verdicts into nbgrader's gradebook, and the graded notebook to ``autograded/``.

One process writes, with nbgrader's own ORM classes, one session, and one commit a submission. What
a person entered in formgrader (manual scores, comments) is never touched.
"""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import (
    Comment,
    Grade,
    Gradebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.preprocessors import SaveCells
from nbgrader.utils import compute_checksum
from sqlalchemy.orm import Session

from autograder import ledger
from autograder.chapter import Chapter, CourseError, grade_id_of
from autograder.release import gradebook_source
from autograder.verdict import Verdict


class Book:
    """The gradebook of a course; use as a context manager."""

    def __init__(self, root: Path, db_url: str = "", course_id: str = "gradus") -> None:
        self.root = root
        self.db_url = db_url or f"sqlite:///{root / 'gradebook.db'}"
        self._alembic_on_path()
        self.gradebook = Gradebook(self.db_url, course_id)
        ledger.TABLE.create(self.gradebook.engine, checkfirst=True)
        self.sources: dict[str, dict[str, NotebookNode]] = {}

    def __enter__(self) -> Book:
        return self

    def __exit__(self, *_: object) -> None:
        self.gradebook.close()

    @staticmethod
    def _alembic_on_path() -> None:
        """nbgrader calls ``alembic`` when it makes a database: it lies next to this interpreter."""
        import sys

        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

    def verdicts(self) -> list[Verdict]:
        """Every verdict on record, by chapter and student."""
        return ledger.verdicts(self.gradebook.db)

    def open_chapter(self, chapter: Chapter) -> None:
        """Make (or update) the assignment and its cells. Raises CourseError if they do not fit."""
        source = gradebook_source(chapter.notebook)
        notebook_id = Path(chapter.notebook_name).stem
        self.gradebook.update_or_create_assignment(chapter.name)
        resources = {
            "nbgrader": {
                "notebook": notebook_id,
                "assignment": chapter.name,
                "db_url": self.db_url,
            }
        }
        try:
            SaveCells()(source, resources)
        except RuntimeError as error:
            raise CourseError(
                f"{chapter.name}: {error}. The gradebook knows an older version of the chapter:"
                " grade with another --root, or remove the chapter's submissions with nbgrader db"
            ) from error
        self.gradebook.db.expire_all()
        self.sources[chapter.name] = {c.id: c for c in source.cells if grade_id_of(c)}

    def record(self, verdict: Verdict, notebook_name: str) -> None:
        """Marks into the gradebook (one commit), the executed notebook into ``autograded/``.

        A verdict without marks makes a row all the same, which asks for a manual grade; marks of
        an earlier run stay as they are.
        """
        notebook_id = Path(notebook_name).stem
        submitted = self._submitted_notebook(verdict, notebook_id)
        marks = {mark.grade_id: mark for mark in verdict.marks}
        for grade in submitted.grades:
            mark = marks.get(grade.cell.name)
            if mark is not None:
                grade.auto_score = mark.points
            # Without a mark (not a notebook, the grader failed) a person decides: never a silent 0.
            unsure = mark.fault if mark else grade.cell.max_score > 0
            grade.needs_manual_grade = bool(unsure or grade.manual_score is not None)
        if verdict.notebook is not None:
            graded = self._graded_notebook(verdict)
            self._comment(submitted, graded)
            folder = self.root / "autograded" / verdict.student / verdict.chapter
            write(folder / notebook_name, nbformat.writes(graded) + "\n")
        ledger.enter(self.gradebook.db, verdict)
        self.gradebook.db.commit()

    def _submitted_notebook(self, verdict: Verdict, notebook_id: str) -> SubmittedNotebook:
        """The row of this submission, with a grade for each graded cell; made where missing."""
        with self.gradebook.db.no_autoflush:
            return self._rows(self.gradebook.db, verdict, notebook_id)

    def _rows(self, session: Session, verdict: Verdict, notebook_id: str) -> SubmittedNotebook:
        assignment = self.gradebook.find_assignment(verdict.chapter)
        notebook = next(n for n in assignment.notebooks if n.name == notebook_id)
        student = session.get(Student, verdict.student) or Student(id=verdict.student)
        session.add(student)
        submission = (
            session.query(SubmittedAssignment)
            .filter_by(assignment_id=assignment.id, student_id=student.id)
            .one_or_none()
        )
        if submission is None:
            submission = SubmittedAssignment(assignment=assignment, student=student)
            submitted = SubmittedNotebook(notebook=notebook, assignment=submission)
            session.add(submission)
        else:
            submitted = next(n for n in submission.notebooks if n.notebook_id == notebook.id)
        have = {grade.cell_id for grade in submitted.grades}
        for cell in notebook.grade_cells:
            if cell.id not in have:
                session.add(Grade(cell_id=cell.id, cell=cell, notebook=submitted))
        have = {comment.cell_id for comment in submitted.comments}
        for cell in notebook.solution_cells:
            if cell.id not in have:
                session.add(Comment(cell_id=cell.id, cell=cell, notebook=submitted))
        return submitted

    def _graded_notebook(self, verdict: Verdict) -> NotebookNode:
        """The executed notebook with all metadata and hidden tests, as nbgrader has it."""
        graded = nbformat.from_dict(verdict.notebook)
        for cell in graded.cells:
            source = self.sources[verdict.chapter].get(cell.id)
            if source is None:
                continue
            cell.metadata = source.metadata
            if source.metadata.nbgrader.locked:
                cell.source = source.source
        return graded

    def _comment(self, submitted: SubmittedNotebook, graded: NotebookNode) -> None:
        """nbgrader's own remark on an answer cell that was left as released."""
        texts = {c.id: c for c in graded.cells if grade_id_of(c)}
        for comment in submitted.comments:
            cell = texts.get(comment.cell.name)
            untouched = cell and compute_checksum(cell) == cell.metadata.nbgrader.get("checksum")
            comment.auto_comment = "No response." if untouched else None


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
