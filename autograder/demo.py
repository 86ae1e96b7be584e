"""A class of twelve to look at: made from solutions, named answers and starters, then graded.

Everything lies in one folder (``demo/``), which is made anew each time.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.answers import Answer, read_answers
from autograder.chapter import Chapter, chapters
from autograder.grade import Report

STUDENTS = (
    "ada", "blaise", "carl", "dorothy", "emmy", "fei",
    "grace", "henri", "ida", "john", "kurt", "lise",
)  # fmt: skip


def make_class(course: Path, root: Path, names: list[str] | None = None) -> dict[str, str]:
    """Fill ``root/submitted`` with twelve students' work; what each one is like, by student.

    Ada hands in the solutions, Blaise other right answers, Lise the untouched starters; the others
    mix right and wrong answers, a few exercises untouched, each in their own way.
    """
    shutil.rmtree(root / "submitted", ignore_errors=True)
    for name, chapter in chapters(course).items():
        if names and name not in names:
            continue
        released = nbformat.read(course / "notebooks" / name / chapter.notebook_name, as_version=4)
        answers = read_answers(chapter.folder / "answers.py", chapter)
        for student in STUDENTS:
            notebook = _notebook(chapter, released, answers, student)
            folder = root / "submitted" / student / name
            folder.mkdir(parents=True)
            nbformat.write(notebook, folder / chapter.notebook_name)
    return {s: _kind(s) for s in STUDENTS}


def _kind(student: str) -> str:
    kinds = {"ada": "solutions", "blaise": "right answers", "lise": "starters"}
    return kinds.get(student, "a mixture")


def _notebook(
    chapter: Chapter, released: NotebookNode, answers: list[Answer], student: str
) -> NotebookNode:
    texts = {}
    chance = random.Random(f"{student} {chapter.name}")
    for exercise in chapter.exercises.values():
        solution = {key: cell.source for key, cell in exercise.answers.items()}
        named = [a for a in answers if a.exercise == exercise.key]
        right = [a.cells for a in named if a.right] or [solution]
        wrong = [a.cells for a in named if not a.right]
        kind = _kind(student)
        if kind == "solutions":
            texts |= solution
        elif kind == "right answers":
            texts |= chance.choice(right)
        elif kind == "a mixture":
            texts |= chance.choice([solution, *right, *wrong, {}])
    notebook = nbformat.from_dict(released)
    for cell in notebook.cells:
        cell.source = texts.get(cell.id, cell.source)
    return notebook


def mark_table(report: Report) -> str:
    """One row a student, one column a chapter, and the total."""
    names = sorted({v.chapter for v in report.verdicts})
    students = sorted({v.student for v in report.verdicts})
    points = {(v.student, v.chapter): v.points for v in report.verdicts}
    full = {name: max(v.max_points for v in report.verdicts if v.chapter == name) for name in names}
    widths = [max(len(name), 7) for name in names]
    lines = ["  ".join([f"{'student':10}", *map(str.rjust, names, widths), f"{'total':>7}"])]
    for student in students:
        row = [points.get((student, name), 0.0) for name in names]
        cells = [f"{p:{w}g}" for p, w in zip(row, widths, strict=True)]
        lines.append("  ".join([f"{student:10}", *cells, f"{sum(row):7g}"]))
    cells = [f"{full[name]:{w}g}" for name, w in zip(names, widths, strict=True)]
    lines.append("  ".join([f"{'of':10}", *cells, f"{sum(full.values()):7g}"]))
    return "\n".join(lines)
