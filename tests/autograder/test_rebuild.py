"""Step 2: of a submission only the answers' text survives."""

import copy
import json

import pytest

from autograder.intake import parse
from autograder.rebuild import rebuild
from autograder.release import release
from tests.autograder.conftest import fill


@pytest.fixture
def released(chapter):
    return release(chapter.notebook)


def rebuilt(released, notebook: dict):
    return rebuild(released, parse(json.dumps(notebook).encode()))


def sources(result) -> dict[str, str]:
    return {cell.id: cell.source for cell in result.notebook.cells}


def cell_of(notebook: dict, grade_id: str) -> dict:
    cells = notebook["cells"]
    return next(c for c in cells if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


def test_an_untouched_notebook_comes_back_as_released(released, starter):
    result = rebuilt(released, starter)
    assert result.flags == []
    assert result.notebook == released


def test_answers_are_put_in(released, starter):
    result = rebuilt(released, fill(starter, {"ex-0-1": "def double(x): return 2 * x"}))
    assert sources(result)["ex-0-1"] == "def double(x): return 2 * x"


def test_tags_metadata_and_kernel_of_the_submission_are_gone(released, starter):
    for cell in starter["cells"]:
        cell["metadata"]["tags"] = ["skip-execution", "raises-exception"]
        cell["metadata"].setdefault("nbgrader", {})["points"] = 1000
    starter["metadata"]["kernelspec"] = {"name": "bash"}
    result = rebuilt(released, starter)
    assert result.notebook == released
    assert "ex-0-1-check has tags of its own: skip-execution" in result.flags


def test_an_edited_test_is_put_right_and_flagged(released, starter):
    cell_of(starter, "ex-0-1-check")["source"] = "pass"
    result = rebuilt(released, starter)
    assert result.notebook == released
    assert result.flags == ["the locked cell ex-0-1-check was changed"]


def test_deleted_cells_come_back_and_are_flagged(released, starter):
    starter["cells"] = [c for c in starter["cells"] if "check" not in json.dumps(c["metadata"])]
    result = rebuilt(released, starter)
    assert result.notebook == released
    assert "ex-0-1-check is missing" in result.flags


def test_of_two_copies_the_one_that_was_written_counts(released, starter):
    answer = cell_of(starter, "ex-0-1")
    written = copy.deepcopy(answer) | {"source": "def double(x): return x + x"}
    starter["cells"].insert(0, written)
    result = rebuilt(released, starter)
    assert sources(result)["ex-0-1"] == "def double(x): return x + x"
    assert result.flags == []


def test_of_two_written_copies_the_last_counts_and_is_flagged(released, starter):
    answer = cell_of(starter, "ex-0-1")
    answer["source"] = "first"
    starter["cells"].append(copy.deepcopy(answer) | {"source": "second"})
    result = rebuilt(released, starter)
    assert sources(result)["ex-0-1"] == "second"
    assert result.flags == ["ex-0-1 stands there 2 times; the last one counts"]


def test_added_code_stays_in_its_place_and_added_text_goes(released, starter):
    position = starter["cells"].index(cell_of(starter, "ex-0-1-check"))
    own = {"cell_type": "code", "source": "helper = 1", "metadata": {}, "outputs": []}
    note = {"cell_type": "markdown", "source": "<script>alert(1)</script>", "metadata": {}}
    starter["cells"][position:position] = [own, note]
    cells = rebuilt(released, starter).notebook.cells
    ids = [cell.id for cell in cells]
    assert ids.index("added-0") == ids.index("ex-0-1-check") - 1
    assert len(cells) == len(released.cells) + 1


def test_an_edited_setup_cell_runs_after_the_released_one(released, starter):
    setup = next(c for c in starter["cells"] if "setup" in c["metadata"].get("tags", []))
    setup["source"] += "\nimport math"
    cells = rebuilt(released, starter).notebook.cells
    place = next(i for i, c in enumerate(cells) if "setup" in c.metadata.get("tags", []))
    assert cells[place + 1].source.endswith("import math")
    assert "import math" not in cells[place].source


def test_an_edited_demo_is_not_run(released, starter):
    demo = next(c for c in starter["cells"] if "demo" in c["metadata"].get("tags", []))
    demo["source"] = "while True: pass"
    assert rebuilt(released, starter).notebook == released


def test_another_version_is_named(released, starter):
    released.metadata.gradus = {"chapter": "00_tiny", "version": "new"}
    starter["metadata"]["gradus"] = {"version": "old"}
    assert rebuilt(released, starter).flags == ["made from another version of the chapter"]
