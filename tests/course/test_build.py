"""The build: reproducible, honest about drift, strict about what a solution shows."""

from pathlib import Path

import nbformat
import pytest

from autograder import build, coursemap
from autograder.chapter import CourseError, chapters

ROOT = Path(__file__).parents[2]

SOURCE = "solutions/00_tiny/tiny.py"


def edit(course, before: str, after: str) -> None:
    path = course / SOURCE
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_the_notebooks_of_the_course_come_from_their_sources():
    assert build.drift(ROOT) == []


def test_the_course_map_comes_from_the_chapters():
    assert coursemap.updated(ROOT) == (ROOT / "README.md").read_text(encoding="utf-8")


def test_two_builds_in_two_folders_give_the_same_bytes(built_tiny, tmp_path):
    other = tmp_path / "elsewhere" / "course"
    (other / SOURCE).parent.mkdir(parents=True)
    (other / SOURCE).write_bytes((built_tiny / SOURCE).read_bytes())
    assert build.build(other) == ["solutions/00_tiny/tiny.ipynb", "notebooks/00_tiny/tiny.ipynb"]
    for name in ("solutions/00_tiny/tiny.ipynb", "notebooks/00_tiny/tiny.ipynb"):
        assert (other / name).read_bytes() == (built_tiny / name).read_bytes(), name


def test_a_second_build_changes_nothing(tiny):
    assert build.build(tiny) == []


def test_no_drift_after_a_build(built_tiny):
    assert build.drift(built_tiny) == []


@pytest.mark.parametrize(
    "before, after, named",
    [
        ("canary_solution = 2 * x", "canary_solution = x + x", ["solutions/00_tiny"]),
        ("extension: .py", "extension: .py ", []),
        ('"points": 4', '"points": 5', ["solutions/00_tiny", "notebooks/00_tiny"]),
        ("Give twice", "Give me twice", ["solutions/00_tiny", "notebooks/00_tiny"]),
        ('tags=["demo"]', "", ["solutions/00_tiny", "notebooks/00_tiny"]),
    ],
)
def test_drift_names_what_differs(tiny, before, after, named):
    edit(tiny, before, after)
    assert [line.split("/tiny.ipynb")[0] for line in build.drift(tiny)] == named


def test_drift_names_what_is_missing_or_has_no_source(tiny):
    (tiny / "notebooks" / "00_tiny" / "tiny.ipynb").unlink()
    (tiny / "notebooks" / "99_gone").mkdir()
    lines = build.drift(tiny)
    assert "notebooks/00_tiny/tiny.ipynb is missing: make notebooks CH=00_tiny" in lines
    assert "notebooks/99_gone has no source in solutions/: remove it" in lines


def test_drift_names_a_solution_that_was_not_executed(tiny):
    path = tiny / "solutions" / "00_tiny" / "tiny.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].execution_count = None
    nbformat.write(notebook, path)
    assert "was not executed" in build.drift(tiny)[0]


@pytest.mark.parametrize(
    "line, said",
    [
        ("raise ValueError('no')", "cell-002 (raise ValueError('no')): ValueError: no"),
        ("import warnings; warnings.warn('old')", "writes to stderr"),
        ("import os; os._exit(1)", "the kernel stopped after"),
    ],
)
def test_a_cell_that_cannot_be_kept_stops_the_build_with_its_name(tiny, line, said):
    edit(tiny, 'print("shown only", object())', line)
    before = (tiny / "solutions" / "00_tiny" / "tiny.ipynb").read_bytes()
    with pytest.raises(CourseError) as raised:
        build.build(tiny)
    assert said in str(raised.value)
    assert (tiny / "solutions" / "00_tiny" / "tiny.ipynb").read_bytes() == before


def test_output_that_varies_is_not_stored(tiny):
    edit(tiny, '# %% tags=["demo"]', '# %% tags=["nbval-ignore-output"]\nimport os; os.getpid()')
    build.build(tiny)
    cell = nbformat.read(tiny / "solutions" / "00_tiny" / "tiny.ipynb", as_version=4).cells[3]
    assert "getpid" in cell.source and cell.outputs == []


def test_no_trace_of_the_machine(built_tiny):
    for path in built_tiny.glob("*/00_tiny/tiny.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        assert set(notebook.metadata.language_info) == {"name"}
        assert all("execution" not in cell.metadata for cell in notebook.cells)
        assert "object at 0x…" in path.read_text("utf-8") or path.parts[-3] == "notebooks"


def test_an_unknown_chapter_is_named_with_the_known_ones():
    with pytest.raises(CourseError, match="no chapter '77_x' in solutions/: one of 0"):
        build.select(ROOT, ["77_x"])


def test_ids_are_those_of_the_source(built_tiny):
    notebook = chapters(built_tiny)["00_tiny"].notebook
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
