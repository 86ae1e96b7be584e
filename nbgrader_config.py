"""nbgrader's settings: plain `nbgrader` commands in this folder and the build read this file."""

import os
import sys
from pathlib import Path

COURSE = Path(__file__).resolve().parent
# Where submitted/ and the gradebook lie: `make formgrader ROOT=/path/of/a/class` says it.
ROOT = Path(os.environ.get("GRADUS_ROOT", COURSE)).resolve()
c = get_config()  # noqa: F821 (traitlets puts it here)

# One thread: several kernels at once would otherwise fight for the cores, and results would
# depend on their number. PATH: nbgrader calls `alembic`, which lies next to this interpreter.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("PYTHONHASHSEED", "0")
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

c.CourseDirectory.course_id = "gradus"
c.CourseDirectory.root = str(ROOT)
elsewhere = "" if ROOT == COURSE else f"{COURSE}/"
c.CourseDirectory.source_directory = f"{elsewhere}solutions"
c.CourseDirectory.release_directory = f"{elsewhere}notebooks"
c.CourseDirectory.submitted_directory = "submitted"
c.CourseDirectory.autograded_directory = "autograded"
c.CourseDirectory.feedback_directory = "feedback"
c.CourseDirectory.db_url = os.environ.get("GRADUS_DB", f"sqlite:///{ROOT / 'gradebook.db'}")
# Sources and answers never travel with an assignment.
c.CourseDirectory.ignore = [".ipynb_checkpoints", "__pycache__", "*.py", "*.pyc", "*.md"]

# What a student sees in place of a solution.
c.ClearSolutions.code_stub = {
    "python": 'raise NotImplementedError("Your turn: replace this line with your own code.")'
}

# Plain `nbgrader autograde`: a kernel that takes seconds to say goodbye is not waited for.
c.Execute.timeout = 60
c.Execute.shutdown_kernel = "immediate"

# `make formgrader` makes the folder in the course; without it nbgrader's course list reports an
# error. On a JupyterHub: GRADUS_EXCHANGE=/srv/nbgrader/exchange, a folder everyone can write.
c.Exchange.root = os.environ.get("GRADUS_EXCHANGE", str(COURSE / ".exchange"))
