"""The channel: deadlines by method, retries on UNAVAILABLE only, and whom a token may travel to."""

import json
from typing import Any

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SECONDS = {
    "Query": 300.0,
    "Retrieve": 60.0,
    "CheckGrounding": 60.0,
    "UpsertDocument": 900.0,
    "DeleteDocument": 60.0,
    "GetDocument": 30.0,
    "ListDocuments": 60.0,
    "ReplayDeadLetter": 900.0,
    "WaitOperation": 60.0,
    "CompareGenerations": 600.0,
    "ActivateGeneration": 300.0,
    "RollBackGeneration": 300.0,
    "ListSnapshots": 900.0,
}
_ADMIN_SECONDS = 60.0
_REPEATABLE = {
    "QueryService": ("Retrieve", "CheckGrounding"),
    "IngestService": ("UpsertDocument", "GetDocument", "ListDocuments"),
    "AdminService": (
        "GetCollection",
        "ListCollections",
        "UpdateCollection",
        "GetPrompt",
        "ListPrompts",
        "ActivatePrompt",
        "DiffPrompts",
        "ListPromptActivations",
        "ListDeadLetters",
        "GetDeadLetter",
        "ListGenerations",
        "CompareGenerations",
        "ActivateGeneration",
        "ListRecordedQuestions",
        "ListSnapshots",
        "ListPlugins",
        "GetStatus",
    ),
}
"""Methods whose second answer is the first. Creations and deletions are not among them: sent again after an answer was lost,
they would fail with `AlreadyExists` or `NotFound` although they were done; so would replays. A rollback would undo one
activation more, a reindex begin a second time.
`Query` is repeated in `repeating`."""
_REPEATABLE_OPERATIONS = ("ListOperations", "GetOperation", "CancelOperation", "WaitOperation")
PAUSES_S = (0.1, 0.25, 0.625)
"""Between attempts, in seconds, and roughly: gRPC and we spread them."""
_RETRY = {
    "maxAttempts": 1 + len(PAUSES_S),
    "initialBackoff": f"{PAUSES_S[0]}s",
    "maxBackoff": f"{PAUSES_S[-1]}s",
    "backoffMultiplier": PAUSES_S[1] / PAUSES_S[0],
    "retryableStatusCodes": ["UNAVAILABLE"],
}


def deadline(method: str, timeout: float | None) -> float:
    """Seconds for a call: the caller's, or the method's own. The Ingest stream has none.

    Deadlines are not in the service config: gRPC takes the lesser of that one and the caller's, does not tell it to the
    server, and lets it pass early (grpc/grpc#40633).
    """
    return _SECONDS.get(method, _ADMIN_SECONDS) if timeout is None else timeout


def service_config() -> dict[str, Any]:
    """Retries, for gRPC."""
    names = [
        {"service": f"ragstone.v1.{service}", "method": method}
        for service, methods in _REPEATABLE.items()
        for method in methods
    ]
    names += [{"service": "google.longrunning.Operations", "method": method} for method in _REPEATABLE_OPERATIONS]
    return {"methodConfig": [{"name": names, "retryPolicy": _RETRY}]}


def channel_options(address: str) -> tuple[tuple[str, Any], ...]:
    """Options of a channel. A proxy of the environment cannot reach our loopback and is not asked to."""
    return (
        ("grpc.service_config", json.dumps(service_config())),
        ("grpc.enable_retries", 1),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.enable_http_proxy", 0 if _is_loopback(address) else 1),
    )


def call_metadata(address: str, token: str | None, *, secure: bool) -> tuple[tuple[str, str], ...]:
    """The token, for channels on which nobody else can read it. Raises `ValueError` for others."""
    if token is None:
        return ()
    if not secure and not _is_loopback(address):
        raise ValueError("a token is sent over TLS or to the loopback only; give credentials=")
    return (("authorization", f"Bearer {token}"),)


def _is_loopback(address: str) -> bool:
    return address.rpartition(":")[0].strip("[]") in _LOOPBACK
