"""Which write wins: the whole table (promise P2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_server.catalog.rules import MAX_VERSION, Verdict, judge_delete, judge_upsert
from ragstone_server.spi.catalog_store import StoredVersion, VersionScheme
from ragstone_server.spi.errors import DocumentNotFound, VersionSchemeMismatch, VersionStale
from ragstone_server.spi.positions import DocumentKey

NUMBER, EVENT_TIME = VersionScheme.NUMBER, VersionScheme.EVENT_TIME
SAME, OTHER = b"same", b"other"
STORED = StoredVersion(version=5, deleted=False, content_hash=SAME, document_key=DocumentKey(1))
FENCE = StoredVersion(version=5, deleted=True, content_hash=b"", document_key=None)


def write(version: int, *, keep: bool = False) -> Verdict:
    return Verdict(write=True, version=version, keep_content=keep)


LAST = StoredVersion(version=MAX_VERSION, deleted=False, content_hash=SAME, document_key=DocumentKey(1))
NOTHING = Verdict(write=False, version=5, keep_content=True)


@pytest.mark.parametrize(
    ("stored", "requested", "content", "same_fields", "verdict"),
    [
        (None, None, OTHER, False, write(1)),
        (None, 9, OTHER, False, write(9)),
        (STORED, None, OTHER, False, write(6)),
        (STORED, 6, OTHER, False, write(6)),
        (STORED, 5, OTHER, True, VersionStale),
        (STORED, 4, OTHER, True, VersionStale),
        # The same content moves version, metadata and readers, and is not parsed again.
        (STORED, None, SAME, False, write(6, keep=True)),
        (STORED, 7, SAME, False, write(7, keep=True)),
        (STORED, 7, SAME, True, write(7, keep=True)),
        # Delivered twice.
        (STORED, None, SAME, True, NOTHING),
        (STORED, 5, SAME, True, NOTHING),
        (STORED, 5, SAME, False, VersionStale),
        (STORED, 4, SAME, True, VersionStale),
        # After the greatest version nothing is newer.
        (LAST, None, OTHER, False, VersionStale),
        # A fence keeps out what comes late.
        (FENCE, None, SAME, True, write(6)),
        (FENCE, 6, OTHER, False, write(6)),
        (FENCE, 5, SAME, True, VersionStale),
        (FENCE, 4, OTHER, False, VersionStale),
    ],
)
def test_upsert(
    stored: StoredVersion | None,
    requested: int | None,
    content: bytes,
    same_fields: bool,
    verdict: Verdict | type[Exception],
) -> None:
    if isinstance(verdict, Verdict):
        assert judge_upsert(NUMBER, stored, requested, content, same_fields=same_fields) == verdict
    else:
        with pytest.raises(verdict):
            judge_upsert(NUMBER, stored, requested, content, same_fields=same_fields)


@pytest.mark.parametrize(
    ("stored", "requested", "verdict"),
    [
        (STORED, None, write(5)),
        (STORED, 6, write(6)),
        (STORED, 5, VersionStale),
        (STORED, 4, VersionStale),
        (None, None, DocumentNotFound),
        (None, 3, write(3)),
        (FENCE, None, DocumentNotFound),
        (FENCE, 6, write(6)),
        (FENCE, 5, Verdict(write=False, version=5, keep_content=False)),
        (FENCE, 4, Verdict(write=False, version=5, keep_content=False)),
    ],
)
def test_delete(stored: StoredVersion | None, requested: int | None, verdict: Verdict | type[Exception]) -> None:
    if isinstance(verdict, Verdict):
        assert judge_delete(NUMBER, stored, requested) == verdict
    else:
        with pytest.raises(verdict):
            judge_delete(NUMBER, stored, requested)


def test_event_times_are_always_sent() -> None:
    with pytest.raises(VersionSchemeMismatch):
        judge_upsert(EVENT_TIME, None, None, OTHER, same_fields=False)
    with pytest.raises(VersionSchemeMismatch):
        judge_delete(EVENT_TIME, STORED, None)
    assert judge_upsert(EVENT_TIME, STORED, 6, OTHER, same_fields=False) == write(6)


def test_a_stale_version_says_both_versions() -> None:
    with pytest.raises(VersionStale, match="was deleted at version 5, and 4 is not newer") as caught:
        judge_upsert(NUMBER, FENCE, 4, OTHER, same_fields=False)
    assert caught.value.metadata == {"version": "4", "stored_version": "5"}


@given(
    stored=st.builds(
        StoredVersion,
        version=st.integers(0, 9),
        deleted=st.booleans(),
        content_hash=st.sampled_from([SAME, OTHER]),
        document_key=st.just(DocumentKey(1)),
    ),
    requested=st.none() | st.integers(0, 9),
    same_fields=st.booleans(),
)
def test_a_version_never_goes_back(stored: StoredVersion, requested: int | None, same_fields: bool) -> None:
    try:
        verdict = judge_upsert(NUMBER, stored, requested, SAME, same_fields=same_fields)
    except VersionStale:
        assert requested is not None
        assert requested <= stored.version
        return
    assert verdict.version > stored.version if verdict.write else verdict.version == stored.version
