"""An answer in JSON, in the making: freed of a fence, its citations checked where they stand, and valid at its end."""

import re
from collections.abc import Iterator

from ragstone_server.catalog.prompt_builtin import NO_ANSWER_MARK
from ragstone_server.pipelines.citations import CitationChecker
from ragstone_server.pipelines.events import Citation, Delta
from ragstone_server.pipelines.json_schema import JsonSchema, json_schema
from ragstone_server.pipelines.json_text import JsonText, Part, Place, blank, plain, simplified
from ragstone_server.spi.evidence import NumberedPassage
from ragstone_server.spi.generator import Fault, GenerateRequest, GeneratorFailed

FENCE = "```"
LONGEST_OPENING = 64
"""Characters of an opening fence that are waited for."""
LONGEST_WAIT = 256
"""Characters that are held back while the first text may be the mark of an abstention."""
_AROUND_MARK = " ."
_OPENING = re.compile(r"```\w*[ \t\r]*(?:\n\s*(?=\S)|(?=[{\[\"]))")


def checker_for(request: GenerateRequest) -> CitationChecker:
    """What checks the answer to the request while it streams."""
    schema = request.sampling.json_schema
    return CitationChecker(request.evidence) if schema is None else JsonAnswer(request.evidence, json_schema(schema))


class JsonAnswer(CitationChecker):
    """Markers are read in strings that are values only; all else passes as it is, and what stands around the JSON is left out.

    The mark of an abstention, alone in one of the strings, makes the answer one.
    """

    def __init__(self, passages: tuple[NumberedPassage, ...], schema: JsonSchema) -> None:
        super().__init__(passages)
        self._schema = schema
        self._lead: str | None = ""
        self._fenced = False
        self._scanner = JsonText()
        self._waiting: list[Part] | None = []
        self._string = ""
        self._behind = ""
        self._in_text = False
        self._written = ""

    def feed(self, piece: str) -> Iterator[Delta | Citation]:
        """Check a further piece."""
        for part in self._scanner.feed(self._unfenced(piece)):
            yield from self._weigh(part)

    @property
    def holds(self) -> bool:
        """Whether something is held back that is more than blanks."""
        waiting = bool(self._waiting)
        return waiting or bool((self._lead or "").strip()) or bool(self._behind.strip()) or super().holds

    def finish(self) -> Iterator[Delta | Citation]:
        """Give what was held back. Raises `GeneratorFailed` where the whole is not what was asked for."""
        lead, self._lead = self._lead or "", None
        for part in (*self._scanner.feed(lead.strip()), *self._scanner.finish()):
            yield from self._weigh(part)
        self._end_string()
        if self.abstains:
            return  # it needs no JSON
        yield from self._release()
        yield from super().finish()
        behind = self._behind.strip()
        rest = (behind.removesuffix(FENCE) if self._fenced else behind).rstrip()
        problem = self._schema.problem(self.text + rest)
        if problem is not None:
            raise GeneratorFailed(Fault.INVALID_FORMAT, problem)
        yield from self._say(rest)

    def _unfenced(self, piece: str) -> str:
        """Without the blanks and the fence that models put before JSON; empty while they may go on."""
        if self._lead is None:
            return piece
        self._lead = (self._lead + piece).lstrip()
        opening = _OPENING.match(self._lead)
        if not self._lead or (opening is None and self._lead[0] == "`" and len(self._lead) < LONGEST_OPENING):
            return ""
        lead, self._lead, self._fenced = self._lead, None, opening is not None
        return lead[opening.end() :] if opening is not None else lead

    def _weigh(self, part: Part) -> Iterator[Delta | Citation]:
        """Say the part, unless all until now may be an abstention."""
        if part.place is Place.TEXT:
            self._string += part.text if len(self._string) <= LONGEST_WAIT else ""
        else:
            self._end_string()
        if self._waiting is None:
            yield from self._tell(part)
            return
        self._waiting.append(part)
        spoken = not NO_ANSWER_MARK.startswith(self._string.strip(_AROUND_MARK))
        if not self.abstains and (spoken or sum(len(each.text) for each in self._waiting) > LONGEST_WAIT):
            yield from self._release()

    def _end_string(self) -> None:
        self.abstains = self.abstains or self._string.strip(_AROUND_MARK) == NO_ANSWER_MARK
        self._string = ""

    def _release(self) -> Iterator[Delta | Citation]:
        waiting, self._waiting = self._waiting or [], None
        for part in waiting:
            yield from self._tell(part)

    def _tell(self, part: Part) -> Iterator[Delta | Citation]:
        match part.place:
            case Place.BEHIND:
                self._behind += part.text
            case Place.TEXT:
                self._in_text = True
                yield from super().feed(simplified(part.text))
            case Place.AROUND:
                if self._in_text:
                    yield from super().finish()
                self._in_text = False
                yield from self._say(part.text)

    def _say(self, text: str) -> Iterator[Delta]:
        self._written += plain(text) if self._in_text else blank(text) if text else ""
        return super()._say(text)

    def _prose(self) -> str:
        return self._written
