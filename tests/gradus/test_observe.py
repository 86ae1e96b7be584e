"""Looking: what Act brings out, and that a usual mistake gives None and not an exception."""

from __future__ import annotations

import functools
import linecache

import numpy as np
import pytest
import torch
from torch import nn

from gradus import check, observe, wire

X = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
UNEVEN = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.0, 2.0]])


def same(a, b) -> bool:
    return wire.encode(a) == wire.encode(b)


# --- copies -------------------------------------------------------------------------------------


def test_copy_keeps_the_values_of_now():
    value = {"t": torch.zeros(2), "l": [np.zeros(2), (torch.zeros(1),)], "n": 3}
    kept = observe.copy(value)
    value["t"] += 1
    value["l"][0] += 1
    value["l"][1][0].add_(1)
    assert same(kept, {"t": torch.zeros(2), "l": [np.zeros(2), [torch.zeros(1)]], "n": 3})


def test_copy_has_no_history():
    kept = observe.copy(nn.Parameter(torch.ones(2)) * 2)
    assert not kept.requires_grad and kept.grad_fn is None


def test_state_is_a_copy_of_parameters_and_buffers():
    module = nn.BatchNorm1d(2)
    before = observe.state(module)
    module(torch.randn(8, 2, generator=torch.Generator().manual_seed(1)))
    assert set(before) == set(module.state_dict())
    assert torch.equal(before["running_mean"], torch.zeros(2))
    assert not torch.equal(module.running_mean, torch.zeros(2))
    assert same(wire.plain(before), before)


@pytest.mark.parametrize("value", [None, 3, torch.ones(2), nn.Linear, {}])
def test_state_of_what_is_no_module_is_none(value):
    assert observe.state(value) is None


def test_fill_loads_weights_by_name():
    weights = {"bias": torch.ones(1), "weight": torch.tensor([[2.0, 3.0]])}
    module = nn.Linear(2, 1)
    assert observe.fill(module, weights) == observe.shapes(weights)
    assert torch.equal(module.weight, weights["weight"]) and torch.equal(module.bias, torch.ones(1))


@pytest.mark.parametrize("module", [nn.Linear(1, 2), nn.Linear(2, 1, bias=False), nn.ReLU()])
def test_fill_says_what_does_not_fit_and_writes_nothing(module):
    before = observe.state(module)
    seen = observe.fill(module, {"weight": torch.ones(1, 2), "bias": torch.ones(1)})
    assert seen == observe.shapes(before)
    assert same(observe.state(module), before)


def test_fill_of_what_is_no_module_is_none():
    assert observe.fill(None, {}) is None


def test_gradients_by_name():
    module = nn.Linear(2, 1)
    module.bias.requires_grad_(False)
    module(torch.ones(1, 2)).sum().backward()
    found = observe.gradients(module)
    module.weight.grad.zero_()
    assert same(found, {"weight": torch.ones(1, 2), "bias": None})


def test_gradients_of_a_dict_and_of_other_things():
    leaf = torch.ones(2, requires_grad=True)
    leaf.sum().backward()
    assert same(observe.gradients({"a": leaf, "b": 3}), {"a": torch.ones(2), "b": None})
    assert observe.gradients(None) is None
    assert observe.gradients([leaf]) is None


# --- gradients ----------------------------------------------------------------------------------


def test_vjp_of_one_input():
    record = observe.vjp(lambda x: x**3, X, UNEVEN)
    assert same(record, {"value": X**3, "grads": UNEVEN * 3 * X**2})


def test_vjp_of_several_inputs():
    record = observe.vjp(lambda x, w, b: x @ w.t(), (X, UNEVEN, X), torch.ones(2, 2))
    assert torch.equal(record["value"], X @ UNEVEN.t())
    first, second, third = record["grads"]
    assert torch.equal(first, torch.ones(2, 2) @ UNEVEN)
    assert torch.equal(second, torch.ones(2, 2) @ X)
    assert third is None


def test_vjp_leaves_its_inputs_alone():
    held = X.clone().requires_grad_()
    observe.vjp(lambda x: x * 2, held, UNEVEN)
    assert held.grad is None


def test_whole_numbers_get_no_gradient():
    record = observe.vjp(lambda i, w: w[i], (torch.tensor([1, 0]), X), UNEVEN)
    assert same(record["grads"], [None, UNEVEN.flip(0)])


MISTAKES = {
    "no return": lambda x: None,
    "a number": lambda x: 3.0,
    "a tuple": lambda x: (x, x),
    "detached": lambda x: (x * 2).detach(),
    "through NumPy": lambda x: torch.from_numpy(x.detach().numpy() * 2),
    "no gradient recorded": torch.no_grad()(lambda x: x * 2),
    "a constant": lambda x: torch.ones(2, 3, requires_grad=True),
    "the wrong shape": lambda x: x.sum(),
    "transposed": lambda x: x.t(),
    "whole numbers": lambda x: x.long(),
    "complex": lambda x: torch.complex(x, x),
}


@pytest.mark.parametrize("f", MISTAKES.values(), ids=MISTAKES.keys())
@pytest.mark.parametrize("look", [observe.vjp, observe.vjp2])
def test_a_usual_mistake_gives_no_gradient_and_no_exception(f, look):
    assert look(f, X, UNEVEN)["grads"] is None
    assert look(lambda x, y: f(x), (X, X), UNEVEN)["grads"] == [None, None]


def test_vjp_in_another_precision():
    record = observe.vjp(lambda x: x.double() * 2, X, UNEVEN)
    assert torch.equal(record["grads"], 2 * UNEVEN)


def test_an_error_in_the_students_function_is_the_students():
    with pytest.raises(ZeroDivisionError):
        observe.vjp(lambda x: 1 / 0, X, UNEVEN)


def test_vjp2_differentiates_the_gradient():
    record = observe.vjp2(lambda x: x**3, X, UNEVEN)
    assert torch.equal(record["grads"], UNEVEN * 3 * X**2)
    assert torch.equal(record["second"], UNEVEN * 6 * X)


def test_vjp2_of_a_backward_that_cannot_be_differentiated():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return (2 * x * grad).detach()

    record = observe.vjp2(Square.apply, X, UNEVEN)
    assert torch.equal(record["grads"], 2 * X * UNEVEN)
    assert record["second"] is None
    assert observe.vjp2(lambda x: 3 * x, X, UNEVEN)["second"] is None  # linear: nothing is left


def test_shifted_moves_one_entry_at_a_time():
    points = observe.shifted(lambda x: x.clone(), X.t(), 0.5)
    assert len(points["plus"]) == len(points["minus"]) == 6
    assert torch.equal(points["plus"][1] - X.t(), torch.tensor([[0, 0.5], [0, 0], [0, 0]]))
    assert torch.equal(points["minus"][2] - X.t(), torch.tensor([[0, 0], [-0.5, 0], [0, 0]]))
    assert observe.shifted(lambda x: None, torch.zeros(2), 1.0)["plus"] == [None, None]


SMOOTH = {
    "same shape": torch.sin,
    "one number": lambda x: (x**2).sum(),
    "a matrix": lambda x: x[:, None] * x,
    "transposed": lambda x: (x[:, None] * x[None, :2]).t(),
}


@pytest.mark.parametrize("f", SMOOTH.values(), ids=SMOOTH.keys())
def test_both_jacobians_agree(f):
    x = torch.tensor([0.3, -1.2, 2.0])
    record = observe.jacobians(f, x)
    assert record["analytic"].shape == (f(x).numel(), 3)
    assert record["analytic"].dtype == record["numeric"].dtype == torch.float64
    check.numeric_jacobian(record, "x")


def test_jacobians_of_a_wrong_backward_disagree():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            return 2 * ctx.saved_tensors[0] * grad

    with pytest.raises(check.CheckFailed, match="disagree"):
        check.numeric_jacobian(observe.jacobians(Cube.apply, torch.ones(3)), "x")


def test_jacobians_without_a_gradient_are_nan():
    record = observe.jacobians(lambda x: x.detach() ** 2, torch.ones(2))
    assert record["analytic"].isnan().all()
    assert torch.allclose(record["numeric"], 2 * torch.eye(2, dtype=torch.float64))


@pytest.mark.parametrize("f", [lambda x: None, lambda x: 3.0, lambda x: x[:0], lambda x: (x, x)])
def test_jacobians_of_what_gives_no_tensor_are_none(f):
    assert observe.jacobians(f, torch.ones(2)) is None


def test_response_to_one_change():
    x = torch.zeros(2, 3)
    answer = observe.response(lambda x: x.cumsum(1), x, (0, 1), 2.0)
    assert torch.equal(answer, torch.tensor([[0, 2.0, 2.0], [0, 0, 0]]))
    assert torch.equal(x, torch.zeros(2, 3))
    assert torch.equal(
        observe.response(lambda x: x.mul_(2), x, 0), torch.tensor([[2.0] * 3, [0] * 3])
    )
    assert observe.response(lambda x: None, x, 0) is None
    assert observe.response(lambda x: x[x > 0], x, 0) is None


# --- errors, text, iteration --------------------------------------------------------------------


def fail(error: Exception):
    raise error


def test_error_is_a_plain_record():
    record = observe.error(fail, KeyError("missing"))
    assert record["type"] == "KeyError"
    assert record["bases"] == ["KeyError", "LookupError", "Exception", "BaseException", "object"]
    assert "missing" in record["message"]
    assert wire.plain(record) == record
    assert len(observe.error(fail, ValueError("x" * 10**6))["message"]) == 1000


def test_a_complaint_is_one_short_line():
    assert observe.complaint(fail, KeyError("missing")) == "KeyError: 'missing'"
    assert observe.complaint(int, "11", base=2) == "no error"
    long = "Error in loading:\n\tsize mismatch for weight: " + "words " * 50
    shown = observe.complaint(fail, ValueError(long))
    assert shown.startswith("ValueError: Error in loading: size mismatch")
    assert shown.endswith(" …") and len(shown) <= len("ValueError: ") + 72
    assert observe.complaint(fail, ValueError(long), find="mismatch").startswith(
        "ValueError: mismatch for weight"
    )


def test_no_error_is_none():
    assert observe.error(int, "3") is None
    assert observe.error(int, "11", base=2) is None


@pytest.mark.parametrize("thing", [None, 3, "f", torch.ones(2)])
def test_what_is_no_function_raises_nothing_of_its_own(thing):
    assert observe.error(thing) is None


def test_an_unwritten_answer_is_no_error_that_was_asked_for():
    with pytest.raises(NotImplementedError):
        observe.error(fail, NotImplementedError("Your turn: replace this line."))
    assert (
        observe.error(fail, NotImplementedError("an abstract method"))["bases"][1] == "RuntimeError"
    )


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_ending_the_program_is_no_error_either(error):
    with pytest.raises(error):
        observe.error(fail, error())


def test_printed():
    assert observe.printed(print, "a", 1, sep="-") == "a-1\n"
    assert observe.printed(len, []) == ""
    with pytest.raises(ValueError):
        observe.printed(int, "x")


def test_take():
    def endless():
        n = torch.zeros(1)
        while True:
            yield n
            n += 1

    assert same(observe.take(endless(), 3), [torch.tensor([float(i)]) for i in range(3)])
    assert observe.take([1, 2], 5) == [1, 2]
    assert observe.take({"a": 1}, 5) == ["a"]
    assert observe.take([], 5) == []
    assert observe.take(None, 5) is None
    assert observe.take(3, 5) is None


def test_take_asks_for_no_item_too_many():
    asked = []

    def counting():
        for i in range(10):
            asked.append(i)
            yield i

    observe.take(counting(), 3)
    assert asked == [0, 1, 2]


def test_shapes():
    value = {"a": [X, (torch.tensor(1), "text")], "b": None}
    assert observe.shapes(value) == {"a": [(2, 3), [(), "str"]], "b": "NoneType"}


# --- inside a model -----------------------------------------------------------------------------


class Swapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 2), nn.ReLU()

    def forward(self, x):
        return self.first(self.second(self.second(x)))


def test_layer_order_is_the_order_of_the_calls():
    assert observe.layer_order(Swapped(), torch.ones(1, 2)) == ["ReLU", "ReLU", "Linear"]
    assert observe.layer_order(None, torch.ones(1, 2)) is None
    assert observe.layer_order(lambda x: x, torch.ones(1, 2)) is None


def test_layer_order_leaves_no_hooks_behind():
    module = Swapped()
    with pytest.raises(RuntimeError):
        observe.layer_order(module, torch.ones(1, 5))
    assert not any(m._forward_hooks for m in module.modules())


def test_operations():
    names = observe.operations(lambda x: (x * 2).sum(), X)
    assert names == ["aten.mul.Tensor", "aten.sum.default"]


# --- the text of an answer ----------------------------------------------------------------------

CELL = """
import torch
from dataclasses import dataclass
from torch import nn

MARK = "the cell"

def plain(x):
    return x

@torch.no_grad()
def decorated(x):
    return x

class Net(nn.Module):
    act = torch.relu
    layer = nn.ReLU()

    def forward(self, x):
        return x

class Fn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x

class Maker:
    @classmethod
    def make(cls):
        return cls()

class Prop:
    @property
    def size(self):
        return 1

@dataclass
class Data:
    n: int = 0

    def double(self):
        return 2 * self.n

class Quiet(nn.Module):
    @torch.no_grad()
    def forward(self, x):
        return x

class Heir(nn.Linear):
    pass

empty = type("Empty", (), {})
bound = Net().forward
instance = Net()
"""


@pytest.fixture(scope="module")
def cell():
    """The names of a cell, defined as a notebook defines them."""
    name = "<cell of a notebook>"
    linecache.cache[name] = (len(CELL), None, CELL.splitlines(True), name)
    namespace = {"__name__": "__main__"}
    exec(compile(CELL, name, "exec"), namespace)
    return namespace


NAMES = "plain decorated Net Fn Maker Prop Data Quiet Heir bound instance"


@pytest.mark.parametrize("name", NAMES.split())
def test_source_gives_the_text_of_the_cell(cell, name):
    assert observe.source(cell[name]) == CELL


def test_source_of_what_was_written_nowhere(cell, tmp_path):
    other = tmp_path / "other.py"  # read by a traceback, say: a class of this name, and no cell
    other.write_text("class Empty:\n    pass\n")
    linecache.getlines(str(other))
    for thing in (None, 3, "text", len, torch.ones(2), cell["empty"], functools.partial(max, 1)):
        assert observe.source(thing) is None
