"""``make bench``: how fast and how large, side by side with plain nbgrader and with bare cells.

Everything is measured in one run with interleaved rounds, as whole processes, on the demo class of
the course's own chapters. CPU seconds are what the machine spent meanwhile (``/proc/stat``), memory
is the largest sum of proportional set sizes over all processes: measure on a quiet machine.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from pathlib import Path

import psutil

from autograder.chapter import CourseError, chapters
from autograder.demo import STUDENTS, make_class
from autograder.forkserver import PRELOADED
from autograder.sandbox import BUBBLEWRAP, NONE, why_not

CHAPTERS = ("01_tensors", "02_autograd")
PLAIN, CLASSES = 12, (12, 48, 200)  # submissions
MAIN = 48  # the class whose rate is compared: start-up costs have faded, as in a real class
ROW = "{:34} {:>5} {:>8} {:>9} {:>11} {:>9}"


@dataclass(frozen=True)
class Command:
    """A process to measure; those that belong ``together`` run at once."""

    arguments: list[str]
    folder: Path
    together: bool = False

    def start(self) -> subprocess.Popen:
        return subprocess.Popen(
            self.arguments, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )


@dataclass(frozen=True)
class Figures:
    """Of one run: submissions, wall-clock seconds, CPU seconds, peak memory in bytes."""

    submissions: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int

    @property
    def per_minute(self) -> float:
        return 60 * self.submissions / self.seconds


def bench(course: Path, names: list[str], rounds: int, jobs: int) -> float:
    """Print the table; the ratio of our rate to plain nbgrader's. Raises CourseError."""
    names = names or [name for name in CHAPTERS if name in chapters(course)]
    sandbox = NONE if why_not() else BUBBLEWRAP
    with tempfile.TemporaryDirectory(prefix="gradus-bench-") as folder:
        return _Bench(course, names, Path(folder), sandbox, jobs).run(rounds)


class _Bench:
    def __init__(self, course: Path, names: list[str], folder: Path, sandbox: str, jobs: int):
        self.course, self.names, self.folder = course, names, folder
        self.sandbox, self.jobs = sandbox, jobs
        self.runs: dict[tuple[str, int], list[Figures]] = {}
        make_class(course, folder / "pattern", names)

    def run(self, rounds: int) -> float:
        plain, floor = "plain nbgrader autograde", f"bare cells, {self.jobs} processes"
        ours = f"gradus, sandbox {self.sandbox}, {self.jobs} jobs"
        print(ROW.format("", "n", "seconds", "per min", "CPU s each", "peak MiB"), flush=True)
        for _ in range(rounds):
            self.measure(plain, PLAIN, self.nbgrader(PLAIN))
            for size in CLASSES[:2]:
                self.measure(ours, size, self.gradus(size, self.jobs))
            self.measure(floor, MAIN, self.bare(MAIN))
        for size in CLASSES[2:]:
            self.measure(ours, size, self.gradus(size, self.jobs))
        for jobs in (1, 2, 4):
            self.measure(f"gradus, {jobs} jobs", MAIN, self.gradus(MAIN, jobs))
        print("medians:")
        for name, size in self.runs:
            self.show(name, self.median(name, size))
        ratio = self.median(ours, MAIN).per_minute / self.median(plain, PLAIN).per_minute
        print(f"ratio to nbgrader: {ratio:.1f}")
        return ratio

    def measure(self, name: str, size: int, commands: list[Command]) -> None:
        figures = _measured(commands, size)
        self.runs.setdefault((name, size), []).append(figures)
        self.show(name, figures)

    def median(self, name: str, size: int) -> Figures:
        runs = self.runs[name, size]
        middle = [
            statistics.median(getattr(f, key) for f in runs)
            for key in ("seconds", "cpu_seconds", "peak_bytes")
        ]
        return Figures(size, middle[0], middle[1], int(middle[2]))

    def show(self, name: str, f: Figures) -> None:
        cells = (f"{f.seconds:.1f}", f"{f.per_minute:.1f}", f"{f.cpu_seconds / f.submissions:.2f}")
        print(ROW.format(name, f.submissions, *cells, f.peak_bytes >> 20), flush=True)

    def make_class(self, size: int) -> Path:
        """A new class of ``size`` submissions: the demo students, again and again."""
        root = self.folder / f"class-{time.monotonic_ns()}"
        for index in range(size // len(self.names)):
            student = STUDENTS[index % len(STUDENTS)]
            source = self.folder / "pattern" / "submitted" / student
            shutil.copytree(source, root / "submitted" / f"{student}-{index:03d}")
        return root

    def gradus(self, size: int, jobs: int) -> list[Command]:
        root = self.make_class(size)
        arguments = ["--root", str(root), "--jobs", str(jobs), "--sandbox", self.sandbox]
        command = [sys.executable, "-m", "autograder", "--course", str(self.course), "grade"]
        return [Command([*command, *self.names, *arguments], root)]

    def nbgrader(self, size: int) -> list[Command]:
        root = self.make_class(size)
        shutil.copy(self.course / "nbgrader_config.py", root)
        for name in self.names:
            notebook = chapters(self.course)[name].notebook_name
            (root / "solutions" / name).mkdir(parents=True)
            shutil.copy(self.course / "solutions" / name / notebook, root / "solutions" / name)
            _finish(self.command(root, "generate_assignment", name).start())
        return [self.command(root, "autograde", name) for name in self.names]

    def command(self, root: Path, *arguments: str) -> Command:
        """A command of nbgrader for a class."""
        return Command([sys.executable, "-m", "nbgrader", *arguments], root)

    def bare(self, size: int) -> list[Command]:
        root = self.make_class(size)
        files = sorted(map(str, (root / "submitted").glob("*/*/*.ipynb")))
        shares = [files[index :: self.jobs] for index in range(self.jobs)]
        script = "from autograder.bench import run_bare_cells as run; run()"
        start = [sys.executable, "-c", script, str(self.course)]
        return [Command([*start, *share], root, together=True) for share in shares]


def run_bare_cells() -> None:
    """The floor: the same cells without Jupyter, judge or walls, each submission in a fork."""
    import matplotlib
    import torch

    from autograder.intake import parse
    from autograder.rebuild import rebuild
    from autograder.release import release

    for name in PRELOADED:  # what every kernel has loaded, too
        import_module(name)
    matplotlib.use("agg")
    torch.set_num_threads(1)
    known = chapters(Path(sys.argv[1]))
    released = {name: release(chapter.notebook) for name, chapter in known.items()}
    for path in map(Path, sys.argv[2:]):
        if (child := os.fork()) == 0:
            chapter = known[path.parent.name]
            notebook = rebuild(released[chapter.name], parse(path.read_bytes())).notebook
            tests = {
                key: c.source for e in chapter.exercises.values() for key, c in e.tests.items()
            }
            _execute(
                [
                    tests.get(c.id, c.source)
                    for c in notebook.cells
                    if c.cell_type == "code" and "demo" not in c.metadata.get("tags", [])
                ]
            )
            os._exit(0)
        os.waitpid(child, 0)


def _execute(cells: list[str]) -> None:
    namespace = {"__name__": "__main__"}
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for text in cells:
        try:
            exec(compile(text, "<cell>", "exec"), namespace)
        except BaseException:
            continue  # wrong answers are part of a class


def _finish(process: subprocess.Popen) -> None:
    _, said = process.communicate()
    if process.returncode:
        raise CourseError(f"{' '.join(process.args[:4])}: {said.decode()[-500:].strip()}")


def _measured(commands: list[Command], submissions: int) -> Figures:
    """Run commands, one after another or all at once; what they used."""
    peak, stop = [0], threading.Event()
    watcher = threading.Thread(target=_watch, args=(peak, stop))
    watcher.start()
    cpu, started = _machine_cpu(), time.monotonic()
    try:
        at_once = [command.start() for command in commands if command.together]
        one_by_one = (command.start() for command in commands if not command.together)
        for process in chain(at_once, one_by_one):
            _finish(process)
    finally:
        stop.set()
        watcher.join()
    seconds, cpu = time.monotonic() - started, _machine_cpu() - cpu
    return Figures(submissions, seconds, cpu, peak[0])


def _machine_cpu() -> float:
    times = psutil.cpu_times()
    return times.user + times.system + times.nice


def _watch(peak: list[int], stop: threading.Event) -> None:
    """Keep the largest sum of memory over all descendants."""
    me = psutil.Process()
    while not stop.wait(1.0):
        total = 0
        for child in me.children(recursive=True):
            try:
                total += child.memory_full_info().pss
            except (psutil.Error, OSError):
                continue
        peak[0] = max(peak[0], total)
