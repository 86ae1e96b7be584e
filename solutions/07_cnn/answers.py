# Named answers to the exercises of this chapter: the proof of its tests.

# %% predict-7-1 wrong "a: the middle row alone" expect "the middle row of the kernel alone"
predict_7_1 = "a"

# %% predict-7-1 wrong "c: the kernel is turned" expect "a turned kernel"
predict_7_1 = "c"

# %% predict-7-1 wrong "d: the kernel sums to zero" expect "a ramp is not flat"
predict_7_1 = "d"

# %% predict-7-2 wrong "a: invariant" expect "would mean that the map does not notice"
predict_7_2 = "a"

# %% predict-7-2 wrong "c: the mean changes" expect "does their mean care"
predict_7_2 = "c"

# %% predict-7-2 wrong "d: no simple way" expect "same kernel is used at each place"
predict_7_2 = "d"

# %% predict-7-3 wrong "a: it grows" expect "third pooling"
predict_7_3 = "a"

# %% predict-7-3 wrong "c: about the same" expect "opposite directions"
predict_7_3 = "c"

# %% predict-7-3 wrong "d: it doubles" expect "no doubling"
predict_7_3 = "d"

# %% predict-7-4 wrong "a: kernel 3" expect "meet on every second place"
predict_7_4 = "a"

# %% predict-7-4 wrong "c: both" expect "no multiple of its stride"
predict_7_4 = "c"

# %% predict-7-4 wrong "d: neither" expect "how often is each inner place written"
predict_7_4 = "d"

# %% 7.1 wrong "softmax head" expect "leave softmax to the loss"
class SmallCNN(nn.Module):
    def __init__(self, in_ch=1, size=28, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(in_ch, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(32 * (size // 4) ** 2, 64)
        self.drop = nn.Dropout(0.25)
        self.fc2 = nn.Linear(64, classes)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = self.drop(F.relu(self.fc1(x.flatten(1))))
        return F.softmax(self.fc2(x), dim=1)

# %% 7.1 wrong "log-softmax head" expect "log-probabilities"
class SmallCNN(nn.Module):
    def __init__(self, in_ch=1, size=28, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(in_ch, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(32 * (size // 4) ** 2, 64)
        self.drop = nn.Dropout(0.25)
        self.fc2 = nn.Linear(64, classes)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = self.drop(F.relu(self.fc1(x.flatten(1))))
        return F.log_softmax(self.fc2(x), dim=1)

# %% 7.1 wrong "the second pooling is missing" expect "Only one pooling"
class SmallCNN(nn.Module):
    def __init__(self, in_ch=1, size=28, classes=10):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(in_ch, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(),
            nn.Linear(32 * (size // 2) ** 2, 64), nn.ReLU(), nn.Dropout(0.25),
            nn.Linear(64, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.1 wrong "functional dropout that never stops" expect "dropout off in eval mode"
class SmallCNN(nn.Module):
    def __init__(self, in_ch=1, size=28, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(in_ch, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * (size // 4) ** 2, 64)
        self.fc2 = nn.Linear(64, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.dropout(F.relu(self.fc1(x.flatten(1))), 0.25)
        return self.fc2(x)

# %% 7.1 wrong "dropout is forgotten" expect "Nothing varies"
class SmallCNN(nn.Module):
    def __init__(self, in_ch=1, size=28, classes=10):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(in_ch, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(32 * (size // 4) ** 2, 64), nn.ReLU(), nn.Linear(64, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.1 wrong "dropout of 0.5" expect "Dropout of 0.25 on the 64 hidden units"
class SmallCNN(nn.Module):
    def __init__(self, in_ch=1, size=28, classes=10):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(in_ch, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(32 * (size // 4) ** 2, 64), nn.ReLU(), nn.Dropout(),
            nn.Linear(64, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.1 wrong "built for 28 × 28 alone" expect "raised RuntimeError"
class SmallCNN(nn.Module):
    def __init__(self, in_ch=1, size=28, classes=10):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(in_ch, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Dropout(0.25), nn.Linear(64, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.1 wrong "average pooling" expect "Average pooling where max pooling"
class SmallCNN(nn.Module):
    def __init__(self, in_ch=1, size=28, classes=10):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(in_ch, 16, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
            nn.Linear(32 * (size // 4) ** 2, 64), nn.ReLU(), nn.Dropout(0.25),
            nn.Linear(64, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.1 wrong "the ReLU of the head is missing" expect "linear, ReLU, dropout, linear"
class SmallCNN(nn.Module):
    def __init__(self, in_ch=1, size=28, classes=10):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(in_ch, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(32 * (size // 4) ** 2, 64), nn.Dropout(0.25), nn.Linear(64, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.1 wrong "no padding" expect "is padding=1 missing"
class SmallCNN(nn.Module):
    def __init__(self, in_ch=1, size=28, classes=10):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(in_ch, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.LazyLinear(64), nn.ReLU(), nn.Dropout(0.25), nn.Linear(64, classes),
        )
        self.net(torch.zeros(1, in_ch, size, size))

    def forward(self, x):
        return self.net(x)

# %% 7.1 right "own names, head registered first, functional parts"
class SmallCNN(nn.Module):
    def __init__(self, in_ch=1, size=28, classes=10):
        super().__init__()
        side = size // 2 // 2
        self.out = nn.Linear(64, classes)
        self.hidden = nn.Linear(32 * side * side, 64)
        self.b = nn.Conv2d(16, 32, kernel_size=3, padding="same")
        self.a = nn.Conv2d(in_ch, 16, kernel_size=(3, 3), padding=1)

    def forward(self, x):
        for conv in (self.a, self.b):
            x = F.max_pool2d(conv(x).relu_(), 2)
        x = F.dropout(self.hidden(x.view(len(x), -1)).relu(), 0.25, self.training)
        return self.out(x)

# %% 7.1 right "pooling before ReLU is the same"
class SmallCNN(nn.Module):
    def __init__(self, in_ch=1, size=28, classes=10):
        super().__init__()
        layers, channels = [], in_ch
        for width in (16, 32):
            layers += [nn.Conv2d(channels, width, 3, 1, 1), nn.MaxPool2d(2), nn.ReLU(inplace=True)]
            channels = width
        self.body = nn.Sequential(*layers)
        with torch.no_grad():
            features = self.body(torch.zeros(1, in_ch, size, size)).numel()
        self.head = nn.Sequential(
            nn.Linear(features, 64), nn.ReLU(), nn.Dropout(p=0.25), nn.Linear(64, classes)
        )

    def forward(self, x):
        return self.head(torch.flatten(self.body(x), start_dim=1))

# %% 7.2 wrong "dilation ignored" expect "The dilation is left out"
def conv_out(n, k, s=1, p=0, d=1):
    if k > n + 2 * p:
        raise ValueError("too large")
    return (n + 2 * p - k) // s + 1

def conv_transpose_out(n, k, s=1, p=0, output_padding=0, d=1):
    return (n - 1) * s - 2 * p + d * (k - 1) + output_padding + 1

def receptive_field(layers):
    field, step = 1, 1
    for k, s, d in layers:
        field += (k - 1) * d * step
        step *= s
    return field

# %% 7.2 wrong "true division" expect "True division"
def conv_out(n, k, s=1, p=0, d=1):
    return (n + 2 * p - d * (k - 1) - 1) / s + 1

def conv_transpose_out(n, k, s=1, p=0, output_padding=0, d=1):
    return (n - 1) * s - 2 * p + d * (k - 1) + output_padding + 1

def receptive_field(layers):
    field, step = 1, 1
    for k, s, d in layers:
        field += (k - 1) * d * step
        step *= s
    return field

# %% 7.2 wrong "rounds up" expect "round down"
def conv_out(n, k, s=1, p=0, d=1):
    if d * (k - 1) + 1 > n + 2 * p:
        raise ValueError("too large")
    return math.ceil((n + 2 * p - d * (k - 1) - 1) / s) + 1

def conv_transpose_out(n, k, s=1, p=0, output_padding=0, d=1):
    return (n - 1) * s - 2 * p + d * (k - 1) + output_padding + 1

def receptive_field(layers):
    field, step = 1, 1
    for k, s, d in layers:
        field += (k - 1) * d * step
        step *= s
    return field

# %% 7.2 wrong "stride product off by one" expect "A stride counts from the next layer on"
def conv_out(n, k, s=1, p=0, d=1):
    if d * (k - 1) + 1 > n + 2 * p:
        raise ValueError("too large")
    return (n + 2 * p - d * (k - 1) - 1) // s + 1

def conv_transpose_out(n, k, s=1, p=0, output_padding=0, d=1):
    return (n - 1) * s - 2 * p + d * (k - 1) + output_padding + 1

def receptive_field(layers):
    field, step = 1, 1
    for k, s, d in layers:
        step *= s
        field += (k - 1) * d * step
    return field

# %% 7.2 wrong "dilation ignored in the field" expect "The dilation is left out"
def conv_out(n, k, s=1, p=0, d=1):
    if d * (k - 1) + 1 > n + 2 * p:
        raise ValueError("too large")
    return (n + 2 * p - d * (k - 1) - 1) // s + 1

def conv_transpose_out(n, k, s=1, p=0, output_padding=0, d=1):
    return (n - 1) * s - 2 * p + d * (k - 1) + output_padding + 1

def receptive_field(layers):
    field, step = 1, 1
    for k, s, d in layers:
        field += (k - 1) * step
        step *= s
    return field

# %% 7.2 wrong "no error where the kernel does not fit" expect "nothing was raised"
def conv_out(n, k, s=1, p=0, d=1):
    return (n + 2 * p - d * (k - 1) - 1) // s + 1

def conv_transpose_out(n, k, s=1, p=0, output_padding=0, d=1):
    return (n - 1) * s - 2 * p + d * (k - 1) + output_padding + 1

def receptive_field(layers):
    field, step = 1, 1
    for k, s, d in layers:
        field += (k - 1) * d * step
        step *= s
    return field

# %% 7.2 wrong "int() cuts towards zero, then asks" expect "one place too many"
def conv_out(n, k, s=1, p=0, d=1):
    size = int((n + 2 * p - d * (k - 1) - 1) / s) + 1
    if size < 1:
        raise ValueError("too large")
    return size

def conv_transpose_out(n, k, s=1, p=0, output_padding=0, d=1):
    return (n - 1) * s - 2 * p + d * (k - 1) + output_padding + 1

def receptive_field(layers):
    field, step = 1, 1
    for k, s, d in layers:
        field += (k - 1) * d * step
        step *= s
    return field

# %% 7.2 wrong "no dilation and no output_padding on the way up" expect "conv_transpose_out for 80 settings"
def conv_out(n, k, s=1, p=0, d=1):
    if d * (k - 1) + 1 > n + 2 * p:
        raise ValueError("too large")
    return (n + 2 * p - d * (k - 1) - 1) // s + 1

def conv_transpose_out(n, k, s=1, p=0, output_padding=0, d=1):
    return (n - 1) * s - 2 * p + k

def receptive_field(layers):
    field, step = 1, 1
    for k, s, d in layers:
        field += (k - 1) * d * step
        step *= s
    return field

# %% 7.2 right "real layers on the meta device, field from the far end"
def conv_out(n, k, s=1, p=0, d=1):
    try:
        layer = nn.Conv1d(1, 1, k, s, p, d, device="meta")
        return layer(torch.empty(1, 1, n, device="meta")).shape[-1]
    except RuntimeError as error:
        raise ValueError("does not fit") from error

def conv_transpose_out(n, k, s=1, p=0, output_padding=0, d=1):
    layer = nn.ConvTranspose1d(1, 1, k, s, p, output_padding, dilation=d, device="meta")
    return layer(torch.empty(1, 1, n, device="meta")).shape[-1]

def receptive_field(layers):
    seen = 1
    for k, s, d in reversed(layers):
        seen = (seen - 1) * s + d * (k - 1) + 1
    return seen

# %% 7.2 right "floor division with math"
def conv_out(n, k, s=1, p=0, d=1):
    span = d * (k - 1) + 1
    if span > n + 2 * p:
        raise ValueError(f"{span} > {n + 2 * p}")
    return math.floor((n + 2 * p - span) / s + 1)

def conv_transpose_out(n, k, s=1, p=0, output_padding=0, d=1):
    return sum([(n - 1) * s, -2 * p, d * (k - 1), output_padding, 1])

def receptive_field(layers):
    return 1 + sum(
        (k - 1) * d * math.prod(s for _, s, _ in layers[:i]) for i, (k, _, d) in enumerate(layers)
    )

# %% 7.3 wrong "kernel flipped" expect "The kernel is turned round"
def conv1d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1):
    k = weight.shape[-1]
    x = F.pad(x, (padding, padding))
    n = (x.shape[-1] - dilation * (k - 1) - 1) // stride + 1
    out = 0
    for j in range(k):
        piece = x[..., j * dilation : j * dilation + stride * (n - 1) + 1 : stride]
        out = out + torch.einsum("ncl,oc->nol", piece, weight[:, :, k - 1 - j])
    return out if bias is None else out + bias[:, None]

def causal_conv1d(x, weight, bias=None, dilation=1):
    return conv1d_manual(F.pad(x, ((weight.shape[-1] - 1) * dilation, 0)), weight, bias, 1, 0, dilation)

class Forecaster(nn.Module):
    def __init__(self, channels, past, future, width=16):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(channels, width, 5, padding=2), nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=4, dilation=2), nn.ReLU(),
            nn.Flatten(), nn.Linear(width * past, future),
        )

    def forward(self, x):
        return self.net(x.mT)

# %% 7.3 wrong "the causal padding stands at the end" expect "so the output sees the future"
def conv1d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1):
    k = weight.shape[-1]
    x = F.pad(x, (padding, padding))
    n = (x.shape[-1] - dilation * (k - 1) - 1) // stride + 1
    out = 0
    for j in range(k):
        piece = x[..., j * dilation : j * dilation + stride * (n - 1) + 1 : stride]
        out = out + torch.einsum("ncl,oc->nol", piece, weight[:, :, j])
    return out if bias is None else out + bias[:, None]

def causal_conv1d(x, weight, bias=None, dilation=1):
    return conv1d_manual(F.pad(x, (0, (weight.shape[-1] - 1) * dilation)), weight, bias, 1, 0, dilation)

class Forecaster(nn.Module):
    def __init__(self, channels, past, future, width=16):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(channels, width, 5, padding=2), nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=4, dilation=2), nn.ReLU(),
            nn.Flatten(), nn.Linear(width * past, future),
        )

    def forward(self, x):
        return self.net(x.mT)

# %% 7.3 wrong "channels last goes straight in" expect "to have 2 channels"
def conv1d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1):
    k = weight.shape[-1]
    x = F.pad(x, (padding, padding))
    n = (x.shape[-1] - dilation * (k - 1) - 1) // stride + 1
    out = 0
    for j in range(k):
        piece = x[..., j * dilation : j * dilation + stride * (n - 1) + 1 : stride]
        out = out + torch.einsum("ncl,oc->nol", piece, weight[:, :, j])
    return out if bias is None else out + bias[:, None]

def causal_conv1d(x, weight, bias=None, dilation=1):
    return conv1d_manual(F.pad(x, ((weight.shape[-1] - 1) * dilation, 0)), weight, bias, 1, 0, dilation)

class Forecaster(nn.Module):
    def __init__(self, channels, past, future, width=16):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(channels, width, 5, padding=2), nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=4, dilation=2), nn.ReLU(),
            nn.Flatten(), nn.Linear(width * past, future),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.3 wrong "global average head" expect "one mean per channel"
def conv1d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1):
    k = weight.shape[-1]
    x = F.pad(x, (padding, padding))
    n = (x.shape[-1] - dilation * (k - 1) - 1) // stride + 1
    out = 0
    for j in range(k):
        piece = x[..., j * dilation : j * dilation + stride * (n - 1) + 1 : stride]
        out = out + torch.einsum("ncl,oc->nol", piece, weight[:, :, j])
    return out if bias is None else out + bias[:, None]

def causal_conv1d(x, weight, bias=None, dilation=1):
    return conv1d_manual(F.pad(x, ((weight.shape[-1] - 1) * dilation, 0)), weight, bias, 1, 0, dilation)

class Forecaster(nn.Module):
    def __init__(self, channels, past, future, width=16):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(channels, width, 5, padding=2), nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=4, dilation=2), nn.ReLU(),
        )
        self.head = nn.Linear(width, future)

    def forward(self, x):
        return self.head(self.net(x.mT).mean(-1))

# %% 7.3 wrong "the dilation is forgotten" expect "The dilation is not used"
def conv1d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1):
    x = F.pad(x, (padding, padding))
    windows = x.unfold(2, weight.shape[-1], stride)
    out = torch.einsum("nclk,ock->nol", windows, weight)
    return out if bias is None else out + bias[:, None]

def causal_conv1d(x, weight, bias=None, dilation=1):
    return conv1d_manual(F.pad(x, (weight.shape[-1] - 1, 0)), weight, bias)

class Forecaster(nn.Module):
    def __init__(self, channels, past, future, width=16):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(channels, width, 5, padding=2), nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=4, dilation=2), nn.ReLU(),
            nn.Flatten(), nn.Linear(width * past, future),
        )

    def forward(self, x):
        return self.net(x.mT)

# %% 7.3 wrong "causal is right for dilation 1 only" expect "causal_conv1d with dilation 4"
def conv1d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1):
    k = weight.shape[-1]
    x = F.pad(x, (padding, padding))
    n = (x.shape[-1] - dilation * (k - 1) - 1) // stride + 1
    out = 0
    for j in range(k):
        piece = x[..., j * dilation : j * dilation + stride * (n - 1) + 1 : stride]
        out = out + torch.einsum("ncl,oc->nol", piece, weight[:, :, j])
    return out if bias is None else out + bias[:, None]

def causal_conv1d(x, weight, bias=None, dilation=1):
    left = weight.shape[-1] - 1
    right = left * (dilation - 1)
    return conv1d_manual(F.pad(x, (left, right)), weight, bias, dilation=dilation)

class Forecaster(nn.Module):
    def __init__(self, channels, past, future, width=16):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(channels, width, 5, padding=2), nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=4, dilation=2), nn.ReLU(),
            nn.Flatten(), nn.Linear(width * past, future),
        )

    def forward(self, x):
        return self.net(x.mT)

# %% 7.3 wrong "calls F.conv1d" expect "uses `conv1d`"
def conv1d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1):
    return F.conv1d(x, weight, bias, stride, padding, dilation)

def causal_conv1d(x, weight, bias=None, dilation=1):
    return F.conv1d(F.pad(x, ((weight.shape[-1] - 1) * dilation, 0)), weight, bias, dilation=dilation)

class Forecaster(nn.Module):
    def __init__(self, channels, past, future, width=16):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(channels, width, 5, padding=2), nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=4, dilation=2), nn.ReLU(),
            nn.Flatten(), nn.Linear(width * past, future),
        )

    def forward(self, x):
        return self.net(x.mT)

# %% 7.3 wrong "reshape instead of transpose" expect "the forecast with given weights"
def conv1d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1):
    k = weight.shape[-1]
    x = F.pad(x, (padding, padding))
    n = (x.shape[-1] - dilation * (k - 1) - 1) // stride + 1
    out = 0
    for j in range(k):
        piece = x[..., j * dilation : j * dilation + stride * (n - 1) + 1 : stride]
        out = out + torch.einsum("ncl,oc->nol", piece, weight[:, :, j])
    return out if bias is None else out + bias[:, None]

def causal_conv1d(x, weight, bias=None, dilation=1):
    return conv1d_manual(F.pad(x, ((weight.shape[-1] - 1) * dilation, 0)), weight, bias, 1, 0, dilation)

class Forecaster(nn.Module):
    def __init__(self, channels, past, future, width=16):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(channels, width, 5, padding=2), nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=4, dilation=2), nn.ReLU(),
            nn.Flatten(), nn.Linear(width * past, future),
        )

    def forward(self, x):
        return self.net(x.reshape(x.shape[0], x.shape[2], x.shape[1]))

# %% 7.3 wrong "gathers the windows from detached values" expect "No gradient arrives"
def conv1d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1):
    x, weight = x.detach(), weight.detach()
    k = weight.shape[-1]
    x = F.pad(x, (padding, padding))
    n = (x.shape[-1] - dilation * (k - 1) - 1) // stride + 1
    out = torch.zeros(x.shape[0], weight.shape[0], n, dtype=x.dtype)
    for i in range(n):
        window = x[:, :, i * stride : i * stride + dilation * (k - 1) + 1 : dilation]
        out[:, :, i] = torch.einsum("nck,ock->no", window, weight)
    return out if bias is None else out + bias[:, None]

def causal_conv1d(x, weight, bias=None, dilation=1):
    return conv1d_manual(F.pad(x, ((weight.shape[-1] - 1) * dilation, 0)), weight, bias, 1, 0, dilation)

class Forecaster(nn.Module):
    def __init__(self, channels, past, future, width=16):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(channels, width, 5, padding=2), nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=4, dilation=2), nn.ReLU(),
            nn.Flatten(), nn.Linear(width * past, future),
        )

    def forward(self, x):
        return self.net(x.mT)

# %% 7.3 right "an index table of windows"
def conv1d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1):
    outs, channels, k = weight.shape
    x = F.pad(x, (padding, padding))
    n = (x.shape[-1] - dilation * (k - 1) - 1) // stride + 1
    index = stride * torch.arange(n)[:, None] + dilation * torch.arange(k)
    windows = x[:, :, index].permute(0, 2, 1, 3).reshape(len(x), n, channels * k)
    out = (windows @ weight.reshape(outs, channels * k).T).mT
    if bias is not None:
        out = out + bias.view(1, -1, 1)
    return out

def causal_conv1d(x, weight, bias=None, dilation=1):
    pad = (weight.shape[-1] - 1) * dilation
    return conv1d_manual(x, weight, bias, 1, pad, dilation)[..., : x.shape[-1]]

class Forecaster(nn.Module):
    def __init__(self, channels, past, future, width=16):
        super().__init__()
        self.head = nn.Linear(width * past, future)
        self.late = nn.Conv1d(width, width, 5, dilation=2, padding="same")
        self.early = nn.Conv1d(channels, width, 5, padding="same")

    def forward(self, x):
        h = self.late(self.early(x.transpose(1, 2)).relu()).relu()
        return self.head(h.flatten(1))

# %% 7.3 right "a loop over the outputs, zeros made by cat"
def conv1d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1):
    edge = x.new_zeros(*x.shape[:2], padding)
    x = torch.cat([edge, x, edge], dim=-1)
    span = dilation * (weight.shape[-1] - 1) + 1
    columns = [
        (x[:, None, :, i : i + span : dilation] * weight).sum((2, 3))
        for i in range(0, x.shape[-1] - span + 1, stride)
    ]
    out = torch.stack(columns, dim=-1)
    return out if bias is None else out + bias[None, :, None]

def causal_conv1d(x, weight, bias=None, dilation=1):
    past = torch.zeros(*x.shape[:2], (weight.shape[2] - 1) * dilation, dtype=x.dtype)
    return conv1d_manual(torch.cat([past, x], -1), weight, bias, dilation=dilation)

class Forecaster(nn.Module):
    def __init__(self, channels, past, future, width=16):
        super().__init__()
        a = nn.Conv1d(channels, width, kernel_size=5, padding=2)
        b = nn.Conv1d(width, width, kernel_size=5, padding=4, dilation=2)
        self.layers = nn.ModuleList([a, b, nn.Linear(width * past, future)])

    def forward(self, x):
        a, b, head = self.layers
        x = torch.relu(b(torch.relu(a(torch.permute(x, (0, 2, 1))))))
        return head(x.reshape(len(x), -1))

# %% 7.4 wrong "batch norm after the pooling only" expect "not only the pooling"
def vgg_block(cin, cout, n):
    layers = []
    for k in range(n):
        layers += [nn.Conv2d(cin if k == 0 else cout, cout, 3, padding=1, bias=False), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2), nn.BatchNorm2d(cout))

class VGGNet(nn.Module):
    def __init__(self, in_ch=3, classes=10, widths=(16, 32, 64), counts=(2, 2, 3)):
        super().__init__()
        channels = [in_ch, *widths]
        self.features = nn.Sequential(*(vgg_block(*t) for t in zip(channels, widths, counts)))
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))

# %% 7.4 wrong "batch norm after the ReLU" expect "Batch norm stands between"
def vgg_block(cin, cout, n):
    layers = []
    for k in range(n):
        layers += [nn.Conv2d(cin if k == 0 else cout, cout, 3, padding=1, bias=False), nn.ReLU()]
        layers += [nn.BatchNorm2d(cout)]
    return nn.Sequential(*layers, nn.MaxPool2d(2))

class VGGNet(nn.Module):
    def __init__(self, in_ch=3, classes=10, widths=(16, 32, 64), counts=(2, 2, 3)):
        super().__init__()
        channels = [in_ch, *widths]
        self.features = nn.Sequential(*(vgg_block(*t) for t in zip(channels, widths, counts)))
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))

# %% 7.4 wrong "every convolution reads cin channels" expect "expected input"
def vgg_block(cin, cout, n):
    layers = []
    for k in range(n):
        layers += [nn.Conv2d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))

class VGGNet(nn.Module):
    def __init__(self, in_ch=3, classes=10, widths=(16, 32, 64), counts=(2, 2, 3)):
        super().__init__()
        channels = [in_ch, *widths]
        self.features = nn.Sequential(*(vgg_block(*t) for t in zip(channels, widths, counts)))
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))

# %% 7.4 wrong "a head sized for 32 × 32" expect "shapes cannot be multiplied"
def vgg_block(cin, cout, n):
    layers = []
    for k in range(n):
        layers += [nn.Conv2d(cin if k == 0 else cout, cout, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(cout), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))

class VGGNet(nn.Module):
    def __init__(self, in_ch=3, classes=10, widths=(16, 32, 64), counts=(2, 2, 3)):
        super().__init__()
        channels = [in_ch, *widths]
        self.features = nn.Sequential(*(vgg_block(*t) for t in zip(channels, widths, counts)))
        self.head = nn.Linear(widths[-1] * 16, classes)

    def forward(self, x):
        return self.head(self.features(x).flatten(1))

# %% 7.4 wrong "convolutions keep their bias" expect "The convolutions have a bias"
def vgg_block(cin, cout, n):
    layers = []
    for k in range(n):
        layers += [nn.Conv2d(cin if k == 0 else cout, cout, 3, padding=1)]
        layers += [nn.BatchNorm2d(cout), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))

class VGGNet(nn.Module):
    def __init__(self, in_ch=3, classes=10, widths=(16, 32, 64), counts=(2, 2, 3)):
        super().__init__()
        channels = [in_ch, *widths]
        self.features = nn.Sequential(*(vgg_block(*t) for t in zip(channels, widths, counts)))
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))

# %% 7.4 wrong "always three blocks with two, two and three layers" expect "the logits of two networks in eval mode"
def vgg_block(cin, cout, n):
    layers = []
    for k in range(n):
        layers += [nn.Conv2d(cin if k == 0 else cout, cout, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(cout), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))

class VGGNet(nn.Module):
    def __init__(self, in_ch=3, classes=10, widths=(16, 32, 64), counts=(2, 2, 3)):
        super().__init__()
        channels = [in_ch, *widths]
        self.features = nn.Sequential(*(vgg_block(*t) for t in zip(channels, widths, (2, 2, 3))))
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))

# %% 7.4 wrong "batch norm without running statistics" expect "running statistics"
def vgg_block(cin, cout, n):
    layers = []
    for k in range(n):
        layers += [nn.Conv2d(cin if k == 0 else cout, cout, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(cout, track_running_stats=False), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))

class VGGNet(nn.Module):
    def __init__(self, in_ch=3, classes=10, widths=(16, 32, 64), counts=(2, 2, 3)):
        super().__init__()
        channels = [in_ch, *widths]
        self.features = nn.Sequential(*(vgg_block(*t) for t in zip(channels, widths, counts)))
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))

# %% 7.4 wrong "the greatest value of each map instead of the mean" expect "the logits of two networks in eval mode"
def vgg_block(cin, cout, n):
    layers = []
    for k in range(n):
        layers += [nn.Conv2d(cin if k == 0 else cout, cout, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(cout), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))

class VGGNet(nn.Module):
    def __init__(self, in_ch=3, classes=10, widths=(16, 32, 64), counts=(2, 2, 3)):
        super().__init__()
        channels = [in_ch, *widths]
        self.features = nn.Sequential(*(vgg_block(*t) for t in zip(channels, widths, counts)))
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x):
        return self.head(self.features(x).amax((2, 3)))

# %% 7.4 wrong "another momentum" expect "three training steps"
def vgg_block(cin, cout, n):
    layers = []
    for k in range(n):
        layers += [nn.Conv2d(cin if k == 0 else cout, cout, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(cout, momentum=0.9), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))

class VGGNet(nn.Module):
    def __init__(self, in_ch=3, classes=10, widths=(16, 32, 64), counts=(2, 2, 3)):
        super().__init__()
        channels = [in_ch, *widths]
        self.features = nn.Sequential(*(vgg_block(*t) for t in zip(channels, widths, counts)))
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))

# %% 7.4 right "one long Sequential with an adaptive pool"
def vgg_block(cin, cout, n):
    block = nn.Sequential()
    for k in range(1, n + 1):
        block.append(nn.Conv2d(cin, cout, kernel_size=3, padding="same", bias=False))
        block.append(nn.BatchNorm2d(cout))
        block.append(nn.ReLU(inplace=True))
        cin = cout
    block.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return block

class VGGNet(nn.Sequential):
    def __init__(self, in_ch=3, classes=10, widths=(16, 32, 64), counts=(2, 2, 3)):
        blocks = []
        for width, n in zip(widths, counts):
            blocks.append(vgg_block(in_ch, width, n))
            in_ch = width
        super().__init__(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(in_ch, classes))

# %% 7.4 right "head registered first, layers in a ModuleList"
def vgg_block(cin, cout, n):
    def unit(a):
        return nn.Conv2d(a, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU()

    units = [layer for k in range(n) for layer in unit(cout if k else cin)]
    return nn.Sequential(*units, nn.MaxPool2d(2))

class VGGNet(nn.Module):
    def __init__(self, in_ch=3, classes=10, widths=(16, 32, 64), counts=(2, 2, 3)):
        super().__init__()
        self.classify = nn.Linear(widths[-1], classes)
        self.blocks = nn.ModuleList()
        for i in range(len(widths)):
            self.blocks.append(vgg_block(widths[i - 1] if i else in_ch, widths[i], counts[i]))

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.classify(F.adaptive_avg_pool2d(x, 1).flatten(1))

# %% 7.5 wrong "adds the skip instead of stacking it" expect "The maps are added"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU(),
            )

        self.depth = depth
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2**i, width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 2**self.depth
        x = F.pad(x, (0, -w % m, 0, -h % m))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for k in range(self.depth):
            x = skips[-1 - k] + self.up[k](x)
            x = self.merge[k](x)
        return self.out(x)[..., :h, :w]

def psnr(a, b, max_value=1.0):
    error = ((a - b) ** 2).mean().item()
    if error == 0:
        return math.inf
    return 10 * math.log10(max_value**2 / error)

# %% 7.5 wrong "psnr on the sum" expect "take the mean"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU(),
            )

        self.depth = depth
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 2**self.depth
        x = F.pad(x, (0, -w % m, 0, -h % m))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for k in range(self.depth):
            x = torch.cat([skips[-1 - k], self.up[k](x)], dim=1)
            x = self.merge[k](x)
        return self.out(x)[..., :h, :w]

def psnr(a, b, max_value=1.0):
    error = ((a - b) ** 2).sum().item()
    if error == 0:
        return math.inf
    return 10 * math.log10(max_value**2 / error)

# %% 7.5 wrong "the skip comes second" expect "Stack the skip first"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU(),
            )

        self.depth = depth
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 2**self.depth
        x = F.pad(x, (0, -w % m, 0, -h % m))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for k in range(self.depth):
            x = torch.cat([self.up[k](x), skips[-1 - k]], dim=1)
            x = self.merge[k](x)
        return self.out(x)[..., :h, :w]

def psnr(a, b, max_value=1.0):
    error = ((a - b) ** 2).mean().item()
    if error == 0:
        return math.inf
    return 10 * math.log10(max_value**2 / error)

# %% 7.5 wrong "the skip is taken after the pooling and enlarged" expect "Skips are kept before pooling"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU(),
            )

        self.depth = depth
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 2**self.depth
        x = F.pad(x, (0, -w % m, 0, -h % m))
        skips = []
        for level in self.down:
            x = level(x)
            x = F.max_pool2d(x, 2)
            skips.append(F.interpolate(x, scale_factor=2.0))
        x = self.bottom(x)
        for k in range(self.depth):
            x = torch.cat([skips[-1 - k], self.up[k](x)], dim=1)
            x = self.merge[k](x)
        return self.out(x)[..., :h, :w]

def psnr(a, b, max_value=1.0):
    error = ((a - b) ** 2).mean().item()
    if error == 0:
        return math.inf
    return 10 * math.log10(max_value**2 / error)

# %% 7.5 wrong "the padding is not cut off" expect "Cut the padding off again"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU(),
            )

        self.depth = depth
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 2**self.depth
        x = F.pad(x, (0, -w % m, 0, -h % m))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for k in range(self.depth):
            x = torch.cat([skips[-1 - k], self.up[k](x)], dim=1)
            x = self.merge[k](x)
        return self.out(x)

def psnr(a, b, max_value=1.0):
    error = ((a - b) ** 2).mean().item()
    if error == 0:
        return math.inf
    return 10 * math.log10(max_value**2 / error)

# %% 7.5 wrong "pads around the image" expect "The zeros stand around the image"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU(),
            )

        self.depth = depth
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 2**self.depth
        x = F.pad(x, (-w % m // 2, -w % m - -w % m // 2, -h % m // 2, -h % m - -h % m // 2))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for k in range(self.depth):
            x = torch.cat([skips[-1 - k], self.up[k](x)], dim=1)
            x = self.merge[k](x)
        return self.out(x)[..., -h % m // 2 :, -w % m // 2 :][..., :h, :w]

def psnr(a, b, max_value=1.0):
    error = ((a - b) ** 2).mean().item()
    if error == 0:
        return math.inf
    return 10 * math.log10(max_value**2 / error)

# %% 7.5 wrong "pads to a multiple of 4, whatever the depth" expect "raised RuntimeError"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU(),
            )

        self.depth = depth
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 4
        x = F.pad(x, (0, -w % m, 0, -h % m))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for k in range(self.depth):
            x = torch.cat([skips[-1 - k], self.up[k](x)], dim=1)
            x = self.merge[k](x)
        return self.out(x)[..., :h, :w]

def psnr(a, b, max_value=1.0):
    error = ((a - b) ** 2).mean().item()
    if error == 0:
        return math.inf
    return 10 * math.log10(max_value**2 / error)

# %% 7.5 wrong "the size of rows is used for columns too" expect "Sizes of tensors must match"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU(),
            )

        self.depth = depth
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 2**self.depth
        x = F.pad(x, (0, -h % m, 0, -h % m))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for k in range(self.depth):
            x = torch.cat([skips[-1 - k], self.up[k](x)], dim=1)
            x = self.merge[k](x)
        return self.out(x)[..., :h, :w]

def psnr(a, b, max_value=1.0):
    error = ((a - b) ** 2).mean().item()
    if error == 0:
        return math.inf
    return 10 * math.log10(max_value**2 / error)

# %% 7.5 wrong "max_value is ignored" expect "max_value is not used"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU(),
            )

        self.depth = depth
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 2**self.depth
        x = F.pad(x, (0, -w % m, 0, -h % m))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for k in range(self.depth):
            x = torch.cat([skips[-1 - k], self.up[k](x)], dim=1)
            x = self.merge[k](x)
        return self.out(x)[..., :h, :w]

def psnr(a, b, max_value=1.0):
    error = ((a - b) ** 2).mean().item()
    if error == 0:
        return math.inf
    return 10 * math.log10(1 / error)

# %% 7.5 wrong "max_value is not squared" expect "max_value is squared"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU(),
            )

        self.depth = depth
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 2**self.depth
        x = F.pad(x, (0, -w % m, 0, -h % m))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for k in range(self.depth):
            x = torch.cat([skips[-1 - k], self.up[k](x)], dim=1)
            x = self.merge[k](x)
        return self.out(x)[..., :h, :w]

def psnr(a, b, max_value=1.0):
    error = ((a - b) ** 2).mean().item()
    if error == 0:
        return math.inf
    return 10 * math.log10(max_value / error)

# %% 7.5 wrong "the greatest pixel instead of max_value" expect "psnr of images"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU(),
            )

        self.depth = depth
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 2**self.depth
        x = F.pad(x, (0, -w % m, 0, -h % m))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for k in range(self.depth):
            x = torch.cat([skips[-1 - k], self.up[k](x)], dim=1)
            x = self.merge[k](x)
        return self.out(x)[..., :h, :w]

def psnr(a, b, max_value=1.0):
    error = ((a - b) ** 2).mean().item()
    if error == 0:
        return math.inf
    return 10 * math.log10(a.max().item() ** 2 / error)

# %% 7.5 wrong "an error of zero divides by zero" expect "division by zero"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU(),
            )

        self.depth = depth
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 2**self.depth
        x = F.pad(x, (0, -w % m, 0, -h % m))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for k in range(self.depth):
            x = torch.cat([skips[-1 - k], self.up[k](x)], dim=1)
            x = self.merge[k](x)
        return self.out(x)[..., :h, :w]

def psnr(a, b, max_value=1.0):
    error = ((a - b) ** 2).mean().item()
    return 10 * math.log10(max_value**2 / error)

# %% 7.5 wrong "a double without its last ReLU" expect "A double ends with a ReLU"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1),
            )

        self.depth = depth
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 2**self.depth
        x = F.pad(x, (0, -w % m, 0, -h % m))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for k in range(self.depth):
            x = torch.cat([skips[-1 - k], self.up[k](x)], dim=1)
            x = self.merge[k](x)
        return self.out(x)[..., :h, :w]

def psnr(a, b, max_value=1.0):
    error = ((a - b) ** 2).mean().item()
    if error == 0:
        return math.inf
    return 10 * math.log10(max_value**2 / error)

# %% 7.5 wrong "modules in plain lists" expect "the count of learned numbers"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU(),
            )

        self.depth = depth
        self.down, self.up, self.merge = [], [], []
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 2**self.depth
        x = F.pad(x, (0, -w % m, 0, -h % m))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for k in range(self.depth):
            x = torch.cat([skips[-1 - k], self.up[k](x)], dim=1)
            x = self.merge[k](x)
        return self.out(x)[..., :h, :w]

def psnr(a, b, max_value=1.0):
    error = ((a - b) ** 2).mean().item()
    if error == 0:
        return math.inf
    return 10 * math.log10(max_value**2 / error)

# %% 7.5 wrong "the first skip is forgotten" expect "The skip of the first level changes nothing"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU(),
            )

        self.depth = depth
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 2**self.depth
        x = F.pad(x, (0, -w % m, 0, -h % m))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for k in range(self.depth):
            x = torch.cat([skips[-1 - k] * (k < self.depth - 1), self.up[k](x)], dim=1)
            x = self.merge[k](x)
        return self.out(x)[..., :h, :w]

def psnr(a, b, max_value=1.0):
    error = ((a - b) ** 2).mean().item()
    if error == 0:
        return math.inf
    return 10 * math.log10(max_value**2 / error)

# %% 7.5 wrong "a sigmoid at the end" expect "nothing follows the 1 × 1 convolution"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU(),
            )

        self.depth = depth
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 2**self.depth
        x = F.pad(x, (0, -w % m, 0, -h % m))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for k in range(self.depth):
            x = torch.cat([skips[-1 - k], self.up[k](x)], dim=1)
            x = self.merge[k](x)
        return self.out(x)[..., :h, :w].sigmoid()

def psnr(a, b, max_value=1.0):
    error = ((a - b) ** 2).mean().item()
    if error == 0:
        return math.inf
    return 10 * math.log10(max_value**2 / error)

# %% 7.5 wrong "always two levels" expect "the outputs with one level and with three"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU(),
            )

        depth = self.depth = 2
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))
        self.out = nn.Conv2d(width, out_ch, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 2**self.depth
        x = F.pad(x, (0, -w % m, 0, -h % m))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for k in range(self.depth):
            x = torch.cat([skips[-1 - k], self.up[k](x)], dim=1)
            x = self.merge[k](x)
        return self.out(x)[..., :h, :w]

def psnr(a, b, max_value=1.0):
    error = ((a - b) ** 2).mean().item()
    if error == 0:
        return math.inf
    return 10 * math.log10(max_value**2 / error)

# %% 7.5 right "recursion: each level holds the next one"
class Level(nn.Module):
    def __init__(self, cin, width, depth):
        super().__init__()
        self.depth = depth
        self.a = nn.Conv2d(cin, width, 3, padding=1)
        self.b = nn.Conv2d(width, width, 3, padding=1)
        if depth:
            self.inner = Level(width, 2 * width, depth - 1)
            self.up = nn.ConvTranspose2d(2 * width, width, 2, 2)
            self.c = nn.Conv2d(2 * width, width, 3, padding=1)
            self.d = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        x = self.b(self.a(x).relu()).relu()
        if not self.depth:
            return x
        up = self.up(self.inner(F.max_pool2d(x, 2)))
        return self.d(self.c(torch.cat((x, up), 1)).relu()).relu()


class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()
        self.last = nn.Conv2d(width, out_ch, kernel_size=1)
        self.top = Level(in_ch, width, depth)
        self.m = 2**depth

    def forward(self, x):
        *_, h, w = x.shape
        big = x.new_zeros(*x.shape[:2], math.ceil(h / self.m) * self.m, math.ceil(w / self.m) * self.m)
        big[:, :, :h, :w] = x
        return self.last(self.top(big))[:, :, :h, :w]


def psnr(a, b, max_value=1.0):
    mse = F.mse_loss(a, b)
    return (20 * math.log10(max_value) - 10 * torch.log10(mse)).item()

# %% 7.5 right "registered in another order, NumPy for the decibels"
class UNet(nn.Module):
    def __init__(self, in_ch=1, out_ch=1, width=8, depth=2):
        super().__init__()

        def double(cin, cout):
            return nn.Sequential(
                nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(),
                nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU(),
            )

        self.depth = depth
        self.out = nn.Conv2d(width, out_ch, 1)
        self.pool = nn.MaxPool2d(2)
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_ch
        for i in range(depth):
            self.down.append(double(channels, width * 2**i))
            channels = width * 2**i
        self.bottom = double(channels, width * 2**depth)
        for i in reversed(range(depth)):
            self.up.append(nn.ConvTranspose2d(width * 2 ** (i + 1), width * 2**i, 2, stride=2))
            self.merge.append(double(width * 2 ** (i + 1), width * 2**i))

    def forward(self, x):
        h, w = x.shape[-2:]
        m = 2**self.depth
        x = F.pad(x, (0, -w % m, 0, -h % m))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = self.pool(x)
        x = self.bottom(x)
        for k in range(self.depth):
            x = torch.cat([skips[-1 - k], self.up[k](x)], dim=1)
            x = self.merge[k](x)
        return self.out(x)[..., :h, :w]

def psnr(a, b, max_value=1.0):
    error = float((a.double() - b.double()).pow(2).mean())
    try:
        return 10.0 * math.log10(max_value * max_value / error)
    except ZeroDivisionError:
        return float("inf")

# %% 7.6 wrong "one fixed centre for all" expect "All balls stand at the first centre"
def balls(centres, radii, size):
    a = (torch.arange(size) - centres[:1, :, None]) ** 2
    d2 = a[:, 0, :, None, None] + a[:, 1, None, :, None] + a[:, 2, None, None, :]
    return torch.exp(-d2 / (2 * radii[:, None, None, None] ** 2))[:, None]

def make_blobs(n, size, generator):
    labels = torch.randperm(n, generator=generator) % 2
    centres = size * (0.25 + 0.5 * torch.rand(n, 3, generator=generator))
    radii = size * (0.08 + 0.06 * torch.rand(n, generator=generator))
    noise = 0.3 * torch.randn(n, 1, size, size, size, generator=generator)
    return noise + balls(centres, radii, size) * labels.view(-1, 1, 1, 1, 1), labels

class VolNet(nn.Module):
    def __init__(self, width=8, classes=2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv3d(1, width, 3, padding=1, bias=False), nn.BatchNorm3d(width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.Conv3d(width, 2 * width, 3, padding=1, bias=False), nn.BatchNorm3d(2 * width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2 * width, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.6 wrong "labels in order of the index" expect "Labels in order of the index leak"
def balls(centres, radii, size):
    a = (torch.arange(size) - centres[:, :, None]) ** 2
    d2 = a[:, 0, :, None, None] + a[:, 1, None, :, None] + a[:, 2, None, None, :]
    return torch.exp(-d2 / (2 * radii[:, None, None, None] ** 2))[:, None]

def make_blobs(n, size, generator):
    labels = torch.arange(n) % 2
    centres = size * (0.25 + 0.5 * torch.rand(n, 3, generator=generator))
    radii = size * (0.08 + 0.06 * torch.rand(n, generator=generator))
    noise = 0.3 * torch.randn(n, 1, size, size, size, generator=generator)
    return noise + balls(centres, radii, size) * labels.view(-1, 1, 1, 1, 1), labels

class VolNet(nn.Module):
    def __init__(self, width=8, classes=2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv3d(1, width, 3, padding=1, bias=False), nn.BatchNorm3d(width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.Conv3d(width, 2 * width, 3, padding=1, bias=False), nn.BatchNorm3d(2 * width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2 * width, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.6 wrong "axes swapped" expect "The axes are the wrong way round"
def balls(centres, radii, size):
    a = (torch.arange(size) - centres[:, :, None]) ** 2
    d2 = a[:, 2, :, None, None] + a[:, 1, None, :, None] + a[:, 0, None, None, :]
    return torch.exp(-d2 / (2 * radii[:, None, None, None] ** 2))[:, None]

def make_blobs(n, size, generator):
    labels = torch.randperm(n, generator=generator) % 2
    centres = size * (0.25 + 0.5 * torch.rand(n, 3, generator=generator))
    radii = size * (0.08 + 0.06 * torch.rand(n, generator=generator))
    noise = 0.3 * torch.randn(n, 1, size, size, size, generator=generator)
    return noise + balls(centres, radii, size) * labels.view(-1, 1, 1, 1, 1), labels

class VolNet(nn.Module):
    def __init__(self, width=8, classes=2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv3d(1, width, 3, padding=1, bias=False), nn.BatchNorm3d(width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.Conv3d(width, 2 * width, 3, padding=1, bias=False), nn.BatchNorm3d(2 * width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2 * width, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.6 wrong "meshgrid with xy indexing" expect "Rows and depth are swapped"
def balls(centres, radii, size):
    a = torch.arange(size)
    z, y, x = torch.meshgrid(a, a, a, indexing="xy")
    c = centres[:, :, None, None, None]
    d2 = (z - c[:, 0]) ** 2 + (y - c[:, 1]) ** 2 + (x - c[:, 2]) ** 2
    return torch.exp(-d2 / (2 * radii[:, None, None, None] ** 2))[:, None]

def make_blobs(n, size, generator):
    labels = torch.randperm(n, generator=generator) % 2
    centres = size * (0.25 + 0.5 * torch.rand(n, 3, generator=generator))
    radii = size * (0.08 + 0.06 * torch.rand(n, generator=generator))
    noise = 0.3 * torch.randn(n, 1, size, size, size, generator=generator)
    return noise + balls(centres, radii, size) * labels.view(-1, 1, 1, 1, 1), labels

class VolNet(nn.Module):
    def __init__(self, width=8, classes=2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv3d(1, width, 3, padding=1, bias=False), nn.BatchNorm3d(width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.Conv3d(width, 2 * width, 3, padding=1, bias=False), nn.BatchNorm3d(2 * width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2 * width, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.6 wrong "every volume holds a ball" expect "Every volume holds a ball"
def balls(centres, radii, size):
    a = (torch.arange(size) - centres[:, :, None]) ** 2
    d2 = a[:, 0, :, None, None] + a[:, 1, None, :, None] + a[:, 2, None, None, :]
    return torch.exp(-d2 / (2 * radii[:, None, None, None] ** 2))[:, None]

def make_blobs(n, size, generator):
    labels = torch.randperm(n, generator=generator) % 2
    centres = size * (0.25 + 0.5 * torch.rand(n, 3, generator=generator))
    radii = size * (0.08 + 0.06 * torch.rand(n, generator=generator))
    noise = 0.3 * torch.randn(n, 1, size, size, size, generator=generator)
    return noise + balls(centres, radii, size), labels

class VolNet(nn.Module):
    def __init__(self, width=8, classes=2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv3d(1, width, 3, padding=1, bias=False), nn.BatchNorm3d(width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.Conv3d(width, 2 * width, 3, padding=1, bias=False), nn.BatchNorm3d(2 * width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2 * width, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.6 wrong "the noise is drawn first" expect "The noise is drawn before the centres"
def balls(centres, radii, size):
    a = (torch.arange(size) - centres[:, :, None]) ** 2
    d2 = a[:, 0, :, None, None] + a[:, 1, None, :, None] + a[:, 2, None, None, :]
    return torch.exp(-d2 / (2 * radii[:, None, None, None] ** 2))[:, None]

def make_blobs(n, size, generator):
    labels = torch.randperm(n, generator=generator) % 2
    noise = 0.3 * torch.randn(n, 1, size, size, size, generator=generator)
    centres = size * (0.25 + 0.5 * torch.rand(n, 3, generator=generator))
    radii = size * (0.08 + 0.06 * torch.rand(n, generator=generator))
    return noise + balls(centres, radii, size) * labels.view(-1, 1, 1, 1, 1), labels

class VolNet(nn.Module):
    def __init__(self, width=8, classes=2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv3d(1, width, 3, padding=1, bias=False), nn.BatchNorm3d(width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.Conv3d(width, 2 * width, 3, padding=1, bias=False), nn.BatchNorm3d(2 * width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2 * width, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.6 wrong "the global generator" expect "drawn first"
def balls(centres, radii, size):
    a = (torch.arange(size) - centres[:, :, None]) ** 2
    d2 = a[:, 0, :, None, None] + a[:, 1, None, :, None] + a[:, 2, None, None, :]
    return torch.exp(-d2 / (2 * radii[:, None, None, None] ** 2))[:, None]

def make_blobs(n, size, generator):
    labels = torch.randperm(n) % 2
    centres = size * (0.25 + 0.5 * torch.rand(n, 3))
    radii = size * (0.08 + 0.06 * torch.rand(n))
    noise = 0.3 * torch.randn(n, 1, size, size, size)
    return noise + balls(centres, radii, size) * labels.view(-1, 1, 1, 1, 1), labels

class VolNet(nn.Module):
    def __init__(self, width=8, classes=2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv3d(1, width, 3, padding=1, bias=False), nn.BatchNorm3d(width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.Conv3d(width, 2 * width, 3, padding=1, bias=False), nn.BatchNorm3d(2 * width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2 * width, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.6 wrong "noise at full strength" expect "The noise is not scaled"
def balls(centres, radii, size):
    a = (torch.arange(size) - centres[:, :, None]) ** 2
    d2 = a[:, 0, :, None, None] + a[:, 1, None, :, None] + a[:, 2, None, None, :]
    return torch.exp(-d2 / (2 * radii[:, None, None, None] ** 2))[:, None]

def make_blobs(n, size, generator):
    labels = torch.randperm(n, generator=generator) % 2
    centres = size * (0.25 + 0.5 * torch.rand(n, 3, generator=generator))
    radii = size * (0.08 + 0.06 * torch.rand(n, generator=generator))
    noise = torch.randn(n, 1, size, size, size, generator=generator)
    return noise + balls(centres, radii, size) * labels.view(-1, 1, 1, 1, 1), labels

class VolNet(nn.Module):
    def __init__(self, width=8, classes=2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv3d(1, width, 3, padding=1, bias=False), nn.BatchNorm3d(width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.Conv3d(width, 2 * width, 3, padding=1, bias=False), nn.BatchNorm3d(2 * width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2 * width, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.6 wrong "the factor 2 under the square is missing" expect "The factor 2 under"
def balls(centres, radii, size):
    a = (torch.arange(size) - centres[:, :, None]) ** 2
    d2 = a[:, 0, :, None, None] + a[:, 1, None, :, None] + a[:, 2, None, None, :]
    return torch.exp(-d2 / radii[:, None, None, None] ** 2)[:, None]

def make_blobs(n, size, generator):
    labels = torch.randperm(n, generator=generator) % 2
    centres = size * (0.25 + 0.5 * torch.rand(n, 3, generator=generator))
    radii = size * (0.08 + 0.06 * torch.rand(n, generator=generator))
    noise = 0.3 * torch.randn(n, 1, size, size, size, generator=generator)
    return noise + balls(centres, radii, size) * labels.view(-1, 1, 1, 1, 1), labels

class VolNet(nn.Module):
    def __init__(self, width=8, classes=2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv3d(1, width, 3, padding=1, bias=False), nn.BatchNorm3d(width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.Conv3d(width, 2 * width, 3, padding=1, bias=False), nn.BatchNorm3d(2 * width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2 * width, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.6 wrong "one radius for all" expect "All balls have the first radius"
def balls(centres, radii, size):
    a = (torch.arange(size) - centres[:, :, None]) ** 2
    d2 = a[:, 0, :, None, None] + a[:, 1, None, :, None] + a[:, 2, None, None, :]
    return torch.exp(-d2 / (2 * radii[0] ** 2))[:, None]

def make_blobs(n, size, generator):
    labels = torch.randperm(n, generator=generator) % 2
    centres = size * (0.25 + 0.5 * torch.rand(n, 3, generator=generator))
    radii = size * (0.08 + 0.06 * torch.rand(n, generator=generator))
    noise = 0.3 * torch.randn(n, 1, size, size, size, generator=generator)
    return noise + balls(centres, radii, size) * labels.view(-1, 1, 1, 1, 1), labels

class VolNet(nn.Module):
    def __init__(self, width=8, classes=2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv3d(1, width, 3, padding=1, bias=False), nn.BatchNorm3d(width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.Conv3d(width, 2 * width, 3, padding=1, bias=False), nn.BatchNorm3d(2 * width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2 * width, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.6 wrong "convolutions keep their bias" expect "The convolutions have a bias"
def balls(centres, radii, size):
    a = (torch.arange(size) - centres[:, :, None]) ** 2
    d2 = a[:, 0, :, None, None] + a[:, 1, None, :, None] + a[:, 2, None, None, :]
    return torch.exp(-d2 / (2 * radii[:, None, None, None] ** 2))[:, None]

def make_blobs(n, size, generator):
    labels = torch.randperm(n, generator=generator) % 2
    centres = size * (0.25 + 0.5 * torch.rand(n, 3, generator=generator))
    radii = size * (0.08 + 0.06 * torch.rand(n, generator=generator))
    noise = 0.3 * torch.randn(n, 1, size, size, size, generator=generator)
    return noise + balls(centres, radii, size) * labels.view(-1, 1, 1, 1, 1), labels

class VolNet(nn.Module):
    def __init__(self, width=8, classes=2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv3d(1, width, 3, padding=1), nn.BatchNorm3d(width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.Conv3d(width, 2 * width, 3, padding=1), nn.BatchNorm3d(2 * width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2 * width, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.6 wrong "batch norm after the ReLU" expect "Batch norm stands after the ReLU"
def balls(centres, radii, size):
    a = (torch.arange(size) - centres[:, :, None]) ** 2
    d2 = a[:, 0, :, None, None] + a[:, 1, None, :, None] + a[:, 2, None, None, :]
    return torch.exp(-d2 / (2 * radii[:, None, None, None] ** 2))[:, None]

def make_blobs(n, size, generator):
    labels = torch.randperm(n, generator=generator) % 2
    centres = size * (0.25 + 0.5 * torch.rand(n, 3, generator=generator))
    radii = size * (0.08 + 0.06 * torch.rand(n, generator=generator))
    noise = 0.3 * torch.randn(n, 1, size, size, size, generator=generator)
    return noise + balls(centres, radii, size) * labels.view(-1, 1, 1, 1, 1), labels

class VolNet(nn.Module):
    def __init__(self, width=8, classes=2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv3d(1, width, 3, padding=1, bias=False), nn.ReLU(), nn.BatchNorm3d(width),
            nn.MaxPool3d(2),
            nn.Conv3d(width, 2 * width, 3, padding=1, bias=False), nn.ReLU(), nn.BatchNorm3d(2 * width),
            nn.MaxPool3d(2),
            nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2 * width, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.6 wrong "the second pooling is missing" expect "the logits for two shapes"
def balls(centres, radii, size):
    a = (torch.arange(size) - centres[:, :, None]) ** 2
    d2 = a[:, 0, :, None, None] + a[:, 1, None, :, None] + a[:, 2, None, None, :]
    return torch.exp(-d2 / (2 * radii[:, None, None, None] ** 2))[:, None]

def make_blobs(n, size, generator):
    labels = torch.randperm(n, generator=generator) % 2
    centres = size * (0.25 + 0.5 * torch.rand(n, 3, generator=generator))
    radii = size * (0.08 + 0.06 * torch.rand(n, generator=generator))
    noise = 0.3 * torch.randn(n, 1, size, size, size, generator=generator)
    return noise + balls(centres, radii, size) * labels.view(-1, 1, 1, 1, 1), labels

class VolNet(nn.Module):
    def __init__(self, width=8, classes=2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv3d(1, width, 3, padding=1, bias=False), nn.BatchNorm3d(width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.Conv3d(width, 2 * width, 3, padding=1, bias=False), nn.BatchNorm3d(2 * width), nn.ReLU(),
            nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2 * width, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.6 wrong "labels as floats" expect "the labels of nine volumes"
def balls(centres, radii, size):
    a = (torch.arange(size) - centres[:, :, None]) ** 2
    d2 = a[:, 0, :, None, None] + a[:, 1, None, :, None] + a[:, 2, None, None, :]
    return torch.exp(-d2 / (2 * radii[:, None, None, None] ** 2))[:, None]

def make_blobs(n, size, generator):
    labels = torch.randperm(n, generator=generator) % 2
    centres = size * (0.25 + 0.5 * torch.rand(n, 3, generator=generator))
    radii = size * (0.08 + 0.06 * torch.rand(n, generator=generator))
    noise = 0.3 * torch.randn(n, 1, size, size, size, generator=generator)
    return noise + balls(centres, radii, size) * labels.view(-1, 1, 1, 1, 1), labels.float()

class VolNet(nn.Module):
    def __init__(self, width=8, classes=2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv3d(1, width, 3, padding=1, bias=False), nn.BatchNorm3d(width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.Conv3d(width, 2 * width, 3, padding=1, bias=False), nn.BatchNorm3d(2 * width), nn.ReLU(),
            nn.MaxPool3d(2),
            nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2 * width, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.6 right "stacked meshgrid, positive samples by index"
def balls(centres, radii, size):
    axis = torch.arange(size, dtype=centres.dtype)
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)
    d = torch.linalg.vector_norm(grid - centres[:, None, None, None, :], dim=-1)
    return torch.exp(-0.5 * (d / radii.reshape(-1, 1, 1, 1)).square()).unsqueeze(1)

def make_blobs(n, size, generator):
    labels = torch.randperm(n, generator=generator).remainder(2)
    centres = size * (0.25 + 0.5 * torch.rand((n, 3), generator=generator))
    radii = size * (0.08 + 0.06 * torch.rand(n, generator=generator))
    volumes = 0.3 * torch.randn((n, 1, size, size, size), generator=generator)
    on = labels == 1
    volumes[on] += balls(centres[on], radii[on], size)
    return volumes, labels

class VolNet(nn.Module):
    def __init__(self, width=8, classes=2):
        super().__init__()
        self.head = nn.Linear(2 * width, classes)
        self.norms = nn.ModuleList([nn.BatchNorm3d(width), nn.BatchNorm3d(2 * width)])
        self.convs = nn.ModuleList(
            [nn.Conv3d(a, b, 3, padding="same", bias=False) for a, b in ((1, width), (width, 2 * width))]
        )

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms):
            x = F.max_pool3d(F.relu(norm(conv(x))), 2)
        return self.head(x.mean(dim=(-3, -2, -1)))

# %% 7.6 right "a product of three bells"
def balls(centres, radii, size):
    bell = torch.exp(-((torch.arange(size) - centres[..., None]) ** 2) / (2 * radii[:, None, None] ** 2))
    return torch.einsum("nz,ny,nx->nzyx", bell[:, 0], bell[:, 1], bell[:, 2])[:, None]

def make_blobs(n, size, generator):
    g = generator
    labels = torch.randperm(n, generator=g) % 2
    centres = (torch.rand(n, 3, generator=g) / 2 + 0.25) * size
    radii = (torch.rand(n, generator=g) * 0.06 + 0.08) * size
    volumes = torch.randn(n, 1, size, size, size, generator=g).mul_(0.3)
    shapes = balls(centres, radii, size)
    return torch.where(labels.bool()[:, None, None, None, None], volumes + shapes, volumes), labels

class VolNet(nn.Module):
    def __init__(self, width=8, classes=2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv3d(1, width, 3, padding=1, bias=False), nn.BatchNorm3d(width), nn.ReLU(),
            nn.MaxPool3d(kernel_size=2, stride=2),
            nn.Conv3d(width, 2 * width, 3, padding=1, bias=False), nn.BatchNorm3d(2 * width), nn.ReLU(),
            nn.MaxPool3d(kernel_size=2, stride=2),
            nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2 * width, classes),
        )

    def forward(self, x):
        return self.net(x)

# %% 7.7 wrong "kernel flipped" expect "The kernel is turned round"
def conv2d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    def pair(v):
        return (v, v) if isinstance(v, int) else tuple(v)

    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    outs, _, kh, kw = weight.shape
    x = F.pad(x, (pw, pw, ph, ph))
    rows = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1
    columns = (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    x = x.reshape(len(x), groups, -1, *x.shape[2:])
    weight = weight.reshape(groups, outs // groups, -1, kh, kw)
    out = 0
    for i in range(kh):
        for j in range(kw):
            piece = x[..., i * dh : i * dh + sh * (rows - 1) + 1 : sh, :]
            piece = piece[..., j * dw : j * dw + sw * (columns - 1) + 1 : sw]
            out = out + torch.einsum("ngchw,goc->ngohw", piece, weight[..., kh - 1 - i, kw - 1 - j])
    out = out.reshape(len(x), outs, rows, columns)
    return out if bias is None else out + bias[:, None, None]

# %% 7.7 wrong "the bias is forgotten" expect "The bias is missing"
def conv2d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    def pair(v):
        return (v, v) if isinstance(v, int) else tuple(v)

    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    outs, _, kh, kw = weight.shape
    x = F.pad(x, (pw, pw, ph, ph))
    rows = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1
    columns = (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    x = x.reshape(len(x), groups, -1, *x.shape[2:])
    weight = weight.reshape(groups, outs // groups, -1, kh, kw)
    out = 0
    for i in range(kh):
        for j in range(kw):
            piece = x[..., i * dh : i * dh + sh * (rows - 1) + 1 : sh, :]
            piece = piece[..., j * dw : j * dw + sw * (columns - 1) + 1 : sw]
            out = out + torch.einsum("ngchw,goc->ngohw", piece, weight[..., i, j])
    out = out.reshape(len(x), outs, rows, columns)
    return out

# %% 7.7 wrong "the dilation is forgotten" expect "The dilation is not used"
def conv2d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    def pair(v):
        return (v, v) if isinstance(v, int) else tuple(v)

    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), (1, 1)
    outs, _, kh, kw = weight.shape
    x = F.pad(x, (pw, pw, ph, ph))
    rows = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1
    columns = (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    x = x.reshape(len(x), groups, -1, *x.shape[2:])
    weight = weight.reshape(groups, outs // groups, -1, kh, kw)
    out = 0
    for i in range(kh):
        for j in range(kw):
            piece = x[..., i * dh : i * dh + sh * (rows - 1) + 1 : sh, :]
            piece = piece[..., j * dw : j * dw + sw * (columns - 1) + 1 : sw]
            out = out + torch.einsum("ngchw,goc->ngohw", piece, weight[..., i, j])
    out = out.reshape(len(x), outs, rows, columns)
    return out if bias is None else out + bias[:, None, None]

# %% 7.7 wrong "the paddings are swapped" expect "The paddings are swapped"
def conv2d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    def pair(v):
        return (v, v) if isinstance(v, int) else tuple(v)

    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    outs, _, kh, kw = weight.shape
    x = F.pad(x, (ph, ph, pw, pw))
    rows = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1
    columns = (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    x = x.reshape(len(x), groups, -1, *x.shape[2:])
    weight = weight.reshape(groups, outs // groups, -1, kh, kw)
    out = 0
    for i in range(kh):
        for j in range(kw):
            piece = x[..., i * dh : i * dh + sh * (rows - 1) + 1 : sh, :]
            piece = piece[..., j * dw : j * dw + sw * (columns - 1) + 1 : sw]
            out = out + torch.einsum("ngchw,goc->ngohw", piece, weight[..., i, j])
    out = out.reshape(len(x), outs, rows, columns)
    return out if bias is None else out + bias[:, None, None]

# %% 7.7 wrong "only whole numbers" expect "TypeError"
def conv2d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    outs, _, kh, kw = weight.shape
    x = F.pad(x, (padding,) * 4)
    rows = (x.shape[2] - dilation * (kh - 1) - 1) // stride + 1
    columns = (x.shape[3] - dilation * (kw - 1) - 1) // stride + 1
    x = x.reshape(len(x), groups, -1, *x.shape[2:])
    weight = weight.reshape(groups, outs // groups, -1, kh, kw)
    out = 0
    for i in range(kh):
        for j in range(kw):
            top, left = i * dilation, j * dilation
            piece = x[..., top : top + stride * (rows - 1) + 1 : stride, :]
            piece = piece[..., left : left + stride * (columns - 1) + 1 : stride]
            out = out + torch.einsum("ngchw,goc->ngohw", piece, weight[..., i, j])
    out = out.reshape(len(x), outs, rows, columns)
    return out if bias is None else out + bias[:, None, None]

# %% 7.7 wrong "groups interleaved" expect "Neighbouring outputs see different groups"
def conv2d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    def pair(v):
        return (v, v) if isinstance(v, int) else tuple(v)

    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    outs, _, kh, kw = weight.shape
    x = F.pad(x, (pw, pw, ph, ph))
    rows = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1
    columns = (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    x = x.reshape(len(x), groups, -1, *x.shape[2:])
    weight = weight.reshape(outs // groups, groups, -1, kh, kw).transpose(0, 1)
    out = 0
    for i in range(kh):
        for j in range(kw):
            piece = x[..., i * dh : i * dh + sh * (rows - 1) + 1 : sh, :]
            piece = piece[..., j * dw : j * dw + sw * (columns - 1) + 1 : sw]
            out = out + torch.einsum("ngchw,goc->noghw", piece, weight[..., i, j])
    out = out.reshape(len(x), outs, rows, columns)
    return out if bias is None else out + bias[:, None, None]

# %% 7.7 wrong "calls F.conv2d" expect "uses `conv2d`"
def conv2d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(x, weight, bias, stride, padding, dilation, groups)

# %% 7.7 wrong "calls F.unfold" expect "uses `unfold`"
def conv2d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    columns = F.unfold(x, weight.shape[2:], dilation, padding, stride)
    rows = (x.shape[2] + 2 * padding - dilation * (weight.shape[2] - 1) - 1) // stride + 1
    out = (weight.flatten(1) @ columns).unflatten(2, (rows, -1))
    return out if bias is None else out + bias[:, None, None]

# %% 7.7 wrong "works in float32 without history" expect "the gradients of image, weight and bias"
def conv2d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    def pair(v):
        return (v, v) if isinstance(v, int) else tuple(v)

    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    x, weight = x.detach().float(), weight.detach().float()
    outs, _, kh, kw = weight.shape
    x = F.pad(x, (pw, pw, ph, ph))
    rows = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1
    columns = (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    x = x.reshape(len(x), groups, -1, *x.shape[2:])
    weight = weight.reshape(groups, outs // groups, -1, kh, kw)
    out = 0
    for i in range(kh):
        for j in range(kw):
            piece = x[..., i * dh : i * dh + sh * (rows - 1) + 1 : sh, :]
            piece = piece[..., j * dw : j * dw + sw * (columns - 1) + 1 : sw]
            out = out + torch.einsum("ngchw,goc->ngohw", piece, weight[..., i, j])
    out = out.reshape(len(x), outs, rows, columns)
    return out if bias is None else out + bias[:, None, None]

# %% 7.7 wrong "an output buffer in float32" expect "float32"
def conv2d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    def pair(v):
        return (v, v) if isinstance(v, int) else tuple(v)

    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    outs, _, kh, kw = weight.shape
    x = F.pad(x, (pw, pw, ph, ph))
    rows = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1
    columns = (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    x = x.reshape(len(x), groups, -1, *x.shape[2:])
    weight = weight.reshape(groups, outs // groups, -1, kh, kw)
    out = torch.zeros(len(x), groups, outs // groups, rows, columns)
    for i in range(kh):
        for j in range(kw):
            piece = x[..., i * dh : i * dh + sh * (rows - 1) + 1 : sh, :]
            piece = piece[..., j * dw : j * dw + sw * (columns - 1) + 1 : sw]
            out += torch.einsum("ngchw,goc->ngohw", piece, weight[..., i, j]).float()
    out = out.reshape(len(x), outs, rows, columns)
    return out if bias is None else out + bias[:, None, None]

# %% 7.7 wrong "groups are ignored" expect "four 1 × 1 kernels in two groups"
def conv2d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    def pair(v):
        return (v, v) if isinstance(v, int) else tuple(v)

    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    outs, _, kh, kw = weight.shape
    x = F.pad(x, (pw, pw, ph, ph))
    rows = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1
    columns = (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    x = x.reshape(len(x), groups, -1, *x.shape[2:])[:, :1].expand(-1, groups, -1, -1, -1)
    weight = weight.reshape(groups, outs // groups, -1, kh, kw)
    out = 0
    for i in range(kh):
        for j in range(kw):
            piece = x[..., i * dh : i * dh + sh * (rows - 1) + 1 : sh, :]
            piece = piece[..., j * dw : j * dw + sw * (columns - 1) + 1 : sw]
            out = out + torch.einsum("ngchw,goc->ngohw", piece, weight[..., i, j])
    out = out.reshape(len(x), outs, rows, columns)
    return out if bias is None else out + bias[:, None, None]

# %% 7.7 right "an index table (im2col)"
def conv2d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    stride, padding, dilation = (
        (v, v) if isinstance(v, int) else v for v in (stride, padding, dilation)
    )
    n, c, h, w = x.shape
    o, _, kh, kw = weight.shape
    big = x.new_zeros(n, c, h + 2 * padding[0], w + 2 * padding[1])
    big[:, :, padding[0] : padding[0] + h, padding[1] : padding[1] + w] = x
    sizes = [
        (big.shape[2 + a] - dilation[a] * (k - 1) - 1) // stride[a] + 1 for a, k in enumerate((kh, kw))
    ]
    rows = stride[0] * torch.arange(sizes[0])[:, None] + dilation[0] * torch.arange(kh)
    columns = stride[1] * torch.arange(sizes[1])[:, None] + dilation[1] * torch.arange(kw)
    windows = big[:, :, rows[:, None, :, None], columns[None, :, None, :]]
    parts = [
        torch.einsum("nchwij,ocij->nohw", a, b)
        for a, b in zip(windows.chunk(groups, 1), weight.chunk(groups, 0))
    ]
    out = torch.cat(parts, dim=1)
    return out if bias is None else out + bias.reshape(1, -1, 1, 1)

# %% 7.7 right "as_strided windows"
def conv2d_manual(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    def two(v):
        return v if isinstance(v, (tuple, list)) else (v, v)

    (sh, sw), (ph, pw), (dh, dw) = map(two, (stride, padding, dilation))
    o, cg, kh, kw = weight.shape
    x = F.pad(x, (pw, pw, ph, ph)).contiguous()
    n, c, h, w = x.shape
    oh, ow = (h - dh * (kh - 1) - 1) // sh + 1, (w - dw * (kw - 1) - 1) // sw + 1
    a, b, e, f = x.stride()
    view = x.as_strided(
        (n, groups, cg, oh, ow, kh, kw), (a, cg * b, b, e * sh, f * sw, e * dh, f * dw)
    )
    out = torch.einsum("ngchwij,gocij->ngohw", view, weight.view(groups, o // groups, cg, kh, kw))
    out = out.flatten(1, 2)
    if bias is not None:
        out = out + bias[:, None, None]
    return out
