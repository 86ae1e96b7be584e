"""A grader that is killed leaves nothing running."""

import subprocess
import sys
import time

import psutil

OWNER = """
import time
from autograder.pool import worker_pool
if __name__ == "__main__":
    with worker_pool(2) as pool:
        print(*pool.map(pid, range(2)), flush=True)
        time.sleep(60)
"""


def test_workers_end_with_a_killed_owner(tmp_path):
    script = tmp_path / "owner.py"
    script.write_text(
        OWNER.replace("import time\n", "import os, time\ndef pid(_): return os.getpid()\n", 1)
    )
    owner = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    workers = {int(pid) for pid in owner.stdout.readline().split()}
    owner.kill()
    owner.wait()
    for _ in range(100):
        if not any(psutil.pid_exists(pid) for pid in workers):
            return
        time.sleep(0.1)
    raise AssertionError("a worker outlived its owner by ten seconds")
