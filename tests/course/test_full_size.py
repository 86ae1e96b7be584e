"""The recipes for the full data sets run: each with few samples and one epoch, on the CPU.

A recipe is the code under "At full size" in a chapter's text, made of the student's own functions.
"""

import dataclasses
import re

import pytest
import torch
from torch.utils.data import TensorDataset

import gradus
from autograder.chapter import chapters
from tests.course.solved import ROOT, solved

RECIPE = re.compile(r"At full size.*?```python\n(.*?)```", re.S)
ENDLESS = re.compile(r"(epochs=|range\()\d+")
SAMPLES = 32


def recipes() -> dict[str, str]:
    texts = {
        name: "\n\n".join(c.source for c in chapter.notebook.cells if c.cell_type == "markdown")
        for name, chapter in chapters(ROOT).items()
    }
    return {name: m[1] for name, text in texts.items() if (m := RECIPE.search(text))}


def test_the_chapters_with_a_full_size():
    assert set(recipes()) >= {"07_cnn", "08_resnet", "11_transformers"}


@pytest.mark.parametrize("name", recipes())
def test_the_recipe_runs(name, monkeypatch):
    monkeypatch.setenv("GRADUS_DATA", "embedded")
    monkeypatch.setenv("GRADUS_DEVICE", "cpu")
    load = gradus.load

    def load_few(*args, download=False, **options):
        whole = load(*args, **options)
        few = {part: getattr(whole, part)[:SAMPLES] for part in ("inputs", "labels")}
        return dataclasses.replace(whole, **few)

    chapter = solved(name)
    monkeypatch.setattr(gradus, "load", load_few)
    images = load_few("cifar10")
    pairs = TensorDataset(images.images.float() / 255, images.labels)
    known = {"device": torch.device("cpu"), "colours": [pairs, pairs]}  # from the cell before it
    names = vars(chapter) | known
    exec(ENDLESS.sub(r"\g<1>1", recipes()[name]), names)
    models = [value for value in names.values() if isinstance(value, torch.nn.Module)]
    assert models and all(p.isfinite().all() for m in models for p in m.parameters())
