"""Chapter 11's language model on the real tiny Shakespeare: what its exercises build must write.

The functions are those of the chapter's solution, run as they stand in its source. The text is
looked for in ../shared/data, or where GRADUS_TEST_DATA says; without it the test is skipped.
"""

import pytest
import torch

from gradus import seeded
from tests.course.solved import REAL, solved

PLAY = REAL / "tinyshakespeare" / "input.txt"


@pytest.fixture(scope="module")
def chapter_11():
    return solved("11_transformers")


@pytest.mark.skipif(not PLAY.is_file(), reason=f"no {PLAY}")
def test_the_language_model_learns_from_tiny_shakespeare_and_writes(chapter_11):
    text = PLAY.read_text(encoding="ascii")
    letters = sorted(set(text))
    ids = torch.tensor([letters.index(c) for c in text])
    assert len(letters) == 65
    learn, unseen = ids[:250_000], ids[-10_000:]
    torch.manual_seed(0)
    model = chapter_11.CausalLM(len(letters), 48, 4, 2, 48)
    inputs, targets = chapter_11.lm_windows(learn, 48)
    chapter_11.train(model, inputs, targets, chapter_11.token_loss, epochs=2, batch=16)
    shares = learn.bincount(minlength=65) / len(learn)
    unigram = -(shares[unseen].clamp(min=1e-9).log()).mean().item()
    with torch.no_grad():
        inputs, targets = chapter_11.lm_windows(unseen, 48)
        loss = chapter_11.token_loss(model.eval()(inputs), targets).item()
    assert loss < 2.4 < 3.2 < unigram
    start = ids[None, :20]
    out = chapter_11.generate(model, start, 200, 48, 0.8, 10, seeded(0))
    written = "".join(letters[i] for i in out[0])
    assert out.shape == (1, 220) and torch.equal(out[:, :20], start)
    assert written.count(" ") > 15 and "the" in written
