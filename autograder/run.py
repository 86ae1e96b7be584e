"""Step 3: run the student's code in a Jupyter kernel, and bring back claims.

Theory of operation. One kernel holds the student's code and nothing of the course but the released
cells, ``gradus`` and what Arrange hands over. The setup cells run first, then in notebook order the
answers, the added cells and the Act of every visible check; the Acts of hidden tests run last, when
every output that the student will see is complete. Around each Act two lines of ``gradus.crossing``
carry the inputs in and the claims out. Nothing that comes out is believed: claims are bytes that
only the judge reads, outputs are text for the feedback.

A cell that outlives its limit or kills the kernel costs its own exercise: the kernel is replaced,
the cells are run again without that exercise, and no Act that has succeeded is run twice.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from autograder.boundary import TestCell
from autograder.chapter import grade_id_of, tags
from autograder.limits import LIMITS, Limits
from autograder.outputs import kept_outputs
from autograder.rebuild import ADDED
from autograder.warm import use_warm_kernels

CLAIMS_MIME = "application/x-gradus-claims"  # gradus.crossing.MIME, not imported: torch is slow
_FRAME = re.compile(r"In\s*\[(\d{1,6})\], line (\d{1,6})")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Probe:
    """One test to run: its split cell and the inputs that Arrange made for it."""

    cell: TestCell
    inputs: bytes


@dataclass(frozen=True)
class Claim:
    """What an Act brought out: bytes for the judge, or why there are none.

    ``error`` names an exception's type and the student's own line, ``values`` its text.
    """

    data: bytes = b""
    error: str = ""
    values: str = ""


@dataclass
class Run:
    """All claims of a submission by grade id; outputs are left in the notebook's cells."""

    claims: dict[str, Claim] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)


class KernelNotStarted(Exception):
    """No kernel came up in time: the machine's fault, never the student's."""


class _Broken(Exception):
    """The kernel has to be replaced; the message says what happened, for the student."""


def run(notebook: NotebookNode, probes: dict[str, Probe], limits: Limits = LIMITS) -> Run:
    """Run a rebuilt notebook; ``probes``: the tests by grade id (a test without one is skipped).

    Outputs are put into the cells of ``notebook``. Never raises for what student code does; raises
    KernelNotStarted when the machine cannot start a kernel at all.
    """
    return _Runner(notebook, probes, limits).run()


class _Runner:
    def __init__(self, notebook: NotebookNode, probes: dict[str, Probe], limits: Limits) -> None:
        self.notebook, self.probes, self.limits = notebook, probes, limits
        self.result = Run()
        self.broken: dict[str, str] = {}  # exercise or added cell → what it did to the kernel
        self.deadline = time.monotonic() + limits.notebook_seconds
        self.written: dict[int, str] = {}  # execution count → text of a student's cell
        self.unwritten: set[str] = set()  # exercises whose answer cell still raises the stub

    def run(self) -> Run:
        starts = 0
        while True:
            try:
                with _kernel(self.limits) as kernel:
                    for cell in self.plan():
                        self.step(kernel, cell)
                return self.result
            except _Broken:
                continue  # the culprit is in self.broken now, so every round is shorter
            except KernelNotStarted:
                starts += 1
                if starts == self.limits.kernel_starts:
                    raise

    def plan(self) -> Iterator[NotebookNode]:
        """Cells in the order in which they run; those of broken exercises are left out."""
        code = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        setup = [c for c in code if "setup" in tags(c)]
        rest = [c for c in code if c.id in self.probes or _is_answer(c) or ADDED in tags(c)]
        hidden = [c for c in rest if c.id in self.probes and "-hidden" in c.id]
        for cell in [*setup, *(c for c in rest if c not in hidden), *hidden]:
            if _owner(cell) in self.broken:
                why = self.broken[_owner(cell)]
                if cell.id in self.probes and cell.id not in self.result.claims:
                    self.result.claims[cell.id] = Claim(error=why)
            elif cell.id not in self.result.claims:
                yield cell

    def step(self, kernel: _Kernel, cell: NotebookNode) -> None:
        if time.monotonic() > self.deadline:
            self.give_up(cell)
            return
        try:
            if cell.id in self.probes:
                self.result.claims[cell.id] = self.act(kernel, cell)
            else:
                count, outputs = kernel.execute(cell.source, ours="setup" in tags(cell))
                cell.outputs = kept_outputs(outputs, self.limits)
                cell.execution_count = count
                self.written[count or 0] = cell.source
                if any(o.get("ename") == "NotImplementedError" for o in cell.outputs):
                    self.unwritten.add(_owner(cell))
        except _Broken as broken:
            self.broken[_owner(cell)] = str(broken)
            self.result.flags.append(f"{_owner(cell)}: {broken}")
            if cell.id in self.probes:
                self.result.claims[cell.id] = Claim(error=str(broken))
            raise

    def give_up(self, cell: NotebookNode) -> None:
        why = f"not run: the notebook took longer than {self.limits.notebook_seconds} s"
        if why not in self.result.flags:
            self.result.flags.append(why)
        if cell.id in self.probes:
            self.result.claims[cell.id] = Claim(error=why)

    def act(self, kernel: _Kernel, cell: NotebookNode) -> Claim:
        probe = self.probes[cell.id]
        inputs = base64.b64encode(probe.inputs).decode()
        receive = f"import gradus.crossing\ngradus.crossing.receive(globals(), {inputs!r})"
        kernel.execute(receive, ours=True)
        count, outputs = kernel.execute(probe.cell.act.text)
        cell.execution_count, cell.outputs = count, kept_outputs(outputs, self.limits)
        failure = next((o for o in cell.outputs if o.output_type == "error"), None)
        if failure is not None:
            return self.failed_act(failure, _owner(cell))
        ship = f"gradus.crossing.ship(globals(), {probe.cell.shipped!r})"
        _, outputs = kernel.execute(ship, ours=True)
        for output in reversed(outputs):
            if CLAIMS_MIME in output.get("data", {}):
                return _claim(output.data[CLAIMS_MIME])
        return Claim(error="nothing came back from your code")

    def failed_act(self, failure: NotebookNode, exercise: str) -> Claim:
        """The claim of an Act that raised: the exception's type, and the student's own line."""
        name, text = str(failure.ename)[:100], str(failure.evalue)[:2000]
        unwritten = name == "NotImplementedError" and text.startswith("Your turn")
        if unwritten or (name == "NameError" and exercise in self.unwritten):
            return Claim(error="not written yet: replace the line that raises NotImplementedError")
        where = self.students_line("\n".join(failure.traceback))
        return Claim(error=f"your code raised {name}{where}", values=f"  {name}: {text}")

    def students_line(self, traceback: str) -> str:
        """The innermost frame that lies in an answer or an added cell, as " in the line `…`"."""
        for count, line in reversed(_FRAME.findall(_ANSI.sub("", traceback))):
            lines = self.written.get(int(count), "").splitlines()
            if 0 < int(line) <= len(lines):
                return f" in the line `{lines[int(line) - 1].strip()[:120]}`"
        return ""


def _is_answer(cell: NotebookNode) -> bool:
    grade_id = grade_id_of(cell)
    return grade_id is not None and grade_id.role == "answer"


def _owner(cell: NotebookNode) -> str:
    """The exercise that pays for what this cell does: an added cell pays for itself."""
    grade_id = grade_id_of(cell)
    return grade_id.exercise if grade_id else cell.id


def _claim(data: object) -> Claim:
    try:
        return Claim(data=base64.b64decode(data, validate=True))
    except (TypeError, ValueError):
        return Claim(error="what came back from your code could not be read")


class _Kernel:
    """A running kernel that executes one text after another."""

    def __init__(self, client: NotebookClient, limits: Limits) -> None:
        self.client, self.limits = client, limits

    def execute(self, source: str, ours: bool = False) -> tuple[int | None, list[NotebookNode]]:
        """(execution count, outputs). Raises _Broken when the kernel cannot be used any more.

        ``ours``: the course's own code, which may take longer than a student's cell.
        """
        cell = nbformat.v4.new_code_cell(source)
        seconds = self.limits.setup_seconds if ours else self.limits.cell_seconds
        self.client.timeout = seconds
        self.client.nb.cells = [cell]  # where nbclient looks for displays that are updated
        self.client._display_id_map.clear()
        try:
            self.client.execute_cell(cell, 0)
        except CellTimeoutError:
            raise _Broken(f"stopped after {seconds} s: does a loop never end?") from None
        except DeadKernelError:
            raise _Broken("your code ended the Python process (exit, or out of memory)") from None
        except Exception as error:  # nbclient trusts a kernel's messages; we do not
            raise _Broken(f"your code sent odd messages ({type(error).__name__})") from None
        count = cell.execution_count if isinstance(cell.execution_count, int) else None
        return count, cell.outputs


@contextlib.contextmanager
def _kernel(limits: Limits) -> Iterator[_Kernel]:
    """A fresh kernel in a private folder that disappears with it."""
    folder = Path(tempfile.mkdtemp(prefix="gradus-"))
    manager = AsyncKernelManager(kernel_name="python3")
    use_warm_kernels(manager)
    if os.name == "posix":  # sockets that no other user of the machine can reach
        manager.transport, manager.ip, manager.cache_ports = "ipc", str(folder / "k"), False
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("")]),
        km=manager,
        timeout=limits.cell_seconds,
        allow_errors=True,
        record_timing=False,
        raise_on_iopub_timeout=False,
        startup_timeout=limits.setup_seconds,
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        started = client.setup_kernel(
            env=_environment(folder),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cleanup_kc=True,  # nbclient ends a kernel whose manager it was given only when told
        )
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(started)
            except RuntimeError as error:  # jupyter_client: not ready, or died before it was
                raise KernelNotStarted(f"no kernel could be started: {error}") from error
            yield _Kernel(client, limits)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
