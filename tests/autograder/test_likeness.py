"""Answers that several students share: named for a person, whatever their formatting."""

from autograder.likeness import COMMON, LONG_ENOUGH, alike
from autograder.resume import digest, normalised
from autograder.verdict import Answer, Verdict

LONG = (
    "def double(x):\n" + "".join(f"    step_{i} = x + {i} * x\n" for i in range(9)) + "    return x"
)


def verdict(student: str, text: str) -> Verdict:
    plain = normalised(text)
    answer = Answer(written=digest(plain) if plain else "", length=len(plain))
    return Verdict(student, "01_tensors", answers={"ex-1-1": answer})


def others(count: int) -> list[Verdict]:
    """Students who each wrote their own."""
    return [verdict(f"student{i}", LONG.replace("step", f"part{i}")) for i in range(count)]


def test_comments_docstrings_and_formatting_do_not_hide_a_copy():
    copy = LONG.replace(
        "def double(x):\n", 'def double(x):\n    """Mine."""\n    # thought of it\n'
    )
    copy = copy.replace(" + ", "  +  ").replace("return x", "return (x)")
    lines = alike([verdict("ada", LONG), verdict("bob", copy), *others(4)])
    assert lines == ["01_tensors, ex-1-1: the same answer by ada, bob"]


def test_another_answer_is_another():
    changed = LONG.replace("+ 8 * x", "+ 80 * x")
    assert changed != LONG
    assert alike([verdict("ada", LONG), verdict("bob", changed), *others(4)]) == []
    assert alike([verdict("ada", LONG), *others(4)]) == []


def test_short_untouched_and_common_answers_are_left_out():
    short = "def double(x): return 2 * x"
    assert len(normalised(short)) < LONG_ENOUGH <= len(normalised(LONG))
    assert alike([verdict(name, short) for name in ("ada", "bob")]) == []
    assert alike([verdict(name, "") for name in ("ada", "bob")]) == []
    many = [verdict(f"copy{i}", LONG) for i in range(6)]
    assert len(many) > COMMON * (len(many) + 6)
    assert alike([*many, *others(6)]) == []


def test_text_that_is_no_python_is_compared_by_its_words():
    assert normalised("def  broken(:\n  pass") == normalised("def broken(:\npass")
    assert normalised("(" * 5000)
