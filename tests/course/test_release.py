"""What students get: no solution, no hidden test, and a notebook that runs to its end."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from autograder import chapter as chapter_module
from autograder.build import _nbgrader
from autograder.chapter import chapters, grade_id_of, hidden_title
from autograder.release import release
from gradus import student

ROOT = Path(__file__).parents[2]
REGION = re.compile(
    r"### BEGIN (SOLUTION|HIDDEN TESTS)\n(.*?)### END (?:SOLUTION|HIDDEN TESTS)", re.DOTALL
)
FRIENDLY = ast.literal_eval(student.STUB.removeprefix("raise NotImplementedError(")[:-1])


def flat(text: str) -> str:
    """Text without white space, so that no re-indentation hides a find."""
    return "".join(text.split())


def secrets(notebook) -> list[str]:
    """The text of every solution and hidden test that is long enough to be recognised."""
    found = [m[2] for cell in notebook.cells for m in REGION.finditer(cell.source)]
    return [flat(text) for text in found if len(flat(text)) >= 20]


def test_one_friendly_sentence_for_the_whole_course(tmp_path):
    config = _nbgrader(ROOT, tmp_path).config
    assert student.STUB == chapter_module.STUB == config.ClearSolutions.code_stub["python"]


def test_no_solution_and_no_hidden_test_is_released(chapter, student_notebook):
    released = flat("\n".join(cell.source for cell in student_notebook.cells))
    assert [secret for secret in secrets(chapter.notebook) if secret in released] == []
    assert "###BEGIN" not in released and "###END" not in released


def test_no_output_and_no_count_is_released(student_notebook):
    for cell in student_notebook.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None


def test_of_a_hidden_test_only_the_title_is_released(student_notebook):
    for cell in student_notebook.cells:
        role = getattr(grade_id_of(cell), "role", None)
        if role == "reference":
            assert cell.source.strip() == ""
        if role == "hidden":
            assert hidden_title(cell) and len(cell.source.strip().splitlines()) == 1


def test_every_answer_cell_holds_the_stub(chapter, student_notebook):
    answers = [c for c in student_notebook.cells if getattr(grade_id_of(c), "role", "") == "answer"]
    assert len(answers) == sum(len(e.answers) for e in chapter.exercises.values())
    assert [c.id for c in answers if student.STUB not in c.source] == []


def test_only_notebooks_and_data_are_released(chapter):
    files = {path.suffix for path in (ROOT / "notebooks" / chapter.name).rglob("*")}
    assert files <= {".ipynb", ".csv", ".json", ".npz", ".png", ".txt"}


@pytest.mark.slow
def test_run_all_reaches_the_end_and_each_hole_says_so(chapter, student_notebook, tmp_path):
    """A cell that fails without the tag raises-exception would stop Run All in JupyterLab."""
    NotebookClient(
        student_notebook,
        timeout=120,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    said = {key: [] for key in chapter.exercises}
    for cell in student_notebook.cells:
        grade_id = grade_id_of(cell)
        for output in cell.get("outputs", []):
            if grade_id and output.output_type == "error":
                said[grade_id.exercise].append((output.ename, output.evalue))
    friendly = ("NotImplementedError", FRIENDLY)
    assert [key for key, errors in said.items() if friendly not in errors] == []


@pytest.mark.parametrize("name", list(chapters(ROOT)))
def test_the_release_in_memory_is_the_one_that_ships(name):
    """The proof of the tests releases in memory, the build through nbgrader: same cells."""
    chapter = chapters(ROOT)[name]
    shipped = nbformat.read(ROOT / "notebooks" / name / chapter.notebook_name, as_version=4)
    in_memory = release(chapter.notebook)
    for ours, theirs in zip(in_memory.cells, shipped.cells, strict=True):
        assert (ours.id, ours.cell_type, ours.source) == (
            theirs.id,
            theirs.cell_type,
            theirs.source,
        )
        assert ours.metadata == theirs.metadata
