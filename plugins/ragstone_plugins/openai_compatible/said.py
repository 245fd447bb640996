"""What a model has said until now, and how it ended."""

from ragstone_plugins.openai_compatible.chunks import Chunk, Joiner
from ragstone_server.spi.generator import Fault, Finished, FinishReason, GenerateRequest, GeneratorFailed, Usage

CHARACTERS_A_TOKEN = 4
"""Of an estimate, where the provider does not count."""
LONGEST_TOKEN = 64
"""Characters; an answer of more for each token that it may have is ended, for the provider does not keep to the limit."""
_REASONS = {"length": FinishReason.LENGTH, "content_filter": FinishReason.CONTENT_FILTER}


class Said:
    """Gathers the events of one answer."""

    def __init__(self, request: GenerateRequest) -> None:
        self._request = request
        self._joiner = Joiner()
        self._blank = ""
        self._spoke = False
        self._characters = 0
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
        texts = (*(message.text for message in self._request.prompt), self._request.prefix)
        # Most providers send an event a token; one that sends more at once is met by the count of characters.
        output = max(self._deltas, -(-self._characters // CHARACTERS_A_TOKEN))
        return Usage(input_tokens=-(-sum(map(len, texts)) // CHARACTERS_A_TOKEN), output_tokens=output, estimated=True)

    def take(self, chunk: Chunk) -> str:
        """Note an event; the text of a delta that it makes, or nothing. Raises `GeneratorFailed` where it ends in an error.

        Blanks at the beginning of an answer are kept back: alone they would be an empty one.
        """
        self._told = chunk.usage or self._told
        self._done = self._done or chunk.done
        if chunk.finish_reason == "error":
            raise GeneratorFailed(Fault.REPORTED, "the provider ended the answer with an error")
        if chunk.refused:
            self._reason = FinishReason.CONTENT_FILTER
        elif chunk.finish_reason:
            self._reason = self._reason or _REASONS.get(chunk.finish_reason, FinishReason.STOP)
        if not chunk.text:
            return ""
        self._deltas += 1
        text = self._joiner.join(chunk.text)
        self._characters += len(text)
        if self._characters > self._request.max_output_tokens * LONGEST_TOKEN:
            self._reason = FinishReason.LENGTH
        if self._spoke:
            return text
        text = self._blank + text
        self._spoke = bool(text.strip())
        self._blank = "" if self._spoke else text
        if not self._spoke:
            return ""
        return text if self._request.prefix else text.lstrip()

    def end(self) -> Finished:
        """How it ended. Raises `GeneratorFailed` where it did not, or where there is no word."""
        if not self.ended:
            raise GeneratorFailed(Fault.CUT, "the stream of the provider ended before the answer")
        reason = self._reason or FinishReason.STOP
        if not self._spoke and reason is not FinishReason.CONTENT_FILTER:
            raise GeneratorFailed(Fault.EMPTY, "the provider ended the answer without a word")
        return Finished(finish_reason=reason, abstention=None, usage=self.usage)
