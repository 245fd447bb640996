"""What applying does to a view: in memory or in files, alone or beside searches."""

import asyncio
from pathlib import Path

import pytest

from ragstone_server.spi.filters import Comparison, Operator
from ragstone_server.spi.positions import Position
from ragstone_server.spi.views import (
    Hits,
)
from ragstone_server.spi.visibility import Attributes, Visibility
from ragstone_server.testing.conformance.view_base import MANY, Index, SearchableView, ViewBase, spec
from ragstone_server.testing.conformance.view_samples import (
    EVERYONE,
    batch,
    document,
)


class ApplyingConformance(ViewBase):
    """Positions, replacement, visibility, limits, concurrency."""

    def test_a_fingerprint_is_one_word(self, index: Index) -> None:
        """It goes into the generation's name."""
        assert index.fingerprint
        assert not set(index.fingerprint) & set(" \n\t/")

    async def test_a_new_view_is_empty_at_position_zero(self, view: SearchableView) -> None:
        """Nothing is there, and searching says so without an error."""
        assert (view.position, view.durable, await view.count()) == (0, 0, 0)
        assert await view.search(self.query(EVERYONE, 10)) == Hits(hits=(), position=Position(0))

    async def test_what_is_applied_is_searchable(self, view: SearchableView) -> None:
        """As soon as `apply` returns, at the position of the batch."""
        await view.apply(batch(3, document(1, 10, 11), document(2, 20)))
        assert await self.keys(view) == [10, 11, 20]
        assert (view.position, await view.count()) == (3, 3)
        assert (await view.search(self.query(EVERYONE, 1))).position == 3

    async def test_a_document_is_replaced_and_deleted(self, view: SearchableView) -> None:
        """Its former passages are gone; other documents stay."""
        await view.apply(batch(1, document(1, 10, 11), document(2, 20)))
        await view.apply(batch(2, document(1, 12)))
        assert await self.keys(view) == [12, 20]
        await view.apply(batch(3, document(1), document(99)))
        assert await self.keys(view) == [20]
        assert (view.position, await view.count()) == (3, 1)

    async def test_a_flushed_document_is_replaced_and_deleted(self, view: SearchableView) -> None:
        """Likewise where the former passages lie in files."""
        await view.apply(batch(1, document(1, 10, 11), document(2, 20), document(3, 30)))
        await view.flush()
        await view.apply(batch(2, document(1, 12), document(3)))
        assert await self.keys(view) == [12, 20]
        await view.flush()
        assert (await self.keys(view), await view.count()) == ([12, 20], 2)

    async def test_an_empty_batch_moves_the_position(self, view: SearchableView) -> None:
        """Changes that do not concern a view count too, and become durable."""
        await view.apply(batch(1, document(1, 10)))
        await view.apply(batch(5))
        assert (view.position, await self.keys(view)) == (5, [10])
        await view.flush()
        assert view.durable == 5

    async def test_applying_twice_is_applying_once(self, view: SearchableView) -> None:
        """After a crash the log is applied again from `durable`."""
        history = [batch(1, document(1, 10), document(2, 20)), batch(2, document(1, 11, 12)), batch(3, document(2))]
        for change in [*history, *history, history[-1]]:
            await view.apply(change)
        assert (await self.keys(view), await view.count()) == ([11, 12], 2)

    async def test_flushing_makes_durable(self, view: SearchableView) -> None:
        """`durable` never exceeds the position, and reaches it."""
        await view.flush()
        await view.apply(batch(1, document(1, 10)))
        assert view.durable in (0, 1)
        await view.flush()
        await view.flush()
        assert (view.durable, await self.keys(view)) == (1, [10])

    async def test_readers_and_filters_are_obeyed(self, view: SearchableView) -> None:
        """A document without readers follows the collection's default; one with none of the caller's is not found."""
        red = {"colour": "red"}
        await view.apply(
            batch(
                1,
                document(1, 10),
                document(2, 20, attributes=Attributes(metadata=red, readers=frozenset({"user:ada"}))),
                document(3, 30, attributes=Attributes(metadata=red, readers=frozenset({"group:crew"}))),
                document(4, 40, attributes=Attributes(metadata={"colour": True}, readers=frozenset())),
                document(5, 50, attributes=Attributes(metadata={"colour": 1.0}, readers=None)),
            )
        )
        ada, crew = frozenset({"user:ada"}), frozenset({"group:crew", "user:bo"})
        colour = Comparison(field="colour", operator=Operator.EQUAL, value="red")
        one = Comparison(field="colour", operator=Operator.EQUAL, value=1.0)
        true = Comparison(field="colour", operator=Operator.EQUAL, value=True)
        for principals, default, filter_, expected in [
            (ada, True, None, [10, 20, 50]),
            (ada, False, None, [20]),
            (crew, True, colour, [30]),
            (crew, False, one, []),
            (ada, True, one, [50]),
            (ada, True, true, []),
            (frozenset[str](), False, None, []),
        ]:
            visibility = Visibility(principals=principals, default_readable=default, filter=filter_)
            assert await self.keys(view, visibility) == expected

    async def test_attributes_move_without_new_passages(self, view: SearchableView) -> None:
        """A document whose readers changed keeps its passage keys."""
        await view.apply(batch(1, document(1, 10, 11)))
        await self.keys(view)
        await view.apply(batch(2, document(1, 10, 11, attributes=Attributes(metadata={}, readers=frozenset()))))
        assert await self.keys(view) == []
        await view.apply(batch(3, document(1, 10, 11)))
        assert await self.keys(view) == [10, 11]

    @pytest.mark.parametrize("limit", [0, 1, 2, 3, 50])
    async def test_a_limit_bounds_the_hits(self, view: SearchableView, limit: int) -> None:
        """Fewer come where fewer are; the best come first whatever the limit."""
        await view.apply(batch(1, document(1, 10, 11), document(2, 20)))
        every = (await view.search(self.query(EVERYONE, MANY))).hits
        some = (await view.search(self.query(EVERYONE, limit))).hits
        assert len(some) == min(limit, 3)
        assert [hit.score for hit in some] == pytest.approx([hit.score for hit in every[:limit]], abs=1e-4)

    async def test_searches_beside_applying_see_whole_documents(self, view: SearchableView) -> None:
        """A document never vanishes, and never shows two versions, while it is replaced."""
        done = asyncio.Event()

        async def write() -> None:
            for version in range(1, 15):
                await view.apply(batch(version, document(1, *range(version * 10, version * 10 + 3))))
                if version % 5 == 0:
                    await view.flush()
            done.set()

        await view.apply(batch(1, document(1, 10, 11, 12)))
        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            while not done.is_set():
                found = await self.keys(view)
                assert found == list(range(found[0], found[0] + 3))
                await asyncio.sleep(0)
        assert await self.keys(view) == [140, 141, 142]

    async def test_a_cancelled_apply_leaves_the_view_whole(self, view: SearchableView) -> None:
        """It happened or it did not, and it can be applied again."""
        await view.apply(batch(1, document(1, 10)))
        for position in range(2, 8):
            applying = asyncio.create_task(view.apply(batch(position, document(1, position * 10, position * 10 + 1))))
            await asyncio.sleep(0.002 * (position - 2))
            applying.cancel()
            await asyncio.gather(applying, return_exceptions=True)
            await view.apply(batch(position, document(1, position * 10, position * 10 + 1)))
            assert (view.position, await self.keys(view)) == (position, [position * 10, position * 10 + 1])
        assert await view.count() == 2

    async def test_views_of_two_directories_are_apart(self, index: Index, tmp_path: Path) -> None:
        """Both open at once."""
        async with index.open_view(spec(tmp_path / "a")) as a, index.open_view(spec(tmp_path / "b")) as b:
            await asyncio.gather(a.apply(batch(1, document(1, 10))), b.apply(batch(2, document(1, 11))))
            assert (await self.keys(a), await self.keys(b)) == ([10], [11])
            await a.reset()
            assert await self.keys(b) == [11]
