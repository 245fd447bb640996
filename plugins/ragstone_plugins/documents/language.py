"""The language of a text, by character n-grams (langid, Lui and Baldwin 2012, in the model of py3langid)."""

import re

from py3langid.langid import MODEL_FILE, LanguageIdentifier

_WORDS = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SAMPLE_CHARS = 6000
_FEWEST_LETTERS = 40
_CERTAIN = 0.8
_ISO_639_1_LETTERS = 2
# Unpacking the model takes half a second and a temporary file, so it is done once, before a worker is limited.
_IDENTIFIER = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def detect(text: str, stated: str | None = None) -> str | None:
    """ISO 639-1 code of the main language, or None where the text is too short or the model is unsure.

    `stated` is what the document says of itself; it counts where the text leaves doubt, because templates state it wrongly.
    """
    found = _detect(text)
    if found is None and stated:
        code = re.split("[-_]", stated.strip().lower())[0]
        return code if len(code) == _ISO_639_1_LETTERS and code.isalpha() and code.isascii() else None
    return found


def _detect(text: str) -> str | None:
    """Judge the words only, from the beginning, the middle and the end."""
    third = _SAMPLE_CHARS // 3
    if len(text) > _SAMPLE_CHARS:
        middle = len(text) // 2
        text = f"{text[:third]} {text[middle : middle + third]} {text[-third:]}"
    words = " ".join(_WORDS.findall(text))
    if sum(map(str.isalpha, words)) < _FEWEST_LETTERS:
        return None
    code, probability = _IDENTIFIER.classify(words)
    return str(code) if probability >= _CERTAIN and len(code) == _ISO_639_1_LETTERS else None
