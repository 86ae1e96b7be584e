"""All hostile submissions, one a threat; each module enters its own."""

from tests.hostile import escape, files, forgery, messages, notebook, resources
from tests.hostile.registry import HOSTILE

__all__ = ["HOSTILE", "escape", "files", "forgery", "messages", "notebook", "resources"]
