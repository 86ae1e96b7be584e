"""The stand-in for the IMDB reviews: short made-up film reviews with an opinion.

Counting good and bad words goes only part of the way: words are negated ("not dull at all"),
praise and blame stand in one review, and the last word turns some of them round.
"""

import random

CLASSES = ("negative", "positive")
SIZES = {True: 2000, False: 500}
ASPECTS = "acting plot music ending dialogue pace camera story cast editing script humour"
GOOD = "wonderful clever moving funny gripping fresh tender charming superb warm sharp memorable"
BAD = "dull clumsy tedious silly hollow messy lazy noisy pointless stale wooden forgettable"
ADVERBS = "really quite rather truly simply utterly"
FILLERS = (
    "I saw it on a {day} with my {who}.",
    "The film runs for about {n} minutes.",
    "It was made in {year}, I believe.",
    "My {who} had read the book before.",
    "There were {n} people in the cinema.",
    "Not that it matters, but it rained on that {day}.",
)
PLAIN = (
    "The {aspect} was {adverb} {word}.",
    "I found the {aspect} {word}.",
    "What a {word} film!",
    "Such {word} {aspect}, from first to last.",
    "{word}, and {word2} too.",
)
NEGATED = (
    "The {aspect} was not {word} at all.",
    "Nobody could call the {aspect} {word}.",
    "It is never {word}, not even in the {aspect}.",
)
VERDICTS = (
    ("Give it a miss.", "You will want your evening back.", "I left before the end."),
    ("Do not miss it.", "I would gladly watch it again.", "I stayed to the very end."),
)
DAYS = "Monday Tuesday Friday Saturday Sunday".split()
FRIENDS = "brother daughter neighbour wife husband class".split()


def reviews(train: bool) -> tuple[list[str], list[int]]:
    """Texts and labels (0 negative, 1 positive), half and half: 2,000 to train with, 500 to test.

    The two parts come from one grammar with separate draws, and share no text.
    """
    rng = random.Random(40)
    labels = [index % 2 for index in range(sum(SIZES.values()))]
    rng.shuffle(labels)
    texts: dict[str, int] = {}  # in order of writing, and no text twice
    for label in labels:
        text = _review(label, rng)
        while text in texts:
            text = _review(label, rng)
        texts[text] = label
    part = slice(SIZES[True]) if train else slice(SIZES[True], None)
    return list(texts)[part], list(texts.values())[part]


def _review(label: int, rng: random.Random) -> str:
    """Three to seven sentences of opinion, most of them of the label's kind, and some filler."""
    opinions = rng.randint(3, 7)
    against = rng.randint(0, (opinions - 1) // 2)
    sentences = [_opinion(label ^ (index < against), rng) for index in range(opinions)]
    for _ in range(rng.randint(1, 4)):
        filler = rng.choice(FILLERS)
        day, who = rng.choice(DAYS), rng.choice(FRIENDS)
        n, year = rng.randint(70, 190), rng.randint(1950, 2020)
        sentences.append(filler.format(day=day, who=who, n=n, year=year))
    rng.shuffle(sentences)
    if rng.random() < 0.3:
        sentences.append(rng.choice(VERDICTS[label]))
    if rng.random() < 0.2:
        sentences.insert(len(sentences) // 2, "<br /><br />")
    return " ".join(sentences)


def _opinion(positive: int, rng: random.Random) -> str:
    """One sentence; in two of five cases it negates a word of the other kind."""
    negated = rng.random() < 0.4
    words = (GOOD if positive != negated else BAD).split()
    word, word2 = rng.sample(words, 2)
    frame = rng.choice(NEGATED if negated else PLAIN)
    aspect, adverb = rng.choice(ASPECTS.split()), rng.choice(ADVERBS.split())
    sentence = frame.format(aspect=aspect, adverb=adverb, word=word, word2=word2)
    return sentence[0].upper() + sentence[1:]
