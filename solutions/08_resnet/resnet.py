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
# Reading: 50 minutes · exercises: 159 minutes · 57 points

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

# The next cell is folded: it holds helpers. Run it; click on its dots to read it.


# %% tags=["setup"] jupyter={"source_hidden": true}
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
        axes.plot(at, values.quantile(0.5, dim=0), linestyle=style, color=color, label=name, **line)
        axes.fill_between(at, values.amin(0), values.amax(0), color=color, alpha=0.2, lw=0)
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    axes.xaxis.get_major_locator().set_params(integer=True)
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


def one_step(module, x, above):
    """For the hidden tests. One pass in train mode: output, all gradients if `above` arrives, state."""
    leaf = x.detach().clone().requires_grad_()
    out = module.train()(leaf)
    out.backward(above)
    slopes = observe.gradients(module)
    return {
        "output": observe.copy(out),
        "x": leaf.grad,
        "slopes": slopes,
        "state": observe.state(module),
    }


class Nothing(nn.Module):
    """In the place of a skip connection: adds nothing."""

    def forward(self, x):
        return torch.zeros_like(x)


def kept(net, x):
    """How many numbers autograd saves in one forward pass, parameters apart."""
    sizes, own = [], {p.data_ptr() for p in net.parameters()}

    def pack(t):
        sizes.append(t.numel() * (t.data_ptr() not in own))
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        net(x)
    return sum(sizes)


def anew(net, batches, device):
    """Take the running statistics anew: the plain mean over all batches, with the weights as they are."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    with torch.no_grad():
        net.train()
        for images, _ in batches:
            net(images.to(device))


def weights(module):
    """How many learned numbers a module holds."""
    return sum(p.numel() for p in module.parameters())


# %% [markdown]
# ## Deeper, and worse
#
# In 2015 Kaiming He and colleagues trained a plain network of 20 layers and one of 56 on the same images. The deeper one was worse on the test images. A common explanation is "too many parameters, it overfits".
#
# That would be odd. The deep network can copy the shallow one and let its other layers pass their input on unchanged. So a good solution exists; the question is whether training finds it. After the question below, eight small networks train, for half a minute or so.

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
def tower(depth, skip, width=16):
    """An image classifier of `depth` layers: pairs of convolutions, with a skip each or plain."""
    way = None if skip else Nothing()
    pairs = [models.resnet.BasicBlock(width, width, 1, way) for _ in range(depth // 2 - 1)]
    stem = [nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)]
    return nn.Sequential(*stem, *pairs, *head)


digits, digits_exam = gradus.load("mnist"), gradus.load("mnist", train=False, quiet=True)
sets = [TensorDataset(F.avg_pool2d(d.images / 255, 4), d.labels) for d in (digits, digits_exam)]
held_out = DataLoader(sets[1], batch_size=400)

# %% tags=["demo"] alt="Training loss over four epochs for four networks, two seeds each. Plain with 32 layers stays above 1.4. Plain with 10 layers falls to about 0.3, both networks with skips, 10 and 32 layers, to below 0.2."
losses = {}
for name, depth, skip in [
    ("plain, 10", 10, False), ("plain, 32", 32, False),
    ("skips, 10", 10, True), ("skips, 32", 32, True),
]:  # fmt: skip
    runs = []
    for seed in range(2):
        gradus.seed_everything(seed)
        net, batches = tower(depth, skip), DataLoader(sets[0], batch_size=64, shuffle=True)
        sgd = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        runs.append(gradus.fit(net, batches, F.cross_entropy, sgd, epochs=4, val_loader=held_out))
    losses[name] = [run["loss"] for run in runs]
    print(name, "best test accuracy", [f"{max(run['val_accuracy']):.2f}" for run in runs])
bands(losses, title="Deeper is worse, but not with skips", xlabel="epoch", ylabel="training loss")

# %% [markdown]
# Thirty-two plain layers have the highest *training* loss: the net fails at the task it was shown. That is **degradation**. Overfitting raises only the test error.
#
# With skips the same 32 layers learn. At 10 layers the test accuracies of both kinds overlap: to see what skips do, take thirty layers and several seeds.
#
# An *ensemble* of such nets, not ResNet-152 alone as is often written, won ImageNet 2015 with 3.57 % *top-5* error (right class not among five guesses).
#
# ## Learn the difference
#
# Let some layers compute F(x), and pass on **y = x + F(x)**. The way around F is the *skip* or *shortcut*.
#
# Its Jacobian is I + J, with J that of F. You may read "1 + F′ cannot vanish".

# %%
jacobian = torch.func.jacrev
x = torch.randn(6, generator=seeded(0))
W = 0.4 * torch.randn(50, 6, 6, generator=seeded(1))
one, inner = (
    jacobian(lambda t: t + torch.relu(W[0] @ t))(x),
    jacobian(lambda t: (W[0] @ t).relu())(x),
)
print("Jacobian of x + F(x) is I + J:", torch.allclose(one, torch.eye(6) + inner))
print("F(x) = -x:", jacobian(lambda t: t + (-t))(x).norm().item())
product, h = torch.eye(6), x
for depth, w in enumerate(W, 1):
    product = jacobian(lambda t, w=w: t + torch.relu(w @ t))(h) @ product
    h = h + torch.relu(w @ h)
    if depth in (1, 10, 50):
        print(f"{depth:2} blocks: size of the Jacobian {torch.linalg.norm(product, 2):.0e}")

# %% [markdown]
# I + J *can* be 0, and a product of many can grow without bound. What a skip gives is a good start: while J is small, fifty factors near I multiply to something sane. The rest is the work of initialisation and normalisation.
#
# ## The basic block
#
# ResNet-18 and 34 are made of this block. Follow the arrows: the last ReLU comes *after* the addition.
#
# ```
# x ─┬─ conv 3×3 (stride) ─ bn ─ ReLU ─ conv 3×3 ─ bn ─ (+) ─ ReLU ─ y
#    └──────────────── x, or a projection of x ──────────┘
# ```

# %% [markdown]
# Batch norm (bn) subtracts each channel's mean, so a bias before it is lost: leave it out. It keeps for each channel a scale γ (`weight`), a shift β (`bias`) and running statistics, a mean and a variance. In train mode it normalises with the batch and updates the statistics; in eval mode it uses them.
#
# With a stride of 2 or other channels, x has another shape than F(x) and cannot be added. Two cures from the paper:
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
print(f"what a bias before batch norm changes: {(with_bias - without).abs().max():.5f}")
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
    print(f"{name:6} largest difference: {(theirs(x) - yours(x)).abs().max():.4f}")

# %% [markdown]
# In eval mode a fresh batch norm does nothing: γ = 1, β = 0, mean 0, variance 1. A block that forgets it agrees to four digits. `shake` (in the folded cell at the top) gives every weight, and the running statistics too, an odd value, and the mistake stands out. It depends on the *names*, so two modules with the same names get the same values. Use it before every comparison.

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
outs_81 = [same_81(image_81), BasicBlock(16, 32)(image_81), halved_81(image_81)]
sizes_81 = observe.shapes([*outs_81, BasicBlock(16, 16, 2)(image_81)])
parts_81 = sorted(observe.state(same_81))
learned_81 = sorted(n for n, _ in halved_81.named_parameters())
factor_81 = BasicBlock.expansion
text = observe.source(BasicBlock)
# Assert
check.equal(
    sizes_81,
    [(2, 16, 8, 8), (2, 32, 8, 8), (2, 32, 4, 4), (2, 16, 4, 4)],
    "output shapes of BasicBlock(16, 16), (16, 32), (16, 32, 2) and (16, 16, 2)",
    hint="The stride stands in conv1 and in the shortcut; padding=1 keeps the size",
)
check.equal(
    parts_81,
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
    print(f"{name:9} {weights(yours):5} weights, difference to torchvision {difference:.4f}")

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
# And it is torchvision's block, number for number. The names were a contract: weights that somebody published fit into yours. Pretrained networks live from this.
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


# %%
def profile(norm, skip, he, seed):
    """Gradient norm of each of 50 layers' weights, the last one's set to 1."""
    gradus.seed_everything(seed)
    net = Layers(50, norm, skip)
    if he:  # weights with variance 2 / inputs: each ReLU halves the signal's power
        for linear in net.linear:
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            nn.init.zeros_(linear.bias)
    net(torch.randn(64, 32)).backward(torch.randn(64, 32))
    sizes = torch.stack([linear.weight.grad.norm() for linear in net.linear]).double()
    return sizes / sizes[-1]


# %% alt="Gradient norm of each of 50 layers, relative to the last layer, logarithmic, five seeds each. Plain falls to 1e-19 at the first layer. Plain with He initialisation and skips without batch norm stay near 1. Plain with batch norm rises to about 2e4 at the first layer, skips with batch norm to about 10."
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

# %%
eight = F.avg_pool2d(digits.images[:64] / 255, 4)
for depth, skip in ((10, False), (32, False), (32, True)):
    ratios = []
    for seed in range(3):
        gradus.seed_everything(seed)
        net = tower(depth, skip)
        F.cross_entropy(net(eight), digits.labels[:64]).backward()
        sizes = [m.weight.grad.norm() for m in net.modules() if isinstance(m, nn.Conv2d)]
        ratios.append(f"{sizes[0] / sizes[-1]:.0f}")
    print(
        f"{'skips' if skip else 'plain'}, {depth} layers: first convolution / last convolution",
        ratios,
    )

# %% [markdown]
# Plain layers with PyTorch's default start vanish: 10⁻¹⁹ at the first layer. He initialisation alone cures that. Batch norm in a plain net turns it round: the gradient *explodes* toward the first layer. With skips, first and last differ by a factor of twenty or so at most.
#
# The tower that degraded (last lines) explodes a little too, so ours does not part the two troubles cleanly. The paper's plain nets do: gradients of healthy size, and degraded all the same. Skips help with both; vanishing has other cures too.
#
# How do you check that a skip works? A popular test asks whether a gradient reaches the input. Below, 30 *plain* convolutions pass it too: 10⁻¹² is a gradient. Compare *sizes* at the first layer, or kill the branch.

# %%
for skip in (False, True):
    gradus.seed_everything(0)
    layers = [nn.Conv2d(8, 8, 3, padding=1) for _ in range(30)]
    x = h = torch.randn(2, 8, 8, 8, generator=seeded(5)).requires_grad_()
    for layer in layers:
        h = (h if skip else 0) + torch.relu(layer(h))
    h.sum().backward()
    arrived, first = bool((x.grad != 0).any()), layers[0].weight.grad.norm()
    print(f"skip {skip!s:5} input has a gradient: {arrived}, first layer: {first:.0e}")

# %% [markdown]
# ### Exercise 8.2 · Plain against residual
# ★★★☆☆ · 15 min · conceptual · 6 points
#
# `Stack(depth, width, skip)`: `depth` layers `nn.Linear(width, width)` in the ModuleList `layers`. Each does h ← relu(layer(h)), or, with skip, h ← h + relu(layer(h)). The weights are as many either way.
#
# `first_grad_norm(model, x)`: the Frobenius norm, the root of the summed squares, of the gradient of model(x).sum() for the first of `model.parameters()`, as a Python number. It is a measurement: weights, `.grad` and modes are afterwards what they were. (The running statistics of a batch norm may move, as in any pass in train mode.)
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
    """Frobenius norm of d model(x).sum() / d (first parameter); weights, .grad, modes stay."""
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
is_number = isinstance(norm_82, float)
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
check.equal(
    is_number, True, "whether a Python number (float) came back", hint="A tensor came back: .item()"
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
# You wrote a residual MLP. From ten layers on the ratio is far above a thousand for every seed. The other side: sums without normalisation *grow* from layer to layer.
#
# ## Before or after
#
# The ReLU after the addition stands *on* the identity path. In 2016 He and colleagues moved norm and ReLU before each convolution (**pre-activation**):
#
# ```
# x ─┬─ bn ─ ReLU ─┬─ conv 3×3 (stride) ─ bn ─ ReLU ─ conv 3×3 ─ (+) ─ y
#    │             └─ projection, if needed ─────────────────────┘
#    └─ x, if no projection is needed ───────────────────────────┘
# ```
#
# An identity shortcut takes the raw x. Some versions, in print too, send relu(bn(x)) through it. Send a signal through 20 blocks of each kind, all branches dead, in train mode (`detach`: no gradients needed).

# %% alt="Correlation with the input after 1 to 20 blocks with dead branches, five seeds. The raw shortcut stays at 1. ReLU after the addition drops to 0.86 at once and stays. The activated shortcut falls from 0.73 to about 0.3."
names = ("x, raw (pre-activation)", "ReLU after the addition", "relu(bn(x)) as shortcut")
signal = {name: torch.zeros(5, 20) for name in names}
for seed in range(5):
    x = raw = cut = activated = torch.randn(512, 64, generator=seeded(seed))
    for k in range(20):
        norm = shake(nn.BatchNorm1d(64), seed=100 * seed + k)  # odd γ and β, as after training
        cut, activated = torch.relu(cut), torch.relu(norm(activated)).detach()
        for name, h in zip(names, (raw, cut, activated), strict=True):
            both = torch.stack([x.flatten(), h.flatten()])
            signal[name][seed, k] = torch.corrcoef(both)[0, 1]
for name, values in signal.items():
    print(f"{name:24} after 20 blocks: {values[:, -1].median():.2f}")
bands(
    signal, title="What 20 dead blocks leave", xlabel="blocks", ylabel="correlation with the input"
)

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
# Run this probe on every network with batch norm: a forgotten `eval()` fails at once. The hidden tests run it on your blocks.
#
# ## A whole ResNet
#
# A **stem**, four **stages**, the average over all pixels, a linear layer. Each stage but the first begins with a block of stride 2, which halves the image; the channels double. The name counts the layers with weights on the main path: 18 = 1 + 2 · (2 + 2 + 2 + 2) + 1.
#
# - ResNet-18: basic blocks, 2, 2, 2, 2
# - ResNet-34: basic blocks, 3, 4, 6, 3
# - ResNet-50: bottlenecks, 3, 4, 6, 3
#
# ImageNet's stem is a 7×7 convolution and a max-pool, each of stride 2. Small images keep a 3×3 convolution of stride 1.

# %% [markdown]
# ### Exercise 8.4 · ResNet
# ★★★★☆ · 25 min · production · 8 points
#
# `ResNet(block, counts, classes, width, small)` for any block class: `block(cin, w, stride)` takes cin channels and gives `w * block.expansion`. Stage k = 1…4 has `counts[k-1]` blocks with w = width · 2ᵏ⁻¹; only the first block of stages 2, 3, 4 has stride 2.
#
# Parts, named as in torchvision: `conv1` (3 → width, no bias; 3×3 if `small`, else 7×7, stride 2, padding 3), `bn1`, `layer1` … `layer4` (Sequentials), `fc`. After `bn1`: ReLU, then, unless `small`, max-pool 3×3, stride 2, padding 1. Average over all pixels before `fc`. Returns scores (N, classes). Do not build on `torchvision`.
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
strides_84 = [b.conv.stride[0] for b in (*stages_84.layer1, *stages_84.layer2)]
large_84 = [b.conv.stride[0] for b in ResNet(Plain, [2, 1, 1, 1], 5, 4, small=False).layer1]
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
    strides_84,
    [1, 1, 2, 1],
    "strides of the two blocks of stage 1 and the two of stage 2",
    ideas={
        "The stride of 2 stands in the last block of a stage: it belongs in the first": [1, 1, 1, 2]
    },
    hint="Only the first block of stages 2, 3 and 4 has stride 2",
)
check.equal(
    large_84,
    [1, 1],
    "strides of the two blocks of stage 1 with small=False",
    hint="Stage 1 has stride 1 with either stem: the large stem itself reduces the image",
)
check.equal(
    inside_84,
    [(32, 16, 3, 3), (32, 32, 3, 3)],
    "the two convolutions of stage 2",
    hint="After each block the channels that come in are w · block.expansion",
)

# %%
for name, counts in {"ResNet-18": [2, 2, 2, 2], "ResNet-34": [3, 4, 6, 3]}.items():
    print(f"{name}: {weights(ResNet(BasicBlock, counts)):,} weights for small images")
print("with a block that has no expansion:", observe.error(ResNet, nn.Conv2d, [1] * 4)["message"])
theirs = shake(models.resnet18()).eval()
yours = ResNet(BasicBlock, [2, 2, 2, 2], classes=1000, small=False).eval()
yours.load_state_dict(theirs.state_dict())
x = torch.randn(2, 3, 64, 64, generator=seeded(8))
with torch.no_grad():
    difference = (yours(x) - theirs(x)).abs().max() / theirs(x).abs().max()
print(
    f"{weights(yours):,} weights as in torchvision's ResNet-18, relative difference {difference:.4f}"
)

# %% [markdown]
# Your block in your ResNet is torchvision's ResNet-18. With the set of weights called `models.ResNet18_Weights.DEFAULT` on your disk you could load them into your own class, and chapter 16 will.
#
# The network reads `expansion` from its block class, so every class declares it, also where it is 1.
#
# Now a small one, an eighth of the width, on the coloured shapes. It takes a quarter of a minute or more.

# %% tags=["demo"] alt="A small ResNet-18 over three epochs on coloured shapes. Training loss falls from 2.1 to 0.3, training accuracy rises from 0.2 to 0.9; validation loss falls from 2.7 to 0.9, validation accuracy rises to 0.75."
train, test = gradus.load("cifar10"), gradus.load("cifar10", train=False, quiet=True)
device = gradus.device()
colours = [TensorDataset((d.images / 255 - 0.5) / 0.25, d.labels) for d in (train, test)]
gradus.seed_everything(0)
batches = DataLoader(torch.utils.data.Subset(colours[0], range(2000)), batch_size=50, shuffle=True)
exam = DataLoader(torch.utils.data.Subset(colours[1], range(300)), batch_size=100)
net = ResNet(BasicBlock, [2, 2, 2, 2], width=8).to(device)
sgd = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
history = gradus.fit(net, batches, F.cross_entropy, sgd, epochs=3, val_loader=exam)
anew(net, batches, device)  # the same weights; running statistics taken anew
after = gradus.evaluate(net, exam, F.cross_entropy, device)["accuracy"]
print(f"validation accuracy: {history['val_accuracy'][-1]:.2f}, then {after:.2f}")
plots.curves(history, title="ResNet-18, width 8")

# %% [markdown]
# It learns the shapes in three epochs; the validation accuracy lags behind at .75, because running statistics go only a tenth of the way in each step. Taken anew, with the same weights (`anew`, in the folded cell), they give .93.
#
# At full size, ResNet-18 passes 90 % on CIFAR-10, with augmentation, a schedule and time: minutes on a good graphics card, but more than an hour for *each* of thirty epochs on one core. So it is not graded. With the real set on your disk (`data/README.md` says how), your class, unchanged, runs it:
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
# batches = DataLoader(Augmented(*colours[0].tensors), batch_size=128, shuffle=True)
# sgd = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
# schedule = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=30)
# for epoch in range(30):
#     gradus.fit(net, batches, F.cross_entropy, sgd, epochs=1, device=device, progress=True)
#     schedule.step()
# print(gradus.evaluate(net, DataLoader(colours[1], batch_size=500), F.cross_entropy))
# ```
#
# ## Starting as the identity
#
# "A residual network starts as the identity." Send 64 digits through 16 fresh blocks in train mode, then through 16 whose last γ is 0, and look at one of them.

# %% alt="Two rows of five pictures of a digit. In the top row, after one fresh block its shape is hardly to be seen, after four it is gone. In the bottom row, with the last scale at zero, it is the same after every number of blocks."
start, rows = F.avg_pool2d(digits.images[:64] / 255, 2).repeat(1, 8, 1, 1), []
for zero in (False, True):
    gradus.seed_everything(0)
    seen, loud = [start], []
    for _ in range(16):
        block, h = BasicBlock(8, 8), seen[-1]  # in train mode
        nn.init.constant_(block.bn2.weight, 0.0 if zero else 1.0)
        branch = block.bn2(block.conv2(F.relu(block.bn1(block.conv1(h)))))
        seen.append(block(h).detach())
        loud.append((branch.std() / h.std()).item())
    rows += [seen[i][7:8, :1] / seen[i][7, 0].amax() for i in (0, 1, 4, 8, 16)]
    print(f"zero {zero!s:5} branch / input: {loud[0]:.2f} in block 1, {loud[-1]:.2f} in block 16")
plots.image_grid(torch.cat(rows), [f"after {n}" for n in (0, 1, 4, 8, 16)] * 2, columns=5)

# %% [markdown]
# No: in train mode, as here, the branch of a fresh first block is three times louder than its input, and the digit drowns. It is the identity (for inputs that are not negative, since the ReLU stands at the end) only if you make it one: `nn.init.zeros_(block.bn2.weight)` in every block. Deep networks then start more gently. torchvision has it as `zero_init_residual=True`, off by default.
#
# ## The bottleneck
#
# Beyond 34 layers, 3×3 convolutions on many channels get expensive. The bottleneck block squeezes to `width` channels with a 1×1 convolution, works there with a 3×3, and widens to 4 · `width` with another 1×1. `expansion = 4` is this factor: outputs = width × 4, *not* input × 4. Often input and output are both 4 · width.

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
# Act
kept_85, grown_85 = Bottleneck(8, 2), Bottleneck(8, 8)
names_85 = sorted(n for n, _ in kept_85.named_parameters())
grown_names = sorted(n for n, _ in grown_85.named_parameters() if "conv" not in n and "bn" not in n)
count_85 = sum(p.numel() for p in Bottleneck(256, 64).parameters())
factor_85 = Bottleneck.expansion
text = observe.source(Bottleneck)
# Assert
check.equal(factor_85, 4, "Bottleneck.expansion")
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
image_85 = torch.ones(2, 8, 8, 8)
x_neck = torch.tensor([-1.0, 2.0, -3.0, 4.0]).reshape(1, 4, 1, 1)
neck_true = torch.tensor([0.0, 2.0, 0.0, 4.0]).reshape(1, 4, 1, 1)
shift_true = torch.tensor([0.0, 0.0, 0.0, 1.0]).reshape(1, 4, 1, 1)
unshifted = neck_true.clone()
whole_neck, zero_neck = x_neck.clone(), torch.zeros(1, 4, 1, 1)
# Act
sizes_85 = observe.shapes([Bottleneck(8, *rest)(image_85) for rest in ((2,), (8,), (2, 2))])
lone_85 = Bottleneck(4, 1).eval()
nn.init.zeros_(lone_85.bn3.weight)
nn.init.zeros_(lone_85.bn3.bias)
dead_85 = observe.copy(lone_85(x_neck))
nn.init.constant_(lone_85.bn3.bias, -3.0)
shifted_85 = lone_85(x_neck)
# Assert
check.equal(
    sizes_85,
    [(2, 8, 8, 8), (2, 32, 8, 8), (2, 8, 4, 4)],
    "output shapes of Bottleneck(8, 2), (8, 8) and (8, 2, 2)",
    hint="The output has 4 · width channels, whatever cin is",
)
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
print(f"difference to torchvision {(yours(x) - theirs(x)).abs().max():.4f}")
wide, narrow = weights(BasicBlock(256, 256)), weights(Bottleneck(256, 64))
print(f"256 → 256: basic {wide:,}, bottleneck {narrow:,}, {wide / narrow:.1f} times fewer")
fifty = ResNet(Bottleneck, [3, 4, 6, 3])
print(f"ResNet-50 for small images: {weights(fifty):,} weights, fc takes {fifty.fc.in_features}")
for name in ("resnet18", "resnet34", "resnet50", "resnet101", "densenet121"):
    with torch.device("meta"):  # shapes only, no memory
        print(f"{name:11} {weights(getattr(models, name)()) / 1e6:5.1f} million (1000 classes)")

# %% [markdown]
# One class, and every ResNet of the table: only `block` and `counts` change. In the paper the stride stands in the first 1×1, which throws three of four pixels away unseen; torchvision moved it to the 3×3, and so did you. Whether ResNet-50 classifies better than 34 is to be measured, not assumed.
#
# ## Skips for images
#
# A U-Net brings detail from encoder to decoder by *concatenating*: long skips. Add residual skips in each block, and one around the whole network: to remove noise, output = input + correction. Such nets often do without batch norm, since brightness carries meaning.
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
# Two measures for images, each image by itself, with `peak` the range of the values (1 for 0…1, 255 for 0…255, both as floating-point numbers). **PSNR** is 10 · log₁₀(peak² / MSE), in decibels. **SSIM** compares structure. Over the whole image as one window, with means μ, variances σ² and covariance σₐᵦ, all divided by the number of values:
#
# SSIM = (2μₐμᵦ + c₁)(2σₐᵦ + c₂) / ((μₐ² + μᵦ² + c₁)(σₐ² + σᵦ² + c₂)), with c₁ = (0.01 · peak)² and c₂ = (0.03 · peak)².

# %% [markdown]
# ### Exercise 8.6 · Residual U-Net
# ★★★★★ · 34 min · problem solving · 10 points
#
# First cell: `psnr` and `ssim_global` as above, for floating-point images (N, C, H, W), one number an image over all its values. Equal images: infinity and 1.
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
        "20 · log10 goes with the root of the MSE; here it is 10 · log10(peak² / MSE)": torch.full(
            (2,), 40.0
        ),
        "This is the natural logarithm: decibels use log10": torch.full((2,), 46.0517018598809),
    },
    rtol=1e-4,
)
check.close(
    bytes_86,
    torch.tensor([20.0]),
    "psnr with peak 255",
    ideas={
        "peak is not used: an error of 25 is small where the range is 255": torch.full(
            (1,), -28.1308036086791
        )
    },
    rtol=1e-4,
)
check.close(
    against_86,
    torch.tensor([-0.996406]),
    "ssim_global of [0, 1] and [1, 0]",
    ideas={
        "The variance is divided by n - 1: divide by n": torch.tensor([-0.998202]),
        "The variances are divided by n - 1, the covariance by n: n everywhere": torch.tensor(
            [-0.4986513]
        ),
        "This is the mean of the products: subtract both means first": torch.tensor([0.0017968]),
        "The covariance keeps its sign": torch.tensor([1.0]),
    },
    rtol=1e-4,
    hint="Means 0.5 and 0.5, variances 0.25, covariance -0.25",
)
check.close(alike_86, torch.tensor([1.0]), "ssim_global of an image with itself", rtol=1e-4)

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
    ideas={
        "A ReLU follows the addition; nothing does": torch.tensor([1.0, 0.0]).reshape(1, 1, 1, 2)
    },
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
with torch.no_grad():
    page_given = page_86.clone()
    unet_86(page_given)
page_after = observe.copy(page_given)
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
    ideas={
        "The skip around the whole network is missing: return x + out(…)": torch.zeros(2, 2, 8, 12)
    },
)
check.unchanged(page_after, page_kept, "x", hint="x += … writes into x: return a new tensor")

# %% tags=["demo"] alt="Three rows of eight digits: noisy, cleaned by the network, and the originals. The cleaned digits are smooth and readable and close to the originals."
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
# Instead of adding, a **dense block** concatenates: layer i sees the block's input and the outputs of all *earlier* layers of the same block, and contributes `growth` new channels. "Every layer connects to every other", says many a summary. It cannot: later layers do not exist yet.
#
# Who reads whom *directly*? Hand each layer copies of all sources, cut off from the graph, and see at which copies a gradient arrives. A plain chain takes the same test.


# %% alt="Row i, a layer, column j, a source, both counted from the input at 0. The numbers next to the diagonal are 2: dense block and plain chain read the source just before. All numbers below are 1: only the dense block reads them. On the diagonal and above stands 0."
net = models.DenseNet(4, (5,), num_init_features=6, bn_size=2, num_classes=2).eval()
dense = list(shake(net).features.denseblock1.values())
chain = [shake(nn.Conv2d(6, 6, 3, padding=1)) for _ in range(5)]
reads = torch.zeros(6, 6)
for layers in (dense, chain):
    sources = [torch.randn(1, 6, 4, 4, generator=seeded(11))]
    for i, layer in enumerate(layers, 1):
        copies = [s.detach().requires_grad_() for s in sources]
        sources.append(layer(copies if layers is dense else copies[-1]))
        g = torch.autograd.grad(sources[i].sum(), copies, allow_unused=True)
        reads[i, :i] += torch.tensor([float(s is not None and bool(s.any())) for s in g])
title = "2: dense block and chain, 1: dense block only"
plots.heat(reads, title=title, xlabel="source", ylabel="reader", annotate=True)

# %% [markdown]
# In the chain each layer reads its neighbour only (the 2s). In the dense block it reads all before it, a full triangle, and none after it. Every layer is near the input and near the loss, so a few new channels each are enough.

# %% [markdown]
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
# `self.add_module(f"denselayer{i + 1}", …)` or `setattr` gives the names; `self.children()` walks through them in order.
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
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
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
print(f"DenseNet-121 with your four blocks in place of torchvision's: relative change {change:.4f}")
for net in (DenseNet([4, 4, 4], 12), ResNet(BasicBlock, [2, 2, 2, 2], width=16)):
    name, numbers = type(net).__name__, kept(net, torch.ones(1, 3, 32, 32))
    print(f"{name}: {weights(net):7,} weights, {numbers:9,} kept")

# %% [markdown]
# Your blocks in somebody else's network, and its answer does not move.
#
# Density saves weights and spends memory: each layer copies all before it.
#
# ## Rules of thumb
#
# - Start with ResNet-18. Go deeper while the *training* error is high.
# - Shortcut: x itself, or a 1×1 projection where shapes differ.
#
# | You see | Look for |
# |---|---|
# | a shape error in the addition | stride or channels in the branch alone |
# | poor training | a broadcast channel: compare values, not shapes |
# | no attribute `expansion` | a block that does not declare it |
# | the input changes | `x += …` |
# | odd answers for single images | `eval()` forgotten |

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
# - G. Huang and others, "Densely connected convolutional networks", CVPR 2017.
# - P. Goyal and others, "Accurate, large minibatch SGD", arXiv:1706.02677, 2017: last scale at zero.
# - G. Yang and others, "A mean field theory of batch normalization", ICLR 2019: why plain nets with batch norm explode.
# - K. Zhang and others, "Beyond a Gaussian denoiser", *IEEE TIP* 26, 2017: learning the noise.
# - Z. Wang and others, "Image quality assessment", *IEEE TIP* 13, 2004: SSIM.

# %% [markdown]
# ## Hidden tests
#
# <details><summary>What is this?</summary>
#
# Below stand the tests that count beside the checks above; in your copy they are empty. They run when your work is graded, with shaken weights and on other shapes, and their titles tell you what they look at.
#
# </details>

# %% nbgrader={"grade_id": "predict-8-1-hidden-1", "points": 1}
# Hidden test predict 8.1 · which number decides · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice_1 = predict_8_1
# Assert
check.equal(
    choice_1,
    "b",
    "your choice",
    ideas={
        "A higher test error is just what overfitting shows too": "a",
        "Many parameters make overfitting possible; they do not tell whether it happened": "c",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-8-2-hidden-1", "points": 1}
# Hidden test predict 8.2 · a dead branch · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice_2 = predict_8_2
# Assert
check.equal(
    choice_2,
    "c",
    "your choice",
    ideas={
        "Follow the arrows to the end: what stands after the addition?": "a",
        "The branch is dead, the shortcut is not": "b",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-8-3-hidden-1", "points": 1}
# Hidden test predict 8.3 · the price of a block · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice_3 = predict_8_3
# Assert
check.equal(
    choice_3,
    "c",
    "your choice",
    ideas={
        "Each of the convolutions has 9 · 256 · 256 weights": "a",
        "Count the convolutions in the drawing": "b",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-8-4-hidden-1", "points": 1}
# Hidden test predict 8.4 · fifty layers with batch norm · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice_4 = predict_8_4
# Assert
check.equal(
    choice_4,
    "c",
    "your choice",
    ideas={
        "That is the plain network without batch norm": "a",
        "Batch norm keeps the size of the signal on its way forward; the gradient is another matter": "b",
    },
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "predict-8-5-hidden-1", "points": 1}
# Hidden test predict 8.5 · who else is in the batch · 1 point
### BEGIN HIDDEN TESTS
# Arrange
# Act
choice_5 = predict_8_5
# Assert
check.equal(
    choice_5,
    "a",
    "your choice",
    ideas={
        "The running numbers are fixed in eval mode: who uses the batch at hand?": "b",
        "One of the two modes uses numbers that do not come from this batch": "c",
        "Convolutions treat images apart; one kind of layer does not": "d",
    },
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-8-1-reference", "points": 0}
### BEGIN HIDDEN TESTS
SETTINGS_81 = ((6, 6, 1), (6, 10, 1), (6, 10, 2), (5, 5, 2))


def basic_81(cin, cout, stride, seed=0):
    """torchvision's basic block, with a projection where shapes differ, in float64 and shaken."""
    shortcut = None
    if stride != 1 or cin != cout:
        conv = nn.Conv2d(cin, cout, 1, stride, bias=False)
        shortcut = nn.Sequential(conv, nn.BatchNorm2d(cout))
    return shake(models.resnet.BasicBlock(cin, cout, stride, shortcut).double(), seed)


def mistakes_81(block, x):
    """What usual mistakes give in eval mode, by message."""
    shortcut = x if block.downsample is None else block.downsample(x)
    middle = block.bn1(block.conv1(x))
    branch = block.bn2(block.conv2(F.relu(middle)))
    return {
        "The last ReLU comes after the addition, not before it": F.relu(branch) + shortcut,
        "The last ReLU is missing": branch + shortcut,
        "The ReLU between the convolutions is missing": F.relu(
            block.bn2(block.conv2(middle)) + shortcut
        ),
        "bn2 is missing": F.relu(block.conv2(F.relu(middle)) + shortcut),
        "bn1 is missing": F.relu(block.bn2(block.conv2(F.relu(block.conv1(x)))) + shortcut),
        "The skip is missing": F.relu(branch),
    }


def listed(found):
    """Dicts of one form, one for each setting, to one dict of lists."""
    return {name: [one[name].detach() for one in found] for name in found[0]}


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-1-hidden-1", "points": 1}
# Hidden test 8.1 · equal to torchvision's block, weights copied · 1 point
### BEGIN HIDDEN TESTS
# Arrange
settings_81 = list(SETTINGS_81)
xs_81 = [
    torch.randn(3, cin, 7, 9, generator=seeded(k), dtype=torch.float64)
    for k, (cin, _, _) in enumerate(SETTINGS_81)
]
blocks_81 = [basic_81(*setting).eval() for setting in SETTINGS_81]
true_81 = [b(x.clone()).detach() for b, x in zip(blocks_81, xs_81, strict=True)]
mixed_81 = [
    basic_81(*setting)(x.clone()).detach() for setting, x in zip(SETTINGS_81, xs_81, strict=True)
]
ideas_81 = listed([mistakes_81(b, x.clone()) for b, x in zip(blocks_81, xs_81, strict=True)])
# Act
outs_81 = [shake(BasicBlock(*settings_81[k]).double()).eval()(xs_81[k].clone()) for k in range(4)]
# Assert
check.close(
    outs_81,
    true_81,
    "four blocks in eval mode",
    ideas={**ideas_81, "The statistics of the batch are used in eval mode too": mixed_81},
    rtol=1e-8,
    atol=1e-8,
    hint="Go along the drawing, arrow by arrow; downsample ends with a batch norm",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-1-hidden-2", "points": 1}
# Hidden test 8.1 · one step in train mode: output, gradients, statistics · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_step81 = torch.randn(4, 6, 8, 6, generator=seeded(811), dtype=torch.float64)
above_81 = torch.randn(4, 10, 4, 3, generator=seeded(812), dtype=torch.float64)
above_id = torch.randn(4, 6, 8, 6, generator=seeded(813), dtype=torch.float64)
step_true = one_step(basic_81(6, 10, 2, seed=1), x_step81, above_81)
step_id = one_step(basic_81(6, 6, 1, seed=2), x_step81, above_id)
# Act
step_81 = one_step(shake(BasicBlock(6, 10, 2).double(), 1), x_step81, above_81)
step_same = one_step(shake(BasicBlock(6, 6).double(), 2), x_step81, above_id)
# Assert
check.close(
    step_81["output"],
    step_true["output"],
    "the output of a block with projection, in train mode",
    rtol=1e-6,
    atol=1e-6,
    hint="If the values in eval mode are wrong too, mend those first; in train mode batch norm uses the batch",
)
check.close(
    step_81,
    step_true,
    "a block with projection",
    rtol=1e-7,
    atol=1e-7,
    hint="The output is right: both paths must pass gradients on, and each norm runs once",
)
check.close(
    step_same["output"],
    step_id["output"],
    "the output of a block with identity shortcut, in train mode",
    rtol=1e-6,
    atol=1e-6,
    hint="If the values in eval mode are wrong too, mend those first; in train mode batch norm uses the batch",
)
check.close(
    step_same,
    step_id,
    "a block with identity shortcut",
    rtol=1e-7,
    atol=1e-7,
    hint="The output is right: both paths must pass gradients on, and each norm runs once",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-1-hidden-3", "points": 1}
# Hidden test 8.1 · x is not written to · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_clean81 = torch.randn(2, 4, 5, 5, generator=seeded(814))
x_before81 = x_clean81.clone()
shape_81 = x_clean81.clone()
# Act
with torch.no_grad():
    given_81 = x_clean81.clone()
    clean_81 = shake(BasicBlock(4, 4)).eval()(given_81)
    shake(BasicBlock(4, 8, 2))(given_81)
after_81 = observe.copy(given_81)
came_81 = observe.copy(clean_81)
# Assert
check.unchanged(after_81, x_before81, "x")
check.differs(came_81, shape_81, "the output", hint="The block must compute something")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-1-hidden-4", "points": 1}
# Hidden test 8.1 · in eval mode other samples do not matter · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_crowd81 = 2 * torch.randn(4, 6, 5, 5, generator=seeded(815), dtype=torch.float64) + 1
still_81 = torch.zeros(4, 10, 3, 3, dtype=torch.float64)
# Act
one_81 = shake(BasicBlock(6, 10, 2).double(), 3).eval()
whole_81 = observe.copy(one_81(x_crowd81))
alone_81 = torch.cat([one_81(x_crowd81[k : k + 1]) for k in range(4)])
order_81 = one_81(x_crowd81[[2, 0, 3, 1]])
company_81, turn_81 = alone_81 - whole_81, order_81 - whole_81[[2, 0, 3, 1]]
# Assert
check.close(
    company_81,
    still_81,
    "each image alone, against the same image among four",
    atol=1e-8,
    hint="An image's output depends on its company: in eval mode batch norm uses its running statistics, never the batch",
)
check.close(
    turn_81,
    still_81,
    "the images in another order, against the first order",
    atol=1e-8,
    hint="In another order the same outputs come, in that order",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-8-2-reference", "points": 0}
### BEGIN HIDDEN TESTS
def weights_82(depth, width, seed):
    """A state for Stack with odd weights, in float64."""
    source, found = seeded(seed), {}
    for k in range(depth):
        matrix = torch.randn(width, width, generator=source, dtype=torch.float64)
        found[f"layers.{k}.weight"] = matrix / (3 * width) ** 0.5
        found[f"layers.{k}.bias"] = 0.1 * torch.randn(width, generator=source, dtype=torch.float64)
    return found


def stack_82(found, h, skip):
    """The output of Stack with these weights."""
    for k in range(len(found) // 2):
        change = torch.relu(h @ found[f"layers.{k}.weight"].T + found[f"layers.{k}.bias"])
        h = h + change if skip else change
    return h


def slopes_82(found, x, skip):
    """The gradient of the summed output for each parameter, the first weight matrix first."""
    leaves = {name: t.clone().requires_grad_() for name, t in found.items()}
    total = stack_82(leaves, x.clone(), skip).sum()
    return torch.autograd.grad(total, list(leaves.values()))


def whole_82(slopes):
    """The norm over all parameters, which is not asked for."""
    return sum(slope.square().sum() for slope in slopes).sqrt().item()


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-2-hidden-1", "points": 1}
# Hidden test 8.2 · Stack with odd weights, both kinds · 1 point
### BEGIN HIDDEN TESTS
# Arrange
given_82 = weights_82(6, 5, seed=820)
names_true = sorted(given_82)
x_82 = torch.randn(4, 5, generator=seeded(821), dtype=torch.float64)
plain_true82 = stack_82(given_82, x_82.clone(), False).clone()
skip_true82 = stack_82(given_82, x_82.clone(), True).clone()
x_kept82 = x_82.clone()
# Act
plain_net, skip_net = Stack(6, 5, False).double(), Stack(6, 5, True).double()
names_plain, names_skip = sorted(plain_net.state_dict()), sorted(skip_net.state_dict())
plain_net.load_state_dict(given_82)
skip_net.load_state_dict(given_82)
plain_out, skip_out = observe.copy(plain_net(x_82)), observe.copy(skip_net(x_82))
x_after82 = observe.copy(x_82)
# Assert
check.equal(names_plain, names_true, "names without skips", hint="One ModuleList called layers")
check.equal(
    names_skip, names_true, "names with skips", hint="Skips have no weights: the names are the same"
)
check.close(plain_out, plain_true82, "Stack without skips", rtol=1e-8, atol=1e-10)
check.close(
    skip_out,
    skip_true82,
    "Stack with skips",
    ideas={"There is no skip": plain_true82},
    rtol=1e-8,
    atol=1e-10,
    hint="Each layer adds relu(layer(h)) to the h that enters it",
)
check.unchanged(x_after82, x_kept82, "x")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-2-hidden-2", "points": 1}
# Hidden test 8.2 · first_grad_norm of other models · 1 point
### BEGIN HIDDEN TESTS
# Arrange
mlp_state = {
    f"{i}.{part}": torch.randn(shape, generator=seeded(822 + 10 * i + len(part)))
    for i, a, b in ((0, 3, 4), (2, 4, 2))
    for part, shape in (("weight", (b, a)), ("bias", (b,)))
}
x_mlp = torch.randn(5, 3, generator=seeded(823))
conv_w = torch.randn(2, 1, 3, 3, generator=seeded(824))
x_conv82 = torch.randn(2, 1, 6, 6, generator=seeded(825))
mlp_twin = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
mlp_twin.load_state_dict(mlp_state)
mlp_twin(x_mlp.clone()).sum().backward()
mlp_true = mlp_twin[0].weight.grad.norm().item()
all_true = sum(p.grad.square().sum() for p in mlp_twin.parameters()).sqrt().item()
mean_true = mlp_true / 10
spectral = torch.linalg.matrix_norm(mlp_twin[0].weight.grad, 2).item()
conv_leaf = conv_w.clone().requires_grad_()
F.conv2d(x_conv82.clone(), conv_leaf).tanh().sum().backward()
conv_true = conv_leaf.grad.norm().item()
# Act
mlp_82 = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
mlp_82.load_state_dict(mlp_state)
conv_82 = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.Tanh())
conv_82[0].load_state_dict({"weight": conv_w})
mlp_norm, conv_norm = first_grad_norm(mlp_82, x_mlp), first_grad_norm(conv_82, x_conv82)
# Assert
check.close(
    mlp_norm,
    mlp_true,
    "first_grad_norm of a small MLP",
    ideas={
        "This is the norm over all parameters: only the first is asked for": all_true,
        "This is the gradient of the mean: take the sum": mean_true,
        "This is the spectral norm: the Frobenius norm is the root of the summed squares": spectral,
    },
    rtol=1e-4,
)
check.close(
    conv_norm,
    conv_true,
    "first_grad_norm of a convolution",
    rtol=1e-4,
    hint="The first parameter may have four dimensions: square, sum over all, root",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-2-hidden-3", "points": 1}
# Hidden test 8.2 · first_grad_norm leaves no trace · 1 point
### BEGIN HIDDEN TESTS
# Arrange
trace_state = {
    "0.weight": torch.randn(3, 2, generator=seeded(826)),
    "0.bias": torch.randn(3, generator=seeded(827)),
}
trace_before = {name: t.clone() for name, t in trace_state.items()}
old_grads = {"0.weight": torch.full((3, 2), 7.0), "0.bias": torch.full((3,), -5.0)}
old_before = {name: t.clone() for name, t in old_grads.items()}
x_trace = torch.ones(4, 2)
emptied = {name: None for name in old_grads}
zeroed = {name: torch.zeros_like(t) for name, t in old_grads.items()}
trace_true = ((4.0 * torch.ones(3, 2)).norm()).item()
# Act
traced = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.0))
traced.load_state_dict(trace_state)
traced[0].weight.grad, traced[0].bias.grad = old_grads["0.weight"], old_grads["0.bias"]
modes_82, measured_82 = [], []
for mode in (True, False):
    traced.train(mode)
    measured_82.append(first_grad_norm(traced, x_trace))
    modes_82.append([traced.training, traced[1].training])
state_82 = observe.state(traced)
grads_82 = observe.gradients(traced)
wanted_82 = [p.requires_grad for p in traced.parameters()]
# Assert
check.equal(
    modes_82,
    [[True, True], [False, False]],
    "the modes afterwards",
    hint="The modes must be put back, and there is no need to change them",
)
check.close(
    measured_82,
    [trace_true, trace_true],
    "the norm, with old gradients lying about",
    ideas={"This is the norm over all parameters: only the first is asked for": [12.0, 12.0]},
    hint="Old numbers in .grad must not be counted in: backward() adds to them",
)
check.equal(
    grads_82,
    old_before,
    ".grad of the parameters afterwards",
    ideas={
        "The gradients that were there are gone: do not clear what is not yours": emptied,
        "The gradients that were there are zero now: do not clear what is not yours": zeroed,
    },
    hint="backward() adds into .grad; torch.autograd.grad hands gradients back instead",
)
check.equal(state_82, trace_before, "the weights afterwards", hint="No step: only measure")
check.equal(wanted_82, [True, True], "requires_grad of the parameters afterwards")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-2-hidden-4", "points": 1}
# Hidden test 8.2 · the gradient through 20 layers, three seeds · 1 point
### BEGIN HIDDEN TESTS
# Arrange
deep_82 = [weights_82(20, 8, seed=830 + s) for s in range(3)]
x_deep82 = torch.randn(6, 8, generator=seeded(828), dtype=torch.float64)
slopes_plain = [slopes_82(w, x_deep82, False)[0].norm().item() for w in deep_82]
all_plain = [whole_82(slopes_82(w, x_deep82, False)) for w in deep_82]
slopes_skip = [slopes_82(w, x_deep82, True)[0].norm().item() for w in deep_82]
# Act
found_plain, found_skip = [], []
for s in range(3):
    deep_plain, deep_skip = Stack(20, 8, False).double(), Stack(20, 8, True).double()
    deep_plain.load_state_dict(deep_82[s])
    deep_skip.load_state_dict(deep_82[s])
    found_plain.append(first_grad_norm(deep_plain, x_deep82))
    found_skip.append(first_grad_norm(deep_skip, x_deep82))
# Assert
check.close(
    found_plain,
    slopes_plain,
    "first_grad_norm of 20 plain layers",
    ideas={"This is the norm over all parameters: only the first is asked for": all_plain},
    rtol=1e-5,
    atol=0.0,
    hint="A tiny gradient is a result: do not round it away",
)
check.close(
    found_skip,
    slopes_skip,
    "first_grad_norm of 20 layers with skips",
    ideas={"These are the plain layers' gradients: are the skips used?": slopes_plain},
    rtol=1e-5,
    atol=0.0,
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-8-3-reference", "points": 0}
### BEGIN HIDDEN TESTS
class PreAct83(nn.Module):
    """The pre-activation block; `variant` puts a usual mistake in."""

    def __init__(self, cin, cout, stride=1, variant=""):
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(cin), nn.BatchNorm2d(cout)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.variant = variant
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Conv2d(cin, cout, 1, stride, bias=False)

    def forward(self, x):
        h = F.relu(self.bn1(x))
        start = x if self.variant == "raw branch" else h
        middle = self.bn2(self.conv1(start))
        branch = self.conv2(middle if self.variant == "no second relu" else F.relu(middle))
        if self.downsample is not None:
            shortcut = self.downsample(x if self.variant == "raw projection" else h)
        else:
            shortcut = h if self.variant == "activated" else x
        total = branch + shortcut
        return F.relu(total) if self.variant == "relu after" else total


def preact_83(*setting, seed=0, variant=""):
    return shake(PreAct83(*setting, variant=variant).double(), seed)


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-3-hidden-1", "points": 1}
# Hidden test 8.3 · values with shaken weights · 1 point
### BEGIN HIDDEN TESTS
# Arrange
settings_83 = [(6, 6, 1), (6, 10, 1), (6, 10, 2), (5, 5, 2)]
frames_83 = [
    torch.randn(3, settings_83[k][0], 7, 9, generator=seeded(k), dtype=torch.float64)
    for k in range(4)
]
kinds_83 = {
    "A ReLU follows the addition: nothing does": "relu after",
    "An identity shortcut takes the raw x, not relu(bn1(x))": "activated",
    "A projection takes relu(bn1(x)), not the raw x": "raw projection",
    "The branch starts with bn1 and ReLU": "raw branch",
    "The ReLU after bn2 is missing": "no second relu",
}
true_83 = [
    preact_83(*s).eval()(x.clone()).detach() for s, x in zip(settings_83, frames_83, strict=True)
]
ideas_83 = {
    message: [
        preact_83(*s, variant=kind).eval()(x.clone()).detach()
        for s, x in zip(settings_83, frames_83, strict=True)
    ]
    for message, kind in kinds_83.items()
}
ideas_83["The statistics of the batch are used in eval mode too"] = [
    preact_83(*s)(x.clone()).detach() for s, x in zip(settings_83, frames_83, strict=True)
]
# Act
outs_83 = [
    shake(PreActBlock(*settings_83[k]).double()).eval()(frames_83[k].clone()) for k in range(4)
]
# Assert
check.close(
    outs_83,
    true_83,
    "four blocks in eval mode",
    ideas=ideas_83,
    rtol=1e-8,
    atol=1e-8,
    hint="Go along the drawing, arrow by arrow",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-3-hidden-2", "points": 1}
# Hidden test 8.3 · with a dead branch the block is the identity, gradients too · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_road = torch.randn(3, 4, 5, 6, generator=seeded(830))
c_road = torch.randn(3, 4, 5, 6, generator=seeded(831))
road_true, above_true = x_road.clone(), c_road.clone()
cut = F.relu(x_road.clone())
masked = c_road * (x_road > 0)
# Act
road_83 = shake(PreActBlock(4, 4), 1).eval()
nn.init.zeros_(road_83.conv2.weight)
road_eval = observe.vjp(road_83, x_road, c_road)
road_train = observe.vjp(road_83.train(), x_road, c_road)
# Assert
check.close(
    road_eval["value"],
    road_true,
    "the output in eval mode",
    ideas={"A ReLU stands on the path of x": cut},
    hint="With conv2 all zero, what comes out is x itself: nothing else may touch the path",
)
check.close(
    road_eval["grads"],
    above_true,
    "the gradient for x",
    ideas={"A ReLU stands on the path of x": masked},
    hint="With a dead branch, what arrives from above passes unchanged",
)
check.close(road_train["value"], road_true, "the output in train mode")
check.close(road_train["grads"], above_true, "the gradient for x in train mode")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-3-hidden-3", "points": 1}
# Hidden test 8.3 · one step in train mode: output, gradients, statistics · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_step83 = torch.randn(4, 6, 8, 6, generator=seeded(832), dtype=torch.float64)
above_83 = torch.randn(4, 10, 4, 3, generator=seeded(833), dtype=torch.float64)
step_true83 = one_step(preact_83(6, 10, 2, seed=2), x_step83, above_83)
# Act
step_83 = one_step(shake(PreActBlock(6, 10, 2).double(), 2), x_step83, above_83)
# Assert
check.close(
    step_83["output"],
    step_true83["output"],
    "the output of a block with projection, in train mode",
    rtol=1e-6,
    atol=1e-6,
    hint="If the values in eval mode are wrong too, mend those first; in train mode batch norm uses the batch",
)
check.close(
    step_83,
    step_true83,
    "a block with projection",
    rtol=1e-7,
    atol=1e-7,
    hint="bn1 runs once for branch and projection together: twice would move its statistics twice",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-3-hidden-4", "points": 1}
# Hidden test 8.3 · other samples do not matter in eval mode, x is not written to · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_crowd83 = 2 * torch.randn(4, 6, 5, 5, generator=seeded(834), dtype=torch.float64) + 1
x_kept83 = x_crowd83.clone()
still_83 = torch.zeros(4, 6, 5, 5, dtype=torch.float64)
# Act
one_83 = shake(PreActBlock(6, 6).double(), 3).eval()
with torch.no_grad():
    given_83 = x_crowd83.clone()
    whole_83 = observe.copy(one_83(given_83))
    after_83 = observe.copy(given_83)
    alone_83 = torch.cat([one_83(x_crowd83[k : k + 1].clone()) for k in range(4)])
    order_83 = one_83(x_crowd83[[2, 0, 3, 1]])
x_after83 = observe.copy(after_83)
company_83, turn_83 = alone_83 - whole_83, order_83 - whole_83[[2, 0, 3, 1]]
# Assert
check.unchanged(x_after83, x_kept83, "x")
check.close(
    company_83,
    still_83,
    "each image alone, against the same image among four",
    atol=1e-8,
    hint="An image's output depends on its company: in eval mode batch norm uses its running statistics, never the batch",
)
check.close(
    turn_83,
    still_83,
    "the images in another order, against the first order",
    atol=1e-8,
    hint="In another order the same outputs come, in that order",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-8-4-reference", "points": 0}
### BEGIN HIDDEN TESTS
def small_stem(net, width=64):
    """torchvision's ResNet with the stem for small images."""
    net.conv1, net.maxpool = nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.Identity()
    return net


class Reference84(nn.Module):
    """A ResNet of any width, of torchvision's blocks. strides: of the blocks of a stage."""

    def __init__(self, kind, counts, classes, width):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1, cin = nn.BatchNorm2d(width), width
        for k, count in enumerate(counts):
            w, blocks = width * 2**k, []
            for i in range(count):
                stride, down = (2 if k and not i else 1), None
                if stride != 1 or cin != w * kind.expansion:
                    conv = nn.Conv2d(cin, w * kind.expansion, 1, stride, bias=False)
                    down = nn.Sequential(conv, nn.BatchNorm2d(w * kind.expansion))
                blocks.append(kind(cin, w, stride, down))
                cin = w * kind.expansion
            self.add_module(f"layer{k + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(cin, classes)

    def forward(self, x, relu=True):
        x = self.bn1(self.conv1(x))
        x = F.relu(x) if relu else x
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-4-hidden-1", "points": 2}
# Hidden test 8.4 · equal to torchvision's ResNet-18, weights copied · 2 points
### BEGIN HIDDEN TESTS
# Arrange
pictures_84 = torch.randn(2, 3, 66, 50, generator=seeded(840))
big_84 = shake(models.resnet18(num_classes=12)).eval()
big_names = sorted(big_84.state_dict())
without_pool = shake(models.resnet18(num_classes=12)).eval()
without_pool.maxpool = nn.Identity()
with torch.no_grad():
    big_true = big_84(pictures_84.clone())
    unpooled = without_pool(pictures_84.clone())
    as_chances = big_true.softmax(dim=1)


# Act
class Basic84(models.resnet.BasicBlock):
    def __init__(self, cin, w, stride=1):
        down = None
        if stride != 1 or cin != w:
            conv = nn.Conv2d(cin, w, 1, stride, bias=False)
            down = nn.Sequential(conv, nn.BatchNorm2d(w))
        super().__init__(cin, w, stride, down)


eighteen = shake(ResNet(Basic84, [2, 2, 2, 2], 12, small=False)).eval()
big_mine = sorted(eighteen.state_dict())
with torch.no_grad():
    big_out = eighteen(pictures_84).clone()
big_scores = observe.copy(big_out)
# Assert
check.equal(
    big_mine,
    big_names,
    "names in the state of ResNet-18",
    hint="conv1, bn1, layer1 to layer4, fc, and nothing else that has weights",
)
check.close(
    big_scores,
    big_true,
    "scores of ResNet-18 with the large stem",
    ideas={
        "The max-pool of the large stem is missing": unpooled,
        "These are chances: return the scores, no softmax": as_chances,
    },
    rtol=1e-3,
    atol=1e-3,
    hint="Stem: 7×7, stride 2, padding 3, bn1, ReLU, max-pool 3×3, stride 2, padding 1; the average takes all pixels",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-4-hidden-2", "points": 1}
# Hidden test 8.4 · full width, small images: 11,173,962 weights · 1 point
### BEGIN HIDDEN TESTS
# Arrange
icons_84 = torch.randn(2, 3, 16, 16, generator=seeded(841))
slim_84 = shake(small_stem(models.resnet18(num_classes=10)), 1).eval()
with torch.no_grad():
    slim_true = slim_84(icons_84.clone())


# Act
class Slim84(models.resnet.BasicBlock):
    def __init__(self, cin, w, stride=1):
        down = None
        if stride != 1 or cin != w:
            conv = nn.Conv2d(cin, w, 1, stride, bias=False)
            down = nn.Sequential(conv, nn.BatchNorm2d(w))
        super().__init__(cin, w, stride, down)


defaults_84 = shake(ResNet(Slim84, (2, 2, 2, 2)), 1).eval()
count_84 = sum(p.numel() for p in defaults_84.parameters())
with torch.no_grad():
    slim_out = defaults_84(icons_84).clone()
slim_scores = observe.copy(slim_out)
# Assert
check.equal(
    count_84, 11_173_962, "the number of weights", hint="Is there a bias too many in the stem?"
)
check.close(
    slim_scores,
    slim_true,
    "scores of ResNet-18 with the small stem",
    rtol=1e-3,
    atol=1e-3,
    hint="Small stem: 3×3, stride 1, padding 1, bn1, ReLU, no pooling; then stages 1 to 4 in order",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-4-hidden-3", "points": 1}
# Hidden test 8.4 · blocks of expansion 4, uneven counts · 1 point
### BEGIN HIDDEN TESTS
# Arrange
neck_x = torch.randn(2, 3, 20, 12, generator=seeded(842), dtype=torch.float64)
neck_ref = shake(Reference84(models.resnet.Bottleneck, [2, 1, 3, 1], 5, 4).double(), 2).eval()
neck_shapes = {name: tuple(t.shape) for name, t in neck_ref.state_dict().items()}
neck_scores = neck_ref(neck_x.clone()).detach()
neck_linear = neck_ref(neck_x.clone(), relu=False).detach()


# Act
class Neck84(models.resnet.Bottleneck):
    def __init__(self, cin, w, stride=1):
        down = None
        if stride != 1 or cin != 4 * w:
            conv = nn.Conv2d(cin, 4 * w, 1, stride, bias=False)
            down = nn.Sequential(conv, nn.BatchNorm2d(4 * w))
        super().__init__(cin, w, stride, down)


neck_net = shake(ResNet(Neck84, [2, 1, 3, 1], classes=5, width=4).double(), 2).eval()
neck_mine = observe.shapes(observe.state(neck_net))
neck_out = observe.copy(neck_net(neck_x))
# Assert
check.equal(
    neck_mine,
    neck_shapes,
    "names and shapes in the state",
    hint="Ask the block for its expansion, and update the incoming channels after every block",
)
check.close(
    neck_out,
    neck_scores,
    "the scores",
    ideas={"The ReLU of the stem is missing": neck_linear},
    rtol=1e-7,
    atol=1e-7,
    hint="All blocks in order, the average over all pixels, then fc",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-4-hidden-4", "points": 1}
# Hidden test 8.4 · one step in train mode: output, gradients, statistics · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_step84 = torch.randn(4, 3, 16, 16, generator=seeded(843), dtype=torch.float64)
above_84 = torch.randn(4, 6, generator=seeded(844), dtype=torch.float64)
step_ref84 = shake(Reference84(models.resnet.BasicBlock, [1, 2, 1, 1], 6, 4).double(), 3)
step_true84 = one_step(step_ref84, x_step84, above_84)


# Act
class Step84(models.resnet.BasicBlock):
    def __init__(self, cin, w, stride=1):
        down = None
        if stride != 1 or cin != w:
            conv = nn.Conv2d(cin, w, 1, stride, bias=False)
            down = nn.Sequential(conv, nn.BatchNorm2d(w))
        super().__init__(cin, w, stride, down)


step_net = shake(ResNet(Step84, [1, 2, 1, 1], classes=6, width=4).double(), 3)
step_84 = one_step(step_net, x_step84, above_84)
# Assert
check.close(
    step_84["output"],
    step_true84["output"],
    "the output of ResNet of width 4, in train mode",
    rtol=1e-6,
    atol=1e-6,
    hint="If the values in eval mode are wrong too, mend those first; in train mode batch norm uses the batch",
)
check.close(
    step_84,
    step_true84,
    "ResNet of width 4",
    rtol=1e-6,
    atol=1e-6,
    hint="The output is right: every part must be used once and pass gradients on",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-4-hidden-5", "points": 1}
# Hidden test 8.4 · in eval mode other samples do not matter · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_crowd84 = 2 * torch.randn(4, 3, 16, 16, generator=seeded(845), dtype=torch.float64) + 1


still_84 = torch.zeros(24, dtype=torch.float64)


# Act
class Crowd84(models.resnet.BasicBlock):
    def __init__(self, cin, w, stride=1):
        down = None
        if stride != 1 or cin != w:
            conv = nn.Conv2d(cin, w, 1, stride, bias=False)
            down = nn.Sequential(conv, nn.BatchNorm2d(w))
        super().__init__(cin, w, stride, down)


crowd_net = shake(ResNet(Crowd84, [1, 1, 1, 1], classes=6, width=4).double(), 4).eval()
whole_84 = observe.copy(crowd_net(x_crowd84))
alone_84 = torch.cat([crowd_net(x_crowd84[k : k + 1]) for k in range(4)])
order_84 = crowd_net(x_crowd84[[2, 0, 3, 1]])
lone_84 = observe.shapes(crowd_net(x_crowd84[:1]))
company_84 = alone_84.flatten() - whole_84.flatten()
turn_84 = (order_84 - whole_84[[2, 0, 3, 1]]).flatten()
# Assert
check.equal(
    lone_84,
    (1, 6),
    "the shape of the scores of one image",
    hint="A batch of one loses a dimension: name the dimensions to average over",
)
check.close(
    company_84,
    still_84,
    "each image alone, against the same image among four",
    atol=1e-8,
    hint="An image's output depends on its company: in eval mode batch norm uses its running statistics, never the batch",
)
check.close(
    turn_84,
    still_84,
    "the images in another order, against the first order",
    atol=1e-8,
    hint="In another order the same outputs come, in that order",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-8-5-reference", "points": 0}
### BEGIN HIDDEN TESTS
SETTINGS_85 = ((8, 2, 1), (6, 6, 1), (8, 2, 2), (6, 3, 2), (3, 3, 1))


def neck_85(cin, width, stride, seed=0):
    """torchvision's bottleneck, with a projection where shapes differ, in float64 and shaken."""
    shortcut = None
    if stride != 1 or cin != 4 * width:
        conv = nn.Conv2d(cin, 4 * width, 1, stride, bias=False)
        shortcut = nn.Sequential(conv, nn.BatchNorm2d(4 * width))
    return shake(models.resnet.Bottleneck(cin, width, stride, shortcut).double(), seed)


def mistakes_85(block, x):
    """What usual mistakes give in eval mode, by message."""
    shortcut = x if block.downsample is None else block.downsample(x)
    stride = block.conv2.stride
    first = F.relu(block.bn1(block.conv1(x)))
    second = block.bn2(block.conv2(first))
    branch = block.bn3(block.conv3(F.relu(second)))
    early = F.relu(block.bn1(F.conv2d(x, block.conv1.weight, stride=stride)))
    early = F.relu(block.bn2(F.conv2d(early, block.conv2.weight, padding=1)))
    no_first = F.relu(block.bn2(block.conv2(block.bn1(block.conv1(x)))))
    return {
        "A ReLU follows bn3 before the addition": F.relu(F.relu(branch) + shortcut),
        "The ReLU after the addition is missing": branch + shortcut,
        "The stride stands in the first 1×1 convolution: it belongs in the 3×3": F.relu(
            block.bn3(block.conv3(early)) + shortcut
        ),
        "The ReLU after bn2 is missing": F.relu(block.bn3(block.conv3(second)) + shortcut),
        "The ReLU after bn1 is missing": F.relu(block.bn3(block.conv3(no_first)) + shortcut),
        "The skip is missing": F.relu(branch),
    }


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-5-hidden-1", "points": 2}
# Hidden test 8.5 · equal to torchvision's bottleneck, weights copied · 2 points
### BEGIN HIDDEN TESTS
# Arrange
settings_85 = list(SETTINGS_85)
frames_85 = [
    torch.randn(3, SETTINGS_85[k][0], 7, 9, generator=seeded(k), dtype=torch.float64)
    for k in range(5)
]
necks_85 = [neck_85(*setting).eval() for setting in SETTINGS_85]
necks_true = [b(x.clone()).detach() for b, x in zip(necks_85, frames_85, strict=True)]
necks_wrong = [mistakes_85(b, x.clone()) for b, x in zip(necks_85, frames_85, strict=True)]
mixed_85 = [
    neck_85(*setting)(x.clone()).detach() for setting, x in zip(SETTINGS_85, frames_85, strict=True)
]
ideas_85 = {name: [one[name].detach() for one in necks_wrong] for name in necks_wrong[0]}
# Act
outs_85 = [
    shake(Bottleneck(*settings_85[k]).double()).eval()(frames_85[k].clone()) for k in range(5)
]
# Assert
check.close(
    outs_85,
    necks_true,
    "five bottlenecks in eval mode",
    ideas={**ideas_85, "The statistics of the batch are used in eval mode too": mixed_85},
    rtol=1e-8,
    atol=1e-8,
    hint="1×1, 3×3 with the stride and padding 1, 1×1, each with its batch norm; downsample ends with a batch norm",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-5-hidden-2", "points": 1}
# Hidden test 8.5 · one step in train mode: output, gradients, statistics · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_step85 = torch.randn(4, 6, 8, 6, generator=seeded(850), dtype=torch.float64)
above_85 = torch.randn(4, 12, 4, 3, generator=seeded(851), dtype=torch.float64)
step_true85 = one_step(neck_85(6, 3, 2, seed=1), x_step85, above_85)
# Act
step_85 = one_step(shake(Bottleneck(6, 3, 2).double(), 1), x_step85, above_85)
# Assert
check.close(
    step_85["output"],
    step_true85["output"],
    "the output of a bottleneck with projection, in train mode",
    rtol=1e-6,
    atol=1e-6,
    hint="If the values in eval mode are wrong too, mend those first; in train mode batch norm uses the batch",
)
check.close(
    step_85,
    step_true85,
    "a bottleneck with projection",
    rtol=1e-7,
    atol=1e-7,
    hint="The output is right: each norm runs once, and both paths pass gradients on",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-5-hidden-3", "points": 1}
# Hidden test 8.5 · in eval mode other samples do not matter · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_crowd85 = 2 * torch.randn(4, 8, 5, 5, generator=seeded(852), dtype=torch.float64) + 1
still_85 = torch.zeros(4, 8, 5, 5, dtype=torch.float64)
# Act
one_85 = shake(Bottleneck(8, 2).double(), 2).eval()
whole_85 = observe.copy(one_85(x_crowd85.clone()))
alone_85 = torch.cat([one_85(x_crowd85[k : k + 1].clone()) for k in range(4)])
order_85 = one_85(x_crowd85[[2, 0, 3, 1]])
company_85, turn_85 = alone_85 - whole_85, order_85 - whole_85[[2, 0, 3, 1]]
# Assert
check.close(
    company_85,
    still_85,
    "each image alone, against the same image among four",
    atol=1e-8,
    hint="An image's output depends on its company: in eval mode batch norm uses its running statistics, never the batch",
)
check.close(
    turn_85,
    still_85,
    "the images in another order, against the first order",
    atol=1e-8,
    hint="In another order the same outputs come, in that order",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-8-6-reference", "points": 0}
### BEGIN HIDDEN TESTS
def psnr_86(a, b, peak):
    """One image after the other."""
    found = []
    for one, other in zip(a, b, strict=True):
        error = float(((one - other) ** 2).mean())
        found.append(
            float("inf") if error == 0 else 10 * float(torch.tensor(peak**2 / error).log10())
        )
    return torch.tensor(found)


def ssim_86(a, b, peak, less=0):
    """One image after the other; less=1 divides variances and covariance by n - 1."""
    found = []
    for one, other in zip(a.double(), b.double(), strict=True):
        one, other = one.flatten(), other.flatten()
        moments = torch.cov(torch.stack([one, other]), correction=less)
        m, n, c1, c2 = one.mean(), other.mean(), (0.01 * peak) ** 2, (0.03 * peak) ** 2
        top = (2 * m * n + c1) * (2 * moments[0, 1] + c2)
        found.append(top / ((m**2 + n**2 + c1) * (moments[0, 0] + moments[1, 1] + c2)))
    return torch.stack(found)


class Block86(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, 1, 1)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1)
        self.shortcut = nn.Conv2d(cin, cout, 1) if cin != cout else nn.Identity()

    def forward(self, x, mistake=""):
        branch = self.conv2(torch.relu(self.conv1(x)))
        if mistake == "broadcast":
            return x + branch
        total = self.shortcut(x) + branch
        return torch.relu(total) if mistake == "relu" else total


class Net86(nn.Module):
    """The residual U-Net; `mistake` puts a usual one in."""

    def __init__(self, channels, w, mistake=""):
        super().__init__()
        sizes = {"enc1": (channels, w), "enc2": (w, 2 * w), "mid": (2 * w, 4 * w)}
        sizes |= {"dec2": (6 * w, 2 * w), "dec1": (3 * w, w)}
        for name, (cin, cout) in sizes.items():
            self.add_module(name, Block86(cin, cout))
        self.out, self.mistake = nn.Conv2d(w, channels, 1), mistake

    def forward(self, x):
        pool = F.avg_pool2d if self.mistake == "mean" else F.max_pool2d
        mode = {"mode": "bilinear"} if self.mistake == "smooth" else {}
        a = self.enc1(x)
        b = self.enc2(pool(a, 2))
        m = self.mid(pool(b, 2))
        low, high = F.interpolate(m, size=b.shape[-2:], **mode), b
        if self.mistake == "order":
            low, high = high, low
        h = self.dec2(torch.cat([low, high], 1))
        low, high = F.interpolate(h, size=a.shape[-2:], **mode), a
        if self.mistake == "order":
            low, high = high, low
        out = self.out(self.dec1(torch.cat([low, high], 1)))
        return out if self.mistake == "no skip" else x - out if self.mistake == "minus" else x + out


def net_86(channels, w, seed=0, mistake=""):
    return shake(Net86(channels, w, mistake).double(), seed)


MISTAKES_86 = {
    "The skip around the whole network is missing: return x + out(…)": "no skip",
    "The correction is subtracted: return x + out(…)": "minus",
    "Concatenate what comes up first, then its partner": "order",
    "pool is a max-pool": "mean",
    "F.interpolate without a mode: the nearest pixel": "smooth",
}
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-6-hidden-1", "points": 1}
# Hidden test 8.6 · psnr and ssim_global, image by image · 1 point
### BEGIN HIDDEN TESTS
# Arrange
many_a = torch.rand(3, 2, 5, 4, generator=seeded(860))
many_b = many_a.clone() + 0.2 * torch.randn(3, 2, 5, 4, generator=seeded(861))
many_b[1] += 0.5
more_a = 255 * torch.rand(2, 3, 4, 4, generator=seeded(862), dtype=torch.float64)
more_b = more_a.clone() + 20 * torch.randn(2, 3, 4, 4, generator=seeded(863), dtype=torch.float64)
psnr_one, psnr_byte = psnr_86(many_a, many_b, 1.0), psnr_86(more_a, more_b, 255.0)
ssim_one, ssim_byte = ssim_86(many_a, many_b, 1.0).float(), ssim_86(more_a, more_b, 255.0)
ssim_less, ssim_peak = ssim_86(many_a, many_b, 1.0, 1).float(), ssim_86(more_a, more_b, 1.0)
pooled_mse = ((many_a - many_b) ** 2).mean()
psnr_batch = (10 * torch.log10(1 / pooled_mse)).item()
# Act
psnr_got, psnr_more = psnr(many_a, many_b), psnr(more_a, more_b, 255.0)
ssim_got, ssim_more = ssim_global(many_a, many_b), ssim_global(more_a, more_b, peak=255.0)
# Assert
check.close(
    psnr_got,
    psnr_one,
    "psnr of three images",
    ideas={
        "One MSE over the batch: each image has its own": psnr_batch,
    },
    rtol=1e-4,
    atol=1e-4,
    hint="The mean runs over channels and pixels of one image",
)
check.close(
    psnr_more,
    psnr_byte,
    "psnr with peak 255",
    rtol=1e-4,
    atol=1e-4,
    hint="Where does peak come in?",
)
check.close(
    ssim_got,
    ssim_one,
    "ssim_global of three images",
    ideas={"Divide variances and covariance by n, not n - 1": ssim_less},
    rtol=1e-4,
    atol=1e-4,
    hint="One window: all channels and pixels of one image",
)
check.close(
    ssim_more,
    ssim_byte,
    "ssim_global with peak 255",
    ideas={"c₁ and c₂ grow with the peak": ssim_peak},
    rtol=1e-7,
    atol=1e-7,
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-6-hidden-2", "points": 1}
# Hidden test 8.6 · the measures at their limits · 1 point
### BEGIN HIDDEN TESTS
# Arrange
same_a = torch.rand(2, 1, 4, 4, generator=seeded(864))
same_copy = same_a.clone()
flat_a, flat_b = torch.zeros(1, 1, 3, 3), torch.full((1, 1, 3, 3), 0.5)
infinite = torch.full((2,), float("inf"))
capped = torch.full((2,), 100.0)
flat_true = torch.tensor([1e-4 / (0.25 + 1e-4)])
turned_true = ssim_86(same_a.flip(2), same_a, 1.0).float()
# Act
same_psnr, same_ssim = psnr(same_a, same_copy), ssim_global(same_a, same_copy)
flat_ssim, black_ssim = ssim_global(flat_a, flat_b), ssim_global(flat_a, flat_a)
there_86, back_86 = ssim_global(same_a.flip(2), same_a), ssim_global(same_a, same_a.flip(2))
# Assert
check.close(
    same_psnr,
    infinite,
    "psnr of equal images",
    ideas={"Equal images give infinity: no bound, no small number added": capped},
    hint="An MSE of 0 gives infinity: add nothing to it",
)
check.close(
    same_ssim,
    torch.ones(2),
    "ssim_global of equal images",
    rtol=1e-4,
    hint="Variance and covariance of equal images are the same number, if both divide by n",
)
check.close(
    flat_ssim,
    flat_true,
    "ssim_global of two flat images",
    rtol=1e-3,
    hint="Flat images have no variance: c₁ and c₂ keep the fraction finite",
)
check.close(
    black_ssim,
    torch.ones(1),
    "ssim_global of two black images",
    rtol=1e-4,
    hint="For black images all that is left is c₁ c₂ / (c₁ c₂) = 1",
)
check.close(
    there_86,
    turned_true,
    "ssim_global of an image and its mirror image",
    rtol=1e-3,
    hint="Means and variances are equal here: look at the covariance, of the centred values",
)
check.close(
    back_86,
    turned_true,
    "the same with the images exchanged",
    rtol=1e-3,
    hint="SSIM treats both images alike",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-6-hidden-3", "points": 1}
# Hidden test 8.6 · ResConv with shaken weights, gradients too · 1 point
### BEGIN HIDDEN TESTS
# Arrange
blocks_86 = [(1, 6), (4, 4), (5, 2)]
frames_86 = [
    torch.randn(2, blocks_86[k][0], 5, 7, generator=seeded(865 + k), dtype=torch.float64)
    for k in range(3)
]
ups_86 = [
    torch.randn(2, blocks_86[k][1], 5, 7, generator=seeded(868 + k), dtype=torch.float64)
    for k in range(3)
]
twins_86 = [shake(Block86(*blocks_86[k]).double(), k) for k in range(3)]
steps_true = [one_step(twins_86[k], frames_86[k], ups_86[k]) for k in range(3)]
values_true = [one["output"] for one in steps_true]
relu_86 = [twins_86[k](frames_86[k].clone(), "relu").detach() for k in range(3)]
spread_86 = [
    twins_86[0](frames_86[0].clone(), "broadcast").detach(),
    values_true[1].clone(),
    values_true[2].clone(),
]
# Act
steps_86 = [
    one_step(shake(ResConv(*blocks_86[k]).double(), k), frames_86[k], ups_86[k]) for k in range(3)
]
values_86 = [steps_86[k]["output"] for k in range(3)]
# Assert
check.close(
    values_86,
    values_true,
    "three ResConvs",
    ideas={
        "A ReLU follows the addition; nothing does": relu_86,
        "One channel was broadcast over many: project it": spread_86,
    },
    rtol=1e-8,
    atol=1e-8,
    hint="shortcut(x) + conv2(relu(conv1(x))), all convolutions with bias",
)
check.close(
    steps_86,
    steps_true,
    "outputs, gradients and weights",
    rtol=1e-8,
    atol=1e-8,
    hint="No batch norm, no other weights; both paths pass gradients on",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-6-hidden-4", "points": 2}
# Hidden test 8.6 · ResUNet with shaken weights · 2 points
### BEGIN HIDDEN TESTS
# Arrange
x_86 = torch.randn(2, 2, 12, 16, generator=seeded(871), dtype=torch.float64)
unet_true = net_86(2, 3)(x_86.clone()).detach()
unet_shapes = {name: tuple(t.shape) for name, t in net_86(2, 3).state_dict().items()}
unet_ideas = {
    text: net_86(2, 3, mistake=name)(x_86.clone()).detach() for text, name in MISTAKES_86.items()
}
# Act
unet_net = shake(ResUNet(2, 3).double())
unet_mine = observe.shapes(observe.state(unet_net))
unet_out = observe.copy(unet_net(x_86.clone()))
# Assert
check.equal(
    unet_mine,
    unet_shapes,
    "names and shapes of all weights",
    hint="enc1, enc2, mid, dec2, dec1 are ResConvs, out a 1×1 convolution; nothing else has weights",
)
check.close(
    unet_out,
    unet_true,
    "the output",
    ideas=unet_ideas,
    rtol=1e-8,
    atol=1e-8,
    hint="Each long skip joins equal sizes: b with what comes from mid, a with what comes from dec2",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-6-hidden-5", "points": 1}
# Hidden test 8.6 · sizes that do not divide by 4 · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_odd = torch.randn(1, 1, 15, 30, generator=seeded(872), dtype=torch.float64)
x_four = torch.randn(3, 1, 4, 7, generator=seeded(873), dtype=torch.float64)
x_even = torch.randn(1, 1, 8, 8, generator=seeded(874), dtype=torch.float64)
even_true = net_86(1, 2, seed=1)(x_even.clone()).detach()
odd_true = net_86(1, 2, seed=1)(x_odd.clone()).detach()
four_true = net_86(1, 2, seed=1)(x_four.clone()).detach()
# Act
odd_net = shake(ResUNet(1, 2).double(), 1)
even_out = observe.copy(odd_net(x_even))
odd_out, four_out = observe.copy(odd_net(x_odd)), observe.copy(odd_net(x_four))
# Assert
check.close(
    even_out,
    even_true,
    "an image of 8×8",
    rtol=1e-8,
    atol=1e-8,
    hint="The values are wrong at sizes that divide by 4 too: mend ResConv and ResUNet there first",
)
check.close(
    odd_out,
    odd_true,
    "an image of 15×30",
    rtol=1e-8,
    atol=1e-8,
    hint="Bring up to the size of the partner, not to the double",
)
check.close(
    four_out,
    four_true,
    "three images of 4×7",
    rtol=1e-8,
    atol=1e-8,
    hint="Bring up to the size of the partner, not to the double",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-6-hidden-6", "points": 1}
# Hidden test 8.6 · gradients reach every weight, other samples do not matter · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_grad86 = torch.randn(3, 1, 8, 8, generator=seeded(874), dtype=torch.float64)
up_grad86 = torch.randn(3, 1, 8, 8, generator=seeded(875), dtype=torch.float64)
x_kept86 = x_grad86.clone()
grad_true86 = one_step(net_86(1, 3, seed=2), x_grad86, up_grad86)
apart_true86 = torch.zeros(3, 1, 8, 8, dtype=torch.float64)
# Act
grad_net86 = shake(ResUNet(1, 3).double(), 2)
grad_86 = one_step(grad_net86, x_grad86, up_grad86)
with torch.no_grad():
    given_86 = x_grad86.clone()
    alone_86 = torch.cat([grad_net86(given_86[k : k + 1]) for k in range(3)])
apart_86, x_after86 = alone_86 - grad_86["output"], observe.copy(given_86)
# Assert
check.close(
    grad_86["output"],
    grad_true86["output"],
    "the output",
    rtol=1e-7,
    atol=1e-7,
    hint="The values are wrong already: mend ResConv and ResUNet first, then look at gradients",
)
check.close(
    grad_86,
    grad_true86,
    "output, gradients and weights",
    rtol=1e-7,
    atol=1e-7,
    hint="No detach, no no_grad: both kinds of skip pass gradients on",
)
check.close(
    apart_86,
    apart_true86,
    "each image alone, against the same image among three",
    atol=1e-8,
    hint="Nothing in this network looks at other images",
)
check.unchanged(x_after86, x_kept86, "x")
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-8-7-reference", "points": 0}
### BEGIN HIDDEN TESTS
def dense_87_true(cin, layers, growth, squeeze=4):
    """torchvision's dense block."""
    whole = models.DenseNet(
        growth, (layers,), num_init_features=cin, bn_size=squeeze, num_classes=1
    )
    return whole.features.denseblock1


def transition_87_true(cin, cout):
    """torchvision's transition; its whole networks fix cout to half of cin, the class does not."""
    return models.densenet._Transition(cin, cout)


class Net87(nn.Module):
    def __init__(self, counts, growth, classes):
        super().__init__()
        channels, self.order = 2 * growth, []
        self.stem = nn.Conv2d(3, channels, 3, 1, 1, bias=False)
        for k, layers in enumerate(counts):
            self.add_module(f"block{k + 1}", dense_87_true(channels, layers, growth))
            self.order.append(f"block{k + 1}")
            channels += layers * growth
            if k + 1 < len(counts):
                self.add_module(f"transition{k + 1}", transition_87_true(channels, channels // 2))
                self.order.append(f"transition{k + 1}")
                channels //= 2
        self.norm, self.fc = nn.BatchNorm2d(channels), nn.Linear(channels, classes)

    def forward(self, x, relu=True, largest=False):
        x = self.stem(x)
        for name in self.order:
            x = getattr(self, name)(x)
        x = F.relu(self.norm(x)) if relu else self.norm(x)
        return self.fc(x.amax(dim=(2, 3)) if largest else x.mean(dim=(2, 3)))


def newest_first(block, x):
    """New channels are put before the old ones."""
    for layer in block.children():
        x = torch.cat([layer(x), x], 1)
    return x


### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-7-hidden-1", "points": 2}
# Hidden test 8.7 · equal to torchvision's dense block, weights copied · 2 points
### BEGIN HIDDEN TESTS
# Arrange
settings_87 = [(6, 4, 3), (5, 1, 2), (4, 3, 2, 3), (3, 12, 1)]
frames_87 = [
    torch.randn(2, settings_87[k][0], 5, 7, generator=seeded(870 + k), dtype=torch.float64)
    for k in range(4)
]
twins_87 = [shake(dense_87_true(*setting).double()).eval() for setting in settings_87]
dense_true = [b(x.clone()).detach() for b, x in zip(twins_87, frames_87, strict=True)]
newest_87 = [newest_first(b, x.clone()).detach() for b, x in zip(twins_87, frames_87, strict=True)]
dense_shapes = {name: tuple(t.shape) for name, t in twins_87[2].state_dict().items()}
# Act
dense_mine = observe.shapes(observe.state(DenseBlock(*settings_87[2])))
outs_87 = [
    shake(DenseBlock(*settings_87[k]).double()).eval()(frames_87[k].clone()) for k in range(4)
]
# Assert
check.equal(
    dense_mine,
    dense_shapes,
    "names and shapes in the state of a block",
    hint="denselayer1, …, each with norm1, conv1, norm2, conv2, no biases in convolutions",
)
check.close(
    outs_87,
    dense_true,
    "four dense blocks in eval mode",
    ideas={
        "The order is the input, then the outputs of layers 1, 2, …: new channels go last": newest_87,
    },
    rtol=1e-8,
    atol=1e-8,
    hint="Each layer: norm1, ReLU, conv1, norm2, ReLU, conv2, on the input and all earlier outputs, unactivated",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-7-hidden-2", "points": 1}
# Hidden test 8.7 · equal to torchvision's transition · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_move = torch.randn(2, 6, 7, 10, generator=seeded(880), dtype=torch.float64)
move_ref = shake(transition_87_true(6, 4).double(), 1).eval()
move_true = move_ref(x_move.clone()).detach()
move_activated = move_ref.conv(F.relu(move_ref.norm(x_move.clone()))).detach()
move_max = F.max_pool2d(move_activated, 2)
move_plain = F.avg_pool2d(move_ref.conv(move_ref.norm(x_move.clone())).detach(), 2)
x_move_kept = x_move.clone()
# Act
move_net = shake(Transition(6, 4).double(), 1).eval()
with torch.no_grad():
    move_out = move_net(x_move).clone()
moved_87, x_moved = observe.copy(move_out), observe.copy(x_move)
# Assert
check.close(
    moved_87,
    move_true,
    "Transition(6, 4) in eval mode, image 7×10",
    ideas={
        "The pool is an average, not a maximum": move_max,
        "The ReLU is missing": move_plain,
    },
    rtol=1e-8,
    atol=1e-8,
    hint="norm, ReLU, conv 1×1 without bias, average pool 2×2",
)
check.unchanged(x_moved, x_move_kept, "x")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-7-hidden-3", "points": 1}
# Hidden test 8.7 · a block's step in train mode: output, gradients, statistics · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_step87 = torch.randn(3, 4, 6, 5, generator=seeded(881), dtype=torch.float64)
above_87 = torch.randn(3, 10, 6, 5, generator=seeded(882), dtype=torch.float64)
step_true87 = one_step(shake(dense_87_true(4, 3, 2).double(), 2), x_step87, above_87)
# Act
step_87 = one_step(shake(DenseBlock(4, 3, 2).double(), 2), x_step87, above_87)
# Assert
check.close(
    step_87["output"],
    step_true87["output"],
    "the output of DenseBlock(4, 3, 2), in train mode",
    rtol=1e-6,
    atol=1e-6,
    hint="If the values in eval mode are wrong too, mend those first; in train mode batch norm uses the batch",
)
check.close(
    step_87,
    step_true87,
    "DenseBlock(4, 3, 2)",
    rtol=1e-7,
    atol=1e-7,
    hint="Each layer runs once and reads all earlier outputs, so each output gets gradients from all later layers",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-7-hidden-4", "points": 1}
# Hidden test 8.7 · other samples do not matter in eval mode, x is not written to · 1 point
### BEGIN HIDDEN TESTS
# Arrange
x_crowd87 = 2 * torch.randn(4, 6, 5, 5, generator=seeded(883), dtype=torch.float64) + 1
x_kept87 = x_crowd87.clone()
still_87 = torch.zeros(4, 12, 5, 5, dtype=torch.float64)
# Act
one_87 = shake(DenseBlock(6, 3, 2).double(), 3).eval()
with torch.no_grad():
    given_87 = x_crowd87.clone()
    whole_87 = one_87(given_87).clone()
    alone_87 = torch.cat([one_87(x_crowd87[k : k + 1].clone()) for k in range(4)])
    order_87 = one_87(x_crowd87[[2, 0, 3, 1]])
x_after87 = observe.copy(given_87)
company_87, turn_87 = alone_87 - whole_87, order_87 - whole_87[[2, 0, 3, 1]]
# Assert
check.unchanged(x_after87, x_kept87, "x")
check.close(
    company_87,
    still_87,
    "each image alone, against the same image among four",
    atol=1e-8,
    hint="An image's output depends on its company: in eval mode batch norm uses its running statistics, never the batch",
)
check.close(
    turn_87,
    still_87,
    "the images in another order, against the first order",
    atol=1e-8,
    hint="In another order the same outputs come, in that order",
)
### END HIDDEN TESTS


# %% nbgrader={"grade_id": "ex-8-7-hidden-5", "points": 2}
# Hidden test 8.7 · a whole DenseNet: values and gradients · 2 points
### BEGIN HIDDEN TESTS
# Arrange
scene_x = torch.randn(3, 3, 12, 8, generator=seeded(884), dtype=torch.float64)
scene_up = torch.randn(3, 5, generator=seeded(885), dtype=torch.float64)
scene_ref = shake(Net87([2, 3, 1], 3, 5).double(), 4).eval()
scene_true = scene_ref(scene_x.clone()).detach()
scene_flat = scene_ref(scene_x.clone(), relu=False).detach()
scene_max = scene_ref(scene_x.clone(), largest=True).detach()
scene_step = one_step(scene_ref, scene_x, scene_up)
# Act
scene_net = shake(DenseNet([2, 3, 1], 3, 5).double(), 4).eval()
scene_out = observe.copy(scene_net(scene_x))
scene_mine = one_step(scene_net, scene_x, scene_up)
# Assert
check.close(
    scene_out,
    scene_true,
    "scores of DenseNet([2, 3, 1], 3, 5) in eval mode",
    ideas={
        "The ReLU after the last norm is missing": scene_flat,
        "The average over all pixels is asked for, not the largest": scene_max,
    },
    rtol=1e-7,
    atol=1e-7,
    hint="stem, block1, transition1, block2, …, norm, ReLU, the average over all pixels, fc",
)
check.close(
    scene_mine,
    scene_step,
    "one step in train mode: output, gradients, state",
    rtol=1e-6,
    atol=1e-6,
    hint="Every part must be registered under its name and used once",
)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "ex-8-7-hidden-6", "points": 1}
# Hidden test 8.7 · the size of other DenseNets · 1 point
### BEGIN HIDDEN TESTS
# Arrange
sizes_true = [
    {name: tuple(t.shape) for name, t in Net87(*setting).state_dict().items()}
    for setting in (([4, 4, 4], 12, 10), ([3], 4, 2), ([1, 1, 1, 1], 5, 3))
]
# Act
sizes_87 = [
    observe.shapes(observe.state(DenseNet([4, 4, 4], 12))),
    observe.shapes(observe.state(DenseNet([3], 4, 2))),
    observe.shapes(observe.state(DenseNet((1, 1, 1, 1), 5, classes=3))),
]
# Assert
check.equal(
    sizes_87,
    sizes_true,
    "names and shapes in the states of three networks",
    hint="Channels grow by layers · growth in a block and are halved, rounded down, between blocks; none after the last",
)
### END HIDDEN TESTS
