"""Attacks on the walls: other people's files and processes, the network, the operating system."""

from __future__ import annotations

from tests.hostile.registry import code

SYSCALL = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *arguments):
    arguments = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *arguments)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
"""

code(
    "reads_the_course",
    "solutions, hidden tests and the executed chapter",
    """
import glob
for path in ("@COURSE@/solutions/00_tiny/tiny.py", "@COURSE@/solutions/00_tiny/tiny.ipynb",
             "@COURSE@/solutions/00_tiny/answers.py", "@COURSE@/nbgrader_config.py",
             "@REPOSITORY@/solutions/01_tensors/tensors.py", "@REPOSITORY@/Makefile",
             "@REPOSITORY@/autograder/judge.py", "@REPOSITORY@/tests/hostile/registry.py"):
    attempt(path, lambda: open(path).read())
    attempt("through /proc", lambda: open("/proc/1/root" + path).read())
for module in ("autograder.judge", "autograder.grade", "autograder.chapter", "autograder.answers"):
    attempt(module, lambda: __import__(module))
for pattern in ("@COURSE@/*", "@COURSE@/*/*", "@REPOSITORY@/solutions/*"):
    found = glob.glob(pattern)
    attempt(pattern, lambda: found[0])
""",
)
code(
    "reads_the_class",
    "classmates' notebooks, the gradebook, feedback",
    """
import glob, os, sqlite3
for path in ("@ROOT@/submitted/honest-00/00_tiny/tiny.ipynb", "@ROOT@/gradebook.db"):
    attempt(path, lambda: open(path, "rb").read(10))
attempt("list", lambda: os.listdir("@ROOT@"))
attempt("gradebook", lambda: sqlite3.connect("file:@ROOT@/gradebook.db?mode=rw", uri=True).execute(
    "update grade set auto_score = 6"))
found = glob.glob("/tmp/**/*.ipynb", recursive=True)
attempt("notebooks in /tmp", lambda: found[0])
""",
)
code(
    "reads_the_machine",
    "passwords, keys, other users' homes, devices",
    """
import os
for path in ("/etc/passwd", "/etc/shadow", "/root/.ssh", "/root/.bashrc", "/home", "/var/lib", "/boot",
             "/etc/hostname", "/run", "/proc/kcore", "/proc/sys/kernel/core_pattern.x", "/sys/kernel",
             "/dev/mem", "/dev/kvm", "/dev/fuse", "/dev/sda", "/dev/vda", "/dev/net/tun", "/dev/tty",
             "/var/run/docker.sock", "/sys/fs/cgroup", "@HOME@/canary"):
    attempt(path, lambda: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(10))
""",
)
code(
    "reads_the_environment",
    "the grader's environment",
    """
import os
names = [name for name, value in os.environ.items() if "canary" in value]
attempt("environment", lambda: names[0])
texts = []
for name in os.listdir("/proc"):
    try: texts.append(open(f"/proc/{name}/environ").read())
    except OSError: pass
attempt("environment of others", lambda: [t for t in texts if "canary-" in t][0])
""",
)
code(
    "writes_elsewhere",
    "files of the grader, of Python and of Jupyter, which later kernels would read",
    """
import gradus, os, site, sys, torch
def write(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a") as file: file.write("import os")
packages = site.getsitepackages()[0]
for path in (f"{packages}/hostile.pth", f"{packages}/sitecustomize.py", gradus.__file__, torch.__file__,
             f"{sys.prefix}/etc/ipython/ipython_config.py", f"{sys.prefix}/share/jupyter/kernels/x/k",
             "/etc/ipython/ipython_config.py", "/usr/local/etc/jupyter/jupyter_config.py",
             "@HOME@/.ipython/profile_default/startup/00.py", "@HOME@/.jupyter/jupyter_config.py",
             "@HOME@/.bashrc", "@ROOT@/nbgrader_config.py", "@ROOT@/submitted/honest-00/x",
             "@COURSE@/solutions/00_tiny/hostile", "/etc/ld.so.preload", "/usr/bin/hostile",
             "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/kernel/uevent_helper",
             "/var/tmp/hostile", "/run/hostile", "/dev/hostile", "/hostile", "/gradus/hostile"):
    attempt(path, lambda: write(path))
""",
)
code(
    "startup_files",
    "start-up files in the home that it has",
    """
import os
for place in (os.path.expanduser("~"), os.environ["IPYTHONDIR"]):
    folder = os.path.join(place, "profile_default", "startup")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "00.py"), "w") as file:
        file.write("print('BRE' + 'ACH: start-up file')")
""",
)
code(
    "second_kernel_sees_nothing",
    "a message to the kernel that replaces this one",
    """
import os
for place in ("/tmp", "/dev/shm", "/tmp/home", "/tmp/work"):
    path = place + "/hostile-message"
    attempt("a message of an earlier kernel", lambda: open(path).read())
    with open(path, "w") as file: file.write("x")
def double(x): os._exit(0)
""",
)
code(
    "links_in_the_work_folder",
    "links that a grader would follow when it writes",
    """
import os
for name in ("tiny.ipynb", "feedback", "00_tiny", "kernel.log", "connection.json"):
    try: os.symlink("@HOME@/canary", name)
    except OSError: pass
try: os.rename(".", "../moved")
except OSError: pass
""",
)
code(
    "socket_folder",
    "the folder of its own sockets: replaced, removed, linked, filled",
    """
import glob, os, socket
connection = get_ipython().kernel.config["IPKernelApp"]["connection_file"]
folder = os.path.dirname(connection)
names = os.listdir(folder)
print(folder, names)
for name in names:
    path = os.path.join(folder, name)
    attempt("remove " + name, lambda: os.unlink(path))
    attempt("rename " + name, lambda: os.rename(path, path + "-x"))
    attempt("mode " + name, lambda: os.chmod(path, 0o777))
attempt("link", lambda: os.symlink("/etc/passwd", folder + "/x"))
attempt("hard link", lambda: os.link(connection, folder + "/y"))
attempt("file", lambda: open(folder + "/z", "w"))
attempt("write", lambda: open(connection, "a"))
attempt("socket", lambda: socket.socket(socket.AF_UNIX).bind(folder + "/s"))
attempt("sibling", lambda: os.mkdir(os.path.dirname(folder) + "/999"))
attempt("siblings", lambda: [n for n in os.listdir(os.path.dirname(folder))
                             if n != os.path.basename(folder)][0])
attempt("own mode", lambda: os.chmod(folder, 0o777))
attempt("remove all", lambda: os.rmdir(folder))
""",
)
code(
    "network",
    "TCP, UDP, DNS, raw sockets; the machine's own services",
    """
import socket, urllib.request
def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(0.3); s.connect(address)
for host, port in (("1.1.1.1", 53), ("8.8.8.8", 443), ("169.254.169.254", 80), ("127.0.0.1", @PORT@),
                   ("10.0.0.1", 22), ("192.168.0.1", 80)):
    attempt(f"TCP {host}:{port}", lambda: connect(socket.AF_INET, (host, port)))
attempt("TCP6", lambda: connect(socket.AF_INET6, ("::1", @PORT@)))
attempt("UDP", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("1.1.1.1", 53)))
attempt("DNS", lambda: socket.getaddrinfo("example.org", 80))
attempt("URL", lambda: urllib.request.urlopen("http://example.org", timeout=0.3))
attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("abstract socket", lambda: connect(socket.AF_UNIX, "@ABSTRACT@".replace("NUL", chr(0))))
attempt("socket file", lambda: connect(socket.AF_UNIX, "@HOME@/socket"))
names = [name for _, name in socket.if_nameindex()]
attempt("interfaces", lambda: [name for name in names if name != "lo"][0])
""",
)
code(
    "odd_sockets",
    "families of sockets that no name space holds: VSOCK, ALG, netlink, packet, …",
    """
import socket
for family in (16, 17, 29, 30, 31, 38, 40, 41, 43, 44, 45, 3, 4, 5, 9, 21, 32, 37, 39, 42):
    for kind in (1, 2, 3, 5):
        if family == 16:  # netlink: all but addresses
            for protocol in (4, 9, 12, 15, 16, 18):
                attempt(f"netlink {protocol}", lambda: socket.socket(16, kind, protocol))
        else:
            attempt(f"family {family}", lambda: socket.socket(family, kind))
""",
)
code(
    "network_by_netlink",
    "an interface of its own, made through netlink",
    """
import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
def new_link():  # RTM_NEWLINK, set lo down
    s.send(struct.pack("=LHHLLBBHiII", 32, 16, 5, 1, 0, 0, 0, 0, 1, 0, 1))
    answer = s.recv(1000)
    code, = struct.unpack_from("=i", answer, 16)
    if code < 0: raise OSError(-code, "netlink")
attempt("change lo", new_link)
""",
)
code(
    "kernel_objects",
    "calls that a notebook never needs: io_uring, keys, memfd, System V, bpf, …",
    SYSCALL
    + """
buffer = ctypes.create_string_buffer(4096)
calls = {
    "io_uring_setup": (425, 8, buffer), "add_key": (248, b"user", b"x", b"y", 1, -2),
    "keyctl": (250, 0, -3, 1), "request_key": (249, b"user", b"x", None, -2),
    "memfd_create": (319, b"x", 0), "memfd_secret": (447, 0),
    "shmget": (29, 0, 4096, 0o1600), "msgget": (68, 0, 0o1600), "semget": (64, 0, 1, 0o1600),
    "mq_open": (240, b"x", 0o102, 0o600, None), "bpf": (321, 0, buffer, 128),
    "perf_event_open": (298, buffer, 0, -1, -1, 0), "userfaultfd": (323, 1),
    "fanotify_init": (300, 0, 0), "io_setup": (206, 1, buffer), "syslog": (103, 10, None, 0),
    "name_to_handle_at": (303, -100, b"/", buffer, buffer, 0),
    "open_by_handle_at": (304, -100, buffer, 0), "quotactl": (179, 0, None, 0, None),
    "acct": (163, None), "swapon": (167, b"/x", 0), "reboot": (169, 0, 0, 0, None),
    "kexec_load": (246, 0, 0, None, 0), "init_module": (175, buffer, 1, b""),
    "modify_ldt": (154, 1, buffer, 16), "personality": (135, 0x0040000),
    "lookup_dcookie": (212, 0, buffer, 10), "vhangup": (153,), "iopl": (172, 3),
    "settimeofday": (164, buffer, None), "clock_settime": (227, 0, buffer),
    "sethostname": (170, b"x", 1), "move_pages": (279, 1, 0, None, None, None, 0),
}
for name, arguments in calls.items():
    attempt(name, lambda: call(*arguments))
""",
)
code(
    "other_words_for_calls",
    "forbidden calls by their 32-bit and x32 numbers",
    SYSCALL
    + """
import mmap, subprocess
def apart(run):  # the system may end a process for such a call
    child = os.fork()
    if child == 0:
        try: run()
        except BaseException: os._exit(1)
        os._exit(42)
    _, status = os.waitpid(child, 0)
    if status != 42 << 8: raise OSError(status, "held")
X32 = 0x40000000
for name, number in {"ptrace": 521, "unshare": 272, "mount": 165, "socket": 41}.items():
    attempt("x32 " + name, lambda: apart(lambda: call(X32 + number, 40, 1, 0, 0)))
def int80(number, *registers):  # mov eax, n; mov ebx, a; mov ecx, b; int 0x80; ret
    def run():
        code = b"\\x53\\xb8" + number.to_bytes(4, "little")
        for opcode, value in zip((b"\\xbb", b"\\xb9"), registers):
            code += opcode + value.to_bytes(4, "little")
        code += b"\\xcd\\x80\\x5b\\xc3"
        page = mmap.mmap(-1, 4096, prot=7)
        page.write(code)
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        result = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
        if result < 0: raise OSError(-result, "int 80")
    apart(run)
attempt("int80 unshare", lambda: int80(310, 0x10000000))
attempt("int80 keyctl", lambda: int80(288, 0, 0xFFFFFFFD))
attempt("int80 memfd_create", lambda: int80(356, 0, 0))
""",
)
code(
    "name_spaces",
    "rights by name spaces of its own: unshare, clone, clone3, setns, mount, chroot",
    SYSCALL
    + """
for bit in (0x80, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x00020000):
    attempt(f"unshare {bit:x}", lambda: call(272, bit))
    def clone():
        child = call(56, bit | 17, 0, 0, 0, 0)
        if child == 0: os._exit(0)
    attempt(f"clone {bit:x}", clone)
def clone3():
    arguments = (ctypes.c_uint64 * 11)(0x10000000, 0, 0, 0, 17)
    child = call(435, arguments, 88)
    if child == 0: os._exit(0)
attempt("clone3", clone3)
attempt("setns", lambda: call(308, os.open("/proc/self/ns/net", os.O_RDONLY), 0))
attempt("mount", lambda: call(165, b"tmpfs", b"/tmp", b"tmpfs", 0, None))
attempt("umount", lambda: call(166, b"/tmp", 2))
attempt("remount", lambda: call(165, b"", b"/", b"", 32 | 4096, None))
attempt("pivot_root", lambda: call(155, b"/tmp", b"/tmp"))
attempt("chroot", lambda: os.chroot("/tmp"))
attempt("open_tree", lambda: call(428, -100, b"/", 1))
attempt("fsopen", lambda: call(430, b"tmpfs", 0))
attempt("mount_setattr", lambda: call(442, -100, b"/", 0, ctypes.create_string_buffer(32), 32))
attempt("mknod", lambda: os.mknod("/tmp/hostile-device", 0o20666, os.makedev(1, 1)))
for name in ("unshare", "bwrap", "newuidmap"):
    import shutil, subprocess
    if shutil.which(name):
        attempt(name, lambda: subprocess.run([name, "--user", "true"], check=True, timeout=3))
    else:
        print(name, "is not here")
""",
)
code(
    "becomes_root",
    "another user: setuid, capabilities, programs with the setuid bit",
    SYSCALL
    + """
import glob, stat, subprocess
attempt("setuid", lambda: os.setuid(0))
attempt("setresuid", lambda: os.setresuid(0, 0, 0))
attempt("setgid", lambda: os.setgid(0))
attempt("setgroups", lambda: os.setgroups([0]))
status = open("/proc/self/status").read()
caps = [int(l.split()[1], 16) for l in status.splitlines() if l.startswith("Cap") and "Bnd" not in l]
attempt("capabilities", lambda: [c for c in caps if c][0])
attempt("no_new_privs", lambda: ["NoNewPrivs:\\t0"][0 if "NoNewPrivs:\\t0" in status else 1])
attempt("dac", lambda: os.listdir("/proc/1/fdinfo") and os.chown("/tmp", 0, 0))
found = [p for p in glob.glob("/usr/bin/*") if os.path.isfile(p) and os.stat(p).st_mode & stat.S_ISUID]
print(found)
for program in found[:8]:
    def uid():
        with open("/tmp/uid", "wb") as file:
            subprocess.run([program, "-c", "id -u > /tmp/root"], timeout=1, stdin=subprocess.DEVNULL)
        return open("/tmp/root").read()
    attempt(program, uid)
attempt("who", lambda: [0][os.getuid() and 1])
""",
)
code(
    "other_processes",
    "processes of the grader: seen, signalled, read, traced",
    SYSCALL
    + """
import signal
own = {os.getpid(), *(int(t) for t in os.listdir("/proc/self/task"))}
seen = [int(n) for n in os.listdir("/proc") if n.isdigit()]
attempt("processes", lambda: [n for n in seen if n not in own][0])
attempt("parent", lambda: [os.getppid()][0 if os.getppid() else 1])
for pid in [p for p in range(2, 3000) if p not in own]:
    try: os.kill(pid, 0)
    except ProcessLookupError: continue
    except PermissionError: pass
    print("BRE" + "ACH: a signal reaches", pid)
child = os.fork()
if child == 0:
    import time; time.sleep(30); os._exit(0)
attempt("ptrace", lambda: call(101, 16, child, 0, 0))
attempt("process_vm_readv", lambda: call(310, child, None, 0, None, 0, 0))
attempt("kcmp", lambda: call(312, child, os.getpid(), 0, 0, 0))
attempt("pidfd_getfd", lambda: call(438, os.pidfd_open(child), 0, 0))
os.kill(child, 9)
""",
)
code(
    "left_open",
    "files and sockets that the grader left open",
    """
import os, stat
for name in os.listdir("/proc/self/fd"):
    try:
        number = int(name); kind = os.fstat(number).st_mode; target = os.readlink(f"/proc/self/fd/{name}")
    except OSError:
        continue
    if stat.S_ISREG(kind) or stat.S_ISDIR(kind):
        inside = target.startswith(("/tmp", "/dev", "/proc", "/usr"))
        inside = inside or "site-packages" in target or "(deleted)" in target
        print(number, target) if inside else print("BRE" + "ACH:", target)
""",
)
code(
    "speaks_to_the_warden",
    "orders and last words, written to every socket that it holds",
    """
import json, os, socket, stat
words = [{"ended": 0, "why": "", "cpu": 0, "peak": 0}, {"started": 1}, {"failed": "x"}, {"cell": 1}]
held = []
for name in os.listdir("/proc/self/fd"):
    try:
        s = socket.socket(fileno=os.dup(int(name)))
    except OSError:
        continue
    held.append(s)
    if s.family == socket.AF_UNIX and s.type == socket.SOCK_SEQPACKET:
        print("BRE" + "ACH: a line to the warden", name)
for s in held: s.close()
""",
)
code(
    "terminal",
    "letters typed into the terminal of whoever grades",
    """
import fcntl, os, termios
for number in (0, 1, 2):
    attempt(f"TIOCSTI {number}", lambda: fcntl.ioctl(number, termios.TIOCSTI, b"x"))
attempt("tty", lambda: os.open("/dev/tty", os.O_RDWR))
attempt("console", lambda: os.open("/dev/console", os.O_RDWR))
""",
)
code(
    "environment_changed",
    "the environment of what is started later",
    """
import os, sys
os.environ.update(PYTHONSTARTUP="/tmp/x", LD_PRELOAD="/tmp/x.so", PYTHONPATH="/tmp", PATH="/tmp",
                  GRADUS_DATA="/etc", OMP_NUM_THREADS="64")
sys.path.insert(0, "/tmp")
for name in ("gradus", "torch", "sitecustomize", "json"):
    with open(f"/tmp/{name}.py", "w") as file: file.write("print('BRE' + 'ACH')")
""",
)
