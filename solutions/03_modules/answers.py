# Named answers of chapter 3: each wrong one is a mistake that somebody makes, with a fragment of the
# message that must meet it; each right one takes another way than the solution.

# %% predict-3-1 wrong "a: the order of __init__" expect "The order of __init__ does not decide"
predict_3_1 = "a"

# %% predict-3-1 wrong "c: the alphabet" expect "Names are not sorted"
predict_3_1 = "c"

# %% predict-3-2 wrong "65: all four layers" expect "nn.Module does not look into it"
predict_3_2 = 65

# %% predict-3-2 wrong "0: nothing" expect "but the head is"
predict_3_2 = 0

# %% predict-3-2 wrong "25: one of the list" expect "not even its last or first layer"
predict_3_2 = 25

# %% predict-3-2 wrong "60: the list without the head" expect "Is the head not registered"
predict_3_2 = 60

# %% predict-3-2 wrong "20: one layer" expect "Which of the four layers"
predict_3_2 = 20

# %% predict-3-2 right "a sum"
predict_3_2 = 4 * 1 + 1

# %% predict-3-3 wrong "a: made for this" expect "by a factor of 2.45 in every layer"
predict_3_3 = "a"

# %% predict-3-3 wrong "b: a tenth" expect "twenty of them are multiplied"
predict_3_3 = "b"

# %% predict-3-4 wrong "a: the state dict is a copy" expect "state_dict makes none"
predict_3_4 = "a"

# %% predict-3-4 wrong "c: loading compares values" expect "names and shapes, not values"
predict_3_4 = "c"

# %% predict-3-5 wrong "a: frozen is frozen" expect "backward has already run"
predict_3_5 = "a"

# %% predict-3-5 wrong "c: no gradient is an error" expect "skips parameters without one"
predict_3_5 = "c"

# %% 3.1 wrong "ReLU after the output too" expect "no activation after second"
class TwoLayerNet(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x):
        return F.relu(self.second(F.relu(self.first(x))))

# %% 3.1 wrong "no ReLU at all" expect "No ReLU between the layers"
class TwoLayerNet(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.second(self.first(x))

# %% 3.1 wrong "layers in a plain list" expect "in a plain list are not registered"
class TwoLayerNet(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.layers = [nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)]

    def forward(self, x):
        return self.layers[1](F.relu(self.layers[0](x)))

# %% 3.1 wrong "layers made in forward" expect "Parts made in forward"
class TwoLayerNet(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.sizes = inputs, hidden, outputs

    def forward(self, x):
        inputs, hidden, outputs = self.sizes
        first = nn.Linear(inputs, hidden)
        second = nn.Linear(hidden, outputs)
        return second(F.relu(first(x)))

# %% 3.1 wrong "forgets super().__init__()" expect "before Module.__init__() call"
class TwoLayerNet(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.second(F.relu(self.first(x)))

# %% 3.1 wrong "sizes the wrong way round" expect "the number of inputs first"
class TwoLayerNet(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(hidden, inputs)
        self.second = nn.Linear(outputs, hidden)

    def forward(self, x):
        return self.second(F.relu(self.first(x)))

# %% 3.1 wrong "other names" expect "not the right keys"
class TwoLayerNet(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.fc1 = nn.Linear(inputs, hidden)
        self.fc2 = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))

# %% 3.1 wrong "ReLU before first" expect "stands before first"
class TwoLayerNet(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.second(self.first(F.relu(x)))

# %% 3.1 wrong "flattens leading dimensions" expect "Leading dimensions must stay"
class TwoLayerNet(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x):
        x = x.reshape(-1, x.shape[-1])
        return self.second(F.relu(self.first(x)))

# %% 3.1 wrong "cuts the graph with detach" expect "cut the way back"
class TwoLayerNet(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.second(F.relu(self.first(x)).detach())

# %% 3.1 wrong "uses .data of the weights" expect "cut the way back"
class TwoLayerNet(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x):
        h = F.relu(x @ self.first.weight.data.T + self.first.bias.data)
        return h @ self.second.weight.data.T + self.second.bias.data

# %% 3.1 right "a ReLU module, and matrix products"
class TwoLayerNet(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.second = nn.Linear(hidden, outputs)
        self.first = nn.Linear(inputs, hidden)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x):
        h = self.activation(x @ self.first.weight.mT + self.first.bias)
        return torch.einsum("...h,oh->...o", h, self.second.weight) + self.second.bias

# %% 3.1 right "a Sequential with names"
class TwoLayerNet(nn.Sequential):
    def __init__(self, inputs, hidden, outputs):
        super().__init__(
            OrderedDict(
                first=nn.Linear(inputs, hidden), act=nn.ReLU(), second=nn.Linear(hidden, outputs)
            )
        )

    def forward(self, x):
        return super().forward(x)

# %% 3.2 wrong "buffers included" expect "Buffers are included"
def count(model, trainable_only=False):
    if trainable_only:
        return sum(p.numel() for p in model.parameters() if p.requires_grad)
    return sum(t.numel() for t in model.state_dict().values())


def per_layer(model):
    sizes, seen = {}, set()
    for name, module in model.named_modules():
        own = [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen.update(map(id, own))
        if own:
            sizes[name] = sum(p.numel() for p in own)
    return sizes

# %% 3.2 wrong "biases forgotten" expect "The biases are missing"
def count(model, trainable_only=False):
    weights = [p for name, p in model.named_parameters() if "weight" in name]
    return sum(p.numel() for p in weights if p.requires_grad or not trainable_only)


def per_layer(model):
    return {n: m.weight.numel() for n, m in model.named_modules() if isinstance(m, nn.Linear)}

# %% 3.2 wrong "shared weights counted twice" expect "count each tensor once"
def count(model, trainable_only=False):
    total = 0
    for module in model.modules():
        for p in module.parameters(recurse=False):
            if p.requires_grad or not trainable_only:
                total += p.numel()
    return total


def per_layer(model):
    sizes = {}
    for name, module in model.named_modules():
        own = list(module.parameters(recurse=False))
        if own:
            sizes[name] = sum(p.numel() for p in own)
    return sizes

# %% 3.2 wrong "shared weights counted twice in per_layer only" expect "counts at the first module that owns it"
def count(model, trainable_only=False):
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable_only)


def per_layer(model):
    sizes = {}
    for name, module in model.named_modules():
        own = list(module.parameters(recurse=False))
        if own:
            sizes[name] = sum(p.numel() for p in own)
    return sizes

# %% 3.2 wrong "an entry of 0 for a shared weight" expect "only what was counted before is left out"
def count(model, trainable_only=False):
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable_only)


def per_layer(model):
    sizes, seen = {}, set()
    for name, module in model.named_modules():
        own = dict(module.named_parameters(recurse=False))
        if own:
            sizes[name] = sum(p.numel() for p in own.values() if id(p) not in seen)
            seen.update(id(p) for p in own.values())
    return sizes

# %% 3.2 wrong "containers counted with their parts" expect "use recurse=False"
def count(model, trainable_only=False):
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable_only)


def per_layer(model):
    sizes = {n: sum(p.numel() for p in m.parameters()) for n, m in model.named_modules()}
    return {name: size for name, size in sizes.items() if size}

# %% 3.2 wrong "modules without parameters stay in" expect "leave such modules out"
def count(model, trainable_only=False):
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable_only)


def per_layer(model):
    return {
        name: sum(p.numel() for p in module.parameters())
        for name, module in model.named_modules()
        if name
    }

# %% 3.2 wrong "only leaves of the tree" expect "Modules that have submodules may own parameters"
def count(model, trainable_only=False):
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable_only)


def per_layer(model):
    sizes, seen = {}, set()
    for name, module in model.named_modules():
        if list(module.children()):
            continue
        own = [p for p in module.parameters() if id(p) not in seen]
        seen.update(map(id, own))
        if own:
            sizes[name] = sum(p.numel() for p in own)
    return sizes

# %% 3.2 wrong "forgets the model itself" expect "its name is the empty text"
def count(model, trainable_only=False):
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable_only)


def per_layer(model):
    sizes = {}
    for name, p in model.named_parameters():
        layer = name.rpartition(".")[0]
        if layer:
            sizes[layer] = sizes.get(layer, 0) + p.numel()
    return sizes

# %% 3.2 wrong "trainable_only forgotten" expect "trainable_only makes no difference"
def count(model, trainable_only=False):
    return sum(p.numel() for p in model.parameters())


def per_layer(model):
    sizes = {}
    for name, p in model.named_parameters():
        layer = name.rpartition(".")[0]
        sizes[layer] = sizes.get(layer, 0) + p.numel()
    return sizes

# %% 3.2 wrong "always trainable only" expect "frozen ones too"
def count(model, trainable_only=False):
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def per_layer(model):
    sizes = {}
    for name, p in model.named_parameters():
        layer = name.rpartition(".")[0]
        sizes[layer] = sizes.get(layer, 0) + p.numel()
    return sizes

# %% 3.2 wrong "compares the flag with requires_grad" expect "not only the frozen ones"
def count(model, trainable_only=False):
    return sum(p.numel() for p in model.parameters() if p.requires_grad == trainable_only)


def per_layer(model):
    sizes = {}
    for name, p in model.named_parameters():
        layer = name.rpartition(".")[0]
        sizes[layer] = sizes.get(layer, 0) + p.numel()
    return sizes

# %% 3.2 wrong "counts tensors" expect "use numel()"
def count(model, trainable_only=False):
    return len([p for p in model.parameters() if p.requires_grad or not trainable_only])


def per_layer(model):
    sizes = {}
    for name, p in model.named_parameters():
        layer = name.rpartition(".")[0]
        sizes[layer] = sizes.get(layer, 0) + p.numel()
    return sizes

# %% 3.2 right "cuts the names of parameters"
def count(model, trainable_only=False):
    sizes = [p.numel() for p in model.parameters() if not trainable_only or p.requires_grad]
    return sum(sizes)


def per_layer(model):
    sizes = {}
    for name, p in model.named_parameters():
        layer = name.rpartition(".")[0]
        sizes[layer] = sizes.get(layer, 0) + p.numel()
    return sizes

# %% 3.2 right "recursion over children"
def count(model, trainable_only=False):
    kept = {id(p): p for p in model.parameters() if p.requires_grad or not trainable_only}
    return int(sum(torch.tensor(p.shape).prod() for p in kept.values()))


def per_layer(model):
    seen, sizes = set(), {}

    def visit(module, name):
        size = 0
        for p in module._parameters.values():
            if p is not None and id(p) not in seen:
                seen.add(id(p))
                size += p.nelement()
        if size:
            sizes[name] = size
        for child_name, child in module.named_children():
            visit(child, f"{name}.{child_name}" if name else child_name)

    visit(model, "")
    return sizes

# %% 3.3 wrong "hands over the parameter objects" expect "hand over the tensors"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = torch.relu(self.norm(self.first(x)))
        return (self.second(h), h) if look else self.second(h)


def copy_weights(source, target, names):
    given = source.state_dict()
    state = {}
    for mine, theirs in names.items():
        for entry in source.get_submodule(mine).state_dict():
            state[f"{theirs}.{entry}"] = given[f"{mine}.{entry}"]
    if set(target.state_dict()) - set(state):
        raise ValueError("missing")
    target.load_state_dict(state, assign=True)

# %% 3.3 wrong "shares memory through .data" expect "hand over the tensors"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = torch.relu(self.norm(self.first(x)))
        return (self.second(h), h) if look else self.second(h)


def copy_weights(source, target, names):
    have, wanted = source.state_dict(keep_vars=True), target.state_dict(keep_vars=True)
    pairs = {}
    for key in have:
        layer, _, entry = key.rpartition(".")
        if layer in names:
            pairs[f"{names[layer]}.{entry}"] = have[key]
    if wanted.keys() - pairs.keys():
        raise ValueError("missing")
    for key, tensor in wanted.items():
        tensor.data = pairs[key].data

# %% 3.3 wrong "clones, but replaces the parameters" expect "The optimiser moves other tensors"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = torch.relu(self.norm(self.first(x)))
        return (self.second(h), h) if look else self.second(h)


def copy_weights(source, target, names):
    state = {}
    for key, value in source.state_dict().items():
        layer, _, entry = key.rpartition(".")
        if layer in names:
            state[f"{names[layer]}.{entry}"] = value.clone()
    if target.state_dict().keys() - state.keys():
        raise ValueError("missing")
    target.load_state_dict(state, assign=True)

# %% 3.3 wrong "by position among the layers" expect "matched by position"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = torch.relu(self.norm(self.first(x)))
        return (self.second(h), h) if look else self.second(h)


def copy_weights(source, target, names):
    owned = [key for key in source.state_dict() if key.rpartition(".")[0] in names]
    wanted = list(target.state_dict())
    if len(owned) != len(wanted):
        raise ValueError("not as many")
    used, state = set(), {}
    for key in wanted:
        shape = target.state_dict()[key].shape
        for candidate in owned:
            same_entry = candidate.rpartition(".")[2] == key.rpartition(".")[2]
            if candidate not in used and same_entry and source.state_dict()[candidate].shape == shape:
                used.add(candidate)
                state[key] = source.state_dict()[candidate]
                break
    target.load_state_dict(state)

# %% 3.3 wrong "parameters only" expect "Buffers are missing"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = torch.relu(self.norm(self.first(x)))
        return (self.second(h), h) if look else self.second(h)


def copy_weights(source, target, names):
    covered = set()
    for layer in names.values():
        covered.update(f"{layer}.{entry}" for entry in target.get_submodule(layer).state_dict())
    if target.state_dict().keys() - covered:
        raise ValueError("missing")
    with torch.no_grad():
        for mine, theirs in names.items():
            pairs = zip(
                source.get_submodule(mine).parameters(), target.get_submodule(theirs).parameters()
            )
            for p, q in pairs:
                q.copy_(p)

# %% 3.3 wrong "writes into the dict that state_dict returns" expect "Nothing arrived"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = torch.relu(self.norm(self.first(x)))
        return (self.second(h), h) if look else self.second(h)


def copy_weights(source, target, names):
    state = {}
    for key, value in source.state_dict().items():
        layer, _, entry = key.rpartition(".")
        if layer in names:
            state[f"{names[layer]}.{entry}"] = value
    if target.state_dict().keys() - state.keys():
        raise ValueError("missing")
    target.state_dict().update(state)

# %% 3.3 wrong "replaces beginnings of names" expect "ValueError"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = torch.relu(self.norm(self.first(x)))
        return (self.second(h), h) if look else self.second(h)


def copy_weights(source, target, names):
    state = {}
    for key, value in source.state_dict().items():
        for mine, theirs in names.items():
            if key.startswith(mine):
                state[key.replace(mine, theirs, 1)] = value
                break
    missing = target.state_dict().keys() - state.keys()
    if missing:
        raise ValueError(f"no value for {missing}")
    target.load_state_dict(state, strict=False)

# %% 3.3 wrong "relies on load_state_dict to complain" expect "RuntimeError, and too late"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = torch.relu(self.norm(self.first(x)))
        return (self.second(h), h) if look else self.second(h)


def copy_weights(source, target, names):
    state = {}
    for key, value in source.state_dict().items():
        layer, _, entry = key.rpartition(".")
        if layer in names:
            state[f"{names[layer]}.{entry}"] = value
    target.load_state_dict(state)

# %% 3.3 wrong "turns the late error into a ValueError" expect "check first, then write"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = torch.relu(self.norm(self.first(x)))
        return (self.second(h), h) if look else self.second(h)


def copy_weights(source, target, names):
    state = {}
    for key, value in source.state_dict().items():
        layer, _, entry = key.rpartition(".")
        if layer in names:
            state[f"{names[layer]}.{entry}"] = value
    report = target.load_state_dict(state, strict=False)
    if report.missing_keys:
        raise ValueError(f"no value for {report.missing_keys}")

# %% 3.3 wrong "strict=False and silence" expect "nothing was raised"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = torch.relu(self.norm(self.first(x)))
        return (self.second(h), h) if look else self.second(h)


def copy_weights(source, target, names):
    state = {}
    for key, value in source.state_dict().items():
        layer, _, entry = key.rpartition(".")
        if layer in names:
            state[f"{names[layer]}.{entry}"] = value
    target.load_state_dict(state, strict=False)

# %% 3.3 wrong "ReLU before norm" expect "stands before norm"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = self.norm(torch.relu(self.first(x)))
        return (self.second(h), h) if look else self.second(h)


def copy_weights(source, target, names):
    for mine, theirs in names.items():
        target.get_submodule(theirs).load_state_dict(source.get_submodule(mine).state_dict())

# %% 3.3 wrong "shows what enters the ReLU" expect "not what entered second"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = self.norm(self.first(x))
        output = self.second(F.relu(h))
        return (output, h) if look else output


def copy_weights(source, target, names):
    for mine, theirs in names.items():
        target.get_submodule(theirs).load_state_dict(source.get_submodule(mine).state_dict())

# %% 3.3 wrong "splits at the first dot" expect "Is each name taken whole?"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = torch.relu(self.norm(self.first(x)))
        return (self.second(h), h) if look else self.second(h)


def copy_weights(source, target, names):
    state = {}
    for key, value in source.state_dict().items():
        layer, _, entry = key.partition(".")
        if layer in names:
            state[f"{names[layer]}.{entry}"] = value
    wanted = {key: value.shape for key, value in target.state_dict().items()}
    if {key: value.shape for key, value in state.items()} != wanted:
        raise ValueError("does not fit")
    target.load_state_dict(state)

# %% 3.3 wrong "a beginning of a name is enough" expect "was taken for a beginning"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = torch.relu(self.norm(self.first(x)))
        return (self.second(h), h) if look else self.second(h)


def copy_weights(source, target, names):
    state = {}
    for key, value in source.state_dict().items():
        for old, new in names.items():
            if key.startswith(old):
                state[new + key[len(old) :]] = value
    if target.state_dict().keys() - state.keys():
        raise ValueError("missing")
    target.load_state_dict(state, strict=False)

# %% 3.3 wrong "looks only for missing entries" expect "An entry too many must be refused"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = torch.relu(self.norm(self.first(x)))
        return (self.second(h), h) if look else self.second(h)


def copy_weights(source, target, names):
    state = {}
    for key, value in source.state_dict().items():
        layer, _, entry = key.rpartition(".")
        if layer in names:
            state[f"{names[layer]}.{entry}"] = value
    missing = target.state_dict().keys() - state.keys()
    if missing:
        raise ValueError(f"no value for {sorted(missing)}")
    target.load_state_dict({key: state[key] for key in target.state_dict()})

# %% 3.3 wrong "compares names, not shapes" expect "Compare the shapes too"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = torch.relu(self.norm(self.first(x)))
        return (self.second(h), h) if look else self.second(h)


def copy_weights(source, target, names):
    state = {}
    for key, value in source.state_dict().items():
        layer, _, entry = key.rpartition(".")
        if layer in names:
            state[f"{names[layer]}.{entry}"] = value
    if target.state_dict().keys() != state.keys():
        raise ValueError("not the same names")
    target.load_state_dict(state)

# %% 3.3 wrong "turns the error of shapes into a ValueError" expect "Layer 0 was written before the error"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = torch.relu(self.norm(self.first(x)))
        return (self.second(h), h) if look else self.second(h)


def copy_weights(source, target, names):
    state = {}
    for key, value in source.state_dict().items():
        layer, _, entry = key.rpartition(".")
        if layer in names:
            state[f"{names[layer]}.{entry}"] = value
    if target.state_dict().keys() != state.keys():
        raise ValueError("not the same names")
    try:
        target.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(str(error)) from error

# %% 3.3 wrong "other names for the layers" expect "The tests load weights by name"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.fc1, self.bn = nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden)
        self.fc2 = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = torch.relu(self.bn(self.fc1(x)))
        return (self.fc2(h), h) if look else self.fc2(h)


def copy_weights(source, target, names):
    state = {}
    for key, value in source.state_dict().items():
        layer, _, entry = key.rpartition(".")
        if layer in names:
            state[f"{names[layer]}.{entry}"] = value
    wanted = {key: value.shape for key, value in target.state_dict().items()}
    if {key: value.shape for key, value in state.items()} != wanted:
        raise ValueError("does not fit")
    target.load_state_dict(state)

# %% 3.3 right "a test load into a copy first"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x, look=False):
        h = torch.relu(self.norm(self.first(x)))
        return (self.second(h), h) if look else self.second(h)


from copy import deepcopy


def copy_weights(source, target, names):
    state = {}
    for key, value in source.state_dict().items():
        layer, _, entry = key.rpartition(".")
        if layer in names:
            state[f"{names[layer]}.{entry}"] = value
    try:
        deepcopy(target).load_state_dict(state)
    except RuntimeError as error:
        raise ValueError("does not fit") from error
    target.load_state_dict(state)

# %% 3.3 right "layer by layer, after a look at the names"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.second = nn.Linear(hidden, outputs)
        self.norm = nn.BatchNorm1d(hidden)
        self.first = nn.Linear(inputs, hidden)
        self.body = lambda x: self.norm(self.first(x)).clamp(min=0)

    def forward(self, x, look=False):
        h = self.body(x)
        if look:
            return [self.second(h), h]
        return self.second(h)


def copy_weights(source, target, names):
    have, layers = source.state_dict(), {theirs: mine for mine, theirs in names.items()}
    wanted = target.state_dict()
    for key, value in wanted.items():
        layer, _, entry = key.rpartition(".")
        given = have.get(f"{layers.get(layer)}.{entry}")
        if given is None or given.shape != value.shape:
            raise ValueError(f"no value for {key}")
    for mine, theirs in names.items():
        for entry in source.get_submodule(mine).state_dict():
            if f"{theirs}.{entry}" not in wanted:
                raise ValueError(f"no place for {mine}.{entry}")
    for mine, theirs in names.items():
        target.get_submodule(theirs).load_state_dict(source.get_submodule(mine).state_dict())

# %% 3.3 right "copy_ into what state_dict shows, under no_grad"
class Custom(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first, self.second = nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)
        self.norm = nn.BatchNorm1d(hidden)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x, look=False):
        h = self.act(self.norm(self.first(x)))
        return (self.second(h), h)[: 1 + look] if look else self.second(h)


@torch.no_grad()
def copy_weights(source, target, names):
    have, wanted = source.state_dict(), target.state_dict()
    plan = {}
    for mine, theirs in names.items():
        for key in have:
            if key.startswith(mine + ".") and "." not in key[len(mine) + 1 :]:
                plan[theirs + key[len(mine) :]] = have[key]
    if plan.keys() ^ wanted.keys():
        raise ValueError(plan.keys() ^ wanted.keys())
    if any(plan[key].size() != wanted[key].size() for key in wanted):
        raise ValueError("shapes")
    for key in wanted:
        wanted[key].copy_(plan[key])

# %% 3.4 wrong "fan_out" expect "This is fan_out"
def he_init_(model):
    for m in model.modules():
        if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            if m.bias is not None:
                nn.init.zeros_(m.bias)
    return model

# %% 3.4 wrong "Xavier" expect "ReLU cuts half of the signal"
def he_init_(model):
    for m in model.modules():
        if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            nn.init.xavier_normal_(m.weight)
            if m.bias is not None:
                nn.init.zeros_(m.bias)
    return model

# %% 3.4 wrong "starts norm layers too, by shape" expect "decide by isinstance"
def he_init_(model):
    for p in model.parameters():
        if p.ndim > 1:
            nn.init.kaiming_normal_(p, nonlinearity="relu")
        else:
            nn.init.zeros_(p)
    return model

# %% 3.4 wrong "all that has a bias" expect "biases of norm layers are set to 0"
def he_init_(model):
    for m in model.modules():
        if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
        if getattr(m, "bias", None) is not None:
            nn.init.zeros_(m.bias)
    return model

# %% 3.4 wrong "embeddings too" expect "decide by isinstance"
def he_init_(model):
    for m in model.modules():
        if hasattr(m, "weight") and m.weight.ndim > 1:
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
            if getattr(m, "bias", None) is not None:
                nn.init.zeros_(m.bias)
    return model

# %% 3.4 wrong "uniform" expect "uniform, not normal"
def he_init_(model):
    for m in model.modules():
        if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            nn.init.kaiming_uniform_(m.weight, nonlinearity="relu")
            if m.bias is not None:
                nn.init.zeros_(m.bias)
    return model

# %% 3.4 wrong "copied from the library: a = sqrt 5" expect "This is PyTorch's default"
def he_init_(model):
    for m in model.modules():
        if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            nn.init.kaiming_normal_(m.weight, a=5**0.5)
            if m.bias is not None:
                nn.init.zeros_(m.bias)
    return model

# %% 3.4 wrong "the variance as standard deviation" expect "the standard deviation is its root"
def he_init_(model):
    for m in model.modules():
        if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            nn.init.normal_(m.weight, std=2 / m.weight[0].numel())
            if m.bias is not None:
                nn.init.zeros_(m.bias)
    return model

# %% 3.4 wrong "biases forgotten" expect "the biases"
def he_init_(model):
    for m in model.modules():
        if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
    return model

# %% 3.4 wrong "channels alone" expect "not channels alone"
def he_init_(model):
    for m in model.modules():
        if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            nn.init.normal_(m.weight, std=(2 / m.weight.shape[1]) ** 0.5)
            if m.bias is not None:
                nn.init.zeros_(m.bias)
    return model

# %% 3.4 wrong "all channels, though grouped" expect "only the channels of its group"
def he_init_(model):
    for m in model.modules():
        if isinstance(m, nn.Linear):
            fan_in = m.in_features
        elif isinstance(m, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            fan_in = m.in_channels * m.weight[0, 0].numel()
        else:
            continue
        nn.init.normal_(m.weight, std=(2 / fan_in) ** 0.5)
        if m.bias is not None:
            nn.init.zeros_(m.bias)
    return model

# %% 3.4 wrong "only the top of the tree" expect "did not change: reach all levels"
def he_init_(model):
    for m in [model, *model.children()]:
        if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
            if m.bias is not None:
                nn.init.zeros_(m.bias)
    return model

# %% 3.4 wrong "stumbles over a layer without bias" expect "raised AttributeError"
def he_init_(model):
    for m in model.modules():
        if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
            m.bias.data.zero_()
    return model

# %% 3.4 wrong "the same seed in each layer" expect "draw anew for each"
def he_init_(model):
    for m in model.modules():
        if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            source = torch.Generator().manual_seed(0)
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu", generator=source)
            if m.bias is not None:
                nn.init.zeros_(m.bias)
    return model

# %% 3.4 wrong "makes new parameters" expect "write into them"
def he_init_(model):
    for m in model.modules():
        if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            m.weight = nn.Parameter(torch.randn(m.weight.shape) * (2 / m.weight[0].numel()) ** 0.5)
            if m.bias is not None:
                m.bias = nn.Parameter(torch.zeros(m.bias.shape))
    return model

# %% 3.4 wrong "returns nothing" expect "None came back"
def he_init_(model):
    for m in model.modules():
        if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
            if m.bias is not None:
                nn.init.zeros_(m.bias)

# %% 3.4 wrong "forgets Conv1d and Conv3d" expect "Conv1d keeps the start"
def he_init_(model):
    for m in model.modules():
        if isinstance(m, (nn.Linear, nn.Conv2d)):
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
            if m.bias is not None:
                nn.init.zeros_(m.bias)
    return model

# %% 3.4 wrong "the base class of all convolutions" expect "none of the four kinds"
def he_init_(model):
    for m in model.modules():
        if isinstance(m, (nn.Linear, nn.modules.conv._ConvNd)):
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
            if m.bias is not None:
                nn.init.zeros_(m.bias)
    return model

# %% 3.4 wrong "one side of the kernel" expect "here one side alone is counted"
def he_init_(model):
    for m in model.modules():
        if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            fan_in = m.weight.shape[1]
            if not isinstance(m, nn.Linear):
                fan_in *= m.kernel_size[0]
            nn.init.normal_(m.weight, std=(2 / fan_in) ** 0.5)
            if m.bias is not None:
                nn.init.zeros_(m.bias)
    return model

# %% 3.4 wrong "only layers with a bias" expect "Its weights are drawn like all others"
def he_init_(model):
    for m in model.modules():
        kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
        if isinstance(m, kinds) and m.bias is not None:
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
            nn.init.zeros_(m.bias)
    return model

# %% 3.4 right "normal_ with a std by hand"
def he_init_(model):
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    for m in model.modules():
        if isinstance(m, kinds):
            nn.init.normal_(m.weight, 0.0, (2 / m.weight[0].numel()) ** 0.5)
            if m.bias is not None:
                nn.init.constant_(m.bias, 0)
    return model

# %% 3.4 right "recursion, and randn copied in"
@torch.no_grad()
def he_init_(model):
    match model:
        case nn.Linear() | nn.Conv1d() | nn.Conv2d() | nn.Conv3d():
            fan_in = model.weight.numel() / model.weight.shape[0]
            model.weight.copy_(torch.randn_like(model.weight).mul((2 / fan_in) ** 0.5))
            if model.bias is not None:
                model.bias.zero_()
    for child in model.children():
        he_init_(child)
    return model

# %% 3.4 right "writes into .data"
def he_init_(model):
    def f(m):
        if type(m) in {nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d}:
            m.weight.data.normal_(std=(2 / m.weight.flatten(1).shape[1]) ** 0.5)
            if m.bias is not None:
                m.bias.data.fill_(0)

    model.apply(f)
    return model

# %% 3.5 wrong "the optimiser is not saved" expect "the keys in the file"
def save_checkpoint(path, model, optimiser, epoch):
    torch.save({"model": model.state_dict(), "epoch": epoch}, path)


def load_checkpoint(path, model, optimiser=None):
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(checkpoint["model"])
    return checkpoint["epoch"]


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}

# %% 3.5 wrong "the optimiser is saved and never loaded" expect "The optimiser starts from nothing"
def save_checkpoint(path, model, optimiser, epoch):
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch}
    torch.save(state, path)


def load_checkpoint(path, model, optimiser=None):
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(checkpoint["model"])
    return checkpoint["epoch"]


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}

# %% 3.5 wrong "the whole model in the file" expect "Save the two state dicts"
def save_checkpoint(path, model, optimiser, epoch):
    torch.save({"model": model, "optimiser": optimiser, "epoch": epoch}, path)


def load_checkpoint(path, model, optimiser=None):
    checkpoint = torch.load(path, weights_only=False)
    model.load_state_dict(checkpoint["model"].state_dict())
    if optimiser is not None:
        optimiser.load_state_dict(checkpoint["optimiser"].state_dict())
    return checkpoint["epoch"]


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}

# %% 3.5 wrong "weights_only=False, as the error suggested" expect "load with weights_only=True"
def save_checkpoint(path, model, optimiser, epoch):
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch}
    torch.save(state, path)


def load_checkpoint(path, model, optimiser=None):
    checkpoint = torch.load(path, weights_only=False)
    model.load_state_dict(checkpoint["model"])
    if optimiser is not None:
        optimiser.load_state_dict(checkpoint["optimiser"])
    return checkpoint["epoch"]


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}

# %% 3.5 wrong "the torch version in the file" expect "the keys in the file"
def save_checkpoint(path, model, optimiser, epoch):
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch}
    torch.save({**state, "version": str(torch.__version__)}, path)


def load_checkpoint(path, model, optimiser=None):
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(checkpoint["model"])
    if optimiser is not None:
        optimiser.load_state_dict(checkpoint["optimiser"])
    return checkpoint["epoch"]


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}

# %% 3.5 wrong "the snapshot is the state dict" expect "The snapshot changed with the model"
def save_checkpoint(path, model, optimiser, epoch):
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch}
    torch.save(state, path)


def load_checkpoint(path, model, optimiser=None):
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(checkpoint["model"])
    if optimiser is not None:
        optimiser.load_state_dict(checkpoint["optimiser"])
    return checkpoint["epoch"]


def snapshot(model):
    return dict(model.state_dict())

# %% 3.5 wrong "clones parameters, shares buffers" expect "buffers too"
def save_checkpoint(path, model, optimiser, epoch):
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch}
    torch.save(state, path)


def load_checkpoint(path, model, optimiser=None):
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(checkpoint["model"])
    if optimiser is not None:
        optimiser.load_state_dict(checkpoint["optimiser"])
    return checkpoint["epoch"]


def snapshot(model):
    state = dict(model.state_dict())
    state.update({name: p.detach().clone() for name, p in model.named_parameters()})
    return state

# %% 3.5 wrong "parameters only" expect "save the state dict, not only parameters"
def save_checkpoint(path, model, optimiser, epoch):
    weights = {name: p.detach() for name, p in model.named_parameters()}
    torch.save({"model": weights, "optimiser": optimiser.state_dict(), "epoch": epoch}, path)


def load_checkpoint(path, model, optimiser=None):
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(checkpoint["model"], strict=False)
    if optimiser is not None:
        optimiser.load_state_dict(checkpoint["optimiser"])
    return checkpoint["epoch"]


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}

# %% 3.5 wrong "goes to eval mode while saving" expect "the caller's business"
def save_checkpoint(path, model, optimiser, epoch):
    model.eval()
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch}
    torch.save(state, path)


def load_checkpoint(path, model, optimiser=None):
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(checkpoint["model"])
    if optimiser is not None:
        optimiser.load_state_dict(checkpoint["optimiser"])
    return checkpoint["epoch"]


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}

# %% 3.5 wrong "train mode after loading" expect "the caller's business"
def save_checkpoint(path, model, optimiser, epoch):
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch}
    torch.save(state, path)


def load_checkpoint(path, model, optimiser=None):
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(checkpoint["model"])
    if optimiser is not None:
        optimiser.load_state_dict(checkpoint["optimiser"])
    model.train()
    return checkpoint["epoch"]


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}

# %% 3.5 wrong "keeps the state in memory by reference" expect "Save the two state dicts"
_kept = {}


def save_checkpoint(path, model, optimiser, epoch):
    _kept[path] = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch}


def load_checkpoint(path, model, optimiser=None):
    model.load_state_dict(_kept[path]["model"])
    if optimiser is not None:
        optimiser.load_state_dict(_kept[path]["optimiser"])
    return _kept[path]["epoch"]


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}

# %% 3.5 wrong "hides the refusal" expect "let its error through"
def save_checkpoint(path, model, optimiser, epoch):
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch}
    torch.save(state, path)


def load_checkpoint(path, model, optimiser=None):
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:
        return 0
    model.load_state_dict(checkpoint["model"])
    if optimiser is not None:
        optimiser.load_state_dict(checkpoint["optimiser"])
    return checkpoint["epoch"]


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}

# %% 3.5 wrong "forgets to fill the model" expect "The model was not filled"
def save_checkpoint(path, model, optimiser, epoch):
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch}
    torch.save(state, path)


def load_checkpoint(path, model, optimiser=None):
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    model.state_dict().update(checkpoint["model"])
    if optimiser is not None:
        optimiser.load_state_dict(checkpoint["optimiser"])
    return checkpoint["epoch"]


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}

# %% 3.5 right "deepcopy, and open files"
from copy import deepcopy


def save_checkpoint(path, model, optimiser, epoch):
    checkpoint = dict(epoch=int(epoch))
    for name, thing in (("model", model), ("optimiser", optimiser)):
        checkpoint[name] = thing.state_dict()
    with open(path, "wb") as file:
        torch.save(checkpoint, file)


def load_checkpoint(path, model, optimiser=None):
    with open(path, "rb") as file:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    model.load_state_dict(checkpoint["model"])
    if optimiser:
        optimiser.load_state_dict(checkpoint["optimiser"])
    return checkpoint["epoch"]


def snapshot(model):
    return deepcopy(model.state_dict())

# %% 3.5 right "an epoch as tensor, a snapshot through memory"
def save_checkpoint(path, model, optimiser, epoch):
    torch.save(
        {
            "epoch": torch.tensor(epoch),
            "optimiser": optimiser.state_dict(),
            "model": {name: tensor.cpu() for name, tensor in model.state_dict().items()},
        },
        path,
    )


def load_checkpoint(path, model, optimiser=None):
    checkpoint = torch.load(path)
    model.load_state_dict(checkpoint.pop("model"), strict=True)
    if optimiser is not None:
        optimiser.load_state_dict(checkpoint.pop("optimiser"))
    return checkpoint["epoch"].item()


def snapshot(model):
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)

# %% 3.6 wrong "one branch for both" expect "one and the same branch"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        self.skip = skip

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())

        self.left = branch(d1)
        self.right = self.left if d1 == d2 else branch(d2)
        self.head = nn.Linear(2 * hidden + skip * (d1 + d2), 1)

    def forward(self, a, b):
        parts = [self.left(a), self.right(b)] + ([a, b] if self.skip else [])
        return self.head(torch.cat(parts, 1))

# %% 3.6 wrong "left used twice, a slip" expect "Both inputs go through left"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        self.skip = skip

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())

        self.left = branch(d1)
        self.right = branch(d2)
        self.head = nn.Linear(2 * hidden + skip * (d1 + d2), 1)

    def forward(self, a, b):
        parts = [self.left(a), self.left(b)] + ([a, b] if self.skip else [])
        return self.head(torch.cat(parts, 1))

# %% 3.6 wrong "adds the branches" expect "concatenate, do not add"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())

        self.left = branch(d1)
        self.right = branch(d2)
        self.head = nn.Linear(hidden, 1)

    def forward(self, a, b):
        return self.head(self.left(a) + self.right(b))

# %% 3.6 wrong "the skip is added after the head" expect "it must be wider"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        self.skip = skip

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())

        self.left = branch(d1)
        self.right = branch(d2)
        self.head = nn.Linear(2 * hidden, 1)

    def forward(self, a, b):
        y = self.head(torch.cat([self.left(a), self.right(b)], 1))
        if self.skip:
            y = y + a.sum(1, keepdim=True) + b.sum(1, keepdim=True)
        return y

# %% 3.6 wrong "always with skip" expect "reads the two branches only"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())

        self.left = branch(d1)
        self.right = branch(d2)
        self.head = nn.Linear(2 * hidden + d1 + d2, 1)

    def forward(self, a, b):
        return self.head(torch.cat([self.left(a), self.right(b), a, b], 1))

# %% 3.6 wrong "each raw input next to its branch" expect "come after both branches"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        self.skip = skip

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())

        self.left = branch(d1)
        self.right = branch(d2)
        self.head = nn.Linear(2 * hidden + skip * (d1 + d2), 1)

    def forward(self, a, b):
        left, right = self.left(a), self.right(b)
        if self.skip:
            left, right = torch.cat([left, a], 1), torch.cat([right, b], 1)
        return self.head(torch.cat([left, right], 1))

# %% 3.6 wrong "no ReLU at the end of a branch" expect "lets negative values through"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        self.skip = skip

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.Identity(), nn.Linear(hidden, hidden))

        self.left = branch(d1)
        self.right = branch(d2)
        self.head = nn.Linear(2 * hidden + skip * (d1 + d2), 1)

    def forward(self, a, b):
        parts = [self.left(a), self.right(b)] + ([a, b] if self.skip else [])
        return self.head(torch.cat(parts, 1))

# %% 3.6 wrong "no ReLU after the second layer" expect "The last ReLU of the branches is missing"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        self.skip = skip

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden))

        self.left = branch(d1)
        self.right = branch(d2)
        self.head = nn.Linear(2 * hidden + skip * (d1 + d2), 1)

    def forward(self, a, b):
        parts = [self.left(a), self.right(b)] + ([a, b] if self.skip else [])
        return self.head(torch.cat(parts, 1))

# %% 3.6 wrong "concatenates samples" expect "mat1 and mat2"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        self.skip = skip

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())

        self.left = branch(d1)
        self.right = branch(d2)
        self.head = nn.Linear(2 * hidden + skip * (d1 + d2), 1)

    def forward(self, a, b):
        return self.head(torch.cat([self.left(a), self.right(b)], dim=0))

# %% 3.6 wrong "squeezes the output" expect "no squeeze"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        self.skip = skip

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())

        self.left = branch(d1)
        self.right = branch(d2)
        self.head = nn.Linear(2 * hidden + skip * (d1 + d2), 1)

    def forward(self, a, b):
        parts = [self.left(a), self.right(b)] + ([a, b] if self.skip else [])
        return self.head(torch.cat(parts, 1)).squeeze(1)

# %% 3.6 wrong "the skip is detached" expect "Branches and skip must both carry gradients"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        self.skip = skip

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())

        self.left = branch(d1)
        self.right = branch(d2)
        self.head = nn.Linear(2 * hidden + skip * (d1 + d2), 1)

    def forward(self, a, b):
        parts = [self.left(a), self.right(b)]
        parts += [a.detach(), b.detach()] if self.skip else []
        return self.head(torch.cat(parts, 1))

# %% 3.6 wrong "centres the batch first" expect "the output"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        self.skip = skip

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())

        self.left = branch(d1)
        self.right = branch(d2)
        self.head = nn.Linear(2 * hidden + skip * (d1 + d2), 1)

    def forward(self, a, b):
        a, b = a - a.mean(0), b - b.mean(0)
        parts = [self.left(a), self.right(b)] + ([a, b] if self.skip else [])
        return self.head(torch.cat(parts, 1))

# %% 3.6 wrong "right is left" expect "make a branch of its own"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        self.skip = skip

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())

        self.left = branch(d1)
        self.right = self.left
        self.head = nn.Linear(2 * hidden + skip * (d1 + d2), 1)

    def forward(self, a, b):
        left, right = self.left(a), self.right(b)
        return self.head(torch.cat([left, right, a, b] if self.skip else [left, right], 1))

# %% 3.6 wrong "other names for the branches" expect "not the right keys"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        self.skip = skip

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())

        self.branch_a = branch(d1)
        self.branch_b = branch(d2)
        self.head = nn.Linear(2 * hidden + skip * (d1 + d2), 1)

    def forward(self, a, b):
        left, right = self.branch_a(a), self.branch_b(b)
        return self.head(torch.cat([left, right, a, b] if self.skip else [left, right], 1))

# %% 3.6 wrong "raw inputs first" expect "come after the branches, not before"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        self.skip = skip

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())

        self.left = branch(d1)
        self.right = branch(d2)
        self.head = nn.Linear(2 * hidden + skip * (d1 + d2), 1)

    def forward(self, a, b):
        left, right = self.left(a), self.right(b)
        return self.head(torch.cat([a, b, left, right] if self.skip else [left, right], 1))

# %% 3.6 wrong "b before a" expect "a comes before b"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        self.skip = skip

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())

        self.left = branch(d1)
        self.right = branch(d2)
        self.head = nn.Linear(2 * hidden + skip * (d1 + d2), 1)

    def forward(self, a, b):
        left, right = self.left(a), self.right(b)
        return self.head(torch.cat([left, right, b, a] if self.skip else [left, right], 1))

# %% 3.6 wrong "two ReLUs in the middle" expect "The last ReLU of the branches is missing"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        self.skip = skip

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), *[nn.Linear(hidden, hidden)])

        self.left = branch(d1)
        self.right = branch(d2)
        self.head = nn.Linear(2 * hidden + skip * (d1 + d2), 1)

    def forward(self, a, b):
        left, right = self.left(a), self.right(b)
        return self.head(torch.cat([left, right, a, b] if self.skip else [left, right], 1))

# %% 3.6 wrong "branches under no_grad" expect "no detach, no .data"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        self.skip = skip

        def branch(d):
            return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())

        self.left = branch(d1)
        self.right = branch(d2)
        self.head = nn.Linear(2 * hidden + skip * (d1 + d2), 1)

    def forward(self, a, b):
        with torch.no_grad():
            left, right = self.left(a), self.right(b)
        return self.head(torch.cat([left, right, a, b] if self.skip else [left, right], 1))

# %% 3.6 right "layers by name, torch.hstack"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        width = 2 * hidden
        if skip:
            width += d1 + d2
        self.head = nn.Linear(width, 1)
        for name, d in (("right", d2), ("left", d1)):
            layers = [nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()]
            self.add_module(name, nn.Sequential(*layers))
        self.use_skip = skip

    def forward(self, a, b):
        joined = torch.hstack((self.left(a), self.right(b)))
        if self.use_skip:
            joined = torch.hstack((joined, a, b))
        return self.head(joined)

# %% 3.6 right "a sum of parts of the head instead of cat"
class TwoInputNet(nn.Module):
    def __init__(self, d1, d2, hidden, skip=False):
        super().__init__()
        self.sizes = [hidden, hidden] + ([d1, d2] if skip else [])
        self.left = nn.Sequential(
            nn.Linear(d1, hidden), nn.ReLU(True), nn.Linear(hidden, hidden), nn.ReLU(True)
        )
        self.right = nn.Sequential(
            nn.Linear(d2, hidden), nn.ReLU(True), nn.Linear(hidden, hidden), nn.ReLU(True)
        )
        self.head = nn.Linear(sum(self.sizes), 1)

    def forward(self, a, b):
        columns = self.head.weight.split(self.sizes, dim=1)
        values = (self.left(a), self.right(b), a, b)
        return sum(v @ w.T for v, w in zip(values, columns, strict=False)) + self.head.bias

# %% 3.7 wrong "only requires_grad, and the stale gradient stays" expect "the optimiser will apply it"
def freeze(model, frozen):
    model.requires_grad_(True)
    for name in frozen:
        model.get_submodule(name).requires_grad_(False)


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    for name in frozen:
        model.get_submodule(name).eval()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()
    return loss.item()

# %% 3.7 wrong "a gradient of zero in place of None" expect "the optimiser will apply it"
def freeze(model, frozen):
    model.requires_grad_(True)
    for name in frozen:
        for p in model.get_submodule(name).parameters():
            p.requires_grad_(False)
            if p.grad is not None:
                p.grad.zero_()


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    for name in frozen:
        model.get_submodule(name).eval()
    optimiser.zero_grad(set_to_none=False)
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()

# %% 3.7 wrong "freezes everything" expect "Everything is frozen"
def freeze(model, frozen):
    for p in model.parameters():
        p.requires_grad_(False)
        p.grad = None


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    for name in frozen:
        model.get_submodule(name).eval()
    optimiser.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()

# %% 3.7 wrong "names by their beginning" expect "compare whole names, not beginnings"
def freeze(model, frozen):
    for name, p in model.named_parameters():
        p.requires_grad_(not any(name.startswith(f) for f in frozen))
        if not p.requires_grad:
            p.grad = None


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    for name in frozen:
        model.get_submodule(name).eval()
    optimiser.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()

# %% 3.7 wrong "the frozen norm stays in train mode" expect "in eval mode after model.train()"
def freeze(model, frozen):
    parts = [model.get_submodule(name) for name in frozen]
    model.requires_grad_(True)
    for part in parts:
        for p in part.parameters():
            p.requires_grad_(False)
            p.grad = None


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    optimiser.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()

# %% 3.7 wrong "eval when freezing, undone by train()" expect "in eval mode after model.train()"
def freeze(model, frozen):
    parts = [model.get_submodule(name) for name in frozen]
    model.requires_grad_(True)
    for part in parts:
        part.eval()
        for p in part.parameters():
            p.requires_grad_(False)
            p.grad = None


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    optimiser.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()

# %% 3.7 wrong "the whole model in eval mode" expect "Only frozen submodules are in eval mode"
def freeze(model, frozen):
    parts = [model.get_submodule(name) for name in frozen]
    model.requires_grad_(True)
    for part in parts:
        for p in part.parameters():
            p.requires_grad_(False)
            p.grad = None


def finetune_step(model, optimiser, x, y, frozen):
    model.eval()
    optimiser.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()

# %% 3.7 wrong "never unfreezes" expect "What an earlier call froze must ask again"
def freeze(model, frozen):
    for name in frozen:
        for p in model.get_submodule(name).parameters():
            p.requires_grad_(False)
            p.grad = None


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    for name in frozen:
        model.get_submodule(name).eval()
    optimiser.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()

# %% 3.7 wrong "never clears" expect "clear them in each step"
def freeze(model, frozen):
    parts = [model.get_submodule(name) for name in frozen]
    model.requires_grad_(True)
    for part in parts:
        for p in part.parameters():
            p.requires_grad_(False)
            p.grad = None


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    for name in frozen:
        model.get_submodule(name).eval()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()

# %% 3.7 wrong "clears after the step only" expect "clear before backward, not after the step"
def freeze(model, frozen):
    parts = [model.get_submodule(name) for name in frozen]
    model.requires_grad_(True)
    for part in parts:
        for p in part.parameters():
            p.requires_grad_(False)
            p.grad = None


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    for name in frozen:
        model.get_submodule(name).eval()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()
    return loss.item()

# %% 3.7 wrong "the bias is forgotten" expect "The bias is a parameter of the layer too"
def freeze(model, frozen):
    model.requires_grad_(True)
    for name in frozen:
        layer = model.get_submodule(name)
        layer.weight.requires_grad_(False)
        layer.weight.grad = None


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    for name in frozen:
        model.get_submodule(name).eval()
    optimiser.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()

# %% 3.7 wrong "a typo freezes nothing" expect "A typo that freezes nothing"
def freeze(model, frozen):
    model.requires_grad_(True)
    for name, module in model.named_modules():
        if name in frozen:
            for p in module.parameters():
                p.requires_grad_(False)
                p.grad = None


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    for name, module in model.named_modules():
        if name in frozen:
            module.eval()
    optimiser.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()

# %% 3.7 wrong "freezes the others" expect "It is the other way round"
def freeze(model, frozen):
    model.requires_grad_(False)
    model.zero_grad()
    for name in frozen:
        model.get_submodule(name).requires_grad_(True)


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    optimiser.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()

# %% 3.7 wrong "a sum of squares as loss" expect "the sum of the squared errors"
def freeze(model, frozen):
    parts = [model.get_submodule(name) for name in frozen]
    model.requires_grad_(True)
    for part in parts:
        for p in part.parameters():
            p.requires_grad_(False)
            p.grad = None


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    for name in frozen:
        model.get_submodule(name).eval()
    optimiser.zero_grad()
    loss = ((model(x) - y) ** 2).sum()
    loss.backward()
    optimiser.step()
    return loss.item()

# %% 3.7 wrong "clears between backward and step" expect "no gradient cleared in between"
def freeze(model, frozen):
    parts = [model.get_submodule(name) for name in frozen]
    model.requires_grad_(True)
    for part in parts:
        for p in part.parameters():
            p.requires_grad_(False)
            p.grad = None


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    for name in frozen:
        model.get_submodule(name).eval()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimiser.zero_grad()
    optimiser.step()
    return loss.item()

# %% 3.7 wrong "clears the model between backward and step" expect "cleared between backward and step: no weight moves"
def freeze(model, frozen):
    parts = [model.get_submodule(name) for name in frozen]
    model.requires_grad_(True)
    for part in parts:
        for p in part.parameters():
            p.requires_grad_(False)
            p.grad = None


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    for name in frozen:
        model.get_submodule(name).eval()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    model.zero_grad()
    optimiser.step()
    return loss.item()

# %% 3.7 wrong "returns the loss with its graph" expect "keeps its graph and all activations alive"
def freeze(model, frozen):
    parts = [model.get_submodule(name) for name in frozen]
    model.requires_grad_(True)
    for part in parts:
        for p in part.parameters():
            p.requires_grad_(False)
            p.grad = None


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    for name in frozen:
        model.get_submodule(name).eval()
    optimiser.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimiser.step()
    return loss

# %% 3.7 wrong "a loss after the step" expect "before the step"
def freeze(model, frozen):
    parts = [model.get_submodule(name) for name in frozen]
    model.requires_grad_(True)
    for part in parts:
        for p in part.parameters():
            p.requires_grad_(False)
            p.grad = None


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    for name in frozen:
        model.get_submodule(name).eval()
    optimiser.zero_grad()
    F.mse_loss(model(x), y).backward()
    optimiser.step()
    return F.mse_loss(model(x), y).item()

# %% 3.7 right "sets of parameters; float()"
def freeze(model, frozen):
    held = {id(p) for name in frozen for p in model.get_submodule(name).parameters()}
    for p in model.parameters():
        p.requires_grad = id(p) not in held
        if id(p) in held:
            p.grad = None


def finetune_step(model, optimiser, x, y, frozen):
    model.zero_grad()
    model.train(True)
    for name in frozen:
        model.get_submodule(name).train(False)
    loss = (model(x) - y).pow(2).mean()
    loss.backward()
    optimiser.step()
    return float(loss)

# %% 3.7 right "whole names with a dot; gradients by autograd.grad"
def freeze(model, frozen):
    names = dict(model.named_modules())
    for name in frozen:
        if name not in names:
            raise AttributeError(f"no submodule {name!r}")
    for key, p in model.named_parameters():
        inside = any(key.startswith(f"{name}.") for name in frozen)
        p.requires_grad_(not inside)
        p.grad = None if inside else p.grad


def finetune_step(model, optimiser, x, y, frozen):
    model.train()
    for name, module in model.named_modules():
        if any(name == f or name.startswith(f"{f}.") for f in frozen):
            module.eval()
    loss = F.mse_loss(model(x), y)
    learning = [p for p in model.parameters() if p.requires_grad]
    for p in model.parameters():
        p.grad = None
    for p, g in zip(learning, torch.autograd.grad(loss, learning), strict=True):
        p.grad = g
    optimiser.step()
    return loss.item()

# %% 3.7 right "freezes again in each step; gradients cleared by model.zero_grad"
def freeze(model, frozen):
    chosen = set()
    for name in frozen:
        chosen |= set(model.get_submodule(name).parameters())
    for p in model.parameters():
        p.requires_grad_(p not in chosen)
        p.grad = None


def finetune_step(model, optimiser, x, y, frozen):
    freeze(model, frozen)
    model.train()
    [model.get_submodule(name).eval() for name in frozen]
    optimiser.zero_grad(set_to_none=True)
    loss = nn.MSELoss()(model(x), y)
    loss.backward()
    optimiser.step()
    return loss.item()
