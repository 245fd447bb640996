"""Logs of one line a record, and times of stages."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator

import pytest

from ragstone_server.observe.logs import LogFormat, configure, request_id
from ragstone_server.observe.stage_times import collected, note


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Handlers and levels as they were."""
    root, ours = logging.getLogger(), logging.getLogger("ragstone_server")
    handlers, levels = root.handlers[:], (root.level, ours.level, logging.getLogger("ragstone_plugins").level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    logging.getLogger("ragstone_plugins").setLevel(levels[2])


def test_a_record_is_one_line_of_json_with_its_request(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", LogFormat.JSON)
    token = request_id.set("r1")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("ragstone_server.x").exception("it failed: %s", "so", extra={"stage": "fuse"})
    request_id.reset(token)
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["logger"], line["message"]) == ("error", "ragstone_server.x", "it failed: so")
    assert (line["request_id"], line["stage"]) == ("r1", "fuse")
    assert "ValueError: two\nlines" in line["exception"]


def test_a_record_as_text_names_its_request_where_there_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", LogFormat.TEXT)
    token = request_id.set("r1")
    try:
        raise ValueError("so")
    except ValueError:
        logging.getLogger("ragstone_server.x").exception("it failed: %s", "100%")
    request_id.reset(token)
    logging.getLogger("ragstone_server.x").info("it goes on")
    first, *trace, last = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \S+ ERROR ragstone_server.x \[r1\]: it failed: 100%", first)
    assert trace[-1] == "ValueError: so"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \S+ INFO ragstone_server.x: it goes on", last)


def test_the_level_is_ours_and_libraries_speak_up_from_warnings_on(capsys: pytest.CaptureFixture[str]) -> None:
    configure("debug", LogFormat.TEXT)
    logging.getLogger("ragstone_plugins.x").debug("ours")
    logging.getLogger("grpc").info("theirs")
    logging.getLogger("grpc").warning("trouble")
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == ["ours", "trouble"]


async def test_times_belong_to_the_request_that_collects_them() -> None:
    async def request(stage: str) -> list[str]:
        with collected() as times:
            note(stage, 0.5)
            await asyncio.sleep(0)
            await asyncio.gather(*(asyncio.to_thread(note, f"{stage}{i}", 0.1) for i in range(2)))
            return sorted(time.stage for time in times)

    assert await asyncio.gather(request("a"), request("b")) == [["a", "a0", "a1"], ["b", "b0", "b1"]]
    note("nobody", 1.0)
