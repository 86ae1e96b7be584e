"""What the gradebook cannot hold of a verdict, kept beside it in the same database.

nbgrader's tables know points and comments; the ledger keeps the whole record (messages, flags,
resources used, what the marks depend on). Both are written in one transaction, so a run that is
killed at any moment leaves a submission either recorded in both or in neither.
"""

from __future__ import annotations

import json

from sqlalchemy import Column, MetaData, String, Table, Text, delete, insert, select
from sqlalchemy.orm import Session

from autograder.verdict import Verdict

TABLE = Table(
    "gradus_verdict",
    MetaData(),
    Column("student", String(64), primary_key=True),
    Column("chapter", String(64), primary_key=True),
    Column("record", Text, nullable=False),
)


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
