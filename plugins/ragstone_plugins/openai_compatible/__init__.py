"""Generator `openai_compatible`: a model behind any URL that speaks OpenAI's chat completions. The fast path.

`plugin` is what the entry point names. `generator` answers; `body` writes what it asks, `sse` and `chunks` read what comes
back, `faults` names what goes wrong.
"""
