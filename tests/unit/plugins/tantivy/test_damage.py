"""Every kind of damage on every kind of file, at opening and while it is open: found, put aside, and repaired."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragstone_plugins.tantivy import store
from ragstone_plugins.tantivy.index import TantivyIndex
from ragstone_plugins.tantivy.settings import TantivySettings
from ragstone_plugins.tantivy.view import TantivyView
from ragstone_server.testing.conformance.view_base import filled_again, spec, spoil
from ragstone_server.testing.conformance.view_samples import batch, document
from ragstone_server.testing.memory.host import MemoryHost
from tests.unit.plugins.tantivy.test_view import _keys, _until

DAMAGES = ["truncated", "emptied", "flipped", "removed", "foreign"]
KINDS = ["fast", "fieldnorm", "idx", "pos", "store", "term", "del"]
WATCHFUL = TantivySettings(check_every_s=0.05, background_share=1)
OLD = [document(n, *range(n * 10, n * 10 + 5)) for n in range(1, 20)]
NEW = [document(n, n * 10) for n in range(20, 25)]
KEPT = [200, 210, 220, 230, 240]


def everything() -> list[int]:
    """All but the one document that was deleted."""
    return sorted(passage.key for change in (*OLD, *NEW) for passage in change.passages if change.document != 1)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[MemoryHost]:
    async with MemoryHost(tmp_path, tmp_path) as host:
        yield host


async def two_segments(view: TantivyView) -> None:
    """A large one with a deleted document, and a small one."""
    await view.apply(batch(1, *OLD))
    await view.apply(batch(2, document(1)))
    await view.apply(batch(3, *NEW))
    await view.flush()


async def _harmed(view: TantivyView) -> None:
    async with asyncio.timeout(20):
        await view.harmed()


def of_the_large_segment(directory: Path, kind: str) -> Path:
    segments = json.loads((directory / "index" / "meta.json").read_bytes())["segments"]
    large = max(segments, key=lambda segment: int(segment["max_doc"]))
    stem = large["segment_id"].replace("-", "")
    return next((directory / "index").glob(f"{stem}*.{kind}"))


def _spoil(path: Path, damage: str) -> None:
    """The middle of these lies in a footer, or in a description of fields, where a flipped bit may mean nothing."""
    content = path.read_bytes()
    if damage == "flipped" and path.suffix in (".pos", ".del"):
        path.write_bytes(content[:-1] + b"x")
    elif damage == "flipped" and path.name == "meta.json":
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    else:
        spoil(path, damage)


def quarantined(directory: Path) -> list[str]:
    return [path.suffix[1:] for path in (directory / "quarantine").glob("*/*")]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS)
async def test_at_opening_the_other_segments_go_on_answering(
    host: MemoryHost, tmp_path: Path, kind: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "view"
    async with TantivyIndex(TantivySettings(), host).open_view(spec(directory)) as view:
        await two_segments(view)
    path = of_the_large_segment(directory, kind)
    _spoil(path, damage)
    for _ in range(2):  # what is lost is known after a restart, too
        async with TantivyIndex(TantivySettings(), host).open_view(spec(directory)) as view:
            assert (view.position, view.durable, view.lost, await _keys(view)) == (3, 3, 0, KEPT)
    assert [record.levelname for record in caplog.records if path.name in record.message] == ["ERROR"]
    assert "expected" in caplog.text
    assert "found" in caplog.text
    async with TantivyIndex(TantivySettings(), host).open_view(spec(directory)) as view:
        await filled_again(view, [*OLD[1:], *NEW])
        assert (view.lost, await _keys(view), await view.count()) == (None, everything(), len(everything()))
    async with TantivyIndex(TantivySettings(), host).open_view(spec(directory)) as view:
        assert (view.position, view.lost, await _keys(view)) == (3, None, everything())
    assert set(quarantined(directory)) >= {*KINDS, "txt"} - ({kind} if damage == "removed" else set())


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS)
async def test_while_it_is_open_damage_is_found_in_the_background(
    host: MemoryHost, tmp_path: Path, kind: str, damage: str
) -> None:
    directory = tmp_path / "view"
    async with TantivyIndex(TantivySettings(), host).open_view(spec(directory)) as view:
        await two_segments(view)
    async with TantivyIndex(WATCHFUL, host).open_view(spec(directory)) as view:
        assert await _keys(view) == everything()
        _spoil(of_the_large_segment(directory, kind), damage)
        await _harmed(view)
        assert (view.position, view.lost, await _keys(view)) == (3, 0, KEPT)
        assert "expected" in view.damage
        await view.apply(batch(4, document(2, 29)))
        await filled_again(view, [document(2, 29), *OLD[2:], *NEW])
        assert await _keys(view) == sorted({*everything(), 29} - set(range(20, 25)))
    async with TantivyIndex(TantivySettings(), host).open_view(spec(directory)) as view:
        assert (view.position, view.lost, len(await _keys(view))) == (4, None, len(everything()) - 4)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("while_open", [False, True])
@pytest.mark.parametrize("name", ["index/meta.json", "groups"])
async def test_without_the_list_of_segments_or_the_groups_all_is_given_again_at_the_same_position(
    host: MemoryHost, tmp_path: Path, name: str, while_open: bool, damage: str
) -> None:
    directory = tmp_path / "view"
    async with TantivyIndex(WATCHFUL, host).open_view(spec(directory)) as view:
        await two_segments(view)
        if while_open:
            _spoil(directory / name, damage)
            if name == "groups":
                await _until(lambda: bool(view.damage))
                assert (view.lost, await _keys(view)) == (None, everything()), "they are in memory still"
            else:
                await _harmed(view)
            await filled_again(view, [*OLD[1:], *NEW])
            assert await _keys(view) == everything()
    if not while_open:
        spoil(directory / name, damage)
        async with TantivyIndex(TantivySettings(), host).open_view(spec(directory)) as view:
            assert (view.position, view.lost, await _keys(view)) == (3, 0, [])
            await filled_again(view, [*OLD[1:], *NEW])
            assert await _keys(view) == everything()
    async with TantivyIndex(TantivySettings(), host).open_view(spec(directory)) as view:
        assert (view.position, view.lost, await _keys(view)) == (3, None, everything())


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_position_that_is_damaged_while_it_is_open_is_written_anew(
    host: MemoryHost, tmp_path: Path, damage: str
) -> None:
    directory = tmp_path / "view"
    async with TantivyIndex(WATCHFUL, host).open_view(spec(directory)) as view:
        await two_segments(view)
        spoil(directory / "position.json", damage)
        await _until(lambda: "position.json" in view.damage and (directory / "position.json").exists())
    async with TantivyIndex(TantivySettings(), host).open_view(spec(directory)) as view:
        assert (view.position, view.lost, await _keys(view)) == (3, None, everything())


async def test_what_opening_does_not_read_is_read_soon_after(
    host: MemoryHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "view"
    async with TantivyIndex(TantivySettings(), host).open_view(spec(directory)) as view:
        await two_segments(view)
    spoil(of_the_large_segment(directory, "fieldnorm"), "flipped")
    monkeypatch.setattr(store, "_CHECKED_BYTES", 0)
    with caplog.at_level(logging.ERROR):
        async with TantivyIndex(TantivySettings(), host).open_view(spec(directory)) as view:
            assert view.lost is None
            await _harmed(view)
            assert (view.lost, await _keys(view)) == (0, KEPT)
            await filled_again(view, [*OLD[1:], *NEW])
            assert await _keys(view) == everything()
    assert "CRC-32" in caplog.text
