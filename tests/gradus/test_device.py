"""Which device is chosen, and what a wrong wish says."""

import pytest
import torch

from gradus.device import device, synchronise


def test_without_an_accelerator_it_is_the_cpu(monkeypatch):
    monkeypatch.delenv("GRADUS_DEVICE", raising=False)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: None)
    assert device() == torch.device("cpu")


def test_an_accelerator_is_preferred(monkeypatch):
    _pretend_gpus(monkeypatch, 1)
    assert device() == torch.device("cuda")


@pytest.mark.parametrize("wish", ["cpu", " cpu ", "cuda", "cuda:1"])
def test_the_variable_overrides(monkeypatch, wish):
    _pretend_gpus(monkeypatch, 2)
    monkeypatch.setenv("GRADUS_DEVICE", wish)
    assert device() == torch.device(wish.strip())


@pytest.mark.parametrize("wish", ["gpu", "meta", "cuda:2", "mps", "cuda:x"])
def test_a_wish_that_cannot_be_met_gives_one_clear_line(monkeypatch, wish):
    _pretend_gpus(monkeypatch, 2)
    monkeypatch.setenv("GRADUS_DEVICE", wish)
    with pytest.raises(ValueError, match="GRADUS_DEVICE") as caught:
        device()
    assert wish in str(caught.value) and "\n" not in str(caught.value)


def test_no_accelerator_and_one_wanted(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: None)
    monkeypatch.setenv("GRADUS_DEVICE", "cuda")
    with pytest.raises(ValueError, match="this machine offers cpu"):
        device()


def test_synchronise_waits_only_for_an_accelerator(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.accelerator, "synchronize", waited.append)
    synchronise("cpu")
    synchronise(torch.device("cpu"))
    assert waited == []
    synchronise(torch.device("cuda:0"))
    assert waited == [torch.device("cuda:0")]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_real_accelerator(monkeypatch):
    monkeypatch.delenv("GRADUS_DEVICE", raising=False)
    assert device().type == "cuda"
    synchronise(device())
    monkeypatch.setenv("GRADUS_DEVICE", "cpu")
    assert device().type == "cpu"


def _pretend_gpus(monkeypatch, count):
    monkeypatch.delenv("GRADUS_DEVICE", raising=False)
    cuda = torch.device("cuda")
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: cuda)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: count)
