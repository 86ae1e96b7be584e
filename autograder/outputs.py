"""What is kept of the outputs of a student's cell: text and pixels, made anew.

A kernel that runs a stranger's code may send anything under any name. Only well-formed text,
errors and base64 pictures are copied; HTML, SVG, scripts, widgets and odd types are not, so that no
markup of a submission reaches the pages of students or instructors.
"""

from __future__ import annotations

import base64
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograder.limits import Limits

PICTURES = ("image/png", "image/jpeg")


def kept_output(kind: str, content: dict[str, Any], limits: Limits) -> NotebookNode | None:
    """The output of a message of this kind, cut to ``limits``; None where nothing is kept."""
    if kind == "stream":
        name = "stderr" if content.get("name") == "stderr" else "stdout"
        return new_output("stream", name=name, text=_cut(content.get("text"), limits))
    if kind == "error":
        lines = content.get("traceback")
        text = "\n".join(map(str, lines)) if isinstance(lines, list) else ""
        fields = {key: _cut(content.get(key), limits) for key in ("ename", "evalue")}
        return new_output("error", **fields, traceback=_cut(text, limits).splitlines())
    data = content.get("data")
    data = data if isinstance(data, dict) else {}
    shown = {key: data[key] for key in PICTURES if _is_picture(data.get(key), limits)}
    if isinstance(data.get("text/plain"), str):
        shown["text/plain"] = _cut(data["text/plain"], limits)
    return new_output("display_data", data=shown) if shown else None


def append_text(output: NotebookNode, text: str, limits: Limits) -> None:
    """Let a stream go on, up to its limit."""
    if len(output.text) <= limits.output_characters:
        output.text = _cut(output.text + text, limits)


def _cut(text: object, limits: Limits) -> str:
    text = printable(text) if isinstance(text, str) else ""
    if len(text) <= limits.output_characters:
        return text
    return text[: limits.output_characters] + "\n… (cut)\n"


def printable(text: str) -> str:
    """The text without half surrogate pairs, which no file can hold."""
    return text.encode("utf-8", "replace").decode()


def _is_picture(data: object, limits: Limits) -> bool:
    if not isinstance(data, str) or len(data) > limits.picture_characters:
        return False
    try:
        return bool(base64.b64decode("".join(data.split()), validate=True))
    except ValueError:
        return False
