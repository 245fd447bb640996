"""What people say around a question."""

import re

from ragstone_plugins.rules.words import WORD

_GAP = r"[\s,;:.!–—-]*"
_SPEAK = r"(?:tell|show|explain(?: to)?|give|help|inform|remind|let)"
_OPENINGS = re.compile(
    r"(?:"
    r"(?:hi|hello|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day))(?: (?:there|all|team|everyone|folks))?"
    r"(?=\s*[,.!;:–—-]\s|\s*$|\s+(?:can|could|would|will|please|i|what|how|when|where|who|why|which|do|does|is|are)\b)"
    r"|dear (?:[^\W\d_]+ ?){1,3}(?=[,.!:])"
    r"|(?:many )?thanks(?: (?:a lot|so much|again|in advance))?(?=\s*[,.!;])"
    r"|thank you(?: (?:so much|very much|again))?(?=\s*[,.!;])"
    r"|excuse me|sorry(?: to (?:bother|disturb) you)?(?=\s*[,.!;])|pardon(?: me)?(?=\s*[,.!;])"
    r"|(?:ok|okay|so|well|right|great|um+|uh+|hmm+|now|alright)(?=\s*[,.!;])"
    r"|(?:quick|short|another|one(?: more| last| quick)?|just a(?: quick)?) question(?=\s*[,.!;:–—-])"
    r"|i have (?:a|another|one more)(?: quick| short)? question(?: (?:about|on|regarding))?"
    r"|(?:can|could|would|will) you (?:please |kindly |maybe |perhaps |possibly |just |quickly )*"
    rf"(?:{_SPEAK} (?:me|us)(?: please)?(?: (?:know|understand|find(?: out)?|with))?|explain(?: to me)?)"
    r"|(?:please |kindly |just )+"
    rf"(?:{_SPEAK} (?:me|us)(?: (?:know|understand|find(?: out)?|with))?|explain(?: to me)?)?"
    r"|(?:tell|show|give) (?:me|us)(?= )|let me know"
    r"|do you (?:happen to |by any chance )?know|(?:can|may|could) i (?:just )?ask(?: you)?"
    r"|i(?:'d like| would like|’d like| would really like|'d really like| want| need| wanted| wish) to"
    r" (?:know|find out|understand|ask)"
    r"|i(?:'m| am|’m| was|'ve been|’ve been) (?:just )?(?:wondering|curious)|i wonder(?:ed)?|any idea"
    r")\b" + _GAP + r"(?:(?:about|on|whether|if)\b(?=\s+\S)\s*)?",
    re.IGNORECASE,
)
_CLOSINGS = re.compile(
    r"[\s,;.!–—-]*\b(?:please|pls|(?:many )?thanks?(?: you)?(?: (?:a lot|so much|very much|again))?(?: in advance)?|cheers|thx|ty"
    r"|(?:kind|best|warm) regards(?:,? [^\W\d_]+)?|for me|if (?:you can|possible)|(?:do )?you know)[\s.!]*$",
    re.IGNORECASE,
)
_ENDING = re.compile(r"[?\s]*$")
_LOOKS = 400
"""Characters at each end that are looked at: nobody is polite for longer."""


def without_politeness(question: str) -> str:
    """The question alone; as it was, where nothing else is in it."""
    bare = question.strip()
    asks = bare.endswith("?")
    while (match := _OPENINGS.match(bare[:_LOOKS])) and match.end():
        bare = bare[match.end() :]
    while True:
        head, tail = bare[:-_LOOKS], _ENDING.sub("", bare[-_LOOKS:])
        match = _CLOSINGS.search(tail)
        if match is None:
            break
        asks = asks or tail[: match.start()].endswith("?")
        bare = head + tail[: match.start()]
    bare = bare.strip()
    if not WORD.search(bare):
        return question.strip()
    return bare + "?" if asks and not bare.endswith("?") else bare
