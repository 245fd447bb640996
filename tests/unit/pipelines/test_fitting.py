"""A prompt fits the window of the model that reads it."""

import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragstone_server.pipelines.events import Completed, Delta
from ragstone_server.pipelines.fitting import fit, surely_fits
from ragstone_server.pipelines.prompting import Prompt, PromptRenderer
from ragstone_server.pipelines.settings import AnswerSettings, PromptSettings
from ragstone_server.spi.errors import InvalidRequest
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.generator import UNASKED, Fault, GenerateRequest, GeneratorFailed, Window
from ragstone_server.spi.model_tokenizer import guessed_tokens
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.spi.token_estimates import MESSAGE_TOKENS
from ragstone_server.spi.turns import Role, Turn
from ragstone_server.testing.conformance.samples import CONTEXT, scored
from ragstone_server.testing.memory.generator import MemoryGenerator
from ragstone_server.wrappers.fallible import Degradation
from tests.unit.pipelines.house import House, open_house

QUESTION = "When does the ferry to Nordvik leave?"


def window(tokens: int) -> Window:
    return Window(tokens=tokens, count=guessed_tokens)


def passages(*texts: str) -> tuple[NumberedPassage, ...]:
    return tuple(
        NumberedPassage(
            number=number, scored=scored(number, text), range=ByteRange(start=0, end=len(text.encode())), text=text
        )
        for number, text in enumerate(texts, 1)
    )


def render(turns: Sequence[Turn], evidence: Sequence[NumberedPassage]) -> Prompt:
    return PromptRenderer(PromptSettings()).render(
        template=None, question=QUESTION, turns=turns, evidence=evidence, collection=CONTEXT.collection
    )


def request(evidence: Sequence[str], turns: Sequence[str] = (), max_output_tokens: int = 50) -> GenerateRequest:
    found, said = passages(*evidence), tuple(Turn(role=Role.USER, text=text) for text in turns)
    return GenerateRequest(
        context=CONTEXT,
        question=QUESTION,
        search_text=QUESTION,
        turns=said,
        evidence=found,
        max_output_tokens=max_output_tokens,
        prompt=render(said, found).messages,
    )


def tokens(asked: GenerateRequest) -> int:
    counted = (guessed_tokens(message.text) + MESSAGE_TOKENS for message in asked.prompt)
    return sum(counted) + asked.max_output_tokens


def test_what_fits_is_left_as_it_is() -> None:
    whole = request(["nine"] * 10)
    assert fit(whole, window(tokens(whole)), None).request is whole
    assert fit(whole, None, None).request is whole


def test_the_last_passages_go_first_and_the_numbers_of_the_rest_stay() -> None:
    whole = request(["The ferry leaves at nine. " * 10] * 10)
    fitted = fit(whole, window(tokens(whole) - 1), render)
    assert [passage.number for passage in fitted.request.evidence] == list(range(1, 10))
    assert fitted.left_out == "1 of 10 passages"
    assert "[10]" not in fitted.request.prompt[-1].text


def test_old_turns_do_not_push_the_evidence_out() -> None:
    whole = request(["The ferry leaves at nine. " * 10] * 4, ["I asked about the ferry. " * 40] * 20)
    fitted = fit(whole, window(tokens(request(["The ferry leaves at nine. " * 10] * 4)) + 400), render)
    assert len(fitted.request.evidence) == 4
    assert 0 < len(fitted.request.turns) < 20
    assert fitted.request.turns == whole.turns[-len(fitted.request.turns) :]
    assert re.fullmatch(r"\d+ of 20 earlier turns", fitted.left_out)


def test_a_question_that_does_not_fit_at_all_is_told() -> None:
    with pytest.raises(GeneratorFailed) as error:
        fit(request(["The ferry leaves at nine. " * 100]), window(300), render)
    assert error.value.fault is Fault.TOO_LONG


def test_what_surely_fits_is_not_counted() -> None:
    def refusing(text: str) -> int:
        raise AssertionError(text)

    whole = request(["The ferry leaves at nine."])
    size = sum(len(message.text.encode()) + MESSAGE_TOKENS for message in whole.prompt) + whole.max_output_tokens
    assert fit(whole, Window(tokens=size, count=refusing), None).request is whole
    assert surely_fits(whole, Window(tokens=size, count=refusing))
    assert not surely_fits(whole, window(size - 1))


def test_of_a_prompt_that_is_far_too_long_only_what_there_is_room_for_is_counted() -> None:
    counted = 0

    def counting(text: str) -> int:
        nonlocal counted
        counted += len(text)
        return guessed_tokens(text)

    whole = request(["The ferry leaves at nine. " * 50] * 20, ["I asked about the ferry. " * 1000] * 60)
    fitted = fit(whole, Window(tokens=4000, count=counting), render).request
    assert 0 < len(fitted.evidence) < 20
    assert counted < 100_000 < sum(len(message.text) for message in whole.prompt)


def test_a_template_may_hold_the_passages_more_than_once() -> None:
    renders = 0

    def twice(turns: Sequence[Turn], evidence: Sequence[NumberedPassage]) -> Prompt:
        nonlocal renders
        renders += 1
        prompt = render(turns, evidence)
        last = prompt.messages[-1]
        return replace(prompt, messages=(*prompt.messages[:-1], replace(last, text=last.text * 2)), version="7")

    whole = request(["The ferry leaves at nine. " * 10] * 40, ["When?"] * 4)
    whole = replace(whole, prompt=twice(whole.turns, whole.evidence).messages)
    half = tokens(replace(whole, prompt=twice(whole.turns, whole.evidence[:20]).messages))
    fitted = fit(whole, window(half), twice).request
    assert len(fitted.evidence) == 20
    assert fitted.prompt_version == "7"
    assert renders < 15
    small = tokens(replace(whole, prompt=twice((), whole.evidence[:1]).messages))
    assert len(fit(whole, window(small), twice).request.evidence) == 1
    with pytest.raises(GeneratorFailed):
        fit(whole, window(tokens(replace(whole, prompt=twice((), whole.evidence[:1]).messages)) - 1), twice)


def test_turns_that_lengthen_the_fences_of_the_passages_go_too() -> None:
    room = tokens(request(["nine"])) + 4 * (60 + MESSAGE_TOKENS)
    assert len(fit(request(["nine"], ["~" * 60] * 6), window(room), render).request.turns) == 2


def test_the_room_that_the_next_passage_is_too_long_for_is_for_the_turns() -> None:
    whole = request(["nine", "The ferry leaves at nine. " * 100], ["I asked about the ferry."] * 8)
    room = tokens(request(["nine"], ["I asked about the ferry."] * 8))
    assert fit(whole, window(room), render).left_out == "1 of 2 passages"


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.text(min_size=1, max_size=400), min_size=1, max_size=8),
    st.lists(st.text(min_size=1, max_size=400), max_size=8),
    st.integers(min_value=200, max_value=3000),
)
def test_what_is_asked_always_fits(evidence: list[str], turns: list[str], room: int) -> None:
    whole = request(evidence, turns)
    try:
        fitted = fit(whole, window(room), render).request
    except GeneratorFailed:
        assert tokens(request(evidence[:1])) > room
        return
    assert tokens(fitted) <= room
    assert fitted.evidence == whole.evidence[: len(fitted.evidence)]
    assert fitted.evidence
    assert fitted.turns == whole.turns[len(whole.turns) - len(fitted.turns) :]


async def asked(house: House, question: str = QUESTION) -> list[object]:
    for i in range(8):
        receipt = await house.put(f"ferry-{i}", f"The ferry {i} to Nordvik leaves at nine. " + "It is free. " * 20)
    return list(await house.events(question, min_watermark=str(receipt.watermark)))


async def test_a_smaller_model_is_given_less_and_may_cite_no_more(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.answer = AnswerSettings(max_output_tokens=50, context_tokens=4000)
        down = MemoryGenerator((GeneratorFailed(Fault.UNREACHABLE),), model="large")
        small = MemoryGenerator(("Nine [1].", " Free [8]."), model="small", window=window(700))
        house.generators = (down, small)
        found = await asked(house)
    end = found[-1]
    assert isinstance(end, Completed)
    assert len(down.requests[0].evidence) == 8
    given = len(small.requests[0].evidence)
    assert 0 < given < 8
    assert end.passages_in_prompt == given
    assert (end.answer.text, end.invalid_citations) == ("Nine [1]. Free.", 1)
    reason = f"{8 - given} of 8 passages did not fit the window of small and were left out"
    assert Degradation(stage="prompt", reason=reason) in found


async def test_a_model_that_cannot_take_the_question_is_passed_over(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.answer = AnswerSettings(max_output_tokens=50)
        tiny = MemoryGenerator(("Nine.",), model="tiny", window=window(100))
        house.generators = (tiny, MemoryGenerator(("Nine.",), model="large"))
        found = await asked(house)
        end = found[-1]
        assert isinstance(end, Completed)
        assert [(attempt.model, attempt.fault) for attempt in end.attempts] == [("tiny", "too_long"), ("large", None)]
        assert tiny.requests == []
        assert end.attempts[0].usage == UNASKED
        assert (
            Degradation(stage="generator", reason="tiny was passed over (too_long) and was replaced by large") in found
        )
        house.generators = (tiny,)
        with pytest.raises(InvalidRequest) as error:
            await asked(house)
        assert error.value.violations[0].field == "search.question"


async def test_a_prompt_is_counted_beside_the_event_loop(tmp_path: Path) -> None:
    threads: set[int] = set()

    def counting(text: str) -> int:
        threads.add(threading.get_ident())
        return guessed_tokens(text)

    async with open_house(tmp_path) as house:
        house.answer = AnswerSettings(max_output_tokens=50)
        house.generators = (MemoryGenerator(("Nine.",), window=Window(tokens=4000, count=counting)),)
        receipt = await house.put("ferry", "The ferry leaves at nine.")
        turns = (Turn(role=Role.USER, text="I asked about the ferry. " * 4000),)
        found = await house.events(QUESTION, turns=turns, min_watermark=str(receipt.watermark))
        house.lane.executor.shutdown()
    assert any(isinstance(event, Delta) for event in found)
    assert house.generators[0].requests[0].turns == ()
    assert threads
    assert threading.get_ident() not in threads
