"""What is kept of the outputs of a student's cell: text and pixels, made anew.

A kernel that runs a stranger's code may send anything under any name. Only well-formed text,
errors and base64 pictures are copied; HTML, SVG, scripts, widgets and odd types are not, so that no
markup of a submission reaches the pages of students or instructors.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograder.limits import Limits

PICTURES = ("image/png", "image/jpeg")


def kept_outputs(outputs: Iterable[NotebookNode], limits: Limits) -> list[NotebookNode]:
    """At most ``limits.displays`` outputs, each cut to ``limits.output_characters``."""
    kept = (_kept(output, limits) for output in list(outputs)[: limits.displays])
    return [output for output in kept if output is not None]


def _kept(output: NotebookNode, limits: Limits) -> NotebookNode | None:
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return new_output("stream", name=name, text=_cut(output.get("text"), limits))
    if kind == "error":
        lines = output.get("traceback")
        text = "\n".join(map(str, lines)) if isinstance(lines, list) else ""
        fields = {key: _cut(output.get(key), limits) for key in ("ename", "evalue")}
        return new_output("error", **fields, traceback=_cut(text, limits).splitlines())
    data = output.get("data")
    data = data if isinstance(data, dict) else {}
    shown = {key: data[key] for key in PICTURES if _is_picture(data.get(key), limits)}
    if isinstance(data.get("text/plain"), str):
        shown["text/plain"] = _cut(data["text/plain"], limits)
    return new_output("display_data", data=shown) if shown else None


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
