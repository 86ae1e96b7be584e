"""Attacks by the structure of the notebook: cells, tags, metadata."""

from __future__ import annotations

import copy
import json

from tests.autograder.conftest import fill
from tests.hostile.registry import added_cell, submission

TESTS = ("check", "hidden")


def _tests(notebook: dict) -> list[dict]:
    found = [c for c in notebook["cells"] if "nbgrader" in c["metadata"]]
    return [c for c in found if not c["metadata"]["nbgrader"]["solution"]]


@submission("the tag skip-execution on every cell")
def skip_execution(desk):
    notebook = desk.starter
    for cell in notebook["cells"]:
        cell["metadata"]["tags"] = ["skip-execution"]
    desk.write(notebook)


@submission("the tags setup, demo and added on answers")
def borrowed_tags(desk):
    notebook = fill(desk.starter, {"ex-0-1": "import gradus.check as c\nc.close = print"})
    for cell in notebook["cells"]:
        cell["metadata"]["tags"] = ["setup", "demo", "added", "raises-exception"]
    desk.write(notebook)


@submission("tests that are worth 1000 points")
def thousand_points(desk):
    notebook = desk.starter
    for cell in _tests(notebook):
        cell["metadata"]["nbgrader"]["points"] = 1000
    desk.write(notebook)


@submission("an honest answer and tests worth 1000, NaN and -1 points", 3)
def odd_points(desk):
    notebook = fill(desk.starter, {"ex-0-1": "def double(x):\n    return 2 * x"})
    for cell, points in zip(_tests(notebook), (1000, float("nan"), -1), strict=False):
        cell["metadata"]["nbgrader"]["points"] = points
    desk.write(notebook)


@submission("tests turned into pass", flag="was changed")
def edited_tests(desk):
    notebook = desk.starter
    for cell in _tests(notebook):
        cell["source"] = "pass"
    desk.write(notebook)


@submission("tests turned into answers, answers into tests", flag="was changed")
def swapped_roles(desk):
    notebook = desk.starter
    for cell in notebook["cells"]:
        if "nbgrader" in cell["metadata"]:
            meta = cell["metadata"]["nbgrader"]
            meta["solution"], meta["grade"] = meta["grade"], meta["solution"]
            cell["source"] = "doubled = torch.tensor([2.0, 4.0]); counted = 6; choice = 'a'"
    desk.write(notebook)


@submission("tests deleted", flag="is missing")
def deleted_tests(desk):
    notebook = desk.starter
    tests = _tests(notebook)
    notebook["cells"] = [cell for cell in notebook["cells"] if cell not in tests]
    desk.write(notebook)


@submission("tests renamed", flag="is missing")
def renamed_tests(desk):
    notebook = desk.starter
    for cell in _tests(notebook):
        cell["metadata"]["nbgrader"]["grade_id"] += "-mine"
        cell["source"] = "pass"
    desk.write(notebook)


@submission("tests made markdown", flag="was changed")
def markdown_tests(desk):
    notebook = desk.starter
    for cell in _tests(notebook):
        cell["cell_type"], cell["source"] = "markdown", "all good"
    desk.write(notebook)


@submission("every cell twice", 6)
def doubled_cells(desk):
    notebook = desk.solved
    notebook["cells"] += copy.deepcopy(notebook["cells"])
    desk.write(notebook)


@submission("tests twice, the second copy empty", flag="was changed")
def doubled_tests(desk):
    notebook = desk.starter
    for cell in copy.deepcopy(_tests(notebook)):
        notebook["cells"].append(cell | {"source": ""})
    desk.write(notebook)


@submission("an answer 300 times, each another", 3, flag="300 times")
def many_answers(desk):
    notebook = desk.solved
    cell = next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("solution"))
    place = notebook["cells"].index(cell)
    copies = [cell | {"source": f"def double(x):\n    return {n}"} for n in range(300)]
    notebook["cells"][place : place + 1] = copies
    desk.write(notebook)


@submission("schema_version 99", 6)
def schema_99(desk):
    desk.write(json.dumps(desk.solved).replace('"schema_version": 3', '"schema_version": 99'))


@submission("another kernel", 6)
def other_kernel(desk):
    notebook = desk.solved
    notebook["metadata"]["kernelspec"] = {"name": "bash", "language": "bash", "display_name": "x"}
    notebook["metadata"]["language_info"] = {"name": "bash", "pygments_lexer": "html"}
    desk.write(notebook)


@submission("a kernel specification that starts a program")
def kernel_with_command(desk):
    notebook = desk.starter
    program = ["/bin/sh", "-c", desk.filled_in("touch @HOME@/by-the-kernel")]
    notebook["metadata"]["kernelspec"] = {
        "name": "../../../tmp/evil",
        "argv": program,
        "metadata": {"kernel_provisioner": {"provisioner_name": "local-provisioner"}},
    }
    desk.write(notebook)


@submission("limits in the notebook's metadata", 3)
def own_limits(desk):
    notebook = fill(desk.solved, {"ex-0-1": "while True: pass"})
    limits = {"cell_seconds": 10**6, "memory_bytes": 2**50, "cell_cpu_seconds": 10**6}
    notebook["metadata"]["gradus"] = {"limits": limits, "files": ["*"]}
    desk.write(notebook)


@submission("a chapter version that is a list, and one that is another", 6)
def odd_version(desk):
    notebook = desk.solved
    notebook["metadata"]["gradus"] = {"version": ["x"] * 1000}
    desk.write(notebook)


@submission("grade ids that are objects, lists and half surrogates", 6)
def odd_grade_ids(desk):
    notebook = desk.solved
    for grade_id in ({}, [], 3, None, "\ud800", "ex-0-1-check\x00", "ex-9-9"):
        cell = added_cell("pass", metadata={"nbgrader": {"grade_id": grade_id, "points": 9}})
        notebook["cells"].append(cell)
    desk.write(notebook)


@submission(
    "all metadata lost: of the answers, the Predict cell still counts", 1, flag="is missing"
)
def lost_metadata(desk):
    notebook = desk.solved
    for cell in notebook["cells"]:
        cell["metadata"] = {}
    desk.write(notebook)


@submission("the setup cell rewritten, so that checks do nothing")
def edited_setup(desk):
    notebook = desk.starter
    setup = next(c for c in notebook["cells"] if "setup" in c["metadata"].get("tags", []))
    setup["source"] = "class check: close = equal = raised = one_of = unchanged = print\n"
    desk.write(notebook)


@submission("added cells with the names that tests assign")
def added_names(desk):
    notebook = desk.starter
    text = "doubled = torch.tensor([2., 4.]); counted = 6; choice = chosen = 'a'\n"
    text += "result = numbers_after = before = true = None; refusal = TypeError()"
    notebook["cells"].append(added_cell(text))
    desk.write(notebook)


@submission("900 added cells, each with an output", 6)
def many_added_cells(desk):
    notebook = desk.solved
    notebook["cells"] += [added_cell(f"print({n})", id=f"own-{n}") for n in range(900)]
    desk.write(notebook)


@submission("script in markdown, attachments and outputs", 6)
def script_in_notebook(desk):
    notebook = desk.solved
    evil = "<script>alert('evil-script')</script><img src=x onerror=alert(1)>"
    notebook["cells"].append({"cell_type": "markdown", "source": evil, "metadata": {}, "id": "m"})
    output = {"output_type": "display_data", "data": {"text/html": evil}, "metadata": {}}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [output]
    desk.write(notebook)


@submission("17 MB of code in added cells", 6, at_most=True)
def megabytes_of_code(desk):
    notebook = desk.solved
    notebook["cells"] += [added_cell("1;" * 85_000, id=f"own-{n}") for n in range(100)]
    desk.write(notebook)


@submission("a text on which highlighting takes hours", 3)
def slow_highlighting(desk):
    desk.write(fill(desk.solved, {"ex-0-1": " \n" * 99_000}))


@submission("a text on which parsing takes minutes", 3)
def slow_parsing(desk):
    desk.write(fill(desk.solved, {"ex-0-1": "import " + "a." * 99_000 + "a"}))


@submission("an expression 90,000 deep", 3)
def deep_expression(desk):
    desk.write(fill(desk.solved, {"ex-0-1": "x = 1" + "+1" * 90_000}))


@submission("90,000 open brackets in an answer", 3)
def brackets_in_answer(desk):
    desk.write(fill(desk.solved, {"ex-0-1": "x = " + "[" * 90_000}))


@submission("a null byte and control characters in an answer", 3)
def control_characters(desk):
    desk.write(fill(desk.solved, {"ex-0-1": "def double(x):\x00\x1b[2J\x08\n return 2"}))
