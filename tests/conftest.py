"""What several test files share: the repository's course, and a tiny one that may be changed."""

import shutil
from pathlib import Path

import pytest

from autograder import build

ROOT = Path(__file__).parents[1]
TINY = ROOT / "tests" / "fixtures" / "tiny"
BESIDE = ("LICENSE", "LICENSE-text", "requirements-student.lock", "nbgrader_config.py")


@pytest.fixture(scope="session")
def built_tiny(tmp_path_factory) -> Path:
    """A course of one tiny chapter, built; for looking only."""
    root = tmp_path_factory.mktemp("tiny") / "course"
    shutil.copytree(TINY, root)
    for name in BESIDE:
        shutil.copy(ROOT / name, root / name)
    build.build(root)
    return root


@pytest.fixture
def tiny(built_tiny, tmp_path) -> Path:
    """The built tiny course, to change."""
    return Path(shutil.copytree(built_tiny, tmp_path / "course"))
