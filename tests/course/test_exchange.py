"""nbgrader's exchange, as on a JupyterHub: release, fetch, submit, collect, grade, feedback."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.record import Book

ROOT = Path(__file__).parents[2]
COURSE = ROOT / "tests" / "fixtures" / "course"
CHAPTER = "00_tiny"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="nbgrader's exchange needs Unix"),
]


class Hub:
    """A course folder of the instructor, a home of each student, and the exchange between them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.course, self.exchange = folder, folder / "course", folder / "exchange"
        shutil.copytree(COURSE, self.course)
        shutil.copy(ROOT / "nbgrader_config.py", self.course)
        self.exchange.mkdir()

    def _run(self, home: Path, *command: str) -> str:
        home.mkdir(exist_ok=True)
        environment = os.environ | {"HOME": str(home), "GRADUS_EXCHANGE": str(self.exchange)}
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=home, env=environment,
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def instructor(self, command: str) -> str:
        return self._run(self.course, "nbgrader", command, CHAPTER)

    def student(self, name: str, command: str) -> None:
        options = [f"--student={name}", "--course=gradus", f"--Exchange.root={self.exchange}"]
        self._run(self.folder / name, "nbgrader", command, CHAPTER, *options)

    def grade(self) -> str:
        arguments = ["--course", str(self.course), "grade", "--sandbox", "none", "--jobs", "1"]
        return self._run(self.course, "autograder", *arguments)


def solve(path: Path) -> None:
    solutions = {
        cell.id: cell.source
        for cell in nbformat.read(COURSE / "solutions" / CHAPTER / "tiny.ipynb", 4).cells
    }
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = solutions[cell.id]
    nbformat.write(notebook, path)


def test_there_and_back(tmp_path):
    hub = Hub(tmp_path)
    now = datetime.now(UTC).replace(microsecond=0)
    (hub.course / "class.toml").write_text(
        f'inbound = "{hub.exchange}/gradus/inbound"\n'
        f"[chapters.{CHAPTER}]\ndue = {(now - timedelta(hours=1)).isoformat()}\n"
        "[late]\nshare_per_day = 0.5\n"
    )
    hub.instructor("release_assignment")
    for name in ("ada", "lise", "zoe"):
        hub.student(name, "fetch_assignment")
    for name in ("ada", "zoe"):
        solve(tmp_path / name / CHAPTER / "tiny.ipynb")
    for name in ("ada", "lise", "zoe"):
        hub.student(name, "submit")
    (secret,) = hub.exchange.glob("gradus/inbound/ada+*/submission_secret.txt")
    secret.unlink()  # this must not keep the others from getting theirs
    for path in hub.exchange.glob("gradus/inbound/*/timestamp.txt"):  # theirs to write
        path.write_text("2001-01-01 00:00:00.000000 UTC")
    (own,) = hub.exchange.glob("gradus/inbound/zoe+*/tiny.ipynb")
    elsewhere = Path(shutil.copy(own, tmp_path / "an answer that is not hers.ipynb"))
    own.unlink()
    own.symlink_to(elsewhere)  # collect follows it
    hub.instructor("collect")
    assert "3 graded, 0 failed" in hub.grade()

    with Gradebook(f"sqlite:///{hub.course / 'gradebook.db'}", "gradus") as book:
        rows = {s.student.id: s for s in book.find_assignment(CHAPTER).submissions}
        marks = {name: (row.score, row.late_submission_penalty) for name, row in rows.items()}
        assert marks == {"ada": (6, 3), "lise": (0, 0), "zoe": (6, 3)}
        assert all(row.timestamp >= now.replace(tzinfo=None) for row in rows.values())

    with Book(hub.course) as book:
        flags = {v.student: v.flags for v in book.verdicts()}
    assert flags["ada"] == flags["lise"] == []
    assert any("exchange" in flag for flag in flags["zoe"])

    hub.instructor("release_feedback")
    for name, points in (("zoe", "6 of 6 points"), ("lise", "0 of 6 points")):
        hub.student(name, "fetch_feedback")
        (page,) = (tmp_path / name / CHAPTER / "feedback").rglob("*.html")
        assert points in page.read_text()
        assert f"{CHAPTER} · {name}" in page.read_text()
        assert (
            page.read_bytes() == (hub.course / "feedback" / name / CHAPTER / page.name).read_bytes()
        )
