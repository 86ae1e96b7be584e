"""Plain data between two processes, one of which runs a stranger's code.

A message is a length (4 bytes, little-endian), a JSON tree, then the raw bytes of every tensor,
array and byte string in the order of the tree. Nothing is pickled and nothing is looked up by
name, so the worst that a forged message can do is to be refused. The reader trusts nothing that
the writer promised: it repeats every limit itself (``WireError`` otherwise).

What crosses: None, bool, int, float, str, bytes, list, tuple, dict, ``torch.Size``,
``torch.dtype``, NumPy arrays and dense tensors. Anything else arrives as a ``StandIn`` that holds
the name of its type, so that a check can say "expected a tensor, got a generator".
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

MAX_BYTES = 32 * 2**20  # one message: far above any exercise, far below the memory of a laptop
MAX_TREE_BYTES = 2 * 2**20  # the JSON part, bounded before it is parsed
MAX_ITEMS = 100_000  # nodes of the tree
MAX_DEPTH = 40  # nesting
MAX_INT_BITS = 4096  # Python itself refuses to print larger ones quickly
MAX_DIMS = 16
MAX_SIZE = 2**31  # one dimension of a shape

DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float16, torch.bfloat16, torch.float32, torch.float64,
        torch.complex64, torch.complex128, torch.bool,
        torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
    )
}  # fmt: skip
# The name of a type, short and plain: checks show it, so it must have no room for other texts.
_TYPE_NAME = re.compile(
    r"\w{1,30}|[\w.]{1,20} tensor|NumPy array of dtype [\w<>|=]{1,20}"
    r"|tensor without data \(device meta\)",
    re.ASCII,
)
_DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_ARRAY_DTYPES = frozenset("|b1 |i1 <i2 <i4 <i8 |u1 <u2 <u4 <f2 <f4 <f8 <c8 <c16".split())


class WireError(ValueError):
    """The value cannot cross: too large, malformed, or (for inputs) not plain."""


@dataclass(frozen=True)
class StandIn:
    """What arrives in place of a live object: nothing but the name of its type."""

    type_name: str


def encode(value: Any) -> bytes:
    """Bytes of a claim. Tensors leave contiguous and detached. Raises WireError when too large."""
    return _Writer(inputs=False).message(value)


def encode_inputs(values: dict[str, Any]) -> bytes:
    """Bytes of a test's inputs: strides are kept; what a copy would change is refused.

    Raises WireError for a live object, tensors that share memory, have history or hold ``.grad``.
    """
    writer = _Writer(inputs=True)
    writer.name = "the inputs"
    return writer.message(dict(values))


def decode(data: bytes, *, strided: bool = False) -> Any:
    """The value in a message; ``strided`` admits the strides that only inputs have.

    Raises WireError for whatever is wrong with the bytes, and nothing else.
    """
    try:
        return _Reader(data, strided).message()
    except WireError:
        raise
    except Exception as error:  # hostile bytes: any surprise is the sender's fault
        raise WireError(f"malformed data ({type(error).__name__})") from None


def plain(value: Any) -> Any:
    """The value as it would arrive on the other side: a deep, plain copy."""
    return decode(encode(value))


class _Writer:
    def __init__(self, inputs: bool) -> None:
        self.inputs = inputs
        self.name = "the value"
        self.buffers: list[bytes] = []
        self.size = 0
        self.items = 0
        self.memory: list[tuple[int, int, str]] = []  # (start, end, name) of what has crossed

    def message(self, value: Any) -> bytes:
        try:
            tree = self.node(value, 0)
            tree = json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode()
        except WireError:
            raise
        except UnicodeEncodeError:
            raise WireError("a text that is not valid Unicode") from None
        except Exception as error:  # a strange object: its own code ran, or its data are not there
            raise WireError(f"the value cannot be read ({type(error).__name__})") from error
        if len(tree) > MAX_TREE_BYTES:
            raise WireError(f"too large: more than {MAX_TREE_BYTES} bytes of text and numbers")
        return struct.pack("<I", len(tree)) + tree + b"".join(self.buffers)

    def node(self, value: Any, depth: int) -> Any:
        self.items += 1
        if depth > MAX_DEPTH:
            raise WireError(f"too large: nested more than {MAX_DEPTH} deep (or it holds itself)")
        if self.items > MAX_ITEMS:
            raise WireError(f"too large: more than {MAX_ITEMS} items")
        kind = type(value)
        if value is None or kind is bool or kind is float or kind is str:
            return value
        if kind is int:
            if value.bit_length() > MAX_INT_BITS:
                raise WireError(f"too large: an integer of {value.bit_length()} bits")
            return value
        if kind is bytes:
            return ["bytes", self.buffer(value)]
        if kind is list:
            return ["list", *(self.node(item, depth + 1) for item in value)]
        if kind is torch.Size:
            return ["size", *value]
        if kind is tuple or (issubclass(kind, tuple) and _has_fields(kind)):
            return ["tuple", *(self.node(item, depth + 1) for item in value)]
        if kind in (dict, OrderedDict):
            return ["dict", *(self.pair(key, item, depth) for key, item in value.items())]
        if kind is torch.dtype and value in _DTYPE_NAMES:
            return ["dtype", _DTYPE_NAMES[value]]
        if kind is torch.Tensor or kind is torch.nn.Parameter:
            return self.tensor(value)
        if kind is np.ndarray:
            return self.array(value)
        if isinstance(value, np.generic) and type(value.item()) in (bool, int, float, str):
            return value.item()
        if kind is StandIn:
            return self.stand_in(value, value.type_name)
        return self.stand_in(value)

    def pair(self, key: Any, item: Any, depth: int) -> list:
        name, self.name = self.name, repr(key)[:60] if depth == 0 else self.name
        first = self.node(key, depth + 1) if _is_key(key) else self.stand_in(key)
        node = [first, self.node(item, depth + 1)]
        self.name = name
        return node

    def stand_in(self, value: Any, name: Any = None) -> list:
        name = type(value).__name__ if name is None else name
        if self.inputs:
            raise WireError(f"{self.name}: a {name} cannot cross into Act; make it there")
        return ["stand-in", name[:100] if isinstance(name, str) else "object"]

    def buffer(self, data: bytes) -> int:
        self.reserve(len(data))
        self.buffers.append(data)
        return len(data)

    def reserve(self, size: int) -> None:
        if self.size + size > MAX_BYTES:
            raise WireError(f"too large: more than {MAX_BYTES // 2**20} MiB")
        self.size += size

    def tensor(self, tensor: torch.Tensor) -> list:
        if tensor.layout is not torch.strided or tensor.dtype not in _DTYPE_NAMES:
            form = tensor.dtype if tensor.layout is torch.strided else tensor.layout
            return self.stand_in(tensor, f"{form} tensor".removeprefix("torch."))
        if tensor.device.type == "meta":
            return self.stand_in(tensor, "tensor without data (device meta)")
        if self.inputs:
            self.refuse_entangled(tensor)
            return self.strided(tensor)
        if tensor.numel() * tensor.element_size() > MAX_BYTES:
            raise WireError(f"too large: a tensor of shape {tuple(tensor.shape)}")
        size = self.buffer(_tensor_bytes(tensor))
        grad = bool(tensor.requires_grad)
        return ["tensor", _DTYPE_NAMES[tensor.dtype], list(tensor.shape), grad, size]

    def strided(self, tensor: torch.Tensor) -> list:
        span = tensor.detach().resolve_conj().resolve_neg().cpu()
        strides = list(span.stride())
        if span.numel():
            last = sum((n - 1) * stride for n, stride in zip(span.shape, strides, strict=True))
            span = span.as_strided((last + 1,), (1,))
        size = self.buffer(_tensor_bytes(span))
        grad = bool(tensor.requires_grad)
        return ["strided", _DTYPE_NAMES[tensor.dtype], list(tensor.shape), strides, grad, size]

    def refuse_entangled(self, tensor: torch.Tensor) -> None:
        if tensor.grad_fn is not None:
            raise WireError(f"{self.name}: has history; detach it, or compute it in Act")
        if tensor.grad is not None:
            raise WireError(f"{self.name}: holds .grad; hand over a fresh tensor")
        if tensor.numel() == 0:
            return
        storage = tensor.untyped_storage()
        self.refuse_shared(storage.data_ptr(), storage.data_ptr() + storage.nbytes())

    def refuse_shared(self, start: int, end: int) -> None:
        for low, high, other in self.memory:
            if start < high and low < end:
                remedy = "clone it, or make the view in Act"
                raise WireError(f"{self.name}: shares memory with {other}; {remedy}")
        self.memory.append((start, end, self.name))

    def array(self, array: np.ndarray) -> list:
        code = array.dtype.newbyteorder("<").str
        if code not in _ARRAY_DTYPES:
            return self.stand_in(array, f"NumPy array of dtype {array.dtype}")
        if self.inputs:
            if not array.flags.c_contiguous:
                raise WireError(f"{self.name}: a NumPy array must be contiguous to cross into Act")
            owner = array
            while isinstance(owner.base, np.ndarray):
                owner = owner.base
            self.refuse_shared(*np.lib.array_utils.byte_bounds(owner))
        if array.nbytes > MAX_BYTES:
            raise WireError(f"too large: an array of shape {array.shape}")
        size = self.buffer(array.astype(code, copy=False).tobytes())
        return ["array", code, list(array.shape), size]


class _Reader:
    def __init__(self, data: bytes, strided: bool) -> None:
        self.data = data
        self.strided_allowed = strided
        self.items = 0
        self.position = 0

    def message(self) -> Any:
        if len(self.data) > MAX_BYTES + MAX_TREE_BYTES + 4:
            raise WireError("too large")
        (length,) = struct.unpack_from("<I", self.data)
        if length > MAX_TREE_BYTES or 4 + length > len(self.data):
            raise WireError("too large or cut short")
        self.position = 4 + length
        tree = json.loads(self.data[4 : self.position].decode(), parse_int=_bounded_int)
        value = self.value(tree, 0)
        if self.position != len(self.data):
            raise WireError("bytes left over")
        return value

    def value(self, node: Any, depth: int) -> Any:
        self.items += 1
        if depth > MAX_DEPTH or self.items > MAX_ITEMS:
            raise WireError("too large")
        if type(node) is str:
            node.encode()  # half a surrogate pair could not be written into any report
        if node is None or type(node) in (bool, int, float, str):
            return node
        if type(node) is not list or not node or type(node[0]) is not str:
            raise WireError("malformed data")
        tag, *rest = node
        if tag == "list":
            return [self.value(item, depth + 1) for item in rest]
        if tag == "tuple":
            return tuple(self.value(item, depth + 1) for item in rest)
        if tag == "dict":
            pairs = [(self.value(k, depth + 1), self.value(v, depth + 1)) for k, v in rest]
            if not all(_is_key(key) for key, _ in pairs):
                raise WireError("malformed data")
            return dict(pairs)
        if tag == "size" and all(type(n) is int for n in rest):
            return torch.Size(rest)
        return self.leaf(tag, *rest)

    def leaf(self, tag: str, *rest: Any) -> Any:
        if tag == "bytes":
            return bytes(self.take(*rest))
        if tag == "dtype":
            (name,) = rest
            return DTYPES[name]
        if tag == "tensor":
            name, shape, grad, size = rest
            return self.tensor(DTYPES[name], _shape(shape), None, grad, size)
        if tag == "strided" and self.strided_allowed:
            name, shape, strides, grad, size = rest
            return self.tensor(DTYPES[name], _shape(shape), tuple(strides), grad, size)
        if tag == "array":
            return self.array(*rest)
        if tag == "stand-in":
            (name,) = rest
            name.encode()
            return StandIn(name if _TYPE_NAME.fullmatch(name) else "object")
        raise WireError("malformed data")

    def take(self, size: Any) -> bytes:
        if type(size) is not int or not 0 <= size <= len(self.data) - self.position:
            raise WireError("malformed data")
        start, self.position = self.position, self.position + size
        return self.data[start : self.position]

    def tensor(self, dtype: torch.dtype, shape, strides, grad: Any, size: Any) -> torch.Tensor:
        raw = torch.frombuffer(bytearray(self.take(size)), dtype=torch.uint8) if size else None
        if strides is None and size != math.prod(shape) * dtype.itemsize:
            raise WireError("malformed data")
        if type(grad) is not bool:
            raise WireError("malformed data")
        if raw is None:
            flat = torch.empty(0, dtype=dtype)
        else:
            flat = (raw != 0) if dtype is torch.bool else raw.view(dtype)
        if strides is None:
            tensor = flat.reshape(shape)
        else:
            tensor = flat.as_strided(shape, strides)
        return tensor.requires_grad_(grad)

    def array(self, code: Any, shape: Any, size: Any) -> np.ndarray:
        if code not in _ARRAY_DTYPES:
            raise WireError("malformed data")
        dtype, sizes = np.dtype(code), _shape(shape)
        if size != math.prod(sizes) * dtype.itemsize:
            raise WireError("malformed data")
        raw = np.frombuffer(self.take(size), dtype=np.uint8)
        flat = (raw != 0) if dtype.kind == "b" else raw.copy().view(dtype)
        return flat.reshape(sizes)


def _tensor_bytes(tensor: torch.Tensor) -> bytes:
    if not tensor.numel():
        return b""
    dense = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous().reshape(-1)
    return dense.view(torch.uint8).numpy().tobytes()


def _has_fields(kind: type) -> bool:
    """A namedtuple, or what ``torch.max(x, dim)`` gives."""
    return hasattr(kind, "_fields") or hasattr(kind, "n_sequence_fields")


def _is_key(key: Any) -> bool:
    """Kinds that a dict may have as keys: their equality is a matter of value."""
    if isinstance(key, tuple):
        return all(_is_key(item) for item in key)
    kinds = (bool, int, float, str, bytes, np.generic, torch.dtype, StandIn)
    return key is None or isinstance(key, kinds)


def _shape(sizes: Any) -> tuple[int, ...]:
    if type(sizes) is not list or len(sizes) > MAX_DIMS:
        raise WireError("malformed data")
    if not all(type(n) is int and 0 <= n <= MAX_SIZE for n in sizes):
        raise WireError("malformed data")
    return tuple(sizes)


def _bounded_int(text: str) -> int:
    if len(text) <= MAX_INT_BITS // 3 and (number := int(text)).bit_length() <= MAX_INT_BITS:
        return number
    raise WireError("too large: an integer")
