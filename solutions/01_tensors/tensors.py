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
# # 1 · The tensor
#
# A network reads tensors, keeps what it knows in tensors and answers in tensors. Most bugs of a
# first month are not deep: a shape that fits by accident, a copy that should have been a view, a
# clock read too early. Here you learn to see them coming.
#
# Afterwards you can
#
# - make a tensor with the values, the type and the randomness that you meant;
# - say which operations share memory and which copy;
# - predict the shape of any broadcast, even of one that goes wrong without a word;
# - select, replace and gather values;
# - write code that runs on any device, and time it honestly.
#
# Reading: 40 minutes · exercises: 97 minutes · 50 points
#
# You need Python and the idea of a matrix. Take a break after the third exercise.

# %% tags=["setup"]
import numpy as np
import torch

import gradus
from gradus import check, observe, plots, seeded

torch.set_printoptions(precision=3)

# %% [markdown]
# ## One grid, one type
#
# A tensor is a grid of numbers, all of one type and without ragged edges. Four facts describe it.
#
# - `shape`: how many numbers it has in each direction.
# - `dtype`: the type of every one of them.
# - `device`: the memory it lies in, the computer's own or that of a graphics card.
# - `requires_grad`: whether PyTorch takes notes of what happens to it, so that it can work out
#   derivatives later. That is chapter 2.
#
# If you have used NumPy, the first two are old friends. The last two are the reason for PyTorch:
# the same line runs on hardware made for it, and derivatives come by themselves.
#
# A single number is a tensor too. Its shape is `()`: no directions at all.

# %%
scalar = torch.tensor(7.0)
vector = torch.tensor([1, 2, 3])
matrix = torch.zeros(2, 3)
block = torch.ones(2, 3, 4)
print("ndim  shape  numel  dtype  device  requires_grad")
for x in (scalar, vector, matrix, block):
    print(x.ndim, tuple(x.shape), x.numel(), x.dtype, x.device, x.requires_grad, sep="  ")

print(torch.arange(0, 1, 0.25), torch.linspace(0, 1, 5))
array = np.zeros(2)
shared, copied = torch.from_numpy(array), torch.tensor(array)
array[0] = 5
print(shared, copied)

# %% [markdown]
# The table: `numel` counts the numbers, and whole numbers become `int64`. Below it, `arange` stops
# *before* its end, `linspace` includes it. `from_numpy` and its array are one memory, while
# `torch.tensor` copies. NumPy's numbers arrive as `float64`, where PyTorch makes `float32` by itself.
#
# Back to Python: `x.item()` takes the number out of a tensor that holds one, `x.tolist()` makes lists.
# More makers: `eye(n)`, ones on a diagonal; `zeros_like(x)`, with shape, dtype and device of `x`.
# `arange(6).reshape(2, 3)` fills two rows with 0 1 2 and 3 4 5. (`x.size()` is `x.shape`.)
#
# What a direction means, only you know. The usual layouts:
#
# | shape | holds |
# |---|---|
# | `(N,)` | one number for each of N samples |
# | `(N, D)` | N samples, D features each |
# | `(N, L, D)` | N sequences of L steps, D features a step |
# | `(N, C, H, W)` | N images: C channels, H rows, W columns |
# | `(N, C, D, H, W)` | N volumes of D slices |

# %% [markdown]
# ### Predict 1.1 · A brighter pixel
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# Pictures are often stored as `uint8`: whole numbers from 0 to 255. You want to brighten a pixel.
#
# ```python
# pixel = torch.tensor([200], dtype=torch.uint8)
# print(pixel + 100)
# ```
#
# Which number is printed?
#
# - a: 300
# - b: 255
# - c: 44
# - d: none: an error is raised

# %% nbgrader={"grade_id": "predict-1-1"}
# Write your choice: predict_1_1 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_1_1 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-1-1-check", "points": 0}
# Arrange
# Act
choice_1 = predict_1_1
# Assert
check.one_of(choice_1, ("a", "b", "c", "d"), "your choice")

# %%
print(torch.tensor([200], dtype=torch.uint8) + 100)
whole = torch.tensor([1, 2])
print(whole + 0.5, whole / 2, whole // 2)
narrow, wide = torch.ones(2), torch.ones(2, dtype=torch.float64)
print((narrow + wide).dtype, (narrow + wide[0]).dtype)
# observe.error(f, …) calls f(…) and hands back its error, so that the notebook goes on
print("error:", observe.error(whole.add_, 0.5)["message"])

# %% [markdown]
# The sum 300 does not fit, so it starts again at 0: 300 − 256 = 44, and nobody warns you.
#
# The rule of **dtype promotion**: first the kind (bool, then integer, then float), then the width.
# A plain number, or a tensor of shape `()`, can change the kind but never the width. That is why 100
# left the pixel `uint8`, and 0.5 made floats of integers. An operation in place (a trailing `_`, or
# `+=`) writes into the old memory, so it cannot change the dtype. Convert first:
# `pixel.float() + 100`.
#
# (Messages have old names: `Float` is `float32`, `Double` `float64`, `Long` `int64`, `Byte` `uint8`.)

# %% [markdown]
# A tip that goes round says: switch the default to `float64`, for more precision
# (`torch.set_default_dtype`). Better not. It acts on the whole program, on libraries that you never
# see, and what is made afterwards no longer fits data made before. Ask for precision where you need
# it: `torch.ones(3, dtype=torch.float64)`. (`torch.FloatTensor(…)` in old code is legacy.)
#
# **Randomness.** `rand` and `randn` differ in one letter: uniform between 0 and 1, or normal with
# mean 0 and standard deviation 1. (`randint(0, 10, (5,))`: five whole numbers below 10; `randperm(n)`:
# 0 to n − 1 in random order.) All throw the global dice, which all code shares (`torch.manual_seed`
# sets them). A `torch.Generator` is a set of dice of your own. In this course `seeded(7)` makes one.

# %% alt="Two step histograms of 5000 numbers. The solid one is flat between 0 and 1 and empty elsewhere; the dashed one is a bell around 0 that reaches from about -3 to 3."
uniform = torch.rand(5000, generator=seeded(7))
normal = torch.randn(5000, generator=seeded(7))
print(torch.equal(normal, torch.randn(5000, generator=seeded(7))))

fig, axes = plots.figure(6, 2.8)
edges = np.linspace(-4, 4, 41)
outline = {"histtype": "step", "linewidth": 2}
axes.hist(uniform.numpy(), edges, label="rand", **outline)
axes.hist(normal.numpy(), edges, label="randn", linestyle="--", **outline)
axes.set(xlabel="value", ylabel="how many of 5000")
axes.legend()
plots.close(fig)

# %% [markdown]
# The picture shows that `rand` (solid) fills 0 to 1 evenly, while `randn` (dashed) is a bell around
# 0 with as many negative numbers as positive. The `True` above it: same seed, same numbers.

# %% [markdown]
# ### Exercise 1.1 · Four ways to begin
# ★★☆☆☆ · 8 min · implementation · 5 points
#
# Write `make_tensors(seed, rows)`, which returns a dict of four tensors; the docstring says which.
# Draw from a generator made from `seed`, and leave the global dice alone: a function that reseeds
# them changes the results of everybody else.
#
# `make_tensors(0, 5)["grid"][1]` is `[4, 5, 6, 7]`, and `["even"]` starts
# 0, 0.111, 0.222.
#
# <details><summary>Hint 1</summary>
#
# One function each: `randn`, `arange` and `reshape`, `linspace`, `eye`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.randn(rows, 3, generator=torch.Generator().manual_seed(seed))`
#
# </details>


# %% nbgrader={"grade_id": "ex-1-1"}
def make_tensors(seed: int, rows: int) -> dict[str, torch.Tensor]:
    """A dict with these keys:

    "normal"    (rows, 3) float32, standard normal, the same for the same seed
    "grid"      (4, 4) int64, 0 to 15 in reading order (row by row)
    "even"      (10,) float32, evenly spaced from 0 to 1, both ends included
    "identity"  (3, 3) float32, ones on the diagonal, zeros elsewhere
    """
    ### BEGIN SOLUTION
    normal = torch.randn(rows, 3, generator=torch.Generator().manual_seed(seed))
    grid = torch.arange(16).reshape(4, 4)
    return {
        "normal": normal,
        "grid": grid,
        "even": torch.linspace(0, 1, 10),
        "identity": torch.eye(3),
    }
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-1-1-check", "points": 2}
# Arrange
grid_1 = torch.tensor([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]])
columns_1 = torch.tensor([[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]])
even_1 = torch.tensor([0, 1 / 9, 2 / 9, 3 / 9, 4 / 9, 5 / 9, 6 / 9, 7 / 9, 8 / 9, 1])
tenths_1 = torch.tensor([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
eleven_1 = torch.tensor([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
eye_1 = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
# Act
made_1 = make_tensors(0, 5)
grid_made_1, even_made_1, eye_made_1 = made_1["grid"], made_1["even"], made_1["identity"]
shape_made_1, dtype_made_1 = tuple(made_1["normal"].shape), str(made_1["normal"].dtype)
below_zero_1 = bool((made_1["normal"] < 0).any())
# Assert
check.equal(
    grid_made_1,
    grid_1,
    "the grid",
    ideas={
        "filled column by column; reading order goes along a row first": columns_1,
        "starts at 1; sixteen numbers from 0 end at 15": grid_1 + 1,
    },
    hint="Count with torch.arange, which makes int64, then reshape.",
)
check.close(
    even_made_1,
    even_1,
    "the even points",
    ideas={
        "arange leaves out its end; linspace includes both ends": tenths_1,
        "steps of 0.1 make eleven points; ten points lie 1/9 apart": eleven_1,
    },
    dtype=True,
    hint="linspace(start, end, how_many) includes both ends.",
)
check.equal(eye_made_1, eye_1, "the identity", hint="torch.eye makes it, in float32.")
check.equal(shape_made_1, (5, 3), "the shape of the normal numbers")
check.equal(
    dtype_made_1,
    "torch.float32",
    "the dtype of the normal numbers",
    ideas={"NumPy's numbers arrive as float64; torch.randn makes float32": "torch.float64"},
)
check.equal(
    below_zero_1,
    True,
    "whether some of the normal numbers are negative",
    ideas={"rand is uniform between 0 and 1; the normal numbers come from randn": False},
)

# %% [markdown]
# You drew from dice of your own. In practice every source of randomness in
# an experiment (the first weights, the order of the data) gets a seed, so that a strange result can
# be looked at a second time.

# %% [markdown]
# ## A shape is a way of reading
#
# Memory knows no rows and columns. The numbers of a tensor lie in one row, its **storage**. The
# **strides** say how many places to step along it for the next element in each direction. Change
# shape and strides, and you read the same storage differently, without moving a number: a **view**.
#
# Two sizes follow. `nbytes` is what the values would take if each was written out;
# `untyped_storage().nbytes()` is the memory that is really held. Two words are new: `expand` repeats
# a dimension of size 1, `clone` copies. Read the table that comes, line by line, and explain each
# stride to yourself. (A `float32` takes 4 bytes.)

# %%
x = torch.arange(6, dtype=torch.float32).reshape(2, 3)
readings = {
    "x": x,
    "x.T": x.T,
    "x[:, 1]": x[:, 1],
    "expanded": x[:1].expand(100, 3),
    "clone": x[:, 1].clone(),
}
print(f"{'':10}{'shape':10}{'strides':10}{'contiguous':12}{'nbytes':8}storage")
for name, t in readings.items():
    row = f"{name:10}{tuple(t.shape)!s:10}{t.stride()!s:10}{t.is_contiguous()!s:12}"
    print(row + f"{t.nbytes:<8}{t.untyped_storage().nbytes()}")
x.T[2, 0] = 99
print(x)

# %% [markdown]
# - `x.T` swapped two strides and moved nothing. The 99 written through it stands in `x`.
# - Reading `x.T` row by row hops through the storage: it is not **contiguous**.
# - `expand` has a stride of 0: it reads one row of 12 bytes a hundred times, 1200 bytes in all. (The
#   storage says 24, for that row is a view of `x`, and both rows of `x` are held.)
# - One column keeps the whole storage alive. A slice of a huge tensor holds the huge tensor in
#   memory until you `clone()` the slice.
#
# Transposing changes the order of reading. Reshaping keeps that order and cuts the row anew. Both
# can turn a `(7, 5)` picture into a `(5, 7)` one. Here is the letter F.

# %% alt="Three small black and white pictures. Left: the letter F, 7 rows by 5 columns. Middle: the transpose, an F mirrored about the diagonal. Right: the reshape, a jumble of blocks in which no letter can be seen."
letter = torch.zeros(7, 5)
letter[0, :], letter[3, :4], letter[:, 0] = 1, 1, 1

fig, axes = plots.figure(6, 2.4)
axes.remove()
pictures = {
    "letter": letter,
    "letter.T": letter.T,
    "letter.reshape(5, 7)": letter.reshape(5, 7),
}
for panel, (name, picture) in zip(fig.subplots(1, 3), pictures.items(), strict=True):
    panel.imshow(picture, cmap="gray_r")
    panel.set(title=name, xticks=[], yticks=[])
plots.close(fig)

# %% [markdown]
# The picture shows that the transpose is still an F, mirrored, while the reshape of the same size
# is rubble. A right shape is no proof of right values.
#
# `reshape` has a strict sister, `view`. They are often called the same. `view` never copies: where
# strides cannot express the new shape, it raises. `reshape` gives a view if it can, and otherwise
# copies without telling you. `contiguous()` makes the copy by name.

# %%
x = torch.arange(6).reshape(2, 3)
print("error:", observe.error(x.T.view, 6)["message"])
flat = x.reshape(6)  # reading order is memory order: a view
turned = x.T.reshape(6)  # it is not: a copy
x[0, 0] = 99
print(flat)
print(turned)

# %% [markdown]
# ### Predict 1.2 · Eight by eight, or not
# ★★☆☆☆ · 3 min · conceptual · 1 point
#
# A network was written for images whose inner maps are 64 channels of 8 × 8. It flattens them so:
#
# ```python
# maps.view(-1, 64 * 8 * 8)
# ```
#
# (−1 means: work this one out.) Today it gets a batch of **two** larger images, with maps of shape
# `(2, 64, 16, 16)`. How many rows come out?
#
# - a: none: `view` raises an error
# - b: 2
# - c: 4
# - d: 8

# %% nbgrader={"grade_id": "predict-1-2"}
# Write your choice: predict_1_2 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_1_2 = "d"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-1-2-check", "points": 0}
# Arrange
# Act
choice_2 = predict_1_2
# Assert
check.one_of(choice_2, ("a", "b", "c", "d"), "your choice")

# %%
# 16 x 16 numbers are four times 8 x 8, so view cut every image into four "samples", silently.
maps = torch.zeros(2, 64, 16, 16)
print(tuple(maps.view(-1, 64 * 8 * 8).shape), "view")
print(tuple(maps.flatten(1).shape), "flatten(1): keeps the batch, whatever the size\n")

# The other views that change a shape. The second is a trap: a batch of one image loses its batch.
one = torch.zeros(1, 3, 1, 5)
print(tuple(one.squeeze(2).shape), "squeeze(2): that size-1 dimension goes")
print(tuple(one.squeeze().shape), "squeeze(): all of them go, the batch of one too!")
print(tuple(one.unsqueeze(-1).shape), "unsqueeze(-1): a new last dimension")
print(tuple(one.permute(0, 2, 3, 1).shape), "permute: any new order, here channels last")
print(tuple(one.transpose(1, -1).shape), "transpose(1, -1): swap two (.mT: the last two)")

# %% [markdown]
# ### Exercise 1.2 · Views and what they hold
# ★★★☆☆ · 12 min · conceptual · 8 points
#
# Write three short functions; the docstrings say what to return. Copy nothing that can be
# a view.
#
# With `x = torch.arange(24)` and the shape `(2, 3, 4)`, `shape_tour` gives tensors of shapes
# `(2, 3, 4)`, `(2, 4, 3)`, `(24,)` and `(1, 24)`; the third starts 0, 4, 8, 1. The chain of the first
# of them has shapes `(6, 4)`, `(1, 24)` and `(2, 3, 4)`. A float32 row `torch.zeros(1, 3)`, which is
# no part of a larger tensor, expanded to `(100, 3)` has the footprint
# `{"values": 1200, "storage": 12}`.
#
# <details><summary>Hint 1</summary>
#
# Transposing changes the order of reading, reshaping keeps it. All sizes can be read off the
# argument. What the values need is count times bytes each; what is held, the storage knows.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `transpose(1, 2)`, `flatten()`, `unsqueeze(0)`; `t.reshape(a * b, c)` with `a, b, c = t.shape`;
# `t.nbytes` and `t.untyped_storage().nbytes()`.
#
# </details>


# %% nbgrader={"grade_id": "ex-1-2"}
def shape_tour(x: torch.Tensor, shape: tuple[int, int, int]) -> tuple[torch.Tensor, ...]:
    """Four tensors from x of shape (n,), where shape = (a, b, c) and n = a·b·c:

    x in that shape; the same with its last two dimensions swapped (a, c, b); that one
    flattened (n,); and x itself with a new first dimension (1, n), sharing its memory.
    """
    ### BEGIN SOLUTION
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2)
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)
    ### END SOLUTION


def reshape_chain(t: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """t (a, b, c), contiguous or not, as (a·b, c), then (1, a·b·c), then (a, b, c) again.

    Each is made from the one before, and the reading order stays that of t. Where t is
    contiguous all three share its memory.
    """
    ### BEGIN SOLUTION
    a, b, c = t.shape
    tall = t.reshape(a * b, c)
    row = tall.reshape(1, -1)
    return tall, row, row.reshape(a, b, c)
    ### END SOLUTION


def footprint(t: torch.Tensor) -> dict[str, int]:
    """Bytes of t: "values" if all its elements were written out, "storage" really held."""
    ### BEGIN SOLUTION
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes()}
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-1-2-check", "points": 1}
# Arrange
line_2 = torch.arange(24)
swapped_2 = torch.tensor(
    [
        [[0, 4, 8], [1, 5, 9], [2, 6, 10], [3, 7, 11]],
        [[12, 16, 20], [13, 17, 21], [14, 18, 22], [15, 19, 23]],
    ]
)
order_2 = [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11, 12, 16, 20, 13, 17, 21, 14, 18, 22, 15, 19, 23]
counted_2 = torch.arange(24)
# Act
tour_2 = shape_tour(line_2, (2, 3, 4))
grid_2, turned_2, flat_2, row_2 = tour_2
# Assert
check.equal(grid_2, counted_2.reshape(2, 3, 4), "the grid")
check.equal(
    turned_2,
    swapped_2,
    "the last two dimensions swapped",
    ideas={
        "reshape keeps the reading order; to swap dimensions, transpose": counted_2.reshape(2, 4, 3)
    },
    hint="Only the last two dimensions change places.",
)
check.equal(
    flat_2,
    torch.tensor(order_2),
    "the flattened tensor",
    ideas={"flatten the swapped tensor, not the first one": counted_2},
)
check.equal(
    row_2,
    counted_2.reshape(1, 24),
    "x with a new first dimension",
    ideas={"the new dimension comes first, not last": counted_2.reshape(24, 1)},
    hint="It is x itself, in its own order.",
)

# %% nbgrader={"grade_id": "ex-1-2-check-2", "points": 1}
# Arrange
cube_2 = torch.arange(24).reshape(2, 3, 4)
upright_2 = torch.arange(24).reshape(2, 3, 4)
# Act
chain_2 = reshape_chain(cube_2)
tall_2, long_2, again_2 = chain_2
# Assert
check.equal(
    tall_2,
    upright_2.reshape(6, 4),
    "the chain's first tensor (6, 4)",
    ideas={
        "the shape is right but the order is not: no transpose is asked for": upright_2.transpose(
            0, 1
        ).reshape(6, 4),
    },
)
check.equal(long_2, upright_2.reshape(1, 24), "the chain's second tensor (1, 24)")
check.equal(again_2, upright_2, "the chain's last tensor (2, 3, 4)")

# %% nbgrader={"grade_id": "ex-1-2-check-3", "points": 1}
# Arrange
# Act
plain_2 = footprint(torch.zeros(10, 3))
wide_2 = footprint(torch.zeros(1, 3).expand(100, 3))
# Assert
check.equal(
    plain_2,
    {"values": 120, "storage": 120},
    "the footprint of ten rows of three float32",
    ideas={
        "numel counts elements; a float32 takes 4 bytes": {"values": 30, "storage": 30},
        "values are counted in elements; multiply by the bytes of each": {
            "values": 30,
            "storage": 120,
        },
        "the storage is counted in elements; ask for its bytes": {"values": 120, "storage": 30},
    },
)
check.equal(
    wide_2,
    {"values": 1200, "storage": 12},
    "the footprint of a row of three, expanded to a hundred",
    ideas={
        "expand copies nothing, so it holds only its one row": {"values": 1200, "storage": 1200},
        "the two are swapped: values are what it would take, written out": {
            "values": 12,
            "storage": 1200,
        },
    },
)

# %% [markdown]
# You made views and copies and measured both. This is daily bread: `expand`
# saves memory wherever one row serves many, and one small slice kept in a list can hold a huge tensor
# in memory.

# %% [markdown]
# ## Dimensions that disappear
#
# Arithmetic (`+ - * / **`, `exp`, `log`, `sqrt`) works number by number, and so does `==`. For one
# answer ask `torch.equal(a, b)` (exactly) or `torch.allclose(a, b)` (up to rounding). In place (`add_`,
# `+=`), every other name of that tensor sees the change.
#
# A **reduction** (sum, mean, max) makes numbers fewer. "Sum along the rows" can be read both ways, so
# use one sentence only: *the dimension that you name disappears*. For `(2, 3)`, `sum(dim=0)` leaves
# `(3,)`, the column sums.
#
# You may hear that for sequences the last dimension is the one to reduce. In `(N, L, D)` the last one
# holds the features; the average over time is `dim=1`. Name what a dimension means, and the number
# follows.
#
# The other way round, `torch.stack` joins tensors of one shape along a *new* dimension; `torch.cat` puts
# them end to end along one that they have. Both copy.

# %%
x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 9.0]])
print(x.sum(dim=0), x.sum(dim=1), x.sum())
print(x.mean(dim=1, keepdim=True).tolist(), "keepdim leaves a 1 where the dimension was")
print(x.max(dim=1))
print(x.argmax(dim=1), "argmax gives the indices alone")

sequences = torch.zeros(8, 20, 5)  # N, L, D
print(tuple(sequences.mean(dim=1).shape), "mean over time")
print(tuple(torch.stack([x, x, x]).shape), "stack", tuple(torch.cat([x, x, x]).shape), "cat")

# n - 1 or n? torch.std divides by n - 1, np.std by n: the same name, another number.
print(x[0].std(), x[0].std(correction=0), f"np.std: {x[0].numpy().std():.3f}")
# A mean of integers is refused, for which dtype should it have? Say .float() first.
print("error:", observe.error(torch.tensor([1, 2]).mean)["message"])

# %% [markdown]
# ## Broadcasting
#
# Two shapes meet in one operation. Write them under each other, **aligned at the right**. In each
# column the sizes must be equal, or one of them 1, or missing. A 1 is stretched as by `expand`,
# without a copy.
#
# ```
# images   (16, 3, 32, 32)          scores (4, 1)
# shift        (3,  1,  1)          bonus     (6)
# result   (16, 3, 32, 32)          result (4, 6)
# ```
#
# So a row added to a matrix reaches all its rows, a column all its columns, and one matrix a whole
# batch. Two vectors of different length do not fit, until you say which one stands upright:
# `a.unsqueeze(1)` or `a[:, None]`.

# %% alt="A grid of 4 rows and 6 columns with a number in each cell. Each cell is the sum of its row's number 0, 10, 20, 30 and its column's number 0 to 5, from 0 at the top left to 35 at the bottom right."
for a, b in [((3, 4), ()), ((3, 4), (4,)), ((3, 4), (3, 1)), ((10, 3, 4), (3, 4))]:
    print(a, "with", b, "gives", tuple(torch.broadcast_shapes(a, b)))
print("error:", observe.error(torch.add, torch.ones(3), torch.ones(4))["message"])

tens, units = torch.arange(0, 40, 10), torch.arange(6)
plots.heat(
    tens[:, None] + units,
    annotate=True,
    title="tens[:, None] + units",
    xlabel="units, shape (6,)",
    ylabel="tens, shape (4, 1)",
)

# %% [markdown]
# The picture shows every sum of a row's ten and a column's unit: a table from two vectors, without a
# loop.
#
# Now the trap. Take a square table, five pupils by five tests, and subtract from each pupil the mean
# of their own marks. Afterwards each row should have mean 0.

# %%
marks = torch.randint(0, 10, (5, 5), generator=seeded(3)).float()
careless = marks - marks.mean(dim=1)  # (5, 5) with (5,): aligned at the right!
careful = marks - marks.mean(dim=1, keepdim=True)  # (5, 5) with (5, 1)
print("row means, careless:", careless.mean(dim=1))
print("row means, careful: ", careful.mean(dim=1).round(decimals=3).abs())

# %% [markdown]
# ### Predict 1.3 · A perfect prediction
# ★★☆☆☆ · 3 min · conceptual · 1 point
#
# The careless version took the mean of pupil j from everybody's marks in *test* j, and no error
# came, because the table happened to be square. The same slip is a classic of regression.
#
# A model returns `prediction` of shape `(5, 1)`. The data set holds `target` of shape `(5,)`. What is
# the shape of `prediction - target`?
#
# - a: `(5, 5)`
# - b: `(5,)`
# - c: `(5, 1)`
# - d: none: an error is raised

# %% nbgrader={"grade_id": "predict-1-3"}
# Write your choice: predict_1_3 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_1_3 = "a"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-1-3-check", "points": 0}
# Arrange
# Act
choice_3 = predict_1_3
# Assert
check.one_of(choice_3, ("a", "b", "c", "d"), "your choice")

# %%
target = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0])
prediction = target.unsqueeze(1)  # perfect, as a column
error = prediction - target
print(tuple(error.shape), "loss", (error**2).mean())
print("after squeeze(1): loss", ((prediction.squeeze(1) - target) ** 2).mean())

# %% [markdown]
# A perfect prediction, and a loss of 4: every prediction was compared with every target. Training
# would run, and learn to predict the mean. Some of PyTorch's ready-made losses (chapter 4) warn when
# shapes differ, or refuse; a line of your own never does.

# %% [markdown]
# ### Exercise 1.3 · Align from the right
# ★★★☆☆ · 12 min · implementation · 6 points
#
# Write `add_outer`, `outer` and `center_channels`. No loops: broadcasting does the repeating, and on
# a GPU a Python loop would launch thousands of tiny jobs. Leave the arguments as they are.
#
# `add_outer` of `[1, 2]` and `[10, 20, 30]` is `[[11, 21, 31], [12, 22, 32]]`, and
# `outer` of them is `[[10, 20, 30], [20, 40, 60]]`. With the means `[1, 3]`, a 5 in channel 1
# becomes 2.
#
# <details><summary>Hint 1</summary>
#
# Write both shapes under each other, aligned at the right. Where must a 1 go?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `a[:, None]` has shape `(n, 1)`; `mean[:, None, None]` has shape `(C, 1, 1)`.
#
# </details>


# %% nbgrader={"grade_id": "ex-1-3"}
def add_outer(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(n,), (m,) -> (n, m): entry [i, j] is a[i] + b[j]."""
    ### BEGIN SOLUTION
    return a[:, None] + b
    ### END SOLUTION


def outer(u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """(n,), (m,) -> (n, m): entry [i, j] is u[i] · v[j]."""
    ### BEGIN SOLUTION
    return u[:, None] * v
    ### END SOLUTION


def center_channels(images: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W), (C,) -> (N, C, H, W): channel c of every image, less mean[c]."""
    ### BEGIN SOLUTION
    return images - mean[:, None, None]
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-1-3-check", "points": 1}
# Arrange
two_3, three_3 = torch.tensor([1.0, 2.0]), torch.tensor([10.0, 20.0, 30.0])
sums_3 = torch.tensor([[11.0, 21.0, 31.0], [12.0, 22.0, 32.0]])
products_3 = torch.tensor([[10.0, 20.0, 30.0], [20.0, 40.0, 60.0]])
# Act
added_3, multiplied_3 = add_outer(two_3, three_3), outer(two_3, three_3)
# Assert
check.close(
    added_3,
    sums_3,
    "the outer sum",
    ideas={"transposed: the first vector runs down, the second across": sums_3.T},
    hint="The first vector must stand upright, with shape (n, 1).",
)
check.close(
    multiplied_3,
    products_3,
    "the outer product",
    ideas={"transposed: the first vector runs down, the second across": products_3.T},
    hint="As the sum, with a product.",
)

# %% nbgrader={"grade_id": "ex-1-3-check-2", "points": 1}
# Arrange
image_3 = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, 6.0]]]])
means_3 = torch.tensor([1.0, 3.0, 4.0])
centred_3 = torch.tensor([[[[0.0, 1.0]], [[0.0, 1.0]], [[1.0, 2.0]]]])
overall_3 = torch.tensor([[[[-2.5, -1.5]], [[-0.5, 0.5]], [[1.5, 2.5]]]])
# Act
less_3 = center_channels(image_3, means_3)
# Assert
check.close(
    less_3,
    centred_3,
    "an image of 3 channels, 1 row and 2 columns, less its means",
    ideas={"one mean for all channels; the argument holds one for each": overall_3},
    hint="Channel c loses mean[c], and nothing else happens to it.",
)

# %% [markdown]
# A shape with a 1 in the right place replaced two nested loops. Subtracting
# channel means like this stands at the door of almost every image model. The outer sum, with a minus,
# gives the distance of every pair of positions in a sentence, which chapter 11 will need.

# %% [markdown]
# ## Selecting
#
# Between the brackets may stand
#
# - a number, which takes one and drops the dimension: `x[0]`, `x[:, -1]`;
# - a slice: `x[:2]`, `x[::2]` (every second); `...` for all dimensions not named; `None` for a new
#   one of size 1;
# - a list or tensor of positions, in any order, with repeats: `x[[2, 0, 0]]`;
# - a mask of booleans of the same shape: `x[x > 5]`, which comes out flat. A mask for the rows,
#   `x[keep]`, keeps whole rows.
#
# All of them read the same way. Do they all give you a view?

# %% [markdown]
# ### Predict 1.4 · Which write arrives?
# ★★☆☆☆ · 3 min · conceptual · 1 point
#
# ```python
# x = torch.arange(12).reshape(3, 4)
# first = x[0]
# listed = x[[0]]
# large = x[x > 5]
# ```
#
# Now `-1` is written into all of `first`, or into all of `listed`, or into all of `large`. Which of
# these writes can be seen in `x`?
#
# - a: all three
# - b: only the one through `first`
# - c: those through `first` and `listed`
# - d: none

# %% nbgrader={"grade_id": "predict-1-4"}
# Write your choice: predict_1_4 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_1_4 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-1-4-check", "points": 0}
# Arrange
# Act
choice_4 = predict_1_4
# Assert
check.one_of(choice_4, ("a", "b", "c", "d"), "your choice")

# %%
choices = {
    "x[0]": lambda x: x[0],
    "x[::2, 1:]": lambda x: x[::2, 1:],
    "x[0].clone()": lambda x: x[0].clone(),
    "x[[0]]": lambda x: x[[0]],
    "x[x > 5]": lambda x: x[x > 5],
}
for name, choose in choices.items():
    x = torch.arange(12).reshape(3, 4)
    part = choose(x)
    part.fill_(-1)
    print(f"{name:14}{tuple(part.shape)!s:8} the write arrives: {bool((x == -1).any())}")

# %% [markdown]
# "Indexing gives a view" is half the story. Numbers and slices can be said in strides: views. Lists
# and masks cannot: read like this, they **copy**. But on the *left* of an `=` they write into `x`
# itself: `x[x > 5] = 0`. To choose without writing, `torch.where(condition, a, b)` builds a new
# tensor.
#
# Often you want a different column in each row: the score that each sample gives its true class.
# `scores.gather(1, index)` takes from row i the columns that row i of `index` names, so the result has
# the shape of `index`. `scatter` writes the same way; its classic use is the one-hot code.

# %%
x = torch.tensor([3.0, -1.0, 2.0, -4.0])
print(torch.where(x < 0, 0.1 * x, x))
x[x < 0] = 0
print(x)
scores = torch.tensor([[0.1, 0.2, 0.7], [0.5, 0.4, 0.1], [0.3, 0.6, 0.1], [0.2, 0.5, 0.3]])
labels = torch.tensor([2, 0, 1, 2])
print(scores.gather(1, labels[:, None]).squeeze(1))
print(scores[torch.arange(4), labels], "the same, with two lists of positions")
print(torch.zeros(4, 3).scatter(1, labels[:, None], 1.0))

# %% [markdown]
# ### Exercise 1.4 · Four selections
# ★★★☆☆ · 12 min · implementation · 6 points
#
# Write the four functions below for any `x` of shape `(N, D)`. None may change `x` (to
# return a view of it is fine), and none needs a loop.
#
# For `x = [[1, -2], [0, 5], [-3, 4]]`: `positive_rows` gives `[[1, -2]]`, `row_max` gives
# `([1, 5, 4], [0, 1, 1])`, `even_rows` gives `[[1, -2], [-3, 4]]`, and `without_negatives` gives
# `[[1, 0], [0, 5], [0, 4]]`.
#
# <details><summary>Hint 1</summary>
#
# A mask of shape `(N,)` keeps whole rows. A slice has a step. To replace by mask, work on a copy.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `x[x[:, 0] > 0]`; `x.max(dim=1)`; `x[::2]`; `y = x.clone()`, then `y[y < 0] = 0`.
#
# </details>


# %% nbgrader={"grade_id": "ex-1-4"}
def positive_rows(x: torch.Tensor) -> torch.Tensor:
    """The rows whose first number is greater than 0, (k, D); (0, D) if there is none."""
    ### BEGIN SOLUTION
    return x[x[:, 0] > 0]
    ### END SOLUTION


def row_max(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(values, columns): the largest number of each row (N,), its column (N,); of equals, any."""
    ### BEGIN SOLUTION
    values, columns = x.max(dim=1)
    return values, columns
    ### END SOLUTION


def even_rows(x: torch.Tensor) -> torch.Tensor:
    """Rows 0, 2, 4, …"""
    ### BEGIN SOLUTION
    return x[::2]
    ### END SOLUTION


def without_negatives(x: torch.Tensor) -> torch.Tensor:
    """x with 0 in place of every negative number; same shape and dtype."""
    ### BEGIN SOLUTION
    y = x.clone()
    y[y < 0] = 0
    return y
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-1-4-check", "points": 1}
# Arrange
table_4 = torch.tensor([[1.0, -2.0, 3.0], [-4.0, 5.0, 6.0], [7.0, 8.0, -9.0], [-1.0, -2.0, -3.0]])
kept_4 = torch.tensor([[1.0, -2.0, 3.0], [7.0, 8.0, -9.0]])
flat_4 = torch.tensor([1.0, 3.0, 5.0, 6.0, 7.0, 8.0])
most_4, column_4 = torch.tensor([3.0, 6.0, 8.0, -1.0]), torch.tensor([2, 2, 1, 0])
down_4 = (torch.tensor([7.0, 8.0, 6.0]), torch.tensor([2, 2, 1]))
# Act
rows_4 = positive_rows(table_4)
pair_4 = row_max(table_4)
# Assert
check.close(
    rows_4,
    kept_4,
    "the rows that start positive",
    ideas={
        "single numbers were picked; a mask of one entry a row keeps whole rows": flat_4,
        "the rows that start negative": torch.tensor([[-4.0, 5.0, 6.0], [-1.0, -2.0, -3.0]]),
    },
    hint="Build the mask from the first column alone.",
)
check.equal(
    pair_4,
    (most_4, column_4),
    "the largest number of each row, and its column",
    ideas={
        "keepdim leaves a dimension of 1; (N,) is asked for": (most_4[:, None], column_4[:, None]),
        "these are the values alone; return (values, columns)": most_4,
        "these are the columns alone; return (values, columns)": column_4,
        "values first, then columns": (column_4, most_4),
        "the largest of each column: the dimension that you name disappears": down_4,
    },
    hint="x.max with dim= gives both.",
)

# %% nbgrader={"grade_id": "ex-1-4-check-2", "points": 1}
# Arrange
list_4 = torch.tensor([[1.0, -2.0], [0.0, 5.0], [-3.0, 4.0], [6.0, -7.0]])
even_4 = torch.tensor([[1.0, -2.0], [-3.0, 4.0]])
odd_4 = torch.tensor([[0.0, 5.0], [6.0, -7.0]])
zeroed_4 = torch.tensor([[1.0, 0.0], [0.0, 5.0], [0.0, 4.0], [6.0, 0.0]])
absolute_4 = torch.tensor([[1.0, 2.0], [0.0, 5.0], [3.0, 4.0], [6.0, 7.0]])
whole_list_4 = torch.tensor([[3, -3], [-1, 2]])
# Act
second_4 = even_rows(list_4)
cut_4 = without_negatives(list_4)
whole_cut_4 = without_negatives(whole_list_4)
# Assert
check.close(
    second_4,
    even_4,
    "rows 0, 2, 4, …",
    ideas={"the odd rows: counting starts at 0": odd_4},
    hint="A slice has a start, an end and a step.",
)
check.close(
    cut_4,
    zeroed_4,
    "negatives replaced by 0",
    ideas={"the sign was dropped; a negative number becomes 0": absolute_4},
)
check.equal(
    whole_cut_4,
    torch.tensor([[3, 0], [0, 2]]),
    "negatives replaced by 0 in whole numbers",
    hint="The dtype of x stays: a 0.0 in torch.where makes floats of integers.",
)

# %% [markdown]
# Whole loops became one selection each. `without_negatives` has a name, by the way: it is the ReLU,
# which sits in almost every network of this course. And a maximum with its index is how a
# classifier gives its answer.

# %% [markdown]
# ## All distances at once
#
# Which pictures look alike, which word is nearest: such questions need the distance of every pair.
# For points on a line you know how: a column minus a row. For points in D dimensions there is one
# more dimension, and it disappears in the end:
#
# ```
# (N, 1, D)
# (1, N, D)
# (N, N, D)   differences → squares → sum over D → root → (N, N)
# ```
#
# The middle step is big: 10,000 points with 64 features make 25.6 GB.

# %% alt="A square grid of 30 by 30 distances. Three dark blocks of 10 by 10 lie along the diagonal, where distances are small; the rest is brighter. The diagonal itself is zero."
line = torch.tensor([1.0, 4.0, 9.0])
print((line[:, None] - line).abs())

centres = torch.tensor([[0.0, 0.0], [9.0, 0.0], [4.0, 12.0]])
cloud = centres.repeat_interleave(10, dim=0) + torch.randn(30, 2, generator=seeded(5))
exact = "donot_use_mm_for_euclid_dist"
plots.heat(
    torch.cdist(cloud, cloud, compute_mode=exact),
    title="distance of point i from point j",
    xlabel="point j",
    ylabel="point i",
)

# %% [markdown]
# The picture shows three dark blocks: the cloud has three groups of ten points, near each other and
# far from the rest.
#
# **Two surprises.** For more than 25 points `torch.cdist` saves memory with a matrix product:
# $\lVert a-b\rVert^2 = \lVert a\rVert^2 + \lVert b\rVert^2 - 2\,a\cdot b$. Far from the origin that
# subtracts two huge, nearly equal numbers, and the few digits of `float32` are gone.
#
# And the root is dangerous at 0, where its slope is infinite. The chain rule multiplies that by the
# 0 of the square, and infinite times 0 is NaN. Every point has distance 0 to itself, so one diagonal
# poisons all gradients.

# %%
far = 100 + torch.randn(100, 2, generator=seeded(0))
print("a point from itself:", torch.cdist(far, far).diagonal().max())
print("without the product:", torch.cdist(far, far, compute_mode=exact).diagonal().max())

steps = torch.tensor([0.0, 3.0], requires_grad=True)
(steps**2).sqrt().sum().backward()  # the slope of the sum in `steps`; chapter 2 explains
print("gradient through square and root:", steps.grad)
steps.grad = None
torch.linalg.vector_norm(steps[:, None], dim=-1).sum().backward()
print("gradient through the norm:       ", steps.grad)

# %% [markdown]
# ### Exercise 1.5 · Pairwise distances
# ★★★★☆ · 15 min · problem solving · 8 points
#
# Write `pairwise_distances(x)` and `nearest(x)` for points `x` of shape `(N, D)`, near the origin or
# far from it. No loop, and neither `torch.cdist` nor its relatives `pdist` and `pairwise_distance`: you
# saw what they hide and what that can cost. The diagonal is exactly 0, and a gradient stays finite (so
# no bare root of a 0).
#
# For `[[0, 0], [3, 4], [3, 5]]` the distances are `[[0, 5, 5.83], [5, 0, 1], [5.83, 1, 0]]`, the
# nearest others `[1, 2, 1]`.
#
# <details><summary>Hint 1</summary>
#
# Differences of shape `(N, N, D)`, then let D disappear. A norm copes with 0 by itself. For
# `nearest`, make it impossible to choose oneself.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `(x[:, None] - x[None]).norm(dim=-1)`. Then `fill_diagonal_(torch.inf)` and `argmin(dim=1)`.
#
# </details>


# %% nbgrader={"grade_id": "ex-1-5"}
def pairwise_distances(x: torch.Tensor) -> torch.Tensor:
    """x (N, D) float -> (N, N): Euclidean distance of point i from j, dtype of x."""
    ### BEGIN SOLUTION
    return (x[:, None] - x[None]).norm(dim=-1)
    ### END SOLUTION


def nearest(x: torch.Tensor) -> torch.Tensor:
    """x (N, D) -> (N,) int64: index of the nearest *other* point; of equals, any."""
    ### BEGIN SOLUTION
    distances = pairwise_distances(x)
    return distances.fill_diagonal_(torch.inf).argmin(dim=1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-1-5-check", "points": 2}
# Arrange
corner_5 = torch.tensor([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0], [-5.0, 12.0]])
root_5 = 34**0.5
side_5, last_5 = 128**0.5, 113**0.5
true_5 = torch.tensor(
    [
        [0.0, 5.0, root_5, 13.0],
        [5.0, 0.0, 1.0, side_5],
        [root_5, 1.0, 0.0, last_5],
        [13.0, side_5, last_5, 0.0],
    ]
)
blocks_5 = torch.tensor(
    [[0.0, 7.0, 8.0, 17.0], [7.0, 0.0, 1.0, 16.0], [8.0, 1.0, 0.0, 15.0], [17.0, 16.0, 15.0, 0.0]]
)
# Act
distances_5 = pairwise_distances(corner_5)
text_5 = observe.source(pairwise_distances)
# Assert
check.avoids(text_5, "the answer's text", calls=("cdist", "pdist", "pairwise_distance"), loops=True)
check.close(
    distances_5,
    true_5,
    "the distances of four points",
    ideas={
        "these are squared distances: the root is missing": true_5**2,
        "absolute differences were added; Euclid squares, adds and takes the root": blocks_5,
    },
    hint="Differences of shape (N, N, D), squares, sum over D, root.",
)

# %% nbgrader={"grade_id": "ex-1-5-check-2", "points": 1}
# Arrange
points_5 = torch.tensor([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0], [-5.0, 12.0]])
# Act
nearest_5 = nearest(points_5)
# Assert
check.equal(
    nearest_5,
    torch.tensor([1, 2, 1, 2]),
    "the nearest other points",
    ideas={
        "every point found itself: the diagonal must not win": torch.tensor([0, 1, 2, 3]),
        "these are the farthest points: argmin, not argmax": torch.tensor([3, 3, 3, 0]),
        "0 · inf is NaN: fill the diagonal, do not add eye · inf": torch.tensor([1, 0, 0, 0]),
    },
    hint="One index for each point, int64.",
)

# %% [markdown]
# Three broadcast dimensions became all the distances, and you kept the gradient alive at 0. Nearest
# neighbours run search engines and recommenders, and the trick for a safe root stands in loss
# functions everywhere.

# %% [markdown]
# ## Where a tensor lives
#
# Choose the device once, then make tensors there (`device=device`) or send them (`x.to(device)`).
# Tensors on different devices never meet in one operation. On a GPU that error begins "Expected all
# tensors to be on the same device".
#
# `torch.accelerator` knows the accelerator, whatever its make. `current_accelerator()` gives the
# device that PyTorch was *built for*, or None, even where no card is plugged in. Whether one can be
# used now, `is_available()` says; `current_accelerator(check_available=True)` asks both at once. Much
# older code calls `.cuda()`: legacy, blind to other makes, and a crash where there is none.
#
# The device `"meta"` exists everywhere: it keeps shapes and no numbers. It is a good second device to
# practise with.

# %%
device = gradus.device()  # "cuda", "mps", … or "cpu", whatever this machine has
x = torch.ones(2, 3, device=device)  # made there: no journey
print("already there, so no copy:", x.to(device) is x)
print("back in the computer's memory:", x.cpu().device)
ghost = torch.empty(10**6, 10**6, device="meta")
print("four terabytes, multiplied:", tuple((ghost @ ghost).shape), ghost.device)
print("error:", observe.error(torch.add, torch.ones(2), ghost[0, :2])["message"])

# %% [markdown]
# **A clock read too early.** A GPU works through a queue. Calling an operation only hands over the
# job; Python runs on at once. So a naive stopwatch measures the handing over. Waiting for the queue
# is called *synchronising*: `torch.accelerator.synchronize()`, or `gradus.synchronise(device)`, which
# on a CPU has nothing to wait for. The first run is no guide either, since it loads and chooses the
# machine code.
#
# You need no GPU to practise. The pretend one below counts seconds of its own: handing over takes 1,
# the first job 20, later ones 4. The pretend machine answers like `torch.accelerator`.


# %% tags=["setup"]
class PretendGPU:
    """Jobs wait in a queue, as on a GPU. Its clock only counts, so nobody has to wait."""

    def __init__(self, durations):
        self.durations, self.runs, self.now, self.busy_until = list(durations), 0, 0, 0

    def launch(self):
        self.now += 1
        work = self.durations[min(self.runs, len(self.durations) - 1)]
        self.busy_until = max(self.now, self.busy_until) + work
        self.runs += 1
        return torch.tensor(self.runs)

    def synchronise(self):
        self.now = max(self.now, self.busy_until)

    def clock(self):
        return self.now


class PretendMachine:
    """Answers like torch.accelerator: built for `kind` (or None), with a card or without."""

    def __init__(self, kind, card):
        self.kind, self.card = kind, card

    def is_available(self):
        return self.kind is not None and self.card

    def current_accelerator(self, check_available=False):
        missing = self.kind is None or (check_available and not self.card)
        return None if missing else torch.device(self.kind)


# %% alt="A time line with two rows. In the row 'Python' three short bars of 1 second hand over jobs. In the row 'GPU' the first job runs for 20 seconds, and the two others for 4 seconds each follow. Dotted lines mark a clock read before the second job is handed over and right after it, 1 second apart, long before that job runs."
gpu = PretendGPU([20, 4, 4])
fig, axes = plots.figure(7, 2.2)
for job in ("first", "2", "3"):
    begin = gpu.clock()
    work = max(begin + 1, gpu.busy_until)
    gpu.launch()
    axes.barh("Python", 1, left=begin, color=plots.PALETTE[0], edgecolor="white")
    axes.barh("GPU", gpu.busy_until - work, left=work, color=plots.PALETTE[4], edgecolor="white")
    axes.text((work + gpu.busy_until) / 2, "GPU", job, ha="center", va="center")
    if job == "2":
        axes.axvline(begin, linestyle=":", color="black")
        axes.axvline(gpu.clock(), linestyle=":", color="black")
        print("a naive clock around job 2 says", gpu.clock() - begin)
axes.set(xlabel="pretend seconds")
plots.close(fig)

# %% [markdown]
# The picture shows that Python has handed over all three jobs by second 3, while the GPU is busy
# until second 29. The clock around job 2 (dotted) saw nothing of the job.
#
# So an honest stopwatch goes: run once and forget it (the warm-up) · wait until the queue is empty ·
# read the clock · run · wait again · read the clock. Do it several times and take the median, since
# one measurement may meet a hiccup.

# %% [markdown]
# ### Exercise 1.6 · Any device, honest time
# ★★★☆☆ · 15 min · production · 7 points
#
# Write `pick_device`, `add_ramp` and `timed`. The outside world (machine, queue, clock) comes in as
# an argument, so that your code can be tested for a GPU that nobody here owns.
#
# With `gpu = PretendGPU([20, 4])`,
# `timed(gpu.launch, gpu.synchronise, gpu.clock, 1)` gives `(tensor(2), 5)`: one warm-up, then 1 for
# handing over and 4 for the job. `add_ramp` of `[[1, 1, 1]]` is `[[1, 2, 3]]`.
#
# <details><summary>Hint 1</summary>
#
# PyTorch may be built for a card that is not plugged in: ask whether one is available. A tensor
# that you make starts on the CPU unless you say `device=`. In `timed`, wait before *both* readings.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `machine.current_accelerator(check_available=True)` is None or a device with a `.type`;
# `torch.arange(n, device=x.device, dtype=x.dtype)`; `statistics.median`, or sort and take the middle.
#
# </details>


# %% nbgrader={"grade_id": "ex-1-6"}
def pick_device(machine=torch.accelerator) -> str:
    """The type of the accelerator that can be used now ("cuda", "mps", …), else "cpu"."""
    ### BEGIN SOLUTION
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"
    ### END SOLUTION


def add_ramp(x: torch.Tensor) -> torch.Tensor:
    """x plus 0, 1, 2, … along its last dimension; keeps shape, dtype and device."""
    ### BEGIN SOLUTION
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)
    ### END SOLUTION


def timed(fn, sync, clock, repeats: int = 5):
    """One run of fn() to warm up, then `repeats` (odd), each measured by itself by clock().

    sync() waits for the device. Returns (result of the last run, median seconds)."""
    ### BEGIN SOLUTION
    fn()
    measured = []
    for _ in range(repeats):
        sync()
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-1-6-check", "points": 1}
# Arrange
# Act
bare_6 = pick_device(PretendMachine(None, card=False))
green_6 = pick_device(PretendMachine("cuda", card=True))
# Assert
check.equal(
    bare_6,
    "cpu",
    "the device of a machine without a GPU",
    ideas={"that is the device you sit at; ask the `machine` that you are given": "cuda"},
    hint="A text is asked for.",
)
check.equal(
    green_6,
    "cuda",
    "the device of a machine with a CUDA card",
    ideas={
        "ask the `machine` that you are given, not the one you sit at": "cpu",
        "the type alone, without a number": "cuda:0",
    },
    hint="Return the device's type, a text.",
)

# %% nbgrader={"grade_id": "ex-1-6-check-2", "points": 1}
# Arrange
ones_6, bytes_6 = torch.ones(2, 3), torch.tensor([7, 7, 7], dtype=torch.uint8)
# Act
ramp_6, byte_ramp_6 = add_ramp(ones_6), add_ramp(bytes_6)
# Assert
check.close(
    ramp_6,
    torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]),
    "ones plus the ramp",
    ideas={
        "the ramp starts at 1; it should start at 0": torch.tensor([[2.0, 3.0, 4.0]] * 2),
        "the ramp runs down; the last dimension runs across": torch.tensor([[1.0] * 3, [2.0] * 3]),
    },
    dtype=True,
)
check.equal(
    byte_ramp_6,
    torch.tensor([7, 8, 9], dtype=torch.uint8),
    "the ramp on uint8",
    hint="The ramp needs the dtype of x (dtype=x.dtype), or the sum is promoted.",
)

# %% nbgrader={"grade_id": "ex-1-6-check-3", "points": 1}
# Arrange
# Act
gpu_6 = PretendGPU([20, 4])
pair_6 = timed(gpu_6.launch, gpu_6.synchronise, gpu_6.clock, 1)
# Assert
check.close(
    pair_6,
    (2, 5),
    "the result and the measured seconds of one run",
    ideas={
        "these are the seconds alone; return (result, seconds)": 5,
        "the two are swapped; return (result, seconds)": (5, 2),
        "only the handing over was measured: wait before the clock is read the second time": (2, 1),
        "the warm-up is still in the queue when the clock starts: wait before the first reading": (
            2,
            24,
        ),
        "the first, slow run was measured: run once before you measure": (1, 21),
        "warm-up and run were measured together": (2, 26),
        "that is the result of the warm-up; the last run's is asked for": (1, 5),
    },
    hint="Use the clock that you were given; in order: warm up, wait, read, run, wait, read.",
)

# %% [markdown]
# You tested code for machines that you do not have, by handing it pretend ones. On a real one you
# would call `timed(lambda: a @ a, lambda: gradus.synchronise(device), time.perf_counter)`. When a
# speed-up looks too good to be true, look for a missing wait.

# %% [markdown]
# ## The matrix product
#
# Almost all the work of a network is this sum: $c_{ij} = \sum_k a_{ik}\, b_{kj}$. The inner sizes
# must agree, and k disappears. How to spell it:
#
# - not `a * b`, which multiplies number by number;
# - `torch.mm` for two matrices, `torch.bmm` for two batches of matrices;
# - `a @ b`, the same as `torch.matmul`, for both, with broadcasting over the batch;
# - `torch.einsum("ik,kj->ij", a, b)` names every dimension. A letter that is missing on the right is
#   summed. Clear, when there are four of them.

# %%
a, b = torch.tensor([[1, 2], [3, 4]]), torch.tensor([[5, 6], [7, 8]])
print("a * b", (a * b).tolist(), "  a @ b", (a @ b).tolist())
print("einsum agrees:", torch.equal(torch.einsum("ik,kj->ij", a, b), a @ b))
print("row sums", torch.einsum("ij->i", a))
print("outer product", torch.einsum("i,j->ij", a[0], b[0]).tolist())
several, single = torch.ones(10, 3, 4), torch.ones(4, 5)
print("a batch with one matrix:", tuple((several @ single).shape))
print("two batches:", tuple(torch.bmm(several, several.mT).shape))
print("mm with a batch:", observe.error(torch.mm, several, single)["message"])
print("sizes that differ:", observe.error(torch.matmul, single, single)["message"])

# %% alt="Three grids of 4 by 6. The first two are outer products, each a pattern of one column times one row; the third is their sum and equals the matrix product."
left = torch.tensor([[1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [1.0, 3.0]])
right = torch.tensor([[0.0, 1.0, 2.0, 1.0, 0.0, 1.0], [3.0, 0.0, 0.0, 1.0, 2.0, 0.0]])
terms = [left[:, k, None] * right[k] for k in range(2)]
print("the sum of both is the product:", torch.equal(terms[0] + terms[1], left @ right))

fig, axes = plots.figure(7.5, 2.2)
axes.remove()
names = ("outer product, k = 0", "outer product, k = 1", "their sum, left @ right")
tables = [*terms, left @ right]
for panel, name, term in zip(fig.subplots(1, 3), names, tables, strict=True):
    panel.imshow(term, cmap="cividis", vmin=0, vmax=16)
    for i, j in np.ndindex(4, 6):
        panel.text(j, i, int(term[i, j]), ha="center", va="center", color="white")
    panel.set(title=name, xticks=[], yticks=[])
plots.close(fig)

# %% [markdown]
# The picture shows a matrix product as a sum of outer products, one for each k: column k of the left
# matrix times row k of the right one.
#
# That is also the way to write it by broadcasting: make all products $a_{ik}\, b_{kj}$ as one
# `(n, k, m)` tensor, and let k disappear. It is short, and it costs k times the memory of the result.
# A trap waits inside: when the inner size is 1, broadcasting stretches what should have been an error.

# %% [markdown]
# ### Exercise 1.7 · The matrix product, twice
# ★★★☆☆ · 12 min · implementation · 6 points
#
# Write the product of `a` `(n, k)` and `b` `(k, m)` twice: with loops, and by broadcasting. Do
# without `@`, `mm`, `einsum` and their kin: they would do the exercise for you.
#
# For `[[1, 2], [3, 4]]` and `[[5, 6], [7, 8]]` both give `[[19, 22], [43, 50]]`. For shapes
# `(2, 1)` and `(3, 2)` both raise a ValueError whose text holds both, written like that:
# `inner sizes differ: (2, 1) and (3, 2)`.
#
# <details><summary>Hint 1</summary>
#
# Loops: make the result first, in the dtype of `a`, then fill it. Broadcasting: which three
# dimensions do all the products have, and which one disappears?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `out = torch.zeros(n, m, dtype=a.dtype)`, then `out[i, j] += a[i, p] * b[p, j]`;
# `(a[:, :, None] * b[None]).sum(dim=1)`.
#
# </details>


# %% nbgrader={"grade_id": "ex-1-7"}
def matmul_loops(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(n, k), (k, m) -> (n, m), by loops; dtype (float or int64) of a and b.

    Raises ValueError with both shapes in its text, as in "(2, 1) and (3, 2)", when the inner
    sizes differ.
    """
    ### BEGIN SOLUTION
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"inner sizes differ: {tuple(a.shape)} and {tuple(b.shape)}")
    n, k, m = *a.shape, b.shape[1]
    out = torch.zeros(n, m, dtype=a.dtype)
    for i in range(n):
        for j in range(m):
            for p in range(k):
                out[i, j] += a[i, p] * b[p, j]
    return out
    ### END SOLUTION


def matmul_bcast(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The same without a loop."""
    ### BEGIN SOLUTION
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"inner sizes differ: {tuple(a.shape)} and {tuple(b.shape)}")
    return (a[:, :, None] * b[None]).sum(dim=1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-1-7-check", "points": 1}
# Arrange
a_7, b_7 = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5.0, 6.0], [7.0, 8.0]])
product_7 = torch.tensor([[19.0, 22.0], [43.0, 50.0]])
other_way_7 = torch.tensor([[23.0, 34.0], [31.0, 46.0]])
both_rows_7 = torch.tensor([[17.0, 23.0], [39.0, 53.0]])
entrywise_7 = torch.tensor([[5.0, 12.0], [21.0, 32.0]])
# Act
looped_7 = matmul_loops(a_7, b_7)
loops_text_7 = observe.source(matmul_loops)
# Assert
check.close(
    looped_7,
    product_7,
    "the 2 by 2 product with loops",
    ideas={
        "this is b times a: the order matters": other_way_7,
        "rows of a met rows of b; walk down a column of b": both_rows_7,
        "number by number; each entry is a sum over k": entrywise_7,
        "only the last product arrived: add up, do not overwrite": torch.tensor(
            [[14.0, 16.0], [28.0, 32.0]]
        ),
        "transposed": product_7.T,
    },
)
check.avoids(
    loops_text_7,
    "the answer's text",
    calls=("@", "mm", "matmul", "bmm", "einsum", "dot", "mv", "inner", "tensordot", "linear"),
)

# %% nbgrader={"grade_id": "ex-1-7-check-2", "points": 1}
# Arrange
c_7 = torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0]])
d_7 = torch.tensor([[1.0, 4.0], [2.0, 0.0], [1.0, 1.0]])
product_cd_7 = torch.tensor([[5.0, 4.0], [5.0, 3.0]])
# Act
bcast_text_7 = observe.source(matmul_bcast)
broadcast_7 = matmul_bcast(c_7, d_7)
misfit_7 = observe.error(matmul_bcast, torch.ones(2, 1), torch.ones(3, 2))
# Assert
check.avoids(
    bcast_text_7,
    "the answer's text",
    calls=("@", "mm", "matmul", "bmm", "einsum", "dot", "mv", "inner", "tensordot", "linear"),
)
check.close(
    broadcast_7,
    product_cd_7,
    "the product of (2, 3) and (3, 2) by broadcasting",
    ideas={"transposed": product_cd_7.T},
    hint="All products have the shape (n, k, m); the middle dimension disappears.",
)
check.raised(
    misfit_7,
    ValueError,
    "the product of (2, 1) and (3, 2) by broadcasting",
    mentions=["2, 1", "3, 2"],
    hint="Compare the inner sizes yourself (broadcasting stretches a 1), and name both shapes.",
)

# %% [markdown]
# The loops said what is meant; broadcasting said it without Python in the way. A library's product
# does the same sums, ordered so that fast memory is used well. It is the operation that GPUs are
# built for.

# %% [markdown]
# ## What to remember
#
# - A tensor is a storage and a way of reading it. Views: numbers, slices, `T`, `expand`, `view`.
#   Copies: lists, masks, `clone`. Either: `reshape`.
# - Reshape keeps the reading order, transpose changes it. A right shape proves nothing.
# - The dimension that you name disappears. `keepdim=True` leaves a 1 to broadcast with. `stack` adds a
#   dimension, `cat` lengthens one.
# - Broadcasting aligns at the right. `(5, 1)` with `(5,)` is `(5, 5)`, and your own line never warns.
# - Integers wrap. `dtype=` where it is needed, no global switch.
# - No bare root of something that can be 0. No difference of two huge numbers.
# - One `device`, handed through; new tensors are made on it. Before reading a clock, wait.
# - A seed of your own for every random source.

# %% [markdown]
# ## References
#
# - K. E. Iverson, *A Programming Language*, 1962: arrays as things one computes with.
# - D. Goldberg, *What Every Computer Scientist Should Know About Floating-Point Arithmetic*, ACM
#   Computing Surveys, 1991: why the distances far from the origin went wrong.
# - S. van der Walt, S. C. Colbert, G. Varoquaux, *The NumPy Array: A Structure for Efficient
#   Numerical Computation*, 2011: strides and views.
# - C. R. Harris et al., *Array programming with NumPy*, Nature, 2020: broadcasting and its rules.
# - A. Paszke et al., *PyTorch: An Imperative Style, High-Performance Deep Learning Library*, NeurIPS,
#   2019: the queue between Python and the GPU.

# %% [markdown]
# ## Hidden tests
#
# <details><summary>What stands here</summary>
#
# The cells below hold the rest of the tests; in your copy they are empty but for a title. They run
# when you hand in, on other sizes and harder cases than the checks above.
#
# </details>

# %% nbgrader={"grade_id": "predict-1-1-hidden-1", "points": 1}
# Hidden test predict 1.1 · a brighter pixel · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
said_1 = predict_1_1
# Assert
check.equal(
    said_1,
    "c",
    "your choice",
    ideas={
        "uint8 has no room for 300, and a plain number does not widen the dtype": "a",
        "PyTorch does not clip at the largest value of a dtype": "b",
        "integer overflow raises nothing, which is what makes it dangerous": "d",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-1-2-hidden-1", "points": 1}
# Hidden test predict 1.2 · eight by eight, or not · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
said_2 = predict_1_2
# Assert
check.equal(
    said_2,
    "d",
    "your choice",
    ideas={
        "the count of numbers divides evenly, so view has nothing to complain about": "a",
        "view does not know what a sample is; it counts numbers": "b",
        "each image is twice as large in both directions, not in one": "c",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-1-3-hidden-1", "points": 1}
# Hidden test predict 1.3 · a perfect prediction · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
said_3 = predict_1_3
# Assert
check.equal(
    said_3,
    "a",
    "your choice",
    ideas={
        "broadcasting never drops the extra dimension of the column": "b",
        "shapes are aligned at the right: the 5 of the target meets the 1": "c",
        "a 1 is stretched, and a missing dimension counts as 1": "d",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-1-4-hidden-1", "points": 1}
# Hidden test predict 1.4 · which write arrives · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
said_4 = predict_1_4
# Assert
check.equal(
    said_4,
    "b",
    "your choice",
    ideas={
        "only what shape and strides can say is a view; a mask cannot be said so": "a",
        "a list of positions copies, even a list of one": "c",
        "a plain number in the brackets gives a view": "d",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-1-hidden-1", "points": 1}
# Hidden test 1.1 · the same seed, the same numbers · 1 point
### BEGIN HIDDEN TESTS
# Arrange
nothing_1 = torch.zeros(6, 3)
# Act
same_1 = make_tensors(11, 6)["normal"] - make_tensors(11, 6)["normal"]
other_1 = make_tensors(12, 6)["normal"] - make_tensors(11, 6)["normal"]
# Assert
check.close(
    same_1,
    nothing_1,
    "the difference of two calls with the same seed",
    hint="Make the generator inside the function, from the seed, and pass it as generator=.",
)
check.differs(
    other_1,
    nothing_1,
    "the difference of two calls with different seeds",
    hint="The seed is not used, or it is always the same.",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-1-hidden-2", "points": 1}
# Hidden test 1.1 · normal, also for many rows · 1 point
### BEGIN HIDDEN TESTS
# Arrange
bell_1 = torch.special.ndtri(torch.arange(1, 100, dtype=torch.float64) / 100)
# Act
many_1 = make_tensors(5, 20000)["normal"]
many_shape_1 = tuple(many_1.shape)
many_mean_1, many_std_1 = many_1.mean().item(), many_1.std().item()
many_sorted_1 = torch.as_tensor(many_1).flatten().sort().values[600:59401:600].clone()
# Assert
check.equal(
    many_shape_1,
    (20000, 3),
    "the shape for 20000 rows",
    ideas={"the number of rows is an argument, not always 5": (5, 3)},
)
check.close(
    many_std_1,
    1.0,
    "the standard deviation",
    atol=0.02,
    ideas={"that is the spread of uniform numbers; randn is normal, rand is not": 12**-0.5},
)
check.close(many_mean_1, 0.0, "the mean", atol=0.02, hint="A standard normal has mean 0.")
check.close(
    many_sorted_1,
    bell_1,
    "the numbers below which 1, 2, … 99 per cent of all lie",
    atol=0.08,
    hint="Mean and spread may be right, but this is not the bell: draw with randn.",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-1-hidden-3", "points": 1}
# Hidden test 1.1 · the global dice lie untouched · 1 point
### BEGIN HIDDEN TESTS
# Arrange
undisturbed_1 = torch.rand(4, generator=seeded(3))
used_1, reset_1 = seeded(3), seeded(4)
torch.randn(500, 3, generator=used_1)
torch.randn(500, 3, generator=reset_1)
after_use_1 = torch.rand(4, generator=used_1)
after_reset_1 = torch.rand(4, generator=reset_1)
# Act
torch.manual_seed(3)
drawn_1 = make_tensors(4, 500)["normal"]
next_1 = torch.rand(4)
drawn_std_1 = drawn_1.std().item()
# Assert
check.close(
    next_1,
    undisturbed_1,
    "the next global random numbers",
    ideas={
        "your function threw the global dice; pass generator= to randn": after_use_1,
        "torch.manual_seed sets the dice of the whole program; use a torch.Generator": after_reset_1,
    },
    hint="Something in your function seeds or draws from the global generator.",
)
check.close(
    drawn_std_1,
    1.0,
    "the standard deviation of the numbers that were drawn meanwhile",
    atol=0.1,
    ideas={"that is the spread of uniform numbers; randn is normal, rand is not": 12**-0.5},
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-2-hidden-1", "points": 1}
# Hidden test 1.2 · a tour of another size · 1 point
### BEGIN HIDDEN TESTS
# Arrange
path_2 = torch.arange(30)
path_grid_2 = torch.arange(30).reshape(5, 2, 3)
path_turned_2 = torch.stack([sheet.T for sheet in path_grid_2])
# Act
path_tour_2 = shape_tour(path_2, (5, 2, 3))
visited_2 = path_tour_2[0]
turned_visit_2, flat_visit_2, row_visit_2 = path_tour_2[1], path_tour_2[2], path_tour_2[3]
# Assert
check.equal(visited_2, path_grid_2, "x as (5, 2, 3)", hint="Take the sizes from the argument.")
check.equal(
    turned_visit_2,
    path_turned_2,
    "the swapped tensor (5, 3, 2)",
    ideas={"reshape keeps the reading order; to swap, transpose": path_grid_2.reshape(5, 3, 2)},
)
check.equal(flat_visit_2, path_turned_2.flatten(), "the flattened tensor")
check.equal(row_visit_2, path_grid_2.reshape(1, 30), "x with a new first dimension")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-2-hidden-2", "points": 1}
# Hidden test 1.2 · writing through the tour · 1 point
### BEGIN HIDDEN TESTS
# Arrange
trail_2 = torch.arange(20)
marked_2 = torch.arange(20)
marked_2[12], marked_2[8], marked_2[19] = -1, -2, -3
row_lost_2, turned_lost_2 = marked_2.clone(), marked_2.clone()
row_lost_2[19], turned_lost_2[8] = 19, 8
# Act
trail_tour_2 = shape_tour(trail_2, (2, 2, 5))
trail_tour_2[0][1, 0, 2] = -1
trail_tour_2[1][0, 3, 1] = -2
trail_tour_2[3][0, 19] = -3
trail_after_2 = observe.copy(trail_2)
# Assert
check.equal(
    trail_after_2,
    marked_2,
    "x after a write through each view",
    ideas={
        "the tensor with the new first dimension is a copy of x": row_lost_2,
        "the swapped tensor is a copy": turned_lost_2,
        "all of them are copies; views were possible": torch.arange(20),
    },
    hint="Only the flattened one needs memory of its own.",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-2-hidden-3", "points": 1}
# Hidden test 1.2 · a chain from a permuted tensor · 1 point
### BEGIN HIDDEN TESTS
# Arrange
steep_2 = torch.arange(30).reshape(5, 3, 2).permute(2, 0, 1)
level_2 = torch.arange(30).reshape(5, 3, 2).permute(2, 0, 1).contiguous()
# Act
trouble_2 = observe.error(reshape_chain, steep_2)
stopped_2 = trouble_2 and trouble_2["type"]
links_2 = None if trouble_2 else reshape_chain(steep_2)
# Assert
check.equal(
    stopped_2,
    None,
    "the exception for a (2, 5, 3) tensor that is not contiguous",
    ideas={
        "view cannot read this order without a copy, and fixed sizes fit one tensor only": (
            "RuntimeError"
        )
    },
    hint="The function raised an error where it should return.",
)
check.equal(
    links_2,
    (level_2.reshape(10, 3), level_2.reshape(1, 30), level_2),
    "the chain of a permuted tensor",
    hint="The reading order of the argument stays; sizes come from its shape.",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-2-hidden-4", "points": 1}
# Hidden test 1.2 · writing through the chain · 1 point
### BEGIN HIDDEN TESTS
# Arrange
brick_2 = torch.arange(24).reshape(2, 3, 4)
carved_2 = torch.arange(24)
carved_2[14], carved_2[0], carved_2[23] = -1, -2, -3
carved_2 = carved_2.reshape(2, 3, 4)
# Act
brick_chain_2 = reshape_chain(brick_2)
brick_chain_2[0][3, 2] = -1
brick_chain_2[1][0, 0] = -2
brick_chain_2[2][1, 2, 3] = -3
brick_after_2 = observe.copy(brick_2)
# Assert
check.equal(
    brick_after_2,
    carved_2,
    "t after a write through each link of the chain",
    ideas={
        "all three are copies; a contiguous tensor needs none": torch.arange(24).reshape(2, 3, 4)
    },
    hint="Some link is a copy; a contiguous tensor needs none.",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-2-hidden-5", "points": 1}
# Hidden test 1.2 · footprints of slices and other types · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
slice_2 = footprint(torch.zeros(100, 50)[3])
double_2 = footprint(torch.zeros(4, 2, dtype=torch.float64).T)
byte_2 = footprint(torch.zeros(7, dtype=torch.uint8))
# Assert
check.equal(
    slice_2,
    {"values": 200, "storage": 20000},
    "the footprint of one row of a hundred",
    ideas={"a slice keeps the whole storage alive": {"values": 200, "storage": 200}},
)
check.equal(
    double_2,
    {"values": 64, "storage": 64},
    "the footprint of eight float64",
    ideas={"not every element takes 4 bytes": {"values": 32, "storage": 64}},
)
check.equal(
    byte_2,
    {"values": 7, "storage": 7},
    "the footprint of seven uint8",
    hint="A uint8 takes one byte.",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-3-hidden-1", "points": 1}
# Hidden test 1.3 · vectors of equal length · 1 point
### BEGIN HIDDEN TESTS
# Arrange
short_3, small_3 = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0.5, -1.0, 3.0])
sum_table_3 = torch.tensor([[1.5, 0.0, 4.0], [2.5, 1.0, 5.0], [4.5, 3.0, 7.0]])
product_table_3 = torch.tensor([[0.5, -1.0, 3.0], [1.0, -2.0, 6.0], [2.0, -4.0, 12.0]])
diagonal_3, squares_3 = sum_table_3.diagonal().clone(), product_table_3.diagonal().clone()
# Act
equal_sum_3, equal_product_3 = add_outer(short_3, small_3), outer(short_3, small_3)
# Assert
check.close(
    equal_sum_3,
    sum_table_3,
    "the outer sum of two vectors of length 3",
    ideas={
        "equal lengths were added number by number; stand the first upright": diagonal_3,
        "transposed: the first vector runs down": sum_table_3.T,
    },
)
check.close(
    equal_product_3,
    product_table_3,
    "the outer product of two vectors of length 3",
    ideas={
        "equal lengths were multiplied number by number; stand the first upright": squares_3,
        "transposed: the first vector runs down": product_table_3.T,
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-3-hidden-2", "points": 1}
# Hidden test 1.3 · as many channels as columns · 1 point
### BEGIN HIDDEN TESTS
# Arrange
square_3 = torch.randn(2, 3, 3, 3, generator=seeded(31))
square_mean_3 = torch.tensor([1.0, 10.0, 100.0])
square_true_3 = torch.stack([square_3[:, c] - square_mean_3[c] for c in range(3)], dim=1)
square_width_3 = square_3 - square_mean_3
square_height_3 = square_3 - square_mean_3[:, None]
# Act
square_less_3 = center_channels(square_3, square_mean_3)
# Assert
check.close(
    square_less_3,
    square_true_3,
    "images with 3 channels, 3 rows and 3 columns",
    ideas={
        "the means went along the columns: aligned at the right, (C,) meets W": square_width_3,
        "the means went along the rows: (C, 1) meets (H, W)": square_height_3,
    },
    hint="Each channel loses its own mean from the argument.",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-3-hidden-3", "points": 1}
# Hidden test 1.3 · six channels in double precision · 1 point
### BEGIN HIDDEN TESTS
# Arrange
deep_3 = torch.randn(4, 6, 2, 5, generator=seeded(32), dtype=torch.float64)
deep_mean_3 = torch.arange(6, dtype=torch.float64) * 3 - 1
deep_true_3 = torch.stack([deep_3[:, c] - deep_mean_3[c] for c in range(6)], dim=1)
# Act
deep_trouble_3 = observe.error(center_channels, deep_3, deep_mean_3)
deep_fails_3 = deep_trouble_3 and deep_trouble_3["type"]
deep_less_3 = None if deep_trouble_3 else center_channels(deep_3, deep_mean_3)
# Assert
check.equal(
    deep_fails_3,
    None,
    "the exception for images with six channels",
    ideas={"the number of channels is not always 3: take it from the argument": "RuntimeError"},
    hint="The function raised an error where it should return.",
)
check.close(deep_less_3, deep_true_3, "images with six channels, float64", dtype=True)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-3-hidden-4", "points": 1}
# Hidden test 1.3 · the arguments stay as they are · 1 point
### BEGIN HIDDEN TESTS
# Arrange
kept_images_3 = torch.randn(2, 4, 3, 2, generator=seeded(33))
kept_means_3 = torch.tensor([1.0, 2.0, 3.0, 4.0])
images_before_3, means_before_3 = kept_images_3.clone(), kept_means_3.clone()
less_true_3 = kept_images_3 - kept_means_3.reshape(1, 4, 1, 1)
# Act
kept_less_3 = observe.copy(center_channels(kept_images_3, kept_means_3))
images_after_3, means_after_3 = kept_images_3, kept_means_3
# Assert
check.close(kept_less_3, less_true_3, "images with four channels")
check.unchanged(images_after_3, images_before_3, "the images")
check.unchanged(means_after_3, means_before_3, "the means")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-4-hidden-1", "points": 1}
# Hidden test 1.4 · zero is not positive, and no row at all · 1 point
### BEGIN HIDDEN TESTS
# Arrange
border_4 = torch.tensor([[0.0, 9.0], [2.0, -9.0], [-1.0, 9.0]])
inner_4 = torch.tensor([[2.0, -9.0]])
with_zero_4 = torch.tensor([[0.0, 9.0], [2.0, -9.0]])
cold_4 = -1 - torch.rand(7, 5, generator=seeded(41))
# Act
border_rows_4 = positive_rows(border_4)
none_4 = positive_rows(cold_4)
# Assert
check.close(
    border_rows_4,
    inner_4,
    "rows that start with a positive number",
    ideas={
        "a row that starts with 0 was kept; 0 is not positive": with_zero_4,
        "one row alone is still a table, (1, D): did squeeze() take a dimension away?": inner_4[0],
        "a row was dropped for a number in another column; only the first counts": torch.zeros(
            0, 2
        ),
    },
)
check.close(none_4, torch.zeros(0, 5), "the selection when no row starts positive")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-4-hidden-2", "points": 1}
# Hidden test 1.4 · ties, and columns that point at the largest · 1 point
### BEGIN HIDDEN TESTS
# Arrange
tied_4 = torch.tensor([[2.0, 2.0, 1.0], [-3.0, -5.0, -3.0], [0.0, 0.0, 0.0], [-1.0, -7.0, 4.0]])
tied_most_4 = torch.tensor([2.0, -3.0, 0.0, 4.0])
# Act
tied_pair_4 = row_max(tied_4)
tied_values_4 = tied_pair_4[0]
pointed_4 = tied_4.gather(1, tied_pair_4[1].reshape(4, 1).long()).squeeze(1)
tied_dtype_4 = str(tied_pair_4[1].dtype)
# Assert
check.close(
    tied_values_4,
    tied_most_4,
    "the largest numbers",
    ideas={
        "these are the largest sizes without sign": torch.tensor([2.0, 5.0, 0.0, 7.0]),
        "negative numbers were cut off at 0": torch.tensor([2.0, 0.0, 0.0, 4.0]),
    },
)
check.close(
    pointed_4,
    tied_most_4,
    "the numbers that the columns point at",
    hint="The second tensor holds the column of the largest number: values first, then columns.",
)
check.equal(tied_dtype_4, "torch.int64", "the dtype of the columns")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-4-hidden-3", "points": 1}
# Hidden test 1.4 · an odd number of rows · 1 point
### BEGIN HIDDEN TESTS
# Arrange
five_4 = torch.arange(15).reshape(5, 3)
five_even_4 = torch.tensor([[0, 1, 2], [6, 7, 8], [12, 13, 14]])
single_4 = torch.tensor([[7, -7, 7]])
# Act
five_rows_4 = even_rows(five_4)
single_rows_4 = even_rows(single_4)
# Assert
check.equal(
    five_rows_4,
    five_even_4,
    "rows 0, 2 and 4 of five",
    ideas={
        "the last row is missing": torch.tensor([[0, 1, 2], [6, 7, 8]]),
        "rows were chosen by their numbers, not by their place": torch.tensor(
            [[0, 1, 2], [6, 7, 8], [12, 13, 14]]
        )[:0],
    },
    hint="A slice with step 2 works for any number of rows.",
)
check.equal(single_rows_4, torch.tensor([[7, -7, 7]]), "row 0 of one row")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-4-hidden-4", "points": 1}
# Hidden test 1.4 · the argument stays as it is · 1 point
### BEGIN HIDDEN TESTS
# Arrange
signed_4 = torch.randn(6, 4, generator=seeded(42))
signed_before_4 = signed_4.clone()
signed_true_4 = torch.tensor([[max(v, 0.0) for v in r] for r in signed_4.tolist()])
# Act
signed_rows_4, signed_max_4 = positive_rows(signed_4), row_max(signed_4)
signed_even_4 = even_rows(signed_4)
signed_cut_4 = without_negatives(signed_4)
signed_after_4 = signed_4
# Assert
check.close(signed_cut_4, signed_true_4, "negatives replaced by 0")
check.unchanged(signed_after_4, signed_before_4, "x")
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-1-5-reference", "points": 0}
### BEGIN HIDDEN TESTS
def distance_reference(points):
    """Pair by pair in float64."""
    rows = points.double()
    table = [[(p - q).square().sum().sqrt() for q in rows] for p in rows]
    return torch.tensor(table, dtype=torch.float64)


def gradient_reference(points, weights):
    """Closed form of the gradient of (distances · weights).sum() by the row points, in float64.

    With weights + weights.T it is the gradient by the points in both of their roles.
    """
    rows, apart = points.double(), distance_reference(points).fill_diagonal_(1.0)
    return ((weights.double() / apart)[:, :, None] * (rows[:, None] - rows[None])).sum(dim=1)


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-5-hidden-1", "points": 1}
# Hidden test 1.5 · far from the origin · 1 point
### BEGIN HIDDEN TESTS
# Arrange
cloud_5 = 100 + torch.randn(60, 2, generator=seeded(51))
cloud_true_5 = distance_reference(cloud_5)
# Act
cloud_distances_5 = pairwise_distances(cloud_5)
cloud_diagonal_5 = torch.as_tensor(cloud_distances_5).diagonal().clone()
# Assert
check.close(
    cloud_distances_5,
    cloud_true_5,
    "distances far from the origin",
    atol=1e-3,
    hint="a² + b² - 2ab loses its digits here (cdist does the same): subtract first, then square.",
)
check.equal(
    cloud_diagonal_5,
    torch.zeros(60),
    "the diagonal",
    hint="Exactly 0, and in the dtype of x: a small number added under the root shows here.",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-5-hidden-2", "points": 1}
# Hidden test 1.5 · one and seven dimensions, double precision · 1 point
### BEGIN HIDDEN TESTS
# Arrange
thin_5 = torch.randn(6, 1, generator=seeded(52))
thick_5 = torch.randn(5, 7, generator=seeded(53), dtype=torch.float64)
thin_true_5, thick_true_5 = distance_reference(thin_5), distance_reference(thick_5)
# Act
thin_distances_5, thick_distances_5 = pairwise_distances(thin_5), pairwise_distances(thick_5)
# Assert
check.close(thin_distances_5, thin_true_5, "distances on a line", hint="D may be 1.")
check.close(
    thick_distances_5,
    thick_true_5,
    "distances in seven dimensions",
    rtol=1e-9,
    atol=1e-12,
    dtype=True,
    hint="float64 points give float64 distances, with all their digits; D is not always 2.",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-5-hidden-3", "points": 1}
# Hidden test 1.5 · twins, and points far apart · 1 point
### BEGIN HIDDEN TESTS
# Arrange
twins_5 = torch.tensor([[0.0, 1.0], [8.0, 1.0], [0.0, 1.0], [7.0, 3.0]])
lonely_5 = torch.tensor([[0.0, 0.0], [5000.0, 0.0], [20000.0, 0.0]])
# Act
twin_of_5 = nearest(twins_5)
lonely_nearest_5 = nearest(lonely_5)
# Assert
check.equal(
    twin_of_5,
    torch.tensor([2, 3, 0, 1]),
    "the nearest others when two points coincide",
    ideas={
        "every zero was ruled out; only the point itself must be": torch.tensor([3, 3, 3, 1]),
        "a point found itself: rule out the diagonal": torch.tensor([0, 1, 0, 3]),
        "the second in order may be the point itself: rule out the diagonal": torch.tensor(
            [2, 3, 2, 1]
        ),
    },
    hint="Rule out the diagonal and nothing else; equal points may be neighbours.",
)
check.equal(
    lonely_nearest_5,
    torch.tensor([1, 0, 1]),
    "the nearest others of points far apart",
    ideas={
        "a large number is not always the largest; infinity is": torch.tensor([0, 1, 2]),
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-5-hidden-4", "points": 2}
# Hidden test 1.5 · a gradient that stays finite · 2 points
### BEGIN HIDDEN TESTS
# Arrange
moving_5 = torch.randn(4, 3, generator=seeded(54))
uneven_5 = torch.arange(16.0).reshape(4, 4) / 10 - 0.4
gradient_true_5 = gradient_reference(moving_5, uneven_5 + uneven_5.T)
gradient_half_5 = gradient_reference(moving_5, uneven_5)
# Act
pulled_5 = observe.vjp(pairwise_distances, moving_5, uneven_5)
gradient_5 = pulled_5["grads"]
# Assert
check.close(
    gradient_5,
    gradient_true_5,
    "the gradient of the distances",
    rtol=1e-4,
    atol=1e-4,
    ideas={
        "all NaN: a bare root at the zeros of the diagonal": torch.full((4, 3), torch.nan),
        "no gradient arrived: something cut the history (detach, .data, a new tensor)": None,
        "only one side of each pair passed the gradient on": gradient_half_5,
    },
    hint="Compare with (x_i - x_j) / distance.",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-1-6-hidden-1", "points": 1}
# Hidden test 1.6 · other machines · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
class Laptop:
    def is_available(self):
        return True

    def current_accelerator(self, check_available=False):
        return torch.device("mps")


apple_6 = pick_device(Laptop())
empty_slot_6 = pick_device(PretendMachine("cuda", card=False))
# Assert
check.equal(
    apple_6,
    "mps",
    "the device of a machine with an Apple chip",
    ideas={
        "accelerators have other makes than CUDA: ask for the type": "cuda",
        "ask the `machine` that is given, and take whatever type it has": "cpu",
    },
)
check.equal(
    empty_slot_6,
    "cpu",
    "the device of a CUDA build without a card",
    ideas={"built for CUDA is not the same as a card being there: check_available": "cuda"},
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-6-hidden-2", "points": 1}
# Hidden test 1.6 · another device, another dtype · 1 point
### BEGIN HIDDEN TESTS
# Arrange
short_6 = torch.tensor([[10, 20], [30, 40]], dtype=torch.int16)
# Act
ghost_6 = torch.empty(2, 5, device="meta")
ghost_trouble_6 = observe.error(add_ramp, ghost_6)
ghost_fails_6 = ghost_trouble_6 and ghost_trouble_6["type"]
ghost_device_6 = None if ghost_trouble_6 else str(add_ramp(ghost_6).device)
short_ramp_6 = add_ramp(short_6)
# Assert
check.equal(
    ghost_fails_6,
    None,
    "the exception for a tensor on another device",
    ideas={"the ramp was made on the CPU, and devices do not mix: device=x.device": "RuntimeError"},
    hint="The function raised an error where it should return; work on the device of x.",
)
check.equal(
    ghost_device_6,
    "meta",
    "the device of the result",
    ideas={"the result has left the device of x": "cpu"},
)
check.equal(
    short_ramp_6,
    torch.tensor([[10, 21], [30, 41]], dtype=torch.int16),
    "the ramp on int16",
    hint="dtype=x.dtype keeps the dtype of x.",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-6-hidden-3", "points": 1}
# Hidden test 1.6 · the median of several runs · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
bumpy_6 = PretendGPU([20, 4, 6, 9])
bumpy_pair_6 = timed(
    lambda: bumpy_6.launch(), lambda: bumpy_6.synchronise(), lambda: bumpy_6.clock(), 3
)
bumpy_seconds_6 = bumpy_pair_6[1]
# Assert
check.close(
    bumpy_seconds_6,
    7,
    "the seconds of three runs",
    ideas={
        "that is the mean; the median is asked for": 22 / 3,
        "that is the fastest run; the median is asked for": 5,
        "that is the last run alone": 10,
        "that is the total of all runs": 22,
        "the total minus its overlaps: wait before every reading of the clock": 20,
        "only the handing over was measured: wait before the clock is read": 1,
    },
    hint="Each run by itself, with a wait before both readings; then the middle one by size.",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-6-hidden-4", "points": 1}
# Hidden test 1.6 · one warm-up, and the last result · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
counted_6 = PretendGPU([20, 4])
counted_pair_6 = timed(counted_6.launch, counted_6.synchronise, counted_6.clock, 3)
last_6 = counted_pair_6[0]
runs_6 = counted_6.runs
# Assert
check.equal(
    last_6,
    4,
    "which run the result is of",
    ideas={
        "that is the result of the warm-up": 1,
        "that is the first measured run; the last is asked for": 2,
        "there was no warm-up run": 3,
        "more runs than one warm-up and the repeats": 6,
    },
    hint="The result is what fn() returned in the last run.",
)
check.equal(runs_6, 4, "the number of runs", hint="One warm-up, then `repeats` measured ones.")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-7-hidden-1", "points": 1}
# Hidden test 1.7 · larger, in double precision · 1 point
### BEGIN HIDDEN TESTS
# Arrange
tall_7 = torch.randn(9, 12, generator=seeded(71), dtype=torch.float64).T
broad_7 = torch.randn(9, 7, generator=seeded(72), dtype=torch.float64)
large_true_7 = tall_7.numpy() @ broad_7.numpy()
large_true_7 = torch.from_numpy(large_true_7)
# Act
large_loops_7, large_bcast_7 = matmul_loops(tall_7, broad_7), matmul_bcast(tall_7, broad_7)
# Assert
check.close(
    large_loops_7,
    large_true_7,
    "a (12, 9) by (9, 7) product with loops",
    rtol=1e-9,
    atol=1e-12,
    dtype=True,
    hint="Is the result made in the dtype of a? torch.zeros alone gives float32.",
)
check.close(
    large_bcast_7,
    large_true_7,
    "a (12, 9) by (9, 7) product by broadcasting",
    rtol=1e-9,
    atol=1e-12,
    dtype=True,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-7-hidden-2", "points": 1}
# Hidden test 1.7 · sizes of one · 1 point
### BEGIN HIDDEN TESTS
# Arrange
dot_7, spot_7 = torch.tensor([[3.0]]), torch.tensor([[-2.0]])
column_7, across_7 = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[10.0, 0.0, 1.0, 2.0]])
spread_7 = torch.tensor([[10.0, 0.0, 1.0, 2.0], [20.0, 0.0, 2.0, 4.0], [30.0, 0.0, 3.0, 6.0]])
# Act
tiny_loops_7, tiny_bcast_7 = matmul_loops(dot_7, spot_7), matmul_bcast(dot_7, spot_7)
wide_loops_7, wide_bcast_7 = matmul_loops(column_7, across_7), matmul_bcast(column_7, across_7)
# Assert
check.close(tiny_loops_7, torch.tensor([[-6.0]]), "one by one, with loops")
check.close(tiny_bcast_7, torch.tensor([[-6.0]]), "one by one, by broadcasting")
check.close(wide_loops_7, spread_7, "inner size 1, with loops")
check.close(wide_bcast_7, spread_7, "inner size 1, by broadcasting")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-7-hidden-3", "points": 1}
# Hidden test 1.7 · shapes that do not fit · 1 point
### BEGIN HIDDEN TESTS
# Arrange
flat_7, thin_7, lean_7 = torch.ones(2, 3), torch.tensor([[2.0], [3.0]]), torch.ones(3, 2)
row_7 = torch.tensor([[5.0, 7.0]])
fitting_7 = torch.tensor([[10.0, 14.0], [15.0, 21.0]])
# Act
refused_loops_7 = observe.error(matmul_loops, flat_7, flat_7)
refused_bcast_7 = observe.error(matmul_bcast, thin_7, lean_7)
longer_7 = observe.error(matmul_loops, thin_7, lean_7)
fits_7 = [matmul_loops(thin_7, row_7), matmul_bcast(thin_7, row_7)]
# Assert
check.raised(
    refused_bcast_7,
    ValueError,
    "broadcasting (2, 1) with (3, 2)",
    mentions=["2, 1", "3, 2"],
    hint="Compare the inner sizes yourself: broadcasting stretches a 1, and a loop may stop early.",
)
check.raised(
    refused_loops_7,
    ValueError,
    "loops over (2, 3) and (2, 3)",
    mentions="2, 3",
    hint="Compare a.shape[1] with b.shape[0] before you begin.",
)
check.raised(
    longer_7,
    ValueError,
    "loops over (2, 1) and (3, 2)",
    mentions=["2, 1", "3, 2"],
    hint="Compare the inner sizes yourself: a loop over the shorter one would stop early.",
)
check.close(
    fits_7,
    [fitting_7, fitting_7],
    "the products of (2, 1) and (1, 2), which do fit",
    hint="Raise only where a.shape[1] differs from b.shape[0].",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-1-7-hidden-4", "points": 1}
# Hidden test 1.7 · large whole numbers · 1 point
### BEGIN HIDDEN TESTS
# Arrange
counts_7 = torch.tensor([[20_000_001, 3], [5, 70_000_003]])
weights_7 = torch.tensor([[3, 1, 0], [1, 1, 7]])
whole_7 = torch.tensor([[60_000_006, 20_000_004, 21], [70_000_018, 70_000_008, 490_000_021]])
# Act
whole_loops_7, whole_bcast_7 = matmul_loops(counts_7, weights_7), matmul_bcast(counts_7, weights_7)
# Assert
check.equal(
    whole_loops_7,
    whole_7,
    "a product of int64 with loops",
    hint="float32 has 7 digits: make the result in the dtype of a.",
)
check.equal(
    whole_bcast_7,
    whole_7,
    "a product of int64 by broadcasting",
    hint="float32 has 7 digits: stay in the dtype of a.",
)
### END HIDDEN TESTS
