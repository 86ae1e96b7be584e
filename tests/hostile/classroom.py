"""A small course with tight limits and canaries, and a class of honest and hostile students."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import nbformat

from autograder.chapter import chapters
from autograder.release import release
from tests.autograder.conftest import COURSE, fill, hand_in
from tests.hostile.registry import CHAPTER, NOTEBOOK, Desk, Hostile

REPOSITORY = Path(__file__).parents[2]
MIB = 2**20
# Tight, so that attacks which use up a limit are over soon; honest work needs a tenth.
LIMITS = {
    "cell_seconds": 3,
    "cell_cpu_seconds": 2,
    "notebook_seconds": 40,
    "notebook_cpu_seconds": 20,
    "setup_seconds": 15,
    "memory_bytes": 512 * MIB,
    "processes": 64,
    "disk_bytes": 64 * MIB,
    "disk_files": 3000,
    "file_bytes": 32 * MIB,
    "message_bytes": 2 * MIB,
    "output_bytes": 4 * MIB,
    "notebook_output_bytes": 8 * MIB,
}
# Texts that no student may meet, and no output of a student's process may hold.
CANARIES = {
    "solution": "canary-solution-91c2",
    "reference": "canary-7f3a-reference",
    "arrange": "canary-arrange-51aa",
    "assert": "canary-assert-77be",
    "environment": "canary-environment-3d0e",
    "file": "canary-file-c88f",
    "neighbour": "canary-neighbour-6b1d",
}
ACT_CANARY = "canary-act-2e94"  # the student's process meets it; feedback must not hold it
VARIABLE = "GRADUS_TEST_CANARY"


def course_with_canaries(target: Path) -> Path:
    """A copy of the tiny course with these limits and canaries, its release untouched."""
    shutil.copytree(COURSE, target)
    source = target / "solutions" / CHAPTER / "tiny.py"
    lines = "".join(f"#       {name}: {value}\n" for name, value in LIMITS.items())
    text = source.read_text()
    for old, new in {
        "# jupyter:\n": f"# jupyter:\n#   gradus:\n#     limits:\n{lines}",
        "    return 2 * x\n": f"    # {CANARIES['solution']}\n    return 2 * x\n",
        "true = trusted_double": f"secret = '{CANARIES['arrange']}'\ntrue = trusted_double",
        "result = double(numbers)\n": f"result = double(numbers)  # {ACT_CANARY}\n",
        "check.unchanged(": f"# {CANARIES['assert']}\ncheck.unchanged(",
    }.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    source.write_text(text)
    return target


DOUBLES = {
    "def double(x):\n    return 2 * x": 3,
    "def double(x):\n    return x + x": 3,
    "def double(x):\n    x *= 2\n    return x": 1,
    "def double(x):\n    return x * x": 0,
    "": 0,
}
COUNTS = {
    "def count(x):\n    if torch.is_tensor(x): return x.numel()\n    raise TypeError(x)": 2,
    "def count(x):\n    return x.numel()": 1,
    "def count(x):\n    return len(x)": 0,
    "": 0,
}
CHOICES = {"predict_0_1 = 'a'": 1, "predict_0_1 = 'b'": 0, "": 0}


def honest_students(starter: dict) -> dict[str, tuple[dict, int]]:
    """Twenty notebooks and their marks, by student: solved, untouched, and mixtures."""
    every = list(product(DOUBLES.items(), COUNTS.items(), CHOICES.items()))
    chosen = [every[0], every[-1], *every[1:-1:3]][:20]
    found = {}
    for number, parts in enumerate(chosen):
        texts = dict(zip(("ex-0-1", "ex-0-2", "predict-0-1"), (t for t, _ in parts), strict=True))
        if number == 0:
            texts["ex-0-1"] = f"# {CANARIES['neighbour']}\n{texts['ex-0-1']}"
        notebook = fill(json.loads(json.dumps(starter)), {k: t for k, t in texts.items() if t})
        found[f"honest-{number:02}"] = (notebook, sum(points for _, points in parts))
    return found


@dataclass
class Place:
    """Where a run takes place: everything below one folder."""

    base: Path

    def __post_init__(self) -> None:
        self.root, self.home = self.base / "class", self.base / "home"
        self.temporary, self.data = self.base / "tmp", self.base / "data"
        for folder in (self.root, self.home, self.temporary, self.data):
            folder.mkdir()
        (self.home / "canary").write_text(CANARIES["file"])
        self.course = course_with_canaries(self.base / "course")

    def settings(self) -> dict[str, str]:
        """Environment of the run; ``GRADUS_DATA`` marks its processes, down to the kernels."""
        return {
            "TMPDIR": str(self.temporary),
            "GRADUS_DATA": str(self.data),
            VARIABLE: CANARIES["environment"],
        }

    def hand_in(self, hostile: Iterable[Hostile], port: int = 9, abstract: str = "NULx") -> dict:
        """Put everybody's work into the class; the honest students' marks by name."""
        chapter = chapters(self.course)[CHAPTER]
        starter = json.loads(nbformat.writes(release(chapter.notebook)))
        answers = {k: c.source for e in chapter.exercises.values() for k, c in e.answers.items()}
        answers["ex-0-1"] = answers["ex-0-1"].replace(CANARIES["solution"], "twice")
        places = {
            "ROOT": str(self.root),
            "COURSE": str(self.course),
            "HOME": str(self.home),
            "REPOSITORY": str(REPOSITORY),
            "PORT": str(port),
            "ABSTRACT": abstract,
        }
        for one in hostile:
            folder = self.root / "submitted" / one.name / CHAPTER
            folder.mkdir(parents=True)
            one.make(Desk(folder, places, starter, answers))
        honest = honest_students(starter)
        for student, (notebook, _) in honest.items():
            hand_in(self.root, student, notebook)
        return {student: points for student, (_, points) in honest.items()}

    def outputs(self, student: str) -> list[dict]:
        """All that a student's cells put out, as the grader kept it."""
        path = self.root / "autograded" / student / CHAPTER / NOTEBOOK
        if not path.is_file():
            return []
        notebook = json.loads(path.read_text())
        return [output for cell in notebook["cells"] for output in cell.get("outputs", [])]

    def lines(self, student: str) -> list[str]:
        """What a student's cells printed."""
        streams = [o["text"] for o in self.outputs(student) if o["output_type"] == "stream"]
        text = "".join("".join(part) for part in streams)
        return text.splitlines()

    def feedback(self, student: str) -> str:
        path = self.root / "feedback" / student / CHAPTER / NOTEBOOK
        return path.with_suffix(".html").read_text()


def fingerprint(folder: Path) -> dict[str, str]:
    """Kind, mode and hash of everything below a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file() and status.st_size < 2**30:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            content = str(status.st_size if path.is_file() else "")
        found[str(path.relative_to(folder))] = f"{status.st_mode:o} {status.st_uid} {content}"
    return found


def listener() -> socket.socket:
    """A service on this machine's loopback, which no submission may reach."""
    server = socket.create_server(("127.0.0.1", 0))
    return server


def abstract_listener(name: str) -> socket.socket:
    """A service on an abstract socket."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"\0{name}")
    server.listen()
    return server
