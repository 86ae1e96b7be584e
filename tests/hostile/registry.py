"""How a hostile submission is written down: what it tries, how it is made, what it may get.

Most are code for one cell. Such code may call ``attempt(what, act)``, which prints ``BREACH`` where
``act`` succeeds, and comes to its end with ``TRIED``: both are looked for in what the cell printed,
so an attack that breaks down before it has tried anything is noticed.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.autograder.conftest import fill

CHAPTER, NOTEBOOK = "00_tiny", "tiny.ipynb"
BREACH, TRIED = "BREACH", "TRIED"
PRELUDE = """
def attempt(what, act):
    try:
        result = act()
    except BaseException as error:
        print("held:", what, type(error).__name__, str(error)[:200])
    else:
        print("BRE" + "ACH:", what, repr(result)[:200])
"""
POSTLUDE = '\nprint("TRI" + "ED")\n'


@dataclass
class Desk:
    """Where one hostile student works: their folder, fresh notebooks, and what lies around."""

    folder: Path  # submitted/<student>/00_tiny
    places: dict[str, str]  # what an attack may know: ROOT, COURSE, HOME
    _starter: dict
    _solutions: dict[str, str]

    @property
    def starter(self) -> dict:
        return copy.deepcopy(self._starter)

    @property
    def solved(self) -> dict:
        return fill(self.starter, self._solutions)

    def write(self, content: dict | bytes | str, name: str = NOTEBOOK) -> None:
        """Hand this in."""
        if isinstance(content, dict):
            content = json.dumps(content)
        if isinstance(content, str):
            content = content.encode()
        (self.folder / name).write_bytes(content)

    def filled_in(self, text: str) -> str:
        """With the places that the text names as ``@ROOT@``."""
        for name, place in self.places.items():
            text = text.replace(f"@{name}@", place)
        return text


@dataclass(frozen=True)
class Hostile:
    """One submission. ``points``: what it must get, or the most where ``at_most``."""

    name: str
    tries: str
    points: float
    make: Callable[[Desk], None]
    status: str = "graded"
    flag: str = ""  # part of a flag that must be there
    said: str | tuple[str, ...] = ""  # part of the cause or of a message; one of them must be there
    at_most: bool = False
    comes_to_its_end: bool = False  # TRIED must be printed


HOSTILE: dict[str, Hostile] = {}
FAILED = {"points": 0, "status": "failed"}


def _enter(hostile: Hostile) -> None:
    assert hostile.name not in HOSTILE, f"{hostile.name} is there twice"
    HOSTILE[hostile.name] = hostile


def submission(tries: str, points: float = 0, **facts):
    """Decorator: a function that hands something in at a ``Desk``; its name is the student's."""

    def enter(make: Callable[[Desk], None]) -> Callable[[Desk], None]:
        _enter(Hostile(make.__name__, tries, points, make, **facts))
        return make

    return enter


def code(
    name: str,
    tries: str,
    text: str,
    points: float = 0,
    *,
    into: str = "ex-0-1",
    base: str = "starter",
    ends: bool = True,
    **facts,
) -> None:
    """Enter code as the text of an answer, or of an added cell (``into="added"``).

    ``base``: the rest of the notebook, starter or solved; ``ends``: the cell comes to its end.
    """

    def make(desk: Desk) -> None:
        notebook = getattr(desk, base)
        whole = PRELUDE + desk.filled_in(text) + (POSTLUDE if ends else "")
        if into == "added":
            notebook["cells"].insert(2, added_cell(whole))
        else:
            fill(notebook, {into: whole})
        desk.write(notebook)

    _enter(Hostile(name, tries, points, make, comes_to_its_end=ends, **facts))


def added_cell(text: str, **fields) -> dict:
    """A code cell of the student's own."""
    cell = {"cell_type": "code", "id": "own-1", "source": text}
    return cell | {"metadata": {}, "outputs": [], "execution_count": None} | fields
