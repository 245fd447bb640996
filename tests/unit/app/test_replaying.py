"""A dead letter goes to the reader of its source."""

from typing import Any

import pytest

from ragstone_server.app.replaying import replay_by_source
from ragstone_server.catalog.catalog import WriteOutcome, WriteReceipt
from ragstone_server.catalog.watermark import Watermark
from ragstone_server.spi.errors import InvalidRequest
from ragstone_server.spi.positions import CollectionKey, Position
from ragstone_server.spi.sources import DeadLetter, DeadLetterId
from tests.letters import SAMPLE

LETTER = DeadLetter(id=DeadLetterId(3), letter=SAMPLE, published=False)
MARK = Watermark(epoch="0", collection=CollectionKey(1), position=Position(1))


def reader(version: int, asked: list[Any]) -> Any:
    async def apply(letter: DeadLetter, force: bool) -> WriteReceipt:
        asked.append((letter, force))
        return WriteReceipt(outcome=WriteOutcome.STORED, version=version, passages=1, watermark=MARK)

    return apply


async def test_by_the_beginning_of_its_name() -> None:
    asked: list[Any] = []
    replay = replay_by_source({"files/": reader(1, asked), "log/": reader(2, asked)})
    assert (await replay(LETTER, True)).version == 2
    assert asked == [(LETTER, True)]


async def test_one_that_nobody_here_reads_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="log/documents/0, whose events this server cannot read") as raised:
        await replay_by_source({"files/": reader(1, [])})(LETTER, False)
    assert raised.value.violations[0].field == "id"
