"""``answers.py``: headers, cells, and the line that is named when one cannot be read."""

from __future__ import annotations

import pytest

from autograder.answers import Answer, read_answers
from autograder.chapter import Chapter, CourseError
from tests.autograder.conftest import COURSE


@pytest.fixture
def read(tmp_path, chapter):
    def read(text: str, of: Chapter = chapter) -> list[Answer]:
        path = tmp_path / "answers.py"
        path.write_text(text, encoding="utf-8")
        return read_answers(path, of)

    return read


@pytest.fixture
def two_cells(tmp_path, chapter) -> Chapter:
    """The chapter with a second answer cell in exercise 0.1."""
    folder = tmp_path / "00_tiny"
    folder.mkdir()
    cell = '# %% nbgrader={"grade_id": "ex-0-1-b"}\n### BEGIN SOLUTION\nk = 2\n### END SOLUTION\n\n'
    check = '# %% nbgrader={"grade_id": "ex-0-1-check"'
    text = chapter.source.read_text(encoding="utf-8")
    (folder / "tiny.py").write_text(text.replace(check, cell + check), encoding="utf-8")
    return Chapter(folder / "tiny.py")


WRONG = """\
# A remark on the file.

# %% 0.1 wrong "squares" expect "that is the square"
def double(x):
    # %not a header
    return x * x

"""

RIGHT = """\
# %% 0.1 right "a sum, not a product"


def double(x):

    return x + x
"""


def test_one_answer(read):
    (answer,) = read(WRONG)
    assert answer == Answer(
        exercise="ex-0-1",
        label="0.1",
        right=False,
        name="squares",
        expect="that is the square",
        cells={"ex-0-1": "def double(x):\n    # %not a header\n    return x * x"},
    )


def test_answers_keep_their_order_and_inner_blank_lines(read):
    wrong, right = read(WRONG + RIGHT)
    assert (wrong.right, right.right) == (False, True)
    assert (right.name, right.expect) == ("a sum, not a product", "")
    assert right.cells == {"ex-0-1": "def double(x):\n\n    return x + x"}


@pytest.mark.parametrize("label", ["0.1", "ex-0-1"])
def test_an_exercise_by_either_name(read, label):
    (answer,) = read(f'# %% {label} wrong "x"\nx = 1\n')
    assert (answer.exercise, answer.label, answer.expect) == ("ex-0-1", "0.1", "")


def test_a_predict_question(read):
    (answer,) = read('# %% predict-0-1 wrong "b: joined" expect "joins texts"\npredict_0_1 = "b"\n')
    assert (answer.exercise, answer.label) == ("predict-0-1", "predict-0-1")
    assert answer.cells == {"predict-0-1": 'predict_0_1 = "b"'}


def test_an_expected_fragment_may_hold_quotes(read):
    (answer,) = read('# %% 0.1 wrong "x" expect "says \\"no\\" twice"\nx = 1\n')
    assert answer.expect == 'says "no" twice'


def test_no_answers(read):
    assert read("") == []
    assert read("# only a remark\n") == []


def test_answers_of_several_cells(read, two_cells):
    text = '# %% 0.1 wrong "x"\nfirst = 1\n# cell ex-0-1-b\nsecond = 2\n'
    (answer,) = read(text, two_cells)
    assert answer.cells == {"ex-0-1": "first = 1", "ex-0-1-b": "second = 2"}


def test_one_cell_may_be_left_as_it_is(read, two_cells):
    (answer,) = read('# %% 0.1 wrong "x"\n\n# cell ex-0-1-b\nsecond = 2\n', two_cells)
    assert answer.cells == {"ex-0-1-b": "second = 2"}


@pytest.mark.parametrize("header", [
    "# %%", '# %% 0.1 "x"', "# %% 0.1 wrong x", '# %% 0.1 wrong ""', '# %% wrong "x"',
    '# %% 0.1 wrong "x" expects "y"', '# %% 0.1 wrong "x" expect ""', '# %% 0.1 wrong "x" expect y',
    '# %% 0.1 WRONG "x"', '# %% 0.1 wrong "x" and more', '# %%0.1 wrong "x"', "# %% [markdown]",
    '# %% 0.1 right "x" expect "y"',
])  # fmt: skip
def test_a_header_that_is_none_is_named_with_its_line(read, header):
    with pytest.raises(CourseError, match=r"answers\.py:8: expected a header like # %% 1\.5 wrong"):
        read(f"{WRONG}{header}\nx = 1\n")


def test_text_before_the_first_header(read):
    with pytest.raises(CourseError, match=r"answers\.py:2: text before the first"):
        read("# remark\nimport torch\n" + WRONG)


def test_an_unknown_exercise(read):
    with pytest.raises(CourseError, match=r"there is no exercise '0\.9'"):
        read('# %% 0.9 wrong "x"\nx = 1\n')


def test_an_unknown_cell(read):
    with pytest.raises(CourseError, match="'x': no answer cell 'ex-0-1-b'"):
        read('# %% 0.1 wrong "x"\n# cell ex-0-1-b\nx = 1\n')


@pytest.mark.parametrize("text", ["", "\n\n", "   \n"])
def test_an_answer_without_text_would_only_hand_in_the_stub(read, text):
    with pytest.raises(CourseError, match=r"0\.1 'empty' has no text"):
        read(f'# %% 0.1 wrong "empty"\n{text}{RIGHT}')


def test_the_answers_of_the_small_chapter_can_be_read(chapter):
    answers = read_answers(COURSE / "solutions" / "00_tiny" / "answers.py", chapter)
    assert {answer.exercise for answer in answers} <= set(chapter.exercises)
    assert all(answer.cells for answer in answers)
