"""The methods of AdminService about dead letters: convert, call, convert."""

from typing import Any

from grpc import aio

from ragstone.v1 import admin_service_pb2
from ragstone_server.pipelines.dead_letters import DeadLetters
from ragstone_server.spi.sources import DeadLetterId
from ragstone_server.transport.convert.dead_letters import letter_to, summary_to
from ragstone_server.transport.convert.documents import OUTCOMES
from ragstone_server.transport.convert.paging import next_token, number_after

Context = aio.ServicerContext[Any, Any]
PAGE = 100
PAGE_BYTES = 1024 * 1024
"""Of a page; a caller of any language receives as much, whatever the texts in it."""


class DeadLetterMethods:
    """Part of the servicer of AdminService."""

    _letters: DeadLetters
    _most_message_bytes: int

    async def ListDeadLetters(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.ListDeadLettersRequest, context: Context
    ) -> admin_service_pb2.ListDeadLettersResponse:
        """List the letters."""
        limit = request.page_size or PAGE
        after = DeadLetterId(number_after(request.page_token) or 0)
        found = await self._letters.summaries(after, limit + 1)
        response = admin_service_pb2.ListDeadLettersResponse()
        size = 0
        for summary in found[:limit]:
            wire = summary_to(summary)
            size += wire.ByteSize()
            if size > PAGE_BYTES:
                break
            response.dead_letters.append(wire)
        if len(response.dead_letters) < len(found):
            response.next_page_token = next_token(str(response.dead_letters[-1].id))
        return response

    async def GetDeadLetter(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.GetDeadLetterRequest, context: Context
    ) -> admin_service_pb2.GetDeadLetterResponse:
        """Read a letter."""
        letter = await self._letters.letter(DeadLetterId(request.id))
        wire = letter_to(letter, request.value_offset, request.max_value_bytes, self._most_message_bytes)
        return admin_service_pb2.GetDeadLetterResponse(dead_letter=wire)

    async def ReplayDeadLetter(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.ReplayDeadLetterRequest, context: Context
    ) -> admin_service_pb2.ReplayDeadLetterResponse:
        """Apply the event of a letter again."""
        receipt = await self._letters.replay(DeadLetterId(request.id), force=request.force)
        return admin_service_pb2.ReplayDeadLetterResponse(
            outcome=OUTCOMES[receipt.outcome], version=receipt.version, watermark=str(receipt.watermark)
        )

    async def DiscardDeadLetter(  # noqa: N802 - the contract's name
        self, request: admin_service_pb2.DiscardDeadLetterRequest, context: Context
    ) -> admin_service_pb2.DiscardDeadLetterResponse:
        """Forget a letter."""
        await self._letters.discard(DeadLetterId(request.id))
        return admin_service_pb2.DiscardDeadLetterResponse()
