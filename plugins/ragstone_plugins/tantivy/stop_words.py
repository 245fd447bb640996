"""The words that a language has everywhere, and what they tell of the language of a text.

Tantivy has the Snowball project's lists of 13 languages; the others are here, and English, of which it has a shorter one.
"""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

import tantivy

from ragstone_plugins.tantivy.languages import STEMMERS

_OWN = {
    "ar": (
        "من في على إلى الى عن مع هذا هذه ذلك تلك التي الذي الذين هو هي هم هن أنا نحن أنت ما ماذا متى أين اين كيف هل لا لم لن "
        "ليس كان كانت يكون أن ان إن أو او ثم قد كل بعد قبل بين حتى إذا اذا لكن عند غير أي اي كما لقد فيه فيها به بها له لها و"
    ),
    "el": (
        "ο η το οι τα του της των τον την στο στη στην στον στις στα στους και κι ή να θα δεν μην με σε για από απο προς κατά "
        "που πού πως πώς τι ποιος ποια ποιο πότε όταν αν ως όπως αλλά είναι ήταν έχει έχουν ένα ένας μια μία ενός αυτό αυτός "
        "αυτή τους τις μας σας μου σου ότι όχι ναι πολύ πιο μόνο"
    ),
    # The Snowball project's list, but for its contractions, which the tokenizer cuts at the apostrophe.
    "en": (
        "a about above after again against all am an and any are as at be because been before being below between both but "
        "by can did do does doing don down during each few for from further had has have having he her here hers herself him "
        "himself his how i if in into is it its itself just me more most my myself no nor not now of off on once only or "
        "other our ours ourselves out over own s same she should so some such t than that the their theirs them themselves "
        "then there these they this those through to too under until up very was we were what when where which while who "
        "whom why will with you your yours yourself yourselves"
    ),
    "ro": (
        "a al ai ale am ar are as asta au ca care ce cea cei cele cel cine cu cum când că dar de din după ea ei el ele este eu "
        "era erau fi fie fost iar în îi îl la le lui lor mai mea nu ne noi o or pe pentru pot prin sau se si și sunt să "
        "sub te ți tu un unde una unei unui unor va vă voi vor"
    ),
    "ta": (
        "ஒரு என்று மற்றும் இந்த இது என்ற கொண்டு என்பது பல ஆகும் அல்லது அவர் நான் உள்ள அந்த இவர் என முதல் என்ன இருந்து சில என் "
        "போன்ற வேண்டும் வந்து இதன் அது அவன் தான் பலரும் என்னும் மேலும் பின்னர் கொண்ட இருக்கும் தனது உள்ளது போது என்றும் அதன் "
        "தன் பிறகு அவர்கள் வரை அவள் நீ ஆகிய எப்போது எங்கே எப்படி யார்"
    ),
    "tr": (
        "acaba ama ancak bana bazı belki ben beni benim bir biri birkaç biz bize bizi bu buna bunda bundan bunu bunun da daha de "
        "değil diye en gibi hem hep her hiç için ile ise kadar ki kim mı mi mu mü nasıl ne neden nerede nereye niçin o olan "
        "olarak onlar onu onun sanki sen siz şey şu tüm ve veya ya yani zaman"
    ),
}
_LONGEST_STOP_WORD = 24
_KEPT_ANSWERS = 1 << 16
_FEWEST = 2
"""Stop words that tell a language."""
_LEAST_SHARE = 0.2
"""Of a text's different words that are stop words of its language; in real sentences they are a third and more."""
_CLEARLY = 1.25
"""How many times as many stop words as of any other language tell a text's language."""


class StopWords:
    """Of all languages. Safe for threads."""

    def __init__(self) -> None:
        self._own = {language: frozenset(words.split()) for language, words in _OWN.items()}
        self._built_in = {code: _analyzer(name) for code, name in STEMMERS.items() if code not in _OWN}
        self.languages_of = lru_cache(_KEPT_ANSWERS)(self._languages_of)
        """Languages in which a lower-case word is a stop word."""

    def _languages_of(self, word: str) -> frozenset[str]:
        if len(word) > _LONGEST_STOP_WORD:
            return frozenset()
        own = {language for language, words in self._own.items() if word in words}
        return frozenset(own | {code for code, analyzer in self._built_in.items() if not analyzer.analyze(word)})

    def of_question(self, words: Iterable[str]) -> frozenset[str]:
        """Languages that a question may be in: those with most of its stop words, which are two at the least."""
        counts = self._counts(words)
        most = max(counts.values(), default=0)
        return frozenset(code for code, count in counts.items() if count == most >= _FEWEST)

    def of_text(self, words: list[str]) -> str | None:
        """The language that a text's words tell, None where they leave doubt."""
        telling = {word for word in words if len(word) > 1}  # Single letters are words of many languages.
        (language, most), (_, second) = [*self._counts(telling).most_common(2), ("", 0), ("", 0)][:2]
        told = most >= max(_FEWEST, _LEAST_SHARE * len(telling)) and most >= _CLEARLY * second
        return language if told else None

    def _counts(self, words: Iterable[str]) -> Counter[str]:
        return Counter(language for word in words for language in self.languages_of(word))


def _analyzer(name: str) -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw())
    return builder.filter(tantivy.Filter.stopword(name)).build()
