# Named answers to the exercises of this chapter: the proof of its tests.

# %% predict-6-1 wrong "a" expect "ends without an else"
predict_6_1 = "a"

# %% predict-6-1 wrong "b" expect "nothing makes it the default"
predict_6_1 = "b"

# %% predict-6-1 wrong "d" expect "Nobody looks the name up"
predict_6_1 = "d"

# %% predict-6-2 wrong "a" expect "adds up a hundred inputs"
predict_6_2 = "a"

# %% predict-6-2 wrong "c" expect "a row of a hundred weights"
predict_6_2 = "c"

# %% predict-6-3 wrong "a" expect "Adam rescales every gradient"
predict_6_3 = "a"

# %% predict-6-3 wrong "b" expect "lies in the middle"
predict_6_3 = "b"

# %% predict-6-3 wrong "d" expect "does well here"
predict_6_3 = "d"

# %% predict-6-4 wrong "a" expect "counts outputs, not units"
predict_6_4 = "a"

# %% predict-6-4 wrong "b" expect "each of the 1000 samples"
predict_6_4 = "b"

# %% predict-6-5 wrong "a" expect "mends the mean while training"
predict_6_5 = "a"

# %% predict-6-5 wrong "c" expect "half of that in eval mode"
predict_6_5 = "c"

# %% predict-6-5 wrong "d" expect "Scaled twice"
predict_6_5 = "d"

# %% 6.1 wrong "activation on the output" expect "no activation after it"
def build_mlp(sizes, activation="relu"):
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}")
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers)


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    dataset = torch.utils.data.TensorDataset(x, y[:, None])
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=epochs)


def test_mse(model, x, y):
    return gradus.evaluate(model, [(x, y[:, None])], F.mse_loss)["loss"]

# %% 6.1 wrong "a chain of elif, tanh forgotten" expect "this is one affine map"
def build_mlp(sizes, activation="relu"):
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers.append(nn.Linear(a, b))
        if activation == "relu":
            layers.append(nn.ReLU())
        elif activation == "gelu":
            layers.append(nn.GELU())
    return nn.Sequential(*(layers if isinstance(layers[-1], nn.Linear) else layers[:-1]))


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    dataset = torch.utils.data.TensorDataset(x, y[:, None])
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=epochs)


def test_mse(model, x, y):
    return gradus.evaluate(model, [(x, y[:, None])], F.mse_loss)["loss"]

# %% 6.1 wrong "always ReLU" expect "is ignored: look it up"
def build_mlp(sizes, activation="relu"):
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    dataset = torch.utils.data.TensorDataset(x, y[:, None])
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=epochs)


def test_mse(model, x, y):
    return gradus.evaluate(model, [(x, y[:, None])], F.mse_loss)["loss"]

# %% 6.1 wrong "an unknown name falls back to ReLU" expect "nothing was raised where a ValueError"
def build_mlp(sizes, activation="relu"):
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS.get(activation, nn.ReLU)()]
    return nn.Sequential(*layers[:-1])


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    dataset = torch.utils.data.TensorDataset(x, y[:, None])
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=epochs)


def test_mse(model, x, y):
    return gradus.evaluate(model, [(x, y[:, None])], F.mse_loss)["loss"]

# %% 6.1 wrong "KeyError instead of ValueError" expect "raised a KeyError"
def build_mlp(sizes, activation="relu"):
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    dataset = torch.utils.data.TensorDataset(x, y[:, None])
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=epochs)


def test_mse(model, x, y):
    return gradus.evaluate(model, [(x, y[:, None])], F.mse_loss)["loss"]

# %% 6.1 wrong "one activation module shared, and only two hidden layers" expect "IndexError"
def build_mlp(sizes, activation="relu"):
    if activation not in ACTIVATIONS:
        raise ValueError(activation)
    act = ACTIVATIONS[activation]()
    return nn.Sequential(nn.Linear(sizes[0], sizes[1]), act, nn.Linear(sizes[1], sizes[2]), act, nn.Linear(sizes[2], sizes[3]))


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    dataset = torch.utils.data.TensorDataset(x, y[:, None])
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=epochs)


def test_mse(model, x, y):
    return gradus.evaluate(model, [(x, y[:, None])], F.mse_loss)["loss"]

# %% 6.1 wrong "targets (n,) against outputs (n, 1)" expect "broadcast to (n, n)"
def build_mlp(sizes, activation="relu"):
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}")
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(epochs):
        for part in torch.randperm(len(x)).split(batch):
            optimiser.zero_grad()
            loss = ((model(x[part]) - y[part]) ** 2).mean()
            loss.backward()
            optimiser.step()


def test_mse(model, x, y):
    return gradus.evaluate(model, [(x, y[:, None])], F.mse_loss)["loss"]

# %% 6.1 wrong "the whole set in each step" expect "One step an epoch"
def build_mlp(sizes, activation="relu"):
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}")
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(epochs):
        optimiser.zero_grad()
        F.mse_loss(model(x), y[:, None]).backward()
        optimiser.step()


def test_mse(model, x, y):
    return gradus.evaluate(model, [(x, y[:, None])], F.mse_loss)["loss"]

# %% 6.1 wrong "drops the last batch" expect "smaller batch is left out"
def build_mlp(sizes, activation="relu"):
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}")
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    dataset = torch.utils.data.TensorDataset(x, y[:, None])
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch, shuffle=True, drop_last=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=epochs)


def test_mse(model, x, y):
    return gradus.evaluate(model, [(x, y[:, None])], F.mse_loss)["loss"]

# %% 6.1 wrong "never shuffles" expect "the order of the first epoch"
def build_mlp(sizes, activation="relu"):
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}")
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    dataset = torch.utils.data.TensorDataset(x, y[:, None])
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=epochs)


def test_mse(model, x, y):
    return gradus.evaluate(model, [(x, y[:, None])], F.mse_loss)["loss"]

# %% 6.1 wrong "one order for all epochs" expect "Shuffle anew each epoch"
def build_mlp(sizes, activation="relu"):
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}")
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    order = torch.randperm(len(x))
    for _ in range(epochs):
        for part in order.split(batch):
            optimiser.zero_grad()
            loss = ((model(x[part])[:, 0] - y[part]) ** 2).mean()
            loss.backward()
            optimiser.step()


def test_mse(model, x, y):
    return gradus.evaluate(model, [(x, y[:, None])], F.mse_loss)["loss"]

# %% 6.1 wrong "gradients are never cleared" expect "gradients cleared before each step"
def build_mlp(sizes, activation="relu"):
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}")
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(epochs):
        for part in torch.randperm(len(x)).split(batch):
            loss = ((model(x[part])[:, 0] - y[part]) ** 2).mean()
            loss.backward()
            optimiser.step()


def test_mse(model, x, y):
    return gradus.evaluate(model, [(x, y[:, None])], F.mse_loss)["loss"]

# %% 6.1 wrong "SGD instead of Adam" expect "Adam with lr=lr"
def build_mlp(sizes, activation="relu"):
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}")
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    dataset = torch.utils.data.TensorDataset(x, y[:, None])
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch, shuffle=True)
    optimiser = torch.optim.SGD(model.parameters(), lr=lr)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=epochs)


def test_mse(model, x, y):
    return gradus.evaluate(model, [(x, y[:, None])], F.mse_loss)["loss"]

# %% 6.1 wrong "the rate is ignored" expect "Adam with lr=lr"
def build_mlp(sizes, activation="relu"):
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}")
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    dataset = torch.utils.data.TensorDataset(x, y[:, None])
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=epochs)


def test_mse(model, x, y):
    return gradus.evaluate(model, [(x, y[:, None])], F.mse_loss)["loss"]

# %% 6.1 wrong "measures in train mode" expect "in train mode while you measure"
def build_mlp(sizes, activation="relu"):
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}")
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    dataset = torch.utils.data.TensorDataset(x, y[:, None])
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=epochs)


def test_mse(model, x, y):
    with torch.no_grad():
        return F.mse_loss(model(x), y[:, None]).item()

# %% 6.1 wrong "leaves the model in eval mode" expect "left in eval mode"
def build_mlp(sizes, activation="relu"):
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}")
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    dataset = torch.utils.data.TensorDataset(x, y[:, None])
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=epochs)


@torch.no_grad()
def test_mse(model, x, y):
    model.eval()
    return F.mse_loss(model(x)[:, 0], y).item()

# %% 6.1 wrong "switches to train mode in any case" expect "switched to train mode in any case"
def build_mlp(sizes, activation="relu"):
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}")
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    dataset = torch.utils.data.TensorDataset(x, y[:, None])
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=epochs)


@torch.no_grad()
def test_mse(model, x, y):
    model.eval()
    error = F.mse_loss(model(x)[:, 0], y).item()
    model.train()
    return error

# %% 6.1 wrong "records gradients while measuring" expect "use no_grad"
def build_mlp(sizes, activation="relu"):
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}")
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    dataset = torch.utils.data.TensorDataset(x, y[:, None])
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=epochs)


def test_mse(model, x, y):
    was = model.training
    model.eval()
    error = F.mse_loss(model(x)[:, 0], y).item()
    model.train(was)
    return error

# %% 6.1 wrong "the measurement broadcasts" expect "broadcast to (n, n)"
def build_mlp(sizes, activation="relu"):
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}")
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    dataset = torch.utils.data.TensorDataset(x, y[:, None])
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=epochs)


def test_mse(model, x, y):
    was = model.training
    model.eval()
    with torch.no_grad():
        error = ((model(x) - y) ** 2).mean().item()
    model.train(was)
    return error

# %% 6.1 wrong "sums the squares" expect "the mean is asked for"
def build_mlp(sizes, activation="relu"):
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}")
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    dataset = torch.utils.data.TensorDataset(x, y[:, None])
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    gradus.fit(model, loader, F.mse_loss, optimiser, epochs=epochs)


def test_mse(model, x, y):
    return gradus.evaluate(model, [(x, y[:, None])], nn.MSELoss(reduction='sum'))["loss"]

# %% 6.1 right "a loop by hand and a flattened list"
def build_mlp(sizes, activation="relu"):
    try:
        bend = ACTIVATIONS[activation]
    except KeyError:
        raise ValueError(f"no activation called {activation}") from None
    model = nn.Sequential()
    for k in range(len(sizes) - 1):
        if k:
            model.append(bend())
        model.append(nn.Linear(sizes[k], sizes[k + 1]))
    return model


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(epochs):
        for part in torch.randperm(len(x)).split(batch):
            optimiser.zero_grad()
            loss = ((model(x[part])[:, 0] - y[part]) ** 2).mean()
            loss.backward()
            optimiser.step()


def test_mse(model, x, y):
    was = model.training
    model.eval()
    try:
        with torch.inference_mode():
            return float(((model(x).squeeze(1) - y) ** 2).mean())
    finally:
        model.train(was)

# %% 6.1 right "named layers, Shuffled, squeezing the output"
def build_mlp(sizes, activation="relu"):
    from collections import OrderedDict

    if activation not in ACTIVATIONS:
        raise ValueError("unknown activation: " + activation)
    layers = OrderedDict()
    for k, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
        layers[f"linear{k}"] = nn.Linear(a, b)
        if k < len(sizes) - 2:
            layers[f"bend{k}"] = ACTIVATIONS[activation]()
    return nn.Sequential(layers)


def train_mlp(model, x, y, *, epochs, lr=1e-3, batch=64):
    adam = torch.optim.Adam(model.parameters(), lr)
    model.train()
    for epoch in range(epochs):
        for xs, ys in Shuffled(x, y, batch, epoch):
            adam.zero_grad(set_to_none=True)
            nn.MSELoss()(model(xs).squeeze(-1), ys).backward()
            adam.step()


def test_mse(model, x, y):
    loader = list(zip(x.split(3), y[:, None].split(3)))
    return gradus.evaluate(model, loader, nn.MSELoss())["loss"]

# %% 6.2 wrong "GELU by tanh" expect "tanh approximation"
def relu(x):
    return torch.where(x > 0, x, torch.zeros_like(x))


def leaky_relu(x, slope=0.01):
    return torch.where(x > 0, x, slope * x)


def elu(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def silu(x):
    return x * torch.sigmoid(x)

# %% 6.2 wrong "ELU overflows in the branch not taken" expect "clamp before you call exp"
def relu(x):
    return torch.where(x > 0, x, torch.zeros_like(x))


def leaky_relu(x, slope=0.01):
    return torch.where(x > 0, x, slope * x)


def elu(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * (torch.exp(x) - 1))


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / 2**0.5))


def silu(x):
    return x * torch.sigmoid(x)

# %% 6.2 wrong "leaky slope on the wrong side" expect "on the wrong side"
def relu(x):
    return torch.where(x > 0, x, torch.zeros_like(x))


def leaky_relu(x, slope=0.01):
    return torch.where(x > 0, slope * x, x)


def elu(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / 2**0.5))


def silu(x):
    return x * torch.sigmoid(x)

# %% 6.2 wrong "SiLU as a quotient" expect "slopes at -100 and 100"
def relu(x):
    return torch.where(x > 0, x, torch.zeros_like(x))


def leaky_relu(x, slope=0.01):
    return torch.where(x > 0, x, slope * x)


def elu(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / 2**0.5))


def silu(x):
    return x / (1 + torch.exp(-x))

# %% 6.2 wrong "ELU as a sum with a mask" expect "exp(100) is infinite"
def relu(x):
    return torch.where(x > 0, x, torch.zeros_like(x))


def leaky_relu(x, slope=0.01):
    return torch.where(x > 0, x, slope * x)


def elu(x, alpha=1.0):
    return x * (x > 0) + alpha * (torch.exp(x) - 1) * (x <= 0)


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / 2**0.5))


def silu(x):
    return x * torch.sigmoid(x)

# %% 6.2 wrong "torch.maximum splits ties" expect "shares the slope between two equal arguments"
def relu(x):
    return torch.maximum(x, torch.zeros_like(x))


def leaky_relu(x, slope=0.01):
    return torch.maximum(x, slope * x)


def elu(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / 2**0.5))


def silu(x):
    return x * torch.sigmoid(x)

# %% 6.2 wrong "clamp for ReLU" expect "clamp passes the gradient on"
def relu(x):
    return x.clamp(min=0)


def leaky_relu(x, slope=0.01):
    return torch.where(x > 0, x, slope * x)


def elu(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / 2**0.5))


def silu(x):
    return x * torch.sigmoid(x)

# %% 6.2 wrong ">= instead of >" expect "0 belongs to the left side"
def relu(x):
    return torch.where(x >= 0, x, torch.zeros_like(x))


def leaky_relu(x, slope=0.01):
    return torch.where(x >= 0, x, slope * x)


def elu(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / 2**0.5))


def silu(x):
    return x * torch.sigmoid(x)

# %% 6.2 wrong "slope and alpha are typed in" expect "Use slope and alpha"
def relu(x):
    return torch.where(x > 0, x, torch.zeros_like(x))


def leaky_relu(x, slope=0.01):
    return torch.where(x > 0, x, 0.01 * x)


def elu(x, alpha=1.0):
    return torch.where(x > 0, x, torch.expm1(x.clamp(max=0)))


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / 2**0.5))


def silu(x):
    return x * torch.sigmoid(x)

# %% 6.2 wrong "PyTorch's own" expect "which this exercise asks you to do without"
def relu(x):
    return torch.where(x > 0, x, torch.zeros_like(x))


def leaky_relu(x, slope=0.01):
    return torch.where(x > 0, x, slope * x)


def elu(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))


def gelu(x):
    return F.gelu(x)


def silu(x):
    return x * torch.sigmoid(x)

# %% 6.2 wrong "writes into x" expect "leaky_relu"
def relu(x):
    with torch.no_grad():
        x[x < 0] = 0
    return x


def leaky_relu(x, slope=0.01):
    return torch.where(x > 0, x, slope * x)


def elu(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / 2**0.5))


def silu(x):
    return x * torch.sigmoid(x)

# %% 6.2 wrong "works in float32 only" expect "the dtype is float32 where float64"
def relu(x):
    return torch.where(x > 0, x, torch.zeros_like(x))


def leaky_relu(x, slope=0.01):
    return torch.where(x > 0, x, slope * x)


def elu(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))


def gelu(x):
    return (0.5 * x * (1 + torch.erf(x.float() / 2**0.5))).float()


def silu(x):
    return x * torch.sigmoid(x)

# %% 6.2 wrong "the normal distribution detached" expect "no detach"
def relu(x):
    return torch.where(x > 0, x, torch.zeros_like(x))


def leaky_relu(x, slope=0.01):
    return torch.where(x > 0, x, slope * x)


def elu(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))


def gelu(x):
    return x * torch.distributions.Normal(0.0, 1.0).cdf(x.detach())


def silu(x):
    return x * torch.sigmoid(x)

# %% 6.2 right "masks, where, special functions"
def relu(x):
    return x * (x > 0)


def leaky_relu(x, slope=0.01):
    return x * torch.where(x > 0, 1.0, slope)


def elu(x, alpha=1.0):
    safe = torch.where(x > 0, 0.0, x)
    return torch.where(x > 0, x, alpha * (torch.exp(safe) - 1))


def gelu(x):
    return x * torch.special.ndtr(x)


def silu(x):
    return x * torch.special.expit(x)

# %% 6.2 right "clones, halves and tanh"
def relu(x):
    out = x.clone()
    return out.masked_fill(x <= 0, 0)


def leaky_relu(x, slope=0.01):
    positive = (x > 0).to(x.dtype)
    return x * (positive + slope * (1 - positive))


def elu(x, alpha=1.0):
    below = x.masked_fill(x > 0, 0)
    return x.masked_fill(x <= 0, 0) + alpha * torch.expm1(below)


def gelu(x):
    return x * torch.erfc(-x / math.sqrt(2)) / 2


def silu(x):
    return x * (1 + torch.tanh(x / 2)) / 2

# %% 6.3 wrong "gain missing" expect "lacks the factor 2"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (1 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme], generator=generator)
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(o.std().item())))
    with torch.no_grad():
        model(x)
    for h in handles:
        h.remove()
    return stds

# %% 6.3 wrong "fans swapped" expect "counts the outputs"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_in, n_out = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme], generator=generator)
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(o.std().item())))
    with torch.no_grad():
        model(x)
    for h in handles:
        h.remove()
    return stds

# %% 6.3 wrong "biases drawn too" expect "Weights 1 and biases 0"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme], generator=generator)
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.normal_(layer.bias, 0, 0.01, generator=generator)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(o.std().item())))
    with torch.no_grad():
        model(x)
    for h in handles:
        h.remove()
    return stds

# %% 6.3 wrong "biases forgotten" expect "Weights 1 and biases 0"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme], generator=generator)
            else:
                raise ValueError(scheme)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(o.std().item())))
    with torch.no_grad():
        model(x)
    for h in handles:
        h.remove()
    return stds

# %% 6.3 wrong "variance for standard deviation" expect "These are variances"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.0001, "large": 1.0, "xavier": (2 / (n_in + n_out)), "he": 2 / n_in}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme], generator=generator)
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(o.std().item())))
    with torch.no_grad():
        model(x)
    for h in handles:
        h.remove()
    return stds

# %% 6.3 wrong "xavier with one fan" expect "averages over inputs and outputs"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (1 / n_in) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme], generator=generator)
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(o.std().item())))
    with torch.no_grad():
        model(x)
    for h in handles:
        h.remove()
    return stds

# %% 6.3 wrong "only layers at the top" expect "model.modules() finds all"
def init_(model, scheme, generator=None):
    for layer in model:
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme], generator=generator)
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(o.std().item())))
    with torch.no_grad():
        model(x)
    for h in handles:
        h.remove()
    return stds

# %% 6.3 wrong "norms are set too" expect "the layer norm"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if hasattr(layer, 'weight') and layer.weight is not None:
            n_out, n_in = layer.weight.shape[0], layer.weight.shape[-1]
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme], generator=generator)
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(o.std().item())))
    with torch.no_grad():
        model(x)
    for h in handles:
        h.remove()
    return stds

# %% 6.3 wrong "the generator is ignored" expect "Draw from the generator"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme])
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(o.std().item())))
    with torch.no_grad():
        model(x)
    for h in handles:
        h.remove()
    return stds

# %% 6.3 wrong "reseeds the global dice" expect "Draw with generator=generator"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                torch.manual_seed(generator.initial_seed() if generator else 0)
                nn.init.normal_(layer.weight, 0, stds[scheme])
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(o.std().item())))
    with torch.no_grad():
        model(x)
    for h in handles:
        h.remove()
    return stds

# %% 6.3 wrong "an unknown scheme passes" expect "nothing was raised where a ValueError"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme], generator=generator)
            else:
                pass
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(o.std().item())))
    with torch.no_grad():
        model(x)
    for h in handles:
        h.remove()
    return stds

# %% 6.3 wrong "uniform between -1 and 1" expect "as standard deviations"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.uniform_(layer.weight, -stds[scheme], stds[scheme], generator=generator)
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(o.std().item())))
    with torch.no_grad():
        model(x)
    for h in handles:
        h.remove()
    return stds

# %% 6.3 wrong "hooks stay" expect "Keep the handle and call remove()"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme], generator=generator)
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(o.std().item())))
    with torch.no_grad():
        model(x)
    return stds

# %% 6.3 wrong "a dict by name" expect "called twice counts twice"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme], generator=generator)
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds, handles = {}, []
    for name, m in model.named_modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o, name=name: stds.__setitem__(name, o.std().item())))
    with torch.no_grad():
        model(x)
    for h in handles:
        h.remove()
    return list(stds.values())

# %% 6.3 wrong "walks through the children" expect "RuntimeError in the line"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme], generator=generator)
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds = []
    with torch.no_grad():
        for layer in model.children():
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                stds.append(x.std().item())
    return stds

# %% 6.3 wrong "clears everybody's hooks" expect "Remove your own handles only"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme], generator=generator)
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(o.std().item())))
    with torch.no_grad():
        model(x)
    for m in model.modules():
        m._forward_hooks.clear()
    return stds

# %% 6.3 wrong "gradients are recorded" expect "Use torch.no_grad()"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme], generator=generator)
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(o.std().item())))
    model(x)
    for h in handles:
        h.remove()
    return stds

# %% 6.3 wrong "leaves eval mode behind" expect "the modes of all modules"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme], generator=generator)
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(o.std().item())))
    model.eval()
    with torch.no_grad():
        model(x)
    for h in handles:
        h.remove()
    return stds

# %% 6.3 wrong "the spread before the ReLU" expect "of its whole output"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme], generator=generator)
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(i[0].std().item())))
    with torch.no_grad():
        model(x)
    for h in handles:
        h.remove()
    return stds

# %% 6.3 wrong "the biased spread" expect "divides by n - 1"
def init_(model, scheme, generator=None):
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            n_out, n_in = layer.weight.shape
            stds = {"small": 0.01, "large": 1.0, "xavier": (2 / (n_in + n_out)) ** 0.5, "he": (2 / n_in) ** 0.5}
            if scheme == "zeros":
                nn.init.zeros_(layer.weight)
            elif scheme == "ones":
                nn.init.ones_(layer.weight)
            elif scheme in stds:
                nn.init.normal_(layer.weight, 0, stds[scheme], generator=generator)
            else:
                raise ValueError(scheme)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def forward_stds(model, x):
    stds, handles = [], []
    for m in model.modules():
        if isinstance(m, nn.ReLU):
            handles.append(m.register_forward_hook(lambda m, i, o: stds.append(o.std(correction=0).item())))
    with torch.no_grad():
        model(x)
    for h in handles:
        h.remove()
    return stds

# %% 6.3 right "apply and a context of removals"
def init_(model, scheme, generator=None):
    if scheme not in ("zeros", "ones", "small", "large", "xavier", "he"):
        raise ValueError(f"unknown scheme {scheme}")

    @torch.no_grad()
    def one(layer):
        if not isinstance(layer, nn.Linear):
            return
        if layer.bias is not None:
            layer.bias.zero_()
        if scheme == "zeros":
            layer.weight.zero_()
        elif scheme == "ones":
            layer.weight.fill_(1)
        elif scheme == "xavier":
            nn.init.xavier_normal_(layer.weight, generator=generator)
        elif scheme == "he":
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        else:
            layer.weight.normal_(0, {"small": 0.01, "large": 1.0}[scheme], generator=generator)

    model.apply(one)


@torch.no_grad()
def forward_stds(model, x):
    outputs = []

    def keep(module, args, output):
        outputs.append(output.clone())

    handles = [m.register_forward_hook(keep) for m in model.modules() if type(m) is nn.ReLU]
    model(x)
    [handle.remove() for handle in handles]
    return [float(out.std()) for out in outputs]

# %% 6.3 right "standard normals, scaled; a temporary forward"
def init_(model, scheme, generator=None):
    scales = {
        "zeros": lambda i, o: 0, "ones": lambda i, o: 0, "small": lambda i, o: 1e-2, "large": lambda i, o: 1,
        "xavier": lambda i, o: math.sqrt(2 / (i + o)), "he": lambda i, o: math.sqrt(2 / i),
    }
    if scheme not in scales:
        raise ValueError("one of " + ", ".join(scales))
    for layer in filter(lambda m: isinstance(m, nn.Linear), model.modules()):
        w = layer.weight.data
        noise = torch.randn(w.shape, generator=generator, dtype=w.dtype)
        w.copy_(noise * scales[scheme](layer.in_features, layer.out_features) + (scheme == "ones"))
        if layer.bias is not None:
            layer.bias.data.zero_()


def forward_stds(model, x):
    found, handles = [], []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            handles.append(module.register_forward_hook(lambda m, a, y: found.append(y.detach().std().item())))
    try:
        with torch.inference_mode():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    return found

# %% 6.4 wrong "ignores the biases" expect "The biases are missing"
def count_parameters(depth, width, d_in, d_out):
    return d_in * width + (depth - 1) * width * width + width * d_out


def width_for(budget, depth, d_in, d_out):
    if budget < count_parameters(depth, 1, d_in, d_out):
        raise ValueError("too small a budget")
    width = 1
    while count_parameters(depth, width + 1, d_in, d_out) <= budget:
        width += 1
    below = budget - count_parameters(depth, width, d_in, d_out)
    above = count_parameters(depth, width + 1, d_in, d_out) - budget
    return width if below <= above else width + 1

# %% 6.4 wrong "depth instead of depth - 1" expect "One hidden-to-hidden layer too many"
def count_parameters(depth, width, d_in, d_out):
    return (d_in + 1) * width + depth * (width + 1) * width + (width + 1) * d_out


def width_for(budget, depth, d_in, d_out):
    if budget < count_parameters(depth, 1, d_in, d_out):
        raise ValueError("too small a budget")
    width = 1
    while count_parameters(depth, width + 1, d_in, d_out) <= budget:
        width += 1
    below = budget - count_parameters(depth, width, d_in, d_out)
    above = count_parameters(depth, width + 1, d_in, d_out) - budget
    return width if below <= above else width + 1

# %% 6.4 wrong "no layer from hidden to hidden" expect "hidden-to-hidden layer is missing"
def count_parameters(depth, width, d_in, d_out):
    return (d_in + 1) * width + (width + 1) * d_out


def width_for(budget, depth, d_in, d_out):
    if budget < count_parameters(depth, 1, d_in, d_out):
        raise ValueError("too small a budget")
    width = 1
    while count_parameters(depth, width + 1, d_in, d_out) <= budget:
        width += 1
    below = budget - count_parameters(depth, width, d_in, d_out)
    above = count_parameters(depth, width + 1, d_in, d_out) - budget
    return width if below <= above else width + 1

# %% 6.4 wrong "the inputs are 2 and the output 1" expect "mind d_in and d_out"
def count_parameters(depth, width, d_in, d_out):
    return 3 * width + (depth - 1) * (width + 1) * width + width + 1


def width_for(budget, depth, d_in, d_out):
    if budget < count_parameters(depth, 1, d_in, d_out):
        raise ValueError("too small a budget")
    width = 1
    while count_parameters(depth, width + 1, d_in, d_out) <= budget:
        width += 1
    below = budget - count_parameters(depth, width, d_in, d_out)
    above = count_parameters(depth, width + 1, d_in, d_out) - budget
    return width if below <= above else width + 1

# %% 6.4 wrong "rounds down" expect "one more may be closer"
def count_parameters(depth, width, d_in, d_out):
    return (d_in + 1) * width + (depth - 1) * (width + 1) * width + (width + 1) * d_out


def width_for(budget, depth, d_in, d_out):
    if budget < count_parameters(depth, 1, d_in, d_out):
        raise ValueError("too small a budget")
    width = 1
    while count_parameters(depth, width + 1, d_in, d_out) <= budget:
        width += 1
    below = budget - count_parameters(depth, width, d_in, d_out)
    above = count_parameters(depth, width + 1, d_in, d_out) - budget
    return width

# %% 6.4 wrong "rounds up past the budget" expect "not always the nearest"
def count_parameters(depth, width, d_in, d_out):
    return (d_in + 1) * width + (depth - 1) * (width + 1) * width + (width + 1) * d_out


def width_for(budget, depth, d_in, d_out):
    if budget < count_parameters(depth, 1, d_in, d_out):
        raise ValueError("too small a budget")
    width = 1
    while count_parameters(depth, width + 1, d_in, d_out) <= budget:
        width += 1
    below = budget - count_parameters(depth, width, d_in, d_out)
    above = count_parameters(depth, width + 1, d_in, d_out) - budget
    return width if below == 0 else width + 1

# %% 6.4 wrong "a tie goes up" expect "take the smaller"
def count_parameters(depth, width, d_in, d_out):
    return (d_in + 1) * width + (depth - 1) * (width + 1) * width + (width + 1) * d_out


def width_for(budget, depth, d_in, d_out):
    if budget < count_parameters(depth, 1, d_in, d_out):
        raise ValueError("too small a budget")
    width = 1
    while count_parameters(depth, width + 1, d_in, d_out) <= budget:
        width += 1
    below = budget - count_parameters(depth, width, d_in, d_out)
    above = count_parameters(depth, width + 1, d_in, d_out) - budget
    return width if below < above else width + 1

# %% 6.4 wrong "no error for a poor budget" expect "nothing was raised where a ValueError"
def count_parameters(depth, width, d_in, d_out):
    return (d_in + 1) * width + (depth - 1) * (width + 1) * width + (width + 1) * d_out


def width_for(budget, depth, d_in, d_out):
    width = 1
    while count_parameters(depth, width + 1, d_in, d_out) <= budget:
        width += 1
    below = budget - count_parameters(depth, width, d_in, d_out)
    above = count_parameters(depth, width + 1, d_in, d_out) - budget
    return width if below <= above else width + 1

# %% 6.4 wrong "a poor budget gives 0" expect "nothing was raised where a ValueError"
def count_parameters(depth, width, d_in, d_out):
    return (d_in + 1) * width + (depth - 1) * (width + 1) * width + (width + 1) * d_out


def width_for(budget, depth, d_in, d_out):
    if budget < count_parameters(depth, 1, d_in, d_out):
        return 0
    width = 1
    while count_parameters(depth, width + 1, d_in, d_out) <= budget:
        width += 1
    below = budget - count_parameters(depth, width, d_in, d_out)
    above = count_parameters(depth, width + 1, d_in, d_out) - budget
    return width if below <= above else width + 1

# %% 6.4 wrong "the width by square root" expect "Compare the count just below"
def count_parameters(depth, width, d_in, d_out):
    return (d_in + 1) * width + (depth - 1) * (width + 1) * width + (width + 1) * d_out


def width_for(budget, depth, d_in, d_out):
    if budget < count_parameters(depth, 1, d_in, d_out):
        raise ValueError
    return round((budget / max(depth - 1, 1)) ** 0.5 - 2.5) or 1

# %% 6.4 right "from the sizes; bisection"
def count_parameters(depth, width, d_in, d_out):
    sizes = [d_in, *[width] * depth, d_out]
    return sum(a * b + b for a, b in zip(sizes, sizes[1:]))


def width_for(budget, depth, d_in, d_out):
    if count_parameters(depth, 1, d_in, d_out) > budget:
        raise ValueError(f"budget {budget}")
    low, high = 1, 2
    while count_parameters(depth, high, d_in, d_out) <= budget:
        high *= 2
    while high - low > 1:
        middle = (low + high) // 2
        if count_parameters(depth, middle, d_in, d_out) <= budget:
            low = middle
        else:
            high = middle
    return min((low, high), key=lambda w: abs(count_parameters(depth, w, d_in, d_out) - budget))

# %% 6.4 right "the quadratic formula, then its neighbours"
def count_parameters(depth, width, d_in, d_out):
    a, b, c = depth - 1, d_in + 1 + depth - 1 + d_out, d_out
    return a * width**2 + b * width + c


def width_for(budget, depth, d_in, d_out):
    a, b, c = depth - 1, d_in + depth + d_out, d_out - budget
    if budget < a + b + d_out:
        raise ValueError("not enough")
    root = -c / b if a == 0 else (-b + math.sqrt(b * b - 4 * a * c)) / (2 * a)
    options = range(max(1, int(root) - 1), int(root) + 3)
    return min(options, key=lambda w: (abs(count_parameters(depth, w, d_in, d_out) - budget), w))

# %% 6.5 wrong "no scaling" expect "Survivors keep their value"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        return x * keep


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "scales in eval mode" expect "Survivors keep their value"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x * (1 - self.p)
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        return x * keep


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "scales in both modes" expect "the scaling happens in training"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x * (1 - self.p)
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "on in eval mode" expect "It still drops in eval mode"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "multiplies by 1 - p" expect "multiplied by 1 - p"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        return x * keep * (1 - self.p)


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "divides by p" expect "divided by p"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        return x * keep / self.p


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "p as the probability of staying" expect "not of staying"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) < self.p
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "whole rows are dropped" expect "Each entry is drawn by itself"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand(x.shape[0], *[1] * (x.ndim - 1)) >= self.p
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "one mask for the whole batch" expect "Each entry is drawn by itself"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand(x.shape[-1]) >= self.p
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "the mask of the first call stays" expect "Draw a fresh mask"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        if getattr(self, "keep", None) is None or self.keep.shape != x.shape:
            self.keep = torch.rand_like(x) >= self.p
        keep = self.keep
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "p = 1 gives nan" expect "0 / 0 is nan"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        keep = torch.rand_like(x) >= self.p
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "p is not checked" expect "nothing was raised where a ValueError"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "writes into its input" expect "the gradients when 2 arrives"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        with torch.no_grad():
            x.mul_(keep).div_(1 - self.p)
        return x


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "PyTorch's own" expect "which this exercise asks you to do without"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, x):
        return F.dropout(x, self.p, self.training)


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "everything decays" expect "Everything decays"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    return [{"params": list(model.parameters()), "weight_decay": decay}, {"params": [], "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "by the name weight" expect "but it is no matrix"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    yes = [p for n, p in model.named_parameters() if n.endswith("weight")]
    no = [p for n, p in model.named_parameters() if not n.endswith("weight")]
    return [{"params": yes, "weight_decay": decay}, {"params": no, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "linear layers at the top only" expect "model.modules() goes deeper"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    weights = [m.weight for m in model.children() if isinstance(m, nn.Linear)]
    if isinstance(model, nn.Linear):
        weights = [model.weight]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "the rest is in no group" expect "never trained"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest[:0], "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "groups exchanged" expect "exchanged"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    weights, rest = rest, weights
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "norm after the activation" expect "after the activation: put it before"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        layers.append(nn.ReLU())
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "dropout after the output layer" expect "'Dropout'"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    layers.append(Dropout(dropout))
    return nn.Sequential(*layers)

# %% 6.5 wrong "no dropout behind the last hidden layer" expect "regularised_mlp"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.LayerNorm(b))
        layers.append(nn.ReLU())
        if len(layers) < 4 * (len(sizes) - 2) - 1:
            layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "layer norm ignored" expect "outputs with layer norm"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 wrong "batch norm for both" expect "outputs with batch norm"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = torch.rand_like(x) >= self.p
        return x * keep / (1 - self.p)


def decay_groups(model, decay):
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    ids = {id(w) for w in weights}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(a, b))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(b))
        if norm == "layer":
            layers.append(nn.BatchNorm1d(b))
        layers.append(nn.ReLU())
        layers.append(Dropout(dropout))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)

# %% 6.5 right "bernoulli and where; by dimension"
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError("p must lie in [0, 1]")
        self.p = float(p)

    def forward(self, x):
        if self.training and self.p > 0:
            gone = torch.bernoulli(torch.full_like(x, self.p)).bool()
            return torch.where(gone, torch.zeros_like(x), x / max(1 - self.p, 1e-12))
        return x


def decay_groups(model, decay):
    groups = [{"params": [], "weight_decay": decay}, {"params": [], "weight_decay": 0.0}]
    for p in model.parameters():
        groups[p.ndim < 2]["params"].append(p)
    return groups


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    make = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm, "none": nn.Identity}[norm]
    model = nn.Sequential()
    for a, b in zip(sizes, sizes[1:-1]):
        for part in (nn.Linear(a, b), make(b), nn.ReLU(), Dropout(dropout)):
            if not isinstance(part, nn.Identity):
                model.append(part)
    return model.append(nn.Linear(sizes[-2], sizes[-1]))

# %% 6.5 right "in place on a copy; blocks of blocks"
class Dropout(nn.Module):
    def __init__(self, p: float = 0.5) -> None:
        if p > 1 or p < 0:
            raise ValueError(p)
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        scale = 0.0 if self.p == 1 else 1 / (1 - self.p)
        mask = torch.empty_like(x).uniform_().ge(self.p).to(x.dtype).mul_(scale)
        return mask * x


def decay_groups(model, decay):
    decayed, other = {}, {}
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            place = decayed if isinstance(module, nn.Linear) and name == "weight" else other
            place[id(parameter)] = parameter
    return [
        dict(params=list(decayed.values()), weight_decay=decay),
        dict(params=list(other.values()), weight_decay=0),
    ]


def regularised_mlp(sizes, dropout=0.0, norm="none"):
    def block(a, b):
        parts = [nn.Linear(a, b)]
        parts += {"batch": [nn.BatchNorm1d(b)], "layer": [nn.LayerNorm(b)], "none": []}[norm]
        parts += [nn.ReLU()] + ([Dropout(dropout)] if dropout > 0 else [])
        return nn.Sequential(*parts)

    hidden = [block(a, b) for a, b in zip(sizes[:-2], sizes[1:-1])]
    return nn.Sequential(*hidden, nn.Linear(*sizes[-2:]))

# %% 6.6 wrong "sin and cos exchanged" expect "target at four points"
def target(points):
    x, y = points[..., 0], points[..., 1]
    return torch.cos(5 * x) * torch.sin(5 * y) + 0.5 * torch.sin(10 * x) + 0.3 * torch.cos(10 * y)


def predict_grid(model, n):
    steps = torch.linspace(-1, 1, n)
    X, Y = torch.meshgrid(steps, steps, indexing="xy")
    was = model.training
    model.eval()
    with torch.no_grad():
        z = model(torch.stack([X, Y], dim=-1).reshape(-1, 2)).reshape(n, n)
    model.train(was)
    return z


def train_surface(seed):
    torch.manual_seed(seed)
    points = 2 * torch.rand(2000, 2, generator=seeded(seed)) - 1
    model = nn.Sequential(nn.Linear(2, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
    loader = Shuffled(points, target(points)[:, None], 100, seed)
    gradus.fit(model, loader, F.mse_loss, torch.optim.Adam(model.parameters(), lr=5e-3), epochs=40)
    return model

# %% 6.6 wrong "x and y exchanged" expect "points[..., 0] is x"
def target(points):
    y, x = points[..., 0], points[..., 1]
    return torch.sin(5 * x) * torch.cos(5 * y) + 0.5 * torch.sin(10 * x) + 0.3 * torch.cos(10 * y)


def predict_grid(model, n):
    steps = torch.linspace(-1, 1, n)
    X, Y = torch.meshgrid(steps, steps, indexing="xy")
    was = model.training
    model.eval()
    with torch.no_grad():
        z = model(torch.stack([X, Y], dim=-1).reshape(-1, 2)).reshape(n, n)
    model.train(was)
    return z


def train_surface(seed):
    torch.manual_seed(seed)
    points = 2 * torch.rand(2000, 2, generator=seeded(seed)) - 1
    model = nn.Sequential(nn.Linear(2, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
    loader = Shuffled(points, target(points)[:, None], 100, seed)
    gradus.fit(model, loader, F.mse_loss, torch.optim.Adam(model.parameters(), lr=5e-3), epochs=40)
    return model

# %% 6.6 wrong "rows of points only" expect "target on points"
def target(points):
    x, y = points[:, 0], points[:, 1]
    return torch.sin(5 * x) * torch.cos(5 * y) + 0.5 * torch.sin(10 * x) + 0.3 * torch.cos(10 * y)


def predict_grid(model, n):
    steps = torch.linspace(-1, 1, n)
    X, Y = torch.meshgrid(steps, steps, indexing="xy")
    was = model.training
    model.eval()
    with torch.no_grad():
        z = model(torch.stack([X, Y], dim=-1).reshape(-1, 2)).reshape(n, n)
    model.train(was)
    return z


def train_surface(seed):
    torch.manual_seed(seed)
    points = 2 * torch.rand(2000, 2, generator=seeded(seed)) - 1
    model = nn.Sequential(nn.Linear(2, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
    loader = Shuffled(points, target(points)[:, None], 100, seed)
    gradus.fit(model, loader, F.mse_loss, torch.optim.Adam(model.parameters(), lr=5e-3), epochs=40)
    return model

# %% 6.6 wrong "a transposed grid" expect "x runs along a row"
def target(points):
    x, y = points[..., 0], points[..., 1]
    return torch.sin(5 * x) * torch.cos(5 * y) + 0.5 * torch.sin(10 * x) + 0.3 * torch.cos(10 * y)


def predict_grid(model, n):
    steps = torch.linspace(-1, 1, n)
    X, Y = torch.meshgrid(steps, steps, indexing="ij")
    was = model.training
    model.eval()
    with torch.no_grad():
        z = model(torch.stack([X, Y], dim=-1).reshape(-1, 2)).reshape(n, n)
    model.train(was)
    return z


def train_surface(seed):
    torch.manual_seed(seed)
    points = 2 * torch.rand(2000, 2, generator=seeded(seed)) - 1
    model = nn.Sequential(nn.Linear(2, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
    loader = Shuffled(points, target(points)[:, None], 100, seed)
    gradus.fit(model, loader, F.mse_loss, torch.optim.Adam(model.parameters(), lr=5e-3), epochs=40)
    return model

# %% 6.6 wrong "y runs down" expect "it is to rise"
def target(points):
    x, y = points[..., 0], points[..., 1]
    return torch.sin(5 * x) * torch.cos(5 * y) + 0.5 * torch.sin(10 * x) + 0.3 * torch.cos(10 * y)


def predict_grid(model, n):
    steps = torch.linspace(-1, 1, n)
    X, Y = torch.meshgrid(steps, steps, indexing="xy")
    was = model.training
    model.eval()
    with torch.no_grad():
        z = model(torch.stack([X, Y], dim=-1).reshape(-1, 2)).reshape(n, n).flip(0)
    model.train(was)
    return z


def train_surface(seed):
    torch.manual_seed(seed)
    points = 2 * torch.rand(2000, 2, generator=seeded(seed)) - 1
    model = nn.Sequential(nn.Linear(2, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
    loader = Shuffled(points, target(points)[:, None], 100, seed)
    gradus.fit(model, loader, F.mse_loss, torch.optim.Adam(model.parameters(), lr=5e-3), epochs=40)
    return model

# %% 6.6 wrong "predicts in train mode" expect "in train mode while it predicts"
def target(points):
    x, y = points[..., 0], points[..., 1]
    return torch.sin(5 * x) * torch.cos(5 * y) + 0.5 * torch.sin(10 * x) + 0.3 * torch.cos(10 * y)


def predict_grid(model, n):
    steps = torch.linspace(-1, 1, n)
    X, Y = torch.meshgrid(steps, steps, indexing="xy")
    was = model.training
    with torch.no_grad():
        z = model(torch.stack([X, Y], dim=-1).reshape(-1, 2)).reshape(n, n)
    model.train(was)
    return z


def train_surface(seed):
    torch.manual_seed(seed)
    points = 2 * torch.rand(2000, 2, generator=seeded(seed)) - 1
    model = nn.Sequential(nn.Linear(2, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
    loader = Shuffled(points, target(points)[:, None], 100, seed)
    gradus.fit(model, loader, F.mse_loss, torch.optim.Adam(model.parameters(), lr=5e-3), epochs=40)
    return model

# %% 6.6 wrong "leaves eval mode behind" expect "left in eval mode"
def target(points):
    x, y = points[..., 0], points[..., 1]
    return torch.sin(5 * x) * torch.cos(5 * y) + 0.5 * torch.sin(10 * x) + 0.3 * torch.cos(10 * y)


def predict_grid(model, n):
    steps = torch.linspace(-1, 1, n)
    X, Y = torch.meshgrid(steps, steps, indexing="xy")
    was = model.training
    model.eval()
    with torch.no_grad():
        z = model(torch.stack([X, Y], dim=-1).reshape(-1, 2)).reshape(n, n)
    return z


def train_surface(seed):
    torch.manual_seed(seed)
    points = 2 * torch.rand(2000, 2, generator=seeded(seed)) - 1
    model = nn.Sequential(nn.Linear(2, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
    loader = Shuffled(points, target(points)[:, None], 100, seed)
    gradus.fit(model, loader, F.mse_loss, torch.optim.Adam(model.parameters(), lr=5e-3), epochs=40)
    return model

# %% 6.6 wrong "records gradients" expect "requires_grad of the grid"
def target(points):
    x, y = points[..., 0], points[..., 1]
    return torch.sin(5 * x) * torch.cos(5 * y) + 0.5 * torch.sin(10 * x) + 0.3 * torch.cos(10 * y)


def predict_grid(model, n):
    steps = torch.linspace(-1, 1, n)
    X, Y = torch.meshgrid(steps, steps, indexing="xy")
    was = model.training
    model.eval()
    z = model(torch.stack([X, Y], dim=-1).reshape(-1, 2)).reshape(n, n)
    model.train(was)
    return z


def train_surface(seed):
    torch.manual_seed(seed)
    points = 2 * torch.rand(2000, 2, generator=seeded(seed)) - 1
    model = nn.Sequential(nn.Linear(2, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
    loader = Shuffled(points, target(points)[:, None], 100, seed)
    gradus.fit(model, loader, F.mse_loss, torch.optim.Adam(model.parameters(), lr=5e-3), epochs=40)
    return model

# %% 6.6 wrong "without the ends" expect "3 × 3 grid"
def target(points):
    x, y = points[..., 0], points[..., 1]
    return torch.sin(5 * x) * torch.cos(5 * y) + 0.5 * torch.sin(10 * x) + 0.3 * torch.cos(10 * y)


def predict_grid(model, n):
    steps = torch.arange(n) * 2 / n - 1
    X, Y = torch.meshgrid(steps, steps, indexing="xy")
    was = model.training
    model.eval()
    with torch.no_grad():
        z = model(torch.stack([X, Y], dim=-1).reshape(-1, 2)).reshape(n, n)
    model.train(was)
    return z


def train_surface(seed):
    torch.manual_seed(seed)
    points = 2 * torch.rand(2000, 2, generator=seeded(seed)) - 1
    model = nn.Sequential(nn.Linear(2, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
    loader = Shuffled(points, target(points)[:, None], 100, seed)
    gradus.fit(model, loader, F.mse_loss, torch.optim.Adam(model.parameters(), lr=5e-3), epochs=40)
    return model

# %% 6.6 wrong "targets of shape (n,)" expect "the surface at 400 new points"
def target(points):
    x, y = points[..., 0], points[..., 1]
    return torch.sin(5 * x) * torch.cos(5 * y) + 0.5 * torch.sin(10 * x) + 0.3 * torch.cos(10 * y)


def predict_grid(model, n):
    steps = torch.linspace(-1, 1, n)
    X, Y = torch.meshgrid(steps, steps, indexing="xy")
    was = model.training
    model.eval()
    with torch.no_grad():
        z = model(torch.stack([X, Y], dim=-1).reshape(-1, 2)).reshape(n, n)
    model.train(was)
    return z


def train_surface(seed):
    torch.manual_seed(seed)
    points = 2 * torch.rand(2000, 2) - 1
    z = target(points)
    model = nn.Sequential(nn.Linear(2, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(20):
        for part in torch.randperm(2000).split(100):
            optimiser.zero_grad()
            ((model(points[part]) - z[part]) ** 2).mean().backward()
            optimiser.step()
    return model

# %% 6.6 wrong "points from [0, 1] only" expect "points from all of the square"
def target(points):
    x, y = points[..., 0], points[..., 1]
    return torch.sin(5 * x) * torch.cos(5 * y) + 0.5 * torch.sin(10 * x) + 0.3 * torch.cos(10 * y)


def predict_grid(model, n):
    steps = torch.linspace(-1, 1, n)
    X, Y = torch.meshgrid(steps, steps, indexing="xy")
    was = model.training
    model.eval()
    with torch.no_grad():
        z = model(torch.stack([X, Y], dim=-1).reshape(-1, 2)).reshape(n, n)
    model.train(was)
    return z


def train_surface(seed):
    torch.manual_seed(seed)
    points = torch.rand(2000, 2, generator=seeded(seed))
    model = nn.Sequential(nn.Linear(2, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
    loader = Shuffled(points, target(points)[:, None], 100, seed)
    gradus.fit(model, loader, F.mse_loss, torch.optim.Adam(model.parameters(), lr=5e-3), epochs=40)
    return model

# %% 6.6 wrong "a full batch, forty steps" expect "are there enough steps"
def target(points):
    x, y = points[..., 0], points[..., 1]
    return torch.sin(5 * x) * torch.cos(5 * y) + 0.5 * torch.sin(10 * x) + 0.3 * torch.cos(10 * y)


def predict_grid(model, n):
    steps = torch.linspace(-1, 1, n)
    X, Y = torch.meshgrid(steps, steps, indexing="xy")
    was = model.training
    model.eval()
    with torch.no_grad():
        z = model(torch.stack([X, Y], dim=-1).reshape(-1, 2)).reshape(n, n)
    model.train(was)
    return z


def train_surface(seed):
    torch.manual_seed(seed)
    points = 2 * torch.rand(2000, 2, generator=seeded(seed)) - 1
    model = nn.Sequential(nn.Linear(2, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
    loader = Shuffled(points, target(points)[:, None], 2000, seed)
    gradus.fit(model, loader, F.mse_loss, torch.optim.Adam(model.parameters(), lr=5e-3), epochs=40)
    return model

# %% 6.6 wrong "no activation" expect "the surface at 400 new points"
def target(points):
    x, y = points[..., 0], points[..., 1]
    return torch.sin(5 * x) * torch.cos(5 * y) + 0.5 * torch.sin(10 * x) + 0.3 * torch.cos(10 * y)


def predict_grid(model, n):
    steps = torch.linspace(-1, 1, n)
    X, Y = torch.meshgrid(steps, steps, indexing="xy")
    was = model.training
    model.eval()
    with torch.no_grad():
        z = model(torch.stack([X, Y], dim=-1).reshape(-1, 2)).reshape(n, n)
    model.train(was)
    return z


def train_surface(seed):
    torch.manual_seed(seed)
    points = 2 * torch.rand(2000, 2, generator=seeded(seed)) - 1
    model = nn.Sequential(nn.Linear(2, 64), nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 1))
    loader = Shuffled(points, target(points)[:, None], 100, seed)
    gradus.fit(model, loader, F.mse_loss, torch.optim.Adam(model.parameters(), lr=5e-3), epochs=40)
    return model

# %% 6.6 wrong "an untrained model" expect "the surface at 400 new points"
def target(points):
    x, y = points[..., 0], points[..., 1]
    return torch.sin(5 * x) * torch.cos(5 * y) + 0.5 * torch.sin(10 * x) + 0.3 * torch.cos(10 * y)


def predict_grid(model, n):
    steps = torch.linspace(-1, 1, n)
    X, Y = torch.meshgrid(steps, steps, indexing="xy")
    was = model.training
    model.eval()
    with torch.no_grad():
        z = model(torch.stack([X, Y], dim=-1).reshape(-1, 2)).reshape(n, n)
    model.train(was)
    return z


def train_surface(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 64), nn.GELU(), nn.Linear(64, 1))

# %% 6.6 wrong "the seed is ignored" expect "each needs the seed"
def target(points):
    x, y = points[..., 0], points[..., 1]
    return torch.sin(5 * x) * torch.cos(5 * y) + 0.5 * torch.sin(10 * x) + 0.3 * torch.cos(10 * y)


def predict_grid(model, n):
    steps = torch.linspace(-1, 1, n)
    X, Y = torch.meshgrid(steps, steps, indexing="xy")
    was = model.training
    model.eval()
    with torch.no_grad():
        z = model(torch.stack([X, Y], dim=-1).reshape(-1, 2)).reshape(n, n)
    model.train(was)
    return z


def train_surface(seed):
    points = 2 * torch.rand(2000, 2, generator=seeded(seed)) - 1
    model = nn.Sequential(nn.Linear(2, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
    loader = Shuffled(points, target(points)[:, None], 100, seed)
    gradus.fit(model, loader, F.mse_loss, torch.optim.Adam(model.parameters(), lr=5e-3), epochs=40)
    return model

# %% 6.6 right "ReLU, columns of points, a loop by hand"
def target(points):
    x = points.select(-1, 0)
    y = points.select(-1, 1)
    return (5 * x).sin() * (5 * y).cos() + (10 * x).sin() / 2 + 0.3 * (10 * y).cos()


@torch.no_grad()
def predict_grid(model, n):
    was = model.training
    model.eval()
    place = next(model.parameters()).device
    rows = []
    for y in torch.linspace(-1, 1, n, device=place):
        x = torch.linspace(-1, 1, n, device=place)
        rows.append(model(torch.stack([x, y.expand(n)], dim=1))[:, 0])
    model.train(was)
    return torch.stack(rows)


def train_surface(seed):
    dice = torch.Generator().manual_seed(seed)
    points = torch.empty(2000, 2).uniform_(-1, 1, generator=dice)
    torch.manual_seed(seed)
    sizes = [2, 128, 128, 128, 1]
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(30):
        for part in torch.randperm(2000, generator=dice).split(64):
            optimiser.zero_grad()
            F.mse_loss(model(points[part]).squeeze(1), target(points[part])).backward()
            optimiser.step()
    return model

# %% 6.6 right "cartesian product, SiLU, a DataLoader"
def target(points):
    x, y = points[..., 0], points[..., 1]
    return torch.sin(5 * x) * torch.cos(5 * y) + 0.5 * torch.sin(10 * x) + 0.3 * torch.cos(10 * y)


def predict_grid(model, n):
    steps = torch.linspace(-1, 1, n)
    yx = torch.cartesian_prod(steps, steps)
    modes = model.training
    try:
        with torch.inference_mode():
            return model.eval()(yx.flip(1)).view(n, n).clone()
    finally:
        model.train(modes)


def train_surface(seed):
    torch.manual_seed(seed)
    points = torch.rand(2000, 2) * 2 - 1
    data = torch.utils.data.TensorDataset(points, target(points).unsqueeze(1))
    loader = torch.utils.data.DataLoader(data, batch_size=100, shuffle=True)
    model = nn.Sequential(nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))
    gradus.fit(model, loader, nn.MSELoss(), torch.optim.Adam(model.parameters(), lr=8e-3), epochs=50, device="cpu")
    return model.eval()
