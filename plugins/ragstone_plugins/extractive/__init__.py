"""Generator `extractive`: answers with the sentences of the evidence that answer best, each with its citation.

It needs no key and no model but the embedder. `plugin` is what the entry point names; `calibration` makes `weights.json`.
"""
