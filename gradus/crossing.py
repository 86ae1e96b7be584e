"""The student's side of the border: inputs come in, claims go out (used by the grader only).

The grader runs these lines of code around the Act of a test cell, in the kernel that also holds
the student's code. Whatever that code does to them, it can only change the claims that leave.
"""

from __future__ import annotations

import base64
import builtins
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from gradus import check, observe, wire

MIME = "application/x-gradus-claims"
WATCHED = (builtins, np, torch, torch.Tensor, torch.nn.functional, torch.testing, check, observe)
JUPYTERS = ("input", "display", "get_ipython", "exit", "quit")  # builtins that the kernel sets

_before: dict[Any, dict[str, int]] = {}
# Torch's switches for the whole process; `remember` notes them as the setup cells left them.
_switches: dict[str, Any] = {"grad": True, "dtype": torch.float32, "device": torch.device("cpu")}


def receive(namespace: dict[str, Any], text: str) -> None:
    """Put a test's inputs (base64 of ``wire.encode_inputs``) into the kernel's namespace.

    What another exercise has switched in torch for the whole process is switched back before.
    """
    torch.set_grad_enabled(_switches["grad"])
    torch.set_default_dtype(_switches["dtype"])
    if torch.get_default_device() != _switches["device"]:
        torch.set_default_device(_switches["device"])
    namespace.update(wire.decode(base64.b64decode(text), strided=True))


def ship(namespace: dict[str, Any], names: list[str]) -> None:
    """Send the named values out, as one message with a binary part."""
    claims = {name: _claim(namespace, name) for name in names}
    try:
        data = wire.encode(claims)
    except wire.WireError as error:  # each may go, but not all together
        data = wire.encode({name: ["refused", str(error)] for name in names})
    _send(data)


def remember(files: dict[str, bytes]) -> None:
    """Before the student's first line: put their files here, and note what the libraries hold."""
    for name, data in files.items():
        Path(name).write_bytes(data)
    _before.update({place: _contents(place) for place in WATCHED})
    _switches["grad"] = torch.is_grad_enabled()
    _switches["dtype"] = torch.get_default_dtype()
    _switches["device"] = torch.get_default_device()


def replaced() -> None:
    """Send the names of library attributes that were replaced (for a person to see)."""
    found = [
        f"{place.__name__}.{name}"
        for place, before in _before.items()
        for name, held in _contents(place).items()
        if before.get(name, held) != held
    ]
    _send(", ".join(found[:20]).encode())


def _contents(place: Any) -> dict[str, int]:
    """Identity of each attribute; submodules that are imported later are no replacement."""
    return {
        name: id(value)
        for name, value in vars(place).items()
        if not isinstance(value, ModuleType) and name not in JUPYTERS
    }


def _send(data: bytes) -> None:
    from IPython import get_ipython

    publisher = get_ipython().display_pub
    publisher.session.send(
        publisher.pub_socket,
        "display_data",
        {"data": {MIME: ""}, "metadata": {}, "transient": {}},
        parent=publisher.parent_header,
        ident=publisher.topic,
        buffers=[data],
    )


def _claim(namespace: dict[str, Any], name: str) -> Any:
    """["value", bytes], or ["refused", why] or ["missing"] when it cannot go."""
    if name not in namespace:
        return ["missing"]
    try:
        return ["value", wire.encode(namespace[name])]
    except wire.WireError as error:
        return ["refused", str(error)]
