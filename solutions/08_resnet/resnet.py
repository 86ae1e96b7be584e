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
# # 8 · Residual networks
#
# A plus sign made networks ten times deeper. Add the input of a few layers to their output, and a hundred layers train. Afterwards you can
#
# - tell degradation from overfitting and from vanishing gradients, three troubles that are often mixed up;
# - write the basic, the pre-activation and the bottleneck block, a dense block and a residual U-Net;
# - build ResNet-18, 34 and 50 from one class, and load published weights into it;
# - prove that a block is *the* block: shake its weights, copy them across, compare the outputs;
# - use three probes: a dead branch, another sample in the batch, the gradient at the first layer.
#
# Reading: 50 minutes · exercises: 144 minutes · 57 points

# %% tags=["setup"]
import zlib

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import gradus
from gradus import check, observe, plots, seeded

torch.set_printoptions(precision=3, sci_mode=False)
from torchvision import models  # after gradus, which helps it to load beside a CPU-only PyTorch


def shake(module, seed=0):
    """Give each parameter and buffer odd values, which depend on its name, its shape and the seed."""
    for name, tensor in module.state_dict().items():
        draw = torch.randn(tensor.shape, generator=seeded(zlib.crc32(f"{seed} {name}".encode())))
        if not tensor.is_floating_point():
            tensor.fill_(7)  # the counter of a batch norm
        elif name.endswith("running_var"):
            tensor.copy_(0.5 + draw.abs())
        elif tensor.ndim > 1:
            tensor.copy_(draw * (2 / tensor[0].numel()) ** 0.5)
        else:
            tensor.copy_(0.4 * draw + (1.0 if name.endswith("weight") else 0.0))
    return module


def bands(runs, *, x=None, title="", xlabel="", ylabel="", log=False):
    """Lines with a band: runs maps a name to numbers (seeds, points); the line is the median."""
    fig, axes = plots.figure(6.5, 3.8)
    for number, (name, values) in enumerate(runs.items()):
        values = torch.as_tensor(values, dtype=torch.float64)
        at = range(1, values.shape[1] + 1) if x is None else x
        line = {"marker": "os^DvP"[number], "markevery": max(1, values.shape[1] // 8)}
        style = ("-", "--", "-.", ":", (0, (5, 1)))[number % 5]
        color = plots.PALETTE[number]
        axes.plot(at, values.median(0).values, linestyle=style, color=color, label=name, **line)
        axes.fill_between(at, values.amin(0), values.amax(0), color=color, alpha=0.2, lw=0)
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return plots.close(fig)


class Plain(nn.Module):
    """A stand-in block for the checks of ResNet: one convolution, no skip, 2 · w channels out."""

    expansion = 2

    def __init__(self, cin, w, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(cin, 2 * w, 3, stride, padding=1, bias=False)

    def forward(self, x):
        return F.relu(self.conv(x))


def weights(module):
    """How many learned numbers a module holds."""
    return sum(p.numel() for p in module.parameters())


# %% [markdown]
# ## Deeper, and worse
#
# In 2015 Kaiming He and colleagues trained a plain network of 20 layers and one of 56 on the same images. The deeper one was worse on the test images. You may read the explanation "too many parameters, it overfits".
#
# That would be odd. The deep network can copy the shallow one and let its other layers pass their input on unchanged. So a good solution exists; the question is whether training finds it.

# %% [markdown]
# ### Predict 8.1 · Which number decides?
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# The deep plain network has a higher *test* error than the shallow one. Which further observation says that this is *not* overfitting?
#
# - a: none is needed, the higher test error says it
# - b: its *training* error is higher too
# - c: it has more parameters than there are training images

# %% nbgrader={"grade_id": "predict-8-1"}
# Write your choice: predict_8_1 = "a", "b" or "c"
### BEGIN SOLUTION
predict_8_1 = "b"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-8-1-check", "points": 0}
# Arrange
# Act
choice_1 = predict_8_1
# Assert
check.one_of(choice_1, ("a", "b", "c"), "your choice")


# %%
class Nothing(nn.Module):
    """In the place of a skip connection: adds nothing."""

    def forward(self, x):
        return torch.zeros_like(x)


def tower(depth, skip, width=16):
    """An image classifier of `depth` layers, in pairs that share one skip, or plain."""
    pairs = [
        models.resnet.BasicBlock(width, width, downsample=None if skip else Nothing())
        for _ in range(depth // 2 - 1)
    ]
    stem = [nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)]
    return nn.Sequential(*stem, *pairs, *head)


# %% tags=["demo"] alt="Training loss over four epochs for four networks, two seeds each. Plain with 32 layers stays high, above 1.5. Plain with 10 layers and both networks with skips fall to below 0.5; the 32 layers with skips are among the lowest."
digits, exam = gradus.load("mnist"), gradus.load("mnist", train=False, quiet=True)
small = [F.avg_pool2d(d.images / 255, 4) for d in (digits, exam)]
held_out = DataLoader(TensorDataset(small[1], exam.labels), batch_size=359)
losses = {}
for name, (depth, skip) in {
    "plain, 10": (10, False), "plain, 32": (32, False),
    "skips, 10": (10, True), "skips, 32": (32, True),
}.items():  # fmt: skip
    runs = []
    for seed in range(2):
        gradus.seed_everything(seed)
        net, data = tower(depth, skip), TensorDataset(small[0], digits.labels)
        sgd = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        batches = DataLoader(data, batch_size=64, shuffle=True)
        runs.append(gradus.fit(net, batches, F.cross_entropy, sgd, epochs=4, val_loader=held_out))
    losses[name] = [run["loss"] for run in runs]
    print(name, "best test accuracy", [f"{max(run['val_accuracy']):.2f}" for run in runs])
bands(losses, title="Deeper is worse, unless there are skips", xlabel="epoch", ylabel="training loss")

# %% [markdown]
# Thirty-two plain layers have the highest *training* loss. Overfitting means low training error and high test error; here the network fails at the task it was shown. He and colleagues named this **degradation**. The higher test error alone proves nothing, as overfitting shows it too.
#
# Now the skips: the same 32 layers, with the same number of weights, learn. At 10 layers look at the test accuracies: plain and skips overlap between the seeds. So to see what skips do, take thirty layers or more, and more than one seed.
#
# With this idea an *ensemble* of six residual networks won ImageNet 2015, with 3.57 % *top-5* error (the right class is not among the first five guesses). You will find that number given to ResNet-152 alone, which had 4.49 % on the validation set.
#
# ## Learn the difference
#
# The idea: let some layers compute F(x), and pass on **y = x + F(x)**. If the best thing to do is nothing, F has only to be 0. The path around F is called *skip connection*, *shortcut* or *identity path*.
#
# The Jacobian becomes I + J, with J the Jacobian of F. Often it is written 1 + F′ and said to rule out vanishing gradients, since "1 + something" cannot vanish. Watch a block where it does, and a chain that explodes.


# %%
def through(block, x):
    """The Jacobian of a block at x."""
    return torch.func.jacrev(block)(x)


x = torch.randn(6, generator=seeded(0))
W = 0.4 * torch.randn(50, 6, 6, generator=seeded(1))
one = through(lambda t: t + torch.relu(W[0] @ t), x)
inner = through(lambda t: torch.relu(W[0] @ t), x)
print("Jacobian of x + F(x) is I + J:", torch.allclose(one, torch.eye(6) + inner))
print("F(x) = -x:", through(lambda t: t + (-t), x).norm().item())
product, h = torch.eye(6), x
for depth, w in enumerate(W, 1):
    product = through(lambda t, w=w: t + torch.relu(w @ t), h) @ product
    h = h + torch.relu(w @ h)
    if depth in (1, 10, 50):
        print(f"{depth:2} blocks: size of the Jacobian {torch.linalg.norm(product, 2):.0e}")

# %% [markdown]
# I + J can be 0, and a product of many can grow without bound. What a skip gives is a good *start*: with J small, I + J is near I, and fifty factors near I multiply to something sane. The rest is the work of initialisation and normalisation.
#
# ## The basic block
#
# ResNet-18 and 34 are made of this block. Read it along the arrows; the last ReLU comes *after* the addition.
#
# ```
# x ─┬─ conv 3×3 (stride) ─ bn ─ ReLU ─ conv 3×3 ─ bn ─ (+) ─ ReLU ─ y
#    └──────────────── x, or a projection of x ──────────┘
# ```
#
# The convolutions have no bias: batch norm subtracts the mean of each channel, and a bias with it. Batch norm (bn) keeps, for each channel, a scale γ (`weight`), a shift β (`bias`), a running mean and a running variance. In train mode it normalises with the batch at hand and updates the running numbers; in eval mode it uses those.

# %% [markdown]
# If the stride is 2 or the channels change, x has another shape than F(x) and cannot be added. Two cures from the paper:
#
# - **projection**: a 1×1 convolution with the same stride, then batch norm;
# - **zero padding**: take every second pixel, fill the new channels with zeros. It has no weights.
#
# Almost everybody projects, and only where it must be. Elsewhere the shortcut is x itself.

# %%
gradus.seed_everything(0)
x = torch.randn(4, 16, 8, 8, generator=seeded(2))
conv = nn.Conv2d(16, 16, 3, padding=1)
with_bias = nn.BatchNorm2d(16)(conv(x))
without = nn.BatchNorm2d(16)(F.conv2d(x, conv.weight, padding=1))
print(f"what a bias before batch norm changes: {(with_bias - without).abs().max():.0e}")
projection = nn.Sequential(nn.Conv2d(16, 32, 1, stride=2, bias=False), nn.BatchNorm2d(32))
padded = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, 16))
print("projection:  ", tuple(projection(x).shape), weights(projection), "weights")
print("zero padding:", tuple(padded.shape), "0 weights")

# %% [markdown]
# ### Predict 8.2 · A dead branch
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# In the block drawn above set γ and β of the *last* batch norm to 0, so that F(x) = 0. The shortcut is x itself. What comes out for x = [−1, 2]?
#
# - a: [−1, 2], the block is the identity
# - b: [0, 0], nothing gets through
# - c: [0, 2]

# %% nbgrader={"grade_id": "predict-8-2"}
# Write your choice: predict_8_2 = "a", "b" or "c"
### BEGIN SOLUTION
predict_8_2 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-8-2-check", "points": 0}
# Arrange
# Act
choice_2 = predict_8_2
# Assert
check.one_of(choice_2, ("a", "b", "c"), "your choice")

# %%
block = models.resnet.BasicBlock(1, 1)
nn.init.zeros_(block.bn2.weight)  # β is 0 already
x = torch.tensor([-1.0, 2.0]).reshape(1, 1, 1, 2)
once = block(x)
print("x:", x.flatten().tolist(), "  y:", once.flatten().tolist())
print("through a second dead block:", block(once).flatten().tolist())

# %% [markdown]
# The block with a dead branch is relu(x), which is the identity only for inputs that are not negative. After the first block all are.
#
# Killing the branch is your first **probe**: a small experiment whose answer you know, and which a wrong block fails. Without a skip it gives 0; with the ReLU before the addition, x.
#
# The second tool guards the comparison itself. You want to know whether your block equals torchvision's, so you copy the weights and compare. On fresh modules that proves little.


# %%
class Forgetful(models.resnet.BasicBlock):
    """Leaves its second batch norm out."""

    def forward(self, x):
        return F.relu(self.conv2(F.relu(self.bn1(self.conv1(x)))) + x)


gradus.seed_everything(0)
x = torch.randn(2, 8, 6, 6, generator=seeded(3))
for prepare in (lambda module: module, shake):
    theirs, yours = models.resnet.BasicBlock(8, 8).eval(), Forgetful(8, 8).eval()
    prepare(theirs)
    yours.load_state_dict(theirs.state_dict())
    name = "shaken" if prepare is shake else "fresh"
    print(f"{name:6} largest difference: {(theirs(x) - yours(x)).abs().max():.0e}")

# %% [markdown]
# In eval mode a fresh batch norm does nothing: γ = 1, β = 0, mean 0, variance 1. A block that forgets it agrees to five digits. `shake` (in the first cell) gives every weight, and the running statistics too, an odd value, and the mistake stands out. It depends on the *names*, so two modules with the same names get the same values. Use it before every comparison.

# %% [markdown]
# ### Exercise 8.1 · The basic block
# ★★★☆☆ · 15 min · implementation · 6 points
#
# Write the block of the drawing. Input (N, cin, H, W), output (N, cout, H/stride, W/stride); the stride stands in the first convolution. `expansion = 1` is a class attribute that a whole ResNet will ask for.
#
# Use torchvision's names, so that its weights fit: `conv1`, `bn1`, `conv2`, `bn2`, and, *only* where the stride is not 1 or cin ≠ cout, `downsample`: a Sequential of a 1×1 convolution and a batch norm. No convolution has a bias. Do not build on `torchvision`.
#
# With a dead branch, [−1, 2] gives [0, 2]. `BasicBlock(16, 32, 2)` turns (2, 16, 8, 8) into (2, 32, 4, 4). x is not written to.
#
# <details><summary>Hint 1</summary>
#
# Four layers for the branch, one `downsample` that may be `None`. A padding of 1 keeps the size of a 3×3 convolution.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `shortcut = x if self.downsample is None else self.downsample(x)`, and at the end `F.relu(branch + shortcut)`.
#
# </details>


# %% nbgrader={"grade_id": "ex-8-1"}
class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a skip; the ReLU at the end follows the addition.

    Parts: conv1, bn1, conv2, bn2; downsample (1×1 convolution, batch norm) where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        ### BEGIN SOLUTION
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(branch + shortcut)
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-8-1-check", "points": 1}
# Arrange
image_81 = torch.ones(2, 16, 8, 8)
# Act
same_81, halved_81 = BasicBlock(16, 16), BasicBlock(16, 32, 2)
sizes_81 = observe.shapes([same_81(image_81), BasicBlock(16, 32)(image_81), halved_81(image_81)])
parts_81 = observe.shapes(observe.state(same_81))
learned_81 = sorted(n for n, _ in halved_81.named_parameters())
factor_81 = BasicBlock.expansion
text = observe.source(BasicBlock)
# Assert
check.equal(
    sizes_81,
    [(2, 16, 8, 8), (2, 32, 8, 8), (2, 32, 4, 4)],
    "output shapes of BasicBlock(16, 16), (16, 32) and (16, 32, 2)",
    hint="The stride stands in conv1 and in the shortcut; padding=1 keeps the size",
)
check.equal(
    sorted(parts_81),
    sorted(
        ["conv1.weight", "conv2.weight"]
        + [
            f"bn{i}.{p}"
            for i in (1, 2)
            for p in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        ]
    ),
    "names in the state of BasicBlock(16, 16)",
    hint="conv1, bn1, conv2, bn2; no bias in a convolution; no downsample where x can be added as it is",
)
check.equal(
    learned_81,
    sorted(
        ["conv1.weight", "bn1.weight", "bn1.bias", "conv2.weight", "bn2.weight", "bn2.bias"]
        + ["downsample.0.weight", "downsample.1.weight", "downsample.1.bias"]
    ),
    "names of the parameters of BasicBlock(16, 32, 2)",
    hint="downsample is nn.Sequential(1×1 convolution without bias, batch norm)",
)
check.equal(factor_81, 1, "BasicBlock.expansion")
check.avoids(text, "your own block", calls=("torchvision", "models", "resnet"))

# %% nbgrader={"grade_id": "ex-8-1-check-2", "points": 1}
# Arrange
x_dead = torch.tensor([[-1.0, 2.0], [3.0, -4.0]]).reshape(1, 1, 2, 2)
dead_true = torch.tensor([[0.0, 2.0], [3.0, 0.0]]).reshape(1, 1, 2, 2)
x_whole, x_doubled = x_dead.clone(), 2 * dead_true
# Act
dead_81 = BasicBlock(1, 1).eval()
nn.init.zeros_(dead_81.bn2.weight)
nn.init.zeros_(dead_81.bn2.bias)
silent_81 = dead_81(x_dead)
# Assert
check.close(
    silent_81,
    dead_true,
    "the output for [[-1, 2], [3, -4]] with a dead branch",
    ideas={
        "Nothing gets through: the skip is missing": torch.zeros(1, 1, 2, 2),
        "x comes out as it is: the last ReLU comes after the addition": x_whole,
        "x is added twice": x_doubled,
    },
    hint="relu(branch + shortcut), and the branch ends with bn2",
)

# %%
shapes = {"identity": (16, 16, 1), "wider": (16, 24, 1), "halved": (16, 24, 2)}
for name, (cin, cout, stride) in shapes.items():
    shortcut = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))
    theirs = models.resnet.BasicBlock(cin, cout, stride, shortcut if name != "identity" else None)
    yours = BasicBlock(cin, cout, stride)
    yours.load_state_dict(shake(theirs).state_dict())
    x = torch.randn(3, cin, 8, 8, generator=seeded(4))
    difference = (yours.eval()(x) - theirs.eval()(x)).abs().max()
    print(f"{name:9} {weights(yours):5} weights, difference to torchvision {difference:.0e}")

# %% [markdown]
# The names were a contract, and you kept it: weights that somebody published fit into your block. Pretrained networks live from this.

# %% [markdown]
# ### Predict 8.3 · The price of a block
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# How many learned numbers has a basic block from 256 channels to 256, about?
#
# - a: 130 thousand
# - b: 590 thousand
# - c: 1.2 million

# %% nbgrader={"grade_id": "predict-8-3"}
# Write your choice: predict_8_3 = "a", "b" or "c"
### BEGIN SOLUTION
predict_8_3 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-8-3-check", "points": 0}
# Arrange
# Act
choice_3 = predict_8_3
# Assert
check.one_of(choice_3, ("a", "b", "c"), "your choice")

# %%
print("one convolution: 3 · 3 · 256 · 256 =", 3 * 3 * 256 * 256)
print("two of them, and two batch norms:", 2 * 3 * 3 * 256 * 256 + 2 * 2 * 256)
print("your block:", weights(BasicBlock(256, 256)))

# %% [markdown]
# 590 thousand is *one* convolution. The block has two.
#
# ## What depth does to gradients
#
# Going back through a layer multiplies the gradient by that layer's Jacobian. If each factor has size 0.9, after 50 layers 0.9⁵⁰ = 0.005 is left. Skips are often said to have been invented against that. The ResNet paper says otherwise: good initialisation and batch norm had largely dealt with it, and degradation remained. Let us measure.

# %% [markdown]
# ### Predict 8.4 · Fifty layers with batch norm
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# Fifty fully connected layers, each with batch norm and ReLU, no skips, freshly initialised. Compare the gradient of the first layer's weights with that of the last layer's. The first one is
#
# - a: less than a millionth of the last: it vanishes
# - b: of about the same size, at most ten times larger or smaller
# - c: more than a thousand times larger

# %% nbgrader={"grade_id": "predict-8-4"}
# Write your choice: predict_8_4 = "a", "b" or "c"
### BEGIN SOLUTION
predict_8_4 = "c"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-8-4-check", "points": 0}
# Arrange
# Act
choice_4 = predict_8_4
# Assert
check.one_of(choice_4, ("a", "b", "c"), "your choice")


# %%
class Layers(nn.Module):
    """Linear layers with ReLU: with batch norm or without, with skips or without."""

    def __init__(self, depth, norm, skip, width=32):
        super().__init__()
        self.linear = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.norm = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(depth * norm))
        self.skip = skip

    def forward(self, h):
        for k, linear in enumerate(self.linear):
            out = linear(h)
            out = torch.relu(self.norm[k](out) if self.norm else out)
            h = h + out if self.skip else out
        return h


# %% alt="Gradient norm of each of 50 layers, relative to the last layer, logarithmic, five seeds each. Plain falls to 1e-20 at the first layer. Plain with He initialisation and skips without batch norm stay near 1. Plain with batch norm rises to about 2e4 at the first layer. Skips with batch norm rise to about 20."
def profile(norm, skip, he, seed, depth=50):
    gradus.seed_everything(seed)
    net = Layers(depth, norm, skip)
    if he:
        for linear in net.linear:
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            nn.init.zeros_(linear.bias)
    out = net(torch.randn(64, 32))
    (out * torch.randn(64, 32)).sum().backward()
    sizes = torch.stack([linear.weight.grad.norm() for linear in net.linear]).double()
    return sizes / sizes[-1]


kinds = {
    "plain": (0, False, False), "plain, He initialisation": (0, False, True),
    "plain, batch norm": (1, False, False), "skips": (0, True, False),
    "skips, batch norm": (1, True, False),
}  # fmt: skip
ratios = {k: torch.stack([profile(*v, s) for s in range(5)]) for k, v in kinds.items()}
for name, values in ratios.items():
    print(f"{name:25} first layer / last layer: {values[:, 0].median():.0e}")
title = "Gradient through 50 layers, five seeds"
bands(ratios, title=title, xlabel="layer", ylabel="gradient norm, last layer = 1", log=True)

# %% [markdown]
# Plain layers with PyTorch's default start vanish: 10⁻²⁰ at the first layer. He initialisation alone cures that, without any skip. Batch norm in a plain net turns it round: the gradient *explodes* toward the first layer. With skips both kinds stay within a factor of about a hundred, for all five seeds.
#
# So vanishing gradients and degradation are two things. Skips help with both, but they are not the only cure of the first.
#
# How do you check that a skip works? A popular test asks whether a gradient reaches the input. Look at it on networks of 30 convolutions.


# %%
def convolutions(depth, skip):
    gradus.seed_everything(0)
    layers = [nn.Conv2d(8, 8, 3, padding=1) for _ in range(depth)]

    def run(h):
        for layer in layers:
            h = (h if skip else 0) + torch.relu(layer(h))
        return h

    return run, layers[0].weight


for skip in (False, True):
    net, first = convolutions(30, skip)
    x = torch.randn(2, 8, 8, 8, generator=seeded(5)).requires_grad_()
    net(x).sum().backward()
    arrived = bool((x.grad != 0).any())
    print(f"skip {skip!s:5} input has a gradient: {arrived}, first layer: {first.grad.norm():.0e}")

# %% [markdown]
# The plain network passes that test as well. A gradient of 10⁻¹⁴ is a gradient. Compare *sizes*, or kill the branch.

# %% [markdown]
# ### Exercise 8.2 · Plain against residual
# ★★★☆☆ · 15 min · conceptual · 6 points
#
# `Stack(depth, width, skip)`: `depth` layers `nn.Linear(width, width)` in the ModuleList `layers`. Each does h ← relu(layer(h)), or, with skip, h ← h + relu(layer(h)). The weights are as many either way.
#
# `first_grad_norm(model, x)`: the Frobenius norm, the root of the summed squares, of the gradient of model(x).sum() for the first of `model.parameters()`, as a Python number. It is a measurement: weights, `.grad` and modes are afterwards what they were.
#
# All weights 2, no bias, width 1, depth 2, x = 1: plain 1 → 2 → 4, with skip 1 → 3 → 9.
#
# <details><summary>Hint 1</summary>
#
# `torch.autograd.grad` hands gradients back and writes nowhere. No optimiser is needed.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `first = next(model.parameters())`, then `torch.autograd.grad(model(x).sum(), first)`, a tuple of one.
#
# </details>


# %% nbgrader={"grade_id": "ex-8-2"}
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.skip = skip
        ### END SOLUTION

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        ### BEGIN SOLUTION
        for layer in self.layers:
            change = torch.relu(layer(h))
            h = h + change if self.skip else change
        return h
        ### END SOLUTION


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).sum() / d (first parameter); the model stays as it was."""
    ### BEGIN SOLUTION
    first = next(model.parameters())
    (gradient,) = torch.autograd.grad(model(x).sum(), first)
    return gradient.norm().item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-8-2-check", "points": 1}
# Arrange
x_two = torch.tensor([[1.0, -1.0]])
twice_82 = {f"layers.{k}.weight": 2 * torch.eye(2) for k in range(2)}
twice_82 |= {f"layers.{k}.bias": torch.zeros(2) for k in range(2)}
plain_true, skip_true = torch.tensor([[4.0, 0.0]]), torch.tensor([[9.0, -1.0]])
# Act
plain_82, skip_82 = Stack(2, 2, False), Stack(2, 2, True)
plain_82.load_state_dict(twice_82)
skip_82.load_state_dict(twice_82)
out_plain, out_skip = plain_82(x_two), skip_82(x_two)
# Assert
check.close(out_plain, plain_true, "Stack(2, 2, False) at [1, -1], all layers doubling")
check.close(
    out_skip,
    skip_true,
    "Stack(2, 2, True) at [1, -1], all layers doubling",
    ideas={
        "The ReLU comes before the addition: h + relu(layer(h))": torch.tensor([[9.0, 0.0]]),
        "The skip goes around the activation only: add h, not layer(h)": torch.tensor(
            [[16.0, -4.0]]
        ),
        "One skip over all layers: each layer has its own": torch.tensor([[5.0, -1.0]]),
        "There is no skip": torch.tensor([[4.0, 0.0]]),
        "The skip always adds the first input: add the h that enters the layer": torch.tensor(
            [[7.0, -1.0]]
        ),
    },
)

# %% nbgrader={"grade_id": "ex-8-2-check-2", "points": 1}
# Arrange
x_34 = torch.tensor([[3.0, 4.0], [3.0, 4.0]])
row_82 = torch.tensor([[1.0, 2.0]])
# Act
line_82 = nn.Linear(2, 1, bias=False)
line_82.load_state_dict({"weight": row_82})
norm_82 = first_grad_norm(line_82, x_34)
# Assert
check.close(
    norm_82,
    10.0,
    "first_grad_norm of a linear layer at two samples [3, 4]",
    ideas={
        "This is the squared norm: take the root": 100.0,
        "This is the sum of absolute values": 14.0,
        "This is the mean over the samples, not the sum": 5.0,
        "This is the gradient of the input": 10**0.5,
        "This is the norm of the weights, not of their gradient": 5**0.5,
    },
    hint="The gradient of model(x).sum() for the first parameter is [6, 8]",
)

# %% tags=["demo"]
x = torch.randn(64, 32, generator=seeded(6))
for depth in (5, 10, 20, 40):
    ratios = []
    for seed in range(3):
        gradus.seed_everything(seed)
        plain, residual = Stack(depth, 32, False), Stack(depth, 32, True)
        ratios.append(first_grad_norm(residual, x) / first_grad_norm(plain, x))
    print(f"{depth:2} layers: with skips / plain", [f"{ratio:.0e}" for ratio in ratios])

# %% [markdown]
# You wrote a residual MLP; every transformer is built on the same sum. From ten layers on the ratio is at least a thousand for every seed, and it grows with depth. Note the other side: sums without normalisation *grow* from layer to layer, so deep residual nets need normalisation too, or branches that start small.
#
# ## Before or after
#
# The ReLU after the addition stands *on* the identity path. In 2016 He and colleagues moved norm and ReLU to the front of each convolution (**pre-activation**) and nothing stays on the path:
#
# ```
# x ─┬─ bn ─ ReLU ─┬─ conv 3×3 (stride) ─ bn ─ ReLU ─ conv 3×3 ─ (+) ─ y
#    │             └─ projection, if needed ─────────────────────┘
#    └─ x, if no projection is needed ───────────────────────────┘
# ```
#
# The identity shortcut takes the raw x. Some versions, in print too, send the *activated* input through it. Send a signal through 20 blocks of each kind, all branches dead, and ask how much of it is left.


# %% alt="Correlation with the input after 1 to 20 blocks with dead branches, five seeds. The raw shortcut stays at 1. ReLU after the addition drops to about 0.85 at once and stays. The activated shortcut falls to about 0.4."
def left_over(step, seed, blocks=20):
    """Correlation with the input after each of `blocks` blocks; step: a block with F = 0."""
    x = h = torch.randn(512, 64, generator=seeded(seed))
    rows = []
    for k in range(blocks):
        norm = shake(nn.BatchNorm1d(64), seed=100 * seed + k)  # in train mode
        h = step(h, norm).detach()
        rows.append(torch.corrcoef(torch.stack([x.flatten(), h.flatten()]))[0, 1])
    return torch.stack(rows)


kinds = {
    "x, raw (pre-activation)": lambda h, norm: h,
    "ReLU after the addition": lambda h, norm: torch.relu(h),
    "relu(bn(x)) as shortcut": lambda h, norm: torch.relu(norm(h)),
}
signal = {k: torch.stack([left_over(v, s) for s in range(5)]) for k, v in kinds.items()}
for name, values in signal.items():
    print(f"{name:24} after 20 blocks: {values[:, -1].median():.2f}")
title = "What 20 blocks with dead branches leave of a signal"
bands(signal, title=title, xlabel="blocks", ylabel="correlation with the input")

# %% [markdown]
# Only the raw shortcut is an identity. One ReLU costs the negative half, once. The activated shortcut is normalised and cut anew in each block: a *plain* network of 20 layers in disguise.
#
# In the post-activation block, "add before the final ReLU to preserve the identity" is half true: the sum is preserved, the sign is not. As for accuracy, pre-activation pays off in very deep networks, of 100 layers and more. At our depths seeds matter more, so nobody grades you on it.

# %% [markdown]
# ### Exercise 8.3 · The pre-activation block
# ★★★☆☆ · 15 min · conceptual · 6 points
#
# Write the block of the second drawing. Parts: `bn1` (cin channels), `conv1` (with the stride), `bn2`, `conv2`, and where the stride is not 1 or cin ≠ cout `downsample`: a single 1×1 convolution with the stride, *without* batch norm. No biases in convolutions.
#
# An identity shortcut takes x itself; a projection takes relu(bn1(x)). Nothing follows the addition.
#
# With `conv2` all zero, [−1, 2] gives exactly [−1, 2], and the gradient that arrives from above passes unchanged. x is not written to.
#
# <details><summary>Hint 1</summary>
#
# Compute h = relu(bn1(x)) once: the branch and the projection share it.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `shortcut = x if self.downsample is None else self.downsample(h)`; then return `shortcut + self.conv2(F.relu(self.bn2(self.conv1(h))))`.
#
# </details>


# %% nbgrader={"grade_id": "ex-8-3"}
class PreActBlock(nn.Module):
    """bn1, ReLU, conv1, bn2, ReLU, conv2, and a skip with nothing after the addition.

    downsample (a 1×1 convolution on the activated input) only where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Conv2d(cin, cout, 1, stride, bias=False)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        ### BEGIN SOLUTION
        h = F.relu(self.bn1(x))
        shortcut = x if self.downsample is None else self.downsample(h)
        return shortcut + self.conv2(F.relu(self.bn2(self.conv1(h))))
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-8-3-check", "points": 1}
# Arrange
image_83 = torch.ones(2, 6, 8, 8)
# Act
same_83, halved_83 = PreActBlock(6, 6), PreActBlock(6, 12, 2)
sizes_83 = observe.shapes([same_83(image_83), PreActBlock(6, 12)(image_83), halved_83(image_83)])
learned_83 = sorted(n for n, _ in same_83.named_parameters())
projected_83 = observe.shapes(dict(halved_83.named_parameters()))
# Assert
check.equal(
    sizes_83,
    [(2, 6, 8, 8), (2, 12, 8, 8), (2, 12, 4, 4)],
    "output shapes of PreActBlock(6, 6), (6, 12) and (6, 12, 2)",
)
check.equal(
    learned_83,
    ["bn1.bias", "bn1.weight", "bn2.bias", "bn2.weight", "conv1.weight", "conv2.weight"],
    "names of the parameters of PreActBlock(6, 6)",
    hint="bn1, conv1, bn2, conv2, no bias in a convolution, no downsample here",
)
check.equal(
    projected_83,
    {
        "bn1.weight": (6,), "bn1.bias": (6,), "conv1.weight": (12, 6, 3, 3),
        "bn2.weight": (12,), "bn2.bias": (12,), "conv2.weight": (12, 12, 3, 3),
        "downsample.weight": (12, 6, 1, 1),
    },
    "names and shapes of the parameters of PreActBlock(6, 12, 2)",
    hint="downsample is one 1×1 convolution, without bias and without batch norm; bn1 normalises the input",
)  # fmt: skip

# %% nbgrader={"grade_id": "ex-8-3-check-2", "points": 1}
# Arrange
x_line = torch.tensor([-1.0, 2.0]).reshape(1, 1, 1, 2)
line_true = torch.tensor([-1.0, 2.0]).reshape(1, 1, 1, 2)
clipped = torch.tensor([0.0, 2.0]).reshape(1, 1, 1, 2)
# Act
quiet_83 = PreActBlock(1, 1).eval()
nn.init.zeros_(quiet_83.conv2.weight)
silent_83 = quiet_83(x_line)
# Assert
check.close(
    silent_83,
    line_true,
    "the output for [-1, 2] with a dead branch",
    ideas={
        "A ReLU stands on the path of x: take the raw x, and let nothing follow the addition": clipped,
        "Nothing gets through: the skip is missing": torch.zeros(1, 1, 1, 2),
    },
    hint="An identity shortcut is x itself, neither normalised nor cut",
    atol=1e-4,
)

# %% [markdown]
# A road straight through the network: that is why the same order, norm first, is the rule in today's transformers.
#
# ## Probe: the other samples
#
# A prediction for your image must not depend on whose images share its batch. Batch norm mixes samples, on purpose, in train mode; in eval mode it must not. The **probe**: change one sample, look at the output of another.

# %% [markdown]
# ### Predict 8.5 · Who else is in the batch?
# ★☆☆☆☆ · 2 min · conceptual · 1 point
#
# A residual network with batch norm sees a batch of four images. You replace image 3. For which mode does the output for image 0 change?
#
# - a: in train mode only
# - b: in eval mode only
# - c: in both
# - d: in neither: each image takes its own way through the network

# %% nbgrader={"grade_id": "predict-8-5"}
# Write your choice: predict_8_5 = "a", "b", "c" or "d"
### BEGIN SOLUTION
predict_8_5 = "a"
### END SOLUTION

# %% nbgrader={"grade_id": "predict-8-5-check", "points": 0}
# Arrange
# Act
choice_5 = predict_8_5
# Assert
check.one_of(choice_5, ("a", "b", "c", "d"), "your choice")

# %%
net = shake(nn.Sequential(BasicBlock(3, 8, 2), PreActBlock(8, 8)))
x = torch.randn(4, 3, 8, 8, generator=seeded(7))
for mode in (True, False):
    moved = observe.response(net.train(mode), x, where=3)[0].abs().max()
    shuffled = net(x[[2, 0, 3, 1]])[1] - net(x)[0]
    name = "train" if mode else "eval"
    print(f"{name:5} image 0 moves by {moved:.2f}; in another order by {shuffled.abs().max():.2f}")

# %% [markdown]
# Run this probe on every network with batch norm before you ship it: a forgotten `eval()`, or a norm without running statistics, fails at once. The hidden tests of this chapter run it on your blocks.
#
# ## A whole ResNet
#
# A **stem**, four **stages** of blocks, the average over all pixels, a linear layer. Each stage but the first begins with a block of stride 2 that halves the image and doubles the channels; all other blocks have stride 1. The name counts the layers with weights on the main path: 18 = 1 + 2 · (2 + 2 + 2 + 2) + 1.
#
# | | block | blocks in the four stages |
# |---|---|---|
# | ResNet-18 | basic | 2, 2, 2, 2 |
# | ResNet-34 | basic | 3, 4, 6, 3 |
# | ResNet-50 | bottleneck | 3, 4, 6, 3 |
# | ResNet-101 | bottleneck | 3, 4, 23, 3 |
#
# For ImageNet the stem is a 7×7 convolution of stride 2 and a 3×3 max-pool of stride 2. On 32×32 images that would leave one pixel at the end; there a 3×3 convolution of stride 1 without pooling is used.

# %% [markdown]
# ### Exercise 8.4 · ResNet
# ★★★★☆ · 25 min · production · 8 points
#
# `ResNet(block, counts, classes, width, small)` for any block class: `block(cin, w, stride)` takes cin channels and gives `w * block.expansion`. Stage k = 1…4 has `counts[k-1]` blocks with w = width · 2ᵏ⁻¹; only the first block of stages 2, 3, 4 has stride 2.
#
# Parts, named as in torchvision: `conv1` (3 → width, no bias; 3×3 if `small`, else 7×7, stride 2, padding 3), `bn1`, `layer1` … `layer4` (Sequentials), `fc`. After `bn1`: ReLU, then, unless `small`, max-pool 3×3, stride 2, padding 1. Average over all pixels, whatever the image size, before `fc`. Returns scores (N, classes), no softmax. Do not build on `torchvision`.
#
# With `width=8` and expansion 1, an image of 32×32 becomes 8×32×32, 16×16×16, 32×8×8, 64×4×4.
#
# <details><summary>Hint 1</summary>
#
# Keep one number, the channels that come in, and update it after *each* block. Write a helper that makes a stage.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `stride = 2 if k > 0 and i == 0 else 1`; `blocks.append(block(cin, w, stride))`; `cin = w * block.expansion`. The average is `x.mean(dim=(2, 3))`.
#
# </details>


# %% nbgrader={"grade_id": "ex-8-4"}
class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
        ### BEGIN SOLUTION
        size, stride, padding = (3, 1, 1) if small else (7, 2, 3)
        self.conv1 = nn.Conv2d(3, width, size, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.Identity() if small else nn.MaxPool2d(3, 2, 1)
        cin = width
        for k, count in enumerate(counts):
            blocks = []
            for i in range(count):
                blocks.append(block(cin, width * 2**k, 2 if k > 0 and i == 0 else 1))
                cin = width * 2**k * block.expansion
            setattr(self, f"layer{k + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(cin, classes)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        ### BEGIN SOLUTION
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-8-4-check", "points": 1}
# Arrange
tiny_images = torch.linspace(-1, 1, 2 * 3 * 32 * 32).reshape(2, 3, 32, 32)
# Act
net_84 = ResNet(Plain, [2, 1, 3, 1], classes=5, width=4)
scores_84 = observe.shapes(net_84(tiny_images))
names_84 = sorted(n for n, _ in net_84.named_parameters() if ".weight" in n and "conv" in n)
stem_84 = observe.shapes([net_84.conv1.weight, net_84.bn1.weight, net_84.fc.weight])
stem_large = observe.shapes(ResNet(Plain, [1, 1, 1, 1], 5, 4, small=False).conv1.weight)
text = observe.source(ResNet)
# Assert
check.equal(scores_84, (2, 5), "the shape of the scores for two images and 5 classes")
check.equal(
    names_84,
    [
        "conv1.weight", "layer1.0.conv.weight", "layer1.1.conv.weight", "layer2.0.conv.weight",
        "layer3.0.conv.weight", "layer3.1.conv.weight", "layer3.2.conv.weight",
        "layer4.0.conv.weight",
    ],
    "names of the convolutions for counts [2, 1, 3, 1]",
    hint="conv1, then Sequentials layer1 to layer4 with as many blocks as counts says",
)  # fmt: skip
check.equal(
    stem_84,
    [(4, 3, 3, 3), (4,), (5, 64)],
    "shapes of conv1, bn1 and fc for width 4 and a block of expansion 2",
    ideas={
        "fc must know the channels that arrive: the width of stage 4 times the expansion": [
            (4, 3, 3, 3),
            (4,),
            (5, 32),
        ]
    },
)
check.equal(stem_large, (4, 3, 7, 7), "the shape of conv1 with small=False")
check.avoids(text, "your own ResNet", calls=("torchvision", "models", "resnet"))

# %% nbgrader={"grade_id": "ex-8-4-check-2", "points": 1}
# Arrange
tall = torch.ones(2, 3, 32, 32)
steps_84 = torch.ones(2, 8, 32, 32)
# Act
stages_84 = ResNet(Plain, [2, 2, 1, 1], width=8)
one_84 = stages_84.layer1(steps_84)
two_84 = stages_84.layer2(one_84)
three_84 = stages_84.layer3(two_84)
four_84 = stages_84.layer4(three_84)
sizes_84 = observe.shapes([one_84, two_84, three_84, four_84])
inside_84 = observe.shapes([b.conv.weight for b in stages_84.layer2])
# Assert
check.equal(
    sizes_84,
    [(2, 16, 32, 32), (2, 32, 16, 16), (2, 64, 8, 8), (2, 128, 4, 4)],
    "outputs of the four stages, for width 8 and a block of expansion 2",
    ideas={
        "Stride 2 stands in every block: only the first of stages 2, 3, 4 has it": [
            (2, 16, 32, 32), (2, 32, 8, 8), (2, 64, 4, 4), (2, 128, 2, 2)
        ],
        "The first stage has stride 1: the stem has reduced the image where that is wanted": [
            (2, 16, 16, 16), (2, 32, 8, 8), (2, 64, 4, 4), (2, 128, 2, 2)
        ],
        "No stage halves the image": [
            (2, 16, 32, 32), (2, 32, 32, 32), (2, 64, 32, 32), (2, 128, 32, 32)
        ],
    },
    hint="Stage k has width · 2ᵏ⁻¹ · expansion channels at its end",
)  # fmt: skip
check.equal(
    inside_84,
    [(32, 16, 3, 3), (32, 32, 3, 3)],
    "the two convolutions of stage 2",
    hint="After each block the channels that come in are w · block.expansion",
)

# %%
for name, counts in {"ResNet-18": [2, 2, 2, 2], "ResNet-34": [3, 4, 6, 3]}.items():
    print(f"{name}: {weights(ResNet(BasicBlock, counts)):,} weights for small images")
theirs = shake(models.resnet18()).eval()
yours = ResNet(BasicBlock, [2, 2, 2, 2], classes=1000, small=False).eval()
yours.load_state_dict(theirs.state_dict())
x = torch.randn(2, 3, 64, 64, generator=seeded(8))
with torch.no_grad():
    difference = (yours(x) - theirs(x)).abs().max() / theirs(x).abs().max()
print(f"{weights(yours):,} weights of torchvision's ResNet-18, relative difference {difference:.0e}")

# %% [markdown]
# Your block in your ResNet is torchvision's ResNet-18. With the set of weights called `models.ResNet18_Weights.DEFAULT` on your disk you could load them into your own class, and chapter 16 will.
#
# If the first block class you write has no `expansion`, the network stops with an AttributeError: it reads the number from every block, so every block declares it, also where it is 1.
#
# Now a small one, an eighth of the width, on the coloured shapes. It takes a few seconds.

# %% tags=["demo"] alt="Training and validation curves of a small ResNet-18 over three epochs on coloured shapes: the loss falls from above 2 to well below 1, the accuracy rises from below 0.3 to about 0.9."
train, test = gradus.load("cifar10"), gradus.load("cifar10", train=False, quiet=True)
device = gradus.device()
sets = [TensorDataset((d.images / 255 - 0.5) / 0.25, d.labels) for d in (train, test)]
gradus.seed_everything(0)
batches = DataLoader(torch.utils.data.Subset(sets[0], range(2000)), batch_size=50, shuffle=True)
exam = DataLoader(torch.utils.data.Subset(sets[1], range(300)), batch_size=100)
net = ResNet(BasicBlock, [2, 2, 2, 2], width=8).to(device)
sgd = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
history = gradus.fit(net, batches, F.cross_entropy, sgd, epochs=3, val_loader=exam)
plots.curves(history, title="ResNet-18, width 8")

# %% [markdown]
# ### At full size
#
# You may read that ResNet-18 passes 90 % on CIFAR-10. It does, with augmentation, a schedule and time: about half an hour on a good graphics card, but more than an hour for *each* of thirty epochs on one core. So it is not graded here. With the real set on your disk (`data/README.md` says how), your class, unchanged, runs it:
#
# ```python
# from torchvision.transforms import v2
#
# class Augmented(TensorDataset):
#     change = v2.Compose([v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip()])
#
#     def __getitem__(self, i):
#         image, label = super().__getitem__(i)
#         return self.change(image), label
#
# net = ResNet(BasicBlock, [2, 2, 2, 2]).to(device)
# batches = DataLoader(Augmented(*sets[0].tensors), batch_size=128, shuffle=True)
# sgd = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
# schedule = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=30)
# for epoch in range(30):
#     gradus.fit(net, batches, F.cross_entropy, sgd, epochs=1, device=device, progress=True)
#     schedule.step()
# print(gradus.evaluate(net, DataLoader(sets[1], batch_size=500), F.cross_entropy))
# ```

# %% [markdown]
# ## Starting as the identity
#
# "A residual network starts as the identity." Does it? Send a digit through 16 fresh blocks, then through 16 whose last γ is 0.

# %% alt="Two rows of five pictures of the digit. In the top row, fresh blocks blur it into unrecognisable spots after 4 to 16 blocks. In the bottom row, with the last scale at zero, the digit is the same after every number of blocks."
image = F.avg_pool2d(digits.images[7:8] / 255, 2).repeat(1, 8, 1, 1)
rows = []
for zero in (False, True):
    gradus.seed_everything(0)
    blocks = [BasicBlock(8, 8).eval() for _ in range(16)]
    for block in blocks:
        if zero:
            nn.init.zeros_(block.bn2.weight)
    h, seen = image, [image]
    for block in blocks:
        h = block(h).detach()
        seen.append(h)
    rows += [seen[i][:, :1] / seen[i].amax() for i in (0, 1, 4, 8, 16)]
    block, x = blocks[0].train(), torch.randn(64, 8, 7, 7, generator=seeded(8))
    size = block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x))))).std() / x.std()
    print(f"zero-init {zero!s:5} branch against input, train mode: {size:.2f}")
names = [f"{kind}, {n}" for kind in ("fresh", "zero") for n in (0, 1, 4, 8, 16)]
plots.image_grid(torch.cat(rows), names, columns=5)

# %% [markdown]
# No: freshly initialised, the branch is as loud as its input, and the digit is soon lost. It is the identity (for inputs that are not negative, since the ReLU stands at the end) only if you make it one: `nn.init.zeros_(block.bn2.weight)` in every block. Then each branch learns from nothing, and deep networks start more gently. torchvision has it as `zero_init_residual=True`, off by default.
#
# ## The bottleneck
#
# Beyond 34 layers, 3×3 convolutions on many channels get expensive. The bottleneck block squeezes to `width` channels with a 1×1 convolution, works there with a 3×3, and widens to 4 · `width` with another 1×1. `expansion = 4` is this factor: outputs = width × 4, *not* input × 4. Often input and output are both 4 · width.

# %%
wide = 2 * (9 * 256 * 256) + 2 * 2 * 256
narrow = 256 * 64 + 9 * 64 * 64 + 64 * 256 + 2 * (64 + 64 + 256)
print(f"basic 256 → 256: {wide:,}   bottleneck 256 → 64 → 256: {narrow:,}   {wide / narrow:.1f} times")

# %% [markdown]
# ### Exercise 8.5 · Bottleneck
# ★★★☆☆ · 15 min · implementation · 6 points
#
# Write the bottleneck block, with torchvision's names:
#
# `conv1` 1×1 (cin → width), `bn1`, ReLU, `conv2` 3×3 (with the stride), `bn2`, ReLU, `conv3` 1×1 (width → 4 · width), `bn3`, add the shortcut, ReLU.
#
# `downsample` (1×1 convolution with the stride, batch norm) *only* where shapes differ: stride not 1, or cin ≠ 4 · width. No biases in convolutions, `expansion = 4`, and do not build on `torchvision`.
#
# `Bottleneck(256, 64)` has 70,400 weights and an identity shortcut; `Bottleneck(64, 64)` needs a projection, although stride and width do not change.
#
# <details><summary>Hint 1</summary>
#
# Compare what comes in with what goes *out*, not with `width`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `cout = width * self.expansion`; the condition is `stride != 1 or cin != cout`. The third batch norm has no ReLU before the addition.
#
# </details>


# %% nbgrader={"grade_id": "ex-8-5"}
class Bottleneck(nn.Module):
    """1×1 to width, 3×3 (with the stride), 1×1 to 4 · width, and a skip; ReLU after the addition.

    Parts: conv1, bn1, conv2, bn2, conv3, bn3; downsample where shapes differ.
    """

    expansion = 4

    def __init__(self, cin: int, width: int, stride: int = 1) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        cout = width * self.expansion
        self.conv1 = nn.Conv2d(cin, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, cout, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, 4 · width, H / stride, W / stride)."""
        ### BEGIN SOLUTION
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(h)) + shortcut)
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-8-5-check", "points": 1}
# Arrange
image_85 = torch.ones(2, 8, 8, 8)
# Act
kept_85, grown_85, halved_85 = Bottleneck(8, 2), Bottleneck(8, 8), Bottleneck(8, 2, 2)
sizes_85 = observe.shapes([kept_85(image_85), grown_85(image_85), halved_85(image_85)])
names_85 = sorted(n for n, _ in kept_85.named_parameters())
grown_names = sorted(n for n, _ in grown_85.named_parameters() if "conv" not in n and "bn" not in n)
count_85 = sum(p.numel() for p in Bottleneck(256, 64).parameters())
factor_85 = Bottleneck.expansion
text = observe.source(Bottleneck)
# Assert
check.equal(factor_85, 4, "Bottleneck.expansion")
check.equal(
    sizes_85,
    [(2, 8, 8, 8), (2, 32, 8, 8), (2, 8, 4, 4)],
    "output shapes of Bottleneck(8, 2), (8, 8) and (8, 2, 2)",
    hint="The output has 4 · width channels, whatever cin is",
)
check.equal(
    names_85,
    ["bn1.bias", "bn1.weight", "bn2.bias", "bn2.weight", "bn3.bias", "bn3.weight"]
    + ["conv1.weight", "conv2.weight", "conv3.weight"],
    "names of the parameters of Bottleneck(8, 2)",
    hint="8 = 4 · 2 channels come in and go out, so x is added as it is: no downsample, and no bias in a convolution",
)
check.equal(
    grown_names,
    ["downsample.0.weight", "downsample.1.bias", "downsample.1.weight"],
    "names of the parameters of the shortcut of Bottleneck(8, 8)",
    hint="8 channels come in, 32 go out: compare cin with 4 · width",
)
check.equal(
    count_85,
    70_400,
    "weights of Bottleneck(256, 64)",
    ideas={
        "The middle convolution is 3×3, the other two are 1×1": 37_632,
    },
)
check.avoids(text, "your own block", calls=("torchvision", "models", "resnet"))

# %% nbgrader={"grade_id": "ex-8-5-check-2", "points": 1}
# Arrange
x_neck = torch.tensor([-1.0, 2.0, -3.0, 4.0]).reshape(1, 4, 1, 1)
neck_true = torch.tensor([0.0, 2.0, 0.0, 4.0]).reshape(1, 4, 1, 1)
shift_true = torch.tensor([0.0, 0.0, 0.0, 1.0]).reshape(1, 4, 1, 1)
unshifted = neck_true.clone()
whole_neck, zero_neck = x_neck.clone(), torch.zeros(1, 4, 1, 1)
# Act
neck_85 = Bottleneck(4, 1).eval()
nn.init.zeros_(neck_85.bn3.weight)
nn.init.zeros_(neck_85.bn3.bias)
dead_85 = observe.copy(neck_85(x_neck))
nn.init.constant_(neck_85.bn3.bias, -3.0)
shifted_85 = neck_85(x_neck)
# Assert
check.close(
    dead_85,
    neck_true,
    "the output with a dead branch",
    ideas={
        "x comes out as it is: the last ReLU comes after the addition": whole_neck,
        "Nothing gets through: the skip is missing": zero_neck,
    },
)
check.close(
    shifted_85,
    shift_true,
    "the output when the branch is -3 everywhere",
    ideas={"A ReLU follows bn3 before the addition: the branch may be negative": unshifted},
)

# %%
theirs = shake(models.resnet.Bottleneck(256, 64)).eval()
yours = Bottleneck(256, 64).eval()
yours.load_state_dict(theirs.state_dict())
x = torch.randn(2, 256, 4, 4, generator=seeded(9))
print(f"difference to torchvision {(yours(x) - theirs(x)).abs().max():.0e}")
fifty = ResNet(Bottleneck, [3, 4, 6, 3])
print(f"ResNet-50 for small images: {weights(fifty):,} weights, fc takes {fifty.fc.in_features}")
for name in ("resnet18", "resnet34", "resnet50", "resnet101", "densenet121"):
    with torch.device("meta"):  # shapes only, no memory
        print(f"{name:11} {weights(getattr(models, name)()) / 1e6:5.1f} million (1000 classes)")

# %% [markdown]
# One class, five networks: only `block` and `counts` changed. In the paper the stride stands in the first 1×1 convolution, which throws three of four pixels away unseen. torchvision moved it to the 3×3, and so did you. ResNet-50 has barely more weights than ResNet-34, but 2048 channels at the end; whether it classifies better is a matter of data and training, to be measured, not assumed.
#
# ## Skips for images
#
# A U-Net brings detail from its encoder to its decoder by *concatenating*: long skips. Add short, residual skips in each block, and one around the whole network: to remove noise, output = input + correction. Such nets often do without batch norm, since brightness carries meaning.
#
# An addition has a trap that concatenating has not. One channel comes in, eight go out, and the 1×1 convolution on the shortcut is forgotten:

# %%
image = torch.randn(2, 1, 6, 6, generator=seeded(10))
branch = nn.Conv2d(1, 8, 3, padding=1)(image)
print("1 channel + 8 channels:", tuple((image + branch).shape), "no error")
pair = image.expand(2, 2, 6, 6)
print("2 channels + 8 channels:", observe.error(torch.add, pair, branch)["message"][:40], "…")

# %% [markdown]
# Broadcasting (chapter 1) spread one channel over eight. Shapes prove nothing here; the tests below compare values.
#
# Two measures for images, each image by itself, with `peak` the range of the values (1 for 0…1, 255 for bytes). **PSNR** is 10 · log₁₀(peak² / MSE), in decibels. **SSIM** compares structure. Over the whole image as one window, with means μ, variances σ² and covariance σₐᵦ, all divided by the number of values:
#
# SSIM = (2μₐμᵦ + c₁)(2σₐᵦ + c₂) / ((μₐ² + μᵦ² + c₁)(σₐ² + σᵦ² + c₂)), with c₁ = (0.01 · peak)² and c₂ = (0.03 · peak)².

# %% [markdown]
# ### Exercise 8.6 · Residual U-Net
# ★★★★★ · 34 min · problem solving · 10 points
#
# First cell: `psnr` and `ssim_global` as above, for (N, C, H, W), one number an image over all its values. Equal images: infinity and 1.
#
# Second cell: `ResConv(cin, cout)` is shortcut(x) + conv2(relu(conv1(x))): 3×3 convolutions with bias, size kept; `shortcut` is a 1×1 convolution with bias where cin ≠ cout, else x itself.
#
# `ResUNet(channels, width)`, with w = width: a = `enc1`(x), w channels; b = `enc2`(pool(a)), 2w; m = `mid`(pool(b)), 4w; `dec2`([up(m), b]) → 2w; `dec1`([up(that), a]) → w; `out`, a 1×1 convolution w → channels, with bias. Return x + out(…). All five are ResConvs; pool is 2×2 max-pool, up is `F.interpolate(h, size=…)` (nearest) to the size of its partner, [ , ] concatenates channels in this order. Any height and width from 4 on. x is not written to.
#
# With a = [0, 0], b = [0.1, −0.1], peak 1: PSNR 20.
#
# <details><summary>Hint 1</summary>
#
# Keep `a` and `b` under names of their own. What comes up has 4w channels, its partner 2w: `dec2` takes 6w.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1)`. For the measures flatten: `a.flatten(1)`, then mean over dim 1; the covariance is the mean of (a − μₐ)(b − μᵦ).
#
# </details>


# %% nbgrader={"grade_id": "ex-8-6"}
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    ### BEGIN SOLUTION
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))
    ### END SOLUTION


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    ### BEGIN SOLUTION
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))
    ### END SOLUTION


# %% nbgrader={"grade_id": "ex-8-6-b"}
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        ### BEGIN SOLUTION
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))
        ### END SOLUTION


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        ### BEGIN SOLUTION
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a], dim=1))
        return x + self.out(h)
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-8-6-check", "points": 1}
# Arrange
pic_a = torch.tensor([[0.0, 0.0], [0.5, 0.5]]).reshape(2, 1, 1, 2)
pic_b = torch.tensor([[0.1, -0.1], [0.6, 0.4]]).reshape(2, 1, 1, 2)
byte_a, byte_b = torch.zeros(1, 1, 1, 2), torch.tensor([25.5, -25.5]).reshape(1, 1, 1, 2)
ramp_a = torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2)
ramp_b = torch.tensor([1.0, 0.0]).reshape(1, 1, 1, 2)
# Act
noise_86 = psnr(pic_a, pic_b)
bytes_86 = psnr(byte_a, byte_b, peak=255.0)
against_86 = ssim_global(ramp_a, ramp_b)
alike_86 = ssim_global(ramp_a, ramp_a)
# Assert
check.close(
    noise_86,
    torch.tensor([20.0, 20.0]),
    "psnr of two images, MSE 0.01 each",
    ideas={
        "One number came back for the batch: each image has its own": 20.0,
        "The squared error is summed where the mean is asked for": torch.full(
            (2,), 16.98970004336019
        ),
        "The sign is turned: peak² stands above the MSE": torch.tensor([-20.0, -20.0]),
        "This is the natural logarithm: decibels use log10": torch.full((2,), 46.0517018598809),
    },
    rtol=1e-4,
)
check.close(
    bytes_86,
    torch.tensor([20.0]),
    "psnr with peak 255",
    ideas={"peak is not used: an error of 25 is small where the range is 255": torch.full((1,), -28.1308036086791)},
    rtol=1e-4,
)
check.close(
    alike_86, torch.tensor([1.0]), "ssim_global of an image with itself", rtol=1e-4
)
check.close(
    against_86,
    torch.tensor([-0.996406]),
    "ssim_global of [0, 1] and [1, 0]",
    ideas={
        "The variance is divided by n - 1: divide by n": torch.tensor([-0.998202]),
        "The covariance keeps its sign": torch.tensor([1.0]),
    },
    rtol=1e-4,
    hint="Means 0.5 and 0.5, variances 0.25, covariance -0.25",
)  # fmt: skip

# %% nbgrader={"grade_id": "ex-8-6-check-2", "points": 1}
# Arrange
spot_86 = torch.tensor([1.0, -2.0]).reshape(1, 1, 1, 2)
wide_true = torch.tensor([[13.0, 4.0], [-1.0, 2.0]]).reshape(1, 2, 1, 2)
spread_out = torch.tensor([[1.0, -2.0], [1.0, -2.0]]).reshape(1, 2, 1, 2)
only_branch = torch.zeros(1, 2, 1, 2)
three_86 = torch.tensor([3.0, -1.0]).reshape(2, 1, 1, 1)
ten_86 = torch.tensor([10.0, 0.0])
same_true = torch.tensor([1.0, -2.0]).reshape(1, 1, 1, 2)
# Act
wide_86 = ResConv(1, 2)
nn.init.zeros_(wide_86.conv2.weight)
nn.init.zeros_(wide_86.conv2.bias)
wide_86.shortcut.load_state_dict({"weight": three_86, "bias": ten_86})
spots_86 = wide_86(spot_86)
same_86 = ResConv(1, 1)
nn.init.zeros_(same_86.conv2.weight)
nn.init.zeros_(same_86.conv2.bias)
kept_86 = same_86(spot_86)
# Assert
check.close(
    spots_86,
    wide_true,
    "ResConv(1, 2) with a dead branch",
    ideas={
        "x was broadcast over the channels: the shortcut must be a 1×1 convolution here": spread_out,
        "The skip is missing": only_branch,
    },
    hint="shortcut is nn.Conv2d(cin, cout, 1), and nothing follows the addition",
)
check.close(
    kept_86,
    same_true,
    "ResConv(1, 1) with a dead branch",
    ideas={"A ReLU follows the addition; nothing does": torch.tensor([1.0, 0.0]).reshape(1, 1, 1, 2)},
    hint="Where cin = cout the shortcut is x itself",
)

# %% nbgrader={"grade_id": "ex-8-6-check-3", "points": 1}
# Arrange
page_86 = torch.linspace(-1, 1, 2 * 2 * 8 * 12).reshape(2, 2, 8, 12)
page_kept = page_86.clone()
# Act
unet_86 = ResUNet(2, 3)
sizes_86 = observe.shapes({n: p for n, p in unet_86.named_parameters() if n.endswith("1.weight")})
silent_86 = ResUNet(2, 3)
nn.init.zeros_(silent_86.out.weight)
nn.init.zeros_(silent_86.out.bias)
page_out = silent_86(page_86)
# Assert
check.equal(
    sizes_86,
    {
        "enc1.conv1.weight": (3, 2, 3, 3), "enc2.conv1.weight": (6, 3, 3, 3),
        "mid.conv1.weight": (12, 6, 3, 3), "dec2.conv1.weight": (6, 18, 3, 3),
        "dec1.conv1.weight": (3, 9, 3, 3),
    },
    "shapes of the first convolution in each ResConv of ResUNet(2, 3)",
    hint="Concatenating adds the channels: dec2 takes 4w + 2w, dec1 takes 2w + w",
)  # fmt: skip
check.close(
    page_out,
    page_kept,
    "the output while `out` is all zero",
    ideas={"The skip around the whole network is missing: return x + out(…)": torch.zeros(2, 2, 8, 12)},
)

# %% tags=["demo"] alt="Four rows of eight digits: noisy, cleaned by the network, and the originals. The cleaned digits are smooth and readable and close to the originals."
clean = [F.avg_pool2d(d.images / 255, 2) for d in (digits, gradus.load("mnist", train=False))]
noisy = [c + 0.3 * torch.randn(c.shape, generator=seeded(i)) for i, c in enumerate(clean)]
gradus.seed_everything(0)
cleaner = ResUNet(1, 8)
nn.init.zeros_(cleaner.out.weight)
nn.init.zeros_(cleaner.out.bias)
print("it starts as the identity:", torch.equal(cleaner(noisy[1]), noisy[1]))
pairs = DataLoader(TensorDataset(noisy[0], clean[0]), batch_size=32, shuffle=True)
gradus.fit(cleaner, pairs, F.mse_loss, torch.optim.Adam(cleaner.parameters(), 3e-3), epochs=4)
with torch.no_grad():
    cleaned = cleaner(noisy[1])
for name, images in {"noisy": noisy[1], "cleaned": cleaned}.items():
    decibels, likeness = psnr(images, clean[1]).mean(), ssim_global(images, clean[1]).mean()
    print(f"{name:8} PSNR {decibels:.1f} dB, SSIM {likeness:.2f}")
plots.image_grid(torch.cat([noisy[1][:8], cleaned[:8], clean[1][:8]]).clamp(0, 1))

# %% [markdown]
# Top row noisy, middle row cleaned, bottom row clean: ten decibels gained in four epochs. Here the zero start makes a true identity, as no ReLU follows: the net begins with "change nothing" and learns the noise. Denoisers such as DnCNN are built this way.
#
# ## Dense blocks
#
# Instead of adding, a **dense block** concatenates: layer i sees the block's input and the outputs of all *earlier* layers of the same block, and contributes `growth` new channels. You may read that every layer connects to every other. It cannot: later layers do not exist yet. Let the gradients tell, in torchvision's own block.


# %% alt="A lower triangle of ones: row i, a layer, column j, a source. Each of five layers depends on the input and on all earlier layers, and on no later one."
net = models.DenseNet(4, (5,), num_init_features=6, bn_size=2, num_classes=2).eval()
block = shake(net).features.denseblock1
sources = [torch.randn(1, 6, 4, 4, generator=seeded(11)).requires_grad_()]
for layer in block.values():
    sources.append(layer(sources))
reach = torch.zeros(5, 6)
for i in range(5):
    g = torch.autograd.grad(sources[i + 1].sum(), sources, retain_graph=True, allow_unused=True)
    for j in range(6):  # a layer is no source of itself
        reach[i, j] = float(j != i + 1 and g[j] is not None and bool(g[j].any()))
title = "Who feeds whom in a dense block"
plots.heat(reach, title=title, xlabel="source (0 is the input)", ylabel="layer", annotate=True)

# %% [markdown]
# A triangle: each layer reads all before it and none after it. Every layer is near the input and near the loss, so a few new channels each are enough.
#
# ### Exercise 8.7 · Dense block
# ★★★★★ · 30 min · implementation · 10 points
#
# First cell, with torchvision's names. `DenseBlock(cin, layers, growth, squeeze)`: layers named `denselayer1`, `denselayer2`, … Layer i takes cin + (i − 1) · growth channels: `norm1`, ReLU, `conv1` 1×1 → squeeze · growth, `norm2`, ReLU, `conv2` 3×3 → growth, size kept. The block returns the input followed by all outputs in order: 64 + 4 · 32 = 192 channels for DenseBlock(64, 4, 32). `Transition(cin, cout)`: `norm`, ReLU, `conv` 1×1, average pool 2×2.
#
# Second cell. `DenseNet(counts, growth, classes)`: `stem`, a 3×3 convolution 3 → 2 · growth; for each k from 1 `block{k}`, with counts[k-1] layers and squeeze 4, and after each block *but the last* `transition{k}`, which halves the channels (rounded down); then `norm`, ReLU, the average over all pixels, `fc`.
#
# No convolution has a bias. x is not written to. Do not build on `torchvision`.
#
# <details><summary>Hint 1</summary>
#
# A small class for one layer. The block keeps a list of tensors; each layer reads `torch.cat(features, dim=1)`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `self.add_module(f"denselayer{i + 1}", …)` or `setattr` gives the names; `self.children()` walks through them in order. `norm1(torch.cat(…))` is a new tensor, the list is not.
#
# </details>


# %% nbgrader={"grade_id": "ex-8-7"}
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module(
                "conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False)
            )
            self.add_module(f"denselayer{i + 1}", layer)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        ### BEGIN SOLUTION
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x
        ### END SOLUTION


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        ### BEGIN SOLUTION
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-8-7-b"}
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        channels = 2 * growth
        self.stem = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        steps = []
        for k, layers in enumerate(counts, start=1):
            steps.append((f"block{k}", DenseBlock(channels, layers, growth)))
            channels += layers * growth
            if k < len(counts):
                steps.append((f"transition{k}", Transition(channels, channels // 2)))
                channels //= 2
        for name, step in steps:
            self.add_module(name, step)
        self.steps = [name for name, _ in steps]
        self.norm = nn.BatchNorm2d(channels)
        self.fc = nn.Linear(channels, classes)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        ### BEGIN SOLUTION
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))
        ### END SOLUTION


# %% nbgrader={"grade_id": "ex-8-7-check", "points": 1}
# Arrange
patch_87 = torch.linspace(-1, 1, 64 * 4 * 4).reshape(1, 64, 4, 4)
patch_before = patch_87.clone()
# Act
dense_87 = DenseBlock(64, 4, 32)
grown_87 = dense_87(patch_87)
size_87 = observe.shapes(grown_87)
first_87 = observe.copy(grown_87[:, :64])
half_87 = observe.shapes(Transition(64, 24)(patch_87))
text = observe.source(DenseBlock)
# Assert
check.equal(
    size_87,
    (1, 192, 4, 4),
    "the output shape of DenseBlock(64, 4, 32)",
    ideas={
        "The input belongs to the output: 64 + 4 · 32 channels": (1, 128, 4, 4),
        "Only the last layer's output came back": (1, 32, 4, 4),
        "Only the input and the last output came back: keep all outputs": (1, 96, 4, 4),
    },
)
check.close(
    first_87,
    patch_before,
    "the first 64 channels of the output, which are the input itself",
    hint="The input comes first and is neither normalised nor cut by a ReLU",
)
check.equal(half_87, (1, 24, 2, 2), "the output shape of Transition(64, 24)")
check.avoids(text, "your own block", calls=("torchvision", "models", "densenet121"))

# %% nbgrader={"grade_id": "ex-8-7-check-2", "points": 1}
# Arrange
scene_87 = torch.linspace(-1, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8)
# Act
three_87 = DenseBlock(5, 3, 2, squeeze=3)
names_87 = observe.shapes({n: p for n, p in three_87.named_parameters() if "conv" in n})
norms_87 = sorted(n for n, _ in three_87.named_parameters() if "denselayer3.norm" in n)
net_87 = DenseNet([2, 3], 4, classes=7)
scores_87 = observe.shapes(net_87(scene_87))
ends_87 = observe.shapes([net_87.stem.weight, net_87.norm.weight, net_87.fc.weight])
between_87 = observe.shapes(net_87.transition1.conv.weight)
# Assert
check.equal(
    names_87,
    {
        "denselayer1.conv1.weight": (6, 5, 1, 1), "denselayer1.conv2.weight": (2, 6, 3, 3),
        "denselayer2.conv1.weight": (6, 7, 1, 1), "denselayer2.conv2.weight": (2, 6, 3, 3),
        "denselayer3.conv1.weight": (6, 9, 1, 1), "denselayer3.conv2.weight": (2, 6, 3, 3),
    },
    "names and shapes of the convolutions in DenseBlock(5, 3, 2, squeeze=3)",
    hint="Layer i takes cin + (i - 1) · growth channels and has no biases",
)  # fmt: skip
check.equal(
    norms_87,
    [f"denselayer3.norm{i}.{part}" for i in (1, 2) for part in ("bias", "weight")],
    "names of the batch norms in the third layer",
)
check.equal(scores_87, (2, 7), "the shape of the scores of DenseNet([2, 3], 4, classes=7)")
check.equal(
    ends_87,
    [(8, 3, 3, 3), (20,), (7, 20)],
    "shapes of stem, norm and fc",
    hint="2 · 4 = 8, then 8 + 2 · 4 = 16, halved 8, then 8 + 3 · 4 = 20; no transition after the last block",
)
check.equal(between_87, (8, 16, 1, 1), "the shape of transition1.conv")

# %%
theirs = shake(models.densenet121()).eval()
x = torch.randn(2, 3, 64, 64, generator=seeded(12))
with torch.no_grad():
    before = theirs(x)
    for k, (cin, layers) in enumerate([(64, 6), (128, 12), (256, 24), (512, 16)], start=1):
        name, yours = f"denseblock{k}", DenseBlock(cin, layers, 32).eval()
        yours.load_state_dict(getattr(theirs.features, name).state_dict())
        setattr(theirs.features, name, yours)
    change = (theirs(x) - before).abs().max() / before.abs().max()
print(f"DenseNet-121 with your four blocks in place of torchvision's: relative change {change:.0e}")

# %% [markdown]
# The strictest test of all: your blocks inside somebody else's network, and its answer does not move.
#
# What does density cost? Count the weights, and the numbers that autograd keeps for the way back.


# %%
def kept(net, x):
    """How many numbers autograd saves in one forward pass, parameters apart."""
    total, own = 0, {p.data_ptr() for p in net.parameters()}

    def pack(t):
        nonlocal total
        total += t.numel() if t.data_ptr() not in own else 0
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        net(x)
    return total


nets = {"DenseNet, growth 12": DenseNet([4, 4, 4], 12)}
nets["ResNet-18, width 16"] = ResNet(BasicBlock, [2, 2, 2, 2], width=16)
for name, net in nets.items():
    print(f"{name}: {weights(net):7,} weights, {kept(net, torch.ones(1, 3, 32, 32)):9,} kept")

# %% [markdown]
# Dense blocks save weights and spend memory: each layer concatenates and normalises all that came before.
#
# ## Rules of thumb
#
# - Start with ResNet-18. Go deeper when the *training* error is still high, to bottlenecks beyond 34 layers.
# - Shortcut: x itself where shapes agree; a 1×1 projection where not; nothing else on the path.
# - No bias before batch norm. ReLU after the addition (post) or never on the path (pre).
# - Below ten layers, skips bring little. Deep and without normalisation, sums grow: start branches at 0.
#
# | You see | Look for |
# |---|---|
# | a shape error in the addition | a stride or channels that only the branch has |
# | shapes fit, training is poor | one channel broadcast; ReLU before the addition; an activated shortcut |
# | "has no attribute `expansion`" | a block class that does not declare it |
# | the input changes | `x += …` or `relu_` on x: add out of place |
# | good in training, odd one by one | `eval()` forgotten, or norm without running statistics |

# %% [markdown]
# ## What to remember
#
# - Degradation: higher *training* error in a deeper net. Vanishing is another matter; initialisation and norm deal with it.
# - y = x + F(x), Jacobian I + J: a good start, no guarantee.
# - Post-activation with a dead branch is relu(x). Pre-activation is x.
# - Fresh batch norms hide mistakes: shake weights and statistics, copy, compare.
# - Probe: kill the branch; change another sample; compare gradient *sizes*.
# - Names are a contract: with them, published weights fit.
# - A block states its `expansion`; a stage halves once; a dense block looks back only.

# %% [markdown]
# ## References
#
# - K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016 (arXiv:1512.03385): degradation, basic block, bottleneck, the ensemble with 3.57 %.
# - K. He and others, "Identity mappings in deep residual networks", ECCV 2016: pre-activation.
# - A. Veit, M. Wilber, S. Belongie, "Residual networks behave like ensembles of relatively shallow networks", NIPS 2016.
# - G. Huang and others, "Densely connected convolutional networks", CVPR 2017.
# - P. Goyal and others, "Accurate, large minibatch SGD", arXiv:1706.02677, 2017: last scale at zero.
# - G. Yang and others, "A mean field theory of batch normalization", ICLR 2019: why plain nets with batch norm explode.
# - K. Zhang and others, "Beyond a Gaussian denoiser", *IEEE TIP* 26, 2017: learning the noise.
# - O. Ronneberger, P. Fischer, T. Brox, "U-Net", MICCAI 2015.
# - Z. Wang and others, "Image quality assessment: from error visibility to structural similarity", *IEEE TIP* 13, 2004.
