"""Worker processes that end when their owner does, however it ends."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection


def worker_pool(jobs: int) -> ProcessPoolExecutor:
    """A pool of fresh processes (spawned: no state of this one, no threads that were forked)."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(max(1, jobs), mp_context=context, initializer=_follow_owner)


def _follow_owner() -> None:
    """A killed owner cannot tell its workers: each one watches, and leaves with it."""
    owner = multiprocessing.parent_process()
    if owner is not None:
        threading.Thread(target=_leave_with, args=(owner.sentinel,), daemon=True).start()


def _leave_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
