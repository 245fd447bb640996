"""Whether bytes read as Windows-1252 make plausible text; every byte string but a few makes some text."""

import re

_KNOWN = re.compile("[\xa0-\xffŒœŠšŽžŸƒ‘’‚“”„†‡•…‰‹›–—™€]")
_LAST_ASCII = 127
_ENOUGH = 4
# Letters that are words of their own, as in `à Paris`.
_WORDS = "àáâäåæèéêìíîòóôöøùúûüœÀÁÂÄÅÆÈÉÊÌÍÎÒÓÔÖØÙÚÛÜŒ"
_RARE = "¤¦¨¬¯´¸¹ƒ"
_BETWEEN_LETTERS = "’‘·–—"


def reads_western(text: str) -> bool:
    """Whether Windows-1252 gives plausible text: known characters, and accents that are rare and stand next to plain letters.

    Cyrillic or Greek read that way gives words of nothing but accents; Chinese and Japanese, signs amid letters.
    """
    foreign = [at for at, char in enumerate(text) if ord(char) > _LAST_ASCII]
    if not all(_KNOWN.match(text[at]) for at in foreign):
        return False
    accents = sum(1 for at in foreign if text[at].isalpha())
    letters = sum(map(str.isalpha, text))
    odd = sum(1 for at in foreign if _is_odd(text, at))
    return accents * 5 <= letters * 2 + 5 and odd * 2 <= len(foreign) + (2 if len(foreign) >= _ENOUGH else 0)


def _is_odd(text: str, at: int) -> bool:
    """Whether an accent stands without a plain letter beside it, or a sign where none is usual."""
    around = text[max(at - 1, 0) : at] + text[at + 1 : at + 2]
    if text[at].isalpha():
        plain = any(char.isascii() and char.isalpha() for char in around)
        return not plain and (text[at] not in _WORDS or any(map(str.isalpha, around)))
    between = len(around) > 1 and around.isalpha()
    return text[at] in _RARE or (between and text[at] not in _BETWEEN_LETTERS)
