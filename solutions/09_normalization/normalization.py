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
# # 9 · Normalisation
#
# A deep network is a long chain of multiplications, and such chains run away. Normalisation layers pull the numbers back after every link, in four lines that hold more traps than any other layer. After this chapter you can
#
# - say for each normalisation which numbers it averages, and prove it with a probe of two lines;
# - write batch norm, layer norm and group norm so that they agree with PyTorch's to the last gradient;
# - evaluate a model without spoiling it, and say when a forgotten `eval()` costs nothing and when everything;
# - put the layer in the right place, and choose one for small batches and for sequences.
#
# Reading: 55 minutes · exercises: 127 minutes · 46 points

# %% tags=["setup"]
import copy
import math
from collections import Counter

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import gradus
from gradus import check, observe, plots, seeded
from gradus.data import digits as embedded

torch.set_printoptions(precision=3, sci_mode=False)
# The next cell is folded: it holds helpers. Run it; click on its dots to read it.


# %% tags=["setup"] jupyter={"source_hidden": true}
def digits(train):
    """Small digits: images (N, 1, 8, 8) from 0 to 1, and their labels (N,); the same for everybody."""
    images, labels = embedded.digits(train)
    boxes = images[:1400, :, 4:24, 4:24].float() / 255
    return F.interpolate(boxes, size=(8, 8), mode="bilinear", antialias=True), labels[:1400]


def train(model, x, y, *, lr, epochs, size=64, seed=0, adam=False, device="cpu"):
    """gradus.fit on shuffled batches of `size`; returns the loss of every step, nan if it broke."""
    losses = []

    def loss_fn(scores, labels):
        loss = F.cross_entropy(scores, labels)
        losses.append(loss.item())
        return loss

    kind = torch.optim.Adam if adam else torch.optim.SGD
    loader = DataLoader(TensorDataset(x, y), size, shuffle=True, generator=seeded(seed))
    optimiser = kind(model.to(device).parameters(), lr=lr)
    try:
        gradus.fit(model, loader, loss_fn, optimiser, epochs=epochs, device=device)
    except FloatingPointError:
        losses.append(math.nan)
    return losses


def score(model, x, y):
    """Accuracy in eval mode."""
    return gradus.evaluate(model, [(x, y)], F.cross_entropy)["accuracy"]


def mlp(norm, width=64, depth=3):
    """A network for the digits with `norm(width)` in front of each ReLU."""
    layers, before = [nn.Flatten()], 64
    for _ in range(depth):
        layers += [nn.Linear(before, width), norm(width), nn.ReLU()]
        before = width
    return nn.Sequential(*layers, nn.Linear(before, 10))


def waves(count, other, seed, steps=32):
    """Sequences (count, steps, 1) and labels: 0 a sine, 1 the `other` ("cosine" or "square")."""
    source = seeded(seed)
    labels = torch.randint(2, (count,), generator=source)
    phase, speed, noise = (torch.rand(count, n, generator=source) for n in (1, 1, steps))
    angle = 2 * math.pi * ((2 + 2 * speed) * torch.linspace(0, 1, steps) + phase)
    second = angle.cos() if other == "cosine" else angle.sin().sign()
    wave = torch.where(labels[:, None] == 0, angle.sin(), second)
    return (wave + 0.3 * (noise - 0.5))[..., None], labels


class Listener(nn.Module):
    """Runs a cell over (N, L, 1) and gives two scores from the mean of its states."""

    def __init__(self, cell, hidden=16):
        super().__init__()
        self.cell, self.hidden, self.head = cell, hidden, nn.Linear(hidden, 2)

    def forward(self, x):
        h = total = x.new_zeros(len(x), self.hidden)
        for step in x.unbind(dim=1):
            h = self.cell(step, h)
            total = total + h
        return self.head(total / x.shape[1])


class Wrapped(nn.Module):
    """A function as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def draw_families(norms, moved):
    """Which numbers of (2 samples, 4 channels, 3 steps) share a mean, found by probing.

    Each family gets a number; a norm's grid has a row for each sample and channel.
    """
    fig, axes = plots.figure(8.4, 3.4)
    x = torch.randn(2, 4, 3, generator=seeded(0))
    for k, (name, norm) in enumerate(norms.items()):
        family = torch.zeros(x.shape)
        for where in torch.cartesian_prod(*map(torch.arange, x.shape)).tolist():
            if family[tuple(where)] == 0:  # in no family yet: probe it
                family[moved(norm, x, tuple(where))] = family.max() + 1
        grid = family.reshape(8, 3)
        axes.imshow(
            grid, cmap="Blues", vmin=0, vmax=12, extent=(4 * k, 4 * k + 3, 8, 0), aspect="auto"
        )
        axes.text(4 * k + 1.5, -0.3, name, ha="center", fontsize=9)
        for row in range(8):
            for step in range(3):
                text = f"{grid[row, step]:.0f}"
                axes.text(4 * k + step + 0.5, row + 0.5, text, ha="center", va="center")
    for row in range(8):
        text = f"sample {row // 4}, channel {row % 4}"
        axes.text(-0.3, row + 0.5, text, ha="right", va="center", fontsize=9)
    axes.set(xlim=(0, 19), ylim=(8, -1))
    axes.set_axis_off()
    return plots.close(fig)


def log_x(fig):
    """The same picture with a logarithmic axis to the right."""
    fig.axes[0].set_xscale("log", base=2)
    if len(fig.axes[0].lines) < 4:
        fig.axes[0].legend(frameon=False)  # finds its place anew; four lines have theirs outside
    else:
        fig.axes[0].legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return fig


# Skip the rest of this cell: it serves the tests.
class Telltale(nn.Module):
    """Adds 10 in train mode, and 100 where its output carries a history for backward."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x):
        y = self.scale * x
        return y + 10.0 * self.training + 100.0 * y.requires_grad


@torch.no_grad()
def dress(model):
    """Fill weights and statistics; a layer's numbers depend on its rank among its kind only."""
    ranks = Counter()
    for module in model.modules():
        own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
        for name, t in own:
            if t.is_floating_point():
                source = seeded(1000 * ranks[type(module)] + 10 * len(name) + t.ndim)
                draw = (
                    torch.randn(t.shape, generator=source) / (t[0].numel() if t.ndim else 1) ** 0.5
                )
                t.copy_(draw.abs() + 0.5 if name == "running_var" else draw)
        ranks[type(module)] += bool(own)
    return model


# %% [markdown]
# ## The long chain
#
# Send random numbers through twenty linear layers with ReLU, and start the weights at half the right scale, at the right scale (chapter 06) and at twice that. Then do it again, but after each linear layer subtract every unit's mean over the batch and divide by its standard deviation.


# %% alt="Six curves of the spread of activations over 20 layers on a logarithmic axis. Without normalisation: at half scale it falls in a straight line from 0.4 to below one millionth; at the right scale it stays near 0.6; at double scale it climbs to above one hundred thousand. The three normalised curves lie on one another at 0.6."
def spread(scale, normalise, layers=20, width=128):
    source, found = seeded(0), []
    x = torch.randn(256, width, generator=source)
    for _ in range(layers):
        x = x @ torch.randn(width, width, generator=source) * scale * (2 / width) ** 0.5
        if normalise:
            x = (x - x.mean(dim=0)) / (x.var(dim=0, correction=0) + 1e-5).sqrt()
        found.append((x := x.relu()).std().item())
    return found


lines = {f"plain, scale {s}": spread(s, False) for s in (0.5, 1, 2)}
lines |= {f"normalised, scale {s}": spread(s, True) for s in (0.5, 1, 2)}
title = "Standard deviation of the activations"
plots.curves(lines, title=title, xlabel="layer", ylabel="std", log=True)

# %% [markdown]
# Half the scale, and after twenty layers nothing is left; double it: hundreds of thousands. The normalised chains lie on one another: the scale of the weights no longer matters. That buys deep networks that train at all, less care with initial weights, often larger learning rates, and, with batch norm, a little noise that acts like a regulariser.
#
# ## One layer, four lines
#
# **Batch norm** treats each channel by itself:
#
# - μ = its mean in this batch;
# - v = its variance: the mean of (x − μ)²;
# - x̂ = (x − μ) / √(v + ε), where ε = 10⁻⁵ avoids 0/0;
# - y = γ · x̂ + β, with learned *scale* γ and *shift* β.
#
# But which numbers are "this channel in this batch"?

# %% [markdown]
# ### Predict 9.1 · How many numbers in one mean?
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# `nn.BatchNorm2d(16)` receives a batch of shape (32, 16, 8, 8): 32 images, 16 channels, 8 × 8 places. How many numbers are averaged for one of its means?
#
# - a: 32, since it normalises over the batch
# - b: 64, the places of one image
# - c: 1,024, the whole of one image
# - d: 2,048, one channel in all images

# %% nbgrader={"grade_id": "predict-9-1"}
# Write your choice: predict_9_1 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_9_1 = "d"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-9-1-check", "points": 0}
# Arrange
# Act
choice_1 = predict_9_1
# Assert
check.one_of(choice_1, ("a", "b", "c", "d"), "your choice")

# %%
x = 3 * torch.randn(32, 16, 8, 8, generator=seeded(0)) + 5
bn = nn.BatchNorm2d(16)
for name, axes in (("batch", (0,)), ("places", (2, 3)), ("both", (0, 2, 3))):
    mean, var = x.mean(axes, keepdim=True), x.var(axes, correction=0, keepdim=True)
    gap = (bn(x) - (x - mean) / (var + bn.eps).sqrt()).abs().max()
    print(f"over {name:6} axes {axes!s:9} largest difference from BatchNorm2d: {gap:.0e}")
print("learned:", {name: tuple(p.shape) for name, p in bn.named_parameters()})
faint = x / 1000  # a variance near ε
var, mean = faint.var((0, 2, 3), correction=0), faint.mean((0, 2, 3))
for name, scale in (("√v", var.sqrt()), ("√(v + ε)", (var + bn.eps).sqrt())):
    bn.load_state_dict({**bn.state_dict(), "weight": scale, "bias": mean})
    print(f"β = μ, γ = {name:8} → |output − input| at most {(bn(faint) - faint).abs().max():.0e}")

# %% [markdown]
# "Over the batch" is true for a table (N, C) only. `BatchNorm2d` averages over N, H and W, `BatchNorm1d` on sequences over N and L, `BatchNorm3d` over N, D, H and W. For images one mean covers N·H·W numbers: **that product counts**, not the batch size.
#
# The last two lines above: γ and β can undo the layer, but only with γ = √(v + ε); books tend to forget the ε.
#
# Why does it help? Its authors wanted to stop *internal covariate shift*: each layer's input changes while the layers below learn. That was the motive, not an established cause: Santurkar and others (2018) put such a shift back behind batch norm, and training stayed as good; they find a *smoother* loss. One part you can compute:

# %%
x = torch.randn(16, 8, generator=seeded(0))
v = torch.randn(16, 4, generator=seeded(1))
for k in (1, 10, 100):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 4, bias=False), nn.BatchNorm1d(4, eps=1e-12))
    with torch.no_grad():
        net[0].weight *= k
    y = net(x)
    (y * v).sum().backward()
    print(f"weights × {k:3}  first output {y[0, 0]:.3f}  gradient {net[0].weight.grad.norm():.3f}")

# %% [markdown]
# A hundred times the weights: the same output, and a hundredth of the gradient. Weights that have grown too large take smaller steps, relative to their size, by themselves. That calms a learning rate that is somewhat too high.
#
# How much faster does it make training, and how much larger may the rate be? "Always" and "ten times", you may read. Build the two networks and ask them.

# %% [markdown]
# ### Exercise 9.1 · What batch norm changes
# ★★☆☆☆ · 15 min · implementation · 5 points
#
# `make_cnn(use_bn, widths)`: a network from digits (N, 1, 8, 8) to scores (N, 10). For each number in `widths` comes a 3 × 3 convolution with padding 1 and that many channels, then batch norm if `use_bn`, then ReLU. Then flatten and add one linear layer. A convolution has a bias exactly when no batch norm follows. Four convolutions with batch norm must get 90 % of new digits right (five epochs, rate 0.1, batches of 64).
#
# `steps_to_loss(losses, target)`: the first step, counted from 1, with a loss of at most `target`, or `None`.
#
# `make_cnn(True, [4, 8])` has 5,478 parameters, without batch norm it has 5,466. `steps_to_loss([2.3, 1.0, 0.4, 0.6], 1.0)` is 2.
#
# <details><summary>Hint 1</summary>
#
# Collect the layers in a list and hand it to `nn.Sequential(*layers)`. The images keep their 8 × 8 places throughout: how many numbers does the last layer read?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `nn.Conv2d(before, width, 3, padding=1, bias=not use_bn)`, then `nn.Linear(64 * widths[-1], 10)`. For the steps: `enumerate(losses, start=1)`.
#
# </details>


# %% nbgrader={"grade_id": "ex-9-1"}
def make_cnn(use_bn: bool, widths: list[int]) -> nn.Module:
    """(N, 1, 8, 8) to (N, 10): for each width conv 3 × 3, batch norm if use_bn, ReLU; then linear.

    A convolution has a bias exactly when no batch norm follows it.
    """
    ### BEGIN SOLUTION
    layers, before = [], 1
    for width in widths:
        layers.append(nn.Conv2d(before, width, 3, padding=1, bias=not use_bn))
        if use_bn:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU())
        before = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * before, 10))
    ### END SOLUTION


def steps_to_loss(losses: list[float], target: float) -> int | None:
    """Number of the first step, counted from 1, whose loss is at most target; None if there is none."""
    ### BEGIN SOLUTION
    return next((step for step, loss in enumerate(losses, start=1) if loss <= target), None)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-9-1-check", "points": 1}
# Arrange
four_images = torch.zeros(4, 1, 8, 8)
# Act
counted = [sum(p.numel() for p in make_cnn(use, [4, 8]).parameters()) for use in (True, False)]
score_shape = tuple(make_cnn(True, [4, 8])(four_images).shape)
# Assert
check.equal(
    counted,
    [5478, 5466],
    "parameters with and without batch norm",
    ideas={
        "A convolution keeps its bias although batch norm follows and brings a shift": [5490, 5466],
        "Only the first convolution has its batch norm: one after each": [5462, 5466],
        "The scores are normalised too: batch norm belongs behind convolutions only": [5498, 5466],
        "Without batch norm the convolutions need their bias": [5478, 5454],
        "Both networks are the same: use_bn decides": [5478, 5478],
    },
    hint="Per width: 9 · channels before · width weights, and either a bias or a scale and a shift",
)
check.equal(score_shape, (4, 10), "the shape of the scores of four images")

# %% nbgrader={"grade_id": "ex-9-1-check-2", "points": 1}
# Arrange
falling = [2.3, 1.0, 0.4, 0.6]
# Act
steps_91 = [steps_to_loss(falling, 1.0), steps_to_loss(falling, 0.5), steps_to_loss(falling, 0.1)]
# Assert
check.equal(
    steps_91,
    [2, 3, None],
    "the steps to a loss of 1.0, 0.5 and 0.1",
    ideas={
        "The first loss is step 1: count from 1": [1, 2, None],
        "A loss equal to the target counts: at most means <=": [3, 3, None],
        "The last loss below the target is not asked for, but the first": [4, 4, None],
        "Where the target is never reached, None is asked for": [2, 3, 4],
        "None comes too early: one loss above the target decides nothing. Return None behind the loop": [
            None,
            None,
            None,
        ],
    },
    hint="Look at the losses one by one; None only when all of them were above the target",
)

# %% [markdown]
# Dropping the biases saves little. It keeps a model honest: a parameter that can do nothing should not be there. (When it can do something you will see under "placement".)
#
# Now ask: a shallow and a deeper network, three rates, with and without batch norm, on the small digits that come with the course. Each line takes less than a second.

# %% tags=["demo"] alt="Four curves of the training loss at rate 0.3, log scale, over about 150 steps. Two convolutions with batch norm fall fastest, to about 0.02. Two plain ones and six with batch norm fall together, a little later, to 0.06 and 0.03. Six plain convolutions stay flat at 2.3."
X, Y = digits(train=True)
X_test, Y_test = (t[:352] for t in digits(train=False))
runs, rates = {}, ((0.03, "none batch"), (0.3, "none batch"), (1.0, "none batch batch+"))
print("convolutions  rate  norm    accuracy  steps to loss 0.5")
for depth, lr, norm in [(d, lr, n) for d in (2, 6) for lr, ns in rates for n in ns.split()]:
    torch.manual_seed(0)
    net = make_cnn(norm != "none", [16] * depth)
    net = nn.Sequential(net, nn.BatchNorm1d(10)) if norm == "batch+" else net  # normed scores
    losses = train(net, X, Y, lr=lr, epochs=7, device=gradus.device())
    share, steps = score(net, X_test, Y_test), steps_to_loss(losses, 0.5)
    print(f"{depth:7} {lr:10}  {norm:6} {share:8.2f} {steps!s:>10}")
    if lr == 0.3:  # the mean of ten steps, every five steps
        runs[f"{depth} conv, {norm}"] = torch.tensor(losses).unfold(0, 10, 5).mean(1)
title = "Training loss at rate 0.3"
plots.curves(runs, x=range(10, 155, 5), title=title, xlabel="step", ylabel="loss", log=True)

# %% [markdown]
# Two convolutions: at rate 0.3 the plain network does well, and batch norm gains a little; at 0.03 it gains more, and is far quicker. Six: the plain network fails at all three rates; with batch norm it learns at two of them, as well as two convolutions do. (A hundredth between two accuracies means nothing: another seed turns it round.)
#
# At rate 1.0 nobody learns, batch norm or not: one layer has no norm behind it, the last, with its 1,024 inputs. The line "batch+" puts one there, for the sake of the experiment, and both networks learn.
#
# So what you gain depends on depth, rate, budget, and on which layers a norm protects. A sentence with "always" in it is wrong.

# %% [markdown]
# ## Two lives: train and eval
#
# When a model is in use there may be no batch, and an answer should not depend on who else is asking. So in **train** mode batch norm uses the statistics of the batch and keeps a running average on the side; in **eval** mode it uses that average.
#
# running ← 0.9 · running + 0.1 · batch, where 0.1 is the layer's `momentum`. (An optimiser's momentum of 0.9 is the other way round.) It begins at mean 0 and variance 1. Below, every batch comes from a source with mean 5.

# %% alt="Three curves of the running mean over 60 batches of a source with mean 5. With momentum 0.5 it reaches 5 after a few batches and jitters there. With 0.1 it arrives after about 30 and is smooth. With 0.01 it has crept to about 2.3 by the end."
means = {}
for momentum in (0.5, 0.1, 0.01):
    bn, source, means[f"momentum {momentum}"] = nn.BatchNorm1d(1, momentum=momentum), seeded(1), []
    for _ in range(60):
        bn(2 * torch.randn(16, 1, generator=source) + 5)
        means[f"momentum {momentum}"].append(bn.running_mean.item())
print("weight of the initial 0 after 10, 22, 60 batches:", [round(0.9**n, 3) for n in (10, 22, 60)])
plots.curves(means, title="The running mean lags", xlabel="batches seen", ylabel="running_mean")

# %% [markdown]
# A large momentum jitters, a small one lags. With 0.1 the initial guess still weighs 35 % after ten batches and 10 % after 22. Training loss can look fine while the eval accuracy of such a young model is poor: it is not the network, it is the average that is not there yet.
#
# The statistics are *buffers*, not parameters: they belong to the state that is saved, but no optimiser moves them. Who does move them?

# %% [markdown]
# ### Predict 9.2 · Only looking
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# ```python
# bn = nn.BatchNorm1d(3)
# with torch.no_grad():
#     bn(torch.randn(8, 3) + 5)
# ```
#
# What is different in `bn` afterwards?
#
# - a: nothing, since `no_grad` switches learning off
# - b: the running statistics
# - c: the running statistics, the scale and the shift
# - d: nothing, since only an optimiser's step changes a model

# %% nbgrader={"grade_id": "predict-9-2"}
# Write your choice: predict_9_2 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_9_2 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-9-2-check", "points": 0}
# Arrange
# Act
choice_2 = predict_9_2
# Assert
check.one_of(choice_2, ("a", "b", "c", "d"), "your choice")

# %%
bn, crowd = nn.BatchNorm1d(3), torch.randn(8, 3, generator=seeded(2)) + 5
with torch.no_grad():
    first = bn(crowd)
for name, t in bn.state_dict().items():
    print(f"after one look: {name:20}", t)
print("the same batch again, same output:", torch.equal(bn(crowd), first))
others = torch.cat([crowd[:1], torch.randn(7, 3, generator=seeded(3))])
for mode in (True, False):
    bn.train(mode)
    print(f"sample 0, train={mode!s:5}", *(bn(company)[0].detach() for company in (crowd, others)))

# %% [markdown]
# `no_grad` stops the notes for `backward`; the running average is no gradient business. **A forward pass in train mode changes the model**, whatever you wrap around it.
#
# You may read that batch norm is random, and bad for reproducing a run. It is not random: same batch, same output, to the last bit. What matters is the *company*: in train mode the answer for sample 0 depends on the other seven. Seed the sampler, so that the companies repeat, and the run repeats.
#
# Now measure what a forgotten `eval()` costs. One trap first: whoever measures in train mode and then in eval mode, on one and the same model, has changed the second number by taking the first.

# %% [markdown]
# ### Exercise 9.2 · Measure and leave no trace
# ★★☆☆☆ · 12 min · production · 5 points
#
# `accuracy(model, batches, mode)`: the share of right answers over all samples of `batches`, with the model and all its modules in mode "train" or "eval". The model afterwards: parameters, buffers and the mode of *each* of its modules are as before. The scores carry no history for `backward`.
#
# `batches` is a list of (inputs, labels); the last may be smaller, so count samples: 3 of 3 right and 1 of 2 right is 4/5, not the mean of 1 and ½.
#
# <details><summary>Hint 1</summary>
#
# To put everything back is hard to get right: a frozen layer may be in eval mode inside a model in train mode. Is there a way to have nothing to put back?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `copy.deepcopy(model)`, then `.train(mode == "train")` on the copy. In `torch.no_grad()`, add up `(scores.argmax(dim=1) == labels).sum().item()`.
#
# </details>


# %% nbgrader={"grade_id": "ex-9-2"}
def accuracy(model: nn.Module, batches: list, mode: str) -> float:
    """Share of right answers over all samples, with the model in mode "train" or "eval".

    batches: list of (inputs, labels); scores are model(inputs), (N, classes). Afterwards the
    model is what it was: parameters, buffers, the mode of each module. No history is recorded.
    """
    ### BEGIN SOLUTION
    twin = copy.deepcopy(model).train(mode == "train")
    right = samples = 0
    with torch.no_grad():
        for inputs, labels in batches:
            right += (twin(inputs).argmax(dim=1) == labels).sum().item()
            samples += len(labels)
    return right / samples
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-9-2-check", "points": 1}
# Arrange
three_in, three_out = torch.tensor([[10.0, 1.0], [12.0, 2.0], [11.0, 9.0]]), torch.tensor([1, 0, 1])
two_in, two_out = torch.tensor([[5.0, 0.0], [0.0, 5.0]]), torch.tensor([0, 0])
# Act
judged = nn.BatchNorm1d(2, affine=False)  # the larger of two normalised numbers is the answer
pairs = [(three_in, three_out), (two_in, two_out)]
shares = [accuracy(judged, pairs, "eval"), accuracy(judged, pairs, "train")]
# Assert
check.close(
    shares,
    [0.4, 0.8],
    "the accuracy in eval mode and in train mode",
    ideas={
        "These are means of batch accuracies: a small last batch must not count as much as a full one": [
            5 / 12,
            3 / 4,
        ],
        "Both are measured in eval mode: use the mode that is asked for": [0.4, 0.4],
        "Both are measured in train mode: use the mode that is asked for": [0.8, 0.8],
        "The modes are swapped": [0.8, 0.4],
        "The last batch may be smaller: add up the samples, do not take the first batch for all": [
            1 / 3,
            2 / 3,
        ],
        "This counts right answers; divide by the number of samples": [2, 4],
        "This is per cent; a share lies between 0 and 1": [40.0, 80.0],
    },
    hint="Right answers of all batches, divided by samples of all batches",
)

# %% [markdown]
# A copy costs memory for a moment and saves you from three ways of putting things back wrongly.
#
# Use it. An MLP with batch norm learns the digits in batches of 64. Then it is measured in train mode, as if you had forgotten `eval()`, in batches of many sizes: once mixed, once sorted by label, as files in folders often are.

# %% tags=["demo"] alt="Three curves of accuracy against batch size from 2 to 352. In eval mode it is constant at 0.96. In train mode with mixed batches it climbs from 0.4 at batch 2 over 0.9 at 16 to 0.97. In train mode with sorted batches it stays near 0.1 up to batch 8, reaches 0.4 at 64, 0.64 at 128 and 0.86 at 176, and 0.96 when all samples are in one batch."
torch.manual_seed(0)
train(digit_net := mlp(nn.BatchNorm1d), X, Y, lr=0.1, epochs=5)
by_label = Y_test.argsort(stable=True)
sizes = [2, 4, 8, 16, 32, 64, 128, 176, 352]
gap = {"eval": [], "train, mixed": [], "train, sorted": []}
for n in sizes:
    mixed = list(zip(X_test.split(n), Y_test.split(n), strict=True))
    ordered = list(zip(X_test[by_label].split(n), Y_test[by_label].split(n), strict=True))
    for name, batches in zip(gap, (mixed, mixed, ordered), strict=True):
        gap[name].append(accuracy(digit_net, batches, name.split(",")[0]))
print(*(f"{name:14} {[round(v, 2) for v in values]}" for name, values in gap.items()), sep="\n")
title = "What forgetting eval() costs"
log_x(plots.curves(gap, x=sizes, title=title, xlabel="batch size", ylabel="accuracy"))

# %% [markdown]
# Mixed batches of 64 hide the mistake completely. Batches of 8 lose a tenth, batches of two lose half. Sorted batches are a catastrophe, which fades only as a batch mixes more labels (five at 176): a batch of nothing but sevens loses all that its sevens have in common. So "it works without `eval()`" in a notebook says nothing about the day when requests come one by one.
#
# And the order of measuring? Watch the eval accuracy of one model after passes in train mode. The last lines show two more things: a batch of one, and how to repair spoiled statistics.

# %% tags=["demo"]
print(f"eval, fresh                          {score(digit_net, X_test, Y_test):.3f}")
spoiled = copy.deepcopy(digit_net).train()
with torch.no_grad():
    for part in X_test[by_label].split(2):
        spoiled(part)
print(f"eval, after a sorted train-mode pass {score(spoiled, X_test, Y_test):.3f}")
print("a batch of one:", observe.error(spoiled.train(), X_test[:1])["type"])
for module in spoiled.modules():
    if isinstance(module, nn.BatchNorm1d):
        module.reset_running_stats()
        module.momentum = None  # None: the plain average of all batches since the reset
spoiled.train()(X)
print(f"eval, statistics taken anew          {score(spoiled, X_test, Y_test):.3f}")
print("a look at one of them:", spoiled[2].running_var[:5])

# %% [markdown]
# Evaluating in the wrong mode cost the model a tenth of its accuracy, without one training step. One pass over training data, with `momentum=None`, took the statistics anew.
#
# A batch of one value per channel raises in train mode: its variance would be 0. It strikes at the end of an epoch, when one sample is left over. The cure is `DataLoader(..., drop_last=True)` for training. Printing the buffers, as in the last line, is the first thing to do when eval and train disagree: all 0 and 1 means never updated, NaN means that a bad batch went through.
#
# ## Write it yourself
#
# You know all but one detail. Give a layer the batch {0, 2} and look at both variances.

# %%
bn = nn.BatchNorm1d(1, eps=1e-12)
print("output:", bn(torch.tensor([[0.0], [2.0]])).flatten().tolist())
print("running_var:", round(bn.running_var.item(), 3), "= 0.9 · 1 + 0.1 · 2")
print("num_batches_tracked:", bn.num_batches_tracked.item())
for n in (2, 4, 8, 32):
    print(f"{n:3} values: unbiased / biased variance = {n / (n - 1):.3f}")

# %% [markdown]
# The output ±1 comes from the *biased* variance, 1 (divide by n). What is stored is the *unbiased* one, 2 (divide by n − 1): an estimate of the source, not of the batch. Many implementations store the biased one. In train mode they agree with PyTorch to the last digit; in eval mode they do not, and the fewer values per channel the worse: a factor of 2 at two values.
#
# Other details decide whether your layer can trade weights with PyTorch's. The names are `weight`, `bias`, `running_mean`, `running_var`, `num_batches_tracked`: with `gamma` and `beta` no checkpoint fits. And buffers must be written *in place*.

# %% [markdown]
# ### Exercise 9.3 · Batch norm from scratch
# ★★★☆☆ · 20 min · implementation · 8 points
#
# Write `MyBatchNorm2d` for inputs (N, C, H, W), float32 or float64 and laid out in memory in any way. It agrees with `nn.BatchNorm2d` in both modes: outputs, gradients, state.
#
# - Parameters `weight` (ones) and `bias` (zeros); buffers `running_mean` (zeros), `running_var` (ones), `num_batches_tracked` (an integer 0); all but the last of shape (C,).
# - Train mode: normalise with the batch's mean and biased variance. Then move the running statistics by `momentum` towards the mean and the *unbiased* variance, in place and detached from the graph (afterwards no buffer requires a gradient), and count the batch.
# - Eval mode: use the running statistics, change nothing.
# - One value per channel in train mode: `ValueError`, and no statistics change.
#
# `nn.BatchNorm2d` and `F.batch_norm` are off limits, or there would be nothing to write.
#
# <details><summary>Hint 1</summary>
#
# `register_buffer(name, tensor)` makes a buffer. All of `mean((0, 2, 3))` has shape (C,); to meet (N, C, H, W) it needs the shape (1, C, 1, 1).
#
# </details>
# <details><summary>Hint 2</summary>
#
# `self.running_mean.lerp_(mean.detach(), self.momentum)` moves in place by a share. The unbiased variance is the biased times n / (n − 1), with n = N · H · W.
#
# </details>


# %% nbgrader={"grade_id": "ex-9-3"}
class MyBatchNorm2d(nn.Module):
    """Batch norm over (N, C, H, W) as nn.BatchNorm2d does it, with the same names in its state."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1):
        ### BEGIN SOLUTION
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        mean, var = self.running_mean, self.running_var
        if self.training:
            n = x.numel() // x.shape[1]
            if n < 2:
                raise ValueError("more than one value per channel is needed in train mode")
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(var * n / (n - 1), self.momentum)
                self.num_batches_tracked += 1
        shape = (1, -1, 1, 1)
        normalised = (x - mean.view(shape)) / (var.view(shape) + self.eps).sqrt()
        return normalised * self.weight.view(shape) + self.bias.view(shape)
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-9-3-check", "points": 1}
# Arrange
zero_two = torch.tensor([[[[0.0, 2.0]], [[10.0, 10.0]]], [[[2.0, 4.0]], [[10.0, 30.0]]]])
as_it_was = zero_two.clone()
root_2, root_3 = 2**0.5, 3**0.5
once_true = torch.tensor(
    [
        [[[-root_2, 0.0]], [[-1 / root_3, -1 / root_3]]],
        [[[0.0, root_2]], [[-1 / root_3, root_3]]],
    ]
)
mean_true, var_true = torch.tensor([0.2, 1.5]), torch.tensor([0.9 + 0.8 / 3, 10.9])
# Act
layer_93 = MyBatchNorm2d(2, eps=0.0)
once = observe.copy(layer_93(zero_two))
after_93 = observe.state(layer_93)
# Assert
check.close(
    once,
    once_true,
    "the output for a batch of two small images",
    ideas={
        "Divided by the unbiased variance: within the batch divide by n": once_true * 0.75**0.5,
        "Divided by the variance; its root is meant": torch.tensor(
            [[[[-1.0, 0.0]], [[-1 / 15, -1 / 15]]], [[[0.0, 1.0]], [[-1 / 15, 0.2]]]]
        ),
        "The running statistics were used in train mode: the batch's own are meant": as_it_was,
    },
    hint="One mean and one variance per channel, over the axes 0, 2 and 3 together",
)
check.close(
    after_93,
    {
        "weight": torch.ones(2),
        "bias": torch.zeros(2),
        "running_mean": mean_true,
        "running_var": var_true,
        "num_batches_tracked": 1,
    },
    "the state after one batch",
    ideas={
        "running_var took the biased variance: store the unbiased one, times n / (n - 1)": {
            "weight": torch.ones(2),
            "bias": torch.zeros(2),
            "running_mean": mean_true,
            "running_var": torch.tensor([1.1, 8.4]),
            "num_batches_tracked": 1,
        },
        "n / (n - 1) was taken with n = N: n is the number of values per channel, N · H · W": {
            "weight": torch.ones(2),
            "bias": torch.zeros(2),
            "running_mean": mean_true,
            "running_var": torch.tensor([1.3, 15.9]),
            "num_batches_tracked": 1,
        },
        "momentum is the weight of the new value: running ← 0.9 · running + 0.1 · batch": {
            "weight": torch.ones(2),
            "bias": torch.zeros(2),
            "running_mean": torch.tensor([1.8, 13.5]),
            "running_var": torch.tensor([0.1 + 0.9 * 8 / 3, 90.1]),
            "num_batches_tracked": 1,
        },
        "num_batches_tracked must count the batches": {
            "weight": torch.ones(2),
            "bias": torch.zeros(2),
            "running_mean": mean_true,
            "running_var": var_true,
            "num_batches_tracked": 0,
        },
        "Nothing was stored: in train mode the running statistics move": {
            "weight": torch.ones(2),
            "bias": torch.zeros(2),
            "running_mean": torch.zeros(2),
            "running_var": torch.ones(2),
            "num_batches_tracked": 0,
        },
    },
    hint="Names and shapes as in the box: weight, bias, running_mean, running_var, num_batches_tracked",
)

# %% nbgrader={"grade_id": "ex-9-3-check-2", "points": 1}
# Arrange
one_pair = torch.tensor([[[[1.0, 3.0]], [[10.0, 15.0]]]])
single = torch.tensor([[[[2.0]], [[3.0]]]])
kept_93 = {
    "weight": torch.tensor([1.0, 2.0]),
    "bias": torch.tensor([0.0, 1.0]),
    "running_mean": torch.tensor([1.0, 10.0]),
    "running_var": torch.tensor([4.0, 25.0]),
    "num_batches_tracked": torch.tensor(7),
}
names_93 = observe.shapes(kept_93)
state_true_93 = observe.copy(kept_93)
# Act
layer_93 = MyBatchNorm2d(2, eps=0.0)
found_93 = observe.fill(layer_93, kept_93)
calm = observe.copy(layer_93.eval()(one_pair))
calm_state = observe.state(layer_93)
lone_error = observe.error(MyBatchNorm2d(2), single)
# Assert
check.equal(found_93, names_93, "names and shapes in the state", hint="They stand in the box")
check.close(
    calm,
    torch.tensor([[[[0.0, 1.0]], [[1.0, 3.0]]]]),
    "the output in eval mode",
    ideas={
        "The batch's own statistics were used in eval mode: the running ones are meant": torch.tensor(
            [[[[-1.0, 1.0]], [[-1.0, 3.0]]]]
        ),
        "weight and bias are not used in eval mode": torch.tensor([[[[0.0, 1.0]], [[0.0, 1.0]]]]),
        "Divided by the running variance; its root is meant": torch.tensor(
            [[[[0.0, 0.5]], [[1.0, 1.4]]]]
        ),
    },
    hint="(x - running_mean) / √(running_var + ε), then weight and bias",
)
check.close(calm_state, state_true_93, "the state after eval mode", hint="It must not change")
check.raised(
    lone_error,
    ValueError,
    "one value per channel in train mode",
    hint="It has no variance: raise ValueError before anything is stored",
)

# %%
for n in (2, 4, 8, 32):
    right, source = nn.BatchNorm1d(64), seeded(n)
    for _ in range(50):
        right(torch.randn(n, 64, generator=source))
    wrong, x = copy.deepcopy(right.eval()), torch.randn(1000, 64, generator=seeded(99))
    first = 0.9**50  # what is left of the initial 1, which is not scaled
    wrong.running_var.sub_(first).mul_((n - 1) / n).add_(first)
    print(f"batch {n:2}: eval outputs differ by up to {(wrong(x) - right(x)).abs().max():.2f}")
for in_place in (False, True):
    bn = nn.BatchNorm1d(1)
    watcher = bn.running_mean  # held by a plot, an average of models, another process, …
    new = bn.running_mean + 1
    bn.running_mean = watcher.copy_(new) if in_place else new
    print(f"in place: {in_place!s:5} the watcher sees", watcher.item())

# %% [markdown]
# You wrote the layer of most image networks. First, what the popular slip would have cost: PyTorch's layer after fifty batches against its twin that stored the biased variance. At batch two the outputs are off by up to 2.3, where their usual size is 1, and no test in train mode sees it. Last, a rebound buffer leaves everybody behind who holds the old one.
#
# ## Other axes
#
# What changes from layer to layer is *which numbers share a mean*. In a sequence (N, C, L), N samples, C channels and L steps, this can be any block of the cube. **Probe it**: change one number of the input, and see which outputs move. They share its mean.


# %% alt="Five grids side by side, each with 8 rows, 4 channels of sample 0 and then of sample 1, and 3 columns, the steps. Equal numbers share a mean. BatchNorm1d: rows of the same channel in both samples, 4 numbers in all. InstanceNorm1d: each row by itself, 8 numbers. GroupNorm(2): pairs of neighbouring rows, 4 numbers. LayerNorm of channels and steps: each sample as a whole, 2 numbers. LayerNorm of channels: each column of each sample, 6 numbers."
def moved(norm, x, where):
    """Which outputs change when x changes at one place?"""
    after = x.clone()
    after[where] += 10
    return (norm(after) - norm(x)).abs() > 1e-4


norms = {
    "BatchNorm1d": nn.BatchNorm1d(4),
    "InstanceNorm1d": nn.InstanceNorm1d(4),
    "GroupNorm(2)": nn.GroupNorm(2, 4),
    "LayerNorm((C,L))": nn.LayerNorm((4, 3)),
    "LayerNorm(C)": lambda x: nn.LayerNorm(4)(x.mT).mT,
}
draw_families(norms, moved)

# %% [markdown]
# Equal numbers share a mean; a column is a time step. Only batch norm crosses the line between the samples. Which of them mix time steps you can read off as well.
#
# | layer | averages over | samples mixed | train = eval |
# |---|---|---|---|
# | batch norm | N and all places, per channel | yes | no |
# | layer norm | the last axes that you name | no | yes |
# | instance norm | all places, per sample and channel | no | yes |
# | group norm | a run of channels and all places, per sample | no | yes |
#
# Group norm with one group averages like layer norm over (C, H, W); with C groups it is instance norm.

# %% [markdown]
# ### Predict 9.3 · One step in a sequence
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# Text and time series usually come as x of shape (N, L, D): samples, steps, features. You apply `nn.LayerNorm(D)` and change one number, in sample 0 at step 7. Which outputs move?
#
# - a: sample 0 at step 7, nothing else
# - b: all steps of sample 0
# - c: step 7 of all samples
# - d: that one number only

# %% nbgrader={"grade_id": "predict-9-3"}
# Write your choice: predict_9_3 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_9_3 = "a"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-9-3-check", "points": 0}
# Arrange
# Act
choice_3 = predict_9_3
# Assert
check.one_of(choice_3, ("a", "b", "c", "d"), "your choice")


# %%
def report(name, f):
    """Who feels a change in sample 0, last step? And do real steps feel what the padding holds?"""
    hit, filled = moved(f, x, (0, -1, 0)).any(dim=2), torch.where(real, x, 1000.0)  # hit: (N, L)
    felt = ((f(filled) - f(x)).abs() > 1e-4)[real.expand_as(x)]
    found = [part.any().item() for part in (hit[1:], hit[0, :-1], felt)]
    print(f"{name:28}", *[f"{'yes' if one else 'no':14}" for one in found])


x, real = torch.randn(4, 10, 6, generator=seeded(0)), torch.ones(4, 10, 1, dtype=torch.bool)
real[2:, 6:] = False  # samples 2 and 3 end after six steps
print(f"{'moved:':28} {'other samples':14} {'earlier steps':14} real steps, by padding")
report("LayerNorm(D)", nn.LayerNorm(6))
report("LayerNorm((L, D))", nn.LayerNorm((10, 6)))
report("BatchNorm1d over (N, D, L)", lambda x: nn.BatchNorm1d(6)(x.mT).mT)
for first in (True, False):
    heads = nn.MultiheadAttention(6, 2, batch_first=first)
    report(f"attention, batch_first={first}", lambda x, heads=heads: heads(x, x, x)[0])

# %% [markdown]
# This probe is a tool for life; the hidden tests of this course are full of it. Three questions: do **other samples** feel the change? Do **earlier steps** feel what comes later? Do real steps feel the **padding**?
#
# `LayerNorm(D)` says no three times: each step is normalised alone. That makes it the norm of recurrent networks and transformers. Batch norm says yes three times; in a recurrent cell each step would even need statistics of its own, which a longer sequence has never seen.
#
# The last line is a classic. Attention without `batch_first=True` takes the first axis for time. With (N, L, D) all shapes fit, and the samples of a batch read each other. (Attention is *meant* to mix steps, and its mask is the subject of chapter 11.)

# %%
maps = torch.randn(8, 16, 32, 32, generator=seeded(1))
record = observe.error(nn.LayerNorm([16, 16, 16]), maps)
print("LayerNorm([16, 16, 16]) on", tuple(maps.shape), "→", record["type"])
pooled = F.adaptive_avg_pool2d(maps, 16)
print("after pooling to 16 × 16:", tuple(nn.LayerNorm([16, 16, 16])(pooled).shape))
x = torch.tensor([1.0, 2.0, 3.0])
for shift in (0, 100):
    print(f"x + {shift}: layer norm", F.layer_norm(x + shift, (3,)))
    print(f"x + {shift}: RMS norm  ", F.rms_norm(x + shift, (3,)))

# %% [markdown]
# `LayerNorm` must be told the exact sizes that it averages over; another image size raises. It has a scale for *each number* that it averages, not one per channel; instance norm has none at all unless you say `affine=True`.
#
# **RMS norm** saves the mean: x / √(mean of x² + ε), times γ. It is not blind to a shift, as you see, and many large language models use it in layer norm's place.
#
# Now a task for sequences. A teacher proposes: tell a sine from a cosine. Each sample has a random start phase, uniform over the whole circle, and some noise; both classes draw their frequency alike.

# %% [markdown]
# ### Predict 9.4 · What accuracy is possible?
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# Class 0 is sin(a + p), class 1 is cos(a + p), where p is drawn anew for each sample, uniformly from 0 to 2π. Half the samples belong to each class. How often can the best of all networks be right on new samples?
#
# - a: nearly always, given enough training
# - b: about three times in four
# - c: half the time

# %% nbgrader={"grade_id": "predict-9-4"}
# Write your choice: predict_9_4 = "a", "b" or "c"
### BEGIN SOLUTION
predict_9_4 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-9-4-check", "points": 0}
# Arrange
# Act
choice_4 = predict_9_4
# Assert
check.one_of(choice_4, ("a", "b", "c"), "your choice")


# %% tags=["demo"] alt="Eight small curves over 32 steps in two rows. Upper row: two sines and two cosines with random phases, which look alike. Lower row: two sines, and two square waves with flat tops."
fig, axes = plots.figure(7.5, 3.2)
for row, other in enumerate(("cosine", "square")):
    inputs, labels = waves(1000, other, seed=1)
    torch.manual_seed(0)
    listener = Listener(nn.GRUCell(1, 16))
    train(listener, inputs, labels, lr=1e-2, epochs=6, size=50, adam=True)
    print(f"sine against {other}: accuracy {score(listener, *waves(500, other, 2)):.2f}")
    for column, label in enumerate((0, 0, 1, 1)):
        wave = inputs[labels == label][column, :, 0]
        axes.plot(torch.arange(32) + 40 * column, wave - 4 * row, "-", color="C0", marker="")
        axes.text(40 * column, 1.4 - 4 * row, other if label else "sine")
axes.set(xlim=(-3, 155), ylim=(-6, 2.5))
axes.set_axis_off()
plots.close(fig)

# %% [markdown]
# The upper row cannot be sorted, by anybody: a cosine is a sine that started a quarter turn earlier, and with a uniform phase both classes are *the same distribution*. Half right is the best possible. No normalisation, and no network, changes that. Before you tune a model, ask what accuracy the task allows.
#
# Sine against square wave can be learned; its shape tells, whatever the phase.

# %% [markdown]
# ### Exercise 9.4 · Layer norm, and a cell that uses it
# ★★★☆☆ · 20 min · implementation · 7 points
#
# `layer_norm(x, n_dims, weight, bias, eps)`: normalise over the last `n_dims` axes of x, with the biased variance, and ε inside the root. Then scale by `weight` and shift by `bias`, each of the shape of those axes, or `None`. For [1, 2, 3]: [−1.22, 0, 1.22]; a constant row gives zeros. Rows far from 0 come out as well: around 1,000, in float32, right to a hundredth.
#
# `LayerNormRNNCell(input_size, hidden_size)`: h′ = tanh(LN(A x + B h)) for x (N, input_size) and h (N, hidden_size). A and B are linear layers `x2h` and `h2h` without bias. LN is your layer norm over the features, with parameters `weight` (ones) and `bias` (zeros).
#
# Without PyTorch's layer norm. With your cell a network must tell 90 % of new sines and squares apart after eight epochs of Adam at rate 0.01, in batches of 50.
#
# <details><summary>Hint 1</summary>
#
# The axes are −n_dims, …, −1. With `keepdim=True` mean and variance meet x again by broadcasting. Nothing needs to know the batch. Far from 0, the mean of x² minus the square of the mean loses its digits; the mean of (x − mean)² does not.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `axes = tuple(range(-n_dims, 0))`, then `x.var(axes, correction=0, keepdim=True)`. The cell: `torch.tanh(layer_norm(self.x2h(x) + self.h2h(h), 1, self.weight, self.bias))`.
#
# </details>


# %% nbgrader={"grade_id": "ex-9-4"}
def layer_norm(x: torch.Tensor, n_dims: int, weight=None, bias=None, eps=1e-5) -> torch.Tensor:
    """x normalised over its last n_dims axes, then times weight plus bias (of their shape, or None)."""
    ### BEGIN SOLUTION
    axes = tuple(range(-n_dims, 0))
    mean, var = x.mean(axes, keepdim=True), x.var(axes, correction=0, keepdim=True)
    y = (x - mean) / (var + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias
    ### END SOLUTION


class LayerNormRNNCell(nn.Module):
    """h' = tanh(LN(x2h(x) + h2h(h))); parameters x2h.weight, h2h.weight, weight, bias."""

    def __init__(self, input_size: int, hidden_size: int):
        ### BEGIN SOLUTION
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))
        ### END SOLUTION

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        return torch.tanh(layer_norm(self.x2h(x) + self.h2h(h), 1, self.weight, self.bias))
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-9-4-check", "points": 1}
# Arrange
rows_94 = torch.tensor([[1.0, 2.0, 3.0], [4.0, 4.0, 4.0], [0.0, 10.0, 20.0]])
rise = torch.tensor([-(1.5**0.5), 0.0, 1.5**0.5])
rows_true = torch.stack([rise, torch.zeros(3), rise])
down = (rows_94 - rows_94.mean(0)) / rows_94.std(0, correction=0)
squares = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[10.0, 20.0], [30.0, 40.0]]])
squares_true = torch.tensor([[-3.0, -1.0], [1.0, 3.0]]).expand(2, 2, 2) / 5**0.5
# Act
rows_out = layer_norm(rows_94, 1)
squares_out = layer_norm(squares, 2)
# Assert
check.close(
    rows_out,
    rows_true,
    "three rows, each normalised by itself",
    ideas={
        "Divided by n - 1: the biased variance is meant, correction=0": rows_true * (2 / 3) ** 0.5,
        "Each column was normalised: the batch must not be averaged over, only the last axes": down,
        "Divided by the variance: its root is meant": torch.tensor(
            [[-1.5, 0.0, 1.5], [0.0, 0.0, 0.0], [-0.15, 0.0, 0.15]]
        ),
    },
    atol=1e-3,
    hint="Mean and variance of each row; a constant row gives zeros, since ε keeps the root above 0",
)
check.close(
    squares_out,
    squares_true,
    "two samples of 2 × 2, each normalised over its last two axes",
    ideas={
        "Only the last axis was averaged: with n_dims = 2 it is the last two, together": torch.tensor(
            [[-1.0, 1.0], [-1.0, 1.0]]
        ).expand(2, 2, 2),
        "Only the axis −n_dims was averaged: all of −n_dims, …, −1 are meant": torch.tensor(
            [[-1.0, -1.0], [1.0, 1.0]]
        ).expand(2, 2, 2),
    },
    atol=1e-3,
    hint="One mean and one variance for the four numbers of a sample",
)

# %% nbgrader={"grade_id": "ex-9-4-check-2", "points": 1}
# Arrange
x_94, h_94 = torch.tensor([[2.0]]), torch.tensor([[0.5, 0.0, 0.0]])
cell_state = {
    "x2h.weight": torch.tensor([[0.0], [1.0], [1.0]]),
    "h2h.weight": torch.tensor([[2.0, 9.0, 9.0], [0.0, 9.0, 9.0], [2.0, 9.0, 9.0]]),
    "weight": torch.tensor([1.0, 1.0, 2.0]),
    "bias": torch.tensor([0.0, 0.5, 0.0]),
}
summed = torch.tensor([[1.0, 2.0, 3.0]])
gain, shift = torch.tensor([1.0, 1.0, 2.0]), torch.tensor([0.0, 0.5, 0.0])
ladder = torch.tensor([[-(1.5**0.5), 0.0, 1.5**0.5]])
bent = summed.tanh()
tanh_first = (bent - bent.mean()) / bent.std(correction=0) * gain + shift
next_true = torch.tanh(ladder * gain + shift)
apart = torch.tensor([[-(0.5**0.5), -(0.5**0.5), 2**0.5]])  # LN([0, 2, 2]) + LN([1, 0, 1])
names_94 = observe.shapes(cell_state)
# Act
cell_94 = LayerNormRNNCell(1, 3)
fresh_94 = [observe.copy(cell_94.weight), observe.copy(cell_94.bias)]
parts_94 = observe.fill(cell_94, cell_state)
next_h = observe.copy(cell_94(x_94, h_94))
# Assert
check.equal(
    parts_94,
    names_94,
    "names and shapes of the parameters of LayerNormRNNCell(1, 3)",
    ideas={
        "x2h and h2h have no bias here: bias=False": {
            **names_94,
            "x2h.bias": (3,),
            "h2h.bias": (3,),
        }
    },
    hint="They are x2h.weight, h2h.weight, weight and bias; the linear layers have no bias",
)
check.close(
    fresh_94,
    [torch.ones(3), torch.zeros(3)],
    "weight and bias of a new cell",
    hint="Ones and zeros",
)
check.close(
    next_h,
    next_true,
    "the next state, where A x + B h = [1, 2, 3]",
    ideas={
        "The norm is missing": torch.tanh(summed),
        "The norm is missing, only its weight and bias are there": torch.tanh(
            summed * gain + shift
        ),
        "First the norm, then tanh: here tanh comes first": tanh_first,
        "One norm over the sum A x + B h, not one for each of them": torch.tanh(
            apart * gain + shift
        ),
        "One norm over the sum A x + B h, not one (with a bias) for each of them": torch.tanh(
            apart * gain + 2 * shift
        ),
        "The cell's own weight and bias are not used": torch.tanh(ladder),
        "tanh is missing": ladder * gain + shift,
    },
    atol=1e-3,
    hint="tanh(LN(x2h(x) + h2h(h))), with the cell's own weight and bias in LN",
)


# %%
inputs = waves(200, "square", seed=3)[0]  # into cells whose recurrent weights are too large
for factor in (1, 5, 20):
    torch.manual_seed(0)
    plain, normed = nn.RNNCell(1, 16), LayerNormRNNCell(1, 16)
    with torch.no_grad():
        plain.weight_hh *= factor
        normed.h2h.weight *= factor
    for name, cell in (("plain", plain), ("layer norm", normed)):
        h = torch.zeros(200, 16)
        for step in inputs.unbind(dim=1):
            h = cell(step, h)
        largest, slope = h.abs().max(), (1 - h**2).mean()  # the slope of tanh at each state
        print(f"h2h × {factor:2}  {name:10}  |h| up to {largest:.2f}, mean slope {slope:.2f}")

# %% [markdown]
# What the norm does in your cell: it keeps tanh's *argument* in range. (That |h| stays below 1 is tanh's own doing.) With recurrent weights five and twenty times too large the plain cell's units end up near ±1, where tanh is flat and hardly a gradient returns; the normed cell does not notice.
#
# A bias before *batch* norm is wasted, since each channel loses its mean. Before *layer* norm it is not: only the mean *over the features* is lost. Your cell leaves it out to stay small; LN's own bias also shifts each unit.
#
# ## Placement
#
# Inside a block the order is a choice. The classic is convolution, batch norm, activation. Why has the convolution no bias then, and is that so in any order? Ask the gradient.

# %%
x = torch.randn(16, 3, 8, 8, generator=seeded(2))
v = torch.randn(16, 4, 8, 8, generator=seeded(3))
for name, between in (("conv, norm", []), ("conv, ReLU, norm", [nn.ReLU()])):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), *between, nn.BatchNorm2d(4))
    (net(x) * v).sum().backward()
    bias, weight = (net[0].get_parameter(n).grad.abs().max() for n in ("bias", "weight"))
    print(f"{name:17} gradient of the bias {bias:8.1e}, of the weight {weight:8.1e}")

# %% [markdown]
# When batch norm follows *immediately*, it subtracts the bias again with the mean: only rounding is left of its gradient, and β does the work. With a ReLU in between it decides what is cut off. So: `bias=False` exactly when the next layer is a batch norm.
#
# In a residual block (chapter 08), what stands on the road from input to output?
#
# | kind | branch | after adding x |
# |---|---|---|
# | standard | conv, norm, ReLU, conv, norm | ReLU |
# | relu_first | conv, ReLU, norm, conv, ReLU, norm | nothing |
# | pre | norm, ReLU, conv, norm, ReLU, conv | nothing |
#
# Transformers choose too: *post-norm*, norm(x + f(x)), is the original; *pre-norm*, x + f(norm(x)), leaves the road free and needs one last norm.

# %% [markdown]
# ### Exercise 9.5 · Three kinds of block
# ★★★★☆ · 25 min · conceptual · 8 points
#
# `make_block(kind, c)`: the residual block of the table, for (N, c, H, W), with 3 × 3 convolutions, padding 1, `nn.BatchNorm2d` and `nn.ReLU` modules. A convolution has no bias exactly when a batch norm follows it *directly*. Another kind raises `ValueError`.
#
# `input_grad_norm(blocks, x, v)`: send x through the modules in the list `blocks`, and v back from the output. Return the norm of what arrives at x, divided by the norm of v, as a number. 1 means that the gradient comes through at full size. No parameter and no x gains a `.grad`.
#
# With c = 2: 80 parameters in a standard block, 84 in relu_first, 82 in pre.
#
# <details><summary>Hint 1</summary>
#
# One class with the branch as a Sequential, and a flag for the last ReLU. Write down for each of the six convolutions what stands right behind it. The last one of "pre" is followed by the addition.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Work on `x.detach().requires_grad_()`, then `torch.autograd.grad(y, x, v)`; it returns a tuple.
#
# </details>


# %% nbgrader={"grade_id": "ex-9-5"}
def make_block(kind: str, c: int) -> nn.Module:
    """The residual block "standard", "relu_first" or "pre" for c channels; ValueError otherwise."""
    ### BEGIN SOLUTION
    plans = {"standard": "CNRCN", "relu_first": "CRNCRN", "pre": "NRCNRC"}
    if kind not in plans:
        raise ValueError(f"kind must be one of {', '.join(plans)}, got {kind!r}")
    plan = plans[kind]
    layers = []
    for letter, following in zip(plan, plan[1:] + "+", strict=True):
        if letter == "C":
            layers.append(nn.Conv2d(c, c, 3, padding=1, bias=following != "N"))
        else:
            layers.append(nn.BatchNorm2d(c) if letter == "N" else nn.ReLU())

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.branch = nn.Sequential(*layers)
            self.last = nn.ReLU() if kind == "standard" else nn.Identity()

        def forward(self, x):
            return self.last(x + self.branch(x))

    return Block()
    ### END SOLUTION


def input_grad_norm(blocks: list[nn.Module], x: torch.Tensor, v: torch.Tensor) -> float:
    """|gradient arriving at x| / |v| when v is sent back through blocks; leaves no .grad behind."""
    ### BEGIN SOLUTION
    start = x.detach().requires_grad_()
    y = start
    for block in blocks:
        y = block(y)
    (arrived,) = torch.autograd.grad(y, start, v)
    return (arrived.norm() / v.norm()).item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-9-5-check", "points": 1}
# Arrange
kinds_95 = ("standard", "relu_first", "pre")
plane = torch.ones(2, 2, 4, 4)
# Act
orders, amounts = {}, {}
for kind_95 in kinds_95:
    block_95 = make_block(kind_95, 2)
    called = observe.layer_order(block_95, plane)
    orders[kind_95] = [name for name in called if name != "Identity"]
    amounts[kind_95] = sum(p.numel() for p in block_95.parameters())
orders, amounts = dict(orders), dict(amounts)
# Assert
check.equal(
    orders,
    {
        "standard": ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d", "ReLU"],
        "relu_first": ["Conv2d", "ReLU", "BatchNorm2d", "Conv2d", "ReLU", "BatchNorm2d"],
        "pre": ["BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d", "ReLU", "Conv2d"],
    },
    "the order in which the layers are called",
    hint="Compare with the table; each ReLU is an nn.ReLU of the block",
)
check.equal(
    amounts,
    {"standard": 80, "relu_first": 84, "pre": 82},
    "the parameters of the three kinds for c = 2",
    ideas={
        "All convolutions have a bias, also those directly before a batch norm": {
            "standard": 84,
            "relu_first": 84,
            "pre": 84,
        },
        "No convolution has a bias, also where no batch norm follows directly": {
            "standard": 80,
            "relu_first": 80,
            "pre": 80,
        },
        "In pre, the last convolution is followed by the addition, not by a norm: it needs its bias": {
            "standard": 80,
            "relu_first": 84,
            "pre": 80,
        },
    },
    hint="A 3 × 3 convolution has 36 weights here, a bias 2, a batch norm 4",
)

# %% nbgrader={"grade_id": "ex-9-5-check-2", "points": 1}
# Arrange
x_95, v_95 = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])
factors = (2.0, -0.5)
# Act
scalers = []
for factor in factors:
    scaler = nn.Linear(2, 2, bias=False)
    scaler.load_state_dict({"weight": factor * torch.eye(2)})
    scalers.append(scaler)
ratios = [input_grad_norm(scalers[:1], x_95, v_95), input_grad_norm(scalers, x_95, v_95)]
# Assert
check.close(
    ratios,
    [2.0, 1.0],
    "the ratio for a layer that doubles, and for it followed by one that halves",
    ideas={
        "Divide by the norm of v": [10.0, 5.0],
        "Send v back, not ones": [2 * 2**0.5 / 5, 2**0.5 / 5],
        "The squares are compared: take the roots": [4.0, 1.0],
        "Only one of the blocks was passed": [2.0, 2.0],
        "Upside down: what arrives at x stands above": [0.5, 1.0],
    },
    hint="Norm of the gradient that arrives at x, divided by the norm of v",
)

# %% [markdown]
# Set the last convolution of a pre block to zero and it is the identity, forwards and backwards; a standard block still cuts off what is negative. Does that matter? Here is the gradient through up to fifty fresh blocks, and the standard branch without its skip connection.

# %% tags=["demo"] alt="Four curves of the gradient ratio against the number of blocks from 1 to 50, logarithmic. The standard and relu_first blocks climb to about 30 and 40. The pre blocks stay below 7. The branch without skip connection climbs steeply to above a million."
counts, ratios = [1, 2, 5, 10, 20, 50], {}
x, v = (torch.randn(8, 8, 8, 8, generator=seeded(n)) for n in (4, 5))
for kind in ("standard", "relu_first", "pre", "no skip"):
    torch.manual_seed(0)
    if kind == "no skip":
        parts = [(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()) for _ in range(100)]
        blocks = [nn.Sequential(*parts[2 * k], *parts[2 * k + 1]) for k in range(50)]
    else:
        blocks = [make_block(kind, 8) for _ in range(50)]
    ratios[kind] = [input_grad_norm(blocks[:n], x, v) for n in counts]
    print(f"{kind:11}", [f"{r:.1e}" for r in ratios[kind]])
title = "Gradient at the input, over gradient sent back"
plots.curves(ratios, x=counts, title=title, xlabel="blocks", ylabel="ratio", log=True)

# %% [markdown]
# Without skip connections batch norm makes the gradient *explode* with depth, at least in a fresh network. With them it grows slowly, and least on the free road of the pre blocks. So is "pre" the best placement? Train small residual networks with three blocks, three seeds each.

# %% tags=["demo"]
for seed in (0, 1, 2):
    found = {}
    for kind in ("standard", "relu_first", "pre"):
        torch.manual_seed(seed)
        blocks = [make_block(kind, 8) for _ in range(3)]
        net = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), *blocks, nn.Flatten(), nn.Linear(512, 10)
        )
        train(net, X, Y, lr=0.1, epochs=3, seed=seed, device=gradus.device())
        found[kind] = round(score(net, X_test, Y_test), 3)
    print(f"seed {seed}:", found, " best:", max(found, key=found.get))

# %% [markdown]
# "Pre" wins twice, and comes last once. A new seed moves one kind as far as the kinds lie apart: three runs of a shallow network decide nothing. What you may take along is structure: a free road for very deep networks, with one last norm behind it (three blocks did without), and one placement throughout.
#
# ## Small batches
#
# "Batch norm fails below a batch size of eight", you may read. You know better which number counts: values per channel. Go to the extreme.

# %% [markdown]
# ### Predict 9.5 · Two values
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# A channel of a table (N, C) has two values in the batch, since the batch size is two. A fresh `nn.BatchNorm1d` in train mode receives 3.0 and 3.5, and another time 3.0 and 300. What comes out?
#
# - a: about −1 and 1, both times
# - b: about −0.25 and 0.25, then about −150 and 150
# - c: the second time something much larger than the first time
# - d: an error, since two values are too few

# %% nbgrader={"grade_id": "predict-9-5"}
# Write your choice: predict_9_5 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_9_5 = "a"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-9-5-check", "points": 0}
# Arrange
# Act
choice_5 = predict_9_5
# Assert
check.one_of(choice_5, ("a", "b", "c", "d"), "your choice")

# %%
for pair in ([3.0, 3.5], [3.0, 300.0]):
    print(pair, "→", nn.BatchNorm1d(1)(torch.tensor(pair)[:, None]).detach().flatten())
for per_channel in (2, 4, 16, 64, 1024):
    columns = torch.randn(per_channel, 1000, generator=seeded(0))
    error = columns.mean(dim=0).std()
    print(
        f"{per_channel:5} values: the mean is off by {error:.3f}, 1/√n is {per_channel**-0.5:.3f}"
    )

# %% [markdown]
# Of two values one bit survives: which is larger. A batch of two in an MLP is a network of signs. But with 8 × 8 maps a batch of two still has 128 values per channel.
#
# The noise of a batch mean falls with 1/√n. You will now measure it inside a network. Some measure something else: the standard deviation *over channels* of `running_mean`. That is how different the channels are, and it knows nothing of the batch size.

# %% [markdown]
# ### Exercise 9.6 · The norm for small batches
# ★★★★☆ · 25 min · problem solving · 8 points
#
# `group_norm(x, groups, weight, bias, eps)`: x is (N, C, …) with any number of axes behind C. Cut the channels into `groups` runs of neighbours (0, 1 | 2, 3). Normalise each run of each sample over its channels and places, with the biased variance. Then scale and shift each channel by weight and bias (C,), or `None`. Without PyTorch's own group norm.
#
# `batch_mean_noise(model, layer, batches)`: run `model` in train mode on each batch. Record at `layer`, a module inside it, the mean of each channel of its input (N, C, …). Return the standard deviation over the batches (divisor: batches − 1), shape (C,). The model afterwards: modes, buffers and hooks as before.
#
# Channel means [1, 5] and then [3, 5] give [1.41, 0]. An MLP with your norm, in one group, must get 75 % of the test digits right after two epochs at rate 0.03, in batches of two.
#
# <details><summary>Hint 1</summary>
#
# Group norm is a `reshape` to (N, groups, everything else) and back. For the noise, a forward pre-hook on `layer` sees its input: `layer.register_forward_pre_hook(lambda module, inputs: …)`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Scale with `weight.reshape(1, -1, 1, …)`, as many ones as x has places. `copy.deepcopy((model, layer))` copies both at once, and the new layer is the one inside the new model: then nothing has to be put back.
#
# </details>


# %% nbgrader={"grade_id": "ex-9-6"}
def group_norm(x: torch.Tensor, groups: int, weight=None, bias=None, eps=1e-5) -> torch.Tensor:
    """x (N, C, …) normalised in each sample over runs of C / groups channels and all places.

    weight, bias: (C,) or None, one scale and shift for each channel. eps is inside the root.
    """
    ### BEGIN SOLUTION
    parts = x.reshape(len(x), groups, -1)
    mean, var = parts.mean(2, keepdim=True), parts.var(2, correction=0, keepdim=True)
    y = ((parts - mean) / (var + eps).sqrt()).reshape(x.shape)
    shape = (1, -1) + (1,) * (x.ndim - 2)
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)
    ### END SOLUTION


def batch_mean_noise(model: nn.Module, layer: nn.Module, batches: list) -> torch.Tensor:
    """Std over batches (divisor: their number - 1) of each channel's batch mean at layer's input.

    The model runs in train mode; its modes, buffers and hooks are afterwards what they were.
    """
    ### BEGIN SOLUTION
    model, layer = copy.deepcopy((model, layer))
    means = []

    def record(module, inputs):
        x = inputs[0]
        means.append(x.mean([axis for axis in range(x.ndim) if axis != 1]))

    layer.register_forward_pre_hook(record)
    model.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    return torch.stack(means).std(dim=0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-9-6-check", "points": 1}
# Arrange
x_96 = torch.tensor([[1.0, 3.0, 10.0, 30.0], [0.0, 4.0, 5.0, 5.0]])
pairs_true = torch.tensor([[-1.0, 1.0, -1.0, 1.0], [-1.0, 1.0, 0.0, 0.0]])
mixed_96 = torch.tensor([[-1.0, -1.0, 1.0, 1.0], [-1.0, -1.0, 1.0, 1.0]])
crossed = torch.tensor([[-0.6325, 0.6325, -0.2425, 1.6977], [-1.2649, 1.2649, -0.7276, -0.7276]])
together = torch.tensor([[-0.8720, -0.6976, -0.0872, 1.6569], [-1.6977, 0.2425, 0.7276, 0.7276]])
places_96 = torch.tensor([[[1.0, 3.0], [10.0, 30.0]]])
gain_96, shift_96 = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0])
# Act
halves = group_norm(x_96, 2)
whole_96 = group_norm(x_96, 1)
scaled_96 = group_norm(places_96, 2, gain_96, shift_96)
# Assert
check.close(
    halves,
    pairs_true,
    "four channels in two groups",
    ideas={
        "The groups interleave: neighbours belong together, channels 0 and 1, then 2 and 3": mixed_96,
        "The statistics cross the samples: each sample by itself": crossed,
        "Divided by n - 1: the biased variance is meant": pairs_true * 0.5**0.5,
    },
    atol=1e-3,
    hint="reshape to (N, groups, everything else), normalise the last axis, reshape back",
)
check.close(whole_96, together, "four channels in one group", atol=1e-3, hint="As layer norm")
check.close(
    scaled_96,
    torch.tensor([[[-1.0, 1.0], [-1.0, 3.0]]]),
    "two channels with two places each, with weight [1, 2] and bias [0, 1]",
    ideas={
        "Weight and bias belong to the channels, not to the last axis: reshape them": torch.tensor(
            [[[-1.0, 3.0], [-1.0, 3.0]]]
        ),
        "Weight and bias are not used": torch.tensor([[[-1.0, 1.0], [-1.0, 1.0]]]),
        "First times weight, then plus bias": torch.tensor([[[-1.0, 1.0], [0.0, 4.0]]]),
    },
    atol=1e-3,
    hint="Each channel of the normalised x is scaled by its weight, then shifted by its bias",
)

# %% nbgrader={"grade_id": "ex-9-6-check-2", "points": 1}
# Arrange
batch_a = torch.tensor([[0.0, 5.0], [2.0, 5.0]])
batch_b = torch.tensor([[3.0, 1.0], [3.0, 9.0]])
noise_true = torch.tensor([2**0.5, 0.0])
# Act
still = nn.Identity()
noise_96 = batch_mean_noise(still, still, [batch_a, batch_b])
# Assert
check.close(
    noise_96,
    noise_true,
    "the noise of two channels whose means are [1, 5] and [3, 5]",
    ideas={
        "Divisor: number of batches - 1": torch.tensor([1.0, 0.0]),
        "This is the variance: take its root": torch.tensor([2.0, 0.0]),
        "This is the spread over channels; compare the batches, channel by channel": torch.tensor(
            [8**0.5, 2**0.5]
        ),
        "This is the spread of single values; take the mean of each batch first": torch.tensor(
            [2**0.5, 3.2660]
        ),
    },
    hint="A mean per batch and channel, then the standard deviation over batches",
)


# %% tags=["demo"] alt="Four curves over batch sizes 2 to 64, both axes logarithmic. The noise falls in straight lines, in the MLP from 0.08 to 0.014, in the convolutional network from 0.011 to 0.002. The spread over channels is flat near 0.2 for both."
torch.manual_seed(0)
nets = {"conv": make_cnn(True, [16, 16]), "MLP": mlp(nn.BatchNorm1d)}
sizes, found = [2, 4, 8, 16, 32, 64], {}
for name, net in nets.items():
    norm = next(m for m in net.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d))
    noise, blind = (found.setdefault(f"{name}: {what}", []) for what in ("noise", "spread"))
    for n in sizes:
        batches = list(X[torch.randperm(len(X), generator=seeded(n))].split(n))
        noise.append(batch_mean_noise(net, norm, batches[:-1]).mean().item())
        norm.reset_running_stats()
        for batch in batches[:-1]:
            net.train()(batch)
        blind.append(norm.running_mean.std().item())
print({name: [round(v, 3) for v in (values[0], values[-1])] for name, values in found.items()})
title = "Two measures at the first norm"
log_x(plots.curves(found, x=sizes, title=title, xlabel="batch size", ylabel="std", log=True))

# %% [markdown]
# Measured at the first batch norm of two fresh networks: the noise falls like 1/√batch, and the spread over channels, which some use instead, is blind to it. The convolutional network, with 64 places to average over, is much quieter than the MLP.
#
# Now build the failure on purpose: batches of two, an MLP with three hidden layers, without a norm and with three kinds of it, then a convolutional network without and with batch norm. Each run takes a second or two.


# %% tags=["demo"]
nets = {
    "MLP,  no norm": lambda: mlp(nn.Identity),
    "MLP,  batch norm": lambda: mlp(nn.BatchNorm1d),
    "MLP,  layer norm": lambda: mlp(nn.LayerNorm),
    "MLP,  group norm": lambda: mlp(lambda c: Wrapped(lambda x: group_norm(x, 4))),
    "conv, no norm": lambda: make_cnn(False, [16, 16]),
    "conv, batch norm": lambda: make_cnn(True, [16, 16]),
}
for name, build in nets.items():
    torch.manual_seed(0)
    net = build()
    train(net, X, Y, lr=0.03, epochs=3, size=2)
    print(f"{name}, batches of two: {score(net, X_test, Y_test):.2f}")

# %% [markdown]
# In the MLP, batch norm at batch two is far worse than no norm at all; layer and group norm, which look at no other sample, learn well. In the convolutional network, with the same batches of two, batch norm gains: 0.96 against 0.93 without. Not "batch below eight" is the rule, but too few values per channel.

# %% [markdown]
# ## Which one?
#
# | you build | begin with |
# |---|---|
# | an image network, many values per channel (images × places) | batch norm |
# | an image network, few: one or two images a batch and small maps, as in volumes | group norm |
# | a recurrent network, a transformer | layer norm or RMS norm over the features |
# | a network that transfers image styles | instance norm |
# | batches whose samples must not see each other | anything but batch norm |
# | two or three layers, inputs standardised | nothing: try without first |
#
# Do not normalise the scores, nor the output of a regression: its scale is what you want to know. Nor where the size of a vector carries the message.

# %% [markdown]
# ## What to remember
#
# - One formula. The norms differ only in which numbers share a mean; two lines of probe tell.
# - Batch norm counts N·H·W values per channel. That number decides, not the batch size.
# - Train mode changes the running statistics, in `no_grad` too. Measure in eval mode, or on a copy.
# - Normalise with the biased variance, store the unbiased one. Running statistics lag: 0.9ⁿ.
# - In train mode the company decides the answer: mixed batches hide a forgotten `eval()`.
# - `bias=False` exactly when batch norm follows directly.
# - Three old mistakes: no `eval()`, few values per channel, a wasted bias. When results differ, print the running statistics.

# %% [markdown]
# ## References
#
# - S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate shift", *ICML* 2015.
# - J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", arXiv:1607.06450, 2016.
# - D. Ulyanov, A. Vedaldi, V. Lempitsky, "Instance normalization: the missing ingredient for fast stylization", arXiv:1607.08022, 2016.
# - K. He, X. Zhang, S. Ren, J. Sun, "Identity mappings in deep residual networks", *ECCV* 2016: pre-activation.
# - Y. Wu, K. He, "Group normalization", *ECCV* 2018.
# - S. Santurkar, D. Tsipras, A. Ilyas, A. Mądry, "How does batch normalization help optimization?", *NeurIPS* 2018.
# - B. Zhang, R. Sennrich, "Root mean square layer normalization", *NeurIPS* 2019.
# - G. Yang and others, "A mean field theory of batch normalization", *ICLR* 2019: gradients that explode.

# %% [markdown]
# ## Hidden tests
#
# <details><summary>What is this?</summary>
#
# Below stand the tests that count beside the checks above; in your copy they are empty. They run when your work is graded, on other numbers and other shapes, and their titles tell you what they look at.
#
# </details>

# %% nbgrader={"grade_id": "predict-9-1-hidden-1", "points": 1}
# Hidden test predict 9.1 · how many numbers in one mean? · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice_1 = predict_9_1
# Assert
check.equal(
    choice_1,
    "d",
    "your choice",
    ideas={
        "Over the batch alone is true for a table (N, C); here each channel also has places": "a",
        "The places of one image: that would be instance norm, which does not mix samples": "b",
        "Channels are never mixed by batch norm: each has a mean of its own": "c",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-9-2-hidden-1", "points": 1}
# Hidden test predict 9.2 · only looking · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice_2 = predict_9_2
# Assert
check.equal(
    choice_2,
    "b",
    "your choice",
    ideas={
        "no_grad stops the notes for backward; a running average needs no gradient": "a",
        "Scale and shift are parameters: they wait for an optimiser": "c",
        "An optimiser moves parameters; buffers are moved by somebody else": "d",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-9-3-hidden-1", "points": 1}
# Hidden test predict 9.3 · one step in a sequence · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice_3 = predict_9_3
# Assert
check.equal(
    choice_3,
    "a",
    "your choice",
    ideas={
        "LayerNorm(D) averages over the last axis alone: which steps share a mean?": "b",
        "Crossing the samples is what batch norm does": "c",
        "The changed number moves the mean, and that is felt by all who share it": "d",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-9-4-hidden-1", "points": 1}
# Hidden test predict 9.4 · what accuracy is possible? · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice_4 = predict_9_4
# Assert
check.equal(
    choice_4,
    "c",
    "your choice",
    ideas={
        "cos(a + p) = sin(a + p + π/2): what does that do to a phase that is uniform anyway?": "a",
        "Is there any sequence that one class makes more often than the other?": "b",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-9-5-hidden-1", "points": 1}
# Hidden test predict 9.5 · two values · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice_5 = predict_9_5
# Assert
check.equal(
    choice_5,
    "a",
    "your choice",
    ideas={
        "That subtracts the mean; the division by the standard deviation is still to come": "b",
        "The standard deviation grows with the distance, and divides it": "c",
        "Only one value raises: two have a variance": "d",
    },
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-9-1-reference", "points": 0}
### BEGIN HIDDEN TESTS
def cnn_reference(use_bn, widths, *, bias=False, order="CNR", only_first=False, on_scores=False):
    """The network of 9.1 and its typical slips; it takes weights from dress()."""
    layers, before = [], 1
    for rank, width in enumerate(widths):
        normed = use_bn and (rank == 0 or not only_first)
        for letter in order:
            if letter == "C":
                free = bias or not normed
                layers.append(nn.Conv2d(before, width, 3, padding=1, bias=free))
            elif letter == "R":
                layers.append(nn.ReLU())
            elif normed:
                layers.append(nn.BatchNorm2d(width))
        before = width
    tail = [nn.BatchNorm1d(10)] if use_bn and on_scores else []
    return dress(nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * before, 10), *tail))


def in_both_modes(model, x):
    """Outputs in train mode, then in eval mode, without history."""
    with torch.no_grad():
        return [model.train()(x), model.eval()(x)]


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-1-hidden-1", "points": 1}
# Hidden test 9.1 · the scores, with given weights · 1 point
### BEGIN HIDDEN TESTS
# Arrange
images_91 = torch.rand(6, 1, 8, 8, generator=seeded(911))
widths_91 = [3, 5, 4]
normed_91 = in_both_modes(cnn_reference(True, [3, 5, 4]), images_91)
bare_91 = in_both_modes(cnn_reference(False, [3, 5, 4]), images_91)
slips_91 = {
    name: in_both_modes(cnn_reference(True, [3, 5, 4], **change), images_91)
    for name, change in {
        "ReLU comes before batch norm: the order is convolution, batch norm, ReLU": {
            "order": "CRN"
        },
        "Only the first convolution has its batch norm": {"only_first": True},
        "The scores are normalised too": {"on_scores": True},
        "A convolution keeps its bias in front of batch norm": {"bias": True},
        "ReLU is missing": {"order": "CN"},
    }.items()
}
# Act
cnn_91 = dress(make_cnn(True, widths_91))
normed_out = observe.copy([cnn_91.train()(images_91), cnn_91.eval()(images_91)])
cnn_91 = dress(make_cnn(False, widths_91))
bare_out = observe.copy([cnn_91.train()(images_91), cnn_91.eval()(images_91)])
# Assert
check.close(
    normed_out,
    normed_91,
    "the scores with batch norm, in train and in eval mode",
    ideas=slips_91,
    atol=1e-4,
    rtol=1e-4,
    hint="For each width: convolution, batch norm, ReLU; then flatten and one linear layer, no more",
)
check.close(
    bare_out,
    bare_91,
    "the scores without batch norm",
    atol=1e-4,
    rtol=1e-4,
    hint="For each width: convolution with bias, ReLU; then flatten and one linear layer, no more",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-1-hidden-2", "points": 1}
# Hidden test 9.1 · losses that rise, stand still or break · 1 point
### BEGIN HIDDEN TESTS
# Arrange
bumpy = [0.9, 0.3, 0.7, 0.2]
broken = [2.0, float("nan"), 0.5]
# Act
bumpy_steps = [steps_to_loss(bumpy, 0.35), steps_to_loss(bumpy, 2.0), steps_to_loss([], 1.0)]
broken_steps = [steps_to_loss(broken, 1.0), steps_to_loss(broken, 0.1)]
# Assert
check.equal(
    bumpy_steps,
    [2, 1, None],
    "steps for losses that go up and down",
    ideas={"The first time counts, even if the loss rises again": [4, 1, None]},
    hint="The very first loss may do already; of an empty list none does",
)
check.equal(
    broken_steps, [3, None], "steps where one loss is nan", hint="nan is not at most anything"
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-1-hidden-3", "points": 1}
# Hidden test 9.1 · four convolutions learn the digits · 1 point
### BEGIN HIDDEN TESTS
# Arrange
train_images, train_labels = digits(train=True)
test_images, test_labels = digits(train=False)
# Act
torch.manual_seed(91)
learner = make_cnn(True, [16] * 4)
train(learner, train_images, train_labels, lr=0.1, epochs=5)
answers_91 = learner.eval()(test_images).argmax(dim=1)
# Assert
check.accuracy(
    answers_91,
    test_labels,
    0.9,
    "the share of test digits that four convolutions with batch norm get right",
    hint="Without batch norm behind every convolution a network this deep hardly moves",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-9-2-reference", "points": 0}
### BEGIN HIDDEN TESTS
def share_reference(model, batches, mode):
    """Accuracy by the definition, on a copy."""
    twin = copy.deepcopy(model).train(mode == "train")
    with torch.no_grad():
        hits = [twin(x).argmax(dim=1) == y for x, y in batches]
    return torch.cat(hits).double().mean().item()


def pupil_reference():
    """The network of the tests of 9.2: weights and statistics from dress()."""
    return dress(nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 5)))


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-2-hidden-1", "points": 1}
# Hidden test 9.2 · eval mode, any batch size, uneven last batch · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_921 = torch.randn(203, 6, generator=seeded(921))
y_921 = pupil_reference().eval()(x_921).argmax(dim=1)
y_921[:60] = (y_921[:60] + 1) % 5
cuts_921 = (1, 50, 203)
parts_921 = [
    [[a.clone(), b.clone()] for a, b in zip(x_921.split(cut), y_921.split(cut), strict=True)]
    for cut in cuts_921
]
share_921 = 143 / 203
averaged_921 = [
    sum(share_reference(pupil_reference(), [part], "eval") for part in parts) / len(parts)
    for parts in parts_921
]
train_921 = [share_reference(pupil_reference(), parts, "train") for parts in parts_921[1:]]
# Act
pupil = dress(nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 5)))
by_size = [accuracy(pupil, parts_921[k], "eval") for k in range(3)]
# Assert
check.close(
    by_size,
    [share_921] * 3,
    "eval accuracy in batches of 1, 50 and 203",
    ideas={"A small last batch counts too much: average over samples, not batches": averaged_921},
    atol=1e-4,
    hint="In eval mode the batch size cannot matter",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-2-hidden-2", "points": 1}
# Hidden test 9.2 · train mode, then eval mode, on one model · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_922 = torch.randn(240, 6, generator=seeded(922)) * 2 + 1
y_922 = pupil_reference().eval()(x_922).argmax(dim=1)
sorted_922 = y_922.argsort(stable=True)
small_922 = [[x_922[k : k + 3].clone(), y_922[k : k + 3].clone()] for k in range(0, 240, 3)]
class_922 = [[x_922[r].clone(), y_922[r].clone()] for r in sorted_922.split(40)]
train_922 = [share_reference(pupil_reference(), b, "train") for b in (small_922, class_922)]
in_turn = [train_922[0], 1.0, train_922[1], 1.0]
ruined = pupil_reference()
spoiled_922 = []
for parts, mode in ((small_922, True), (small_922, False), (class_922, True), (class_922, False)):
    ruined.train(mode)
    with torch.no_grad():
        hits_922 = torch.cat([ruined(x).argmax(dim=1) == y for x, y in parts])
    spoiled_922.append(hits_922.double().mean().item())
# Act
pupil_922 = dress(nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 5)))
turns = [
    accuracy(pupil_922, small_922, "train"),
    accuracy(pupil_922, small_922, "eval"),
    accuracy(pupil_922, class_922, "train"),
    accuracy(pupil_922, class_922, "eval"),
]
# Assert
check.close(
    turns,
    in_turn,
    "the accuracy in train, eval, train, eval mode",
    ideas={
        "The pass in train mode changed the running statistics, and with them the next result": spoiled_922,
        "All is measured in eval mode": [1.0] * 4,
    },
    atol=0.005,
    hint="Each call must find the model as it was; in train mode each batch has its own statistics",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-2-hidden-3", "points": 1}
# Hidden test 9.2 · the model is left as it was · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_923 = torch.randn(12, 6, generator=seeded(923))
y_923 = torch.zeros(12, dtype=torch.int64)
state_923 = {name: t.clone() for name, t in pupil_reference().state_dict().items()}
# Act
visited = dress(nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 5)))
visited[1].eval()  # a frozen norm in a model that trains
modes_923 = []
for whole in ("train", "eval"):
    accuracy(visited, [(x_923, y_923)], whole)
    modes_923.append([m.training for m in visited.modules()])
visited.eval()
accuracy(visited, [(x_923, y_923)], "train")
modes_923.append([m.training for m in visited.modules()])
modes_923 = list(modes_923)
state_after = observe.state(visited)
# Assert
check.unchanged(
    state_after,
    state_923,
    "the model's parameters and buffers",
    hint="A pass in train mode moves running_mean, running_var and num_batches_tracked: use a copy",
)
check.equal(
    modes_923,
    [[True, True, False, True, True], [True, True, False, True, True], [False] * 5],
    "the modes of the modules after three measurements",
    hint="The model was training, its batch norm frozen in eval mode: so it must be afterwards",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-2-hidden-4", "points": 1}
# Hidden test 9.2 · no history is recorded · 1 point
### BEGIN HIDDEN TESTS
# Arrange
quiet_in = torch.zeros(10, 1)
quiet_out = torch.tensor([0, 0, 0, 0, 1, 1, 1, 2, 2, 3])
levels = torch.tensor([0.0, 10.0, 100.0, 110.0])  # eval, train; with history recorded: eval, train
score_state = {"weight": 2 * levels[:, None], "bias": -(levels**2)}
# Act
scale = nn.Linear(1, 4)
scale.load_state_dict(score_state)
told = nn.Sequential(Telltale(), scale)
told_shares = [accuracy(told, [(quiet_in, quiet_out)], mode) for mode in ("eval", "train")]
# Assert
check.close(
    told_shares,
    [0.4, 0.3],
    "the accuracy of a model whose scores tell whether they carry a history",
    ideas={
        "The scores carry a history for backward: measure inside torch.no_grad()": [0.2, 0.1],
        "The mode asked for is not set": [0.3, 0.3],
        "Everything is measured in eval mode": [0.4, 0.4],
    },
    hint="Set the mode on the whole model, and measure inside torch.no_grad()",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-9-3-reference", "points": 0}
### BEGIN HIDDEN TESTS
def norm_run(batches, last, *, stored="unbiased", momentum=0.3, used="biased", axes=(0, 2, 3)):
    """Train-mode outputs, eval output, state: PyTorch's batch norm and its typical slips, dressed."""
    start = dress(nn.BatchNorm2d(batches[0].shape[1], 1e-2, 0.3)).state_dict()
    weight, bias = (start[k].view(1, -1, 1, 1) for k in ("weight", "bias"))
    mean, var, outputs = start["running_mean"].clone(), start["running_var"].clone(), []
    for x in batches:
        flat = (
            x.mean(axes, keepdim=True),
            x.var(axes, correction=int(used != "biased"), keepdim=True),
        )
        outputs.append((x - flat[0]) / (flat[1] + 1e-2).sqrt() * weight + bias)
        kept = x.var((0, 2, 3), correction=int(stored == "unbiased"))
        mean = (1 - momentum) * mean + momentum * x.mean((0, 2, 3))
        var = (1 - momentum) * var + momentum * kept
    centred = last - mean.view(1, -1, 1, 1)
    evaluated = centred / (var.view(1, -1, 1, 1) + 1e-2).sqrt() * weight + bias
    counted = torch.tensor(len(batches))
    return outputs, evaluated, [mean, var, counted]


def torch_norm_gradients(x, v, training):
    """Gradients of x, weight and bias with nn.BatchNorm2d itself."""
    layer = dress(nn.BatchNorm2d(x.shape[1], 1e-2, 0.3).to(x.dtype)).train(training)
    x = x.clone().requires_grad_()
    return [g.clone() for g in torch.autograd.grad(layer(x), [x, layer.weight, layer.bias], v)]


def tiny_batches(seed, count=5, dtype=torch.float32):
    source = seeded(seed)
    return [
        (
            2 * torch.randn(2, 3, 2, 2, generator=source)
            + torch.tensor([1.0, -3.0, 0.0]).view(3, 1, 1)
        ).to(dtype)
        for _ in range(count)
    ]


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-3-hidden-1", "points": 1}
# Hidden test 9.3 · five small batches in train mode · 1 point
### BEGIN HIDDEN TESTS
# Arrange
batches_931 = tiny_batches(931)
kept_931 = [x.clone() for x in batches_931]
true_931 = norm_run(kept_931, kept_931[0])[0]
torch_931 = dress(nn.BatchNorm2d(3, 1e-2, 0.3))
twin_931 = [torch_931(x).detach() for x in kept_931]
slips_931 = {
    "Divided by n - 1: within the batch the biased variance is meant": norm_run(
        kept_931, kept_931[0], used="unbiased"
    )[0],
    "The statistics are taken over the batch axis only: places belong to them": norm_run(
        kept_931, kept_931[0], axes=(0,)
    )[0],
    "The statistics are taken in each sample: that is instance norm": norm_run(
        kept_931, kept_931[0], axes=(2, 3)
    )[0],
    "weight and bias are not used": [
        (x - x.mean((0, 2, 3), keepdim=True))
        / (x.var((0, 2, 3), correction=0, keepdim=True) + 1e-2).sqrt()
        for x in kept_931
    ],
    "eps has no effect: it belongs under the root, and may be another than 1e-5": [
        (x - x.mean((0, 2, 3), keepdim=True))
        / (x.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
        * dress(nn.BatchNorm2d(3)).weight.detach().view(1, 3, 1, 1)
        + dress(nn.BatchNorm2d(3)).bias.detach().view(1, 3, 1, 1)
        for x in kept_931
    ],
}
# Act
norm_931 = dress(MyBatchNorm2d(3, 1e-2, 0.3))
out_931 = [observe.copy(norm_931(batches_931[k])) for k in range(5)]
# Assert
check.close(
    out_931,
    twin_931,
    "the outputs for five batches of shape (2, 3, 2, 2)",
    ideas=slips_931,
    atol=1e-5,
    hint="Normalise each channel over the axes 0, 2, 3; ε under the root; then weight and bias",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-3-hidden-2", "points": 1}
# Hidden test 9.3 · eval mode after five small batches · 1 point
### BEGIN HIDDEN TESTS
# Arrange
batches_932 = tiny_batches(932)
last_932 = torch.randn(4, 3, 3, 5, generator=seeded(9320))
kept_932, kept_last = [x.clone() for x in batches_932], last_932.clone()
torch_932 = dress(nn.BatchNorm2d(3, 1e-2, 0.3))
for x in kept_932:
    torch_932(x)
true_932 = torch_932.eval()(kept_last).detach()
stats_932 = {name: t.clone() for name, t in torch_932.state_dict().items()}
slips_932 = {
    "running_var took the biased variance: store the unbiased one": norm_run(
        kept_932, kept_last, stored="biased"
    )[1],
    "momentum is the weight of the new value, not of the old": norm_run(
        kept_932, kept_last, momentum=0.7
    )[1],
    "momentum is not used as given": norm_run(kept_932, kept_last, momentum=0.1)[1],
    "The batch's own statistics were used in eval mode": norm_run([kept_last], kept_last)[0][0],
}
# Act
norm_932 = dress(MyBatchNorm2d(3, 1e-2, 0.3))
for k in range(5):
    norm_932(batches_932[k])
norm_932.eval()
eval_932 = observe.copy(norm_932(last_932))
alone_932 = []
refused_932 = observe.error(
    lambda: alone_932.append(observe.copy(norm_932(last_932[:1, :, :1, :1])))
)
alone_932 = list(alone_932)
state_932 = observe.state(norm_932)
# Assert
check.close(
    eval_932,
    true_932,
    "the output in eval mode",
    ideas=slips_932,
    atol=1e-5,
    hint="In eval mode use the running statistics, with ε, weight and bias as ever",
)
check.equal(
    refused_932,
    None,
    "the error for a single value per channel in eval mode",
    hint="One value is enough in eval mode, where the batch's variance is not needed",
)
check.close(
    alone_932,
    [true_932[:1, :, :1, :1]],
    "a single value per channel in eval mode",
    atol=1e-5,
    hint="One value is enough in eval mode",
)
check.close(
    state_932,
    stats_932,
    "the state after five batches and two looks in eval mode",
    atol=1e-5,
    hint="Eval mode changes nothing; train mode moves both statistics and counts",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-3-hidden-3", "points": 1}
# Hidden test 9.3 · gradients, float64, any layout · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_933 = torch.randn(5, 4, 3, 6, generator=seeded(933), dtype=torch.float64).permute(3, 2, 1, 0)
v_933 = torch.randn(6, 3, 4, 5, generator=seeded(934), dtype=torch.float64)
train_933 = torch_norm_gradients(x_933.clone(), v_933.clone(), True)
eval_933 = torch_norm_gradients(x_933.clone(), v_933.clone(), False)
cut_933 = [eval_933[0].clone(), *train_933[1:]]
layer_933 = dress(nn.BatchNorm2d(3, 1e-2, 0.3).double())
by_std = (x_933.var((0, 2, 3), correction=0) + 1e-2).sqrt()
cut_933[0] = v_933 * (layer_933.weight.detach() / by_std).view(1, 3, 1, 1)
# Act
found_933 = []
for training in (True, False):
    norm_933 = dress(MyBatchNorm2d(3, 1e-2, 0.3).double()).train(training)
    leaf_933 = x_933.clone().requires_grad_()
    (norm_933(leaf_933) * v_933).sum().backward()
    own_933 = observe.gradients(norm_933)
    found_933.append([observe.copy(leaf_933.grad), own_933.get("weight"), own_933.get("bias")])
found_933 = list(found_933)
# Assert
check.close(
    found_933[0],
    train_933,
    "the gradients of x, weight and bias in train mode",
    ideas={
        "The batch's mean and variance depend on x as well: do not detach them for the output": cut_933
    },
    rtol=1e-6,
    dtype=True,
    hint="Only the running statistics are kept out of the graph",
)
check.close(
    found_933[1],
    eval_933,
    "the gradients in eval mode",
    ideas={"The batch's own statistics were used in eval mode": train_933},
    rtol=1e-6,
    dtype=True,
    hint="The running statistics are constants here; gradients flow to x, weight and bias as ever",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-3-hidden-4", "points": 1}
# Hidden test 9.3 · state exchanged with PyTorch's layer, buffers in place, no history · 1 point
### BEGIN HIDDEN TESTS
# Arrange
torch_934 = dress(nn.BatchNorm2d(3))
state_934 = {name: t.clone() for name, t in torch_934.state_dict().items()}
batch_934 = tiny_batches(9340, count=1)[0]
torch_934(batch_934.clone())
moved_934 = {name: t.clone() for name, t in torch_934.state_dict().items()}
unmoved_934 = {name: moved_934[name].clone() for name in ("running_mean", "running_var")}
stale_934 = {name: t.clone() for name, t in state_934.items() if name in unmoved_934}
names_934 = ["bias", "num_batches_tracked", "running_mean", "running_var", "weight"]
# Act
norm_934 = MyBatchNorm2d(3)
keys_934 = sorted(norm_934.state_dict())
learned_934 = sorted(name for name, _ in norm_934.named_parameters())
refused_934 = observe.error(norm_934.load_state_dict, state_934)
watched_934 = dict(norm_934.named_buffers())
norm_934(batch_934.clone().requires_grad_())  # as behind another layer
seen_934 = {name: observe.copy(watched_934.get(name)) for name in ("running_mean", "running_var")}
history_934 = [t.requires_grad for t in norm_934.buffers()]
# Assert
check.equal(keys_934, names_934, "the names in the state", hint="They are PyTorch's; see the box")
check.equal(
    learned_934,
    ["bias", "weight"],
    "the names of the parameters",
    hint="Statistics are buffers: register_buffer, not nn.Parameter",
)
check.equal(refused_934, None, "loading the state of nn.BatchNorm2d", hint="Do the shapes fit?")
check.close(
    seen_934,
    unmoved_934,
    "the running statistics, seen through the buffers of before",
    ideas={"The buffers were bound to new tensors: write in place (copy_, lerp_, mul_)": stale_934},
    atol=1e-5,
    hint="Write into the buffers in place",
)
check.equal(
    history_934,
    [False, False, False],
    "requires_grad of the buffers, when x requires a gradient",
    ideas={
        "The running statistics carry history: move them in no_grad, or detach what they move to": [
            True,
            True,
            False,
        ]
    },
    hint="A buffer carries history: move it in no_grad, or detach what it moves to",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-3-hidden-5", "points": 1}
# Hidden test 9.3 · one value per channel · 1 point
### BEGIN HIDDEN TESTS
# Arrange
lonely = torch.tensor([[[[2.0]], [[3.0]]]])
wide_one = torch.randn(1, 2, 3, 3, generator=seeded(935))
start_935 = {name: t.clone() for name, t in nn.BatchNorm2d(2).state_dict().items()}
one_true = nn.BatchNorm2d(2)(wide_one.clone()).detach()
# Act
norm_935 = MyBatchNorm2d(2)
complaint_935 = observe.error(norm_935, lonely)
state_935 = observe.state(norm_935)
one_image = []
refused_935 = observe.error(lambda: one_image.append(observe.copy(norm_935(wide_one))))
one_image = list(one_image)
# Assert
check.raised(
    complaint_935,
    ValueError,
    "a batch with one value per channel in train mode",
    hint="Its variance would be 0, and the unbiased one 0/0: raise ValueError",
)
check.close(
    state_935, start_935, "the state after the error", hint="Raise before the statistics are moved"
)
check.equal(
    refused_935,
    None,
    "the error for one image of 3 × 3",
    hint="It has nine values per channel, which is enough: count N · H · W, not N",
)
check.close(
    one_image,
    [one_true],
    "one image of 3 × 3, which has nine values per channel",
    atol=1e-5,
    hint="Count N · H · W, not N",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-3-hidden-6", "points": 1}
# Hidden test 9.3 · the probe: who feels one changed sample? · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_936 = torch.randn(4, 3, 2, 2, generator=seeded(936))
probed = [dress(nn.BatchNorm2d(3)).train(mode) for mode in (True, False)]
felt_true = [observe.response(layer, x_936.clone(), (0, 1, 0, 0), 5.0) for layer in probed]
felt_true = [t.detach() for t in felt_true]
instance_936 = [nn.InstanceNorm2d(3, affine=True) for _ in range(2)]
# Act
felt_936 = []
for training_936 in (True, False):
    norm_936 = dress(MyBatchNorm2d(3)).train(training_936)
    felt_936.append(observe.response(norm_936, x_936, (0, 1, 0, 0), 5.0))
felt_936 = list(felt_936)
text_936 = observe.source(MyBatchNorm2d)
# Assert
check.close(
    felt_936[0],
    felt_true[0],
    "what moves in train mode when one number of sample 0 changes",
    atol=1e-5,
    hint="All samples feel it, in this channel only",
)
check.close(
    felt_936[1],
    felt_true[1],
    "what moves in eval mode",
    atol=1e-5,
    hint="Other samples must not matter in eval mode: only the changed number itself moves",
)
check.avoids(
    text_936,
    "MyBatchNorm2d",
    calls=("BatchNorm2d", "BatchNorm1d", "batch_norm", "native_batch_norm", "SyncBatchNorm"),
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-9-4-reference", "points": 0}
### BEGIN HIDDEN TESTS
def cell_reference(state, x, h, apart=False):
    """The cell by torch's own functions; apart: the slip of two norms instead of one."""
    parts = x @ state["x2h.weight"].T, h @ state["h2h.weight"].T
    parts = parts if apart else (parts[0] + parts[1],)
    y = sum(F.layer_norm(part, h.shape[-1:], state["weight"]) for part in parts)
    return torch.tanh(y + state["bias"])


def eps_outside(x, n_dims, eps):
    """Layer norm with ε added to the standard deviation, a slip."""
    axes = tuple(range(-n_dims, 0))
    centred = x - x.mean(axes, keepdim=True)
    return centred / (centred.pow(2).mean(axes, keepdim=True).sqrt() + eps)


def cell_weights(inputs, hidden, seed):
    source = seeded(seed)
    shapes = {"x2h.weight": (hidden, inputs), "h2h.weight": (hidden, hidden)}
    shapes |= {"weight": (hidden,), "bias": (hidden,)}
    return {name: torch.randn(shape, generator=source) for name, shape in shapes.items()}


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-4-hidden-1", "points": 1}
# Hidden test 9.4 · equal to F.layer_norm over one to three axes, far from 0 too · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_941 = torch.randn(6, 5, 4, generator=seeded(941), dtype=torch.float64).transpose(0, 1)
w_one, b_one = (t.clone() for t in torch.randn(2, 4, generator=seeded(942), dtype=torch.float64))
w_two, b_two = (t.clone() for t in torch.randn(2, 6, 4, generator=seeded(943), dtype=torch.float64))
flat_941 = torch.full((2, 3), 7.0)
far_941 = 1000 + torch.randn(6, 8, generator=seeded(9410))
far_true = F.layer_norm(far_941.double(), (8,)).float()
kept_941 = x_941.clone()
true_941 = [
    F.layer_norm(kept_941, (4,), w_one.clone(), b_one.clone(), 1e-5),
    F.layer_norm(kept_941, (6, 4), w_two.clone(), b_two.clone(), 0.3),
    F.layer_norm(kept_941, (4,), None, b_one.clone(), 1e-5),
    F.layer_norm(kept_941, (5, 6, 4), None, None, 1e-5),
]
outside_941 = [
    eps_outside(kept_941, 1, 1e-5) * w_one + b_one,
    eps_outside(kept_941, 2, 0.3) * w_two + b_two,
    eps_outside(kept_941, 1, 1e-5) + b_one,
    eps_outside(kept_941, 3, 1e-5),
]
# Act
out_941 = [
    layer_norm(x_941, 1, w_one, b_one),
    layer_norm(x_941, 2, w_two, b_two, 0.3),
    layer_norm(x_941, 1, None, b_one),
    layer_norm(x_941, 3),
]
even_941 = layer_norm(flat_941, 1)
far_out = layer_norm(far_941, 1)
# Assert
check.close(
    out_941,
    true_941,
    "layer norm over the last one, two and three axes",
    ideas={"ε stands outside the root: √(variance + ε) is meant": outside_941},
    rtol=1e-6,
    dtype=True,
    hint="The last n_dims axes; biased variance; eps as given; weight and bias may each be None",
)
check.close(even_941, torch.zeros(2, 3), "constant rows", hint="ε keeps 0/0 away")
check.close(
    far_out,
    far_true,
    "rows around 1,000 in float32",
    atol=0.01,
    hint="The mean of x² minus the square of the mean loses its digits: average (x − mean)²",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-4-hidden-2", "points": 1}
# Hidden test 9.4 · gradients, on constant rows too · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_942 = torch.randn(4, 5, generator=seeded(944), dtype=torch.float64)
x_942[2] = 3.0
w_942, b_942 = (t.clone() for t in torch.randn(2, 5, generator=seeded(945), dtype=torch.float64))
v_942 = torch.randn(4, 5, generator=seeded(946), dtype=torch.float64)
leaves_942 = [t.clone().requires_grad_() for t in (x_942, w_942, b_942)]
top_942 = F.layer_norm(leaves_942[0], (5,), *leaves_942[1:])
true_942 = [g.clone() for g in torch.autograd.grad(top_942, leaves_942, v_942.clone())]
cut_942 = [v_942 * w_942 / (x_942.var(1, correction=0, keepdim=True) + 1e-5).sqrt(), *true_942[1:]]
# Act
back_942 = observe.vjp(lambda x, w, b: layer_norm(x, 1, w, b), (x_942, w_942, b_942), v_942)
# Assert
check.close(back_942["value"], top_942.detach(), "the output", hint="The last axis; ε in the root")
check.close(
    back_942["grads"],
    true_942,
    "the gradients of x, weight and bias",
    ideas={"Mean and variance depend on x as well: do not detach them": cut_942},
    rtol=1e-6,
    hint="The slope of a root is infinite at 0: √(variance + ε), with ε inside",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-4-hidden-3", "points": 1}
# Hidden test 9.4 · the probe: other samples, earlier steps, padding, order · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_943 = torch.randn(3, 4, 5, generator=seeded(947))
w_943, b_943 = (t.clone() for t in torch.randn(2, 5, generator=seeded(948)))
plain_943 = F.layer_norm(x_943.clone(), (5,), w_943.clone(), b_943.clone())
shaken = x_943.clone()
shaken[0, 3] = 1000.0 * torch.arange(5.0)
later_943 = F.layer_norm(shaken.clone(), (5,), w_943.clone(), b_943.clone())
shuffle_943 = torch.tensor([2, 0, 3, 1])
turned_943 = plain_943[:, [2, 0, 3, 1]]
untouched_943 = x_943.clone()
# Act
first_943 = layer_norm(x_943, 1, w_943, b_943)
second_943 = layer_norm(shaken, 1, w_943, b_943)
single_943 = layer_norm(x_943[1:2], 1, w_943, b_943)
shuffled_943 = layer_norm(x_943[:, shuffle_943], 1, w_943, b_943)
after_943 = observe.copy(x_943)
# Assert
check.close(first_943, plain_943, "sequences (3, 4, 5)", atol=1e-5, hint="The last axis only")
check.close(
    second_943,
    later_943,
    "the outputs when the last step of sample 0 is overwritten",
    atol=1e-5,
    hint="No other step and no other sample may feel it: average over the features alone",
)
check.close(
    single_943, plain_943[1:2], "sample 1 alone", atol=1e-5, hint="The company must not matter"
)
check.close(shuffled_943, turned_943, "the steps in another order", atol=1e-5)
check.unchanged(after_943, untouched_943, "x")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-4-hidden-4", "points": 1}
# Hidden test 9.4 · the cell over several steps, train and eval · 1 point
### BEGIN HIDDEN TESTS
# Arrange
state_944 = cell_weights(3, 6, 949)
kept_944 = {name: t.clone().requires_grad_() for name, t in state_944.items()}
steps_944 = torch.randn(4, 5, 3, generator=seeded(950))
h_true = torch.zeros(5, 6)
for x in steps_944.clone():
    h_true = cell_reference(kept_944, x, h_true)
h_apart = torch.zeros(5, 6)
for x in steps_944.clone():
    h_apart = cell_reference(kept_944, x, h_apart, apart=True)
h_apart = h_apart.detach()
grads_944 = torch.autograd.grad(h_true.pow(3).sum(), list(kept_944.values()))
grads_944 = {name: g.clone() for name, g in zip(kept_944, grads_944, strict=True)}
h_true = h_true.detach()
names_944 = observe.shapes(state_944)
# Act
cell_944 = LayerNormRNNCell(3, 6)
have_944 = observe.fill(cell_944, state_944)
ends_944, grads_found = [], []
for training_944 in (True, False):
    cell_944.train(training_944)
    cell_944.zero_grad()
    h_944 = torch.zeros(5, 6)
    for k in range(4):
        h_944 = cell_944(steps_944[k], h_944)
    h_944.pow(3).sum().backward()
    ends_944.append(observe.copy(h_944))
    grads_found.append(observe.gradients(cell_944))
h_944 = torch.zeros(1, 6)
for k in range(4):
    h_944 = cell_944(steps_944[k, 2:3], h_944)
solo_944 = observe.copy(h_944)
ends_944, grads_found = list(ends_944), list(grads_found)
# Assert
check.equal(
    have_944,
    names_944,
    "names and shapes in the cell's state",
    hint="x2h.weight, h2h.weight, weight and bias; x2h and h2h have no bias",
)
check.close(
    ends_944,
    [h_true, h_true],
    "the state after four steps, in train and in eval mode",
    ideas={"One norm over the sum A x + B h, not one for each of them": [h_apart, h_apart]},
    atol=1e-5,
    hint="tanh(LN(x2h(x) + h2h(h))); LN knows no modes",
)
check.close(
    grads_found,
    [grads_944, grads_944],
    "the gradients of the cell's parameters",
    rtol=1e-3,
    atol=1e-4,
)
check.close(solo_944, h_true[2:3], "sample 2 alone", atol=1e-5, hint="The company must not matter")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-4-hidden-5", "points": 1}
# Hidden test 9.4 · the cell tells sines from square waves · 1 point
### BEGIN HIDDEN TESTS
# Arrange
learn_waves, learn_kinds = waves(1000, "square", 951, steps=24)
watch_waves, watch_kinds = waves(300, "square", 950, steps=24)
test_waves, test_kinds = waves(500, "square", 952, steps=24)
start_945 = {f"cell.{name}": 0.25 * t for name, t in cell_weights(1, 16, 960).items()}
start_945 |= {"cell.weight": torch.ones(16), "cell.bias": torch.zeros(16)}
start_945 |= {"head.weight": 0.2 * torch.randn(2, 16, generator=seeded(961))}
start_945 |= {"head.bias": torch.zeros(2)}
names_945 = observe.shapes(start_945)
# Act
hearing = Listener(LayerNormRNNCell(1, 16))
fits_945 = observe.fill(hearing, start_945)
gradus.fit(  # ends with the weights of the best epoch
    hearing,
    DataLoader(TensorDataset(learn_waves, learn_kinds), 50, shuffle=True, generator=seeded(0)),
    F.cross_entropy,
    torch.optim.Adam(hearing.parameters(), lr=1e-2),
    epochs=8,
    val_loader=[(watch_waves, watch_kinds)],
)
answers_945 = hearing.eval()(test_waves).argmax(dim=1)
text_945 = observe.source(LayerNormRNNCell)
# Assert
check.equal(
    fits_945,
    names_945,
    "names and shapes in the state of a network with your cell",
    hint="x2h.weight, h2h.weight, weight and bias; x2h and h2h have no bias",
)
check.accuracy(
    answers_945,
    test_kinds,
    0.9,
    "the share of new waves that a network with your cell gets right",
    hint="Is the state handed on through h2h, and does the gradient reach all parameters?",
)
check.avoids(
    text_945, "your layer norm", calls=("LayerNorm", "layer_norm", "native_layer_norm", "GroupNorm")
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-9-5-reference", "points": 0}
### BEGIN HIDDEN TESTS
PLANS = {"standard": "CNRCN", "relu_first": "CRNCRN", "pre": "NRCNRC"}


class BlockReference(nn.Module):
    """A residual block from letters; biased: where a convolution has a bias."""

    def __init__(self, plan, c, last, biased=None):
        super().__init__()
        layers = []
        for place, letter in enumerate(plan):
            direct = plan[place + 1 : place + 2] == "N"
            free = not direct if biased is None else biased
            made = {
                "C": lambda free=free: nn.Conv2d(c, c, 3, padding=1, bias=free),
                "N": lambda: nn.BatchNorm2d(c),
                "R": nn.ReLU,
            }
            layers.append(made[letter]())
        self.branch, self.last = nn.Sequential(*layers), last

    def forward(self, x):
        y = x + self.branch(x)
        return y.relu() if self.last else y


def block_values(plan, x, last, biased=None):
    """Outputs in train mode, then in eval mode, of a dressed block."""
    block = dress(BlockReference(plan, x.shape[1], last, biased))
    with torch.no_grad():
        return [block.train()(x), block.eval()(x)]


def normed_skip(x):
    """A pre block whose skip connection starts behind the first norm, a slip."""
    block = dress(BlockReference("NRCNRC", x.shape[1], False))
    found = []
    for training in (True, False):
        with torch.no_grad():
            start = block.train(training).branch[0](x)
            found.append(start + block.branch[1:](start))
    return found


def bare_values(plan, x, last):
    """The same without the skip connection."""
    block = dress(BlockReference(plan, x.shape[1], last))
    with torch.no_grad():
        found = [block.train().branch(x), block.eval().branch(x)]
    return [y.relu() for y in found] if last else found


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-5-hidden-1", "points": 1}
# Hidden test 9.5 · the standard block, with given weights · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_951 = torch.randn(4, 3, 6, 5, generator=seeded(951))
standard_true = block_values("CNRCN", x_951.clone(), True)
slips_951 = {
    "The ReLU after the addition is missing": block_values("CNRCN", x_951.clone(), False),
    "The order is conv, ReLU, norm; in standard the norm comes before the ReLU": block_values(
        "CRNCRN", x_951.clone(), True
    ),
    "There is a ReLU at the end of the branch: it comes after the addition": block_values(
        "CNRCNR", x_951.clone(), False
    ),
    "There is a ReLU at the end of the branch and one after the addition": block_values(
        "CNRCNR", x_951.clone(), True
    ),
    "The skip connection is missing: add x": bare_values("CNRCN", x_951.clone(), True),
}
# Act
standard_block = dress(make_block("standard", 3))
standard_out = observe.copy([standard_block.train()(x_951), standard_block.eval()(x_951)])
# Assert
check.close(
    standard_out,
    standard_true,
    "the standard block in train and in eval mode",
    ideas=slips_951,
    rtol=1e-4,
    atol=1e-4,
    hint="conv, norm, ReLU, conv, norm; add x as it is; ReLU",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-5-hidden-2", "points": 1}
# Hidden test 9.5 · the other two kinds, with given weights · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_952 = torch.randn(4, 3, 6, 5, generator=seeded(952))
plans_952 = ("relu_first", "pre")
others_true = [block_values(PLANS[k], x_952.clone(), False) for k in ("relu_first", "pre")]
slips_952 = {
    "Only the standard block has a ReLU after the addition": [
        block_values(PLANS[k], x_952.clone(), True) for k in ("relu_first", "pre")
    ],
    "The pre block has a ReLU after the addition: its road must stay free": [
        others_true[0],
        block_values("NRCNRC", x_952.clone(), True),
    ],
    "The skip connection is missing: add x": [
        bare_values(PLANS[k], x_952.clone(), False) for k in ("relu_first", "pre")
    ],
    "The two kinds are swapped": others_true[::-1],
    "The skip of the pre block starts behind its first norm: x itself must be added": [
        others_true[0],
        normed_skip(x_952.clone()),
    ],
}
# Act
others_out = []
for plan_952 in plans_952:
    other_block = dress(make_block(plan_952, 3))
    others_out.append(observe.copy([other_block.train()(x_952), other_block.eval()(x_952)]))
others_out = list(others_out)
# Assert
check.close(
    others_out,
    others_true,
    "the blocks relu_first and pre in train and in eval mode",
    ideas=slips_952,
    rtol=1e-4,
    atol=1e-4,
    hint="Follow the table from left to right; x itself goes along the skip, not its normalised form",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-5-hidden-3", "points": 1}
# Hidden test 9.5 · the last convolution at zero · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_953 = torch.randn(2, 4, 3, 3, generator=seeded(953))
road = [x_953.clone(), x_953.clone().relu()]
both_cut = [road[1].clone(), road[1].clone()]
# Act
zeroed = []
for kind_953 in ("pre", "standard"):
    block_953 = make_block(kind_953, 4)
    last_953 = [m for m in block_953.modules() if isinstance(m, nn.Conv2d)][-1]
    for p_953 in last_953.parameters():
        p_953.data.zero_()
    zeroed.append(observe.copy(block_953(x_953)))
zeroed = list(zeroed)
# Assert
check.close(
    zeroed,
    road,
    "a pre block and a standard block whose last convolution is zero",
    ideas={"The pre block still cuts what is negative: nothing comes after its addition": both_cut},
    hint="The pre block must hand x on as it is, the standard block relu(x)",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-5-hidden-4", "points": 1}
# Hidden test 9.5 · a gradient through fifty blocks, nothing left behind · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_954 = torch.randn(2, 3, 4, 4, generator=seeded(954))
v_954 = torch.randn(2, 3, 4, 4, generator=seeded(955))
passing = (v_954 * (x_954 > 0)).norm().item() / v_954.norm().item()
# Act
through, left = [], []
for kind_954 in ("pre", "standard"):
    chain = []
    for _ in range(50):
        link = make_block(kind_954, 3)
        for p_954 in [m for m in link.modules() if isinstance(m, nn.Conv2d)][-1].parameters():
            p_954.data.zero_()
        chain.append(link)
    asked_954 = x_954.clone().requires_grad_()
    through.append(input_grad_norm(chain, asked_954, v_954))
    left.append(
        [asked_954.grad is None, all(p.grad is None for p in nn.Sequential(*chain).parameters())]
    )
through, left = list(through), list(left)
# Assert
check.close(
    through,
    [1.0, passing],
    "the ratio through fifty pre blocks and fifty standard blocks, the last convolutions at zero",
    rtol=1e-4,
    hint="Through pre blocks all of v arrives; through standard blocks only where x is positive",
)
check.equal(
    left,
    [[True, True], [True, True]],
    "that neither x nor a parameter has a .grad afterwards",
    ideas={
        "backward() left gradients in the parameters: torch.autograd.grad returns and leaves none": [
            [True, False],
            [True, False],
        ],
        "backward() left gradients in x and in the parameters": [[False, False], [False, False]],
        "The caller's x has a .grad now: work on x.detach().requires_grad_()": [
            [False, True],
            [False, True],
        ],
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-5-hidden-5", "points": 1}
# Hidden test 9.5 · the ratio for matrices · 1 point
### BEGIN HIDDEN TESTS
# Arrange
A_955 = torch.randn(4, 3, generator=seeded(956), dtype=torch.float64)
B_955 = torch.randn(2, 4, generator=seeded(957), dtype=torch.float64)
x_955 = torch.randn(5, 3, generator=seeded(958), dtype=torch.float64)
v_955 = torch.randn(5, 2, generator=seeded(959), dtype=torch.float64)
ratio_955 = (v_955 @ B_955 @ A_955).norm().item() / v_955.norm().item()
of_ones = (torch.ones_like(v_955) @ B_955 @ A_955).norm().item() / v_955.norm().item()
undivided = (v_955 @ B_955 @ A_955).norm().item()
x_before = x_955.clone()
# Act
first_955, second_955 = nn.Linear(3, 4, bias=False).double(), nn.Linear(4, 2, bias=False).double()
first_955.load_state_dict({"weight": A_955})
second_955.load_state_dict({"weight": B_955})
matrix_ratio = input_grad_norm([first_955, second_955], x_955, v_955)
x_955_after, asks_955 = observe.copy(x_955), x_955.requires_grad
# Assert
check.close(
    matrix_ratio,
    ratio_955,
    "the ratio through two linear layers",
    ideas={"Ones were sent back, not v": of_ones, "Divide by the norm of v": undivided},
    rtol=1e-5,
    hint="Send v back from the output of the last block to x",
)
check.unchanged(x_955_after, x_before, "x")
check.equal(
    asks_955, False, "requires_grad of the caller's x", hint="Work on x.detach().requires_grad_()"
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-5-hidden-6", "points": 1}
# Hidden test 9.5 · another kind · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
unknown_kind = observe.error(make_block, "post", 4)
# Assert
check.raised(
    unknown_kind,
    ValueError,
    "a kind that does not exist",
    hint="An unknown name must not give some block in silence: raise ValueError",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-9-6-reference", "points": 0}
### BEGIN HIDDEN TESTS
def deep_norm(norm_2=nn.BatchNorm1d):
    """The network of the tests of 9.6, and its second norm."""
    net = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 5), norm_2(5))
    return dress(net)


def noise_reference(net, batches, rank=4):
    """Std over batches of the batch mean before layer `rank`, in the mode that net is in."""
    twin = copy.deepcopy(net)
    with torch.no_grad():
        return torch.stack([twin[:rank](x).mean(0) for x in batches]).std(0)


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-6-hidden-1", "points": 1}
# Hidden test 9.6 · equal to F.group_norm for tables, sequences, images · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_table = torch.randn(3, 6, generator=seeded(961), dtype=torch.float64)
x_seq = torch.randn(3, 5, 6, generator=seeded(962), dtype=torch.float64).transpose(1, 2)
x_image = torch.randn(2, 6, 4, 3, generator=seeded(963), dtype=torch.float64)
w_961, b_961 = (t.clone() for t in torch.randn(2, 6, generator=seeded(964), dtype=torch.float64))
cases_961 = ((2, 1e-5), (3, 0.2), (1, 1e-5))
true_961 = [
    F.group_norm(x.clone().contiguous(), g, w_961.clone(), b_961.clone(), eps)
    for x in (x_table, x_seq, x_image)
    for g, eps in cases_961
]
instance_961 = F.instance_norm(x_image.clone())
unbiased_961 = []
across_961 = []
for x in (x_table, x_seq, x_image):
    for g, eps in cases_961:
        cut = x.clone().reshape(len(x), g, -1)
        tail = (1, -1) + (1,) * (x.ndim - 2)
        for axes, correction, into in (((2,), 1, unbiased_961), ((0, 2), 0, across_961)):
            mean, var = (
                cut.mean(axes, keepdim=True),
                cut.var(axes, correction=correction, keepdim=True),
            )
            y = ((cut - mean) / (var + eps).sqrt()).reshape(x.shape)
            into.append(y * w_961.view(tail) + b_961.view(tail))
# Act
out_961 = [
    group_norm(x, cases_961[k][0], w_961, b_961, cases_961[k][1])
    for x in (x_table, x_seq, x_image)
    for k in range(3)
]
each_channel = group_norm(x_image, 6)
# Assert
check.close(
    out_961,
    true_961,
    "group norm of (3, 6), (3, 6, 5) and (2, 6, 4, 3)",
    ideas={
        "Divided by n - 1: the biased variance is meant": unbiased_961,
        "The statistics cross the samples: each sample by itself": across_961,
    },
    rtol=1e-6,
    dtype=True,
    hint="Neighbouring channels and all their places; scale and shift by channel; eps as given",
)
check.close(
    each_channel,
    instance_961,
    "as many groups as channels: instance norm",
    rtol=1e-6,
    hint="weight and bias may be None",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-6-hidden-2", "points": 1}
# Hidden test 9.6 · gradients · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_962 = torch.randn(2, 4, 3, generator=seeded(965), dtype=torch.float64)
w_962, b_962 = (t.clone() for t in torch.randn(2, 4, generator=seeded(966), dtype=torch.float64))
v_962 = torch.randn(2, 4, 3, generator=seeded(967), dtype=torch.float64)
leaves_962 = [t.clone().requires_grad_() for t in (x_962, w_962, b_962)]
top_962 = F.group_norm(leaves_962[0], 2, *leaves_962[1:])
true_962 = [g.clone() for g in torch.autograd.grad(top_962, leaves_962, v_962.clone())]
# Act
back_962 = observe.vjp(lambda x, w, b: group_norm(x, 2, w, b), (x_962, w_962, b_962), v_962)
# Assert
check.close(
    back_962["value"],
    top_962.detach(),
    "the output",
    hint="Normalise, then scale and shift by channel",
)
check.close(
    back_962["grads"],
    true_962,
    "the gradients of x, weight and bias",
    rtol=1e-6,
    hint="Mean and variance depend on x as well: do not detach them",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-6-hidden-3", "points": 1}
# Hidden test 9.6 · the probe: other samples, other groups · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_963 = torch.randn(3, 4, 2, 2, generator=seeded(968))
felt_963 = observe.response(lambda x: F.group_norm(x, 2), x_963.clone(), (1, 2, 0, 1), 4.0)
alone_963 = F.group_norm(x_963.clone(), 2)[2:]
kept_963 = x_963.clone()
# Act
moves_963 = observe.response(lambda x: group_norm(x, 2), x_963, (1, 2, 0, 1), 4.0)
lone_963 = group_norm(x_963[2:], 2)
after_963 = observe.copy(x_963)
# Assert
check.close(
    moves_963,
    felt_963,
    "what moves when one number in sample 1, channel 2 changes",
    atol=1e-5,
    hint="Channels 2 and 3 of sample 1 feel it, and nobody else",
)
check.close(lone_963, alone_963, "a sample alone", atol=1e-5, hint="The company must not matter")
check.unchanged(after_963, kept_963, "x")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-6-hidden-4", "points": 1}
# Hidden test 9.6 · the noise inside a network, and on images · 1 point
### BEGIN HIDDEN TESTS
# Arrange
lots = [torch.randn(n, 4, generator=seeded(970 + n)) for n in (3, 5, 4, 6)]
kept_964 = [x.clone() for x in lots]
inner_true = noise_reference(deep_norm().train(), kept_964)
inner_eval = noise_reference(deep_norm().eval(), kept_964)
outer_964 = noise_reference(deep_norm().train(), kept_964, rank=5)
pictures = [torch.randn(2, 3, 4, 4, generator=seeded(980 + k)) for k in range(40)]
crowds = [torch.randn(64, 3, 4, 4, generator=seeded(1030 + k)) for k in range(40)]
plain_964 = [
    torch.stack([x.mean((0, 2, 3)) for x in group]).std(0).clone() for group in (pictures, crowds)
]
blind_964 = [
    torch.stack([x.mean((0, 2, 3)) for x in group]).mean(0).std() for group in (pictures, crowds)
]
# Act
net_964 = dress(
    nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 5), nn.BatchNorm1d(5))
).eval()
inner_964 = batch_mean_noise(net_964, net_964[4], lots)
image_norm = nn.BatchNorm2d(3)
image_noise = [batch_mean_noise(image_norm, image_norm, group) for group in (pictures, crowds)]
# Assert
check.close(
    inner_964,
    inner_true,
    "the noise at the input of the second norm",
    ideas={
        "The model ran in eval mode: train mode is asked for": inner_eval,
        "This is measured at the output of the layer: its input is asked for": outer_964,
    },
    atol=1e-5,
    hint="The whole model in train mode, the mean of each batch, the std over batches",
)
check.close(
    image_noise,
    plain_964,
    "the noise for batches of 2 and of 64 images",
    ideas={"This is the spread over channels, which knows nothing of the batch": blind_964},
    atol=1e-5,
    hint="For images the mean goes over batch and places",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-6-hidden-5", "points": 1}
# Hidden test 9.6 · the model is left as it was · 1 point
### BEGIN HIDDEN TESTS
# Arrange
visits = [torch.randn(4, 4, generator=seeded(990 + k)) for k in range(3)]
state_965 = {name: t.clone() for name, t in deep_norm().state_dict().items()}
# Act
net_965 = dress(
    nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 5), nn.BatchNorm1d(5))
)
net_965[1].eval()
first_965 = observe.copy(batch_mean_noise(net_965, net_965[4], visits))
again_965 = observe.copy(batch_mean_noise(net_965, net_965[4], visits))
state_after_965 = observe.state(net_965)
modes_965 = [m.training for m in net_965.modules()]
hooks_965 = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net_965.modules())
# Assert
check.unchanged(
    state_after_965,
    state_965,
    "the model's parameters and buffers",
    hint="A run in train mode moves the running statistics: use a copy, or put them back",
)
check.equal(
    modes_965,
    [True, True, False, True, True, True],
    "the mode of each module",
    hint="The first norm was frozen in eval mode, the rest in train mode: so it must be afterwards",
)
check.equal(hooks_965, 0, "the number of hooks left in the model", hint="Remove the hook")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-9-6-hidden-6", "points": 1}
# Hidden test 9.6 · an MLP learns in batches of two · 1 point
### BEGIN HIDDEN TESTS
# Arrange
pairs_x, pairs_y = digits(train=True)
fresh_x, fresh_y = digits(train=False)
# Act
torch.manual_seed(6)
grouped = nn.Sequential(
    nn.Flatten(),
    nn.Linear(64, 64),
    Wrapped(lambda x: group_norm(x, 1)),
    nn.ReLU(),
    nn.Linear(64, 64),
    Wrapped(lambda x: group_norm(x, 1)),
    nn.ReLU(),
    nn.Linear(64, 10),
)
train(grouped, pairs_x, pairs_y, lr=0.03, epochs=2, size=2)
answers_966 = grouped.eval()(fresh_x).argmax(dim=1)
text_966 = observe.source(group_norm)
# Assert
check.accuracy(
    answers_966,
    fresh_y,
    0.75,
    "the share of digits that an MLP with your group norm gets right after batches of two",
    hint="Batch norm ends far below: do your statistics cross the samples?",
)
check.avoids(
    text_966,
    "your group norm",
    calls=("GroupNorm", "group_norm", "native_group_norm"),
)
### END HIDDEN TESTS
