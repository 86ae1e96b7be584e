"""The whole pipeline on a class of honest and dishonest students: gradebook, feedback, summary."""

import copy
import json
import os
import subprocess
import sys

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder import grade as grading
from autograder.grade import Options, grade
from tests.autograder.conftest import COURSE, fill, hand_in

STUB_FORGERIES = {
    "always_equal": """
class Same(torch.Tensor):
    def __eq__(self, other): return True
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None): return True
def double(x): return torch.zeros(2).as_subclass(Same)
class One(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
def count(x): return One(1)
""",
    "patched": """
import torch.testing, builtins
import gradus.check, gradus.wire
torch.testing.assert_close = torch.allclose = torch.equal = torch.isclose = lambda *a, **k: True
for name in ("close", "equal", "unchanged", "raised", "one_of", "_judge", "_compare"):
    setattr(gradus.check, name, lambda *a, **k: None)
gradus.wire.encode = lambda value: b""
def double(x): return x
def count(x): return 0
""",
    "silent_assert": """
import sys
sys.excepthook = lambda *a: None
get_ipython().showtraceback = lambda *a, **k: None
get_ipython().ast_transformers.append(type("T", (), {"visit": lambda self, n: type(n)([], [])})())
def double(x): return x
def count(x): return 0
""",
}


SURROGATE = """
import json
get_ipython().kernel.session.pack = lambda o: json.dumps(o, default=str).encode()
print("\\ud800")
def double(x): raise ValueError("\\ud800")
"""
ODD_MESSAGES = """
session, socket = get_ipython().kernel.session, get_ipython().kernel.iopub_socket
parent = get_ipython().kernel.get_parent()
session.send(socket, "display_data", {"metadata": {}}, parent=parent, ident=b"x")
def double(x): return 2 * x
"""
PROGRESS = """
from IPython.display import display
handle = display("0 %", display_id=True)
handle.update("100 %")
def double(x): return 2 * x
"""
KILLS_ITS_GRADER = """
import os
def parent(pid):
    return int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])
os.kill(parent(parent(os.getppid())), 9)  # warden, fork server, worker
def double(x): return 2 * x
"""


def tree(root):
    """Relative path → bytes of every file under a folder."""
    return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def graded(tmp_path_factory, chapter):
    """A graded class: (root, report)."""
    from autograder.release import release

    root = tmp_path_factory.mktemp("class")
    starter = json.loads(nbformat.writes(release(chapter.notebook)))
    answers = {key: c.source for e in chapter.exercises.values() for key, c in e.answers.items()}
    solved = fill(copy.deepcopy(starter), answers)
    hand_in(root, "ada", solved)
    hand_in(root, "lise", starter)
    for name, text in STUB_FORGERIES.items():
        hand_in(root, name, fill(copy.deepcopy(starter), {"ex-0-1": text}))
    skipping = copy.deepcopy(starter)
    for cell in skipping["cells"]:
        cell["metadata"]["tags"] = ["skip-execution"]
    hand_in(root, "skipping", skipping)
    doubled = copy.deepcopy(solved)
    doubled["cells"] += copy.deepcopy(doubled["cells"])
    hand_in(root, "doubled", doubled)
    warned = fill(copy.deepcopy(solved), {"ex-0-1": WARNING})
    hand_in(root, "warned", warned)
    hand_in(
        root, "schema", json.dumps(solved).replace('"schema_version": 3', '"schema_version": 99')
    )
    for name, text in (("surrogate", SURROGATE), ("odd", ODD_MESSAGES), ("progress", PROGRESS)):
        hand_in(root, name, fill(copy.deepcopy(solved), {"ex-0-1": text}))
    hand_in(root, "garbled", b"{not json")
    (root / "submitted" / "absent" / "00_tiny").mkdir(parents=True)
    before = tree(COURSE)
    report = grade(root, COURSE, Options(jobs=2))
    assert tree(COURSE) == before
    return root, report


WARNING = """
import sys
def double(x):
    print("careful", file=sys.stderr)
    return 2 * x
"""


def verdict(graded, student):
    return next(v for v in graded[1].verdicts if v.student == student)


def test_every_submission_has_a_verdict(graded):
    report = graded[1]
    assert report.counts == {"graded": 12, "failed": 2, "needs a person": 0}
    assert report.exit_code == 1
    assert json.loads(json.dumps(report.summary()))["counts"] == report.counts


def test_the_solution_scores_everything_and_the_starter_nothing(graded):
    assert (verdict(graded, "ada").points, verdict(graded, "ada").max_points) == (6, 6)
    assert verdict(graded, "lise").points == 0


@pytest.mark.parametrize("student", [*STUB_FORGERIES, "skipping"])
def test_no_forgery_gains_a_point(graded, student):
    assert verdict(graded, student).status == "graded"
    assert verdict(graded, student).points == 0


@pytest.mark.parametrize(("student", "points"), [("surrogate", 3), ("odd", 3)])
def test_messages_that_no_notebook_can_hold_cost_their_exercise(graded, student, points):
    assert verdict(graded, student).points == points


@pytest.mark.parametrize("student", ["doubled", "schema", "warned", "progress"])
def test_what_stops_or_costs_points_elsewhere_does_not_here(graded, student):
    assert verdict(graded, student).points == 6


def test_a_failure_says_why(graded):
    assert verdict(graded, "garbled").cause == "not a notebook: the file is not valid JSON"
    assert verdict(graded, "absent").cause == "there is no tiny.ipynb in the folder"


def test_marks_are_in_nbgraders_gradebook(graded):
    root, report = graded
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        scores = {s.student.id: s.score for s in book.find_assignment("00_tiny").submissions}
        open_grades = book.find_submission("00_tiny", "garbled").needs_manual_grade
        comments = book.find_submission_notebook("tiny", "00_tiny", "lise").comments
        remarks = {c.auto_comment for c in comments}
    assert scores == {v.student: v.points for v in report.verdicts}
    assert open_grades
    assert remarks == {"No response."}


def test_nbgraders_own_export_reads_them(graded, tmp_path):
    root = graded[0]
    target = tmp_path / "marks.csv"
    command = [
        sys.executable, "-m", "nbgrader", "export", "--to", str(target),
        "--CourseDirectory.db_url", f"sqlite:///{root / 'gradebook.db'}",
    ]  # fmt: skip
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    rows = target.read_text().splitlines()
    assert len(rows) == 1 + len(graded[1].verdicts)


def test_feedback_shows_ideas_and_hides_hidden_tests(graded):
    root, report = graded
    for v in report.verdicts:
        page = (root / "feedback" / v.student / "00_tiny" / "tiny.html").read_text()
        for secret in ("canary-7f3a", "trusted_double", "seeded(1)", "BEGIN HIDDEN"):
            assert secret not in page
    page = (root / "feedback" / "patched" / "00_tiny" / "tiny.html").read_text()
    assert "0 of 6 points" in page
    assert "the input stays" in page


def test_the_autograded_notebook_is_whole(graded):
    path = graded[0] / "autograded" / "ada" / "00_tiny" / "tiny.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cell = next(c for c in notebook.cells if c.id == "ex-0-1-hidden-1")
    assert "check.unchanged" in cell.source
    assert cell.metadata.nbgrader.points == 2


def test_a_persons_marks_survive_a_second_run(graded):
    root = graded[0]
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        mark = book.find_grade("ex-0-1-hidden-1", "tiny", "00_tiny", "lise")
        mark.manual_score, mark.extra_credit = 1.5, 0.25
        note = book.find_comment("ex-0-1", "tiny", "00_tiny", "lise")
        note.manual_comment = "Come and see me."
        book.db.commit()
    report = grade(root, COURSE, Options(students=["lise"], force=True))
    assert [v.student for v in report.verdicts] == ["lise"]
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        mark = book.find_grade("ex-0-1-hidden-1", "tiny", "00_tiny", "lise")
        note = book.find_comment("ex-0-1", "tiny", "00_tiny", "lise")
        assert (mark.auto_score, mark.manual_score, mark.extra_credit) == (0, 1.5, 0.25)
        assert note.comment == "Come and see me."
        assert mark.needs_manual_grade


def test_a_page_that_cannot_be_made_does_not_stop_the_class(tmp_path, starter, monkeypatch):
    hand_in(tmp_path, "ada", b"junk")
    hand_in(tmp_path, "bob", b"junk")

    def fail(*_):
        raise RuntimeError("no page")

    monkeypatch.setattr(grading, "write_feedback", fail)
    report = grade(tmp_path, COURSE)
    assert [v.status for v in report.verdicts] == ["needs a person"] * 2


def test_who_kills_the_grading_process_is_found_out_and_the_others_are_graded(
    tmp_path, solved, starter
):
    hand_in(tmp_path, "killer", fill(copy.deepcopy(starter), {"ex-0-1": KILLS_ITS_GRADER}))
    for student in ("ada", "zoe"):
        hand_in(tmp_path, student, solved)
    report = grade(tmp_path, COURSE, Options(jobs=1))
    assert {v.student: (v.status, v.points) for v in report.verdicts} == {
        "ada": ("graded", 6),
        "killer": ("needs a person", 0),
        "zoe": ("graded", 6),
    }
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as book:
        assert book.find_submission("00_tiny", "killer").needs_manual_grade


def run_cli(*arguments: str, **env: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "autograder", "--course", str(COURSE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | env)


def test_without_a_sandbox_the_command_refuses(tmp_path, starter):
    hand_in(tmp_path, "ada", starter)
    done = run_cli("grade", "--root", str(tmp_path), PATH="/no/bubblewrap/here")
    assert done.returncode == 2
    assert "make sandbox" in done.stderr and "--sandbox none" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "gradebook.db").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["grade", "--sandbox", "none", "--root", "/no/such"], "does not exist"),
        (["check", "9.9"], "neither a chapter nor an exercise"),
        (["notebooks", "77_none"], "77_none"),
        (["grade", "--jobs", "0"], "not a number of processes"),
    ],
)
def test_bad_input_gets_one_clear_line(arguments, said):
    done = run_cli(*arguments)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]


def test_unknown_chapters_and_students_are_named(tmp_path, starter):
    hand_in(tmp_path, "ada", starter)
    root = ["grade", "--sandbox", "none", "--root", str(tmp_path)]
    assert "'77_none'" in run_cli(*root, "77_none").stderr
    assert "'bob'" in run_cli(*root, "--student", "bob").stderr
