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
# # 6 · Fully connected networks
#
# The oldest network is still everywhere: alone on tables, as the head of an image model, twice in every layer of a transformer. It is also the best laboratory: small enough to train forty times in one evening. After this chapter you can
#
# - build such a network from a list of sizes, and say what it can represent and what not;
# - choose an activation and an initialisation, and show with numbers what the choice does;
# - measure dead units, activations and gradients through depth without fooling yourself;
# - compare designs fairly: equal budgets, several seeds, a spread;
# - use normalisation, dropout and weight decay in the right place and the right mode.
#
# Reading: 60 minutes · exercises: 137 minutes · 51 points

# %% tags=["setup"]
import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

import gradus
from gradus import check, observe, plots, seeded
from gradus.probes import Tattle

torch.set_printoptions(precision=3, sci_mode=False)
device = gradus.device()
ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
# The next cell is folded: it holds helpers. Run it; click on its dots to read it.


# %% tags=["setup"] jupyter={"source_hidden": true}
class Shuffled:
    """A light loader: batches (x, y) of `size`, in another order each epoch."""

    def __init__(self, x, y, size, seed):
        self.x, self.y, self.size, self.dice = x, y, size, seeded(seed)

    def __len__(self):
        return math.ceil(len(self.x) / self.size)

    def __iter__(self):
        for part in torch.randperm(len(self.x), generator=self.dice).split(self.size):
            yield self.x[part], self.y[part]


def run(build, train, test, *, seed, epochs, lr=1e-3, size=50, optimise=None):
    """Errors of one run after each number in `epochs`; None if a loss was not finite.

    {"training": [...], "test": [...]} in eval mode; "loop": as the loop averages it, in train mode.
    optimise: model → optimiser; None: Adam at rate lr.
    """
    torch.manual_seed(seed)
    model, done, errors = build().to(device), 0, {"training": [], "test": [], "loop": []}
    optimiser = optimise(model) if optimise else torch.optim.Adam(model.parameters(), lr=lr)
    loader = Shuffled(*train, size, seed)
    for stop in epochs:
        try:
            history = gradus.fit(model, loader, F.mse_loss, optimiser, epochs=stop - done)
        except FloatingPointError:
            return None
        done = stop
        errors["loop"].append(history["loss"][-1])
        for part, data in (("training", train), ("test", test)):
            errors[part].append(gradus.evaluate(model, [data], F.mse_loss)["loss"])
    return errors


def ends(results, part="test", at=-1):
    """Of each design's runs one error; nan where the run broke off."""
    return {n: [r[part][at] if r else math.nan for r in runs] for n, runs in results.items()}


def dots(groups, *, title, xlabel, scale="log"):
    """One row a design, one mark a seed: groups = {label: {design: numbers, one a seed}}."""
    rows = list(next(iter(groups.values())))
    fig, axes = plots.figure(7, 1.2 + 0.4 * len(rows))
    for k, (label, results) in enumerate(groups.items()):
        for i, row in enumerate(rows):
            height = [i + 0.24 * (k - (len(groups) - 1) / 2)] * len(results[row])
            mark = {"marker": "os^D"[k], "color": plots.PALETTE[k], "linestyle": "none"}
            axes.plot(results[row], height, label=label if i == 0 else None, **mark)
    axes.set(title=title, xlabel=xlabel, xscale=scale, yticks=range(len(rows)), yticklabels=rows)
    axes.invert_yaxis()
    if len(groups) > 1:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return plots.close(fig)


def ridges(series, *, title, xlabel="log₁₀ of the size"):
    """Histograms of log10 |value|, one line a layer: series = {label: [tensor, one a layer]}."""
    fig, axes = plots.figure(7.5, 4.2)
    for k, (label, layers) in enumerate(series.items()):
        for depth, values in enumerate(layers, 1):
            sizes = values[values != 0].abs().log10().cpu()
            counts, edges = torch.histogram(sizes, 40)
            middle, height = (edges[1:] + edges[:-1]) / 2, depth - 0.85 * counts / counts.max()
            look = {"color": plots.PALETTE[k], "linestyle": ("-", "--", "-.")[k], "marker": ""}
            axes.plot(middle, height, label=label if depth == 1 else None, **look)
    axes.set(title=title, xlabel=xlabel, ylabel="layer", yticks=range(1, len(layers) + 1))
    axes.invert_yaxis()
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return plots.close(fig)


def borders(models, points, classes):
    """Points of two classes, and where each network's output changes its sign."""
    fig, axes = plots.figure(5.5, 4.2)
    steps = torch.linspace(-1.1, 1.1, 80)
    for k, (name, model) in enumerate(models.items()):
        values = model(torch.cartesian_prod(steps, steps)).detach().reshape(80, 80).T
        look = {"color": plots.PALETTE[k], "linestyle": ["-", "--", ":"][k]}
        axes.contour(
            steps, steps, values, [0.0], colors=look["color"], linestyles=look["linestyle"]
        )
        axes.plot([], [], marker="", label=name, **look)
    for value, mark in ((0, "x"), (1, "o")):
        chosen = points[classes[:, 0] == value]
        axes.scatter(*chosen.T, s=9, marker=mark, color="gray", label=f"class {value}")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    axes.set(title="Where the network changes its mind", xlabel="x₁", ylabel="x₂", aspect="equal")
    return plots.close(fig)


def panels(count, width=9.0, height=3.4):
    """A figure with `count` axes side by side."""
    fig, axes = plots.figure(width, height)
    axes.remove()
    return fig, fig.subplots(1, count)


# The data of the experiments, n samples (x, y) each; the text writes the formulas.
def wave(x):
    return torch.sin(5 * x) + (2 * x).abs()


def noise(n, width, seed):
    return torch.randn(n, width, generator=seeded(seed))


def add_up(n, seed):
    x = noise(n, 20, seed)
    return x, x.sum(dim=1) + 0.1 * noise(n, 1, seed + 1)[:, 0]


def two_waves(n, seed):
    x = 2 * torch.rand(n, 2, generator=seeded(seed)) - 1
    return x, torch.sin(3 * x[:, :1]) * torch.cos(3 * x[:, 1:])


def five_inputs(n, seed):
    x = noise(n, 5, seed)
    return x, (torch.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:3]) / 1.2


def bent_wave(n, seed):
    x = 2 * torch.rand(n, 2, generator=seeded(seed)) - 1
    return x, torch.sin(6 * x[:, :1] + 2 * torch.sin(6 * x[:, 1:]))


def scarce(n, seed):
    x = noise(n, 10, seed)
    clean = torch.sin(2 * x[:, :1]) + 0.5 * x[:, 1:2] * x[:, 2:3] + x[:, 3:4]
    return x, clean + 0.3 * noise(n, 1, seed + 1)


# Only the tests use what follows, and Tattle, which adds 10 in train mode and 100 while gradients
# are recorded: you can pass it by.
class Diary(nn.Module):
    """A line through one input that writes down which samples it saw, in order."""

    def __init__(self):
        super().__init__()
        self.line, self.seen = nn.Linear(1, 1), []

    def forward(self, x):
        self.seen.append(x[:, 0].detach().clone())
        return self.line(x)


class Twice(nn.Module):
    """Two linear layers that share one ReLU; the second is registered first."""

    def __init__(self):
        super().__init__()
        self.second, self.first, self.relu = nn.Linear(6, 3), nn.Linear(4, 6), nn.ReLU()

    def forward(self, x):
        return self.relu(self.second(self.relu(self.first(x))))


# %% [markdown]
# ## Layers of weighted sums
#
# A *multi-layer perceptron*, MLP for short, sends a vector through layers. Each one takes weighted sums of everything that arrives and bends the result:
#
# h₁ = σ(W₁x + b₁), h₂ = σ(W₂h₁ + b₂), …, ŷ = Wₖhₖ₋₁ + bₖ
#
# Wᵢ has the shape (outputs, inputs); σ, the *activation*, works entry by entry. The last layer stays linear: its outputs are predictions or logits, of any sign and size.
#
# Use an MLP where the inputs are a handful of unlike quantities: tables, physics, features from another network. On images or long sequences it wastes parameters: a layer for a 224 × 224 colour picture with 1000 units has 150 million weights. You may read that it treats each pixel independently. Look.

# %%
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
pictures = gradus.load("mnist", quiet=True).images[:5, 0, 2:26:3, 2:26:3].float() / 255
x = pictures.reshape(5, 64)
before = model(x)
bumped = x.clone()
bumped[:, 27] += 1
print("outputs moved by one pixel:", (model(bumped) != before).float().mean().item())
order = torch.randperm(64, generator=seeded(1))
model[0].weight.data = model[0].weight[:, order]
print("pixels and weights shuffled alike:", (model(x[:, order]) - before).abs().max().item() < 1e-6)

# %% [markdown]
# One pixel moves every output: an MLP mixes all pixels. What it lacks is the notion of a *neighbour*. Shuffle the pixels and the columns of W₁ alike, and nothing changes: to it, a picture is a list. Chapter 7 builds the neighbourhood in.
#
# And what is the bend for? Without σ, two layers are W₂(W₁x + b₁) + b₂: one matrix, one bias. Any depth collapses to a single *affine* map, whose level lines are straight.

# %% [markdown]
# ### Predict 6.1 · A missing branch
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# You find this constructor, and call it with `activation="tanh"`.
#
# ```python
# for a, b in zip(sizes, sizes[1:]):
#     layers.append(nn.Linear(a, b))
#     if activation == "relu":
#         layers.append(nn.ReLU())
#     elif activation == "gelu":
#         layers.append(nn.GELU())
# ```
#
# What do you get?
#
# - a: an error that names the unknown activation
# - b: a network with ReLU, the default
# - c: a network that is one affine map, without a word
# - d: a network with tanh, since PyTorch looks names up

# %% nbgrader={"grade_id": "predict-6-1"}
# Write your choice: predict_6_1 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_6_1 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-6-1-check", "points": 0}
# Arrange
# Act
choice = predict_6_1
# Assert
check.one_of(choice, ("a", "b", "c", "d"), "your choice")

# %% alt="Points of two classes, above and below a wave. The border learnt by the network without activation is a straight line through the middle; the border with ReLU follows the wave in corners; the one with tanh bends smoothly, and follows the left dip only half-way."
points = 2.2 * torch.rand(400, 2, generator=seeded(2)) - 1.1
above = (points[:, 1:] > 0.5 * torch.sin(4 * points[:, :1])).float()
models = {}
for name, bend in {"none": nn.Identity, "relu": nn.ReLU, "tanh": nn.Tanh}.items():
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(2, 16), bend(), nn.Linear(16, 16), bend(), nn.Linear(16, 1))
    adam, loss = torch.optim.Adam(model.parameters(), lr=1e-2), F.binary_cross_entropy_with_logits
    gradus.fit(model, Shuffled(points, above, 50, 0), loss, adam, epochs=30)
    bent = model(points) + model(-points) - 2 * model(0 * points)
    print(f"{name:5} largest f(x) + f(-x) - 2 f(0): {bent.detach().abs().max():.1f}")
    models[name] = model
borders(models, points, above)

# %% [markdown]
# The branch for "tanh" is missing, so no layer is added and nobody says so. The printed number is 0 for every affine map. Such a network draws a straight border, wherever the points lie; with ReLU the border bends in corners, with tanh smoothly. Look names up in a table, and raise on a stranger.

# %% [markdown]
# ### Exercise 6.1 · Your first MLP
# ★★★☆☆ · 20 min · implementation · 8 points
#
# - `build_mlp`: Linear, activation, Linear, …, Linear. Use the table `ACTIVATIONS` of the setup cell; a name that is not in it raises `ValueError` with that name in the message.
# - `train_mlp`: Adam on the mean squared error, `batch` samples a step (the last batch may be smaller), every sample once an epoch, a new order each epoch. `gradus.fit` is welcome.
# - `test_mse`: in eval mode, without gradients; `model.training` is afterwards what it was.
#
# `build_mlp([20, 64, 32, 1])` has 5 modules and 3457 parameters. The targets have the shape (n,), the outputs (n, 1): think of chapter 1.
#
# <details><summary>Hint 1</summary>
#
# `zip(sizes, sizes[1:])` gives the pairs. Add an activation after each, then drop the last. `y[:, None]` has the shape of the output.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `Shuffled(x, y[:, None], batch, 0)` from the folded cell is a loader: `gradus.fit(model, loader, F.mse_loss, …, epochs=epochs)`, one optimiser for all epochs. `gradus.evaluate(model, [(x, …)], F.mse_loss)` returns a dict with "loss". `raise ValueError(f"unknown activation {activation!r}")`.
#
# </details>


# %% nbgrader={"grade_id": "ex-6-1"}
def build_mlp(sizes: list[int], activation: str = "relu") -> nn.Sequential:
    """Linear sizes[0] → sizes[1] → …, an activation between two; ValueError if it is unknown."""
    ### BEGIN SOLUTION
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}: one of {', '.join(ACTIVATIONS)}")
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])
    ### END SOLUTION


def train_mlp(model, x, y, *, epochs: int, lr: float = 1e-3, batch: int = 64) -> None:
    """Train in place with Adam on the mean squared error. x: (n, d); y: (n,); output: (n, 1)."""
    ### BEGIN SOLUTION
    loader = Shuffled(x, y[:, None], batch, seed=int(torch.randint(2**31, ())))
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=epochs)
    ### END SOLUTION


def test_mse(model, x, y) -> float:
    """Mean squared error on x (n, d), y (n,), in eval mode; model.training stays what it was."""
    ### BEGIN SOLUTION
    return gradus.evaluate(model, [(x, y[:, None])], F.mse_loss)["loss"]
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-6-1-check", "points": 1}
# Arrange
two_in = torch.tensor([[1.0, 2.0]])
# Act
small_mlp = build_mlp([2, 3, 4, 1], "tanh")
kinds = observe.layer_order(small_mlp, two_in)
sizes_given = [20, 64, 32, 1]
count_given = sum(p.numel() for p in build_mlp(sizes_given).parameters())
# Assert
check.equal(
    kinds,
    ["Linear", "Tanh", "Linear", "Tanh", "Linear"],
    "the modules of build_mlp([2, 3, 4, 1], 'tanh')",
    ideas={
        "The last layer stays linear: no activation after it": ["Linear", "Tanh"] * 3,
        "The name 'tanh' is ignored: look it up in ACTIVATIONS": [
            "Linear",
            "ReLU",
            "Linear",
            "ReLU",
            "Linear",
        ],
        "No activation at all: this is one affine map": ["Linear"] * 3,
    },
)
check.equal(count_given, 3457, "the parameters of build_mlp([20, 64, 32, 1])")

# %% nbgrader={"grade_id": "ex-6-1-check-2", "points": 1}
# Arrange
x_line, y_line = torch.tensor([[1.0], [3.0]]), torch.tensor([6.0, 0.0])
# Act
line = nn.Linear(1, 1)
torch.nn.init.ones_(line.weight)
torch.nn.init.zeros_(line.bias)
before_mse = test_mse(line, x_line, y_line)
train_mlp(line, x_line, y_line, epochs=1, lr=0.25, batch=2)
first_step = observe.state(line)
# Assert
check.close(
    before_mse,
    17.0,
    "the mean squared error of outputs 1 and 3 against targets 6 and 0",
    ideas={
        "The sum over the samples: the mean is asked for": 34.0,
        "Outputs (n, 1) against targets (n,) broadcast to (n, n): four errors from two samples": 11.0,
    },
    hint="((1 - 6)² + (3 - 0)²) / 2",
)
check.close(
    first_step,
    {"weight": torch.tensor([[0.75]]), "bias": torch.tensor([0.25])},
    "weight (from 1) and bias (from 0) after one step (the first step of Adam has the length lr)",
    ideas={
        "Nothing moved: take one step a batch": {
            "weight": torch.tensor([[1.0]]),
            "bias": torch.tensor([0.0]),
        },
        "Outputs (n, 1) against targets (n,) broadcast to (n, n): give y the outputs' shape": {
            "weight": torch.tensor([[1.25]]),
            "bias": torch.tensor([0.25]),
        },
    },
    hint="Adam with lr=lr, and one step for a batch of two",
    atol=1e-4,
)

# %% [markdown]
# Every framework has this little builder somewhere. From here on the experiments of this chapter use yours.
#
# ## The same network, three recipes
#
# The task: add up 20 numbers, y = Σxᵢ plus noise of standard deviation 0.1. No model can get a test error below the variance of the noise, 0.01: the *noise floor*. "Train for 100 epochs, reach a loss of 0.1" sounds like a full recipe. It leaves out batch size and learning rate.


# %% tags=["demo", "raises-exception"] alt="Test and training error of three recipes, three seeds each. Full batch with rate 0.001 stays above 0.2 for both. Full batch with 0.01 and batches of 64 with 0.001 have training errors of 0.017 and 0.008 and test errors near 0.04. Least squares, last row, has both errors at 0.01."
(x, y), (x_new, y_new) = add_up(1000, 0), add_up(500, 10)
recipes = {"full, 0.001": (1000, 1e-3), "full, 0.01": (1000, 1e-2), "64, 0.001": (64, 1e-3)}
errors = {"test": {name: [] for name in recipes}, "training": {name: [] for name in recipes}}
for name, (batch, lr) in recipes.items():
    for seed in range(3):
        torch.manual_seed(seed)
        model = build_mlp([20, 64, 32, 1])
        train_mlp(model, x, y, epochs=100, lr=lr, batch=batch)
        errors["test"][name].append(test_mse(model, x_new, y_new))
        errors["training"][name].append(test_mse(model, x, y))
line = torch.linalg.lstsq(x, y[:, None]).solution
errors["test"]["least squares"] = [F.mse_loss(x_new @ line, y_new[:, None]).item()]
errors["training"]["least squares"] = [F.mse_loss(x @ line, y[:, None]).item()]
dots(errors, title="Adding up 20 numbers: batch and learning rate", xlabel="mean squared error")

# %% [markdown]
# The first recipe misses 0.1 on every seed: 100 epochs of one batch are only 100 steps. The third ends *below* the floor on its training data: it memorises noise, and its test error is about four times the floor. Least squares, with 20 weights, sits at the floor and beats them all, as the truth is linear. Always run the simple model too, and judge by the test error and the floor.
#
# ## What a hidden layer can represent
#
# The **universal approximation theorem**: one hidden layer with enough units comes as close as you like to any function. Read the conditions: the function is *continuous*, the inputs lie in a *closed, bounded* region, and σ is *not a polynomial*.
#
# Think of the hidden units as building blocks that the last layer adds up: with ReLU, hinges. To see representation without any training, draw the hidden weights at random and find the output weights by least squares, here for sin 5x + |2x|.


# %% alt="A wavy curve and two fits made on minus 1 to 1. With 4 units the fit is a rough polygon, with 64 it covers the curve between minus 1 and 1. Outside, both leave the curve in straight lines."
def solved(t, bend, width):
    """At t: hidden units with random weights; output weights by least squares on [-1, 1]."""
    dice, x = seeded(width + 11), torch.linspace(-1, 1, 400, dtype=torch.float64)
    place, slope = 2 * torch.rand(width, generator=dice) - 1, 3 * torch.randn(width, generator=dice)
    near, far = (F.pad(bend(slope * (s[:, None] - place)), (0, 1), value=1.0) for s in (x, t))
    return (far @ torch.linalg.lstsq(near, wave(x)[:, None], driver="gelsd").solution)[:, 0]


far, inner = (torch.linspace(-a, a, 321, dtype=torch.float64) for a in (1.6, 1.0))
for name, bend in {"relu": torch.relu, "tanh": torch.tanh, "square": torch.square}.items():
    errors = [(solved(inner, bend, n) - wave(inner)).pow(2).mean().sqrt() for n in (4, 16, 64)]
    print(f"{name:6} error with 4, 16, 64 units:", [round(error.item(), 3) for error in errors])
lines = {"the function": wave(far)} | {f"{n} hinges": solved(far, torch.relu, n) for n in (4, 64)}
plots.curves(lines, x=far, title="Hinges fitted on −1 to 1 only", xlabel="x", ylabel="value")

# %% [markdown]
# Sixty-four hinges cover the curve, and outside the interval where the data were, both fits leave it in straight lines: the theorem promises nothing there. The table shows why σ must not be a polynomial: sums of squares of lines are parabolas, however many you add.
#
# The theorem also does not say how *many* units you need (it can be astronomically many), nor that training finds the weights, nor that the result is right between the samples. It removes one excuse and makes no promise.
#
# ## Seven bends
#
# The gradient that reaches the first layer is a product with one slope σ′ a layer. So look at the slopes as closely as at the functions.

# %% alt="Left, seven activations from -4 to 4: ReLU, leaky ReLU, GELU and SiLU are near 0 left of zero and grow like x right of it, GELU and SiLU dipping a little below 0; ELU levels off at -1; tanh runs from -1 to 1, sigmoid from 0 to 1. Right, their slopes: ReLU jumps from 0 to 1, tanh has a peak of 1 at 0, the sigmoid's slope never exceeds one quarter."
x = torch.linspace(-4, 4, 201, requires_grad=True)
fig, (left, right) = panels(2)
for k, (name, kind) in enumerate(ACTIVATIONS.items()):
    y = kind()(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    look = {"color": plots.PALETTE[k], "linestyle": ["-", "--", "-.", ":"][k % 4], "label": name}
    left.plot(x.detach(), y.detach(), **look)
    right.plot(x.detach(), slope, **look)
left.set(title="activation", xlabel="x", ylim=(-1.5, 4))
right.set(title="slope", xlabel="x")
right.legend(loc="upper left", bbox_to_anchor=(1, 1))
plots.close(fig)

# %% [markdown]
# | activation | formula | good for | mind |
# |---|---|---|---|
# | ReLU | max(0, x) | hidden layers, the default | slope 0 on the left: units can die |
# | leaky ReLU | x or 0.01x | when many units die | one more number |
# | ELU | x or α(eˣ − 1) | smooth at 0 (α = 1), mean nearer 0 | an exponential |
# | tanh | (eˣ − e⁻ˣ)/(eˣ + e⁻ˣ) | bounded, centred: recurrent nets, smooth physics | flat for large &#124;x&#124; |
# | sigmoid | 1/(1 + e⁻ˣ) | gates; a probability at the very end, inside the loss | slope at most ¼ |
# | GELU | x · Φ(x) | transformers; Φ: the normal distribution's area | dearer, dips below 0 |
# | SiLU (swish) | x · σ(x) | newer image models | as GELU |
#
# The right picture shows ReLU's slope as a step from 0 to 1, and the sigmoid's as a low hill, never above a quarter.

# %% [markdown]
# ### Exercise 6.2 · Five activations of your own
# ★★★☆☆ · 20 min · implementation · 7 points
#
# Write the five functions with plain tensor operations (`where`, `clamp`, `exp`, `expm1`, `erf`, `sigmoid` …), not with PyTorch's own versions. Any float dtype and shape; the input stays as it is.
#
# Values *and* slopes must be right, also at ±100 in float32: no `nan`. Exactly at 0 agree with PyTorch: ReLU has slope 0 there, leaky ReLU `slope`, ELU `alpha`.
#
# gelu(1) = 0.8413 (exact form, with `erf`), silu(1) = 0.7311, elu(−1) = −0.6321, leaky_relu(−2) = −0.02.
#
# <details><summary>Hint 1</summary>
#
# `torch.where(x > 0, x, something)` has a trap: both branches are computed. An infinite one gives a gradient of 0 · ∞ = nan, even where it is not chosen.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Clamp before the exponential: `alpha * torch.expm1(x.clamp(max=0))`. Φ(x) = (1 + erf(x/√2)) / 2. `x * (x > 0)` has slope 0 at 0; `torch.maximum` has ½ there.
#
# </details>


# %% nbgrader={"grade_id": "ex-6-2"}
def relu(x: torch.Tensor) -> torch.Tensor:
    """max(0, x)."""
    ### BEGIN SOLUTION
    return torch.where(x > 0, x, 0.0)
    ### END SOLUTION


def leaky_relu(x: torch.Tensor, slope: float = 0.01) -> torch.Tensor:
    """x where x > 0, slope · x elsewhere."""
    ### BEGIN SOLUTION
    return torch.where(x > 0, x, slope * x)
    ### END SOLUTION


def elu(x: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
    """x where x > 0, alpha · (exp(x) - 1) elsewhere."""
    ### BEGIN SOLUTION
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))
    ### END SOLUTION


def gelu(x: torch.Tensor) -> torch.Tensor:
    """x · Φ(x), Φ the distribution function of the standard normal; the exact form."""
    ### BEGIN SOLUTION
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2
    ### END SOLUTION


def silu(x: torch.Tensor) -> torch.Tensor:
    """x · 1 / (1 + exp(-x))."""
    ### BEGIN SOLUTION
    return x * torch.sigmoid(x)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-6-2-check", "points": 2}
# Arrange
x_five = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])
relu_true = torch.tensor([0.0, 0.0, 0.0, 1.0, 2.0])
leaky_true = torch.tensor([-0.02, -0.01, 0.0, 1.0, 2.0])
leaky_flipped = torch.tensor([-2.0, -1.0, 0.0, 0.01, 0.02])
elu_true = torch.tensor([-0.864665, -0.632121, 0.0, 1.0, 2.0])
gelu_true = torch.tensor([-0.045500, -0.158655, 0.0, 0.841345, 1.954500])
gelu_tanh = torch.tensor([-0.045402, -0.158808, 0.0, 0.841192, 1.954598])
silu_true = torch.tensor([-0.238406, -0.268941, 0.0, 0.731059, 1.761594])
# Act
five = [relu(x_five), leaky_relu(x_five), elu(x_five), gelu(x_five), silu(x_five)]
text_of_five = observe.source(relu)
# Assert
check.close(five[0], relu_true, "relu")
check.close(
    five[1],
    leaky_true,
    "leaky_relu",
    ideas={"The small slope is on the wrong side: it belongs where x is negative": leaky_flipped},
)
check.close(five[2], elu_true, "elu", hint="alpha · (exp(x) - 1) on the left, x on the right")
check.close(
    five[3],
    gelu_true,
    "gelu",
    ideas={"This is the tanh approximation: the exact form uses erf": gelu_tanh},
    hint="x · (1 + erf(x/√2)) / 2",
)
check.close(five[4], silu_true, "silu", hint="x times the sigmoid of x")
check.avoids(
    text_of_five,
    "the five functions",
    calls=("relu", "leaky_relu", "elu", "gelu", "silu", "ReLU", "LeakyReLU", "ELU", "GELU", "SiLU"),
)

# %% [markdown]
# `where` with a guarded branch is a pattern for life: you will meet the nan that hides in the branch not taken.
#
# ## How much gradient arrives
#
# Ten layers of 64 units, weights fresh from PyTorch, one batch. How large is the gradient at each layer's weights, compared with the last hidden layer?


# %% tags=["raises-exception"] alt="Size of the weight gradient from layer 1 to layer 10, relative to layer 10, logarithmic, one line an activation, median of five seeds. The sigmoid's falls to about 1e-8 at layer 1. GELU and SiLU fall to 0.002, ReLU to 0.02, tanh to 0.2."
def gradient_sizes(activation, seed, he):
    torch.manual_seed(seed)
    model, x = build_mlp([64] * 11 + [1], activation), torch.randn(256, 64)
    for layer in model[::2] if he else []:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    F.mse_loss(model(x), x[:, :1]).backward()
    return torch.stack([m.weight.grad.norm() / model[-3].weight.grad.norm() for m in model[:-1:2]])


names = ("relu", "tanh", "gelu", "silu", "sigmoid")
for he in (True, False):
    seeds = {n: torch.stack([gradient_sizes(n, seed, he) for seed in range(5)]) for n in names}
    lines = {n: sizes.median(dim=0).values for n, sizes in seeds.items()}
    print("He:     " if he else "PyTorch:", {n: f"{line[0]:.0e}" for n, line in lines.items()})
plots.curves(lines, title="PyTorch's start, 5 seeds", xlabel="layer", ylabel="size", log=True)

# %% [markdown]
# Under the sigmoid the first layer hears a fifty-millionth: that is the **vanishing gradient**. ReLU fades 50-fold too, GELU and SiLU 500-fold: PyTorch's weights start rather small. The line "He" is the same with larger weights (their rule comes soon): all but the sigmoid keep a tenth or more.
#
# Now train: y = sin 3x₁ · cos 3x₂, three hidden layers of 64 units, 20 epochs, three seeds each. A legend says: never a sigmoid in a hidden layer, and GELU for the best results. The last row adds a batch normalisation (further down) before each sigmoid.


# %% tags=["demo", "raises-exception", "nbval-ignore-output"]
def normed_sigmoids():
    layers = []
    for inputs in (2, 64, 64):
        layers += [nn.Linear(inputs, 64), nn.BatchNorm1d(64), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(64, 1))


makers = {n: partial(build_mlp, [2, 64, 64, 64, 1], n) for n in names}
makers["sigmoid + norm"] = normed_sigmoids
train, test = two_waves(600, 1), two_waves(400, 2)
histories = {name: [] for name in makers}
for name, seed in tqdm([(name, seed) for name in makers for seed in range(3)]):
    histories[name].append(run(makers[name], train, test, seed=seed, epochs=[20]))

# %% tags=["raises-exception"] alt="Test error of six designs, three seeds each, on a logarithmic axis. ReLU lies lowest, near 0.005; tanh between 0.017 and 0.05, GELU near 0.055, SiLU from 0.09 to 0.16, the sigmoid with normalisation from 0.06 to 0.1. The plain sigmoid stays at 0.23, the variance of the target, on all seeds."
print("variance of the target:", round(test[1].var().item(), 2))
dots({"test": ends(histories)}, title="Two waves, 20 epochs, three seeds", xlabel="test error")

# %% [markdown]
# The plain sigmoid does not move: its error is the variance of the target. But "never" is too strong: with a normalisation in front it learns. And here GELU is *behind* ReLU, SiLU behind ReLU and tanh. Your task may say otherwise: three seeds take a minute.
#
# ## The scale of a start
#
# A ReLU layer with n inputs multiplies the mean square of its signal by about n · Var(w) / 2; the half is the ReLU's. To keep the signal alive, Var(w) = 2/n: **He** (Kaiming) initialisation. For tanh near 0 there is no half; a compromise between the way forward and back gives 2/(inputs + outputs): **Xavier** (Glorot). Biases start at 0.
#
# Two popular ways to get it wrong: a wrong scale, and no randomness at all.

# %% [markdown]
# ### Predict 6.2 · All weights 0.01
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# One layer of 100 inputs and 100 units, all weights exactly 0.01, biases 0, is applied ten times, a ReLU after each. It starts with 100 random numbers whose sum is 21.93. What happens to the mean of the activations?
#
# - a: it fades to 0, as 0.01 is far too small
# - b: it is the same after each of the ten layers
# - c: it grows from layer to layer

# %% nbgrader={"grade_id": "predict-6-2"}
# Write your choice: predict_6_2 = "a", "b" or "c"
### BEGIN SOLUTION
predict_6_2 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-6-2-check", "points": 0}
# Arrange
# Act
choice = predict_6_2
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")


# %%
def ten_layers(x, weight):
    means = []
    for _ in range(10):
        x = torch.relu(x @ weight.T)
        means.append(x.mean().item())
    return means, x.std().item()


x, starts = torch.randn(100, generator=seeded(0)), torch.randn(200, 100, generator=seeded(5))
x, constant = x + 0.2193 - x.mean(), torch.full((100, 100), 0.01)
print("constant 0.01, layers 1 to 10:", {round(mean, 4) for mean in ten_layers(x, constant)[0]})
gone = sum(ten_layers(start, constant)[0][0] == 0 for start in starts)
print("zero from layer 1 on:", gone, "of 200 random inputs")
_, std = ten_layers(x, 0.01 * torch.randn(100, 100, generator=seeded(1)))
print(f"random, scale 0.01, std after ten layers: {std:.0e}")

# %% [markdown]
# Each row sums to 1, so all units hold the mean, 0.2193, for ever. (About half of all inputs have a negative sum; they are 0 after the first ReLU.) Constant weights fail for another reason: all units are the same unit. What *fades* is a random start of scale 0.01.
#
# The next plot shows it through ten layers of 100 units, as histograms of the sizes that are not 0.


# %% alt="Histograms of the activations' sizes at layers 1 to 10 on a logarithmic axis, three starts. With standard deviation 0.01 the hill moves left by about one power of ten a layer, to about 1e-12. With He it stays near 1. With standard deviation 1 it moves right to about 1e8. Second picture, the gradients at the layers' outputs: 1 at layer 10 for all three; towards layer 1 they shrink to about 1e-10 with 0.01, stay near 1 with He, and grow to about 1e8 with 1."
def signals(std, noise):
    x, outputs = torch.randn(64, 100, generator=noise).requires_grad_(), []
    for _ in range(10):
        x = torch.relu(x @ (std * torch.randn(100, 100, generator=noise)))
        x.retain_grad()
        outputs.append(x)
    x.sum().backward()
    return [h.detach() for h in outputs], [h.grad for h in outputs]


starts = {"std 0.01": 0.01, "He": math.sqrt(2 / 100), "std 1": 1.0}
both = {name: signals(std, seeded(0)) for name, std in starts.items()}
print({name: f"{layers[-1].std():.0e}" for name, (layers, _) in both.items()})
for k, title in enumerate(("Activations through depth", "Gradients on the way back")):
    display(ridges({n: pair[k] for n, pair in both.items()}, title=title))  # noqa: F821

# %% [markdown]
# Forwards, the small start loses more than a power of ten a layer, the large one gains nearly one, He's hills stay over each other. Backwards, from layer 10 up to layer 1, the same drift again: vanishing and **exploding** gradients are one product, seen from two sides.

# %% [markdown]
# ### Exercise 6.3 · Six starts and a probe
# ★★★☆☆ · 22 min · implementation · 8 points
#
# `init_(model, scheme, generator)` sets every `nn.Linear` in the model, however deeply nested, in place: biases (if it has any) 0 and weights by scheme. "zeros", "ones"; normal with mean 0 and standard deviation 0.01 ("small"), 1 ("large"), √(2/(in + out)) ("xavier"), √(2/in) ("he"). Other modules stay as they are; an unknown scheme raises `ValueError`. Random numbers come from the generator.
#
# `forward_stds(model, x)`: run the model once and return the standard deviation (as `.std()` gives it) of every output of a ReLU, in the order of the calls; a module called twice counts twice. No gradients, no mode changed, no hook left behind.
#
# <details><summary>Hint 1</summary>
#
# `model.modules()` walks through everything. `weight.shape` is (out, in). For the probe: a forward hook on each ReLU, chapter 3.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `nn.init.normal_(weight, 0, std, generator=generator)`. Hook: `lambda module, args, output: stds.append(output.std().item())`; keep the handles, and `remove()` each.
#
# </details>


# %% nbgrader={"grade_id": "ex-6-3"}
def init_(model: nn.Module, scheme: str, generator: torch.Generator | None = None) -> None:
    """Set weights (by scheme) and biases (to 0) of all nn.Linear of the model, in place.

    scheme: "zeros", "ones", "small", "large", "xavier" or "he"; ValueError for any other.
    """
    ### BEGIN SOLUTION
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            outputs, inputs = layer.weight.shape
            spreads = {"zeros": 0.0, "ones": 0.0, "small": 0.01, "large": 1.0}
            spreads |= {"xavier": math.sqrt(2 / (inputs + outputs)), "he": math.sqrt(2 / inputs)}
            if scheme not in spreads:
                raise ValueError(f"unknown scheme {scheme!r}")
            if spreads[scheme]:
                nn.init.normal_(layer.weight, 0.0, spreads[scheme], generator=generator)
            else:
                nn.init.constant_(layer.weight, float(scheme == "ones"))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    ### END SOLUTION


def forward_stds(model: nn.Module, x: torch.Tensor) -> list[float]:
    """Standard deviation of each nn.ReLU's output, in the order of the calls, for one model(x)."""
    ### BEGIN SOLUTION
    stds, handles = [], []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            handles.append(
                module.register_forward_hook(lambda m, args, out: stds.append(out.std().item()))
            )
    try:
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    return stds
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-6-3-check", "points": 1}
# Arrange
dice_he = [[1.0, 1.0], [1.0, 1.0]]
# Act
filled = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
init_(filled, "ones")
all_ones = observe.state(filled)
init_(filled, "zeros")
all_zeros = observe.state(filled)
# Assert
check.close(
    all_ones,
    {
        "0.weight": torch.tensor([[1.0, 1.0], [1.0, 1.0]]),
        "0.bias": torch.tensor([0.0, 0.0]),
        "2.weight": torch.tensor([[1.0, 1.0]]),
        "2.bias": torch.tensor([0.0]),
    },
    "weights and biases after init_(model, 'ones')",
    hint="Weights 1 and biases 0, in every linear layer",
)
check.close(
    all_zeros,
    {
        "0.weight": torch.tensor([[0.0, 0.0], [0.0, 0.0]]),
        "0.bias": torch.tensor([0.0, 0.0]),
        "2.weight": torch.tensor([[0.0, 0.0]]),
        "2.bias": torch.tensor([0.0]),
    },
    "weights and biases after init_(model, 'zeros')",
)

# %% nbgrader={"grade_id": "ex-6-3-check-2", "points": 1}
# Arrange
x_probe = torch.tensor([[-1.0], [1.0], [3.0]])
# Act
chain = nn.Sequential(nn.ReLU(), nn.Linear(1, 1, bias=False), nn.ReLU())
torch.nn.init.constant_(chain[1].weight, 2.0)
measured_stds = forward_stds(chain, x_probe)
# Assert
check.close(
    measured_stds,
    [1.527525, 3.055050],
    "the spread behind two ReLUs, for -1, 1 and 3",
    ideas={
        "This divides by n: .std() divides by n - 1": [1.247219, 2.494438],
        "These are variances": [2.333333, 9.333333],
    },
    hint="One number for each call of a ReLU: the std of its whole output",
)

# %% [markdown]
# Before you train anything, ten lines of probe say whether the signal arrives.
#
# ## Symmetry
#
# If two units of a layer have the same weights, in and out, they compute the same and receive the same gradient: they stay twins for ever. Train 200 steps from "ones" (scaled down to 0.1, so that nothing explodes) and from "zeros", and look at the first layer.

# %% tags=["raises-exception"]
x = torch.randn(256, 5, generator=seeded(1))
y = x[:, :1] * x[:, 1:2] + 1
for scheme, factor in (("ones", 0.1), ("zeros", 1.0), ("he", 1.0)):
    model = build_mlp([5, 16, 16, 1])
    init_(model, scheme, seeded(2))
    start = {name: factor * p.detach().clone() for name, p in model.named_parameters()}
    model.load_state_dict(start)
    gradus.fit(model, [(x, y)], F.mse_loss, torch.optim.SGD(model.parameters(), 0.02), epochs=200)
    moved = [name for name, p in model.named_parameters() if not torch.equal(p, start[name])]
    rows = len(model[0].weight.detach().unique(dim=0))
    loss = F.mse_loss(model(x), y).item()
    print(f"{scheme:5} different units: {rows:2}  loss {loss:.2f}  moved: {', '.join(moved)}")
print(f"variance of y: {y.var():.2f}")

# %% [markdown]
# From "ones", sixteen units remain one unit. From "zeros", no weight ever moves: each gradient is a product with a zero. Yet the network does learn one thing: the output bias finds the mean of y, and the loss becomes its variance. Random weights break the symmetry; biases may all start at 0.

# %% [markdown]
# ### Predict 6.3 · The best start under Adam
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# A network 5 → 64 → 64 → 1 with ReLU learns y = (sin 2x₁ + x₂x₃) / 1.2, two of five inputs idle, from 500 samples without noise, with Adam, 40 epochs. The textbook rule says: He for ReLU. Four starts compete: "small" (0.01), "xavier", "he", and PyTorch's own. Which has the *largest* error on new data, on every one of three seeds?
#
# - a: "small"
# - b: "xavier"
# - c: "he"
# - d: PyTorch's own

# %% nbgrader={"grade_id": "predict-6-3"}
# Write your choice: predict_6_3 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_6_3 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-6-3-check", "points": 0}
# Arrange
# Act
choice = predict_6_3
# Assert
check.one_of(choice, ("a", "b", "c", "d"), "your choice")


# %% tags=["demo", "raises-exception", "nbval-ignore-output"]
def started(scheme, seed):
    model = build_mlp([5, 64, 64, 1])
    if scheme != "default":
        init_(model, scheme, seeded(seed))
    return model


train, test = five_inputs(500, 0), five_inputs(2000, 1)
schemes = ("small", "xavier", "he", "default", "large")
kinds = {"SGD": lambda model: torch.optim.SGD(model.parameters(), lr=1e-2), "Adam": None}
sweep = {kind: {s: [] for s in schemes} for kind in kinds}
for kind, scheme, seed in tqdm([(k, s, n) for k in kinds for s in schemes for n in range(3)]):
    build = partial(started, scheme, seed)
    how = {"optimise": kinds[kind], "size": 32, "epochs": [40], "seed": seed}
    sweep[kind][scheme].append(run(build, train, test, **how))

# %% tags=["raises-exception"] alt="Test error of five starts under SGD and under Adam, three seeds each, on a logarithmic axis. SGD: small stays at 1.1, xavier, he and default lie between 0.2 and 0.4, he lowest; large has no marks. Adam: default is lowest near 0.08, then xavier and small near 0.11, he near 0.22, large near 80."
errors = {kind: ends(results) for kind, results in sweep.items()}
missing = [(k, s) for k, runs in sweep.items() for s in runs if None in runs[s]]
print("loss not finite:", missing)
four = ("small", "xavier", "he", "default")
worst = [max(four, key=lambda name: errors["Adam"][name][seed]) for seed in range(3)]
print("largest error under Adam, seed by seed:", worst)
for name, values in ends({n: sweep["Adam"][n] for n in four}, "training").items():
    print(f"{name:8} training error {min(values):.2f} to {max(values):.2f}")
dots(errors, title="Five starts, two optimisers, three seeds", xlabel="test error")

# %% [markdown]
# Under SGD the textbook is right: "small" is stuck at the variance, 1.1, "large" ends in `nan` on every seed (no marks), He is slightly ahead. Under Adam, which rescales every gradient, "small" recovers, and He is last of the sensible four. Its *training* error is that of "small", its test error nearly twice as large: larger weights start from a wilder function, and pay on new data. PyTorch's own start, uniform with variance 1/(3n), wins.
#
# The right scale keeps a *deep* signal alive. Which start *generalises* best, an experiment says.
#
# ## Instruments that do not lie
#
# A ReLU unit is **dead** if it is 0 for *every* sample: no gradient reaches it any more. A popular meter hooks each ReLU and averages `output == 0`.

# %% [markdown]
# ### Predict 6.4 · A meter reads 49 %
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# A fresh network 10 → 128 → 64 → 1, PyTorch's start, 1000 random samples. In its two ReLU layers 49 % and 48 % of all outputs are 0. How many of the 192 units are dead?
#
# - a: about 93, as the meter says
# - b: about a quarter of them
# - c: none

# %% nbgrader={"grade_id": "predict-6-4"}
# Write your choice: predict_6_4 = "a", "b" or "c"
### BEGIN SOLUTION
predict_6_4 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-6-4-check", "points": 0}
# Arrange
# Act
choice = predict_6_4
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")


# %% tags=["raises-exception"]
def dead_units(model, x, kind=nn.ReLU):
    """Per layer of this kind: (share of zeros, share of dead units); and the model's output."""
    report = []

    def look(module, args, out):
        off = out <= 0
        shares = off.float().mean().item(), off.all(dim=0).float().mean().item()
        report.append([round(share, 3) for share in shares])

    handles = [m.register_forward_hook(look) for m in model.modules() if isinstance(m, kind)]
    with torch.no_grad():
        output = model(x)
    for handle in handles:
        handle.remove()
    return report, output


torch.manual_seed(0)
model = build_mlp([10, 128, 64, 1])
x = torch.randn(1000, 10, generator=seeded(3))
shares, output = dead_units(model, x)
print("fresh:           (zeros, dead) per layer", shares)
print("zeros in the model's output:", (output == 0).float().mean().item())
with torch.no_grad():
    model[0].bias[:32] = -100
print("a quarter killed:", dead_units(model, x)[0])
one_relu = nn.ReLU()
shared = nn.Sequential(nn.Linear(10, 8), one_relu, nn.Linear(8, 4), one_relu)
outputs = []
handle = one_relu.register_forward_hook(lambda m, args, out: outputs.append(out == 0))
shared(x)
handle.remove()
print("one module, two places:", observe.shapes(outputs))

# %% [markdown]
# No unit is dead. Each is off for about half of the samples, as it should be: that makes the network bend. With a quarter of the first layer killed, the zeros come to 61 %, the count per unit to exactly 25 %. (Use *all* your data: a unit can be silent for one batch.) Zeros in the *model's* output there are none, as its last layer is linear. And a ReLU module used in two places puts two layers of other shapes into one list, and an average over both says nothing of either: give each place its own.
#
# How do units die? Let the rate be too high for two epochs, then go on as if nothing had happened.


# %% tags=["demo", "raises-exception", "nbval-ignore-output"]
def graveyard(activation, shock, seed):
    torch.manual_seed(seed)
    model, (x, y), shares = build_mlp([5, 64, 64, 1], activation), five_inputs(500, 0), []
    for rate, epochs in ((1e-3, 3), (shock, 2), (1e-3, 20)):
        adam, loader = torch.optim.Adam(model.parameters(), lr=rate), Shuffled(x, y, 50, seed)
        losses = gradus.fit(model, loader, F.mse_loss, adam, epochs=epochs)["loss"]
        layers = dead_units(model, x, ACTIVATIONS[activation])[0]
        shares.append(sum(dead for _, dead in layers) / 2)
    return {"after the shock": shares[1], "20 epochs later": shares[2], "loss": losses[-1]}


designs = [("relu", 1e-3), *((name, 0.2) for name in ("relu", "leaky_relu", "elu", "gelu"))]
graves = {f"{name}, {rate}": [] for name, rate in designs}
for (name, rate), seed in tqdm([(design, seed) for design in designs for seed in range(4)]):
    graves[f"{name}, {rate}"].append(graveyard(name, rate, seed))

# %% tags=["raises-exception"] alt="Share of units that are never above 0, four seeds, right after the shock and 20 epochs later. ReLU at the steady rate 0.001 stays below 0.05. After two epochs at 0.2, ReLU lies between 0.33 and 0.44, leaky ReLU from 0.22 to 0.36, ELU from 0.12 to 0.49, GELU from 0.29 to 0.4; 20 epochs later nearly the same."
groups = {
    k: {n: [run[k] for run in runs] for n, runs in graves.items()} for k in graves["relu, 0.2"][0]
}
for name, losses in groups.pop("loss").items():
    print(f"{name:15} loss at the end, four seeds:", [round(loss, 2) for loss in losses])
xlabel = "share of units never above 0"
dots(groups, title="Two epochs at a high rate, four seeds", xlabel=xlabel, scale="linear")

# %% [markdown]
# Two epochs at 0.2 silence a third or more of the ReLU units; twenty good ones wake hardly any. Elsewhere units below 0 pass some gradient, yet the shares move little. Leaky ReLU ends below ReLU's loss on three seeds of four, ELU and GELU on one; none nears the steady run.
#
# | you see | name | first cures |
# |---|---|---|
# | gradients shrink towards layer 1 | vanishing | He, ReLU, norms, skips |
# | they grow, loss `nan` | exploding | right start, lower rate, clipping |
# | units silent on all data | dying ReLU | lower rate |
# | all units of a layer equal | symmetry | random weights |
#
# ## Deep or wide
#
# Which shape is better? First make the budgets equal.

# %% [markdown]
# ### Exercise 6.4 · Spend a budget
# ★★☆☆☆ · 15 min · problem solving · 5 points
#
# 2 × 256, 4 × 128 and 8 × 64 (hidden layers × units) are often called "about equal". From 2 inputs to 1 output they have 66 817, 50 049 and 29 377 parameters. Write
#
# - `count_parameters(depth, width, d_in, d_out)`: weights and biases, without building the network;
# - `width_for(budget, depth, d_in, d_out)`: the width whose count is *nearest* to the budget; of two equally near the smaller. `ValueError` if the budget does not pay for width 1.
#
# 2 → 256 → 256 → 1 has 768 + 65 792 + 257 = 66 817 parameters; with 8 hidden layers that buys width 97 (66 931).
#
# <details><summary>Hint 1</summary>
#
# A linear layer from a to b has (a + 1) · b parameters. How many layers go from hidden to hidden?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The count grows with the width. Walk up while it fits, then compare this width with the next one.
#
# </details>


# %% nbgrader={"grade_id": "ex-6-4"}
def count_parameters(depth: int, width: int, d_in: int, d_out: int) -> int:
    """Weights and biases of d_in → width → … → width → d_out with `depth` >= 1 hidden layers."""
    ### BEGIN SOLUTION
    return (d_in + 1) * width + (depth - 1) * (width + 1) * width + (width + 1) * d_out
    ### END SOLUTION


def width_for(budget: int, depth: int, d_in: int, d_out: int) -> int:
    """The width with the parameter count nearest to budget; of two equally near the smaller.

    Raises ValueError when the budget is below the count of width 1.
    """
    ### BEGIN SOLUTION
    if budget < count_parameters(depth, 1, d_in, d_out):
        raise ValueError(f"{budget} parameters are too few for {depth} hidden layers")
    width = 1
    while count_parameters(depth, width + 1, d_in, d_out) <= budget:
        width += 1
    below = budget - count_parameters(depth, width, d_in, d_out)
    above = count_parameters(depth, width + 1, d_in, d_out) - budget
    return width if below <= above else width + 1
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-6-4-check", "points": 1}
# Arrange
# Act
wide_count = count_parameters(2, 256, 2, 1)
wide_width = width_for(66817, 2, 2, 1)
# Assert
check.equal(
    wide_count,
    66817,
    "the parameters of 2 → 256 → 256 → 1",
    ideas={
        "The biases are missing": 66304,
        "The biases of one hidden layer are missing: (inputs + 1) · outputs for each": 66561,
        "The bias of the output is missing: (inputs + 1) · outputs for each layer": 66816,
        "One hidden-to-hidden layer too many: between `depth` hidden layers lie depth - 1": 132609,
        "The hidden-to-hidden layer is missing": 1025,
    },
    hint="(inputs + 1) · outputs for each of depth + 1 layers",
)
check.equal(wide_width, 256, "the width for exactly that budget, depth 2")

# %% [markdown]
# A fair comparison starts with counting.
#
# ## What depth can buy
#
# Depth composes. The tent 2·relu(x) − 4·relu(x − ½) folds [0, 1] in two. Fold again: each fold costs 2 units and doubles the pieces. One hidden layer of n units has at most n + 1 pieces, so it needs 2ᵏ − 1 units for 2ᵏ pieces. For *this* family of functions deep is exponentially cheaper than flat.


# %% alt="The tent on 0 to 1 composed with itself: one tent for depth 1, four teeth of full height for depth 3, a comb of sixteen teeth for depth 5."
def tent(x):
    return 2 * torch.relu(x) - 4 * torch.relu(x - 0.5)


x = torch.linspace(0, 1, 1025)
lines, y = {}, x
for depth in range(1, 6):
    y = lines[f"depth {depth}"] = tent(y)
    pieces = int((y.diff().sign().diff() != 0).sum()) + 1
    print(f"depth {depth}: {2 * depth:2} units, {pieces} pieces, flat: {pieces - 1} units")
del lines["depth 2"], lines["depth 4"]
fig = plots.curves(lines, x=x, title="Folding by depth", xlabel="x", ylabel="value")
fig.axes[0].legend(loc="upper left", bbox_to_anchor=(1, 1))
fig

# %% [markdown]
# Ten units, 32 pieces. Are deep networks better in general, then? Some say: exponentially fewer parameters, and better generalisation. Here is a fair race at about 66 800 parameters on a bent wave, sin(6x₁ + 2 sin 6x₂) on [−1, 1]², with three seeds, and a fourth runner: the deepest with batch normalisation.


# %% tags=["demo", "raises-exception", "nbval-ignore-output"]
def normed_deep(width):
    layers = []
    for inputs in [2] + [width] * 7:
        layers += [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 1))


shapes = {}
for depth in (2, 4, 8):
    width = width_for(66817, depth, 2, 1)
    shapes[f"{depth} × {width}"] = partial(build_mlp, [2] + [width] * depth + [1])
shapes[f"{depth} × {width} + norm"] = partial(normed_deep, width)
train, test, race = bent_wave(2000, 0), bent_wave(1000, 1), {name: [] for name in shapes}
for name, seed in tqdm([(name, seed) for name in shapes for seed in range(3)]):
    race[name].append(run(shapes[name], train, test, seed=seed, epochs=(10, 25), lr=2e-3, size=100))

# %% tags=["raises-exception"] alt="Three errors of four networks, three seeds each, on a logarithmic axis. After 10 epochs the test errors of 4 × 148 and of 8 × 97 with norm are near 0.1, those of 2 × 256 near 0.2, of 8 × 97 from 0.24 to 0.42. After 25 epochs 4 × 148 has 0.009 to 0.02, 8 × 97 has 0.04 to 0.05, 2 × 256 and 8 × 97 with norm are both from 0.08 to 0.09. Training errors lie beside the test errors."
unequal = [count_parameters(depth, width, 2, 1) for depth, width in ((2, 256), (4, 128), (8, 64))]
print(
    "often called equal:",
    unequal,
    " raced:",
    [sum(p.numel() for p in shapes[n]().parameters()) for n in shapes],
)
groups = {"test, epoch 10": ends(race, at=0), "test, epoch 25": ends(race)}
groups["training, epoch 25"] = ends(race, "training")
dots(groups, title="Equal budgets, three seeds", xlabel="mean squared error")

# %% [markdown]
# Depth helps here: four layers end with a few times less error than two. But not exponentially; eight layers are worse than four on every seed; and training and test errors lie close, so it is no gain in generalisation. Batch norm gets the deepest off the ground (half the error after 10 epochs) and ends *behind* it.
#
# ## Normalising between layers
#
# **Batch normalisation** takes each feature over the *batch*: subtract the mean, divide by the standard deviation, then scale and shift by the learnt γ and β. Train mode uses the batch's own statistics, so your neighbours change your output; eval mode uses running averages.
#
# **Layer normalisation** does the same over the *features* of each sample: no neighbours, no modes. Chapter 9 builds both.

# %%
pair = torch.tensor([[0.0], [2.0]])
norm = nn.BatchNorm1d(1, momentum=1.0)
print("{0, 2} normalised:", [round(v, 2) for v in norm(pair)[:, 0].tolist()])
print("running mean and variance:", norm.running_mean.item(), norm.running_var.item())
print("batch of one, train mode:", observe.error(norm, pair[:1])["message"][:60])
print("batch of one, eval mode: ", round(norm.eval()(pair[:1]).item(), 2))

x = torch.randn(4, 3, generator=seeded(1))
for layer in (nn.BatchNorm1d(3), nn.BatchNorm1d(3).eval(), nn.LayerNorm(3)):
    change = observe.response(layer, x, (0, 0), 5.0)
    mode = "train" if layer.training else "eval"
    print(f"{type(layer).__name__:11} {mode:5} rows that feel a change in row 0:",
          (change.abs() > 1e-6).any(dim=1).nonzero()[:, 0].tolist())  # fmt: skip

# %% [markdown]
# {0, 2} becomes {−1, 1}: the division uses the *biased* variance, 1; the running variance keeps the *unbiased* one, 2. A batch of one raises in train mode: `drop_last=True`.
#
# | | batch norm | layer norm |
# |---|---|---|
# | averages over | the batch, for each feature | the features, for each sample |
# | train and eval | differ | the same |
# | small batches | noisy; a batch of 1 raises | no matter |
#
# Usual place: Linear → norm → activation, though the other order works. Before batch norm a bias is useless.
#
# ## Dropout
#
# **Dropout** sets activations to 0 with probability p while training. The mean must then be mended, and there are two places for it.

# %% [markdown]
# ### Predict 6.5 · Dropout in eval mode
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# `nn.Dropout(0.5)` in PyTorch, applied to a long vector of ones, first in train mode, then in eval mode. Which values can you see?
#
# - a: train {0, 1}, eval {0.5}: the outputs are scaled in eval mode
# - b: train {0, 2}, eval {1}
# - c: train {0, 1}, eval {1}
# - d: train {0, 2}, eval {0.5}

# %% nbgrader={"grade_id": "predict-6-5"}
# Write your choice: predict_6_5 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_6_5 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-6-5-check", "points": 0}
# Arrange
# Act
choice = predict_6_5
# Assert
check.one_of(choice, ("a", "b", "c", "d"), "your choice")

# %%
torch.manual_seed(0)
ones, drop = torch.ones(1000), nn.Dropout(0.5)
print("train:", drop(ones).unique().tolist(), "  eval:", drop.eval()(ones).unique().tolist())

model, free = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)), nn.Dropout(0.5)
model.eval()
print("a layer outside the model:", free(ones).unique().tolist(), "in train mode:", free.training)
print("F.dropout, told nothing:  ", F.dropout(ones, 0.5).unique().tolist())
print("F.dropout, told the mode: ", F.dropout(ones, 0.5, training=model.training).unique().tolist())

# %% [markdown]
# PyTorch's dropout is *inverted*: the survivors are divided by 1 − p in training, so that eval mode does nothing at all. Two traps: `model.eval()` reaches only modules that are part of the model, and `F.dropout` is always on unless you pass `training=self.training`.
#
# Usual place: after each hidden activation, p from 0.1 to 0.5. You may read "not before the output layer"; the last one stands exactly there, in nearly every listing, and does no harm. *After* the output layer it would erase predictions. On raw inputs keep p small.

# %% [markdown]
# ### Exercise 6.5 · Three brakes
# ★★★☆☆ · 25 min · production · 8 points
#
# - `Dropout(p)`, a module without `nn.Dropout` and `F.dropout`: in train mode each *entry* becomes 0 with probability p, drawn afresh each call, the others are divided by 1 − p; in eval mode the identity. p = 0 and p = 1 work; a p outside [0, 1] raises `ValueError`. The input stays as it is.
# - `decay_groups(model, decay)`: two parameter groups for an optimiser. The weights of `nn.Linear` layers decay; all other parameters (biases, norms, convolutions …) get `weight_decay` 0.
# - `regularised_mlp(sizes, dropout, norm)`: for each hidden layer Linear (with bias), norm ("batch", "layer" or "none", nothing else), ReLU, your `Dropout`, never PyTorch's (p = 0: you may leave it out); then a Linear.
#
# <details><summary>Hint 1</summary>
#
# `self.training` is kept by `train()` and `eval()`. For p = 1 no survivor is left: return zeros before you divide. A group is `{"params": [...], "weight_decay": 0.1}`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `keep = torch.rand_like(x) >= self.p`, `x * keep / (1 - self.p)`. `decayed = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]`; compare parameters by `id`, as `==` compares their entries.
#
# </details>


# %% nbgrader={"grade_id": "ex-6-5"}
class Dropout(nn.Module):
    """In train mode, entries become 0 with probability p and survivors are divided by 1 - p."""

    ### BEGIN SOLUTION
    def __init__(self, p: float = 0.5):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p is a probability, got {p}")
        self.p = p

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        return x * (torch.rand_like(x) >= self.p) / (1 - self.p)

    ### END SOLUTION


def decay_groups(model: nn.Module, decay: float) -> list[dict]:
    """[{"params": weights of nn.Linear, "weight_decay": decay}, {"params": the rest, ... 0.0}]."""
    ### BEGIN SOLUTION
    weights = [module.weight for module in model.modules() if isinstance(module, nn.Linear)]
    known = {id(weight) for weight in weights}
    rest = [p for p in model.parameters() if id(p) not in known]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]
    ### END SOLUTION


def regularised_mlp(sizes: list[int], dropout: float = 0.0, norm: str = "none") -> nn.Sequential:
    """Linear, norm, ReLU, Dropout for each hidden size; then a Linear. norm: batch, layer, none."""
    ### BEGIN SOLUTION
    norms = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm, "none": None}
    layers = []
    for inputs, outputs in zip(sizes[:-2], sizes[1:-1], strict=True):
        layers.append(nn.Linear(inputs, outputs))
        if norms[norm]:
            layers.append(norms[norm](outputs))
        layers.append(nn.ReLU())
        if dropout:
            layers.append(Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-6-5-check", "points": 1}
# Arrange
ones_drop, ones_eval = torch.ones(2000), torch.ones(2000)
ones_before = torch.ones(2000)
# Act
torch.manual_seed(65)
quarter = Dropout(0.2)
train_values = quarter(ones_drop).unique()
ones_after = observe.copy(ones_drop)
eval_values = quarter.eval()(ones_eval).unique()
text_of_dropout = observe.source(Dropout)
# Assert
check.unchanged(ones_after, ones_before, "the input")
check.close(
    train_values,
    torch.tensor([0.0, 1.25]),
    "the values of Dropout(0.2) on ones, in train mode",
    ideas={
        "Survivors keep their value: divide them by 1 - p": torch.tensor([0.0, 1.0]),
        "Survivors are multiplied by 1 - p: divide": torch.tensor([0.0, 0.8]),
        "Survivors are divided by p: p is the share that is dropped": torch.tensor([0.0, 5.0]),
        "Nothing is dropped": torch.tensor([1.0]),
        "All or nothing: this is one draw for the whole tensor; draw for each entry": torch.tensor(
            [0.0]
        ),
        "All or nothing: this is one draw for the whole tensor; each entry has its own": torch.tensor(
            [1.25]
        ),
    },
    hint="Survivors become 1 / (1 - p): divide by 1 - p itself, not by the share that happened to stay",
)
check.close(
    eval_values,
    torch.tensor([1.0]),
    "the values in eval mode",
    ideas={
        "Scaled in eval mode: the scaling happens in training": torch.tensor([0.8]),
        "It still drops in eval mode: ask self.training": torch.tensor([0.0, 1.25]),
    },
)
check.avoids(
    text_of_dropout,
    "Dropout",
    calls=(
        "dropout",
        "dropout_",
        "Dropout",
        "Dropout1d",
        "AlphaDropout",
        "alpha_dropout",
        "native_dropout",
    ),
)

# %% nbgrader={"grade_id": "ex-6-5-check-2", "points": 1}
# Arrange
x_order = torch.tensor([[1.0, 2.0], [3.0, 5.0], [0.0, 1.0]])
# Act
ordered = regularised_mlp([2, 3, 4, 1], dropout=0.5, norm="batch")
order_of_layers = observe.layer_order(ordered, x_order)
groups_of_line = decay_groups(nn.Linear(2, 1), 0.1)
decays_of_line = [group["weight_decay"] for group in groups_of_line]
# Assert
check.equal(
    order_of_layers,
    ["Linear", "BatchNorm1d", "ReLU", "Dropout"] * 2 + ["Linear"],
    "the layers of regularised_mlp([2, 3, 4, 1], dropout=0.5, norm='batch')",
    ideas={
        "Dropout stands before the activation: put it after": [
            "Linear",
            "BatchNorm1d",
            "Dropout",
            "ReLU",
        ]
        * 2
        + ["Linear"],
        "The norm stands after the activation: put it before": [
            "Linear",
            "ReLU",
            "BatchNorm1d",
            "Dropout",
        ]
        * 2
        + ["Linear"],
        "The norm is missing": ["Linear", "ReLU", "Dropout"] * 2 + ["Linear"],
        "Something stands after the output layer: it ends the network": [
            "Linear",
            "BatchNorm1d",
            "ReLU",
            "Dropout",
        ]
        * 3,
    },
)
check.close(decays_of_line, [0.1, 0.0], "weight_decay of the two groups, in this order")

# %% [markdown]
# Decay groups of this kind stand in the training script of nearly every language model.
#
# ## Which brake helps?
#
# 140 samples of y = sin 2x₁ + ½x₂x₃ + x₄ + noise (variance 0.09, the floor), six inputs idle; a network 10 → 128 → 128 → 64 → 1 with 26 000 parameters and AdamW with your groups: made to overfit. "Can you bring the gap between training and test error to zero?" is the wrong question. Does the *test* error fall?


# %% tags=["demo", "raises-exception", "nbval-ignore-output"]
sizes, train, test = [10, 128, 128, 64, 1], scarce(140, 1), scarce(1000, 7)
brakes = {"none": {}, "dropout 0.1": {"dropout": 0.1}, "dropout 0.5": {"dropout": 0.5}}
brakes |= {"batch norm": {"norm": "batch"}, "weight decay 0.1": {}}
brakes["norm + dropout 0.3"] = {"norm": "batch", "dropout": 0.3}
results = {name: [] for name in brakes}
for name, seed in tqdm([(name, seed) for name in brakes for seed in range(3)]):
    decay = 0.1 if name.startswith("weight") else 0.0
    how = {"optimise": lambda m, d=decay: torch.optim.AdamW(decay_groups(m, d), lr=2e-3)}
    build = partial(regularised_mlp, sizes, **brakes[name])
    results[name].append(run(build, train, test, seed=seed, epochs=[60], size=35, **how))

# %% tags=["raises-exception"] alt="Test and training errors of six designs, three seeds each, and of least squares. Test errors: none from 0.77 to 0.82, weight decay 0.1 from 0.77 to 0.81, dropout 0.1 from 0.71 to 0.82, dropout 0.5 from 0.73 to 0.81, batch norm and batch norm with dropout 0.3 both from 0.70 to 0.76, least squares 0.85. Training errors are below 0.1 for all but dropout 0.5, at 0.3, and least squares, above 0.9."
parts = {part: ends(results, part) for part in ("test", "training", "loop")}
for name, loop in parts.pop("loop").items():
    true = parts["training"][name]
    print(f"{name:18} training error: the loop says {min(loop):.2f} to {max(loop):.2f},",
          f"in eval mode {min(true):.2f} to {max(true):.2f}")  # fmt: skip
ones = {"training": F.pad(train[0], (0, 1), value=1.0), "test": F.pad(test[0], (0, 1), value=1.0)}
line = torch.linalg.lstsq(ones["training"], train[1]).solution
for part, data in (("training", train), ("test", test)):
    parts[part]["least squares"] = [F.mse_loss(ones[part] @ line, data[1]).item()]
dots(parts, title="140 samples, three seeds", xlabel="mean squared error", scale="linear")

# %% [markdown]
# A warning first: the loop's training error is measured with dropout on, on crippled networks; in eval mode that of dropout 0.5 is half as large. Take both errors of a gap in eval mode.
#
# Batch norm, alone or with dropout, lowers the test error on all three seeds, by 3 to 14 %. Weight decay of 0.1 does nothing here. Dropout 0.5 nearly halves the gap, and the test error falls by 8 % on one seed, hardly on the others. A gap of zero is easy to have: learn nothing. All networks beat the straight line's 0.85, and all are far from the floor: 140 samples are few. On your data, run it with seeds.

# %% [markdown]
# ### Exercise 6.6 · A function of two variables
# ★★★★★ · 25 min · implementation · 10 points
#
# Learn f(x, y) = sin 5x · cos 5y + 0.5 sin 10x + 0.3 cos 10y on [−1, 1]².
#
# - `target(points)`: f; points (…, 2) → (…).
# - `predict_grid(model, n)`: a model (N, 2) → (N, 1) on an n × n grid over [−1, 1]². Row i has the i-th y, column j the j-th x, both rising. Eval mode, no gradients; `model.training` as before.
# - `train_surface(seed)`: a model trained on 2000 uniform points; same seed, same model. At new points at most 0.8 off.
#
# f(0, 0) = 0.3. Recipe: 2 → 64 → 64 → 64 → 1, GELU, Adam at 0.005, batches of 100, 40 epochs.
#
# <details><summary>Hint 1</summary>
#
# `points[..., 0]` is x. `torch.meshgrid(steps, steps, indexing="xy")` gives X, which varies along the columns, and Y.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.stack([X, Y], dim=-1).reshape(-1, 2)` into the model, then `reshape(n, n)`. Seed with `torch.manual_seed(seed)` before the model is built, draw the points with `seeded(seed)`, use `Shuffled(points, values[:, None], 100, seed)` and `gradus.fit`.
#
# </details>


# %% nbgrader={"grade_id": "ex-6-6"}
def target(points: torch.Tensor) -> torch.Tensor:
    """sin(5x) cos(5y) + 0.5 sin(10x) + 0.3 cos(10y); points (..., 2) → (...)."""
    ### BEGIN SOLUTION
    x, y = points[..., 0], points[..., 1]
    waves = torch.sin(5 * x) * torch.cos(5 * y)
    return waves + 0.5 * torch.sin(10 * x) + 0.3 * torch.cos(10 * y)
    ### END SOLUTION


def predict_grid(model: nn.Module, n: int) -> torch.Tensor:
    """(n, n) without history: entry [i, j] is the model at x = steps[j], y = steps[i]."""
    ### BEGIN SOLUTION
    steps = torch.linspace(-1, 1, n, device=next(model.parameters()).device)
    x, y = torch.meshgrid(steps, steps, indexing="xy")
    was = model.training
    model.eval()
    with torch.no_grad():
        values = model(torch.stack([x, y], dim=-1).reshape(-1, 2)).reshape(n, n)
    model.train(was)
    return values
    ### END SOLUTION


def train_surface(seed: int) -> nn.Module:
    """A trained model (N, 2) → (N, 1); the same seed gives the same model."""
    ### BEGIN SOLUTION
    points = 2 * torch.rand(2000, 2, generator=seeded(seed)) - 1
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(2, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1)
    )  # fmt: skip
    loader = Shuffled(points, target(points)[:, None], 100, seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=40)
    return model
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-6-6-check", "points": 2}
# Arrange
four_points = torch.tensor([[0.0, 0.0], [0.3, 0.0], [0.0, 0.3], [0.5, -0.25]])
f_true = torch.tensor([0.3, 1.36805, -0.29700, -0.53114])
f_flipped = torch.tensor([0.3, -0.29700, 1.36805, 0.54609])
# Act
f_values = target(four_points)
# Assert
check.close(
    f_values,
    f_true,
    "target at four points",
    ideas={"x and y are exchanged: points[..., 0] is x": f_flipped},
    hint="sin 5x · cos 5y + 0.5 sin 10x + 0.3 cos 10y",
    rtol=1e-3,
    atol=1e-4,
)

# %% nbgrader={"grade_id": "ex-6-6-check-2", "points": 1}
# Arrange
# Act
plane = nn.Linear(2, 1)
torch.nn.init.zeros_(plane.bias)
with torch.no_grad():
    plane.weight.copy_(torch.tensor([[1.0, 10.0]]))
plane_grid = predict_grid(plane, 3)
# Assert
check.close(
    plane_grid,
    torch.tensor([[-11.0, -10.0, -9.0], [-1.0, 0.0, 1.0], [9.0, 10.0, 11.0]]),
    "x + 10 y on a 3 × 3 grid",
    ideas={
        "Rows and columns are swapped: x runs along a row": torch.tensor(
            [[-11.0, -1.0, 9.0], [-10.0, 0.0, 10.0], [-9.0, 1.0, 11.0]]
        ),
        "y falls from row to row: it is to rise": torch.tensor(
            [[9.0, 10.0, 11.0], [-1.0, 0.0, 1.0], [-11.0, -10.0, -9.0]]
        ),
        "A stack of X and Y of shape (2, n, n) mixes the pairs when it is reshaped: stack with dim=-1": torch.tensor(
            [[-1.0, -9.0, 10.0], [-1.0, -9.0, -11.0], [0.0, 10.0, 11.0]]
        ),
    },
    hint="Both axes run from -1 to 1, ends included: torch.linspace(-1, 1, n)",
)

# %% tags=["demo", "raises-exception"]
steps, errors = torch.linspace(-1, 1, 80), []
truth = target(torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1))
for seed in range(4):  # the recipe of the box, with ReLU in place of GELU
    torch.manual_seed(seed)
    model, points = (
        build_mlp([2, 64, 64, 64, 1]),
        2 * torch.rand(2000, 2, generator=seeded(seed)) - 1,
    )
    loader = Shuffled(points, target(points)[:, None], 100, seed)
    gradus.fit(model, loader, F.mse_loss, torch.optim.Adam(model.parameters(), lr=5e-3), epochs=40)
    errors.append(round((predict_grid(model, 80) - truth).abs().mean().item(), 3))
print("mean absolute error of four seeds with ReLU:", errors)
print("the mean as prediction:", round((truth - truth.mean()).abs().mean().item(), 2))

# %% tags=["demo", "raises-exception"] alt="Three square maps: the function, a pattern of hills and hollows; the network's version, which looks the same; the absolute error, mostly below 0.05, with a few spots up to 0.25 along the border."
learnt = predict_grid(train_surface(0), 80)
fig, axes = panels(3, 10, 2.8)
maps = {"the function": truth, "the network": learnt, "absolute error": (learnt - truth).abs()}
for place, (name, values) in zip(axes, maps.items(), strict=True):
    picture = place.imshow(values, origin="lower", extent=(-1, 1, -1, 1), cmap="cividis")
    place.set(title=name, xlabel="x", ylabel="y")
    place.grid(False)
    fig.colorbar(picture, ax=place)
print("mean absolute error of yours:", round((learnt - truth).abs().mean().item(), 3))
plots.close(fig)

# %% [markdown]
# The maps agree; the third says what one number hides: the worst places lie on the border, where samples stand on one side only. "Get below 0.05" is a popular goal for this function. The recipe of the box meets it with 0.03. The same recipe with ReLU misses it on all four seeds, and one seed's error is a third larger than another's. A threshold says nothing without a recipe and without seeds.
#
# ## What to remember
#
# - Linear layers with a bend between them. Without the bend, depth is one affine map; raise on an unknown name.
# - Universal approximation: continuous, bounded region, no polynomial. It says nothing about size, training or the space between samples.
# - Slopes multiply through depth. He for ReLU keeps the signal's size; which start learns best, an experiment says.
# - Constant weights are a symmetry problem. From zeros, only the output bias learns.
# - Dead means 0 for *every* sample. Half of all outputs at 0 is health.
# - Start with two or three hidden layers. Compare at equal budgets, over seeds, on test data, with a baseline and the noise floor.
# - Batch norm has two modes and needs neighbours; layer norm has neither. Dropout scales in training.
# - The aim is a lower test error, not a smaller gap.
#
# ## References
#
# - G. Cybenko, "Approximation by superpositions of a sigmoidal function", 1989; M. Leshno and others, "Multilayer feedforward networks with a nonpolynomial activation function can approximate any function", *Neural Networks*, 1993.
# - M. Telgarsky, "Benefits of depth in neural networks", COLT 2016: the tents.
# - X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.
# - K. He and others, "Delving deep into rectifiers", ICCV 2015.
# - N. Srivastava and others, "Dropout", *JMLR*, 2014. S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015. J. Ba and others, "Layer normalization", arXiv:1607.06450, 2016.
# - D. Hendrycks, K. Gimpel, "Gaussian error linear units", arXiv:1606.08415, 2016. I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019.

# %% [markdown]
# ## Hidden tests
#
# <details><summary>What stands here?</summary>
#
# The cells below hold the rest of the tests; in your copy they are empty but for a title. They run when your work is graded, on other sizes and harder cases than the checks above.
#
# </details>

# %% nbgrader={"grade_id": "predict-6-1-hidden-1", "points": 1}
# Hidden test predict 6.1 · a missing branch · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_6_1
# Assert
check.equal(
    choice,
    "c",
    "your choice",
    ideas={
        "Look for the line that would raise: the chain of elif ends without an else": "a",
        "ReLU is one branch among others; nothing makes it the default": "b",
        "Nobody looks the name up: the code compares it with two words": "d",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-6-2-hidden-1", "points": 1}
# Hidden test predict 6.2 · all weights 0.01 · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_6_2
# Assert
check.equal(
    choice,
    "b",
    "your choice",
    ideas={
        "0.01 is small, but each unit adds up a hundred inputs: what does a row of weights sum to?": "a",
        "What does a row of a hundred weights of 0.01 sum to?": "c",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-6-3-hidden-1", "points": 1}
# Hidden test predict 6.3 · the best start under Adam · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_6_3
# Assert
check.equal(
    choice,
    "c",
    "your choice",
    ideas={
        "Under plain SGD this start is stuck, but Adam rescales every gradient, however small": "a",
        "Xavier lies in the middle here: look at the picture below the question": "b",
        "PyTorch's own start does well here: look at the picture below the question": "d",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-6-4-hidden-1", "points": 1}
# Hidden test predict 6.4 · a meter reads 49 % · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_6_4
# Assert
check.equal(
    choice,
    "c",
    "your choice",
    ideas={
        "The meter counts outputs, not units: a unit that is off for half of the samples is healthy": "a",
        "A unit is dead if it is 0 for each of the 1000 samples": "b",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-6-5-hidden-1", "points": 1}
# Hidden test predict 6.5 · dropout in eval mode · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_6_5
# Assert
check.equal(
    choice,
    "b",
    "your choice",
    ideas={
        "That was the original paper's way; PyTorch mends the mean while training": "a",
        "With these values the mean in train mode would be half of that in eval mode": "c",
        "Scaled twice: mending the mean once is enough": "d",
    },
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-6-1-reference", "points": 0}
### BEGIN HIDDEN TESTS
def mlp_value(numbers, sizes, bend, x):
    """Output of the MLP whose parameters, layer by layer, lie in one vector."""
    at = 0
    for k, (inputs, outputs) in enumerate(zip(sizes, sizes[1:], strict=False)):
        weight = numbers[at : at + inputs * outputs].reshape(outputs, inputs)
        at += inputs * outputs
        bias = numbers[at : at + outputs]
        at += outputs
        x = x @ weight.T + bias
        if k < len(sizes) - 2:
            x = bend(x)
    return x


def adam_line(x, y, steps, lr, wide=False, fresh=False):
    """Weight and bias of a line after full-batch Adam steps from 0.

    wide: outputs (n, 1) against targets (n,); fresh: a new optimiser for each step.
    """
    weight = torch.zeros(1, 1, requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    adam = torch.optim.Adam([weight, bias], lr=lr)
    for _ in range(steps):
        if fresh:
            adam = torch.optim.Adam([weight, bias], lr=lr)
        adam.zero_grad()
        output = x @ weight.T + bias
        error = output - y if wide else output[:, 0] - y
        (error**2).mean().backward()
        adam.step()
    return {"weight": weight.detach(), "bias": bias.detach()}


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-1-hidden-1", "points": 1}
# Hidden test 6.1 · the outputs for given weights · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_mlp = torch.randn(6, 5, generator=seeded(61))
numbers_deep = 0.5 * torch.randn(5 * 7 + 7 + 7 * 4 + 4 + 4 * 3 + 3, generator=seeded(62))
numbers_flat = torch.randn(5 * 2 + 2, generator=seeded(63))
deep_sizes, flat_sizes = [5, 7, 4, 3], [5, 2]
values_silu = mlp_value(numbers_deep.clone(), [5, 7, 4, 3], F.silu, x_mlp.clone())
values_relu = mlp_value(numbers_deep.clone(), [5, 7, 4, 3], torch.relu, x_mlp.clone())
values_flat = mlp_value(numbers_flat.clone(), [5, 2], torch.relu, x_mlp.clone())
wrong_bend = [values_relu.clone(), values_relu.clone(), values_flat.clone()]
bent_end = [F.silu(values_silu), torch.relu(values_relu), torch.relu(values_flat)]
# Act
with_silu = build_mlp(deep_sizes, "silu")
with_relu = build_mlp(deep_sizes)
flat = build_mlp(flat_sizes)
torch.nn.utils.vector_to_parameters(numbers_deep, with_silu.parameters())
torch.nn.utils.vector_to_parameters(numbers_deep, with_relu.parameters())
torch.nn.utils.vector_to_parameters(numbers_flat, flat.parameters())
mlp_values = [
    observe.copy(with_silu(x_mlp)),
    observe.copy(with_relu(x_mlp)),
    observe.copy(flat(x_mlp)),
]
# Assert
check.close(
    mlp_values,
    [values_silu, values_relu, values_flat],
    "outputs with SiLU, with ReLU, and without a hidden layer",
    ideas={
        "The name of the activation is ignored": wrong_bend,
        "There is an activation after the last layer": bent_end,
    },
    hint="Linear layers with biases, in this order, with the activation between two of them",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-1-hidden-2", "points": 1}
# Hidden test 6.1 · an unknown activation · 1 point
### BEGIN HIDDEN TESTS
# Arrange
unknown_sizes, stranger = [2, 3, 1], "swoosh"
# Act
refused = observe.error(build_mlp, unknown_sizes, stranger)
# Assert
check.raised(
    refused,
    ValueError,
    "build_mlp with an unknown activation",
    mentions="swoosh",
    hint="Without an error the network may silently be affine: raise a ValueError with the name in it",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-1-hidden-3", "points": 1}
# Hidden test 6.1 · three steps, exactly · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_exact = torch.tensor([[0.5], [1.0], [-2.0], [3.0], [1.5]])
y_exact = torch.tensor([2.0, -1.0, 0.5, 4.0, 1.0])
x_same, y_same = torch.full((10, 1), 0.5), torch.full((10,), 3.0)
exact_true = adam_line(x_exact.clone(), y_exact.clone(), 3, 0.5)
exact_wide = adam_line(x_exact.clone(), y_exact.clone(), 3, 0.5, wide=True)
exact_fresh = adam_line(x_exact.clone(), y_exact.clone(), 3, 0.5, fresh=True)
same_true = adam_line(x_same.clone(), y_same.clone(), 6, 0.5)
same_dropped = adam_line(x_same.clone(), y_same.clone(), 4, 0.5)
same_whole = adam_line(x_same.clone(), y_same.clone(), 2, 0.5)
# Act
exact_line, same_line = nn.Linear(1, 1), nn.Linear(1, 1)
for tensor in (exact_line.weight, exact_line.bias, same_line.weight, same_line.bias):
    torch.nn.init.zeros_(tensor)
train_mlp(exact_line, x_exact, y_exact, epochs=3, lr=0.5, batch=5)
train_mlp(same_line, x_same, y_same, epochs=2, lr=0.5, batch=4)
exact_state, same_state = observe.state(exact_line), observe.state(same_line)
# Assert
check.close(
    exact_state,
    exact_true,
    "the line after three epochs of one batch",
    ideas={
        "Outputs (n, 1) against targets (n,) broadcast to (n, n): give the targets the outputs' shape": exact_wide,
        "A new Adam in each epoch forgets its averages: make one optimiser for all epochs": exact_fresh,
    },
    hint="Adam with the lr given, mean squared error, gradients cleared before each step",
    rtol=1e-3,
    atol=1e-4,
)
check.close(
    same_state,
    same_true,
    "the line after two epochs of 10 samples in batches of 4",
    ideas={
        "The last, smaller batch is left out": same_dropped,
        "One step an epoch: take one for each batch": same_whole,
    },
    hint="Three batches an epoch: 4, 4 and 2 samples",
    rtol=1e-3,
    atol=1e-4,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-1-hidden-4", "points": 1}
# Hidden test 6.1 · every sample once, in a new order each epoch · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_rows, y_rows = torch.arange(40.0)[:, None], torch.zeros(40)
counted = torch.arange(40.0)
in_order = [counted.clone(), counted.clone()]
# Act
torch.manual_seed(61)
diary = Diary()
train_mlp(diary, x_rows, y_rows, epochs=2, lr=1e-4, batch=8)
told = torch.cat(diary.seen)
first_epoch, second_epoch = told[:40], told[40:]
sorted_epochs = [first_epoch.sort().values, second_epoch.sort().values]
both_orders = [first_epoch, second_epoch]
step_between = observe.copy(second_epoch - first_epoch)
# Assert
check.close(
    sorted_epochs,
    in_order,
    "the samples of two epochs, sorted",
    hint="Every sample is seen once an epoch, in training alone",
)
check.differs(both_orders[0], in_order[0], "the order of the first epoch", hint="shuffle=True")
check.differs(
    step_between,
    torch.zeros(40),
    "the order of the second epoch against the first",
    hint="Shuffle anew each epoch",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-1-hidden-5", "points": 1}
# Hidden test 6.1 · measuring in eval mode · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_test, y_test = torch.randn(7, 1, generator=seeded(64)), torch.randn(7, generator=seeded(65))
error_true = ((x_test[:, 0] - y_test) ** 2).mean().item()
error_wide = ((x_test - y_test) ** 2).mean().item()
error_train = ((x_test[:, 0] + 10 - y_test) ** 2).mean().item()
error_graph = ((x_test[:, 0] + 100 - y_test) ** 2).mean().item()
error_both = ((x_test[:, 0] + 110 - y_test) ** 2).mean().item()
# Act
spy, quiet_spy = nn.Sequential(Tattle()), nn.Sequential(Tattle())
quiet_spy.eval()
error_found = float(test_mse(spy, x_test, y_test))
test_mse(quiet_spy, x_test, y_test)
modes_after = [spy.training, quiet_spy.training]
# Assert
check.close(
    error_found,
    error_true,
    "the mean squared error",
    ideas={
        "Outputs (n, 1) against targets (n,) broadcast to (n, n)": error_wide,
        "The model is in train mode while you measure": error_train,
        "Gradients are recorded while you measure: use no_grad": error_graph,
        "Neither eval mode nor no_grad: the model is measured as if in training": error_both,
    },
    rtol=1e-4,
)
check.equal(
    modes_after,
    [True, False],
    "model.training afterwards, for a model in train mode and one in eval mode",
    ideas={
        "The model is left in eval mode: give it back the mode that it had": [False, False],
        "It is switched to train mode in any case: give it back the mode that it had": [True, True],
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-1-hidden-6", "points": 1}
# Hidden test 6.1 · it learns to add · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_sum = torch.randn(1000, 20, generator=seeded(66))
y_sum = x_sum.sum(dim=1) + 0.1 * torch.randn(1000, generator=seeded(67))
x_more = torch.randn(200, 20, generator=seeded(68))
sums = x_more.sum(dim=1, keepdim=True)
flat_guess = torch.zeros(200, 1) + y_sum.mean()
# Act
torch.manual_seed(6)
adder = build_mlp([20, 64, 32, 1])
train_mlp(adder, x_sum, y_sum, epochs=30, lr=2e-3)
adder.eval()
added_up = observe.copy(adder(x_more))
# Assert
check.close(
    added_up,
    sums,
    "sums of new inputs after 30 epochs (to within 2)",
    ideas={
        "It says the mean for every input, as if targets (n,) had met outputs (n, 1)": flat_guess
    },
    hint="Too far off: are there enough steps? Batches of 64 by default, one step each",
    rtol=0.0,
    atol=2.0,
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-6-2-reference", "points": 0}
### BEGIN HIDDEN TESTS
def five_values(x):
    return {f.__name__: f(x) for f in (F.relu, F.leaky_relu, F.elu, F.gelu, F.silu)}


def five_slopes(x):
    x = x.detach().clone().requires_grad_()
    return {name: torch.autograd.grad(y.sum(), x)[0] for name, y in five_values(x).items()}


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-2-hidden-1", "points": 1}
# Hidden test 6.2 · values far out, any layout and dtype · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_wide = torch.cat([3 * torch.randn(4, 6, generator=seeded(621)), torch.full((4, 1), -100.0), torch.full((4, 1), 100.0)], dim=1).T  # fmt: skip
x_double = torch.randn(2, 3, 4, generator=seeded(622), dtype=torch.float64)
wide_values = {name: v.detach().clone() for name, v in five_values(x_wide.clone()).items()}
double_values = {name: v.detach().clone() for name, v in five_values(x_double.clone()).items()}
x_wide_before = x_wide.clone()
# Act
found_wide = {
    "relu": relu(x_wide),
    "leaky_relu": leaky_relu(x_wide),
    "elu": elu(x_wide),
    "gelu": gelu(x_wide),
    "silu": silu(x_wide),
}
found_double = {
    "relu": relu(x_double),
    "leaky_relu": leaky_relu(x_double),
    "elu": elu(x_double),
    "gelu": gelu(x_double),
    "silu": silu(x_double),
}
found_wide, found_double = observe.copy(found_wide), observe.copy(found_double)
x_wide_after = observe.copy(x_wide)
# Assert
check.close(
    found_wide,
    wide_values,
    "the five up to ±100",
    hint="exp(100) is infinite in float32: ELU may only see the exponential of x ≤ 0",
    rtol=1e-4,
    atol=1e-5,
)
check.close(
    found_double,
    double_values,
    "the five on float64, three dimensions",
    hint="Keep the dtype of x, and its precision",
    rtol=1e-8,
    atol=1e-9,
    dtype=True,
)
check.unchanged(x_wide_after, x_wide_before, "x")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-2-hidden-2", "points": 1}
# Hidden test 6.2 · slopes · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_slope = 2 * torch.randn(50, generator=seeded(623), dtype=torch.float64)
up_slope = torch.randn(50, generator=seeded(624), dtype=torch.float64)
slopes_true = {name: up_slope.clone() * s for name, s in five_slopes(x_slope).items()}
# Act
slopes_found = {
    "relu": observe.vjp(relu, x_slope, up_slope)["grads"],
    "leaky_relu": observe.vjp(leaky_relu, x_slope, up_slope)["grads"],
    "elu": observe.vjp(elu, x_slope, up_slope)["grads"],
    "gelu": observe.vjp(gelu, x_slope, up_slope)["grads"],
    "silu": observe.vjp(silu, x_slope, up_slope)["grads"],
}
# Assert
check.close(
    slopes_found,
    slopes_true,
    "slopes of relu, leaky_relu, elu, gelu, silu",
    hint="Stay within recorded tensor operations: no detach, no .item()",
    rtol=1e-7,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-2-hidden-3", "points": 1}
# Hidden test 6.2 · slopes at ±100 in float32 · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_ends = torch.tensor([-100.0, 100.0])
up_ends = torch.tensor([2.0, 3.0])
ends_true = {name: up_ends.clone() * s for name, s in five_slopes(x_ends).items()}
# Act
ends_found = {
    "relu": observe.vjp(relu, x_ends, up_ends)["grads"],
    "leaky_relu": observe.vjp(leaky_relu, x_ends, up_ends)["grads"],
    "elu": observe.vjp(elu, x_ends, up_ends)["grads"],
    "gelu": observe.vjp(gelu, x_ends, up_ends)["grads"],
    "silu": observe.vjp(silu, x_ends, up_ends)["grads"],
}
# Assert
check.close(
    ends_found,
    ends_true,
    "slopes at -100 and 100",
    hint="A nan here comes from an infinite exponential: in elu clamp before you call exp, also for the branch that is not chosen; in silu use torch.sigmoid, as x / (1 + exp(-x)) divides infinities on the way back",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-2-hidden-4", "points": 1}
# Hidden test 6.2 · the slope exactly at 0 · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_zero, up_zero = torch.zeros(2), torch.tensor([1.0, 2.0])
none, small, full, half = 0 * up_zero, 0.01 * up_zero, 1 * up_zero, 0.5 * up_zero
shared_small = 0.505 * up_zero
# Act
zero_found = {
    "relu": observe.vjp(relu, x_zero, up_zero)["grads"],
    "leaky_relu": observe.vjp(leaky_relu, x_zero, up_zero)["grads"],
    "elu": observe.vjp(elu, x_zero, up_zero)["grads"],
    "gelu": observe.vjp(gelu, x_zero, up_zero)["grads"],
    "silu": observe.vjp(silu, x_zero, up_zero)["grads"],
}
# Assert
check.close(
    zero_found["relu"],
    none,
    "the slope of relu at 0",
    ideas={
        "Half: torch.maximum shares the slope between equal arguments, and |x| has slope 0 at 0": half,
        "It is 1: 0 belongs to the left side (x > 0, not x >= 0), and clamp passes 1 at its border": full,
    },
)
check.close(
    zero_found["leaky_relu"],
    small,
    "the slope of leaky_relu at 0",
    ideas={
        "torch.maximum shares the slope between equal arguments: use where": shared_small,
        "0 belongs to the left side: x > 0, not x >= 0": full,
    },
)
check.close(zero_found["elu"], full, "the slope of elu at 0", hint="alpha, here 1, from the left")
check.close(zero_found["gelu"], half, "the slope of gelu at 0")
check.close(zero_found["silu"], half, "the slope of silu at 0")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-2-hidden-5", "points": 1}
# Hidden test 6.2 · another slope, another alpha · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_own = torch.tensor([-3.0, -0.5, 0.5, 3.0], dtype=torch.float64)
up_own = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
right_side = (x_own > 0).double()
leaky_own = x_own * right_side + 0.3 * x_own * (1 - right_side)
leaky_slope = up_own * (right_side + 0.3 * (1 - right_side))
elu_own = x_own * right_side + 2.5 * (torch.exp(x_own.clone()) - 1) * (1 - right_side)
elu_slope = up_own * (right_side + 2.5 * torch.exp(x_own.clone()) * (1 - right_side))
# Act
own_leaky = observe.vjp(lambda t: leaky_relu(t, 0.3), x_own, up_own)
own_elu = observe.vjp(lambda t: elu(t, 2.5), x_own, up_own)
own_values = [own_leaky["value"], own_elu["value"]]
own_slopes = [own_leaky["grads"], own_elu["grads"]]
# Assert
check.close(
    own_values,
    [leaky_own, elu_own],
    "leaky_relu(x, 0.3) and elu(x, 2.5)",
    hint="Use slope and alpha",
)
check.close(own_slopes, [leaky_slope, elu_slope], "their slopes", hint="Use slope and alpha")
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-6-3-reference", "points": 0}
### BEGIN HIDDEN TESTS
def twice_stds(weights, x):
    """Standard deviations behind the two calls of the shared ReLU in Twice."""
    first = torch.relu(x @ weights["first.weight"].T + weights["first.bias"])
    second = torch.relu(first @ weights["second.weight"].T + weights["second.bias"])
    return [first.std().item(), second.std().item()]


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-3-hidden-1", "points": 1}
# Hidden test 6.3 · spread and mean of the weights · 1 point
### BEGIN HIDDEN TESTS
# Arrange
schemes_63 = ["small", "large", "xavier", "he"]
wide_in = dict(zip(schemes_63, [0.01, 1.0, (2 / 500) ** 0.5, (2 / 400) ** 0.5], strict=True))
gainless = dict(zip(schemes_63, [0.01, 1.0, (2 / 500) ** 0.5, (1 / 400) ** 0.5], strict=True))
swapped = dict(zip(schemes_63, [0.01, 1.0, (2 / 500) ** 0.5, (2 / 100) ** 0.5], strict=True))
variance = dict(zip(schemes_63, [0.0001, 1.0, 2 / 500, 2 / 400], strict=True))
one_fan = dict(zip(schemes_63, [0.01, 1.0, (1 / 400) ** 0.5, (2 / 400) ** 0.5], strict=True))
nought = dict(zip(schemes_63, [0.0, 0.0, 0.0, 0.0], strict=True))
# Act
spreads_63, shifts_63 = {}, {}
layer_63 = nn.Linear(400, 100)
for index in range(4):
    init_(layer_63, schemes_63[index], seeded(630 + index))
    spreads_63[schemes_63[index]] = layer_63.weight.std().item()
    shifts_63[schemes_63[index]] = (layer_63.weight.mean() / layer_63.weight.std()).item()
# Assert
check.close(
    spreads_63,
    wide_in,
    "the weights' standard deviations for small, large, xavier, he (400 inputs, 100 units)",
    ideas={
        "he lacks the factor 2 that makes up for the ReLU": gainless,
        "he counts the outputs: weight.shape is (out, in)": swapped,
        "These are variances: the standard deviation is the root": variance,
        "xavier averages over inputs and outputs: 2/(in + out)": one_fan,
    },
    hint="small 0.01, large 1, xavier √(2/(in + out)), he √(2/in), as standard deviations",
    rtol=0.03,
    atol=0.0,
)
check.close(
    shifts_63,
    nought,
    "the weights' means, in standard deviations",
    hint="Normal with mean 0",
    rtol=0.0,
    atol=0.03,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-3-hidden-2", "points": 1}
# Hidden test 6.3 · deep inside, and nothing but linear layers · 1 point
### BEGIN HIDDEN TESTS
# Arrange
norm_before = torch.tensor([1.5, -0.5, 2.0])
zeros_63 = [torch.zeros(3), torch.zeros(2)]
nested_ones = [torch.ones(3, 4), torch.ones(2, 3)]
kept_norm = [norm_before.clone(), norm_before.clone() + 1]
# Act
nested = nn.Sequential(
    nn.Linear(4, 3), nn.ModuleDict({"a": nn.Sequential(nn.LayerNorm(3), nn.Linear(3, 2))})
)
inner_norm = nested[1]["a"][0]
held = nested[0].weight
with torch.no_grad():
    inner_norm.weight.copy_(norm_before)
    inner_norm.bias.copy_(norm_before + 1)
init_(nested, "ones")
nested_weights = observe.copy([nested[0].weight, nested[1]["a"][1].weight])
norm_after = observe.copy([inner_norm.weight, inner_norm.bias])
init_(nested, "he", seeded(1))
nested_biases = observe.copy([nested[0].bias, nested[1]["a"][1].bias])
still_held = nested[0].weight is held
plain_layer = nn.Linear(2, 2, bias=False)
no_bias = observe.error(init_, plain_layer, "ones")
# Assert
check.close(
    nested_weights,
    nested_ones,
    "linear layers at any depth",
    hint="model.modules() finds all of them",
)
check.close(
    nested_biases,
    zeros_63,
    "the biases",
    hint="Biases are 0 in every scheme",
)
check.equal(
    still_held,
    True,
    "the same Parameter object before and after",
    hint="Write into the weight that is there: an optimiser that holds it would not see a new one",
)
check.unchanged(norm_after, kept_norm, "the layer norm", hint="Only nn.Linear is set")
check.equal(no_bias, None, "an error for a layer without bias", hint="bias may be None")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-3-hidden-3", "points": 1}
# Hidden test 6.3 · dice of its own, and no unknown scheme · 1 point
### BEGIN HIDDEN TESTS
# Arrange
global_next = torch.rand(3, generator=seeded(9))
nothing = torch.zeros(4, 5)
# Act
torch.manual_seed(9)
pair_63 = [nn.utils.skip_init(nn.Linear, 5, 4), nn.utils.skip_init(nn.Linear, 5, 4)]
init_(pair_63[0], "he", seeded(633))
init_(pair_63[1], "he", seeded(633))
global_found = torch.rand(3)
gap_63 = observe.copy(pair_63[0].weight - pair_63[1].weight)
unknown_63 = observe.error(init_, pair_63[0], "best")
# Assert
check.close(
    gap_63,
    nothing,
    "two layers from the same seed, one minus the other",
    hint="Draw from the generator",
)
check.equal(
    global_found, global_next, "the global dice afterwards", hint="Draw with generator=generator"
)
check.raised(unknown_63, ValueError, "init_ with an unknown scheme")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-3-hidden-4", "points": 1}
# Hidden test 6.3 · the probe follows the calls · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_twice = torch.randn(9, 4, generator=seeded(634))
weights_twice = {
    "second.weight": torch.randn(3, 6, generator=seeded(635)),
    "second.bias": torch.randn(3, generator=seeded(636)),
    "first.weight": torch.randn(6, 4, generator=seeded(637)),
    "first.bias": torch.randn(6, generator=seeded(638)),
}
stds_true = twice_stds({k: v.clone() for k, v in weights_twice.items()}, x_twice.clone())
only_last = stds_true[1:]
backwards_63 = stds_true[::-1]
# Act
twice = Twice()
twice.load_state_dict(weights_twice)
stds_found = forward_stds(twice, x_twice)
boxed = nn.Sequential(nn.Sequential(nn.ReLU(), nn.Sequential(nn.ReLU())), nn.ReLU())
count_boxed = len(forward_stds(boxed, x_twice))
# Assert
check.close(
    stds_found,
    stds_true,
    "the spreads behind a ReLU that is called twice",
    ideas={
        "One module called twice counts twice: append to a list, a dict by name keeps the last": only_last,
        "Order of the calls, not of the registration": backwards_63,
    },
    hint="A forward hook sees every call, in order; its third argument is the output",
    rtol=1e-4,
)
check.equal(
    count_boxed,
    3,
    "the numbers for three ReLUs, two of them inside other modules",
    ideas={"Only ReLUs at the top are found: model.modules() goes deeper": 1},
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-3-hidden-5", "points": 1}
# Hidden test 6.3 · ten layers, six starts · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_deep = torch.randn(64, 100, generator=seeded(639))
decades = {"small": -11.8, "he": -0.15, "large": 8.4}
# Act
tower = nn.Sequential()
for _ in range(10):
    tower.append(nn.Linear(100, 100))
    tower.append(nn.ReLU())
ends_63 = {}
for scheme_63 in ("small", "he", "large"):
    init_(tower, scheme_63, seeded(640))
    ends_63[scheme_63] = math.log10(forward_stds(tower, x_deep)[9])
# Assert
check.close(
    ends_63,
    decades,
    "log₁₀ of the spread behind layer 10 for small, he and large",
    hint="Weights of scale 0.01 fade, He keeps, 1 explodes: look at scale and biases",
    rtol=0.0,
    atol=0.6,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-3-hidden-6", "points": 1}
# Hidden test 6.3 · the probe leaves no trace · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_trace = torch.tensor([[1.0, -1.0], [2.0, 0.5]])
# Act
traced = nn.Sequential(nn.ReLU(), nn.BatchNorm1d(2), nn.ReLU())
traced[1].eval()
lengths = [len(forward_stds(traced, x_trace)), len(forward_stds(traced, x_trace))]
hooks_left = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in traced.modules())
modes_63 = [m.training for m in traced.modules()]
spy_63 = nn.Sequential(Tattle(), nn.ReLU())
spread_63 = forward_stds(spy_63, x_trace)
told_63 = float(spy_63.training)
peak = nn.Sequential(nn.ReLU())
asked = []
handle_63 = peak[0].register_forward_hook(lambda m, a, o: asked.append(torch.is_grad_enabled()))
forward_stds(peak, x_trace)
other_hooks = len(peak[0]._forward_hooks)
grads_on = asked[:1]
# Assert
check.equal(lengths, [2, 2], "numbers in a first and in a second call", hint="Remove each hook")
check.equal(hooks_left, 0, "hooks left behind", hint="Keep the handle and call remove()")
check.equal(
    modes_63,
    [True, True, False, True],
    "the modes of all modules afterwards",
    hint="Leave the modes alone: call neither train() nor eval() in the probe",
)
check.equal(
    other_hooks,
    1,
    "the hooks of somebody else",
    hint="Remove your own handles only; do not clear the module's hooks",
)
check.equal(grads_on, [False], "gradients recorded during the probe", hint="Use torch.no_grad()")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-4-hidden-1", "points": 1}
# Hidden test 6.4 · counts · 1 point
### BEGIN HIDDEN TESTS
# Arrange
settings_64 = [[1, 5, 3, 2], [2, 64, 20, 1], [8, 97, 2, 1], [4, 148, 2, 1], [3, 10, 784, 10]]
counts_true, no_bias_64, one_more = [], [], []
for d, w, i, o in settings_64:
    layer_sizes = [i] + [w] * d + [o]
    pairs_64 = list(zip(layer_sizes, layer_sizes[1:], strict=False))
    counts_true.append(sum(a * b + b for a, b in pairs_64))
    no_bias_64.append(sum(a * b for a, b in pairs_64))
    one_more.append(sum(a * b + b for a, b in pairs_64) + w * w + w)
# Act
counts_found = []
for index in range(5):
    counts_found.append(count_parameters(*settings_64[index]))
# Assert
check.equal(
    counts_found,
    counts_true,
    "the parameters of five networks",
    ideas={
        "The biases are missing": no_bias_64,
        "Between `depth` hidden layers lie depth - 1 layers": one_more,
    },
    hint="depth = 1 has no layer from hidden to hidden; mind d_in and d_out",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-4-hidden-2", "points": 1}
# Hidden test 6.4 · the nearest width · 1 point
### BEGIN HIDDEN TESTS
# Arrange
budgets = [
    [66817, 8, 2, 1],
    [66817, 4, 2, 1],
    [29377, 8, 2, 1],
    [100000, 2, 784, 10],
    [2000, 3, 5, 4],
]
widths_true, floors, ceilings = [0] * 5, [0] * 5, [0] * 5
for k, (b, d, i, o) in enumerate(budgets):
    sizes_64 = {w: (i + 1) * w + (d - 1) * (w + 1) * w + (w + 1) * o for w in range(1, 400)}
    widths_true[k] = min(sizes_64, key=lambda w: (abs(sizes_64[w] - b), w))
    floors[k] = max(w for w in sizes_64 if sizes_64[w] <= b)
    ceilings[k] = min(w for w in sizes_64 if sizes_64[w] >= b)
# Act
widths_found = []
for index in range(5):
    widths_found.append(width_for(*budgets[index]))
# Assert
check.equal(
    widths_found,
    widths_true,
    "the widths for five budgets",
    ideas={
        "The largest width that fits is not always the nearest: one more may be closer": floors,
        "The first width over the budget is not always the nearest": ceilings,
    },
    hint="Compare the count just below the budget with the one just above",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-4-hidden-3", "points": 1}
# Hidden test 6.4 · ties, one layer, a large budget · 1 point
### BEGIN HIDDEN TESTS
# Arrange
ties = [[4 * 7 + 1 + 2, 1, 2, 1], [4 * 7 + 1 + 3, 1, 2, 1], [5, 1, 2, 1], [100_000_000, 2, 10, 1]]
# 1 hidden layer from 2 to 1: 4 w + 1 parameters
tie_widths, tie_up, tie_floor = [7, 8, 1, 9994], [8, 8, 1, 9994], [7, 7, 1, 9993]
# Act
ties_found = []
for index in range(4):
    ties_found.append(width_for(*ties[index]))
# Assert
check.equal(
    ties_found,
    tie_widths,
    "widths where two are equally near, for the least budget and for a large one",
    ideas={
        "Of two equally near widths take the smaller": tie_up,
        "The largest width that fits is not always the nearest: one more may be closer": tie_floor,
    },
    hint="Compare both neighbours of the budget; width 1 may be the answer",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-4-hidden-4", "points": 1}
# Hidden test 6.4 · a budget too small · 1 point
### BEGIN HIDDEN TESTS
# Arrange
poor = [20, 3, 10, 5]
# Act
poverty = observe.error(width_for, *poor)
nothing_left = observe.error(width_for, 0, 1, 1, 1)
# Assert
check.raised(
    poverty,
    ValueError,
    "width_for with less than width 1 costs",
    hint="Compare with the count of width 1",
)
check.raised(nothing_left, ValueError, "width_for with a budget of 0")
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-6-5-reference", "points": 0}
### BEGIN HIDDEN TESTS
def brake_reference(numbers, batches, probe, kind):
    """Train-mode outputs on the batches in turn, then the eval-mode output on the probe."""
    norm = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}[kind]
    model = nn.Sequential(
        nn.Linear(3, 5), norm(5), nn.ReLU(), nn.Linear(5, 4), norm(4), nn.ReLU(), nn.Linear(4, 2)
    )
    torch.nn.utils.vector_to_parameters(numbers, model.parameters())
    trained = [model(batch).detach().clone() for batch in batches]
    return [*trained, model.eval()(probe).detach().clone()]


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-5-hidden-1", "points": 1}
# Hidden test 6.5 · which entries are dropped · 1 point
### BEGIN HIDDEN TESTS
# Arrange
ones_table = torch.ones(400, 50)
row_shares, column_shares, call_shares = (
    torch.full((400,), 0.3),
    torch.full((50,), 0.3),
    torch.full((50,), 0.3),
)
# Act
torch.manual_seed(651)
third = Dropout(0.3)
table_zero = (third(ones_table) == 0).float()
by_row, by_column = table_zero.mean(dim=1), table_zero.mean(dim=0)
calls = []
for _ in range(400):
    calls.append((third(ones_table[0].clone()) == 0).float())
by_entry = torch.stack(calls).mean(dim=0)
# Assert
check.close(
    by_row,
    row_shares,
    "the share of zeros in each row",
    hint="Each entry is drawn by itself, and p is the probability of 0 (not of staying)",
    rtol=0.0,
    atol=0.28,
)
check.close(
    by_column,
    column_shares,
    "the share of zeros in each column",
    hint="Each entry is drawn by itself, and p is the probability of 0 (not of staying)",
    rtol=0.0,
    atol=0.12,
)
check.close(
    by_entry,
    call_shares,
    "the share of zeros of each entry over 400 calls",
    hint="Draw a fresh mask in every call of forward",
    rtol=0.0,
    atol=0.12,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-5-hidden-2", "points": 1}
# Hidden test 6.5 · the mean is kept, gradients follow the mask · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_mean = torch.linspace(1, 3, 20000, dtype=torch.float64)
x_mean_before = x_mean.clone()
twos_up = 2 * torch.ones(20000, dtype=torch.float64)
mean_true = 2.0
two_slopes = torch.tensor([0.0, 2 / 0.6], dtype=torch.float64)
# Act
torch.manual_seed(652)
forty = Dropout(0.4)
forty(x_mean)
x_mean_after = observe.copy(x_mean)
passed_65 = observe.vjp(forty, x_mean, twos_up)
mean_found = passed_65["value"].mean().item()
value_type = passed_65["value"].dtype == torch.float64
slopes_65 = passed_65["grads"].unique()
# Assert
check.unchanged(x_mean_after, x_mean_before, "x")
check.number(
    mean_found, 1.95, 2.05, "the mean behind Dropout(0.4)", hint="Survivors are divided by 1 - p"
)
check.equal(value_type, True, "float64 stays float64")
check.close(
    slopes_65,
    two_slopes,
    "the gradients when 2 arrives",
    hint="Through the mask: 0, or what arrives divided by 1 - p",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-5-hidden-3", "points": 1}
# Hidden test 6.5 · eval mode, p = 0, p = 1, impossible p · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_edge = torch.randn(5, 4, generator=seeded(653))
x_edge_same, x_edge_none = x_edge.clone(), torch.zeros(5, 4)
# Act
inner_drop = nn.Sequential(Dropout(0.5), Dropout(1.0))
inner_drop.eval()
edge_eval = observe.copy(inner_drop(x_edge))
edge_nought = observe.copy(Dropout(0.0)(x_edge))
edge_all = observe.copy(Dropout(1.0)(x_edge))
too_much, too_little = observe.error(Dropout, 1.5), observe.error(Dropout, -0.1)
# Assert
check.close(
    edge_eval,
    x_edge_same,
    "two dropouts inside a model in eval mode",
    hint="The identity in eval mode",
)
check.close(edge_nought, x_edge_same, "p = 0 in train mode")
check.close(edge_all, x_edge_none, "p = 1 in train mode", hint="0 / 0 is nan: return zeros")
check.raised(too_much, ValueError, "p = 1.5")
check.raised(too_little, ValueError, "p = -0.1")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-5-hidden-4", "points": 1}
# Hidden test 6.5 · what decays · 1 point
### BEGIN HIDDEN TESTS
# Arrange
start_65 = {
    "0.weight": torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
    "0.bias": torch.tensor([5.0, 6.0]),
    "1.weight": torch.tensor([7.0, 8.0]),
    "1.bias": torch.tensor([1.0, -1.0]),
    "2.0.weight": torch.tensor([[2.0, -2.0]]),
    "2.0.bias": torch.tensor([3.0]),
    "3.weight": torch.tensor([[[4.0, -3.0]]]),
    "3.bias": torch.tensor([2.0]),
}
lr_65, decay_65 = 0.5, 0.2
kept_65 = {name: value.clone() for name, value in start_65.items()}
stepped = {
    n: v - 0.5 * (1 + (0.2 * v if n in ("0.weight", "2.0.weight") else 0))
    for n, v in kept_65.items()
}
all_decay = {n: v - 0.5 * (1 + 0.2 * v) for n, v in kept_65.items()}
by_name = {n: v - 0.5 * (1 + (0.2 * v if "weight" in n else 0)) for n, v in kept_65.items()}
by_shape = {n: v - 0.5 * (1 + (0.2 * v if v.ndim > 1 else 0)) for n, v in kept_65.items()}
top_only = {n: v - 0.5 * (1 + (0.2 * v if n == "0.weight" else 0)) for n, v in kept_65.items()}
inverse = {
    n: v - 0.5 * (1 + (0 if n in ("0.weight", "2.0.weight") else 0.2 * v))
    for n, v in kept_65.items()
}
rest_lost = {n: stepped[n] if n in ("0.weight", "2.0.weight") else v for n, v in kept_65.items()}
# Act
braked = nn.Sequential(
    nn.Linear(2, 2), nn.LayerNorm(2), nn.Sequential(nn.Linear(2, 1)), nn.Conv1d(1, 1, 2)
)
braked.load_state_dict(start_65)
sgd_65 = torch.optim.SGD(decay_groups(braked, decay_65), lr=lr_65)
for parameter in braked.parameters():
    parameter.grad = torch.ones_like(parameter)
sgd_65.step()
after_65 = observe.state(braked)
# Assert
check.close(
    after_65,
    stepped,
    "the parameters after one step of SGD with gradient 1 and decay 0.2",
    ideas={
        "Everything decays: biases and norms do not": all_decay,
        "The norm's weight decays too: its name ends in weight, but it is no nn.Linear": by_name,
        "The convolution's weight decays too: only those of nn.Linear are to": by_shape,
        "Only linear layers at the top decay: model.modules() goes deeper": top_only,
        "The groups are exchanged": inverse,
        "Biases and norms are in no group, so they are never trained": rest_lost,
    },
    hint="Each parameter in exactly one group; weights of nn.Linear decay",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-5-hidden-5", "points": 1}
# Hidden test 6.5 · networks with norms, both modes · 1 point
### BEGIN HIDDEN TESTS
# Arrange
batches_65 = 2 * torch.randn(3, 6, 3, generator=seeded(654)) + 1
probe_65 = torch.randn(4, 3, generator=seeded(655))
numbers_65 = torch.randn(3 * 5 + 5 + 10 + 5 * 4 + 4 + 8 + 4 * 2 + 2, generator=seeded(656))
batch_true = brake_reference(numbers_65.clone(), batches_65.clone(), probe_65.clone(), "batch")
layer_true = brake_reference(numbers_65.clone(), batches_65.clone(), probe_65.clone(), "layer")
sizes_65 = [3, 5, 4, 2]
# Act
found_65 = {"batch": [], "layer": []}
for kind_65 in ("batch", "layer"):
    net_65 = regularised_mlp(sizes_65, norm=kind_65)
    torch.nn.utils.vector_to_parameters(numbers_65, net_65.parameters())
    for index in range(3):
        found_65[kind_65].append(observe.copy(net_65(batches_65[index])))
    net_65.eval()
    found_65[kind_65].append(observe.copy(net_65(probe_65)))
batch_found, layer_found = found_65["batch"], found_65["layer"]
# Assert
check.close(
    batch_found,
    batch_true,
    "outputs with batch norm: three batches in train mode, one in eval mode",
    ideas={"These are the outputs with layer norm": layer_true},
    hint="Linear with bias, BatchNorm1d, ReLU for each hidden layer, then Linear; no dropout by default",
    rtol=1e-4,
    atol=1e-5,
)
check.close(
    layer_found,
    layer_true,
    "outputs with layer norm",
    ideas={"These are the outputs with batch norm": batch_true},
    hint="Linear with bias, LayerNorm, ReLU for each hidden layer, then Linear",
    rtol=1e-4,
    atol=1e-5,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-5-hidden-6", "points": 1}
# Hidden test 6.5 · networks with dropout · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_drop_65 = torch.randn(5, 3, generator=seeded(657))
numbers_drop = torch.randn(3 * 6 + 6 + 6 * 4 + 4 + 4 + 1, generator=seeded(658))
bias_only = numbers_drop[-1:].clone().expand(5, 1).clone()
w1, b1 = numbers_drop[:18].clone().reshape(6, 3), numbers_drop[18:24].clone()
w2, b2 = numbers_drop[24:48].clone().reshape(4, 6), numbers_drop[48:52].clone()
quiet_65 = (
    torch.relu(torch.relu(x_drop_65 @ w1.T + b1) @ w2.T + b2) @ numbers_drop[52:56].clone()[:, None]
    + numbers_drop[56:].clone()
)
erased = torch.zeros(5, 1)
sizes_drop, nearly_all = [3, 6, 4, 1], 1 - 1e-7
# Act
full_drop = regularised_mlp(sizes_drop, dropout=nearly_all)
foreign = sum(isinstance(m, nn.Dropout) for m in full_drop.modules())
torch.manual_seed(659)
torch.nn.utils.vector_to_parameters(numbers_drop, full_drop.parameters())
all_dropped = observe.copy(full_drop(x_drop_65))
full_drop.eval()
in_eval = observe.copy(full_drop(x_drop_65))
# Assert
check.close(
    in_eval,
    quiet_65,
    "outputs in eval mode, without norm",
    hint="Linear, ReLU, dropout for each hidden layer, then Linear",
    rtol=1e-4,
    atol=1e-5,
)
check.close(
    all_dropped,
    bias_only,
    "outputs in train mode with dropout very near 1: the last bias alone",
    ideas={
        "No dropout in train mode": quiet_65,
        "Dropout after the output layer erases predictions": erased,
    },
    hint="The last hidden activation has its dropout too, and nothing follows the output layer",
)
check.equal(foreign, 0, "modules of the class nn.Dropout", hint="Use the Dropout of your own")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-6-hidden-1", "points": 1}
# Hidden test 6.6 · the target anywhere · 1 point
### BEGIN HIDDEN TESTS
# Arrange
p_any = 2 * torch.rand(4, 3, 2, generator=seeded(661), dtype=torch.float64) - 1
px, py = p_any[..., 0].clone(), p_any[..., 1].clone()
any_true = (
    torch.sin(5 * px) * torch.cos(5 * py) + 0.5 * torch.sin(10 * px) + 0.3 * torch.cos(10 * py)
)
any_flipped = (
    torch.sin(5 * py) * torch.cos(5 * px) + 0.5 * torch.sin(10 * py) + 0.3 * torch.cos(10 * px)
)
any_swapped = (
    torch.cos(5 * px) * torch.sin(5 * py) + 0.5 * torch.sin(10 * px) + 0.3 * torch.cos(10 * py)
)
# Act
any_found = target(p_any)
# Assert
check.close(
    any_found,
    any_true,
    "target on points (4, 3, 2) in float64",
    ideas={
        "x and y are exchanged: points[..., 0] is x": any_flipped,
        "sin and cos are exchanged in the product": any_swapped,
    },
    hint="The last dimension holds x and y; all others stay",
    rtol=1e-8,
    dtype=True,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-6-hidden-2", "points": 1}
# Hidden test 6.6 · the grid of a crooked function · 1 point
### BEGIN HIDDEN TESTS
# Arrange
numbers_bend = torch.randn(2 * 5 + 5 + 5 + 1, generator=seeded(662))
ticks = torch.linspace(-1, 1, 7)
rows_66 = []
for y_tick in ticks:
    row_in = torch.stack([ticks, y_tick.expand(7)], dim=1)
    hidden_66 = torch.tanh(
        row_in @ numbers_bend[:10].clone().reshape(5, 2).T + numbers_bend[10:15].clone()
    )
    rows_66.append(hidden_66 @ numbers_bend[15:20].clone() + numbers_bend[20:].clone())
crooked_true = torch.stack(rows_66)
crooked_turned = crooked_true.T.clone()
# Act
crooked = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1))
torch.nn.utils.vector_to_parameters(numbers_bend, crooked.parameters())
crooked_found = predict_grid(crooked, 7)
crooked_asks = crooked_found.requires_grad
# Assert
check.close(
    crooked_found,
    crooked_true,
    "a 7 × 7 grid",
    ideas={"Rows and columns are swapped: row i belongs to y, column j to x": crooked_turned},
    hint="Both axes run from -1 to 1, ends included",
    rtol=1e-4,
    atol=1e-5,
)
check.equal(crooked_asks, False, "requires_grad of the grid", hint="Predict without gradients")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-6-hidden-3", "points": 1}
# Hidden test 6.6 · the grid in eval mode · 1 point
### BEGIN HIDDEN TESTS
# Arrange
flat_true = torch.tensor([[-1.0, 1.0], [-1.0, 1.0]])
flat_train, flat_graph, flat_both = flat_true + 10, flat_true + 100, flat_true + 110
# Act
watched = nn.Sequential(nn.Linear(2, 1, bias=False), Tattle())
with torch.no_grad():
    watched[0].weight.copy_(torch.tensor([[1.0, 0.0]]))
watched_grid = observe.copy(predict_grid(watched, 2))
mode_train = watched.training
watched.eval()
predict_grid(watched, 2)
mode_eval = watched.training
modes_66 = [mode_train, mode_eval]
# Assert
check.close(
    watched_grid,
    flat_true,
    "the grid of a model that was in train mode",
    ideas={
        "The model is in train mode while it predicts": flat_train,
        "Gradients are recorded while it predicts": flat_graph,
        "Neither eval mode nor no_grad": flat_both,
    },
)
check.equal(
    modes_66,
    [True, False],
    "model.training afterwards, from train mode and from eval mode",
    ideas={
        "The model is left in eval mode": [False, False],
        "It is switched to train mode in any case": [True, True],
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-6-hidden-4", "points": 3}
# Hidden test 6.6 · the learnt surface · 3 points
### BEGIN HIDDEN TESTS
# Arrange
p_judge = 1.96 * torch.rand(400, 2, generator=seeded(663)) - 0.98
jx, jy = p_judge[:, :1].clone(), p_judge[:, 1:].clone()
surface_true = (
    torch.sin(5 * jx) * torch.cos(5 * jy) + 0.5 * torch.sin(10 * jx) + 0.3 * torch.cos(10 * jy)
)
# Act
learner = train_surface(11)
learner.eval()
surface_found = observe.copy(learner.cpu()(p_judge))
# Assert
check.close(
    surface_found,
    surface_true,
    "the surface at 400 new points (to within 0.8)",
    hint="Not learnt: are there enough steps, a rate that fits, points from all of the square, and targets of shape (n, 1)?",
    rtol=0.0,
    atol=0.8,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-6-6-hidden-5", "points": 1}
# Hidden test 6.6 · the same seed, the same model · 1 point
### BEGIN HIDDEN TESTS
# Arrange
p_again = 2 * torch.rand(50, 2, generator=seeded(664)) - 1
no_gap = torch.zeros(50, 1)
ax, ay = p_again[:, :1].clone(), p_again[:, 1:].clone()
again_true = (
    torch.sin(5 * ax) * torch.cos(5 * ay) + 0.5 * torch.sin(10 * ax) + 0.3 * torch.cos(10 * ay)
)
# Act
torch.manual_seed(1)
one_66 = train_surface(3).cpu().eval()
torch.manual_seed(2)
two_66 = train_surface(3).cpu().eval()
one_values = observe.copy(one_66(p_again))
gap_66 = observe.copy(one_66(p_again) - two_66(p_again))
# Assert
check.close(
    gap_66,
    no_gap,
    "two models from one seed, one minus the other",
    hint="Points, weights and the order of the batches: each needs the seed",
    atol=1e-4,
)
check.close(
    one_values, again_true, "the surface from another seed (to within 0.8)", rtol=0.0, atol=0.8
)
### END HIDDEN TESTS
