"""Marks equal plain `nbgrader autograde`'s on half the demo class, cell by cell.

The intended differences are left out by rule, and each has a test of its own elsewhere: a cell
that wrote a warning to stderr loses its points in nbgrader, and not here.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.chapter import chapters
from autograder.demo import STUDENTS, make_class
from autograder.grade import Options, grade

ROOT = Path(__file__).parents[2]
COMPARED = ("ada", "blaise", "carl", "emmy", "ida", "lise")
# The grader is the same for every chapter, and test_agreement compares all of them cell by cell:
# two chapters show that marks are equal. GRADUS_FULL=1 (the monthly run) takes all.
NAMES = list(chapters(ROOT)) if os.environ.get("GRADUS_FULL") else ["01_tensors", "02_autograd"]


def nbgrader(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "nbgrader", *arguments]
    warm = {"JUPYTER_DEFAULT_PROVISIONER_NAME": "gradus-warm"}  # forked kernels: minutes saved
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=os.environ | warm
    )
    assert done.returncode == 0, done.stderr[-3000:]


def scores(url: str, name: str) -> dict[tuple[str, str], float]:
    """Score by (student, grade id)."""
    with Gradebook(url) as book:
        return {
            (submission.student.id, mark.name): mark.score
            for submission in book.find_assignment(name).submissions
            for notebook in submission.notebooks
            for mark in notebook.grades
        }


def warned(folder: Path, name: str) -> set[tuple[str, str]]:
    """(student, grade id) of the cells that wrote to stderr under plain nbgrader."""
    found = set()
    for path in (folder / "autograded").glob(f"*/{name}/*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            outputs = cell.get("outputs", [])
            if any(o.get("name") == "stderr" for o in outputs):
                found.add((path.parts[-3], cell.metadata.get("nbgrader", {}).get("grade_id")))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_marks_equal_plain_nbgrader(tmp_path, name):
    ours, plain = tmp_path / "ours", tmp_path / "plain"
    make_class(ROOT, ours, [name])
    for student in set(STUDENTS) - set(COMPARED):  # nbgrader takes its time
        shutil.rmtree(ours / "submitted" / student)
    shutil.copytree(ours / "submitted", plain / "submitted")
    shutil.copy(ROOT / "nbgrader_config.py", plain)
    (plain / "solutions" / name).mkdir(parents=True)
    notebook = chapters(ROOT)[name].notebook_name
    shutil.copy(ROOT / "solutions" / name / notebook, plain / "solutions" / name)

    report = grade(ours, ROOT, Options(names=[name], jobs=os.cpu_count() or 1))
    nbgrader(plain, "generate_assignment", name, "--force")
    nbgrader(plain, "autograde", name)

    assert report.counts["graded"] == len(COMPARED)
    got = scores(f"sqlite:///{ours / 'gradebook.db'}", name)
    expected = scores(f"sqlite:///{plain / 'gradebook.db'}", name)
    assert set(got) == set(expected)
    noisy = warned(plain, name)
    different = {
        key: (got[key], expected[key]) for key in got if got[key] != expected[key]
    }  # fmt: skip
    assert {key: pair for key, pair in different.items() if key not in noisy} == {}
    assert all(ours > plain for ours, plain in different.values())
    exercises = chapters(ROOT)[name].exercises.values()
    full = {key: c.metadata.nbgrader.points for e in exercises for key, c in e.tests.items()}
    assert {key: got["ada", key] for key in full} == full
