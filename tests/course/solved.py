"""The functions of a chapter as its solution writes them, for tests that use them elsewhere."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from nbformat import NotebookNode

from autograder.chapter import chapters

ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("GRADUS_TEST_DATA", ROOT.parent / "shared" / "data"))


def solved(
    name: str, shown: Callable[[NotebookNode], bool] = lambda cell: False
) -> SimpleNamespace:
    """What setup, answers, and the other cells that ``shown`` picks define, run in this order."""
    chapter = chapters(ROOT)[name]
    answers = [cell for e in chapter.exercises.values() for cell in e.answers.values()]
    others = [c for c in chapter.notebook.cells if c.cell_type == "code" and shown(c)]
    names = {"__name__": name}
    for cell in [*chapter.setup, *answers, *others]:
        exec(compile(cell.source, cell.id, "exec"), names)
    return SimpleNamespace(**names)
