"""A grounding check that knows only what stands in a passage word by word."""

from ragstone_server.spi.grounding_check import Claim, GroundingRequest, Support


async def memory_grounding_check(request: GroundingRequest, /) -> tuple[Support, ...]:
    """Fits `spi.grounding_check.GroundingCheck`."""
    return tuple(_support(claim, request.passages) for claim in request.claims)


def _support(claim: Claim, passages: tuple[str, ...]) -> Support:
    for index, passage in enumerate(passages):
        if (not claim.cited or index in claim.cited) and claim.text.strip() and claim.text in passage:
            return Support(score=1.0, passage=index)
    return Support(score=0.0, passage=None)
