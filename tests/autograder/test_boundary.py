"""A test cell cut in three: the parts, their line numbers, and the names that cross."""

from __future__ import annotations

import traceback

import pytest

from autograder.boundary import BoundaryError, names, split

CELL = """\
# Arrange
x = make(3)
expected = 2 * x
# Act
found = double(x)
# Assert
check.equal(found, expected, "twice")
"""


def cell(arrange: str = "", act: str = "y = f()", assertion: str = "check.equal(y, 1, 'y')"):
    return split(f"# Arrange\n{arrange}\n# Act\n{act}\n# Assert\n{assertion}\n")


# --- cutting ------------------------------------------------------------------------------------


def test_a_cell_has_three_parts():
    test = split(CELL)
    assert (test.given, test.shipped) == (["x"], ["found"])
    assert "make(3)" in test.arrange.text and "double" not in test.arrange.text
    assert "double(x)" in test.act.text and "make" not in test.act.text
    assert "check.equal" in test.assertion.text and "double" not in test.assertion.text


HIDDEN = f"""\
# Hidden test 1.5 · far away · 2 points
### BEGIN HIDDEN TESTS
{CELL}### END HIDDEN TESTS"""


@pytest.mark.parametrize("source", [CELL, HIDDEN, "\n\n# a remark\n" + CELL, CELL + "\n\n"])
def test_each_part_keeps_its_line_numbers(source):
    test = split(source)
    for part in (test.arrange, test.act, test.assertion):
        mine, theirs = part.text.splitlines(), source.splitlines()
        assert len(mine) <= len(theirs)
        for number, line in enumerate(mine):
            assert line in ("", theirs[number])


def test_an_error_is_reported_at_its_line_of_the_cell():
    source = CELL.replace("found = double(x)", "found = 1\nfound = 1 / 0")
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile(split(source).act.text, "<cell>", "exec"), {})
    assert traceback.extract_tb(caught.value.__traceback__)[-1].lineno == 6


def test_unusual_line_ends_inside_a_text_do_not_count():
    test = cell(arrange="a = 'one\x0ctwo\u2028three'", act="y = f(a)\nz = 1 / 0")
    namespace = {}
    exec(compile(test.arrange.text, "<cell>", "exec"), namespace)
    assert namespace["a"] == "one\x0ctwo\u2028three"
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile(test.act.text, "<cell>", "exec"), {"f": str, "a": 1})
    assert traceback.extract_tb(caught.value.__traceback__)[-1].lineno == 5


def test_parts_may_be_empty():
    test = split("# Arrange\n# Act\n# Assert\n")
    assert (test.given, test.shipped) == ([], [])


@pytest.mark.parametrize("source", [
    "", "x = 1", "# Arrange\n# Act\n", "# Arrange\n# Assert\n# Act\n",
    "# Act\n# Arrange\n# Assert\n",
    "# Arrange\n# Act\n# Act\n# Assert\n", "# Arrange\n# Act\n# Assert\n# Arrange\n",
    "#Arrange\n#Act\n#Assert\n", "# arrange\n# act\n# assert\n", " # Arrange\n # Act\n # Assert\n",
    "# Arrange:\n# Act:\n# Assert:\n", "x = 1 # Arrange\ny = 2 # Act\nz = 3 # Assert\n",
    'text = """\n# Arrange\n# Act\n# Assert\n"""',
], ids=ascii)  # fmt: skip
def test_without_the_three_comments_it_is_no_test_cell(source):
    with pytest.raises((BoundaryError, SyntaxError)):
        split(source)


@pytest.mark.parametrize("before", ["x = 1\n", "import torch\n", "'a text'\n"])
def test_no_code_stands_before_arrange(before):
    with pytest.raises(BoundaryError, match="no code"):
        split(before + CELL)


@pytest.mark.parametrize("source", [
    "# Arrange\nif x:\n# Act\n    y = f()\n# Assert\ncheck.equal(y, 1, '')\n",
    '# Arrange\nx = """\n# Act\n"""\n# Assert\ncheck.equal(y, 1, "")\n',
    "# Arrange\nx = (1,\n# Act\n2)\n# Assert\n", "# Arrange\n# Act\ny = f(\n# Assert\n",
], ids=ascii)  # fmt: skip
def test_each_part_is_code_of_its_own(source):
    with pytest.raises(SyntaxError):
        split(source)


# --- names --------------------------------------------------------------------------------------

FLOW = [  # code, bound, read
    ("a = b", "a", "b"),
    ("a = a + 1", "a", "a"),
    ("n += 1", "n", "n"),
    ("n = 0\nn += 1", "n", ""),
    ("a: Tensor = b", "a", "Tensor b"),
    ("a, (b, *c) = d", "a b c", "d"),
    ("a = b = c", "a b", "c"),
    ("a[i] = b", "", "a i b"),
    ("a.b = c", "", "a c"),
    ("del a", "a", "a"),
    ("a = 1\ndel a", "a", ""),
    ("for i in r: t(i)", "i", "r t"),
    ("for i, (j, k) in r: pass\nelse: e()", "i j k", "r e"),
    ("for i in r:\n    s += i", "i s", "r s"),
    ("s = 0\nfor i in r:\n    s += i", "i s", "r"),
    ("for i in r:\n    s = i\n    u = s", "i s u", "r"),
    ("while c:\n    d = c", "d", "c"),
    ("with f() as g, h(g) as (k, m): g(k, m)", "g k m", "f h"),
    ("with f(): a = b", "a", "f b"),
    ("if (n := f(x)) > 1:\n    m = n", "n m", "f x"),
    ("a = (n := f(x)) + n", "a n", "f x"),
    ("ys = [y := f(x) for x in xs]\nz = y", "ys y z", "f xs"),
    ("match v:\n    case [a, *b]: use(a, b)\n    case {'k': c, **d}: pass",
     "a b c d", "v use"),
    ("match v:\n    case K(e) as z: use(e, z)", "e z", "v use K"),
    ("def f(x: int = k) -> T:\n    y = x\n    return q(y)", "f", "int k T q"),
    ("def f(): return h()\ndef h(): return f()", "f h", ""),
    ("f = lambda x, n=m: x + n + k", "f", "m k"),
    ("@deco\ndef f(): pass", "f", "deco"),
    ("class A(B, metaclass=M):\n    y = z\n    def m(self): return w(y)", "A", "B M z w y"),
    ("async def f(): pass", "f", ""),
    ("def f():\n    global g\n    g = 1", "f g", ""),
    ("def f():\n    global g\n    g = 1\nf()\nh = g", "f g h", ""),
    ("def f():\n    a = 1\n    def g():\n        nonlocal a\n        a = b", "f", "b"),
    ("[i for i in xs if i in ys for j in i]", "", "xs ys"),
    ("{i: j for i, j in xs}", "", "xs"),
    ("sum(i * k for i in xs)", "", "sum xs k"),
    ("import a.b, c as d\nfrom e import f as g, h", "a d g h", ""),
    ("print(u)\nu = 1", "u", "print u"),
    ("f(x=1, *a, **k)", "", "f a k"),
    ("try:\n    f()\nexcept E as e:\n    print(e)", "e", "f E print"),
    ("f'{a!r:>{b}}'", "", "a b"),
    ("x = 1\nx = x + 1", "x", ""),
    ("x = lambda: y\ny = 1", "x y", ""),
    ("x = [y for _ in r]\ny = 1", "x y", "y r"),
    ("", "", ""),
]  # fmt: skip


@pytest.mark.parametrize("code, bound, read", FLOW, ids=[ascii(row[0]) for row in FLOW])
def test_names_bound_and_read(code, bound, read):
    assert [set(found) for found in names(code)] == [set(bound.split()), set(read.split())]


@pytest.mark.parametrize("arrange, act, given", [
    ("for i in range(3): x = i", "y = f(x)", ["x"]),
    ("with make() as x: pass", "y = f(x)", ["x"]),
    ("if (x := make()): pass", "y = f(x)", ["x"]),
    ("a, (b, *c) = make()", "y = f(c, a)", ["a", "c"]),
    ("match make():\n    case [x]: pass", "y = f(x)", ["x"]),
    ("x = 1", "def inner():\n    return f(x)\ny = inner()", ["x"]),
    ("x = 1", "y = [f(i) for i in range(x)]", ["x"]),
    ("x = 1", "y = (lambda: f(x))()", ["x"]),
    ("x = 1", "class A:\n    k = x\ny = f(A)", ["x"]),
    ("x = 1; y0 = 2", "y = f'{x}'", ["x"]),
    ("x = 1", "y = f()", []),
    ("x = 1", "y = f(lambda x: x)", []),
    ("x = 1", "y = f([x for x in range(3)])", []),
    ("n = 1", "n += 1\ny = f(n)", ["n"]),
    ("x = [1]", "x[0] = f()\ny = x", ["x"]),
    ("x = 1", "del x\ny = f()", ["x"]),
])  # fmt: skip
def test_what_act_is_given(arrange, act, given):
    assert cell(arrange, act).given == given


@pytest.mark.parametrize("act, assertion, shipped", [
    ("y = f()", "check.equal(y, 1, '')", ["y"]),
    ("y, *z = f()", "check.equal(z, 1, '')\ncheck.equal(y, 1, '')", ["y", "z"]),
    ("y = f(); hidden = 1", "check.equal(y, 1, '')", ["y"]),
    ("with f() as y: pass", "check.equal(y['key'], 1, '')", ["y"]),
    ("for y in f(): pass", "check.equal(y, 1, '')", ["y"]),
    ("y = 0\ny += f()", "check.equal(y, 1, '')", ["y"]),
    ("def g(): return f()\ny = g()", "check.equal(y, 1, '')", ["y"]),
    ("def g():\n    global y\n    y = f()\ng()", "check.equal(y, 1, '')", ["y"]),
    ("y = f()", "check.equal(1, 1, '')", []),
])  # fmt: skip
def test_what_act_ships(act, assertion, shipped):
    assert cell("x = 1", act, assertion).shipped == shipped


@pytest.mark.parametrize("act, texts", [
    ("text = observe.source(pairwise)", {"text": "pairwise"}),
    ("y = f()\ntext = observe.source(A)\nother = observe.source(B)", {"text": "A", "other": "B"}),
    ("text = observe.source(f())", {}),
    ("text = observe.printed(f)", {}),
    ("a, b = observe.source(f), 1", {}),
])  # fmt: skip
def test_texts_that_the_grader_puts_in(act, texts):
    assert cell(act=act).answer_texts == texts
