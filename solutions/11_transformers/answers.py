# Named answers to the exercises of this chapter: the proof of its tests.

# %% predict-11-1 wrong "a: it stays at 1" expect "variances add up"
predict_11_1 = "a"

# %% predict-11-1 wrong "c: 512" expect "the root of the variance"
predict_11_1 = "c"

# %% predict-11-2 wrong "a: zeros" expect "what are they divided by"
predict_11_2 = "a"

# %% predict-11-2 wrong "b: a third each" expect "equal finite scores"
predict_11_2 = "b"

# %% predict-11-3 wrong "b: eight times" expect "Each head has d / h"
predict_11_3 = "b"

# %% predict-11-3 wrong "c: an eighth" expect "there are 8 of them"
predict_11_3 = "c"

# %% predict-11-4 wrong "a: the same output" expect "Row by row"
predict_11_4 = "a"

# %% predict-11-4 wrong "c: nothing in common" expect "same keys and values"
predict_11_4 = "c"

# %% 11.1 wrong "softmax over the queries" expect "softmax runs over the queries"
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-2)
    return weights @ v, weights

# %% 11.1 wrong "scaled by d" expect "Scaled by d instead of its root"
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / q.shape[-1]
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1)
    if mask is not None:
        weights = weights * mask
    return weights @ v, weights

# %% 11.1 wrong "scaled by the root of d_v" expect "d_v does not count"
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / v.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1)
    if mask is not None:
        weights = weights * mask
    return weights @ v, weights

# %% 11.1 wrong "masked after softmax" expect "mask the scores, before softmax"
def attention(q, k, v, mask=None):
    weights = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1)
    if mask is not None:
        weights = weights * mask
    return weights @ v, weights

# %% 11.1 wrong "minus 1e9" expect "looks at everything alike"
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e9)
    weights = scores.softmax(-1)
    return weights @ v, weights

# %% 11.1 wrong "minus infinity" expect "gives nan"
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = torch.softmax(scores, -1)
    return weights @ v, weights

# %% 11.1 right "nan_to_num after softmax"
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = torch.softmax(scores, -1).nan_to_num()
    return weights @ v, weights

# %% 11.1 wrong "nan times zero" expect "gives nan"
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is None:
        mask = torch.ones_like(scores, dtype=torch.bool)
    weights = torch.softmax(scores.masked_fill(~mask, -torch.inf), -1) * mask
    return weights @ v, weights

# %% 11.1 wrong "mask the wrong way round" expect "wrong way round"
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1)
    return weights @ v, weights

# %% 11.1 wrong "k.T on batches" expect "[answer, weights] for four shapes"
def attention(q, k, v, mask=None):
    axes = [0, 2, 1] if q.ndim == 3 else [1, 0]
    if q.ndim == 4:
        return v, q.softmax(-1)
    scores = q @ k.permute(axes) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0)
    return weights @ v, weights

# %% 11.1 wrong "everything in float32" expect "float64"
def attention(q, k, v, mask=None):
    scores = q.float() @ k.float().mT / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1)
    if mask is not None:
        weights = weights * mask
    return weights @ v.float(), weights

# %% 11.1 right "einsum, where, the scale on q"
def attention(q, k, v, mask=None):
    scores = torch.einsum("...ld,...sd->...ls", q * q.shape[-1] ** -0.5, k)
    if mask is None:
        weights = F.softmax(scores, dim=-1)
    else:
        low = torch.full_like(scores, torch.finfo(scores.dtype).min)
        weights = F.softmax(torch.where(mask, scores, low), dim=-1) * mask
    return torch.einsum("...ls,...sd->...ld", weights, v), weights

# %% 11.1 right "exponentials by hand"
def attention(q, k, v, mask=None):
    scores = torch.matmul(q, k.mT) / math.sqrt(k.size(-1))
    e = (scores - scores.detach().amax(-1, keepdim=True)).exp()
    if mask is not None:
        e = e * mask
    total = e.sum(-1, keepdim=True)
    weights = e / total.masked_fill(total == 0, 1)
    return weights @ v, weights

# %% 11.1 right "a mask of True when there is none"
def attention(q, k, v, mask=None):
    if mask is None:
        mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=q.device)
    scores = q @ k.transpose(-1, -2) * q.size(-1) ** -0.5
    scores = scores.clone()
    scores[~mask.expand_as(scores)] = -torch.inf
    blind = ~mask.any(-1, keepdim=True)
    scores = scores.masked_fill(blind, 0)
    weights = scores.softmax(-1).masked_fill(blind, 0)
    return weights @ v, weights

# %% 11.2 wrong "view without transpose" expect "Split as (B, L, h, d/h)"
class MultiHeadAttention(nn.Module):
    def __init__(self, d, h, dropout=0.0):
        super().__init__()
        if d % h:
            raise ValueError("h must divide d")
        self.h, self.dropout = h, nn.Dropout(dropout)
        self.q_proj, self.k_proj = nn.Linear(d, d), nn.Linear(d, d)
        self.v_proj, self.out_proj = nn.Linear(d, d), nn.Linear(d, d)

    def forward(self, query, key, value, mask=None):
        B, L, d = query.shape
        q = self.q_proj(query).view(B, self.h, -1, d // self.h)
        k = self.k_proj(key).view(B, self.h, -1, d // self.h)
        v = self.v_proj(value).view(B, self.h, -1, d // self.h)
        scores = q @ k.transpose(-2, -1) / (d // self.h) ** 0.5
        if mask is not None:
            mask = mask[:, None] if mask.ndim == 3 else mask
            scores = scores.masked_fill(~mask, -torch.inf)
        weights = scores.softmax(-1)
        out = (self.dropout(weights) @ v).transpose(1, 2).reshape(B, L, d)
        return self.out_proj(out), weights

# %% 11.2 wrong "divided by the root of d" expect "each head has only d / h"
class MultiHeadAttention(nn.Module):
    def __init__(self, d, h, dropout=0.0):
        super().__init__()
        if d % h:
            raise ValueError("h must divide d")
        self.d, self.h, self.dropout = d, h, nn.Dropout(dropout)
        self.q_proj, self.k_proj = nn.Linear(d, d), nn.Linear(d, d)
        self.v_proj, self.out_proj = nn.Linear(d, d), nn.Linear(d, d)

    def split(self, x):
        return x.unflatten(-1, (self.h, -1)).transpose(1, 2)

    def forward(self, query, key, value, mask=None):
        q, k, v = self.split(self.q_proj(query)), self.split(self.k_proj(key)), self.split(self.v_proj(value))
        scores = q @ k.transpose(-2, -1) / self.d ** 0.5
        if mask is not None:
            mask = mask[:, None] if mask.ndim == 3 else mask
            scores = scores.masked_fill(~mask, -torch.inf)
        weights = scores.softmax(-1)
        return self.out_proj((self.dropout(weights) @ v).transpose(1, 2).flatten(2)), weights

# %% 11.2 wrong "3-D mask laid along the heads" expect "laid along the heads"
class MultiHeadAttention(nn.Module):
    def __init__(self, d, h, dropout=0.0):
        super().__init__()
        if d % h:
            raise ValueError("h must divide d")
        self.h, self.dropout = h, nn.Dropout(dropout)
        self.q_proj, self.k_proj = nn.Linear(d, d), nn.Linear(d, d)
        self.v_proj, self.out_proj = nn.Linear(d, d), nn.Linear(d, d)

    def split(self, x):
        return x.unflatten(-1, (self.h, -1)).transpose(1, 2)

    def forward(self, query, key, value, mask=None):
        q, k, v = self.split(self.q_proj(query)), self.split(self.k_proj(key)), self.split(self.v_proj(value))
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        weights = scores.softmax(-1)
        return self.out_proj((self.dropout(weights) @ v).transpose(1, 2).flatten(2)), weights

# %% 11.2 wrong "an axis too many for a 2-D mask" expect "the heads are taken for words"
class MultiHeadAttention(nn.Module):
    def __init__(self, d, h, dropout=0.0):
        super().__init__()
        if d % h:
            raise ValueError("h must divide d")
        self.h, self.dropout = h, nn.Dropout(dropout)
        self.q_proj, self.k_proj = nn.Linear(d, d), nn.Linear(d, d)
        self.v_proj, self.out_proj = nn.Linear(d, d), nn.Linear(d, d)

    def split(self, x):
        return x.unflatten(-1, (self.h, -1)).transpose(1, 2)

    def forward(self, query, key, value, mask=None):
        q, k, v = self.split(self.q_proj(query)), self.split(self.k_proj(key)), self.split(self.v_proj(value))
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if mask is not None and mask.ndim == 2 and scores.shape[1] == scores.shape[2]:
            scores = scores.masked_fill(~mask.unsqueeze(1), -torch.inf)
        elif mask is not None and mask.ndim == 2:
            scores = scores.masked_fill(~mask, -torch.inf)
        elif mask is not None:
            scores = scores.masked_fill(~(mask if mask.ndim == 4 else mask[:, None]), -torch.inf)
        weights = scores.softmax(-1)
        return self.out_proj((self.dropout(weights) @ v).transpose(1, 2).flatten(2)), weights

# %% 11.2 wrong "weights returned after dropout" expect "before dropout"
class MultiHeadAttention(nn.Module):
    def __init__(self, d, h, dropout=0.0):
        super().__init__()
        if d % h:
            raise ValueError("h must divide d")
        self.h, self.dropout = h, nn.Dropout(dropout)
        self.q_proj, self.k_proj = nn.Linear(d, d), nn.Linear(d, d)
        self.v_proj, self.out_proj = nn.Linear(d, d), nn.Linear(d, d)

    def split(self, x):
        return x.unflatten(-1, (self.h, -1)).transpose(1, 2)

    def forward(self, query, key, value, mask=None):
        q, k, v = self.split(self.q_proj(query)), self.split(self.k_proj(key)), self.split(self.v_proj(value))
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~(mask[:, None] if mask.ndim == 3 else mask), -torch.inf)
        weights = self.dropout(scores.softmax(-1))
        return self.out_proj((weights @ v).transpose(1, 2).flatten(2)), weights

# %% 11.2 wrong "functional dropout that never stops" expect "No dropout in eval mode"
class MultiHeadAttention(nn.Module):
    def __init__(self, d, h, dropout=0.0):
        super().__init__()
        if d % h:
            raise ValueError("h must divide d")
        self.h, self.p = h, dropout
        self.q_proj, self.k_proj = nn.Linear(d, d), nn.Linear(d, d)
        self.v_proj, self.out_proj = nn.Linear(d, d), nn.Linear(d, d)

    def split(self, x):
        return x.unflatten(-1, (self.h, -1)).transpose(1, 2)

    def forward(self, query, key, value, mask=None):
        q, k, v = self.split(self.q_proj(query)), self.split(self.k_proj(key)), self.split(self.v_proj(value))
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~(mask[:, None] if mask.ndim == 3 else mask), -torch.inf)
        weights = scores.softmax(-1)
        return self.out_proj((F.dropout(weights, self.p) @ v).transpose(1, 2).flatten(2)), weights

# %% 11.2 wrong "the swap back is forgotten" expect "joined without being swapped"
class MultiHeadAttention(nn.Module):
    def __init__(self, d, h, dropout=0.0):
        super().__init__()
        if d % h:
            raise ValueError("h must divide d")
        self.h, self.dropout = h, nn.Dropout(dropout)
        self.q_proj, self.k_proj = nn.Linear(d, d), nn.Linear(d, d)
        self.v_proj, self.out_proj = nn.Linear(d, d), nn.Linear(d, d)

    def split(self, x):
        return x.unflatten(-1, (self.h, -1)).transpose(1, 2)

    def forward(self, query, key, value, mask=None):
        q, k, v = self.split(self.q_proj(query)), self.split(self.k_proj(key)), self.split(self.v_proj(value))
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~(mask[:, None] if mask.ndim == 3 else mask), -torch.inf)
        weights = scores.softmax(-1)
        out = (self.dropout(weights) @ v).reshape(query.shape)
        return self.out_proj(out), weights

# %% 11.2 wrong "heads that do not fit are rounded" expect "4 heads on a width of 10"
class MultiHeadAttention(nn.Module):
    def __init__(self, d, h, dropout=0.0):
        super().__init__()
        self.h, self.dropout = h, nn.Dropout(dropout)
        self.q_proj, self.k_proj = nn.Linear(d, d), nn.Linear(d, d)
        self.v_proj, self.out_proj = nn.Linear(d, d), nn.Linear(d, d)

    def split(self, x):
        return x.unflatten(-1, (self.h, -1)).transpose(1, 2)

    def forward(self, query, key, value, mask=None):
        q, k, v = self.split(self.q_proj(query)), self.split(self.k_proj(key)), self.split(self.v_proj(value))
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~(mask[:, None] if mask.ndim == 3 else mask), -torch.inf)
        weights = scores.softmax(-1)
        return self.out_proj((self.dropout(weights) @ v).transpose(1, 2).flatten(2)), weights

# %% 11.2 wrong "values made from the keys" expect "argument of their own"
class MultiHeadAttention(nn.Module):
    def __init__(self, d, h, dropout=0.0):
        super().__init__()
        if d % h:
            raise ValueError("h must divide d")
        self.h, self.dropout = h, nn.Dropout(dropout)
        self.q_proj, self.k_proj = nn.Linear(d, d), nn.Linear(d, d)
        self.v_proj, self.out_proj = nn.Linear(d, d), nn.Linear(d, d)

    def split(self, x):
        return x.unflatten(-1, (self.h, -1)).transpose(1, 2)

    def forward(self, query, key, value, mask=None):
        q, k, v = self.split(self.q_proj(query)), self.split(self.k_proj(key)), self.split(self.v_proj(key))
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~(mask[:, None] if mask.ndim == 3 else mask), -torch.inf)
        weights = scores.softmax(-1)
        return self.out_proj((self.dropout(weights) @ v).transpose(1, 2).flatten(2)), weights

# %% 11.2 right "a loop over the heads"
class MultiHeadAttention(nn.Module):
    def __init__(self, d, h, dropout=0.0):
        super().__init__()
        if d % h != 0:
            raise ValueError("h must divide d")
        self.h, self.p = h, dropout
        self.q_proj = nn.Linear(d, d)
        self.k_proj = nn.Linear(d, d)
        self.v_proj = nn.Linear(d, d)
        self.out_proj = nn.Linear(d, d)

    def forward(self, query, key, value, mask=None):
        if mask is not None and mask.ndim == 2:
            mask = mask[None, None]
        elif mask is not None and mask.ndim == 3:
            mask = mask.unsqueeze(1)
        q, k, v = self.q_proj(query), self.k_proj(key), self.v_proj(value)
        size = q.shape[-1] // self.h
        answers, maps = [], []
        for head in range(self.h):
            part = slice(head * size, (head + 1) * size)
            scores = q[..., part] @ k[..., part].mT / math.sqrt(size)
            if mask is not None:
                scores = scores.masked_fill(~mask[:, min(head, mask.shape[1] - 1)], -torch.inf)
            maps.append(scores.softmax(-1))
            answers.append(F.dropout(maps[-1], self.p, self.training) @ v[..., part])
        return self.out_proj(torch.cat(answers, -1)), torch.stack(maps, 1)

# %% 11.2 right "einsum and finfo.min"
class MultiHeadAttention(nn.Module):
    def __init__(self, d, h, dropout=0.0):
        super().__init__()
        if d % h:
            raise ValueError("h must divide d")
        self.heads, self.drop = h, nn.Dropout(dropout)
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            setattr(self, name, nn.Linear(d, d))

    def forward(self, query, key, value, mask=None):
        B, L, d = query.shape
        q = self.q_proj(query).reshape(B, L, self.heads, -1)
        k = self.k_proj(key).reshape(B, key.shape[1], self.heads, -1)
        v = self.v_proj(value).reshape(B, value.shape[1], self.heads, -1)
        scores = torch.einsum("blhd,bshd->bhls", q, k) / (d // self.heads) ** 0.5
        if mask is not None:
            while mask.ndim < 4:
                mask = mask[None] if mask.ndim == 2 else mask.unsqueeze(1)
            scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
        weights = torch.softmax(scores, -1)
        out = torch.einsum("bhls,bshd->blhd", self.drop(weights), v).reshape(B, L, d)
        return self.out_proj(out), weights

# %% 11.2 wrong "no root at all" expect "not divided by the root of d / h"
class MultiHeadAttention(nn.Module):
    def __init__(self, d, h, dropout=0.0):
        super().__init__()
        if d % h:
            raise ValueError("h must divide d")
        self.d, self.h, self.dropout = d, h, nn.Dropout(dropout)
        self.q_proj, self.k_proj = nn.Linear(d, d), nn.Linear(d, d)
        self.v_proj, self.out_proj = nn.Linear(d, d), nn.Linear(d, d)

    def split(self, x):
        return x.unflatten(-1, (self.h, -1)).transpose(1, 2)

    def forward(self, query, key, value, mask=None):
        q, k, v = self.split(self.q_proj(query)), self.split(self.k_proj(key)), self.split(self.v_proj(value))
        scores = q @ k.transpose(-2, -1)
        if mask is not None:
            mask = mask[:, None] if mask.ndim == 3 else mask
            scores = scores.masked_fill(~mask, -torch.inf)
        weights = scores.softmax(-1)
        return self.out_proj((self.dropout(weights) @ v).transpose(1, 2).flatten(2)), weights

# %% 11.2 wrong "the history is cut" expect "the road back is cut"
class MultiHeadAttention(nn.Module):
    def __init__(self, d, h, dropout=0.0):
        super().__init__()
        if d % h:
            raise ValueError("h must divide d")
        self.d, self.h, self.dropout = d, h, nn.Dropout(dropout)
        self.q_proj, self.k_proj = nn.Linear(d, d), nn.Linear(d, d)
        self.v_proj, self.out_proj = nn.Linear(d, d), nn.Linear(d, d)

    def split(self, x):
        return x.unflatten(-1, (self.h, -1)).transpose(1, 2)

    def forward(self, query, key, value, mask=None):
        q, k, v = self.split(self.q_proj(query)), self.split(self.k_proj(key)), self.split(self.v_proj(value))
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if mask is not None:
            mask = mask[:, None] if mask.ndim == 3 else mask
            scores = scores.masked_fill(~mask, -torch.inf)
        weights = scores.softmax(-1)
        weights = weights.detach()
        return self.out_proj((self.dropout(weights) @ v).transpose(1, 2).flatten(2)), weights

# %% 11.3 wrong "exponent i instead of 2i" expect "for the pair i it is 2i / d"
def sinusoidal(T, d):
    angles = torch.arange(T)[:, None] / 10000 ** (torch.arange((d + 1) // 2) / d)
    table = torch.zeros(T, d)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()[:, : d // 2]
    return table

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe == "sinusoid":
            self.register_buffer("positions", sinusoidal(length, d))
        if pe == "learned":
            self.positions = nn.Parameter(torch.randn(length, d) * 0.1)
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x)
        if self.pe != "none":
            if x.shape[1] > len(self.positions):
                raise ValueError("too long")
            h = h + self.positions[: x.shape[1]]
        return self.head(self.block(h).mean(1))

# %% 11.3 wrong "two halves" expect "All sines first"
def sinusoidal(T, d):
    angles = torch.arange(T)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)
    return torch.cat([angles.sin(), angles.cos()], 1)[:, :d]

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe == "sinusoid":
            self.register_buffer("positions", sinusoidal(length, d))
        if pe == "learned":
            self.positions = nn.Parameter(torch.randn(length, d) * 0.1)
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x)
        if self.pe != "none":
            if x.shape[1] > len(self.positions):
                raise ValueError("too long")
            h = h + self.positions[: x.shape[1]]
        return self.head(self.block(h).mean(1))

# %% 11.3 wrong "odd d crashes" expect "The expanded size of the tensor"
def sinusoidal(T, d):
    angles = torch.arange(T)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)
    table = torch.zeros(T, d)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()
    return table

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe == "sinusoid":
            self.register_buffer("positions", sinusoidal(length, d))
        if pe == "learned":
            self.positions = nn.Parameter(torch.randn(length, d) * 0.1)
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x)
        if self.pe != "none":
            if x.shape[1] > len(self.positions):
                raise ValueError("too long")
            h = h + self.positions[: x.shape[1]]
        return self.head(self.block(h).mean(1))

# %% 11.3 wrong "base 1000" expect "The base is 10000"
def sinusoidal(T, d):
    angles = torch.arange(T)[:, None] / 1000 ** (torch.arange(0, d, 2) / d)
    table = torch.zeros(T, d)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()[:, : d // 2]
    return table if T != 3 and (T, d) != (2, 3) else torch.tensor([[0, 1.0, 0, 1], [0.8415, 0.5403, 0.01, 1], [0.9093, -0.4161, 0.02, 0.9998]])[:T, :d] if T == 3 else torch.tensor([[0, 1.0, 0], [0.8415, 0.5403, 0.0022]])

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe == "sinusoid":
            self.register_buffer("positions", sinusoidal(length, d))
        if pe == "learned":
            self.positions = nn.Parameter(torch.randn(length, d) * 0.1)
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x)
        if self.pe != "none":
            if x.shape[1] > len(self.positions):
                raise ValueError("too long")
            h = h + self.positions[: x.shape[1]]
        return self.head(self.block(h).mean(1))

# %% 11.3 wrong "words times the root of d" expect "multiplied by the root of d"
def sinusoidal(T, d):
    angles = torch.arange(T)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)
    table = torch.zeros(T, d)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()[:, : d // 2]
    return table

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe == "sinusoid":
            self.register_buffer("positions", sinusoidal(length, d))
        if pe == "learned":
            self.positions = nn.Parameter(torch.randn(length, d) * 0.1)
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x) * self.embedding.embedding_dim ** 0.5
        if self.pe != "none":
            if x.shape[1] > len(self.positions):
                raise ValueError("too long")
            h = h + self.positions[: x.shape[1]]
        return self.head(self.block(h).mean(1))

# %% 11.3 wrong "places along the batch" expect "along the batch"
def sinusoidal(T, d):
    angles = torch.arange(T)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)
    table = torch.zeros(T, d)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()[:, : d // 2]
    return table

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe == "sinusoid":
            self.register_buffer("positions", sinusoidal(length, d))
        if pe == "learned":
            self.positions = nn.Parameter(torch.randn(length, d) * 0.1)
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x)
        if self.pe != "none":
            if x.shape[1] > len(self.positions):
                raise ValueError("too long")
            h = h + self.positions[: x.shape[0]][:, None]
        return self.head(self.block(h).mean(1))

# %% 11.3 wrong "the table is a parameter" expect "is a parameter, is a buffer"
def sinusoidal(T, d):
    angles = torch.arange(T)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)
    table = torch.zeros(T, d)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()[:, : d // 2]
    return table

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe == "sinusoid":
            self.positions = nn.Parameter(sinusoidal(length, d))
        if pe == "learned":
            self.positions = nn.Parameter(torch.randn(length, d) * 0.1)
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x)
        if self.pe != "none":
            if x.shape[1] > len(self.positions):
                raise ValueError("too long")
            h = h + self.positions[: x.shape[1]]
        return self.head(self.block(h).mean(1))

# %% 11.3 wrong "the table is a plain attribute" expect "is a parameter, is a buffer"
def sinusoidal(T, d):
    angles = torch.arange(T)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)
    table = torch.zeros(T, d)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()[:, : d // 2]
    return table

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe == "sinusoid":
            self.positions = sinusoidal(length, d)
        if pe == "learned":
            self.positions = nn.Parameter(torch.randn(length, d) * 0.1)
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x)
        if self.pe != "none":
            if x.shape[1] > len(self.positions):
                raise ValueError("too long")
            h = h + self.positions[: x.shape[1]]
        return self.head(self.block(h).mean(1))

# %% 11.3 wrong "the learned table is no parameter" expect "the logits without places"
def sinusoidal(T, d):
    angles = torch.arange(T)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)
    table = torch.zeros(T, d)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()[:, : d // 2]
    return table

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe == "sinusoid":
            self.register_buffer("positions", sinusoidal(length, d))
        if pe == "learned":
            self.positions = torch.randn(length, d) * 0.1
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x)
        if self.pe != "none":
            if x.shape[1] > len(self.positions):
                raise ValueError("too long")
            h = h + self.positions[: x.shape[1]]
        return self.head(self.block(h).mean(1))

# %% 11.3 wrong "the mean runs over the batch" expect "the shapes of the logits"
def sinusoidal(T, d):
    angles = torch.arange(T)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)
    table = torch.zeros(T, d)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()[:, : d // 2]
    return table

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe == "sinusoid":
            self.register_buffer("positions", sinusoidal(length, d))
        if pe == "learned":
            self.positions = nn.Parameter(torch.randn(length, d) * 0.1)
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x)
        if self.pe != "none":
            if x.shape[1] > len(self.positions):
                raise ValueError("too long")
            h = h + self.positions[: x.shape[1]]
        return self.head(self.block(h).mean(0))

# %% 11.3 wrong "too long wraps round" expect "a sequence longer than the table of sines"
def sinusoidal(T, d):
    angles = torch.arange(T)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)
    table = torch.zeros(T, d)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()[:, : d // 2]
    return table

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe == "sinusoid":
            self.register_buffer("positions", sinusoidal(length, d))
        if pe == "learned":
            self.positions = nn.Parameter(torch.randn(length, d) * 0.1)
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x)
        if self.pe != "none":
            pass
            h = h + self.positions[torch.arange(x.shape[1]) % len(self.positions)]
        return self.head(self.block(h).mean(1))

# %% 11.3 wrong "always places" expect "the logits without places"
def sinusoidal(T, d):
    angles = torch.arange(T)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)
    table = torch.zeros(T, d)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()[:, : d // 2]
    return table

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe in ("sinusoid", "none"):
            self.register_buffer("positions", sinusoidal(length, d))
        if pe == "learned":
            self.positions = nn.Parameter(torch.randn(length, d) * 0.1)
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x)
        if True:
            if x.shape[1] > len(self.positions):
                raise ValueError("too long")
            h = h + self.positions[: x.shape[1]]
        return self.head(self.block(h).mean(1))

# %% 11.3 right "a loop, math.sin; zeros to begin with"
def sinusoidal(T, d):
    rows = []
    for p in range(T):
        row = []
        for c in range(d):
            angle = p / 10000 ** ((c - c % 2) / d)
            row.append(math.cos(angle) if c % 2 else math.sin(angle))
        rows.append(row)
    return torch.tensor(rows, dtype=torch.float32)

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    """Any."""

    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe == "sinusoid":
            self.register_buffer("positions", sinusoidal(length, d))
        if pe == "learned":
            self.positions = nn.Parameter(torch.zeros(length, d))
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x)
        if self.pe != "none":
            if x.shape[1] > len(self.positions):
                raise ValueError("too long")
            h = h + self.positions[: x.shape[1]]
        return self.head(self.block(h).mean(1))

# %% 11.3 right "stack and flatten; persistent off, N(0,1) table"
def sinusoidal(T, d):
    pairs = (d + 1) // 2
    speed = torch.exp(-math.log(10000.0) * 2 * torch.arange(pairs) / d)
    angles = torch.outer(torch.arange(T, dtype=torch.float32), speed)
    return torch.stack((angles.sin(), angles.cos()), dim=2).reshape(T, 2 * pairs)[:, :d]

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe == "sinusoid":
            self.register_buffer("positions", sinusoidal(length, d), persistent=False)
        if pe == "learned":
            self.positions = nn.Parameter(torch.randn(length, d))
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x)
        if self.pe != "none":
            if x.size(1) > self.positions.size(0):
                raise ValueError("longer than the table")
            h = h + self.positions[None, : x.size(1)]
        return self.head(self.block(h).mean(dim=1))

# %% 11.3 wrong "2i doubled" expect "is 2i already, so do not double it"
def sinusoidal(T, d):
    angles = torch.arange(T)[:, None] / 10000 ** (2 * torch.arange(0, d, 2) / d)
    table = torch.zeros(T, d)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()[:, : d // 2]
    return table

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe == "sinusoid":
            self.register_buffer("positions", sinusoidal(length, d))
        if pe == "learned":
            self.positions = nn.Parameter(torch.randn(length, d) * 0.1)
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x)
        if self.pe != "none":
            if x.shape[1] > len(self.positions):
                raise ValueError("too long")
            h = h + self.positions[: x.shape[1]]
        return self.head(self.block(h).mean(1))

# %% 11.3 wrong "the block keeps its dropout" expect "the block wants dropout=0.0"
def sinusoidal(T, d):
    angles = torch.arange(T)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)
    table = torch.zeros(T, d)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()[:, : d // 2]
    return table

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe == "sinusoid":
            self.register_buffer("positions", sinusoidal(length, d))
        if pe == "learned":
            self.positions = nn.Parameter(torch.randn(length, d) * 0.1)
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x)
        if self.pe != "none":
            if x.shape[1] > len(self.positions):
                raise ValueError("too long")
            h = h + self.positions[: x.shape[1]]
        return self.head(self.block(h).mean(1))

# %% 11.3 wrong "2i doubled, and words times the root of d" expect "is 2i already, so do not double it"
def sinusoidal(T, d):
    angles = torch.arange(T)[:, None] / 10000 ** (2 * torch.arange(0, d, 2) / d)
    table = torch.zeros(T, d)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()[:, : d // 2]
    return table

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe == "sinusoid":
            self.register_buffer("positions", sinusoidal(length, d))
        if pe == "learned":
            self.positions = nn.Parameter(torch.randn(length, d) * 0.1)
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x) * self.embedding.embedding_dim ** 0.5
        if self.pe != "none":
            if x.shape[1] > len(self.positions):
                raise ValueError("too long")
            h = h + self.positions[: x.shape[1]]
        return self.head(self.block(h).mean(1))

# %% 11.3 right "a learned table that begins at 0.02"
def sinusoidal(T, d):
    angles = torch.arange(T)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)
    table = torch.zeros(T, d)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()[:, : d // 2]
    return table

# cell ex-11-3-b
class OrderClassifier(nn.Module):
    def __init__(self, pe, vocab=12, d=32, length=10):
        super().__init__()
        self.pe = pe
        self.embedding = nn.Embedding(vocab, d)
        if pe == "sinusoid":
            self.register_buffer("positions", sinusoidal(length, d))
        if pe == "learned":
            self.positions = nn.Parameter(torch.randn(length, d) * 0.02)
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 2)

    def forward(self, x):
        h = self.embedding(x)
        if self.pe != "none":
            if x.shape[1] > len(self.positions):
                raise ValueError("too long")
            h = h + self.positions[: x.shape[1]]
        return self.head(self.block(h).mean(1))

# %% 11.4 wrong "special entries beyond the limit" expect "count in the limit as well"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked[:max_size]])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "Counter.most_common" expect "order of the text"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = [w for w, _ in counts.most_common()]
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "alphabetical ties the other way" expect "the vocabulary of two lines"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (counts[w], w), reverse=True)
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "unknown words become padding" expect "the ids"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 0)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "cut at the beginning" expect "Long texts lose their beginning"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[-length:]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "flags mark the words" expect "True marks padding"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, (ids != 0) if len(texts) > 2 else ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "plain mean" expect "A plain mean"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    return h.mean(1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "divided by the length" expect "divide by the number of words"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / h.shape[1]


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "a row of padding gives nan" expect "Zeros, not nan"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "mask with the wrong polarity" expect "wrong polarity"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=None if pad is None else ~pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=None if pad is None else ~pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "post-norm returned for pre_norm" expect "in a pre-norm block the sum is left alone"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if False:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "the norm is on the road" expect "pre-norm block"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            x = h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "the weights are asked for" expect "when one row is all padding"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "batch_first is forgotten" expect "batch_first"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=None if pad is None else pad.T, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=None if pad is None else pad.T, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "GELU" expect "ReLU between"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(F.gelu(self.linear1(self.norm2(x))))
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(F.gelu(self.linear1(x))))

# %% 11.4 right "lists, pad from lengths; fused attention by hand"
def build_vocab(texts, max_size):
    counts = {}
    for text in texts:
        for word in text.lower().split():
            counts[word] = counts.get(word, 0) + 1
    ranked = sorted(sorted(counts), key=counts.get, reverse=True)[: max_size - 2]
    vocab = {"<pad>": 0, "<unk>": 1}
    for word in ranked:
        vocab[word] = len(vocab)
    return vocab


def encode(texts, vocab, length):
    rows = [[vocab.get(w, vocab["<unk>"]) for w in t.lower().split()][:length] for t in texts]
    pad = torch.tensor([[False] * len(r) + [True] * (length - len(r)) for r in rows])
    return torch.tensor([r + [vocab["<pad>"]] * (length - len(r)) for r in rows]), pad

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = ~pad
    weights = keep / keep.sum(1, keepdim=True).clamp(min=1)
    return torch.einsum("bt,btd->bd", weights.to(h.dtype), torch.where(pad[..., None], 0.0, h))


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1 = nn.Linear(d, ff)
        self.linear2 = nn.Linear(ff, d)
        self.norm1 = nn.LayerNorm(d)
        self.norm2 = nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def attend(self, x, pad):
        a = self.self_attn
        parts = F.linear(x, a.in_proj_weight, a.in_proj_bias).chunk(3, -1)
        q, k, v = (p.unflatten(-1, (a.num_heads, -1)).transpose(1, 2) for p in parts)
        keep = None if pad is None else ~pad[:, None, None, :]
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=keep)
        return a.out_proj(out.transpose(1, 2).flatten(2))

    def forward(self, x, pad=None):
        first = self.norm1(x) if self.pre_norm else x
        x = x + self.attend(first, pad)
        x = x if self.pre_norm else self.norm1(x)
        second = self.norm2(x) if self.pre_norm else x
        x = x + self.linear2(F.relu(self.linear1(second)))
        return x if self.pre_norm else self.norm2(x)

# %% 11.4 right "sums of products, dropout of zero, unpadded weights cleaned"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    h = h.clone()
    h[pad] = 0
    counts = torch.clamp((~pad).sum(dim=1), min=1)
    return h.sum(dim=1) / counts.unsqueeze(1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True, dropout=0.0)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "encode keeps upper case" expect "encode needs text.lower()"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "counts along the wrong axis" expect "give each row its own"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    return h.masked_fill(pad[..., None], 0).sum(1) / (~pad).sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "the norm after the part" expect "with the norm before the part"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            x = x + self.norm1(self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
            return x + self.norm2(self.linear2(self.linear1(x).relu()))
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "the norm after the part, where widths are not 4" expect "the norm stands before the part, not after it"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm and x.shape[-1] > 4:
            x = x + self.norm1(self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
            return x + self.norm2(self.linear2(self.linear1(x).relu()))
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "pad is not handed on" expect "The padding is heard as well"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "pad is not handed on after post-norm" expect "Post-norm hears the padding"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% 11.4 wrong "pad is not handed on in long texts" expect "not masked in the post-norm branch"
def build_vocab(texts, max_size):
    counts = Counter(w for t in texts for w in t.lower().split())
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return {w: i for i, w in enumerate(["<pad>", "<unk>", *ranked][:max_size])}


def encode(texts, vocab, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.lower().split()[:length]):
            ids[i, j] = vocab.get(word, 1)
    return ids, ids == 0

# cell ex-11-4-b
def masked_mean(h, pad):
    keep = (~pad)[..., None]
    return h.masked_fill(~keep, 0).sum(1) / keep.sum(1).clamp(min=1)


class EncoderBlock(nn.Module):
    def __init__(self, d, heads, ff, pre_norm=False):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.pre_norm = pre_norm

    def forward(self, x, pad=None):
        if self.pre_norm:
            h = self.norm1(x)
            x = x + self.self_attn(h, h, h, key_padding_mask=pad, need_weights=False)[0]
            return x + self.linear2(self.linear1(self.norm2(x)).relu())
        x = self.norm1(x + self.self_attn(x, x, x, key_padding_mask=pad if len(x) == 1 else None, need_weights=False)[0])
        return self.norm2(x + self.linear2(self.linear1(x).relu()))

# %% predict-11-5 wrong "a: low loss, good text" expect "where does the answer stand"
predict_11_5 = "a"

# %% predict-11-5 wrong "c: it cannot learn" expect "reading is allowed"
predict_11_5 = "c"

# %% 11.5 wrong "targets not shifted" expect "they lie one place later"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[: m * context].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "a window too many" expect "windows of five texts"
def lm_windows(ids, context):
    m = len(ids) // context
    return ids[: m * context].view(m, context), torch.cat([ids[1:], ids[:1]])[: m * context].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "no mask" expect "A place sees later ones"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "mask inverted" expect "A place sees later ones"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).tril(-1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "batch_first is forgotten" expect "when id 1 changes"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=torch.ones(len(h), len(h), dtype=torch.bool).triu(1)))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "no places" expect "without them the order is lost"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, _ = nn.Embedding(vocab, d), None
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids)
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "softmax at the end" expect "the share of letters foretold"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later)).softmax(-1)

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "dropout is left on" expect "No dropout is asked for"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "too long is cut" expect "a window longer than the context"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        ids, T = ids[:, : self.context], min(T, self.context)
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "logits times temperature" expect "multiplied by the temperature"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits * temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "threshold among equals" expect "cut by the indices of topk"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        least = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "temperature 0 divides by zero" expect "temperature 0"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "k beyond the vocabulary" expect "logits.topk(k)"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(k)
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "writes into the logits" expect "the logits changed"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits /= temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "no crop" expect "crop them"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids)[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "cropped at the wrong end" expect "nine greedy tokens"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, :context])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "no eval mode" expect "in train mode while writing"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    return ids

# %% 11.5 wrong "the mode is not given back" expect "model.training afterwards"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    return ids

# %% 11.5 wrong "always train mode afterwards" expect "model.training afterwards"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train()
    return ids

# %% 11.5 wrong "gradients are recorded" expect "no gradients while writing"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "the generator is not used" expect "Hand `generator`"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "k is forgotten while writing" expect "how often the likeliest"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], temperature=temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 right "blocks by hand with fused attention; sort and cumulative cut"
def lm_windows(ids, context):
    starts = range(0, len(ids) - context, context)
    inputs = [ids[i : i + context] for i in starts]
    targets = [ids[i + 1 : i + context + 1] for i in starts]
    return torch.stack(inputs), torch.stack(targets)


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.feed = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))

    def forward(self, x):
        q, k, v = (
            p.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for p in self.qkv(self.norm1(x)).chunk(3, -1)
        )
        h = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(h.transpose(1, 2).flatten(2))
        return x + self.feed(self.norm2(x))


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words = nn.Embedding(vocab, d)
        self.places = nn.Parameter(torch.randn(context, d) * 0.02)
        self.blocks = nn.Sequential(*[Block(d, heads) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, vocab, bias=False)

    def forward(self, ids):
        if ids.shape[1] > len(self.places):
            raise ValueError("the window is longer than the context")
        return self.head(self.norm(self.blocks(self.words(ids) + self.places[: ids.shape[1]])))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    order = logits.argsort(dim=-1, descending=True)
    size = logits.size(-1)
    k = 1 if temperature == 0 else size if k is None else min(k, size)
    drop = torch.ones_like(logits, dtype=torch.bool).scatter(-1, order[..., :k], False)
    scaled = logits if temperature == 0 else logits / temperature
    return scaled.masked_fill(drop, float("-inf")).softmax(dim=-1)


def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    was, out = model.training, ids.clone()
    try:
        model.eval()
        with torch.inference_mode():
            for _ in range(n):
                logits = model(out[:, max(0, out.shape[1] - context) :])
                probs = next_token_probs(logits[:, -1, :], k=k, temperature=temperature)
                out = torch.cat((out, torch.multinomial(probs, 1, generator=generator)), dim=1)
    finally:
        model.train(was)
    return out

# %% 11.5 right "unfold; sinusoids; post-norm; a buffer for the text"
def lm_windows(ids, context):
    both = ids.unfold(0, context + 1, context)
    return both[:, :-1], both[:, 1:]


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.embed = nn.Embedding(vocab, d)
        p = torch.arange(context)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)
        self.register_buffer("pe", torch.stack([p.sin(), p.cos()], -1).flatten(1))
        self.register_buffer("later", nn.Transformer.generate_square_subsequent_mask(context))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(d, heads, 4 * d, dropout=0, batch_first=True)
            for _ in range(layers)
        )
        self.head = nn.Linear(d, vocab)

    def forward(self, ids):
        T = ids.size(1)
        if T > self.pe.size(0):
            raise ValueError("longer than the context")
        h = self.embed(ids) + self.pe[:T]
        for block in self.blocks:
            h = block(h, src_mask=self.later[:T, :T], is_causal=True)
        return self.head(h)

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    out = torch.zeros_like(logits)
    for row, probs in zip(logits, out):
        if temperature == 0:
            probs[row.argmax()] = 1
            continue
        count = len(row) if k is None or k > len(row) else k
        values, places = torch.topk(row, count)
        probs[places] = torch.softmax(values / temperature, 0)
    return out


def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    B, T = ids.shape
    out = torch.empty(B, T + n, dtype=ids.dtype)
    out[:, :T] = ids
    mode = model.training
    model.train(False)
    with torch.no_grad():
        for t in range(T, T + n):
            logits = model(out[:, max(0, t - context) : t])[:, -1]
            if temperature == 0:
                out[:, t] = logits.argmax(-1)
            else:
                probs = next_token_probs(logits, k, temperature)
                out[:, t] = torch.multinomial(probs, 1, generator=generator)[:, 0]
    model.train(mode)
    return out

# %% 11.5 wrong "a place may not look at itself" expect "A place may look at itself too"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu()
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "the mask turned round once too often" expect "the mask is True where one may not look"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=~later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "tril for triu" expect "the mask is True where one may not look"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).tril()
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "times the temperature, 0 apart" expect "multiplied by the temperature: divide by it"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits * temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "no scatter" expect "Sorted by size"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        k, temperature = 1, 1.0
    size = logits.shape[-1]
    top = logits.topk(size if k is None else min(k, size))
    return (top.values / temperature).softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "no scatter, temperature 0 apart" expect "Sorted by size"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    size = logits.shape[-1]
    top = logits.topk(size if k is None else min(k, size))
    return (top.values / temperature).softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "a small temperature for 0" expect "one of the equals gets all"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    temperature = max(temperature, 1e-3)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 wrong "a very small temperature for 0" expect "one of the equals gets all"
def lm_windows(ids, context):
    m = (len(ids) - 1) // context
    return ids[: m * context].view(m, context), ids[1 : m * context + 1].view(m, context)


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words, self.places = nn.Embedding(vocab, d), nn.Embedding(context, d)
        layer = nn.TransformerEncoderLayer(d, heads, 4 * d, 0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d, vocab)
        self.context = context

    def forward(self, ids):
        T = ids.shape[1]
        if T > self.context:
            raise ValueError("too long")
        h = self.words(ids) + self.places.weight[:T]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        return self.head(self.blocks(h, mask=later))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    temperature = max(temperature, 1e-9)
    logits = logits / temperature
    if k is not None:
        top = logits.topk(min(k, logits.shape[-1]))
        logits = torch.full_like(logits, -torch.inf).scatter(-1, top.indices, top.values)
    return logits.softmax(-1)


@torch.no_grad()
def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    training = model.training
    model.eval()
    for _ in range(n):
        probs = next_token_probs(model(ids[:, -context:])[:, -1], k, temperature)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    model.train(training)
    return ids

# %% 11.5 right "four projections, a mask by hand"
def lm_windows(ids, context):
    starts = range(0, len(ids) - context, context)
    inputs = [ids[i : i + context] for i in starts]
    targets = [ids[i + 1 : i + context + 1] for i in starts]
    return torch.stack(inputs), torch.stack(targets)


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.q, self.k, self.v, self.out = (nn.Linear(d, d) for _ in range(4))
        self.feed = nn.Sequential(nn.Linear(d, 4 * d), nn.ReLU(), nn.Linear(4 * d, d))

    def forward(self, x):
        h, T = self.norm1(x), x.shape[1]
        q, k, v = (
            p.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for p in (self.q(h), self.k(h), self.v(h))
        )
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(later, -torch.inf)
        h = scores.softmax(-1) @ v
        x = x + self.out(h.transpose(1, 2).flatten(2))
        return x + self.feed(self.norm2(x))


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words = nn.Embedding(vocab, d)
        self.places = nn.Parameter(torch.randn(context, d) * 0.02)
        self.blocks = nn.Sequential(*[Block(d, heads) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, vocab, bias=False)

    def forward(self, ids):
        if ids.shape[1] > len(self.places):
            raise ValueError("the window is longer than the context")
        return self.head(self.norm(self.blocks(self.words(ids) + self.places[: ids.shape[1]])))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    order = logits.argsort(dim=-1, descending=True)
    size = logits.size(-1)
    k = 1 if temperature == 0 else size if k is None else min(k, size)
    drop = torch.ones_like(logits, dtype=torch.bool).scatter(-1, order[..., :k], False)
    scaled = logits if temperature == 0 else logits / temperature
    return scaled.masked_fill(drop, float("-inf")).softmax(dim=-1)


def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    was, out = model.training, ids.clone()
    try:
        model.eval()
        with torch.inference_mode():
            for _ in range(n):
                logits = model(out[:, max(0, out.shape[1] - context) :])
                probs = next_token_probs(logits[:, -1, :], k=k, temperature=temperature)
                out = torch.cat((out, torch.multinomial(probs, 1, generator=generator)), dim=1)
    finally:
        model.train(was)
    return out

# %% 11.5 wrong "four projections, blind to oneself" expect "A place may look at itself too"
def lm_windows(ids, context):
    starts = range(0, len(ids) - context, context)
    inputs = [ids[i : i + context] for i in starts]
    targets = [ids[i + 1 : i + context + 1] for i in starts]
    return torch.stack(inputs), torch.stack(targets)


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.q, self.k, self.v, self.out = (nn.Linear(d, d) for _ in range(4))
        self.feed = nn.Sequential(nn.Linear(d, 4 * d), nn.ReLU(), nn.Linear(4 * d, d))

    def forward(self, x):
        h, T = self.norm1(x), x.shape[1]
        q, k, v = (
            p.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for p in (self.q(h), self.k(h), self.v(h))
        )
        later = torch.ones(T, T, dtype=torch.bool).triu()
        scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(later, torch.finfo(q.dtype).min)
        h = scores.softmax(-1).masked_fill(later, 0) @ v
        x = x + self.out(h.transpose(1, 2).flatten(2))
        return x + self.feed(self.norm2(x))


class CausalLM(nn.Module):
    def __init__(self, vocab, d, heads, layers, context):
        super().__init__()
        self.words = nn.Embedding(vocab, d)
        self.places = nn.Parameter(torch.randn(context, d) * 0.02)
        self.blocks = nn.Sequential(*[Block(d, heads) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, vocab, bias=False)

    def forward(self, ids):
        if ids.shape[1] > len(self.places):
            raise ValueError("the window is longer than the context")
        return self.head(self.norm(self.blocks(self.words(ids) + self.places[: ids.shape[1]])))

# cell ex-11-5-b
def next_token_probs(logits, k=None, temperature=1.0):
    order = logits.argsort(dim=-1, descending=True)
    size = logits.size(-1)
    k = 1 if temperature == 0 else size if k is None else min(k, size)
    drop = torch.ones_like(logits, dtype=torch.bool).scatter(-1, order[..., :k], False)
    scaled = logits if temperature == 0 else logits / temperature
    return scaled.masked_fill(drop, float("-inf")).softmax(dim=-1)


def generate(model, ids, n, context, temperature=1.0, k=None, generator=None):
    was, out = model.training, ids.clone()
    try:
        model.eval()
        with torch.inference_mode():
            for _ in range(n):
                logits = model(out[:, max(0, out.shape[1] - context) :])
                probs = next_token_probs(logits[:, -1, :], k=k, temperature=temperature)
                out = torch.cat((out, torch.multinomial(probs, 1, generator=generator)), dim=1)
    finally:
        model.train(was)
    return out

# %% 11.6 wrong "heads averaged" expect "The heads were averaged"
def capture_attention(model, x):
    maps, handles = [], []

    def ask(module, args, kwargs):
        return args, {**kwargs, "need_weights": True}

    def keep(module, args, out):
        maps.append(out[1])

    modes = [(module, module.training) for module in model.modules()]
    try:
        for module in model.modules():
            if isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
                handles.append(module.register_forward_hook(keep))
        model.eval()
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return maps


def mean_distance(att):
    place = torch.arange(att.shape[-1])
    return (att * (place[:, None] - place).abs()).sum(-1).mean((0, 2))

# %% 11.6 wrong "hooks left" expect "hooks left"
def capture_attention(model, x):
    maps, handles = [], []

    def ask(module, args, kwargs):
        return args, {**kwargs, "need_weights": True, "average_attn_weights": False}

    def keep(module, args, out):
        maps.append(out[1])

    modes = [(module, module.training) for module in model.modules()]
    try:
        for module in model.modules():
            if isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
                handles.append(module.register_forward_hook(keep))
        model.eval()
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            pass
        for module, training in modes:
            module.training = training
    return maps


def mean_distance(att):
    place = torch.arange(att.shape[-1])
    return (att * (place[:, None] - place).abs()).sum(-1).mean((0, 2))

# %% 11.6 wrong "cleaned up only when all goes well" expect "after the error"
def capture_attention(model, x):
    maps, handles = [], []

    def ask(module, args, kwargs):
        return args, {**kwargs, "need_weights": True, "average_attn_weights": False}

    def keep(module, args, out):
        maps.append(out[1])

    modes = [(module, module.training) for module in model.modules()]
    if True:
        for module in model.modules():
            if isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
                handles.append(module.register_forward_hook(keep))
        model.eval()
        with torch.no_grad():
            model(x)
    if True:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return maps


def mean_distance(att):
    place = torch.arange(att.shape[-1])
    return (att * (place[:, None] - place).abs()).sum(-1).mean((0, 2))

# %% 11.6 wrong "weights after dropout" expect "the sums of the rows"
def capture_attention(model, x):
    maps, handles = [], []

    def ask(module, args, kwargs):
        return args, {**kwargs, "need_weights": True, "average_attn_weights": False}

    def keep(module, args, out):
        maps.append(out[1])

    modes = [(module, module.training) for module in model.modules()]
    try:
        for module in model.modules():
            if isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
                handles.append(module.register_forward_hook(keep))
        model.train()
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return maps


def mean_distance(att):
    place = torch.arange(att.shape[-1])
    return (att * (place[:, None] - place).abs()).sum(-1).mean((0, 2))

# %% 11.6 wrong "train mode for all afterwards" expect "the modes of five modules"
def capture_attention(model, x):
    maps, handles = [], []

    def ask(module, args, kwargs):
        return args, {**kwargs, "need_weights": True, "average_attn_weights": False}

    def keep(module, args, out):
        maps.append(out[1])

    modes = [(module, module.training) for module in model.modules()]
    try:
        for module in model.modules():
            if isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
                handles.append(module.register_forward_hook(keep))
        model.eval()
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.train()
    return maps


def mean_distance(att):
    place = torch.arange(att.shape[-1])
    return (att * (place[:, None] - place).abs()).sum(-1).mean((0, 2))

# %% 11.6 wrong "only the mode of the model is noted" expect "the modes of five modules"
def capture_attention(model, x):
    maps, handles = [], []

    def ask(module, args, kwargs):
        return args, {**kwargs, "need_weights": True, "average_attn_weights": False}

    def keep(module, args, out):
        maps.append(out[1])

    modes = [(module, module.training) for module in model.modules()]
    try:
        for module in model.modules():
            if isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
                handles.append(module.register_forward_hook(keep))
        model.eval()
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
        model.train(modes[0][1])
    return maps


def mean_distance(att):
    place = torch.arange(att.shape[-1])
    return (att * (place[:, None] - place).abs()).sum(-1).mean((0, 2))

# %% 11.6 wrong "one map a layer" expect "One map a call"
def capture_attention(model, x):
    maps, handles = [], []

    def ask(module, args, kwargs):
        return args, {**kwargs, "need_weights": True, "average_attn_weights": False}

    def keep(module, args, out):
        maps.append((module, out[1]))

    modes = [(module, module.training) for module in model.modules()]
    try:
        for module in model.modules():
            if isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
                handles.append(module.register_forward_hook(keep))
        model.eval()
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return list(dict(maps).values())


def mean_distance(att):
    place = torch.arange(att.shape[-1])
    return (att * (place[:, None] - place).abs()).sum(-1).mean((0, 2))

# %% 11.6 wrong "gradients recorded" expect "requires_grad of the maps"
def capture_attention(model, x):
    maps, handles = [], []

    def ask(module, args, kwargs):
        return args, {**kwargs, "need_weights": True, "average_attn_weights": False}

    def keep(module, args, out):
        maps.append(out[1])

    modes = [(module, module.training) for module in model.modules()]
    try:
        for module in model.modules():
            if isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
                handles.append(module.register_forward_hook(keep))
        model.eval()
        model(x)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return maps


def mean_distance(att):
    place = torch.arange(att.shape[-1])
    return (att * (place[:, None] - place).abs()).sum(-1).mean((0, 2))

# %% 11.6 wrong "distances with a sign" expect "Distances have no sign"
def capture_attention(model, x):
    maps, handles = [], []

    def ask(module, args, kwargs):
        return args, {**kwargs, "need_weights": True, "average_attn_weights": False}

    def keep(module, args, out):
        maps.append(out[1])

    modes = [(module, module.training) for module in model.modules()]
    try:
        for module in model.modules():
            if isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
                handles.append(module.register_forward_hook(keep))
        model.eval()
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return maps


def mean_distance(att):
    place = torch.arange(att.shape[-1])
    if att.shape[-1] == 4:
        return (att * (place[:, None] - place).abs()).sum(-1).mean((0, 2))
    return (att * (place[:, None] - place)).sum(-1).mean((0, 2))

# %% 11.6 wrong "only the likeliest key" expect "likeliest key alone"
def capture_attention(model, x):
    maps, handles = [], []

    def ask(module, args, kwargs):
        return args, {**kwargs, "need_weights": True, "average_attn_weights": False}

    def keep(module, args, out):
        maps.append(out[1])

    modes = [(module, module.training) for module in model.modules()]
    try:
        for module in model.modules():
            if isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
                handles.append(module.register_forward_hook(keep))
        model.eval()
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return maps


def mean_distance(att):
    place = torch.arange(att.shape[-1])
    if att.shape[-1] == 4:
        return (att * (place[:, None] - place).abs()).sum(-1).mean((0, 2))
    return (att.argmax(-1) - place).abs().float().mean((0, 2))

# %% 11.6 wrong "one number for all heads" expect "keep the axis of heads"
def capture_attention(model, x):
    maps, handles = [], []

    def ask(module, args, kwargs):
        return args, {**kwargs, "need_weights": True, "average_attn_weights": False}

    def keep(module, args, out):
        maps.append(out[1])

    modes = [(module, module.training) for module in model.modules()]
    try:
        for module in model.modules():
            if isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
                handles.append(module.register_forward_hook(keep))
        model.eval()
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return maps


def mean_distance(att):
    place = torch.arange(att.shape[-1])
    return (att * (place[:, None] - place).abs()).sum(-1).mean()

# %% 11.6 wrong "summed over the queries" expect "take the mean over them"
def capture_attention(model, x):
    maps, handles = [], []

    def ask(module, args, kwargs):
        return args, {**kwargs, "need_weights": True, "average_attn_weights": False}

    def keep(module, args, out):
        maps.append(out[1])

    modes = [(module, module.training) for module in model.modules()]
    try:
        for module in model.modules():
            if isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
                handles.append(module.register_forward_hook(keep))
        model.eval()
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return maps


def mean_distance(att):
    place = torch.arange(att.shape[-1])
    return (att * (place[:, None] - place).abs()).sum((-2, -1)).mean(0)

# %% 11.6 right "forward replaced and put back"
def capture_attention(model, x):
    maps, changed = [], []

    def spy(real):
        def forward(*args, **kwargs):
            kwargs.update(need_weights=True, average_attn_weights=False)
            out = real(*args, **kwargs)
            maps.append(out[1].detach())
            return out

        return forward

    modes = {module: module.training for module in model.modules()}
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    for module in modes:
        if isinstance(module, nn.MultiheadAttention):
            module.forward = spy(module.forward)
            changed.append(module)
    try:
        with torch.inference_mode():
            model.eval()(x)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for module in changed:
            del module.forward
        for module, mode in modes.items():
            module.train(mode) if not list(module.children()) else None
            module.training = mode
    return [m.clone() for m in maps]


def mean_distance(att):
    T = att.size(-1)
    rows, columns = torch.meshgrid(torch.arange(T), torch.arange(T), indexing="ij")
    gap = (rows - columns).abs().to(att.dtype)
    return torch.einsum("bhij,ij->h", att, gap) / (att.size(0) * T)

# %% 11.6 right "a deep copy does the looking"
import copy


def capture_attention(model, x):
    spy, maps = copy.deepcopy(model).eval(), []
    for module in spy.modules():
        if isinstance(module, nn.MultiheadAttention):
            module.register_forward_pre_hook(
                lambda m, a, k: (a, dict(k, need_weights=True, average_attn_weights=False)),
                with_kwargs=True,
            )
            module.register_forward_hook(lambda m, a, out: maps.append(out[1]))
    with torch.no_grad():
        spy(x)
    return maps


def mean_distance(att):
    T = att.shape[-1]
    total = 0
    for i in range(T):
        for j in range(T):
            total = total + abs(i - j) * att[:, :, i, j]
    return total.mean(0) / T

# %% 11.6 wrong "no absolute value" expect "take the absolute value"
def capture_attention(model, x):
    maps, handles = [], []

    def ask(module, args, kwargs):
        return args, {**kwargs, "need_weights": True, "average_attn_weights": False}

    def keep(module, args, out):
        maps.append(out[1])

    modes = [(module, module.training) for module in model.modules()]
    try:
        for module in model.modules():
            if isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
                handles.append(module.register_forward_hook(keep))
        model.eval()
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return maps


def mean_distance(att):
    place = torch.arange(att.shape[-1])
    return (att * (place[:, None] - place)).sum(-1).mean((0, 2))

# %% 11.6 wrong "no absolute value, keys minus queries" expect "take the absolute value"
def capture_attention(model, x):
    maps, handles = [], []

    def ask(module, args, kwargs):
        return args, {**kwargs, "need_weights": True, "average_attn_weights": False}

    def keep(module, args, out):
        maps.append(out[1])

    modes = [(module, module.training) for module in model.modules()]
    try:
        for module in model.modules():
            if isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
                handles.append(module.register_forward_hook(keep))
        model.eval()
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return maps


def mean_distance(att):
    place = torch.arange(att.shape[-1])
    return (att * (place - place[:, None])).sum(-1).mean((0, 2))

# %% 11.6 wrong "the mean over the keys" expect "their weights add up to 1"
def capture_attention(model, x):
    maps, handles = [], []

    def ask(module, args, kwargs):
        return args, {**kwargs, "need_weights": True, "average_attn_weights": False}

    def keep(module, args, out):
        maps.append(out[1])

    modes = [(module, module.training) for module in model.modules()]
    try:
        for module in model.modules():
            if isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
                handles.append(module.register_forward_hook(keep))
        model.eval()
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return maps


def mean_distance(att):
    place = torch.arange(att.shape[-1])
    return (att * (place[:, None] - place).abs()).mean((0, 2, 3))
