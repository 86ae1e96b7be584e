"""A training loop: `fit`, `evaluate` and the `History` of a run.

A loader gives batches ``(*inputs, targets)``; the model is called as ``model(*inputs)`` and the
loss as ``loss_fn(outputs, targets)``. The loss is the mean over the batch. Batches may differ in
size: every number of an epoch is the mean over its samples, not over its batches.
"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

Function = Callable[[Tensor, Tensor], Tensor]


@dataclass
class History:
    """What a run measured: one number an epoch for each name.

    values: ``{"loss": [...], "accuracy": [...], "val_loss": [...], ...}``
    best_epoch: index (from 0) of the epoch whose weights were kept; None without validation data
    """

    values: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int | None = None

    def __getitem__(self, name: str) -> list[float]:
        return self.values[name]

    def record(self, numbers: Mapping[str, float], prefix: str = "") -> None:
        """Append one epoch's numbers, each under its name with `prefix` before it."""
        for name, number in numbers.items():
            self.values.setdefault(prefix + name, []).append(number)


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Share of right answers: outputs (N, classes, ...) are scores, targets (N, ...) class ids."""
    return (outputs.argmax(dim=1) == targets).float().mean()


def fit(
    model: nn.Module,
    train_loader: Iterable,
    loss_fn: Function,
    optimiser: torch.optim.Optimizer,
    *,
    epochs: int,
    val_loader: Iterable | None = None,
    device: torch.device | str | None = None,
    progress: bool = False,
    autocast: bool = False,
    metrics: Mapping[str, Function] | None = None,
) -> History:
    """Train `model` in place for `epochs` passes over `train_loader`.

    With `val_loader`, the model ends with the weights of the epoch that had the lowest validation
    loss (the first of equals). Each module's train or eval mode is afterwards what it was.

    device: where to compute; the model moves there. None: where the model already is.
    progress: show a tqdm bar.   autocast: run model and loss in bfloat16 where that is safe.
    metrics: name -> function of (outputs, targets) giving the mean over a batch.
        None: the accuracy, where the targets are class ids.

    Raises FloatingPointError when a loss is not finite, before the weights are changed by it;
    ValueError when a loader gives no batch or the loss is no single number.
    """
    device = _place(model, device)
    history, best_loss, best_state = History(), math.inf, None
    with _modes_kept(model), _bar(progress, epochs, train_loader) as bar:
        for epoch in range(epochs):
            where = f"epoch {epoch + 1}"
            model.train()
            numbers = _one_pass(
                model, train_loader, loss_fn, device, metrics, where, autocast, optimiser, bar
            )
            history.record(numbers)
            if val_loader is None:
                continue
            model.eval()
            where += " (validation)"
            with torch.no_grad():
                numbers = _one_pass(model, val_loader, loss_fn, device, metrics, where, autocast)
            history.record(numbers, "val_")
            if numbers["loss"] < best_loss:
                best_loss, history.best_epoch = numbers["loss"], epoch
                best_state = copy.deepcopy(model.state_dict())
    if best_state is not None:
        model.load_state_dict(best_state)
    return history


def evaluate(
    model: nn.Module,
    loader: Iterable,
    loss_fn: Function,
    device: torch.device | str | None = None,
    *,
    metrics: Mapping[str, Function] | None = None,
) -> dict[str, float]:
    """Mean loss (and accuracy, or `metrics`) over `loader`, in eval mode and without gradients.

    Each module's mode is afterwards what it was. Arguments and errors as for `fit`.
    """
    device = _place(model, device)
    with _modes_kept(model), torch.no_grad():
        model.eval()
        return _one_pass(model, loader, loss_fn, device, metrics, "evaluation")


def _one_pass(
    model, loader, loss_fn, device, metrics, where, autocast=False, optimiser=None, bar=None
) -> dict[str, float]:
    """One pass over `loader`; a training step on each batch if there is an optimiser."""
    totals: dict[str, float] = {}
    samples = 0
    for index, batch in enumerate(loader):
        *inputs, targets = (part.to(device) for part in batch)
        with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
            outputs = model(*inputs)
            loss = loss_fn(outputs, targets)
        if loss.numel() != 1:
            raise ValueError(f"the loss must be one number, got shape {tuple(loss.shape)}")
        if not math.isfinite(loss.item()):
            raise FloatingPointError(
                f"the loss is {loss.item()} in {where}, batch {index + 1}: look for a learning "
                "rate that is too high, a log or a division at 0, or nan in the data"
            )
        if optimiser is not None:
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        numbers = {"loss": loss.item()}
        for name, metric in _metrics(metrics, outputs, targets).items():
            numbers[name] = float(metric(outputs.detach(), targets))
        samples += len(targets)
        for name, number in numbers.items():
            totals[name] = totals.get(name, 0.0) + number * len(targets)
        if bar is not None:
            bar.set_description(f"{where}, loss {totals['loss'] / samples:.3f}", refresh=False)
            bar.update()
    if samples == 0:
        raise ValueError(f"the loader gave no batch in {where}")
    return {name: total / samples for name, total in totals.items()}


def _metrics(metrics, outputs: Tensor, targets: Tensor) -> Mapping[str, Function]:
    """The metrics asked for; when nobody asked, the accuracy if these are classes."""
    if metrics is not None:
        return metrics
    classes = not targets.is_floating_point() and outputs.ndim == targets.ndim + 1
    return {"accuracy": accuracy} if classes else {}


def _place(model: nn.Module, device: torch.device | str | None) -> torch.device:
    """Move the model to `device`, or find the device that it is on."""
    if device is None:
        tensor = next(model.parameters(), next(model.buffers(), torch.empty(0)))
        return tensor.device
    model.to(device)
    return torch.device(device)


@contextmanager
def _modes_kept(model: nn.Module) -> Iterator[None]:
    """Put every module back into the mode that it had, also after an error."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _bar(progress: bool, epochs: int, loader: Iterable):
    """A tqdm bar over all batches; it shows nothing when there is no progress to show."""
    from tqdm.auto import tqdm  # here, because it brings in the notebook widgets

    total = epochs * len(loader) if hasattr(loader, "__len__") else None
    return tqdm(total=total, disable=not progress, leave=False)
