"""Step 1: find what was handed in, and read it without trusting any of it.

A submission is ``submitted/<student>/<chapter>/<name>.ipynb``. Links are not followed, only
regular files are opened, sizes are bounded before anything is parsed, and of the notebook only
the texts and names that grading needs are kept.
"""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.limits import LIMITS

# What tools leave there: no news.
ORDINARY = ("timestamp.txt", "submission_secret.txt", ".ipynb_checkpoints", ".DS_Store")
STUDENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Refused(Exception):
    """The submission cannot be graded; the message says why, in words for its author."""


@dataclass(frozen=True)
class SubmittedCell:
    """What is kept of a student's cell."""

    kind: str  # code or markdown
    source: str
    grade_id: str | None
    cell_id: str | None
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Submission:
    """One student's file for one chapter, still unread."""

    student: str
    chapter: str
    path: Path


@dataclass(frozen=True)
class SubmittedNotebook:
    """The cells of a submission, and the chapter version it says it was made from (or "")."""

    cells: tuple[SubmittedCell, ...]
    version: str


def find_submissions(root: Path, notebooks: dict[str, str]) -> list[Submission]:
    """All submissions under ``root/submitted``; ``notebooks``: chapter → notebook file name.

    Folders that are links, and names that are not a student's id, are left out: see ``strangers``.
    """
    found = []
    for student in _folders(root / "submitted"):
        if not STUDENT_NAME.fullmatch(student.name):
            continue
        for chapter in _folders(student):
            if chapter.name in notebooks:
                path = chapter / notebooks[chapter.name]
                found.append(Submission(student.name, chapter.name, path))
    return sorted(found, key=lambda s: (s.chapter, s.student))


def strangers(root: Path, notebooks: dict[str, str]) -> list[str]:
    """One line for everything under ``submitted`` that is not a submission."""
    base = root / "submitted"
    lines = []
    for entry in sorted(base.iterdir()) if base.is_dir() else []:
        if entry.is_symlink() or not entry.is_dir():
            lines.append(f"{entry.name!r}: not a student's folder, left out")
        elif not STUDENT_NAME.fullmatch(entry.name):
            lines.append(f"{entry.name!r}: not a valid student id, left out")
        else:
            known = {path.name for path in _folders(entry) if path.name in notebooks}
            for name in sorted(_names(entry) - known):
                lines.append(f"{entry.name}/{name!r}: not a chapter's folder, left out")
    return lines


def _names(base: Path) -> set[str]:
    try:
        return set(os.listdir(base))
    except OSError:
        return set()


def _folders(base: Path) -> list[Path]:
    try:
        entries = list(os.scandir(base))
    except OSError:
        return []
    return [Path(e.path) for e in entries if e.is_dir(follow_symlinks=False)]


def read_beside(folder: Path, notebook_name: str, allowed: list[str]) -> tuple[dict, list[str]]:
    """What lies beside the notebook: (bytes by name of allowed files, notes on all others).

    Only regular files directly in the folder whose names are on the chapter's list are read.
    """
    files: dict[str, bytes] = {}
    notes = []
    for name in sorted(_names(folder) - {notebook_name, *ORDINARY}):
        if name not in allowed:
            notes.append(f"ignored: {name[:100]!r} is not asked for")
            continue
        try:
            files[name] = read_bytes(folder / name)
        except Refused as refused:
            notes.append(f"ignored: {refused}")
        if sum(map(len, files.values())) > LIMITS.extra_bytes:
            del files[name]
            notes.append(f"ignored: {name!r}, the files are larger than allowed together")
    return files, notes[:20]


def read_bytes(path: Path) -> bytes:
    """The file's bytes. Raises Refused for a link, a device, an absent or too large file."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if path.is_symlink():
            raise Refused(f"{path.name} is a link; hand in the notebook itself")
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise Refused(f"there is no {path.name} in the folder") from None
    except OSError as error:
        raise Refused(f"{path.name} cannot be opened ({error.strerror})") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refused(f"{path.name} is not a regular file")
    try:
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(LIMITS.submission_bytes + 1)
    except OSError as error:  # a bad disk, a server that went away
        raise Refused(f"{path.name} cannot be read ({error.strerror})") from None
    if len(data) > LIMITS.submission_bytes:
        raise Refused(f"{path.name} is larger than {LIMITS.submission_bytes // 2**20} MiB")
    return data


def parse(data: bytes) -> SubmittedNotebook:
    """The cells of a notebook file. Raises Refused for whatever is not a version 4 notebook."""
    try:
        tree = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Refused("not a notebook: the file is not UTF-8 text") from None
    except (ValueError, RecursionError):
        raise Refused("not a notebook: the file is not valid JSON") from None
    if not isinstance(tree, dict) or not isinstance(tree.get("cells"), list):
        raise Refused("not a notebook of format 4: open it in JupyterLab and save it again")
    if len(tree["cells"]) > LIMITS.cells:
        raise Refused(f"the notebook has more than {LIMITS.cells} cells")
    version = _at(tree, "metadata", "gradus", "version")
    cells = tuple(_cell(cell, index) for index, cell in enumerate(tree["cells"]))
    return SubmittedNotebook(cells, version if isinstance(version, str) else "")


def _cell(cell: Any, index: int) -> SubmittedCell:
    source = cell.get("source", "") if isinstance(cell, dict) else None
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise Refused(f"not a notebook: cell {index + 1} has no text")
    if len(source.encode("utf-8", "replace")) > LIMITS.source_bytes:
        raise Refused(f"cell {index + 1} is longer than {LIMITS.source_bytes} bytes")
    grade_id, cell_id = _at(cell, "metadata", "nbgrader", "grade_id"), cell.get("id")
    tags = _at(cell, "metadata", "tags")
    return SubmittedCell(
        kind="code" if cell.get("cell_type") == "code" else "markdown",
        source=source.encode("utf-8", "replace").decode(),
        grade_id=grade_id if isinstance(grade_id, str) else None,
        cell_id=cell_id if isinstance(cell_id, str) else None,
        tags=frozenset(filter(_is_text, tags if isinstance(tags, list) else [])),
    )


def _is_text(thing: Any) -> bool:
    return isinstance(thing, str)


def _at(tree: Any, *keys: str) -> Any:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree
