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
# # 10 · Recurrent networks
#
# A sentence, a heartbeat, a river's level: things that come one after the other. A recurrent network reads them a step at a time, with a memory. After this chapter you can
#
# - write one step of an RNN, an LSTM and a GRU yourself;
# - measure how far back a network can learn, and move that limit;
# - classify, label, translate and forecast sequences of any length;
# - test with four probes whether samples, padding and the future stay where they belong;
# - stop gradients that explode.
#
# Reading: 60 minutes · exercises: 156 minutes · 49 points
#
# You need chapters 2 and 4; chapter 5 helps with padding. All networks here are small: each trains in a second or two.

# %% tags=["setup"]
import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, TensorDataset

import gradus
from gradus import check, observe, plots, probes, seeded, sequences

torch.set_printoptions(precision=3, sci_mode=False)


def batches(*tensors, size=32, seed=0):
    """Shuffled batches of these tensors."""
    return DataLoader(TensorDataset(*tensors), size, shuffle=True, generator=seeded(seed))


def train(model, data, loss_fn, epochs, lr=0.01):
    """Adam and gradus.fit on the best device; the model comes back to the CPU."""
    device = gradus.device()
    optimiser = torch.optim.Adam(model.to(device).parameters(), lr=lr)
    history = gradus.fit(model, data, loss_fn, optimiser, epochs=epochs, device=device)
    model.cpu()
    return history


# %% [markdown]
# ## A memory, carried along
#
# What is special about a sequence? Order carries the meaning, the length varies, and what matters may lie far back. An MLP on 100 steps of 10 numbers takes all 1000 at once: it fits one length only, and must learn "a peak" anew for each place. (Millions of weights, as you may read? Count them below.) A convolution sees a fixed stretch.
#
# A recurrent network keeps a **state** h. At each step the same function mixes the new input into it:
#
# hₜ = tanh(W xₜ + b + V hₜ₋₁ + d), with h₀ = 0.
#
# PyTorch calls W, b `weight_ih`, `bias_ih` (input to hidden), and V, d `weight_hh`, `bias_hh`. They are the same at each step, so any length fits.

# %%
mlp, rnn = nn.Linear(100 * 10, 128), nn.RNN(10, 128, batch_first=True)
for name, layer in {"MLP, 100 steps": mlp, "RNN, any length": rnn}.items():
    print(f"{name:16} {sum(p.numel() for p in layer.parameters()):7,} parameters")
x = torch.randn(3, 7, 10, generator=seeded(0))  # (samples, steps, features)
with torch.no_grad():
    output, last = rnn(x)
    h, seen = torch.zeros(3, 128), []
    for t in range(7):
        h = torch.tanh(
            F.linear(x[:, t], rnn.weight_ih_l0, rnn.bias_ih_l0)
            + F.linear(h, rnn.weight_hh_l0, rnn.bias_hh_l0)
        )
        seen.append(h)
    print("loop equals nn.RNN:", torch.allclose(torch.stack(seen, dim=1), output, atol=1e-5))

# %% [markdown]
# That loop is the whole secret. Drawn step by step, it is an ordinary deep network, *unrolled* in time, whose layers share their weights; `backward()` walks it as it walks any other. (`nn.RNNCell` is one turn of the loop.)
#
# The layer returns two things. `output` holds the state after *each* step, of the last layer; `h_n` holds the state after the *last* step, of every layer. Look at the shapes, and note where the batch stands in `h_n`.

# %%
x = torch.randn(4, 9, 3, generator=seeded(1))
stacked = nn.LSTM(3, 5, num_layers=2, bidirectional=True, batch_first=True)
with torch.no_grad():
    output, (h_n, c_n) = stacked(x)
    print("LSTM, 2 layers, 2 directions:", tuple(output.shape), tuple(h_n.shape), tuple(c_n.shape))
    gru = nn.GRU(3, 5, batch_first=True)
    output, h_n = gru(x)
    print("GRU:", tuple(output.shape), tuple(h_n.shape))
    print("h_n is the last output:", torch.equal(output[:, -1], h_n[0]))
    first, h = gru(x[:, :4])
    rest, _ = gru(x[:, 4:], h)
    print("in two pieces, state handed on:", torch.allclose(torch.cat([first, rest], 1), output))

# %% [markdown]
# `h_n` has shape (layers · directions, N, H), with `batch_first` or without. An LSTM's state is a pair (h, c). Left out, the first state is zero, of the right device and dtype.
#
# The last line is *streaming*: hand the state on, and pieces equal the whole. In training, detach it in between (chapter 2).
#
# What you read from the states decides the task:
#
# | task | from | example |
# |---|---|---|
# | many to one | last state | which wave is it? |
# | many to many, aligned | every state | clean each sample of a sound |
# | one to many | a start, then own outputs | caption a picture |
# | encoder, decoder | last state starts a second network | translate |

# %% [markdown]
# ## Four questions for a sequence model
#
# Accuracy does not prove that a model is right. Four *probes* do: change one number of the input, and see which outputs move.
#
# 1. Does another **sample** matter? It must not.
# 2. Does **padding** matter? It must not.
# 3. Does the **future** matter? Where you predict it, it must not.
# 4. Does **order** matter? Here it must.
#
# `observe.response(f, x, where)` gives f(changed x) − f(x). Below, two layers read the same 4 samples of 8 steps. In each, we nudge sample 1 at step 3. One of them was made without `batch_first=True`.


# %% alt="Two blocks of four rows, eight steps each; filled cells are outputs that moved. Upper block: only sample 1, from step 3 to 7. Lower block, layer without batch_first: step 3 of samples 1, 2 and 3."
def moved(layer, x, where):
    """1 where an output (sample, step) reacts to a change of x at `where`, else 0."""
    change = observe.response(lambda t: layer(t)[0], x, where)
    return (change.abs().amax(dim=-1) > 0).float()


x = torch.randn(4, 8, 1, generator=seeded(2))
torch.manual_seed(0)
right, wrong = nn.GRU(1, 6, batch_first=True), nn.GRU(1, 6)
rows = [moved(right, x, (1, 3)), torch.full((1, 8), torch.nan), moved(wrong, x, (1, 3))]
with torch.no_grad():
    turned = (right(x)[1] - right(x.flip(1))[1]).abs().max()
    print(f"steps reversed: last state moves by {turned:.1f}, an average of x by 0")
title = "What moves? Rows 0–3: batch_first; rows 5–8: not"
plots.heat(torch.cat(rows), title=title, xlabel="step", ylabel="row")


# %% [markdown]
# The upper layer is well: sample 1 moves, from step 3 on. The lower took the samples for steps. It has the right *shape*, it even trains, and it hands news from sample to sample: `output[:, -1]` of it is fiction. Of all bugs with sequences this is the commonest, and no shape check finds it. (The printed line is the fourth probe.)
#
# ## A first task
#
# A sine or a square wave? Each begins at a random place of its period and carries noise, so no single step gives it away.

# %% alt="Two noisy sine waves above, two noisy square waves below, over 30 steps: the sines roll smoothly, the squares jump between about minus 1 and 1."
x, labels = sequences.waves(40, "square", seeded(3))
lines = {f"sine {k}": x[labels == 0][k, :, 0] + 3 for k in (0, 3)}
lines |= {f"square {k}": x[labels == 1][k, :, 0] for k in (0, 3)}
plots.curves(
    lines, x=range(30), title="Two of each (sines moved up by 3)", xlabel="step", ylabel="x"
)


# %% [markdown]
# ### Exercise 10.1 · Classify a sequence
# ★★☆☆☆ · 18 min · implementation · 6 points
#
# Tell the two waves apart, train on them, and say what is possible at all:
#
# - `WaveClassifier`: `self.rnn`, a GRU with `batch_first=True`, reads (N, T, 1); `self.head`, linear, turns the state after the last step into `classes` raw scores.
# - `train_epoch`: one pass in train mode; the mean loss per *sample* (the last batch may be smaller). Gradients left from before do not count.
# - `best_accuracy`: two classes, equally frequent; p[k] and q[k] are the probabilities of seeing outcome k in class 0 and in class 1. What share can the best of all classifiers get right?
#
# p = [0.5, 0.5, 0], q = [0, 0.5, 0.5]: outcomes 0 and 2 are certain, outcome 1 is a coin toss: 0.75.
#
# <details><summary>Hint 1</summary>
#
# `nn.CrossEntropyLoss` wants raw scores. For each outcome, the best guess is the class in which it is likelier.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `output, h_n = self.rnn(x)`, then `output[:, -1]`. Add up `loss.item() * len(y)` and divide by the number of samples. `torch.maximum(p, q)` picks the likelier.
#
# </details>


# %% nbgrader={"grade_id": "ex-10-1"}
class WaveClassifier(nn.Module):
    """(N, T, 1) → raw scores (N, classes): self.rnn, a GRU, then self.head on its last state."""

    def __init__(self, hidden: int, classes: int = 2):
        ### BEGIN SOLUTION
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        output, _ = self.rnn(x)
        return self.head(output[:, -1])
        ### END SOLUTION


def train_epoch(model, data, loss_fn, optimiser) -> float:
    """One pass of training over data, an iterable of (x, y); the mean loss per sample."""
    ### BEGIN SOLUTION
    model.train()
    total, count = 0.0, 0
    for x, y in data:
        loss = loss_fn(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item() * len(y)
        count += len(y)
    return total / count
    ### END SOLUTION


def best_accuracy(p: torch.Tensor, q: torch.Tensor) -> float:
    """The best possible accuracy; p, q: (K,) probabilities of each outcome in class 0 and 1."""
    ### BEGIN SOLUTION
    return torch.maximum(p, q).sum().item() / 2
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-10-1-check", "points": 1}
# Arrange
half_step = {
    "rnn.weight_ih_l0": torch.tensor([[0.0], [0.0], [1.0]]),
    "rnn.weight_hh_l0": torch.zeros(3, 1),
    "rnn.bias_ih_l0": torch.zeros(3),
    "rnn.bias_hh_l0": torch.zeros(3),
    "head.weight": torch.tensor([[1.0], [-1.0]]),
    "head.bias": torch.zeros(2),
}  # h moves half the way to tanh(x) at each step
two_waves = torch.tensor([[[0.0], [0.0], [1.0]], [[1.0], [0.0], [0.0]]])
states = torch.tensor([[0.380797], [0.0951993]])
signs = torch.tensor([[1.0, -1.0]])
scores_true = states * signs
sizes = {name: tuple(tensor.shape) for name, tensor in half_step.items()}
outcomes = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]])
# Act
small = WaveClassifier(1)
parts = observe.fill(small, half_step)
scores = observe.copy(small(two_waves))
possible = best_accuracy(outcomes[0], outcomes[1])
# Assert
check.equal(
    parts,
    sizes,
    "names and shapes of the weights of WaveClassifier(1)",
    hint="self.rnn: one GRU in one direction; self.head: linear, hidden to classes",
)
check.close(
    scores,
    scores_true,
    "the scores of two waves of three steps",
    ideas={
        "These are probabilities: cross-entropy wants raw scores, so leave softmax out": scores_true.softmax(
            1
        ),
        "Samples and steps are mixed up: is batch_first=True there?": torch.tensor(
            [[0.380797], [0.1903985]]
        )
        * signs,
        "This is the state after the first step, output[:, 0]": torch.tensor([[0.0], [0.380797]])
        * signs,
        "This is the average over all steps; the state after the last one is asked for": torch.tensor(
            [[0.1269323], [0.2221316]]
        )
        * signs,
        "h_n has a leading axis for layers: take h_n[-1]": scores_true[None],
    },
    hint="One row of scores a sample: did you take the last step, output[:, -1], and not output[-1]?",
)
check.close(
    possible,
    0.75,
    "the best possible accuracy",
    ideas={
        "This adds up both classes: each of them stands for half of the samples": 1.5,
        "This is only the part that is certain. Where p = q a coin toss is still right half of the time": 0.5,
    },
    hint="Half the sum over outcomes of the larger of p[k] and q[k]",
)

# %% [markdown]
# ### Predict 10.1 · Sine against cosine
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# Every classifier of sequences ends like yours: encode, then read one state. Now a task from many a tutorial. Each wave is sin(0.25 t + a) or cos(0.25 t + a). The shift a is drawn anew for each wave, evenly from the whole circle; noise as before. Which accuracy can the best network reach on new waves?
#
# - a: nearly 1, with enough hidden units and epochs
# - b: about 0.75, since half of the phases are ambiguous
# - c: 0.5
# - d: it depends on the noise

# %% nbgrader={"grade_id": "predict-10-1"}
# Write your choice: predict_10_1 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_10_1 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-10-1-check", "points": 0}
# Arrange
# Act
choice = predict_10_1
# Assert
check.one_of(choice, ("a", "b", "c", "d"), "your choice")


# %% tags=["setup"]
class LastState(nn.Module):
    """A recurrent layer with a linear head on its last output."""

    def __init__(self, layer, outputs):
        super().__init__()
        self.rnn, self.head = layer, nn.Linear(layer.hidden_size, outputs)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


# %% tags=["demo"]
for other in ("square", "cosine"):
    x, y = sequences.waves(512, other, seeded(4))
    new_x, new_y = sequences.waves(500, other, seeded(5))
    torch.manual_seed(0)
    model = LastState(nn.GRU(1, 16, batch_first=True), 2)
    history = train(model, batches(x, y), nn.CrossEntropyLoss(), epochs=8)
    new = gradus.evaluate(model, batches(new_x, new_y), nn.CrossEntropyLoss())
    old, new = history["accuracy"][-1], new["accuracy"]
    print(f"sine or {other}: training {old:.2f}, new waves {new:.2f}")
at_0 = torch.tensor([[0.0], [1.0]])  # sin 0 and cos 0: what t = 0 shows without a random shift
guess = at_0 + 0.1 * torch.randn(2, 200, generator=seeded(6)) > 0.5
print("no random shift, a threshold on one number:", (guess == at_0.bool()).float().mean().item())


# %% [markdown]
# cos(z) = sin(z + π/2), and a random shift plus a quarter turn is still a random shift. Both classes have the *same distribution*: p = q, so `best_accuracy` is 0.5, for any network. Fixing the shift is no cure: one number then tells.
#
# Before you tune, ask what accuracy is possible. At chance in *training*, doubt the task, or the gradient's way.
#
# ## Why memories fade
#
# How does the last state depend on the first? Each step multiplies by the Jacobian
#
# ∂hₜ/∂hₜ₋₁ = diag(1 − hₜ²) V.
#
# The slope of tanh stands at the *left*, and 1 − h² already is that slope. (The form V · diag(tanh′(h)) is in circulation. Below, autograd decides.) Over T steps that makes a product of T matrices.

# %%
torch.manual_seed(0)
rnn = nn.RNN(2, 3, batch_first=True).double()
x = torch.randn(1, 6, 2, dtype=torch.float64, generator=seeded(7))
V, states, start = rnn.weight_hh_l0.detach(), rnn(x)[0][0].detach(), torch.zeros(3).double()
exact = torch.func.jacrev(lambda h: rnn(x, h.view(1, 1, 3))[0][0, -1])(start)
ours = other = torch.eye(3, dtype=torch.float64)
for h in states:
    ours = torch.diag(1 - h**2) @ V @ ours
    other = V @ torch.diag(1 - torch.tanh(h) ** 2) @ other
print(
    f"error of ours {(exact - ours).abs().max():.0e}, of the other {(exact - other).abs().max():.0e}"
)
for gain in (0.5, 1.0, 1.5):
    print(f"{gain} · an orthogonal V, 60 steps, no tanh: all lengths times {gain**60:.0e}")


# %% [markdown]
# With all singular values below 1, gradients must **vanish**; above 1 they can **explode**, unless tanh′, at most 1, holds them back.
#
# The remedy of 1997, the **LSTM**, adds a second state c that is changed by *adding* (forget gate: 2000). Four vectors come from x and the old h:
#
# - input gate i, forget gate f, output gate o: σ(W x + b + V h + d), each between 0 and 1;
# - candidate g: the same with tanh;
# - c ← f ⊙ c + i ⊙ g, then h ← o ⊙ tanh(c).
#
# PyTorch stacks the four blocks as rows, in the order i, f, g, o, and keeps two biases.
#
# You can *build* a memory: open the input gate at a marker.

# %% alt="Over 40 steps: a jagged line of the values offered, an input gate that is 1 at steps 5 and 22 and 0 elsewhere, a forget gate that is the opposite, an output gate that is always 1, and a cell state that jumps at 5 and at 22 to the value offered and stays level in between."
cell = nn.LSTMCell(2, 1)  # inputs: a value and a marker
value, marker = 2 * torch.rand(40, generator=seeded(8)) - 1, torch.zeros(40)
marker[[5, 22]] = 1
x, kept = torch.stack([value, marker], dim=1), []
with torch.no_grad():
    cell.weight_hh.zero_(), cell.bias_hh.zero_()
    cell.weight_ih.copy_(torch.tensor([[0.0, 20], [0, -20], [1, 0], [0, 0]]))  # i, f, g, o
    cell.bias_ih.copy_(torch.tensor([-10.0, 10, 0, 10]))
    state = torch.zeros(1, 1), torch.zeros(1, 1)
    for x_t in x:
        state = cell(x_t[None], state)
        kept.append(state[1].item())
    i, f, g, o = torch.sigmoid(x @ cell.weight_ih.T + cell.bias_ih).T
lines = {"value": value, "input gate": i, "forget gate": f, "output gate": o, "cell state": kept}
plots.curves(lines, x=range(40), title="A memory built by hand", xlabel="step")

# %% [markdown]
# At the two markers the input gate opens and the forget gate closes: the cell takes the value offered (its tanh) and then holds it, level, whatever else is offered. A trained LSTM finds such weights by itself, if gradients can reach back that far.
#
# Along c the Jacobian is diag(f), plus a part through h. So an LSTM does not *solve* vanishing. It has a path, and the forget gate decides what survives on it.

# %% [markdown]
# ### Predict 10.2 · A gate half open
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# A fresh LSTM has small weights and biases near 0, so its forget gates stand near σ(0) = 0.5. What is left of a gradient after 100 steps along c?
#
# - a: all of it, since the LSTM adds
# - b: about a half
# - c: about a hundredth
# - d: about 10⁻³⁰

# %% nbgrader={"grade_id": "predict-10-2"}
# Write your choice: predict_10_2 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_10_2 = "d"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-10-2-check", "points": 0}
# Arrange
# Act
choice = predict_10_2
# Assert
check.one_of(choice, ("a", "b", "c", "d"), "your choice")

# %%
for bias in (0.0, 1.0, 2.0, 4.0):
    gate = torch.sigmoid(torch.tensor(bias, dtype=torch.float64))
    print(f"forget bias {bias:.0f}: gate {gate:.2f}, after 100 steps {gate**100:.0e}")
lstm = nn.LSTM(1, 32)
with torch.no_grad():
    for name in ("bias_ih_l0", "bias_hh_l0"):
        getattr(lstm, name)[32:64] = 1
print("1 in both bias vectors: effective bias", (lstm.bias_ih_l0 + lstm.bias_hh_l0)[40].item())

# %% [markdown]
# So start with the gate open: a forget bias of 1 or 2, more for long spans (about log T). The two bias vectors are *added*: 1 in both makes 2. Write into one, clear the other.
#
# The **GRU** does with one state and two gates:
#
# - reset r and update z: σ(W x + b + V h + d), as in the LSTM;
# - n = tanh(W x + b + r ⊙ (V h + d)),
# - then h ← (1 − z) ⊙ n + z ⊙ h.
#
# Here z near 1 *keeps*. Many books exchange z and 1 − z; the original puts r before the product, V (r ⊙ h). All learn, but weights do not carry over. Which is PyTorch's?


# %%
def gru_form(cell, x, h, z_keeps, reset_after):
    a = (x @ cell.weight_ih.T + cell.bias_ih).chunk(3, dim=1)
    b = (h @ cell.weight_hh.T + cell.bias_hh).chunk(3, dim=1)
    r, z = torch.sigmoid(a[0] + b[0]), torch.sigmoid(a[1] + b[1])
    V, d = cell.weight_hh.chunk(3)[2], cell.bias_hh.chunk(3)[2]
    n = torch.tanh(a[2] + (r * b[2] if reset_after else (r * h) @ V.T + d))
    return (1 - z) * n + z * h if z_keeps else z * n + (1 - z) * h


torch.manual_seed(0)
cell, x, h = nn.GRUCell(3, 4), torch.randn(5, 3), torch.randn(5, 4)
for keeps in (True, False):
    for after in (True, False):
        off = (gru_form(cell, x, h, keeps, after) - cell(x, h)).abs().max().item()
        print(f"z keeps: {keeps!s:5} reset after the product: {after!s:5} off by {off:.2f}")

# %% [markdown]
# ### Exercise 10.2 · RNN, LSTM, GRU
# ★★★★☆ · 40 min · implementation · 10 points
#
# Only the first line above is 0: z keeps the old state, and r acts *after* the product. Trust equations only when they reproduce the layer.
#
# First cell: one step of each, with PyTorch's equations, blocks and order (i, f, g, o; r, z, n). `w` has the names of `nn.LSTMCell`: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`. Gradients are compared too; the built-in cells are the answer, so do without.
#
# Second cell:
#
# - `count_params("LSTM", 3, 5)` is 4 · (3·5 + 5·5 + 5 + 5) = 200; a GRU has 3 blocks, an RNN 1. Layers above the first read all directions of the one below.
# - `set_forget_bias`: in each layer and direction the two forget biases add up to `value`; nothing else changes.
# - `gradient_reach`: with s the sum of the last output, ‖∂s/∂xₜ‖ for each t. `x` and the layer stay as they are, without a `.grad`.
#
# <details><summary>Hint 1</summary>
#
# `F.linear(x, w["weight_ih"], w["bias_ih"]) + F.linear(h, w["weight_hh"], w["bias_hh"])`, then `.chunk(4, dim=1)`. For the GRU, keep the two products apart. The forget gate is the second block of each bias.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `for name, bias in lstm.named_parameters()`: names with `bias_ih` get `value` in the slice H to 2H, names with `bias_hh` get 0, under `no_grad`. For the reach: a leaf copy of `x`, `torch.autograd.grad(layer(leaf[None])[0][0, -1].sum(), leaf)`.
#
# </details>


# %% nbgrader={"grade_id": "ex-10-2"}
def rnn_step(x: torch.Tensor, h: torch.Tensor, w: dict[str, torch.Tensor]) -> torch.Tensor:
    """One step with tanh: x (N, I), h (N, H) → the new h (N, H)."""
    ### BEGIN SOLUTION
    return torch.tanh(
        F.linear(x, w["weight_ih"], w["bias_ih"]) + F.linear(h, w["weight_hh"], w["bias_hh"])
    )
    ### END SOLUTION


def lstm_step(x, state, w) -> tuple[torch.Tensor, torch.Tensor]:
    """One step: x (N, I), state = (h, c), each (N, H) → the new (h, c). Blocks: i, f, g, o."""
    ### BEGIN SOLUTION
    h, c = state
    blocks = F.linear(x, w["weight_ih"], w["bias_ih"]) + F.linear(h, w["weight_hh"], w["bias_hh"])
    i, f, g, o = blocks.chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c
    ### END SOLUTION


def gru_step(x: torch.Tensor, h: torch.Tensor, w: dict[str, torch.Tensor]) -> torch.Tensor:
    """One step: x (N, I), h (N, H) → the new h (N, H). Blocks: r, z, n."""
    ### BEGIN SOLUTION
    from_x = F.linear(x, w["weight_ih"], w["bias_ih"]).chunk(3, dim=1)
    from_h = F.linear(h, w["weight_hh"], w["bias_hh"]).chunk(3, dim=1)
    r, z = torch.sigmoid(from_x[0] + from_h[0]), torch.sigmoid(from_x[1] + from_h[1])
    n = torch.tanh(from_x[2] + r * from_h[2])
    return (1 - z) * n + z * h
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-10-2-check", "points": 1}
# Arrange
log3, artanh = 1.0986123, 0.5493061  # σ(log3) = 0.75, tanh(artanh) = 0.5
nothing, one_h, two_c = torch.zeros(1, 1), torch.ones(1, 1), torch.full((1, 1), 2.0)


def bare(blocks, bias_ih, bias_hh):
    flat = torch.zeros(blocks, 1)
    return {
        "weight_ih": flat,
        "weight_hh": flat.clone(),
        "bias_ih": torch.tensor(bias_ih),
        "bias_hh": torch.tensor(bias_hh),
    }


w_rnn = bare(1, [artanh / 2], [artanh / 2])
w_lstm = bare(4, [log3 / 2, -log3 / 2, artanh, 0.0], [log3 / 2, -log3 / 2, 0.0, 0.0])
w_gru = bare(3, [log3 / 2, -log3 / 2, 0.0], [log3 / 2, -log3 / 2, artanh / 0.75])


def pair(h, c):
    return [torch.tensor([[h]]), torch.tensor([[c]])]


# Act
rnn_h = rnn_step(nothing, one_h, w_rnn)
lstm_hc = observe.copy(lstm_step(nothing, (one_h, two_c), w_lstm))
gru_h = gru_step(nothing, one_h, w_gru)
# Assert
check.close(
    rnn_h,
    torch.tensor([[0.5]]),
    "the RNN step, all weights 0",
    ideas={"There are two biases, and both count": torch.tensor([[0.26795]])},
    atol=1e-4,
)
check.close(
    lstm_hc,
    pair(0.3519, 0.875),
    "(h, c) of the LSTM step: i = 0.75, f = 0.25, g = 0.5, o = 0.5, c = 2",
    ideas={
        "Input and forget gate are exchanged: the order is i, f, g, o": pair(0.4627, 1.625),
        "Candidate and output gate are exchanged: the order is i, f, g, o": pair(0.2930, 0.5),
        "h is o · tanh(c): the tanh is missing": pair(0.4375, 0.875),
        "c came first: return (h, c)": pair(0.875, 0.3519),
        "h uses the old c: first the new c, then h": pair(0.4820, 0.875),
        "The candidate g is a tanh, not a sigmoid": pair(0.3750, 0.9755),
    },
    atol=1e-4,
    hint="c = f · c + i · g, h = o · tanh(c); both biases count",
)
check.close(
    gru_h,
    torch.tensor([[0.625]]),
    "the GRU step: r = 0.75, z = 0.25, n = 0.5, h = 1",
    ideas={
        "z and 1 - z are exchanged: in PyTorch z keeps the old state": torch.tensor([[0.875]]),
        "r acts after the product, on the bias of h too: r · (V h + d)": torch.tensor([[0.7184]]),
        "r and z are exchanged: the order is r, z, n": torch.tensor([[0.7954]]),
    },
    atol=1e-4,
    hint="n = tanh(from x + r · from h), h = (1 - z) · n + z · h",
)


# %% nbgrader={"grade_id": "ex-10-2-b"}
def count_params(kind: str, inputs: int, hidden: int, layers=1, bidirectional=False) -> int:
    """Parameters of nn.RNN, nn.LSTM or nn.GRU (kind is "RNN", "LSTM" or "GRU")."""
    ### BEGIN SOLUTION
    blocks, directions = {"RNN": 1, "GRU": 3, "LSTM": 4}[kind], 1 + bidirectional
    total = 0
    for layer in range(layers):
        arriving = inputs if layer == 0 else directions * hidden
        total += directions * blocks * hidden * (arriving + hidden + 2)
    return total
    ### END SOLUTION


def set_forget_bias(lstm: nn.LSTM, value: float) -> None:
    """Make the two forget biases add up to value, in each layer and direction, in place."""
    ### BEGIN SOLUTION
    forget = slice(lstm.hidden_size, 2 * lstm.hidden_size)
    with torch.no_grad():
        for name, bias in lstm.named_parameters():
            if name.startswith("bias"):
                bias[forget] = value if name.startswith("bias_ih") else 0.0
    ### END SOLUTION


def gradient_reach(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """x (T, I), one sequence → (T,): ‖∂(sum of the last output)/∂x[t]‖; a batch_first layer."""
    ### BEGIN SOLUTION
    leaf = x.detach().clone().requires_grad_()
    output, _ = layer(leaf[None])
    (gradient,) = torch.autograd.grad(output[0, -1].sum(), leaf)
    return gradient.norm(dim=1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-10-2-check-2", "points": 1}
# Arrange
sizes = [("RNN", 3, 5), ("GRU", 3, 5), ("LSTM", 3, 5)]
halving = {
    "weight_ih_l0": torch.tensor([[1.0]]),
    "weight_hh_l0": torch.tensor([[0.5]]),
    "bias_ih_l0": torch.zeros(1),
    "bias_hh_l0": torch.zeros(1),
}
still = torch.zeros(3, 1)
# Act
counted = [count_params(*size) for size in sizes]
opened = nn.LSTM(1, 2)
set_forget_bias(opened, 2.0)
effective = observe.copy((opened.bias_ih_l0 + opened.bias_hh_l0)[2:4])
halver = nn.RNN(1, 1, batch_first=True)
halver.load_state_dict(halving)
reached = gradient_reach(halver, still)
# Assert
check.equal(
    counted,
    [50, 150, 200],
    "parameters of RNN, GRU and LSTM for 3 inputs, 5 hidden",
    ideas={"PyTorch keeps two bias vectors": [45, 135, 180]},
    hint="blocks · hidden · (inputs + hidden + 2)",
)
check.close(
    effective,
    torch.tensor([2.0, 2.0]),
    "the effective forget bias",
    ideas={"The two bias vectors are added: value stands in both": torch.tensor([4.0, 4.0])},
    hint="The forget gate is the second block: entries H to 2H of each bias",
)
check.close(
    reached,
    torch.tensor([0.25, 0.5, 1.0]),
    "the reach of h = tanh(x + h/2) near 0",
    ideas={
        "This is the gradient of the sum over all steps: take the last output alone": torch.tensor(
            [1.75, 1.5, 1.0]
        ),
        "The steps are in reverse order": torch.tensor([1.0, 0.5, 0.25]),
        "s is the sum of the last output, not its norm": torch.zeros(3),
    },
    hint="One number a step: the norm of the gradient over the features",
)

# %% tags=["demo"] alt="Gradient reach on a logarithmic axis against the step, 0 to 99. RNN, GRU and default LSTM fall in straight lines from about 0.1 at step 99 to 1e-19 or less at step 0. The LSTM with forget bias 2 stays near 1e-3 all the way."
kinds = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM, "LSTM, forget bias 2": nn.LSTM}
x, lines = torch.randn(100, 1, generator=seeded(9)), {}
for name, kind in kinds.items():  # your ruler for memory, on four fresh networks
    torch.manual_seed(0)
    layer = kind(1, 32, batch_first=True)
    if "bias" in name:
        set_forget_bias(layer, 2.0)
    lines[name] = gradient_reach(layer, x)
    print(f"{name:20} first step {lines[name][0]:.0e}, last step {lines[name][-1]:.0e}")
title = "How far back a fresh network sees"
plots.curves(lines, x=range(100), log=True, xlabel="step", ylabel="reach", title=title)


# %% [markdown]
# On this logarithmic axis, three lines fall straight: each step costs the same factor. Fresh, the LSTM forgets as fast as the plain RNN. Opening the gate lifts its first step by about eighteen powers of ten.
#
# So beware of rules of thumb ("an RNN reaches 20 steps, an LSTM 100"): you will find all numbers, and they contradict each other. Initialisation, task and training decide. Here is a race: recall the first of 40 symbols.


# %% tags=["demo"]
x, y = sequences.recall(640, seeded(10))
new_x, new_y = sequences.recall(500, seeded(11))
loss_fn = nn.CrossEntropyLoss()
for kind, bias in ((nn.RNN, 0), (nn.LSTM, 0), (nn.LSTM, 5), (nn.GRU, 0), (nn.GRU, 5)):
    torch.manual_seed(0)
    layer = kind(4, 32, batch_first=True)
    if bias:  # block 1 is the forget gate of the LSTM, the update gate of the GRU
        with torch.no_grad():
            layer.bias_ih_l0[32:64], layer.bias_hh_l0[32:64] = bias, 0.0
    model = LastState(layer, 4)
    train(model, batches(x, y, size=64), loss_fn, epochs=20)
    score = gradus.evaluate(model, batches(new_x, new_y), loss_fn)["accuracy"]
    count = sum(p.numel() for p in layer.parameters())
    print(f"{kind.__name__:4} gate bias {bias}  {count:5} parameters  accuracy {score:.2f}")


# %% [markdown]
# Chance is 0.25. What separates the gated networks here is not their name but one bias. Try other seeds: they move the numbers, the plain RNN's most of all, so one race is no ranking. The GRU has three quarters of the LSTM's parameters. Which runs faster, only your machine can say.
#
# One more point about the start. The recurrent matrix is often made *orthogonal*: all singular values 1, nothing shrinks. But PyTorch stacks the gates in one matrix.


# %%
def smallest(matrix):
    """The smallest singular value of each gate's block."""
    return [round(torch.linalg.svdvals(b).min().item(), 3) for b in matrix.detach().chunk(4)]


torch.manual_seed(0)
stack = nn.LSTM(8, 64).weight_hh_l0
nn.init.orthogonal_(stack)
print("orthogonal on the stack:", smallest(stack))
for block in stack.chunk(4):
    nn.init.orthogonal_(block)
print("orthogonal gate by gate:", smallest(stack))
spread = [nn.init.xavier_uniform_(torch.empty(n, 64)).std() for n in (256, 64)]
print(f"Xavier: std {spread[0]:.3f} on the stack, {spread[1]:.3f} gate by gate")


# %% [markdown]
# Initialise gate by gate, with Xavier too: the stack shows it a fan-out four times too large.
#
# Other dials, with usual first values:
#
# - **Depth**: one or two layers. `num_layers=2` feeds the outputs of the first to the second.
# - **Dropout**: `dropout=0.3` acts *between* layers, so on one layer it does nothing but warn. It does not touch the recurrent path; put `nn.Dropout` before the head if you want it there.
# - **Rate**: Adam with 0.001 is a common start, neither high nor low; up to 0.01 for nets as small as these. When the validation loss stalls, `torch.optim.lr_scheduler.ReduceLROnPlateau` lowers it.
# - **Batch**: 32 to 128. Batch norm across steps fits badly; layer norm (chapter 9) fits well.

# %% [markdown]
# ## A label for every step
#
# To clean a noisy signal, or name the part of speech of each word, apply the head to *every* output: a linear layer acts on the last axis, whatever stands before. And when the whole sequence is there, why read it in one direction only? `bidirectional=True` adds a second network that reads from the end; its states are joined to the first's, feature by feature.
#
# What if the future is what you forecast, or the sound is still arriving? Then no second direction: probe 3.

# %% [markdown]
# ### Predict 10.3 · The last step of two directions
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# A classifier reads 24 steps with a bidirectional GRU, H = 8, and takes `output[:, -1]`, 16 numbers. How many of the 24 steps has the *backward* half, `output[:, -1, 8:]`, seen?
#
# Write the number.

# %% nbgrader={"grade_id": "predict-10-3"}
# Write a whole number: predict_10_3 = ...
### BEGIN SOLUTION
predict_10_3 = 1
### END SOLUTION

# %% nbgrader={"grade_id": "predict-10-3-check", "points": 0}
# Arrange
# Act
choice = predict_10_3
# Assert
check.one_of(choice, tuple(range(25)), "your number", hint="A whole number from 0 to 24")

# %% alt="Two blocks of four equal rows, 24 columns each. Upper block, output at the last step, backward half: only column 23 is filled. Lower block, h_n of both directions: all columns are filled."
torch.manual_seed(0)
both = nn.GRU(1, 8, batch_first=True, bidirectional=True)
x = torch.randn(1, 24, 1, generator=seeded(12), requires_grad=True)
output, h_n = both(x)
reads = {"output[:, -1, 8:]": output[:, -1, 8:], "both h_n": torch.cat([h_n[-2], h_n[-1]], dim=1)}
rows = [torch.autograd.grad(t.sum(), x, retain_graph=True)[0].flatten() for t in reads.values()]
print("h_n[-1] is output[:, 0, 8:]:", torch.equal(h_n[-1], output[:, 0, 8:]))
title = "Steps that were seen. Rows 0–3: output[:, -1, 8:], 5–8: both h_n"
gap = torch.full((1, 24), torch.nan)
seen = [(row != 0).float().expand(4, 24) for row in rows]
plots.heat(torch.cat([seen[0], gap, seen[1]]), title=title, xlabel="step")


# %% [markdown]
# ### Exercise 10.3 · Clean a signal
# ★★★☆☆ · 25 min · implementation · 7 points
#
# The backward network *starts* at the last step: its final state is `h_n[-1]`, and stands at step 0. To classify, join `h_n[-2]`, forward, and `h_n[-1]`, backward. (Half a model still scores decently; that is how this bug survives.) Labels need no joining:
#
# - `moving_average(x, k)`: the baseline. The mean of the k steps around each, k odd; at the edges, of those that exist. [1, 2, 6] with k = 3 gives [1.5, 3, 4].
# - `make_pairs`: what goes in and what is wanted, to train with. The noise is `noise_std * torch.randn(clean.shape, generator=generator)`.
# - `BiDenoiser`: `self.rnn`, a bidirectional `nn.LSTM` with one input and `batch_first=True`, and `self.head`, linear, on every step.
#
# <details><summary>Hint 1</summary>
#
# Sums of a window: pad with zeros and add up the k shifted copies. Do the same to a tensor of ones to count how many exist. A denoiser that is trained on noisy targets learns to copy.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `F.avg_pool1d(x.transpose(1, 2), k, 1, k // 2, count_include_pad=False)` divides by what exists. The head reads 2 · hidden numbers.
#
# </details>


# %% nbgrader={"grade_id": "ex-10-3"}
def moving_average(x: torch.Tensor, k: int) -> torch.Tensor:
    """(N, T, 1) → (N, T, 1): the mean of the k steps around each, k odd; fewer at the edges."""
    ### BEGIN SOLUTION
    smooth = F.avg_pool1d(x.transpose(1, 2), k, 1, k // 2, count_include_pad=False)
    return smooth.transpose(1, 2)
    ### END SOLUTION


def make_pairs(clean: torch.Tensor, noise_std: float, generator: torch.Generator):
    """(inputs, targets) to train a denoiser; clean stays as it is."""
    ### BEGIN SOLUTION
    return clean + noise_std * torch.randn(clean.shape, generator=generator), clean
    ### END SOLUTION


class BiDenoiser(nn.Module):
    """(N, T, 1) → (N, T, 1): self.rnn, a bidirectional LSTM, then self.head on every step."""

    def __init__(self, hidden: int):
        ### BEGIN SOLUTION
        super().__init__()
        self.rnn = nn.LSTM(1, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, 1)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        output, _ = self.rnn(x)
        return self.head(output)
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-10-3-check", "points": 1}
# Arrange
bumps = torch.tensor([[[1.0], [2.0], [6.0]]])
inner = {
    "rnn.weight_ih_l0": (8, 1),
    "rnn.weight_hh_l0": (8, 2),
    "rnn.bias_ih_l0": (8,),
    "rnn.bias_hh_l0": (8,),
}
backward_too = {name + "_reverse": shape for name, shape in inner.items()}
head_shapes = {"head.weight": (1, 4), "head.bias": (1,)}
# Act
averaged = moving_average(bumps, 3)
tiny = BiDenoiser(2)
parts = observe.shapes(observe.state(tiny))
cleaned_shape = observe.shapes(tiny(bumps))
# Assert
check.close(
    averaged,
    torch.tensor([[[1.5], [3.0], [4.0]]]),
    "the moving average of [1, 2, 6]",
    ideas={
        "At the edges the missing steps are counted as zeros: divide by the steps that exist": torch.tensor(
            [[[1.0], [3.0], [2.6666667]]]
        ),
        "It looks back only: the window is centred": torch.tensor([[[1.0], [1.5], [3.0]]]),
        "Only full windows: the output must be as long as the input": torch.tensor([[[3.0]]]),
    },
)
check.equal(
    parts,
    {**inner, **backward_too, **head_shapes},
    "names and shapes of the weights of BiDenoiser(2)",
    ideas={
        "There is one direction only: bidirectional=True": {
            **inner,
            "head.weight": (1, 2),
            "head.bias": (1,),
        },
    },
    hint="self.rnn = nn.LSTM(1, hidden, …, bidirectional=True), self.head = nn.Linear(2 · hidden, 1)",
)
check.equal(
    cleaned_shape,
    (1, 3, 1),
    "the shape of the output",
    ideas={"One number a sequence came: the head must read every step": (1, 1)},
)


# %% tags=["demo"] alt="60 steps of a signal: a jagged noisy line around a smooth wave, the moving average that follows with small bumps, and the network's smoother line, which lies close to the true wave."
x, y = make_pairs(sequences.tones(300, seeded(13)), 0.3, seeded(14))
noisy, true = make_pairs(sequences.tones(200, seeded(15)), 0.3, seeded(16))
torch.manual_seed(0)
model = BiDenoiser(16)
train(model, batches(x, y, size=20), nn.MSELoss(), epochs=10)
with torch.no_grad():
    rows = {f"average of {k}": moving_average(noisy, k) for k in (3, 5, 7)}
    rows |= {"noisy": noisy, "network": model(noisy)}
for name, signal in rows.items():
    print(f"{name:13} mean squared error {F.mse_loss(signal, true):.3f}")
rows |= {"true": true}
lines = {k: rows[k][0, :, 0] for k in ("noisy", "average of 5", "network", "true")}
plots.curves(lines, x=range(60), xlabel="step", ylabel="x", title="Cleaning a tone")


# %% [markdown]
# The network's line is smoother than the average's, and closer to the true one. Compare with the *best* simple rule, not with the noise: of the three windows, 5 is the best here.
#
# ## Different lengths
#
# A batch is one tensor, so short sequences are filled up, *padded*. Chapter 5 showed what that does to a last state: the network goes on reading zeros. Here is probe 2 for three ways to read the state: compare with each sequence read alone, and nudge one number of the padding.

# %%
torch.manual_seed(0)
gru, lengths = nn.GRU(1, 6, batch_first=True).requires_grad_(False), torch.tensor([3, 8, 5])
seqs = [torch.randn(n, 1, generator=seeded(n)) for n in (3, 8, 5)]
padded = pad_sequence(seqs, batch_first=True)
how = {"lengths": lengths, "batch_first": True, "enforce_sorted": False}
packed = pack_padded_sequence(padded, **how)
reads = {"h_n, padded": lambda t: gru(t)[1][0]}
reads["gathered"] = lambda t: gru(t)[0][torch.arange(3), lengths - 1]
reads["h_n, packed"] = lambda t: gru(pack_padded_sequence(t, **how))[1][0]
alone = torch.cat([gru(s[None])[1][0] for s in seqs])
for name, read in reads.items():
    off, nudged = (read(padded) - alone).abs().amax(1), observe.response(read, padded, (0, 6))
    print(f"{name:12} off by {off}, a nudge of the padding moves it by {nudged.abs().max():.2f}")
print("samples at each step of the packed run:", packed.batch_sizes.tolist())
print("unpacked again:", tuple(pad_packed_sequence(packed, batch_first=True)[0].shape))


# %% [markdown]
# Only the longest row survives padding. Gathering at length − 1 is right, and so is *packing*, which drops the padding: of all samples step 0, then step 1 of those that still run. `enforce_sorted=False` sorts for you and puts the order back. Lengths stay on the CPU.
#
# Two roads, but not always the same. Gathering fails for a **bidirectional** layer, whose backward half begins *in the padding*. Packing begins it at the true end.
#
# You may read that packing is an optional speed-up. It is a matter of being *right*. On a CPU it can well be slower: measure, if speed is the reason.

# %% [markdown]
# ### Exercise 10.4 · Any length
# ★★★☆☆ · 20 min · production · 7 points
#
# - `pad_batch(seqs, value)`: sequences (T_i, I) → a tensor (N, longest, I), filled up at the end with `value`, and the lengths, int64.
# - `last_valid(output, lengths)`: row n is `output[n, lengths[n] - 1]`. Whatever stands in the padding, NaN included, must not matter.
# - `encode_packed(layer, x, lengths)`: the final state of the last layer of an `nn.LSTM` (`batch_first=True`), as if each sequence had been read alone; (N, H), or (N, 2H), forward first, if bidirectional. Samples come in any order.
#
# Lengths 2 and 1: [[1], [2]] and [[5]] give [[[1], [2]], [[5], [0]]] and [2, 1].
#
# <details><summary>Hint 1</summary>
#
# `output[torch.arange(N), …]` picks one step a row. Multiplying by a mask is no way to remove a NaN: NaN · 0 is NaN. `h_n` comes out of a packed run in the original order.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `_, (h_n, _) = layer(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))`. The last layer is `h_n[-1]`; with two directions, `h_n[-2]` and `h_n[-1]`.
#
# </details>


# %% nbgrader={"grade_id": "ex-10-4"}
def pad_batch(seqs: list[torch.Tensor], value: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Sequences (T_i, I) → padded (N, max T_i, I) and lengths (N,), int64."""
    ### BEGIN SOLUTION
    lengths = torch.tensor([len(s) for s in seqs])
    return pad_sequence(seqs, batch_first=True, padding_value=value), lengths
    ### END SOLUTION


def last_valid(output: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """(N, T, H) → (N, H): of each sample the output at its last real step."""
    ### BEGIN SOLUTION
    return output[torch.arange(len(output), device=output.device), lengths - 1]
    ### END SOLUTION


def encode_packed(layer: nn.LSTM, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Padded x (N, T, I) → final hidden state of the last layer, (N, H · directions)."""
    ### BEGIN SOLUTION
    packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
    _, (h_n, _) = layer(packed)
    if layer.bidirectional:
        return torch.cat([h_n[-2], h_n[-1]], dim=1)
    return h_n[-1]
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-10-4-check", "points": 1}
# Arrange
long_one, short_one = torch.tensor([[1.0], [2.0]]), torch.tensor([[5.0]])
steps_out = torch.tensor([[[1.0, 10.0], [2.0, 20.0]], [[5.0, 50.0], [9.0, 90.0]]])
true_lengths = torch.tensor([2, 1])
# Act
filled, said_lengths = pad_batch([long_one, short_one])
picked = last_valid(steps_out, true_lengths)
# Assert
check.close(
    filled,
    torch.tensor([[[1.0], [2.0]], [[5.0], [0.0]]]),
    "the padded batch",
    ideas={
        "The padding stands in front: put it at the end": torch.tensor(
            [[[1.0], [2.0]], [[0.0], [5.0]]]
        ),
        "Samples and steps are exchanged: batch_first=True": torch.tensor(
            [[[1.0], [5.0]], [[2.0], [0.0]]]
        ),
    },
)
check.equal(said_lengths, torch.tensor([2, 1]), "the lengths", hint="A tensor of int64")
check.close(
    picked,
    torch.tensor([[2.0, 20.0], [5.0, 50.0]]),
    "the last valid output of lengths 2 and 1",
    ideas={
        "The shorter row was read in its padding: the last of n steps has index n - 1": torch.tensor(
            [[2.0, 20.0], [9.0, 90.0]]
        )
    },
    hint="The last of n steps has index n - 1",
)

# %% [markdown]
# What holds for states holds for losses: with a label a step, the padded steps must not count. Average over the *real* ones.

# %%
lengths, target = torch.tensor([2, 6]), torch.zeros(2, 6)
guess = torch.ones(2, 6)  # always off by 1: the mean squared error is 1
real = torch.arange(6) < lengths[:, None]
for fill in (0.0, 1000.0):
    each = (torch.where(real, guess, fill) - target) ** 2
    every, valid = each.mean().item(), each[real].mean().item()
    print(f"padding holds {fill:4.0f}: all steps {every:.2g}, real steps {valid:.2f}")
print("F.cross_entropy: give the padded steps the label -100, its ignore_index")

# %% [markdown]
# The mask `torch.arange(T) < lengths[:, None]` is worth remembering; attention (chapter 11) needs it too.
#
# ## A sequence out of a sequence
#
# To translate, input and output have different lengths and no step-by-step match. An **encoder** reads; its last state starts a **decoder**, which is fed a *start token* and then its own last word, until the end. In training, the true last word is fed instead, whatever the decoder said: **teacher forcing**. All steps can then be trained at once.
#
# Keep the two apart: a method that trains and sees the target, and one that generates and *cannot*.


# %% tags=["demo"]
class Reverser(nn.Module):
    def __init__(self, words=6, hidden=48):
        super().__init__()
        self.embed, self.head = nn.Embedding(words + 1, 16), nn.Linear(hidden, words)
        self.encoder = nn.GRU(16, hidden, batch_first=True)
        self.decoder = nn.GRU(16, hidden, batch_first=True)

    def forward(self, source, said):
        _, h = self.encoder(self.embed(source))
        output, _ = self.decoder(self.embed(said), h)
        return self.head(output).transpose(1, 2)


def shifted(target, start=6):  # the start token, then the target but for its last word
    return torch.cat([torch.full_like(target[:, :1], start), target[:, :-1]], dim=1)


# %% tags=["demo"]
order = torch.randperm(6**4, generator=seeded(17))  # all sentences of four words
x, new_x = torch.cartesian_prod(*[torch.arange(6)] * 4)[order].split([1024, 272])
torch.manual_seed(1)
model, y, target = Reverser(), x.flip(1), new_x.flip(1)
train(model, batches(x, shifted(y), y, size=64), nn.CrossEntropyLoss(), epochs=12)
with torch.no_grad():
    forced = model(new_x, shifted(target)).argmax(dim=1)
    changed = model(new_x, shifted((target + 1) % 6)).argmax(dim=1)
    own = torch.full((272, 1), 6)
    for _ in range(4):
        own = torch.cat([own, model(new_x, own).argmax(dim=1)[:, -1:]], dim=1)
scores = [f"{(words == target).float().mean():.2f}" for words in (forced, own[:, 1:])]
print("words right, forced and on its own:", scores)
print(f"forced answers that change with the target: {(forced != changed).float().mean():.2f}")


# %% [markdown]
# The forced score is a little higher: a teacher who whispers the true last word flatters. It is no measure of translation, for its answers depend on the target. Code that keeps a forcing ratio of 0.5 in evaluation leaks the same way, half of the time, at random. The loop at the end has no target to leak.
#
# The bottleneck is plain too: one vector must hold the whole sentence. Attention, in chapter 11, removes it.

# %% [markdown]
# ## Forecasting
#
# To forecast, cut a series into *windows*: w values in, the next h out. Three traps lie here.
#
# **Time.** Windows overlap. Shuffle them into train and test, and each test window has near twins in training. Cut the series first, then make windows on each side. The w + h − 1 windows that would reach across the cut are left out, so no value stands on both sides.
#
# **Scale.** Mean and standard deviation are learnt, so they come from the training side alone.
#
# **Baseline.** *Persistence* says "as now", the *seasonal* one "as a season ago". Many a network has not beaten them.
#
# And how to measure? A favourite is the mean percentage error, with 1e-8 added so as not to divide by zero.

# %%
series = torch.sin(math.pi * torch.arange(201) / 10).round(decimals=2)
known, y = series[:100], series[100:]
off = torch.full_like(y, 0.01)  # a forecast that is always 0.01 too high
mape = 100 * (off / (y + 1e-8)).abs().mean()
print(f"MAE {off.mean():.2f}, MAPE {mape:.0e} %")
print("and at y = -1e-8:", (0.01 / (torch.tensor([-1e-8]) + 1e-8)).item())
smape = 200 * off / (y.abs() + (y + off).abs())
print(f"symmetric: {smape.mean():.0f} %, where y = 0: {smape[y == 0].mean():.0f} %")
naive = (known[1:] - known[:-1]).abs().mean()
print(f"MASE: {off.mean() / naive:.2f}")

# %% [markdown]
# A forecast that is off by one hundredth scores millions of percent, or infinity, since the series crosses zero. The symmetric form divides by the mean of |y| and |forecast|; at zero it says 200 %, however small the error. The **MASE** divides your mean absolute error by that of a naive forecast *on the training series*: below 1 means better than naive. It needs no division by single values.
#
# To look h steps ahead, either give the head h outputs (*direct*), or predict one and feed it back (*autoregressive*). Beware of counting there: what a one-step model says after the last known value *is* the first future value. Code that collects it, and then runs n more steps, returns n + 1.

# %% [markdown]
# ### Exercise 10.5 · Forecast
# ★★★★☆ · 30 min · problem solving · 9 points
#
# - `make_windows(x, w, h)`: x (T, C) → inputs (N, w, C) and targets (N, h, C), one window a step. Too short a series: `ValueError`.
# - `prepare(x, w, h, cut)`: scale all of x with mean and std (`torch.std`'s default) of `x[:cut]`, per column; no window reaches across the cut. Returns train inputs, train targets, test inputs, test targets.
# - `autoregress(step, history, n)`: exactly the n values (N, n, C) after the history. `step` maps all that is known so far, (N, t, C), to the next value (N, C).
# - `mase(y, p, train, season)`: mean |y − p| divided by mean |train[t] − train[t − season]|.
#
# x = 0 … 5, w = 3, h = 2: inputs 0 1 2 and 1 2 3, targets 3 4 and 4 5. If `step` doubles the last value, history 1 goes on 2, 4, 8.
#
# <details><summary>Hint 1</summary>
#
# T − w − h + 1 windows. `prepare` is `make_windows` twice, on each side of the cut.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.stack([x[k : k + w] for k in range(count)])`. In the loop: `value = step(known)`, then `known = torch.cat([known, value[:, None]], dim=1)`; at the end `known[:, -n:]`, or better, `known[:, T:]`.
#
# </details>


# %% nbgrader={"grade_id": "ex-10-5"}
def make_windows(x: torch.Tensor, w: int, h: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Series (T, C) → inputs (N, w, C), targets (N, h, C). ValueError if T < w + h."""
    ### BEGIN SOLUTION
    count = len(x) - w - h + 1
    if count < 1:
        raise ValueError(f"a series of {len(x)} steps is too short for windows of {w} + {h}")
    inputs = torch.stack([x[k : k + w] for k in range(count)])
    targets = torch.stack([x[k + w : k + w + h] for k in range(count)])
    return inputs, targets
    ### END SOLUTION


def prepare(x: torch.Tensor, w: int, h: int, cut: int):
    """Scaled windows before and after `cut`: train inputs, train targets, test inputs, targets."""
    ### BEGIN SOLUTION
    scaled = (x - x[:cut].mean(dim=0)) / x[:cut].std(dim=0)
    return *make_windows(scaled[:cut], w, h), *make_windows(scaled[cut:], w, h)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-10-5-b"}
def autoregress(step, history: torch.Tensor, n: int) -> torch.Tensor:
    """The n values (N, n, C) that follow history (N, T, C); step: (N, t, C) → (N, C)."""
    ### BEGIN SOLUTION
    known = history
    for _ in range(n):
        known = torch.cat([known, step(known)[:, None]], dim=1)
    return known[:, history.shape[1] :]
    ### END SOLUTION


def mase(y: torch.Tensor, p: torch.Tensor, train: torch.Tensor, season: int = 1) -> float:
    """Mean absolute error of p, in units of the naive error on train (T,) or (T, C)."""
    ### BEGIN SOLUTION
    naive = (train[season:] - train[:-season]).abs().mean()
    return ((y - p).abs().mean() / naive).item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-10-5-check", "points": 1}
# Arrange
ramp = torch.arange(6.0)[:, None]
ramp_in = torch.tensor([[[0.0], [1.0], [2.0]], [[1.0], [2.0], [3.0]]])
ramp_out = torch.tensor([[[3.0], [4.0]], [[4.0], [5.0]]])
lone = torch.tensor([[[1.0]]])
seen_y, said_y = torch.tensor([1.0, 3.0]), torch.tensor([2.0, 5.0])
zigzag = torch.tensor([0.0, 2.0, 0.0, 2.0, 1.0])
# Act
window_pair = observe.copy(make_windows(ramp, 3, 2))
doubled = autoregress(lambda known: 2 * known[:, -1], lone, 3)
score = mase(seen_y, said_y, zigzag)
# Assert
check.close(
    window_pair,
    [ramp_in, ramp_out],
    "the windows of 0 … 5",
    ideas={
        "The last window is missing: there are T - w - h + 1": [ramp_in[:1], ramp_out[:1]],
        "The targets begin a step too early, inside the inputs": [ramp_in, ramp_out - 1],
    },
    hint="Inputs x[k : k + w], targets x[k + w : k + w + h]",
)
check.close(
    doubled,
    torch.tensor([[[2.0], [4.0], [8.0]]]),
    "three values after 1, each the double of the one before",
    ideas={
        "The history stands in front: return the new values only": torch.tensor(
            [[[1.0], [2.0], [4.0], [8.0]]]
        ),
        "All is a step early: the last known value stands in front": torch.tensor(
            [[[1.0], [2.0], [4.0]]]
        ),
        "The predictions are not fed back: every step starts from the same history": torch.tensor(
            [[[2.0], [2.0], [2.0]]]
        ),
        "One value too many: after n calls of step there are n values": torch.tensor(
            [[[2.0], [4.0], [8.0], [16.0]]]
        ),
    },
    hint="Call step n times, and append what it says to what is known",
)
check.close(
    score,
    1.5 / 1.75,
    "the MASE",
    ideas={
        "This is the error itself: divide by the naive error": 1.5,
        "The naive error is that of the training series, not of y": 0.75,
    },
    hint="Mean |y - p| over mean |train[t] - train[t - 1]|",
)

# %% [markdown]
# On to the sun. Its spots come and go in cycles of about eleven years. The next cell loads two centuries, month by month, averages over half-years, and compares six steps ahead, three years, on the part that no training window has touched. (If you have the real series on disk, you see that; else one made up in its likeness.) The unit is the naive error of *one* half-year, so six steps ahead a good score may well be above 1.

# %% tags=["demo"]
past, rest = (gradus.load("sunspots", train=part).inputs for part in (True, False))
w, h, cut = 22, 6, len(past) // 6
series = torch.cat([past, rest]).reshape(-1, 6, 1).mean(dim=1)
x, y, new_x, new_y = prepare(series, w, h, cut)
torch.manual_seed(0)
direct, single = (LastState(nn.GRU(1, 24, batch_first=True), ahead) for ahead in (h, 1))
train(direct, batches(x, y[..., 0]), nn.MSELoss(), epochs=15, lr=5e-3)
train(single, batches(x, y[:, :1, 0]), nn.MSELoss(), epochs=15, lr=5e-3)
said = {"as now": new_x[:, -1:].expand_as(new_y), "as 11 years ago": new_x[:, :h]}
said["mean of 11 years"] = new_x.mean(dim=1, keepdim=True).expand_as(new_y)
with torch.no_grad():
    said["GRU, direct"] = direct(new_x)[..., None]
    said["GRU, step by step"] = autoregress(single, new_x, h)
for name, p in said.items():  # x[:, 0]: the training series, scaled
    print(f"{name:18} MASE {mase(new_y, p, x[:, 0]):.2f}")


# %% tags=["demo"] alt="The test years in half-year steps: the true series rises and falls in cycles; the network's forecast, made three years before, turns when the truth turns, sometimes too high; the naive forecast is the truth moved to the right by six steps."
lines = {"true": new_y[:, -1, 0]} | {k: said[k][:, -1, 0] for k in ("GRU, direct", "as now")}
title, xlabel = "Spots, forecast three years ahead", "half-year of the test part"
plots.curves(lines, title=title, xlabel=xlabel, ylabel="scaled")


# %% [markdown]
# The naive line is the truth, three years late: at each turn it goes the wrong way. The network has learnt the cycle and turns in time, if not always to the right height. Both ways of using it beat all three baselines. (One seed, one test part: an idea, no ranking.)
#
# ## When gradients explode
#
# Back to the product, at its other end. The *adding task*: read 120 numbers, two of them marked, and give their sum. Against gradients that explode one can **clip**: if the gradient's norm over *all* parameters exceeds c, scale it down to c. The direction stays.

# %% [markdown]
# ### Predict 10.4 · Without clipping
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# A plain RNN with PyTorch's default start is trained on the adding task, 120 steps long, with Adam at 0.001 and no clipping, for 250 steps. What will you see?
#
# - a: NaN within the first few steps
# - b: some huge spikes above 1000, but no NaN
# - c: gradient norms below 10 all the time

# %% nbgrader={"grade_id": "predict-10-4"}
# Write your choice: predict_10_4 = "a", "b" or "c"
### BEGIN SOLUTION
predict_10_4 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-10-4-check", "points": 0}
# Arrange
# Act
choice = predict_10_4
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")


# %% tags=["demo"]
def norms_of(model, optimiser, limit, steps=250):
    source, norms = seeded(19), []
    for x, y in (sequences.adding(32, source) for _ in range(steps)):
        optimiser.zero_grad()
        F.mse_loss(model(x), y).backward()
        norms.append(nn.utils.clip_grad_norm_(model.parameters(), limit).item())
        optimiser.step()
    return norms


torch.manual_seed(0)
calm, (x, y) = LastState(nn.RNN(2, 32, batch_first=True), 1), sequences.adding(2000, seeded(20))
norms = norms_of(calm, torch.optim.Adam(calm.parameters(), lr=1e-3), math.inf)
print(f"largest norm {max(norms):.1f}, NaN: {sum(map(math.isnan, norms))}")
print(f"loss {F.mse_loss(calm(x), y).item():.2f}, variance of the sums {y.var():.2f}")


# %% [markdown]
# Nothing explodes: the default start makes matrices that shrink. (Nor is the task learnt: the loss is the variance, which a constant guess reaches too.) Here a threshold of 5 or 10 would never act. Vanishing is the everyday disease, exploding the rare one, and it comes when the recurrent matrix stretches, by its start or by training.
#
# So build it. An orthogonal matrix times 1.5, and plain SGD, which has no defence of its own. (`max_norm=inf` above means: measure only. `clip_grad_norm_` returns the norm *before* clipping, so no tracker of your own is needed.)

# %% [markdown]
# ### Exercise 10.6 · Clipping
# ★★★☆☆ · 15 min · implementation · 6 points
#
# - `clip_global_norm_(params, max_norm)`: clip by the norm over all gradients together, in place; returns the norm before, a float. Smaller gradients stay as they are. `params` may be a generator; some have no gradient.
# - `clipped_step`: one training step for a given loss, clipping at the right place; old gradients do not count. Returns the norm before clipping.
# - `clip_fraction(norms, c)`: the share of norms above c; inf and NaN count as above. It tells whether a threshold acts always, at times or never.
#
# Gradients [3] and [4]: norm 5; clipped to 1 they become [0.6] and [0.8]. `clip_grad_norm_` and its relatives are the answer, so do without.
#
# <details><summary>Hint 1</summary>
#
# A generator can be walked once: make a list of the gradients first. Clip between `backward` and `step`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The norm of all is the root of the sum of all squares. `g.mul_(max_norm / norm)` only if norm > max_norm. `not n <= c` is true for NaN.
#
# </details>


# %% nbgrader={"grade_id": "ex-10-6"}
def clip_global_norm_(params, max_norm: float) -> float:
    """Scale all gradients in place to a common norm of at most max_norm; the norm before."""
    ### BEGIN SOLUTION
    gradients = [p.grad for p in params if p.grad is not None]
    norm = math.sqrt(sum(g.square().sum().item() for g in gradients))
    if norm > max_norm:
        for g in gradients:
            g.mul_(max_norm / norm)
    return norm
    ### END SOLUTION


def clipped_step(loss: torch.Tensor, optimiser, params, max_norm: float) -> float:
    """One step of the optimiser on loss, with clipping; the norm before clipping."""
    ### BEGIN SOLUTION
    optimiser.zero_grad()
    loss.backward()
    norm = clip_global_norm_(params, max_norm)
    optimiser.step()
    return norm
    ### END SOLUTION


def clip_fraction(norms: list[float], c: float) -> float:
    """The share of norms above c; inf and NaN count as above."""
    ### BEGIN SOLUTION
    return sum(not norm <= c for norm in norms) / len(norms)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-10-6-check", "points": 1}
# Arrange
three_grad, four_grad = torch.tensor([3.0]), torch.tensor([4.0])
# Act
p_three, p_four = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
p_three.grad, p_four.grad = three_grad.clone(), four_grad.clone()
norm_before = clip_global_norm_([p_three, p_four], 1.0)
clipped_pair = [observe.copy(p_three.grad), observe.copy(p_four.grad)]
share = clip_fraction([0.5, 3.0, 2.0, 8.0], 2.5)
# Assert
check.close(
    clipped_pair,
    [torch.tensor([0.6]), torch.tensor([0.8])],
    "gradients 3 and 4, clipped to norm 1",
    ideas={
        "Each tensor is clipped alone: the norm is taken over all of them together": [
            torch.tensor([1.0]),
            torch.tensor([1.0]),
        ],
        "The gradients did not change: scale them in place": [
            torch.tensor([3.0]),
            torch.tensor([4.0]),
        ],
        "This divides by the squared norm: take the root of the sum of squares": [
            torch.tensor([0.12]),
            torch.tensor([0.16]),
        ],
    },
    atol=1e-4,
    hint="Multiply all gradients by max_norm / norm",
)
check.close(
    norm_before,
    5.0,
    "what clip_global_norm_ returns",
    ideas={
        "This is the norm after clipping: the norm before is the news": 1.0,
        "This is the squared norm": 25.0,
        "This adds up the norms of the parts; squares are added, then the root is taken": 7.0,
    },
)
check.close(
    share, 0.5, "the share of norms above 2.5", ideas={"A share is asked for, not a count": 2}
)

# %% tags=["demo"] alt="Gradient norm before clipping over 250 steps, on a logarithmic axis. Without clipping the line climbs beyond 1e18 and ends before step 90: inf and NaN cannot be drawn. With clipping at 1 the norms stay mostly between 0.1 and 10 to the end."
lines = {}
for name, limit in {"no clipping": math.inf, "clipped at 1": 1.0}.items():
    torch.manual_seed(0)
    wild = LastState(nn.RNN(2, 32, batch_first=True), 1)
    nn.init.orthogonal_(wild.rnn.weight_hh_l0, gain=1.5)
    lines[name] = norms_of(wild, torch.optim.SGD(wild.parameters(), lr=0.05), limit)
    lost, late = sum(not math.isfinite(n) for n in lines[name]), F.mse_loss(wild(x), y).item()
    print(f"{name}: {lost} of 250 norms are inf or NaN, loss at the end {late:.2f}")
shares = [f"{clip_fraction(lines['clipped at 1'], c):.0%}" for c in (0.1, 1.0, 10.0)]
print("thresholds 0.1, 1 and 10 would act on", ", ".join(shares), "of the steps")
grad = torch.tensor([3.0, 40.0])
print("clipped to 5 by norm:", grad * 5 / grad.norm(), "by value:", grad.clamp(-5, 5))
title, ylabel = "The same network, twice", "norm before clipping"
plots.curves(lines, x=range(250), log=True, xlabel="step", ylabel=ylabel, title=title)


# %% [markdown]
# Without clipping the line climbs out of the picture and ends: from there on all is NaN. With it the network lives on, yet the task is no better learnt than by a constant guess. Clipping rescues the numbers, not the learning: the step is short, and its direction still that of a few wild steps.
#
# Which threshold? "5", "1", "stay below 10" are all in print, and none is a law: the norm depends on model, loss and batch. Record the norms of a healthy run, and put c where it acts on the rare spikes. *Lowering* c clips more. Clipping by value turns the direction, as the last line shows. Let NaN be loud: `clip_grad_norm_(…, error_if_nonfinite=True)`; `torch.nn.utils.get_total_norm` measures alone.

# %% [markdown]
# ## What to remember
#
# - One function, the same weights, a state handed on. `output`: each step, last layer. `h_n`: last step, each layer.
# - Probe: samples, padding, future, order. `batch_first=True` is the first suspect.
# - Ask what accuracy is possible.
# - The gate decides how far gradients reach: open it, in *one* bias vector.
# - Two directions: join `h_n[-2]`, `h_n[-1]`. Lengths: pack or gather; mask the loss.
# - Generate without the target. Cut in time, then window; beat the naive forecast.
# - Clip by global norm between `backward` and `step`.
#
# When not an RNN? It is sequential, so slow on long data. Convolutions, transformers and state-space models train all steps at once. For streams its small state is handy; causal transformers can stream too, with a growing cache.

# %% [markdown]
# ## References
#
# - J. Elman, *Finding Structure in Time*, 1990.
# - Y. Bengio, P. Simard, P. Frasconi, *Learning Long-Term Dependencies with Gradient Descent is Difficult*, 1994.
# - S. Hochreiter, J. Schmidhuber, *Long Short-Term Memory*, 1997; F. Gers, J. Schmidhuber, F. Cummins, *Learning to Forget*, 2000.
# - M. Schuster, K. Paliwal, *Bidirectional Recurrent Neural Networks*, 1997.
# - K. Cho et al., *Learning Phrase Representations using RNN Encoder-Decoder*, 2014: the GRU.
# - I. Sutskever et al., *Sequence to Sequence Learning with Neural Networks*, 2014.
# - R. Pascanu et al., *On the Difficulty of Training Recurrent Neural Networks*, 2013: clipping.
# - R. Jozefowicz et al., *An Empirical Exploration of Recurrent Network Architectures*, 2015: the forget bias.
# - R. Hyndman, A. Koehler, *Another Look at Measures of Forecast Accuracy*, 2006: MASE.

# %% [markdown]
# ## Hidden tests
#
# <details><summary>What stands here</summary>
#
# The cells below hold the rest of the tests; in your copy they are empty but for a title. They run when you hand in, on other sizes and with the probes of this chapter.
#
# </details>

# %% nbgrader={"grade_id": "predict-10-1-hidden-1", "points": 1}
# Hidden test predict 10.1 · sine against cosine · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
said_1 = predict_10_1
# Assert
check.equal(
    said_1,
    "c",
    "your choice",
    ideas={
        "a cosine is a sine with another shift, and the shift is random: what is left to see?": "a",
        "which phases would be unambiguous? Every wave is as likely in either class": "b",
        "the noise is the same in both classes; take it away, and the waves still look alike": "d",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-10-2-hidden-1", "points": 1}
# Hidden test predict 10.2 · a gate half open · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
said_2 = predict_10_2
# Assert
check.equal(
    said_2,
    "d",
    "your choice",
    ideas={
        "before anything is added, c is multiplied by the forget gate, at each step": "a",
        "the gate multiplies once a step, a hundred times": "b",
        "the gate's factor is applied a hundred times, not divided by a hundred": "c",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-10-3-hidden-1", "points": 1}
# Hidden test predict 10.3 · the last step of two directions · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
said_3 = predict_10_3
# Assert
check.equal(
    said_3,
    1,
    "your number",
    ideas={
        "the backward network begins at the end; it has read all only at step 0": 24,
        "the two halves do not share the steps: each walks over all of them, from its own end": 12,
        "the step at which it stands is read too": 0,
        "these are the steps that it has still to read": 23,
    },
    hint="The backward network begins at the end",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-10-4-hidden-1", "points": 1}
# Hidden test predict 10.4 · without clipping · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
said_4 = predict_10_4
# Assert
check.equal(
    said_4,
    "c",
    "your choice",
    ideas={
        "NaN needs growth: does the default start stretch or shrink?": "a",
        "the default start shrinks; spikes need a recurrent matrix that stretches": "b",
    },
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-10-1-reference", "points": 0}
### BEGIN HIDDEN TESTS
def wave_weights(hidden, classes, seed, dtype=torch.float32):
    """Random weights of a classifier, by name."""
    source = seeded(seed)
    shapes = {
        "rnn.weight_ih_l0": (3 * hidden, 1),
        "rnn.weight_hh_l0": (3 * hidden, hidden),
        "rnn.bias_ih_l0": (3 * hidden,),
        "rnn.bias_hh_l0": (3 * hidden,),
        "head.weight": (classes, hidden),
        "head.bias": (classes,),
    }
    return {k: torch.randn(s, generator=source, dtype=dtype) * 0.7 for k, s in shapes.items()}


def wave_scores(weights, x, batch_first=True, read=lambda out: out[:, -1]):
    """What the classifier says, or one that makes a mistake."""
    gru = nn.GRU(1, weights["head.weight"].shape[1], batch_first=batch_first).to(x.dtype)
    gru.load_state_dict({k[4:]: v for k, v in weights.items() if k.startswith("rnn.")})
    with torch.no_grad():
        return F.linear(read(gru(x)[0]), weights["head.weight"], weights["head.bias"])


def one_pass(train, clear, data, weights):  # clear: "always", "late" (after each step) or "never"
    """Weights and loss after a pass of SGD, with or without the usual mistakes."""
    model = nn.Sequential(probes.Tattle(), nn.Linear(2, 1))
    model.load_state_dict(weights)
    model.train(train)
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-5)
    for p in model.parameters():
        p.grad = torch.full_like(p, 1e4)
    losses = []
    for a, b in data:
        if clear == "always" or (clear == "late" and losses):
            optimiser.zero_grad()
        loss = F.mse_loss(model(a), b)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return {k: v.clone() for k, v in model.state_dict().items()}, losses


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-1-hidden-1", "points": 1}
# Hidden test 10.1 · scores of three classes · 1 point
### BEGIN HIDDEN TESTS
# Arrange
weights_a = wave_weights(5, 3, 1011, torch.float64)
waves_a = torch.randn(7, 4, 1, generator=seeded(1012), dtype=torch.float64).transpose(0, 1)
true_a = wave_scores(weights_a, waves_a)
mixed_a = wave_scores(weights_a, waves_a, batch_first=False)
softmax_a = true_a.softmax(1)
mean_a = wave_scores(weights_a, waves_a, read=lambda out: out.mean(1))
first_a = wave_scores(weights_a, waves_a, read=lambda out: out[:, 0])
sizes_a = {k: tuple(v.shape) for k, v in weights_a.items()}
# Act
model_a = WaveClassifier(5, 3).double()
parts_a = observe.fill(model_a, weights_a)
scores_a = observe.copy(model_a(waves_a))
# Assert
check.equal(
    parts_a,
    sizes_a,
    "names and shapes of the weights",
    hint="self.rnn: one GRU in one direction; self.head: linear, hidden to classes",
)
check.close(
    scores_a,
    true_a,
    "scores of four waves in three classes",
    ideas={
        "Samples and steps are mixed up: is batch_first=True there?": mixed_a,
        "These are probabilities: leave softmax out": softmax_a,
        "This is the average over all steps": mean_a,
        "This is the state after the first step": first_a,
    },
    hint="The head reads the state after the last step, whatever the number of samples",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-1-hidden-2", "points": 1}
# Hidden test 10.1 · other samples do not matter, early steps do · 1 point
### BEGIN HIDDEN TESTS
# Arrange
weights_b = wave_weights(4, 2, 1013, torch.float64)
waves_b = torch.randn(3, 6, 1, generator=seeded(1014), dtype=torch.float64)
nudged_b = waves_b.clone()
nudged_b[1, 1] += 1.0
response_b = wave_scores(weights_b, nudged_b) - wave_scores(weights_b, waves_b)
nothing_b = torch.zeros(3, 2, dtype=torch.float64)
lone_b = wave_scores(weights_b, waves_b)[2:]
mixed_b, mean_b = [
    wave_scores(weights_b, nudged_b, **how) - wave_scores(weights_b, waves_b, **how)
    for how in ({"batch_first": False}, {"read": lambda out: out.mean(1)})
]
sizes_b = {k: tuple(v.shape) for k, v in weights_b.items()}
# Act
model_b = WaveClassifier(4, 2).double()
parts_b = observe.fill(model_b, weights_b)
moves_b = observe.response(model_b, waves_b, (1, 1))
single_b = observe.copy(model_b(waves_b[2:]))
# Assert
check.equal(
    parts_b,
    sizes_b,
    "names and shapes of the weights",
    hint="self.rnn: one GRU in one direction; self.head: linear, hidden to classes",
)
check.close(
    moves_b,
    response_b,
    "how the scores react to step 1 of sample 1",
    ideas={
        "Nothing moves: the early steps do not reach the scores": nothing_b,
        "Other samples react: is batch_first=True there?": mixed_b,
        "This is the average over all steps; the state after the last one is asked for": mean_b,
    },
    hint="The head reads the state after the last step, of each sample alone",
    atol=1e-9,
)
check.close(single_b, lone_b, "the scores of a batch of one", hint="No squeeze without a dimension")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-1-hidden-3", "points": 1}
# Hidden test 10.1 · one epoch of training, step by step · 1 point
### BEGIN HIDDEN TESTS
# Arrange
start_c = {
    "0.scale": torch.tensor(1.0),
    "1.weight": torch.tensor([[0.5, -0.3]]),
    "1.bias": torch.tensor([0.1]),
}
sizes_c = [4, 4, 1]
xs_c = [torch.randn(k, 2, generator=seeded(1015 + k)) for k in sizes_c]
ys_c = [torch.randn(k, 1, generator=seeded(1025 + k)) * 30 for k in sizes_c]
trusted_c = list(zip([t.clone() for t in xs_c], [t.clone() for t in ys_c], strict=True))
after_c, losses_c = one_pass(True, "always", trusted_c, start_c)
in_eval_c, _ = one_pass(False, "always", trusted_c, start_c)
uncleared_c, _ = one_pass(True, "never", trusted_c, start_c)
stale_c, _ = one_pass(True, "late", trusted_c, start_c)
mean_c = sum(loss * k for loss, k in zip(losses_c, (4, 4, 1), strict=True)) / 9
by_batch_c, last_c = sum(losses_c) / 3, losses_c[-1]
at_start_c = {k: v.clone() for k, v in start_c.items()}
# Act
model_c = nn.Sequential(probes.Tattle(), nn.Linear(2, 1)).eval()
model_c.load_state_dict(start_c)
optimiser_c = torch.optim.SGD(model_c.parameters(), lr=1e-5)
for p_c in model_c.parameters():
    p_c.grad = torch.full_like(p_c, 1e4)
data_c = probes.OncePerRun([(xs_c[k], ys_c[k]) for k in range(3)])
loss_c = train_epoch(model_c, data_c, nn.MSELoss(), optimiser_c)
weights_c = observe.state(model_c)
# Assert
check.close(
    weights_c,
    after_c,
    "the weights after one epoch of three uneven batches",
    ideas={
        "The model was in eval mode: call model.train() first": in_eval_c,
        "Old gradients are still in there: zero_grad before each backward": uncleared_c,
        "Gradients left from before the epoch count in the first step: zero_grad before backward, not after step": stale_c,
        "The weights did not move: is step() called?": at_start_c,
    },
    rtol=1e-4,
    hint="For each batch: loss, zero_grad, backward, step; one pass, in train mode",
)
check.close(
    loss_c,
    mean_c,
    "the loss of the epoch",
    ideas={
        "This is the mean of batch means: weigh each loss by the batch's size": by_batch_c,
        "This is the loss of the last batch alone": last_c,
    },
    rtol=1e-4,
    hint="Sum of loss.item() · len(y), divided by the number of samples",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-1-hidden-4", "points": 1}
# Hidden test 10.1 · sine and square are told apart · 1 point
### BEGIN HIDDEN TESTS
# Arrange
train_d, classes_d = sequences.waves(512, "square", seeded(1016))
new_d, truth_d = sequences.waves(400, "square", seeded(1017))
# Act
torch.manual_seed(3)
model_d = WaveClassifier(16)
optimiser_d = torch.optim.Adam(model_d.parameters(), lr=0.01)
for epoch_d in range(8):
    train_epoch(
        model_d, batches(train_d, classes_d, seed=epoch_d), nn.CrossEntropyLoss(), optimiser_d
    )
with torch.no_grad():
    scores_d = model_d.eval()(new_d)
guesses_d = observe.copy(scores_d).argmax(dim=1)
model_d.zero_grad()
F.cross_entropy(model_d(train_d[:20]), classes_d[:20]).backward()
reached_d = [p.grad is not None and bool(p.grad.any()) for p in model_d.rnn.parameters()]
# Assert
check.equal(
    reached_d,
    [True] * 4,
    "gradients of the GRU's four parameters",
    hint="The gradient must reach the GRU: no detach, no no_grad in forward",
)
check.accuracy(
    guesses_d,
    truth_d,
    0.9,
    "new waves after eight epochs",
    hint="Your classifier with your training loop does not learn the task",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-1-hidden-5", "points": 1}
# Hidden test 10.1 · what accuracy is possible · 1 point
### BEGIN HIDDEN TESTS
# Arrange
p_e = torch.rand(4, 6, generator=seeded(1018), dtype=torch.float64)
q_e = torch.rand(4, 6, generator=seeded(1019), dtype=torch.float64)
p_e[1, :3], q_e[1, 3:] = 0.0, 0.0
q_e[2] = p_e[2]
p_e, q_e = p_e / p_e.sum(1, keepdim=True), q_e / q_e.sum(1, keepdim=True)
best_e = (torch.maximum(p_e, q_e).sum(1) / 2).tolist()
certain_e = (1 - torch.minimum(p_e, q_e).sum(1)).tolist()
double_e = torch.maximum(p_e, q_e).sum(1).tolist()
# Act
possible_e = [float(best_accuracy(p_e[k], q_e[k])) for k in range(4)]
# Assert
check.close(
    possible_e,
    best_e,
    "the best accuracy for four pairs of distributions",
    ideas={
        "A coin toss is still right half of the time": certain_e,
        "Each class stands for half of the samples": double_e,
    },
    hint="For each outcome the best classifier names the likelier class",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-10-2-reference", "points": 0}
### BEGIN HIDDEN TESTS
def cell_case(kind, seed):
    """Inputs, weights, cotangent; then value and gradients of PyTorch's cell."""
    source = seeded(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=source, dtype=torch.float64)

    blocks = {nn.RNNCell: 1, nn.GRUCell: 3, nn.LSTMCell: 4}[kind] * 4
    weights = [draw(blocks, 3), draw(blocks, 4), draw(blocks), draw(blocks)]
    states = [draw(5, 4) for _ in range(1 + (kind is nn.LSTMCell))]
    inputs = [draw(5, 3), *states, *weights]
    cotangent = draw(5, 4 * len(states))
    leaves = [t.clone().requires_grad_() for t in inputs]
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    cell = kind(3, 4).double()
    state = tuple(leaves[1:3]) if kind is nn.LSTMCell else leaves[1]
    named = dict(zip(names, leaves[-4:], strict=True))
    out = torch.func.functional_call(cell, named, (leaves[0], state))
    out = torch.cat(out, dim=1) if kind is nn.LSTMCell else out
    return tuple(inputs), cotangent, out.detach(), list(torch.autograd.grad(out, leaves, cotangent))


def gru_mistake(x, h, w_ih, w_hh, b_ih, b_hh, keeps=True, after=True, reads=True):
    """The GRU with other conventions."""
    a, b = F.linear(x, w_ih, b_ih).chunk(3, 1), F.linear(h, w_hh, b_hh).chunk(3, 1)
    r, z = torch.sigmoid(a[0] + b[0]), torch.sigmoid(a[1] + b[1])
    late = r * b[2] if after else F.linear(r * h, w_hh.chunk(3)[2], b_hh.chunk(3)[2])
    n = torch.tanh(reads * a[2] + late)
    return (1 - z) * n + z * h if keeps else z * n + (1 - z) * h


def lstm_mistake(x, h, c, w_ih, w_hh, b_ih, b_hh, order="ifgo", squash=True):
    """The LSTM with other conventions."""
    parts = (F.linear(x, w_ih, b_ih) + F.linear(h, w_hh, b_hh)).chunk(4, 1)
    i, f, g, o = (parts[order.index(gate)] for gate in "ifgo")
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.cat([torch.sigmoid(o) * (torch.tanh(c) if squash else c), c], 1)


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-2-hidden-1", "points": 1}
# Hidden test 10.2 · the RNN step, values and gradients · 1 point
### BEGIN HIDDEN TESTS
# Arrange
given_r, up_r, value_r, grads_r = cell_case(nn.RNNCell, 1021)
# Act
pulled_r = observe.vjp(
    lambda x, h, a, b, c, d: rnn_step(
        x, h, {"weight_ih": a, "weight_hh": b, "bias_ih": c, "bias_hh": d}
    ),
    given_r,
    up_r,
)
text = observe.source(rnn_step)
# Assert
check.close(
    pulled_r["value"],
    value_r,
    "the new state",
    rtol=1e-8,
    hint="tanh of both products and both biases",
)
check.close(
    pulled_r["grads"],
    grads_r,
    "gradients of x, h, both weights and both biases",
    rtol=1e-7,
    hint="Do not detach the state: the gradient goes through it",
)
check.avoids(
    text,
    "the steps without the built-in cells",
    calls=(
        "RNNCell",
        "LSTMCell",
        "GRUCell",
        "rnn_tanh_cell",
        "lstm_cell",
        "gru_cell",
        "functional_call",
        "load_state_dict",
    ),
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-2-hidden-2", "points": 2}
# Hidden test 10.2 · the LSTM step, values and gradients · 2 points
### BEGIN HIDDEN TESTS
# Arrange
given_l, up_l, value_l, grads_l = cell_case(nn.LSTMCell, 1022)
swapped_l = lstm_mistake(*given_l, order="figo").clone()
late_g_l = lstm_mistake(*given_l, order="ifog").clone()
bare_l = lstm_mistake(*given_l, squash=False).clone()
before_l = [t.clone() for t in given_l[:3]]
# Act
pulled_l = observe.vjp(
    lambda x, h, c, a, b, p, q: torch.cat(
        list(lstm_step(x, (h, c), {"weight_ih": a, "weight_hh": b, "bias_ih": p, "bias_hh": q})),
        dim=1,
    ),
    given_l,
    up_l,
)
x_l, h_l, c_l = [t.clone() for t in given_l[:3]]
named_l = {
    "weight_ih": given_l[3],
    "weight_hh": given_l[4],
    "bias_ih": given_l[5],
    "bias_hh": given_l[6],
}
again_l = observe.copy(lstm_step(x_l, (h_l, c_l), named_l))
kept_l = [observe.copy(x_l), observe.copy(h_l), observe.copy(c_l)]
# Assert
check.close(
    pulled_l["value"],
    value_l,
    "the new h and c",
    ideas={
        "Input and forget gate are exchanged: the order is i, f, g, o": swapped_l,
        "Candidate and output gate are exchanged: the order is i, f, g, o": late_g_l,
        "h is o · tanh(c): the tanh is missing": bare_l,
    },
    rtol=1e-8,
    hint="c = f · c + i · g, h = o · tanh(c); both products and both biases count",
)
check.close(
    pulled_l["grads"],
    grads_l,
    "gradients of x, h, c, both weights and both biases",
    rtol=1e-7,
    hint="Do not detach the state: the gradient goes through it",
)
check.unchanged(kept_l, before_l, "x, h and c")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-2-hidden-3", "points": 2}
# Hidden test 10.2 · the GRU step, values and gradients · 2 points
### BEGIN HIDDEN TESTS
# Arrange
given_g, up_g, value_g, grads_g = cell_case(nn.GRUCell, 1023)
flipped_g = gru_mistake(*given_g, keeps=False).clone()
early_g = gru_mistake(*given_g, after=False).clone()
other_g = gru_mistake(*given_g, keeps=False, after=False).clone()
deaf_g = gru_mistake(*given_g, reads=False).clone()
# Act
pulled_g = observe.vjp(
    lambda x, h, a, b, c, d: gru_step(
        x, h, {"weight_ih": a, "weight_hh": b, "bias_ih": c, "bias_hh": d}
    ),
    given_g,
    up_g,
)
# Assert
check.close(
    pulled_g["value"],
    value_g,
    "the new state",
    ideas={
        "z and 1 - z are exchanged: in PyTorch z keeps the old state": flipped_g,
        "r acts after the product with V, not before": early_g,
        "This is the form of many books: z keeps, and r acts after the product": other_g,
        "The candidate n reads x too: tanh(from x + r · from h)": deaf_g,
    },
    rtol=1e-8,
    hint="n = tanh(from x + r · from h), h = (1 - z) · n + z · h",
)
check.close(
    pulled_g["grads"],
    grads_g,
    "gradients of x, h, both weights and both biases",
    rtol=1e-7,
    hint="Do not detach the state: the gradient goes through it",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-2-hidden-4", "points": 1}
# Hidden test 10.2 · parameters of deep and two-way layers · 1 point
### BEGIN HIDDEN TESTS
# Arrange
shapes_n = [
    ("RNN", 1, 7),
    ("GRU", 4, 3, 2),
    ("LSTM", 2, 5, 1, True),
    ("LSTM", 6, 4, 3, True),
    ("GRU", 3, 3, 2, True),
]
kinds_n = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
built_n = [
    kinds_n[kind](*rest[:3], bidirectional=len(rest) == 4)
    for kind, *rest in [tuple(s) for s in shapes_n]
]
true_n = [sum(p.numel() for p in layer.parameters()) for layer in built_n]
lone_n = [
    sum(p.numel() for n, p in layer.named_parameters() if "bias_hh" not in n) for layer in built_n
]
narrow_n = [
    sum(p.numel() for n, p in layer.named_parameters() if "weight_ih" not in n or "l0" in n)
    + sum(
        p[:, : layer.hidden_size].numel()
        for n, p in layer.named_parameters()
        if "weight_ih" in n and "l0" not in n
    )
    for layer in built_n
]
# Act
numbers_n = [count_params(*shape) for shape in shapes_n]
# Assert
check.equal(
    numbers_n,
    true_n,
    "parameters of five layers",
    ideas={
        "PyTorch keeps two bias vectors": lone_n,
        "A layer above a two-way layer reads both directions": narrow_n,
    },
    hint="Blocks: RNN 1, GRU 3, LSTM 4; each direction has weights of its own",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-2-hidden-5", "points": 1}
# Hidden test 10.2 · the forget bias and nothing else · 1 point
### BEGIN HIDDEN TESTS
# Arrange
source_f = seeded(1024)
model_f = nn.LSTM(3, 4, num_layers=2, bidirectional=True)
drawn_f = {k: torch.randn(v.shape, generator=source_f) for k, v in model_f.state_dict().items()}
ends_f = ("l0", "l0_reverse", "l1", "l1_reverse")
sums_f = {e: drawn_f[f"bias_ih_{e}"] + drawn_f[f"bias_hh_{e}"] for e in ends_f}


def opened_f(where, value, layers=ends_f):
    changed = {e: s.clone() for e, s in sums_f.items()}
    for e in layers:
        changed[e][where] = value
    return changed


true_f = opened_f(slice(4, 8), 1.5)
twice_f, wrong_gate_f = opened_f(slice(4, 8), 3.0), opened_f(slice(0, 4), 1.5)
first_f, forward_f = opened_f(slice(4, 8), 1.5, ["l0"]), opened_f(slice(4, 8), 1.5, ["l0", "l1"])
all_f = opened_f(slice(None), 1.5)
one_way_f = {e: s.clone() for e, s in sums_f.items()}
for e_f in ends_f:
    one_way_f[e_f][4:8] = 1.5 + drawn_f[f"bias_hh_{e_f}"][4:8]
cleared_f = {e: torch.zeros(16) for e in ends_f}
half_cleared_f = {e: drawn_f[f"bias_ih_{e}"].clone() for e in ends_f}
for e_f in ends_f:
    cleared_f[e_f][4:8] = half_cleared_f[e_f][4:8] = 1.5
others_f = {k: v.clone() for k, v in drawn_f.items() if "weight" in k}
# Act
lstm_f = nn.LSTM(3, 4, num_layers=2, bidirectional=True)
lstm_f.load_state_dict(drawn_f)
set_forget_bias(lstm_f, 1.5)
state_f = observe.state(lstm_f)
effective_f = {
    end: state_f["bias_ih_" + end] + state_f["bias_hh_" + end]
    for end in ("l0", "l0_reverse", "l1", "l1_reverse")
}
weights_f = {name: tensor for name, tensor in state_f.items() if "weight" in name}
learns_f = all(p.requires_grad and p.is_leaf for p in lstm_f.parameters())
# Assert
check.close(
    effective_f,
    true_f,
    "the effective biases of two layers in two directions",
    ideas={
        "The value stands in both vectors, and they are added: twice as much": twice_f,
        "What stood in the other bias vector is still added: clear it there": one_way_f,
        "The wrong gate: blocks are i, f, g, o, so forget is H to 2H": wrong_gate_f,
        "Only the first layer was set": first_f,
        "The backward direction was left out": forward_f,
        "All four blocks were set; only the forget gate is meant": all_f,
        "The other gates' biases are gone: write to entries H to 2H alone": cleared_f,
        "One bias vector was cleared whole: write to entries H to 2H alone": half_cleared_f,
    },
    hint="Entries H to 2H of both vectors, in each layer and direction, and no others",
)
check.unchanged(weights_f, others_f, "the weight matrices")
check.equal(
    learns_f, True, "the biases can still be trained", hint="Change them in place, inside no_grad"
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-2-hidden-6", "points": 1}
# Hidden test 10.2 · gradient reach over 100 steps · 1 point
### BEGIN HIDDEN TESTS
# Arrange
source_h = seeded(1026)
layer_h = nn.LSTM(2, 5, num_layers=2, batch_first=True).double()
drawn_h = {
    k: 0.4 * torch.randn(v.shape, generator=source_h, dtype=torch.float64)
    for k, v in layer_h.state_dict().items()
}
layer_h.load_state_dict(drawn_h)
x_h = torch.randn(100, 2, generator=seeded(1027), dtype=torch.float64)
x_before_h = x_h.clone()
leaf_h = x_h.clone().requires_grad_()
out_h = layer_h(leaf_h[None])[0][0]
(slope_h,) = torch.autograd.grad(out_h[-1].sum(), leaf_h, retain_graph=True)
(total_h,) = torch.autograd.grad(out_h.sum(), leaf_h)
true_h, square_h, summed_h = slope_h.norm(dim=1), slope_h.square().sum(1), slope_h.abs().sum(1)
(length_h,) = torch.autograd.grad(layer_h(leaf_h[None])[0][0, -1].norm(), leaf_h)
of_norm_h = length_h.norm(dim=1)
every_h, reverse_h = total_h.norm(dim=1), slope_h.norm(dim=1).flip(0)
clean_h = dict.fromkeys(drawn_h)
# Act
lstm_h = nn.LSTM(2, 5, num_layers=2, batch_first=True).double()
lstm_h.load_state_dict(drawn_h)
reach_h = gradient_reach(lstm_h, x_h)
left_h = observe.gradients(lstm_h)
x_after_h, asks_h = observe.copy(x_h), x_h.requires_grad
# Assert
check.close(
    reach_h,
    true_h,
    "the reach over 100 steps, down to the smallest",
    ideas={
        "This is the gradient of the sum over all steps: take the last output alone": every_h,
        "s is the sum of the last output, not its norm": of_norm_h,
        "These are squared norms": square_h,
        "This adds up absolute values: the norm is the root of the sum of squares": summed_h,
        "The steps are in reverse order": reverse_h,
    },
    rtol=1e-4,
    atol=0.0,
    hint="For each step the root of the summed squares of the gradient of s",
)
check.equal(
    left_h,
    clean_h,
    "gradients of the layer afterwards",
    hint="backward() fills .grad of all weights: torch.autograd.grad asks for the input alone",
)
check.unchanged(x_after_h, x_before_h, "x")
check.equal(asks_h, False, "x.requires_grad afterwards", hint="Work on a leaf of your own")
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-10-3-reference", "points": 0}
### BEGIN HIDDEN TESTS
def denoiser_case(hidden, seed):
    """Random weights by name, and the network that they make."""
    source = seeded(seed)
    lstm, head = nn.LSTM(1, hidden, batch_first=True, bidirectional=True), nn.Linear(2 * hidden, 1)
    both = nn.ModuleDict({"rnn": lstm, "head": head}).double()
    drawn = {
        k: torch.randn(v.shape, generator=source, dtype=torch.float64) * 0.6
        for k, v in both.state_dict().items()
    }
    both.load_state_dict(drawn)

    def run(x, read=lambda out: out):
        with torch.no_grad():
            return both["head"](read(both["rnn"](x)[0]))

    return drawn, run


def slow_average(x, k, edges="fewer"):
    rows = []
    for t in range(x.shape[1]):
        part = x[:, max(0, t - k // 2) : t + k // 2 + 1]
        rows.append(part.sum(1) / (k if edges == "zeros" else part.shape[1]))
    return torch.stack(rows, dim=1)


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-3-hidden-1", "points": 1}
# Hidden test 10.3 · moving averages of several widths · 1 point
### BEGIN HIDDEN TESTS
# Arrange
signal_m = torch.randn(9, 3, 1, generator=seeded(1031), dtype=torch.float64).transpose(0, 1)
signal_before_m = signal_m.clone()
true_m = [slow_average(signal_m, k).clone() for k in (1, 3, 7)]
zeros_m = [slow_average(signal_m, k, "zeros").clone() for k in (1, 3, 7)]
# Act
smooth_m = [moving_average(signal_m, k) for k in (1, 3, 7)]
signal_after_m = observe.copy(signal_m)
# Assert
check.close(
    smooth_m,
    true_m,
    "averages of 1, 3 and 7 steps",
    ideas={"At the edges, divide by the number of steps that exist": zeros_m},
    hint="A window centred on each step, along the steps, for each sample alone",
)
check.unchanged(signal_after_m, signal_before_m, "x")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-3-hidden-2", "points": 1}
# Hidden test 10.3 · what goes in and what is wanted · 1 point
### BEGIN HIDDEN TESTS
# Arrange
clean_p = torch.randn(4, 6, 1, generator=seeded(1032))
clean_before_p = clean_p.clone()
noise_p = 0.5 * torch.randn(4, 6, 1, generator=seeded(1033))
true_p = [clean_p + noise_p, clean_p.clone()]
both_p, turned_p = [clean_p + noise_p] * 2, [clean_p.clone(), clean_p + noise_p]
squared_p = [clean_p + noise_p / 2, clean_p.clone()]
# Act
pairs_p = observe.copy(make_pairs(clean_p, 0.5, seeded(1033)))
clean_after_p = observe.copy(clean_p)
# Assert
check.close(
    pairs_p,
    true_p,
    "the pair (inputs, targets)",
    ideas={
        "The target is the noisy signal too: a network would learn to copy": both_p,
        "Inputs and targets are exchanged: noise goes in, the clean signal is wanted": turned_p,
        "The noise has the variance noise_std squared twice: multiply once": squared_p,
    },
    hint="inputs = clean + noise_std * torch.randn(clean.shape, generator=generator)",
)
check.unchanged(clean_after_p, clean_before_p, "the clean signal")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-3-hidden-3", "points": 1}
# Hidden test 10.3 · a value for each step, at two lengths · 1 point
### BEGIN HIDDEN TESTS
# Arrange
drawn_v, run_v = denoiser_case(3, 1034)
short_v = torch.randn(2, 5, 1, generator=seeded(1035), dtype=torch.float64)
long_v = torch.randn(3, 11, 1, generator=seeded(1036), dtype=torch.float64)
true_v = [run_v(short_v).clone(), run_v(long_v).clone()]
last_v = [run_v(t, lambda out: out[:, -1:].expand_as(out)).clone() for t in (short_v, long_v)]
tanh_v = [t.tanh() for t in true_v]
sizes_v = {k: tuple(v.shape) for k, v in drawn_v.items()}
# Act
model_v = BiDenoiser(3).double()
parts_v = observe.fill(model_v, drawn_v)
cleaned_v = [observe.copy(model_v(short_v)), observe.copy(model_v(long_v))]
# Assert
check.equal(
    parts_v,
    sizes_v,
    "names and shapes of the weights",
    hint="self.rnn: one LSTM layer, two directions; self.head: linear, 2 · hidden to 1",
)
check.close(
    cleaned_v,
    true_v,
    "outputs for 5 and for 11 steps",
    ideas={
        "The last state is repeated: the head reads each step's own output": last_v,
        "A tanh squeezes the output; the head's numbers are the answer": tanh_v,
    },
    hint="self.head(output), for the output of every step",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-3-hidden-4", "points": 1}
# Hidden test 10.3 · past and future matter, other samples do not · 1 point
### BEGIN HIDDEN TESTS
# Arrange
drawn_w, run_w = denoiser_case(4, 1037)
signal_w = torch.randn(3, 8, 1, generator=seeded(1038), dtype=torch.float64)
nudged_w = signal_w.clone()
nudged_w[1, 4] += 1.0
true_w = run_w(nudged_w) - run_w(signal_w)
sizes_w = {k: tuple(v.shape) for k, v in drawn_w.items()}
# Act
model_w = BiDenoiser(4).double()
parts_w = observe.fill(model_w, drawn_w)
moves_w = observe.response(model_w, signal_w, (1, 4))
# Assert
check.equal(
    parts_w,
    sizes_w,
    "names and shapes of the weights",
    hint="self.rnn: one LSTM layer, two directions; self.head: linear, 2 · hidden to 1",
)
check.close(
    moves_w,
    true_w,
    "how the outputs react to step 4 of sample 1",
    atol=1e-9,
    hint="Every step of sample 1 must react and no other sample: bidirectional, and batch_first=True?",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-3-hidden-5", "points": 2}
# Hidden test 10.3 · a trained denoiser · 2 points
### BEGIN HIDDEN TESTS
# Arrange
# to which half unit a cleaned value belongs: a trained network names 0.82 right, the noisy input 0.55
tones_t = sequences.tones(300, seeded(1039))
unseen_t = sequences.tones(200, seeded(1040))
halves_t = (2 * unseen_t).round().long().flatten()
noisy_t = unseen_t + 0.3 * torch.randn(unseen_t.shape, generator=seeded(1041))
# Act
torch.manual_seed(5)
model_t = BiDenoiser(16)
pairs_t = make_pairs(tones_t, 0.3, seeded(1042))
optimiser_t = torch.optim.Adam(model_t.parameters(), lr=0.01)
gradus.fit(model_t, batches(pairs_t[0], pairs_t[1], size=20), nn.MSELoss(), optimiser_t, epochs=10)
with torch.no_grad():
    cleaned_t = model_t.eval()(noisy_t)
named_t = (2 * observe.copy(cleaned_t)).round().long().flatten()
# Assert
check.accuracy(
    named_t,
    halves_t,
    0.68,
    "values cleaned to within a quarter",
    hint="The network does not clean: is the clean signal the target, and does the head read both directions?",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-10-4-reference", "points": 0}
### BEGIN HIDDEN TESTS
def lstm_case(seed, **shape):
    """Random weights of an nn.LSTM(2, 3, …) by name, and the layer."""
    source, layer = seeded(seed), nn.LSTM(2, 3, batch_first=True, **shape)
    drawn = {k: torch.randn(v.shape, generator=source) for k, v in layer.state_dict().items()}
    layer.load_state_dict(drawn)
    return drawn, layer


def alone(layer, seqs):
    """Final state of the last layer, each sequence read by itself."""
    rows = []
    with torch.no_grad():
        for s in seqs:
            h_n = layer(s[None])[1][0]
            rows.append(torch.cat([h_n[-2], h_n[-1]], 1) if layer.bidirectional else h_n[-1])
    return torch.cat(rows)


def drawn_seqs(lengths, seed):
    source = seeded(seed)
    return [torch.randn(n, 2, generator=source) for n in lengths]


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-4-hidden-1", "points": 1}
# Hidden test 10.4 · padding with another value, zeros that are data · 1 point
### BEGIN HIDDEN TESTS
# Arrange
seqs_p = drawn_seqs((2, 5, 1, 3), 1051)
seqs_p[1][3:] = 0.0  # zeros that belong to the sequence
before_p = [s.clone() for s in seqs_p]
true_p = torch.full((4, 5, 2), -7.0)
for row_p, s_p in enumerate(seqs_p):
    true_p[row_p, : len(s_p)] = s_p
zero_p = torch.where(true_p == -7.0, 0.0, true_p)
lengths_p, found_p = torch.tensor([2, 5, 1, 3]), torch.tensor([2, 3, 1, 3])
# Act
filled_p, counted_p = pad_batch([s for s in seqs_p], -7.0)
after_p = [observe.copy(s) for s in seqs_p]
# Assert
check.close(
    filled_p,
    true_p,
    "four sequences padded with -7",
    ideas={"The padding is 0, whatever value is given": zero_p},
    hint="(samples, steps, features), padding at the end, samples in the order given",
    dtype=True,
)
check.equal(
    counted_p,
    lengths_p,
    "the lengths",
    ideas={"Zeros at the end of a sequence are data too: ask len, not the values": found_p},
    hint="A tensor of int64, in the order of the sequences",
)
check.unchanged(after_p, before_p, "the sequences")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-4-hidden-2", "points": 1}
# Hidden test 10.4 · NaN in the padding, and the way back · 1 point
### BEGIN HIDDEN TESTS
# Arrange
out_q = torch.randn(4, 6, 3, generator=seeded(1052))
lengths_q = torch.tensor([3, 6, 1, 5])
for row_q, n_q in enumerate((3, 6, 1, 5)):
    out_q[row_q, n_q:] = torch.nan
true_q = torch.stack([out_q[k, n - 1] for k, n in enumerate((3, 6, 1, 5))])
up_q = torch.randn(4, 3, generator=seeded(1053))
back_q = torch.zeros(4, 6, 3)
for row_q, n_q in enumerate((3, 6, 1, 5)):
    back_q[row_q, n_q - 1] = up_q[row_q]
# Act
pulled_q = observe.vjp(lambda t: last_valid(t, lengths_q), out_q, up_q)
# Assert
check.close(
    pulled_q["value"],
    true_q,
    "the last valid outputs, NaN behind them",
    hint="Pick index length - 1; do not multiply the padding away, NaN · 0 is NaN",
)
check.close(
    pulled_q["grads"],
    back_q,
    "the gradient: only the chosen steps receive one",
    hint="Index the output itself, without detach",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-4-hidden-3", "points": 2}
# Hidden test 10.4 · as if each sequence were alone, in any order · 2 points
### BEGIN HIDDEN TESTS
# Arrange
drawn_e, layer_e = lstm_case(1054, num_layers=2)
seqs_e = drawn_seqs((2, 6, 1, 4), 1055)
lengths_e, sorted_e = torch.tensor([2, 6, 1, 4]), [1, 3, 0, 2]
padded_e = pad_sequence(seqs_e, batch_first=True)
true_e = alone(layer_e, seqs_e)
with torch.no_grad():
    plain_e = layer_e(padded_e)[1][0][-1]
    cells_e = torch.stack([layer_e(s[None])[1][1][-1, 0] for s in seqs_e])
    lower_e = torch.stack([layer_e(s[None])[1][0][0, 0] for s in seqs_e])
in_order_e, upward_e = true_e[sorted_e].clone(), true_e[sorted_e[::-1]].clone()
twice_e = in_order_e[sorted_e].clone()
# Act
lstm_e = nn.LSTM(2, 3, num_layers=2, batch_first=True)
lstm_e.load_state_dict(drawn_e)
codes_e = observe.copy(encode_packed(lstm_e, padded_e, lengths_e))
# Assert
check.close(
    codes_e,
    true_e,
    "the codes of lengths 2, 6, 1, 4",
    ideas={
        "The padding is read: pack the batch before it enters the layer": plain_e,
        "The rows are sorted by length: bring them back into the order given": in_order_e,
        "The rows are sorted by length, shortest first: bring them back into the order given": upward_e,
        "The rows were sorted twice: to go back, index with order.argsort()": twice_e,
        "This is the cell state c; the hidden state h is asked for": cells_e,
        "This is the first layer; the last one is h_n[-1]": lower_e,
    },
    atol=1e-5,
    hint="One row a sample, (N, H)",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-4-hidden-4", "points": 1}
# Hidden test 10.4 · padding and other samples do not matter · 1 point
### BEGIN HIDDEN TESTS
# Arrange
drawn_x, layer_x = lstm_case(1056)
seqs_x = drawn_seqs((3, 1, 5), 1057)
lengths_x = torch.tensor([3, 1, 5])
wild_x = torch.full((3, 9, 2), 1000.0)  # four steps more than the longest needs
for row_x, s_x in enumerate(seqs_x):
    wild_x[row_x, : len(s_x)] = s_x
wild_before_x = wild_x.clone()
true_x, quiet_x = alone(layer_x, seqs_x), torch.zeros(3, 3)
in_order_x, upward_x, turned_x = [true_x[list(o)] for o in ((2, 0, 1), (1, 0, 2), (1, 2, 0))]
with torch.no_grad():
    plain_x = layer_x(wild_x)[1][0][-1]
# Act
lstm_x = nn.LSTM(2, 3, batch_first=True)
lstm_x.load_state_dict(drawn_x)
codes_x = observe.copy(encode_packed(lstm_x, wild_x, lengths_x))
moves_x = observe.response(lambda t: encode_packed(lstm_x, t, lengths_x), wild_x, (1, 4), 50.0)
wild_after_x = observe.copy(wild_x)
# Assert
check.close(
    codes_x,
    true_x,
    "codes of a batch padded with 1000",
    ideas={
        "The padding is read": plain_x,
        "The rows are sorted by length: bring them back into the order given": in_order_x,
        "The rows are sorted by length, shortest first: bring them back": upward_x,
        "The rows were sorted twice: to go back, index with order.argsort()": turned_x,
    },
    atol=1e-5,
    hint="Row n is the final state of sample n, as if it had been read alone",
)
check.close(moves_x, quiet_x, "the reaction to a change in the padding", hint="The padding is read")
check.unchanged(wild_after_x, wild_before_x, "x")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-4-hidden-5", "points": 1}
# Hidden test 10.4 · two directions · 1 point
### BEGIN HIDDEN TESTS
# Arrange
drawn_b, layer_b = lstm_case(1058, num_layers=2, bidirectional=True)
seqs_b = drawn_seqs((4, 2, 6, 1), 1059)
lengths_b = torch.tensor([4, 2, 6, 1])
padded_b = pad_sequence(seqs_b, batch_first=True)
true_b = alone(layer_b, seqs_b)
turned_b, half_b = torch.cat([true_b[:, 3:], true_b[:, :3]], 1), true_b[:, 3:].clone()
with torch.no_grad():
    blind_b = torch.cat([layer_b(s[None])[0][:, -1] for s in seqs_b])
    lower_b = torch.cat([torch.cat([*layer_b(s[None])[1][0][:2]], 1) for s in seqs_b])
# Act
lstm_b = nn.LSTM(2, 3, num_layers=2, bidirectional=True, batch_first=True)
lstm_b.load_state_dict(drawn_b)
codes_b = observe.copy(encode_packed(lstm_b, padded_b, lengths_b))
# Assert
check.close(
    codes_b,
    true_b,
    "codes of a two-way layer",
    ideas={
        "This is the backward direction alone: join h_n[-2] and h_n[-1]": half_b,
        "Backward stands first: the order is forward, backward": turned_b,
        "The backward half is taken at the last step, where it has seen one step": blind_b,
        "These are the states of the first layer: the last one's stand at the end of h_n": lower_b,
    },
    atol=1e-5,
    hint="torch.cat([h_n[-2], h_n[-1]], dim=1)",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-10-5-reference", "points": 0}
### BEGIN HIDDEN TESTS
def windows_reference(x, w, h):
    u = x.unfold(0, w + h, 1).transpose(1, 2)
    return [u[:, :w].clone(), u[:, w:].clone()]


def prepared(x, w, h, cut, mean=None, std=None):
    mean = x[:cut].mean(0) if mean is None else mean
    std = x[:cut].std(0) if std is None else std
    scaled = (x - mean) / std
    return [*windows_reference(scaled[:cut], w, h), *windows_reference(scaled[cut:], w, h)]


def two_tones(seed):
    t = torch.arange(500.0)
    x = torch.sin(2 * math.pi * t / 20) + 0.6 * torch.sin(2 * math.pi * t / 7 + 1)
    return (x + 0.05 * torch.randn(500, generator=seeded(seed)))[:, None]


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-5-hidden-1", "points": 1}
# Hidden test 10.5 · windows of several columns, and a series too short · 1 point
### BEGIN HIDDEN TESTS
# Arrange
table_w = torch.randn(3, 12, generator=seeded(1061), dtype=torch.float64).T
before_w = table_w.clone()
true_w = windows_reference(table_w, 4, 3)
short_w = [t[:-1].clone() for t in true_w]
just_w = windows_reference(table_w[:7], 4, 3)
# Act
pair_w = observe.copy(make_windows(table_w, 4, 3))
exact_w = observe.copy(make_windows(table_w[:7], 4, 3))
raised_w = observe.error(make_windows, table_w[:6], 4, 3)
after_w = observe.copy(table_w)
# Assert
check.close(
    pair_w,
    true_w,
    "windows of 4 and 3 over 12 steps of 3 columns",
    ideas={"The last window is missing: T - w - h + 1 of them": short_w},
    hint="Inputs (N, w, C), targets (N, h, C)",
)
check.close(exact_w, just_w, "a series that is just long enough", hint="One window fits")
check.raised(raised_w, ValueError, "a series too short by one step")
check.unchanged(after_w, before_w, "the series")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-5-hidden-2", "points": 2}
# Hidden test 10.5 · nothing of the test part leaks · 2 points
### BEGIN HIDDEN TESTS
# Arrange
series_c = torch.randn(30, 2, generator=seeded(1062), dtype=torch.float64)
series_c += torch.linspace(0, 8, 30)[:, None]
series_before_c = series_c.clone()
true_c = prepared(series_c, 4, 2, 18)
whole_c = prepared(series_c, 4, 2, 18, series_c.mean(0), series_c.std(0))
biased_c = prepared(series_c, 4, 2, 18, None, series_c[:18].std(0, correction=0))
pooled_c = prepared(series_c, 4, 2, 18, series_c[:18].mean(), series_c[:18].std())
rest_c = (series_c[18:] - series_c[18:].mean(0)) / series_c[18:].std(0)
own_c = [*true_c[:2], *windows_reference(rest_c, 4, 2)]
raw_c = prepared(series_c, 4, 2, 18, torch.zeros(2), torch.ones(2))
# Act
parts_c = observe.copy(prepare(series_c, 4, 2, 18))
series_after_c = observe.copy(series_c)
# Assert
check.close(
    parts_c,
    true_c,
    "train and test windows of a series with a trend",
    ideas={
        "Mean and std come from the whole series: the test part leaks into the scale": whole_c,
        "The test part is scaled by its own mean and std: the future is not known yet": own_c,
        "torch.std's default divides by n - 1": biased_c,
        "One scale for all columns: mean and std per column, dim=0": pooled_c,
        "Nothing is scaled": raw_c,
    },
    hint="Cut first, then make windows on each side: no window may reach across the cut",
)
check.unchanged(series_after_c, series_before_c, "the series")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-5-hidden-3", "points": 2}
# Hidden test 10.5 · a linear recurrence is continued exactly · 2 points
### BEGIN HIDDEN TESTS
# Arrange
# x[t] = 1.6 x[t-1] - 0.9 x[t-2] + 0.1 · (number of values known)
begun_r = torch.randn(3, 5, 2, generator=seeded(1063), dtype=torch.float64)
begun_before_r = begun_r.clone()
known_r = begun_r.clone()
for _n_r in range(8):
    next_r = 1.6 * known_r[:, -1] - 0.9 * known_r[:, -2] + 0.1 * known_r.shape[1]
    known_r = torch.cat([known_r, next_r[:, None]], 1)
true_r, shifted_r, long_r = known_r[:, 5:12], known_r[:, 4:11], known_r[:, 5:13]
late_r, first_r = known_r[:, 6:13], known_r[:, 5:6]
# Act
went_r = autoregress(lambda k: 1.6 * k[:, -1] - 0.9 * k[:, -2] + 0.1 * k.shape[1], begun_r, 7)
lone_r = autoregress(lambda k: 1.6 * k[:, -1] - 0.9 * k[:, -2] + 0.1 * k.shape[1], begun_r, 1)
begun_after_r = observe.copy(begun_r)
# Assert
check.close(
    went_r,
    true_r,
    "seven values of a recurrence",
    ideas={
        "All is a step early: the last known value stands in front": shifted_r,
        "One value too many": long_r,
        "All is a step late: the first prediction is the first future value": late_r,
    },
    rtol=1e-7,
    hint="step sees all that is known so far: the whole history and the predictions behind it",
)
check.close(lone_r, first_r, "one value", rtol=1e-7, hint="n = 1 gives the shape (N, 1, C)")
check.unchanged(begun_after_r, begun_before_r, "the history")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-5-hidden-4", "points": 1}
# Hidden test 10.5 · MASE on a series that crosses zero · 1 point
### BEGIN HIDDEN TESTS
# Arrange
y_s = torch.sin(math.pi * torch.arange(41, dtype=torch.float64) / 10)
p_s = y_s + 0.01 * torch.randn(41, generator=seeded(1064), dtype=torch.float64)
train_s = torch.randn(60, generator=seeded(1065), dtype=torch.float64)
error_s = (y_s - p_s).abs().mean().item()
lag_s = [(train_s[k:] - train_s[:-k]).abs().mean().item() for k in (1, 4)]
true_s = [error_s / lag_s[0], error_s / lag_s[1]]
alike_s = [error_s / lag_s[0]] * 2
on_y_s = [error_s / (y_s[k:] - y_s[:-k]).abs().mean().item() for k in (1, 4)]
signed_s = [abs((y_s - p_s).mean().item()) / lag for lag in lag_s]
square_s = [((y_s - p_s) ** 2).mean().item() / lag for lag in lag_s]
# Act
scores_s = [mase(y_s, p_s, train_s), mase(y_s, p_s, train_s, 4)]
# Assert
check.close(
    scores_s,
    true_s,
    "the MASE for seasons of 1 and 4",
    ideas={
        "The season is ignored: compare with the value `season` steps before": alike_s,
        "The naive error is that of the training series, not of y": on_y_s,
        "Errors of both signs cancel: take absolute values before the mean": signed_s,
        "Absolute errors, not squared ones": square_s,
    },
    hint="Mean |y - p| over mean |train[t] - train[t - season]|",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-5-hidden-5", "points": 2}
# Hidden test 10.5 · a trained network looks ten steps ahead · 2 points
### BEGIN HIDDEN TESTS
# Arrange
# the sign of the next ten values: the network names 0.97 right, "as now" 0.46, a shift by one 0.82
tones_z = two_tones(1066)
tones_cut_z = prepared(tones_z, 24, 10, 380)
rising_z = (tones_cut_z[3] > 0).long().flatten()
# Act
parts_z = prepare(tones_z, 24, 10, 380)
torch.manual_seed(2)
model_z = LastState(nn.GRU(1, 24, batch_first=True), 1)
optimiser_z = torch.optim.Adam(model_z.parameters(), lr=0.01)
gradus.fit(model_z, batches(parts_z[0], parts_z[1][:, 0]), nn.MSELoss(), optimiser_z, epochs=12)
with torch.no_grad():
    ahead_z = autoregress(model_z, parts_z[2], 10)
named_z = (observe.copy(ahead_z) > 0).long().flatten()
form_z = observe.shapes(ahead_z)
# Assert
check.equal(
    form_z, (87, 10, 1), "the shape of ten values after 87 windows", hint="(N, n, C), as in the box"
)
check.accuracy(
    named_z,
    rising_z,
    0.9,
    "the sign of the next ten values",
    hint="Are targets and predictions in line? A shift by one step shows here",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-10-6-reference", "points": 0}
### BEGIN HIDDEN TESTS
def clipped_reference(gradients, limit):
    """Norm before, and gradients after clipping, by PyTorch."""
    params = [nn.Parameter(torch.zeros_like(g)) for g in gradients]
    for p, g in zip(params, gradients, strict=True):
        p.grad = g.clone()
    norm = nn.utils.clip_grad_norm_(params, limit).item()
    return norm, [p.grad.clone() for p in params]


def steps_reference(weights, x, y, limit, clear="always", clip=True):
    """Norms and final weights of four steps on a small network that begins with old gradients."""
    model = nn.Linear(3, 2)
    model.load_state_dict(weights)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    for p in model.parameters():
        p.grad = torch.full_like(p, 5.0)
    norms = []
    for turn in range(4):
        if clear == "always" or (clear == "late" and turn > 0):
            optimiser.zero_grad()
        F.mse_loss(model(x), y).backward()
        norms.append(
            nn.utils.clip_grad_norm_(model.parameters(), limit if clip else math.inf).item()
        )
        optimiser.step()
    return norms, {k: v.clone() for k, v in model.state_dict().items()}


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-6-hidden-1", "points": 1}
# Hidden test 10.6 · a generator, tensors of several shapes, one without gradient · 1 point
### BEGIN HIDDEN TESTS
# Arrange
grads_g = [
    torch.randn(s, generator=seeded(1071 + k)) * 3 for k, s in enumerate([(4, 3), (5,), (2, 2, 2)])
]
norm_g, after_g = clipped_reference(grads_g, 2.0)
alone_g = [clipped_reference([g], 2.0)[1][0] for g in grads_g]
clamped_g = [g.clamp(-2, 2) for g in grads_g]
same_g = [g.clone() for g in grads_g]
# Act
params_g = [nn.Parameter(torch.zeros_like(g)) for g in grads_g]
for k_g in range(3):
    params_g[k_g].grad = grads_g[k_g].clone()
params_g.insert(1, nn.Parameter(torch.zeros(2)))
returned_g = float(clip_global_norm_((p for p in params_g), 2.0))
clipped_g = [observe.copy(params_g[k].grad) for k in (0, 2, 3)]
empty_g = observe.copy(params_g[1].grad)
# Assert
check.close(
    clipped_g,
    after_g,
    "gradients of three shapes",
    ideas={
        "Each tensor is clipped alone: take the norm over all of them": alone_g,
        "Single values are clamped: that turns the direction": clamped_g,
        "Nothing was scaled: a generator can be walked once only, so make a list first": same_g,
    },
    rtol=1e-4,
)
check.close(
    returned_g, norm_g, "the norm returned", rtol=1e-4, hint="The norm over all, before clipping"
)
check.equal(empty_g, None, "the gradient that was None", hint="Leave it None")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-6-hidden-2", "points": 1}
# Hidden test 10.6 · small gradients stay as they are · 1 point
### BEGIN HIDDEN TESTS
# Arrange
small_s = [torch.tensor([0.3, -0.1]), torch.tensor([[0.2]])]
untouched_s = [t.clone() for t in small_s]
norm_s = 0.14**0.5
stretched_s = [5.0 / norm_s * t for t in small_s]
# Act
params_s = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1, 1))]
params_s[0].grad, params_s[1].grad = small_s[0].clone(), small_s[1].clone()
returned_s = float(clip_global_norm_(params_s, 5.0))
kept_s = [observe.copy(p.grad) for p in params_s]
zero_s = [nn.Parameter(torch.zeros(2))]
zero_s[0].grad = torch.zeros(2)
said_s = []
observe.error(lambda: said_s.append(float(clip_global_norm_(zero_s, 1.0))))
nothing_s = [*said_s, observe.copy(zero_s[0].grad)]
# Assert
check.close(
    kept_s,
    untouched_s,
    "gradients below the threshold",
    ideas={"They were scaled up to max_norm. Scale only if norm > max_norm": stretched_s},
    rtol=1e-5,
    hint="Scale only if norm > max_norm: these stay as they are",
)
check.close(returned_s, norm_s, "the norm returned")
check.close(
    nothing_s,
    [0.0, torch.zeros(2)],
    "gradients that are all 0",
    hint="Do not divide by a norm of 0",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-6-hidden-3", "points": 1}
# Hidden test 10.6 · four training steps · 1 point
### BEGIN HIDDEN TESTS
# Arrange
source_t = seeded(1074)
weights_t = {
    "weight": torch.randn(2, 3, generator=source_t),
    "bias": torch.randn(2, generator=source_t),
}
x_t, y_t = torch.randn(6, 3, generator=source_t) * 2, torch.randn(6, 2, generator=source_t) * 5
given_t = (x_t.clone(), y_t.clone())
norms_t, after_t = steps_reference(weights_t, *given_t, 1.0)
_, late_t = steps_reference(weights_t, *given_t, 1.0, clip=False)
_, uncleared_t = steps_reference(weights_t, *given_t, 1.0, clear="never")
_, stale_t = steps_reference(weights_t, *given_t, 1.0, clear="late")
# Act
model_t = nn.Linear(3, 2)
model_t.load_state_dict(weights_t)
sgd_t = torch.optim.SGD(model_t.parameters(), lr=0.1)
for p_t in model_t.parameters():
    p_t.grad = torch.full_like(p_t, 5.0)
returned_t = []
for _turn_t in range(4):
    returned_t.append(
        float(clipped_step(F.mse_loss(model_t(x_t), y_t), sgd_t, model_t.parameters(), 1.0))
    )
final_t = observe.state(model_t)
# Assert
check.close(
    final_t,
    after_t,
    "the weights after four clipped steps",
    ideas={
        "The step used the raw gradient: clip after backward and before step": late_t,
        "Old gradients are added to new ones: zero_grad before backward": uncleared_t,
        "Gradients from before the first step count: clear them before backward, not after step": stale_t,
    },
    rtol=1e-4,
    hint="zero_grad, backward, clip, step",
)
check.close(
    returned_t,
    norms_t,
    "the four norms returned",
    rtol=1e-4,
    hint="Return what clip_global_norm_ says: the norm before clipping",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-6-hidden-4", "points": 1}
# Hidden test 10.6 · an exploding network survives · 1 point
### BEGIN HIDDEN TESTS
# Arrange
wild_e = nn.RNN(2, 32)
turn_e, _ = torch.linalg.qr(torch.randn(32, 32, generator=seeded(1075)))
start_e = {
    k: 0.1 * torch.randn(v.shape, generator=seeded(1076)) for k, v in wild_e.state_dict().items()
}
start_e["weight_hh_l0"] = 1.5 * turn_e
x_e = [torch.rand(16, 120, 2, generator=seeded(1080 + k)) for k in range(12)]
calm_e = [True] * 12
# Act
rnn_e = nn.RNN(2, 32, batch_first=True)
rnn_e.load_state_dict(start_e)
sgd_e = torch.optim.SGD(rnn_e.parameters(), lr=0.05)
finite_e = []
for k_e in range(12):
    output_e = rnn_e(x_e[k_e])[0][:, -1].sum(dim=1)
    clipped_step(
        F.mse_loss(output_e, x_e[k_e].sum(dim=(1, 2)) / 60), sgd_e, list(rnn_e.parameters()), 1.0
    )
    finite_e.append(bool(all(p.isfinite().all() and p.abs().max() < 3 for p in rnn_e.parameters())))
# Assert
check.equal(
    finite_e,
    calm_e,
    "weights that stay finite and small for 12 steps",
    hint="The gradients explode and nothing stops them: does clipping happen between backward and step?",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-10-6-hidden-5", "points": 1}
# Hidden test 10.6 · the share of clipped steps, NaN included · 1 point
### BEGIN HIDDEN TESTS
# Arrange
record_f = [0.5, math.nan, 2.0, math.inf, 1.0, 4.0, 0.1, math.nan]
true_f = [5 / 8, 4 / 8, 3 / 8]
blind_f = [3 / 8, 2 / 8, 1 / 8]
dropped_f = [3 / 6, 2 / 6, 1 / 6]
finite_f, among_finite_f = [2 / 5, 1 / 5, 0.0], [5 / 5, 4 / 5, 3 / 5]
at_limit_f = [6 / 8, 5 / 8, 3 / 8]
# Act
shares_f = [float(clip_fraction(record_f, c)) for c in (1.0, 2.0, 5.0)]
# Assert
check.close(
    shares_f,
    true_f,
    "the share above 1, 2 and 5",
    ideas={
        "NaN > c is False, so the worst steps are not counted": blind_f,
        "NaN steps are left out; they count as above": dropped_f,
        "inf and NaN are left out; they count as above, and in the number of norms": finite_f,
        "inf and NaN count in the number of norms too: divide by len(norms)": among_finite_f,
        "A norm of exactly c is not above c": at_limit_f,
    },
)
### END HIDDEN TESTS
