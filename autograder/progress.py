"""What a person sees while a class is graded: a bar with the time left, or one line each."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from tqdm import tqdm

from autograder.verdict import GRADED, Verdict


@contextlib.contextmanager
def progress() -> Iterator[Callable[[Verdict, int, int], None]]:
    """A function to call with each verdict, how many are done, and how many there are."""
    if not sys.stderr.isatty():
        yield _line
        return
    bar = tqdm(unit=" submissions", dynamic_ncols=True)

    def show(verdict: Verdict, done: int, total: int) -> None:
        bar.total = total
        if verdict.status != GRADED:
            bar.write(_text(verdict), file=sys.stderr)
        bar.update()

    with bar:
        yield show


def _line(verdict: Verdict, done: int, total: int) -> None:
    print(f"[{done}/{total}] {_text(verdict)}", flush=True)


def _text(verdict: Verdict) -> str:
    cause = f" ({verdict.cause})" if verdict.cause else ""
    points = f"{verdict.points:g}/{verdict.max_points:g}"
    return f"{verdict.chapter} {verdict.student}: {verdict.status}{cause} {points}"
