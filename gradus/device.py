"""Which device to compute on, and how to wait for it."""

import os

import torch


def device() -> torch.device:
    """The device to compute on: ``GRADUS_DEVICE`` if it is set, else the accelerator, else the CPU.

    ``GRADUS_DEVICE`` holds what `torch.device` reads: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    Raises ValueError when this machine cannot offer what the variable asks for.
    """
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    wish = os.environ.get("GRADUS_DEVICE", "").strip()
    if not wish:
        return accelerator or torch.device("cpu")
    offered = ["cpu"] + ([accelerator.type] if accelerator else [])
    try:
        chosen = torch.device(wish)
    except RuntimeError:
        chosen = None
    if chosen is None or chosen.type not in offered:
        raise ValueError(f"GRADUS_DEVICE={wish!r}: this machine offers {' and '.join(offered)}.")
    count = torch.accelerator.device_count() if chosen.type != "cpu" else 1
    if (chosen.index or 0) >= count:
        raise ValueError(
            f"GRADUS_DEVICE={wish!r}: this machine has {count} {chosen.type} device(s)."
        )
    return chosen


def synchronise(device: torch.device | str) -> None:
    """Wait until all work queued on `device` is done; on the CPU there is nothing to wait for.

    Needed before reading a clock: an accelerator computes while Python already runs on.
    """
    if torch.device(device).type not in ("cpu", "meta"):
        torch.accelerator.synchronize(device)
