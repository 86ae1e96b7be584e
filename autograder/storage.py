"""Writing that may fail: files whole or not at all, and what went wrong in plain words."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from autograder.chapter import CourseError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_SQLITE = {
    "SQLITE_BUSY": "it is locked by another program",
    "SQLITE_LOCKED": "it is locked by another program",
    "SQLITE_READONLY": "it is read-only",
    "SQLITE_PERM": "it is read-only",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_CANTOPEN": "it cannot be opened: the folder is missing or may not be written",
    "SQLITE_NOTADB": "it is not a database",
    "SQLITE_CORRUPT": "the database is damaged",
}
_POSTGRES = {  # by SQLSTATE
    "53100": "the disk is full",
    "25006": "it is read-only",
    "42501": "this user may not write to it",
    "55P03": "it is locked by another program",
}
_ERRNO = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "it may not be written",
    errno.EPERM: "it may not be written",
}


class NotRecorded(Exception):
    """A verdict, or a file of it, could not be kept: nothing of it was. A rerun completes."""


def why(error: BaseException) -> str:
    """What an error of the database or the file system means, as one clause in plain words."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, OSError):
        return _ERRNO.get(cause.errno, cause.strerror or type(cause).__name__)
    if isinstance(cause, sqlite3.Error):
        name = "_".join(getattr(cause, "sqlite_errorname", "").split("_")[:2])  # SQLITE_BUSY_...
        return _SQLITE.get(name) or _first_line(cause)
    if isinstance(cause, (ModuleNotFoundError, NoSuchModuleError)):
        return (
            "its driver is not installed: for PostgreSQL write postgresql+psycopg://... and run"
            " pip install 'gradus[postgres]'"
        )
    if isinstance(cause, ArgumentError):
        return "it is not a database address, like postgresql+psycopg://user:password@host/name"
    return _POSTGRES.get(getattr(cause, "sqlstate", None)) or _first_line(cause)


def _first_line(error: BaseException | None) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def write(path: Path, text: str, root: Path) -> None:
    """Write a file below ``root`` whole or not at all, and never through a symbolic link.

    ``root`` itself may be reached through links; what lies below it may not, and a link in the
    file's own place is replaced. Raises NotRecorded.
    """
    data = text.encode("utf-8")
    temporary = path.with_name(f".{path.name}.new")  # one name: a rerun clears it after a kill
    try:
        _make_folders(path.parent, root)
        temporary.unlink(missing_ok=True)
        try:
            with open(temporary, "xb", opener=_no_link) as file:
                file.write(data)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise NotRecorded(f"{path} cannot be written: {why(error)}") from error


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


def _make_folders(folder: Path, root: Path) -> None:
    """Every folder from ``root`` down to ``folder``; a link among them is refused."""
    here = root
    for part in folder.relative_to(root).parts:
        here = here / part
        if here.is_symlink():
            raise NotRecorded(f"{here} is a link: nothing is written through it; remove it")
        here.mkdir(exist_ok=True)


@contextlib.contextmanager
def alone_in(root: Path) -> Iterator[None]:
    """Be the only grader in a folder; the system ends this with the process, however it ends.

    Raises CourseError when another one is at work. Where files cannot be locked (Windows, some
    network disks) nothing is checked. The file ``.gradus.lock`` stays: removing it would let two
    graders lock two files of one name.
    """
    path = root / ".gradus.lock"
    try:
        descriptor = _no_link(str(path), os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise CourseError(f"{path} cannot be written: {why(error)}") from error
    try:
        _lock(descriptor, root)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, root: Path) -> None:
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            line = f"another grader is at work in {root}: wait until it is done, or stop it"
            raise CourseError(line) from None
