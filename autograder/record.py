"""Step 5: write verdicts into nbgrader's gradebook, and the graded notebook to ``autograded/``.

One process writes, with nbgrader's own ORM classes, one session, and one commit a submission. What
a person entered in formgrader (manual scores, comments) is never touched. What cannot be written
is rolled back and said in one line: CourseError where no submission could be recorded at all,
NotRecorded where one was not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import (
    Base,
    Comment,
    Grade,
    Gradebook,
    InvalidEntry,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.preprocessors import SaveCells
from nbgrader.utils import compute_checksum
from sqlalchemy import (
    URL,
    Column,
    MetaData,
    String,
    Table,
    create_engine,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session

from autograder import desk, ledger
from autograder.chapter import Chapter, CourseError, grade_id_of
from autograder.classroom import Classroom
from autograder.intake import Submission
from autograder.pool import uninterrupted
from autograder.release import gradebook_source
from autograder.storage import NotRecorded, why, write
from autograder.verdict import Verdict

# Seconds that a gradebook which another program (formgrader, a backup) holds is waited for.
BUSY_SECONDS = 60
CONNECT_SECONDS = 15  # until a database server counts as unreachable
_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32)))


class Book:
    """The gradebook of a course; use as a context manager."""

    def __init__(self, root: Path, db_url: str = "", course_id: str = "gradus") -> None:
        """Open the gradebook, made where there is none. CourseError if it cannot be written."""
        self.root = root
        self.classroom = Classroom()
        self.sources: dict[str, dict[str, NotebookNode]] = {}
        self._alembic_on_path()
        with _usable(db_url or str(root / "gradebook.db")):
            url = _patient(_address(db_url or f"sqlite:///{root / 'gradebook.db'}"))
            _try_to_write(url)
            _clear_half_made(url)
            self.db_url = url.render_as_string(hide_password=False)
            with uninterrupted():  # a first time takes seconds, and a program of its own
                self.gradebook = Gradebook(self.db_url, course_id)
            ledger.METADATA.create_all(self.gradebook.engine)

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
        with _usable(self.db_url):
            self._open_chapter(chapter)

    def open_class(
        self, classroom: Classroom, submissions: Iterable[Submission]
    ) -> dict[tuple[str, str], str]:
        """Roster, due dates and times of receipt, after the chapters were opened, in one commit.

        Returns for each (student, chapter) when it was handed in, for ``Verdict.received``.
        """
        self.classroom = classroom
        with _usable(self.db_url):
            times = desk.open_class(self.gradebook.db, classroom, submissions)
            self.gradebook.db.commit()
            return times

    def _open_chapter(self, chapter: Chapter) -> None:
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
        an earlier run stay as they are. Raises NotRecorded after a roll-back: a rerun completes.
        """
        try:
            self._record(verdict, notebook_name)
        except BaseException as error:
            self._roll_back()
            if isinstance(error, SQLAlchemyError | OSError):
                raise NotRecorded(f"the gradebook was not changed: {why(error)}") from error
            raise

    def _roll_back(self) -> None:
        try:
            self.gradebook.db.rollback()
        except SQLAlchemyError:  # the connection itself is gone: the next use takes a new one
            self.gradebook.db.remove()

    def _record(self, verdict: Verdict, notebook_name: str) -> None:
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
            write(folder / notebook_name, nbformat.writes(graded) + "\n", self.root)
        if self.classroom.stated:
            desk.set_time(submitted.assignment, self.classroom, verdict.received)
            desk.stamp(self.gradebook.db, submitted, self.classroom)
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


@contextmanager
def _usable(shown: str) -> Iterator[None]:
    """Errors of the database at ``shown`` as one clear line."""
    try:
        yield
    except (SQLAlchemyError, InvalidEntry, OSError, ModuleNotFoundError) as error:
        raise CourseError(f"the gradebook {_named(shown)} cannot be used: {why(error)}") from error


def _named(address: str) -> str:
    """An address without its password; a path as it is."""
    try:
        return repr(_address(address))
    except ArgumentError:
        return address.rpartition("@")[2] if "://" in address else address


def _address(text: str) -> URL:
    """Raises ArgumentError for what is no address, also where SQLAlchemy has a ValueError."""
    try:
        return make_url(text)
    except ValueError as error:  # a port that is no number
        raise ArgumentError(str(error)) from None


def _patient(url: URL) -> URL:
    """The same database, with a limit to the time that a lock or a server is waited for."""
    kind = url.get_backend_name()
    if kind == "sqlite":
        waits = {"timeout": str(BUSY_SECONDS)}
    elif kind == "postgresql":
        lock = f"-c lock_timeout={BUSY_SECONDS}s"
        waits = {"connect_timeout": str(CONNECT_SECONDS), "options": lock}
    else:
        waits = {}
    return url.update_query_dict(waits | dict(url.query))


def _try_to_write(url: URL) -> None:
    """Write something and take it back: a read-only or locked gradebook shows before a class runs.

    On its own connection, before nbgrader's: its own error handling logs whole tracebacks.
    """
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            if url.get_backend_name() == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.exec_driver_sql("CREATE TABLE gradus_probe (x INTEGER)")
            connection.rollback()
    finally:
        engine.dispose()


def _clear_half_made(url: URL) -> None:
    """Take back what is left of a creation that was killed, so that nbgrader starts again.

    nbgrader makes its tables one by one and then writes down their version; where it finds a table
    it believes in all of them. Nothing is dropped from a gradebook that holds a single row.
    """
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            names = set(inspect(connection).get_table_names())
            tables = [table for table in Base.metadata.sorted_tables if table.name in names]
            kept = [*tables, _VERSION] if _VERSION.name in names else tables
            if tables and not any(connection.execute(select(t).limit(1)).first() for t in kept):
                Base.metadata.drop_all(connection)
                _VERSION.drop(connection, checkfirst=True)
    finally:
        engine.dispose()
