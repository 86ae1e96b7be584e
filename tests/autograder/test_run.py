"""Step 3: what student code does to its kernel costs its own exercise, and no more."""

from dataclasses import replace

import nbformat
import pytest

from autograder.boundary import split
from autograder.grade_one import Desk
from autograder.limits import LIMITS, MIB
from autograder.rebuild import ADDED
from autograder.release import release
from autograder.run import run
from tests.sandboxed import sandboxed

RIGHT = {
    "ex-0-1": "def double(x):\n    return 2 * x",
    "ex-0-2": "def count(x):\n    if torch.is_tensor(x): return x.numel()\n    raise TypeError",
    "predict-0-1": "predict_0_1 = 'a'",
}


@pytest.fixture(scope="module")
def desk(chapter):
    opened = Desk(chapter, release(chapter.notebook))
    yield opened
    opened.judge.close()


def outcomes(
    desk, limits=LIMITS, added: str = "", sandboxed=False, **answers: str
) -> tuple[dict, list[str]]:
    """Messages by grade id ("" where the test passed) and the flags of a run."""
    texts = RIGHT | {key.replace("_", "-"): text for key, text in answers.items()}
    notebook = nbformat.from_dict(desk.released)
    for cell in notebook.cells:
        cell.source = texts.get(cell.id, cell.source)
    if added:
        own = nbformat.v4.new_code_cell(added, id="added-0")
        own.metadata.tags = [ADDED]
        notebook.cells.insert(2, own)
    probes = {}
    for exercise in desk.chapter.exercises.values():
        probes |= desk.probes(exercise)
    result = run(notebook, probes, limits, sandboxed)
    judged = desk.judge.judge(result.claims, {})
    return {key: outcome.message for key, outcome in judged.items()}, result.flags


def test_right_answers_pass_everywhere(desk):
    messages, flags = outcomes(desk)
    assert set(messages.values()) == {""}
    assert flags == []


def test_a_dead_kernel_costs_one_exercise(desk):
    messages, flags = outcomes(desk, ex_0_1="import os\ndef double(x):\n    os._exit(3)")
    assert "ended the Python process" in messages["ex-0-1-check"]
    assert "ended the Python process" in messages["ex-0-1-hidden-1"]
    assert {messages[k] for k in messages if not k.startswith("ex-0-1")} == {""}
    assert len(flags) == 1


def test_a_cell_that_dies_at_definition_costs_one_exercise(desk):
    messages, _ = outcomes(desk, ex_0_2="import os\nos.abort()")
    assert "ended the Python process" in messages["ex-0-2-check"]
    assert {messages[k] for k in messages if not k.startswith("ex-0-2")} == {""}


# Fills the memory, gives back a little, so that the kernel can still speak, and keeps the rest.
HOARD = """
hoard = []
def fill(x=None):
    try:
        while True: hoard.append(bytearray(2**20))
    except MemoryError:
        del hoard[:64]
        raise
"""
NEEDY = """
def count(x):
    if torch.is_tensor(x): return bytearray(2**27) and x.numel()
    raise TypeError
"""


@sandboxed
@pytest.mark.parametrize(
    ("code", "message"), [("double = fill", "MemoryError"), ("fill()", "used up the memory")]
)
def test_memory_that_is_used_up_costs_one_exercise(desk, code, message):
    tight = replace(LIMITS, memory_bytes=768 * MIB)
    messages, _ = outcomes(desk, tight, sandboxed=True, ex_0_1=HOARD + code, ex_0_2=NEEDY)
    assert message in messages["ex-0-1-check"]
    assert {messages[k] for k in messages if not k.startswith("ex-0-1")} == {""}


def test_one_array_too_large_is_an_exception_like_any_other(desk):
    large = "\ntry_this = bytearray(2**50)"
    messages, flags = outcomes(desk, ex_0_1=RIGHT["ex-0-1"] + large)
    assert set(messages.values()) == {""}
    assert flags == []


@pytest.mark.parametrize(
    "switch",
    [
        "torch.set_grad_enabled(False)",
        "torch.set_default_dtype(torch.float64)",
        "torch.set_default_device('meta')",
    ],
)
def test_a_switch_that_an_exercise_leaves_on_is_not_the_next_ones(desk, switch):
    first = f"def double(x):\n    {switch}\n    return 2 * x"
    second = """
def count(x):
    if not torch.is_tensor(x): raise TypeError
    usual = torch.is_grad_enabled(), torch.ones(1).dtype, torch.ones(1).device.type
    return x.numel() if usual == (True, torch.float32, "cpu") else None
"""
    messages, _ = outcomes(desk, ex_0_1=first, ex_0_2=second)
    assert {messages[k] for k in messages if not k.startswith("ex-0-1")} == {""}


def test_an_endless_loop_costs_one_exercise(desk):
    limits = replace(LIMITS, cell_seconds=6)
    messages, _ = outcomes(desk, limits, ex_0_1="def double(x):\n    while True: pass")
    assert "stopped after 6 s" in messages["ex-0-1-check"]
    assert {messages[k] for k in messages if not k.startswith("ex-0-1")} == {""}


def test_an_added_cell_that_kills_the_kernel_costs_nothing(desk):
    messages, flags = outcomes(desk, added="import os; os._exit(1)")
    assert set(messages.values()) == {""}
    assert flags and flags[0].startswith("added-0")


def test_added_cells_run_in_their_place(desk):
    helper = "def twice(x):\n    return 2 * x"
    messages, _ = outcomes(desk, added=helper, ex_0_1="double = twice")
    assert messages["ex-0-1-hidden-1"] == ""


def test_the_whole_notebook_has_a_limit(desk):
    messages, flags = outcomes(desk, replace(LIMITS, notebook_seconds=0))
    assert all("took longer than 0 s" in message for message in messages.values())
    assert len(flags) == 1


def test_an_exception_names_its_type_and_the_students_line(desk):
    messages, _ = outcomes(desk, ex_0_1="def double(x):\n    return {}['no such key']")
    assert messages["ex-0-1-check"] == (
        "your code raised KeyError in the line `return {}['no such key']`"
    )


def test_an_untouched_exercise_says_so(desk, chapter):
    stubs = {cell.id: cell.source for cell in desk.released.cells}
    messages, _ = outcomes(desk, predict_0_1=stubs["predict-0-1"], ex_0_1=stubs["ex-0-1"])
    assert messages["predict-0-1-check"].startswith("not written yet")
    assert messages["ex-0-1-check"].startswith("not written yet")


def test_the_kernel_has_a_private_folder_and_a_cleared_environment(desk, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "canary-env")
    spy = (
        "import os\n"
        "def count(x):\n"
        "    seen = [k for k in os.environ if 'SECRET' in k] + os.listdir('.')\n"
        "    raise RuntimeError(str([s for s in seen if 'SECRET' in s or 'ipynb' in s]))"
    )
    texts = RIGHT | {"ex-0-2": spy}
    notebook = nbformat.from_dict(desk.released)
    for cell in notebook.cells:
        cell.source = texts.get(cell.id, cell.source)
    exercise = desk.chapter.exercises["ex-0-2"]
    result = run(notebook, desk.probes(exercise))
    assert result.claims["ex-0-2-check"].values == "  RuntimeError: []"


def test_hidden_acts_run_after_everything_that_the_student_sees(desk):
    """What a hidden Act hands over can be seen by student code, but not in any shown output."""
    notebook = nbformat.from_dict(desk.released)
    for cell in notebook.cells:
        cell.source = RIGHT.get(cell.id, cell.source)
    probes = {}
    for exercise in desk.chapter.exercises.values():
        probes |= desk.probes(exercise)
    run(notebook, probes)
    counts = {c.id: c.execution_count for c in notebook.cells if c.get("execution_count")}
    hidden = [count for cell_id, count in counts.items() if "-hidden" in cell_id]
    shown = [count for cell_id, count in counts.items() if "-hidden" not in cell_id]
    assert max(shown) < min(hidden)


def test_split_gives_act_nothing_but_names(chapter):
    cell = chapter.exercises["ex-0-1"].tests["ex-0-1-hidden-1"]
    test = split(cell.source)
    assert test.given == ["numbers"]
    assert test.shipped == ["numbers_after", "result"]


def test_no_kernel_is_left_behind(desk):
    import psutil

    before = {child.pid for child in psutil.Process().children(recursive=True)}
    outcomes(desk, ex_0_1="import os\nos._exit(3)")
    left = [c for c in psutil.Process().children(recursive=True) if c.pid not in before]
    assert [c for c in left if "ipykernel" in " ".join(c.cmdline())] == []


def test_a_file_that_was_handed_in_lies_in_the_work_folder(desk):
    reads = "def double(x):\n    return x * int(open('factor.txt').read())"
    notebook = nbformat.from_dict(desk.released)
    for cell in notebook.cells:
        cell.source = (RIGHT | {"ex-0-1": reads}).get(cell.id, cell.source)
    probes = desk.probes(desk.chapter.exercises["ex-0-1"])
    for content, passes in ((b"2", True), (b"3", False)):
        result = run(nbformat.from_dict(notebook), probes, files={"factor.txt": content})
        judged = desk.judge.judge(result.claims, {})
        assert judged["ex-0-1-check"].passed is passes
