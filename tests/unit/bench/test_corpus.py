from pathlib import Path

import pytest

from ragstone_server.bench.corpus import BadCorpus, digest, read_corpus


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


def test_texts_of_both_formats_come_in_order_and_once(tmp_path: Path) -> None:
    lines = written(
        tmp_path, "a.jsonl", '{"text": "The first text of all."}\n\n{"title": "x", "text": "The second of them."}\n'
    )
    table = written(
        tmp_path, "b.tsv", 'name\tsummary\na\tA "quoted summary\nb\tshort\nc\tThe first text of all.\nd\t\n'
    )
    assert read_corpus((lines, table)) == ["The first text of all.", "The second of them.", 'A "quoted summary']
    assert read_corpus((lines, table), 2) == ["The first text of all.", "The second of them."]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.jsonl", '{"text": "A text that is long."}\n{', "a.jsonl:2: no JSON object"),
        ("a.jsonl", '{"title": "A"}', "a.jsonl:1: has none of the fields text"),
        ("a.jsonl", "[1]", "a.jsonl:1: "),
        ("a.tsv", "name\tversion\na\t1\n", "names none of the columns text"),
        ("a.tsv", "", "names none of the columns text"),
        ("a.tsv", "text\nshort\n", "no texts of 16 characters"),
    ],
)
def test_what_has_no_texts_is_told(tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(BadCorpus, match=told.replace("[", "\\[")):
        read_corpus((written(tmp_path, name, text),))


def test_a_digest_is_of_texts_and_order() -> None:
    assert len({digest(["a", "b"]), digest(["b", "a"]), digest(["ab"]), digest(["a", "b", ""])}) == 4
