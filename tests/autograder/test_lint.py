"""The rules of a test cell: one that breaks exactly one is named, a clean one is clean."""

from __future__ import annotations

import pytest

from autograder.chapter import Chapter, chapters
from autograder.lint import Scope, lint_cell, lint_chapter
from tests.autograder.conftest import COURSE

SETUP = "torch nn F np check observe seeded Tattle OncePerRun table helper"
DATA = {"table"}
STUDENT = "pairwise_distances MyBatchNorm2d evaluate f"


def problems(source: str, *, hidden: bool = True, references: str = "reference") -> list[str]:
    scope = Scope(
        set(SETUP.split()), set(references.split()), set(STUDENT.split()), hidden, set(DATA)
    )
    return list(lint_cell(source, scope))


def cell(arrange="x = torch.ones(2)", act="y = f(x)", assertion='check.close(y, 2, "y")') -> str:
    return f"# Arrange\n{arrange}\n# Act\n{act}\n# Assert\n{assertion}\n"


# --- clean cells --------------------------------------------------------------------------------

DISTANCES = """\
# Arrange
cloud = torch.randn(40, 3, generator=seeded(15)) + 100
untouched = cloud.clone()
true = (cloud[:, None] - cloud[None]).norm(dim=-1)
# Act
distances = pairwise_distances(cloud)
cloud_after = cloud
# Assert
check.close(distances, true, "distances", ideas={"Squared: is the root missing?": true ** 2})
check.unchanged(cloud_after, untouched, "the points")
"""

BATCH_NORM = """\
# Arrange
batches = 3 * torch.randn(5, 2, 3, 2, 2, generator=seeded(3)) + 1
weights = {"weight": torch.tensor([.5, 1., 2.]), "bias": torch.tensor([1., 0., -1.]),
    "running_mean": torch.tensor([.1, .2, .3]), "running_var": torch.tensor([1., 2., 3.])}
ref = nn.BatchNorm2d(3); ref.load_state_dict(weights, strict=False)
train_true = [ref(b) for b in batches]; eval_true = ref.eval()(batches[0])
# Act
bn = MyBatchNorm2d(3); bn.load_state_dict(weights, strict=False)
train = [bn(b) for b in batches]; evaluated = bn.eval()(batches[0])
# Assert
check.close(train, train_true, "output in train mode", atol=1e-5)
check.close(evaluated, eval_true, "output in eval mode", atol=1e-5)
"""

EVALUATE = """\
# Arrange
# Tattle and OncePerRun: the probes of rule 2, from setup
xs = torch.randn(3, 4, 1, generator=seeded(1)); ys = torch.randn(3, 4, 1, generator=seeded(2))
sizes = [4, 4, 1]
errors = [(xs[i][:n] - ys[i][:n]) ** 2 for i, n in enumerate(sizes)]
true = torch.cat(errors).mean().item(); by_batch = sum(e.mean().item() for e in errors) / 3
# Act
model = nn.Sequential(Tattle()).train()
batches = OncePerRun([(xs[j][:m], ys[j][:m]) for j, m in enumerate(sizes)])
loss = evaluate(model, batches, F.mse_loss)
mode_after = model.training
# Assert
check.close(loss, true, "the validation loss", ideas={"Mean of batch means.": by_batch})
check.equal(mode_after, True, "model.training afterwards")
"""

CLEAN = {
    "distances": DISTANCES,
    "batch norm": BATCH_NORM,
    "evaluate": EVALUATE,
    "hidden": f"# Hidden test 1.5 · x · 2 points\n### BEGIN HIDDEN TESTS\n{cell()}"
    "### END HIDDEN TESTS",
    "a reference": cell("true = reference(3)", "y = f()", 'check.close(y, true, "y")'),
    "parts of a claim": cell(
        act="y = f(x)", assertion='check.close(y["grads"][0][-1], x2, "y")', arrange=
        "x = torch.ones(2)\nx2 = 3",
    ),
    "a literal in all three": cell(
        'n = 3; at, name = (0, -1), "a"', "y = f(n, at, name)",
        "check.equal(y, (n, at, name), name)"
    ),
    "loops in each part have names of their own": cell(
        "xs = [torch.ones(i) for i in range(3)]",
        "ys = [f(i) for i in xs]",
        'check.equal(ys, [i for i in range(3)], "y")',
    ),
    "blocks in Act": cell(
        act="y = []\nfor i in range(3):\n    with torch.no_grad():\n        y.append(f(x))"
    ),
    "a lambda and a function made in Act": cell(
        act="def inner(v):\n    return f(v)\ny = inner(x), observe.vjp(lambda v: f(v), x, x)"
    ),
    "a lambda that stays in Arrange": cell("x = sorted([1, 2], key=lambda v: -v)"),
    "a function that stays in Arrange": cell("def g(v):\n    return v\nx = g(3)"),
    "the text of the answer": cell(
        "", "y = observe.source(f)", 'check.avoids(y, "f", calls=("cdist",), loops=True)'
    ),
    "a global seed in Act": cell("n = 3", "torch.manual_seed(1)\ny = f(torch.randn(n))"),
    "a generator made in Act": cell("n = 3", "y = f(torch.randn(n, generator=seeded(1)))"),
    "seeded draws": cell(
        "r = np.random.default_rng(3)\nq = torch.Generator().manual_seed(3)\n"
        "x = torch.empty(3).normal_(generator=seeded(1)), r.normal(size=2), r.random(3)\n"
        "z = torch.randperm(3, generator=q), torch.normal(0.0, 1.0, (2,), generator=q)"
    ),
    "weights with a rule": cell("x = torch.empty(2)\nnn.init.constant_(x, 3)\nnn.init.zeros_(x)"),
}  # fmt: skip


@pytest.mark.parametrize("source", CLEAN.values(), ids=CLEAN.keys())
def test_a_clean_cell_is_clean(source):
    assert problems(source) == []


# --- one rule broken ----------------------------------------------------------------------------

BROKEN = [
    # three comments, once, in order, column 0; no code before; each part parses alone
    ("no comments", "y = f(1)\n", "needs the lines"),
    ("wrong order", "# Act\ny = f(1)\n# Arrange\n# Assert\n", "needs the lines"),
    ("twice", cell() + "# Assert\n", "needs the lines"),
    ("code before", "import torch\n" + cell(), "no code may stand before"),
    ("no code of its own", cell(act="y = f(", assertion="1)"), "was never closed"),
    # a name is bound in one part
    ("Arrange and Act", cell(act="x = f(x)\ny = x"), "'x' is bound in Arrange and in Act"),
    ("a loop variable",
     cell("x = [i for i in range(3)]\nfor i in x: pass", "for i in range(2): pass\ny = f(x)"),
     "'i' is bound in Arrange and in Act"),
    ("n += 1", cell("n = 3", "n += 1\ny = f(n)"), "'n' is bound in Arrange and in Act"),
    ("del", cell("x = 1", "y = f(x)\ndel x"), "'x' is bound in Arrange and in Act"),
    ("Arrange and Assert", cell("x = 1", "y = f()", 'check.equal(y, (x := 3), "y")'),
     "'x' is bound in Arrange and in Assert"),
    ("a name of setup", cell("table = 3", "y = f()"), "Arrange binds 'table', which is of setup"),
    ("a name of setup in Act", cell(act="y = f(x)\nhelper = 1"), "Act binds 'helper'"),
    ("the student's name", cell("f = torch.relu", "y = f(1)"), "Arrange binds 'f', which is the"),
    # student's names in Act only, and there at least one
    ("student in Arrange", cell("x = f(1)"), "Arrange reads 'f', which is the student's"),
    ("student in a function of Arrange", cell("def g(): return f(1)\nx = 2"), "Arrange reads 'f'"),
    ("student in Assert", cell(assertion='check.close(y, f(2), "y")'), "Assert reads 'f'"),
    ("nothing of the student's", cell(act="y = torch.relu(x)"), "nothing of the student's"),
    # every name read is bound
    ("unbound in Arrange", cell("x = lost"), "Arrange reads 'lost', bound nowhere"),
    ("unbound in Act", cell(act="y = f(x, lost)"), "Act reads 'lost', bound nowhere"),
    ("unbound in Assert", cell(assertion='check.close(y, lost, "y")'), "Assert reads 'lost'"),
    ("used before it is bound", cell("x = y0\ny0 = 1"), "Arrange reads 'y0', bound nowhere"),
    ("a reference in Act", cell(act="y = f(reference)"), "Act reads 'reference', bound nowhere (a"),
    # what comes out is assigned at Act's top level
    ("in if", cell(act="if f(x):\n    y = 1"),
     "'y' comes out of Act but is not assigned at its top"),
    ("in for", cell(act="for y in f(x): pass"), "'y' comes out of Act but"),
    ("in with", cell(act="with torch.no_grad():\n    y = f(x)"), "'y' comes out of Act but"),
    ("by a function", cell(act="def y(): return f(x)"), "'y' comes out of Act but"),
    # no function, class, import or lambda from Arrange in Act
    ("a function", cell("def g(v): return v", "y = f(g)"), "Act uses 'g', a function of Arrange"),
    ("a nested one", cell("if 1:\n    def g(v): return v", "y = f(g)"), "Act uses 'g', a function"),
    ("a class", cell("class G: pass", "y = f(G())"), "Act uses 'G', a class of Arrange"),
    ("an import", cell("import math\nx = math.pi"), "Arrange imports"),
    ("a lambda", cell("g = lambda v: v", "y = f(g)"), "Act uses a lambda of Arrange"),
    ("one of two lambdas", cell("g, x = (lambda v: v), 1", "y = f(g)"), "Act uses a lambda"),
    # nothing that Act reads in Assert
    ("Act's input", cell(assertion='check.close(y, 2 * x, "y")'),
     "Act reads 'x', so Assert may not"),
    ("a list", cell("n = [1]", "y = f(n)", 'check.equal(y, n, "y")'), "Act reads 'n', so Assert"),
    ("a number bound twice", cell("n = 3\nif n: n = [1]", "y = f(n)", 'check.equal(y, n, "y")'),
     "Act reads 'n', so Assert"),
    ("data of setup", cell("", "y = f(table)", 'check.close(y, table, "y")'),
     "Act reads 'table', so Assert may not"),
    # Assert = check calls, first argument from Act, all others not
    ("an assert", cell(assertion="assert y == 2"), "Assert consists only of check calls"),
    ("another call", cell(assertion="print(y)"), "Assert consists only of check calls"),
    ("an assignment", cell(assertion="z = check.close(y, 2, 'y')"), "Assert consists only of"),
    ("a loop", cell(assertion="for i in range(2): check.close(y, i, 'y')"), "Assert consists only"),
    ("logic", cell(assertion="y == 2 or check.close(y, 2, 'y')"), "Assert consists only of check"),
    ("no argument", cell(assertion="check.close()"), "Assert consists only of check calls"),
    ("no verb", cell(assertion='check.closer(y, 2, "y")'), "check has no verb 'closer'"),
    ("empty", cell(assertion=""), "Assert is empty"),
    ("a literal first", cell(assertion='check.close(2, 2, "y")'),
     "the first argument must be a name"),
    ("trusted first", cell("x, x2 = torch.ones(2), 2", assertion='check.close(x2, 2, "y")'),
     "the first argument must be a name from Act"),
    ("a formula first", cell(assertion='check.close(y - 2, 0, "y")'),
     "the first argument must be a"),
    ("a method first", cell(assertion='check.close(y.abs(), 0, "y")'),
     "the first argument must be"),
    ("an index that is no literal", cell("x = 1\ni = [0]", assertion='check.close(y[i], 0, "y")'),
     "the first argument must be"),
    ("a claim as expected", cell(act="y = f(x)\nz = f(x)", assertion='check.close(y, z, "y")'),
     "'z' is a claim: never compare with a claim"),
    ("a claim with itself", cell(assertion='check.close(y, y, "y")'), "'y' is a claim"),
    ("a claim in a keyword", cell(assertion='check.close(y, 2, "y", ideas={"i": y})'), "'y' is a"),
    ("a claim as tolerance", cell(assertion='check.close(y, 2, "y", atol=y)'), "'y' is a claim"),
    # no check, assert, try in Act
    ("check in Act", cell(act='y = f(x)\ncheck.close(y, 2, "y")'), "Act uses check"),
    ("a verb in Act", cell(act="verb = check.close\ny = f(x)"), "Act uses check"),
    ("assert in Act", cell(act="y = f(x)\nassert y"), "Act holds assert"),
    ("try in Act", cell(act="y = 0\ntry:\n    f(x)\nexcept ValueError:\n    pass"),
     "Act holds try"),
    ("a text in another form", cell(act="y = observe.source(f).lower()\nz = f(x)"),
     "observe.source"),
    # no global seed and no draw without generator in Arrange
    ("manual_seed", cell("torch.manual_seed(1)\nx = 2"), "Arrange calls manual_seed"),
    ("NumPy's seed", cell("np.random.seed(1)\nx = 2"), "Arrange draws with seed"),
    *((draw, cell(f"x = {draw}"), "Arrange draws with") for draw in (
        "torch.randn(3)", "torch.rand(3)", "torch.randint(5, (3,))", "torch.randperm(3)",
        "torch.rand_like(torch.ones(2))", "torch.bernoulli(torch.ones(2))",
        "torch.normal(0.0, 1.0)",
        "torch.multinomial(torch.ones(2), 1)", "torch.empty(2).normal_()",
        "torch.empty(2).uniform_(-1, 1)", "nn.init.xavier_uniform_(torch.empty(2, 2))",
        "nn.init.trunc_normal_(torch.empty(2))", "np.random.rand(3)", "np.random.default_rng()",
        "torch.utils.data.random_split([1, 2], [1, 1])", "np.random.permutation(3)",
        "torch.utils.data.DataLoader([1], shuffle=True)",
    )),
]  # fmt: skip


@pytest.mark.parametrize(
    "source, problem", [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
def test_a_cell_that_breaks_one_rule_is_named_for_it(source, problem):
    found = problems(source)
    assert len(found) == 1, found
    assert problem in found[0]


def test_a_visible_check_knows_no_reference():
    source = cell("x = reference(3)")
    assert problems(source) == []
    (found,) = problems(source, hidden=False)
    assert "Arrange reads 'reference', bound nowhere (a reference" in found
    source = cell(assertion='check.close(y, reference(2), "y")')
    (found,) = problems(source, hidden=False)
    assert "Assert reads 'reference'" in found


def test_every_broken_rule_is_named():
    found = "\n".join(problems(cell("import math\nx = torch.randn(3)", "y = 1", "assert y")))
    for fragment in ("Arrange imports", "draws with randn", "nothing of the", "only of check"):
        assert fragment in found


def test_an_empty_act_tests_nothing():
    found = problems(cell(act="", assertion='check.close(1, 2, "y")'))
    assert found[0] == "Act uses nothing of the student's: there is nothing to test"


def test_problems_of_assert_name_the_line():
    source = cell(assertion='check.close(y, 2, "y")\nassert y')
    assert problems(source) == ["line 7: Assert consists only of check calls"]


# --- a chapter ----------------------------------------------------------------------------------


@pytest.fixture
def changed(tmp_path):
    """Problems of the small chapter after replacements in its source."""
    source = chapters(COURSE)["00_tiny"].source.read_text(encoding="utf-8")
    path = tmp_path / "00_tiny" / "tiny.py"
    path.parent.mkdir()

    def change(*replacements: tuple[str, str]) -> list[str]:
        text = source
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
        return lint_chapter(Chapter(path))

    return change


def test_the_small_chapter_is_clean(changed):
    assert changed() == []


CHAPTER = [
    ("the box's points", "implementation · 3 points", "implementation · 4 points",
     "tiny.py: 0.1: the box says 4 points, the cells 3"),
    ("the category", "· production ·", "· produce ·", "category 'produce' is none of"),
    ("the opening's points", "minutes · 6 points", "minutes · 7 points",
     "tiny.py: the opening line says 7 for points, the boxes say 6"),
    ("the opening's minutes", "exercises: 5 minutes", "exercises: 6 minutes",
     "the opening line says 6 for exercises, the boxes say 5"),
    ("no opening", "Reading: 1 minutes", "Read: 1 minute", "no line 'Reading:"),
    ("the title of a hidden test", "# Hidden test 0.2 · other types · 1 point", "# other types",
     "ex-0-2-hidden-1: the first line must read"),
    ("its points", "other types · 1 point", "other types · 2 points", "does not say 1 points"),
    ("a solution's region", "    return 2 * x\n    ### END SOLUTION", "    return 2 * x",
     "0.1: ex-0-1: needs ### BEGIN SOLUTION and ### END SOLUTION"),
    ("a hidden region that ends too early",
     'check.raised(refusal, TypeError, "count of a list")\n### END HIDDEN TESTS',
     '### END HIDDEN TESTS\ncheck.raised(refusal, TypeError, "count of a list")',
     "ex-0-2-hidden-1: needs ### BEGIN HIDDEN TESTS, and ### END HIDDEN TESTS at the end"),
    ("a reference that shows something", '### BEGIN HIDDEN TESTS\nCANARY',
     'shown = 1\n### BEGIN HIDDEN TESTS\nCANARY', "a reference cell is hidden as a whole"),
    ("a reference with points", 'reference", "points": 0', 'reference", "points": 1',
     "a reference cell has 0 points"),
    ("no visible check", '"ex-0-2-check"', '"ex-0-2-hidden-2"', "0.2: has no visible check"),
    ("no hidden test", '"predict-0-1-hidden-1"', '"predict-0-1-check-2"', "has no hidden test"),
    ("a grade id", '"ex-0-2-check"', '"ex-0-2-visible"', "expected something like ex-1-5-check"),
    ("an exercise without box", '"ex-0-2-check"', '"ex-0-9-check"',
     "ex-0-9-check has no exercise box"),
    ("a solution that is no Python", "return 2 * x\n", "return 2 *\n", "invalid syntax"),
    ("a cell's rule", "counted = count(", "counted = len(",
     "ex-0-2-check: Act uses nothing of the"),
]  # fmt: skip


@pytest.mark.parametrize(
    "old, new, problem", [row[1:] for row in CHAPTER], ids=[row[0] for row in CHAPTER]
)
def test_a_chapter_that_breaks_a_rule_is_named(changed, old, new, problem):
    assert any(problem in line for line in changed((old, new)))


def test_an_exercise_needs_two_hints(changed):
    first = "# <details><summary>Hint 1</summary>\n#\n# Multiply.\n#\n# </details>\n"
    assert changed((first, "")) == ["tiny.py: 0.1: the box needs two hints"]


HELPER = "\n\ndef doubling(x):\n    return 2 * x\n"
IMPORTS = "from gradus import check, observe, seeded\n"
USE = ("true = trusted_double(numbers)", "true = doubling(numbers)")


def test_a_function_of_setup_that_only_hidden_tests_need_belongs_to_the_reference(changed):
    unused = (IMPORTS, IMPORTS + HELPER)
    found = "tiny.py: setup's 'doubling' serves hidden tests only: move it to the reference cell"
    assert changed(unused) == []
    assert changed(unused, USE) == [found]
    assert changed(unused, ("return x + x", "return doubling(x)")) == [found]


@pytest.mark.parametrize("elsewhere", [
    ("print(\"a demo that grading skips\")", "print(doubling(1))"),
    ("return 2 * x\n", "return doubling(x)\n"),
    ("result = double(numbers)", "result = double(doubling(numbers))"),
    ("pair = torch.tensor([1.0, 2.0])", "pair = doubling(torch.tensor([0.5, 1.0]))"),
])  # fmt: skip
def test_a_function_of_setup_that_others_need_stays(changed, elsewhere):
    assert changed(elsewhere, (IMPORTS, IMPORTS + HELPER), USE) == []


def test_data_of_setup_are_not_read_on_both_sides(changed):
    data = (IMPORTS, IMPORTS + "\nrows = torch.ones(2)\n")
    act = ("counted = count(torch.zeros(2, 3))", "counted = count(rows)")
    expected = ('check.equal(counted, 6, "count', 'check.equal(counted, rows.numel(), "count')
    assert changed(data, act) == []
    assert changed(data, expected) == []
    (found,) = changed(data, act, expected)
    assert found.startswith("tiny.py: ex-0-2-check: Act reads 'rows', so Assert may not")
