"""Every known attack, graded together with honest work in one run, in the sandbox.

No hostile submission gains a point, no honest one loses one, and nothing is left behind. Attacks
that hold are as important as the marks: code tells by ``BREACH`` where a wall did not.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from nbgrader.api import Gradebook

from autograder import sandbox
from autograder.grade import Options, Report, grade
from tests.hostile.classroom import (
    ACT_CANARY,
    CANARIES,
    Place,
    abstract_listener,
    fingerprint,
    listener,
)
from tests.hostile.registry import BREACH, CHAPTER, TRIED
from tests.hostile.submissions import HOSTILE
from tests.sandboxed import sandboxed

pytestmark = [pytest.mark.slow, sandboxed]
ONLY = os.environ.get("GRADUS_HOSTILE", "").split()  # names, to look at a few


@dataclass
class Graded:
    place: Place
    report: Report
    honest: dict[str, int]  # marks that each must get
    changed: list[str]  # what is different outside the run's folders
    left_running: list[str]

    def verdict(self, student: str):
        return next(v for v in self.report.verdicts if v.student == student)


@pytest.fixture(scope="module")
def graded(tmp_path_factory) -> Graded:
    assert not sandbox.why_not(), "this machine must have a sandbox"
    place = Place(tmp_path_factory.mktemp("hostile"))
    chosen = [one for one in HOSTILE.values() if not ONLY or one.name in ONLY]
    abstract = f"hostile-{os.getpid()}"
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as open_while:
        server = open_while.enter_context(contextlib.closing(listener()))
        open_while.enter_context(contextlib.closing(abstract_listener(abstract)))
        honest = place.hand_in(chosen, server.getsockname()[1], f"NUL{abstract}")
        for name, value in place.settings().items():
            patch.setenv(name, value)
        patch.setattr(tempfile, "tempdir", str(place.temporary))
        before = _around(place)
        report = grade(place.root, place.course, Options(jobs=2, sandbox=sandbox.BUBBLEWRAP))
        after = _around(place)
        running = _running(place)
    changed = [key for key in before | after if before.get(key) != after.get(key)]
    return Graded(place, report, honest, changed, running)


def _around(place: Place) -> dict[str, str]:
    """What a run must leave as it is: course, submissions, homes, temporary folders."""
    found = {}
    for folder in (place.course, place.home, place.data, place.temporary):
        found |= {f"{folder.name}/{name}": v for name, v in fingerprint(folder).items()}
    submitted = fingerprint(place.root / "submitted")
    found |= {f"submitted/{name}": v for name, v in submitted.items()}
    for folder in ("/tmp", "/dev/shm", "/var/tmp", "/run", "/"):
        found |= {f"{folder}/{p.name}": "" for p in Path(folder).glob("hostile-*")}
    return found


def _running(place: Place) -> list[str]:
    """Processes of the run that are still there after a moment."""
    deadline = time.monotonic() + 10
    while (found := _marked(str(place.data))) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def _marked(mark: str) -> list[str]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            ours = process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE
            if not ours and mark in process.environ().get("GRADUS_DATA", ""):
                found.append(f"{process.pid} {' '.join(process.cmdline())[:200]}")
    # Python's own helper, which belongs to this process and ends with it
    return [line for line in found if "multiprocessing.resource_tracker" not in line]


def names(of) -> list[str]:
    return [one.name for one in HOSTILE.values() if of(one) and (not ONLY or one.name in ONLY)]


@pytest.mark.parametrize("name", names(lambda one: True))
def test_no_hostile_submission_gains_a_point(graded, name):
    one, verdict = HOSTILE[name], graded.verdict(name)
    if one.at_most:
        assert verdict.points <= one.points
    else:
        assert verdict.points == one.points, [m.message for m in verdict.marks]
    if one.status:
        assert verdict.status == one.status, verdict.cause
    said = [verdict.cause, *(mark.message for mark in verdict.marks)]
    wanted = (one.said,) if isinstance(one.said, str) else one.said
    assert any(part in text for part in wanted for text in said), said
    assert not one.flag or any(one.flag in flag for flag in verdict.flags), verdict.flags


@pytest.mark.parametrize("name", names(lambda one: one.comes_to_its_end))
def test_the_attack_was_carried_out_and_every_wall_held(graded, name):
    lines = graded.place.lines(name)
    assert [line for line in lines if BREACH in line] == []
    assert TRIED in lines, lines[-20:]


def test_honest_students_get_exactly_their_marks(graded):
    assert {v.student: v.points for v in graded.report.verdicts if v.student in graded.honest} == (
        graded.honest
    )
    assert len(graded.honest) == 20
    for student in graded.honest:
        assert graded.verdict(student).status == "graded"
        assert graded.verdict(student).flags == []


def test_every_submission_has_a_recorded_verdict(graded):
    report = graded.report
    students = {path.name for path in (graded.place.root / "submitted").iterdir()}
    assert {v.student for v in report.verdicts} == students
    assert report.unrecorded == []
    assert sum(report.counts.values()) == len(students)
    everyone = report.counts["graded"] == len(students)
    assert report.exit_code == (0 if everyone else 1)
    assert json.loads(json.dumps(report.summary()))["counts"] == report.counts
    with Gradebook(f"sqlite:///{graded.place.root / 'gradebook.db'}") as book:
        found = book.find_assignment(CHAPTER).submissions
        scores = {submission.student.id: submission.score for submission in found}
    assert scores == {v.student: v.points for v in report.verdicts}


def test_nothing_is_left_running(graded):
    assert graded.left_running == []


def test_nothing_outside_the_run_has_changed(graded):
    assert graded.changed == []
    outside = {"gradebook.db", "submitted", "autograded", "feedback", ".gradus.lock"}
    assert {path.name for path in graded.place.root.iterdir()} <= outside


def test_no_canary_is_found(graded):
    for verdict in graded.report.verdicts:
        student = verdict.student
        page, printed = graded.place.feedback(student), str(graded.place.outputs(student))
        for what, canary in CANARIES.items():
            if (what, student) != ("neighbour", "honest-00"):
                assert canary not in page + printed, (student, what)
        assert ACT_CANARY not in page, (student, "act")


def test_no_script_survives(graded):
    for verdict in graded.report.verdicts:
        page = graded.place.feedback(verdict.student).lower()
        for markup in ("<script", "<svg", "<iframe", "onerror=alert(1)>", 'href="javascript'):
            assert markup not in page, verdict.student
