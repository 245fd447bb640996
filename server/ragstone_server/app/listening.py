"""Where to listen: without authentication, the loopback only."""

import ipaddress

from ragstone_server.config.errors import ConfigurationInvalid, Problem


def checked_address(listen: str) -> str:
    """The address as gRPC wants it. Raises `ConfigurationInvalid` where it is malformed or not on the loopback."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535 or not host:
        raise _problem(f"{listen!r} is not HOST:PORT, as in 127.0.0.1:50051")
    if host == "localhost":
        host = "127.0.0.1"
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError as error:
        raise _problem(f"{host!r} is not an address; write 127.0.0.1, [::1] or localhost") from error
    if not address.is_loopback:
        raise _problem(
            f"{host} can be reached from other machines, and callers are not authenticated yet; "
            "listen on 127.0.0.1, and let a proxy that authenticates stand before it"
        )
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def _problem(what: str) -> ConfigurationInvalid:
    return ConfigurationInvalid(Problem(where="server.listen", what=what))
