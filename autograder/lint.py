"""Rules of a test cell that a machine can hold (spec/boundary.md), found by reading only.

``lint_chapter`` gives one line for each broken rule: where, what, and what to do about it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from autograder.boundary import BUILTINS, BoundaryError, Part, TestCell, names, split
from autograder.chapter import CATEGORIES, Chapter, CourseError, Exercise, hidden_title

DRAWS = {
    "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like",
    "normal", "bernoulli", "multinomial", "poisson", "random_split",
}  # fmt: skip
IN_PLACE_DRAWS = (  # also xavier_uniform_, trunc_normal_, …
    "normal_", "uniform_", "random_", "bernoulli_", "exponential_", "orthogonal_", "cauchy_",
    "geometric_", "sparse_",
)  # fmt: skip
SEEDED = {"default_rng", "RandomState", "SeedSequence", "PCG64", "Random"}
GLOBAL_RANDOM = {"random", "np.random", "numpy.random"}
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
GLOBAL_SEEDS = {"manual_seed", "seed_everything", "set_rng_state"}
VERBS = {
    "close", "equal", "one_of", "number", "unchanged", "differs", "raised", "accuracy",
    "numeric_jacobian", "avoids",
}  # fmt: skip


def lint_chapter(chapter: Chapter) -> list[str]:
    """All broken rules of a chapter, one line each; empty when it is clean."""
    try:
        exercises = chapter.exercises.values()
        setup = _bound_in(chapter.setup)
        students = {e.key: _bound_in(e.answers.values()) for e in exercises}
        references = {e.key: _bound_in(e.references.values()) for e in exercises}
        problems = list(_opening(chapter))
    except (CourseError, SyntaxError) as error:
        return [str(error)]
    data = setup - _made_by(chapter.setup, (*DEFINITIONS, ast.Import, ast.ImportFrom))
    for exercise in exercises:
        key = exercise.key
        problems += [f"{exercise.label}: {text}" for text in _structure(exercise)]
        for grade_id, cell in exercise.tests.items():
            scope = Scope(setup, references[key], students[key], "-hidden" in grade_id, data)
            problems += [f"{grade_id}: {text}" for text in lint_cell(cell.source, scope)]
    problems += _helpers(chapter)
    return [f"{chapter.source.name}: {text}" for text in problems]


class Scope:
    """The names that surround a test cell, by where they come from; ``data``: setup's values."""

    def __init__(
        self,
        setup: set[str],
        references: set[str],
        student: set[str],
        hidden: bool,
        data: set[str] = frozenset(),
    ) -> None:
        self.setup, self.references, self.student, self.hidden = setup, references, student, hidden
        self.data = data


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
    for part in parts:
        for name in sorted(part.bound & (scope.student | scope.setup)):
            owner = "the student's" if name in scope.student else "of setup"
            yield f"{part.name} binds {name!r}, which is {owner}: choose another name"
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
    values = (cell.arrange.bound - _literals(cell.arrange)) | scope.data
    for name in sorted(cell.act.read & cell.assertion.read & values):
        yield f"Act reads {name!r}, so Assert may not: keep a clone under another name in Arrange"


def _arrange(cell: TestCell) -> Iterator[str]:
    for call in _calls(cell.arrange):
        name = _called(call)
        if name in GLOBAL_SEEDS and not _has_base(call, "Generator"):
            yield f"Arrange calls {name}: draw with generator=seeded(n); global seeds go into Act"
        elif _draws(call):
            yield f"Arrange draws with {name} without generator=seeded(n)"
    given = set(cell.given)
    for node in ast.walk(ast.parse(cell.arrange.text)):
        if isinstance(node, DEFINITIONS) and node.name in given:
            kind = "class" if isinstance(node, ast.ClassDef) else "function"
            yield f"Act uses {node.name!r}, a {kind} of Arrange: move it to setup"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield "Arrange imports: imports stand in setup"
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            parts = getattr(node.value, "elts", [node.value])
            if _stored(node) & given and any(isinstance(part, ast.Lambda) for part in parts):
                yield "Act uses a lambda of Arrange: write it in Act or in setup"


def _draws(call: ast.Call) -> bool:
    """A draw from a global generator, as far as its name and arguments tell."""
    name = _called(call)
    keywords = {k.arg: k.value for k in call.keywords}
    if "generator" in keywords:
        return False
    if name in SEEDED:
        return not call.args and not call.keywords
    shuffled = keywords.get("shuffle")
    if isinstance(shuffled, ast.Constant) and shuffled.value and "random_state" not in keywords:
        return True
    owner = ast.unparse(call.func).rpartition(".")[0]
    if name.endswith(IN_PLACE_DRAWS) or (owner in GLOBAL_RANDOM and name != "Generator"):
        return True
    return name in DRAWS and (isinstance(call.func, ast.Name) or _has_base(call, "torch"))


def _act(cell: TestCell) -> Iterator[str]:
    tree = ast.parse(cell.act.text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assert, ast.Try, ast.TryStar)):
            kind = type(node).__name__.lower()
            yield f"Act holds {kind}: use observe.error, and judge in Assert"
        if _has_name(node, "check") or (isinstance(node, ast.Attribute) and node.attr == "check"):
            yield "Act uses check: judging stands in Assert"
    texts = [c for c in _calls(cell.act) if ast.unparse(c.func) == "observe.source"]
    if len(texts) != len(cell.answer_texts):
        yield "Act calls observe.source in another form than text = observe.source(name)"
    assignments = [s for s in tree.body if isinstance(s, (ast.Assign, ast.AnnAssign))]
    top = set().union(*(_stored(statement) for statement in assignments))
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
        if call.func.attr not in VERBS:
            yield f"line {statement.lineno}: check has no verb {call.func.attr!r}"
        if _claim_name(call.args[0]) not in claims:
            yield f"line {statement.lineno}: the first argument must be a name from Act"
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


def _helpers(chapter: Chapter) -> Iterator[str]:
    """Functions of setup that only the trusted parts of hidden tests read: they tell the answer."""
    functions = _made_by(chapter.setup, DEFINITIONS)
    arranged: set[str] = set()
    elsewhere: set[str] = set()
    for cell in chapter.notebook.cells:
        if cell.cell_type != "code":
            continue
        try:
            test = split(cell.source) if "-hidden-" in cell.id else None
            if "-reference" in cell.id:
                arranged |= _read(ast.parse(cell.source))
            elif test is None:
                elsewhere |= _read(ast.parse(cell.source))
            else:
                arranged |= test.arrange.read | test.assertion.read
                elsewhere |= test.act.read
        except (BoundaryError, SyntaxError):
            continue
    for name in sorted(functions & arranged - elsewhere):
        yield f"setup's {name!r} serves hidden tests only: move it to the reference cell"


def _opening(chapter: Chapter) -> Iterator[str]:
    exercises = chapter.exercises.values()
    truth = {
        "exercises": sum(e.minutes for e in exercises),
        "points": sum(e.points for e in exercises),
    }
    for key, value in truth.items():
        if chapter.opening[key] != value:
            yield f"the opening line says {chapter.opening[key]} for {key}, the boxes say {value}"


def _made_by(cells, kinds: tuple[type, ...]) -> set[str]:
    """Names that statements of these kinds bind at the top level of some cells."""
    statements = [s for cell in cells for s in ast.parse(cell.source).body if isinstance(s, kinds)]
    return set().union(*(names(ast.unparse(statement))[0] for statement in statements))


def _literals(part: Part) -> set[str]:
    """Names that stand for a number, a text, or a tuple of them all the time."""
    statements = ast.parse(part.text).body
    constant = [s for s in statements if isinstance(s, ast.Assign) and _is_literal(s.value)]
    fixed = set().union(*(_stored(s) for s in constant))
    return fixed - set().union(*(_stored(s) for s in statements if s not in constant))


def _is_literal(node: ast.AST) -> bool:
    if isinstance(node, ast.Tuple):
        return all(_is_literal(item) for item in node.elts)
    return isinstance(node.operand if isinstance(node, ast.UnaryOp) else node, ast.Constant)


def _claim_name(node: ast.AST) -> str:
    """The name in ``claim``, ``claim["key"]`` or ``claim[0]``; "" for any other expression."""
    while isinstance(node, ast.Subscript) and _is_literal(node.slice):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


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
    names_in = (n for n in ast.walk(node) if isinstance(n, ast.Name))
    return {n.id for n in names_in if isinstance(n.ctx, ast.Load)}


def _stored(node: ast.AST) -> set[str]:
    names_in = (n for n in ast.walk(node) if isinstance(n, ast.Name))
    return {n.id for n in names_in if isinstance(n.ctx, ast.Store)}
