"""Step 1: nothing strange is opened, nothing malformed is parsed, every refusal says why."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from autograder import intake
from autograder.intake import (
    Refused,
    find_submissions,
    parse,
    read_beside,
    read_bytes,
    strangers,
)
from autograder.limits import LIMITS
from tests.autograder.conftest import hand_in

FILES = {"00_tiny": "tiny.ipynb"}


def test_finds_submissions_in_a_stable_order(tmp_path, starter):
    for student in ("zoe", "ada"):
        hand_in(tmp_path, student, starter)
    found = find_submissions(tmp_path, FILES)
    assert [(s.student, s.chapter) for s in found] == [("ada", "00_tiny"), ("zoe", "00_tiny")]


def test_a_folder_without_a_notebook_is_a_submission_that_is_refused(tmp_path):
    (tmp_path / "submitted" / "ada" / "00_tiny").mkdir(parents=True)
    (submission,) = find_submissions(tmp_path, FILES)
    with pytest.raises(Refused, match="there is no tiny.ipynb"):
        read_bytes(submission.path)


def test_links_and_odd_names_are_left_out_and_named(tmp_path, starter):
    hand_in(tmp_path, "ada", starter)
    base = tmp_path / "submitted"
    (base / "eve").symlink_to(base / "ada")
    (base / "=HYPERLINK(1)").mkdir()
    (base / "ada" / "99_unknown").mkdir()
    assert [s.student for s in find_submissions(tmp_path, FILES)] == ["ada"]
    assert len(strangers(tmp_path, FILES)) == 3


def test_a_link_to_a_classmates_notebook_is_refused(tmp_path, starter):
    original = hand_in(tmp_path, "ada", starter)
    stolen = tmp_path / "submitted" / "eve" / "00_tiny" / "tiny.ipynb"
    stolen.parent.mkdir(parents=True)
    stolen.symlink_to(original)
    with pytest.raises(Refused, match="is a link"):
        read_bytes(stolen)


def test_a_pipe_is_refused_at_once(tmp_path):
    path = tmp_path / "tiny.ipynb"
    os.mkfifo(path)
    with pytest.raises(Refused, match="not a regular file"):
        read_bytes(path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(Refused):
        read_bytes(tmp_path)


def test_too_large_a_file_is_refused_unread(tmp_path):
    path = tmp_path / "tiny.ipynb"
    with path.open("wb") as file:
        file.truncate(LIMITS.submission_bytes + 1)
    with pytest.raises(Refused, match="larger than"):
        read_bytes(path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 200_000, "not valid JSON"),
        (b"[]", "not a notebook of format 4"),
        (b'{"worksheets": []}', "not a notebook of format 4"),
        (b'{"cells": {}}', "not a notebook of format 4"),
        (b'{"cells": [1]}', "cell 1 has no text"),
        (b'{"cells": [{"source": [1]}]}', "cell 1 has no text"),
        (json.dumps({"cells": [{"source": "x" * 300_000}]}).encode(), "is longer than"),
        (json.dumps({"cells": [{}] * 2000}).encode(), "more than 1000 cells"),
    ],
)
def test_what_is_not_a_notebook_is_refused_with_the_reason(data, reason):
    with pytest.raises(Refused, match=reason):
        parse(data)


def test_metadata_of_any_shape_is_survived():
    cells = [
        {"source": "a", "metadata": None},
        {"source": ["b", "c"], "metadata": {"nbgrader": []}, "id": 7},
        {"source": "d\ud800", "metadata": {"nbgrader": {"grade_id": {}}}},
    ]
    parsed = parse(json.dumps({"cells": cells, "metadata": 3}).encode())
    assert [cell.grade_id for cell in parsed.cells] == [None] * 3
    assert parsed.cells[1].source == "bc"


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="a file whose bytes fail to come")
def test_a_file_that_cannot_be_read_is_refused():
    with pytest.raises(Refused, match=r"mem cannot be read \(Input/output error\)"):
        read_bytes(Path("/proc/self/mem"))


def test_only_files_on_the_chapters_list_come_along(tmp_path):
    (tmp_path / "tiny.ipynb").write_text("{}")
    (tmp_path / "model.pt").write_bytes(b"weights")
    (tmp_path / "gradus.py").write_text("evil")
    (tmp_path / "timestamp.txt").write_text("2001-01-01")
    (tmp_path / "other.pt").symlink_to("/etc/passwd")
    files, notes = read_beside(tmp_path, "tiny.ipynb", ["model.pt", "other.pt", "absent.pt"])
    assert files == {"model.pt": b"weights"}
    assert notes == [
        "ignored: 'gradus.py' is not asked for",
        "ignored: other.pt is a link; hand in the notebook itself",
    ]


def test_files_that_are_too_large_together_stay_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "LIMITS", replace(LIMITS, extra_bytes=10))
    (tmp_path / "a").write_bytes(b"12345678")
    (tmp_path / "b").write_bytes(b"12345678")
    files, notes = read_beside(tmp_path, "tiny.ipynb", ["a", "b"])
    assert list(files) == ["a"] and "larger than allowed" in notes[0]
