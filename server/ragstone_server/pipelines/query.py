"""The way of a question: evidence first, then the answer, piece by piece."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from ragstone_server.catalog.catalog import Catalog
from ragstone_server.observe.stage_times import collected
from ragstone_server.pipelines.answer_options import check_budgets, permitted
from ragstone_server.pipelines.events import Answer, Completed, EvidenceFound, QueryEvent, Started
from ragstone_server.pipelines.generate import Choice
from ragstone_server.pipelines.grounded import GenerateGrounded
from ragstone_server.pipelines.packing import Packer
from ragstone_server.pipelines.prompting import Prompt, PromptRenderer
from ragstone_server.pipelines.recording import Retriever
from ragstone_server.pipelines.retrieve import Retrieval, RetrieveRequest
from ragstone_server.pipelines.settings import AnswerSettings
from ragstone_server.spi.context_filter import ContextFilterRequest, FilteredContext
from ragstone_server.spi.evidence import NumberedPassage, ScoredPassage
from ragstone_server.spi.generator import Abstention, AnswerFormat, FinishReason, GenerateRequest, Sampling, Usage
from ragstone_server.spi.stages import Stage
from ragstone_server.spi.turns import Turn
from ragstone_server.wrappers.fallible import Degradation, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRequest:
    """A question to answer."""

    retrieve: RetrieveRequest
    context_tokens: int | None
    """Budget of the evidence; None: the configured one."""
    max_output_tokens: int | None
    """Likewise of the answer."""
    choice: Choice = field(default_factory=Choice)
    sampling: Sampling = field(default_factory=Sampling)
    """Its format is not looked at."""
    format: AnswerFormat | None = None
    """None: the configured one."""


class AnswerQuestion:
    """Retrieves, filters, packs and generates."""

    def __init__(
        self,
        catalog: Catalog,
        retrieve: Retriever,
        context_filter: Stage[ContextFilterRequest, Outcome[FilteredContext]],
        packer: Packer,
        renderer: PromptRenderer,
        generate: GenerateGrounded,
        settings: AnswerSettings,
    ) -> None:
        self._catalog = catalog
        self._retrieve = retrieve
        self._filter = context_filter
        self._packer = packer
        self._renderer = renderer
        self._generate = generate
        self._settings = settings

    async def __call__(self, request: QueryRequest) -> AsyncGenerator[QueryEvent, None]:
        """Ends with `Completed`, or raises a `RequestError`."""
        request = self._checked(request)
        context = request.retrieve.context
        collection = await self._catalog.collection(context.collection)
        yield Started(request_id=context.request_id, watermark=self._catalog.watermark(collection, collection.head))
        retrieval = await self._retrieve(request.retrieve)
        with collected() as times:
            filtered = await self._filter(_to_filter(request, retrieval))
        for time in (*retrieval.times, *times):
            yield time
        for degradation in (*retrieval.degradations, filtered.degradation):
            if degradation is not None:
                yield degradation
        kept = retrieval.passages if filtered.result is None else filtered.result.kept
        evidence = await self._packer(kept, request.context_tokens or self._settings.context_tokens)
        yield EvidenceFound(passages=evidence)
        if not evidence:
            yield _nothing_to_read(request, retrieval)
            return
        template = await self._catalog.prompts.active(collection.key)

        def render(turns: Sequence[Turn], passages: Sequence[NumberedPassage]) -> Prompt:
            return self._renderer.render(
                template=template,
                question=request.retrieve.question,
                turns=turns,
                evidence=passages,
                collection=collection.name,
                sampling=request.sampling,
            )

        prompt = render(request.retrieve.turns, evidence)
        if prompt.failure is not None:
            yield Degradation(stage="prompt", reason=prompt.failure)
        asked = self._to_generate(request, retrieval, evidence, prompt)
        async with aclosing(self._generate(asked, request.choice, retrieval.watermark, render)) as events:
            async for event in events:
                yield event

    def _checked(self, request: QueryRequest) -> QueryRequest:
        """With the format of the answer. Raises `InvalidRequest` for what callers may not ask for."""
        check_budgets(self._settings, request.context_tokens, request.max_output_tokens)
        sampling = permitted(self._settings, request.sampling, request.format)
        self._generate.check(request.choice, sampling.format)
        return replace(request, sampling=sampling)

    def _to_generate(
        self, request: QueryRequest, retrieval: Retrieval, evidence: tuple[NumberedPassage, ...], prompt: Prompt
    ) -> GenerateRequest:
        return GenerateRequest(
            context=request.retrieve.context,
            question=request.retrieve.question,
            search_text=retrieval.search_text.dense,
            turns=request.retrieve.turns,
            evidence=evidence,
            max_output_tokens=request.max_output_tokens or self._settings.max_output_tokens,
            prompt=prompt.messages,
            prompt_version=prompt.version,
            sampling=request.sampling,
        )


def _nothing_to_read(request: QueryRequest, retrieval: Retrieval) -> Completed:
    """The end where there is no evidence: no model is asked, which would answer from what it remembers.

    Any question finds the nearest vectors of what the caller may read. That none is near means that there are none.
    """
    searched_all = request.retrieve.filter is None and not retrieval.degradations and not retrieval.passages
    return Completed(
        finish_reason=FinishReason.ABSTAINED,
        abstention=Abstention.NO_PERMITTED_CONTENT if searched_all else Abstention.NO_RELEVANT_CONTENT,
        answer=Answer(text="", citations=()),
        usage=Usage(input_tokens=0, output_tokens=0, estimated=False),
        invalid_citations=0,
        watermark=retrieval.watermark,
    )


def _to_filter(request: QueryRequest, retrieval: Retrieval) -> ContextFilterRequest:
    passages: tuple[ScoredPassage, ...] = retrieval.passages
    return ContextFilterRequest(
        context=request.retrieve.context, question=retrieval.search_text.dense, passages=passages
    )
