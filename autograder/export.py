"""CSV files of the marks: for Canvas, for Moodle, and with nbgrader's own columns.

Names come from a roster and may hold anything: every text is quoted, and one that a spreadsheet
would take for a formula gets a leading apostrophe. Numbers are numbers, with at most two decimals
(Canvas keeps no more).
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from autograder.marks import ClassMarks, Person, Score
from autograder.storage import write

Cell = str | float | None
Row = list[Cell]

_NUMBER = re.compile(r"[+-]?[0-9]+([.][0-9]+)?")
_FORMULA = tuple("=+-@＝＋－＠")  # the wide forms are formulas in some spreadsheets
NBGRADER = [
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email",
    "raw_score", "late_submission_penalty", "score", "max_score",
]  # fmt: skip


def write_exports(room: ClassMarks, folder: Path) -> list[Path]:
    """Write ``canvas.csv``, ``moodle.csv`` and ``nbgrader.csv``; their paths."""
    tables = {"canvas": canvas(room), "moodle": moodle(room), "nbgrader": nbgrader(room)}
    paths = []
    for name, rows in tables.items():
        paths.append(folder / f"{name}.csv")
        write(paths[-1], as_csv(rows), paths[-1].parent)
    return paths


def canvas(room: ClassMarks) -> list[Row]:
    """Rows for Canvas' gradebook import: header, points possible, one row a student.

    Canvas finds a student by its own number (ID), else by SIS id, else by login, else by name. No
    mark is an empty cell: Canvas keeps what it has.
    """
    header: Row = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *room.chapters]
    worth: list[Cell] = [*room.worth.values()]
    rows: list[Row] = [header, ["    Points Possible", "", "", "", "", *worth]]
    for person in room.people.values():
        number = person.lms_user_id.isascii() and person.lms_user_id.isdigit()
        ids = (person.lms_user_id, "") if number else ("", person.lms_user_id)
        rows.append([_canvas_name(person), *ids, person.id, "", *_points(room, person)])
    return rows


def _canvas_name(person: Person) -> str:
    """``Lovelace, Ada``. A name that Canvas would take for the row of points becomes the id."""
    name = ", ".join(part for part in (person.last_name, person.first_name) if part)
    return person.id if not name or "points possible" in name.casefold() else name


def moodle(room: ClassMarks) -> list[Row]:
    """Rows for Moodle's grade import, with the columns of its export in plain text.

    In Moodle's form, map "Email address" to useremail (or "ID number" to useridnumber), and each
    chapter to a grade item, or to a new one.
    """
    header: Row = ["First name", "Last name", "ID number", "Email address"]
    rows: list[Row] = [[*header, *(f"{name} (Real)" for name in room.chapters)]]
    for person in room.people.values():
        email = person.email or (person.id if "@" in person.id else "")
        number = person.lms_user_id or person.id
        rows.append(
            [person.first_name, person.last_name, number, email, *_points(room, person)],
        )
    return rows


def nbgrader(room: ClassMarks) -> list[Row]:
    """The columns and values of ``nbgrader export``: a chapter not handed in has score 0."""
    rows: list[Row] = [list(NBGRADER)]
    for name, full in room.worth.items():
        due = room.due.get(name)
        for person in room.people.values():
            score = room.scores.get((person.id, name), Score())
            rows.append(
                [
                    name,
                    str(due or ""),
                    str(score.submitted or ""),
                    person.id,
                    person.last_name,
                    person.first_name,
                    person.email,
                    score.raw,
                    score.penalty,
                    score.points,
                    full,
                ]
            )
    return rows


def _points(room: ClassMarks, person: Person) -> list[Cell]:
    """Points by chapter; None where nobody has given any, which is not the same as 0."""
    scores = (room.scores.get((person.id, name)) for name in room.chapters)
    return [score.points if score and score.recorded else None for score in scores]


def as_csv(rows: list[Row]) -> str:
    """The file's text: all texts quoted and harmless to a spreadsheet."""
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerows([[_plain(cell) for cell in row] for row in rows])
    return file.getvalue().encode("utf-8", "replace").decode()


def _plain(cell: Cell) -> str | float:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return defused(cell)
    rounded = round(cell, 2)
    return int(rounded) if rounded == int(rounded) else rounded


def defused(text: str) -> str:
    """The text with an apostrophe before it where a spreadsheet might run it; numbers stay."""
    if _NUMBER.fullmatch(text):
        return text
    risky = text.lstrip().startswith(_FORMULA) or text.startswith(("\t", "\r", "\n"))
    return f"'{text}" if risky else text
