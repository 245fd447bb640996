"""The rules: leave out what is said for politeness, put in what the question leans on."""

from collections.abc import Iterable, Sequence

from pydantic import Field

from ragstone_plugins.rules.words import CONTINUATION, FUNCTION_WORDS, POLITE, REFERENCE, THANKS, WORD
from ragstone_server.spi.provider import Settings
from ragstone_server.spi.rewriter import RewriteRequest, SearchText
from ragstone_server.spi.turns import Role, Turn


class RulesConfig(Settings):
    """Bounds of the rules."""

    max_added_words: int = Field(
        default=12, ge=0, le=64, description="Words of earlier turns that a question gets at most."
    )
    short_question_words: int = Field(
        default=4, ge=0, description="A question with fewer words of meaning leans on the turns before it."
    )


class RulesRewriter:
    """Fits `Rewriter`."""

    def __init__(self, config: RulesConfig) -> None:
        self._config = config

    async def __call__(self, request: RewriteRequest, /) -> SearchText:
        """Rewrite one question."""
        question = _plain(request.question)
        added = self._added(question, request.turns)
        meaning = [word for word in WORD.findall(question) if word.lower() not in FUNCTION_WORDS]
        lexical = " ".join([*meaning, *added]) or question
        dense = f"{question} ({' '.join(added)})" if added else question
        return SearchText(dense=dense, lexical=lexical)

    def _added(self, question: str, turns: Sequence[Turn]) -> list[str]:
        """What the question leaves unsaid: words of the last question, and names and numbers of the last answer."""
        if not turns or not self._leans(question):
            return []
        said = {word.lower() for word in WORD.findall(question)}
        last = {role: next((turn.text for turn in reversed(turns) if turn.role is role), "") for role in Role}
        candidates = [*_nouns(last[Role.USER]), *_names(last[Role.ASSISTANT])]
        added: list[str] = []
        for word in candidates:
            if word.lower() not in said:
                said.add(word.lower())
                added.append(word)
        return added[: self._config.max_added_words]

    def _leans(self, question: str) -> bool:
        meaning = [word for word in WORD.findall(question) if word.lower() not in FUNCTION_WORDS]
        return bool(
            REFERENCE.search(question)
            or CONTINUATION.match(question)
            or len(meaning) < self._config.short_question_words
        )


def _plain(question: str) -> str:
    """The question without greeting and thanks; as it was, where nothing else is in it."""
    bare = THANKS.sub("", POLITE.sub("", question)).strip()
    if not WORD.search(bare):
        return question.strip()
    ending = "?" if question.rstrip().endswith("?") and not bare.endswith("?") else ""
    return bare[0].upper() + bare[1:] + ending


def _nouns(text: str) -> Iterable[str]:
    """Words of meaning, in their order."""
    return (word for word in WORD.findall(_plain(text)) if word.lower() not in FUNCTION_WORDS)


def _names(text: str) -> Iterable[str]:
    """Names and numbers: words with a capital that do not begin a sentence, and words with a digit."""
    for match in WORD.finditer(text):
        word = match[0]
        before = text[: match.start()].rstrip()
        begins = not before or before[-1] in ".!?:\n]"
        if any(c.isdigit() for c in word) or (word[0].isupper() and not begins and word.lower() not in FUNCTION_WORDS):
            yield word
