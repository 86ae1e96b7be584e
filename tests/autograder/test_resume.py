"""Nothing is lost and nothing is done twice: reruns, kills at random moments, Ctrl-C, two graders.

``GRADUS_KILLS=30 pytest tests/autograder/test_resume.py -k random`` kills thirty times, and
``GRADUS_SANDBOX=bubblewrap`` does it with every wall.
"""

import copy
import json
import os
import random
import shutil
import signal
import sys
import time
from dataclasses import dataclass, replace

import nbformat
import pytest
from nbgrader import api
from nbgrader.api import Gradebook

from autograder import grade as grading
from autograder import grade_one
from autograder.build import build
from autograder.chapter import CourseError
from autograder.grade import Options, grade
from autograder.kernel import KernelNotStarted
from autograder.record import Book
from autograder.release import release
from autograder.resume import carry_over, is_done
from autograder.storage import alone_in
from autograder.verdict import NEEDS_PERSON, REPLACED, Verdict
from tests.autograder.conftest import CHAPTER, COURSE, fill, hand_in
from tests.autograder.kills import Grader, class_folder, hand_in_class, orphans_come_here
from tests.autograder.test_grade import run_cli

KILLS = int(os.environ.get("GRADUS_KILLS", "3"))
SANDBOX = os.environ.get("GRADUS_SANDBOX", "none")
FOR_A_PERSON = 1  # exit code of a class in which somebody handed in no notebook
linux = pytest.mark.skipif(sys.platform != "linux", reason="process groups, prctl")

# Each run of one of these cells leaves another trace in its output.
TRACE = "import os\nprint('trace', os.urandom(8).hex())\n"
DOUBLE = TRACE + "def double(x): return 2 * x"
COUNT = TRACE + "def count(x):\n    if isinstance(x, list): raise TypeError\n    return x.numel()"


@pytest.fixture(scope="module")
def graded_class(tmp_path_factory, chapter):
    """A class after one run."""
    root = tmp_path_factory.mktemp("class")
    starter = json.loads(nbformat.writes(release(chapter.notebook)))
    traced = {"ex-0-1": DOUBLE, "ex-0-2": COUNT, "predict-0-1": 'predict_0_1 = "a"'}
    for student in ("ada", "alan"):
        hand_in(root, student, fill(copy.deepcopy(starter), traced))
    hand_in(root, "lise", starter)
    hand_in(root, "garbled", b"{")
    hand_in(root, "linked", b"").unlink()
    (root / "submitted" / "linked" / CHAPTER / "tiny.ipynb").symlink_to("/etc/passwd")
    report = grade(root, COURSE, Options(jobs=2))
    return root, report


@pytest.fixture
def root(graded_class, tmp_path):
    """A copy of the graded class, to go on with."""
    return shutil.copytree(graded_class[0], tmp_path / "class", symlinks=True)


@pytest.fixture
def workers_get(monkeypatch):
    """What the workers are given; they do nothing."""
    given = []

    def spy(course, work, jobs, load):
        given.extend(work)
        yield from ()

    monkeypatch.setattr(grading, "graded_locally", spy)
    return given


def pages(root):
    return {p.relative_to(root): p.stat().st_mtime_ns for p in root.rglob("*.html")}


def verdict(report, student):
    return next(v for v in report.verdicts if v.student == student)


def outputs(root, student, cell_id):
    """The outputs of a cell in the notebook that was graded last."""
    path = root / "autograded" / student / CHAPTER / "tiny.ipynb"
    notebook = nbformat.read(path, as_version=4)
    return next(c for c in notebook.cells if c.id == cell_id).outputs


def test_an_unreadable_submission_has_one_clear_cause_and_the_rest_goes_on(graded_class):
    report = graded_class[1]
    assert verdict(report, "linked").status == verdict(report, "garbled").status == "failed"
    for student in ("linked", "garbled"):
        assert verdict(report, student).cause and "\n" not in verdict(report, student).cause
    assert {v.student: v.points for v in report.verdicts if v.status == "graded"} == {
        "ada": 6, "alan": 6, "lise": 0,
    }  # fmt: skip


def test_a_second_run_does_no_work(graded_class, root, workers_get):
    before, written = graded_class[1], pages(root)
    report = grade(root, COURSE)
    assert workers_get == []
    assert report.skipped == len(before.verdicts) - 1  # a link cannot be compared: looked at again
    assert report.counts == before.counts
    linked = {path for path in written if "linked" in path.parts}
    now = pages(root)
    assert {p: now[p] for p in now if p not in linked} == {
        p: written[p] for p in written if p not in linked
    }


def test_force_grades_everything_again(root, workers_get):
    report = grade(root, COURSE, Options(force=True))
    assert {w.student for w in workers_get} == {"ada", "alan", "lise", "garbled"}
    assert not any(w.settled for w in workers_get)
    assert report.skipped == 0


def test_what_failed_through_the_machine_is_tried_again(tmp_path, solved, monkeypatch):
    def no_kernel(*_):
        raise KernelNotStarted("no kernel came up")

    def here(course, work, jobs, load):
        yield from ((item, grade_one.grade_one(course, load(item))) for item in work)

    monkeypatch.setattr(grading, "graded_locally", here)
    hand_in(tmp_path, "ada", solved)
    with monkeypatch.context() as patch:
        patch.setattr(grade_one, "run", no_kernel)
        for _ in range(2):
            report = grade(tmp_path, COURSE)
            assert (report.skipped, report.exit_code) == (0, 1)
            (ada,) = report.verdicts
            assert (ada.status, ada.cause, ada.marks) == (NEEDS_PERSON, "no kernel came up", [])
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as book:
        assert book.find_submission(CHAPTER, "ada").needs_manual_grade
    report = grade(tmp_path, COURSE)
    (ada,) = report.verdicts
    assert (ada.status, ada.points, ada.max_points, ada.kept) == ("graded", 6, 6, [])
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as book:
        submission = book.find_submission(CHAPTER, "ada")
        assert (submission.score, submission.needs_manual_grade) == (6, False)


def test_a_machine_that_fails_in_a_partial_regrade_settles_nothing(solved, monkeypatch):
    """Marks that were kept beside exercises that were never run would look like a whole verdict."""

    def no_kernel(*_):
        raise KernelNotStarted("no kernel came up")

    work = grade_one.Work(CHAPTER, "ada", json.dumps(solved).encode())
    desk = grade_one.desk(COURSE, CHAPTER)
    rebuilt = grade_one.rebuild(desk.released, grade_one.parse(work.data))
    answers = grade_one._answers(desk, rebuilt, work)
    monkeypatch.setattr(grade_one, "run", no_kernel)
    verdict = grade_one.grade_one(
        COURSE, replace(work, settled={"ex-0-1": answers["ex-0-1"].settled})
    )
    assert (verdict.status, verdict.kept, verdict.marks) == (NEEDS_PERSON, [], [])
    assert not is_done(verdict, verdict.submission, verdict.against)


def test_a_cell_that_ran_without_a_word_does_not_show_its_old_output():
    old = nbformat.v4.new_notebook()
    for name in ("ran", "kept"):
        output = nbformat.v4.new_output("stream", text=f"old {name}")
        old.cells.append(nbformat.v4.new_code_cell("1", id=name, outputs=[output]))
    now = nbformat.from_dict(old)
    now.cells[0].outputs, now.cells[0].execution_count = [], 7
    now.cells[1].outputs = []
    verdict = Verdict("ada", CHAPTER, kept=["ex-0-1"], notebook=now)
    carry_over(verdict, None, old)
    assert [[o.text for o in cell.outputs] for cell in now.cells] == [[], ["old kept"]]


def test_what_was_seen_while_kept_exercises_ran_stays_a_flag():
    before = ["ex-0-1: stopped after 3 s", "ex-0-2: stopped after 3 s", f"{REPLACED}: torch.ones"]
    previous = Verdict("ada", CHAPTER, flags=[*before, "the same answer as alan"])
    verdict = Verdict("ada", CHAPTER, kept=["ex-0-1"], flags=["new"])
    carry_over(verdict, previous, None)
    assert verdict.flags == ["new", "ex-0-1: stopped after 3 s", f"{REPLACED}: torch.ones"]


def test_a_changed_submission_and_a_missing_page_are_graded_again(graded_class, root, starter):
    before = verdict(graded_class[1], "ada")
    wrong = {
        "ex-0-1": "def double(x): return x",
        "ex-0-2": COUNT,
        "predict-0-1": 'predict_0_1 = "b"',
    }
    hand_in(root, "ada", fill(copy.deepcopy(starter), wrong))
    page, other = (root / "feedback" / name / CHAPTER / "tiny.html" for name in ("lise", "alan"))
    text, written = page.read_text(), other.stat().st_mtime_ns
    page.unlink()
    count = outputs(root, "ada", "ex-0-2")
    report = grade(root, COURSE, Options(jobs=2))
    ada = verdict(report, "ada")
    assert report.skipped == 2  # alan and garbled
    assert (before.points, ada.points) == (6, 2)
    assert {key: answer.tries for key, answer in ada.answers.items()} == {
        "ex-0-1": 2, "ex-0-2": 1, "predict-0-1": 2,
    }  # fmt: skip
    assert ada.kept == ["ex-0-2"]
    assert outputs(root, "ada", "ex-0-2") == count
    assert (page.read_text(), other.stat().st_mtime_ns) == (text, written)


def test_a_changed_hidden_test_regrades_only_its_exercise(root, tmp_path):
    course = shutil.copytree(COURSE, tmp_path / "course")
    source = course / "solutions" / CHAPTER / "tiny.py"
    old, new = "observe.error(count, [1, 2])", 'observe.error(count, "text")'
    text = source.read_text()
    assert text.count(old) == 1
    source.write_text(text.replace(old, new))
    build(course)
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        mark = book.find_grade("ex-0-1-hidden-1", "tiny", CHAPTER, "lise")
        mark.manual_score = 1.5
        other = book.find_grade("ex-0-2-hidden-1", "tiny", CHAPTER, "lise")
        other.manual_score = 0.5
        note = book.find_comment("ex-0-2", "tiny", CHAPTER, "lise")
        note.manual_comment = "Come and see me."
        book.db.commit()
    before = {key: outputs(root, "ada", key) for key in ("ex-0-1", "ex-0-2")}
    assert all("trace" in shown[0].text for shown in before.values())

    report = grade(root, course, Options(jobs=2))

    assert report.skipped == 0
    for student in ("ada", "alan"):
        found = verdict(report, student)
        assert sorted(found.kept) == ["ex-0-1", "predict-0-1"]
        assert [m.grade_id for m in found.marks if not m.passed] == ["ex-0-2-hidden-1"]
        assert (found.points, found.max_points) == (5, 6)
        assert found.answers["ex-0-2"].tries == 1
    assert outputs(root, "ada", "ex-0-1") == before["ex-0-1"]  # not executed again
    assert outputs(root, "ada", "ex-0-2") != before["ex-0-2"]
    page = (root / "feedback" / "ada" / CHAPTER / "tiny.html").read_text()
    assert before["ex-0-1"][0].text.strip() in page
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        scores = [
            book.find_grade(key, "tiny", CHAPTER, "lise").score
            for key in ("ex-0-1-hidden-1", "ex-0-2-hidden-1")
        ]
        note = book.find_comment("ex-0-2", "tiny", CHAPTER, "lise").comment
        assert (scores, note) == ([1.5, 0.5], "Come and see me.")
        assert book.find_submission(CHAPTER, "ada").score == verdict(report, "ada").points
    again = grade(root, course, Options(jobs=2))
    assert again.skipped == len(again.verdicts) - 1


class Killed(BaseException):
    pass


@pytest.mark.parametrize("moment", ["first tables", "no version table", "empty version table"])
def test_a_gradebook_whose_creation_was_killed_heals(tmp_path, chapter, monkeypatch, moment):
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"

    def killed():
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(api, "get_alembic_version", killed)
        with pytest.raises(Killed):
            Gradebook(url)
    half = api.create_engine(url)
    with half.begin() as connection:
        if moment == "first tables":
            for table in reversed(api.Base.metadata.sorted_tables[3:]):
                table.drop(connection)
        if moment == "empty version table":
            connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
    half.dispose()
    with Book(tmp_path) as book:
        book.open_chapter(chapter)
        rows = book.gradebook.db.connection().exec_driver_sql("SELECT * FROM alembic_version")
        assert rows.all() == [(api.get_alembic_version(),)]
        assert api.inspect(book.gradebook.engine).has_table("course")


def test_a_gradebook_that_holds_something_is_never_made_anew(tmp_path):
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    with Gradebook(url) as book:
        book.add_student("ada")
        book.db.connection().exec_driver_sql("DROP TABLE alembic_version")
        book.db.connection().exec_driver_sql("DELETE FROM course")
        book.db.commit()
    with Book(tmp_path) as book:
        assert [s.id for s in book.gradebook.students] == ["ada"]


def test_only_one_grader_works_in_a_folder(tmp_path, starter):
    hand_in(tmp_path, "ada", starter)
    with alone_in(tmp_path):
        done = run_cli("grade", "--sandbox", "none", "--root", str(tmp_path))
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert f"another grader is at work in {tmp_path}" in line
        with pytest.raises(CourseError), alone_in(tmp_path):
            pass
    assert not (tmp_path / "gradebook.db").exists()
    with alone_in(tmp_path):
        pass


def test_the_lock_is_not_taken_through_a_link(tmp_path):
    (tmp_path / ".gradus.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CourseError, match="cannot be written"), alone_in(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()


@dataclass
class Undisturbed:
    """A run that nobody stops: when its first verdict came and when it ended, in s."""

    starter: dict
    solved: dict
    first: float
    end: float
    result: dict

    def moments(self, count: int) -> list[tuple[float, bool]]:
        """Random moments, evenly spread: half of them while it starts, half while it grades."""
        draw, found = random.Random(3), []
        for at_work, seconds, number in (
            (False, self.first, count - count // 2),
            (True, self.end - self.first, count // 2),
        ):
            found += [(seconds * (k + draw.random()) / number, at_work) for k in range(number)]
        return found


@pytest.fixture(scope="module")
def undisturbed(chapter):
    starter = json.loads(nbformat.writes(release(chapter.notebook)))
    answers = {key: c.source for e in chapter.exercises.values() for key, c in e.answers.items()}
    solved = fill(copy.deepcopy(starter), answers)
    with class_folder() as root:
        hand_in_class(root, starter, solved)
        grader = Grader(root, SANDBOX)
        begun = time.monotonic()
        process = grader.start()
        process.stdout.readline()
        first = time.monotonic() - begun
        _, error = process.communicate()
        assert (process.returncode, error) == (FOR_A_PERSON, "")
        assert grader.leftovers() == []
        counts = json.loads(grader.summary.read_text())["counts"]
        assert counts == {"graded": 6, "failed": 1, "needs a person": 0}
        return Undisturbed(starter, solved, first, time.monotonic() - begun, grader.result())


def complete(grader, undisturbed):
    """Run to the end: what is recorded stays as it is, and the rest becomes as it must be.

    How many were recorded before.
    """
    grader.jobs = 1
    records, written = grader.records(), grader.pages()
    assert grader.run() == (FOR_A_PERSON, "")
    after, pages_after = grader.records(), grader.pages()
    assert [after[key] for key in records] == list(records.values())
    assert {key: pages_after[key] for key in records} == {key: written[key] for key in records}
    assert grader.leftovers() == []
    assert grader.result() == undisturbed.result
    return len(records)


@linux
@pytest.mark.slow
def test_killed_at_random_moments_it_ends_as_if_undisturbed(undisturbed):
    for number, (seconds, at_work) in enumerate(undisturbed.moments(KILLS), 1):
        with class_folder() as root:
            hand_in_class(root, undisturbed.starter, undisturbed.solved)
            grader = Grader(root, SANDBOX)
            grader.kill(seconds, at_work)
            recorded = complete(grader, undisturbed)
        after = "the first verdict" if at_work else "the start"
        print(
            f"kill {number}, {seconds:.1f} s after {after}: {recorded} recorded; equal", flush=True
        )


@linux
@pytest.mark.slow
def test_ctrl_c_stops_in_one_line_and_a_rerun_completes(undisturbed):
    with class_folder() as root:
        hand_in_class(root, undisturbed.starter, undisturbed.solved)
        grader = Grader(root, SANDBOX)
        for until in (lambda: (root / "gradebook.db").exists(), lambda: grader.records()):
            code, error = interrupt(grader, until)
            assert code == 130
            assert error.splitlines() == ["autograder: stopped; run it again to go on"]
        assert complete(grader, undisturbed) >= 1


def interrupt(grader, until):
    """Ctrl-C as soon as something is the case; nothing goes on running. (exit code, stderr)"""
    with orphans_come_here():
        process = grader.start()
        while not until():
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        return process.wait(60), process.communicate()[1]
