"""Makes `weights.json` from a set of questions, half of which their paragraphs do not answer. Not used by the server.

`data` reads a set, `retrieval` finds the evidence as a collection would, `examples` turns it into features, `fit` is the
regression, `learn` fits and chooses, `measure` says how well it went. `tests/calibration` runs them.
"""
