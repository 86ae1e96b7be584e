"""Chapter 10's forecast of sunspots: it beats both naive forecasts, made-up or real series."""

import os
from pathlib import Path

import pytest
import torch

from autograder.chapter import Chapter
from gradus import seeded

ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("GRADUS_TEST_DATA", ROOT.parent / "shared" / "data"))
FILE = REAL / "timeseries" / "monthly-sunspots.csv"


def run_forecast() -> dict:
    """Names that the chapter's setup, exercise 10.5 and the cell with the sunspots leave."""
    chapter = Chapter(ROOT / "solutions" / "10_rnn" / "rnn.py")
    cells = [*chapter.setup, *chapter.find("10.5").answers.values()]
    cells += [c for c in chapter.notebook.cells if 'gradus.load("sunspots"' in c.source]
    names: dict = {}
    for cell in cells:
        exec(compile(cell.source, cell.id, "exec"), names)
    return names


@pytest.mark.parametrize("folder", ["embedded", str(REAL)], ids=["stand-in", "real"])
def test_the_network_beats_both_naive_forecasts(folder, monkeypatch, capsys):
    if folder != "embedded" and not FILE.is_file():
        pytest.skip(f"no {FILE}")
    monkeypatch.setenv("GRADUS_DATA", folder)
    monkeypatch.setenv("GRADUS_DEVICE", "cpu")
    names = run_forecast()
    kind = "stand-in" if folder == "embedded" else "real"
    assert kind in capsys.readouterr().out
    true = names["new_y"]
    errors = {name: (said - true).abs().mean().item() for name, said in names["said"].items()}
    networks = [error for name, error in errors.items() if name.startswith("GRU")]
    naive = [error for name, error in errors.items() if not name.startswith("GRU")]
    assert len(networks) == len(naive) == 2
    assert max(networks) < 0.95 * min(naive), errors


def test_windows_keep_a_gap_and_the_scale_comes_from_the_past():
    chapter = Chapter(ROOT / "solutions" / "10_rnn" / "rnn.py")
    names: dict = {}
    for cell in [*chapter.setup, *chapter.find("10.5").answers.values()]:
        exec(compile(cell.source, cell.id, "exec"), names)
    series = torch.randn(50, 1, generator=seeded(0)).cumsum(0)
    changed = series.clone()
    changed[30:] += 100
    before, after = (names["prepare"](x, 5, 2, 30) for x in (series, changed))
    assert torch.equal(before[0], after[0]) and torch.equal(before[1], after[1])
    assert len(before[0]) == 30 - 6 and len(before[2]) == 20 - 6
