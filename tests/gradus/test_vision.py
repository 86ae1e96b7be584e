"""``import torchvision`` works beside a PyTorch that cannot load its compiled operators."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _python(code: str) -> str:
    """Run `code` in a fresh Python where a warning is an error; its output."""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_datasets_transforms_and_models_work():
    out = _python("""
from gradus import vision
vision.install(); vision.install()
import sys
assert "torchvision" not in sys.modules
import torch, torchvision
from torchvision import datasets
from torchvision.transforms import v2
image = torch.zeros(3, 40, 40, dtype=torch.uint8)
steps = v2.Compose([v2.RandomCrop(32), v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32, True)])
fake = datasets.FakeData(size=2, image_size=(3, 8, 8), transform=v2.ToImage())
print(tuple(steps(image).shape), tuple(fake[0][0].shape))
with torch.no_grad():
    print(tuple(torchvision.models.resnet18(weights=None).eval()(torch.zeros(1, 3, 64, 64)).shape))
""")
    assert out == "(3, 32, 32) (3, 8, 8)\n(1, 1000)\n"


def test_a_missing_operator_says_so_when_it_is_called():
    out = _python("""
from gradus import vision
vision.install()
import torch, torchvision
if torchvision.extension._has_ops():
    print("Couldn't load custom C++ ops: not on this machine")
else:
    try:
        torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except RuntimeError as error:
        print(error)
""")
    assert "Couldn't load custom C++ ops" in out


def test_it_helps_also_after_a_first_import_failed():
    out = _python("""
try:
    import torchvision
except RuntimeError:
    pass
from gradus import vision
vision.install()
import torchvision
print(torchvision.__version__)
""")
    assert out.strip()


@pytest.mark.parametrize("loads", [True, False])
def test_operators_that_load_are_left_alone(loads):
    out = _python(f"""
import sys, types, torch
from gradus import vision
extension = types.ModuleType("torchvision.extension")
extension._has_ops = lambda: {loads}
sys.modules["torchvision.extension"] = extension
vision.declare_missing_operators()
vision.declare_missing_operators()
print(hasattr(torch.ops.torchvision, "nms"))
""")
    assert out.strip() == str(not loads)
