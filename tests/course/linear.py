"""Graded cells run as a notebook runs them: top to bottom, in one IPython, in a forked child."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from functools import cache
from importlib import import_module

from autograder.chapter import Chapter, Exercise

HEAVY = (
    "IPython.core.interactiveshell", "matplotlib.pyplot", "torch.optim", "torch._dynamo",
    "torchvision.models", "torchvision.transforms.v2", "tqdm.notebook", "sklearn.datasets",
    "sklearn.model_selection", "gradus.plots",
)  # fmt: skip


@cache
def _import_once() -> None:
    """Import here what every forked child would import again, a second for each answer."""
    for name in HEAVY:
        import_module(name)


def run_linear(chapter: Chapter, exercise: Exercise, texts: dict[str, str]) -> dict[str, str]:
    """Message of each test of an exercise by grade id, "" where it passes.

    An exception that is no failed check gives its type's name.
    """
    _import_once()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException), os.fdopen(writer, "w") as pipe:
            json.dump(_run(chapter, exercise, texts), pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer) if answer else {key: "died" for key in exercise.tests}


def _run(chapter: Chapter, exercise: Exercise, texts: dict[str, str]) -> dict[str, str]:
    from IPython.core.interactiveshell import InteractiveShell

    from gradus.check import CheckFailed

    shell = InteractiveShell.instance()
    cells = [c.source for c in chapter.setup]
    cells += [texts.get(key, "raise NotImplementedError") for key in exercise.answers]
    cells += [cell.source for cell in exercise.references.values()]
    messages = {}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        sys.argv = ["linear"]
        for source in cells:
            shell.run_cell(source, store_history=True)
        for grade_id, cell in exercise.tests.items():
            error = shell.run_cell(cell.source, store_history=True)
            failure = error.error_before_exec or error.error_in_exec
            if failure is None:
                messages[grade_id] = ""
            elif isinstance(failure, CheckFailed):
                messages[grade_id] = failure.message
            else:
                messages[grade_id] = type(failure).__name__
    return messages
