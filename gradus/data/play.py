"""The stand-in for tiny Shakespeare: a play in the same layout, written by a small grammar.

It has what a character model can learn, from near to far: spelling, verse lines, the layout of
speeches, who answers whom in a scene, and a rhyme that closes each speech. The words are ours.
"""

import random

TITLES = "GARDENER BAKER CAPTAIN WIDOW PEDLAR FERRYMAN MILLER QUEEN FOOL SCHOLAR".split()
PAIRS = ["night light", "day way", "sea tree", "stone throne", "rain lane", "fire desire"]
PAIRS += ["hand land", "door shore", "song throng", "bell well", "dust trust", "hill mill"]
NOUNS = "river candle garden winter letter shadow harvest market anchor lantern orchard ladder"
NOUNS += " morning window promise kettle sparrow mountain feather thunder"
ADJECTIVES = "silver weary gentle hollow bitter humble golden crooked silent yellow patient broken"
VERBS = "carry follow borrow remember answer bury gather measure forgive wander"
OPENINGS = "And yet|Then let|O come|But hear|So now|Alas,|Nay, friend,|Indeed,|Tell me,|Look you,"
FRAMES = (
    "{o} I did {v} the {a} {n}",
    "The {a} {n} shall {v} the {n2}",
    "Who would not {v} a {n} so {a}?",
    "My {n} is {a}, my {n2} is {a2}",
    "{o} what {a} {n} can {v} thee?",
    "No {n} may {v} what the {n2} hath lost",
)
CLOSERS = (
    ("I kept the {n} hidden from the {x},", "And {v} it no more beyond the {y}."),
    ("Let every {a} {n} meet the {x};", "We two shall {v} the {n2} by the {y}."),
    ("What is a {n}? A {a} little {x},", "That doth {v} a {n2} and find the {y}."),
)
GREETINGS = ("Good {who}, I pray thee, speak.", "What says the {who}?", "{Who}, thou art late.")
LENGTH = 200_000


def play() -> str:
    """About 200,000 characters of plain ASCII, the same on each call."""
    rng = random.Random(30)
    parts: list[str] = []
    length = 0
    while length < LENGTH:
        for speech in _scene(rng):
            parts.append(speech)
            length += len(speech)
    return "".join(parts)


def _scene(rng: random.Random) -> list[str]:
    """Two or three people speak in turn; each first calls the one who spoke before."""
    people = rng.sample(TITLES, rng.choice((2, 2, 3)))
    speeches, before = [], None
    for turn in range(rng.randint(4, 9)):
        speaker = people[turn % len(people)]
        lines = []
        if before and rng.random() < 0.6:
            name = before.lower()
            lines.append(rng.choice(GREETINGS).format(who=name, Who=name.capitalize()))
        for _ in range(rng.randint(1, 4)):
            line = _fill(rng.choice(FRAMES), rng)
            lines.append(line if line.endswith("?") else line + rng.choice(",,;."))
        x, y = rng.choice(PAIRS).split()
        lines += [_fill(line, rng, x=x, y=y) for line in rng.choice(CLOSERS)]
        speeches.append(f"{speaker}:\n" + "\n".join(lines) + "\n\n")
        before = speaker
    return speeches


def _fill(frame: str, rng: random.Random, **more: str) -> str:
    """Put words into a frame; two of a kind are never the same."""
    n, n2 = rng.sample(NOUNS.split(), 2)
    a, a2 = rng.sample(ADJECTIVES.split(), 2)
    verb, opening = rng.choice(VERBS.split()), rng.choice(OPENINGS.split("|"))
    line = frame.format(n=n, n2=n2, a=a, a2=a2, v=verb, o=opening, **more)
    return line[0].upper() + line[1:]
