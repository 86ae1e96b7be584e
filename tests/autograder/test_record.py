"""Recording when it cannot be: one clear line, nothing half-written, and a rerun that completes."""

import contextlib
import errno
import os
import sqlite3
import subprocess

import pytest
from nbgrader.api import Gradebook

from autograder import record as recording
from autograder.chapter import CourseError
from autograder.record import Book, NotRecorded
from autograder.release import release
from autograder.storage import write
from autograder.verdict import Mark, Verdict
from tests.autograder.conftest import CHAPTER

FULL = ("ex-0-1-hidden-1", "ex-0-2-hidden-1")


def verdict(chapter, student: str = "ada") -> Verdict:
    marks = [Mark(grade_id, "", 2, 1) for grade_id in FULL]
    return Verdict(student, CHAPTER, marks=marks, notebook=release(chapter.notebook))


def scores(root) -> dict[str, float]:
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        return {s.student.id: s.score for s in book.find_assignment(CHAPTER).submissions}


def files(root) -> set[str]:
    return {str(p.relative_to(root)) for p in (root / "autograded").rglob("*") if p.is_file()}


@contextlib.contextmanager
def tmpfs(path, options: str):
    """A file system of its own."""
    if os.geteuid():
        pytest.skip("only root can mount a file system")
    path.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path])
    if done.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@contextlib.contextmanager
def locked(path):
    """Another program holds the database."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.close()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(recording, "BUSY_SECONDS", 0.1)


def refusal(root, url: str = "") -> str:
    with pytest.raises(CourseError) as caught:
        Book(root, url)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_gradebook_that_is_not_one(tmp_path, capfd):
    (tmp_path / "gradebook.db").write_bytes(b"not a database" * 100)
    said = refusal(tmp_path)
    assert "it is not a database" in said and str(tmp_path / "gradebook.db") in said
    assert "folder is missing" in refusal(tmp_path / "none")
    assert "driver is not installed" in refusal(tmp_path, "oracle2://here/gradebook")
    for address in ("gradebook", "postgresql://ada:secret@here:port/gradus", "://ada:secret@x"):
        said = refusal(tmp_path, address)
        assert "not a database address" in said and "secret" not in said
    assert capfd.readouterr() == ("", "")


def test_a_server_that_is_not_there(tmp_path):
    said = refusal(tmp_path, "postgresql+psycopg://ada:secret@127.0.0.1:9/gradus")
    assert "connection" in said and "secret" not in said


def test_a_read_only_gradebook_is_refused_before_a_class_runs(tmp_path, chapter, capfd):
    with Book(tmp_path) as book:
        book.open_chapter(chapter)
    capfd.readouterr()
    url = f"sqlite:///file:{tmp_path}/gradebook.db?mode=ro&uri=true"
    assert "it is read-only" in refusal(tmp_path, url)
    assert capfd.readouterr() == ("", "")


def test_a_read_only_disk_is_refused(tmp_path, chapter):
    with tmpfs(tmp_path / "disk", "size=8m") as root:
        with Book(root) as book:
            book.open_chapter(chapter)
        subprocess.run(["mount", "-o", "remount,ro", root], check=True)
        assert "it is read-only" in refusal(root)
        with pytest.raises(NotRecorded, match="the disk is read-only"):
            write(root / "page.html", "text", root)


def test_a_locked_gradebook_is_refused(tmp_path, impatient, capfd):
    Book(tmp_path).gradebook.close()
    with locked(tmp_path / "gradebook.db"):
        assert "it is locked by another program" in refusal(tmp_path)
    assert capfd.readouterr() == ("", "")


def test_a_lock_costs_one_submission_and_a_rerun_completes(tmp_path, chapter, impatient):
    with Book(tmp_path) as book:
        book.open_chapter(chapter)
        book.record(verdict(chapter, "ada"), "tiny.ipynb")
        with locked(tmp_path / "gradebook.db"), pytest.raises(NotRecorded) as caught:
            book.record(verdict(chapter, "bob"), "tiny.ipynb")
        assert "it is locked by another program" in str(caught.value)
        book.record(verdict(chapter, "carl"), "tiny.ipynb")  # the session is whole again
        assert [v.student for v in book.verdicts()] == ["ada", "carl"]
        assert scores(tmp_path) == {"ada": 2, "carl": 2}
        book.record(verdict(chapter, "bob"), "tiny.ipynb")
    assert scores(tmp_path) == {"ada": 2, "bob": 2, "carl": 2}


def test_a_verdict_is_in_both_tables_or_in_none(tmp_path, chapter, monkeypatch):
    def fail(*_):
        raise RuntimeError("in the middle")

    with Book(tmp_path) as book:
        book.open_chapter(chapter)
        with monkeypatch.context() as patch, pytest.raises(RuntimeError):
            patch.setattr(recording.ledger, "enter", fail)
            book.record(verdict(chapter, "ada"), "tiny.ipynb")
        book.record(verdict(chapter, "bob"), "tiny.ipynb")
    assert scores(tmp_path) == {"bob": 2}


def test_a_full_disk_costs_what_does_not_fit_and_a_rerun_completes(tmp_path, chapter):
    with tmpfs(tmp_path / "disk", "size=1m") as root, Book(root) as book:
        book.open_chapter(chapter)
        book.record(verdict(chapter, "ada"), "tiny.ipynb")
        before = files(root)
        ballast = root / "ballast"
        with pytest.raises(OSError) as full, open(ballast, "wb", buffering=0) as file:
            while True:
                file.write(bytes(1024))
        assert full.value.errno == errno.ENOSPC
        for student in ("bob", "carl"):
            with pytest.raises(NotRecorded, match="the disk is full"):
                book.record(verdict(chapter, student), "tiny.ipynb")
        with pytest.raises(NotRecorded, match="tiny.ipynb cannot be written: the disk is full"):
            write(root / "autograded" / "ada" / CHAPTER / "tiny.ipynb", "text" * 2000, root)
        assert files(root) == before
        assert [v.student for v in book.verdicts()] == ["ada"]
        ballast.unlink()
        book.record(verdict(chapter, "bob"), "tiny.ipynb")
        assert scores(root) == {"ada": 2, "bob": 2}


def test_a_full_disk_in_the_gradebook_itself(tmp_path, chapter):
    with Book(tmp_path) as book:
        book.open_chapter(chapter)
        pages = book.gradebook.db.connection().exec_driver_sql("PRAGMA page_count").scalar()
        book.gradebook.db.connection().exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(NotRecorded, match="the disk is full"):
            for student in map("s{}".format, range(200)):
                book.record(verdict(chapter, student), "tiny.ipynb")
        kept = {v.student for v in book.verdicts()}
        book.gradebook.db.connection().exec_driver_sql("PRAGMA max_page_count = 100000")
        book.record(verdict(chapter, "zoe"), "tiny.ipynb")
    assert set(scores(tmp_path)) == kept | {"zoe"}


@pytest.mark.parametrize("level", ["autograded", "autograded/ada", f"autograded/ada/{CHAPTER}"])
def test_no_file_is_written_through_a_link(tmp_path, chapter, level):
    outside = tmp_path / "outside"
    outside.mkdir()
    root = tmp_path / "class"
    (root / level).parent.mkdir(parents=True)
    (root / level).symlink_to(outside)
    with Book(root) as book:
        book.open_chapter(chapter)
        with pytest.raises(NotRecorded, match="is a link"):
            book.record(verdict(chapter), "tiny.ipynb")
        assert book.verdicts() == []
    assert list(outside.rglob("*")) == []


@pytest.mark.parametrize("name", ["page.html", ".page.html.new"])
def test_a_link_in_the_files_place_is_replaced(tmp_path, name):
    secret = tmp_path / "secret"
    secret.write_text("kept")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).symlink_to(secret)
    write(tmp_path / "out" / "page.html", "text", tmp_path)
    assert secret.read_text() == "kept"
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["page.html"]
    assert (tmp_path / "out" / "page.html").read_text() == "text"
    assert not (tmp_path / "out" / "page.html").is_symlink()


def test_what_a_killed_run_left_is_cleared(tmp_path):
    (tmp_path / ".page.html.new").write_text("half")
    write(tmp_path / "page.html", "text", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
