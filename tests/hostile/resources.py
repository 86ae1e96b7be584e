"""Attacks on the machine: memory, processes, disk, time, and the end of the process."""

from __future__ import annotations

from tests.hostile.registry import added_cell, code, submission

RIGHT = "\ndef double(x): return 2 * x\n"
MINE = {"points": 3, "base": "solved"}  # the attack costs its own exercise
DIES = MINE | {"ends": False, "flag": "ex-0-1: "}


@submission("30 cells that each stay just below the limit", flag="notebook took longer")
def slow_cells(desk):
    notebook = desk.starter
    cells = [added_cell("import time; time.sleep(1.8)", id=f"own-{n}") for n in range(30)]
    notebook["cells"] += cells
    desk.write(notebook)


@submission("25 cells that each end the process", 6, at_most=True)
def dying_cells(desk):
    notebook = desk.solved
    cells = [added_cell("import os; os._exit(1)", id=f"own-{n}") for n in range(25)]
    notebook["cells"] += cells
    desk.write(notebook)


code("one_allocation", "8 TB at once", "block = bytearray(8 * 10**12)" + RIGHT, ends=False, **MINE)
code("huge_tensor", "a tensor of 4 TB", "t = torch.ones(10**12)" + RIGHT, ends=False, **MINE)
code(
    "many_allocations",
    "memory in small pieces, without end, and no error that is heard",
    """
hoard = []
while True:
    try: hoard.append(b"x" * 10**6 + bytes(str(len(hoard)), "ascii"))
    except MemoryError: pass
""",
    **DIES,
)
code(
    "memory_of_children",
    "memory of twenty children, each below the limit",
    """
import os, time
for _ in range(20):
    if os.fork() == 0:
        block = os.urandom(1) * (200 * 10**6)
        time.sleep(60)
time.sleep(60)
""",
    **DIES,
)
code(
    "memory_in_shm",
    "memory in files of /dev/shm",
    """
import mmap
def fill():
    for n in range(1000):
        with open(f"/dev/shm/hostile-{n}", "wb") as file: file.write(b"x" * 2**23)
attempt("8 GB in /dev/shm", fill)
"""
    + RIGHT,
    6,
    base="solved",
    at_most=True,
)
code(
    "memory_in_mappings",
    "memory in shared anonymous mappings, filled by children",
    """
import mmap, os, time
for _ in range(30):
    if os.fork() == 0:
        block = mmap.mmap(-1, 150 * 10**6)
        block.write(b"x" * (150 * 10**6))
        time.sleep(60)
time.sleep(60)
""",
    **DIES,
)
code(
    "memory_in_pipes",
    "memory of the system: pipes and sockets that are full",
    """
import fcntl, os, socket
pipes = []
def fill():
    for _ in range(100_000):
        reader, writer = os.pipe()
        pipes.append((reader, writer))
        try: fcntl.fcntl(writer, 1031, 2**20)  # F_SETPIPE_SZ
        except OSError: pass
        os.set_blocking(writer, False)
        try: os.write(writer, b"x" * 2**20)
        except BlockingIOError: pass
attempt("100,000 pipes", fill)
for pair in pipes:
    for one in pair: os.close(one)
"""
    + RIGHT,
    6,
    base="solved",
    at_most=True,
)
code(
    "fork_bomb",
    "a fork bomb",
    "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    **DIES,
)
code(
    "fork_bomb_of_daemons",
    "a fork bomb whose processes leave the session",
    """
import os
while True:
    try:
        if os.fork() == 0: os.setsid()
    except OSError: pass
""",
    **DIES,
)
code(
    "thread_bomb",
    "a thread bomb",
    """
import threading, time
while True:
    try: threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    except BaseException: pass
""",
    **DIES,
)
code(
    "disk_bomb",
    "disks filled: /tmp, home, work folder",
    """
def fill(place):
    for n in range(10_000):
        with open(f"{place}/hostile-{n}", "wb") as file: file.write(b"x" * 2**23)
for place in ("/tmp", ".", "/var/tmp", "/run", "/dev", "/"):
    attempt(f"80 GB in {place}", lambda: fill(place))
"""
    + RIGHT,
    6,
    base="solved",
    at_most=True,
)
code(
    "inode_bomb",
    "a million files, folders and links",
    """
import os
def fill():
    for n in range(10**6):
        os.symlink("x", f"/tmp/hostile-{n}")
attempt("a million links", fill)
"""
    + RIGHT,
    6,
    base="solved",
    at_most=True,
)
code(
    "deep_folders",
    "folders 5,000 deep, which clean-up must remove",
    """
import os
def dig():
    for n in range(10**5):
        os.mkdir("d"); os.chdir("d")
attempt("100,000 folders", dig)
os.chdir("/tmp")
"""
    + RIGHT,
    6,
    base="solved",
    at_most=True,
)
code(
    "sparse_in_kernel",
    "one file above the limit, sparse",
    """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def grow():
    with open("hostile", "wb") as file: file.truncate(2**40)
attempt("a sparse file of 1 TB", grow)
"""
    + RIGHT,
    6,
    base="solved",
)
code("endless_loop", "a loop without end", "while True: pass", said="does a loop never end", **DIES)
code(
    "deaf_loop",
    "a loop that ignores every signal",
    """
import signal
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True:
    try:
        while True: pass
    except BaseException: pass
""",
    **DIES,
)
code("endless_sleep", "sleep without end", "import time\ntime.sleep(10**6)", **DIES)
code("locked_loop", "a computation that never gives the lock back", "9 ** 9 ** 9 ** 9", **DIES)
code(
    "slow_pattern",
    "a pattern that backtracks for ever",
    "import re\nre.match('(a*)*b', 'a' * 64)",
    **DIES,
)
code(
    "busy_children",
    "children that compute while the cell sleeps",
    """
import os, time
for _ in range(4):
    if os.fork() == 0:
        while True: pass
time.sleep(600)
""",
    **DIES,
)
code(
    "busy_daemons",
    "daemons that compute after their cell has ended",
    """
import subprocess, sys
for _ in range(3):
    subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
"""
    + RIGHT,
    6,
    base="solved",
    at_most=True,
)
code(
    "daemon",
    "a daemon that writes when grading is over",
    """
import os, subprocess, sys
program = "import time; time.sleep(2); open('@HOME@/by-a-daemon', 'w'); time.sleep(600)"
for _ in range(2):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, [sys.executable, "-c", program])
        os._exit(0)
"""
    + RIGHT,
    6,
    base="solved",
    at_most=True,
)
code(
    "exits",
    "os._exit in the answer",
    "import os\ndef double(x): os._exit(0)",
    **MINE | {"said": "ended the Python process"},
)
code("exits_while_defined", "os._exit in the cell", "import os\nos._exit(0)", **DIES)
code(
    "exits_in_del",
    "os._exit when a value is thrown away",
    """
import os
class Bomb:
    def __del__(self): os._exit(0)
def double(x): Bomb(); return 2 * x
""",
    flag="ex-0-1: ",
    **MINE,
)
code(
    "exits_later",
    "threads and exit handlers that end the process in somebody else's cell",
    """
import atexit, os, threading
atexit.register(os._exit, 0)
threading.Timer(0.01, os._exit, (0,)).start()
"""
    + RIGHT,
    6,
    base="solved",
    ends=False,
    at_most=True,
)
code(
    "exits_by_name",
    "SystemExit, KeyboardInterrupt, exit(), quit()",
    """
def double(x):
    try: exit()
    except BaseException: pass
    raise SystemExit(0)
""",
    **MINE,
)
code(
    "shuts_down",
    "the kernel's own shutdown",
    "get_ipython().kernel.do_shutdown(False)\nget_ipython().kernel.io_loop.stop()" + RIGHT,
    6,
    base="solved",
    ends=False,
    at_most=True,
)
code("segfault", "a crash", "import ctypes\ndef double(x): ctypes.string_at(1)", **MINE)
code("aborts", "abort()", "import os\ndef double(x): os.abort()", **MINE)
code(
    "recursion",
    "recursion without end, the limit lifted",
    """
import sys
sys.setrecursionlimit(10**9)
def double(x): return [double(x)]
""",
    **MINE,
)
code(
    "kills_everyone",
    "SIGKILL and SIGSTOP to everyone, to the parent, to the group",
    """
import os, signal
for number in (signal.SIGSTOP, signal.SIGKILL, signal.SIGTERM):
    for target in (-1, 0, 1, os.getppid(), -os.getpgid(0), os.getpid()):
        try: os.kill(target, number)
        except OSError as error: print(error)
"""
    + RIGHT,
    6,
    base="solved",
    ends=False,
    at_most=True,
)
code(
    "stops_itself",
    "a process that stops, and is not dead",
    "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\n"
    "import threading\nthreading.Lock().acquire() or None\n"
    "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    **DIES,
)
code(
    "limits_lifted",
    "its limits lifted",
    """
import resource
for name in dir(resource):
    if name.startswith("RLIMIT_"):
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            attempt(name, lambda: resource.setrlimit(kind, (hard + 1, hard + 1)))
import os
attempt("nice", lambda: os.nice(-5))
attempt("real time", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)))
def oom():
    with open("/proc/self/oom_score_adj", "w") as file: file.write("-1000")
attempt("never killed for memory", oom)
""",
)
code(
    "slow_text",
    "an exception whose text never comes",
    """
class Slow(Exception):
    def __str__(self):
        while True: pass
    __repr__ = __str__
def double(x): raise Slow()
""",
    flag="ex-0-1: ",
    **MINE,
)
code(
    "long_text",
    "an exception whose text and chain are very long",
    """
def double(x):
    error = ValueError("y" * 10**6)
    for n in range(500):
        new = ValueError("y" * 1000); new.__context__ = error; error = new
    raise error
""",
    **MINE,
)
code(
    "long_repr",
    "a value whose repr has 100 MB",
    """
class Long:
    def __repr__(self): return "z" * 10**8
    __str__ = __repr__
def double(x): return Long()
from IPython.display import display
try: display(Long())
except Exception: pass
""",
    ends=False,
    **MINE,
)
code(
    "deadlocked_import",
    "an import hook that waits for itself",
    """
import sys, threading
lock = threading.Lock(); lock.acquire()
class Hook:
    def find_spec(self, *a): lock.acquire()
sys.meta_path.insert(0, Hook())
import colorsys_which_is_not_there
""",
    **DIES,
)
code(
    "collector_hooks",
    "callbacks of the garbage collector, of tracing and of audit",
    """
import gc, sys, threading
gc.callbacks.append(lambda *a: 1 / 0)
sys.settrace(lambda *a: None); threading.settrace(lambda *a: 1 / 0)
sys.unraisablehook = lambda *a: None
sys.setswitchinterval(100)
sys.addaudithook(lambda *a: None)
"""
    + RIGHT,
    6,
    base="solved",
    at_most=True,
)
code(
    "modules_cleared",
    "every module thrown away",
    "import sys\nsys.modules.clear()" + RIGHT,
    6,
    base="solved",
    ends=False,
    at_most=True,
)
code(
    "numbers_seeded",
    "the clock, the random state and the precision changed",
    """
import os, random, time, torch
time.time = time.monotonic = time.perf_counter = lambda: 0.0
torch.set_default_dtype(torch.float64)
torch.manual_seed = torch.Generator.manual_seed = lambda *a: torch.Generator()
os.environ.clear()
torch.set_num_threads(64)
"""
    + RIGHT,
    6,
    base="solved",
    ends=False,
    at_most=True,
)
