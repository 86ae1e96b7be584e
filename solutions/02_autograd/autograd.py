# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 2 · Automatic differentiation
#
# Training a network means asking one question millions of times: if I nudge this number, how does the loss move? PyTorch answers it for every number at once. After this chapter you can
#
# - read the graph that PyTorch records, and say which tensors will receive a gradient;
# - add up, clear, cut and repeat gradients on purpose, and name the error when it happens by accident;
# - take derivatives of any order, and products with Jacobians and Hessians that are never built;
# - check a gradient numerically, and write your own backward pass.
#
# Reading: 60 minutes · exercises: 128 minutes · 56 points

# %% tags=["setup"]
import warnings

import torch
from torch.autograd import Function, gradcheck, gradgradcheck
from torch.autograd.function import once_differentiable
from torch.func import grad, vmap

from gradus import check, observe, plots, seeded

torch.set_printoptions(precision=3, sci_mode=False)


# Skip the rest of this cell: it serves the tests of exercises 2.6 and 2.7.
class Note(torch.autograd.function.FunctionCtx):
    """A page to write on, like the ctx that autograd hands to your own Function."""

    needs_input_grad = (True, False, False)

    @property
    def saved_tensors(self):
        return getattr(self, "to_save", ())


def by_hand(function, inputs, arriving):
    """[output, gradient for the first input] of a Function, without autograd's help."""
    note = Note()
    if function.setup_context is Function.setup_context:  # forward writes the note itself
        output = function.forward(note, *inputs)
    else:
        output = function.forward(*inputs)
        function.setup_context(note, inputs, output)
    leaving = function.backward(note, arriving)
    return [output, leaving[0] if isinstance(leaving, tuple | list) else leaving]


# %% [markdown]
# ## A derivative by keeping notes
#
# You could derive a formula by hand, and make a slip in line four. You could nudge each parameter and run the model again: a million runs for a million parameters, and inexact. Or you could take notes.
#
# That is *reverse-mode automatic differentiation*. While your code computes, each operation writes down how to carry a derivative back through itself. `backward()` then walks the notes from the end to the start and multiplies, which is the chain rule. The result is exact up to rounding, and one walk serves all parameters.
#
# You switch the notes on with `requires_grad=True`.

# %%
x = torch.tensor(2.0, requires_grad=True)
y = x**3 + 5 * x
y.backward()
print("autograd:", x.grad.item(), "  by hand, 3x² + 5:", 3 * 2.0**2 + 5)

# %% [markdown]
# ## What is written down
#
# The notes form the *computation graph*. A tensor that came out of a recorded operation points to its note with `.grad_fn`; a tensor without a note is a **leaf**. Gradients are kept only in leaves that ask for them; for a tensor in between, call `retain_grad()` first.
#
# You may read that every operation builds the graph. Look for the row that disagrees ("asks" is `requires_grad`). Below the table stands the walk from `loss` back to `w`: `next_functions` of a note names the notes behind it.

# %%
w, data = torch.tensor(3.0, requires_grad=True), torch.tensor(2.0)
h = w * data
loss = (h - 1) ** 2
for name, t in {"w": w, "data": data, "data * 2": data * 2, "h": h, "loss": loss}.items():
    note = type(t.grad_fn).__name__
    print(f"{name:9} asks {t.requires_grad!s:6} leaf {t.is_leaf!s:6} grad_fn {note}")
h.retain_grad()
loss.backward()
node = loss.grad_fn
while node is not None:
    print(type(node).__name__, end=" → " if node.next_functions else "\n")
    node = node.next_functions[0][0] if node.next_functions else None
print("dloss/dh = 2(h - 1) =", h.grad.item(), "  dloss/dw = that · 2 =", w.grad.item())

# %% [markdown]
# `data * 2` was computed, yet it has no note and counts as a leaf. An operation is recorded only if recording is on *and* at least one input asks for a gradient. So a leaf is any tensor that no recorded operation made, whether or not it wants a gradient.
#
# The walk ends in `AccumulateGrad`, the note that delivers into `w.grad`. Its name is a warning, and the subject of your first question.

# %% [markdown]
# ### Predict 2.1 · Three times backward
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# ```python
# x = torch.tensor(2.0, requires_grad=True)
# for _ in range(3):
#     y = x**2
#     y.backward()
# ```
#
# What does `x.grad` hold now?
#
# - a: 4, the gradient of the last pass
# - b: 64, since the three gradients are multiplied
# - c: 12, since the three gradients are added
# - d: nothing, since the second `backward()` raises

# %% nbgrader={"grade_id": "predict-2-1"}
# Write your choice: predict_2_1 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_2_1 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-2-1-check", "points": 0}
# Arrange
# Act
choice = predict_2_1
# Assert
check.one_of(choice, ("a", "b", "c", "d"), "your choice")

# %%
x = torch.tensor(2.0, requires_grad=True)
for _ in range(3):
    y = x**2  # each turn records a new graph, so no graph is used twice
    y.backward()
    print(x.grad.item())

# %% [markdown]
# ### Predict 2.2 · After zero_grad
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# ```python
# w = torch.tensor([1.0], requires_grad=True)
# optimiser = torch.optim.SGD([w], lr=0.1)
# w.sum().backward()
# optimiser.zero_grad()
# ```
#
# An *optimiser* changes its parameters with `step()` and clears their gradients with `zero_grad()`. What is `w.grad` now?
#
# - a: `tensor([0.])`, as the name says
# - b: `None`
# - c: `tensor([1.])` until the next `backward()`

# %% nbgrader={"grade_id": "predict-2-2"}
# Write your choice: predict_2_2 = "a", "b" or "c"
### BEGIN SOLUTION
predict_2_2 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-2-2-check", "points": 0}
# Arrange
# Act
choice = predict_2_2
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")

# %%
for to_none in (True, False):
    w = torch.tensor([1.0], requires_grad=True)
    optimiser = torch.optim.SGD([w], lr=0.1, momentum=0.9)
    w.sum().backward()
    optimiser.step()
    optimiser.zero_grad(set_to_none=to_none)
    kept = w.grad
    optimiser.step()
    print(f"set_to_none={to_none!s:5} .grad {kept}, after one more step w = {w.item():.2f}")

# %% [markdown]
# `backward()` **adds** to `.grad`. A parameter used in two places must receive the sum of two gradients, so adding is the rule everywhere, and clearing is your job.
#
# Since PyTorch 2.0 the default clears by throwing the tensor away. An optimiser *skips* a parameter whose gradient is `None`; with a gradient of zero, momentum, a memory of earlier steps, still moves it. Code that reads `.grad` must expect `None`.
#
# Adding is useful too. If a batch does not fit in memory and the loss is a mean, cut it in k *equal* pieces, call `backward()` on `loss / k` for each, then step once. Each piece has its own graph.

# %%
inputs = torch.randn(12, 3, generator=seeded(0))
targets = torch.randn(12, generator=seeded(1))
w = torch.zeros(3, requires_grad=True)
(full,) = torch.autograd.grad(((inputs @ w - targets) ** 2).mean(), w)
for piece in range(4):
    part = slice(3 * piece, 3 * piece + 3)
    loss = ((inputs[part] @ w - targets[part]) ** 2).mean()
    (loss / 4).backward()
print("whole batch:", full)
print("four pieces:", w.grad)

# %% [markdown]
# ### Exercise 2.1 · Two passes
# ★★☆☆☆ · 8 min · conceptual · 4 points
#
# Send two losses back to the same two points: first Σ(a² + b²), then Σ(2a + 3b). Report the gradients after each pass, with or without clearing in between.
#
# At a = 3, b = 4: after the first pass 6 and 8; after the second 8 and 11, or 2 and 3 if cleared.
#
# The caller's tensors must not notice: still no `requires_grad`, still no `.grad`.
#
# <details><summary>Hint 1</summary>
#
# Work on leaves of your own: copies of `a` and `b` that ask for a gradient.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `a.detach().clone().requires_grad_()`: `clone` copies the numbers, `detach` drops any history. The second pass adds into the very tensor that `.grad` named before. To remember the first result, store `a.grad.clone()`.
#
# </details>


# %% nbgrader={"grade_id": "ex-2-1"}
def grads_two_passes(a: torch.Tensor, b: torch.Tensor, zero_between: bool) -> list[torch.Tensor]:
    """Gradients after sum(a² + b²).backward(), then after sum(2a + 3b).backward().

    a, b: float tensors of one shape, left as they are. zero_between: clear between the passes.
    Returns [grad of a, grad of b after pass one, grad of a, grad of b after pass two].
    """
    ### BEGIN SOLUTION
    a = a.detach().clone().requires_grad_()
    b = b.detach().clone().requires_grad_()
    (a**2 + b**2).sum().backward()
    first = [a.grad.clone(), b.grad.clone()]
    if zero_between:
        a.grad = b.grad = None
    (2 * a + 3 * b).sum().backward()
    return [*first, a.grad, b.grad]
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-2-1-check", "points": 2}
# Arrange
three, four = torch.tensor(3.0), torch.tensor(4.0)
cleared_pair, one_tensor = [6.0, 8.0, 2.0, 3.0], [8.0, 11.0, 8.0, 11.0]
a_pair, b_pair = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 4.0])
a_once, b_once = torch.tensor([2.0, -4.0]), torch.tensor([1.0, 8.0])
twos, threes = torch.tensor([2.0, 2.0]), torch.tensor([3.0, 3.0])
# Act
added = grads_two_passes(three, four, False)
emptied = grads_two_passes(a_pair, b_pair, True)
# Assert
check.close(
    added,
    [6.0, 8.0, 8.0, 11.0],
    "gradients at a = 3, b = 4 without clearing",
    ideas={
        "The second pair looks cleared, but zero_between is False: let the second pass add": cleared_pair,
        "The first pair changed after you stored it: .grad is added to in place, so keep a clone": one_tensor,
    },
    hint="Return [a, b after pass one, a, b after pass two]",
)
check.close(
    emptied,
    [a_once, b_once, twos, threes],
    "gradients of two vectors, cleared in between",
    ideas={
        "zero_between is True, but the second pass still holds the first": [
            a_once,
            b_once,
            a_once + twos,
            b_once + threes,
        ],
        "Both of a came first; the order is a, b after pass one, then a, b after pass two": [
            a_once,
            twos,
            b_once,
            threes,
        ],
    },
    hint="Clear both gradients after the first pass and before the second",
)

# %% [markdown]
# `.grad` is a running sum held in one tensor: the second pass wrote into the tensor that you already held. Forgetting to clear it is the most common bug in hand-written training loops.
#
# ## Many outputs: products with the Jacobian
#
# With several outputs the derivative is a matrix, the *Jacobian* J, one row per output. Backward, you say with a vector v how much each output matters, and get the **vector-Jacobian product** vJ. Forward, you push a nudge u of the input along and get the **Jacobian-vector product** Ju, without notes (`torch.func.jvp`).
#
# One walk back gives one row of J, one forward run one column; `torch.func.jacrev` builds all of J. A loss is one output of a million inputs: go backward. Below, `x.detach()` is `x` without history.


# %%
def product_and_sum(x):
    return torch.stack([x.prod(), x.sum()])


x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
print(observe.complaint(product_and_sum(x).backward))
J = torch.func.jacrev(product_and_sum)(x.detach())
print("J:", J.tolist())
v, u = torch.tensor([1.0, 10.0]), torch.tensor([1.0, 0.0, 0.0])
product_and_sum(x).backward(v)
print("backward(v):", x.grad, "  v @ J:", v @ J)
_, moved = torch.func.jvp(product_and_sum, (x.detach(),), (u,))
print("jvp:", moved, "  J @ u:", J @ u)

# %% [markdown]
# ### Exercise 2.2 · The gradient of a squared length
# ★★☆☆☆ · 10 min · implementation · 4 points
#
# f(W) = ‖Wx‖², with W of shape (m, n) and x of shape (n,). Give its gradient twice: `grad_W` lets autograd do it and leaves `W` and `W.grad` as they are; `grad_W_manual` is a formula. The formula uses no autograd, so each can check the other; it must run inside `torch.no_grad()`, where nothing is recorded.
#
# W = [[1, 2], [3, 4]], x = [1, −1]: Wx = [−1, −1], gradient [[−2, 2], [−2, 2]].
#
# <details><summary>Hint 1</summary>
#
# Write one entry: f = Σᵢ (Σⱼ Wᵢⱼ xⱼ)². What is ∂f/∂Wᵢⱼ? Autograd without a trace: `torch.autograd.grad` hands gradients back, as a tuple, and writes nowhere. Give it a leaf that asks: `W.detach().requires_grad_()`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# ∂f/∂Wᵢⱼ = 2 (Wx)ᵢ xⱼ, and `torch.outer` makes all pairs.
#
# </details>


# %% nbgrader={"grade_id": "ex-2-2"}
def grad_W(W: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Gradient of ‖W x‖² with respect to W, by autograd.

    W: (m, n); x: (n,). Returns (m, n) in the dtype of W. W and W.grad stay as they are.
    """
    ### BEGIN SOLUTION
    W = W.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(((W @ x) ** 2).sum(), W)
    return gradient
    ### END SOLUTION


def grad_W_manual(W: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The same gradient by a formula, without autograd."""
    ### BEGIN SOLUTION
    return 2 * torch.outer(W @ x, x)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-2-2-check", "points": 2}
# Arrange
W_small = torch.tensor([[1.0, 0.0, 2.0], [0.0, 3.0, -1.0]])
x_small = torch.tensor([1.0, 2.0, -1.0])
W_true = torch.tensor([[-2.0, -4.0, 2.0], [14.0, 28.0, -14.0]])
mistakes = {
    "The factor 2 of the square is missing": W_true / 2,
    "This is the gradient of the length, not of the squared length": W_true / 2 / 50**0.5,
    "Rows and columns are swapped: entry (i, j) pairs output i with input j": W_true.T,
}
forms = {
    "torch.autograd.grad returns a tuple, one gradient for each input: take its first": [W_true],
    "None came back: .backward() returns nothing, torch.autograd.grad returns the gradients": None,
}
# Act
by_autograd = grad_W(W_small, x_small)
by_formula = grad_W_manual(W_small, x_small)
# Assert
check.close(by_autograd, W_true, "grad_W", ideas={**forms, **mistakes}, hint="Square W @ x and sum")
check.close(by_formula, W_true, "grad_W_manual", ideas=mistakes, hint="Entry (i, j) is 2 (Wx)ᵢ xⱼ")

# %% [markdown]
# "What arrives from above" times "what came in": this outer product is the weight gradient of every linear layer.
#
# ## Switching the recorder off
#
# Measuring a model needs no notes. Inside `with torch.no_grad():`, or in a function marked `@torch.no_grad()`, results have no history, which saves memory and time. `torch.inference_mode()` is stricter still: a later graph may not store what is made inside, so a sum with it works and a product, which must remember its factors, raises. To freeze one tensor, call `requires_grad_(False)` on it.
#
# The other place for `no_grad` is the update of a parameter. Of the three steps below, one does what you mean.

# %%
w = torch.tensor(5.0, requires_grad=True)
with torch.no_grad():
    plain = w * 2
with torch.inference_mode():
    sealed = torch.tensor(10.0)
print("made in no_grad:", plain.requires_grad, "  used later:", (w * plain).requires_grad)
print("made in inference_mode, sum:", observe.complaint(lambda: w + sealed))
print("made in inference_mode, product:", observe.complaint(lambda: w * sealed))
((w - 2) ** 2).backward()
moved = w - 0.1 * w.grad
print("1. w = w - lr * grad ", "leaf:", moved.is_leaf, " note:", moved.grad_fn.name())
print("2. w -= lr * grad    ", observe.complaint(w.sub_, 0.1 * w.grad))
with torch.no_grad():
    w -= 0.1 * w.grad
print("3. 2 inside no_grad  ", "leaf:", w.is_leaf, " w:", round(w.item(), 3))

# %% [markdown]
# 1 makes a new tensor with a history: it is no leaf, its `.grad` stays `None`, and each step hangs on the one before, so memory grows. (Inside `no_grad`, line 1 makes a tensor that asks for nothing, and the next `backward()` raises.) 2 raises at once, at the edit itself and not later in `backward()`: a leaf that asks for gradients may not be overwritten while recording is on. 3 is right. Clear the gradient afterwards.

# %% [markdown]
# ### Exercise 2.3 · Descent by hand
# ★★★☆☆ · 15 min · implementation · 6 points
#
# Write gradient descent, w ← w − lr · f′(w). Return all points visited, the start first: `steps + 1` tensors, each with its own memory and no history.
#
# f(w) = (w − 2)², w0 = 5, lr = 0.1, two steps: 5, 4.4, 3.92.
#
# `f` must receive a leaf each time, or every step drags the graphs of all earlier ones along. One leaf, changed in place, is fine. `w0` is the caller's: leave it alone.
#
# <details><summary>Hint 1</summary>
#
# One leaf of your own. In each turn: loss, backward, step, clear, remember.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `with torch.no_grad(): w -= lr * w.grad`, then `w.grad = None`, then append `w.detach().clone()`.
#
# </details>


# %% nbgrader={"grade_id": "ex-2-3"}
def descend(f, w0: torch.Tensor, lr: float, steps: int) -> list[torch.Tensor]:
    """The steps + 1 points of gradient descent on f, w0 first.

    f: gets a leaf shaped like w0, gives a scalar. w0: any shape, left as it is. steps: 0 or more.
    Each point has its own memory and no history.
    """
    ### BEGIN SOLUTION
    w = w0.detach().clone().requires_grad_()
    points = [w.detach().clone()]
    for _ in range(steps):
        f(w).backward()
        with torch.no_grad():
            w -= lr * w.grad
        w.grad = None
        points.append(w.detach().clone())
    return points
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-2-3-check", "points": 2}
# Arrange
five = torch.tensor(5.0)
five_before = torch.tensor(5.0)
uncleared, uphill, same = [5.0, 4.4, 3.32], [5.0, 5.6, 6.32], [3.92, 3.92, 3.92]
# Act
visited = descend(lambda w: (w - 2) ** 2, five, 0.1, 2)
five_after = observe.copy(five)
# Assert
check.close(
    visited,
    [5.0, 4.4, 3.92],
    "two steps on (w - 2)² from 5",
    ideas={
        "The second step still holds the gradient of the first. Clear .grad after each step": uncleared,
        "You walk uphill: the step goes against the gradient": uphill,
        "All entries are one and the same tensor, seen after the last step: append a copy": same,
        "The start is a copy, but the later entries are all one tensor: append a copy each time": [
            5.0,
            3.92,
            3.92,
        ],
        "The first entry moved with w: store a copy of the start, not the tensor you step with": [
            3.92,
            4.4,
            3.92,
        ],
        "The start is missing: it is the first of steps + 1 points": [4.4, 3.92],
        "Only the last point came back: all points are asked for": 3.92,
    },
    hint="Return a list of steps + 1 tensors, the start first",
)
check.unchanged(five_after, five_before, "w0", hint="Step with a leaf of your own")


# %% alt="Two curves of w over 60 steps. The cleared one falls smoothly from 5 and settles at 2. The uncleared one swings between about 5 and minus 1 without ever settling; near step 10 it passes 2."
def path(clear, steps=60):
    w, points = torch.tensor(5.0, requires_grad=True), [5.0]
    for _ in range(steps):
        ((w - 2) ** 2).backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
        if clear:
            w.grad = None
        points.append(w.item())
    return points


paths = {"cleared": path(True), "never cleared": path(False)}
print("after ten steps:", {name: round(points[10], 2) for name, points in paths.items()})
plots.curves(paths, x=range(61), title="Descent on (w − 2)²", xlabel="step", ylabel="w")

# %% [markdown]
# You wrote the core of every optimiser. The plot adds the bug that you avoided: the cleared path settles at 2; the other swings for ever, like a pendulum without friction, since the old gradients push on and never fade. The surprise is step ten: the bug stands at 2.07, the right answer at 2.32. "Close to 2" would have praised the bug. Judge a training loop by its whole path.
#
# ## Cutting the graph
#
# `detach()` gives a tensor with the same values and no history; what is computed from it sends nothing back. Is it a copy?

# %% [markdown]
# ### Predict 2.3 · Writing into a detached tensor
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# ```python
# x = torch.tensor([1.0, 2.0], requires_grad=True)
# d = x.detach()
# d[0] = 100
# ```
#
# What is `x[0]` now?
#
# - a: 100
# - b: 1, since a detached tensor is a copy
# - c: the last line raises, since `x` asks for gradients

# %% nbgrader={"grade_id": "predict-2-3"}
# Write your choice: predict_2_3 = "a", "b" or "c"
### BEGIN SOLUTION
predict_2_3 = "a"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-2-3-check", "points": 0}
# Arrange
# Act
choice = predict_2_3
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")

# %%
x = torch.tensor([1.0, 2.0], requires_grad=True)
d = x.detach()
d[0] = 100
print("x:", x.tolist(), "  same memory:", d.data_ptr() == x.data_ptr())
print("clone keeps history:", x.clone().requires_grad)
print("a detached loss:", observe.complaint((x**2).detach().sum().backward))

# %% [markdown]
# `detach()` cuts the history and shares the memory. `clone()` copies the memory and keeps the history. To keep values safe, do both: `x.detach().clone()`. And a loss that was cut off cannot go back at all.
#
# Cutting *part* of a loss is the useful case. In x · sg(x²), "sg" for *stop gradient*, the second factor counts as a constant. The value is x³, but the gradient is x², not 3x². Targets in reinforcement learning and in self-supervised learning are held still this way.

# %% [markdown]
# ### Exercise 2.4 · What gets through
# ★★★☆☆ · 12 min · conceptual · 6 points
#
# Three short functions about cutting.
#
# - `which_backward_works`: would each loss's `backward()` run? Use up no graph, leave no gradient behind.
# - `stop_grad_loss`: Σ x · sg(x²).
# - `snapshot`: the values of `x` as they are now, whatever happens to `x` later.
#
# For x = [1, 2, 3] asking for gradients: (x²).sum() → True, (x²).detach().sum() → False; the stop-gradient loss is 36 with gradient [1, 4, 9], not [3, 12, 27].
#
# <details><summary>Hint 1</summary>
#
# Ask the loss, do not try it. A leaf that asks for gradients has no `grad_fn`, yet its `backward()` runs.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `loss.requires_grad` is the whole question. Cut only the factor that counts as constant. `detach` shares memory, `clone` does not.
#
# </details>


# %% nbgrader={"grade_id": "ex-2-4"}
def which_backward_works(losses: dict[str, torch.Tensor]) -> dict[str, bool]:
    """By name of a fresh scalar loss: would its backward() run? Changes nothing."""
    ### BEGIN SOLUTION
    return {name: loss.requires_grad for name, loss in losses.items()}
    ### END SOLUTION


def stop_grad_loss(x: torch.Tensor) -> torch.Tensor:
    """Σ x · sg(x²), a scalar; gradients go on to where x came from. x: any shape."""
    ### BEGIN SOLUTION
    return (x * (x**2).detach()).sum()
    ### END SOLUTION


def snapshot(x: torch.Tensor) -> torch.Tensor:
    """The present values of x, without history, in memory of their own."""
    ### BEGIN SOLUTION
    return x.detach().clone()
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-2-4-check", "points": 2}
# Arrange
x_cut = torch.tensor([1.0, 2.0, 3.0])
ones = torch.tensor(1.0)
whole, other = torch.tensor([3.0, 12.0, 27.0]), torch.tensor([2.0, 8.0, 18.0])
# Act
x_live = x_cut.clone().requires_grad_()
pair = {"whole": (x_live**2).sum(), "cut": (x_live**2).detach().sum()}
flags = which_backward_works(pair)
stopped = observe.vjp(stop_grad_loss, x_cut, ones)
kept = snapshot(x_live)
kept_history = kept.requires_grad
# Assert
check.equal(
    flags,
    {"whole": True, "cut": False},
    "which backward works",
    ideas={
        "A loss that was cut off counts as a leaf, yet has no way back": {
            "whole": True,
            "cut": True,
        }
    },
    hint="One True or False for each name",
)
check.close(stopped["value"], 36.0, "the value of the stop-gradient loss")
check.close(
    stopped["grads"],
    torch.tensor([1.0, 4.0, 9.0]),
    "the gradient of the stop-gradient loss",
    ideas={
        "This is 3x², the whole gradient: clone keeps history, detach cuts it": whole,
        "This is 2x²: you cut the other factor": other,
        "No gradient reaches x: use x itself (no new leaf, no no_grad) and cut x² alone": None,
    },
)
check.close(kept, torch.tensor([1.0, 2.0, 3.0]), "the values of the snapshot")
check.equal(
    kept_history,
    False,
    "requires_grad of the snapshot",
    ideas={"It still has its history, and keeps the whole graph alive: detach it as well": True},
)

# %% [markdown]
# One word, `detach`, decides what learns and what holds still. The snapshot is how you keep the best weights of a run: a mere `detach()` would go on changing with the model.
#
# ## What backward throws away
#
# A note often needs numbers from the forward pass: for x² it must remember x. These *saved tensors* are most of the memory of training, so `backward()` frees them as it goes.

# %% [markdown]
# ### Predict 2.4 · Backward twice on one graph
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# ```python
# x = torch.ones(3, requires_grad=True)
# y = x.sum()
# y.backward()
# y.backward()
# ```
#
# What happens?
#
# - a: the last line raises, since the graph is gone after one backward
# - b: nothing raises, and `x.grad` is `[1, 1, 1]`
# - c: nothing raises, and `x.grad` is `[2, 2, 2]`

# %% nbgrader={"grade_id": "predict-2-4"}
# Write your choice: predict_2_4 = "a", "b" or "c"
### BEGIN SOLUTION
predict_2_4 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-2-4-check", "points": 0}
# Arrange
# Act
choice = predict_2_4
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")


# %%
def squares(x):
    return (x**2).sum()


for f, keep in ((torch.sum, False), (squares, False), (squares, True)):
    x = torch.ones(3, requires_grad=True)
    y = f(x)
    y.backward(retain_graph=keep)
    print(f"{f.__name__:7} retain_graph={keep!s:5} again: {observe.complaint(y.backward)}")
    print("        x.grad:", x.grad.tolist())

# %% [markdown]
# The graph stays as long as `y` does; only the *saved tensors* are freed. A sum saved none, so it walks again. You meet this error, or its silent cousin, in three places:
#
# | You | Then | Cure |
# |---|---|---|
# | call `backward()` twice on one graph | error, if a note had saved something | compute the loss again, or `retain_graph=True` on the first call |
# | carry a state over to the next batch | error: the new loss reaches back into the last graph | `state = state.detach()` |
# | collect losses in a list to plot them | no error, but each loss keeps its graph: small notes after `backward()`, all saved tensors without it | append `loss.item()` |


# %%
def carry(cut):
    w, state, losses = torch.tensor(0.5, requires_grad=True), torch.tensor(0.0), []
    for _ in range(3):
        state = torch.tanh(w * (state.detach() if cut else state) + 1)
        loss = state**2
        loss.backward()
        losses.append(loss)
    return losses


print("state carried over:", observe.complaint(carry, False))
print("state detached:    ", observe.complaint(carry, True))
losses = carry(True)
print("a loss in the list still holds", losses[0].grad_fn.name())

# %% [markdown]
# The second case is the everyday one with recurrent networks, the third a leak, worst when you measure without `backward()`.
#
# Saved tensors explain one more error. Operations ending in an underscore, such as `add_`, write *in place*. Below, `h` is changed after it was used. You may read that this spoils the gradient, or that it always fails. Neither is true.


# %%
def nudge(h):
    h.add_(1)


def nudge_data(h):
    h.data.add_(1)


cases = [("h**2 ", torch.square, nudge), ("h * 2", lambda h: h * 2, nudge)]
for name, f, edit in [*cases, ("h**2 ", torch.square, nudge_data)]:
    x = torch.ones(3, requires_grad=True)
    y = f(h := 2 * x).sum()
    edit(h)
    print(f"{name} {edit.__name__:10} version {h._version} | {observe.complaint(y.backward)}")
    print("   x.grad:", x.grad)

# %% [markdown]
# Every tensor counts its in-place edits. A note remembers the count of what it saved, and `backward()` compares. `h * 2` saved only the number 2, so there the edit does no harm. And a leaf that asks for gradients refuses the edit itself, as you saw above. Two back doors slip past the counter: `.data`, a relic in old code, and writing through `h.detach().numpy()`. Then 12 stands where 8 is right, and not a word.
#
# ## Derivatives of derivatives
#
# `torch.autograd.grad(y, x)` *returns* gradients and leaves `.grad` alone. With `create_graph=True` the walk back is itself recorded, so you can differentiate the derivative. `torch.func` does the same without leaves and flags: `grad(f)` is a new *function*, which can be nested; `vmap` runs it on a batch of points.

# %%
x = torch.tensor(2.0, requires_grad=True)
for record in (False, True):
    (slope,) = torch.autograd.grad(torch.sin(x), x, create_graph=record)
    print(f"create_graph={record!s:5} slope {slope.item():.3f} asks {slope.requires_grad}")
    if not record:
        print("   once more:", observe.complaint(torch.autograd.grad, slope, x))
(bend,) = torch.autograd.grad(slope, x)
print("second derivative:", round(bend.item(), 3), "  −sin 2:", round(-x.sin().item(), 3))


# %% alt="Three curves from x = -4 to 4. The bell is highest at 0. Its slope is positive left of 0 and negative right of it. Its curvature is negative between -1 and 1 and slightly positive outside."
def bell(t):
    return torch.exp(-(t**2) / 2)


points = torch.linspace(-4, 4, 161)
lines = {
    "bell": bell(points),
    "first derivative": vmap(grad(bell))(points),
    "second derivative": vmap(grad(grad(bell)))(points),
}
title = "A function and two derivatives"
plots.curves(lines, x=points, title=title, xlabel="x", ylabel="value")

# %% [markdown]
# The slope crosses zero at the top of the bell, and the curvature crosses zero at ±1, where the slope is steepest: three curves from one line of mathematics.

# %% [markdown]
# ### Exercise 2.5 · The n-th derivative
# ★★★☆☆ · 15 min · implementation · 6 points
#
# `f` works entry by entry, as `torch.sin` does. Give its n-th derivative at each entry of `x`, exactly: no finite differences, whose error grows with every order. `torch.autograd.grad` and `torch.func` are both welcome.
#
# f(x) = x³ at [1, 2]: n = 0 → [1, 8], n = 1 → [3, 12], n = 3 → [6, 6], n = 4 → [0, 0]. `x` is left alone; the result has no history.
#
# <details><summary>Hint 1</summary>
#
# Since each output depends on its own entry alone, the gradient of the *sum* holds all the derivatives. Repeat n times on a recorded walk.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.autograd.grad(y.sum(), x, create_graph=True)`; "does not require grad" says that a walk was not recorded. Once `y` no longer asks for a gradient it is constant, and all that follows is zero.
#
# </details>


# %% nbgrader={"grade_id": "ex-2-5"}
def nth_derivative(f, x: torch.Tensor, n: int) -> torch.Tensor:
    """The n-th derivative of an elementwise function at every entry of x.

    f: maps a tensor to one of the same shape, entry by entry. n: 0 gives f(x) itself.
    x: floats of any shape; it is left as it is.
    Returns a tensor like x without history; zeros once f has been differentiated away.
    """
    ### BEGIN SOLUTION
    x = x.detach().clone().requires_grad_()
    y = f(x)
    for _ in range(n):
        if not y.requires_grad:
            return torch.zeros_like(x)
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True, materialize_grads=True)
    return y.detach()
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-2-5-check", "points": 2}
# Arrange
x_sine = torch.tensor([0.0, 2.0], dtype=torch.float64)
bend = torch.tensor([0.0, -0.9092974268], dtype=torch.float64)
slope = torch.tensor([1.0, -0.4161468365], dtype=torch.float64)
both, total = slope + bend, bend.sum()
# Act
second = nth_derivative(torch.sin, x_sine, 2)
# Assert
check.close(
    second,
    bend,
    "the second derivative of the sine at 0 and 2",
    ideas={
        "First and second derivative are added up: .backward() adds into .grad": both,
        "This is the first derivative": slope,
        "The sum is only a means: the gradient has one entry a point": total,
    },
    rtol=1e-8,
    atol=1e-9,
    hint="Differentiate the sum n times, with create_graph=True",
)

# %% [markdown]
# You differentiated a program, then the program that differentiates it. Losses that contain derivatives are trained this way: gradient penalties in GANs, physics-informed networks.
#
# For a network with a million parameters the matrix of second derivatives, the *Hessian* H, has 10¹² entries. You rarely need it: Hv, how the gradient changes along v, is one forward-mode run over the gradient function, and H is never built.


# %%
def bowl(t):
    return t[0] ** 2 * t[1] + torch.exp(t[1])


at, v = torch.tensor([1.0, 2.0]), torch.tensor([3.0, -1.0])
_, along = torch.func.jvp(torch.func.grad(bowl), (at,), (v,))
hessian = torch.func.hessian(bowl)(at)
leaf = at.clone().requires_grad_()
(slope,) = torch.autograd.grad(bowl(leaf), leaf, create_graph=True)
(twice,) = torch.autograd.grad(slope @ v, leaf)
print("H @ v:      ", hessian @ v)
print("jvp of grad:", along, "  grad twice:", twice)

# %% [markdown]
# ## Trust, then measure
#
# How do you know that a gradient is right? Nudge and compare: (f(x + h) − f(x − h)) / 2h. The formula is off by a multiple of h², so a small step sounds good. But two nearly equal numbers are subtracted, and rounding is divided by h. What is the best step?


# %% alt="Error of the numerical slope of the sine against k, for a step of ten to the minus k, on a logarithmic axis. float64 falls to about 1e-11 at k = 5 and rises to 1e-5 at k = 12. float32 is lowest at k = 2, about 1e-5, and stands above one half from k = 8 on."
def numeric_error(dtype, k):
    x, h = torch.tensor(1.0, dtype=dtype), 10.0**-k
    slope = (torch.sin(x + h) - torch.sin(x - h)) / (2 * h)
    return abs(slope.double() - torch.cos(x.double())).item()


steps = range(1, 13)
kinds = {"float32": torch.float32, "float64": torch.float64}
errors = {name: [numeric_error(kind, k) for k in steps] for name, kind in kinds.items()}
x = torch.tensor([2.0, 3.0])
print("slope of x², float32:", ((x + 1e-5) ** 2 - (x - 1e-5) ** 2) / 2e-5)
table = torch.arange(4.0).reshape(2, 2).T
table.flatten()[0] += 100
print("a transpose, nudged through flatten():", table.tolist())
plots.curves(errors, x=steps, xlabel="k (step 10⁻ᵏ)", ylabel="error of the slope", log=True)

# %% [markdown]
# Each curve falls while the formula improves and rises once rounding wins. In float32 the popular step 10⁻⁵ gives 4.005 and 6.008 where 4 and 6 are right: a correct gradient would look wrong. Check in float64, with a step of 10⁻⁵ or 10⁻⁶. And nudge `x[i, j]`, not `x.flatten()[k]`: flattening a transpose makes a copy, so the nudge above was lost and every slope would come out as 0. `torch.autograd.gradcheck` knows all this.
#
# ## Your own backward pass
#
# Sometimes PyTorch's derivative is wasteful, unstable, or not the one you want. Then write a `Function`: `forward` computes, `setup_context` decides what to save, `backward` turns the gradient of the *output* into that of the *input*.


# %%
class Cube(Function):
    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * 3 * x**2


x = torch.randn(4, dtype=torch.float64, generator=seeded(2)).requires_grad_()
print("first order: ", gradcheck(Cube.apply, (x,)))
print("second order:", gradgradcheck(Cube.apply, (x,)))

# %% [markdown]
# You call `Cube.apply(x)`. Tensors go into `save_for_backward`; a plain number is kept as an attribute, `ctx.k = 3`. `backward` returns one gradient for each argument of `forward`, and `None` for an argument that is no tensor.
#
# `grad_output` is the v of the vector-Jacobian product: what the rest of the graph sends down. Forget it, and the favourite test of the hurried, `.sum().backward()`, will not notice, as there v is all ones. `gradcheck` notices. It needs float64: in float32 it condemns a correct `Cube` too.


# %%
class Careless(Cube):
    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 3 * x**2


Careless.apply(x).sum().backward()
print("Careless, sum test: ", torch.allclose(x.grad, 3 * x.detach() ** 2))
print("Careless, gradcheck:", observe.complaint(gradcheck, Careless.apply, (x,)))
with warnings.catch_warnings(action="ignore"):
    single = x.detach().float().requires_grad_()
    print("Cube in float32:    ", observe.complaint(gradcheck, Cube.apply, (single,)))

# %% [markdown]
# Two habits that you meet in older code:
#
# - `LegacyCube` saves inside `forward(ctx, x)`. That works with `backward()`, but not with `torch.func`.
# - `ItemCube` leaves PyTorch in its `backward`, by `.item()`. The slope is right, but no note says how it depends on x.
#
# `MarkedCube` is `ItemCube` with a guard: `once_differentiable` promises to raise when you differentiate again. Watch x · x³ at 2: its second derivative, 12x², is 48.


# %%
class LegacyCube(Function):
    backward = Cube.backward

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3


class ItemCube(Cube):
    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * 3 * ctx.saved_tensors[0].item() ** 2


class MarkedCube(Cube):
    backward = staticmethod(once_differentiable(ItemCube.backward))


print("legacy:", observe.complaint(torch.func.grad(LegacyCube.apply), torch.tensor(2.0)))
for kind in (Cube, ItemCube, MarkedCube):
    t = torch.tensor(2.0, requires_grad=True)
    (slope,) = torch.autograd.grad(t * kind.apply(t), t, create_graph=True)
    (second,) = torch.autograd.grad(slope, t, retain_graph=True)
    print(f"{kind.__name__:10} {second.item()}, backward(): {observe.complaint(slope.backward)}")

# %% [markdown]
# `ItemCube` says 24, and no error: what went through `.item()` counts as a constant. `MarkedCube` raises when `slope.backward()` runs. But its guard is not complete: `torch.autograd.grad(slope, t)` walks only the paths that lead to `t`, misses the guard and says 12. So run `gradgradcheck` on every `Function` that you write.

# %% [markdown]
# ### Exercise 2.6 · A sigmoid of your own
# ★★★★★ · 20 min · implementation · 10 points
#
# Write `MySigmoid`, σ(x) = 1 / (1 + e⁻ˣ), with its own backward. It must survive `gradcheck`, a second derivative, x = ±100 and `torch.func.grad`; and `x` may be overwritten in place after the forward pass, as the built-in one allows.
#
# σ(ln 3) = 0.75 with slope 0.75 · 0.25 = 0.1875; if 2 arrives from above, 0.375 goes on.
#
# No `torch.sigmoid` or its relatives: they bring their own backward.
#
# <details><summary>Hint 1</summary>
#
# The slope can be written with the output alone. So which tensor should you save?
#
# </details>
# <details><summary>Hint 2</summary>
#
# σ′ = σ(1 − σ): `ctx.save_for_backward(output)`, then `grad_output * s * (1 - s)` in plain tensor operations.
#
# </details>


# %% nbgrader={"grade_id": "ex-2-6"}
class MySigmoid(Function):
    """σ(x) = 1 / (1 + exp(-x)), any shape: forward, setup_context and backward."""

    ### BEGIN SOLUTION
    @staticmethod
    def forward(x):
        return 1 / (1 + torch.exp(-x))

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad_output):
        (s,) = ctx.saved_tensors
        return grad_output * s * (1 - s)

    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-2-6-check", "points": 2}
# Arrange
x_log = torch.tensor([0.0, 1.0986122887, -1.0986122887], dtype=torch.float64)  # ±ln 3
weights = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
s_true = torch.tensor([0.5, 0.75, 0.25])
g_true, g_plain = torch.tensor([0.25, 0.375, 0.75]), torch.tensor([0.25, 0.1875, 0.1875])
g_plus, g_above = torch.tensor([0.75, 2.625, 1.25]), torch.tensor([1.0, 2.0, 4.0])
g_input = weights * x_log * (1 - x_log)
# Act
pulled = observe.vjp(MySigmoid.apply, x_log, weights)
text = observe.source(MySigmoid)
# Assert
check.close(pulled["value"], s_true, "σ at 0, ln 3, -ln 3", hint="σ(x) = 1 / (1 + exp(-x))")
check.close(
    pulled["grads"],
    g_true,
    "the gradient when 1, 2 and 4 arrive from above",
    ideas={
        "backward forgets grad_output: multiply by what arrives from above": g_plain,
        "The sign is wrong: the slope is s(1 - s), not s(1 + s)": g_plus,
        "backward passes on what arrives and forgets the slope": g_above,
        "This is x(1 - x): you saved the input x, but s is the output": g_input,
    },
    hint="Multiply grad_output by the slope s(1 - s)",
)
check.avoids(
    text, "MySigmoid without the built-in", calls=("sigmoid", "sigmoid_", "logsigmoid", "expit")
)

# %% nbgrader={"grade_id": "ex-2-6-check-2", "points": 2}
# Arrange
x_grid = torch.linspace(-4, 4, 5, dtype=torch.float64)
grid_slopes = torch.tensor([0.0176627062, 0.1049935854, 0.25, 0.1049935854, 0.0176627062])
# Act
measured = observe.jacobians(MySigmoid.apply, x_grid)
# Assert
check.numeric_jacobian(measured, "backward against nudging", hint="Is the slope s(1 - s)?")
check.close(measured["analytic"], torch.diag(grid_slopes), "the slopes at -4, -2, 0, 2, 4")

# %% [markdown]
# Saving the output costs nothing, as it lives on anyway, and backward needs no exponential. At x = −100 in float32, e⁻ˣ is infinite. Forward survives, as 1/∞ = 0; the slope as e⁻ˣ / (1 + e⁻ˣ)² would be ∞/∞, not a number. PyTorch's own sigmoid, tanh and softmax do the same.
#
# ## A derivative you choose
#
# To run a network in 8 bits, values are rounded. Rounding is a staircase: its slope is zero wherever it exists, so nothing before it learns. The **straight-through estimator** rounds on the way forward and pretends on the way back that it did not. That is *not* the derivative, and `gradcheck` rightly rejects it. It is the direction in which you want to learn; your tests must state the choice.

# %%
w = torch.tensor([0.2, 1.7], requires_grad=True)
((w.round() - 3) ** 2).sum().backward()
print("through round:   ", w.grad)
w.grad = None


def straight_through(t):
    return t + (t.round() - t).detach()


((straight_through(w) - 3) ** 2).sum().backward()
print("straight through:", w.grad, "  same values:", straight_through(w).tolist())
exact = w.detach().double().requires_grad_()
print("gradcheck:       ", observe.complaint(gradcheck, straight_through, (exact,)))

# %% [markdown]
# ### Exercise 2.7 · Rounding that lets gradients through
# ★★★★☆ · 15 min · problem solving · 8 points
#
# `Quantise.apply(x, low, high)`: first clamp to [low, high], then round. Backward: what arrives passes unchanged where low ≤ x ≤ high, and is 0 elsewhere: out there, moving x changes nothing. `low` and `high` are plain numbers; `x` is not written to.
#
# x = [−2, −0.4, 1.6, 5] with low −1, high 3 gives [−1, 0, 2, 3]. If [1, 2, 3, 4] arrives from above, [0, 2, 3, 0] goes on.
#
# <details><summary>Hint 1</summary>
#
# Save the mask of the entries inside the range, seen on `x`, not on the output. `backward` returns one value for *each* argument of `forward`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `inside = (x >= low) & (x <= high)`; return `grad_output * inside, None, None`.
#
# </details>


# %% nbgrader={"grade_id": "ex-2-7"}
class Quantise(Function):
    """round(clamp(x, low, high)); grad_output passes where low <= x <= high.

    To write: forward, setup_context and backward.
    """

    ### BEGIN SOLUTION
    @staticmethod
    def forward(x, low, high):
        return x.clamp(low, high).round()

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, low, high = inputs
        ctx.save_for_backward((x >= low) & (x <= high))

    @staticmethod
    def backward(ctx, grad_output):
        (inside,) = ctx.saved_tensors
        return grad_output * inside, None, None

    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-2-7-check", "points": 1}
# Arrange
x_steps = torch.tensor([-2.0, -0.4, 1.6, 5.0])
# Act
rounded = Quantise.apply(x_steps, -1, 3)
# Assert
check.close(
    rounded,
    torch.tensor([-1.0, 0.0, 2.0, 3.0]),
    "the values of Quantise",
    ideas={
        "Rounded but not clamped to [low, high]": torch.tensor([-2.0, 0.0, 2.0, 5.0]),
        "Clamped but not rounded": torch.tensor([-1.0, -0.4, 1.6, 3.0]),
    },
)

# %% nbgrader={"grade_id": "ex-2-7-check-2", "points": 2}
# Arrange
x_ramp = torch.tensor([-2.0, -0.4, 1.6, 5.0])
above = torch.tensor([1.0, 2.0, 3.0, 4.0])
unmasked, flat, mask = torch.tensor([1.0, 2, 3, 4]), torch.zeros(4), torch.tensor([0.0, 1, 1, 0])
# Act
through = observe.vjp(lambda t: Quantise.apply(t, -1, 3), x_ramp, above)
# Assert
check.close(
    through["grads"],
    torch.tensor([0.0, 2.0, 3.0, 0.0]),
    "the gradient when 1, 2, 3, 4 arrive from above",
    ideas={
        "Outside the range it must be 0 (look at x, not at the clamped output)": unmasked,
        "This is the true slope of a staircase, zero: inside, let what arrives pass": flat,
        "backward forgets grad_output: multiply the mask with what arrives": mask,
    },
    hint="Inside the range pass grad_output on unchanged, outside pass 0",
)

# %% [markdown]
# This little class is the heart of *quantisation-aware training*, which teaches a network to live with 8-bit numbers.
#
# ## Watching gradients
#
# A **hook** is a function that autograd calls when a gradient arrives at a tensor. It can look, or return a replacement. Keep the handle and remove the hook, or it stays for good.
#
# And when training stands still, print the size of each parameter's gradient. Five faces, five causes:

# %%
x = torch.tensor([1.0, 2.0], requires_grad=True)
h = x**2
handle = h.register_hook(lambda g: g.clamp(max=1.0))
(5 * h).sum().backward()
handle.remove()
print("clipped on the way:", x.grad, "  without the hook:", 10 * x.detach(), end="\n\n")
names = ["healthy", "cut off", "switched off", "vanishing", "exploding"]
p = {name: torch.full((4,), 0.5, requires_grad=True) for name in names}
parts = [p["healthy"], p["cut off"].detach(), torch.relu(p["switched off"] - 2)]
parts += [p["vanishing"] ** 20, torch.exp(50 * p["exploding"])]
torch.cat(parts).sum().backward()
for name, t in p.items():
    print(f"{name:13}", "None" if t.grad is None else f"{t.grad.norm():.0e}")

# %% [markdown]
# `None`: the parameter is not in the graph; look for `detach`, `no_grad` or a forgotten use. Exactly 0: in the graph, but a unit is switched off or saturated. Tiny or huge: the product of many slopes shrinks or grows; better initialisation, normalisation, clipping. Chapter 12 makes a tool of this.
#
# ## The graph that changes with the data
#
# The graph is recorded anew each time, so `if` and `while` may depend on values. Backward follows the branch that was taken. But the *decision* has no derivative. Halve a number until it is at most 1:


# %% alt="A sawtooth: halving x until it is at most 1. The output rises to 1 at x = 1, 2, 4 and 8 and drops to one half just after 1, 2 and 4. The gradient is a staircase going down: 1, one half, one quarter, one eighth."
def halve(t):
    while t > 1:
        t = t / 2
    return t


xs = torch.linspace(0.05, 8, 200).requires_grad_()
outputs = torch.stack([halve(t) for t in xs])
outputs.sum().backward()
lines = {"halve(x)": outputs, "gradient from autograd": xs.grad}
title = "One program, a new graph per input"
plots.curves(lines, x=xs.detach(), title=title, xlabel="x", ylabel="value")

# %% [markdown]
# Each tooth is a graph of another depth. Autograd gives the slope of the tooth, (½)ᵏ after k halvings, and knows nothing of the drop at its end. The answer is right for the branch taken; whether that is what you want, you must decide.

# %% [markdown]
# ### Exercise 2.8 · As deep as the data asks
# ★★★★☆ · 25 min · implementation · 8 points
#
# `dynamic_net`: start with h = x. While ‖h‖ > 1, at most 50 times: h ← h @ weight; if `drop` > 0, then h ← h · mask / (1 − drop), with the mask `torch.rand(h.shape, generator=generator) >= drop` drawn afresh.
#
# `graph_size`: the number of notes reachable from `y.grad_fn`, each counted once; 0 without one.
#
# x = [6, 8], weight = ½ · identity: norms 10, 5, 2.5, 1.25, 0.625, so four steps, result x/16, gradient 1/16. For a leaf x, (2 * x).sum() has 3 notes: sum, product, AccumulateGrad; x + x has 2.
#
# <details><summary>Hint 1</summary>
#
# Keep a set of notes seen and a list of notes to visit. Graphs may be thousands deep: no recursion.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `note.next_functions` holds pairs (note or None, number). In the net, let `h` keep its history.
#
# </details>


# %% nbgrader={"grade_id": "ex-2-8"}
def dynamic_net(x, weight, drop=0.0, generator=None) -> torch.Tensor:
    """Start at h = x (n,); h @ weight (n, n) while the norm of h is above 1, at most 50 times.

    drop in [0, 1): above 0, each step ends with h · mask / (1 - drop), for a fresh mask
    torch.rand(h.shape, generator=generator) >= drop. Returns h.
    """
    ### BEGIN SOLUTION
    h, steps = x, 0
    while h.norm() > 1 and steps < 50:
        h = h @ weight
        if drop > 0:
            h = h * (torch.rand(h.shape, generator=generator) >= drop) / (1 - drop)
        steps += 1
    return h
    ### END SOLUTION


def graph_size(y: torch.Tensor) -> int:
    """Number of different notes reachable from y.grad_fn, in graphs thousands deep too."""
    ### BEGIN SOLUTION
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        note = waiting.pop()
        if note is not None and note not in seen:
            seen.add(note)
            waiting.extend(following for following, _ in note.next_functions)
    return len(seen)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-2-8-check", "points": 1}
# Arrange
pair = torch.tensor([1.0, 2.0])
# Act
leaf = pair.clone().requires_grad_()
sizes = [graph_size((2 * leaf).sum()), graph_size(leaf + leaf), graph_size(leaf)]
# Assert
check.equal(
    sizes,
    [3, 2, 0],
    "the sizes of (2 * x).sum(), x + x and x",
    ideas={
        "A constant such as 2 has no note: its place holds None, which does not count": [4, 2, 0],
        "x + x reaches the same note twice: count it once": [3, 3, 0],
        "AccumulateGrad, at the end of the walk, is a note too": [2, 1, 0],
    },
    hint="Notes are y.grad_fn and, from there, all next_functions",
)

# %% nbgrader={"grade_id": "ex-2-8-check-2", "points": 2}
# Arrange
x_far = torch.tensor([6.0, 8.0])
half = 0.5 * torch.eye(2)
one_two = torch.tensor([1.0, 2.0])
to_x, to_weight = torch.tensor([0.0625, 0.125]), torch.tensor([[3.0, 6.0], [4.0, 8.0]])
last_only = torch.tensor([[0.75, 1.5], [1.0, 2.0]])
# Act
deep = observe.vjp(dynamic_net, (x_far, half), one_two)
# Assert
check.close(
    deep["value"],
    torch.tensor([0.375, 0.5]),
    "dynamic_net at [6, 8]",
    ideas={
        "One step only: ask again after each step (while, not if)": torch.tensor([3.0, 4.0]),
        "One step too few: go on while the norm is above 1": torch.tensor([0.75, 1.0]),
        "One step too many: ask before the step": torch.tensor([0.1875, 0.25]),
    },
    hint="Steps are taken while the norm of h is above 1",
)
check.close(
    deep["grads"],
    [to_x, to_weight],
    "the gradients of x and weight",
    ideas={
        "No gradient reaches x: start with h = x itself, without detach": [None, to_weight],
        "Only the last step has a history: do not detach h between the steps": [None, last_only],
        "No gradient arrives at all: let h keep its history, outside no_grad": [None, None],
        "This looks like weight @ h, where h @ weight is asked": [to_x, to_weight.T],
    },
    hint="h must keep its history from x through all steps",
)

# %% [markdown]
# The set of notes seen is the trick of every graph walk. Networks as deep as their input are real: recurrent ones read until the sentence ends, others stop once the answer is clear.
#
# ## What to remember
#
# - Recording needs two things: recording on, and an input that asks. Leaves keep `.grad`.
# - `.grad` is a running sum. Clear it; `None` is not zero.
# - Backward gives vJ, forward mode Ju; neither builds J. Hv works the same way.
# - `no_grad` to update and to measure. `detach` cuts and shares memory; `detach().clone()` is safe.
# - Backward frees saved tensors; an in-place edit of one raises.
# - Check in float64, with uneven weights from above.
# - A `Function` saves little, multiplies by `grad_output` and stays differentiable.

# %% [markdown]
# ## References
#
# - R. Wengert, "A simple automatic derivative evaluation program", *Communications of the ACM* 7, 1964: forward mode.
# - S. Linnainmaa, "Taylor expansion of the accumulated rounding error", *BIT* 16, 1976: reverse mode.
# - B. Pearlmutter, "Fast exact multiplication by the Hessian", *Neural Computation* 6, 1994.
# - Y. Bengio, N. Léonard, A. Courville, "Estimating or propagating gradients through stochastic neurons for conditional computation", arXiv:1308.3432, 2013: the straight-through estimator.
# - A. Paszke and others, "Automatic differentiation in PyTorch", NIPS workshop on autodiff, 2017.
# - A. Baydin and others, "Automatic differentiation in machine learning: a survey", *JMLR* 18, 2018.
# - PyTorch notes, "Autograd mechanics" and "Extending PyTorch".

# %% [markdown]
# ## Hidden tests
#
# <details><summary>What is this?</summary>
#
# Below stand the tests that count beside the checks above; in your copy they are empty. They run when your work is graded, on other numbers and other shapes, and their titles tell you what they look at.
#
# </details>

# %% nbgrader={"grade_id": "predict-2-1-hidden-1", "points": 1}
# Hidden test predict 2.1 · three times backward · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_2_1
# Assert
check.equal(
    choice,
    "c",
    "your choice",
    ideas={
        "The last pass does not replace what .grad held before": "a",
        "The chain rule multiplies along one path; what arrives from separate passes is not multiplied": "b",
        "Each turn of the loop records a graph of its own, so no graph is used twice": "d",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-2-2-hidden-1", "points": 1}
# Hidden test predict 2.2 · after zero_grad · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_2_2
# Assert
check.equal(
    choice,
    "b",
    "your choice",
    ideas={
        "The name promises zeros, but that is not the default any more": "a",
        "zero_grad acts at once, not at the next backward": "c",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-2-3-hidden-1", "points": 1}
# Hidden test predict 2.3 · writing into a detached tensor · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_2_3
# Assert
check.equal(
    choice,
    "a",
    "your choice",
    ideas={
        "detach cuts the history; copying memory is another operation": "b",
        "Only writing into x itself is refused; the detached tensor asks for no gradient": "c",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-2-4-hidden-1", "points": 1}
# Hidden test predict 2.4 · backward twice on one graph · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_2_4
# Assert
check.equal(
    choice,
    "c",
    "your choice",
    ideas={
        "Not the graph is freed but the saved tensors, and a sum saves none": "a",
        "The second pass runs, and .grad is a running sum": "b",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-1-hidden-1", "points": 1}
# Hidden test 2.1 · cleared in between · 1 point
### BEGIN HIDDEN TESTS
# Arrange
a_clear = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
b_clear = torch.tensor([4.0, 0.0, -3.0], dtype=torch.float64)
first_a, first_b = 2 * a_clear, 2 * b_clear
two, three = torch.full_like(a_clear, 2.0), torch.full_like(a_clear, 3.0)
# Act
cleared = grads_two_passes(a_clear, b_clear, True)
# Assert
check.close(
    cleared,
    [first_a, first_b, two, three],
    "gradients with clearing in between",
    ideas={
        "zero_between is True, but the second pass still holds the first": [
            first_a,
            first_b,
            first_a + two,
            first_b + three,
        ],
        "The first pair changed after you stored it: clearing in place writes into the tensor you kept": [
            two,
            three,
            two,
            three,
        ],
        "The order is a, b after pass one, then a, b after pass two": [
            first_a,
            two,
            first_b,
            three,
        ],
    },
    hint="It must work for vectors as for numbers, with the values it is given",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-1-hidden-2", "points": 1}
# Hidden test 2.1 · the caller's tensors stay as they are · 1 point
### BEGIN HIDDEN TESTS
# Arrange
a_given = torch.tensor([[1.5, -1.0], [0.0, 2.0]])
b_given = torch.tensor([[0.5, 3.0], [-2.0, 1.0]])
sums = [2 * a_given, 2 * b_given, 2 * a_given + 2, 2 * b_given + 3]
# Act
passes = grads_two_passes(a_given, b_given, False)
asks = [a_given.requires_grad, b_given.requires_grad]
holds = observe.gradients({"a": a_given, "b": b_given})
# Assert
check.close(passes, sums, "gradients without clearing", hint="Use the values that are given")
check.equal(
    asks,
    [False, False],
    "requires_grad of the caller's tensors",
    ideas={"requires_grad_() changed the caller's tensors: make leaves of your own": [True, True]},
)
check.equal(holds, {"a": None, "b": None}, ".grad of the caller's tensors")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-2-hidden-1", "points": 1}
# Hidden test 2.2 · other sizes, in float64 · 1 point
### BEGIN HIDDEN TESTS
# Arrange
W_tall = torch.randn(5, 2, generator=seeded(22), dtype=torch.float64)
x_tall = torch.randn(2, generator=seeded(23), dtype=torch.float64)
W_square = torch.randn(3, 3, generator=seeded(24), dtype=torch.float64)
x_square = torch.randn(3, generator=seeded(25), dtype=torch.float64)
tall = 2 * torch.outer(W_tall @ x_tall, x_tall)
square = 2 * torch.outer(W_square @ x_square, x_square)
slips = {
    "The factor 2 of the square is missing": [tall / 2, square / 2],
    "Rows and columns are swapped": [tall.T, square.T],
}
# Act
auto = [grad_W(W_tall, x_tall), grad_W(W_square, x_square)]
manual = [grad_W_manual(W_tall, x_tall), grad_W_manual(W_square, x_square)]
# Assert
check.close(auto, [tall, square], "grad_W", ideas=slips, rtol=1e-9, atol=1e-9, dtype=True)
check.close(manual, [tall, square], "grad_W_manual", ideas=slips, rtol=1e-9, atol=1e-9, dtype=True)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-2-hidden-2", "points": 1}
# Hidden test 2.2 · no trace in W, no autograd in the formula · 1 point
### BEGIN HIDDEN TESTS
# Arrange
W_used = torch.tensor([[1.0, -1.0], [2.0, 0.5]])
x_used = torch.tensor([2.0, 1.0])
used = torch.tensor([[4.0, 2.0], [18.0, 9.0]])
# Act
W_held = W_used.clone().requires_grad_()
W_held.sum().backward()
found = grad_W(W_held, x_used)
held = observe.copy(W_held.grad)
asking = W_held.requires_grad
stopped_22 = observe.error(torch.no_grad()(grad_W_manual), W_used, x_used) is not None
# Assert
check.close(
    found,
    used,
    "grad_W where W.grad holds something already",
    ideas={
        "What W.grad held before is in your result: torch.autograd.grad returns and adds nowhere": used
        + 1
    },
)
check.close(
    held,
    torch.ones(2, 2),
    "W.grad afterwards",
    ideas={
        "backward() added to the caller's W.grad: use torch.autograd.grad, or a leaf of your own": used
        + 1,
        "The caller's W.grad was cleared": None,
    },
    hint="It must stay as it was",
)
check.equal(asking, True, "W.requires_grad afterwards")
check.equal(
    stopped_22,
    False,
    "grad_W_manual inside no_grad",
    ideas={"It raises an error. It is to be a formula: no backward, no autograd.grad": True},
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-3-hidden-1", "points": 1}
# Hidden test 2.3 · the whole path, another step size · 1 point
### BEGIN HIDDEN TESTS
# Arrange
start = torch.tensor(5.0, dtype=torch.float64)
whole = [2 + 3 * 0.4**k for k in range(11)]
uncleared, speed = [5.0], 0.0
for _ in range(10):
    speed += 2 * (uncleared[-1] - 2)
    uncleared.append(uncleared[-1] - 0.3 * speed)
# Act
walked = descend(lambda w: (w - 2) ** 2, start, 0.3, 10)
# Assert
check.close(
    walked,
    whole,
    "ten steps on (w - 2)² with lr = 0.3",
    ideas={"Each step still holds the gradients of the steps before: clear .grad": uncleared},
    hint="Each step is lr times the gradient at the present point, and nothing else",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-3-hidden-2", "points": 1}
# Hidden test 2.3 · a fresh graph in each step · 1 point
### BEGIN HIDDEN TESTS
# Arrange
begin = torch.tensor(3.0, dtype=torch.float64)
fresh = [3 * 0.8**k for k in range(4)]
dragged = [3.0, 2.4, 0.0, 0.0]
# Act
trail = descend(lambda w: w**2 * (1 if w.requires_grad and w.grad_fn is None else 5), begin, 0.1, 3)
# Assert
check.close(
    trail,
    fresh,
    "the path on w²",
    ideas={"From the second step on, w carries a history: update a leaf under no_grad": dragged},
    hint="f must be given a leaf in every step",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-3-hidden-3", "points": 1}
# Hidden test 2.3 · a vector, and points without history · 1 point
### BEGIN HIDDEN TESTS
# Arrange
corner = torch.tensor([1.0, -2.0, 4.0], dtype=torch.float64)
scale = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
ladder = [corner * (1 - 0.2 * scale) ** k for k in range(5)]
# Act
rungs = descend(lambda w: 0.5 * (scale * w**2).sum(), corner, 0.2, 4)
histories = [rungs[k].requires_grad for k in range(5)]
# Assert
check.close(rungs, ladder, "the path of a vector", hint="Use the f that is given, of any shape")
check.equal(
    histories,
    [False] * 5,
    "requires_grad of the points",
    hint="Detach what you keep, or the graphs stay in memory",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-3-hidden-4", "points": 1}
# Hidden test 2.3 · the start is left alone · 1 point
### BEGIN HIDDEN TESTS
# Arrange
origin = torch.tensor([1.0, 2.0])
origin_before = origin.clone()
stay = [origin.clone()]
# Act
moved_points = descend(lambda w: (w**2).sum(), origin, 0.1, 3)
standing = descend(lambda w: (w**2).sum(), origin, 0.1, 0)
origin_after = observe.copy(origin)
origin_asks = origin.requires_grad
last = moved_points[3]
# Assert
check.close(last, origin_before * 0.512, "the point after three steps")
check.unchanged(origin_after, origin_before, "w0")
check.equal(
    origin_asks, False, "w0.requires_grad", hint="Work on a leaf of your own: w0.detach().clone()"
)
check.close(standing, stay, "no steps at all", hint="With steps = 0 the start comes back alone")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-4-hidden-1", "points": 1}
# Hidden test 2.4 · a leaf, and nothing used up · 1 point
### BEGIN HIDDEN TESTS
# Arrange
values = torch.tensor([2.0, -1.0])
# Act
live = values.clone().requires_grad_()
alone = torch.tensor(3.0, requires_grad=True)
cases = {
    "leaf": alone,
    "number": torch.tensor(3.0),
    "square": (live**2).sum(),
    "part": (live * live.detach()).sum(),
    "copy": live.clone().sum(),
}
with torch.no_grad():
    cases["unrecorded"] = (live**2).sum()
verdicts = which_backward_works(cases)
left = observe.gradients({"live": live, "alone": alone})
used_up = observe.error(cases["square"].backward) is not None
# Assert
check.equal(
    verdicts,
    {
        "leaf": True,
        "number": False,
        "square": True,
        "part": True,
        "copy": True,
        "unrecorded": False,
    },
    "six losses",
    ideas={
        "A leaf that asks for gradients has no grad_fn, yet its backward runs": {
            "leaf": False,
            "number": False,
            "square": True,
            "part": True,
            "copy": True,
            "unrecorded": False,
        },
    },
    hint="A scalar can go back exactly if it requires a gradient",
)
check.equal(
    left,
    {"live": None, "alone": None},
    "gradients left behind",
    hint="Ask the losses; do not run their backward",
)
check.equal(
    used_up,
    False,
    "a loss whose backward is called afterwards",
    ideas={"It raises an error: your function has used up its graph; ask, do not try": True},
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-4-hidden-2", "points": 1}
# Hidden test 2.4 · the stop-gradient at other points · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_held = torch.randn(2, 3, generator=seeded(24), dtype=torch.float64)
unit = torch.tensor(1.0, dtype=torch.float64)
value_held, squares = (x_held**3).sum(), x_held**2
# Act
loss_held = observe.vjp(stop_grad_loss, x_held, unit)
# Assert
check.close(loss_held["value"], value_held, "the value, the sum of x³")
check.close(
    loss_held["grads"],
    squares,
    "the gradient",
    ideas={
        "This is 3x²: the second factor is not held still": 3 * squares,
        "This is 2x²: the wrong factor is held still": 2 * squares,
        "No gradient arrives at all": None,
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-4-hidden-3", "points": 1}
# Hidden test 2.4 · the gradient goes on beyond x · 1 point
### BEGIN HIDDEN TESTS
# Arrange
w_behind = torch.tensor([0.5, -1.5, 2.0], dtype=torch.float64)
one = torch.tensor(1.0, dtype=torch.float64)
beyond = 3 * (3 * w_behind) ** 2
# Act
chained = observe.vjp(lambda t: stop_grad_loss(3 * t), w_behind, one)
# Assert
check.close(
    chained["grads"],
    beyond,
    "the gradient of w where x = 3w",
    ideas={"The gradient ends at x: use the x you are given, not a new leaf": None},
    hint="x may itself have been computed; its gradient x² must go on to where x came from",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-4-hidden-4", "points": 1}
# Hidden test 2.4 · the snapshot stays as it was · 1 point
### BEGIN HIDDEN TESTS
# Arrange
film = torch.tensor([1.0, 2.0, 3.0])
developed = film.clone()
overwritten = torch.tensor([99.0, 2.0, 3.0])
# Act
model_weight = film.clone().requires_grad_()
picture = snapshot(model_weight)
with torch.no_grad():
    model_weight[0] = 99.0
picture_later = observe.copy(picture)
picture_asks = picture.requires_grad
# Assert
check.close(
    picture_later,
    developed,
    "the snapshot after x was changed",
    ideas={"The snapshot changed with x: detach shares memory, so clone as well": overwritten},
)
check.equal(
    picture_asks,
    False,
    "requires_grad of the snapshot",
    ideas={"It still has its history, so it keeps the whole graph alive: detach it as well": True},
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-5-hidden-1", "points": 1}
# Hidden test 2.5 · a polynomial, order 0 to 4 · 1 point
### BEGIN HIDDEN TESTS
# Arrange
t = torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64)
powers = t.clone()
orders = [
    powers**4 - 2 * powers**2 + powers,
    4 * powers**3 - 4 * powers + 1,
    12 * powers**2 - 4,
    24 * powers,
    torch.full_like(powers, 24.0),
]
added_up = [orders[0], *(sum(orders[1 : k + 1]) for k in range(1, 5))]
# Act
polynomial = [nth_derivative(lambda z: z**4 - 2 * z**2 + z, t, k) for k in range(5)]
# Assert
check.close(
    polynomial,
    orders,
    "x⁴ - 2x² + x, differentiated 0 to 4 times",
    ideas={"Lower derivatives are added in: .backward() adds into .grad": added_up},
    rtol=1e-9,
    atol=1e-9,
    hint="n = 0 is f itself; each further order differentiates the last result",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-5-hidden-2", "points": 1}
# Hidden test 2.5 · differentiated away · 1 point
### BEGIN HIDDEN TESTS
# Arrange
away = torch.tensor([1.0, -2.0])
nothing = torch.zeros(2)
sixes = nothing + 6
# Act
beyond_line = observe.error(nth_derivative, lambda z: 3 * z + 1, away, 2) is not None
gone = None if beyond_line else nth_derivative(lambda z: 3 * z + 1, away, 2)
zeros = None if beyond_line else nth_derivative(lambda z: z**3, away, 5)
last_order = None if beyond_line else nth_derivative(lambda z: z**3, away, 3)
# Assert
check.equal(
    beyond_line,
    False,
    "one derivative more than the degree",
    ideas={
        "Your code raises an error. A constant asks for no gradient; its derivative is zero": True
    },
)
check.close(gone, nothing, "the second derivative of a straight line")
check.close(zeros, nothing, "the fifth derivative of x³")
check.close(last_order, sixes, "the third derivative of x³, the last before zero")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-5-hidden-3", "points": 1}
# Hidden test 2.5 · exact to nine digits · 1 point
### BEGIN HIDDEN TESTS
# Arrange
places = torch.tensor([-0.5, 0.0, 1.0], dtype=torch.float64)
grown = 32 * torch.exp(2 * places.clone())
# Act
fifth = nth_derivative(lambda z: torch.exp(2 * z), places, 5)
# Assert
check.close(
    fifth,
    grown,
    "the fifth derivative of exp(2x)",
    rtol=1e-9,
    atol=1e-9,
    hint="Differences of nearby values cannot reach this accuracy; autograd can",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-5-hidden-4", "points": 1}
# Hidden test 2.5 · a matrix, left alone, and no history · 1 point
### BEGIN HIDDEN TESTS
# Arrange
grid = torch.tensor([[0.0, 1.0, 2.0], [-1.0, 0.5, 3.0]])
grid_before = grid.clone()
slopes = torch.cos(grid_before)
# Act
cosines = nth_derivative(torch.sin, grid, 1)
grid_after = observe.copy(grid)
grid_asks = grid.requires_grad
cosines_ask = cosines.requires_grad
# Assert
check.close(cosines, slopes, "the cosine on a matrix")
check.unchanged(grid_after, grid_before, "x")
check.equal(
    grid_asks,
    False,
    "requires_grad of your input",
    hint="requires_grad_() changed the caller's x: make a leaf of your own",
)
check.equal(
    cosines_ask,
    False,
    "requires_grad of the result",
    hint="Detach the result, or it keeps all graphs alive",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-2-6-reference", "points": 0}
### BEGIN HIDDEN TESTS
def sigmoid_and_slopes(x):
    """σ, σ′ and σ″ in closed form."""
    s = torch.sigmoid(x)
    return s, s * (1 - s), s * (1 - s) * (1 - 2 * s)


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-6-hidden-1", "points": 1}
# Hidden test 2.6 · inside a larger formula, any layout · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_wide = torch.randn(4, 3, generator=seeded(26), dtype=torch.float64).T
c_wide = torch.randn(3, 4, generator=seeded(27), dtype=torch.float64)
s_wide, d_wide, _ = sigmoid_and_slopes(x_wide)
three_s, three_d, no_above, chain = 3 * s_wide, 3 * c_wide * d_wide, d_wide.clone(), c_wide * d_wide
# Act
scaled = observe.vjp(lambda t: 3 * MySigmoid.apply(t), x_wide, c_wide)
parts_26 = by_hand(MySigmoid, (x_wide.clone(),), c_wide.clone())
# Assert
check.close(scaled["value"], three_s, "3 σ(x)", rtol=1e-9, dtype=True)
check.close(
    scaled["grads"],
    three_d,
    "the gradient of 3 σ(x)",
    ideas={
        "backward forgets grad_output": no_above,
        "The factor 3 is lost on the way back": chain,
    },
    rtol=1e-9,
    dtype=True,
)
check.close(
    parts_26,
    [s_wide, chain],
    "your own forward and backward, called one after the other",
    hint="MySigmoid needs forward, setup_context and backward of its own",
    rtol=1e-9,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-6-hidden-2", "points": 2}
# Hidden test 2.6 · the second derivative · 2 points
### BEGIN HIDDEN TESTS
# Arrange
x_twice = torch.linspace(-2, 3, 6, dtype=torch.float64)
c_twice = torch.tensor([1.0, -2.0, 0.5, 3.0, 1.0, 2.0], dtype=torch.float64)
_, d_twice, dd_twice = sigmoid_and_slopes(x_twice)
first_order, second_order = c_twice * d_twice, c_twice * dd_twice
# Act
twice = observe.vjp2(MySigmoid.apply, x_twice, c_twice)
# Assert
check.close(twice["grads"], first_order, "the first derivative", rtol=1e-9)
check.close(
    twice["second"],
    second_order,
    "the second derivative",
    ideas={
        "None arrives: backward is cut off by no_grad, detach, .data or once_differentiable": None
    },
    rtol=1e-9,
    hint="Use only recorded tensor operations in backward, on tensors saved with save_for_backward",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-6-hidden-3", "points": 1}
# Hidden test 2.6 · x = ±100 · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_extreme = torch.tensor([-100.0, -30.0, 30.0, 100.0])
c_extreme = torch.tensor([1.0, 2.0, 3.0, 4.0])
s_extreme, d_extreme, _ = sigmoid_and_slopes(x_extreme)
d_extreme = c_extreme * d_extreme
# Act
extreme = observe.vjp(MySigmoid.apply, x_extreme, c_extreme)
# Assert
check.close(
    extreme["value"],
    s_extreme,
    "σ far out",
    hint="exp(100) is infinite in float32: write the formula with exp(-x) below the line",
)
check.close(
    extreme["grads"],
    d_extreme,
    "the slope far out",
    hint="An exponential in backward gives inf/inf: use the saved output",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-6-hidden-4", "points": 1}
# Hidden test 2.6 · x is overwritten after the forward pass · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_lost = torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64)
c_lost = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
_, d_lost, _ = sigmoid_and_slopes(x_lost)
d_lost = c_lost * d_lost
# Act
leaf_lost = x_lost.clone().requires_grad_()
middle = 1 * leaf_lost
out_lost = MySigmoid.apply(middle)
with torch.no_grad():
    middle.add_(5)
failed = observe.error(out_lost.backward, c_lost) is not None
grad_lost = observe.copy(leaf_lost.grad)
# Assert
check.equal(
    failed,
    False,
    "backward once x is overwritten",
    ideas={"It raises an error. You saved the input; the slope needs the output alone": True},
)
check.close(grad_lost, d_lost, "the gradient once x is overwritten", rtol=1e-9)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-6-hidden-5", "points": 1}
# Hidden test 2.6 · under torch.func.grad · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_func = torch.tensor([-0.5, 1.5], dtype=torch.float64)
_, d_func, _ = sigmoid_and_slopes(x_func)
# Act
derivative = torch.func.grad(lambda t: MySigmoid.apply(t).sum())
refused = observe.error(derivative, x_func) is not None
functional = None if refused else derivative(x_func)
# Assert
check.equal(
    refused,
    False,
    "MySigmoid under torch.func.grad",
    ideas={
        "It raises an error: forward takes x alone; what to save is decided in setup_context": True
    },
)
check.close(functional, d_func, "torch.func.grad of σ", rtol=1e-9)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-7-hidden-1", "points": 1}
# Hidden test 2.7 · exactly on the border · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_border = torch.tensor([-1.001, -1.0, 0.0, 2.0, 2.001])
c_border = torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0])
inclusive = torch.tensor([0.0, 4.0, 3.0, 2.0, 0.0])
strict = torch.tensor([0.0, 0.0, 3.0, 0.0, 0.0])
everywhere = c_border.clone()
# Act
border = observe.vjp(lambda t: Quantise.apply(t, -1.0, 2.0), x_border, c_border)
# Assert
check.close(
    border["grads"],
    inclusive,
    "the gradient at the borders",
    ideas={
        "low and high themselves belong to the range: use <= and >=": strict,
        "Outside the range the gradient must be 0": everywhere,
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-7-hidden-2", "points": 1}
# Hidden test 2.7 · another range, layout and dtype · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_table = 3 * torch.randn(4, 5, generator=seeded(28), dtype=torch.float64).T
c_table = torch.randn(5, 4, generator=seeded(29), dtype=torch.float64)
q_table = x_table.clamp(-0.3, 2.4).round()
other_order = x_table.round().clamp(-0.3, 2.4)
g_table = c_table * ((x_table >= -0.3) & (x_table <= 2.4))
# Act
quantised = observe.vjp(lambda t: Quantise.apply(t, -0.3, 2.4), x_table, c_table)
parts_27 = by_hand(Quantise, (x_table.clone(), -0.3, 2.4), c_table.clone())
# Assert
check.close(
    quantised["value"],
    q_table,
    "values in the range -0.3 to 2.4",
    ideas={"First clamp, then round: the other order can end between the steps": other_order},
    dtype=True,
)
check.close(
    quantised["grads"],
    g_table,
    "gradients in the range -0.3 to 2.4",
    dtype=True,
    hint="Use the low and high that are given",
)
check.close(
    parts_27,
    [q_table, g_table],
    "your own forward and backward, called one after the other",
    hint="Quantise needs a forward and a backward of its own",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-7-hidden-3", "points": 1}
# Hidden test 2.7 · x is not written to · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_clean = torch.tensor([-3.0, 0.4, 7.6])
x_clean_before = x_clean.clone()
q_clean = torch.tensor([0.0, 0.0, 5.0])
# Act
clean = Quantise.apply(x_clean, 0, 5)
x_clean_after = observe.copy(x_clean)
clean_asks = clean.requires_grad
# Assert
check.unchanged(x_clean_after, x_clean_before, "x")
check.close(clean, q_clean, "the values for an x that asks for no gradient")
check.equal(clean_asks, False, "requires_grad of the result where x has none")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-7-hidden-4", "points": 1}
# Hidden test 2.7 · in the middle of a formula · 1 point
### BEGIN HIDDEN TESTS
# Arrange
w_mid = torch.tensor([0.6, -0.9, 2.2], dtype=torch.float64)
c_mid = torch.tensor([1.0, -1.0, 2.0], dtype=torch.float64)
q_mid = (2 * w_mid).clamp(-1, 3).round()
g_mid = c_mid * 2 * q_mid * ((2 * w_mid >= -1) & (2 * w_mid <= 3)) * 2
unmasked = c_mid * 2 * q_mid * 2
# Act
inner = observe.vjp(lambda t: Quantise.apply(2 * t, -1, 3) ** 2, w_mid, c_mid)
# Assert
check.close(
    inner["grads"],
    g_mid,
    "the gradient of Q(2w)²",
    ideas={"Outside the range the gradient must be 0": unmasked},
    hint="backward multiplies what arrives with the mask, whatever stands before and after",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-7-hidden-5", "points": 1}
# Hidden test 2.7 · a quantised weight learns · 1 point
### BEGIN HIDDEN TESTS
# Arrange
wish = torch.tensor([2.0, -1.0, 3.0])
begin_at = torch.tensor([0.2, 0.35, -0.4])
asleep = begin_at.clone().round()
goal = wish.clone()
pulled_along = begin_at.clone()
for _turn in range(40):
    pulled_along = pulled_along - 0.1 * (2 * (pulled_along.round() - goal))
# Act
weight = begin_at.clone().requires_grad_()
for _ in range(40):
    ((Quantise.apply(weight, -4, 4) - wish) ** 2).sum().backward()
    with torch.no_grad():
        weight -= 0.1 * weight.grad
    weight.grad = None
learnt = observe.copy(Quantise.apply(weight, -4, 4))
weight_later = observe.copy(weight)
# Assert
check.close(
    learnt,
    goal,
    "the quantised weight after 40 steps",
    ideas={"The weight never moved: no gradient gets through": asleep},
)
check.close(
    weight_later,
    pulled_along,
    "the weight itself after 40 steps",
    hint="Inside the range, backward passes on what arrives, unchanged",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-2-8-reference", "points": 0}
### BEGIN HIDDEN TESTS
def dynamic_reference(x, weight, draws=(), drop=0.0):
    """The network with its uniform draws given: (h, steps)."""
    h, steps = x, 0
    while steps < 50 and h.norm() > 1:
        h = h @ weight
        if drop:
            h = h * (draws[steps] >= drop) / (1 - drop)
        steps += 1
    return h, steps


def dynamic_gradients(x, weight, cotangent):
    leaves = x.clone().requires_grad_(), weight.clone().requires_grad_()
    h, _ = dynamic_reference(*leaves)
    return list(torch.autograd.grad(h, leaves, cotangent, materialize_grads=True))


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-8-hidden-1", "points": 1}
# Hidden test 2.8 · graph_size where paths meet · 1 point
### BEGIN HIDDEN TESTS
# Arrange
seed_point = torch.tensor(1.5)
# Act
source_leaf = seed_point.clone().requires_grad_()
other_leaf = seed_point.clone().requires_grad_()
doubled = source_leaf
for _ in range(12):
    doubled = doubled + doubled
counts = [
    graph_size(doubled),
    graph_size(source_leaf * other_leaf + source_leaf),
    graph_size(source_leaf.detach() * 2),
]
# Assert
check.equal(
    counts,
    [13, 4, 0],
    "sizes of three graphs",
    ideas={
        "Notes that several paths reach are counted more than once: remember the ones you saw": [
            8191,
            5,
            0,
        ],
        "Notes of one kind are different notes: remember the notes, not their names": [2, 3, 0],
        "A second note of one kind is a different note: remember notes, not names": [1, 3, 0],
    },
    hint="Each note once, AccumulateGrad included, None never",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-8-hidden-2", "points": 1}
# Hidden test 2.8 · a graph 3000 notes deep · 1 point
### BEGIN HIDDEN TESTS
# Arrange
grain = torch.tensor(1.0)
# Act
tower = grain.clone().requires_grad_()
for _ in range(3000):
    tower = tower * 1.0
overflow = observe.error(graph_size, tower) is not None
height = None if overflow else graph_size(tower)
# Assert
check.equal(
    overflow,
    False,
    "a deep graph",
    ideas={
        "Your code raises an error. Recursion ends at about 1000 levels: keep a list of notes": True
    },
)
check.equal(height, 3001, "the size of a deep graph")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-8-hidden-3", "points": 1}
# Hidden test 2.8 · depth and gradients follow the data · 1 point
### BEGIN HIDDEN TESTS
# Arrange
turn = torch.tensor([[0.4, -0.3], [0.3, 0.4]], dtype=torch.float64)  # halves and rotates
inputs_28 = [
    torch.tensor(v, dtype=torch.float64)
    for v in ([0.3, 0.2], [0.0, 2.0], [5.0, 1.0], [-30.0, 40.0])
]
up = torch.tensor([1.0, -2.0], dtype=torch.float64)
turn_kept, up_kept = turn.clone(), up.clone()
results_28 = [dynamic_reference(v, turn_kept)[0].clone() for v in inputs_28]
gradients_28 = [dynamic_gradients(v, turn_kept, up_kept) for v in inputs_28[1:]]
one_step = [inputs_28[0].clone(), *(v @ turn_kept for v in inputs_28[1:])]
# Act
passes_28 = [observe.vjp(dynamic_net, (inputs_28[k], turn), up) for k in range(4)]
outputs_28 = [passes_28[k]["value"] for k in range(4)]
slopes_28 = [passes_28[k]["grads"] for k in (1, 2, 3)]
# Assert
check.close(
    outputs_28,
    results_28,
    "outputs for four norms",
    ideas={"One step at most: ask again after each step": one_step},
    hint="A norm of exactly 1 is small enough; below it x comes back as it is",
    rtol=1e-9,
)
check.close(
    slopes_28,
    gradients_28,
    "gradients of x and weight",
    rtol=1e-9,
    hint="h must keep its history through all steps",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-8-hidden-4", "points": 1}
# Hidden test 2.8 · at most 50 steps · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_endless = torch.tensor([3.0, 4.0], dtype=torch.float64)
swell = 1.1 * torch.eye(2, dtype=torch.float64)
fifty = x_endless * 1.1**50
fiftyone, fortynine = fifty * 1.1, fifty / 1.1
# Act
endless = dynamic_net(x_endless, swell)
# Assert
check.close(
    endless,
    fifty,
    "a weight that does not shrink",
    ideas={
        "51 steps: ask for the limit before the step": fiftyone,
        "49 steps are one too few": fortynine,
    },
    hint="Stop after 50 steps",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-2-8-hidden-5", "points": 1}
# Hidden test 2.8 · dropout with a generator of its own · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_drop = torch.linspace(4, 9, 8)
shrink = 0.6 * torch.eye(8)
source = seeded(281)
draws_28 = [torch.rand(8, generator=source) for _ in range(50)]
kept_28, _ = dynamic_reference(x_drop.clone(), shrink.clone(), draws_28, 0.25)
same_mask, _ = dynamic_reference(x_drop.clone(), shrink.clone(), draws_28[:1] * 50, 0.25)
flipped, _ = dynamic_reference(x_drop.clone(), shrink.clone(), [1 - d for d in draws_28], 0.25)
untouched = torch.rand(3, generator=seeded(7))
# Act
torch.manual_seed(7)
dropped = dynamic_net(x_drop, shrink, 0.25, seeded(281))
again_28 = dynamic_net(x_drop, shrink, 0.25, seeded(281))
world = torch.rand(3)
# Assert
check.close(
    dropped,
    kept_28,
    "the output with drop = 0.25",
    ideas={"One mask serves all steps: draw a fresh one each time": same_mask},
    hint="Each step: @ weight, then a fresh mask from the generator, then / (1 - drop)",
)
check.close(
    again_28, kept_28, "the same seed once more", hint="Draw from the generator that is given"
)
check.equal(
    world,
    untouched,
    "the global generator afterwards",
    hint="Draw with generator=generator, so that the global one is not moved",
)
### END HIDDEN TESTS
