"""Prompt templates through a real server: created, activated, listed, compared, rolled back, kept through a crash."""

from pathlib import Path

import pytest

from ragstone import Client, InvalidArgument, NotFound
from tests.served import Served

USER = "{{ evidence }}\n\n{{ question }}\n"
SYSTEM = "Answer, or write {{ no_answer }}.\n"


def in_use(client: Client, collection: str = "default") -> list[int]:
    prompts = client.admin.prompts
    rows = [prompts.get(0, collection=collection), *prompts.list(collection=collection)]
    return [int(row.name.rpartition("/")[2]) for row in rows if row.active]


def test_a_template_from_its_creation_to_its_rollback(tmp_path: Path) -> None:
    with Served(tmp_path / "data") as server:
        with server.client() as client:
            prompts = client.admin.prompts
            first = prompts.create(system=SYSTEM, user=USER, description="The first.")
            assert first.name == "tenants/default/collections/default/prompts/1"
            assert (first.author, first.active, first.description) == ("user:developer", False, "The first.")
            assert in_use(client) == [0]
            assert prompts.activate(1).active
            second = prompts.create(system=SYSTEM.replace("Answer", "Answer kindly"), user=USER)
            prompts.activate(2)
            assert in_use(client) == [2]
            assert prompts.get(2) == prompts.activate(2)
            expected = "-Answer, or write {{ no_answer }}.\n+Answer kindly, or write {{ no_answer }}.\n"
            assert expected in prompts.diff(1)
            assert prompts.diff(1, 2) == prompts.diff(1)
            assert second.create_time.ToDatetime() >= first.create_time.ToDatetime()
        server.kill()
        server.start()
        with server.client() as client:
            prompts = client.admin.prompts
            assert in_use(client) == [2]
            assert prompts.roll_back().name.endswith("/prompts/1")
            assert prompts.roll_back().name.endswith("/prompts/0")
            with pytest.raises(NotFound) as raised:
                prompts.roll_back()
            assert raised.value.reason == "PROMPT_NOT_FOUND"
            history = list(prompts.activations())
            assert [int(row.prompt.rpartition("/")[2]) for row in history] == [0, 1, 2, 1]
            assert {row.author for row in history} == {"user:developer"}


@pytest.fixture(scope="module")
def collection(server: Served) -> str:
    with server.client() as client:
        client.admin.create_collection("prompted")
    return "prompted"


def test_pages_are_followed_to_their_end(client: Client, collection: str) -> None:
    from ragstone.v1 import admin_service_pb2

    prompts = client.admin.prompts
    for number in range(101):
        prompts.create(user=USER, description=str(number), collection=collection)
    versions = [int(row.name.rpartition("/")[2]) for row in prompts.list(collection=collection)]
    assert versions == list(range(1, 102))
    for number in range(101):
        prompts.activate(number % 2 + 1, collection=collection)
    assert len(list(prompts.activations(collection=collection))) == 101
    name = f"tenants/default/collections/{collection}"
    with pytest.raises(InvalidArgument) as raised:
        token = "aGVsbG8="
        prompts._call(prompts._stub.ListPrompts, admin_service_pb2.ListPromptsRequest(parent=name, page_token=token))
    assert "page_token" in raised.value.violations


def test_what_cannot_be_used_is_refused_with_field_and_line(client: Client) -> None:
    with pytest.raises(InvalidArgument) as raised:
        client.admin.prompts.create(user=USER + "{{ password }}")
    assert raised.value.reason == "PROMPT_INVALID"
    assert (raised.value.metadata["field"], raised.value.metadata["line"]) == ("user", "4")
    assert "there is no 'password'" in raised.value.violations["prompt.user"]


def test_what_is_not_there_is_not_found(client: Client) -> None:
    for call in (client.admin.prompts.get, client.admin.prompts.activate, client.admin.prompts.diff):
        with pytest.raises(NotFound) as raised:
            call(77)
        assert raised.value.metadata["prompt"].endswith("/prompts/77")
    with pytest.raises(NotFound) as raised:
        client.admin.prompts.get(0, collection="absent")
    assert raised.value.reason == "COLLECTION_NOT_FOUND"
