"""What an earlier run has settled: nothing is graded twice, and nothing that changed is kept.

The marks of an exercise depend on its cells, the setup, the limits, the grader's code, and on what
the student wrote. A hash of all that is kept with them. A submission whose hashes are the same is
done; where a hidden test has changed, only the exercises that it belongs to are graded again.
"""

from __future__ import annotations

import ast
import hashlib
import json
from functools import lru_cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.chapter import Chapter, Exercise
from autograder.sandbox import gradus_folder
from autograder.verdict import GRADED, NEEDS_PERSON, REPLACED, Answer, Mark, Verdict

PARSED_CHARACTERS = 20_000  # Python parses some longer texts for many seconds (import a.a.a.…)


def digest(*parts: object) -> str:
    """A short hash of texts and bytes."""
    whole = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode("utf-8", "replace")
        whole.update(len(data).to_bytes(8, "little") + data)
    return whole.hexdigest()[:32]


@lru_cache(maxsize=1)
def grader_digest() -> str:
    """Of the code that decides marks: this package and ``gradus``."""
    packages = (gradus_folder(), Path(__file__).parent)
    files = [file for package in packages for file in sorted(package.rglob("*.py"))]
    return digest(*(file.read_bytes() for file in files))


def exercise_digests(chapter: Chapter, sandbox: str) -> dict[str, str]:
    """Of everything on the course's side that an exercise's marks depend on, by exercise."""
    common = [grader_digest(), sandbox, chapter.limits, *(cell.source for cell in chapter.setup)]
    return {key: digest(*common, _cells(exercise)) for key, exercise in chapter.exercises.items()}


def _cells(exercise: Exercise) -> str:
    return json.dumps([[key, cell.source, cell.metadata] for key, cell in exercise.cells.items()])


def submission_digest(data: bytes, files: dict[str, bytes]) -> str:
    """Of what a student handed in."""
    return digest(data, *(part for item in sorted(files.items()) for part in item))


def is_done(previous: Verdict | None, submission: str, against: str) -> bool:
    """Whether this submission has a verdict that another run would only repeat.

    Where the grader or the machine failed (no marks, needs a person), another try is worth it.
    """
    if previous is None or (previous.submission, previous.against) != (submission, against):
        return False
    return previous.status != NEEDS_PERSON or bool(previous.marks)


def settled(previous: Verdict | None) -> dict[str, str]:
    """What the marks of an earlier run depend on, by exercise; nothing where there are no marks.

    A verdict may know a student's answers and have no marks for them: the machine failed.
    """
    if previous is None:
        return {}
    marked = {_exercise_of(mark) for mark in previous.marks}
    return {key: answer.settled for key, answer in previous.answers.items() if key in marked}


def _exercise_of(mark: Mark) -> str:
    return "-".join(mark.grade_id.split("-")[:3])


def carry_over(verdict: Verdict, previous: Verdict | None, old: NotebookNode | None) -> None:
    """Complete a verdict with what was kept of the previous one, and count the tries.

    ``old``: the notebook as it was graded before, for the outputs of cells that did not run now.
    """
    if previous is None:
        previous = Verdict(verdict.student, verdict.chapter)
    kept = [mark for mark in previous.marks if _exercise_of(mark) in verdict.kept]
    verdict.marks = _in_order(verdict.marks + kept, previous)
    for key, answer in verdict.answers.items():
        answer.tries = _tries(answer, previous.answers.get(key, Answer()))
    if verdict.kept:
        seen = [flag for flag in previous.flags if _came_up_in(verdict.kept, flag)]
        verdict.flags += [flag for flag in seen if flag not in verdict.flags]
        verdict.cpu_seconds += previous.cpu_seconds
        verdict.peak_bytes = max(verdict.peak_bytes, previous.peak_bytes)
        faults = [mark.title for mark in verdict.marks if mark.fault]
        if faults and verdict.status == GRADED:
            verdict.status, verdict.cause = NEEDS_PERSON, f"could not be judged: {faults[0]}"
    if verdict.kept and verdict.notebook is not None and old is not None:
        _keep_outputs(verdict.notebook, old)


def _came_up_in(exercises: list[str], flag: str) -> bool:
    """Whether a flag tells what was seen while these exercises ran."""
    return flag.startswith((REPLACED, *(f"{exercise}: " for exercise in exercises)))


def _in_order(marks: list, previous: Verdict) -> list:
    place = {mark.grade_id: index for index, mark in enumerate(previous.marks)}
    return sorted(marks, key=lambda mark: place.get(mark.grade_id, len(place)))


def _tries(answer: Answer, before: Answer) -> int:
    """How many different answers there were, as far as the class's folder knows."""
    return before.tries + int(bool(answer.written) and answer.written != before.written)


def _keep_outputs(notebook: NotebookNode, old: NotebookNode) -> None:
    before = {cell.id: cell for cell in old.cells if cell.cell_type == "code"}
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.execution_count is None and cell.id in before:
            cell.outputs = before[cell.id].outputs
            cell.execution_count = before[cell.id].execution_count


def read_graded(path: Path) -> NotebookNode | None:
    """The notebook of an earlier run, if it is there and whole."""
    try:
        return nbformat.read(path, as_version=4) if not path.is_symlink() else None
    except (OSError, ValueError):
        return None


def normalised(text: str) -> str:
    """The text without comments, docstrings and formatting, to compare two students' answers."""
    if len(text) > PARSED_CHARACTERS:
        return " ".join(text.split())
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return " ".join(text.split())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and len(body) > 1:
                del body[0]
    try:
        return ast.unparse(tree)
    except (RecursionError, ValueError):
        return " ".join(text.split())
