# Named answers to the exercises of this chapter: the proof of its tests.

# %% 4.1 wrong "mean of the batch means" expect "the mean of the batch means"
def fit(model, X, y, optimiser, loss_fn, epochs, batch_size, generator):
    model.train()
    history = []
    for _ in range(epochs):
        losses = []
        for rows in torch.randperm(len(X), generator=generator).split(batch_size):
            optimiser.zero_grad()
            loss = loss_fn(model(X[rows]), y[rows])
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        history.append(sum(losses) / len(losses))
    return history

# %% 4.1 wrong "drops the last batch" expect "The small last batch"
def fit(model, X, y, optimiser, loss_fn, epochs, batch_size, generator):
    model.train()
    history = []
    for _ in range(epochs):
        order = torch.randperm(len(X), generator=generator)
        total = 0.0
        for k in range(len(X) // batch_size):
            rows = order[k * batch_size : (k + 1) * batch_size]
            optimiser.zero_grad()
            loss = loss_fn(model(X[rows]), y[rows])
            loss.backward()
            optimiser.step()
            total += loss.item() * len(rows)
        history.append(total / len(X))
    return history

# %% 4.1 wrong "never clears" expect "are still there: clear them"
def fit(model, X, y, optimiser, loss_fn, epochs, batch_size, generator):
    model.train()
    history = []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(X), generator=generator).split(batch_size):
            loss = loss_fn(model(X[rows]), y[rows])
            loss.backward()
            optimiser.step()
            total += loss.item() * len(rows)
        history.append(total / len(X))
    return history

# %% 4.1 wrong "clears between backward and step" expect "cleared between backward and step"
def fit(model, X, y, optimiser, loss_fn, epochs, batch_size, generator):
    model.train()
    history = []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(X), generator=generator).split(batch_size):
            loss = loss_fn(model(X[rows]), y[rows])
            loss.backward()
            optimiser.zero_grad()
            optimiser.step()
            total += loss.item() * len(rows)
        history.append(total / len(X))
    return history

# %% 4.1 wrong "one order for all epochs" expect "not drawn anew each epoch"
def fit(model, X, y, optimiser, loss_fn, epochs, batch_size, generator):
    model.train()
    history = []
    order = torch.randperm(len(X), generator=generator)
    for _ in range(epochs):
        total = 0.0
        for rows in order.split(batch_size):
            optimiser.zero_grad()
            loss = loss_fn(model(X[rows]), y[rows])
            loss.backward()
            optimiser.step()
            total += loss.item() * len(rows)
        history.append(total / len(X))
    return history

# %% 4.1 wrong "does not shuffle" expect "in their own order"
def fit(model, X, y, optimiser, loss_fn, epochs, batch_size, generator):
    model.train()
    history = []
    for _ in range(epochs):
        total = 0.0
        for xb, yb in zip(X.split(batch_size), y.split(batch_size)):
            optimiser.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(xb)
        history.append(total / len(X))
    return history

# %% 4.1 wrong "clears after the step only" expect "Gradients from before the call entered"
def fit(model, X, y, optimiser, loss_fn, epochs, batch_size, generator):
    model.train()
    history = []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(X), generator=generator).split(batch_size):
            loss = loss_fn(model(X[rows]), y[rows])
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
            total += loss.item() * len(rows)
        history.append(total / len(X))
    return history

# %% 4.1 wrong "leaves the mode as it is" expect "call model.train() first"
def fit(model, X, y, optimiser, loss_fn, epochs, batch_size, generator):
    history = []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(X), generator=generator).split(batch_size):
            optimiser.zero_grad()
            loss = loss_fn(model(X[rows]), y[rows])
            loss.backward()
            optimiser.step()
            total += loss.item() * len(rows)
        history.append(total / len(X))
    return history

# %% 4.1 wrong "keeps tensors" expect "append loss.item()"
def fit(model, X, y, optimiser, loss_fn, epochs, batch_size, generator):
    model.train()
    history = []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(X), generator=generator).split(batch_size):
            optimiser.zero_grad()
            loss = loss_fn(model(X[rows]), y[rows])
            loss.backward()
            optimiser.step()
            total = total + loss * len(rows)
        history.append(total / len(X))
    return history

# %% 4.1 wrong "loss after the epoch" expect "measured after the step"
def fit(model, X, y, optimiser, loss_fn, epochs, batch_size, generator):
    model.train()
    history = []
    for _ in range(epochs):
        for rows in torch.randperm(len(X), generator=generator).split(batch_size):
            optimiser.zero_grad()
            loss_fn(model(X[rows]), y[rows]).backward()
            optimiser.step()
        with torch.no_grad():
            history.append(loss_fn(model(X), y).item())
    return history

# %% 4.1 wrong "its own loss" expect "Use the optimiser and the loss"
def fit(model, X, y, optimiser, loss_fn, epochs, batch_size, generator):
    model.train()
    history = []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(X), generator=generator).split(batch_size):
            loss = loss_fn(model(X[rows]), y[rows])
            model.zero_grad()
            loss.backward()
            with torch.no_grad():
                for p in model.parameters():
                    p -= optimiser.param_groups[0]["lr"] * p.grad
            total += loss.item() * len(rows)
        history.append(total / len(X))
    return history

# %% 4.1 wrong "clears once an epoch" expect "pile up within the epoch"
def fit(model, X, y, optimiser, loss_fn, epochs, batch_size, generator):
    model.train()
    history = []
    for _ in range(epochs):
        total = 0.0
        optimiser.zero_grad()
        for rows in torch.randperm(len(X), generator=generator).split(batch_size):
            loss = loss_fn(model(X[rows]), y[rows])
            loss.backward()
            optimiser.step()
            total += loss.item() * len(rows)
        history.append(total / len(X))
    return history

# %% 4.1 wrong "weighs by batch_size" expect "weigh by len(rows)"
def fit(model, X, y, optimiser, loss_fn, epochs, batch_size, generator):
    model.train()
    history = []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(X), generator=generator).split(batch_size):
            optimiser.zero_grad()
            loss = loss_fn(model(X[rows]), y[rows])
            loss.backward()
            optimiser.step()
            total += loss.item() * batch_size
        history.append(total / len(X))
    return history

# %% 4.1 right "slices, clears between forward and backward, restores the mode"
def fit(model, X, y, optimiser, loss_fn, epochs, batch_size, generator):
    mode = model.training
    model.train()
    history = []
    for epoch in range(epochs):
        order = torch.randperm(len(X), generator=generator)
        losses, sizes = [], []
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size]
            loss = loss_fn(model(X[rows]), y[rows])
            optimiser.zero_grad(set_to_none=False)
            loss.backward()
            optimiser.step()
            losses.append(loss.detach())
            sizes.append(len(rows))
        mean = torch.stack(losses) @ torch.tensor(sizes, dtype=losses[0].dtype) / sum(sizes)
        history.append(mean.item())
    model.train(mode)
    return history

# %% 4.1 right "gradients by autograd.grad, clears at the end too"
def fit(model, X, y, optimiser, loss_fn, epochs, batch_size, generator):
    model.train()
    parameters = list(model.parameters())

    def step(rows):
        loss = loss_fn(model(X[rows]), y[rows])
        for p, g in zip(parameters, torch.autograd.grad(loss, parameters)):
            p.grad = g
        optimiser.step()
        optimiser.zero_grad()
        return float(loss) * len(rows)

    n = len(X)
    return [
        sum(step(rows) for rows in torch.randperm(n, generator=generator).split(batch_size)) / n
        for _ in range(epochs)
    ]

# %% 4.1 right "shuffles copies, counts the samples itself"
def fit(model, X, y, optimiser, loss_fn, epochs, batch_size, generator):
    history = []
    for _ in range(epochs):
        model.train()
        order = torch.randperm(X.size(0), generator=generator)
        Xs, ys = X[order], y[order]
        seen, total = 0, 0.0
        for xb, yb in zip(torch.split(Xs, batch_size), torch.split(ys, batch_size)):
            for p in model.parameters():
                p.grad = None
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimiser.step()
            total += loss.item() * xb.size(0)
            seen += xb.size(0)
        history.append(total / seen)
    return history

# %% predict-4-1 wrong "a: zero" expect "takes the probabilities for logits"
predict_4_1 = "a"

# %% predict-4-1 wrong "b: log 3" expect "of one who knows nothing"
predict_4_1 = "b"

# %% 4.2 wrong "Huber without the half" expect "The ½ of the inner branch is missing"
def mse(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    return ((prediction - target) ** 2).mean()


def l1(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    return (prediction - target).abs().mean()


def huber(prediction, target, delta=1.0):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    e = (prediction - target).abs()
    return torch.where(e <= delta, e**2, delta * (e - delta / 2)).mean()
# cell ex-4-2-b
def location(y, loss):
    candidates = torch.linspace(y.min().item(), y.max().item(), 20001)
    return min(candidates.tolist(), key=lambda c: loss(torch.full_like(y, c), y).item())

# %% 4.2 wrong "delta ignored" expect "δ = 1 is built in"
def mse(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    return ((prediction - target) ** 2).mean()


def l1(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    return (prediction - target).abs().mean()


def huber(prediction, target, delta=1.0):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    e = (prediction - target).abs()
    return torch.where(e <= 1, e**2 / 2, e - 0.5).mean()
# cell ex-4-2-b
def location(y, loss):
    low, high = y.min().item(), y.max().item()
    while high - low > 1e-4:
        a, b = low + (high - low) / 3, high - (high - low) / 3
        if loss(torch.full_like(y, a), y) < loss(torch.full_like(y, b), y):
            high = b
        else:
            low = a
    return low

# %% 4.2 wrong "sums" expect "This is the sum"
def mse(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    return ((prediction - target) ** 2).sum()


def l1(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    return (prediction - target).abs().sum()


def huber(prediction, target, delta=1.0):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    e = (prediction - target).abs()
    return torch.where(e <= delta, e**2 / 2, delta * (e - delta / 2)).sum()
# cell ex-4-2-b
def location(y, loss):
    low, high = y.min().item(), y.max().item()
    while high - low > 1e-4:
        a, b = low + (high - low) / 3, high - (high - low) / 3
        if loss(torch.full_like(y, a), y) < loss(torch.full_like(y, b), y):
            high = b
        else:
            low = a
    return low

# %% 4.2 wrong "lets shapes broadcast" expect "nothing was raised where a ValueError"
def mse(prediction, target):
    return ((prediction - target) ** 2).mean()


def l1(prediction, target):
    return (prediction - target).abs().mean()


def huber(prediction, target, delta=1.0):
    e = (prediction - target).abs()
    return torch.where(e <= delta, e**2 / 2, delta * (e - delta / 2)).mean()
# cell ex-4-2-b
def location(y, loss):
    low, high = y.min().item(), y.max().item()
    while high - low > 1e-4:
        a, b = low + (high - low) / 3, high - (high - low) / 3
        if loss(torch.full_like(y, a), y) < loss(torch.full_like(y, b), y):
            high = b
        else:
            low = a
    return low

# %% 4.2 wrong "SmoothL1 instead of Huber" expect "This is SmoothL1"
def mse(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    return ((prediction - target) ** 2).mean()


def l1(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    return (prediction - target).abs().mean()


def huber(prediction, target, delta=1.0):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    e = (prediction - target).abs()
    return torch.where(e <= delta, e**2 / (2 * delta), e - delta / 2).mean()
# cell ex-4-2-b
def location(y, loss):
    low, high = y.min().item(), y.max().item()
    while high - low > 1e-4:
        a, b = low + (high - low) / 3, high - (high - low) / 3
        if loss(torch.full_like(y, a), y) < loss(torch.full_like(y, b), y):
            high = b
        else:
            low = a
    return low

# %% 4.2 wrong "location knows only mean and median" expect "Search with the loss that is given"
def mse(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    return ((prediction - target) ** 2).mean()


def l1(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    return (prediction - target).abs().mean()


def huber(prediction, target, delta=1.0):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    e = (prediction - target).abs()
    return torch.where(e <= delta, e**2 / 2, delta * (e - delta / 2)).mean()
# cell ex-4-2-b
def location(y, loss):
    return y.mean().item() if loss is mse else y.median().item()

# %% 4.2 wrong "Python branch on the mean error" expect "huber"
def mse(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    return ((prediction - target) ** 2).mean()


def l1(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    return (prediction - target).abs().mean()


def huber(prediction, target, delta=1.0):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    e = (prediction - target).abs()
    return (e**2).mean() / 2 if e.mean() <= delta else delta * (e.mean() - delta / 2)
# cell ex-4-2-b
def location(y, loss):
    low, high = y.min().item(), y.max().item()
    while high - low > 1e-4:
        a, b = low + (high - low) / 3, high - (high - low) / 3
        if loss(torch.full_like(y, a), y) < loss(torch.full_like(y, b), y):
            high = b
        else:
            low = a
    return low

# %% 4.2 wrong "divides by the number of rows" expect "not by the number of rows"
def mse(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    return ((prediction - target) ** 2).sum() / len(target)


def l1(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    return (prediction - target).abs().sum() / len(target)


def huber(prediction, target, delta=1.0):
    if prediction.shape != target.shape:
        raise ValueError("shapes differ")
    e = (prediction - target).abs()
    return torch.where(e <= delta, e**2 / 2, delta * (e - delta / 2)).sum() / len(target)
# cell ex-4-2-b
def location(y, loss):
    low, high = y.min().item(), y.max().item()
    while high - low > 1e-4:
        a, b = low + (high - low) / 3, high - (high - low) / 3
        if loss(torch.full_like(y, a), y) < loss(torch.full_like(y, b), y):
            high = b
        else:
            low = a
    return low

# %% 4.2 wrong "no absolute value in the condition" expect "compare |e| with δ"
def _error(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("the shapes differ")
    return prediction - target


def mse(prediction, target):
    return (_error(prediction, target) ** 2).mean()


def l1(prediction, target):
    return _error(prediction, target).abs().mean()


def huber(prediction, target, delta=1.0):
    e = _error(prediction, target)
    inside, outside = e**2 / 2, delta * (e.abs() - delta / 2)
    return torch.where(e <= delta, inside, outside).mean()
# cell ex-4-2-b
def location(y, loss):
    low, high = y.min().item(), y.max().item()
    while high - low > 0.005:
        left, right = low + (high - low) / 3, high - (high - low) / 3
        if loss(torch.full_like(y, left), y) < loss(torch.full_like(y, right), y):
            high = right
        else:
            low = left
    return (low + high) / 2

# %% 4.2 wrong "the smaller branch" expect "Not the smaller branch"
def _error(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("the shapes differ")
    return prediction - target


def mse(prediction, target):
    return (_error(prediction, target) ** 2).mean()


def l1(prediction, target):
    return _error(prediction, target).abs().mean()


def huber(prediction, target, delta=1.0):
    e = _error(prediction, target)
    inside, outside = e**2 / 2, delta * (e.abs() - delta / 2)
    return torch.minimum(inside, outside).mean()
# cell ex-4-2-b
def location(y, loss):
    low, high = y.min().item(), y.max().item()
    while high - low > 0.005:
        left, right = low + (high - low) / 3, high - (high - low) / 3
        if loss(torch.full_like(y, left), y) < loss(torch.full_like(y, right), y):
            high = right
        else:
            low = left
    return (low + high) / 2

# %% 4.2 wrong "twenty rounds, however long the interval" expect "numbers that lie 2000 apart"
def _error(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("the shapes differ")
    return prediction - target


def mse(prediction, target):
    return (_error(prediction, target) ** 2).mean()


def l1(prediction, target):
    return _error(prediction, target).abs().mean()


def huber(prediction, target, delta=1.0):
    e = _error(prediction, target)
    inside, outside = e**2 / 2, delta * (e.abs() - delta / 2)
    return torch.where(e.abs() <= delta, inside, outside).mean()
# cell ex-4-2-b
def location(y, loss):
    low, high = y.min().item(), y.max().item()
    for _ in range(20):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        if loss(torch.full_like(y, left), y) < loss(torch.full_like(y, right), y):
            high = right
        else:
            low = left
    return (low + high) / 2

# %% 4.2 wrong "a grid of 5001 points" expect "numbers that lie 2000 apart"
def _error(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("the shapes differ")
    return prediction - target


def mse(prediction, target):
    return (_error(prediction, target) ** 2).mean()


def l1(prediction, target):
    return _error(prediction, target).abs().mean()


def huber(prediction, target, delta=1.0):
    e = _error(prediction, target)
    inside, outside = e**2 / 2, delta * (e.abs() - delta / 2)
    return torch.where(e.abs() <= delta, inside, outside).mean()
# cell ex-4-2-b
def location(y, loss):
    grid = torch.linspace(y.min().item(), y.max().item(), 5001).tolist()
    return min(grid, key=lambda c: loss(torch.full_like(y, c), y).item())

# %% 4.2 right "clamps for Huber, a fine grid for the location"
def same_shape(a, b):
    if a.shape != b.shape:
        raise ValueError(f"{a.shape} is not {b.shape}")


def mse(prediction, target):
    same_shape(prediction, target)
    return torch.mean(torch.square(prediction - target))


def l1(prediction, target):
    same_shape(prediction, target)
    return torch.linalg.vector_norm(prediction - target, ord=1) / target.numel()


def huber(prediction, target, delta=1.0):
    same_shape(prediction, target)
    size = (prediction - target).abs()
    near = size.clamp(max=delta)
    return (near * (size - near / 2)).mean()
# cell ex-4-2-b
def location(y, loss):
    low, high = float(y.min()), float(y.max())
    steps = int((high - low) / 0.004) + 2
    return min((low + (high - low) * k / steps for k in range(steps + 1)), key=lambda c: float(loss(torch.full_like(y, c), y)))

# %% 4.2 right "bisects on the slope that autograd gives"
def _error(prediction, target):
    if prediction.size() != target.size():
        raise ValueError("give prediction and target the same shape")
    return prediction - target


def mse(prediction, target):
    return _error(prediction, target).pow(2).mean()


def l1(prediction, target):
    return _error(prediction, target).abs().mean()


def huber(prediction, target, delta=1.0):
    e = _error(prediction, target)
    inside = (e.abs() <= delta).to(e.dtype)
    return (inside * e**2 / 2 + (1 - inside) * delta * (e.abs() - delta / 2)).mean()
# cell ex-4-2-b
def location(y, loss):
    low, high = y.min().item(), y.max().item()
    for _ in range(60):
        c = torch.full_like(y, (low + high) / 2).requires_grad_()
        (slope,) = torch.autograd.grad(loss(c, y), c)
        if slope.sum() > 0:
            high = (low + high) / 2
        else:
            low = (low + high) / 2
    return (low + high) / 2

# %% 4.2 right "thirds until the interval is short"
def _error(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("the shapes differ")
    return prediction - target


def mse(prediction, target):
    return (_error(prediction, target) ** 2).mean()


def l1(prediction, target):
    return _error(prediction, target).abs().mean()


def huber(prediction, target, delta=1.0):
    e = _error(prediction, target)
    inside, outside = e**2 / 2, delta * (e.abs() - delta / 2)
    return torch.where(e.abs() <= delta, inside, outside).mean()
# cell ex-4-2-b
def location(y, loss):
    low, high = y.min().item(), y.max().item()
    while high - low > 0.005:
        left, right = low + (high - low) / 3, high - (high - low) / 3
        if loss(torch.full_like(y, left), y) < loss(torch.full_like(y, right), y):
            high = right
        else:
            low = left
    return (low + high) / 2

# %% predict-4-2 wrong "a: as SGD" expect "That is SGD"
predict_4_2 = "a"

# %% predict-4-2 wrong "b: clipped" expect "Nothing is clipped"
predict_4_2 = "b"

# %% 4.3 wrong "no bias correction" expect "Without bias correction"
class SGD(Rule):
    def step(self):
        with torch.no_grad():
            for p in self.params:
                if p.grad is not None:
                    p -= self.lr * (p.grad + self.weight_decay * p)


class Momentum(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    g = p.grad + self.weight_decay * p
                    memory["v"] = self.momentum * memory.get("v", 0) + g
                    p -= self.lr * memory["v"]

# cell ex-4-3-b
def adam_update(rule, p, g, memory):
    b1, b2 = rule.betas
    memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    memory["s"] = b2 * memory.get("s", 0) + (1 - b2) * g**2
    p -= rule.lr * memory["m"] / (memory["s"].sqrt() + rule.eps)


class Adam(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    adam_update(self, p, p.grad + self.weight_decay * p, memory)


class AdamW(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    p -= self.lr * self.weight_decay * p
                    adam_update(self, p, p.grad, memory)

# %% 4.3 wrong "L2 where decoupled decay is asked" expect "decoupled means"
class SGD(Rule):
    def step(self):
        with torch.no_grad():
            for p in self.params:
                if p.grad is not None:
                    p -= self.lr * (p.grad + self.weight_decay * p)


class Momentum(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    g = p.grad + self.weight_decay * p
                    memory["v"] = self.momentum * memory.get("v", 0) + g
                    p -= self.lr * memory["v"]

# cell ex-4-3-b
def adam_update(rule, p, g, memory):
    b1, b2 = rule.betas
    memory["t"] = t = memory.get("t", 0) + 1
    memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    memory["s"] = b2 * memory.get("s", 0) + (1 - b2) * g**2
    p -= rule.lr * (memory["m"] / (1 - b1**t)) / ((memory["s"] / (1 - b2**t)).sqrt() + rule.eps)


class Adam(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    adam_update(self, p, p.grad + self.weight_decay * p, memory)


class AdamW(Adam):
    pass

# %% 4.3 wrong "epsilon inside the root" expect "ε stands inside the root"
class SGD(Rule):
    def step(self):
        with torch.no_grad():
            for p in self.params:
                if p.grad is not None:
                    p -= self.lr * (p.grad + self.weight_decay * p)


class Momentum(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    g = p.grad + self.weight_decay * p
                    memory["v"] = self.momentum * memory.get("v", 0) + g
                    p -= self.lr * memory["v"]

# cell ex-4-3-b
def adam_update(rule, p, g, memory):
    b1, b2 = rule.betas
    memory["t"] = t = memory.get("t", 0) + 1
    memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    memory["s"] = b2 * memory.get("s", 0) + (1 - b2) * g**2
    p -= rule.lr * (memory["m"] / (1 - b1**t)) / (memory["s"] / (1 - b2**t) + rule.eps).sqrt()


class Adam(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    adam_update(self, p, p.grad + self.weight_decay * p, memory)


class AdamW(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    p -= self.lr * self.weight_decay * p
                    adam_update(self, p, p.grad, memory)

# %% 4.3 wrong "momentum with 1 - μ" expect "without a factor 1 - μ"
class SGD(Rule):
    def step(self):
        with torch.no_grad():
            for p in self.params:
                if p.grad is not None:
                    p -= self.lr * (p.grad + self.weight_decay * p)


class Momentum(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    g = p.grad + self.weight_decay * p
                    memory["v"] = self.momentum * memory.get("v", 0) + (1 - self.momentum) * g
                    p -= self.lr * memory["v"]

# cell ex-4-3-b
def adam_update(rule, p, g, memory):
    b1, b2 = rule.betas
    memory["t"] = t = memory.get("t", 0) + 1
    memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    memory["s"] = b2 * memory.get("s", 0) + (1 - b2) * g**2
    p -= rule.lr * (memory["m"] / (1 - b1**t)) / ((memory["s"] / (1 - b2**t)).sqrt() + rule.eps)


class Adam(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    adam_update(self, p, p.grad + self.weight_decay * p, memory)


class AdamW(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    p -= self.lr * self.weight_decay * p
                    adam_update(self, p, p.grad, memory)

# %% 4.3 wrong "rebinds the parameter" expect "The weight did not move"
class SGD(Rule):
    def step(self):
        with torch.no_grad():
            for p in self.params:
                if p.grad is not None:
                    p = p - self.lr * (p.grad + self.weight_decay * p)


class Momentum(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    g = p.grad + self.weight_decay * p
                    memory["v"] = self.momentum * memory.get("v", 0) + g
                    p -= self.lr * memory["v"]

# cell ex-4-3-b
def adam_update(rule, p, g, memory):
    b1, b2 = rule.betas
    memory["t"] = t = memory.get("t", 0) + 1
    memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    memory["s"] = b2 * memory.get("s", 0) + (1 - b2) * g**2
    p -= rule.lr * (memory["m"] / (1 - b1**t)) / ((memory["s"] / (1 - b2**t)).sqrt() + rule.eps)


class Adam(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    adam_update(self, p, p.grad + self.weight_decay * p, memory)


class AdamW(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    p -= self.lr * self.weight_decay * p
                    adam_update(self, p, p.grad, memory)

# %% 4.3 wrong "one counter for all parameters" expect "t counts its own steps"
class SGD(Rule):
    def step(self):
        with torch.no_grad():
            for p in self.params:
                if p.grad is not None:
                    p -= self.lr * (p.grad + self.weight_decay * p)


class Momentum(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    g = p.grad + self.weight_decay * p
                    memory["v"] = self.momentum * memory.get("v", 0) + g
                    p -= self.lr * memory["v"]

# cell ex-4-3-b
def adam_update(rule, p, g, memory):
    b1, b2 = rule.betas
    t = rule.t
    memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    memory["s"] = b2 * memory.get("s", 0) + (1 - b2) * g**2
    p -= rule.lr * (memory["m"] / (1 - b1**t)) / ((memory["s"] / (1 - b2**t)).sqrt() + rule.eps)


class Adam(Rule):
    def step(self):
        self.t = getattr(self, "t", 0) + 1
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    adam_update(self, p, p.grad + self.weight_decay * p, memory)


class AdamW(Rule):
    def step(self):
        self.t = getattr(self, "t", 0) + 1
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    p -= self.lr * self.weight_decay * p
                    adam_update(self, p, p.grad, memory)

# %% 4.3 wrong "a missing gradient is a crash" expect "your code raised TypeError"
class SGD(Rule):
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= self.lr * (p.grad + self.weight_decay * p)


class Momentum(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    g = p.grad + self.weight_decay * p
                    memory["v"] = self.momentum * memory.get("v", 0) + g
                    p -= self.lr * memory["v"]

# cell ex-4-3-b
def adam_update(rule, p, g, memory):
    b1, b2 = rule.betas
    memory["t"] = t = memory.get("t", 0) + 1
    memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    memory["s"] = b2 * memory.get("s", 0) + (1 - b2) * g**2
    p -= rule.lr * (memory["m"] / (1 - b1**t)) / ((memory["s"] / (1 - b2**t)).sqrt() + rule.eps)


class Adam(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    adam_update(self, p, p.grad + self.weight_decay * p, memory)


class AdamW(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    p -= self.lr * self.weight_decay * p
                    adam_update(self, p, p.grad, memory)

# %% 4.3 wrong "a missing gradient counts as zero" expect "Skip it while .grad is None"
class SGD(Rule):
    def step(self):
        with torch.no_grad():
            for p in self.params:
                if p.grad is not None:
                    p -= self.lr * (p.grad + self.weight_decay * p)


class Momentum(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    g = p.grad + self.weight_decay * p
                    memory["v"] = self.momentum * memory.get("v", 0) + g
                    p -= self.lr * memory["v"]

# cell ex-4-3-b
def adam_update(rule, p, g, memory):
    b1, b2 = rule.betas
    memory["t"] = t = memory.get("t", 0) + 1
    memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    memory["s"] = b2 * memory.get("s", 0) + (1 - b2) * g**2
    p -= rule.lr * (memory["m"] / (1 - b1**t)) / ((memory["s"] / (1 - b2**t)).sqrt() + rule.eps)


class Adam(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    adam_update(self, p, p.grad + self.weight_decay * p, memory)


class AdamW(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                g = torch.zeros_like(p) if p.grad is None else p.grad
                p -= self.lr * self.weight_decay * p
                adam_update(self, p, g, memory)

# %% 4.3 wrong "adds the decay into .grad" expect "the gradients changed"
class SGD(Rule):
    @torch.no_grad()
    def step(self):
        for p in self.params:
            if p.grad is not None:
                p.grad += self.weight_decay * p
                p -= self.lr * p.grad


class Momentum(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    g = p.grad + self.weight_decay * p
                    memory["v"] = self.momentum * memory.get("v", 0) + g
                    p -= self.lr * memory["v"]

# cell ex-4-3-b
def adam_update(rule, p, g, memory):
    b1, b2 = rule.betas
    memory["t"] = t = memory.get("t", 0) + 1
    memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    memory["s"] = b2 * memory.get("s", 0) + (1 - b2) * g**2
    p -= rule.lr * (memory["m"] / (1 - b1**t)) / ((memory["s"] / (1 - b2**t)).sqrt() + rule.eps)


class Adam(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    adam_update(self, p, p.grad + self.weight_decay * p, memory)


class AdamW(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    p -= self.lr * self.weight_decay * p
                    adam_update(self, p, p.grad, memory)

# %% 4.3 wrong "the velocity is the gradient tensor itself" expect "the gradients changed"
class SGD(Rule):
    def step(self):
        with torch.no_grad():
            for p in self.params:
                if p.grad is not None:
                    p -= self.lr * (p.grad + self.weight_decay * p)


class Momentum(Rule):
    @torch.no_grad()
    def step(self):
        for p, memory in zip(self.params, self.memory):
            if p.grad is None:
                continue
            if "v" not in memory:
                memory["v"] = p.grad.add_(self.weight_decay * p)
            else:
                memory["v"].mul_(self.momentum).add_(p.grad + self.weight_decay * p)
            p -= self.lr * memory["v"]

# cell ex-4-3-b
def adam_update(rule, p, g, memory):
    b1, b2 = rule.betas
    memory["t"] = t = memory.get("t", 0) + 1
    memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    memory["s"] = b2 * memory.get("s", 0) + (1 - b2) * g**2
    p -= rule.lr * (memory["m"] / (1 - b1**t)) / ((memory["s"] / (1 - b2**t)).sqrt() + rule.eps)


class Adam(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    adam_update(self, p, p.grad + self.weight_decay * p, memory)


class AdamW(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    p -= self.lr * self.weight_decay * p
                    adam_update(self, p, p.grad, memory)

# %% 4.3 wrong "decay without the learning rate" expect "must be multiplied by the learning rate"
class SGD(Rule):
    def step(self):
        with torch.no_grad():
            for p in self.params:
                if p.grad is not None:
                    p -= self.lr * (p.grad + self.weight_decay * p)


class Momentum(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    g = p.grad + self.weight_decay * p
                    memory["v"] = self.momentum * memory.get("v", 0) + g
                    p -= self.lr * memory["v"]

# cell ex-4-3-b
def adam_update(rule, p, g, memory):
    b1, b2 = rule.betas
    memory["t"] = t = memory.get("t", 0) + 1
    memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    memory["s"] = b2 * memory.get("s", 0) + (1 - b2) * g**2
    p -= rule.lr * (memory["m"] / (1 - b1**t)) / ((memory["s"] / (1 - b2**t)).sqrt() + rule.eps)


class Adam(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    adam_update(self, p, p.grad + self.weight_decay * p, memory)


class AdamW(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    p -= self.weight_decay * p
                    adam_update(self, p, p.grad, memory)

# %% 4.3 wrong "forgets the velocity" expect "v is forgotten between the steps"
class SGD(Rule):
    def step(self):
        with torch.no_grad():
            for p in self.params:
                if p.grad is not None:
                    p -= self.lr * (p.grad + self.weight_decay * p)


class Momentum(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    g = p.grad + self.weight_decay * p
                    v = self.momentum * 0 + g
                    p -= self.lr * v

# cell ex-4-3-b
def adam_update(rule, p, g, memory):
    b1, b2 = rule.betas
    memory["t"] = t = memory.get("t", 0) + 1
    memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    memory["s"] = b2 * memory.get("s", 0) + (1 - b2) * g**2
    p -= rule.lr * (memory["m"] / (1 - b1**t)) / ((memory["s"] / (1 - b2**t)).sqrt() + rule.eps)


class Adam(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    adam_update(self, p, p.grad + self.weight_decay * p, memory)


class AdamW(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    p -= self.lr * self.weight_decay * p
                    adam_update(self, p, p.grad, memory)

# %% 4.3 wrong "betas built in" expect "Use self.betas"
class SGD(Rule):
    def step(self):
        with torch.no_grad():
            for p in self.params:
                if p.grad is not None:
                    p -= self.lr * (p.grad + self.weight_decay * p)


class Momentum(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    g = p.grad + self.weight_decay * p
                    memory["v"] = self.momentum * memory.get("v", 0) + g
                    p -= self.lr * memory["v"]

# cell ex-4-3-b
def adam_update(rule, p, g, memory):
    b1, b2 = 0.9, 0.999
    memory["t"] = t = memory.get("t", 0) + 1
    memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    memory["s"] = b2 * memory.get("s", 0) + (1 - b2) * g**2
    p -= rule.lr * (memory["m"] / (1 - b1**t)) / ((memory["s"] / (1 - b2**t)).sqrt() + rule.eps)


class Adam(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    adam_update(self, p, p.grad + self.weight_decay * p, memory)


class AdamW(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    p -= self.lr * self.weight_decay * p
                    adam_update(self, p, p.grad, memory)

# %% 4.3 wrong "AdamW decays after the step" expect "The decay comes first"
class SGD(Rule):
    def step(self):
        with torch.no_grad():
            for p in self.params:
                if p.grad is not None:
                    p -= self.lr * (p.grad + self.weight_decay * p)


class Momentum(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    g = p.grad + self.weight_decay * p
                    memory["v"] = self.momentum * memory.get("v", 0) + g
                    p -= self.lr * memory["v"]

# cell ex-4-3-b
def adam_update(rule, p, g, memory):
    b1, b2 = rule.betas
    memory["t"] = t = memory.get("t", 0) + 1
    memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    memory["s"] = b2 * memory.get("s", 0) + (1 - b2) * g**2
    p -= rule.lr * (memory["m"] / (1 - b1**t)) / ((memory["s"] / (1 - b2**t)).sqrt() + rule.eps)


class Adam(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    adam_update(self, p, p.grad + self.weight_decay * p, memory)


class AdamW(Rule):
    def step(self):
        with torch.no_grad():
            for p, memory in zip(self.params, self.memory):
                if p.grad is not None:
                    adam_update(self, p, p.grad, memory)
                    p -= self.lr * self.weight_decay * p

# %% 4.3 right "in place on own buffers, .data, one loop for both kinds of Adam"
class SGD(Rule):
    def step(self):
        for p in filter(lambda q: q.grad is not None, self.params):
            p.data.mul_(1 - self.lr * self.weight_decay).sub_(p.grad, alpha=self.lr)


class Momentum(Rule):
    def step(self):
        for p, memory in zip(self.params, self.memory):
            if p.grad is None:
                continue
            v = memory.setdefault("v", torch.zeros_like(p.data))
            v.mul_(self.momentum).add_(p.grad).add_(p.data, alpha=self.weight_decay)
            p.data.add_(v, alpha=-self.lr)
# cell ex-4-3-b
class Adam(Rule):
    decoupled = False

    def step(self):
        b1, b2 = self.betas
        for p, memory in zip(self.params, self.memory):
            if p.grad is None:
                continue
            if not memory:
                memory.update(t=0, m=torch.zeros_like(p.data), s=torch.zeros_like(p.data))
            g = p.grad
            if self.decoupled:
                p.data.mul_(1 - self.lr * self.weight_decay)
            else:
                g = g.add(p.data, alpha=self.weight_decay)
            memory["t"] += 1
            memory["m"].lerp_(g, 1 - b1)
            memory["s"].mul_(b2).addcmul_(g, g, value=1 - b2)
            size = (memory["s"] / (1 - b2 ** memory["t"])).sqrt().add_(self.eps)
            p.data.addcdiv_(memory["m"], size, value=-self.lr / (1 - b1 ** memory["t"]))


class AdamW(Adam):
    decoupled = True

# %% 4.3 right "state by the parameter, copy_ at the end"
def moved(rule, update):
    with torch.no_grad():
        for p in rule.params:
            if p.grad is not None:
                p.copy_(update(p.clone(), p.grad.clone()))


class SGD(Rule):
    def step(self):
        moved(self, lambda w, g: w - self.lr * (g + self.weight_decay * w))


class Momentum(Rule):
    def step(self):
        if not hasattr(self, "v"):
            self.v = [None] * len(self.params)
        with torch.no_grad():
            for k, p in enumerate(self.params):
                if p.grad is None:
                    continue
                g = p.grad + self.weight_decay * p
                self.v[k] = g if self.v[k] is None else self.momentum * self.v[k] + g
                p.sub_(self.lr * self.v[k])
# cell ex-4-3-b
class Adam(Rule):
    def direction(self, memory, g):
        b1, b2 = self.betas
        t = memory["t"] = memory.get("t", 0) + 1
        m = memory["m"] = b1 * memory.get("m", torch.zeros_like(g)) + (1 - b1) * g
        s = memory["s"] = b2 * memory.get("s", torch.zeros_like(g)) + (1 - b2) * g * g
        return m / (1 - b1**t) / (torch.sqrt(s / (1 - b2**t)) + self.eps)

    @torch.no_grad()
    def step(self):
        for p, memory in zip(self.params, self.memory):
            if p.grad is not None:
                p -= self.lr * self.direction(memory, p.grad + self.weight_decay * p)


class AdamW(Adam):
    @torch.no_grad()
    def step(self):
        for p, memory in zip(self.params, self.memory):
            if p.grad is not None:
                shrunk = p * (1 - self.lr * self.weight_decay)
                p.copy_(shrunk - self.lr * self.direction(memory, p.grad))

# %% predict-4-3 wrong "a: epochs" expect "counts how often it is called"
predict_4_3 = "a"

# %% predict-4-3 wrong "b: once" expect "Count the calls"
predict_4_3 = "b"

# %% 4.4 wrong "NaN compared with > only" expect "NaN slipped through: every comparison"
def lr_sweep(f, w0, rates, steps):
    labels = []
    for rate in rates:
        w = w0.detach().clone().requires_grad_()
        first = f(w).item()
        for _ in range(steps):
            (g,) = torch.autograd.grad(f(w), w)
            with torch.no_grad():
                w -= rate * g
        last = f(w).item()
        if last > 1.01 * first:
            labels.append("diverges")
        elif last < 0.99 * first:
            labels.append("converges")
        else:
            labels.append("stuck")
    return labels


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    kept = copy.deepcopy(model.state_dict())
    inner = copy.deepcopy(optimiser.state_dict())
    rates, losses = [], []
    for k in range(steps):
        rate = low * (high / low) ** (k / (steps - 1))
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, y = batches[k % len(batches)]
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        rates.append(rate)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimiser.step()
    model.load_state_dict(kept)
    optimiser.load_state_dict(inner)
    return rates, losses

# %% 4.4 wrong "NaN falls into the last branch" expect "NaN slipped through, and counts as success"
def lr_sweep(f, w0, rates, steps):
    labels = []
    for rate in rates:
        w = w0.detach().clone().requires_grad_()
        first = f(w).item()
        for _ in range(steps):
            (g,) = torch.autograd.grad(f(w), w)
            with torch.no_grad():
                w -= rate * g
        last = f(w).item()
        if last > 1.01 * first:
            labels.append("diverges")
        elif last >= 0.99 * first:
            labels.append("stuck")
        else:
            labels.append("converges")
    return labels


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    kept = copy.deepcopy(model.state_dict())
    inner = copy.deepcopy(optimiser.state_dict())
    rates, losses = [], []
    for k in range(steps):
        rate = low * (high / low) ** (k / (steps - 1))
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, y = batches[k % len(batches)]
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        rates.append(rate)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimiser.step()
    model.load_state_dict(kept)
    optimiser.load_state_dict(inner)
    return rates, losses

# %% 4.4 wrong "one start for all rates" expect "Each rate must start from w0"
def lr_sweep(f, w0, rates, steps):
    labels = []
    w = w0.detach().clone().requires_grad_()
    for rate in rates:
        first = f(w).item()
        for _ in range(steps):
            (g,) = torch.autograd.grad(f(w), w)
            with torch.no_grad():
                w -= rate * g
        last = f(w).item()
        if not math.isfinite(last) or last > 1.01 * first:
            labels.append("diverges")
        elif last < 0.99 * first:
            labels.append("converges")
        else:
            labels.append("stuck")
    return labels


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    kept = copy.deepcopy(model.state_dict())
    inner = copy.deepcopy(optimiser.state_dict())
    rates, losses = [], []
    for k in range(steps):
        rate = low * (high / low) ** (k / (steps - 1))
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, y = batches[k % len(batches)]
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        rates.append(rate)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimiser.step()
    model.load_state_dict(kept)
    optimiser.load_state_dict(inner)
    return rates, losses

# %% 4.4 wrong "walks with w0 itself" expect "w0 changed"
def lr_sweep(f, w0, rates, steps):
    labels, start = [], w0.clone()
    for rate in rates:
        w0.copy_(start)
        first = f(w0).item()
        for _ in range(steps):
            leaf = w0.clone().requires_grad_()
            (g,) = torch.autograd.grad(f(leaf), leaf)
            w0 -= rate * g
        last = f(w0).item()
        if not math.isfinite(last) or last > 1.01 * first:
            labels.append("diverges")
        else:
            labels.append("converges" if last < 0.99 * first else "stuck")
    return labels


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    kept = copy.deepcopy(model.state_dict())
    inner = copy.deepcopy(optimiser.state_dict())
    rates, losses = [], []
    for k in range(steps):
        rate = low * (high / low) ** (k / (steps - 1))
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, y = batches[k % len(batches)]
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        rates.append(rate)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimiser.step()
    model.load_state_dict(kept)
    optimiser.load_state_dict(inner)
    return rates, losses

# %% 4.4 wrong "linear grid" expect "not equal differences"
def lr_sweep(f, w0, rates, steps):
    labels = []
    for rate in rates:
        w = w0.detach().clone().requires_grad_()
        first = f(w).item()
        for _ in range(steps):
            (g,) = torch.autograd.grad(f(w), w)
            with torch.no_grad():
                w -= rate * g
        last = f(w).item()
        if not math.isfinite(last) or last > 1.01 * first:
            labels.append("diverges")
        elif last < 0.99 * first:
            labels.append("converges")
        else:
            labels.append("stuck")
    return labels


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    kept = copy.deepcopy(model.state_dict())
    inner = copy.deepcopy(optimiser.state_dict())
    rates, losses = [], []
    for k in range(steps):
        rate = low + (high - low) * k / (steps - 1)
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, y = batches[k % len(batches)]
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        rates.append(rate)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimiser.step()
    model.load_state_dict(kept)
    optimiser.load_state_dict(inner)
    return rates, losses

# %% 4.4 wrong "does not restore" expect "keep a deepcopy"
def lr_sweep(f, w0, rates, steps):
    labels = []
    for rate in rates:
        w = w0.detach().clone().requires_grad_()
        first = f(w).item()
        for _ in range(steps):
            (g,) = torch.autograd.grad(f(w), w)
            with torch.no_grad():
                w -= rate * g
        last = f(w).item()
        if not math.isfinite(last) or last > 1.01 * first:
            labels.append("diverges")
        elif last < 0.99 * first:
            labels.append("converges")
        else:
            labels.append("stuck")
    return labels


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    kept = copy.deepcopy(model.state_dict())
    inner = copy.deepcopy(optimiser.state_dict())
    rates, losses = [], []
    for k in range(steps):
        rate = low * (high / low) ** (k / (steps - 1))
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, y = batches[k % len(batches)]
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        rates.append(rate)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimiser.step()
    return rates, losses

# %% 4.4 wrong "restores from living tensors" expect "keep a deepcopy, and load it back"
def lr_sweep(f, w0, rates, steps):
    labels = []
    for rate in rates:
        w = w0.detach().clone().requires_grad_()
        first = f(w).item()
        for _ in range(steps):
            (g,) = torch.autograd.grad(f(w), w)
            with torch.no_grad():
                w -= rate * g
        last = f(w).item()
        if not math.isfinite(last) or last > 1.01 * first:
            labels.append("diverges")
        elif last < 0.99 * first:
            labels.append("converges")
        else:
            labels.append("stuck")
    return labels


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    kept = model.state_dict()
    inner = copy.deepcopy(optimiser.state_dict())
    rates, losses = [], []
    for k in range(steps):
        rate = low * (high / low) ** (k / (steps - 1))
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, y = batches[k % len(batches)]
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        rates.append(rate)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimiser.step()
    model.load_state_dict(kept)
    optimiser.load_state_dict(inner)
    return rates, losses

# %% 4.4 wrong "the optimiser keeps what it learnt" expect "Load the optimiser's state back"
def lr_sweep(f, w0, rates, steps):
    labels = []
    for rate in rates:
        w = w0.detach().clone().requires_grad_()
        first = f(w).item()
        for _ in range(steps):
            (g,) = torch.autograd.grad(f(w), w)
            with torch.no_grad():
                w -= rate * g
        last = f(w).item()
        if not math.isfinite(last) or last > 1.01 * first:
            labels.append("diverges")
        elif last < 0.99 * first:
            labels.append("converges")
        else:
            labels.append("stuck")
    return labels


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    kept = copy.deepcopy(model.state_dict())
    inner = copy.deepcopy(optimiser.state_dict())
    rates, losses = [], []
    for k in range(steps):
        rate = low * (high / low) ** (k / (steps - 1))
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, y = batches[k % len(batches)]
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        rates.append(rate)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimiser.step()
    model.load_state_dict(kept)
    return rates, losses

# %% 4.4 wrong "only the learning rate is put back" expect "memory (momentum)"
def lr_sweep(f, w0, rates, steps):
    labels = []
    for rate in rates:
        w = w0.detach().clone().requires_grad_()
        first = f(w).item()
        for _ in range(steps):
            (g,) = torch.autograd.grad(f(w), w)
            with torch.no_grad():
                w -= rate * g
        last = f(w).item()
        if not math.isfinite(last) or last > 1.01 * first:
            labels.append("diverges")
        elif last < 0.99 * first:
            labels.append("converges")
        else:
            labels.append("stuck")
    return labels


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    kept = copy.deepcopy(model.state_dict())
    inner = [group["lr"] for group in optimiser.param_groups]
    rates, losses = [], []
    for k in range(steps):
        rate = low * (high / low) ** (k / (steps - 1))
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, y = batches[k % len(batches)]
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        rates.append(rate)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimiser.step()
    model.load_state_dict(kept)
    for group, rate in zip(optimiser.param_groups, inner):
        group["lr"] = rate
    return rates, losses

# %% 4.4 wrong "the optimiser's living state" expect "memory (momentum)"
def lr_sweep(f, w0, rates, steps):
    labels = []
    for rate in rates:
        w = w0.detach().clone().requires_grad_()
        first = f(w).item()
        for _ in range(steps):
            (g,) = torch.autograd.grad(f(w), w)
            with torch.no_grad():
                w -= rate * g
        last = f(w).item()
        if not math.isfinite(last) or last > 1.01 * first:
            labels.append("diverges")
        elif last < 0.99 * first:
            labels.append("converges")
        else:
            labels.append("stuck")
    return labels


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    kept = copy.deepcopy(model.state_dict())
    inner = optimiser.state_dict()
    rates, losses = [], []
    for k in range(steps):
        rate = low * (high / low) ** (k / (steps - 1))
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, y = batches[k % len(batches)]
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        rates.append(rate)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimiser.step()
    model.load_state_dict(kept)
    for group in optimiser.param_groups:
        group["lr"] = 0.05
    inner["param_groups"] = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict(inner)
    return rates, losses

# %% 4.4 wrong "only the first group" expect "Only the first parameter group"
def lr_sweep(f, w0, rates, steps):
    labels = []
    for rate in rates:
        w = w0.detach().clone().requires_grad_()
        first = f(w).item()
        for _ in range(steps):
            (g,) = torch.autograd.grad(f(w), w)
            with torch.no_grad():
                w -= rate * g
        last = f(w).item()
        if not math.isfinite(last) or last > 1.01 * first:
            labels.append("diverges")
        elif last < 0.99 * first:
            labels.append("converges")
        else:
            labels.append("stuck")
    return labels


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    kept = copy.deepcopy(model.state_dict())
    inner = copy.deepcopy(optimiser.state_dict())
    rates, losses = [], []
    for k in range(steps):
        rate = low * (high / low) ** (k / (steps - 1))
        group = optimiser.param_groups[0]
        group["lr"] = rate
        x, y = batches[k % len(batches)]
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        rates.append(rate)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimiser.step()
    model.load_state_dict(kept)
    optimiser.load_state_dict(inner)
    return rates, losses

# %% 4.4 wrong "never stops" expect "then stop"
def lr_sweep(f, w0, rates, steps):
    labels = []
    for rate in rates:
        w = w0.detach().clone().requires_grad_()
        first = f(w).item()
        for _ in range(steps):
            (g,) = torch.autograd.grad(f(w), w)
            with torch.no_grad():
                w -= rate * g
        last = f(w).item()
        if not math.isfinite(last) or last > 1.01 * first:
            labels.append("diverges")
        elif last < 0.99 * first:
            labels.append("converges")
        else:
            labels.append("stuck")
    return labels


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    kept = copy.deepcopy(model.state_dict())
    inner = copy.deepcopy(optimiser.state_dict())
    rates, losses = [], []
    for k in range(steps):
        rate = low * (high / low) ** (k / (steps - 1))
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, y = batches[k % len(batches)]
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        rates.append(rate)
        losses.append(loss.item())
        loss.backward()
        optimiser.step()
    model.load_state_dict(kept)
    optimiser.load_state_dict(inner)
    return rates, losses

# %% 4.4 wrong "NaN does not stop it" expect "A loss that is not finite ends the test"
def lr_sweep(f, w0, rates, steps):
    labels = []
    for rate in rates:
        w = w0.detach().clone().requires_grad_()
        first = f(w).item()
        for _ in range(steps):
            (g,) = torch.autograd.grad(f(w), w)
            with torch.no_grad():
                w -= rate * g
        last = f(w).item()
        if not math.isfinite(last) or last > 1.01 * first:
            labels.append("diverges")
        elif last < 0.99 * first:
            labels.append("converges")
        else:
            labels.append("stuck")
    return labels


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    kept = copy.deepcopy(model.state_dict())
    inner = copy.deepcopy(optimiser.state_dict())
    rates, losses = [], []
    for k in range(steps):
        rate = low * (high / low) ** (k / (steps - 1))
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, y = batches[k % len(batches)]
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        rates.append(rate)
        losses.append(loss.item())
        if losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimiser.step()
    model.load_state_dict(kept)
    optimiser.load_state_dict(inner)
    return rates, losses

# %% 4.4 wrong "always the first batch" expect "Each rate takes the next batch"
def lr_sweep(f, w0, rates, steps):
    labels = []
    for rate in rates:
        w = w0.detach().clone().requires_grad_()
        first = f(w).item()
        for _ in range(steps):
            (g,) = torch.autograd.grad(f(w), w)
            with torch.no_grad():
                w -= rate * g
        last = f(w).item()
        if not math.isfinite(last) or last > 1.01 * first:
            labels.append("diverges")
        elif last < 0.99 * first:
            labels.append("converges")
        else:
            labels.append("stuck")
    return labels


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    kept = copy.deepcopy(model.state_dict())
    inner = copy.deepcopy(optimiser.state_dict())
    rates, losses = [], []
    for k in range(steps):
        rate = low * (high / low) ** (k / (steps - 1))
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, y = batches[0]
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        rates.append(rate)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimiser.step()
    model.load_state_dict(kept)
    optimiser.load_state_dict(inner)
    return rates, losses

# %% 4.4 wrong "the last rate is never reached" expect "divide by steps - 1"
def lr_sweep(f, w0, rates, steps):
    labels = []
    for rate in rates:
        w = w0.detach().clone().requires_grad_()
        first = f(w).item()
        for _ in range(steps):
            (g,) = torch.autograd.grad(f(w), w)
            with torch.no_grad():
                w -= rate * g
        last = f(w).item()
        if not math.isfinite(last) or last > 1.01 * first:
            labels.append("diverges")
        elif last < 0.99 * first:
            labels.append("converges")
        else:
            labels.append("stuck")
    return labels


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    kept = copy.deepcopy(model.state_dict())
    inner = copy.deepcopy(optimiser.state_dict())
    rates, losses = [], []
    for k in range(steps):
        rate = low * (high / low) ** (k / steps)
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, y = batches[k % len(batches)]
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        rates.append(rate)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimiser.step()
    model.load_state_dict(kept)
    optimiser.load_state_dict(inner)
    return rates, losses

# %% 4.4 right "SGD for the sweep, logspace and a try-finally for the finder"
def lr_sweep(f, w0, rates, steps):
    def run(rate):
        w = nn.Parameter(w0.detach().clone())
        optimiser = torch.optim.SGD([w], lr=rate)
        first = float(f(w))
        for _ in range(steps):
            optimiser.zero_grad()
            f(w).backward()
            optimiser.step()
        ratio = float(f(w)) / first
        if ratio < 0.99:
            return "converges"
        return "stuck" if ratio <= 1.01 else "diverges"

    return [run(rate) for rate in rates]


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    weights = {name: t.clone() for name, t in model.state_dict().items()}
    inner = copy.deepcopy(optimiser.state_dict())
    grid = torch.logspace(math.log10(low), math.log10(high), steps, dtype=torch.float64).tolist()
    best, rates, losses = math.inf, [], []
    try:
        for k, rate in enumerate(grid):
            for group in optimiser.param_groups:
                group["lr"] = rate
            x, y = batches[k % len(batches)]
            loss = loss_fn(model(x), y)
            rates.append(rate)
            losses.append(float(loss))
            best = min(best, losses[-1])
            if not losses[-1] <= 4 * best:
                return rates, losses
            optimiser.zero_grad(set_to_none=False)
            loss.backward()
            optimiser.step()
        return rates, losses
    finally:
        model.load_state_dict(weights)
        optimiser.load_state_dict(inner)
        optimiser.zero_grad()

# %% 4.4 right "torch.func, and a running product"
def lr_sweep(f, w0, rates, steps):
    labels = []
    slope = torch.func.grad(f)
    for rate in rates:
        w = w0.clone()
        for _ in range(steps):
            w = w - rate * slope(w)
        first, last = f(w0), f(w)
        if last.isfinite() and last <= 1.01 * first:
            labels.append("converges" if last < 0.99 * first else "stuck")
        else:
            labels.append("diverges")
    return labels


def lr_finder(model, batches, loss_fn, optimiser, low, high, steps):
    saved = copy.deepcopy([model.state_dict(), optimiser.state_dict()])
    ratio = (high / low) ** (1 / (steps - 1))
    rate, rates, losses = low, [], []
    while len(rates) < steps:
        for group in optimiser.param_groups:
            group.update(lr=rate)
        x, y = batches[len(rates) % len(batches)]
        loss = loss_fn(model(x), y)
        rates.append(rate)
        losses.append(loss.item())
        if math.isnan(losses[-1]) or math.isinf(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        model.zero_grad()
        loss.backward()
        optimiser.step()
        rate *= ratio
    for thing, state in zip((model, optimiser), saved):
        thing.load_state_dict(state)
    return rates, losses

# %% 4.5 wrong "a tie counts as improvement" expect "A tie is no improvement"
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        self.state, self.epoch, self.bad = None, -1, 0

    def step(self, loss, model):
        self.epoch += 1
        if math.isfinite(loss) and loss <= self.best_loss - self.min_delta:
            self.best_loss, self.best_epoch, self.bad = loss, self.epoch, 0
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.bad += 1
        return self.bad >= self.patience

    def restore(self, model):
        if self.state is not None:
            model.load_state_dict(self.state)

# cell ex-4-5-b
def onset(train, val):
    best = val.index(min(val))
    if val[-1] > val[best] and train[-1] < train[best]:
        return best
    return None

# %% 4.5 wrong "the counter is not reset" expect "sets the count of bad epochs back to 0"
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        self.state, self.epoch, self.bad = None, -1, 0

    def step(self, loss, model):
        self.epoch += 1
        if math.isfinite(loss) and loss < self.best_loss - self.min_delta:
            self.best_loss, self.best_epoch = loss, self.epoch
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.bad += 1
        return self.bad >= self.patience

    def restore(self, model):
        if self.state is not None:
            model.load_state_dict(self.state)

# cell ex-4-5-b
def onset(train, val):
    best = val.index(min(val))
    if val[-1] > val[best] and train[-1] < train[best]:
        return best
    return None

# %% 4.5 wrong "the best state is an alias" expect "so keep a deepcopy"
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        self.state, self.epoch, self.bad = None, -1, 0

    def step(self, loss, model):
        self.epoch += 1
        if math.isfinite(loss) and loss < self.best_loss - self.min_delta:
            self.best_loss, self.best_epoch, self.bad = loss, self.epoch, 0
            self.state = model.state_dict()
        else:
            self.bad += 1
        return self.bad >= self.patience

    def restore(self, model):
        if self.state is not None:
            model.load_state_dict(self.state)

# cell ex-4-5-b
def onset(train, val):
    best = val.index(min(val))
    if val[-1] > val[best] and train[-1] < train[best]:
        return best
    return None

# %% 4.5 wrong "a shallow copy" expect "so keep a deepcopy"
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        self.state, self.epoch, self.bad = None, -1, 0

    def step(self, loss, model):
        self.epoch += 1
        if math.isfinite(loss) and loss < self.best_loss - self.min_delta:
            self.best_loss, self.best_epoch, self.bad = loss, self.epoch, 0
            self.state = dict(model.state_dict())
        else:
            self.bad += 1
        return self.bad >= self.patience

    def restore(self, model):
        if self.state is not None:
            model.load_state_dict(self.state)

# cell ex-4-5-b
def onset(train, val):
    best = val.index(min(val))
    if val[-1] > val[best] and train[-1] < train[best]:
        return best
    return None

# %% 4.5 wrong "NaN as the first loss becomes the best" expect "NaN and infinities come by"
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        self.state, self.epoch, self.bad = None, -1, 0

    def step(self, loss, model):
        self.epoch += 1
        if self.best_epoch is None or loss < self.best_loss - self.min_delta:
            self.best_loss, self.best_epoch, self.bad = loss, self.epoch, 0
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.bad += 1
        return self.bad >= self.patience

    def restore(self, model):
        if self.state is not None:
            model.load_state_dict(self.state)

# cell ex-4-5-b
def onset(train, val):
    best = val.index(min(val))
    if val[-1] > val[best] and train[-1] < train[best]:
        return best
    return None

# %% 4.5 wrong "minus infinity is a record" expect "NaN and infinities come by"
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        self.state, self.epoch, self.bad = None, -1, 0

    def step(self, loss, model):
        self.epoch += 1
        if loss < self.best_loss - self.min_delta:
            self.best_loss, self.best_epoch, self.bad = loss, self.epoch, 0
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.bad += 1
        return self.bad >= self.patience

    def restore(self, model):
        if self.state is not None:
            model.load_state_dict(self.state)

# cell ex-4-5-b
def onset(train, val):
    best = val.index(min(val))
    if val[-1] > val[best] and train[-1] < train[best]:
        return best
    return None

# %% 4.5 wrong "patience off by one" expect "One epoch late"
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        self.state, self.epoch, self.bad = None, -1, 0

    def step(self, loss, model):
        self.epoch += 1
        if math.isfinite(loss) and loss < self.best_loss - self.min_delta:
            self.best_loss, self.best_epoch, self.bad = loss, self.epoch, 0
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.bad += 1
        return self.bad > self.patience

    def restore(self, model):
        if self.state is not None:
            model.load_state_dict(self.state)

# cell ex-4-5-b
def onset(train, val):
    best = val.index(min(val))
    if val[-1] > val[best] and train[-1] < train[best]:
        return best
    return None

# %% 4.5 wrong "compares with the last loss" expect "Compare with the best loss, not with the last one"
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        self.state, self.epoch, self.bad = None, -1, 0
        self.last = math.inf

    def step(self, loss, model):
        self.epoch += 1
        if math.isfinite(loss) and loss < self.last - self.min_delta:
            self.best_loss, self.best_epoch, self.bad = loss, self.epoch, 0
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.bad += 1
        self.last = loss
        return self.bad >= self.patience

    def restore(self, model):
        if self.state is not None:
            model.load_state_dict(self.state)

# cell ex-4-5-b
def onset(train, val):
    best = val.index(min(val))
    if val[-1] > val[best] and train[-1] < train[best]:
        return best
    return None

# %% 4.5 wrong "min_delta forgotten" expect "min_delta has no effect"
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        self.state, self.epoch, self.bad = None, -1, 0

    def step(self, loss, model):
        self.epoch += 1
        if math.isfinite(loss) and loss < self.best_loss:
            self.best_loss, self.best_epoch, self.bad = loss, self.epoch, 0
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.bad += 1
        return self.bad >= self.patience

    def restore(self, model):
        if self.state is not None:
            model.load_state_dict(self.state)

# cell ex-4-5-b
def onset(train, val):
    best = val.index(min(val))
    if val[-1] > val[best] and train[-1] < train[best]:
        return best
    return None

# %% 4.5 wrong "keeps parameters, not buffers" expect "Buffers, such as"
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        self.state, self.epoch, self.bad = None, -1, 0

    def step(self, loss, model):
        self.epoch += 1
        if math.isfinite(loss) and loss < self.best_loss - self.min_delta:
            self.best_loss, self.best_epoch, self.bad = loss, self.epoch, 0
            self.state = {n: p.detach().clone() for n, p in model.named_parameters()}
        else:
            self.bad += 1
        return self.bad >= self.patience

    def restore(self, model):
        if self.state is not None:
            model.load_state_dict(self.state, strict=False)

# cell ex-4-5-b
def onset(train, val):
    best = val.index(min(val))
    if val[-1] > val[best] and train[-1] < train[best]:
        return best
    return None

# %% 4.5 wrong "restore hands out the kept tensors" expect "copy them"
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        self.state, self.epoch, self.bad = None, -1, 0

    def step(self, loss, model):
        self.epoch += 1
        if math.isfinite(loss) and loss < self.best_loss - self.min_delta:
            self.best_loss, self.best_epoch, self.bad = loss, self.epoch, 0
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.bad += 1
        return self.bad >= self.patience

    def restore(self, model):
        if self.state is not None:
            model.load_state_dict(self.state, assign=True)

# cell ex-4-5-b
def onset(train, val):
    best = val.index(min(val))
    if val[-1] > val[best] and train[-1] < train[best]:
        return best
    return None

# %% 4.5 wrong "restore fails without a best" expect "your code raised"
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        self.state, self.epoch, self.bad = None, -1, 0

    def step(self, loss, model):
        self.epoch += 1
        if math.isfinite(loss) and loss < self.best_loss - self.min_delta:
            self.best_loss, self.best_epoch, self.bad = loss, self.epoch, 0
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.bad += 1
        return self.bad >= self.patience

    def restore(self, model):
        model.load_state_dict(self.state)

# cell ex-4-5-b
def onset(train, val):
    best = val.index(min(val))
    if val[-1] > val[best] and train[-1] < train[best]:
        return best
    return None

# %% 4.5 wrong "onset is the best epoch" expect "look at both ends"
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        self.state, self.epoch, self.bad = None, -1, 0

    def step(self, loss, model):
        self.epoch += 1
        if math.isfinite(loss) and loss < self.best_loss - self.min_delta:
            self.best_loss, self.best_epoch, self.bad = loss, self.epoch, 0
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.bad += 1
        return self.bad >= self.patience

    def restore(self, model):
        if self.state is not None:
            model.load_state_dict(self.state)

# cell ex-4-5-b
def onset(train, val):
    return val.index(min(val))

# %% 4.5 wrong "onset takes the last of equals" expect "the first counts"
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        self.state, self.epoch, self.bad = None, -1, 0

    def step(self, loss, model):
        self.epoch += 1
        if math.isfinite(loss) and loss < self.best_loss - self.min_delta:
            self.best_loss, self.best_epoch, self.bad = loss, self.epoch, 0
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.bad += 1
        return self.bad >= self.patience

    def restore(self, model):
        if self.state is not None:
            model.load_state_dict(self.state)

# cell ex-4-5-b
def onset(train, val):
    best = max(k for k, v in enumerate(val) if v == min(val))
    if val[-1] > val[best] and train[-1] < train[best]:
        return best
    return None

# %% 4.5 wrong "True once only" expect ">= patience, not =="
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        self.state, self.epoch, self.bad = None, -1, 0

    def step(self, loss, model):
        self.epoch += 1
        if math.isfinite(loss) and loss < self.best_loss - self.min_delta:
            self.best_loss, self.best_epoch, self.bad = loss, self.epoch, 0
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.bad += 1
        return self.bad == self.patience

    def restore(self, model):
        if self.state is not None:
            model.load_state_dict(self.state)

# cell ex-4-5-b
def onset(train, val):
    best = val.index(min(val))
    if val[-1] > val[best] and train[-1] < train[best]:
        return best
    return None

# %% 4.5 wrong "min_delta with the wrong sign" expect "or the wrong sign"
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        self.state, self.epoch, self.bad = None, -1, 0

    def step(self, loss, model):
        self.epoch += 1
        if math.isfinite(loss) and loss < self.best_loss + self.min_delta:
            self.best_loss, self.best_epoch, self.bad = loss, self.epoch, 0
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.bad += 1
        return self.bad >= self.patience

    def restore(self, model):
        if self.state is not None:
            model.load_state_dict(self.state)

# cell ex-4-5-b
def onset(train, val):
    best = val.index(min(val))
    if val[-1] > val[best] and train[-1] < train[best]:
        return best
    return None

# %% 4.5 right "remembers losses, counts backwards, clones"
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best_loss, self.best_epoch = math.inf, None
        self.seen, self.kept = 0, {}

    def step(self, loss, model):
        better = self.best_loss - loss > self.min_delta and abs(loss) < math.inf
        if better:
            self.best_loss, self.best_epoch = loss, self.seen
            self.kept = {name: t.detach().clone() for name, t in model.state_dict().items()}
        self.seen += 1
        since = self.seen - (0 if self.best_epoch is None else self.best_epoch + 1)
        return since >= self.patience

    def restore(self, model):
        if self.kept:
            with torch.no_grad():
                for name, t in model.state_dict().items():
                    t.copy_(self.kept[name])
# cell ex-4-5-b
def onset(train, val):
    best, lowest = 0, val[0]
    for epoch, loss in enumerate(val):
        if loss < lowest:
            best, lowest = epoch, loss
    if val[-1] <= lowest or train[-1] >= train[best]:
        return None
    return best

# %% 4.5 right "a copy of the whole model"
class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience = patience
        self.min_delta = min_delta
        self.best_loss = math.inf
        self.best_epoch = None
        self.best_model = None
        self.left = patience
        self.epoch = 0

    def step(self, loss, model):
        loss = float(loss)
        self.left -= 1
        if loss == loss and abs(loss) != math.inf and loss + self.min_delta < self.best_loss:
            self.best_loss = loss
            self.best_epoch = self.epoch
            self.best_model = copy.deepcopy(model)
            self.left = self.patience
        self.epoch += 1
        return self.left <= 0

    def restore(self, model):
        if self.best_model is not None:
            model.load_state_dict(self.best_model.state_dict())
# cell ex-4-5-b
def onset(train, val):
    best = int(torch.tensor(val).argmin())
    return best if train[best] > train[-1] and val[best] < val[-1] else None

# %% 4.6 wrong "validates in train mode" expect "validates in train mode"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience:
                break
    model.load_state_dict(state)
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.6 wrong "records gradients while validating" expect "Gradients are recorded while validating"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    for x, y in batches:
        total += loss_fn(model(x), y).item() * len(y)
        count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience:
                break
    model.load_state_dict(state)
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.6 wrong "eval mode stays on" expect "Every epoch begins with model.train()"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    model.train()
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience:
                break
    model.load_state_dict(state)
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.6 wrong "the last weights, not the best" expect "load the best ones first"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience:
                break
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.6 wrong "the best weights are an alias" expect "load the best ones first"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = model.state_dict()
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = model.state_dict()
        else:
            bad += 1
            if bad >= patience:
                break
    model.load_state_dict(state)
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.6 wrong "restores after the test" expect "load the best ones first"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience:
                break
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    model.load_state_dict(state)
    return report

# %% 4.6 wrong "scaler fitted on all data" expect "leak into training"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X.mean(0), X.std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience:
                break
    model.load_state_dict(state)
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.6 wrong "each part scaled by itself" expect "not their own"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    parts = {}
    for name, rows in zip(("train", "val", "test"), order.split(list(sizes))):
        part = X[rows]
        parts[name] = ((part - part.mean(0)) / part.std(0), y[rows])
    return parts


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience:
                break
    model.load_state_dict(state)
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.6 wrong "one mean for all columns" expect "use dim=0"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(), X[train].std()
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience:
                break
    model.load_state_dict(state)
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.6 wrong "tests in each epoch" expect "used a second time"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        tested = validate(model, loaders["test"], loss_fn)
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
            kept_test = tested
        else:
            bad += 1
            if bad >= patience:
                break
    model.load_state_dict(state)
    report["test_loss"] = kept_test
    return report

# %% 4.6 wrong "chooses the best epoch on the test data" expect "the validation losses"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["test"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience:
                break
    model.load_state_dict(state)
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.6 wrong "steps the scheduler with every batch" expect "moves with every batch"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            scheduler.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience:
                break
    model.load_state_dict(state)
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.6 wrong "notes the rate too late" expect "after the scheduler had moved it"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        report["lr"].append(optimiser.param_groups[0]["lr"])
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience:
                break
    model.load_state_dict(state)
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.6 wrong "stops one epoch late" expect "One epoch too many"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad > patience:
                break
    model.load_state_dict(state)
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.6 wrong "never stops" expect "It never stops"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
    model.load_state_dict(state)
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.6 wrong "mean of the batch means" expect "mean of the batch means"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item()
            count += 1
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience:
                break
    model.load_state_dict(state)
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.6 wrong "ties count as better" expect "A tie is not lower"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        if val <= best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience:
                break
    model.load_state_dict(state)
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.6 wrong "seeds inside" expect "no seeding inside"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    torch.manual_seed(0)
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience:
                break
    model.load_state_dict(state)
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.6 wrong "gradients stay off afterwards" expect "Gradients stay off for all later code"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    def walk(name, training):
        model.train(training)
        torch.set_grad_enabled(training)
        total, count = 0.0, 0
        for x, y in loaders[name]:
            loss = loss_fn(model(x), y)
            if training:
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            total, count = total + loss.item() * len(y), count + len(y)
        return total / count

    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        report["train_loss"].append(walk("train", True))
        report["val_loss"].append(walk("val", False))
        scheduler.step()
        if report["val_loss"][-1] < best:
            best, bad, report["best_epoch"] = report["val_loss"][-1], 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience:
                break
    model.load_state_dict(state)
    report["test_loss"] = walk("test", False)
    return report

# %% 4.6 right "a function for training, one for measuring"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        scheduler.step()
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience:
                break
    model.load_state_dict(state)
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.6 right "an object holds the best, modes and gradients by one switch"
def prepare(X, y, sizes, generator):
    rows = torch.randperm(X.shape[0], generator=generator)
    Xs, ys = X[rows].split(list(sizes)), y[rows].split(list(sizes))
    std, mean = torch.std_mean(Xs[0], dim=0)
    return {k: ((p - mean) / std, q) for k, p, q in zip(["train", "val", "test"], Xs, ys)}


class Meter:
    def __init__(self):
        self.sum, self.n = 0.0, 0

    def add(self, loss, n):
        self.sum, self.n = self.sum + float(loss) * n, self.n + n

    @property
    def mean(self):
        return self.sum / self.n


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    train_loss, val_loss, rates, states = [], [], [], []
    for _ in range(epochs):
        rates += [group["lr"] for group in optimiser.param_groups][:1]
        meter = Meter()
        for x, y in loaders["train"]:
            model.train()
            loss = loss_fn(model(x), y)
            for p in model.parameters():
                p.grad = None
            loss.backward()
            optimiser.step()
            meter.add(loss.detach(), y.shape[0])
        train_loss.append(meter.mean)
        meter = Meter()
        model.eval()
        with torch.inference_mode():
            for x, y in loaders["val"]:
                meter.add(loss_fn(model(x), y), y.shape[0])
        val_loss.append(meter.mean)
        states.append({k: v.clone() for k, v in model.state_dict().items()})
        scheduler.step()
        best = val_loss.index(min(val_loss))
        if len(val_loss) - 1 - best >= patience:
            break
    model.load_state_dict(states[best])
    meter = Meter()
    with torch.no_grad():
        for x, y in loaders["test"]:
            meter.add(loss_fn(model(x), y), y.shape[0])
    return {
        "train_loss": train_loss,
        "val_loss": val_loss,
        "lr": rates,
        "best_epoch": best,
        "test_loss": meter.mean,
    }

# %% 4.6 right "the scheduler rests in the epoch that stops; inference mode"
def prepare(X, y, sizes, generator):
    order = torch.randperm(len(X), generator=generator)
    a, b = sizes[0], sizes[0] + sizes[1]
    train, val, test = order[:a], order[a:b], order[b:]
    mean, std = X[train].mean(0), X[train].std(0)
    return {
        "train": ((X[train] - mean) / std, y[train]),
        "val": ((X[val] - mean) / std, y[val]),
        "test": ((X[test] - mean) / std, y[test]),
    }


def validate(model, batches, loss_fn):
    model.eval()
    total, count = 0.0, 0
    with torch.inference_mode():
        for x, y in batches:
            total += loss_fn(model(x), y).item() * len(y)
            count += len(y)
    return total / count


def run(model, loaders, optimiser, scheduler, loss_fn, epochs, patience):
    report = {"train_loss": [], "val_loss": [], "lr": [], "best_epoch": None}
    best, bad = math.inf, 0
    state = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        report["lr"].append(optimiser.param_groups[0]["lr"])
        model.train()
        total, count = 0.0, 0
        for x, y in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
            count += len(y)
        report["train_loss"].append(total / count)
        val = validate(model, loaders["val"], loss_fn)
        report["val_loss"].append(val)
        if val < best:
            best, bad, report["best_epoch"] = val, 0, epoch
            state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= patience:
                break
        scheduler.step()
    model.load_state_dict(state)
    report["test_loss"] = validate(model, loaders["test"], loss_fn)
    return report

# %% 4.7 wrong "as it was found" expect "one logit a class"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, 1), nn.Softmax(dim=1))


def make_optimiser(net: nn.Module) -> torch.optim.Optimizer:
    """Its first step, for a gradient of 1, moves a weight by 0.005 to 0.05."""
    return torch.optim.SGD(net.parameters(), lr=50.0)


def shuffled(X, y, generator):
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    X = X[torch.randperm(len(X), generator=generator)]
    y = y[torch.randperm(len(y), generator=generator)]
    return X, y


def train_step(net, optimiser, x, y) -> float:
    """One step on this batch alone, in train mode; the cross-entropy before it."""
    net.train()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.zero_grad()
    optimiser.step()
    return loss.item()


def predict(net, x) -> torch.Tensor:
    """The class of each row of x, (N,), without dropout: the same each time."""
    with torch.no_grad():
        return net(x).argmax(dim=1)


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 wrong "one output" expect "one logit a class"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, 1))  # K outputs, no softmax


def make_optimiser(net: nn.Module) -> torch.optim.Optimizer:
    """Its first step, for a gradient of 1, moves a weight by 0.005 to 0.05."""
    return torch.optim.SGD(net.parameters(), lr=0.1)


def shuffled(X, y, generator):
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    order = torch.randperm(len(X), generator=generator)
    return X[order], y[order]


def train_step(net, optimiser, x, y) -> float:
    """One step on this batch alone, in train mode; the cross-entropy before it."""
    net.train()
    optimiser.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()


def predict(net, x) -> torch.Tensor:
    """The class of each row of x, (N,), without dropout: the same each time."""
    net.eval()
    with torch.no_grad():
        return net(x).argmax(dim=1)


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 wrong "the softmax is kept" expect "cross_entropy wants logits"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, classes), nn.Softmax(dim=1))  # K outputs, no softmax


def make_optimiser(net: nn.Module) -> torch.optim.Optimizer:
    """Its first step, for a gradient of 1, moves a weight by 0.005 to 0.05."""
    return torch.optim.SGD(net.parameters(), lr=0.1)


def shuffled(X, y, generator):
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    order = torch.randperm(len(X), generator=generator)
    return X[order], y[order]


def train_step(net, optimiser, x, y) -> float:
    """One step on this batch alone, in train mode; the cross-entropy before it."""
    net.train()
    optimiser.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()


def predict(net, x) -> torch.Tensor:
    """The class of each row of x, (N,), without dropout: the same each time."""
    net.eval()
    with torch.no_grad():
        return net(x).argmax(dim=1)


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 wrong "a sigmoid in place of the softmax" expect "cross_entropy wants logits"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, classes), nn.Sigmoid())  # K outputs, no softmax


def make_optimiser(net: nn.Module) -> torch.optim.Optimizer:
    """Its first step, for a gradient of 1, moves a weight by 0.005 to 0.05."""
    return torch.optim.SGD(net.parameters(), lr=0.1)


def shuffled(X, y, generator):
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    order = torch.randperm(len(X), generator=generator)
    return X[order], y[order]


def train_step(net, optimiser, x, y) -> float:
    """One step on this batch alone, in train mode; the cross-entropy before it."""
    net.train()
    optimiser.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()


def predict(net, x) -> torch.Tensor:
    """The class of each row of x, (N,), without dropout: the same each time."""
    net.eval()
    with torch.no_grad():
        return net(x).argmax(dim=1)


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 wrong "the rate is kept" expect "It is the learning rate"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, classes))  # K outputs, no softmax


def make_optimiser(net: nn.Module) -> torch.optim.Optimizer:
    """Its first step, for a gradient of 1, moves a weight by 0.005 to 0.05."""
    return torch.optim.SGD(net.parameters(), lr=50.0)


def shuffled(X, y, generator):
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    order = torch.randperm(len(X), generator=generator)
    return X[order], y[order]


def train_step(net, optimiser, x, y) -> float:
    """One step on this batch alone, in train mode; the cross-entropy before it."""
    net.train()
    optimiser.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()


def predict(net, x) -> torch.Tensor:
    """The class of each row of x, (N,), without dropout: the same each time."""
    net.eval()
    with torch.no_grad():
        return net(x).argmax(dim=1)


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 wrong "the rate is 5" expect "It is the learning rate"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, classes))  # K outputs, no softmax


def make_optimiser(net: nn.Module) -> torch.optim.Optimizer:
    """Its first step, for a gradient of 1, moves a weight by 0.005 to 0.05."""
    return torch.optim.SGD(net.parameters(), lr=5.0)


def shuffled(X, y, generator):
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    order = torch.randperm(len(X), generator=generator)
    return X[order], y[order]


def train_step(net, optimiser, x, y) -> float:
    """One step on this batch alone, in train mode; the cross-entropy before it."""
    net.train()
    optimiser.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()


def predict(net, x) -> torch.Tensor:
    """The class of each row of x, (N,), without dropout: the same each time."""
    net.eval()
    with torch.no_grad():
        return net(x).argmax(dim=1)


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 wrong "two orders" expect "a stranger's label"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, classes))  # K outputs, no softmax


def make_optimiser(net: nn.Module) -> torch.optim.Optimizer:
    """Its first step, for a gradient of 1, moves a weight by 0.005 to 0.05."""
    return torch.optim.SGD(net.parameters(), lr=0.1)


def shuffled(X, y, generator):
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    X = X[torch.randperm(len(X), generator=generator)]
    y = y[torch.randperm(len(y), generator=generator)]
    return X, y


def train_step(net, optimiser, x, y) -> float:
    """One step on this batch alone, in train mode; the cross-entropy before it."""
    net.train()
    optimiser.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()


def predict(net, x) -> torch.Tensor:
    """The class of each row of x, (N,), without dropout: the same each time."""
    net.eval()
    with torch.no_grad():
        return net(x).argmax(dim=1)


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 wrong "shuffles X only" expect "X was shuffled, y was not"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, classes))  # K outputs, no softmax


def make_optimiser(net: nn.Module) -> torch.optim.Optimizer:
    """Its first step, for a gradient of 1, moves a weight by 0.005 to 0.05."""
    return torch.optim.SGD(net.parameters(), lr=0.1)


def shuffled(X, y, generator):
    return X[torch.randperm(len(X), generator=generator)], y


def train_step(net, optimiser, x, y) -> float:
    """One step on this batch alone, in train mode; the cross-entropy before it."""
    net.train()
    optimiser.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()


def predict(net, x) -> torch.Tensor:
    """The class of each row of x, (N,), without dropout: the same each time."""
    net.eval()
    with torch.no_grad():
        return net(x).argmax(dim=1)


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 wrong "does not shuffle any more" expect "for one order drawn with the generator"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, classes))  # K outputs, no softmax


def make_optimiser(net: nn.Module) -> torch.optim.Optimizer:
    """Its first step, for a gradient of 1, moves a weight by 0.005 to 0.05."""
    return torch.optim.SGD(net.parameters(), lr=0.1)


def shuffled(X, y, generator):
    return X, y


def train_step(net, optimiser, x, y) -> float:
    """One step on this batch alone, in train mode; the cross-entropy before it."""
    net.train()
    optimiser.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()


def predict(net, x) -> torch.Tensor:
    """The class of each row of x, (N,), without dropout: the same each time."""
    net.eval()
    with torch.no_grad():
        return net(x).argmax(dim=1)


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 wrong "clears between backward and step" expect "Nothing moved"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, classes))  # K outputs, no softmax


def make_optimiser(net: nn.Module) -> torch.optim.Optimizer:
    """Its first step, for a gradient of 1, moves a weight by 0.005 to 0.05."""
    return torch.optim.SGD(net.parameters(), lr=0.1)


def shuffled(X, y, generator):
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    order = torch.randperm(len(X), generator=generator)
    return X[order], y[order]


def train_step(net, optimiser, x, y) -> float:
    """One step on this batch alone, in train mode; the cross-entropy before it."""
    net.train()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.zero_grad()
    optimiser.step()
    return loss.item()


def predict(net, x) -> torch.Tensor:
    """The class of each row of x, (N,), without dropout: the same each time."""
    net.eval()
    with torch.no_grad():
        return net(x).argmax(dim=1)


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 wrong "does not clear any more" expect "clear them before backward"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, classes))  # K outputs, no softmax


def make_optimiser(net: nn.Module) -> torch.optim.Optimizer:
    """Its first step, for a gradient of 1, moves a weight by 0.005 to 0.05."""
    return torch.optim.SGD(net.parameters(), lr=0.1)


def shuffled(X, y, generator):
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    order = torch.randperm(len(X), generator=generator)
    return X[order], y[order]


def train_step(net, optimiser, x, y) -> float:
    """One step on this batch alone, in train mode; the cross-entropy before it."""
    net.train()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()


def predict(net, x) -> torch.Tensor:
    """The class of each row of x, (N,), without dropout: the same each time."""
    net.eval()
    with torch.no_grad():
        return net(x).argmax(dim=1)


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 wrong "dropout stays on in predictions" expect "Dropout is still on"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, classes))  # K outputs, no softmax


def make_optimiser(net: nn.Module) -> torch.optim.Optimizer:
    """Its first step, for a gradient of 1, moves a weight by 0.005 to 0.05."""
    return torch.optim.SGD(net.parameters(), lr=0.1)


def shuffled(X, y, generator):
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    order = torch.randperm(len(X), generator=generator)
    return X[order], y[order]


def train_step(net, optimiser, x, y) -> float:
    """One step on this batch alone, in train mode; the cross-entropy before it."""
    net.train()
    optimiser.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()


def predict(net, x) -> torch.Tensor:
    """The class of each row of x, (N,), without dropout: the same each time."""
    with torch.no_grad():
        return net(x).argmax(dim=1)


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 wrong "the best row for each class" expect "argmax(dim=1)"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, classes))  # K outputs, no softmax


def make_optimiser(net: nn.Module) -> torch.optim.Optimizer:
    """Its first step, for a gradient of 1, moves a weight by 0.005 to 0.05."""
    return torch.optim.SGD(net.parameters(), lr=0.1)


def shuffled(X, y, generator):
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    order = torch.randperm(len(X), generator=generator)
    return X[order], y[order]


def train_step(net, optimiser, x, y) -> float:
    """One step on this batch alone, in train mode; the cross-entropy before it."""
    net.train()
    optimiser.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()


def predict(net, x) -> torch.Tensor:
    """The class of each row of x, (N,), without dropout: the same each time."""
    net.eval()
    with torch.no_grad():
        return net(x).argmax(dim=0)


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 wrong "removes the dropout instead" expect "Dropout is still on"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU()
    return nn.Sequential(*hidden, nn.Linear(32, classes))  # K outputs, no softmax


def make_optimiser(net: nn.Module) -> torch.optim.Optimizer:
    """Its first step, for a gradient of 1, moves a weight by 0.005 to 0.05."""
    return torch.optim.SGD(net.parameters(), lr=0.1)


def shuffled(X, y, generator):
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    order = torch.randperm(len(X), generator=generator)
    return X[order], y[order]


def train_step(net, optimiser, x, y) -> float:
    """One step on this batch alone, in train mode; the cross-entropy before it."""
    net.train()
    optimiser.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()


def predict(net, x) -> torch.Tensor:
    """The class of each row of x, (N,), without dropout: the same each time."""
    with torch.no_grad():
        return net(x).argmax(dim=1)


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 wrong "trains in eval mode" expect "train mode in train_step"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, classes))  # K outputs, no softmax


def make_optimiser(net: nn.Module) -> torch.optim.Optimizer:
    """Its first step, for a gradient of 1, moves a weight by 0.005 to 0.05."""
    return torch.optim.SGD(net.parameters(), lr=0.1)


def shuffled(X, y, generator):
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    order = torch.randperm(len(X), generator=generator)
    return X[order], y[order]


def train_step(net, optimiser, x, y) -> float:
    """One step on this batch alone, in train mode; the cross-entropy before it."""
    net.eval()
    optimiser.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()


def predict(net, x) -> torch.Tensor:
    """The class of each row of x, (N,), without dropout: the same each time."""
    net.eval()
    with torch.no_grad():
        return net(x).argmax(dim=1)


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 wrong "Adam with a rate of 1" expect "or the rate lies far"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, classes))  # K outputs, no softmax


def make_optimiser(net):
    return torch.optim.Adam(net.parameters(), lr=1.0)


def shuffled(X, y, generator):
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    order = torch.randperm(len(X), generator=generator)
    return X[order], y[order]


def train_step(net, optimiser, x, y):
    net.train()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()
    return loss.item()


def predict(net, x):
    mode = net.training
    net.eval()
    with torch.inference_mode():
        classes = net(x).argmax(dim=1).clone()
    net.train(mode)
    return classes


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 right "Adam, clears at the end, restores the mode"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, classes))  # K outputs, no softmax


def make_optimiser(net):
    return torch.optim.Adam(net.parameters(), lr=0.01)


def shuffled(X, y, generator):
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    order = torch.randperm(len(X), generator=generator)
    return X[order], y[order]


def train_step(net, optimiser, x, y):
    net.train()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()
    return loss.item()


def predict(net, x):
    mode = net.training
    net.eval()
    with torch.inference_mode():
        classes = net(x).argmax(dim=1).clone()
    net.train(mode)
    return classes


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 right "log-softmax as logits, momentum, index_select"
def make_net(features, classes):
    net = nn.Sequential()
    net.append(nn.Linear(features, 32))
    net.append(nn.ReLU())
    net.append(nn.Dropout(0.3))
    net.append(nn.Linear(32, classes))
    net.append(nn.LogSoftmax(dim=1))
    return net


def make_optimiser(net):
    return torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)


def shuffled(X, y, generator):
    rows = torch.randperm(len(X), generator=generator)
    return X.index_select(0, rows), y.index_select(0, rows)


def train_step(net, optimiser, x, y):
    net.train()
    loss = nn.CrossEntropyLoss()(net(x), y)
    net.zero_grad()
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def predict(net, x) -> torch.Tensor:
    """The class of each row of x, (N,), without dropout: the same each time."""
    net.eval()
    with torch.no_grad():
        return net(x).argmax(dim=1)


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.7 right "SGD at 0.1"
def make_net(features: int, classes: int) -> nn.Module:
    """One hidden layer, dropout, one logit a class: (N, features) → (N, classes)."""
    hidden = nn.Linear(features, 32), nn.ReLU(), nn.Dropout(0.3)
    return nn.Sequential(*hidden, nn.Linear(32, classes))  # K outputs, no softmax


def make_optimiser(net):
    return torch.optim.SGD(net.parameters(), lr=0.1)


def shuffled(X, y, generator):
    """X and y in the order of one torch.randperm(len(X), generator=generator)."""
    order = torch.randperm(len(X), generator=generator)
    return X[order], y[order]


def train_step(net, optimiser, x, y):
    net.train()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()
    return loss.item()


def predict(net, x):
    mode = net.training
    net.eval()
    with torch.inference_mode():
        classes = net(x).argmax(dim=1).clone()
    net.train(mode)
    return classes


def train(X, y, classes, generator, epochs=20) -> nn.Module:
    """A trained net. (Nothing is wrong here.)"""
    net = make_net(X.shape[1], classes)
    optimiser = make_optimiser(net)
    for _ in range(epochs):
        xs, ys = shuffled(X, y, generator)
        for batch in zip(xs.split(20), ys.split(20), strict=True):
            train_step(net, optimiser, *batch)
    return net

# %% 4.8 wrong "cosine in degrees" expect "takes radians"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t = (step - warmup) / (total - warmup)
    return eta_min + (lr0 - eta_min) * (1 + math.cos(180 * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss < self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates

# %% 4.8 wrong "cosine with total - 1" expect "not at total - 1"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t = (step - warmup) / (total - warmup - 1)
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss < self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates

# %% 4.8 wrong "climbs back after total" expect "After total the rate climbs back"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    t = (step - warmup) / (total - warmup)
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss < self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates

# %% 4.8 wrong "warm-up from 0" expect "A first rate of 0 wastes a step"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * step / warmup
    if step >= total:
        return eta_min
    t = (step - warmup) / (total - warmup)
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss < self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates

# %% 4.8 wrong "the cosine does not wait for the warm-up" expect "when the warm-up is over"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t = step / total
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss < self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates

# %% 4.8 wrong "the cosine is too long" expect "total - warmup steps"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t = (step - warmup) / total
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss < self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates

# %% 4.8 wrong "eta_min is only for the end" expect "cosine_lr at 0, 4 and 8"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t = (step - warmup) / (total - warmup)
    return lr0 * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss < self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates

# %% 4.8 wrong "patience off by one" expect "must be greater than patience"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t = (step - warmup) / (total - warmup)
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss < self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad >= self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates

# %% 4.8 wrong "the count goes on after lowering" expect "begins again when the rate was lowered"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t = (step - warmup) / (total - warmup)
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss < self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates

# %% 4.8 wrong "a new best does not reset the count" expect "sets the count back to 0"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t = (step - warmup) / (total - warmup)
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss < self.best:
            self.best = loss
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates

# %% 4.8 wrong "a NaN becomes the best" expect "A tie and a NaN are no new best"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t = (step - warmup) / (total - warmup)
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if not loss >= self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates

# %% 4.8 wrong "ties count as progress" expect "the rates after each of ten losses"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t = (step - warmup) / (total - warmup)
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss <= self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates

# %% 4.8 wrong "only the first group" expect "not only the first"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t = (step - warmup) / (total - warmup)
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss < self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            self.optimiser.param_groups[0]["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates

# %% 4.8 wrong "the state is forgotten" expect "not carried over"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t = (step - warmup) / (total - warmup)
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss < self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        pass


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates

# %% 4.8 wrong "the state is the living dict" expect "the rates after the state was loaded"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t = (step - warmup) / (total - warmup)
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss < self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return vars(self)

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates

# %% 4.8 wrong "scheduler first" expect "First the optimiser moves"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t = (step - warmup) / (total - warmup)
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss < self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        scheduler.step()
        optimiser.step()
    return rates

# %% 4.8 wrong "notes the rate after the step" expect "Note the rate before the scheduler moves it"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t = (step - warmup) / (total - warmup)
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss < self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        optimiser.step()
        scheduler.step()
        rates.append(optimiser.param_groups[0]["lr"])
    return rates

# %% 4.8 wrong "steps the scheduler twice" expect "not twice"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t = (step - warmup) / (total - warmup)
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss < self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
        scheduler.step()
    return rates

# %% 4.8 wrong "forgets the optimiser" expect "how far the optimiser went"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 * (step + 1) / warmup
    if step >= total:
        return eta_min
    t = (step - warmup) / (total - warmup)
    return eta_min + (lr0 - eta_min) * (1 + math.cos(math.pi * t)) / 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.bad = math.inf, 0

    def step(self, loss):
        if loss < self.best:
            self.best = loss
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimiser.param_groups:
                group["lr"] *= self.factor
            self.bad = 0

    def state_dict(self):
        return {"best": self.best, "bad": self.bad}

    def load_state_dict(self, state):
        self.best, self.bad = state["best"], state["bad"]


def lr_trace(optimiser, scheduler, n):
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        scheduler.step()
    return rates

# %% 4.8 right "one formula with clamps, counts down, get_last_lr"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if warmup and step < warmup:
        return (step + 1) * lr0 / warmup
    share = min(1.0, (step - warmup) / max(total - warmup, 1))
    return eta_min + 0.5 * (lr0 - eta_min) * (1.0 + math.cos(share * math.pi))


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.best, self.left = None, patience

    def step(self, loss):
        if not math.isnan(loss) and (self.best is None or loss < self.best):
            self.best, self.left = loss, self.patience
            return
        self.left -= 1
        if self.left < 0:
            self.left = self.patience
            for group in self.optimiser.param_groups:
                group["lr"] = group["lr"] * self.factor

    def state_dict(self):
        return {key: value for key, value in self.__dict__.items() if key != "optimiser"}

    def load_state_dict(self, state):
        self.__dict__.update(state)


def lr_trace(optimiser, scheduler, n):
    def one():
        rate = scheduler.get_last_lr()[0]
        optimiser.step()
        scheduler.step()
        return rate

    return [one() for _ in range(n)]

# %% 4.8 right "half-angle, PyTorch inside the plateau"
def cosine_lr(step, total, lr0, eta_min=0.0, warmup=0):
    if step < warmup:
        return lr0 / warmup * (step + 1)
    if step > total:
        step = total
    angle = math.pi / 2 * (step - warmup) / (total - warmup)
    return eta_min + (lr0 - eta_min) * math.cos(angle) ** 2


class Plateau:
    def __init__(self, optimiser, factor, patience):
        self.optimiser, self.factor, self.patience = optimiser, factor, patience
        self.inner = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimiser, factor=factor, patience=patience, threshold=0.0
        )

    def step(self, loss):
        self.inner.step(loss)

    def state_dict(self):
        return copy.deepcopy(self.inner.state_dict())

    def load_state_dict(self, state):
        self.inner.load_state_dict(state)


def lr_trace(optimiser, scheduler, n):
    rates = []
    while len(rates) < n:
        rates += [optimiser.state_dict()["param_groups"][0]["lr"]]
        optimiser.step()
        scheduler.step()
    return rates
