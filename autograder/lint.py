"""Rules of a test cell that a machine can hold (spec/boundary.md), found by reading only.

``lint_chapter`` gives one line for each broken rule: where, what, and what to do about it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from autograder.boundary import BUILTINS, BoundaryError, Part, TestCell, names, split
from autograder.chapter import CATEGORIES, Chapter, CourseError, Exercise, hidden_title

DRAWS = {"rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial"}
IN_PLACE_DRAWS = {"normal_", "uniform_", "random_", "bernoulli_", "exponential_"}
GLOBAL_SEEDS = {"manual_seed", "seed_everything", "set_rng_state"}


def lint_chapter(chapter: Chapter) -> list[str]:
    """All broken rules of a chapter, one line each; empty when it is clean."""
    try:
        exercises = chapter.exercises.values()
        setup = _bound_in(chapter.setup)
        problems = list(_opening(chapter))
    except (CourseError, SyntaxError) as error:
        return [str(error)]
    students = {e.key: _bound_in(e.answers.values()) for e in exercises}
    for exercise in exercises:
        problems += [f"{exercise.label}: {text}" for text in _structure(exercise)]
        references = _bound_in(exercise.references.values())
        for grade_id, cell in exercise.tests.items():
            scope = Scope(setup, references, students[exercise.key], "-hidden" in grade_id)
            problems += [f"{grade_id}: {text}" for text in lint_cell(cell.source, scope)]
    return [f"{chapter.source.name}: {text}" for text in problems]


class Scope:
    """The names that surround a test cell, by where they come from."""

    def __init__(
        self, setup: set[str], references: set[str], student: set[str], hidden: bool
    ) -> None:
        self.setup, self.references, self.student, self.hidden = setup, references, student, hidden


def lint_cell(source: str, scope: Scope) -> Iterator[str]:
    """Broken rules of one test cell."""
    try:
        cell = split(source)
    except (BoundaryError, SyntaxError) as error:
        yield str(error)
        return
    yield from _names(cell, scope)
    yield from _arrange(cell)
    yield from _act(cell)
    yield from _assert(cell)


def _names(cell: TestCell, scope: Scope) -> Iterator[str]:
    parts = (cell.arrange, cell.act, cell.assertion)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        for name in sorted(parts[first].bound & parts[second].bound):
            yield f"{name!r} is bound in {parts[first].name} and in {parts[second].name}"
    for part in (cell.arrange, cell.assertion):
        for name in sorted(part.read & scope.student):
            yield f"{part.name} reads {name!r}, which is the student's: only Act may"
    if not cell.act.read & scope.student:
        yield "Act uses nothing of the student's: there is nothing to test"
    trusted = scope.setup | (scope.references if scope.hidden else set()) | BUILTINS
    known = {
        "Arrange": trusted,
        "Act": scope.setup | scope.student | cell.arrange.bound | BUILTINS,
        "Assert": trusted | cell.arrange.bound | cell.act.bound,
    }
    for part in parts:
        for name in sorted(part.read - known[part.name] - scope.student):
            where = " (a reference: visible checks and Act never use one)"
            yield f"{part.name} reads {name!r}, bound nowhere{where * (name in scope.references)}"
    for name in sorted(cell.act.read & cell.arrange.bound & cell.assertion.read):
        yield f"Act reads {name!r}, so Assert may not: keep a clone under another name in Arrange"


def _arrange(cell: TestCell) -> Iterator[str]:
    for call in _calls(cell.arrange):
        name = _called(call)
        if name in GLOBAL_SEEDS and not _has_base(call, "Generator"):
            yield f"Arrange calls {name}: draw with generator=seeded(n); a global seed goes into Act"
        seeded = any(k.arg == "generator" for k in call.keywords)
        if name in IN_PLACE_DRAWS and not seeded:
            yield f"Arrange draws with {name} without generator=seeded(n)"
        if name in DRAWS and isinstance(call.func, ast.Attribute) and not seeded:
            if _has_base(call, "torch"):
                yield f"Arrange draws with torch.{name} without generator=seeded(n)"
    given = set(cell.given)
    for node in ast.parse(cell.arrange.text).body:
        kind = type(node).__name__
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in given:
            yield f"Act uses {node.name!r}, a {kind} of Arrange: move it to setup"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield "Arrange imports: imports stand in setup"
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            if any(isinstance(t, ast.Name) and t.id in given for t in node.targets):
                yield "Act uses a lambda of Arrange: write it in Act or in setup"


def _act(cell: TestCell) -> Iterator[str]:
    tree = ast.parse(cell.act.text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assert, ast.Try)):
            yield f"Act holds {type(node).__name__.lower()}: use observe.error, and judge in Assert"
        if isinstance(node, ast.Attribute) and _has_name(node.value, "check"):
            yield "Act calls check: judging stands in Assert"
    top = {
        n.id
        for statement in tree.body
        if isinstance(statement, (ast.Assign, ast.AnnAssign))
        for n in ast.walk(statement)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    for name in sorted(set(cell.shipped) - top):
        yield f"{name!r} comes out of Act but is not assigned at its top level"


def _assert(cell: TestCell) -> Iterator[str]:
    claims = cell.act.bound
    statements = ast.parse(cell.assertion.text).body
    if not statements:
        yield "Assert is empty"
    for statement in statements:
        call = getattr(statement, "value", None)
        if not (
            isinstance(statement, ast.Expr)
            and isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and _has_name(call.func.value, "check")
            and call.args
        ):
            yield f"line {statement.lineno}: Assert consists only of check calls"
            continue
        if not _read(call.args[0]) & claims:
            yield f"line {statement.lineno}: the first argument must come from Act"
        others = [*call.args[1:], *(k.value for k in call.keywords)]
        believed = sorted(set().union(*(_read(other) for other in others)) & claims)
        if believed:
            yield f"line {statement.lineno}: {believed[0]!r} is a claim: never compare with a claim"


def _structure(exercise: Exercise) -> Iterator[str]:
    if exercise.stated_points != exercise.points:
        yield f"the box says {exercise.stated_points} points, the cells {exercise.points}"
    if exercise.category not in CATEGORIES:
        yield f"category {exercise.category!r} is none of {', '.join(CATEGORIES)}"
    if not exercise.answers:
        yield "has no answer cell"
    for grade_id, cell in exercise.answers.items():
        if "### BEGIN SOLUTION" not in cell.source or "### END SOLUTION" not in cell.source:
            yield f"{grade_id}: needs ### BEGIN SOLUTION and ### END SOLUTION"
    if not exercise.of_role("check"):
        yield "has no visible check"
    hidden = exercise.of_role("hidden") | exercise.references
    if not exercise.of_role("hidden"):
        yield "has no hidden test"
    for grade_id, cell in hidden.items():
        stripped = cell.source.rstrip()
        if "### BEGIN HIDDEN TESTS" not in stripped or not stripped.endswith(
            "### END HIDDEN TESTS"
        ):
            yield f"{grade_id}: needs ### BEGIN HIDDEN TESTS, and ### END HIDDEN TESTS at the end"
    for grade_id, cell in exercise.of_role("hidden").items():
        points = cell.metadata.nbgrader.points
        if not hidden_title(cell):
            yield f"{grade_id}: the first line must read '# Hidden test 1.5 · title · 2 points'"
        elif not cell.source.splitlines()[0].split(" · ")[-1].startswith(f"{points} "):
            yield f"{grade_id}: its title line does not say {points} points"
    for grade_id, cell in exercise.references.items():
        if cell.metadata.nbgrader.points:
            yield f"{grade_id}: a reference cell has 0 points"
        if not cell.source.startswith("### BEGIN HIDDEN TESTS"):
            yield f"{grade_id}: a reference cell is hidden as a whole"
    if not exercise.is_predict and exercise.box.source.count("<details>") < 2:
        yield "the box needs two hints"


def _opening(chapter: Chapter) -> Iterator[str]:
    exercises = chapter.exercises.values()
    truth = {
        "exercises": sum(e.minutes for e in exercises),
        "points": sum(e.points for e in exercises),
    }
    for key, value in truth.items():
        if chapter.opening[key] != value:
            yield f"the opening line says {chapter.opening[key]} for {key}, the boxes say {value}"


def _bound_in(cells) -> set[str]:
    return set().union(*(names(cell.source)[0] for cell in cells))


def _calls(part: Part) -> list[ast.Call]:
    return [n for n in ast.walk(ast.parse(part.text)) if isinstance(n, ast.Call)]


def _called(call: ast.Call) -> str:
    return getattr(call.func, "attr", None) or getattr(call.func, "id", "")


def _has_base(call: ast.Call, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(call.func)) or any(
        isinstance(n, ast.Attribute) and n.attr == name for n in ast.walk(call.func)
    )


def _has_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _read(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
