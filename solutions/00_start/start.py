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
# # 0 · Start here
#
# Each chapter is a notebook: you read a little, run a little, and fill in small pieces of code that a check judges at once. Here you learn how that works, and when deep learning is worth the trouble. Afterwards you can
#
# - run a notebook without being fooled by its memory, and read a failing check,
# - check and hand in a chapter,
# - choose a tool for a problem, and let measurements decide where rules of thumb run out,
# - say which device a tensor is on, and why that matters.
#
# Reading: 35 minutes · exercises: 60 minutes · 22 points
#
# No network, no GPU needed. The framed cell below is code: click into it and press **Shift+Enter** to run it.

# %% tags=["setup"]
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedShuffleSplit, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import gradus
from gradus import check, plots, seeded

# %% [markdown]
# ## Cells and the kernel
#
# A notebook is a column of **cells**, text or code. Behind it runs a Python process, the **kernel**. Running a cell sends its code there; the result comes back underneath.
#
# | to … | press |
# |:---|:---|
# | run a cell and go on | Shift+Enter |
# | stop a running cell | ■ in the toolbar |
# | save | Ctrl+S (⌘S on a Mac) |
# | start afresh | *Kernel*, *Restart Kernel and Run All Cells…* |
#
# The kernel remembers every name from every cell that you have *run*, in the order in which you ran them. That is the one trap of notebooks, as your first Predict question shows. Write your choice into the cell under it *before* you look further.

# %% [markdown]
# ### Predict 0.1 · What does the kernel remember?
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# Cell A holds `rate = 0.1`, cell B holds `print(rate)`. You run A. Then you change cell A to `rate = 0.5`, do *not* run it again, and run B. What is printed?
#
# - a: `0.5`, since that is what stands on the page
# - b: `0.1`
# - c: nothing, an error: the cell that made `rate` is gone

# %% nbgrader={"grade_id": "predict-0-1"}
# Write your choice: predict_0_1 = "a", "b" or "c"
### BEGIN SOLUTION
predict_0_1 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-0-1-check", "points": 0}
# Arrange
# Act
choice_1 = predict_0_1
# Assert
check.one_of(choice_1, ("a", "b", "c"), "your choice")

# %% [markdown]
# A kernel is little more than a dictionary of names and `exec`. So we can replay the scene:

# %%
names = {}  # what the kernel remembers
exec("rate = 0.1", names)  # you run cell A
cell_a = "rate = 0.5"  # you change the text of cell A, and do not run it
exec("print(rate)", names)  # you run cell B

# %% [markdown]
# The page said 0.5, the kernel said 0.1. In the same way a notebook can work tonight only because of a cell that you deleted an hour ago, and fail tomorrow.
#
# The cure costs ten seconds: *Restart Kernel and Run All Cells* before you hand in. The grader works like that: a fresh kernel, once, from top to bottom.

# %% [markdown]
# ## Answer cells and checks
#
# A cell that is yours to fill holds the line `raise NotImplementedError(…)`. Replace that line, run the cell, then run the **check** right under it. If the check says `NameError`, the cell above has not run yet. Unfinished cells do no harm: *Run All* goes on past them.
#
# A check has three parts. *Arrange* prepares inputs, *Act* calls your code, *Assert* compares. You may read every line of it, and it will often help.
#
# How does a failure look? Somebody was asked for the *share* of rainy days, then for two shares, and got both wrong:


# %%
def show(value, expected, what, **more):
    """Run a check and print how it fails."""
    try:
        check.close(value, expected, what, **more)
    except check.CheckFailed as failure:
        print("✗", failure)


idea = "this is a percentage; a share lies between 0 and 1"
show(75.0, 0.75, "share of rainy days", ideas={idea: 75.0})
show(torch.tensor([0.75]), torch.tensor([0.75, 0.5]), "shares per week")

# %% [markdown]
# Read a failure from the left: *what* was judged, then the likely *idea* behind the mistake; below, what was expected and what your code gave. When no known mistake fits, the check says how the value differs, shapes first: nothing else makes sense before they agree. (In a real check the same lines stand on a red ground.)

# %% [markdown]
# **Hidden tests.** A check shows two or three small cases. After you hand in, hidden tests try your code on others. You will see their title, the likely idea and the points, not their inputs. They test nothing that the text does not ask for, but code that only fits the example will not pass.
#
# **Stuck?** Every exercise has two folded hints. The first gives the idea, the second nearly the line. Opening them costs nothing.

# %% [markdown]
# ## Your first graded cell
#
# A classifier predicts a class number for each sample. The **accuracy** is the share of predictions that are right; half of this course will use it. Two tensors of equal length can be compared entry by entry, and `True` counts as 1:

# %%
predicted = torch.tensor([2, 0, 1])
actual = torch.tensor([2, 1, 1])
print(predicted == actual)
print((predicted == actual).float())

# %% [markdown]
# ### Exercise 0.1 · Your first graded cell
# ★☆☆☆☆ · 8 min · implementation · 2 points
#
# Write `accuracy(predictions, labels)`: two integer tensors of shape (n,), n ≥ 1, come in; the share of positions where they agree comes out, a number from 0 to 1.
#
# `[3, 1, 4, 1]` against `[3, 1, 4, 2]`: three of four agree, so 0.75.
#
# Class numbers are names, not amounts: predicting 1 for a 2 is exactly as wrong as predicting 9 for a 2.
#
# <details><summary>Hint 1</summary>
#
# `predictions == labels` is a tensor of `True` and `False`. Which average do you need?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `.mean()` wants floats, so put `.float()` before it. `.item()` turns a tensor with one entry into a number.
#
# </details>


# %% nbgrader={"grade_id": "ex-0-1"}
def accuracy(predictions: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of positions, from 0 to 1, where two integer tensors of shape (n,) agree."""
    ### BEGIN SOLUTION
    return (predictions == labels).float().mean().item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-0-1-check", "points": 1}
# Arrange
guesses = torch.tensor([3, 1, 4, 1])
truth = torch.tensor([3, 1, 4, 2])
opposite = torch.tensor([0, 0, 0, 0])
# Act
share = accuracy(guesses, truth)
share_none = accuracy(guesses, opposite)
# Assert
check.close(
    share,
    0.75,
    "accuracy of [3, 1, 4, 1] against [3, 1, 4, 2]",
    ideas={
        "this is the number of right answers; divide by how many there are": 3.0,
        "this is the share of wrong answers": 0.25,
        "this is a percentage; a share lies between 0 and 1": 75.0,
        "did you round to a whole number (int, //) or compare the tensors as a whole?": 0.0,
    },
)
check.close(share_none, 0.0, "accuracy when nothing is right")

# %% [markdown]
# You wrote one line, a check called it with inputs of its own, and you knew within a second. Everything graded in this course works like that. Accuracy itself returns in every chapter that classifies.

# %% [markdown]
# ## Saving, checking, handing in
#
# In a terminal, in the folder of the course:
#
# | command | what it does |
# |:---|:---|
# | `make lab` | opens JupyterLab on your own copies in `work/` |
# | `make check CH=00_start` | runs the checks afresh and lists what passes |
# | `make submit CH=00_start ME=ada` | hands in, under the name `ada` |
#
# Save first: the commands read the *file*. Hand in as often as you like; the last counts. (Without `make`: see the README.)
#
# The grader runs the imports at the top, your answer cells and cells that you added, not the demonstrations in between: an answer must not use their names. Nothing else can harm your mark. So scribble, print, add a cell with the key **B**.

# %% [markdown]
# ## Deep learning, or something simpler?
#
# A **deep network** is a function with many adjustable numbers, arranged in layers. Training turns them a little at a time so that the output fits the examples. Its early layers learn to turn raw input (pixels, sound samples, letters) into features, which in other methods a person has to invent.
#
# Two rivals need no such luxury. A **linear model** gives each column one weight. **Gradient boosting** adds up many small decision trees; each tree asks questions like "is column 3 above 0.7?". An **MLP** is the plainest network: layers in which everything is connected with everything.

# %%
tools = {
    "linear": LogisticRegression(max_iter=500),
    "boosting": HistGradientBoostingClassifier(max_iter=40, random_state=0),
    "MLP": MLPClassifier((32, 32), learning_rate_init=0.01, max_iter=500, random_state=0),
}

# %% [markdown]
# These come from scikit-learn and share one interface: `fit(x, y)` learns, `predict(x)` answers. From chapter 3 on you will build the network part yourself in PyTorch.
#
# First a toy problem. Points in a square belong to one of two classes, which alternate in stripes. Then we turn the stripes by 45 degrees. Nothing else changes: same points, same width of stripes. Should that matter to a tool that learns?


# %%
def stripes(points, degrees):
    """True in every second stripe; the stripes are turned by `degrees`."""
    angle = np.deg2rad(degrees)
    along = np.cos(angle) * points[:, 0] + np.sin(angle) * points[:, 1]
    return np.floor(2.5 * along) % 2 == 0


shares = {(d, name): [] for d in (0, 45) for name in ("boosting", "MLP")}
for seed in range(5):
    rng = np.random.default_rng(seed)
    known, unseen = rng.uniform(-1, 1, (300, 2)), rng.uniform(-1, 1, (4000, 2))
    for (degrees, name), found in shares.items():
        model = clone(tools[name]).fit(known, stripes(known, degrees))
        found.append(model.score(unseen, stripes(unseen, degrees)))
for (degrees, name), found in shares.items():
    print(f"{degrees:2d} degrees, {name:8}: {np.mean(found):.2f} ± {np.std(found, ddof=1):.2f}")

# %% [markdown]
# Each number is the mean accuracy on 4,000 unseen points over five draws of the data, ± the **spread** (the standard deviation) over those draws. Turning the picture turned the ranking round. The map of what each tool learnt shows why:

# %% alt="Four panels: stripes upright and turned by 45 degrees, as learnt by boosting and by an MLP. Boosting cuts upright stripes with straight edges and turned ones into staircases; the MLP's edges are slightly wavy in both."
side = np.linspace(-1, 1, 100)
field = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
fig, grid = plt.subplots(2, 2, figsize=(5.6, 5.8), layout="constrained")
for row, degrees in zip(grid, (0, 45), strict=True):
    for axes, name in zip(row, ("boosting", "MLP"), strict=True):
        wanted = stripes(known, degrees)
        learnt = clone(tools[name]).fit(known, wanted).predict(field).reshape(100, 100)
        axes.imshow(learnt, "Greys", origin="lower", extent=(-1, 1, -1, 1), vmin=0, vmax=2)
        axes.scatter(*known[wanted].T, s=6, marker="o", color=plots.PALETTE[0])
        axes.scatter(*known[~wanted].T, s=9, marker="x", color=plots.PALETTE[1])
        axes.set(title=f"{name}, {degrees} degrees", xticks=[], yticks=[])
plots.close(fig)

# %% [markdown]
# *Grey and white: what each tool would answer; dots and crosses: the points that it learnt from. Boosting cuts along one column at a time, so a slanted edge becomes a staircase.*
#
# In most tables the columns mean something by themselves: an age, a price, a temperature. Then cutting one column at a time is a good habit. A pixel of a photograph means nothing by itself, and the habit fails.

# %% [markdown]
# ### Predict 0.2 · Shuffled pixels
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# We have small pictures of handwritten digits. We draw *one* random order of the pixels and rearrange every picture, for training and for testing, in that same order. To you they look like noise. What happens to the accuracy of boosting and of an MLP trained on them?
#
# - a: both drop to guessing
# - b: boosting stays about the same, the MLP drops by a lot
# - c: both stay about the same

# %% nbgrader={"grade_id": "predict-0-2"}
# Write your choice: predict_0_2 = "a", "b" or "c"
### BEGIN SOLUTION
predict_0_2 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-0-2-check", "points": 0}
# Arrange
# Act
choice_2 = predict_0_2
# Assert
check.one_of(choice_2, ("a", "b", "c"), "your choice")

# %% tags=["demo"]
digits = load_digits()  # 8 x 8 pixels; we put a dark frame around
pictures = np.pad(digits.images / 16, ((0, 0), (2, 2), (2, 2)))
order = np.random.default_rng(0).permutation(144)
shuffled = pictures.reshape(-1, 144)[:, order].reshape(-1, 12, 12)
for name in ("boosting", "MLP"):
    for kind, images in (("as drawn", pictures), ("shuffled", shuffled)):
        flat = images.reshape(-1, 144)
        x_train, x_test, y_train, y_test = train_test_split(flat, digits.target, random_state=0)
        share_right = clone(tools[name]).fit(x_train, y_train).score(x_test, y_test)
        print(f"{name:8} {kind}: {share_right:.2f}")

# %% tags=["demo"] alt="Eight handwritten digits in a dark frame; below them the same digits with their pixels rearranged, which look like noise."
plots.image_grid(torch.from_numpy(np.concatenate([pictures[:8], shuffled[:8]])))

# %% [markdown]
# *Above, eight digits; below, the same eight with their pixels rearranged.*
#
# Neither tool noticed. It is sometimes said that an MLP looks at each pixel on its own; it does not, it mixes all of them from the first layer on. What it lacks is any notion of *neighbours*: pixel 17 is as far from pixel 18 as from pixel 140. Rearrange the columns of its weights together with the pixels, and the output is the same:

# %% tags=["demo"]
layer = nn.Linear(144, 5)
picture = torch.from_numpy(pictures[0]).float().flatten()
rearranged = nn.functional.linear(picture[order], layer.weight[:, order], layer.bias)
print(torch.allclose(layer(picture), rearranged, atol=1e-5))

# %% [markdown]
# A **convolutional network** (chapter 7) has that notion built in: it slides one small pattern over the whole picture. Below, three tools learn from centred digits. Then the test digits move sideways by a pixel or two, which would trouble no person. You need not understand the network yet.


# %% tags=["demo"]
def as_tensor(images):
    return torch.from_numpy(images).float()[:, None]


x_train, x_test, y_train, y_test = train_test_split(pictures, digits.target, random_state=0)
torch.manual_seed(0)
features = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 64, 5), nn.ReLU())
net = nn.Sequential(features, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(64, 10))
train_set = torch.utils.data.TensorDataset(as_tensor(x_train), torch.from_numpy(y_train))
loader = torch.utils.data.DataLoader(train_set, 64, shuffle=True, generator=seeded(0))
optimiser = torch.optim.AdamW(net.parameters(), lr=5e-3)
history = gradus.fit(net, loader, nn.CrossEntropyLoss(), optimiser, epochs=8)

# %% tags=["demo"] alt="Accuracy against a sideways shift from -2 to 2 pixels. Boosting and MLP peak at shift 0 and fall to about one half at one pixel and about 0.1 at two; the convolutional network stays above 0.9 throughout."
shifts = [-2, -1, 0, 1, 2]
moved = [np.roll(x_test, shift, axis=2) for shift in shifts]
lines = {}
for name in ("boosting", "MLP"):
    model = clone(tools[name]).fit(x_train.reshape(-1, 144), y_train)
    lines[name] = [model.score(images.reshape(-1, 144), y_test) for images in moved]
with torch.no_grad():
    guessed = [net(as_tensor(images)).argmax(1).numpy() for images in moved]
lines["convolutional"] = [(guess == y_test).mean() for guess in guessed]
fig = plots.curves(lines, x=shifts, xlabel="shift of the test digits in pixels", ylabel="accuracy")
fig.axes[0].set_xticks(shifts)
fig

# %% [markdown]
# *Moved by one pixel, boosting and the MLP lose about half of the digits, by two pixels nearly all; the convolutional network hardly cares.*
#
# All three learnt from the same 1,347 pictures. What decided was not the amount of data but what each tool takes for granted. (Another `manual_seed` gives nearly the same picture; try it.)

# %% [markdown]
# ### Rules of thumb
#
# | you have … | try first | because |
# |:---|:---|:---|
# | a rule that can be written down | a program | learning could only imitate it |
# | a table, and people must read the weights | a linear model | one weight a column, no more |
# | a table, and accuracy counts | boosting | bears odd units, gaps and useless columns |
# | pictures, sound or text, and a network that was trained on such | that network | it already knows the features |
# | raw signals, many examples, no such network | a network from scratch | it learns its own features |
# | two tools that tie | the simpler one | it is cheaper to run and to repair |
#
# Whatever you try, a linear model takes a minute and tells you whether the rest is worth it.

# %% [markdown]
# Two rules that you will meet elsewhere are *not* in the table.
#
# **"Below so many rows, no deep learning."** There is no such number, since a network can start from what it learnt on other data. In chapter 16 you get ten pictures of each class: from scratch a network reaches about 0.4 to 0.5, with borrowed layers above 0.8.
#
# **"Attention shows why the network decided."** Some networks (chapter 11) give each part of their input a number, its attention weight. Whether these numbers explain a decision is disputed (see the references). If somebody has a right to an explanation, take a model whose weights *are* the explanation.

# %% [markdown]
# ### Exercise 0.2 · Choose the tool
# ★★☆☆☆ · 12 min · conceptual · 6 points
#
# Make a dict `choices` with a tool to try first for each of six problems: `"program"`, `"linear"`, `"boosting"`, `"pretrained"` (start from a trained network) or `"scratch"` (train a network on your data alone).
#
# - `"isbn"`: find mistyped ones among 10 million book numbers. Each ends in a check digit, and 50,000 mistyped ones have been collected.
# - `"loan"`: 900 loans, 12 columns. By law, every refusal must state how much each column added to the score.
# - `"shop"`: predict the sales of 8,000 shop-days from 40 columns: prices, temperatures, opening hours, whatever somebody once wrote down. On most days a few are missing. Nobody will ask why.
# - `"leaf"`: 40 photographs of each of four plant diseases. Your disk holds a network trained on a million photographs of animals and furniture.
# - `"pump"`: three million labelled vibration recordings. Nobody has published a network for such signals, and features made by hand have failed.
# - `"clicks"`: 4 million rows, 30 meaningful columns. Accuracy over ten splits: linear 0.874, boosting 0.912, a large network 0.913. The difference of any two has a spread of 0.004. The answers must come from a small server without a GPU.
#
# `"rain"`: 9,000 days, 8 measured columns, only accuracy counts. The columns mean something by themselves and nobody reads weights, so the entry would be `"rain": "boosting"`.
#
# <details><summary>Hint 1</summary>
#
# Ask in this order: Is there an exact rule? Must somebody read the weights? Do the columns mean something by themselves? Does some network already know this kind of input? Where tools were measured: is the lead larger than its spread?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Among the six, one tool is right twice, each of the others once. The number of rows decides none of them.
#
# </details>

# %% nbgrader={"grade_id": "ex-0-2"}
# Write a dict `choices` with the keys "isbn", "loan", "shop", "leaf", "pump", "clicks";
# each value is "program", "linear", "boosting", "pretrained" or "scratch".
### BEGIN SOLUTION
choices = {
    "isbn": "program",
    "loan": "linear",
    "shop": "boosting",
    "leaf": "pretrained",
    "pump": "scratch",
    "clicks": "boosting",
}
### END SOLUTION

# %% nbgrader={"grade_id": "ex-0-2-check", "points": 0}
# Arrange
options = ("program", "linear", "boosting", "pretrained", "scratch")
# Act
for_isbn, for_loan = choices.get("isbn"), choices.get("loan")
for_shop, for_leaf = choices.get("shop"), choices.get("leaf")
for_pump, for_clicks = choices.get("pump"), choices.get("clicks")
# Assert
check.one_of(for_isbn, options, "the choice for isbn")
check.one_of(for_loan, options, "the choice for loan")
check.one_of(for_shop, options, "the choice for shop")
check.one_of(for_leaf, options, "the choice for leaf")
check.one_of(for_pump, options, "the choice for pump")
check.one_of(for_clicks, options, "the choice for clicks")

# %% [markdown]
# The check could only tell whether your words are valid ones; the hidden tests judge them, one point each. In practice such questions fill the first ten minutes of a project, and can save months of it.

# %% [markdown]
# ## Let the data decide
#
# Rules of thumb tell you what to try *first*. Then you measure. How to measure without fooling yourself is the rest of this chapter, on a real table: 178 Italian wines from three growers, each described by 13 chemical measurements. Which grower made it?

# %%
wine = load_wine()
print("rows, columns:", wine.data.shape)
for column in (0, 10, 12):
    values = wine.data[:, column]
    print(f"{wine.feature_names[column]:8} {values.min():6.1f} to {values.max():6.1f}")

# %% [markdown]
# ### Predict 0.3 · Another unit
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# Somebody exports the last column, proline, in micrograms instead of milligrams: all its values are 1,000 times larger, in training and test rows alike. Boosting and an MLP are trained again, on the columns just as they are. Whose predictions change?
#
# - a: those of neither, for the information is the same
# - b: those of both
# - c: only those of boosting
# - d: only those of the MLP

# %% nbgrader={"grade_id": "predict-0-3"}
# Write your choice: predict_0_3 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_0_3 = "d"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-0-3-check", "points": 0}
# Arrange
# Act
choice_3 = predict_0_3
# Assert
check.one_of(choice_3, ("a", "b", "c", "d"), "your choice")

# %%
x_train, x_test, y_train, y_test = train_test_split(
    wine.data, wine.target, test_size=0.25, stratify=wine.target, random_state=0
)
unit = np.ones(13)
unit[12] = 1000
for name in ("boosting", "MLP"):
    before = clone(tools[name]).fit(x_train, y_train).predict(x_test)
    after = clone(tools[name]).fit(x_train * unit, y_train).predict(x_test * unit)
    print(f"{name:8}: the same predictions? {(before == after).all()}")

# %% [markdown]
# A tree only asks "above or below?", so units do not matter to it. A network *adds up* weighted columns, and the one with the largest numbers drowns the others. Hence, before a network, **standardise**: from each column subtract its mean and divide by its standard deviation.
#
# Whose mean? That of the **training rows** alone. The test rows play the future, and no one knows its mean. Using all rows usually changes little, which is why the mistake survives; the same slip with the labels can invent accuracy from pure noise (chapter 13).
#
# `make_pipeline(StandardScaler(), model)` does it right. Now the contest, with a quarter of the wines kept for testing. First, one such split:

# %%
splits = StratifiedShuffleSplit(n_splits=5, test_size=0.25, random_state=1)


def contest(x, y):
    """Accuracy of each tool on the same five splits, standardised without a leak."""
    return {
        name: cross_val_score(make_pipeline(StandardScaler(), tool), x, y, cv=splits)
        for name, tool in tools.items()
    }


results = contest(wine.data, wine.target)
for name, found in results.items():
    print(f"{name:8}: {found[0]:.2f}")

# %% [markdown]
# ### Predict 0.4 · One split
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# On these 45 test wines boosting is right every time, and the MLP makes two mistakes. What may you conclude about the two tools on this table?
#
# - a: boosting is the better one, though perhaps by less than two wines suggest
# - b: they are equally good, since two wines are mere chance
# - c: not even which of them is ahead on most splits

# %% nbgrader={"grade_id": "predict-0-4"}
# Write your choice: predict_0_4 = "a", "b" or "c"
### BEGIN SOLUTION
predict_0_4 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-0-4-check", "points": 0}
# Arrange
# Act
choice_4 = predict_0_4
# Assert
check.one_of(choice_4, ("a", "b", "c"), "your choice")

# %% alt="Accuracy of a linear model, boosting and an MLP on five splits of the wine table. The lines cross: boosting leads on split 1 only and trails on splits 2 to 4."
plots.curves(results, xlabel="split", ylabel="accuracy", title="178 wines, five splits")

# %% [markdown]
# *The three lines cross: boosting leads on the first split and on no other.*
#
# We chose that first split because it misleads; in your own work nobody would warn you. So take several splits, and look at the **differences**, split by split: both tools then face the very same wines, and no one can blame a hard split.

# %%
difference = results["boosting"] - results["MLP"]
print("boosting minus MLP:", np.round(difference, 3))
print(f"mean {difference.mean():.3f}, spread {difference.std(ddof=1):.3f}")

# %% [markdown]
# The mean is less than half of its spread, and not even the sign is safe. This table does not decide between the two, and the linear model is as good as either: take that one.
#
# Our rule: call it **decided** when the mean is more than *two* spreads from zero. Why not divide the spread by √5, as one does for five independent measurements? Because splits of one table share most of their wines. Even equal tools differ a little, by luck. With the overlap allowed for, luck alone leads to more than about 2.03 spreads in one case of twenty (Nadeau and Bengio, in the references). Two will do.
#
# Now make the table worse, as tables in companies are: add columns of pure noise.

# %% tags=["demo"] alt="Accuracy against the number of useless columns from 0 to 100, with bars for the spread. Boosting and the linear model stay near 0.95; the MLP falls from 0.97 to about 0.8."
noise = np.random.default_rng(0).normal(size=(178, 100))
amounts = (0, 10, 30, 100)
runs = [contest(np.hstack([wine.data, noise[:, :k]]), wine.target) for k in amounts]
fig, axes = plots.figure()
for place, name in enumerate(tools):
    means = [run[name].mean() for run in runs]
    spreads = [run[name].std(ddof=1) for run in runs]
    axes.errorbar(np.array(amounts) + place - 1, means, spreads, capsize=3, label=name)
axes.set(xlabel="useless columns", ylabel="accuracy", title="178 wines, five splits")
axes.legend()
plots.close(fig)

# %% [markdown]
# *With 100 useless columns the MLP has lost about 0.15. Boosting has not noticed; the linear model has slipped from about 0.97 to 0.95, and its bars (the spread) still overlap.*
#
# A tree can leave a column alone, and the linear model starts from weights of 0 and pays for each that it raises, so it loses little. An MLP starts with random weights on all columns and has only 133 wines from which to unlearn 100. Here the data decide, as you will compute in a moment. On the shifted digits they decided just as clearly the other way. "Which is better?" has no answer without a problem.

# %% [markdown]
# ### Exercise 0.3 · Let the data decide
# ★★★★☆ · 30 min · problem solving · 9 points
#
# Build the contest by hand, in three pieces. Tables are NumPy arrays (rows, columns).
#
# 1. `standardise(train, test)` → `(train, test)`, both shifted and divided by the mean and standard deviation (`np.std`) of the *training* rows, column by column. A column that is constant in training is only shifted. Ask whether its largest number equals its smallest: rounding can make `np.std` of a constant column 1e-17 in place of 0. Do not write into the inputs.
# 2. `trial(model, train_x, train_y, test_x)` → predicted classes for `test_x`. Standardise, train a fresh copy, `clone(model)`, so that nothing learnt in an earlier trial remains, and predict.
# 3. `decide(first, second)`, two lists of accuracies from the same n ≥ 2 splits → `{"difference": …, "spread": …, "winner": …}`: mean and standard deviation (dividing by n - 1) of `first - second` split by split; `"first"`, `"second"`, or `"undecided"` unless the mean is more than two spreads from zero.
#
# Training rows `[1, 10]`, `[3, 30]` have means 2, 20 and deviations 1, 10; so a test row `[4, 20]` becomes `[2, 0]`. `decide([.90, .94, .92], [.80, .82, .84])`: the differences .10, .12, .08 have mean .10 and spread .02, and .10 > 2 · .02, so the winner is `"first"`.
#
# <details><summary>Hint 1</summary>
#
# 1: `train.mean(axis=0)` gives one mean a column, `max` and `min` work alike; where those two are equal, divide by 1. 2: clone, `fit`, `predict`. 3: subtract first, then average.
#
# </details>
# <details><summary>Hint 2</summary>
#
# 1: `std = np.where(train.max(axis=0) == train.min(axis=0), 1, train.std(axis=0))`. 2: `clone(model).fit(scaled_train, train_y).predict(scaled_test)`. 3: `d = np.array(first) - np.array(second)`, its spread is `d.std(ddof=1)`; then compare `abs(d.mean())` with two spreads, and let the sign name the winner.
#
# </details>


# %% nbgrader={"grade_id": "ex-0-3"}
def standardise(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shift and scale both tables (rows, columns) by the training mean and deviation.

    A column that is constant in training is only shifted. The inputs stay as they are.
    """
    ### BEGIN SOLUTION
    mean = train.mean(axis=0)
    std = np.where(train.max(axis=0) == train.min(axis=0), 1, train.std(axis=0))
    return (train - mean) / std, (test - mean) / std
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-0-3-check", "points": 1}
# Arrange
known_rows = np.array([[1.0, 10.0], [3.0, 30.0]])
future_rows = np.array([[4.0, 20.0], [6.0, 40.0]])
unit_rows = np.array([[-1.0, -1.0], [1.0, 1.0]])
# Act
known_scaled, future_scaled = standardise(known_rows, future_rows)
# Assert
check.close(
    known_scaled,
    unit_rows,
    "training rows",
    ideas={
        "divide by the deviation, not by the variance": unit_rows / np.array([1, 10]),
        "shifted, but not divided by the deviation": unit_rows * np.array([1, 10]),
        "np.std divides by n; did you ask for n - 1?": unit_rows / 2**0.5,
    },
    hint="Each column has its own mean and deviation (axis=0), those of the training rows",
)
check.close(
    future_scaled,
    np.array([[2.0, 0.0], [4.0, 2.0]]),
    "test rows",
    ideas={
        "scaled by their own mean and deviation; use the training rows'": unit_rows,
        "they came back as they are": np.array([[4.0, 20.0], [6.0, 40.0]]),
    },
    hint="Use the very mean and deviation by which the training rows were scaled",
)


# %% nbgrader={"grade_id": "ex-0-3-b"}
def trial(model, train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    """Classes predicted for `test_x` by a fresh copy of `model`, trained on standardised rows."""
    ### BEGIN SOLUTION
    train_scaled, test_scaled = standardise(train_x, test_x)
    return clone(model).fit(train_scaled, train_y).predict(test_scaled)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-0-3-check-2", "points": 1}
# Arrange
lengths = np.array([[0.0], [1.0], [10.0], [11.0]])
kinds = np.array([0, 0, 1, 1])
new_lengths = np.array([[2.0], [9.0], [0.5]])
# Act
new_kinds = trial(LogisticRegression(), lengths, kinds, new_lengths)
# Assert
check.close(
    new_kinds,
    np.array([0, 1, 0]),
    "predictions for three new rows",
    ideas={
        "these are predictions for the training rows": np.array([0, 0, 1, 1]),
        "the model was asked about rows that are not standardised": np.array([1, 1, 1]),
    },
    hint="Return what `predict` gives for the standardised test rows",
)


# %% nbgrader={"grade_id": "ex-0-3-c"}
def decide(first: list[float], second: list[float]) -> dict[str, float | str]:
    """Compare two tools on the same splits: a dict of "difference", "spread", "winner"."""
    ### BEGIN SOLUTION
    d = np.array(first) - np.array(second)
    difference, spread = d.mean().item(), d.std(ddof=1).item()
    winner = "undecided"
    if abs(difference) > 2 * spread:
        winner = "first" if difference > 0 else "second"
    return {"difference": difference, "spread": spread, "winner": winner}
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-0-3-check-3", "points": 1}
# Arrange
one, two = [0.90, 0.94, 0.92], [0.80, 0.82, 0.84]
wanted_verdict = {"difference": 0.1, "spread": 0.02, "winner": "first"}
by_n = {**wanted_verdict, "spread": 0.02 * (2 / 3) ** 0.5}
turned = {"difference": -0.1, "spread": 0.02, "winner": "second"}
# Act
verdict = decide(one, two)
verdict_numbers = {**verdict, "winner": "…"} if isinstance(verdict, dict) else verdict
# Assert
check.close(
    verdict_numbers,
    {**wanted_verdict, "winner": "…"},
    "difference and spread of .90, .94, .92 against .80, .82, .84",
    ideas={
        "the spread divides by n - 1 (ddof=1), not by n": {**by_n, "winner": "…"},
        "this looks like second minus first": {**turned, "winner": "…"},
    },
    hint="Return a dict; subtract split by split, then take mean and spread of the differences",
)
check.close(
    verdict,
    wanted_verdict,
    "the verdict on .90, .94, .92 against .80, .82, .84",
    hint="The winner is one of the words first, second and undecided: here the first, clearly",
)

# %% [markdown]
# You wrote, in essence, what `make_pipeline` and `cross_val_score` do, and a verdict that can say "I do not know". Every honest comparison of models, in a paper or in a company, is built from these three pieces.
#
# Now let your own code judge three tables (if a piece is still missing, this cell says so):


# %% tags=["demo"]
def judge(x, y):
    """Boosting against the MLP on five splits, by the three functions of exercise 0.3."""
    right = {"boosting": [], "MLP": []}
    for train, test in splits.split(x, y):
        for name, found in right.items():
            guess = trial(tools[name], x[train], y[train], x[test])
            found.append((guess == y[test]).mean())
    return decide(right["boosting"], right["MLP"])


tables = {
    "wine": (wine.data, wine.target),
    "wine and 100 useless columns": (np.hstack([wine.data, noise]), wine.target),
    "breast cancer": load_breast_cancer(return_X_y=True),
}
for name, (x, y) in tables.items():
    found = judge(x, y)
    print(f"{name}: {found['difference']:.3f} ± {found['spread']:.3f}, {found['winner']}")

# %% [markdown]
# Two real tables, undecided; the spoilt one, boosting ("first") by more than three spreads. Tables in the wild are often spoilt, which is why boosting is the usual first try there. It is no law: try both on your own data. (We varied the split but not the random start of the MLP, which would add to its spread.)

# %% [markdown]
# ## Devices
#
# PyTorch computes on a **device**: the `cpu`, or an accelerator such as `cuda` (NVIDIA; AMD cards answer to this name too), `mps` (Apple) or `xpu` (Intel). An accelerator shines with large tensors; a table of 178 wines would spend its time travelling there and back.
#
# Everything graded here runs on the CPU. `gradus.device()` gives the best device of this machine; yours may differ from your neighbour's.

# %% tags=["nbval-ignore-output"]
device = gradus.device()
numbers = torch.ones(2, 3, device=device)
print(numbers.device)

# %% [markdown]
# ### Predict 0.5 · Two devices
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# Two tensors have the same shape. `x` is on the CPU, `w` is on another device. What does `x + w` do?
#
# - a: PyTorch moves `w` to the CPU, then adds
# - b: it moves `x` to the faster device, then adds
# - c: it raises an error

# %% nbgrader={"grade_id": "predict-0-5"}
# Write your choice: predict_0_5 = "a", "b" or "c"
### BEGIN SOLUTION
predict_0_5 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-0-5-check", "points": 0}
# Arrange
# Act
choice_5 = predict_0_5
# Assert
check.one_of(choice_5, ("a", "b", "c"), "your choice")

# %%
# meta is a device that knows shapes and holds no numbers; every machine has it
x, w = torch.ones(2, 3), torch.ones(2, 3, device="meta")
try:
    x + w
except RuntimeError as error:
    print(error)
print((x.to("meta") + w).device)

# %% [markdown]
# With a GPU the message reads "Expected all tensors to be on the same device". PyTorch never moves a tensor behind your back (one with a single number and no dimension is the exception), because copying is slow and should be seen. So choose one `device` at the top, send models and data there with `.to(device)`, and write no literal `"cuda"` elsewhere. Chapter 1 shows how, and how to time a device that answers before it has finished.

# %% [markdown]
# **Installing.** There is one build of PyTorch for each kind of accelerator. Choose *one*; never install two side by side. The CPU build is enough for this course.
#
# **Reading about it.** Much on the web is older than it looks; the references say which parts of PyTorch have ended.

# %% [markdown]
# ## What to remember
#
# - The kernel knows what you *ran*, not what you see. Restart and run all before handing in.
# - A failing check names what it judged, the likely idea, and for visible cases the values.
# - Start with the simplest tool that could work. Trees suit columns that mean something by themselves; networks suit raw input in which neighbours matter. No number of rows decides it.
# - Standardise with statistics of the training rows only.
# - One split proves little. Compare tools on the same splits, look at the differences and their spread, and be ready to say "undecided".
# - Tensors that meet must be on the same device.

# %% [markdown]
# ## References
#
# - L. Grinsztajn, E. Oyallon, G. Varoquaux: *Why do tree-based models still outperform deep learning on typical tabular data?* NeurIPS 2022. (Rotation and useless columns, on 45 data sets.)
# - J. H. Friedman: *Greedy function approximation: a gradient boosting machine.* Annals of Statistics 29, 2001.
# - C. Nadeau, Y. Bengio: *Inference for the generalization error.* Machine Learning 52, 2003. (Their corrected t-test asks for 2.776 · √(1/5 + 1/3) ≈ 2.03 spreads: five splits, one test row for three training rows, and 2.776 from the table of t.)
# - S. Jain, B. C. Wallace: *Attention is not explanation.* NAACL 2019; answered by S. Wiegreffe, Y. Pinter: *Attention is not not explanation.* EMNLP 2019.
# - PyTorch began at Facebook's AI lab and has belonged to the PyTorch Foundation, part of the Linux Foundation, since September 2022. TorchText stopped in April 2024, TorchServe was archived in August 2025, and TorchScript is deprecated in favour of `torch.export` (chapter 15).
# - The tables come with scikit-learn: wine (Forina et al.), breast cancer (Wolberg et al.), digits (Alpaydin and Kaynak), all from the UCI repository.

# %% [markdown]
# ## Hidden tests
#
# <details><summary>For the grader: nothing to do here</summary>
#
# These cells are empty in your copy and are filled in when your work is graded. Their first lines tell you what is tried.
#
# </details>

# %% nbgrader={"grade_id": "predict-0-1-hidden-1", "points": 1}
# Hidden test predict 0.1 · what the kernel remembers · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
remembered = predict_0_1
# Assert
check.equal(
    remembered,
    "b",
    "Predict 0.1",
    ideas={
        "the kernel never reads the page; only running a cell changes what it knows": "a",
        "changing the text of a cell takes nothing away from the kernel": "c",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-0-1-hidden-1", "points": 1}
# Hidden test 0.1 · more samples, ten classes · 1 point
### BEGIN HIDDEN TESTS
# Arrange
many = torch.randint(0, 10, (37,), generator=seeded(1))
other = torch.randint(0, 10, (37,), generator=seeded(2))
many_true = torch.where(torch.rand(37, generator=seeded(3)) < 0.6, many, other)
hits = sum(int(a == b) for a, b in zip(many.tolist(), many_true.tolist(), strict=True))
distance = (many - many_true).abs().float().mean().item()
# Act
share_many = accuracy(many, many_true)
# Assert
check.close(
    share_many,
    hits / 37,
    "accuracy of 37 predictions",
    ideas={
        "divided by 4; the number of samples may be any": hits / 4,
        "class numbers are names: count agreements, do not average distances": 1 - distance,
        "did you round to a whole number (int, //) or compare the tensors as a whole?": 0.0,
        "did you round? Return the share as it is": round(hits / 37, 2),
    },
    hint="Count the positions that agree and divide by how many there are",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-0-2-hidden-1", "points": 1}
# Hidden test predict 0.2 · shuffled pixels · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
pixels = predict_0_2
# Assert
check.equal(
    pixels,
    "c",
    "Predict 0.2",
    ideas={
        "they look like noise to you, but every picture was rearranged in the same way": "a",
        "which of an MLP's connections depends on where a pixel stands in the picture?": "b",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-0-2-hidden-1", "points": 1}
# Hidden test 0.2 · mistyped book numbers · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
tool_isbn = choices.get("isbn")
# Assert
check.equal(
    tool_isbn,
    "program",
    "isbn",
    hint="A check digit is an exact, published rule: whatever is learnt can only imitate it",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-0-2-hidden-2", "points": 1}
# Hidden test 0.2 · loans and reasons · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
tool_loan = choices.get("loan")
# Assert
check.equal(
    tool_loan,
    "linear",
    "loan",
    ideas={
        "hundreds of trees together do not state what each column added": "boosting",
        "nobody published the rule for who repays": "program",
    },
    hint="The law asks for the contribution of each column: which weights can be read like that?",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-0-2-hidden-3", "points": 1}
# Hidden test 0.2 · sales of shops · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
tool_shop = choices.get("shop")
# Assert
check.equal(
    tool_shop,
    "boosting",
    "shop",
    ideas={
        "empty cells, odd units and useless columns are what a network bears worst": "scratch",
        "nobody published the rule by which people shop": "program",
        "no network has seen these 40 columns before": "pretrained",
        "nobody has to read the weights here, only accuracy counts": "linear",
    },
    hint="A table with gaps, odd units and useless columns: who does not mind those?",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-0-2-hidden-4", "points": 1}
# Hidden test 0.2 · photographs of leaves · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
tool_leaf = choices.get("leaf")
# Assert
check.equal(
    tool_leaf,
    "pretrained",
    "leaf",
    ideas={
        "160 pictures are few to learn what an edge or a texture is; who knows already?": "scratch",
        "few rows is no reason for trees: a pixel means nothing by itself": "boosting",
    },
    hint="Something that already knows photographs lies on your disk",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-0-2-hidden-5", "points": 1}
# Hidden test 0.2 · vibrations of pumps · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
tool_pump = choices.get("pump")
# Assert
check.equal(
    tool_pump,
    "scratch",
    "pump",
    ideas={
        "no published network has heard such signals": "pretrained",
        "trees need columns that mean something; features made by hand have failed": "boosting",
    },
    hint="Raw signals, millions of examples: who learns features for itself?",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-0-2-hidden-6", "points": 1}
# Hidden test 0.2 · clicks, a tie · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
tool_clicks = choices.get("clicks")
# Assert
check.equal(
    tool_clicks,
    "boosting",
    "clicks",
    ideas={
        "0.001 is far within the spread: the two tie, so what does the rest cost?": "scratch",
        "it is cheap, but behind by many times the spread: that is no tie": "linear",
    },
    hint="Two of the three tools that were measured tie: take the one that is cheaper to run",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-0-3-hidden-1", "points": 1}
# Hidden test predict 0.3 · another unit · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
units = predict_0_3
# Assert
check.equal(
    units,
    "d",
    "Predict 0.3",
    ideas={
        "the information is the same, but one tool adds columns up": "a",
        "one of the two only asks whether a value lies above or below a threshold": "b",
        "it is the other way round: who compares with a threshold, who adds up?": "c",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-0-4-hidden-1", "points": 1}
# Hidden test predict 0.4 · one split · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
follows = predict_0_4
# Assert
check.equal(
    follows,
    "c",
    "Predict 0.4",
    ideas={
        "two wines of 45 on a single split: how much would another split change?": "a",
        "that no difference is proven does not prove that there is none": "b",
    },
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-0-3-reference", "points": 0}
### BEGIN HIDDEN TESTS
def scaled_by(rows, table):
    """`table` shifted and divided by mean and deviation of `rows`; a constant column: by 1."""
    deviation = np.where(rows.max(axis=0) == rows.min(axis=0), 1.0, rows.std(axis=0))
    return (table - rows.mean(axis=0)) / deviation


def verdict_on(differences, spread=None):
    """Mean, sample deviation and winner of differences; or with another spread."""
    n = len(differences)
    mean = sum(differences) / n
    if spread is None:
        spread = (sum((d - mean) ** 2 for d in differences) / (n - 1)) ** 0.5
    winner = "undecided" if abs(mean) <= 2 * spread else "first" if mean > 0 else "second"
    return {"difference": mean, "spread": spread, "winner": winner}


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-0-3-hidden-1", "points": 1}
# Hidden test 0.3 · test rows far from the training rows · 1 point
### BEGIN HIDDEN TESTS
# Arrange
near = torch.randn(30, 3, generator=seeded(31)).double().numpy() * np.array([1.0, 5.0, 0.2])
far = torch.randn(10, 3, generator=seeded(32)).double().numpy() + 4
near_before, far_before = near.copy(), far.copy()
all_rows = np.concatenate([near, far])
near_true, far_true = scaled_by(near, near), scaled_by(near, far)
near_leaky, far_leaky = scaled_by(all_rows, near), scaled_by(all_rows, far)
far_alone = scaled_by(far, far)
near_whole = (near - near.mean()) / near.std()
# Act
near_scaled, far_scaled = standardise(near, far)
near_after, far_after = near, far
# Assert
check.close(
    near_scaled,
    near_true,
    "training rows",
    ideas={
        "a leak: the test rows took part in mean and deviation": near_leaky,
        "one mean for the whole table; each column needs its own (axis=0)": near_whole,
    },
    hint="Shift each column by its mean, then divide by its deviation, the root of the variance",
)
check.close(
    far_scaled,
    far_true,
    "test rows",
    ideas={
        "a leak: the test rows took part in mean and deviation": far_leaky,
        "scaled by their own mean and deviation; use those of the training rows": far_alone,
    },
    hint="Use the very mean and deviation by which the training rows were scaled",
)
check.unchanged(near_after, near_before, "the training table")
check.unchanged(far_after, far_before, "the test table")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-0-3-hidden-2", "points": 1}
# Hidden test 0.3 · a constant column · 1 point
### BEGIN HIDDEN TESTS
# Arrange
flat_train = np.array([[1.0, 7.0], [3.0, 7.0], [5.0, 7.0]])
flat_test = np.array([[3.0, 7.0], [3.0, 9.0]])
flat_wanted = scaled_by(flat_train, flat_train)
flat_test_wanted = scaled_by(flat_train, flat_test)
flat_nan = flat_wanted.copy()
flat_nan[:, 1] = np.nan
flat_huge = flat_test_wanted.copy()
flat_huge[1, 1] = np.finfo(float).max
flat_tiny = [flat_test_wanted * np.array([1.0, 1 / tiny]) for tiny in (1e-6, 1e-7, 1e-8, 1e-12)]
tenths_train = np.stack([np.arange(10.0), np.full(10, 0.1)], axis=1)
tenths_test = np.array([[3.0, 0.1], [4.0, 0.2]])
tenths_wanted = scaled_by(tenths_train, tenths_test)
tenths_blown = (tenths_test - tenths_train.mean(axis=0)) / tenths_train.std(axis=0)
# Act
flat_scaled, flat_test_scaled = standardise(flat_train, flat_test)
tenths_scaled, tenths_test_scaled = standardise(tenths_train, tenths_test)
# Assert
check.close(
    flat_scaled,
    flat_wanted,
    "training rows with a constant column",
    ideas={"0 divided by 0: a deviation of 0 must become 1": flat_nan},
    hint="Mean and deviation belong to the training rows; only shift a constant column",
)
check.close(
    flat_test_scaled,
    flat_test_wanted,
    "test rows of a column that is constant in training",
    ideas={
        "nan_to_num hides 0/0 only; what else is divided by 0 is infinite: put 1 there": flat_huge,
        "a tiny number added to the deviation blows the column up; put 1 for 0": flat_tiny[0],
        "adding a tiny number to a deviation of 0 blows the column up; put 1 there": flat_tiny[1],
        "a deviation of 0 plus a tiny number blows the column up; put 1 for 0": flat_tiny[2],
        "a tiny number in place of 0 blows the column up; put 1 there": flat_tiny[3],
    },
    hint="Only shift a column that is constant in training",
)
check.close(
    tenths_test_scaled,
    tenths_wanted,
    "test rows of a column that holds 0.1 in every training row",
    ideas={
        "rounding makes this deviation 1e-17, not 0: ask whether largest and smallest agree": (
            tenths_blown
        ),
    },
    hint="Whether a column is constant, its largest and smallest number say, not its deviation",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-0-3-hidden-3", "points": 1}
# Hidden test 0.3 · a fresh model in each trial · 1 point
### BEGIN HIDDEN TESTS
# Arrange
ramp = np.arange(80.0).reshape(80, 1)
inside = ((ramp[:, 0] >= 27) & (ramp[:, 0] < 54)).astype(int)
outside = 1 - inside
places = np.array([[5.0], [36.0], [75.0], [45.0]])
# Act
stubborn = HistGradientBoostingClassifier(max_iter=20, warm_start=True)
once = trial(stubborn, ramp, inside, places)
twice = trial(stubborn, ramp, outside, places)
# Assert
check.close(
    once,
    np.array([0, 1, 0, 1]),
    "predictions of the first trial",
    hint="One class for each test row: standardise, fit a copy of the given model, predict",
)
check.close(
    twice,
    np.array([1, 0, 1, 0]),
    "predictions of a second trial",
    ideas={
        "the model still knows the first trial; train clone(model) instead": np.array([0, 1, 0, 1])
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-0-3-hidden-4", "points": 1}
# Hidden test 0.3 · columns of very different size · 1 point
### BEGIN HIDDEN TESTS
# Arrange
loud = torch.randn(60, generator=seeded(33)).double().numpy()
sides = np.tile([0, 1], 30)
table = np.stack([1e-3 * sides, loud], axis=1)
head, head_sides, tail = table[:40].copy(), sides[:40].copy(), table[40:].copy()
raw = LogisticRegression().fit(table[:40], sides[:40]).predict(table[40:])
# Act
tail_sides = trial(LogisticRegression(), head, head_sides, tail)
# Assert
check.close(
    tail_sides,
    sides[40:],
    "predictions from a small and a large column",
    ideas={"the model was asked about columns as they are; standardise first": raw},
    hint="Training and test rows must both be standardised, by the training rows",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-0-3-hidden-5", "points": 1}
# Hidden test 0.3 · who wins · 1 point
### BEGIN HIDDEN TESTS
# Arrange
worse, better = [0.70, 0.72, 0.68, 0.71], [0.80, 0.81, 0.79, 0.80]
loss = [a - b for a, b in zip(worse, better, strict=True)]
loss_true = verdict_on(loss)
loss_rounded = [
    {name: v if name == "winner" else round(v, digits) for name, v in loss_true.items()}
    for digits in (2, 3, 4)
]
shaky, calm = [0.90, 0.78, 0.83, 0.85, 0.79], [0.80, 0.80, 0.80, 0.80, 0.80]
lead = [a - b for a, b in zip(shaky, calm, strict=True)]
lead_true = verdict_on(lead)
# Act
second_wins = decide(worse, better)
nobody_wins = decide(shaky, calm)
# Assert
check.close(
    second_wins,
    loss_true,
    "the verdict where the second tool is better",
    ideas={
        "a clear loss of the first is a win of the second": {**loss_true, "winner": "undecided"},
        "did you round to two digits? Return the numbers as they are": loss_rounded[0],
        "did you round to three digits? Return the numbers as they are": loss_rounded[1],
        "did you round to four digits? Return the numbers as they are": loss_rounded[2],
        "this looks like second minus first": verdict_on([-d for d in loss]),
        "the sign names the winner: here the first is worse": {**loss_true, "winner": "first"},
        "the spread divides by n - 1 (ddof=1), not by n": verdict_on(
            loss, loss_true["spread"] * (3 / 4) ** 0.5
        ),
        "the spread of an average is not asked for: do not divide by the root of n": verdict_on(
            loss, loss_true["spread"] / 2
        ),
    },
    hint="Subtract split by split, then take mean and spread of the differences",
)
check.close(
    nobody_wins,
    lead_true,
    "the verdict on a lead smaller than two spreads",
    ideas={
        "a lead within two spreads decides nothing": {**lead_true, "winner": "first"},
        "the spread of an average is not asked for: do not divide by the root of n": verdict_on(
            lead, lead_true["spread"] / 5**0.5
        ),
    },
    hint="Undecided, unless the mean difference is more than two spreads from zero",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-0-3-hidden-6", "points": 1}
# Hidden test 0.3 · easy and hard splits · 1 point
### BEGIN HIDDEN TESTS
# Arrange
hard_and_easy = [0.60, 0.95, 0.75, 0.85, 0.66]
gains = [0.020, 0.024, 0.018, 0.022, 0.021]
ahead = [a + b for a, b in zip(hard_and_easy, gains, strict=True)]
steady = verdict_on(gains)
own_spreads = [np.std(ahead, ddof=1).item(), np.std(hard_and_easy, ddof=1).item()]
both = (own_spreads[0] ** 2 + own_spreads[1] ** 2) ** 0.5
# Act
steady_lead = decide(ahead, hard_and_easy)
# Assert
check.close(
    steady_lead,
    steady,
    "the verdict on a small lead in every split",
    ideas={
        "the spread is that of the differences, not of both tools together": verdict_on(
            gains, both
        ),
        "the spread is that of the differences, not the sum of two spreads": verdict_on(
            gains, sum(own_spreads)
        ),
        "the spread is that of the differences, not of one tool": verdict_on(gains, own_spreads[0]),
        "the spread is that of the differences, not the larger of two": verdict_on(
            gains, max(own_spreads)
        ),
    },
    hint="Subtract split by split first: hard splits are hard for both",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-0-5-hidden-1", "points": 1}
# Hidden test predict 0.5 · two devices · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
mixed = predict_0_5
# Assert
check.equal(
    mixed,
    "c",
    "Predict 0.5",
    ideas={
        "a silent copy would hide how slow copying is; PyTorch makes none": "a",
        "to get there, a tensor would have to move; who moves it?": "b",
    },
)
### END HIDDEN TESTS
