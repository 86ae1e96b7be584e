"""Warm kernels: forked from a process that has already imported what every chapter imports.

A fresh Jupyter kernel spends two to three seconds on ``import torch``; a fork takes milliseconds.
``WarmProvisioner`` is Jupyter's own extension point for starting kernels, so nbclient, nbval and
nbgrader gain without knowing: set ``JUPYTER_DEFAULT_PROVISIONER_NAME=gradus-warm``.

Each process that starts kernels has a fork server of its own (``forkserver.py``), which it starts
with its first kernel and which ends with it. Where there is no fork, or another kernel than
ipykernel is asked for, the ordinary provisioner takes over. The grader asks for the same kernels
with a sandbox around the server and a jail around each kernel.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from functools import lru_cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import psutil
from jupyter_client import KernelManager
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

from autograder import sandbox
from autograder.jail import Jail
from autograder.limits import LIMITS

CAN_FORK = hasattr(os, "pidfd_open") and sys.platform == "linux"
QUIET = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}  # the debugger's remark on frozen modules
INLINE = "module://matplotlib_inline.backend_inline"
KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "GRADUS_DATA")
SERVE = str(Path(__file__).with_name("forkserver.py"))


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
        """Called by jupyter_client with the kernel's command; returns its connection.

        ``jail`` (a keyword of ``start_kernel``): the walls of the kernel, for a sandboxed one.
        """
        jail: Jail | None = kwargs.pop("jail", None)
        if not CAN_FORK or "ipykernel_launcher" not in cmd:
            if jail:
                raise RuntimeError("a kernel in a sandbox can only be forked")
            return await super().launch_kernel(cmd, **kwargs)
        environment = dict(kwargs.get("env") or os.environ)
        environment.setdefault("MPLBACKEND", INLINE)
        request = {
            "arguments": cmd[cmd.index("ipykernel_launcher") + 1 :],
            "environment": environment,
            "folder": str(kwargs.get("cwd") or os.getcwd()),
            "jail": asdict(jail) if jail else None,
        }
        if jail and jail.uid >= 0:  # the kernel, another user, must read its connection file
            os.chown(self.parent.connection_file, jail.uid, jail.uid)
        self.process = fork_server(jail is not None).fork(request)
        self.pid = self.process.pid
        self.cwd = request["folder"]
        return self.connection_info

    async def wait(self) -> int | None:
        """Inherited, but it looks more often: a killed process is gone in a millisecond."""
        while self.process is not None and self.process.poll() is None:
            await asyncio.sleep(0.005)
        return await super().wait()


class ForkedProcess:
    """What LocalProvisioner uses of ``subprocess.Popen``, for a process that a warden guards.

    ``ended``: the warden's last words (see ``forkserver.py``); None while it runs, and also when
    warden and kernel were lost together with their server.
    """

    stdin = stdout = stderr = None

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.ended: dict[str, Any] | None = None
        self.returncode: int | None = None
        self.pid = 0
        self.failed = ""

    def wait_until_started(self, seconds: float) -> None:
        """Raises RuntimeError if the kernel is not there in time."""
        deadline = time.monotonic() + seconds
        while not self.pid:
            if self.failed or self.returncode is not None or time.monotonic() > deadline:
                raise RuntimeError(self.failed or f"the kernel did not start ({self.returncode})")
            self._listen(max(0.0, deadline - time.monotonic()))

    def fileno(self) -> int:
        """The line to the warden: readable when there is news."""
        return self.line.fileno()

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        if self.returncode is None:
            self._listen(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left < 0:
                raise subprocess.TimeoutExpired("kernel", timeout)
            self._listen(left)
        return self.returncode

    def _listen(self, seconds: float | None) -> None:
        """Wait for a message of the warden, at most so long."""
        poll = select.poll()  # unlike select, for any number of open files
        poll.register(self.line, select.POLLIN)
        if not poll.poll(None if seconds is None else seconds * 1000):
            return
        try:
            data = self.line.recv(4096)
        except OSError:
            data = b""
        message = json.loads(data) if data else {}
        self.pid = message.get("started", self.pid)
        self.failed = message.get("failed", self.failed)
        if "started" in message or "failed" in message:
            return
        self.ended = message or None
        self.returncode = os.waitstatus_to_exitcode(message["ended"]) if message else -signal.SIGHUP
        self.line.close()

    def begin_cell(self) -> None:
        """From now on CPU time counts for a new cell."""
        self._tell(cell=1)

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            self._tell(signal=int(signum))

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def _tell(self, **order: int) -> None:
        try:
            self.line.send(json.dumps(order).encode())
        except OSError:
            self._listen(0)


class ForkServer:
    """Client of a fork server of this process; ``sandboxed``: the server lives in bubblewrap."""

    def __init__(self, sandboxed: bool) -> None:
        self.lock = threading.Lock()
        self.folder = sandbox.run_folder() if sandboxed else None
        self.kernels = 0
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        inside = sandbox.command(self.folder) if sandboxed else []
        with theirs:
            self.process = subprocess.Popen(
                [*inside, sys.executable, "-P", SERVE, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_environment(sandboxed),
            )
        self.control.settimeout(LIMITS.setup_seconds)  # it may have been stopped
        self.greeting = b""
        atexit.register(self.close)

    def fork(self, request: dict[str, Any]) -> ForkedProcess:
        """A new kernel. Raises RuntimeError when the server has ended or does not answer."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with self.lock, theirs:
            try:
                self.greeting = self.greeting or self.control.recv(64)
                socket.send_fds(self.control, [json.dumps(request).encode()], [theirs.fileno()])
            except OSError:
                self.greeting = b""
            if not self.greeting:
                self.close()
                raise RuntimeError("the fork server has ended")
        if request["jail"] and self.greeting != b"ready":
            self.close()
            raise RuntimeError("the sandbox cannot filter system calls")
        process = ForkedProcess(ours)
        process.wait_until_started(LIMITS.setup_seconds)
        return process

    def kernel_folder(self) -> Path:
        """A new folder for one kernel's sockets, with a short path (they have 107 bytes)."""
        self.kernels += 1
        folder = self.folder / str(self.kernels)
        folder.mkdir(mode=0o700)
        return folder

    def close(self) -> None:
        """End the server and its kernels; the next kernel starts a new one."""
        atexit.unregister(self.close)
        fork_server.cache_clear()
        self.control.close()
        family = _descendants(self.process.pid)
        self.process.kill()
        self.process.wait()
        for process in family:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def _descendants(pid: int) -> list[psutil.Process]:
    """What a process has started, and held still meanwhile.

    bubblewrap's inner process would wait for ever if its outer one were killed at its start.
    """
    try:
        psutil.Process(pid).suspend()
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


@lru_cache(maxsize=2)
def fork_server(sandboxed: bool, /) -> ForkServer:
    """This process's fork server, started when it is first asked for."""
    return ForkServer(sandboxed)


def _environment(sandboxed: bool) -> dict[str, str]:
    """The server's; a sandboxed one gets nothing of ours but what a kernel needs."""
    kept = os.environ
    if sandboxed:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        kept |= {"HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"}
    packages = os.pathsep.join(map(str, [Path(SERVE).parents[1], *sandbox.libraries()]))
    if "PYTHONPATH" in kept:
        packages += os.pathsep + kept["PYTHONPATH"]
    return kept | QUIET | {
        "MPLBACKEND": INLINE,
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": packages,
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }  # fmt: skip
