"""What students get of a chapter, in memory: nbgrader's own rules applied to one notebook.

The build uses nbgrader's command for what it writes to ``notebooks/``; a test holds the two equal.
"""

from __future__ import annotations

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import (
    ClearHiddenTests,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)
from traitlets.config import Config

from autograder.chapter import STUB

CONFIG = Config({"ClearSolutions": {"code_stub": {"python": STUB}}})


def gradebook_source(notebook: NotebookNode) -> NotebookNode:
    """The cells as nbgrader's gradebook keeps them: no solutions, hidden tests still there."""
    return _apply(notebook, ClearOutput, ClearSolutions, LockCells, ComputeChecksums)


def release(notebook: NotebookNode) -> NotebookNode:
    """The notebook without solutions, hidden tests and outputs; the argument is kept."""
    return _apply(gradebook_source(notebook), ClearHiddenTests, ComputeChecksums)


def _apply(notebook: NotebookNode, *preprocessors: type) -> NotebookNode:
    result = nbformat.from_dict(notebook)
    for preprocessor in preprocessors:
        result, _ = preprocessor(config=CONFIG)(result, {})
    return result
