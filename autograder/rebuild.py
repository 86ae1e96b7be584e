"""Step 2: the notebook that is graded.

It is the *released* notebook, with only the text of the student's answers put in, and the code
cells they added. Tags, ids, metadata, kernel names, duplicated, deleted or edited locked cells of
the submission are gone in this one move, because nothing of them is ever copied.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import nbformat
from nbformat import NotebookNode

from autograder.chapter import grade_id_of, tags
from autograder.intake import SubmittedCell, SubmittedNotebook

ADDED = "added"  # tag of the cells that a student added


@dataclass
class Rebuilt:
    """``notebook`` to run and what a person may want to know about the submission."""

    notebook: NotebookNode
    flags: list[str] = field(default_factory=list)


def rebuild(released: NotebookNode, submitted: SubmittedNotebook) -> Rebuilt:
    """The released notebook with the student's answers and added cells. ``released`` is kept."""
    result = Rebuilt(nbformat.from_dict(released))
    answers, added = _sort(released, submitted, result.flags)
    cells: list[NotebookNode] = list(added[None])
    for cell in result.notebook.cells:
        if cell.id in answers:
            cell.source = answers[cell.id]
        cells += [cell, *added[cell.id]]
    result.notebook.cells = cells
    if submitted.version and submitted.version != version_of(released):
        result.flags.append("made from another version of the chapter")
    return result


def version_of(released: NotebookNode) -> str:
    """The version that the build wrote into a released notebook; "" if there is none."""
    return released.metadata.get("gradus", {}).get("version", "")


def _sort(released: NotebookNode, submitted: SubmittedNotebook, flags: list[str]):
    """(answer text by cell id, added cells by the id of the released cell they follow)."""
    by_grade_id = {
        cell.metadata.nbgrader.grade_id: cell for cell in released.cells if _graded(cell)
    }
    ungraded = {cell.id: cell for cell in released.cells if not _graded(cell)}
    by_source = {cell.source.strip(): cell.id for cell in ungraded.values()}
    copies: dict[str, list[str]] = defaultdict(list)
    added: dict[str | None, list[NotebookNode]] = defaultdict(list)
    anchor: str | None = None
    for cell in submitted.cells:
        if cell.grade_id in by_grade_id:
            original = by_grade_id[cell.grade_id]
            anchor = original.id
            copies[cell.grade_id].append(cell.source)
            if strange := sorted(cell.tags - set(tags(original))):
                flags.append(f"{cell.grade_id} has tags of its own: {', '.join(strange)[:100]}")
            continue
        known = cell.cell_id if cell.cell_id in ungraded else by_source.get(cell.source.strip())
        anchor = known or anchor
        if _is_added(cell, ungraded.get(known)):
            number = sum(len(cells) for cells in added.values())
            added[anchor].append(_added_cell(cell, number))
    answers = _choose(by_grade_id, copies, flags)
    return answers, added


def _graded(cell: NotebookNode) -> bool:
    return grade_id_of(cell) is not None


def _is_added(cell: SubmittedCell, original: NotebookNode | None) -> bool:
    """A code cell of the student's own, or a released, unlocked one that they rewrote."""
    if cell.kind != "code" or not cell.source.strip():
        return False
    if original is None:
        return True
    return cell.source.strip() != original.source.strip() and "demo" not in tags(original)


def _added_cell(cell: SubmittedCell, number: int) -> NotebookNode:
    node = nbformat.v4.new_code_cell(cell.source, id=f"added-{number}")
    node.metadata.tags = [ADDED, "raises-exception"]
    return node


def _choose(by_grade_id, copies: dict[str, list[str]], flags: list[str]) -> dict[str, str]:
    """The answer text of each answer cell: the last copy that differs from the stub."""
    answers = {}
    for grade_id, cell in by_grade_id.items():
        found = copies.get(grade_id, [])
        if not found:
            flags.append(f"{grade_id} is missing")
        if cell.metadata.nbgrader.solution:
            written = [text for text in found if text.strip() != cell.source.strip()]
            answers[cell.id] = written[-1] if written else cell.source
            if len(written) > 1:
                flags.append(f"{grade_id} stands there {len(written)} times; the last one counts")
        elif any(text.strip() != cell.source.strip() for text in found):
            flags.append(f"the locked cell {grade_id} was changed")
    return answers
