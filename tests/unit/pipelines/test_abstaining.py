"""The mark of a model that has no answer becomes an abstention; nothing else does."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ragstone_server.pipelines.abstaining import LONGEST, abstaining
from ragstone_server.spi.generator import Finished, FinishReason, GenerateRequest, TextDelta, Usage
from ragstone_server.testing.conformance.samples import CONTEXT
from ragstone_server.testing.memory.generator import MemoryGenerator, Step

MARK = "NO_ANSWER"
REQUEST = GenerateRequest(
    context=CONTEXT, question="When?", search_text="When?", turns=(), evidence=(), max_output_tokens=100
)
END = Finished(
    finish_reason=FinishReason.STOP, abstention=None, usage=Usage(input_tokens=9, output_tokens=4, estimated=False)
)


async def told(*steps: Step, request: GenerateRequest = REQUEST) -> tuple[str, Finished, Sequence[str]]:
    async with abstaining(MemoryGenerator(steps), MARK)(request) as events:
        *deltas, end = [event async for event in events]
    assert isinstance(end, Finished)
    texts = [delta.text for delta in deltas if isinstance(delta, TextDelta)]
    return "".join(texts), end, texts


@pytest.mark.parametrize(
    "steps",
    [
        ("NO_ANSWER",),
        ("NO", "_ANS", "WER"),
        ("NO_ANSWER", "."),
        (' **"NO_', 'ANSWER"**'),
        ("\n\n", "NO_ANSWER", "\n", "The passages do not say."),
    ],
)
async def test_the_mark_is_an_abstention_and_no_text(steps: tuple[str, ...]) -> None:
    text, end, _ = await told(*steps, END)
    assert text == ""
    assert end.finish_reason is FinishReason.ABSTAINED
    assert end.usage == END.usage


@pytest.mark.parametrize(
    "steps",
    [
        ("No", " answer is needed [1]."),
        ("NO", "_ANSWERS are given [1]."),
        ("NO_ANSWER_TODAY",),
        ("It says NO_ANSWER.",),
        ("NO",),
        (" ",),
        ("*" * (LONGEST + 1), "NO_ANSWER"),
    ],
)
async def test_anything_else_is_text_as_it_came(steps: tuple[str, ...]) -> None:
    text, end, _ = await told(*steps, END)
    assert text == "".join(steps)
    assert end == END


async def test_a_first_token_that_cannot_be_the_mark_is_not_held_back() -> None:
    _, _, texts = await told("The", " bell", END)
    assert texts == ["The", " bell"]


async def test_a_model_that_rambles_on_behind_the_mark_is_stopped() -> None:
    text, end, _ = await told("NO_ANSWER", " ", *["because "] * 10_000)
    assert text == ""
    assert end.usage.estimated
    assert 0 < end.usage.output_tokens < 200


async def test_what_goes_on_behind_an_answer_is_not_judged() -> None:
    text, end, _ = await told("NO_ANSWER", END, request=replace(REQUEST, prefix="The sign reads "))
    assert text == "NO_ANSWER"
    assert end == END
