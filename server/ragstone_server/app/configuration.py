"""The whole configuration: the rooms' own settings, and one section a kind of stage."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragstone_server.app.settings import ServerSettings
from ragstone_server.config.errors import ConfigurationInvalid, Problem
from ragstone_server.config.source import Tree, load
from ragstone_server.config.validation import validated
from ragstone_server.indexing.settings import IndexingSettings
from ragstone_server.observe.metrics import TelemetrySettings
from ragstone_server.operations.settings import OperationsSettings
from ragstone_server.pipelines.settings import (
    AnswerSettings,
    GroundingSettings,
    IngestSettings,
    PromptSettings,
    RetrievalSettings,
    SnapshotSettings,
)
from ragstone_server.registry.registry import Selection
from ragstone_server.routing.route import DEFAULT_ROUTE
from ragstone_server.routing.settings import RouteSettings
from ragstone_server.spi.kinds import GENERATOR, KINDS
from ragstone_server.spi.provider import Settings
from ragstone_server.transport.grpc.settings import GrpcSettings
from ragstone_server.transport.kafka.settings import KafkaSettings
from ragstone_server.wrappers.policy import StagePolicy

DEFAULT_PROVIDERS: Mapping[str, str] = {
    "parser": "documents",
    "chunker": "structure",
    "embedder": "onnx",
    "vector_index": "faiss",
    "lexical_index": "tantivy",
    "rewriter": "rules",
    "fuser": "weighted",
    "reranker": "none",
    "context_filter": "evidence",
    "router": "features",
    "generator": "extractive",
    "grounding_check": "overlap",
    "catalog": "sqlite",
}

KAFKA = "kafka"
"""Section of the consumer, which is there where it is written."""
ROUTES = "routes"
"""Section of the routes, and the generator that stands for them."""
UNSELECTED = Selection(use="", config={})

SECTIONS: Mapping[str, type[Settings]] = {
    "server": ServerSettings,
    "grpc": GrpcSettings,
    "ingest": IngestSettings,
    "retrieval": RetrievalSettings,
    "answer": AnswerSettings,
    "prompt": PromptSettings,
    "grounding": GroundingSettings,
    "indexing": IndexingSettings,
    "operations": OperationsSettings,
    "snapshots": SnapshotSettings,
    "telemetry": TelemetrySettings,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that is set, validated as far as it can be without opening a plugin."""

    server: ServerSettings
    grpc: GrpcSettings
    ingest: IngestSettings
    retrieval: RetrievalSettings
    answer: AnswerSettings
    grounding: GroundingSettings
    prompt: PromptSettings
    indexing: IndexingSettings
    operations: OperationsSettings
    snapshots: SnapshotSettings
    telemetry: TelemetrySettings
    kafka: KafkaSettings | None
    """None: nothing is read from Kafka."""
    selections: Mapping[str, Selection]
    """By kind."""
    policies: Mapping[str, StagePolicy]
    """By kind."""
    routes: Mapping[str, RouteSettings]
    """By name; empty: the selected generator answers by itself."""


def read_configuration(file: Path | None, overrides: Mapping[str, Mapping[str, object]] | None = None) -> Configuration:
    """Read the file and the environment, `overrides` over both. Raises `ConfigurationInvalid` with every problem found."""
    tree = load(file)
    for section, values in (overrides or {}).items():
        table = tree.setdefault(section, {})
        if isinstance(table, dict):  # anything else is refused by the parsing, with its place
            table.update(values)
    return parse_configuration(tree)


def parse_configuration(tree: Tree) -> Configuration:
    """Validate a tree of settings. Raises `ConfigurationInvalid` with every problem found."""
    problems: list[Problem] = []
    kinds = {kind.name for kind in KINDS}
    for section, values in tree.items():
        if section not in kinds and section not in {*SECTIONS, KAFKA, ROUTES}:
            problems.append(Problem(where=section, what="unknown section"))
        elif not isinstance(values, dict):
            what = "a list" if isinstance(values, list) else "a value"
            problems.append(Problem(where=section, what=f"is {what}; write a section [{section}]"))
    if problems:
        raise ConfigurationInvalid(*problems)

    parsed: dict[str, Any] = {}
    models: dict[str, type[Settings]] = {**SECTIONS, KAFKA: KafkaSettings} if KAFKA in tree else dict(SECTIONS)
    for section, model in models.items():
        try:
            parsed[section] = validated(model, tree.get(section, {}), section)
        except ConfigurationInvalid as error:
            problems += error.problems
    selections: dict[str, Selection] = {}
    policies: dict[str, StagePolicy] = {}
    for kind in sorted(kinds):
        policy, rest = StagePolicy.split(tree.get(kind, {}))
        use = rest.pop("use", DEFAULT_PROVIDERS[kind])
        if not isinstance(use, str):
            problems.append(Problem(where=f"{kind}.use", what="is not the name of a provider"))
            continue
        selections[kind] = Selection(use=use, config=rest)
        try:
            policies[kind] = validated(StagePolicy, policy, kind)
        except ConfigurationInvalid as error:
            problems += error.problems
    routes = _routes(tree.get(ROUTES, {}), selections, problems)
    if problems:
        raise ConfigurationInvalid(*problems)
    return Configuration(**{KAFKA: None, **parsed}, selections=selections, policies=policies, routes=routes)


def _routes(
    tree: Mapping[str, object], selections: dict[str, Selection], problems: list[Problem]
) -> dict[str, RouteSettings]:
    """The routes; the selected generator becomes the first deployment of the default one."""
    routed = selections.get(GENERATOR.name, UNSELECTED).use == ROUTES
    if not routed:
        problems += [Problem(where=ROUTES, what=f'is not used; set generator.use = "{ROUTES}"')] if tree else []
        return {}
    if selections[GENERATOR.name].config:
        keys = ", ".join(selections[GENERATOR.name].config)
        problems.append(Problem(where=GENERATOR.name, what=f"{keys}: belongs to a deployment of a route"))
    routes: dict[str, RouteSettings] = {}
    for name, values in tree.items():
        where = f"{ROUTES}.{name}"
        if not isinstance(values, dict):
            problems.append(Problem(where=where, what=f"is a value; write a section [{where}]"))
            continue
        try:
            routes[name] = validated(RouteSettings, values, where)
        except ConfigurationInvalid as error:
            problems += error.problems
    if DEFAULT_ROUTE not in tree:
        problems.append(Problem(where=ROUTES, what=f"needs a route {DEFAULT_ROUTE!r}"))
    if DEFAULT_ROUTE in routes:
        first = routes[DEFAULT_ROUTE].deployments[0]
        selections[GENERATOR.name] = Selection(use=first.provider, config=first.own)
    return routes
