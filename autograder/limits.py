"""Every limit of the grader, once, with its unit and its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one submission may use. Seconds are wall-clock, sizes are bytes."""

    cell_seconds: int = (
        30  # an exercise's graded cell takes about 1 s; a slow laptop five times that
    )
    setup_seconds: int = 120  # imports and small data, on a machine that is busy
    kernel_starts: int = 3  # tries to start a kernel on a machine that is very busy
    notebook_seconds: int = 300  # the sum over a chapter, so that no submission holds the class up
    judge_seconds: int = 120  # the checks of one submission; they only compare arrays
    submission_bytes: int = 20 * 2**20  # a notebook with many figures has about 2 MiB
    source_bytes: int = 200_000  # the text of one cell; a person writes less in a day
    cells: int = 1000  # the longest chapter has about 150
    claim_bytes: int = 256 * 2**20  # all claims of one submission together, in memory once
    output_characters: int = 20_000  # shown per cell in feedback; the rest is cut
    picture_characters: int = 4 * 2**20  # base64 of one picture; a large plot has 200,000
    displays: int = 20  # pictures and other outputs shown per cell


LIMITS = Limits()
