"""``answers.py``: named wrong and right answers, the proof that the tests are good.

A percent file. Each cell's header names the exercise, says wrong or right, names the answer and,
where it is wrong, may state a fragment of the message that its author must meet::

    # %% 1.5 wrong "forgets the square root" expect "squared distances"
    # %% 1.5 right "differences along a new axis, then norm"

The body replaces the exercise's answer cell; where there are more of them, a line
``# cell ex-1-5-b`` starts the next one's text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from autograder.chapter import Chapter, CourseError

_HEADER = re.compile(
    r'# %% (?P<label>\S+) (?P<verdict>wrong|right) "(?P<name>[^"]+)"'
    r'(?: expect "(?P<expect>(?:[^"\\]|\\.)+)")?\s*$'
)
_CELL = re.compile(r"# cell (?P<grade_id>\S+)\s*$")


@dataclass(frozen=True)
class Answer:
    """One named answer: its text by answer cell."""

    exercise: str  # ex-1-5
    label: str  # 1.5
    right: bool
    name: str
    expect: str
    cells: dict[str, str]


def read_answers(path: Path, chapter: Chapter) -> list[Answer]:
    """All answers of a file. Raises CourseError that names the line it does not understand."""
    found: list[Answer] = []
    head: re.Match | None = None
    body: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("# %%"):
            if head:
                found.append(_answer(head, body, chapter))
            head, body = _HEADER.match(line), []
            if not head or (head["expect"] and head["verdict"] == "right"):
                shape = '# %% 1.5 wrong "name" expect "fragment"'
                raise CourseError(f"{path}:{number}: expected a header like {shape}")
        elif head:
            body.append(line)
        elif line.strip() and not line.startswith("#"):
            raise CourseError(f"{path}:{number}: text before the first '# %%' header")
    if head:
        found.append(_answer(head, body, chapter))
    return found


def _answer(head: re.Match, body: list[str], chapter: Chapter) -> Answer:
    exercise = chapter.find(head["label"])
    cells: dict[str, list[str]] = {}
    current = exercise.key
    for line in body:
        match = _CELL.match(line)
        if match:
            current = match["grade_id"]
            if current not in exercise.answers:
                raise CourseError(f"{chapter.name}: {head['name']!r}: no answer cell {current!r}")
        else:
            cells.setdefault(current, []).append(line)
    texts = {key: "\n".join(lines).strip("\n") for key, lines in cells.items()}
    texts = {key: text for key, text in texts.items() if text.strip()}
    if not texts:
        raise CourseError(f"{chapter.name}: {exercise.label} {head['name']!r} has no text")
    return Answer(
        exercise=exercise.key,
        label=exercise.label,
        right=head["verdict"] == "right",
        name=head["name"],
        expect=(head["expect"] or "").replace('\\"', '"'),
        cells=texts,
    )
