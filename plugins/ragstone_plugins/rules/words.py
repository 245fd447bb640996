"""Words that the rules know."""

import re

POLITE = re.compile(
    r"^(?:\s*(?:hi|hello|hey|good (?:morning|afternoon|evening)|dear \w+|thanks?(?: you)?|please|ok(?:ay)?|so|well|also"
    r"|(?:can|could|would|will) you (?:please |kindly )?(?:tell|explain|show|help|give|let)(?: to)?(?: me| us)?"
    r"(?: know)?(?: about)?"
    r"|(?:do you (?:happen to )?know|i(?: would|'d) like to know|i(?: want| need) to know|i (?:was|am|'m) wondering"
    r"|i wonder|tell me|let me know|may i ask|i have a question)(?: about)?)\b[\s,:;.!-]*)+",
    re.IGNORECASE,
)
"""How people begin a question, none of which is worth searching for."""
THANKS = re.compile(
    r"[\s,;.!-]*\b(?:please|thanks?(?: you)?(?: very much| so much| a lot)?(?: in advance)?)[\s.!]*$", re.IGNORECASE
)
"""How they end it."""
REFERENCE = re.compile(
    r"\b(?:it|its|they|them|their|this|that|these|those|he|she|his|her|him|there|then|the same|such|one|ones|former|latter)\b",
    re.IGNORECASE,
)
"""Words that point back."""
CONTINUATION = re.compile(r"^\s*(?:and|but|or|what about|how about|why|why not|since when|for)\b", re.IGNORECASE)
"""Beginnings that lean on what was said before."""
FUNCTION_WORDS = frozenset(
    "a about after all also am an and any are as at be because been before being but by can could did do does for from had "
    "has have he her here him his how i if in into is it its just may me more most much must my no nor not now of on once "
    "only or other our out over own please shall she should so some such tell than that the their them then there these "
    "they this those through to under until up us very was we were what when where which while who whom whose why will "
    "with would you your yes ok thanks".split()
)
"""English words without a meaning to search for."""
WORD = re.compile(r"[^\W_][\w'’-]*", re.UNICODE)
