"""The language of prompt templates: Jinja's, in its sandbox, less all that could run long, grow, or reach for something.

Variables, text, `if`, comparisons and a few filters. Without loops, assignments, calls and arithmetic, the cost of a template
is bounded by its length, so that whoever may write one cannot stop the server; the sandbox is the second wall.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TypeAlias

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ragstone_server.spi.errors import FieldViolation, PromptInvalid

Variables: TypeAlias = Mapping[str, str | int]

MOST_CHARACTERS = 16_384
"""Of one source; the contract says the same."""
MOST_LINES = 500
"""Of one source. Comparing two versions takes time by the square of it."""
MOST_DEPTH = 20
"""Of nested blocks and expressions, well within what Python compiles."""
FILTERS = ("capitalize", "length", "lower", "trim", "upper")

SYSTEM, USER = "system", "user"
COMMON = frozenset({"system", "preamble", "language", "style", "collection", "passage_count", "no_answer"})
NAMES: Mapping[str, frozenset[str]] = {SYSTEM: COMMON, USER: COMMON | {"evidence", "question"}}
"""What each message knows. Texts of documents and callers never enter the system message: models obey that one."""

_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Const,
    nodes.Name,
    nodes.If,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Concat,
    nodes.Filter,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_LINE_END = re.compile(r"\r\n?")


def normalised(source: str) -> str:
    """With line ends as they are compared and rendered."""
    return _LINE_END.sub("\n", source)


def check(field: str, source: str) -> None:
    """Raise `PromptInvalid`, with the line, for a source that is not of the language."""
    if len(source) > MOST_CHARACTERS:
        raise invalid(field, f"is longer than {MOST_CHARACTERS} characters")
    if source.count("\n") >= MOST_LINES:
        raise invalid(field, f"has more than {MOST_LINES} lines")
    if (control := _CONTROL.search(source)) is not None:
        line = source.count("\n", 0, control.start()) + 1
        raise invalid(field, f"holds the control character U+{ord(control[0]):04X}", line)
    _compiled(field, source)


def render(field: str, source: str, variables: Variables) -> str:
    """The message, without white space around it. Raises `PromptInvalid`.

    It is at most twice as long as the source with its variables: a template may say something twice, not a thousand times.
    """
    template = _compiled(field, source)
    most = 2 * (len(source) + sum(len(value) for value in variables.values() if isinstance(value, str)))
    pieces: list[str] = []
    size = 0
    try:
        for piece in template.generate(variables):
            size += len(piece)
            if size > most:
                raise invalid(field, "repeats its variables too often")
            pieces.append(piece)
    except (TemplateError, TypeError) as error:
        raise invalid(field, f"cannot be rendered: {error}") from error
    return "".join(pieces).strip()


def invalid(field: str, what: str, line: int | None = None) -> PromptInvalid:
    """The error of one source."""
    place = field if line is None else f"{field}, line {line}"
    description = what if line is None else f"line {line}: {what}"
    return PromptInvalid(
        f"the prompt template cannot be used: {place}: {what}",
        metadata={"field": field, "line": "" if line is None else str(line)},
        violations=(FieldViolation(field=f"prompt.{field}", description=description),),
    )


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        autoescape=False,  # a prompt is plain text; escaping for HTML would change the evidence
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=0,
    )
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    environment.globals.clear()
    environment.tests.clear()
    return environment


_ENVIRONMENT = _environment()


@lru_cache(maxsize=256)
def _compiled(field: str, source: str) -> Template:
    try:
        tree = _ENVIRONMENT.parse(source)
        for node, depth in _walk(tree, 0):
            _check_node(field, node, depth)
        code = _ENVIRONMENT.compile(tree)
    except TemplateSyntaxError as error:
        raise invalid(field, str(error.message), error.lineno) from error
    except RecursionError as error:
        raise invalid(field, "is nested too deeply") from error
    except (SyntaxError, ValueError) as error:  # a number of thousands of digits, for instance
        raise invalid(field, f"cannot be read: {error}") from error
    return Template.from_code(_ENVIRONMENT, code, {})


def _walk(node: nodes.Node, depth: int) -> Iterator[tuple[nodes.Node, int]]:
    """Before anything is compiled: the compiler computes constants."""
    yield node, depth
    if depth > MOST_DEPTH:
        return
    for child in node.iter_child_nodes():
        yield from _walk(child, depth + 1)


def _check_node(field: str, node: nodes.Node, depth: int) -> None:
    if depth > MOST_DEPTH:
        raise invalid(field, "is nested too deeply", node.lineno)
    if not isinstance(node, _ALLOWED):
        what = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(node).__name__).lower()
        raise invalid(
            field, f"templates have variables, `if`, comparisons and filters, and nothing else ({what})", node.lineno
        )
    if isinstance(node, nodes.Name) and node.name not in NAMES[field]:
        names = ", ".join(sorted(NAMES[field]))
        raise invalid(field, f"there is no {node.name!r} here; there are: {names}", node.lineno)
    if isinstance(node, nodes.Filter) and (node.name not in FILTERS or node.args or node.kwargs or node.node is None):
        raise invalid(
            field,
            f"there is no filter {node.name!r} here; there are, without arguments: {', '.join(FILTERS)}",
            node.lineno,
        )
