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
# # 5 · Data
#
# A model sees only what your data code hands it. Most slips raise no error: the score looks fine, and the model is useless on the first new day. You will be able to
#
# - write a Dataset that behaves like a list, and let a DataLoader batch it;
# - split data by class and by time, without a leak;
# - scale features with statistics of the training rows, and keep these;
# - augment images and signals without changing what they mean;
# - batch sequences of different length, with the answers they get alone;
# - read a CSV table and a binary file.
#
# Reading: 55 minutes · exercises: 169 minutes · 56 points
#
# It is long: rest after exercise 5.3, and after 5.5.

# %% tags=["setup"]
import csv
import gzip
import io
import json
import math
import struct
import tempfile
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import (
    DataLoader,
    Dataset,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    random_split,
)

import gradus
from gradus import check, observe, plots, seeded

torch.set_printoptions(precision=3, sci_mode=False)
# The next cell is folded: it holds helpers. Run it; click on its dots to read it.


# %% tags=["setup"] jupyter={"source_hidden": true}
def saved(data, name="data.bin"):
    """The path of a new file, in a folder of its own, that holds these bytes."""
    path = Path(tempfile.mkdtemp()) / name
    path.write_bytes(data)
    return path


MISSING = ("", "?")  # how a missing cell of a table is written


def table_of(text):
    """CSV text with a header → {column: list of cells}, spaces at the ends removed."""
    header, *rows = [row for row in csv.reader(io.StringIO(text)) if row]
    columns = zip(*rows, strict=True)
    return {
        name.strip(): [c.strip() for c in column]
        for name, column in zip(header, columns, strict=True)
    }


def number(cell):
    """The number that a cell holds; None for any other text."""
    try:
        return float(cell)
    except ValueError:
        return None


def wine_text():
    """The wine data of scikit-learn as CSV with a header; every 19th measurement is "?"."""
    folder = Path(find_spec("sklearn").origin).parent / "datasets" / "data"
    first, *lines = (folder / "wine_data.csv").read_text().split()
    kinds = first.split(",")[2:]
    names = (
        "alcohol acid ash alkali magnesium phenols flavanoids others proanth colour hue od proline"
    )
    rows = [",".join([*names.split(), "kind"])]
    for r, line in enumerate(lines):
        *cells, kind = line.split(",")
        cells = ["?" if (13 * r + c) % 19 == 3 else cell for c, cell in enumerate(cells)]
        rows.append(",".join([*cells, kinds[int(kind)]]))
    return "\n".join(rows)


# %% [markdown]
# ## What one sample is
#
# The work is shared by two objects. A **Dataset** knows what sample `i` is and how many there are. A **DataLoader** decides which samples travel together, and in which order. So you can change the batch size without touching files, and the files without touching the training loop.
#
# The contract of a Dataset is two methods: `__len__` and `__getitem__`. Inside you may do what you like: index a tensor, open a file, draw an augmentation. A **transform**, a function given to the Dataset and applied to each input, is the usual hook for the last.

# %%
digits = gradus.load("mnist", quiet=True)  # the real set if it is on your disk, else a stand-in


class ArrayData(Dataset):
    """Images and classes in memory; `transform`, if given, is applied to each image."""

    def __init__(self, images, labels, transform=None):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        image = self.images[i]
        return image if self.transform is None else self.transform(image), self.labels[i]


# %%
image, label = ArrayData(digits.images, digits.labels, transform=lambda u: u.float() / 255)[0]
print("image:", tuple(image.shape), image.dtype, " label:", tuple(label.shape), label.dtype)
bare = default_collate([(image[0], label)] * 4)[0]  # four items made into one batch
print("without channel axis:", observe.complaint(nn.Conv2d(1, 8, 3), bare))
scores, three = torch.zeros(2, 3), torch.tensor([0, 2])
print("labels as float:", observe.complaint(F.cross_entropy, scores, three.float()))
print("labels as int64:", observe.complaint(F.cross_entropy, scores, three))

# %% [markdown]
# Two decisions of the Dataset reach far. An image keeps its channel axis, `(1, 28, 28)`. Without it, the batch of 4 was taken for one image with 4 channels, and the convolution complained; a batch of one would pass without a word. And labels keep their dtype: many examples turn everything into float "to be safe", and then `cross_entropy` refuses class numbers. Classes are `int64`, targets of a regression `float32`.
#
# A Dataset looks like a list. Is it one?

# %% [markdown]
# ### Predict 5.1 · Walking through a Dataset
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# ```python
# class Squares(Dataset):
#     def __len__(self):
#         return 3
#
#     def __getitem__(self, i):
#         return i * i
#
# for square in Squares():
#     print(square)
# ```
#
# What does the loop print?
#
# - a: 0, 1, 4
# - b: 0, 1, 4, 9, 16, … without an end
# - c: nothing: a `TypeError`, since there is no `__iter__`

# %% nbgrader={"grade_id": "predict-5-1"}
# Write your choice: predict_5_1 = "a", "b" or "c"
### BEGIN SOLUTION
predict_5_1 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-5-1-check", "points": 0}
# Arrange
# Act
choice = predict_5_1
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")


# %%
class Squares(Dataset):
    def __len__(self):
        return 3

    def __getitem__(self, i):
        return i * i


print("stopped by hand:", observe.take(Squares(), 8))
print("by a DataLoader:", [batch.tolist() for batch in DataLoader(Squares())])

# %% [markdown]
# `for` does not ask for the length. Without `__iter__`, Python counts 0, 1, 2, … until `__getitem__` raises **IndexError**. A DataLoader does ask `len`, so the bug sleeps until somebody writes a plain loop. Indexing a tensor raises IndexError by itself; a computed sample does not, so you check.

# %% [markdown]
# ### Exercise 5.1 · A line with noise
# ★★☆☆☆ · 10 min · implementation · 4 points
#
# Write `LinearData(n, sigma, seed)`: n samples of y = 2x₁ + 3x₂ + noise. Both x are standard normal; the noise is normal with *standard deviation* sigma. (Books write N(0, 0.1), and 0.1 may be a variance. Say which.)
#
# - Item i is `(x, y)`, float32, of shapes `(2,)` and `(1,)`: the batch `(B, 1)` then fits `nn.Linear(2, 1)`.
# - Item 4 is the same each time you ask; the same seed gives the same data, another seed other data. The global generator stays where it is.
# - An index of n or more raises `IndexError`.
#
# With sigma = 0 and x = [1, −1], y = [−1].
#
# <details><summary>Hint 1</summary>
#
# Draw everything once, in `__init__`, with a generator of your own: `seeded(seed)`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `x @ torch.tensor([[2.0], [3.0]])` has the shape (n, 1). Then `self.x[i], self.y[i]` is all of `__getitem__`, and a tensor raises IndexError by itself.
#
# </details>


# %% nbgrader={"grade_id": "ex-5-1"}
class LinearData(Dataset):
    """n samples of y = 2 x₁ + 3 x₂ + noise, drawn once from `seed`.

    sigma: standard deviation of the normal noise. Item i: x (2,), standard normal, and y (1,),
    both float32. IndexError for i >= n.
    """

    def __init__(self, n: int, sigma: float, seed: int) -> None:
        ### BEGIN SOLUTION
        source = seeded(seed)
        self.x = torch.randn(n, 2, generator=source)
        noise = sigma * torch.randn(n, 1, generator=source)
        self.y = self.x @ torch.tensor([[2.0], [3.0]]) + noise
        ### END SOLUTION

    def __len__(self) -> int:
        ### BEGIN SOLUTION
        return len(self.x)
        ### END SOLUTION

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        ### BEGIN SOLUTION
        return self.x[i], self.y[i]
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-5-1-check", "points": 1}
# Arrange
flat_target, row_item = [(2,), ()], [(1, 2), (1, 1)]
# Act
line_5 = LinearData(5, 0.0, 1)
length_5 = len(line_5)
item_5 = line_5[3]
shapes_5 = observe.shapes([item_5[0], item_5[1]])
exact_5 = float(item_5[1].sum() - 2 * item_5[0].flatten()[0] - 3 * item_5[0].flatten()[1])
# Assert
check.equal(length_5, 5, "the length")
check.equal(
    shapes_5,
    [(2,), (1,)],
    "shapes of x and y of one item",
    ideas={
        "y is a single number: its batch (B,) would broadcast against predictions (B, 1)": flat_target,
        "One item has no batch axis: index with i, not with i:i+1": row_item,
    },
)
check.close(exact_5, 0.0, "y - 2x₁ - 3x₂ without noise", atol=1e-5)

# %% [markdown]
# This is most of what a Dataset for data in memory ever is. `TensorDataset(x, y)` does the same for tensors that you have already.
#
# ## How samples travel
#
# A DataLoader picks indices, fetches the items and *collates* them: stacks them along a new first axis. With `shuffle=True` it draws a new order in every pass. And it can be walked through again and again; a Python generator cannot.


# %%
def by_hand():
    yield from ([0, 1], [2, 3], [4, 5])


loader = DataLoader(range(7), batch_size=3, shuffle=True, generator=seeded(0))
for epoch in (1, 2):
    print(f"epoch {epoch}:", [batch.tolist() for batch in loader])
print("drop_last:", [len(b) for b in DataLoader(range(7), batch_size=3, drop_last=True)])
generator = by_hand()
print("generator, epoch 1:", len(list(generator)), "batches; epoch 2:", len(list(generator)))
print("workers 0, prefetch_factor", loader.prefetch_factor)
print(observe.complaint(lambda: DataLoader(range(7), prefetch_factor=2)))

# %% [markdown]
# The last batch is smaller unless you drop it. Slicing the data in file order every epoch, as some pipelines do, may show the model all the zeros first. A generator is empty in its second epoch. And "the loader prefetches automatically" is false: without workers there is nobody to prefetch.
#
# | argument | what it does | when |
# |---|---|---|
# | `batch_size` | samples per step | small: noisy and slow; large: memory |
# | `shuffle` | new order each pass | training only |
# | `drop_last` | leaves a short last batch out | training with batch norm; never to evaluate |
# | `num_workers` | processes that fetch ahead | when `__getitem__` is slow; start with 0 |
# | `prefetch_factor` | batches waiting for each worker | only with workers |
# | `pin_memory` | memory a GPU copies from faster | only with a GPU |
# | `sampler` | your own choice of indices | below |
# | `collate_fn` | your own way to make a batch | below |

# %% [markdown]
# ## Three parts
#
# Train on one part, choose with the second (**validation**: epochs, learning rate, architecture), and touch the **test** part once, at the end. A test set that is evaluated every epoch, and picks the best weights, has become a validation set, and nobody knows how good the model is.
#
# `random_split` takes fractions directly and a generator. Computing sizes by hand loses rows to rounding.

# %%
print("int(0.29 * 100) =", int(0.29 * 100))
parts = random_split(range(1000), [0.7, 0.15, 0.15], generator=seeded(0))
print("sizes:", [len(part) for part in parts], type(parts[0]).__name__)
rare = torch.zeros(1000, dtype=torch.int64)
rare[:12] = 1  # 12 of 1000 samples are of class 1
for seed in range(4):
    parts = random_split(range(1000), [0.7, 0.15, 0.15], generator=seeded(seed))
    print("class 1 in train, validation, test:", [int(rare[p.indices].sum()) for p in parts])

# %% [markdown]
# 0.29 · 100 is 28.999… in floating point, and `int` cuts it to 28. Each part is a `Subset`: the Dataset and a list of indices, nothing is copied.
#
# Chance is unkind to rare classes: the twelve rare samples spread differently with every seed, and a part may get hardly any, or none. A **stratified** split deals each class out separately, so that every part has the same shares.

# %% [markdown]
# ### Exercise 5.2 · A stratified split
# ★★☆☆☆ · 12 min · implementation · 4 points
#
# Write `stratified_split(y, fracs, seed)`: one tensor of indices for each fraction.
#
# - Every index from 0 to N − 1 lies in exactly one part.
# - For each class and each part: the count is at most 1 away from fraction × size of the class, also for a class of four samples. Classes may be any integers.
# - Which samples go where is random: the same seed gives the same parts, another seed others. The global generator stays where it is.
#
# Classes of 20 and 10 samples with fractions 0.5, 0.3, 0.2: 10, 6, 4 of the first and 5, 3, 2 of the second.
#
# <details><summary>Hint 1</summary>
#
# For each value of `y.unique()`: shuffle its indices, cut them in pieces, append piece k to part k. At the end, `torch.cat`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Do not round the sizes, round the *cuts*: `round(n * (f1 + … + fk))`. `torch.tensor_split(indices, cuts)` cuts; leave the last cut, n, out of the list: what follows the others is the last piece, and nothing is lost.
#
# </details>


# %% nbgrader={"grade_id": "ex-5-2"}
def stratified_split(y: torch.Tensor, fracs: list[float], seed: int) -> list[torch.Tensor]:
    """Indices of the parts: one int64 tensor for each fraction, class by class in proportion.

    y: classes, int64 (N,). fracs: sum to 1. Count of a class in a part: within 1 of frac * size.
    """
    ### BEGIN SOLUTION
    source = seeded(seed)
    pieces = [[] for _ in fracs]
    for value in y.unique():
        members = (y == value).nonzero().flatten()
        members = members[torch.randperm(len(members), generator=source)]
        ends = [round(len(members) * sum(fracs[:k])) for k in range(1, len(fracs))]
        for part, piece in zip(pieces, members.tensor_split(ends), strict=True):
            part.append(piece)
    return [torch.cat(part) for part in pieces]
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-5-2-check", "points": 1}
# Arrange
y_30 = torch.tensor([0] * 20 + [1] * 10)
truth_30 = y_30.clone()
wanted_30 = torch.tensor([[10.0, 5.0], [6.0, 3.0], [4.0, 2.0]])
every_30 = torch.arange(30)
# Act
parts_30 = stratified_split(y_30, [0.5, 0.3, 0.2], 0)
number_30 = len(parts_30)
members_30 = [torch.as_tensor(parts_30[k]).flatten() for k in range(3)]
counts_30 = torch.stack([y_30[members_30[k]].bincount(minlength=2) for k in range(3)]).float()
all_30 = torch.cat(members_30).sort().values
# Assert
check.equal(number_30, 3, "number of parts")
check.close(
    all_30,
    every_30,
    "all indices, sorted",
    hint="Each index from 0 to N - 1 once: hand out indices, not labels, and lose none to rounding",
)
check.close(
    counts_30,
    wanted_30,
    "samples of each class in each part",
    atol=1.001,
    rtol=0,
    hint="Shuffle and cut each class separately",
)

# %% [markdown]
# ### Predict 5.2 · What balance costs
# ★☆☆☆☆ · 3 min · conceptual · 1 point
#
# A split keeps the shares of the classes. If training needs more of a rare one, draw it more often: `WeightedRandomSampler` draws index i with a probability proportional to its weight. With the weight 1/(size of its class), all classes come equally often.
#
# Take 990 samples of class A and 10 of class B. Such a sampler draws 1000 indices with replacement: one epoch. How often does the model see *each single* sample of class B in this epoch, on average?
#
# - a: once
# - b: 10 times
# - c: 50 times
# - d: 99 times

# %% nbgrader={"grade_id": "predict-5-2"}
# Write your choice: predict_5_2 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_5_2 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-5-2-check", "points": 0}
# Arrange
# Act
choice = predict_5_2
# Assert
check.one_of(choice, ("a", "b", "c", "d"), "your choice")

# %% alt="Bar chart with two bars for each of two classes. As they are, class A has about 99 percent of the samples and class B about 1 percent. Drawn with weights, both have about 50 percent."
y = torch.tensor([0] * 990 + [1] * 10)
weights = 1 / y.bincount()[y]
drawn = torch.tensor(list(WeightedRandomSampler(weights, 1000, generator=seeded(0))))
times = drawn.bincount(minlength=1000)
print(f"a sample of B comes {times[990:].float().mean():.0f} times")
print(f"samples of A that never come: {(times[:990] == 0).sum().item()}")
fig, axes = plots.figure(5, 3)
for shift, which, name, hatch in ((-0.2, y, "as they are", ""), (0.2, y[drawn], "drawn", "//")):
    share = which.bincount() / 10
    bars = axes.bar(torch.arange(2) + shift, share, 0.4, label=name, hatch=hatch)
    axes.bar_label(bars, fmt="%.0f %%")
axes.set(xticks=[0, 1], xticklabels=["class A", "class B"], ylabel="share in per cent")
axes.legend()
plots.close(fig)

# %% [markdown]
# The bars are level now, but no information was added: the same ten samples come about 50 times each, and most of A is not seen in this epoch. Expect overfitting on B. A weighted sampler is for training only: validation and test keep the shares of the world.
#
# ## Time has a direction
#
# A forecaster reads a window of w points and predicts the h points after it. Here is a Dataset as you may find it in a tutorial.


# %%
class NaiveWindows(Dataset):
    def __init__(self, x, w, h):
        self.x, self.w, self.h = x, w, h

    def __len__(self):
        return len(self.x) - self.w - self.h + 1

    def __getitem__(self, i):
        return self.x[i : i + self.w], self.x[i + self.w : i + self.w + self.h]


naive = NaiveWindows(torch.arange(10.0), 3, 2)
print("length", len(naive), " first:", [part.tolist() for part in naive[0]])
print("a plain loop:", len(observe.take(naive, 1000)), "items", " item -1:", naive[-1][0].tolist())
print("3 points:", observe.complaint(len, NaiveWindows(torch.arange(3.0), 3, 2)))

# %% [markdown]
# It works inside a DataLoader and nowhere else: slices never raise IndexError, so a loop does not end; item −1 has an empty input; a series that is too short raises from `len`.
#
# The larger error is not in this class. It is how people split its items.

# %% [markdown]
# ### Predict 5.3 · A random split of windows
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# A series of 10,000 points gives 9941 windows of 50 + 10 points. `random_split` puts 80 % of them into training, 20 % into validation. What share of the validation windows has points in common with some training window?
#
# - a: about 20 %
# - b: about 80 %
# - c: practically all
# - d: none: a split keeps the parts apart

# %% nbgrader={"grade_id": "predict-5-3"}
# Write your choice: predict_5_3 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_5_3 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-5-3-check", "points": 0}
# Arrange
# Act
choice = predict_5_3
# Assert
check.one_of(choice, ("a", "b", "c", "d"), "your choice")


# %%
def nearest_error(x, y, train, val):  # forecast by the most similar training window
    nearest = torch.cdist(x[val], x[train]).argmin(dim=1)  # cdist: all distances between rows
    return ((y[val] - y[train][nearest]) ** 2).mean().item()


train, val = torch.randperm(9941, generator=seeded(0)).split([7953, 1988])
touched = (val[:, None] - train[None]).abs().min(dim=1).values < 60
print(f"validation windows that overlap a training window: {touched.float().mean():.0%}")
walk = torch.randn(3000, generator=seeded(1)).cumsum(0)  # each step is pure chance
x, y = walk.unfold(0, 60, 1).split([50, 10], dim=1)  # unfold: a row for each window
mixed = torch.randperm(2941, generator=seeded(2)).split([2352, 589])
early, late = torch.arange(2400 - 59), torch.arange(2400, 2941)  # 59 = w + h - 1: a gap
print(f"random split: error {nearest_error(x, y, *mixed):.3g}")
print(f"split by time: error {nearest_error(x, y, early, late):.3g}")
print(f"split by time, repeat the last value: {((y[late] - x[late, -1:]) ** 2).mean():.3g}")

# %% alt="Two panels of horizontal bars, one bar a window over 100 points in time. Left, random split: solid training bars and hatched validation bars alternate and cover the same points. Right, split by time: training bars end before point 70, validation bars begin after it, and no window crosses that line."
fig, axes = plots.figure(9, 3)
axes.remove()
mixed = torch.randperm(15, generator=seeded(4)).ge(11)
panels = {"random split": mixed, "split by time": torch.arange(0, 89, 6) >= 70}
bars = {}
for axes, (title, validation) in zip(fig.subplots(1, 2, sharey=True), panels.items(), strict=True):
    for row, start in enumerate(range(0, 89, 6)):
        if title == "split by time" and start < 70 < start + 12:
            continue  # the gap: such a window belongs to nobody
        part = "validation" if validation[row] else "training"
        color, hatch = ("#D55E00", "///") if validation[row] else ("#0072B2", "")
        bars[part] = axes.barh(row, 12, left=start, color=color, hatch=hatch, edgecolor="white")
    axes.set(title=title, xlabel="point in time", ylabel="window", yticks=range(0, 15, 2))
    axes.legend(bars.values(), bars, loc="upper left")
plots.close(fig)

# %% [markdown]
# Nobody can predict a random walk, and nothing beats repeating the last value. Yet the random split reports an error far below that, smaller than is possible: for nearly each validation window there is a training window one step away, which contains the answer. Split by time, the same method is worse than the last value.
#
# In the picture (solid: training, hatched: validation) the random split mixes both over the same points. On the right the points were cut *first*, at 70, and windows were made inside each part. Windows that cross the cut are thrown away: a **gap** of w + h − 1 starts. *After* that, shuffle the training windows as you like: "never shuffle a series" is about the split.

# %% [markdown]
# ### Exercise 5.3 · Windows that do not leak
# ★★★☆☆ · 18 min · implementation · 6 points
#
# `Windows(x, w, h)` over a series `x`, (T,) or (T, C): item i is the input `x[i : i+w]` and, directly after it, the target of h points. It behaves like a list: length 0 if the series is too short, −1 is the last window, IndexError beyond either end.
#
# `time_split(n, fracs, w, h)` cuts n *points*, part k ending before point round(n · (f₁ + … + fₖ)), and returns for each part the numbers of the windows that lie in it completely, ascending (a `range` is fine, an empty one too).
#
# `time_split(20, [0.5, 0.5], 3, 2)`: windows 0–5 and 10–15. Window 6 would use point 10.
#
# <details><summary>Hint 1</summary>
#
# How many windows of w + h points fit into m points? m − (w + h) + 1, if that is positive.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `if i < 0: i += len(self)`, then `if not 0 <= i < len(self): raise IndexError(i)`. A part from point a to before point b holds the windows `range(a, b - w - h + 1)`.
#
# </details>


# %% nbgrader={"grade_id": "ex-5-3"}
class Windows(Dataset):
    """All windows of a series: item i is (x[i : i + w], the h points after it).

    x: (T,) or (T, C). Indexed like a list, negative numbers too; IndexError beyond either end.
    """

    def __init__(self, x: torch.Tensor, w: int, h: int) -> None:
        ### BEGIN SOLUTION
        self.series, self.w, self.h = x, w, h
        ### END SOLUTION

    def __len__(self) -> int:
        ### BEGIN SOLUTION
        return max(0, len(self.series) - self.w - self.h + 1)
        ### END SOLUTION

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        ### BEGIN SOLUTION
        if i < 0:
            i += len(self)
        if not 0 <= i < len(self):
            raise IndexError(f"there are {len(self)} windows")
        middle = i + self.w
        return self.series[i:middle], self.series[middle : middle + self.h]
        ### END SOLUTION


def time_split(n: int, fracs: list[float], w: int, h: int) -> list[range]:
    """Windows of w + h points by part: those that lie in the part's points completely.

    n points, cut at round(n * (f1 + ... + fk)). No point belongs to windows of two parts.
    """
    ### BEGIN SOLUTION
    ends = [round(n * sum(fracs[:k])) for k in range(len(fracs) + 1)]
    return [range(a, b - w - h + 1) for a, b in zip(ends, ends[1:], strict=False)]
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-5-3-check", "points": 2}
# Arrange
ten_points, many_points = torch.arange(10.0), torch.zeros(10_000)
first_window = [torch.tensor([0.0, 1.0, 2.0]), torch.tensor([3.0, 4.0])]
overlapping = [torch.tensor([0.0, 1.0, 2.0]), torch.tensor([2.0, 3.0])]
clean = [list(range(6)), list(range(10, 16))]
no_gap = [list(range(10)), list(range(10, 16))]
one_less = [list(range(5)), list(range(10, 15))]
# Act
length_long = len(Windows(many_points, 50, 10))
item_0 = Windows(ten_points, 3, 2)[0]
split_20 = time_split(20, [0.5, 0.5], 3, 2)
starts_20 = [observe.take(split_20[k], 99) for k in range(2)]
# Assert
check.equal(
    length_long,
    9941,
    "number of windows 50 + 10 in 10,000 points",
    ideas={
        "One window too few: m points hold m - (w + h) + 1 windows": 9940,
        "The h points of the target have to fit too": 9951,
        "The h points of the target have to fit in too, and the last window counts": 9950,
    },
)
check.close(
    item_0,
    first_window,
    "the first item",
    ideas={"The target begins after the last point of the input, not on it": overlapping},
)
check.equal(
    starts_20,
    clean,
    "windows in the two parts of 20 points",
    ideas={
        "Windows 6 to 9 reach into the second part: they belong to neither": no_gap,
        "The last window of each part is missing: a range leaves its end out": one_less,
    },
    hint="Cut the points first, then list the windows that fit into each part",
)

# %% [markdown]
# One refinement: at forecast time the past *is* known, so some people let a validation window's *input* reach back over the cut, and keep only the targets apart. Yours is the stricter rule, and right when in doubt.
#
# ## Put features on one scale
#
# One feature is a share from 0 to 1, another an income in thousands. Gradient descent has one learning rate for both.

# %% alt="Two contour plots of a loss with a path of 25 descent steps. Left, raw features: narrow long ellipses; the path drops to the valley floor and then hardly moves. Right, standardised: nearly round contours; the path leads straight to the minimum."
raw = torch.randn(200, 2, generator=seeded(0)) * torch.tensor([1.0, 6.0])
fig, axes = plots.figure(9, 3.4)
axes.remove()
for axes, x in zip(fig.subplots(1, 2), (raw, raw / raw.std(dim=0)), strict=True):
    bowl = x.T @ x / len(x)  # the loss is ½ wᵀ bowl w, its gradient bowl w
    values = torch.linalg.eigvalsh(bowl)
    grid = torch.cartesian_prod(torch.linspace(-2, 2, 60), torch.linspace(-2, 2, 60))
    height = (grid @ bowl * grid).sum(dim=1).reshape(60, 60) / 2
    points = [torch.tensor([-1.6, 1.2])]
    for _ in range(25):  # a bit less than half the step that would diverge
        points.append(points[-1] - 0.9 / values.max() * (bowl @ points[-1]))
    axes.contour(grid[:60, 1], grid[:60, 1], height.T, levels=12, colors="grey", linewidths=0.7)
    axes.plot(*torch.stack(points).T, "o-", color="#D55E00", markersize=3)
    axes.set(title=f"condition number {values.max() / values.min():.0f}", xlabel="w₁", ylabel="w₂")
plots.close(fig)

# %% [markdown]
# Left, one feature is six times as wide as the other, and the loss is a narrow valley. The largest safe step is set by the steep side, so along the floor nearly nothing happens. The *condition number*, largest over smallest curvature, says how narrow it is. On the right each feature was divided by its standard deviation, and the path goes straight in.
#
# Below, first a wider gap, with one learning rate, 0.1: raw, the loss is soon not a number; standardised, the same loop ends at the noise, 0.2² = 0.04. The formula is one line, (x − mean) / std. The next cell shows ways to get it wrong; none raises.


# %%
def train_line(x, y):
    x, w, sizes = torch.cat([x, torch.ones(len(x), 1)], dim=1), torch.zeros(3), []
    for _ in range(100):
        gradient = 2 * x.T @ (x @ w - y) / len(x)
        w -= 0.1 * gradient
        sizes.append(gradient.norm().item())
    return f"first gradient {sizes[0]:.2g}, loss at the end {((x @ w - y) ** 2).mean():.2g}"


wide = raw * torch.tensor([1.0, 50.0]) + torch.tensor([0.0, 400.0])
target = raw @ torch.tensor([1.0, 0.1]) + 0.2 * torch.randn(200, generator=seeded(1))
print("raw:         ", train_line(wide, target))
print("standardised:", train_line((wide - wide.mean(0)) / wide.std(0), target))

# %%
flat = torch.rand(500, 1, 1, 1, generator=seeded(0)).expand(500, 3, 8, 8)  # one grey each
print(f"mean of the images' std: {flat.std(dim=(2, 3)).mean():.3f}  of all: {flat.std():.3f}")
count, sums = 0, torch.zeros(2, 3, dtype=torch.float64)
for batch in DataLoader(flat, batch_size=64):  # never all in memory
    pixels = batch.double().movedim(1, 0).flatten(1)
    count, sums = count + pixels.shape[1], sums + torch.stack([pixels, pixels**2]).sum(dim=2)
print("from two sums, per channel:", (sums[1] / count - (sums[0] / count) ** 2).sqrt())
x = torch.tensor([[0.0, 0.0], [0.5, 500.0], [1.0, 1000.0]])  # both smallest values are 0
print("min-max over all:", (x / x.max())[:, 0], end=" ")
print("per column, to [-1, 1]:", (2 * x / x.amax(dim=0) - 1)[:, 0])
seven = torch.full((10,), 7.0)
scaled = (8 - seven.mean()) / (seven.std() + 1e-8)
print(f"constant 7: {(seven - 7)[0] / seven.std()}; 8 becomes {scaled:.0e}, and back", end=" ")
print(f"{scaled * seven.std() + 7:.0f}; divisor n against n - 1: {(9 / 10) ** 0.5:.3f}")

# %% [markdown]
# - The deviation of a set is not the mean of its images' deviations, here 0. Two running sums give it batch by batch; in float64, since E[x²] − E[x]² cancels if the mean is large.
# - Min-max over the *whole* table squeezes the small column into 0 to 0.001: take it per feature. (Smallest 0: x / max is enough; twice that, minus 1, fills [−1, 1].)
# - A constant column divides by zero. A small eps is no cure: 8 becomes 10⁸, and an inverse without the eps gives 7. Use scale 1 where there is no spread.
# - Divisor: `x.std()` takes n − 1, scikit-learn's scaler n.
# - All statistics come from the **training rows**. From all rows, the test set has already spoken: a *leak*.

# %% [markdown]
# ### Exercise 5.4 · A standardiser
# ★★★☆☆ · 15 min · implementation · 6 points
#
# Write a class with three methods on tables (N, D).
#
# - `fit(x)` learns mean and standard deviation (divisor N) of each column.
# - `transform(x)` scales any table with what was learnt; it learns nothing.
# - `inverse(z)` undoes `transform`.
#
# A column whose values in `fit` are all equal gets scale 1, so it becomes 0, and a new value v becomes v − mean. Mind rounding: the deviation of ten rows of 0.1, `torch.full((10, 1), 0.1).std(correction=0)`, is about 10⁻⁸, not 0. All three get tables of one dtype, float32 or float64, and what comes out has it too; the caller's tensors are not changed.
#
# [[1, 10], [3, 30]] becomes [[−1, −1], [1, 1]].
#
# <details><summary>Hint 1</summary>
#
# `dim=0` runs down the columns. `correction=0` is the divisor N. Equal values: largest == smallest.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `constant = x.amax(dim=0) == x.amin(dim=0)`, then `torch.where(constant, torch.ones_like(std), std)`.
#
# </details>


# %% nbgrader={"grade_id": "ex-5-4"}
class Standardiser:
    """Columns to mean 0 and standard deviation 1 (divisor N), with what `fit` saw.

    Tables are float tensors (N, D); dtype and device are kept. Constant columns have scale 1.
    """

    def fit(self, x: torch.Tensor) -> "Standardiser":
        ### BEGIN SOLUTION
        self.mean, std = x.mean(dim=0), x.std(dim=0, correction=0)
        constant = x.amax(dim=0) == x.amin(dim=0)
        self.scale = torch.where(constant, torch.ones_like(std), std)
        return self
        ### END SOLUTION

    def transform(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        return (x - self.mean) / self.scale
        ### END SOLUTION

    def inverse(self, z: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        return z * self.scale + self.mean
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-5-4-check", "points": 2}
# Arrange
rows_4 = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
rows_4_kept = rows_4.clone()
signs_4 = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
unit_4 = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
whole_4 = (rows_4_kept - 11) / rows_4_kept.std(correction=0)
min_max_4 = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
centred_4 = torch.tensor([[-1.0, -10.0], [1.0, 10.0]])
# Act
scaler_4 = Standardiser()
scaler_4.fit(rows_4)
scaled_4 = scaler_4.transform(rows_4)
back_4 = scaler_4.inverse(signs_4)
# Assert
check.close(
    scaled_4,
    unit_4,
    "the scaled table",
    ideas={
        "Divisor N - 1: std() needs correction=0": unit_4 / 2**0.5,
        "One mean and one deviation for the whole table: each column has its own (dim=0)": whole_4,
        "This is min-max scaling to [0, 1]": min_max_4,
        "The mean is gone, but nothing was divided": centred_4,
    },
    dtype=True,
    hint="(x - mean) / scale, in the dtype of the table",
)
check.close(
    back_4,
    rows_4_kept,
    "inverse of [[-1, -1], [1, 1]]",
    dtype=True,
    hint="z · scale + mean, in the dtype of the table",
)

# %% [markdown]
# Round trips are a good test of any preprocessing. And the two vectors `mean` and `scale` are part of the model: without them nobody can use it. You will save them in exercise 5.7.
#
# ## More from the same data
#
# An image of a cat, shifted or a little darker, is still a cat. **Augmentation** draws such a change afresh each time a training sample is fetched. Prepared copies on disk would be faster, but fixed; on the fly, the model never sees quite the same image twice.
#
# torchvision's `transforms.v2` has the usual ones. (`ToTensor` is legacy: write `ToImage`, then `ToDtype`.)

# %%
from torchvision import datasets  # only this section and the last need torchvision
from torchvision.transforms import v2

to_numbers = [v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.25] * 3)]
change = [v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip(), v2.RandomRotation(10)]
train_view = v2.Compose([v2.ToImage(), *change, v2.ColorJitter(0.3), *to_numbers])
test_view = v2.Compose([v2.ToImage(), *to_numbers])
for name, view in {"none": None, "test": test_view, "train": train_view}.items():
    data = datasets.FakeData(8, (3, 32, 32), transform=view)  # a built-in set of noise images
    torch.manual_seed(0)
    first, again = data[0][0], data[0][0]
    same = torch.equal(*map(v2.functional.to_image, (first, again)))
    print(f"{name:5} tensor: {isinstance(first, torch.Tensor)}, same when fetched twice: {same}")
turn = v2.RandomRotation(90).eval()
print("turned twice in eval mode, same:", torch.equal(turn(first), turn(first)))

# %% tags=["demo"] alt="Two rows of six small pictures of coloured shapes. In each row: the original, mirrored, rotated a little with black corners, changed in colour, shifted with a black border, and coarse after shrinking."
shapes = gradus.load("cifar10", quiet=True).images[[0, 4]]
torch.manual_seed(3)
views = {
    "original": v2.Identity(),
    "flip": v2.RandomHorizontalFlip(p=1.0),
    "rotation": v2.RandomRotation((25, 25)),
    "jitter": v2.ColorJitter(0.6, 0.6, 0.6, 0.2),
    "crop": v2.RandomCrop(32, padding=8),
    "resize": v2.Compose([v2.Resize(16, antialias=True), v2.Resize(32, antialias=True)]),
}
changed = [view(image) for image in shapes for view in views.values()]
plots.image_grid(torch.stack(changed), [*views, *views], columns=6)

# %% tags=["demo"] alt="Two rows of digits. Above a six, a nine, a two and a five as written. Below, the same turned by 180 degrees or mirrored: the six reads as a nine, the nine as a six, and the mirrored two and five are no proper digits any more."
pick = [int((digits.labels == d).nonzero()[0]) for d in (6, 9, 2, 5)]
written = digits.images[pick]
turned = torch.cat([written[:2].flip(2, 3), written[2:].flip(3)])
names = ["6", "9", "2", "5", "6 turned", "9 turned", "2 mirrored", "5 mirrored"]
plots.image_grid(torch.cat([written, turned]), names, columns=4)

# %% [markdown]
# `ToImage` turns a PIL picture or an array into a tensor, channels first; `ToDtype(scale=True)` makes 0 to 255 into 0 to 1; `Normalize` takes mean and deviation of the *training* set. Any function of an image may stand in a `Compose`. The test view draws nothing.
#
# Each row of the first gallery is one picture, six times: still the same thing? That question is the only rule. In the second the usual advice, flips and rotations, breaks it: a turned 6 is a 9 with the label 6, and a mirrored 2 is no digit. An augmentation must keep the label true.
#
# torchvision's transforms draw in eval mode too: keep two Composes. Next you write some that do look at their mode.

# %% [markdown]
# ### Exercise 5.5 · Three changes of a signal
# ★★★☆☆ · 20 min · implementation · 6 points
#
# Three modules for one sample of shape (…, L), time last. All draw from the generator they are given, afresh at each call, and only in train mode; in eval mode the sample comes back as it is. The input is never written to, and its dtype is kept.
#
# - `AddNoise(sigma, generator)`: adds normal noise of standard deviation sigma to each value.
# - `RandomShift(most, generator)`: moves the sample k places to the right along L, all channels alike, zeros moving in. k is a whole number from −most to most, *both included*, all equally likely; negative is left; most < L.
# - `RandomScale(low, high, generator)`: multiplies the sample by one factor, uniform from low to high.
#
# [1, 2, 3] shifted by 1 is [0, 1, 2], not [3, 1, 2].
#
# <details><summary>Hint 1</summary>
#
# `if not self.training: return x`. `torch.randint(low, high, …)` leaves its top out.
#
# </details>
# <details><summary>Hint 2</summary>
#
# A new `torch.zeros_like(x)`, then for k > 0 `out[..., k:] = x[..., :-k]`. What about k = 0? `F.pad(x, (k, -k))` does all three cases: a negative pad cuts.
#
# </details>


# %% nbgrader={"grade_id": "ex-5-5"}
class AddNoise(nn.Module):
    """Train mode: x + normal noise of standard deviation sigma. Eval mode: x as it is."""

    def __init__(self, sigma: float, generator: torch.Generator) -> None:
        ### BEGIN SOLUTION
        super().__init__()
        self.sigma, self.generator = sigma, generator
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        if not self.training:
            return x
        return x + self.sigma * torch.randn(x.shape, generator=self.generator, dtype=x.dtype)
        ### END SOLUTION


class RandomShift(nn.Module):
    """Train mode: x (..., L) moved right by k from -most to most, zeros moving in. Eval: x."""

    def __init__(self, most: int, generator: torch.Generator) -> None:
        ### BEGIN SOLUTION
        super().__init__()
        self.most, self.generator = most, generator
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        if not self.training:
            return x
        k = int(torch.randint(-self.most, self.most + 1, (), generator=self.generator))
        return F.pad(x, (k, -k))
        ### END SOLUTION


class RandomScale(nn.Module):
    """Train mode: x times one factor, uniform from low to high. Eval mode: x as it is."""

    def __init__(self, low: float, high: float, generator: torch.Generator) -> None:
        ### BEGIN SOLUTION
        super().__init__()
        self.low, self.high, self.generator = low, high, generator
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        if not self.training:
            return x
        return x * (self.low + (self.high - self.low) * torch.rand((), generator=self.generator))
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-5-5-check", "points": 1}
# Arrange
short_5 = torch.tensor([1.0, 2.0, 3.0])
padded_5 = torch.tensor([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 0.0]])
rolled_5 = torch.tensor([[1.0, 2.0, 3.0], [2.0, 3.0, 1.0], [3.0, 1.0, 2.0]])
never_right, never_left = padded_5[1:].clone(), padded_5[:2].clone()
never_moved = padded_5[1:2].clone()
same_two = [torch.tensor([1.0, 2.0, 3.0]) for _ in range(2)]
# Act
mover_5 = RandomShift(1, seeded(3))
seen_5 = torch.stack([mover_5(short_5) for _ in range(80)]).unique(dim=0)
idle_5 = [AddNoise(0.0, seeded(0))(short_5), RandomScale(1.0, 1.0, seeded(0))(short_5)]
# Assert
check.close(
    seen_5,
    padded_5,
    "all shifts of [1, 2, 3] by at most 1 that were seen, sorted",
    ideas={
        "The end comes back in at the start: roll wraps around, zeros should move in": rolled_5,
        "A shift to the right never came: randint leaves its top out": never_right,
        "A shift to the left never came: k may be negative": never_left,
        "Nothing moved in train mode: is `if self.training` the wrong way round?": never_moved,
    },
    hint="k is -1, 0 or 1",
)
check.close(idle_5, same_two, "noise 0 and scale 1", hint="These change nothing")

# %% [markdown]
# Do not expect a fixed gain from augmentation: with plenty of data it may be nothing, with little data much. What is certain is the bug: noise left on while you measure.
#
# ## Samples of different size
#
# Sentences, recordings and clouds of points come in all sizes; a tensor has no ragged edges. `collate_fn`, the loader's function from a list of items to a batch, has to make them equal.

# %%
ragged = [torch.ones(2), torch.ones(3)]
print("the default:", observe.complaint(default_collate, ragged))
lengths = torch.randint(10, 50, (2000,), generator=seeded(0))
print("randint(10, 50): from", lengths.min().item(), "to", lengths.max().item())
cloud = torch.randn(500, 3, generator=seeded(1)) + 4  # a cloud of points, to be made 1024
padded = F.pad(cloud, (0, 0, 0, 524))
again = torch.cat([cloud, cloud[torch.randint(500, (524,), generator=seeded(2))]])
for name, points in {"cloud": cloud, "padded": padded, "resampled": again}.items():
    at_origin = (points == 0).all(dim=1).sum().item()
    print(f"{name:9} centre x {points[:, 0].mean():.2f}, points at the origin: {at_origin}")

# %% [markdown]
# "Lengths from 10 to 50" drawn with `randint(10, 50)` end at 49. And zeros are not nothing: to a cloud, 524 points at the origin are a new object. A *set* can be filled by drawing 524 of its points again. A sequence cannot: it is padded, and the batch has to carry along where the truth ends, as lengths or as a mask.
#
# A **recurrent network** reads a sequence step by step. At each step it computes a new *state*, a vector, from the input and its last state. `nn.GRU` is one; its last state sums up the sequence.

# %% [markdown]
# ### Predict 5.4 · Does padding matter?
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# You feed a GRU a sequence of 3 steps, and then the same sequence padded with zeros to 8 steps. The inputs added are all zero. Its last state after 8 steps, compared with the one after 3:
#
# - a: is another one, since the state moves on with every step
# - b: is the same, since zero inputs add nothing
# - c: is the same, since `nn.GRU` skips padding by itself

# %% nbgrader={"grade_id": "predict-5-4"}
# Write your choice: predict_5_4 = "a", "b" or "c"
### BEGIN SOLUTION
predict_5_4 = "a"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-5-4-check", "points": 0}
# Arrange
# Act
choice = predict_5_4
# Assert
check.one_of(choice, ("a", "b", "c"), "your choice")

# %%
torch.manual_seed(0)
gru = nn.GRU(2, 4, batch_first=True)
alone = [torch.randn(1, length, 2, generator=seeded(length)) for length in (3, 8)]
batch, lengths = pad_sequence([s[0] for s in alone], batch_first=True), torch.tensor([3, 8])
with torch.no_grad():
    true = torch.cat([gru(s)[1][0] for s in alone])
    outputs, last = gru(batch)  # outputs: the state after each step
    packed = pack_padded_sequence(batch, lengths, batch_first=True, enforce_sorted=False)
    after_packing = gru(packed)[1]
print("alone: ", true[0], "\npadded:", last[0, 0], "\npacked:", after_packing[0, 0])
print(
    "unsorted:", observe.complaint(lambda: pack_padded_sequence(batch, lengths, batch_first=True))
)

# %% [markdown]
# With a zero input the state still passes through its own weights, five times more. A **packed** sequence tells the GRU how long each one is; the state then stops at the true end. You may read that packing is an optional speed-up. It is a matter of the right answer. (Lengths in any order need `enforce_sorted=False`. Picking the output at step length − 1 is as right.)

# %% [markdown]
# ### Exercise 5.6 · One batch, the same answers
# ★★★★★ · 25 min · problem solving · 10 points
#
# - `collate(batch)`: from a list of `(sequence (T, D), class number)` to `(padded (B, longest T, D), lengths (B,), classes (B,))`, in the order of the list. Padding is 0 and comes last; lengths and classes are int64.
# - `LastStateGRU(features, hidden, classes)`: a module with `self.gru`, one layer and batch first, and `self.head`, linear. `forward(x, lengths)` gives scores (B, classes) from each sequence's state after its last *true* step.
#
# Each sequence must get the scores that it gets alone, whatever else is in the batch, in whatever order, and whatever stands in the padding. x may be padded further than the longest length. A true step may be zero.
#
# <details><summary>Hint 1</summary>
#
# Pack with `enforce_sorted=False`: PyTorch sorts for itself and puts the final state back into your order. The final state is the *second* thing a GRU returns, (1, B, hidden).
#
# </details>
# <details><summary>Hint 2</summary>
#
# Or run the GRU on all, and pick: `outputs[torch.arange(len(x)), lengths - 1]`.
#
# </details>


# %% nbgrader={"grade_id": "ex-5-6"}
def collate(batch: list) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """[(sequence (T, D), class), ...] → padded (B, longest, D), lengths (B,), classes (B,)."""
    ### BEGIN SOLUTION
    sequences = [sequence for sequence, _ in batch]
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    classes = torch.tensor([int(label) for _, label in batch])
    return pad_sequence(sequences, batch_first=True), lengths, classes
    ### END SOLUTION


class LastStateGRU(nn.Module):
    """Scores from the state after the last true step: self.gru, then self.head."""

    def __init__(self, features: int, hidden: int, classes: int) -> None:
        ### BEGIN SOLUTION
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)
        ### END SOLUTION

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """x: (B, T, features), padded; lengths: (B,), from 1 to T. Returns (B, classes)."""
        ### BEGIN SOLUTION
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, last = self.gru(packed)
        return self.head(last[0])
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-5-6-check", "points": 2}
# Arrange
pair_6 = [(torch.tensor([[7.0]]), 1), (torch.tensor([[1.0], [2.0], [3.0]]), 0)]
padded_6 = torch.tensor([[[7.0], [0.0], [0.0]], [[1.0], [2.0], [3.0]]])
x_6 = torch.tensor([[[1.0], [0.0], [0.0]], [[1.0], [2.0], [-1.0]]])
lengths_6 = torch.tensor([1, 3])
scores_6, padded_scores_6 = [0.66185, 0.81644], [0.91334, 0.81644]
early_scores_6 = [0.91334, 0.74529]
left_6 = padded_6[:, [1, 2, 0]].clone()
left_6[1] = padded_6[1]
# Act
made_6 = collate(pair_6)
model_6 = LastStateGRU(1, 2, 1)
for parameter in model_6.parameters():
    nn.init.constant_(parameter, 0.5)
shape_6 = observe.shapes(model_6(x_6, lengths_6))
answers_6 = model_6(x_6, lengths_6).flatten()
# Assert
check.close(
    made_6,
    [padded_6, torch.tensor([1, 3]), torch.tensor([1, 0])],
    "the batch: padded, lengths, classes",
    dtype=True,
    ideas={
        "The padding stands first: it comes last": [
            left_6,
            torch.tensor([1, 3]),
            torch.tensor([1, 0]),
        ]
    },
    hint="pad_sequence(…, batch_first=True), zeros last; keep the order of the list; int64",
)
check.equal(
    shape_6,
    (2, 1),
    "shape of the scores",
    ideas={
        "Every length was picked from every sequence: one step each, torch.arange(len(x))": (
            2,
            2,
            1,
        ),
        "The axis of the layers is still there: the final state is (1, B, hidden)": (1, 2, 1),
    },
)
check.close(
    answers_6,
    torch.tensor(scores_6),
    "scores of a sequence of 1 and one of 3 steps, all weights 0.5",
    atol=2e-4,
    ideas={
        "The first one was read on through its padding: stop at its length": torch.tensor(
            padded_scores_6
        ),
        "One step too early: of n steps, the last is number n - 1, counted from 0": torch.tensor(
            early_scores_6
        ),
    },
    hint="The state after the last true step, and then self.head",
)


# %% tags=["demo"] alt="Two curves of validation accuracy over six epochs. With the true lengths it rises from about 0.9 to nearly 1. Where the padding is read too it stays far lower."
def too_long(batch):
    x, lengths, classes = collate(batch)
    return x, torch.full_like(lengths, x.shape[1]), classes  # as if every step were true


accuracy, source = {}, seeded(1)
lengths = torch.randint(2, 31, (800,), generator=source)
data = [(s, int(s[-1] > 0)) for s in (torch.randn(n, 1, generator=source) for n in lengths)]
for name, join in {"true lengths": collate, "padding is read": too_long}.items():
    torch.manual_seed(0)
    adam = torch.optim.Adam((model := LastStateGRU(1, 16, 2)).parameters(), lr=0.01)
    train, val = (DataLoader(part, 40, collate_fn=join) for part in (data[:400], data[400:]))
    run = gradus.fit(model, train, F.cross_entropy, adam, epochs=6, val_loader=val)
    accuracy[name] = run["val_accuracy"]
plots.curves(accuracy, title="Which sign came last?", ylabel="validation accuracy")

# %% [markdown]
# Your model, trained to tell the sign of the *last* of 2 to 30 numbers: easy with the true lengths. With padding read as true steps, it has to remember through all the zeros, and stays far behind. Nothing raised.
#
# ## A table, from text to batches
#
# A CSV file is text. Someone decides what is missing, what replaces it, how a word becomes a number, which rows give the statistics, and what is *kept*, so that tomorrow's row is treated alike.
#
# Our table is the real wine data in scikit-learn, 178 wines of three cultivars, some cells blanked as in life. Helpers stand in the folded cell at the top: `wine_text`, `number`, and `table_of`, which makes a dict from column name to a list of texts.

# %%
wine = table_of(wine_text())
print(len(wine), "columns:", *list(wine)[:4], "…", list(wine)[-1])
for row in range(3):
    print([wine[name][row] for name in list(wine)[:5]], "…", wine["kind"][row])
print("missing cells:", sum(cell in MISSING for column in wine.values() for cell in column))
print("classes:", Counter(wine["kind"]))

# %% [markdown]
# ### Exercise 5.7 · From CSV to loaders
# ★★★★★ · 40 min · production · 10 points
#
# Three functions. `rows` are row numbers. A cell in `MISSING` is missing; the label never is. Each column has a present cell in `rows`; no cell says nan or inf; training knows every label.
#
# - `learn_stats(table, rows, label)`: what preprocessing must remember, from these rows only. A column is *numeric* if its present cells in `rows` are all numbers: mean and scale (divisor n, present cells; 1 if all are equal). Any other is *text*: its sorted values. Plain numbers, texts, lists and dicts, so that JSON can keep it.
# - `encode(table, rows, stats)`: X float32 (N, width), y int64 (N,). A number becomes (v − mean)/scale; a missing one, or a word among numbers, 0, which is the mean. A text becomes one column for each known value, 1 where equal; missing or unknown: all 0.
# - `build(table, label, parts, batch_size, noise, seed)`: `(loaders, stats)`, with a loader of batches (X, y) for each of `parts`. `"train"`: stats from its rows; each pass draws as many rows as it has, with replacement, all classes equally often, and adds fresh normal noise of deviation `noise` to X. All others: every row, in order, no noise. The same seed gives the same batches.
#
# Training cells "1", "3", "?": mean 2, scale 1, and encoded −1, 1, 0.
#
# <details><summary>Hint 1</summary>
#
# `[cell for cell in … if cell not in MISSING]` and the given `number`. Write an encoder for one column; `torch.tensor` of a list of rows does the rest.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Weights `1 / y.bincount(minlength=…)[y]` into a `WeightedRandomSampler` with a generator. The noise: a Dataset that adds it in `__getitem__`, from a second generator, or a `collate_fn`.
#
# </details>


# %% nbgrader={"grade_id": "ex-5-7"}
def learn_stats(table: dict[str, list[str]], rows: list[int], label: str) -> dict:
    """{"label": label, "classes": sorted labels of `rows`, "columns": {name: what is known}}.

    For a numeric column {"mean": m, "scale": s}, for a text column {"values": sorted texts};
    columns in the table's order, without the label.
    """
    ### BEGIN SOLUTION
    columns = {}
    for name, cells in table.items():
        present = [cells[r] for r in rows if cells[r] not in MISSING]
        numbers = [number(cell) for cell in present]
        if name == label:
            continue
        if None in numbers:
            columns[name] = {"values": sorted(set(present))}
        else:
            values = torch.tensor(numbers, dtype=torch.float64)
            spread = values.std(correction=0).item() if max(numbers) > min(numbers) else 1.0
            columns[name] = {"mean": values.mean().item(), "scale": spread}
    classes = sorted({table[label][r] for r in rows})
    return {"label": label, "classes": classes, "columns": columns}
    ### END SOLUTION


def encode(
    table: dict[str, list[str]], rows: list[int], stats: dict
) -> tuple[torch.Tensor, torch.Tensor]:
    """X float32 (N, width), columns in the order of stats["columns"]; y int64 (N,)."""
    ### BEGIN SOLUTION
    blocks = []
    for name, known in stats["columns"].items():
        cells = [table[name][r] for r in rows]
        if "values" in known:
            block = [[float(cell == value) for value in known["values"]] for cell in cells]
        else:
            values = [known["mean"] if number(cell) is None else number(cell) for cell in cells]
            block = [[(value - known["mean"]) / known["scale"]] for value in values]
        blocks.append(torch.tensor(block, dtype=torch.float32))
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.cat(blocks, dim=1), torch.tensor(y)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-5-7-b"}
def build(
    table: dict[str, list[str]],
    label: str,
    parts: dict[str, list[int]],
    batch_size: int,
    noise: float,
    seed: int,
) -> tuple[dict[str, DataLoader], dict]:
    """({part: loader}, stats). "train": balanced draws and noise; other parts: in order, as is."""
    ### BEGIN SOLUTION
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name, rows in parts.items():
        x, y = encode(table, rows, stats)
        loaders[name] = DataLoader(TensorDataset(x, y), batch_size)
        if name == "train":
            shaker = seeded(seed + 1)

            def shaken(batch, source=shaker):
                x, y = default_collate(batch)
                return x + noise * torch.randn(x.shape, generator=source), y

            sampler = WeightedRandomSampler(1 / y.bincount()[y], len(y), generator=seeded(seed))
            loaders[name] = DataLoader(
                TensorDataset(x, y), batch_size, sampler=sampler, collate_fn=shaken
            )
    return loaders, stats
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-5-7-check", "points": 2}
# Arrange
fruit = {
    "size": ["1", "3", "?", "100"],
    "colour": ["red", "blue", "", "green"],
    "kind": ["pear", "apple", "pear", "apple"],
}
known_fruit = {
    "label": "kind",
    "classes": ["apple", "pear"],
    "columns": {"size": {"mean": 2.0, "scale": 1.0}, "colour": {"values": ["blue", "red"]}},
}
known_kept = json.loads(json.dumps(known_fruit))
n1_fruit, all_fruit = (json.loads(json.dumps(known_fruit)) for _ in range(2))
n1_fruit["columns"]["size"]["scale"] = 2**0.5
all_fruit["columns"] = {
    "size": {"mean": 104 / 3, "scale": 46.20486},
    "colour": {"values": ["blue", "green", "red"]},
}
x_fruit = torch.tensor([[-1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [98.0, 0.0, 0.0]])
zero_fruit = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 0.0], [98.0, 0.0, 0.0]])
y_fruit = torch.tensor([1, 1, 0])
# Act
learnt_fruit = learn_stats(fruit, [0, 1, 2], "kind")
coded_fruit = encode(fruit, [0, 2, 3], known_fruit)
built_fruit = build(fruit, "kind", {"train": [0, 1, 2], "val": [3]}, 2, 0.0, 0)
batches_fruit = {part: len(built_fruit[0][part]) for part in ("train", "val")}
# Assert
check.close(
    learnt_fruit,
    known_kept,
    "what is learnt from rows 0, 1 and 2",
    ideas={
        "The scale has the divisor n - 1: n is asked for": n1_fruit,
        "Row 3 was read too: only `rows` count": all_fruit,
    },
    hint="Mean and scale of the present numbers in `rows`, sorted texts and classes, no missing cell",
)
check.close(
    coded_fruit,
    [x_fruit, y_fruit],
    "rows 0, 2 and 3 encoded",
    dtype=True,
    ideas={
        "A missing number becomes the mean, which is 0 after scaling, not the number 0 before it": [
            zero_fruit,
            y_fruit,
        ]
    },
    hint="A value that rows 0 to 2 do not have, such as green, gets zeros only",
)
check.equal(
    batches_fruit,
    {"train": 2, "val": 1},
    "number of batches",
    hint="train draws as many rows as it has; all loaders keep a short last batch",
)

# %% tags=["demo"]
labels = torch.tensor([int(kind[-1]) for kind in wine["kind"]])
cut = stratified_split(labels, [0.6, 0.2, 0.2], seed=0)
parts = dict(zip(("train", "val", "test"), (part.tolist() for part in cut), strict=True))
loaders, stats = build(wine, "kind", parts, batch_size=16, noise=0.1, seed=0)
torch.manual_seed(0)
model, loss = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3)), F.cross_entropy
adam = torch.optim.Adam(model.parameters(), lr=0.01)
gradus.fit(model, loaders["train"], loss, adam, epochs=20, val_loader=loaders["val"])
print("test accuracy:", round(gradus.evaluate(model, loaders["test"], loss)["accuracy"], 2))
kept = json.loads(json.dumps(stats))  # what would lie in a file beside the weights
x, y = encode(wine, parts["test"], kept)
known = kept["columns"].values()
raw = x * torch.tensor([c["scale"] for c in known]) + torch.tensor([c["mean"] for c in known])
print(f"statistics lost, raw numbers in: {(model(raw).argmax(dim=1) == y).float().mean():.2f}")

# %% [markdown]
# With the statistics the model knows most wines that it never saw; fed the raw numbers, the same weights are hardly better than a guess. So the dict from `learn_stats` is saved beside the weights, always: whoever loads one needs the other.
#
# ## Down to the bytes
#
# Some data do not fit in memory. A **lazy** Dataset keeps paths and opens image i in `__getitem__` (torchvision's `ImageFolder` does). For one large array, a **memory map** reads from the disk just the rows that you touch. Many examples map the file with `np.memmap`. On a `.npy` file that goes wrong without a word.


# %%
np.save(path := saved(b"", "rows.npy"), np.arange(12, dtype=np.float32).reshape(3, 4))
print("np.memmap, row 0:", np.memmap(path, dtype=np.float32, mode="r", shape=(3, 4))[0])
print("np.load,   row 0:", np.load(path, mmap_mode="r")[0])
print("the file begins:", path.read_bytes()[:6], "and has", path.stat().st_size, "bytes, not 48")


class LazyRows(Dataset):
    def __init__(self, path):
        self.rows = np.load(path, mmap_mode="r")

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return torch.from_numpy(self.rows[i].copy())  # a copy: the map itself is read-only


# %% [markdown]
# A `.npy` file begins with a header, here of 128 bytes: type, shape, order. `np.memmap` reads it as numbers, and every row moves. `np.load(…, mmap_mode="r")` knows the header.
#
# A binary file is bytes and an agreement. MNIST's format, **IDX**, is a small one:
#
# | bytes | meaning |
# |---|---|
# | 0, 1 | zero |
# | 2 | type of the numbers: 8 is one unsigned byte |
# | 3 | number of dimensions d |
# | then d × 4 | the sizes, **big-endian**: highest byte first |
# | the rest | the numbers, last dimension fastest |
#
# The first four, the *magic number*, read as one integer: 2051 for images, 2049 for labels.

# %%
print("lazy batch:", next(iter(DataLoader(LazyRows(path), batch_size=2))).tolist())
header = struct.pack(">IIII", 2051, 60000, 28, 28)
print("bytes:", header[:8].hex(" "))
print("big-endian:   ", struct.unpack(">IIII", header))
print("little-endian:", struct.unpack("<IIII", header))

# %% [markdown]
# ### Exercise 5.8 · Reading IDX files
# ★★★☆☆ · 20 min · production · 6 points
#
# Read the wrong way round, that header promises 1.6 billion images, and nothing complains. So check magic number and length.
#
# Write `read_idx(path)` for unsigned bytes, plain or gzip. Go by the content, not by the name: a gzip file begins with 1f 8b.
#
# - Images (magic 2051; sizes N, H, W): float32 of shape (N, 1, H, W), from 0 to 1.
# - Labels (magic 2049; size N): int64 of shape (N,).
# - All else raises `ValueError`: another magic number; fewer or more bytes than the header promises; an end inside it; a gzip file cut off.
#
# The bytes `00 00 08 01 00 00 00 02 07 03` are the labels [7, 3].
#
# <details><summary>Hint 1</summary>
#
# `data = Path(path).read_bytes()`; if it begins with `b"\x1f\x8b"`, `gzip.decompress(data)`, which raises `EOFError` when the end is missing. `int.from_bytes(data[4:8], "big")` is one size.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `np.frombuffer(data, np.uint8, offset=16)` are the pixels, read-only. Copy, before or by converting: `torch.tensor(array)`, then `.float() / 255`. The length must be 16 + N · H · W exactly.
#
# </details>


# %% nbgrader={"grade_id": "ex-5-8"}
def read_idx(path: str | Path) -> torch.Tensor:
    """Images float32 (N, 1, H, W) from 0 to 1, or labels int64 (N,), from an IDX file.

    path: plain or gzip. ValueError for another magic number, a wrong length, a gzip cut off.
    """
    ### BEGIN SOLUTION
    data = Path(path).read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except EOFError as error:
            raise ValueError(f"{path} is only half there") from error
    magic = int.from_bytes(data[:4], "big")
    if magic not in (2049, 2051):
        raise ValueError(f"{path} does not begin like labels or images")
    start = 4 + 4 * (magic - 2048)
    shape = [int.from_bytes(data[at : at + 4], "big") for at in range(4, start, 4)]
    count = math.prod(shape)
    if len(data) != start + count:
        raise ValueError(f"{path} has {len(data)} bytes, its header promises {start + count}")
    numbers = torch.tensor(np.frombuffer(data, np.uint8, offset=start)).reshape(shape)
    return numbers.long() if magic == 2049 else numbers[:, None].float() / 255
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-5-8-check", "points": 2}
# Arrange
label_bytes = bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 3])
image_bytes = bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 51, 102, 153, 204, 255])
true_image = torch.tensor([[[[0.0, 0.2, 0.4], [0.6, 0.8, 1.0]]]])
# Act
errors_8 = [
    observe.error(read_idx, saved(label_bytes)),
    observe.error(read_idx, saved(image_bytes)),
]
labels_8 = None if errors_8[0] else read_idx(saved(label_bytes))
image_8 = None if errors_8[1] else read_idx(saved(image_bytes))
# Assert
check.equal(
    errors_8,
    [None, None],
    "errors at two sound files",
    hint="Bytes in the wrong order? 17301504 and 50855936 are 2049 and 2051, read little-endian",
)
check.equal(labels_8, torch.tensor([7, 3]), "two labels", hint="int64, from byte 8 on")
check.close(
    image_8,
    true_image,
    "one image of 2 × 3 pixels",
    dtype=True,
    ideas={
        "The values still go to 255": true_image * 255,
        "The channel axis is missing: (N, 1, H, W)": true_image[:, 0].clone(),
    },
    hint="float32 from 0 to 1; the pixels begin at byte 16",
)

# %% tags=["demo"] alt="Twelve handwritten digits in a row, read from a file, with their labels above them."
raw_folder = Path(tempfile.mkdtemp()) / "MNIST" / "raw"
raw_folder.mkdir(parents=True)
for part in ("train", "t10k"):  # the layout that torchvision expects
    pixels, classes = digits.images[:12, 0], digits.labels[:12].byte()
    for kind, magic, array in (("images-idx3", 2051, pixels), ("labels-idx1", 2049, classes)):
        head = struct.pack(f">{1 + array.ndim}I", magic, *array.shape)
        (raw_folder / f"{part}-{kind}-ubyte").write_bytes(head + array.numpy().tobytes())
mine = read_idx(raw_folder / "train-images-idx3-ubyte")
theirs = datasets.MNIST(raw_folder.parents[1], transform=v2.PILToTensor())
equal = all(torch.equal(theirs[i][0] / 255, mine[i]) for i in range(12))
print(len(theirs), "images by torchvision, equal to yours:", equal)
names = read_idx(raw_folder / "train-labels-idx1-ubyte").tolist()
plots.image_grid(mine, names, columns=12)

# %% [markdown]
# Your reader and `torchvision.datasets.MNIST` agree. A built-in set is no more than this: a folder, a reader, a transform hook.
#
# ## What to remember
#
# - A Dataset answers `len` and `[i]`, and raises IndexError. A DataLoader chooses, fetches, collates.
# - Classes int64, images with their channel axis.
# - Split first. By class if one is rare, by time if there is time, with a gap of w + h − 1 starts.
# - Statistics: of training rows, per feature, scale 1 where nothing varies, saved with the weights.
# - Augmentation and weighted sampling are for training; an augmentation keeps the label true.
# - Padding changes a recurrent network's answer. Pack, or pick the last true step.
# - A new file: check its first bytes and its length.

# %% [markdown]
# ## References
#
# - Y. LeCun, C. Cortes, C. Burges, *The MNIST database of handwritten digits*, 1998: the data and the IDX format.
# - H. Xiao, K. Rasul, R. Vollgraf, *Fashion-MNIST*, 2017: the same format, harder pictures.
# - S. Kaufman, S. Rosset, C. Perlich, *Leakage in Data Mining*, KDD 2011: formulation, detection and avoidance of leaks.
# - C. Bergmeir, J. M. Benítez, *On the use of cross-validation for time series predictor evaluation*, Information Sciences, 2012.
# - K. Cho et al., *Learning Phrase Representations using RNN Encoder–Decoder*, EMNLP 2014: the GRU.
# - C. Shorten, T. M. Khoshgoftaar, *A survey on Image Data Augmentation for Deep Learning*, Journal of Big Data, 2019.
# - S. Aeberhard, M. Forina, *Wine*, UCI Machine Learning Repository, 1991: the table.

# %% [markdown]
# ## Hidden tests
#
# <details><summary>What stands here</summary>
#
# The cells below hold the rest of the tests; in your copy they are empty but for a title. They run when you hand in, on other sizes and harder cases than the checks above.
#
# </details>

# %% nbgrader={"grade_id": "predict-5-1-hidden-1", "points": 1}
# Hidden test predict 5.1 · walking through a Dataset · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_5_1
# Assert
check.equal(
    choice,
    "b",
    "your choice",
    ideas={
        "A for loop never calls len: it counts on until __getitem__ raises IndexError": "a",
        "Python can walk through anything with __getitem__, by counting from 0": "c",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-5-2-hidden-1", "points": 1}
# Hidden test predict 5.2 · what balance costs · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_5_2
# Assert
check.equal(
    choice,
    "c",
    "your choice",
    ideas={
        "Once would leave the classes as unequal as they are": "a",
        "Half of all draws go to class B, and they fall on ten samples only": "b",
        "The ratio of the classes is 99, but B gets half of the draws, not as many as A has rows": "d",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-5-3-hidden-1", "points": 1}
# Hidden test predict 5.3 · a random split of windows · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_5_3
# Assert
check.equal(
    choice,
    "c",
    "your choice",
    ideas={
        "20 % is the size of the validation part: each window overlaps 118 others": "a",
        "80 % is the chance for one neighbour: each window overlaps 118 others": "b",
        "The window numbers are kept apart, the points inside the windows are not": "d",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-5-4-hidden-1", "points": 1}
# Hidden test predict 5.4 · does padding matter? · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_5_4
# Assert
check.equal(
    choice,
    "a",
    "your choice",
    ideas={
        "At each step the state also passes through its own weights and biases": "b",
        "A GRU sees numbers; nothing tells it which zeros are padding": "c",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-1-hidden-1", "points": 1}
# Hidden test 5.1 · drawn once, from the seed · 1 point
### BEGIN HIDDEN TESTS
# Arrange
world_5 = torch.rand(3, generator=seeded(11))
# Act
torch.manual_seed(11)
line_9, twin_9, other_9 = LinearData(9, 0.5, 7), LinearData(9, 0.5, 7), LinearData(9, 0.5, 8)
world_after = torch.rand(3)
asked = [torch.cat(line_9[4]), torch.cat(line_9[4]), torch.cat(twin_9[4]), torch.cat(other_9[4])]
stable = [torch.equal(asked[0], asked[k]) for k in range(4)]
# Assert
check.equal(
    stable,
    [True, True, True, False],
    "item 4 equal: to itself, asked again, same seed, other seed",
    ideas={
        "The item changes each time you ask: draw in __init__, not in __getitem__": [
            True,
            False,
            False,
            False,
        ],
        "The item changes when you ask again: draw in __init__, not in __getitem__": [
            True,
            False,
            True,
            False,
        ],
        "Every seed gives the same data": [True, True, True, True],
        "The same seed gives other data: hand a generator to every draw": [
            True,
            True,
            False,
            False,
        ],
    },
)
check.equal(
    world_after,
    world_5,
    "the global generator afterwards",
    hint="Draw from a generator of your own, seeded(seed)",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-1-hidden-2", "points": 1}
# Hidden test 5.1 · weights, noise and dtype · 1 point
### BEGIN HIDDEN TESTS
# Arrange
truth_weights, spread_true = torch.tensor([2.0, 3.0]), 0.25
# Act
x_all, y_all = next(iter(DataLoader(LinearData(8000, 0.25, 3), batch_size=8000)))
dtypes_5 = [str(x_all.dtype), str(y_all.dtype)]
found_5 = torch.linalg.lstsq(x_all.double(), y_all.reshape(-1, 1).double()).solution.flatten()
rest_5 = y_all.flatten().double() - x_all.double() @ found_5
spread_5 = rest_5.std().item()
moments_5 = torch.cat([x_all.mean(dim=0), x_all.std(dim=0), x_all.pow(4).mean(dim=0) / 4])
batch_5 = observe.shapes([x_all, y_all])
# Assert
check.equal(batch_5, [(8000, 2), (8000, 1)], "shapes of a batch of 8000")
check.equal(dtypes_5, ["torch.float32", "torch.float32"], "dtypes of x and y")
check.close(found_5, truth_weights, "the weights that least squares finds", atol=0.03)
check.close(
    spread_5,
    spread_true,
    "the deviation of the noise",
    rtol=0.05,
    ideas={
        "sigma was used as a variance: it is the standard deviation": 0.5,
        "The noise is uniform, not normal": 0.25 / 12**0.5,
    },
    hint="sigma * torch.randn(...)",
)
check.close(
    moments_5,
    torch.tensor([0.0, 0.0, 1.0, 1.0, 0.75, 0.75]),
    "mean, deviation and a quarter of the fourth moment of x",
    atol=0.2,
    hint="x is standard normal: randn, not rand",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-1-hidden-3", "points": 1}
# Hidden test 5.1 · the end · 1 point
### BEGIN HIDDEN TESTS
# Arrange
seven = 7
# Act
line_7 = LinearData(seven, 0.1, 0)
beyond = [observe.error(lambda: line_7[7]), observe.error(lambda: line_7[700])]
walked = observe.take(line_7, 40)
walked_7 = len(walked)
# Assert
check.raised(beyond[0], IndexError, "item 7 of 7", hint="Items end at n - 1")
check.raised(beyond[1], IndexError, "item 700 of 7")
check.equal(walked_7, 7, "items in a plain loop", hint="IndexError ends a plain loop")
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-5-2-reference", "points": 0}
### BEGIN HIDDEN TESTS
def quotas(y, fracs):
    """fraction × size for each part and each class, (parts, classes)."""
    sizes = torch.stack([(y == value).sum() for value in y.unique()])
    return torch.tensor(fracs)[:, None] * sizes


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-2-hidden-1", "points": 1}
# Hidden test 5.2 · each index once · 1 point
### BEGIN HIDDEN TESTS
# Arrange
y_odd = torch.randint(0, 5, (337,), generator=seeded(52))
fracs_odd = [0.29, 0.57, 0.14]
once = torch.ones(337, dtype=torch.int64)
# Act
parts_odd = stratified_split(y_odd, fracs_odd, 3)
spread_odd = torch.cat([torch.as_tensor(parts_odd[k]).flatten().long() for k in range(3)])
uses_odd = spread_odd.bincount(minlength=337)
kinds_odd = [str(torch.as_tensor(parts_odd[k]).dtype) for k in range(3)]
# Assert
check.equal(
    uses_odd,
    once,
    "how often each index is used",
    hint="Some index is lost or used twice: int(frac * n) cuts down; round the cuts, up to n itself",
)
check.equal(kinds_odd, ["torch.int64"] * 3, "dtypes of the parts")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-2-hidden-2", "points": 1}
# Hidden test 5.2 · shares, with a class of four and odd names · 1 point
### BEGIN HIDDEN TESTS
# Arrange
mixed_52 = torch.tensor([7] * 903 + [-3] * 93 + [40] * 4)[torch.randperm(1000, generator=seeded(5))]
names_52 = [-3, 7, 40]
wanted_52 = quotas(mixed_52.clone(), [0.7, 0.15, 0.15])
floored_52 = wanted_52.floor()
floored_52[2] += wanted_52.sum(dim=0).round() - floored_52.sum(dim=0)
# Act
parts_52 = stratified_split(mixed_52, [0.7, 0.15, 0.15], 8)
held_52 = [mixed_52[torch.as_tensor(parts_52[k]).long()] for k in range(3)]
counts_52 = torch.tensor(
    [[float((held_52[k] == name).sum()) for name in (-3, 7, 40)] for k in range(3)]
)
# Assert
check.close(
    counts_52,
    wanted_52,
    "samples of each class in each part",
    atol=1.001,
    rtol=0,
    ideas={
        "Sizes cut down, all the rest in the last part: round the cuts, not the sizes": floored_52
    },
    hint="Within 1 of frac * size for every class, whatever its name and size: cut class by class",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-2-hidden-3", "points": 1}
# Hidden test 5.2 · the seed decides · 1 point
### BEGIN HIDDEN TESTS
# Arrange
y_200 = torch.arange(200) % 2
calm_52 = torch.rand(3, generator=seeded(12))
# Act
torch.manual_seed(12)
runs_52 = [stratified_split(y_200, [0.6, 0.4], s) for s in (0, 0, 1)]
after_52 = torch.rand(3)
sets_52 = [torch.as_tensor(runs_52[k][0]).flatten().sort().values for k in range(3)]
alike_52 = [torch.equal(sets_52[0], sets_52[k]) for k in range(3)]
# Assert
check.equal(
    alike_52,
    [True, True, False],
    "members of the first part equal: to itself, same seed, other seed",
    ideas={
        "Another seed gives the same members: shuffle each class before you cut it": [
            True,
            True,
            True,
        ],
        "The same seed gives other members: seed the generator you shuffle with": [
            True,
            False,
            False,
        ],
    },
)
check.equal(
    after_52,
    calm_52,
    "the global generator afterwards",
    hint="Shuffle with a generator of your own: randperm(n, generator=...)",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-3-hidden-1", "points": 1}
# Hidden test 5.3 · the last window, two columns · 1 point
### BEGIN HIDDEN TESTS
# Arrange
series_2d = torch.randn(31, 2, generator=seeded(53))
tail_true = [series_2d[24:28].clone(), series_2d[28:31].clone()]
before_true = [series_2d[23:27].clone(), series_2d[27:30].clone()]
# Act
pane = Windows(series_2d, 4, 3)
count_31 = len(pane)
tail_31 = pane[24]
negative = observe.error(lambda: pane[-1])
minus_31, second_31 = (None, None) if negative else (pane[-1], pane[-2])
# Assert
check.equal(count_31, 25, "number of windows")
check.close(tail_31, tail_true, "the last window")
check.equal(
    negative,
    None,
    "an error at item -1",
    hint="Negative numbers count from the end, as in a list: add len(self)",
)
check.close(
    minus_31,
    tail_true,
    "item -1",
    hint="Negative numbers count from the end, as in a list: add len(self)",
)
check.close(second_31, before_true, "item -2")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-3-hidden-2", "points": 1}
# Hidden test 5.3 · beyond the ends, and too short a series · 1 point
### BEGIN HIDDEN TESTS
# Arrange
eight = torch.arange(8.0)
# Act
pane_8 = Windows(eight, 3, 2)
outside = [observe.error(lambda: pane_8[4]), observe.error(lambda: pane_8[-5])]
walk_8 = len(observe.take(pane_8, 50))
short_error = observe.error(lambda: len(Windows(eight, 7, 3)))
short_8 = None if short_error else len(Windows(eight, 7, 3))
exact_8 = len(Windows(eight, 6, 2))
# Assert
check.raised(
    outside[0], IndexError, "item 4 of 4", hint="Slices do not raise: compare i with len(self)"
)
check.raised(outside[1], IndexError, "item -5 of 4", hint="Check again after adding the length")
check.equal(walk_8, 4, "items in a plain loop", hint="IndexError ends a plain loop")
check.equal(
    short_8,
    0,
    "length where no window fits",
    ideas={"len() may not be negative: take max(0, ...)": None},
)
check.equal(exact_8, 1, "length where one window fits exactly")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-3-hidden-3", "points": 1}
# Hidden test 5.3 · cuts and gaps of three parts · 1 point
### BEGIN HIDDEN TESTS
# Arrange
by_time = [list(range(29 - 6)), list(range(29, 80 - 6)), list(range(80, 100 - 6))]
cut_down = [list(range(28 - 6)), list(range(28, 80 - 6)), list(range(80, 100 - 6))]
ungapped = [list(range(29)), list(range(29, 80)), list(range(80, 94))]
one_short = [list(range(29 - 7)), list(range(29, 80 - 7)), list(range(80, 100 - 7))]
sized = [list(range(28 - 6)), list(range(28, 79 - 6)), list(range(79, 99 - 6))]
one_more = [list(range(29 - 5)), list(range(29, 80 - 5)), list(range(80, 100 - 5))]
# Act
split_100 = time_split(100, [0.29, 0.51, 0.2], 5, 2)
starts_100 = [observe.take(split_100[k], 199) for k in range(3)]
split_tiny = time_split(40, [0.8, 0.1, 0.1], 5, 2)
starts_tiny = [observe.take(split_tiny[k], 99) for k in range(3)]
# Assert
check.equal(
    starts_100,
    by_time,
    "windows of three parts",
    ideas={
        "int() cut 0.29 · 100 down to 28: round": cut_down,
        "The gap is missing: a window belongs to a part if its last point does": ungapped,
        "One window too many in each part: it reaches one point into the next": one_more,
        "The last window of each part is missing: a range leaves its end out": one_short,
        "int() cut down the size of each part: round the cuts, not the sizes": sized,
    },
    hint="Cut at round(n · (f₁ + … + fₖ)); the last w + h - 1 starts before a cut have no window",
)
check.equal(
    starts_tiny,
    [list(range(26)), [], []],
    "windows where two parts are too short for any",
    hint="A part with fewer than w + h points holds no window",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-3-hidden-4", "points": 1}
# Hidden test 5.3 · no point in two parts · 1 point
### BEGIN HIDDEN TESTS
# Arrange
clock_points = torch.arange(200.0)
covered_true = torch.zeros(3, 200, dtype=torch.int64)
covered_true[0, :140] = 1
covered_true[1, 140:170] = 1
covered_true[2, 170:] = 1
# Act
pieces_200 = time_split(200, [0.7, 0.15, 0.15], 12, 5)
loaders_200 = [
    DataLoader(Subset(Windows(clock_points, 12, 5), observe.take(pieces_200[k], 400)), 500)
    for k in range(3)
]
read_200 = [torch.cat(next(iter(loaders_200[k])), dim=1).flatten().long() for k in range(3)]
covered = torch.stack([read_200[k].bincount(minlength=200).clamp(max=1) for k in range(3)])
# Assert
check.equal(
    covered,
    covered_true,
    "points that each part's windows touch",
    hint="A point lies in windows of two parts, or in none: cut by points, then keep whole windows",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-4-hidden-1", "points": 2}
# Hidden test 5.4 · what fit saw, and nothing else · 2 points
### BEGIN HIDDEN TESTS
# Arrange
train_54 = torch.randn(40, 3, generator=seeded(54)) * torch.tensor([1.0, 50.0, 1e-4])
train_54[:, :2] += 2
test_54 = 3 * torch.randn(15, 3, generator=seeded(55)) + 9
mean_54, std_54 = train_54.mean(dim=0), train_54.std(dim=0, correction=0)
train_scaled, test_scaled = (train_54 - mean_54) / std_54, (test_54 - mean_54) / std_54
refitted = (test_54 - test_54.mean(dim=0)) / test_54.std(dim=0, correction=0)
divided_n1 = (test_54 - mean_54) / train_54.std(dim=0)
# Act
scaler_54 = Standardiser()
scaler_54.fit(train_54.clone())
moved_54 = observe.copy(scaler_54.transform(test_54.clone()))
again_54 = observe.copy(scaler_54.transform(train_54.clone()))
one_54 = observe.copy(scaler_54.transform(test_54[:1].clone()))
# Assert
check.close(
    moved_54,
    test_scaled,
    "a test table",
    rtol=1e-3,
    atol=1e-3,
    ideas={
        "transform used the statistics of the test table: only fit learns": refitted,
        "Divisor N - 1: std() needs correction=0": divided_n1,
    },
    hint="Scale with mean and deviation of the table given to fit; a tiny spread is a spread",
)
check.close(again_54, train_scaled, "the training table afterwards", rtol=1e-3, atol=1e-3)
check.close(one_54, test_scaled[:1].clone(), "a table of one row", rtol=1e-3, atol=1e-3)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-4-hidden-2", "points": 1}
# Hidden test 5.4 · constant columns · 1 point
### BEGIN HIDDEN TESTS
# Arrange
steady = torch.full((1003, 3), 0.1)
steady[:, 1] = 7.0
steady[:, 2] = torch.arange(1003) % 2 * 2.0  # mean about 1, scale about 1
fresh = torch.tensor([[0.6, 8.0, 5.0]])
fresh_true = [0.5, 1.0]
zeros_true = torch.zeros(1003, 2)
fresh_kept = fresh.clone()
sizes_c = [10, 64, 500, 777, 1000]  # tables of one column, whose deviation is not quite 0
lonely_c = [torch.full((n, 1), 0.1) for n in sizes_c]
level_c = [torch.zeros(n, 1) for n in sizes_c]
# Act
scaler_c = Standardiser()
scaler_c.fit(steady)
zeros_c = observe.copy(scaler_c.transform(steady.clone())[:, :2])
fresh_c = observe.copy(scaler_c.transform(fresh.clone())[0, :2])
return_c = observe.copy(scaler_c.inverse(scaler_c.transform(fresh.clone())))
scalers_c = [Standardiser() for _ in range(5)]
for k in range(5):
    scalers_c[k].fit(lonely_c[k].clone())
rounded_c = [observe.copy(scalers_c[k].transform(lonely_c[k].clone())) for k in range(5)]
# Assert
check.close(
    zeros_c,
    zeros_true,
    "two constant columns, scaled",
    atol=1e-4,
    hint="Divided by 0 or by a rounding error: compare largest and smallest, and take scale 1",
)
check.close(
    rounded_c,
    level_c,
    "tables of one column, 0.1 in every row",
    atol=1e-4,
    hint="A rounding error is no spread: compare largest and smallest value, not the deviation with 0",
)
check.close(
    fresh_c,
    torch.tensor(fresh_true),
    "a new value in a constant column",
    atol=1e-4,
    hint="The scale of a constant column is 1, so this is v - mean",
)
check.close(
    return_c,
    fresh_kept,
    "there and back",
    rtol=1e-3,
    hint="inverse multiplies by exactly the scale that transform divides by",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-4-hidden-3", "points": 1}
# Hidden test 5.4 · dtype kept, tables untouched, any layout · 1 point
### BEGIN HIDDEN TESTS
# Arrange
double_54 = (torch.rand(4, 25, generator=seeded(56), dtype=torch.float64) * 9 + 1000).T
double_kept = double_54.clone()
double_scaled = (double_kept - double_kept.mean(dim=0)) / double_kept.std(dim=0, correction=0)
double_back = double_54.clone()
spare_54 = double_54.clone()
single_54 = torch.randn(12, 2, generator=seeded(59)) + 1
single_scaled = (single_54 - single_54.mean(dim=0)) / single_54.std(dim=0, correction=0)
single_back = single_54.clone()
# Act
scaler_d = Standardiser()
scaler_d.fit(double_54)
forward_d = observe.copy(scaler_d.transform(double_54))
backward_d = observe.copy(scaler_d.inverse(scaler_d.transform(spare_54)))
after_d = observe.copy(double_54)
scaler_s = Standardiser()
scaler_s.fit(single_54.clone())
forward_s = observe.copy(scaler_s.transform(single_54.clone()))
backward_s = observe.copy(scaler_s.inverse(scaler_s.transform(single_54.clone())))
# Assert
check.close(
    forward_d,
    double_scaled,
    "a float64 table",
    rtol=1e-9,
    atol=1e-9,
    dtype=True,
    hint="(x - mean) / scale in the dtype of the table, divisor N, nothing added to the scale",
)
check.close(backward_d, double_back, "there and back", rtol=1e-12, dtype=True)
check.close(forward_s, single_scaled, "a float32 table", rtol=1e-4, atol=1e-5, dtype=True)
check.close(
    backward_s, single_back, "a float32 table, there and back", rtol=1e-4, atol=1e-5, dtype=True
)
check.unchanged(after_d, double_kept, "the table", hint="Use x - mean, not x -= mean")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-5-hidden-1", "points": 1}
# Hidden test 5.5 · shifts of two channels, all equally likely · 1 point
### BEGIN HIDDEN TESTS
# Arrange
wave = torch.arange(1.0, 15.0).reshape(2, 7)
moves = {k: torch.zeros(2, 7) for k in range(-3, 4)}
for k in range(-3, 4):
    moves[k][:, max(0, k) : 7 + min(0, k)] = wave[:, max(0, -k) : 7 - max(0, k)]
moved_all = torch.stack([moves[k].flatten() for k in range(-3, 4)]).unique(dim=0)
wrapped = torch.stack([wave.roll(k, 1).flatten() for k in range(-3, 4)]).unique(dim=0)
no_top = torch.stack([moves[k].flatten() for k in range(-3, 3)]).unique(dim=0)
unmoved = moves[0].flatten()[None].clone()
# Act
mover = RandomShift(3, seeded(30))
shifted_stack = torch.stack([mover(wave).flatten() for _ in range(1400)])
kinds_w, found_w = shifted_stack.unique(dim=0, return_counts=True)
counts_w = found_w.float()
# Assert
check.close(
    kinds_w,
    moved_all,
    "the different results in 1400 calls",
    ideas={
        "roll wraps around: zeros should move in": wrapped,
        "The largest shift never came: randint leaves its top out": no_top,
        "Nothing moved in train mode": unmoved,
    },
    hint="Every k from -most to most comes, and both channels move together",
)
check.close(
    counts_w,
    torch.full((7,), 200.0),
    "how often each came",
    atol=75,
    hint="All shifts are equally likely",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-5-hidden-2", "points": 1}
# Hidden test 5.5 · the noise · 1 point
### BEGIN HIDDEN TESTS
# Arrange
calm = torch.full((2, 4000), 3.0, dtype=torch.float64)
deviation = 0.25
# Act
shaker = AddNoise(0.25, seeded(31))
shaken = [shaker(calm.clone()) for _ in range(3)]
noise_kind = str(shaken[0].dtype)
noise_there = bool((shaken[0] != calm).any())
noise_std = (shaken[0] - calm).std().item()
noise_mean = (shaken[0] - calm).mean().item()
renewed = (shaken[1] - shaken[0]).std().item()
noise_rows = (shaken[2][0] - shaken[2][1]).std().item()
# Assert
check.equal(noise_kind, "torch.float64", "dtype of the result")
check.equal(
    noise_there,
    True,
    "is there noise in train mode",
    hint="Ask self.training: in train mode return the sample with noise",
)
check.close(
    noise_std,
    deviation,
    "deviation of the noise",
    rtol=0.06,
    ideas={
        "sigma was used as a variance: it is the standard deviation": 0.5,
        "One number for the whole sample: draw one for each value": 0.0,
        "The noise is uniform, not normal": 0.25 / 12**0.5,
    },
)
check.number(noise_mean, -0.02, 0.02, "mean of the noise", hint="Normal noise around 0")
check.close(
    renewed,
    0.25 * 2**0.5,
    "difference between two calls",
    rtol=0.06,
    ideas={"The second call repeats the noise: draw in forward": 0.0},
)
check.close(
    noise_rows,
    0.25 * 2**0.5,
    "difference between two channels",
    rtol=0.06,
    hint="Each value has noise of its own",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-5-hidden-3", "points": 1}
# Hidden test 5.5 · one factor a sample · 1 point
### BEGIN HIDDEN TESTS
# Arrange
ones_5 = torch.ones(3, 5)
middle = 1.25
# Act
stretcher = RandomScale(0.5, 2.0, seeded(32))
stretched = torch.stack([stretcher(ones_5).flatten() for _ in range(1500)])
uneven = (stretched.amax(dim=1) - stretched.amin(dim=1)).max().item()
factor_mean = stretched[:, 0].mean().item()
factor_std = stretched[:, 0].std().item()
smallest, largest = stretched.min().item(), stretched.max().item()
# Assert
check.close(
    uneven, 0.0, "spread of the factor in one sample", hint="One factor for the whole sample"
)
check.number(smallest, 0.5, 0.52, "smallest factor of 1500", hint="Uniform from low to high")
check.number(largest, 1.98, 2.0, "largest factor of 1500", hint="low + (high - low) * rand")
check.close(factor_mean, middle, "mean factor", atol=0.06, hint="Uniform from low to high")
check.close(factor_std, 1.5 / 12**0.5, "deviation of the factors", atol=0.03)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-5-hidden-4", "points": 1}
# Hidden test 5.5 · eval mode, and the input · 1 point
### BEGIN HIDDEN TESTS
# Arrange
signal_5 = torch.randn(2, 6, generator=seeded(57))
signal_kept, signal_back = signal_5.clone(), [signal_5.clone() for _ in range(3)]
# Act
trio = [AddNoise(1.0, seeded(1)), RandomShift(4, seeded(2)), RandomScale(2.0, 3.0, seeded(3))]
at_work = [trio[k](signal_5) for k in range(3) for _ in range(5)]
signal_after = observe.copy(signal_5)
at_rest = [observe.copy(trio[k].eval()(signal_5)) for k in range(3)]
changed_5 = [
    max((at_work[5 * k + j] - signal_5).abs().max().item() for j in range(5)) > 0.01
    for k in range(3)
]
# Assert
check.unchanged(signal_after, signal_kept, "the input", hint="No +=, no mul_: return a new tensor")
check.equal(changed_5, [True, True, True], "is the sample changed in train mode")
check.close(
    at_rest,
    signal_back,
    "noise, shift and scale in eval mode",
    hint="Ask self.training: in eval mode return the sample as it is",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-5-hidden-5", "points": 1}
# Hidden test 5.5 · the generator that was given · 1 point
### BEGIN HIDDEN TESTS
# Arrange
signal_g = torch.randn(1, 12, generator=seeded(58))
world_g = torch.rand(3, generator=seeded(13))
# Act
torch.manual_seed(13)
makers = [
    [AddNoise(1.0, seeded(s)), RandomShift(9, seeded(s)), RandomScale(2.0, 9.0, seeded(s))]
    for s in (4, 4, 5)
]
series_g = [
    [torch.cat([makers[s][k](signal_g.clone()) for _ in range(6)]) for k in range(3)]
    for s in range(3)
]
repeats = [[torch.equal(series_g[0][k], series_g[s][k]) for k in range(3)] for s in (1, 2)]
world_g_after = torch.rand(3)
# Assert
check.equal(
    repeats,
    [[True, True, True], [False, False, False]],
    "six calls equal: same seed, other seed (noise, shift, scale)",
    ideas={"Another seed gives the same: nothing is drawn in train mode": [[True] * 3, [True] * 3]},
    hint="Every draw takes generator=self.generator",
)
check.equal(
    world_g_after,
    world_g,
    "the global generator afterwards",
    hint="Every draw takes generator=self.generator",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-5-6-reference", "points": 0}
### BEGIN HIDDEN TESTS
def gru_weights(features, hidden, classes, seed):
    """Random weights of gru and head, by name."""
    source, gates = seeded(seed), 3 * hidden
    shapes = {
        "gru.weight_ih_l0": (gates, features),
        "gru.weight_hh_l0": (gates, hidden),
        "gru.bias_ih_l0": (gates,),
        "gru.bias_hh_l0": (gates,),
        "head.weight": (classes, hidden),
        "head.bias": (classes,),
    }
    return {name: 0.7 * torch.randn(shape, generator=source) for name, shape in shapes.items()}


def one_by_one(weights, sequences):
    """Scores of each sequence, fed alone and without padding."""
    gru = nn.GRU(weights["gru.weight_ih_l0"].shape[1], weights["head.weight"].shape[1])
    gru.load_state_dict({k[4:]: w for k, w in weights.items() if k.startswith("gru.")})
    with torch.no_grad():
        states = torch.stack([gru(sequence)[1][0] for sequence in sequences])
    return states @ weights["head.weight"].T + weights["head.bias"]


def through_padding(weights, batch):
    """What comes out if the padding is read as well."""
    return one_by_one(weights, list(batch))


def after_steps(weights, batch, steps):
    """Scores after these numbers of steps, each from every sequence: (B, len(steps), classes)."""
    return torch.stack([through_padding(weights, batch[:, :n]) for n in steps], dim=1)


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-6-hidden-1", "points": 2}
# Hidden test 5.6 · each sequence as if alone, lengths in any order · 2 points
### BEGIN HIDDEN TESTS
# Arrange
source_6 = seeded(61)
lengths_h = [4, 1, 9, 6, 2, 9]
sequences_h = [torch.randn(n, 3, generator=source_6) for n in lengths_h]
weights_h = gru_weights(3, 5, 4, 62)
lone = one_by_one(weights_h, sequences_h)
order_h = sorted(range(6), key=lambda k: -lengths_h[k])
left_sorted = lone[order_h].clone()
batch_h = torch.zeros(6, 9, 3)
for k in range(6):
    batch_h[k, : lengths_h[k]] = sequences_h[k]
read_on = through_padding(weights_h, batch_h)
early_h = one_by_one(weights_h, [batch_h[k, : (lengths_h[k] - 1) or 9] for k in range(6)])
crossed_h = after_steps(weights_h, batch_h, lengths_h)
length_tensor = torch.tensor(lengths_h)
# Act
model_h = LastStateGRU(3, 5, 4)
model_h.load_state_dict(weights_h)
scores_h = observe.copy(model_h(batch_h, length_tensor))
# Assert
check.close(
    scores_h,
    lone,
    "scores of six sequences",
    atol=1e-5,
    ideas={
        "The padding was read as well: take the state after the last true step": read_on,
        "The scores are in the order of the lengths: undo the sorting": left_sorted,
        "One step too early: of n steps, the last is number n - 1, counted from 0": early_h,
        "Every length was picked from every sequence: one step for each sequence": crossed_h,
    },
    hint="For each sequence, the state after its own last true step, in the order of the batch",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-6-hidden-2", "points": 2}
# Hidden test 5.6 · whatever stands in the padding · 2 points
### BEGIN HIDDEN TESTS
# Arrange
weights_p = gru_weights(2, 4, 3, 63)
parts_p = [torch.randn(n, 2, generator=seeded(64 + n)) for n in (5, 2, 3)]
filled = torch.full((3, 11, 2), 50.0)
for k in range(3):
    filled[k, : len(parts_p[k])] = parts_p[k]
lengths_p = torch.tensor([5, 2, 3])
lone_p = one_by_one(weights_p, parts_p)
read_p = through_padding(weights_p, filled)
# Act
model_p = LastStateGRU(2, 4, 3)
model_p.load_state_dict(weights_p)
scores_p = observe.copy(model_p(filled, lengths_p))
# Assert
check.close(
    scores_p,
    lone_p,
    "scores with 50 in the padding, and six more steps of it",
    atol=1e-5,
    ideas={"The padding was read: use lengths, not the values or the last column": read_p},
    hint="Only lengths says where a sequence ends: not its values, not the width of x",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-6-hidden-3", "points": 2}
# Hidden test 5.6 · true steps of zero, and a batch of one · 2 points
### BEGIN HIDDEN TESTS
# Arrange
weights_z = gru_weights(2, 4, 3, 65)
zero_end = torch.randn(6, 2, generator=seeded(66))
zero_end[3:] = 0
full_z = torch.randn(6, 2, generator=seeded(67))
both_z = torch.stack([zero_end, full_z])
lone_z = one_by_one(weights_z, [zero_end, full_z])
stopped_z = one_by_one(weights_z, [zero_end[:3], full_z])
tiny_z = torch.randn(1, 1, 2, generator=seeded(68))
lone_tiny = one_by_one(weights_z, [tiny_z[0]])
both_in, tiny_in = both_z.clone(), tiny_z.clone()
sizes_z, size_tiny = torch.tensor([6, 6]), torch.tensor([1])
# Act
model_z = LastStateGRU(2, 4, 3)
model_z.load_state_dict(weights_z)
scores_z = observe.copy(model_z(both_in, sizes_z))
scores_tiny = observe.copy(model_z(tiny_in, size_tiny))
# Assert
check.close(
    scores_z,
    lone_z,
    "a sequence that ends in true zeros",
    atol=1e-5,
    ideas={"A true zero was taken for padding: use lengths, not values": stopped_z},
)
check.close(scores_tiny, lone_tiny, "a batch of one sequence of one step", atol=1e-5)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-6-hidden-4", "points": 2}
# Hidden test 5.6 · collate · 2 points
### BEGIN HIDDEN TESTS
# Arrange
items_c = [(torch.randn(n, 2, generator=seeded(70 + n)), n % 3) for n in (2, 5, 1, 4)]
padded_c = torch.zeros(4, 5, 2)
for k in range(4):
    padded_c[k, : len(items_c[k][0])] = items_c[k][0]
lengths_c, classes_c = torch.tensor([2, 5, 1, 4]), torch.tensor([2, 2, 1, 1])
time_first = [padded_c.transpose(0, 1).clone(), lengths_c, classes_c]
turn_c = [1, 3, 0, 2]
sorted_c = [padded_c[turn_c], lengths_c[turn_c], classes_c[turn_c]]
items_one = [(items_c[1][0].clone(), 2)]
one_c = [padded_c[1:2].clone(), torch.tensor([5]), torch.tensor([2])]
# Act
made_c = collate(items_c)
made_one = collate(items_one)
travelled = next(iter(DataLoader(items_c, batch_size=4, collate_fn=collate)))
# Assert
check.close(
    made_c,
    [padded_c, lengths_c, classes_c],
    "a batch of four",
    dtype=True,
    ideas={
        "Time comes first here: pad with batch_first=True": time_first,
        "The order of the list is lost: do not sort": sorted_c,
    },
    hint="Padded with 0 at the end, lengths and classes int64",
)
check.close(made_one, one_c, "a batch of one", dtype=True)
check.close(travelled, [padded_c, lengths_c, classes_c], "a batch made by a DataLoader", dtype=True)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-5-7-reference", "points": 0}
### BEGIN HIDDEN TESTS
def column(mean, scale):
    return {"mean": mean, "scale": scale}


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-7-hidden-1", "points": 2}
# Hidden test 5.7 · learnt from the training rows only · 2 points
### BEGIN HIDDEN TESTS
# Arrange
city_table = {
    "city": ["Lima", "?", "Oslo", "Rome", "Bonn", "Oslo", "Rome"],
    "income": ["1e6", "10", "14", "", "10", "14", "7"],
    "verdict": ["yes", "no", "yes", "yes", "no", "no", "maybe"],
    "flat": ["9", "5", "5", "5", "?", "5", "6"],
    "code": ["none", "1", "3", "1", "3", "?", "8"],
}
picked = [5, 1, 2, 4, 3]
parts_city = {"train": [5, 1, 2, 4, 3], "val": [0]}
true_city = {
    "label": "verdict",
    "classes": ["no", "yes"],
    "columns": {
        "city": {"values": ["Bonn", "Oslo", "Rome"]},
        "income": column(12.0, 2.0),
        "flat": column(5.0, 1.0),
        "code": column(2.0, 1.0),
    },
}
n1_city = json.loads(json.dumps(true_city))
n1_city["columns"] |= {
    "income": column(12.0, 2 * (4 / 3) ** 0.5),
    "code": column(2.0, (4 / 3) ** 0.5),
}
divisor = "The scale has the divisor n - 1: n is asked for"
# Act
learnt_city = learn_stats(city_table, picked, "verdict")
from_build = build(city_table, "verdict", parts_city, 2, 0.1, 0)[1]
# Assert
check.close(
    learnt_city,
    true_city,
    "what is learnt from five of seven rows",
    ideas={divisor: n1_city},
    hint="The other rows hold an outlier, a word among numbers and one more class: leave them out",
)
check.close(
    from_build,
    true_city,
    "the stats that build returns",
    ideas={divisor: n1_city},
    hint="Statistics come from the rows of parts['train'] only",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-7-hidden-2", "points": 2}
# Hidden test 5.7 · missing, unknown, another order of rows · 2 points
### BEGIN HIDDEN TESTS
# Arrange
town_stats = {
    "label": "verdict",
    "classes": ["no", "yes"],
    "columns": {
        "income": column(12.0, 2.0),
        "city": {"values": ["Bonn", "Oslo"]},
        "flat": column(5.0, 1.0),
    },
}
town = {
    "flat": ["5", "8", "?", "4.5"],
    "city": ["Oslo", "Lima", "?", "Bonn"],
    "verdict": ["yes", "no", "yes", "yes"],
    "income": ["?", "16", "", "10"],
}
x_town = torch.tensor([[-1, 1, 0, -0.5], [2, 0, 0, 3], [0, 0, 0, 0], [0, 0, 1, 0.0]])
y_town = torch.tensor([1, 0, 1, 1])
of_table = x_town[:, [3, 1, 2, 0]].clone()
appearance = 1 - y_town
# Act
x_coded, y_coded = encode(town, [3, 1, 2, 0], town_stats)
# Assert
check.close(
    x_coded,
    x_town,
    "X of four rows",
    dtype=True,
    ideas={"The columns stand in the table's order: the order of stats counts": of_table},
    hint="A missing number is 0 after scaling; a missing or unknown text is all 0",
)
check.equal(
    y_coded,
    y_town,
    "y of four rows",
    ideas={
        "Classes are numbered by appearance: their place in stats['classes'] counts": appearance
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-7-hidden-3", "points": 1}
# Hidden test 5.7 · through JSON and back, on the wine table · 1 point
### BEGIN HIDDEN TESTS
# Arrange
wines = table_of(wine_text())
odd_rows = list(range(1, 178, 2))
cells_w = [[number(c) for c in wines[n]] for n in wines if n != "kind"]
grid_w = (
    torch.tensor([[float("nan") if v is None else v for v in row] for row in cells_w]).double().T
)
mean_w = grid_w[1::2].nanmean(dim=0)
scale_w = (grid_w[1::2] - mean_w).square().nanmean(dim=0).sqrt()
x_wine = ((grid_w - mean_w) / scale_w).nan_to_num(0.0).float()[::2].clone()
# Act
learnt_w = learn_stats(wines, odd_rows, "kind")
unwritten = observe.error(json.dumps, learnt_w)
reread = None if unwritten else json.loads(json.dumps(learnt_w))
coded_w = None if unwritten else encode(wines, range(0, 178, 2), reread)[0]
# Assert
check.equal(
    unwritten,
    None,
    "an error when the stats are written as JSON",
    hint="Plain numbers, texts and lists: .item() and .tolist() make them from tensors",
)
check.close(coded_w, x_wine, "the other half of the wines, with reloaded stats", atol=1e-4)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-7-hidden-4", "points": 1}
# Hidden test 5.7 · balanced training draws · 1 point
### BEGIN HIDDEN TESTS
# Arrange
crowd = {"v": [str(n % 7) for n in range(100)], "w": ["b" if n >= 90 else "a" for n in range(100)]}
everyone = {"train": list(range(100))}
even, as_is, squared = (
    torch.tensor([0.5, 0.5]),
    torch.tensor([0.9, 0.1]),
    torch.tensor([81, 1]) / 82,
)
# Act
drawers = [build(crowd, "w", everyone, 30, 0.0, seed)[0]["train"] for seed in (5, 5, 6)]
epochs_7 = [observe.take(drawers[0], 10) for _ in range(30)]
drawn_7 = [torch.cat([batch[1] for batch in epochs_7[e]]) for e in range(30)]
per_epoch = [len(drawn_7[e]) for e in range(30)]
shares_7 = torch.cat(drawn_7).bincount(minlength=2) / 3000
first_7 = [torch.cat([b[0].flatten() for b in observe.take(drawers[k], 10)]) for k in (1, 2)]
start_7 = torch.cat([batch[0].flatten() for batch in epochs_7[0]])
next_7 = torch.cat([batch[0].flatten() for batch in epochs_7[1]])
alike_7 = [torch.equal(start_7, other) for other in (first_7[0], first_7[1], next_7)]
# Assert
check.equal(per_epoch, [100] * 30, "rows in each training epoch", hint="As many as there are rows")
check.close(
    shares_7,
    even,
    "shares of the two classes in 30 epochs",
    atol=0.06,
    ideas={
        "The classes come as they are: a weighted sampler is missing, draws without "
        "replacement, or its weights are not 1 / (size of its class) for each row": as_is,
        "The frequent class got the larger weight: 1 / size": squared,
    },
)
check.equal(
    alike_7,
    [True, False, False],
    "first epoch equal: same seed, other seed, second epoch",
    hint="Give the sampler a generator made from seed, once",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-7-hidden-5", "points": 1}
# Hidden test 5.7 · validation and test: all, in order, clean · 1 point
### BEGIN HIDDEN TESTS
# Arrange
ruler = {"k": ["u" if n % 4 else "z" for n in range(60)], "v": [str(n) for n in range(60)]}
three_parts = {"val": [41, 3, 17, 8, 22], "train": list(range(0, 60, 2)), "test": [59, 1, 30]}
val_true, test_true = torch.tensor([41.0, 3, 17, 8, 22]), torch.tensor([59.0, 1, 30])
zeds_true = torch.tensor([False, False, False, True, False])
# Act
loaders_e, stats_e = build(ruler, "k", three_parts, 2, 5.0, 0)
middle_7, width_7 = stats_e["columns"]["v"]["mean"], stats_e["columns"]["v"]["scale"]
names_e = sorted(str(key) for key in loaders_e)
passes_e = [observe.take(loaders_e["val"], 9) for _ in range(2)]
values_e = [
    torch.cat([batch[0].flatten() for batch in passes_e[p]]) * width_7 + middle_7 for p in range(2)
]
zeds_e = torch.cat([batch[1] for batch in passes_e[0]]) == stats_e["classes"].index("z")
test_e = (
    torch.cat([b[0].flatten() for b in observe.take(loaders_e["test"], 9)]) * width_7 + middle_7
)
# Assert
check.equal(names_e, ["test", "train", "val"], "names of the loaders")
check.close(
    values_e,
    [val_true, val_true],
    "two passes over the validation rows",
    atol=1e-2,
    hint="All rows, in the order of parts, without noise and sampler, the short last batch too",
)
check.close(test_e, test_true, "the test rows", atol=1e-2)
check.equal(zeds_e, zeds_true, "the validation rows of one class")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-7-hidden-6", "points": 1}
# Hidden test 5.7 · fresh noise in training · 1 point
### BEGIN HIDDEN TESTS
# Arrange
poles = {"v": ["0", "2"] * 1000, "k": ["a", "b"] * 1000}
all_2000 = {"train": list(range(2000))}
size_7 = 0.1
# Act
noisy = build(poles, "k", all_2000, 400, 0.1, 3)[0]["train"]
rounds = [torch.cat([b[0].flatten() for b in observe.take(noisy, 9)]) for _ in range(2)]
rests = [rounds[e] - rounds[e].sign() for e in range(2)]
noise_7 = rests[0].std().item()
overlap_7 = (rests[0][:, None] == rests[1][None]).float().mean().item()
# Assert
check.close(
    noise_7,
    size_7,
    "deviation of the training values around the true ones",
    rtol=0.1,
    ideas={
        "There is no noise in the training batches": 0.0,
        "noise was used as a variance: it is the standard deviation": 0.1**0.5,
    },
    hint="Normal noise, added after scaling",
)
check.number(
    overlap_7,
    0.0,
    0.0001,
    "share of equal noise values in two epochs",
    hint="The noise of the first epoch comes back: draw when a sample is fetched, not before",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-8-hidden-1", "points": 1}
# Hidden test 5.8 · many images, not square · 1 point
### BEGIN HIDDEN TESTS
# Arrange
many_8 = torch.randint(0, 256, (300, 4, 7), generator=seeded(81), dtype=torch.uint8)
bytes_8 = struct.pack(">IIII", 2051, 300, 4, 7) + many_8.numpy().tobytes()
true_8 = many_8[:, None].float() / 255
crossed = many_8.reshape(300, 1, 7, 4).float() / 255
classes_8 = torch.randint(0, 256, (700,), generator=seeded(82))
class_bytes = struct.pack(">II", 2049, 700) + bytes(classes_8.tolist())
empty_bytes = struct.pack(">IIII", 2051, 0, 28, 28)
# Act
many_read = read_idx(saved(bytes_8))
classes_read = read_idx(str(saved(class_bytes)))
empty_read = observe.shapes(read_idx(saved(empty_bytes)))
# Assert
check.close(
    many_read,
    true_8,
    "300 images of 4 × 7 pixels",
    dtype=True,
    ideas={
        "Height and width are swapped": crossed,
        "The values still go to 255": true_8 * 255,
    },
    hint="Sizes are four bytes each, big-endian; pixels begin at byte 16",
)
check.equal(classes_read, classes_8, "700 labels from 0 to 255", hint="Unsigned bytes, as int64")
check.equal(empty_read, (0, 1, 28, 28), "shape of a file without images")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-8-hidden-2", "points": 1}
# Hidden test 5.8 · gzip, whatever the name · 1 point
### BEGIN HIDDEN TESTS
# Arrange
small_8 = torch.randint(0, 256, (5, 2, 2), generator=seeded(83), dtype=torch.uint8)
plain_8 = struct.pack(">IIII", 2051, 5, 2, 2) + small_8.numpy().tobytes()
zipped_8 = gzip.compress(plain_8, mtime=0)
zipped_true = [small_8[:, None].float() / 255 for _ in range(3)]
cases_8 = [(zipped_8, "images.gz"), (zipped_8, "images-idx3-ubyte"), (plain_8, "unpacked.gz")]
# Act
zip_errors = [observe.error(read_idx, saved(cases_8[k][0], cases_8[k][1])) for k in range(3)]
zipped_read = [
    None if zip_errors[k] else read_idx(saved(cases_8[k][0], cases_8[k][1])) for k in range(3)
]
# Assert
check.equal(
    zip_errors,
    [None, None, None],
    "errors at files zipped, zipped without .gz, unzipped with .gz",
    hint="1f 8b at the beginning says that a file is zipped; its name says nothing",
)
check.close(
    zipped_read,
    zipped_true,
    "zipped, zipped without .gz, unzipped with .gz",
    hint="Decide by the first two bytes, not by the name",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-8-hidden-3", "points": 1}
# Hidden test 5.8 · not such a file · 1 point
### BEGIN HIDDEN TESTS
# Arrange
strange = [
    struct.pack("<II", 2049, 3) + bytes(3),  # little-endian
    bytes([0, 0, 9, 1]) + struct.pack(">I", 4) + bytes(4),  # signed bytes
    struct.pack(">III", 2050, 2, 2) + bytes(4),  # two dimensions
    b"<html><body>Not found</body></html>",
    gzip.compress(b"not an IDX file at all", mtime=0),
]
# Act
refused = [observe.error(read_idx, saved(strange[k])) for k in range(5)]
# Assert
check.raised(refused[0], ValueError, "a little-endian file", hint="Compare the magic number")
check.raised(
    refused[1], ValueError, "a file of signed bytes", hint="Compare the whole magic number"
)
check.raised(refused[2], ValueError, "a file of two dimensions", hint="Only 2049 and 2051 pass")
check.raised(refused[3], ValueError, "a web page")
check.raised(refused[4], ValueError, "a gzip file of something else")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-5-8-hidden-4", "points": 1}
# Hidden test 5.8 · half a file, or too much of one · 1 point
### BEGIN HIDDEN TESTS
# Arrange
whole_8 = struct.pack(">IIII", 2051, 3, 2, 2) + bytes(range(12))
whole_labels = struct.pack(">II", 2049, 4) + bytes(4)
packed_8 = gzip.compress(whole_8, mtime=0)
broken = [
    whole_8[:-1],
    whole_8 + b"!",
    whole_8[:10],
    b"",
    whole_labels[:-2],
    packed_8[:-9],
]
# Act
halves = [observe.error(read_idx, saved(broken[k])) for k in range(6)]
# Assert
check.raised(halves[0], ValueError, "one pixel missing", hint="Compare len(data) with the header")
check.raised(halves[1], ValueError, "one byte too many", hint="The length must fit exactly")
check.raised(
    halves[2],
    ValueError,
    "a file that ends inside its header",
    hint="Compare len(data) with 16 before you read the sizes",
)
check.raised(halves[3], ValueError, "an empty file", hint="Is there a magic number at all?")
check.raised(halves[4], ValueError, "two labels missing")
check.raised(
    halves[5],
    ValueError,
    "a gzip file cut off",
    hint="gzip raises EOFError: turn it into ValueError",
)
### END HIDDEN TESTS
