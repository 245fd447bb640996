"""Takes the route of the first rule that fits."""

from collections.abc import Callable, Iterator

from ragstone_plugins.features.hops import hops
from ragstone_plugins.features.settings import FeaturesSettings, RouteRule
from ragstone_server.spi.router import RouteChoice, RouteRequest
from ragstone_server.spi.token_estimates import tokens_of

DEFAULT = "default"


class FeaturesRouter:
    """A `Router` by words, hops, language, context, budget, tenant and collection.

    `language_of` gives the language of a text; it is asked only where a rule wants to know.
    """

    def __init__(self, settings: FeaturesSettings, language_of: Callable[[str], str]) -> None:
        self._rules = settings.rules
        self._language_of = language_of

    async def __call__(self, request: RouteRequest, /) -> RouteChoice:
        """Choose. A rule whose route is not among those of the request is passed over."""
        for rule in self._rules:
            if rule.route in request.routes and all(self._conditions(rule, request)):
                return RouteChoice(route=rule.route, why=", ".join(self._reasons(rule, request)))
        return RouteChoice(route=DEFAULT, why="no rule fits")

    def _conditions(self, rule: RouteRule, request: RouteRequest) -> Iterator[bool]:
        """The cheap ones first."""
        name = request.context.collection
        words = len(request.question.split())
        yield not rule.tenants or name.tenant in rule.tenants
        yield not rule.collections or name.collection in rule.collections
        yield rule.min_words is None or words >= rule.min_words
        yield rule.max_words is None or words <= rule.max_words
        yield rule.min_turns is None or len(request.turns) >= rule.min_turns
        yield rule.budget_below is None or (request.max_cost is not None and request.max_cost < rule.budget_below)
        yield rule.min_context_tokens is None or _context_tokens(request) >= rule.min_context_tokens
        yield rule.min_hops is None or hops(request.question) >= rule.min_hops
        yield not rule.languages or self._language_of(request.question) in rule.languages

    def _reasons(self, rule: RouteRule, request: RouteRequest) -> Iterator[str]:
        if rule.tenants:
            yield f"tenant {request.context.collection.tenant}"
        if rule.collections:
            yield f"collection {request.context.collection.collection}"
        if rule.min_words is not None or rule.max_words is not None:
            yield f"{len(request.question.split())} words"
        if rule.min_turns is not None:
            yield f"{len(request.turns)} earlier turns"
        if rule.min_context_tokens is not None:
            yield f"about {_context_tokens(request)} tokens of evidence"
        if rule.budget_below is not None:
            yield f"a budget below ${rule.budget_below}"
        if rule.min_hops is not None:
            yield f"joins {hops(request.question)} facts"
        if rule.languages:
            yield f"language {self._language_of(request.question)}"


def _context_tokens(request: RouteRequest) -> int:
    return tokens_of(sum(len(passage.text) for passage in request.evidence))
