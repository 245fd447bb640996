"""What is to be known of the database before it is used."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """Of the server."""

    version: int
    """As 180004 for 18.4."""
    synced: bool
    """Whether a commit waits for the disk by the server's own settings."""
