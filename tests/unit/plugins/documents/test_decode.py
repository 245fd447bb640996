"""Encodings of text."""

import pytest

from ragstone_plugins.documents.decode import decode
from ragstone_plugins.documents.outcome import Failure, Refused
from tests.unit.plugins.documents.reading import read

TEXT = "Die Fähre nach Stennick fährt täglich um 8:40 Uhr; Räder reisen frei – für 0 €.\n" * 3


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "cp1252"]
)
def test_told_without_help(encoding: str) -> None:
    assert decode(TEXT.encode(encoding)) == TEXT


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "cp1253", "shift_jis", "gb18030", "big5"])
def test_not_guessed(encoding: str) -> None:
    """Text that would have to be guessed is refused; wrong letters would be worse than none."""
    text = {
        "cp1253": "Καλημέρα κόσμε, το πλοίο φεύγει",
        "shift_jis": "船は八時に出ます。",
        "gb18030": "渡轮八点出发。",
        "big5": "渡輪八點出發。",
    }
    with pytest.raises(Refused) as refused:
        decode(text.get(encoding, "Паром отходит в восемь часов утра").encode(encoding))
    assert refused.value.refusal.failure is Failure.BROKEN


@pytest.mark.parametrize("encoding", ["cp1251", "shift_jis", "gb18030", "iso2022_jp"])
def test_believed_where_stated(encoding: str) -> None:
    text = "船は八時に出ます。" if encoding != "cp1251" else "Паром отходит"
    assert decode(text.encode(encoding), encoding) == text
    page = f'<html><head><meta charset="{encoding}"></head><body>{text}</body></html>'
    assert read(page.encode(encoding)).text == text


def test_a_wrong_statement_does_not_spoil_utf_8() -> None:
    assert decode(TEXT.encode(), "cp1251") == TEXT


@pytest.mark.parametrize("name", ["zip", "rot13", "no-such", "utf-8\x00"])
def test_odd_names_of_encodings(name: str) -> None:
    assert decode(b"plain", name) == "plain"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\xef\xbb\xbf\xff\xff", b"\x01\x02\x03\x04" * 100, b"cut \xc3"])
def test_no_text(content: bytes) -> None:
    with pytest.raises(Refused):
        decode(content)
