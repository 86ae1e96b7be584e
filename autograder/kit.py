"""`make kit`: the course as a student gets it, without solutions, grader and answers."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from autograder.chapter import CourseError

FOLDER = "gradus-student"  # what the zip unpacks to
FILES = Path(__file__).parent / "kit_files"
MARKS = (b"### BEGIN SOLUTION", b"### BEGIN HIDDEN TESTS")  # no released notebook holds them


def build_kit(root: Path) -> Path:
    """Write ``dist/gradus-student.zip``; the same files give the same bytes."""
    target = root / "dist" / f"{FOLDER}.zip"
    contents = dict(sorted(_contents(root)))
    for name, content in contents.items():
        if name.startswith("notebooks/") and any(mark in content for mark in MARKS):
            raise CourseError(f"{name} holds a solution or a hidden test: make notebooks")
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(f"{FOLDER}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            entry.create_system = 3  # the same on every machine
            archive.writestr(entry, content)
    return target


def _contents(root: Path) -> Iterator[tuple[str, bytes]]:
    """(name in the zip, content): an allow-list, so that nothing else can slip in."""
    for name in ("README.md", "Makefile"):
        yield name, (FILES / name).read_bytes()
    yield "requirements.lock", (root / "requirements-student.lock").read_bytes()
    for name in ("LICENSE", "LICENSE-text"):
        yield name, (root / name).read_bytes()
    shipped = [
        *(root / "notebooks").glob("*/*"),
        *(root / "gradus").rglob("*"),
        *(root / "data").glob("*"),  # full data sets lie in folders of their own
    ]
    for path in shipped:
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(root).as_posix(), path.read_bytes()
