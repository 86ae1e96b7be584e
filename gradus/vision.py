"""The one place that makes ``import torchvision`` work beside a CPU-only PyTorch.

The ordinary torchvision wheel holds operators compiled for CUDA. A CPU-only PyTorch cannot load
them, and ``import torchvision`` then stops, because it describes two of them (``nms`` and
``qnms``) without asking whether they are there. Declaring these two names is enough:
datasets, transforms and models work; only the compiled operators themselves stay missing, and
torchvision says so in words when one is called.

`install` costs nothing until torchvision is imported, imports nothing, and leaves a torchvision
whose operators do load exactly as it is: torchvision itself is asked, at the moment in its import
when it knows the answer and has not yet needed it.
"""

import sys

import torch

SCHEMAS = ("nms", "qnms")
_library = None  # torch forgets the declarations when this object is freed


def declare_missing_operators() -> None:
    """Declare the operators that torchvision describes but could not load; else do nothing."""
    global _library
    extension = sys.modules.get("torchvision.extension")
    if extension is None or extension._has_ops() or _library is not None:
        return
    _library = torch.library.Library("torchvision", "FRAGMENT")
    for name in SCHEMAS:
        if not hasattr(torch.ops.torchvision, name):
            _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


class _Watcher:
    """An import finder that finds nothing: it only sees which module is about to be imported."""

    @staticmethod
    def find_spec(fullname: str, path: object = None, target: object = None) -> None:
        """Called by Python before each import of a module that is not loaded yet."""
        if fullname == "torchvision._meta_registrations":
            declare_missing_operators()


def install() -> None:
    """Watch for the import of torchvision. Calling it again changes nothing."""
    if _Watcher not in sys.meta_path:
        sys.meta_path.insert(0, _Watcher)
