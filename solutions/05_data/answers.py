# Named answers to the exercises of this chapter: the proof of its tests.

# %% predict-5-1 wrong "a: stops at the length" expect "never calls len"
predict_5_1 = "a"

# %% predict-5-1 wrong "c: needs __iter__" expect "by counting from 0"
predict_5_1 = "c"

# %% predict-5-2 wrong "a: once, as without weights" expect "as unequal as they are"
predict_5_2 = "a"

# %% predict-5-2 wrong "b: ten times" expect "ten samples only"
predict_5_2 = "b"

# %% predict-5-2 wrong "d: the ratio" expect "not as many as A has rows"
predict_5_2 = "d"

# %% predict-5-3 wrong "a: the size of the part" expect "size of the validation part"
predict_5_3 = "a"

# %% predict-5-3 wrong "b: the chance of one neighbour" expect "chance for one neighbour"
predict_5_3 = "b"

# %% predict-5-3 wrong "d: a split keeps apart" expect "the points inside the windows"
predict_5_3 = "d"

# %% predict-5-4 wrong "b: zeros add nothing" expect "weights and biases"
predict_5_4 = "b"

# %% predict-5-4 wrong "c: skips padding" expect "nothing tells it"
predict_5_4 = "c"

# %% 5.1 wrong "draws in __getitem__" expect "draw in __init__"
class LinearData(Dataset):
    def __init__(self, n, sigma, seed):
        self.n, self.sigma, self.source = n, sigma, seeded(seed)

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if i >= self.n:
            raise IndexError(i)
        x = torch.randn(2, generator=self.source)
        noise = self.sigma * torch.randn(1, generator=self.source)
        return x, x @ torch.tensor([[2.0], [3.0]]) + noise

# %% 5.1 wrong "sigma as a variance" expect "used as a variance"
class LinearData(Dataset):
    def __init__(self, n, sigma, seed):
        g = seeded(seed)
        self.x = torch.randn(n, 2, generator=g)
        noise = torch.randn(n, 1, generator=g) * sigma**0.5
        self.y = 2 * self.x[:, :1] + 3 * self.x[:, 1:] + noise

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]

# %% 5.1 wrong "target without its axis" expect "y is a single number"
class LinearData(Dataset):
    def __init__(self, n, sigma, seed):
        g = seeded(seed)
        self.x = torch.randn(n, 2, generator=g)
        noise = torch.randn(n, 1, generator=g) * sigma
        self.y = 2 * self.x[:, :1] + 3 * self.x[:, 1:] + noise

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i, 0]

# %% 5.1 wrong "item keeps a batch axis" expect "One item has no batch axis"
class LinearData(Dataset):
    def __init__(self, n, sigma, seed):
        g = seeded(seed)
        self.x = torch.randn(n, 2, generator=g)
        noise = torch.randn(n, 1, generator=g) * sigma
        self.y = 2 * self.x[:, :1] + 3 * self.x[:, 1:] + noise

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i : i + 1], self.y[i : i + 1]

# %% 5.1 wrong "the global seed" expect "the global generator afterwards"
class LinearData(Dataset):
    def __init__(self, n, sigma, seed):
        torch.manual_seed(seed)
        self.x = torch.randn(n, 2)
        noise = torch.randn(n, 1) * sigma
        self.y = 2 * self.x[:, :1] + 3 * self.x[:, 1:] + noise

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]

# %% 5.1 wrong "forgets the seed" expect "The same seed gives other data"
class LinearData(Dataset):
    def __init__(self, n, sigma, seed):
        g = None
        self.x = torch.randn(n, 2, generator=g)
        noise = torch.randn(n, 1, generator=g) * sigma
        self.y = 2 * self.x[:, :1] + 3 * self.x[:, 1:] + noise

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]

# %% 5.1 wrong "one fixed seed" expect "Every seed gives the same data"
class LinearData(Dataset):
    def __init__(self, n, sigma, seed):
        g = seeded(0)
        self.x = torch.randn(n, 2, generator=g)
        noise = torch.randn(n, 1, generator=g) * sigma
        self.y = 2 * self.x[:, :1] + 3 * self.x[:, 1:] + noise

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]

# %% 5.1 wrong "uniform x" expect "x is standard normal"
class LinearData(Dataset):
    def __init__(self, n, sigma, seed):
        g = seeded(seed)
        self.x = torch.rand(n, 2, generator=g)
        noise = torch.randn(n, 1, generator=g) * sigma
        self.y = 2 * self.x[:, :1] + 3 * self.x[:, 1:] + noise

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]

# %% 5.1 wrong "uniform noise" expect "The noise is uniform"
class LinearData(Dataset):
    def __init__(self, n, sigma, seed):
        g = seeded(seed)
        self.x = torch.randn(n, 2, generator=g)
        noise = (torch.rand(n, 1, generator=g) - 0.5) * sigma
        self.y = 2 * self.x[:, :1] + 3 * self.x[:, 1:] + noise

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]

# %% 5.1 wrong "float64" expect "dtypes of x and y"
class LinearData(Dataset):
    def __init__(self, n, sigma, seed):
        g = seeded(seed)
        self.x = torch.randn(n, 2, generator=g, dtype=torch.float64)
        noise = torch.randn(n, 1, generator=g, dtype=torch.float64) * sigma
        self.y = 2 * self.x[:, :1] + 3 * self.x[:, 1:] + noise

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]

# %% 5.1 wrong "computes y later, never raises IndexError" expect "nothing was raised where"
class LinearData(Dataset):
    def __init__(self, n, sigma, seed):
        self.n, self.sigma, self.seed = n, sigma, seed

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        g = seeded(1000 * self.seed + i)
        x = torch.randn(2, generator=g)
        noise = self.sigma * torch.randn(1, generator=g)
        return x, 2 * x[:1] + 3 * x[1:] + noise

# %% 5.1 right "a seed for each item, nothing stored"
class LinearData(Dataset):
    def __init__(self, n, sigma, seed):
        self.n, self.sigma, self.seed = n, sigma, seed

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if not 0 <= i < self.n:
            raise IndexError("no such sample")
        g = np.random.default_rng([self.seed, i])
        x = torch.from_numpy(g.standard_normal(2)).float()
        noise = g.normal(0, self.sigma) if self.sigma else 0.0
        return x, (2 * x[0] + 3 * x[1] + noise).reshape(1)

# %% 5.1 right "a TensorDataset inside"
class LinearData(Dataset):
    def __init__(self, n, sigma, seed):
        source = torch.Generator().manual_seed(seed)
        x = torch.randn((n, 2), generator=source)
        mean = (x * torch.tensor([2.0, 3.0])).sum(dim=1, keepdim=True)
        self.data = TensorDataset(x, torch.normal(mean, sigma, generator=source))

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return self.data[i]

# %% 5.2 wrong "plain random split" expect "Shuffle and cut each class separately"
def stratified_split(y, fracs, seed):
    order = torch.randperm(len(y), generator=seeded(seed))
    ends = [round(len(y) * sum(fracs[:k])) for k in range(1, len(fracs))]
    return list(order.tensor_split(ends))

# %% 5.2 wrong "sizes by int, rows lost" expect "Some index is lost"
def stratified_split(y, fracs, seed):
    g = seeded(seed)
    parts = [[] for _ in fracs]
    for c in y.unique():
        idx = (y == c).nonzero().flatten()
        idx = idx[torch.randperm(len(idx), generator=g)]
        start = 0
        for k in range(len(fracs)):
            stop = start + int(len(idx) * fracs[k])
            parts[k].append(idx[start:stop])
            start = stop
    return [torch.cat(p) for p in parts]

# %% 5.2 wrong "sizes by int, the rest to the last part" expect "round the cuts, not the sizes"
def stratified_split(y, fracs, seed):
    g = seeded(seed)
    parts = [[] for _ in fracs]
    for c in y.unique():
        idx = (y == c).nonzero().flatten()
        idx = idx[torch.randperm(len(idx), generator=g)]
        start = 0
        for k in range(len(fracs)):
            last = k + 1 == len(fracs)
            stop = len(idx) if last else start + int(len(idx) * fracs[k])
            parts[k].append(idx[start:stop])
            start = stop
    return [torch.cat(p) for p in parts]

# %% 5.2 wrong "classes 0 to k only, others dropped" expect "for every class, whatever its name"
def stratified_split(y, fracs, seed):
    g = seeded(seed)
    parts = [[] for _ in fracs]
    for c in range(int(y.max()) + 1):
        idx = (y == c).nonzero().flatten()
        idx = idx[torch.randperm(len(idx), generator=g)]
        start = 0
        for k in range(len(fracs)):
            stop = round(len(idx) * sum(fracs[: k + 1]))
            parts[k].append(idx[start:stop])
            start = stop
    return [torch.cat(p) for p in parts]

# %% 5.2 wrong "not shuffled" expect "Another seed gives the same members"
def stratified_split(y, fracs, seed):
    g = seeded(seed)
    parts = [[] for _ in fracs]
    for c in y.unique():
        idx = (y == c).nonzero().flatten()
        start = 0
        for k in range(len(fracs)):
            stop = round(len(idx) * sum(fracs[: k + 1]))
            parts[k].append(idx[start:stop])
            start = stop
    return [torch.cat(p) for p in parts]

# %% 5.2 wrong "labels in place of indices" expect "hand out indices, not labels"
def stratified_split(y, fracs, seed):
    g = seeded(seed)
    parts = [[] for _ in fracs]
    for c in y.unique():
        idx = (y == c).nonzero().flatten()
        idx = idx[torch.randperm(len(idx), generator=g)]
        start = 0
        for k in range(len(fracs)):
            stop = round(len(idx) * sum(fracs[: k + 1]))
            parts[k].append(idx[start:stop])
            start = stop
    return [y[torch.cat(p)] for p in parts]

# %% 5.2 wrong "the parts overlap" expect "all indices, sorted"
def stratified_split(y, fracs, seed):
    g = seeded(seed)
    parts = [[] for _ in fracs]
    for c in y.unique():
        idx = (y == c).nonzero().flatten()
        idx = idx[torch.randperm(len(idx), generator=g)]
        start = 0
        for k in range(len(fracs)):
            stop = round(len(idx) * sum(fracs[: k + 1]))
            parts[k].append(idx[max(0, start - 1) : stop])
            start = stop
    return [torch.cat(p) for p in parts]

# %% 5.2 wrong "the global generator" expect "the global generator afterwards"
def stratified_split(y, fracs, seed):
    torch.manual_seed(seed)
    parts = [[] for _ in fracs]
    for c in y.unique():
        idx = (y == c).nonzero().flatten()
        idx = idx[torch.randperm(len(idx))]
        start = 0
        for k in range(len(fracs)):
            stop = round(len(idx) * sum(fracs[: k + 1]))
            parts[k].append(idx[start:stop])
            start = stop
    return [torch.cat(p) for p in parts]

# %% 5.2 wrong "no seed" expect "The same seed gives other members"
def stratified_split(y, fracs, seed):
    g = None
    parts = [[] for _ in fracs]
    for c in y.unique():
        idx = (y == c).nonzero().flatten()
        idx = idx[torch.randperm(len(idx), generator=g)]
        start = 0
        for k in range(len(fracs)):
            stop = round(len(idx) * sum(fracs[: k + 1]))
            parts[k].append(idx[start:stop])
            start = stop
    return [torch.cat(p) for p in parts]

# %% 5.2 wrong "floor everywhere, all the rest to the last part" expect "Shuffle and cut each class separately"
def stratified_split(y, fracs, seed):
    g = seeded(seed)
    parts = [[] for _ in fracs]
    for idx in y.argsort(stable=True).split(5):
        idx = idx[torch.randperm(len(idx), generator=g)]
        start = 0
        for k in range(len(fracs)):
            stop = start + int(len(idx) * fracs[k]) if k + 1 < len(fracs) else len(idx)
            parts[k].append(idx[start:stop])
            start = stop
    return [torch.cat(p) for p in parts]

# %% 5.2 right "cuts rounded, class by class in NumPy"
def stratified_split(y, fracs, seed):
    rng = np.random.default_rng(seed)
    labels, parts = y.numpy(), [[] for _ in fracs]
    for value in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == value))
        ends = np.rint(len(members) * np.cumsum(fracs)[:-1]).astype(int)
        for part, piece in zip(parts, np.split(members, ends)):
            part.extend(piece.tolist())
    return [torch.tensor(part, dtype=torch.int64) for part in parts]

# %% 5.2 right "deal out by quota, one index after the other"
def stratified_split(y, fracs, seed):
    parts, seen = [[] for _ in fracs], {}
    for i in torch.randperm(len(y), generator=seeded(seed)).tolist():
        given = seen.setdefault(int(y[i]), [0] * len(fracs))
        total = sum(given) + 1
        k = max(range(len(fracs)), key=lambda k: total * fracs[k] - given[k])
        given[k] += 1
        parts[k].append(i)
    return [torch.tensor(part, dtype=torch.long) for part in parts]

# %% 5.2 right "random_split of each class"
def stratified_split(y, fracs, seed):
    generator = torch.Generator().manual_seed(seed)
    parts = [[] for _ in fracs]
    for value in set(y.tolist()):
        members = [i for i, label in enumerate(y.tolist()) if label == value]
        ends = [round(len(members) * sum(fracs[: k + 1])) for k in range(len(fracs))]
        sizes = [b - a for a, b in zip([0, *ends], ends)]
        for part, piece in zip(parts, random_split(members, sizes, generator=generator)):
            part += list(piece)
    return tuple(torch.tensor(part) if part else torch.empty(0, dtype=torch.int64) for part in parts)

# %% 5.3 wrong "length one too short" expect "One window too few"
class Windows(Dataset):
    def __init__(self, x, w, h):
        self.x, self.w, self.h = x, w, h

    def __len__(self):
        return max(0, len(self.x) - self.w - self.h)

    def __getitem__(self, i):
        if i < 0:
            i = i + len(self)
        if i < 0 or i >= len(self):
            raise IndexError(i)
        return self.x[i : i + self.w], self.x[i + self.w : i + self.w + self.h]


def time_split(n, fracs, w, h):
    parts, start, total = [], 0, 0.0
    for f in fracs:
        total += f
        stop = round(n * total)
        parts.append(range(start, stop - w - h + 1))
        start = stop
    return parts

# %% 5.3 wrong "length forgets the horizon" expect "have to fit too"
class Windows(Dataset):
    def __init__(self, x, w, h):
        self.x, self.w, self.h = x, w, h

    def __len__(self):
        return max(0, len(self.x) - self.w + 1)

    def __getitem__(self, i):
        if i < 0:
            i = i + len(self)
        if i < 0 or i >= len(self):
            raise IndexError(i)
        return self.x[i : i + self.w], self.x[i + self.w : i + self.w + self.h]


def time_split(n, fracs, w, h):
    parts, start, total = [], 0, 0.0
    for f in fracs:
        total += f
        stop = round(n * total)
        parts.append(range(start, stop - w - h + 1))
        start = stop
    return parts

# %% 5.3 wrong "length forgets the horizon, no plus one" expect "and the last window counts"
class Windows(Dataset):
    def __init__(self, x, w, h):
        self.x, self.w, self.h = x, w, h

    def __len__(self):
        return max(0, len(self.x) - self.w)

    def __getitem__(self, i):
        if i < 0:
            i = i + len(self)
        if i < 0 or i >= len(self):
            raise IndexError(i)
        return self.x[i : i + self.w], self.x[i + self.w : i + self.w + self.h]


def time_split(n, fracs, w, h):
    parts, start, total = [], 0, 0.0
    for f in fracs:
        total += f
        stop = round(n * total)
        parts.append(range(start, stop - w - h + 1))
        start = stop
    return parts

# %% 5.3 wrong "target overlaps the input" expect "not on it"
class Windows(Dataset):
    def __init__(self, x, w, h):
        self.x, self.w, self.h = x, w, h

    def __len__(self):
        return max(0, len(self.x) - self.w - self.h + 1)

    def __getitem__(self, i):
        if i < 0:
            i = i + len(self)
        if i < 0 or i >= len(self):
            raise IndexError(i)
        return self.x[i : i + self.w], self.x[i + self.w - 1 : i + self.w + self.h - 1]


def time_split(n, fracs, w, h):
    parts, start, total = [], 0, 0.0
    for f in fracs:
        total += f
        stop = round(n * total)
        parts.append(range(start, stop - w - h + 1))
        start = stop
    return parts

# %% 5.3 wrong "random split of the windows" expect "Cut the points first"
class Windows(Dataset):
    def __init__(self, x, w, h):
        self.x, self.w, self.h = x, w, h

    def __len__(self):
        return max(0, len(self.x) - self.w - self.h + 1)

    def __getitem__(self, i):
        if i < 0:
            i = i + len(self)
        if i < 0 or i >= len(self):
            raise IndexError(i)
        return self.x[i : i + self.w], self.x[i + self.w : i + self.w + self.h]


def time_split(n, fracs, w, h):
    count = n - w - h + 1
    return [list(part) for part in random_split(range(count), fracs, generator=seeded(0))]

# %% 5.3 wrong "cuts the windows, no gap" expect "they belong to neither"
class Windows(Dataset):
    def __init__(self, x, w, h):
        self.x, self.w, self.h = x, w, h

    def __len__(self):
        return max(0, len(self.x) - self.w - self.h + 1)

    def __getitem__(self, i):
        if i < 0:
            i = i + len(self)
        if i < 0 or i >= len(self):
            raise IndexError(i)
        return self.x[i : i + self.w], self.x[i + self.w : i + self.w + self.h]


def time_split(n, fracs, w, h):
    parts, start, total = [], 0, 0.0
    for f in fracs:
        total += f
        stop = round(n * total)
        parts.append(range(start, min(stop, n - w - h + 1)))
        start = stop
    return parts

# %% 5.3 wrong "int in place of round" expect "int() cut"
class Windows(Dataset):
    def __init__(self, x, w, h):
        self.x, self.w, self.h = x, w, h

    def __len__(self):
        return max(0, len(self.x) - self.w - self.h + 1)

    def __getitem__(self, i):
        if i < 0:
            i = i + len(self)
        if i < 0 or i >= len(self):
            raise IndexError(i)
        return self.x[i : i + self.w], self.x[i + self.w : i + self.w + self.h]


def time_split(n, fracs, w, h):
    parts, start, total = [], 0, 0.0
    for f in fracs:
        total += f
        stop = int(n * total)
        parts.append(range(start, stop - w - h + 1))
        start = stop
    return parts

# %% 5.3 wrong "int() on each size" expect "int() cut down the size"
class Windows(Dataset):
    def __init__(self, x, w, h):
        self.x, self.w, self.h = x, w, h

    def __len__(self):
        return max(0, len(self.x) - self.w - self.h + 1)

    def __getitem__(self, i):
        if i < 0:
            i = i + len(self)
        if i < 0 or i >= len(self):
            raise IndexError(i)
        return self.x[i : i + self.w], self.x[i + self.w : i + self.w + self.h]


def time_split(n, fracs, w, h):
    parts, start = [], 0
    for f in fracs:
        stop = start + int(n * f)
        parts.append(range(start, stop - w - h + 1))
        start = stop
    return parts

# %% 5.3 wrong "gap one too small" expect "One window too many"
class Windows(Dataset):
    def __init__(self, x, w, h):
        self.x, self.w, self.h = x, w, h

    def __len__(self):
        return max(0, len(self.x) - self.w - self.h + 1)

    def __getitem__(self, i):
        if i < 0:
            i = i + len(self)
        if i < 0 or i >= len(self):
            raise IndexError(i)
        return self.x[i : i + self.w], self.x[i + self.w : i + self.w + self.h]


def time_split(n, fracs, w, h):
    parts, start, total = [], 0, 0.0
    for f in fracs:
        total += f
        stop = round(n * total)
        parts.append(range(start, stop - w - h + 1 + (n > 50)))
        start = stop
    return parts

# %% 5.3 wrong "the range ends one too early" expect "a range leaves its end out"
class Windows(Dataset):
    def __init__(self, x, w, h):
        self.x, self.w, self.h = x, w, h

    def __len__(self):
        return max(0, len(self.x) - self.w - self.h + 1)

    def __getitem__(self, i):
        if i < 0:
            i = i + len(self)
        if i < 0 or i >= len(self):
            raise IndexError(i)
        return self.x[i : i + self.w], self.x[i + self.w : i + self.w + self.h]


def time_split(n, fracs, w, h):
    parts, start, total = [], 0, 0.0
    for f in fracs:
        total += f
        stop = round(n * total)
        parts.append(range(start, stop - w - h))
        start = stop
    return parts

# %% 5.3 wrong "slices never raise" expect "Slices do not raise"
class Windows(Dataset):
    def __init__(self, x, w, h):
        self.x, self.w, self.h = x, w, h

    def __len__(self):
        return max(0, len(self.x) - self.w - self.h + 1)

    def __getitem__(self, i):
        if i < 0:
            i = i + len(self)
        return self.x[i : i + self.w], self.x[i + self.w : i + self.w + self.h]


def time_split(n, fracs, w, h):
    parts, start, total = [], 0, 0.0
    for f in fracs:
        total += f
        stop = round(n * total)
        parts.append(range(start, stop - w - h + 1))
        start = stop
    return parts

# %% 5.3 wrong "negative numbers are refused" expect "an error at item -1"
class Windows(Dataset):
    def __init__(self, x, w, h):
        self.x, self.w, self.h = x, w, h

    def __len__(self):
        return max(0, len(self.x) - self.w - self.h + 1)

    def __getitem__(self, i):
        if i < 0 or i >= len(self):
            raise IndexError(i)
        return self.x[i : i + self.w], self.x[i + self.w : i + self.w + self.h]


def time_split(n, fracs, w, h):
    parts, start, total = [], 0, 0.0
    for f in fracs:
        total += f
        stop = round(n * total)
        parts.append(range(start, stop - w - h + 1))
        start = stop
    return parts

# %% 5.3 wrong "negative numbers slice from the end" expect "add len(self)"
class Windows(Dataset):
    def __init__(self, x, w, h):
        self.x, self.w, self.h = x, w, h

    def __len__(self):
        return max(0, len(self.x) - self.w - self.h + 1)

    def __getitem__(self, i):
        if i >= len(self):
            raise IndexError(i)
        return self.x[i : i + self.w], self.x[i + self.w : i + self.w + self.h]


def time_split(n, fracs, w, h):
    parts, start, total = [], 0, 0.0
    for f in fracs:
        total += f
        stop = round(n * total)
        parts.append(range(start, stop - w - h + 1))
        start = stop
    return parts

# %% 5.3 wrong "no check below the first window" expect "Check again after adding"
class Windows(Dataset):
    def __init__(self, x, w, h):
        self.x, self.w, self.h = x, w, h

    def __len__(self):
        return max(0, len(self.x) - self.w - self.h + 1)

    def __getitem__(self, i):
        if i < 0:
            i = i + len(self)
        if i >= len(self):
            raise IndexError(i)
        return self.x[i : i + self.w], self.x[i + self.w : i + self.w + self.h]


def time_split(n, fracs, w, h):
    parts, start, total = [], 0, 0.0
    for f in fracs:
        total += f
        stop = round(n * total)
        parts.append(range(start, stop - w - h + 1))
        start = stop
    return parts

# %% 5.3 wrong "negative length" expect "may not be negative"
class Windows(Dataset):
    def __init__(self, x, w, h):
        self.x, self.w, self.h = x, w, h

    def __len__(self):
        return len(self.x) - self.w - self.h + 1

    def __getitem__(self, i):
        if i < 0:
            i = i + len(self)
        if i < 0 or i >= len(self):
            raise IndexError(i)
        return self.x[i : i + self.w], self.x[i + self.w : i + self.w + self.h]


def time_split(n, fracs, w, h):
    parts, start, total = [], 0, 0.0
    for f in fracs:
        total += f
        stop = round(n * total)
        parts.append(range(start, stop - w - h + 1))
        start = stop
    return parts

# %% 5.3 right "unfold, and all valid starts filtered"
class Windows(Dataset):
    def __init__(self, x, w, h):
        self.w = w
        self.all = [x[i : i + w + h] for i in range(len(x) - w - h + 1)]

    def __len__(self):
        return len(self.all)

    def __getitem__(self, i):
        both = self.all[i]
        return both[: self.w].clone(), both[self.w :].clone()


def time_split(n, fracs, w, h):
    ends = [round(n * sum(fracs[: k + 1])) for k in range(len(fracs))]
    starts = [0] + ends[:-1]
    return [
        [i for i in range(n) if i >= a and i + w + h <= b] for a, b in zip(starts, ends)
    ]

# %% 5.3 right "range does the indexing, tensors of starts"
class Windows(Dataset):
    def __init__(self, x, w, h):
        self.x, self.w, self.h = x, w, h
        self.starts = range(max(0, len(x) - w - h + 1))

    def __len__(self):
        return len(self.starts)

    def __getitem__(self, i):
        start = self.starts[i]
        return torch.split(self.x[start : start + self.w + self.h], [self.w, self.h])


def time_split(n, fracs, w, h):
    cuts = [0, *(round(float(c)) for c in n * np.cumsum(fracs))]
    return [
        torch.arange(a, max(a, b - (w + h) + 1)) for a, b in zip(cuts[:-1], cuts[1:])
    ]

# %% 5.4 wrong "fits again on the test table" expect "only fit learns"
class Standardiser:
    def fit(self, x):
        self.mean = x.mean(0)
        self.scale = x.std(0, unbiased=False)
        self.scale[x.amax(0) == x.amin(0)] = 1.0

    def transform(self, x):
        self.fit(x)
        return (x - self.mean) / self.scale

    def inverse(self, z):
        return z * self.scale + self.mean

# %% 5.4 wrong "one mean for the whole table" expect "each column has its own"
class Standardiser:
    def fit(self, x):
        self.mean = x.mean()
        self.scale = x.std(unbiased=False).repeat(x.shape[1])
        self.scale[x.amax(0) == x.amin(0)] = 1.0

    def transform(self, x):
        return (x - self.mean) / self.scale

    def inverse(self, z):
        return z * self.scale + self.mean

# %% 5.4 wrong "divisor n - 1" expect "std() needs correction=0"
class Standardiser:
    def fit(self, x):
        self.mean = x.mean(0)
        self.scale = x.std(0)
        self.scale[x.amax(0) == x.amin(0)] = 1.0

    def transform(self, x):
        return (x - self.mean) / self.scale

    def inverse(self, z):
        return z * self.scale + self.mean

# %% 5.4 wrong "eps one way only" expect "take scale 1"
class Standardiser:
    def fit(self, x):
        self.mean = x.mean(0)
        self.scale = x.std(0, unbiased=False)

    def transform(self, x):
        return (x - self.mean) / (self.scale + 1e-8)

    def inverse(self, z):
        return z * self.scale + self.mean

# %% 5.4 wrong "no guard against zero" expect "Divided by 0"
class Standardiser:
    def fit(self, x):
        self.mean = x.mean(0)
        self.scale = x.std(0, unbiased=False)

    def transform(self, x):
        return (x - self.mean) / self.scale

    def inverse(self, z):
        return z * self.scale + self.mean

# %% 5.4 wrong "compares the deviation with 0" expect "not the deviation with 0"
class Standardiser:
    def fit(self, x):
        self.mean = x.mean(0)
        self.scale = x.std(0, unbiased=False)
        self.scale[self.scale == 0] = 1.0

    def transform(self, x):
        return (x - self.mean) / self.scale

    def inverse(self, z):
        return z * self.scale + self.mean

# %% 5.4 wrong "scale 1 in transform, but not in inverse" expect "exactly the scale"
class Standardiser:
    def fit(self, x):
        self.mean = x.mean(0)
        self.scale = x.std(0, unbiased=False)

    def transform(self, x):
        return (x - self.mean) / torch.where(self.scale < 1e-6, 1.0, self.scale)

    def inverse(self, z):
        return z * self.scale + self.mean

# %% 5.4 wrong "min-max" expect "min-max scaling"
class Standardiser:
    def fit(self, x):
        self.mean = x.amin(0)
        self.scale = x.amax(0) - x.amin(0)
        self.scale[x.amax(0) == x.amin(0)] = 1.0

    def transform(self, x):
        return (x - self.mean) / self.scale

    def inverse(self, z):
        return z * self.scale + self.mean

# %% 5.4 wrong "small spreads count as constant" expect "a tiny spread is a spread"
class Standardiser:
    def fit(self, x):
        self.mean = x.mean(0)
        self.scale = x.std(0, unbiased=False)
        self.scale[self.scale < 1e-3] = 1.0

    def transform(self, x):
        return (x - self.mean) / self.scale

    def inverse(self, z):
        return z * self.scale + self.mean

# %% 5.4 wrong "writes into the table" expect "not x -= mean"
class Standardiser:
    def fit(self, x):
        self.mean = x.mean(0)
        self.scale = x.std(0, unbiased=False)
        self.scale[x.amax(0) == x.amin(0)] = 1.0

    def transform(self, x):
        x -= self.mean
        x /= self.scale
        return x

    def inverse(self, z):
        return z * self.scale + self.mean

# %% 5.4 wrong "float32 whatever comes" expect "float64 table"
class Standardiser:
    def fit(self, x):
        x = x.float()
        self.mean = x.mean(0)
        self.scale = x.std(0, unbiased=False)
        self.scale[x.amax(0) == x.amin(0)] = 1.0

    def transform(self, x):
        return (x.float() - self.mean) / self.scale

    def inverse(self, z):
        return z * self.scale + self.mean

# %% 5.4 wrong "casts back in transform, not in inverse" expect "in the dtype of the table"
class Standardiser:
    def fit(self, x):
        x = x.double()
        self.mean = x.mean(0)
        self.scale = x.std(0, unbiased=False)
        self.scale[x.amax(0) == x.amin(0)] = 1.0

    def transform(self, x):
        return ((x - self.mean) / self.scale).to(x.dtype)

    def inverse(self, z):
        return z * self.scale + self.mean

# %% 5.4 wrong "computes in float64 and leaves it so" expect "the dtype is float64 where float32"
class Standardiser:
    def fit(self, x):
        x = x.double()
        self.mean = x.mean(0)
        self.scale = x.std(0, unbiased=False)
        self.scale[x.amax(0) == x.amin(0)] = 1.0

    def transform(self, x):
        return (x - self.mean) / self.scale

    def inverse(self, z):
        return z * self.scale + self.mean

# %% 5.4 wrong "only centres" expect "nothing was divided"
class Standardiser:
    def fit(self, x):
        self.mean = x.mean(0)
        self.scale = x.std(0, unbiased=False)
        self.scale[x.amax(0) == x.amin(0)] = 1.0

    def transform(self, x):
        return x - self.mean

    def inverse(self, z):
        return z * self.scale + self.mean

# %% 5.4 right "running sums in float64"
class Standardiser:
    def fit(self, x):
        wide = x.double()
        low = wide.min(dim=0).values
        n, total, squares = len(x), (wide - low).sum(dim=0), ((wide - low) ** 2).sum(dim=0)
        self.mean = low + total / n
        spread = (squares / n - (total / n) ** 2).clamp(min=0).sqrt()
        self.scale = torch.where(wide.max(dim=0).values == low, 1.0, spread)
        return self

    def transform(self, x):
        return ((x - self.mean) / self.scale).to(x.dtype)

    def inverse(self, z):
        return torch.addcmul(self.mean, z.double(), self.scale).to(z.dtype)

# %% 5.4 right "a spread that is relatively tiny counts as none"
class Standardiser:
    def fit(self, x):
        variance, self.mean = torch.var_mean(x, dim=0, correction=0)
        self.scale = variance.sqrt()
        self.scale = self.scale.masked_fill(self.scale <= 1e-6 * self.mean.abs(), 1.0)
        return self

    def transform(self, x):
        out = x.clone()
        out -= self.mean
        out /= self.scale
        return out

    def inverse(self, z):
        return self.mean + self.scale * z

# %% 5.4 right "column by column, Python floats"
class Standardiser:
    def fit(self, x):
        self.columns = []
        for column in x.T.tolist():
            mean = sum(column) / len(column)
            spread = (sum((v - mean) ** 2 for v in column) / len(column)) ** 0.5
            self.columns.append((mean, 1.0 if len(set(column)) == 1 else spread))

    def transform(self, x):
        return torch.stack([(x[:, j] - m) / s for j, (m, s) in enumerate(self.columns)], dim=1)

    def inverse(self, z):
        return torch.stack([z[:, j] * s + m for j, (m, s) in enumerate(self.columns)], dim=1)

# %% 5.5 wrong "roll wraps around" expect "roll wraps around"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma = sigma
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        noise = torch.randn(x.shape, generator=self.generator).to(x.dtype)
        return x + noise * self.sigma


class RandomShift(nn.Module):
    def __init__(self, most, generator):
        super().__init__()
        self.most = most
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        k = torch.randint(-self.most, self.most + 1, (1,), generator=self.generator).item()
        return x.roll(k, -1)


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high = low, high
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        factor = torch.rand(1, generator=self.generator).item()
        return x * (self.low + factor * (self.high - self.low))

# %% 5.5 wrong "randint without its top" expect "randint leaves its top out"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma = sigma
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        noise = torch.randn(x.shape, generator=self.generator).to(x.dtype)
        return x + noise * self.sigma


class RandomShift(nn.Module):
    def __init__(self, most, generator):
        super().__init__()
        self.most = most
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        k = torch.randint(-self.most, max(1, self.most), (1,), generator=self.generator).item()
        out = torch.zeros_like(x)
        if k > 0:
            out[..., k:] = x[..., :-k]
        elif k < 0:
            out[..., :k] = x[..., -k:]
        else:
            out.copy_(x)
        return out


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high = low, high
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        factor = torch.rand(1, generator=self.generator).item()
        return x * (self.low + factor * (self.high - self.low))

# %% 5.5 wrong "noise in eval mode too" expect "in eval mode return the sample"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma = sigma
        self.generator = generator

    def forward(self, x):
        noise = torch.randn(x.shape, generator=self.generator).to(x.dtype)
        return x + noise * self.sigma


class RandomShift(nn.Module):
    def __init__(self, most, generator):
        super().__init__()
        self.most = most
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        k = torch.randint(-self.most, self.most + 1, (1,), generator=self.generator).item()
        out = torch.zeros_like(x)
        if k > 0:
            out[..., k:] = x[..., :-k]
        elif k < 0:
            out[..., :k] = x[..., -k:]
        else:
            out.copy_(x)
        return out


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high = low, high
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        factor = torch.rand(1, generator=self.generator).item()
        return x * (self.low + factor * (self.high - self.low))

# %% 5.5 wrong "noise in eval mode in place of train mode" expect "in train mode return the sample with noise"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma = sigma
        self.generator = generator

    def forward(self, x):
        if self.training:
            return x
        noise = torch.randn(x.shape, generator=self.generator).to(x.dtype)
        return x + noise * self.sigma


class RandomShift(nn.Module):
    def __init__(self, most, generator):
        super().__init__()
        self.most = most
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        k = torch.randint(-self.most, self.most + 1, (1,), generator=self.generator).item()
        out = torch.zeros_like(x)
        if k > 0:
            out[..., k:] = x[..., :-k]
        elif k < 0:
            out[..., :k] = x[..., -k:]
        else:
            out.copy_(x)
        return out


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high = low, high
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        factor = torch.rand(1, generator=self.generator).item()
        return x * (self.low + factor * (self.high - self.low))

# %% 5.5 wrong "train and eval the wrong way round" expect "the wrong way round"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma = sigma
        self.generator = generator

    def forward(self, x):
        if self.training:
            return x
        noise = torch.randn(x.shape, generator=self.generator).to(x.dtype)
        return x + noise * self.sigma


class RandomShift(nn.Module):
    def __init__(self, most, generator):
        super().__init__()
        self.most = most
        self.generator = generator

    def forward(self, x):
        if self.training:
            return x
        k = torch.randint(-self.most, self.most + 1, (1,), generator=self.generator).item()
        out = torch.zeros_like(x)
        if k > 0:
            out[..., k:] = x[..., :-k]
        elif k < 0:
            out[..., :k] = x[..., -k:]
        else:
            out.copy_(x)
        return out


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high = low, high
        self.generator = generator

    def forward(self, x):
        if self.training:
            return x
        factor = torch.rand(1, generator=self.generator).item()
        return x * (self.low + factor * (self.high - self.low))

# %% 5.5 wrong "in place" expect "the input changed"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma = sigma
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        noise = torch.randn(x.shape, generator=self.generator).to(x.dtype)
        x += noise * self.sigma
        return x


class RandomShift(nn.Module):
    def __init__(self, most, generator):
        super().__init__()
        self.most = most
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        k = torch.randint(-self.most, self.most + 1, (1,), generator=self.generator).item()
        out = torch.zeros_like(x)
        if k > 0:
            out[..., k:] = x[..., :-k]
        elif k < 0:
            out[..., :k] = x[..., -k:]
        else:
            out.copy_(x)
        return out


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high = low, high
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        factor = torch.rand(1, generator=self.generator).item()
        return x * (self.low + factor * (self.high - self.low))

# %% 5.5 wrong "sigma as a variance" expect "used as a variance"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma = sigma
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        noise = torch.randn(x.shape, generator=self.generator).to(x.dtype)
        return x + noise * self.sigma**0.5


class RandomShift(nn.Module):
    def __init__(self, most, generator):
        super().__init__()
        self.most = most
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        k = torch.randint(-self.most, self.most + 1, (1,), generator=self.generator).item()
        out = torch.zeros_like(x)
        if k > 0:
            out[..., k:] = x[..., :-k]
        elif k < 0:
            out[..., :k] = x[..., -k:]
        else:
            out.copy_(x)
        return out


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high = low, high
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        factor = torch.rand(1, generator=self.generator).item()
        return x * (self.low + factor * (self.high - self.low))

# %% 5.5 wrong "one noise value for the sample" expect "draw one for each value"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma = sigma
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        noise = torch.randn(1, generator=self.generator).to(x.dtype)
        return x + noise * self.sigma


class RandomShift(nn.Module):
    def __init__(self, most, generator):
        super().__init__()
        self.most = most
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        k = torch.randint(-self.most, self.most + 1, (1,), generator=self.generator).item()
        out = torch.zeros_like(x)
        if k > 0:
            out[..., k:] = x[..., :-k]
        elif k < 0:
            out[..., :k] = x[..., -k:]
        else:
            out.copy_(x)
        return out


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high = low, high
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        factor = torch.rand(1, generator=self.generator).item()
        return x * (self.low + factor * (self.high - self.low))

# %% 5.5 wrong "channels share their noise" expect "Each value has noise of its own"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma = sigma
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        noise = torch.randn(x.shape[-1:], generator=self.generator).to(x.dtype)
        return x + noise * self.sigma


class RandomShift(nn.Module):
    def __init__(self, most, generator):
        super().__init__()
        self.most = most
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        k = torch.randint(-self.most, self.most + 1, (1,), generator=self.generator).item()
        out = torch.zeros_like(x)
        if k > 0:
            out[..., k:] = x[..., :-k]
        elif k < 0:
            out[..., :k] = x[..., -k:]
        else:
            out.copy_(x)
        return out


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high = low, high
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        factor = torch.rand(1, generator=self.generator).item()
        return x * (self.low + factor * (self.high - self.low))

# %% 5.5 wrong "drawn once, when made" expect "repeats the noise"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma = sigma
        self.noise = torch.randn(100000, generator=generator)
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        noise = self.noise[: x.numel()].reshape(x.shape).to(x.dtype)
        return x + noise * self.sigma


class RandomShift(nn.Module):
    def __init__(self, most, generator):
        super().__init__()
        self.most = most
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        k = torch.randint(-self.most, self.most + 1, (1,), generator=self.generator).item()
        out = torch.zeros_like(x)
        if k > 0:
            out[..., k:] = x[..., :-k]
        elif k < 0:
            out[..., :k] = x[..., -k:]
        else:
            out.copy_(x)
        return out


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high = low, high
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        factor = torch.rand(1, generator=self.generator).item()
        return x * (self.low + factor * (self.high - self.low))

# %% 5.5 wrong "a factor for each value" expect "One factor for the whole sample"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma = sigma
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        noise = torch.randn(x.shape, generator=self.generator).to(x.dtype)
        return x + noise * self.sigma


class RandomShift(nn.Module):
    def __init__(self, most, generator):
        super().__init__()
        self.most = most
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        k = torch.randint(-self.most, self.most + 1, (1,), generator=self.generator).item()
        out = torch.zeros_like(x)
        if k > 0:
            out[..., k:] = x[..., :-k]
        elif k < 0:
            out[..., :k] = x[..., -k:]
        else:
            out.copy_(x)
        return out


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high = low, high
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        factor = torch.rand(x.shape, generator=self.generator)
        return x * (self.low + factor * (self.high - self.low))

# %% 5.5 wrong "low plus high times rand" expect "scale 1"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma = sigma
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        noise = torch.randn(x.shape, generator=self.generator).to(x.dtype)
        return x + noise * self.sigma


class RandomShift(nn.Module):
    def __init__(self, most, generator):
        super().__init__()
        self.most = most
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        k = torch.randint(-self.most, self.most + 1, (1,), generator=self.generator).item()
        out = torch.zeros_like(x)
        if k > 0:
            out[..., k:] = x[..., :-k]
        elif k < 0:
            out[..., :k] = x[..., -k:]
        else:
            out.copy_(x)
        return out


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high = low, high
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        factor = torch.rand(1, generator=self.generator).item()
        return x * (self.low + factor * self.high)

# %% 5.5 wrong "the global generator" expect "generator=self.generator"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma = sigma
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        noise = torch.randn(x.shape).to(x.dtype)
        return x + noise * self.sigma


class RandomShift(nn.Module):
    def __init__(self, most, generator):
        super().__init__()
        self.most = most
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        k = torch.randint(-self.most, self.most + 1, (1,)).item()
        out = torch.zeros_like(x)
        if k > 0:
            out[..., k:] = x[..., :-k]
        elif k < 0:
            out[..., :k] = x[..., -k:]
        else:
            out.copy_(x)
        return out


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high = low, high
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        factor = torch.rand(1).item()
        return x * (self.low + factor * (self.high - self.low))

# %% 5.5 wrong "left and right only" expect "k is -1, 0 or 1"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma = sigma
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        noise = torch.randn(x.shape, generator=self.generator).to(x.dtype)
        return x + noise * self.sigma


class RandomShift(nn.Module):
    def __init__(self, most, generator):
        super().__init__()
        self.most = most
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        k = self.most * (2 * torch.randint(0, 2, (1,), generator=self.generator).item() - 1)
        out = torch.zeros_like(x)
        if k > 0:
            out[..., k:] = x[..., :-k]
        elif k < 0:
            out[..., :k] = x[..., -k:]
        else:
            out.copy_(x)
        return out


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high = low, high
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        factor = torch.rand(1, generator=self.generator).item()
        return x * (self.low + factor * (self.high - self.low))

# %% 5.5 wrong "to the right only" expect "A shift to the left never came"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma = sigma
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        noise = torch.randn(x.shape, generator=self.generator).to(x.dtype)
        return x + noise * self.sigma


class RandomShift(nn.Module):
    def __init__(self, most, generator):
        super().__init__()
        self.most = most
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        k = torch.randint(0, self.most + 1, (1,), generator=self.generator).item()
        out = torch.zeros_like(x)
        if k > 0:
            out[..., k:] = x[..., :-k]
        else:
            out.copy_(x)
        return out


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high = low, high
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        factor = torch.rand(1, generator=self.generator).item()
        return x * (self.low + factor * (self.high - self.low))

# %% 5.5 wrong "no base class set up" expect "TypeError"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma = sigma
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        noise = torch.randn(x.shape, generator=self.generator).to(x.dtype)
        return x + noise * self.sigma


class RandomShift:
    def __init__(self, most, generator):
        self.most = most
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        k = torch.randint(-self.most, self.most + 1, (1,), generator=self.generator).item()
        out = torch.zeros_like(x)
        if k > 0:
            out[..., k:] = x[..., :-k]
        elif k < 0:
            out[..., :k] = x[..., -k:]
        else:
            out.copy_(x)
        return out


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high = low, high
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        factor = torch.rand(1, generator=self.generator).item()
        return x * (self.low + factor * (self.high - self.low))

# %% 5.5 wrong "float32 noise for every dtype, cut down" expect "dtype of the result"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma = sigma
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        noise = torch.randn(x.shape, generator=self.generator).to(x.dtype)
        return (x + noise * self.sigma).float()


class RandomShift(nn.Module):
    def __init__(self, most, generator):
        super().__init__()
        self.most = most
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        k = torch.randint(-self.most, self.most + 1, (1,), generator=self.generator).item()
        out = torch.zeros_like(x)
        if k > 0:
            out[..., k:] = x[..., :-k]
        elif k < 0:
            out[..., :k] = x[..., -k:]
        else:
            out.copy_(x)
        return out


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high = low, high
        self.generator = generator

    def forward(self, x):
        if not self.training:
            return x
        factor = torch.rand(1, generator=self.generator).item()
        return x * (self.low + factor * (self.high - self.low))

# %% 5.5 right "shift by padding and slicing, torch.normal"
class AddNoise(nn.Module):
    def __init__(self, sigma, generator):
        super().__init__()
        self.sigma, self.generator = float(sigma), generator

    def forward(self, x):
        if self.training:
            x = torch.normal(x, self.sigma, generator=self.generator)
        return x


class RandomShift(nn.Module):
    def __init__(self, most, generator):
        super().__init__()
        self.most, self.generator = most, generator

    def forward(self, x):
        if self.training:
            start = int(torch.randint(2 * self.most + 1, (1,), generator=self.generator))
            x = F.pad(x, (self.most, self.most))[..., start : start + x.shape[-1]]
        return x


class RandomScale(nn.Module):
    def __init__(self, low, high, generator):
        super().__init__()
        self.low, self.high, self.generator = low, high, generator

    def forward(self, x):
        if self.training:
            x = x * torch.empty(()).uniform_(self.low, self.high, generator=self.generator)
        return x

# %% 5.5 right "a common base class, gather for the shift"
class Drawn(nn.Module):
    def __init__(self, *settings):
        super().__init__()
        *self.settings, self.generator = settings

    def forward(self, x):
        return self.change(x.clone(), *self.settings) if self.training else x


class AddNoise(Drawn):
    def change(self, x, sigma):
        return x.add_(sigma * torch.randn(x.shape, generator=self.generator, dtype=x.dtype))


class RandomShift(Drawn):
    def change(self, x, most):
        k = torch.randint(-most, most + 1, (1,), generator=self.generator)
        where = torch.arange(x.shape[-1]) - k
        inside = (where >= 0) & (where < x.shape[-1])
        return torch.where(inside, x[..., where.clamp(0, x.shape[-1] - 1)], 0)


class RandomScale(Drawn):
    def change(self, x, low, high):
        return x.mul_(torch.lerp(torch.tensor(low), torch.tensor(high), torch.rand(1, generator=self.generator)))

# %% 5.6 wrong "the last column" expect "read on through its padding"
def collate(batch):
    seqs = [s for s, _ in batch]
    lengths = torch.tensor([len(s) for s in seqs])
    labels = torch.tensor([c for _, c in batch])
    return pad_sequence(seqs, batch_first=True), lengths, labels


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        return self.head(self.gru(x)[0][:, -1])

# %% 5.6 wrong "sorts, and does not undo it" expect "scores of a sequence of 1"
def collate(batch):
    seqs = [s for s, _ in batch]
    lengths = torch.tensor([len(s) for s in seqs])
    labels = torch.tensor([c for _, c in batch])
    return pad_sequence(seqs, batch_first=True), lengths, labels


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        lengths, order = lengths.sort(descending=True)
        packed = pack_padded_sequence(x[order], lengths, batch_first=True)
        return self.head(self.gru(packed)[1][-1])

# %% 5.6 wrong "undoes the sorting the wrong way round" expect "scores of six sequences"
def collate(batch):
    seqs = [s for s, _ in batch]
    lengths = torch.tensor([len(s) for s in seqs])
    labels = torch.tensor([c for _, c in batch])
    return pad_sequence(seqs, batch_first=True), lengths, labels


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        lengths, order = lengths.sort(descending=True)
        packed = pack_padded_sequence(x[order], lengths, batch_first=True)
        return self.head(self.gru(packed)[1][-1])[order]

# %% 5.6 wrong "length from the values that are not zero" expect "use lengths, not"
def collate(batch):
    seqs = [s for s, _ in batch]
    lengths = torch.tensor([len(s) for s in seqs])
    labels = torch.tensor([c for _, c in batch])
    return pad_sequence(seqs, batch_first=True), lengths, labels


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        lengths = (x != 0).any(dim=2).sum(dim=1)
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.head(self.gru(packed)[1][-1])

# %% 5.6 wrong "masks zeros, with the length as limit" expect "true zero was taken for padding"
def collate(batch):
    seqs = [s for s, _ in batch]
    lengths = torch.tensor([len(s) for s in seqs])
    labels = torch.tensor([c for _, c in batch])
    return pad_sequence(seqs, batch_first=True), lengths, labels


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        true = (x != 0).any(dim=2) & (torch.arange(x.shape[1]) < lengths[:, None])
        last = true.sum(dim=1).clamp(min=1) - 1
        return self.head(self.gru(x)[0][torch.arange(len(x)), last])

# %% 5.6 wrong "picks the step after the last" expect "scores of a sequence of 1"
def collate(batch):
    seqs = [s for s, _ in batch]
    lengths = torch.tensor([len(s) for s in seqs])
    labels = torch.tensor([c for _, c in batch])
    return pad_sequence(seqs, batch_first=True), lengths, labels


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        last = lengths.clamp(max=x.shape[1] - 1)
        return self.head(self.gru(x)[0][torch.arange(len(x)), last])

# %% 5.6 wrong "picks the step before the last" expect "One step too early"
def collate(batch):
    seqs = [s for s, _ in batch]
    lengths = torch.tensor([len(s) for s in seqs])
    labels = torch.tensor([c for _, c in batch])
    return pad_sequence(seqs, batch_first=True), lengths, labels


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        return self.head(self.gru(x)[0][torch.arange(len(x)), lengths - 2])

# %% 5.6 wrong "picks every length from every sequence" expect "Every length was picked"
def collate(batch):
    seqs = [s for s, _ in batch]
    lengths = torch.tensor([len(s) for s in seqs])
    labels = torch.tensor([c for _, c in batch])
    return pad_sequence(seqs, batch_first=True), lengths, labels


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        return self.head(self.gru(x)[0][:, lengths - 1])

# %% 5.6 wrong "mean of all true steps" expect "scores of a sequence of 1"
def collate(batch):
    seqs = [s for s, _ in batch]
    lengths = torch.tensor([len(s) for s in seqs])
    labels = torch.tensor([c for _, c in batch])
    return pad_sequence(seqs, batch_first=True), lengths, labels


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        out = self.gru(x)[0]
        true = torch.arange(x.shape[1]) < lengths[:, None]
        return self.head((out * true[..., None]).sum(dim=1) / lengths[:, None])

# %% 5.6 wrong "packs without enforce_sorted" expect "enforce_sorted"
def collate(batch):
    seqs = [s for s, _ in batch]
    lengths = torch.tensor([len(s) for s in seqs])
    labels = torch.tensor([c for _, c in batch])
    return pad_sequence(seqs, batch_first=True), lengths, labels


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True)
        return self.head(self.gru(packed)[1][-1])

# %% 5.6 wrong "time first" expect "the batch: padded, lengths, classes"
def collate(batch):
    seqs = [s for s, _ in batch]
    lengths = torch.tensor([len(s) for s in seqs])
    labels = torch.tensor([c for _, c in batch])
    return pad_sequence(seqs), lengths, labels


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.head(self.gru(packed)[1][-1])

# %% 5.6 wrong "collate sorts by length" expect "the batch: padded, lengths, classes"
def collate(batch):
    batch = sorted(batch, key=lambda item: -len(item[0]))
    seqs = [s for s, _ in batch]
    lengths = torch.tensor([len(s) for s in seqs])
    labels = torch.tensor([c for _, c in batch])
    return pad_sequence(seqs, batch_first=True), lengths, labels


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.head(self.gru(packed)[1][-1])

# %% 5.6 wrong "classes as floats" expect "the dtype is float32"
def collate(batch):
    seqs = [s for s, _ in batch]
    lengths = torch.tensor([len(s) for s in seqs])
    labels = torch.tensor([float(c) for _, c in batch])
    return pad_sequence(seqs, batch_first=True), lengths, labels


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.head(self.gru(packed)[1][-1])

# %% 5.6 wrong "padding on the left" expect "The padding stands first"
def collate(batch):
    seqs = [s for s, _ in batch]
    lengths = torch.tensor([len(s) for s in seqs])
    labels = torch.tensor([c for _, c in batch])
    return pad_sequence(seqs, batch_first=True, padding_side="left"), lengths, labels


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.head(self.gru(packed)[1][-1])

# %% 5.6 wrong "shape keeps the layer axis" expect "axis of the layers is still there"
def collate(batch):
    seqs = [s for s, _ in batch]
    lengths = torch.tensor([len(s) for s in seqs])
    labels = torch.tensor([c for _, c in batch])
    return pad_sequence(seqs, batch_first=True), lengths, labels


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.head(self.gru(packed)[1])

# %% 5.6 right "gather at length - 1"
def collate(batch):
    seqs = [s for s, _ in batch]
    lengths = torch.tensor([len(s) for s in seqs])
    labels = torch.tensor([c for _, c in batch])
    return pad_sequence(seqs, batch_first=True), lengths, labels


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        states, _ = self.gru(x)
        last = (lengths - 1).view(-1, 1, 1).expand(-1, 1, states.shape[2])
        return self.head(states.gather(1, last).squeeze(1))

# %% 5.6 right "one sequence after the other"
def collate(batch):
    width = max(len(sequence) for sequence, _ in batch)
    padded = torch.stack([F.pad(s, (0, 0, 0, width - len(s))) for s, _ in batch])
    return (
        padded,
        torch.as_tensor([s.shape[0] for s, _ in batch]),
        torch.as_tensor([label for _, label in batch]),
    )


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, 1, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        rows = [self.gru(row[None, :n])[1][0, 0] for row, n in zip(x, lengths.tolist())]
        return torch.stack([self.head(row) for row in rows])

# %% 5.6 right "sorted by hand and put back"
def collate(batch):
    seqs = [s for s, _ in batch]
    lengths = torch.tensor([len(s) for s in seqs])
    labels = torch.tensor([c for _, c in batch])
    return pad_sequence(seqs, batch_first=True), lengths, labels


class LastStateGRU(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x, lengths):
        lengths, order = lengths.sort(descending=True)
        packed = pack_padded_sequence(x[order], lengths, batch_first=True)
        return self.head(self.gru(packed)[1][0][order.argsort()])

# %% 5.7 wrong "stats from all rows" expect "of parts['train'] only"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, sorted(r for p in parts.values() for r in p), label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "learn_stats ignores rows" expect "Row 3 was read too"
def learn_stats(table, rows, label):
    rows = range(len(table[label]))
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "classes numbered by appearance" expect "what is learnt from rows 0, 1 and 2"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": list(dict.fromkeys(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "classes numbered anew in encode" expect "rows 0, 2 and 3 encoded"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [list(dict.fromkeys(table[stats["label"]][s] for s in rows)).index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "shuffles validation and test" expect "in the order of parts"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size, shuffle=True, generator=seeded(1))
    return loaders, stats

# %% 5.7 wrong "noise in every loader" expect "without noise"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(Noisy(x, y, noise, seeded(seed)), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "missing becomes the number 0" expect "not the number 0 before it"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(-info["mean"] / info["scale"])
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "missing counts as 0 in the statistics" expect "what is learnt from rows 0, 1 and 2"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = ["0" if table[name][r] in MISSING else table[name][r] for r in rows]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "divisor n - 1" expect "divisor n - 1: n is asked for"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std(ddof=1)) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "shuffles the training rows, no weights" expect "a weighted sampler is missing"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, shuffle=True, generator=seeded(seed))
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "weights are the class counts" expect "The frequent class got the larger weight"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [float(counts[c]) for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "one weight for each class" expect "shares of the two classes"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in sorted(counts)]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "draws one batch an epoch" expect "as many rows as it has"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, batch_size, generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "draws without replacement" expect "draws without replacement"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(
                weights, len(y), replacement=False, generator=seeded(seed)
            )
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "weights looked up twice" expect "its weights are not 1 /"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = (1 / y.bincount()[y])[y]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "no noise at all" expect "There is no noise"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x, self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "noise drawn once, while building" expect "draw when a sample is fetched"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = TensorDataset(x + noise * torch.randn(x.shape, generator=seeded(seed)), y)
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "no generator for the sampler" expect "Give the sampler a generator"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "tensors in the stats" expect "Plain numbers, texts and lists"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": torch.tensor(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "columns in the table's order" expect "the order of stats counts"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name in (n for n in table if n in stats["columns"]):
            info = stats["columns"][name]
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "missing text is a value of its own" expect "what is learnt from rows 0, 1 and 2"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted({table[name][r] for r in rows})}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 wrong "the last batch of validation is dropped" expect "the short last batch too"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size, drop_last=len(y) > batch_size)
    return loaders, stats

# %% 5.7 right "the noise in a Dataset, NumPy for the statistics"
def learn_stats(table, rows, label):
    stats = {"label": label, "classes": sorted(set(table[label][r] for r in rows)), "columns": {}}
    for name in table:
        if name == label:
            continue
        cells = [table[name][r] for r in rows if table[name][r] not in MISSING]
        if all(number(c) is not None for c in cells):
            values = np.array([float(c) for c in cells])
            scale = float(values.std()) or 1.0
            stats["columns"][name] = {"mean": float(values.mean()), "scale": scale}
        else:
            stats["columns"][name] = {"values": sorted(set(cells))}
    return stats


def encode(table, rows, stats):
    x = []
    for r in rows:
        row = []
        for name, info in stats["columns"].items():
            cell = table[name][r]
            if "values" in info:
                row += [1.0 if cell == v else 0.0 for v in info["values"]]
            elif number(cell) is None:
                row.append(0.0)
            else:
                row.append((number(cell) - info["mean"]) / info["scale"])
        x.append(row)
    y = [stats["classes"].index(table[stats["label"]][r]) for r in rows]
    return torch.tensor(x), torch.tensor(y)


# cell ex-5-7-b
class Noisy(Dataset):
    def __init__(self, x, y, noise, source):
        self.x, self.y, self.noise, self.source = x, y, noise, source

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return x + self.noise * torch.randn(x.shape, generator=self.source), self.y[i]


def build(table, label, parts, batch_size, noise, seed):
    stats = learn_stats(table, parts["train"], label)
    loaders = {}
    for name in parts:
        x, y = encode(table, parts[name], stats)
        if name == "train":
            counts = Counter(y.tolist())
            weights = [1 / counts[c] for c in y.tolist()]
            sampler = WeightedRandomSampler(weights, len(y), generator=seeded(seed))
            data = Noisy(x, y, noise, seeded(seed))
            loaders[name] = DataLoader(data, batch_size=batch_size, sampler=sampler)
        else:
            loaders[name] = DataLoader(TensorDataset(x, y), batch_size=batch_size)
    return loaders, stats

# %% 5.7 right "a sampler of one's own, tensors throughout"
def learn_stats(table, rows, label):
    def about(cells):
        cells = [cell for cell in cells if cell not in MISSING]
        values = [number(cell) for cell in cells]
        if None in values:
            return {"values": sorted(set(cells))}
        mean = sum(values) / len(values)
        scale = (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5
        return {"mean": mean, "scale": 1.0 if len(set(values)) == 1 else scale}

    columns = {n: about([c[r] for r in rows]) for n, c in table.items() if n != label}
    return {"label": label, "classes": sorted({table[label][r] for r in rows}), "columns": columns}


def encode(table, rows, stats):
    rows, blocks = list(rows), []
    for name, info in stats["columns"].items():
        cells = [table[name][r] for r in rows]
        if "values" in info:
            place = {value: k for k, value in enumerate(info["values"])}
            ids = torch.tensor([place.get(cell, len(place)) for cell in cells])
            blocks.append(F.one_hot(ids, len(place) + 1)[:, :-1].float())
        else:
            v = torch.tensor([math.nan if number(c) is None else number(c) for c in cells])
            blocks.append(((v - info["mean"]) / info["scale"]).nan_to_num(0.0)[:, None])
    names = {value: k for k, value in enumerate(stats["classes"])}
    return torch.hstack(blocks), torch.tensor([names[table[stats["label"]][r]] for r in rows])


# cell ex-5-7-b
class Balanced(torch.utils.data.Sampler):
    def __init__(self, y, source):
        self.y, self.source = y, source

    def __len__(self):
        return len(self.y)

    def __iter__(self):
        weights = 1.0 / self.y.bincount(minlength=int(self.y.max()) + 1)[self.y].double()
        yield from torch.multinomial(weights, len(self.y), True, generator=self.source).tolist()


def build(table, label, parts, batch_size, noise, seed):
    stats, source = learn_stats(table, parts["train"], label), seeded(seed)
    data = {name: TensorDataset(*encode(table, rows, stats)) for name, rows in parts.items()}

    def disturbed(items):
        x, y = default_collate(items)
        return torch.normal(x, noise, generator=source) if noise else x, y

    loaders = {name: DataLoader(d, batch_size) for name, d in data.items() if name != "train"}
    balanced = Balanced(data["train"].tensors[1], source)
    loaders["train"] = DataLoader(
        data["train"], batch_size, sampler=balanced, collate_fn=disturbed
    )
    return loaders, stats

# %% 5.8 wrong "little-endian" expect "Bytes in the wrong order?"
def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError) as error:
            raise ValueError("damaged gzip file") from error
    if len(data) < 8:
        raise ValueError("too short")
    magic, n = struct.unpack("<II", data[:8])
    if magic == 17301504:
        if len(data) != 8 + n:
            raise ValueError("wrong length")
        return torch.tensor(list(data[8:]), dtype=torch.int64)
    if magic != 50855936:
        raise ValueError("wrong magic number")
    if len(data) < 16:
        raise ValueError("too short")
    h, w = struct.unpack("<II", data[8:16])
    if len(data) != 16 + n * h * w:
        raise ValueError("wrong length")
    pixels = np.frombuffer(data[16:], np.uint8).astype(np.float32) / 255
    return torch.from_numpy(pixels).reshape(n, 1, h, w)

# %% 5.8 wrong "the header as pixels" expect "the pixels begin at byte 16"
def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError) as error:
            raise ValueError("damaged gzip file") from error
    if len(data) < 8:
        raise ValueError("too short")
    magic, n = struct.unpack(">II", data[:8])
    if magic == 2049:
        if len(data) != 8 + n:
            raise ValueError("wrong length")
        return torch.tensor(list(data[8:]), dtype=torch.int64)
    if magic != 2051:
        raise ValueError("wrong magic number")
    if len(data) < 16:
        raise ValueError("too short")
    h, w = struct.unpack(">II", data[8:16])
    if len(data) != 16 + n * h * w:
        raise ValueError("wrong length")
    pixels = np.frombuffer(data[: n * h * w], np.uint8).astype(np.float32) / 255
    return torch.from_numpy(pixels).reshape(n, 1, h, w)

# %% 5.8 wrong "uint8 is returned" expect "one image of 2 × 3 pixels"
def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError) as error:
            raise ValueError("damaged gzip file") from error
    if len(data) < 8:
        raise ValueError("too short")
    magic, n = struct.unpack(">II", data[:8])
    if magic == 2049:
        if len(data) != 8 + n:
            raise ValueError("wrong length")
        return torch.tensor(list(data[8:]), dtype=torch.int64)
    if magic != 2051:
        raise ValueError("wrong magic number")
    if len(data) < 16:
        raise ValueError("too short")
    h, w = struct.unpack(">II", data[8:16])
    if len(data) != 16 + n * h * w:
        raise ValueError("wrong length")
    pixels = np.frombuffer(data[16:], np.uint8).copy()
    return torch.from_numpy(pixels).reshape(n, 1, h, w)

# %% 5.8 wrong "not divided by 255" expect "still go to 255"
def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError) as error:
            raise ValueError("damaged gzip file") from error
    if len(data) < 8:
        raise ValueError("too short")
    magic, n = struct.unpack(">II", data[:8])
    if magic == 2049:
        if len(data) != 8 + n:
            raise ValueError("wrong length")
        return torch.tensor(list(data[8:]), dtype=torch.int64)
    if magic != 2051:
        raise ValueError("wrong magic number")
    if len(data) < 16:
        raise ValueError("too short")
    h, w = struct.unpack(">II", data[8:16])
    if len(data) != 16 + n * h * w:
        raise ValueError("wrong length")
    pixels = np.frombuffer(data[16:], np.uint8).astype(np.float32)
    return torch.from_numpy(pixels).reshape(n, 1, h, w)

# %% 5.8 wrong "no channel axis" expect "The channel axis is missing"
def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError) as error:
            raise ValueError("damaged gzip file") from error
    if len(data) < 8:
        raise ValueError("too short")
    magic, n = struct.unpack(">II", data[:8])
    if magic == 2049:
        if len(data) != 8 + n:
            raise ValueError("wrong length")
        return torch.tensor(list(data[8:]), dtype=torch.int64)
    if magic != 2051:
        raise ValueError("wrong magic number")
    if len(data) < 16:
        raise ValueError("too short")
    h, w = struct.unpack(">II", data[8:16])
    if len(data) != 16 + n * h * w:
        raise ValueError("wrong length")
    pixels = np.frombuffer(data[16:], np.uint8).astype(np.float32) / 255
    return torch.from_numpy(pixels).reshape(n, h, w)

# %% 5.8 wrong "height and width swapped" expect "the shape is (1, 1, 3, 2)"
def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError) as error:
            raise ValueError("damaged gzip file") from error
    if len(data) < 8:
        raise ValueError("too short")
    magic, n = struct.unpack(">II", data[:8])
    if magic == 2049:
        if len(data) != 8 + n:
            raise ValueError("wrong length")
        return torch.tensor(list(data[8:]), dtype=torch.int64)
    if magic != 2051:
        raise ValueError("wrong magic number")
    if len(data) < 16:
        raise ValueError("too short")
    w, h = struct.unpack(">II", data[8:16])
    if len(data) != 16 + n * h * w:
        raise ValueError("wrong length")
    pixels = np.frombuffer(data[16:], np.uint8).astype(np.float32) / 255
    return torch.from_numpy(pixels).reshape(n, 1, h, w)

# %% 5.8 wrong "sizes from their last byte only" expect "wrong length"
def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError) as error:
            raise ValueError("damaged gzip file") from error
    if len(data) < 8:
        raise ValueError("too short")
    magic, n = struct.unpack(">I", data[:4])[0], data[7]
    if magic == 2049:
        if len(data) != 8 + n:
            raise ValueError("wrong length")
        return torch.tensor(list(data[8:]), dtype=torch.int64)
    if magic != 2051:
        raise ValueError("wrong magic number")
    if len(data) < 16:
        raise ValueError("too short")
    h, w = struct.unpack(">II", data[8:16])
    if len(data) != 16 + n * h * w:
        raise ValueError("wrong length")
    pixels = np.frombuffer(data[16:], np.uint8).astype(np.float32) / 255
    return torch.from_numpy(pixels).reshape(n, 1, h, w)

# %% 5.8 wrong "magic number not checked" expect "a file of two dimensions"
def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError) as error:
            raise ValueError("damaged gzip file") from error
    if len(data) < 8:
        raise ValueError("too short")
    magic, n = struct.unpack(">II", data[:8])
    if magic == 2049:
        if len(data) != 8 + n:
            raise ValueError("wrong length")
        return torch.tensor(list(data[8:]), dtype=torch.int64)
    if len(data) < 16:
        raise ValueError("too short")
    h, w = struct.unpack(">II", data[8:16])
    if len(data) != 16 + n * h * w:
        raise ValueError("wrong length")
    pixels = np.frombuffer(data[16:], np.uint8).astype(np.float32) / 255
    return torch.from_numpy(pixels).reshape(n, 1, h, w)

# %% 5.8 wrong "asks for the dimensions only" expect "Compare the whole magic number"
def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError) as error:
            raise ValueError("damaged gzip file") from error
    if len(data) < 8:
        raise ValueError("too short")
    magic, n = 2048 + data[3], struct.unpack(">I", data[4:8])[0]
    if magic == 2049:
        if len(data) != 8 + n:
            raise ValueError("wrong length")
        return torch.tensor(list(data[8:]), dtype=torch.int64)
    if magic != 2051:
        raise ValueError("wrong magic number")
    if len(data) < 16:
        raise ValueError("too short")
    h, w = struct.unpack(">II", data[8:16])
    if len(data) != 16 + n * h * w:
        raise ValueError("wrong length")
    pixels = np.frombuffer(data[16:], np.uint8).astype(np.float32) / 255
    return torch.from_numpy(pixels).reshape(n, 1, h, w)

# %% 5.8 wrong "length not checked" expect "nothing was raised"
def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError) as error:
            raise ValueError("damaged gzip file") from error
    if len(data) < 8:
        raise ValueError("too short")
    magic, n = struct.unpack(">II", data[:8])
    if magic == 2049:
        if len(data) != 8 + n:
            raise ValueError("wrong length")
        return torch.tensor(list(data[8:]), dtype=torch.int64)
    if magic != 2051:
        raise ValueError("wrong magic number")
    if len(data) < 16:
        raise ValueError("too short")
    h, w = struct.unpack(">II", data[8:16])
    if False:
        raise ValueError("wrong length")
    pixels = np.frombuffer(data[16 : 16 + (len(data) - 16) // (h * w) * h * w], np.uint8).astype(np.float32) / 255
    return torch.from_numpy(pixels).reshape(-1, 1, h, w)

# %% 5.8 wrong "too long is fine" expect "The length must fit exactly"
def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError) as error:
            raise ValueError("damaged gzip file") from error
    if len(data) < 8:
        raise ValueError("too short")
    magic, n = struct.unpack(">II", data[:8])
    if magic == 2049:
        if len(data) != 8 + n:
            raise ValueError("wrong length")
        return torch.tensor(list(data[8:]), dtype=torch.int64)
    if magic != 2051:
        raise ValueError("wrong magic number")
    if len(data) < 16:
        raise ValueError("too short")
    h, w = struct.unpack(">II", data[8:16])
    if len(data) < 16 + n * h * w:
        raise ValueError("wrong length")
    pixels = np.frombuffer(data[16 : 16 + n * h * w], np.uint8).astype(np.float32) / 255
    return torch.from_numpy(pixels).reshape(n, 1, h, w)

# %% 5.8 wrong "gzip by the name" expect "its name says nothing"
def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    if str(path).endswith(".gz"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError) as error:
            raise ValueError("damaged gzip file") from error
    if len(data) < 8:
        raise ValueError("too short")
    magic, n = struct.unpack(">II", data[:8])
    if magic == 2049:
        if len(data) != 8 + n:
            raise ValueError("wrong length")
        return torch.tensor(list(data[8:]), dtype=torch.int64)
    if magic != 2051:
        raise ValueError("wrong magic number")
    if len(data) < 16:
        raise ValueError("too short")
    h, w = struct.unpack(">II", data[8:16])
    if len(data) != 16 + n * h * w:
        raise ValueError("wrong length")
    pixels = np.frombuffer(data[16:], np.uint8).astype(np.float32) / 255
    return torch.from_numpy(pixels).reshape(n, 1, h, w)

# %% 5.8 wrong "no gzip" expect "says that a file is zipped"
def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    if len(data) < 8:
        raise ValueError("too short")
    magic, n = struct.unpack(">II", data[:8])
    if magic == 2049:
        if len(data) != 8 + n:
            raise ValueError("wrong length")
        return torch.tensor(list(data[8:]), dtype=torch.int64)
    if magic != 2051:
        raise ValueError("wrong magic number")
    if len(data) < 16:
        raise ValueError("too short")
    h, w = struct.unpack(">II", data[8:16])
    if len(data) != 16 + n * h * w:
        raise ValueError("wrong length")
    pixels = np.frombuffer(data[16:], np.uint8).astype(np.float32) / 255
    return torch.from_numpy(pixels).reshape(n, 1, h, w)

# %% 5.8 wrong "EOFError of gzip goes through" expect "turn it into ValueError"
def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except OSError as error:
            raise ValueError("damaged gzip file") from error
    if len(data) < 8:
        raise ValueError("too short")
    magic, n = struct.unpack(">II", data[:8])
    if magic == 2049:
        if len(data) != 8 + n:
            raise ValueError("wrong length")
        return torch.tensor(list(data[8:]), dtype=torch.int64)
    if magic != 2051:
        raise ValueError("wrong magic number")
    if len(data) < 16:
        raise ValueError("too short")
    h, w = struct.unpack(">II", data[8:16])
    if len(data) != 16 + n * h * w:
        raise ValueError("wrong length")
    pixels = np.frombuffer(data[16:], np.uint8).astype(np.float32) / 255
    return torch.from_numpy(pixels).reshape(n, 1, h, w)

# %% 5.8 wrong "labels stay bytes" expect "int64, from byte 8 on"
def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError) as error:
            raise ValueError("damaged gzip file") from error
    if len(data) < 8:
        raise ValueError("too short")
    magic, n = struct.unpack(">II", data[:8])
    if magic == 2049:
        if len(data) != 8 + n:
            raise ValueError("wrong length")
        return torch.tensor(list(data[8:]), dtype=torch.uint8)
    if magic != 2051:
        raise ValueError("wrong magic number")
    if len(data) < 16:
        raise ValueError("too short")
    h, w = struct.unpack(">II", data[8:16])
    if len(data) != 16 + n * h * w:
        raise ValueError("wrong length")
    pixels = np.frombuffer(data[16:], np.uint8).astype(np.float32) / 255
    return torch.from_numpy(pixels).reshape(n, 1, h, w)

# %% 5.8 wrong "reads with struct, short header raises struct.error" expect "before you read the sizes"
def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError) as error:
            raise ValueError("damaged gzip file") from error
    if len(data) < 8:
        raise ValueError("too short")
    magic, n = struct.unpack(">II", data[:8])
    if magic == 2049:
        if len(data) != 8 + n:
            raise ValueError("wrong length")
        return torch.tensor(list(data[8:]), dtype=torch.int64)
    if magic != 2051:
        raise ValueError("wrong magic number")
    h, w = struct.unpack(">II", data[8:16])
    if len(data) != 16 + n * h * w:
        raise ValueError("wrong length")
    pixels = np.frombuffer(data[16:], np.uint8).astype(np.float32) / 255
    return torch.from_numpy(pixels).reshape(n, 1, h, w)

# %% 5.8 right "struct and a list"
def read_idx(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError) as error:
            raise ValueError("damaged gzip file") from error
    if len(data) < 8:
        raise ValueError("too short")
    magic, n = struct.unpack(">II", data[:8])
    if magic == 2049:
        if len(data) != 8 + n:
            raise ValueError("wrong length")
        return torch.tensor(list(data[8:]), dtype=torch.int64)
    if magic != 2051:
        raise ValueError("wrong magic number")
    if len(data) < 16:
        raise ValueError("too short")
    h, w = struct.unpack(">II", data[8:16])
    if len(data) != 16 + n * h * w:
        raise ValueError("wrong length")
    pixels = np.frombuffer(data[16:], np.uint8).astype(np.float32) / 255
    return torch.from_numpy(pixels).reshape(n, 1, h, w)

# %% 5.8 right "a stream, opened by content, general in its dimensions"
def read_idx(path):
    with open(path, "rb") as peek:
        zipped = peek.read(2) == b"\x1f\x8b"
    with (gzip.open if zipped else open)(path, "rb") as file:
        try:
            content = file.read()
        except (EOFError, gzip.BadGzipFile) as error:
            raise ValueError(str(error)) from error
    stream = io.BytesIO(content)
    zeros, kind, dims = stream.read(2), stream.read(1), stream.read(1)
    if zeros != b"\0\0" or kind != b"\x08" or dims not in (b"\1", b"\3"):
        raise ValueError("not an IDX file of labels or images")
    sizes = [stream.read(4) for _ in range(dims[0])]
    if any(len(size) < 4 for size in sizes):
        raise ValueError("the header is cut off")
    shape = [int.from_bytes(size, "big") for size in sizes]
    rest = stream.read()
    if len(rest) != math.prod(shape):
        raise ValueError("the length is not what the header says")
    values = np.frombuffer(rest, dtype=np.uint8).reshape(shape)
    if len(shape) == 1:
        return torch.from_numpy(values.astype(np.int64))
    return torch.from_numpy(values.astype(np.float32)).unsqueeze(1).div(255)
