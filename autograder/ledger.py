"""What the gradebook cannot hold of a verdict, kept beside it in the same database.

nbgrader's tables know points and comments; the ledger keeps the whole record (messages, flags,
resources used, what the marks depend on). Both are written in one transaction, so a run that is
killed at any moment leaves a submission either recorded in both or in neither. Receipts say when a
submission was first seen with the bytes it has.
"""

from __future__ import annotations

import json

from sqlalchemy import Column, MetaData, String, Table, Text, delete, insert, select
from sqlalchemy.orm import Session

from autograder.verdict import Verdict

METADATA = MetaData()
TABLE = Table(
    "gradus_verdict",
    METADATA,
    Column("student", String(64), primary_key=True),
    Column("chapter", String(64), primary_key=True),
    Column("record", Text, nullable=False),
)
RECEIPTS = Table(
    "gradus_receipt",
    METADATA,
    Column("student", String(64), primary_key=True),
    Column("chapter", String(64), primary_key=True),
    Column("digest", String(64), nullable=False),  # SHA-256 of the file
    Column("time", String(32), nullable=False),  # ISO 8601, UTC
)


def receipt(session: Session, student: str, chapter: str, digest: str) -> str:
    """When this submission was first seen with these bytes; "" if it never was."""
    c = RECEIPTS.c
    here = (c.student == student) & (c.chapter == chapter) & (c.digest == digest)
    return session.execute(select(c.time).where(here)).scalar() or ""


def enter_receipt(session: Session, student: str, chapter: str, digest: str, time: str) -> None:
    """Put a receipt in the place of an earlier one; the caller commits."""
    row = {"student": student, "chapter": chapter, "digest": digest, "time": time}
    c = RECEIPTS.c
    session.execute(delete(RECEIPTS).where((c.student == student) & (c.chapter == chapter)))
    session.execute(insert(RECEIPTS).values(**row))


def set_times(session: Session, times: dict[tuple[str, str], str]) -> None:
    """Write a new time of receipt into the verdicts on record; the caller commits."""
    for verdict in verdicts(session):
        time = times.get((verdict.student, verdict.chapter), verdict.received)
        if time != verdict.received:
            verdict.received = time
            enter(session, verdict)


def enter(session: Session, verdict: Verdict) -> None:
    """Put a verdict in the place of an earlier one; the caller commits."""
    key = (TABLE.c.student == verdict.student) & (TABLE.c.chapter == verdict.chapter)
    session.execute(delete(TABLE).where(key))
    row = {"student": verdict.student, "chapter": verdict.chapter}
    session.execute(insert(TABLE).values(**row, record=json.dumps(verdict.record())))


def verdicts(session: Session) -> list[Verdict]:
    """Every verdict on record, by chapter and student."""
    rows = session.execute(select(TABLE.c.record)).scalars()
    found = [Verdict.from_record(json.loads(row)) for row in rows]
    return sorted(found, key=lambda v: (v.chapter, v.student))
