"""Suite of views: the inventory and the check, of those that offer them."""

from pathlib import Path

import pytest

from ragstone_server.spi.digests import attributes_digest, text_digest
from ragstone_server.spi.views import CheckedView, ListedView, vector_digest
from ragstone_server.spi.visibility import Attributes
from ragstone_server.testing.conformance.view_base import Index, SearchableView, ViewBase, copied, spec
from ragstone_server.testing.conformance.view_samples import OPEN, batch, document, passage


class VerifyingConformance(ViewBase):
    """What `ListedView` and `CheckedView` promise."""

    async def test_an_inventory_has_what_is_searchable(self, view: SearchableView) -> None:
        """Before and after it is written, without what was replaced or deleted, with the digest of each vector."""
        if not isinstance(view, ListedView):
            pytest.skip("it offers no inventory")
        empty = await view.inventory()
        assert (empty.position, len(empty.passages)) == (0, 0)
        await view.apply(batch(1, document(1, 1, 2), document(2, 3)))
        await view.flush()
        await view.apply(batch(2, document(1, 4), document(3, 5, 6)))
        await view.apply(batch(3, document(3)))
        for _ in range(2):
            held = await view.inventory()
            assert held.position == 3
            assert sorted(held.passages.tolist()) == [3, 4] == await self.keys(view)
            if held.vectors is not None:
                for key, digest in zip(held.passages.tolist(), held.vectors.tolist(), strict=True):
                    vector = passage(key).vector
                    assert vector is not None
                    assert [digest] == vector_digest(vector[None, :]).tolist()
            if held.texts is not None:
                texts = [text_digest("en", passage(key).text) for key in held.passages.tolist()]
                assert held.texts.tolist() == texts
            await view.flush()
        await view.reset()
        assert len((await view.inventory()).passages) == 0

    async def test_an_inventory_has_what_is_filtered_by(self, view: SearchableView) -> None:
        """By the present attributes of each document, before and after it is written; where nothing but they changed, too."""
        if not isinstance(view, ListedView):
            pytest.skip("it offers no inventory")
        blue = Attributes(metadata={"colour": "blue", "sizes": (1.0, 2.0)}, readers=frozenset({"user:ada"}))
        nobody = Attributes(metadata={"colour": "blue", "sizes": (1.0, 2.0)}, readers=frozenset())
        await view.apply(batch(1, document(1, 1, 2, attributes=blue), document(2, 3), document(3, 4, attributes=blue)))
        await view.flush()
        await view.apply(batch(2, document(3, 4, attributes=nobody)))
        expected = {1: blue, 2: blue, 3: OPEN, 4: nobody}
        for _ in range(2):
            held = await view.inventory()
            found = dict(zip(held.passages.tolist(), held.attributes.tolist(), strict=True))
            assert found == {key: attributes_digest(each) for key, each in expected.items()}
            documents = dict(zip(held.passages.tolist(), held.documents.tolist(), strict=True))
            assert documents == {1: 1, 2: 1, 3: 2, 4: 3}
            await view.flush()

    async def test_what_is_given_again_at_the_same_position_survives(self, index: Index, tmp_path: Path) -> None:
        """As a repair gives it: flushed, it is there after a crash, and what it replaced is not."""
        red = Attributes(metadata={"colour": "red"}, readers=None)
        async with index.open_view(spec(tmp_path / "mended")) as view:
            listed: object = view
            if not isinstance(listed, ListedView):
                pytest.skip("it offers no inventory")
            await view.apply(batch(7, document(1, 1, 2), document(2, 3), document(3, 4)))
            await view.flush()
            await view.apply(batch(7, document(1, 1, 2, attributes=red), document(3)))
            await view.flush()
            crashed = copied(tmp_path / "mended", tmp_path / "crashed")
        async with index.open_view(spec(crashed)) as view:
            listed = view
            assert isinstance(listed, ListedView)
            held = await listed.inventory()
            expected = {1: attributes_digest(red), 2: attributes_digest(red), 3: attributes_digest(OPEN)}
            assert dict(zip(held.passages.tolist(), held.attributes.tolist(), strict=True)) == expected
            assert held.position == view.durable == 7

    async def test_files_that_are_whole_are_said_to_be(self, view: SearchableView) -> None:
        """Empty, written and changed."""
        if not isinstance(view, CheckedView):
            pytest.skip("it checks no files")
        assert await view.check() == ()
        await view.apply(batch(1, document(1, *range(50))))
        assert await view.check() == ()
        await view.flush()
        await view.apply(batch(2, document(1), document(2, 60)))
        await view.flush()
        assert await view.check() == ()

    async def test_a_flipped_byte_is_found(self, index: Index, tmp_path: Path) -> None:
        """In the largest file of an open view."""
        async with index.open_view(spec(tmp_path / "flipped")) as view:
            checked: object = view
            if not isinstance(checked, CheckedView):
                pytest.skip("it checks no files")
            await view.apply(batch(1, document(1, *range(50))))
            await view.flush()
            files = [each for each in (tmp_path / "flipped").rglob("*") if each.is_file()]
            # Where a list of files is JSON of a library, it has no checksum.
            path = max((each for each in files if each.name != "meta.json"), key=_size)
            data = bytearray(path.read_bytes())
            data[len(data) // 3] ^= 0x20
            with path.open("r+b") as file:  # in its place: it may be mapped into memory
                file.write(data)
            said = await checked.check()
            assert said
            assert any(path.name in line or path.stem in line for line in said)
            await view.reset()


def _size(path: Path) -> int:
    return path.stat().st_size
