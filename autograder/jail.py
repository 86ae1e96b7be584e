"""The walls around one student's kernel, put up in the forked process before any student code.

The fork server itself already lives in bubblewrap (``sandbox.py``): no network, a read-only system,
nothing of the course but what a student has. What follows separates one submission from the next:
own processes, own empty disks, own limits, no way to ask the system for more. Each wall is one
function; none of them can be undone by the process that it was put around.

Sources: the manual pages namespaces(7), mount(2), capabilities(7), setrlimit(2), seccomp(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000  # linux/sched.h
NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag, CLONE_NEWTIME included
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8  # linux/mount.h
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4  # linux/prctl.h
CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h
STAGING = "/gradus"  # an empty folder that sandbox.py makes

# What a notebook never needs and an attacker might: other processes' memory, kernel objects that
# outlive a process, mounts and namespaces, asynchronous system calls, the kernel's own switches.
FORBIDDEN = (
    "ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd perf_event_open bpf userfaultfd"
    " unshare setns mount umount2 pivot_root chroot move_mount open_tree fsopen fsconfig fsmount"
    " fspick mount_setattr name_to_handle_at open_by_handle_at fanotify_init quotactl acct"
    " io_uring_setup io_uring_enter io_uring_register io_setup"
    " add_key request_key keyctl memfd_create memfd_secret"
    " shmget shmat msgget semget mq_open"
    " init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff"
    " syslog sethostname setdomainname settimeofday clock_settime adjtimex clock_adjtime"
    " iopl ioperm modify_ldt personality vhangup mknod mknodat lookup_dcookie nfsservctl"
    " landlock_create_ruleset set_mempolicy mbind move_pages migrate_pages"
).split()
AF_NETLINK, NETLINK_ROUTE = 16, 0
SOCKETS = (1, 2, 10, AF_NETLINK)  # AF_UNIX; AF_INET, AF_INET6: a loopback of its own; its address


@dataclass(frozen=True)
class Jail:
    """What one kernel may use; see ``limits.Limits`` for the reasons. Sizes are bytes."""

    folder: str  # the kernel's own folder, where its sockets are
    kept: list[str]  # folders below /tmp that it may read
    uid: int  # a user that nobody else is; -1: stay who we are
    memory_bytes: int
    processes: int
    files_open: int
    file_bytes: int
    disk_bytes: int
    disk_files: int
    cell_cpu_seconds: int
    notebook_cpu_seconds: int


_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> None:
    """A system call by its C library name. Raises OSError when it fails."""
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name} {arguments[:2]}: {os.strerror(number)}")


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    texts = (source.encode(), target.encode(), kind.encode())
    _call("mount", *texts, ctypes.c_ulong(flags), options.encode())


def leave_the_others() -> None:
    """Own mounts and shared memory; processes forked from here on see only each other."""
    _call("unshare", CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID)
    _mount("none", "/", "", MS_REC | MS_PRIVATE)


def empty_disks(jail: Jail) -> None:
    """Empty disks of a fixed size; of all kernels' folders only this one's is left."""
    siblings = Path(jail.folder).parent
    _mount("/tmp", STAGING, "", MS_BIND | MS_REC)
    options = f"size={jail.disk_bytes},nr_inodes={jail.disk_files},mode=1777"
    for place in ("/tmp", "/dev/shm"):
        _mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, options)
    for path in jail.kept:  # an installation may lie in /tmp itself
        _mount_again(path)
    if siblings.is_relative_to("/tmp"):
        _mount_again(jail.folder)
    else:
        _hide_siblings(jail.folder, siblings)
    _call("umount2", STAGING.encode(), MNT_DETACH)


def _mount_again(path: str) -> None:
    """Something of the former ``/tmp`` in its old place."""
    Path(path).mkdir(parents=True, exist_ok=True)
    _mount(path.replace("/tmp", STAGING, 1), path, "", MS_BIND | MS_REC)


def _hide_siblings(folder: str, siblings: Path) -> None:
    """Where the kernels' folders do not lie in ``/tmp``: nothing but this one in their place."""
    _call("umount2", STAGING.encode(), MNT_DETACH)
    _mount(folder, STAGING, "", MS_BIND)
    _mount("tmpfs", str(siblings), "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=755")
    Path(folder).mkdir()
    _mount(STAGING, folder, "", MS_BIND)


def freeze_folder(jail: Jail) -> None:
    """From now on the kernel's folder cannot be written: its sockets stay what they are."""
    flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC
    _mount("none", jail.folder, "", flags)


def own_processes() -> None:
    """``/proc`` of the new process namespace (call in its first process)."""
    _mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)


def nobody(jail: Jail) -> None:
    """A user without rights, for good: no capability, and no program can give one back."""
    _call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    if jail.uid >= 0:
        os.setgroups([])
        os.setresgid(jail.uid, jail.uid, jail.uid)
        os.setresuid(jail.uid, jail.uid, jail.uid)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def limit_resources(jail: Jail) -> None:
    """Memory, processes, files and CPU time that this process and its children may use."""
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    for kind, value in (
        (resource.RLIMIT_AS, mapped + jail.memory_bytes),
        (resource.RLIMIT_NPROC, jail.processes),
        (resource.RLIMIT_NOFILE, jail.files_open),
        (resource.RLIMIT_FSIZE, jail.file_bytes),
        (resource.RLIMIT_CPU, jail.notebook_cpu_seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def make_call_filter():
    """The filter of system calls, compiled once; ``load()`` puts it around the calling process.

    Raises OSError or ImportError where libseccomp is missing.
    """
    import pyseccomp as seccomp

    calls = seccomp.SyscallFilter(seccomp.ALLOW)
    denied, absent = seccomp.ERRNO(errno.EPERM), seccomp.ERRNO(errno.ENOSYS)
    for name in FORBIDDEN:
        with contextlib.suppress(OSError):  # not every processor has every call
            seccomp.resolve_syscall(seccomp.system_arch(), name)
            calls.add_rule(denied, name)
    calls.add_rule(absent, "clone3")  # its flags lie in memory; the C library then uses clone
    for bit in range(32):
        if NEW_NAMESPACES >> bit & 1:
            flag = 1 << bit
            calls.add_rule(denied, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag))
    _only_sockets(calls, seccomp)
    return calls


def _only_sockets(calls, seccomp) -> None:
    """Deny ``socket`` for every family but ours: below, between and above them."""
    denied = seccomp.ERRNO(errno.EAFNOSUPPORT)
    for name in ("socket", "socketpair"):
        edges = [-1, *SOCKETS, 1 << 16]
        for below, above in zip(edges, edges[1:], strict=False):
            for family in range(below + 1, min(above, 64)):
                calls.add_rule(denied, name, seccomp.Arg(0, seccomp.EQ, family))
        calls.add_rule(denied, name, seccomp.Arg(0, seccomp.GE, 64))
        other = seccomp.Arg(2, seccomp.NE, NETLINK_ROUTE)  # getaddrinfo asks for addresses
        calls.add_rule(denied, name, seccomp.Arg(0, seccomp.EQ, AF_NETLINK), other)
