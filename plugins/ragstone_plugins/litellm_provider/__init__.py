"""Generator, embedder and reranker `litellm`: models of many providers, by their names.

`plugin` is what the entry point names. `backend` alone imports litellm, when a stage is opened. `generator`, `embedder` and
`reranker` are the stages; `asking` writes what providers are asked, `stream` reads an answer, `faults` names what goes wrong,
`batches` and `tokens` keep requests within a provider's limits.
"""
