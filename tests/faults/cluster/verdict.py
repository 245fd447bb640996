"""The end: everything that was acknowledged or produced is there, once, in its newest version, and nothing hangs."""

import asyncio
import re
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient

from ragstone import Client, RagstoneError
from ragstone.v1.admin_service_pb2 import SOURCE_STATE_RUNNING
from tests.faults.cluster import truth as reading
from tests.faults.cluster.authors import word
from tests.faults.cluster.cluster import DEAD, GROUP, NOTES, TOPICS, Cluster
from tests.faults.cluster.load import Load
from tests.faults.cluster.node import Node
from tests.faults.cluster.truth import Name, Place, Truth
from tests.faults.cluster.waiting import until

COLLECTIONS: Final = ("default", NOTES)
_EXPECTED: Final = ("CatalogUnavailable:", "StorageFull:", "Overloaded:")
"""Errors of traces that are allowed: a store was away while something worked in the background."""
_ENTRY: Final = re.compile(r"^(?=\d{4}-\d\d-\d\d )", re.MULTILINE)

_DAMAGE: Final = {
    "documents of which several contents are current": """
        SELECT document FROM content WHERE superseded IS NULL GROUP BY document HAVING count(*) > 1""",
    "contents with other passages than they should have": """
        SELECT c.key FROM content c LEFT JOIN passage p ON p.content = c.key GROUP BY c.key, p.generation
        HAVING count(p.key) = 0 OR count(p.key) <> max(p.ordinal) + 1 OR count(p.key) <> count(DISTINCT p.id)""",
    "passages without a vector": """
        SELECT p.key FROM passage p WHERE NOT EXISTS (SELECT 1 FROM vector v JOIN space s ON s.key = v.space
        WHERE s.tenant = p.tenant AND v.text_hash = p.text_hash)""",
    "change logs with gaps": """
        SELECT k.key FROM collection k LEFT JOIN change c ON c.collection = k.key AND c.position > k.trimmed
        GROUP BY k.key HAVING count(c.position) <> k.head - k.trimmed OR max(c.position) > k.head""",
    "documents whose last change is not in the log": """
        SELECT d.key FROM document d JOIN collection k ON k.key = d.collection WHERE d.position > k.head""",
    "two documents of one position": """
        SELECT position FROM document GROUP BY collection, position HAVING count(*) > 1""",
}


def check(cluster: Cluster, load: Load) -> Truth:
    """Wait until all is applied, then compare everything. Raises what is wrong."""
    truth = reading.read(cluster.kafka.bootstrap, TOPICS)
    for place, end in load.produced.items():
        assert truth.ends[place] >= end, f"{place}: Kafka lost what it acknowledged"
    load.truth_of_rpc(truth)
    until(f"every event is applied, up to {truth.ends}", lambda: _level(cluster, truth.ends))
    _check_catalog(cluster, truth)
    for node in cluster.having("query"):
        until(f"the views of {node.name} are as far as the catalog", lambda node=node: behind(node) == [])  # type: ignore[misc]
        _check_answers(node, truth)
    until("the group's offsets follow", lambda: asyncio.run(_group(cluster)) == truth.ends)
    until("every dead letter is in its topic", lambda: _published(cluster) >= truth.bad)
    until("every partition is read", lambda: _read_once(cluster))
    for node in cluster.nodes.values():
        until(f"{node.name} leaves no processes behind: {node.orphans()}", lambda node=node: not node.orphans())  # type: ignore[misc]
        strange = _strange(node.log())
        assert not strange, f"{node.name} wrote: {strange[0]}"
    return truth


def behind(node: Node) -> list[str]:
    """What keeps the views of a query server from being as far as the catalog."""
    try:
        with node.client() as client:
            for collection in COLLECTIONS:
                client.retrieve("bell", collection=collection, timeout=5)
            views = client.admin.status(timeout=5).views
    except RagstoneError as error:
        return [str(error)]
    found = [f"{v.collection} {v.view} {v.position}/{v.head} {v.failure}" for v in views]
    good = len(views) == 2 * len(COLLECTIONS) and all(v.position == v.head and not v.failure for v in views)
    return [] if good else found


def _strange(log: str) -> list[str]:
    """Entries with a trace of an error that is not to be expected."""
    traced = [entry.rstrip() for entry in _ENTRY.split(log) if "Traceback" in entry]
    return [entry for entry in traced if not any(error in entry.splitlines()[-1] for error in _EXPECTED)]


def _level(cluster: Cluster, ends: dict[Place, int]) -> bool:
    applied = cluster.applied()
    return all(applied.get(place, 0) == end for place, end in ends.items())


def _check_catalog(cluster: Cluster, truth: Truth) -> None:
    rows = cluster.sql("SELECT k.name, d.id, d.version FROM document d JOIN collection k ON k.key = d.collection")
    stored = {(collection.rpartition("/")[2], document): version for collection, document, version in rows}
    expected = {name: stored.version for name, stored in truth.living.items()}
    wrong = {n: (stored.get(n), expected.get(n)) for n in stored.keys() | expected if stored.get(n) != expected.get(n)}
    assert not wrong, f"documents with the stored and the right version: {wrong}"
    rows = cluster.sql("SELECT source, at, reason, message FROM dead_letter")
    letters = {(source.split("/")[2], int(source.split("/")[3]), at): (why, text) for source, at, why, text in rows}
    unjust = {place: letters[place] for place in letters.keys() - truth.bad}
    assert not unjust, f"dead letters that should be none: {unjust}"
    assert letters.keys() == truth.bad, f"bad events that are no dead letters: {truth.bad - letters.keys()}"
    for what, statement in _DAMAGE.items():
        damaged = cluster.sql(statement)
        assert not damaged, f"{what}: {damaged[:5]}"


def _check_answers(node: Node, truth: Truth) -> None:
    with node.client() as client:
        for collection in COLLECTIONS:
            _check_collection(client, collection, truth, node.name)


def _check_collection(client: Client, collection: str, truth: Truth, where: str) -> None:
    living = {name: stored for name, stored in truth.living.items() if name[0] == collection}
    gone = sorted(name for name in truth.documents if name[0] == collection and name not in living)
    hits = client.retrieve("bell rings number", collection=collection, top_k=1000, timeout=60)
    assert not hits.degraded, f"{where}: {hits.degraded}"
    chunks = [hit.chunk for hit in hits]
    assert len(set(chunks)) == len(chunks), f"{where}: a passage comes twice"
    found: dict[Name, list[str]] = {}
    for hit in hits:
        name = collection, hit.document
        assert name in living, f"{where}: {name} is deleted, and found"
        assert hit.metadata.get("n") == living[name].version, f"{where}: {name} is found in version {hit.metadata}"
        assert hit.text in (living[name].text or ""), f"{where}: {name} is found with an old text: {hit.text}"
        found.setdefault(name, []).append(hit.text)
    missing = sorted(living.keys() - found.keys())
    assert not missing, f"{where}: not found: {missing}"
    several = [name for name, texts in found.items() if len(texts) > 1 and len(living[name].text or "") < 500]
    assert not several, f"{where}: found more than once: {several}"
    for name in [*sorted(living)[::7], *gone[::7]]:
        hits = client.retrieve(word(name), collection=collection, top_k=50, timeout=60)
        texts = [hit.text for hit in hits if hit.document == name[1]]
        assert bool(texts) == (name in living), f"{where}: {name} is found in {texts}"


async def _group(cluster: Cluster) -> dict[Place, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.kafka.bootstrap)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(GROUP)
    finally:
        await admin.close()
    return {(place.topic, place.partition): each.offset for place, each in offsets.items() if each.offset >= 0}


def _published(cluster: Cluster) -> set[tuple[str, int, int]]:
    found = set()
    for record in asyncio.run(reading.records(cluster.kafka.bootstrap, [(DEAD, 0)], {})):
        headers = {name: value.decode(errors="replace") for name, value in record.headers}
        _, _, topic, partition = headers["ragstone-source"].split("/")
        found.add((topic, int(partition), int(headers["ragstone-offset"])))
    return found


def _read_once(cluster: Cluster) -> bool:
    """Whether every partition is read by one process, and to its end."""
    sources = []
    for node in cluster.having("consume"):
        try:
            with node.client() as client:
                sources += list(client.admin.status(timeout=5).sources)
        except RagstoneError:
            return False
    names = [source.name for source in sources]
    running = all(source.state == SOURCE_STATE_RUNNING for source in sources)
    return running and len(names) == len(set(names)) == sum(TOPICS.values())
