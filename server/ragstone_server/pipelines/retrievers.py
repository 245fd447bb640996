"""The two retrievers: each searches one view of a collection."""

from ragstone_server.pipelines.retrieve import SearchRequest
from ragstone_server.spi.embedder import EmbedRequest, Purpose
from ragstone_server.spi.views import Hits, LexicalQuery, VectorQuery


async def dense_retriever(request: SearchRequest, /) -> Hits:
    """Embed the text and find the nearest vectors."""
    vectors = await request.embedder(EmbedRequest(texts=(request.text,), purpose=Purpose.QUESTION))
    return await request.index.vectors.search(
        VectorQuery(context=request.context, vector=vectors[0], limit=request.limit, visibility=request.visibility)
    )


async def lexical_retriever(request: SearchRequest, /) -> Hits:
    """Find the words of the text."""
    return await request.index.words.search(
        LexicalQuery(context=request.context, text=request.text, limit=request.limit, visibility=request.visibility)
    )
