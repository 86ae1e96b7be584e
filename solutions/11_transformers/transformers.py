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
# # 11 · Attention and transformers
#
# One idea, a look-up that can be differentiated, stands behind today's language models. After this chapter you can
#
# - write attention, and say what each matrix, each mask and the root of d are for;
# - build multi-head attention and an encoder block that agree with PyTorch's, number by number;
# - tell a network about order, and show that without it some tasks cannot be learned;
# - train a small language model, let it write, and look at what its heads look at;
# - probe a network for the bugs that shapes never show.
#
# All networks here are small: each trains in a few seconds on one core.
#
# Reading: 65 minutes · exercises: 176 minutes · 50 points

# %% tags=["setup"]
import math
import warnings
from collections import Counter
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import gradus
from gradus import check, observe, plots, seeded

torch.set_printoptions(precision=3, sci_mode=False)
# The next cell is folded: it holds helpers. Run it; click on its dots to read it.


# %% tags=["setup"] jupyter={"source_hidden": true}
def train(model, inputs, targets, loss_fn, *, epochs, lr=3e-3, batch=50, device=None):
    """Train in place with AdamW; inputs: a tensor or a tuple of tensors. Returns the History."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    data = TensorDataset(*inputs, targets)
    loader = DataLoader(data, batch, shuffle=True, generator=seeded(0))
    optimiser = torch.optim.AdamW(model.parameters(), lr)
    more = dict(device=device, metrics=None if targets.ndim == 1 else {})
    return gradus.fit(model, loader, loss_fn, optimiser, epochs=epochs, **more)


def token_loss(logits, targets, ignore=-100):
    """Mean cross-entropy of the tokens; logits (B, T, V), targets (B, T), `ignore` not counted."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=ignore)


def order_task(n, seed, length=10, vocab=12):
    """Sequences (n, length) of ids with one 1 and one 2 among others; label 1 if the 1 is first."""
    source = seeded(seed)
    x = torch.randint(3, vocab, (n, length), generator=source)
    places = torch.rand(n, length, generator=source).argsort(1)[:, :2]
    x.scatter_(1, places, torch.tensor([1, 2]).expand(n, 2))
    return x, (places[:, 0] < places[:, 1]).long()


def turned_words(n, seed):
    """Letters 3 to 12, words of 3 to 6: source (n, 6), target (n, 8) = 1, the word reversed, 2."""
    source = seeded(seed)
    lengths = torch.randint(3, 7, (n,), generator=source)
    words = torch.randint(3, 13, (n, 6), generator=source)
    words[torch.arange(6) >= lengths[:, None]] = 0
    target = torch.zeros(n, 8, dtype=torch.long)
    target[:, 0] = 1
    for row, word, k in zip(target, words, lengths.tolist(), strict=True):
        row[1 : k + 2] = torch.cat([word[:k].flip(0), torch.tensor([2])])
    return words, target


# Skip the rest of this cell: it serves exercises 11.4 and 11.5.
class Reader(nn.Module):
    """Vectors of words and places, encoder blocks, a pooling, two logits."""

    def __init__(self, vocab, d, length, blocks, pool):
        super().__init__()
        self.words = nn.Embedding(vocab, d)
        self.places = nn.Parameter(torch.randn(length, d) * d**-0.5)
        self.blocks, self.head = nn.ModuleList(blocks), nn.Linear(d, 2)
        self.pool = pool

    def forward(self, ids, pad):
        h = self.words(ids) + self.places[: ids.shape[1]]
        for block in self.blocks:
            h = block(h, pad)
        return self.head(self.pool(h, pad))


class Toy(nn.Module):
    """A "language model" that expects 1 + the sum of all ids so far; spoiled by train mode."""

    def __init__(self, vocab, sharp):
        super().__init__()
        self.vocab, self.sharp = vocab, nn.Parameter(torch.tensor(sharp))

    def forward(self, ids):
        spoiled = self.training + 2 * torch.is_grad_enabled()
        expected = (ids.cumsum(1) + 1 + spoiled) % self.vocab
        return self.sharp * F.one_hot(expected, self.vocab)


# %% [markdown]
# ## A look-up instead of a memory
#
# A recurrent network (chapter 10) reads through one state. What word 1 has to tell word 50 must survive 49 steps in a vector of fixed size, the gradient walks as far back, and step 50 waits for step 49.
#
# *Attention* lets each position ask all others directly. The one who asks has a **query** q. Each position offers a **key** k, what it is found by, and a **value** v, what it hands over. The dot product q · k says how well they fit, softmax turns these *scores* into weights, and the answer is the weighted sum of the values: a dictionary whose every entry answers a little. For L queries of width d and S keys, all at once:
#
# attention(Q, K, V) = softmax(Q Kᵀ / √d) V
#
# with Q (L, d), K (S, d), V (S, d_v), scores (L, S). All three made from one sequence: *self-attention*. Queries from another sequence: *cross-attention*.

# %%
keys = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])
values = torch.tensor([[10.0], [20.0], [60.0]])
for sharp in (0.0, 2.0, 20.0):
    query = sharp * torch.tensor([0.0, 1, 0, 0])
    weights = (keys @ query).softmax(0)
    print(f"query {sharp:4} · key 1   weights {weights.tolist()[1]:.2f} on key 1", end="")
    print(f"   answer {(weights @ values).item():.1f}")

# %% [markdown]
# ### Predict 11.1 · The size of a dot product
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# Two vectors with 512 entries each, all drawn from a normal distribution with mean 0 and standard deviation 1. What is the standard deviation of their dot product?
#
# - a: about 1
# - b: about 23
# - c: about 512

# %% nbgrader={"grade_id": "predict-11-1"}
# Write your choice: predict_11_1 = "a", "b" or "c"
### BEGIN SOLUTION
predict_11_1 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-11-1-check", "points": 0}
# Arrange
# Act
choice = predict_11_1
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")

# %%
q = torch.randn(2000, 512, generator=seeded(0))
k = torch.randn(64, 512, generator=seeded(1))
for name, scores in {"q·k": q @ k.T, "q·k / √d": q @ k.T / 512**0.5}.items():
    weights = scores.softmax(1)
    slope = (weights * (1 - weights)).sum(1).mean()
    print(f"{name:9} std {scores.std():5.2f}, largest {scores.abs().max():4.1f} |", end=" ")
    print(f"top weight {weights.amax(1).mean():.2f} of 64 keys, slope {slope:.2f}")

# %% [markdown]
# The dot product of such vectors is not "about 512": it is a sum of 512 terms of variance 1 around 0, so its standard deviation is √512 = 22.6, and dividing by √d gives 1, not 22.6.
#
# Without the root, one key takes nearly everything on the first day, by luck. There softmax is flat: its slope Σ w(1 − w) is small, little gradient arrives, and the lucky choice is hard to undo.
#
# ## Who may not be looked at
#
# Padding must not be read; a language model must not read ahead. A **mask** says which query may look at which key. It must act *before* softmax, or the weights no longer add up to 1: forbidden scores become −∞, whose exponential is 0.

# %% [markdown]
# ### Predict 11.2 · Nothing to look at
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# A sentence of padding alone: all three scores of a row are set to `-torch.inf`. What does softmax give?
#
# - a: three zeros
# - b: 1/3 each
# - c: three times `nan`

# %% nbgrader={"grade_id": "predict-11-2"}
# Write your choice: predict_11_2 = "a", "b" or "c"
### BEGIN SOLUTION
predict_11_2 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-11-2-check", "points": 0}
# Arrange
# Act
choice = predict_11_2
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")

# %%
row, nothing = torch.tensor([1.0, 2.0, 3.0]), torch.zeros(3, dtype=torch.bool)
print("-inf:", row.masked_fill(~nothing, -torch.inf).softmax(0).tolist())
print("-1e9:", row.masked_fill(~nothing, -1e9).softmax(0))
# observe.complaint(f, …) calls f and tells in one line what it raised
print("-1e9 in half precision:", observe.complaint(row.half().masked_fill, ~nothing, -1e9))
x = torch.randn(1, 3, 4, generator=seeded(2))
print("PyTorch's own:", F.scaled_dot_product_attention(x, x, x, attn_mask=nothing)[0, 0].tolist())

# %% [markdown]
# The popular −1e9 has two faults: half precision cannot hold it, and an empty row silently becomes an average over everything that was forbidden. −∞ makes it `nan`, which spreads. PyTorch's function gives zeros. So can you: fill with the lowest number of the dtype, `torch.finfo(dtype).min`, and after softmax set what is forbidden to 0.

# %% [markdown]
# ### Exercise 11.1 · Attention
# ★★☆☆☆ · 15 min · implementation · 5 points
#
# Write attention; return the answer and the weights. Any number of axes may stand in front, and the mask only has to broadcast to the scores. In the mask True means *may look*. A query that may look nowhere gets weights of 0, an answer of 0, and no `nan` in any gradient.
#
# q = [[2, 0, 0, 0]], k = [[0, 0, 0, 0], [ln 3, 0, 0, 0]], v = [[0], [4]]: scores [0, ln 3], weights [0.25, 0.75], answer 3.
#
# Not allowed: `scaled_dot_product_attention`, `MultiheadAttention`. It works in half precision and in float64.
#
# <details><summary>Hint 1</summary>
#
# The last two axes of k change places: `k.transpose(-2, -1)`. Which axis of the scores runs over the keys?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The mask acts twice: before softmax with the lowest number of the dtype (see above), after it with 0. `masked_fill` writes where *its* mask is True: turn yours round for both.
#
# </details>


# %% nbgrader={"grade_id": "ex-11-1"}
def attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """softmax(q kᵀ / √d) v, and the weights.

    q: (..., L, d); k: (..., S, d); v: (..., S, d_v). mask: bool, broadcasts to (..., L, S),
    True = may look. Returns (..., L, d_v) and (..., L, S) in the dtype of q.
    """
    ### BEGIN SOLUTION
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0)
    return weights @ v, weights
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-11-1-check", "points": 1}
# Arrange
q_small = torch.tensor([[2.0, 0, 0, 0]])
k_small = torch.tensor([[0.0, 0, 0, 0], [math.log(3), 0, 0, 0]])
v_small = torch.tensor([[0.0], [4.0]])
mask_small = torch.tensor([[True, False]])
# Act
pair_small = observe.copy(list(attention(q_small, k_small, v_small)))
pair_masked = observe.copy(list(attention(q_small, k_small, v_small, mask_small)))
# Assert
check.close(
    pair_small,
    [torch.tensor([[3.0]]), torch.tensor([[0.25, 0.75]])],
    "answer and weights of the example",
    ideas={
        "The scores are not divided by the root of d, the width of the keys (d_v does not count)": [
            torch.tensor([[3.6]]),
            torch.tensor([[0.1, 0.9]]),
        ],
        "Scaled by d instead of its root": [
            torch.tensor([[4 - 4 / (1 + 3**0.5)]]),
            torch.tensor([[1 / (1 + 3**0.5), 1 - 1 / (1 + 3**0.5)]]),
        ],
        "Each column adds up to 1: softmax runs over the queries; let it run over the keys": [
            torch.tensor([[4.0]]),
            torch.tensor([[1.0, 1.0]]),
        ],
        "Weights first: the answer comes first, then the weights": [
            torch.tensor([[0.25, 0.75]]),
            torch.tensor([[3.0]]),
        ],
    },
    hint="Return two tensors, the answer (1, 1) and the weights (1, 2)",
)
check.close(
    pair_masked,
    [torch.tensor([[0.0]]), torch.tensor([[1.0, 0.0]])],
    "answer and weights when the query may look at key 0 only",
    ideas={
        "The mask is read the wrong way round: True means may look": [
            torch.tensor([[4.0]]),
            torch.tensor([[0.0, 1.0]]),
        ],
        "The weights no longer add up to 1: mask the scores, before softmax": [
            torch.tensor([[0.0]]),
            torch.tensor([[0.25, 0.0]]),
        ],
        "The mask is not used": [torch.tensor([[3.0]]), torch.tensor([[0.25, 0.75]])],
    },
)

# %% [markdown]
# Three lines, and the heart of every transformer. In your own models call `F.scaled_dot_product_attention`: same mathematics, same convention for masks, but it need not keep the (L, S) weights in memory, and it picks a fast kernel (such as FlashAttention on a GPU). So it cannot return them either. Below: it agrees with yours, gradients included.
#
# And a first **probe**. Shapes show nothing, so change one thing and see what moves. Attention *across the batch* has the right shape too; the probe finds it.
#
# Two helpers: `observe.vjp(f, inputs, cotangent)` gives the value of f and the gradients of the sum of value times cotangent (chapter 2). `observe.response(f, x, where)` adds 1 to x at one index and tells by how much f moves.

# %%
q, k, v = (torch.randn(2, 5, 8, generator=seeded(s)) for s in (3, 4, 5))
keep = torch.ones(5, 5, dtype=torch.bool).tril()
cotangent = torch.randn(2, 5, 8, generator=seeded(6))
mine = observe.vjp(lambda *qkv: attention(*qkv, keep)[0], (q, k, v), cotangent)
theirs = observe.vjp(
    lambda *qkv: F.scaled_dot_product_attention(*qkv, is_causal=True), (q, k, v), cotangent
)
gaps = [(a - b).abs().max() for a, b in zip(mine["grads"], theirs["grads"], strict=True)]
print(f"value off by {(mine['value'] - theirs['value']).abs().max():.6f},", end=" ")
print(f"gradients off by {max(gaps):.6f}")
for name, layer in {"batch_first=True": True, "left out": False}.items():
    mha = nn.MultiheadAttention(8, 2, batch_first=layer)
    moved = observe.response(lambda x, mha=mha: mha(x, x, x, need_weights=False)[0], q, 0)
    print(f"nn.MultiheadAttention, {name}: sample 0 changes,", end=" ")
    print("sample 1 moves" if moved[1].abs().max() > 1e-6 else "sample 1 stays")

# %% [markdown]
# `nn.MultiheadAttention` expects (time, batch, width). Without `batch_first=True` each word attended to the same place of *other sentences*, and no error said so. Four probes for your pocket: other samples must not matter, padding must not, the future must not, a permutation must (or must not).
#
# ## Several heads
#
# *Multi-head attention* looks in h ways at once. Linear layers make queries, keys and values of width d, cut into h pieces of width d / h. Each head attends with its piece, so it divides by √(d / h). A last linear layer mixes the answers.
#
# Cutting is where it goes wrong: `view` alone cuts the row of numbers anew. Split the last axis, then swap axes; on the way back swap, then join.

# %%
x = torch.arange(12).view(1, 3, 4)  # one sentence, 3 words, d = 4: word 1 is 4 5 6 7
right = x.view(1, 3, 2, 2).transpose(1, 2)  # (batch, heads, words, d / h)
wrong = x.view(1, 2, 3, 2)  # the same shape at once
print("right, head 0, word by word:", right[0, 0].tolist())
print("wrong, head 0, word by word:", wrong[0, 0].tolist(), " (word 1 is half of word 0)")

# %% [markdown]
# ### Predict 11.3 · What do more heads cost?
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# `nn.MultiheadAttention(64, 1)` has 16,640 parameters. How many has `nn.MultiheadAttention(64, 8)`?
#
# - a: 16,640
# - b: 8 · 16,640
# - c: 16,640 / 8

# %% nbgrader={"grade_id": "predict-11-3"}
# Write your choice: predict_11_3 = "a", "b" or "c"
### BEGIN SOLUTION
predict_11_3 = "a"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-11-3-check", "points": 0}
# Arrange
# Act
choice = predict_11_3
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")

# %%
torch.manual_seed(0)
for heads in (1, 2, 4, 8):
    mha = nn.MultiheadAttention(64, heads, batch_first=True)
    print(heads, "heads:", sum(p.numel() for p in mha.parameters()), end="   ")
print("\n", {name: tuple(t.shape) for name, t in mha.state_dict().items()})
one, x = nn.MultiheadAttention(8, 1, batch_first=True), torch.randn(1, 4, 8, generator=seeded(7))
plain, _ = attention(x, x, x)
print(f"one head and plain attention differ by {(one(x, x, x)[0] - plain).abs().max():.1f}")
eye, zero = torch.eye(8), torch.zeros(8)
weights = {"in_proj_weight": eye.repeat(3, 1), "in_proj_bias": zero.repeat(3)}
one.load_state_dict({**weights, "out_proj.weight": eye, "out_proj.bias": zero})
print(f"with identities as projections by {(one(x, x, x)[0] - plain).abs().max():.1f}")

# %% [markdown]
# The count is 4(d² + d) for every h: the heads share the width. PyTorch stacks the three input layers into one `in_proj_weight` of shape (3d, d): query, key, value.
#
# You may read that one head *is* plain attention. It is not: the projections are still there. The comparison that proves something is another: copy the weights across. And mind the masks, where PyTorch uses two conventions side by side:
#
# | | True means | a float mask |
# |---|---|---|
# | your `attention`, `F.scaled_dot_product_attention` | may look | is added to the scores |
# | `nn.MultiheadAttention`, `nn.TransformerEncoder` and kin | may **not** look | is added to the scores |
#
# Name a mask after what its True means: `keep`, `pad`, `later`.

# %%
keep = torch.ones(4, 4, dtype=torch.bool).tril()
one.eval()
for name, mask in {"~keep": ~keep, "keep": keep, "keep.float()": keep.float()}.items():
    weights = one(x, x, x, attn_mask=mask)[1][0].tolist()
    first, last = (" ".join(f"{w:.2f}" for w in weights[i]) for i in (0, 3))
    print(f"attn_mask={name:13} word 0 looks at {first}   word 3 at {last}")
scores, causal = torch.zeros(2, 8, 8, 8), torch.ones(8, 8, dtype=torch.bool).tril()
leaky = scores.masked_fill(~causal.unsqueeze(1), -torch.inf).softmax(-1)
print(f"an axis too many, 8 heads, 8 words: future weight {leaky[0, 7, 0, 1:].sum():.2f} in head 7")
noisy = nn.MultiheadAttention(8, 2, dropout=0.3, batch_first=True)
torch.manual_seed(0)
print("train mode, dropout: rows of weights add up to", noisy(x, x, x)[1].sum(-1)[0].detach())

# %% [markdown]
# The wrong way round, every word sees just its future and the last sees nothing: `nan`. As floats 0 and 1 the mask is merely *added*: nothing is hidden, as word 0 shows (word 3 may see all, so it cannot). And a 2-D mask that got one axis too many gives (8, 1, 8), where the *heads* are taken for words. With other sizes that mostly raises; with as many heads as words, or with a single head, it runs, and may leak. So say which shapes you accept, and put each axis in its place.
#
# In the last line the weights do not add up to 1. The layer hands them out after dropout, fit for computing, unfit for looking.

# %% [markdown]
# ### Exercise 11.2 · Multi-head attention
# ★★★☆☆ · 25 min · implementation · 7 points
#
# Write multi-head attention. Its four layers are `nn.Linear(d, d)` and have these names: `q_proj`, `k_proj`, `v_proj`, `out_proj`; there are no other parameters. If h does not divide d, raise `ValueError`.
#
# The mask, True = may look, comes as (L, S), (B, L, S), (B, 1, L, S) or (B, h, L, S); each query may look somewhere. In train mode dropout falls on the attention weights and nowhere else; the weights that you *return* are those before dropout, one map a head: (B, h, L, S).
#
# Not allowed: PyTorch's ready attention, in any form.
#
# <details><summary>Hint 1</summary>
#
# (B, L, d) → `view` (B, L, h, d / h) → `transpose(1, 2)`. From there it is exercise 11.1, with √(d / h).
#
# </details>
# <details><summary>Hint 2</summary>
#
# Which of the four mask shapes does not broadcast to (B, h, L, S) by itself, and where is its axis missing? On the way back undo both steps, the last one first, then `out_proj`. Keep the weights under one name, and what dropout makes of them under another; `F.dropout` has to be told `self.training`.
#
# </details>


# %% nbgrader={"grade_id": "ex-11-2"}
class MultiHeadAttention(nn.Module):
    """Attention with h heads on width d; dropout on the weights, in train mode only."""

    def __init__(self, d: int, h: int, dropout: float = 0.0):
        super().__init__()
        ### BEGIN SOLUTION
        if d % h:
            raise ValueError(f"{h} heads cannot share a width of {d}")
        self.h = h
        self.q_proj, self.k_proj = nn.Linear(d, d), nn.Linear(d, d)
        self.v_proj, self.out_proj = nn.Linear(d, d), nn.Linear(d, d)
        self.dropout = nn.Dropout(dropout)
        ### END SOLUTION

    def forward(self, query, key, value, mask=None) -> tuple[torch.Tensor, torch.Tensor]:
        """query: (B, L, d); key, value: (B, S, d). Returns (B, L, d) and weights (B, h, L, S)."""
        ### BEGIN SOLUTION
        q, k, v = (
            layer(x).unflatten(-1, (self.h, -1)).transpose(1, 2)
            for layer, x in ((self.q_proj, query), (self.k_proj, key), (self.v_proj, value))
        )
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if mask is not None:
            mask = mask[:, None] if mask.ndim == 3 else mask
            scores = scores.masked_fill(~mask, -torch.inf)
        weights = scores.softmax(-1)
        out = (self.dropout(weights) @ v).transpose(1, 2).flatten(2)
        return self.out_proj(out), weights
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-11-2-check", "points": 1}
# Arrange
steps_112 = torch.tensor([[[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]])
look_112 = torch.tensor([[True, False, False], [True, True, False], [True, True, True]])
eye_112, nil_112, ones_112 = torch.eye(4), torch.zeros(4, 4), torch.tensor([1.0, 2, 3, 4])
none_112 = torch.zeros(4)
flat_112 = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]])
maps_112 = torch.stack([flat_112, flat_112])[None]
mixed_112 = torch.tensor([[[2.0, 2, 3, 4], [1.5, 2.5, 3, 4], [4 / 3, 7 / 3, 10 / 3, 4]]])
names_112 = ["k_proj", "out_proj", "q_proj", "v_proj"]
# Act
heads_112 = MultiHeadAttention(4, 2)
parts_112 = sorted(name for name, child in heads_112.named_children() if list(child.parameters()))
given_112 = {f"{name}.weight": eye_112 for name in ("k_proj", "v_proj", "out_proj")}
given_112 |= {f"{name}.bias": none_112 for name in ("q_proj", "k_proj", "v_proj")}
given_112 |= {"q_proj.weight": nil_112, "out_proj.bias": ones_112}
heads_112.load_state_dict(given_112, strict=False)
told_112, seen_112 = heads_112(steps_112, steps_112, steps_112, look_112)
# Assert
check.equal(parts_112, names_112, "the names of the parts with parameters")
check.close(
    seen_112,
    maps_112,
    "the weights of two heads whose queries are 0, under a causal mask",
    ideas={
        "The mask is not used": torch.full((1, 2, 3, 3), 1 / 3),
        "The mean over the heads: return one map a head, (B, h, L, S)": maps_112.mean(1),
    },
    hint="Each query spreads evenly over what it may see; weights have shape (B, h, L, S)",
)
check.close(
    told_112,
    mixed_112,
    "the answer of two heads whose queries are 0",
    hint="Split as (B, L, h, d/h), then swap axes 1 and 2; undo both before out_proj",
)

# %% nbgrader={"grade_id": "ex-11-2-check-2", "points": 1}
# Arrange
ask_112 = torch.tensor([[[1.0, 0, 1, 0], [1, 0, 1, 0]]] * 2)
size_112 = 2**0.5 * math.log(3)
offer_112 = torch.tensor([[[0.0, 0, 0, 0], [size_112, 0, size_112, 0]]] * 2)
hand_112 = torch.tensor([[[0.0, 0, 0, 0], [4, 0, 8, 0]]] * 2)
each_112 = torch.tensor([[[True, True], [True, False]], [[False, True], [True, True]]])
given_too = {f"{name}_proj.weight": torch.eye(4) for name in ("q", "k", "v", "out")}
given_too |= {f"{name}_proj.bias": torch.zeros(4) for name in ("q", "k", "v", "out")}
row_true, row_d = [0.25, 0.75], [1 / (1 + 3**0.5**0.5), 1 - 1 / (1 + 3**0.5**0.5)]
row_bare = [1 / (1 + 3 ** (2**0.5)), 1 - 1 / (1 + 3 ** (2**0.5))]
seen_true, seen_d, seen_bare = (
    torch.tensor([[[row, [1.0, 0]]] * 2, [[[0.0, 1], row]] * 2])
    for row in (row_true, row_d, row_bare)
)
seen_along = torch.stack([seen_true[:, 0]] * 2)
told_true = torch.tensor([[[3.0, 0, 6, 0], [0, 0, 0, 0]], [[4, 0, 8, 0], [3, 0, 6, 0]]])
# Act
two_heads = MultiHeadAttention(4, 2)
two_heads.load_state_dict(given_too, strict=False)
told_two, seen_two = two_heads(ask_112, offer_112, hand_112, each_112)
# Assert
check.close(
    seen_two,
    seen_true,
    "the weights (B, h, L, S) where each sentence has its own mask (B, L, S)",
    ideas={
        "Divided by the root of d; each head has only d / h of the width": seen_d,
        "The scores are not divided by the root of d / h": seen_bare,
        "The mask (B, L, S) was laid along the heads: give it an axis of heads": seen_along,
    },
    hint="Scores 0 and ln 3, weights 0.25 and 0.75 where both keys may be seen",
)
check.close(
    told_two,
    told_true,
    "the answers under a mask for each sentence",
    hint="Queries from query, keys from key, values from value; on the way back swap, then join",
)

# %%
# The hidden tests copy weights out of PyTorch's layer and compare. Do the same: cut in three.
torch.manual_seed(0)
theirs = nn.MultiheadAttention(16, 4, batch_first=True)
mine, state = MultiHeadAttention(16, 4), theirs.state_dict()
cut = zip("qkv", state["in_proj_weight"].chunk(3), state["in_proj_bias"].chunk(3), strict=True)
weights = {k: v for k, v in state.items() if k.startswith("out_proj")}
for name, weight, bias in cut:
    weights |= {f"{name}_proj.weight": weight, f"{name}_proj.bias": bias}
mine.load_state_dict(weights)
x, y = (torch.randn(2, n, 16, generator=seeded(n)) for n in (5, 7))
a, b = mine(x, y, y), theirs(x, y, y, average_attn_weights=False)
gaps = [(m - t).abs().max().item() for m, t in zip(a, b, strict=True)]
print(f"cross-attention, 5 words ask 7: output off by {gaps[0]:.6f}, maps by {gaps[1]:.6f}")

# %% [markdown]
# Zero. From here on PyTorch's layer is no black box: you own one that gives the same numbers.
#
# ## Order
#
# A sentence goes in, a vector a word comes out. Nowhere in the formula does a position occur.

# %% [markdown]
# ### Predict 11.4 · Who chased whom?
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# Self-attention without positions reads "cat chased dog", then "dog chased cat". How do the two outputs, three vectors each, compare?
#
# - a: they are the same, row by row
# - b: they hold the same three vectors, in another order
# - c: they have no vector in common

# %% nbgrader={"grade_id": "predict-11-4"}
# Write your choice: predict_11_4 = "a", "b" or "c"
### BEGIN SOLUTION
predict_11_4 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-11-4-check", "points": 0}
# Arrange
# Act
choice = predict_11_4
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")

# %%
torch.manual_seed(0)
mha = nn.MultiheadAttention(8, 2, batch_first=True)
cat_dog = torch.randn(1, 3, 8, generator=seeded(8))
dog_cat = cat_dog[:, [2, 1, 0]]
a, b = (mha(s, s, s, need_weights=False)[0] for s in (cat_dog, dog_cat))
print(f"row by row: off by {(a - b).abs().max():.2f}")
print(f"after undoing the swap: off by {(a - b[:, [2, 1, 0]]).abs().max():.2f}")
print(f"means over the words: off by {(a.mean(1) - b.mean(1)).abs().max():.2f}")

# %% [markdown]
# Attention is permutation-*equivariant*: move the words, and their outputs move along. But "dog" has the same vector whether it chases or is chased, and once pooled, the two sentences are the same.
#
# So add to each word's vector one for its place, the **positional encoding**. The first transformer used waves, for pairs of columns i = 0, 1, 2, …
#
# PE[p, 2i] = sin(p / 10000^(2i/d)),  PE[p, 2i + 1] = cos(p / 10000^(2i/d))
#
# Others, like BERT and GPT-2, *learn* a table.
#
# How loud should words be beside waves? The first transformer multiplied word vectors by √d; those began with standard deviation d^−½. `nn.Embedding` begins with 1: copy the factor alone, and the places drown. Loudness of words against places:

# %%
for d in (32, 512):
    words = nn.Embedding(1000, d).weight
    small = nn.init.normal_(torch.empty(1000, d), std=d**-0.5)
    sizes = {"plain": words, "plain · √d": words * d**0.5, "std d^-½, then · √d": small * d**0.5}
    shares = {name: t.square().mean().sqrt().item() / 0.5**0.5 for name, t in sizes.items()}
    print(f"d = {d:3}:", ", ".join(f"{v:.1f} ({k})" for k, v in shares.items()))

# %% [markdown]
# ### Exercise 11.3 · Places
# ★★★☆☆ · 25 min · implementation · 7 points
#
# First `sinusoidal(T, d)`, the table above, also for odd d (the last sine then has no cosine). Then a classifier for the **order task**: does token 1 stand before token 2 (`order_task` in the folded cell)?
#
# Its parts: `embedding`, an `nn.Embedding`; `positions` (length, d), for "sinusoid" a buffer with your table, for "learned" an `nn.Parameter` (any start; the picture below: `torch.randn(length, d) * d**-0.5`), for "none" absent; `block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)`; the mean over the places; `head = nn.Linear(d, 2)`. Words and places are simply added, without a factor. Shorter sequences work; one longer than the table raises `ValueError`.
#
# T = 2, d = 3: [[0, 1, 0], [0.841, 0.540, 0.002]].
#
# <details><summary>Hint 1</summary>
#
# `p / 10000 ** (2i/d)` for all p and i at once: a column of places divided by a row. Fill `table[:, 0::2]` and `table[:, 1::2]`. `register_buffer` keeps a tensor that moves with the model and is not learned.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.arange(0, d, 2)` is already 2i. For odd d take `angles.cos()[:, : d // 2]`. In forward: `h = embedding(x)`, `h + positions[: x.shape[1]]`, block, `mean(1)`, head.
#
# </details>


# %% nbgrader={"grade_id": "ex-11-3"}
def sinusoidal(T: int, d: int) -> torch.Tensor:
    """The table of sines (even columns) and cosines (odd columns), float32 (T, d)."""
    ### BEGIN SOLUTION
    angles = torch.arange(T)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)
    table = torch.zeros(T, d)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()[:, : d // 2]
    return table
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-11-3-b"}
class OrderClassifier(nn.Module):
    """Two logits for a sequence of ids. pe: "none", "sinusoid" or "learned"."""

    def __init__(self, pe: str, vocab: int = 12, d: int = 32, length: int = 10):
        super().__init__()
        ### BEGIN SOLUTION
        self.embedding = nn.Embedding(vocab, d)
        self.positions = None
        if pe == "sinusoid":
            del self.positions
            self.register_buffer("positions", sinusoidal(length, d))
        elif pe == "learned":
            self.positions = nn.Parameter(torch.randn(length, d) * d**-0.5)
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: ids (B, T). Returns logits (B, 2); ValueError if T > length and there are places."""
        ### BEGIN SOLUTION
        h = self.embedding(x)
        if self.positions is not None:
            if x.shape[1] > len(self.positions):
                raise ValueError(f"{x.shape[1]} places, but the table has {len(self.positions)}")
            h = h + self.positions[: x.shape[1]]
        return self.head(self.block(h).mean(1))
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-11-3-check", "points": 1}
# Arrange
small_113 = torch.tensor([[0.0, 1.0, 0.0], [0.8415, 0.5403, 0.0022]])
first_113 = torch.tensor(
    [[0.0, 1.0, 0.0, 1.0], [0.8415, 0.5403, 0.0100, 1.0], [0.9093, -0.4161, 0.0200, 0.9998]]
)
halves_113 = first_113[:, [0, 2, 1, 3]]
slow_113 = torch.tensor(
    [[0.0, 1.0, 0.0, 1.0], [0.8415, 0.5403, 0.0998, 0.9950], [0.9093, -0.4161, 0.1987, 0.9801]]
)
twice_113 = first_113.clone()
twice_113[:, 2:] = torch.tensor([[0.0, 1.0], [0.0001, 1.0], [0.0002, 1.0]])
ids_113 = torch.tensor([[1, 4, 2, 5], [2, 3, 3, 1]])
sizes_113 = [(2, 2), (2, 2), (2, 2)]
# Act
table_odd, table_even = sinusoidal(2, 3), sinusoidal(3, 4)
shapes_out = [observe.shapes(OrderClassifier(p)(ids_113)) for p in ("none", "sinusoid", "learned")]
# Assert
check.close(
    table_even,
    first_113,
    "sinusoidal(3, 4)",
    ideas={
        "All sines first, then all cosines: they take turns, column by column": halves_113,
        "The exponent is i / d: for the pair i it is 2i / d": slow_113,
        "The exponent is 4i / d: arange(0, d, 2) is 2i already, so do not double it": twice_113,
    },
    atol=2e-4,
    hint="Columns 0 and 1 are the sine and cosine of p, columns 2 and 3 those of p / 100",
)
check.close(table_odd, small_113, "sinusoidal(2, 3)", atol=1e-3, hint="The last sine has no cosine")
check.equal(
    shapes_out, sizes_113, "the shapes of the logits", hint="Mean over the places, then head"
)

# %% alt="A heat map of 60 places by 32 columns. In the left columns the numbers change between minus one and one every few rows; further right they change more slowly, and the right-hand columns keep 0 or 1 from top to bottom."
table = sinusoidal(60, 32)
far = [round((table[p] @ table[p + k]).item(), 1) for p in (0, 20) for k in (0, 1, 5, 20)]
print("dot products of places 0, 1, 5, 20 apart, from 0:", far[:4], " from 20:", far[4:])
angle = 3 * 10000 ** (-2 / 32)  # three places on, the second pair of columns
turn = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
print(
    f"one rotation moves all by 3: off by {(table[:-3, 2:4] @ turn.T - table[3:, 2:4]).abs().max():.4f}"
)
plots.heat(table, title="sinusoidal(60, 32)", xlabel="column", ylabel="place")

# %% [markdown]
# On the left the numbers change from place to place, on the right hardly at all: fast and slow hands of a clock. A step of k places is the *same* rotation everywhere, and a dot product depends on the distance alone. That may make "three words back" easier to learn. Newer models rotate queries and keys directly (RoPE).
#
# You can compute a row for place 5,000; whether a network that never saw it copes is another matter. A learned table simply ends.
#
# Now the order task. Guess the loss of the network without positions before you look.

# %% tags=["demo"] alt="Four curves over ten epochs. Without positions the loss stays at 0.69. With sinusoids it falls to nearly 0 within about five epochs, with a learned table that begins small a little later. With sinusoids and words times the root of d it falls slowly and is still about 0.5 at the end."
x, y = order_task(1000, seed=0)
unseen, losses = order_task(500, seed=9), {}
for name in ("none", "sinusoid", "learned", "sinusoid, words · √d"):
    gradus.seed_everything(0)
    model = OrderClassifier(name.split(",")[0])
    if "√d" in name:
        model.embedding.register_forward_hook(lambda module, inputs, out: out * 32**0.5)
    losses[name] = train(model, x, y, F.cross_entropy, epochs=10)["loss"]
    hits = (model(unseen[0]).argmax(1) == unseen[1]).float().mean()
    print(f"{name:20} loss {losses[name][-1]:.2f}, accuracy on new sequences {hits:.2f}")
plots.curves(losses, title="Which came first?", ylabel="loss")

# %% [markdown]
# Without positions the loss sticks at ln 2 = 0.69, a coin: pooled, the two classes are *identical* to it. To test a part, choose a task that needs it; then seconds settle the question. The factor √d slows learning down a great deal: beside loud words the places hardly count.
#
# ## The encoder block
#
# Attention moves information between places; a **feed-forward** network (two linear layers, wider inside) works on each place alone. Around each stands a residual connection (chapter 8) and a layer norm (chapter 9):
#
# post-norm: x ← norm(x + part(x))    pre-norm: x ← x + part(norm(x))
#
# The original is post-norm. Pre-norm keeps the residual road free, so deep stacks start well without warm-up; but nothing norms what the road carries.

# %%
x = torch.randn(4, 10, 64, generator=seeded(9))
for first in (False, True):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(64, 4, 256, 0.0, batch_first=True, norm_first=first)
    stack = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
    for p in filter(lambda p: p.ndim > 1, stack.parameters()):
        nn.init.xavier_uniform_(p)  # or all twelve copies start alike
    (stack(x) * torch.randn(x.shape, generator=seeded(10))).sum().backward()
    grads = [stack.layers[i].linear1.weight.grad.norm().item() for i in (0, 11)]
    print(
        f"{'pre' if first else 'post'}-norm: output rms {stack(x).square().mean() ** 0.5:.1f},",
        end=" ",
    )
    print(f"gradient of layer 0 / layer 11 {grads[0] / grads[1]:.2f}")
print("parameters of a block:", sum(p.numel() for p in layer.parameters()))

# %% [markdown]
# At the start, the first post-norm layer receives less gradient than the last (how much less moves with the seed); in the pre-norm stack it receives about twice as much. But the pre-norm output has grown to rms 3: end such a stack with a norm. The count is 4(d² + d) for attention, 2d·ff + ff + d for feed-forward, 4d for the norms.
#
# ## Words in, sentence out
#
# Before the blocks, text becomes numbers: split into tokens, look each up in a *vocabulary*, cut or pad to one length. (torchtext, which older tutorials import for this, is retired; its last release does not load beside today's PyTorch. Twenty lines replace it.) Two ids are special: 0 for padding, 1 for unknown words. They count too.

# %%
ids = {f"word{i}": i + 2 for i in range(10)}  # ten words, after <pad> and <unk>
print("table of 10:", observe.complaint(nn.Embedding(10, 4), torch.tensor(ids["word9"])))
torch.manual_seed(0)
encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True), 2)
words, pad = torch.randn(1, 5, 16, generator=seeded(11)), torch.arange(11)[None] >= 5
for mode in ("train", "eval", "eval, no_grad"):
    encoder.train(mode == "train")
    with torch.set_grad_enabled("no_grad" not in mode), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch remarks on nested tensors
        long = encoder(F.pad(words, (0, 0, 0, 6)), src_key_padding_mask=pad)
        short = encoder(words)
    gaps = long[:, :5] - short, long.mean(1) - short.mean(1), long[:, 5:]
    words_off, mean_off, pads = (gap.abs().max() for gap in gaps)
    print(f"{mode:14} words off by {words_off:.2f}, mean by {mean_off:.2f}; pads up to {pads:.2f}")

# %% [markdown]
# A vocabulary of "10 words" needs a table of 12. And the mask did its work: the words come out the same with six pads behind them. Then a plain mean spoiled it, by averaging over the pads, and *differently* without gradients: there PyTorch takes a fast path, which leaves zeros in the padded places (last number). A model can so change its mind between training and use. The cure is a mean over the words alone.

# %% [markdown]
# ### Exercise 11.4 · A reader
# ★★★★☆ · 35 min · production · 9 points
#
# Four pieces of a text classifier. Words are `text.lower().split()`.
#
# - `build_vocab`: `"<pad>"` 0, `"<unk>"` 1, then the most frequent words, equal counts in alphabetical order; at most `max_size` entries **in all**.
# - `encode`: ids and `pad` (True at padding), cut or padded at the end.
# - `masked_mean`: the mean over words; zeros for a row of padding alone; numbers in the padding, however huge, do not matter.
# - `EncoderBlock`: as `nn.TransformerEncoderLayer` with `dropout=0.0`, `batch_first=True`, `norm_first=pre_norm`, and with its names: `self_attn` (an `nn.MultiheadAttention`), `linear1`, `linear2`, `norm1`, `norm2`. Not that class itself. Rows of padding alone give finite numbers and gradients.
#
# "the cat the dog", limit 4: {"<pad>": 0, "<unk>": 1, "the": 2, "cat": 3}.
#
# <details><summary>Hint 1</summary>
#
# Sort by `(-count, word)`. `self_attn` reads True as *may not look*, so `pad` fits as it is: `key_padding_mask=pad`. In a pre-norm block the norm stands before each part, and the sum is left alone.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `need_weights=False` lets PyTorch use its fused attention, which gives zeros, not `nan`, for rows of padding. Fill the padding with 0 (`masked_fill`), sum, divide by `(~pad).sum(1)` clamped to at least 1.
#
# </details>


# %% nbgrader={"grade_id": "ex-11-4"}
def build_vocab(texts: list[str], max_size: int) -> dict[str, int]:
    """Word → id; "<pad>" is 0, "<unk>" is 1, then by falling count; at most max_size entries."""
    ### BEGIN SOLUTION
    counts = Counter(word for text in texts for word in text.lower().split())
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return {word: i for i, word in enumerate(["<pad>", "<unk>", *ranked][:max_size])}
    ### END SOLUTION


def encode(
    texts: list[str], vocab: dict[str, int], length: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """ids int64 (N, length) and pad bool (N, length), True where there is no word."""
    ### BEGIN SOLUTION
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for row, text in zip(ids, texts, strict=True):
        found = [vocab.get(word, 1) for word in text.lower().split()[:length]]
        row[: len(found)] = torch.tensor(found, dtype=torch.long)
    return ids, ids == 0
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-11-4-b"}
def masked_mean(h: torch.Tensor, pad: torch.Tensor) -> torch.Tensor:
    """Mean of h (B, T, d) over the places where pad (B, T) is False; (B, d)."""
    ### BEGIN SOLUTION
    total = h.masked_fill(pad[:, :, None], 0).sum(1)
    return total / (~pad).sum(1, keepdim=True).clamp(min=1)
    ### END SOLUTION


class EncoderBlock(nn.Module):
    """Self-attention and feed-forward, each with residual and layer norm."""

    def __init__(self, d: int, heads: int, ff: int, pre_norm: bool = False):
        super().__init__()
        ### BEGIN SOLUTION
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm
        ### END SOLUTION

    def forward(self, x: torch.Tensor, pad: torch.Tensor | None = None) -> torch.Tensor:
        """x: (B, T, d); pad: bool (B, T), True at padding. Returns (B, T, d)."""
        ### BEGIN SOLUTION
        h = self.norm1(x) if self.pre_norm else x
        x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
        x = x if self.pre_norm else self.norm1(x)
        h = self.norm2(x) if self.pre_norm else x
        x = x + self.linear2(F.relu(self.linear1(h)))
        return x if self.pre_norm else self.norm2(x)
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-11-4-check", "points": 1}
# Arrange
lines_114 = ["The cat the dog", "a dog"]
words_114 = {"<pad>": 0, "<unk>": 1, "dog": 2, "the": 3}
by_text, too_many = {"<pad>": 0, "<unk>": 1, "the": 2, "dog": 3}, {**words_114, "a": 4, "cat": 5}
no_lower = {"<pad>": 0, "<unk>": 1, "dog": 2, "The": 3}
given_114 = {"<pad>": 0, "<unk>": 1, "dog": 2, "the": 3}
ids_114 = torch.tensor([[3, 1, 3], [1, 2, 0]])
upper_114, begun_114 = torch.tensor([[1, 1, 3], [1, 2, 0]]), torch.tensor([[1, 3, 2], [1, 2, 0]])
pads_114 = torch.tensor([[False, False, False], [False, False, True]])
# Act
vocab_114 = build_vocab(lines_114, 4)
coded_114, flags_114 = encode(lines_114, given_114, 3)
# Assert
check.equal(
    vocab_114,
    words_114,
    "the vocabulary of two lines with a limit of 4",
    ideas={
        "Words of equal count stand in the order of the text: sort them alphabetically": by_text,
        "The two special entries count in the limit as well": too_many,
        "Upper and lower case are one word: text.lower()": no_lower,
    },
    hint="<pad> 0, <unk> 1, then the most frequent words",
)
check.equal(
    coded_114,
    ids_114,
    "the ids at length 3",
    ideas={
        "The text keeps its upper case: encode needs text.lower() as well": upper_114,
        "Long texts lose their beginning: cut at the end": begun_114,
    },
    hint="Cut at the end, pad with 0, 1 for unknown words",
)
check.equal(flags_114, pads_114, "the flags of padding", hint="True where there is no word")

# %% nbgrader={"grade_id": "ex-11-4-check-2", "points": 1}
# Arrange
h_114 = torch.tensor(
    [[[1.0, 2.0], [3.0, 4.0], [500.0, 600.0]], [[7.0, 8.0], [9.0, 9.0], [9.0, 9.0]]]
)
gone_114 = torch.tensor([[False, False, True], [True, True, True]])
means_114 = torch.tensor([[2.0, 3.0], [0.0, 0.0]])
plain_114 = torch.tensor([[168.0, 202.0], [25 / 3, 26 / 3]])
turned_114 = torch.tensor([[500.0, 600.0], [25 / 3, 26 / 3]])
by_length_114 = torch.tensor([[4 / 3, 2.0], [0.0, 0.0]])
crossed_114 = torch.tensor([[2.0, 6.0], [0.0, 0.0]])
calm_114 = torch.tensor([[[1.0, 2.0, 4.0, 7.0], [0.0, 5.0, 1.0, -2.0]]])
calm_true = calm_114.clone()
normed_114 = torch.tensor([[[-1.091, -0.655, 0.218, 1.528], [-0.392, 1.569, 0.0, -1.177]]])
signs_114 = torch.tensor([[[1.0, -1, 1, -1], [1, 1, -1, -1], [-1, 1, 1, -1]]])
pad_114 = torch.tensor([[False, False, True]])
even_114 = torch.cat([torch.zeros(8, 4), torch.eye(4)])  # equal weights, values as they are
mean_two, mean_all = torch.tensor([1.0, 0, 0, -1]), torch.tensor([1.0, 1, 1, -3]) / 3
sums_114 = [signs_114[:, :2] + m for m in (mean_two, mean_all, signs_114[0, 2])]
heard_true, heard_all, heard_pad = ([F.layer_norm(t, (4,)), t] for t in sums_114)
heard_late = [heard_true[0], signs_114[:, :2] + 2**0.5 * mean_two]
# Act
pooled_114 = masked_mean(h_114, gone_114)
quiet = {flag: EncoderBlock(4, 2, 8, flag) for flag in (False, True)}
with torch.no_grad():
    for block in quiet.values():
        block.self_attn.out_proj.weight.zero_()
        block.self_attn.out_proj.bias.zero_()
        block.linear2.weight.zero_()
        block.linear2.bias.zero_()
post_114, pre_114 = quiet[False](calm_114).detach(), quiet[True](calm_114).detach()
heard = {flag: EncoderBlock(4, 2, 8, flag) for flag in (False, True)}
with torch.no_grad():
    for block in heard.values():
        block.self_attn.in_proj_weight.copy_(even_114)
        block.self_attn.in_proj_bias.zero_()
        block.self_attn.out_proj.weight.copy_(torch.eye(4))
        block.self_attn.out_proj.bias.zero_()
        block.linear2.weight.zero_()
        block.linear2.bias.zero_()
heard_114 = [heard[flag](signs_114, pad_114)[:, :2].detach() for flag in (False, True)]
# Assert
check.close(
    pooled_114,
    means_114,
    "masked_mean of two rows, the second all padding",
    ideas={
        "A plain mean: padding counts as well": plain_114,
        "pad is read the wrong way round: True marks padding": turned_114,
        "Divided by the length: divide by the number of words": by_length_114,
        "Each column is divided by the count of another row: give each row its own (keepdim=True)": crossed_114,
    },
    hint="Zeros, not nan, for a row that is all padding",
)
check.close(
    post_114,
    normed_114,
    "a post-norm block whose two parts give 0",
    ideas={"That is x itself, as a pre-norm block gives": calm_true},
    atol=1e-3,
    hint="What remains is norm2(norm1(x))",
)
check.close(
    pre_114,
    calm_true,
    "a pre-norm block whose two parts give 0",
    ideas={"Normed: in a pre-norm block the sum is left alone": normed_114},
    atol=1e-3,
    hint="What remains is x",
)
check.close(
    heard_114,
    heard_true,
    "[post-norm, pre-norm]: two words and a pad, each word hears the mean of what it may see",
    ideas={
        "The padding is heard as well: hand pad to self_attn": heard_all,
        "Post-norm hears the padding: hand pad to self_attn there too": [
            heard_all[0],
            heard_true[1],
        ],
        "Pre-norm hears the padding: hand pad to self_attn there too": [
            heard_true[0],
            heard_all[1],
        ],
        "Only the padding is heard: self_attn reads True as may not look, so pad fits as it is": heard_pad,
        "Pre-norm is x + part(norm(x)), with the norm before the part": heard_late,
    },
    atol=1e-3,
    hint="Is batch_first=True there, and key_padding_mask=pad? Query, key and value are one tensor",
)

# %% [markdown]
# You now have every part of BERT's inside. Reviews are the next step: the embedded ones here, IMDB if it lies on your disk (project 23 takes that road). Tutorials put 5.7 million parameters on it, hours an epoch on one core; here at most 31 thousand do, in a few seconds. How much is attention worth, beside a mean of word vectors?

# %% tags=["demo"]
reviews, exam = gradus.load("imdb"), gradus.load("imdb", train=False, quiet=True)
learn = torch.randperm(len(reviews.inputs), generator=seeded(0))[:2000].tolist()
held = torch.randperm(len(exam.inputs), generator=seeded(1))[:500].tolist()
texts = [reviews.inputs[i] for i in learn]
vocab = build_vocab(texts, 600)
for name, blocks in {"mean of word vectors": 0, "one encoder block": 1}.items():
    gradus.seed_everything(0)
    reader = Reader(len(vocab), 32, 90, [EncoderBlock(32, 4, 64)] * blocks, masked_mean)
    inputs, labels = encode(texts, vocab, 90), reviews.labels[learn]
    train(reader, inputs, labels, F.cross_entropy, epochs=4, device=gradus.device())
    with torch.no_grad():
        answers = reader.cpu()(*encode([exam.inputs[i] for i in held], vocab, 90)).argmax(1)
    share = (answers == exam.labels[held]).float().mean()
    size = sum(p.numel() for p in reader.parameters())
    print(f"{name:20} {size:6,} parameters, right on new reviews: {share:.2f}")

# %% [markdown]
# A small difference, which moves with seed and epochs: here words alone say most. Such a task cannot tell you whether a block is right; the order task can.
#
# <details><summary>At full size</summary>
#
# With the real IMDB on your disk (`data/README.md` says how) the same functions pass 85 %: more words, longer texts, a small start for the vectors of words. It takes a few minutes an epoch on one core.
#
# ```python
# device = gradus.device()
# reviews, exam = gradus.load("imdb"), gradus.load("imdb", train=False)
# vocab = build_vocab(reviews.inputs, 20_000)
# reader = Reader(len(vocab), 32, 300, [EncoderBlock(32, 4, 64)], masked_mean)
# nn.init.normal_(reader.words.weight, std=0.02)
# inputs = encode(reviews.inputs, vocab, 300)
# train(reader, inputs, reviews.labels, F.cross_entropy, epochs=2, lr=1e-3, device=device)
# unseen = TensorDataset(*encode(exam.inputs, vocab, 300), exam.labels)
# print(gradus.evaluate(reader, DataLoader(unseen, 500), F.cross_entropy, device))
# ```
# </details>
#
# ## Writing: the decoder
#
# A **decoder** writes one token after another. Its block has three parts: self-attention over what is written so far, *cross-attention* whose queries come from the decoder and whose keys and values come from the encoder, and feed-forward. While it learns it sees the whole right answer at once, so a **causal mask** must hide what comes later.
#
# `nn.Transformer` holds both stacks. Below, it learns to turn words round (`turned_words`, folded cell): the input is padded with 0; the output begins with 1 and ends with 2.


# %%
class Reverser(nn.Module):
    def __init__(self, masked=True):
        super().__init__()
        self.words, self.places = nn.Embedding(13, 32), nn.Embedding(8, 32)
        self.core = nn.Transformer(32, 4, 1, 1, 64, dropout=0.0, batch_first=True)
        self.head, self.masked = nn.Linear(32, 13), masked

    def embed(self, ids):
        return self.words(ids) + self.places.weight[: ids.shape[1]]

    def forward(self, source, target):
        pad, n = source == 0, target.shape[1]
        later = pad.new_ones(n, n).triu(1) if self.masked else None  # True: may not look
        masks = dict(tgt_mask=later, src_key_padding_mask=pad, memory_key_padding_mask=pad)
        return self.head(self.core(self.embed(source), self.embed(target), **masks))


# %%
@torch.no_grad()  # easy to forget; as are eval mode, and the mode before
def write(model, source, longest=8):
    """Greedy answers (B, longest): 1, then always the likeliest next token; after 2 comes 0."""
    training = model.training
    model.eval()
    out = torch.ones(len(source), 1, dtype=torch.long, device=source.device)
    done = torch.zeros(len(source), dtype=torch.bool, device=source.device)
    while out.shape[1] < longest:  # the first column counts as well
        token = model(source, out)[:, -1].argmax(-1)
        token = token.masked_fill(done, 0)  # a row that has ended writes padding
        out, done = torch.cat([out, token[:, None]], 1), done | (token == 2)
    model.train(training)
    return out


# %% [markdown]
# ### Predict 11.5 · The forgotten mask
# ★★☆☆☆ · 3 min · conceptual · 1 point
#
# A decoder gets tokens 0 … T − 1 and learns to give tokens 1 … T. Somebody forgot the causal mask. What happens?
#
# - a: the training loss falls to nearly 0, and it writes well
# - b: the training loss falls to nearly 0, and it writes nonsense
# - c: the training loss does not fall

# %% nbgrader={"grade_id": "predict-11-5"}
# Write your choice: predict_11_5 = "a", "b" or "c"
### BEGIN SOLUTION
predict_11_5 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-11-5-check", "points": 0}
# Arrange
# Act
choice = predict_11_5
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")

# %% tags=["demo"]
(source, target), (fresh, answer) = turned_words(1500, 0), turned_words(200, 1)
loss = partial(token_loss, ignore=0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # PyTorch remarks on nested tensors
    for masked in (True, False):
        gradus.seed_everything(0)
        model, inputs = Reverser(masked), (source, target[:, :-1])
        history = train(model, inputs, target[:, 1:], loss, epochs=6)
        right = (write(model, fresh) == answer).all(1).float().mean()
        before = model(fresh, answer[:, :-1])
        last = answer[:, :-1].clone()
        last[:, -1] = 3
        moved = (model(fresh, last) - before)[:, 0].abs().max()
        print(
            f"mask {masked!s:5} training loss {history['loss'][-1]:.2f}, right {right:.2f},",
            end=" ",
        )
        print(f"last token changed: first logits move by {moved:.2f}")
        print("   ", fresh[0].tolist(), "→", write(model, fresh[:1])[0].tolist())

# %% [markdown]
# The loss of the unmasked one falls just as low, and it can do nothing: it copied the next token out of its own input. When it writes, there is no next token to copy. Shapes and loss are blind to it; the probe is not: a later token moved an earlier output.
#
# Padding has a second door. The source's padding must be hidden in cross-attention too (`memory_key_padding_mask`). Fill padded places with something else, leave the mask as it was, and see.

# %%
torch.manual_seed(0)
out, model = answer[:1, :-1], Reverser()
pads = torch.arange(6)[None] >= 3
for name, hidden in {"passed": pads, "forgotten": None}.items():
    outputs = []
    for letter in (0, 7):  # what stands in the padding
        filled = fresh[:1].masked_fill(pads, letter)
        masks = dict(src_key_padding_mask=pads, memory_key_padding_mask=hidden)
        outputs.append(model.core(model.embed(filled), model.embed(out), **masks))
    moved = (outputs[0] - outputs[1]).abs().max()
    print(f"memory_key_padding_mask {name}: other padding moves the output by {moved:.2f}")

# %% [markdown]
# ## A language model
#
# Leave the encoder away, and what remains is a **decoder-only** model: masked self-attention and feed-forward, trained to guess the next token of any text. No labels are needed: the target of each place is the token after it. One window of T tokens gives T lessons at once. GPT is this, large; measured so far, more weights with more text kept helping (*scaling*).
#
# To write, the last logits become probabilities. *Greedy* takes the likeliest token. A *temperature* divides the logits: below 1 it sharpens, above 1 it flattens, and 0 means greedy. *Top-k* lets only the k likeliest take part. The usual three lines for it have holes:


# %%
def usual(logits, temperature, k):
    logits = logits / temperature
    logits[logits < logits.topk(k).values[-1]] = -torch.inf
    return logits.softmax(-1)


logits = torch.tensor([2.0, 2.0, 2.0, 0.0])
print("temperature 0:       ", usual(logits, 0, 2))
print("k beyond vocabulary: ", observe.complaint(usual, logits, 1.0, 5))
print("k = 1, three equal:  ", usual(logits, 1.0, 1))
print("half the temperature:", usual(torch.tensor([1.0, 0.0]), 0.5, 2), " twice:", end=" ")
print(usual(torch.tensor([1.0, 0.0]), 2.0, 2))

# %% [markdown]
# ### Exercise 11.5 · A model that writes
# ★★★★☆ · 40 min · implementation · 10 points
#
# - `lm_windows`: cut a text of N ids into windows that do not overlap; targets are the ids one place later.
# - `CausalLM`: vectors for words and places, masked blocks (place t sees 0 … t, itself too), logits for each place. PyTorch's parts are allowed. No dropout. Shorter windows work; longer than `context` raises `ValueError`.
# - `next_token_probs`: temperature 0 gives all to one likeliest token; exactly k tokens keep a chance (all if k is `None` or too large), also among equals.
# - `generate`: appends n tokens, each drawn from `next_token_probs`; the model sees the last `context` ids, in eval mode, without gradients, and gets its mode back.
#
# ids 0 … 6, context 3: inputs [[0, 1, 2], [3, 4, 5]], targets [[1, 2, 3], [4, 5, 6]]. Logits [2, 2, 0], k = 1: [1, 0, 0] or [0, 1, 0].
#
# <details><summary>Hint 1</summary>
#
# `nn.TransformerEncoder(layer, n, enable_nested_tensor=False)` with `mask=later` is a decoder-only stack; `later` is True above the diagonal. For exactly k tokens use the *indices* of `topk`, not a threshold.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Windows: cut off what does not fill a window, then `view`; the same once more, one id later. Probabilities: softmax over the k values of `topk` alone; then `scatter` puts each at its index into zeros. What is temperature 0, told in terms of k? Drawing: `torch.multinomial`, which takes a `generator`.
#
# </details>


# %% nbgrader={"grade_id": "ex-11-5"}
def lm_windows(ids: torch.Tensor, context: int) -> tuple[torch.Tensor, torch.Tensor]:
    """ids (N,) → inputs and targets, both (M, context) with M = (N - 1) // context."""
    ### BEGIN SOLUTION
    count = (len(ids) - 1) // context
    size = count * context
    return ids[:size].view(count, context), ids[1 : size + 1].view(count, context)
    ### END SOLUTION


class CausalLM(nn.Module):
    """A decoder-only transformer: ids (B, T) → logits (B, T, vocab); place t sees places 0 … t."""

    def __init__(self, vocab: int, d: int, heads: int, layers: int, context: int):
        super().__init__()
        ### BEGIN SOLUTION
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(
            d, heads, 4 * d, dropout=0.0, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(
            layer, layers, norm=nn.LayerNorm(d), enable_nested_tensor=False
        )
        self.head = nn.Linear(d, vocab)
        for table in (self.words, self.places):
            nn.init.normal_(table.weight, std=d**-0.5)
        ### END SOLUTION

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """ids: int64 (B, T) with T ≤ context, else ValueError. Returns (B, T, vocab)."""
        ### BEGIN SOLUTION
        T, device = ids.shape[1], ids.device
        if T > self.places.num_embeddings:
            raise ValueError(f"{T} tokens, but the context is {self.places.num_embeddings}")
        h = self.words(ids) + self.places(torch.arange(T, device=device))
        later = torch.ones(T, T, dtype=torch.bool, device=device).triu(1)
        return self.head(self.blocks(h, mask=later))
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-11-5-b"}
def next_token_probs(
    logits: torch.Tensor, k: int | None = None, temperature: float = 1.0
) -> torch.Tensor:
    """Probabilities (B, V) from logits (B, V), which stay as they are."""
    ### BEGIN SOLUTION
    size = logits.shape[-1]
    if temperature == 0:
        k, temperature = 1, 1.0
    top = logits.topk(size if k is None else min(k, size), dim=-1)
    chances = (top.values / temperature).softmax(-1)
    return torch.zeros_like(logits).scatter(-1, top.indices, chances)
    ### END SOLUTION


def generate(
    model: nn.Module,
    ids: torch.Tensor,
    n: int,
    context: int,
    temperature: float = 1.0,
    k: int | None = None,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """ids (B, T) and n more tokens: (B, T + n). All drawing is done with `generator`."""
    ### BEGIN SOLUTION
    training = model.training
    model.eval()
    with torch.no_grad():
        for _ in range(n):
            logits = model(ids[:, -context:])[:, -1]
            probs = next_token_probs(logits, k, temperature)
            token = torch.multinomial(probs, 1, generator=generator)
            ids = torch.cat([ids, token], 1)
    model.train(training)
    return ids
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-11-5-check", "points": 1}
# Arrange
seven_115 = torch.arange(7)
in_115, after_115 = torch.tensor([[0, 1, 2], [3, 4, 5]]), torch.tensor([[1, 2, 3], [4, 5, 6]])
pair_115 = [in_115.clone(), after_115]
unshifted_115 = [in_115.clone(), in_115.clone()]
tiny_115 = torch.tensor([[1, 4, 0, 2], [3, 3, 1, 0]])
size_115 = (2, 4, 6)
other_115, calm_115 = tiny_115.clone(), torch.zeros(2, 3, 6)
other_115[:, -1] = torch.tensor([5, 4])
# Act
windows_115 = observe.copy(list(lm_windows(seven_115, 3)))
torch.manual_seed(0)
lm_115 = CausalLM(6, 8, 2, 1, 5)
logit_size = observe.shapes(lm_115(tiny_115))
ahead_115 = (lm_115(other_115) - lm_115(tiny_115))[:, :3].detach()
# Assert
check.equal(
    windows_115,
    pair_115,
    "windows of 3 from the ids 0 … 6",
    ideas={"The targets are the inputs: they lie one place later": unshifted_115},
    hint="Two tensors (M, context): inputs, and the ids one place later",
)
check.equal(logit_size, size_115, "the shape of the logits for ids (2, 4) and 6 words")
check.close(
    ahead_115,
    calm_115,
    "the change of the first three logits when the last id changes",
    atol=1e-4,
    hint="A place sees later ones: in PyTorch's blocks the mask is True where one may not look",
)

# %% nbgrader={"grade_id": "ex-11-5-check-2", "points": 1}
# Arrange
logits_115 = torch.tensor([[0.0, math.log(2), math.log(3)]])
all_115, two_115 = torch.tensor([[1, 2, 3]]) / 6, torch.tensor([[0, 0.4, 0.6]])
sharp_115, first_115 = torch.tensor([[1, 4, 9]]) / 14, torch.tensor([[0.0, 0, 1]])
flat_115 = torch.tensor([[1, 2**0.5, 3**0.5]]) / (1 + 2**0.5 + 3**0.5)
start_115, path_115 = torch.tensor([[1]]), torch.tensor([[1, 2, 4, 3]])
# Act
probs_115 = [next_token_probs(logits_115), next_token_probs(logits_115, k=2)]
probs_115 += [next_token_probs(logits_115, temperature=t) for t in (0.5, 0)]
written_115 = generate(Toy(5, 9.0), start_115, 3, 8, temperature=0)
# Assert
check.close(
    probs_115,
    [all_115, two_115, sharp_115, first_115],
    "probabilities: all, k = 2, temperature 0.5, temperature 0",
    ideas={
        "The logits are multiplied by the temperature: divide": [
            all_115,
            two_115,
            flat_115,
            all_115,
        ],
        "The logits are multiplied by the temperature: divide by it": [
            all_115,
            two_115,
            flat_115,
            first_115,
        ],
        "Sorted by size: put each chance back at the index of its token (scatter)": [
            all_115.flip(1),
            two_115[:, 1:].flip(1),
            sharp_115.flip(1),
            torch.ones(1, 1),
        ],
        "Sorted by size: scatter each chance back to the index of its token": [
            all_115.flip(1),
            two_115[:, 1:].flip(1),
            sharp_115.flip(1),
            first_115,
        ],
        "Divided by the temperature after softmax: divide the logits": [
            all_115,
            two_115,
            all_115 * 2,
            first_115,
        ],
    },
    hint="Cut to k, divide by the temperature, softmax; temperature 0 gives all to the likeliest",
)
check.equal(
    written_115,
    path_115,
    "three greedy tokens after 1 from a toy that expects 1 + the sum of all so far, modulo 5",
    hint="Keep the given ids; eval mode and no gradients while writing (the toy notices)",
)

# %% tags=["demo"]
# Let it write: tiny Shakespeare if it lies on your disk, else a made-up play. A few seconds.
play = gradus.load("shakespeare")
text, letters = play.inputs[:180_000], sorted(set(play.inputs))
ids = torch.tensor([letters.index(c) for c in text])
shares = ids.bincount() / len(ids)
gradus.seed_everything(0)
scribe = CausalLM(len(letters), 64, 4, 2, 64)
losses = train(scribe, *lm_windows(ids, 64), token_loss, epochs=2, batch=16)["loss"]
print(
    f"letter counts alone: {-(shares * shares.log()).sum():.2f}   epochs: {losses[0]:.2f}, {losses[1]:.2f}"
)
start = ids[None, : text.index("\n") + 1]
for temperature, k in ((0, None), (0.7, 5), (1.5, None)):
    out = generate(scribe, start, 110, 64, temperature, k, seeded(3))[0]
    print(f"--- temperature {temperature}, k {k}\n" + "".join(letters[i] for i in out))

# %% [markdown]
# On the made-up play: greedy repeats itself, temperature 1.5 stammers, and in between stands something like verse, from a model that began with noise and knows letters only. e^loss, the *perplexity*, says between how many letters it hesitates.
#
# Each new letter computes all earlier ones anew. Real systems keep old keys and values (the *KV cache*): under a causal mask they stay, until the window slides (then places change). So transformers can stream, contrary to what you may read.
#
# ## Looking at attention
#
# What do the heads look at? A hook on the layer's attention disappoints: `nn.TransformerEncoderLayer` calls it with `need_weights=False`, which is faster, in every mode.
#
# But a hook *before* the call may change its arguments: `register_forward_pre_hook(hook, with_kwargs=True)`, where `hook(module, args, kwargs)` returns the new `(args, kwargs)`.

# %%
layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
kept = []
handle = layer.self_attn.register_forward_hook(lambda module, inputs, out: kept.append(out[1]))
x = torch.randn(1, 4, 16, generator=seeded(12))
layer.train()(x)
layer.eval()(x)
with torch.no_grad():
    layer(x)
handle.remove()
print("weights in train, in eval, without gradients:", kept)

# %% [markdown]
# ### Exercise 11.6 · Looking at attention
# ★★★☆☆ · 25 min · problem solving · 7 points
#
# `capture_attention` runs `model(x)` once and returns the weights of every `nn.MultiheadAttention` in it that is called, one tensor (B, h, T, T) *a call*, in order. Look in eval mode (so before dropout) and without gradients. Afterwards nothing may show that you were there: modes of all modules, hooks, outputs.
#
# `mean_distance` sums up a map: how far does each head look, on average over samples and queries? Σⱼ aᵢⱼ |i − j|, one number a head, shape (h,).
#
# Each word looks at itself: 0. At its neighbour: 1. Evenly at all T places: (T² − 1) / (3T).
#
# <details><summary>Hint 1</summary>
#
# Two hooks on each attention: one before, which asks for weights, one after, which keeps them. Both registrations return a handle with `remove()`. Modes: note `module.training` of each module first.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The hook before returns `args` and a changed copy of `kwargs`: besides `need_weights`, which argument of `nn.MultiheadAttention.forward` keeps the heads apart? The layer returns a pair; the hook after keeps its second part. Put the clean-up in `finally`. Distances: a column of places minus a row of places.
#
# </details>


# %% nbgrader={"grade_id": "ex-11-6"}
def capture_attention(model: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """Weights (B, h, T, T) of each call of an nn.MultiheadAttention during model(x), in order."""
    ### BEGIN SOLUTION
    maps, handles = [], []

    def ask(module, args, kwargs):
        return args, {**kwargs, "need_weights": True, "average_attn_weights": False}

    def keep(module, args, out):
        maps.append(out[1])

    modes = [(module, module.training) for module in model.modules()]
    try:
        for module, _ in modes:
            if isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
                handles.append(module.register_forward_hook(keep))
        model.eval()
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return maps
    ### END SOLUTION


def mean_distance(att: torch.Tensor) -> torch.Tensor:
    """att: (B, h, T, T), rows are queries. Mean distance that each head looks, (h,)."""
    ### BEGIN SOLUTION
    place = torch.arange(att.shape[-1], device=att.device)
    distance = (place[:, None] - place).abs()
    return (att * distance).sum(-1).mean((0, 2))
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-11-6-check", "points": 1}
# Arrange
own_116 = torch.eye(4)
next_116 = torch.eye(4)[[1, 2, 3, 2]]
even_116 = torch.full((4, 4), 0.25)
maps_116 = torch.stack([own_116, next_116, even_116])[None]
far_116, signed_116 = torch.tensor([0.0, 1.0, 1.25]), torch.tensor([0.0, -0.5, 0.0])
x_116 = torch.randn(2, 4, 8, generator=seeded(116))
size_116, ones_116 = [(2, 2, 4, 4)] * 2, [torch.ones(2, 2, 4)] * 2
# Act
distances_116 = mean_distance(maps_116)
torch.manual_seed(0)
layer_116 = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
stack_116 = nn.TransformerEncoder(layer_116, 2, enable_nested_tensor=False)
seen_116 = capture_attention(stack_116, x_116)
sizes_116 = observe.shapes(seen_116)
sums_116 = [seen_116[i].sum(-1) for i in range(2)]
# Assert
check.close(
    distances_116,
    far_116,
    "the distances of three heads: itself, neighbour, evenly",
    ideas={
        "The sum over all queries: take the mean over them": 4 * far_116,
        "One number for all heads: keep the axis of heads": far_116.mean(),
        "Distances have no sign: take the absolute value |i - j|": signed_116,
        "A distance has no sign: take the absolute value |i - j|": -signed_116,
        "The mean over the keys: sum over them, their weights add up to 1": far_116 / 4,
    },
    hint="Sum over keys, mean over samples and queries, one number a head",
)
check.equal(
    sizes_116,
    size_116,
    "the shapes for two layers with two heads",
    ideas={"The heads were averaged: ask for average_attn_weights=False": [(2, 4, 4)] * 2},
    hint="A list with one tensor (B, h, T, T) for each layer",
)
check.close(sums_116, ones_116, "the sums of the rows", hint="Look in eval mode: dropout is off")

# %% tags=["demo"] alt="Four square maps in a row. Both heads of layer 1: dim and nearly even, with a faint cross. Both heads of layer 2: a bright diagonal from bottom left to top right, crossed by a faint one."
# A map worth looking at needs a task with a known answer: turn eight digits round.
digits = torch.randint(10, (1500, 8), generator=seeded(3))
gradus.seed_everything(0)
layer = nn.TransformerEncoderLayer(32, 2, 64, dropout=0.0, batch_first=True)
stack = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
turner = nn.Sequential(nn.Embedding(10, 32), stack, nn.Linear(32, 10))
turner.places = nn.Parameter(torch.randn(8, 32) * 32**-0.5)
turner[0].register_forward_hook(lambda module, inputs, out: out + turner.places)
loss = train(turner, digits, digits.flip(1), token_loss, epochs=6)["loss"][-1]
maps = capture_attention(turner, digits[:200])
print(f"loss {loss:.2f}; mean distances", torch.cat([mean_distance(m) for m in maps]))
shown = torch.cat([m.mean(0) for m in maps])
plots.image_grid(shown, [f"layer {n} head {h}" for n in "12" for h in "12"])

# %% [markdown]
# Bright means a large weight. The rising diagonal is the rule itself, place i reading place 7 − i; here layer 2 does it, and heads divide the work as training happens to go.
#
# We knew the answer. In general a map shows where information was *fetched*, not what was done with it: a large weight on a value that says nothing changes nothing, and words with equal values can swap their weights without a trace. Attention is a hint, not an explanation (see the references). To test a hint, intervene: change the word, and look at the output.

# %% [markdown]
# ## What it costs, and the family
#
# T tokens make T² pairs: twice the text, four times the scores. *Local* attention looks at a window only, *sparse* attention at chosen pairs. *Linear* attention leaves softmax out: then Q (Kᵀ V) is (Q Kᵀ) V, and the large matrix never exists. And images can be read as texts of patches (ViT).

# %%
T, d = 2000, 16
q, k, v = (torch.randn(T, d, generator=seeded(s), dtype=torch.float64) for s in (13, 14, 15))
long_way, short_way = (q @ k.T) @ v, q @ (k.T @ v)
print(f"linear attention: off by {(long_way - short_way).abs().max():.4f};", end=" ")
print(f"{T * T:,} scores against {d * d} sums")
image = gradus.load("mnist", quiet=True).images[:1].float()
patches = image.unfold(2, 7, 7).unfold(3, 7, 7).flatten(2, 3).flatten(3)[:, 0]
print("a 28 x 28 image in patches of 7 x 7:", tuple(patches.shape), "= 16 tokens of width 49")
logits = torch.tensor([[8.0, 0.0, 0.0, 0.0], [3.4, 0.0, 0.0, 0.0]])
for smoothing in (0.0, 0.1):
    losses = [
        F.cross_entropy(x[None], torch.tensor([0]), label_smoothing=smoothing) for x in logits
    ]
    print(f"label smoothing {smoothing}: sure {losses[0]:.2f}, less sure {losses[1]:.2f}")

# %% [markdown]
# | family | sees | example | for |
# |---|---|---|---|
# | encoder only | both sides | BERT, ViT | understanding: classes, tags, search |
# | decoder only | the past | GPT | writing |
# | encoder and decoder | source fully, own past | T5 | translation, summaries |
#
# *Transfer*: train once on much text, tune to your task (chapter 16). The rate *warms up* first (chapter 13), which post-norm needs most. *Label smoothing* takes a tenth of the target and spreads it over all classes.
#
# Attention assumes next to nothing: not that near means related (convolution), not that time flows (recurrence). With little data such assumptions often win; with much, freedom does. How much faster it trains than a recurrent net depends on hardware and T.

# %% [markdown]
# ## What to remember
#
# - softmax(Q Kᵀ / √d) V. The root keeps the scores at size 1; in a head d is d / h.
# - Mask before softmax, not with −1e9; name masks after what True means. PyTorch has both conventions.
# - `batch_first=True`. Split the width, then swap axes. Heads cost no extra parameters.
# - Attention is permutation-equivariant: add places, and keep words from drowning them.
# - Pre-norm stacks end with a norm. Pool over words, not padding. Special tokens count.
# - A decoder without its causal mask has a fine loss and writes nonsense.
# - Probe: other samples, padding, the future, a permutation. Compare with a trusted layer, weights copied.
# - Attention maps are hints. To know, intervene.

# %% [markdown]
# ## References
#
# - Vaswani et al., "Attention is all you need", NeurIPS 2017.
# - Bahdanau, Cho, Bengio, "Neural machine translation by jointly learning to align and translate", ICLR 2015.
# - Devlin et al., "BERT", NAACL 2019. Radford et al., "Language models are unsupervised multitask learners", 2019. Raffel et al., "Exploring the limits of transfer learning with a unified text-to-text transformer", JMLR 2020.
# - Dosovitskiy et al., "An image is worth 16 × 16 words", ICLR 2021.
# - Xiong et al., "On layer normalization in the transformer architecture", ICML 2020.
# - Su et al., "RoFormer: enhanced transformer with rotary position embedding", arXiv:2104.09864, 2021.
# - Dao et al., "FlashAttention", NeurIPS 2022. Katharopoulos et al., "Transformers are RNNs: fast autoregressive transformers with linear attention", ICML 2020. Beltagy, Peters, Cohan, "Longformer", arXiv:2004.05150, 2020. Child et al., "Generating long sequences with sparse transformers", arXiv:1904.10509, 2019.
# - Holtzman et al., "The curious case of neural text degeneration", ICLR 2020.
# - Szegedy et al., "Rethinking the Inception architecture for computer vision" (label smoothing), CVPR 2016.
# - Jain, Wallace, "Attention is not explanation", NAACL 2019. Wiegreffe, Pinter, "Attention is not not explanation", EMNLP 2019.

# %% [markdown]
# ## Hidden tests
#
# <details><summary>What is this?</summary>
#
# Below stand the tests that count beside the checks above; in your copy they are empty. They run when your work is graded, on other numbers and other shapes, and their titles tell you what they look at.
#
# </details>

# %% nbgrader={"grade_id": "predict-11-1-hidden-1", "points": 1}
# Hidden test predict 11.1 · the size of a dot product · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_11_1
# Assert
check.equal(
    choice,
    "b",
    "your prediction",
    ideas={
        "Each of the 512 terms has variance 1, and variances add up": "a",
        "Variances add up, and the standard deviation is the root of the variance": "c",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-11-2-hidden-1", "points": 1}
# Hidden test predict 11.2 · nothing to look at · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_11_2
# Assert
check.equal(
    choice,
    "c",
    "your prediction",
    ideas={
        "All exponentials are 0; what are they divided by?": "a",
        "That is what three equal finite scores give": "b",
    },
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-11-1-reference", "points": 0}
### BEGIN HIDDEN TESTS
def attended(q, k, v, mask=None, *, width=None, axis=-1, late=False, flip=False, root=True):
    """[answer, weights]; the arguments by name bring in the typical mistakes."""
    width = q.shape[-1] if width is None else width
    scores = q @ k.transpose(-2, -1) / (width**0.5 if root else width)
    if mask is None:
        weights = scores.softmax(axis)
    else:
        mask = ~mask if flip else mask
        shut = scores if late else scores.masked_fill(~mask, -torch.inf)
        weights = shut.softmax(axis).nan_to_num() * mask
    return [weights @ v, weights]


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-1-hidden-1", "points": 1}
# Hidden test 11.1 · against PyTorch, other widths and more axes · 1 point
### BEGIN HIDDEN TESTS
# Arrange
shapes_111 = [((5, 8), (7, 8), (7, 3)), ((2, 4, 6), (2, 4, 6), (2, 4, 9))]
shapes_111 += [
    ((2, 3, 1, 16), (2, 3, 5, 16), (2, 3, 5, 4)),
    ((3, 2, 4, 5), (3, 2, 4, 5), (3, 2, 4, 5)),
]
qkv_111 = [
    [2 * torch.randn(shape, generator=seeded(10 * i + j)) for j, shape in enumerate(row)]
    for i, row in enumerate(shapes_111)
]
true_111 = [[F.scaled_dot_product_attention(*qkv), attended(*qkv)[1]] for qkv in qkv_111]
no_scale = [attended(*qkv, width=1) for qkv in qkv_111]
too_much = [attended(*qkv, root=False) for qkv in qkv_111]
by_values = [attended(*qkv, width=qkv[2].shape[-1]) for qkv in qkv_111]
by_length = [attended(*qkv, width=qkv[1].shape[-2]) for qkv in qkv_111]
over_queries = [attended(*qkv, axis=-2) for qkv in qkv_111]
# Act
out_111 = [observe.copy(list(attention(*qkv_111[i]))) for i in range(4)]
# Assert
check.close(
    out_111,
    true_111,
    "[answer, weights] for four shapes",
    ideas={
        "The scores are not divided by the root of d": no_scale,
        "Divided by d, not by its root": too_much,
        "Divided by the root of d_v: the sum in q · k runs over d": by_values,
        "Divided by the root of the number of keys: d is the last axis of q": by_length,
        "Softmax runs over the queries: for each query the weights over the keys add up to 1": over_queries,
    },
    atol=1e-5,
    hint="Work from the end: k.transpose(-2, -1), and d is the last axis of q",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-1-hidden-2", "points": 1}
# Hidden test 11.1 · masks of several shapes · 1 point
### BEGIN HIDDEN TESTS
# Arrange
q_112, k_112 = (
    torch.randn(2, 3, 4, 6, generator=seeded(41)),
    torch.randn(2, 3, 5, 6, generator=seeded(42)),
)
v_112 = torch.randn(2, 3, 5, 2, generator=seeded(43))
masks_111 = [
    torch.rand(s, generator=seeded(44)) < 0.6 for s in ((4, 5), (2, 1, 1, 5), (2, 1, 4, 5), (5,))
]
for mask in masks_111:
    mask[..., 0] = True
qkv_112 = (q_112, k_112, v_112)
masked_true = [
    [
        F.scaled_dot_product_attention(*qkv_112, attn_mask=m.expand(2, 3, 4, 5)),
        attended(*qkv_112, m)[1],
    ]
    for m in masks_111
]
turned = [attended(*qkv_112, m, flip=True) for m in masks_111]
too_late = [attended(*qkv_112, m, late=True) for m in masks_111]
unmasked = [attended(*qkv_112) for m in masks_111]
# Act
masked_out = [observe.copy(list(attention(q_112, k_112, v_112, masks_111[i]))) for i in range(4)]
# Assert
check.close(
    masked_out,
    masked_true,
    "[answer, weights] under four masks",
    ideas={
        "The mask is read the wrong way round: True means may look": turned,
        "Masked after softmax: the weights no longer add up to 1": too_late,
        "The mask is not used": unmasked,
    },
    atol=1e-5,
    hint="Let the mask broadcast to the scores as it is, without new axes",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-1-hidden-3", "points": 1}
# Hidden test 11.1 · a query that may look nowhere, gradients included · 1 point
### BEGIN HIDDEN TESTS
# Arrange
q_113, k_113, v_113 = (torch.randn(3, 4, generator=seeded(s)) for s in (51, 52, 53))
blind = torch.tensor([[True, False, True], [False, False, False], [True, True, True]])
blind_true, blind_weights = attended(q_113, k_113, v_113, blind)
cot_113 = torch.randn(3, 4, generator=seeded(54))
seeing = torch.tensor([0, 2])
part_113 = observe.vjp(
    lambda q, k, v: attended(q, k, v, blind[seeing])[0],
    (q_113[seeing].clone(), k_113.clone(), v_113.clone()),
    cot_113[seeing].clone(),
)["grads"]
q_grad = torch.zeros(3, 4).index_copy(0, seeing, part_113[0])
grads_113 = [q_grad, part_113[1], part_113[2]]
average = blind_weights.clone()
average[1] = 1 / 3
averaged = average @ v_113
# Act
blind_pull = observe.vjp(lambda *qkv: attention(*qkv, blind)[0], (q_113, k_113, v_113), cot_113)
blind_seen = attention(q_113, k_113, v_113, blind)[1].detach()
blind_out, blind_grads = blind_pull["value"], blind_pull["grads"]
# Assert
check.close(
    blind_seen,
    blind_weights,
    "the weights when query 1 may look nowhere",
    ideas={
        "The blind query looks at everything alike, the forbidden too: its weights are 0": average
    },
    atol=1e-5,
    hint="-inf in a whole row gives nan: fill with the lowest number of the dtype, then set to 0",
)
check.close(
    blind_out,
    blind_true,
    "the answers when query 1 may look nowhere",
    ideas={"The blind query gets an average of what is forbidden: its answer is 0": averaged},
    atol=1e-5,
    hint="Compute the answer from the weights that you cleaned",
)
check.close(
    blind_grads,
    grads_113,
    "the gradients of q, k and v",
    atol=1e-5,
    hint="A nan in the forward pass comes back in the gradient, even if it is multiplied by 0",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-1-hidden-4", "points": 1}
# Hidden test 11.1 · half precision, float64, any layout, inputs left alone · 1 point
### BEGIN HIDDEN TESTS
# Arrange
wide_114 = [torch.randn(6, 4, generator=seeded(s), dtype=torch.float64).mT for s in (61, 62, 63)]
half_114 = [t.half() for t in wide_114]
wide_before = [t.clone() for t in wide_114]
keep_114 = torch.ones(4, 4, dtype=torch.bool).tril()
keep_before = keep_114.clone()
wide_true = attended(*wide_114, keep_114)
half_true = [t.half() for t in attended(*[t.double() for t in half_114], keep_114)]
# Act
wide_out = observe.copy(list(attention(*wide_114, keep_114)))
wide_after, keep_after = observe.copy(wide_114), observe.copy(keep_114)
half_out = observe.copy(list(attention(*half_114, keep_114)))
# Assert
check.close(
    wide_out,
    wide_true,
    "answer and weights in float64",
    rtol=1e-10,
    atol=1e-10,
    dtype=True,
    hint="Compute in the dtype of q: float32 on the way loses digits",
)
check.close(
    half_out, half_true, "answer and weights in half precision", rtol=1e-2, atol=5e-3, dtype=True
)
check.unchanged(wide_after, wide_before, "q, k and v")
check.unchanged(keep_after, keep_before, "the mask")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-11-3-hidden-1", "points": 1}
# Hidden test predict 11.3 · what more heads cost · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_11_3
# Assert
check.equal(
    choice,
    "a",
    "your prediction",
    ideas={
        "Each head has d / h of the width, not all of it": "b",
        "A head is smaller, but there are 8 of them": "c",
    },
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-11-2-reference", "points": 0}
### BEGIN HIDDEN TESTS
def torch_heads(d, h, seed, dtype=torch.float32):
    """PyTorch's layer with uneven weights, and the same weights under this course's names."""
    layer = nn.MultiheadAttention(d, h, batch_first=True, dtype=dtype).eval()
    source = seeded(seed)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.randn(p.shape, generator=source) * (1.5 / d**0.5 if p.ndim > 1 else 0.5))
    state = {k: v.detach().clone() for k, v in layer.state_dict().items()}
    named = {k: v for k, v in state.items() if k.startswith("out_proj")}
    for i, name in enumerate("qkv"):
        rows = slice(i * d, (i + 1) * d)
        named[f"{name}_proj.weight"] = state["in_proj_weight"][rows].clone()
        named[f"{name}_proj.bias"] = state["in_proj_bias"][rows].clone()
    return layer, named


def heads_by_hand(w, h, q, k, v, mask=None, *, scale=True, split=True, swap_back=True):
    """[answer, maps] with the weights w; the arguments by name bring in the typical mistakes."""

    def cut(x, name):
        x = F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])
        size = x.shape[0], h, x.shape[1], x.shape[2] // h
        return x.unflatten(-1, (h, -1)).transpose(1, 2) if split else x.reshape(size)

    q, k, v = cut(q, "q_proj"), cut(k, "k_proj"), cut(v, "v_proj")
    width = q.shape[-1] if scale else q.shape[-1] * h
    scores = q @ k.mT / width**0.5
    maps = (scores if mask is None else scores.masked_fill(~mask, -torch.inf)).softmax(-1)
    out = maps @ v
    out = out.transpose(1, 2) if swap_back else out
    out = out.reshape(q.shape[0], q.shape[2], -1)
    return [F.linear(out, w["out_proj.weight"], w["out_proj.bias"]), maps]


def slips(find):
    """Ideas for a check: the value that `find` gives with each slip of `heads_by_hand`."""
    return {
        "Divided by the root of d; each head has only d / h of the width": find(scale=False),
        "The heads are cut by view alone: split the last axis, then swap axes 1 and 2": find(
            split=False
        ),
        "On the way back the axes were joined without being swapped": find(swap_back=False),
    }


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-2-hidden-1", "points": 1}
# Hidden test 11.2 · weights copied from PyTorch's layer · 1 point
### BEGIN HIDDEN TESTS
# Arrange
sizes_211 = [(12, 1), (12, 3), (16, 8), (8, 2)]
pairs_211 = [torch_heads(d, h, 100 + d + h) for d, h in sizes_211]
named_211 = [named for _, named in pairs_211]
query_211 = [torch.randn(2, 4, d, generator=seeded(110 + i)) for i, (d, _) in enumerate(sizes_211)]
key_211 = [torch.randn(2, 6, d, generator=seeded(120 + i)) for i, (d, _) in enumerate(sizes_211)]
value_211 = [torch.randn(2, 6, d, generator=seeded(130 + i)) for i, (d, _) in enumerate(sizes_211)]
rows_211 = list(zip(named_211, sizes_211, query_211, key_211, value_211, strict=True))
true_211 = [
    [t.detach() for t in layer(q, k, v, average_attn_weights=False)]
    for (layer, _), (_, _, q, k, v) in zip(pairs_211, rows_211, strict=True)
]
slips_211 = slips(
    lambda **slip: [heads_by_hand(w, h, q, k, v, **slip) for w, (_, h), q, k, v in rows_211]
)
from_query = [heads_by_hand(w, h, q, q, q) for w, (_, h), q, k, v in rows_211]
values_of_keys = [heads_by_hand(w, h, q, k, k) for w, (_, h), q, k, v in rows_211]
# Act
out_211 = []
for i in range(4):
    layer_211 = MultiHeadAttention(*sizes_211[i]).eval()
    layer_211.load_state_dict(named_211[i])
    out_211.append(observe.copy(list(layer_211(query_211[i], key_211[i], value_211[i]))))
# Assert
check.close(
    out_211,
    true_211,
    "four times [output, maps] with the weights of nn.MultiheadAttention",
    ideas={
        **slips_211,
        "Everything is made from the query: key and value have their own sequence": from_query,
        "The values are made from the keys: they come as an argument of their own": values_of_keys,
    },
    atol=1e-5,
    hint="Compare each step with exercise 11.1: project, split, attend, join, project",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-2-hidden-2", "points": 1}
# Hidden test 11.2 · gradients as PyTorch's, in float64 and any layout · 1 point
### BEGIN HIDDEN TESTS
# Arrange
layer_212, named_212 = torch_heads(8, 4, 212, torch.float64)
triple_212 = [
    torch.randn(8, n, 2, generator=seeded(213 + n)).double().permute(2, 1, 0) for n in (3, 5, 5)
]
cot_212 = torch.randn(2, 3, 8, generator=seeded(214), dtype=torch.float64)
pull_212 = observe.vjp(
    lambda q, k, v: layer_212(q, k, v, need_weights=False)[0],
    tuple(t.clone() for t in triple_212),
    cot_212.clone(),
)
value_212, grads_212 = pull_212["value"], pull_212["grads"]
slips_212 = slips(lambda **slip: heads_by_hand(named_212, 4, *triple_212, **slip)[0])
(layer_212(*triple_212, need_weights=False)[0] * cot_212).sum().backward()
big = layer_212.in_proj_weight.grad
weight_grads = [part.clone() for part in (*big.chunk(3), layer_212.out_proj.weight.grad)]
# Act
mine_212 = MultiHeadAttention(8, 4).double().eval()
mine_212.load_state_dict(named_212)
took_212 = observe.vjp(lambda q, k, v: mine_212(q, k, v)[0], tuple(triple_212), cot_212)
took_value, took_grads = took_212["value"], took_212["grads"]
mine_212.zero_grad()
(mine_212(*triple_212)[0] * cot_212).sum().backward()
took_weights = observe.gradients(mine_212)
took_four = [took_weights[f"{n}_proj.weight"] for n in ("q", "k", "v", "out")]
# Assert
check.close(
    took_value,
    value_212,
    "the output in float64",
    ideas=slips_212,
    rtol=1e-9,
    atol=1e-9,
    hint="Keep the dtype: float32 on the way loses digits; and axes may lie in memory in any order",
)
check.close(
    took_grads,
    grads_212,
    "the gradients of query, key and value",
    rtol=1e-8,
    atol=1e-9,
    hint="The output is right, so the road back is cut: no detach, .data or no_grad in forward",
)
check.close(
    took_four,
    weight_grads,
    "the gradients of the weights of q_proj, k_proj, v_proj, out_proj",
    rtol=1e-8,
    atol=1e-9,
    hint="Use the layers themselves in forward, not copies of their weights",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-2-hidden-3", "points": 1}
# Hidden test 11.2 · masks of 2, 3 and 4 axes, with as many words as heads and sentences · 1 point
### BEGIN HIDDEN TESTS
# Arrange
layer_213, named_213 = torch_heads(8, 4, 220)
words_213 = torch.randn(4, 4, 8, generator=seeded(221))
masks_213 = [
    torch.rand(s, generator=seeded(222)) < 0.5
    for s in ((4, 4), (4, 4, 4), (4, 1, 4, 4), (4, 4, 4, 4))
]
for mask in masks_213:
    mask |= torch.eye(4, dtype=torch.bool)
full_213 = [masks_213[0].expand(4, 4, 4, 4), masks_213[1][:, None].expand(4, 4, 4, 4)]
full_213 += [masks_213[2].expand(4, 4, 4, 4), masks_213[3]]
true_213, along_213, heads_for_words = (
    [
        [
            t.detach()
            for t in layer_213(
                *(words_213,) * 3, attn_mask=m.reshape(16, 4, 4), average_attn_weights=False
            )
        ]
        for m in stack
    ]
    for stack in (
        [~m for m in full_213],
        [~full_213[0], ~masks_213[1].expand(4, 4, 4, 4), ~full_213[2], ~full_213[3]],
        [~masks_213[0][:, None].expand(4, 4, 4, 4), *[~m for m in full_213[1:]]],
    )
)
slips_213 = slips(
    lambda **slip: [heads_by_hand(named_213, 4, *(words_213,) * 3, m, **slip) for m in full_213]
)
# Act
mine_213 = MultiHeadAttention(8, 4).eval()
mine_213.load_state_dict(named_213)
out_213 = [
    observe.copy(list(mine_213(words_213, words_213, words_213, masks_213[i]))) for i in range(4)
]
# Assert
check.close(
    out_213,
    true_213,
    "[output, maps] under masks (L, S), (B, L, S), (B, 1, L, S) and (B, h, L, S)",
    ideas={
        "The mask (B, L, S) was laid along the heads: give it an axis of heads": along_213,
        "The mask (L, S) got one axis in the middle: the heads are taken for words": heads_for_words,
        **slips_213,
    },
    atol=1e-5,
    hint="If the test with copied weights holds: put the missing axis in its place for each mask",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-2-hidden-4", "points": 1}
# Hidden test 11.2 · dropout on the weights, in train mode only · 1 point
### BEGIN HIDDEN TESTS
# Arrange
layer_214, named_214 = torch_heads(8, 2, 230)
one_214 = torch.randn(1, 5, 8, generator=seeded(231))
many_214 = one_214.repeat(4000, 1, 1)
with torch.no_grad():
    calm_214, maps_214 = layer_214(one_214, one_214, one_214, average_attn_weights=False)
    v_214 = F.linear(one_214, named_214["v_proj.weight"], named_214["v_proj.bias"])[0]
    w_214 = named_214["out_proj.weight"].unflatten(1, (2, 4))
    per_key = torch.einsum("shd,ohd->sho", v_214.unflatten(1, (2, 4)), w_214)
    kick_214 = torch.einsum("hls,sho->lo", maps_214[0] ** 2, per_key**2)
spread_214 = (kick_214 * 0.25 / 0.75).sqrt()
level_214 = calm_214[0].clone()
still_214 = torch.zeros(5, 8)
maps_true = maps_214.repeat(2, 1, 1, 1)
slips_214 = slips(lambda **slip: heads_by_hand(named_214, 2, *(one_214,) * 3, **slip)[0][0])
# Act
calm_mine = MultiHeadAttention(8, 2)
calm_mine.load_state_dict(named_214)
without_214 = calm_mine(one_214, one_214, one_214)[0][0].detach()
torch.manual_seed(0)
mine_214 = MultiHeadAttention(8, 2, dropout=0.25)
mine_214.load_state_dict(named_214)
mine_214.train()
shaken_214, shaken_maps = mine_214(many_214, many_214, many_214)
mean_214, std_214 = shaken_214.detach().mean(0), shaken_214.detach().std(0)
first_maps = shaken_maps[:2].detach()
rest_214 = mine_214.eval()(one_214, one_214, one_214)[0][0].detach()
# Assert
check.close(
    without_214,
    level_214,
    "the output with dropout=0",
    ideas=slips_214,
    atol=1e-5,
    hint="Not a matter of dropout: mend the test with copied weights first",
)
check.close(
    rest_214,
    level_214,
    "the output in eval mode",
    atol=1e-5,
    hint="No dropout in eval mode: ask self.training",
)
check.close(
    std_214,
    spread_214,
    "the spread of 4,000 equal samples in train mode",
    ideas={"Nothing varies: dropout is missing": still_214},
    rtol=0.15,
    atol=0.02,
    hint="Dropout falls on the attention weights, and nowhere else",
)
check.close(
    mean_214, level_214, "their mean", rtol=0.1, atol=0.05, hint="nn.Dropout scales what it keeps"
)
check.close(
    first_maps,
    maps_true,
    "the returned weights in train mode",
    atol=1e-5,
    hint="Return the weights as they were before dropout: their rows add up to 1",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-2-hidden-5", "points": 1}
# Hidden test 11.2 · probes and counts · 1 point
### BEGIN HIDDEN TESTS
# Arrange
named_215 = torch_heads(8, 4, 240)[1]
words_215 = torch.randn(3, 5, 8, generator=seeded(241))
order_215 = torch.tensor([3, 0, 4, 1, 2])
permuted_215, other_215 = words_215[:, order_215].clone(), words_215.clone()
other_215[1] += 1
still_215, same_215, moves_215 = torch.zeros(2, 5, 8), torch.zeros(3, 5, 8), [True]
counts_215 = [16640] * 4
# Act
mine_215 = MultiHeadAttention(8, 4).eval()
mine_215.load_state_dict(named_215)
base_215 = mine_215(words_215, words_215, words_215)[0].detach()
gap_215 = mine_215(other_215, other_215, other_215)[0].detach() - base_215
others_215, own_215 = gap_215[[0, 2]], [bool((gap_215[1].abs() > 1e-3).any())]
permuted_out = mine_215(permuted_215, permuted_215, permuted_215)[0].detach()
permuted_gap = permuted_out - base_215[:, order_215]
counted_215 = [sum(p.numel() for p in MultiHeadAttention(64, h).parameters()) for h in (1, 2, 4, 8)]
refused_215 = observe.error(MultiHeadAttention, 10, 4)
# Assert
check.close(
    others_215,
    still_215,
    "the change of samples 0 and 2 when sample 1 changes",
    atol=1e-5,
    hint="Samples may not be mixed",
)
check.equal(own_215, moves_215, "whether sample 1 changes when it changes")
check.close(
    permuted_gap,
    same_215,
    "what differs when the words come in another order, and are put back",
    atol=1e-5,
    hint="Words and heads are mixed: split the last axis, then swap; on the way back swap, then join",
)
check.equal(
    counted_215, counts_215, "the numbers of parameters for 1, 2, 4 and 8 heads", hint="4(d² + d)"
)
check.raised(refused_215, ValueError, "4 heads on a width of 10")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-11-4-hidden-1", "points": 1}
# Hidden test predict 11.4 · who chased whom · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_11_4
# Assert
check.equal(
    choice,
    "b",
    "your prediction",
    ideas={
        "Row by row would mean that dog and cat get one vector": "a",
        "Each word asks the same query and finds the same keys and values, in whatever order": "c",
    },
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-11-3-reference", "points": 0}
### BEGIN HIDDEN TESTS
def waves(T, d, *, times=2, halves=False, base=10000.0):
    """The table in float64; the arguments by name bring in the typical mistakes."""
    pair = torch.arange((d + 1) // 2, dtype=torch.float64)
    angles = torch.arange(T, dtype=torch.float64)[:, None] / base ** (times * pair / d)
    if halves:
        return torch.cat([angles.sin(), angles.cos()], 1)[:, :d]
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[:, :d]


def order_reference(state, x, d, *, positions=None, factor=1.0, along_batch=False):
    """Logits with the weights in `state`, by PyTorch's own block."""
    block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
    block.load_state_dict({k[6:]: v for k, v in state.items() if k.startswith("block.")})
    h = F.embedding(x, state["embedding.weight"]) * factor
    if positions is not None:
        places = positions[: len(x)][:, None] if along_batch else positions[: x.shape[1]]
        h = h + places
    out = F.linear(block(h).mean(1), state["head.weight"], state["head.bias"])
    return out.detach()


def order_state(vocab, d, seed):
    """Uneven weights for everything that is learned, `positions` apart."""
    block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
    parts = {f"block.{k}": v for k, v in block.state_dict().items()}
    parts |= {"embedding.weight": torch.empty(vocab, d), "head.weight": torch.empty(2, d)}
    parts["head.bias"] = torch.empty(2)
    source = seeded(seed)
    return {k: 0.5 * torch.randn(v.shape, generator=source) for k, v in parts.items()}


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-3-hidden-1", "points": 1}
# Hidden test 11.3 · the table, odd widths too · 1 point
### BEGIN HIDDEN TESTS
# Arrange
sizes_311 = [(50, 16), (7, 9), (1, 6), (12, 1), (30, 2)]
tables_true = [waves(T, d).float() for T, d in sizes_311]
tables_i = [waves(T, d, times=1).float() for T, d in sizes_311]
tables_4i = [waves(T, d, times=4).float() for T, d in sizes_311]
tables_halves = [waves(T, d, halves=True).float() for T, d in sizes_311]
tables_base = [waves(T, d, base=1000.0).float() for T, d in sizes_311]
# Act
tables_out = [sinusoidal(*sizes_311[i]) for i in range(5)]
# Assert
check.close(
    tables_out,
    tables_true,
    "five tables",
    ideas={
        "The exponent is i / d: for the pair i it is 2i / d": tables_i,
        "The exponent is 4i / d: arange(0, d, 2) is 2i already, so do not double it": tables_4i,
        "Sines and cosines stand in two halves: they take turns": tables_halves,
        "The base is 10000": tables_base,
    },
    atol=1e-4,
    dtype=True,
    hint="With odd d there is one sine more than cosines; float32",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-3-hidden-2", "points": 1}
# Hidden test 11.3 · logits with given weights, shorter sequences too · 1 point
### BEGIN HIDDEN TESTS
# Arrange
state_312 = order_state(9, 8, 312)
learned_312 = torch.randn(6, 8, generator=seeded(313))
with_places = {k: v.clone() for k, v in {**state_312, "positions": learned_312}.items()}
rows_312 = [torch.randint(0, 9, (3, n), generator=seeded(314 + n)) for n in (6, 4)]
places_312 = [None, waves(6, 8).float(), learned_312]
true_312, loud_312, batch_312 = (
    [
        [order_reference(state_312, x, 8, positions=p, **change) for x in rows_312]
        for p in places_312
    ]
    for change in ({}, {"factor": 8**0.5}, {"along_batch": True})
)
# Act
bare_312 = OrderClassifier("none", 9, 8, 6)
bare_312.load_state_dict(state_312, strict=False)
sine_312 = OrderClassifier("sinusoid", 9, 8, 6)
sine_312.load_state_dict(state_312, strict=False)
table_312 = OrderClassifier("learned", 9, 8, 6)
table_312.load_state_dict(with_places, strict=False)
nets_312 = [bare_312, sine_312, table_312]
out_312 = [[observe.copy(net.eval()(rows_312[k])) for k in range(2)] for net in nets_312]
again_312 = [net.train()(rows_312[0]) - net(rows_312[0]) for net in nets_312]
noise_312 = max(gap.abs().max().item() for gap in again_312)
# Assert
check.close(
    out_312,
    true_312,
    "the logits without places, with sinusoids, with a learned table",
    ideas={
        "The words are multiplied by the root of d: add them as they are": loud_312,
        "The places are added along the batch: they belong to axis 1": batch_312,
    },
    atol=1e-4,
    hint="Items: none, sinusoid, learned, each for 6 and 4 words. Table, then block, mean over axis 1",
)
check.number(
    noise_312,
    0.0,
    1e-5,
    "the difference of two runs in train mode",
    hint="Dropout is on: the block wants dropout=0.0",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-3-hidden-3", "points": 1}
# Hidden test 11.3 · what is learned and what is only kept · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_313 = torch.randint(0, 12, (4, 10), generator=seeded(320))
table_313 = waves(10, 32).float()
lists_313 = [[False, False], [False, True], [True, False]]
moved_313 = torch.ones(10, dtype=torch.bool)
# Act
nets_313 = [OrderClassifier(p) for p in ("none", "sinusoid", "learned")]
held_313 = [
    [
        "positions" in dict(net.named_parameters()),
        "positions" in dict(net.named_buffers()) and net.positions is not None,
    ]
    for net in nets_313
]
kept_313 = observe.copy(nets_313[1].positions)
nets_313[2](x_313)[:, 0].sum().backward()
grad_313 = observe.gradients(nets_313[2])["positions"].abs().sum(1) > 0
# Assert
check.equal(
    held_313,
    lists_313,
    "[is a parameter, is a buffer] of positions for none, sinusoid, learned",
    hint="register_buffer for the table of sines, nn.Parameter for the learned one",
)
check.close(kept_313, table_313, "the buffer", atol=1e-4)
check.equal(grad_313, moved_313, "a gradient reaches each learned place", hint="Use it in forward")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-3-hidden-4", "points": 1}
# Hidden test 11.3 · probes: order, other samples, too long · 1 point
### BEGIN HIDDEN TESTS
# Arrange
state_314 = order_state(12, 16, 330)
x_314 = torch.randint(0, 12, (4, 7), generator=seeded(331))
order_314 = torch.tensor([6, 2, 0, 5, 1, 4, 3])
turned_314, other_314 = x_314[:, order_314].clone(), x_314.clone()
other_314[2] = (other_314[2] + 5) % 12
long_314 = torch.zeros(1, 8, dtype=torch.long)
still_314, loud_still = (
    [order_reference(state_314, x_314, 16, factor=f)] * 2 for f in (1.0, 16**0.5)
)
places_314 = waves(7, 16).float()
moved_314, loud_moved = (
    [
        order_reference(state_314, x, 16, positions=places_314, factor=f)
        for x in (x_314, turned_314, other_314)
    ]
    for f in (1.0, 16**0.5)
)
loud_words = "The words are multiplied by the root of d: add them as they are"
# Act
bare_314 = OrderClassifier("none", 12, 16, 7)
bare_314.load_state_dict(state_314, strict=False)
sine_314 = OrderClassifier("sinusoid", 12, 16, 7)
sine_314.load_state_dict(state_314, strict=False)
bare_out = [observe.copy(bare_314.eval()(x)) for x in (x_314, turned_314)]
sine_out = [observe.copy(sine_314.eval()(x)) for x in (x_314, turned_314, other_314)]
refused_314 = observe.error(sine_314, long_314)
refused_too = observe.error(OrderClassifier("learned", 12, 16, 7), long_314)
# Assert
check.close(
    bare_out,
    still_314,
    "without places: the logits before and after a permutation",
    ideas={loud_words: loud_still},
    atol=1e-4,
    hint="Word vectors, block, mean over axis 1, head; nothing may tell the places apart",
)
check.close(
    sine_out,
    moved_314,
    "with sinusoids: as it is, permuted, another sample changed",
    ideas={loud_words: loud_moved},
    atol=1e-4,
    hint="Is sinusoidal right? Then add its rows to the word vectors, along axis 1",
)
check.raised(refused_314, ValueError, "a sequence longer than the table of sines")
check.raised(refused_too, ValueError, "a sequence longer than the learned table")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-3-hidden-5", "points": 2}
# Hidden test 11.3 · the order task, with and without places · 2 points
### BEGIN HIDDEN TESTS
# Arrange
learn_x, learn_y = order_task(1000, seed=0)
exam_x, exam_y = order_task(500, seed=9)
# Act
torch.manual_seed(0)
taught = {p: OrderClassifier(p) for p in ("none", "sinusoid", "learned")}
for model in taught.values():
    train(model, learn_x, learn_y, F.cross_entropy, epochs=10)
said = {p: model(exam_x).argmax(1) for p, model in taught.items()}
hits_none = (said["none"] == order_task(500, seed=9)[1]).float().mean().item()
said_sine, said_table = said["sinusoid"], said["learned"]
# Assert
check.number(
    hits_none, 0.4, 0.6, "the share of right answers without places", hint="A coin is all it has"
)
check.accuracy(
    said_sine, exam_y, 0.9, "with sinusoids", hint="Are the places loud enough beside the words?"
)
check.accuracy(said_table, exam_y, 0.9, "with a learned table")
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-11-4-reference", "points": 0}
### BEGIN HIDDEN TESTS
def torch_block(d, heads, ff, pre_norm, seed, dtype=torch.float32):
    """PyTorch's layer, with uneven weights, and its state."""
    block = nn.TransformerEncoderLayer(
        d, heads, ff, dropout=0.0, batch_first=True, norm_first=pre_norm, dtype=dtype
    )
    source = seeded(seed)
    with torch.no_grad():
        for p in block.parameters():
            p.copy_(torch.randn(p.shape, generator=source) * (1.2 / d**0.5 if p.ndim > 1 else 0.4))
        block.norm1.weight += 1
        block.norm2.weight += 1
    return block, {k: v.detach().clone() for k, v in block.state_dict().items()}


def late_norms(block, x, pad):
    """A pre-norm block gone wrong: each norm stands after its part."""
    h = block.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0]
    x = x + block.norm1(h)
    return x + block.norm2(block.linear2(F.relu(block.linear1(x))))


def block_values(settings, x, pad, *, swap=False, turn=False, late=False):
    """Outputs at the words only (0 elsewhere)."""
    out = []
    for i, (d, heads, ff, pre) in enumerate(settings):
        block, _ = torch_block(d, heads, ff, pre, 400 + i)
        block.norm_first = pre != swap
        mask = None if pad is None else (~pad if turn else pad)
        if late and pre:
            h = late_norms(block, x[i], mask).detach()
        else:
            h = block(x[i], src_key_padding_mask=mask).detach()
        out.append(h if pad is None else h.masked_fill(pad[..., None], 0))
    return out


def words_by_hand(texts, size, *, ties="abc"):
    """The vocabulary; ties in alphabetical order, or in the order of the text."""
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts) if ties == "abc" else list(counts)
    ranked.sort(key=lambda w: -counts[w])
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:size])}


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-4-hidden-1", "points": 1}
# Hidden test 11.4 · the vocabulary: limits and ties · 1 point
### BEGIN HIDDEN TESTS
# Arrange
letters_411 = "pear fig Apple kiwi plum date fig pear lime FIG apple nut".split()
lines_411 = [" ".join(letters_411[:5]), " ".join(letters_411[5:]), "", "  nut   lime\tsloe\n"]
limits_411 = [2, 3, 5, 9, 100]
vocabs_true = [words_by_hand(lines_411, n) for n in limits_411]
special_outside = [words_by_hand(lines_411, n + 2) for n in limits_411]
in_text_order = [words_by_hand(lines_411, n, ties="text") for n in limits_411]
# Act
vocabs_out = [build_vocab(lines_411, limits_411[i]) for i in range(5)]
# Assert
check.equal(
    vocabs_out,
    vocabs_true,
    "vocabularies for five limits",
    ideas={
        "The two special entries come on top of max_size: the largest id is then beyond the table": special_outside,
        "Words of equal count stand in the order of the text": in_text_order,
    },
    hint="Lower case, split at any white space, sort by (-count, word)",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-4-hidden-2", "points": 1}
# Hidden test 11.4 · encoding: unknown, long, empty · 1 point
### BEGIN HIDDEN TESTS
# Arrange
book_412 = {"<pad>": 0, "<unk>": 1, "a": 2, "b": 3, "c": 4}
lines_412 = ["A b c a b", "c", "", "zebra A", "b zebra zebra c"]
ids_412 = torch.tensor([[2, 3, 4, 2], [4, 0, 0, 0], [0, 0, 0, 0], [1, 2, 0, 0], [3, 1, 1, 4]])
pads_412 = ids_412 == 0
left_412 = torch.tensor([[3, 4, 2, 3], [4, 0, 0, 0], [0, 0, 0, 0], [1, 2, 0, 0], [3, 1, 1, 4]])
upper_412 = torch.tensor([[1, 3, 4, 2], [4, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0], [3, 1, 1, 4]])
dropped_412 = torch.tensor([[2, 3, 4, 2], [4, 0, 0, 0], [0, 0, 0, 0], [2, 0, 0, 0], [3, 4, 0, 0]])
turned_412 = ~pads_412
# Act
coded_412, flags_412 = encode(lines_412, book_412, 4)
# Assert
check.equal(
    coded_412,
    ids_412,
    "the ids of five lines at length 4",
    ideas={
        "Long texts lose their beginning: cut at the end": left_412,
        "Unknown words are dropped: they get id 1": dropped_412,
        "The text keeps its upper case: encode needs text.lower() as well": upper_412,
    },
    hint="Lower case, split, 1 for unknown words, cut at the end; int64 (N, length)",
)
check.equal(
    flags_412, pads_412, "the flags of padding", ideas={"True marks padding, not words": turned_412}
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-4-hidden-3", "points": 1}
# Hidden test 11.4 · masked_mean: values, gradients, junk in the padding · 1 point
### BEGIN HIDDEN TESTS
# Arrange
h_413 = torch.randn(4, 6, 3, generator=seeded(430), dtype=torch.float64)
lengths_413 = torch.tensor([6, 3, 1, 0])
pad_413 = torch.arange(6) >= lengths_413[:, None]
junk_413 = h_413.masked_fill(pad_413[..., None], 1e30)
true_413 = h_413.masked_fill(pad_413[..., None], 0).sum(1) / lengths_413.clamp(min=1)[:, None]
cot_413 = torch.randn(4, 3, generator=seeded(431), dtype=torch.float64)
grad_413 = (cot_413 / lengths_413.clamp(min=1)[:, None])[:, None].repeat(1, 6, 1)
grad_413 = grad_413.masked_fill(pad_413[..., None], 0)
plain_413 = h_413.mean(1)
# Act
pulled_413 = observe.vjp(lambda h: masked_mean(h, pad_413), h_413, cot_413)
value_413, got_413 = pulled_413["value"], pulled_413["grads"]
junk_out = masked_mean(junk_413, pad_413)
# Assert
check.close(value_413, true_413, "the means", ideas={"A plain mean": plain_413})
check.close(
    junk_out, true_413, "the means with 1e30 in the padding", hint="Fill the padding with 0 first"
)
check.close(got_413, grad_413, "the gradient", hint="Padding gets none, each word its share")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-4-hidden-4", "points": 1}
# Hidden test 11.4 · the block against PyTorch's, both norms, weights copied · 1 point
### BEGIN HIDDEN TESTS
# Arrange
settings_414 = [(8, 2, 20, False), (8, 2, 20, True), (12, 1, 7, False), (12, 3, 30, True)]
states_414 = [torch_block(*s, 400 + i)[1] for i, s in enumerate(settings_414)]
x_414 = [torch.randn(3, 5, s[0], generator=seeded(440 + i)) for i, s in enumerate(settings_414)]
pad_414 = torch.arange(5) >= torch.tensor([5, 3, 2])[:, None]
bare_true, pad_true = (block_values(settings_414, x_414, p) for p in (None, pad_414))
bare_swapped = block_values(settings_414, x_414, None, swap=True)
bare_late, pad_late = (block_values(settings_414, x_414, p, late=True) for p in (None, pad_414))
norm_late = "A pre-norm block is x + part(norm(x)): the norm stands before the part, not after it"
pad_turned = block_values(settings_414, x_414, pad_414, turn=True)
bare_for_pad = [t.masked_fill(pad_414[..., None], 0) for t in bare_true]
post_deaf, pre_deaf = (
    [(bare_for_pad if s[3] == flag else pad_true)[i] for i, s in enumerate(settings_414)]
    for flag in (False, True)
)
where_414 = pad_414[..., None].clone()
# Act
bare_out_414, pad_out_414 = [], []
for i in range(4):
    block_414 = EncoderBlock(*settings_414[i])
    block_414.load_state_dict(states_414[i])
    bare_out_414.append(observe.copy(block_414(x_414[i])))
    pad_out_414.append(observe.copy(block_414(x_414[i], pad_414)).masked_fill(where_414, 0))
# Assert
check.close(
    bare_out_414,
    bare_true,
    "four blocks without padding",
    ideas={"pre_norm is read the wrong way round": bare_swapped, norm_late: bare_late},
    atol=1e-4,
    hint="Items 0 and 2 are post-norm, 1 and 3 pre-norm; ReLU between the linear layers; batch_first",
)
check.close(
    pad_out_414,
    pad_true,
    "the words of four blocks with padding",
    ideas={
        "The mask has the wrong polarity: self_attn reads True as may not look": pad_turned,
        "The padding is not masked: hand pad to self_attn": bare_for_pad,
        "The padding is not masked in the post-norm branch": post_deaf,
        "The padding is not masked in the pre-norm branch": pre_deaf,
        norm_late: pad_late,
    },
    atol=1e-4,
    hint="key_padding_mask=pad in both branches; without padding the block is compared above",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-4-hidden-5", "points": 1}
# Hidden test 11.4 · the block's gradients · 1 point
### BEGIN HIDDEN TESTS
# Arrange
grad_input, grad_weights, states_415 = [], [], []
x_415 = torch.randn(2, 4, 6, generator=seeded(450), dtype=torch.float64)
cot_415 = torch.randn(2, 4, 6, generator=seeded(451), dtype=torch.float64)
for pre in (False, True):
    block, state = torch_block(6, 2, 10, pre, 452, torch.float64)
    leaf = x_415.clone().requires_grad_()
    (block(leaf) * cot_415).sum().backward()
    states_415.append(state)
    grad_input.append(leaf.grad.clone())
    grad_weights.append({k: p.grad.clone() for k, p in block.named_parameters()})
# Act
got_input, got_weights = [], []
for i in range(2):
    block_415 = EncoderBlock(6, 2, 10, i == 1).double()
    block_415.load_state_dict(states_415[i])
    got_input.append(observe.vjp(block_415, x_415, cot_415)["grads"])
    block_415.zero_grad()
    (block_415(x_415) * cot_415).sum().backward()
    got_weights.append(observe.gradients(block_415))
# Assert
check.close(
    got_input,
    grad_input,
    "the gradients of the input, [post-norm, pre-norm]",
    rtol=1e-6,
    atol=1e-8,
    hint="Gradients follow values: mend the comparison with PyTorch's block first; then no detach",
)
check.close(
    got_weights,
    grad_weights,
    "the gradients of all weights, [post-norm, pre-norm]",
    rtol=1e-6,
    atol=1e-8,
    hint="Use each layer itself in forward, once, and no others",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-4-hidden-6", "points": 1}
# Hidden test 11.4 · more padding changes nothing, in three modes; a row of padding · 1 point
### BEGIN HIDDEN TESTS
# Arrange
state_416 = torch_block(8, 2, 16, False, 460)[1]
words_416 = torch.randn(3, 4, 8, generator=seeded(461))
pad_416 = torch.arange(4) >= torch.tensor([4, 2, 3])[:, None]
more_416 = torch.cat([words_416, 50 * torch.randn(3, 5, 8, generator=seeded(462))], 1)
more_pad = torch.cat([pad_416, torch.ones(3, 5, dtype=torch.bool)], 1)
block_ref = torch_block(8, 2, 16, False, 460)[0]
hidden_416 = (
    block_ref(words_416, src_key_padding_mask=pad_416).detach().masked_fill(pad_416[..., None], 0)
)
pooled_416 = hidden_416.sum(1) / (~pad_416).sum(1, keepdim=True)
three_416 = [pooled_416] * 3
empty_pad = torch.tensor([[False] * 4, [True] * 4, [False] * 4])
fine_416 = [True, True]
# Act
block_416 = EncoderBlock(8, 2, 16)
block_416.load_state_dict(state_416)
trained_416 = observe.copy(masked_mean(block_416.train()(more_416, more_pad), more_pad))
rested_416 = observe.copy(masked_mean(block_416.eval()(more_416, more_pad), more_pad))
with torch.no_grad():
    fast_416 = observe.copy(masked_mean(block_416(more_416, more_pad), more_pad))
modes_416 = [trained_416, rested_416, fast_416]
block_416.zero_grad()
empty_416 = masked_mean(block_416(words_416, empty_pad), empty_pad)
empty_416.sum().backward()
empty_grads = [g for g in observe.gradients(block_416).values() if g is not None]
finite_416 = [
    bool(empty_416.isfinite().all()),
    len(empty_grads) == 12 and all(bool(g.isfinite().all()) for g in empty_grads),
]
# Assert
check.close(
    modes_416,
    three_416,
    "the pooled output with five more pads, in train, eval and no_grad",
    atol=1e-4,
    hint="Mask the attention, and average over words alone",
)
check.equal(
    finite_416,
    fine_416,
    "[output finite, gradients finite] when one row is all padding",
    hint="need_weights=False takes the fused attention, which gives zeros where nothing may be seen",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-4-hidden-7", "points": 1}
# Hidden test 11.4 · your pieces learn the order task · 1 point
### BEGIN HIDDEN TESTS
# Arrange
ids_417, labels_417 = order_task(1000, seed=0)
exam_417, exam_labels = order_task(500, seed=9)
pads_417, exam_pads = (
    torch.zeros(1000, 10, dtype=torch.bool),
    torch.zeros(500, 10, dtype=torch.bool),
)
# Act
torch.manual_seed(0)
reader_417 = Reader(12, 32, 10, [EncoderBlock(32, 4, 64), EncoderBlock(32, 4, 64)], masked_mean)
train(reader_417, (ids_417, pads_417), labels_417, F.cross_entropy, epochs=8)
read_417 = reader_417.eval()(exam_417, exam_pads).argmax(1)
# Assert
check.accuracy(
    read_417, exam_labels, 0.95, "the share of right answers", hint="Is a residual missing?"
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-11-5-hidden-1", "points": 1}
# Hidden test predict 11.5 · the forgotten mask · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_11_5
# Assert
check.equal(
    choice,
    "b",
    "your prediction",
    ideas={
        "While it learns, where does the answer stand? And where, while it writes?": "a",
        "The next token stands in its own input, and reading is allowed: that is easy to learn": "c",
    },
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-11-5-reference", "points": 0}
### BEGIN HIDDEN TESTS
def chances(logits, k=None, temperature=1.0):
    """The probabilities when no two logits are equal."""
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).float()
    size = logits.shape[-1]
    ranks = logits.argsort(-1, descending=True).argsort(-1)
    kept = logits.masked_fill(ranks >= (size if k is None else k), -torch.inf)
    return (kept / temperature).softmax(-1)


def toy_path(rows, n, context, vocab, extra=0):
    """Greedy continuation of the toy, which adds up what it sees."""
    rows = [list(row) for row in rows]
    for row in rows:
        for _ in range(n):
            row.append((sum(row[-context:] if context else row) + 1 + extra) % vocab)
    return torch.tensor(rows)


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-5-hidden-1", "points": 1}
# Hidden test 11.5 · windows of other lengths · 1 point
### BEGIN HIDDEN TESTS
# Arrange
text_511 = torch.randint(0, 50, (23,), generator=seeded(511))
lengths_511, contexts_511 = [23, 21, 20, 7, 11], [5, 5, 5, 6, 4]
texts_511 = [text_511[:n].clone() for n in lengths_511]
windows_true, windows_same, windows_all = [], [], []
for t, c in zip(texts_511, contexts_511, strict=True):
    m = (len(t) - 1) // c
    windows_true.append([t[: m * c].view(m, c).clone(), t[1 : m * c + 1].view(m, c).clone()])
    windows_same.append([t[: m * c].view(m, c).clone(), t[: m * c].view(m, c).clone()])
# Act
windows_out = [observe.copy(list(lm_windows(texts_511[i], contexts_511[i]))) for i in range(5)]
# Assert
check.equal(
    windows_out,
    windows_true,
    "windows of five texts",
    ideas={"Inputs and targets are the same: the targets lie one place later": windows_same},
    hint="The last target needs an id of its own: (N - 1) // context windows",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-5-hidden-2", "points": 1}
# Hidden test 11.5 · the future does not matter, the past does · 1 point
### BEGIN HIDDEN TESTS
# Arrange
ids_512 = torch.randint(0, 9, (2, 8), generator=seeded(520))
future_512, past_512 = ids_512.clone(), ids_512.clone()
future_512[:, 5:] = (future_512[:, 5:] + 4) % 9
past_512[:, 1] = (past_512[:, 1] + 3) % 9
calm_512, stirred_512 = torch.zeros(5), [False] + [True] * 7
still_512, lone_512 = 0.0, torch.arange(40)[:, None]
pull_512 = torch.randn(40, 1, 40, generator=seeded(521))
# Act
torch.manual_seed(0)
model_512 = CausalLM(9, 16, 2, 2, 8).eval()
base_512 = model_512(ids_512).detach()
ahead_512 = (model_512(future_512).detach() - base_512).abs().amax((0, 2))[:5]
behind_list = ((model_512(past_512).detach() - base_512).abs().amax((0, 2)) > 1e-5).tolist()
whole_512 = (model_512(future_512).detach() - base_512).abs().amax((0, 2))[5:].min().item()
short_512 = (model_512(ids_512[:, :5]).detach() - base_512[:, :5]).abs().max().item()
lone_model = CausalLM(40, 16, 2, 1, 1)
(lone_model(lone_512) * pull_512).sum().backward()
lone_grads = [g for g in observe.gradients(lone_model).values() if g is not None]
asleep_512 = sum(g.numel() for g in lone_grads if g.ndim > 1 and not (g.abs() > 0).any())
# Assert
check.close(
    ahead_512,
    calm_512,
    "the change of logits 0 … 4 when ids 5 … 7 change",
    atol=1e-4,
    hint="A place sees later ones: mask what lies above the diagonal (True = may not look, in nn)",
)
check.equal(
    behind_list,
    stirred_512,
    "whether logits 0 … 7 change when id 1 changes",
    hint="Place 0 must not see place 1, and all from place 1 on must",
)
check.number(whole_512, 1e-5, 1e9, "the change of logits 5 … 7 when their own ids change")
check.close(
    short_512,
    still_512,
    "the logits of a shorter window",
    atol=1e-4,
    hint="Cut places and mask to the length of the window",
)
check.number(
    asleep_512,
    0,
    2.5 * 16**2,
    "the size of the matrices that a text of one token gives no gradient at all",
    hint="A place may look at itself too: `triu(1)` hides what lies above the diagonal, `triu()` hides the diagonal as well",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-5-hidden-3", "points": 1}
# Hidden test 11.5 · places, other samples, gradients, too long · 1 point
### BEGIN HIDDEN TESTS
# Arrange
ids_513 = torch.randint(0, 9, (3, 6), generator=seeded(530))
other_513, order_513 = ids_513.clone(), torch.tensor([0, 3, 2, 1, 4, 5])
other_513[1] = (other_513[1] + 4) % 9
turned_513 = ids_513[:, order_513].clone()
long_513 = torch.zeros(1, 7, dtype=torch.long)
calm_513, every_513 = torch.zeros(2), [True]
# Act
torch.manual_seed(1)
model_513 = CausalLM(9, 16, 2, 2, 6).eval()
moved_513 = (model_513(other_513) - model_513(ids_513)).abs().amax((1, 2)).detach()[[0, 2]]
flat_513 = CausalLM(9, 16, 2, 1, 6).eval()
order_moves = (flat_513(turned_513) - flat_513(ids_513))[:, -1].abs().max().item()
model_513.zero_grad()
F.cross_entropy(model_513(ids_513).flatten(0, 1), other_513.flatten()).backward()
grads_513 = list(observe.gradients(model_513).values())
reached_513 = [
    len(grads_513) > 0 and all(g is not None and bool((g != 0).any()) for g in grads_513)
]
refused_513 = observe.error(model_513, long_513)
model_513.train()
twice_513 = (model_513(ids_513) - model_513(ids_513)).abs().max().item()
# Assert
check.close(
    moved_513,
    calm_513,
    "the change of samples 0 and 2 when sample 1 changes",
    atol=1e-4,
    hint="Samples are mixed: is batch_first missing?",
)
check.number(
    order_moves,
    1e-4,
    1e9,
    "the change of the last logits when earlier tokens swap",
    hint="Add places to the words; without them the order is lost. (A mask the wrong way round fails too)",
)
check.equal(
    reached_513,
    every_513,
    "a gradient reaches every parameter",
    hint="A part is not used in forward, or is cut off",
)
check.raised(refused_513, ValueError, "a window longer than the context")
check.number(
    twice_513, 0.0, 1e-5, "the difference of two runs in train mode", hint="No dropout is asked for"
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-5-hidden-4", "points": 2}
# Hidden test 11.5 · probabilities: temperature, k, ties · 2 points
### BEGIN HIDDEN TESTS
# Arrange
logits_514 = 3 * torch.randn(4, 7, generator=seeded(540))
logits_before = logits_514.clone()
asked_514 = [(None, 1.0), (3, 1.0), (1, 0.7), (50, 2.0), (4, 0.3), (None, 0), (5, 0), (7, 5.0)]
probs_true = [chances(logits_514, *a) for a in asked_514]
probs_times = [chances(logits_514, k, 1 / t if t else 0) for k, t in asked_514]
tied_514 = torch.tensor([[2.0, 2, 2, 0], [1, 1, 1, 1], [-1, 3, 3, 3]])
one_514 = torch.tensor([[0.0, 0, 0, 1]] * 3)
tied_true = [torch.tensor([[0.0, 0, 0.5, 0.5]] * 3), one_514]
equals_514 = torch.tensor([[0.0, 1 / 3, 1 / 3, 1 / 3], [0.25] * 4, [0.0, 1 / 3, 1 / 3, 1 / 3]])
cut_by_value = (
    "All equals of the last kept one stay in: cut by the indices of topk, not by a threshold"
)
# Act
probs_out = [
    next_token_probs(logits_514, k=asked_514[i][0], temperature=asked_514[i][1]) for i in range(8)
]
logits_after = logits_514
tied_out = [
    next_token_probs(tied_514, k=2).sort(-1).values,
    next_token_probs(tied_514, temperature=0).sort(-1).values,
]
# Assert
check.unchanged(logits_after, logits_before, "the logits")
check.close(
    probs_out,
    probs_true,
    "probabilities for eight settings of k and temperature",
    ideas={"The logits are multiplied by the temperature: divide": probs_times},
    atol=1e-5,
    hint="k beyond the vocabulary means all; temperature 0 gives all to the likeliest",
)
check.close(
    tied_out,
    tied_true,
    "sorted probabilities among equals: k = 2, temperature 0",
    ideas={
        cut_by_value: [equals_514, one_514],
        f"{cut_by_value}; at temperature 0 too": [equals_514, equals_514],
        "At temperature 0 one of the equals gets all; a small temperature lets them share": [
            tied_true[0],
            equals_514,
        ],
    },
    hint="Exactly k tokens keep a chance; at temperature 0 a single one, whichever of the equals",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-5-hidden-5", "points": 1}
# Hidden test 11.5 · writing: context, mode, gradients · 1 point
### BEGIN HIDDEN TESTS
# Arrange
start_515 = torch.tensor([[1, 4, 2, 6, 3], [0, 0, 5, 1, 1]])
start_before = start_515.clone()
rows_515 = start_515.tolist()
path_515 = toy_path(rows_515, 9, 4, 7)
path_uncut, path_first = toy_path(rows_515, 9, 0, 7), start_515.clone()
path_train, path_grad = toy_path(rows_515, 9, 4, 7, 1), toy_path(rows_515, 9, 4, 7, 2)
path_both = toy_path(rows_515, 9, 4, 7, 3)
only_new = path_515[:, 5:].clone()
modes_515 = [True, False]
# Act
toy_515 = Toy(7, 9.0).train()
written_515 = generate(toy_515, start_515, 9, 4, temperature=0)
modes_after = [toy_515.training]
toy_515.eval()
none_515 = generate(toy_515, start_515, 0, 4)
modes_after += [toy_515.training]
start_after = start_515
# Assert
check.equal(
    written_515,
    path_515,
    "nine greedy tokens with a context of 4",
    ideas={
        "The model saw more than the last `context` ids: crop them": path_uncut,
        "The model was in train mode while writing": path_train,
        "Gradients were recorded while writing": path_grad,
        "Train mode, and gradients recorded, while writing": path_both,
        "Only the new tokens came back: ids and n more are asked for": only_new,
    },
    hint="Append one token at a time",
)
check.equal(none_515, path_first, "n = 0")
check.equal(
    modes_after, modes_515, "model.training afterwards", hint="Give the model the mode that it had"
)
check.unchanged(start_after, start_before, "the ids at the start")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-5-hidden-6", "points": 1}
# Hidden test 11.5 · drawing: frequencies and the generator · 1 point
### BEGIN HIDDEN TESTS
# Arrange
many_516 = torch.zeros(4000, 1, dtype=torch.long)
settings_516 = [(1.0, None), (0.5, None), (2.0, 2), (1.0, 1)]
sharp_516 = [2.0 / t for t, _ in settings_516]
others_516 = [4 if k is None else k - 1 for _, k in settings_516]
shares_true = [math.exp(s) / (math.exp(s) + n) for s, n in zip(sharp_516, others_516, strict=True)]
rest_516, same_516 = shares_true[1], [True, False, True]
# Act
toy_516, shares_out, texts_516 = Toy(5, 2.0).eval(), [], []
with torch.no_grad():  # modes and gradients are looked at in another test
    for i in range(4):
        g_516 = torch.Generator().manual_seed(i)
        drawn_516 = generate(toy_516, many_516, 1, 5, settings_516[i][0], settings_516[i][1], g_516)
        shares_out.append((drawn_516[:, 1] == 1).float().mean().item())
    for seed in (7, 7, 8):
        torch.manual_seed(100 + len(texts_516))
        source_516 = torch.Generator().manual_seed(seed)
        texts_516.append(generate(toy_516, many_516[:3], 30, 5, 1.0, None, source_516))
torch.manual_seed(0)
ahead_516 = torch.rand(1).item()
torch.manual_seed(0)
last_516 = generate(toy_516, many_516[:3], 5, 5, 1.0, None, torch.Generator().manual_seed(7))
untouched_516 = torch.rand(1).item() == ahead_516
agree_516 = [
    torch.equal(texts_516[0], texts_516[1]),
    torch.equal(texts_516[0], texts_516[2]),
    untouched_516,
]
# Assert
check.close(
    shares_out,
    shares_true,
    "how often the likeliest token was drawn, for four settings",
    rtol=0,
    atol=0.04,
    hint="Draw from next_token_probs with k and temperature",
)
check.equal(
    agree_516,
    same_516,
    "[same generator same text, other generator same text, global generator untouched]",
    hint="Hand `generator` to torch.multinomial",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-5-hidden-7", "points": 1}
# Hidden test 11.5 · it learns four sentences · 1 point
### BEGIN HIDDEN TESTS
# Arrange
lines_517 = "the quick brown fox jumps over the lazy dog. pack my box with five dozen liquor jugs. "
lines_517 += "how vexingly quick daft zebras jump. sphinx of black quartz, judge my vow. "
code_517 = {c: i for i, c in enumerate(sorted(set(lines_517)))}
text_517 = torch.tensor([code_517[c] for c in 12 * lines_517])
learn_517, after_517 = text_517[:1920].view(60, 32).clone(), text_517[1:1921].view(60, 32).clone()
exam_517, truth_517 = learn_517[:20].clone(), after_517[:20, 8:].clone()
vocab_517 = len(code_517)
# Act
torch.manual_seed(0)
pupil_517 = CausalLM(vocab_517, 32, 4, 2, 32)
train(pupil_517, learn_517, after_517, token_loss, epochs=24, batch=10)
told_517 = pupil_517.eval()(exam_517)[:, 8:].argmax(-1)
# Assert
check.accuracy(
    told_517,
    truth_517,
    0.8,
    "the share of letters foretold after 24 epochs",
    hint="Logits come out, no softmax",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-11-6-reference", "points": 0}
### BEGIN HIDDEN TESTS
def stack_state(d, heads, layers, seed, dropout=0.0):
    """PyTorch's encoder with uneven weights, and its state."""
    layer = nn.TransformerEncoderLayer(d, heads, 2 * d, dropout, batch_first=True)
    stack = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
    source = seeded(seed)
    with torch.no_grad():
        for p in stack.parameters():
            p.copy_(torch.randn(p.shape, generator=source) * (1.5 / d**0.5 if p.ndim > 1 else 0.3))
    return stack.eval(), {k: v.detach().clone() for k, v in stack.state_dict().items()}


def maps_by_hand(stack, x):
    """The maps of a post-norm stack, layer by layer."""
    maps = []
    with torch.no_grad():
        for layer in stack.layers:
            maps.append(layer.self_attn(x, x, x, average_attn_weights=False)[1].clone())
            x = layer(x)
    return maps


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-6-hidden-1", "points": 1}
# Hidden test 11.6 · the maps of every layer and head · 1 point
### BEGIN HIDDEN TESTS
# Arrange
stack_611, state_611 = stack_state(12, 3, 3, 611)
x_611 = torch.randn(2, 5, 12, generator=seeded(612))
maps_true = maps_by_hand(stack_611, x_611)
maps_mean = [m.mean(1) for m in maps_true]
maps_back = maps_true[::-1]
# Act
layer_611 = nn.TransformerEncoderLayer(12, 3, 24, batch_first=True)
mine_611 = nn.TransformerEncoder(layer_611, 3, enable_nested_tensor=False)
mine_611.load_state_dict(state_611)
maps_out = observe.copy(capture_attention(mine_611, x_611))
history_611 = [m.requires_grad for m in capture_attention(mine_611, x_611)[:3]]
# Assert
check.close(
    maps_out,
    maps_true,
    "the maps of three layers with three heads",
    ideas={
        "The heads were averaged: ask for average_attn_weights=False": maps_mean,
        "The layers come in reverse order": maps_back,
    },
    atol=1e-5,
    hint="In eval mode, one tensor (B, h, T, T) for each call",
)
check.equal(
    history_611, [False, False, False], "requires_grad of the maps", hint="Look without gradients"
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-6-hidden-2", "points": 1}
# Hidden test 11.6 · no trace: outputs, modes, hooks · 1 point
### BEGIN HIDDEN TESTS
# Arrange
stack_612, state_612 = stack_state(8, 2, 2, 621)
x_612 = torch.randn(2, 4, 8, generator=seeded(622))
with torch.no_grad():
    out_612 = stack_612(x_612).clone()
pair_612 = [out_612, out_612.clone()]
modes_612 = [True, False, True, False, True]
traces_612 = [0, 0]
# Act
layer_612 = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
mine_612 = nn.TransformerEncoder(layer_612, 2, enable_nested_tensor=False)
mine_612.load_state_dict(state_612)
before_612 = observe.copy(mine_612(x_612))
mine_612.train()
mine_612.layers[0].eval()
mine_612.layers[1].linear1.eval()
mine_612.layers[0].norm1.train()
ready_612 = capture_attention(mine_612, x_612)
after_612 = observe.copy(mine_612(x_612))
runs_612 = [before_612, after_612]
modes_out = [
    mine_612.training,
    mine_612.layers[0].self_attn.training,
    mine_612.layers[0].norm1.training,
    mine_612.layers[1].linear1.training,
    mine_612.layers[1].self_attn.training,
]
hooks_612 = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in mine_612.modules())
patched_612 = sum("forward" in vars(m) for m in mine_612.modules())
left_612 = [hooks_612 + 100 * (len(ready_612) != 2), patched_612]
# Assert
check.close(runs_612, pair_612, "the outputs before and after", atol=1e-4)
check.equal(
    modes_out,
    modes_612,
    "the modes of five modules afterwards",
    hint="Note training of each module, not of the model alone",
)
check.equal(
    left_612, traces_612, "[hooks left, forward still replaced]", hint="remove() every handle"
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-6-hidden-3", "points": 1}
# Hidden test 11.6 · a layer used twice, dropout on, a model that fails · 1 point
### BEGIN HIDDEN TESTS
# Arrange
stack_613, state_613 = stack_state(8, 2, 1, 631)
x_613 = torch.randn(2, 4, 8, generator=seeded(632))
with torch.no_grad():
    first_613 = maps_by_hand(stack_613, x_613)[0]
    second_613 = maps_by_hand(stack_613, stack_613(x_613))[0]
twice_true, once_613, last_613 = [first_613, second_613], [first_613.clone()], [second_613.clone()]
averaged_613 = [m.mean(1) for m in twice_true]
narrow_613 = torch.zeros(2, 4, 5)
left_613 = [0, True]
# Act
layer_613 = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, batch_first=True)
inner_613 = nn.TransformerEncoder(layer_613, 1, enable_nested_tensor=False)
inner_613.load_state_dict(state_613)
twice_613 = nn.Sequential(inner_613, inner_613).train()
twice_out = observe.copy(capture_attention(twice_613, x_613))
failed_613 = observe.error(capture_attention, twice_613, narrow_613)
after_613 = [
    sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in twice_613.modules()),
    twice_613.training,
]
# Assert
check.close(
    twice_out,
    twice_true,
    "the maps of one layer that is used twice, with dropout",
    ideas={
        "One map a call, not one a layer": once_613,
        "One map a call: the second use overwrote the first": last_613,
        "The heads were averaged: ask for average_attn_weights=False": averaged_613,
    },
    atol=1e-5,
    hint="Look in eval mode, whatever mode the model is in",
)
check.raised(failed_613, Exception, "an input that does not fit", hint="Let the error through")
check.equal(
    after_613, left_613, "[hooks left, train mode] after the error", hint="Clean up in finally"
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-6-hidden-4", "points": 1}
# Hidden test 11.6 · distances of known maps · 1 point
### BEGIN HIDDEN TESTS
# Arrange
att_614 = (2 * torch.randn(3, 4, 6, 6, generator=seeded(640))).softmax(-1)
gap_614 = (torch.arange(6.0)[:, None] - torch.arange(6.0)).abs()
dist_true = (att_614 * gap_614).sum(-1).mean((0, 2))
signed_614 = (att_614 * (torch.arange(6.0)[:, None] - torch.arange(6.0))).sum(-1).mean((0, 2))
likeliest = (att_614.argmax(-1) - torch.arange(6)).abs().float().mean((0, 2))
summed_614 = 6 * dist_true
even_614, even_true = torch.full((1, 1, 9, 9), 1 / 9), torch.tensor([80 / 27])
wide_614, wide_true = att_614.double(), dist_true.double()
# Act
dist_out = mean_distance(att_614)
even_out, wide_out = mean_distance(even_614), mean_distance(wide_614)
# Assert
check.close(
    dist_out,
    dist_true,
    "the distances of four heads",
    ideas={
        "Distances have no sign: |i - j|": signed_614,
        "A distance has no sign: |i - j|": -signed_614,
        "The mean over the keys: sum over them, their weights add up to 1": dist_true / 6,
        "That is the distance of the likeliest key alone: weigh all keys": likeliest,
        "The sum over the queries: take their mean": summed_614,
    },
    atol=1e-5,
    hint="Sum over keys, mean over samples and queries, one number a head",
)
check.close(even_out, even_true, "the distance of an even map, T = 9", atol=1e-5)
check.close(wide_out, wide_true, "the distances in float64", atol=1e-5)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-11-6-hidden-5", "points": 2}
# Hidden test 11.6 · a near-sighted and a far-sighted head, both functions together · 2 points
### BEGIN HIDDEN TESTS
# Arrange
spots_615 = torch.linspace(-1, 1, 8)
x_615 = torch.stack([spots_615, torch.ones(8), torch.ones(8), torch.ones(8)], 1)[None]
state_615 = stack_state(4, 2, 1, 650)[1]
weight_615, bias_615 = torch.zeros(12, 4), torch.zeros(12)
weight_615[0, 0], weight_615[4, 0] = 6.0, 6.0  # head 0: near places fit best
weight_615[1, 1] = 6.0
weight_615[5, 1] = 0.0
state_615["layers.0.self_attn.in_proj_weight"] = weight_615
state_615["layers.0.self_attn.in_proj_bias"] = bias_615
ref_615 = stack_state(4, 2, 1, 650)[0]
ref_615.load_state_dict(state_615)
gap_615 = (torch.arange(8.0)[:, None] - torch.arange(8.0)).abs()
dist_615 = (maps_by_hand(ref_615, x_615)[0] * gap_615).sum(-1).mean((0, 2))
# Act
layer_615 = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.2, batch_first=True)
mine_615 = nn.TransformerEncoder(layer_615, 1, enable_nested_tensor=False)
mine_615.load_state_dict(state_615)
told_615 = mean_distance(capture_attention(mine_615, x_615)[0])
# Assert
check.close(
    told_615,
    dist_615,
    "the distances of a near-sighted and a far-sighted head",
    atol=1e-4,
    hint="One number a head; heads not averaged, weights before dropout",
)
### END HIDDEN TESTS
