"""Which words a text has. Everything here is part of the fingerprint: change a rule and raise `VERSION`.

All passages share one field, so that lengths and rarities are those of the collection, and not of the passages in one
language. A word in it is a stem with the mark of its language: `de:hafen`. Stems of two languages never meet, and a question is
analysed once for each language that the index has: its words are found by stem in passages of all of them, and as they stand
in any. Decision record 26 has the reasons. NFKC makes ligatures and other compatibility forms, which PDF files are full of,
the same words as their plain spelling.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import tantivy

from ragstone_plugins.tantivy.languages import NUMBERS, STEMMERS, UNKNOWN, mark_of
from ragstone_plugins.tantivy.stop_words import StopWords

VERSION = 2

_LONGEST_WORD = 100
"""Bytes; longer tokens are dropped."""
_LONGEST_QUESTION = 50_000
"""Characters of a question that are looked at."""
_SAMPLE_CHARS = 3000
"""Of a document of unknown language: these tell it."""
_BLOCKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u109f\u1700-\u18ff"
)
_MARKS = re.compile(f"[{_BLOCKS}]")
"""Scripts that set marks over and beside letters. The tokenizer that is four times as fast cuts words at these."""
_WITH_MARKS = r"[\p{Alphabetic}\p{M}\p{N}]+"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word of a question, as it is found in the index."""

    terms: tuple[str, ...]
    """One for each language that asks for it."""


class Analysis:
    """The analyzers of all languages, for texts and for questions. Safe for threads."""

    def __init__(self) -> None:
        self._stop_words = StopWords()
        stemmers = {mark: STEMMERS.get(mark) for mark in NUMBERS} | {UNKNOWN: STEMMERS["en"]}
        self._simple = {mark: _analyzer(tantivy.Tokenizer.simple(), name) for mark, name in stemmers.items()}
        self._marked = {mark: _analyzer(tantivy.Tokenizer.regex(_WITH_MARKS), name) for mark, name in stemmers.items()}
        self._words = (
            _analyzer(tantivy.Tokenizer.simple(), None),
            _analyzer(tantivy.Tokenizer.regex(_WITH_MARKS), None),
        )

    def mark(self, language: str | None, texts: Sequence[str]) -> str:
        """Mark of a document's words; where its language is not known, its stop words may tell it."""
        mark = mark_of(language)
        if mark != UNKNOWN:
            return mark
        return self._stop_words.of_text(self._plain_words(" ".join(texts)[:_SAMPLE_CHARS])) or UNKNOWN

    def text(self, mark: str, text: str) -> str:
        """The words of a normalised text with their marks, between blanks."""
        return " ".join([f"{mark}:{stem}" for stem in self._stems(mark, text)])

    def question(self, text: str, marks: Collection[str]) -> list[Word]:
        """The words of a question, each once, for an index with these marks.

        A language loses its own stop words, and those of the language that the question seems to be in, but never all words.
        """
        plain = normalised(text[:_LONGEST_QUESTION])
        words = self._plain_words(plain)
        stop = [self._stop_words.languages_of(word) for word in words]
        asked_in = self._stop_words.of_question(dict.fromkeys(words))
        of_question = [bool(asked_in) and asked_in <= languages for languages in stop]
        found: dict[str, dict[str, None]] = {}
        taken: set[str] = set()
        for mark in marks:
            dropped = [theirs or mark in languages for theirs, languages in zip(of_question, stop, strict=True)]
            nothing_else = all(dropped)
            for word, stem, drop in zip(words, self._stems(mark, plain), dropped, strict=True):
                term = f"{mark}:{stem}"
                if (nothing_else or not drop) and term not in taken:
                    taken.add(term)
                    found.setdefault(word, {})[term] = None
        return [Word(terms=tuple(terms)) for terms in found.values()]

    def _plain_words(self, text: str) -> list[str]:
        words: list[str] = self._words[bool(_MARKS.search(text))].analyze(text)
        return words

    def _stems(self, mark: str, text: str) -> list[str]:
        analyzers = self._marked if _MARKS.search(text) else self._simple
        stems: list[str] = analyzers[mark].analyze(text)
        return stems


def normalised(text: str) -> str:
    """Text that the index accepts: NFKC, unpaired surrogates replaced."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", text.encode("utf-8", "replace").decode())


def _analyzer(tokenizer: tantivy.Tokenizer, stemmer: str | None) -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tokenizer)
    builder = builder.filter(tantivy.Filter.lowercase()).filter(tantivy.Filter.remove_long(_LONGEST_WORD))
    return (builder.filter(tantivy.Filter.stemmer(stemmer)) if stemmer else builder).build()
