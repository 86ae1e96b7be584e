"""The instructor's statements in nbgrader's gradebook: students, due dates, times, penalties.

When a submission was handed in is what the collecting side saw, never what a file says that its
author could write (nbgrader's ``timestamp.txt``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from nbgrader.api import Assignment, Student, SubmittedAssignment, SubmittedNotebook
from sqlalchemy.orm import Session

from autograder import ledger
from autograder.classroom import Classroom
from autograder.exchange import arrivals
from autograder.intake import Refused, Submission, read_bytes

Times = dict[tuple[str, str], str]  # (student, chapter) → ISO 8601, UTC


def open_class(session: Session, classroom: Classroom, submissions: Iterable[Submission]) -> Times:
    """Roster, due dates and times into the gradebook; when each submission was handed in.

    Submissions that are on record already get their new time and penalty. The caller commits.
    """
    times = {(s.student, s.chapter): _received(session, classroom, s) for s in submissions}
    if classroom.stated:
        _enroll(session, classroom)
        _settle(session, classroom, times)
    ledger.set_times(session, times | {k: _text(t) for k, t in classroom.received.items()})
    return times


def stamp(session: Session, submitted: SubmittedNotebook, classroom: Classroom) -> None:
    """The late penalty of one submission, from its time, its due date and its points so far."""
    submitted.late_submission_penalty = None
    seconds = submitted.assignment.total_seconds_late
    if seconds > 0:
        session.flush()
        own = session.query(SubmittedNotebook.score).filter_by(id=submitted.id)
        submitted.late_submission_penalty = classroom.late.penalty(own.scalar(), seconds) or None


def set_time(submission: SubmittedAssignment, classroom: Classroom, received: str) -> None:
    """When it was handed in and until when it could be; nbgrader keeps UTC without saying so."""
    if received:
        submission.timestamp = _naive(datetime.fromisoformat(received))
    key = submission.student.id, submission.assignment.name
    if key[1] in classroom.due:
        due = classroom.due[key[1]]
        submission.extension = classroom.extended[key] - due if key in classroom.extended else None


def _enroll(session: Session, classroom: Classroom) -> None:
    for name, fields in classroom.students.items():
        student = session.get(Student, name) or Student(id=name)
        session.add(student)
        for key, value in fields.items():
            setattr(student, key, value)
    for assignment in session.query(Assignment):
        if assignment.name in classroom.due:
            assignment.duedate = _naive(classroom.due[assignment.name])


def _settle(session: Session, classroom: Classroom, times: Times) -> None:
    """New times, due dates and a person's marks change the penalties of what is recorded."""
    for submitted in session.query(SubmittedNotebook):
        submission = submitted.assignment
        key = submission.student_id, submission.assignment.name
        stated = classroom.received.get(key)
        set_time(submission, classroom, _text(stated) if stated else times.get(key, ""))
        stamp(session, submitted, classroom)


def _received(session: Session, classroom: Classroom, submission: Submission) -> str:
    """As received.csv says; else the earliest time at which these very bytes were seen."""
    try:
        data = read_bytes(submission.path)
    except Refused:
        data = b""  # a link, nothing there: the time is all that can be known
    digest = hashlib.sha256(data).hexdigest()
    seen = [_changed(submission.path)]
    for copy in arrivals(classroom.inbound, submission, data):  # collect makes newer copies
        # A folder that was moved there keeps its files' times, and gets a new one itself.
        seen.append(max(_changed(copy), _changed(copy.parent)))
    earlier = ledger.receipt(session, submission.student, submission.chapter, digest)
    time = min([*seen, datetime.fromisoformat(earlier)] if earlier else seen)
    ledger.enter_receipt(session, submission.student, submission.chapter, digest, _text(time))
    return _text(classroom.received.get((submission.student, submission.chapter), time))


def _changed(path: Path) -> datetime:
    """When the operating system last saw the file change (``ctime``: nobody can set it back)."""
    for place in (path, path.parent):
        try:
            seconds = int(place.lstat().st_ctime)
        except OSError:
            continue  # nothing handed in: the time of the folder
        return datetime.fromtimestamp(seconds, UTC)
    return datetime.now(UTC).replace(microsecond=0)


def _text(time: datetime) -> str:
    return time.isoformat()


def _naive(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(tzinfo=None)
