"""`make notebooks`: from the one source of a chapter to the two notebooks that ship.

    assemble   solutions/NN_topic/topic.py, completed (chapter.py)
    execute    from top to bottom in a fresh kernel
    clean      and write solutions/NN_topic/topic.ipynb
    release    notebooks/NN_topic/, by nbgrader generate_assignment

The same source gives the same bytes: one thread, a fixed hash seed, no timings, no versions of
the machine, ids from the grade id or the position. A cell that fails, warns or shows something
that can differ from run to run stops the build with its name.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from copy import deepcopy
from functools import cache
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from traitlets.config import PyFileConfigLoader

from autograder.chapter import Chapter, CourseError, chapters, grade_id_of, tags

CELL_SECONDS = 300
DATA_FILES = ("*.csv", "*.json", "*.npz", "*.png", "*.txt")  # what may travel with a chapter
VARIES = "nbval-ignore-output"  # tag of a cell whose output may differ; it is not stored
KERNEL_ENV = {
    "GRADUS_DEVICE": "cpu",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,16}\b")
_WIDGET = "application/vnd.jupyter.widget-view+json"


def build(root: Path, names: Iterable[str] = ()) -> list[str]:
    """Build the named chapters (all when none is named); returns the names of changed files."""
    selected = select(root, names)
    changed = []
    for chapter in selected:
        solution = chapter.folder / chapter.notebook_name
        changed += _write(solution, dump(clean(execute(chapter), chapter)))
    for name, files in release(root, selected).items():
        folder = root / "notebooks" / name
        for stale in set(folder.glob("*")) - {folder / file for file in files}:
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
        for file, content in files.items():
            changed += _write(folder / file, content)
    return [path.relative_to(root).as_posix() for path in changed]


def drift(root: Path, names: Iterable[str] = ()) -> list[str]:
    """What in solutions/ and notebooks/ does not come from the sources; executes nothing."""
    selected = select(root, names)
    found = []
    for chapter in selected:
        path = chapter.folder / chapter.notebook_name
        found += _solution_drift(chapter, path, path.relative_to(root).as_posix())
    for name, files in release(root, selected).items():
        for file, content in files.items():
            path = root / "notebooks" / name / file
            if not path.is_file():
                found.append(f"notebooks/{name}/{file} is missing: make notebooks CH={name}")
            elif path.read_bytes() != content:
                found.append(
                    f"notebooks/{name}/{file} is not what its source gives: make notebooks"
                )
    if not names:
        known = {chapter.name for chapter in selected}
        for folder in sorted((root / "notebooks").glob("*/")):
            if folder.name not in known:
                found.append(f"notebooks/{folder.name} has no source in solutions/: remove it")
    return found


def _solution_drift(chapter: Chapter, path: Path, shown: str) -> list[str]:
    if not path.is_file():
        return [f"{shown} is missing: make notebooks CH={chapter.name}"]
    stored = nbformat.read(path, as_version=4)
    if stored.metadata != chapter.notebook.metadata:
        return [f"{shown}: the notebook's metadata differ from the source's: make notebooks"]
    if len(stored.cells) != len(chapter.notebook.cells):
        return [f"{shown} does not have the cells of its source: make notebooks CH={chapter.name}"]
    for cell, source in zip(stored.cells, chapter.notebook.cells, strict=True):
        if any(cell[key] != source[key] for key in ("id", "cell_type", "source", "metadata")):
            return [f"{shown}: {label(source)} differs from the source: make notebooks"]
        if cell.cell_type == "code" and cell.source and cell.execution_count is None:
            return [f"{shown}: {label(source)} was not executed: make notebooks"]
    return []


def select(root: Path, names: Iterable[str]) -> list[Chapter]:
    """The chapters with these names, in order; all when there are none."""
    known = chapters(root)
    names = list(names)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CourseError(f"no chapter {unknown[0]!r} in solutions/: one of {', '.join(known)}")
    return [chapter for name, chapter in known.items() if not names or name in names]


def label(cell: NotebookNode) -> str:
    """How a message names a cell: its grade id, or its id and first line."""
    grade_id = grade_id_of(cell)
    return grade_id.text if grade_id else f"{cell.id} ({cell.source.strip().splitlines()[0][:50]})"


def execute(chapter: Chapter) -> NotebookNode:
    """The chapter run from top to bottom in a fresh kernel, in an empty folder of its own."""
    notebook = deepcopy(chapter.notebook)
    with tempfile.TemporaryDirectory() as folder:
        _copy_data(chapter.folder, Path(folder))
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            startup_timeout=CELL_SECONDS,
            kernel_name="python3",
            allow_errors=True,
            record_timing=False,
            coalesce_streams=True,
            shutdown_kernel="immediate",
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": folder}},
        )
        try:
            client.execute(env=os.environ | KERNEL_ENV)
        except (CellTimeoutError, DeadKernelError, RuntimeError) as error:
            done = [c for c in notebook.cells if c.get("execution_count")]
            where = f"after {label(done[-1])}" if done else "before the first cell"
            reason = str(error).strip().splitlines()[0]
            raise CourseError(f"{chapter.name}: the kernel stopped {where}: {reason}") from error
    return notebook


def clean(notebook: NotebookNode, chapter: Chapter) -> NotebookNode:
    """The executed notebook without what depends on the machine; refuses what cannot be kept."""
    notebook.metadata = deepcopy(chapter.notebook.metadata)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            _refuse(output, cell, chapter.name)
        if VARIES in tags(cell):
            cell.outputs = []
        cell.outputs = [_without_addresses(output) for output in cell.outputs]
    return notebook


def _refuse(output: NotebookNode, cell: NotebookNode, name: str) -> None:
    where = f"{name}: {label(cell)}"
    if output.output_type == "error":
        lines = [*str(output.evalue).strip().splitlines(), ""]
        raise CourseError(f"{where}: {output.ename}: {lines[0]}")
    if VARIES in tags(cell):
        return
    if output.get("name") == "stderr":
        first = output.text.strip().splitlines()[0][:200]
        raise CourseError(f"{where} writes to stderr, which differs from run to run: {first}")
    if _WIDGET in output.get("data", {}):
        raise CourseError(f"{where} shows a widget (a progress bar?), which cannot be stored")


def _without_addresses(output: NotebookNode) -> NotebookNode:
    if "text" in output:
        output.text = _ADDRESS.sub("0x…", output.text)
    for kind, value in output.get("data", {}).items():
        if kind.startswith("text/") and isinstance(value, str):
            output.data[kind] = _ADDRESS.sub("0x…", value)
    return output


def release(root: Path, selected: list[Chapter]) -> dict[str, dict[str, bytes]]:
    """What students get of each chapter, file by file, made by nbgrader in a folder of its own.

    The gradebook is a throw-away one: a class that is already graded never blocks a build.
    """
    released = {}
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder)
        api = _nbgrader(root, course)  # its configuration also puts alembic on the PATH
        (course / "gradebook.db").write_bytes(_empty_gradebook())
        for chapter in selected:
            source = course / "solutions" / chapter.name
            source.mkdir(parents=True)
            (source / chapter.notebook_name).write_bytes(dump(chapter.notebook))
            _copy_data(chapter.folder, source)
            result = api.generate_assignment(chapter.name)
            if not result["success"]:
                reason = (result.get("error") or result.get("log") or "").strip()
                raise CourseError(f"{chapter.name}: nbgrader generate_assignment: {reason}")
            paths = sorted((course / "notebooks" / chapter.name).iterdir())
            files = {path.name: path.read_bytes() for path in paths}
            files[chapter.notebook_name] = _stamp(files[chapter.notebook_name], chapter)
            released[chapter.name] = files
    return released


@cache
def _empty_gradebook() -> bytes:
    """A gradebook without a class, made once: nbgrader takes two seconds for it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gradebook.db"
        with Gradebook(f"sqlite:///{path}"):
            pass
        return path.read_bytes()


def _nbgrader(root: Path, course: Path) -> NbGraderAPI:
    """nbgrader's API with the course's own configuration, but other folders and database."""
    own = root / "nbgrader_config.py"
    path = own if own.is_file() else Path(__file__).parents[1] / "nbgrader_config.py"
    config = PyFileConfigLoader(str(path)).load_config()
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.db_url = f"sqlite:///{course / 'gradebook.db'}"
    config.Exchange.root = str(course)
    return NbGraderAPI(config=config, log_level="ERROR")


def _stamp(content: bytes, chapter: Chapter) -> bytes:
    """The released notebook with stable metadata and its version: a hash over its cells."""
    notebook = nbformat.reads(content.decode(), as_version=4)
    cells = json.dumps(notebook.cells, sort_keys=True, ensure_ascii=False)
    version = hashlib.sha256(cells.encode()).hexdigest()[:12]
    notebook.metadata = deepcopy(chapter.notebook.metadata)
    notebook.metadata.gradus = {"chapter": chapter.name, "version": version}
    return dump(notebook)


def dump(notebook: NotebookNode) -> bytes:
    """The notebook as it lies on disk."""
    nbformat.validate(notebook)
    return (nbformat.writes(notebook) + "\n").encode()


def _copy_data(source: Path, target: Path) -> None:
    for pattern in DATA_FILES:
        for path in sorted(source.glob(pattern)):
            shutil.copy(path, target / path.name)


def _write(path: Path, content: bytes) -> list[Path]:
    """Write only what differs, so that a build that changes nothing touches nothing."""
    if path.is_file() and path.read_bytes() == content:
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return [path]


def run(root: Path, names: Iterable[str] = (), check: bool = False) -> int:
    """The command line's entry point: build, or with ``check`` only look for drift."""
    if check:
        lines = drift(root, names)
        print("\n".join(lines) or "notebooks agree with their sources", file=sys.stderr)
        return bool(lines)
    for line in build(root, names) or ["nothing changed"]:
        print(line)
    return 0
