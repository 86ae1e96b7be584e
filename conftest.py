"""For every test, and for the solution notebooks under nbval: one thread, and no network.

The network is cut twice. On Linux, as root, the whole run moves to a network namespace that has
only the loopback device: kernels and subprocesses are inside too. Everywhere, a guard
(tests/offline/sitecustomize.py) refuses connections to other machines in each Python process.
"""

import ctypes
import os
import socket
import struct
import sys
from pathlib import Path

import pytest

OFFLINE = Path(__file__).parent / "tests" / "offline"
# Their cases may run in different processes, a chapter each; any other file stays in one.
BY_CHAPTER = ("tests/course/test_agreement.py", "tests/course/test_parity.py")
CLONE_NEWNET, SIOCSIFFLAGS, IFF_UP = 0x40000000, 0x8914, 0x1

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["PYTHONHASHSEED"] = "0"
os.environ.setdefault("GRADUS_DEVICE", "cpu")
os.environ["PYTHONPATH"] = os.pathsep.join([str(OFFLINE), os.environ.get("PYTHONPATH", "")])
sys.path.insert(0, str(OFFLINE))
sys.modules.pop("sitecustomize", None)  # the system may have one
import sitecustomize  # noqa: E402, F401


def _leave_the_network() -> None:
    """Move to an empty network namespace and bring its loopback device up."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        return  # not allowed here (a container): the guard alone must do
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


if sys.platform == "linux" and os.geteuid() == 0:
    _leave_the_network()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """Split the slow files of the course by chapter, so that no process is left with all of them.

    (pytest 9 does not let xdist's own ``--dist loadgroup`` do it.)
    """
    from xdist.scheduler import LoadFileScheduling

    class ByChapter(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return file + nodeid[nodeid.find("[") :] if file in BY_CHAPTER else file

    return ByChapter(config, log) if config.getoption("dist") == "loadfile" else None
