"""Operations of two servers over one catalog in PostgreSQL: shared, taken over, never run twice at once."""

import os
import signal
import time
from pathlib import Path

import pytest

from ragstone import Client, Operation, OperationState
from ragstone.v1 import ingest_service_pb2
from ragstone_server.spi.failpoints import VARIABLE, FailPoint
from tests.integration.postgresql.test_served import configured
from tests.integration.test_purging import fill, left

QUICK = "[operations]\npoll_seconds = 0.1\nheartbeat_seconds = 0.2\ntakeover_seconds = 1.0\nat_once = 1\n"


def test_two_servers_share_the_operations_and_take_over_from_one_that_dies(catalog_url: str, tmp_path: Path) -> None:
    collections = [f"c{n}" for n in range(6)]
    with configured(tmp_path, "a", catalog_url, QUICK) as a, configured(tmp_path, "b", catalog_url, QUICK) as b:
        with a.client() as client:
            for collection in collections:
                client.admin.create_collection(collection)
                fill(client, 30, collection)
            fill(client, 300)
            begun = [client.purge_documents("year = 2021", collection=each, force=True) for each in collections]
        with b.client() as client:
            ended = [client.operations.wait(each, timeout=60) for each in begun]
            assert {each.state for each in ended} == {OperationState.SUCCEEDED}
            for each, collection in zip(ended, collections, strict=True):
                response = each.result()
                assert isinstance(response, ingest_service_pb2.PurgeDocumentsResponse)
                assert (response.deleted, response.skipped) == (15, 0)
                assert len(left(client, collection)) == 15
        b.terminate()
        a.terminate()

        a.start(**{VARIABLE: f"{FailPoint.CATALOG_AFTER_COMMIT}=kill@3"})
        with a.client() as client:
            operation = client.purge_documents("year = 2021", force=True)
        a.wait()
        b.start()
        with b.client() as client:
            half = client.operations.get(operation)
            assert half.state in (OperationState.RUNNING, OperationState.SUCCEEDED)
            last = client.operations.wait(operation, timeout=60)
            response = last.result()
            assert isinstance(response, ingest_service_pb2.PurgeDocumentsResponse)
            assert (response.matched, response.deleted, response.skipped) == (150, 150, 0)
            assert len(left(client)) == 150
        assert "is taken over" in b.log()


@pytest.mark.slow
def test_a_server_that_freezes_is_replaced_and_writes_nothing_when_it_wakes(catalog_url: str, tmp_path: Path) -> None:
    with configured(tmp_path, "a", catalog_url, QUICK) as a, configured(tmp_path, "b", catalog_url, QUICK) as b:
        b.terminate()
        with a.client() as client:
            fill(client, 2000)
            operation = client.purge_documents("year = 2021", force=True)
            while not progress(client, operation).deleted:
                time.sleep(0.02)
            os.kill(a.pid, signal.SIGSTOP)
        try:
            b.start()
            with b.client() as client:
                half = progress(client, operation)
                assert 0 < half.deleted < 1000, "it was frozen in the middle"
                client.upsert_document("d1999", text="It came again.", metadata={"year": 2021}, version=50)
                ended = client.operations.wait(operation, timeout=90)
                response = ended.result()
                assert isinstance(response, ingest_service_pb2.PurgeDocumentsResponse)
                assert response.deleted + response.skipped == response.matched
                os.kill(a.pid, signal.SIGCONT)
                until = time.monotonic() + 30
                while "belongs to another process now" not in a.log():
                    assert time.monotonic() < until, a.log()
                    time.sleep(0.1)
                assert client.operations.get(operation) == ended, "it says nothing more"
                assert len(left(client)) == 1001
                assert client.get_document("d1999").version == 50
        finally:
            os.kill(a.pid, signal.SIGCONT)


def progress(client: Client, operation: Operation) -> ingest_service_pb2.PurgeDocumentsMetadata:
    metadata = client.operations.get(operation).metadata
    assert isinstance(metadata, ingest_service_pb2.PurgeDocumentsMetadata)
    return metadata
