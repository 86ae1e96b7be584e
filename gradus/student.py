"""The student's three commands: open the course, see one's progress, hand in.

The chapters lie in ``notebooks/`` as they were released; a student works on copies in ``work/``,
which nothing here ever overwrites.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import webbrowser
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

STUB = 'raise NotImplementedError("Your turn: replace this line with your own code.")'
CELL_SECONDS = 60

_GRADE_ID = re.compile(
    r"(?:ex|(predict))-(\d+)-(\d+)(?:-(check|reference|hidden|[b-z])(?:-\d+)?)?$"
)
_BOX = re.compile(r"### (?:Exercise|(Predict)) (\d+)\.(\d+) · (.+)")
_WHO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class StudentError(Exception):
    """The request cannot be met; the message says why in one line."""


def find_root(start: Path | None = None) -> Path:
    """The course's folder: the nearest one upwards that holds notebooks/, else this package's."""
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents, Path(__file__).resolve().parents[1]):
        if any((folder / "notebooks").glob("*/*.ipynb")):
            return folder
    raise StudentError(f"no course found in {start}: run this in the folder that holds notebooks/")


def released(root: Path) -> dict[str, Path]:
    """Each chapter's released notebook by the chapter's name."""
    return {path.parent.name: path for path in sorted((root / "notebooks").glob("*/*.ipynb"))}


def find_chapter(root: Path, wanted: str) -> tuple[str, Path, Path]:
    """Name, released notebook and student's copy of the chapter called so (``01`` is enough)."""
    known = released(root)
    wanted = wanted.rstrip("/\\")
    names = [wanted] if wanted in known else [name for name in known if name.startswith(wanted)]
    if len(names) != 1 or not wanted:
        raise StudentError(f"no chapter {wanted!r}: choose one of {', '.join(known)}")
    copy = root / "work" / names[0] / known[names[0]].name
    if not copy.is_file():
        raise StudentError(f"{copy.relative_to(root)} is not there yet: run lab once to get it")
    return names[0], known[names[0]], copy


def copy_chapters(root: Path) -> list[str]:
    """Copy each chapter that is not in work/ yet; returns one line for each thing worth saying."""
    said = []
    for name, release in released(root).items():
        target = root / "work" / name
        if not target.exists():
            shutil.copytree(release.parent, target)
            said.append(f"new in work/: {name}")
        elif (target / release.name).is_file():
            if _version(target / release.name) != _version(release):
                said.append(f"work/{name} is kept; a newer version lies in notebooks/{name}")
    return said


def _version(notebook: Path) -> str:
    return _read(notebook).metadata.get("gradus", {}).get("version", "")


def _read(path: Path) -> NotebookNode:
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises many kinds
        raise StudentError(f"{path} is not a notebook that can be read: {error}") from error


def open_lab(root: Path, options: list[str]) -> int:
    """JupyterLab on the student's copies; no news from the network, no buttons for instructors."""
    paths = [str(Path(__file__).parent / "jupyter"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    return open_jupyter(root, root / "work", options)


def open_jupyter(root: Path, folder: Path, options: list[str]) -> int:
    """JupyterLab on a folder; with no browser on the machine it prints the address instead."""
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}", *options]
    try:
        webbrowser.get()
    except webbrowser.Error:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # in a container
        command.append("--allow-root")
    environment = _environment(root)
    sys.stdout.flush()
    if os.name == "posix":
        os.chdir(root)
        os.execve(sys.executable, command, environment)
    return subprocess.call(command, cwd=root, env=environment)


def _environment(root: Path) -> dict[str, str]:
    """Kernels find the course's own gradus also where it is not installed."""
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


@dataclass
class Progress:
    """How far one exercise has come, as its visible checks tell."""

    label: str
    title: str
    started: bool = False  # some answer cell is no longer the stub
    points: int = 0
    earned: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def mark(self) -> str:
        return "✓" if not self.failures else "✗" if self.started else "○"


def progress(root: Path, name: str) -> list[Progress]:
    """Run setup, answers, added cells and visible checks of the student's copy, and see."""
    name, release, copy = find_chapter(root, name)
    notebook = _read(copy)
    known = {cell.get("id") for cell in _read(release).cells}
    found: dict[tuple[str, str, str], Progress] = {}
    chosen: list[tuple[NotebookNode, Progress | None]] = []
    for cell in notebook.cells:
        box = _BOX.match(cell.source) if cell.cell_type == "markdown" else None
        if box:
            label = f"{'predict ' if box[1] else ''}{box[2]}.{box[3]}"
            found.setdefault((box[1] and "predict", box[2], box[3]), Progress(label, box[4]))
        if cell.cell_type != "code":
            continue
        meta = cell.metadata.get("nbgrader", {})
        grade_id = _GRADE_ID.match(meta.get("grade_id", ""))
        exercise = found.get(grade_id.groups()[:3]) if grade_id else None
        if grade_id and exercise and grade_id[4] == "check":
            exercise.points += meta.get("points", 0)
            chosen.append((cell, exercise))
        elif grade_id and exercise and grade_id[4] not in ("reference", "hidden"):
            exercise.started |= STUB not in cell.source
            chosen.append((cell, None))
        elif "setup" in cell.metadata.get("tags", []) or cell.get("id") not in known:
            chosen.append((cell, None))
    errors = _run([cell.source for cell, _ in chosen], copy.parent, _environment(root))
    for (cell, exercise), error in zip(chosen, errors, strict=True):
        if exercise is not None and error:
            exercise.failures.append(error)
        elif exercise is not None:
            exercise.earned += cell.metadata["nbgrader"].get("points", 0)
    return list(found.values())


def _run(sources: list[str], folder: Path, environment: dict[str, str]) -> list[str]:
    """The first line of each cell's failure, "" where it ran; a fresh kernel, errors tolerated."""
    errors = ["the Python process ended before this check ran"] * len(sources)

    def note(cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
        reply, kind = execute_reply["content"], execute_reply["content"].get("ename", "")
        message = str(reply.get("evalue", "")).strip().split("\n")[0]
        plain = kind in ("", "CheckFailed", "AssertionError")
        errors[cell_index] = message if plain else f"{kind}: {message}"

    client = NotebookClient(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s or "pass") for s in sources]),
        timeout=CELL_SECONDS,
        interrupt_on_timeout=True,
        error_on_timeout={
            "ename": "Timeout",
            "evalue": f"took longer than {CELL_SECONDS} seconds",
            "traceback": [],
        },
        allow_errors=True,
        on_cell_executed=note,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str(folder)}},
    )
    client.log.disabled = True
    try:
        client.execute(env=environment)
    except DeadKernelError:
        pass
    return errors


def report(results: list[Progress]) -> str:
    """One line an exercise, the first failure under it, and a bar of the visible points."""
    lines = []
    for result in results:
        lines.append(f"{result.mark} {result.label:<12} {result.title}")
        if result.failures and result.started:
            lines.append(f"    {result.failures[0]}")
    earned, points = sum(r.earned for r in results), sum(r.points for r in results)
    filled = round(30 * earned / points) if points else 0
    lines.append(f"{'█' * filled}{'░' * (30 - filled)} {earned} of {points} points")
    lines.append("✓ done  ✗ not yet  ○ not begun · hidden tests come on top when you hand in")
    return "\n".join(lines)


def submit(root: Path, name: str, who: str, as_zip: bool = False) -> str:
    """Hand in a chapter; a second time replaces the first. Returns what was done, in one line."""
    if not _WHO.fullmatch(who) or who.endswith("."):
        raise StudentError(
            f"{who!r}: use letters, digits, dot, _ and - only, a letter or digit first"
        )
    name, _, copy = find_chapter(root, name)
    _read(copy)
    if as_zip or not (root / "solutions").is_dir():
        target = root / f"{name}-{who}.zip"
        again = target.exists()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(copy, f"{who}/{name}/{copy.name}")
    else:
        target = root / "submitted" / who / name / copy.name
        again = target.exists()
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(copy, target)
    shown = target.relative_to(root)
    return f"{'replaced' if again else 'handed in as'} {shown} (what you last saved in Jupyter)"
