"""The rewriter."""

from ragstone_plugins.rules.followup import terms
from ragstone_plugins.rules.politeness import without_politeness
from ragstone_plugins.rules.settings import RulesSettings
from ragstone_plugins.rules.words import is_english, words
from ragstone_server.spi.rewriter import RewriteRequest, SearchText


class RulesRewriter:
    """Fits `spi.rewriter.Rewriter`. A question in another language than English passes as it is.

    `dense` is the whole question, followed by the terms that it leaves unsaid; `lexical` the words with a meaning and
    the same terms. What is added has a bound; what was asked is never shortened but by politeness and function words.
    """

    def __init__(self, settings: RulesSettings) -> None:
        self._settings = settings

    async def __call__(self, request: RewriteRequest, /) -> SearchText:
        """Rewrite one question."""
        if not is_english(request.question):
            return SearchText(dense=request.question, lexical=request.question)
        question = without_politeness(request.question)
        turns = request.turns[-self._settings.max_turns :] if self._settings.max_turns else ()
        added = terms(question, turns, self._settings.max_added_terms)
        dense = f"{question} ({' '.join(added)})" if added else question
        meaning = [word.text for word in words(question) if word.has_meaning]
        return SearchText(dense=dense, lexical=" ".join([*meaning, *added]) or question)
