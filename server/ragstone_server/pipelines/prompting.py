"""Renders a prompt: a template, the evidence fenced as data, the question, and the turns before it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ragstone_server.catalog.prompt_builtin import BUILT_IN_NAME, BUILT_IN_TEMPLATE, NO_ANSWER_MARK
from ragstone_server.catalog.prompt_language import SYSTEM, USER, Variables, invalid, render
from ragstone_server.pipelines.format_rules import with_rule
from ragstone_server.pipelines.settings import PromptSettings
from ragstone_server.spi.errors import PromptInvalid
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.generator import MessageRole, PromptMessage, Sampling
from ragstone_server.spi.names import CollectionName
from ragstone_server.spi.prompts import PromptDraft, PromptTemplate
from ragstone_server.spi.turns import Role, Turn

__all__ = ["NO_ANSWER_MARK", "Prompt", "PromptRenderer"]

_SHORTEST_FENCE = 4
_FENCE_SIGNS = re.compile(r"~+")
_MOST_LABEL = 200
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")
_BRACKETS = str.maketrans("[]", "()")
_CITATION = re.compile(r"\s*\[\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*\]")
_ROLES = {Role.USER: MessageRole.USER, Role.ASSISTANT: MessageRole.ASSISTANT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a language model is to read."""

    messages: tuple[PromptMessage, ...]
    """The system message, the earlier turns, and the question with its evidence."""
    version: str
    """Of the template: its number within the collection, or the name of the built-in one."""
    failure: str | None = None
    """Set where the collection's own template could not be rendered and the built-in one stands in; to be declared (P10)."""


class PromptRenderer:
    """Renders prompts as the configuration wants them."""

    def __init__(self, settings: PromptSettings) -> None:
        self._settings = settings

    def render(
        self,
        *,
        template: PromptTemplate | None,
        question: str,
        turns: Sequence[Turn],
        evidence: Sequence[NumberedPassage],
        collection: CollectionName,
        sampling: Sampling = Sampling(),  # noqa: B008 - a frozen value
    ) -> Prompt:
        """Render with the template, or with the built-in one (None). Never fails: the built-in template stands in."""
        question = question.strip()
        fenced = _fenced(evidence, [question, *(turn.text for turn in turns)])
        variables: Variables = {
            "system": self._settings.system,
            "preamble": self._settings.preamble(collection),
            "language": self._settings.language,
            "style": self._settings.style,
            "collection": collection.collection,
            "passage_count": len(evidence),
            "no_answer": NO_ANSWER_MARK,
            "evidence": fenced,
            "question": question,
        }
        failure = None
        if template is not None:
            try:
                system, user = _messages(template.draft, variables)
                return Prompt(messages=_joined(system, turns, user, sampling), version=str(template.version))
            except PromptInvalid as error:
                failure = f"version {template.version} of the prompt was replaced by {BUILT_IN_NAME}: {error.message}"
        system, user = _messages(BUILT_IN_TEMPLATE.draft, variables)
        return Prompt(messages=_joined(system, turns, user, sampling), version=BUILT_IN_NAME, failure=failure)


def _messages(draft: PromptDraft, variables: Variables) -> tuple[str, str]:
    """System and user message. Raises `PromptInvalid`, also where the template leaves the evidence or the question out."""
    system, user = render(SYSTEM, draft.system, variables), render(USER, draft.user, variables)
    for name in ("evidence", "question"):
        if str(variables[name]) not in user:
            raise invalid(USER, f"leaves out the {name}")
    return system, user


def _joined(system: str, turns: Sequence[Turn], user: str, sampling: Sampling) -> tuple[PromptMessage, ...]:
    system, user = with_rule(system, user, sampling)
    said = [
        (MessageRole.SYSTEM, system),
        *((_ROLES[turn.role], _past(turn)) for turn in turns),
        (MessageRole.USER, user),
    ]
    return tuple(PromptMessage(role=role, text=text) for role, text in said if text)


def _past(turn: Turn) -> str:
    """An earlier turn; the numbers of an earlier answer named other passages than those of this prompt."""
    return turn.text if turn.role is Role.USER else _CITATION.sub("", turn.text).strip()


def _fenced(evidence: Sequence[NumberedPassage], others: Iterable[str]) -> str:
    """The passages, each between two fences that no text of the prompt holds: the passage cannot end its own quotation."""
    if not evidence:
        return "There are no passages."
    labels = [_label(passage) for passage in evidence]
    texts = (*(passage.text for passage in evidence), *labels, *others)
    longest = max((len(run) for text in texts for run in _FENCE_SIGNS.findall(text)), default=0)
    fence = "~" * max(_SHORTEST_FENCE, longest + 1)
    return "\n\n".join(
        f"{fence} [{passage.number}] {label}".rstrip() + f"\n{passage.text}\n{fence}"
        for passage, label in zip(evidence, labels, strict=True)
    )


def _label(numbered: NumberedPassage) -> str:
    """Title, headings and page on one line, in which nothing can be taken for the number of a passage."""
    passage = numbered.scored.passage
    path = " > ".join((passage.title, *(each for each in passage.headings if each != passage.title)))
    line = _BLANKS.sub(" ", path.translate(_BRACKETS)).strip(" >")
    line = line if len(line) <= _MOST_LABEL else line[: _MOST_LABEL - 1] + "…"
    return line if passage.page is None else f"{line}, page {passage.page}".removeprefix(", ")
