"""A tiny course for the tests of the grader, and helpers to hand things in."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from autograder.chapter import Chapter, chapters
from autograder.release import release

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
