"""The languages whose endings are taken off: all that have a Snowball stemmer in Tantivy.

Their codes are the marks of the indexed words (`de:haus`), and their numbers lie in the index: both are never given anew.
"""

from typing import Final

STEMMERS: Final = {
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}
UNSTEMMED = "x"
"""Mark of the words of documents in another language: as they stand there."""
UNKNOWN = "u"
"""Mark of the words of documents in a language that nobody can tell: short ones, mostly English. Stemmed as English."""

NUMBERS: Final = {mark: number for number, mark in enumerate([UNSTEMMED, UNKNOWN, *STEMMERS])}

_OTHER_CODES: Final = (
    "ara:ar dan:da deu:de ger:de ell:el gre:el eng:en spa:es fin:fi fra:fr fre:fr hun:hu ita:it nld:nl dut:nl nor:no nb:no "
    "nob:no nn:no nno:no por:pt ron:ro rum:ro rus:ru swe:sv tam:ta tur:tr"
)
"""Of ISO 639-1, 639-2 and 639-3, with the mark."""
_MARKS: Final = (
    {mark: mark for mark in STEMMERS}
    | dict(pair.split(":") for pair in _OTHER_CODES.split())
    | {"und": UNKNOWN, "": UNKNOWN}
)


def mark_of(language: str | None) -> str:
    """Mark for a text of this language: a BCP 47 tag or an ISO 639 code; None: not known."""
    return _MARKS.get((language or "").replace("_", "-").partition("-")[0].strip().lower(), UNSTEMMED)
