"""Answers that several students share: a remark for a person, never a mark.

Two answers are the same when their texts are, without comments, docstrings and formatting. Short
answers are left out (there is one way to write them), and so are those that many students have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from autograder.verdict import Verdict

LONG_ENOUGH = 120  # characters; below, honest students write the same
COMMON = 1 / 3  # of the class: what so many write is the obvious answer


def alike(verdicts: Iterable[Verdict]) -> list[str]:
    """One line for each answer that a few students share."""
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    students: dict[str, set[str]] = defaultdict(set)
    for verdict in verdicts:
        students[verdict.chapter].add(verdict.student)
        for key, answer in verdict.answers.items():
            if answer.written and answer.length >= LONG_ENOUGH:
                groups[verdict.chapter, key, answer.written].append(verdict.student)
    return [
        f"{chapter}, {key}: the same answer by {', '.join(sorted(names))}"
        for (chapter, key, _), names in sorted(groups.items())
        if 1 < len(names) <= max(2, COMMON * len(students[chapter]))
    ]
