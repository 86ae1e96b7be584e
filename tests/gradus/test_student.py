"""The student's commands: lab (up to the browser), check, submit."""

import zipfile

import nbformat
import pytest

from gradus import __main__ as command
from gradus import student

RIGHT = "def double(x):\n    return x + x"


@pytest.fixture
def course(tiny, monkeypatch):
    student.copy_chapters(tiny)
    monkeypatch.chdir(tiny)
    return tiny


def answer(course, grade_id: str, source: str) -> None:
    """Write an answer as a student does, in the copy in work/."""
    path = course / "work" / "00_tiny" / "tiny.ipynb"
    notebook = nbformat.read(path, as_version=4)
    next(c for c in notebook.cells if c.id == grade_id).source = source
    nbformat.write(notebook, path)


def marks(course) -> dict[str, str]:
    return {result.label: result.mark for result in student.progress(course, "00_tiny")}


def failure(course) -> str:
    return student.progress(course, "00_tiny")[0].failures[0]


def test_a_copy_is_never_overwritten(course):
    answer(course, "ex-0-1", RIGHT)
    before = (course / "work" / "00_tiny" / "tiny.ipynb").read_bytes()
    assert student.copy_chapters(course) == []
    assert (course / "work" / "00_tiny" / "tiny.ipynb").read_bytes() == before


def test_a_newer_release_is_mentioned_and_not_copied(course):
    release = course / "notebooks" / "00_tiny" / "tiny.ipynb"
    release.write_text(release.read_text().replace('"version": "', '"version": "new'))
    assert "work/00_tiny is kept" in student.copy_chapters(course)[0]


def test_progress_of_a_fresh_copy(course):
    assert marks(course) == {"0.1": "○", "predict 0.1": "○"}


def test_progress_of_a_right_answer(course):
    answer(course, "ex-0-1", RIGHT)
    answer(course, "predict-0-1", 'predict_0_1 = "a"')
    assert marks(course) == {"0.1": "✓", "predict 0.1": "✓"}


def test_a_failure_shows_the_first_line_of_its_message(course):
    answer(course, "ex-0-1", "def double(x):\n    return x + 1")
    shown = student.report(student.progress(course, "00_tiny"))
    assert "✗ 0.1" in shown and "twice two" in shown and "0 of 2 points" in shown


def test_an_error_shows_its_type(course):
    answer(course, "ex-0-1", "def double(x):\n    return x + y")
    assert failure(course).startswith("NameError: ")


def test_a_cell_that_hangs_costs_only_itself(course, monkeypatch):
    monkeypatch.setattr(student, "CELL_SECONDS", 8)
    answer(course, "ex-0-1", "def double(x):\n    while True:\n        pass")
    answer(course, "predict-0-1", 'predict_0_1 = "b"')
    double, predict = student.progress(course, "00_tiny")
    assert (double.mark, predict.mark) == ("✗", "✓")
    assert double.failures == ["Timeout: took longer than 8 seconds"]


def test_a_dead_kernel_is_reported(course):
    answer(course, "ex-0-1", "import os\nos._exit(1)")
    assert failure(course) == "the Python process ended before this check ran"


def test_cells_that_the_student_added_run_and_demo_cells_do_not(course):
    path = course / "work" / "00_tiny" / "tiny.ipynb"
    notebook = nbformat.read(path, as_version=4)
    demo = next(c for c in notebook.cells if "demo" in c.metadata.get("tags", []))
    demo.source = "def double(x):\n    return 2 * x"
    notebook.cells.insert(1, nbformat.v4.new_code_cell("def helper(x):\n    return 2 * x"))
    nbformat.write(notebook, path)
    answer(course, "ex-0-1", "double = helper")
    assert marks(course)["0.1"] == "✓"
    answer(course, "ex-0-1", "pass")
    assert marks(course)["0.1"] == "✗"


def test_submit_copies_and_says_when_it_replaces(course):
    assert student.submit(course, "00", "ada.l").startswith("handed in as")
    assert student.submit(course, "00_tiny", "ada.l").startswith("replaced")
    assert (course / "submitted" / "ada.l" / "00_tiny" / "tiny.ipynb").is_file()


def test_submit_writes_a_zip_that_unpacks_into_submitted(course):
    student.submit(course, "00_tiny", "ada", as_zip=True)
    assert zipfile.ZipFile(course / "00_tiny-ada.zip").namelist() == ["ada/00_tiny/tiny.ipynb"]


@pytest.mark.parametrize("who", ["", "..", "../x", "a/b", "a b", ".ada", "a.", "é", "a" * 65])
def test_submit_refuses_a_name_that_is_no_folder_name(course, who):
    with pytest.raises(student.StudentError, match="letters, digits"):
        student.submit(course, "00_tiny", who)
    assert not (course / "submitted").exists()


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["check", "07"], "no chapter '07'"),
        (["submit", "00", "--me", "../x"], "letters, digits"),
    ],
)
def test_bad_input_gives_one_line(course, capsys, arguments, said):
    assert command.main(arguments) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_a_notebook_that_is_damaged_gives_one_line(course, capsys):
    (course / "work" / "00_tiny" / "tiny.ipynb").write_text("{")
    assert command.main(["check", "00"]) == 1
    assert "is not a notebook" in capsys.readouterr().err


def test_check_ends_with_0_when_it_could_run(course, capsys):
    assert command.main(["check", "00"]) == 0
    assert "0 of 2 points" in capsys.readouterr().out


def test_lab_opens_jupyter_on_work_and_passes_options_on(course, monkeypatch):
    opened = []
    monkeypatch.setattr(student, "open_jupyter", lambda *given: opened.append(given) or 0)
    assert command.main(["lab", "--no-browser", "--port=9999"]) == 0
    assert opened == [(course, course / "work", ["--no-browser", "--port=9999"])]


def test_outside_a_course_the_packages_own_is_found(tmp_path, built_tiny):
    assert student.find_root(built_tiny / "solutions") == built_tiny
