"""Step 4: the trusted process."""

import pytest

from autograder.chapter import Chapter, CourseError
from autograder.judge import Judge, Outcome
from autograder.run import Claim
from gradus import wire

ALL = ("ex-0-1", "ex-0-2", "predict-0-1")


@pytest.fixture
def judge(chapter):
    opened = Judge(chapter.source)
    yield opened
    opened.close()


def claims(**values) -> Claim:
    """Claims as the student's side ships them."""
    return Claim(wire.encode({name: ["value", wire.encode(v)] for name, v in values.items()}))


def test_arrange_gives_the_same_bytes_in_two_processes(chapter, judge):
    other = Judge(chapter.source)
    try:
        for exercise in ALL:
            assert judge.inputs(exercise) == other.inputs(exercise)
    finally:
        other.close()


def test_only_what_act_reads_goes_in(judge):
    inputs = wire.decode(judge.inputs("ex-0-1")["ex-0-1-hidden-1"], strided=True)
    assert set(inputs) == {"numbers"}
    assert inputs["numbers"].stride() == (1, 2)  # a transposed tensor stays one


def test_a_right_value_passes_and_a_wrong_one_meets_its_idea(judge):
    outcome = judge.judge({"predict-0-1-hidden-1": claims(chosen="a")}, {})
    assert outcome == {"predict-0-1-hidden-1": Outcome(True)}
    outcome = judge.judge({"predict-0-1-hidden-1": claims(chosen="b")}, {})
    assert "that joins texts" in outcome["predict-0-1-hidden-1"].message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 100,
        wire.encode(["not a dict"]),
        wire.encode({"chosen": "a"}),
        wire.encode({"chosen": ["value", b"junk"]}),
        wire.encode({"chosen": ["value", "a"]}),
        wire.encode({"other": ["value", wire.encode("a")]}),
    ],
)
def test_forged_bytes_fail_the_test_and_nothing_else(judge, data):
    outcomes = judge.judge(
        {"predict-0-1-hidden-1": Claim(data), "ex-0-2-check": claims(counted=6)}, {}
    )
    assert not outcomes["predict-0-1-hidden-1"].passed
    assert not outcomes["predict-0-1-hidden-1"].fault
    assert outcomes["ex-0-2-check"].passed


def test_a_claim_that_never_came_keeps_its_reason(judge):
    outcomes = judge.judge({"ex-0-2-check": Claim(error="your code raised KeyError")}, {})
    assert outcomes["ex-0-2-check"] == Outcome(False, "your code raised KeyError")


def test_one_submission_cannot_change_what_the_next_is_judged_by(judge):
    wrong = {"ex-0-2-check": claims(counted=7)}
    right = {"ex-0-2-check": claims(counted=6)}
    verdicts = [judge.judge(c, {})["ex-0-2-check"].passed for c in (wrong, right, wrong)]
    assert verdicts == [False, True, False]


def broken_chapter(tmp_path, chapter, old: str, new: str) -> Chapter:
    source = tmp_path / "00_tiny" / "tiny.py"
    source.parent.mkdir()
    source.write_text(chapter.source.read_text().replace(old, new))
    return Chapter(source)


def test_a_failed_arrange_is_the_courses_fault(tmp_path, chapter):
    wrong = broken_chapter(tmp_path, chapter, "before = numbers.clone()", "before = 1 / 0")
    judge = Judge(wrong.source)
    try:
        with pytest.raises(CourseError, match="ZeroDivisionError"):
            judge.inputs("ex-0-1")
        assert judge.inputs("ex-0-2")  # the others are still there
    finally:
        judge.close()


def test_an_assert_that_raises_anything_else_is_the_courses_fault(tmp_path, chapter):
    old = 'check.equal(counted, 6, "count of a 2 x 3 tensor")'
    wrong = broken_chapter(tmp_path, chapter, old, 'check.equal(counted, 1 / 0, "count")')
    judge = Judge(wrong.source)
    try:
        outcome = judge.judge({"ex-0-2-check": claims(counted=6)}, {})["ex-0-2-check"]
        assert not outcome.passed
        assert "ZeroDivisionError" in outcome.fault
    finally:
        judge.close()


def test_what_a_chapter_prints_does_not_reach_the_protocol(tmp_path, chapter):
    noisy = broken_chapter(tmp_path, chapter, "import torch\n", "import torch\nprint('x' * 99)\n")
    judge = Judge(noisy.source)
    try:
        assert judge.inputs("ex-0-2")
    finally:
        judge.close()


def test_an_answer_that_was_not_asked_for_is_refused(judge):
    """Whoever writes into the judge's pipe cannot shift the verdicts of those who come after."""
    judge.inputs("ex-0-2")
    judge.process.stdin.write(b"\x02\0\0\0\0\0\0\0{}")  # a foreign request: answered first
    with pytest.raises(CourseError, match="ended unexpectedly"):
        judge.judge({"ex-0-2-check": claims(counted=6)}, {})
    assert judge.judge({"ex-0-2-check": claims(counted=6)}, {})["ex-0-2-check"].passed


def test_a_judge_that_is_stopped_is_not_waited_for(judge, monkeypatch):
    import os
    import signal
    from dataclasses import replace

    from autograder import judge as module

    judge.inputs("ex-0-2")
    monkeypatch.setattr(module, "LIMITS", replace(module.LIMITS, judge_seconds=1, setup_seconds=1))
    os.kill(judge.process.pid, signal.SIGSTOP)
    with pytest.raises(CourseError, match="ended unexpectedly"):
        judge.judge({"ex-0-2-check": claims(counted=6)}, {})


def test_a_part_that_a_claim_does_not_have_fails_the_test_only(tmp_path, chapter):
    old = 'check.equal(counted, 6, "count of a 2 x 3 tensor")'
    changed = broken_chapter(tmp_path, chapter, old, 'check.equal(counted["n"], 6, "count")')
    judge = Judge(changed.source)
    try:
        outcome = judge.judge({"ex-0-2-check": claims(counted=None)}, {})["ex-0-2-check"]
        assert (outcome.passed, outcome.fault) == (False, "")
        outcome = judge.judge({"ex-0-2-check": claims(counted={"n": 6})}, {})["ex-0-2-check"]
        assert outcome.passed
    finally:
        judge.close()
