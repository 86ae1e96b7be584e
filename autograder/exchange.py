"""Feedback on its way back through nbgrader's exchange (JupyterHub).

``nbgrader submit`` puts a secret beside the notebook; ``nbgrader release_feedback`` looks for it
beside the feedback page and files the page under a name that only who knows the secret can ask for.
"""

from __future__ import annotations

import re
from pathlib import Path

from autograder.intake import Refused, read_bytes
from autograder.storage import write
from autograder.verdict import Verdict

SECRET, TIMESTAMP = "submission_secret.txt", "timestamp.txt"


def for_exchange(root: Path, verdict: Verdict) -> None:
    """Put beside the feedback page what release_feedback reads, if the exchange was used.

    The student could write both files. Of the secret only its form is trusted: it selects a name.
    The time is the one that the collecting side saw.
    """
    place = Path(verdict.student) / verdict.chapter
    try:
        secret = read_bytes(root / "submitted" / place / SECRET).decode("ascii")
    except (Refused, UnicodeDecodeError):
        return
    if re.fullmatch(r"[0-9a-f]{128}", secret):
        write(root / "feedback" / place / SECRET, secret, root)
        write(root / "feedback" / place / TIMESTAMP, verdict.received, root)
