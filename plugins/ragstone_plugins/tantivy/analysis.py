"""Which words a text has. Everything here is part of the fingerprint: change a rule and raise `VERSION`.

Documents in English, or of unknown language, are stemmed (Porter 2); those in other languages are lower-cased only, in a
field of their own, and a question is asked of both. NFKC makes ligatures and other compatibility forms, which PDF files
are full of, the same words as their plain spelling.
"""

import unicodedata
from dataclasses import dataclass

import tantivy

VERSION = 1
ENGLISH = "english"
PLAIN = "plain"

_LONGEST_WORD = 100
"""Bytes; longer tokens are dropped."""
_LONGEST_QUESTION = 50_000
"""Characters of a question that are looked at."""

# The Snowball project's English list, but for its contractions, which the tokenizer cuts at the apostrophe.
_STOP_WORDS = (
    "a about above after again against all am an and any are as at be because been before being below between both but "
    "by can did do does doing don down during each few for from further had has have having he her here hers herself him "
    "himself his how i if in into is it its itself just me more most my myself no nor not now of off on once only or "
    "other our ours ourselves out over own s same she should so some such t than that the their theirs them themselves "
    "then there these they this those through to too under until up very was we were what when where which while who "
    "whom why will with you your yours yourself yourselves"
).split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A word as a field has it."""

    field: str
    word: str


class Analysis:
    """The analyzers of both fields, for texts and for questions."""

    def __init__(self) -> None:
        self.for_texts = {field: _analyzer(field, stop=False) for field in (ENGLISH, PLAIN)}
        self._for_questions = {field: _analyzer(field, stop=True) for field in (ENGLISH, PLAIN)}

    def question(self, text: str) -> list[Term]:
        """Terms of a question, each once, without stop words unless it has nothing else."""
        plain = normalised(text[:_LONGEST_QUESTION])
        return self._terms(self._for_questions, plain) or self._terms(self.for_texts, plain)

    @staticmethod
    def _terms(analyzers: dict[str, tantivy.TextAnalyzer], text: str) -> list[Term]:
        words = {field: dict.fromkeys(analyzer.analyze(text)) for field, analyzer in analyzers.items()}
        return [Term(field=field, word=word) for field, each in words.items() for word in each]


def field_of(language: str | None) -> str:
    """The field for a text of this language (a BCP 47 tag or an ISO 639 code)."""
    main = (language or "en").replace("_", "-").partition("-")[0].lower()
    return ENGLISH if main in ("en", "eng") else PLAIN


def normalised(text: str) -> str:
    """Text that the index accepts: NFKC, unpaired surrogates replaced."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", text.encode("utf-8", "replace").decode())


def _analyzer(field: str, *, stop: bool) -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    builder = builder.filter(tantivy.Filter.lowercase()).filter(tantivy.Filter.remove_long(_LONGEST_WORD))
    if stop:
        builder = builder.filter(tantivy.Filter.custom_stopword(_STOP_WORDS))
    if field == ENGLISH:
        builder = builder.filter(tantivy.Filter.stemmer("english"))
    return builder.build()
