"""A real Dask scheduler and worker processes on 127.0.0.1: the same marks, whatever is lost."""

import contextlib
import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from autograder import cluster as clustering
from autograder.chapter import CourseError
from autograder.grade import Options, grade
from autograder.record import Book
from tests.autograder.conftest import COURSE, fill, hand_in
from tests.autograder.test_grade import KILLS_ITS_GRADER

distributed = pytest.importorskip("distributed", reason="pip install 'gradus[cluster]'")

SLOW = "import time\ntime.sleep(0.5)\ndef double(x): return {}"
LOCAL = ["--host", "127.0.0.1", "--no-dashboard"]


@contextlib.contextmanager
def started(*arguments: str, folder: Path, **env: str):
    """A Dask program in a session of its own; nothing of it is left afterwards."""
    # A dead worker is not asked again for half a minute.
    environment = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s", "TMPDIR": str(folder)}
    with open(folder / "log", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments],
            env=os.environ | environment | env,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        family = [process, *_children(process.pid)]
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()
        _gone([p.pid for p in family])


def _children(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def _gone(pids: list[int]) -> None:
    """Every one of these processes ends (all are told to, or have lost their owner)."""
    left = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            left.append(psutil.Process(pid))
    _, alive = psutil.wait_procs(left, timeout=30)
    assert [p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []


@pytest.fixture(scope="module")
def folder():
    """A short path: sockets have 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="gd"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def scheduler(folder):
    """Address of a scheduler without workers."""
    file = folder / "scheduler.json"
    arguments = ["scheduler", "--port", "0", "--scheduler-file", str(file), *LOCAL]
    with started(*arguments, folder=folder):
        deadline = time.monotonic() + 60
        while not file.is_file() or not file.read_text().strip():
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        yield json.loads(file.read_text())["address"]


@pytest.fixture
def workers(scheduler, folder):
    """A function that starts workers and waits for them; a client of their scheduler."""
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(distributed.Client(scheduler, set_as_default=False))
        alone = ["--nthreads", "1", "--no-nanny", "--death-timeout", "60"]

        def start(count: int, **env: str):
            for _ in range(count):
                stack.enter_context(
                    started("worker", scheduler, *alone, *LOCAL, folder=folder, **env)
                )
            client.wait_for_workers(count, timeout=60)
            return client

        yield start
    deadline = time.monotonic() + 30  # the scheduler has noticed
    with distributed.Client(scheduler, set_as_default=False) as client:
        while client.nthreads():
            assert time.monotonic() < deadline
            time.sleep(0.1)


def marks(report) -> dict:
    return {
        v.student: (v.status, v.cause, [(m.grade_id, m.points, m.message) for m in v.marks])
        for v in report.verdicts
    }


@pytest.mark.slow
def test_a_lost_worker_costs_nothing(tmp_path, starter, solved, scheduler, workers, monkeypatch):
    answers = {"ada": "2 * x", "alan": "x * x", "emmy": "x + x", "kurt": "x", "mary": "2 * x",
               "rosa": "[2]", "sofia": "x.add(x)", "zoe": "3 * x"}  # fmt: skip
    for student, text in answers.items():
        for place in ("here", "there"):
            notebook = fill(copy.deepcopy(solved), {"ex-0-1": SLOW.format(text)})
            hand_in(tmp_path / place, student, notebook)
    hand_in(tmp_path / "here", "garbled", b"{")
    hand_in(tmp_path / "there", "garbled", b"{")
    client = workers(3)
    pids = client.run(os.getpid)
    recorded, killed = Counter(), {}
    record = Book.record

    def count(self, verdict, name):
        recorded[verdict.student] += 1
        record(self, verdict, name)

    def kill_one(verdict, done, total):
        if done == 3 and not killed:
            busy = [worker for worker, tasks in client.processing().items() if tasks]
            killed[busy[0]] = [pids[busy[0]], *(p.pid for p in _children(pids[busy[0]]))]
            os.kill(pids[busy[0]], signal.SIGKILL)

    monkeypatch.setattr(Book, "record", count)
    options = Options(scheduler=scheduler)
    report = grade(tmp_path / "there", COURSE, options, kill_one)
    monkeypatch.undo()
    assert len(killed) == 1 and len(client.nthreads()) == 2
    _gone(*killed.values())
    assert set(recorded.values()) == {1} and set(recorded) == {*answers, "garbled"}
    assert marks(report) == marks(grade(tmp_path / "here", COURSE, Options(jobs=1)))
    assert Counter(v.points for v in report.verdicts) == {6: 4, 3: 4, 0: 1}
    again = grade(tmp_path / "there", COURSE, options)
    assert again.skipped == len(again.verdicts) == 9


@pytest.mark.slow
def test_who_ends_its_workers_is_for_a_person(tmp_path, starter, solved, scheduler, workers):
    hand_in(tmp_path, "killer", fill(copy.deepcopy(starter), {"ex-0-1": KILLS_ITS_GRADER}))
    client = workers(3)
    client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 1))
    (verdict,) = grade(tmp_path, COURSE, Options(scheduler=scheduler)).verdicts
    assert (verdict.status, verdict.marks) == ("needs a person", [])
    assert "ended several workers" in verdict.cause
    assert len(client.nthreads()) == 1
    hand_in(tmp_path, "ada", solved)
    report = grade(tmp_path, COURSE, Options(students=["ada"], scheduler=scheduler))
    assert report.verdicts[0].points == 6


def refusal(root: Path, scheduler: str, **options) -> str:
    with pytest.raises(CourseError) as caught:
        grade(root, COURSE, Options(scheduler=scheduler, **options))
    assert "\n" not in str(caught.value)
    with Book(root) as book:
        assert book.verdicts() == []
    return str(caught.value)


def test_a_cluster_that_cannot_be_used_is_refused(
    tmp_path, starter, scheduler, workers, monkeypatch
):
    root = tmp_path / "class"
    hand_in(root, "ada", starter)
    monkeypatch.setattr(clustering, "CONNECT_SECONDS", 1)
    for address in ("tcp://127.0.0.1:9", "nonsense://x", "127.0.0.1"):
        assert f"no Dask scheduler answers at {address!r}" in refusal(root, address)
    assert "has no workers" in refusal(root, scheduler)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "distributed", None)
        assert "pip install 'gradus[cluster]'" in refusal(root, scheduler)


def test_a_worker_without_the_course_is_refused(tmp_path, starter, scheduler, workers):
    hand_in(tmp_path, "ada", starter)
    workers(1, GRADUS_COURSE="/no/such/place")
    said = refusal(tmp_path, scheduler)
    assert "there is no course at /no/such/place" in said and "GRADUS_COURSE" in said


def test_a_worker_with_another_chapter_or_no_sandbox_is_refused(
    tmp_path, starter, scheduler, workers
):
    root, other = tmp_path / "class", tmp_path / "course"
    hand_in(root, "ada", starter)
    shutil.copytree(COURSE, other)
    source = other / "solutions" / "00_tiny" / "tiny.py"
    source.write_text(source.read_text().replace("[2.0, 4.0]", "[2.0, 5.0]"))
    workers(1, GRADUS_COURSE=str(other), PATH="/no/bubblewrap/here")
    said = refusal(root, scheduler)
    assert "the chapter 00_tiny is not the same as here" in said
    assert "bubblewrap is not installed" in refusal(root, scheduler, sandbox="bubblewrap")
