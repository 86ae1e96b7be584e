"""nbgrader's exchange (JupyterHub): what came in through it, and feedback on its way back.

Students own what they hand in there. ``nbgrader collect`` copies it as the instructor and follows
links, so a notebook that is a link to the solutions would come in as its owner's work: what was
collected is therefore compared with what lies in the exchange.

``nbgrader submit`` puts a secret beside the notebook; ``nbgrader release_feedback`` looks for it
beside the feedback page and files the page under a name that only who knows the secret can ask for.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from autograder.intake import Refused, Submission, read_bytes
from autograder.storage import write
from autograder.verdict import Verdict

SECRET, TIMESTAMP = "submission_secret.txt", "timestamp.txt"


def arrivals(inbound: Path | None, submission: Submission, data: bytes) -> list[Path]:
    """The files in the exchange's ``inbound`` that hold these bytes; links count for nothing."""
    found = []
    for folder in inbound.glob(f"{submission.student}+{submission.chapter}+*") if inbound else ():
        try:
            copy = folder / submission.path.name
            if not folder.is_symlink() and read_bytes(copy) == data:
                found.append(copy)
        except Refused:
            continue
    return found


def doubt(inbound: Path | None, submission: Submission) -> list[str]:
    """A flag for a person if the exchange is in use and does not hold what was collected."""
    try:
        if inbound is None or arrivals(inbound, submission, read_bytes(submission.path)):
            return []
    except Refused:
        return []  # it is refused as it is
    return ["the exchange does not hold this file: it was a link, or was changed since"]


def for_exchange(root: Path, verdicts: Iterable[Verdict]) -> None:
    """Put beside each feedback page what release_feedback reads, where the exchange was used.

    The student could write both files. Of the secret only its form is trusted: it selects a name.
    Where it is missing a new one stands in, because release_feedback stops for the whole class at
    a page without one. The time is the one that the collecting side saw. Raises NotRecorded.
    """
    found = [(verdict, _secret(root / "submitted" / _place(verdict))) for verdict in verdicts]
    used = {verdict.chapter for verdict, secret in found if secret}
    for verdict, secret in found:
        folder = root / "feedback" / _place(verdict)
        if verdict.chapter in used and folder.is_dir():
            secret = secret or _secret(folder) or secrets.token_hex(64)
            if secret != _secret(folder):
                write(folder / SECRET, secret, root)
            write(folder / TIMESTAMP, verdict.received, root)


def _place(verdict: Verdict) -> Path:
    return Path(verdict.student) / verdict.chapter


def _secret(folder: Path) -> str:
    """The secret that lies in a folder; "" for none, and for what is none."""
    try:
        text = read_bytes(folder / SECRET).decode("ascii", "replace")
    except Refused:
        return ""
    return text if re.fullmatch(r"[0-9a-f]{128}", text) else ""
