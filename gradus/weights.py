"""Known weights for any network: two networks that should be equal can then be compared by value.

A fresh network is full of blanks: biases near 0, batch norm scales of 1, running means of 0. A
forgotten bias or a batch norm in the wrong place does not show. `fill` writes uneven numbers into
all of them, in the order in which the layers are used, so that names and the order of
registration do not matter.
"""

import torch
from torch import nn

from .seeding import seeded


def fill(model: nn.Module, *inputs: torch.Tensor, seed: int = 0) -> nn.Module:
    """Write seeded numbers into all weights and running statistics of `model`; hands it back.

    inputs: an example for one forward pass, which finds the order of use (run in eval mode and
    without gradients; afterwards each module is in the mode that it was in). The numbers depend on
    `seed`, on the place of a layer in that order, and on the shape of the tensor, nothing else.
    Layers that are not used keep what they have. Raises TypeError if `model` is no module.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"expected a module to fill, got {type(model).__name__}")
    with torch.no_grad():
        for place, layer in enumerate(_in_order_of_use(model, inputs)):
            source = seeded(1000 * seed + place)
            for name, tensor in [*layer._parameters.items(), *layer._buffers.items()]:
                if tensor is not None and tensor.is_floating_point():
                    tensor.copy_(_numbers(name, tensor.shape, source))
    return model


def _in_order_of_use(model: nn.Module, inputs: tuple) -> list[nn.Module]:
    """Modules that own a parameter or a buffer, by their first call."""
    order: dict[nn.Module, None] = {}
    modes = [(module, module.training) for module in model.modules()]
    owners = [module for module, _ in modes if module._parameters or module._buffers]
    handles = [
        owner.register_forward_pre_hook(lambda module, _: order.setdefault(module))
        for owner in owners
    ]
    try:
        model.eval()(*inputs)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return list(order)


def _numbers(name: str, shape: torch.Size, source: torch.Generator) -> torch.Tensor:
    if name == "running_var":
        return 0.5 + torch.rand(shape, generator=source)
    draws = torch.randn(shape, generator=source)
    if len(shape) > 1:  # the weight of a layer: sums over its inputs stay of size 1
        return draws * 1.4 / shape[1:].numel() ** 0.5
    return 1 + 0.3 * draws if name == "weight" else 0.3 * draws
