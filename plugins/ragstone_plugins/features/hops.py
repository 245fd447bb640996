"""How many facts a question joins, judged by its wording. English only; other languages count as one."""

import re

_JOINS = re.compile(
    r"""
    \b(?:and|or)\s+(?:also\s+)?(?:who|whom|whose|what|when|where|which|why|how|is|are|was|were|did|does|do|has|have|can)\b
    | \bthen\b
    | \b(?:compare|compared|comparison|versus|vs)\b
    | \bdifferences?\s+between\b
    | \b(?:more|less|fewer|larger|smaller|longer|shorter|higher|lower|earlier|later|older|newer|faster)\b[^?.]*\bthan\b
    | \b(?:whose|in\s+which|by\s+which|of\s+which)\b
    | \bthe\s+\w+\s+(?:that|who|which)\s+\w+
    | \b(?:both|each\s+of|respectively)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_QUESTIONS = re.compile(r"\?+")


def hops(question: str) -> int:
    """One, and one for each sign of another fact: a further question, a conjunction of questions, a comparison."""
    further = max(0, len(_QUESTIONS.findall(question)) - 1)
    return 1 + further + len(_JOINS.findall(question))
