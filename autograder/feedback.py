"""Step 6: what the student gets back: one HTML page a submission, readable without a network.

Visible checks show their message with values. Of a hidden test the page shows its title and the
likely idea, never its text, its values or what the student's code printed while it ran.
"""

from __future__ import annotations

import html
from functools import lru_cache
from pathlib import Path

import nbformat
import nh3
from nbconvert.filters import ansi2html, markdown2html
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from autograder.chapter import grade_id_of
from autograder.outputs import PICTURES
from autograder.sandbox import NONE
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
# On top of nh3's own list: what colours code and terminal text, and anchors within the page.
ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    "span": {"class", "style"},
    "div": {"class"},
    **{f"h{level}": {"id"} for level in range(1, 7)},
}
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
    if verdict.sandbox == NONE:
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
    parts, paint = [], _Painter()
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(_markdown(cell.source))
            continue
        outputs = cell.get("outputs", [])
        grade_id = grade_id_of(cell)
        if grade_id and grade_id.role == "hidden":
            outputs = []
        if grade_id and grade_id.text in by_id:
            outputs = [*_without_errors(outputs), _said(by_id[grade_id.text])]
        parts += [paint(cell.source), *map(_output, outputs)]
    return nh3.clean(
        "\n".join(parts),
        attributes=ATTRIBUTES,
        url_schemes={"https", "data"},
        attribute_filter=_only_pictures_hold_data,
    )


def _only_pictures_hold_data(tag: str, attribute: str, value: str) -> str | None:
    return None if value.startswith("data:") and attribute != "src" else value


@lru_cache(maxsize=1000)
def _markdown(text: str) -> str:
    """Prose of the chapter: rendered once for the whole class."""
    return f"<div>{markdown2html(text)}</div>"


def _output(output: NotebookNode) -> str:
    """An output that ``outputs.py`` has kept: text with terminal colours, or a picture."""
    if output.output_type == "stream":
        return f"<pre>{ansi2html(output.text)}</pre>"
    if output.output_type == "error":
        return f"<pre>{ansi2html(chr(10).join(output.traceback))}</pre>"
    for kind in PICTURES:
        if kind in output.data:
            return f'<img alt="a figure" src="data:{kind};base64,{html.escape(output.data[kind])}">'
    return f"<pre>{ansi2html(output.data.get('text/plain', ''))}</pre>"


class _Painter:
    """Colours code, but only so much of it for one page.

    The highlighter's patterns backtrack: " \\n" thirty thousand times keeps it busy for minutes,
    and the process that writes the pages serves the whole class.
    """

    def __init__(self) -> None:
        self.left = PAINTED_PAGE

    def __call__(self, text: str) -> str:
        self.left -= len(text)
        if len(text) > PAINTED_CELL or self.left < 0:
            return f'<div class="highlight"><pre>{html.escape(text)}</pre></div>'
        return _painted(text)


@lru_cache(maxsize=1000)
def _painted(text: str) -> str:
    return highlight(text, PythonLexer(), HtmlFormatter())


def _without_errors(outputs: list[NotebookNode]) -> list[NotebookNode]:
    return [output for output in outputs if output.output_type != "error"]


def _said(mark: Mark) -> NotebookNode:
    points = f"{mark.points:g} of {mark.max_points:g} points"
    text = f"✓ {points}\n" if mark.passed else f"✗ {points}: {mark.message}\n"
    if mark.visible and mark.values:
        text += mark.values + "\n"
    return nbformat.v4.new_output("stream", name="stdout", text=text)
