"""Gradus: the small helper that the chapters of the course import."""

from importlib import import_module
from typing import Any

from gradus import check, observe, probes, sequences, vision
from gradus.data import load
from gradus.device import device, synchronise
from gradus.seeding import seed_everything, seeded
from gradus.training import evaluate, fit

__version__ = "0.1.0"
__all__ = [
    "check",
    "device",
    "evaluate",
    "fit",
    "load",
    "observe",
    "plots",
    "probes",
    "seed_everything",
    "seeded",
    "sequences",
    "synchronise",
]

vision.install()


def __getattr__(name: str) -> Any:
    """``gradus.plots`` is loaded when first used: matplotlib takes half a second."""
    if name == "plots":
        return import_module("gradus.plots")
    raise AttributeError(f"module 'gradus' has no attribute {name!r}")
