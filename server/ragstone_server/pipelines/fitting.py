"""Fits a prompt into a model's window, with room for its answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from ragstone_server.pipelines.prompting import Prompt
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.generator import Fault, GenerateRequest, GeneratorFailed, PromptMessage, Window
from ragstone_server.spi.turns import Turn

Render: TypeAlias = Callable[[Sequence[Turn], Sequence[NumberedPassage]], Prompt]
"""A prompt of these turns and this evidence."""

MESSAGE_TOKENS = 8
"""What the chat format of a model puts around a message, generously."""
PASSAGE_TOKENS = 16
"""Fences and number of a passage."""
TURNS_SHARE = 4
"""Earlier turns have one part in so many of the room before the evidence has its own, and what is left after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A request that fits, and what it left out."""

    request: GenerateRequest
    left_out: str = ""
    """In a few words; empty: nothing."""


def size_of(request: GenerateRequest) -> int:
    """Bytes of the prompt: never fewer than its tokens, and what counting them takes time for."""
    return sum(len(message.text.encode()) for message in request.prompt) + len(request.prefix.encode())


def fit(request: GenerateRequest, window: Window | None, render: Render | None) -> Fitted:
    """The request as it is where it fits; else without its oldest turns and its last passages. The first passage stays.

    Raises `GeneratorFailed` (`TOO_LONG`) where not even the question with the first passage fits.
    """
    if window is None:
        return Fitted(request=request)
    room = window.tokens - request.max_output_tokens - _tokens(window, request.prefix)
    if _spent(None, request.prompt) <= room or _spent(window, request.prompt) <= room:
        return Fitted(request=request)
    if render is None:
        raise _too_long(window)
    turns, evidence = _chosen(request, window, room, render)
    messages = render(turns, evidence).messages
    while _spent(window, messages) > room:  # the parts were counted alone, and join to a little more
        if len(evidence) > 1:
            evidence = evidence[:-1]
        elif turns:
            turns = turns[1:]
        else:
            raise _too_long(window)
        messages = render(turns, evidence).messages
    return Fitted(
        request=replace(request, turns=turns, evidence=evidence, prompt=messages),
        left_out=_left_out(request, len(turns), len(evidence)),
    )


def _chosen(
    request: GenerateRequest, window: Window, room: int, render: Render
) -> tuple[tuple[Turn, ...], tuple[NumberedPassage, ...]]:
    """The latest turns and the first passages for which there is room, about."""
    left = room - _spent(window, render((), request.evidence[:1]).messages)
    turns = 0
    spent = 0
    costs = (_tokens(window, turn.text) + MESSAGE_TOKENS for turn in reversed(request.turns))
    waiting = next(costs, None)
    while waiting is not None and spent + waiting <= left // TURNS_SHARE:
        turns, spent, waiting = turns + 1, spent + waiting, next(costs, None)
    left -= spent
    passages = 1
    for passage in request.evidence[1:]:
        left -= _passage_tokens(window, passage)
        if left < 0:
            break
        passages += 1
    while left >= 0 and waiting is not None and waiting <= left:
        turns, left, waiting = turns + 1, left - waiting, next(costs, None)
    return request.turns[len(request.turns) - turns :], request.evidence[:passages]


def _passage_tokens(window: Window, numbered: NumberedPassage) -> int:
    passage = numbered.scored.passage
    label = " > ".join((passage.title, *passage.headings))
    return _tokens(window, numbered.text) + _tokens(window, label) + PASSAGE_TOKENS


def _spent(window: Window | None, messages: Sequence[PromptMessage]) -> int:
    """Tokens of the messages, or, without a window, bytes, which are more."""
    return sum(_tokens(window, message.text) + MESSAGE_TOKENS for message in messages)


def _tokens(window: Window | None, text: str) -> int:
    return len(text.encode()) if window is None else len(window.tokenizer.offsets(text))


def _left_out(request: GenerateRequest, turns: int, passages: int) -> str:
    said = ((len(request.turns), turns, "earlier turns"), (len(request.evidence), passages, "passages"))
    return " and ".join(f"{whole - kept} of {whole} {what}" for whole, kept, what in said if kept < whole)


def _too_long(window: Window) -> GeneratorFailed:
    return GeneratorFailed(Fault.TOO_LONG, f"the question does not fit the {window.tokens} tokens of the model")
