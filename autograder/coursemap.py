"""`make readme`: the course map in README.md, read from the chapters."""

from __future__ import annotations

import sys
from pathlib import Path

from autograder.chapter import Chapter, CourseError, chapters

BEGIN, END = "<!-- course map -->", "<!-- end of the course map -->"


def table(known: dict[str, Chapter]) -> str:
    """The map as a Markdown table; minutes are reading plus exercises."""
    lines = [
        "| chapter | title | exercises | minutes | points |",
        "|---|---|---:|---:|---:|",
    ]
    totals = [0, 0, 0]
    for name, chapter in known.items():
        exercises = list(chapter.exercises.values())
        numbers = [
            sum(not e.is_predict for e in exercises),
            chapter.reading_minutes + sum(e.minutes for e in exercises),
            sum(e.points for e in exercises),
        ]
        totals = [total + number for total, number in zip(totals, numbers, strict=True)]
        cells = [f"[`{name}`](notebooks/{name}/{chapter.notebook_name})", chapter.title, *numbers]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    lines.append(f"| | together | {' | '.join(map(str, totals))} |")
    return "\n".join(lines)


def updated(root: Path) -> str:
    """README.md as it should read."""
    text = (root / "README.md").read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise CourseError(f"README.md needs the two lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n{table(chapters(root))}\n{END}{after}"


def run(root: Path, check: bool = False) -> int:
    """Write the map, or with ``check`` only say whether it is up to date."""
    path, text = root / "README.md", updated(root)
    if path.read_text(encoding="utf-8") == text:
        return 0
    if check:
        print("README.md: the course map is not up to date: make readme", file=sys.stderr)
        return 1
    path.write_text(text, encoding="utf-8", newline="\n")
    print("README.md: new course map")
    return 0
