"""Step 6: what the student gets back: one HTML page a submission, readable without a network.

Visible checks show their message with values. Of a hidden test the page shows its title and the
likely idea, never its text, its values or what the student's code printed while it ran.
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import HTMLExporter
from nbconvert.filters import Highlight2HTML
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

from autograder.chapter import grade_id_of
from autograder.storage import write
from autograder.verdict import GRADED, Mark, Verdict

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title><style>{style}</style></head><body><main>
<h1>{title}</h1>{lead}
<table><thead><tr><th>Test</th><th>Points</th><th>What it says</th></tr></thead><tbody>
{rows}
</tbody></table>{body}</main></body></html>
"""
PAINTED_CELL, PAINTED_PAGE = 3000, 100_000  # characters that are coloured: three seconds at worst
STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;margin:0;padding:1rem}
main{max-width:60rem;margin:auto}
table{border-collapse:collapse;width:100%;margin:1rem 0}
th,td{border-bottom:1px solid #8886;padding:.3rem .5rem;text-align:left;vertical-align:top}
pre{overflow-x:auto;white-space:pre-wrap;background:#8881;padding:.6rem;border-radius:.3rem}
img{max-width:100%;background:#fff}
.prompt{display:none}.flag{border-left:.3rem solid #c60;padding-left:.6rem}
"""


def write_feedback(root: Path, verdict: Verdict, notebook_name: str) -> Path:
    """Write ``feedback/<student>/<chapter>/<name>.html`` and return its path."""
    folder = root / "feedback" / verdict.student / verdict.chapter
    path = folder / Path(notebook_name).with_suffix(".html").name
    write(path, page(verdict), root)
    return path


def page(verdict: Verdict) -> str:
    """The page as text."""
    points = f"{verdict.points:g} of {verdict.max_points:g} points"
    lead = f"<p><strong>{points}</strong></p>" if verdict.marks else ""
    if verdict.status != GRADED:
        lead += f'<p class="flag">{_status(verdict)}</p>'
    if verdict.sandbox == "none":
        lead += "<p>Graded without a sandbox.</p>"
    body = _notebook(verdict.notebook, verdict.marks) if verdict.notebook else ""
    return PAGE.format(
        title=html.escape(f"{verdict.chapter} · {verdict.student}"),
        style=STYLE + HtmlFormatter(nowrap=False).get_style_defs(".highlight"),
        lead=lead,
        rows="\n".join(_row(mark) for mark in verdict.marks if mark.max_points),
        body=body,
    )


def _status(verdict: Verdict) -> str:
    if verdict.status == "failed":
        return html.escape(f"This submission could not be graded: {verdict.cause}.")
    return "Part of this submission needs a person, who will look at it."


def _row(mark: Mark) -> str:
    sign = "✓" if mark.passed else "✗"
    kind = "" if mark.visible else " (hidden)"
    cells = (
        f"{sign} {mark.title}{kind}",
        f"{mark.points:g} / {mark.max_points:g}",
        mark.message,
    )
    return "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"


def _notebook(notebook: NotebookNode, marks: list[Mark]) -> str:
    """The notebook's cells as HTML, with a verdict under each test."""
    by_id = {mark.grade_id: mark for mark in marks}
    shown = nbformat.from_dict(notebook)
    for cell in shown.cells:
        grade_id = grade_id_of(cell)
        if cell.cell_type == "code" and grade_id and grade_id.role == "hidden":
            cell.outputs = []
        if cell.cell_type == "code" and grade_id and grade_id.text in by_id:
            cell.outputs = [*_without_errors(cell.outputs), _said(by_id[grade_id.text])]
    exporter = HTMLExporter(template_name="basic", filters={"highlight_code": _Painter()})
    body, _ = exporter.from_notebook_node(shown)
    return body


class _Painter:
    """Colours code as nbconvert does, but only so much of it for one page.

    The highlighter's patterns backtrack: " \\n" thirty thousand times keeps it busy for minutes,
    and the process that writes the pages serves the whole class.
    """

    def __init__(self) -> None:
        self.left = PAINTED_PAGE
        self.paint = Highlight2HTML(pygments_lexer="python")

    def __call__(self, source: str, language: str | None = None, metadata: Any = None) -> str:
        self.left -= len(source)
        if len(source) > PAINTED_CELL or self.left < 0:
            return f'<div class="highlight"><pre>{html.escape(source)}</pre></div>'
        return self.paint(source, language="python", metadata=metadata)


def _without_errors(outputs: list[NotebookNode]) -> list[NotebookNode]:
    return [output for output in outputs if output.output_type != "error"]


def _said(mark: Mark) -> NotebookNode:
    points = f"{mark.points:g} of {mark.max_points:g} points"
    text = f"✓ {points}\n" if mark.passed else f"✗ {points}: {mark.message}\n"
    if mark.visible and mark.values:
        text += mark.values + "\n"
    return nbformat.v4.new_output("stream", name="stdout", text=text)
