"""Which policies each kind of stage obeys."""

from collections.abc import Iterator, Mapping

from ragstone_server.config.errors import ConfigurationInvalid, Problem
from ragstone_server.registry.offers import Offers
from ragstone_server.spi.kinds import (
    CATALOG,
    CHUNKER,
    CONTEXT_FILTER,
    EMBEDDER,
    FUSER,
    GENERATOR,
    GROUNDING_CHECK,
    LEXICAL_INDEX,
    PARSER,
    RERANKER,
    REWRITER,
    ROUTER,
    VECTOR_INDEX,
)
from ragstone_server.wrappers.policy import FAIL, SKIP, StagePolicy

SKIPPABLE = frozenset(
    {REWRITER.name, RERANKER.name, CONTEXT_FILTER.name, VECTOR_INDEX.name, LEXICAL_INDEX.name, ROUTER.name}
)
"""Without these an answer is worse, but an answer; unless the operator says `on_failure = "fail"`."""

REPLACEABLE = frozenset(
    kind.name for kind in (REWRITER, FUSER, RERANKER, CONTEXT_FILTER, ROUTER, GENERATOR, GROUNDING_CHECK)
)
"""Another provider of the kind may take over in the middle of a request."""

ALL = frozenset(StagePolicy.model_fields)
NONE: frozenset[str] = frozenset()
POLICY_KEYS: Mapping[str, frozenset[str]] = {
    PARSER.name: NONE,
    CHUNKER.name: NONE,
    EMBEDDER.name: NONE,
    VECTOR_INDEX.name: ALL,
    LEXICAL_INDEX.name: ALL,
    REWRITER.name: ALL,
    FUSER.name: ALL,
    RERANKER.name: ALL,
    CONTEXT_FILTER.name: ALL,
    ROUTER.name: ALL,
    # What was streamed cannot be taken back quietly: a further attempt is a declared one, of another generator.
    GENERATOR.name: ALL - {"retries"},
    GROUNDING_CHECK.name: ALL,
    CATALOG.name: NONE,
}
"""What `Governor` applies, by kind. Anything else would be read and have no effect, and is refused."""


def check_policies(offers: Offers, policies: Mapping[str, StagePolicy]) -> None:
    """Refuse what a kind of stage does not obey. Raises `ConfigurationInvalid` with every problem."""
    problems = [problem for kind, policy in policies.items() for problem in _problems(offers, kind, policy)]
    if problems:
        raise ConfigurationInvalid(*problems)


def _problems(offers: Offers, kind: str, policy: StagePolicy) -> Iterator[Problem]:
    known = [key for key in StagePolicy.model_fields if key in POLICY_KEYS[kind]]
    for key in StagePolicy.model_fields:
        if key in policy.model_fields_set and key not in known:
            knows = f"it knows: {', '.join(known)}" if known else "it knows none"
            yield Problem(where=f"{kind}.{key}", what=f"this kind of stage does not know this policy; {knows}")
    if "on_failure" not in known or policy.on_failure is None:
        return
    skip = (SKIP,) if kind in SKIPPABLE else ()
    others = tuple(o.provider.name for o in offers if o.kind.name == kind) if kind in REPLACEABLE else ()
    allowed = (FAIL, *skip, *others)
    if policy.on_failure not in allowed:
        what = f"{policy.on_failure!r} does not fit; these do: {', '.join(allowed)}"
        yield Problem(where=f"{kind}.on_failure", what=what)
