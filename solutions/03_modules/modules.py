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
# # 3 · Modules
#
# A network is a function with many numbers inside. `nn.Module` keeps the function and its numbers together, and most of what you do with a model, from counting to freezing, is a question put to its modules. After this chapter you can
#
# - build a network from ready parts or as a class of your own, and say what it holds;
# - count, initialise, copy, save and load its weights, and name the trap in each;
# - look inside while it runs;
# - freeze a part so that it really stands still.
#
# Reading: 60 minutes · exercises: 121 minutes · 46 points

# %% tags=["setup"]
import io
import pickle  # for a hidden test of exercise 3.5
import tempfile
import warnings
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

import gradus
from gradus import check, observe, plots, seeded

torch.set_printoptions(precision=3, sci_mode=False)


class Surprise:
    """An object whose file, when opened carelessly, runs a function of the writer's choice."""

    def __reduce__(self):
        return print, ("This line was printed by the file.",)


def finetune_net():
    """Two inner layers, a norm and a head: the hidden tests of exercise 3.7 freeze parts of it."""
    layers = [("fc1", nn.Linear(3, 4)), ("norm", nn.BatchNorm1d(4)), ("relu", nn.ReLU())]
    layers += [("fc10", nn.Linear(4, 4)), ("tanh", nn.Tanh()), ("head", nn.Linear(4, 1))]
    return nn.Sequential(OrderedDict(layers))


# %% [markdown]
# ## Numbers that belong to a function
#
# In chapter 2 you moved bare tensors downhill, and in principle nothing more is needed. Below, a network of two layers stands twice: with four loose tensors, and from ready parts.
#
# `nn.Linear(3, 4)` computes **y = xWᵀ + b**. Its weight has the shape (outputs, inputs), here (4, 3): each row holds the weights of one output. It works on the last dimension and leaves all others alone.

# %%
torch.manual_seed(0)
W1, b1, W2, b2 = torch.randn(4, 3), torch.randn(4), torch.randn(1, 4), torch.randn(1)
model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
with torch.no_grad():
    for parameter, value in zip(model.parameters(), (W1, b1, W2, b2), strict=True):
        parameter.copy_(value)
batch, video = torch.randn(5, 3), torch.randn(2, 7, 5, 3)
loose = F.relu(batch @ W1.T + b1) @ W2.T + b2
print("equal:", torch.allclose(loose, model(batch)))
print("weight:", tuple(model[0].weight.shape), "  (2, 7, 5, 3) becomes", tuple(model(video).shape))
print(observe.complaint(model, torch.randn(3, 5)))

# %% [markdown]
# Why modules, then? With four tensors you can do the housekeeping by hand. With four hundred, each of these is a chore that you will forget for one of them: list all for the optimiser, move all to the GPU, write all to a file, switch all dropout off. A module knows what it holds, and does each with one call.
#
# ## A module of your own
#
# Derive from `nn.Module`. In `__init__`, call `super().__init__()` and make the parts; in `forward`, say how data flows through them. Assigning is enough: `nn.Module` watches `self.name = …` and registers each `nn.Module` and each `nn.Parameter` under that name. This layer has a part, and a parameter of its own. Note that `print` lists submodules only: `scale` does not appear.


# %%
class Scaled(nn.Module):
    """A linear layer whose outputs have a size that is learnt."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.scale = nn.Parameter(torch.ones(outputs))

    def forward(self, x):
        return self.scale * self.linear(x)


layer = Scaled(3, 2)
print(layer)
print("output:", tuple(layer(torch.ones(5, 3)).shape))

# %% [markdown]
# ### Predict 3.1 · In which order?
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# `__init__` made `linear` first and `scale` after it. In which order does `layer.named_parameters()` give the names?
#
# - a: linear.weight, linear.bias, scale
# - b: scale, linear.weight, linear.bias
# - c: linear.bias, linear.weight, scale

# %% nbgrader={"grade_id": "predict-3-1"}
# Write your choice: predict_3_1 = "a", "b" or "c"
### BEGIN SOLUTION
predict_3_1 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-3-1-check", "points": 0}
# Arrange
# Act
choice = predict_3_1
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")


# %%
class NoSuper(nn.Module):
    def __init__(self, part):
        self.size = 3
        if part is not None:
            self.part = part


print("names:", [name for name, _ in layer.named_parameters()], end="\n\n")
print("a layer, no super():    ", observe.complaint(NoSuper, nn.Linear(1, 1)))
print("a parameter, no super():", observe.complaint(NoSuper, nn.Parameter(torch.ones(1))))
print("neither, then called:   ", observe.complaint(lambda: NoSuper(None)(torch.ones(1))))

# %% [markdown]
# A module first names its own parameters, then asks its submodules. The order is not that of `__init__`, nor of the computation. Go by name, never by position.
#
# And without `super().__init__()`? You may read that parameters are then "not tracked". In truth it fails at the first part, with a clear message. Only a module without parts gets through, and stumbles when it is called.
#
# ## Call it, do not forward it
#
# You write `forward`, but you use `model(x)`. The call runs `forward` and, around it, whatever was hung on the module: a **hook**, a function that sees inputs and output. `model.forward(x)` runs the same code and skips the hooks without a word; where a hook changes the output, even the numbers differ.

# %%
seen = []
handle = layer.register_forward_hook(lambda module, inputs, output: seen.append(output.norm()))
x = torch.ones(5, 3)
layer(x)
print("after layer(x):        ", len(seen), "seen")
layer.forward(x)
print("after layer.forward(x):", len(seen), "seen")
handle.remove()
layer(x)
print("after handle.remove(): ", len(seen), "seen")

# %% [markdown]
# ### Exercise 3.1 · A network of two layers
# ★★☆☆☆ · 8 min · implementation · 4 points
#
# Write `TwoLayerNet(inputs, hidden, outputs)`: a linear layer `first`, a ReLU, a linear layer `second`. Nothing after `second`: outputs may be negative. Any leading dimensions are allowed: (…, inputs) becomes (…, outputs).
#
# With first.weight [[1, −1], [2, 0.5]], first.bias [0, −1], second.weight [[1, −2]] and second.bias [0.5], the input [1, 2] becomes [−1, 2], then [0, 2], then −3.5.
#
# The names count: the tests load weights by them.
#
# <details><summary>Hint 1</summary>
#
# Parts are made once, in `__init__`, after `super().__init__()`. `forward` only uses them.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The whole of `forward` is one line: `self.second` of `F.relu` of `self.first`, each called with what came before.
#
# </details>


# %% nbgrader={"grade_id": "ex-3-1"}
class TwoLayerNet(nn.Module):
    """Linear `first`, ReLU, linear `second`: (..., inputs) -> (..., outputs)."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        ### BEGIN SOLUTION
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, outputs)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (..., inputs). Returns (..., outputs)."""
        ### BEGIN SOLUTION
        return self.second(F.relu(self.first(x)))
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-3-1-check", "points": 1}
# Arrange
layers_31 = {"first.weight": (4, 3), "first.bias": (4,)}
shapes_true = {**layers_31, "second.weight": (2, 4), "second.bias": (2,)}
turned = {"first.weight": (3, 4), "first.bias": (3,), "second.weight": (4, 2), "second.bias": (4,)}
# Act
shapes_31 = observe.shapes(observe.state(TwoLayerNet(3, 4, 2)))
# Assert
check.equal(
    shapes_31,
    shapes_true,
    "names and shapes of the weights of TwoLayerNet(3, 4, 2)",
    ideas={
        "The module holds nothing. Parts made in forward or kept in a plain list are not registered": {},
        "nn.Linear takes the number of inputs first, then of outputs": turned,
    },
    hint="Two linear layers are asked for: self.first and self.second",
)

# %% nbgrader={"grade_id": "ex-3-1-check-2", "points": 1}
# Arrange
two_rows = torch.tensor([[1.0, 2.0], [2.0, -1.0]])
weights_31 = {
    "first.weight": torch.tensor([[1.0, -1.0], [2.0, 0.5]]),
    "first.bias": torch.tensor([0.0, -1.0]),
    "second.weight": torch.tensor([[1.0, -2.0]]),
    "second.bias": torch.tensor([0.5]),
}
names_true_31 = observe.shapes(weights_31)
# Act
net_31 = TwoLayerNet(2, 2, 1)
names_31 = observe.fill(net_31, weights_31)
out_31 = net_31(two_rows)
# Assert
check.equal(
    names_31,
    names_true_31,
    "names and shapes of the weights of TwoLayerNet(2, 2, 1)",
    hint="The tests load weights by name: first and second",
)
check.close(
    out_31,
    torch.tensor([[-3.5], [-1.5]]),
    "the output with these weights",
    ideas={
        "No ReLU between the layers": torch.tensor([[-4.5], [-1.5]]),
        "Negative outputs are cut off: no activation after second": torch.zeros(2, 1),
        "The ReLU stands before first instead of after it": torch.tensor([[-4.5], [-3.5]]),
    },
    hint="first, then ReLU, then second",
)

# %% [markdown]
# Loading your weights by name worked because `self.first = …` registered them under that name. Every pretrained model that you will download relies on this.
#
# ## What a module keeps
#
# A module has three drawers. **Parameters** learn. **Buffers** (`register_buffer`) belong to the model but do not learn, such as a running mean. **Submodules** have drawers of their own. A buffer with `persistent=False` stays out of files: it can be computed anew. A plain tensor attribute is in no drawer.
#
# What a drawer is good for shows when the model moves. To try it without a GPU, move to `"meta"`, a device that every machine has: tensors there have a shape but no numbers.


# %%
class Kept(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("mask", torch.ones(2), persistent=False)
        self.plain = torch.ones(2)


kept = Kept()
learns, saved = dict(kept.named_parameters()), kept.to("meta").state_dict()
for name in ("weight", "mean", "mask", "plain"):
    place = getattr(kept, name).device
    print(f"{name:7} learns {name in learns!s:6} saved {name in saved!s:6} now on {place}")
print(observe.complaint(lambda: kept.mean + kept.plain))

# %% [markdown]
# The plain tensor stayed behind, and the next sum fails. On a laptop without a GPU you would never notice; it breaks on somebody else's machine. Constants that `forward` needs are buffers.
#
# The pattern for every device: choose it once (`device = gradus.device()`), move the model (`model.to(device)`), make or move data there. A module moves in place; `tensor.to` returns a new tensor that you must keep.

# %% [markdown]
# ### Predict 3.2 · Layers in a list
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# ```python
# class Tower(nn.Module):
#     def __init__(self):
#         super().__init__()
#         self.layers = [nn.Linear(4, 4) for _ in range(3)]
#         self.head = nn.Linear(4, 1)
# ```
#
# `nn.Linear(4, 4)` has 20 parameters, the head 5. How many does `Tower().parameters()` give to an optimiser? Write the number.

# %% nbgrader={"grade_id": "predict-3-2"}
# Write your number: predict_3_2 = …
### BEGIN SOLUTION
predict_3_2 = 5
### END SOLUTION

# %% nbgrader={"grade_id": "predict-3-2-check", "points": 0}
# Arrange
# Act
count_said = predict_3_2
# Assert
check.number(count_said, 0, 1000, "your number")


# %%
class Tower(nn.Module):
    def __init__(self, container):
        super().__init__()
        self.layers = container([nn.Linear(4, 4) for _ in range(3)])
        self.head = nn.Linear(4, 1)


for container in (list, nn.ModuleList):
    tower = Tower(container).eval()
    size = sum(p.numel() for p in tower.parameters())
    mode = "train" if tower.layers[0].training else "eval"
    print(
        f"{container.__name__:10} {size:2} parameters; after eval() its layers are in {mode} mode"
    )

# %% [markdown]
# The list is a plain attribute. `forward` could use its layers, yet they never learn, move or reach a file, and nothing complains. Nor do they change **mode**: `train()` and `eval()` set one flag, `training`, on a module and all that is registered below it. They compute nothing, but some layers look at the flag: batch norm, of which more below, and dropout, which in train mode sets random values to 0. A dropout in a plain list stays on for ever.
#
# `nn.ModuleList` is a list that registers, for layers built in a loop; `nn.ModuleDict` does so by name, for layers chosen in `forward`. Assign one parameter in two places, and the places are **tied**: language models use the table of word vectors again as the weight of the last layer.

# %%
tied = nn.ModuleDict({"words": nn.Embedding(10, 4), "output": nn.Linear(4, 10, bias=False)})
tied["output"].weight = tied["words"].weight
device = gradus.device()
tied.to(device)
words = tied["words"](torch.tensor([3, 1, 4], device=device))
print("scores:     ", tuple(tied["output"](words).shape))
print("parameters: ", [name for name, _ in tied.named_parameters()])
print("state dict: ", list(tied.state_dict()))
print("still one tensor after the move:", tied["output"].weight is tied["words"].weight)
W, ids, slopes = nn.Parameter(torch.randn(10, 4)), torch.tensor([3, 1, 4]), []
for first, last in ((W, W), (W, W.detach()), (W.detach(), W)):
    loss = (F.embedding(ids, first) @ last.T).square().sum()
    slopes += torch.autograd.grad(loss, W)
print("gradient is the sum of both:    ", torch.allclose(slopes[0], slopes[1] + slopes[2]))

# %% [markdown]
# Tied weights are stored once, count once, and receive one gradient: the sum from both places. Only the state dict lists both names.
#
# ## Counting
#
# The tree of modules answers how large a model is, and where. `named_modules()` walks over all modules, `named_parameters()` over all parameters, and `parameters(recurse=False)` gives only what a module owns itself. Here is the tree of 100 → 500 → 200 → 50 → 10:

# %% alt="Horizontal bars of parameters for the four linear layers of a network: layer 0 has 50,500, layer 2 has 100,200, layer 4 has 10,050 and layer 6 has 510."
sizes = [100, 500, 200, 50, 10]
layers = [nn.Linear(n, m) for n, m in zip(sizes, sizes[1:], strict=False)]
mlp = nn.Sequential(*[part for layer in layers for part in (layer, nn.ReLU())][:-1])
bars = {}
for name, module in mlp.named_modules():
    own = sum(p.numel() for p in module.parameters(recurse=False))
    if own:
        bars[f"{name}: {module.in_features} → {module.out_features}"] = own
fig, axes = plots.figure(6, 2.2)
axes.bar_label(axes.barh(list(bars), list(bars.values())), fmt="{:,.0f}", padding=3)
axes.invert_yaxis()
axes.set(xlabel="parameters", xlim=(0, 125_000))
plots.close(fig)

# %% [markdown]
# A linear layer has inputs × outputs weights and one bias an output: 100 · 500 + 500 = 50,500. The second layer, 500 → 200, holds more than the three others together.

# %% [markdown]
# ### Exercise 3.2 · How large is it?
# ★★☆☆☆ · 10 min · conceptual · 5 points
#
# `count(model, trainable_only=False)`: the number of parameters; if `trainable_only`, of those that ask for a gradient.
#
# `per_layer(model)`: a dict from the name of a module, as in `named_modules()`, to the number of parameters that it owns *itself*, not through its submodules. The model itself has the name `""`.
#
# Buffers are no parameters. A shared tensor counts once, at the first module that owns it. Modules that own none, or only what was counted before, are left out.
#
# For `nn.Sequential(nn.Linear(3, 2), nn.ReLU())`: 8 and `{"0": 8}`.
#
# <details><summary>Hint 1</summary>
#
# `model.parameters()` already gives each tensor once. Between modules you must remember which tensors you have seen.
#
# </details>
# <details><summary>Hint 2</summary>
#
# For each `name, module` of `named_modules()`, add `numel()` over `module.parameters(recurse=False)` for those whose `id` is not yet in a set.
#
# </details>


# %% nbgrader={"grade_id": "ex-3-2"}
def count(model: nn.Module, trainable_only: bool = False) -> int:
    """Number of parameters, each tensor once; trainable_only: those with requires_grad."""
    ### BEGIN SOLUTION
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable_only)
    ### END SOLUTION


def per_layer(model: nn.Module) -> dict[str, int]:
    """Name of each module that owns parameters itself -> their number, frozen ones included.

    A shared tensor counts at the first module that owns it. Modules that own none, or only what
    was counted before, are left out.
    """
    ### BEGIN SOLUTION
    seen, sizes = set(), {}
    for name, module in model.named_modules():
        own = [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen.update(id(p) for p in own)
        if own:
            sizes[name] = sum(p.numel() for p in own)
    return sizes
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-3-2-check", "points": 1}
# Arrange
widths = [100, 500, 200, 50, 10]
layers_true = {"0": 50_500, "2": 100_200, "4": 10_050, "6": 510}
# Act
stack_32 = nn.Sequential(
    *[nn.Linear(widths[0], widths[1]), nn.ReLU(), nn.Linear(widths[1], widths[2]), nn.ReLU()],
    *[nn.Linear(widths[2], widths[3]), nn.ReLU(), nn.Linear(widths[3], widths[4])],
)
total_32, layers_32 = count(stack_32), per_layer(stack_32)
# Assert
check.equal(
    total_32,
    161_260,
    "the size of 100 → 500 → 200 → 50 → 10",
    ideas={
        "The biases are missing": 160_500,
        "Without trainable_only all parameters count, not only the frozen ones": 0,
        "You counted tensors, not the numbers in them: use numel()": 8,
    },
    hint="Add p.numel() over all parameters",
)
check.equal(
    layers_32,
    layers_true,
    "the size of each layer",
    ideas={
        "The model itself owns nothing: use recurse=False": {"": 161_260, **layers_true},
        "ReLU owns no parameters: leave such modules out": {**layers_true, "1": 0, "3": 0, "5": 0},
    },
    hint="Names as in named_modules, modules without own parameters left out",
)

# %% [markdown]
# The bar chart above is `per_layer` drawn. When a model does not fit into memory, it is the first thing to look at.
#
# ## Ready-made chain, or your own forward
#
# `nn.Sequential` is right when data goes through one part after the other. With an `OrderedDict` its parts have names. It can be indexed and sliced, and a slice *shares* the layers.
#
# Everything else wants a class: two inputs, two outputs, a part used twice, a decision. `forward` is ordinary Python, and the graph is recorded while it runs (*define by run*). So you may loop, branch on values, set a breakpoint, or print a value half-way, as `Careful` does.

# %%
layers = OrderedDict(first=nn.Linear(4, 8), act=nn.ReLU(), last=nn.Linear(8, 2))
named = nn.Sequential(layers)
body = named[:2]
print("names: ", list(named.state_dict()))
print("by name and by number:", named.last is named[2])
print("shared by the slice:  ", body[0] is named.first, "\n", body)


# %%
class Careful(nn.Module):
    def __init__(self):
        super().__init__()
        self.step = nn.Linear(2, 2, bias=False)

    def forward(self, x):
        while x.norm() > 1:
            x = self.step(x)
            print(f"half-way: norm {x.norm():.2f}")
        return x


careful = Careful()
nn.init.constant_(careful.step.weight, 0.3)
short = careful(torch.tensor([6.0, 8.0]))

# %% [markdown]
# ## Twins
#
# You may read that two models made after the same seed start with the same weights. True, if they make their layers in the same order. Each layer takes its random numbers from the stream when it is made.
#
# To make twins, copy by name: `load_state_dict` writes the *values* into the parameters that are there. It insists on equal names and shapes. But look at what a refusal leaves behind.


# %%
def pair_of_layers(*order):
    torch.manual_seed(0)
    made = {name: nn.Linear(2, 2) for name in order}
    return nn.ModuleDict({name: made[name] for name in ("first", "second")})


one, other = pair_of_layers("first", "second"), pair_of_layers("second", "first")
print("first of both equal:          ", torch.equal(one["first"].weight, other["first"].weight))
print("first of one, second of other:", torch.equal(one["first"].weight, other["second"].weight))
print("loading all:", other.load_state_dict(one.state_dict()), end=" ")
print(torch.equal(one["first"].weight, other["first"].weight))

# %%
incomplete = {name: torch.zeros_like(t) for name, t in one.state_dict().items()}
del incomplete["second.bias"]
print(observe.complaint(other.load_state_dict, incomplete, find="Missing"))
print("first.weight is all zero now:", bool((other["first"].weight == 0).all()))
report = one.load_state_dict(incomplete, strict=False)
print("strict=False only reports:", report.missing_keys, report.unexpected_keys)

# %% [markdown]
# The seed gave the same numbers, to swapped layers. And the error came *after* the matching entries were written, as it does for a wrong shape: a model half old, half new. Whoever catches that error and goes on works with a chimera. Check first, then write.
#
# The exercise has a **batch norm**. In train mode it brings each feature to mean 0 and variance 1 over the *batch*, then scales and shifts it by two learnt numbers. Beside that it keeps running averages of mean and variance, the buffers `running_mean` and `running_var`, and in eval mode it uses those. Chapter 9 builds one.

# %% [markdown]
# ### Exercise 3.3 · The same network, another class
# ★★★☆☆ · 18 min · implementation · 6 points
#
# `Custom(inputs, hidden, outputs)`: linear `first`, `nn.BatchNorm1d` `norm`, ReLU, linear `second`. `net(x)` gives the output, `net(x, look=True)` the pair (output, what entered `second`).
#
# `copy_weights(source, target, names)`: `names` maps layers of `source` to layers of `target`, for instance `{"0": "first", "body.1": "norm"}`: the modules that own the weights, not containers. Copy parameters and buffers of these layers; ignore all others of `source`.
#
# What arrives must be just what `target.state_dict()` holds. If an entry is missing, is one too many, or has another shape, raise `ValueError` and change nothing.
#
# Afterwards the two share no memory, and `target` still has its own parameter objects: an optimiser made before still moves them.
#
# <details><summary>Hint 1</summary>
#
# Build the new state dict first. `key.rpartition(".")` splits "0.weight" into layer and entry; cutting by prefix would let "1" hit "10".
#
# </details>
# <details><summary>Hint 2</summary>
#
# `{key: value.shape for key, value in state.items()}` describes a state dict. Compare the descriptions of yours and target's; then `target.load_state_dict(state)`.
#
# </details>


# %% nbgrader={"grade_id": "ex-3-3"}
class Custom(nn.Module):
    """Linear `first`, batch norm `norm`, ReLU, linear `second`: (N, inputs) -> (N, outputs)."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        ### BEGIN SOLUTION
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)
        ### END SOLUTION

    def forward(self, x: torch.Tensor, look: bool = False):
        """x: (N, inputs). Returns the output, or (output, what entered second) with look."""
        ### BEGIN SOLUTION
        h = F.relu(self.norm(self.first(x)))
        output = self.second(h)
        return (output, h) if look else output
        ### END SOLUTION


def copy_weights(source: nn.Module, target: nn.Module, names: dict[str, str]) -> None:
    """Copy parameters and buffers of the layers `names` (source layer -> target layer).
    ValueError, and nothing changed, unless these are target's entries, in names and shapes."""
    ### BEGIN SOLUTION
    state = {}
    for key, value in source.state_dict().items():
        layer, _, entry = key.rpartition(".")
        if layer in names:
            state[f"{names[layer]}.{entry}"] = value
    given = {key: value.shape for key, value in state.items()}
    if given != {key: value.shape for key, value in target.state_dict().items()}:
        raise ValueError("names or shapes are not those of target's entries")
    target.load_state_dict(state)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-3-3-check", "points": 1}
# Arrange
x_33 = torch.tensor([[1.0, 2.0], [0.0, 1.0]])
weights_33 = {
    "first.weight": torch.tensor([[1.0, 1.0], [1.0, -1.0]]),
    "first.bias": torch.zeros(2),
    "norm.weight": torch.tensor([2.0, 1.0]),
    "norm.bias": torch.tensor([0.0, 1.0]),
    "norm.running_mean": torch.tensor([1.0, 0.0]),
    "norm.running_var": torch.tensor([4.0, 0.25]),
    "norm.num_batches_tracked": torch.tensor(0),
    "second.weight": torch.tensor([[1.0, 3.0]]),
    "second.bias": torch.tensor([0.5]),
}
out_33, h_33 = torch.tensor([[2.5], [0.5]]), torch.tensor([[2.0, 0.0], [0.0, 0.0]])
names_true_33 = observe.shapes(weights_33)
# Act
net_33 = Custom(2, 2, 1)
fitting_33 = observe.fill(net_33, weights_33)
net_33.eval()
plain_33, looked_33 = net_33(x_33), net_33(x_33, look=True)
# Assert
check.equal(
    fitting_33,
    names_true_33,
    "names and shapes of the entries of Custom(2, 2, 1)",
    hint="The tests load weights by name: first, norm, second",
)
check.close(
    plain_33,
    out_33,
    "the output of Custom in eval mode",
    ideas={
        "norm is not used": torch.tensor([[3.5], [1.5]]),
        "The ReLU stands before norm instead of after it": torch.tensor([[5.5], [3.5]]),
        "The ReLU is missing": torch.tensor([[-0.5], [-2.5]]),
    },
    hint="first, norm, ReLU, second; without look only the output",
    atol=1e-4,
)
check.close(
    looked_33,
    [out_33, h_33],
    "the pair with look=True",
    ideas={
        "The second of the pair is what entered the ReLU, not what entered second": [
            out_33,
            torch.tensor([[2.0, -1.0], [0.0, -1.0]]),
        ],
        "Output first, then what entered second": [h_33, out_33],
    },
    hint="Return (output, what entered second)",
    atol=1e-4,
)

# %% nbgrader={"grade_id": "ex-3-3-check-2", "points": 1}
# Arrange
from_weights = {
    "0.weight": torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
    "0.bias": torch.tensor([5.0, 6.0]),
    "2.weight": torch.tensor([[7.0, 8.0]]),
    "2.bias": torch.tensor([9.0]),
}
copied_true = {
    "first.weight": torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
    "first.bias": torch.tensor([5.0, 6.0]),
    "last.weight": torch.tensor([[7.0, 8.0]]),
    "last.bias": torch.tensor([9.0]),
}
empty = {key: torch.zeros_like(value) for key, value in copied_true.items()}
start = {key: value.clone() for key, value in empty.items()}
# Act
chain = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
chain.load_state_dict(from_weights)
fork = nn.ModuleDict({"last": nn.Linear(2, 1), "first": nn.Linear(2, 2)})
fork.load_state_dict(start)
copy_weights(chain, fork, {"0": "first", "2": "last"})
copied = observe.state(fork)
# Assert
check.close(
    copied,
    copied_true,
    "the weights of target",
    ideas={"Nothing arrived. state_dict() hands out a new dict: write with load_state_dict": empty},
    hint="names maps layers of source to layers of target",
)

# %% [markdown]
# You have written what every conversion script does: rename keys, check names and shapes, load.
#
# ## Looking inside with hooks
#
# To see all activations of a network that you did not write, hang a forward hook on each part. Keep the handles and remove them in `finally`: a hook that stays slows the model down and keeps its tensors alive. A hook that *returns* something replaces the output.
#
# Backward there are two kinds of hook. Many texts still show `register_backward_hook`. It is legacy: it gives a warning that is easily overlooked, and reports something else than it seems to. In the second cell a `Linear(50, 1)` sees 5 samples: what gradients does each kind report for the input?


# %%
def activations(net, x):
    """Name of each part of a Sequential -> its output in one forward pass."""
    found, handles = {}, []
    for name, part in net.named_children():

        def keep(module, inputs, output, name=name):  # name=name: each hook keeps its own
            found[name] = output.detach()

        handles.append(part.register_forward_hook(keep))
    try:
        net(x)
    finally:
        for handle in handles:
            handle.remove()
    return found


print({name: tuple(out.shape) for name, out in activations(named, torch.ones(5, 4)).items()})
handle = named.act.register_forward_hook(lambda module, inputs, output: output * 0)
print("units switched off, only the bias left:", torch.equal(named(torch.ones(4)), named.last.bias))
handle.remove()


# %%
def input_gradients(kind):
    linear, shapes = nn.Linear(50, 1), []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        getattr(linear, kind)(lambda m, g_in, g_out: shapes.extend(tuple(g.shape) for g in g_in))
        linear(torch.randn(5, 50, requires_grad=True)).sum().backward()
    return shapes, [warning.category.__name__ for warning in caught]


for kind in ("register_backward_hook", "register_full_backward_hook"):
    print(f"{kind:28}", *input_gradients(kind))

# %% [markdown]
# The old hook hung on the last *operation* inside the layer: its list holds the gradients of bias, input and transposed weight. The full hook hangs on the module and reports what you asked for: one gradient, shaped like the input.
#
# ## Where the weights begin
#
# Before learning there is a draw. Over many layers the signal may shrink to nothing, or grow without end. What does PyTorch do by default? Often you read "Kaiming, so fine for ReLU". It is uniform between ±1/√fan_in, where **fan_in** is the number of inputs of a unit. Its standard deviation is 1/√(3·fan_in), smaller by a factor √6 ≈ 2.45 than what He and others derived for ReLU, √(2/fan_in). (The function behind it is called `kaiming_uniform_`, but gets `a=√5`, which makes it something else.)

# %% [markdown]
# ### Predict 3.3 · Twenty layers later
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# 512 samples of random normal numbers go through 20 layers of `nn.Linear(256, 256)` with default weights, each followed by ReLU. At the start, a unit's standard deviation over the samples is 1. What is it after layer 20?
#
# - a: about 1; the default is made for this
# - b: about 0.1
# - c: less than 0.000001: all samples give the same output

# %% nbgrader={"grade_id": "predict-3-3"}
# Write your choice: predict_3_3 = "a", "b" or "c"
### BEGIN SOLUTION
predict_3_3 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-3-3-check", "points": 0}
# Arrange
# Act
choice = predict_3_3
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")


# %%
def signals(start=lambda weight: None, bias=1):
    """What 512 samples are after each of 20 layers with ReLU; bias: times the default."""
    torch.manual_seed(0)
    net = nn.Sequential(*[part for _ in range(20) for part in (nn.Linear(256, 256), nn.ReLU())])
    for part in net[::2]:
        start(part.weight)
        part.bias.detach().mul_(bias)
    found = activations(net, torch.randn(512, 256))
    return [found[str(k)] for k in range(1, 40, 2)]


for bias in (1, 0):
    last = signals(bias=bias)[-1]
    share = last.std(dim=0).mean() / last.square().mean().sqrt()
    print(f"default weights, biases times {bias}: spread {share:.1g} of the size")

# %% alt="Spread over the samples against depth, on a logarithmic axis, for four initialisations of 20 ReLU layers. Default: a straight fall to about 7e-9. Xavier: a slower fall to about 2e-4. He: stays between 0.8 and 0.2. Too large: rises to about 80."
starts = {"default": lambda weight: None, "Xavier": nn.init.xavier_normal_}
starts["He"] = lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu")
starts["too large (std 0.12)"] = lambda weight: nn.init.normal_(weight, std=0.12)
lines = {n: [out.std(dim=0).mean().item() for out in signals(f)] for n, f in starts.items()}
print("after layer 20:", {name: f"{line[-1]:.0e}" for name, line in lines.items()})
plots.curves(lines, title="20 ReLU layers", xlabel="layer", ylabel="spread over samples", log=True)

# %% [markdown]
# With default weights the signal shrinks to nothing. What is left at the end comes from the biases, the same for all samples: the network has forgotten its input. (With zero biases the little that is left still differs between samples.) Xavier loses a third a layer, "too large" explodes. Only He neither shrinks nor explodes; its slow fall is the ReLU's, which lets directions drift together. Normalisation, chapter 9, repairs much.
#
# Choose by the activation that **follows** the layer. *Forward view*: the size stays if Var(w) = gain²/fan_in, with gain √2 before a ReLU, since half of the signal is cut, and 1 where nothing follows. *Backward view*: the same for gradients, with **fan_out**, the number of units that read an input. Xavier takes the mean of both fans, for tanh. Below: a hidden layer as wide as its input, and a head of 10 units.

# %%
torch.manual_seed(0)
h = torch.randn(4000, 512)  # mean square: 1
he, xavier = nn.init.kaiming_normal_, nn.init.xavier_normal_
starts = {"default": lambda w: w, "He": lambda w: he(w, nonlinearity="relu"), "Xavier": xavier}
starts["gain 1"] = lambda w: he(w, nonlinearity="linear")
for name, start in starts.items():
    hidden, head = nn.Linear(512, 512, bias=False), nn.Linear(512, 10, bias=False)
    std = start(hidden.weight).std()
    start(head.weight)
    cut, out = F.relu(hidden(h)).square().mean(), head(h).square().mean()
    print(f"{name:8} std {std:.4f}   mean square after a ReLU: {cut:.2f}, of the head: {out:.2f}")
print(f"sqrt(1/(3·512)) = {(1 / 3 / 512) ** 0.5:.4f},  sqrt(2/512) = {(2 / 512) ** 0.5:.4f}")

# %%
for start in (0.5, 0.0):
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    for parameter in net.parameters():
        nn.init.constant_(parameter, start)
    net(torch.tensor([[1.0, 2.0], [3.0, -1.0]])).add(1).square().sum().backward()
    print(f"all {start}: gradients of three units", net[0].weight.grad.tolist())
chains = {"orthogonal": torch.eye(64), "normal": torch.eye(64)}
for _ in range(20):
    chains["orthogonal"] = nn.init.orthogonal_(torch.empty(64, 64)) @ chains["orthogonal"]
    chains["normal"] = torch.randn(64, 64) / 8 @ chains["normal"]
for name, chain in chains.items():
    values = torch.linalg.svdvals(chain)
    print(f"20 {name} layers stretch by {values[0]:.1g} at most, {values[-1]:.1g} at least")

# %% [markdown]
# The default is as claimed, and loses five sixths of the mean square in one layer with ReLU. He keeps it at 1, but doubles it in a head, where nothing follows: there gain 1 is right. Xavier has gain 1 in a square layer only; in a narrow head it is nearly He. So He for the hidden layers, gain 1 (or smaller) for the last. A widespread example has Xavier in the hidden layers and He in the last: both are a factor 2 off.
#
# Equal weights stay equal: from a constant start all hidden units get the same gradient, and from zeros none. *Orthogonal* square weights keep every length exactly, where normal ones flatten some directions to nothing: they suit deep linear chains and recurrent networks.

# %% [markdown]
# ### Exercise 3.4 · He initialisation
# ★★★☆☆ · 15 min · implementation · 5 points
#
# `he_init_(model)` starts a model for ReLU, in place, and returns it. For every `nn.Linear`, `nn.Conv1d`, `nn.Conv2d` and `nn.Conv3d`, however deep in the tree (the model itself may be one): weights *normal* with mean 0 and standard deviation √(2/fan_in), each drawn anew; biases, where there are any, 0. Everything else stays as it is: norm layers, embeddings, also `nn.ConvTranspose2d`.
#
# fan_in is the number of inputs of one unit: `in_features`; for a convolution, channels that a unit sees × kernel size. It is the size of `weight[0]`.
#
# `nn.Linear(400, 400)`: standard deviation √(2/400) ≈ 0.0707.
#
# <details><summary>Hint 1</summary>
#
# `model.apply(f)` calls `f` on every module of the tree, the model included, and returns the model. Decide by `isinstance`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `nn.init.kaiming_normal_(m.weight, nonlinearity="relu")`, and `nn.init.zeros_(m.bias)` if `m.bias is not None`.
#
# </details>


# %% nbgrader={"grade_id": "ex-3-4"}
def he_init_(model: nn.Module) -> nn.Module:
    """He start, in place, for all Linear and Conv1d/2d/3d: normal weights with std
    sqrt(2/fan_in), zero biases. Leaves other modules alone. Returns the model."""
    ### BEGIN SOLUTION

    def start(module):
        if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    return model.apply(start)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-3-4-check", "points": 1}
# Arrange
no_bias = torch.zeros(400)
# Act
torch.manual_seed(34)
square = nn.Linear(400, 400)
returned = he_init_(square)
same_object = None if returned is None else returned is square
weight_std, bias_34 = square.weight.std().item(), square.bias
# Assert
check.close(
    weight_std,
    0.0707,
    "the standard deviation of the weights of Linear(400, 400)",
    ideas={
        "The factor 2 is missing (Xavier, or 1/fan_in): ReLU cuts half of the signal": 0.05,
        "This is PyTorch's default. Did kaiming_normal_ get nonlinearity='relu'?": 0.0289,
        "2/fan_in is the variance; the standard deviation is its root": 0.005,
    },
    rtol=0.03,
    hint="√(2/fan_in), here with fan_in = 400",
)
check.close(bias_34, no_bias, "the biases", hint="Set them to 0")
check.equal(
    same_object,
    True,
    "what comes back is the model that was given",
    ideas={"None came back: end with a return of the model": None},
)

# %% [markdown]
# `apply` is the visitor of the module tree. It serves whenever something must be done "to all layers of a kind".
#
# A constraint can be kept for good as well. A **parametrisation** computes a weight from a freer one at each use. Gradients flow through, so after training the weight below is still symmetric. (`parametrize.remove_parametrizations` makes it an ordinary weight again.)


# %%
class Symmetric(nn.Module):
    def forward(self, free):
        return free.triu() + free.triu(1).T


mirror = nn.Linear(3, 3, bias=False)
parametrize.register_parametrization(mirror, "weight", Symmetric())
optimiser = torch.optim.SGD(mirror.parameters(), lr=0.1)
for _ in range(5):
    optimiser.zero_grad()
    (mirror(torch.randn(4, 3)) - 1).square().mean().backward()
    optimiser.step()
print("symmetric after 5 steps:", torch.equal(mirror.weight, mirror.weight.T))
print("what learnt:", [name for name, _ in mirror.named_parameters()])

# %% [markdown]
# ## Saving
#
# What you save is the **state dict**: names and tensors, no code. To load, build the model by its class, then fill it. `weights_only=True` (the default since PyTorch 2.6; write it anyway) admits tensors, numbers, texts, lists and dicts, nothing that could act. `map_location="cpu"` opens a file from a GPU machine on yours.
#
# `io.BytesIO()` below is a file in memory.

# %%
model = Scaled(3, 2)
file = io.BytesIO()
torch.save(model.state_dict(), file)
file.seek(0)
state = torch.load(file, map_location="cpu", weights_only=True)
fresh = Scaled(3, 2)
x = torch.ones(5, 3)
print("equal before:", torch.equal(fresh(x), model(x)), " ", fresh.load_state_dict(state), end="  ")
print("after:", torch.equal(fresh(x), model(x)))

# %% [markdown]
# You will also meet `torch.save(model, file)`, which saves the whole object with `pickle`. A pickle is not data, it is a small program, and loading runs it. The file below holds a dict with one odd object; its writer chose to print a line. It could have been any function.

# %%
file, whole = io.BytesIO(), io.BytesIO()
torch.save({"weights": torch.ones(2), "extra": Surprise()}, file)
torch.save(nn.Sequential(nn.Linear(2, 2)), whole)
for name, opened in {"odd object": file, "whole model": whole}.items():
    opened.seek(0)
    print(
        f"{name:11}", observe.complaint(torch.load, opened, weights_only=True, find="Unsupported")
    )
file.seek(0)
loaded = torch.load(file, weights_only=False)  # never do this with a file from elsewhere
print("and in place of the object came", loaded["extra"])

# %% [markdown]
# The safe loader refuses both. The error's text suggests `weights_only=False`: only for a file that you wrote yourself. A whole model is poor even then: the pickle holds the *name* of the class, not its code. Rename the class, and the file is lost. (A checkpoint with `torch.__version__` in it is refused too, for that is no plain text; `str(torch.__version__)` is.)
#
# To go on with training you need more than weights. A **checkpoint** also holds the optimiser's state, its momentum and learning rate, and the epoch.

# %% [markdown]
# ### Predict 3.4 · The best so far
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# ```python
# model = nn.Linear(1, 1, bias=False)   # say its weight is 3
# best = model.state_dict()
# with torch.no_grad():
#     model.weight += 1                 # training goes on, and gets worse
# model.load_state_dict(best)
# ```
#
# What is the weight now?
#
# - a: 3, the best so far
# - b: 4
# - c: the last line raises, since the weight has changed

# %% nbgrader={"grade_id": "predict-3-4"}
# Write your choice: predict_3_4 = "a", "b" or "c"
### BEGIN SOLUTION
predict_3_4 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-3-4-check", "points": 0}
# Arrange
# Act
choice = predict_3_4
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")

# %%
model = nn.Linear(1, 1, bias=False)
nn.init.constant_(model.weight, 3.0)
best = model.state_dict()
with torch.no_grad():
    model.weight += 1
model.load_state_dict(best)
print("weight:", model.weight.item())
print("same memory:", best["weight"].data_ptr() == model.weight.data_ptr())

# %% [markdown]
# ### Exercise 3.5 · Save, resume, keep the best
# ★★★☆☆ · 20 min · production · 7 points
#
# - `save_checkpoint(path, model, optimiser, epoch)` writes a dict with the keys `"model"`, `"optimiser"` (their state dicts) and `"epoch"`. The file must open with `weights_only=True`.
# - `load_checkpoint(path, model, optimiser=None)` fills `model` and, if given, `optimiser`, and returns the epoch. Training then goes on as if it had never stopped. A file with anything but plain data is refused with torch's `pickle.UnpicklingError`.
# - `snapshot(model)` returns a state dict that later training does not change. (The tensors of `state_dict()` *are* the weights, as you saw.)
#
# None of them changes train or eval mode: that is the caller's business.
#
# <details><summary>Hint 1</summary>
#
# Modules and optimisers have the same two methods: `state_dict()` and `load_state_dict()`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.load(path, map_location="cpu", weights_only=True)`. For the snapshot: a dict of `tensor.detach().clone()`.
#
# </details>


# %% nbgrader={"grade_id": "ex-3-5"}
def save_checkpoint(path: str, model: nn.Module, optimiser: torch.optim.Optimizer, epoch: int):
    """Write {"model": ..., "optimiser": ..., "epoch": ...} (plain data only) to path."""
    ### BEGIN SOLUTION
    checkpoint = {
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "epoch": epoch,
    }
    torch.save(checkpoint, path)
    ### END SOLUTION


def load_checkpoint(path: str, model: nn.Module, optimiser=None) -> int:
    """Fill model, and optimiser if given; return the epoch. UnpicklingError: not plain data."""
    ### BEGIN SOLUTION
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(checkpoint["model"])
    if optimiser is not None:
        optimiser.load_state_dict(checkpoint["optimiser"])
    return checkpoint["epoch"]
    ### END SOLUTION


def snapshot(model: nn.Module) -> dict[str, torch.Tensor]:
    """The state dict of model, as it is now and stays."""
    ### BEGIN SOLUTION
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-3-5-check", "points": 1}
# Arrange
kept_35 = {"weight": torch.tensor([[2.0, -1.0]]), "bias": torch.tensor([0.5])}
kept_true = {name: tensor.clone() for name, tensor in kept_35.items()}
blank = {"weight": torch.zeros(1, 2), "bias": torch.zeros(1)}
blank_true = {name: tensor.clone() for name, tensor in blank.items()}
# Act
folder_35 = tempfile.TemporaryDirectory()
path_35 = f"{folder_35.name}/checkpoint.pt"
old_35, new_35 = nn.Linear(2, 1), nn.Linear(2, 1)
old_35.load_state_dict(kept_35)
new_35.load_state_dict(blank)
save_checkpoint(path_35, old_35, torch.optim.SGD(old_35.parameters(), lr=0.1), 12)
refused_file = observe.error(torch.load, path_35, weights_only=True)
keys_35 = None if refused_file else sorted(torch.load(path_35, weights_only=True))
epoch_35 = load_checkpoint(path_35, new_35, torch.optim.SGD(new_35.parameters(), lr=0.1))
state_35 = observe.state(new_35)
folder_35.cleanup()
# Assert
check.equal(
    refused_file,
    None,
    "an error on opening the file with weights_only=True",
    hint="Save the two state dicts and the epoch to path, not the objects",
)
check.equal(keys_35, ["epoch", "model", "optimiser"], "the keys in the file")
check.equal(epoch_35, 12, "the epoch that load_checkpoint returns")
check.close(
    state_35,
    kept_true,
    "the weights after loading",
    ideas={"The model was not filled: use its load_state_dict": blank_true},
)

# %% nbgrader={"grade_id": "ex-3-5-check-2", "points": 1}
# Arrange
three_35 = {"weight": torch.tensor([[3.0]])}
three_true, four = {"weight": torch.tensor([[3.0]])}, {"weight": torch.tensor([[4.0]])}
# Act
trained = nn.Linear(1, 1, bias=False)
trained.load_state_dict(three_35)
best_35 = snapshot(trained)
with torch.no_grad():
    trained.weight += 1
# Assert
check.close(
    best_35,
    three_true,
    "the snapshot after the weight was changed",
    ideas={"The snapshot changed with the model: clone each tensor": four},
    hint="A dict from name to tensor, as state_dict() gives",
)

# %% [markdown]
# Chapter 12 adds the random number generators, without which a run with dropout does not go on *exactly*. Chapter 4 uses your snapshot for early stopping.
#
# ## Two inputs
#
# A house has a photograph and a row of numbers. Each input gets a branch of its own; the branches are concatenated, and a head reads both. `torch.cat` keeps both messages apart; a sum would force the branches to speak one language. With a **skip**, the raw inputs go to the head as well, past the branches.

# %% [markdown]
# ### Exercise 3.6 · A network with two inputs
# ★★★☆☆ · 15 min · implementation · 6 points
#
# `TwoInputNet(d1, d2, hidden, skip=False)`; `net(a, b)` takes a: (N, d1) and b: (N, d2), and returns (N, 1).
#
# - `left` and `right` are each an `nn.Sequential` of Linear, ReLU, Linear, ReLU: from d1 (or d2) to `hidden` to `hidden`.
# - `head` is a Linear to 1 output. It reads left(a), right(b) in this order; with `skip`, then also a and b themselves.
#
# For d1 = 3, d2 = 2, hidden = 4 the head has 8 inputs, with skip 13.
#
# <details><summary>Hint 1</summary>
#
# Each sample is a row: concatenate along the last dimension. The width of the head follows from what you concatenate.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `parts = [self.left(a), self.right(b)]`, with skip `parts += [a, b]`, then `self.head(torch.cat(parts, dim=1))`.
#
# </details>


# %% nbgrader={"grade_id": "ex-3-6"}
class TwoInputNet(nn.Module):
    """Branches `left` and `right`, then `head` on both: (N, d1), (N, d2) -> (N, 1)."""

    def __init__(self, d1: int, d2: int, hidden: int, skip: bool = False) -> None:
        ### BEGIN SOLUTION
        super().__init__()
        self.skip = skip
        self.left = self.branch(d1, hidden)
        self.right = self.branch(d2, hidden)
        self.head = nn.Linear(2 * hidden + (d1 + d2 if skip else 0), 1)

    @staticmethod
    def branch(inputs, hidden):
        parts = [nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()]
        return nn.Sequential(*parts)
        ### END SOLUTION

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """a: (N, d1), b: (N, d2). Returns (N, 1)."""
        ### BEGIN SOLUTION
        parts = [self.left(a), self.right(b)]
        if self.skip:
            parts += [a, b]
        return self.head(torch.cat(parts, dim=1))
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-3-6-check", "points": 1}
# Arrange
left_36 = {
    "left.0.weight": (4, 3),
    "left.0.bias": (4,),
    "left.2.weight": (4, 4),
    "left.2.bias": (4,),
}
right_36 = {"right.0.weight": (4, 2), "right.0.bias": (4,), "right.2.weight": (4, 4)}
both_36 = {**left_36, **right_36, "right.2.bias": (4,), "head.bias": (1,)}
plain_true = {**both_36, "head.weight": (1, 8)}
skip_true = {**both_36, "head.weight": (1, 13)}
summed = {**both_36, "head.weight": (1, 4)}
one_for_both = {**plain_true, "right.0.weight": (4, 3)}
# Act
plain_36 = observe.shapes(observe.state(TwoInputNet(3, 2, 4)))
skip_36 = observe.shapes(observe.state(TwoInputNet(3, 2, 4, skip=True)))
# Assert
check.equal(
    plain_36,
    plain_true,
    "the weights of TwoInputNet(3, 2, 4)",
    ideas={
        "The head is as wide as one branch: concatenate, do not add": summed,
        "Without skip the head reads the two branches only": skip_true,
        "right is as wide as a, not as b: make a branch of its own for each input": one_for_both,
    },
    hint="left and right: Sequential of Linear, ReLU, Linear, ReLU; head: Linear",
)
check.equal(
    skip_36,
    skip_true,
    "the weights of TwoInputNet(3, 2, 4, skip=True)",
    ideas={"With skip, the head also reads a and b: it must be wider": plain_true},
    hint="With skip the head has 2 · hidden + d1 + d2 inputs",
)

# %% nbgrader={"grade_id": "ex-3-6-check-2", "points": 1}
# Arrange
a_36, b_36 = torch.tensor([[1.0], [-1.0]]), torch.tensor([[2.0], [3.0]])
one_36 = [torch.tensor([[1.0]]), torch.zeros(1)]
names_36 = ["left.0", "left.2", "right.0", "right.2"]
weights_36 = {f"{name}.bias": torch.zeros(1) for name in names_36}
weights_36 |= {f"{name}.weight": torch.ones(1, 1) for name in names_36}
weights_36 |= {"head.weight": torch.tensor([[10.0, 100.0]]), "head.bias": torch.tensor([-300.0])}
names_true_36 = observe.shapes(weights_36)
# Act
small_36 = TwoInputNet(1, 1, 1)
fits_36 = observe.fill(small_36, weights_36)
out_36 = small_36(a_36, b_36)
# Assert
check.equal(
    fits_36,
    names_true_36,
    "names and shapes of the weights of TwoInputNet(1, 1, 1)",
    hint="The tests load weights by name: left, right, head",
)
check.close(
    out_36,
    torch.tensor([[-90.0], [0.0]]),
    "the output with 10 · left + 100 · right - 300",
    ideas={
        "The two branches come in the other order: left first": torch.tensor([[-80.0], [-270.0]]),
        "The output must keep its last dimension: (N, 1), no squeeze": torch.tensor([-90.0, 0.0]),
        "Negative outputs are cut off: no activation after head": torch.zeros(2, 1),
        "A branch lets negative values through: each ends with a ReLU": torch.tensor(
            [[-90.0], [-10.0]]
        ),
    },
    hint="head reads torch.cat([left(a), right(b)], dim=1)",
)

# %% [markdown]
# A head that reads pictures and numbers, words and time, is built just so. The concatenation is also the heart of the U-Net in chapter 7.
#
# ## Freezing
#
# Fine-tuning keeps most of a trained network still and trains the rest. The usual recipe is one line: `requires_grad_(False)`. Is that enough? Two options of an optimiser will matter: **momentum** keeps a part of earlier steps going, **weight decay** pulls each weight a little towards 0 in every step.

# %% [markdown]
# ### Predict 3.5 · Frozen, then a step
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# ```python
# optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
# loss_fn(model(x), y).backward()
# model[0].requires_grad_(False)        # freeze the first layer
# optimiser.step()
# ```
#
# What happens to `model[0].weight` in the last line?
#
# - a: nothing, since it is frozen
# - b: it moves all the same
# - c: `step()` raises, since a frozen parameter has no gradient

# %% nbgrader={"grade_id": "predict-3-5"}
# Write your choice: predict_3_5 = "a", "b" or "c"
### BEGIN SOLUTION
predict_3_5 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-3-5-check", "points": 0}
# Arrange
# Act
choice = predict_3_5
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")


# %%
def moved(gradient, **options):
    """How far a frozen weight moves in 5 steps; gradient: what freezing leaves in .grad."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1))
    x, y = torch.randn(16, 4), torch.randn(16, 1)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, **options)
    F.mse_loss(net(x), y).backward()
    optimiser.step()  # a first step, before freezing
    if gradient != "the old one":
        optimiser.zero_grad(set_to_none=gradient == "None")  # .grad is 0 or None now
    net[0].requires_grad_(False)
    before = net[0].weight.clone()
    for _ in range(5):
        F.mse_loss(net(x), y).backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=gradient != "zero")  # "zero": frozen ones keep a 0
    return (net[0].weight - before).abs().max().item()


for options in ({}, {"momentum": 0.9}, {"weight_decay": 0.1}):
    results = {g: f"{moved(g, **options):.3f}" for g in ("the old one", "zero", "None")}
    print(f"{options or 'plain SGD'!s:22} {results}")

# %% [markdown]
# `requires_grad` stops *new* gradients. The optimiser never asks for it: it looks at `.grad`. A gradient from before is applied at the next step. A gradient of zero still feeds momentum and weight decay. Only `None` is skipped, so **freeze means: no gradient, `.grad = None`**. (Or give a new optimiser the trainable parameters only; then the old momentum is lost.)
#
# And parameters are not all. Freeze a body with a batch norm, put the model in train mode, and send data through whose mean is 2 instead of 0:

# %% alt="Distance of the frozen norm's running mean from its start over 60 steps. In train mode it climbs quickly to 2.3 in 20 steps, then slowly to 2.7. In eval mode it stays at 0."
torch.manual_seed(0)
body = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8)).requires_grad_(False)
model = nn.Sequential(body, nn.ReLU(), nn.Linear(8, 1))
probe, shifted = torch.randn(64, 8), torch.randn(60, 32, 8) + 2
drift, before = {}, model.eval()(probe).detach()
for mode in ("frozen body in eval mode", "frozen body in train mode"):
    model.train()
    body.train(mode.endswith("train mode"))
    drift[mode] = []
    for batch in shifted:
        model(batch)
        drift[mode].append(body[1].running_mean.norm().item())
change = (model.eval()(probe) - before).abs().max().item()
print(f"no parameter was changed, yet an output in eval mode moved by {change:.1f}")
plots.curves(drift, title="A frozen batch norm", xlabel="step", ylabel="length of the running mean")

# %% [markdown]
# In train mode the frozen norm walks over to the new data; in eval mode it stays. No gradient was computed, no optimiser existed: the running mean is a buffer, and train mode updates it at each forward pass. So a frozen part belongs in eval mode, *after* each `model.train()`, which switches it back.

# %% [markdown]
# ### Exercise 3.7 · Freeze for real
# ★★★★☆ · 25 min · production · 8 points
#
# `frozen` lists names of submodules, such as `["fc1", "body.norm"]`.
#
# - `freeze(model, frozen)`: every parameter of those submodules stops asking for a gradient and loses the `.grad` it has; **all others** ask for one. So `freeze(model, [])` unfreezes. A name that is no submodule raises `AttributeError`, as `model.get_submodule(name)` does, be it half-way through. `"fc1"` is not `"fc10"`.
# - `finetune_step(model, optimiser, x, y, frozen)`, called after `freeze(model, frozen)`: one step on the mean squared error, on this batch's gradient alone; returns the loss as a float. The model is in train mode, its frozen submodules in eval mode.
#
# The optimiser knows all parameters, has momentum and weight decay. Nothing frozen may move: no weight, no buffer.
#
# <details><summary>Hint 1</summary>
#
# First make everything ask, then go through the names. In the step, mind the order: `model.train()`, then eval for the frozen, then clear, loss, backward, step.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `model.get_submodule(name).requires_grad_(False)`; `parameter.grad = None`; `model.get_submodule(name).eval()`.
#
# </details>


# %% nbgrader={"grade_id": "ex-3-7"}
def freeze(model: nn.Module, frozen: list[str]) -> None:
    """Parameters of the named submodules: requires_grad False and .grad None. Others: True.

    Raises AttributeError for a name that is no submodule.
    """
    ### BEGIN SOLUTION
    parts = [model.get_submodule(name) for name in frozen]
    model.requires_grad_(True)
    for part in parts:
        for parameter in part.parameters():
            parameter.requires_grad_(False)
            parameter.grad = None
    ### END SOLUTION


def finetune_step(model: nn.Module, optimiser, x, y, frozen: list[str]) -> float:
    """One step on F.mse_loss(model(x), y); freeze(model, frozen) was called before. Returns the loss.

    Train mode, but eval mode for the submodules in frozen. Gradients of earlier batches are
    cleared first.
    """
    ### BEGIN SOLUTION
    model.train()
    for name in frozen:
        model.get_submodule(name).eval()
    optimiser.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-3-7-check", "points": 1}
# Arrange
inputs_37, wished_37 = torch.tensor([[1.0]]), torch.tensor([[0.0]])
# Act
pair_37 = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
F.mse_loss(pair_37(inputs_37), wished_37).backward()
freeze(pair_37, ["0"])
asks_37 = {name: p.requires_grad for name, p in pair_37.named_parameters()}
held_37 = {name: pair_37.get_parameter(name).grad is None for name in ("0.weight", "0.bias")}
freeze(pair_37, ["1"])
asks_other = {name: p.requires_grad for name, p in pair_37.named_parameters()}
# Assert
check.equal(
    asks_37,
    {"0.weight": False, "0.bias": False, "1.weight": True, "1.bias": True},
    "which parameters ask for a gradient after freeze(model, ['0'])",
    ideas={
        "Everything is frozen": {
            "0.weight": False,
            "0.bias": False,
            "1.weight": False,
            "1.bias": False,
        },
        "The bias is a parameter of the layer too": {
            "0.weight": False,
            "0.bias": True,
            "1.weight": True,
            "1.bias": True,
        },
        "It is the other way round": {
            "0.weight": True,
            "0.bias": True,
            "1.weight": False,
            "1.bias": False,
        },
    },
    hint="Parameters of the named submodules: False. All others: True",
)
check.equal(
    held_37,
    {"0.weight": True, "0.bias": True},
    "whether .grad of the frozen parameters is None",
    hint="A gradient from before is still there, and the optimiser will apply it",
)
check.equal(
    asks_other,
    {"0.weight": True, "0.bias": True, "1.weight": False, "1.bias": False},
    "which parameters ask for a gradient after freeze(model, ['1'])",
    ideas={
        "What an earlier call froze must ask again: set requires_grad of all others to True": {
            "0.weight": False,
            "0.bias": False,
            "1.weight": False,
            "1.bias": False,
        },
    },
)

# %% nbgrader={"grade_id": "ex-3-7-check-2", "points": 1}
# Arrange
x_37, y_37 = torch.tensor([[1.0]]), torch.tensor([[0.0]])
weights_37 = {"0.weight": torch.tensor([[2.0]]), "1.weight": torch.tensor([[3.0]])}
stepped = {"0.weight": torch.tensor([[2.0]]), "1.weight": torch.tensor([[2.76]])}
still = {"0.weight": torch.tensor([[2.0]]), "1.weight": torch.tensor([[3.0]])}
both_moved = {"0.weight": torch.tensor([[1.64]]), "1.weight": torch.tensor([[2.76]])}
# Act
short_37 = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
short_37.load_state_dict(weights_37)
sgd_37 = torch.optim.SGD(short_37.parameters(), lr=0.01)
freeze(short_37, ["0"])
loss_37 = finetune_step(short_37, sgd_37, x_37, y_37, ["0"])
kind_37 = type(loss_37).__name__
after_37 = observe.state(short_37)
# Assert
check.equal(
    kind_37,
    "float",
    "the type of what finetune_step returns",
    ideas={"A tensor keeps its graph and all activations alive: return loss.item()": "Tensor"},
)
check.close(loss_37, 36.0, "the loss of the step", hint="Return the loss before the step")
check.close(
    after_37,
    stepped,
    "the weights after one step, layer 0 frozen",
    ideas={
        "No weight moved: is step called after backward, and no gradient cleared in between?": still,
        "The frozen weight moved": both_moved,
    },
)

# %% [markdown]
# A test that says only "the frozen weights are equal" would miss the running statistics, and one after a single step would miss the momentum. Chapter 16 freezes a whole backbone with what you wrote here.
#
# ## What to remember
#
# - Assignment registers parameters, buffers and submodules. Plain lists and tensors are invisible.
# - Call `model(x)`. Keep a hook's handle and remove it; backward, use the full hook.
# - Copy by name, never by position. `load_state_dict` writes before it complains.
# - The default start is 1/√(3·fan_in), not He's. Choose the gain by the activation that follows.
# - Save state dicts, load with `weights_only=True`. A pickle is a program.
# - A state dict is no copy: clone it to keep it.
# - Frozen means: no gradient asked for, `.grad` None, and norm layers in eval mode.
#
# ## References
#
# - X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", *AISTATS*, 2010: Xavier initialisation.
# - K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", *ICCV*, 2015: initialisation for ReLU.
# - A. Saxe, J. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", *ICLR*, 2014: orthogonal weights.
# - O. Press, L. Wolf, "Using the output embedding to improve language models", *EACL*, 2017: tied weights.
# - A. Paszke and others, "PyTorch: an imperative style, high-performance deep learning library", *NeurIPS*, 2019.
# - Python documentation, `pickle`: the warning at the top of the page.
# - PyTorch notes, "Modules" and "Serialization semantics".

# %% [markdown]
# ## Hidden tests
#
# <details><summary>What is this?</summary>
#
# Below stand the tests that count beside the checks above; in your copy they are empty. They run when your work is graded, on other numbers and other shapes, and their titles tell you what they look at.
#
# </details>

# %% nbgrader={"grade_id": "predict-3-1-hidden-1", "points": 1}
# Hidden test predict 3.1 · in which order · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_3_1
# Assert
check.equal(
    choice,
    "b",
    "your choice",
    ideas={
        "The order of __init__ does not decide; a module looks into its own drawer first": "a",
        "Names are not sorted; a module looks into its own drawer first": "c",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-3-2-hidden-1", "points": 1}
# Hidden test predict 3.2 · layers in a list · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
count_said = predict_3_2
# Assert
check.equal(
    count_said,
    5,
    "your number",
    ideas={
        "A plain list is an attribute like any other: nn.Module does not look into it": 65,
        "The layers are not seen, but the head is": 0,
        "Nothing in the list is seen, not even its last or first layer": 25,
        "Is the head not registered by its assignment?": 60,
    },
    hint="Which of the four layers does nn.Module see?",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-3-3-hidden-1", "points": 1}
# Hidden test predict 3.3 · twenty layers later · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_3_3
# Assert
check.equal(
    choice,
    "c",
    "your choice",
    ideas={
        "The default is smaller than what ReLU needs, by a factor of 2.45 in every layer": "a",
        "The factor of one layer is right, but twenty of them are multiplied": "b",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-3-4-hidden-1", "points": 1}
# Hidden test predict 3.4 · the best so far · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_3_4
# Assert
check.equal(
    choice,
    "b",
    "your choice",
    ideas={
        "That would need a copy, and state_dict makes none": "a",
        "Loading compares names and shapes, not values": "c",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-3-5-hidden-1", "points": 1}
# Hidden test predict 3.5 · frozen, then a step · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_3_5
# Assert
check.equal(
    choice,
    "b",
    "your choice",
    ideas={
        "requires_grad stops new gradients, and backward has already run": "a",
        "The gradient is there: backward ran before; and the optimiser skips parameters without one": "c",
    },
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-3-1-reference", "points": 0}
### BEGIN HIDDEN TESTS
def two_layer_weights(inputs, hidden, outputs, seed):
    """Random weights and biases by name, in float64."""
    source = seeded(seed)
    shapes = {"first": (hidden, inputs), "second": (outputs, hidden)}
    weights = {}
    for name, shape in shapes.items():
        options = {"generator": source, "dtype": torch.float64}
        weights[f"{name}.weight"] = torch.randn(shape, **options)
        weights[f"{name}.bias"] = torch.randn(shape[0], **options)
    return weights


def two_layer_reference(x, w1, b1, w2, b2):
    return (x @ w1.T + b1).clamp(min=0) @ w2.T + b2


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-1-hidden-1", "points": 1}
# Hidden test 3.1 · more dimensions, other sizes · 1 point
### BEGIN HIDDEN TESTS
# Arrange
video_31 = torch.randn(4, 2, 7, generator=seeded(311), dtype=torch.float64).transpose(0, 1)
weights_wide = two_layer_weights(7, 5, 3, 312)
parts_wide = [tensor.clone() for tensor in weights_wide.values()]
video_true = two_layer_reference(video_31.clone(), *parts_wide)
no_relu = (video_31 @ parts_wide[0].T + parts_wide[1]) @ parts_wide[2].T + parts_wide[3]
flat = two_layer_reference(video_31.reshape(8, 7), *parts_wide)
shapes_wide = observe.shapes(weights_wide)
# Act
wide = TwoLayerNet(7, 5, 3).double()
fits_wide = observe.fill(wide, weights_wide)
video_out = wide(video_31)
# Assert
check.equal(fits_wide, shapes_wide, "names and shapes of the weights of TwoLayerNet(7, 5, 3)")
check.close(
    video_out,
    video_true,
    "the output for an input (2, 4, 7)",
    ideas={
        "No ReLU between the layers": no_relu,
        "Leading dimensions must stay: (…, inputs) becomes (…, outputs)": flat,
        "Negative outputs are cut off: no activation after second": video_true.clamp(min=0),
    },
    hint="first, ReLU, second work on the last dimension and leave the others alone",
    rtol=1e-9,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-1-hidden-2", "points": 1}
# Hidden test 3.1 · gradients reach the input and all weights · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_grad = torch.randn(6, 3, generator=seeded(313), dtype=torch.float64)
c_grad = torch.randn(6, 2, generator=seeded(314), dtype=torch.float64)
weights_grad = two_layer_weights(3, 4, 2, 315)
leaves_grad = [t.clone().requires_grad_() for t in (x_grad, *weights_grad.values())]
out_grad = two_layer_reference(*leaves_grad)
grads_true = [g.clone() for g in torch.autograd.grad(out_grad, leaves_grad, c_grad)]
named_true = dict(zip(weights_grad, grads_true[1:], strict=True))
value_true = out_grad.detach().clone()
# Act
net_grad = TwoLayerNet(3, 4, 2).double()
observe.fill(net_grad, weights_grad)
seen_grad = observe.vjp(net_grad, x_grad, c_grad)
observe.error(lambda: net_grad(x_grad).backward(c_grad))
named_grad = observe.gradients(net_grad)
# Assert
check.close(
    seen_grad["value"],
    value_true,
    "the output, before any gradient",
    rtol=1e-9,
    hint="The values are not right yet: first, ReLU, second, and nothing else",
)
check.close(
    seen_grad["grads"],
    grads_true[0],
    "the gradient of x",
    rtol=1e-9,
    hint="detach, .data or no_grad in forward cut the way back",
)
check.close(
    named_grad,
    named_true,
    "the gradients of the four weights",
    rtol=1e-9,
    hint="detach, .data or no_grad in forward cut the way back",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-2-hidden-1", "points": 1}
# Hidden test 3.2 · buffers are no parameters · 1 point
### BEGIN HIDDEN TESTS
# Arrange
conv_sizes = {"0": 224, "1": 16}
# Act
conv_32 = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2))
conv_count, conv_layers = count(conv_32), per_layer(conv_32)
# Assert
check.equal(
    conv_count,
    240,
    "the size of a convolution with batch norm",
    ideas={
        "Buffers are included: the state dict holds running statistics too": 257,
        "The biases are missing": 216,
    },
)
check.equal(
    conv_layers,
    conv_sizes,
    "the size of each layer",
    ideas={"Buffers are included": {"0": 224, "1": 33}},
    hint="Only parameters that the module owns itself; no entry for modules without any",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-2-hidden-2", "points": 1}
# Hidden test 3.2 · shared weights count once · 1 point
### BEGIN HIDDEN TESTS
# Arrange
shared_sizes, twice_sizes = (
    {"words": 40, "output": 10, "again": 6},
    {"words": 40, "output": 50, "again": 6},
)
# Act
shared_32 = nn.ModuleDict({"words": nn.Embedding(10, 4), "output": nn.Linear(4, 10)})
shared_32["output"].weight = shared_32["words"].weight
shared_32["again"] = nn.Linear(2, 2)
shared_32["same"] = shared_32["again"]
shared_32["tied"] = nn.Linear(4, 10, bias=False)
shared_32["tied"].weight = shared_32["words"].weight
shared_count, shared_layers = count(shared_32), per_layer(shared_32)
# Assert
check.equal(
    shared_count,
    56,
    "the size with a shared weight and a layer used twice",
    hint="A shared tensor is stored once: count each tensor once",
)
check.equal(
    shared_layers,
    shared_sizes,
    "the size of each layer",
    ideas={
        "The shared weight counts at the first module that owns it, and only there": {
            **twice_sizes,
            "tied": 40,
        },
        "A module that owns only what was counted before is left out": {**shared_sizes, "tied": 0},
    },
    hint="A shared tensor counts at its first owner; later owners with nothing else are left out",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-2-hidden-3", "points": 1}
# Hidden test 3.2 · a frozen part · 1 point
### BEGIN HIDDEN TESTS
# Arrange
frozen_sizes = {"0": 20, "1": 15}
# Act
frozen_32 = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
frozen_32[0].weight.requires_grad_(False)
counts_32 = [count(frozen_32), count(frozen_32, trainable_only=True), count(frozen_32, False)]
frozen_layers = per_layer(frozen_32)
flags_32 = [p.requires_grad for p in frozen_32.parameters()]
# Assert
check.equal(
    counts_32,
    [35, 19, 35],
    "all, trainable and again all parameters, one weight frozen",
    ideas={
        "trainable_only makes no difference": [35, 35, 35],
        "Without trainable_only all parameters count, frozen ones too": [19, 19, 19],
        "trainable_only counts the frozen ones": [35, 16, 35],
        "trainable_only works the wrong way round": [19, 35, 19],
    },
)
check.equal(
    frozen_layers, frozen_sizes, "the size of each layer", hint="per_layer counts frozen ones too"
)
check.equal(flags_32, [False, True, True, True], "requires_grad of the parameters afterwards")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-2-hidden-4", "points": 1}
# Hidden test 3.2 · deep trees and own parameters · 1 point
### BEGIN HIDDEN TESTS
# Arrange
deep_sizes = {"": 3, "body.0": 8, "body.1.inner": 5, "body.1": 2}
# Act
deep_32 = nn.Module()
deep_32.body = nn.Sequential(nn.Linear(3, 2), nn.Module())
deep_32.scale = nn.Parameter(torch.ones(3))
deep_32.body[1].inner = nn.Linear(4, 1)
deep_32.body[1].shift = nn.Parameter(torch.ones(2))
deep_count, deep_layers = count(deep_32), per_layer(deep_32)
# Assert
check.equal(deep_count, 18, "the size of a nested model", hint="parameters() walks the whole tree")
check.equal(
    deep_layers,
    deep_sizes,
    "the size of each module",
    ideas={
        "Modules that have submodules may own parameters too": {"body.0": 8, "body.1.inner": 5},
        "The model itself owns a parameter: its name is the empty text": {
            "body.0": 8,
            "body.1.inner": 5,
            "body.1": 2,
        },
    },
    hint="Names as in named_modules, with dots; each module with what it owns itself",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-3-3-reference", "points": 0}
### BEGIN HIDDEN TESTS
def custom_weights(inputs, hidden, outputs, seed):
    """Perturbed weights and statistics of Custom, by name."""
    source = seeded(seed)
    shapes = {
        "first.weight": (hidden, inputs),
        "first.bias": (hidden,),
        "norm.weight": (hidden,),
        "norm.bias": (hidden,),
        "norm.running_mean": (hidden,),
        "second.weight": (outputs, hidden),
        "second.bias": (outputs,),
    }
    weights = {name: torch.randn(shape, generator=source) for name, shape in shapes.items()}
    weights["norm.running_var"] = torch.rand(hidden, generator=source) + 0.5
    weights["norm.num_batches_tracked"] = torch.tensor(7)
    return weights


def custom_reference(x, weights, training, order="norm, relu"):
    """(output, what entered second)."""
    h = F.linear(x, weights["first.weight"], weights["first.bias"])
    h = F.relu(h) if order == "relu, norm" else h
    statistics = [weights["norm.running_mean"].clone(), weights["norm.running_var"].clone()]
    h = F.batch_norm(h, *statistics, weights["norm.weight"], weights["norm.bias"], training)
    h = F.relu(h) if order == "norm, relu" else h
    return F.linear(h, weights["second.weight"], weights["second.bias"]), h


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-3-hidden-1", "points": 1}
# Hidden test 3.3 · Custom in train and in eval mode · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_modes = torch.randn(16, 5, generator=seeded(331))
weights_modes = custom_weights(5, 6, 3, 332)
kept_modes = {name: tensor.clone() for name, tensor in weights_modes.items()}
train_true = list(custom_reference(x_modes.clone(), kept_modes, True))
eval_true = list(custom_reference(x_modes.clone(), kept_modes, False))
early_relu = list(custom_reference(x_modes.clone(), kept_modes, True, "relu, norm"))
shapes_modes = observe.shapes(weights_modes)
# Act
net_modes = Custom(5, 6, 3)
fits_modes = observe.fill(net_modes, weights_modes)
net_modes.eval()
eval_out = net_modes(x_modes, look=True)
net_modes.train()
train_out = net_modes(x_modes, look=True)
# Assert
check.equal(fits_modes, shapes_modes, "names and shapes of the entries of Custom(5, 6, 3)")
check.close(
    train_out,
    train_true,
    "output and inner values in train mode",
    ideas={
        "The ReLU stands before norm instead of after it": early_relu,
        "Norm uses its running statistics in train mode": eval_true,
    },
    atol=1e-4,
    rtol=1e-4,
)
check.close(
    eval_out,
    eval_true,
    "output and inner values in eval mode",
    ideas={"Norm uses the batch in eval mode": train_true},
    atol=1e-4,
    rtol=1e-4,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-3-hidden-2", "points": 1}
# Hidden test 3.3 · other order, buffers, names with dots · 1 point
### BEGIN HIDDEN TESTS
# Arrange
draw_33 = seeded(333)
shapes_norm = {"weight": (3,), "bias": (3,), "running_mean": (3,), "running_var": (3,)}
given_33 = {f"deep.n.{k}": torch.rand(n, generator=draw_33) for k, n in shapes_norm.items()}
given_33["deep.n.num_batches_tracked"] = torch.tensor(11)
for layer in ("2", "1", "10", "left_out"):
    given_33[f"{layer}.weight"] = torch.randn(3, 3, generator=draw_33)
    given_33[f"{layer}.bias"] = torch.randn(3, generator=draw_33)
names_33 = {"1": "1", "10": "2", "2": "10", "deep.n": "m.stats"}
kept_33 = {key: value.clone() for key, value in given_33.items()}
sources_true = {"1": "1", "2": "10", "10": "2", "m.stats": "deep.n"}
renamed, by_position, by_prefix = (
    {
        f"{new}.{key.rpartition('.')[2]}": value
        for new, old in {**sources_true, **other}.items()
        for key, value in kept_33.items()
        if key.rpartition(".")[0] == old
    }
    for other in ({}, {"1": "2", "2": "1", "10": "10"}, {"10": "10"})
)
zeros_33 = {key: torch.zeros_like(value) for key, value in renamed.items()}
fresh_buffers = {
    key: zeros_33[key] if "running" in key or "num" in key else value
    for key, value in renamed.items()
}
# Act
linears_33 = OrderedDict({key: nn.Linear(3, 3) for key in ("2", "1", "10", "left_out")})
linears_33["deep"] = nn.ModuleDict({"n": nn.BatchNorm1d(3)})
source_33 = nn.Sequential(linears_33)
source_33.load_state_dict(given_33)
stats_33 = nn.ModuleDict({"stats": nn.BatchNorm1d(3)})
target_33 = nn.ModuleDict({key: nn.Linear(3, 3) for key in ("1", "2", "10")})
target_33["m"] = stats_33
target_33.load_state_dict(zeros_33)
stopped_33 = observe.error(copy_weights, source_33, target_33, names_33)
arrived_33 = observe.state(target_33)
# Assert
check.equal(
    stopped_33,
    None,
    "an error, where all names and shapes fit",
    hint='Is each name taken whole? It may have dots ("deep.n"), and "1" is not "10"',
)
check.close(
    arrived_33,
    renamed,
    "the weights and buffers of target",
    ideas={
        "Layers were matched by position, not by name": by_position,
        'A name was taken for a beginning: "1" is not "10"': by_prefix,
        "Buffers are missing: copy the state dict's entries, not only parameters": fresh_buffers,
    },
    hint="Every entry of a named layer goes to the layer that names gives, buffers included",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-3-hidden-3", "points": 1}
# Hidden test 3.3 · no shared memory, the same parameters · 1 point
### BEGIN HIDDEN TESTS
# Arrange
given_own = {"0.weight": torch.tensor([[1.0, 2.0]]), "0.bias": torch.tensor([3.0])}
blank_own = {"0.weight": torch.zeros(1, 2), "0.bias": torch.zeros(1)}
x_own = torch.tensor([[1.0, 10.0], [2.0, 20.0]])
own_true = {"0.weight": torch.tensor([[1.0, 2.0]]), "0.bias": torch.tensor([3.0])}
aliased = {"0.weight": torch.tensor([[101.0, 102.0]]), "0.bias": torch.tensor([3.0])}
own_later = {"0.weight": torch.tensor([[-2.0, -28.0]]), "0.bias": torch.tensor([1.0])}
# Act
source_own, target_own = nn.Sequential(nn.Linear(2, 1)), nn.Sequential(nn.Linear(2, 1))
source_own.load_state_dict(given_own)
target_own.load_state_dict(blank_own)
before_own = torch.optim.SGD(target_own.parameters(), lr=1.0)
copy_weights(source_own, target_own, {"0": "0"})
with torch.no_grad():
    source_own[0].weight.add_(100)
own_33 = observe.state(target_own)
with torch.no_grad():
    source_own[0].weight.sub_(100)
target_own(x_own).sum().backward()
before_own.step()
later_33 = observe.state(target_own)
# Assert
check.close(
    own_33,
    own_true,
    "target's weights after a change of source",
    ideas={"They changed with source: copy the values, do not hand over the tensors": aliased},
)
check.close(
    later_33,
    own_later,
    "target's weights after a step of an optimiser made before",
    ideas={"The optimiser moves other tensors: fill the parameters that are there": own_true},
    hint="Fill the parameters that are there, and leave requires_grad as it is",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-3-hidden-4", "points": 1}
# Hidden test 3.3 · what does not fit is refused, and nothing written · 1 point
### BEGIN HIDDEN TESTS
# Arrange
given_half = {"0.weight": torch.ones(2, 2), "0.bias": torch.ones(2)}
given_half |= {"1.weight": torch.ones(2, 2), "1.bias": torch.ones(2)}
first_only = {"0": "0"}
both_layers = {"0": "0", "1": "1"}
zeros_kept = {key: torch.zeros_like(value) for key, value in given_half.items()}
no_bias_kept = {key: value.clone() for key, value in zeros_kept.items() if key != "0.bias"}
narrow_kept = {**zeros_kept, "1.weight": torch.zeros(1, 2), "1.bias": torch.zeros(1)}
written = {key: given_half[key] if key[0] == "0" else zeros_kept[key] for key in zeros_kept}
all_but_bias = {key: given_half[key].clone() for key in no_bias_kept}
narrow_written = {**narrow_kept, "0.weight": torch.ones(2, 2), "0.bias": torch.ones(2)}
# Act
source_half = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
source_half.load_state_dict(given_half)
target_half = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
target_bare = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2))
target_thin = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
with torch.no_grad():
    for parameter in [*target_half.parameters(), *target_bare.parameters()]:
        parameter.zero_()
    for parameter in target_thin.parameters():
        parameter.zero_()
refused_half = observe.error(copy_weights, source_half, target_half, first_only)
refused_bare = observe.error(copy_weights, source_half, target_bare, both_layers)
refused_thin = observe.error(copy_weights, source_half, target_thin, both_layers)
after_half, after_bare = observe.state(target_half), observe.state(target_bare)
after_thin = observe.state(target_thin)
# Assert
check.raised(
    refused_half,
    ValueError,
    "names that leave layer 1 without values",
    hint="load_state_dict raises a RuntimeError, and too late: compare the names yourself, first",
)
check.close(
    after_half,
    zeros_kept,
    "target after the refusal",
    ideas={"Half of it was written before the error: check first, then write": written},
)
check.raised(
    refused_bare,
    ValueError,
    "a bias for which target has no place",
    hint="An entry too many must be refused as well: compare the two sets of names, both ways",
)
check.close(
    after_bare,
    no_bias_kept,
    "target after a bias too many",
    ideas={"It was written before the error: check first, then write": all_but_bias},
)
check.raised(
    refused_thin,
    ValueError,
    "a layer of another shape",
    hint="Compare the shapes too, before you write",
)
check.close(
    after_thin,
    narrow_kept,
    "target after a wrong shape",
    ideas={"Layer 0 was written before the error: check first, then write": narrow_written},
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-3-4-reference", "points": 0}
### BEGIN HIDDEN TESTS
NORMAL_QUANTILES = torch.tensor([-1.6449, -1.2816, -0.6745, 0.0, 0.6745, 1.2816, 1.6449])
UNIFORM_QUANTILES = 3**0.5 * torch.tensor([-0.9, -0.8, -0.5, 0.0, 0.5, 0.8, 0.9])


def conv_ideas(kind, fan_in, wrong):
    """Ideas for one convolution: the default start, and wrong fans by their messages."""
    ideas = {
        f"{kind} keeps the start that PyTorch gave it": UNIFORM_QUANTILES * (3 * fan_in) ** -0.5
    }
    return ideas | {idea: NORMAL_QUANTILES * (2 / fan) ** 0.5 for idea, fan in wrong.items()}


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-4-hidden-1", "points": 1}
# Hidden test 3.4 · the distribution in a linear layer · 1 point
### BEGIN HIDDEN TESTS
# Arrange
levels = torch.tensor([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95])
he_256 = (2 / 256) ** 0.5
linear_true = NORMAL_QUANTILES * he_256
# Act
torch.manual_seed(341)
linear_34 = nn.Linear(256, 512)
he_init_(linear_34)
linear_quantiles = torch.quantile(linear_34.weight.detach().flatten(), levels)
# Assert
check.close(
    linear_quantiles,
    linear_true,
    "how the weights of Linear(256, 512) are spread",
    ideas={
        "This is fan_out: a row has fan_in = 256 entries": NORMAL_QUANTILES * (2 / 512) ** 0.5,
        "The size is right, but the weights are uniform, not normal": UNIFORM_QUANTILES * he_256,
        "This looks like Xavier": NORMAL_QUANTILES * (2 / 768) ** 0.5,
        "The factor 2 for ReLU is missing": NORMAL_QUANTILES * (1 / 256) ** 0.5,
        "This is the default start: nothing was drawn": UNIFORM_QUANTILES * (3 * 256) ** -0.5,
    },
    rtol=0.05,
    atol=0.003,
    hint="Normal, mean 0, standard deviation √(2/fan_in)",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-4-hidden-2", "points": 1}
# Hidden test 3.4 · convolutions, also grouped · 1 point
### BEGIN HIDDEN TESTS
# Arrange
levels_conv = torch.tensor([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95])
he_conv2, he_conv1, he_conv3 = (NORMAL_QUANTILES * (2 / fan) ** 0.5 for fan in (576, 128, 128))
channels = "fan_in of a convolution is channels × kernel size, not channels alone"
one_side = "A kernel has as many sides as dimensions: here one side alone is counted"
group_only = "fan_in is the channels of the unit's group × kernel size, not all channels"
grouped = "In a grouped convolution a unit sees only the channels of its group"
ideas_conv2 = conv_ideas(
    "Conv2d", 576, {channels: 64, one_side: 64 * 3, "This is fan_out": 128 * 9}
)
ideas_conv1 = conv_ideas("Conv1d", 128, {channels: 16, grouped: 512, group_only: 64})
ideas_conv3 = conv_ideas("Conv3d", 128, {channels: 16, one_side: 16 * 2, "This is fan_out": 4096})
zero_biases = [torch.zeros(128), torch.zeros(512), torch.zeros(512)]
# Act
torch.manual_seed(342)
conv_34 = nn.ModuleList(
    [nn.Conv2d(64, 128, 3), nn.Conv1d(64, 512, 8, groups=4), nn.Conv3d(16, 512, 2)]
)
he_init_(conv_34)
conv_seen = [torch.quantile(conv_34[k].weight.detach().flatten(), levels_conv) for k in range(3)]
conv_biases = [observe.copy(conv_34[k].bias) for k in range(3)]
# Assert
check.close(
    conv_seen[0],
    he_conv2,
    "how the weights of a Conv2d are spread",
    ideas=ideas_conv2,
    rtol=0.05,
    atol=0.006,
    hint="fan_in is weight[0].numel()",
)
check.close(
    conv_seen[1],
    he_conv1,
    "how the weights of a Conv1d with groups are spread",
    ideas=ideas_conv1,
    rtol=0.05,
    atol=0.006,
    hint="fan_in is weight[0].numel()",
)
check.close(
    conv_seen[2],
    he_conv3,
    "how the weights of a Conv3d are spread",
    ideas=ideas_conv3,
    rtol=0.05,
    atol=0.006,
    hint="fan_in is weight[0].numel()",
)
check.close(conv_biases, zero_biases, "the biases of three convolutions", hint="Set them to 0")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-4-hidden-3", "points": 1}
# Hidden test 3.4 · other modules stay, a layer may have no bias · 1 point
### BEGIN HIDDEN TESTS
# Arrange
draw_34 = seeded(343)
others_34 = {
    "norm.weight": torch.rand(4, generator=draw_34) + 0.5,
    "norm.bias": torch.randn(4, generator=draw_34),
    "norm.running_mean": torch.randn(4, generator=draw_34),
    "norm.running_var": torch.rand(4, generator=draw_34) + 0.5,
    "norm.num_batches_tracked": torch.tensor(3),
    "layer.weight": torch.rand(4, generator=draw_34) + 0.5,
    "layer.bias": torch.randn(4, generator=draw_34),
    "words.weight": torch.randn(6, 4, generator=draw_34),
    "up.weight": torch.randn(4, 3, 2, 2, generator=draw_34),
    "up.bias": torch.randn(3, generator=draw_34),
    "free.weight": torch.zeros(40, 50),
}
others_true = {name: t.clone() for name, t in others_34.items() if name[:2] not in ("fr", "up")}
up_true = {name: t.clone() for name, t in others_34.items() if name[:2] == "up"}
names_34, names_up, free_before = list(others_true), list(up_true), torch.zeros(40, 50)
lost_biases = {
    name: torch.zeros(4) if name in ("norm.bias", "layer.bias") else t
    for name, t in others_true.items()
}
# Act
mixed_34 = nn.ModuleDict({"norm": nn.BatchNorm1d(4), "layer": nn.LayerNorm(4)})
mixed_34.update({"words": nn.Embedding(6, 4), "up": nn.ConvTranspose2d(4, 3, 2)})
mixed_34["free"] = nn.Linear(50, 40, bias=False)
mixed_34.load_state_dict(others_34)
torch.manual_seed(344)
he_init_(mixed_34)
state_34 = observe.state(mixed_34)
others_after = {name: state_34[name] for name in names_34}
up_after = {name: state_34[name] for name in names_up}
free_after = state_34["free.weight"]
# Assert
check.close(
    others_after,
    others_true,
    "norm layers and embedding",
    ideas={"The biases of norm layers are set to 0: choose by the type of the module": lost_biases},
    hint="Only Linear and convolutions get a new start; decide by isinstance, not by shape",
)
check.close(
    up_after,
    up_true,
    "a transposed convolution",
    hint="ConvTranspose2d is none of the four kinds: name the kinds, not a base class of all",
)
check.differs(
    free_after,
    free_before,
    "the weights of a Linear without bias",
    hint="Its weights are drawn like all others; only the bias is missing",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-4-hidden-4", "points": 1}
# Hidden test 3.4 · the whole tree, in place · 1 point
### BEGIN HIDDEN TESTS
# Arrange
he_50 = 0.2
# Act
torch.manual_seed(345)
inner_34 = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(50, 50)))
tree_34 = nn.Sequential(nn.Sequential(nn.Linear(50, 50)), inner_34)
for parameter in tree_34.parameters():
    nn.init.ones_(parameter)
before_34 = list(tree_34.parameters())
he_init_(tree_34)
stds_34 = [float(before_34[0].detach().std()), float(before_34[2].detach().std())]
apart_34 = float((before_34[0] - before_34[2]).detach().std())
ready_34 = [p.is_leaf and p.requires_grad for p in tree_34.parameters()]
kept_objects = [p is q for p, q in zip(before_34, tree_34.parameters(), strict=True)]
# Assert
check.close(
    stds_34,
    [he_50, he_50],
    "the standard deviation of two nested layers",
    rtol=0.1,
    ideas={
        "The parameters that were there did not change: reach all levels of the tree, and write into them": [
            0.0,
            0.0,
        ]
    },
    hint="Walk over model.modules(), and change the parameters that are there",
)
check.close(
    apart_34,
    0.2828,
    "the standard deviation of the difference of two layers",
    rtol=0.1,
    ideas={"Both layers got the same numbers: draw anew for each": 0.0},
)
check.equal(kept_objects, [True] * 4, "whether the parameters are the same objects")
check.equal(ready_34, [True] * 4, "whether all parameters are leaves that ask for gradients")
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-3-5-reference", "points": 0}
### BEGIN HIDDEN TESTS
def resume_reference(weights, xs, ys, restart_at=None, lr=0.05):
    """Weights of a linear layer after SGD with momentum; optionally a new optimiser at a step."""
    layer = nn.Linear(3, 1)
    layer.load_state_dict({name: tensor.clone() for name, tensor in weights.items()})
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.05, momentum=0.9)
    for step, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if step == restart_at:
            optimiser = torch.optim.SGD(layer.parameters(), lr=lr, momentum=0.9)
        optimiser.zero_grad()
        F.mse_loss(layer(x), y).backward()
        optimiser.step()
    return {name: tensor.clone() for name, tensor in layer.state_dict().items()}


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-5-hidden-1", "points": 1}
# Hidden test 3.5 · going on as if nothing had happened · 1 point
### BEGIN HIDDEN TESTS
# Arrange
xs_35 = torch.randn(6, 8, 3, generator=seeded(351))
ys_35 = torch.randn(6, 8, 1, generator=seeded(352))
weights_35 = {
    "weight": torch.randn(1, 3, generator=seeded(353)),
    "bias": torch.randn(1, generator=seeded(354)),
}
through = resume_reference(weights_35, xs_35, ys_35)
no_momentum = resume_reference(weights_35, xs_35, ys_35, restart_at=3, lr=0.01)
at_three = resume_reference(weights_35, xs_35[:3].clone(), ys_35[:3].clone())
from_start = resume_reference(weights_35, xs_35[3:].clone(), ys_35[3:].clone())
# Act
folder_resume = tempfile.TemporaryDirectory()
path_resume = f"{folder_resume.name}/run.pt"
run_35 = nn.Linear(3, 1)
run_35.load_state_dict(weights_35)
sgd_35 = torch.optim.SGD(run_35.parameters(), lr=0.05, momentum=0.9)
for k in range(3):
    sgd_35.zero_grad()
    F.mse_loss(run_35(xs_35[k]), ys_35[k]).backward()
    sgd_35.step()
save_checkpoint(path_resume, run_35, sgd_35, 3)
with torch.no_grad():
    run_35.weight.fill_(-77.0)
resumed = nn.Linear(3, 1)
sgd_resumed = torch.optim.SGD(resumed.parameters(), lr=0.01, momentum=0.9)
epoch_resumed = load_checkpoint(path_resume, resumed, sgd_resumed)
for k in range(3, 6):
    sgd_resumed.zero_grad()
    F.mse_loss(resumed(xs_35[k]), ys_35[k]).backward()
    sgd_resumed.step()
resumed_state = observe.state(resumed)
folder_resume.cleanup()
# Assert
check.close(
    resumed_state,
    through,
    "the weights after 3 steps, a checkpoint and 3 more steps",
    ideas={
        "The optimiser starts from nothing: its momentum and learning rate belong to the checkpoint": no_momentum,
        "The weights stopped at the checkpoint": at_three,
        "The weights of the start came back, not those of the checkpoint": from_start,
    },
    rtol=1e-4,
    hint="The file holds model and optimiser as they were when it was written",
)
check.equal(epoch_resumed, 3, "the epoch")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-5-hidden-2", "points": 1}
# Hidden test 3.5 · running statistics · 1 point
### BEGIN HIDDEN TESTS
# Arrange
stats_35 = {
    "0.weight": torch.randn(4, 3, generator=seeded(355)),
    "0.bias": torch.randn(4, generator=seeded(356)),
    "1.weight": torch.rand(4, generator=seeded(357)) + 0.5,
    "1.bias": torch.randn(4, generator=seeded(358)),
    "1.running_mean": torch.randn(4, generator=seeded(359)),
    "1.running_var": torch.rand(4, generator=seeded(360)) + 0.5,
    "1.num_batches_tracked": torch.tensor(9),
}
stats_true = {name: tensor.clone() for name, tensor in stats_35.items()}
stats_kept = {name: tensor.clone() for name, tensor in stats_35.items()}
fresh_stats = {
    **stats_true,
    "1.running_mean": torch.zeros(4),
    "1.running_var": torch.ones(4),
    "1.num_batches_tracked": torch.tensor(0),
}
# Act
folder_stats = tempfile.TemporaryDirectory()
path_stats = f"{folder_stats.name}/norm.pt"
normed = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
normed.load_state_dict(stats_35)
save_checkpoint(path_stats, normed, torch.optim.Adam(normed.parameters()), 0)
refilled = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
load_checkpoint(path_stats, refilled)
refilled_state, photo_35 = observe.state(refilled), observe.copy(snapshot(normed))
folder_stats.cleanup()
# Assert
check.close(
    refilled_state,
    stats_true,
    "weights and running statistics after loading without an optimiser",
    ideas={
        "The running statistics are missing: save the state dict, not only parameters": fresh_stats
    },
)
check.close(
    photo_35,
    stats_kept,
    "the snapshot of a model with batch norm",
    hint="Buffers belong to it: start from state_dict()",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-5-hidden-3", "points": 1}
# Hidden test 3.5 · a file that holds more than data is refused · 1 point
### BEGIN HIDDEN TESTS
# Arrange
planted_35 = {"weight": torch.ones(1, 2), "bias": torch.ones(1)}
untouched_35 = {"weight": torch.zeros(1, 2), "bias": torch.zeros(1)}
untouched_true = {name: tensor.clone() for name, tensor in untouched_35.items()}
# Act
folder_odd = tempfile.TemporaryDirectory()
path_odd = f"{folder_odd.name}/odd.pt"
victim = nn.Linear(2, 1)
victim.load_state_dict(untouched_35)
torch.save({"model": planted_35, "optimiser": {}, "epoch": 1, "note": Surprise()}, path_odd)
with_print = observe.printed(observe.error, load_checkpoint, path_odd, victim)
refused_35 = observe.error(lambda: observe.printed(load_checkpoint, path_odd, victim))
victim_after = observe.state(victim)
folder_odd.cleanup()
# Assert
check.equal(
    with_print,
    "",
    "what the file printed while it was loaded",
    hint="The file ran code: load with weights_only=True",
)
check.raised(
    refused_35,
    pickle.UnpicklingError,
    "a checkpoint with a foreign object in it",
    hint="Load with weights_only=True, and let its error through",
)
check.close(victim_after, untouched_true, "the model after the refusal")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-5-hidden-4", "points": 1}
# Hidden test 3.5 · the snapshot is a copy, in training too · 1 point
### BEGIN HIDDEN TESTS
# Arrange
begin_35 = {"0.weight": torch.randn(3, 3, generator=seeded(361)), "0.bias": torch.zeros(3)}
begin_35 |= {"1.weight": torch.ones(3), "1.bias": torch.zeros(3), "1.running_mean": torch.zeros(3)}
begin_35 |= {"1.running_var": torch.ones(3), "1.num_batches_tracked": torch.tensor(0)}
begin_true = {name: tensor.clone() for name, tensor in begin_35.items()}
begin_again = {name: tensor.clone() for name, tensor in begin_35.items()}
noise_35 = torch.randn(5, 8, 3, generator=seeded(362)) + 1
# Act
trained_35 = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
trained_35.load_state_dict(begin_35)
photo_begin = snapshot(trained_35)
steps_35 = torch.optim.SGD(trained_35.parameters(), lr=0.1)
for k in range(5):
    trained_35(noise_35[k]).square().sum().backward()
    steps_35.step()
photo_later = observe.copy(photo_begin)
trained_35.load_state_dict(photo_begin)
restored_35 = observe.state(trained_35)
# Assert
check.close(
    photo_later,
    begin_true,
    "the snapshot after five steps of training",
    hint="Clone every tensor, buffers too; dict(...) and .copy() copy the names, not the numbers",
)
check.close(restored_35, begin_again, "the model that was filled from the snapshot")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-5-hidden-5", "points": 1}
# Hidden test 3.5 · train and eval mode stay · 1 point
### BEGIN HIDDEN TESTS
# Arrange
modes_before = [[True, False, True], [False, True, False]]
# Act
folder_mode = tempfile.TemporaryDirectory()
path_mode = f"{folder_mode.name}/mode.pt"
mode_net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
mode_adam = torch.optim.Adam(mode_net.parameters())
modes_after = []
for flags in modes_before:
    for k in range(2):
        mode_net[k].training = flags[k + 1]
    mode_net.training = flags[0]
    save_checkpoint(path_mode, mode_net, mode_adam, 1)
    saved_modes = [module.training for module in mode_net.modules()]
    load_checkpoint(path_mode, mode_net, mode_adam)
    snapshot(mode_net)
    modes_after = [*modes_after, saved_modes, [module.training for module in mode_net.modules()]]
folder_mode.cleanup()
# Assert
check.equal(
    modes_after,
    [[True, False, True], [True, False, True], [False, True, False], [False, True, False]],
    "train and eval mode of three modules after saving and after loading",
    hint="eval() and train() are the caller's business",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-3-6-reference", "points": 0}
### BEGIN HIDDEN TESTS
def two_input_weights(d1, d2, hidden, skip, seed):
    source = seeded(seed)
    shapes = {"left.0": (hidden, d1), "left.2": (hidden, hidden), "right.0": (hidden, d2)}
    shapes |= {"right.2": (hidden, hidden), "head": (1, 2 * hidden + (d1 + d2) * skip)}
    weights = {}
    for name, shape in shapes.items():
        weights[f"{name}.weight"] = torch.randn(shape, generator=source, dtype=torch.float64)
        weights[f"{name}.bias"] = torch.randn(shape[0], generator=source, dtype=torch.float64)
    return weights


def two_input_reference(a, b, weights, order=("left", "right", "a", "b"), shared=False, last=True):
    """The network; order: what the head reads; shared: left serves both; last: the last ReLU."""

    def branch(x, name):
        h = F.relu(F.linear(x, weights[f"{name}.0.weight"], weights[f"{name}.0.bias"]))
        h = F.linear(h, weights[f"{name}.2.weight"], weights[f"{name}.2.bias"])
        return F.relu(h) if last else h

    right = branch(b, "left" if shared else "right")
    values = {"left": branch(a, "left"), "right": right, "a": a, "b": b}
    width = weights["head.weight"].shape[1]
    joined = torch.cat([values[name] for name in order], dim=1)[:, :width]
    return F.linear(joined, weights["head.weight"], weights["head.bias"])


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-6-hidden-1", "points": 1}
# Hidden test 3.6 · two inputs of one width · 1 point
### BEGIN HIDDEN TESTS
# Arrange
a_same = torch.randn(7, 3, generator=seeded(361), dtype=torch.float64)
b_same = torch.randn(7, 3, generator=seeded(362), dtype=torch.float64)
weights_same = two_input_weights(3, 3, 5, False, 363)
kept_same = {name: tensor.clone() for name, tensor in weights_same.items()}
same_args = (a_same.clone(), b_same.clone(), kept_same)
same_true = two_input_reference(*same_args)
right_only = {name.replace("left", "right"): t for name, t in kept_same.items()}
one_branch = {
    **kept_same,
    **{n.replace("right", "left"): t for n, t in kept_same.items() if n[0] == "r"},
}
shared_true = two_input_reference(*same_args[:2], one_branch)
shapes_same = observe.shapes(weights_same)
# Act
same_net = TwoInputNet(3, 3, 5).double()
fits_same = observe.fill(same_net, weights_same)
same_out = same_net(a_same, b_same)
# Assert
check.equal(fits_same, shapes_same, "names and shapes of the weights of TwoInputNet(3, 3, 5)")
check.close(
    same_out,
    same_true,
    "the output where both inputs have 3 features",
    ideas={
        "Both inputs go through one and the same branch: make two": shared_true,
        "Both inputs go through left": two_input_reference(*same_args, shared=True),
        "a and b are swapped": two_input_reference(same_args[1], same_args[0], kept_same),
        "The head reads right before left": two_input_reference(
            *same_args, order=("right", "left")
        ),
        "The last ReLU of the branches is missing": two_input_reference(*same_args, last=False),
    },
    rtol=1e-9,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-6-hidden-2", "points": 1}
# Hidden test 3.6 · with skip · 1 point
### BEGIN HIDDEN TESTS
# Arrange
a_skip = torch.randn(6, 4, generator=seeded(364), dtype=torch.float64)
b_skip = torch.randn(6, 2, generator=seeded(365), dtype=torch.float64)
weights_skip = two_input_weights(4, 2, 3, True, 366)
kept_skip = {name: tensor.clone() for name, tensor in weights_skip.items()}
skip_args = (a_skip.clone(), b_skip.clone(), kept_skip)
skip_true_out = two_input_reference(*skip_args)
shapes_skip = observe.shapes(weights_skip)
# Act
skip_net = TwoInputNet(4, 2, 3, skip=True).double()
fits_skip = observe.fill(skip_net, weights_skip)
skip_out = skip_net(a_skip, b_skip)
# Assert
check.equal(fits_skip, shapes_skip, "names and shapes of the weights with skip")
check.close(
    skip_out,
    skip_true_out,
    "the output with skip",
    ideas={
        "The raw inputs come after both branches": two_input_reference(
            *skip_args, order=("left", "a", "right", "b")
        ),
        "The raw inputs come after the branches, not before": two_input_reference(
            *skip_args, order=("a", "b", "left", "right")
        ),
        "Of the raw inputs, a comes before b": two_input_reference(
            *skip_args, order=("left", "right", "b", "a")
        ),
        "The last ReLU of the branches is missing": two_input_reference(*skip_args, last=False),
    },
    rtol=1e-9,
    hint="The head reads left(a), right(b), a, b, in this order",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-6-hidden-3", "points": 1}
# Hidden test 3.6 · gradients reach both inputs and all weights · 1 point
### BEGIN HIDDEN TESTS
# Arrange
a_way = torch.randn(5, 2, generator=seeded(367), dtype=torch.float64)
b_way = torch.randn(5, 2, generator=seeded(368), dtype=torch.float64)
c_way = torch.randn(5, 1, generator=seeded(369), dtype=torch.float64)
weights_way = two_input_weights(2, 2, 4, True, 370)
leaves_way = [t.clone().requires_grad_() for t in (a_way, b_way, *weights_way.values())]
out_way = two_input_reference(*leaves_way[:2], dict(zip(weights_way, leaves_way[2:], strict=True)))
ways_true = [g.clone() for g in torch.autograd.grad(out_way, leaves_way, c_way)]
named_ways_true = dict(zip(weights_way, ways_true[2:], strict=True))
way_value = out_way.detach().clone()
# Act
net_way = TwoInputNet(2, 2, 4, skip=True).double()
observe.fill(net_way, weights_way)
ways = observe.vjp(net_way, (a_way, b_way), c_way)
observe.error(lambda: net_way(a_way, b_way).backward(c_way))
named_ways = observe.gradients(net_way)
# Assert
check.close(
    ways["value"],
    way_value,
    "the output, before any gradient",
    rtol=1e-9,
    hint="The values are not right yet; the other tests say more",
)
check.close(
    ways["grads"],
    ways_true[:2],
    "the gradients of a and b",
    rtol=1e-9,
    hint="Branches and skip must both carry gradients: no detach, no .data, no no_grad",
)
check.close(
    named_ways,
    named_ways_true,
    "the gradients of all weights",
    rtol=1e-9,
    hint="detach, .data or no_grad in forward cut the way back",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-6-hidden-4", "points": 1}
# Hidden test 3.6 · each sample for itself, batch of one · 1 point
### BEGIN HIDDEN TESTS
# Arrange
a_one = torch.randn(4, 2, generator=seeded(371), dtype=torch.float64)
b_one = torch.randn(4, 2, generator=seeded(372), dtype=torch.float64)
weights_one = two_input_weights(2, 2, 2, False, 373)
kept_one = {name: tensor.clone() for name, tensor in weights_one.items()}
one_args = (a_one.clone(), b_one.clone(), kept_one)
four_true = [row.clone()[None] for row in two_input_reference(*one_args)]
shapes_one = observe.shapes(weights_one)
# Act
one_net = TwoInputNet(2, 2, 2).double()
fits_one = observe.fill(one_net, weights_one)
four_out = [one_net(a_one[k : k + 1], b_one[k : k + 1]) for k in range(4)]
# Assert
check.equal(fits_one, shapes_one, "names and shapes of the weights of TwoInputNet(2, 2, 2)")
check.close(
    four_out,
    four_true,
    "the outputs of four batches of one sample",
    rtol=1e-9,
    hint="A batch of one gives (1, 1); concatenate features (dim=1), not samples",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-3-7-reference", "points": 0}
### BEGIN HIDDEN TESTS
def finetune_weights(seed):
    """Weights and perturbed statistics of finetune_net, by name."""
    source, weights = seeded(seed), {}
    for name, tensor in finetune_net().state_dict().items():
        if tensor.is_floating_point():
            weights[name] = torch.randn(tensor.shape, generator=source)
        else:
            weights[name] = torch.tensor(5)
    weights["norm.running_var"] = weights["norm.running_var"].abs() + 0.5
    weights["norm.weight"] = weights["norm.weight"].abs() + 0.5
    return weights


def finetune_reference(
    weights,
    xs,
    ys,
    plan,
    *,
    before=2,
    clear="first",
    to_none=True,
    forget=True,
    still=True,
    mean=True,
):
    """States after normal steps, then one finetune step for each list of names in plan.

    clear: "first" (before backward), "between" (backward and step), "last" (after step) or "never";
    forget: freezing clears .grad; still: frozen parts in eval mode; mean: of the squared errors. Gives (state, losses).
    """
    model, losses = finetune_net(), []
    model.load_state_dict({name: tensor.clone() for name, tensor in weights.items()})
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=0.1)
    for x, y in zip(xs[:before], ys[:before], strict=True):
        F.mse_loss(model(x), y).backward()
        optimiser.step()
    last = None
    for x, y, frozen in zip(xs[before:], ys[before:], plan, strict=True):
        if frozen != last:
            last = frozen
            model.requires_grad_(True)
            for name in frozen:
                model.get_submodule(name).requires_grad_(False)
                for parameter in model.get_submodule(name).parameters():
                    parameter.grad = None if forget else parameter.grad
        model.train()
        for name in frozen if still else []:
            model.get_submodule(name).eval()
        if clear == "first":
            optimiser.zero_grad(set_to_none=to_none)
        loss = F.mse_loss(model(x), y, reduction="mean" if mean else "sum")
        loss.backward()
        if clear == "between":
            optimiser.zero_grad(set_to_none=to_none)
        optimiser.step()
        if clear == "last":
            optimiser.zero_grad(set_to_none=to_none)
        losses.append(loss.item())
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}, losses


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-7-hidden-1", "points": 2}
# Hidden test 3.7 · momentum, weight decay, a gradient from before · 2 points
### BEGIN HIDDEN TESTS
# Arrange
xs_37 = torch.randn(6, 8, 3, generator=seeded(371))
ys_37 = torch.randn(6, 8, 1, generator=seeded(372))
begin_37 = finetune_weights(373)
plan_37 = [["fc1", "norm"]] * 4
run_37 = (begin_37, xs_37.clone(), ys_37.clone(), plan_37)
tuned_true, losses_true = finetune_reference(*run_37)
stale, _ = finetune_reference(*run_37, clear="last", forget=False)
zeroed, _ = finetune_reference(*run_37, to_none=False, forget=False)
piled, _ = finetune_reference(*run_37, clear="never")
wandering, _ = finetune_reference(*run_37, still=False)
late, _ = finetune_reference(*run_37, clear="last")
lost, _ = finetune_reference(*run_37, clear="between")
summed_37, _ = finetune_reference(*run_37, mean=False)
begin_given = {name: tensor.clone() for name, tensor in begin_37.items()}
frozen_37 = ["fc1", "norm"]
# Act
tuned = finetune_net()
tuned.load_state_dict(begin_given)
sgd_tuned = torch.optim.SGD(tuned.parameters(), lr=0.05, momentum=0.9, weight_decay=0.1)
for k in range(2):
    F.mse_loss(tuned(xs_37[k]), ys_37[k]).backward()
    sgd_tuned.step()
freeze(tuned, frozen_37)
tuned_losses = [finetune_step(tuned, sgd_tuned, xs_37[k], ys_37[k], frozen_37) for k in range(2, 6)]
tuned_state = observe.state(tuned)
# Assert
check.close(
    tuned_state,
    tuned_true,
    "all weights and buffers after four steps, fc1 and norm frozen",
    ideas={
        "Frozen weights moved by a gradient from before: set it to None when you freeze": stale,
        "Frozen weights have a gradient of zero, so momentum and decay move them: use None": zeroed,
        "Gradients of earlier batches are added: clear them in each step": piled,
        "A gradient from before is added to the first: clear before backward, not after the step": late,
        "The gradients were cleared between backward and step: no weight moves": lost,
        "This is a step on the sum of the squared errors, where the mean is asked": summed_37,
        "The frozen norm works in train mode: put it in eval mode after model.train()": wandering,
    },
    rtol=1e-4,
    atol=1e-5,
    hint="Frozen: nothing moves. The others: exactly as an ordinary step moves them",
)
check.close(
    tuned_losses,
    losses_true,
    "the four losses",
    rtol=1e-4,
    atol=1e-5,
    hint="Return the loss on this batch, before the step",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-7-hidden-2", "points": 1}
# Hidden test 3.7 · fc1 is not fc10 · 1 point
### BEGIN HIDDEN TESTS
# Arrange
asks_whole = {
    name: not name.startswith("fc1.")
    for name in finetune_weights(0)
    if "run" not in name and "num" not in name
}
asks_prefix = {name: not name.startswith("fc1") for name in asks_whole}
asks_deep = {
    "body.0.weight": True,
    "body.0.bias": True,
    "body.1.weight": False,
    "body.1.bias": False,
}
asks_deep |= {"head.weight": True, "head.bias": True}
# Act
whole_37 = finetune_net()
freeze(whole_37, ["fc1"])
asks_fc1 = {name: p.requires_grad for name, p in whole_37.named_parameters()}
deep_37 = nn.ModuleDict({"body": nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))})
deep_37["head"] = nn.Linear(2, 1)
freeze(deep_37, ["body.1"])
asks_body = {name: p.requires_grad for name, p in deep_37.named_parameters()}
# Assert
check.equal(
    asks_fc1,
    asks_whole,
    "which parameters ask for a gradient, fc1 frozen",
    ideas={"fc10 is frozen too: compare whole names, not beginnings": asks_prefix},
)
check.equal(
    asks_body,
    asks_deep,
    "which parameters ask for a gradient, body.1 frozen",
    hint="A name may have dots: get_submodule knows them",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-7-hidden-3", "points": 1}
# Hidden test 3.7 · running statistics: frozen ones stay, others move · 1 point
### BEGIN HIDDEN TESTS
# Arrange
xs_stat = torch.randn(4, 8, 3, generator=seeded(374)) + 3
ys_stat = torch.randn(4, 8, 1, generator=seeded(375))
begin_stat = finetune_weights(376)
run_stat = (begin_stat, xs_stat.clone(), ys_stat.clone())
norm_still, _ = finetune_reference(*run_stat, [["norm"]] * 2)
norm_moves, _ = finetune_reference(*run_stat, [["fc1"]] * 2)
norm_train, _ = finetune_reference(*run_stat, [["norm"]] * 2, still=False)
norm_piled, _ = finetune_reference(*run_stat, [["norm"]] * 2, clear="never")
norm_lost, _ = finetune_reference(*run_stat, [["norm"]] * 2, clear="between")
norm_late, _ = finetune_reference(*run_stat, [["norm"]] * 2, clear="last")
given_stat = {name: tensor.clone() for name, tensor in begin_stat.items()}
frozen_lists = [["norm"], ["fc1"]]
# Act
stat_states = []
for names_stat in frozen_lists:
    stat_net = finetune_net()
    stat_net.load_state_dict(given_stat)
    stat_sgd = torch.optim.SGD(stat_net.parameters(), lr=0.05, momentum=0.9, weight_decay=0.1)
    for k in range(2):
        F.mse_loss(stat_net(xs_stat[k]), ys_stat[k]).backward()
        stat_sgd.step()
    freeze(stat_net, names_stat)
    stat_net.train()
    for k in range(2, 4):
        finetune_step(stat_net, stat_sgd, xs_stat[k], ys_stat[k], names_stat)
    stat_states = [*stat_states, observe.state(stat_net)]
# Assert
check.close(
    stat_states[0],
    norm_still,
    "weights and buffers, norm frozen",
    ideas={
        "The running statistics of the frozen norm moved: eval mode, after model.train()": norm_train,
        "Gradients of earlier batches are added: clear them in each step": norm_piled,
        "The gradients were cleared between backward and step: no weight moves": norm_lost,
        "A gradient from before is added to the first: clear before backward, not after the step": norm_late,
    },
    rtol=1e-4,
    atol=1e-5,
    hint="The frozen norm: nothing moves. The others: as an ordinary step moves them",
)
check.close(
    stat_states[1],
    norm_moves,
    "weights and buffers, fc1 frozen and norm not",
    rtol=1e-4,
    atol=1e-5,
    hint="Only frozen submodules are in eval mode; the rest trains",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-7-hidden-4", "points": 1}
# Hidden test 3.7 · freeze, then unfreeze · 1 point
### BEGIN HIDDEN TESTS
# Arrange
xs_thaw = torch.randn(6, 8, 3, generator=seeded(377))
ys_thaw = torch.randn(6, 8, 1, generator=seeded(378))
begin_thaw = finetune_weights(379)
run_thaw = (begin_thaw, xs_thaw.clone(), ys_thaw.clone())
thawed_true, _ = finetune_reference(*run_thaw, [["fc1", "norm"]] * 2 + [[]] * 2)
given_thaw = {name: tensor.clone() for name, tensor in begin_thaw.items()}
frozen_thaw = ["fc1", "norm"]
# Act
thaw_net = finetune_net()
thaw_net.load_state_dict(given_thaw)
thaw_sgd = torch.optim.SGD(thaw_net.parameters(), lr=0.05, momentum=0.9, weight_decay=0.1)
for k in range(2):
    F.mse_loss(thaw_net(xs_thaw[k]), ys_thaw[k]).backward()
    thaw_sgd.step()
freeze(thaw_net, frozen_thaw)
for k in range(2, 4):
    finetune_step(thaw_net, thaw_sgd, xs_thaw[k], ys_thaw[k], frozen_thaw)
freeze(thaw_net, [])
for k in range(4, 6):
    finetune_step(thaw_net, thaw_sgd, xs_thaw[k], ys_thaw[k], [])
thaw_asks = [p.requires_grad for p in thaw_net.parameters()]
thaw_state = observe.state(thaw_net)
# Assert
check.equal(
    thaw_asks,
    [True] * 8,
    "requires_grad of all parameters after freeze(model, [])",
    hint="What is not named must ask for a gradient again",
)
check.close(
    thaw_state,
    thawed_true,
    "weights and buffers after two steps frozen and two free",
    rtol=1e-4,
    atol=1e-5,
    hint="After freeze(model, []) everything trains again, the norm too",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-3-7-hidden-5", "points": 1}
# Hidden test 3.7 · a name that is no submodule · 1 point
### BEGIN HIDDEN TESTS
# Arrange
typo = ["fc2"]
# Act
typo_37 = finetune_net()
misspelt = observe.error(freeze, typo_37, typo)
# Assert
check.raised(
    misspelt,
    AttributeError,
    "a name with a slip of the pen",
    hint="A typo that freezes nothing goes unnoticed for weeks: get_submodule raises",
)
### END HIDDEN TESTS
