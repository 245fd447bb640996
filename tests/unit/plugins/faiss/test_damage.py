"""Every kind of damage on every kind of file, at opening and while it is open: found, put aside, and repaired."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragstone_plugins.faiss import store as store_module
from ragstone_plugins.faiss.index import FaissIndex
from ragstone_plugins.faiss.manifest import read_manifest
from ragstone_plugins.faiss.settings import FaissSettings
from ragstone_plugins.faiss.view import FaissView
from ragstone_server.testing.conformance.view_base import filled_again, spec, spoil
from ragstone_server.testing.conformance.view_samples import batch, document
from ragstone_server.testing.memory.host import MemoryHost
from tests.unit.plugins.faiss.views import DIMENSION, ROWS, keys, many, segments, until

DAMAGES = ["truncated", "emptied", "flipped", "removed", "foreign"]
STILL = FaissSettings(seal_after_s=3600, seal_rows=100_000)
WATCHFUL = FaissSettings(seal_after_s=3600, seal_rows=100_000, check_every_s=0.05, background_share=1)
OLD = [document(n, *range(n * 10, n * 10 + 5)) for n in range(1, 40)]
NEW = [document(n, n * 10) for n in range(40, 45)]
EVERYTHING = sorted(passage.key for change in (*OLD, *NEW) for passage in change.passages)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[MemoryHost]:
    async with MemoryHost(tmp_path, tmp_path) as host:
        yield host


async def two_segments(view: FaissView) -> None:
    """A large one and a small one."""
    await view.apply(batch(2, *OLD))
    await view.flush()
    await view.apply(batch(3, *NEW))
    await view.flush()


def quarantined(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "quarantine").glob("*/*"))


@pytest.mark.parametrize("damage", DAMAGES)
async def test_at_opening_the_other_segments_go_on_answering(
    host: MemoryHost, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "view"
    async with FaissIndex(STILL, host).open_view(spec(directory)) as view:
        await two_segments(view)
    assert segments(directory) == ["00000001.segment", "00000002.segment"]
    spoil(directory / "00000001.segment", damage)
    async with FaissIndex(STILL, host).open_view(spec(directory)) as view:
        assert (view.position, view.durable, view.lost) == (3, 3, 0)
        assert await keys(view) == [400, 410, 420, 430, 440]
        assert "00000001.segment: expected" in view.damage
        assert str(directory) in caplog.text
        assert "expected" in caplog.text
        await view.apply(batch(4, document(3), document(39, 391)))
    async with FaissIndex(STILL, host).open_view(spec(directory)) as view:
        assert view.lost == 0, "it is known across restarts"
        await filled_again(view, [*(each for each in OLD if each.document not in (3, 39)), document(39, 391), *NEW])
        gone = {30, 31, 32, 33, 34, *range(390, 395)}
        assert await keys(view) == sorted({*EVERYTHING, 391} - (gone - {391}))
        assert (view.position, view.lost) == (4, None)
    async with FaissIndex(STILL, host).open_view(spec(directory)) as view:
        assert (view.position, view.lost, len(await keys(view))) == (4, None, len(EVERYTHING) - 9)
    if damage != "removed":
        assert quarantined(directory) == ["00000001.segment", "report.txt"]
        assert "found" in next(directory.glob("quarantine/*/report.txt")).read_text()


@pytest.mark.parametrize("damage", DAMAGES)
async def test_while_it_is_open_damage_is_found_in_the_background(
    host: MemoryHost, tmp_path: Path, damage: str
) -> None:
    directory = tmp_path / "view"
    async with FaissIndex(WATCHFUL, host).open_view(spec(directory)) as view:
        await two_segments(view)
        await view.apply(batch(4, document(40, 401)))
        spoil(directory / "00000001.segment", damage)
        await view.harmed()
        await until(lambda: view.durable == 4)
        assert await keys(view) == [401, 410, 420, 430, 440]
        assert (view.lost, view.position) == (0, 4)
        await filled_again(view, [*OLD, document(40, 401), *NEW[1:]])
        assert await keys(view) == sorted({*EVERYTHING, 401} - {400})
    manifest = read_manifest(directory)
    assert manifest is not None
    assert "00000001.segment" not in {segment.file for segment in manifest.segments}
    assert quarantined(directory) == ([] if damage == "removed" else ["00000001.segment", "report.txt"])


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_manifest_that_is_damaged_while_it_is_open_is_written_anew(
    host: MemoryHost, tmp_path: Path, damage: str
) -> None:
    directory = tmp_path / "view"
    async with FaissIndex(WATCHFUL, host).open_view(spec(directory)) as view:
        await two_segments(view)
        spoil(directory / "manifest.json", damage)
        await until(lambda: "manifest.json" in view.damage and (directory / "manifest.json").exists())
        await view.flush()
    async with FaissIndex(STILL, host).open_view(spec(directory)) as view:
        assert (view.position, view.lost, await keys(view)) == (3, None, EVERYTHING)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("while_open", [False, True])
async def test_a_damaged_sketch_costs_time_only_and_is_drawn_again(
    host: MemoryHost, tmp_path: Path, damage: str, while_open: bool
) -> None:
    where = spec(tmp_path / "view", dimension=DIMENSION)
    sketch = tmp_path / "view" / "00000001.sketch"
    async with FaissIndex(WATCHFUL, host).open_view(where) as view:
        await view.apply(batch(1, *many()))
        await view.flush()
        assert view.state.segments[0].sketch is not None
        good = sketch.read_bytes()
        if while_open:
            spoil(sketch, damage)
            await until(lambda: "sketch" in view.damage)
            await until(lambda: sketch.exists() and sketch.read_bytes() == good)
            assert view.lost is None
    if not while_open:
        spoil(sketch, damage)
    async with FaissIndex(STILL.model_copy(update={"background_share": 1}), host).open_view(where) as view:
        assert (view.position, view.lost, await view.count()) == (1, None, ROWS)
        assert "sketch" in view.damage or while_open
        await until(lambda: view.state.segments[0].sketch is not None)
        await view.flush()
    assert sketch.read_bytes() == good


async def test_what_opening_does_not_read_is_read_soon_after(
    host: MemoryHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "view"
    async with FaissIndex(STILL, host).open_view(spec(directory)) as view:
        await two_segments(view)
    content = bytearray((directory / "00000001.segment").read_bytes())
    content[100] ^= 1  # among the vectors, of which the footer has no checksum of its own
    (directory / "00000001.segment").write_bytes(content)
    monkeypatch.setattr(store_module, "_CHECKED_BYTES", 0)
    async with FaissIndex(STILL, host).open_view(spec(directory)) as view:
        assert (view.lost, len(await keys(view))) == (None, len(EVERYTHING))
        await view.harmed()
        assert view.lost == 0
        await filled_again(view, [*OLD, *NEW])
        assert await keys(view) == EVERYTHING


async def test_what_is_put_aside_is_bounded_and_goes_with_the_view(host: MemoryHost, tmp_path: Path) -> None:
    directory = tmp_path / "view"
    for position in range(1, 7):
        async with FaissIndex(STILL, host).open_view(spec(directory)) as view:
            await view.apply(batch(position, document(position, position)))
        spoil(next(directory.glob("*.segment")), "flipped")
    assert [path.name for path in sorted((directory / "quarantine").iterdir())] == ["00000003", "00000004", "00000005"]


async def test_damaged_vectors_are_not_merged_into_a_file_with_a_right_checksum(
    host: MemoryHost, tmp_path: Path
) -> None:
    directory = tmp_path / "view"
    settings = FaissSettings(seal_after_s=3600, seal_rows=1, background_share=1)
    async with FaissIndex(settings, host).open_view(spec(directory)) as view:
        await view.apply(batch(1, document(1, *range(100))))
        await view.flush()
        content = bytearray((directory / "00000001.segment").read_bytes())
        content[100] ^= 1
        (directory / "00000001.segment").write_bytes(content)
        await view.apply(batch(2, document(2, *range(100, 200))))
        await view.flush()
        await view.harmed()
        await until(lambda: view.lost == 0)
        await filled_again(view, [document(1, *range(100)), document(2, *range(100, 200))])
        assert await keys(view) == list(range(200))
