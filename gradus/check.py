"""Judging: the verbs of a test cell's Assert.

Each function compares a value that came from a student's code with one that did not, prints
``✓ what`` when it holds, and raises ``CheckFailed`` with the likely idea when it does not. Every
value passes through ``gradus.wire`` first, so that a cell behaves in a notebook exactly as it does
when the grader runs its parts in separate processes. Shapes are compared before any arithmetic.
"""

from __future__ import annotations

import ast
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
    """Numbers, tensors or nests of them agree to ``atol + rtol·|expected|``; ``dtype`` counts too."""
    tolerance = _Tolerance(rtol, atol, dtype)
    _judge(value, expected, what, tolerance, ideas, hint)


def equal(
    value: Any, expected: Any, what: str, *, ideas: Ideas = None, hint: str | None = None
) -> None:
    """The same kind and exactly the same value; a 0-d tensor or NumPy scalar counts as number."""
    _judge(value, expected, what, _Tolerance(0.0, 0.0, True), ideas, hint)


def one_of(value: Any, options: Sequence, what: str, *, hint: str | None = None) -> None:
    """The value is one of the options (a Predict question: any valid choice)."""
    value = _plain(value, what)
    if not any(_matches(value, option, _Tolerance(0.0, 0.0, True)) for option in options):
        listed = ", ".join(repr(option) for option in options)
        _fail(f"{what}: expected one of {listed}", hint, f"  got: {_text(value)}")
    print(f"✓ {what} is a valid one")


def number(value: Any, low: float, high: float, what: str, *, hint: str | None = None) -> None:
    """A number with ``low <= value <= high``."""
    value = _plain(value, what)
    if isinstance(value, torch.Tensor) and value.ndim == 0:
        value = value.item()
    if type(value) not in (int, float):
        _fail(f"{what}: expected a number, got {_kind(value)}", hint)
    if not low <= value <= high:
        reason = "is NaN" if math.isnan(value) else "is outside the range that works"
        _fail(f"{what} {reason}", hint, f"  expected: {low:.4g} to {high:.4g}\n  got:      {value}")
    _passed(what)


def unchanged(value: Any, before: Any, what: str, *, hint: str | None = None) -> None:
    """Bit for bit what it was: the code under test must not write into its input."""
    value = _plain(value, what)
    if not _matches(value, wire.plain(before), _Tolerance(0.0, 0.0, True)):
        reason = f"{what} changed: your code writes into its input; work on a copy"
        _fail(reason, hint, _show(value, before))
    _passed(f"{what} unchanged")


def differs(value: Any, other: Any, what: str, *, hint: str | None = None) -> None:
    """Not equal to ``other`` (which must not come from the student either)."""
    value = _plain(value, what)
    if _matches(value, wire.plain(other), _Tolerance(1e-6, 1e-8, False)):
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
    """``record`` (from ``observe.error``) is an exception of ``kind`` whose text ``mentions`` these."""
    record = _plain(record, what)
    if record is None:
        _fail(f"{what}: nothing was raised where a {kind.__name__} is asked for", hint)
    if not isinstance(record, dict) or not isinstance(record.get("bases"), list):
        _fail(f"{what}: expected an exception, got {_kind(record)}", hint)
    if kind.__name__ not in record["bases"]:
        _fail(f"{what}: raised a {record.get('type')} where a {kind.__name__} is asked for", hint)
    words = [mentions] if isinstance(mentions, str) else list(mentions or ())
    text = str(record.get("message", ""))
    missing = [word for word in words if word.lower() not in text.lower()]
    if missing:
        _fail(f"{what}: the message does not mention {missing[0]!r}", hint, f"  got: {text[:300]}")
    _passed(what)


def accuracy(
    predictions: Any, labels: Any, at_least: float, what: str, *, hint: str | None = None
) -> None:
    """Share of ``predictions`` (class numbers, one per label) equal to ``labels``."""
    predictions = _as_tensor(_plain(predictions, what))
    labels = _as_tensor(labels)
    if predictions is None or predictions.is_floating_point():
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
    record = _plain(record, what)
    if not isinstance(record, dict) or set(record) != {"analytic", "numeric"}:
        _fail(f"{what}: expected two Jacobians, got {_kind(record)}", hint)
    if not _matches(record["analytic"], record["numeric"], _Tolerance(rtol, atol, False)):
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

    ``loops``: no for, while or comprehension either. It deters; only values prove.
    """
    text = _plain(text, what)
    if not isinstance(text, str):
        _fail(f"{what}: the text of the answer was not found; define it in its cell", hint)
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(("%", "!"))]
    try:
        tree = ast.parse("\n".join(lines))
    except SyntaxError:
        _fail(f"{what}: the answer is not valid Python", hint)
    banned = set(calls)
    for node in ast.walk(tree):
        name = getattr(node, "attr", None) or getattr(node, "id", None)
        if isinstance(node, ast.MatMult):
            name = "@"
        if name in banned and isinstance(node, (ast.Name, ast.Attribute, ast.MatMult)):
            _fail(f"{what}: uses `{name}`, which this exercise asks you to do without", hint)
        if loops and isinstance(node, (ast.For, ast.While, ast.comprehension)):
            _fail(f"{what}: uses a loop; let the tensor operations do the repeating", hint)
    _passed(what)


class _Tolerance:
    """How near is equal: relative and absolute error, and whether the dtype counts."""

    def __init__(self, rtol: float, atol: float, dtype: bool) -> None:
        self.rtol, self.atol, self.dtype = rtol, atol, dtype


def _judge(value, expected, what, tolerance, ideas: Ideas, hint) -> None:
    value = _plain(value, what, wanted=_kind(expected))
    expected = wire.plain(expected)
    try:
        _compare(value, expected, tolerance)
    except _Mismatch as mismatch:
        for idea, wrong in (ideas or {}).items():
            if _matches(value, wire.plain(wrong), tolerance):
                _fail(f"{what}: {idea}", None, _show(value, expected))
        _fail(f"{what}: {mismatch.reason}", hint, mismatch.values or _show(value, expected))
    _passed(what)


def _plain(value: Any, what: str, wanted: str = "a plain value") -> Any:
    try:
        value = wire.plain(value)
    except wire.WireError as error:
        raise CheckFailed(f"{what}: {error}") from None
    if isinstance(value, wire.StandIn):
        raise CheckFailed(f"{what}: expected {wanted}, got {_kind(value)}")
    return value


def _matches(value: Any, expected: Any, tolerance: _Tolerance) -> bool:
    try:
        _compare(value, expected, tolerance)
    except _Mismatch:
        return False
    return True


def _compare(value: Any, expected: Any, tolerance: _Tolerance) -> None:
    """Raises _Mismatch at the first difference."""
    if isinstance(value, torch.Tensor) and value.ndim == 0 and _is_number(expected):
        value = value.item()
    if isinstance(expected, torch.Tensor) and expected.ndim == 0 and _is_number(value):
        expected = expected.item()
    if _is_number(expected) and _is_number(value):
        _compare_numbers(value, expected, tolerance)
    elif _group(value) != _group(expected):
        raise _Mismatch(f"expected {_kind(expected)}, got {_kind(value)}", value, expected)
    elif isinstance(expected, (torch.Tensor, np.ndarray)):
        _compare_tensors(_as_tensor(value), _as_tensor(expected), tolerance)
    elif isinstance(expected, dict):
        _compare_dicts(value, expected, tolerance)
    elif isinstance(expected, (list, tuple)):
        if len(value) != len(expected):
            raise _Mismatch(f"expected {len(expected)} items, got {len(value)}", value, expected)
        for index, (mine, theirs) in enumerate(zip(value, expected, strict=True)):
            _compare_part(f"item {index}", mine, theirs, tolerance)
    elif value != expected:
        raise _Mismatch("not the right value", value, expected)


def _compare_dicts(value: dict, expected: dict, tolerance: _Tolerance) -> None:
    missing = [key for key in expected if key not in value]
    extra = [key for key in value if key not in expected]
    if missing or extra:
        reason = f"{missing[0]!r} is missing" if missing else f"{extra[0]!r} is not asked for"
        raise _Mismatch(f"not the right keys: {reason}")
    for key, theirs in expected.items():
        _compare_part(f"{key!r}", value[key], theirs, tolerance)


def _compare_part(name: str, mine: Any, theirs: Any, tolerance: _Tolerance) -> None:
    try:
        _compare(mine, theirs, tolerance)
    except _Mismatch as mismatch:
        deeper = _Mismatch(f"{name}: {mismatch.reason}")
        deeper.values = mismatch.values
        raise deeper from None


def _compare_numbers(value: float, expected: float, tolerance: _Tolerance) -> None:
    if value == expected or (value != value and expected != expected):
        return
    try:
        error = abs(value - expected)
        near = error <= tolerance.atol + tolerance.rtol * abs(expected)
    except OverflowError:  # an integer beyond the floats
        error, near = math.inf, False
    if not near or math.isinf(error):
        reason = "it is NaN" if value != value else f"not the right value (off by {error:.2g})"
        raise _Mismatch(reason, value, expected)


def _compare_tensors(
    value: torch.Tensor, expected: torch.Tensor, tolerance: _Tolerance
) -> None:
    if value.shape != expected.shape:
        raise _Mismatch(_shape_reason("", value.shape, expected.shape), value, expected)
    if tolerance.dtype and value.dtype != expected.dtype:
        names = [str(t.dtype).removeprefix("torch.") for t in (value, expected)]
        raise _Mismatch(f"the dtype is {names[0]} where {names[1]} is asked for", value, expected)
    wide = torch.complex128 if value.is_complex() or expected.is_complex() else torch.float64
    mine, theirs = value.to(wide), expected.to(wide)
    if value.dtype == expected.dtype and not value.is_floating_point() and not value.is_complex():
        same = value == expected  # integers beyond 2^53 are compared as integers
    else:
        rtol, atol = tolerance.rtol, tolerance.atol
        same = torch.isclose(mine, theirs, rtol=rtol, atol=atol, equal_nan=True)
    if not bool(same.all()):
        raise _Mismatch(_error_reason(mine, theirs, same), value, expected)


def _error_reason(value: torch.Tensor, expected: torch.Tensor, same: torch.Tensor) -> str:
    nan = int((value.isnan() & ~expected.isnan()).sum())
    if nan:
        return f"{nan} of {value.numel()} values are NaN"
    error = (value - expected).abs().nan_to_num(nan=math.inf).max().item()
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


def _as_tensor(value: Any) -> torch.Tensor | None:
    if isinstance(value, torch.Tensor):
        return value.detach()
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(value))
    if isinstance(value, (list, tuple)) and all(type(item) in (int, bool) for item in value):
        return torch.tensor(value)
    return None


_KINDS = {
    "NoneType": "None", "int": "a number", "float": "a number", "bool": "True or False",
    "str": "a text", "Tensor": "a tensor", "ndarray": "a NumPy array", "list": "a list",
    "tuple": "a tuple", "dict": "a dict", "Size": "a shape", "dtype": "a dtype",
}  # fmt: skip


def _kind(value: Any) -> str:
    name = value.type_name if isinstance(value, wire.StandIn) else type(value).__name__
    article = "an" if name[:1].lower() in "aeiou" else "a"
    return _KINDS.get(name, f"{article} {name}")


def _show(got: Any, expected: Any) -> str:
    return f"  expected: {_text(expected)}\n  got:      {_text(got)}"


def _text(value: Any) -> str:
    """One short text of a value, for visible checks."""
    if isinstance(value, torch.Tensor):
        value = value.detach()
        if value.ndim and value.numel() <= 40 and not value.is_complex():
            text = str(value.tolist() if value.ndim < 2 else value).replace("\n", "\n" + " " * 12)
        else:
            text = str(value.item()) if value.ndim == 0 else f"shape {tuple(value.shape)}"
        return text if len(text) < 600 else f"a tensor of shape {tuple(value.shape)}"
    text = repr(value)
    return text if len(text) <= 300 else text[:300] + " …"


def _fail(message: str, hint: str | None, values: str = "") -> None:
    raise CheckFailed(f"{message}. {hint}" if hint else message, values)


def _passed(what: str) -> None:
    print(f"✓ {what}")
