"""A kernel is read with a limit on everything, and what is kept looks as it does in Jupyter."""

from dataclasses import replace

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from autograder.kernel import Broken, open_kernel
from autograder.limits import LIMITS, MIB

SMALL = replace(
    LIMITS,
    cell_seconds=10,
    output_characters=1000,
    displays=5,
    output_bytes=2 * MIB,
    notebook_output_bytes=MIB // 2,
    message_bytes=MIB,
)
SEND = """
kernel = get_ipython().kernel
def send(kind, content, **more):
    kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent(), **more)
"""


@pytest.fixture(scope="module")
def shared():
    with open_kernel(SMALL, sandboxed=False) as kernel:
        yield kernel


@pytest.fixture
def fresh():
    with open_kernel(SMALL, sandboxed=False) as kernel:
        yield kernel


def test_text_value_error_and_picture(shared):
    done = shared.execute(
        "import matplotlib.pyplot as plt\n"
        "print('a'); print('b')\nplt.plot([1, 2]); plt.show()\n40 + 2"
    )
    assert [o.output_type for o in done.outputs] == ["stream", "display_data", "display_data"]
    assert done.outputs[0].text == "a\nb\n"
    assert "image/png" in done.outputs[1].data
    assert done.outputs[2].data["text/plain"] == "42"
    error = shared.execute("1 / 0").outputs[0]
    assert (error.ename, error.evalue) == ("ZeroDivisionError", "division by zero")


def test_the_count_goes_up(shared):
    assert shared.execute("1").count + 1 == shared.execute("2").count


def test_a_display_that_is_updated_stands_once(shared):
    done = shared.execute(
        "h = display('0 %', display_id=True)\nfor i in range(9): h.update(f'{i} %')"
    )
    assert [o.data["text/plain"] for o in done.outputs] == ["'8 %'"]


def test_cleared_output_is_gone(shared):
    shared.execute("from IPython.display import clear_output")
    for wait in ("", "wait=True"):
        done = shared.execute(f"for i in range(3):\n    clear_output({wait})\n    print(i)")
        assert [o.text for o in done.outputs] == ["2\n"]


def test_only_so_much_is_kept_of_one_cell(shared):
    done = shared.execute("for _ in range(50):\n    print('x' * 100, flush=True)")
    assert sum(len(o.text) for o in done.outputs) < 2 * SMALL.output_characters
    assert len(shared.execute("for i in range(50): display(i)").outputs) == SMALL.displays


def test_a_cell_that_prints_too_much_is_stopped(fresh):
    with pytest.raises(Broken, match="printed more than 2 MiB"):
        fresh.execute("while True: print('x' * 1000, flush=True)")


def test_a_message_that_is_too_large_is_not_parsed(fresh):
    with pytest.raises(Broken, match="more than 1 MiB at once"):
        fresh.execute(SEND + "send('stream', {'name': 'stdout', 'text': 'x' * 1_500_000})")


def test_what_a_whole_notebook_keeps_is_limited(fresh):
    shown = [fresh.execute("display('y' * 900)").outputs for _ in range(700)]
    assert shown[0] and not shown[-1]


@pytest.mark.parametrize(
    "message",
    [
        "send('stream', [])",
        "send('display_data', {'data': []})",
        "send('status', {})",
        "send('stream', {'name': [], 'text': {}})",
    ],
)
def test_odd_messages_break_the_kernel_or_nothing(fresh, message):
    try:
        outputs = fresh.execute(SEND + message).outputs
        nbformat.validate(nbformat.v4.new_notebook(cells=[new_code_cell("", outputs=outputs)]))
    except Broken as broken:
        assert "odd messages" in str(broken)


def test_a_loop_is_stopped(fresh):
    limits = replace(SMALL, cell_seconds=2)
    fresh.limits = limits
    with pytest.raises(Broken, match="stopped after 2 s"):
        fresh.execute("while True: pass")


def test_a_kernel_that_ends_says_so(fresh):
    with pytest.raises(Broken, match="ended the Python process"):
        fresh.execute("import os; os._exit(3)")
