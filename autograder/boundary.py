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
from functools import cached_property

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

    @cached_property
    def given(self) -> list[str]:
        return sorted(self.arrange.bound & self.act.read)

    @cached_property
    def shipped(self) -> list[str]:
        return sorted(self.act.bound & self.assertion.read)

    @cached_property
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
        "" if line.strip() in (BEGIN_HIDDEN, END_HIDDEN) else line
        for line in source.rstrip().split("\n")
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
    early: set[str] = set()
    so_far: set[str] = set()
    referenced: set[str] = set()
    for statement in ast.parse(text).body:
        now, later, binds = _statement_names(statement)
        early |= (now & bound) - so_far - _bound_by_itself(statement)
        referenced |= now | later
        so_far |= binds
    return frozenset(bound), frozenset((referenced - bound) | early)


def _statement_names(statement: ast.stmt) -> tuple[set[str], set[str], set[str]]:
    """Globals that a statement reads at once, those that its functions read later, and binds."""
    table = symtable.symtable(ast.unparse(statement), "<statement>", "exec")
    now = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    for node in ast.walk(statement):
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            now.add(node.target.id)
        elif isinstance(node, ast.Delete):
            now |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    binds = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    later: set[str] = set()
    for scope, deferred in _inner_scopes(table):
        found = later if deferred else now
        found |= {s.get_name() for s in scope.get_symbols() if s.is_global()}
        binds |= set(_declared_global(scope))
    return now, later, binds


def _inner_scopes(table: symtable.SymbolTable, deferred: bool = False):
    """(scope, whether it runs later) of all inside; comprehensions and classes run at once."""
    at_once = {"listcomp", "setcomp", "dictcomp", "genexpr"}
    for child in table.get_children():
        runs_later = child.get_type() == "function" and child.get_name() not in at_once
        yield child, deferred or runs_later
        yield from _inner_scopes(child, deferred or runs_later)


def _inner(table: symtable.SymbolTable):
    return (scope for scope, _ in _inner_scopes(table))


def _declared_global(scope: symtable.SymbolTable) -> list[str]:
    return [
        s.get_name()
        for s in scope.get_symbols()
        if s.is_declared_global() and (s.is_assigned() or s.is_imported())
    ]


def _bound_by_itself(statement: ast.stmt) -> set[str]:
    """Names that a statement binds before it reads them: loop variables, with, match, walrus, def.

    The order inside a block is the author's care.
    """
    simple = isinstance(statement, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete))
    found: set[str] = set()
    added = set()
    for node in ast.walk(statement):
        match node:
            case ast.NamedExpr(target=ast.Name(id=name)):
                found.add(name)
            case ast.AugAssign(target=ast.Name() as target):
                added.add(target)
            case ast.Name(id=name, ctx=ast.Store()) if not simple and node not in added:
                found.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                found.add(name)
            case ast.MatchMapping(rest=str(name)) | ast.ExceptHandler(name=str(name)):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.alias(name=name, asname=asname):
                found.add(asname or name.split(".")[0])
    return found


def dedent(source: str) -> str:
    """Cell text without surrounding blank lines."""
    return textwrap.dedent(source).strip("\n")
