"""The two retrievers: each searches one view of a collection."""

from ragstone_server.pipelines.retrieve import SearchRequest
from ragstone_server.spi.embedder import Embedder, EmbedRequest, Purpose
from ragstone_server.spi.stages import Stage
from ragstone_server.spi.views import Hits, LexicalQuery, VectorQuery


def dense_retriever(embedder: Embedder) -> Stage[SearchRequest, Hits]:
    """Embed the text and find the nearest vectors."""

    async def search(request: SearchRequest, /) -> Hits:
        vectors = await embedder(EmbedRequest(texts=(request.text,), purpose=Purpose.QUESTION))
        return await request.index.vectors.search(
            VectorQuery(context=request.context, vector=vectors[0], limit=request.limit, visibility=request.visibility)
        )

    return search


async def lexical_retriever(request: SearchRequest, /) -> Hits:
    """Find the words of the text."""
    return await request.index.words.search(
        LexicalQuery(context=request.context, text=request.text, limit=request.limit, visibility=request.visibility)
    )
