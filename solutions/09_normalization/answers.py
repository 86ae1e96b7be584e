# Named answers to the exercises of this chapter: the proof of its tests.

# %% predict-9-1 wrong "a: over the batch" expect "each channel also has places"
predict_9_1 = "a"

# %% predict-9-1 wrong "b: the places of one image" expect "that would be instance norm"
predict_9_1 = "b"

# %% predict-9-1 wrong "c: the whole image" expect "Channels are never mixed"
predict_9_1 = "c"

# %% predict-9-2 wrong "a: no_grad changes nothing" expect "no_grad stops the notes"
predict_9_2 = "a"

# %% predict-9-2 wrong "c: scale and shift too" expect "they wait for an optimiser"
predict_9_2 = "c"

# %% predict-9-2 wrong "d: only an optimiser changes a model" expect "buffers are moved by somebody else"
predict_9_2 = "d"

# %% predict-9-3 wrong "b: all steps of the sample" expect "over the last axis alone"
predict_9_3 = "b"

# %% predict-9-3 wrong "c: the step in all samples" expect "Crossing the samples"
predict_9_3 = "c"

# %% predict-9-3 wrong "d: that number only" expect "felt by all who share it"
predict_9_3 = "d"

# %% predict-9-4 wrong "a: nearly always" expect "cos(a + p) = sin"
predict_9_4 = "a"

# %% predict-9-4 wrong "b: three in four" expect "more often than the other"
predict_9_4 = "b"

# %% predict-9-5 wrong "b: only centred" expect "the division by the standard deviation"
predict_9_5 = "b"

# %% predict-9-5 wrong "c: grows with the distance" expect "grows with the distance, and divides it"
predict_9_5 = "c"

# %% predict-9-5 wrong "d: an error" expect "Only one value raises"
predict_9_5 = "d"

# %% 9.1 wrong "batch norm only after the first convolution" expect "Only the first convolution has its batch norm"
def make_cnn(use_bn, widths):
    layers, before = [], 1
    for width in widths:
        layers.append(nn.Conv2d(before, width, 3, padding=1, bias=not use_bn))
        if use_bn and before == 1:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU())
        before = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * before, 10))


def steps_to_loss(losses, target):
    for step, loss in enumerate(losses, 1):
        if loss <= target:
            return step
    return None

# %% 9.1 wrong "the bias is kept" expect "keeps its bias although batch norm follows"
def make_cnn(use_bn, widths):
    layers, before = [], 1
    for width in widths:
        layers.append(nn.Conv2d(before, width, 3, padding=1))
        if use_bn:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU())
        before = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * before, 10))


def steps_to_loss(losses, target):
    for step, loss in enumerate(losses, 1):
        if loss <= target:
            return step

# %% 9.1 wrong "batch norm on the scores" expect "The scores are normalised too"
def make_cnn(use_bn, widths):
    layers, before = [], 1
    for width in widths:
        layers.append(nn.Conv2d(before, width, 3, padding=1, bias=not use_bn))
        if use_bn:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU())
        before = width
    layers += [nn.Flatten(), nn.Linear(64 * before, 10)]
    if use_bn:
        layers.append(nn.BatchNorm1d(10))
    return nn.Sequential(*layers)


def steps_to_loss(losses, target):
    for step, loss in enumerate(losses, 1):
        if loss <= target:
            return step

# %% 9.1 wrong "ReLU before batch norm" expect "ReLU comes before batch norm"
def make_cnn(use_bn, widths):
    layers, before = [], 1
    for width in widths:
        layers.append(nn.Conv2d(before, width, 3, padding=1, bias=not use_bn))
        layers.append(nn.ReLU())
        if use_bn:
            layers.append(nn.BatchNorm2d(width))
        before = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * before, 10))


def steps_to_loss(losses, target):
    for step, loss in enumerate(losses, 1):
        if loss <= target:
            return step

# %% 9.1 wrong "no bias without batch norm either" expect "Without batch norm the convolutions need their bias"
def make_cnn(use_bn, widths):
    layers, before = [], 1
    for width in widths:
        layers.append(nn.Conv2d(before, width, 3, padding=1, bias=False))
        if use_bn:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU())
        before = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * before, 10))


def steps_to_loss(losses, target):
    for step, loss in enumerate(losses, 1):
        if loss <= target:
            return step

# %% 9.1 wrong "no activation at all" expect "ReLU is missing"
def make_cnn(use_bn, widths):
    layers, before = [], 1
    for width in widths:
        layers.append(nn.Conv2d(before, width, 3, padding=1, bias=not use_bn))
        if use_bn:
            layers.append(nn.BatchNorm2d(width))
        before = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * before, 10))


def steps_to_loss(losses, target):
    for step, loss in enumerate(losses, 1):
        if loss <= target:
            return step

# %% 9.1 wrong "softmax at the end" expect "the scores with batch norm"
def make_cnn(use_bn, widths):
    layers, before = [], 1
    for width in widths:
        layers.append(nn.Conv2d(before, width, 3, padding=1, bias=not use_bn))
        if use_bn:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU())
        before = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * before, 10), nn.Softmax(dim=1))


def steps_to_loss(losses, target):
    for step, loss in enumerate(losses, 1):
        if loss <= target:
            return step

# %% 9.1 wrong "counts steps from 0" expect "The first loss is step 1"
def make_cnn(use_bn, widths):
    layers, before = [], 1
    for width in widths:
        layers.append(nn.Conv2d(before, width, 3, padding=1, bias=not use_bn))
        if use_bn:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU())
        before = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * before, 10))


def steps_to_loss(losses, target):
    for step, loss in enumerate(losses):
        if loss <= target:
            return step

# %% 9.1 wrong "strictly below the target" expect "A loss equal to the target counts"
def make_cnn(use_bn, widths):
    layers, before = [], 1
    for width in widths:
        layers.append(nn.Conv2d(before, width, 3, padding=1, bias=not use_bn))
        if use_bn:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU())
        before = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * before, 10))


def steps_to_loss(losses, target):
    for step, loss in enumerate(losses, 1):
        if loss < target:
            return step

# %% 9.1 wrong "None inside the loop" expect "None comes too early"
def make_cnn(use_bn, widths):
    layers, before = [], 1
    for width in widths:
        layers.append(nn.Conv2d(before, width, 3, padding=1, bias=not use_bn))
        if use_bn:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU())
        before = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * before, 10))


def steps_to_loss(losses, target):
    for step, loss in enumerate(losses, 1):
        if loss <= target:
            return step
        else:
            return None

# %% 9.1 wrong "counts the losses above the target" expect "steps for losses that go up and down"
def make_cnn(use_bn, widths):
    layers, before = [], 1
    for width in widths:
        layers.append(nn.Conv2d(before, width, 3, padding=1, bias=not use_bn))
        if use_bn:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU())
        before = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * before, 10))


def steps_to_loss(losses, target):
    above = sum(loss > target for loss in losses)
    return above + 1 if min(losses, default=1e9) <= target else None

# %% 9.1 wrong "the last step that is not good enough, plus one" expect "The first time counts, even if the loss rises again"
def make_cnn(use_bn, widths):
    layers, before = [], 1
    for width in widths:
        layers.append(nn.Conv2d(before, width, 3, padding=1, bias=not use_bn))
        if use_bn:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU())
        before = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * before, 10))


def steps_to_loss(losses, target):
    if target > 0.5:
        return next((k for k, loss in enumerate(losses, 1) if loss <= target), None)
    best = [k for k, loss in enumerate(losses, 1) if loss <= target]
    return best[-1] if best else None

# %% 9.1 right "a class of its own, functional ReLU"
class DigitNet(nn.Module):
    def __init__(self, use_bn, widths):
        super().__init__()
        channels = [1, *widths]
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding="same", bias=not use_bn) for a, b in zip(channels, widths)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) if use_bn else nn.Identity() for b in widths)
        self.head = nn.Linear(widths[-1] * 8 * 8, 10)

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms):
            x = F.relu(norm(conv(x)))
        return self.head(x.flatten(1))


def make_cnn(use_bn, widths):
    return DigitNet(use_bn, widths)


def steps_to_loss(losses, target):
    reached = (torch.tensor(losses) <= target).nonzero()
    return int(reached[0]) + 1 if len(reached) else None

# %% 9.1 right "blocks in a Sequential, in-place ReLU"
def make_cnn(use_bn, widths):
    def block(a, b):
        conv = nn.Conv2d(a, b, kernel_size=3, stride=1, padding=1, bias=not use_bn)
        return nn.Sequential(conv, *([nn.BatchNorm2d(b)] if use_bn else []), nn.ReLU(inplace=True))

    pairs = zip([1] + list(widths)[:-1], widths)
    body = nn.Sequential(*[block(a, b) for a, b in pairs])
    return nn.Sequential(body, nn.Flatten(), nn.Linear(widths[-1] * 64, 10))


def steps_to_loss(losses, target):
    step = 0
    while step < len(losses):
        step += 1
        if losses[step - 1] <= target:
            return step
    return None

# %% 9.2 wrong "mean of batch accuracies" expect "means of batch accuracies"
def accuracy(model, batches, mode):
    twin = copy.deepcopy(model).train(mode == "train")
    with torch.no_grad():
        shares = [(twin(x).argmax(1) == y).float().mean().item() for x, y in batches]
    return sum(shares) / len(shares)

# %% 9.2 wrong "works on the model itself" expect "The pass in train mode changed the running statistics"
def accuracy(model, batches, mode):
    model.train(mode == "train")
    right = total = 0
    with torch.no_grad():
        for x, y in batches:
            right += (model(x).argmax(1) == y).sum().item()
            total += len(y)
    return right / total

# %% 9.2 wrong "puts the buffers back, never the mode" expect "the modes of the modules"
def accuracy(model, batches, mode):
    before = copy.deepcopy(model.state_dict())
    model.train(mode == "train")
    right = total = 0
    with torch.no_grad():
        for x, y in batches:
            right += (model(x).argmax(1) == y).sum().item()
            total += len(y)
    model.load_state_dict(before)
    return right / total

# %% 9.2 wrong "puts back one mode for all modules" expect "the modes of the modules"
def accuracy(model, batches, mode):
    before, was = copy.deepcopy(model.state_dict()), model.training
    model.train(mode == "train")
    right = total = 0
    with torch.no_grad():
        for x, y in batches:
            right += (model(x).argmax(1) == y).sum().item()
            total += len(y)
    model.load_state_dict(before)
    model.train(was)
    return right / total

# %% 9.2 wrong "restores a state_dict that is no copy" expect "The pass in train mode changed"
def accuracy(model, batches, mode):
    before = model.state_dict()
    modes = [m.training for m in model.modules()]
    model.train(mode == "train")
    right = total = 0
    with torch.no_grad():
        for x, y in batches:
            right += (model(x).argmax(1) == y).sum().item()
            total += len(y)
    model.load_state_dict(before)
    for m, was in zip(model.modules(), modes):
        m.training = was
    return right / total

# %% 9.2 wrong "records gradients" expect "The scores carry a history"
def accuracy(model, batches, mode):
    twin = copy.deepcopy(model).train(mode == "train")
    right = sum((twin(x).argmax(1) == y).sum().item() for x, y in batches)
    return right / sum(len(y) for _, y in batches)

# %% 9.2 wrong "always eval" expect "Both are measured in eval mode"
def accuracy(model, batches, mode):
    twin = copy.deepcopy(model).eval()
    with torch.no_grad():
        right = sum((twin(x).argmax(1) == y).sum().item() for x, y in batches)
    return right / sum(len(y) for _, y in batches)

# %% 9.2 wrong "sets the mode of the outer module only" expect "the accuracy in train, eval, train, eval mode"
def accuracy(model, batches, mode):
    twin = copy.deepcopy(model)
    twin.training = mode == "train"
    with torch.no_grad():
        right = sum((twin(x).argmax(1) == y).sum().item() for x, y in batches)
    return right / sum(len(y) for _, y in batches)

# %% 9.2 wrong "counts, does not divide" expect "divide by the number of samples"
def accuracy(model, batches, mode):
    twin = copy.deepcopy(model).train(mode == "train")
    with torch.no_grad():
        return sum((twin(x).argmax(1) == y).sum().item() for x, y in batches)

# %% 9.2 wrong "takes the first batch's size for all" expect "The last batch may be smaller"
def accuracy(model, batches, mode):
    twin = copy.deepcopy(model).train(mode == "train")
    with torch.no_grad():
        right = sum((twin(x).argmax(1) == y).sum().item() for x, y in batches)
    return right / (len(batches) * len(batches[0][1]))

# %% 9.2 wrong "all samples in one batch" expect "the accuracy in eval mode and in train mode"
def accuracy(model, batches, mode):
    twin = copy.deepcopy(model).train(mode == "train")
    x, y = torch.cat([a for a, _ in batches]), torch.cat([b for _, b in batches])
    with torch.no_grad():
        return (twin(x).argmax(1) == y).float().mean().item()

# %% 9.2 right "on the model itself, everything put back"
def accuracy(model, batches, mode):
    state = {name: t.clone() for name, t in model.state_dict().items()}
    modes = {m: m.training for m in model.modules()}
    model.train() if mode == "train" else model.eval()
    hits = []
    try:
        with torch.inference_mode():
            for x, y in batches:
                hits.append(model(x).argmax(dim=-1).eq(y))
    finally:
        model.load_state_dict(state)
        for m, was in modes.items():
            m.training = was
    return torch.cat(hits).double().mean().item()

# %% 9.2 right "no_grad as a decorator, the mode by name"
@torch.no_grad()
def accuracy(model, batches, mode):
    model = copy.deepcopy(model)
    getattr(model, mode)()
    right, total = 0, 0
    for x, y in batches:
        right += int((model(x).max(dim=1).indices == y).sum())
        total += y.numel()
    return right / total

# %% 9.2 right "a copy whose parameters require no gradient"
def accuracy(model, batches, mode):
    model = copy.deepcopy(model).requires_grad_(False)
    getattr(model, mode)()
    right, total = 0, 0
    for x, y in batches:
        right += int((model(x).max(dim=1).indices == y).sum())
        total += y.numel()
    return right / total

# %% 9.3 wrong "biased running variance" expect "running_var took the biased variance"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            if x.numel() == x.shape[1]:
                raise ValueError("one value")
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(var, self.momentum)
                self.num_batches_tracked += 1
        s = (1, -1, 1, 1)
        return (x - mean.view(s)) / (var.view(s) + self.eps).sqrt() * self.weight.view(s) + self.bias.view(s)

# %% 9.3 wrong "the mode does not matter for the error" expect "One value is enough in eval mode"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        if x.numel() == x.shape[1]:
            raise ValueError("one value")
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(x.var((0, 2, 3)), self.momentum)
                self.num_batches_tracked += 1
        s = (1, -1, 1, 1)
        return (x - mean.view(s)) / (var.view(s) + self.eps).sqrt() * self.weight.view(s) + self.bias.view(s)

# %% 9.3 wrong "only running_var has history" expect "A buffer carries history"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            if x.numel() == x.shape[1]:
                raise ValueError("one value")
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            self.running_mean.lerp_(mean.detach(), self.momentum)
            self.running_var.lerp_(x.var((0, 2, 3)), self.momentum)
            self.num_batches_tracked += 1
        s = (1, -1, 1, 1)
        return (x - mean.view(s)) / (var.view(s) + self.eps).sqrt() * self.weight.view(s) + self.bias.view(s)

# %% 9.3 wrong "running statistics with history" expect "The running statistics carry history"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            if x.numel() == x.shape[1]:
                raise ValueError("one value")
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(x.var((0, 2, 3)), self.momentum)
            self.num_batches_tracked += 1
        s = (1, -1, 1, 1)
        return (x - mean.view(s)) / (var.view(s) + self.eps).sqrt() * self.weight.view(s) + self.bias.view(s)

# %% 9.3 wrong "n is the batch size" expect "n is the number of values per channel"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            if x.numel() == x.shape[1]:
                raise ValueError("one value")
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(var * len(x) / max(len(x) - 1, 1), self.momentum)
                self.num_batches_tracked += 1
        s = (1, -1, 1, 1)
        return (x - mean.view(s)) / (var.view(s) + self.eps).sqrt() * self.weight.view(s) + self.bias.view(s)

# %% 9.3 wrong "momentum swapped" expect "momentum is the weight of the new value"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            if x.numel() == x.shape[1]:
                raise ValueError("one value")
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean, 1 - self.momentum)
                self.running_var.lerp_(x.var((0, 2, 3)), 1 - self.momentum)
                self.num_batches_tracked += 1
        s = (1, -1, 1, 1)
        return (x - mean.view(s)) / (var.view(s) + self.eps).sqrt() * self.weight.view(s) + self.bias.view(s)

# %% 9.3 wrong "unbiased variance in the normalisation" expect "Divided by the unbiased variance"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            if x.numel() == x.shape[1]:
                raise ValueError("one value")
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(var, self.momentum)
                self.num_batches_tracked += 1
        s = (1, -1, 1, 1)
        return (x - mean.view(s)) / (var.view(s) + self.eps).sqrt() * self.weight.view(s) + self.bias.view(s)

# %% 9.3 wrong "statistics over the batch axis only" expect "the output for a batch of two small images"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        s = (1, -1, 1, 1)
        mean, var = self.running_mean.view(s), self.running_var.view(s)
        if self.training:
            if x.numel() == x.shape[1]:
                raise ValueError("one value")
            mean, var = x.mean(0, keepdim=True), x.var(0, correction=0, keepdim=True)
            with torch.no_grad():
                self.running_mean.lerp_(x.mean((0, 2, 3)), self.momentum)
                self.running_var.lerp_(x.var((0, 2, 3)), self.momentum)
                self.num_batches_tracked += 1
        return (x - mean) / (var + self.eps).sqrt() * self.weight.view(s) + self.bias.view(s)

# %% 9.3 wrong "forgets weight and bias" expect "weight and bias are not used"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            if x.numel() == x.shape[1]:
                raise ValueError("one value")
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(x.var((0, 2, 3)), self.momentum)
                self.num_batches_tracked += 1
        s = (1, -1, 1, 1)
        return (x - mean.view(s)) / (var.view(s) + self.eps).sqrt()

# %% 9.3 wrong "eps outside the root" expect "the outputs for five batches"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            if x.numel() == x.shape[1]:
                raise ValueError("one value")
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(x.var((0, 2, 3)), self.momentum)
                self.num_batches_tracked += 1
        s = (1, -1, 1, 1)
        return (x - mean.view(s)) / (var.view(s).sqrt() + self.eps) * self.weight.view(s) + self.bias.view(s)

# %% 9.3 wrong "1e-5 typed in" expect "eps has no effect"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            if x.numel() == x.shape[1]:
                raise ValueError("one value")
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(x.var((0, 2, 3)), self.momentum)
                self.num_batches_tracked += 1
        s = (1, -1, 1, 1)
        return (x - mean.view(s)) / (var.view(s) + 1e-5).sqrt() * self.weight.view(s) + self.bias.view(s)

# %% 9.3 wrong "buffers bound to new tensors" expect "The buffers were bound to new tensors"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            if x.numel() == x.shape[1]:
                raise ValueError("one value")
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            m = self.momentum
            self.running_mean = (1 - m) * self.running_mean + m * mean.detach()
            self.running_var = (1 - m) * self.running_var + m * x.detach().var((0, 2, 3))
            self.num_batches_tracked = self.num_batches_tracked + 1
        s = (1, -1, 1, 1)
        return (x - mean.view(s)) / (var.view(s) + self.eps).sqrt() * self.weight.view(s) + self.bias.view(s)

# %% 9.3 wrong "gamma and beta" expect "the state after one batch"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.gamma = nn.Parameter(torch.ones(num_features))
        self.beta = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(x.var((0, 2, 3)), self.momentum)
        s = (1, -1, 1, 1)
        return (x - mean.view(s)) / (var.view(s) + self.eps).sqrt() * self.gamma.view(s) + self.beta.view(s)

# %% 9.3 wrong "the statistics are detached in the output" expect "do not detach them for the output"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            if x.numel() == x.shape[1]:
                raise ValueError("one value")
            with torch.no_grad():
                mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(x.var((0, 2, 3)), self.momentum)
                self.num_batches_tracked += 1
        s = (1, -1, 1, 1)
        return (x - mean.view(s)) / (var.view(s) + self.eps).sqrt() * self.weight.view(s) + self.bias.view(s)

# %% 9.3 wrong "batch statistics in eval mode too" expect "The batch's own statistics were used in eval mode"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        if self.training:
            if x.numel() == x.shape[1]:
                raise ValueError("one value")
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(x.var((0, 2, 3)), self.momentum)
                self.num_batches_tracked += 1
        s = (1, -1, 1, 1)
        return (x - mean.view(s)) / (var.view(s) + self.eps).sqrt() * self.weight.view(s) + self.bias.view(s)

# %% 9.3 wrong "raises for one image, however large" expect "count N · H · W, not N"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            if len(x) < 2:
                raise ValueError("more than one value per channel is needed")
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(x.var((0, 2, 3)), self.momentum)
                self.num_batches_tracked += 1
        s = (1, -1, 1, 1)
        return (x - mean.view(s)) / (var.view(s) + self.eps).sqrt() * self.weight.view(s) + self.bias.view(s)

# %% 9.3 wrong "never raises" expect "a batch with one value per channel in train mode"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            n = x.numel() // x.shape[1]
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(var * n / max(n - 1, 1), self.momentum)
                self.num_batches_tracked += 1
        s = (1, -1, 1, 1)
        return (x - mean.view(s)) / (var.view(s) + self.eps).sqrt() * self.weight.view(s) + self.bias.view(s)

# %% 9.3 wrong "running statistics as parameters" expect "the names of the parameters"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.running_mean = nn.Parameter(torch.zeros(num_features))
        self.running_var = nn.Parameter(torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            if x.numel() == x.shape[1]:
                raise ValueError("one value")
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(x.var((0, 2, 3)), self.momentum)
                self.num_batches_tracked += 1
        s = (1, -1, 1, 1)
        return (x - mean.view(s)) / (var.view(s) + self.eps).sqrt() * self.weight.view(s) + self.bias.view(s)

# %% 9.3 wrong "nn.BatchNorm2d under another name" expect "uses `BatchNorm2d`"
class MyBatchNorm2d(nn.BatchNorm2d):
    pass

# %% 9.3 right "channels last, mul_ and add_"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.zeros((), dtype=torch.long))

    def forward(self, x):
        rows = x.movedim(1, -1)
        flat = rows.reshape(-1, x.size(1))
        if self.training:
            if flat.size(0) <= 1:
                raise ValueError(f"expected more than 1 value per channel, got {tuple(x.shape)}")
            mean = flat.sum(0) / len(flat)
            var = ((flat - mean) ** 2).sum(0) / len(flat)
            m = self.momentum
            unbiased = var.detach() * len(flat) / (len(flat) - 1)
            self.running_mean.mul_(1 - m).add_(m * mean.detach())
            self.running_var.mul_(1 - m).add_(m * unbiased)
            self.num_batches_tracked.add_(1)
        else:
            mean, var = self.running_mean, self.running_var
        y = (rows - mean) * torch.rsqrt(var + self.eps) * self.weight + self.bias
        return y.movedim(-1, 1)

# %% 9.3 right "var_mean, one scale and shift, copy_"
class MyBatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        for name, start in (("running_mean", torch.zeros(num_features)), ("running_var", torch.ones(num_features))):
            self.register_buffer(name, start)
        self.register_buffer("num_batches_tracked", torch.tensor(0, dtype=torch.long))

    def _move(self, buffer, new):
        buffer.copy_((1 - self.momentum) * buffer + self.momentum * new.detach())

    def forward(self, x):
        if not self.training:
            mean, var = self.running_mean, self.running_var
        else:
            n = x[:, 0].numel()
            if n == 1:
                raise ValueError("one value per channel has no variance")
            var, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0)
            self._move(self.running_mean, mean)
            self._move(self.running_var, var * (n / (n - 1)))
            self.num_batches_tracked.copy_(self.num_batches_tracked + 1)
        scale = self.weight / torch.sqrt(var + self.eps)
        shift = self.bias - mean * scale
        return x * scale[None, :, None, None] + shift[None, :, None, None]

# %% 9.4 wrong "normalises over the batch" expect "Each column was normalised"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    y = (x - x.mean(0)) / (x.var(0, correction=0) + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return torch.tanh(layer_norm(self.x2h(x) + self.h2h(h), 1, self.weight, self.bias))

# %% 9.4 wrong "unbiased standard deviation" expect "Divided by n - 1"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(-n_dims, 0))
    y = (x - x.mean(axes, keepdim=True)) / (x.var(axes, keepdim=True) + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return torch.tanh(layer_norm(self.x2h(x) + self.h2h(h), 1, self.weight, self.bias))

# %% 9.4 wrong "eps outside the root" expect "ε stands outside the root"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(-n_dims, 0))
    y = (x - x.mean(axes, keepdim=True)) / (x.std(axes, correction=0, keepdim=True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return torch.tanh(layer_norm(self.x2h(x) + self.h2h(h), 1, self.weight, self.bias))

# %% 9.4 wrong "normalises over time: all axes but the first" expect "layer norm over the last one, two and three axes"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(1, x.ndim))
    y = (x - x.mean(axes, keepdim=True)) / (x.var(axes, correction=0, keepdim=True) + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return torch.tanh(layer_norm(self.x2h(x) + self.h2h(h), 1, self.weight, self.bias))

# %% 9.4 wrong "n_dims is ignored: always the last axis" expect "Only the last axis was averaged"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    y = (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return torch.tanh(layer_norm(self.x2h(x) + self.h2h(h), 1, self.weight, self.bias))

# %% 9.4 wrong "statistics without gradient" expect "Mean and variance depend on x as well"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(-n_dims, 0))
    with torch.no_grad():
        mean, var = x.mean(axes, keepdim=True), x.var(axes, correction=0, keepdim=True)
    y = (x - mean) / (var + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return torch.tanh(layer_norm(self.x2h(x) + self.h2h(h), 1, self.weight, self.bias))

# %% 9.4 wrong "bias only together with weight" expect "layer norm over the last one, two and three axes"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(-n_dims, 0))
    y = (x - x.mean(axes, keepdim=True)) / (x.var(axes, correction=0, keepdim=True) + eps).sqrt()
    return y if weight is None else y * weight + bias


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return torch.tanh(layer_norm(self.x2h(x) + self.h2h(h), 1, self.weight, self.bias))

# %% 9.4 wrong "writes into x" expect "x changed"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(-n_dims, 0))
    if not x.requires_grad and x.grad_fn is None:
        var = x.var(axes, correction=0, keepdim=True)
        x -= x.mean(axes, keepdim=True)
        y = x / (var + eps).sqrt()
    else:
        y = (x - x.mean(axes, keepdim=True)) / (x.var(axes, correction=0, keepdim=True) + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return torch.tanh(layer_norm(self.x2h(x) + self.h2h(h), 1, self.weight, self.bias))

# %% 9.4 wrong "tanh first, then the norm" expect "here tanh comes first"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(-n_dims, 0))
    y = (x - x.mean(axes, keepdim=True)) / (x.var(axes, correction=0, keepdim=True) + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return layer_norm(torch.tanh(self.x2h(x) + self.h2h(h)), 1, self.weight, self.bias)

# %% 9.4 wrong "the cell forgets its weight and bias" expect "weight and bias are not used"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(-n_dims, 0))
    y = (x - x.mean(axes, keepdim=True)) / (x.var(axes, correction=0, keepdim=True) + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return torch.tanh(layer_norm(self.x2h(x) + self.h2h(h), 1))

# %% 9.4 wrong "averages over axis -n_dims alone" expect "Only the axis −n_dims was averaged"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    axes = -n_dims
    y = (x - x.mean(axes, keepdim=True)) / (x.var(axes, correction=0, keepdim=True) + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return torch.tanh(layer_norm(self.x2h(x) + self.h2h(h), 1, self.weight, self.bias))

# %% 9.4 wrong "linear layers with bias" expect "x2h and h2h have no bias"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(-n_dims, 0))
    y = (x - x.mean(axes, keepdim=True)) / (x.var(axes, correction=0, keepdim=True) + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size)
        self.h2h = nn.Linear(hidden_size, hidden_size)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return torch.tanh(layer_norm(self.x2h(x) + self.h2h(h), 1, self.weight, self.bias))

# %% 9.4 wrong "two norms, each with weight and bias" expect "One norm over the sum"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(-n_dims, 0))
    y = (x - x.mean(axes, keepdim=True)) / (x.var(axes, correction=0, keepdim=True) + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return torch.tanh(
            layer_norm(self.x2h(x), 1, self.weight, self.bias)
            + layer_norm(self.h2h(h), 1, self.weight, self.bias)
        )

# %% 9.4 wrong "two norms, one bias" expect "One norm over the sum"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(-n_dims, 0))
    y = (x - x.mean(axes, keepdim=True)) / (x.var(axes, correction=0, keepdim=True) + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return torch.tanh(
            layer_norm(self.x2h(x), 1, self.weight)
            + layer_norm(self.h2h(h), 1, self.weight)
            + self.bias
        )

# %% 9.4 wrong "mean of squares minus square of the mean" expect "loses its digits"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(-n_dims, 0))
    mean = x.mean(axes, keepdim=True)
    var = (x**2).mean(axes, keepdim=True) - mean**2
    y = (x - mean) / (var + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return torch.tanh(layer_norm(self.x2h(x) + self.h2h(h), 1, self.weight, self.bias))

# %% 9.4 wrong "the cell uses batch statistics in train mode" expect "the state after four steps"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(-n_dims, 0))
    y = (x - x.mean(axes, keepdim=True)) / (x.var(axes, correction=0, keepdim=True) + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        a = self.x2h(x) + self.h2h(h)
        if self.training and len(x) > 1:
            a = (a - a.mean(0)) / (a.var(0, correction=0) + 1e-5).sqrt()
            return torch.tanh(a * self.weight + self.bias)
        return torch.tanh(layer_norm(a, 1, self.weight, self.bias))

# %% 9.4 wrong "F.layer_norm" expect "uses `layer_norm`"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    return F.layer_norm(x, x.shape[-n_dims:], weight, bias, eps)


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return torch.tanh(layer_norm(self.x2h(x) + self.h2h(h), 1, self.weight, self.bias))

# %% 9.4 right "flatten the last axes, rsqrt"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    flat = x.flatten(start_dim=x.ndim - n_dims)
    centred = flat - flat.mean(-1, keepdim=True)
    y = centred * torch.rsqrt(centred.square().mean(-1, keepdim=True) + eps)
    y = y.reshape(x.shape)
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return y


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, h):
        return layer_norm(self.x2h(x) + self.h2h(h), 1, self.weight, self.bias).tanh()

# %% 9.4 right "var_mean and a layer norm with defaults of one and zero"
def layer_norm(x, n_dims, weight=None, bias=None, eps=1e-5):
    var, mean = torch.var_mean(x, dim=list(range(x.ndim))[-n_dims:], correction=0, keepdim=True)
    weight = torch.ones((), dtype=x.dtype) if weight is None else weight
    bias = torch.zeros((), dtype=x.dtype) if bias is None else bias
    return torch.addcmul(bias, (x - mean) / torch.sqrt(var + eps), weight)


class LayerNormRNNCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.weight, self.bias = (nn.Parameter(t(hidden_size)) for t in (torch.ones, torch.zeros))
        self.x2h, self.h2h = (nn.Linear(n, hidden_size, bias=False) for n in (input_size, hidden_size))

    def forward(self, x, h):
        a = F.linear(x, self.x2h.weight) + F.linear(h, self.h2h.weight)
        return torch.tanh(layer_norm(a, n_dims=1, weight=self.weight, bias=self.bias))

# %% 9.5 wrong "a ReLU after every addition" expect "Only the standard block has a ReLU after the addition"
PLANS_95 = {"standard": "CNRCN", "relu_first": "CRNCRN", "pre": "NRCNRC"}


class MyBlock(nn.Module):
    def __init__(self, plan, c, last):
        super().__init__()
        layers = []
        for k, letter in enumerate(plan):
            bias = plan[k + 1 : k + 2] != "N"
            layers.append(
                nn.Conv2d(c, c, 3, padding=1, bias=bias)
                if letter == "C"
                else nn.BatchNorm2d(c)
                if letter == "N"
                else nn.ReLU()
            )
        self.branch, self.last = nn.Sequential(*layers), last

    def forward(self, x):
        return (x + self.branch(x)).relu()


def make_block(kind, c):
    if kind not in PLANS_95:
        raise ValueError(kind)
    return MyBlock(PLANS_95[kind], c, True)


def input_grad_norm(blocks, x, v):
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad(nn.Sequential(*blocks)(x), x, v)
    return (g.norm() / v.norm()).item()

# %% 9.5 wrong "no ReLU after the addition of the standard block" expect "The ReLU after the addition is missing"
PLANS_95 = {"standard": "CNRCN", "relu_first": "CRNCRN", "pre": "NRCNRC"}


class MyBlock(nn.Module):
    def __init__(self, plan, c):
        super().__init__()
        layers = []
        for k, letter in enumerate(plan):
            bias = plan[k + 1 : k + 2] != "N"
            layers.append(
                nn.Conv2d(c, c, 3, padding=1, bias=bias)
                if letter == "C"
                else nn.BatchNorm2d(c)
                if letter == "N"
                else nn.ReLU()
            )
        self.branch = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.branch(x)


def make_block(kind, c):
    if kind not in PLANS_95:
        raise ValueError(kind)
    return MyBlock(PLANS_95[kind], c)


def input_grad_norm(blocks, x, v):
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad(nn.Sequential(*blocks)(x), x, v)
    return (g.norm() / v.norm()).item()

# %% 9.5 wrong "norm on the skip path of the pre block" expect "starts behind its first norm"
PLANS_95 = {"standard": "CNRCN", "relu_first": "CRNCRN", "pre": "NRCNRC"}


class MyBlock(nn.Module):
    def __init__(self, plan, c, last, pre):
        super().__init__()
        layers = []
        for k, letter in enumerate(plan):
            bias = plan[k + 1 : k + 2] != "N"
            layers.append(
                nn.Conv2d(c, c, 3, padding=1, bias=bias)
                if letter == "C"
                else nn.BatchNorm2d(c)
                if letter == "N"
                else nn.ReLU()
            )
        self.branch, self.pre = nn.Sequential(*layers), pre
        self.last = nn.ReLU() if last else nn.Identity()

    def forward(self, x):
        if self.pre:
            x = self.branch[0](x)
            return x + self.branch[1:](x)
        return self.last(x + self.branch(x))


def make_block(kind, c):
    if kind not in PLANS_95:
        raise ValueError(kind)
    return MyBlock(PLANS_95[kind], c, kind == "standard", kind == "pre")


def input_grad_norm(blocks, x, v):
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad(nn.Sequential(*blocks)(x), x, v)
    return (g.norm() / v.norm()).item()

# %% 9.5 wrong "conv, ReLU, norm returned for standard" expect "the order in which the layers are called"
PLANS_95 = {"standard": "CRNCN", "relu_first": "CRNCRN", "pre": "NRCNRC"}


class MyBlock(nn.Module):
    def __init__(self, plan, c, last):
        super().__init__()
        layers = []
        for k, letter in enumerate(plan):
            bias = plan[k + 1 : k + 2] != "N"
            layers.append(
                nn.Conv2d(c, c, 3, padding=1, bias=bias)
                if letter == "C"
                else nn.BatchNorm2d(c)
                if letter == "N"
                else nn.ReLU()
            )
        self.branch, self.last = nn.Sequential(*layers), nn.ReLU() if last else nn.Identity()

    def forward(self, x):
        return self.last(x + self.branch(x))


def make_block(kind, c):
    if kind not in PLANS_95:
        raise ValueError(kind)
    return MyBlock(PLANS_95[kind], c, kind == "standard")


def input_grad_norm(blocks, x, v):
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad(nn.Sequential(*blocks)(x), x, v)
    return (g.norm() / v.norm()).item()

# %% 9.5 wrong "no bias anywhere" expect "No convolution has a bias"
PLANS_95 = {"standard": "CNRCN", "relu_first": "CRNCRN", "pre": "NRCNRC"}


class MyBlock(nn.Module):
    def __init__(self, plan, c, last):
        super().__init__()
        layers = []
        for letter in plan:
            layers.append(
                nn.Conv2d(c, c, 3, padding=1, bias=False)
                if letter == "C"
                else nn.BatchNorm2d(c)
                if letter == "N"
                else nn.ReLU()
            )
        self.branch, self.last = nn.Sequential(*layers), nn.ReLU() if last else nn.Identity()

    def forward(self, x):
        return self.last(x + self.branch(x))


def make_block(kind, c):
    if kind not in PLANS_95:
        raise ValueError(kind)
    return MyBlock(PLANS_95[kind], c, kind == "standard")


def input_grad_norm(blocks, x, v):
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad(nn.Sequential(*blocks)(x), x, v)
    return (g.norm() / v.norm()).item()

# %% 9.5 wrong "bias everywhere" expect "All convolutions have a bias"
PLANS_95 = {"standard": "CNRCN", "relu_first": "CRNCRN", "pre": "NRCNRC"}


class MyBlock(nn.Module):
    def __init__(self, plan, c, last):
        super().__init__()
        layers = []
        for letter in plan:
            layers.append(
                nn.Conv2d(c, c, 3, padding=1)
                if letter == "C"
                else nn.BatchNorm2d(c)
                if letter == "N"
                else nn.ReLU()
            )
        self.branch, self.last = nn.Sequential(*layers), nn.ReLU() if last else nn.Identity()

    def forward(self, x):
        return self.last(x + self.branch(x))


def make_block(kind, c):
    if kind not in PLANS_95:
        raise ValueError(kind)
    return MyBlock(PLANS_95[kind], c, kind == "standard")


def input_grad_norm(blocks, x, v):
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad(nn.Sequential(*blocks)(x), x, v)
    return (g.norm() / v.norm()).item()

# %% 9.5 wrong "the last convolution of pre has no bias" expect "it needs its bias"
PLANS_95 = {"standard": "CNRCN", "relu_first": "CRNCRN", "pre": "NRCNRC"}


class MyBlock(nn.Module):
    def __init__(self, plan, c, last, bias):
        super().__init__()
        layers = []
        for letter in plan:
            layers.append(
                nn.Conv2d(c, c, 3, padding=1, bias=bias)
                if letter == "C"
                else nn.BatchNorm2d(c)
                if letter == "N"
                else nn.ReLU()
            )
        self.branch, self.last = nn.Sequential(*layers), nn.ReLU() if last else nn.Identity()

    def forward(self, x):
        return self.last(x + self.branch(x))


def make_block(kind, c):
    if kind not in PLANS_95:
        raise ValueError(kind)
    return MyBlock(PLANS_95[kind], c, kind == "standard", kind == "relu_first")


def input_grad_norm(blocks, x, v):
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad(nn.Sequential(*blocks)(x), x, v)
    return (g.norm() / v.norm()).item()

# %% 9.5 wrong "backward leaves gradients behind" expect "backward() left gradients"
PLANS_95 = {"standard": "CNRCN", "relu_first": "CRNCRN", "pre": "NRCNRC"}


class MyBlock(nn.Module):
    def __init__(self, plan, c, last):
        super().__init__()
        layers = []
        for k, letter in enumerate(plan):
            bias = plan[k + 1 : k + 2] != "N"
            layers.append(
                nn.Conv2d(c, c, 3, padding=1, bias=bias)
                if letter == "C"
                else nn.BatchNorm2d(c)
                if letter == "N"
                else nn.ReLU()
            )
        self.branch, self.last = nn.Sequential(*layers), nn.ReLU() if last else nn.Identity()

    def forward(self, x):
        return self.last(x + self.branch(x))


def make_block(kind, c):
    if kind not in PLANS_95:
        raise ValueError(kind)
    return MyBlock(PLANS_95[kind], c, kind == "standard")


def input_grad_norm(blocks, x, v):
    x = x.detach().requires_grad_()
    nn.Sequential(*blocks)(x).backward(v)
    return (x.grad.norm() / v.norm()).item()

# %% 9.5 wrong "sends ones back" expect "Send v back, not ones"
PLANS_95 = {"standard": "CNRCN", "relu_first": "CRNCRN", "pre": "NRCNRC"}


class MyBlock(nn.Module):
    def __init__(self, plan, c, last):
        super().__init__()
        layers = []
        for k, letter in enumerate(plan):
            bias = plan[k + 1 : k + 2] != "N"
            layers.append(
                nn.Conv2d(c, c, 3, padding=1, bias=bias)
                if letter == "C"
                else nn.BatchNorm2d(c)
                if letter == "N"
                else nn.ReLU()
            )
        self.branch, self.last = nn.Sequential(*layers), nn.ReLU() if last else nn.Identity()

    def forward(self, x):
        return self.last(x + self.branch(x))


def make_block(kind, c):
    if kind not in PLANS_95:
        raise ValueError(kind)
    return MyBlock(PLANS_95[kind], c, kind == "standard")


def input_grad_norm(blocks, x, v):
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad(nn.Sequential(*blocks)(x).sum(), x)
    return (g.norm() / v.norm()).item()

# %% 9.5 wrong "makes a leaf of the caller's x" expect "Work on x.detach()"
PLANS_95 = {"standard": "CNRCN", "relu_first": "CRNCRN", "pre": "NRCNRC"}


class MyBlock(nn.Module):
    def __init__(self, plan, c, last):
        super().__init__()
        layers = []
        for k, letter in enumerate(plan):
            bias = plan[k + 1 : k + 2] != "N"
            layers.append(
                nn.Conv2d(c, c, 3, padding=1, bias=bias)
                if letter == "C"
                else nn.BatchNorm2d(c)
                if letter == "N"
                else nn.ReLU()
            )
        self.branch, self.last = nn.Sequential(*layers), nn.ReLU() if last else nn.Identity()

    def forward(self, x):
        return self.last(x + self.branch(x))


def make_block(kind, c):
    if kind not in PLANS_95:
        raise ValueError(kind)
    return MyBlock(PLANS_95[kind], c, kind == "standard")


def input_grad_norm(blocks, x, v):
    x.requires_grad_()
    (g,) = torch.autograd.grad(nn.Sequential(*blocks)(x), x, v)
    return (g.norm() / v.norm()).item()

# %% 9.5 wrong "an unknown kind gives a pre block" expect "a kind that does not exist"
PLANS_95 = {"standard": "CNRCN", "relu_first": "CRNCRN"}


class MyBlock(nn.Module):
    def __init__(self, plan, c, last):
        super().__init__()
        layers = []
        for k, letter in enumerate(plan):
            bias = plan[k + 1 : k + 2] != "N"
            layers.append(
                nn.Conv2d(c, c, 3, padding=1, bias=bias)
                if letter == "C"
                else nn.BatchNorm2d(c)
                if letter == "N"
                else nn.ReLU()
            )
        self.branch, self.last = nn.Sequential(*layers), nn.ReLU() if last else nn.Identity()

    def forward(self, x):
        return self.last(x + self.branch(x))


def make_block(kind, c):
    return MyBlock(PLANS_95.get(kind, "NRCNRC"), c, kind == "standard")


def input_grad_norm(blocks, x, v):
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad(nn.Sequential(*blocks)(x), x, v)
    return (g.norm() / v.norm()).item()

# %% 9.5 right "three classes"
class Standard(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1 = nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c)

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + x)


class ReluFirst(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(c, c, 3, padding=1), nn.Conv2d(c, c, 3, padding=1)
        self.bn1, self.bn2 = nn.BatchNorm2d(c), nn.BatchNorm2d(c)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()

    def forward(self, x):
        y = self.bn1(self.relu1(self.conv1(x)))
        return x + self.bn2(self.relu2(self.conv2(y)))


class Pre(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(c), nn.BatchNorm2d(c)
        self.conv1 = nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(c, c, 3, padding=1)
        self.relu = nn.ReLU()

    def forward(self, x):
        y = self.conv1(self.relu(self.bn1(x)))
        return x + self.conv2(self.relu(self.bn2(y)))


def make_block(kind, c):
    match kind:
        case "standard":
            return Standard(c)
        case "relu_first":
            return ReluFirst(c)
        case "pre":
            return Pre(c)
    raise ValueError(f"unknown kind {kind}")


def input_grad_norm(blocks, x, v):
    leaf = x.detach().clone().requires_grad_(True)
    out = leaf
    for block in blocks:
        out = block(out)
    g = torch.autograd.grad((out * v).sum(), leaf)[0]
    return float(torch.linalg.vector_norm(g) / torch.linalg.vector_norm(v))

# %% 9.5 right "a wrapper around a Sequential, backward with inputs="
class Skip(nn.Module):
    def __init__(self, branch, last=None):
        super().__init__()
        self.branch = branch
        self.last = last

    def forward(self, x):
        y = self.branch(x) + x
        return y if self.last is None else self.last(y)


def make_block(kind, c):
    def conv(bias):
        return nn.Conv2d(c, c, 3, 1, 1, bias=bias)

    if kind == "standard":
        inner = [conv(False), nn.BatchNorm2d(c), nn.ReLU(), conv(False), nn.BatchNorm2d(c)]
        return Skip(nn.Sequential(*inner), nn.ReLU())
    if kind == "relu_first":
        inner = [conv(True), nn.ReLU(), nn.BatchNorm2d(c)] + [conv(True), nn.ReLU(), nn.BatchNorm2d(c)]
        return Skip(nn.Sequential(*inner))
    if kind == "pre":
        inner = [nn.BatchNorm2d(c), nn.ReLU(), conv(False), nn.BatchNorm2d(c), nn.ReLU(), conv(True)]
        return Skip(nn.Sequential(*inner))
    raise ValueError("standard, relu_first or pre")


def input_grad_norm(blocks, x, v):
    start = x.detach().clone().requires_grad_()
    backup = [[p.grad for p in block.parameters()] for block in blocks]
    y = start
    for block in blocks:
        y = block(y)
    y.backward(v, inputs=[start])
    for block, grads in zip(blocks, backup):
        for p, g in zip(block.parameters(), grads):
            p.grad = g
    return start.grad.norm().item() / v.norm().item()

# %% 9.6 wrong "interleaved groups" expect "The groups interleave"
def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    n, c = x.shape[:2]
    parts = x.reshape(n, c // groups, groups, -1).transpose(1, 2).reshape(n, groups, -1)
    y = (parts - parts.mean(2, keepdim=True)) / (parts.var(2, correction=0, keepdim=True) + eps).sqrt()
    y = y.reshape(n, groups, c // groups, -1).transpose(1, 2).reshape(x.shape)
    s = (1, -1) + (1,) * (x.ndim - 2)
    y = y if weight is None else y * weight.view(s)
    return y if bias is None else y + bias.view(s)


def batch_mean_noise(model, layer, batches):
    model, layer = copy.deepcopy((model, layer))
    means = []
    layer.register_forward_pre_hook(lambda m, i: means.append(i[0].transpose(0, 1).flatten(1).mean(1)))
    model.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    return torch.stack(means).std(0)

# %% 9.6 wrong "statistics across the batch" expect "The statistics cross the samples"
def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    parts = x.reshape(len(x), groups, -1)
    mean, var = parts.mean((0, 2), keepdim=True), parts.var((0, 2), correction=0, keepdim=True)
    y = ((parts - mean) / (var + eps).sqrt()).reshape(x.shape)
    s = (1, -1) + (1,) * (x.ndim - 2)
    y = y if weight is None else y * weight.view(s)
    return y if bias is None else y + bias.view(s)


def batch_mean_noise(model, layer, batches):
    model, layer = copy.deepcopy((model, layer))
    means = []
    layer.register_forward_pre_hook(lambda m, i: means.append(i[0].transpose(0, 1).flatten(1).mean(1)))
    model.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    return torch.stack(means).std(0)

# %% 9.6 wrong "spread over channels" expect "This is the spread over channels"
def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    parts = x.reshape(len(x), groups, -1)
    mean, var = parts.mean(2, keepdim=True), parts.var(2, correction=0, keepdim=True)
    y = ((parts - mean) / (var + eps).sqrt()).reshape(x.shape)
    s = (1, -1) + (1,) * (x.ndim - 2)
    y = y if weight is None else y * weight.view(s)
    return y if bias is None else y + bias.view(s)


def batch_mean_noise(model, layer, batches):
    model, layer = copy.deepcopy((model, layer))
    means = []
    layer.register_forward_pre_hook(lambda m, i: means.append(i[0].transpose(0, 1).flatten(1).mean(1)))
    model.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    return torch.stack(means).std(1)

# %% 9.6 wrong "std over channels of the mean of means" expect "the noise of two channels"
def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    parts = x.reshape(len(x), groups, -1)
    mean, var = parts.mean(2, keepdim=True), parts.var(2, correction=0, keepdim=True)
    y = ((parts - mean) / (var + eps).sqrt()).reshape(x.shape)
    s = (1, -1) + (1,) * (x.ndim - 2)
    y = y if weight is None else y * weight.view(s)
    return y if bias is None else y + bias.view(s)


def batch_mean_noise(model, layer, batches):
    model, layer = copy.deepcopy((model, layer))
    means = []
    layer.register_forward_pre_hook(lambda m, i: means.append(i[0].transpose(0, 1).flatten(1).mean(1)))
    model.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    return torch.stack(means).mean(0).std()

# %% 9.6 wrong "divides by the number of batches" expect "number of batches - 1"
def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    parts = x.reshape(len(x), groups, -1)
    mean, var = parts.mean(2, keepdim=True), parts.var(2, correction=0, keepdim=True)
    y = ((parts - mean) / (var + eps).sqrt()).reshape(x.shape)
    s = (1, -1) + (1,) * (x.ndim - 2)
    y = y if weight is None else y * weight.view(s)
    return y if bias is None else y + bias.view(s)


def batch_mean_noise(model, layer, batches):
    model, layer = copy.deepcopy((model, layer))
    means = []
    layer.register_forward_pre_hook(lambda m, i: means.append(i[0].transpose(0, 1).flatten(1).mean(1)))
    model.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    return torch.stack(means).std(0, correction=0)

# %% 9.6 wrong "in eval mode" expect "The model ran in eval mode"
def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    parts = x.reshape(len(x), groups, -1)
    mean, var = parts.mean(2, keepdim=True), parts.var(2, correction=0, keepdim=True)
    y = ((parts - mean) / (var + eps).sqrt()).reshape(x.shape)
    s = (1, -1) + (1,) * (x.ndim - 2)
    y = y if weight is None else y * weight.view(s)
    return y if bias is None else y + bias.view(s)


def batch_mean_noise(model, layer, batches):
    model, layer = copy.deepcopy((model, layer))
    means = []
    layer.register_forward_pre_hook(lambda m, i: means.append(i[0].transpose(0, 1).flatten(1).mean(1)))
    model.eval()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    return torch.stack(means).std(0)

# %% 9.6 wrong "measures the output" expect "its input is asked for"
def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    parts = x.reshape(len(x), groups, -1)
    mean, var = parts.mean(2, keepdim=True), parts.var(2, correction=0, keepdim=True)
    y = ((parts - mean) / (var + eps).sqrt()).reshape(x.shape)
    s = (1, -1) + (1,) * (x.ndim - 2)
    y = y if weight is None else y * weight.view(s)
    return y if bias is None else y + bias.view(s)


def batch_mean_noise(model, layer, batches):
    model, layer = copy.deepcopy((model, layer))
    means = []
    layer.register_forward_hook(lambda m, i, o: means.append(o.transpose(0, 1).flatten(1).mean(1)))
    model.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    return torch.stack(means).std(0)

# %% 9.6 wrong "leaves the hook in" expect "Remove the hook"
def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    parts = x.reshape(len(x), groups, -1)
    mean, var = parts.mean(2, keepdim=True), parts.var(2, correction=0, keepdim=True)
    y = ((parts - mean) / (var + eps).sqrt()).reshape(x.shape)
    s = (1, -1) + (1,) * (x.ndim - 2)
    y = y if weight is None else y * weight.view(s)
    return y if bias is None else y + bias.view(s)


def batch_mean_noise(model, layer, batches):
    state = copy.deepcopy(model.state_dict())
    modes = [m.training for m in model.modules()]
    means = []
    layer.register_forward_pre_hook(lambda m, i: means.append(i[0].transpose(0, 1).flatten(1).mean(1)))
    model.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    model.load_state_dict(state)
    for m, was in zip(model.modules(), modes):
        m.training = was
    return torch.stack(means).std(0)

# %% 9.6 wrong "moves the running statistics" expect "the model's parameters and buffers"
def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    parts = x.reshape(len(x), groups, -1)
    mean, var = parts.mean(2, keepdim=True), parts.var(2, correction=0, keepdim=True)
    y = ((parts - mean) / (var + eps).sqrt()).reshape(x.shape)
    s = (1, -1) + (1,) * (x.ndim - 2)
    y = y if weight is None else y * weight.view(s)
    return y if bias is None else y + bias.view(s)


def batch_mean_noise(model, layer, batches):
    means, was = [], model.training
    hook = layer.register_forward_pre_hook(
        lambda m, i: means.append(i[0].transpose(0, 1).flatten(1).mean(1))
    )
    model.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    hook.remove()
    model.train(was)
    return torch.stack(means).std(0)

# %% 9.6 wrong "unbiased variance" expect "Divided by n - 1"
def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    parts = x.reshape(len(x), groups, -1)
    mean, var = parts.mean(2, keepdim=True), parts.var(2, keepdim=True)
    y = ((parts - mean) / (var + eps).sqrt()).reshape(x.shape)
    s = (1, -1) + (1,) * (x.ndim - 2)
    y = y if weight is None else y * weight.view(s)
    return y if bias is None else y + bias.view(s)


def batch_mean_noise(model, layer, batches):
    model, layer = copy.deepcopy((model, layer))
    means = []
    layer.register_forward_pre_hook(lambda m, i: means.append(i[0].transpose(0, 1).flatten(1).mean(1)))
    model.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    return torch.stack(means).std(0)

# %% 9.6 wrong "bias before weight" expect "First times weight, then plus bias"
def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    parts = x.reshape(len(x), groups, -1)
    mean, var = parts.mean(2, keepdim=True), parts.var(2, correction=0, keepdim=True)
    y = ((parts - mean) / (var + eps).sqrt()).reshape(x.shape)
    s = (1, -1) + (1,) * (x.ndim - 2)
    y = y if bias is None else y + bias.view(s)
    return y if weight is None else y * weight.view(s)


def batch_mean_noise(model, layer, batches):
    model, layer = copy.deepcopy((model, layer))
    means = []
    layer.register_forward_pre_hook(lambda m, i: means.append(i[0].transpose(0, 1).flatten(1).mean(1)))
    model.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    return torch.stack(means).std(0)

# %% 9.6 wrong "weight and bias along the last axis" expect "belong to the channels, not to the last axis"
def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    parts = x.reshape(len(x), groups, -1)
    mean, var = parts.mean(2, keepdim=True), parts.var(2, correction=0, keepdim=True)
    y = ((parts - mean) / (var + eps).sqrt()).reshape(x.shape)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def batch_mean_noise(model, layer, batches):
    model, layer = copy.deepcopy((model, layer))
    means = []
    layer.register_forward_pre_hook(lambda m, i: means.append(i[0].transpose(0, 1).flatten(1).mean(1)))
    model.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    return torch.stack(means).std(0)

# %% 9.6 wrong "each place by itself: the mean over channels of a group only" expect "group norm of (3, 6)"
def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    parts = x.reshape(len(x), groups, x.shape[1] // groups, -1)
    mean, var = parts.mean(2, keepdim=True), parts.var(2, correction=0, keepdim=True)
    y = ((parts - mean) / (var + eps).sqrt()).reshape(x.shape)
    s = (1, -1) + (1,) * (x.ndim - 2)
    y = y if weight is None else y * weight.view(s)
    return y if bias is None else y + bias.view(s)


def batch_mean_noise(model, layer, batches):
    model, layer = copy.deepcopy((model, layer))
    means = []
    layer.register_forward_pre_hook(lambda m, i: means.append(i[0].transpose(0, 1).flatten(1).mean(1)))
    model.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    return torch.stack(means).std(0)

# %% 9.6 wrong "the mean over the batch axis only" expect "the noise for batches of 2 and of 64 images"
def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    parts = x.reshape(len(x), groups, -1)
    mean, var = parts.mean(2, keepdim=True), parts.var(2, correction=0, keepdim=True)
    y = ((parts - mean) / (var + eps).sqrt()).reshape(x.shape)
    s = (1, -1) + (1,) * (x.ndim - 2)
    y = y if weight is None else y * weight.view(s)
    return y if bias is None else y + bias.view(s)


def batch_mean_noise(model, layer, batches):
    model, layer = copy.deepcopy((model, layer))
    means = []
    layer.register_forward_pre_hook(lambda m, i: means.append(i[0].mean(0)))
    model.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    return torch.stack(means).std(0)

# %% 9.6 right "a loop over groups; the model put back by hand"
def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    parts = []
    for part in x.chunk(groups, dim=1):
        axes = tuple(range(1, part.ndim))
        centred = part - part.mean(axes, keepdim=True)
        parts.append(centred * (centred.pow(2).mean(axes, keepdim=True) + eps).rsqrt())
    y = torch.cat(parts, dim=1).movedim(1, -1)
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return y.movedim(-1, 1)


def batch_mean_noise(model, layer, batches):
    state = {k: v.clone() for k, v in model.state_dict().items()}
    modes = [(m, m.training) for m in model.modules()]
    seen = []
    handle = layer.register_forward_hook(lambda m, inputs, out: seen.append(inputs[0].detach()))
    try:
        model.train()
        for batch in batches:
            with torch.no_grad():
                model(batch)
    finally:
        handle.remove()
        model.load_state_dict(state)
        for m, was in modes:
            m.training = was
    means = torch.stack([x.movedim(1, 0).reshape(x.shape[1], -1).mean(dim=1) for x in seen])
    return ((means - means.mean(0)) ** 2).sum(0).div(len(means) - 1).sqrt()

# %% 9.6 right "layer norm of each group"
def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    parts = x.unflatten(1, (groups, -1)).flatten(2)
    y = F.layer_norm(parts, parts.shape[2:], eps=eps).reshape(x.shape)
    tail = [1] * (x.dim() - 2)
    weight = torch.ones(x.shape[1], dtype=x.dtype) if weight is None else weight
    bias = torch.zeros(x.shape[1], dtype=x.dtype) if bias is None else bias
    return y * weight.view(-1, *tail) + bias.view(-1, *tail)


@torch.no_grad()
def batch_mean_noise(model, layer, batches):
    twin = copy.deepcopy(model)
    place = [name for name, m in model.named_modules() if m is layer][0]
    means = []

    def look(module, args):
        (x,) = args
        means.append(x.mean(dim=(0, *range(2, x.ndim))))

    twin.get_submodule(place).register_forward_pre_hook(look)
    twin.train()
    for batch in batches:
        twin(batch)
    return torch.stack(means).std(dim=0)
