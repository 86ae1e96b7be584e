"""Judging: the verbs of a test cell's Assert.

Each function compares a value that came from a student's code with one that did not, prints
``✓ what`` when it holds, and raises ``CheckFailed`` with the likely idea when it does not. Every
value passes through ``gradus.wire`` first, so that a cell behaves in a notebook exactly as it does
when the grader runs its parts in separate processes. Shapes are compared before any arithmetic.
"""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from gradus import wire

Ideas = Mapping[str, Any] | None
"""Message that names a mistake → the value which that mistake gives."""


class CheckFailed(AssertionError):
    """A check that does not hold.

    ``message`` names the idea and never holds a value of the test; ``values`` is what came and
    what was expected, which only visible checks show.
    """

    def __init__(self, message: str, values: str = "") -> None:
        super().__init__(f"{message}\n{values}" if values else message)
        self.message = message
        self.values = values

    def _render_traceback_(self) -> list[str]:
        """Shown by Jupyter in place of a traceback: the message is what helps here."""
        return [f"✗ {self.message}", *self.values.splitlines()]


class _Mismatch(Exception):
    """Why two values differ: first the reason without values, then the values."""

    def __init__(self, reason: str, got: Any = None, expected: Any = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.values = "" if got is None and expected is None else _show(got, expected)


def close(
    value: Any,
    expected: Any,
    what: str,
    *,
    ideas: Ideas = None,
    hint: str | None = None,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    dtype: bool = False,
) -> None:
    """Numbers, tensors or nests of them agree to ``atol + rtol·|expected|``; ``dtype``: it counts.

    Whole numbers have to agree exactly, unless ``atol`` is 1 or more.
    """
    tolerance = _Tolerance(rtol, atol, dtype)
    _judge(value, expected, what, tolerance, ideas, hint)


def equal(
    value: Any, expected: Any, what: str, *, ideas: Ideas = None, hint: str | None = None
) -> None:
    """The same kind and exactly the same value; a 0-d tensor or NumPy scalar counts as number."""
    _judge(value, expected, what, _EXACT, ideas, hint)


def one_of(value: Any, options: Sequence, what: str, *, hint: str | None = None) -> None:
    """The value is one of the options (a Predict question: any valid choice)."""
    value = _plain(value, what, hint)
    if not any(_matches(value, wire.plain(option), _EXACT) for option in options):
        listed = ", ".join(_text(option) for option in options)
        values = f"  expected one of: {listed}\n  got: {_text(value)}"
        _fail(f"{what}: not one of the possible answers", hint, values)
    print(f"✓ {what} is a valid one")


def number(value: Any, low: float, high: float, what: str, *, hint: str | None = None) -> None:
    """A number with ``low <= value <= high``."""
    value = _number_in(_plain(value, what, hint))
    if not _is_number(value):
        _fail(f"{what}: expected a number, got {_kind(value)}", hint)
    if not low <= value <= high:
        reason = "is NaN" if value != value else "is outside the range that works"
        values = f"  expected: {low:.4g} to {high:.4g}\n  got:      {_text(value)}"
        _fail(f"{what} {reason}", hint, values)
    _passed(what)


def unchanged(value: Any, before: Any, what: str, *, hint: str | None = None) -> None:
    """Bit for bit what it was: the code under test must not write into its input."""
    value = _plain(value, what, hint)
    if not _matches(value, wire.plain(before), _SAME_BITS):
        reason = f"{what} changed: your code writes into its input; work on a copy"
        _fail(reason, hint, _show(value, before))
    _passed(f"{what} unchanged")


def differs(value: Any, other: Any, what: str, *, hint: str | None = None) -> None:
    """Of the kind and shape of ``other`` (which must not come from the student), but not equal."""
    other = wire.plain(other)
    value = _plain(value, what, hint, _kind(other))
    try:
        _compare(value, other, _SAME_SHAPE)
    except _Mismatch as mismatch:
        _fail(f"{what}: {mismatch.reason}", hint, mismatch.values)
    if _matches(value, other, _Tolerance(1e-6, 1e-8, False)):
        _fail(f"{what}: nothing changed", hint, f"  got: {_text(value)}")
    _passed(what)


def raised(
    record: Any,
    kind: type[BaseException],
    what: str,
    *,
    mentions: str | Iterable[str] | None = None,
    hint: str | None = None,
) -> None:
    """``record`` (from ``observe.error``) is an exception of ``kind`` that ``mentions`` this."""
    record = _plain(record, what, hint)
    if record is None:
        _fail(f"{what}: nothing was raised where {_a(kind.__name__)} is asked for", hint)
    match record:
        case {"type": str() as name, "bases": [*bases], "message": str() as text}:
            bases = [base for base in bases if isinstance(base, str)]
        case _:
            _fail(f"{what}: expected an exception, got {_kind(record)}", hint)
    if kind.__name__ not in bases:
        _fail(f"{what}: raised {_a(name[:100])} where {_a(kind.__name__)} is asked for", hint)
    words = [mentions] if isinstance(mentions, str) else list(mentions or ())
    missing = [word for word in words if word.lower() not in text.lower()]
    if missing:
        reason = f"{what}: the message does not mention all that it should"
        _fail(reason, hint, f"  missing: {missing[0]!r}\n  got: {text[:300]}")
    _passed(what)


def accuracy(
    predictions: Any, labels: Any, at_least: float, what: str, *, hint: str | None = None
) -> None:
    """Share of ``predictions`` (class numbers, one per label) equal to ``labels``."""
    predictions = _as_tensor(_plain(predictions, what, hint))
    labels = _as_tensor(wire.plain(labels))
    if predictions is None or predictions.is_floating_point() or predictions.is_complex():
        _fail(f"{what}: class numbers are meant, one per sample, not scores", hint)
    if predictions.shape != labels.shape:
        _fail(_shape_reason(what, predictions.shape, labels.shape), hint)
    share = (predictions == labels).double().mean().item()
    if not share >= at_least:
        _fail(f"{what}: {share:.3f} is below {at_least:.3f}", hint)
    _passed(what)


def numeric_jacobian(
    record: Any, what: str, *, hint: str | None = None, rtol: float = 1e-4, atol: float = 1e-6
) -> None:
    """Autograd and central differences (``observe.jacobians``) agree.

    Both come from the student's process: this explains a wrong backward, and the values have to
    be checked as well, since a consistent wrong function passes.
    """
    record = _plain(record, what, hint)
    match record:
        case {"analytic": torch.Tensor() as analytic, "numeric": torch.Tensor() as numeric}:
            pass
        case _:
            _fail(f"{what}: expected two Jacobians, got {_kind(record)}", hint)
    if analytic.numel() == 0 or analytic.isnan().any():
        _fail(f"{what}: no gradient arrives, or it is NaN", hint)
    if not _matches(analytic, numeric, _Tolerance(rtol, atol, False)):
        _fail(f"{what}: backward and the numeric derivative disagree", hint)
    _passed(what)


def avoids(
    text: Any,
    what: str,
    *,
    calls: Iterable[str] = (),
    loops: bool = False,
    hint: str | None = None,
) -> None:
    """The answer's text (``observe.source``) uses none of ``calls`` (names; ``@`` is the operator).

    Own variables and functions may have such a name. ``loops``: no for, while or comprehension
    either. It deters; only values prove.
    """
    text = _plain(text, what, hint)
    if not isinstance(text, str):
        _fail(f"{what}: the text of the answer was not found; define it in its cell", hint)
    tree = _parsed(text)
    if tree is None:
        _fail(f"{what}: the answer is not valid Python", hint)
    used = _used(tree)
    for name in [calls] if isinstance(calls, str) else calls:
        if name in used:
            _fail(f"{what}: uses `{name}`, which this exercise asks you to do without", hint)
    repeating = (ast.For, ast.AsyncFor, ast.While, ast.comprehension)
    if loops and any(isinstance(node, repeating) for node in ast.walk(tree)):
        _fail(f"{what}: uses a loop; let the tensor operations do the repeating", hint)
    _passed(what)


def _parsed(text: str) -> ast.Module | None:
    """The syntax tree of a cell, whose magics count as empty lines; None if there is none."""
    code = [line for line in text.splitlines() if not line.lstrip().startswith(("%", "!"))]
    for attempt in (text, "\n".join(code)):
        try:
            return ast.parse(attempt)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def _used(tree: ast.Module) -> set[str]:
    """Names that a text takes from elsewhere: attributes, imports, names that it never binds."""
    used, read, own = set(), set(), set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name):
                used.add(name)
            case ast.MatMult():
                used.add("@")
            case ast.alias(name=name):
                used.add(name.split(".")[-1])
            case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(name)), *_]):
                used.add(name)
            case ast.Name(id=name, ctx=ast.Load()):
                read.add(name)
            case ast.Name(id=name) | ast.arg(arg=name):
                own.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                own.add(name)
    return used | (read - own)


class _Tolerance:
    """How near is equal: relative and absolute error, whether the dtype counts, and every bit."""

    def __init__(self, rtol: float, atol: float, dtype: bool, bits: bool = False) -> None:
        self.rtol, self.atol, self.dtype, self.bits = rtol, atol, dtype, bits


_EXACT = _Tolerance(0.0, 0.0, True)
_SAME_BITS = _Tolerance(0.0, 0.0, True, bits=True)  # -0.0 is not 0.0
_SAME_SHAPE = _Tolerance(0.0, math.inf, False)  # any value but NaN where none is expected


def _judge(value, expected, what, tolerance, ideas: Ideas, hint) -> None:
    expected = wire.plain(expected)
    value = _plain(value, what, hint, _kind(expected))
    try:
        _compare(value, expected, tolerance)
    except _Mismatch as mismatch:
        for idea, wrong in (ideas or {}).items():
            if _matches(value, wire.plain(wrong), tolerance):
                _fail(f"{what}: {idea}", None, _show(value, expected))
        _fail(f"{what}: {mismatch.reason}", hint, mismatch.values or _show(value, expected))
    _passed(what)


def _plain(value: Any, what: str, hint: str | None, wanted: str = "a plain value") -> Any:
    try:
        value = wire.plain(value)
    except wire.WireError as error:
        raise CheckFailed(f"{what}: {error}") from None
    if isinstance(value, wire.StandIn):
        _fail(f"{what}: expected {wanted}, got {_kind(value)}", hint)
    return value


def _matches(value: Any, expected: Any, tolerance: _Tolerance) -> bool:
    try:
        _compare(value, expected, tolerance)
    except _Mismatch:
        return False
    return True


def _compare(value: Any, expected: Any, tolerance: _Tolerance) -> None:
    """Raises _Mismatch at the first difference."""
    if _is_number(expected):
        value = _number_in(value)
    elif _is_number(value):
        expected = _number_in(expected)
    if _is_number(expected) and _is_number(value):
        _compare_numbers(value, expected, tolerance)
    elif _group(value) != _group(expected) or isinstance(value, wire.StandIn):
        raise _Mismatch(f"expected {_kind(expected)}, got {_kind(value)}", value, expected)
    elif isinstance(expected, (torch.Tensor, np.ndarray)):
        _compare_tensors(value, expected, tolerance)
    elif isinstance(expected, dict):
        _compare_dicts(value, expected, tolerance)
    elif isinstance(expected, (list, tuple)):
        if len(value) != len(expected):
            raise _Mismatch(f"expected {len(expected)} items, got {len(value)}", value, expected)
        for index, (mine, theirs) in enumerate(zip(value, expected, strict=True)):
            _compare_part(f"item {index}", mine, theirs, tolerance)
    elif value != expected and tolerance is not _SAME_SHAPE:
        raise _Mismatch("not the right value", value, expected)


def _compare_dicts(value: dict, expected: dict, tolerance: _Tolerance) -> None:
    missing = [key for key in expected if key not in value]
    extra = [key for key in value if key not in expected or isinstance(key, wire.StandIn)]
    if missing or extra:
        counts = f"{len(missing)} missing, {len(extra)} not asked for"
        mismatch = _Mismatch(f"not the right keys ({counts})")
        mismatch.values = f"  missing: {_text(missing)}\n  not asked for: {_text(extra)}"
        raise mismatch
    for key, theirs in expected.items():
        _compare_part(_text(key)[:60], value[key], theirs, tolerance)


def _compare_part(name: str, mine: Any, theirs: Any, tolerance: _Tolerance) -> None:
    try:
        _compare(mine, theirs, tolerance)
    except _Mismatch as mismatch:
        deeper = _Mismatch(f"{name}: {mismatch.reason}")
        deeper.values = mismatch.values
        raise deeper from None


def _compare_numbers(value: float, expected: float, tolerance: _Tolerance) -> None:
    if value == expected or (value != value and expected != expected):
        if not tolerance.bits or repr(value) == repr(expected):
            return
    whole = isinstance(value, int) and isinstance(expected, int)
    try:
        error = float(abs(value - expected))
        bound = tolerance.atol + (0.0 if whole else tolerance.rtol * abs(expected))
    except OverflowError:  # an integer beyond the floats
        error, bound = math.inf, tolerance.atol
    if tolerance is _SAME_SHAPE:
        near = value == value
    else:
        near = error <= bound and error < math.inf and not tolerance.bits
    if not near:
        reason = "it is NaN" if value != value else f"not the right value (off by {error:.2g})"
        raise _Mismatch(reason, value, expected)


def _compare_tensors(value: Any, expected: Any, tolerance: _Tolerance) -> None:
    if value.shape != expected.shape:
        raise _Mismatch(_shape_reason("", value.shape, expected.shape), value, expected)
    if tolerance.dtype and value.dtype != expected.dtype:
        names = [str(t.dtype).removeprefix("torch.") for t in (value, expected)]
        raise _Mismatch(f"the dtype is {names[0]} where {names[1]} is asked for", value, expected)
    mine, theirs = _as_tensor(value), _as_tensor(expected)
    same = _near(mine, theirs, tolerance)
    if not bool(same.all()):
        raise _Mismatch(_error_reason(*_wide(mine, theirs), same), value, expected)


def _near(value: torch.Tensor, expected: torch.Tensor, tolerance: _Tolerance) -> torch.Tensor:
    """Where two tensors of one shape agree."""
    mine, theirs = _wide(value, expected)
    if tolerance is _SAME_SHAPE:
        return ~mine.isnan() | theirs.isnan()
    if tolerance.bits:
        same = [tensor.reshape(-1).view(torch.uint8) for tensor in (value, expected)]
        return torch.tensor(torch.equal(*same)).expand(value.shape)
    if any(t.is_floating_point() or t.is_complex() for t in (value, expected)):
        rtol, atol = tolerance.rtol, tolerance.atol
        return torch.isclose(mine, theirs, rtol=rtol, atol=atol, equal_nan=True)
    same = value == expected  # whole numbers, which may lie beyond 2^53
    return same if tolerance.atol < 1 else same | ((mine - theirs).abs() <= tolerance.atol)


def _wide(*tensors: torch.Tensor) -> list[torch.Tensor]:
    wide = torch.complex128 if any(t.is_complex() for t in tensors) else torch.float64
    return [tensor.to(wide) for tensor in tensors]


def _error_reason(value: torch.Tensor, expected: torch.Tensor, same: torch.Tensor) -> str:
    nan = int((value.isnan() & ~expected.isnan()).sum())
    if nan:
        return f"{nan} of {value.numel()} values are NaN"
    error = (value - expected).abs()[~same].nan_to_num(nan=math.inf, posinf=math.inf).max().item()
    wrong = int((~same).sum())
    shape = tuple(value.shape)
    return f"{wrong} of {same.numel()} values are wrong (largest error {error:.2g}, shape {shape})"


def _shape_reason(what: str, got: torch.Size, expected: torch.Size) -> str:
    lead = f"{what}: " if what else ""
    return f"{lead}the shape is {tuple(got)} where {tuple(expected)} is asked for"


def _group(value: Any) -> str:
    """Kinds that may be compared with each other."""
    if isinstance(value, (list, tuple)):
        return "sequence"
    return "number" if _is_number(value) else type(value).__name__


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _number_in(value: Any) -> Any:
    """The number that a 0-d tensor or array holds; everything else as it is."""
    zero_dimensional = isinstance(value, (torch.Tensor, np.ndarray)) and value.ndim == 0
    return value.item() if zero_dimensional else value


def _as_tensor(value: Any) -> torch.Tensor | None:
    if isinstance(value, torch.Tensor):
        return value.detach()
    if isinstance(value, np.ndarray):  # torch hardly computes with unsigned numbers
        wider = value.dtype.kind == "u" and value.dtype.itemsize > 1
        return torch.from_numpy(value.astype(np.int64) if wider else value)
    if isinstance(value, (list, tuple)) and all(type(n) in (int, bool) for n in value):
        return torch.tensor(value) if all(abs(n) < 2**63 for n in value) else None
    return None


_KINDS = {
    "NoneType": "None", "int": "a number", "float": "a number", "bool": "True or False",
    "str": "a text", "Tensor": "a tensor", "ndarray": "a NumPy array", "list": "a list",
    "tuple": "a tuple", "dict": "a dict", "Size": "a shape", "dtype": "a dtype",
}  # fmt: skip


def _kind(value: Any) -> str:
    name = value.type_name if isinstance(value, wire.StandIn) else type(value).__name__
    return _KINDS.get(name, _a(name))


def _a(name: str) -> str:
    return f"an {name}" if name[:1].lower() in tuple("aeiou") else f"a {name}"


def _show(got: Any, expected: Any) -> str:
    return f"  expected: {_text(expected)}\n  got:      {_text(got)}"


def _text(value: Any, depth: int = 0) -> str:
    """One short text of a value, for visible checks."""
    if isinstance(value, torch.Tensor):
        text = _tensor_text(value.detach())
    elif isinstance(value, wire.StandIn):
        text = f"<{value.type_name}>"
    elif type(value) in (list, tuple, dict) and depth < 3:
        items = value.items() if type(value) is dict else value
        items = list(itertools.islice(items, 10 if depth else 20))
        if type(value) is dict:
            parts = [f"{_text(key, depth + 1)}: {_text(item, depth + 1)}" for key, item in items]
        else:
            parts = [_text(item, depth + 1) for item in items]
        parts += ["…"] * (len(value) > len(items))
        comma = "," * (type(value) is tuple and len(value) == 1)
        opening, closing = {list: "[]", tuple: "()", dict: "{}"}[type(value)]
        text = opening + ", ".join(parts) + comma + closing
    else:
        text = "…" if type(value) in (list, tuple, dict) and value else repr(value)
    return text if len(text) <= 600 else text[:600] + " …"


def _tensor_text(tensor: torch.Tensor) -> str:
    if tensor.ndim == 0:
        return str(tensor.item())
    text = f"a tensor of shape {tuple(tensor.shape)}"
    if tensor.numel() > 40 or tensor.is_complex():
        return text
    full = str(tensor.tolist() if tensor.ndim == 1 else tensor).replace("\n", "\n" + " " * 12)
    return full if len(full) < 600 else text


def _fail(message: str, hint: str | None, values: str = "") -> None:
    raise CheckFailed(f"{message}. {hint}" if hint else message, values)


def _passed(what: str) -> None:
    print(f"✓ {what}")
