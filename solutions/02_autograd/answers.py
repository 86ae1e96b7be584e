# Named answers to the exercises of this chapter: the proof of its tests.

# %% predict-2-1 wrong "a: the last pass replaces the others" expect "does not replace"
predict_2_1 = "a"

# %% predict-2-1 wrong "b: gradients of separate passes multiply" expect "is not multiplied"
predict_2_1 = "b"

# %% predict-2-1 wrong "d: a second backward always raises" expect "records a graph of its own"
predict_2_1 = "d"

# %% predict-2-1 right "the letter from a list"
predict_2_1 = ["a", "b", "c", "d"][2]

# %% predict-2-2 wrong "a: zeros, as the name says" expect "promises zeros"
predict_2_2 = "a"

# %% predict-2-2 wrong "c: cleared at the next backward" expect "acts at once"
predict_2_2 = "c"

# %% predict-2-3 wrong "b: detach copies" expect "copying memory is another operation"
predict_2_3 = "b"

# %% predict-2-3 wrong "c: writing is refused" expect "Only writing into x itself"
predict_2_3 = "c"

# %% predict-2-4 wrong "a: the graph is gone" expect "a sum saves none"
predict_2_4 = "a"

# %% predict-2-4 wrong "b: the second pass replaces the first" expect "running sum"
predict_2_4 = "b"

# %% 2.1 wrong "always clears" expect "looks cleared, but zero_between is False"
def grads_two_passes(a, b, zero_between):
    a = a.detach().clone().requires_grad_()
    b = b.detach().clone().requires_grad_()
    (a**2 + b**2).sum().backward()
    first = [a.grad.clone(), b.grad.clone()]
    a.grad = None
    b.grad = None
    (2 * a + 3 * b).sum().backward()
    return first + [a.grad, b.grad]

# %% 2.1 wrong "torch.autograd.grad overwrites instead of adding" expect "looks cleared"
def grads_two_passes(a, b, zero_between):
    a = a.clone().requires_grad_()
    b = b.clone().requires_grad_()
    first = torch.autograd.grad((a**2 + b**2).sum(), (a, b))
    second = torch.autograd.grad((2 * a + 3 * b).sum(), (a, b))
    return [*first, *second]

# %% 2.1 wrong "stores .grad without a copy" expect "so keep a clone"
def grads_two_passes(a, b, zero_between):
    a = a.clone().requires_grad_()
    b = b.clone().requires_grad_()
    (a**2 + b**2).sum().backward()
    result = [a.grad, b.grad]
    if zero_between:
        a.grad = None
        b.grad = None
    (2 * a + 3 * b).sum().backward()
    return result + [a.grad, b.grad]

# %% 2.1 wrong "stores .grad without a copy, and clears in place" expect "clearing in place writes into"
def grads_two_passes(a, b, zero_between):
    a = a.clone().requires_grad_()
    b = b.clone().requires_grad_()
    (a**2 + b**2).sum().backward()
    result = [a.grad, b.grad]
    if zero_between:
        a.grad.zero_()
        b.grad.zero_()
    (2 * a + 3 * b).sum().backward()
    return result + [a.grad, b.grad]

# %% 2.1 wrong "ignores zero_between" expect "still holds the first"
def grads_two_passes(a, b, zero_between):
    a = a.clone().requires_grad_()
    b = b.clone().requires_grad_()
    (a**2 + b**2).sum().backward()
    first = [a.grad.clone(), b.grad.clone()]
    (2 * a + 3 * b).sum().backward()
    return first + [a.grad, b.grad]

# %% 2.1 wrong "the numbers of the example" expect "the shape is () where"
def grads_two_passes(a, b, zero_between):
    numbers = [6.0, 8.0, 2.0, 3.0] if zero_between else [6.0, 8.0, 8.0, 11.0]
    return [torch.tensor(number) for number in numbers]

# %% 2.1 wrong "makes leaves of the caller's tensors" expect "make leaves of your own"
def grads_two_passes(a, b, zero_between):
    a.requires_grad_()
    b.requires_grad_()
    (a**2 + b**2).sum().backward()
    first = [a.grad.clone(), b.grad.clone()]
    if zero_between:
        a.grad = None
        b.grad = None
    (2 * a + 3 * b).sum().backward()
    second = [a.grad, b.grad]
    a.grad = b.grad = None
    return first + second

# %% 2.1 wrong "clears after the second pass" expect "expected a tensor, got None"
def grads_two_passes(a, b, zero_between):
    a = a.clone().requires_grad_()
    b = b.clone().requires_grad_()
    (a**2 + b**2).sum().backward()
    first = [a.grad.clone(), b.grad.clone()]
    (2 * a + 3 * b).sum().backward()
    if zero_between:
        a.grad = b.grad = None
    return first + [a.grad, b.grad]

# %% 2.1 wrong "forgets to sum" expect "scalar outputs"
def grads_two_passes(a, b, zero_between):
    a = a.clone().requires_grad_()
    b = b.clone().requires_grad_()
    (a**2 + b**2).backward()
    first = [a.grad.clone(), b.grad.clone()]
    if zero_between:
        a.grad = b.grad = None
    (2 * a + 3 * b).backward()
    return first + [a.grad, b.grad]

# %% 2.1 wrong "both of a, then both of b" expect "the order is a, b after pass one"
def grads_two_passes(a, b, zero_between):
    a = a.detach().clone().requires_grad_()
    b = b.detach().clone().requires_grad_()
    (a**2 + b**2).sum().backward()
    a_first, b_first = a.grad.clone(), b.grad.clone()
    if zero_between:
        a.grad = b.grad = None
    (2 * a + 3 * b).sum().backward()
    return [a_first, a.grad, b_first, b.grad]

# %% 2.1 right "autograd.grad and a sum"
def grads_two_passes(a, b, zero_between):
    leaves = [a.clone().requires_grad_(), b.clone().requires_grad_()]
    first = torch.autograd.grad((leaves[0] ** 2 + leaves[1] ** 2).sum(), leaves)
    second = torch.autograd.grad((2 * leaves[0] + 3 * leaves[1]).sum(), leaves)
    if not zero_between:
        second = [p + q for p, q in zip(first, second)]
    return list(first) + list(second)

# %% 2.1 right "an optimiser clears"
def grads_two_passes(a, b, zero_between):
    leaves = [torch.nn.Parameter(t.detach().clone()) for t in (a, b)]
    optimiser = torch.optim.SGD(leaves, lr=0.0)
    out = []
    for loss in (lambda p, q: p.pow(2) + q.pow(2), lambda p, q: 2 * p + 3 * q):
        if out and zero_between:
            optimiser.zero_grad(set_to_none=False)
        loss(*leaves).sum().backward()
        out += [leaf.grad.clone() for leaf in leaves]
    return out

# %% 2.2 wrong "the factor 2 is missing" expect "The factor 2 of the square is missing"
def grad_W(W, x):
    W = W.detach().requires_grad_()
    return torch.autograd.grad(((W @ x) ** 2).sum(), W)[0]


def grad_W_manual(W, x):
    return torch.outer(W @ x, x)

# %% 2.2 wrong "transposed formula" expect "Rows and columns are swapped"
def grad_W(W, x):
    W = W.detach().requires_grad_()
    return torch.autograd.grad(((W @ x) ** 2).sum(), W)[0]


def grad_W_manual(W, x):
    return 2 * torch.outer(x, W @ x)

# %% 2.2 wrong "the length, not its square" expect "gradient of the length"
def grad_W(W, x):
    W = W.detach().clone().requires_grad_()
    (W @ x).norm().backward()
    return W.grad


def grad_W_manual(W, x):
    return 2 * torch.outer(W @ x, x)

# %% 2.2 wrong "backward on the caller's W" expect "What W.grad held before"
def grad_W(W, x):
    W.requires_grad_()
    ((W @ x) ** 2).sum().backward()
    return W.grad


def grad_W_manual(W, x):
    return 2 * torch.outer(W @ x, x)

# %% 2.2 wrong "backward on the caller's W, cleared first" expect "W.grad afterwards"
def grad_W(W, x):
    W.requires_grad_()
    W.grad = None
    ((W @ x) ** 2).sum().backward()
    gradient, W.grad = W.grad, None
    return gradient


def grad_W_manual(W, x):
    return 2 * torch.outer(W @ x, x)

# %% 2.2 wrong "the formula is autograd again" expect "It is to be a formula"
def grad_W(W, x):
    W = W.detach().requires_grad_()
    return torch.autograd.grad(((W @ x) ** 2).sum(), W)[0]


def grad_W_manual(W, x):
    return grad_W(W, x)

# %% 2.2 wrong "elementwise instead of outer" expect "grad_W_manual"
def grad_W(W, x):
    W = W.detach().requires_grad_()
    return torch.autograd.grad(((W @ x) ** 2).sum(), W)[0]


def grad_W_manual(W, x):
    return 2 * W * x**2

# %% 2.2 wrong "forces float32" expect "the dtype is float32 where float64"
def grad_W(W, x):
    W = W.detach().float().requires_grad_()
    return torch.autograd.grad(((W @ x.float()) ** 2).sum(), W)[0]


def grad_W_manual(W, x):
    return 2 * torch.outer(W @ x, x)

# %% 2.2 wrong "returns the tuple of autograd.grad" expect "returns a tuple"
def grad_W(W, x):
    W = W.detach().requires_grad_()
    return torch.autograd.grad(((W @ x) ** 2).sum(), W)


def grad_W_manual(W, x):
    return 2 * torch.outer(W @ x, x)

# %% 2.2 wrong "returns what backward returns" expect "None came back"
def grad_W(W, x):
    W = W.detach().clone().requires_grad_()
    return ((W @ x) ** 2).sum().backward()


def grad_W_manual(W, x):
    return 2 * torch.outer(W @ x, x)

# %% 2.2 right "torch.func and einsum"
def grad_W(W, x):
    return torch.func.grad(lambda V: (V @ x).square().sum())(W.detach())


def grad_W_manual(W, x):
    return torch.einsum("ij,j,k->ik", 2 * W, x, x)

# %% 2.2 right "backward on a copy, and broadcasting"
def grad_W(W, x):
    leaf = W.detach().clone().requires_grad_()
    y = leaf @ x
    torch.dot(y, y).backward()
    return leaf.grad


def grad_W_manual(W, x):
    return 2 * (W * x).sum(dim=1, keepdim=True) * x

# %% 2.3 wrong "never clears" expect "Clear .grad after each step"
def descend(f, w0, lr, steps):
    w = w0.clone().requires_grad_()
    points = [w.detach().clone()]
    for _ in range(steps):
        f(w).backward()
        with torch.no_grad():
            w -= lr * w.grad
        points.append(w.detach().clone())
    return points

# %% 2.3 wrong "adds the gradient" expect "You walk uphill"
def descend(f, w0, lr, steps):
    w = w0.clone().requires_grad_()
    points = [w.detach().clone()]
    for _ in range(steps):
        (g,) = torch.autograd.grad(f(w), w)
        with torch.no_grad():
            w += lr * g
        points.append(w.detach().clone())
    return points

# %% 2.3 wrong "appends the same tensor each time" expect "one and the same tensor"
def descend(f, w0, lr, steps):
    w = w0.clone().requires_grad_()
    points = [w.detach()]
    for _ in range(steps):
        f(w).backward()
        with torch.no_grad():
            w -= lr * w.grad
        w.grad = None
        points.append(w.detach())
    return points

# %% 2.3 wrong "copies the start, then appends w itself" expect "the later entries are all one tensor"
def descend(f, w0, lr, steps):
    w = w0.clone().requires_grad_()
    points = [w0.clone()]
    for _ in range(steps):
        f(w).backward()
        with torch.no_grad():
            w -= lr * w.grad
        w.grad = None
        points.append(w)
    return points

# %% 2.3 wrong "the working tensor as start, then copies" expect "The first entry moved with w"
def descend(f, w0, lr, steps):
    w = w0.clone().requires_grad_()
    points = [w.detach()]
    for _ in range(steps):
        f(w).backward()
        with torch.no_grad():
            w -= lr * w.grad
        w.grad = None
        points.append(w.detach().clone())
    return points

# %% 2.3 wrong "forgets the start" expect "The start is missing"
def descend(f, w0, lr, steps):
    w = w0.clone().requires_grad_()
    points = []
    for _ in range(steps):
        f(w).backward()
        with torch.no_grad():
            w -= lr * w.grad
        w.grad = None
        points.append(w.detach().clone())
    return points

# %% 2.3 wrong "returns only the end" expect "Only the last point came back"
def descend(f, w0, lr, steps):
    w = w0.clone().requires_grad_()
    for _ in range(steps):
        f(w).backward()
        with torch.no_grad():
            w -= lr * w.grad
        w.grad = None
    return w.detach()

# %% 2.3 wrong "updates inside the graph" expect "w carries a history"
def descend(f, w0, lr, steps):
    w = w0.clone().requires_grad_()
    points = [w.detach().clone()]
    for _ in range(steps):
        (g,) = torch.autograd.grad(f(w), w)
        w = w - lr * g
        points.append(w.detach().clone())
    return points

# %% 2.3 wrong "the gradient of the example, typed in" expect "Use the f that is given"
def descend(f, w0, lr, steps):
    points = [w0.clone()]
    for _ in range(steps):
        points.append(points[-1] - lr * 2 * (points[-1] - 2))
    return points

# %% 2.3 wrong "walks with the caller's tensor" expect "w0 changed"
def descend(f, w0, lr, steps):
    w0.requires_grad_()
    points = [w0.detach().clone()]
    for _ in range(steps):
        f(w0).backward()
        with torch.no_grad():
            w0 -= lr * w0.grad
        w0.grad = None
        points.append(w0.detach().clone())
    w0.requires_grad_(False)
    return points

# %% 2.3 wrong "points keep their history" expect "Detach what you keep"
def descend(f, w0, lr, steps):
    w = w0.clone().requires_grad_()
    points = [w.clone()]
    for _ in range(steps):
        f(w).backward()
        with torch.no_grad():
            w -= lr * w.grad
        w.grad = None
        points.append(w.clone())
    return points

# %% 2.3 right "torch.func.grad"
def descend(f, w0, lr, steps):
    slope = torch.func.grad(f)
    points = [w0.clone()]
    for _ in range(steps):
        points.append(points[-1] - lr * slope(points[-1]))
    return points

# %% 2.3 right "a new leaf in every step"
def descend(f, w0, lr, steps):
    points = [w0.detach().clone()]
    while len(points) <= steps:
        leaf = points[-1].clone().requires_grad_(True)
        (g,) = torch.autograd.grad(f(leaf), leaf)
        points.append((leaf - lr * g).detach())
    return points

# %% 2.3 right "an optimiser"
def descend(f, w0, lr, steps):
    w = torch.nn.Parameter(w0.detach().clone())
    optimiser = torch.optim.SGD([w], lr=lr)
    points = [w.detach().clone()]
    for _ in range(steps):
        optimiser.zero_grad()
        f(w).backward()
        optimiser.step()
        points.append(w.detach().clone())
    return points

# %% 2.4 wrong "nothing is cut" expect "This is 3x², the whole gradient"
def which_backward_works(losses):
    return {name: loss.requires_grad for name, loss in losses.items()}


def stop_grad_loss(x):
    return (x * x**2).sum()


def snapshot(x):
    return x.detach().clone()

# %% 2.4 wrong "clone without detach" expect "clone keeps history"
def which_backward_works(losses):
    return {name: loss.requires_grad for name, loss in losses.items()}


def stop_grad_loss(x):
    return (x * (x**2).clone()).sum()


def snapshot(x):
    return x.detach().clone()

# %% 2.4 wrong "no_grad around everything" expect "No gradient reaches x"
def which_backward_works(losses):
    return {name: loss.requires_grad for name, loss in losses.items()}


def stop_grad_loss(x):
    with torch.no_grad():
        return (x * x**2).sum()


def snapshot(x):
    return x.detach().clone()

# %% 2.4 wrong "works on a leaf of its own" expect "no new leaf"
def which_backward_works(losses):
    return {name: loss.requires_grad for name, loss in losses.items()}


def stop_grad_loss(x):
    leaf = x.detach().clone().requires_grad_()
    return (leaf * (leaf**2).detach()).sum()


def snapshot(x):
    return x.detach().clone()

# %% 2.4 wrong "cuts the other factor" expect "you cut the other factor"
def which_backward_works(losses):
    return {name: loss.requires_grad for name, loss in losses.items()}


def stop_grad_loss(x):
    return (x.detach() * x**2).sum()


def snapshot(x):
    return x.detach().clone()

# %% 2.4 wrong "asks for a grad_fn" expect "has no grad_fn, yet its backward runs"
def which_backward_works(losses):
    return {name: loss.grad_fn is not None for name, loss in losses.items()}


def stop_grad_loss(x):
    return (x * (x**2).detach()).sum()


def snapshot(x):
    return x.detach().clone()

# %% 2.4 wrong "tries each backward" expect "do not run their backward"
def which_backward_works(losses):
    works = {}
    for name, loss in losses.items():
        try:
            loss.backward()
            works[name] = True
        except RuntimeError:
            works[name] = False
    return works


def stop_grad_loss(x):
    return (x * (x**2).detach()).sum()


def snapshot(x):
    return x.detach().clone()

# %% 2.4 wrong "makes a new leaf in the loss" expect "The gradient ends at x"
def which_backward_works(losses):
    return {name: loss.requires_grad for name, loss in losses.items()}


def stop_grad_loss(x):
    if not x.is_leaf:
        x = x.detach().clone().requires_grad_()
    return (x * (x**2).detach()).sum()


def snapshot(x):
    return x.detach().clone()

# %% 2.4 wrong "the snapshot shares memory" expect "detach shares memory, so clone as well"
def which_backward_works(losses):
    return {name: loss.requires_grad for name, loss in losses.items()}


def stop_grad_loss(x):
    return (x * (x**2).detach()).sum()


def snapshot(x):
    return x.detach()

# %% 2.4 wrong "the snapshot keeps its history" expect "It still has its history"
def which_backward_works(losses):
    return {name: loss.requires_grad for name, loss in losses.items()}


def stop_grad_loss(x):
    return (x * (x**2).detach()).sum()


def snapshot(x):
    return x.clone()

# %% 2.4 wrong "every leaf can go back" expect "counts as a leaf, yet has no way back"
def which_backward_works(losses):
    return {name: loss.is_leaf or loss.grad_fn is not None for name, loss in losses.items()}

def stop_grad_loss(x: torch.Tensor) -> torch.Tensor:
    return (x * (x**2).detach()).sum()

def snapshot(x: torch.Tensor) -> torch.Tensor:
    return x.detach().clone()

# %% 2.4 right "no_grad for the constant, tensor copies"
def which_backward_works(losses):
    return dict((name, bool(loss.requires_grad)) for name, loss in losses.items())


def stop_grad_loss(x):
    with torch.no_grad():
        constant = x.square()
    return torch.sum(x * constant)


def snapshot(x):
    with torch.no_grad():
        return x.clone()

# %% 2.4 right "grad_fn or a leaf that asks, .data, a copied tensor"
def which_backward_works(losses):
    return {
        name: loss.grad_fn is not None or (loss.is_leaf and loss.requires_grad)
        for name, loss in losses.items()
    }


def stop_grad_loss(x):
    return torch.dot(x.reshape(-1), x.detach().pow(2).reshape(-1))


def snapshot(x):
    return torch.empty_like(x, requires_grad=False).copy_(x.detach())

# %% 2.5 wrong "backward accumulates" expect ".backward() adds into .grad"
def nth_derivative(f, x, n):
    x = x.detach().clone().requires_grad_()
    y = f(x)
    warnings.simplefilter("ignore")
    for _ in range(n):
        y.sum().backward(create_graph=True)
        y = x.grad.clone()
    return y.detach()

# %% 2.5 wrong "create_graph is missing" expect "does not require grad"
def nth_derivative(f, x, n):
    x = x.detach().clone().requires_grad_()
    y = f(x)
    for _ in range(n):
        (y,) = torch.autograd.grad(y.sum(), x)
    return y.detach()

# %% 2.5 wrong "finite differences" expect "with create_graph=True"
def nth_derivative(f, x, n):
    h = 1e-3
    if n == 0:
        return f(x)
    up, down = nth_derivative(f, x + h, n - 1), nth_derivative(f, x - h, n - 1)
    return (up - down) / (2 * h)

# %% 2.5 wrong "finite differences, tuned for the second order" expect "Differences of nearby values"
def nth_derivative(f, x, n):
    if n == 0:
        return f(x)
    leaf = x.detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(f(leaf).sum(), leaf, create_graph=True, materialize_grads=True)
    if n == 1 or not slope.requires_grad:
        return slope.detach() if n == 1 else torch.zeros_like(x)
    (bend,) = torch.autograd.grad(slope.sum(), leaf, materialize_grads=True)
    if n == 2:
        return bend
    h = 1e-3
    return (nth_derivative(f, x + h, n - 1) - nth_derivative(f, x - h, n - 1)) / (2 * h)

# %% 2.5 wrong "returns the sum" expect "the gradient has one entry a point"
def nth_derivative(f, x, n):
    x = x.detach().clone().requires_grad_()
    y = f(x).sum()
    for _ in range(n):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        y = y.sum()
    return y.detach()

# %% 2.5 wrong "always the first derivative" expect "This is the first derivative"
def nth_derivative(f, x, n):
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(f(x).sum(), x)[0]

# %% 2.5 wrong "crashes past the degree" expect "A constant asks for no gradient"
def nth_derivative(f, x, n):
    x = x.detach().clone().requires_grad_()
    y = f(x)
    for _ in range(n):
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    return y.detach()

# %% 2.5 wrong "always differentiates once" expect "n = 0 is f itself"
def nth_derivative(f, x, n):
    x = x.detach().clone().requires_grad_()
    (y,) = torch.autograd.grad(f(x).sum(), x, create_graph=True)
    for _ in range(n - 1):
        if not y.requires_grad:
            return torch.zeros_like(x)
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True, materialize_grads=True)
    return y.detach()

# %% 2.5 wrong "makes a leaf of the caller's x" expect "make a leaf of your own"
def nth_derivative(f, x, n):
    x.requires_grad_()
    y = f(x)
    for _ in range(n):
        if not y.requires_grad:
            return torch.zeros_like(x)
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True, materialize_grads=True)
    return y.detach()

# %% 2.5 wrong "the result keeps all graphs" expect "Detach the result"
def nth_derivative(f, x, n):
    x = x.detach().clone().requires_grad_()
    y = f(x)
    for _ in range(n):
        if not y.requires_grad:
            return torch.zeros_like(x)
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True, materialize_grads=True)
    return y

# %% 2.5 right "torch.func.grad, nested"
def nth_derivative(f, x, n):
    g = f
    for _ in range(n):
        g = (lambda inner: torch.func.grad(lambda t: inner(t).sum()))(g)
    return g(x.detach().clone()).detach()

# %% 2.5 right "vmap of nested grad, one number at a time"
def nth_derivative(f, x, n):
    g = f
    for _ in range(n):
        g = grad(g)
    return vmap(g)(x.detach().reshape(-1)).reshape(x.shape)

# %% 2.5 right "forward mode, nested"
def nth_derivative(f, x, n):
    if n == 0:
        return f(x.detach())
    lower = lambda t: nth_forward(f, t, n - 1)
    return torch.func.jvp(lower, (x.detach(),), (torch.ones_like(x),))[1]


def nth_forward(f, t, n):
    if n == 0:
        return f(t)
    return torch.func.jvp(lambda s: nth_forward(f, s, n - 1), (t,), (torch.ones_like(t),))[1]

# %% 2.6 wrong "ignores what arrives" expect "forgets grad_output"
class MySigmoid(Function):
    @staticmethod
    def forward(x):
        return 1 / (1 + torch.exp(-x))

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad_output):
        (s,) = ctx.saved_tensors
        return s * (1 - s)

# %% 2.6 wrong "s(1 + s)" expect "not s(1 + s)"
class MySigmoid(Function):
    @staticmethod
    def forward(x):
        return 1 / (1 + torch.exp(-x))

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad_output):
        (s,) = ctx.saved_tensors
        return grad_output * s * (1 + s)

# %% 2.6 wrong "saves the input, and takes it for the output" expect "you saved the input x"
class MySigmoid(Function):
    @staticmethod
    def forward(x):
        return 1 / (1 + torch.exp(-x))

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
        (s,) = ctx.saved_tensors
        return grad_output * s * (1 - s)

# %% 2.6 wrong "recomputes the exponential in backward" expect "An exponential in backward gives inf/inf"
class MySigmoid(Function):
    @staticmethod
    def forward(x):
        return 1 / (1 + torch.exp(-x))

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * torch.exp(-x) / (1 + torch.exp(-x)) ** 2

# %% 2.6 wrong "exp(x) over 1 + exp(x)" expect "exp(100) is infinite"
class MySigmoid(Function):
    @staticmethod
    def forward(x):
        return torch.exp(x) / (1 + torch.exp(x))

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad_output):
        (s,) = ctx.saved_tensors
        return grad_output * s * (1 - s)

# %% 2.6 wrong "saves the input, and computes the output again" expect "You saved the input"
class MySigmoid(Function):
    @staticmethod
    def forward(x):
        return 1 / (1 + torch.exp(-x))

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        s = 1 / (1 + torch.exp(-x))
        return grad_output * s * (1 - s)

# %% 2.6 wrong "the combined forward of older code" expect "what to save is decided in setup_context"
class MySigmoid(Function):
    @staticmethod
    def forward(ctx, x):
        s = 1 / (1 + torch.exp(-x))
        ctx.save_for_backward(s)
        return s

    @staticmethod
    def backward(ctx, grad_output):
        (s,) = ctx.saved_tensors
        return grad_output * s * (1 - s)

# %% 2.6 wrong "backward under no_grad" expect "backward is cut off by no_grad"
class MySigmoid(Function):
    @staticmethod
    def forward(x):
        return 1 / (1 + torch.exp(-x))

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad_output):
        with torch.no_grad():
            (s,) = ctx.saved_tensors
            return grad_output * s * (1 - s)

# %% 2.6 wrong "detaches the saved output" expect "the second derivative"
class MySigmoid(Function):
    @staticmethod
    def forward(x):
        return 1 / (1 + torch.exp(-x))

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad_output):
        s = ctx.saved_tensors[0].detach()
        return grad_output * s * (1 - s)

# %% 2.6 wrong "saves the slope that forward computed" expect "the second derivative"
class MySigmoid(Function):
    @staticmethod
    def forward(x):
        return 1 / (1 + torch.exp(-x))

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.slope = (output * (1 - output)).detach()

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.slope

# %% 2.6 wrong "wraps the built-in" expect "asks you to do without"
class MySigmoid(Function):
    @staticmethod
    def forward(x):
        return torch.sigmoid(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad_output):
        (s,) = ctx.saved_tensors
        return grad_output * s * (1 - s)

# %% 2.6 right "by way of tanh, slope as s - s²"
class MySigmoid(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return 0.5 * (torch.tanh(0.5 * x) + 1)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad_output):
        s = ctx.saved_tensors[0]
        return grad_output * (s - s.square())

# %% 2.6 right "two branches, forward mode too"
class MySigmoid(Function):
    @staticmethod
    def forward(x):
        small = torch.exp(-x.abs())
        return torch.where(x >= 0, 1 / (1 + small), small / (1 + small))

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)

    @staticmethod
    def backward(ctx, *grads):
        (s,) = ctx.saved_tensors
        return torch.mul(grads[0], torch.addcmul(s, s, s, value=-1))

    @staticmethod
    def jvp(ctx, tangent):
        (s,) = ctx.saved_tensors
        return tangent * s * (1 - s)

# %% 2.6 right "a vmap rule, no gradients of zeros"
class MySigmoid(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x.neg().exp().add(1).reciprocal()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad_output):
        if grad_output is None:
            return None
        (s,) = ctx.saved_tensors
        return grad_output * (s - s * s)

# %% 2.7 wrong "the true slope of a staircase" expect "true slope of a staircase"
class Quantise(Function):
    @staticmethod
    def forward(x, low, high):
        return x.clamp(low, high).round()

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, grad_output):
        return torch.zeros_like(grad_output), None, None

# %% 2.7 wrong "lets everything through" expect "Outside the range it must be 0"
class Quantise(Function):
    @staticmethod
    def forward(x, low, high):
        return x.clamp(low, high).round()

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output, None, None

# %% 2.7 wrong "looks for the range in the output" expect "look at x, not at the clamped output"
class Quantise(Function):
    @staticmethod
    def forward(x, low, high):
        return x.clamp(low, high).round()

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, low, high = inputs
        ctx.save_for_backward((output >= low) & (output <= high))

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.saved_tensors[0], None, None

# %% 2.7 wrong "ignores what arrives" expect "forgets grad_output"
class Quantise(Function):
    @staticmethod
    def forward(x, low, high):
        return x.clamp(low, high).round()

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, low, high = inputs
        ctx.save_for_backward((x >= low) & (x <= high))

    @staticmethod
    def backward(ctx, grad_output):
        return ctx.saved_tensors[0].to(grad_output.dtype), None, None

# %% 2.7 wrong "the borders do not belong to the range" expect "use <= and >="
class Quantise(Function):
    @staticmethod
    def forward(x, low, high):
        return x.clamp(low, high).round()

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, low, high = inputs
        ctx.save_for_backward((x > low) & (x < high))

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.saved_tensors[0], None, None

# %% 2.7 wrong "rounds first, then clamps" expect "the other order"
class Quantise(Function):
    @staticmethod
    def forward(x, low, high):
        return x.round().clamp(low, high)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, low, high = inputs
        ctx.save_for_backward((x >= low) & (x <= high))

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.saved_tensors[0], None, None

# %% 2.7 wrong "clamps in place" expect "x changed"
class Quantise(Function):
    @staticmethod
    def forward(x, low, high):
        return x.clamp_(low, high).round()

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, low, high = inputs
        ctx.save_for_backward((x >= low) & (x <= high))

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.saved_tensors[0], None, None

# %% 2.7 wrong "one gradient for three arguments" expect "incorrect number of gradients"
class Quantise(Function):
    @staticmethod
    def forward(x, low, high):
        return x.clamp(low, high).round()

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, low, high = inputs
        ctx.save_for_backward((x >= low) & (x <= high))

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.saved_tensors[0]

# %% 2.7 wrong "forgets to clamp" expect "Rounded but not clamped"
class Quantise(Function):
    @staticmethod
    def forward(x, low, high):
        return x.round()

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, low, high = inputs
        ctx.save_for_backward((x >= low) & (x <= high))

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.saved_tensors[0], None, None

# %% 2.7 wrong "numbers into save_for_backward" expect "can only save variables"
class Quantise(Function):
    @staticmethod
    def forward(x, low, high):
        return x.clamp(low, high).round()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
        x, low, high = ctx.saved_tensors
        return grad_output * ((x >= low) & (x <= high)), None, None

# %% 2.7 right "saves x, masks with where"
class Quantise(Function):
    @staticmethod
    def forward(x, low, high):
        return torch.round(torch.clamp(x, min=low, max=high))

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, ctx.low, ctx.high = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        outside = (x < ctx.low) | (x > ctx.high)
        return torch.where(outside, torch.zeros_like(grad_output), grad_output), None, None

# %% 2.7 right "inside is where clamping changes nothing"
class Quantise(Function):
    @staticmethod
    def forward(x, low, high):
        return torch.minimum(torch.maximum(x, x.new_tensor(low)), x.new_tensor(high)).round()

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, low, high = inputs
        ctx.save_for_backward(x.clamp(low, high) == x)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.masked_fill(~ctx.saved_tensors[0], 0.0), None, None

# %% 2.7 right "the combined forward of older code, numbers as attributes"
class Quantise(Function):
    @staticmethod
    def forward(ctx, x, low, high):
        ctx.low, ctx.high = low, high
        ctx.save_for_backward(x)
        return torch.round(torch.clip(x, low, high))

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        passed = grad_output.clone()
        passed[(x < ctx.low) | (x > ctx.high)] = 0
        return passed, None, None

# %% 2.8 wrong "counts a note once for each path" expect "reaches the same note twice"
def dynamic_net(x, weight, drop=0.0, generator=None):
    h = x
    for _ in range(50):
        if h.norm() <= 1:
            break
        h = h @ weight
        if drop > 0:
            h = h * (torch.rand(h.shape, generator=generator) >= drop) / (1 - drop)
    return h


def graph_size(y):
    waiting, count = [y.grad_fn], 0
    while waiting:
        note = waiting.pop()
        if note is not None:
            count += 1
            waiting += [following for following, _ in note.next_functions]
    return count

# %% 2.8 wrong "counts the constants" expect "its place holds None"
def dynamic_net(x, weight, drop=0.0, generator=None):
    h = x
    for _ in range(50):
        if h.norm() <= 1:
            break
        h = h @ weight
        if drop > 0:
            h = h * (torch.rand(h.shape, generator=generator) >= drop) / (1 - drop)
    return h


def graph_size(y):
    if y.grad_fn is None:
        return 0
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        note = waiting.pop()
        if note not in seen:
            seen.add(note)
            if note is not None:
                waiting += [following for following, _ in note.next_functions]
    return len(seen)

# %% 2.8 wrong "walks by recursion" expect "Recursion ends at about 1000 levels"
def dynamic_net(x, weight, drop=0.0, generator=None):
    h = x
    for _ in range(50):
        if h.norm() <= 1:
            break
        h = h @ weight
        if drop > 0:
            h = h * (torch.rand(h.shape, generator=generator) >= drop) / (1 - drop)
    return h


def graph_size(y):
    seen = set()

    def visit(note):
        if note is None or note in seen:
            return
        seen.add(note)
        for following, _ in note.next_functions:
            visit(following)

    visit(y.grad_fn)
    return len(seen)

# %% 2.8 wrong "leaves out AccumulateGrad" expect "AccumulateGrad, at the end of the walk"
def dynamic_net(x, weight, drop=0.0, generator=None):
    h = x
    for _ in range(50):
        if h.norm() <= 1:
            break
        h = h @ weight
        if drop > 0:
            h = h * (torch.rand(h.shape, generator=generator) >= drop) / (1 - drop)
    return h


def graph_size(y):
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        note = waiting.pop()
        if note is None or note in seen or not note.next_functions:
            continue
        seen.add(note)
        waiting += [following for following, _ in note.next_functions]
    return len(seen)

# %% 2.8 wrong "one step at most" expect "One step only"
def dynamic_net(x, weight, drop=0.0, generator=None):
    h = x
    if h.norm() > 1:
        h = h @ weight
        if drop > 0:
            h = h * (torch.rand(h.shape, generator=generator) >= drop) / (1 - drop)
    return h


def graph_size(y):
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        note = waiting.pop()
        if note is not None and note not in seen:
            seen.add(note)
            waiting += [following for following, _ in note.next_functions]
    return len(seen)

# %% 2.8 wrong "always four steps, as in the example" expect "outputs for four norms"
def dynamic_net(x, weight, drop=0.0, generator=None):
    h = x
    for _ in range(4):
        h = h @ weight
        if drop > 0:
            h = h * (torch.rand(h.shape, generator=generator) >= drop) / (1 - drop)
    return h


def graph_size(y):
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        note = waiting.pop()
        if note is not None and note not in seen:
            seen.add(note)
            waiting += [following for following, _ in note.next_functions]
    return len(seen)

# %% 2.8 wrong "goes on at a norm of exactly 1" expect "A norm of exactly 1 is small enough"
def dynamic_net(x, weight, drop=0.0, generator=None):
    h, steps = x, 0
    while h.norm() >= 1 and steps < 50:
        h = h @ weight
        if drop > 0:
            h = h * (torch.rand(h.shape, generator=generator) >= drop) / (1 - drop)
        steps += 1
    return h


def graph_size(y):
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        note = waiting.pop()
        if note is not None and note not in seen:
            seen.add(note)
            waiting += [following for following, _ in note.next_functions]
    return len(seen)

# %% 2.8 wrong "forgets the limit's off-by-one" expect "51 steps"
def dynamic_net(x, weight, drop=0.0, generator=None):
    h, steps = x, 0
    while h.norm() > 1 and steps <= 50:
        h = h @ weight
        if drop > 0:
            h = h * (torch.rand(h.shape, generator=generator) >= drop) / (1 - drop)
        steps += 1
    return h


def graph_size(y):
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        note = waiting.pop()
        if note is not None and note not in seen:
            seen.add(note)
            waiting += [following for following, _ in note.next_functions]
    return len(seen)

# %% 2.8 wrong "detaches the state in each step" expect "h must keep its history through all steps"
def dynamic_net(x, weight, drop=0.0, generator=None):
    h, steps = x, 0
    while h.norm() > 1 and steps < 50:
        h = (h.detach() if steps else h) @ weight
        if drop > 0:
            h = h * (torch.rand(h.shape, generator=generator) >= drop) / (1 - drop)
        steps += 1
    return h


def graph_size(y):
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        note = waiting.pop()
        if note is not None and note not in seen:
            seen.add(note)
            waiting += [following for following, _ in note.next_functions]
    return len(seen)

# %% 2.8 wrong "starts from a detached copy" expect "start with h = x itself"
def dynamic_net(x, weight, drop=0.0, generator=None):
    h, steps = x.detach().clone(), 0
    while h.norm() > 1 and steps < 50:
        h = h @ weight
        if drop > 0:
            h = h * (torch.rand(h.shape, generator=generator) >= drop) / (1 - drop)
        steps += 1
    return h


def graph_size(y):
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        note = waiting.pop()
        if note is not None and note not in seen:
            seen.add(note)
            waiting += [following for following, _ in note.next_functions]
    return len(seen)

# %% 2.8 wrong "detaches before every step" expect "do not detach h between the steps"
def dynamic_net(x, weight, drop=0.0, generator=None):
    h, steps = x, 0
    while h.norm() > 1 and steps < 50:
        h = h.detach() @ weight
        if drop > 0:
            h = h * (torch.rand(h.shape, generator=generator) >= drop) / (1 - drop)
        steps += 1
    return h


def graph_size(y):
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        note = waiting.pop()
        if note is not None and note not in seen:
            seen.add(note)
            waiting += [following for following, _ in note.next_functions]
    return len(seen)

# %% 2.8 wrong "runs under no_grad" expect "No gradient arrives at all: let h keep"
@torch.no_grad()
def dynamic_net(x, weight, drop=0.0, generator=None):
    h, steps = x, 0
    while h.norm() > 1 and steps < 50:
        h = h @ weight
        if drop > 0:
            h = h * (torch.rand(h.shape, generator=generator) >= drop) / (1 - drop)
        steps += 1
    return h


def graph_size(y):
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        note = waiting.pop()
        if note is not None and note not in seen:
            seen.add(note)
            waiting += [following for following, _ in note.next_functions]
    return len(seen)

# %% 2.8 wrong "multiplies from the other side" expect "This looks like weight @ h"
def dynamic_net(x, weight, drop=0.0, generator=None):
    h, steps = x, 0
    while h.norm() > 1 and steps < 50:
        h = weight @ h
        if drop > 0:
            h = h * (torch.rand(h.shape, generator=generator) >= drop) / (1 - drop)
        steps += 1
    return h


def graph_size(y):
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        note = waiting.pop()
        if note is not None and note not in seen:
            seen.add(note)
            waiting += [following for following, _ in note.next_functions]
    return len(seen)

# %% 2.8 wrong "F.dropout and the global generator" expect "a fresh mask from the generator"
def dynamic_net(x, weight, drop=0.0, generator=None):
    h, steps = x, 0
    while h.norm() > 1 and steps < 50:
        h = torch.nn.functional.dropout(h @ weight, drop)
        steps += 1
    return h


def graph_size(y):
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        note = waiting.pop()
        if note is not None and note not in seen:
            seen.add(note)
            waiting += [following for following, _ in note.next_functions]
    return len(seen)

# %% 2.8 wrong "one mask for all steps" expect "draw a fresh one each time"
def dynamic_net(x, weight, drop=0.0, generator=None):
    h, steps, mask = x, 0, 1.0
    if drop > 0:
        mask = (torch.rand(h.shape, generator=generator) >= drop) / (1 - drop)
    while h.norm() > 1 and steps < 50:
        h = h @ weight * mask
        steps += 1
    return h


def graph_size(y):
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        note = waiting.pop()
        if note is not None and note not in seen:
            seen.add(note)
            waiting += [following for following, _ in note.next_functions]
    return len(seen)

# %% 2.8 wrong "remembers notes by their names" expect "remember notes, not names"
def dynamic_net(x, weight, drop=0.0, generator=None) -> torch.Tensor:
    h, steps = x, 0
    while h.norm() > 1 and steps < 50:
        h = h @ weight
        if drop > 0:
            h = h * (torch.rand(h.shape, generator=generator) >= drop) / (1 - drop)
        steps += 1
    return h

def graph_size(y):
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        note = waiting.pop()
        if note is None or note.name() in seen:
            continue
        seen.add(note.name())
        waiting += [following for following, _ in note.next_functions]
    return len(seen)

# %% 2.8 right "a bounded loop with break; breadth first"
def dynamic_net(x, weight, drop=0.0, generator=None):
    h = x
    for _ in range(50):
        if not h.norm() > 1:
            break
        h = torch.matmul(h, weight)
        if drop > 0:
            keep = torch.rand(h.shape, generator=generator) >= drop
            h = torch.where(keep, h / (1 - drop), torch.zeros_like(h))
    return h


def graph_size(y):
    found = set()
    front = {y.grad_fn} - {None}
    while front:
        found |= front
        front = {following for note in front for following, _ in note.next_functions}
        front -= found | {None}
    return len(found)

# %% 2.8 right "recursion over steps; squared norm; a dict of notes"
def dynamic_net(x, weight, drop=0.0, generator=None, left=50):
    if left == 0 or torch.linalg.vector_norm(x.detach()).item() <= 1:
        return x
    h = weight.mT @ x
    if drop > 0:
        h = h * (torch.rand(h.shape, generator=generator) >= drop).to(h.dtype) / (1 - drop)
    return dynamic_net(h, weight, drop, generator, left - 1)


def graph_size(y):
    from collections import deque

    notes, queue = {}, deque([y.grad_fn])
    while queue:
        note = queue.popleft()
        if note is None or id(note) in notes:
            continue
        notes[id(note)] = note
        queue.extend(pair[0] for pair in note.next_functions)
    return len(notes)
