"""A rewriter that changes nothing."""

from ragstone_server.spi.rewriter import RewriteRequest, SearchText


async def memory_rewriter(request: RewriteRequest, /) -> SearchText:
    """Search with the question as it is. Fits `spi.rewriter.Rewriter`."""
    return SearchText(dense=request.question, lexical=request.question)
