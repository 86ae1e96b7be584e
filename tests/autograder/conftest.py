"""A tiny course for the tests of the grader, and helpers to hand things in."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from autograder.chapter import Chapter, chapters, hidden_title
from autograder.feedback import write_feedback
from autograder.intake import STUDENT_NAME
from autograder.record import Book
from autograder.release import release
from autograder.verdict import Mark, Verdict

COURSE = Path(__file__).parents[1] / "fixtures" / "course"
CHAPTER = "00_tiny"


@pytest.fixture(scope="session")
def course() -> Path:
    return COURSE


@pytest.fixture(scope="session")
def chapter() -> Chapter:
    return chapters(COURSE)[CHAPTER]


@pytest.fixture
def starter(chapter: Chapter) -> dict:
    """A fresh copy of the released notebook, as the JSON tree a student's file holds."""
    return json.loads(nbformat.writes(release(chapter.notebook)))


@pytest.fixture
def solved(starter: dict, chapter: Chapter) -> dict:
    """The released notebook with every solution written in."""
    return fill(starter, {c.id: c.source for c in chapter.notebook.cells if "ex-" in c.id
                          or "predict-" in c.id})  # fmt: skip


def fill(notebook: dict, texts: dict[str, str]) -> dict:
    """Write these texts into the answer cells with these grade ids."""
    for cell in notebook["cells"]:
        meta = cell["metadata"].get("nbgrader", {})
        if meta.get("solution") and meta["grade_id"] in texts:
            cell["source"] = texts[meta["grade_id"]]
    return notebook


def hand_in(root: Path, student: str, notebook: dict | bytes | str) -> Path:
    """Put a submission where the grader looks for it."""
    path = root / "submitted" / student / CHAPTER / "tiny.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(notebook, dict):
        notebook = json.dumps(notebook)
    path.write_bytes(notebook.encode() if isinstance(notebook, str) else notebook)
    return path


def verdict_of(chapter: Chapter, student: str, messages: dict[str, str], **facts) -> Verdict:
    """A verdict with a mark for each test: 0 points where ``messages`` (by grade id) has one."""
    marks = [
        Mark(
            grade_id=grade_id,
            title=f"{exercise.name} · {hidden_title(cell) or exercise.title}",
            max_points=cell.metadata.nbgrader.points,
            points=0 if grade_id in messages else cell.metadata.nbgrader.points,
            message=messages.get(grade_id, ""),
            values=f"values of {grade_id}" if grade_id in messages else "",
            visible="hidden" not in grade_id,
        )
        for exercise in chapter.exercises.values()
        for grade_id, cell in exercise.tests.items()
    ]
    return Verdict(student, chapter.name, marks=marks, **facts)


def record(root: Path, chapter: Chapter, verdicts: list[Verdict]) -> None:
    """Put verdicts into the gradebook of ``root``, with their feedback pages."""
    with Book(root) as book:
        book.open_chapter(chapter)
        for verdict in verdicts:
            book.record(verdict, chapter.notebook_name)
            if STUDENT_NAME.fullmatch(verdict.student):
                write_feedback(root, verdict, chapter.notebook_name)
