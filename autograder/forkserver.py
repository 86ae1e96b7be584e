"""The fork server: a warm process that forks a Jupyter kernel for each request.

Theory of operation. ``python forkserver.py FD`` imports what every chapter imports, then waits on
the socket FD. A request is one JSON message with one file descriptor, the kernel's *line*. For each
request the server forks a warden, and the warden forks the kernel; the server itself never runs
anything else, has one thread (only the forking thread survives a fork), and touches no ZMQ.

The warden holds the line. It puts up the walls (``jail.py``) when the request asks for them,
watches what the kernel's processes use, passes signals on, kills everything when the line closes,
and says at the end how the kernel ended (``{"ended": status, "why": limit, "cpu": seconds, "peak":
bytes}``).

This file and ``jail.py`` are all of the grader that a sandbox holds.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import random
import select
import signal
import socket
import sys
from importlib import import_module
from typing import Any, NoReturn

PRELOADED = (
    "numpy", "torch", "torch.optim", "torch._dynamo", "matplotlib.pyplot",
    "matplotlib.backends.backend_agg", "ipykernel.kernelapp", "ipykernel.ipkernel",
    "ipykernel.debugger", "sklearn.ensemble", "sklearn.datasets", "sklearn.model_selection",
    "gradus", "gradus.crossing", "gradus.plots", "torchvision.models", "torchvision.transforms.v2",
    "tqdm.notebook",
)  # fmt: skip
PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4  # linux/prctl.h
WATCH_SECONDS = 0.1  # between two looks at what a jailed kernel uses: a few thousandths of a core
NICENESS = 10  # of jailed kernels: the warden must get its turn beside a hundred busy processes
PAGE, TICK = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")


def serve(control: socket.socket) -> None:
    """Answer requests until the other end closes."""
    sys.path[:] = [entry for entry in sys.path if entry]  # never the folder it was started in
    for name in PRELOADED:
        import_module(name)
    assert "matplotlib_inline" not in sys.modules, "it would not show figures after a fork"
    assert len(os.listdir("/proc/self/task")) == 1, "a fork would lose the other threads"
    call_filter = _call_filter()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # wardens are not waited for
    gc.collect()
    gc.freeze()
    try:
        control.send(b"ready" if call_filter else b"ready, without seccomp")
    except BrokenPipeError:  # the owner has ended meanwhile
        return
    while True:
        data, lines, _, _ = socket.recv_fds(control, 2**20, 1)
        if not data:
            return
        if os.fork() == 0:
            control.close()
            _guard(json.loads(data), socket.socket(fileno=lines[0]), call_filter)
        os.close(lines[0])


def _call_filter():
    """The compiled filter of system calls, or None where libseccomp is missing."""
    try:
        from autograder.jail import make_call_filter

        return make_call_filter()
    except (ImportError, OSError, RuntimeError):
        return None


def _guard(request: dict[str, Any], line: socket.socket, call_filter) -> NoReturn:
    """Be the warden of one kernel."""
    status = 1
    try:
        status = _Warden(request, line, call_filter).run()
    except BaseException as error:
        _complain(line, error)
    os._exit(status)


def _complain(line: socket.socket, error: BaseException) -> None:
    """Say on the line why there is no kernel: its streams lead nowhere."""
    with contextlib.suppress(OSError):
        line.send(json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode())


class _Warden:
    def __init__(self, request: dict[str, Any], line: socket.socket, call_filter) -> None:
        self.request, self.line, self.call_filter = request, line, call_filter
        self.jail = _jail(request.get("jail"))
        self.cell_start = 0.0  # CPU seconds when the cell began
        self.cpu, self.peak, self.why = 0.0, 0, ""
        self.shared = _resident()  # what every kernel has from its fork on
        self.started = False  # from then on /proc shows the kernel's processes and no others

    def run(self) -> int:
        os.setsid()
        end_with_parent()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        ready, self.ready = socket.socketpair()
        if self.jail:
            from autograder import jail

            jail.leave_the_others()
            jail.empty_disks(self.jail)
        self.kernel = os.fork()
        if self.kernel == 0:
            self.ready.close()
            try:
                _become_kernel(self.request, self.jail, self.call_filter, ready, self.line)
            except BaseException as error:
                _complain(self.line, error)
                os._exit(1)
        ready.close()
        self.watch(os.pidfd_open(self.kernel))
        _, status, usage = os.wait4(self.kernel, 0)
        self.cpu = max(self.cpu, usage.ru_utime + usage.ru_stime)
        self.peak = max(self.peak, usage.ru_maxrss * 1024)
        self.say(ended=status, why=self.why, cpu=self.cpu, peak=self.peak)
        return 0

    def say(self, **message: object) -> None:
        with contextlib.suppress(OSError):
            self.line.send(json.dumps(message).encode())

    def watch(self, kernel: int) -> None:
        """Return when the kernel has ended; ``kernel`` is its pidfd."""
        sources = [self.line, self.ready, kernel]
        while True:
            waiting = WATCH_SECONDS if self.jail else None
            readable, _, _ = select.select(sources, [], [], waiting)
            if kernel in readable:
                return
            if self.ready in readable:
                sources.remove(self.ready)
                self.start()
            if self.line in readable:
                self.obey(self.line.recv(4096))
            if not self.why:
                self.look()

    def start(self) -> None:
        """The kernel's sockets exist: close its folder, and let it run."""
        if not self.ready.recv(1):
            return
        if self.jail:
            from autograder import jail

            jail.freeze_folder(self.jail)
        self.started = True
        self.say(started=self.kernel)
        self.ready.send(b"1")

    def obey(self, message: bytes) -> None:
        if not message:  # the line is closed: nobody waits for this kernel any more
            self.kill("")
            return
        order = json.loads(message)
        if "cell" in order:
            self.cell_start = self.look()
        elif order["signal"] == signal.SIGKILL:
            self.kill("")
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.kernel, order["signal"])

    def kill(self, why: str) -> None:
        self.why = self.why or why
        with contextlib.suppress(ProcessLookupError):
            if self.jail:  # the first process of a namespace takes all others with it
                os.kill(self.kernel, signal.SIGKILL)
            else:
                os.killpg(self.kernel, signal.SIGKILL)

    def look(self) -> float:
        """CPU seconds used so far; ends the kernel where a limit is passed."""
        if not self.jail or not self.started:
            return 0.0
        cpu, memory, tasks = _usage()
        self.cpu = max(self.cpu, cpu)
        if cpu > self.jail.notebook_cpu_seconds:
            self.kill("notebook cpu")
        elif cpu - self.cell_start > self.jail.cell_cpu_seconds:
            self.kill("cpu")
        elif tasks > 2 * self.jail.processes:
            self.kill("processes")
        else:
            self.weigh(memory)
        return cpu

    def weigh(self, resident: int) -> None:
        """End the kernel where its processes use too much memory."""
        if resident > self.jail.memory_bytes:
            resident = _proportional()  # slow, but pages that several processes share count once
        self.peak = max(self.peak, resident)
        if resident > self.jail.memory_bytes + self.shared:
            self.kill("memory")


def _jail(fields: dict[str, Any] | None):
    if fields is None:
        return None
    from autograder.jail import Jail

    return Jail(**fields)


def _usage() -> tuple[float, int, int]:
    """(CPU seconds, resident bytes, threads) of all processes that ``/proc`` shows."""
    ticks = pages = threads = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                with open(f"/proc/{name}/stat") as file:
                    values = file.read().rpartition(")")[2].split()
                ticks += sum(map(int, values[11:15]))  # own and reaped children's: proc(5)
                threads += int(values[17])
                pages += int(values[21])
    return ticks / TICK, pages * PAGE, threads


def _proportional() -> int:
    """Resident bytes of all processes, shared pages divided among them."""
    total = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, StopIteration, ValueError):
                with open(f"/proc/{name}/smaps_rollup") as file:
                    line = next(line for line in file if line.startswith("Pss:"))
                total += int(line.split()[1]) * 1024
    return total


def _resident() -> int:
    """Resident bytes of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE


def end_with_parent() -> None:
    """Be killed when the parent process ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _be_ordinary() -> None:
    """Set again what a change of user clears: end with the parent, own one's files in /proc."""
    end_with_parent()
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1)


def _become_kernel(
    request: dict[str, Any], jail, call_filter, ready: socket.socket, line: socket.socket
) -> NoReturn:
    """In the child: new session, streams, environment and random states, walls, and the kernel."""
    os.setsid()
    end_with_parent()
    _redirect_streams()
    os.environ.clear()
    os.environ.update(request["environment"])
    if jail:
        _lock_up(jail, call_filter)
    else:
        os.chdir(request["folder"])
    _draw_anew()
    from ipykernel.kernelapp import IPKernelApp

    sys.argv = ["ipykernel_launcher", *request["arguments"]]
    app = IPKernelApp.instance()
    app.initialize(request["arguments"])
    line.close()  # the warden's alone
    ready.send(b"1")  # the sockets exist; the warden answers when the walls are complete
    ready.recv(1)
    ready.close()
    app.start()
    os._exit(0)


def _lock_up(jail, call_filter) -> None:
    """Every wall, in the one order in which each still can be put up."""
    from autograder import jail as walls

    walls.own_processes()
    walls.limit_resources(jail)
    os.nice(NICENESS)
    walls.nobody(jail)
    for variable in ("HOME", "TMPDIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR"):
        os.environ[variable] = "/tmp/home"
    for place in ("/tmp/home", "/tmp/work"):
        os.mkdir(place)
    os.chdir("/tmp/work")
    _be_ordinary()
    call_filter.load()


def _redirect_streams() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(os.dup(null), mode) for mode in "rww")


def _draw_anew() -> None:
    """Children of one server would otherwise all draw the same unseeded numbers."""
    import numpy as np
    import torch

    random.seed()
    np.random.seed()
    torch.manual_seed(int.from_bytes(os.urandom(7), "little"))


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
