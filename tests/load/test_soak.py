"""Mixed reading, writing, deleting and merging for a while: memory stays flat, nothing is left over, the views are in order."""

import json
import os
import time
from pathlib import Path

import pytest

from ragstone import Client
from ragstone.v1 import admin_service_pb2
from tests.load.footprint import Footprint, halves
from tests.load.traffic import Known, Traffic
from tests.served import Served

MINUTES = float(os.environ.get("RAGSTONE_SOAK_MINUTES", "30"))
SEED = int(os.environ.get("RAGSTONE_FAULT_SEED", "0"))
MERGING_OFTEN = {
    "RAGSTONE__VECTOR_INDEX__SEAL_ROWS": "50",
    "RAGSTONE__VECTOR_INDEX__SEAL_AFTER_S": "1",
    "RAGSTONE__VECTOR_INDEX__CHECK_EVERY_S": "20",
    "RAGSTONE__LEXICAL_INDEX__CHECK_EVERY_S": "20",
    "RAGSTONE__INDEXING__RETIRE_SECONDS": "2",
}
GROWTH = 1.1
SLACK_MB = 24.0


def test_a_short_soak_leaves_everything_in_order(tmp_path: Path) -> None:
    _soak(tmp_path, seconds=12, every=1, documents=100)


@pytest.mark.soak
def test_a_soak_leaves_everything_in_order_and_memory_flat(tmp_path: Path) -> None:
    taken = _soak(tmp_path, seconds=60 * MINUTES, every=5, documents=3000)
    middle, last = halves(taken)
    print(f"median of the second and of the last third: {middle}, {last}; at the end {taken[-1]}")
    assert last.resident_mb <= GROWTH * middle.resident_mb + SLACK_MB
    assert last.descriptors <= GROWTH * middle.descriptors + 4
    assert last.threads <= middle.threads + 4
    assert last.files <= GROWTH * middle.files + 20


def _soak(folder: Path, *, seconds: float, every: float, documents: int) -> list[Footprint]:
    views, taken = folder / "data" / "views", []
    with Served(folder / "data", folder=None, **MERGING_OFTEN) as served:
        traffic = Traffic(served, documents, SEED)
        with traffic.flowing() as known:
            end = time.monotonic() + seconds
            while time.monotonic() < end and not traffic.ended:
                time.sleep(every)
                taken.append(Footprint.of(served.pid, views))
        print(f"seed {SEED}: {known.written} writes, {len(known.deleted)} deletions, {known.answered} answers")
        assert known.answered > 0
        assert known.deleted
        with served.client() as client:
            _check_catalog(client, known)
            _check_views(client)
        assert served.terminate() == 0
        _check_files(views)
    return taken


def _check_catalog(client: Client, known: Known) -> None:
    stored = {each.document: each.version for each in client.list_documents()}
    assert stored == known.living


def _check_views(client: Client) -> None:
    verified = client.operations.wait(client.admin.verify(), timeout=300).result()
    assert isinstance(verified, admin_service_pb2.VerifyResponse)
    assert verified.views
    assert not verified.findings


def _check_files(views: Path) -> None:
    """Every file is one that its view knows."""
    manifests = list(views.glob("*/vectors/manifest.json"))
    assert manifests
    for manifest in manifests:
        named = {Path(each["file"]).stem for each in json.loads(manifest.read_bytes().splitlines()[0])["segments"]}
        assert {path.stem for path in manifest.parent.iterdir()} == {manifest.stem, *named}
    for meta in views.glob("*/words/index/meta.json"):
        live = {each["segment_id"].replace("-", "") for each in json.loads(meta.read_bytes())["segments"]}
        left = {
            path.name.partition(".")[0] for path in meta.parent.iterdir() if not path.name.startswith((".", "meta"))
        }
        assert left == live
