"""Warm kernels are ordinary kernels that start sooner."""

import json
import os
import signal
import socket

import nbformat
import pytest
from jupyter_client import KernelManager
from nbclient import NotebookClient

from autograder import warm
from autograder.warm import use_warm_kernels

pytestmark = pytest.mark.skipif(not warm.CAN_FORK, reason="no fork or no pidfd on this system")

CELLS = (
    "import os, random, sys\nimport numpy as np\nimport torch\nimport matplotlib.pyplot as plt",
    "print(torch.arange(4).reshape(2, 2) @ torch.ones(2, dtype=torch.long))",
    "plt.plot([1, 3, 2]); plt.title('a figure')",
    "fig, ax = plt.subplots(); ax.imshow(np.eye(3)); fig",
    "torch.ones(3, requires_grad=True).square().sum().backward(); 1 / 0",
    "print(sys.argv[0].split('/')[-1], os.path.basename(os.getcwd()), __name__)",
)
DRAWS = """import random, torch, numpy as np
(torch.rand(1).item(), np.random.rand(), random.random())"""


def run(cells, folder, warm_kernel: bool) -> list[list]:
    """Outputs of each cell, without tracebacks' file names."""
    manager = KernelManager(kernel_name="python3")
    if warm_kernel:
        use_warm_kernels(manager)
    nodes = [nbformat.v4.new_code_cell(text) for text in cells]
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=nodes),
        km=manager,
        allow_errors=True,
        record_timing=False,
        coalesce_streams=True,
        shutdown_kernel="immediate",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=os.environ | {"OMP_NUM_THREADS": "1"}, cleanup_kc=True)
    for node in nodes:
        for output in node.outputs:
            output.pop("traceback", None)
    return [node.outputs for node in nodes]


def test_outputs_are_those_of_an_ordinary_kernel(tmp_path):
    plain, forked = (run(CELLS, tmp_path, warm_kernel) for warm_kernel in (False, True))
    assert forked[:-1] == plain[:-1]
    assert any("image/png" in output.get("data", {}) for output in forked[2])
    assert tmp_path.name in forked[-1][0].text
    assert "__main__" in forked[-1][0].text


def test_unseeded_numbers_differ_between_kernels_of_one_server(tmp_path):
    first, second = (run([DRAWS], tmp_path, True)[0][0].data["text/plain"] for _ in range(2))
    pairs = zip(eval(first), eval(second), strict=True)
    assert all(one != two for one, two in pairs)


def test_a_killed_server_is_replaced(tmp_path):
    run(["1"], tmp_path, True)
    server = warm.fork_server(False).process
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    with pytest.raises(RuntimeError, match="fork server has ended"):
        run(["1"], tmp_path, True)
    assert run(["1 + 1"], tmp_path, True)[0][0].data["text/plain"] == "2"


def test_the_end_of_a_process_is_seen():
    ours, wardens = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = warm.ForkedProcess(ours)
    assert process.poll() is None
    process.kill()
    assert json.loads(wardens.recv(100)) == {"signal": signal.SIGKILL}
    wardens.send(json.dumps({"ended": 9, "why": "memory", "cpu": 1.5, "peak": 7}).encode())
    assert process.wait(timeout=5) == process.poll() == -signal.SIGKILL
    assert process.ended["why"] == "memory"


def test_a_lost_warden_is_not_an_ended_kernel():
    ours, wardens = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = warm.ForkedProcess(ours)
    wardens.close()
    assert process.wait(timeout=5) == -signal.SIGHUP
    assert process.ended is None


def test_another_kernel_than_ipykernel_is_started_the_ordinary_way(tmp_path, monkeypatch):
    monkeypatch.setattr(warm, "CAN_FORK", False)
    assert run(["40 + 2"], tmp_path, True)[0][0].data["text/plain"] == "42"
