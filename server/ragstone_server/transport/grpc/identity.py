"""Who calls. Until callers are authenticated, everyone on the loopback is the development principal."""

from ragstone_server.spi.context import Caller

DEVELOPER = Caller(principal="user:developer")
