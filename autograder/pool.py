"""Worker processes that end when their owner does, however it ends."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection
from pathlib import Path

from autograder.limits import LIMITS

PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4  # linux/prctl.h


def worker_pool(jobs: int) -> ProcessPoolExecutor:
    """A pool of fresh processes (spawned: no state of this one, no threads that were forked)."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(max(1, jobs), mp_context=context, initializer=_follow_owner)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until this is over; processes started meanwhile never hear it.

    Without it a helper that is still importing answers Ctrl-C with a traceback of its own.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end(pool: ProcessPoolExecutor) -> None:
    """End a pool at once, with what its workers are doing."""
    workers = list((pool._processes or {}).values())  # there is no public way before Python 3.14
    pool.shutdown(wait=False, cancel_futures=True)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(5)
        worker.kill()


@contextlib.contextmanager
def kill_after(process: subprocess.Popen, seconds: float) -> Iterator[None]:
    """End a helper process that does not answer in time, be it stopped or stuck."""
    timer = threading.Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def hide_from_neighbours() -> None:
    """Close ``/proc/<this>/fd`` and ``mem`` to other processes of the same (not the root) user."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0)


def end_with_parent() -> None:
    """Be killed when the parent process ends (Linux; elsewhere nothing happens)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _follow_owner() -> None:
    """A killed owner cannot tell its workers: each one watches, and leaves with it."""
    hide_from_neighbours()
    _limit_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the owner hears it, and ends its workers
    if hasattr(signal, "pthread_sigmask"):  # what ``uninterrupted`` kept back until here
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    owner = multiprocessing.parent_process()
    if owner is not None:
        threading.Thread(target=_leave_with, args=(owner.sentinel,), daemon=True).start()


def _limit_memory() -> None:
    """A worker that reads more than it can hold ends alone, and not the whole machine."""
    if sys.platform == "linux":
        import resource

        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (mapped + LIMITS.worker_bytes, hard))


def _leave_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
