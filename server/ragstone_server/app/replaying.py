"""Which reader of sources applies the event of a dead letter again."""

from collections.abc import Mapping

from ragstone_server.catalog.catalog import WriteReceipt
from ragstone_server.pipelines.dead_letters import Replay
from ragstone_server.spi.errors import InvalidRequest
from ragstone_server.spi.sources import DeadLetter


def replay_by_source(readers: Mapping[str, Replay]) -> Replay:
    """The reader whose sources begin with its key; a letter of a source that none of them reads is refused, and stays."""

    async def replay(letter: DeadLetter, force: bool) -> WriteReceipt:
        source = letter.letter.source
        for beginning, reader in readers.items():
            if source.startswith(beginning):
                return await reader(letter, force)
        what = f"is of the source {source}, whose events this server cannot read; a server that reads such sources can"
        raise InvalidRequest.of_field("id", what)

    return replay
