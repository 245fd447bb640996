"""Sentence embedding models in ONNX, run on the CPU: getting one, building its graph, and the embedder stage over it."""
