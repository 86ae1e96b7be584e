"""Every limit of the grader, once, with its unit and its reason.

A chapter may change some of them in the header of its source (``gradus: {limits: {...}}``).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """What one submission may use. Seconds are wall-clock unless named cpu, sizes are bytes."""

    # Time. A graded cell takes about 1 s; a slow laptop needs five times that.
    cell_seconds: int = 30
    cell_cpu_seconds: int = 30  # of all its processes: a loop in many threads is a loop
    notebook_seconds: int = 300  # the sum over a chapter, so that no submission holds the class up
    notebook_cpu_seconds: int = 300
    setup_seconds: int = 120  # imports and small data, on a machine that is busy
    judge_seconds: int = 120  # the checks of one submission; they only compare arrays
    kernel_starts: int = 3  # tries to start a kernel on a machine that is very busy

    # Memory, processes and disk of a student's kernel. All disks are in memory and vanish.
    memory_bytes: int = 2048 * MIB  # beyond what torch itself maps; a chapter's cells use 300 MiB
    processes: int = 128  # with threads; two loaders with four workers each need 60
    files_open: int = 1024  # the usual default
    file_bytes: int = 256 * MIB  # one file; a checkpoint of the course's models has 20 MiB
    disk_bytes: int = 256 * MIB  # home, work folder and /tmp together, and again shared memory
    disk_files: int = 20_000  # inodes of each of the two

    # What is read of a submission.
    submission_bytes: int = 20 * MIB  # a notebook with many figures has about 2 MiB
    source_bytes: int = 200_000  # the text of one cell; a person writes less in a day
    cells: int = 1000  # the longest chapter has about 150
    extra_bytes: int = 20 * MIB  # files handed in beside the notebook, together

    # What is read of a kernel.
    message_bytes: int = 8 * MIB  # the text of one message; a large picture has 300 KB
    frame_bytes: int = 40 * MIB  # one part of a message; the claims of one test have 32 MiB
    claim_bytes: int = 256 * MIB  # all claims of one submission together, in memory once
    output_bytes: int = 10 * MIB  # of one cell; a cell that sends more is stopped
    notebook_output_bytes: int = 50 * MIB  # of all cells; what comes after that is not kept

    worker_bytes: int = 4096 * MIB  # beyond what a grading process maps: it reads the messages

    # What is shown in feedback.
    output_characters: int = 20_000  # per output; the rest is cut
    picture_characters: int = 4 * MIB  # base64 of one picture; a large plot has 200,000
    displays: int = 20  # pictures and other outputs per cell

    def changed(self, changes: dict[str, Any]) -> Limits:
        """With a chapter's own values. Raises ValueError for a name or value that is none."""
        known = {item.name for item in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"there is no limit {name!r}; one of {', '.join(sorted(known))}")
            if type(value) is not int or value < 0:
                raise ValueError(f"limit {name}: {value!r} is not a whole number")
        return replace(self, **changes)


LIMITS = Limits()
