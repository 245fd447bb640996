"""The name of a data directory."""

from pathlib import Path

import pytest

from ragstone_server.app.data_directory import instance_of
from ragstone_server.app.serve import services_without
from ragstone_server.app.settings import Role
from ragstone_server.spi.errors import StartError


def test_a_data_directory_has_one_name_for_ever(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    name = instance_of(first)
    assert name == instance_of(first)
    assert name != instance_of(second)


def test_an_empty_name_is_made_anew_and_an_unreadable_one_refused(tmp_path: Path) -> None:
    (tmp_path / "instance").write_text("\n")
    assert instance_of(tmp_path)
    (tmp_path / "instance").write_bytes(b"\xff\xfe")
    with pytest.raises(StartError, match="instance"):
        instance_of(tmp_path)


def test_a_process_offers_the_services_of_its_roles() -> None:
    assert services_without(tuple(Role)) == frozenset()
    assert services_without([Role.CONSUME]) == {"ragstone.v1.QueryService", "ragstone.v1.IngestService"}
    assert services_without([Role.QUERY]) == {"ragstone.v1.IngestService"}
