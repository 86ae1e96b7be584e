"""A mark for tests of what only a sandbox gives; as root and under CI they must run."""

from __future__ import annotations

import os

import pytest

from autograder import sandbox

MUST = bool(os.environ.get("CI")) or (hasattr(os, "geteuid") and os.geteuid() == 0)
WHY_NOT = sandbox.why_not()

sandboxed = pytest.mark.skipif(bool(WHY_NOT) and not MUST, reason=f"no sandbox: {WHY_NOT}")
