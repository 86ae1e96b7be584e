"""Looking at what a student's code does: the helpers of a test cell's Act.

What these functions return is a *claim*: plain values that another process judges. A usual mistake
(no gradient, a wrong type) gives None and not an exception, so that the check can name the idea.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import linecache
import re
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

COMPLAINT_WIDTH = 72  # characters: a line of output in a notebook
Tensors = torch.Tensor | tuple[torch.Tensor, ...]


def copy(value: Any) -> Any:
    """A copy of tensors and arrays (also in lists and dicts) as they are now, without history."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: copy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [copy(item) for item in value]
    return value


def state(module: nn.Module) -> dict[str, torch.Tensor] | None:
    """Parameters and buffers by name, copied; None if it is not a module."""
    return copy(dict(module.state_dict())) if isinstance(module, nn.Module) else None


def fill(module: nn.Module, weights: dict[str, torch.Tensor]) -> dict[str, tuple] | None:
    """Load ``weights`` into the module, if its names and shapes are just theirs.

    Gives the names and shapes that the module has, to compare with ``shapes(weights)``: where they
    differ nothing is written and nothing raised. None if it is not a module.
    """
    own = shapes(state(module))
    if not isinstance(own, dict):
        return None
    if own == shapes(weights):
        module.load_state_dict(weights)
    return own


def gradients(
    owner: nn.Module | dict[str, torch.Tensor],
) -> dict[str, torch.Tensor | None] | None:
    """``.grad`` of each parameter (or tensor of a dict) by name, copied; None where none is."""
    if isinstance(owner, nn.Module):
        owner = dict(owner.named_parameters())
    if not isinstance(owner, dict):
        return None
    return {name: copy(getattr(tensor, "grad", None)) for name, tensor in owner.items()}


def vjp(f: Callable, inputs: Tensors, cotangent: torch.Tensor) -> dict[str, Any]:
    """Value of ``f(*inputs)`` and the vector-Jacobian products for ``cotangent``.

    ``inputs``: one tensor or a tuple; fresh leaf copies are used. ``grads`` holds one entry an
    input: None where no gradient arrives (also when the output has no history, or not the shape
    of ``cotangent``). Inputs of whole numbers get none.
    """
    leaves, value, grads = _pullback(f, inputs, cotangent, create_graph=False)
    return {"value": copy(value), "grads": _like(inputs, copy(list(grads)))}


def vjp2(f: Callable, inputs: Tensors, cotangent: torch.Tensor) -> dict[str, Any]:
    """As ``vjp``, then the gradient of the sum of all first gradients: the second order."""
    leaves, _, grads = _pullback(f, inputs, cotangent, create_graph=True)
    total = sum((g.sum() for g in grads if g is not None), torch.zeros(()))
    second = _grads(total, leaves, torch.ones_like(total), create_graph=False)
    return {"grads": _like(inputs, copy(list(grads))), "second": _like(inputs, copy(second))}


def _pullback(f: Callable, inputs: Tensors, cotangent: torch.Tensor, create_graph: bool):
    tensors = inputs if isinstance(inputs, tuple) else (inputs,)
    leaves = [t.detach().clone().requires_grad_(_may_have_grad(t)) for t in tensors]
    value = f(*leaves)
    return leaves, value, _grads(value, leaves, cotangent, create_graph)


def _grads(value: Any, leaves: list[torch.Tensor], cotangent: torch.Tensor, create_graph: bool):
    """Gradients by leaf; all None when ``value`` is not something that can be differentiated."""
    usable = isinstance(value, torch.Tensor) and value.requires_grad
    usable = usable and value.shape == cotangent.shape
    if not usable or value.is_complex() != cotangent.is_complex():
        return [None] * len(leaves)
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    found = torch.autograd.grad(
        value, wanted, cotangent, create_graph=create_graph, allow_unused=True
    )
    found = iter(found)
    return [next(found) if leaf.requires_grad else None for leaf in leaves]


def _may_have_grad(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _like(inputs: Tensors, results: list) -> Any:
    return results if isinstance(inputs, tuple) else results[0]


def shifted(f: Callable, x: torch.Tensor, step: float) -> dict[str, list]:
    """``f(x + step·e)`` and ``f(x - step·e)`` for each entry of ``x``, in row-major order."""
    points = {"plus": [], "minus": []}
    for index in range(x.numel()):
        for name, sign in (("plus", 1.0), ("minus", -1.0)):
            moved = x.detach().clone().contiguous()
            moved.view(-1)[index] += sign * step
            points[name].append(copy(f(moved)))
    return points


def jacobians(f: Callable, x: torch.Tensor, step: float = 1e-6) -> dict[str, Any] | None:
    """Jacobian of ``f`` at ``x`` by autograd and by central differences, both (outputs, inputs).

    ``x`` is used in float64, where a step of 1e-6 is accurate to about 1e-9. NaN stands where no
    gradient arrives; None is returned when ``f`` does not give a tensor.
    """
    x = x.detach().double()
    value = f(x.clone())
    points = shifted(f, x, step)
    if not _same_shapes([value, *points["plus"], *points["minus"]]) or not value.numel():
        return None
    rows = []
    for unit in torch.eye(value.numel(), dtype=torch.float64):
        row = vjp(f, x, unit.reshape(value.shape))["grads"]
        rows.append((torch.full_like(x, torch.nan) if row is None else row).reshape(-1))
    columns = [
        (plus - minus).reshape(-1) / (2 * step)
        for plus, minus in zip(points["plus"], points["minus"], strict=True)
    ]
    return {"analytic": torch.stack(rows), "numeric": torch.stack(columns, dim=1)}


def response(f: Callable, x: torch.Tensor, where: Any, change: float = 1.0) -> torch.Tensor | None:
    """``f(x')-f(x)`` where ``x'`` differs from ``x`` by ``change`` at the index ``where``."""
    moved = x.detach().clone()
    moved[where] += change
    after, before = f(moved), f(x.detach().clone())
    return copy(after - before) if _same_shapes([after, before]) else None


def _same_shapes(values: list) -> bool:
    tensors = all(isinstance(value, torch.Tensor) for value in values)
    return tensors and all(value.shape == values[0].shape for value in values)


def error(f: Callable, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
    """The exception that ``f(*args, **kwargs)`` raises, as a record; None if it raises none.

    None too if ``f`` is no function. A function that is not written yet raises as ever.
    """
    if not callable(f):
        return None
    try:
        f(*args, **kwargs)
    except Exception as raised:
        if isinstance(raised, NotImplementedError) and str(raised).startswith("Your turn"):
            raise
        bases = [kind.__name__ for kind in type(raised).__mro__]
        return {"type": type(raised).__name__, "bases": bases, "message": str(raised)[:1000]}
    return None


def complaint(f: Callable, *args: Any, find: str = "", **kwargs: Any) -> str:
    """What ``error`` sees, in one line to print: the type, and the message from ``find`` on."""
    record = error(f, *args, **kwargs)
    if record is None:
        return "no error"
    lines = [line for line in record["message"].splitlines() if find in line] or [find]
    text = lines[0][lines[0].find(find) :] if find else record["message"]
    return f"{record['type']}: {textwrap.shorten(text, COMPLAINT_WIDTH, placeholder=' …')}"


def printed(f: Callable, *args: Any, **kwargs: Any) -> str:
    """What ``f(*args, **kwargs)`` writes to standard output."""
    with contextlib.redirect_stdout(io.StringIO()) as stream:
        f(*args, **kwargs)
    return stream.getvalue()


def take(iterable: Iterable, n: int) -> list | None:
    """At most ``n`` items, copied one by one; None if it cannot be walked through."""
    try:
        walk = iter(iterable)
    except TypeError:
        return None
    return [copy(item) for _, item in zip(range(n), walk, strict=False)]


def shapes(value: Any) -> Any:
    """Shapes of tensors, nested as they come; other values as the names of their types."""
    if isinstance(value, torch.Tensor):
        return tuple(value.shape)
    if isinstance(value, dict):
        return {key: shapes(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shapes(item) for item in value]
    return type(value).__name__


def layer_order(module: nn.Module, *inputs: torch.Tensor) -> list[str] | None:
    """Type names of the leaf modules in the order in which one forward pass calls them."""
    if not isinstance(module, nn.Module):
        return None
    order: list[str] = []
    leaves = [m for m in module.modules() if not list(m.children())]
    handles = [
        leaf.register_forward_hook(lambda m, i, o: order.append(type(m).__name__))
        for leaf in leaves
    ]
    try:
        module(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return order


class _Recorder(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def operations(f: Callable, *args: Any) -> list[str]:
    """Names of the tensor operations (``aten.mul.Tensor``, …) that ``f(*args)`` runs, in order."""
    with _Recorder() as recorder:
        f(*args)
    return recorder.names


def source(obj: Any) -> str | None:
    """Text of the cell in which a function or class was written; None if it cannot be found.

    When graded, the grader puts the answer's text that it holds in this value's place.
    """
    if isinstance(obj, nn.Module):
        obj = type(obj)
    for part in [*vars(obj).values()] if inspect.isclass(obj) else [obj]:
        function = getattr(part, "__func__", None) or getattr(part, "fget", None) or part
        function = inspect.unwrap(function)  # through decorators such as torch.no_grad()
        code = getattr(function, "__code__", None)
        if code is None or (part is not obj and function.__module__ != obj.__module__):
            continue
        if lines := linecache.getlines(code.co_filename):
            return "".join(lines)
    return _cell_of_class(obj) if inspect.isclass(obj) and obj.__module__ == "__main__" else None


def _cell_of_class(kind: type) -> str | None:
    """Text of the newest cell with ``class <its name>``: for a class that only inherits."""
    statement = re.compile(rf"^class {re.escape(kind.__name__)}\b", re.MULTILINE)
    entries = [entry for entry in linecache.cache.values() if len(entry) == 4]
    cells = ["".join(entry[2]) for entry in entries if entry[1] is None]  # files have a time
    return next((text for text in reversed(cells) if statement.search(text)), None)
