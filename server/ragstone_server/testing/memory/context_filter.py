"""A context filter that knows equal texts only."""

from ragstone_server.spi.context_filter import ContextFilterRequest, Dropped, DropReason, FilteredContext


async def memory_context_filter(request: ContextFilterRequest, /) -> FilteredContext:
    """Keep the first of equal texts and of a document's versions the newest. Fits `spi.context_filter.ContextFilter`."""
    newest: dict[int, int] = {}
    for scored in request.passages:
        passage = scored.passage
        newest[passage.document_key] = max(passage.version, newest.get(passage.document_key, passage.version))
    seen: set[str] = set()
    kept, dropped = [], []
    for index, scored in enumerate(request.passages):
        passage = scored.passage
        if passage.version < newest[passage.document_key]:
            dropped.append(Dropped(index=index, reason=DropReason.SUPERSEDED))
        elif passage.text in seen:
            dropped.append(Dropped(index=index, reason=DropReason.DUPLICATE))
        else:
            seen.add(passage.text)
            kept.append(scored)
    return FilteredContext(kept=tuple(kept), dropped=tuple(dropped))
