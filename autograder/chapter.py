"""A chapter as its author wrote it: the one source, read and completed.

``solutions/NN_topic/topic.py`` (jupytext percent) holds prose, code, solutions, references and
tests. An author writes only the grade id and the points in a cell's header; what else nbgrader
and Jupyter need follows from the id and is filled in here.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from autograder.boundary import names
from autograder.limits import LIMITS, Limits

CATEGORIES = ("conceptual", "implementation", "production", "problem solving")
STUB = 'raise NotImplementedError("Your turn: replace this line with your own code.")'

_ID = re.compile(
    r"(?P<exercise>ex-\d+-\d+|predict-\d+-\d+)"
    r"(?:-(?P<role>check|reference|hidden|[b-z])(?:-(?P<number>\d+))?)?$"
)
_BOX = re.compile(r"### (?P<kind>Exercise|Predict) (?P<id>\d+\.\d+) · (?P<title>.+)")
_FACTS = re.compile(
    r"(?P<stars>[★☆]{5}) · (?P<minutes>\d+) min · (?P<category>[a-z ]+) · (?P<points>\d+) points?$"
)
_OPENING = re.compile(
    r"Reading: (?P<reading>\d+) minutes · exercises: (?P<exercises>\d+) minutes"
    r" · (?P<points>\d+) points"
)
_HIDDEN_TITLE = re.compile(r"# Hidden test (?:predict )?[\d.]+ · (?P<title>.+) · \d+ points?")


class CourseError(Exception):
    """The course itself is wrong; the message says where and what to do."""


@dataclass(frozen=True)
class GradeId:
    """A grade id taken apart: exercise ``ex-1-5``, role and number."""

    text: str
    exercise: str
    role: str  # answer, check, reference or hidden

    @classmethod
    def parse(cls, text: str) -> GradeId:
        match = _ID.match(text)
        if not match:
            raise CourseError(f"grade id {text!r}: expected something like ex-1-5-check")
        role = match["role"] or "answer"
        return cls(text, match["exercise"], "answer" if len(role) == 1 else role)

    @property
    def label(self) -> str:
        """What people call the exercise: ``1.5`` or ``predict-1-2``."""
        kind, chapter, number = self.exercise.split("-")
        return f"{chapter}.{number}" if kind == "ex" else self.exercise


@dataclass(frozen=True)
class Exercise:
    """One exercise or Predict question with all its cells."""

    key: str  # ex-1-5, predict-1-2
    label: str  # 1.5, predict-1-2
    title: str
    stars: int
    minutes: int
    category: str
    stated_points: int
    box: NotebookNode
    cells: dict[str, NotebookNode] = field(default_factory=dict)  # grade id → cell

    def of_role(self, role: str) -> dict[str, NotebookNode]:
        return {key: c for key, c in self.cells.items() if GradeId.parse(key).role == role}

    @property
    def answers(self) -> dict[str, NotebookNode]:
        return self.of_role("answer")

    @property
    def references(self) -> dict[str, NotebookNode]:
        return self.of_role("reference")

    @property
    def tests(self) -> dict[str, NotebookNode]:
        """Visible checks, then hidden tests."""
        return self.of_role("check") | self.of_role("hidden")

    @property
    def points(self) -> int:
        return sum(cell.metadata.nbgrader.points for cell in self.tests.values())

    @property
    def name(self) -> str:
        """What a reader calls it: ``Exercise 1.5``, ``Predict 1.2``."""
        kind, chapter, number = self.key.split("-")
        return f"{'Exercise' if kind == 'ex' else 'Predict'} {chapter}.{number}"

    @property
    def is_predict(self) -> bool:
        return self.key.startswith("predict")


class Chapter:
    """One chapter, read from its source; ``notebook`` is complete but not executed."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.folder = source.parent
        self.name = source.parent.name

    @property
    def notebook_name(self) -> str:
        """File name of the chapter's notebook, without folder: ``tensors.ipynb``."""
        return self.source.with_suffix(".ipynb").name

    @cached_property
    def notebook(self) -> NotebookNode:
        return assemble(self.source)

    @cached_property
    def limits(self) -> Limits:
        """The grader's limits, with what the header of the source changes."""
        try:
            return LIMITS.changed(self.notebook.metadata.get("gradus", {}).get("limits", {}))
        except ValueError as error:
            raise CourseError(f"{self.source}: {error}") from None

    @property
    def files(self) -> list[str]:
        """Names of the files that a student may hand in beside the notebook."""
        return list(self.notebook.metadata.get("gradus", {}).get("files", []))

    @cached_property
    def title(self) -> str:
        lines = self.notebook.cells[0].source.splitlines()
        return lines[0].lstrip("# ").split("·", 1)[-1].strip()

    @cached_property
    def opening(self) -> dict[str, int]:
        """Stated minutes of reading and of exercises, and points, from the opening line."""
        for cell in self.notebook.cells:
            match = _OPENING.search(cell.source)
            if match:
                return {key: int(value) for key, value in match.groupdict().items()}
        raise CourseError(f"{self.source}: no line 'Reading: … minutes · exercises: … · … points'")

    @property
    def reading_minutes(self) -> int:
        return self.opening["reading"]

    @cached_property
    def setup(self) -> list[NotebookNode]:
        return [c for c in self.notebook.cells if "setup" in tags(c)]

    @cached_property
    def exercises(self) -> dict[str, Exercise]:
        """Exercises and Predict questions by key, in the order of the chapter."""
        found = {e.key: e for e in self._boxes()}
        for cell in self.notebook.cells:
            grade_id = grade_id_of(cell)
            if grade_id is None:
                continue
            if grade_id.exercise not in found:
                raise CourseError(f"{self.source}: {grade_id.text} has no exercise box")
            found[grade_id.exercise].cells[grade_id.text] = cell
        return found

    def _boxes(self) -> Iterator[Exercise]:
        for cell in self.notebook.cells:
            match = _BOX.match(cell.source) if cell.cell_type == "markdown" else None
            if not match:
                continue
            facts = _FACTS.match((cell.source.splitlines() + [""])[1].strip())
            if not facts:
                raise CourseError(
                    f"{self.source}: {match['kind']} {match['id']}: the second line must read"
                    " '★★☆☆☆ · 5 min · implementation · 4 points'"
                )
            prefix = "ex-" if match["kind"] == "Exercise" else "predict-"
            key = prefix + match["id"].replace(".", "-")
            yield Exercise(
                key=key,
                label=GradeId.parse(key).label,
                title=match["title"].strip(),
                stars=facts["stars"].count("★"),
                minutes=int(facts["minutes"]),
                category=facts["category"],
                stated_points=int(facts["points"]),
                box=cell,
            )

    def find(self, label: str) -> Exercise:
        """The exercise called ``1.5``, ``ex-1-5`` or ``predict-1-2``."""
        for exercise in self.exercises.values():
            if label in (exercise.label, exercise.key):
                return exercise
        raise CourseError(f"{self.name}: there is no exercise {label!r}")


def chapters(root: Path) -> dict[str, Chapter]:
    """All chapters under ``root/solutions``, by name, in order."""
    found = {}
    for folder in sorted((root / "solutions").glob("[0-9][0-9]_*")):
        source = folder / f"{folder.name.split('_', 1)[1]}.py"
        if source.is_file():
            found[folder.name] = Chapter(source)
    if not found:
        raise CourseError(f"{root / 'solutions'}: no chapter found (NN_topic/topic.py)")
    return found


def assemble(source: Path) -> NotebookNode:
    """The notebook of a percent source, with complete metadata and ids, not executed.

    Raises CourseError for a malformed grade id or points that are missing.
    """
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    stated = notebook.metadata.get("gradus")
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    if stated:
        notebook.metadata.gradus = stated
    for index, cell in enumerate(notebook.cells):
        _complete(cell, index, source)
    with contextlib.suppress(SyntaxError):  # lint names the cell
        _let_run_on([cell for cell in notebook.cells if cell.cell_type == "code"])
    return notebook


def _let_run_on(cells: list[NotebookNode]) -> None:
    """Tag the shown cells that need an answer: while it is missing, Run All passes over them."""
    needs_answer: set[str] = set()  # names
    for cell in cells:
        bound, read = names(cell.source)
        if grade_id_of(cell) or read & needs_answer:
            needs_answer |= bound
            _may_fail(cell)
        else:
            needs_answer -= bound


def _may_fail(cell: NotebookNode) -> None:
    cell.metadata.tags = sorted({*tags(cell), "raises-exception"})


def _complete(cell: NotebookNode, index: int, source: Path) -> None:
    stated = cell.metadata.get("nbgrader")
    cell.metadata.pop("lines_to_next_cell", None)  # jupytext's note on blank lines
    cell.id = f"cell-{index:03d}"
    if cell.cell_type == "code":
        cell.execution_count, cell.outputs = None, []
    if stated is None:
        return
    grade_id = GradeId.parse(stated.get("grade_id", ""))
    graded = grade_id.role != "answer"
    if graded and not isinstance(stated.get("points"), int):
        raise CourseError(f"{source}: {grade_id.text} needs points in its header")
    cell.id = grade_id.text
    cell.metadata.nbgrader = NotebookNode(
        grade=graded,
        grade_id=grade_id.text,
        locked=graded,
        schema_version=3,
        solution=not graded,
        task=False,
    )
    if graded:
        cell.metadata.nbgrader.points = stated["points"]


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def grade_id_of(cell: NotebookNode) -> GradeId | None:
    """The parsed grade id of a cell that nbgrader knows, else None."""
    meta = cell.metadata.get("nbgrader") or {}
    return GradeId.parse(meta["grade_id"]) if "grade_id" in meta else None


def hidden_title(cell: NotebookNode) -> str:
    """The title line of a hidden test, which the student may see in feedback."""
    match = _HIDDEN_TITLE.match(cell.source)
    return match["title"] if match else ""
