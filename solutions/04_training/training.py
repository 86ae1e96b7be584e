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
# # 4 · The training loop
#
# You have tensors, gradients and modules. Now they learn. The loop that does it is ten lines long, and every one of them can be wrong without raising anything. After this chapter you can
#
# - write the loop, and measure it honestly;
# - choose a loss, and give it targets of the right shape and type;
# - say what SGD, momentum, Adam and AdamW do in one step, because you wrote them;
# - find a learning rate, change it on a schedule, and stop in time;
# - read a sick loss curve, and find the bug behind it.
#
# Reading: 75 minutes · exercises: 166 minutes · 63 points
#
# A long chapter: exercises 4.1 to 4.4 make a good first evening.

# %% tags=["setup"]
import copy
import math
import warnings

import torch
import torch.nn.functional as F
from torch import nn

import gradus
from gradus import check, observe, plots, probes, seeded  # probes: for the hidden tests

torch.set_printoptions(precision=3, sci_mode=False)
device = gradus.device()
schedulers = torch.optim.lr_scheduler
# The next cell is folded: it holds helpers. Run it; click on its dots to read it.


# %% tags=["setup"] jupyter={"source_hidden": true}
def noisy_sine(n, seed):
    """n points x in [-3, 3] and y = sin x + noise (standard deviation 0.3), (n, 1), on `device`."""
    source = seeded(seed)
    x = 6 * torch.rand(n, 1, generator=source) - 3
    y = torch.sin(x) + 0.3 * torch.randn(n, 1, generator=source)
    return x.to(device), y.to(device)


def blobs(n, classes, seed):
    """n points (n, 2) in round clouds on a circle, and the number of each one's cloud (n,)."""
    source = seeded(seed)
    labels = torch.randint(classes, (n,), generator=source)
    angles = labels * (2 * math.pi / classes)
    centres = 3 * torch.stack([angles.cos(), angles.sin()], dim=1)
    return centres + 0.7 * torch.randn(n, 2, generator=source), labels


def small_net(inputs=1, outputs=1, width=32):
    """The same fresh network on each call, on `device`."""
    torch.manual_seed(0)
    layers = nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, outputs)
    return nn.Sequential(*layers).to(device)


class Batches:
    """Pairs of batches from two tensors; each walk through them has a fresh order."""

    def __init__(self, x, y, size, generator):
        self.x, self.y, self.size, self.generator = x, y, size, generator

    def __iter__(self):
        for rows in torch.randperm(len(self.x), generator=self.generator).split(self.size):
            yield self.x[rows], self.y[rows]


def walk(rule, f, start, steps, **settings):
    """Points that the optimiser rule([w], **settings) visits on f, `start` first."""
    w = torch.tensor(start, requires_grad=True)
    optimiser, points = rule([w], **settings), [w.tolist()]
    for _ in range(steps):
        optimiser.zero_grad()
        f(w).backward()
        optimiser.step()
        points.append(w.tolist())
    return points


class Rule:
    """What your optimisers share: parameters, settings, and a dict of memory for each parameter."""

    def __init__(self, params, lr, momentum=0.9, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.params, self.memory = list(params), []
        self.memory += [{} for _ in self.params]
        self.lr, self.momentum, self.weight_decay = lr, momentum, weight_decay
        self.betas, self.eps = betas, eps


# %% [markdown]
# ## What training is
#
# You want a small loss on all data that may ever come. You have a sample. So you make its mean loss small, the *empirical risk*, and hope that it stands for the rest. Only data that took no part in training can tell.
#
# Descent needs the gradient of that mean. All samples (*batch* descent) give it exactly and slowly; one (*stochastic* descent) fast and noisily. A **mini-batch** of 16 to 256 is the usual middle: right on average, and many cheap steps beat a few exact ones. One pass over all samples, in a fresh order, is an **epoch**.
#
# Below is a whole training. A sine can be learnt; the noise on top (variance 0.09) cannot.

# %% alt="Mean squared error over 40 epochs. Training starts at 0.56, fresh data at 0.2; after five epochs both lie together, fall on and flatten at about 0.1, just above a horizontal line at 0.09, the variance of the noise."
(x, y), (x_new, y_new) = noisy_sine(200, seed=0), noisy_sine(200, seed=1)
model, order = small_net(), seeded(0)
optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
losses = {"training": [], "fresh data": [], "noise": [0.09] * 40}
for _ in range(40):
    total = 0.0
    for rows in torch.randperm(len(x), generator=order).split(32):
        optimiser.zero_grad()  # forget the last gradients
        loss = F.mse_loss(model(x[rows]), y[rows])  # forward
        loss.backward()  # new gradients
        optimiser.step()  # move the weights
        total += loss.item() * len(rows)
    losses["training"].append(total / len(x))
    losses["fresh data"].append(F.mse_loss(model(x_new), y_new).item())
plots.curves(losses, title="Learning a noisy sine", ylabel="mean squared error")

# %% [markdown]
# Both curves sink almost to the variance of the noise: the network found the sine, and hardly more can be had. (At first the fresh curve lies lower. The training number is a mean over the epoch, taken while the weights were still worse.) That the *fresh* curve sinks too is the point. Many a first example trains on labels drawn at random and shows one falling curve. The first cell below does so: fifty random labels. (Its loop clears at another place.)
#
# Which brings up the order of the steps. Clear first, always, you may read. The second cell tries five orders of **c**lear, **f**orward, **b**ackward and **s**tep.

# %%
source = seeded(3)
X, X_fresh = torch.randn(50, 10, generator=source), torch.randn(500, 10, generator=source)
noise, noise_fresh = torch.randn(50, 1, generator=source), torch.randn(500, 1, generator=source)
model = small_net(inputs=10).cpu()
optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(300):
    loss = F.mse_loss(model(X), noise)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
fresh = F.mse_loss(model(X_fresh), noise_fresh)
print(f"training loss {loss.item():.2f}, always answering 0 gives {noise.square().mean():.2f}")
print(
    f"fresh loss    {fresh.item():.2f}, always answering 0 gives {noise_fresh.square().mean():.2f}"
)

# %%
for letters in ("cfbs", "fcbs", "fbsc", "fbcs", "fbs"):
    model = small_net()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
    for letter in 5 * letters:
        if letter == "c":
            optimiser.zero_grad()
        elif letter == "f":
            loss = F.mse_loss(model(x), y)
        elif letter == "b":
            loss.backward()
        else:
            optimiser.step()
    print(f"{letters:4}: loss after five steps {F.mse_loss(model(x), y).item():.3f}")

# %% [markdown]
# The network learnt fifty random numbers by heart; on fresh data it is worse than a constant. A training loss alone proves nothing.
#
# Of the five orders the first three agree. What counts is the invariant: *when `step()` runs, `.grad` holds the gradient of this batch and nothing else.* `fbcs` clears what it has just computed and never moves; `fbs` steps along the sum of all gradients so far.
#
# The second place for a quiet error is the number that you report. 33 samples make batches of 32 and 1; say the first 32 have a loss of 1 each, the last one of 34. The mean over the samples is 66 / 33 = 2. Two popular formulas disagree:

# %%
batches = [torch.ones(32), torch.tensor([34.0])]
means = [batch.mean().item() for batch in batches]
weighted = sum(mean * len(batch) for mean, batch in zip(means, batches, strict=True))
print("mean of the batch means:       ", sum(means) / len(batches))
print("sum of means / (N / 32):       ", round(sum(means) / (33 / 32), 1))
print("each weighted by its size, / N:", weighted / 33)
print("batches in 1000 samples:       ", len(torch.arange(1000).split(32)), "and not", 1000 / 32)

# %% [markdown]
# ### Exercise 4.1 · The loop
# ★★★☆☆ · 15 min · implementation · 6 points
#
# Write `fit`, the loop that all later chapters build on. An epoch draws one order, `torch.randperm(len(X), generator=generator)`, and cuts it into batches; the last may be smaller, and counts. Each batch is one step of `optimiser`, with the model in train mode.
#
# Return one number an epoch: the mean, over the samples, of the losses met on the way, each measured before its batch's step. Gradients that the model holds before the call must not enter.
#
# One weight w = 0, no bias, x = [1, 2], y = [2, 4], mean squared error, SGD with rate 0.05, both samples in one batch: three epochs give 10, 5.625, 3.164, and w ends at 1.156.
#
# <details><summary>Hint 1</summary>
#
# `order.split(batch_size)` gives the batches, the small one included. `X[rows]` and `y[rows]` are its samples.
#
# </details>
# <details><summary>Hint 2</summary>
#
# In a batch: clear, forward, backward, step, then `total += loss.item() * len(rows)`. After the epoch: `total / len(X)`.
#
# </details>


# %% nbgrader={"grade_id": "ex-4-1"}
def fit(model, X, y, optimiser, loss_fn, epochs, batch_size, generator) -> list[float]:
    """Train `model` in place on X (N, ...) and y (N, ...); `epochs` mean losses, as floats.

    loss_fn(outputs, targets) is the mean over a batch. Draws one permutation an epoch.
    """
    ### BEGIN SOLUTION
    model.train()
    history = []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(X), generator=generator).split(batch_size):
            optimiser.zero_grad()
            loss = loss_fn(model(X[rows]), y[rows])
            loss.backward()
            optimiser.step()
            total += loss.item() * len(rows)
        history.append(total / len(X))
    return history
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-4-1-check", "points": 2}
# Arrange
x_two = torch.tensor([[1.0], [2.0]])
y_two = torch.tensor([[2.0], [4.0]])
x_flat = torch.zeros(3, 1)
y_flat = torch.tensor([[0.0], [0.0], [3.0]])
equal_pair = torch.ones(2, 1)
# Act
line = nn.Linear(1, 1, bias=False)
with torch.no_grad():
    line.weight.zero_()
three_losses = fit(line, x_two, y_two, torch.optim.SGD(line.parameters(), lr=0.05), F.mse_loss, 3, 2, seeded(0))  # fmt: skip
w_end = line.weight.item()
slope = nn.Linear(1, 1, bias=False)
with torch.no_grad():
    slope.weight.zero_()
quarter = torch.optim.SGD(slope.parameters(), lr=0.25)
fit(slope, equal_pair, equal_pair, quarter, F.mse_loss, 1, 1, seeded(0))
w_pair = slope.weight.item()
still = torch.optim.SGD(line.parameters(), lr=0.0)
ragged = fit(line, x_flat, y_flat, still, F.mse_loss, 1, 2, seeded(3))
# Assert
check.close(
    three_losses,
    [10.0, 5.625, 3.1640625],
    "the losses of the example",
    ideas={
        "The gradients of earlier steps are still there: clear them": [10.0, 5.625, 0.9765625],
        "Nothing was learnt: was the gradient cleared between backward and step?": [10.0] * 3,
        "Each loss was measured after the step; take it before": [5.625, 3.1640625, 1.779785],
    },
    hint="Return a list with one number an epoch",
)
check.close(w_end, 1.15625, "w after three epochs", hint="One step of the optimiser a batch")
check.close(
    w_pair,
    0.75,
    "w after one epoch of two batches, each x = 1, y = 1, from w = 0 with rate 0.25",
    ideas={
        "Gradients pile up within the epoch: clear in each batch": 1.25,
        "One step an epoch; each batch is a step": 0.5,
    },
)
check.close(
    ragged,
    [3.0],
    "the mean loss of errors 0, 0, 3 in batches of two and one",
    ideas={
        "This is the mean of the batch means: weigh each loss by its batch's size": [4.5],
        "The small last batch is missing": [0.0],
        "The last batch holds fewer samples: weigh by len(rows), not by batch_size": [6.0],
    },
    hint="Sum loss times batch size, then divide by the number of samples",
)

# %%
# Uses your fit (until it is written, the cell stops with "Your turn"); Batches is in the folded cell.
yours, theirs = small_net(), small_net()
steps = [torch.optim.SGD(net.parameters(), lr=0.05) for net in (yours, theirs)]
mine = fit(yours, x, y, steps[0], F.mse_loss, 5, 32, seeded(0))
run_record = gradus.fit(theirs, Batches(x, y, 32, seeded(0)), F.mse_loss, steps[1], epochs=5)
same = all(torch.equal(a, b) for a, b in zip(yours.parameters(), theirs.parameters(), strict=True))
print("equal losses:", mine == run_record["loss"], "  equal weights:", same)

# %% [markdown]
# Equal to the last bit: you wrote the heart of `gradus.fit`. Around it stands what this chapter adds: validation, the best epoch's weights, a stop when a loss is not finite. From chapter 5 on you may use it; open `gradus/training.py`, and you will know most of its lines.
#
# ## Losses, and what they want to be fed
#
# For classes, the network gives one score a class, a **logit**: any number. `F.cross_entropy` takes logits as they are, and `int64` class ids (N,), from 0 to K − 1, or a float probability for each class (N, K). It is two functions in one: `log_softmax` makes log-probabilities, `nll_loss` picks the true class's, with a minus. Hence no softmax at the end of your network.

# %%
logits = torch.tensor([[2.0, 0.5, -1.0], [0.0, 0.0, 3.0]])
targets = torch.tensor([0, 2])
by_hand = -F.log_softmax(logits, dim=1)[torch.arange(2), targets]
in_two = F.nll_loss(F.log_softmax(logits, dim=1), targets)
print(
    "by hand:", by_hand.mean(), "  in two:", in_two, "  in one:", F.cross_entropy(logits, targets)
)
soft = F.one_hot(targets, 3).float()
print("one probability a class:", F.cross_entropy(logits, soft), end="\n\n")
print("class ids as floats:", observe.complaint(F.cross_entropy, logits, targets.float()))
print("class ids (N, 1):   ", observe.complaint(F.cross_entropy, logits, targets[:, None]))
print("classes 1 to 3:     ", observe.complaint(F.cross_entropy, logits, targets + 1))
print("one output, all labels 0:", F.cross_entropy(logits[:, :1], 0 * targets).item())
print("one output, a label 1:   ", observe.complaint(F.cross_entropy, logits[:, :1], targets // 2))

# %% [markdown]
# ### Predict 4.1 · A softmax too many
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# A network for 3 classes ends in a softmax, and is trained with `F.cross_entropy`. It becomes perfect: all probability on the right class, for every sample. What is its loss?
#
# - a: 0, since it is perfect
# - b: log 3, about 1.10
# - c: about 0.55

# %% nbgrader={"grade_id": "predict-4-1"}
# Write your choice: predict_4_1 = "a", "b" or "c"
### BEGIN SOLUTION
predict_4_1 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-4-1-check", "points": 0}
# Arrange
# Act
choice = predict_4_1
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")

# %% alt="Cross-entropy over 30 epochs on three clouds of points. On logits it falls from 0.7 to almost 0. With a softmax in between it falls from 0.9 and from epoch 5 on lies on the line of the floor at 0.551."
for K in (3, 5, 10):
    floor = F.cross_entropy(torch.eye(K), torch.arange(K)).item()
    print(
        f"{K:2} classes: perfect, yet {floor:.3f}; log(1 + (K - 1)/e) {math.log1p((K - 1) / math.e):.3f}"
    )
points, clouds = (part.to(device) for part in blobs(200, 3, seed=0))
losses = {"floor": [math.log1p(2 / math.e)] * 30}
for name, ending in {"logits": nn.Identity(), "softmax first": nn.Softmax(dim=1)}.items():
    model = nn.Sequential(small_net(2, 3), ending)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    batches = Batches(points, clouds, 32, seeded(0))
    run_record = gradus.fit(model, batches, F.cross_entropy, optimiser, epochs=30)
    losses[name] = run_record["loss"]
    print(f"{name}: training accuracy {run_record['accuracy'][-1]:.2f}")
plots.curves(losses, title="One softmax too many", ylabel="cross-entropy")

# %% [markdown]
# Probabilities taken for logits: the best row is (1, 0, 0), its cross-entropy log(1 + 2/e) = 0.5514, and the loss sinks no lower. The accuracy is perfect all the same. (*One* output above: one class has probability 1, the loss is 0 and nothing is learnt.)
#
# | You predict | Network's output | Loss | Targets |
# |---|---|---|---|
# | one of K classes | logits (N, K) | `cross_entropy` | `int64` (N,) |
# | yes or no | logit (N,) | `binary_cross_entropy_with_logits` | float (N,) |
# | several of K labels | logits (N, K) | the same | float (N, K) of 0 and 1 |
# | a number | (N,) or (N, 1) | `mse_loss`, `l1_loss`, `huber_loss` | the same shape |

# %%
logit, no = torch.tensor([200.0], requires_grad=True), torch.tensor([0.0])
for name in ("sigmoid, then BCE", "BCE with logits  "):
    outside = name.startswith("sigmoid")
    one = F.binary_cross_entropy if outside else F.binary_cross_entropy_with_logits
    loss = one(torch.sigmoid(logit) if outside else logit, no)
    (slope,) = torch.autograd.grad(loss, logit)
    print(f"{name} at a logit of 200, wrong: loss {loss.item():.0f}, gradient {slope.item():.0f}")
scores, tags = torch.tensor([[3.0, -2.0, 1.0]]), torch.tensor([[1.0, 0.0, 1.0]])
print("several labels:", F.binary_cross_entropy_with_logits(scores, tags), (scores > 0).long())
perfect = torch.arange(1.0, 6.0)
with warnings.catch_warnings(record=True) as caught:
    print("perfect answers (5, 1), targets (5):", F.mse_loss(perfect[:, None], perfect).item())
print("warned:", len(caught) == 1, "  with your own formula:", end=" ")
print(((perfect[:, None] - perfect) ** 2).mean().item(), "and no warning")

# %% [markdown]
# A confident wrong answer needs learning most. Yet the sigmoid has saturated there: `binary_cross_entropy` cuts the loss at 100, and the gradient is 0. With logits both are right. And (5, 1) against (5,) broadcasts to (5, 5), every answer against every target: perfect answers cost 4. PyTorch's losses warn; your own formula does not.
#
# For numbers, the slope of the loss is the pull of a sample. *Squared*: the farther, the stronger, so one outlier can outvote a hundred. *Absolute*: all pull alike. **Huber** is squared within δ and straight outside: gentle near, bounded far away.

# %% [markdown]
# ### Exercise 4.2 · Three losses and their favourite number
# ★★★☆☆ · 12 min · conceptual · 6 points
#
# Write the three, each a mean over all entries. With e = prediction − target: e²; |e|; and Huber, ½e² where |e| ≤ δ, else δ(|e| − ½δ). Shapes that differ raise `ValueError`. PyTorch's own losses are not allowed. Errors −3, 0.5, 1 with δ = 1: Huber gives (2.5 + 0.125 + 0.5)/3 = 1.042.
#
# Then `location(y, loss)`: the number c, to within 0.01, for which `loss(c everywhere, y)` is least. y is float64, the loss convex in c, and c lies between the least and the greatest y. What is *the* typical value of 1, 2, 3, 4, 100? It depends on the loss: 22, 3 and 3.
#
# <details><summary>Hint 1</summary>
#
# `torch.where(e.abs() <= delta, inside, outside)`. At δ both branches give ½δ²: check it.
#
# </details>
# <details><summary>Hint 2</summary>
#
# For `location`, close in: keep an interval, try two points inside, drop the end beyond the worse one. `torch.full_like(y, c)` is a prediction.
#
# </details>


# %% nbgrader={"grade_id": "ex-4-2"}
def mse(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean squared error, a scalar. ValueError when the shapes differ."""
    ### BEGIN SOLUTION
    if prediction.shape != target.shape:
        raise ValueError(f"shapes differ: {tuple(prediction.shape)}, {tuple(target.shape)}")
    return ((prediction - target) ** 2).mean()
    ### END SOLUTION


def l1(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean absolute error, a scalar. ValueError when the shapes differ."""
    ### BEGIN SOLUTION
    if prediction.shape != target.shape:
        raise ValueError(f"shapes differ: {tuple(prediction.shape)}, {tuple(target.shape)}")
    return (prediction - target).abs().mean()
    ### END SOLUTION


def huber(prediction: torch.Tensor, target: torch.Tensor, delta: float = 1.0) -> torch.Tensor:
    """½e² where |e| <= delta, else delta (|e| - ½ delta); the mean. ValueError as above."""
    ### BEGIN SOLUTION
    if prediction.shape != target.shape:
        raise ValueError(f"shapes differ: {tuple(prediction.shape)}, {tuple(target.shape)}")
    size = (prediction - target).abs()
    return torch.where(size <= delta, size**2 / 2, delta * (size - delta / 2)).mean()
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-4-2-b"}
def location(y: torch.Tensor, loss) -> float:
    """The c, to within 0.01, for which loss(c everywhere, y) is least. y: (n,), float64."""
    ### BEGIN SOLUTION
    low, high = y.min().item(), y.max().item()
    for _ in range(100):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        if loss(torch.full_like(y, left), y) < loss(torch.full_like(y, right), y):
            high = right
        else:
            low = left
    return (low + high) / 2
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-4-2-check", "points": 2}
# Arrange
guess = torch.tensor([-2.0, 1.5, 3.0])
goal = torch.tensor([1.0, 1.0, 2.0])
salaries = torch.tensor([1.0, 2.0, 3.0, 4.0, 100.0], dtype=torch.float64)
# Act
squared, absolute = mse(guess, goal), l1(guess, goal)
rounded = huber(guess, goal, 1.0)
typical = [location(salaries, loss) for loss in (mse, l1, huber)]
texts = observe.source(huber)
# Assert
check.close(
    squared,
    10.25 / 3,
    "mse of errors -3, 0.5, 1",
    ideas={"This is the sum; the mean is asked for": 10.25},
)
check.close(
    absolute,
    1.5,
    "l1 of the same errors",
    ideas={
        "This is the sum; the mean is asked for": 4.5,
        "Errors of both signs cancel: take |e| first": -0.5,
    },
)
check.close(
    rounded,
    3.125 / 3,
    "huber with δ = 1",
    ideas={
        "The ½ of the inner branch is missing": 3.75 / 3,
        "The outer branch must join the inner one at δ: δ(|e| - ½δ)": 3.625 / 3,
        "A large negative error is outside too: compare |e| with δ": 5.125 / 3,
        "Not the smaller branch: |e| <= δ decides": 1.0,
        "This is the sum; the mean is asked for": 3.125,
    },
    hint="½e² where |e| <= δ, else δ(|e| - ½δ); then the mean",
)
check.close(
    typical,
    [22.0, 3.0, 3.0],
    "typical values of 1, 2, 3, 4, 100",
    atol=0.02,
    hint="Each loss has its own: the mean, the median, and something between",
)
check.avoids(
    texts,
    "losses of your own",
    calls=("mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss", "MSELoss", "L1Loss", "HuberLoss"),
)

# %% [markdown]
# The squared error asks for the mean, the absolute error for the median. You chose the answer when you chose the loss.
#
# So which loss is the most robust? You may see the final training losses compared, each on its own scale; that compares metres with minutes. Measure all with one ruler: the distance to the truth. A line through data of which a tenth is spoilt:

# %%
source, u = seeded(7), torch.linspace(-1, 1, 100)[:, None]
truth = 2 * u + 1
spoilt = truth + 0.2 * torch.randn(100, 1, generator=source)
spoilt[torch.randperm(100, generator=source)[:10]] += 5
for ruler in (F.mse_loss, F.l1_loss, F.huber_loss):
    torch.manual_seed(0)
    straight = nn.Linear(1, 1)
    optimiser = torch.optim.Adam(straight.parameters(), lr=0.05)
    own = gradus.fit(straight, [(u, spoilt)], ruler, optimiser, epochs=300)["loss"][-1]
    off = F.mse_loss(straight(u), truth).item()
    print(f"{ruler.__name__:10} its own loss {own:.2f}, squared distance to the truth {off:.3f}")
far = torch.tensor([0.1, 4.0]), torch.zeros(2)
for width in (1.0, 0.5):
    ratio = F.huber_loss(*far, delta=width) / F.smooth_l1_loss(*far, beta=width)
    print(f"Huber(δ = {width}) / SmoothL1(β = {width}) = {ratio.item():.2f}")

# %% [markdown]
# By its own loss Huber looks best; by the distance to the truth the absolute loss wins, and the squared one is far behind. And `smooth_l1_loss` *is* the Huber loss only at 1: Huber = β · SmoothL1.
#
# ## Optimisers: what one step does
#
# Let g be the gradient of one weight w. Every optimiser turns g into a step; they differ in what they remember.
#
# | | remembers | step |
# |---|---|---|
# | SGD | nothing | w ← w − lr · g |
# | momentum | v ← μv + g | w ← w − lr · v |
# | Adagrad | s ← s + g² | w ← w − lr · g / (√s + ε) |
# | RMSprop | s ← αs + (1 − α)g² | w ← w − lr · g / (√s + ε) |
# | Adam | m ← β₁m + (1 − β₁)g, s ← β₂s + (1 − β₂)g² | w ← w − lr · m̂ / (√ŝ + ε) |
#
# After t steps m̂ = m / (1 − β₁ᵗ) and ŝ = s / (1 − β₂ᵗ): m and s begin at 0, and this undoes the pull of that beginning. Usual are μ = β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸. The last three scale each weight's step by its own gradients, a help where parameters are many and of different sizes.

# %%
rules = {"SGD": torch.optim.SGD, "Adagrad": torch.optim.Adagrad}
rules |= {"RMSprop": torch.optim.RMSprop, "Adam": torch.optim.Adam}
print("(w - 2)² from 5, after 50 steps (and nearest to 2 on the way):")
for name, rule in rules.items():
    for lr in (0.1, 0.5):
        path = walk(rule, lambda w: (w - 2) ** 2, 5.0, 50, lr=lr)
        print(f"{name:8} lr {lr}: w = {path[-1]:.2f} ({min(path, key=lambda w: abs(w - 2)):.2f})")

# %% alt="Contour lines of a long narrow valley with four paths from the left end to the minimum at the right. SGD zigzags across the valley and is only part of the way along after 30 steps. Momentum swings, then runs along the floor. RMSprop glides into the floor and follows it to the minimum. Adam runs in a wide curve past the minimum and turns back."
across = torch.tensor([1.0, 50.0])
tuned = {"SGD": {"lr": 0.036}, "momentum": {"lr": 0.02, "momentum": 0.8}}
tuned |= {"RMSprop": {"lr": 0.2, "alpha": 0.9}, "Adam": {"lr": 0.4}}
fig, axes = plots.figure(8, 4)
grid = torch.cartesian_prod(torch.linspace(-4.5, 1.5, 121), torch.linspace(-1.2, 1.2, 81))
heights = (across * grid**2).sum(dim=1) / 2
axes.tricontour(*grid.T, heights, levels=[0.2, 1, 3, 8, 16, 30], colors="#999999")
for name, settings in tuned.items():
    rule = rules.get(name, torch.optim.SGD)
    path = walk(rule, lambda w: (across * w**2).sum() / 2, [-4.0, 1.0], 30, **settings)
    axes.plot(*zip(*path, strict=True), label=name, markersize=3)
axes.legend()
axes.set(xlabel="first weight", ylabel="second weight", title="Four ways down one valley")
plots.close(fig)

# %% [markdown]
# On one variable, at a rate of 0.1, Adagrad seems hopeless and Adam off the mark: it has run past 2 and is on its way back. At 0.5 all are close. A comparison at one shared rate says nothing; *each optimiser has its own good rate.*
#
# The valley is 50 times steeper across than along (its *condition*). The walls limit SGD's rate: it bounces, and creeps along. In momentum the bounces cancel and the creeping adds up. RMSprop and Adam divide each direction by its own size, so their first step is as long along as across; Adam's momentum carries it past the minimum and round.
#
# Good first choices: AdamW with a rate near 0.001; or SGD with momentum 0.9, if you can tune its rate.

# %% [markdown]
# ### Predict 4.2 · Adam's first step
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# A weight of 10, a rate of 0.1, a fresh Adam. The first gradient is 1000. In another run it is 0.001. How far does the first step go?
#
# - a: 100, and 0.0001
# - b: 0.1, and 0.0001, since large gradients are clipped
# - c: 0.1, and 0.1

# %% nbgrader={"grade_id": "predict-4-2"}
# Write your choice: predict_4_2 = "a", "b" or "c"
### BEGIN SOLUTION
predict_4_2 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-4-2-check", "points": 0}
# Arrange
# Act
choice = predict_4_2
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")


# %%
def first_step(rule, gradient, **settings):
    w = torch.tensor([10.0], requires_grad=True)
    w.grad = torch.tensor([gradient])
    rule([w], lr=0.1, **settings).step()
    return w.item()


for gradient in (1000.0, 0.001):
    moved = {name: round(10 - first_step(rules[name], gradient), 4) for name in ("SGD", "Adam")}
    print("gradient", gradient, "moves the weight by", moved)
for gradient in (1.0, 0.0, -0.5):
    plain, coupled = (first_step(rules["Adam"], gradient, weight_decay=d) for d in (0.0, 0.1))
    apart = first_step(torch.optim.AdamW, gradient, weight_decay=0.1)
    print(f"gradient {gradient:4}: no decay {plain:.2f}, Adam {coupled:.2f}, AdamW {apart:.2f}")
print("AdamW's default:", torch.optim.AdamW([torch.zeros(1)]).defaults["weight_decay"])

# %% [markdown]
# In the first step m̂ / √ŝ is g / |g|: Adam looks at signs, and its *rate* is the length of the step. Later ones are mostly shorter, at most a few times as long. (ε guards a division by nothing.)
#
# **Weight decay** pulls weights towards 0. Classic: add λw to g. In SGD that shrinks w by lr · λ · w. In Adam it goes through the division and loses its size: above it takes off nothing, then 0.1, then 0.2, as the gradient happens to be. **AdamW** *decouples* it: first w ← w − lr · λ · w, then Adam's step. It takes off 0.1 each time.

# %% [markdown]
# ### Exercise 4.3 · Four optimisers by hand
# ★★★★☆ · 22 min · implementation · 8 points
#
# Write `step()` of `SGD`, `Momentum`, `Adam` and `AdamW`, equal to PyTorch's. `Rule`, in the folded cell, holds `self.params`, the settings, and `self.memory`: an empty dict for each parameter, yours to fill.
#
# - `weight_decay` λ: g + λ · w takes the place of g in the first three; AdamW decouples.
# - A parameter whose `.grad` is `None` is left alone: no decay, no memory, no count. t counts the steps *of that parameter*.
# - Parameters change in place; `.grad` stays as it is.
#
# w = 10, g = 1, lr = 0.1, λ = 0.1: SGD 9.8, Momentum 9.8, Adam 9.9, AdamW 9.8. The same once more: 9.602, 9.422, 9.8, 9.602.
#
# <details><summary>Hint 1</summary>
#
# `with torch.no_grad():`, then a loop over `zip(self.params, self.memory)`. `memory.get("v", 0)` is 0 the first time.
#
# </details>
# <details><summary>Hint 2</summary>
#
# New memory, without in-place tricks: `memory["v"] = self.momentum * memory.get("v", 0) + g`. In place only at the end: `p -= self.lr * memory["v"]`. ε is added outside the root.
#
# </details>


# %% nbgrader={"grade_id": "ex-4-3"}
class SGD(Rule):
    def step(self) -> None:
        """w ← w - lr (g + λw)"""
        ### BEGIN SOLUTION
        with torch.no_grad():
            for p in self.params:
                if p.grad is not None:
                    p -= self.lr * (p.grad + self.weight_decay * p)
        ### END SOLUTION


class Momentum(Rule):
    def step(self) -> None:
        """v ← μv + (g + λw), with v = 0 before; w ← w - lr v"""
        ### BEGIN SOLUTION
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory, strict=True):
                if p.grad is not None:
                    g = p.grad + self.weight_decay * p
                    memory["v"] = self.momentum * memory.get("v", 0) + g
                    p -= self.lr * memory["v"]
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-4-3-b"}
class Adam(Rule):
    def step(self) -> None:
        """Adam with bias correction; g + λw takes the place of g, in m and in s."""
        ### BEGIN SOLUTION
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory, strict=True):
                if p.grad is not None:
                    Adam.move(self, p, p.grad + self.weight_decay * p, memory)

    def move(self, p, g, memory):
        b1, b2 = self.betas
        memory["t"] = t = memory.get("t", 0) + 1
        memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
        memory["s"] = b2 * memory.get("s", 0) + (1 - b2) * g**2
        m, s = memory["m"] / (1 - b1**t), memory["s"] / (1 - b2**t)
        p -= self.lr * m / (s.sqrt() + self.eps)
        ### END SOLUTION


class AdamW(Rule):
    def step(self) -> None:
        """First w ← w - lr λ w, then Adam's step with g alone."""
        ### BEGIN SOLUTION
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory, strict=True):
                if p.grad is not None:
                    p -= self.lr * self.weight_decay * p
                    Adam.move(self, p, p.grad, memory)
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-4-3-check", "points": 2}
# Arrange
ten, one = torch.tensor([10.0]), torch.tensor([1.0])
# Act
walks = []
for Kind in (SGD, Momentum, Adam, AdamW):
    weight = ten.clone().requires_grad_()
    stepper = Kind([weight], lr=0.1, weight_decay=0.1)
    for _ in range(2):
        weight.grad = one.clone()
        stepper.step()
        walks = [*walks, weight.item()]
walk_sgd, walk_momentum, walk_adam, walk_adamw = (walks[2 * k : 2 * k + 2] for k in range(4))
# Assert
check.close(
    walk_sgd,
    [9.8, 9.602],
    "two steps of SGD",
    ideas={
        "The weight did not move: change it in place (p -= …), under no_grad": [10.0, 10.0],
        "The decay is missing: add weight_decay · w to the gradient": [9.9, 9.8],
        "You walk uphill": [10.2, 10.404],
    },
)
check.close(
    walk_momentum,
    [9.8, 9.422],
    "two steps of Momentum",
    ideas={
        "v is forgotten between the steps: keep it in self.memory": [9.8, 9.602],
        "PyTorch's v is μv + g, without a factor 1 - μ before g": [9.98, 9.94202],
    },
)
check.close(
    walk_adam,
    [9.9, 9.8],
    "two steps of Adam",
    ideas={
        "This is AdamW: here the decay goes through the gradient": [9.8, 9.602],
        "Without bias correction: divide m by 1 - β₁ᵗ and s by 1 - β₂ᵗ": [9.683772, 9.259003],
    },
    atol=1e-4,
    hint="t begins at 1; m and s at 0",
)
check.close(
    walk_adamw,
    [9.8, 9.602],
    "two steps of AdamW",
    ideas={
        "This is Adam: decoupled means w - lr · λ · w, apart from the gradient": [9.9, 9.8],
        "The decay must be multiplied by the learning rate": [8.9, 7.91],
        "The decay comes first, then Adam's step": [9.801, 9.60399],
    },
    atol=1e-4,
)

# %% [markdown]
# These are the real ones; PyTorch's versions only add speed. And parameters need not be treated alike: an optimiser keeps them in **parameter groups**, each with its own settings. Usual: no decay for biases, a smaller rate for layers that were trained before.

# %%
model = small_net()
weights = [p for p in model.parameters() if p.ndim > 1]
biases = [p for p in model.parameters() if p.ndim == 1]
groups = [{"params": weights}, {"params": biases, "weight_decay": 0.0, "lr": 0.01}]
optimiser = torch.optim.AdamW(groups, lr=0.001, weight_decay=0.1)
optimiser.lr = 5.0  # a new attribute that nobody reads
optimiser.param_groups[0]["lr"] /= 2
for group in optimiser.param_groups:
    print(len(group["params"]), "tensors: lr", group["lr"], " decay", group["weight_decay"])

# %% [markdown]
# The rate lives in `param_groups`, a list of dicts, and nowhere else: there you read it, and there every scheduler writes it.
#
# ## The learning rate
#
# On a parabola ½Lw² a step multiplies w by 1 − lr · L. So: below 2/L descent converges, fastest at 1/L; at 2/L it hops for ever between w and −w; above, it grows without end. A network has many curvatures, and the steepest sets the limit.
#
# "Too large a rate gives NaN", you may read. With which optimiser? Train the sine network for 20 epochs at each rate:

# %% alt="Final loss against the logarithm of the learning rate for SGD and Adam. Both curves fall from 0.75 at the left. SGD is lowest at a rate of 0.03 and its line ends at 0.1, marked: NaN beyond. Adam lies near 0.1 from a rate of 0.01 to 1 and then rises to 4.8 at a rate of 10."
exponents, finals = [k / 2 for k in range(-8, 3)], {"SGD": [], "Adam": []}
for name, ends in finals.items():
    for exponent in exponents:
        model, batches = small_net(), Batches(x, y, 32, seeded(0))
        optimiser = getattr(torch.optim, name)(model.parameters(), lr=10**exponent)
        for batch_x, batch_y in (pair for _ in range(20) for pair in batches):
            optimiser.zero_grad()
            F.mse_loss(model(batch_x), batch_y).backward()
            optimiser.step()
        ends.append(F.mse_loss(model(x), y).item())
    print(f"{name:4}", [float(f"{end:.2g}") for end in ends])
fig = plots.curves(finals, x=exponents, xlabel="log₁₀ of the rate", ylabel="error", log=True)
fig.axes[0].set_title("Mean squared error after 20 epochs")
fig.axes[0].text(-0.9, 0.3, "SGD: NaN beyond")
fig

# %% [markdown]
# Too small, and nothing happens; good; too large, and that has two faces. SGD multiplies its own error and is soon NaN, where its line ends. Adam's steps are at most a few times lr, so it does not diverge: even a rate of 10 gives a number, 4.8, where the variance of y is 0.6. It jumps about on a high **plateau**. So a loss that will not fall may mean a rate that is far too *high*.
#
# A **range test** finds the good region in one short run: raise the rate with each batch, note the losses, stop when they explode. Choose about a tenth of that rate.

# %% [markdown]
# ### Exercise 4.4 · Sweep and range test
# ★★★☆☆ · 20 min · implementation · 6 points
#
# `lr_sweep`: for each rate, afresh from `w0`, `steps` steps of gradient descent on `f`. Its last value against the first: not finite, or above 1.01 times it, is `"diverges"`; below 0.99 times, `"converges"`; else `"stuck"`. (w − 1)² from 3, rates 0.1, 1, 1.1: converges, stuck, diverges.
#
# `lr_finder`: `steps` rates in equal *ratios*, from `low` to `high` inclusive: 0.001, 0.01, 0.1. Set rate k in every group, note it and the loss on batch k (begin again when they run out), take a step. If the loss is not finite, or above 4 times the lowest so far, stop without that step. Afterwards weights, buffers, the optimiser's memory and rates are as before.
#
# <details><summary>Hint 1</summary>
#
# Every comparison with NaN is false. Ask `math.isfinite` first. What `state_dict()` returns changes with the model: keep a `copy.deepcopy`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `rate = low * (high / low) ** (k / (steps - 1))`, `batches[k % len(batches)]`, and at the end two calls of `load_state_dict`.
#
# </details>


# %% nbgrader={"grade_id": "ex-4-4"}
def lr_sweep(f, w0: torch.Tensor, rates: list[float], steps: int) -> list[str]:
    """ "converges", "stuck" or "diverges" for each rate. f: tensor → positive scalar."""
    ### BEGIN SOLUTION
    labels = []
    for rate in rates:
        w = w0.detach().clone().requires_grad_()
        first = f(w).item()
        for _ in range(steps):
            (g,) = torch.autograd.grad(f(w), w)
            with torch.no_grad():
                w -= rate * g
        last = f(w).item()
        if not math.isfinite(last) or last > 1.01 * first:
            labels.append("diverges")
        else:
            labels.append("converges" if last < 0.99 * first else "stuck")
    return labels
    ### END SOLUTION


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    """(rates, losses), two lists of floats of one length, at most `steps`.

    batches: a list of (x, y). steps: at least 2. Free at the end: `.grad` and the mode.
    """
    ### BEGIN SOLUTION
    kept = copy.deepcopy((model.state_dict(), optimiser.state_dict()))
    rates, losses = [], []
    for k in range(steps):
        rates.append(low * (high / low) ** (k / (steps - 1)))
        for group in optimiser.param_groups:
            group["lr"] = rates[-1]
        x, y = batches[k % len(batches)]
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimiser.step()
    model.load_state_dict(kept[0])
    optimiser.load_state_dict(kept[1])
    return rates, losses
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-4-4-check", "points": 1}
# Arrange
begin = torch.tensor(3.0)
# Act
verdicts = lr_sweep(lambda w: (w - 1) ** 2, begin, [0.1, 1.0, 1.1], 20)
# Assert
check.equal(
    verdicts,
    ["converges", "stuck", "diverges"],
    "rates 0.1, 1 and 1.1 on (w - 1)²",
    hint="Compare f after the last step with f before the first, and start each rate from w0",
)

# %% nbgrader={"grade_id": "ex-4-4-check-2", "points": 1}
# Arrange
x_find, y_find = torch.tensor([[1.0]]), torch.tensor([[0.0]])
# Act
finder_line = nn.Linear(1, 1, bias=False)
with torch.no_grad():
    finder_line.weight.fill_(1.0)
finder_rule = torch.optim.SGD(finder_line.parameters(), lr=0.5)
tried, seen = lr_finder(finder_line, [(x_find, y_find)], F.mse_loss, finder_rule, 0.001, 0.1, 3)
# Assert
check.close(
    tried,
    [0.001, 0.01, 0.1],
    "three rates from 0.001 to 0.1",
    ideas={
        "Equal ratios are asked for, not equal differences": [0.001, 0.0505, 0.1],
        "The last rate must be `high`: divide by steps - 1": [0.001, 0.00464159, 0.0215443],
    },
)
check.close(
    seen,
    [1.0, 0.996004, 0.956563],
    "their losses",
    ideas={"The rates were not used: set group['lr'] in every parameter group": [1.0, 0.0, 0.0]},
    rtol=1e-4,
    hint="Note the loss before the step that is taken at this rate",
)

# %% alt="Loss against the logarithm of the learning rate in one range test. It jitters near 1.1 up to a rate of 0.001, falls to 0.2 at about 0.02, stays there until 0.15, then shoots up above 1, and the test ends at 0.2."
model = small_net()
optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
batches = list(Batches(x, y, 50, seeded(0)))
rates, losses = lr_finder(model, batches, F.mse_loss, optimiser, 1e-4, 10, 60)
print(f"stopped at {rates[-1]:.1g} after {len(rates)} batches")
exponents = [math.log10(rate) for rate in rates]
labels = {"xlabel": "log₁₀ of the rate", "ylabel": "mean squared error"}
plots.curves({"SGD": losses}, x=exponents, title="A range test", **labels)

# %% [markdown]
# Flat, a slope, a valley, a wall: forty batches tell what the sweep needed eleven trainings for. The wall stands at 0.2; a tenth of it, 0.02, is close to the 0.03 where the sweep found SGD at its best.
#
# ## Clipping
#
# One freak batch can send the weights far away. `clip_grad_norm_` takes all gradients as one long vector and shortens it to a largest length. It keeps the *direction*; cutting each number by itself, `clip_grad_value_`, does not.

# %%
clip, clip_each = nn.utils.clip_grad_norm_, nn.utils.clip_grad_value_
w = torch.zeros(2, requires_grad=True)
for g in ([3.0, 4.0], [30.0, 4.0], [0.3, 0.4], [math.nan, 4.0]):
    w.grad = torch.tensor(g)
    length = clip([w], 1.0).item()
    by_norm, w.grad = w.grad, torch.tensor(g)
    clip_each([w], 1.0)
    print(f"{g}: length {length:.3g}; by norm {by_norm}, by value {w.grad}")
print(
    "one NaN, told to be strict:",
    observe.complaint(lambda: clip([w], 1.0, error_if_nonfinite=True)),
)

# %% [markdown]
# It stands between `backward()` and `step()`, and returns the length *before* clipping. Log it: if most steps are clipped, the clip is your rate. One NaN spreads to *all* gradients; `error_if_nonfinite=True` stops in time.
#
# ## Changing the rate on the way
#
# Large steps first, small ones at the end: a **scheduler** writes the rate. Each call of its `step()` moves it on by one unit, an epoch or a batch: *you* decide, by where you call it. `StepLR` multiplies by gamma every so many units, `ExponentialLR` in each, `CosineAnnealingLR` follows half a cosine, `ReduceLROnPlateau` waits for a loss that no longer improves.

# %% [markdown]
# ### Predict 4.3 · A schedule in a hurry
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# ```python
# optimiser = torch.optim.SGD(model.parameters(), lr=0.001)
# scheduler = StepLR(optimiser, step_size=30, gamma=0.1)   # every 30 epochs
# for epoch in range(90):
#     for x, y in loader:                                  # 100 batches
#         train_step(model, optimiser, x, y)
#         scheduler.step()
# ```
#
# What is the rate after the *first* epoch?
#
# - a: 0.001, since 30 epochs are not over
# - b: 0.0001
# - c: 0.000001

# %% nbgrader={"grade_id": "predict-4-3"}
# Write your choice: predict_4_3 = "a", "b" or "c"
### BEGIN SOLUTION
predict_4_3 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-4-3-check", "points": 0}
# Arrange
# Act
choice = predict_4_3
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")

# %%
optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.001)
scheduler = schedulers.StepLR(optimiser, step_size=30, gamma=0.1)
for batch in range(1, 101):
    optimiser.step()
    scheduler.step()
    if batch % 25 == 0:
        print(f"after {batch:3} calls: {optimiser.param_groups[0]['lr']:.0e}", end="   ")
print()
plateau = schedulers.ReduceLROnPlateau(optimiser, patience=2)
print("plateau.step() without a loss:", observe.complaint(plateau.step))
print("plateau.step(0.7):            ", observe.complaint(plateau.step, 0.7))

# %% [markdown]
# A scheduler counts calls and knows nothing of epochs: 1e-06 after 100 batches, and the network stands still. Say the unit in a comment. A scheduler for epochs is called once an epoch, after all `optimiser.step()`s; the plateau one alone wants the validation loss. And *one* scheduler an optimiser: several multiply or overwrite each other's rates. (`SequentialLR` puts them in a row.)
#
# ## When to stop
#
# Fifteen noisy points, a network with thousands of weights, all the time in the world. *Validation* data, which no gradient ever sees, tell what happens:

# %% alt="Two curves over 300 steps on a logarithmic axis. The training loss falls all the way from 0.7 to 0.06. The validation loss falls to 0.09 at step 77, where a vertical dotted line stands, then rises to 0.3 and stays there."
torch.manual_seed(0)
body = nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1)
model = nn.Sequential(*body).to(device)
optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
few, fresh = [noisy_sine(15, seed=4)], [(x_new, y_new)]
over = gradus.fit(model, few, F.mse_loss, optimiser, epochs=300, val_loader=fresh)
best, end = over["val_loss"][over.best_epoch], over["val_loss"][-1]
print(f"validation: {best:.2f} at epoch {over.best_epoch}, {end:.2f} at the end")
fig, axes = plots.figure()
axes.plot(over["loss"], "-", color=plots.PALETTE[0], label="training")
axes.plot(over["val_loss"], "--", color=plots.PALETTE[1], label="validation")
axes.axvline(over.best_epoch, color="black", linestyle=":", label="stop here")
axes.set(yscale="log", xlabel="epoch", ylabel="mean squared error", title="Over-fitting")
axes.legend()
plots.close(fig)

# %% [markdown]
# Up to the dotted line the network learns the sine, after it the noise: training goes on falling, validation triples. (`gradus.fit`, given validation data, ends with the best epoch's weights.) This is **over-fitting**. Cures: more data, a smaller network, weight decay, dropout, and the cheapest, **early stopping**: keep the weights of the best epoch, give up after `patience` epochs without a better one.
#
# The usual ten lines have a hole. In `if loss > best … else best = loss` a tie counts as progress; so does NaN, and once stored, nothing is greater than NaN. Nor do they keep the weights.


# %%
def hopeful(losses, patience=10):
    best, bad = losses[0], 0
    for epoch, loss in enumerate(losses):
        if loss > best:
            bad += 1
        else:
            best, bad = loss, 0
        if bad == patience:
            return f"stops at {epoch}"
    return f"never stops, best loss {best}"


print("a bit worse each time:", hopeful([1 + 0.001 * k for k in range(100)]))
print("constant:             ", hopeful([1.0] * 100))
print("NaN from epoch 3 on:  ", hopeful([1.0, 0.9, 0.8] + [math.nan] * 97))

# %% [markdown]
# ### Exercise 4.5 · Early stopping that survives
# ★★★★☆ · 18 min · production · 8 points
#
# `step(loss, model)` follows each epoch. The loss *improves* if it is finite and below `best_loss − min_delta`; then keep it (`best_loss`), the number of the epoch from 0 (`best_epoch`), and a copy of weights and buffers. Return `True` once `patience` epochs in a row brought no improvement, and on every further bad one. `restore(model)` puts the kept state back; if there is none, the model stays as it is.
#
# Losses 1, 0.8, 0.9, 0.7, 0.75, 0.72, 0.74 with patience 2: `True` at the last two; best epoch 3.
#
# `onset(train, val)`: the first epoch with the lowest validation loss, if at the end validation is higher *and* training lower than there; else `None`.
#
# <details><summary>Hint 1</summary>
#
# `math.isfinite(loss) and loss < self.best_loss - self.min_delta` says it all. Compare with the best, not with the last.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `state_dict()` names the living tensors; `copy.deepcopy(model.state_dict())` is a photograph. `min(range(n), key=val.__getitem__)` is the first index of the least.
#
# </details>


# %% nbgrader={"grade_id": "ex-4-5"}
class EarlyStopping:
    def __init__(self, patience: int, min_delta: float = 0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        ### BEGIN SOLUTION
        self.best_state, self.epoch, self.bad = None, 0, 0
        ### END SOLUTION

    def step(self, loss: float, model: nn.Module) -> bool:
        """One more epoch is over: True while the last `patience` or more epochs were bad."""
        ### BEGIN SOLUTION
        if math.isfinite(loss) and loss < self.best_loss - self.min_delta:
            self.best_loss, self.best_epoch, self.bad = loss, self.epoch, 0
            self.best_state = copy.deepcopy(model.state_dict())
        else:
            self.bad += 1
        self.epoch += 1
        return self.bad >= self.patience
        ### END SOLUTION

    def restore(self, model: nn.Module) -> None:
        """Put the weights and buffers of the best epoch into `model`."""
        ### BEGIN SOLUTION
        if self.best_state is not None:
            model.load_state_dict(self.best_state)
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-4-5-b"}
def onset(train: list[float], val: list[float]) -> int | None:
    """The epoch (from 0) from which the run over-fits, or None. Finite losses, one an epoch."""
    ### BEGIN SOLUTION
    best = min(range(len(val)), key=val.__getitem__)
    return best if val[-1] > val[best] and train[-1] < train[best] else None
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-4-5-check", "points": 2}
# Arrange
sequence_45 = (1.0, 0.8, 0.9, 0.7, 0.75, 0.72, 0.74)
early_45 = [False, False, True, False, True, True, True]
# Act
tiny = nn.Linear(1, 1)
stopper_45 = EarlyStopping(patience=2)
answers_45 = [stopper_45.step(value, tiny) for value in sequence_45]
best_45 = [stopper_45.best_epoch, stopper_45.best_loss]
onsets_45 = [onset([5, 4, 3, 2], [5.0, 3.0, 4.0, 6.0]), onset([5, 4, 3], [5.0, 4.0, 3.0])]
# Assert
check.equal(
    answers_45,
    [False] * 5 + [True] * 2,
    "step on 1, 0.8, 0.9, 0.7, 0.75, 0.72, 0.74 with patience 2",
    ideas={
        "An improvement sets the count of bad epochs back to 0": [False] * 4 + [True] * 3,
        "One epoch late: stop at `patience` bad epochs, not beyond": [False] * 6 + [True],
        "Compare with the best loss, not with the last one": [False] * 7,
        "Every further bad epoch is True as well: >= patience, not ==": [False] * 5 + [True, False],
        "One epoch early: count only epochs without improvement": early_45,
    },
    hint="True or False after each epoch",
)
check.close(best_45, [3, 0.7], "best epoch and best loss", hint="Epochs count from 0")
check.equal(onsets_45, [1, None], "onset of an over-fitting and of a healthy run")

# %% [markdown]
# With patience the last weights are by design worse than the best: never forget `restore`.
#
# ## The whole pipeline
#
# Choosing the best epoch *uses* the validation data, so the lowest loss flatters. The honest number needs a third part, touched once: **train** to fit, **validate** to choose, **test** to report. Programs that validate on their test data have no test.
#
# An epoch: train mode, all batches; eval mode without gradients, all validation batches; note, compare, keep; the scheduler. Dropout and batch norm (chapters 6, 9) work differently in the two modes, and batch norm *learns* from data in train mode, even without gradients: not in the call of `train()`, but in the next forward pass.

# %% [markdown]
# ### Exercise 4.6 · From data to one honest number
# ★★★★★ · 30 min · production · 10 points
#
# `prepare` draws one permutation, cuts it by `sizes` into train, val and test, and standardises each column of X with mean and `std` of the *training* part.
#
# `run`, in each epoch: note the rate; walk over `loaders["train"]`, a step a batch; over `loaders["val"]`, changing nothing; one `scheduler.step()`. Losses are means over samples. Stop when `patience` epochs in a row have not lowered the lowest validation loss. Then put back the best epoch's weights and buffers, and walk over `loaders["test"]`, once.
#
# One w = 0, x = 1 everywhere, y = 1 (test: 0), SGD, rate 0.25, halved each epoch: train 1, 0.25; val 0.25, 0.141; best epoch 1, test 0.391.
#
# <details><summary>Hint 1</summary>
#
# Write one inner function for a walk, with a switch `training`: `model.train(training)`, then the batches inside `with torch.set_grad_enabled(training):`. Without `with` the gradients would stay off for the rest of your notebook.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.randperm(...).split(list(sizes))` gives three index tensors. When the loss is the lowest: `copy.deepcopy(model.state_dict())`, else count.
#
# </details>


# %% nbgrader={"grade_id": "ex-4-6"}
def prepare(X, y, sizes, generator) -> dict:
    """{"train": (X, y), "val": (X, y), "test": (X, y)}; X (N, D) standardised, y (N, ...).

    sizes: three numbers that add up to N. Draws one permutation. No column is constant.
    """
    ### BEGIN SOLUTION
    parts = torch.randperm(len(X), generator=generator).split(list(sizes))
    mean, std = X[parts[0]].mean(dim=0), X[parts[0]].std(dim=0)
    names = ("train", "val", "test")
    return {n: ((X[rows] - mean) / std, y[rows]) for n, rows in zip(names, parts, strict=True)}
    ### END SOLUTION


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience) -> dict:
    """{"train_loss", "val_loss", "lr"}, lists, a number an epoch; "best_epoch", "test_loss".

    Some validation loss is finite. Gradients are recorded afterwards; the model's mode is free.
    """

    ### BEGIN SOLUTION
    def walk(batches, training):
        model.train(training)
        total, count = 0.0, 0
        with torch.set_grad_enabled(training):
            for x, y in batches:
                loss = loss_fn(model(x), y)
                if training:
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                total, count = total + loss.item() * len(y), count + len(y)
        return total / count

    log = {"train_loss": [], "val_loss": [], "lr": []}
    best, best_epoch, best_state = math.inf, None, copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        log["lr"].append(optimiser.param_groups[0]["lr"])
        log["train_loss"].append(walk(loaders["train"], True))
        log["val_loss"].append(walk(loaders["val"], False))
        scheduler.step()
        if log["val_loss"][-1] < best:
            best, best_epoch = log["val_loss"][-1], epoch
            best_state = copy.deepcopy(model.state_dict())
        elif epoch - (-1 if best_epoch is None else best_epoch) >= patience:
            break
    model.load_state_dict(best_state)
    return log | {"best_epoch": best_epoch, "test_loss": walk(loaders["test"], False)}
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-4-6-check", "points": 2}
# Arrange
order_true = [torch.tensor([1, 3]), torch.tensor([2]), torch.tensor([0])]
scaled_true = [torch.tensor(v) for v in ([0.707107, -0.707107], [-1.414214], [-2.828427])]
leaky_46 = [torch.tensor(v) for v in ([1.200961, 0.240192], [-0.240192], [-1.200961])]
biased_46 = [torch.tensor(v) for v in ([1.0, -1.0], [-2.0], [-4.0])]
own_46 = [torch.tensor(v) for v in ([0.707107, -0.707107], [math.nan], [math.nan])]
table_46 = torch.tensor([[0.0], [10.0], [4.0], [6.0]])
goals_46 = torch.tensor([0, 1, 2, 3])
unit_46, zero_46 = torch.ones(1, 1), torch.zeros(1, 1)
# Act
torch.set_grad_enabled(True)
parts_46 = prepare(table_46, goals_46, (2, 1, 1), seeded(1))
columns_46 = [parts_46[name][0].flatten() for name in ("train", "val", "test")]
order_46 = [parts_46[name][1] for name in ("train", "val", "test")]
line_46 = nn.Linear(1, 1, bias=False)
with torch.no_grad():
    line_46.weight.zero_()
rule_46 = torch.optim.SGD(line_46.parameters(), lr=0.25)
halving = torch.optim.lr_scheduler.ExponentialLR(rule_46, gamma=0.5)
feed_46 = {name: [(unit_46, unit_46)] for name in ("train", "val")} | {"test": [(unit_46, zero_46)]}
report_46 = run(line_46, feed_46, rule_46, halving, F.mse_loss, 2, 5)
recording_46 = torch.is_grad_enabled()
torch.set_grad_enabled(True)
# Assert
check.equal(
    order_46,
    order_true,
    "y of the three parts",
    hint="Draw torch.randperm(len(X), generator=generator), and cut it in the order of sizes",
)
check.close(
    columns_46,
    scaled_true,
    "X of the three parts",
    ideas={
        "Mean and std of all data: validation and test leak into training": leaky_46,
        "std divides by n - 1; use X.std(dim=0)": biased_46,
        "Validation and test use mean and std of the training part, not their own": own_46,
    },
    rtol=1e-4,
)
check.close(
    report_46,
    {
        "train_loss": [1.0, 0.25],
        "val_loss": [0.25, 0.140625],
        "lr": [0.25, 0.125],
        "best_epoch": 1,
        "test_loss": 0.390625,
    },
    "the report of the example",
    rtol=1e-4,
    hint="Note the rate that the epoch used; step the scheduler once, at its end",
)
check.equal(
    recording_46,
    True,
    "gradients are recorded again afterwards",
    ideas={"Gradients stay off for all later code: write `with torch.set_grad_enabled(…):`": False},
)

# %% alt="Cross-entropy of training and validation over 14 epochs of the first split, on a logarithmic axis. The training loss falls from 0.34 to 0.04. The validation loss wavers between 0.036 and 0.064, lowest in the sixth epoch, and lies below the training loss until the eleventh."
from sklearn.datasets import load_breast_cancer

cells, kinds = (torch.as_tensor(part) for part in load_breast_cancer(return_X_y=True))
reports = []
for split in range(8):
    parts = prepare(cells.float().to(device), kinds.to(device), (369, 100, 100), seeded(split))
    loaders = {name: [part] for name, part in parts.items()}
    loaders["train"] = Batches(*parts["train"], 32, seeded(1))
    model = small_net(30, 2)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    scheduler = schedulers.CosineAnnealingLR(optimiser, T_max=40)
    reports.append(run(model, loaders, optimiser, scheduler, F.cross_entropy, 40, patience=8))
print("validation/test:", *(f"{min(r['val_loss']):.2f}/{r['test_loss']:.2f}" for r in reports))
first = {"training": reports[0]["train_loss"], "validation": reports[0]["val_loss"]}
plots.curves(first, title="Benign or malignant?", ylabel="cross-entropy", log=True)

# %% [markdown]
# A real table, 569 tumours with 30 measurements each, and your functions did all the work. (`make_classification`, often called a real data set, invents its numbers.) The lowest of 14 validation losses flatters: in the run of the picture the test loss, 0.13, is three times as high. With another split it may be lower, as in three of the eight: 100 tumours are few, and chance adds to the flattery. The test loss, used once a run, is the one to report.
#
# ## Reading a sick curve
#
# Four runs of the sine network, all with Adam. One is well.

# %% alt="Four training losses over 30 epochs on a logarithmic axis. Healthy falls from 0.6 to about 0.1. With too small a rate the curve stays at 1.1. With too large a rate it starts above 500, needs 15 epochs to come down and then jitters above the healthy one. With shuffled labels it lies flat at 0.6, the variance of the targets."
mixed = y[torch.randperm(len(y), generator=seeded(5))]
patients = {"healthy": (0.01, y), "rate too small": (1e-5, y)}
patients |= {"rate too large": (3.0, y), "labels shuffled": (0.01, mixed)}
charts = {}
for name, (lr, answers) in patients.items():
    model = small_net()
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    batches = Batches(x, answers, 32, seeded(0))
    charts[name] = gradus.fit(model, batches, F.mse_loss, optimiser, epochs=30)["loss"]
    print(f"{name:15} ends at {charts[name][-1]:.2f}")
print(f"variance of y: {y.var().item():.2f}, of the noise: 0.09")
plots.curves(charts, title="Four patients", ylabel="training loss", log=True)

# %% [markdown]
# Know two numbers in advance: the loss of a network that *knows nothing* (variance of y; log K for K classes), and the floor of a perfect one. A run begins near the first, or above it.
#
# | You see | Look for |
# |---|---|
# | NaN or inf, exploding | a rate too large, a log or division at 0, NaN in the data; clip |
# | grows, or jumps about | a rate too large, gradients never cleared |
# | stands still at the start value | a rate too small, cleared before `step`, a cut graph |
# | falls to the value of guessing, no lower | labels out of order, inputs without information |
# | sinks, but ends too high (*under-fitting*) | too small a network, too few epochs, a softmax too many |
# | training sinks, validation rises | over-fitting |
# | validation a little better | nothing: the training number is a mean on the way; a small part may be easy |
# | validation far *better* to the end | a leak between the parts; dropout, off in validation |
#
# First test for every patient: can it learn *five* samples by heart? If not, look for a bug and do not tune.

# %% [markdown]
# ### Exercise 4.7 · The bug hunt
# ★★★★★ · 25 min · problem solving · 10 points
#
# Five short functions are to train a classifier for clouds of points. Each function runs; `train` stops with an error, and once that is gone, it learns nothing. Each docstring is true; the code under it is not always. There are **six bugs**, at most two in one function. Repair them; `train`, the last function, is right.
#
# Repaired, `train` is right for over 95 % of new points of four clouds, and over 90 % of six. Every bug is tested by itself, so each repair counts.
#
# Write down what you expect each function to return on a tiny input, then call it and look.
#
# <details><summary>Hint 1</summary>
#
# Print `make_net(2, 3)(X[:4])`. Print a weight before and after `train_step`. Call `shuffled` on two equal tensors.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Look back at: Predict 4.1; the five orders of clear, forward, backward and step; the sweep of learning rates; the note on modes before exercise 4.6.
#
# </details>


# %% nbgrader={"grade_id": "ex-4-7"}
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, 1), nn.Softmax(dim=1))


def make_optimiser(net: nn.Module) -> torch.optim.Optimizer:
    """Its first step, for a gradient of 1, moves a weight by 0.005 to 0.05."""
    return torch.optim.SGD(net.parameters(), lr=50.0)


def shuffled(X, y, generator):
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    X = X[torch.randperm(len(X), generator=generator)]
    y = y[torch.randperm(len(y), generator=generator)]
    return X, y


def train_step(net, optimiser, x, y) -> float:
    """One step on this batch alone, in train mode; the cross-entropy before it."""
    net.train()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.zero_grad()
    optimiser.step()
    return loss.item()


def predict(net, x) -> torch.Tensor:
    """The class of each row of x, (N,), without dropout: the same each time."""
    with torch.no_grad():
        return net(x).argmax(dim=1)


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net


# Repair the functions above, then delete the line below.
### BEGIN SOLUTION
def make_net(features: int, classes: int) -> nn.Module:  # noqa: F811
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, classes))  # K outputs, no softmax


def make_optimiser(net: nn.Module) -> torch.optim.Optimizer:  # noqa: F811
    """Its first step, for a gradient of 1, moves a weight by 0.005 to 0.05."""
    return torch.optim.SGD(net.parameters(), lr=0.05)


def shuffled(X, y, generator):  # noqa: F811
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    order = torch.randperm(len(X), generator=generator)
    return X[order], y[order]


def train_step(net, optimiser, x, y) -> float:  # noqa: F811
    """One step on this batch alone, in train mode; the cross-entropy before it."""
    net.train()
    optimiser.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()


def predict(net, x) -> torch.Tensor:  # noqa: F811
    """The class of each row of x, (N,), without dropout: the same each time."""
    net.eval()
    with torch.no_grad():
        return net(x).argmax(dim=1)


### END SOLUTION


# %% nbgrader={"grade_id": "ex-4-7-check", "points": 1}
# Arrange
four_points = torch.tensor([[1.0, 2.0], [0.0, -1.0], [3.0, 0.5], [-2.0, 1.0]])
# Act
shape_47 = observe.shapes(make_net(2, 3)(four_points))
# Assert
check.equal(
    shape_47,
    (4, 3),
    "the shape of make_net(2, 3) for four points",
    ideas={"One number a point cannot tell three classes apart: one logit a class": (4, 1)},
)

# %% nbgrader={"grade_id": "ex-4-7-check-2", "points": 1}
# Arrange
x_47, y_47 = torch.tensor([[1.0]]), torch.tensor([1])
# Act
net_47 = nn.Linear(1, 2, bias=False)
with torch.no_grad():
    net_47.weight.zero_()
step_47 = torch.optim.SGD(net_47.parameters(), lr=1.0)
cost_47 = train_step(net_47, step_47, x_47, y_47)
weight_47 = observe.copy(net_47.weight.flatten())
# Assert
check.close(cost_47, 0.693147, "the loss before the step, log 2")
check.close(
    weight_47,
    torch.tensor([-0.5, 0.5]),
    "the weights after one train_step with rate 1",
    ideas={"Nothing moved: what does .grad hold when step() runs?": torch.zeros(2)},
    rtol=1e-4,
)

# %% [markdown]
# Each fix counted because a test could tell the difference. Not every missing `eval()` is a bug: in a net without dropout and batch norm the mode changes nothing.
#
# ## Schedules, looked at closely
#
# Schedules, you may read, are for long runs, and not for Adam. Twenty epochs, five orders of the batches, a constant rate against a cosine that is moved with each batch:

# %%
for name, low in (("SGD", 0.1), ("SGD", 0.0), ("AdamW", 0.1), ("AdamW", 0.0)):
    ends = []
    for seed in range(5):
        model, batches = small_net(), Batches(x, y, 32, seeded(seed))
        optimiser = getattr(torch.optim, name)(model.parameters(), lr=0.1)
        scheduler = schedulers.CosineAnnealingLR(optimiser, T_max=140, eta_min=low)
        for batch_x, batch_y in (pair for _ in range(20) for pair in batches):
            optimiser.zero_grad()
            F.mse_loss(model(batch_x), batch_y).backward()
            optimiser.step()
            scheduler.step()  # unit: a batch
        ends.append(F.mse_loss(model(x_new), torch.sin(x_new)).item())
    print(f"{name:5} 0.1 to {low}: distance to sin x {min(ends):.3f} to {max(ends):.3f}")

# %% [markdown]
# The best constant runs are as good, but the worst one of SGD is six times as far off as any with the cosine, and Adam gains too. The cosine's last, small steps settle in the valley instead of hopping across it.
#
# Two more parts of a modern schedule. **Warm-up** begins with small steps, while Adam's averages are still young. **One-cycle** is warm-up and decay in one.

# %% [markdown]
# ### Exercise 4.8 · Schedules by hand
# ★★★☆☆ · 18 min · conceptual · 6 points
#
# `cosine_lr`: in the first `warmup` steps (from 0) lr0 · (step + 1) / warmup. Then, t steps after the warm-up, with T = total − warmup: eta_min + (lr0 − eta_min)(1 + cos(πt/T)) / 2. From `total` on eta_min. With total 8, lr0 1, eta_min 0.1, step 4 gives 0.55.
#
# `Plateau`: count the losses in a row that are not *below* the best (NaN is not). When the count is greater than `patience`, every group's rate is multiplied by `factor`, and the count begins again. Factor 0.5, patience 2, losses 1, 0.9, 0.9, 0.9, 0.9: the fifth gives 0.5.
#
# `lr_trace`: n times note the first group's rate, move the optimiser, move the scheduler.
#
# <details><summary>Hint 1</summary>
#
# Three cases in order: before warm-up ends, after `total`, in between. `math.cos` takes radians.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `loss < best` is false for ties and for NaN: let `else` count. The state is two numbers: `{"best": ..., "bad": ...}`.
#
# </details>


# %% nbgrader={"grade_id": "ex-4-8"}
def cosine_lr(step: int, total: int, lr0: float, eta_min: float = 0.0, warmup: int = 0) -> float:
    """The rate of step number `step`: linear warm-up, half a cosine, then eta_min for good."""
    ### BEGIN SOLUTION
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t, T = step - warmup, total - warmup
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t / T)) / 2
    ### END SOLUTION


class Plateau:
    """Multiplies the rates by factor after more than `patience` losses without a new best."""

    def __init__(self, optimiser, factor: float, patience: int):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        ### BEGIN SOLUTION
        self.best, self.bad = math.inf, 0
        ### END SOLUTION

    def step(self, loss: float) -> None:
        ### BEGIN SOLUTION
        if loss < self.best:
            self.best, self.bad = loss, 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0
        ### END SOLUTION

    def state_dict(self) -> dict:
        """Plain numbers with which another Plateau of the same settings goes on."""
        ### BEGIN SOLUTION
        return {"best": self.best, "bad": self.bad}
        ### END SOLUTION

    def load_state_dict(self, state: dict) -> None:
        ### BEGIN SOLUTION
        self.best, self.bad = state["best"], state["bad"]
        ### END SOLUTION


def lr_trace(optimiser, scheduler, n: int) -> list[float]:
    """The rates of n steps, each as the optimiser used it. Moves both n times."""
    ### BEGIN SOLUTION
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-4-8-check", "points": 1}
# Arrange
warm_idea = [0.0, 0.5, 1.0, 0.5]
# Act
half_way = [cosine_lr(k, 8, 1.0, 0.1) for k in (0, 4, 8)]
warmed = [cosine_lr(k, 10, 1.0, 0.0, 2) for k in (0, 1, 2, 6)]
# Assert
check.close(
    half_way,
    [1.0, 0.55, 0.1],
    "cosine_lr at 0, 4 and 8 of 8",
    ideas={
        "math.cos takes radians: half a turn is π, not 180": [1.0, 0.348367, 0.1],
        "The last rate is reached at step = total, not at total - 1": [1.0, 0.449864, 0.1],
    },
    rtol=1e-4,
)
check.close(
    warmed,
    [0.5, 1.0, 1.0, 0.5],
    "two steps of warm-up, then a cosine to 10",
    ideas={
        "A first rate of 0 wastes a step: (step + 1) / warmup": warm_idea,
        "The cosine begins when the warm-up is over: count from there": [
            0.5,
            1.0,
            0.904508,
            0.345492,
        ],
    },
    rtol=1e-4,
)

# %% nbgrader={"grade_id": "ex-4-8-check-2", "points": 1}
# Arrange
losses_48 = (1.0, 0.9, 0.9, 0.9, 0.9, 0.8, 0.85, 0.85, 0.85, 0.85)
# Act
watched_48 = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
plateau_48 = Plateau(watched_48, 0.5, 2)
rates_48 = []
for value in losses_48:
    plateau_48.step(value)
    rates_48 = [*rates_48, watched_48.param_groups[0]["lr"]]
# Assert
check.close(
    rates_48,
    [1.0] * 4 + [0.5] * 4 + [0.25] * 2,
    "the rates after each of ten losses",
    ideas={
        "One epoch early: the count must be greater than patience": [1.0] * 3
        + [0.5] * 4
        + [0.25] * 2
        + [0.125],
        "The count begins again when the rate was lowered": [1.0] * 4 + [0.5] * 4 + [0.25, 0.125],
    },
)

# %% alt="Learning rates over 200 steps. StepLR falls in stairs, tenfold every 60. The exponential one falls smoothly. The cosine with T_max 100 reaches 0 at 100 and rises back to 1 at 200. Warm-up then cosine rises in a line to 1 at step 20 and falls to 0 at 200. OneCycleLR rises in a curve to 1 at step 60 and falls to 0."
S = schedulers
plans = {"StepLR": lambda o: S.StepLR(o, 60), "exponential": lambda o: S.ExponentialLR(o, 0.98)}
plans |= {
    "cosine, T_max=100": lambda o: S.CosineAnnealingLR(o, T_max=100),
    "warm-up, cosine": lambda o: S.SequentialLR(
        o, [S.LinearLR(o, 0.05, total_iters=20), S.CosineAnnealingLR(o, 180)], milestones=[20]
    ),
    "OneCycleLR": lambda o: S.OneCycleLR(o, max_lr=1.0, total_steps=201),
}
for name, plan in plans.items():
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    plans[name] = lr_trace(optimiser, plan(optimiser), 200)
late = lr_trace(optimiser, S.OneCycleLR(optimiser, 0.01, epochs=100, steps_per_epoch=391), 101)
print(f"one-cycle for 39100 batches, moved once an epoch: {late[0]:.6f} to {late[-1]:.6f}")
plots.curves(plans, title="Five schedules", xlabel="step", ylabel="learning rate")

# %% [markdown]
# "A cosine decays to zero" is true until `T_max`; then it *climbs back*. Tie `T_max` to the steps that you will take. One-cycle counts batches: moved once an epoch, it never leaves its warm-up.
#
# ## What to remember
#
# - When `step()` runs, `.grad` holds this batch's gradient and nothing else.
# - A mean over an epoch weighs each batch by its size.
# - Cross-entropy and BCE want logits; shapes and dtypes of targets are part of the loss. Judge losses by one common ruler.
# - SGD's limit is 2/L; Adam's steps are about as long as its rate, whatever the gradient. Each optimiser has its own good rate: do a range test. AdamW decouples the decay.
# - A scheduler counts calls. Say whether its unit is a batch or an epoch.
# - Train to fit, validate to choose, test once. Eval mode and `no_grad` for both. Statistics come from the training part alone.
# - Keep a copy of the best weights. NaN and ties are no improvement.
# - Before training, know the loss of guessing and the floor. Then read the curve.

# %% [markdown]
# ## References
#
# - H. Robbins, S. Monro, "A stochastic approximation method", *Annals of Mathematical Statistics*, 1951.
# - P. Huber, "Robust estimation of a location parameter", same journal, 1964.
# - B. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964: momentum.
# - L. Prechelt, "Early stopping, but when?", 1998.
# - J. Duchi and others, "Adaptive subgradient methods", *JMLR*, 2011: Adagrad.
# - T. Tieleman, G. Hinton, "RMSprop", Coursera lecture 6.5, 2012.
# - R. Pascanu and others, "On the difficulty of training recurrent neural networks", ICML 2013: clipping.
# - D. Kingma, J. Ba, "Adam", ICLR 2015.
# - L. Smith, "Cyclical learning rates", WACV 2017: range test, one-cycle.
# - I. Loshchilov, F. Hutter, "SGDR", ICLR 2017: the cosine; "Decoupled weight decay regularization", ICLR 2019: AdamW.

# %% [markdown]
# ## Hidden tests
#
# <details><summary>What stands here</summary>
#
# The cells below hold the rest of the tests; in your copy they are empty but for a title. They run when you hand in, on other sizes and harder cases than the checks above.
#
# </details>


# %% nbgrader={"grade_id": "ex-4-1-reference", "points": 0}
### BEGIN HIDDEN TESTS
def fit_reference(weights, X, y, make, loss_fn, plan, seed, slip="", old_grad=None):
    """[losses, weight, bias] of a linear model trained as asked, or with one slip."""
    epochs, size = plan
    model = nn.Linear(X.shape[1], len(weights["bias"]), dtype=X.dtype)
    model.load_state_dict(weights)
    optimiser, source, history = make(model.parameters()), seeded(seed), []
    order = torch.randperm(len(X), generator=source)
    for epoch in range(epochs):
        if epoch and slip != "one order":
            order = torch.randperm(len(X), generator=source)
        if slip == "no shuffle":
            order = torch.arange(len(X))
        total, count, means = 0.0, 0, []
        for rows in order.split(size):
            if slip == "drop last" and len(rows) < size:
                continue
            if slip != "no clearing" and not (slip == "clears once" and means):
                optimiser.zero_grad()
            loss = loss_fn(model(X[rows]), y[rows])
            loss.backward()
            if old_grad is not None and not (epoch or means):
                model.weight.grad += old_grad["weight"]
                model.bias.grad += old_grad["bias"]
            optimiser.step()
            total, count = total + loss.item() * len(rows), count + len(rows)
            means.append(loss.item())
        mean = {
            "batch means": sum(means) / len(means),
            "fraction": sum(means) * size / len(X),
            "last": means[-1],
            "short": total / len(X),
        }
        history.append(mean.get(slip, total / count))
        if slip == "afterwards":
            history[-1] = loss_fn(model(X), y).item()
    return [history, model.weight.detach().clone(), model.bias.detach().clone()]


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-1-hidden-1", "points": 1}
# Hidden test 4.1 · the weights after three epochs · 1 point
### BEGIN HIDDEN TESTS
# Arrange
X_step = torch.randn(10, 2, generator=seeded(411), dtype=torch.float64)
y_step = torch.randn(10, 1, generator=seeded(412), dtype=torch.float64)
w_step = {
    "weight": torch.tensor([[0.5, -1.0]], dtype=torch.float64),
    "bias": torch.tensor([0.3], dtype=torch.float64),
}
task_step = (
    {name: t.clone() for name, t in w_step.items()},
    X_step.clone(),
    y_step.clone(),
    lambda p: torch.optim.SGD(p, lr=0.1),
    F.mse_loss,
    (3, 4),
    41,
)
weights_step = fit_reference(*task_step)[1:]
slips_step = {
    "The gradients of earlier batches are still there: clear them": "no clearing",
    "Gradients pile up within the epoch: clear in each batch": "clears once",
    "The small last batch took no step": "drop last",
    "The order is not drawn anew each epoch": "one order",
    "The samples came in their own order: draw a permutation": "no shuffle",
}
ideas_step = {text: fit_reference(*task_step, slip)[1:] for text, slip in slips_step.items()}
ideas_step["The weights did not move: is the gradient cleared between backward and step?"] = [
    task_step[0]["weight"],
    task_step[0]["bias"],
]
# Act
model_step = nn.Linear(2, 1, dtype=torch.float64)
model_step.load_state_dict(w_step)
rule_step = torch.optim.SGD(model_step.parameters(), lr=0.1)
fit(model_step, X_step, y_step, rule_step, F.mse_loss, 3, 4, seeded(41))
moved_step = [observe.copy(model_step.weight), observe.copy(model_step.bias)]
# Assert
check.close(
    moved_step,
    weights_step,
    "weight and bias after nine steps",
    ideas=ideas_step,
    rtol=1e-9,
    hint="One draw of torch.randperm(len(X), generator=generator) an epoch, one step a batch",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-1-hidden-2", "points": 1}
# Hidden test 4.1 · the mean loss of each epoch · 1 point
### BEGIN HIDDEN TESTS
# Arrange
X_mean = torch.randn(11, 3, generator=seeded(413), dtype=torch.float64)
y_mean = 3 * torch.randn(11, 1, generator=seeded(414), dtype=torch.float64)
w_mean = {
    "weight": torch.tensor([[0.5, -1.0, 2.0]], dtype=torch.float64),
    "bias": torch.tensor([0.3], dtype=torch.float64),
}
task_mean = (
    {name: t.clone() for name, t in w_mean.items()},
    X_mean.clone(),
    y_mean.clone(),
    lambda p: torch.optim.SGD(p, lr=0.05),
    F.mse_loss,
    (4, 3),
    42,
)
losses_mean = fit_reference(*task_mean)[0]
slips_mean = {
    "This is the mean of the batch means: weigh each loss by its batch's size": "batch means",
    "The sum is divided by N / batch size, which is not the number of batches": "fraction",
    "This is the loss of the last batch only": "last",
    "The loss was measured after the epoch; take it on the way": "afterwards",
    "Gradients pile up within the epoch: clear in each batch": "clears once",
    "The order is not drawn anew each epoch": "one order",
}
ideas_mean = {text: fit_reference(*task_mean, slip)[0] for text, slip in slips_mean.items()}
# Act
model_mean = nn.Linear(3, 1, dtype=torch.float64)
model_mean.load_state_dict(w_mean)
rule_mean = torch.optim.SGD(model_mean.parameters(), lr=0.05)
history_mean = fit(model_mean, X_mean, y_mean, rule_mean, F.mse_loss, 4, 3, seeded(42))
plain_mean = [isinstance(history_mean[k], float) for k in range(4)]
# Assert
check.close(
    history_mean,
    losses_mean,
    "the mean loss of each epoch",
    ideas=ideas_mean,
    rtol=1e-9,
    hint="Sum loss times batch size, divide by the number of samples; a wrong step shows here too",
)
check.equal(
    plain_mean,
    [True] * 4,
    "plain floats",
    ideas={"A tensor keeps its graph alive: append loss.item()": [False] * 4},
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-1-hidden-3", "points": 1}
# Hidden test 4.1 · another optimiser, another loss · 1 point
### BEGIN HIDDEN TESTS
# Arrange
X_class = torch.randn(9, 4, generator=seeded(415)).T.contiguous().T
y_class = torch.randint(3, (9,), generator=seeded(416))
X_class_before, y_class_before = X_class.clone(), y_class.clone()
w_class = {
    "weight": torch.randn(3, 4, generator=seeded(417)),
    "bias": torch.randn(3, generator=seeded(418)),
}
copied_class = {name: t.clone() for name, t in w_class.items()}
truth_class = fit_reference(
    copied_class,
    X_class_before,
    y_class_before,
    lambda p: torch.optim.Adam(p, lr=0.05),
    F.cross_entropy,
    (2, 20),
    43,
)
# Act
model_class = nn.Linear(4, 3)
model_class.load_state_dict(w_class)
adam_class = torch.optim.Adam(model_class.parameters(), lr=0.05)
losses_class = fit(model_class, X_class, y_class, adam_class, F.cross_entropy, 2, 20, seeded(43))
moved_class = [observe.copy(model_class.weight), observe.copy(model_class.bias)]
X_class_after, y_class_after = observe.copy(X_class), observe.copy(y_class)
# Assert
check.close(
    losses_class,
    truth_class[0],
    "the losses with cross-entropy",
    rtol=1e-4,
    hint="Use the optimiser and the loss that are given",
)
check.close(
    moved_class,
    truth_class[1:],
    "the weights after two steps of Adam",
    rtol=1e-4,
    atol=1e-5,
    hint="Use the optimiser and the loss that are given",
)
check.unchanged(X_class_after, X_class_before, "X")
check.unchanged(y_class_after, y_class_before, "y")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-1-hidden-4", "points": 1}
# Hidden test 4.1 · train mode, and gradients from before · 1 point
### BEGIN HIDDEN TESTS
# Arrange
X_mode = torch.randn(6, 2, generator=seeded(419))
y_mode = torch.zeros(6, 1)
w_mode = {"weight": torch.tensor([[1.0, -2.0]]), "bias": torch.tensor([0.5])}
kept_mode = {name: t.clone() for name, t in w_mode.items()}
outputs_mode = F.linear(X_mode.clone(), kept_mode["weight"], kept_mode["bias"])
in_train, in_eval = ((outputs_mode + s).square().mean().item() for s in (110, 100))
plain_step = (X_mode.clone(), y_mode.clone(), lambda p: torch.optim.SGD(p, lr=0.1), F.mse_loss)
old_grad = {
    "weight": X_mode.sum(dim=0, keepdim=True),
    "bias": torch.tensor([6.0]),
}
clean_mode = fit_reference(kept_mode, *plain_step, (1, 6), 44)[1:]
mixed_mode = fit_reference(kept_mode, *plain_step, (1, 6), 44, old_grad=old_grad)[1:]
# Act
inner_mode = nn.Linear(2, 1)
inner_mode.load_state_dict(w_mode)
spied = nn.Sequential(inner_mode, probes.Tattle()).eval()
at_rest = torch.optim.SGD(spied.parameters(), lr=0.0)
loss_mode = fit(spied, X_mode, y_mode, at_rest, F.mse_loss, 1, 3, seeded(44))
inner_mode.zero_grad()
inner_mode(X_mode).sum().backward()
rule_mode = torch.optim.SGD(inner_mode.parameters(), lr=0.1)
fit(inner_mode, X_mode, y_mode, rule_mode, F.mse_loss, 1, 6, seeded(44))
moved_mode = [observe.copy(inner_mode.weight), observe.copy(inner_mode.bias)]
# Assert
check.close(
    loss_mode,
    [in_train],
    "the loss of a model that came in eval mode",
    ideas={"The model trained in eval mode: call model.train() first": [in_eval]},
    rtol=1e-4,
)
check.close(
    moved_mode,
    clean_mode,
    "the first step of a model that held gradients",
    ideas={"Gradients from before the call entered: clear before the first backward": mixed_mode},
    rtol=1e-4,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-4-1-hidden-1", "points": 1}
# Hidden test predict 4.1 · a softmax too many · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_4_1
# Assert
check.equal(
    choice,
    "c",
    "your choice",
    ideas={
        "cross_entropy takes the probabilities for logits, and a logit of 1 is far from certain": "a",
        "log 3 is the loss of one who knows nothing; this network knows something": "b",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-2-hidden-1", "points": 1}
# Hidden test 4.2 · values and slopes of Huber, at and around δ · 1 point
### BEGIN HIDDEN TESTS
# Arrange
edge = torch.tensor([-2.0, -0.5, -0.49, 0.0, 0.3, 0.5, 0.51, 7.0], dtype=torch.float64)
level = torch.zeros(8, dtype=torch.float64)
pull = torch.tensor(8.0, dtype=torch.float64)
value_edge = F.huber_loss(edge.clone(), level.clone(), delta=0.5)
slope_edge = edge.clone().clamp(-0.5, 0.5)
unit_edge = F.huber_loss(edge.clone(), level.clone(), delta=1.0)
smooth_edge = F.smooth_l1_loss(edge.clone(), level.clone(), beta=0.5)
# Act
around = observe.vjp(lambda t: huber(t, level, 0.5), edge, pull)
# Assert
check.close(
    around["value"],
    value_edge,
    "huber with δ = 0.5",
    ideas={
        "delta has no effect: δ = 1 is built in": unit_edge,
        "This is SmoothL1, which is Huber divided by δ": smooth_edge,
    },
    rtol=1e-9,
    hint="Inside ½e², outside δ(|e| - ½δ)",
)
check.close(
    around["grads"],
    slope_edge,
    "the slopes of huber with δ = 0.5",
    rtol=1e-9,
    hint="The slope is e inside and ±δ outside; keep to recorded tensor operations",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-2-hidden-2", "points": 1}
# Hidden test 4.2 · matrices, another dtype, inputs left alone · 1 point
### BEGIN HIDDEN TESTS
# Arrange
guess_wide = torch.randn(4, 3, generator=seeded(421), dtype=torch.float64).T
goal_wide = torch.randn(3, 4, generator=seeded(422), dtype=torch.float64)
guess_was, goal_was = guess_wide.clone(), goal_wide.clone()
error_wide = guess_was - goal_was
wide_true = [
    (error_wide**2).mean(),
    error_wide.abs().mean(),
    F.huber_loss(guess_was, goal_was, delta=0.7),
]
wide_sums = [12 * number for number in wide_true]
wide_rows = [number * 4 for number in wide_true]
# Act
wide = [mse(guess_wide, goal_wide), l1(guess_wide, goal_wide), huber(guess_wide, goal_wide, 0.7)]
wide_after = [observe.copy(guess_wide), observe.copy(goal_wide)]
# Assert
check.close(
    wide,
    wide_true,
    "the three losses of matrices",
    ideas={
        "These are sums over all entries; means are asked for": wide_sums,
        "Divide by the number of entries, not by the number of rows": wide_rows,
    },
    rtol=1e-9,
    dtype=True,
    hint="Item 0 is mse, 1 is l1, 2 is huber",
)
check.unchanged(wide_after, [guess_was, goal_was], "predictions and targets")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-2-hidden-3", "points": 1}
# Hidden test 4.2 · shapes that differ raise · 1 point
### BEGIN HIDDEN TESTS
# Arrange
column, flat_five = torch.ones(5, 1), torch.ones(5)
# Act
refused_mse = observe.error(mse, column, flat_five)
refused_l1 = observe.error(l1, flat_five, column)
refused_huber = observe.error(huber, flat_five, torch.tensor(1.0))
# Assert
check.raised(refused_mse, ValueError, "mse of (5, 1) and (5)", hint="Compare the shapes first")
check.raised(refused_l1, ValueError, "l1 of (5) and (5, 1)", hint="Compare the shapes first")
check.raised(refused_huber, ValueError, "huber of (5) and ()", hint="Compare the shapes first")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-2-hidden-4", "points": 1}
# Hidden test 4.2 · location with losses that you have not seen · 1 point
### BEGIN HIDDEN TESTS
# Arrange
sample = torch.tensor([-7.0, 12.0, 0.5, 3.25, -1.0], dtype=torch.float64)
places = [1.55, 0.5, 0.5, -1.0]
grid = torch.linspace(-7, 12, 190001, dtype=torch.float64)
costs = sum(torch.where((grid - v).abs() <= 3, (grid - v) ** 2 / 2, 3 * (grid - v).abs() - 4.5) for v in sample.tolist())  # fmt: skip
places[2] = grid[costs.argmin()].item()
far_sample = torch.tensor([-800.0, 5.17, 40.0, 333.33, 1200.3], dtype=torch.float64)
far_places = [155.76, 40.0]
# Act
found = [
    location(sample, lambda c, v: ((c - v) ** 2).mean()),
    location(sample, lambda c, v: (c - v).abs().mean()),
    location(sample, lambda c, v: F.huber_loss(c, v, delta=3.0)),
    location(sample, lambda c, v: torch.maximum(0.3 * (v - c), 0.7 * (c - v)).mean()),
]
far_found = [
    location(far_sample, lambda c, v: ((c - v) ** 2).mean()),
    location(far_sample, lambda c, v: (c - v).abs().mean()),
]
# Assert
check.close(
    found,
    places,
    "the best constants of four losses",
    atol=0.02,
    hint="Search with the loss that is given: no formula for the mean or the median",
)
check.close(
    far_found,
    far_places,
    "the best constants of numbers that lie 2000 apart",
    rtol=0,
    atol=0.02,
    hint="Go on until the interval is shorter than 0.01: the number of rounds depends on its length",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-4-2-hidden-1", "points": 1}
# Hidden test predict 4.2 · Adam's first step · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_4_2
# Assert
check.equal(
    choice,
    "c",
    "your choice",
    ideas={
        "That is SGD: Adam divides by the size of the gradient": "a",
        "Nothing is clipped: the gradient is divided by its own size, whether large or small": "b",
    },
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-4-3-reference", "points": 0}
### BEGIN HIDDEN TESTS
def optimiser_walk(make, starts, gradients):
    """Parameters after each gradient in turn was put into .grad and a step was taken."""
    params = [start.clone().requires_grad_() for start in starts]
    optimiser = make(params)
    for step in gradients:
        for p, g in zip(params, step, strict=True):
            p.grad = None if g is None else g.clone()
        optimiser.step()
    return [p.detach().clone() for p in params]


def slipped_adam(start, gradients, lr, decay=0.0, slip="", eps=1e-8, betas=(0.9, 0.999)):
    """Adam or AdamW ("decoupled") with a typical slip."""
    w, m, s = start.clone(), torch.zeros_like(start), torch.zeros_like(start)
    b1, b2 = betas
    for t, g in enumerate(gradients, start=1):
        if "decoupled" in slip:
            w = w if "late" in slip else w - lr * decay * w
        else:
            g = g + decay * w
        m, s = b1 * m + (1 - b1) * g, b2 * s + (1 - b2) * g**2
        k = t - 1 if "from zero" in slip else t
        raw = "no correction" in slip or k == 0
        mean, scale = (m, s) if raw else (m / (1 - b1**k), s / (1 - b2**k))
        w = w - lr * mean / ((scale + eps).sqrt() if "inside" in slip else scale.sqrt() + eps)
        w = w - lr * decay * w if "late" in slip else w
    return w


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-3-hidden-1", "points": 1}
# Hidden test 4.3 · SGD and Momentum over 20 steps · 1 point
### BEGIN HIDDEN TESTS
# Arrange
start_roll = torch.randn(3, 2, generator=seeded(431), dtype=torch.float64)
pulls_roll = torch.randn(20, 3, 2, generator=seeded(432), dtype=torch.float64)
steps_roll = [[g.clone()] for g in pulls_roll]
sgd_true = optimiser_walk(
    lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=0.2), [start_roll], steps_roll
)
roll_true = optimiser_walk(
    lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.7, weight_decay=0.2), [start_roll], steps_roll
)
damped = optimiser_walk(
    lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.7, dampening=0.7, weight_decay=0.2),
    [start_roll],
    steps_roll,
)
nesterov = optimiser_walk(
    lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.7, nesterov=True, weight_decay=0.2),
    [start_roll],
    steps_roll,
)
ninety = optimiser_walk(
    lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.2), [start_roll], steps_roll
)
bare = optimiser_walk(lambda p: torch.optim.SGD(p, lr=0.05), [start_roll], steps_roll)
# Act
p_sgd = start_roll.clone().requires_grad_()
p_roll = start_roll.clone().requires_grad_()
by_sgd = SGD([p_sgd], lr=0.05, weight_decay=0.2)
by_roll = Momentum([p_roll], lr=0.05, momentum=0.7, weight_decay=0.2)
for k in range(20):
    p_sgd.grad, p_roll.grad = pulls_roll[k].clone(), pulls_roll[k].clone()
    by_sgd.step()
    by_roll.step()
end_sgd, end_roll = [observe.copy(p_sgd)], [observe.copy(p_roll)]
# Assert
check.close(
    end_sgd,
    sgd_true,
    "SGD with weight decay",
    ideas={"The weight decay is missing: g + weight_decay · w": bare},
    rtol=1e-9,
)
check.close(
    end_roll,
    roll_true,
    "Momentum with μ = 0.7 and weight decay",
    ideas={
        "v is μv + g, without a factor 1 - μ": damped,
        "This is Nesterov's momentum; take the step along v": nesterov,
        "μ is 0.9, whatever self.momentum says": ninety,
    },
    rtol=1e-9,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-3-hidden-2", "points": 2}
# Hidden test 4.3 · Adam over 20 steps · 2 points
### BEGIN HIDDEN TESTS
# Arrange
start_adam = torch.randn(4, generator=seeded(433), dtype=torch.float64)
pulls_adam = torch.randn(20, 4, generator=seeded(434), dtype=torch.float64) * 1e-3
kept_adam = start_adam.clone()
list_adam = [g.clone() for g in pulls_adam]
adam_true = optimiser_walk(
    lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.8, 0.95), eps=1e-4, weight_decay=1e-3),
    [kept_adam],
    [[g] for g in list_adam],
)
known_adam = {"lr": 0.02, "decay": 1e-3, "eps": 1e-4, "betas": (0.8, 0.95)}
ideas_adam = {
    "No bias correction: divide m by 1 - β₁ᵗ and s by 1 - β₂ᵗ": "no correction",
    "ε stands inside the root; add it outside": "inside",
    "This is AdamW: here the decay belongs to the gradient": "decoupled",
    "t must be 1 in the first step": "from zero",
}
slips_adam = {
    text: [slipped_adam(kept_adam, list_adam, slip=slip, **known_adam)]
    for text, slip in ideas_adam.items()
}
# Act
p_adam = start_adam.clone().requires_grad_()
by_adam = Adam([p_adam], lr=0.02, betas=(0.8, 0.95), eps=1e-4, weight_decay=1e-3)
for k in range(20):
    p_adam.grad = pulls_adam[k].clone()
    by_adam.step()
end_adam = [observe.copy(p_adam)]
# Assert
check.close(
    end_adam,
    adam_true,
    "Adam with small gradients and settings of its own",
    ideas=slips_adam,
    rtol=1e-7,
    hint="Use self.betas, self.eps and self.weight_decay",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-3-hidden-3", "points": 1}
# Hidden test 4.3 · AdamW over 20 steps · 1 point
### BEGIN HIDDEN TESTS
# Arrange
start_w = 5 * torch.randn(2, 3, generator=seeded(435), dtype=torch.float64)
pulls_w = torch.randn(20, 2, 3, generator=seeded(436), dtype=torch.float64)
kept_w = start_w.clone()
list_w = [g.clone() for g in pulls_w]
w_true = optimiser_walk(
    lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.3), [kept_w], [[g] for g in list_w]
)
ideas_w = {
    "This is Adam: the decay went into the gradient": "",
    "No bias correction: divide m by 1 - β₁ᵗ and s by 1 - β₂ᵗ": "decoupled, no correction",
    "ε stands inside the root; add it outside": "decoupled, inside",
    "The decay comes first, then Adam's step": "decoupled, late",
}
slips_w = {text: [slipped_adam(kept_w, list_w, 0.1, 0.3, slip)] for text, slip in ideas_w.items()}
no_decay = optimiser_walk(
    lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.0), [kept_w], [[g] for g in list_w]
)
slips_w["The decay is missing"] = no_decay
# Act
p_w = start_w.clone().requires_grad_()
by_w = AdamW([p_w], lr=0.1, weight_decay=0.3)
for k in range(20):
    p_w.grad = pulls_w[k].clone()
    by_w.step()
end_w = [observe.copy(p_w)]
# Assert
check.close(
    end_w,
    w_true,
    "AdamW with weight decay 0.3",
    ideas=slips_w,
    rtol=1e-7,
    hint="First w ← w - lr · λ · w, then Adam's step with g alone",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-3-hidden-4", "points": 1}
# Hidden test 4.3 · parameters without a gradient · 1 point
### BEGIN HIDDEN TESTS
# Arrange
start_none = torch.tensor([2.0, -3.0], dtype=torch.float64)
pulls_none = torch.randn(6, 2, generator=seeded(437), dtype=torch.float64)
kept_none = [start_none.clone(), start_none.clone() + 1]
list_none = [[g.clone(), None if k < 3 else g.clone()] for k, g in enumerate(pulls_none)]
settings_none = {"lr": 0.1, "weight_decay": 0.2}
none_true = [
    optimiser_walk(make, kept_none, list_none)
    for make in (
        lambda p: torch.optim.SGD(p, **settings_none),
        lambda p: torch.optim.SGD(p, momentum=0.9, **settings_none),
        lambda p: torch.optim.Adam(p, **settings_none),
        lambda p: torch.optim.AdamW(p, **settings_none),
    )
]
late_none = [
    slipped_adam(start, [g.clone() for g in pulls], 0.1, 0.2, "decoupled, late")
    for start, pulls in zip(kept_none, (pulls_none, pulls_none[3:]), strict=True)
]
# Act
ends_none = []
for Kind in (SGD, Momentum, Adam, AdamW):
    pair_none = [start_none.clone().requires_grad_(), (start_none + 1).requires_grad_()]
    by_none = Kind(pair_none, lr=0.1, weight_decay=0.2)
    for k in range(6):
        pair_none[0].grad = pulls_none[k].clone()
        pair_none[1].grad = None if k < 3 else pulls_none[k].clone()
        by_none.step()
    ends_none = [*ends_none, observe.copy(pair_none)]
# Assert
check.close(
    ends_none,
    none_true,
    "a parameter that gets its first gradient in the fourth step",
    ideas={"In AdamW the decay comes first, then Adam's step": [*none_true[:3], late_none]},
    rtol=1e-7,
    hint="Skip it while .grad is None: no decay, no memory, and t counts its own steps",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-3-hidden-5", "points": 1}
# Hidden test 4.3 · in place, and gradients left alone · 1 point
### BEGIN HIDDEN TESTS
# Arrange
start_leaf = torch.tensor([1.0, -1.0])
pull_leaf = torch.tensor([0.5, 2.0])
same_pull = [pull_leaf.clone()] * 8
leaf_true = [
    optimiser_walk(make, [start_leaf], [[pull_leaf]] * 2)[0]
    for make in (
        lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.5),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.5),
        lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.5),
        lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.5),
    )
]
late_leaf = [slipped_adam(start_leaf, [pull_leaf] * 2, 0.1, 0.5, "decoupled, late")]
# Act
ends_leaf, pulls_leaf, facts_leaf = [], [], []
for Kind in (SGD, Momentum, Adam, AdamW):
    holder = nn.ParameterList([start_leaf.clone()])
    by_leaf = Kind(holder.parameters(), lr=0.1, weight_decay=0.5)
    for _ in range(2):
        holder[0].grad = pull_leaf.clone()
        by_leaf.step()
        pulls_leaf = [*pulls_leaf, observe.copy(holder[0].grad)]
    ends_leaf = [*ends_leaf, observe.copy(holder[0])]
    facts_leaf = [*facts_leaf, holder[0].requires_grad and holder[0].is_leaf]
# Assert
check.close(
    ends_leaf,
    leaf_true,
    "the parameters of a module after two steps",
    ideas={"In AdamW the decay comes first, then Adam's step": [*leaf_true[:3], late_leaf]},
    rtol=1e-4,
    hint="Change the tensor itself: p -= …, p.sub_(…); p = p - … makes another one",
)
check.unchanged(pulls_leaf, same_pull, "the gradients", hint="Work on g + … , not on p.grad itself")
check.equal(facts_leaf, [True] * 4, "still leaves that ask for gradients")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-4-3-hidden-1", "points": 1}
# Hidden test predict 4.3 · a schedule in a hurry · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_4_3
# Assert
check.equal(
    choice,
    "c",
    "your choice",
    ideas={
        "The comment speaks of epochs, but the scheduler counts how often it is called": "a",
        "Count the calls: how often do 30 go into 100?": "b",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-4-hidden-1", "points": 1}
# Hidden test 4.4 · a parabola at, below and above 2/L · 1 point
### BEGIN HIDDEN TESTS
# Arrange
top = torch.tensor([1.0, -2.0])
top_before = top.clone()
# Act
bends = torch.tensor([4.0, 1.0])
judged = lr_sweep(lambda w: (bends * w**2).sum() / 2 + 0.001, top, [50.0, 0.475, 0.525, 1e-9], 100)
edge_case = lr_sweep(lambda w: 2 * (w**2).sum(), top, [0.475, 0.5, 0.525], 100)
short_run = lr_sweep(lambda w: 2 * (w**2).sum(), top, [0.525], 1)
top_after = observe.copy(top)
# Assert
check.equal(
    judged,
    ["diverges", "converges", "diverges", "stuck"],
    "rates 50, 1.9/L, 2.1/L and a tiny one",
    ideas={
        "NaN slipped through: every comparison with it is false": [
            "stuck",
            "converges",
            "diverges",
            "stuck",
        ],
        "NaN slipped through, and counts as success": [
            "converges",
            "converges",
            "diverges",
            "stuck",
        ],
        "Each rate must start from w0, not where the last one ended": ["diverges"] * 4,
    },
)
check.equal(
    edge_case,
    ["converges", "stuck", "diverges"],
    "rates 1.9/L, 2/L and 2.1/L",
    hint="Between 0.99 and 1.01 times the first value is stuck",
)
check.equal(short_run, ["diverges"], "a single step at 2.1/L", hint="Take `steps` steps")
check.unchanged(top_after, top_before, "w0")
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-4-4-reference", "points": 0}
### BEGIN HIDDEN TESTS
def finder_reference(weights, batches, rates, groups=1):
    """Losses of a linear model trained by SGD with one batch and one rate after the other."""
    model = nn.Linear(2, 1)
    model.load_state_dict(weights)
    parts = [{"params": [p]} for p in model.parameters()]
    optimiser = torch.optim.SGD(parts, lr=0.0)
    losses = []
    for k, rate in enumerate(rates):
        for group in optimiser.param_groups[:groups]:
            group["lr"] = rate
        x, y = batches[k % len(batches)]
        optimiser.zero_grad()
        loss = F.mse_loss(model(x), y)
        losses.append(loss.item())
        loss.backward()
        optimiser.step()
    return losses


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-4-hidden-2", "points": 1}
# Hidden test 4.4 · rates and losses of the range test · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_range = torch.randn(3, 8, 2, generator=seeded(441))
y_range = torch.randn(3, 8, 1, generator=seeded(442))
w_range = {"weight": torch.tensor([[0.5, -1.0]]), "bias": torch.tensor([0.3])}
pairs_range = [(a.clone(), b.clone()) for a, b in zip(x_range, y_range, strict=True)]
copy_range = {name: t.clone() for name, t in w_range.items()}
geometric = [1e-4 * 2000 ** (k / 7) for k in range(8)]
linear = torch.linspace(1e-4, 0.2, 8).tolist()
too_slow = [1e-4 * 2000 ** (k / 8) for k in range(8)]
losses_range = finder_reference(copy_range, pairs_range, geometric, 2)
first_group = finder_reference(copy_range, pairs_range, geometric, 1)
first_batch = finder_reference(copy_range, pairs_range[:1], geometric, 2)
# Act
model_range = nn.Linear(2, 1)
model_range.load_state_dict(w_range)
parts_range = [{"params": [model_range.weight]}, {"params": [model_range.bias], "lr": 0.0}]
sgd_range = torch.optim.SGD(parts_range, lr=0.1)
list_range = [(x_range[k], y_range[k]) for k in range(3)]
rates_range, seen_range = lr_finder(model_range, list_range, F.mse_loss, sgd_range, 1e-4, 0.2, 8)
# Assert
check.close(
    rates_range,
    geometric,
    "eight rates from 0.0001 to 0.2",
    ideas={
        "Equal ratios are asked for, not equal differences": linear,
        "The last rate must be `high`: divide by steps - 1": too_slow,
    },
    rtol=1e-4,
)
check.close(
    seen_range,
    losses_range,
    "the losses on three batches in turn",
    ideas={
        "Only the first parameter group got the rate": first_group,
        "Each rate takes the next batch, not the first one again": first_batch,
    },
    rtol=1e-4,
    hint="Clear, forward, note the loss, backward, step",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-4-hidden-3", "points": 1}
# Hidden test 4.4 · stops at an explosion and at NaN · 1 point
### BEGIN HIDDEN TESTS
# Arrange
one_row, no_goal = torch.ones(1, 1), torch.zeros(1, 1)
factor, weight_now, blown = 10.0 ** (1 / 3), 1.0, []
for k in range(10):
    blown.append(weight_now**2)
    if blown[-1] > 4 * min(blown):
        break
    weight_now *= 1 - 2 * 0.01 * factor**k
spoilt_row = torch.full((1, 1), math.nan)
ruin = [1.0, 0.9604, math.nan]
# Act
explosive, fragile = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
with torch.no_grad():
    explosive.weight.fill_(1.0)
    fragile.weight.fill_(1.0)
sgd_explosive = torch.optim.SGD(explosive.parameters(), lr=0.1)
sgd_fragile = torch.optim.SGD(fragile.parameters(), lr=0.1)
_, losses_explosive = lr_finder(
    explosive, [(one_row, no_goal)], F.mse_loss, sgd_explosive, 0.01, 10.0, 10
)
batches_fragile = [(one_row, no_goal), (one_row, no_goal), (spoilt_row, no_goal)]
rates_fragile, losses_fragile = lr_finder(
    fragile, batches_fragile, F.mse_loss, sgd_fragile, 0.01, 0.01, 6
)
weight_fragile = fragile.weight.item()
# Assert
check.close(
    losses_explosive,
    blown,
    "the losses up to the explosion",
    rtol=1e-3,
    hint="Note the loss that is above 4 times the lowest so far, then stop",
)
check.close(
    losses_fragile,
    ruin,
    "the losses up to a NaN",
    rtol=1e-3,
    hint="A loss that is not finite ends the test; no comparison with > or < sees NaN",
)
check.close(rates_fragile, [0.01] * 3, "as many rates as losses")
check.close(
    weight_fragile,
    1.0,
    "the weight afterwards",
    hint="Load a deepcopy of the first state back, on every way out",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-4-hidden-4", "points": 1}
# Hidden test 4.4 · model and optimiser afterwards · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_back = torch.randn(12, 3, generator=seeded(443))
y_back = torch.randn(12, 1, generator=seeded(444))
w_back = torch.randn(1, 3, generator=seeded(445))
x_ref, y_ref, w_ref = x_back.clone(), y_back.clone(), w_back.clone()
norm_ref = nn.BatchNorm1d(3)
line_ref = nn.Linear(3, 1, bias=False)
with torch.no_grad():
    line_ref.weight.copy_(w_ref)
model_ref = nn.Sequential(norm_ref, line_ref)
rule_ref = torch.optim.SGD(model_ref.parameters(), lr=0.05, momentum=0.9)
trail_ref = []
for _turn in range(4):
    rule_ref.zero_grad()
    F.mse_loss(model_ref(x_ref), y_ref).backward()
    rule_ref.step()
    trail_ref.append({k: t.detach().clone() for k, t in model_ref.state_dict().items()})
# Act
line_back = nn.Linear(3, 1, bias=False)
with torch.no_grad():
    line_back.weight.copy_(w_back)
model_back = nn.Sequential(nn.BatchNorm1d(3), line_back)
rule_back = torch.optim.SGD(model_back.parameters(), lr=0.05, momentum=0.9)
states_back = []
for turn in range(4):
    if turn == 2:
        lr_finder(model_back, [(x_back, y_back)], F.mse_loss, rule_back, 1e-3, 1.0, 10)
        states_back = [observe.state(model_back)]
    rule_back.zero_grad()
    F.mse_loss(model_back(x_back), y_back).backward()
    rule_back.step()
after_back, end_back = states_back[0], observe.state(model_back)
rate_back = rule_back.param_groups[0]["lr"]
# Assert
check.close(
    after_back,
    trail_ref[1],
    "the model right after the test",
    rtol=1e-4,
    hint="state_dict() holds the living tensors: keep a deepcopy, and load it back",
)
check.close(
    rate_back, 0.05, "the learning rate after the test", hint="Load the optimiser's state back too"
)
check.close(
    end_back,
    trail_ref[3],
    "training that goes on after the test",
    rtol=1e-3,
    hint="The optimiser's memory (momentum) must be as before: deepcopy its state_dict, load it back",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-5-hidden-1", "points": 1}
# Hidden test 4.5 · ties and plateaus · 1 point
### BEGIN HIDDEN TESTS
# Arrange
flat_row = (1.0, 1.0, 1.0, 1.0, 1.0)
late_row = (1.0, 1.0, 1.2, 0.5, 0.5, 0.5, 0.5, 0.5)
# Act
any_model = nn.Linear(1, 1)
stop_flat, stop_late = EarlyStopping(3), EarlyStopping(3)
flags_flat = [stop_flat.step(value, any_model) for value in flat_row]
flags_late = [stop_late.step(value, any_model) for value in late_row]
best_flat = [stop_flat.best_epoch, stop_late.best_epoch]
# Assert
check.equal(
    flags_flat,
    [False, False, False, True, True],
    "a constant loss with patience 3",
    ideas={
        "A tie is no improvement: on a constant loss this never stops": [False] * 5,
        "One epoch late: stop at `patience` bad epochs": [False] * 4 + [True],
        "The first epoch is an improvement, whatever its loss": [False, False] + [True] * 3,
    },
)
check.equal(
    flags_late,
    [False] * 6 + [True, True],
    "a plateau, a better epoch, a plateau",
    ideas={
        "A tie is no improvement": [False] * 8,
        "An improvement sets the count back to 0": [False] * 4 + [True] * 4,
    },
)
check.equal(best_flat, [0, 3], "the best epochs, the first of equals")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-5-hidden-2", "points": 1}
# Hidden test 4.5 · losses that are not finite · 1 point
### BEGIN HIDDEN TESTS
# Arrange
rows_odd = ((math.nan, math.nan, 0.5, 0.6, 0.7), (1.0, math.nan, 0.9, math.nan, math.nan), (1.0, -math.inf, 0.8, 0.9, 0.9))  # fmt: skip
# Act
odd_model = nn.Linear(1, 1)
stoppers_odd = [EarlyStopping(2), EarlyStopping(2), EarlyStopping(2)]
flags_odd = [[stoppers_odd[k].step(value, odd_model) for value in rows_odd[k]] for k in range(3)]
bests_odd = [[stoppers_odd[k].best_epoch, stoppers_odd[k].best_loss] for k in range(3)]
# Assert
check.equal(
    flags_odd,
    [
        [False, True, False, False, True],
        [False, False, False, False, True],
        [False, False, False, False, True],
    ],
    "stopping when NaN and infinities come by",
    hint="A loss that is not finite counts as an epoch without improvement, also the first one",
)
check.close(
    bests_odd,
    [[2, 0.5], [2, 0.9], [2, 0.8]],
    "best epoch and loss when NaN and infinities come by",
    hint="Only a finite loss may become the best",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-5-hidden-3", "points": 1}
# Hidden test 4.5 · min_delta · 1 point
### BEGIN HIDDEN TESTS
# Arrange
drip_row = (1.0, 0.95, 0.90, 0.85, 0.80, 0.75, 0.70)
crawl_row = (1.0, 0.99, 0.98, 0.97, 0.96)
# Act
drip_model = nn.Linear(1, 1)
stop_drip, stop_crawl = EarlyStopping(2, min_delta=0.08), EarlyStopping(3, min_delta=0.1)
flags_drip = [stop_drip.step(value, drip_model) for value in drip_row]
flags_crawl = [stop_crawl.step(value, drip_model) for value in crawl_row]
bests_drip = [stop_drip.best_epoch, stop_drip.best_loss, stop_crawl.best_epoch]
# Assert
check.equal(
    flags_drip,
    [False] * 7,
    "steps of 0.05 with min_delta 0.08 and patience 2",
    ideas={
        "Compare with the best loss, not with the last one: small steps add up": [
            False,
            False,
            True,
            True,
            True,
            True,
            True,
        ]
    },
)
check.equal(
    flags_crawl,
    [False, False, False, True, True],
    "steps of 0.01 with min_delta 0.1 and patience 3",
    ideas={"min_delta has no effect, or the wrong sign: below best_loss - min_delta": [False] * 5},
)
check.close(
    bests_drip,
    [6, 0.7, 0],
    "best epoch and loss with min_delta",
    hint="Only an improvement by more than min_delta changes the best",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-5-hidden-4", "points": 2}
# Hidden test 4.5 · the best weights come back · 2 points
### BEGIN HIDDEN TESTS
# Arrange
row_state = (3.0, 1.0, 2.0, 4.0)
kept_weight, kept_mean = torch.full((1, 2), 1.0), torch.full((2,), 10.0)
last_weight, last_mean = torch.full((1, 2), 3.0), torch.full((2,), 30.0)
far_weight = torch.full((1, 2), -7.0)
# Act
saved_net = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1))
stop_state = EarlyStopping(5)
for k in range(4):
    with torch.no_grad():
        saved_net[1].weight.fill_(k)
        saved_net[0].running_mean.fill_(10 * k)
    stop_state.step(row_state[k], saved_net)
stop_state.restore(saved_net)
weight_back = observe.copy(saved_net[1].weight)
mean_back = observe.copy(saved_net[0].running_mean)
with torch.no_grad():
    saved_net[1].weight.fill_(-7.0)
stop_state.restore(saved_net)
weight_twice = observe.copy(saved_net[1].weight)
fresh_net = nn.Linear(2, 1)
with torch.no_grad():
    fresh_net.weight.fill_(-7.0)
EarlyStopping(5).restore(fresh_net)
weight_fresh = observe.copy(fresh_net.weight)
# Assert
check.close(
    weight_back,
    kept_weight,
    "the weights after restore",
    ideas={
        "These are the last weights: state_dict() names living tensors, so keep a deepcopy": last_weight
    },
)
check.close(
    mean_back,
    kept_mean,
    "the buffers after restore",
    ideas={"Buffers, such as batch norm's means, belong to the state too": last_mean},
)
check.close(
    weight_twice,
    kept_weight,
    "the weights after a second restore",
    ideas={"After restore the kept tensors live in the model: copy them": far_weight},
)
check.close(weight_fresh, far_weight, "a model restored before any epoch")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-5-hidden-5", "points": 1}
# Hidden test 4.5 · the onset of over-fitting · 1 point
### BEGIN HIDDEN TESTS
# Arrange
answers_onset = [2, None, None, None, 1]
always_best = [2, 3, 0, 2, 1]
last_equal = [2, None, None, None, 3]
# Act
found_onset = [
    onset([9.0, 7.0, 5.0, 4.0, 3.0], [9.0, 8.0, 6.0, 7.0, 8.0]),
    onset([9.0, 7.0, 5.0, 4.0], [9.0, 8.0, 6.0, 5.0]),
    onset([5.0, 4.0, 3.0], [2.0, 2.0, 2.0]),
    onset([5.0, 4.0, 3.0, 6.0], [5.0, 4.0, 3.0, 7.0]),
    onset([5.0, 4.0, 3.0, 2.0, 1.0], [5.0, 3.0, 4.0, 3.0, 6.0]),
]
# Assert
check.equal(
    found_onset,
    answers_onset,
    "onset of five runs",
    ideas={
        "The best epoch alone is no over-fitting: look at both ends as well": always_best,
        "Of epochs with equally low validation losses the first counts": last_equal,
    },
    hint="None when validation ends no higher, or training no lower, than in the best epoch",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-4-6-reference", "points": 0}
### BEGIN HIDDEN TESTS
def pipeline_reference(model, loaders, optimiser, scheduler, epochs, patience, slip=""):
    """[report, final state] of a run with the squared error, as asked or with one slip."""

    def walk(batches, training):
        model.train(training or slip == "train mode")
        total, count, means = 0.0, 0, []
        with torch.set_grad_enabled(training or slip == "gradients on"):
            for x, y in batches:
                loss = F.mse_loss(model(x), y)
                if training:
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                    if slip == "each batch":
                        scheduler.step()
                total, count = total + loss.item() * len(y), count + len(y)
                means.append(loss.item())
        return sum(means) / len(means) if slip == "batch means" else total / count

    log = {"train_loss": [], "val_loss": [], "lr": []}
    best, best_epoch, kept, bad = math.inf, None, None, 0
    for epoch in range(epochs):
        if slip == "first":
            scheduler.step()
        if slip != "rate after":
            log["lr"].append(optimiser.param_groups[0]["lr"])
        log["train_loss"].append(walk(loaders["train"], True))
        log["val_loss"].append(walk(loaders["val"], False))
        if slip not in ("each batch", "first", "never"):
            scheduler.step()
        if slip == "rate after":
            log["lr"].append(optimiser.param_groups[0]["lr"])
        last = log["val_loss"][-1]
        if last < best or (slip == "ties" and last == best):
            best, best_epoch, bad = last, epoch, 0
            kept = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience + (slip == "late") and slip != "no stop":
                break
    if slip != "last weights":
        model.load_state_dict(kept)
    log |= {"best_epoch": best_epoch, "test_loss": walk(loaders["test"], False)}
    return [log, {name: t.clone() for name, t in model.state_dict().items()}]


def dropout_reference(x, y, seed, slip=""):
    """The report of a run with dropout, as asked or with one slip, from a global seed that is put back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
        plan = torch.optim.lr_scheduler.StepLR(optimiser, 100)
        later = [(x[12:], y[12:])]
        loaders = {"train": [(x[:12], y[:12])] * 2, "val": later, "test": later}
        return pipeline_reference(model, loaders, optimiser, plan, 5, 9, slip)[0]


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-6-hidden-1", "points": 1}
# Hidden test 4.6 · three parts, no leak · 1 point
### BEGIN HIDDEN TESTS
# Arrange
wide_X = 5 * torch.randn(4, 30, generator=seeded(461), dtype=torch.float64).T + 3
wide_y = torch.randn(30, 2, generator=seeded(462), dtype=torch.float64)
wide_X_before = wide_X.clone()
wide_y_kept = wide_y.clone()
cuts = torch.randperm(30, generator=seeded(46)).split([17, 5, 8])
centre, spread = wide_X_before[cuts[0]].mean(dim=0), wide_X_before[cuts[0]].std(dim=0)
cut_true = [(wide_X_before[rows] - centre) / spread for rows in cuts]
goal_true = [wide_y_kept[rows] for rows in cuts]
all_mean, all_std = wide_X_before.mean(dim=0), wide_X_before.std(dim=0)
leaky = [(wide_X_before[rows] - all_mean) / all_std for rows in cuts]
own = [(wide_X_before[rows] - wide_X_before[rows].mean(dim=0)) / wide_X_before[rows].std(dim=0) for rows in cuts]  # fmt: skip
scalar = [(wide_X_before[r] - wide_X_before[cuts[0]].mean()) / wide_X_before[cuts[0]].std() for r in cuts]  # fmt: skip
unmixed = [(wide_X_before[a:b] - wide_X_before[:17].mean(dim=0)) / wide_X_before[:17].std(dim=0) for a, b in ((0, 17), (17, 22), (22, 30))]  # fmt: skip
# Act
pieces = prepare(wide_X, wide_y, (17, 5, 8), seeded(46))
cut_X = [pieces["train"][0], pieces["val"][0], pieces["test"][0]]
cut_y = [pieces["train"][1], pieces["val"][1], pieces["test"][1]]
wide_X_after = observe.copy(wide_X)
# Assert
check.close(
    cut_X,
    cut_true,
    "X of the three parts",
    ideas={
        "Mean and std of all data: validation and test leak into training": leaky,
        "Each part was standardised by itself: all use the training part's numbers": own,
        "One mean and one std for all columns: use dim=0": scalar,
        "The rows are not permuted": unmixed,
    },
    rtol=1e-8,
)
check.close(cut_y, goal_true, "y of the three parts", hint="The same rows as X, unscaled")
check.unchanged(wide_X_after, wide_X_before, "X")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-6-hidden-2", "points": 2}
# Hidden test 4.6 · validation in eval mode, without gradients · 2 points
### BEGIN HIDDEN TESTS
# Arrange
x_spy = torch.randn(10, 2, generator=seeded(463))
y_spy = torch.randn(10, 1, generator=seeded(464))
w_spy = {"weight": torch.tensor([[0.5, -1.0]]), "bias": torch.tensor([0.3])}
twin_x, twin_y = x_spy.clone(), y_spy.clone()
twin_w = {name: t.clone() for name, t in w_spy.items()}
spy_truth = {}
for spy_slip in ("", "train mode", "gradients on", "batch means"):
    inner_twin = nn.Linear(2, 1)
    inner_twin.load_state_dict(twin_w)
    twin = nn.Sequential(inner_twin, probes.Tattle())
    twin_rule = torch.optim.SGD(inner_twin.parameters(), lr=0.05)
    twin_feed = {
        "train": [(twin_x[:6], twin_y[:6] + 110), (twin_x[6:], twin_y[6:] + 110)],
        "val": [(twin_x[:7], twin_y[:7]), (twin_x[7:], twin_y[7:])],
        "test": [(twin_x[2:], twin_y[2:])],
    }
    twin_plan = torch.optim.lr_scheduler.StepLR(twin_rule, 100)
    spy_truth[spy_slip] = pipeline_reference(twin, twin_feed, twin_rule, twin_plan, 3, 9, spy_slip)[
        0
    ]
# Act
inner_spy = nn.Linear(2, 1)
inner_spy.load_state_dict(w_spy)
spy = nn.Sequential(inner_spy, probes.Tattle()).eval()
spy_rule = torch.optim.SGD(inner_spy.parameters(), lr=0.05)
spy_feed = {
    "train": [(x_spy[:6], y_spy[:6] + 110), (x_spy[6:], y_spy[6:] + 110)],
    "val": [(x_spy[:7], y_spy[:7]), (x_spy[7:], y_spy[7:])],
    "test": [(x_spy[2:], y_spy[2:])],
}
spy_plan = torch.optim.lr_scheduler.StepLR(spy_rule, 100)
spy_report = run(spy, spy_feed, spy_rule, spy_plan, F.mse_loss, 3, 9)
spy_train, spy_val, spy_test = (spy_report[k] for k in ("train_loss", "val_loss", "test_loss"))
# Assert
check.close(
    spy_train,
    spy_truth[""]["train_loss"],
    "the training losses",
    ideas={
        "This is the mean of the batch means: weigh by size": spy_truth["batch means"][
            "train_loss"
        ],
    },
    rtol=1e-3,
    hint="Every epoch begins with model.train(): validation has left eval mode behind",
)
check.close(
    spy_val,
    spy_truth[""]["val_loss"],
    "the validation losses",
    ideas={
        "The model validates in train mode: call model.eval()": spy_truth["train mode"]["val_loss"],
        "Gradients are recorded while validating: use torch.no_grad()": spy_truth["gradients on"][
            "val_loss"
        ],
        "This is the mean of the batch means: weigh by size": spy_truth["batch means"]["val_loss"],
    },
    rtol=1e-4,
)
check.close(
    spy_test,
    spy_truth[""]["test_loss"],
    "the test loss",
    rtol=1e-4,
    hint="The test walk, too, is in eval mode and without gradients",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-6-hidden-3", "points": 2}
# Hidden test 4.6 · stops, and ends with the best epoch's weights · 2 points
### BEGIN HIDDEN TESTS
# Arrange
x_top = torch.randn(16, 2, generator=seeded(465))
twin_top = x_top.clone()
w_top = torch.tensor([[0.0, 0.0]])
twin_w_top = w_top.clone()
top_truth = {}
for top_slip in ("", "last weights", "late", "no stop", "train mode"):
    torso = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        torso.weight.copy_(twin_w_top)
    top_twin = nn.Sequential(nn.BatchNorm1d(2, momentum=0.3), torso)
    top_rule = torch.optim.SGD(torso.parameters(), lr=0.03)
    top_feed = {
        "train": [(twin_top[:8], 4 * twin_top[:8, :1]), (twin_top[8:], 4 * twin_top[8:, :1])],
        "val": [(twin_top[3:9] + 0.5, 1.5 * twin_top[3:9, :1])],
        "test": [(twin_top[9:], 1.5 * twin_top[9:, :1])],
    }
    top_plan = torch.optim.lr_scheduler.StepLR(top_rule, 100)
    top_truth[top_slip] = pipeline_reference(
        top_twin, top_feed, top_rule, top_plan, 40, 3, top_slip
    )
untied = [[7.25] * 3, 0]
# Act
torso_top = nn.Linear(2, 1, bias=False)
with torch.no_grad():
    torso_top.weight.copy_(w_top)
model_top = nn.Sequential(nn.BatchNorm1d(2, momentum=0.3), torso_top)
rule_top = torch.optim.SGD(torso_top.parameters(), lr=0.03)
feed_top = {
    "train": [(x_top[:8], 4 * x_top[:8, :1]), (x_top[8:], 4 * x_top[8:, :1])],
    "val": [(x_top[3:9] + 0.5, 1.5 * x_top[3:9, :1])],
    "test": [(x_top[9:], 1.5 * x_top[9:, :1])],
}
plan_top = torch.optim.lr_scheduler.StepLR(rule_top, 100)
report_top = run(model_top, feed_top, rule_top, plan_top, F.mse_loss, 40, 3)
state_top = observe.state(model_top)
still_model = nn.Linear(1, 1, bias=False)
still_rule = torch.optim.SGD(still_model.parameters(), lr=0.0)
still_feed = {name: [(torch.zeros(2, 1), torch.tensor([[2.5], [2.872281323]]))] for name in ("train", "val", "test")}  # fmt: skip
still_plan = torch.optim.lr_scheduler.StepLR(still_rule, 100)
still_report = run(still_model, still_feed, still_rule, still_plan, F.mse_loss, 9, 2)
tie_top = [still_report["val_loss"], still_report["best_epoch"]]
# Assert
check.close(
    report_top,
    top_truth[""][0],
    "the report of a run that over-fits",
    ideas={
        "One epoch too many: stop at `patience` epochs without a lower loss": top_truth["late"][0],
        "It never stops: count the epochs without a lower validation loss": top_truth["no stop"][0],
        "The test ran on the last weights; load the best ones first": top_truth["last weights"][0],
        "Validation in train mode: batch norm uses and learns from validation data": top_truth[
            "train mode"
        ][0],
    },
    rtol=1e-3,
    hint="Best means the lowest validation loss, the first of equals; epochs count from 0",
)
check.close(
    state_top,
    top_truth[""][1],
    "weights and buffers at the end",
    ideas={"These are the last weights, not the best": top_truth["last weights"][1]},
    rtol=1e-3,
    hint="Keep a deepcopy of state_dict() when the validation loss is the lowest, buffers included",
)
check.close(
    tie_top,
    untied,
    "a validation loss that does not change, with patience 2",
    rtol=1e-3,
    hint="A tie is not lower",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-6-hidden-4", "points": 1}
# Hidden test 4.6 · the test data are used once · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_once = torch.randn(9, 1, generator=seeded(466))
once_kept = x_once.clone()
once_model = nn.Linear(1, 1, bias=False)
with torch.no_grad():
    once_model.weight.zero_()
once_rule = torch.optim.SGD(once_model.parameters(), lr=0.1)
once_feed = {name: [(once_kept, 2 * once_kept)] for name in ("train", "val")}
once_feed["test"] = [(once_kept[:5], 3 * once_kept[:5]), (once_kept[5:], 3 * once_kept[5:])]
once_plan = torch.optim.lr_scheduler.StepLR(once_rule, 100)
once_true = pipeline_reference(once_model, once_feed, once_rule, once_plan, 4, 9)[0]
with torch.no_grad():
    once_model.weight.zero_()
once_means = pipeline_reference(once_model, once_feed, once_rule, once_plan, 4, 9, "batch means")[0]
# Act
model_once = nn.Linear(1, 1, bias=False)
with torch.no_grad():
    model_once.weight.zero_()
rule_once = torch.optim.SGD(model_once.parameters(), lr=0.1)
feed_once = {name: [(x_once, 2 * x_once)] for name in ("train", "val")}
feed_once["test"] = probes.OncePerRun([(x_once[:5], 3 * x_once[:5]), (x_once[5:], 3 * x_once[5:])])
plan_once = torch.optim.lr_scheduler.StepLR(rule_once, 100)
test_once = run(model_once, feed_once, rule_once, plan_once, F.mse_loss, 4, 9)["test_loss"]
# Assert
check.close(
    test_once,
    once_true["test_loss"],
    "the test loss, of data that change when they are used a second time",
    ideas={"This is the mean of the batch means: weigh by size": once_means["test_loss"]},
    rtol=1e-3,
    hint="Walk over loaders['test'] once, at the very end; other faults of the walk show here too",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-6-hidden-5", "points": 1}
# Hidden test 4.6 · the scheduler, once an epoch, after the optimiser · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_plan = torch.randn(8, 2, generator=seeded(467))
plan_kept = x_plan.clone()
plan_truth = {}
for plan_slip in ("", "each batch", "rate after", "first", "never"):
    plan_model = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        plan_model.weight.zero_()
    plan_rule = torch.optim.SGD(plan_model.parameters(), lr=0.1)
    plan_feed = {
        "train": [(plan_kept[:4], plan_kept[:4, 1:]), (plan_kept[4:], plan_kept[4:, 1:])],
        "val": [(plan_kept, plan_kept[:, 1:])],
        "test": [(plan_kept, plan_kept[:, 1:])],
    }
    fading = torch.optim.lr_scheduler.LambdaLR(plan_rule, lambda unit: 0.5**unit)
    with warnings.catch_warnings(action="ignore"):
        plan_truth[plan_slip] = pipeline_reference(
            plan_model, plan_feed, plan_rule, fading, 4, 9, plan_slip
        )[0]
rates_plan = {slip: result["lr"] for slip, result in plan_truth.items()}
# Act
model_plan = nn.Linear(2, 1, bias=False)
with torch.no_grad():
    model_plan.weight.zero_()
rule_plan = torch.optim.SGD(model_plan.parameters(), lr=0.1)
feed_plan = {
    "train": [(x_plan[:4], x_plan[:4, 1:]), (x_plan[4:], x_plan[4:, 1:])],
    "val": [(x_plan, x_plan[:, 1:])],
    "test": [(x_plan, x_plan[:, 1:])],
}
fades = torch.optim.lr_scheduler.LambdaLR(rule_plan, lambda unit: 0.5**unit)
report_plan = run(model_plan, feed_plan, rule_plan, fades, F.mse_loss, 4, 9)
lr_plan, train_plan = report_plan["lr"], report_plan["train_loss"]
# Assert
check.close(
    lr_plan,
    rates_plan[""],
    "the rate of each epoch",
    ideas={
        "The scheduler moves with every batch; its unit here is an epoch": rates_plan["each batch"],
        "The rate was noted after the scheduler had moved it": rates_plan["rate after"],
        "The scheduler came before the optimiser: the first rate is lost": rates_plan["first"],
        "The scheduler never moves": rates_plan["never"],
    },
    rtol=1e-4,
)
check.close(
    train_plan,
    plan_truth[""]["train_loss"],
    "the training losses under the schedule",
    rtol=1e-3,
    hint="scheduler.step() stands at the end of the epoch, after all steps of the optimiser",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-6-hidden-6", "points": 1}
# Hidden test 4.6 · the same seed, the same report · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_seed = torch.randn(20, 3, generator=seeded(468))
y_seed = torch.randn(20, 1, generator=seeded(469))
seed_x, seed_y = x_seed.clone(), y_seed.clone()
seed_true = dropout_reference(seed_x, seed_y, 4601)
seed_last = dropout_reference(seed_x, seed_y, 4601, "last weights")
# Act
torch.manual_seed(4601)
model_seed = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))
rule_seed = torch.optim.SGD(model_seed.parameters(), lr=0.05)
plan_seed = torch.optim.lr_scheduler.StepLR(rule_seed, 100)
feed_seed = {"train": [(x_seed[:12], y_seed[:12])] * 2, "val": [(x_seed[12:], y_seed[12:])]}
feed_seed["test"] = feed_seed["val"]
report_seed = run(model_seed, feed_seed, rule_seed, plan_seed, F.mse_loss, 5, 9)
# Assert
check.close(
    report_seed,
    seed_true,
    "a run with dropout from a fixed seed",
    ideas={"The test ran on the last weights; load the best ones first": seed_last},
    rtol=1e-3,
    hint="One forward pass a batch; dropout on in training, off in validation; no seeding inside",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-7-hidden-1", "points": 1}
# Hidden test 4.7 · the network gives logits · 1 point
### BEGIN HIDDEN TESTS
# Arrange
far_points = 1000 * torch.randn(6, 3, generator=seeded(471))
# Act
torch.manual_seed(47)
farthest = make_net(3, 5).eval()(far_points).abs().max().item()
# Assert
check.number(
    farthest,
    1.5,
    1e9,
    "the largest output for points far out",
    hint="Outputs that never leave 0 to 1 are probabilities: cross_entropy wants logits",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-7-hidden-2", "points": 1}
# Hidden test 4.7 · the learning rate · 1 point
### BEGIN HIDDEN TESTS
# Arrange
single = torch.ones(1, 1)
# Act
one_weight = nn.Linear(1, 1, bias=False)
weight_before = one_weight.weight.item()
chosen = make_optimiser(one_weight)
one_weight.weight.grad = single.clone()
chosen.step()
distance = weight_before - one_weight.weight.item()
# Assert
check.number(
    distance,
    0.000999,
    1.0001,
    "the length of the first step for a gradient of 1",
    hint="It is the learning rate: the sweep shows where SGD still converges",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-7-hidden-3", "points": 2}
# Hidden test 4.7 · points keep their labels · 2 points
### BEGIN HIDDEN TESTS
# Arrange
numbered = torch.arange(40.0)[:, None]
names_47 = torch.arange(40)
common = torch.randperm(40, generator=seeded(47))
kept_order = torch.arange(40)
common_X = common[:, None].float()
# Act
pair_47 = shuffled(numbered, names_47, seeded(47))
X_47, labels_47 = pair_47[0], pair_47[1]
# Assert
check.close(
    X_47,
    common_X,
    "X in the order of torch.randperm",
    hint="X[order], for one order drawn with the generator",
)
check.equal(
    labels_47,
    common,
    "the labels in the same order",
    ideas={"X was shuffled, y was not: use one order for both": kept_order},
    hint="A second draw gives another order, and every point gets a stranger's label",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-7-hidden-4", "points": 1}
# Hidden test 4.7 · three steps, each with its own gradient · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_three = torch.randn(3, 5, 2, generator=seeded(472), dtype=torch.float64)
y_three = torch.randint(3, (3, 5), generator=seeded(473))
w_three = torch.randn(3, 2, generator=seeded(474), dtype=torch.float64)
begin_three = w_three.clone()
x_kept, y_kept = x_three.clone(), y_three.clone()
walks_three = {}
for never_cleared in (False, True):
    w_ref, sum_ref = begin_three.clone(), torch.zeros_like(begin_three)
    for k in range(3):
        leaf_ref = w_ref.clone().requires_grad_()
        (g_ref,) = torch.autograd.grad(F.cross_entropy(x_kept[k] @ leaf_ref.T, y_kept[k]), leaf_ref)
        sum_ref = sum_ref + g_ref if never_cleared else g_ref
        w_ref = w_ref - 0.5 * sum_ref
    walks_three[never_cleared] = w_ref
# Act
net_three = nn.Linear(2, 3, bias=False, dtype=torch.float64).eval()
with torch.no_grad():
    net_three.weight.copy_(w_three)
rule_three = torch.optim.SGD(net_three.parameters(), lr=0.5)
costs_three = [train_step(net_three, rule_three, x_three[k], y_three[k]) for k in range(3)]
end_three = observe.copy(net_three.weight)
mode_three = net_three.training
# Assert
check.close(
    end_three,
    walks_three[False],
    "the weights after three steps",
    ideas={
        "The gradients of earlier batches are added up: clear them before backward": walks_three[
            True
        ],
        "Nothing moved: what does .grad hold when step() runs?": begin_three,
    },
    rtol=1e-8,
)
check.equal(mode_three, True, "train mode in train_step")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-7-hidden-5", "points": 2}
# Hidden test 4.7 · predictions without dropout · 2 points
### BEGIN HIDDEN TESTS
# Arrange
x_calm = torch.randn(60, 4, generator=seeded(475))
w_calm = torch.randn(3, 4, generator=seeded(476))
classes_calm = (x_calm @ w_calm.T).argmax(dim=1)
# Act
calm_net = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 3, bias=False)).train()
with torch.no_grad():
    calm_net[1].weight.copy_(w_calm)
torch.manual_seed(47)
said_calm = predict(calm_net, x_calm)
# Assert
check.equal(
    said_calm,
    classes_calm,
    "predictions of a net that comes in train mode",
    hint="Dropout is still on: predict in eval mode; and one class a row, argmax(dim=1)",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-7-hidden-6", "points": 1}
# Hidden test 4.7 · new points of four and of six clouds · 1 point
### BEGIN HIDDEN TESTS
# Arrange
X_four, y_four = blobs(400, 4, 477)
X_six, y_six = blobs(600, 6, 478)
new_four, true_four = blobs(300, 4, 479)
new_six, true_six = blobs(300, 6, 480)
# Act
torch.manual_seed(47)
said_four = predict(train(X_four, y_four, 4, seeded(1)), new_four)
said_six = predict(train(X_six, y_six, 6, seeded(2)), new_six)
# Assert
check.accuracy(
    said_four,
    true_four,
    0.95,
    "the share of right answers with four clouds",
    hint="A bug is still there, or the rate lies far from the docstring's",
)
check.accuracy(
    said_six,
    true_six,
    0.9,
    "the share of right answers with six clouds",
    hint="A bug is still there, or the rate lies far from the docstring's",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-8-hidden-1", "points": 1}
# Hidden test 4.8 · the whole cosine, and beyond · 1 point
### BEGIN HIDDEN TESTS
# Arrange
wave_rule = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
wave = torch.optim.lr_scheduler.CosineAnnealingLR(wave_rule, T_max=13, eta_min=0.02)
wave_true, bounced = [], []
for k in range(26):
    bounced.append(wave.get_last_lr()[0])
    wave_true.append(bounced[-1] if k <= 13 else 0.02)
    wave_rule.step()
    wave.step()
shorter = [0.02 + 0.28 * (1 + math.cos(math.pi * min(k, 12) / 12)) / 2 for k in range(26)]
no_floor = [0.3 * (1 + math.cos(math.pi * min(k, 13) / 13)) / 2 for k in range(26)]
# Act
wave_mine = [cosine_lr(k, 13, 0.3, 0.02) for k in range(26)]
# Assert
check.close(
    wave_mine,
    wave_true,
    "26 rates with total = 13",
    ideas={
        "After total the rate climbs back: stay at eta_min": bounced,
        "The cosine ends at step = total, not at total - 1": shorter,
        "It ends at 0 and not at eta_min": no_floor,
    },
    rtol=1e-9,
    atol=1e-12,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-8-hidden-2", "points": 1}
# Hidden test 4.8 · warm-up · 1 point
### BEGIN HIDDEN TESTS
# Arrange
ramp = [0.2 * (k + 1) / 5 for k in range(5)]
falling_ramp = [0.01 + 0.19 * (1 + math.cos(math.pi * k / 15)) / 2 for k in range(15)]
ramp_true = ramp + falling_ramp + [0.01] * 3
uncounted = ramp + [0.01 + 0.19 * (1 + math.cos(math.pi * k / 20)) / 2 for k in range(5, 20)]
from_floor = [0.01 + 0.19 * (k + 1) / 5 for k in range(5)] + ramp_true[5:]
climbing = [0.01 + 0.19 * (1 + math.cos(math.pi * k / 15)) / 2 for k in (15, 16, 17)]
too_long = ramp + [0.01 + 0.19 * (1 + math.cos(math.pi * k / 20)) / 2 for k in range(15)]
# Act
ramp_mine = [cosine_lr(k, 20, 0.2, 0.01, 5) for k in range(23)]
# Assert
check.close(
    ramp_mine,
    ramp_true,
    "5 steps of warm-up, 20 in all",
    ideas={
        "The cosine begins when the warm-up is over: count from there": uncounted + [0.01] * 3,
        "The warm-up is lr0 · (step + 1) / warmup; eta_min has no part in it": from_floor,
        "The cosine has total - warmup steps": too_long + [0.01] * 3,
        "After total the rate climbs back: stay at eta_min": ramp + falling_ramp + climbing,
    },
    rtol=1e-9,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-8-hidden-3", "points": 1}
# Hidden test 4.8 · a plateau with ties, NaN and two groups · 1 point
### BEGIN HIDDEN TESTS
# Arrange
hard_losses = (2.0, 2.0, math.nan, 1.5, 1.5, math.inf, 1.6, 1.4999, 1.7, 1.7, math.nan, 1.0)
hard_kept = hard_losses
hard_groups = [{"params": [torch.zeros(1)], "lr": lr} for lr in (0.8, 0.08)]
hard_rule = torch.optim.SGD(hard_groups)
hard_plan = torch.optim.lr_scheduler.ReduceLROnPlateau(hard_rule, factor=0.3, patience=1, threshold=0.0)  # fmt: skip
hard_true = []
for number in hard_losses:
    hard_plan.step(number)
    hard_true.append([group["lr"] for group in hard_rule.param_groups])
one_group = [[pair[0], 0.08] for pair in hard_true]
# Act
mine_groups = [{"params": [torch.zeros(1)], "lr": 0.8}, {"params": [torch.zeros(1)], "lr": 0.08}]
mine_rule = torch.optim.SGD(mine_groups)
mine_plan = Plateau(mine_rule, 0.3, 1)
mine_rates = []
for number_mine in hard_kept:
    mine_plan.step(number_mine)
    mine_rates = [*mine_rates, [mine_rule.param_groups[k]["lr"] for k in range(2)]]
# Assert
check.close(
    mine_rates,
    hard_true,
    "the rates of two groups after each loss",
    ideas={"Every parameter group's rate is lowered, not only the first": one_group},
    rtol=1e-9,
    hint="A tie and a NaN are no new best; a new best, and each lowering, sets the count back to 0",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-4-8-hidden-4", "points": 1}
# Hidden test 4.8 · the state goes on elsewhere; the trace of a run · 1 point
### BEGIN HIDDEN TESTS
# Arrange
first_half, second_half = (1.0, 0.5, 0.6, 0.6), (0.6, 0.55, 0.7, 0.7, 0.4)
resumed_true = [0.1, 0.1, 0.1, 0.01, 0.01]
forgotten = [1.0] * 5
trace_true = [0.5 * 0.8**k for k in range(6)]
trace_late, trace_twice = (
    [0.5 * 0.8 ** (k + 1) for k in range(6)],
    [0.5 * 0.64**k for k in range(6)],
)
walked = -sum(trace_true)
# Act
rule_one = torch.optim.SGD([torch.zeros(1)], lr=1.0)
rule_two = torch.optim.SGD([torch.zeros(1)], lr=1.0)
plan_one, plan_two = Plateau(rule_one, 0.1, 2), Plateau(rule_two, 0.1, 2)
for early in first_half:
    plan_one.step(early)
saved_plan = plan_one.state_dict()
plan_one.step(0.01)
plan_two.load_state_dict(saved_plan)
resumed = []
for later in second_half:
    plan_two.step(later)
    resumed = [*resumed, rule_two.param_groups[0]["lr"]]
pulled = torch.zeros(1, requires_grad=True)
pulled.grad = torch.ones(1)
trace_rule = torch.optim.SGD([pulled], lr=0.5)
trace_plan = torch.optim.lr_scheduler.LambdaLR(trace_rule, lambda unit: 0.8**unit)
traced = lr_trace(trace_rule, trace_plan, 6)
pulled_to = pulled.item()
# Assert
check.close(
    resumed,
    resumed_true,
    "the rates after the state was loaded",
    ideas={"Best loss and count were not carried over": forgotten},
    hint="The state holds the best loss and the count, as numbers of their own",
)
check.close(
    traced,
    trace_true,
    "the rates of six steps",
    ideas={
        "Note the rate before the scheduler moves it": trace_late,
        "The scheduler moves once a step, not twice": trace_twice,
    },
)
check.close(
    pulled_to,
    walked,
    "how far the optimiser went in six steps",
    hint="First the optimiser moves, then the scheduler; the gradient stays",
)
### END HIDDEN TESTS
