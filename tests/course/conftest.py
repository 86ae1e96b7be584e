"""The chapters of the course, one test case each."""

from pathlib import Path

import nbformat
import pytest

from autograder.chapter import Chapter, chapters

ROOT = Path(__file__).parents[2]
CHAPTERS = chapters(ROOT)


@pytest.fixture(params=CHAPTERS, scope="session")
def chapter(request) -> Chapter:
    return CHAPTERS[request.param]


@pytest.fixture(scope="session")
def solution(chapter):
    """The executed chapter as it is stored."""
    return nbformat.read(chapter.folder / chapter.notebook_name, as_version=4)


@pytest.fixture(scope="session")
def student_notebook(chapter):
    """The chapter as students get it."""
    path = ROOT / "notebooks" / chapter.name / chapter.notebook_name
    return nbformat.read(path, as_version=4)
