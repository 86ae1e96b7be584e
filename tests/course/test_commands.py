"""What `make` promises, and that the tests really run with the network cut."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ELSEWHERE = "198.51.100.1"  # reserved for documentation: nobody answers there
TARGETS = (
    "lab test help check submit kit notebooks autograde check-graders demo report formgrader"
    " clean lock"
)


def make(*arguments: str) -> subprocess.CompletedProcess:
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.skipif(os.name != "posix", reason="make")
def test_help_names_every_target_in_one_line_each():
    lines = [line.split(maxsplit=2) for line in make("help").stdout.splitlines()]
    assert set(TARGETS.split()) <= {target for _, target, _ in lines}
    assert all(text for *_, text in lines)


@pytest.mark.skipif(os.name != "posix", reason="make")
@pytest.mark.parametrize(
    "arguments, said",
    [
        (["check"], "say which chapter: make check CH=01_tensors"),
        (["submit"], "say which chapter: make submit CH=01_tensors ME=ada"),
        (["submit", "CH=01_tensors"], "say who you are: make submit CH=01_tensors ME=ada"),
    ],
)
def test_a_missing_word_is_named(arguments, said):
    done = make("-n", *arguments)
    assert done.returncode and said in done.stderr


def test_no_other_machine_can_be_reached():
    with pytest.raises(OSError, match="network cut"):
        socket.create_connection((ELSEWHERE, 80), timeout=1)
    with pytest.raises(OSError, match="network cut"):
        socket.getaddrinfo("example.org", 80)


def test_nor_from_a_child_process():
    code = f"import socket; socket.create_connection(({ELSEWHERE!r}, 80), timeout=1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "network cut" in done.stderr


def test_this_machine_can_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
