"""A broker that is its own controller (KRaft)."""

import shutil
import signal
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.services.kafka import install
from tests.services.local import LOOPBACK, free_port
from tests.services.server import Server

_SETTINGS: Final = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "INTERNAL",
    "auto.create.topics.enable": "false",
    # Topics of its own want three brokers unless they are told; without them groups and transactions never come up.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "8",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "min.insync.replicas": "1",
    "group.initial.rebalance.delay.ms": "0",
    # After `kill -9` a broker cannot register before its old lease ends, by default after 9 s.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "400",
    "log.cleaner.backoff.ms": "1000",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "log.segment.delete.delay.ms": "1000",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
}
_LOGIN: Final = "org.apache.kafka.common.security"


class Kafka(Server):
    """A broker over its own data. `advertise` is the address of a proxy before its listener without authentication."""

    plain_user: Final = ("plain-user", "plain-secret")
    scram_user: Final = install.SCRAM_USER

    def __init__(
        self,
        folder: Path,
        *,
        tls: bool = False,
        acl: bool = False,
        advertise: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`acl`: those who log in may do nothing until they are allowed; who does not log in may do everything."""
        super().__init__(folder)
        self._listeners = {name: f"{LOOPBACK}:{free_port()}" for name in ("INTERNAL", "PLAINTEXT", "SASL")}
        if tls:
            self._listeners |= {name: f"{LOOPBACK}:{free_port()}" for name in ("TLS", "SASL_TLS")}
        self._controller = f"{LOOPBACK}:{free_port()}"
        self.address = self._listeners["PLAINTEXT"]
        """Where a proxy before it connects to."""
        self._advertised = self._listeners | ({"PLAINTEXT": advertise} if advertise else {})
        self._acl = acl
        self._settings = dict(settings or {})
        self._properties = folder / "server.properties"
        self.data = folder / "data"

    @property
    def bootstrap(self) -> str:
        """Without authentication, through the proxy if there is one."""
        return self._advertised["PLAINTEXT"]

    @property
    def sasl_bootstrap(self) -> str:
        """Takes `plain_user` by PLAIN and `scram_user` by SCRAM-SHA-256."""
        return self._listeners["SASL"]

    @property
    def tls_bootstrap(self) -> str:
        """Over TLS, without authentication."""
        return self._listeners["TLS"]

    @property
    def sasl_tls_bootstrap(self) -> str:
        """Over TLS, with the users of `sasl_bootstrap`."""
        return self._listeners["SASL_TLS"]

    @property
    def ca(self) -> Path:
        """The certificate that clients must trust, in PEM. The broker must run."""
        file = self.folder / "ca.pem"
        if not file.exists():
            host, port = self.tls_bootstrap.split(":")
            file.write_text(ssl.get_server_certificate((host, int(port))))
        return file

    def start(self) -> None:
        if not self.data.exists():
            (self.folder / "tmp").mkdir()
            self._properties.write_text("".join(f"{key}={value}\n" for key, value in self._all_settings().items()))
            shutil.copytree(install.formatted(self._properties), self.data)
        self._start(f"-XX:SharedArchiveFile={install.archive(self._train)}")

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _ready(self, pid: int, log: str) -> bool:
        return "Kafka Server started" in log

    def _train(self, option: str) -> None:
        self._start(option)
        self.stop()

    def _start(self, option: str) -> None:
        # Libraries that it unpacks would stay in the system's folder after `kill -9`.
        memory = ["-Xms256m", "-Xmx512m", f"-Djava.io.tmpdir={self.folder / 'tmp'}"]
        program = ["-cp", install.classpath(), "kafka.Kafka", str(self._properties)]
        self._launch([install.java(), *install.options(), *memory, option, *program])

    def _all_settings(self) -> dict[str, str]:
        listeners = [f"{name}://{address}" for name, address in self._listeners.items()]
        protocols = {"INTERNAL": "PLAINTEXT", "SASL": "SASL_PLAINTEXT", "TLS": "SSL", "SASL_TLS": "SASL_SSL"}
        names = [*self._listeners, "CONTROLLER"]
        name, password = self.plain_user
        plain = f'{_LOGIN}.plain.PlainLoginModule required user_{name}="{password}";'
        scram = f"{_LOGIN}.scram.ScramLoginModule required;"
        own = {
            "controller.quorum.voters": f"1@{self._controller}",
            "listeners": ",".join([*listeners, f"CONTROLLER://{self._controller}"]),
            "advertised.listeners": ",".join(f"{name}://{address}" for name, address in self._advertised.items()),
            "listener.security.protocol.map": ",".join(f"{n}:{protocols.get(n, 'PLAINTEXT')}" for n in names),
            "log.dirs": str(self.data),
        }
        for listener in ("sasl", "sasl_tls"):
            own[f"listener.name.{listener}.plain.sasl.jaas.config"] = plain
            own[f"listener.name.{listener}.scram-sha-256.sasl.jaas.config"] = scram
        if "TLS" in self._listeners:
            own["ssl.keystore.location"] = str(install.certificate())
            own["ssl.keystore.password"] = install.KEY_PASSWORD
            own["ssl.keystore.type"] = "PKCS12"
        if self._acl:
            own["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
            own["super.users"] = "User:ANONYMOUS"
        return _SETTINGS | own | self._settings
