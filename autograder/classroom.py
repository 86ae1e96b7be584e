"""What the instructor states about a class: ``class.toml`` and ``received.csv`` in its root.

Roster, due dates and late penalty are read and checked here, and nowhere else; ``desk.py`` writes
them into the gradebook. Without these files a class has no roster, no due dates and no penalties.
"""

from __future__ import annotations

import csv
import math
import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder.chapter import CourseError
from autograder.intake import STUDENT_NAME

CLASS, RECEIVED = "class.toml", "received.csv"
PERSON = ("first_name", "last_name", "email", "lms_user_id")
_DAY = 86_400  # seconds


@dataclass(frozen=True)
class Late:
    """The penalty: ``share`` of the points earned per started day, at most ``maximum`` of them."""

    share: float = 0.0
    maximum: float = 1.0
    grace_minutes: float = 0.0

    def penalty(self, points: float, seconds_late: float) -> float:
        """Points to take off; days are counted from the end of the grace time."""
        days = math.ceil((seconds_late - 60 * self.grace_minutes) / _DAY)
        return round(points * min(self.maximum, self.share * max(0, days)), 2)


@dataclass(frozen=True)
class Classroom:
    """A class as stated; all times are UTC. ``stated``: there is a class.toml."""

    stated: bool = False
    students: dict[str, dict[str, str]] = field(default_factory=dict)  # id → names, email, …
    due: dict[str, datetime] = field(default_factory=dict)  # chapter → time
    extended: dict[tuple[str, str], datetime] = field(default_factory=dict)  # (student, chapter) →
    late: Late = field(default_factory=Late)
    received: dict[tuple[str, str], datetime] = field(default_factory=dict)  # as the LMS says
    inbound: Path | None = None  # where nbgrader's exchange takes submissions in


def read_classroom(root: Path, chapters: Collection[str]) -> Classroom:
    """The class whose work lies under ``root``. Raises CourseError: file, key, what to do."""
    path = root / CLASS
    received = dict(_received(root / RECEIVED, chapters))
    if not path.exists():
        return Classroom(received=received)
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # tomllib's and UTF-8's errors are ValueErrors
        raise CourseError(f"{path}: {error}") from None
    top = _Table(path, "", tree)
    students = dict(_roster_file(top)) | dict(_students(top.table("students")))
    due, extended = {}, {}
    for chapter, table in top.table("chapters").tables():
        _known(chapter, chapters, table.where(""))
        due[chapter] = table.time("due", required=True)
        extensions = table.table("extensions")
        for student in extensions.tree:
            extended[_student(student, extensions.where(student)), chapter] = extensions.time(
                student
            )
        table.finish()
    inbound = top.text("inbound")
    late = _late(top.table("late"))
    top.finish()
    return Classroom(
        stated=True,
        students=students,
        due=due,
        extended=extended,
        late=late,
        received=received,
        inbound=root / inbound if inbound else None,
    )


def _students(table: _Table) -> Iterator[tuple[str, dict[str, str]]]:
    for student, person in table.tables():
        fields = {key: person.text(key) for key in PERSON}
        person.finish()
        yield _student(student, person.where("")), {k: v for k, v in fields.items() if v}


def _late(table: _Table) -> Late:
    late = Late(
        share=table.number("share_per_day", 0.0, most=1.0),
        maximum=table.number("maximum", 1.0, most=1.0),
        grace_minutes=table.number("grace_minutes", 0.0),
    )
    table.finish()
    return late


def _roster_file(top: _Table) -> Iterator[tuple[str, dict[str, str]]]:
    """The students of ``roster = "roster.csv"``, which has the columns of nbgrader's own import."""
    name = top.text("roster")
    if not name:
        return
    path = top.path.parent / name
    for where, row in _rows(path, ("id",), PERSON):
        fields = {key: (row.get(key) or "").strip() for key in PERSON}
        yield _student(row["id"].strip(), where), {k: v for k, v in fields.items() if v}


def _received(path: Path, chapters: Collection[str]) -> Iterator[tuple[tuple[str, str], datetime]]:
    """(student, chapter) and the time at which the LMS took the submission."""
    seen = set()
    if not path.exists():
        return
    for where, row in _rows(path, ("student", "chapter", "time"), ()):
        key = _student(row["student"].strip(), where), row["chapter"].strip()
        _known(key[1], chapters, where)
        if key in seen:
            raise CourseError(f"{where}: {key[0]} and {key[1]} stand there twice; keep one row")
        seen.add(key)
        try:
            time = datetime.fromisoformat(row["time"].strip())
        except ValueError:
            time = None
        yield key, _utc(time, row["time"], where)


def _rows(
    path: Path, needed: tuple[str, ...], allowed: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, str]]]:
    """("file, line 3", row) for each row of a CSV file with a header."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, restkey="")
            header = rows.fieldnames or []
            missing = [name for name in needed if name not in header]
            unknown = [name for name in header if name not in needed + allowed]
            if missing or unknown:
                wrong = f"no column {missing[0]!r}" if missing else f"a column {unknown[0]!r}"
                raise CourseError(
                    f"{path} has {wrong}: the first line is {','.join(needed + allowed)}"
                )
            for row in rows:
                where = f"{path}, line {rows.line_num}"
                if "" in row or None in row.values():
                    raise CourseError(f"{where}: not {len(header)} fields, as in the first line")
                yield where, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CourseError(f"{path} cannot be read: {error}") from None


def _student(name: str, where: str) -> str:
    if not STUDENT_NAME.fullmatch(name):
        raise CourseError(
            f"{where}: {name!r} is not a student id; letters, digits and . _ @ - (at most 64),"
            " as the folders in submitted/ are named"
        )
    return name


def _known(chapter: str, chapters: Collection[str], where: str) -> None:
    if chapter not in chapters:
        known = ", ".join(sorted(chapters))
        raise CourseError(f"{where}: there is no chapter {chapter!r}; one of {known}")


def _utc(time: Any, written: object, where: str) -> datetime:
    """A time with its offset as UTC, whole seconds."""
    if not isinstance(time, datetime) or time.tzinfo is None:
        raise CourseError(
            f"{where}: {str(written)!r} is not a time with its offset from UTC;"
            " write it like 2026-10-01T23:59:00+02:00, or with a Z for UTC"
        )
    return time.astimezone(UTC).replace(microsecond=0)


class _Table:
    """A TOML table that knows where it stands, and which of its keys were asked for."""

    def __init__(self, path: Path, name: str, tree: Any) -> None:
        self.path, self.name, self.tree = path, name, tree
        self.asked: set[str] = set()
        if not isinstance(tree, dict):
            raise CourseError(f"{path}: {name} is not a table; write [{name}]")

    def where(self, key: str) -> str:
        return f"{self.path}: {'.'.join(filter(None, (self.name, key)))}"

    def get(self, key: str) -> Any:
        self.asked.add(key)
        return self.tree.get(key)

    def table(self, key: str) -> _Table:
        name = ".".join(filter(None, (self.name, key)))
        tree = self.get(key)
        return _Table(self.path, name, {} if tree is None else tree)

    def tables(self) -> Iterator[tuple[str, _Table]]:
        return ((key, self.table(key)) for key in self.tree)

    def text(self, key: str) -> str:
        value = self.get(key)
        if value is not None and not isinstance(value, str):
            raise CourseError(f"{self.where(key)} is {value!r}; write text in quotes")
        return value or ""

    def number(self, key: str, default: float, most: float = math.inf) -> float:
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            limits = "0 or more" if most == math.inf else f"from 0 to {most:g}"
            raise CourseError(f"{self.where(key)} is {value!r}; write a number, {limits}")
        return float(value)

    def time(self, key: str, required: bool = False) -> datetime:
        value = self.get(key)
        if value is None and required:
            raise CourseError(f"{self.where(key)} is missing; write due = 2026-10-01T23:59:00Z")
        return _utc(value, value, self.where(key))

    def finish(self) -> None:
        """Raises CourseError for a key that nothing asked for: most likely misspelt."""
        for key in self.tree.keys() - self.asked:
            known = ", ".join(sorted(self.asked))
            raise CourseError(f"{self.where(key)} is unknown; one of {known}")
