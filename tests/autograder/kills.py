"""A class, a grader in a process group of its own, and what must be equal after it was killed."""

from __future__ import annotations

import contextlib
import copy
import ctypes
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from nbgrader.api import Gradebook

from tests.autograder.conftest import COURSE, fill, hand_in

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
MEASURED = ("seconds", "cpu_seconds", "peak_bytes", "received")  # differ from run to run
ANSWERS = {
    "ada": "def double(x): return x + x",
    "alan": "def double(x): return x * x",
    "emmy": "import time\ntime.sleep(1)\ndef double(x): return 2 * x",
    "kurt": "import os\nos._exit(0)",
    "rosa": "print('rosa')\ndef double(x): return [2 * v for v in x.tolist()]",
}


def hand_in_class(root: Path, starter: dict, solved: dict) -> None:
    """Seven submissions of every kind: right, wrong, empty, slow, dying, no notebook."""
    for student, text in ANSWERS.items():
        hand_in(root, student, fill(copy.deepcopy(solved), {"ex-0-1": text}))
    hand_in(root, "lise", starter)
    hand_in(root, "garbled", b"{")


@dataclass
class Grader:
    """A grader of a class, with a folder of its own for temporary files."""

    root: Path
    sandbox: str = "none"
    jobs: int = 2

    def start(self) -> subprocess.Popen:
        """In a session of its own, so that its whole process group can be killed."""
        self.temporary.mkdir(exist_ok=True)
        options = ["--sandbox", self.sandbox, "--jobs", str(self.jobs), "--json", str(self.summary)]
        command = [sys.executable, "-m", "autograder", "--course", str(COURSE), "grade"]
        return subprocess.Popen(
            [*command, "--root", str(self.root), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": str(self.temporary)},
            start_new_session=True,
        )

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def summary(self) -> Path:
        return self.root / "summary.json"

    def run(self) -> tuple[int, str]:
        """Undisturbed, to the end: exit code, what it said on stderr."""
        process = self.start()
        _, error = process.communicate(timeout=300)
        return process.returncode, error

    def kill(self, seconds: float, at_work: bool) -> None:
        """SIGKILL to the whole group so long after the start, or after the first verdict.

        Fails where something goes on running.
        """
        with orphans_come_here():
            process = self.start()
            if at_work:
                process.stdout.readline()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=60)

    def records(self) -> dict[str, str]:
        """The ledger's text by student: with its seconds it is another one after each grading."""
        database = self.root / "gradebook.db"
        if not database.is_file():
            return {}
        with contextlib.closing(sqlite3.connect(database)) as connection:
            try:
                return dict(connection.execute("SELECT student, record FROM gradus_verdict"))
            except sqlite3.OperationalError:  # killed before there was a ledger
                return {}

    def pages(self) -> dict[str, int]:
        """When each feedback page was written, in ns, by student."""
        pages = (self.root / "feedback").glob("*/*/*.html")
        return {page.parts[-3]: page.stat().st_mtime_ns for page in pages}

    def leftovers(self) -> list[str]:
        return [path.name for path in self.temporary.glob("gradus-*")]

    def result(self) -> dict[str, object]:
        """All that an interrupted run must end with, too."""
        found: dict[str, object] = {"summary": json.loads(self.summary.read_text())}
        for verdict in found["summary"]["submissions"]:
            for name in MEASURED:
                del verdict[name]
        for step in ("feedback", "autograded"):
            files = [path for path in (self.root / step).rglob("*") if path.is_file()]
            found |= {str(f.relative_to(self.root)): f.read_bytes() for f in files}
        with Gradebook(f"sqlite:///{self.root / 'gradebook.db'}") as book:
            for submission in book.find_assignment("00_tiny").submissions:
                for notebook in submission.notebooks:
                    for grade in notebook.grades:
                        found[f"{submission.student.id} {grade.cell.name}"] = _plain(grade)
                    for comment in notebook.comments:
                        key = f"{submission.student.id} comment {comment.cell.name}"
                        found[key] = (comment.auto_comment, comment.manual_comment)
        return found


def _plain(grade) -> tuple:
    scores = (grade.auto_score, grade.manual_score, grade.extra_credit, grade.max_score)
    return *scores, grade.needs_manual_grade


@contextlib.contextmanager
def orphans_come_here() -> Iterator[None]:
    """Every process that is started here, or by one that was, has ended soon after.

    Orphans become children of this process meanwhile, in whatever session they hide.
    """
    before = {child.pid for child in psutil.Process().children()}
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
        deadline = time.monotonic() + 30
        while left := [c for c in psutil.Process().children() if c.pid not in before]:
            for child in left:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(child.pid, os.WNOHANG)
            assert time.monotonic() < deadline, f"still running: {[c.cmdline() for c in left]}"
            time.sleep(0.05)
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, 0)


@contextlib.contextmanager
def class_folder() -> Iterator[Path]:
    """A folder with a short path: sockets have 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="gk"))
    try:
        yield path
    finally:
        shutil.rmtree(path)
