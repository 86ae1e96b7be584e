"""Warm kernels: forked from a process that has already imported what every chapter imports.

A fresh Jupyter kernel spends two to three seconds on ``import torch``; a fork takes milliseconds.
``WarmProvisioner`` is Jupyter's own extension point for starting kernels, so nbclient, nbval and
nbgrader gain without knowing: set ``JUPYTER_DEFAULT_PROVISIONER_NAME=gradus-warm``.

Theory of operation. Each process that starts kernels has a fork server of its own, which it starts
with its first kernel and which ends with it (its standard input closes). The server stays
single-threaded, because only the forking thread survives a fork: one OpenMP thread, no ZMQ, no
IPython instance. The child becomes a session of its own, takes over the environment and folder
that Jupyter asks for, draws new random states and runs the ordinary ``ipykernel``. Its end is seen
through a pidfd. Where there is no fork, no pidfd, or another kernel than ipykernel is asked for,
the ordinary provisioner takes over.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Any, NoReturn

from jupyter_client import KernelManager
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

from autograder.limits import LIMITS
from autograder.pool import end_with_parent, kill_after

CAN_FORK = hasattr(os, "pidfd_open") and sys.platform == "linux"
PRELOADED = (
    "numpy", "torch", "torch.optim", "torch._dynamo", "matplotlib.pyplot",
    "matplotlib.backends.backend_agg", "ipykernel.kernelapp", "ipykernel.ipkernel",
    "ipykernel.debugger", "sklearn.ensemble", "sklearn.datasets", "sklearn.model_selection",
    "gradus", "gradus.crossing", "gradus.plots",
)  # fmt: skip
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
QUIET = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}  # the debugger's remark on frozen modules
INLINE = "module://matplotlib_inline.backend_inline"


def use_warm_kernels(manager: KernelManager) -> None:
    """Let this manager's kernels be forked, whether or not the package's metadata is installed."""
    group, name = KernelProvisionerFactory.GROUP_NAME, "gradus-warm"
    factory = KernelProvisionerFactory.instance(parent=manager.parent)
    entry = EntryPoint(name, "autograder.warm:WarmProvisioner", group)
    factory.provisioners.setdefault(name, entry)
    manager.kernel_spec.metadata["kernel_provisioner"] = {"provisioner_name": name}


class WarmProvisioner(LocalProvisioner):
    """Starts ipykernels by forking; everything else is inherited."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Called by jupyter_client with the kernel's command; returns its connection."""
        if not CAN_FORK or "ipykernel_launcher" not in cmd:
            return await super().launch_kernel(cmd, **kwargs)
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        environment = dict(kwargs.get("env") or os.environ)
        environment.setdefault("MPLBACKEND", INLINE)
        folder = str(kwargs.get("cwd") or os.getcwd())
        self.process = _server().fork(arguments, environment, folder)
        self.pid = self.pgid = self.process.pid
        self.cwd = folder
        return self.connection_info


class ForkedProcess:
    """What LocalProvisioner uses of ``subprocess.Popen``, for a process forked elsewhere."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        try:
            self._pidfd = os.pidfd_open(pid)
        except ProcessLookupError:  # already gone
            self._pidfd, self.returncode = -1, 1

    def poll(self) -> int | None:
        """None while it runs. The real exit status is known to the fork server only."""
        if self.returncode is None and select.select([self._pidfd], [], [], 0)[0]:
            self._ended()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._pidfd], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("kernel", timeout)
            self._ended()
        return self.returncode

    def _ended(self) -> None:
        os.close(self._pidfd)
        self.returncode = 1

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            signal.pidfd_send_signal(self._pidfd, signum)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class _ForkServer:
    """Client of the fork server of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from autograder.warm import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | ONE_THREAD | QUIET | {"MPLBACKEND": INLINE, "PYTHONHASHSEED": "0"},
        )

    def fork(self, arguments: list[str], environment: dict[str, str], folder: str) -> ForkedProcess:
        request = json.dumps([arguments, environment, folder])
        answer = ""
        limit = kill_after(self.process, LIMITS.setup_seconds)  # it may have been stopped
        with self.lock, limit, contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        if not answer:
            _server.cache_clear()  # the next kernel starts a new server
            raise RuntimeError("the fork server has ended")
        return ForkedProcess(int(answer))


@lru_cache(maxsize=1)
def _server() -> _ForkServer:
    return _ForkServer()


def serve() -> None:
    """The fork server: a line of JSON a request on standard input, the new pid as the answer."""
    sys.path[:] = [entry for entry in sys.path if entry]  # never the folder it was started in
    for name in PRELOADED:
        import_module(name)
    assert "matplotlib_inline" not in sys.modules, "it would not show figures after a fork"
    assert len(os.listdir("/proc/self/task")) == 1, "a fork would lose the other threads"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are not waited for
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become_kernel(*json.loads(line))
        print(pid, flush=True)


def _become_kernel(arguments: list[str], environment: dict[str, str], folder: str) -> NoReturn:
    """In the child: leave the server's session, streams and random states, and run the kernel."""
    os.setsid()
    end_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(os.dup(null), mode) for mode in "rww")
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    _draw_anew()
    from ipykernel.kernelapp import IPKernelApp

    sys.argv = ["ipykernel_launcher", *arguments]
    app = IPKernelApp.instance()
    app.initialize(arguments)
    app.start()
    os._exit(0)


def _draw_anew() -> None:
    """Children of one server would otherwise all draw the same unseeded numbers."""
    import numpy as np
    import torch

    random.seed()
    np.random.seed()
    torch.manual_seed(int.from_bytes(os.urandom(7), "little"))
