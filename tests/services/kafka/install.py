"""What a broker needs and what is made only once for all: jars, formatted storage, a certificate, an archive of its classes.

All of it stays in `.build/kafka`, in a folder for this version of Kafka, of Java, and this place.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from tests.services.local import BUILD, Unavailable, once

HERE: Final = Path(__file__).parent
SCRAM_USER: Final = ("scram-user", "scram-secret")
KEY_PASSWORD: Final = "changeit"
_JAVA: Final = 17


@cache
def java() -> str:
    """The program `java`, of `JAVA_HOME` or the path."""
    return _java()[0]


@cache
def _java() -> tuple[str, str]:
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    how = f"Kafka needs Java {_JAVA} or newer: install it (on Debian: apt-get install openjdk-{_JAVA}-jre-headless)"
    if found is None:
        raise Unavailable(how)
    version = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    number = re.search(r'version "(?:1\.)?(\d+)', version)
    if number is None or int(number[1]) < _JAVA:
        raise Unavailable(f"{how}; {found} is {version.strip() or 'broken'}")
    return found, version


def classpath() -> str:
    """Of the broker; its order is always the same, or the archive of classes would not fit."""
    return os.pathsep.join(str(jar) for jar in sorted(once(_home() / "lib", _fetch).iterdir()))


def options() -> list[str]:
    """Of every Java program here."""
    logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
    return ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", logging]


def formatted(properties: Path) -> Path:
    """Storage that no broker has used; `properties` is the file of any broker here."""

    def make(folder: Path) -> None:
        own = folder.with_name("server.properties")
        own.write_text(f"{properties.read_text()}\nlog.dirs={folder}\n")
        name, password = SCRAM_USER
        scram = f"SCRAM-SHA-256=[name={name},password={password}]"
        tool = [java(), *options(), "-cp", classpath(), "kafka.tools.StorageTool"]
        _run([*tool, "format", "-t", "ragstone-test-cluster0", "-c", str(own), "--add-scram", scram])

    return once(_home() / "formatted", make)


def certificate() -> Path:
    """A key store with a key for the loopback, signed by itself."""

    def make(file: Path) -> None:
        key = ["-alias", "key", "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "3650"]
        name = ["-dname", "CN=localhost", "-ext", "SAN=dns:localhost,ip:127.0.0.1"]
        store = ["-storetype", "PKCS12", "-keystore", str(file), "-storepass", KEY_PASSWORD]
        _run([str(Path(java()).with_name("keytool")), "-genkeypair", *key, *name, *store])

    return once(_home() / "key.p12", make)


def archive(train: Callable[[str], None]) -> Path:
    """Classes as a Java process has them in memory: a start takes half as long. `train` runs a broker with an option."""

    def make(file: Path) -> None:
        train(f"-XX:ArchiveClassesAtExit={file}")
        file.touch()  # some Javas make none; they pass over one that is empty

    return once(_home() / "classes.jsa", make)


@cache
def _home() -> Path:
    key = hashlib.sha256((HERE / "pom.xml").read_bytes())
    key.update(_java()[1].encode())
    key.update(bytes(BUILD))  # the archive knows where its jars are
    return BUILD / "kafka" / key.hexdigest()[:12]


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable("Kafka needs Maven, once, to fetch its jars: install it (on Debian: apt-get install maven)")
    command = [maven, "-B", "-q", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
    done = subprocess.run([*command, f"-DoutputDirectory={folder}"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines() or ["it does not say why"]
        raise Unavailable(f"Maven cannot fetch the jars of Kafka: {said[0]}")


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
