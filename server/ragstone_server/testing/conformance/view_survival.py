"""What a view keeps: restarts, crashes, damage, and random histories of all that."""

import itertools
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_server.spi.visibility import Attributes, Visibility
from ragstone_server.testing.conformance.view_base import PROPERTY, Index, ViewBase, copied, filled_again, spec, spoil
from ragstone_server.testing.conformance.view_samples import (
    Model,
    Step,
    batch,
    batches,
    document,
    histories,
    visibilities,
)


class SurvivalConformance(ViewBase):
    """Files are believed whole or not at all."""

    async def test_a_closed_view_is_reopened_from_its_files(self, index: Index, tmp_path: Path) -> None:
        """Leaving the context flushes: nothing is applied again."""
        attributes = Attributes(metadata={"colour": "red"}, readers=frozenset({"group:crew"}))
        async with index.open_view(spec(tmp_path / "view")) as view:
            await view.apply(batch(4, document(1, 10, 11), document(2, 20, attributes=attributes)))
            await view.apply(batch(5, document(1, 12)))
        async with index.open_view(spec(tmp_path / "view")) as view:
            assert (view.position, view.durable, await view.count()) == (5, 5, 2)
            assert await self.keys(view) == [12]
            crew = Visibility(principals=frozenset({"group:crew"}), default_readable=False)
            assert await self.keys(view, crew) == [20]
            await view.apply(batch(6, document(2)))
            assert await self.keys(view, crew) == []

    async def test_a_crash_loses_nothing_up_to_durable(self, index: Index, tmp_path: Path) -> None:
        """What is on disk opens at `durable`, and applying from there leads to the same rows."""
        history = [batch(n, document(n % 3, n * 10, n * 10 + 1), document(9, *([n] * (n % 2)))) for n in range(1, 7)]
        async with index.open_view(spec(tmp_path / "view")) as view:
            for change in history[:4]:
                await view.apply(change)
            await view.flush()
            for change in history[4:]:
                await view.apply(change)
            expected = await self.keys(view)
            crashed = copied(tmp_path / "view", tmp_path / "crashed")
        async with index.open_view(spec(crashed)) as view:
            assert 4 <= view.position == view.durable <= 6
            for change in history[view.position :]:
                await view.apply(change)
            assert (await self.keys(view), await view.count()) == (expected, len(expected))

    @pytest.mark.parametrize(("epoch", "generation"), [("restored", "generation"), ("epoch", "next")])
    async def test_files_of_another_epoch_or_generation_are_refused(
        self, index: Index, tmp_path: Path, epoch: str, generation: str
    ) -> None:
        """The view begins empty, and what it writes then is its own."""
        async with index.open_view(spec(tmp_path / "view")) as view:
            await view.apply(batch(5, document(1, 10)))
        async with index.open_view(spec(tmp_path / "view", epoch, generation)) as view:
            assert (view.position, view.durable, await view.count(), await self.keys(view)) == (0, 0, 0, [])
            await view.apply(batch(2, document(1, 11)))
        async with index.open_view(spec(tmp_path / "view", epoch, generation)) as view:
            assert (view.position, await self.keys(view)) == (2, [11])

    @pytest.mark.parametrize("damage", ["truncated", "emptied", "flipped", "removed", "foreign"])
    async def test_a_damaged_file_is_never_half_believed(self, index: Index, tmp_path: Path, damage: str) -> None:
        """Whichever file it is: what may have gone with it is told, the rest answers, and it is whole when filled again."""
        documents = [document(1, 10, 11), document(2, 20), document(3, 30)]
        async with index.open_view(spec(tmp_path / "view")) as view:
            await view.apply(batch(2, documents[2]))
            await view.flush()
            await view.apply(batch(3, *documents[:2]))
        refused = 0
        for name in [path.relative_to(tmp_path / "view") for path in (tmp_path / "view").rglob("*") if path.is_file()]:
            shutil.copytree(tmp_path / "view", tmp_path / "damaged")
            spoil(tmp_path / "damaged" / name, damage)
            async with index.open_view(spec(tmp_path / "damaged")) as view:
                found = await self.keys(view)
                assert (view.position, view.durable) in [(0, 0), (3, 3)], name
                assert set(found) <= {10, 11, 20, 30}, name
                assert await view.count() == len(found), name
                whole = found == [10, 11, 20, 30]
                assert whole or view.position == 0 or view.lost is not None, name
                refused += not whole
                await filled_again(view, documents)
                assert await self.keys(view) == [10, 11, 20, 30], name
            async with index.open_view(spec(tmp_path / "damaged")) as view:
                assert (view.position, view.lost, await self.keys(view)) == (3, None, [10, 11, 20, 30]), name
            shutil.rmtree(tmp_path / "damaged")
        assert refused

    async def test_a_reset_view_is_empty_on_disk_too(self, index: Index, tmp_path: Path) -> None:
        """At position 0, and can be filled again."""
        async with index.open_view(spec(tmp_path / "view")) as view:
            await view.apply(batch(4, document(1, 10)))
            await view.flush()
            await view.apply(batch(5, document(2, 20)))
            await view.reset()
            assert (view.position, view.durable, await view.count(), await self.keys(view)) == (0, 0, 0, [])
            crashed = copied(tmp_path / "view", tmp_path / "crashed")
            await view.apply(batch(1, document(1, 11)))
            assert await self.keys(view) == [11]
        async with index.open_view(spec(crashed)) as view:
            assert (view.position, await self.keys(view)) == (0, [])

    @PROPERTY
    @given(history=histories, asked=st.lists(visibilities, min_size=1, max_size=4))
    async def test_random_histories_agree_with_plain_python(
        self, index: Index, tmp_path: Path, history: list[Step], asked: list[Visibility]
    ) -> None:
        """Changes, flushes, restarts and crashes in any order."""
        log = batches(history)
        directories = (tmp_path / f"history-{number}" for number in itertools.count())
        directory = next(each for each in directories if not each.exists())
        model = Model()
        async with AsyncExitStack() as crashed:
            view = await crashed.enter_async_context(index.open_view(spec(directory)))
            for position, (change, step) in enumerate(zip(log, history, strict=True), 1):
                await view.apply(change)
                model.apply(change)
                if step.then == "flush":
                    await view.flush()
                elif step.then == "reopen":
                    await crashed.aclose()
                    view = await crashed.enter_async_context(index.open_view(spec(directory)))
                elif step.then == "crash":
                    directory = copied(directory, directory.with_name(f"{directory.name}-{position}"))
                    await crashed.aclose()
                    view = await crashed.enter_async_context(index.open_view(spec(directory)))
                    for lost in log[view.position : position]:
                        await view.apply(lost)
                for visibility in asked:
                    expected = sorted(each.key for each in model.visible(visibility))
                    assert await self.keys(view, visibility) == expected
                    assert len(await self.keys(view, visibility, 2)) == min(2, len(expected))
