"""Judging: what passes, what fails, what a student then reads, and that no claim can break it."""

from __future__ import annotations

import math
import random
import re

import numpy as np
import pytest
import torch
from torch import nn

from gradus import check, observe, wire
from gradus.check import CheckFailed

CANARY = 8642975.25
WORD = "canary-word"
nan, inf = math.nan, math.inf
t = torch.tensor


def failure(verb, *args, **options) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        verb(*args, **options)
    return caught.value


def message(verb, *args, **options) -> str:
    return failure(verb, *args, **options).message


def short(value) -> str:
    """A value in the name of a test."""
    return re.sub(r"0x[0-9a-f]+", "0x", ascii(value))[:40]


# --- close --------------------------------------------------------------------------------------

CLOSE = [
    (1.0, 1.0), (1, 1.0), (t(1.0), 1), (1.0, t(1.0)), (np.float32(0.5), 0.5), (np.array(2.0), 2),
    (1.0, 1.000009), (t([1.0, 2.0]), t([1.0, 2.00001])), (nan, nan), (inf, inf), (10**400, 10**400),
    (t([nan, inf, -inf]), t([nan, inf, -inf])), (t([1, 2]), t([1.0, 2.0])),
    (t([1.0]).half(), t([1.0]).double()), (t([1 + 2j]), t([1 + 2j])), (t([True]), t([1.0])),
    (nn.Parameter(t([1.0])), t([1.0])), (t([1.0]), nn.Parameter(t([1.0]))),
    (np.array([1.0, 2.0]), np.array([1.0, 2.0])), (np.zeros((2, 0)), np.zeros((2, 0))),
    ([1.0, (2.0, {"a": t([3.0])})], (1.0, [2.0, {"a": t([3.0])}])), (torch.Size([2]), (2,)),
    (t([]), t([])), ("text", "text"), (None, None), (True, True), (b"x", b"x"),
    (torch.float32, torch.float32), ({}, {}), (t([2**62]), t([2**62])),
    (np.array([1, 65535], "u2"), np.array([1, 65535], "u2")), (-0.0, 0.0), (t([-0.0]), t([0.0])),
]  # fmt: skip


@pytest.mark.parametrize("value, expected", CLOSE, ids=short)
def test_close_passes(value, expected, capsys):
    assert check.close(value, expected, "the thing") is None
    assert capsys.readouterr().out == "✓ the thing\n"


NOT_CLOSE = [
    (1.1, 1.0, "not the right value (off by 0.1)"),
    (3, 10**400, "not the right value (off by inf)"),
    (10**400, 3, "not the right value (off by inf)"),
    (10**400, 2.5, "not the right value (off by inf)"),
    (inf, 3, "not the right value (off by inf)"),
    (3, inf, "not the right value (off by inf)"),
    (-inf, inf, "not the right value (off by inf)"),
    (nan, 3, "it is NaN"),
    (100_000, 100_001, "not the right value (off by 1)"),  # whole numbers agree exactly
    (t([100_000]), t([100_001]), "1 of 1 values are wrong (largest error 1, shape (1,))"),
    (t([2**53]), t([2**53 + 1]), "1 of 1 values are wrong (largest error 0, shape (1,))"),
    (t([1.0, 2.0]), t([1.0, 3.0]), "1 of 2 values are wrong (largest error 1, shape (2,))"),
    (t([-inf, 1.0]), t([-inf, 3.0]), "1 of 2 values are wrong (largest error 2, shape (2,))"),
    (t([inf, 1.0]), t([0.0, 1.0]), "1 of 2 values are wrong (largest error inf, shape (2,))"),
    (t([nan, nan, 1.0]), t([1.0, nan, 1.0]), "1 of 3 values are NaN"),
    (t([1.0]), t([nan]), "1 of 1 values are wrong (largest error inf, shape (1,))"),
    (torch.ones(3, 1), torch.ones(1, 3), "the shape is (3, 1) where (1, 3) is asked for"),
    (torch.ones(3), torch.ones(3, 1), "the shape is (3,) where (3, 1) is asked for"),
    (t([1.0]), t(1.0), "the shape is (1,) where () is asked for"),
    (np.array([1.0]), np.array(1.0), "the shape is (1,) where () is asked for"),
    (t([1.0]), 1.0, "expected a number, got a tensor"),
    (1.0, t([1.0]), "expected a tensor, got a number"),
    (True, 1, "expected a number, got True or False"),
    (1, True, "expected True or False, got a number"),
    (t(True), 1, "expected a number, got True or False"),
    (t(1j), 1.0, "expected a number, got a complex"),
    (None, t([1.0]), "expected a tensor, got None"),
    ("1", 1, "expected a number, got a text"),
    (np.array([1.0]), t([1.0]), "expected a tensor, got a NumPy array"),
    ([1.0], t([1.0]), "expected a tensor, got a list"),
    (t([1.0]), [1.0], "expected a list, got a tensor"),
    ([1, 2], [1, 2, 3], "expected 3 items, got 2"),
    ([1, [2, 4]], [1, [2, 3]], "item 1: item 1: not the right value (off by 1)"),
    ({"a": 1, "b": 2}, {"a": 1, "c": 2}, "not the right keys (1 missing, 1 not asked for)"),
    ({"a": 1, "b": t([2.0])}, {"a": 1, "b": t([1.0])}, "'b': 1 of 1 values are wrong"),
    ("a", "b", "not the right value"),
    (torch.float32, torch.float64, "not the right value"),
    ((i for i in ()), t([1.0]), "expected a tensor, got a generator"),
    (..., 1.0, "expected a number, got an ellipsis"),
    (nn.Linear(1, 1), [1], "expected a list, got a Linear"),
    (torch.eye(2).to_sparse(), torch.eye(2), "expected a tensor, got a sparse_coo tensor"),
    ([print], [1], "item 0: expected a number, got a builtin_function_or_method"),
    ({nn.Linear(1, 1): 1}, {"a": 1}, "not the right keys (1 missing, 1 not asked for)"),
    (torch.zeros(1).expand(10**6, 10**6), t([1.0]), "too large: a tensor of shape"),
]  # fmt: skip


@pytest.mark.parametrize("value, expected, reason", NOT_CLOSE, ids=short)
def test_close_fails_with_its_reason(value, expected, reason):
    assert message(check.close, value, expected, "x").startswith(f"x: {reason}")


def test_close_refuses_an_integer_that_could_not_even_be_printed():
    assert message(check.close, 10**5000, 1, "x").startswith("x: too large: an integer")


def test_tolerances():
    check.close(1.05, 1.0, "x", atol=0.1)
    check.close(t([1.05]), t([1.0]), "x", rtol=0.1)
    check.close(5, 4, "x", atol=1)
    check.close(t([5, 3], dtype=torch.uint8), t([4, 4], dtype=torch.uint8), "x", atol=1)
    assert message(check.close, t([6, 4]), t([4, 4]), "x", atol=1).startswith("x: 1 of 2 values")
    assert message(check.close, 1 + 1e-4, 1.0, "x")


def test_close_may_ask_for_the_dtype():
    reason = "x: the dtype is float64 where float32 is asked for"
    assert message(check.close, t([1.0]).double(), t([1.0]), "x", dtype=True) == reason
    reason = "x: the dtype is float64 where float32 is asked for"
    arrays = np.zeros(2), np.zeros(2, "f4")
    assert message(check.close, *arrays, "x", dtype=True) == reason


@pytest.mark.parametrize("verb", [check.close, check.equal, check.unchanged, check.differs])
def test_a_live_object_matches_nothing_not_even_itself(verb):
    device = torch.device("cpu")
    for value in (device, [device], {"d": device}, {device: 1}):
        failure(verb, value, value, "x")


# --- ideas and hints ----------------------------------------------------------------------------


def test_an_idea_that_matches_is_the_message():
    ideas = {"is the root missing?": t([4.0]), "transposed": t([[9.0]]), "no return": None}
    ideas |= {"a list": [1], "a name": "abc", "NaN": t([nan])}
    expected = t([2.0])
    assert message(check.close, t([4.0]), expected, "d", ideas=ideas) == "d: is the root missing?"
    assert message(check.close, t([[9.0]]), expected, "d", ideas=ideas) == "d: transposed"
    assert message(check.close, None, expected, "d", ideas=ideas) == "d: no return"
    assert message(check.close, [1], expected, "d", ideas=ideas) == "d: a list"
    assert message(check.close, "abc", expected, "d", ideas=ideas) == "d: a name"
    assert message(check.close, t([nan]), expected, "d", ideas=ideas) == "d: NaN"
    assert message(check.close, t([3.0]), expected, "d", ideas=ideas).startswith("d: 1 of 1 values")


def test_a_right_value_passes_whatever_the_ideas_say():
    check.close(t([2.0]), t([2.0]), "d", ideas={"wrong": t([2.0])})
    check.equal("b", "b", "d", ideas={"wrong": "b"})


def test_the_first_idea_that_matches_wins():
    ideas = {"first": 4.0, "second": 4.0}
    assert message(check.equal, 4, 2, "d", ideas=ideas) == "d: first"


HINTED = [
    lambda **o: check.close(3, 2, "x", **o),
    lambda **o: check.close(..., 2, "x", **o),
    lambda **o: check.equal("a", "b", "x", **o),
    lambda **o: check.one_of("c", ("a", "b"), "x", **o),
    lambda **o: check.number(9, 0, 1, "x", **o),
    lambda **o: check.number("9", 0, 1, "x", **o),
    lambda **o: check.unchanged(t([1.0]), t([2.0]), "x", **o),
    lambda **o: check.differs(t([1.0]), t([1.0]), "x", **o),
    lambda **o: check.differs(None, t([1.0]), "x", **o),
    lambda **o: check.raised(None, ValueError, "x", **o),
    lambda **o: check.raised(7, ValueError, "x", **o),
    lambda **o: check.accuracy(t([0, 1]), t([1, 1]), 0.9, "x", **o),
    lambda **o: check.accuracy(t([0.5]), t([1]), 0.9, "x", **o),
    lambda **o: check.numeric_jacobian(None, "x", **o),
    lambda **o: check.avoids("x @ y", "x", calls=("@",), **o),
    lambda **o: check.avoids(None, "x", **o),
]


@pytest.mark.parametrize("fails", HINTED)
def test_every_verb_ends_its_message_with_the_hint(fails):
    assert failure(fails).message + ". Look again" == message(fails, hint="Look again")


def test_no_hint_where_an_idea_matches():
    assert message(check.close, 3, 2, "x", ideas={"idea": 3}, hint="hint") == "x: idea"


# --- what the message may say -------------------------------------------------------------------

LEAKS = [
    lambda: check.close(1.0, CANARY, "x"),
    lambda: check.close(t([1.0, 2.0]), t([CANARY, 2.0]), "x"),
    lambda: check.close([1.0, [2.0]], [1.0, [CANARY]], "x"),
    lambda: check.close(t([[1.0]]), t([CANARY]), "x"),
    lambda: check.close(None, t([CANARY]), "x"),
    lambda: check.equal("a", WORD, "x"),
    lambda: check.equal({"a": 1}, {"a": WORD}, "x"),
    lambda: check.equal({"a": 1}, {WORD: 1}, "x"),
    lambda: check.equal([1, 2], [WORD], "x"),
    lambda: check.equal(np.array([1.0]), np.array([CANARY]), "x"),
    lambda: check.one_of("c", ("a", WORD), "x"),
    lambda: check.number(1, CANARY, CANARY, "x"),
    lambda: check.unchanged(t([1.0]), t([CANARY]), "x"),
    lambda: check.differs(t([CANARY]), t([CANARY]), "x"),
    lambda: check.differs("a", t([CANARY]), "x"),
    lambda: check.raised(
        {"type": "ValueError", "bases": ["ValueError"], "message": "no"},
        ValueError,
        "x",
        mentions=["no", WORD],
    ),
    lambda: check.close(3.0, CANARY, "x", ideas={"twice": 3.0, "thrice": CANARY + 1}),
]


@pytest.mark.parametrize("fails", LEAKS)
def test_values_stand_apart_from_the_message(fails):
    error = failure(fails)
    assert "8642975" not in error.message and "canary" not in error.message
    assert re.search(r"864297|8\.643e\+06|8\.6430e\+06|canary", error.values)
    assert str(error) == f"{error.message}\n{error.values}"


def test_an_accuracy_says_both_shares_and_no_label():
    assert (
        message(check.accuracy, t([1, 0, 7]), t([1, 1, 1]), 0.9, "x") == "x: 0.333 is below 0.900"
    )


def test_a_notebook_shows_message_and_values_and_no_traceback():
    error = failure(check.close, 1, 2, "x")
    assert error._render_traceback_()[0] == "✗ x: not the right value (off by 1)"
    assert [line.split() for line in error._render_traceback_()[1:]] == [
        ["expected:", "2"],
        ["got:", "1"],
    ]


@pytest.mark.parametrize("value, text", [
    (t([1.0, 2.0]), "[1.0, 2.0]"), (t(3), "3"), (torch.zeros(50), "a tensor of shape (50,)"),
    (t([[1, 2]]), "tensor([[1, 2]])"), ([1, "a", None], "[1, 'a', None]"), ((1,), "(1,)"),
    ({"a": t([1])}, "{'a': [1]}"), ([...], "[<ellipsis>]"), ([[[[1]]]], "[[[…]]]"), ([], "[]"),
    (list(range(99)), "19, …]"), (10**1000, " …"), ([torch.zeros(9, 9)] * 9, "shape (9, 9)"),
])  # fmt: skip
def test_values_are_shown_short(value, text):
    shown = failure(check.equal, value, object, "x").values
    got = shown.splitlines()[-1] if "\n" in shown else shown
    assert text in shown
    assert len(got) < 700


def test_showing_a_huge_nest_takes_no_time():
    nest = [[[t([[1.0]])] * 12 for _ in range(12)] for _ in range(25)]
    assert len(failure(check.equal, nest, 1, "x").values) < 1000


# --- the other verbs ----------------------------------------------------------------------------

EQUAL = [
    (3, 3), (3, 3.0), (t(3), 3), (np.int64(3), 3), (3, t(3)), (t([1, 2]), t([1, 2])), ("b", "b"),
    (True, True), (np.bool_(True), True), (None, None), ([1, (2,)], (1, [2])), (nan, nan),
    (t([nan]), t([nan])), ({"a": 1}, {"a": 1}), (torch.int64, torch.int64),
    ((2, 3), torch.Size([2, 3])),
    (torch.zeros(0, 3), torch.zeros(0, 3)), (t([2**62]), t([2**62])),
]  # fmt: skip


@pytest.mark.parametrize("value, expected", EQUAL)
def test_equal_passes(value, expected):
    check.equal(value, expected, "x")


@pytest.mark.parametrize("value, expected, reason", [
    (3, 4, "not the right value (off by 1)"), (3.0000001, 3, "not the right value"),
    (t([1.0]), t([1]), "the dtype is float32 where int64 is asked for"),
    (t([1]), t([True]), "the dtype is int64 where bool is asked for"),
    (np.zeros(1, "u2"), np.zeros(1, "i8"), "the dtype is uint16 where int64 is asked for"),
    (t([1.0, 2.0]), t([1.0, 2.0 + 1e-6]), "1 of 2 values are wrong"),
    (1, True, "expected True or False, got a number"), (0, None, "expected None, got a number"),
    (t([2**62 + 1]), t([2**62]), "1 of 1 values are wrong"), ("B", "b", "not the right value"),
    (t(True), True, "expected True or False, got a tensor"),
    ([], {}, "expected a dict, got a list"),
])  # fmt: skip
def test_equal_fails(value, expected, reason):
    assert message(check.equal, value, expected, "x").startswith(f"x: {reason}")


def test_one_of(capsys):
    check.one_of("a", ("a", "b"), "your choice")
    check.one_of(t(2), (1, 2), "your choice")
    assert capsys.readouterr().out == "✓ your choice is a valid one\n" * 2
    error = failure(check.one_of, "d", ("a", "b"), "your choice")
    assert error.message == "your choice: not one of the possible answers"
    assert "expected one of: 'a', 'b'" in error.values and "'d'" in error.values
    for value in (None, ["a"], 1, "A", t([1, 2]), ..., nan):
        failure(check.one_of, value, ("a", "b"), "your choice")


@pytest.mark.parametrize("value", [0, 1, 0.5, t(0.5), t(1), np.float32(0.5), np.array(0.5)])
def test_number_passes(value):
    check.number(value, 0, 1, "x")


@pytest.mark.parametrize("value, reason", [
    (1.01, "x is outside the range that works"), (-1, "x is outside the range that works"),
    (inf, "x is outside the range that works"), (10**1200, "x is outside the range that works"),
    (nan, "x is NaN"), (t(nan), "x is NaN"), (True, "x: expected a number, got True or False"),
    (t(True), "x: expected a number, got True or False"), (None, "x: expected a number, got None"),
    (1j, "x: expected a number, got a complex"), (t(1j), "x: expected a number, got a complex"),
    (t([0.5]), "x: expected a number, got a tensor"), ("0.5", "x: expected a number, got a text"),
    ([0.5], "x: expected a number, got a list"),
], ids=short)  # fmt: skip
def test_number_fails(value, reason):
    if type(value) is complex:
        reason = "x: expected a plain value, got a complex"
    assert message(check.number, value, 0, 1, "x") == reason


@pytest.mark.parametrize("value", [
    t([1.0, nan, -0.0]), {"w": t([1.0]), "n": 3}, [t([1])], -0.0, nan, 10**1000, torch.zeros(0, 2),
    np.zeros(2), t(1.5), t([1j]), t([True]), torch.zeros(3).t(),
], ids=short)  # fmt: skip
def test_unchanged_passes(value, capsys):
    check.unchanged(value, observe.copy(value), "the input")
    assert capsys.readouterr().out == "✓ the input unchanged\n"


@pytest.mark.parametrize("value, before", [
    (t([1.0]), t([1.0 + 1e-7])), (t([-0.0]), t([0.0])), (-0.0, 0.0), (t([1]), t([1.0])),
    (torch.ones(2, 1), torch.ones(1, 2)), (None, t([1.0])), ({"w": t([1.0])}, {"w": t([2.0])}),
    (t([nan]), t([1.0])), (np.zeros(2), np.ones(2)),
])  # fmt: skip
def test_unchanged_fails(value, before):
    expected = "x changed: your code writes into its input; work on a copy"
    assert message(check.unchanged, value, before, "x") == expected


@pytest.mark.parametrize("value, other", [
    (t([1.0]), t([2.0])), (1, 2), ("a", "b"), ([1, t([2.0])], [1, t([3.0])]), (True, False),
    (t([-inf, 1.0]), t([0.0, 1.0])), (inf, 3), (10**1000, 3), ({"a": 1}, {"a": 2}),
    (t([1, 2]), t([1, 3])), (t([True]), t([False])), (t([1.0]), t([nan])),
], ids=short)  # fmt: skip
def test_differs_passes(value, other):
    check.differs(value, other, "x")


@pytest.mark.parametrize("value, other, reason", [
    (t([1.0]), t([1.0]), "x: nothing changed"), (1.0, 1.0 + 1e-9, "x: nothing changed"),
    ("a", "a", "x: nothing changed"), ([t([1.0])], [t([1.0])], "x: nothing changed"),
    (None, t([1.0]), "x: expected a tensor, got None"), (None, 1, "x: expected a number, got None"),
    (t([1.0, 2.0]), t([1.0]), "x: the shape is (2,) where (1,) is asked for"),
    (t([nan]), t([1.0]), "x: 1 of 1 values are NaN"), (nan, 1.0, "x: it is NaN"),
    (..., t([1.0]), "x: expected a tensor, got an ellipsis"),
    ({}, {"a": 1}, "x: not the right keys (1 missing, 0 not asked for)"),
])  # fmt: skip
def test_differs_fails_unless_the_value_is_of_the_kind_that_is_meant(value, other, reason):
    assert message(check.differs, value, other, "x") == reason


def record(error: Exception):
    def fail():
        raise error

    return observe.error(fail)


def test_raised_passes():
    check.raised(record(ValueError("shape (2, 3)")), ValueError, "x")
    check.raised(record(KeyError("k")), LookupError, "x")
    check.raised(record(ValueError("Shape (2, 3)")), ValueError, "x", mentions="shape")
    check.raised(record(ValueError("shape (2, 3)")), ValueError, "x", mentions=("shape", "(2, 3)"))


@pytest.mark.parametrize("claim, reason", [
    (None, "x: nothing was raised where a ValueError is asked for"),
    (record(KeyError("k")), "x: raised a KeyError where a ValueError is asked for"),
    (record(ValueError("no")), "x: the message does not mention all that it should"),
    (3, "x: expected an exception, got a number"), ([], "x: expected an exception, got a list"),
    ({}, "x: expected an exception, got a dict"),
    (ValueError("shape"), "x: expected a plain value, got a ValueError"),
    ({"type": 1, "bases": ["ValueError"], "message": ""}, "x: expected an exception, got a dict"),
    ({"type": "V", "bases": "ValueError", "message": ""}, "x: expected an exception, got a dict"),
    ({"type": "V", "bases": ["ValueError"], "message": 1}, "x: expected an exception, got a dict"),
    ({"type": "V", "bases": [np.zeros(2), t([1, 2]), ["ValueError"]], "message": "shape"},
     "x: raised a V where a ValueError is asked for"),
])  # fmt: skip
def test_raised_fails(claim, reason):
    assert message(check.raised, claim, ValueError, "x", mentions="shape") == reason


def test_raised_speaks_of_an_error_with_a_vowel():
    said = "x: nothing was raised where an IndexError is asked for"
    assert message(check.raised, None, IndexError, "x") == said
    said = "x: raised an IndexError where an OSError is asked for"
    assert message(check.raised, record(IndexError("i")), OSError, "x") == said


@pytest.mark.parametrize("predictions", [
    t([1, 0, 2, 1]), [1, 0, 2, 1], np.array([1, 0, 2, 1]), np.array([1, 0, 2, 1], "u2"),
    t([1, 0, 2, 0], dtype=torch.uint8), (1, 0, 2, 2),
])  # fmt: skip
@pytest.mark.parametrize("labels", [t([1, 0, 2, 1]), [1, 0, 2, 1], np.array([1, 0, 2, 1])])
def test_accuracy_passes(predictions, labels):
    check.accuracy(predictions, labels, 0.75, "x")


SCORES = "x: class numbers are meant, one per sample, not scores"


@pytest.mark.parametrize("predictions, reason", [
    (t([0, 0, 0, 1]), "x: 0.500 is below 0.750"), (t([1.0, 0, 2, 1]), SCORES), (None, SCORES),
    (t([1j, 0, 2, 1]), SCORES), ([1, 0, 2, 1.0], SCORES), ("1021", SCORES), (7, SCORES),
    ([], SCORES),
    ([2**100, 0, 2, 1], SCORES), ([[1], [0], [2], [1]], SCORES), ({}, SCORES),
    (np.array([1.0, 0, 2, 1]), SCORES),
    (t([[1], [0], [2], [1]]), "x: the shape is (4, 1) where (4,) is asked for"),
    (t([1, 0, 2]), "x: the shape is (3,) where (4,) is asked for"),
    (t(1), "x: the shape is () where (4,) is asked for"),
    (t([True, True, True, True]), "x: 0.500 is below 0.750"),
    (..., "x: expected a plain value, got an ellipsis"),
])  # fmt: skip
def test_accuracy_fails(predictions, reason):
    assert message(check.accuracy, predictions, t([1, 0, 2, 1]), 0.75, "x") == reason


def jacobians(analytic, numeric):
    return {"analytic": analytic, "numeric": numeric}


def test_numeric_jacobian_passes():
    check.numeric_jacobian(jacobians(torch.eye(2), torch.eye(2) + 1e-7), "x")
    check.numeric_jacobian(observe.jacobians(torch.sin, torch.ones(3)), "x")
    check.numeric_jacobian(jacobians(torch.eye(2), torch.eye(2) + 0.01), "x", rtol=0.1, atol=0.1)


@pytest.mark.parametrize("claim, reason", [
    (jacobians(torch.eye(2), 2 * torch.eye(2)), "backward and the numeric derivative disagree"),
    (jacobians(torch.eye(2), torch.eye(3)), "backward and the numeric derivative disagree"),
    (jacobians(torch.eye(2), torch.eye(2) * nan), "backward and the numeric derivative disagree"),
    (jacobians(t([nan]), t([nan])), "no gradient arrives, or it is NaN"),
    (jacobians(t([]), t([])), "no gradient arrives, or it is NaN"),
    (jacobians(None, None), "expected two Jacobians, got a dict"),
    (jacobians("a", "a"), "expected two Jacobians, got a dict"),
    (jacobians([1.0], [1.0]), "expected two Jacobians, got a dict"),
    ({"analytic": t([1.0])}, "expected two Jacobians, got a dict"),
    (None, "expected two Jacobians, got None"), (t([1.0]), "expected two Jacobians, got a tensor"),
])  # fmt: skip
def test_numeric_jacobian_fails(claim, reason):
    assert message(check.numeric_jacobian, claim, "x") == f"x: {reason}"


BANNED = ("cdist", "norm", "@")

CLEAN = [
    "x = a + b", "# cdist would be forbidden\nx = 'cdist'", '"""cdist, norm, @"""', "",
    "norm = (x**2).sum() ** 0.5\nreturn_ = norm + 1", "def norm(x):\n    return x\ny = norm(2)",
    "def f(x, norm):\n    return norm", "for i in range(3):\n    pass", "%%time\nx = 1",
    "!pip list\nx = 1", "@decorated\ndef f(): ...", "weights['norm']", "x.normal()",
]  # fmt: skip


@pytest.mark.parametrize("text", CLEAN)
def test_avoids_passes(text):
    check.avoids(text, "x", calls=BANNED)


@pytest.mark.parametrize("text, name", [
    ("torch.cdist(a, b)", "cdist"), ("from torch import cdist as c\nc(a)", "cdist"),
    ("cdist(a)", "cdist"), ("f = cdist", "cdist"), ("a @ b", "@"), ("a @= b", "@"),
    ("getattr(torch, 'norm')(a)", "norm"), ("import x.norm", "norm"),
    ("(a - b).norm(dim=1)", "norm"),
    ("%%time\ncdist(a)", "cdist"), ("y = (a\n% cdist(b))", "cdist"), ("map(norm, a)", "norm"),
    ("class A:\n    def f(self):\n        return [x.norm() for x in y]", "norm"),
])  # fmt: skip
def test_avoids_names_what_is_used(text, name):
    reason = f"x: uses `{name}`, which this exercise asks you to do without"
    assert message(check.avoids, text, "x", calls=BANNED) == reason


def test_avoids_takes_one_name_as_well():
    assert "`cdist`" in message(check.avoids, "torch.cdist(a)", "x", calls="cdist")
    check.avoids("c = d", "x", calls="cdist")


@pytest.mark.parametrize("text", [
    "for i in x: pass", "while True: pass", "[i for i in x]", "{i for i in x}", "{i: 1 for i in x}",
    "sum(i for i in x)", "async def f():\n    async for i in x: pass",
])  # fmt: skip
def test_avoids_loops(text):
    reason = "x: uses a loop; let the tensor operations do the repeating"
    assert message(check.avoids, text, "x", loops=True) == reason
    check.avoids(text, "x")


@pytest.mark.parametrize("text", [
    "x = (", "a\0b", "-" * 100_000 + "1", "(" * 5000, "a" + ".b" * 50_000, "x = " + "[" * 3000,
    "def f():\nreturn 1", "'\udcff'", "lambda: " * 20_000, "a?", "x = 1 +",
], ids=lambda text: ascii(text)[:20])  # fmt: skip
def test_avoids_says_when_a_text_is_no_python(text):
    if "\udcff" in text:  # does not even cross
        failure(check.avoids, text, "x")
    else:
        assert message(check.avoids, text, "x") == "x: the answer is not valid Python"


@pytest.mark.parametrize("text", [None, 3, b"x = 1", ["x"], t([1.0])])
def test_avoids_needs_a_text(text):
    assert message(check.avoids, text, "x").startswith("x: the text of the answer was not found")


# --- no claim can break a check -----------------------------------------------------------------


def random_value(rng: random.Random, depth: int = 0):
    """Anything that can come over the wire."""
    leaves = [
        None, True, False, 0, 1, -1, 3, 10**1200, -(10**1200), 2**63, 0.0, -0.0, 0.5, nan,
        inf, -inf, "", "a", "ValueError", "x = (", "for i in x: pass", "ü" * 50, b"", b"\0",
        torch.float32, torch.Size([2, 3]), torch.Size([]), wire.StandIn("generator"),
        wire.StandIn("Tensor"), wire.StandIn(""), wire.StandIn("list"),
    ]  # fmt: skip
    match rng.randrange(9 if depth < 3 else 5):
        case 0 | 1:
            return rng.choice(leaves)
        case 2 | 3:
            shape = rng.choice([(), (0,), (1,), (2,), (3, 1), (1, 3), (2, 0, 2), (2, 2), (1,) * 9])
            dtype = rng.choice(list(wire.DTYPES.values()))
            value = torch.full(shape, rng.choice([0, 1, 2]), dtype=torch.float64)
            if dtype.is_floating_point and rng.random() < 0.3:
                value = value * rng.choice([nan, inf])
            value = value.to(dtype)
            grad = (dtype.is_floating_point or dtype.is_complex) and rng.random() < 0.3
            return value.requires_grad_(grad)
        case 4:
            code = rng.choice(["?", "i1", "i8", "u1", "u2", "u4", "f2", "f8", "c8"])
            return np.full(rng.choice([(), (0,), (2,), (3, 1)]), 1).astype(code)
        case 5:
            return [random_value(rng, depth + 1) for _ in range(rng.randrange(4))]
        case 6:
            return tuple(random_value(rng, depth + 1) for _ in range(rng.randrange(4)))
        case 7:
            names = [
                "a",
                "type",
                "bases",
                "message",
                "analytic",
                "numeric",
                1,
                1.0,
                nan,
                None,
                ("k",),
            ]
            names += [wire.StandIn("Linear"), torch.float16, b"k"]
            return {
                rng.choice(names): random_value(rng, depth + 1) for _ in range(rng.randrange(5))
            }
        case 8:
            if rng.random() < 0.5:
                return jacobians(random_value(rng, depth + 1), random_value(rng, depth + 1))
            return {
                "type": rng.choice(["V", random_value(rng, depth + 1)]),
                "bases": rng.choice([["ValueError"], random_value(rng, depth + 1)]),
                "message": rng.choice(["shape", random_value(rng, depth + 1)]),
            }


EXPECTED = [
    1, 2.5, 10**400, nan, inf, True, None, "a", b"x", torch.float32, torch.Size([2]), t(1.0), t(3),
    t([1.0, nan]), t([1, 2]), t([True, False]), t([1j, 2]), torch.zeros(2, 0), np.zeros(2),
    [1, 2.0], np.array(1), np.array([1, 2], "u4"), (t([1.0]), "a"), {"a": 1, "b": t([1.0])}, {},
    [], [None],
]  # fmt: skip

VERBS = [
    lambda v, e: check.close(v, e, "x", ideas={"i": e, "j": [e], "k": None}, hint="h"),
    lambda v, e: check.close(v, e, "x", dtype=True, atol=1.5),
    lambda v, e: check.equal(v, e, "x", ideas={"i": 1.0}),
    lambda v, e: check.one_of(v, (e, "a", 1), "x"),
    lambda v, e: check.number(v, 0, 1.5, "x"),
    lambda v, e: check.unchanged(v, e, "x"),
    lambda v, e: check.differs(v, e, "x"),
    lambda v, e: check.raised(v, ValueError, "x", mentions=("a", "shape")),
    lambda v, e: check.accuracy(v, t([1, 0]), 0.4, "x"),
    lambda v, e: check.numeric_jacobian(v, "x"),
    lambda v, e: check.avoids(v, "x", calls=("a", "@"), loops=True),
]


@pytest.mark.parametrize("verb", range(len(VERBS)))
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_hostile_claims_pass_or_fail_and_never_break(verb, capsys):
    rng = random.Random(verb)
    outcomes = {"passed": 0, "failed": 0}
    for _ in range(700):
        expected = rng.choice(EXPECTED)
        claim = random_value(rng) if rng.random() < 0.9 else expected
        try:
            assert VERBS[verb](claim, expected) is None
            outcomes["passed"] += 1
        except CheckFailed as error:
            assert error.message.startswith("x")
            assert isinstance(error.values, str)
            (error.message + error.values).encode()  # can be written into a report
            outcomes["failed"] += 1
    assert outcomes["failed"]
