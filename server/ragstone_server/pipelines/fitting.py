"""Fits a prompt into a model's window, with room for its answer."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from ragstone_server.pipelines.prompting import Prompt
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.generator import UNASKED, Fault, GenerateRequest, GeneratorFailed, PromptMessage, Window
from ragstone_server.spi.token_estimates import MESSAGE_TOKENS
from ragstone_server.spi.turns import Turn

Render: TypeAlias = Callable[[Sequence[Turn], Sequence[NumberedPassage]], Prompt]
"""A prompt of these turns and this evidence."""

PASSAGE_TOKENS = 16
"""Fences and number of a passage."""
LONGEST_TOKEN = 8
"""Bytes a token, at the most that a prompt has on average: of one with more than that, the parts are counted until the room is
spent, not the whole."""
TURNS_SHARE = 4
"""Earlier turns have one part in so many of the room before the evidence has its own, and what is left after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A request that fits, and what it left out."""

    request: GenerateRequest
    left_out: str = ""
    """In a few words; empty: nothing."""


def surely_fits(request: GenerateRequest, window: Window | None) -> bool:
    """Whether nothing has to be counted: a token has at least one byte."""
    if window is None:
        return True
    return request.max_output_tokens + len(request.prefix.encode()) + _bytes(request.prompt) <= window.tokens


def fit(request: GenerateRequest, window: Window | None, render: Render | None) -> Fitted:
    """The request as it is where it fits; else without its oldest turns and its last passages. The first passage stays.

    Counting takes 0.4 ms a kilobyte with a model's own tokenizer, so a thread runs it. Raises `GeneratorFailed` (`TOO_LONG`)
    where not even the question with the first passage fits.
    """
    if window is None or surely_fits(request, window):
        return Fitted(request=request)
    room = window.tokens - request.max_output_tokens - window.count(request.prefix)
    if _bytes(request.prompt) <= LONGEST_TOKEN * room and _spent(window, request.prompt) <= room:
        return Fitted(request=request)
    if render is None or room <= 0:
        raise _too_long(request, window)
    turns, evidence = _chosen(request, window, room, render)
    prompt = render(turns, evidence)
    if _spent(window, prompt.messages) > room:  # the parts were counted alone; a template may hold them more than once
        turns, evidence = _shortened(turns, evidence, lambda *parts: _spent(window, render(*parts).messages) <= room)
        prompt = render(turns, evidence)
        if _spent(window, prompt.messages) > room:
            raise _too_long(request, window)
    return Fitted(
        request=replace(request, turns=turns, evidence=evidence, prompt=prompt.messages, prompt_version=prompt.version),
        left_out=_left_out(request, len(turns), len(evidence)),
    )


_Parts: TypeAlias = tuple[tuple[Turn, ...], tuple[NumberedPassage, ...]]


def _shortened(
    turns: tuple[Turn, ...],
    evidence: tuple[NumberedPassage, ...],
    fits: Callable[[Sequence[Turn], Sequence[NumberedPassage]], bool],
) -> _Parts:
    """With as many of the passages as fit, or with one of them and as many of the latest turns as fit, or with neither."""
    passages = bisect_left(range(1, len(evidence)), True, key=lambda kept: not fits(turns, evidence[:kept]))
    if passages:
        return turns, evidence[:passages]
    dropped = bisect_left(range(len(turns)), True, key=lambda each: fits(turns[each:], evidence[:1]))
    return turns[dropped:], evidence[:1]


def _chosen(request: GenerateRequest, window: Window, room: int, render: Render) -> _Parts:
    """The latest turns and the first passages for which there is room, about."""
    left = room - _spent(window, render((), request.evidence[:1]).messages)
    turns = 0
    spent = 0
    costs = (window.count(turn.text) + MESSAGE_TOKENS for turn in reversed(request.turns))
    waiting = next(costs, None)
    while waiting is not None and spent + waiting <= left // TURNS_SHARE:
        turns, spent, waiting = turns + 1, spent + waiting, next(costs, None)
    left -= spent
    passages = 1
    for passage in request.evidence[1:]:
        cost = _passage_tokens(window, passage)
        if cost > left:
            break
        passages, left = passages + 1, left - cost
    while waiting is not None and waiting <= left:
        turns, left, waiting = turns + 1, left - waiting, next(costs, None)
    return request.turns[len(request.turns) - turns :], request.evidence[:passages]


def _passage_tokens(window: Window, numbered: NumberedPassage) -> int:
    passage = numbered.scored.passage
    label = " > ".join((passage.title, *passage.headings))
    return window.count(numbered.text) + window.count(label) + PASSAGE_TOKENS


def _spent(window: Window, messages: Sequence[PromptMessage]) -> int:
    return sum(window.count(message.text) + MESSAGE_TOKENS for message in messages)


def _bytes(messages: Sequence[PromptMessage]) -> int:
    return sum(len(message.text.encode()) + MESSAGE_TOKENS for message in messages)


def _left_out(request: GenerateRequest, turns: int, passages: int) -> str:
    said = ((len(request.turns), turns, "earlier turns"), (len(request.evidence), passages, "passages"))
    return " and ".join(f"{whole - kept} of {whole} {what}" for whole, kept, what in said if kept < whole)


def _too_long(request: GenerateRequest, window: Window) -> GeneratorFailed:
    what = (
        f"the question and an answer of {request.max_output_tokens} tokens do not fit the {window.tokens} of the model"
    )
    return GeneratorFailed(Fault.TOO_LONG, what, usage=UNASKED)
