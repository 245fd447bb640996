"""Server-sent events are read as the standard says, however the bytes are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_plugins.openai_compatible.sse import EventReader, EventTooLong, ServerSentEvent

LINES = st.sampled_from(
    [
        "data: a",
        "data:b",
        "data",
        "data:  two blanks",
        "data: é😀",
        ": comment",
        ":",
        "event: error",
        "id: 7",
        "retry: 1",
        "x",
        "",
    ]
)
STREAMS = st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r", "\r\n"])), max_size=20).map(
    lambda parts: "".join(line + end for line, end in parts).encode()
)


def events_of(*pieces: bytes) -> list[tuple[str, str]]:
    reader = EventReader()
    return [(event.name, event.data.decode()) for piece in pieces for event in reader.feed(piece)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        ("data: a\n\n", ["a"]),
        ("data: a\r\n\r\n", ["a"]),
        ("data: a\r\r", ["a"]),
        ("data: a\ndata: b\n\n", ["a\nb"]),
        ("data\n\n", [""]),
        ("data\ndata\n\n", ["\n"]),
        ("\ufeffdata: a\n\n", ["a"]),
        (": ping\n\n", []),
        ("event: error\n\ndata: a\n\n", ["a"]),
        ("data: é\u2028\x0b😀\n\n", ["é\u2028\x0b😀"]),
        ("data: not ended\n", []),
        ("data: not ended\r", []),
        ("data: not ended", []),
    ],
)
def test_reads_what_the_standard_says(stream: str, events: list[str]) -> None:
    assert [data for _, data in events_of(stream.encode())] == events


def test_an_event_has_the_name_that_stands_with_it() -> None:
    assert events_of(b"event: error\ndata: a\n\ndata: b\n\n") == [("error", "a"), ("message", "b")]


@given(stream=STREAMS, cuts=st.lists(st.integers(0, 200), max_size=12))
def test_any_cutting_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    whole = events_of(stream)
    assert events_of(*(stream[i : i + 1] for i in range(len(stream)))) == whole
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert events_of(*(stream[a:b] for a, b in pairwise(places))) == whole


@pytest.mark.parametrize("stream", [b"data: " + b"x" * 100, b"data: xxxxxxxx\n" * 10, b":" + b"x" * 100])
def test_p11_an_event_is_bounded(stream: bytes) -> None:
    with pytest.raises(EventTooLong):
        EventReader(most_bytes=64).feed(stream)
    reader = EventReader(most_bytes=64)
    with pytest.raises(EventTooLong):
        for byte in stream:
            reader.feed(bytes([byte]))


def test_comments_and_events_of_a_long_stream_do_not_add_up() -> None:
    reader = EventReader(most_bytes=64)
    events = [event for _ in range(100) for event in reader.feed(b": still here, still here\ndata: x\n\n: and\n")]
    assert events == [ServerSentEvent("message", b"x")] * 100
