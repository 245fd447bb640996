"""A cross-encoder in the server: it orders what was found, and where it fails the answer comes without it."""

from pathlib import Path

from tests.cross_encoders import write
from tests.served import Served

QUESTION = "When does the ferry leave Nordvik?"


def test_the_cross_encoder_orders_and_its_scores_are_told(tmp_path: Path) -> None:
    model = write(tmp_path / "cross")
    with (
        Served(tmp_path / "data", RAGSTONE__RERANKER__USE="onnx", RAGSTONE__RERANKER__MODEL=str(model)) as served,
        served.client() as client,
    ):
        for i in range(6):
            client.upsert_document(f"berth-{i}", text=f"The ferry at berth {i} is painted in colour number {i * 3}.")
        client.upsert_document("ferry", text="The ferry leaves Nordvik at nine.")
        passages = client.retrieve(QUESTION, min_watermark="session")
        assert passages[0].document == "ferry"
        assert all(0 < passage.scores["rerank"] < 1 for passage in passages)
        scores = [passage.scores["rerank"] for passage in passages]
        assert scores == sorted(scores, reverse=True)
        assert passages.degraded == ()
        answer = client.ask(QUESTION)
        assert answer.passages[0].scores["rerank"] == passages[0].scores["rerank"]


def test_one_that_has_no_time_is_skipped_and_that_is_told(tmp_path: Path) -> None:
    model = write(tmp_path / "cross")
    with (
        Served(
            tmp_path / "data",
            RAGSTONE__RERANKER__USE="onnx",
            RAGSTONE__RERANKER__MODEL=str(model),
            RAGSTONE__RERANKER__TIMEOUT_SECONDS="0.000001",
        ) as served,
        served.client() as client,
    ):
        client.upsert_document("ferry", text="The ferry leaves Nordvik at nine.")
        passages = client.retrieve(QUESTION, min_watermark="session")
        assert [passage.document for passage in passages] == ["ferry"]
        assert [degraded.stage for degraded in passages.degraded] == ["rerank"]
