"""What there is to say of a cluster when something is wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from ragstone import RagstoneError
from tests.faults.cluster.cluster import Cluster

_TAIL: Final = 4000


@contextmanager
def explained(cluster: Cluster) -> Iterator[None]:
    """Where the context fails, say how everything is at that moment."""
    try:
        yield
    except BaseException:
        print(diagnosis(cluster))
        raise


def diagnosis(cluster: Cluster) -> str:
    """The state of the processes, what the catalog says of the sources, and the ends of the logs."""
    lines = []
    for node in cluster.nodes.values():
        lines.append(f"== {node.name}: {'runs' if node.alive() else 'has ended'}")
        try:
            with node.client() as client:
                lines.append(str(client.admin.status(timeout=3)))
        except RagstoneError as error:
            lines.append(str(error))
        lines.append(node.log()[-_TAIL:])
    try:
        lines.append(f"== sources: {cluster.sql('SELECT * FROM source ORDER BY name')}")
        lines.append(f"== collections: {cluster.sql('SELECT key, name, head, trimmed FROM collection')}")
    except psycopg.Error as error:
        lines.append(f"== the database: {error}")
    lines.append(f"== starts: {cluster.supervisor.starts}")
    return "\n".join(lines)
