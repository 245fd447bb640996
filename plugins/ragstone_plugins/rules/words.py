"""Words, and which of them carry no meaning to search for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

WORD = re.compile(r"[^\W_]+(?:[-'’./][^\W_]+)*")
"""A word, a number or a code, as `check-in`, `2,880` in two, `ISO-9001`, `v1.2`."""

FUNCTION_WORDS = frozenset(
    "a about am an and any are aren't as at be been being but by can can't could couldn't did didn't do does doesn't don't "
    "each else for from had has hasn't have haven't having he her here hers him his how i i'd i'm i've if in into is isn't "
    "it it's its itself just like me mine my of oh ok okay on or our ours out own please shall she should so some such than "
    "that that's the their theirs them then there there's these they they're this those through to too until us very was "
    "wasn't we we're were weren't what what's when when's where where's which while who who's whom whose why will with "
    "would wouldn't you you'd you're your yours".split()
)
"""English words that a document has whatever it is about. Negations are none of them."""

_ENGLISH = frozenset(
    "the of and to in is it for on with as are was be this that what which how who when where why does do can i you we they "
    "from at by an there about tell please".split()
)
_FOREIGN = frozenset(
    "der die das und ist nicht ein eine wie welche welcher wann wo warum ich wir sie mit für auf von zu den dem im le la les "
    "des du une est et en quel quelle comment pourquoi quand où je nous vous pour avec sur dans que qui el los las del una "
    "y es cómo cuál cuándo dónde por qué para con il lo gli di che è come quando perché per non sono het een van wat hoe "
    "wanneer waarom o os as um uma do da não qual och är det att vad hur jest nie co jak kiedy gdzie".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word where it stands."""

    text: str
    start: int
    opens: bool
    """Whether it begins a sentence, so that a capital says nothing."""

    @property
    def key(self) -> str:
        """What is the same for the same word."""
        return self.text.casefold().replace("’", "'")

    @property
    def is_named(self) -> bool:
        """Whether it is written as a name, an abbreviation or a code; of the first word of a sentence only the last two tell."""
        if not self.has_meaning:
            return False
        has_more = any(c.isupper() for c in self.text[1:]) or any(c.isdigit() for c in self.text)
        return has_more or (self.text[:1].isupper() and not self.opens)

    @property
    def has_meaning(self) -> bool:
        """Whether a search profits from it. `IT`, `US` and `WHO` are names, `it`, `us` and `who` are not."""
        return self.key not in FUNCTION_WORDS or (len(self.text) > 1 and self.text.isupper())


def words(text: str) -> Iterator[Word]:
    """All words of a text, in order."""
    # Someone who writes in capitals only names nothing by them.
    text = text.lower() if text.isupper() else text
    for match in WORD.finditer(text):
        before = text[max(0, match.start() - 8) : match.start()].rstrip(" \t\"'“”‘’(*_")
        yield Word(text=match[0], start=match.start(), opens=not before or before[-1] in ".!?:;\n|-•])")


def is_english(text: str) -> bool:
    """Whether the rules may be applied: a text in Latin script that no other language's small words outnumber."""
    letters = [c for c in text if c.isalpha()]
    if sum(c > "\u024f" for c in letters) * 5 > len(letters):
        return False
    keys = [word.key for word in words(text)]
    return sum(key in _ENGLISH for key in keys) >= sum(key in _FOREIGN and key not in _ENGLISH for key in keys)
