"""What others wrote does no harm to a terminal, and is readable where it can be."""

from datetime import datetime

import pytest

from ragstone_server.cli.common import print_table
from ragstone_server.cli.texts import as_text, dump, one_line, printable, short_time


def test_control_characters_are_written_out() -> None:
    assert printable("a\x1b[31mb\r\n\tc\u202ed\udc80") == "a\\x1b[31mb\\r\n\tc\\u202ed\\udc80"
    assert printable("a\nb", keep="") == "a\\nb"
    assert printable("Grüße, שלום, 日本語") == "Grüße, שלום, 日本語"


@pytest.mark.parametrize(("data", "text"), [(b"", ""), ("ü\r\n".encode(), "ü\r\n"), (b"\xff", None), (b"a\0b", None)])
def test_bytes_that_are_a_text(data: bytes, text: str | None) -> None:
    assert as_text(data) == text


def test_a_text_may_be_cut_within_a_character() -> None:
    cut = "aü".encode()[:-1]
    assert as_text(cut) is None
    assert as_text(cut, cut=True) == "a"


def test_one_line() -> None:
    assert one_line("a\nü".encode()) == "a\\nü"
    assert one_line(b"\x00\xff") == "0x00ff"


def test_a_dump_has_the_first_bytes() -> None:
    assert list(dump(b"\x00not\xff")) == ["00000000  00 6e 6f 74 ff                                   .not."]
    assert len(list(dump(bytes(10_000)))) == 16


def test_times_are_told_to_the_second() -> None:
    class Moment:
        def ToDatetime(self) -> datetime:
            return datetime(2026, 3, 1, 8, 0, 5, 999_999)

    assert short_time(Moment()) == "2026-03-01T08:00:05Z"


def test_a_table_shows_texts_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"a": "[bold]x[/y]", "b": ":smile: \x1b[31m"}, {"a": None}], ["a", "b"])
    out = capsys.readouterr().out
    assert "[bold]x[/y]" in out
    assert "None" not in out
    assert ":smile: \\x1b[31m" in out
    assert "\x1b[31m" not in out


def test_a_row_of_a_table_that_is_piped_is_a_line_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": 1, "reason": "DOCUMENT_TOO_LARGE", "message": "it is large " * 40}, {"id": 2}]
    print_table(rows, ["id", "reason", "message"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].split() == ["1", "DOCUMENT_TOO_LARGE", *("it is large " * 40).split()]
