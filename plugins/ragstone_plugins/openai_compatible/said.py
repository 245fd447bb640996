"""What a model has said until now, and how it ended."""

from dataclasses import replace

from ragstone_plugins.openai_compatible.chunks import Chunk
from ragstone_server.spi.chat_completions import FINISH_REASONS, Spoken
from ragstone_server.spi.generator import Fault, Finished, FinishReason, GenerateRequest, GeneratorFailed, Usage
from ragstone_server.spi.token_estimates import estimated_usage

LONGEST_TOKEN = 64
"""Characters; an answer of more for each token that it may have is ended, for the provider does not keep to the limit."""


class Said:
    """Gathers the events of one answer."""

    def __init__(self, request: GenerateRequest) -> None:
        self._request = request
        self._spoken = Spoken(request)
        self._deltas = 0
        self._told: tuple[int, int] | None = None
        self._reason: FinishReason | None = None
        self._done = False

    @property
    def ended(self) -> bool:
        """Whether the answer is whole: only the usage may be missing."""
        return self._reason is not None or self._done

    @property
    def complete(self) -> bool:
        """Whether nothing more is worth waiting for."""
        return self._done or (self._reason is not None and self._told is not None)

    @property
    def usage(self) -> Usage:
        """As the provider told, else an estimate. Counts that cannot be true are no counts."""
        told = self._told if self._told and self._told[0] and bool(self._told[1]) == bool(self._deltas) else None
        if told is not None:
            return Usage(input_tokens=told[0], output_tokens=told[1], estimated=not self.ended)
        usage = estimated_usage(self._request, self._spoken.characters)
        # Most providers send an event a token; one that sends more at once is met by the count of characters.
        return replace(usage, output_tokens=max(self._deltas, usage.output_tokens))

    def take(self, chunk: Chunk) -> str:
        """Note an event; the text of a delta that it makes, or nothing. Raises `GeneratorFailed` where it ends in an error."""
        self._told = chunk.usage or self._told
        self._done = self._done or chunk.done
        if chunk.finish_reason == "error":
            raise GeneratorFailed(Fault.REPORTED, "the provider ended the answer with an error")
        if chunk.refused:
            self._reason = FinishReason.CONTENT_FILTER
        elif chunk.finish_reason:
            self._reason = self._reason or FINISH_REASONS.get(chunk.finish_reason, FinishReason.STOP)
        if not chunk.text:
            return ""
        self._deltas += 1
        text = self._spoken.take(chunk.text)
        if self._spoken.characters > self._request.max_output_tokens * LONGEST_TOKEN:
            self._reason = FinishReason.LENGTH
        return text

    def end(self) -> Finished:
        """How it ended. Raises `GeneratorFailed` where it did not, or where there is no word."""
        if not self.ended:
            raise GeneratorFailed(Fault.CUT, "the stream of the provider ended before the answer")
        reason = self._reason or FinishReason.STOP
        if not self._spoken.begun and reason is not FinishReason.CONTENT_FILTER:
            raise GeneratorFailed(Fault.EMPTY, "the provider ended the answer without a word")
        return Finished(finish_reason=reason, abstention=None, usage=self.usage)
