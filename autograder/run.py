"""Step 3: run the student's code in a Jupyter kernel, and bring back claims.

Theory of operation. One kernel holds the student's code and nothing of the course but the released
cells, ``gradus`` and what Arrange hands over. The setup cells run first, then in notebook order the
answers, the added cells and the Act of every visible check; the Acts of hidden tests run last, when
every output that the student will see is complete. Around each Act two lines of ``gradus.crossing``
carry the inputs in and the claims out. Nothing that comes out is believed: claims are bytes that
only the judge reads, outputs are text for the feedback.

A cell that outlives its limit or kills the kernel costs its own exercise: the kernel is replaced,
the cells are run again without that exercise, and no Act that has succeeded is run twice. Memory
that is used up and never given back would cost the next exercise: such a kernel is replaced too.
"""

from __future__ import annotations

import base64
import builtins
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from nbformat import NotebookNode

from autograder.boundary import TestCell
from autograder.chapter import grade_id_of, tags
from autograder.kernel import Broken, Kernel, KernelNotStarted, open_kernel
from autograder.limits import LIMITS, Limits
from autograder.rebuild import ADDED
from autograder.verdict import REPLACED

CROSSING = "__import__('gradus.crossing', fromlist=['crossing'])"
NO_MEMORY = ("MemoryError", "_ArrayMemoryError", "can't allocate memory")
LIBRARY_ERRORS = (
    "LinAlgError",
    "_LinAlgError",
    "OutOfMemoryError",
    "AxisError",
    "JSONDecodeError",
    "UnpicklingError",
)
_FRAME = re.compile(r"In\s*\[(\d{1,6})\], line (\d{1,6})")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class _Starved(Exception):
    """The kernel may have no memory left for the next exercise, which is not to blame for that."""


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


NOTHING = Claim(error="nothing came back from your code")


@dataclass
class Run:
    """All claims of a submission by grade id; outputs are left in the notebook's cells."""

    claims: dict[str, Claim] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    cpu_seconds: float = 0.0
    peak_bytes: int = 0


def run(
    notebook: NotebookNode,
    probes: dict[str, Probe],
    limits: Limits = LIMITS,
    sandboxed: bool = False,
    files: dict[str, bytes] | None = None,
) -> Run:
    """Run a rebuilt notebook; ``probes``: the tests by grade id (a test without one is skipped).

    ``files``: what was handed in beside the notebook, for the work folder.
    Outputs are put into the cells of ``notebook``. Never raises for what student code does; raises
    KernelNotStarted when the machine cannot start a kernel at all.
    """
    return _Runner(notebook, probes, limits, sandboxed, files or {}).run()


class _Runner:
    def __init__(
        self,
        notebook: NotebookNode,
        probes: dict[str, Probe],
        limits: Limits,
        sandboxed: bool,
        files: dict[str, bytes],
    ) -> None:
        self.notebook, self.probes, self.limits = notebook, probes, limits
        self.sandboxed, self.files = sandboxed, files
        self.result = Run()
        self.broken: dict[str, str] = {}  # exercise or added cell → what it did to the kernel
        self.deadline = time.monotonic() + limits.notebook_seconds
        self.written: dict[int, str] = {}  # execution count → text of a student's cell
        self.unwritten: set[str] = set()  # exercises whose answer cell still raises the stub

    def run(self) -> Run:
        starts = 0
        while True:
            kernel: Kernel | None = None
            try:
                with open_kernel(self.limits, self.sandboxed) as kernel:
                    self.run_cells(kernel)
                return self.result
            except (Broken, _Starved):
                continue  # a culprit or an Act more is behind us, so every round is shorter
            except KernelNotStarted:
                starts += 1
                if starts == self.limits.kernel_starts:
                    raise
            finally:
                cpu, peak = kernel.used if kernel else (0.0, 0)
                self.result.cpu_seconds += cpu
                self.result.peak_bytes = max(self.result.peak_bytes, peak)

    def run_cells(self, kernel: Kernel) -> None:
        remembered = False
        for cell in self.plan():
            if not remembered and "setup" not in tags(cell):
                self.ask(kernel, f"{CROSSING}.remember({self.files!r})", ours=True)
                remembered = True
            self.step(kernel, cell)
        replaced = self.ask(kernel, f"{CROSSING}.replaced()")
        if replaced is None:
            self.flag("it could not be asked what was replaced while it ran")
        elif replaced:
            self.flag(f"{REPLACED}: {replaced[:300].decode('utf-8', 'replace')}")

    def ask(self, kernel: Kernel, question: str, ours: bool = False) -> bytes | None:
        """Run a line of our own; what it ships. A kernel that breaks in it breaks for nobody.

        ``ours``: no line of the student's has run yet, so the kernel cannot keep us waiting.
        """
        try:
            return kernel.execute(question, ours=ours).claims
        except Broken as broken:
            self.flag(str(broken))
            return None

    def flag(self, text: str) -> None:
        if text not in self.result.flags:
            self.result.flags.append(text)

    def plan(self) -> Iterator[NotebookNode]:
        """Cells in the order in which they run; those of broken exercises are left out."""
        code = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        setup = [c for c in code if "setup" in tags(c)]
        wanted = {_owner(c) for c in code if c.id in self.probes}
        answers = [c for c in code if _is_answer(c) and _owner(c) in wanted]
        rest = [c for c in code if c.id in self.probes or c in answers or ADDED in tags(c)]
        hidden = [c for c in rest if c.id in self.probes and "-hidden" in c.id]
        for cell in [*setup, *(c for c in rest if c not in hidden), *hidden]:
            if _owner(cell) in self.broken:
                why = self.broken[_owner(cell)]
                if cell.id in self.probes and cell.id not in self.result.claims:
                    self.result.claims[cell.id] = Claim(error=why)
            elif cell.id not in self.result.claims:
                yield cell

    def step(self, kernel: Kernel, cell: NotebookNode) -> None:
        if time.monotonic() > self.deadline:
            self.give_up(cell)
            return
        try:
            if cell.id in self.probes:
                self.result.claims[cell.id] = self.act(kernel, cell)
                if _no_memory(cell.outputs) or self.result.claims[cell.id] == NOTHING:
                    raise _Starved
            else:
                done = kernel.execute(cell.source, ours="setup" in tags(cell))
                cell.outputs, cell.execution_count = done.outputs, done.count
                self.written[done.count or 0] = cell.source
                if any(o.get("ename") == "NotImplementedError" for o in cell.outputs):
                    self.unwritten.add(_owner(cell))
                if _no_memory(cell.outputs) and self.starved(kernel):
                    raise Broken("your code used up the memory and did not give it back")
        except Broken as broken:
            self.broken[_owner(cell)] = str(broken)
            self.flag(f"{_owner(cell)}: {broken}")
            if cell.id in self.probes:
                self.result.claims[cell.id] = Claim(error=str(broken))
            raise

    def starved(self, kernel: Kernel) -> bool:
        """Whether a quarter of the memory cannot be had any more."""
        try:
            tried = kernel.execute(f"bytes({self.limits.memory_bytes // 4}) and None")
        except Broken:
            return True
        return any(output.output_type == "error" for output in tried.outputs)

    def give_up(self, cell: NotebookNode) -> None:
        why = f"not run: the notebook took longer than {self.limits.notebook_seconds} s"
        self.flag(why)
        if cell.id in self.probes:
            self.result.claims[cell.id] = Claim(error=why)

    def act(self, kernel: Kernel, cell: NotebookNode) -> Claim:
        """Hand over the inputs, run Act, bring back the claims: one request to the kernel."""
        probe = self.probes[cell.id]
        inputs = base64.b64encode(probe.inputs).decode()
        receive = f"{CROSSING}.receive(globals(), {inputs!r})"
        ship = f"{CROSSING}.ship(globals(), {probe.cell.shipped!r})"
        done = kernel.execute(f"{receive}\n{probe.cell.act.text}\n{ship}")
        cell.execution_count, cell.outputs = done.count, done.outputs
        failure = next((o for o in cell.outputs if o.output_type == "error"), None)
        if failure is not None:
            return self.failed_act(failure, _owner(cell))
        if done.claims is None:
            return NOTHING
        return Claim(data=done.claims)

    def failed_act(self, failure: NotebookNode, exercise: str) -> Claim:
        """The claim of an Act that raised: the exception's type, and the student's own line."""
        name, text = str(failure.ename)[:100], str(failure.evalue)[:2000]
        unwritten = name == "NotImplementedError" and text.startswith("Your turn")
        if unwritten or (name == "NameError" and exercise in self.unwritten):
            return Claim(error="not written yet: replace the line that raises NotImplementedError")
        name = self.plain_name(name)
        where = self.students_line("\n".join(failure.traceback))
        return Claim(error=f"your code raised {name}{where}", values=f"  {name}: {text}")

    def plain_name(self, name: str) -> str:
        """An exception's name, if Python, a library or the student's own text has it.

        A name made while the Act of a hidden test runs could be the text of that test.
        """
        own = name.isidentifier() and re.compile(rf"\b{name}\b")
        known = hasattr(builtins, name) or name in LIBRARY_ERRORS
        if known or (own and any(own.search(text) for text in self.written.values())):
            return name
        return "an error of an unknown type"

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


def _no_memory(outputs: list[NotebookNode]) -> bool:
    errors = [f"{o.ename}: {o.evalue}" for o in outputs if o.output_type == "error"]
    return any(sign in error for sign in NO_MEMORY for error in errors)


def _owner(cell: NotebookNode) -> str:
    """The exercise that pays for what this cell does: an added cell pays for itself."""
    grade_id = grade_id_of(cell)
    return grade_id.exercise if grade_id else cell.id
