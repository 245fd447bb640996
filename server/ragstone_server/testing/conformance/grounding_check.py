"""What every grounding check keeps to."""

import pytest

from ragstone_server.spi.grounding_check import Claim, GroundingCheck, GroundingRequest, Support
from ragstone_server.testing.conformance.samples import CONTEXT

HARBOUR = "The harbour of Nordvik was opened in 1911. It takes 40 ships a day, and the pilots do not work at night."
LIBRARY = "The library lends 3,000 books a week. Its reading room closes at six."


class GroundingCheckConformance:
    """Inherit, and give the fixture `check`."""

    async def judged(self, check: GroundingCheck, text: str, *passages: str, cited: tuple[int, ...] = ()) -> Support:
        """The support of one claim."""
        claims = (Claim(text=text, cited=cited),)
        (support,) = await check(GroundingRequest(context=CONTEXT, claims=claims, passages=passages))
        return support

    async def test_what_stands_there_is_supported(self, check: GroundingCheck) -> None:
        """By the passage in which it stands."""
        for passage, text in (
            (0, "The harbour of Nordvik was opened in 1911."),
            (1, "Its reading room closes at six."),
        ):
            support = await self.judged(check, text, HARBOUR, LIBRARY)
            assert support.score > 0.9
            assert support.passage == passage

    @pytest.mark.parametrize(
        "text",
        [
            "The harbour of Nordvik was opened in 1912.",
            "The harbour of Sandby was opened in 1911.",
            "The harbour of Nordvik was not opened in 1911.",
            "It takes 41 ships a day, and the pilots do not work at night.",
            "The moon is made of green cheese.",
        ],
    )
    async def test_what_says_another_thing_is_not(self, check: GroundingCheck, text: str) -> None:
        """However many words it shares."""
        assert (await self.judged(check, text, HARBOUR, LIBRARY)).score < 0.5

    async def test_only_the_cited_passages_are_asked(self, check: GroundingCheck) -> None:
        """A sentence that cites another passage is not supported by the right one."""
        text = "The harbour of Nordvik was opened in 1911."
        assert (await self.judged(check, text, HARBOUR, LIBRARY, cited=(1,))).score < 0.5
        assert (await self.judged(check, text, HARBOUR, LIBRARY, cited=(0, 1))).passage == 0

    async def test_a_support_a_claim_in_their_order(self, check: GroundingCheck) -> None:
        """Whatever stands beside it."""
        texts = (
            "Its reading room closes at six.",
            "Nothing of the kind.",
            "The harbour of Nordvik was opened in 1911.",
        )
        claims = tuple(Claim(text=text) for text in texts)
        supports = await check(GroundingRequest(context=CONTEXT, claims=claims, passages=(HARBOUR, LIBRARY)))
        assert [support.passage for support in supports][::2] == [1, 0]
        assert supports[1].score < min(supports[0].score, supports[2].score)

    async def test_without_passages_nothing_is_supported(self, check: GroundingCheck) -> None:
        """And without claims there is nothing to support."""
        assert await self.judged(check, "The harbour was opened.") == Support(score=0.0, passage=None)
        assert await check(GroundingRequest(context=CONTEXT, claims=(), passages=(HARBOUR,))) == ()

    @pytest.mark.parametrize("text", ["", " ", "...", "\x00", "the of and", "word " * 5000, "Ж" * 3000])
    async def test_any_text_has_a_score(self, check: GroundingCheck, text: str) -> None:
        """From 0 to 1, as a claim and as a passage."""
        for support in (await self.judged(check, text, HARBOUR), await self.judged(check, "The harbour.", text)):
            assert 0 <= support.score <= 1
            assert support.passage in (None, 0)
