"""The outer wall: the fork server, and so every student process, lives in bubblewrap.

It sees a read-only system, the Python installation, ``gradus`` and ``data/``, and of the grader the
two files that fork kernels. There is no network but a loopback of its own, no environment, no
process but its own; it ends with the process that started it. ``jail.py`` then separates one
submission from the next. bubblewrap: https://github.com/containers/bubblewrap
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path

import psutil

from autograder.chapter import CourseError
from autograder.jail import STAGING, Jail
from autograder.limits import Limits

BUBBLEWRAP, NONE = "bubblewrap", "none"
INSTALL = "run `make sandbox`, or `sudo apt install bubblewrap libseccomp2` (Fedora: dnf)"
ALLOW = "allow user namespaces (autograder/README.md, Walls), or run it as root in a container"
PACKAGE = Path(__file__).resolve().parent
OURS = ("__init__.py", "forkserver.py", "jail.py")  # all that a sandbox holds of the grader
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
SETTINGS = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "fonts", "alternatives")
FIRST_UID = 61184  # of the range that systemd keeps for users that exist for a while
UIDS = 4  # of one worker, in turn: processes that are slow to end do not count for the next kernel
# As root the server keeps only the rights it needs to put up walls; student code has none.
RIGHTS = ("SYS_ADMIN", "SETUID", "SETGID", "SYS_PTRACE", "KILL", "SYS_RESOURCE")


@lru_cache(maxsize=1)
def why_not() -> str:
    """Why there can be no sandbox here, in one line; "" when there can."""
    if sys.platform != "linux":
        return f"there is no sandbox on {sys.platform}: use Linux, a container or a virtual machine"
    if not shutil.which("bwrap"):
        return f"bubblewrap is not installed: {INSTALL}"
    try:
        from autograder.jail import make_call_filter

        make_call_filter()
    except (ImportError, OSError, RuntimeError) as error:
        return f"system calls cannot be filtered ({error}): {INSTALL}"
    tried = subprocess.run(
        [*_namespaces(), "--ro-bind", "/", "/", "true"], capture_output=True, text=True
    )
    if tried.returncode:
        said = (tried.stderr.strip().splitlines() or ["no message"])[-1]
        return f"bubblewrap does not work here ({said}): {ALLOW}"
    return ""


def run_folder() -> Path:
    """A new folder for the sockets of this process's kernels; what killed runs left is removed."""
    remove_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=f"gradus-{os.getpid()}-"))
    folder.chmod(0o711)  # its kernels, other users, pass through to their own
    return folder


def remove_leftovers() -> None:
    """Remove the folders of processes that have ended without tidying up."""
    for left in Path(tempfile.gettempdir()).glob("gradus-[0-9]*-*"):
        if not psutil.pid_exists(int(left.name.split("-")[1])):
            shutil.rmtree(left, ignore_errors=True)


def command(folder: Path, keep_out: Iterable[Path] = ()) -> list[str]:
    """The start of a command line that runs the rest in a sandbox.

    ``folder``: the only place that can be written. Raises CourseError if one of ``keep_out`` (the
    solutions, the class) would be visible inside.
    """
    visible = _readable()
    for secret in keep_out:
        if _within(secret.resolve(), [path.resolve() for path in [*visible, *map(Path, SYSTEM)]]):
            raise CourseError(f"{secret} lies where submissions can read it: move it")
    arguments = _namespaces()
    arguments += ["--perms", "0755", "--tmpfs", "/tmp"]
    for path in SYSTEM:
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            arguments += ["--ro-bind", path, path]
    for path in _parents([*visible, folder, Path("/etc/fonts")]):  # bubblewrap's own are 0700
        arguments += ["--perms", "0755", "--dir", str(path)]
    for name in SETTINGS:
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for path in visible:
        if not _within(path, map(Path, SYSTEM)):
            arguments += ["--ro-bind", str(path), str(path)]
    return [
        *arguments,
        *("--proc", "/proc", "--dev", "/dev", "--dir", STAGING),
        *("--bind", str(folder), str(folder), "--remount-ro", "/dev", "--remount-ro", "/"),
        *("--tmpfs", "/dev/shm"),
        *("--chdir", "/", "--"),
    ]


def _parents(paths: Iterable[Path]) -> list[Path]:
    """All folders above these paths but the root and what is bound as a whole, from the top."""
    above = {parent for path in paths for parent in path.parents if parent != Path("/")}
    return sorted(p for p in above if p != Path("/tmp") and not _within(p, map(Path, SYSTEM)))


def _within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def jail(folder: Path, limits: Limits) -> Jail:
    """The walls of one kernel whose sockets lie in ``folder``; makes the folder its own."""
    uid = next(_nobodies()) if os.geteuid() == 0 else -1
    if uid >= 0:
        os.chown(folder, uid, uid)
    kept = [str(path) for path in _readable() if path.is_relative_to("/tmp") and path.is_dir()]
    names = set(Jail.__dataclass_fields__) - {"folder", "kept", "uid"}
    return Jail(str(folder), kept, uid, **{name: getattr(limits, name) for name in names})


def _namespaces() -> list[str]:
    """bubblewrap with everything apart from the files."""
    arguments = ["bwrap", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    arguments += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    rights = RIGHTS
    if os.geteuid() != 0:  # rights over its own namespace only
        arguments += ["--unshare-user", "--uid", "65534", "--gid", "65534"]
        rights = ("SYS_ADMIN", "SYS_PTRACE")
    for right in rights:
        arguments += ["--cap-add", f"CAP_{right}"]
    return arguments


def _readable() -> list[Path]:
    """What of this machine a submission may read, apart from the system."""
    helper = gradus_folder()
    paths = [Path(sys.prefix), Path(sys.base_prefix), helper, helper.parent / "data"]
    paths += [PACKAGE / name for name in OURS] + libraries()
    paths += map(Path, filter(None, os.environ.get("GRADUS_DATA", "").split(os.pathsep)))
    return [path for path in dict.fromkeys(paths) if path.is_absolute() and path.exists()]


def gradus_folder() -> Path:
    """Where ``gradus`` lies; found without importing it, which would import torch."""
    return Path(find_spec("gradus").origin).resolve().parent


def libraries() -> list[Path]:
    """The folders of installed packages, wherever they are (a user's own among them)."""
    places = [Path(entry) for entry in sys.path]
    return [p for p in places if p.name in ("site-packages", "dist-packages") and p.is_dir()]


@lru_cache(maxsize=1)
def _nobodies() -> Iterator[int]:
    """User ids for the kernels of this process, in turn, that no user and no other worker has."""
    taken = {user.pw_uid for user in pwd.getpwall()}
    first = FIRST_UID + os.getpid() % 900 * UIDS
    free = [uid for uid in range(first, 65000) if uid not in taken][:UIDS]
    if not free:
        raise CourseError(f"there is no free user id between {first} and 65000")
    return cycle(free)
