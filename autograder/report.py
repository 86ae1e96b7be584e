"""Step 7: what the instructor reads: one page about the class, one a student, and the CSV files.

Each page is one file that needs no network and no other file. Names, causes, messages and flags
are hostile text: Jinja escapes all of it, and the page's policy allows the one script and the one
style that stand in it, by their hashes, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from autograder import analysis
from autograder.chapter import CourseError, Exercise, chapters
from autograder.export import write_exports
from autograder.intake import STUDENT_NAME
from autograder.likeness import alike
from autograder.marks import ClassMarks, Person, Score, read_marks
from autograder.storage import NotRecorded, write
from autograder.verdict import FAILED, GRADED, NEEDS_PERSON, Mark, Verdict

TEMPLATES = Path(__file__).parent / "templates"
GENERATOR = '<meta name="generator" content="gradus report">'
MESSAGE_CHARACTERS = 600  # shown of one message, cause or flag
TOP_MESSAGES = 5  # shown of one exercise
TOP_FLAGS = 20  # shown of one submission on the page about the class, so that none can flood it
VALUES_CHARACTERS = 4000  # shown of the values of a visible check


@dataclass(frozen=True)
class ExerciseRow:
    """One exercise on a student's page; ``failed``: the marks whose test said something."""

    exercise: Exercise
    points: float | None
    by_hand: bool
    unwritten: bool
    failed: list[Mark]


@dataclass(frozen=True)
class ChapterPart:
    """One chapter on a student's page."""

    name: str
    title: str
    max_points: int
    score: Score
    verdict: Verdict | None
    exercises: list[ExerciseRow]
    feedback: str  # a relative address, or "" where there is no page


def write_report(course: Path, root: Path, db_url: str = "", out: Path | None = None) -> Path:
    """Write ``index.html``, ``students/*.html`` and the CSV files; the path of the index.

    ``out``: where to (default: ``root/report``). Raises CourseError where there is nothing to
    report or the folder cannot be written.
    """
    out = out or root / "report"
    room = read_marks(root, chapters(course), db_url)
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    try:
        out.mkdir(parents=True, exist_ok=True)
        return _write_pages(room, root, out, written)
    except OSError as error:
        raise CourseError(f"{out} cannot be written ({error.strerror})") from error
    except NotRecorded as error:
        raise CourseError(str(error)) from error


def _write_pages(room: ClassMarks, root: Path, out: Path, written: str) -> Path:
    wanted = set()
    for person in room.people.values():
        page = out / "students" / page_name(person.id)
        wanted.add(page)
        _write(page, student_page(room, person, written, root, page.parent), out)
    _remove_earlier(out / "students", wanted)
    write_exports(room, out)
    index = out / "index.html"
    _write(index, index_page(room, written), out)  # last: it links to all the others
    return index


def _write(path: Path, page: str, out: Path) -> None:
    # A lone surrogate, which a submission can smuggle into a message, is no text in any encoding.
    write(path, page.encode("utf-8", "replace").decode(), out)


def _remove_earlier(folder: Path, wanted: set[Path]) -> None:
    """Remove pages of students who have left; only files that this module wrote."""
    for path in set(folder.glob("*.html")) - wanted:
        if path.is_file() and GENERATOR in path.read_text("utf-8", "replace")[:1000]:
            path.unlink()


def page_name(student: str) -> str:
    """The file name of a student's page; an id that is no safe name becomes a hash."""
    if STUDENT_NAME.fullmatch(student):
        return f"{student}.html"
    return f"_{hashlib.sha256(student.encode('utf-8', 'replace')).hexdigest()[:24]}.html"


def index_page(room: ClassMarks, written: str) -> str:
    """The page about the class."""
    verdicts = sorted(room.verdicts.values(), key=lambda v: (v.chapter, v.student))
    students = [s for s in room.people if room.of_student(s)]
    counts = Counter(verdict.status for verdict in verdicts)
    return _render(
        "index.html",
        room=room,
        written=written,
        handed_in=len(students),
        counts={status: counts[status] for status in (GRADED, FAILED, NEEDS_PERSON)},
        how=how_graded(verdicts),
        waiting=[v for v in verdicts if v.status != GRADED],
        flagged=[v for v in verdicts if v.flags],
        alike=alike(verdicts),
        means=_means(room),
        distributions=analysis.distributions(room),
        exercises=analysis.exercise_figures(room),
        categories=analysis.categories(room),
        resources=analysis.resources(room),
        seconds=sum(v.seconds for v in verdicts),
    )


def student_page(room: ClassMarks, person: Person, written: str, root: Path, folder: Path) -> str:
    """The page about one student; it will lie in ``folder``, feedback lies under ``root``."""
    parts = [_part(room, person, name, root, folder) for name in room.of_student(person.id)]
    verdicts = [part.verdict for part in parts if part.verdict]
    return _render(
        "student.html",
        room=room,
        person=person,
        written=written,
        parts=parts,
        total=room.total(person.id),
        worth=sum(part.max_points for part in parts),
        how=how_graded(verdicts),
    )


def how_graded(verdicts: Iterable[Verdict]) -> str:
    """One sentence: in which sandbox, or without one."""
    used = Counter(verdict.sandbox for verdict in verdicts)
    without = used.pop("none", 0)
    inside = " and ".join(f"in the sandbox {name}" for name in sorted(used))
    if not without:
        return f"Graded {inside}." if used else "Nothing was graded by the grader."
    if not used:
        return "Graded without a sandbox."
    return f"{without} of {without + used.total()} graded without a sandbox, the rest {inside}."


def _means(room: ClassMarks) -> dict[str, float | None]:
    """The class's mean of each chapter, over the submissions that have points."""
    found = {}
    for name in room.chapters:
        points = [score.points for _, score in room.marked(name)]
        found[name] = sum(points) / len(points) if points else None
    return found


def _part(room: ClassMarks, person: Person, name: str, root: Path, folder: Path) -> ChapterPart:
    chapter, key = room.chapters[name], (person.id, name)
    score, verdict = room.scores[key], room.verdicts.get(key)
    marks = analysis.marks_of(verdict) if verdict else {}
    rows = []
    for exercise_key, exercise in chapter.exercises.items():
        tests, own = room.tests[name][exercise_key], marks.get(exercise_key, [])
        row = ExerciseRow(
            exercise=exercise,
            points=score.of(tests) if score.recorded else None,
            by_hand=not score.by_hand.isdisjoint(tests),
            unwritten=bool(verdict and analysis.unwritten(verdict, exercise_key, own)),
            failed=[mark for mark in own if mark.message],
        )
        rows.append(row)
    page = Path(name) / Path(chapter.notebook_name).with_suffix(".html").name
    feedback = _feedback(root, person.id, page, folder)
    return ChapterPart(name, chapter.title, room.worth[name], score, verdict, rows, feedback)


def _feedback(root: Path, student: str, page: Path, folder: Path) -> str:
    """The address of a feedback page from a page in ``folder``, or "" where there is none."""
    if not STUDENT_NAME.fullmatch(student):
        return ""
    path = root / "feedback" / student / page
    return quote(Path(os.path.relpath(path, folder)).as_posix()) if path.is_file() else ""


def _render(template: str, **values: object) -> str:
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "points": _points, "percent": _percent, "number": _number, "clip": _clip,
        "page": lambda student: quote(page_name(student)),
    }  # fmt: skip
    style, script = (_asset(name) for name in ("report.css", "report.js"))
    environment.globals |= {
        "style": Markup(style),
        "script": Markup(script),
        "policy": f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)};"
        " base-uri 'none'; form-action 'none'",
        "generator": Markup(GENERATOR),
        "message_characters": MESSAGE_CHARACTERS,
        "values_characters": VALUES_CHARACTERS,
        "top_messages": TOP_MESSAGES,
        "top_flags": TOP_FLAGS,
    }
    return environment


def _asset(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """The source of a Content-Security-Policy that allows exactly this inline text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _points(value: float | None) -> str:
    return "–" if value is None else f"{round(value, 2):g}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}".replace("%", "\u00a0%")


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "\u2212")


def _clip(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[:characters]} … (cut)"
