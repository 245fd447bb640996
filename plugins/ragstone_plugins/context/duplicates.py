"""Near-duplicates: passages that share nearly all their word triples (shingles; Broder 1997, containment)."""

import re

_WORD = re.compile(r"\w+")
Shingles = frozenset[tuple[str, ...]]


def shingles(text: str) -> Shingles:
    """The word triples of a text; of a shorter one, the words together."""
    words = _WORD.findall(text.lower())
    if len(words) < 3:
        return frozenset({tuple(words)})
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def contained(candidate: Shingles, other: Shingles) -> float:
    """Share of the candidate's shingles that the other has, 0 to 1."""
    return len(candidate & other) / len(candidate) if candidate else 0.0
