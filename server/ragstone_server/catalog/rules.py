"""Which write of a document wins: pure functions of what is stored and what arrives (promise P2)."""

from dataclasses import dataclass

from ragstone_server.spi.catalog_store import StoredVersion, VersionScheme
from ragstone_server.spi.errors import DocumentNotFound, VersionSchemeMismatch, VersionStale

MAX_VERSION = 2**63 - 1
"""Of the contract and of the stores; after it nothing is newer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do with an upsert that wins or changes nothing."""

    write: bool
    """False: everything is stored already, as it is."""
    version: int
    """The version that is stored afterwards."""
    keep_content: bool
    """Whether the stored content is the one that arrives."""


def judge_upsert(
    scheme: VersionScheme,
    stored: StoredVersion | None,
    requested: int | None,
    content_hash: bytes,
    *,
    same_fields: bool,
) -> Verdict:
    """Decide over an upsert. Raises `VersionStale` where an equal or newer version is stored.

    Sending once more what is stored, under the same version or without one, changes nothing and is not an error.
    `same_fields`: whether title, metadata, readers and the like are those that are stored.
    """
    if scheme is VersionScheme.EVENT_TIME and requested is None:
        raise VersionSchemeMismatch(
            "the collection orders versions by event time: send the time of the change as version"
        )
    same_content = stored is not None and not stored.deleted and stored.content_hash == content_hash
    last = stored.version if stored else 0
    if same_content and same_fields and requested in (None, last):
        return Verdict(write=False, version=last, keep_content=True)
    version = last + 1 if requested is None else requested
    if stored is not None and (version <= last or version > MAX_VERSION):
        raise _stale(version, stored)
    return Verdict(write=True, version=version, keep_content=same_content)


def judge_delete(scheme: VersionScheme | None, stored: StoredVersion | None, requested: int | None) -> Verdict:
    """Decide over a deletion. Raises `VersionStale`, or `DocumentNotFound` where nothing is there and no version was sent.

    With a version, a document that is not there leaves a fence, so that an upsert of an older version that comes late
    does not bring it back. Without one, the fence has the stored version. Scheme None: no version is asked for.
    """
    if scheme is VersionScheme.EVENT_TIME and requested is None:
        raise VersionSchemeMismatch(
            "the collection orders versions by event time: send the time of the change as version"
        )
    if stored is None or stored.deleted:
        if requested is None:
            raise DocumentNotFound
        last = stored.version if stored else 0
        return Verdict(write=requested > last, version=max(requested, last), keep_content=False)
    if requested is not None and requested <= stored.version:
        raise _stale(requested, stored)
    return Verdict(write=True, version=stored.version if requested is None else requested, keep_content=False)


def _stale(version: int, stored: StoredVersion) -> VersionStale:
    what = "was deleted at" if stored.deleted else "is stored with"
    return VersionStale(
        f"the document {what} version {stored.version}, and {version} is not newer",
        metadata={"version": str(version), "stored_version": str(stored.version)},
    )
