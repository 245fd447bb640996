"""Named instants at which a test kills or stalls the process. In production each is one look at an empty dict."""

import os
import signal
import time
from enum import StrEnum

VARIABLE = "RAGSTONE_FAIL_POINTS"


class FailPoint(StrEnum):
    """Every named instant; a test drives the server through each."""

    CATALOG_BEFORE_COMMIT = "catalog-before-commit"
    CATALOG_AFTER_COMMIT = "catalog-after-commit"
    INGEST_BEFORE_WORK = "ingest-before-work"
    INGEST_BEFORE_ACKNOWLEDGEMENT = "ingest-before-acknowledgement"
    VECTORS_BEFORE_SEGMENT = "vectors-before-segment"
    VECTORS_AFTER_SEGMENT = "vectors-after-segment"
    VECTORS_AFTER_MANIFEST = "vectors-after-manifest"
    VECTORS_BEFORE_COMPACTION = "vectors-before-compaction"
    VECTORS_DURING_COMPACTION = "vectors-during-compaction"
    VECTORS_AFTER_COMPACTION = "vectors-after-compaction"
    VIEW_BEFORE_QUARANTINE = "view-before-quarantine"
    VIEW_AFTER_QUARANTINE = "view-after-quarantine"
    LEXICAL_BEFORE_COMMIT = "lexical-before-commit"
    LEXICAL_AFTER_COMMIT = "lexical-after-commit"
    LEXICAL_AFTER_POSITION = "lexical-after-position"
    KAFKA_AFTER_CLAIM = "kafka-after-claim"
    KAFKA_AFTER_COMMIT = "kafka-after-commit"
    KAFKA_BEFORE_GROUP_COMMIT = "kafka-before-group-commit"
    KAFKA_BEFORE_LETTERS_NOTED = "kafka-before-letters-noted"
    COLLECTION_BEFORE_FILES = "collection-before-files"
    GENERATION_AFTER_BEGIN = "generation-after-begin"
    GENERATION_BEFORE_CUTS = "generation-before-cuts"
    GENERATION_BEFORE_READY = "generation-before-ready"
    GENERATION_BEFORE_SWITCH = "generation-before-switch"
    GENERATION_AFTER_SWITCH = "generation-after-switch"
    SNAPSHOT_BEFORE_COPY = "snapshot-before-copy"
    SNAPSHOT_DURING_COPY = "snapshot-during-copy"
    SNAPSHOT_BEFORE_RENAME = "snapshot-before-rename"
    SNAPSHOT_AFTER_RENAME = "snapshot-after-rename"
    RESTORE_DURING_COPY = "restore-during-copy"
    RESTORE_BEFORE_MARK = "restore-before-mark"
    RESTORE_AFTER_MARK = "restore-after-mark"
    RESTORE_BEFORE_SWAP = "restore-before-swap"
    RESTORE_AFTER_SWAP = "restore-after-swap"
    RESTORE_AFTER_UNMARK = "restore-after-unmark"


def _parse(text: str) -> dict[FailPoint, tuple[str, int, str]]:
    """Read `point=action[@n][~about]`, comma-separated.

    `kill`, or `sleep` for an hour, at the n-th passing; of those that have `about` in what they are about.
    """
    armed = {}
    for item in filter(None, text.split(",")):
        point, _, rest = item.partition("=")
        when, _, about = rest.partition("~")
        action, _, count = when.partition("@")
        armed[FailPoint(point)] = (action or "kill", int(count or 1), about)
    return armed


_armed = _parse(os.environ.get(VARIABLE, ""))


def reach(point: FailPoint, about: str = "") -> None:
    """Pass the named instant; where a test armed it, the process ends here as by loss of power."""
    if not _armed or point not in _armed:
        return
    action, count, word = _armed[point]
    if word not in about:
        return
    if count > 1:
        _armed[point] = (action, count - 1, word)
    elif action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        time.sleep(3600)
