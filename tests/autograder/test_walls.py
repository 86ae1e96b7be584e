"""Each wall alone: an attack that fails while it stands, and succeeds when it alone is taken away.

The second half shows that the first is not held by another wall, or by a probe that never works.
Walls inside the fork server are taken away by a server script that this test writes; there is no
switch for it in the grader.
"""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
import psutil
import pytest

from autograder import feedback, sandbox, warm
from autograder import kernel as kernels
from autograder.feedback import page
from autograder.intake import parse
from autograder.judge import Bench
from autograder.kernel import Broken, open_kernel
from autograder.limits import LIMITS, MIB
from autograder.rebuild import rebuild
from autograder.release import release
from autograder.verdict import Verdict
from gradus import wire
from tests.autograder.conftest import COURSE
from tests.sandboxed import sandboxed

REPOSITORY = Path(__file__).parents[2]
both = pytest.mark.parametrize("standing", [True, False], ids=["wall up", "wall taken away"])


# --- bubblewrap: a command in it -----------------------------------------------------------------

IN_BUBBLEWRAP = {
    "no network": (
        "import socket; socket.create_connection(('127.0.0.1', {port}), 2)",
        lambda command: [part for part in command if part != "--unshare-net"],
    ),
    "own processes": (
        "assert open('/proc/{pid}/cmdline', 'rb').read()",
        lambda command: [part for part in command if part != "--unshare-pid"],
    ),
    "own shared memory": (
        "import ctypes; assert ctypes.CDLL(None).shmget({key}, 0, 0) != -1",
        lambda command: [part for part in command if part != "--unshare-ipc"],
    ),
    "nothing of the course": (
        "open('{course}/solutions/00_tiny/tiny.py').read()",
        lambda command: _before(command, "--proc", "--ro-bind", str(COURSE), str(COURSE)),
    ),
    "a read-only system": (
        "open('{gradus}/hostile-probe.py', 'a')",
        lambda command: [*command[:-1], "--bind", *[str(REPOSITORY / "gradus")] * 2, "--"],
    ),
}


def _before(command: list[str], place: str, *arguments: str) -> list[str]:
    """The command with arguments put in before one of its own."""
    index = command.index(place)
    return [*command[:index], *arguments, *command[index:]]


@sandboxed
@both
@pytest.mark.parametrize("wall", IN_BUBBLEWRAP)
def test_bubblewrap(wall, standing, tmp_path):
    attack, without = IN_BUBBLEWRAP[wall]
    folder = tmp_path / "k"
    folder.mkdir()
    key = 0x47524144
    memory = _shared_memory(key)
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            facts = {"port": server.getsockname()[1], "pid": os.getpid(), "key": key}
            text = attack.format(course=COURSE, gradus=REPOSITORY / "gradus", **facts)
            command = sandbox.command(folder)
            command = command if standing else without(command)
            done = subprocess.run([*command, sys.executable, "-c", text], capture_output=True)
    finally:
        memory()
        (REPOSITORY / "gradus" / "hostile-probe.py").unlink(missing_ok=True)
    assert (done.returncode == 0) is not standing, done.stderr


def _shared_memory(key: int) -> Callable[[], None]:
    """A System V segment of this machine; call the result to remove it."""
    import ctypes

    libc = ctypes.CDLL(None)
    number = libc.shmget(key, 4096, 0o1666)
    return lambda: libc.shmctl(number, 0, None)


# --- jail and warden: a kernel -------------------------------------------------------------------

SERVER = """
import socket, sys
sys.path.insert(0, {repository!r})
from autograder import forkserver, jail
{change}
forkserver.serve(socket.socket(fileno=int(sys.argv[1])))
"""
SPIN = "import time\nend = time.process_time() + 5\nwhile time.process_time() < end: pass"
SWARM = """
import os, time
reader, writer = os.pipe()
for _ in range(6):
    if os.fork() == 0:
        block = os.urandom(1) * (300 * 2**20)
        os.write(writer, b"x")
        time.sleep(60)
        os._exit(0)
for _ in range(6): os.read(reader, 1)
time.sleep(4)
"""
FOLDER = "os.path.dirname(get_ipython().kernel.config['IPKernelApp']['connection_file'])"
NO_FILTER = "jail.make_call_filter = lambda: type('No', (), {'load': lambda self: None})()"
NO_SIZE = """
mount = jail._mount
def without_size(source, target, kind, flags, options=""):
    mount(source, target, kind, flags, "mode=1777" if kind == "tmpfs" else options)
jail._mount = without_size
"""
MANY = """
import os, time
for _ in range(60):
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
"""
NO_NPROC = """
setrlimit, NPROC = jail.resource.setrlimit, jail.resource.RLIMIT_NPROC
jail.resource.setrlimit = lambda kind, value: None if kind == NPROC else setrlimit(kind, value)
"""
PATIENT = replace(LIMITS, cell_seconds=100)
TIGHT = {
    "few processes": {"processes": 50},
    "disks of a fixed size": {"disk_bytes": 32 * MIB},
    "CPU time is watched": {"cell_cpu_seconds": 2},
    "memory is watched": {"memory_bytes": 1000 * MIB},
}
# wall → (attack: code that raises or is stopped while the wall stands, how the wall is taken away)
IN_KERNEL = {
    "own process space": ("import os; assert os.getppid() != 0", "jail.CLONE_NEWPID = 0"),
    "own /proc": (
        "import os; assert [n for n in os.listdir('/proc') if n.isdigit()] != ['1']",
        "jail.own_processes = lambda: None",
    ),
    "disks of a fixed size": ("open('/tmp/x', 'wb').write(bytes(64 * 2**20))", NO_SIZE),
    "frozen folder": (
        f"import os; open({FOLDER} + '/hostile', 'w')",
        "jail.freeze_folder = lambda jail: None",
    ),
    "nobody": (
        "text = open('/proc/self/status').read()\n"
        "assert int(text.split('CapEff:')[1].split()[0], 16)",
        "jail.nobody = lambda jail: None",
    ),
    "limited resources": (
        "import mmap; mmap.mmap(-1, 4 * 2**30)",
        "jail.limit_resources = lambda jail: None",
    ),
    "few processes": (MANY, NO_NPROC),
    "call filter": ("import os; os.memfd_create('x')", NO_FILTER),
    "CPU time is watched": (SPIN, "forkserver._Warden.look = lambda self: 0.0"),
    "memory is watched": (SWARM, "forkserver._Warden.weigh = lambda self, resident: None"),
}


@contextmanager
def server_without(change: str, tmp_path: Path, monkeypatch) -> Iterator[None]:
    """Kernels of a server in which ``change`` has been made; ``""``: the real one."""
    with monkeypatch.context() as patch:
        if change:
            warm.fork_server(True).close()
            script = tmp_path / "server.py"
            script.write_text(SERVER.format(repository=str(REPOSITORY), change=change))
            readable = [*sandbox._readable(), script]
            patch.setattr(sandbox, "_readable", lambda: readable)
            patch.setattr(warm, "SERVE", str(script))
        try:
            yield
        finally:
            if change:
                warm.fork_server(True).close()


def succeeds(attack: str, limits) -> bool:
    """Whether the code runs to its end in a sandboxed kernel."""
    with open_kernel(limits, True) as kernel:
        try:
            outputs = kernel.execute(attack).outputs
        except Broken:
            return False
    return not any(output.output_type == "error" for output in outputs)


@sandboxed
@pytest.mark.slow
@both
@pytest.mark.parametrize("wall", IN_KERNEL)
def test_jail(wall, standing, tmp_path, monkeypatch):
    attack, change = IN_KERNEL[wall]
    with server_without("" if standing else change, tmp_path, monkeypatch):
        assert succeeds(attack, replace(PATIENT, **TIGHT.get(wall, {}))) is not standing


@sandboxed
def test_a_sandbox_that_is_closed_while_it_starts_leaves_nothing():
    """bubblewrap's inner process waits for its outer one, and is not yet bound to end with it."""
    before = {process.pid for process in psutil.process_iter() if process.name() == "bwrap"}
    for _ in range(10):
        server = warm.ForkServer(True)
        time.sleep(0.003)
        server.close()
    left = [p for p in psutil.process_iter() if p.name() == "bwrap" and p.pid not in before]
    _, left = psutil.wait_procs(left, timeout=3)
    for process in left:
        process.kill()
    assert left == []


UNCOUNTED = """
usage = forkserver._usage
forkserver._usage = lambda: (*usage()[:2], 0)
"""


@sandboxed
@both
def test_processes_are_counted(standing, tmp_path, monkeypatch):
    """The warden's count, where the system's own limit does not bind (an old kernel)."""
    change = NO_NPROC if standing else NO_NPROC + UNCOUNTED
    with server_without(change, tmp_path, monkeypatch):
        attack = MANY + "time.sleep(2)"
        assert succeeds(attack, replace(PATIENT, processes=20)) is not standing


OWNER = """
import pathlib, sys, time
sys.path.insert(0, {repository!r})
from autograder import sandbox, warm
readable, command = [*sandbox._readable(), pathlib.Path({script!r})], sandbox.command
sandbox._readable, warm.SERVE = lambda: readable, {script!r}
if not {standing}:
    sandbox.command = lambda *a: [part for part in command(*a) if part != "--die-with-parent"]
server = warm.fork_server(True)
server.control.recv(64)
print(server.process.pid, flush=True)
time.sleep(60)
"""
STAYS = """
serve = forkserver.serve
def stay(control):
    serve(control)
    __import__("time").sleep(60)
forkserver.serve = stay
"""


@sandboxed
@both
def test_a_sandbox_ends_with_its_owner(standing, tmp_path):
    """Even if the server inside does not notice that nobody listens any more."""
    script = tmp_path / "server.py"
    script.write_text(SERVER.format(repository=str(REPOSITORY), change=STAYS))
    text = OWNER.format(repository=str(REPOSITORY), script=str(script), standing=standing)
    owner = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)
    family = [psutil.Process(int(owner.stdout.readline()))]
    family += family[0].children(recursive=True)
    owner.kill()
    owner.communicate()
    _, alive = psutil.wait_procs(family, timeout=5)
    for process in alive:
        process.kill()
    assert (alive == []) is standing


ONE_DISK = """
import os
mount, mkdir = jail._mount, os.mkdir
def on_one_disk(source, target, kind, flags, options=""):
    if (kind, target) == ("tmpfs", "/tmp"):
        return os.chmod("/tmp", 0o1777)
    mount(source, target, kind, flags, options)
def not_again(path, mode=0o777):
    os.path.isdir(path) or mkdir(path, mode)
jail._mount, os.mkdir = on_one_disk, not_again
"""


@sandboxed
@both
def test_each_kernel_has_empty_disks(standing, tmp_path, monkeypatch):
    with server_without("" if standing else ONE_DISK, tmp_path, monkeypatch):
        assert succeeds("open('/tmp/left', 'w').write('for the next')", PATIENT)
        assert succeeds("open('/tmp/left').read()", PATIENT) is not standing


@sandboxed
@both
def test_the_environment_is_cleared(standing, monkeypatch):
    monkeypatch.setenv("HOSTILE_CANARY", "secret")
    cleared = warm._environment
    if not standing:
        monkeypatch.setattr(warm, "_environment", lambda inside: os.environ | cleared(inside))
    warm.fork_server(True).close()
    attack = "assert b'HOSTILE_CANARY' in open('/proc/self/environ', 'rb').read()"
    try:
        assert succeeds(attack, PATIENT) is not standing
    finally:
        warm.fork_server(True).close()


# --- what is read of a kernel --------------------------------------------------------------------

PRINTS = "import sys\nfor _ in range(40): print('x' * 50_000); sys.stdout.flush()"
READING = {  # limit → (attack, values while the wall stands, and without it)
    "output_bytes": (PRINTS, 1 * MIB, 2**60),
    "message_bytes": ("print('x' * 2 * 2**20)", 1 * MIB, 2**60),
    "cell_seconds": ("import time; time.sleep(3)", 1, 100),
}


@sandboxed
@both
@pytest.mark.parametrize("limit", READING)
def test_reading_a_kernel(limit, standing):
    attack, low, high = READING[limit]
    assert succeeds(attack, replace(LIMITS, **{limit: low if standing else high})) is not standing


@sandboxed
@both
def test_outputs_are_made_anew(standing, monkeypatch):
    if not standing:

        def verbatim(kind, content, limits):
            return nbformat.v4.new_output("display_data", data=content["data"])

        monkeypatch.setattr(kernels, "kept_output", verbatim)
    evil = "from IPython.display import HTML, display\ndisplay(HTML('<script>alert(1)</script>'))"
    with open_kernel(LIMITS, True) as kernel:
        cell = nbformat.v4.new_code_cell("1", outputs=kernel.execute(evil).outputs)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    kept = [key for output in cell.outputs for key in output.data]
    assert ("text/html" in kept) is not standing
    assert "<script>" not in page(Verdict("ada", "00_tiny", notebook=notebook))


@both
def test_a_page_is_cleaned(standing, monkeypatch):
    """The last wall before a browser: where an output's text came through as markup."""
    monkeypatch.setattr(feedback, "ansi2html", str)
    if not standing:
        monkeypatch.setattr(feedback.nh3, "clean", lambda text, **_: text)
    output = nbformat.v4.new_output("stream", text="<script>alert(1)</script><b onclick=x>b</b>")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=[output])])
    text = page(Verdict("ada", "00_tiny", notebook=notebook))
    assert ("<script>" in text) is ("onclick" in text) is not standing


# --- the trusted side ----------------------------------------------------------------------------


@dataclass
class Evil:
    """Pickled, it creates a file where it is read."""

    path: str

    def __reduce__(self):
        return open, (self.path, "w")


@both
def test_the_judge_reads_plain_data_only(standing, chapter, tmp_path, monkeypatch):
    if not standing:
        monkeypatch.setattr(wire, "decode", pickle.loads)
    target = tmp_path / "written-by-the-judge"
    data = pickle.dumps({"chosen": Evil(str(target))})
    outcome = Bench(chapter).judge("predict-0-1-hidden-1", data, "")
    assert not outcome.passed
    assert target.exists() is not standing


@dataclass
class Patched:
    """What a notebook would be without step 2."""

    notebook: nbformat.NotebookNode


@both
def test_only_answers_are_taken_from_a_submission(standing, chapter, starter):
    for cell in starter["cells"]:
        if "setup" in cell["metadata"].get("tags", []):
            cell["source"] = "check = None"
        if cell["metadata"].get("nbgrader", {}).get("points"):
            cell["metadata"]["nbgrader"]["points"] = 1000
    take = rebuild if standing else lambda released, submitted: Patched(nbformat.from_dict(starter))
    graded = take(
        release(chapter.notebook), parse(nbformat.writes(nbformat.from_dict(starter)).encode())
    )
    cells = graded.notebook.cells
    points = [c.metadata.get("nbgrader", {}).get("points", 0) for c in cells]
    setup = next(c for c in cells if "setup" in c.metadata.get("tags", []))
    assert (1000 in points and setup.source == "check = None") is not standing
