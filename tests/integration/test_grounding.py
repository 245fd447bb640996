"""Texts are judged against passages, over the wire."""

from typing import Any

import pytest

from ragstone import AsyncClient, Client, InvalidArgument
from tests.served import Served

PASSAGES = (
    "The harbour of Nordvik was opened in 1911. It takes 40 ships a day.",
    "The library lends 3,000 books a week. Grüße hang über the door.",
)
TEXT = "The harbour of Nordvik was opened in 1911 [1]. It takes 45 ships a day [1]. Grüße hang over the library's door."


def test_each_sentence_has_its_support(client: Client) -> None:
    grounding = client.check_grounding(TEXT, PASSAGES)
    assert [(each.supported, each.passage, each.cited) for each in grounding.sentences][:2] == [
        (True, 1, (1,)),
        (False, 1, (1,)),
    ]
    last = grounding.sentences[2]
    assert last.text == "Grüße hang over the library's door."
    assert last.passage == 2
    assert grounding.supported_share == sum(each.supported for each in grounding.sentences) / 3
    assert grounding.min_score == 0.6
    assert grounding.degraded == ()


async def test_so_does_the_client_for_asyncio(client: Client, server: Served) -> None:
    async with AsyncClient(server.address) as other:
        assert await other.check_grounding(TEXT, PASSAGES) == client.check_grounding(TEXT, PASSAGES)


@pytest.mark.parametrize(
    ("text", "passages", "field"),
    [
        ("", PASSAGES, "text"),
        ("It is so.", (), "passages"),
        ("It is so.", ("",), "passages[0]"),
        ("It is so.", ("x",) * 65, "passages"),
        ("x" * 20_000, PASSAGES, "text"),
    ],
)
def test_what_cannot_be_judged_is_told(client: Client, text: str, passages: Any, field: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        client.check_grounding(text, passages)
    assert field in error.value.violations


def test_the_most_that_may_be_asked_is_answered(client: Client) -> None:
    words = "The harbour of Nordvik number {} takes {} ships a day. "
    passage = "".join(words.format(i, i + 7) for i in range(280))[:8_192]
    grounding = client.check_grounding(passage, [passage] * 64)
    assert len(grounding.sentences) > 140
    assert grounding.supported_share > 0.99
