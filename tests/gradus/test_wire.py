"""The wire: what crosses, bit for bit; what does not; and bytes that somebody forged."""

from __future__ import annotations

import base64
import json
import math
import random
import struct
import tracemalloc
from collections import OrderedDict, namedtuple
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from gradus import crossing, wire
from gradus.wire import StandIn, WireError, decode, encode, encode_inputs, plain

Point = namedtuple("Point", "x y")


def cross(value):
    """Into Act, as an input."""
    return decode(encode_inputs({"v": value}), strided=True)["v"]


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def message(tree, raw: bytes = b"") -> bytes:
    """A forged message."""
    text = (tree if isinstance(tree, str) else json.dumps(tree)).encode()
    return struct.pack("<I", len(text)) + text + raw


# --- what crosses -------------------------------------------------------------------------------

PLAIN = [
    None, True, False, 0, -1, 2**64, -(2**2000), 1.5, -0.0, math.inf, -math.inf, "", "ü∇\n\0",
    b"", bytes(range(256)), [], (), {}, [1, [2.0, ("x", b"y")]], (1,), {"a": {1: [None]}},
    {None: 1, True: 2, 1.5: 3, b"k": 4, ("a", 1): 5}, "\\ud800 as text",
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize("road", [plain, cross])
def test_plain_values_come_as_they_went(value, road):
    came = road(value)
    assert came == value
    assert repr(came) == repr(value)  # True is not 1, (1,) is not [1], -0.0 is not 0.0


def test_nan_crosses():
    assert math.isnan(plain(math.nan))


@pytest.mark.parametrize("size", [(), (0,), (2, 3), (2**40, -1)])
def test_sizes_and_dtypes_cross(size):
    assert type(plain(torch.Size(size))) is torch.Size
    assert plain(torch.Size(size)) == torch.Size(size)
    for dtype in wire.DTYPES.values():
        assert plain(dtype) is dtype


@pytest.mark.parametrize("road", [plain, cross])
@pytest.mark.parametrize("name", wire.DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (4, 3)], ids=str)
def test_every_dtype_crosses_bit_for_bit(name, shape, road):
    dtype = wire.DTYPES[name]
    if dtype is torch.bool:
        value = torch.rand(shape, generator=torch.Generator().manual_seed(1)) > 0.5
    else:
        size = math.prod(shape) * dtype.itemsize
        raw = torch.randint(256, (size,), generator=torch.Generator().manual_seed(2))
        value = raw.to(torch.uint8).view(dtype).reshape(shape) if size else torch.empty(shape)
        value = value.to(dtype)
    came = road(value)
    assert type(came) is torch.Tensor
    assert (came.dtype, came.shape) == (value.dtype, value.shape)
    assert bits(came) == bits(value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_odd_floats_keep_their_bits(dtype):
    value = torch.tensor([math.nan, -0.0, math.inf, -math.inf, torch.finfo(dtype).tiny / 2])
    assert bits(plain(value.to(dtype))) == bits(value.to(dtype))


def test_views_of_the_bits_are_resolved():
    value = torch.tensor([1 + 2j, 3 - 4j])
    assert torch.equal(plain(value.conj()), torch.tensor([1 - 2j, 3 + 4j]))
    assert torch.equal(plain(value.conj().imag), torch.tensor([-2.0, 4.0]))
    assert not plain(value.conj()).is_conj()
    assert torch.equal(cross(value.conj()), value.conj())


@pytest.mark.parametrize("code", ["?", "b", "i2", "i4", "i8", "u1", "u2", "u4", "f2", "f4", "f8",
                                  "c8", "c16", ">f4", ">i8"])  # fmt: skip
@pytest.mark.parametrize("shape", [(), (0, 2), (2, 3)], ids=str)
def test_numpy_arrays_cross(code, shape):
    value = np.arange(math.prod(shape)).reshape(shape).astype(code)
    for came in (plain(value), cross(value)):
        assert type(came) is np.ndarray
        assert (came.shape, came.dtype) == (value.shape, value.dtype.newbyteorder("="))
        assert np.array_equal(came, value)
        came[...] = 0  # writable


@pytest.mark.parametrize("value, number", [
    (np.float32(1.5), 1.5), (np.int64(3), 3), (np.bool_(True), True), (np.float64(2.5), 2.5),
    (np.str_("first"), "first"),
])  # fmt: skip
def test_numpy_scalars_become_plain(value, number):
    assert plain(value) == number
    assert type(plain(value)) is type(number)


def test_plain_gives_a_deep_copy():
    value = {"t": torch.zeros(3), "a": np.zeros(3), "l": [1]}
    came = plain(value)
    value["t"] += 1
    value["a"] += 1
    value["l"].append(2)
    assert came["t"].sum() == 0 and came["a"].sum() == 0 and came["l"] == [1]


# --- the table of edge cases --------------------------------------------------------------------


def a_generator():
    yield 1


class Tagged(torch.Tensor):
    pass


class Text(str):
    pass


class Folder(dict):
    pass


@pytest.mark.parametrize("value, name", [
    (a_generator(), "generator"), (nn.Linear(2, 2), "Linear"), (..., "ellipsis"),
    (torch, "module"), (torch.device("cpu"), "device"), (len, "builtin_function_or_method"),
    (lambda: 1, "function"), (int, "type"), (1j, "complex"), ({1}, "set"), (range(3), "range"),
    (torch.zeros(2).as_subclass(Tagged), "Tagged"), (Text("x"), "Text"), (Folder(), "Folder"),
    (torch.eye(2).to_sparse(), "sparse_coo tensor"), (slice(1), "slice"),
    (torch.zeros(2, device="meta"), "tensor without data (device meta)"),
    (torch.zeros(2).to(torch.float8_e4m3fn), "float8_e4m3fn tensor"),
    (np.array([None]), "NumPy array of dtype object"),
    (np.array(["x"]), "NumPy array of dtype <U1"),
    (np.zeros(2, "u8"), "NumPy array of dtype uint64"), (bytearray(2), "bytearray"),
    (nn.UninitializedParameter(), "UninitializedParameter"), (ValueError("x"), "ValueError"),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_a_live_object_becomes_its_types_name(value, name):
    assert plain(value) == StandIn(name)
    assert plain([value])[0] == StandIn(name)
    assert plain(plain(value)) == StandIn(name)  # twice, as when the grader checks a claim
    with pytest.raises(WireError, match="cannot cross into Act"):
        encode_inputs({"v": value})


def test_named_and_ordered_kinds_become_plain():
    assert type(plain(Point(1, 2))) is tuple
    assert type(plain(OrderedDict(a=1))) is dict
    assert type(plain(nn.Linear(2, 1).state_dict())) is dict
    parameter = plain(nn.Parameter(torch.ones(2)))
    assert type(parameter) is torch.Tensor and parameter.requires_grad and parameter.is_leaf
    values, indices = plain(torch.eye(3).max(dim=1))
    assert torch.equal(values, torch.ones(3)) and torch.equal(indices, torch.arange(3))


def test_a_key_that_is_no_value_becomes_its_types_name():
    assert plain({torch.zeros(2): 1}) == {StandIn("Tensor"): 1}
    assert plain({(1, torch.zeros(2)): 1}) == {StandIn("tuple"): 1}
    assert plain({np.int64(3): 1}) == {3: 1}


@pytest.mark.parametrize("value", [
    torch.arange(6.0).reshape(2, 3).t(), torch.arange(12.0)[1::3], torch.ones(3).expand(4, 3),
    torch.arange(24.0).reshape(2, 3, 4)[:, 1:, ::2].permute(2, 0, 1), torch.zeros(1).expand(5),
    torch.ones(()).expand(10**5, 10**5), torch.arange(6).reshape(2, 3)[:, :0],
], ids=lambda value: f"{tuple(value.shape)}{value.stride()}")  # fmt: skip
def test_inputs_keep_their_strides_and_claims_are_contiguous(value):
    came = cross(value)
    assert (came.shape, came.stride()) == (value.shape, value.stride())
    if value.numel() < 1000:
        assert torch.equal(came, value)
        assert plain(value).is_contiguous() and torch.equal(plain(value), value)


def test_inputs_keep_requires_grad():
    assert cross(torch.ones(2, requires_grad=True)).requires_grad
    assert cross(torch.ones(2, requires_grad=True)).is_leaf


def entangled():
    base = torch.arange(6.0)
    yield "shares memory with 'a'", {"a": base, "b": base[1:3]}
    yield "shares memory with 'a'", {"a": base[:2], "b": base[4:]}
    yield "shares memory", {"a": [base, base]}
    array = np.zeros(3)
    yield "shares memory with 'a'", {"a": array, "b": torch.from_numpy(array)}
    yield "shares memory with 'a'", {"a": torch.from_numpy(array), "b": array[1:]}
    yield "shares memory with 'a'", {"a": array[:1], "b": array[2:]}
    yield "has history", {"a": torch.ones(2, requires_grad=True) * 2}
    filled = torch.ones(2, requires_grad=True)
    filled.sum().backward()
    yield "holds .grad", {"a": {"deep": [filled]}}
    yield "contiguous", {"a": np.zeros((2, 3)).T}


@pytest.mark.parametrize("reason, values", entangled())
def test_inputs_that_a_copy_would_change_are_refused_by_name(reason, values):
    with pytest.raises(WireError, match=reason) as refusal:
        encode_inputs(values)
    assert "'a'" in str(refusal.value)


def test_independent_inputs_are_not_refused():
    empty = torch.zeros(0)
    array = np.zeros(3)
    values = {"a": torch.ones(2), "b": torch.ones(2), "c": array, "d": array.copy(), "e": 1}
    assert set(decode(encode_inputs(values | {"f": empty, "g": empty}), strided=True)) >= {"a"}


def a_cycle():
    value = []
    value.append(value)
    return value


def deep(n: int):
    value = 1
    for _ in range(n):
        value = [value]
    return value


@pytest.mark.parametrize("value", [
    torch.zeros(1).expand(10**5, 10**5), a_cycle(), deep(10**4), deep(wire.MAX_DEPTH + 1), 10**5000,
    torch.zeros(64 * 2**18), bytes(64 * 2**20), "x" * 3 * 2**20, [0] * (wire.MAX_ITEMS + 1),
    np.broadcast_to(np.zeros(1), (10**5, 10**5)), [bytes(20 * 2**20), bytes(20 * 2**20)],
    {i: 0 for i in range(10**5)},
], ids=["expanded", "cycle", "deep", "deeper by one", "int", "64 MB tensor", "64 MB bytes", "text",
        "items", "broadcast", "two together", "dict"])  # fmt: skip
def test_too_large(value):
    with pytest.raises(WireError, match="too large"):
        encode(value)


def test_values_just_inside_the_limits_cross():
    for value in (deep(wire.MAX_DEPTH), [0] * (wire.MAX_ITEMS - 1), 2**wire.MAX_INT_BITS - 1):
        assert plain(value) == value


class Failing(tuple):
    _fields = ()

    def __iter__(self):
        raise KeyError("mine")


class Endless(tuple):
    _fields = ()

    def __iter__(self):
        while True:
            yield 0


@pytest.mark.parametrize("value", [
    Failing(), Endless(), {10**5000: 1}, "\ud800", {"\ud800": 1}, [deep(39), Failing()],
])  # fmt: skip
def test_strange_objects_give_a_wire_error_and_nothing_else(value):
    for write in (encode, lambda v: encode_inputs({"v": v})):
        with pytest.raises(WireError):
            write(value)


# --- hostile bytes ------------------------------------------------------------------------------

ONE = struct.pack("<f", 1.0)

FORGED = {
    "empty": b"",
    "no length": b"\x01\x00",
    "length beyond the end": struct.pack("<I", 2**31) + b"1",
    "tree too long": struct.pack("<I", wire.MAX_TREE_BYTES + 1) + b" " * (wire.MAX_TREE_BYTES + 1),
    "no JSON": message("{"),
    "no UTF-8": struct.pack("<I", 2) + b"\xff\xfe",
    "an object": message({"a": 1}),
    "an empty list": message([]),
    "no tag": message([1]),
    "a tag of another kind": message([["list"]]),
    "an unknown tag": message(["pickle", "os.system"]),
    "a stride from the student's side": message(
        ["strided", "float32", [10**4, 10**4], [0, 0], False, 4], ONE
    ),
    "bytes left over": message(1, b"x"),
    "bytes missing": message(["bytes", 5], b"1234"),
    "bytes of negative length": message(["bytes", -1], b"x"),
    "bytes of a boolean length": message(["bytes", True], b"x"),
    "bytes of a float length": message(["bytes", 1.0], b"x"),
    "a tensor smaller than its shape": message(["tensor", "float32", [2], False, 4], ONE),
    "a tensor larger than its shape": message(["tensor", "float32", [1], False, 8], 2 * ONE),
    "a huge shape": message(["tensor", "float32", [2**20, 2**20], False, 4], ONE),
    "a product that overflows": message(["tensor", "uint8", [2**31] * 4, False, 0]),
    "a negative shape": message(["tensor", "float32", [-1], False, 4], ONE),
    "two negative sizes": message(["tensor", "float32", [-1, -1], False, 4], ONE),
    "a boolean size": message(["tensor", "float32", [True], False, 4], ONE),
    "a size that is a text": message(["tensor", "float32", ["1"], False, 4], ONE),
    "a shape that is a number": message(["tensor", "float32", 1, False, 4], ONE),
    "17 dimensions": message(["tensor", "float32", [1] * 17, False, 4], ONE),
    "an unknown dtype": message(["tensor", "float31", [1], False, 4], ONE),
    "a dtype that is a list": message(["tensor", [], [1], False, 4], ONE),
    "a quantised dtype": message(["dtype", "qint8"]),
    "gradients of whole numbers": message(["tensor", "int32", [1], True, 4], ONE),
    "requires_grad that is a number": message(["tensor", "float32", [1], 1, 4], ONE),
    "a tensor with too few fields": message(["tensor", "float32"]),
    "an array of objects": message(["array", "|O", [1], 8], 8 * b"\0"),
    "an array of records": message(["array", "f4,f4", [1], 8], 8 * b"\0"),
    "an array of texts": message(["array", "<U1", [1], 4], 4 * b"\0"),
    "an array of big-endian numbers": message(["array", ">f4", [1], 4], ONE),
    "an array of dates": message(["array", "<M8[s]", [1], 8], 8 * b"\0"),
    "an array with a list as dtype": message(["array", ["x", "f4"], [1], 4], ONE),
    "an array larger than its bytes": message(["array", "<f4", [2**20, 2**20], 4], ONE),
    "a size of texts": message(["size", "a"]),
    "a size of booleans": message(["size", True]),
    "a list as key": message(["dict", [["list", 1], 2]]),
    "a tensor as key": message(["dict", [["tensor", "float32", [1], False, 4], 2]], ONE),
    "a tensor inside a key": message(
        ["dict", [["tuple", ["tensor", "float32", [1], False, 4]], 2]], ONE
    ),
    "a pair of three": message(["dict", [1, 2, 3]]),
    "a pair that is a number": message(["dict", 1]),
    "a stand-in without name": message(["stand-in"]),
    "a stand-in named by a number": message(["stand-in", 1]),
    "half a surrogate pair": message('"\\ud800"'),
    "half a surrogate pair as a name": message('["stand-in", "\\ud800"]'),
    "an integer of 5000 digits": message("9" * 5000),
    "an integer just too long": message(str(2**wire.MAX_INT_BITS)),
    "nested 10000 deep": message("[" * 10_000 + "]" * 10_000),
    "lists 10000 deep": message('["list",' * 10_000 + "1" + "]" * 10_000),
    "lists 41 deep": message('["list",' * 41 + "1" + "]" * 41),
    "too many items": message(["list", *[0] * wire.MAX_ITEMS]),
}  # fmt: skip


@pytest.mark.parametrize("data", FORGED.values(), ids=FORGED.keys())
def test_forged_bytes_are_refused(data):
    with pytest.raises(WireError):
        decode(data)


@pytest.mark.parametrize("data", ["text", None, 3, [1]])
def test_what_is_not_bytes_is_refused(data):
    with pytest.raises(WireError):
        decode(data)


def test_a_message_above_the_limit_is_not_even_parsed():
    with pytest.raises(WireError, match="too large"):
        decode(bytes(wire.MAX_BYTES + wire.MAX_TREE_BYTES + 5))


def test_forged_booleans_are_normalised():
    came = decode(message(["tensor", "bool", [3], False, 3], b"\x02\x00\xff"))
    assert came.view(torch.uint8).tolist() == [1, 0, 1]
    came = decode(message(["array", "|b1", [2], 2], b"\x02\x00"))
    assert came.view(np.uint8).tolist() == [1, 0]


def test_a_long_name_of_a_type_is_not_shown():
    assert decode(message(["stand-in", "x" * 10**6])).type_name == "object"


SAMPLE = {
    "weights": torch.arange(6.0).reshape(2, 3), "ints": torch.arange(3),
    "half": torch.ones(2).half(),
    "array": np.arange(4, dtype="f8").reshape(2, 2), "raw": b"raw", "text": "ü", "none": None,
    "nested": [1, (2.5, True, {"k": torch.Size([1, 2])})], "dtype": torch.float32, 7: -(2**70),
    "object": ..., "flags": torch.tensor([True, False]),
}  # fmt: skip


def test_every_truncation_is_refused():
    data = encode(SAMPLE)
    for end in range(len(data)):
        with pytest.raises(WireError):
            decode(data[:end])


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The message with a few bytes of it (of the tree more often than not) changed."""
    (length,) = struct.unpack_from("<I", data)
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        end = 4 + length if rng.random() < 0.9 else len(changed)
        at = rng.randrange(end)
        match rng.randrange(4):
            case 0:
                changed[at] = rng.randrange(256)
            case 1:
                changed[at] = rng.choice(b'0123456789-[]",.eE')
            case 2:
                other = rng.randrange(4, 4 + length)
                changed[at : at + 4], changed[other : other + 4] = (
                    changed[other : other + 4],
                    changed[at : at + 4],
                )
            case 3:
                changed[at:at] = rng.choice([b"9" * 9, b"-", b"[", b'"list",', b"true", b"null,"])
    if rng.random() < 0.7:  # keep the length right, so that the tree is read
        grown = len(changed) - len(data)
        struct.pack_into("<I", changed, 0, max(0, length + grown))
    return bytes(changed)


def test_random_mutations_give_a_value_or_a_wire_error_and_stay_small():
    rng = random.Random(15)
    data = encode(SAMPLE)
    values = 0
    tracemalloc.start()
    try:
        for _ in range(4000):
            forged = mutated(data, rng)
            try:
                value = decode(forged)
            except WireError:
                continue
            values += 1
            encode(value)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert values > 50  # the fuzz gets past the parser
    assert peak < 4 * 2**20


def test_mutated_tensors_hold_no_more_than_their_bytes():
    rng = random.Random(7)
    data = encode([torch.zeros(4, 4), torch.zeros(3, dtype=torch.bool), np.zeros((2, 2))])
    for _ in range(2000):
        forged = mutated(data, rng)
        try:
            value = decode(forged)
        except WireError:
            continue
        for leaf in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(leaf, torch.Tensor):
                assert leaf.is_contiguous()
                assert leaf.numel() * leaf.element_size() <= len(forged)
                assert leaf.untyped_storage().nbytes() <= len(forged)


# --- the student's side of the border -----------------------------------------------------------


@pytest.fixture
def shipped(monkeypatch):
    """What the grader reads after ``ship``: name → ["value", …], ["refused", …] or ["missing"]."""
    shown = []

    def send(socket, kind, content, *, parent, ident, buffers):
        assert (kind, list(content["data"])) == ("display_data", [crossing.MIME])
        shown.extend(buffers)

    publisher = SimpleNamespace(
        session=SimpleNamespace(send=send), pub_socket=None, parent_header={}, topic=b""
    )
    kernel = SimpleNamespace(display_pub=publisher)
    monkeypatch.setattr("IPython.get_ipython", lambda: kernel)

    def ship(namespace, names):
        crossing.ship(namespace, names)
        return decode(shown.pop())

    return ship


def test_inputs_arrive_under_their_names():
    namespace = {"kept": 1}
    inputs = encode_inputs({"x": torch.arange(6).reshape(2, 3).t(), "n": 3})
    crossing.receive(namespace, base64.b64encode(inputs).decode())
    assert namespace["kept"] == 1 and namespace["n"] == 3
    assert namespace["x"].stride() == (1, 3)


def test_claims_leave_one_by_one(shipped):
    namespace = {"good": torch.ones(2), "large": bytes(64 * 2**20), "odd": Failing(), "live": ...}
    claims = shipped(namespace, ["good", "large", "odd", "live", "absent"])
    assert torch.equal(decode(claims["good"][1]), torch.ones(2))
    assert decode(claims["live"][1]) == StandIn("ellipsis")
    assert claims["large"][0] == "refused" and "too large" in claims["large"][1]
    assert claims["odd"] == ["refused", "the value cannot be read (KeyError)"]
    assert claims["absent"] == ["missing"]


def test_claims_that_are_too_large_together_say_so(shipped):
    claims = shipped({"a": bytes(20 * 2**20), "b": bytes(20 * 2**20)}, ["a", "b"])
    assert all(kind == "refused" and "too large" in why for kind, why in claims.values())
