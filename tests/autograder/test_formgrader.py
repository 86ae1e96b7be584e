"""A real JupyterLab with nbgrader's formgrader, on a class that this grader recorded."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from autograder.classroom import read_classroom
from autograder.intake import find_submissions
from autograder.record import Book
from autograder.release import release
from autograder.verdict import Mark, Verdict
from tests.autograder.conftest import CHAPTER, hand_in

TOKEN = "a-token-of-the-test"


@pytest.fixture(scope="module")
def graded(tmp_path_factory, chapter):
    """A class with one graded submission, whose author wrote nonsense into timestamp.txt."""
    root = tmp_path_factory.mktemp("class")
    path = hand_in(root, "ada", b"{}")
    (path.parent / "timestamp.txt").write_text("yesterday evening")
    (root / "class.toml").write_text(
        f"[chapters.{CHAPTER}]\ndue = 2020-01-01T00:00:00Z\n[students.lise]\n"
    )
    (submission,) = find_submissions(root, {CHAPTER: "tiny.ipynb"})
    with Book(root) as book:
        book.open_chapter(chapter)
        times = book.open_class(read_classroom(root, [CHAPTER]), [submission])
        verdict = Verdict("ada", CHAPTER, received=times["ada", CHAPTER])
        verdict.marks = [Mark("ex-0-1-hidden-1", "", 2, 2)]
        verdict.notebook = release(chapter.notebook)
        book.record(verdict, "tiny.ipynb")
    return root


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "autograder", "formgrader", *arguments]


@pytest.fixture(scope="module")
def ask(graded, tmp_path_factory):
    """A function (path) → (status, text) for the running server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("home")
    environment = os.environ | {"HOME": str(home), "GRADUS_EXCHANGE": str(home)}
    options = ["--no-browser", f"--port={port}", f"--IdentityProvider.token={TOKEN}"]
    log = open(home / "log", "w+")
    lab = subprocess.Popen(
        command("--root", str(graded), "--", *options, "--ServerApp.port_retries=0"),
        env=environment, stdout=log, stderr=log,
    )  # fmt: skip

    def ask(path: str, data: bytes | None = None) -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", data)
        request.add_header("Authorization", f"token {TOKEN}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    try:
        for _ in range(600):
            try:
                ask("api")
                break
            except urllib.error.URLError:
                assert lab.poll() is None, (home / "log").read_text()
                time.sleep(0.2)
        yield ask
    finally:
        lab.terminate()
        try:
            lab.wait(20)
        except subprocess.TimeoutExpired:
            lab.kill()
            lab.wait()
        log.close()


@pytest.mark.slow
def test_formgrader_shows_the_class(ask):
    assert ask("formgrader/gradebook")[0] == 200
    ((status, text), found) = ask("formgrader/manage_assignments"), ask("formgrader/api/students")
    assert status == 200 and "nbgrader formgrade" in text
    assert {student["id"] for student in json.loads(found[1])} == {"ada", "lise"}


@pytest.mark.slow
def test_one_submission_can_be_read_and_marked(ask):
    rows = json.loads(ask(f"formgrader/api/submitted_notebooks/{CHAPTER}/tiny")[1])
    assert [(row["student"], row["score"]) for row in rows] == [("ada", 2)]
    status, page = ask(f"formgrader/submissions/{rows[0]['id']}/")
    assert status == 200
    assert "double" in page and "extra-credit" in page


@pytest.mark.slow
def test_what_is_graded_counts_as_graded_whatever_the_student_wrote(ask):
    rows = json.loads(ask(f"formgrader/api/submissions/{CHAPTER}")[1])
    assert [(row["student"], row["autograded"]) for row in rows] == [("ada", True)]


@pytest.mark.slow
def test_formgrader_runs_no_submission_itself(ask):
    status, text = ask(f"formgrader/api/submission/{CHAPTER}/ada/autograde", b"")
    assert status == 200 and "make autograde" in json.loads(text)["error"]
    status, text = ask(f"formgrader/api/assignment/{CHAPTER}/generate_feedback", b"")
    assert status == 200 and "hidden tests" in json.loads(text)["error"]


def test_without_a_graded_class_it_says_so(tmp_path):
    done = subprocess.run(command("--root", str(tmp_path)), capture_output=True, text=True)
    assert done.returncode == 2
    assert "grade the class first" in done.stderr and len(done.stderr.splitlines()) == 1
