"""A PostgreSQL gradebook: Debian's server, started here for the test, gives what SQLite gives."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from autograder.chapter import CourseError
from autograder.grade import Options, grade
from autograder.record import Book, NotRecorded
from autograder.verdict import Mark, Verdict
from tests.autograder.conftest import CHAPTER, COURSE, fill, hand_in

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed"),
]


def account() -> dict[str, str]:
    """Who runs the server: initdb refuses root."""
    if os.geteuid():
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    return {"user": "postgres" if "postgres" in names else "nobody"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def server():
    """The address of an empty database on a private port of 127.0.0.1."""
    folder, who, port = Path(tempfile.mkdtemp(prefix="gradus-pg-")), account(), free_port()
    if who:
        shutil.chown(folder, **who)
    programs = PROGRAMS[-1].parent

    def call(name: str, *arguments: str) -> None:
        command = [programs / name, "-D", folder / "data", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, **who)
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        call("initdb", "-U", "gradus", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
        options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
        call("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql+psycopg://gradus@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def contents(url: str) -> list[tuple]:
    """All that matters of a gradebook."""
    with Gradebook(url, "gradus") as book:
        return sorted(
            (s.student.id, s.score, s.late_submission_penalty, s.needs_manual_grade, g.name,
             g.auto_score, g.manual_score, g.needs_manual_grade)
            for s in book.find_assignment(CHAPTER).submissions
            for notebook in s.notebooks
            for g in notebook.grades
        )  # fmt: skip


@pytest.fixture
def submitted(tmp_path, solved, starter):
    """A class with one late right answer, a wrong one and something that is no notebook."""
    root = tmp_path / "class"
    hand_in(root, "ada", solved)
    hand_in(root, "carl", fill(starter, {"ex-0-1": "def double(x): return x + 1"}))
    hand_in(root, "garbled", b"{")
    (root / "class.toml").write_text(
        f"[late]\nshare_per_day = 0.25\nmaximum = 0.5\n"
        f"[chapters.{CHAPTER}]\ndue = 2020-01-01T00:00:00Z\n"
        "[students.lise]\nlast_name = 'Meitner'\n"
    )
    return root


def test_postgresql_holds_what_sqlite_holds(server, submitted):
    grade(submitted, COURSE, Options(jobs=1))
    expected = contents(f"sqlite:///{submitted / 'gradebook.db'}")
    assert {(row[0], row[1], row[2]) for row in expected} >= {("ada", 6, 3)}
    for _ in range(2):
        grade(submitted, COURSE, Options(jobs=1, db_url=server, force=True))
        assert contents(server) == expected
        with Gradebook(server, "gradus") as book:
            assert {s.id for s in book.students} == {"ada", "carl", "garbled", "lise"}
    with Book(submitted) as here, Book(submitted, server) as there:
        assert [v.points for v in there.verdicts()] == [v.points for v in here.verdicts()]


def test_a_database_that_may_not_be_written(server, tmp_path):
    Book(tmp_path, server).gradebook.close()
    url = f"{server}?options=-c%20default_transaction_read_only%3Don"
    with pytest.raises(CourseError, match="it is read-only"):
        Book(tmp_path, url)
    with pytest.raises(CourseError, match='"none" does not exist'):
        Book(tmp_path, server.replace("/postgres", "/none"))


def test_a_lost_connection_costs_one_submission_and_a_rerun_completes(server, tmp_path, chapter):
    psycopg = pytest.importorskip("psycopg")
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    verdict = Verdict("zoe", CHAPTER, marks=[Mark("ex-0-1-hidden-1", "", 2, 2)])
    with Book(tmp_path, server) as book:
        book.open_chapter(chapter)
        with psycopg.connect(server.replace("+psycopg", "")) as other:
            other.execute(f"{others} AND datname = current_database()")
        with pytest.raises(NotRecorded):
            book.record(verdict, "tiny.ipynb")
        book.record(verdict, "tiny.ipynb")
    assert {row[1] for row in contents(server) if row[0] == "zoe"} == {2}
