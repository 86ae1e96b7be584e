# Named answers to the exercises of this chapter: the proof of its tests.

# %% predict-8-1 wrong "a: worse on the test set says it all" expect "overfitting shows too"
predict_8_1 = "a"

# %% predict-8-1 wrong "c: more parameters than images" expect "do not tell whether it happened"
predict_8_1 = "c"

# %% predict-8-2 wrong "a: a residual block is the identity" expect "what stands after the addition"
predict_8_2 = "a"

# %% predict-8-2 wrong "b: a dead branch is a dead block" expect "the shortcut is not"
predict_8_2 = "b"

# %% predict-8-3 wrong "a: a few channels" expect "Each of the convolutions"
predict_8_3 = "a"

# %% predict-8-3 wrong "b: one convolution" expect "Count the convolutions"
predict_8_3 = "b"

# %% predict-8-4 wrong "a: deep means vanishing" expect "without batch norm"
predict_8_4 = "a"

# %% predict-8-4 wrong "b: batch norm keeps everything in size" expect "the gradient is another matter"
predict_8_4 = "b"

# %% predict-8-5 wrong "b: the modes exchanged" expect "who uses the batch at hand"
predict_8_5 = "b"

# %% predict-8-5 wrong "c: batch norm always mixes" expect "numbers that do not come from this batch"
predict_8_5 = "c"

# %% predict-8-5 wrong "d: images go through apart" expect "one kind of layer does not"
predict_8_5 = "d"

# %% 8.1 wrong "ReLU before the addition" expect "the last ReLU comes after the addition"
class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a skip; the ReLU at the end follows the addition.

    Parts: conv1, bn1, conv2, bn2; downsample (1×1 convolution, batch norm) where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(branch) + shortcut

# %% 8.1 wrong "no ReLU at the end" expect "the last ReLU comes after the addition"
class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a skip; the ReLU at the end follows the addition.

    Parts: conv1, bn1, conv2, bn2; downsample (1×1 convolution, batch norm) where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = x if self.downsample is None else self.downsample(x)
        return branch + shortcut

# %% 8.1 wrong "the skip is forgotten" expect "the skip is missing"
class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a skip; the ReLU at the end follows the addition.

    Parts: conv1, bn1, conv2, bn2; downsample (1×1 convolution, batch norm) where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(branch)

# %% 8.1 wrong "projects always" expect "no downsample where x can be added as it is"
class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a skip; the ReLU at the end follows the addition.

    Parts: conv1, bn1, conv2, bn2; downsample (1×1 convolution, batch norm) where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        self.downsample = nn.Sequential(
            nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(branch + shortcut)

# %% 8.1 wrong "convolutions with bias" expect "no bias in a convolution"
class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a skip; the ReLU at the end follows the addition.

    Parts: conv1, bn1, conv2, bn2; downsample (1×1 convolution, batch norm) where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(branch + shortcut)

# %% 8.1 wrong "projection without batch norm" expect "downsample is nn.Sequential(1×1 convolution"
class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a skip; the ReLU at the end follows the addition.

    Parts: conv1, bn1, conv2, bn2; downsample (1×1 convolution, batch norm) where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(branch + shortcut)

# %% 8.1 wrong "projection only where the channels change: the stride alone is forgotten" expect "raised RuntimeError in the line `return F.relu(branch + shortcut)`"
class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a skip; the ReLU at the end follows the addition.

    Parts: conv1, bn1, conv2, bn2; downsample (1×1 convolution, batch norm) where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(branch + shortcut)

# %% 8.1 wrong "adds into x" expect "x changed"
class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a skip; the ReLU at the end follows the addition.

    Parts: conv1, bn1, conv2, bn2; downsample (1×1 convolution, batch norm) where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = x if self.downsample is None else self.downsample(x)
        shortcut += branch
        return F.relu(shortcut)

# %% 8.1 wrong "ReLU between the convolutions forgotten" expect "The ReLU between the convolutions is missing"
class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a skip; the ReLU at the end follows the addition.

    Parts: conv1, bn1, conv2, bn2; downsample (1×1 convolution, batch norm) where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        branch = self.bn2(self.conv2(self.bn1(self.conv1(x))))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(branch + shortcut)

# %% 8.1 wrong "one batch norm for both" expect "four blocks in eval mode"
class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a skip; the ReLU at the end follows the addition.

    Parts: conv1, bn1, conv2, bn2; downsample (1×1 convolution, batch norm) where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        branch = self.bn2(self.conv2(F.relu(self.bn2(self.conv1(x)))))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(branch + shortcut)

# %% 8.1 wrong "bn1 is registered, never used" expect "bn1 is missing"
class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a skip; the ReLU at the end follows the addition.

    Parts: conv1, bn1, conv2, bn2; downsample (1×1 convolution, batch norm) where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        branch = self.bn2(self.conv2(F.relu(self.conv1(x))))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(branch + shortcut)

# %% 8.1 wrong "batch statistics in eval mode too" expect "The statistics of the batch are used"
class Norm(nn.BatchNorm2d):
    def forward(self, h):
        return F.batch_norm(h, None, None, self.weight, self.bias, training=True)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a skip; the ReLU at the end follows the addition.

    Parts: conv1, bn1, conv2, bn2; downsample (1×1 convolution, batch norm) where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn1 = Norm(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = Norm(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), Norm(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(branch + shortcut)

# %% 8.1 wrong "stride in the second convolution" expect "four blocks in eval mode"
class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a skip; the ReLU at the end follows the addition.

    Parts: conv1, bn1, conv2, bn2; downsample (1×1 convolution, batch norm) where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(branch + shortcut)

# %% 8.1 wrong "no gradient through the shortcut" expect "both paths must pass gradients on"
class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a skip; the ReLU at the end follows the addition.

    Parts: conv1, bn1, conv2, bn2; downsample (1×1 convolution, batch norm) where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = (x if self.downsample is None else self.downsample(x)).detach()
        return F.relu(branch + shortcut)

# %% 8.1 wrong "torchvision does the work" expect "without"
class BasicBlock(models.resnet.BasicBlock):
    def __init__(self, cin, cout, stride=1):
        down = None
        if stride != 1 or cin != cout:
            down = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))
        super().__init__(cin, cout, stride, down)

# %% 8.1 wrong "ReLU forgets: pads nothing" expect "must match"
class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a skip; the ReLU at the end follows the addition.

    Parts: conv1, bn1, conv2, bn2; downsample (1×1 convolution, batch norm) where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(branch + shortcut)

# %% 8.1 right "modules in place on own results, an empty Sequential as shortcut"
def conv3(cin, cout, stride=1):
    return nn.Conv2d(cin, cout, kernel_size=3, stride=stride, padding="same" if stride == 1 else 1, bias=False)


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.conv1, self.bn1 = conv3(cin, cout, stride), nn.BatchNorm2d(cout)
        self.conv2, self.bn2 = conv3(cout, cout), nn.BatchNorm2d(cout)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Sequential()
        if cin != cout or stride > 1:
            self.downsample.append(nn.Conv2d(cin, cout, 1, stride=stride, bias=False))
            self.downsample.append(nn.BatchNorm2d(cout))

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.downsample(x)
        return self.relu(out)

# %% 8.1 right "clamp and torch.add, registered by add_module"
class BasicBlock(nn.Module):
    expansion: int = 1

    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.add_module("conv2", nn.Conv2d(cout, cout, (3, 3), 1, (1, 1), bias=False))
        self.add_module("bn2", nn.BatchNorm2d(cout))
        self.add_module("bn1", nn.BatchNorm2d(cout))
        self.add_module("conv1", nn.Conv2d(cin, cout, (3, 3), stride, (1, 1), bias=False))
        self.project = (stride, cin) != (1, cout)
        if self.project:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x):
        h = self.bn1(self.conv1(x)).clamp(min=0)
        h = self.bn2(self.conv2(h))
        if self.project:
            x = self.downsample(x)
        return torch.add(x, h).clamp_min(0)

# %% 8.2 wrong "the skip goes around the activation only" expect "add h, not layer(h)"
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.skip = skip

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        for layer in self.layers:
            z = layer(h)
            h = z + torch.relu(z) if self.skip else torch.relu(z)
        return h


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).sum() / d (first parameter); the model stays as it was."""
    first = next(model.parameters())
    (gradient,) = torch.autograd.grad(model(x).sum(), first)
    return gradient.norm().item()

# %% 8.2 wrong "the ReLU comes after the addition" expect "The ReLU comes before the addition"
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.skip = skip

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        for layer in self.layers:
            h = torch.relu(h + layer(h)) if self.skip else torch.relu(layer(h))
        return h


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).sum() / d (first parameter); the model stays as it was."""
    first = next(model.parameters())
    (gradient,) = torch.autograd.grad(model(x).sum(), first)
    return gradient.norm().item()

# %% 8.2 wrong "one skip over all layers" expect "each layer has its own"
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.skip = skip

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        x = h
        for layer in self.layers:
            h = torch.relu(layer(h))
        return x + h if self.skip else h


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).sum() / d (first parameter); the model stays as it was."""
    first = next(model.parameters())
    (gradient,) = torch.autograd.grad(model(x).sum(), first)
    return gradient.norm().item()

# %% 8.2 wrong "always the first input" expect "add the h that enters the layer"
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.skip = skip

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        x = h
        for layer in self.layers:
            change = torch.relu(layer(h))
            h = x + change if self.skip else change
        return h


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).sum() / d (first parameter); the model stays as it was."""
    first = next(model.parameters())
    (gradient,) = torch.autograd.grad(model(x).sum(), first)
    return gradient.norm().item()

# %% 8.2 wrong "a list instead of a ModuleList" expect "Unexpected key"
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.layers = [nn.Linear(width, width) for _ in range(depth)]
        self.skip = skip

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        for layer in self.layers:
            change = torch.relu(layer(h))
            h = h + change if self.skip else change
        return h


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).sum() / d (first parameter); the model stays as it was."""
    first = next(model.parameters())
    (gradient,) = torch.autograd.grad(model(x).sum(), first)
    return gradient.norm().item()

# %% 8.2 wrong "the squared norm" expect "This is the squared norm"
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.skip = skip

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        for layer in self.layers:
            change = torch.relu(layer(h))
            h = h + change if self.skip else change
        return h


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).sum() / d (first parameter); the model stays as it was."""
    first = next(model.parameters())
    (gradient,) = torch.autograd.grad(model(x).sum(), first)
    return gradient.square().sum().item()

# %% 8.2 wrong "the gradient of the input" expect "This is the gradient of the input"
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.skip = skip

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        for layer in self.layers:
            change = torch.relu(layer(h))
            h = h + change if self.skip else change
        return h


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).sum() / d (first parameter); the model stays as it was."""
    x = x[:1].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(x).sum() * 2**0.5, x)
    return gradient.norm().item()

# %% 8.2 wrong "the mean of the outputs" expect "not the sum"
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.skip = skip

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        for layer in self.layers:
            change = torch.relu(layer(h))
            h = h + change if self.skip else change
        return h


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).mean() / d (first parameter); the model stays as it was."""
    first = next(model.parameters())
    (gradient,) = torch.autograd.grad(model(x).mean(), first)
    return gradient.norm().item()

# %% 8.2 wrong "the norm over all parameters" expect "over all parameters"
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.skip = skip

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        for layer in self.layers:
            change = torch.relu(layer(h))
            h = h + change if self.skip else change
        return h


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).sum() / d (first parameter); the model stays as it was."""
    found = torch.autograd.grad(model(x).sum(), list(model.parameters()))
    return sum(g.square().sum() for g in found).sqrt().item()

# %% 8.2 wrong "clears the gradients that were there" expect "do not clear what is not yours"
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.skip = skip

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        for layer in self.layers:
            change = torch.relu(layer(h))
            h = h + change if self.skip else change
        return h


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).sum() / d (first parameter); the model stays as it was."""
    model.zero_grad()
    model(x).sum().backward()
    size = next(model.parameters()).grad.norm().item()
    model.zero_grad()
    return size

# %% 8.2 wrong "adds to the gradients that were there" expect "with old gradients lying about"
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.skip = skip

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        for layer in self.layers:
            change = torch.relu(layer(h))
            h = h + change if self.skip else change
        return h


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).sum() / d (first parameter); the model stays as it was."""
    model(x).sum().backward()
    return next(model.parameters()).grad.norm().item()

# %% 8.2 wrong "leaves the model in eval mode" expect "the modes afterwards"
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.skip = skip

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        for layer in self.layers:
            change = torch.relu(layer(h))
            h = h + change if self.skip else change
        return h


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).sum() / d (first parameter); the model stays as it was."""
    model.eval()
    first = next(model.parameters())
    (gradient,) = torch.autograd.grad(model(x).sum(), first)
    return gradient.norm().item()

# %% 8.2 wrong "measures after a step" expect "the weights afterwards"
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.skip = skip

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        for layer in self.layers:
            change = torch.relu(layer(h))
            h = h + change if self.skip else change
        return h


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).sum() / d (first parameter); the model stays as it was."""
    kept = [p.grad for p in model.parameters()]
    model.zero_grad()
    model(x).sum().backward()
    size = next(model.parameters()).grad.norm().item()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    for p, g in zip(model.parameters(), kept):
        p.grad = g
    return size

# %% 8.2 wrong "rounds tiny gradients away" expect "do not round it away"
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.skip = skip

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        for layer in self.layers:
            change = torch.relu(layer(h))
            h = h + change if self.skip else change
        return h


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).sum() / d (first parameter); the model stays as it was."""
    first = next(model.parameters())
    (gradient,) = torch.autograd.grad(model(x).sum(), first)
    return round(gradient.norm().item(), 6)

# %% 8.2 right "torch.func, and Sequential sums"
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.skip = skip

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        for layer in self.layers:
            h = self.skip * h + layer(h).clamp(min=0)
        return h


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).sum() / d (first parameter); the model stays as it was."""
    weights = {n: p.detach() for n, p in model.named_parameters()}

    def total(w):
        return torch.func.functional_call(model, w, (x,)).sum()

    slopes = torch.func.grad(total)(weights)
    return float(slopes[next(iter(weights))].pow(2).sum() ** 0.5)

# %% 8.2 right "backward on a deep copy"
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.skip = skip

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        for layer in self.layers:
            h = F.relu(layer(h)) + (h if self.skip else 0)
        return h


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).sum() / d (first parameter); the model stays as it was."""
    import copy

    twin = copy.deepcopy(model)
    twin.zero_grad()
    twin(x).sum().backward()
    return torch.linalg.vector_norm(next(twin.parameters()).grad).item()

# %% 8.2 right "layers appended, a tensor comes back"
class Stack(nn.Module):
    """Linear layers of one width with ReLU, each with a skip around it or without."""

    def __init__(self, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for _ in range(depth):
            self.layers.append(nn.Linear(width, width))
        self.skip = skip

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """h: (N, width). Returns (N, width)."""
        for layer in self.layers:
            change = torch.relu(layer(h))
            h = h + change if self.skip else change
        return h


def first_grad_norm(model: nn.Module, x: torch.Tensor) -> float:
    """Frobenius norm of d model(x).sum() / d (first parameter); the model stays as it was."""
    first = next(model.parameters())
    (gradient,) = torch.autograd.grad(model(x).sum(), first)
    return gradient.flatten().norm()

# %% 8.3 wrong "the activated input through the identity shortcut" expect "take the raw x"
class PreActBlock(nn.Module):
    """bn1, ReLU, conv1, bn2, ReLU, conv2, and a skip with nothing after the addition.

    downsample (a 1×1 convolution on the activated input) only where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Conv2d(cin, cout, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        h = F.relu(self.bn1(x))
        shortcut = h if self.downsample is None else self.downsample(h)
        return shortcut + self.conv2(F.relu(self.bn2(self.conv1(h))))

# %% 8.3 wrong "a ReLU after the addition" expect "let nothing follow the addition"
class PreActBlock(nn.Module):
    """bn1, ReLU, conv1, bn2, ReLU, conv2, and a skip with nothing after the addition.

    downsample (a 1×1 convolution on the activated input) only where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Conv2d(cin, cout, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        h = F.relu(self.bn1(x))
        shortcut = x if self.downsample is None else self.downsample(h)
        return F.relu(shortcut + self.conv2(F.relu(self.bn2(self.conv1(h)))))

# %% 8.3 wrong "the shortcut is missing" expect "the skip is missing"
class PreActBlock(nn.Module):
    """bn1, ReLU, conv1, bn2, ReLU, conv2, and a skip with nothing after the addition.

    downsample (a 1×1 convolution on the activated input) only where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Conv2d(cin, cout, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        h = F.relu(self.bn1(x))
        shortcut = x if self.downsample is None else self.downsample(h)
        return self.conv2(F.relu(self.bn2(self.conv1(h))))

# %% 8.3 wrong "batch norm on the shortcut" expect "without batch norm"
class PreActBlock(nn.Module):
    """bn1, ReLU, conv1, bn2, ReLU, conv2, and a skip with nothing after the addition.

    downsample (a 1×1 convolution on the activated input) only where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        h = F.relu(self.bn1(x))
        shortcut = x if self.downsample is None else self.downsample(h)
        return shortcut + self.conv2(F.relu(self.bn2(self.conv1(h))))

# %% 8.3 wrong "the projection takes the raw x" expect "A projection takes relu(bn1(x))"
class PreActBlock(nn.Module):
    """bn1, ReLU, conv1, bn2, ReLU, conv2, and a skip with nothing after the addition.

    downsample (a 1×1 convolution on the activated input) only where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Conv2d(cin, cout, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        h = F.relu(self.bn1(x))
        shortcut = x if self.downsample is None else self.downsample(x)
        return shortcut + self.conv2(F.relu(self.bn2(self.conv1(h))))

# %% 8.3 wrong "bn1 for the output channels, as in the basic block" expect "raised RuntimeError in the line `h = F.relu(self.bn1(x))`"
class PreActBlock(nn.Module):
    """bn1, ReLU, conv1, bn2, ReLU, conv2, and a skip with nothing after the addition.

    downsample (a 1×1 convolution on the activated input) only where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Conv2d(cin, cout, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        h = F.relu(self.bn1(x))
        shortcut = x if self.downsample is None else self.downsample(h)
        return shortcut + self.conv2(F.relu(self.bn2(self.conv1(h))))

# %% 8.3 wrong "the second ReLU is forgotten" expect "The ReLU after bn2 is missing"
class PreActBlock(nn.Module):
    """bn1, ReLU, conv1, bn2, ReLU, conv2, and a skip with nothing after the addition.

    downsample (a 1×1 convolution on the activated input) only where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Conv2d(cin, cout, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        h = F.relu(self.bn1(x))
        shortcut = x if self.downsample is None else self.downsample(h)
        return shortcut + self.conv2(self.bn2(self.conv1(h)))

# %% 8.3 wrong "the branch starts from the raw x" expect "The branch starts with bn1 and ReLU"
class PreActBlock(nn.Module):
    """bn1, ReLU, conv1, bn2, ReLU, conv2, and a skip with nothing after the addition.

    downsample (a 1×1 convolution on the activated input) only where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Conv2d(cin, cout, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        h = F.relu(self.bn1(x))
        shortcut = x if self.downsample is None else self.downsample(h)
        return shortcut + self.conv2(F.relu(self.bn2(self.conv1(x))))

# %% 8.3 wrong "bn1 runs twice" expect "twice would move its statistics twice"
class PreActBlock(nn.Module):
    """bn1, ReLU, conv1, bn2, ReLU, conv2, and a skip with nothing after the addition.

    downsample (a 1×1 convolution on the activated input) only where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Conv2d(cin, cout, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        h = F.relu(self.bn1(x))
        shortcut = x if self.downsample is None else self.downsample(F.relu(self.bn1(x)))
        return shortcut + self.conv2(F.relu(self.bn2(self.conv1(h))))

# %% 8.3 wrong "the shortcut is normalised without a ReLU" expect "neither normalised nor cut"
class PreActBlock(nn.Module):
    """bn1, ReLU, conv1, bn2, ReLU, conv2, and a skip with nothing after the addition.

    downsample (a 1×1 convolution on the activated input) only where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Conv2d(cin, cout, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        h = F.relu(self.bn1(x))
        shortcut = self.bn1(x) + 0.1 if self.downsample is None else self.downsample(h)
        return shortcut + self.conv2(F.relu(self.bn2(self.conv1(h))))

# %% 8.3 wrong "the shortcut is normalised" expect "four blocks in eval mode"
class PreActBlock(nn.Module):
    """bn1, ReLU, conv1, bn2, ReLU, conv2, and a skip with nothing after the addition.

    downsample (a 1×1 convolution on the activated input) only where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Conv2d(cin, cout, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        h = F.relu(self.bn1(x))
        shortcut = self.bn1(x) if self.downsample is None else self.downsample(h)
        return shortcut + self.conv2(F.relu(self.bn2(self.conv1(h))))

# %% 8.3 wrong "writes into x" expect "x changed"
class PreActBlock(nn.Module):
    """bn1, ReLU, conv1, bn2, ReLU, conv2, and a skip with nothing after the addition.

    downsample (a 1×1 convolution on the activated input) only where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Conv2d(cin, cout, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        h = F.relu(self.bn1(x))
        y = x if self.downsample is None else self.downsample(h)
        y += self.conv2(F.relu(self.bn2(self.conv1(h))))
        return y

# %% 8.3 wrong "batch statistics in eval mode too" expect "The statistics of the batch are used"
class Norm(nn.BatchNorm2d):
    def forward(self, h):
        return F.batch_norm(h, None, None, self.weight, self.bias, training=True)


class PreActBlock(nn.Module):
    """bn1, ReLU, conv1, bn2, ReLU, conv2, and a skip with nothing after the addition.

    downsample (a 1×1 convolution on the activated input) only where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = Norm(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn2 = Norm(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Conv2d(cin, cout, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        h = F.relu(self.bn1(x))
        shortcut = x if self.downsample is None else self.downsample(h)
        return shortcut + self.conv2(F.relu(self.bn2(self.conv1(h))))

# %% 8.3 right "ReLU modules in place on own results"
class PreActBlock(nn.Module):
    """bn1, ReLU, conv1, bn2, ReLU, conv2, and a skip with nothing after the addition.

    downsample (a 1×1 convolution on the activated input) only where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Conv2d(cin, cout, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H / stride, W / stride)."""
        h = nn.ReLU(inplace=True)(self.bn1(x))
        out = self.conv2(F.relu_(self.bn2(self.conv1(h))))
        out += x if self.downsample is None else self.downsample(h)
        return out

# %% 8.3 right "a Sequential-like walk, the projection decided at run time"
class PreActBlock(nn.Module):
    expansion = 1

    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, cout, kernel_size=3, padding=1, stride=stride, bias=None)
        self.bn2 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, kernel_size=3, padding="same", bias=False)
        if not (stride == 1 and cin == cout):
            self.downsample = nn.Conv2d(cin, cout, 1, stride=stride, bias=False)

    def forward(self, x):
        h = torch.relu(self.bn1(x))
        road = self.downsample(h) if hasattr(self, "downsample") else x
        for norm, conv in ((None, self.conv1), (self.bn2, self.conv2)):
            h = conv(h if norm is None else torch.relu(norm(h)))
        return torch.add(h, road)

# %% 8.4 wrong "stride 2 in every block of a stage" expect "Stride 2 stands in every block"
class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
        size, stride, padding = (3, 1, 1) if small else (7, 2, 3)
        self.conv1 = nn.Conv2d(3, width, size, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.Identity() if small else nn.MaxPool2d(3, 2, 1)
        cin = width
        for k, count in enumerate(counts):
            blocks = []
            for i in range(count):
                blocks.append(block(cin, width * 2**k, 2 if k > 0 else 1))
                cin = width * 2**k * block.expansion
            setattr(self, f"layer{k + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(cin, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))

# %% 8.4 wrong "stride 2 in the first stage too" expect "The first stage has stride 1"
class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
        size, stride, padding = (3, 1, 1) if small else (7, 2, 3)
        self.conv1 = nn.Conv2d(3, width, size, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.Identity() if small else nn.MaxPool2d(3, 2, 1)
        cin = width
        for k, count in enumerate(counts):
            blocks = []
            for i in range(count):
                blocks.append(block(cin, width * 2**k, 2 if i == 0 else 1))
                cin = width * 2**k * block.expansion
            setattr(self, f"layer{k + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(cin, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))

# %% 8.4 wrong "no stride at all" expect "No stage halves the image"
class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
        size, stride, padding = (3, 1, 1) if small else (7, 2, 3)
        self.conv1 = nn.Conv2d(3, width, size, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.Identity() if small else nn.MaxPool2d(3, 2, 1)
        cin = width
        for k, count in enumerate(counts):
            blocks = []
            for i in range(count):
                blocks.append(block(cin, width * 2**k, 1))
                cin = width * 2**k * block.expansion
            setattr(self, f"layer{k + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(cin, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))

# %% 8.4 wrong "expansion forgotten" expect "raised RuntimeError"
class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
        size, stride, padding = (3, 1, 1) if small else (7, 2, 3)
        self.conv1 = nn.Conv2d(3, width, size, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.Identity() if small else nn.MaxPool2d(3, 2, 1)
        cin = width
        for k, count in enumerate(counts):
            blocks = []
            for i in range(count):
                blocks.append(block(cin, width * 2**k, 2 if k > 0 and i == 0 else 1))
                cin = width * 2**k
            setattr(self, f"layer{k + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(cin, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))

# %% 8.4 wrong "incoming channels updated after the stage only" expect "raised RuntimeError"
class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))

# %% 8.4 wrong "fc without the expansion" expect "raised RuntimeError"
class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
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
        self.fc = nn.Linear(width * 8, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))

# %% 8.4 wrong "softmax at the end" expect "no softmax"
class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3))).softmax(dim=1)

# %% 8.4 wrong "an average pool of fixed size" expect "raised RuntimeError"
class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(F.avg_pool2d(x, 4).flatten(1))

# %% 8.4 wrong "the max-pool is forgotten" expect "The max-pool of the large stem is missing"
class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
        size, stride, padding = (3, 1, 1) if small else (7, 2, 3)
        self.conv1 = nn.Conv2d(3, width, size, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.Identity()
        cin = width
        for k, count in enumerate(counts):
            blocks = []
            for i in range(count):
                blocks.append(block(cin, width * 2**k, 2 if k > 0 and i == 0 else 1))
                cin = width * 2**k * block.expansion
            setattr(self, f"layer{k + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(cin, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))

# %% 8.4 wrong "max-pool without padding" expect "scores of ResNet-18 with the large stem"
class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
        size, stride, padding = (3, 1, 1) if small else (7, 2, 3)
        self.conv1 = nn.Conv2d(3, width, size, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.Identity() if small else nn.MaxPool2d(3, 2)
        cin = width
        for k, count in enumerate(counts):
            blocks = []
            for i in range(count):
                blocks.append(block(cin, width * 2**k, 2 if k > 0 and i == 0 else 1))
                cin = width * 2**k * block.expansion
            setattr(self, f"layer{k + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(cin, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))

# %% 8.4 wrong "the ReLU of the stem is forgotten" expect "scores of ResNet-18 with the large stem"
class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.pool(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))

# %% 8.4 wrong "global max instead of average" expect "scores of ResNet-18"
class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.amax(dim=(2, 3)))

# %% 8.4 wrong "blocks in a plain list" expect "names of the convolutions"
class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
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
            setattr(self, f"layer{k + 1}", lambda x, b=blocks: [x := f(x) for f in b][-1])
        self.fc = nn.Linear(cin, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))

# %% 8.4 wrong "the stem keeps its bias" expect "nothing else that has weights"
class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
        size, stride, padding = (3, 1, 1) if small else (7, 2, 3)
        self.conv1 = nn.Conv2d(3, width, size, stride, padding)
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))

# %% 8.4 wrong "squeeze without naming the dimensions" expect "loses a dimension"
class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).squeeze())

# %% 8.4 wrong "features frozen before fc" expect "pass gradients on"
class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)).detach())

# %% 8.4 wrong "batch statistics in eval mode too" expect "scores of ResNet-18 with the large stem"
class Norm(nn.BatchNorm2d):
    def forward(self, h):
        return F.batch_norm(h, None, None, self.weight, self.bias, training=True)


class ResNet(nn.Module):
    """A residual network of four stages. counts: blocks in each stage; width: channels of stage 1.

    block: class with block(cin, w, stride), giving w * block.expansion channels.
    Parts: conv1, bn1, layer1, layer2, layer3, layer4, fc.
    """

    def __init__(self, block, counts, classes: int = 10, width: int = 64, small: bool = True):
        super().__init__()
        size, stride, padding = (3, 1, 1) if small else (7, 2, 3)
        self.conv1 = nn.Conv2d(3, width, size, stride, padding, bias=False)
        self.bn1 = Norm(width)
        self.pool = nn.Identity() if small else nn.MaxPool2d(3, 2, 1)
        cin = width
        for k, count in enumerate(counts):
            blocks = []
            for i in range(count):
                blocks.append(block(cin, width * 2**k, 2 if k > 0 and i == 0 else 1))
                cin = width * 2**k * block.expansion
            setattr(self, f"layer{k + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(cin, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))

# %% 8.4 wrong "torchvision with its own stages" expect "your own ResNet"
class ResNet(models.ResNet):
    def __init__(self, block, counts, classes=10, width=64, small=True):
        nn.Module.__init__(self)
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False) if small else nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(width), nn.ReLU()
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, 2, 1)
        cin = width
        for k, count in enumerate(counts):
            made = []
            for i in range(count):
                made.append(block(cin, width << k, 2 if k and not i else 1))
                cin = (width << k) * block.expansion
            setattr(self, f"layer{k + 1}", nn.Sequential(*made))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(cin, classes)

# %% 8.4 right "a helper makes a stage, AdaptiveAvgPool and flatten"
class ResNet(nn.Module):
    def __init__(self, block, counts, classes=10, width=64, small=True):
        super().__init__()
        self.incoming = width
        if small:
            self.conv1 = nn.Conv2d(3, width, kernel_size=3, padding=1, bias=False)
        else:
            self.conv1 = nn.Conv2d(3, width, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.small = small
        self.layer1 = self.stage(block, width, counts[0], 1)
        self.layer2 = self.stage(block, width * 2, counts[1], 2)
        self.layer3 = self.stage(block, width * 4, counts[2], 2)
        self.layer4 = self.stage(block, width * 8, counts[3], 2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width * 8 * block.expansion, classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")

    def stage(self, block, w, count, stride):
        layers = []
        for s in [stride] + [1] * (count - 1):
            layers.append(block(self.incoming, w, s))
            self.incoming = w * block.expansion
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        if not self.small:
            x = F.max_pool2d(x, kernel_size=3, stride=2, padding=1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))

# %% 8.4 right "blocks appended to a Sequential, mean over flattened pixels"
class ResNet(nn.Module):
    def __init__(self, block, counts, classes=10, width=64, small=True):
        super().__init__()
        geometry = dict(kernel_size=3, padding=1) if small else dict(kernel_size=7, stride=2, padding=3)
        self.conv1 = nn.Conv2d(3, width, bias=False, **geometry)
        self.bn1 = nn.BatchNorm2d(width)
        self.small, channels, w = small, width, width
        for number, count in enumerate(counts, 1):
            stage = nn.Sequential()
            stride = 1 if number == 1 else 2
            while len(stage) < count:
                stage.append(block(channels, w, stride))
                channels, stride = w * block.expansion, 1
            self.add_module(f"layer{number}", stage)
            w *= 2
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        h = torch.relu(self.bn1(self.conv1(x)))
        h = h if self.small else nn.functional.max_pool2d(h, 3, 2, 1)
        for number in range(1, 5):
            h = self.get_submodule(f"layer{number}")(h)
        return self.fc(h.flatten(2).mean(-1))

# %% 8.5 wrong "expansion forgotten in the shortcut test" expect "raised RuntimeError in the line `return F.relu(self.bn3(self.conv3(h)) + shortcut)`"
class Bottleneck(nn.Module):
    """1×1 to width, 3×3 (with the stride), 1×1 to 4 · width, and a skip; ReLU after the addition.

    Parts: conv1, bn1, conv2, bn2, conv3, bn3; downsample where shapes differ.
    """

    expansion = 4

    def __init__(self, cin: int, width: int, stride: int = 1) -> None:
        super().__init__()
        cout = width * self.expansion
        self.conv1 = nn.Conv2d(cin, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, cout, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, 4 · width, H / stride, W / stride)."""
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(h)) + shortcut)

# %% 8.5 wrong "the expansion multiplies the input" expect "output shapes of Bottleneck"
class Bottleneck(nn.Module):
    """1×1 to width, 3×3 (with the stride), 1×1 to 4 · width, and a skip; ReLU after the addition.

    Parts: conv1, bn1, conv2, bn2, conv3, bn3; downsample where shapes differ.
    """

    expansion = 4

    def __init__(self, cin: int, width: int, stride: int = 1) -> None:
        super().__init__()
        cout = cin * self.expansion
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, 4 · width, H / stride, W / stride)."""
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(h)) + shortcut)

# %% 8.5 wrong "stride in the first 1×1" expect "it belongs in the 3×3"
class Bottleneck(nn.Module):
    """1×1 to width, 3×3 (with the stride), 1×1 to 4 · width, and a skip; ReLU after the addition.

    Parts: conv1, bn1, conv2, bn2, conv3, bn3; downsample where shapes differ.
    """

    expansion = 4

    def __init__(self, cin: int, width: int, stride: int = 1) -> None:
        super().__init__()
        cout = width * self.expansion
        self.conv1 = nn.Conv2d(cin, width, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, cout, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, 4 · width, H / stride, W / stride)."""
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(h)) + shortcut)

# %% 8.5 wrong "ReLU before the addition" expect "A ReLU follows bn3 before the addition"
class Bottleneck(nn.Module):
    """1×1 to width, 3×3 (with the stride), 1×1 to 4 · width, and a skip; ReLU after the addition.

    Parts: conv1, bn1, conv2, bn2, conv3, bn3; downsample where shapes differ.
    """

    expansion = 4

    def __init__(self, cin: int, width: int, stride: int = 1) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, 4 · width, H / stride, W / stride)."""
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(F.relu(self.bn3(self.conv3(h))) + shortcut)

# %% 8.5 wrong "no ReLU at the end" expect "the last ReLU comes after the addition"
class Bottleneck(nn.Module):
    """1×1 to width, 3×3 (with the stride), 1×1 to 4 · width, and a skip; ReLU after the addition.

    Parts: conv1, bn1, conv2, bn2, conv3, bn3; downsample where shapes differ.
    """

    expansion = 4

    def __init__(self, cin: int, width: int, stride: int = 1) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, 4 · width, H / stride, W / stride)."""
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.bn3(self.conv3(h)) + shortcut

# %% 8.5 wrong "the skip is forgotten" expect "the skip is missing"
class Bottleneck(nn.Module):
    """1×1 to width, 3×3 (with the stride), 1×1 to 4 · width, and a skip; ReLU after the addition.

    Parts: conv1, bn1, conv2, bn2, conv3, bn3; downsample where shapes differ.
    """

    expansion = 4

    def __init__(self, cin: int, width: int, stride: int = 1) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, 4 · width, H / stride, W / stride)."""
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(h)))

# %% 8.5 wrong "no expansion declared" expect "Bottleneck.expansion"
class Bottleneck(nn.Module):
    """1×1 to width, 3×3 (with the stride), 1×1 to 4 · width, and a skip; ReLU after the addition.

    Parts: conv1, bn1, conv2, bn2, conv3, bn3; downsample where shapes differ.
    """

    expansion = 1

    def __init__(self, cin: int, width: int, stride: int = 1) -> None:
        super().__init__()
        cout = width * 4
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, 4 · width, H / stride, W / stride)."""
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(h)) + shortcut)

# %% 8.5 wrong "projects always" expect "so x is added as it is"
class Bottleneck(nn.Module):
    """1×1 to width, 3×3 (with the stride), 1×1 to 4 · width, and a skip; ReLU after the addition.

    Parts: conv1, bn1, conv2, bn2, conv3, bn3; downsample where shapes differ.
    """

    expansion = 4

    def __init__(self, cin: int, width: int, stride: int = 1) -> None:
        super().__init__()
        cout = width * self.expansion
        self.conv1 = nn.Conv2d(cin, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, cout, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(cout)
        self.downsample = None
        if True:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, 4 · width, H / stride, W / stride)."""
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(h)) + shortcut)

# %% 8.5 wrong "no padding in the 3×3" expect "raised RuntimeError"
class Bottleneck(nn.Module):
    """1×1 to width, 3×3 (with the stride), 1×1 to 4 · width, and a skip; ReLU after the addition.

    Parts: conv1, bn1, conv2, bn2, conv3, bn3; downsample where shapes differ.
    """

    expansion = 4

    def __init__(self, cin: int, width: int, stride: int = 1) -> None:
        super().__init__()
        cout = width * self.expansion
        self.conv1 = nn.Conv2d(cin, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, cout, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, 4 · width, H / stride, W / stride)."""
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(h)) + shortcut)

# %% 8.5 wrong "the ReLU after bn2 is forgotten" expect "The ReLU after bn2 is missing"
class Bottleneck(nn.Module):
    """1×1 to width, 3×3 (with the stride), 1×1 to 4 · width, and a skip; ReLU after the addition.

    Parts: conv1, bn1, conv2, bn2, conv3, bn3; downsample where shapes differ.
    """

    expansion = 4

    def __init__(self, cin: int, width: int, stride: int = 1) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, 4 · width, H / stride, W / stride)."""
        h = F.relu(self.bn1(self.conv1(x)))
        h = self.bn2(self.conv2(h))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(h)) + shortcut)

# %% 8.5 wrong "one norm used twice" expect "five bottlenecks in eval mode"
class Bottleneck(nn.Module):
    """1×1 to width, 3×3 (with the stride), 1×1 to 4 · width, and a skip; ReLU after the addition.

    Parts: conv1, bn1, conv2, bn2, conv3, bn3; downsample where shapes differ.
    """

    expansion = 4

    def __init__(self, cin: int, width: int, stride: int = 1) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, 4 · width, H / stride, W / stride)."""
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn1(self.conv2(h)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(h)) + shortcut)

# %% 8.5 wrong "the shortcut is cut off" expect "both paths pass gradients on"
class Bottleneck(nn.Module):
    """1×1 to width, 3×3 (with the stride), 1×1 to 4 · width, and a skip; ReLU after the addition.

    Parts: conv1, bn1, conv2, bn2, conv3, bn3; downsample where shapes differ.
    """

    expansion = 4

    def __init__(self, cin: int, width: int, stride: int = 1) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, 4 · width, H / stride, W / stride)."""
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(h)) + shortcut.detach())

# %% 8.5 wrong "batch statistics in eval mode too" expect "The statistics of the batch are used"
class Norm(nn.BatchNorm2d):
    def forward(self, h):
        return F.batch_norm(h, None, None, self.weight, self.bias, training=True)


class Bottleneck(nn.Module):
    """1×1 to width, 3×3 (with the stride), 1×1 to 4 · width, and a skip; ReLU after the addition.

    Parts: conv1, bn1, conv2, bn2, conv3, bn3; downsample where shapes differ.
    """

    expansion = 4

    def __init__(self, cin: int, width: int, stride: int = 1) -> None:
        super().__init__()
        cout = width * self.expansion
        self.conv1 = nn.Conv2d(cin, width, 1, bias=False)
        self.bn1 = Norm(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = Norm(width)
        self.conv3 = nn.Conv2d(width, cout, 1, bias=False)
        self.bn3 = Norm(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), Norm(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, 4 · width, H / stride, W / stride)."""
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(h)) + shortcut)

# %% 8.5 wrong "torchvision does the work" expect "your own block"
class Bottleneck(models.resnet.Bottleneck):
    def __init__(self, cin, width, stride=1):
        down = None
        if stride != 1 or cin != 4 * width:
            down = nn.Sequential(nn.Conv2d(cin, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))
        super().__init__(cin, width, stride, down)

# %% 8.5 right "a loop makes the layers, an empty Sequential as shortcut"
class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, cin, width, stride=1):
        super().__init__()
        plan = [(cin, width, 1, 1), (width, width, 3, stride), (width, 4 * width, 1, 1)]
        for number, (a, b, size, step) in enumerate(plan, 1):
            conv = nn.Conv2d(a, b, size, stride=step, padding=size // 2, bias=False)
            setattr(self, f"conv{number}", conv)
            setattr(self, f"bn{number}", nn.BatchNorm2d(b))
        self.downsample = nn.Sequential()
        if (cin, 1) != (4 * width, stride):
            self.downsample.append(nn.Conv2d(cin, 4 * width, 1, stride, bias=False))
            self.downsample.append(nn.BatchNorm2d(4 * width))

    def forward(self, x):
        h = x
        for conv, norm in ((self.conv1, self.bn1), (self.conv2, self.bn2)):
            h = torch.relu_(norm(conv(h)))
        h = self.bn3(self.conv3(h))
        h += self.downsample(x)
        return torch.relu_(h)

# %% 8.5 right "clamp and a stride on the projection by keyword"
class Bottleneck(nn.Module):
    """1×1 to width, 3×3 (with the stride), 1×1 to 4 · width, and a skip; ReLU after the addition.

    Parts: conv1, bn1, conv2, bn2, conv3, bn3; downsample where shapes differ.
    """

    expansion = 4

    def __init__(self, cin: int, width: int, stride: int = 1) -> None:
        super().__init__()
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
                nn.Conv2d(cin, cout, kernel_size=1, stride=(stride, stride), bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, 4 · width, H / stride, W / stride)."""
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return (shortcut + self.bn3(self.conv3(h))).clamp(min=0)

# %% 8.6 wrong "one number for the batch" expect "each image has its own"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean())


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a], dim=1))
        return x + self.out(h)

# %% 8.6 wrong "the sum instead of the mean" expect "The squared error is summed"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().sum(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a], dim=1))
        return x + self.out(h)

# %% 8.6 wrong "peak is not used" expect "peak is not used"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return -10 * torch.log10((a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a], dim=1))
        return x + self.out(h)

# %% 8.6 wrong "natural logarithm" expect "decibels use log10"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a], dim=1))
        return x + self.out(h)

# %% 8.6 wrong "a small number against division by zero" expect "no small number added"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / ((a - b).square().mean(dim=(1, 2, 3)) + 1e-10))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a], dim=1))
        return x + self.out(h)

# %% 8.6 wrong "n - 1 in the variance" expect "The variance is divided by n - 1"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    n = a.shape[1]
    both = ((a - mean_a) * (b - mean_b)).sum(1) / (n - 1)
    spread = a.var(1) + b.var(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a], dim=1))
        return x + self.out(h)

# %% 8.6 wrong "the constants without the peak" expect "grow with the peak"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = 0.01**2, 0.03**2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a], dim=1))
        return x + self.out(h)

# %% 8.6 wrong "no constants" expect "ssim_global of [0, 1] and [1, 0]"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = 0.0, 0.0
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a], dim=1))
        return x + self.out(h)

# %% 8.6 wrong "the residual addition broadcasts one channel" expect "x was broadcast over the channels"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return (x if x.shape[1] == 1 else self.shortcut(x)) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a], dim=1))
        return x + self.out(h)

# %% 8.6 wrong "a ReLU after the addition" expect "A ReLU follows the addition"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return F.relu(self.shortcut(x) + self.conv2(F.relu(self.conv1(x))))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a], dim=1))
        return x + self.out(h)

# %% 8.6 wrong "no skip around the network" expect "The skip around the whole network is missing"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a], dim=1))
        return self.out(h)

# %% 8.6 wrong "the decoder forgets the long skips" expect "Concatenating adds the channels"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(4 * width, 2 * width)
        self.dec1 = ResConv(2 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(F.interpolate(m, size=b.shape[-2:]))
        h = self.dec1(F.interpolate(h, size=a.shape[-2:]))
        return x + self.out(h)

# %% 8.6 wrong "adds instead of concatenating" expect "Concatenating adds the channels"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(4 * width, 2 * width)
        self.dec1 = ResConv(2 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(F.interpolate(m, size=b.shape[-2:]) + b.repeat(1, 2, 1, 1))
        h = self.dec1(F.interpolate(h, size=a.shape[-2:]) + a.repeat(1, 2, 1, 1))
        return x + self.out(h)

# %% 8.6 wrong "the partner first" expect "Concatenate what comes up first"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([b, F.interpolate(m, size=b.shape[-2:])], dim=1))
        h = self.dec1(torch.cat([a, F.interpolate(h, size=a.shape[-2:])], dim=1))
        return x + self.out(h)

# %% 8.6 wrong "subtracts the correction" expect "The correction is subtracted"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a], dim=1))
        return x - self.out(h)

# %% 8.6 wrong "average pool" expect "pool is a max-pool"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.avg_pool2d(a, 2))
        m = self.mid(F.avg_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a], dim=1))
        return x + self.out(h)

# %% 8.6 wrong "bilinear interpolation" expect "without a mode: the nearest pixel"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:], mode="bilinear"), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:], mode="bilinear"), a], dim=1))
        return x + self.out(h)

# %% 8.6 wrong "doubles the size" expect "raised RuntimeError"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, scale_factor=2), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, scale_factor=2), a], dim=1))
        return x + self.out(h)

# %% 8.6 wrong "one skip of the wrong level" expect "the output"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), F.interpolate(b[:, : a.shape[1]], size=a.shape[-2:])], dim=1))
        return x + self.out(h)

# %% 8.6 wrong "writes into x" expect "raised RuntimeError in the line `x += self.out(h)`"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a], dim=1))
        x += self.out(h)
        return x

# %% 8.6 wrong "the encoder is cut off" expect "both kinds of skip pass gradients on"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a.detach()], dim=1))
        return x + self.out(h)

# %% 8.6 wrong "batch norm in the blocks" expect "outputs, gradients and weights"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.spare = nn.Conv2d(1, 1, 1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a], dim=1))
        return x + self.out(h)

# %% 8.6 right "image by image, None as shortcut, Upsample by size"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    found = []
    for one, other in zip(a, b):
        found.append(20 * torch.log10(torch.as_tensor(peak)) - 10 * torch.log10(F.mse_loss(one, other)))
    return torch.stack(found)


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = ((a - mean_a) * (b - mean_b)).mean(1)
    spread = (a - mean_a).square().mean(1) + (b - mean_b).square().mean(1)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = None if cin == cout else nn.Conv2d(cin, cout, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        out = self.conv2(torch.relu_(self.conv1(x)))
        out += x if self.shortcut is None else self.shortcut(x)
        return out


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([nn.Upsample(size=b.shape[2:])(m), b], dim=1))
        h = self.dec1(torch.cat([F.interpolate(h, size=a.shape[-2:]), a], dim=1))
        return x + self.out(h)

# %% 8.6 right "moments by var and E[ab] − E[a]E[b], MaxPool modules"
def psnr(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """10 log10(peak² / MSE) of each image, in decibels; a, b: (N, C, H, W). Returns (N,)."""
    return 10 * torch.log10(peak**2 / (a - b).square().mean(dim=(1, 2, 3)))


def ssim_global(a: torch.Tensor, b: torch.Tensor, peak: float = 1.0) -> torch.Tensor:
    """SSIM of each image, the whole image as one window; a, b: (N, C, H, W). Returns (N,)."""
    a, b = a.flatten(1), b.flatten(1)
    mean_a, mean_b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    both = (a * b).mean(1) - mean_a[:, 0] * mean_b[:, 0]
    spread = a.var(1, correction=0) + b.var(1, unbiased=False)
    mean_a, mean_b = mean_a[:, 0], mean_b[:, 0]
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))

# cell ex-8-6-b
class ResConv(nn.Module):
    """shortcut(x) + conv2(relu(conv1(x))), 3×3 convolutions with bias that keep the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H, W)."""
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))


class ResUNet(nn.Module):
    """A U-Net of ResConvs that computes a correction: enc1, enc2, mid, dec2, dec1, out."""

    def __init__(self, channels: int = 1, width: int = 8) -> None:
        super().__init__()
        self.enc1 = ResConv(channels, width)
        self.enc2 = ResConv(width, 2 * width)
        self.mid = ResConv(2 * width, 4 * width)
        self.dec2 = ResConv(6 * width, 2 * width)
        self.dec1 = ResConv(3 * width, width)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, channels, H, W). Returns x + correction, of the same shape."""
        a = self.enc1(x)
        b = self.enc2(nn.MaxPool2d(2)(a))
        m = self.mid(F.max_pool2d(b, 2))
        h = self.dec2(torch.cat([F.interpolate(m, size=b.shape[-2:]), b], dim=1))
        h = self.dec1(torch.concat((F.interpolate(h, a.shape[2:], mode="nearest"), a), 1))
        return x + self.out(h)

# %% 8.7 wrong "only the previous layer is concatenated" expect "names and shapes of the convolutions"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d((cin if i == 0 else growth)))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d((cin if i == 0 else growth), squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        found = [x]
        for layer in self.children():
            x = layer(x)
            found.append(x)
        return torch.cat(found, dim=1)


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "the input is not in the output" expect "The input belongs to the output"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        start = x.shape[1]
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x[:, start:]


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "growth on a fixed width" expect "raised RuntimeError"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + growth * (i > 0)))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + growth * (i > 0), squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "only the last output comes back" expect "the last layer"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.children():
            new = layer(x)
            x = torch.cat([x, new], dim=1)
        return new


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "new channels first" expect "which are the input itself"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.children():
            x = torch.cat([layer(x), x], dim=1)
        return x


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "adds instead of concatenating" expect "the output shape of DenseBlock"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.children():
            new = layer(x)
            x = torch.cat([x, new + x[:, : new.shape[1]]], dim=1)
        return x[:, :-1]


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "outputs added to the newest features" expect "four dense blocks in eval mode"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.children():
            new = layer(x)
            x = torch.cat([x, new + x[:, -new.shape[1] :]], dim=1)
        return x


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "the layers in a list, unregistered" expect "names and shapes of the convolutions"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.__dict__.setdefault("mine", []).append(layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.mine:
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "layers counted from 0" expect "names and shapes of the convolutions"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "the squeeze is forgotten" expect "names and shapes of the convolutions"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, 4 * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(4 * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "the ReLU of a layer is forgotten" expect "four dense blocks in eval mode"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "max-pool in the transition" expect "The pool is an average"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.max_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "no ReLU in the transition" expect "The ReLU is missing"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(self.norm(x)), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "a ReLU in place on the input of the block" expect "which are the input itself"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        x = F.relu(x)
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "earlier outputs are cut off" expect "gets gradients from all later layers"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.children():
            x = torch.cat([x, layer(x.detach())], dim=1)
        return x


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "a transition after the last block too" expect "shapes of stem, norm and fc"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
        channels = 2 * growth
        self.stem = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        steps = []
        for k, layers in enumerate(counts, start=1):
            steps.append((f"block{k}", DenseBlock(channels, layers, growth)))
            channels += layers * growth
            if True:
                steps.append((f"transition{k}", Transition(channels, channels // 2)))
                channels //= 2
        for name, step in steps:
            self.add_module(name, step)
        self.steps = [name for name, _ in steps]
        self.norm = nn.BatchNorm2d(channels)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "the transition keeps the channels" expect "shapes of stem, norm and fc"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
        channels = 2 * growth
        self.stem = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        steps = []
        for k, layers in enumerate(counts, start=1):
            steps.append((f"block{k}", DenseBlock(channels, layers, growth)))
            channels += layers * growth
            if k < len(counts):
                steps.append((f"transition{k}", Transition(channels, channels)))
        for name, step in steps:
            self.add_module(name, step)
        self.steps = [name for name, _ in steps]
        self.norm = nn.BatchNorm2d(channels)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "the stem has growth channels" expect "shapes of stem, norm and fc"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
        channels = growth
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "the last ReLU is forgotten" expect "The ReLU after the last norm is missing"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(self.norm(x).mean(dim=(2, 3)))

# %% 8.7 wrong "halves upwards" expect "names and shapes in the states"
class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
        channels = 2 * growth
        self.stem = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        steps = []
        for k, layers in enumerate(counts, start=1):
            steps.append((f"block{k}", DenseBlock(channels, layers, growth)))
            channels += layers * growth
            if k < len(counts):
                steps.append((f"transition{k}", Transition(channels, -(-channels // 2))))
                channels = -(-channels // 2)
        for name, step in steps:
            self.add_module(name, step)
        self.steps = [name for name, _ in steps]
        self.norm = nn.BatchNorm2d(channels)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "batch statistics in eval mode too" expect "four dense blocks in eval mode"
class Norm(nn.BatchNorm2d):
    def forward(self, h):
        return F.batch_norm(h, None, None, self.weight, self.bias, training=True)


class DenseBlock(nn.Module):
    """Layers that each read the input and all earlier outputs, and add `growth` channels.

    denselayer{i}: norm1, ReLU, conv1 (1×1 to squeeze · growth), norm2, ReLU, conv2 (3×3).
    """

    def __init__(self, cin: int, layers: int, growth: int, squeeze: int = 4) -> None:
        super().__init__()
        for i in range(layers):
            layer = nn.Sequential()
            layer.add_module("norm1", Norm(cin + i * growth))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(cin + i * growth, squeeze * growth, 1, bias=False))
            layer.add_module("norm2", Norm(squeeze * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(squeeze * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cin + layers · growth, H, W), x first."""
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Module):
    """norm, ReLU, conv (1×1), average pool 2×2: other channels, half the size."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.norm = Norm(cin)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, cin, H, W). Returns (N, cout, H // 2, W // 2)."""
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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
        self.norm = Norm(channels)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 wrong "torchvision does the work" expect "your own block"
class DenseBlock(models.densenet._DenseBlock):
    def __init__(self, cin, layers, growth, squeeze=4):
        super().__init__(layers, cin, squeeze, growth, 0.0)


class Transition(nn.Sequential):
    def __init__(self, cin, cout):
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)
        self.pool = nn.AvgPool2d(2)

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))

# %% 8.7 right "a class for a layer, a list of features, named Sequential"
class DenseLayer(nn.Module):
    def __init__(self, cin, growth, squeeze):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(cin), nn.Conv2d(cin, squeeze * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(squeeze * growth)
        self.conv2 = nn.Conv2d(squeeze * growth, growth, 3, padding="same", bias=False)

    def forward(self, features):
        h = self.conv1(F.relu_(self.norm1(torch.cat(features, 1))))
        return self.conv2(F.relu_(self.norm2(h)))


class DenseBlock(nn.Module):
    def __init__(self, cin, layers, growth, squeeze=4):
        super().__init__()
        self.count = layers
        for i in range(1, layers + 1):
            setattr(self, f"denselayer{i}", DenseLayer(cin + (i - 1) * growth, growth, squeeze))

    def forward(self, x):
        features = [x]
        for i in range(1, self.count + 1):
            features.append(getattr(self, f"denselayer{i}")(features))
        return torch.cat(features, 1)


class Transition(nn.Sequential):
    def __init__(self, cin, cout):
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)
        self.pool = nn.AvgPool2d(2, 2)

# cell ex-8-7-b
class DenseNet(nn.Sequential):
    def __init__(self, counts, growth, classes=10):
        super().__init__()
        c = growth * 2
        self.stem = nn.Conv2d(3, c, 3, 1, 1, bias=False)
        for k, n in enumerate(counts, 1):
            setattr(self, f"block{k}", DenseBlock(c, n, growth))
            c += n * growth
            if k != len(counts):
                setattr(self, f"transition{k}", Transition(c, c // 2))
                c = c // 2
        self.norm = nn.BatchNorm2d(c)
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(c, classes)

# %% 8.7 right "pools before the 1×1, which commutes; ModuleDict for the layers"
class DenseBlock(nn.ModuleDict):
    def __init__(self, cin, layers, growth, squeeze=4):
        super().__init__()
        for i in range(layers):
            c, s = cin + i * growth, squeeze * growth
            parts = {
                "norm1": nn.BatchNorm2d(c),
                "conv1": nn.Conv2d(c, s, 1, bias=False),
                "norm2": nn.BatchNorm2d(s),
                "conv2": nn.Conv2d(s, growth, 3, padding=1, bias=False),
            }
            self[f"denselayer{i + 1}"] = nn.ModuleDict(parts)

    def forward(self, x):
        found = x
        for parts in self.values():
            h = parts["conv1"](parts["norm1"](found).clamp(min=0))
            h = parts["conv2"](parts["norm2"](h).clamp(min=0))
            found = torch.hstack([found, h])
        return found


class Transition(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(cin), nn.Conv2d(cin, cout, (1, 1), bias=False)

    def forward(self, x):
        return self.conv(nn.functional.avg_pool2d(torch.relu(self.norm(x)), kernel_size=2, stride=2))

# cell ex-8-7-b
class DenseNet(nn.Module):
    """A small-image DenseNet: stem, block1, transition1, block2, …, norm, fc."""

    def __init__(self, counts, growth: int, classes: int = 10) -> None:
        super().__init__()
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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W). Returns scores (N, classes)."""
        x = self.stem(x)
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.fc(F.relu(self.norm(x)).mean(dim=(2, 3)))
