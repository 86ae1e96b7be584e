"""Every graded cell, with every named answer, says the same in one kernel and split in two.

The split run is the grader's (the proof of the tests, cached by what it depends on). Answers that
kill or hang their process are left out of the linear run by name: there is no cell left to ask.
"""

import re
from pathlib import Path

import pytest

from autograder.chapter import chapters
from autograder.grade_one import answer_texts
from autograder.proof import Result, answer_tasks, prove, summary
from tests.course.linear import run_linear

ROOT = Path(__file__).parents[2]
NAMES = list(chapters(ROOT))
# Answers that draw without a seed err elsewhere, and by another amount, in each run.
_SIZE = re.compile(
    r"\d+(?= of \d+ values are wrong)|(?<=largest error )[\d.e+-]+|(?<=off by )[\d.e+-]+"
)


@pytest.fixture(scope="module", params=NAMES)
def proved(request) -> tuple[str, list[Result]]:
    """A chapter's name and what the grader says to each of its answers."""
    return request.param, prove(ROOT, [request.param])


def test_the_tests_are_proved(proved):
    problems = [f"{r.exercise} {r.kind} {r.name!r}: {r.problem}" for r in proved[1] if r.problem]
    assert problems == [], summary(proved[1])


def test_every_exercise_has_enough_answers(proved):
    name, results = proved
    for key, exercise in chapters(ROOT)[name].exercises.items():
        own = [r for r in results if r.exercise == key]
        wrong, right = ([r for r in own if r.kind == kind] for kind in ("wrong", "right"))
        if exercise.is_predict:
            assert wrong, f"{key}: no other choice is tried"
            continue
        assert len(wrong) >= 5, f"{key}: {len(wrong)} wrong answers"
        assert len(right) >= 2, f"{key}: {len(right)} right answers"
        assert all(r.expect for r in wrong), f"{key}: a wrong answer without its message"
        checks = set(exercise.of_role("check"))
        slips = [
            r for r in wrong if not any(m["message"] for m in r.marks if m["grade_id"] in checks)
        ]
        assert slips, f"{key}: no wrong answer that only a hidden test catches"


def test_linear_and_split_agree(proved):
    name, results = proved
    chapter = chapters(ROOT)[name]
    tasks = {(t.exercise, t.kind, t.name): t for t in answer_tasks(ROOT, [name], None)}
    differences = []
    for result in results:
        exercise = chapter.exercises.get(result.exercise)
        if exercise is None or any("ended the Python" in m["message"] for m in result.marks):
            continue
        if any("stopped after" in m["message"] for m in result.marks):
            continue
        cells = dict(tasks[result.exercise, result.kind, result.name].cells)
        linear = run_linear(chapter, exercise, cells)
        if "SystemError" in linear.values():  # the interpreter's fault; nested jvp met it once
            linear = run_linear(chapter, exercise, cells)
        differences += _differences(result, linear)
    assert differences == []


def _differences(result: Result, linear: dict[str, str]) -> list[str]:
    """Cells of an answer of which one kernel says something else than the grader."""
    return [
        f"{mark['grade_id']} {result.name!r}: one kernel {said!r}, split {mark['message']!r}"
        for mark in result.marks
        if not _same(said := linear[mark["grade_id"]], mark["message"])
    ]


def _same(linear: str, split: str) -> bool:
    """Equal messages; where an Act raised, the grader's sentence names the same type."""
    if split.startswith("your code raised "):
        return split.removeprefix("your code raised ").split(" ")[0] == linear
    if split.startswith("not written yet"):
        return linear in ("NotImplementedError", "NameError")
    return _SIZE.sub("", linear) == _SIZE.sub("", split)


def test_answer_texts_are_what_the_grader_holds():
    chapter = chapters(ROOT)[NAMES[0]]
    exercises = list(chapter.exercises.values())
    texts = answer_texts(chapter.notebook, exercises)
    assert all("### BEGIN SOLUTION" in text for text in texts.values())
