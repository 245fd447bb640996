"""Near-duplicates by word triples (shingles and containment; Broder, 1997)."""

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import chain

from ragstone_server.spi.evidence import Passage, rendered

_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\d+(?:[.,:/-]\d+)*|[^\W\d_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
)
"""A Chinese, Japanese or Korean character, a number, or a word."""
_NEGATIONS = frozenset(
    "no not never none neither nor without except unless cannot nicht kein keine ne pas non sin".split()
)
_SHORT = 16
"""Words under which a passage means little without its title and headings."""
_REMEMBERED = 200


@dataclass(frozen=True, slots=True)
class _Saying:
    """What a passage says, to be compared."""

    triples: frozenset[tuple[str, ...]]
    words: frozenset[str]
    names: frozenset[str]
    """Words with a capital."""


class Sayings:
    """Passages that were seen, the first ones: a prompt holds no more, and the time for each has a bound."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._seen: list[_Saying] = []
        self._having: dict[tuple[str, ...], list[int]] = defaultdict(list)

    def take(self, passage: Passage) -> bool:
        """Remember a passage and say True, unless one before says nearly all that it says, and it tells no other fact."""
        saying = _saying(passage)
        if any(self._covers(self._seen[index], saying) for index in self._candidates(saying)):
            return False
        if len(self._seen) < _REMEMBERED:
            for triple in saying.triples:
                self._having[triple].append(len(self._seen))
            self._seen.append(saying)
        return True

    def _candidates(self, saying: _Saying) -> set[int]:
        """All that can have enough of its triples: who lacks all of `may_lack + 1` lacks too many. The rarest tell most."""
        may_lack = int((1 - self._share) * len(saying.triples))
        rarest = sorted(len(self._having.get(triple, ())) for triple in saying.triples)[: may_lack + 1]
        bound = rarest[-1] if rarest else 0
        found: set[int] = set()
        for triple in saying.triples:
            having = self._having.get(triple, ())
            if len(having) <= bound:
                found.update(having)
        return found

    def _covers(self, other: _Saying, saying: _Saying) -> bool:
        if not saying.names <= other.words:
            return False
        left = saying.triples - other.triples
        if len(left) > (1 - self._share) * len(saying.triples):
            return False
        return not any(word[0].isdigit() or word in _NEGATIONS for word in chain.from_iterable(left))


def _saying(passage: Passage) -> _Saying:
    found = _WORD.findall(passage.text)
    if len(found) < _SHORT:
        found = _WORD.findall(rendered(passage.title, passage.headings, passage.text))
    words = [word.casefold() for word in found]
    triples = zip(words, words[1:], words[2:], strict=False) if len(words) > 3 else [tuple(words)] if words else []
    return _Saying(
        triples=frozenset(triples),
        words=frozenset(words),
        names=frozenset(word.casefold() for word in found if word[0].isupper()),
    )
