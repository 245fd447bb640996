"""Requests of AdminService that keep the rules of the contract, and that break one: part of `test_protos_rules`."""

from google.protobuf.message import Message

from ragstone.v1 import generation_pb2

NAME = "tenants/default/collections/default"
GENERATION = f"{NAME}/generations/2"
CHOICE = generation_pb2.StageChoice

GOOD: list[Message] = [
    generation_pb2.ReindexRequest(parent=NAME),
    generation_pb2.ReindexRequest(parent=NAME, embedder=CHOICE(use="onnx"), chunker=CHOICE(use="x" * 64)),
    generation_pb2.ListGenerationsRequest(parent=NAME),
    generation_pb2.CompareGenerationsRequest(name=GENERATION),
    generation_pb2.CompareGenerationsRequest(
        name=GENERATION, base=999_999_999, questions=["x" * 8192] * 500, sample=500, top_k=100, filter="x" * 8192
    ),
    generation_pb2.ActivateGenerationRequest(name=f"{NAME}/generations/999999999"),
    generation_pb2.RollBackGenerationRequest(parent=NAME),
    generation_pb2.DeleteGenerationRequest(name=GENERATION),
    generation_pb2.ListRecordedQuestionsRequest(parent=NAME, page_size=1000),
    generation_pb2.PurgeRecordedQuestionsRequest(parent=NAME),
]

BAD: list[tuple[Message, str]] = [
    (generation_pb2.ReindexRequest(), "parent"),
    (generation_pb2.ReindexRequest(parent=NAME, chunker=CHOICE()), "chunker.use"),
    (generation_pb2.ReindexRequest(parent=NAME, embedder=CHOICE(use="x" * 65)), "embedder.use"),
    (generation_pb2.ListGenerationsRequest(parent=GENERATION), "parent"),
    (generation_pb2.CompareGenerationsRequest(name=NAME), "name"),
    (generation_pb2.CompareGenerationsRequest(name=GENERATION, base=-1), "base"),
    (generation_pb2.CompareGenerationsRequest(name=GENERATION, questions=["x"] * 501), "questions"),
    (generation_pb2.CompareGenerationsRequest(name=GENERATION, questions=["x", ""]), "questions[1]"),
    (generation_pb2.CompareGenerationsRequest(name=GENERATION, questions=["x" * 8193]), "questions[0]"),
    (generation_pb2.CompareGenerationsRequest(name=GENERATION, sample=501), "sample"),
    (generation_pb2.CompareGenerationsRequest(name=GENERATION, top_k=101), "top_k"),
    (generation_pb2.CompareGenerationsRequest(name=GENERATION, filter="x" * 8193), "filter"),
    (generation_pb2.ActivateGenerationRequest(name=f"{NAME}/generations/0"), "name"),
    (generation_pb2.RollBackGenerationRequest(parent=GENERATION), "parent"),
    (generation_pb2.DeleteGenerationRequest(name=f"{NAME}/generations/02"), "name"),
    (generation_pb2.ListRecordedQuestionsRequest(parent=NAME, page_size=1001), "page_size"),
    (generation_pb2.PurgeRecordedQuestionsRequest(parent="default"), "parent"),
]
