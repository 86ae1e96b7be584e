"""What `fit` and `evaluate` promise, measured on models small enough to compute by hand."""

import math

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from gradus.seeding import seeded
from gradus.training import History, accuracy, evaluate, fit


def _line(weight=0.0):
    """The model w * x with one weight."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, weight)
    return model


def _loader(x, y, batch_size):
    return DataLoader(TensorDataset(torch.tensor(x)[:, None], torch.tensor(y)[:, None]), batch_size)


def _blobs(n=120):
    x = torch.randn(n, 2, generator=seeded(0))
    return TensorDataset(x, (x.sum(1) > 0).long())


def test_means_are_over_samples_not_batches():
    loader = _loader([1.0, 1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0, 5.0], 4)
    assert evaluate(_line(), loader, nn.MSELoss()) == {"loss": 5.0}
    model = _line()
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    assert fit(model, loader, nn.MSELoss(), still, epochs=2)["loss"] == [5.0, 5.0]


def test_a_step_is_one_gradient_step_and_gradients_do_not_pile_up():
    model = _line(1.0)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    fit(model, _loader([1.0, 1.0], [0.0, 0.0], 1), nn.MSELoss(), optimiser, epochs=1)
    assert model.weight.item() == pytest.approx(0.8 * 0.8)


def test_it_learns_and_reports_accuracy():
    torch.manual_seed(0)
    model = nn.Linear(2, 2)
    loader = DataLoader(_blobs(), 16, shuffle=True, generator=seeded(1))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    history = fit(model, loader, nn.CrossEntropyLoss(), optimiser, epochs=5, val_loader=loader)
    assert set(history.values) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert all(len(numbers) == 5 for numbers in history.values.values())
    assert history["val_accuracy"][-1] > 0.9
    measured = evaluate(model, loader, nn.CrossEntropyLoss())
    assert measured["accuracy"] == history["val_accuracy"][history.best_epoch]


def test_accuracy_counts():
    scores = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    assert accuracy(scores, torch.tensor([0, 1, 0, 0])).item() == 0.75


def test_metrics_replace_the_accuracy_and_are_weighted_too():
    loader = _loader([1.0, 2.0, 6.0], [0.0, 0.0, 0.0], 2)
    largest = {"mean": lambda outputs, targets: outputs.mean()}
    assert evaluate(_line(1.0), loader, nn.MSELoss(), metrics=largest)["mean"] == pytest.approx(3)


def test_modes_are_restored_module_by_module():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout())
    model.train()
    model[1].eval()
    loader = DataLoader(_blobs(), 32)
    evaluate(model, loader, nn.CrossEntropyLoss())
    assert [m.training for m in model.modules()] == [True, True, False, True]
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    model.eval()
    fit(model, loader, nn.CrossEntropyLoss(), optimiser, epochs=1, val_loader=loader)
    assert not any(m.training for m in model.modules())


def test_training_trains_and_validation_only_looks():
    seen = []

    class Spy(nn.Linear):
        def forward(self, x):
            seen.append((self.training, torch.is_grad_enabled()))
            return super().forward(x)

    model = Spy(2, 2)
    loader = DataLoader(_blobs(), 120)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    fit(model, loader, nn.CrossEntropyLoss(), optimiser, epochs=2, val_loader=loader)
    assert seen == [(True, True), (False, False)] * 2
    assert torch.is_grad_enabled()


def test_evaluate_changes_nothing():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    evaluate(model, DataLoader(_blobs(), 7), nn.CrossEntropyLoss())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_best_weights_are_kept_and_not_the_last():
    model = _line(0.0)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    train = _loader([1.0], [4.0], 1)  # pulls the weight towards 4
    val = _loader([1.0], [1.5], 1)  # is happiest near 1.5
    history = fit(model, train, nn.MSELoss(), optimiser, epochs=8, val_loader=val)
    best = min(range(8), key=history["val_loss"].__getitem__)
    assert 0 < best < 7
    assert history.best_epoch == best
    assert evaluate(model, val, nn.MSELoss())["loss"] == history["val_loss"][best]


def test_a_tie_is_no_improvement():
    model = _line(1.0)
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    loader = _loader([1.0], [0.0], 1)
    history = fit(model, loader, nn.MSELoss(), still, epochs=3, val_loader=loader)
    assert history.best_epoch == 0


def test_without_validation_the_last_weights_stay():
    model = _line(0.0)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    history = fit(model, _loader([1.0], [4.0], 1), nn.MSELoss(), optimiser, epochs=3)
    assert history.best_epoch is None
    assert model.weight.item() == pytest.approx(4 * (1 - 0.8**3))


def test_a_loss_that_is_not_finite_is_reported_before_it_spoils_the_weights():
    model = _line(2.0)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = _loader([0.0, float("nan")], [0.0, 0.0], 1)
    model.eval()
    with pytest.raises(FloatingPointError, match="nan in epoch 1, batch 2"):
        fit(model, loader, nn.MSELoss(), optimiser, epochs=1)
    assert model.weight.item() == 2.0
    assert not model.training
    with pytest.raises(FloatingPointError, match="inf in evaluation, batch 1"):
        evaluate(model, _loader([math.inf], [0.0], 1), nn.MSELoss())


def test_an_empty_loader_and_a_loss_per_sample_are_refused():
    with pytest.raises(ValueError, match="no batch"):
        evaluate(_line(), [], nn.MSELoss())
    with pytest.raises(ValueError, match=r"one number, got shape \(2, 1\)"):
        evaluate(_line(), _loader([1.0, 1.0], [0.0, 0.0], 2), nn.MSELoss(reduction="none"))


def test_several_inputs_reach_the_model():
    class Sum(nn.Module):
        def forward(self, a, b):
            return a + b

    batches = [(torch.ones(2, 1), torch.ones(2, 1), torch.zeros(2, 1))]
    assert evaluate(Sum(), batches, nn.MSELoss()) == {"loss": 4.0}


def test_autocast_runs_the_model_in_bfloat16_and_keeps_weights_in_float32():
    types = []

    def loss_fn(outputs, targets):
        types.append(outputs.dtype)
        return nn.functional.cross_entropy(outputs, targets)

    model = nn.Linear(2, 2)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    fit(model, DataLoader(_blobs(), 64), loss_fn, optimiser, epochs=1, autocast=True)
    assert set(types) == {torch.bfloat16}
    assert model.weight.dtype == torch.float32


def test_progress_is_shown_only_when_asked_for(capfd, monkeypatch):
    model = _line()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    for progress in (False, True):
        fit(model, _loader([1.0], [1.0], 1), nn.MSELoss(), optimiser, epochs=2, progress=progress)
        assert bool(capfd.readouterr().err) == progress
    endless = (batch for batch in [(torch.ones(1, 1), torch.ones(1, 1))])
    fit(model, endless, nn.MSELoss(), optimiser, epochs=1, progress=True)


def test_no_epoch_gives_an_empty_history():
    optimiser = torch.optim.SGD(_line().parameters(), lr=0.1)
    assert fit(_line(), [], nn.MSELoss(), optimiser, epochs=0) == History()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_the_gpu_with_and_without_autocast():
    for autocast in (False, True):
        torch.manual_seed(0)
        model = nn.Linear(2, 2)
        optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
        loader = DataLoader(_blobs(), 16)
        history = fit(
            model,
            loader,
            nn.CrossEntropyLoss(),
            optimiser,
            epochs=5,
            val_loader=loader,
            device="cuda",
            autocast=autocast,
        )
        assert model.weight.is_cuda
        assert history["val_accuracy"][-1] > 0.9
        assert evaluate(model, loader, nn.CrossEntropyLoss())["accuracy"] > 0.9
