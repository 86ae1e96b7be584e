"""Chapter 10's forecast of sunspots: it beats the naive forecasts, made-up or real series."""

import pytest
import torch

from gradus import seeded
from tests.course.solved import REAL, solved

FILE = REAL / "timeseries" / "monthly-sunspots.csv"


@pytest.mark.parametrize("folder", ["embedded", str(REAL)], ids=["stand-in", "real"])
def test_the_network_beats_the_naive_forecasts(folder, monkeypatch, capsys):
    if folder != "embedded" and not FILE.is_file():
        pytest.skip(f"no {FILE}")
    monkeypatch.setenv("GRADUS_DATA", folder)
    monkeypatch.setenv("GRADUS_DEVICE", "cpu")
    chapter = solved("10_rnn", lambda cell: 'gradus.load("sunspots"' in cell.source)
    kind = "stand-in" if folder == "embedded" else "real"
    assert kind in capsys.readouterr().out
    true = chapter.new_y
    errors = {name: (said - true).abs().mean().item() for name, said in chapter.said.items()}
    networks = [error for name, error in errors.items() if name.startswith("GRU")]
    naive = [error for name, error in errors.items() if not name.startswith("GRU")]
    assert len(networks) == 2 and len(naive) == 3
    assert max(networks) < 0.95 * min(naive), errors


def test_windows_keep_a_gap_and_the_scale_comes_from_the_past():
    chapter = solved("10_rnn")
    series = torch.randn(50, 1, generator=seeded(0)).cumsum(0)
    changed = series.clone()
    changed[30:] += 100
    before, after = (chapter.prepare(x, 5, 2, 30) for x in (series, changed))
    assert torch.equal(before[0], after[0]) and torch.equal(before[1], after[1])
    assert len(before[0]) == 30 - 6 and len(before[2]) == 20 - 6
