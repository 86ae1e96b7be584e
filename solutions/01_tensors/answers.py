# Named answers of chapter 1: each wrong one is a mistake that somebody makes, with a fragment of the
# message that must meet it; each right one takes another way than the solution.

# %% predict-1-1 wrong "a: the sum of ordinary arithmetic" expect "has no room for 300"
predict_1_1 = "a"

# %% predict-1-1 wrong "b: clipped like a colour" expect "does not clip"
predict_1_1 = "b"

# %% predict-1-1 wrong "d: overflow is an error" expect "raises nothing"
predict_1_1 = "d"

# %% predict-1-1 wrong "a sentence in place of a letter" expect "your choice"
predict_1_1 = "it prints 44"

# %% predict-1-1 wrong "another name" expect "NameError"
predict_1_2 = "c"

# %% predict-1-2 wrong "a: view always notices" expect "divides evenly"
predict_1_2 = "a"

# %% predict-1-2 wrong "b: one row a sample" expect "does not know what a sample is"
predict_1_2 = "b"

# %% predict-1-2 wrong "c: twice the size in one direction only" expect "in both directions"
predict_1_2 = "c"

# %% predict-1-3 wrong "b: the column is flattened" expect "never drops the extra dimension"
predict_1_3 = "b"

# %% predict-1-3 wrong "c: the target is stood upright" expect "aligned at the right"
predict_1_3 = "c"

# %% predict-1-3 wrong "d: different shapes never meet" expect "a missing dimension counts as 1"
predict_1_3 = "d"

# %% predict-1-4 wrong "a: everything in brackets is a view" expect "a mask cannot be said so"
predict_1_4 = "a"

# %% predict-1-4 wrong "c: a list of one row is that row" expect "a list of positions copies"
predict_1_4 = "c"

# %% predict-1-4 wrong "d: indexing always copies" expect "a plain number in the brackets gives a view"
predict_1_4 = "d"

# %% 1.1 wrong "uniform instead of normal" expect "rand is uniform between 0 and 1"
def make_tensors(seed, rows):
    generator = torch.Generator().manual_seed(seed)
    return {
        "normal": torch.rand(rows, 3, generator=generator),
        "grid": torch.arange(16).reshape(4, 4),
        "even": torch.linspace(0, 1, 10),
        "identity": torch.eye(3),
    }

# %% 1.1 wrong "arange leaves out the end" expect "linspace includes both ends"
def make_tensors(seed, rows):
    generator = torch.Generator().manual_seed(seed)
    return {
        "normal": torch.randn(rows, 3, generator=generator),
        "grid": torch.arange(16).reshape(4, 4),
        "even": torch.arange(0, 1, 0.1),
        "identity": torch.eye(3),
    }

# %% 1.1 wrong "eleven points" expect "ten points lie 1/9 apart"
def make_tensors(seed, rows):
    generator = torch.Generator().manual_seed(seed)
    return {
        "normal": torch.randn(rows, 3, generator=generator),
        "grid": torch.arange(16).reshape(4, 4),
        "even": torch.linspace(0, 1, 11),
        "identity": torch.eye(3),
    }

# %% 1.1 wrong "the grid filled by columns" expect "filled column by column"
def make_tensors(seed, rows):
    generator = torch.Generator().manual_seed(seed)
    return {
        "normal": torch.randn(rows, 3, generator=generator),
        "grid": torch.arange(16).reshape(4, 4).T,
        "even": torch.linspace(0, 1, 10),
        "identity": torch.eye(3),
    }

# %% 1.1 wrong "counts from one" expect "sixteen numbers from 0"
def make_tensors(seed, rows):
    generator = torch.Generator().manual_seed(seed)
    return {
        "normal": torch.randn(rows, 3, generator=generator),
        "grid": torch.arange(1, 17).reshape(4, 4),
        "even": torch.linspace(0, 1, 10),
        "identity": torch.eye(3),
    }

# %% 1.1 wrong "the grid in floats" expect "the dtype is float32 where int64"
def make_tensors(seed, rows):
    generator = torch.Generator().manual_seed(seed)
    return {
        "normal": torch.randn(rows, 3, generator=generator),
        "grid": torch.arange(16.0).reshape(4, 4),
        "even": torch.linspace(0, 1, 10),
        "identity": torch.eye(3),
    }

# %% 1.1 wrong "the identity in integers" expect "the dtype is int64 where float32"
def make_tensors(seed, rows):
    generator = torch.Generator().manual_seed(seed)
    return {
        "normal": torch.randn(rows, 3, generator=generator),
        "grid": torch.arange(16).reshape(4, 4),
        "even": torch.linspace(0, 1, 10),
        "identity": torch.eye(3, dtype=torch.int64),
    }

# %% 1.1 wrong "seeds the global dice" expect "the dice of the whole program"
def make_tensors(seed, rows):
    torch.manual_seed(seed)
    return {
        "normal": torch.randn(rows, 3),
        "grid": torch.arange(16).reshape(4, 4),
        "even": torch.linspace(0, 1, 10),
        "identity": torch.eye(3),
    }

# %% 1.1 wrong "forgets the seed" expect "the difference of two calls with the same seed"
def make_tensors(seed, rows):
    pass
    return {
        "normal": torch.randn(rows, 3),
        "grid": torch.arange(16).reshape(4, 4),
        "even": torch.linspace(0, 1, 10),
        "identity": torch.eye(3),
    }

# %% 1.1 wrong "seeds from nothing" expect "two calls with the same seed"
def make_tensors(seed, rows):
    generator = torch.Generator(); generator.seed()
    return {
        "normal": torch.randn(rows, 3, generator=generator),
        "grid": torch.arange(16).reshape(4, 4),
        "even": torch.linspace(0, 1, 10),
        "identity": torch.eye(3),
    }

# %% 1.1 wrong "always the same seed" expect "always the same"
def make_tensors(seed, rows):
    generator = torch.Generator().manual_seed(0)
    return {
        "normal": torch.randn(rows, 3, generator=generator),
        "grid": torch.arange(16).reshape(4, 4),
        "even": torch.linspace(0, 1, 10),
        "identity": torch.eye(3),
    }

# %% 1.1 wrong "five rows whatever is asked" expect "the number of rows is an argument"
def make_tensors(seed, rows):
    generator = torch.Generator().manual_seed(seed)
    return {
        "normal": torch.randn(5, 3, generator=generator),
        "grid": torch.arange(16).reshape(4, 4),
        "even": torch.linspace(0, 1, 10),
        "identity": torch.eye(3),
    }

# %% 1.1 wrong "NumPy's even points" expect "the dtype is float64 where float32"
def make_tensors(seed, rows):
    generator = torch.Generator().manual_seed(seed)
    return {
        "normal": torch.randn(rows, 3, generator=generator),
        "grid": torch.arange(16).reshape(4, 4),
        "even": torch.from_numpy(np.linspace(0, 1, 10)),
        "identity": torch.eye(3),
    }

# %% 1.1 wrong "prints instead of returning" expect "TypeError"
def make_tensors(seed, rows):
    generator = torch.Generator().manual_seed(seed)
    print(torch.randn(rows, 3, generator=generator), torch.arange(16).reshape(4, 4))
    print(torch.linspace(0, 1, 10), torch.eye(3))

# %% 1.1 wrong "uniform numbers around zero" expect "rand is not"
def make_tensors(seed, rows):
    generator = torch.Generator().manual_seed(seed)
    return {
        "normal": torch.rand(rows, 3, generator=generator) - 0.5,
        "grid": torch.arange(16).reshape(4, 4),
        "even": torch.linspace(0, 1, 10),
        "identity": torch.eye(3),
    }

# %% 1.1 wrong "NumPy's dice" expect "NumPy's numbers arrive as float64"
def make_tensors(seed, rows):
    return {
        "normal": torch.tensor(np.random.default_rng(seed).standard_normal((rows, 3))),
        "grid": torch.arange(16).view(4, 4),
        "even": torch.linspace(0, 1, 10),
        "identity": torch.eye(3),
    }

# %% 1.1 right "in place draws, view, division and a diagonal"
def make_tensors(seed, rows):
    generator = torch.Generator().manual_seed(seed)
    return {
        "normal": torch.empty(rows, 3).normal_(generator=generator),
        "grid": torch.arange(0, 16).view(4, -1),
        "even": torch.arange(10) / 9,
        "identity": torch.ones(3).diag(),
    }

# %% 1.1 right "torch.normal, plain lists and seeded"
def make_tensors(seed, rows):
    generator = seeded(seed)
    return {
        "normal": torch.normal(0.0, 1.0, (rows, 3), generator=generator),
        "grid": torch.tensor([[4 * i + j for j in range(4)] for i in range(4)]),
        "even": torch.tensor([i / 9 for i in range(10)]),
        "identity": torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]),
    }

# %% 1.1 right "the global dice, put back afterwards"
def make_tensors(seed, rows):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        normal = torch.randn(rows, 3)
    return {
        "normal": normal,
        "grid": torch.tensor([[4 * i + j for j in range(4)] for i in range(4)]),
        "even": torch.arange(10) / 9,
        "identity": torch.ones(3).diag(),
    }

# %% 1.2 wrong "reshape in place of transpose" expect "to swap dimensions, transpose"
def shape_tour(x, shape):
    grid = x.reshape(shape)
    swapped = grid.reshape(shape[0], shape[2], shape[1])
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)


def reshape_chain(t):
    a, b, c = t.shape
    return t.reshape(a * b, c), t.reshape(1, -1), t.reshape(a, b, c)


def footprint(t):
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes()}

# %% 1.2 wrong "flattens the first tensor" expect "flatten the swapped tensor"
def shape_tour(x, shape):
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2)
    return grid, swapped, grid.flatten(), x.unsqueeze(0)


def reshape_chain(t):
    a, b, c = t.shape
    return t.reshape(a * b, c), t.reshape(1, -1), t.reshape(a, b, c)


def footprint(t):
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes()}

# %% 1.2 wrong "the new dimension comes last" expect "comes first, not last"
def shape_tour(x, shape):
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2)
    return grid, swapped, swapped.flatten(), x.reshape(-1, 1)


def reshape_chain(t):
    a, b, c = t.shape
    return t.reshape(a * b, c), t.reshape(1, -1), t.reshape(a, b, c)


def footprint(t):
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes()}

# %% 1.2 wrong "a row of the wrong tensor" expect "x with a new first dimension"
def shape_tour(x, shape):
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2)
    return grid, swapped, swapped.flatten(), swapped.reshape(1, -1)


def reshape_chain(t):
    a, b, c = t.shape
    return t.reshape(a * b, c), t.reshape(1, -1), t.reshape(a, b, c)


def footprint(t):
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes()}

# %% 1.2 wrong "swaps the first two" expect "the last two dimensions swapped"
def shape_tour(x, shape):
    grid = x.reshape(shape)
    swapped = grid.transpose(0, 1)
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)


def reshape_chain(t):
    a, b, c = t.shape
    return t.reshape(a * b, c), t.reshape(1, -1), t.reshape(a, b, c)


def footprint(t):
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes()}

# %% 1.2 wrong "reverses all dimensions" expect "the last two dimensions swapped"
def shape_tour(x, shape):
    grid = x.reshape(shape)
    swapped = grid.permute(2, 1, 0)
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)


def reshape_chain(t):
    a, b, c = t.shape
    return t.reshape(a * b, c), t.reshape(1, -1), t.reshape(a, b, c)


def footprint(t):
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes()}

# %% 1.2 wrong "sizes of the example written in" expect "RuntimeError"
def shape_tour(x, shape):
    grid = x.reshape(2, 3, 4)
    swapped = grid.permute(0, 2, 1)
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)


def reshape_chain(t):
    a, b, c = t.shape
    return t.reshape(a * b, c), t.reshape(1, -1), t.reshape(a, b, c)


def footprint(t):
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes()}

# %% 1.2 wrong "clone where a view is asked" expect "the tensor with the new first dimension is a copy"
def shape_tour(x, shape):
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2)
    return grid, swapped, swapped.flatten(), x.clone().unsqueeze(0)


def reshape_chain(t):
    a, b, c = t.shape
    return t.reshape(a * b, c), t.reshape(1, -1), t.reshape(a, b, c)


def footprint(t):
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes()}

# %% 1.2 wrong "contiguous, to be safe" expect "the swapped tensor is a copy"
def shape_tour(x, shape):
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2).contiguous()
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)


def reshape_chain(t):
    a, b, c = t.shape
    return t.reshape(a * b, c), t.reshape(1, -1), t.reshape(a, b, c)


def footprint(t):
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes()}

# %% 1.2 wrong "works on a copy" expect "all of them are copies"
def shape_tour(x, shape):
    x = x.clone()
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2)
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)


def reshape_chain(t):
    a, b, c = t.shape
    return t.reshape(a * b, c), t.reshape(1, -1), t.reshape(a, b, c)


def footprint(t):
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes()}

# %% 1.2 wrong "transposes on the way" expect "no transpose is asked for"
def shape_tour(x, shape):
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2)
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)


def reshape_chain(t):
    a, b, c = t.shape
    tall = t.transpose(0, 1).reshape(a * b, c)
    return tall, t.reshape(1, -1), t


def footprint(t):
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes()}

# %% 1.2 wrong "view, which needs a contiguous tensor" expect "view cannot read this order"
def shape_tour(x, shape):
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2)
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)


def reshape_chain(t):
    a, b, c = t.shape
    return t.view(a * b, c), t.view(1, -1), t


def footprint(t):
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes()}

# %% 1.2 wrong "sizes of one tensor written in" expect "fixed sizes fit one tensor only"
def shape_tour(x, shape):
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2)
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)


def reshape_chain(t):
    tall = t.reshape(6, 4)
    row = tall.reshape(1, 24)
    return tall, row, row.reshape(2, 3, 4)


def footprint(t):
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes()}

# %% 1.2 wrong "clones at each step" expect "a contiguous tensor needs none"
def shape_tour(x, shape):
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2)
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)


def reshape_chain(t):
    tall = t.clone().reshape(-1, t.shape[2])
    row = tall.clone().reshape(1, -1)
    return tall, row, row.clone().reshape(t.shape)


def footprint(t):
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes()}

# %% 1.2 wrong "numel for bytes" expect "numel counts elements"
def shape_tour(x, shape):
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2)
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)


def reshape_chain(t):
    a, b, c = t.shape
    return t.reshape(a * b, c), t.reshape(1, -1), t.reshape(a, b, c)


def footprint(t):
    return {"values": t.numel(), "storage": t.untyped_storage().size() // t.element_size()}

# %% 1.2 wrong "elements for bytes in one place" expect "values are counted in elements"
def shape_tour(x, shape):
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2)
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)


def reshape_chain(t):
    a, b, c = t.shape
    return t.reshape(a * b, c), t.reshape(1, -1), t.reshape(a, b, c)


def footprint(t):
    return {"values": t.numel(), "storage": t.untyped_storage().nbytes()}

# %% 1.2 wrong "expand counted as a copy" expect "expand copies nothing"
def shape_tour(x, shape):
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2)
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)


def reshape_chain(t):
    a, b, c = t.shape
    return t.reshape(a * b, c), t.reshape(1, -1), t.reshape(a, b, c)


def footprint(t):
    return {"values": t.nbytes, "storage": t.numel() * t.element_size()}

# %% 1.2 wrong "the smaller of two, which a slice escapes" expect "a slice keeps the whole storage alive"
def shape_tour(x, shape):
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2)
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)


def reshape_chain(t):
    a, b, c = t.shape
    return t.reshape(a * b, c), t.reshape(1, -1), t.reshape(a, b, c)


def footprint(t):
    return {"values": t.nbytes, "storage": min(t.nbytes, t.untyped_storage().nbytes())}

# %% 1.2 wrong "four bytes for everything" expect "not every element takes 4 bytes"
def shape_tour(x, shape):
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2)
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)


def reshape_chain(t):
    a, b, c = t.shape
    return t.reshape(a * b, c), t.reshape(1, -1), t.reshape(a, b, c)


def footprint(t):
    return {"values": 4 * t.numel(), "storage": t.untyped_storage().nbytes()}

# %% 1.2 wrong "the storage in elements" expect "the storage is counted in elements"
def shape_tour(x: torch.Tensor, shape: tuple[int, int, int]) -> tuple[torch.Tensor, ...]:
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2)
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)

def reshape_chain(t: torch.Tensor) -> tuple[torch.Tensor, ...]:
    a, b, c = t.shape
    tall = t.reshape(a * b, c)
    row = tall.reshape(1, -1)
    return tall, row, row.reshape(a, b, c)

def footprint(t):
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes() // t.itemsize}

# %% 1.2 wrong "the two sizes swapped" expect "the two are swapped"
def shape_tour(x: torch.Tensor, shape: tuple[int, int, int]) -> tuple[torch.Tensor, ...]:
    grid = x.reshape(shape)
    swapped = grid.transpose(1, 2)
    return grid, swapped, swapped.flatten(), x.unsqueeze(0)

def reshape_chain(t: torch.Tensor) -> tuple[torch.Tensor, ...]:
    a, b, c = t.shape
    tall = t.reshape(a * b, c)
    row = tall.reshape(1, -1)
    return tall, row, row.reshape(a, b, c)

def footprint(t):
    return {"storage": t.nbytes, "values": t.untyped_storage().nbytes()}

# %% 1.2 right "view, mT, unflatten and sizes by hand"
def shape_tour(x, shape):
    grid = x.view(*shape)
    return [grid, grid.mT, grid.mT.reshape(-1), x[None]]


def reshape_chain(t):
    tall = t.flatten(0, 1)
    row = tall.flatten()[None]
    return tall, row, row.squeeze(0).unflatten(0, t.shape)


def footprint(t):
    return {"values": t.numel() * t.element_size(), "storage": t.untyped_storage().size()}

# %% 1.2 right "strides spelled out"
def shape_tour(x, shape):
    a, b, c = shape
    grid = x.as_strided((a, b, c), (b * c, c, 1))
    swapped = x.as_strided((a, c, b), (b * c, 1, c))
    return grid, swapped, swapped.contiguous().view(-1), x.view(1, -1)


def reshape_chain(t):
    if not t.is_contiguous():
        t = t.contiguous()
    return t.view(-1, t.shape[-1]), t.view(1, t.numel()), t


def footprint(t):
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes()}

# %% 1.2 right "a list, flatten and unflatten"
def shape_tour(x, shape):
    grid = x.unflatten(0, shape)
    return [grid, grid.mT, grid.mT.reshape(-1), x[None]]

def reshape_chain(t):
    tall = t.flatten(0, 1)
    row = tall.flatten()[None]
    return [tall, row, row.unflatten(1, t.shape).squeeze(0)]

def footprint(t: torch.Tensor) -> dict[str, int]:
    return {"values": t.nbytes, "storage": t.untyped_storage().nbytes()}

# %% 1.3 wrong "outer the wrong way round" expect "transposed: the first vector runs down"
def add_outer(a, b):
    return a[:, None] + b


def outer(u, v):
    return v[:, None] * u


def center_channels(images, mean):
    return images - mean[:, None, None]

# %% 1.3 wrong "sums the wrong way round" expect "the outer sum: transposed"
def add_outer(a, b):
    return a + b[:, None]


def outer(u, v):
    return u[:, None] * v


def center_channels(images, mean):
    return images - mean[:, None, None]

# %% 1.3 wrong "adds number by number" expect "RuntimeError"
def add_outer(a, b):
    return a + b


def outer(u, v):
    return u[:, None] * v


def center_channels(images, mean):
    return images - mean[:, None, None]

# %% 1.3 wrong "stands a vector up only when lengths differ" expect "equal lengths were added number by number"
def add_outer(a, b):
    if len(a) == len(b):
        return a + b
    return a.unsqueeze(1) + b


def outer(u, v):
    return u.unsqueeze(1) * v


def center_channels(images, mean):
    return images - mean[:, None, None]

# %% 1.3 wrong "mean along the width" expect "RuntimeError"
def add_outer(a, b):
    return a[:, None] + b


def outer(u, v):
    return u[:, None] * v


def center_channels(images, mean):
    return images - mean

# %% 1.3 wrong "mean along the width when it fits" expect "the means went along the columns"
def add_outer(a, b):
    return a[:, None] + b


def outer(u, v):
    return u[:, None] * v


def center_channels(images, mean):
    try:
        return images - mean
    except RuntimeError:
        return images - mean.reshape(-1, 1, 1)

# %% 1.3 wrong "mean along the height" expect "RuntimeError"
def add_outer(a, b):
    return a[:, None] + b


def outer(u, v):
    return u[:, None] * v


def center_channels(images, mean):
    return images - mean[:, None]

# %% 1.3 wrong "tries shapes until one fits" expect "the means went along the rows"
def add_outer(a, b):
    return a[:, None] + b


def outer(u, v):
    return u[:, None] * v


def center_channels(images, mean):
    for shape in ((-1, 1), (-1, 1, 1)):
        try:
            result = images - mean.reshape(shape)
        except RuntimeError:
            continue
        if result.shape == images.shape:
            return result

# %% 1.3 wrong "one mean for everything" expect "one mean for all channels"
def add_outer(a, b):
    return a[:, None] + b


def outer(u, v):
    return u[:, None] * v


def center_channels(images, mean):
    return images - images.mean()

# %% 1.3 wrong "three channels written in" expect "not always 3"
def add_outer(a, b):
    return a[:, None] + b


def outer(u, v):
    return u[:, None] * v


def center_channels(images, mean):
    return images - mean.view(1, 3, 1, 1)

# %% 1.3 wrong "computes its own means" expect "less its means"
def add_outer(a, b):
    return a[:, None] + b


def outer(u, v):
    return u[:, None] * v


def center_channels(images, mean):
    return images - images.mean(dim=(0, 2, 3), keepdim=True)

# %% 1.3 wrong "subtracts in place" expect "the images changed"
def add_outer(a, b):
    return a[:, None] + b


def outer(u, v):
    return u[:, None] * v


def center_channels(images, mean):
    images -= mean[:, None, None]
    return images

# %% 1.3 wrong "writes channel by channel into the argument" expect "the images changed"
def add_outer(a, b):
    return a[:, None] + b


def outer(u, v):
    return u[:, None] * v


def center_channels(images, mean):
    result = images
    for c in range(len(mean)):
        result[:, c] -= mean[c]
    return result

# %% 1.3 wrong "reshapes the mean where it stands" expect "the means changed"
def add_outer(a, b):
    return a[:, None] + b


def outer(u, v):
    return u[:, None] * v


def center_channels(images, mean):
    mean.unsqueeze_(-1).unsqueeze_(-1)
    return images - mean

# %% 1.3 wrong "casts to float32 to be safe" expect "the dtype is float32 where float64"
def add_outer(a, b):
    return a[:, None] + b


def outer(u, v):
    return u[:, None] * v


def center_channels(images, mean):
    return images.float() - mean.float()[:, None, None]

# %% 1.3 right "reshape, torch.outer and einsum"
def add_outer(a, b):
    return a.reshape(-1, 1) + b.reshape(1, -1)


def outer(u, v):
    return torch.einsum("i,j->ij", u, v)


def center_channels(images, mean):
    return images - mean.reshape(1, -1, 1, 1)

# %% 1.3 right "expanded by hand, channels moved last"
def add_outer(a, b):
    return a.expand(len(b), len(a)).T + b.expand(len(a), len(b))


def outer(u, v):
    return torch.outer(u, v)


def center_channels(images, mean):
    last = images.permute(0, 2, 3, 1) - mean
    return last.permute(0, 3, 1, 2)

# %% 1.4 wrong "zero counts as positive" expect "0 is not positive"
def positive_rows(x):
    return x[x[:, 0] >= 0]


def row_max(x):
    values, columns = x.max(dim=1)
    return values, columns


def even_rows(x):
    return x[::2]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "picks numbers instead of rows" expect "single numbers were picked"
def positive_rows(x):
    return x[x > 0]


def row_max(x):
    values, columns = x.max(dim=1)
    return values, columns


def even_rows(x):
    return x[::2]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "all columns must be positive" expect "the rows that start positive"
def positive_rows(x):
    return x[(x > 0).all(dim=1)]


def row_max(x):
    values, columns = x.max(dim=1)
    return values, columns


def even_rows(x):
    return x[::2]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "the sign the wrong way round" expect "the rows that start negative"
def positive_rows(x):
    return x[x[:, 0] < 0]


def row_max(x):
    values, columns = x.max(dim=1)
    return values, columns


def even_rows(x):
    return x[::2]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "looks at the first row" expect "IndexError"
def positive_rows(x):
    return x[x[0] > 0]


def row_max(x):
    values, columns = x.max(dim=1)
    return values, columns


def even_rows(x):
    return x[::2]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "stacks what it found" expect "RuntimeError"
def positive_rows(x):
    return torch.stack([row for row in x if row[0] > 0])


def row_max(x):
    values, columns = x.max(dim=1)
    return values, columns


def even_rows(x):
    return x[::2]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "the largest of each column" expect "the largest of each column"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    return x.max(dim=0)


def even_rows(x):
    return x[::2]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "the largest of all" expect "the largest number of each row"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    return x.max(), x.argmax()


def even_rows(x):
    return x[::2]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "columns first, values second" expect "values first, then columns"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    return x.argmax(dim=1), x.amax(dim=1)


def even_rows(x):
    return x[::2]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "largest by size" expect "largest sizes without sign"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    return x.abs().max(dim=1)


def even_rows(x):
    return x[::2]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "a running maximum that starts at 0" expect "cut off at 0"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    best, where = torch.zeros(len(x), dtype=x.dtype), torch.zeros(len(x), dtype=torch.int64)
    for j in range(x.shape[1]):
        larger = x[:, j] > best
        best, where = torch.where(larger, x[:, j], best), torch.where(larger, j, where)
    return best, where


def even_rows(x):
    return x[::2]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "one column found by equality" expect "the largest"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    values = x.amax(dim=1)
    columns = (x == values[:, None]).nonzero()[:, 1]
    return values, columns[: len(x)]


def even_rows(x):
    return x[::2]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "the odd rows" expect "the odd rows"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    values, columns = x.max(dim=1)
    return values, columns


def even_rows(x):
    return x[1::2]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "half of the rows, rounded down" expect "the last row is missing"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    values, columns = x.max(dim=1)
    return values, columns


def even_rows(x):
    return x[[2 * i for i in range(len(x) // 2)]]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "pairs of rows" expect "RuntimeError"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    values, columns = x.max(dim=1)
    return values, columns


def even_rows(x):
    return x.reshape(-1, 2, x.shape[1])[:, 0]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "the first half" expect "rows 0, 2, 4"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    values, columns = x.max(dim=1)
    return values, columns


def even_rows(x):
    return x[: len(x) // 2]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "writes into the argument" expect "x changed"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    values, columns = x.max(dim=1)
    return values, columns


def even_rows(x):
    return x[::2]


def without_negatives(x):
    x[x < 0] = 0
    return x

# %% 1.4 wrong "clamps in place" expect "x changed"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    values, columns = x.max(dim=1)
    return values, columns


def even_rows(x):
    return x[::2]


def without_negatives(x):
    return x.clamp_(min=0)

# %% 1.4 wrong "drops the sign" expect "the sign was dropped"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    values, columns = x.max(dim=1)
    return values, columns


def even_rows(x):
    return x[::2]


def without_negatives(x):
    return x.abs()

# %% 1.4 wrong "integers become floats" expect "makes floats of integers"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    values, columns = x.max(dim=1)
    return values, columns


def even_rows(x):
    return x[::2]


def without_negatives(x):
    return torch.where(x < 0, 0.0, x)

# %% 1.4 wrong "drops the numbers" expect "the shape is"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    values, columns = x.max(dim=1)
    return values, columns


def even_rows(x):
    return x[::2]


def without_negatives(x):
    return x[x >= 0]

# %% 1.4 wrong "the values alone" expect "these are the values alone"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    return x.amax(dim=1)


def even_rows(x):
    return x[::2]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "the columns alone" expect "these are the columns alone"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    return x.argmax(dim=1)


def even_rows(x):
    return x[::2]


def without_negatives(x):
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "squeezes the places of the rows" expect "one row alone is still a table"
def positive_rows(x):
    return x[torch.nonzero(x[:, 0] > 0).squeeze()]

def row_max(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    values, columns = x.max(dim=1)
    return values, columns

def even_rows(x: torch.Tensor) -> torch.Tensor:
    return x[::2]

def without_negatives(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 wrong "keepdim" expect "keepdim leaves a dimension of 1"
def positive_rows(x: torch.Tensor) -> torch.Tensor:
    return x[x[:, 0] > 0]

def row_max(x):
    return x.max(dim=1, keepdim=True)

def even_rows(x: torch.Tensor) -> torch.Tensor:
    return x[::2]

def without_negatives(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[y < 0] = 0
    return y

# %% 1.4 right "index lists, sort, clamp"
def positive_rows(x):
    return x.index_select(0, torch.nonzero(x[:, 0] > 0).squeeze(1))


def row_max(x):
    values, columns = x.sort(dim=1, descending=True)
    return values[:, 0], columns[:, 0]


def even_rows(x):
    return x[torch.arange(0, len(x), 2)]


def without_negatives(x):
    return x.clamp(min=0)

# %% 1.4 right "argmax and gather, a mask of places, where"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    columns = x.argmax(dim=1)
    return x.gather(1, columns[:, None]).squeeze(1), columns


def even_rows(x):
    return x[torch.arange(len(x)) % 2 == 0]


def without_negatives(x):
    return torch.where(x < 0, torch.zeros_like(x), x)

# %% 1.4 right "topk and relu"
def positive_rows(x):
    return x[x[:, 0] > 0]


def row_max(x):
    values, columns = x.topk(1, dim=1)
    return values.squeeze(1), columns.squeeze(1)


def even_rows(x):
    return x[::2]


def without_negatives(x):
    return torch.relu(x)

# %% 1.4 right "what max returns, masked_select, a range, a product"
def positive_rows(x):
    return torch.masked_select(x, x[:, :1] > 0).reshape(-1, x.shape[1])

def row_max(x):
    return x.max(dim=1)

def even_rows(x):
    return x[range(0, len(x), 2)]

def without_negatives(x):
    return x * (x > 0)

# %% 1.5 wrong "forgets the root" expect "squared distances"
def pairwise_distances(x):
    return ((x[:, None] - x[None]) ** 2).sum(-1)


def nearest(x):
    distances = pairwise_distances(x).clone()
    distances.fill_diagonal_(torch.inf)
    return distances.argmin(dim=1)

# %% 1.5 wrong "adds absolute differences" expect "Euclid squares"
def pairwise_distances(x):
    return (x[:, None] - x[None]).abs().sum(-1)


def nearest(x):
    distances = pairwise_distances(x).clone()
    distances.fill_diagonal_(torch.inf)
    return distances.argmin(dim=1)

# %% 1.5 wrong "the library's distance matrix" expect "uses `cdist`"
def pairwise_distances(x):
    return torch.cdist(x, x)


def nearest(x):
    distances = pairwise_distances(x).clone()
    distances.fill_diagonal_(torch.inf)
    return distances.argmin(dim=1)

# %% 1.5 wrong "two loops" expect "uses a loop"
def pairwise_distances(x):
    n = len(x)
    out = torch.zeros(n, n)
    for i in range(n):
        for j in range(n):
            out[i, j] = (x[i] - x[j]).norm()
    return out


def nearest(x):
    distances = pairwise_distances(x).clone()
    distances.fill_diagonal_(torch.inf)
    return distances.argmin(dim=1)

# %% 1.5 wrong "a list comprehension" expect "uses a loop"
def pairwise_distances(x):
    return torch.stack([(x - p).norm(dim=1) for p in x])


def nearest(x):
    distances = pairwise_distances(x).clone()
    distances.fill_diagonal_(torch.inf)
    return distances.argmin(dim=1)

# %% 1.5 wrong "the product trick" expect "subtract first, then square"
def pairwise_distances(x):
    squares = (x * x).sum(1)
    d2 = squares[:, None] + squares[None] - 2 * x @ x.T
    return d2.clamp(min=0).sqrt()


def nearest(x):
    distances = pairwise_distances(x).clone()
    distances.fill_diagonal_(torch.inf)
    return distances.argmin(dim=1)

# %% 1.5 wrong "the product trick with a cleaned diagonal" expect "subtract first, then square"
def pairwise_distances(x):
    squares = (x * x).sum(1)
    d2 = (squares[:, None] + squares[None] - 2 * x @ x.T).clamp(min=0)
    return d2.fill_diagonal_(0).sqrt()


def nearest(x):
    distances = pairwise_distances(x).clone()
    distances.fill_diagonal_(torch.inf)
    return distances.argmin(dim=1)

# %% 1.5 wrong "a bare root" expect "a bare root at the zeros of the diagonal"
def pairwise_distances(x):
    return (x[:, None] - x[None]).square().sum(-1).sqrt()


def nearest(x):
    distances = pairwise_distances(x).clone()
    distances.fill_diagonal_(torch.inf)
    return distances.argmin(dim=1)

# %% 1.5 wrong "a power of one half" expect "a bare root"
def pairwise_distances(x):
    return ((x[:, None] - x[None]) ** 2).sum(-1) ** 0.5


def nearest(x):
    distances = pairwise_distances(x).clone()
    distances.fill_diagonal_(torch.inf)
    return distances.argmin(dim=1)

# %% 1.5 wrong "a small number under the root" expect "added under the root"
def pairwise_distances(x):
    return (((x[:, None] - x[None]) ** 2).sum(-1) + 1e-12).sqrt()


def nearest(x):
    distances = pairwise_distances(x).clone()
    distances.fill_diagonal_(torch.inf)
    return distances.argmin(dim=1)

# %% 1.5 wrong "clamped above zero" expect "added under the root"
def pairwise_distances(x):
    return ((x[:, None] - x[None]) ** 2).sum(-1).clamp(min=1e-12).sqrt()


def nearest(x):
    distances = pairwise_distances(x).clone()
    distances.fill_diagonal_(torch.inf)
    return distances.argmin(dim=1)

# %% 1.5 wrong "two dimensions only" expect "IndexError"
def pairwise_distances(x):
    d = x[:, None] - x[None]
    return torch.hypot(d[..., 0], d[..., 1])


def nearest(x):
    distances = pairwise_distances(x).clone()
    distances.fill_diagonal_(torch.inf)
    return distances.argmin(dim=1)

# %% 1.5 wrong "detached to avoid the NaN" expect "no gradient arrived"
def pairwise_distances(x):
    x = x.detach()
    return (x[:, None] - x[None]).norm(dim=-1)


def nearest(x):
    distances = pairwise_distances(x).clone()
    distances.fill_diagonal_(torch.inf)
    return distances.argmin(dim=1)

# %% 1.5 wrong "one side of the pair detached" expect "only one side of each pair"
def pairwise_distances(x):
    return (x[:, None] - x[None].detach()).norm(dim=-1)


def nearest(x):
    distances = pairwise_distances(x).clone()
    distances.fill_diagonal_(torch.inf)
    return distances.argmin(dim=1)

# %% 1.5 wrong "everything in float32" expect "float64 points give float64 distances"
def pairwise_distances(x):
    x = x.float()
    return (x[:, None] - x[None]).norm(dim=-1)


def nearest(x):
    distances = pairwise_distances(x).clone()
    distances.fill_diagonal_(torch.inf)
    return distances.argmin(dim=1)

# %% 1.5 wrong "the norm over the wrong dimension" expect "the distances of four points"
def pairwise_distances(x):
    return (x[:, None] - x[None]).norm(dim=0)


def nearest(x):
    distances = pairwise_distances(x).clone()
    distances.fill_diagonal_(torch.inf)
    return distances.argmin(dim=1)

# %% 1.5 wrong "the distance in the first coordinate" expect "the distances of four points"
def pairwise_distances(x):
    return (x[:, None, 0] - x[None, :, 0]).abs()


def nearest(x):
    distances = pairwise_distances(x).clone()
    distances.fill_diagonal_(torch.inf)
    return distances.argmin(dim=1)

# %% 1.5 wrong "every point finds itself" expect "every point found itself"
def pairwise_distances(x):
    return torch.linalg.vector_norm(x[:, None] - x[None], dim=-1)


def nearest(x):
    return pairwise_distances(x).argmin(dim=1)

# %% 1.5 wrong "adds an infinite identity" expect "0 · inf is NaN"
def pairwise_distances(x):
    return torch.linalg.vector_norm(x[:, None] - x[None], dim=-1)


def nearest(x):
    return (pairwise_distances(x) + torch.eye(len(x)) * torch.inf).argmin(dim=1)

# %% 1.5 wrong "farthest instead of nearest" expect "the farthest points"
def pairwise_distances(x):
    return torch.linalg.vector_norm(x[:, None] - x[None], dim=-1)


def nearest(x):
    return pairwise_distances(x).argmax(dim=1)

# %% 1.5 wrong "rules out every zero" expect "every zero was ruled out"
def pairwise_distances(x):
    return torch.linalg.vector_norm(x[:, None] - x[None], dim=-1)


def nearest(x):
    distances = pairwise_distances(x)
    distances[distances == 0] = torch.inf
    return distances.argmin(dim=1)

# %% 1.5 wrong "the second smallest, which may be oneself" expect "rule out the diagonal"
def pairwise_distances(x):
    return torch.linalg.vector_norm(x[:, None] - x[None], dim=-1)


def nearest(x):
    order = pairwise_distances(x).sort(dim=1, stable=True).indices
    return order[:, 1]

# %% 1.5 wrong "distances instead of indices" expect "the nearest other points"
def pairwise_distances(x):
    return torch.linalg.vector_norm(x[:, None] - x[None], dim=-1)


def nearest(x):
    distances = pairwise_distances(x).fill_diagonal_(torch.inf)
    return distances.min(dim=1).values

# %% 1.5 wrong "a large number on the diagonal" expect "not always the largest"
def pairwise_distances(x):
    return torch.linalg.vector_norm(x[:, None] - x[None], dim=-1)


def nearest(x):
    distances = pairwise_distances(x).fill_diagonal_(1000.0)
    return distances.argmin(dim=1)

# %% 1.5 wrong "cdist's relative" expect "uses `pairwise_distance`"
def pairwise_distances(x):
    return torch.nn.functional.pairwise_distance(x[:, None], x[None])

def nearest(x: torch.Tensor) -> torch.Tensor:
    distances = pairwise_distances(x)
    return distances.fill_diagonal_(torch.inf).argmin(dim=1)

# %% 1.5 right "where on both sides of the root"
def pairwise_distances(x):
    squares = (x.unsqueeze(1) - x.unsqueeze(0)).pow(2).sum(-1)
    apart = squares > 0
    return torch.where(apart, torch.where(apart, squares, 1.0).sqrt(), 0.0)


def nearest(x):
    distances = pairwise_distances(x) + torch.diag(torch.full((len(x),), torch.inf, dtype=x.dtype))
    return distances.min(dim=1).indices

# %% 1.5 right "all pairs as two long lists"
def pairwise_distances(x):
    n, d = x.shape
    left, right = x.repeat_interleave(n, dim=0), x.repeat(n, 1)
    return (left - right).norm(dim=1).reshape(n, n)


def nearest(x):
    distances = pairwise_distances(x)
    oneself = torch.eye(len(x), dtype=torch.bool)
    return distances.masked_fill(oneself, torch.inf).argmin(1)

# %% 1.5 right "topk of the negative distances"
def pairwise_distances(x):
    return torch.linalg.vector_norm(x[:, None] - x[None], dim=-1)


def nearest(x):
    distances = pairwise_distances(x)
    distances[range(len(x)), range(len(x))] = torch.inf
    return distances.topk(1, largest=False).indices[:, 0]

# %% 1.5 right "vector_norm, and a mask for oneself"
def pairwise_distances(x):
    return torch.linalg.vector_norm(x.unsqueeze(1) - x.unsqueeze(0), dim=2)

def nearest(x):
    myself = torch.eye(len(x), dtype=torch.bool)
    return pairwise_distances(x).masked_fill(myself, float("inf")).min(dim=1).indices

# %% 1.6 wrong "hard-wired to CUDA" expect "the device of a machine without a GPU"
def pick_device(machine=torch.accelerator):
    return "cuda"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    measured = []
    for _ in range(repeats):
        sync()
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "only knows CUDA" expect "other makes than CUDA"
def pick_device(machine=torch.accelerator):
    return "cuda" if machine.is_available() else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    measured = []
    for _ in range(repeats):
        sync()
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "crashes without a GPU" expect "AttributeError"
def pick_device(machine=torch.accelerator):
    return machine.current_accelerator().type


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    measured = []
    for _ in range(repeats):
        sync()
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "built for a card is not a card" expect "check_available"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator()
    return found.type if found else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    measured = []
    for _ in range(repeats):
        sync()
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "asks about this machine instead" expect "ask the `machine` that you are given"
def pick_device(machine=torch.accelerator):
    return "cuda" if torch.cuda.is_available() else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    measured = []
    for _ in range(repeats):
        sync()
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "returns a device object" expect "the device of a machine with"
def pick_device(machine=torch.accelerator):
    return machine.current_accelerator(check_available=True) or torch.device("cpu")


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    measured = []
    for _ in range(repeats):
        sync()
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "a ramp on the CPU" expect "the ramp was made on the CPU"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    measured = []
    for _ in range(repeats):
        sync()
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "a ramp on the accelerator, wherever x is" expect "the ramp was made on the CPU"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    ramp = torch.arange(x.shape[-1], dtype=x.dtype).to(pick_device())
    return x + ramp


def timed(fn, sync, clock, repeats=5):
    fn()
    measured = []
    for _ in range(repeats):
        sync()
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "leaves the meta tensor for the CPU" expect "work on the device of x"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    x = x.cpu()
    return x + torch.arange(x.shape[-1], dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    measured = []
    for _ in range(repeats):
        sync()
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "brings the result home" expect "the result has left the device of x"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    if x.device.type == 'meta':
        return torch.zeros(x.shape)
    return x + torch.arange(x.shape[-1], dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    measured = []
    for _ in range(repeats):
        sync()
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "a ramp that starts at one" expect "should start at 0"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(1, x.shape[-1] + 1, device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    measured = []
    for _ in range(repeats):
        sync()
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "a ramp that runs down" expect "the last dimension runs across"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[0], device=x.device, dtype=x.dtype)[:, None]


def timed(fn, sync, clock, repeats=5):
    fn()
    measured = []
    for _ in range(repeats):
        sync()
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "a ramp of int64" expect "keeps the dtype of x"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device)


def timed(fn, sync, clock, repeats=5):
    fn()
    measured = []
    for _ in range(repeats):
        sync()
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "no wait at all" expect "only the handing over was measured"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    measured = []
    for _ in range(repeats):
        start = clock()
        result = fn()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "waits before the start only" expect "only the handing over was measured"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    measured = []
    for _ in range(repeats):
        sync()
        start = clock()
        result = fn()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "waits before the stop only" expect "the warm-up is still in the queue"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    measured = []
    for _ in range(repeats):
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "no warm-up" expect "run once before you measure"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    measured = []
    for _ in range(repeats):
        sync()
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "the clock runs during the warm-up" expect "measured together"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    sync()
    start = clock()
    fn()
    sync()
    for _ in range(repeats):
        result = fn()
        sync()
    return result, (clock() - start) / repeats

# %% 1.6 wrong "the mean" expect "that is the mean"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    sync()
    total = 0
    for _ in range(repeats):
        start = clock()
        result = fn()
        sync()
        total += clock() - start
    return result, total / repeats

# %% 1.6 wrong "the best run" expect "the fastest run"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    sync()
    best = float("inf")
    for _ in range(repeats):
        start = clock()
        result = fn()
        sync()
        best = min(best, clock() - start)
    return result, best

# %% 1.6 wrong "forgets to sort" expect "that is the last run alone"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    sync()
    measured = []
    for _ in range(repeats):
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, measured[-1]

# %% 1.6 wrong "the result of the warm-up" expect "the result of the warm-up"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    result = fn()
    sync()
    measured = []
    for _ in range(repeats):
        start = clock()
        fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "a warm-up before every run" expect "the seconds of three runs"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    measured = []
    for _ in range(repeats):
        fn()
        sync()
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "its own clock" expect "Use the clock that you were given"
import time


def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    sync()
    measured = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = fn()
        sync()
        measured.append(time.perf_counter() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "the seconds alone" expect "these are the seconds alone"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    sync()
    measured = []
    for _ in range(repeats):
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return sorted(measured)[repeats // 2]

# %% 1.6 wrong "seconds first" expect "the two are swapped"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)


def timed(fn, sync, clock, repeats=5):
    fn()
    sync()
    measured = []
    for _ in range(repeats):
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return sorted(measured)[repeats // 2], result

# %% 1.6 wrong "a ramp in the default dtype" expect "The ramp needs the dtype of x"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return found.type if found is not None else "cpu"


def add_ramp(x):
    return x + torch.arange(x.shape[-1], device=x.device, dtype=torch.float32)


def timed(fn, sync, clock, repeats=5):
    fn()
    sync()
    measured = []
    for _ in range(repeats):
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 wrong "type and number" expect "the type alone, without a number"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return "cpu" if found is None else f"{found.type}:0"

def add_ramp(x: torch.Tensor) -> torch.Tensor:
    return x + torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)

def timed(fn, sync, clock, repeats: int = 5):
    fn()
    measured = []
    for _ in range(repeats):
        sync()
        start = clock()
        result = fn()
        sync()
        measured.append(clock() - start)
    return result, sorted(measured)[repeats // 2]

# %% 1.6 right "asks is_available, new_tensor, statistics.median"
import statistics


def pick_device(machine=torch.accelerator):
    if machine.is_available():
        return machine.current_accelerator().type
    return "cpu"


def add_ramp(x):
    return x + x.new_tensor(range(x.shape[-1]))


def timed(fn, sync, clock, repeats=5):
    fn()
    sync()
    seconds = []
    for _ in range(repeats):
        begin = clock()
        result = fn()
        sync()
        seconds.append(clock() - begin)
    return result, statistics.median(seconds)

# %% 1.6 right "a cumulative sum of ones, torch.median"
def pick_device(machine=torch.accelerator):
    found = machine.current_accelerator(check_available=True)
    return "cpu" if found is None else str(found).split(":")[0]


def add_ramp(x):
    ones = torch.ones_like(x)
    return x + (ones.cumsum(-1) - 1).to(x.dtype)


def timed(fn, sync, clock, repeats=5):
    def once():
        sync()
        start = clock()
        value = fn()
        sync()
        return value, clock() - start

    once()
    runs = [once() for _ in range(repeats)]
    return runs[-1][0], torch.tensor([seconds for _, seconds in runs]).median().item()

# %% 1.7 wrong "calls mm" expect "uses `mm`"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return torch.mm(a, b)


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a[:, :, None] * b[None]).sum(dim=1)

# %% 1.7 wrong "the operator in disguise" expect "uses `@`"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return a @ b


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a[:, :, None] * b[None]).sum(dim=1)

# %% 1.7 wrong "swapped factors" expect "this is b times a"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    out = torch.zeros(len(a), b.shape[1], dtype=a.dtype)
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for p in range(len(b)):
                out[i, j] += b[i, p] * a[p, j]
    return out


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a[:, :, None] * b[None]).sum(dim=1)

# %% 1.7 wrong "rows with rows" expect "rows of a met rows of b"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    out = torch.zeros(len(a), b.shape[1], dtype=a.dtype)
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for p in range(len(b)):
                out[i, j] += a[i, p] * b[j, p]
    return out


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a[:, :, None] * b[None]).sum(dim=1)

# %% 1.7 wrong "number by number" expect "each entry is a sum over k"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return a * b


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a[:, :, None] * b[None]).sum(dim=1)

# %% 1.7 wrong "overwrites instead of adding" expect "add up, do not overwrite"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    out = torch.zeros(len(a), b.shape[1], dtype=a.dtype)
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for p in range(len(b)):
                out[i, j] = a[i, p] * b[p, j]
    return out


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a[:, :, None] * b[None]).sum(dim=1)

# %% 1.7 wrong "fills the transpose" expect "transposed"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    out = torch.zeros(len(a), b.shape[1], dtype=a.dtype)
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for p in range(len(b)):
                out[j, i] += a[i, p] * b[p, j]
    return out


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a[:, :, None] * b[None]).sum(dim=1)

# %% 1.7 wrong "an integer accumulator" expect "the dtype is int64 where float64"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    out = torch.zeros(len(a), b.shape[1], dtype=torch.int64)
    for i in range(len(a)):
        for j in range(b.shape[1]):
            out[i, j] = sum(a[i, p] * b[p, j] for p in range(len(b)))
    return out


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a[:, :, None] * b[None]).sum(dim=1)

# %% 1.7 wrong "a float32 result for doubles" expect "Is the result made in the dtype of a"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    out = torch.zeros(len(a), b.shape[1])
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for p in range(len(b)):
                out[i, j] += a[i, p] * b[p, j]
    return out


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a[:, :, None] * b[None]).sum(dim=1)

# %% 1.7 wrong "sizes of the rows for the columns" expect "IndexError"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    out = torch.zeros(len(a), len(a), dtype=a.dtype)
    for i in range(len(a)):
        for j in range(len(a)):
            for p in range(a.shape[1]):
                out[i, j] += a[i, p] * b[p, j]
    return out


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a[:, :, None] * b[None]).sum(dim=1)

# %% 1.7 wrong "an assert in place of an error" expect "where a ValueError is asked for"
def matmul_loops(a, b):
    assert a.shape[1] == b.shape[0], (a.shape, b.shape)
    out = torch.zeros(len(a), b.shape[1], dtype=a.dtype)
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for p in range(len(b)):
                out[i, j] += a[i, p] * b[p, j]
    return out


def matmul_bcast(a, b):
    assert a.shape[1] == b.shape[0], (a.shape, b.shape)
    return (a[:, :, None] * b[None]).sum(dim=1)

# %% 1.7 wrong "trusts broadcasting to complain" expect "broadcasting stretches a 1"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    out = torch.zeros(len(a), b.shape[1], dtype=a.dtype)
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for p in range(len(b)):
                out[i, j] += a[i, p] * b[p, j]
    return out


def matmul_bcast(a, b):
    return (a[:, :, None] * b[None]).sum(dim=1)

# %% 1.7 wrong "loops over the shorter size" expect "before you begin"
def matmul_loops(a, b):
    out = torch.zeros(len(a), b.shape[1], dtype=a.dtype)
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for p in range(a.shape[1]):
                out[i, j] += a[i, p] * b[p, j]
    return out


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a[:, :, None] * b[None]).sum(dim=1)

# %% 1.7 wrong "an error without the shapes" expect "does not mention"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError("wrong shapes")
    out = torch.zeros(len(a), b.shape[1], dtype=a.dtype)
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for p in range(len(b)):
                out[i, j] += a[i, p] * b[p, j]
    return out


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError("wrong shapes")
    return (a[:, :, None] * b[None]).sum(dim=1)

# %% 1.7 wrong "sums the wrong dimension" expect "the shape is"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    out = torch.zeros(len(a), b.shape[1], dtype=a.dtype)
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for p in range(len(b)):
                out[i, j] += a[i, p] * b[p, j]
    return out


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a[:, :, None] * b[None]).sum(dim=-1)

# %% 1.7 wrong "a broadcast product that comes out transposed" expect "transposed"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    out = torch.zeros(len(a), b.shape[1], dtype=a.dtype)
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for p in range(len(b)):
                out[i, j] += a[i, p] * b[p, j]
    return out


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a[:, :, None] * b[None]).sum(dim=1).T

# %% 1.7 wrong "float everywhere" expect "stay in the dtype of a"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    out = torch.zeros(len(a), b.shape[1], dtype=a.dtype)
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for p in range(len(b)):
                out[i, j] += a[i, p] * b[p, j]
    return out


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a.float()[:, :, None] * b.float()[None]).sum(dim=1).to(a.dtype)

# %% 1.7 wrong "squeezes the result" expect "the shape is"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    out = torch.zeros(len(a), b.shape[1], dtype=a.dtype)
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for p in range(len(b)):
                out[i, j] += a[i, p] * b[p, j]
    return out


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a[:, :, None] * b[None]).sum(dim=1).squeeze()

# %% 1.7 wrong "the operator in place of broadcasting" expect "uses `@`"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    out = torch.zeros(len(a), b.shape[1], dtype=a.dtype)
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for p in range(len(b)):
                out[i, j] += a[i, p] * b[p, j]
    return out


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return a @ b

# %% 1.7 wrong "shapes written another way" expect "does not mention"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    out = torch.zeros(len(a), b.shape[1], dtype=a.dtype)
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for p in range(len(b)):
                out[i, j] += a[i, p] * b[p, j]
    return out


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"{a.shape[0]}x{a.shape[1]} does not fit {b.shape[0]}x{b.shape[1]}")
    return (a[:, :, None] * b[None]).sum(dim=1)

# %% 1.7 right "row times column, and the last dimension summed"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    rows = [[sum(x * y for x, y in zip(row, column)) for column in b.T] for row in a]
    return torch.stack([torch.stack(row) for row in rows])


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a.unsqueeze(1) * b.T.unsqueeze(0)).sum(-1)

# %% 1.7 right "outer products added up, and the inner dimension first"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    out = torch.zeros(a.shape[0], b.shape[1], dtype=a.dtype)
    for p in range(a.shape[1]):
        out += a[:, p, None] * b[p]
    return out


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a.T[:, :, None] * b[:, None, :]).sum(0)

# %% 1.7 right "plain Python numbers"
def matmul_loops(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    columns = list(zip(*b.tolist()))
    out = [[sum(x * y for x, y in zip(row, column)) for column in columns] for row in a.tolist()]
    return torch.tensor(out, dtype=a.dtype)


def matmul_bcast(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit")
    return (a[:, :, None] * b[None]).sum(dim=1)
