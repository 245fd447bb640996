import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragstone_plugins.extractive.generator import ExtractiveGenerator
from ragstone_plugins.extractive.probes import is_calibrated_for
from ragstone_plugins.extractive.scoring import EMBEDDED, calibration
from ragstone_plugins.extractive.settings import ExtractiveOptions, ExtractiveSettings
from ragstone_server.pipelines.citations import CitationChecker
from ragstone_server.spi.generator import Abstention, Finished, FinishReason, GenerateRequest
from ragstone_server.spi.kinds import GENERATOR
from ragstone_server.testing.conformance.generator import (
    HARBOUR,
    OPENED,
    TRAVEL,
    answer_text,
    collect,
    generate_request,
    numbered,
)
from ragstone_server.testing.memory.embedder import MemoryEmbedder
from ragstone_server.testing.memory.host import MemoryHost

EVIDENCE = (numbered(1, f"# Harbour\n\n{HARBOUR}", title="Harbour"), numbered(2, TRAVEL, title="Travel policy"))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[MemoryHost]:
    async with MemoryHost(tmp_path, tmp_path) as host:
        yield host


@pytest.fixture
def embedder() -> MemoryEmbedder:
    return MemoryEmbedder()


@pytest.fixture
def generator(host: MemoryHost, embedder: MemoryEmbedder) -> ExtractiveGenerator:
    return ExtractiveGenerator(ExtractiveSettings(), calibration(), embedder, host.interactive, dense=False)


async def ask(generator: ExtractiveGenerator, request: GenerateRequest) -> tuple[str, Finished]:
    events = await collect(generator, request)
    end = events[-1]
    assert isinstance(end, Finished)
    return answer_text(events), end


async def test_quotes_the_sentence_with_its_citation(generator: ExtractiveGenerator) -> None:
    text, end = await ask(generator, generate_request(OPENED, *EVIDENCE))
    assert text.startswith("The harbour of Nordvik was opened in 1911. [1]")
    assert end.finish_reason is FinishReason.STOP


async def test_p6_only_its_own_markers_count(generator: ExtractiveGenerator) -> None:
    source = "The harbour [2] of Nordvik [1, 2] was opened in 1911 [2024] [^2].[1-2]"
    evidence = (numbered(1, f"# Harbour\n\n{source}", title="Harbour"), EVIDENCE[1])
    text, _ = await ask(generator, generate_request(OPENED, *evidence))
    assert text.startswith("The harbour of Nordvik was opened in 1911 (2024). [1]")
    checker = CitationChecker(evidence)
    list(checker.feed(text))
    list(checker.finish())
    assert (checker.text, checker.invalid) == (text, 0)
    assert len(checker.citations) == text.count("[")


async def test_p6_an_index_in_code_is_no_citation(generator: ExtractiveGenerator) -> None:
    code = "# Harbour\n\n```python\nopened = harbour[1] + nordvik[1, 2]\n```\n"
    evidence = (numbered(1, code, title="Harbour"), EVIDENCE[1])
    request = generate_request("Which code says when the harbour of Nordvik was opened?", *evidence)
    options = {GENERATOR.name: ExtractiveOptions(max_sentences=5, min_confidence=0.0)}
    text, _ = await ask(generator, replace(request, context=replace(request.context, options=options)))
    assert "opened = harbour[ 1] + nordvik[ 1, 2] [1]" in text


@pytest.mark.parametrize(
    "question", ["Who composed the opera about the moon of Zarmina?", "What is the chief executive's salary?"]
)
async def test_p7_says_when_it_does_not_know(generator: ExtractiveGenerator, question: str) -> None:
    text, end = await ask(generator, generate_request(question, *EVIDENCE))
    assert (text, end.abstention) == ("", Abstention.NO_RELEVANT_CONTENT)


async def test_understands_the_question_as_it_was_rewritten(generator: ExtractiveGenerator) -> None:
    request = replace(generate_request("And when was that?", *EVIDENCE), search_text=OPENED)
    assert "1911" in (await ask(generator, request))[0]


async def test_one_sentence_stands_whatever_the_budget(generator: ExtractiveGenerator) -> None:
    text, end = await ask(generator, generate_request(OPENED, *EVIDENCE, max_output_tokens=1))
    assert text == "The harbour of Nordvik was opened in 1911. [1]"
    assert end.finish_reason is FinishReason.LENGTH


async def test_options_of_a_request_count(generator: ExtractiveGenerator) -> None:
    options = ExtractiveOptions(max_sentences=1, min_confidence=0.0)
    request = generate_request("Zarmina?", *EVIDENCE)
    request = replace(request, context=replace(request.context, options={GENERATOR.name: options}))
    text, _ = await ask(generator, request)
    assert len(re.findall(r"\[\d\]", text)) == 1


async def test_embeds_a_bounded_number_of_sentences_in_one_call(host: MemoryHost, embedder: MemoryEmbedder) -> None:
    generator = ExtractiveGenerator(ExtractiveSettings(), calibration(), embedder, host.interactive, dense=True)
    long = " ".join(f"Pier {number} of the harbour of Nordvik is long." for number in range(100))
    await ask(generator, generate_request(OPENED, numbered(1, long)))
    assert [len(call.texts) for call in embedder.requests] == [1 + EMBEDDED]


async def test_without_the_embedder_of_the_calibration_nothing_is_embedded(
    generator: ExtractiveGenerator, embedder: MemoryEmbedder
) -> None:
    await ask(generator, generate_request(OPENED, *EVIDENCE))
    assert embedder.requests == []


async def test_another_embedder_is_not_taken_for_the_one_of_the_calibration() -> None:
    assert not await is_calibrated_for(MemoryEmbedder(), calibration().probes)


@given(passages=st.lists(st.text(alphabet="abC1. \n|*-#:", max_size=60), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
async def test_p6_every_sentence_stands_in_the_passage_that_it_cites(
    generator: ExtractiveGenerator, passages: list[str]
) -> None:
    def bare(text: str) -> str:
        return re.sub(r"[^\w]", "", text)

    evidence = [numbered(number, text) for number, text in enumerate(passages, 1)]
    request = generate_request("abC 1 ab?", *evidence)
    options = {GENERATOR.name: ExtractiveOptions(min_confidence=0.0)}
    text, _ = await ask(generator, replace(request, context=replace(request.context, options=options)))
    for sentence, number in re.findall(r"(.+?) \[(\d+)\](?: |$)", text):
        words = {bare(word) for word in sentence.split()}
        assert all(word in bare(passages[int(number) - 1]) for word in words)
