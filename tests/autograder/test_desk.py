"""Roster, due dates, times of receipt and late penalties as nbgrader's gradebook shows them."""

import csv
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from nbgrader.api import Gradebook

from autograder import desk
from autograder.classroom import read_classroom
from autograder.exchange import doubt
from autograder.intake import find_submissions
from autograder.record import Book
from autograder.verdict import Mark, Verdict
from tests.autograder.conftest import CHAPTER, hand_in

NOW = datetime.now(UTC).replace(microsecond=0)
LATE = "[late]\nshare_per_day = 0.1\nmaximum = 0.5\n"


def state(root, due: datetime, more: str = LATE) -> None:
    """Write class.toml."""
    text = f"[students.ada]\nfirst_name = 'Ada'\nemail = 'ada@example.org'\n[students.lise]\n{more}"
    (root / "class.toml").write_text(f"{text}\n[chapters.{CHAPTER}]\ndue = {due.isoformat()}\n")


def record(root, chapter, points: float = 2.0) -> dict[str, str]:
    """One run without kernels: every submission gets these points; its times by student."""
    submissions = find_submissions(root, {CHAPTER: "tiny.ipynb"})
    room = read_classroom(root, [CHAPTER])
    with Book(root) as book:
        book.open_chapter(chapter)
        times = book.open_class(room, submissions)
        for submission in submissions:
            verdict = Verdict(submission.student, CHAPTER)
            verdict.received = times[submission.student, CHAPTER]
            verdict.marks = [Mark("ex-0-1-hidden-1", "", 2, points)]
            book.record(verdict, "tiny.ipynb")
        assert {v.student: v.received for v in book.verdicts()} == {
            student: time for (student, _), time in times.items()
        }
    return {student: time for (student, _), time in times.items()}


def seen(root, student: str = "ada") -> tuple:
    """(timestamp, penalty) in the gradebook."""
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        row = book.find_submission(CHAPTER, student)
        return row.timestamp, row.late_submission_penalty


def naive(time: datetime) -> datetime:
    return time.replace(tzinfo=None)


def test_without_class_toml_the_gradebook_is_as_before(tmp_path, chapter):
    hand_in(tmp_path, "ada", b"{}")
    times = record(tmp_path, chapter)
    assert seen(tmp_path) == (None, 0)
    assert NOW - timedelta(hours=1) < datetime.fromisoformat(times["ada"])
    assert times["ada"].endswith("+00:00")


def test_nbgraders_export_shows_roster_due_date_and_penalty(tmp_path, chapter):
    hand_in(tmp_path, "ada", b"{}")
    due = NOW - timedelta(hours=30)
    state(tmp_path, due)
    record(tmp_path, chapter)
    command = [
        sys.executable, "-m", "nbgrader", "export", "--to", "marks.csv",
        "--CourseDirectory.db_url", f"sqlite:///{tmp_path / 'gradebook.db'}",
    ]  # fmt: skip
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    rows = {row["student_id"]: row for row in csv.DictReader((tmp_path / "marks.csv").open())}
    assert set(rows) == {"ada", "lise"}
    ada, lise = rows["ada"], rows["lise"]
    assert (ada["first_name"], ada["email"]) == ("Ada", "ada@example.org")
    assert ada["duedate"] == str(naive(due))
    marks = (ada["raw_score"], ada["late_submission_penalty"], ada["score"])
    assert marks == ("2.0", "0.4", "1.6")  # the second day has started
    assert (lise["timestamp"], lise["score"]) == ("", "0.0")


def test_a_file_of_the_student_says_nothing_about_the_time(tmp_path, chapter):
    path = hand_in(tmp_path, "ada", b"{}")
    (path.parent / "timestamp.txt").write_text("2001-01-01 00:00:00 UTC")
    os.utime(path, (0, 0))
    state(tmp_path, NOW - timedelta(hours=1))
    record(tmp_path, chapter)
    time, penalty = seen(tmp_path)
    assert time >= naive(NOW) - timedelta(minutes=10)
    assert penalty == 0.2


def test_the_lms_knows_better(tmp_path, chapter):
    hand_in(tmp_path, "ada", b"{}")
    state(tmp_path, NOW - timedelta(hours=1))
    record(tmp_path, chapter)
    early = NOW - timedelta(days=3)
    received = f"student,chapter,time\nada,{CHAPTER},{early.isoformat()}\n"
    (tmp_path / "received.csv").write_text(received)
    assert record(tmp_path, chapter) == {"ada": early.isoformat()}
    assert seen(tmp_path) == (naive(early), 0)
    (tmp_path / "received.csv").unlink()  # a row that was wrong leaves nothing behind
    assert record(tmp_path, chapter) != {"ada": early.isoformat()}
    assert seen(tmp_path)[1] == 0.2


def test_unchanged_work_keeps_its_time_and_new_work_does_not(tmp_path, chapter, monkeypatch):
    """Files copied to another machine have a new time; what was seen before counts."""
    path = hand_in(tmp_path, "ada", b"{}")
    first, later, earlier = (NOW + timedelta(days=d) for d in (0, 2, -2))
    for clock, data, time in (
        (first, b"{}", first),
        (later, b"{}", first),
        (earlier, b"{}", earlier),
        (later, b"{ }", later),
        (later, b"{}", later),
    ):
        path.write_bytes(data)
        monkeypatch.setattr(desk, "_changed", lambda path, clock=clock: clock)
        assert record(tmp_path, chapter) == {"ada": time.isoformat()}


def test_the_exchange_saw_it_before_it_was_collected(tmp_path, chapter, monkeypatch):
    path = hand_in(tmp_path, "ada", b"{}")
    inbound = tmp_path / "inbound"
    for folder, data in (("a", b"{ }"), ("b", b"{}"), ("moved", b"{}")):
        copy = inbound / f"ada+{CHAPTER}+2001-01-01+{folder}" / path.name
        copy.parent.mkdir(parents=True)
        copy.write_bytes(data)
    (inbound / f"ada+{CHAPTER}+2001-01-01+link").symlink_to(tmp_path / "home")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / path.name).write_bytes(b"{}")
    days = {path: 5, inbound: 0, tmp_path / "home": 0}
    days |= {p: 3 for p in inbound.glob("*+b*")} | {p: 4 for p in inbound.glob("*+moved")}
    days |= {p: 1 for p in inbound.glob("*+a")} | {p: 0 for p in inbound.glob("*+moved/*")}

    def changed(place):
        return NOW + timedelta(days=days.get(place, days.get(place.parent, 0)))

    monkeypatch.setattr(desk, "_changed", changed)
    state(tmp_path, NOW, f"inbound = '{inbound}'\n")
    text = (tmp_path / "class.toml").read_text()
    line = f"inbound = '{inbound}'\n"
    (tmp_path / "class.toml").write_text(line + text.replace(line, ""))
    assert record(tmp_path, chapter)["ada"] == (NOW + timedelta(days=3)).isoformat()


def test_a_new_due_date_changes_penalties_without_grading_again(tmp_path, chapter):
    hand_in(tmp_path, "ada", b"{}")
    due, later = NOW - timedelta(days=9), NOW + timedelta(days=1)
    state(tmp_path, due)
    record(tmp_path, chapter)
    extension = f"{LATE}[chapters.{CHAPTER}.extensions]\nada = {later.isoformat()}\n"
    half = 1.0  # the maximum
    for stated, more, penalty in (
        (due, LATE, half),
        (later, LATE, 0),
        (due, LATE, half),
        (due, extension, 0),
        (due, LATE, half),
        (due, "", 0),
    ):
        state(tmp_path, stated, more)
        with Book(tmp_path) as book:
            book.open_class(read_classroom(tmp_path, [CHAPTER]), [])
        assert seen(tmp_path)[1] == penalty


def test_a_persons_marks_change_the_penalty(tmp_path, chapter):
    hand_in(tmp_path, "ada", b"{}")
    state(tmp_path, NOW - timedelta(hours=1))
    record(tmp_path, chapter, points=0)
    assert seen(tmp_path)[1] == 0
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as book:
        book.find_grade("ex-0-1-hidden-1", "tiny", CHAPTER, "ada").manual_score = 2.0
        book.db.commit()
    record(tmp_path, chapter, points=0)
    assert seen(tmp_path)[1] == 0.2


def test_a_folder_without_a_notebook_has_a_time_too(tmp_path, chapter):
    (tmp_path / "submitted" / "ada" / CHAPTER).mkdir(parents=True)
    (tmp_path / "submitted" / "bob").mkdir()
    (tmp_path / "submitted" / "bob" / CHAPTER).mkdir()
    (tmp_path / "submitted" / "bob" / CHAPTER / "tiny.ipynb").symlink_to("/etc/passwd")
    times = record(tmp_path, chapter)
    assert all(datetime.fromisoformat(t) >= NOW - timedelta(minutes=10) for t in times.values())


def test_a_link_in_the_exchange_is_flagged(tmp_path):
    """nbgrader's collect follows links, and would bring the solutions in as a student's work."""
    secret = tmp_path / "solution.ipynb"
    secret.write_bytes(b"{}")
    inbound = tmp_path / "inbound"
    for student, other in (("ada", b"{}"), ("bob", None), ("carl", b"{ }")):
        path = hand_in(tmp_path, student, b"{}")
        folder = inbound / f"{student}+{CHAPTER}+2001-01-01+x"
        folder.mkdir(parents=True)
        if other is None:
            (folder / path.name).symlink_to(secret)
        else:
            (folder / path.name).write_bytes(other)
    submissions = find_submissions(tmp_path, {CHAPTER: "tiny.ipynb"})
    flags = {s.student: doubt(inbound, s) for s in submissions}
    assert {student: bool(said) for student, said in flags.items()} == {
        "ada": False, "bob": True, "carl": True,
    }  # fmt: skip
    assert not any(doubt(None, s) for s in submissions)
