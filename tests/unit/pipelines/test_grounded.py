"""An answer is judged before its end; what the evidence does not support is marked, or refused."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ragstone_server.pipelines.events import AttemptDiscarded, Citation, Completed, QueryEvent
from ragstone_server.pipelines.settings import GroundingSettings, OnUnsupported
from ragstone_server.spi.generator import Abstention, FinishReason
from ragstone_server.testing.memory.generator import MemoryGenerator, Script, abstained
from ragstone_server.wrappers.fallible import Degradation
from tests.unit.pipelines.house import House, open_house

FERRY = "The ferry to Nordvik leaves at nine."


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        yield house


async def ask(house: House, *said: str) -> tuple[Completed, list[QueryEvent]]:
    script: Script = said
    house.generators = (MemoryGenerator(script),)
    receipt = await house.put("ferry", FERRY)
    found = await house.events("When does the ferry to Nordvik leave?", min_watermark=str(receipt.watermark))
    end = found[-1]
    assert isinstance(end, Completed)
    return end, found


def only(found: list[QueryEvent], kind: type) -> list[Any]:
    return [event for event in found if isinstance(event, kind)]


def settings(on_unsupported: OnUnsupported, **more: Any) -> GroundingSettings:
    return GroundingSettings(on_unsupported=on_unsupported, **more)


async def test_a_sentence_without_a_marker_is_attributed_to_what_supports_it(house: House) -> None:
    end, found = await ask(house, FERRY, " It is red. ", f"{FERRY} [1]")
    assert end.grounding is not None
    assert [each.supported for each in end.grounding.sentences] == [True, False, True]
    attributed, marked = end.answer.citations
    assert (attributed.attributed, attributed.number, attributed.range.start) == (True, 1, 0)
    assert attributed.range.of(end.answer.text.encode()) == FERRY
    assert not marked.attributed
    assert only(found, Citation) == [marked, attributed]
    assert end.answer.text == f"{FERRY} It is red. {FERRY} [1]"


async def test_what_is_supported_stands_where_policy_refuses_the_rest(house: House) -> None:
    house.grounding = settings(OnUnsupported.ABSTAIN)
    end, found = await ask(house, f"{FERRY} [1]", " It is red.")
    assert end.abstention is None
    assert end.grounding is not None
    assert end.grounding.share == 0.5
    assert only(found, AttemptDiscarded) == []


async def test_an_unsupported_answer_is_refused_by_policy(house: House) -> None:
    house.grounding = settings(OnUnsupported.ABSTAIN)
    end, found = await ask(house, "It sank long ago [1].")
    assert (end.finish_reason, end.abstention) == (FinishReason.ABSTAINED, Abstention.LOW_GROUNDING)
    assert (end.answer.text, end.answer.citations) == ("", ())
    assert end.grounding is not None
    assert (end.grounding.sentences, end.grounding.share) == ((), 0.0)
    assert end.usage.output_tokens > 0
    (void,) = only(found, AttemptDiscarded)
    assert void.next_model == ""
    assert found[-2] is void


async def test_it_is_reported_otherwise(house: House) -> None:
    end, found = await ask(house, "It sank long ago [1].")
    assert end.abstention is None
    assert end.answer.text == "It sank long ago [1]."
    assert end.grounding is not None
    assert [each.supported for each in end.grounding.sentences] == [False]
    assert only(found, AttemptDiscarded) == []


async def test_judging_can_be_switched_off(house: House) -> None:
    house.grounding = settings(OnUnsupported.IGNORE)
    end, _ = await ask(house, "It sank long ago [1].")
    assert (end.abstention, end.grounding) == (None, None)


@pytest.mark.parametrize(
    ("policy", "abstention"), [(OnUnsupported.REPORT, None), (OnUnsupported.ABSTAIN, Abstention.LOW_GROUNDING)]
)
async def test_a_check_that_fails_is_declared_and_lets_nothing_pass(
    house: House, policy: OnUnsupported, abstention: Abstention | None
) -> None:
    async def broken(request: object, /) -> Any:
        raise OSError("secret detail")

    house.stages["grounding_check"] = broken
    house.grounding = settings(policy)
    end, found = await ask(house, f"{FERRY} [1]")
    assert Degradation(stage="grounding_check", reason="failed, and the answer was not judged") in found
    assert (end.abstention, end.grounding) == (abstention, None)


async def test_no_more_than_the_limit_is_judged_and_that_is_declared(house: House) -> None:
    house.grounding = settings(OnUnsupported.REPORT, max_sentences=2)
    end, found = await ask(house, f"{FERRY} " * 5)
    assert end.grounding is not None
    assert len(end.grounding.sentences) == 2
    assert Degradation(stage="grounding_check", reason="judged the first 2 of 5 sentences") in found


async def test_an_abstention_is_not_judged(house: House) -> None:
    house.generators = (MemoryGenerator(lambda request: (abstained(request),)),)
    receipt = await house.put("ferry", FERRY)
    end = (await house.events("When?", min_watermark=str(receipt.watermark)))[-1]
    assert isinstance(end, Completed)
    assert (end.abstention, end.grounding) == (Abstention.NO_RELEVANT_CONTENT, None)
