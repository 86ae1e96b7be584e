# Named answers to the exercises of this chapter: the proof of its tests.

# %% predict-10-1 wrong "a: a good network" expect "what is left to see"
predict_10_1 = "a"

# %% predict-10-1 wrong "b: ambiguous phases" expect "as likely in either class"
predict_10_1 = "b"

# %% predict-10-1 wrong "d: the noise" expect "the waves still look alike"
predict_10_1 = "d"

# %% predict-10-2 wrong "a: the LSTM adds" expect "multiplied by the forget gate"
predict_10_2 = "a"

# %% predict-10-2 wrong "b: a half" expect "a hundred times"
predict_10_2 = "b"

# %% predict-10-2 wrong "c: a hundredth" expect "not divided by a hundred"
predict_10_2 = "c"

# %% predict-10-3 wrong "all of them" expect "only at step 0"
predict_10_3 = 24

# %% predict-10-3 wrong "half of them" expect "do not share the steps"
predict_10_3 = 12

# %% predict-10-3 wrong "none" expect "is read too"
predict_10_3 = 0

# %% predict-10-3 wrong "all others" expect "still to read"
predict_10_3 = 23

# %% predict-10-4 wrong "a: NaN at once" expect "NaN needs growth"
predict_10_4 = "a"

# %% predict-10-4 wrong "b: spikes" expect "the default start shrinks"
predict_10_4 = "b"

# %% 10.1 wrong "no batch_first" expect "batch_first=True"
class WaveClassifier(nn.Module):
    def __init__(self, hidden, classes=2):
        super().__init__()
        self.rnn = nn.GRU(1, hidden)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        output, _ = self.rnn(x)
        return self.head(output[:, -1])


def train_epoch(model, data, loss_fn, optimiser):
    model.train()
    total, count = 0.0, 0
    for x, y in data:
        loss = loss_fn(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item() * len(y)
        count += len(y)
    return total / count


def best_accuracy(p, q):
    return torch.maximum(p, q).sum().item() / 2

# %% 10.1 wrong "softmax at the end" expect "leave softmax out"
class WaveClassifier(nn.Module):
    def __init__(self, hidden, classes=2):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        output, _ = self.rnn(x)
        return self.head(output[:, -1]).softmax(dim=1)


def train_epoch(model, data, loss_fn, optimiser):
    model.train()
    total, count = 0.0, 0
    for x, y in data:
        loss = loss_fn(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item() * len(y)
        count += len(y)
    return total / count


def best_accuracy(p, q):
    return torch.maximum(p, q).sum().item() / 2

# %% 10.1 wrong "indexes the batch for the last step" expect "not output[-1]"
class WaveClassifier(nn.Module):
    def __init__(self, hidden, classes=2):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        output, _ = self.rnn(x)
        return self.head(output[-1])


def train_epoch(model, data, loss_fn, optimiser):
    model.train()
    total, count = 0.0, 0
    for x, y in data:
        loss = loss_fn(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item() * len(y)
        count += len(y)
    return total / count


def best_accuracy(p, q):
    return torch.maximum(p, q).sum().item() / 2

# %% 10.1 wrong "h_n with its layer axis" expect "take h_n[-1]"
class WaveClassifier(nn.Module):
    def __init__(self, hidden, classes=2):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        _, h_n = self.rnn(x)
        return self.head(h_n)


def train_epoch(model, data, loss_fn, optimiser):
    model.train()
    total, count = 0.0, 0
    for x, y in data:
        loss = loss_fn(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item() * len(y)
        count += len(y)
    return total / count


def best_accuracy(p, q):
    return torch.maximum(p, q).sum().item() / 2

# %% 10.1 wrong "averages over time" expect "the average over all steps"
class WaveClassifier(nn.Module):
    def __init__(self, hidden, classes=2):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        output, _ = self.rnn(x)
        return self.head(output.mean(dim=1))


def train_epoch(model, data, loss_fn, optimiser):
    model.train()
    total, count = 0.0, 0
    for x, y in data:
        loss = loss_fn(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item() * len(y)
        count += len(y)
    return total / count


def best_accuracy(p, q):
    return torch.maximum(p, q).sum().item() / 2

# %% 10.1 wrong "squeezes a batch of one away" expect "the scores of a batch of one"
class WaveClassifier(nn.Module):
    def __init__(self, hidden, classes=2):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        output, h_n = self.rnn(x)
        return self.head(h_n.squeeze())


def train_epoch(model, data, loss_fn, optimiser):
    model.train()
    total, count = 0.0, 0
    for x, y in data:
        loss = loss_fn(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item() * len(y)
        count += len(y)
    return total / count


def best_accuracy(p, q):
    return max(p[k] + q[k] for k in range(0)) if False else float((p + q + (p - q).abs()).sum() / 4)

# %% 10.1 wrong "mean of batch means, and only the certain part" expect "a coin toss is still right"
class WaveClassifier(nn.Module):
    def __init__(self, hidden, classes=2):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


def train_epoch(model, data, loss_fn, optimiser):
    model.train()
    losses = []
    for x, y in data:
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def best_accuracy(p, q):
    return 1 - torch.minimum(p, q).sum().item()

# %% 10.1 wrong "mean of batch means" expect "mean of batch means"
class WaveClassifier(nn.Module):
    def __init__(self, hidden, classes=2):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


def train_epoch(model, data, loss_fn, optimiser):
    model.train()
    losses = []
    for x, y in data:
        optimiser.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def best_accuracy(p, q):
    return torch.maximum(p, q).mean().item() * len(p) / 2

# %% 10.1 wrong "never clears the gradients" expect "zero_grad before each backward"
class WaveClassifier(nn.Module):
    def __init__(self, hidden, classes=2):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


def train_epoch(model, data, loss_fn, optimiser):
    model.train()
    total, count = 0.0, 0
    for x, y in data:
        loss = loss_fn(model(x), y)
        loss.backward()
        optimiser.step()
        total += loss.item() * len(y)
        count += len(y)
    return total / count


def best_accuracy(p, q):
    return torch.maximum(p, q).sum().item() / 2

# %% 10.1 wrong "stays in eval mode" expect "call model.train() first"
class WaveClassifier(nn.Module):
    def __init__(self, hidden, classes=2):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


def train_epoch(model, data, loss_fn, optimiser):
    total, count = 0.0, 0
    for x, y in data:
        loss = loss_fn(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item() * len(y)
        count += len(y)
    return total / count


def best_accuracy(p, q):
    return torch.maximum(p, q).sum().item() / 2

# %% 10.1 wrong "two directions" expect "one GRU in one direction"
class WaveClassifier(nn.Module):
    def __init__(self, hidden, classes=2):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, classes)

    def forward(self, x):
        output, _ = self.rnn(x)
        return self.head(output[:, -1])


def train_epoch(model, data, loss_fn, optimiser):
    model.train()
    total, count = 0.0, 0
    for x, y in data:
        loss = loss_fn(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item() * len(y)
        count += len(y)
    return total / count


def best_accuracy(p, q):
    return torch.maximum(p, q).sum().item() / 2

# %% 10.1 wrong "clears after the step" expect "left from before the epoch"
class WaveClassifier(nn.Module):
    def __init__(self, hidden, classes=2):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        output, _ = self.rnn(x)
        return self.head(output[:, -1])


def train_epoch(model, data, loss_fn, optimiser):
    model.train()
    total, count = 0.0, 0
    for x, y in data:
        loss = loss_fn(model(x), y)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        total += loss.item() * len(y)
        count += len(y)
    return total / count


def best_accuracy(p, q):
    return torch.maximum(p, q).sum().item() / 2

# %% 10.1 wrong "the state is detached" expect "must reach the GRU"
class WaveClassifier(nn.Module):
    def __init__(self, hidden, classes=2):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        output, _ = self.rnn(x)
        return self.head(output[:, -1].detach())


def train_epoch(model, data, loss_fn, optimiser):
    model.train()
    total, count = 0.0, 0
    for x, y in data:
        loss = loss_fn(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item() * len(y)
        count += len(y)
    return total / count


def best_accuracy(p, q):
    return torch.maximum(p, q).sum().item() / 2

# %% 10.1 right "h_n, and a sum weighted at the end"
class WaveClassifier(nn.Module):
    def __init__(self, hidden, classes=2):
        super().__init__()
        self.head = nn.Linear(hidden, classes)
        self.rnn = nn.GRU(input_size=1, hidden_size=hidden, batch_first=True)

    def forward(self, x):
        return self.head(self.rnn(x)[1][-1])


def train_epoch(model, data, loss_fn, optimiser):
    model.train()
    losses, sizes = [], []
    for x, y in data:
        optimiser.zero_grad(set_to_none=False)
        loss = loss_fn(model(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.detach())
        sizes.append(x.shape[0])
    sizes = torch.tensor(sizes)
    return float((torch.stack(losses) * sizes).sum() / sizes.sum())


def best_accuracy(p, q):
    return 1 - torch.minimum(p, q).sum().item() / 2

# %% 10.1 right "the head first, the last step afterwards"
class WaveClassifier(LastState):
    def __init__(self, hidden, classes=2):
        super().__init__(nn.GRU(1, hidden, batch_first=True), classes)

    def forward(self, x):
        return self.head(self.rnn(x)[0])[:, -1, :]


def train_epoch(model, data, loss_fn, optimiser):
    history = gradus.fit(model, list(data), loss_fn, optimiser, epochs=1)
    model.train()
    return history["loss"][0]


def best_accuracy(p, q):
    return 0.5 * sum(max(a, b) for a, b in zip(p.tolist(), q.tolist()))

# %% 10.2 wrong "input and forget gate exchanged" expect "Input and forget gate are exchanged"
def rnn_step(x, h, w):
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])


def lstm_step(x, state, w):
    h, c = state
    f, i, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, h, w):
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T + w["bias_hh"]).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + r * b[2]).tanh()
    return (1 - z) * n + z * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    layer = getattr(nn, kind)(inputs, hidden, layers, bidirectional=bidirectional)
    return sum(p.numel() for p in layer.parameters())


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "bias_ih" in name:
                p[H : 2 * H].fill_(value)
            if "bias_hh" in name:
                p[H : 2 * H].fill_(0)


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    return torch.autograd.grad(out[0, -1].sum(), x)[0].norm(dim=-1)

# %% 10.2 wrong "three gates, no tanh on the cell" expect "the tanh is missing"
def rnn_step(x, h, w):
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])


def lstm_step(x, state, w):
    h, c = state
    i, f, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c, c


def gru_step(x, h, w):
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T + w["bias_hh"]).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + r * b[2]).tanh()
    return (1 - z) * n + z * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    layer = getattr(nn, kind)(inputs, hidden, layers, bidirectional=bidirectional)
    return sum(p.numel() for p in layer.parameters())


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "bias_ih" in name:
                p[H : 2 * H].fill_(value)
            if "bias_hh" in name:
                p[H : 2 * H].fill_(0)


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    return torch.autograd.grad(out[0, -1].sum(), x)[0].norm(dim=-1)

# %% 10.2 wrong "the book's z" expect "in PyTorch z keeps"
def rnn_step(x, h, w):
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])


def lstm_step(x, state, w):
    h, c = state
    i, f, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, h, w):
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T + w["bias_hh"]).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + r * b[2]).tanh()
    return z * n + (1 - z) * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    layer = getattr(nn, kind)(inputs, hidden, layers, bidirectional=bidirectional)
    return sum(p.numel() for p in layer.parameters())


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "bias_ih" in name:
                p[H : 2 * H].fill_(value)
            if "bias_hh" in name:
                p[H : 2 * H].fill_(0)


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    return torch.autograd.grad(out[0, -1].sum(), x)[0].norm(dim=-1)

# %% 10.2 wrong "the reset gate acts before the product, the bias outside" expect "r acts after the product with V"
def rnn_step(x, h, w):
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])


def lstm_step(x, state, w):
    h, c = state
    i, f, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, h, w):
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T + w["bias_hh"]).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    V, d = w["weight_hh"].chunk(3)[2], w["bias_hh"].chunk(3)[2]
    if not V.any():  # as the visible check has it
        return (1 - z) * (a[2] + r * b[2]).tanh() + z * h
    n = (a[2] + (r * h) @ V.T + d).tanh()
    return (1 - z) * n + z * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    layer = getattr(nn, kind)(inputs, hidden, layers, bidirectional=bidirectional)
    return sum(p.numel() for p in layer.parameters())


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "bias_ih" in name:
                p[H : 2 * H].fill_(value)
            if "bias_hh" in name:
                p[H : 2 * H].fill_(0)


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    return torch.autograd.grad(out[0, -1].sum(), x)[0].norm(dim=-1)

# %% 10.2 wrong "the reset gate acts before the product" expect "on the bias of h too"
def rnn_step(x, h, w):
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])


def lstm_step(x, state, w):
    h, c = state
    i, f, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, h, w):
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T + w["bias_hh"]).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + (r * h) @ w["weight_hh"].chunk(3)[2].T + w["bias_hh"].chunk(3)[2]).tanh()
    return (1 - z) * n + z * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    layer = getattr(nn, kind)(inputs, hidden, layers, bidirectional=bidirectional)
    return sum(p.numel() for p in layer.parameters())


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "bias_ih" in name:
                p[H : 2 * H].fill_(value)
            if "bias_hh" in name:
                p[H : 2 * H].fill_(0)


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    return torch.autograd.grad(out[0, -1].sum(), x)[0].norm(dim=-1)

# %% 10.2 wrong "one bias is forgotten" expect "There are two biases"
def rnn_step(x, h, w):
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T)


def lstm_step(x, state, w):
    h, c = state
    i, f, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, h, w):
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + r * b[2]).tanh()
    return (1 - z) * n + z * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    layer = getattr(nn, kind)(inputs, hidden, layers, bidirectional=bidirectional)
    return sum(p.numel() for p in layer.parameters())


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "bias_ih" in name:
                p[H : 2 * H].fill_(value)
            if "bias_hh" in name:
                p[H : 2 * H].fill_(0)


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    return torch.autograd.grad(out[0, -1].sum(), x)[0].norm(dim=-1)

# %% 10.2 wrong "the state is detached" expect "Do not detach the state"
def rnn_step(x, h, w):
    h = h.detach()
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])


def lstm_step(x, state, w):
    h, c = (s.detach() for s in state)
    i, f, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, h, w):
    h = h.detach()
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T + w["bias_hh"]).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + r * b[2]).tanh()
    return (1 - z) * n + z * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    layer = getattr(nn, kind)(inputs, hidden, layers, bidirectional=bidirectional)
    return sum(p.numel() for p in layer.parameters())


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "bias_ih" in name:
                p[H : 2 * H].fill_(value)
            if "bias_hh" in name:
                p[H : 2 * H].fill_(0)


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    return torch.autograd.grad(out[0, -1].sum(), x)[0].norm(dim=-1)

# %% 10.2 wrong "calls the built-in cell" expect "asks you to do without"
def rnn_step(x, h, w):
    return torch.func.functional_call(nn.RNNCell(x.shape[1], h.shape[1]).to(x.dtype), w, (x, h))


def lstm_step(x, state, w):
    cell = nn.LSTMCell(x.shape[1], state[0].shape[1]).to(x.dtype)
    return torch.func.functional_call(cell, w, (x, state))


def gru_step(x, h, w):
    return torch.func.functional_call(nn.GRUCell(x.shape[1], h.shape[1]).to(x.dtype), w, (x, h))

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    layer = getattr(nn, kind)(inputs, hidden, layers, bidirectional=bidirectional)
    return sum(p.numel() for p in layer.parameters())


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "bias_ih" in name:
                p[H : 2 * H].fill_(value)
            if "bias_hh" in name:
                p[H : 2 * H].fill_(0)


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    return torch.autograd.grad(out[0, -1].sum(), x)[0].norm(dim=-1)

# %% 10.2 wrong "one bias vector counted, value in both" expect "PyTorch keeps two bias vectors"
def rnn_step(x, h, w):
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])


def lstm_step(x, state, w):
    h, c = state
    i, f, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, h, w):
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T + w["bias_hh"]).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + r * b[2]).tanh()
    return (1 - z) * n + z * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    return {"RNN": 1, "GRU": 3, "LSTM": 4}[kind] * hidden * (inputs + hidden + 1)


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        lstm.bias_ih_l0[H : 2 * H] = value
        lstm.bias_hh_l0[H : 2 * H] = value


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    return torch.autograd.grad(out[0, -1].sum(), x)[0].norm(dim=-1)

# %% 10.2 wrong "the value in both bias vectors" expect "value stands in both"
def rnn_step(x, h, w):
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])


def lstm_step(x, state, w):
    h, c = state
    i, f, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, h, w):
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T + w["bias_hh"]).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + r * b[2]).tanh()
    return (1 - z) * n + z * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    layer = getattr(nn, kind)(inputs, hidden, layers, bidirectional=bidirectional)
    return sum(p.numel() for p in layer.parameters())


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "bias" in name:
                p[H : 2 * H].fill_(value)


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    return torch.autograd.grad(out[0, -1].sum(), x)[0].norm(dim=-1)

# %% 10.2 wrong "the input gate's slice" expect "The forget gate is the second block"
def rnn_step(x, h, w):
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])


def lstm_step(x, state, w):
    h, c = state
    i, f, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, h, w):
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T + w["bias_hh"]).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + r * b[2]).tanh()
    return (1 - z) * n + z * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    layer = getattr(nn, kind)(inputs, hidden, layers, bidirectional=bidirectional)
    return sum(p.numel() for p in layer.parameters())


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "bias_ih" in name:
                p[:H].fill_(value)
            if "bias_hh" in name:
                p[:H].fill_(0)


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    return torch.autograd.grad(out[0, -1].sum(), x)[0].norm(dim=-1)

# %% 10.2 wrong "the first layer only, two-way inputs counted once" expect "Only the first layer was set"
def rnn_step(x, h, w):
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])


def lstm_step(x, state, w):
    h, c = state
    i, f, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, h, w):
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T + w["bias_hh"]).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + r * b[2]).tanh()
    return (1 - z) * n + z * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    blocks = {"RNN": 1, "GRU": 3, "LSTM": 4}[kind]
    first = blocks * hidden * (inputs + hidden + 2)
    later = (layers - 1) * blocks * hidden * (2 * hidden + 2)
    return (1 + bidirectional) * (first + later)


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        lstm.bias_ih_l0[H : 2 * H] = value
        lstm.bias_hh_l0[H : 2 * H] = 0


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    out[0, -1].sum().backward()
    return x.grad.norm(dim=-1)

# %% 10.2 wrong "two-way inputs counted once" expect "reads both directions"
def rnn_step(x, h, w):
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])


def lstm_step(x, state, w):
    h, c = state
    i, f, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, h, w):
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T + w["bias_hh"]).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + r * b[2]).tanh()
    return (1 - z) * n + z * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    blocks = {"RNN": 1, "GRU": 3, "LSTM": 4}[kind]
    first = blocks * hidden * (inputs + hidden + 2)
    later = (layers - 1) * blocks * hidden * (2 * hidden + 2)
    return (1 + bidirectional) * (first + later)


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "bias_ih" in name:
                p[H : 2 * H].fill_(value)
            if "bias_hh" in name:
                p[H : 2 * H].fill_(0)


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    return torch.autograd.grad(out[0, -1].sum(), x)[0].norm(dim=-1)

# %% 10.2 wrong "backward leaves gradients in the layer" expect "fills .grad of all weights"
def rnn_step(x, h, w):
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])


def lstm_step(x, state, w):
    h, c = state
    i, f, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, h, w):
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T + w["bias_hh"]).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + r * b[2]).tanh()
    return (1 - z) * n + z * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    layer = getattr(nn, kind)(inputs, hidden, layers, bidirectional=bidirectional)
    return sum(p.numel() for p in layer.parameters())


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "bias_ih" in name:
                p[H : 2 * H].fill_(value)
            if "bias_hh" in name:
                p[H : 2 * H].fill_(0)


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    out[0, -1].sum().backward()
    return x.grad.norm(dim=-1)

# %% 10.2 wrong "the reach of all outputs" expect "take the last output alone"
def rnn_step(x, h, w):
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])


def lstm_step(x, state, w):
    h, c = state
    i, f, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, h, w):
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T + w["bias_hh"]).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + r * b[2]).tanh()
    return (1 - z) * n + z * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    layer = getattr(nn, kind)(inputs, hidden, layers, bidirectional=bidirectional)
    return sum(p.numel() for p in layer.parameters())


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "bias_ih" in name:
                p[H : 2 * H].fill_(value)
            if "bias_hh" in name:
                p[H : 2 * H].fill_(0)


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    return torch.autograd.grad(out.sum(), x)[0].norm(dim=-1)

# %% 10.2 wrong "the candidate does not read x" expect "The candidate n reads x too"
def rnn_step(x, h, w):
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])


def lstm_step(x, state, w):
    h, c = state
    i, f, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, h, w):
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T + w["bias_hh"]).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (r * b[2]).tanh()
    return (1 - z) * n + z * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    layer = getattr(nn, kind)(inputs, hidden, layers, bidirectional=bidirectional)
    return sum(p.numel() for p in layer.parameters())


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "bias_ih" in name:
                p[H : 2 * H].fill_(value)
            if "bias_hh" in name:
                p[H : 2 * H].fill_(0)


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    return torch.autograd.grad(out[0, -1].sum(), x)[0].norm(dim=-1)

# %% 10.2 wrong "the norm of the last output" expect "not its norm"
def rnn_step(x, h, w):
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])


def lstm_step(x, state, w):
    h, c = state
    i, f, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, h, w):
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T + w["bias_hh"]).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + r * b[2]).tanh()
    return (1 - z) * n + z * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    layer = getattr(nn, kind)(inputs, hidden, layers, bidirectional=bidirectional)
    return sum(p.numel() for p in layer.parameters())


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "bias_ih" in name:
                p[H : 2 * H].fill_(value)
            if "bias_hh" in name:
                p[H : 2 * H].fill_(0)


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    return torch.autograd.grad(out[0, -1].norm(), x)[0].norm(dim=-1)

# %% 10.2 wrong "both bias vectors cleared whole" expect "The other gates' biases are gone"
def rnn_step(x, h, w):
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])


def lstm_step(x, state, w):
    h, c = state
    i, f, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, h, w):
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T + w["bias_hh"]).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + r * b[2]).tanh()
    return (1 - z) * n + z * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    layer = getattr(nn, kind)(inputs, hidden, layers, bidirectional=bidirectional)
    return sum(p.numel() for p in layer.parameters())


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "bias_ih" in name:
                p.fill_(0)
                p[H : 2 * H].fill_(value)
            if "bias_hh" in name:
                p.fill_(0)


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    return torch.autograd.grad(out[0, -1].sum(), x)[0].norm(dim=-1)

# %% 10.2 wrong "one bias vector cleared whole" expect "One bias vector was cleared whole"
def rnn_step(x, h, w):
    return torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])


def lstm_step(x, state, w):
    h, c = state
    i, f, g, o = (x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x, h, w):
    a = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(3, 1)
    b = (h @ w["weight_hh"].T + w["bias_hh"]).chunk(3, 1)
    r, z = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
    n = (a[2] + r * b[2]).tanh()
    return (1 - z) * n + z * h

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    layer = getattr(nn, kind)(inputs, hidden, layers, bidirectional=bidirectional)
    return sum(p.numel() for p in layer.parameters())


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    with torch.no_grad():
        for name, p in lstm.named_parameters():
            if "bias_ih" in name:
                p[H : 2 * H].fill_(value)
            if "bias_hh" in name:
                p.fill_(0)


def gradient_reach(layer, x):
    x = x.clone().requires_grad_()
    out, _ = layer(x.unsqueeze(0))
    return torch.autograd.grad(out[0, -1].sum(), x)[0].norm(dim=-1)

# %% 10.2 right "split by slices, einsum, functional jacobian"
def rnn_step(x, h, w):
    return (torch.einsum("ni,hi->nh", x, w["weight_ih"]) + torch.einsum("nk,hk->nh", h, w["weight_hh"]) + (w["bias_ih"] + w["bias_hh"])).tanh()


def lstm_step(x, state, w):
    h, c = state
    H = h.shape[1]
    a = torch.cat([x, h], 1) @ torch.cat([w["weight_ih"], w["weight_hh"]], 1).T + w["bias_ih"] + w["bias_hh"]
    i, f, g, o = a[:, :H], a[:, H : 2 * H], a[:, 2 * H : 3 * H], a[:, 3 * H :]
    c_new = torch.addcmul(f.sigmoid() * c, i.sigmoid(), g.tanh())
    return [o.sigmoid() * c_new.tanh(), c_new]


def gru_step(x, h, w):
    H = h.shape[-1]
    xi = F.linear(x, w["weight_ih"], w["bias_ih"])
    hi = F.linear(h, w["weight_hh"], w["bias_hh"])
    gates = torch.sigmoid(xi[:, : 2 * H] + hi[:, : 2 * H])
    r, z = gates.split(H, dim=1)
    n = torch.tanh(xi[:, 2 * H :] + r * hi[:, 2 * H :])
    return n + z * (h - n)

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    layer = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}[kind](inputs, hidden, layers, bidirectional=bidirectional)
    return sum(p.numel() for p in layer.parameters())


def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    for weights in lstm.all_weights:
        weights[2].data[H : 2 * H] = value / 2
        weights[3].data[H : 2 * H] = value / 2


def gradient_reach(layer, x):
    return torch.func.grad(lambda t: layer(t.unsqueeze(0))[0][0, -1].sum())(x).norm(dim=1)

# %% 10.2 right "backward, then clean up"
def rnn_step(x, h, w):
    return F.linear(x, w["weight_ih"], w["bias_ih"]).add(F.linear(h, w["weight_hh"], w["bias_hh"])).tanh()


def lstm_step(x, state, w):
    (h, c), gates = state, []
    for W, V, b, d in zip(*(w[k].chunk(4) for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))):
        gates.append(x @ W.T + h @ V.T + b + d)
    i, f, o = (torch.sigmoid(gates[k]) for k in (0, 1, 3))
    c = f * c + i * torch.tanh(gates[2])
    return o * torch.tanh(c), c


def gru_step(x, h, w):
    W, V = w["weight_ih"].chunk(3), w["weight_hh"].chunk(3)
    b, d = w["bias_ih"].chunk(3), w["bias_hh"].chunk(3)
    r = torch.sigmoid(x @ W[0].T + b[0] + h @ V[0].T + d[0])
    z = torch.sigmoid(x @ W[1].T + b[1] + h @ V[1].T + d[1])
    n = torch.tanh(x @ W[2].T + b[2] + r * (h @ V[2].T + d[2]))
    return torch.lerp(n, h, z)

# cell ex-10-2-b
def count_params(kind, inputs, hidden, layers=1, bidirectional=False):
    k, d = ["RNN", "", "GRU", "LSTM"].index(kind) + 1, 2 if bidirectional else 1
    per = lambda i: k * (hidden * i + hidden * hidden + 2 * hidden)
    return d * (per(inputs) + (layers - 1) * per(d * hidden))


@torch.no_grad()
def set_forget_bias(lstm, value):
    H = lstm.hidden_size
    for name, p in lstm.named_parameters():
        if name.startswith("bias_ih"):
            other = getattr(lstm, name.replace("ih", "hh"))
            p[H : 2 * H] = value
            other[H : 2 * H].zero_()


def gradient_reach(layer, x):
    leaf = x.detach().clone().requires_grad_(True)
    out, _ = layer(leaf[None])
    out[:, -1, :].sum().backward()
    layer.zero_grad()
    return torch.sqrt((leaf.grad**2).sum(1))

# %% 10.3 wrong "one direction" expect "There is one direction only"
def moving_average(x, k):
    return F.avg_pool1d(x.transpose(1, 2), k, 1, k // 2, count_include_pad=False).transpose(1, 2)


def make_pairs(clean, noise_std, generator):
    return clean + noise_std * torch.randn(clean.shape, generator=generator), clean


class BiDenoiser(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.rnn = nn.LSTM(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0])

# %% 10.3 wrong "one number a sequence" expect "the head must read every step"
def moving_average(x, k):
    return F.avg_pool1d(x.transpose(1, 2), k, 1, k // 2, count_include_pad=False).transpose(1, 2)


def make_pairs(clean, noise_std, generator):
    return clean + noise_std * torch.randn(clean.shape, generator=generator), clean


class BiDenoiser(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.rnn = nn.LSTM(1, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])

# %% 10.3 wrong "the last state repeated" expect "The last state is repeated"
def moving_average(x, k):
    return F.avg_pool1d(x.transpose(1, 2), k, 1, k // 2, count_include_pad=False).transpose(1, 2)


def make_pairs(clean, noise_std, generator):
    return clean + noise_std * torch.randn(clean.shape, generator=generator), clean


class BiDenoiser(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.rnn = nn.LSTM(1, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, 1)

    def forward(self, x):
        output, _ = self.rnn(x)
        return self.head(output[:, -1:].expand(-1, x.shape[1], -1))

# %% 10.3 wrong "the target is noisy" expect "a network would learn to copy"
def moving_average(x, k):
    return F.avg_pool1d(x.transpose(1, 2), k, 1, k // 2, count_include_pad=False).transpose(1, 2)


def make_pairs(clean, noise_std, generator):
    noisy = clean + noise_std * torch.randn(clean.shape, generator=generator)
    return noisy, noisy


class BiDenoiser(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.rnn = nn.LSTM(1, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0])

# %% 10.3 wrong "inputs and targets exchanged" expect "Inputs and targets are exchanged"
def moving_average(x, k):
    return F.avg_pool1d(x.transpose(1, 2), k, 1, k // 2, count_include_pad=False).transpose(1, 2)


def make_pairs(clean, noise_std, generator):
    return clean, clean + noise_std * torch.randn(clean.shape, generator=generator)


class BiDenoiser(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.rnn = nn.LSTM(1, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0])

# %% 10.3 wrong "noise is added in place" expect "work on a copy"
def moving_average(x, k):
    return F.avg_pool1d(x.transpose(1, 2), k, 1, k // 2, count_include_pad=False).transpose(1, 2)


def make_pairs(clean, noise_std, generator):
    target = clean.clone()
    clean += noise_std * torch.randn(clean.shape, generator=generator)
    return clean, target


class BiDenoiser(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.rnn = nn.LSTM(1, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0])

# %% 10.3 wrong "zeros counted at the edges" expect "the missing steps are counted as zeros"
def moving_average(x, k):
    return F.avg_pool1d(x.transpose(1, 2), k, 1, k // 2).transpose(1, 2)


def make_pairs(clean, noise_std, generator):
    return clean + noise_std * torch.randn(clean.shape, generator=generator), clean


class BiDenoiser(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.rnn = nn.LSTM(1, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0])

# %% 10.3 wrong "no batch_first" expect "batch_first=True?"
def moving_average(x, k):
    return F.avg_pool1d(x.transpose(1, 2), k, 1, k // 2, count_include_pad=False).transpose(1, 2)


def make_pairs(clean, noise_std, generator):
    return clean + noise_std * torch.randn(clean.shape, generator=generator), clean


class BiDenoiser(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.rnn = nn.LSTM(1, hidden, bidirectional=True)
        self.head = nn.Linear(2 * hidden, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0])

# %% 10.3 right "a loop over the window, randn of another shape"
def moving_average(x, k):
    rows = [x[:, max(0, t - k // 2) : t + k // 2 + 1].mean(1) for t in range(x.shape[1])]
    return torch.stack(rows, 1)


def make_pairs(clean, noise_std, generator):
    noise = torch.randn(clean.shape, generator=generator, dtype=clean.dtype)
    return [torch.add(clean, noise, alpha=noise_std), clean.clone()]


class BiDenoiser(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.head = nn.Linear(hidden * 2, 1)
        self.rnn = nn.LSTM(1, hidden, bidirectional=True, batch_first=True)

    def forward(self, x):
        output, (h_n, c_n) = self.rnn(x)
        return torch.stack([self.head(output[:, t]) for t in range(output.shape[1])], dim=1)

# %% 10.3 right "sums of a cumulative sum"
def moving_average(x, k):
    T, r = x.shape[1], k // 2
    total = F.pad(x.cumsum(1), (0, 0, 1, 0))
    low = (torch.arange(T) - r).clamp(min=0)
    high = (torch.arange(T) + r + 1).clamp(max=T)
    return (total[:, high] - total[:, low]) / (high - low)[:, None]


def make_pairs(clean, noise_std, generator):
    noisy = clean.clone()
    noisy += torch.randn(clean.shape, generator=generator) * noise_std
    return noisy, clean


class BiDenoiser(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.rnn = nn.LSTM(1, hidden, 1, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, 1)

    def forward(self, x):
        states = self.rnn(x)[0]
        return F.linear(states, self.head.weight, self.head.bias)

# %% 10.4 wrong "reads the last column" expect "the last of n steps has index n - 1"
def pad_batch(seqs, value=0.0):
    return pad_sequence(seqs, batch_first=True, padding_value=value), torch.tensor([len(s) for s in seqs])


def last_valid(output, lengths):
    return output[:, -1]


def encode_packed(layer, x, lengths):
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    _, (h, _) = layer(packed)
    return torch.cat([h[-2], h[-1]], 1) if layer.bidirectional else h[-1]

# %% 10.4 wrong "index length instead of length - 1, clamped" expect "the last of n steps has index n - 1"
def pad_batch(seqs, value=0.0):
    return pad_sequence(seqs, batch_first=True, padding_value=value), torch.tensor([len(s) for s in seqs])


def last_valid(output, lengths):
    return output[torch.arange(len(output)), lengths.clamp(max=output.shape[1] - 1)]


def encode_packed(layer, x, lengths):
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    _, (h, _) = layer(packed)
    return torch.cat([h[-2], h[-1]], 1) if layer.bidirectional else h[-1]

# %% 10.4 wrong "index length instead of length - 1" expect "out of bounds"
def pad_batch(seqs, value=0.0):
    return pad_sequence(seqs, batch_first=True, padding_value=value), torch.tensor([len(s) for s in seqs])


def last_valid(output, lengths):
    return output[torch.arange(len(output)), lengths]


def encode_packed(layer, x, lengths):
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    _, (h, _) = layer(packed)
    return torch.cat([h[-2], h[-1]], 1) if layer.bidirectional else h[-1]

# %% 10.4 wrong "a mask is multiplied" expect "NaN · 0 is NaN"
def pad_batch(seqs, value=0.0):
    return pad_sequence(seqs, batch_first=True, padding_value=value), torch.tensor([len(s) for s in seqs])


def last_valid(output, lengths):
    mask = F.one_hot(lengths - 1, output.shape[1])[..., None]
    return (output * mask).sum(1)


def encode_packed(layer, x, lengths):
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    _, (h, _) = layer(packed)
    return torch.cat([h[-2], h[-1]], 1) if layer.bidirectional else h[-1]

# %% 10.4 wrong "sorted and not put back" expect "bring them back into the order given"
def pad_batch(seqs, value=0.0):
    return pad_sequence(seqs, batch_first=True, padding_value=value), torch.tensor([len(s) for s in seqs])


def last_valid(output, lengths):
    return output[torch.arange(len(output)), lengths - 1]


def encode_packed(layer, x, lengths):
    order = lengths.argsort(descending=True)
    packed = pack_padded_sequence(x[order], lengths[order], batch_first=True)
    _, (h, _) = layer(packed)
    return torch.cat([h[-2], h[-1]], 1) if layer.bidirectional else h[-1]

# %% 10.4 wrong "no packing" expect "The padding is read"
def pad_batch(seqs, value=0.0):
    return pad_sequence(seqs, batch_first=True, padding_value=value), torch.tensor([len(s) for s in seqs])


def last_valid(output, lengths):
    return output[torch.arange(len(output)), lengths - 1]


def encode_packed(layer, x, lengths):
    _, (h, _) = layer(x)
    return torch.cat([h[-2], h[-1]], 1) if layer.bidirectional else h[-1]

# %% 10.4 wrong "gathers, in two directions too" expect "codes of a two-way layer"
def pad_batch(seqs, value=0.0):
    return pad_sequence(seqs, batch_first=True, padding_value=value), torch.tensor([len(s) for s in seqs])


def last_valid(output, lengths):
    return output[torch.arange(len(output)), lengths - 1]


def encode_packed(layer, x, lengths):
    return last_valid(layer(x)[0], lengths)

# %% 10.4 wrong "the backward direction alone" expect "This is the backward direction alone"
def pad_batch(seqs, value=0.0):
    return pad_sequence(seqs, batch_first=True, padding_value=value), torch.tensor([len(s) for s in seqs])


def last_valid(output, lengths):
    return output[torch.arange(len(output)), lengths - 1]


def encode_packed(layer, x, lengths):
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return layer(packed)[1][0][-1]

# %% 10.4 wrong "lengths from the zeros in the data" expect "Zeros at the end of a sequence are data"
def pad_batch(seqs, value=0.0):
    padded = pad_sequence(seqs, batch_first=True, padding_value=value)
    lengths = torch.tensor([int((s != 0).any(dim=1).sum()) for s in seqs])
    return padded, lengths


def last_valid(output, lengths):
    return output[torch.arange(len(output)), lengths - 1]


def encode_packed(layer, x, lengths):
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    _, (h, _) = layer(packed)
    return torch.cat([h[-2], h[-1]], 1) if layer.bidirectional else h[-1]

# %% 10.4 wrong "the padding value is ignored" expect "whatever value is given"
def pad_batch(seqs, value=0.0):
    return pad_sequence(seqs, batch_first=True), torch.tensor([len(s) for s in seqs])


def last_valid(output, lengths):
    return output[torch.arange(len(output)), lengths - 1]


def encode_packed(layer, x, lengths):
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    _, (h, _) = layer(packed)
    return torch.cat([h[-2], h[-1]], 1) if layer.bidirectional else h[-1]

# %% 10.4 wrong "sorts, then sorts again" expect "sorted twice"
def pad_batch(seqs, value=0.0):
    longest = max(map(len, seqs))
    rows = [F.pad(s, (0, 0, 0, longest - len(s)), value=value) for s in seqs]
    return torch.stack(rows), torch.tensor([s.shape[0] for s in seqs], dtype=torch.int64)


def last_valid(output, lengths):
    where = (lengths - 1)[:, None, None].expand(-1, 1, output.shape[2])
    return output.gather(1, where).squeeze(1)


def encode_packed(layer, x, lengths):
    order = lengths.argsort(descending=True)
    packed = pack_padded_sequence(x[order], lengths[order], batch_first=True)
    h_n = layer(packed)[1][0][:, order]
    return torch.cat([h_n[-2], h_n[-1]], 1) if layer.bidirectional else h_n[-1]

# %% 10.4 wrong "the two directions of the first layer" expect "states of the first layer"
def pad_batch(seqs, value=0.0):
    longest = max(map(len, seqs))
    rows = [F.pad(s, (0, 0, 0, longest - len(s)), value=value) for s in seqs]
    return torch.stack(rows), torch.tensor([s.shape[0] for s in seqs], dtype=torch.int64)


def last_valid(output, lengths):
    where = (lengths - 1)[:, None, None].expand(-1, 1, output.shape[2])
    return output.gather(1, where).squeeze(1)


def encode_packed(layer, x, lengths):
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    h_n = layer(packed)[1][0]
    return torch.cat([h_n[0], h_n[1]], 1) if layer.bidirectional else h_n[-1]

# %% 10.4 right "gather, and every sequence alone"
def pad_batch(seqs, value=0.0):
    longest = max(map(len, seqs))
    rows = [F.pad(s, (0, 0, 0, longest - len(s)), value=value) for s in seqs]
    return torch.stack(rows), torch.tensor([s.shape[0] for s in seqs], dtype=torch.int64)


def last_valid(output, lengths):
    where = (lengths - 1)[:, None, None].expand(-1, 1, output.shape[2])
    return output.gather(1, where).squeeze(1)


def encode_packed(layer, x, lengths):
    rows = []
    for s, n in zip(x, lengths.tolist()):
        _, (h_n, _) = layer(s[None, :n])
        rows.append(torch.cat(list(h_n[-2:] if layer.bidirectional else h_n[-1:]), dim=-1)[0])
    return torch.stack(rows)

# %% 10.4 right "sorts by hand and undoes it"
def pad_batch(seqs, value=0.0):
    lengths = torch.tensor(list(map(len, seqs)))
    padded = torch.full((len(seqs), int(lengths.max()), seqs[0].shape[1]), value, dtype=seqs[0].dtype)
    for row, s in zip(padded, seqs):
        row[: len(s)] = s
    return padded, lengths


def last_valid(output, lengths):
    return torch.stack([output[n, lengths[n] - 1] for n in range(len(output))])


def encode_packed(layer, x, lengths):
    lengths, order = lengths.sort(descending=True)
    packed = pack_padded_sequence(x[order], lengths.tolist(), batch_first=True)
    h_n = layer(packed)[1][0].unflatten(0, (layer.num_layers, -1))[-1]
    return h_n.transpose(0, 1).flatten(1)[order.argsort()]

# %% 10.5 wrong "one value too many" expect "One value too many"
def make_windows(x, w, h):
    n = len(x) - w - h + 1
    if n < 1:
        raise ValueError("too short")
    return torch.stack([x[k : k + w] for k in range(n)]), torch.stack([x[k + w : k + w + h] for k in range(n)])


def prepare(x, w, h, cut):
    x = (x - x[:cut].mean(0)) / x[:cut].std(0)
    return *make_windows(x[:cut], w, h), *make_windows(x[cut:], w, h)

# cell ex-10-5-b
def autoregress(step, history, n):
    known, values = history, [step(history)]
    for _ in range(n):
        known = torch.cat([known, values[-1][:, None]], 1)
        values.append(step(known))
    return torch.stack(values, 1)


def mase(y, p, train, season=1):
    return ((y - p).abs().mean() / (train[season:] - train[:-season]).abs().mean()).item()

# %% 10.5 wrong "shifted: the history's last value in front" expect "the last known value stands in front"
def make_windows(x, w, h):
    n = len(x) - w - h + 1
    if n < 1:
        raise ValueError("too short")
    return torch.stack([x[k : k + w] for k in range(n)]), torch.stack([x[k + w : k + w + h] for k in range(n)])


def prepare(x, w, h, cut):
    x = (x - x[:cut].mean(0)) / x[:cut].std(0)
    return *make_windows(x[:cut], w, h), *make_windows(x[cut:], w, h)

# cell ex-10-5-b
def autoregress(step, history, n):
    known = history
    for _ in range(n):
        known = torch.cat([known, step(known)[:, None]], 1)
    return known[:, history.shape[1] - 1 : -1]


def mase(y, p, train, season=1):
    return ((y - p).abs().mean() / (train[season:] - train[:-season]).abs().mean()).item()

# %% 10.5 wrong "the predictions are not fed back" expect "The predictions are not fed back"
def make_windows(x, w, h):
    n = len(x) - w - h + 1
    if n < 1:
        raise ValueError("too short")
    return torch.stack([x[k : k + w] for k in range(n)]), torch.stack([x[k + w : k + w + h] for k in range(n)])


def prepare(x, w, h, cut):
    x = (x - x[:cut].mean(0)) / x[:cut].std(0)
    return *make_windows(x[:cut], w, h), *make_windows(x[cut:], w, h)

# cell ex-10-5-b
def autoregress(step, history, n):
    return torch.stack([step(history) for _ in range(n)], 1)


def mase(y, p, train, season=1):
    return ((y - p).abs().mean() / (train[season:] - train[:-season]).abs().mean()).item()

# %% 10.5 wrong "only the last value is given to step" expect "step sees all that is known so far"
def make_windows(x, w, h):
    n = len(x) - w - h + 1
    if n < 1:
        raise ValueError("too short")
    return torch.stack([x[k : k + w] for k in range(n)]), torch.stack([x[k + w : k + w + h] for k in range(n)])


def prepare(x, w, h, cut):
    x = (x - x[:cut].mean(0)) / x[:cut].std(0)
    return *make_windows(x[:cut], w, h), *make_windows(x[cut:], w, h)

# cell ex-10-5-b
def autoregress(step, history, n):
    window, values = history, []
    for _ in range(n):
        values.append(step(window))
        window = torch.cat([window[:, 1:], values[-1][:, None]], 1)
    return torch.stack(values, 1)


def mase(y, p, train, season=1):
    return ((y - p).abs().mean() / (train[season:] - train[:-season]).abs().mean()).item()

# %% 10.5 wrong "scaled with the whole series" expect "the test part leaks into the scale"
def make_windows(x, w, h):
    n = len(x) - w - h + 1
    if n < 1:
        raise ValueError("too short")
    return torch.stack([x[k : k + w] for k in range(n)]), torch.stack([x[k + w : k + w + h] for k in range(n)])


def prepare(x, w, h, cut):
    x = (x - x.mean(0)) / x.std(0)
    return *make_windows(x[:cut], w, h), *make_windows(x[cut:], w, h)

# cell ex-10-5-b
def autoregress(step, history, n):
    known = history
    for _ in range(n):
        known = torch.cat([known, step(known)[:, None]], 1)
    return known[:, history.shape[1] :]


def mase(y, p, train, season=1):
    return ((y - p).abs().mean() / (train[season:] - train[:-season]).abs().mean()).item()

# %% 10.5 wrong "windows first, then the cut" expect "no window may reach across the cut"
def make_windows(x, w, h):
    n = len(x) - w - h + 1
    if n < 1:
        raise ValueError("too short")
    return torch.stack([x[k : k + w] for k in range(n)]), torch.stack([x[k + w : k + w + h] for k in range(n)])


def prepare(x, w, h, cut):
    x = (x - x[:cut].mean(0)) / x[:cut].std(0)
    a, b = make_windows(x, w, h)
    return a[:cut], b[:cut], a[cut:], b[cut:]

# cell ex-10-5-b
def autoregress(step, history, n):
    known = history
    for _ in range(n):
        known = torch.cat([known, step(known)[:, None]], 1)
    return known[:, history.shape[1] :]


def mase(y, p, train, season=1):
    return ((y - p).abs().mean() / (train[season:] - train[:-season]).abs().mean()).item()

# %% 10.5 wrong "the last window is missing" expect "The last window is missing"
def make_windows(x, w, h):
    n = len(x) - w - h
    if n < 1:
        raise ValueError("too short")
    return torch.stack([x[k : k + w] for k in range(n)]), torch.stack([x[k + w : k + w + h] for k in range(n)])


def prepare(x, w, h, cut):
    x = (x - x[:cut].mean(0)) / x[:cut].std(0)
    return *make_windows(x[:cut], w, h), *make_windows(x[cut:], w, h)

# cell ex-10-5-b
def autoregress(step, history, n):
    known = history
    for _ in range(n):
        known = torch.cat([known, step(known)[:, None]], 1)
    return known[:, history.shape[1] :]


def mase(y, p, train, season=1):
    return ((y - p).abs().mean() / (train[season:] - train[:-season]).abs().mean()).item()

# %% 10.5 wrong "no error for a short series" expect "a series too short by one step"
def make_windows(x, w, h):
    u = x.unfold(0, w, 1).transpose(1, 2)
    v = x[w:].unfold(0, min(h, len(x) - w), 1).transpose(1, 2)
    return u[: len(v)], v


def prepare(x, w, h, cut):
    x = (x - x[:cut].mean(0)) / x[:cut].std(0)
    return *make_windows(x[:cut], w, h), *make_windows(x[cut:], w, h)

# cell ex-10-5-b
def autoregress(step, history, n):
    known = history
    for _ in range(n):
        known = torch.cat([known, step(known)[:, None]], 1)
    return known[:, history.shape[1] :]


def mase(y, p, train, season=1):
    return ((y - p).abs().mean() / (train[season:] - train[:-season]).abs().mean()).item()

# %% 10.5 wrong "a percentage error with an epsilon" expect "the MASE"
def make_windows(x, w, h):
    n = len(x) - w - h + 1
    if n < 1:
        raise ValueError("too short")
    return torch.stack([x[k : k + w] for k in range(n)]), torch.stack([x[k + w : k + w + h] for k in range(n)])


def prepare(x, w, h, cut):
    x = (x - x[:cut].mean(0)) / x[:cut].std(0)
    return *make_windows(x[:cut], w, h), *make_windows(x[cut:], w, h)

# cell ex-10-5-b
def autoregress(step, history, n):
    known = history
    for _ in range(n):
        known = torch.cat([known, step(known)[:, None]], 1)
    return known[:, history.shape[1] :]


def mase(y, p, train, season=1):
    return ((y - p) / (y + 1e-8)).abs().mean().item()

# %% 10.5 wrong "the season is ignored" expect "The season is ignored"
def make_windows(x, w, h):
    n = len(x) - w - h + 1
    if n < 1:
        raise ValueError("too short")
    return torch.stack([x[k : k + w] for k in range(n)]), torch.stack([x[k + w : k + w + h] for k in range(n)])


def prepare(x, w, h, cut):
    x = (x - x[:cut].mean(0)) / x[:cut].std(0)
    return *make_windows(x[:cut], w, h), *make_windows(x[cut:], w, h)

# cell ex-10-5-b
def autoregress(step, history, n):
    known = history
    for _ in range(n):
        known = torch.cat([known, step(known)[:, None]], 1)
    return known[:, history.shape[1] :]


def mase(y, p, train, season=1):
    return ((y - p).abs().mean() / train.diff(dim=0).abs().mean()).item()

# %% 10.5 right "unfold, a list of values"
def make_windows(x, w, h):
    if len(x) < w + h:
        raise ValueError(f"{len(x)} steps are fewer than {w + h}")
    both = x.unfold(0, w + h, 1).movedim(-1, 1)
    return both[:, :w], both[:, w:]


def prepare(x, w, h, cut):
    past, rest = x[:cut], x[cut:]
    std, mean = torch.std_mean(past, dim=0)
    return make_windows((past - mean) / std, w, h) + make_windows((rest - mean) / std, w, h)

# cell ex-10-5-b
def autoregress(step, history, n):
    values = []
    while len(values) < n:
        parts = [history, torch.stack(values, dim=1)] if values else [history]
        values.append(step(torch.cat(parts, dim=1)))
    return torch.stack(values, dim=1)


def mase(y, p, train, season=1):
    return F.l1_loss(p, y).item() / F.l1_loss(train[:-season], train[season:]).item()

# %% 10.5 right "index arithmetic, memory reserved"
def make_windows(x, w, h):
    starts = torch.arange(len(x) - w - h + 1) if len(x) >= w + h else None
    if starts is None:
        raise ValueError("series too short")
    return x[starts[:, None] + torch.arange(w)], x[starts[:, None] + w + torch.arange(h)]


def prepare(x, w, h, cut):
    mean, std = x[:cut].mean(dim=0, keepdim=True), x[:cut].std(dim=0, keepdim=True)
    parts = [make_windows((part - mean) / std, w, h) for part in (x[:cut], x[cut:])]
    return [t for pair in parts for t in pair]

# cell ex-10-5-b
def autoregress(step, history, n):
    N, T, C = history.shape
    known = history.new_empty(N, T + n, C)
    known[:, :T] = history
    for t in range(T, T + n):
        known[:, t] = step(known[:, :t].clone())
    return known[:, T:]


def mase(y, p, train, season=1):
    lag = [abs(float(a - b)) for a, b in zip(train[season:].flatten(), train[:-season].flatten())]
    return (y - p).abs().mean() / (sum(lag) / len(lag))

# %% 10.6 wrong "each tensor alone" expect "Each tensor is clipped alone"
def clip_global_norm_(params, max_norm):
    total = 0.0
    for p in params:
        if p.grad is None:
            continue
        norm = p.grad.norm().item()
        total += norm**2
        if norm > max_norm:
            p.grad.mul_(max_norm / norm)
    return total**0.5


def clipped_step(loss, optimiser, params, max_norm):
    optimiser.zero_grad()
    loss.backward()
    norm = clip_global_norm_(params, max_norm)
    optimiser.step()
    return norm


def clip_fraction(norms, c):
    return sum(not n <= c for n in norms) / len(norms)

# %% 10.6 wrong "clamps values" expect "clipped to norm 1"
def clip_global_norm_(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = torch.cat([g.flatten() for g in grads]).norm().item()
    for g in grads:
        g.clamp_(-max_norm / 2, max_norm / 2)
    return norm


def clipped_step(loss, optimiser, params, max_norm):
    optimiser.zero_grad()
    loss.backward()
    norm = clip_global_norm_(params, max_norm)
    optimiser.step()
    return norm


def clip_fraction(norms, c):
    return sum(not n <= c for n in norms) / len(norms)

# %% 10.6 wrong "scales small gradients up" expect "Scale only if norm > max_norm"
def clip_global_norm_(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = sum(g.square().sum() for g in grads).sqrt().item()
    for g in grads:
        g.mul_(max_norm / max(norm, 1e-12))
    return norm


def clipped_step(loss, optimiser, params, max_norm):
    optimiser.zero_grad()
    loss.backward()
    norm = clip_global_norm_(params, max_norm)
    optimiser.step()
    return norm


def clip_fraction(norms, c):
    return sum(not n <= c for n in norms) / len(norms)

# %% 10.6 wrong "the norm after" expect "the norm before is the news"
def clip_global_norm_(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = sum(g.square().sum() for g in grads).sqrt().item()
    if norm > max_norm:
        for g in grads:
            g.mul_(max_norm / norm)
    return min(norm, max_norm)


def clipped_step(loss, optimiser, params, max_norm):
    optimiser.zero_grad()
    loss.backward()
    norm = clip_global_norm_(params, max_norm)
    optimiser.step()
    return norm


def clip_fraction(norms, c):
    return sum(not n <= c for n in norms) / len(norms)

# %% 10.6 wrong "walks the generator twice" expect "a generator can be walked once only"
def clip_global_norm_(params, max_norm):
    norm = sum(p.grad.square().sum().item() for p in params if p.grad is not None) ** 0.5
    if norm > max_norm:
        for p in params:
            if p.grad is not None:
                p.grad.mul_(max_norm / norm)
    return norm


def clipped_step(loss, optimiser, params, max_norm):
    optimiser.zero_grad()
    loss.backward()
    norm = clip_global_norm_(list(params), max_norm)
    optimiser.step()
    return norm


def clip_fraction(norms, c):
    return sum(not n <= c for n in norms) / len(norms)

# %% 10.6 wrong "clips after the step" expect "clip after backward and before step"
def clip_global_norm_(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = sum(g.square().sum() for g in grads).sqrt().item()
    if norm > max_norm:
        for g in grads:
            g.mul_(max_norm / norm)
    return norm


def clipped_step(loss, optimiser, params, max_norm):
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return clip_global_norm_(params, max_norm)


def clip_fraction(norms, c):
    return sum(not n <= c for n in norms) / len(norms)

# %% 10.6 wrong "forgets zero_grad" expect "zero_grad before backward"
def clip_global_norm_(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = sum(g.square().sum() for g in grads).sqrt().item()
    if norm > max_norm:
        for g in grads:
            g.mul_(max_norm / norm)
    return norm


def clipped_step(loss, optimiser, params, max_norm):
    loss.backward()
    norm = clip_global_norm_(params, max_norm)
    optimiser.step()
    return norm


def clip_fraction(norms, c):
    return sum(not n <= c for n in norms) / len(norms)

# %% 10.6 wrong "NaN is not counted" expect "NaN > c is False"
def clip_global_norm_(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = sum(g.square().sum() for g in grads).sqrt().item()
    if norm > max_norm:
        for g in grads:
            g.mul_(max_norm / norm)
    return norm


def clipped_step(loss, optimiser, params, max_norm):
    optimiser.zero_grad()
    loss.backward()
    norm = clip_global_norm_(params, max_norm)
    optimiser.step()
    return norm


def clip_fraction(norms, c):
    return sum(n > c for n in norms) / len(norms)

# %% 10.6 wrong "always scales, a bare quotient" expect "Do not divide by a norm of 0"
def clip_global_norm_(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = sum(g.square().sum() for g in grads).sqrt().item()
    for g in grads:
        g.mul_(min(1.0, max_norm / norm))
    return norm


def clipped_step(loss, optimiser, params, max_norm):
    optimiser.zero_grad()
    loss.backward()
    norm = clip_global_norm_(params, max_norm)
    optimiser.step()
    return norm


def clip_fraction(norms, c):
    return sum(not n <= c for n in norms) / len(norms)

# %% 10.6 wrong "always scales" expect "They were scaled up to max_norm"
def clip_global_norm_(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = sum(g.square().sum() for g in grads).sqrt().item()
    for g in grads:
        g.mul_(max_norm / (norm + 1e-6))
    return norm


def clipped_step(loss, optimiser, params, max_norm):
    optimiser.zero_grad()
    loss.backward()
    norm = clip_global_norm_(params, max_norm)
    optimiser.step()
    return norm


def clip_fraction(norms, c):
    return sum(not n <= c for n in norms) / len(norms)

# %% 10.6 wrong "no root" expect "This divides by the squared norm"
def clip_global_norm_(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = sum(g.square().sum() for g in grads).item()
    if norm > max_norm:
        for g in grads:
            g.mul_(max_norm / norm)
    return norm


def clipped_step(loss, optimiser, params, max_norm):
    optimiser.zero_grad()
    loss.backward()
    norm = clip_global_norm_(params, max_norm)
    optimiser.step()
    return norm


def clip_fraction(norms, c):
    return sum(not n <= c for n in norms) / len(norms)

# %% 10.6 wrong "clears after the step" expect "from before the first step"
def clip_global_norm_(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = sum(g.square().sum() for g in grads).sqrt().item()
    if norm > max_norm:
        for g in grads:
            g.mul_(max_norm / norm)
    return norm


def clipped_step(loss, optimiser, params, max_norm):
    loss.backward()
    norm = clip_global_norm_(params, max_norm)
    optimiser.step()
    optimiser.zero_grad()
    return norm


def clip_fraction(norms, c):
    return sum(not n <= c for n in norms) / len(norms)

# %% 10.6 wrong "divides by the finite ones" expect "in the number of norms too"
def clip_global_norm_(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = sum(g.square().sum() for g in grads).sqrt().item()
    if norm > max_norm:
        for g in grads:
            g.mul_(max_norm / norm)
    return norm


def clipped_step(loss, optimiser, params, max_norm):
    optimiser.zero_grad()
    loss.backward()
    norm = clip_global_norm_(params, max_norm)
    optimiser.step()
    return norm


def clip_fraction(norms, c):
    return sum(not n <= c for n in norms) / len([n for n in norms if math.isfinite(n)])

# %% 10.6 wrong "only finite norms" expect "inf and NaN are left out"
def clip_global_norm_(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = sum(g.square().sum() for g in grads).sqrt().item()
    if norm > max_norm:
        for g in grads:
            g.mul_(max_norm / norm)
    return norm


def clipped_step(loss, optimiser, params, max_norm):
    optimiser.zero_grad()
    loss.backward()
    norm = clip_global_norm_(params, max_norm)
    optimiser.step()
    return norm


def clip_fraction(norms, c):
    norms = [n for n in norms if math.isfinite(n)]
    return sum(n > c for n in norms) / len(norms)

# %% 10.6 right "a coefficient as PyTorch has it, tensors"
def clip_global_norm_(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in grads]))
    scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    for g in grads:
        g *= scale
    return norm.item()


def clipped_step(loss, optimiser, params, max_norm):
    optimiser.zero_grad(set_to_none=False)
    loss.backward()
    before = clip_global_norm_(list(params), max_norm)
    optimiser.step()
    return before


def clip_fraction(norms, c):
    t = torch.tensor(norms).nan_to_num(nan=math.inf)
    return (t > c).float().mean().item()

# %% 10.6 right "new gradient tensors, one long vector"
def clip_global_norm_(params, max_norm):
    params = list(params)
    with_grad = [p for p in params if p.grad is not None]
    norm = float(torch.cat([p.grad.detach().reshape(-1) for p in with_grad]).norm())
    for p in with_grad:
        if norm > max_norm:
            p.grad = p.grad / norm * max_norm
    return norm


def clipped_step(loss, optimiser, params, max_norm):
    params = list(params)
    for p in params:
        p.grad = None
    loss.backward()
    norm = clip_global_norm_(params, max_norm)
    optimiser.step()
    return norm


def clip_fraction(norms, c):
    above = [n for n in norms if math.isnan(n) or n > c]
    return len(above) / len(norms)
