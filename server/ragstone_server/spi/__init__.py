"""The ground floor: what a plugin author reads, and nothing else.

Values in and out of every stage, one module a kind (`parser`, `chunker`, `embedder`, `vector_index`, `lexical_index`,
`fuser`, `rewriter`, `reranker`, `context_filter`, `generator`, `catalog_store`); the two shapes of a stage (`stages`);
how a plugin offers one (`provider`, `hooks`, `kinds`) and what it is given (`host`); the error root (`errors`).
Nothing here imports another room of the server, and no value here is a protobuf message.
"""
