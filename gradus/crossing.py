"""The student's side of the border: inputs come in, claims go out (used by the grader only).

The grader runs these two lines of code around the Act of a test cell, in the kernel that also holds
the student's code. Whatever that code does to them, it can only change the claims that leave.
"""

from __future__ import annotations

import base64
from typing import Any

from gradus import wire

MIME = "application/x-gradus-claims"


def receive(namespace: dict[str, Any], text: str) -> None:
    """Put a test's inputs (base64 of ``wire.encode_inputs``) into the kernel's namespace."""
    namespace.update(wire.decode(base64.b64decode(text), strided=True))


def ship(namespace: dict[str, Any], names: list[str]) -> None:
    """Send the named values out, as one display message in a type of its own."""
    from IPython.display import display

    claims = {name: _claim(namespace, name) for name in names}
    try:
        data = wire.encode(claims)
    except wire.WireError as error:  # each may go, but not all together
        data = wire.encode({name: ["refused", str(error)] for name in names})
    display({MIME: base64.b64encode(data).decode()}, raw=True)


def _claim(namespace: dict[str, Any], name: str) -> Any:
    """["value", bytes], or ["refused", why] or ["missing"] when it cannot go."""
    if name not in namespace:
        return ["missing"]
    try:
        return ["value", wire.encode(namespace[name])]
    except wire.WireError as error:
        return ["refused", str(error)]
