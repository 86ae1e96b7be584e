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
# # 7 · Convolutional networks
#
# Neighbours belong together, and a cat is a cat on the left as on the right. A convolutional network has both facts built in. After this chapter you can
#
# - say what a convolution computes, entry by entry, and write one yourself;
# - predict every size on the way, and how much of the input one output sees;
# - build a digit reader, a VGG, a forecaster, a U-Net and a net for volumes;
# - compare your network with a trusted one, number by number, and probe it.
#
# All nets here are small: each trains in a few seconds on one core.
#
# Reading: 60 minutes · exercises: 153 minutes · 54 points

# %% tags=["setup"]
import math
import warnings

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import gradus
from gradus import check, observe, plots, seeded
from gradus.weights import fill

torch.set_printoptions(precision=3, sci_mode=False)


def count(model):
    """How many numbers a model learns."""
    return sum(p.numel() for p in model.parameters())


def train(model, x, y, loss_fn, *, epochs, lr, batch=32, seed=0, device=None, progress=False):
    """Train in place, as in chapter 04: AdamW, and a new order of the samples in each epoch."""
    loader = DataLoader(TensorDataset(x, y), batch, shuffle=True, generator=seeded(seed))
    optimiser = torch.optim.AdamW(model.parameters(), lr)
    return gradus.fit(
        model, loader, loss_fn, optimiser, epochs=epochs, device=device, progress=progress
    )


# %% [markdown]
# ## What an image knows
#
# Chapter 06 flattened images and fed them to a linear layer. It is tempting to say that such a layer "treats each pixel independently". It does the opposite: each output mixes *all* pixels. What it lacks is any idea of who is whose neighbour. Shuffle all pixels, shuffle its weights alike, and nothing changes: to an MLP a picture and confetti are the same problem.
#
# A convolution knows neighbours, and uses the same few weights at every place. Compare the cost like with like: biases counted on both sides, and the same outputs.

# %%
image = torch.rand(1, 1, 28, 28, generator=seeded(0))
order = torch.randperm(784, generator=seeded(1))
linear, conv = nn.Linear(784, 128), nn.Conv2d(1, 32, 3)
shuffled = nn.Linear(784, 128)
shuffled.load_state_dict({"weight": linear.weight[:, order], "bias": linear.bias})
same = linear(image.flatten(1)) - shuffled(image.flatten(1)[:, order])
print(f"linear layer, pixels and weights shuffled: off by {same.abs().max():.4f}")
outputs = conv(image).numel()
print("Linear(784, 128):", count(linear), "weights for 128 outputs")
print("Conv2d(1, 32, 3):", count(conv), "weights for", outputs, "outputs")
print(f"a linear layer with {outputs} outputs:", 784 * outputs + outputs)

# %% [markdown]
# So "300 times fewer weights" (100,480 against 320) is unfair: the convolution makes 21,632 outputs, for which a linear layer needs 17 million weights.
#
# The price is an assumption: nearby matters, and what helps here helps there. It holds for images, sound and sensors; not for a table of customers, whose columns have no order, nor where far ends must speak at once (attention, chapter 11).
#
# ## A dot product that slides
#
# A small grid of weights, the *kernel*, is laid on the image. Multiply number by number, add up, write down one output, move on:
#
# out[i, j] = Σₘ Σₙ in[i + m, j + n] · kernel[m, n]
#
# The grid of outputs is a *feature map*: it says where the kernel's pattern was found.

# %% [markdown]
# ### Predict 7.1 · A ramp under a Sobel kernel
# ★☆☆☆☆ · 3 min · conceptual · 1 point
#
# ```text
# 1 2 3 4 5          1  0 -1
# 2 3 4 5 6          2  0 -2
# 3 4 5 6 7          1  0 -1
# 4 5 6 7 8
# 5 6 7 8 9
# ```
#
# `F.conv2d` slides the kernel on the right over the image on the left. All nine outputs are equal. What are they? Use paper.
#
# - a: −4
# - b: −8
# - c: 8
# - d: 0

# %% nbgrader={"grade_id": "predict-7-1"}
# Write your choice: predict_7_1 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_7_1 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-7-1-check", "points": 0}
# Arrange
# Act
choice = predict_7_1
# Assert
check.one_of(choice, ("a", "b", "c", "d"), "your choice")

# %%
ramp = (torch.arange(5.0)[:, None] + torch.arange(1.0, 6.0))[None, None]
sobel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])[None, None]
print("F.conv2d:       ", F.conv2d(ramp, sobel).flatten().tolist())
print("kernel turned:  ", F.conv2d(ramp, sobel.flip(2, 3)).flatten().tolist())
print("middle row only:", F.conv2d(ramp, sobel[:, :, 1:2])[0, 0, 0].tolist())

# %% [markdown]
# A common slip is −4: the middle row alone. Each row contributes (left − right) · weight = −2 · weight, and the weights add up to 4.
#
# A mathematician's *convolution* turns the kernel by 180° first and gets +8. What `F.conv2d` computes is called *cross-correlation*. Since the kernel is learned, nobody minds: a turned kernel is learned turned. Only when you copy a kernel from elsewhere does it matter.
#
# On a real picture this kernel answers where it gets darker to the right.

# %% alt="Four panels: a handwritten digit; its upright edges, bright on one side and dark on the other; its level edges likewise; the strength of the edges, a bright outline of the digit."
digits = gradus.load("mnist")
digit = digits.images[3:4].float() / 255
kernels = torch.cat([sobel, sobel.mT])  # two kernels: upright and level edges
edges = F.conv2d(digit, kernels, padding=1)
strength = edges.square().sum(1, keepdim=True).sqrt()
print("image", tuple(digit.shape), " kernels", tuple(kernels.shape), " maps", tuple(edges.shape))
shades = 8 * digit[0, 0] - 4  # the range of the edges, since all panels share one scale
panels = torch.stack([shades, *edges[0], strength[0, 0]])
plots.image_grid(panels, ["digit", "upright", "level", "strength"])

# %% [markdown]
# The two edge maps are bright on one side of each stroke and dark on the other; their strength draws the outline. People once designed such kernels by hand. A network learns them.
#
# ## Channels, and the arguments of Conv2d
#
# Images have the layout (N, C, H, W). A kernel of `Conv2d` covers *all* input channels: its weight has shape (out, in, k, k), and there is one kernel for each output channel. `stride` moves in larger steps, `padding` adds a border of zeros, `dilation` spreads the kernel's weights apart, `groups` lets each group of kernels see only its share of the channels (`groups` = channels: *depthwise*).

# %%
x = torch.randn(2, 8, 32, 32, generator=seeded(2))
rows = [{}, {"padding": 1}, {"padding": 1, "dilation": 2}, {"padding": "same", "dilation": 2}]
rows += [{"padding": 1, "stride": 2}, {"padding": 1, "groups": 8}, {"padding": 1, "bias": False}]
print(f"{'':26} {'weight':16} learned  output")
for arguments in rows:
    layer = nn.Conv2d(8, 16, 3, **arguments)
    name = ", ".join(f"{k}={v}" for k, v in arguments.items())
    shape = tuple(layer.weight.shape)
    print(f"{name:26} {shape!s:17} {count(layer):5} ", *layer(x).shape[1:])
grey, no_channels = nn.Conv2d(1, 8, 3), torch.zeros(32, 28, 28)
print("padding='full':  ", observe.complaint(nn.Conv2d, 8, 16, 3, padding="full"))
print("'same', stride 2:", observe.complaint(nn.Conv2d, 8, 16, 3, padding="same", stride=2))
print("no channel axis: ", observe.complaint(grey, no_channels, find="expected input"))

# %% [markdown]
# "Padding 1 keeps the size" holds for kernel 3, stride 1, dilation 1, and not for the third row. Signal processing also knows "full" padding; PyTorch has only `"valid"` and `"same"`, the latter for stride 1. And a batch of grey images without a channel axis is read as *one* image with 32 channels: `x[:, None]` cures it. Images from other libraries often come as (N, H, W, C): `x.permute(0, 3, 1, 2)`.
#
# ## Pooling
#
# Pooling slides too, but learns nothing: it keeps the largest value of each window, or the mean. `AdaptiveAvgPool2d(s)` chooses its windows so that the output has size s, whatever comes in. A convolution with stride 2 also halves the map, and learns how.

# %%
table = torch.tensor([[1.0, 2, 3, 4], [2, 4, 6, 8], [3, 6, 9, 12], [4, 8, 12, 16]])[None, None]
print("max: ", nn.MaxPool2d(2)(table)[0, 0].tolist())
print("mean:", nn.AvgPool2d(2)(table)[0, 0].tolist())
for size in (4, 7, 30):
    maps = torch.ones(1, 5, size, size)
    to_one, to_three = nn.AdaptiveAvgPool2d(1)(maps), nn.AdaptiveAvgPool2d(3)(maps)
    strided = nn.Conv2d(5, 5, 3, stride=2, padding=1)(maps)
    print(size, "→", to_one.shape[-1], "or", to_three.shape[-1], " by stride 2:", strided.shape[-1])

# %% [markdown]
# Check the upper right window by hand: it holds 3, 4, 6, 8. The windows of the adaptive pooling grow with the map.
#
# Now the classic shape of a small network: convolution, ReLU, pooling, twice. The map shrinks 28 → 14 → 7 while the channels grow: less *where*, more *what*. Then flatten and decide.

# %% [markdown]
# ### Exercise 7.1 · A network that reads digits
# ★★☆☆☆ · 15 min · implementation · 5 points
#
# Write `SmallCNN(in_ch, size, classes)` for square images (N, in_ch, size, size). In this order:
#
# 1. convolution to 16 channels, kernel 3, padding 1; ReLU; max pooling 2
# 2. convolution to 32 channels, kernel 3, padding 1; ReLU; max pooling 2
# 3. flatten; linear to 64; ReLU; dropout 0.25; linear to `classes`
#
# It returns logits (N, classes), with no softmax: `F.cross_entropy` brings its own. Any `size` from 4 on works; pooling drops an odd last row. For (1, 28, 10) it learns 105,866 numbers.
#
# The tests fill your layers in their order of use, so names and style are yours.
#
# <details><summary>Hint 1</summary>
#
# How large is the map after two poolings? Each divides by 2 and rounds down.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `nn.Linear(32 * (size // 4) ** 2, 64)`. Use `nn.Dropout`, which `model.eval()` switches off; `F.dropout(x, 0.25)` stays on for ever.
#
# </details>


# %% nbgrader={"grade_id": "ex-7-1"}
class SmallCNN(nn.Module):
    """(N, in_ch, size, size) -> logits (N, classes): two blocks of conv, ReLU, pool, then a head."""

    def __init__(self, in_ch: int = 1, size: int = 28, classes: int = 10) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.features = nn.Sequential(
            nn.Conv2d(in_ch, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(32 * (size // 4) ** 2, 64),
            nn.ReLU(),
            nn.Dropout(0.25),
            nn.Linear(64, classes),
        )
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, not probabilities."""
        ### BEGIN SOLUTION
        return self.head(self.features(x))
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-7-1-check", "points": 1}
# Arrange
grey = torch.rand(5, 1, 28, 28, generator=seeded(701))
certain, same_again = torch.ones(5), torch.zeros(5, 10)
# Act
reader = SmallCNN(1, 28, 10).eval()
scores = observe.copy(reader(grey))
learned_71 = count(reader)
scores_shape = observe.shapes(scores)
score_sums, exp_sums = scores.sum(1), scores.exp().sum(1)
second_look = (reader(grey) - scores).detach()
# Assert
check.equal(scores_shape, (5, 10), "the shape of the logits")
check.equal(
    learned_71,
    105866,
    "the count of learned numbers for (1, 28, 10)",
    ideas={
        "Only one pooling: the first linear layer sees 14 × 14 instead of 7 × 7": 406922,
        "The two linear layers became one: 64 hidden units are missing": 20490,
        "The map is 6 × 6 before the linear layer: is padding=1 missing?": 79242,
        "The map is 5 × 5 before the linear layer: is padding=1 missing?": 56714,
    },
    hint="160 + 4,640 for the convolutions, 100,416 + 650 for the linear layers",
)
check.differs(
    score_sums,
    certain,
    "the sums of the rows (they are probabilities: leave softmax to the loss)",
)
check.differs(
    exp_sums,
    certain,
    "the sums of exp of the rows (they are log-probabilities: leave softmax to the loss)",
)
check.close(
    second_look,
    same_again,
    "what a second look at the same images changes, in eval mode",
    hint="Dropout must stop in eval mode: nn.Dropout does, F.dropout(x, 0.25) does not",
)

# %% [markdown]
# Of its 105,866 weights, 100,416 sit in the first linear layer: remember that for later. Now let it learn. Below, the device is the best that you have; on one core it takes about two seconds.

# %% tags=["demo"] alt="Two panels over five epochs. The loss falls for training and validation; the accuracy rises above 0.9 for both."
x, y = digits.dataset().tensors
gradus.seed_everything(0)
model = SmallCNN(1, 28, 10)
optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
learn = DataLoader(TensorDataset(x[:1200], y[:1200]), 32, shuffle=True, generator=seeded(0))
watch = DataLoader(TensorDataset(x[1200:], y[1200:]), 256)  # 238 digits to choose by
history = gradus.fit(
    model, learn, F.cross_entropy, optimiser, epochs=5, val_loader=watch, device=gradus.device()
)
unseen = DataLoader(gradus.load("mnist", train=False).dataset(), 256)  # used once, at the end
print("test accuracy:", round(gradus.evaluate(model, unseen, F.cross_entropy)["accuracy"], 2))
plots.curves(history)

# %% [markdown]
# Validation looks even better than training: dropout disturbs the net only while it learns, and the training value is a mean over an epoch in which it still improved. It learned digits, not its examples. The test digits were used once. With the real MNIST in `data/`, the same cell reads 60,000 digits.
#
# ## Four questions to ask any network
#
# A network can be accurate and wrong inside. A *probe* changes one thing in the input and looks at what moves.
#
# | probe | change | must move | must stay |
# |---|---|---|---|
# | other samples | one sample | its own output | the others, in eval mode |
# | padding | what fills up a short input | nothing | the rest, if padding is masked or cut off |
# | future | one moment | what comes later | all before it |
# | permutation | the order of the batch | the order of the outputs | each value |
#
# `observe.response(f, x, where)` adds 1 to `x[where]` and gives the change of the output. `fill(model, x)` writes known, uneven numbers into all weights and statistics: in a fresh net too many of them are 0 or 1, and hide mistakes. Three of the probes follow here, the future in "One dimension".


# %%
small_net = nn.Sequential(
    nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(2704, 10)
)  # 28 pixels and a kernel of 3 leave 26; 4 · 26 · 26 = 2704
few = x[:4]
fill(small_net, few)
for mode in (True, False):
    small_net.train(mode)
    change = observe.response(small_net, few, 1).abs().amax(1)
    print("train" if mode else "eval ", "mode, sample 1 brighter, outputs move by", change)
turned = small_net(few.flip(0)).flip(0) - small_net(few)
print(f"batch reversed, outputs reversed back: off by {turned.abs().max():.4f}")
zeros, nines = (F.pad(few, (0, 4), value=v) for v in (0.0, 9.0))  # 4 more columns, two fillings
moved = (small_net[0](nines) - small_net[0](zeros)).abs().amax((0, 1, 2))
print("filled with 9 instead of 0, these columns move:", moved.nonzero().flatten().tolist())

# %% [markdown]
# In train mode, brightening sample 1 moves its neighbours too: batch norm takes mean and variance over the whole batch. In eval mode it uses the running statistics, and each sample is alone. Who forgets `eval()` gives a patient a diagnosis that depends on the other patients of the day. With large batches the accuracy hardly suffers; the probe shows it in one line. What fills up a short input reaches columns 26 to 29: cut them off.
#
# The hidden tests ask these questions too.

# %% [markdown]
# ### Predict 7.2 · The digit moves one pixel
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# An image is moved by one pixel to the right (what leaves on the right enters on the left). It passes a convolution with circular padding, and then the mean over the whole map is taken. What happens?
#
# - a: the feature map stays as it is: convolution is invariant to shifts
# - b: the feature map moves along by one pixel, and the mean stays the same
# - c: the feature map moves along, and the mean changes
# - d: both change in no simple way

# %% nbgrader={"grade_id": "predict-7-2"}
# Write your choice: predict_7_2 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_7_2 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-7-2-check", "points": 0}
# Arrange
# Act
choice = predict_7_2
# Assert
check.one_of(choice, ("a", "b", "c", "d"), "your choice")


# %% alt="Relative error against a shift of 0 to 8 pixels. Convolution moved back, and the global mean: zero throughout. Max pooling moved back: a sawtooth, zero at even shifts, 0.26 at odd ones. Max pooling left in place: grows from 0 to about 1."
def error(ends):  # relative to the image that was not moved
    return [((end - ends[0]).norm() / ends[0].norm()).item() for end in ends]


shifts, round_conv = range(9), nn.Conv2d(1, 6, 3, padding=1, padding_mode="circular")
fill(round_conv, few)
maps = [round_conv(few.roll(k, dims=3)).relu().detach() for k in shifts]
half = [F.max_pool2d(m, 2) for m in maps]
errors = {"conv, moved back": error([maps[k].roll(-k, dims=3) for k in shifts])}
errors["global mean"] = error([m.mean((2, 3)) for m in maps])
errors["max pool, moved back"] = error([half[k].roll(-(k // 2), dims=3) for k in shifts])
errors["max pool, left in place"] = error(half)
plots.curves(errors, x=shifts, xlabel="shift in pixels", ylabel="relative error")

# %% [markdown]
# Two words often mixed up. *Equivariant*: the output moves along; the convolution, moved back, stays at zero. *Invariant*: the output does not notice; so it is with the mean over the whole map. (With zero padding, both hold only away from the border.)
#
# Ordinary max pooling, often praised for "translation invariance", is neither. Moved back, it is exact for even shifts only; left in place, its error grows with each pixel. It forgives small moves a little, no more. To be safe against shifts, train with shifted images (chapter 05).

# %% [markdown]
# ## Sizes, and how far one output sees
#
# Along one axis, an input of n, kernel k, stride s, padding p on *both* sides and dilation d give
#
# out = ⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1
#
# The spread kernel covers d(k − 1) + 1 places; the rest is room to slide.
#
# The *receptive field* is the stretch of input that can reach one output: 2n + 1 pixels for n layers of 3 × 3. After a stride of 2, a step of the map is two pixels, and further kernels count double. Measured: which pixels get a gradient from one output?


# %% alt="Three squares of gradient footprints, brightest in the middle. One layer covers 3 by 3 pixels, ten layers 21 by 21 with very faint edges, and conv-pool-conv-pool-conv 18 by 18."
def footprint(letters):
    image = out = torch.zeros(1, 1, 33, 33, requires_grad=True)
    kernel = torch.full((1, 1, 3, 3), 1 / 9)  # all weights count alike
    for letter in letters:  # c: convolution, p: mean pooling
        out = F.conv2d(out, kernel, padding=1) if letter == "c" else F.avg_pool2d(out, 2)
    out[0, 0, out.shape[2] // 2, out.shape[3] // 2].backward()
    return image.grad[0, 0]


names = ["1 layer", "10 layers", "cpcpc"]
seen = [footprint(letters) for letters in ("c", "c" * 10, "cpcpc")]
print([int((g != 0).any(0).sum()) for g in seen], "pixels across")
shades = [(g / g.max()).sqrt() for g in seen]  # the root makes faint edges visible
plots.image_grid(torch.stack(shades), names)

# %% [markdown]
# One layer reaches 3 pixels, ten reach 21. With two poolings, three layers reach 18. And a footprint fades towards its edge: what *can* reach an output and what matters to it are two things.
#
# By 2n + 1, one output sees all of 32 × 32 after 16 layers, and all of 224 × 224 after 112. Only strides and pooling make short networks enough. If the head averages over the map, no position has to see all.

# %% [markdown]
# ### Exercise 7.2 · Sizes on paper
# ★★☆☆☆ · 12 min · conceptual · 5 points
#
# Three short functions of whole numbers, along one axis.
#
# - `conv_out`: the formula above. A kernel that does not fit into the padded input raises `ValueError`.
# - `conv_transpose_out`: the way back up, (n − 1)s − 2p + d(k − 1) + output_padding + 1.
# - `receptive_field`: for a list of layers (kernel, stride, dilation), first layer first. Pooling is a layer like any other. An empty list sees 1.
#
# Examples: conv_out(32, 3, 2, 1) = 16; conv_transpose_out(4, 3, 2, 1) = 7; two layers (3, 1, 1) see 5; (3, 2, 1) then (3, 1, 1) see 7.
#
# <details><summary>Hint 1</summary>
#
# `//` rounds down, also below zero: −1 // 2 is −1, while int(−0.5) is 0. For the field keep two numbers: what is seen, and how many pixels one step of the map is.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Each layer adds (k − 1) · d steps to the field, each as long as the product of all strides *before* it.
#
# </details>


# %% nbgrader={"grade_id": "ex-7-2"}
def conv_out(n: int, k: int, s=1, p=0, d=1) -> int:
    """Size after a convolution or pooling; ValueError if d(k - 1) + 1 > n + 2p."""
    ### BEGIN SOLUTION
    room = n + 2 * p - d * (k - 1) - 1
    if room < 0:
        raise ValueError(f"a kernel over {d * (k - 1) + 1} places does not fit into {n + 2 * p}")
    return room // s + 1
    ### END SOLUTION


def conv_transpose_out(n: int, k: int, s=1, p=0, output_padding=0, d=1) -> int:
    """Size after a transposed convolution."""
    ### BEGIN SOLUTION
    return (n - 1) * s - 2 * p + d * (k - 1) + output_padding + 1
    ### END SOLUTION


def receptive_field(layers: list[tuple[int, int, int]]) -> int:
    """Input places that can reach one output; layers of (kernel, stride, dilation), first first."""
    ### BEGIN SOLUTION
    field, step = 1, 1
    for kernel, stride, dilation in layers:
        field += (kernel - 1) * dilation * step
        step *= stride
    return field
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-7-2-check", "points": 1}
# Arrange
cases_72 = [
    (32, 3, 1, 1, 1),
    (32, 3, 2, 1, 1),
    (32, 5, 2, 1, 1),
    (32, 1, 1, 0, 1),
    (32, 3, 1, 1, 2),
]
layers_72 = [[(3, 1, 1)] * 2, [(3, 2, 1), (3, 1, 1)], [(3, 2, 1), (3, 3, 1), (3, 1, 1)]]
# Act
sizes_72 = [conv_out(*cases_72[k]) for k in range(5)]
up_72 = conv_transpose_out(4, 3, 2, 1)
fields_72 = [receptive_field(layers_72[k]) for k in range(3)]
# Assert
check.equal(
    sizes_72,
    [32, 16, 15, 32, 30],
    "conv_out for the five layers above",
    ideas={
        "The dilation is left out: the last kernel covers 5 places": [32, 16, 15, 32, 32],
        "The padding stands on both sides: 2p": [31, 15, 15, 32, 29],
        "A last step that does not fit is dropped: round down, after the division": [
            32,
            17,
            16,
            32,
            30,
        ],
        "True division gives 16.5: use //": [32.0, 16.5, 15.5, 32.0, 30.0],
    },
)
check.equal(
    up_72,
    7,
    "conv_transpose_out(4, 3, 2, 1)",
    ideas={"This is the size on the way down: the way up multiplies by the stride": 2},
    hint="(n - 1)s - 2p + d(k - 1) + output_padding + 1",
)
check.equal(
    fields_72,
    [5, 7, 19],
    "the fields of three small stacks",
    ideas={
        "A stride counts from the next layer on, not for its own kernel": [5, 9, 29],
        "Strides are left out": [5, 5, 7],
        "Each layer adds k - 1, not k": [7, 10, 28],
        "This formula walks back from the output: take the last layer first": [5, 5, 11],
    },
)

# %% [markdown]
# You now have the two calculators that every designer of networks keeps at hand. Real toolkits trace shapes as you will below, but a formula tells you *why*.
#
# ## One dimension: sound, sensors, text
#
# `Conv1d` slides along time. Its layout is (N, C, L): channels first, although series usually arrive as (N, time, columns). `x.mT` swaps the last two.
#
# For a forecast the kernel must not look ahead. Pad on the left only: then output t sees t and earlier. Such a *causal* convolution with dilations 1, 2, 4, 8 reaches back about twice as far with each layer: 2, 6, 14, 30 steps.

# %% alt="A heat map of four networks over 40 steps; what is coloured moved when step 20 changed. With padding on both sides it begins at step 19; the three causal networks begin at 20 and reach to 22, 26 and 34."
moment = torch.randn(1, 1, 40, generator=seeded(3))
rows, left = {"same padding": nn.Sequential(nn.Conv1d(1, 1, 3, padding=1))}, []
for d in (1, 2, 4):
    left += [nn.ConstantPad1d((2 * d, 0), 0.0), nn.Conv1d(1, 1, 3, dilation=d)]
    rows[f"causal, to dilation {d}"] = nn.Sequential(*left)
moves = []
for name, net in rows.items():
    fill(net, moment)
    moves.append(observe.response(net, moment, (0, 0, 20))[0, 0].abs().gt(1e-6).float())
    touched = moves[-1].nonzero().flatten()
    print(f"{name:24} outputs {touched.min()} to {touched.max()} move")
title = "What moves (1) when step 20 changes: both sides (row 0), causal (rows 1 to 3)"
plots.heat(torch.stack(moves), title=title, xlabel="step", ylabel="network")

# %% [markdown]
# ### Exercise 7.3 · Convolution in time
# ★★★☆☆ · 20 min · implementation · 7 points
#
# Above, the top row moves *before* the change; the causal rows never do. Write both kinds, the two functions without any convolution of PyTorch.
#
# - `conv1d_manual`: what `F.conv1d` computes. x (N, C, L), weight (O, C, K), bias (O,) or None; returns (N, O, L′).
# - `causal_conv1d`: same length as x, output t sees nothing after t. Missing past counts as zero.
# - `Forecaster(channels, past, future, width)`: (N, past, channels) to (N, future). In this order: convolution to `width`, kernel 5, padding 2; ReLU; convolution to `width`, kernel 5, dilation 2, padding 4; ReLU; flatten; linear.
#
# x = [1, 2, 3, 4], kernel [1, 10]: valid [21, 32, 43], causal [10, 21, 32, 43].
#
# <details><summary>Hint 1</summary>
#
# Loop over the K places of the kernel, not over time. Weight j meets the inputs that start at j · dilation.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `x[..., start : start + stride * (n - 1) + 1 : stride]` has n entries; `torch.einsum("ncl,oc->nol", piece, weight[:, :, j])` mixes its channels. Causal: `F.pad(x, ((K - 1) * dilation, 0))`.
#
# </details>


# %% nbgrader={"grade_id": "ex-7-3"}
def conv1d_manual(x, weight, bias=None, stride: int = 1, padding: int = 0, dilation: int = 1):
    """Cross-correlation along the last axis, like F.conv1d.

    x: (N, C, L); weight: (O, C, K); bias: (O,) or None; zeros pad both ends. Returns (N, O, L').
    """
    ### BEGIN SOLUTION
    k = weight.shape[-1]
    x = F.pad(x, (padding, padding))
    n = (x.shape[-1] - dilation * (k - 1) - 1) // stride + 1
    out = 0
    for j in range(k):
        start = j * dilation
        piece = x[..., start : start + stride * (n - 1) + 1 : stride]
        out = out + torch.einsum("ncl,oc->nol", piece, weight[:, :, j])
    return out if bias is None else out + bias[:, None]
    ### END SOLUTION


def causal_conv1d(x, weight, bias=None, dilation: int = 1):
    """(N, C, L) to (N, O, L): output t is made of inputs up to t; zeros stand before the start."""
    ### BEGIN SOLUTION
    left = (weight.shape[-1] - 1) * dilation
    return conv1d_manual(F.pad(x, (left, 0)), weight, bias, dilation=dilation)
    ### END SOLUTION


class Forecaster(nn.Module):
    """(N, past, channels) -> (N, future): the next values of one quantity."""

    def __init__(self, channels: int, past: int, future: int, width: int = 16) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.net = nn.Sequential(
            nn.Conv1d(channels, width, 5, padding=2),
            nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=4, dilation=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(width * past, future),
        )
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, past, channels), time before channels."""
        ### BEGIN SOLUTION
        return self.net(x.mT)
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-7-3-check", "points": 1}
# Arrange
four = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
ten = torch.tensor([[[1.0, 10.0]]])
valid_73 = torch.tensor([[[21.0, 32.0, 43.0]]])
causal_73 = torch.tensor([[[10.0, 21.0, 32.0, 43.0]]])
twice_ten, lift_73 = ten.repeat(2, 1, 1), torch.tensor([100.0, 200.0])
true_lift = torch.tensor([[[121.0, 132.0, 143.0], [221.0, 232.0, 243.0]]])
no_lift = valid_73.repeat(1, 2, 1)
# Act
plain_73 = conv1d_manual(four, ten)
late_73 = causal_conv1d(four, ten)
wide_73 = conv1d_manual(four, ten, stride=2, padding=1)
lifted_73 = conv1d_manual(four, twice_ten, lift_73)
text_73 = observe.source(conv1d_manual)
# Assert
check.close(
    plain_73,
    valid_73,
    "conv1d_manual on 1 2 3 4",
    ideas={
        "The kernel is turned round: a network's convolution does not flip": torch.tensor(
            [[[12.0, 23.0, 34.0]]]
        )
    },
)
check.close(
    late_73,
    causal_73,
    "causal_conv1d on 1 2 3 4",
    ideas={
        "The zeros stand at the end, so the output sees the future: pad on the left": torch.tensor(
            [[[21.0, 32.0, 43.0, 4.0]]]
        ),
        "It is one too long: zeros belong on the left alone": torch.tensor(
            [[[10.0, 21.0, 32.0, 43.0, 4.0]]]
        ),
    },
)
check.close(
    wide_73,
    torch.tensor([[[10.0, 32.0, 4.0]]]),
    "conv1d_manual with stride 2 and padding 1",
    hint="Pad both ends with zeros, then step",
)
check.close(
    lifted_73,
    true_lift,
    "conv1d_manual with biases 100 and 200",
    ideas={
        "The bias is missing": no_lift,
        "The bias is added once for each place of the kernel: once is enough": 2 * true_lift
        - no_lift,
    },
    hint="One bias for each output channel: shape it (O, 1) before adding",
)
check.avoids(
    text_73,
    "both functions by hand",
    calls=(
        *("conv1d", "conv2d", "conv3d", "convolution", "_convolution"),
        *("conv_transpose1d", "conv_transpose2d"),
    ),
)

# %% nbgrader={"grade_id": "ex-7-3-check-2", "points": 1}
# Arrange
weeks = torch.rand(3, 20, 2, generator=seeded(731))
says_true = torch.tensor([-0.9009, -0.7041, 1.3336, -0.1836])
# Act
oracle = Forecaster(2, 20, 4, 8)
oracle_shape = observe.shapes(oracle(weeks))
oracle_count = count(oracle)
oracle_says = observe.copy(fill(oracle, weeks, seed=2).eval()(weeks)[0])
# Assert
check.equal(oracle_shape, (3, 4), "the shape of the forecast")
check.equal(
    oracle_count,
    1060,
    "the count of learned numbers for (2, 20, 4, 8)",
    ideas={
        "The head sees one mean per channel: flatten keeps when something happened": 452,
    },
    hint="88 + 328 for the convolutions, 644 for the linear layer",
)
check.close(
    oracle_says,
    says_true,
    "the first forecast with given weights",
    ideas={
        "reshape mixes moments and channels: swap the two axes with x.mT": torch.tensor(
            [-1.9054, -2.1598, 1.2805, -0.7552]
        ),
        "The second ReLU is missing": torch.tensor([0.9416, 0.7411, 1.1318, 1.4076]),
    },
    atol=1e-3,
    hint="Two convolutions, each with a ReLU; flatten; linear",
)

# %% tags=["demo"]
# Is the flatten needed, and is a convolution better than an MLP? 48 steps in, 8 steps out.
t = torch.arange(1200.0)
wave = torch.sin(t * math.tau / 25) + 0.5 * torch.sin(t * math.tau / 11 + 1)
wave = wave + 0.1 * torch.randn(1200, generator=seeded(0))
early, late = (part.unfold(0, 56, 1) for part in (wave[:900], wave[900:]))  # cut, then windows
torch.manual_seed(0)
pooled = [nn.Flatten(1), nn.Unflatten(1, (1, 48)), nn.Conv1d(1, 16, 5, padding=2), nn.ReLU()]
pooled += [nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(16, 8)]
mlp = [nn.Flatten(), nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, 8)]
nets = {"flatten": [Forecaster(1, 48, 8)], "mean over time": pooled, "MLP": mlp}
nets["one linear layer"] = [nn.Flatten(), nn.Linear(48, 8)]
for name, net in ((name, nn.Sequential(*layers)) for name, layers in nets.items()):
    train(net, early[:, :48, None], early[:, 48:], F.mse_loss, epochs=15, lr=3e-3)
    print(f"{name:16} test error {F.mse_loss(net(late[:, :48, None]), late[:, 48:]).item():.3f}")

# %% [markdown]
# The series was cut in time *before* the windows were made, as in chapter 05. The mean over time knows *that* there are waves, not where in the wave we stand; its error is more than ten times larger. Pool globally to classify, flatten to forecast. The MLP does as well here, even one linear layer does: a sum of waves goes on as a weighted sum of its past. All three are near 0.01, the variance of the noise.
#
# ## Blocks: convolution, batch norm, ReLU
#
# `BatchNorm2d` normalises each channel over N, H and W together, then scales and shifts it (chapter 06). Put after a convolution it subtracts the channel's mean, and with it any bias of that convolution: write `bias=False`.

# %%
stack = torch.randn(8, 3, 5, 5, generator=seeded(4)) * 2 + 1
norm = nn.BatchNorm2d(3)
out = norm(stack).detach()
print(
    "mean over N, H, W:", out.mean((0, 2, 3)).abs(), " variance:", out.var((0, 2, 3), correction=0)
)
print("running mean:", norm.running_mean, " mean of the batch:", stack.mean((0, 2, 3)))
biased, after = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
calm = after(biased(stack))
with torch.no_grad():
    biased.bias += 100
print(
    f"bias + 100, output after batch norm: off by {(after(biased(stack)) - calm).abs().max():.3f}"
)

# %% [markdown]
# A hundred, added and taken away again. The running mean has made a tenth of the way from 0 to the mean of the batch: the default momentum.
#
# VGG (2014) made a style of it: blocks of 3 × 3 convolutions, each block followed by a pooling, channels doubled from block to block. Two 3 × 3 layers see as far as one 5 × 5, with 18 weights instead of 25 a channel pair and a ReLU in between. End with the mean over the map, not with a giant linear layer, and the net takes images of any size.

# %% [markdown]
# ### Exercise 7.4 · A VGG of your own
# ★★★☆☆ · 15 min · production · 6 points
#
# - `vgg_block(cin, cout, n)`: n times convolution (kernel 3, padding 1, no bias), `BatchNorm2d`, ReLU; then max pooling 2. Returns an `nn.Sequential`.
# - `VGGNet(in_ch, classes, widths, counts)`: one block for each width, with as many convolutions as `counts` says; then the mean over each map, and one linear layer. (N, in_ch, H, W) to logits (N, classes), for any H and W that survive the poolings.
#
# VGGNet(3, 10, (16, 32, 64), (2, 2, 3)) learns 109,946 numbers; the same object takes 32 × 32 and 40 × 56.
#
# <details><summary>Hint 1</summary>
#
# Only the first convolution of a block changes the channels. `widths` and `counts` can have any length: build in a loop, unpack into `nn.Sequential`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `nn.AdaptiveAvgPool2d(1)`, `nn.Flatten()`, `nn.Linear(widths[-1], classes)`; or `x.mean((2, 3))`.
#
# </details>


# %% nbgrader={"grade_id": "ex-7-4"}
def vgg_block(cin: int, cout: int, n: int) -> nn.Sequential:
    """n times conv 3 × 3 without bias, batch norm, ReLU; then 2 × 2 max pooling."""
    ### BEGIN SOLUTION
    layers = []
    for k in range(n):
        layers.append(nn.Conv2d(cin if k == 0 else cout, cout, 3, padding=1, bias=False))
        layers += [nn.BatchNorm2d(cout), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))
    ### END SOLUTION


class VGGNet(nn.Module):
    """(N, in_ch, H, W) -> logits (N, classes): blocks, mean over each map, linear layer."""

    def __init__(self, in_ch: int = 3, classes: int = 10, widths=(16, 32, 64), counts=(2, 2, 3)):
        super().__init__()
        ### BEGIN SOLUTION
        channels = (in_ch, *widths)
        blocks = [vgg_block(*three) for three in zip(channels, widths, counts, strict=False)]
        self.features = nn.Sequential(*blocks)
        self.head = nn.Linear(widths[-1], classes)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits for images of any size that survives the poolings."""
        ### BEGIN SOLUTION
        return self.head(self.features(x).mean((2, 3)))
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-7-4-check", "points": 2}
# Arrange
photos = torch.rand(2, 3, 32, 32, generator=seeded(741))
wide_photos = torch.rand(2, 3, 40, 56, generator=seeded(742))
# Act
block_74 = vgg_block(3, 8, 2)
block_shape = observe.shapes(block_74(photos))
vgg_74 = VGGNet(3, 10, (16, 32, 64), (2, 2, 3))
vgg_count = count(vgg_74)
vgg_shapes = [observe.shapes(vgg_74(photos)), observe.shapes(vgg_74(wide_photos))]
order_74 = observe.layer_order(block_74, photos)
# Assert
check.equal(block_shape, (2, 8, 16, 16), "the shape after vgg_block(3, 8, 2)")
check.equal(
    order_74,
    ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d"],
    "the layers of a block with n = 2, in their order of use",
    ideas={
        "Batch norm stands between the convolution and its ReLU": [
            "Conv2d",
            "ReLU",
            "BatchNorm2d",
            "Conv2d",
            "ReLU",
            "BatchNorm2d",
            "MaxPool2d",
        ],
        "Batch norm follows each convolution, not only the pooling": [
            "Conv2d",
            "ReLU",
            "Conv2d",
            "ReLU",
            "MaxPool2d",
            "BatchNorm2d",
        ],
    },
    hint="n times Conv2d, BatchNorm2d, ReLU; then MaxPool2d",
)
check.equal(
    vgg_count,
    109946,
    "the count of learned numbers",
    ideas={
        "The convolutions have a bias, which batch norm takes away again": 110234,
        "The head is sized for 4 × 4 maps: take the mean of each map first": 119546,
        "`list * n` repeats one and the same layer: make new layers in a loop": 72954,
    },
    hint="108,720 in the convolutions, 576 in the batch norms, 650 in the linear layer",
)
check.equal(vgg_shapes, [(2, 10), (2, 10)], "the shapes for 32 × 32 and for 40 × 56")

# %% [markdown]
# A question of habit: is your network *really* the known one? Shapes cannot tell. Copy your weights into a trusted implementation and compare outputs. torchvision builds the features of its VGGs from a list of widths; its convolutions have biases, which we set to zero. The cell after it trains a slim VGG on drawn shapes, 32 × 32 in colour, with and without batch norm: some ten seconds.

# %%
from torchvision.models.vgg import make_layers

mine = VGGNet(3, 10, (16, 32, 64), (2, 2, 3)).eval()
picture = torch.rand(2, 3, 32, 32, generator=seeded(5))
fill(mine, picture)
theirs = make_layers([16, 16, "M", 32, 32, "M", 64, 64, 64, "M"], batch_norm=True).eval()
here = [m for m in mine.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
there = [m for m in theirs if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
for a, b in zip(here, there, strict=True):
    b.load_state_dict(a.state_dict(), strict=False)  # not strict: the bias stays
    if isinstance(b, nn.Conv2d):
        nn.init.zeros_(b.bias)
(last,) = (m for m in mine.modules() if isinstance(m, nn.Linear))
trusted = last(theirs(picture).mean((2, 3)))
print(f"largest difference of the logits: {(mine(picture) - trusted).abs().max():.4f}")

# %% tags=["demo"]
shapes = gradus.load("cifar10")
x, y = (shapes.images.float() / 255 - 0.5) / 0.25, shapes.labels
test = gradus.load("cifar10", train=False, quiet=True)
unseen = TensorDataset((test.images.float() / 255 - 0.5) / 0.25, test.labels)  # scaled alike
torch.manual_seed(0)
plain = make_layers([8, 8, "M", 16, 16, "M", 32, 32, 32, "M"], batch_norm=False)
plain = nn.Sequential(plain, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
for name, net in {"with batch norm": VGGNet(3, 10, (8, 16, 32)), "without": plain}.items():
    train(net, x, y, F.cross_entropy, epochs=3, lr=2e-3, batch=64, device=gradus.device())
    result = gradus.evaluate(net, DataLoader(unseen, 250), F.cross_entropy)
    print(f"{name:16} test accuracy {result['accuracy']:.2f}")

# %% [markdown]
# The difference is zero: same network, other author. Do this with every architecture that you copy from a paper.
#
# Same data, same three epochs: above 0.9 with batch norm, about a third without.
#
# **At full size.** The same functions train on the real CIFAR-10. Expect more than 70 %, in minutes on a GPU, in hours on one core. Not graded.
#
# ```python
# data = gradus.load("cifar10", download=True)      # 170 MB, once; later without download
# x = (data.images.float() / 255 - 0.5) / 0.25
# model = VGGNet(3, 10, (64, 128, 256), (2, 2, 3))
# train(model, x, data.labels, F.cross_entropy,
#       epochs=15, lr=1e-3, batch=128, device=gradus.device(), progress=True)
# ```
#
# `gradus.load` finds the set in `data/` or in `GRADUS_DATA`, and `gradus.device()` finds the accelerator. Measure on `train=False`, scaled alike.

# %% [markdown]
# ### Predict 7.3 · One more layer
# ★★☆☆☆ · 3 min · conceptual · 1 point
#
# A digit reader for 28 × 28: two blocks (convolution to 32, then 64 channels, padding 1; batch norm; pooling), then `Linear(64 * 7 * 7, 128)` and `Linear(128, 10)`. It learns 421,834 numbers.
#
# You add a third block, 64 to 128 channels with pooling, and adapt the linear layer. What happens to the count?
#
# - a: it grows by the 73,856 numbers of the new convolution, or a little more
# - b: it falls to less than two thirds
# - c: it stays within 10 %
# - d: it doubles

# %% nbgrader={"grade_id": "predict-7-3"}
# Write your choice: predict_7_3 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_7_3 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-7-3-check", "points": 0}
# Arrange
# Act
choice = predict_7_3
# Assert
check.one_of(choice, ("a", "b", "c", "d"), "your choice")


# %%
def reader(*channels):
    layers, size = [], 28
    for cin, cout in zip((1, *channels), channels, strict=False):
        layers += [nn.Conv2d(cin, cout, 3, padding=1), nn.BatchNorm2d(cout), nn.MaxPool2d(2)]
        size //= 2
    layers += [nn.Flatten(), nn.Linear(channels[-1] * size**2, 128), nn.Linear(128, 10)]
    return nn.Sequential(*layers)


for channels in ((32, 64), (32, 64, 128)):
    model = reader(*channels)
    print(channels, "total", count(model), "  first linear layer", count(model[-2]))

# %% [markdown]
# 421,834 becomes 241,994. The map shrinks from 7 × 7 to 3 × 3, and the linear layer with it. Do not guess such numbers; counting takes a line.
#
# ## Looking inside
#
# A *forward hook* is called each time a module has run. It can copy what came out.

# %% tags=["demo"] alt="Two rows of eight small pictures. First row: eight learned 3 by 3 kernels, grey patterns, some like edges. Second row: the feature maps of a digit under these kernels, showing its strokes, single sides of strokes, or the background."
gradus.seed_everything(1)
model = SmallCNN(1, 28, 10)
x, y = digits.dataset().tensors
train(model, x, y, F.cross_entropy, epochs=3, lr=3e-3)
first = next(m for m in model.modules() if isinstance(m, nn.Conv2d))
kept = {}
handle = first.register_forward_hook(lambda module, inputs, output: kept.update(maps=output))
model.eval()(x[3:4])
handle.remove()
kernels = F.interpolate(first.weight[:8], size=28)[:, 0]
maps = kept["maps"][0, :8].relu()
panels = torch.stack([k / k.abs().max().clamp(min=1e-6) for k in (*kernels, *maps)])
names = [f"kernel {k}" for k in range(8)] + [f"map {k}" for k in range(8)]
plots.image_grid(panels, names)

# %% [markdown]
# Some kernels look for one side of a stroke, some for its inside, some for the empty page; one is silent here, its ReLU lets nothing through. Nobody asked for edges; the loss did. The next layer reads maps of edges instead of pixels, so it can look for corners, and the one after it for parts made of corners: depth builds a *hierarchy*.
#
# Hooks also trace shapes. The other way, running through `named_children()` one after the other, follows the order in which layers were *registered*. Watch it fail on a net that pools twice with one module and flattens in `forward`.


# %%
class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 8, 3)
        self.pool, self.head = nn.MaxPool2d(2), nn.Linear(200, 10)

    def forward(self, x):
        return self.head(self.pool(self.conv2(self.pool(self.conv1(x)))).flatten(1))


net, image = Twice(), torch.zeros(1, 1, 28, 28)
print("children in a row:", observe.complaint(nn.Sequential(*net.children()), image))
for name, layer in net.named_children():
    layer.register_forward_hook(lambda m, i, o, name=name: print(name, tuple(o.shape), end="  "))
out = net(image)

# %%
# Maps fill the memory, since backward needs them. A checkpoint drops them and computes them again.
from torch.utils.checkpoint import checkpoint

layer = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Sigmoid(), nn.Conv2d(4, 4, 3), nn.Sigmoid())
image, kept = torch.rand(2, 1, 8, 8, generator=seeded(6)), []
with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
    plain_out, plainly = layer(image), sum(kept)
    new = checkpoint(layer, image, use_reentrant=False)
print("numbers kept for backward:", plainly, " by a checkpoint:", sum(kept) - plainly)
with warnings.catch_warnings(action="ignore"):
    old = checkpoint(layer, image)
print("old default:", observe.complaint(old.sum().backward))
print(
    "use_reentrant=False, gradient:", bool(torch.autograd.grad(new.sum(), layer[0].weight)[0].any())
)

# %% [markdown]
# Hooks show what truly ran, `pool` twice included. *Gradient checkpointing* keeps the input of a part of the net alone, and pays with a second forward pass. (Cheaper: a smaller batch, and no gradients while you measure.) Always say `use_reentrant=False`: the old default cuts the graph where the input asks for no gradient, and nothing is learned.
#
# ## Going up again
#
# An answer as large as the image needs larger maps. `ConvTranspose2d` walks a convolution's arrows backward: each input writes a whole kernel into the output, and overlaps add up. It is exactly a convolution's gradient for its input.
#
# Its size is (n − 1)s − 2p + d(k − 1) + output_padding + 1. Going down, 7 and 8 both become 4; `output_padding` says which one you came from.

# %%
x = torch.randn(1, 2, 7, 7, generator=seeded(7)).requires_grad_()
w = torch.randn(3, 2, 3, 3, generator=seeded(8))
down = F.conv2d(x, w, stride=2, padding=1)
arriving = torch.randn(down.shape, generator=seeded(9))
(gradient,) = torch.autograd.grad(down, x, arriving)
up = F.conv_transpose2d(arriving, w, stride=2, padding=1)
print("transposed convolution = gradient:", torch.allclose(up, gradient, atol=1e-5))
for paddings in ((1, 1, 1), (0, 1, 1)):
    sizes = [4]
    for extra in paddings:
        step = nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=extra)
        sizes.append(step(torch.zeros(1, 1, sizes[-1], sizes[-1])).shape[-1])
    print("output_padding", paddings, "sizes", sizes)

# %% [markdown]
# An **autoencoder** squeezes its input and builds it up again, say 28 → 14 → 7 → 4 and back. With `output_padding=1` everywhere it ends at 32, and a loss against 28 × 28 raises. The way from 4 back to 7 needs 0. It is a common slip. And such a net is no U-Net yet: a U-Net has skips, as you will see.

# %% [markdown]
# ### Predict 7.4 · Who writes how often?
# ★★☆☆☆ · 3 min · conceptual · 1 point
#
# Enlarged pictures sometimes show a checkerboard: some pixels are written by more kernel entries than others. Look at the inside, away from the border. Which `ConvTranspose2d` writes equally often into every pixel?
#
# - a: kernel 3, stride 2
# - b: kernel 4, stride 2
# - c: both
# - d: neither, overlaps are never even

# %% nbgrader={"grade_id": "predict-7-4"}
# Write your choice: predict_7_4 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_7_4 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-7-4-check", "points": 0}
# Arrange
# Act
choice = predict_7_4
# Assert
check.one_of(choice, ("a", "b", "c", "d"), "your choice")

# %% alt="Two grids of counts side by side. Left, kernel 3 with stride 2: rows of 4 2 4 2 alternate with rows of 2 1 2 1, a checkerboard. Right, kernel 4 with stride 2: 4 everywhere."
grids = []
for k in (3, 4, 2):
    written = F.conv_transpose2d(torch.ones(1, 1, 8, 8), torch.ones(1, 1, k, k), stride=2)
    grids.append(written[0, 0, 4:12, 4:12])  # the inside
    print(f"kernel {k}, stride 2: counts {grids[-1].unique().int().tolist()}")
title = "Times written: kernel 3 (left), kernel 4 (right)"
plots.heat(torch.cat(grids[:2], dim=1), title=title, annotate=True)

# %% [markdown]
# Left, kernel 3 writes 1, 2 or 4 times: a checkerboard, built in before any learning. Right, kernel 4 writes 4 times everywhere; kernel 2 would write once. What counts is that the stride divides the kernel size. Or enlarge first and convolve then: `nn.Upsample(scale_factor=2)` and a 3 × 3 convolution.
#
# ## U-Net: down, up, and across
#
# Going down, a net learns *what*, and forgets *where*. A U-Net brings the place back: on the way up, each level receives the map of the same size from the way down, stacked along the channels, so that the next convolution can weigh the two against each other.

# %% [markdown]
# ### Exercise 7.5 · A U-Net that removes noise
# ★★★★★ · 35 min · problem solving · 10 points
#
# `UNet(in_ch, out_ch, width, depth)`, (N, in_ch, H, W) to (N, out_ch, H, W). A *double* is: convolution 3, padding 1, ReLU, and both once more.
#
# 1. Zeros on the right and below, up to the next multiples of 2**depth.
# 2. Down, level i = 0 … depth − 1: double to width · 2**i channels, keep it as skip, max pool 2.
# 3. Bottom: double to width · 2**depth.
# 4. Up, the last level first: `ConvTranspose2d` to width · 2**i, kernel 2, stride 2; stack **[skip, up]**; double to width · 2**i.
# 5. Convolution 1 × 1 to out_ch. Cut to H × W.
#
# `psnr(a, b, max_value)`: 10 · log₁₀(max² / mean squared error), a float; infinite for equal images. Off by 0.1 everywhere, with max 1, gives 20 dB.
#
# <details><summary>Hint 1</summary>
#
# Let `depth` make the levels: three `nn.ModuleList`s (down, up, merge). A plain list hides its modules from `parameters()`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `F.pad(x, (0, -W % m, 0, -H % m))` with m = 2**depth pads right and below; `torch.cat([skip, x], 1)` makes 2 · width · 2**i channels; `[..., :H, :W]` cuts.
#
# </details>


# %% nbgrader={"grade_id": "ex-7-5"}
class UNet(nn.Module):
    """(N, in_ch, H, W) -> (N, out_ch, H, W), any H and W: depth levels down and up, with skips."""

    def __init__(self, in_ch: int = 1, out_ch: int = 1, width: int = 8, depth: int = 2) -> None:
        super().__init__()
        ### BEGIN SOLUTION

        def double(cin, cout):
            first, second = nn.Conv2d(cin, cout, 3, padding=1), nn.Conv2d(cout, cout, 3, padding=1)
            return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())

        sizes = [width * 2**i for i in range(depth + 1)]
        self.multiple = 2**depth
        self.down = nn.ModuleList(
            double(a, b) for a, b in zip([in_ch, *sizes], sizes[:-1], strict=False)
        )
        self.bottom = double(sizes[-2] if depth else in_ch, sizes[-1])
        pairs = [(sizes[i + 1], sizes[i]) for i in reversed(range(depth))]
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in pairs)
        self.merge = nn.ModuleList(double(2 * b, b) for _, b in pairs)
        self.out = nn.Conv2d(width, out_ch, 1)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pads to multiples of 2**depth, and cuts back at the end."""
        ### BEGIN SOLUTION
        height, width = x.shape[-2:]
        x = F.pad(x, (0, -width % self.multiple, 0, -height % self.multiple))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([skips.pop(), up(x)], dim=1))
        return self.out(x)[..., :height, :width]
        ### END SOLUTION


def psnr(a: torch.Tensor, b: torch.Tensor, max_value: float = 1.0) -> float:
    """Peak signal-to-noise ratio in dB; math.inf for equal images."""
    ### BEGIN SOLUTION
    error = (a - b).square().mean().item()
    return math.inf if error == 0 else 10 * math.log10(max_value**2 / error)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-7-5-check", "points": 1}
# Arrange
even = torch.rand(2, 1, 28, 28, generator=seeded(751))
odd = torch.rand(2, 1, 30, 25, generator=seeded(752))
# Act
painter = UNet(1, 1, 8, 2)
painter_shapes = [observe.shapes(painter(even)), observe.shapes(painter(odd))]
painter_count = count(painter)
# Assert
check.equal(
    painter_shapes,
    [(2, 1, 28, 28), (2, 1, 30, 25)],
    "the shapes for 28 × 28 and 30 × 25",
    ideas={"Cut the padding off again": [(2, 1, 28, 28), (2, 1, 32, 28)]},
)
check.equal(
    painter_count,
    29321,
    "the count of learned numbers for (1, 1, 8, 2)",
    ideas={
        "The maps are added: stack them along the channels instead": 26441,
        "Modules in a plain list are not registered: use nn.ModuleList": 9,
    },
    hint="Levels of 8 and 16 channels, a bottom of 32, and the same levels up again",
)

# %% nbgrader={"grade_id": "ex-7-5-check-2", "points": 1}
# Arrange
calm = torch.full((2, 3), 0.5)
louder = torch.tensor([[0.6, 0.4, 0.6], [0.4, 0.6, 0.4]])
# Act
decibels = [psnr(calm, louder), psnr(255 * calm, 255 * louder, 255.0)]
perfect = psnr(calm, calm)
# Assert
check.close(
    decibels,
    [20.0, 20.0],
    "psnr of images that are off by 0.1, in two scales",
    ideas={
        "max_value is squared, as the error is": [20.0, -4.0654],
        "This uses the sum of squares: take the mean": [12.2185, 12.2185],
        "This is the natural logarithm: take log10": [46.0517, 46.0517],
        "20 · log10 belongs to the root of the error, 10 · log10 to the error": [40.0, 40.0],
        "max_value is not used": [20.0, -28.1308],
    },
    rtol=1e-4,
)
check.equal(perfect, math.inf, "psnr of equal images")

# %% tags=["demo"] alt="Three rows of eight digits: clean, covered by strong noise, and as the U-Net restores them, nearly free of noise with slightly soft strokes."
clean = digits.images[:, :, 4:24, 4:24].float() / 255  # without the empty frame
noisy = clean + 0.3 * torch.randn(clean.shape, generator=seeded(10))
gradus.seed_everything(0)
net = UNet(1, 1, 8, 2)
train(net, noisy[:1200], clean[:1200], F.mse_loss, epochs=5, lr=3e-3)
with torch.no_grad():
    restored = net(noisy[1200:])
print(
    f"noisy {psnr(noisy[1200:], clean[1200:]):.0f} dB, restored {psnr(restored, clean[1200:]):.0f} dB"
)
rows = [clean[1200:1208], noisy[1200:1208].clamp(0, 1), restored[:8].clamp(0, 1)]
plots.image_grid(torch.cat(rows))

# %% [markdown]
# A few seconds of training, and the last row is close to the first: what the eye sees as noise is gone, at the price of slightly soft strokes. U-Nets segment medical images, and they draw: many generators of images are of this family.
#
# ## Three dimensions
#
# `Conv3d` slides through volumes (N, C, D, H, W): scans, or video with time as depth. The rules are the same, the bills are not: a 3 × 3 × 3 kernel costs three times as much as 3 × 3, and a map of 128³ holds 2 million numbers per channel.
#
# Data first. A first try draws the *same* ball for each sample, in three Python loops, and gives no labels:


# %%
def slow_ball(centre, radius, size):
    volume = torch.zeros(size, size, size)
    for z in range(size):
        for y in range(size):
            for x in range(size):
                d2 = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
                volume[z, y, x] = math.exp(-d2 / (2 * radius**2))
    return volume


volumes = torch.stack([slow_ball((6.0, 6.0, 6.0), 1.5, 12) for _ in range(5)])
print("spread over the samples:", volumes.std(0).max().item())
print("calls of exp:", volumes.numel())

# %% [markdown]
# ### Exercise 7.6 · Balls in the fog
# ★★★★★ · 25 min · implementation · 9 points
#
# The spread above is zero: five copies of one class. Do better: balls in different places, some volumes without, noise over all, no loop.
#
# - `balls(centres, radii, size)`: exp(−d² / 2r²) in (n, 1, size, size, size), where d is the distance of voxel (z, y, x) to its sample's centre (n, 3), also in order z, y, x; float32 or float64. No loop.
# - `make_blobs(n, size, generator)` returns volumes (n, 1, size, size, size) and labels (n,), int64. Draw from the generator, in this order: labels = `torch.randperm(n) % 2`; centres = size · (0.25 + 0.5 · `torch.rand(n, 3)`); radii = size · (0.08 + 0.06 · `torch.rand(n)`); noise = 0.3 · `torch.randn(n, 1, size, size, size)`. All volumes are noise; label 1 adds a ball.
# - `VolNet(width, classes)`: convolution 3, padding 1, no bias, to `width`; batch norm; ReLU; max pool 2. Once more, to 2 · width. Mean over the volume, linear. Logits (N, classes).
#
# In a 3³ volume, a ball of radius 1 at (1, 1, 1): 1 in the middle, e^−½ ≈ 0.607 at its six neighbours, e^−1.5 in the corners.
#
# <details><summary>Hint 1</summary>
#
# Three axes, broadcast against each other: d² = z² + y² + x², where z varies along one axis only.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `a = (torch.arange(size) - centres[:, :, None]) ** 2` is (n, 3, size); `a[:, 0, :, None, None]` lies along depth.
#
# </details>


# %% nbgrader={"grade_id": "ex-7-6"}
def balls(centres: torch.Tensor, radii: torch.Tensor, size: int) -> torch.Tensor:
    """(n, 1, size, size, size): exp(-d² / 2r²) around centres (n, 3), in voxels, order z, y, x."""
    ### BEGIN SOLUTION
    a = (torch.arange(size) - centres[:, :, None]) ** 2
    d2 = a[:, 0, :, None, None] + a[:, 1, None, :, None] + a[:, 2, None, None, :]
    return torch.exp(-d2 / (2 * radii[:, None, None, None] ** 2))[:, None]
    ### END SOLUTION


def make_blobs(n: int, size: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy volumes (n, 1, size, size, size) and int64 labels (n,): 1 with a ball, 0 without."""
    ### BEGIN SOLUTION
    labels = torch.randperm(n, generator=generator) % 2
    centres = size * (0.25 + 0.5 * torch.rand(n, 3, generator=generator))
    radii = size * (0.08 + 0.06 * torch.rand(n, generator=generator))
    noise = 0.3 * torch.randn(n, 1, size, size, size, generator=generator)
    return noise + balls(centres, radii, size) * labels[:, None, None, None, None], labels
    ### END SOLUTION


class VolNet(nn.Module):
    """(N, 1, D, H, W) -> logits (N, classes)."""

    def __init__(self, width: int = 8, classes: int = 2) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        layers = []
        for cin, cout in ((1, width), (width, 2 * width)):
            layers += [nn.Conv3d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm3d(cout)]
            layers += [nn.ReLU(), nn.MaxPool3d(2)]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(2 * width, classes)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Volumes of any size that survives two poolings."""
        ### BEGIN SOLUTION
        return self.head(self.features(x).mean((2, 3, 4)))
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-7-6-check", "points": 1}
# Arrange
middle, one_radius = torch.tensor([[1.0, 1.0, 1.0]]), torch.tensor([1.0])
slab = torch.tensor([[0.3679, 0.6065, 0.3679], [0.6065, 1.0, 0.6065], [0.3679, 0.6065, 0.3679]])
# Act
ball_76 = balls(middle, one_radius, 3)
ball_shape = observe.shapes(ball_76)
ball_slice = ball_76[0, 0, 1]
# Assert
check.equal(ball_shape, (1, 1, 3, 3, 3), "the shape of one ball")
check.close(
    ball_slice,
    slab,
    "the middle slice of a ball of radius 1",
    ideas={
        "The factor 2 under d² is missing: exp(-d² / 2r²)": slab**2,
        "This is exp(-d / 2r²): square the distance": torch.exp(
            -torch.tensor([[2**0.5, 1, 2**0.5], [1, 0, 1], [2**0.5, 1, 2**0.5]]) / 2
        ),
    },
    atol=1e-3,
)

# %% nbgrader={"grade_id": "ex-7-6-check-2", "points": 1}
# Arrange
# Act
fog, fog_labels = make_blobs(10, 8, seeded(762))
fog_shapes = observe.shapes([fog, fog_labels])
with_ball = int(fog_labels.sum())
vol_net = VolNet(8, 2)
vol_shape = observe.shapes(vol_net(fog))
vol_count = count(vol_net)
# Assert
check.equal(fog_shapes, [(10, 1, 8, 8, 8), (10,)], "the shapes of volumes and labels")
check.equal(with_ball, 5, "volumes with a ball among ten", hint="Half of the labels are 1")
check.equal(vol_shape, (10, 2), "the shape of the logits")
check.equal(
    vol_count,
    3754,
    "the count of learned numbers for (8, 2)",
    ideas={"The convolutions have a bias, which batch norm takes away again": 3778},
    hint="216 + 3,456 for the convolutions, 48 for the batch norms, 34 for the linear layer",
)

# %% tags=["demo"] alt="Loss and accuracy over ten epochs; the accuracy climbs from below 0.8 to about 0.98."
volumes, labels = make_blobs(300, 12, seeded(0))
unseen, answers = make_blobs(200, 12, seeded(1))
gradus.seed_everything(0)
net = VolNet(8, 2)
history = train(net, volumes, labels, F.cross_entropy, epochs=10, lr=1e-2)
sums = volumes.flatten(1).sum(1)
cut = sums.median()  # half of the volumes hold a ball
rival = (unseen.flatten(1).sum(1) > cut).long()
print("by the sum:  ", round((rival == answers).float().mean().item(), 2))
lumps, cut = (F.avg_pool3d(v, 3, 1).flatten(1).amax(1) for v in (unseen, volumes))
rival = (lumps > cut.median()).long()
print("by the brightest 3 × 3 × 3 mean:", round((rival == answers).float().mean().item(), 2))
found = net.eval()(unseen).argmax(1)
print("by the net:  ", round((found == answers).float().mean().item(), 2))
plots.curves(history)

# %% [markdown]
# A simple rival is the sum over the volume, since a ball adds brightness. The net, after a second of training, beats it: it also uses how the brightness is gathered. (Not its roundness: it takes a bright cube for a ball as well.) A fairer rival, the largest mean over 3 × 3 × 3, needs no training and is as good. Always measure such a rival first; without it, "good accuracy" says little.

# %%
picture, kernels = few, torch.randn(5, 1, 3, 3, generator=seeded(11))
columns = F.unfold(picture, 3)
product = kernels.flatten(1) @ columns
print("columns", tuple(columns.shape), " product", tuple(product.shape))
off_by = product.reshape(4, 5, 26, 26) - F.conv2d(picture, kernels)
print("as F.conv2d:", off_by.abs().max().item() < 1e-5)
print("copies of each pixel:", round(columns.numel() / few.numel(), 1))

# %% [markdown]
# ### Exercise 7.7 · Convolution by hand
# ★★★★☆ · 20 min · implementation · 8 points
#
# Write `conv2d_manual` with all arguments of `F.conv2d`. `stride`, `padding` and `dilation` are a whole number or a pair (rows, columns). Gradients come by themselves, if you use recorded operations.
#
# With `groups` = g, output channels are split into g equal parts, and part i sees only the i-th part of the input channels: weight (O, C/g, kh, kw).
#
# Rows 1 2 3 / 4 5 6 / 7 8 9 under [[1, 2], [3, 4]]: 37 47 / 67 77.
#
# No convolution of PyTorch and no `unfold`. A loop over the places of the kernel is fine, a loop over pixels is too slow.
#
# <details><summary>Hint 1</summary>
#
# Exercise 7.3, with one more axis: for each (i, j) of the kernel, a strided slice of the padded image.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Reshape to (N, g, C/g, H, W) and (g, O/g, C/g, kh, kw); `torch.einsum("ngchw,goc->ngohw", piece, w[..., i, j])`. `F.pad` takes (left, right, top, bottom): columns first!
#
# </details>


# %% nbgrader={"grade_id": "ex-7-7"}
def conv2d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1, groups: int = 1):
    """What F.conv2d computes. x: (N, C, H, W); weight: (O, C/groups, kh, kw); bias: (O,) or None.

    stride, padding, dilation: int or (rows, columns). Returns (N, O, H', W'), with history.
    """
    ### BEGIN SOLUTION
    (sh, sw), (ph, pw), (dh, dw) = (
        v if isinstance(v, tuple | list) else (v, v) for v in (stride, padding, dilation)
    )
    outs, _, kh, kw = weight.shape
    x = F.pad(x, (pw, pw, ph, ph))
    rows = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1
    columns = (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    x = x.unflatten(1, (groups, -1))
    weight = weight.unflatten(0, (groups, -1))
    out = 0
    for i in range(kh):
        down = slice(i * dh, i * dh + sh * (rows - 1) + 1, sh)
        for j in range(kw):
            across = slice(j * dw, j * dw + sw * (columns - 1) + 1, sw)
            piece = x[..., down, across]
            out = out + torch.einsum("ngchw,goc->ngohw", piece, weight[..., i, j])
    out = out.reshape(-1, outs, rows, columns)
    return out if bias is None else out + bias[:, None, None]
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-7-7-check", "points": 1}
# Arrange
nine = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)
quad = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
ten_up = torch.tensor([10.0])
plain_77 = torch.tensor([[[[37.0, 47.0], [67.0, 77.0]]]])
turned_77 = torch.tensor([[[[23.0, 33.0], [53.0, 63.0]]]])
swapped_77 = torch.tensor([[[[35.0, 45.0], [65.0, 75.0]]]])
padded_77 = torch.tensor([[[[14.0, 28.0], [46.0, 87.0]]]])
both_77, lift_77 = quad.repeat(2, 1, 1, 1), torch.tensor([100.0, 200.0])
true_lift = torch.cat([plain_77 + 100, plain_77 + 200], 1)
to_columns = torch.cat([plain_77 + torch.tensor([100.0, 200.0])] * 2, 1)
# Act
product_77 = conv2d_manual(nine, quad)
stepped_77 = conv2d_manual(nine, quad, ten_up, stride=2, padding=1)
lifted_77 = conv2d_manual(nine, both_77, lift_77)
text_77 = observe.source(conv2d_manual)
# Assert
check.close(
    product_77,
    plain_77,
    "conv2d_manual on 1 … 9",
    ideas={
        "The kernel is turned round: a network's convolution does not flip": turned_77,
        "Rows and columns of the kernel are swapped": swapped_77,
    },
)
check.close(
    stepped_77,
    padded_77,
    "conv2d_manual with bias 10, stride 2, padding 1",
    ideas={"The bias is missing": padded_77 - 10},
)
check.close(
    lifted_77,
    true_lift,
    "conv2d_manual with biases 100 and 200",
    ideas={"Each bias went to a column: it belongs to an output channel, (O, 1, 1)": to_columns},
    hint="One bias for each output channel: shape it (O, 1, 1) before adding",
)
check.avoids(
    text_77,
    "conv2d_manual by hand",
    calls=(
        *("conv1d", "conv2d", "conv3d", "Conv1d", "Conv2d", "Conv3d", "convolution", "unfold"),
        *("Unfold", "conv_transpose2d", "ConvTranspose2d", "_convolution", "fold"),
    ),
)

# %% nbgrader={"grade_id": "ex-7-7-check-2", "points": 1}
# Arrange
two_maps = torch.stack([torch.full((2, 2), 1.0), torch.full((2, 2), 10.0)])[None]
one_each = torch.tensor([[[[1.0]]], [[[2.0]]], [[[3.0]]], [[[4.0]]]])
by_group = torch.tensor([1.0, 2.0, 30.0, 40.0])
# Act
grouped_77 = conv2d_manual(two_maps, one_each, groups=2)[0, :, 0, 0]
# Assert
check.close(
    grouped_77,
    by_group,
    "four 1 × 1 kernels in two groups on maps of 1 and 10",
    ideas={
        "Neighbouring outputs see different groups: the first O/g outputs share group 0": torch.tensor(
            [1.0, 20.0, 3.0, 40.0]
        ),
        "The weights are dealt out in turn: reshape them to (g, O // g, …), with g first": torch.tensor(
            [1.0, 3.0, 20.0, 40.0]
        ),
        "Each output sees all channels: keep the groups apart": torch.tensor(
            [11.0, 22.0, 33.0, 44.0]
        ),
    },
)

# %% [markdown]
# All of this chapter stands on these twenty lines.
#
# ## What to remember
#
# - `Conv2d` is a sliding dot product over all channels: (N, C, H, W), weight (out, in/groups, k, k).
# - ⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1. The receptive field grows by (k − 1) · d · (strides before).
# - Convolution is equivariant to shifts; only a global pooling is invariant.
# - Blocks: convolution without bias, batch norm, ReLU. Behind a flatten, most weights sit in the first linear layer.
# - Going up, let the stride divide the kernel. Skips bring the place back.
# - Probe: other samples, padding, future, order. Compare with a trusted network, weights copied.

# %% [markdown]
# ## References
#
# - LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", Proceedings of the IEEE 86, 1998.
# - Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015.
# - Ioffe, Szegedy, "Batch normalization", ICML 2015.
# - Ronneberger, Fischer, Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015.
# - Odena, Dumoulin, Olah, "Deconvolution and checkerboard artifacts", Distill, 2016.
# - Luo, Li, Urtasun, Zemel, "Understanding the effective receptive field in deep convolutional neural networks", NeurIPS 2016.
# - Dumoulin, Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, 2016.
# - Bai, Kolter, Koltun, "An empirical evaluation of generic convolutional and recurrent networks for sequence modeling", arXiv:1803.01271, 2018.
# - Zhang, "Making convolutional networks shift-invariant again", ICML 2019.

# %% [markdown]
# ## Hidden tests
#
# <details><summary>What is this?</summary>
#
# Below stand the tests that count beside the checks above; in your copy they are empty. They run when your work is graded, on other numbers and other shapes, and their titles tell you what they look at.
#
# </details>

# %% nbgrader={"grade_id": "predict-7-1-hidden-1", "points": 1}
# Hidden test predict 7.1 · a ramp under a Sobel kernel · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_7_1
# Assert
check.equal(
    choice,
    "b",
    "your prediction",
    ideas={
        "That is the middle row of the kernel alone; the other two rows count as well": "a",
        "That is what a turned kernel gives; F.conv2d lays it on as it is": "c",
        "A kernel that sums to 0 gives 0 where the image is flat; a ramp is not flat": "d",
    },
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-7-1-reference", "points": 0}
### BEGIN HIDDEN TESTS
def small_reference(in_ch, size, classes, *, pool=nn.MaxPool2d, relu=nn.ReLU, end=()):
    """The network of the box, from PyTorch's own parts; `relu` follows the first linear layer."""
    return nn.Sequential(
        nn.Conv2d(in_ch, 16, 3, padding=1),
        nn.ReLU(),
        pool(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        pool(2),
        nn.Flatten(),
        nn.Linear(32 * (size // 4) ** 2, 64),
        relu(),
        nn.Dropout(0.25),
        nn.Linear(64, classes),
        *end,
    )


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-1-hidden-1", "points": 1}
# Hidden test 7.1 · values with given weights, other sizes and channels · 1 point
### BEGIN HIDDEN TESTS
# Arrange
settings_71 = [(1, 28, 10), (3, 22, 4), (2, 9, 3)]
images_71 = [torch.randn(3, c, s, s, generator=seeded(710 + s)) for c, s, _ in settings_71]


def logits_71(**changes):
    nets = [small_reference(*setting, **changes) for setting in settings_71]
    pairs = zip(nets, images_71, strict=True)
    return [observe.copy(fill(net, x, seed=7).eval()(x)) for net, x in pairs]


logits_true = logits_71()
with_softmax, with_log = logits_71(end=[nn.Softmax(1)]), logits_71(end=[nn.LogSoftmax(1)])
mean_pooled = logits_71(pool=nn.AvgPool2d)
with_relu, bare_head = logits_71(end=[nn.ReLU()]), logits_71(relu=nn.Identity)
# Act
logits_out = []
for k in range(3):
    net_71 = fill(SmallCNN(*settings_71[k]), images_71[k], seed=7).eval()
    logits_out.append(observe.copy(net_71(images_71[k])))
# Assert
check.close(
    logits_out,
    logits_true,
    "the logits for three settings, in eval mode",
    ideas={
        "These are probabilities: return logits, the loss brings softmax": with_softmax,
        "These are log-probabilities: return logits, the loss brings softmax": with_log,
        "Average pooling where max pooling is asked": mean_pooled,
        "A ReLU after the last layer cuts off all negative logits": with_relu,
        "The ReLU between the two linear layers is missing": bare_head,
    },
    hint="Conv, ReLU, pool, conv, ReLU, pool, flatten, linear, ReLU, dropout, linear; dropout off in eval mode",
    atol=1e-4,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-1-hidden-2", "points": 1}
# Hidden test 7.1 · dropout in train mode · 1 point
### BEGIN HIDDEN TESTS
# Arrange
single_71 = torch.randn(1, 1, 8, 8, generator=seeded(711))
copies_71 = single_71.repeat(6000, 1, 1, 1)
calm_71 = fill(small_reference(1, 8, 5), single_71, seed=8).eval()
with torch.no_grad():
    hidden_71 = calm_71[:9](single_71)
    level_71 = calm_71[10](hidden_71)[0]
    kick_71 = ((calm_71[10].weight * hidden_71) ** 2).sum(1).sqrt()
    bare_71 = ((calm_71[10].weight * calm_71[:8](single_71)) ** 2).sum(1).sqrt() / 3**0.5
    flat_71 = calm_71[:7](single_71)
    masks_71 = torch.rand(6000, flat_71.shape[1], generator=seeded(1)) > 0.25
    early_71 = calm_71[10](calm_71[7:9](flat_71 * masks_71 / 0.75))
    early_71, early_level = early_71.std(0), early_71.mean(0)
spread_71 = kick_71 * (0.25 / 0.75) ** 0.5
still_71 = torch.zeros(5)
# Act
torch.manual_seed(0)
nervous_71 = fill(SmallCNN(1, 8, 5), copies_71[:1], seed=8).train()
shaken_71 = nervous_71(copies_71).detach()
shaken_spread, shaken_level = shaken_71.std(0), shaken_71.mean(0)
# Assert
check.close(
    shaken_spread,
    spread_71,
    "the spread of the logits of 6,000 equal images in train mode",
    ideas={
        "Nothing varies: dropout is missing, or off in train mode": still_71,
        "Dropout stands before the first linear layer: it belongs behind that layer's ReLU": early_71,
        "The ReLU between the two linear layers is missing": bare_71,
    },
    rtol=0.1,
    atol=0.01,
    hint="Dropout of 0.25 on the 64 hidden units, after their ReLU, and nowhere else",
)
check.close(
    shaken_level,
    level_71,
    "their mean in train mode",
    ideas={
        "Dropout stands before the first linear layer: it belongs behind that layer's ReLU": early_level
    },
    rtol=0.05,
    atol=0.05,
    hint="nn.Dropout scales what it keeps, so the mean stays",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-1-hidden-3", "points": 1}
# Hidden test 7.1 · other samples and the order of the batch · 1 point
### BEGIN HIDDEN TESTS
# Arrange
batch_71 = torch.randn(4, 1, 12, 12, generator=seeded(712))
still_three, still_one = torch.zeros(3, 6), torch.zeros(1, 6)
still_four = torch.zeros(4, 6)
# Act
probed_71 = fill(SmallCNN(1, 12, 6), batch_71, seed=9).eval()
answer_71 = observe.response(probed_71, batch_71, 2)
own_71, others_71 = answer_71[2:3], answer_71[[0, 1, 3]]
together_71 = observe.copy(probed_71(batch_71))
turned_71 = observe.copy(probed_71(batch_71.flip(0))).flip(0) - together_71
lonely_71 = observe.copy(probed_71(batch_71[:1])) - together_71[:1]
# Assert
check.differs(own_71, still_one, "the change of the logits of the sample that changed")
check.close(
    others_71,
    still_three,
    "what a change of sample 2 does to the other samples, in eval mode",
    atol=1e-4,
    hint="Samples may not be mixed: flatten from axis 1, no statistics over the batch; and dropout is off in eval mode",
)
check.close(
    turned_71, still_four, "what the order of the batch changes in each sample's logits", atol=1e-4
)
check.close(lonely_71, still_one, "what a batch of one changes in the logits", atol=1e-4)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-7-1-hidden-4", "points": 1}
# Hidden test 7.1 · it learns to read · 1 point
### BEGIN HIDDEN TESTS
# Arrange
pages = gradus.load("mnist", quiet=True)
exam = gradus.load("mnist", train=False, quiet=True)
page_images, page_labels = pages.images[:1400].float() / 255, pages.labels[:1400].clone()
exam_images, exam_labels = exam.images[:350].float() / 255, exam.labels[:350].clone()
# Act
torch.manual_seed(0)
pupil = SmallCNN(1, 28, 10)
train(pupil, page_images, page_labels, F.cross_entropy, epochs=5, lr=3e-3)
read = pupil.eval()(exam_images).argmax(1)
# Assert
check.accuracy(
    read,
    exam_labels,
    0.9,
    "the share of digits read after five epochs",
    hint="Softmax in the model, or a missing ReLU, slows learning down",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-7-2-hidden-1", "points": 1}
# Hidden test predict 7.2 · the digit moves one pixel · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_7_2
# Assert
check.equal(
    choice,
    "b",
    "your prediction",
    ideas={
        "Invariant would mean that the map does not notice; but the strokes are found elsewhere": "a",
        "The map holds the same numbers in other places; does their mean care?": "c",
        "The same kernel is used at each place; what does that mean for a moved image?": "d",
    },
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-7-2-reference", "points": 0}
### BEGIN HIDDEN TESTS
def reach(layers):
    """Places with a gradient behind the middle output of convolutions whose weights are 1."""
    place = torch.zeros(1, 1, 151, dtype=torch.float64, requires_grad=True)
    out = place
    for k, s, d in layers:
        out = F.conv1d(out, torch.ones(1, 1, k, dtype=torch.float64), stride=s, dilation=d)
    out[0, 0, out.shape[-1] // 2].backward()
    touched = place.grad[0, 0].nonzero().flatten()
    return int(touched[-1] - touched[0]) + 1


def guess(layers, early=False, use_dilation=True, use_stride=True):
    field, step = 1, 1
    for k, s, d in layers:
        step = step * s if early else step
        field += (k - 1) * (d if use_dilation else 1) * (step if use_stride else 1)
        step = step if early else step * s
    return field


def wrong_end(layers):
    field = 1
    for k, s, d in layers:
        field = (field - 1) * s + d * (k - 1) + 1
    return field


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-2-hidden-1", "points": 1}
# Hidden test 7.2 · against 150 real layers, dilation and rounding included · 1 point
### BEGIN HIDDEN TESTS
# Arrange
dice = seeded(72)
drawn = [
    [
        int(torch.randint(low, high, (), generator=dice))
        for low, high in ((14, 40), (1, 6), (1, 5), (0, 4), (1, 4))
    ]
    for _ in range(150)
]
layers_true = [
    nn.Conv1d(1, 1, k, stride=s, padding=p, dilation=d, device="meta") for _, k, s, p, d in drawn
]
ns_72 = [n for n, *_ in drawn]
sizes_true = [
    layer(torch.empty(1, 1, n, device="meta")).shape[-1]
    for layer, n in zip(layers_true, ns_72, strict=True)
]
no_dilation = [(n + 2 * p - k) // s + 1 for n, k, s, p, _ in drawn]
rounded_up = [-((n + 2 * p - d * (k - 1) - 1) // -s) + 1 for n, k, s, p, d in drawn]
# Act
sizes_out = [conv_out(*drawn[k]) for k in range(150)]
# Assert
check.equal(
    sizes_out,
    sizes_true,
    "conv_out for 150 settings",
    ideas={
        "The dilation is left out: a kernel covers d(k - 1) + 1 places": no_dilation,
        "A last step that does not fit is dropped: round down": rounded_up,
    },
    hint="(n + 2p - d(k - 1) - 1) // s + 1, a whole number",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-2-hidden-2", "points": 1}
# Hidden test 7.2 · a kernel that does not fit · 1 point
### BEGIN HIDDEN TESTS
# Arrange
tight_true, no_error = 1, None
# Act
tight_fits = conv_out(5, 3, 4, 0, 2)
refused = observe.error(conv_out, 2, 3, 1, 1)
too_long = observe.error(conv_out, 4, 3, 4, 0, 2)
far_too_long = observe.error(conv_out, 3, 9, 1, 1)
# Assert
check.equal(tight_fits, tight_true, "a kernel that just fits")
check.equal(
    refused,
    no_error,
    "what a kernel of 3 raises on 2 numbers with padding 1",
    hint="Nothing: it has to fit into the padded input, n + 2p",
)
check.raised(
    too_long,
    ValueError,
    "a kernel that covers one place too many",
    hint="With stride 4, -1 / 4 cut towards zero hides it: look at the room before dividing",
)
check.raised(far_too_long, ValueError, "a kernel much longer than the input")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-2-hidden-3", "points": 1}
# Hidden test 7.2 · the way up, against real layers · 1 point
### BEGIN HIDDEN TESTS
# Arrange
dice_up = seeded(73)
drawn_up = []
while len(drawn_up) < 80:
    n, k, s, p, extra, d = (
        int(torch.randint(low, high, (), generator=dice_up))
        for low, high in ((4, 20), (1, 6), (1, 4), (0, 3), (0, 3), (1, 4))
    )
    if extra < max(s, d):
        drawn_up.append([n, k, s, p, extra, d])
ups_true = [
    nn.ConvTranspose1d(1, 1, k, s, p, extra, dilation=d, device="meta")(
        torch.empty(1, 1, n, device="meta")
    ).shape[-1]
    for n, k, s, p, extra, d in drawn_up
]
no_dilation_up = [(n - 1) * s - 2 * p + k + extra for n, k, s, p, extra, d in drawn_up]
no_extra_up = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, k, s, p, extra, d in drawn_up]
# Act
ups_out = [conv_transpose_out(*drawn_up[k]) for k in range(80)]
# Assert
check.equal(
    ups_out,
    ups_true,
    "conv_transpose_out for 80 settings",
    ideas={
        "The dilation is left out: write d(k - 1) + 1 for the kernel": no_dilation_up,
        "output_padding is left out": no_extra_up,
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-2-hidden-4", "points": 1}
# Hidden test 7.2 · the receptive field, against gradient footprints · 1 point
### BEGIN HIDDEN TESTS
# Arrange
stacks_72 = [
    [],
    [(3, 1, 1)] * 10,
    [(3, 1, 1), (2, 2, 1), (3, 1, 1), (2, 2, 1), (3, 1, 1)],
    [(3, 1, 1), (3, 1, 2), (3, 1, 4)],
    [(7, 2, 1), (3, 2, 1), (3, 1, 2), (1, 3, 1), (3, 1, 1)],
    [(1, 2, 1), (1, 2, 1), (3, 1, 1)],
]


fields_true = [reach(layers) for layers in stacks_72]
too_early = [guess(layers, early=True) for layers in stacks_72]
undilated = [guess(layers, use_dilation=False) for layers in stacks_72]
unstrided = [guess(layers, use_stride=False) for layers in stacks_72]
from_start = [wrong_end(layers) for layers in stacks_72]
# Act
fields_out = [receptive_field(stacks_72[k]) for k in range(6)]
# Assert
check.equal(
    fields_out,
    fields_true,
    "the receptive fields of six stacks",
    ideas={
        "A stride counts from the next layer on, not for its own kernel": too_early,
        "The dilation is left out": undilated,
        "Strides are left out: a step after them is longer": unstrided,
        "This formula walks back from the output: take the last layer first": from_start,
    },
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-7-3-reference", "points": 0}
### BEGIN HIDDEN TESTS
def forecast_reference(channels, past, future, width, *, last=False):
    """The forecaster's layers; input channels first."""
    return nn.Sequential(
        nn.Conv1d(channels, width, 5, padding=2),
        nn.ReLU(),
        nn.Conv1d(width, width, 5, dilation=2, padding=4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(width * past, future),
    )


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-3-hidden-1", "points": 1}
# Hidden test 7.3 · conv1d_manual against F.conv1d · 1 point
### BEGIN HIDDEN TESTS
# Arrange
settings_73 = [
    dict(stride=1, padding=0, dilation=1),
    dict(stride=2, padding=3, dilation=1),
    dict(stride=1, padding=2, dilation=3),
    dict(stride=3, padding=1, dilation=2),
    dict(stride=2, padding=0, dilation=1),
]
x_73 = torch.randn(3, 4, 17, generator=seeded(733))
w_73, b_73 = torch.randn(5, 4, 3, generator=seeded(734)), torch.randn(5, generator=seeded(735))
true_73 = [F.conv1d(x_73, w_73, b_73, **setting) for setting in settings_73]
flipped_73 = [F.conv1d(x_73, w_73.flip(2), b_73, **setting) for setting in settings_73]
bare_73 = [F.conv1d(x_73, w_73, **setting) for setting in settings_73]
dense_73 = [F.conv1d(x_73, w_73, b_73, s["stride"], s["padding"]) for s in settings_73]
thrice_73 = [value + 2 * b_73[:, None] for value in true_73]
# Act
out_73 = [conv1d_manual(x_73, w_73, b_73, **settings_73[k]) for k in range(5)]
text_73 = observe.source(conv1d_manual)
# Assert
check.close(
    out_73,
    true_73,
    "conv1d_manual for five settings",
    ideas={
        "The kernel is turned round: a network's convolution does not flip": flipped_73,
        "The bias is missing": bare_73,
        "The dilation is not used": dense_73,
        "The bias is added once for each place of the kernel: once is enough": thrice_73,
    },
    atol=1e-4,
    hint="Each setting in turn: padding at both ends, then dilation, then stride",
)
check.avoids(
    text_73,
    "both functions by hand",
    calls=(
        *("conv1d", "conv2d", "conv3d", "convolution", "_convolution"),
        *("conv_transpose1d", "conv_transpose2d"),
    ),
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-3-hidden-2", "points": 1}
# Hidden test 7.3 · gradients, float64, any layout, no bias · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_64 = torch.randn(2, 11, 3, generator=seeded(736), dtype=torch.float64).mT
w_64 = torch.randn(4, 3, 3, generator=seeded(737), dtype=torch.float64)
x_64_before = x_64.clone()
c_64 = torch.randn(2, 4, 6, generator=seeded(738), dtype=torch.float64)
truth_64 = observe.vjp(
    lambda a, b: F.conv1d(a, b, stride=2, padding=1), (x_64.clone(), w_64.clone()), c_64.clone()
)
value_64, grads_64 = truth_64["value"], truth_64["grads"]
# Act
pulled_64 = observe.vjp(lambda a, b: conv1d_manual(a, b, stride=2, padding=1), (x_64, w_64), c_64)
x_64_after = observe.copy(x_64)
# Assert
check.close(
    pulled_64["value"], value_64, "conv1d_manual in float64, without bias", dtype=True, rtol=1e-9
)
check.close(
    pulled_64["grads"],
    grads_64,
    "the gradients of x and weight",
    ideas={"No gradient arrives: use recorded operations on x itself": [None, None]},
    rtol=1e-9,
    hint="Use recorded operations: no .data, no detach, no no_grad",
)
check.unchanged(x_64_after, x_64_before, "x")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-3-hidden-3", "points": 1}
# Hidden test 7.3 · the future probe on causal_conv1d · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_late = torch.randn(2, 3, 20, generator=seeded(739))
w_late, b_late = (
    torch.randn(4, 3, 3, generator=seeded(7310)),
    torch.randn(4, generator=seeded(7311)),
)


def shifted_conv(x, left, right):
    return F.conv1d(F.pad(x, (left, right)), w_late, b_late, dilation=4)


late_true = shifted_conv(x_late, 8, 0)
looks_ahead, centred = shifted_conv(x_late, 0, 8), shifted_conv(x_late, 4, 4)
short_pad = F.conv1d(F.pad(x_late, (2, 0)), w_late, b_late)
later = x_late.clone()
later[..., 12:] += 1
change_true = shifted_conv(later, 8, 0) - late_true
x_causal, later_causal, w_causal, b_causal = (v.clone() for v in (x_late, later, w_late, b_late))
# Act
late_out = causal_conv1d(x_causal, w_causal, b_causal, dilation=4)
change_out = causal_conv1d(later_causal, w_causal, b_causal, dilation=4) - late_out
# Assert
check.close(
    late_out,
    late_true,
    "causal_conv1d with dilation 4",
    ideas={
        "The zeros stand at the end: it sees the future": looks_ahead,
        "The zeros stand on both sides: it sees the future": centred,
        "The dilation is not used": short_pad,
    },
    atol=1e-4,
    hint="(K - 1) · dilation zeros on the left",
)
check.close(change_out, change_true, "the change when all from step 12 on changes", atol=1e-4)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-3-hidden-4", "points": 1}
# Hidden test 7.3 · the forecaster with given weights, time running backward · 1 point
### BEGIN HIDDEN TESTS
# Arrange
weather = torch.randn(4, 24, 3, generator=seeded(7312))
known_73 = fill(forecast_reference(3, 24, 5, 6), weather.mT.contiguous(), seed=3).eval()
with torch.no_grad():
    calm_true = known_73(weather.mT).clone()
    rewound_true = known_73(weather.flip(1).mT).clone()
    mixed_true = known_73(weather.reshape(4, 3, 24)).clone()
    moved_true = observe.response(lambda v: known_73(v.mT), weather.clone(), 1)
weather_in = weather.clone()
# Act
seer = fill(Forecaster(3, 24, 5, 6), weather_in, seed=3).eval()
calm_out = observe.copy(seer(weather_in))
rewound_out = observe.copy(seer(weather_in.flip(1)))
moved_out = observe.response(seer, weather_in, 1)
# Assert
check.close(
    calm_out,
    calm_true,
    "the forecast with given weights",
    ideas={
        "This is the forecast for time running backward": rewound_true,
        "reshape mixes moments and channels: swap the two axes with x.mT": mixed_true,
    },
    atol=1e-4,
    hint="Two convolutions (the second with dilation 2, padding 4), each with a ReLU; flatten; linear",
)
check.close(
    rewound_out,
    rewound_true,
    "the forecast when time runs backward",
    atol=1e-4,
    hint="A mean over time forgets the order: flatten",
)
check.close(moved_out, moved_true, "the change when another window changes", atol=1e-4)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-3-hidden-5", "points": 1}
# Hidden test 7.3 · it learns two waves · 1 point
### BEGIN HIDDEN TESTS
# Arrange
clock_73 = torch.arange(1000.0)
tide = torch.sin(clock_73 * math.tau / 25) + 0.5 * torch.sin(clock_73 * math.tau / 11 + 2)
tide = tide + 0.1 * torch.randn(1000, generator=seeded(7313))
known_part, unseen_part = tide[:760].unfold(0, 56, 1), tide[760:].unfold(0, 56, 1)
study_x, study_y = known_part[:, :48, None].clone(), known_part[:, 48:].clone()
exam_x, exam_y = unseen_part[:, :48, None].clone(), unseen_part[:, 48:].clone()
# Act
torch.manual_seed(0)
tide_net = Forecaster(1, 48, 8)
train(tide_net, study_x, study_y, F.mse_loss, epochs=15, lr=3e-3)
foretold = observe.copy(tide_net.eval()(exam_x))
# Assert
check.close(
    foretold,
    exam_y,
    "the forecast of unseen windows",
    rtol=0,
    atol=0.75,
    hint="An error this large is what a mean over time gives",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-7-4-reference", "points": 0}
### BEGIN HIDDEN TESTS
def vgg_reference(in_ch, classes, widths, counts, *, order="CNR", last_norm=False, eps=1e-5):
    """VGG with the parts of a block in the given order: C convolution, N norm, R ReLU."""
    layers, channels = [], in_ch
    for width, times in zip(widths, counts, strict=True):
        for _ in range(times):
            parts = {
                "C": nn.Conv2d(channels, width, 3, padding=1, bias=False),
                "N": nn.BatchNorm2d(width, eps=eps),
                "R": nn.ReLU(),
            }
            layers += [parts[letter] for letter in order]
            channels = width
        layers += [nn.MaxPool2d(2)]
        if last_norm:
            layers += [nn.BatchNorm2d(channels)]
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)
    return nn.Sequential(*layers, *head)


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-4-hidden-1", "points": 1}
# Hidden test 7.4 · values with given weights and running statistics · 1 point
### BEGIN HIDDEN TESTS
# Arrange
plans_74 = [(3, 10, (8, 16, 12), (2, 2, 3)), (1, 4, (6, 10), (1, 3))]
views_74 = [
    torch.randn(3, 3, 32, 32, generator=seeded(743)),
    torch.randn(2, 1, 20, 28, generator=seeded(744)),
]


def vgg_logits(**changes):
    nets = [vgg_reference(*plan, **changes) for plan in plans_74]
    pairs = zip(nets, views_74, strict=True)
    return [observe.copy(fill(net, x, seed=4).eval()(x)) for net, x in pairs]


vgg_true = vgg_logits()
norm_last = vgg_logits(order="CRN")
norm_pooled = vgg_logits(order="CR", last_norm=True)
wide_eps = vgg_logits(eps=1e-3)
with torch.no_grad():
    nets_74 = [vgg_reference(*plan) for plan in plans_74]
    for net, view in zip(nets_74, views_74, strict=True):
        fill(net, view, seed=4).eval()
    feature_maps = [net[:-3](view) for net, view in zip(nets_74, views_74, strict=True)]
    by_peak_74 = [
        net[-1](maps.amax((2, 3))) for net, maps in zip(nets_74, feature_maps, strict=True)
    ]
    unpooled = [net[:-4](view) for net, view in zip(nets_74, views_74, strict=True)]
    no_last_pool = [net[-1](maps.mean((2, 3))) for net, maps in zip(nets_74, unpooled, strict=True)]
# Act
vgg_out = []
for k in range(2):
    net_74 = fill(VGGNet(*plans_74[k]), views_74[k], seed=4).eval()
    vgg_out.append(observe.copy(net_74(views_74[k])))
# Assert
check.close(
    vgg_out,
    vgg_true,
    "the logits of two networks in eval mode",
    ideas={
        "Batch norm stands after the ReLU: it belongs between convolution and ReLU": norm_last,
        "Batch norm stands only after the pooling": norm_pooled,
        "Batch norm keeps its defaults, eps=1e-5 among them": wide_eps,
        "The mean of each map is asked, not its greatest value": by_peak_74,
        "The pooling of the last block is missing": no_last_pool,
    },
    rtol=1e-4,
    atol=1e-4,
    hint="Blocks as in the box, then the mean over each map, then one linear layer and nothing after it",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-4-hidden-2", "points": 1}
# Hidden test 7.4 · train mode: running statistics and gradients · 1 point
### BEGIN HIDDEN TESTS
# Arrange
lesson_74 = torch.randn(6, 3, 16, 16, generator=seeded(745))
marks_74 = torch.randint(4, (6,), generator=seeded(746))
tenths, all_learn = torch.full((4, 6), 0.1), True
# Act
scholar = fill(VGGNet(3, 4, (6, 6), (2, 2)), lesson_74, seed=5).train()
norms_74 = [layer for layer in scholar.modules() if isinstance(layer, nn.BatchNorm2d)]
start_74 = [observe.copy(layer.running_mean) for layer in norms_74]
means_74 = {}
for layer in norms_74:
    layer.register_forward_pre_hook(
        lambda module, inputs: means_74.update({module: inputs[0].detach().mean((0, 2, 3))})
    )
F.cross_entropy(scholar(lesson_74), marks_74).backward()
moved_74 = torch.stack(
    [
        (layer.running_mean - start) / (means_74[layer] - start)
        for layer, start in zip(norms_74, start_74, strict=True)
    ]
)
learning_74 = all(p.grad is not None and bool(p.grad.any()) for p in scholar.parameters())
# Assert
check.close(
    moved_74,
    tenths,
    "the share of the way that each running mean goes towards the mean of its batch",
    rtol=1e-2,
    hint="One BatchNorm2d behind each convolution, used in train mode, with the default momentum",
)
check.equal(learning_74, all_learn, "a gradient arrives at every weight")
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-7-4-hidden-3", "points": 1}
# Hidden test 7.4 · one object, three image sizes · 1 point
### BEGIN HIDDEN TESTS
# Arrange
sights = [torch.randn(2, 3, h, w, generator=seeded(h)) for h, w in ((40, 40), (33, 26), (8, 8))]
sights_shapes, blind_74 = [(2, 5)] * 3, torch.zeros(2, 5)
# Act
traveller = fill(VGGNet(3, 5, (4, 8, 8), (1, 1, 2)), sights[0], seed=6).eval()
sights_out = [observe.copy(traveller(sights[k])) for k in range(3)]
shapes_out = observe.shapes(sights_out)
change_74 = sights_out[1] - sights_out[2]
# Assert
check.equal(
    shapes_out,
    sights_shapes,
    "the shapes at 40 × 40, 33 × 26 and 8 × 8",
    hint="Take the mean over whatever is left of the map",
)
check.differs(change_74, blind_74, "the logits of different images")
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-7-4-hidden-4", "points": 1}
# Hidden test 7.4 · other samples, and the order of the batch · 1 point
### BEGIN HIDDEN TESTS
# Arrange
crowd = torch.randn(4, 3, 16, 16, generator=seeded(748))
calm_three, calm_one, calm_four = torch.zeros(3, 5), torch.zeros(1, 5), torch.zeros(4, 5)
# Act
guard = fill(VGGNet(3, 5, (4, 8), (1, 2)), crowd, seed=7).eval()
crowd_moved = observe.response(guard, crowd, 1)
own_74, others_74 = crowd_moved[1:2], crowd_moved[[0, 2, 3]]
crowd_out = observe.copy(guard(crowd))
backward_74 = observe.copy(guard(crowd.flip(0))).flip(0) - crowd_out
alone_74 = observe.copy(guard(crowd[2:3])) - crowd_out[2:3]
# Assert
check.differs(own_74, calm_one, "the change of the logits of the sample that changed")
check.close(
    others_74,
    calm_three,
    "what a change of sample 1 does to the other samples, in eval mode",
    atol=1e-4,
    hint="In eval mode batch norm must use its running statistics",
)
check.close(
    backward_74, calm_four, "what the order of the batch changes in each sample's logits", atol=1e-4
)
check.close(alone_74, calm_one, "what a batch of one changes in the logits", atol=1e-4)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "predict-7-3-hidden-1", "points": 1}
# Hidden test predict 7.3 · one more layer · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_7_3
# Assert
check.equal(
    choice,
    "b",
    "your prediction",
    ideas={
        "Think of what the third pooling does to the input of the first linear layer": "a",
        "Two large changes in opposite directions: work them out before calling it even": "c",
        "A convolution 64 to 128 has 73,856 numbers; a fifth of 421,834, no doubling": "d",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-7-4-hidden-1", "points": 1}
# Hidden test predict 7.4 · who writes how often · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice = predict_7_4
# Assert
check.equal(
    choice,
    "b",
    "your prediction",
    ideas={
        "Draw it in one dimension: three entries, moved by two, meet on every second place": "a",
        "One of the two kernels is no multiple of its stride": "c",
        "Draw four entries, moved by two: how often is each inner place written?": "d",
    },
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-7-5-reference", "points": 0}
### BEGIN HIDDEN TESTS
class UNetReference(nn.Module):
    """The U-Net of the box; `order` and `pad` make typical mistakes."""

    def __init__(
        self, in_ch, out_ch, width, depth, *, order="skip first", pad="after", last_relu=True
    ):
        super().__init__()
        self.depth, self.order, self.pad = depth, order, pad
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()

        def double(cin, cout):
            layers = (
                nn.Conv2d(cin, cout, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1),
            )
            return nn.Sequential(*layers, *([nn.ReLU()] if last_relu else []))

        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in range(depth):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[2:]
        more_h, more_w = -h % 2**self.depth, -w % 2**self.depth
        top, left = (more_h // 2, more_w // 2) if self.pad == "around" else (0, 0)
        if self.pad == "whole block":  # more zeros even where none are needed
            more_h, more_w = (2**self.depth - size % 2**self.depth for size in (h, w))
        x = F.pad(x, (left, more_w - left, top, more_h - top))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for i in reversed(range(self.depth)):
            skip = torch.zeros_like(skips[i]) if self.order == f"no skip {i}" else skips[i]
            pair = [skip, self.up[i](x)]
            x = self.merge[i](torch.cat(pair if self.order != "up first" else pair[::-1], 1))
        return self.out(x)[:, :, top : top + h, left : left + w]


def unet_value(setting, x, seed, **changes):
    net = fill(UNetReference(*setting, **changes), x, seed=seed).eval()
    return observe.copy(net(x))


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-5-hidden-1", "points": 2}
# Hidden test 7.5 · values with given weights, each skip in its place · 2 points
### BEGIN HIDDEN TESTS
# Arrange
scene = torch.randn(2, 1, 16, 24, generator=seeded(753))
scene_true = unet_value((1, 1, 4, 2), scene, 1)
up_first = unet_value((1, 1, 4, 2), scene, 1, order="up first")
no_upper = unet_value((1, 1, 4, 2), scene, 1, order="no skip 0")
no_lower = unet_value((1, 1, 4, 2), scene, 1, order="no skip 1")
no_relu = unet_value((1, 1, 4, 2), scene, 1, last_relu=False)
whole_block = unet_value((1, 1, 4, 2), scene, 1, pad="whole block")
# Act
unet_75 = fill(UNet(1, 1, 4, 2), scene, seed=1).eval()
scene_out = observe.copy(unet_75(scene))
# Assert
check.close(
    scene_out,
    scene_true,
    "the output with given weights",
    ideas={
        "Stack the skip first, then the enlarged map": up_first,
        "The skip of the first level changes nothing": no_upper,
        "The skip of the second level changes nothing": no_lower,
        "A double ends with a ReLU": no_relu,
        "A size that is a multiple already needs no zeros: use -H % m, not m - H % m": whole_block,
    },
    rtol=1e-4,
    atol=1e-4,
    hint="Skips are kept before pooling and used last in, first out; nothing follows the 1 × 1 convolution",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-5-hidden-2", "points": 2}
# Hidden test 7.5 · odd sizes: padded right and below, cut back · 2 points
### BEGIN HIDDEN TESTS
# Arrange
ragged = [torch.randn(2, 1, h, w, generator=seeded(h + w)) for h, w in ((30, 30), (17, 22), (5, 3))]
ragged_more = [(2, 2), (3, 2), (3, 1)]  # rows and columns up to a multiple of 4
ragged_shapes = [(2, 1, 30, 30), (2, 1, 17, 22), (2, 1, 5, 3)]
right_below = [True, False, False, False]
# Act
ragged_out, ragged_same = [], []
for k in range(3):
    unet_odd = fill(UNet(1, 1, 4, 2), ragged[k], seed=2).eval()
    ragged_out.append(observe.copy(unet_odd(ragged[k])))
    (more_h, more_w), (h, w) = ragged_more[k], ragged[k].shape[2:]
    half_h, half_w = more_h // 2, more_w // 2
    around = (half_w, more_w - half_w, half_h, more_h - half_h)
    padded = [
        (F.pad(ragged[k], (0, more_w, 0, more_h)), 0, 0),
        (F.pad(ragged[k], around), half_h, half_w),
        (F.pad(ragged[k], (more_w, 0, more_h, 0)), more_h, more_w),
        (F.pad(ragged[k], (0, more_w, 0, more_h), mode="replicate"), 0, 0),
    ]
    views = [unet_odd(x)[..., t : t + h, s : s + w] for x, t, s in padded]
    ragged_same.append([torch.allclose(v, ragged_out[k], rtol=1e-3, atol=1e-4) for v in views])
ragged_sizes = observe.shapes(ragged_out)
same_as = [all(ways) for ways in zip(*ragged_same, strict=True)]
# Assert
check.equal(ragged_sizes, ragged_shapes, "the shapes at 30 × 30, 17 × 22 and 5 × 3")
check.equal(
    same_as,
    right_below,
    "odd sizes against images that bring their own padding",
    ideas={
        "The zeros stand around the image: all of them belong right and below": [
            *(False, True, False, False),
        ],
        "The zeros stand left and above: they belong right and below": [False, False, True, False],
        "The last pixels are repeated: pad with zeros": [False, False, False, True],
    },
    hint="Zeros right and below, up to the next multiple of 2**depth; none where the size is one already",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-7-5-hidden-3", "points": 1}
# Hidden test 7.5 · other depths and channels · 1 point
### BEGIN HIDDEN TESTS
# Arrange
plans_75 = [(3, 2, 2, 1), (2, 3, 3, 3)]
plots_75 = [torch.randn(1, c, 24, 20, generator=seeded(755)) for c, *_ in plans_75]
up_75 = ["ConvTranspose2d", "Conv2d", "Conv2d"]
orders_true = [["Conv2d"] * (2 * d + 2) + up_75 * d + ["Conv2d"] for d in (1, 3)]
counts_true = [sum(p.numel() for p in UNetReference(*plan).parameters()) for plan in plans_75]
sizes_75 = [(1, 2, 24, 20), (1, 3, 24, 20)]
# Act
orders_out, counts_out, depths_out = [], [], []
for k in range(2):
    unet_deep = UNet(*plans_75[k])
    depths_out.append(observe.shapes(unet_deep(plots_75[k])))
    layers_75 = observe.layer_order(unet_deep, plots_75[k])
    orders_out.append([name for name in layers_75 if name.startswith("Conv")])
    counts_out.append(count(unet_deep))
# Assert
check.equal(
    orders_out,
    orders_true,
    "the convolutions of one level and of three, in their order of use",
    hint="depth decides how many levels there are: two convolutions on each way down, at the bottom, and after each way up",
)
check.equal(
    counts_out,
    counts_true,
    "the counts of learned numbers with one level and with three",
    hint="in_ch, out_ch, width and depth all count; level i has width · 2**i channels",
)
check.equal(depths_out, sizes_75, "the shapes with one level and with three")
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-7-5-hidden-4", "points": 1}
# Hidden test 7.5 · other samples, the input, gradients · 1 point
### BEGIN HIDDEN TESTS
# Arrange
trio = torch.randn(3, 1, 10, 10, generator=seeded(756))
trio_before = trio.clone()
upstream = torch.randn(3, 1, 10, 10, generator=seeded(757))
upstream[[0, 2]] = 0
same_two, same_one = torch.zeros(2, 1, 10, 10), torch.zeros(1, 1, 10, 10)
# Act
unet_trio = fill(UNet(1, 1, 4, 2), trio, seed=4).train()
trio_out = observe.response(unet_trio, trio, 1)
own_75, others_75 = trio_out[1:2], trio_out[[0, 2]]
trio_pull = observe.vjp(unet_trio, trio, upstream)["grads"]
own_grad, other_grads = trio_pull[1:2], trio_pull[[0, 2]]
trio_after = observe.copy(trio)
# Assert
check.differs(own_75, same_one, "the change of the output of the sample that changed")
check.close(
    others_75,
    same_two,
    "what a change of sample 1 does to the other samples",
    atol=1e-4,
    hint="Stack along the channels, axis 1, never along the batch",
)
check.differs(
    own_grad, same_one, "the gradient that arrives at the image (use recorded operations)"
)
check.close(other_grads, same_two, "the gradient that arrives at other images", atol=1e-5)
check.unchanged(trio_after, trio_before, "the input")
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-7-5-hidden-5", "points": 1}
# Hidden test 7.5 · psnr of other images and scales · 1 point
### BEGIN HIDDEN TESTS
# Arrange
left_75 = 4 * torch.rand(2, 3, 5, 7, generator=seeded(758), dtype=torch.float64).mT
right_75 = 4 * torch.rand(2, 3, 7, 5, generator=seeded(759), dtype=torch.float64)
mse_75 = ((left_75 - right_75) ** 2).mean()
decibel_true = (10 * torch.log10(16 / mse_75)).item()
by_image = (10 * torch.log10(16 / ((left_75 - right_75) ** 2).mean((1, 2, 3)))).mean().item()
by_peak = (10 * torch.log10(left_75.max() ** 2 / mse_75)).item()
same_75 = left_75.clone()
# Act
decibel_out = psnr(left_75, right_75, 4.0)
turned_out = psnr(right_75, left_75, 4.0)
endless_75 = psnr(same_75, same_75, 4.0)
kind_75 = type(decibel_out).__name__
# Assert
check.close(
    decibel_out,
    decibel_true,
    "psnr for images from 0 to 4",
    ideas={
        "Use the max_value that is given, not the greatest pixel": by_peak,
        "One mean over all pixels of all images is asked": by_image,
    },
)
check.close(turned_out, decibel_true, "psnr with the images exchanged")
check.equal(endless_75, math.inf, "psnr of equal images")
check.equal(kind_75, "float", "the type of what psnr returns", hint="A float: take .item()")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-5-hidden-6", "points": 1}
# Hidden test 7.5 · it removes noise · 1 point
### BEGIN HIDDEN TESTS
# Arrange
archive = gradus.load("mnist", quiet=True).images[:, :, 4:24, 4:24].float() / 255
grainy = archive + 0.3 * torch.randn(archive.shape, generator=seeded(7510))
study_in, study_out = grainy[:700].clone(), archive[:700].clone()
test_in, ink = grainy[700:900].clone(), (archive[700:900] > 0.5).long()
# Act
torch.manual_seed(0)
restorer = UNet(1, 1, 8, 2)
train(restorer, study_in, study_out, F.mse_loss, epochs=5, lr=4e-3)
repaired = (restorer.eval()(test_in) > 0.5).long()
# Assert
check.accuracy(
    repaired,
    ink,
    0.90,
    "the share of pixels restored to the right side of one half",
    hint="Nothing may follow the last convolution, and the skips must carry the place",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-7-6-reference", "points": 0}
### BEGIN HIDDEN TESTS
def ball_loop(centres, radii, size, *, axes=(0, 1, 2)):
    """Balls voxel by voxel; `axes` says which coordinate of a centre belongs to z, y, x."""
    volumes = torch.zeros(len(centres), 1, size, size, size, dtype=centres.dtype)
    for k, (centre, radius) in enumerate(zip(centres.tolist(), radii.tolist(), strict=True)):
        for z in range(size):
            for y in range(size):
                for x in range(size):
                    place = (z, y, x)
                    d2 = sum((place[i] - centre[axes[i]]) ** 2 for i in range(3))
                    volumes[k, 0, z, y, x] = math.exp(-d2 / (2 * radius**2))
    return volumes


def blobs_reference(n, size, seed, *, noise_first=False):
    source = seeded(seed)
    labels = torch.randperm(n, generator=source) % 2
    noise = torch.randn(n, 1, size, size, size, generator=source) if noise_first else None
    centres = size * (0.25 + 0.5 * torch.rand(n, 3, generator=source))
    radii = size * (0.08 + 0.06 * torch.rand(n, generator=source))
    if noise is None:
        noise = torch.randn(n, 1, size, size, size, generator=source)
    return 0.3 * noise, ball_loop(centres, radii, size), labels


def volume_reference(width, classes, *, order="CNRP"):
    layers = []
    for cin, cout in ((1, width), (width, 2 * width)):
        parts = {
            "C": nn.Conv3d(cin, cout, 3, padding=1, bias=False),
            "N": nn.BatchNorm3d(cout),
            "R": nn.ReLU(),
            "P": nn.MaxPool3d(2),
        }
        layers += [parts[letter] for letter in order]
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2 * width, classes)
    )


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-6-hidden-1", "points": 2}
# Hidden test 7.6 · balls against the slow loop · 2 points
### BEGIN HIDDEN TESTS
# Arrange
spots = torch.tensor([[1.0, 3.5, 6.0], [4.0, 2.0, 0.5], [7.25, 0.0, 3.0]], dtype=torch.float64)
widths_76 = torch.tensor([0.8, 1.5, 2.5], dtype=torch.float64)
balls_true = ball_loop(spots, widths_76, 8)
mirrored = ball_loop(spots, widths_76, 8, axes=(2, 1, 0))
half_turned = ball_loop(spots, widths_76, 8, axes=(1, 0, 2))
last_turned = ball_loop(spots, widths_76, 8, axes=(0, 2, 1))
same_radius = ball_loop(spots, widths_76[:1].repeat(3), 8)
same_centre = ball_loop(spots[:1].repeat(3, 1), widths_76, 8)
spots_before = spots.clone()
# Act
balls_out = balls(spots, widths_76, 8)
spots_after = observe.copy(spots)
balls_text = observe.source(balls)
# Assert
check.close(
    balls_out,
    balls_true,
    "three balls in a volume of 8³",
    ideas={
        "The axes are the wrong way round: centres come as z, y, x": mirrored,
        "Rows and depth are swapped (meshgrid needs indexing='ij')": half_turned,
        "Rows and columns are swapped": last_turned,
        "All balls have the first radius": same_radius,
        "All balls stand at the first centre": same_centre,
    },
    rtol=1e-4,
    atol=1e-5,
    hint="Each axis is broadcast against the two others, each sample has its own centre and radius",
)
check.unchanged(spots_after, spots_before, "the centres")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-6-hidden-2", "points": 2}
# Hidden test 7.6 · volumes with and without a ball, from the generator · 2 points
### BEGIN HIDDEN TESTS
# Arrange
mist, lumps, flags = blobs_reference(9, 8, 764)
tall = flags[:, None, None, None, None]
labels_true, source_76 = flags.clone(), seeded(764)
torch.randperm(9, generator=source_76)
places_76 = 8 * (0.25 + 0.5 * torch.rand(9, 3, generator=source_76))
radii_76 = 8 * (0.08 + 0.06 * torch.rand(9, generator=source_76))
tall_76, fog_76 = tall.clone(), mist.clone()
everywhere = mist + lumps * (1 - tall)
loud = mist / 0.3
inverted = mist + lumps * (1 - 2 * tall)
clamped = (mist + lumps * tall).clamp(0, 1) - lumps * tall
late_fog = blobs_reference(9, 8, 764, noise_first=True)
shifted_fog = late_fog[0] + late_fog[1] * tall - lumps * tall
still_76 = torch.zeros(9, 1, 8, 8, 8)
idle = torch.rand(4, generator=seeded(3))
# Act
torch.manual_seed(3)
fog_out, labels_out = make_blobs(9, 8, seeded(764))
rest_76 = fog_out - balls(places_76, radii_76, 8) * tall_76
other_change = make_blobs(9, 8, seeded(765))[0] - fog_out
world_76 = torch.rand(4)
# Assert
check.equal(
    labels_out,
    labels_true,
    "the labels of nine volumes",
    ideas={
        "Labels in order of the index leak: randperm mixes them": torch.arange(9) % 2,
    },
    hint="torch.randperm(n, generator=generator) % 2, drawn first",
)
check.close(
    rest_76,
    fog_76,
    "what is left of nine volumes when your own balls are taken away",
    ideas={
        "Every volume holds a ball: label 0 is noise alone": everywhere,
        "The noise is not scaled by 0.3": loud,
        "The balls stand where the label is 0": inverted,
        "The noise is drawn before the centres: keep the order": shifted_fog,
        "The volumes are cut off at 0 and 1: leave them as they are": clamped,
    },
    atol=1e-4,
    hint="Four draws in the order of the box, all from the generator",
)
check.differs(other_change, still_76, "volumes from another generator")
check.equal(
    world_76,
    idle,
    "the global generator afterwards",
    hint="Draw with generator=generator",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-6-hidden-3", "points": 1}
# Hidden test 7.6 · VolNet with given weights, other shapes, other samples · 1 point
### BEGIN HIDDEN TESTS
# Arrange
scans = [torch.randn(3, 1, *s, generator=seeded(766 + s[0])) for s in ((8, 8, 8), (5, 9, 12))]


def vol_logits(**changes):
    nets = [fill(volume_reference(4, 3, **changes), scan, seed=8).eval() for scan in scans]
    with torch.no_grad():
        return [net(scan).clone() for net, scan in zip(nets, scans, strict=True)]


scans_true, late_norm = vol_logits(), vol_logits(order="CRNP")
pool_early = vol_logits(order="CPNR")
judge_76 = fill(volume_reference(4, 3), scans[0], seed=8).eval()
with torch.no_grad():
    scan_moved = observe.response(judge_76, scans[0].clone(), 2)
# Act
scans_out = []
for k in range(2):
    scanner = fill(VolNet(4, 3), scans[k], seed=8).eval()
    scans_out.append(observe.copy(scanner(scans[k])))
scanner = fill(VolNet(4, 3), scans[0], seed=8).eval()
scan_answer = observe.response(scanner, scans[0], 2)
# Assert
check.close(
    scans_out,
    scans_true,
    "the logits for two shapes, in eval mode",
    ideas={
        "Batch norm stands after the ReLU: it belongs between convolution and ReLU": late_norm,
        "Pooling stands before batch norm: it ends the block": pool_early,
    },
    rtol=1e-4,
    atol=1e-4,
    hint="Twice conv, batch norm, ReLU, max pool; then the mean over all three axes, and a linear layer",
)
check.close(
    scan_answer,
    scan_moved,
    "the change of all logits when sample 2 changes",
    rtol=1e-4,
    atol=1e-4,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-6-hidden-4", "points": 1}
# Hidden test 7.6 · train mode: running statistics and gradients · 1 point
### BEGIN HIDDEN TESTS
# Arrange
drill = torch.randn(5, 1, 8, 8, 8, generator=seeded(767))
orders_76 = torch.randint(2, (5,), generator=seeded(768))
tenths_76, all_learn = [torch.full((4,), 0.1), torch.full((8,), 0.1)], True
# Act
recruit = fill(VolNet(4, 2), drill, seed=9).train()
norms_76 = [layer for layer in recruit.modules() if isinstance(layer, nn.BatchNorm3d)]
norms_76 = sorted(norms_76, key=lambda layer: layer.num_features)
start_76 = [observe.copy(layer.running_mean) for layer in norms_76]
means_76 = {}
for layer in norms_76:
    layer.register_forward_pre_hook(
        lambda module, inputs: means_76.update({module: inputs[0].detach().mean((0, 2, 3, 4))})
    )
F.cross_entropy(recruit(drill), orders_76).backward()
moved_76 = [
    (layer.running_mean - start) / (means_76[layer] - start)
    for layer, start in zip(norms_76, start_76, strict=True)
]
learning_76 = all(p.grad is not None and bool(p.grad.any()) for p in recruit.parameters())
# Assert
check.close(
    moved_76,
    tenths_76,
    "the share of the way that each running mean goes towards the mean of its batch",
    rtol=1e-2,
    hint="A BatchNorm3d behind each convolution, used in train mode, with the default momentum",
)
check.equal(learning_76, all_learn, "a gradient arrives at every weight")
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-7-6-hidden-5", "points": 1}
# Hidden test 7.6 · it finds the balls · 1 point
### BEGIN HIDDEN TESTS
# Arrange
hunt_noise, hunt_balls, hunt_labels = blobs_reference(60, 12, 7611)
hunt_truth = hunt_labels.clone()
hunt = hunt_noise + hunt_balls * hunt_labels[:, None, None, None, None]
# Act
search, search_labels = make_blobs(300, 12, seeded(7612))
torch.manual_seed(0)
hound = VolNet(8, 2)
train(hound, search, search_labels, F.cross_entropy, epochs=10, lr=1e-2)
caught = hound.eval()(hunt).argmax(1)
# Assert
check.accuracy(
    caught,
    hunt_truth,
    0.75,
    "the share of volumes judged rightly",
    hint="Trained on your own make_blobs: do its labels say where the balls are?",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-7-7-reference", "points": 0}
### BEGIN HIDDEN TESTS
def conv_case(seed, n=2, c=3, h=9, w=11, o=4, kh=3, kw=3, groups=1, dtype=torch.float32):
    """Inputs of one convolution: image, weight, bias."""
    source = seeded(seed)
    return (
        torch.randn(n, c, h, w, generator=source, dtype=dtype),
        torch.randn(o, c // groups, kh, kw, generator=source, dtype=dtype),
        torch.randn(o, generator=source, dtype=dtype),
    )


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-7-hidden-1", "points": 2}
# Hidden test 7.7 · stride, padding and dilation · 2 points
### BEGIN HIDDEN TESTS
# Arrange
x_77, w_77, b_77 = conv_case(771)
settings_77 = [
    dict(),
    dict(stride=2),
    dict(padding=2),
    dict(dilation=2),
    dict(stride=3, padding=1, dilation=2),
    dict(stride=2, padding=3, dilation=3),
]
true_77 = [F.conv2d(x_77, w_77, b_77, **setting) for setting in settings_77]
bare_77 = [F.conv2d(x_77, w_77, **setting) for setting in settings_77]
flipped_77 = [F.conv2d(x_77, w_77.flip(2, 3), b_77, **setting) for setting in settings_77]
dense_77 = [
    F.conv2d(x_77, w_77, b_77, s.get("stride", 1), s.get("padding", 0)) for s in settings_77
]
# Act
out_77 = [conv2d_manual(x_77, w_77, b_77, **settings_77[k]) for k in range(6)]
# Assert
check.close(
    out_77,
    true_77,
    "conv2d_manual for six settings",
    ideas={
        "The bias is missing": bare_77,
        "The kernel is turned round: a network's convolution does not flip": flipped_77,
        "The dilation is not used": dense_77,
    },
    rtol=1e-4,
    atol=1e-4,
    hint="Pad first; entry (i, j) of the kernel starts at (i, j) · dilation and steps by stride",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-7-hidden-2", "points": 1}
# Hidden test 7.7 · groups and depthwise · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_grouped, w_grouped, _ = conv_case(772, c=6, o=9, groups=3)
x_deep, w_deep, _ = conv_case(773, c=4, o=8, groups=4)
grouped_true = [
    F.conv2d(x_grouped, w_grouped, padding=1, groups=3),
    F.conv2d(x_deep, w_deep, stride=2, groups=4),
]
# Act
grouped_out = [
    conv2d_manual(x_grouped, w_grouped, padding=1, groups=3),
    conv2d_manual(x_deep, w_deep, stride=2, groups=4),
]
# Assert
check.close(
    grouped_out,
    grouped_true,
    "three groups, and one group for each channel",
    rtol=1e-4,
    atol=1e-4,
    hint="The first O/g outputs see the first C/g channels, and so on",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-7-hidden-3", "points": 1}
# Hidden test 7.7 · pairs: rows and columns differ · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_pair, w_pair, _ = conv_case(774, kh=2, kw=4)
pair_77 = dict(stride=(1, 2), padding=(2, 1), dilation=(3, 1))
pair_true = F.conv2d(x_pair, w_pair, **pair_77)
lists_true = F.conv2d(x_pair, w_pair, stride=(3, 1), padding=(0, 2))
turned_pad = F.conv2d(x_pair, w_pair, stride=(1, 2), padding=(1, 2), dilation=(3, 1))
# Act
pair_out = conv2d_manual(x_pair, w_pair, **pair_77)
lists_out = conv2d_manual(x_pair, w_pair, stride=(3, 1), padding=(0, 2))
# Assert
check.close(
    pair_out,
    pair_true,
    "a 2 × 4 kernel with stride (1, 2), padding (2, 1), dilation (3, 1)",
    ideas={"The paddings are swapped: F.pad takes the columns first": turned_pad},
    rtol=1e-4,
    atol=1e-4,
    hint="In each pair rows come first; F.pad wants columns first",
)
check.close(lists_out, lists_true, "stride (3, 1), padding (0, 2)", rtol=1e-4, atol=1e-4)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-7-hidden-4", "points": 1}
# Hidden test 7.7 · gradients of image, weight and bias · 1 point
### BEGIN HIDDEN TESTS
# Arrange
case_77 = conv_case(775, n=2, c=4, h=6, w=7, o=6, dtype=torch.float64)
above_77 = torch.randn(2, 6, 3, 4, generator=seeded(776), dtype=torch.float64)
pull_77 = observe.vjp(
    lambda a, b, c: F.conv2d(a, b, c, stride=2, padding=1),
    tuple(v.clone() for v in case_77),
    above_77.clone(),
)
value_77, slopes_77 = pull_77["value"], pull_77["grads"]
# Act
pulled_77 = observe.vjp(
    lambda a, b, c: conv2d_manual(a, b, c, stride=2, padding=1), case_77, above_77
)
# Assert
check.close(pulled_77["value"], value_77, "the values, before the gradients", rtol=1e-4, atol=1e-4)
check.close(
    pulled_77["grads"],
    slopes_77,
    "the gradients of image, weight and bias",
    ideas={"No gradient arrives: use recorded operations": [None, None, None]},
    rtol=1e-8,
    hint="Use recorded operations on the tensors that are given: no .data, no detach, no NumPy",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-7-7-hidden-5", "points": 1}
# Hidden test 7.7 · float64, any layout, the input as it was · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_odd, w_odd, _ = conv_case(777, h=8, w=10, dtype=torch.float64)
x_odd, w_odd = x_odd.transpose(2, 3), w_odd.transpose(0, 1).contiguous().transpose(0, 1)
x_odd_before = x_odd.clone()
odd_true = F.conv2d(x_odd, w_odd, padding=1)
alone_77 = odd_true[1:].clone()
# Act
odd_out = conv2d_manual(x_odd, w_odd, padding=1)
single_77 = conv2d_manual(x_odd[1:], w_odd, padding=1)
x_odd_after = observe.copy(x_odd)
# Assert
check.close(odd_out, odd_true, "a transposed image in float64", dtype=True, rtol=1e-9)
check.close(single_77, alone_77, "a batch of one", dtype=True, rtol=1e-9)
check.unchanged(x_odd_after, x_odd_before, "the image")
### END HIDDEN TESTS
