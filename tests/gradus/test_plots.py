"""What the figures plot: their data, not their pixels; and that nothing is told by colour alone."""

import io

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("agg")
import matplotlib.pyplot as plt  # noqa: E402

from gradus import plots  # noqa: E402
from gradus.training import History  # noqa: E402


def _png(fig) -> bytes:
    file = io.BytesIO()
    fig.savefig(file, format="png")
    return file.getvalue()


def _confusion():
    return plots.confusion(torch.tensor([[8, 2], [0, 5]]), ["cat", "dog"])


MAKERS = {
    "curves": lambda: plots.curves({"a": [3.0, 2.0], "b": torch.tensor([1.0, 4.0])}, title="T"),
    "history": lambda: plots.curves(History({"loss": [2.0, 1.0], "val_loss": [3.0, 2.0]})),
    "image_grid": lambda: plots.image_grid(torch.zeros(3, 1, 8, 8), ["x", 1, "z"], columns=2),
    "confusion": _confusion,
    "heat": lambda: plots.heat(torch.eye(3), title="T", annotate=True),
}


@pytest.mark.parametrize("name", MAKERS)
def test_each_returns_a_closed_figure_with_the_same_bytes_twice(name):
    figures = [MAKERS[name](), MAKERS[name]()]
    assert plt.get_fignums() == []
    first, second = map(_png, figures)
    assert first == second
    assert figures[0].dpi == 100


def test_plots_leave_the_global_style_alone():
    before = dict(matplotlib.rcParams)
    plots.heat(torch.eye(2))
    assert dict(matplotlib.rcParams) == before


def test_curves_plot_the_numbers_from_one():
    (axes,) = MAKERS["curves"]().axes
    a, b = axes.lines
    assert [line.get_label() for line in (a, b)] == ["a", "b"]
    assert list(a.get_xdata()) == [1, 2] and list(b.get_ydata()) == [1.0, 4.0]
    assert axes.get_title() == "T" and axes.get_xlabel() == "epoch"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


@pytest.mark.parametrize("points", [3, 20, 60])
def test_curves_count_in_whole_numbers(points):
    fig = plots.curves({"a": list(range(points))})
    assert all(tick == int(tick) for tick in fig.axes[0].get_xticks())


def test_curves_over_given_places_and_a_logarithm():
    fig = plots.curves({"a": [1.0, 10.0]}, x=[0.0, 5.0], xlabel="step", ylabel="loss", log=True)
    (axes,) = fig.axes
    assert list(axes.lines[0].get_xdata()) == [0.0, 5.0]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("step", "loss", "log")


def test_a_history_has_a_panel_for_each_quantity():
    values = {"loss": [2.0, 1.0], "accuracy": [0.1, 0.2], "val_loss": [3.0], "val_accuracy": [0.3]}
    left, right = plots.curves(History(values)).axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("loss", "accuracy")
    assert [line.get_label() for line in left.lines] == ["training", "validation"]
    assert list(right.lines[1].get_ydata()) == [0.3]


def test_lines_differ_in_more_than_colour():
    (axes,) = plots.curves({str(k): [0.0, float(k)] for k in range(7)}).axes
    assert len({str(line._dash_pattern) for line in axes.lines}) == 7
    assert len({line.get_marker() for line in axes.lines}) == 7
    assert len({line.get_color() for line in axes.lines}) == len(plots.PALETTE) == 7


def test_no_colour_of_the_palette_is_too_faint_on_white():
    def light(colour):
        red, green, blue = matplotlib.colors.to_rgb(colour)
        return 0.299 * red + 0.587 * green + 0.114 * blue

    assert all(light(colour) < 0.75 for colour in plots.PALETTE)


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 1, 8, 8), (5, 3, 8, 8)])
def test_image_grid_shows_every_image_once(shape):
    images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    fig = plots.image_grid(images, [f"n{k}" for k in range(5)], columns=3)
    shown = [axes for axes in fig.axes if axes.images]
    assert len(fig.axes) == 6 and len(shown) == 5
    assert [axes.get_title() for axes in shown] == ["n0", "n1", "n2", "n3", "n4"]
    low, high = images.min().item(), images.max().item()
    expected = (images[3].reshape(-1, 8, 8).permute(1, 2, 0).squeeze(-1) - low) / (high - low)
    np.testing.assert_allclose(shown[3].images[0].get_array(), expected, atol=1e-6)


def test_image_grid_keeps_the_brightness_of_bytes():
    fig = plots.image_grid(torch.full((1, 4, 4), 51, dtype=torch.uint8))
    np.testing.assert_allclose(fig.axes[0].images[0].get_array(), 0.2)
    assert fig.axes[0].images[0].get_clim() == (0, 1)


def test_image_grid_of_equal_pixels_and_of_a_wrong_shape():
    plots.image_grid(torch.ones(2, 4, 4))
    with pytest.raises(ValueError, match=r"\(2, 2, 4, 4\)"):
        plots.image_grid(torch.ones(2, 2, 4, 4))


def test_confusion_writes_counts_and_shades_by_row():
    (axes,) = _confusion().axes
    assert [text.get_text() for text in axes.texts] == ["8", "2", "0", "5"]
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.8, 0.2], [0, 1]])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]


def test_confusion_of_a_class_that_never_came():
    (axes,) = plots.confusion(torch.tensor([[0, 0], [1, 3]]), ["a", "b"]).axes
    assert np.isfinite(axes.images[0].get_array()).all()


def test_heat_is_symmetric_about_zero_only_for_both_signs():
    mixed = plots.heat(torch.tensor([[-1.0, 3.0]])).axes[0].images[0]
    assert mixed.get_clim() == (-3.0, 3.0)
    positive = plots.heat(torch.tensor([[1.0, 3.0]])).axes[0].images[0]
    assert positive.get_clim() == (1.0, 3.0)


def test_heat_writes_its_numbers_in_readable_ink():
    fig = plots.heat(torch.tensor([[0.0, 1.0]], requires_grad=True), xlabel="x", annotate=True)
    axes = fig.axes[0]
    assert [(text.get_text(), text.get_color()) for text in axes.texts] == [
        ("0", "white"),
        ("1", "black"),
    ]
    assert len(fig.axes) == 2, "a scale beside it"


def test_figure_gives_open_axes_in_the_course_style():
    fig, axes = plots.figure(4, 2)
    assert tuple(fig.get_size_inches()) == (4, 2)
    assert not axes.spines["top"].get_visible()
    assert plots.close(fig) is fig
    assert plt.get_fignums() == []
