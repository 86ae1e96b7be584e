"""The trust boundary: a test cell cut into Arrange, Act and Assert.

Arrange and Assert run where no student code ever runs; Act runs where nothing else does. What
crosses is decided here, from the names alone: Act is *given* what Arrange binds and Act reads, and
*ships* what Act binds and Assert reads. Each part keeps its line numbers, so that a traceback
points into the cell as its author sees it.
"""

from __future__ import annotations

import ast
import builtins
import symtable
import textwrap
from dataclasses import dataclass

PARTS = ("Arrange", "Act", "Assert")
BEGIN_HIDDEN, END_HIDDEN = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
BUILTINS = frozenset(dir(builtins)) | {"__name__"}


class BoundaryError(ValueError):
    """The cell is not a test cell; the message says what is missing."""


@dataclass(frozen=True)
class Part:
    """One of the three parts: its text, padded so that line numbers are those of the cell."""

    name: str
    text: str

    @property
    def bound(self) -> frozenset[str]:
        return names(self.text)[0]

    @property
    def read(self) -> frozenset[str]:
        """Names read that the part may not have bound itself when it reads them."""
        return names(self.text)[1]


@dataclass(frozen=True)
class TestCell:
    """A graded cell, split. ``given`` goes into Act, ``shipped`` comes out."""

    __test__ = False  # not a pytest class

    arrange: Part
    act: Part
    assertion: Part

    @property
    def given(self) -> list[str]:
        return sorted(self.arrange.bound & self.act.read)

    @property
    def shipped(self) -> list[str]:
        return sorted(self.act.bound & self.assertion.read)

    @property
    def answer_texts(self) -> dict[str, str]:
        """Names that Act assigns from ``observe.source(thing)`` → the thing's name."""
        found = {}
        for node in ast.parse(self.act.text).body:
            match node:
                case ast.Assign(
                    targets=[ast.Name(id=name)],
                    value=ast.Call(
                        func=ast.Attribute(value=ast.Name(id="observe"), attr="source"),
                        args=[ast.Name(id=thing)],
                    ),
                ):
                    found[name] = thing
        return found


def split(source: str) -> TestCell:
    """Cut a test cell at its three comment lines. Raises BoundaryError or SyntaxError."""
    lines = [
        "" if line.strip() in (BEGIN_HIDDEN, END_HIDDEN) else line for line in source.splitlines()
    ]
    markers = [i for i, line in enumerate(lines) if line.rstrip() in {f"# {p}" for p in PARTS}]
    if [lines[i].rstrip()[2:] for i in markers] != list(PARTS):
        raise BoundaryError("needs the lines '# Arrange', '# Act', '# Assert', once, in this order")
    if any(line.strip() and not line.lstrip().startswith("#") for line in lines[: markers[0]]):
        raise BoundaryError("no code may stand before '# Arrange'")
    ends = [*markers[1:], len(lines)]
    parts = []
    for name, start, end in zip(PARTS, markers, ends, strict=True):
        text = "\n" * start + "\n".join(lines[start:end]) + "\n"
        ast.parse(text)
        parts.append(Part(name, text))
    return TestCell(*parts)


def names(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """(bound, read) global names of a piece of code.

    Read are the globals that any scope refers to; a name that the text itself binds at top level
    counts as read only if it may be read before that (``n += 1``, or used above its assignment).
    """
    table = symtable.symtable(text, "<cell>", "exec")
    bound = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    bound |= {name for scope in _inner(table) for name in _declared_global(scope)}
    referenced = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    referenced |= {
        s.get_name() for scope in _inner(table) for s in scope.get_symbols() if s.is_global()
    }
    early = _read_before_bound(text, bound)
    return frozenset(bound), frozenset((referenced - bound) | early)


def _inner(table: symtable.SymbolTable):
    for child in table.get_children():
        yield child
        yield from _inner(child)


def _declared_global(scope: symtable.SymbolTable) -> list[str]:
    return [
        s.get_name()
        for s in scope.get_symbols()
        if s.is_declared_global() and (s.is_assigned() or s.is_imported())
    ]


def _read_before_bound(text: str, bound: set[str]) -> set[str]:
    """Names of ``bound`` that some statement reads before any statement has bound them."""
    early: set[str] = set()
    so_far: set[str] = set()
    for statement in ast.parse(text).body:
        here = symtable.symtable(ast.unparse(statement), "<statement>", "exec")
        symbols = {s.get_name(): s for s in here.get_symbols()}
        reads = {name for name, s in symbols.items() if s.is_referenced()}
        reads |= {s.get_name() for scope in _inner(here) for s in scope.get_symbols() if s.is_global()}
        binds = {name for name, s in symbols.items() if s.is_assigned() or s.is_imported()}
        for node in ast.walk(statement):
            if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                reads.add(node.target.id)
        stored_first = _bound_by_itself(statement)
        early |= (reads & bound) - so_far - (binds & stored_first)
        so_far |= binds
    return early


def _bound_by_itself(statement: ast.stmt) -> set[str]:
    """Names that a compound statement binds before its body reads them (loop variables, with, def)."""
    found: set[str] = set()
    for node in ast.walk(statement):
        targets: list[ast.expr] = []
        if isinstance(node, (ast.For, ast.AsyncFor)):
            targets = [node.target]
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            targets = [item.optional_vars for item in node.items if item.optional_vars]
        elif isinstance(node, ast.NamedExpr):
            targets = [node.target]
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Assign) and node is not statement:
            targets = node.targets  # inside a block; order within a block is the author's care
        for target in targets:
            found |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
    return found


def dedent(source: str) -> str:
    """Cell text without surrounding blank lines."""
    return textwrap.dedent(source).strip("\n")
