"""The proof of the tests: what ``python -m autograder check`` says, and that it can say no."""

import json

import pytest

from autograder.__main__ import main
from autograder.chapter import CourseError
from autograder.proof import prove, summary
from tests.autograder.conftest import COURSE

BAD_ANSWERS = """
# %% 0.1 wrong "is right in truth"
def double(x):
    return 2 * x

# %% 0.1 right "is wrong in truth"
def double(x):
    return x

# %% 0.1 wrong "meets another message" expect "the sign is wrong"
def double(x):
    return x * x

# %% 0.1 wrong "loses, no message asked for"
def double(x):
    return x * x
"""


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setenv("GRADUS_NO_CACHE", "1")


def private(tmp_path, text: str):
    folder = tmp_path / "00_tiny"
    folder.mkdir()
    (folder / "answers.py").write_text(text)
    return tmp_path


def test_the_tiny_course_is_proved(tmp_path, capsys):
    target = tmp_path / "proof.json"
    code = main(["--course", str(COURSE), "check", "--json", str(target)])
    assert code == 0
    assert capsys.readouterr().out == "wrong rejected 6/6, right accepted 2/2\n"
    answers = json.loads(target.read_text())["answers"]
    squares = next(a for a in answers if a["name"] == "squares")
    assert {m["grade_id"]: m["points"] for m in squares["marks"]} == {
        "ex-0-1-check": 0,
        "ex-0-1-hidden-1": 0,
    }
    assert "that is the square" in squares["marks"][0]["message"]
    assert {a["kind"] for a in answers} == {"wrong", "right", "starter", "solution"}


def test_answers_that_prove_nothing_are_named(tmp_path, capsys):
    folder = private(tmp_path, BAD_ANSWERS)
    code = main(["--course", str(COURSE), "check", "--answers", str(folder)])
    *lines, last = capsys.readouterr().out.splitlines()
    assert code == 1
    assert last == "wrong rejected 2/3, right accepted 0/1" or last.startswith("wrong rejected 1/3")
    assert any("'is right in truth': got all 3 points" in line for line in lines)
    assert any("'is wrong in truth': got " in line for line in lines)
    assert any("no message says 'the sign is wrong'" in line for line in lines)
    assert len(lines) == 3


def test_a_private_set_may_leave_out_what_it_expects(tmp_path):
    folder = private(tmp_path, '# %% 0.1 wrong "squares"\ndef double(x):\n    return x * x\n')
    (result,) = prove(COURSE, folder=folder)
    assert result.problem == ""
    assert summary([result]) == "wrong rejected 1/1, right accepted 0/0"


def test_a_malformed_header_is_named_with_its_line(tmp_path):
    folder = private(tmp_path, "\n# %% 0.1 rong 'x'\npass\n")
    with pytest.raises(CourseError, match="answers.py:2: expected a header like"):
        prove(COURSE, folder=folder)
