"""Filling a network with known numbers."""

import pytest
import torch
from torch import nn

from gradus.weights import fill


class Backwards(nn.Module):
    """The layers are registered in the opposite order of their use."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(4, 2)
        self.norm = nn.BatchNorm2d(4)
        self.first = nn.Conv2d(1, 4, 3, bias=False)
        self.idle = nn.Linear(3, 3)

    def forward(self, x):
        return self.last(self.norm(self.first(x)).amax((2, 3)))


def plain():
    layers = nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.AdaptiveMaxPool2d(1)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4, 2))


def test_names_and_the_order_of_registration_do_not_matter():
    x = torch.arange(50.0).reshape(2, 1, 5, 5) / 50
    mine, theirs = fill(Backwards(), x, seed=3).eval(), fill(plain(), x, seed=3).eval()
    assert torch.equal(mine(x), theirs(x))
    assert not torch.equal(mine(x), fill(plain(), x, seed=4).eval()(x))


def test_everything_that_is_used_gets_uneven_numbers():
    model = fill(plain(), torch.zeros(1, 1, 5, 5))
    for name, tensor in model.state_dict().items():
        assert "tracked" in name or tensor.unique().numel() == tensor.numel(), name
    assert (model[1].running_var > 0).all()


def test_modes_hooks_counters_and_idle_layers_stay():
    model = Backwards().train()
    model.norm.eval()
    idle = model.idle.weight.clone()
    fill(model, torch.zeros(1, 1, 5, 5))
    assert model.training and not model.norm.training
    assert not any(module._forward_pre_hooks for module in model.modules())
    assert model.norm.num_batches_tracked == 0 and torch.equal(model.idle.weight, idle)
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


def test_what_is_no_module_is_refused():
    with pytest.raises(TypeError, match="expected a module"):
        fill(torch.zeros(3), torch.zeros(3))
