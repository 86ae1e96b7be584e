"""Attacks by what the kernel sends: forged replies, floods, messages of every size."""

from __future__ import annotations

from tests.hostile.registry import code

SEND = """
import json, time
kernel = get_ipython().kernel
def send(kind, content, buffers=None, parent=None):
    kernel.session.send(kernel.iopub_socket, kind, content, ident=b"x",
                        parent=parent or kernel.get_parent(), buffers=buffers)
"""
RIGHT = "\ndef double(x): return 2 * x\n"
MINE = {"points": 3, "base": "solved"}  # the attack costs its own exercise

code(
    "forged_reply",
    "an execute_reply and an idle of its own, long before the end",
    SEND
    + """
def early():
    parent = kernel.get_parent()
    for stream in (getattr(kernel, "shell_socket", None),):
        if stream is not None:
            kernel.session.send(stream, "execute_reply", {"status": "ok", "execution_count": 99},
                                parent=parent)
    send("status", {"execution_state": "idle"})
    send("display_data", {"data": {"application/x-gradus-claims": ""}, "metadata": {}}, [b"x"])
early()
def double(x):
    early()
    return x
""",
)
code(
    "do_execute_replaced",
    "a kernel that answers everything with success",
    """
async def do_execute(*a, **k):
    return {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}
get_ipython().kernel.do_execute = do_execute
""",
)
code(
    "odd_messages",
    "messages without the fields that they must have",
    SEND + "send('display_data', {'metadata': {}})\nsend('stream', {})\nsend('status', {})" + RIGHT,
    ends=False,
    **MINE,
)
code(
    "surrogate_messages",
    "half surrogates in messages",
    SEND
    + """
kernel.session.pack = lambda o: json.dumps(o, default=str).encode()
print("\\ud800")
def double(x): raise ValueError("\\ud800")
""",
    ends=False,
    **MINE,
)
code(
    "nan_in_messages",
    "NaN, infinities and objects where numbers and texts belong",
    SEND
    + """
kernel.session.pack = lambda o: json.dumps(o, default=str).encode()
for odd in (float("nan"), float("inf"), {}, [[]], None, True, -1):
    send("execute_input", {"execution_count": odd, "code": odd})
    send("stream", {"name": odd, "text": odd})
    send("display_data", {"data": {"text/plain": odd, "image/png": odd}, "metadata": odd,
                          "transient": {"display_id": "x"}})
    send("error", {"ename": odd, "evalue": odd, "traceback": odd})
    send("clear_output", {"wait": odd})
"""
    + RIGHT,
    6,
    base="solved",
    at_most=True,
)
code(
    "deep_message",
    "a message nested 100,000 deep",
    SEND
    + """
kernel.session.pack = lambda o: b'{"a":' * 100_000 + b"1" + b"}" * 100_000
send("stream", {})
"""
    + RIGHT,
    ends=False,
    **MINE,
)
code(
    "dates_in_header",
    "a header of 100,000 dates, each of which is read slowly",
    SEND
    + """
parent = dict(kernel.get_parent())
parent["header"] = dict(parent["header"], dates=["2001-01-01T00:00:00.000000Z"] * 20_000)
for _ in range(3):
    kernel.session.send(kernel.iopub_socket, "stream", {"name": "stdout", "text": "x"},
                        parent=parent, ident=b"x")
"""
    + RIGHT,
    ends=False,
    points=6,
    base="solved",
    at_most=True,
)
code(
    "unsigned_messages",
    "messages with another key, without parts, with thousands of parts",
    SEND
    + """
raw = kernel.iopub_socket
for parts in ([b""], [b"x"], [b"x", b"<IDS|MSG>"], [b"x", b"<IDS|MSG>", b"0" * 64, b"{}"],
              [b"x"] * 5000, [b"<IDS|MSG>"] * 10):
    raw.send_multipart(parts)
"""
    + RIGHT,
    ends=False,
    **MINE,
)
code(
    "many_parts",
    "a message with 20,000 parts",
    SEND + "send('display_data', {'data': {'text/plain': 'x'}}, [b'x' * 100] * 20_000)" + RIGHT,
    6,
    base="solved",
    at_most=True,
)
code(
    "frame_of_50_MB",
    "one frame of 50 MB",
    SEND + "send('display_data', {'data': {}, 'metadata': {}}, [bytes(50 * 10**6)])" + RIGHT,
    ends=False,
    points=6,
    base="solved",
    at_most=True,
)
code(
    "endless_frames",
    "frames of 30 MB for as long as it lasts",
    SEND
    + """
part = bytes(30 * 10**6)
while True:
    send("display_data", {"data": {"application/x-gradus-claims": ""}, "metadata": {}}, [part])
""",
    ends=False,
    **MINE,
)
code(
    "gigabytes_in_one_message",
    "one message of 100 parts with 30 MB each, all the same memory",
    SEND
    + """
import zmq
part = zmq.Frame(bytes(30 * 10**6), copy=False)
content = {"data": {"application/x-gradus-claims": ""}, "metadata": {}}
send("display_data", content, [memoryview(part.bytes)] * 100)
time.sleep(2)
"""
    + RIGHT,
    3,
    base="solved",
    at_most=True,
    ends=False,
    status="",
)
code(
    "sockets_closed",
    "the kernel's own sockets closed",
    "get_ipython().kernel.iopub_socket.close()" + RIGHT,
    ends=False,
    **MINE,
)
code(
    "never_idle",
    "a kernel that never says that it is idle",
    """
session = get_ipython().kernel.session
real = session.send
def send(stream, kind, content=None, *a, **k):
    if kind == "status": return None
    return real(stream, kind, content, *a, **k)
session.send = send
"""
    + RIGHT,
    ends=False,
    **MINE,
)
code(
    "always_busy",
    "a kernel that says busy a million times",
    SEND + "for _ in range(10**6): send('status', {'execution_state': 'busy'})" + RIGHT,
    ends=False,
    **MINE,
)
code(
    "endless_print",
    "endless printing",
    "while True: print('x' * 1000)",
    ends=False,
    said=("a cell printed", "a cell sent", "stopped"),  # by the limit that comes first
    **MINE,
)
code(
    "line_of_30_MB",
    "one line of 30 MB",
    "print('x' * (30 * 2**20))" + RIGHT,
    ends=False,
    points=6,
    base="solved",
    at_most=True,
)
code(
    "endless_display",
    "endless displays",
    "from IPython.display import display\nwhile True: display('x')",
    ends=False,
    **MINE,
)
code(
    "endless_updates",
    "one display that is updated without end",
    "from IPython.display import display\nh = display(1, display_id=True)\n"
    "while True: h.update('y' * 9000)",
    ends=False,
    **MINE,
)
code(
    "many_displays",
    "1,000 displays, most of which nobody will see",
    "from IPython.display import display\nfor n in range(1000): display('z' * 100)" + RIGHT,
    6,
    base="solved",
    ends=False,
)
code(
    "html_bomb",
    "markup that a browser would choke on",
    "from IPython.display import HTML, SVG, Javascript, display\n"
    "display(HTML('<div><script>alert(\"evil-script\")</script>' * 20_000))\n"
    "display(Javascript('alert(\"evil-script\")'))" + RIGHT,
    6,
    base="solved",
)
code(
    "script_in_text",
    "script in text, in errors and in names",
    """
evil = "<script>alert('evil-script')</script><img src=x onerror=alert(1)>"
print(evil)
print("\\x1b[31m" + evil + "\\x1b[0m\\x1b]8;;javascript:alert(1)\\x07")
class Odd:
    def __repr__(self): return evil
from IPython.display import display
display(Odd())
def double(x): raise type(evil, (Exception,), {})(evil)
""",
    **MINE,
)
code(
    "picture_bomb",
    "a picture of a gigapixel, and one that is none",
    SEND
    + """
import base64, struct, zlib
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
head = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 1, 0, 0, 0, 0))
png = b"\\x89PNG\\r\\n\\x1a\\n" + head + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")
for data in (base64.b64encode(png).decode(), '"><script>alert(1)</script>', "A" * 10**5):
    send("display_data", {"data": {"image/png": data, "image/svg+xml": "<svg onload=alert(1)>"},
                          "metadata": {"image/png": {"width": '"><script>'}}})
"""
    + RIGHT,
    6,
    base="solved",
)
code(
    "terminal_bomb",
    "10,000 colour codes, backspaces and carriage returns",
    "print('\\x1b[31m\\x1b[42m' * 10_000)\nprint('\\r\\b' * 10_000)" + RIGHT,
    6,
    base="solved",
    ends=False,
)
code(
    "asks_for_input",
    "input(), which waits for a person",
    "try: input()\nexcept Exception: pass\nimport pdb\n"
    "try: pdb.set_trace()\nexcept BaseException: pass" + RIGHT,
    6,
    base="solved",
    at_most=True,
    ends=False,
)
code(
    "payloads",
    "payloads that edit cells, and magics that start things",
    """
shell = get_ipython()
shell.payload_manager.write_payload({"source": "set_next_input", "text": "pass", "replace": True})
shell.payload_manager.write_payload({"source": "ask_exit", "keepkernel": False})
shell.set_next_input("doubled = 1", replace=True)
"""
    + RIGHT,
    6,
    base="solved",
)
code(
    "prints_after_its_cell",
    "a thread that prints into every later cell",
    """
import threading, time
def chatter():
    while True:
        print("<script>evil-script</script>" * 20); time.sleep(0.001)
threading.Thread(target=chatter, daemon=True).start()
"""
    + RIGHT,
    6,
    base="solved",
    ends=False,
    at_most=True,
)
