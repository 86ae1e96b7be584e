"""One Jupyter kernel that executes a stranger's cells, read with a limit on everything.

A kernel may send whatever it likes for as long as it likes. Every message is measured before it is
parsed, outputs are cut while they are read, and each cell has its seconds; what cannot be read, or
never ends, is a ``Broken`` kernel with a reason in words for its author.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq
from jupyter_client import BlockingKernelClient, KernelManager
from nbformat import NotebookNode

from autograder import sandbox
from autograder.limits import MIB, Limits
from autograder.outputs import append_text, kept_output
from autograder.warm import ForkedProcess, fork_server, use_warm_kernels

CLAIMS_MIME = "application/x-gradus-claims"  # gradus.crossing.MIME, not imported: torch is slow
OUTPUTS = ("stream", "display_data", "execute_result", "error", "update_display_data")
HANDSHAKE_SECONDS = 0.05  # between two tries to hear from a new kernel
LAST_WORDS_SECONDS = 4  # for outputs that are still under way when the answer is there


class Broken(Exception):
    """The kernel has to be replaced; the message says what happened, for the student."""


class KernelNotStarted(Exception):
    """No kernel came up, or all of them were lost: the machine's fault, never the student's."""


@dataclass
class Executed:
    """What one cell did: its number, its outputs, and claims that it shipped."""

    count: int | None = None
    outputs: list[NotebookNode] = field(default_factory=list)
    claims: bytes | None = None
    received: int = 0  # bytes
    displays: dict[str, int] = field(default_factory=dict)  # display id → place in outputs
    clear_next: bool = False


class Kernel:
    """A running kernel; make one with ``open_kernel``."""

    def __init__(self, manager: KernelManager, context: zmq.Context, limits: Limits) -> None:
        self.manager, self.limits = manager, limits
        self.process = manager.provisioner.process
        self.client: BlockingKernelClient = manager.client(context=context)
        self.client.start_channels(shell=True, iopub=True, stdin=False, hb=False, control=False)
        self.iopub, self.shell = self.client.iopub_channel.socket, self.client.shell_channel.socket
        self.poller = zmq.Poller()
        for source in (self.iopub, self.shell):
            self.poller.register(source, zmq.POLLIN)
        if isinstance(self.process, ForkedProcess):
            self.poller.register(self.process, zmq.POLLIN)
        self.kept_bytes = 0  # of outputs, all cells together

    @property
    def used(self) -> tuple[float, int]:
        """(CPU seconds, peak bytes of memory) of a forked kernel that has ended."""
        ended = getattr(self.process, "ended", None) or {}
        return float(ended.get("cpu", 0.0)), int(ended.get("peak", 0))

    def shake_hands(self) -> None:
        """Wait until messages of the kernel arrive. Raises KernelNotStarted."""
        deadline = time.monotonic() + self.limits.setup_seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            self.client.kernel_info()
            if self.iopub.poll(HANDSHAKE_SECONDS * 1000):
                return
        raise KernelNotStarted("no kernel could be started: it does not answer")

    def execute(self, source: str, ours: bool = False) -> Executed:
        """Run one cell. Raises Broken when the kernel cannot be used any more.

        ``ours``: the course's own code, which may take longer than a student's cell.
        """
        seconds = self.limits.setup_seconds if ours else self.limits.cell_seconds
        if isinstance(self.process, ForkedProcess):
            self.process.begin_cell()
        request = self.client.execute(source, allow_stdin=False, stop_on_error=False)
        try:
            return self._read(request, time.monotonic() + seconds, seconds)
        except (Broken, KernelNotStarted):
            raise
        except Exception as error:  # a message that no honest kernel sends
            raise Broken(f"your code sent odd messages ({type(error).__name__})") from None

    def _read(self, request: str, deadline: float, seconds: int) -> Executed:
        """Everything that answers a request, until the kernel is idle again."""
        executed = Executed()
        answered = idle = False
        while not (answered and idle):
            left = deadline - time.monotonic()
            ready = dict(self.poller.poll(max(0.0, left) * 1000))
            if self.iopub in ready:
                message = self._receive(self.iopub, executed)
                if message and message["parent_header"].get("msg_id") == request:
                    idle = self._take(message, executed) or idle
            elif self.shell in ready:
                message = self._receive(self.shell, executed)
                if message and message["parent_header"].get("msg_id") == request:
                    answered, executed.count = True, _count(message)
                    deadline = min(deadline, time.monotonic() + LAST_WORDS_SECONDS)
            elif ready or self.process.poll() is not None:
                self._explain_end()
            elif left <= 0:
                if answered:
                    raise Broken("your code sent more at once than a notebook can hold")
                raise Broken(f"stopped after {seconds} s: does a loop never end?")
        return executed

    def _receive(self, socket: zmq.Socket, executed: Executed) -> dict[str, Any] | None:
        """The next message, measured before it is parsed; None for one that is left out."""
        frames = socket.recv_multipart()
        _, parts = self.client.session.feed_identities(frames)
        size = sum(map(len, parts[:5]))
        executed.received += size + sum(map(len, parts[5:]))
        if size > self.limits.message_bytes:
            raise Broken(f"a cell sent more than {self.limits.message_bytes // MIB} MiB at once")
        if executed.received - len(executed.claims or b"") > self.limits.output_bytes:
            if len(parts) <= 5:  # claims come as a part of their own and have their own limit
                raise Broken(f"a cell printed more than {self.limits.output_bytes // MIB} MiB")
        return self.client.session.deserialize(parts)

    def _take(self, message: dict[str, Any], executed: Executed) -> bool:
        """Keep an output; True when the kernel says that it is idle."""
        kind, content = message["msg_type"], message["content"]
        if kind == "status":
            return content["execution_state"] == "idle"
        if kind == "clear_output":
            executed.clear_next = bool(content.get("wait"))
            if not executed.clear_next:
                _clear(executed)
        elif kind == "display_data" and CLAIMS_MIME in content["data"]:
            executed.claims = b"".join(map(bytes, message["buffers"]))
        elif kind in OUTPUTS:
            self._keep(kind, content, executed)
        return False

    def _keep(self, kind: str, content: dict[str, Any], executed: Executed) -> None:
        if executed.clear_next:
            _clear(executed)
        output = kept_output(kind, content, self.limits)
        last = executed.outputs[-1] if executed.outputs else None
        display = str((content.get("transient") or {}).get("display_id") or "")
        if output is None or self.kept_bytes > self.limits.notebook_output_bytes:
            return
        self.kept_bytes += len(str(output))
        if kind == "update_display_data":
            if display in executed.displays:
                executed.outputs[executed.displays[display]] = output
        elif kind == "stream" and last is not None and last.get("name") == output.name:
            append_text(last, output.text, self.limits)
        elif len(executed.outputs) < self.limits.displays:
            executed.displays[display] = len(executed.outputs)
            executed.outputs.append(output)

    def _explain_end(self) -> None:
        """The kernel's process has ended (or its server): say why."""
        status = self.process.wait()
        ended = getattr(self.process, "ended", None)
        if isinstance(self.process, ForkedProcess) and ended is None:
            raise KernelNotStarted(self.process.failed or "the fork server was lost")
        limits = self.limits
        raise Broken(
            {
                "memory": f"stopped: your code used more than {limits.memory_bytes // MIB} MiB",
                "cpu": f"stopped after {limits.cell_cpu_seconds} s of computing:"
                " does a loop never end?",
                "notebook cpu": f"stopped: the notebook computed for more than"
                f" {limits.notebook_cpu_seconds} s",
                "processes": f"stopped: your code started more than {limits.processes} processes",
            }.get((ended or {}).get("why", ""), _ended_itself(status))
        )


def _ended_itself(status: int) -> str:
    signal_name = f", signal {-status}" if status < 0 else ""
    return f"your code ended the Python process (exit, a crash or out of memory{signal_name})"


def _count(message: dict[str, Any]) -> int | None:
    count = message["content"].get("execution_count")
    return count if isinstance(count, int) else None


def _clear(executed: Executed) -> None:
    executed.outputs.clear()
    executed.displays.clear()
    executed.clear_next = False


@contextlib.contextmanager
def open_kernel(limits: Limits, sandboxed: bool) -> Iterator[Kernel]:
    """A fresh kernel in a private folder that disappears with it. Raises KernelNotStarted."""
    folder = _folder(sandboxed)
    manager = KernelManager(kernel_name="python3")
    use_warm_kernels(manager)
    manager.connection_file = str(folder / "connection.json")
    if os.name == "posix":  # sockets that no other user of the machine can reach
        manager.transport, manager.ip, manager.cache_ports = "ipc", str(folder / "k"), False
    context = zmq.Context()
    context.setsockopt(zmq.LINGER, 0)
    context.setsockopt(zmq.MAXMSGSIZE, limits.frame_bytes)
    try:
        yield _started(manager, folder, context, limits, sandboxed)
    finally:
        if not _end(manager) and sandboxed:
            fork_server(True).close()  # takes everything with it; the next kernel gets a new one
        context.destroy(linger=0)
        shutil.rmtree(folder, ignore_errors=True)


def _end(manager: KernelManager) -> bool:
    """End the kernel's process at once: there is nothing in it to save. False if it did not end."""
    process = manager.provisioner.process if manager.provisioner else None
    if process is not None:
        process.kill()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return False
    return True


def _folder(sandboxed: bool) -> Path:
    if not sandboxed:
        return Path(tempfile.mkdtemp(prefix=f"gradus-{os.getpid()}-"))
    try:
        return fork_server(True).kernel_folder()
    except OSError as error:
        raise KernelNotStarted(f"no kernel could be started: {error}") from error


def _started(
    manager: KernelManager, folder: Path, context: zmq.Context, limits: Limits, sandboxed: bool
) -> Kernel:
    jailed = {"jail": sandbox.jail(folder, limits)} if sandboxed else {}
    # Plain tracebacks name the same lines; IPython's own take 20 to 60 ms each to decorate.
    lean = ["--InteractiveShell.xmode=Plain", "--HistoryManager.enabled=False"]
    try:
        manager.start_kernel(
            env=_environment(folder), cwd=str(folder), extra_arguments=lean, **jailed
        )
    except (RuntimeError, OSError) as error:
        raise KernelNotStarted(f"no kernel could be started: {error}") from error
    kernel = Kernel(manager, context, limits)
    kernel.shake_hands()
    return kernel


def _environment(folder: Path) -> dict[str, str]:
    """A cleared environment: nothing of the grader's, homes inside the private folder."""
    kept = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "LD_LIBRARY_PATH", "GRADUS_DATA")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    homes = ("HOME", "USERPROFILE", "TMPDIR", "TEMP", "IPYTHONDIR", "JUPYTER_CONFIG_DIR")
    env |= {name: str(folder) for name in homes}
    return env | {
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "VIRTUAL_ENV": sys.prefix,
    }
