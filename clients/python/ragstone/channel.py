"""The channel and its service config: deadlines by method, retries on UNAVAILABLE only."""

import json
from typing import Any

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_SECONDS = {
    "ragstone.v1.QueryService/Query": 300,
    "ragstone.v1.QueryService/Retrieve": 60,
    "ragstone.v1.IngestService/UpsertDocument": 900,
    "ragstone.v1.IngestService/DeleteDocument": 60,
    "ragstone.v1.IngestService/GetDocument": 30,
    "ragstone.v1.IngestService/ListDocuments": 60,
    "ragstone.v1.AdminService": 60,
}
_RETRY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2.5,
    "retryableStatusCodes": ["UNAVAILABLE"],
}


def service_config() -> dict[str, Any]:
    """Every method may be sent twice without harm, so each is retried. The Ingest stream has no deadline and is not."""
    methods = []
    for name, seconds in _SECONDS.items():
        service, _, method = name.partition("/")
        target = {"service": service, "method": method} if method else {"service": service}
        methods.append({"name": [target], "timeout": f"{seconds}s", "retryPolicy": _RETRY})
    return {"methodConfig": methods}


OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.service_config", json.dumps(service_config())),
    ("grpc.enable_retries", 1),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 60_000),
)


def call_metadata(address: str, token: str | None, *, secure: bool) -> tuple[tuple[str, str], ...]:
    """The token, for channels on which nobody else can read it. Raises `ValueError` for others."""
    if token is None:
        return ()
    host = address.rpartition(":")[0].strip("[]")
    if not secure and host not in ("127.0.0.1", "::1", "localhost"):
        raise ValueError("a token is sent over TLS or to the loopback only; give credentials=")
    return (("authorization", f"Bearer {token}"),)
