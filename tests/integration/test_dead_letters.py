"""Dead letters of a real server: put by another process, listed, shown, kept where they cannot be applied, discarded."""

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ragstone import Client, InvalidArgument, NotFound
from ragstone.v1 import admin_service_pb2
from ragstone_server.cli.main import main
from tests.letters import SAMPLE, put_into
from tests.served import Served

LARGE = bytes(range(256)) * (20 * 4096)  # 20 MiB
CUT = '{"title": "Grüße", "text": "' + "ü" * 3000 + '"}'
EVIL = replace(
    SAMPLE,
    key=b"\x1b]0;gotcha\x07",
    value=b"a\x1b[2Jb" + b"\n[bold]",
    message="it has no \x1b[31maction [/]",
    headers=(("x\x1b[1m", b"\x1b[1m"),),
)
LETTERS = (
    SAMPLE,
    replace(SAMPLE, value=LARGE, reason="DOCUMENT_TOO_LARGE"),
    replace(SAMPLE, key=None, value=None, headers=(), bound="", reason="INVALID_EVENT"),
    EVIL,
    replace(SAMPLE, value=CUT.encode()),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("letters") / "data"
    with Served(data) as served:  # makes the catalog
        assert served.terminate() == 0
        asyncio.run(put_into(data, *LETTERS))
        served.start()
        yield served


def ragstone(server: Served, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--server", server.address])


def shown(server: Served, letter: int, *words: str) -> str:
    result = ragstone(server, "admin", "dead-letters", "show", str(letter), *words)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_they_are_listed_in_the_order_in_which_they_were_put(server: Served, client: Client) -> None:
    letters = list(client.admin.dead_letters.list())
    assert [letter.id for letter in letters] == [1, 2, 3, 4, 5]
    assert [letter.offset for letter in letters] == [0, 1, 2, 3, 4]
    assert letters[1].value_size == len(LARGE)
    assert not letters[1].HasField("value")
    assert client.admin.status().dead_letter_count == 5
    rows = json.loads(ragstone(server, "admin", "dead-letters", "list", "--json").stdout)["dead_letters"]
    assert [(row["id"], row["reason"], row["bytes"]) for row in rows][1:3] == [
        (2, "DOCUMENT_TOO_LARGE", len(LARGE)),
        (3, "INVALID_EVENT", None),
    ]
    table = ragstone(server, "admin", "dead-letters", "list").stdout
    assert "DOCUMENT_TOO_LARGE" in table
    assert "it has no \\x1b[31maction [/]" in table
    assert "5 dead letters" in ragstone(server, "status").stdout


def test_pages_have_opaque_tokens(client: Client) -> None:
    letters = client.admin.dead_letters
    method, request = letters._stub.ListDeadLetters, admin_service_pb2.ListDeadLettersRequest(page_size=2)
    pages = []
    while True:
        page = letters._call(method, request)
        pages.append([letter.id for letter in page.dead_letters])
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert pages == [[1, 2], [3, 4], [5]]
    with pytest.raises(InvalidArgument) as raised:
        letters._call(method, admin_service_pb2.ListDeadLettersRequest(page_token="hello"))
    assert "page_token" in raised.value.violations


def test_one_is_read_with_its_event_as_it_came(client: Client) -> None:
    letter = client.admin.dead_letters.get(1)
    assert (letter.key, letter.value) == (SAMPLE.key, SAMPLE.value)
    assert [(header.key, header.value) for header in letter.headers] == list(SAMPLE.headers)
    assert letter.collection == SAMPLE.bound
    large = client.admin.dead_letters.get(2)
    assert (len(large.value), large.value_truncated, large.value_size) == (1024 * 1024, True, len(LARGE))
    assert b"".join(client.admin.dead_letters.value(2)) == LARGE
    none = client.admin.dead_letters.get(3)
    assert not none.HasField("key")
    assert not none.HasField("value")
    assert list(client.admin.dead_letters.value(3)) == []


def test_show_is_readable(server: Served) -> None:
    text = shown(server, 1)
    assert "dead letter 1: log/documents/0 at 0" in text
    assert "key         handbook/ferry" in text
    assert "header      content-type: application/json" in text
    assert "header      trace: 0x00ff" in text
    assert "value       58 bytes" in text
    assert '{"document": "ferry", "text": "The ferry leaves at nine."}' in text
    text = shown(server, 2)
    assert "00000010  10 11 12" in text
    assert len(text.splitlines()) < 40
    text = shown(server, 3)
    assert "key         none" in text
    assert "value       none" in text
    assert "named by the event" in text


def test_show_does_no_harm_to_a_terminal(server: Served) -> None:
    assert "\x1b" not in shown(server, 4)


def test_show_cuts_between_characters(server: Served) -> None:
    result = ragstone(server, "admin", "dead-letters", "show", "5")
    assert '{"title": "Grüße"' in result.stdout
    assert "bytes more; --value-out FILE writes all of them" in result.stderr


def test_show_as_json_has_the_bytes_in_base64(server: Served) -> None:
    told: dict[str, Any] = json.loads(shown(server, 1, "--json"))
    assert base64.b64decode(told["value"]) == SAMPLE.value
    assert base64.b64decode(told["headers"][1]["value"]) == b"\x00\xff"
    assert (told["id"], told["offset"], told["published"], told["value_truncated"]) == (1, 0, False, False)
    told = json.loads(shown(server, 3, "--json"))
    assert (told["key"], told["value"], told["bytes"]) == (None, None, None)


def test_the_value_is_written_as_it_came(server: Served, tmp_path: Path) -> None:
    file = tmp_path / "value"
    shown(server, 2, "--value-out", str(file))
    assert file.read_bytes() == LARGE
    assert list(tmp_path.iterdir()) == [file]
    piped = ragstone(server, "admin", "dead-letters", "show", "2", "--value-out", "-")
    assert piped.stdout_bytes == LARGE
    none = ragstone(server, "admin", "dead-letters", "show", "3", "--value-out", str(tmp_path / "none"))
    assert (none.exit_code, "has no value" in none.stderr) == (1, True)
    nowhere = ragstone(server, "admin", "dead-letters", "show", "1", "--value-out", str(tmp_path / "no" / "where"))
    assert (nowhere.exit_code, "cannot be written" in nowhere.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == [file]


def test_what_is_not_there_is_not_found(server: Served, client: Client) -> None:
    letters = client.admin.dead_letters
    for call in (letters.get, letters.replay, letters.discard):
        with pytest.raises(NotFound) as raised:
            call(77)
        assert (raised.value.reason, raised.value.metadata["dead_letter"]) == ("DEAD_LETTER_NOT_FOUND", "77")
    assert "(DEAD_LETTER_NOT_FOUND)" in ragstone(server, "admin", "dead-letters", "show", "77").stderr


def test_one_that_is_still_wrong_stays(server: Served, client: Client) -> None:
    with pytest.raises(InvalidArgument) as raised:
        client.admin.dead_letters.replay(1)
    assert raised.value.reason == "INVALID_EVENT"
    result = ragstone(server, "admin", "dead-letters", "replay", "1", "2")
    assert (result.exit_code, result.stdout) == (1, "0 replayed, 2 failed\n")
    assert client.admin.status().dead_letter_count == 5


def test_one_that_can_be_applied_now_is_applied_and_gone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    event = {"document": "ferry", "version": "7", "upsert": {"text": "The ferry leaves at nine."}}
    unversioned = {"document": "ferry", "upsert": {"text": "The ferry leaves at ten."}}
    good = [replace(SAMPLE, value=json.dumps(each).encode(), key=b"ferry") for each in (event, unversioned)]
    with Served(data) as server, server.client() as client:
        asyncio.run(put_into(data, *good))
        client.admin.dead_letters.replay(1)
        assert client.get_document("ferry").version == 7
        refused = ragstone(server, "admin", "dead-letters", "replay", "2")
        assert refused.exit_code == 1
        assert "force" in refused.stderr
        assert ragstone(server, "admin", "dead-letters", "replay", "2", "--force").stdout == "1 replayed\n"
        assert client.get_document("ferry").version == 8
        assert client.admin.status().dead_letter_count == 0


def test_discarded_ones_do_not_come_back(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Served(data) as server:
        asyncio.run(put_into(data, *LETTERS))  # beside the server that runs
        assert ragstone(server, "admin", "dead-letters", "discard", "2", "4").stdout == "2 discarded\n"
        server.kill()
        server.start()
        with server.client() as client:
            assert [letter.id for letter in client.admin.dead_letters.list()] == [1, 3, 5]
            client.admin.dead_letters.discard(1)
            with pytest.raises(NotFound):
                client.admin.dead_letters.discard(1)
        assert ragstone(server, "admin", "dead-letters", "discard", "--all", "--yes").stdout == "2 discarded\n"
        assert "no dead letters" in ragstone(server, "status").stdout
