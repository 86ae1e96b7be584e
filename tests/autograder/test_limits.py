"""Limits: each stands in the documentation, and a chapter can change it."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from autograder.chapter import Chapter, CourseError
from autograder.limits import LIMITS, Limits

README = Path(__file__).parents[2] / "autograder" / "README.md"


@pytest.mark.parametrize("name", [item.name for item in fields(Limits)])
def test_every_limit_is_documented(name):
    assert f"`{name}`" in README.read_text(encoding="utf-8")


def test_a_chapter_changes_its_limits(tmp_path, chapter):
    assert chapter.limits == LIMITS
    assert with_header(tmp_path, chapter, "{cell_seconds: 7}").limits.cell_seconds == 7


@pytest.mark.parametrize(
    ("changes", "said"), [("{cell_secs: 7}", "no limit 'cell_secs'"), ("{cells: many}", "'many'")]
)
def test_a_limit_that_is_none_is_the_courses_fault(tmp_path, chapter, changes, said):
    with pytest.raises(CourseError, match=re.escape(said)):
        _ = with_header(tmp_path, chapter, changes).limits


def with_header(folder: Path, chapter: Chapter, changes: str) -> Chapter:
    """The chapter with these limits in its header."""
    text = chapter.source.read_text(encoding="utf-8")
    source = folder / "tiny.py"
    source.write_text(
        text.replace("# jupyter:\n", f"# jupyter:\n#   gradus:\n#     limits: {changes}\n", 1)
    )
    return Chapter(source)
