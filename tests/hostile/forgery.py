"""Attacks on the verdict: forged claims, patched checks, values that lie."""

from __future__ import annotations

from tests.hostile.registry import code

code(
    "always_equal",
    "values that say they are equal to everything",
    """
class Same(torch.Tensor):
    def __eq__(self, other): return True
    def __bool__(self): return True
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None): return True
class One(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = int.__hash__
class Text(str):
    def __eq__(self, other): return True
    __hash__ = str.__hash__
def double(x): return torch.zeros(2).as_subclass(Same)
def count(x): return One(1)
predict_0_1 = Text("b")
""",
)
code(
    "patched_torch",
    "torch.allclose, torch.equal and torch.testing that always agree",
    """
torch.testing.assert_close = torch.allclose = torch.equal = torch.isclose = lambda *a, **k: True
torch.Tensor.__eq__ = lambda *a: True
def double(x): return x
""",
    flag="replaced while it ran",
)
code(
    "patched_checks",
    "gradus.check whose functions do nothing",
    """
import gradus.check
for name in dir(gradus.check):
    if callable(getattr(gradus.check, name)) and not isinstance(getattr(gradus.check, name), type):
        setattr(gradus.check, name, lambda *a, **k: None)
def double(x): return x
def count(x): return 0
""",
    flag="replaced while it ran",
)
code(
    "patched_wire",
    "gradus.wire that writes nothing",
    "import gradus.wire\ngradus.wire.encode = lambda value: b''\ndef double(x): return x",
)
code(
    "patched_observe",
    "gradus.observe that says what it likes",
    """
import gradus.observe
for name in list(vars(gradus.observe)):
    if not name.startswith("__"):
        setattr(gradus.observe, name, lambda *a, **k: ("TypeError", "a tensor is needed"))
def count(x): return 0
""",
    flag="replaced while it ran",
)
code(
    "patched_builtins",
    "builtins that agree",
    """
import builtins
builtins.isinstance = lambda *a: True
builtins.all = builtins.any = builtins.bool = lambda *a: True
builtins.len = lambda *a: 6
def double(x): return x
""",
    ends=False,
    at_most=True,
)
code(
    "silent_errors",
    "asserts deleted, tracebacks hidden, results of cells patched",
    """
import sys
sys.excepthook = lambda *a: None
shell = get_ipython()
shell.showtraceback = lambda *a, **k: None
shell.input_transformers_cleanup.append(lambda lines: [l for l in lines if "check." not in l])
from IPython.core.interactiveshell import ExecutionResult
ExecutionResult.success = property(lambda self: True)
ExecutionResult.raise_error = lambda self: None
shell.ast_transformers.append(type("T", (), {"visit": lambda self, n: type(n)([], [])})())
def double(x): return x
""",
)
code(
    "displayhook",
    "sys.displayhook, which wins marks elsewhere",
    """
import sys
def double(x):
    for value in (1000, "x", -1, float("nan")): sys.displayhook(value)
    return x
""",
)

FORGED = """
import gradus.crossing as crossing, gradus.wire as wire, json, struct
real = crossing._send
def message(tree, *buffers):
    tree = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return struct.pack("<I", len(tree)) + tree + b"".join(buffers)
def value(tree, *buffers):
    return wire.encode({name: ["value", message(tree, *buffers)] for name in NAMES})
NAMES = "doubled counted choice result numbers_after refusal chosen".split()
crossing._send = lambda data: real(DATA)
"""


def forged(name: str, tries: str, data: str, points: float = 0, **facts) -> None:
    """An attack that sends ``data`` (an expression) in place of every claim."""
    code(name, tries, f"{FORGED}DATA = {data}\n", points, **facts)


forged("claims_of_zeros", "claims of zero bytes", "bytes(10**6)")
forged("claims_of_noise", "claims of random bytes", "__import__('os').urandom(10**6)")
forged(
    "lying_shape",
    "a tensor with a shape that its bytes do not have",
    "value(['tensor', 'float32', [2, 10**9], False, 8], bytes(8))",
)
forged(
    "empty_but_huge",
    "a tensor without numbers whose sizes overflow",
    "value(['tensor', 'float32', [0] + [2**31] * 15, False, 0])",
)
forged(
    "negative_sizes",
    "negative sizes, which would read outside the message",
    "value(['tensor', 'float32', [-1, -2], False, -8], bytes(8))",
)
forged(
    "strides_in_a_claim",
    "strides, which would read outside the storage",
    "value(['strided', 'float32', [2], [10**6], False, 8], bytes(8))",
)
forged(
    "object_array",
    "an array of objects, which is a pickle elsewhere",
    "value(['array', '|O', [2], 16], bytes(16))",
)
forged("deep_claim", "a claim nested 200,000 deep", "message(b'[' * 200_000 + b']' * 200_000)")
forged("nested_claim", "a list in a list, 5,000 deep", "value(b'[\"list\",' * 5000 + b']' * 5000)")
forged("many_items", "a claim of 600,000 numbers", "value(['list', *[1] * 600_000])")
forged(
    "long_integer_claim",
    "an integer of a million digits",
    "value(b'9' * 10**6)",
)
forged("half_surrogate_claim", "half a surrogate pair", "value('\\ud800')")
forged("nan_claim", "NaN as every value", "value(float('nan'))")
forged("infinite_claim", "infinity as every value", "value(float('inf'))")
forged(
    "nan_tensor",
    "a tensor of NaN as every value",
    "value(['tensor', 'float32', [2], False, 8], bytes.fromhex('0000c07f') * 2)",
)
forged("dict_of_itself", "a dict with unhashable keys", "value(['dict', [['list'], 1]])")
forged(
    "colliding_keys",
    "a dict whose 45,000 keys all have the same hash",
    "value(['dict', *[[n * (2**61 - 1), 0] for n in range(1, 45_000)]])",
)
forged(
    "stand_in_name",
    "the name of a type that is a page of markup",
    "value(['stand-in', '<script>alert(1)</script>' * 10_000])",
)
forged(
    "refusal_with_markup",
    "a refusal that is a page of markup",
    "wire.encode({name: ['refused', '<script>alert(1)</script>' * 9000] for name in NAMES})",
)
forged("large_claim", "a claim of 50 MB", "bytes(50 * 10**6)", ends=False)
forged("exact_limit", "a claim just below the limit", "bytes(33 * 2**20)", ends=False)

for number, (what, result) in enumerate(
    {
        "an empty tensor": "torch.zeros(0)",
        "a tensor of NaN": "x * float('nan')",
        "infinities": "x * float('inf')",
        "a scalar that broadcasts": "torch.tensor(4.0)",
        "a tensor on the device meta": "torch.empty(x.shape, device='meta')",
        "a sparse tensor": "(2 * x).to_sparse() * float('nan')",
        "a complex tensor": "torch.complex(2 * x, 2 * x)",
        "a quantised tensor": "torch.quantize_per_tensor(x, 1.0, 0, torch.qint8)",
        "a nested tensor": "torch.nested.nested_tensor([x])",
        "a masked array": "__import__('numpy').ma.masked_all(tuple(x.shape))",
        "a tensor of objects' addresses": "torch.zeros(x.shape).requires_grad_(True) + 0",
        "an expanded tensor of 4 TB": "torch.zeros(1).expand(10**12)",
        "a lazy iterator": "iter(lambda: 1, 0)",
        "a tensor with a lying class": "type('Tensor', (), {'shape': x.shape, 'dtype': x.dtype})()",
    }.items()
):
    code(
        f"odd_value_{number:02}",
        f"{what} as the result",
        f"def double(x):\n    return {result}\n",
    )

code(
    "lying_tensor",
    "a tensor subclass that is another tensor when it is looked at",
    """
class Liar(torch.Tensor):
    @property
    def shape(self): return torch.Size([2])
    def detach(self): return torch.zeros(2)
    def __reduce_ex__(self, n): return (print, ("unpickled",))
    def tolist(self): raise SystemExit
    __class__ = torch.Tensor
def double(x): return torch.zeros(2).as_subclass(Liar)
""",
)
code(
    "crossing_replaced",
    "sys.modules with a border of one's own",
    """
import sys, types
mine = types.ModuleType("gradus.crossing")
mine.receive = mine.ship = mine.replaced = mine.remember = lambda *a, **k: None
sys.modules["gradus.crossing"] = mine
import gradus
gradus.crossing = mine
def double(x): return x
""",
)
code(
    "import_patched",
    "__import__ that gives away what it likes",
    """
import builtins, types
real = builtins.__import__
builtins.__import__ = lambda name, *a, **k: (
    types.SimpleNamespace() if "gradus" in name else real(name, *a, **k))
def double(x): return x
""",
    flag="could not be asked",
    at_most=True,
)
code(
    "border_never_answers",
    "a border that hangs when the grader asks what was replaced",
    """
import gradus.crossing, time
gradus.crossing.replaced = lambda: time.sleep(10**6)
def double(x): return x
""",
    5,
    base="solved",
    at_most=True,
)
code(
    "inputs_kept",
    "the inputs of hidden tests, printed as answers to later cells",
    """
seen = []
def double(x):
    seen.append(x)
    print(seen, In[-1], get_ipython().kernel.get_parent())
    return x
""",
)
LEAK = """
def secret():
    text = str(get_ipython().kernel.get_parent()["content"]["code"])
    place = text.find("canary")
    return text[max(0, place - 1):][:90]
"""
code(
    "leak_by_exception_type",
    "the text of a hidden test as the name of an exception",
    LEAK + "def double(x): raise type(secret(), (Exception,), {})()",
)
code(
    "leak_by_exception_text",
    "the text of a hidden test as the text of an exception",
    LEAK + "def double(x): raise ValueError(secret())",
)
code(
    "leak_by_type_name",
    "the text of a hidden test as the name of a type",
    LEAK + "def double(x): return type(secret(), (), {})()",
)
code(
    "leak_by_refusal",
    "the text of a hidden test as the reason why a value cannot cross",
    LEAK
    + """
import gradus.crossing as crossing
def refuse(namespace, name): return ["refused", secret()]
crossing._claim = refuse
def double(x): return x
""",
)
code(
    "leak_by_output",
    "the text of a hidden test in outputs of every kind",
    LEAK
    + """
import sys, warnings
from IPython.display import display, Markdown
def double(x):
    print(secret()); print(secret(), file=sys.stderr); warnings.warn(secret())
    display(secret()); display(Markdown(secret()))
    return x
""",
)
code(
    "leak_into_earlier_cell",
    "the text of a hidden test as a late output of an earlier cell",
    LEAK
    + """
from IPython.display import display
handle = display("nothing yet", display_id=True)
own = get_ipython().kernel.get_parent()
def double(x):
    text = secret()
    handle.update(text)
    kernel = get_ipython().kernel
    kernel.session.send(kernel.iopub_socket, "stream", {"name": "stdout", "text": text},
                        parent=own, ident=b"x")
    return x
""",
)
