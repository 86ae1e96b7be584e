"""Gradus: the small helper that the chapters of the course import."""

from gradus import check, observe, probes
from gradus.seeding import seed_everything, seeded

__version__ = "0.1.0"
__all__ = [
    "check",
    "data",
    "device",
    "evaluate",
    "fit",
    "load",
    "observe",
    "plots",
    "probes",
    "seed_everything",
    "seeded",
    "synchronise",
]
