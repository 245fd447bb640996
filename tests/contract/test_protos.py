"""The contract: complete, commented, enforced, fresh, and readable as ProtoJSON."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.message import Message
from google.rpc import error_details_pb2

from ragstone.protojson import to_json
from ragstone.v1 import (
    admin_service_pb2,
    document_pb2,
    error_reason_pb2,
    evidence_pb2,
    ingest_service_pb2,
    query_service_pb2,
)
from ragstone_server.spi import errors
from ragstone_server.spi.errors import InvalidRequest, Reason, RequestError
from ragstone_server.transport.grpc.status import CODES, to_status
from ragstone_server.transport.grpc.validation import validate
from scripts import protos

ROOT = Path(__file__).resolve().parent.parent.parent
SERVICES = (query_service_pb2, ingest_service_pb2, admin_service_pb2)
NAME = "tenants/default/collections/default"
DOCUMENT = f"{NAME}/documents/a/b"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[FileDescriptorProto]:
    """Our files, with comments."""
    image = protos._image(protos.PROTOS, tmp_path_factory.mktemp("image"))
    return [f for f in FileDescriptorSet.FromString(image.read_bytes()).file if f.name.startswith(protos.PACKAGE)]


# Fresh, linted, compatible: and the checks do find what they are for.


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the contract that `scripts.protos` takes for the real one."""
    copied = tmp_path / "protos"
    shutil.copytree(protos.PROTOS, copied)
    monkeypatch.setattr(protos, "PROTOS", copied)
    return copied / protos.PACKAGE / "query_service.proto"


def test_generated_code_and_reference_are_fresh() -> None:
    assert protos.check() == 0


def test_the_contract_passes_its_lint_and_format() -> None:
    assert protos.lint() == 0


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("// A further piece of the answer.\nmessage Delta", "message Delta"),
        ("  // Name of the model.\n  string model = 1;", "  string model = 1;"),
        ("  // Ragstone.\n  ROLE_ASSISTANT = 2;", "  ROLE_ASSISTANT = 2;"),
        ("ROLE_ASSISTANT = 2;", "ASSISTANT = 2;"),
        ("string next_model = 2;", "string nextModel = 2;"),
    ],
)
def test_the_lint_finds_what_it_is_for(copy: Path, capfd: pytest.CaptureFixture[str], was: str, becomes: str) -> None:
    text = copy.read_text("utf-8")
    assert was in text
    copy.write_text(text.replace(was, becomes), "utf-8")
    assert protos.lint() != 0
    assert "query_service.proto" in capfd.readouterr().out


def test_stale_code_is_found(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy.write_text(copy.read_text("utf-8").replace("// A further piece", "// Another piece"), "utf-8")
    assert protos.check() == 1
    said = capsys.readouterr().err
    assert "docs/reference/api.md" in said
    assert "query_service_pb2.pyi" in said


def _main_has_the_contract() -> bool:
    refs = ("origin/main", "main")
    return any(
        subprocess.run(["git", "cat-file", "-e", f"{ref}:protos/ragstone"], cwd=ROOT, capture_output=True).returncode
        == 0
        for ref in refs
    )


@pytest.mark.skipif(not _main_has_the_contract(), reason="main is not here to compare with")
@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("  // Name of the model that answers next.\n  string next_model = 2;\n", ""),
        ("string next_model = 2;", "string following_model = 2;"),
        ("string next_model = 2;", "string next_model = 3;"),
        ("string next_model = 2;", "bytes next_model = 2;"),
    ],
)
def test_a_breaking_change_is_found(copy: Path, capfd: pytest.CaptureFixture[str], was: str, becomes: str) -> None:
    assert protos.breaking() == 0
    text = copy.read_text("utf-8")
    assert was in text
    copy.write_text(text.replace(was, becomes), "utf-8")
    assert protos.breaking() != 0
    assert "next_model" in capfd.readouterr().out


# Commented.


def test_every_service_method_message_field_enum_and_value_is_commented(files: list[FileDescriptorProto]) -> None:
    silent = []
    for file in files:
        comments = {tuple(place.path) for place in file.source_code_info.location if place.leading_comments.strip()}
        silent += [name for name, path in _places(file) if path not in comments]
    assert silent == []


def _places(file: FileDescriptorProto) -> Iterator[tuple[str, tuple[int, ...]]]:
    for i, service in enumerate(file.service):
        yield service.name, (6, i)
        yield from ((f"{service.name}.{m.name}", (6, i, 2, n)) for n, m in enumerate(service.method))
    for i, message in enumerate(file.message_type):
        yield message.name, (4, i)
        yield from ((f"{message.name}.{f.name}", (4, i, 2, n)) for n, f in enumerate(message.field))
    for i, enum in enumerate(file.enum_type):
        yield enum.name, (5, i)
        yield from ((v.name, (5, i, 2, n)) for n, v in enumerate(enum.value))


def test_the_reference_speaks_of_everything(files: list[FileDescriptorProto]) -> None:
    reference = (ROOT / "docs" / "reference" / "api.md").read_text("utf-8")
    missing = [name for file in files for name, _ in _places(file) if name.rpartition(".")[2] not in reference]
    assert missing == []


# Reasons.


def _reason_comments(files: list[FileDescriptorProto]) -> dict[str, str]:
    (file,) = (f for f in files if f.name.endswith("error_reason.proto"))
    comments = {tuple(place.path): " ".join(place.leading_comments.split()) for place in file.source_code_info.location}
    return {
        value.name.removeprefix("ERROR_REASON_"): comments[5, 0, 2, n]
        for n, value in enumerate(file.enum_type[0].value)
        if value.number
    }


def test_reasons_are_those_of_the_ground_floor() -> None:
    names = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()}  # noqa: SIM118
    assert names - {"UNSPECIFIED"} == set(Reason.__members__)
    assert {reason.value for reason in Reason} == set(Reason.__members__)


def test_the_status_of_a_reason_is_the_documented_one(files: list[FileDescriptorProto]) -> None:
    documented = {name: comment.partition(".")[0] for name, comment in _reason_comments(files).items()}
    assert documented == {reason.value: CODES[reason].name for reason in Reason}


def test_an_error_is_told_by_its_reason() -> None:
    status = to_status(errors.InvalidFilter(metadata={"column": "7"}), "r1")
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert f"ERROR_REASON_{info.reason}" in error_reason_pb2.ErrorReason.keys()  # noqa: SIM118
    assert dict(info.metadata) == {"column": "7", "request_id": "r1"}


def _raised_metadata() -> Iterator[tuple[str, str, str]]:
    """Every `SomeError(..., metadata={"key": ...})` of the server and its plugins: where, the reason, the key."""
    kinds = {n: k.reason for n, k in vars(errors).items() if isinstance(k, type) and issubclass(k, RequestError)}
    for folder in ("server/ragstone_server", "plugins/ragstone_plugins"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds):
                    continue
                for keyword in node.keywords:
                    if keyword.arg == "metadata" and isinstance(keyword.value, ast.Dict):
                        for key in keyword.value.keys:
                            assert isinstance(key, ast.Constant)
                            yield f"{path.relative_to(ROOT)}:{node.lineno}", kinds[node.func.id].value, key.value


def test_the_metadata_of_a_reason_are_the_documented_ones(files: list[FileDescriptorProto]) -> None:
    documented = {
        (name, key)
        for name, comment in _reason_comments(files).items()
        for key in re.findall(r"`(\w+)`", comment.partition("Metadata:")[2])
    }
    raised = list(_raised_metadata())
    assert [place for place in raised if place[1:] not in documented] == []
    assert documented - {place[1:] for place in raised} == set()


# Rules on every request.


def _reachable(message: Descriptor, seen: set[str]) -> Iterator[FieldDescriptor]:
    if message.full_name in seen or not message.full_name.startswith("ragstone."):
        return
    seen.add(message.full_name)
    for field in message.fields:
        yield field
        if field.message_type is not None:
            yield from _reachable(field.message_type, seen)


UNBOUNDED = {
    # Contents are bounded by the size of a message; the server's limit on documents is a setting.
    "ragstone.v1.DocumentHeader.inline",
    "ragstone.v1.DocumentHeader.text",
    "ragstone.v1.UpsertDocumentRequest.data",
    "ragstone.v1.UpsertDocumentRequest.text",
    # Any number of the producer's own.
    "ragstone.v1.IngestRequest.sequence",
    # Output only; what a request says there is not looked at.
    "ragstone.v1.Collection.document_count",
    "ragstone.v1.Collection.watermark",
    "ragstone.v1.Generation.embedder",
    "ragstone.v1.Generation.chunker",
}


def test_every_field_of_a_request_that_has_a_size_has_a_rule() -> None:
    requests = {m.input_type.full_name: m.input_type for module in SERVICES for m in _methods(module)}
    fields = [f for request in requests.values() for f in _reachable(request, set())]
    sized = {f.full_name: f for f in fields if f.cpp_type not in (f.CPPTYPE_BOOL, f.CPPTYPE_MESSAGE) or f.is_repeated}
    sized = {name: f for name, f in sized.items() if not f.containing_type.GetOptions().map_entry}
    assert {name for name, field in sized.items() if not _has_rule(field)} == UNBOUNDED


def _methods(module: Any) -> Iterator[Any]:
    for service in module.DESCRIPTOR.services_by_name.values():
        yield from service.methods


def _has_rule(field: FieldDescriptor) -> bool:
    """Whether the options have extension 1159, `buf.validate.field`, known to this process or not."""
    return b"\xba\x48" in field.GetOptions().SerializeToString()


def _search(**fields: Any) -> query_service_pb2.QueryRequest:
    return query_service_pb2.QueryRequest(search=query_service_pb2.Search(**{"question": "When?", **fields}))


def _upsert(**fields: Any) -> ingest_service_pb2.UpsertDocumentRequest:
    return ingest_service_pb2.UpsertDocumentRequest(**{"name": DOCUMENT, "text": "x", **fields})


def _fields(**fields: Any) -> ingest_service_pb2.UpsertDocumentRequest:
    return _upsert(fields=document_pb2.DocumentFields(**fields))


def _step(**action: Any) -> ingest_service_pb2.IngestRequest:
    return ingest_service_pb2.IngestRequest(sequence=1, **action)


VALUE = document_pb2.MetadataValue
TURN = query_service_pb2.Turn
HEADER = ingest_service_pb2.DocumentHeader
USER = query_service_pb2.ROLE_USER

GOOD: list[Message] = [
    _search(),
    _search(question="x" * 8192, top_k=1000, collection=NAME, turns=[TURN(role=USER, text="x")] * 64),
    query_service_pb2.RetrieveRequest(search=query_service_pb2.Search(question="When?")),
    _upsert(),
    _upsert(text="", version=1),
    _upsert(name=f"{NAME}/documents/" + "ü" * 256),
    _fields(metadata={"k": VALUE(list_value=document_pb2.MetadataList(values=[VALUE(bool_value=True)]))}),
    _fields(readers=document_pb2.Readers()),
    _step(header=HEADER(name=DOCUMENT, size_bytes=1)),
    _step(part=ingest_service_pb2.ContentPart(data=bytes(4 * 1024 * 1024))),
    _step(deletion=ingest_service_pb2.DocumentDeletion(name=DOCUMENT)),
    ingest_service_pb2.DeleteDocumentRequest(name=DOCUMENT, version=2**62),
    ingest_service_pb2.GetDocumentRequest(name=DOCUMENT),
    ingest_service_pb2.ListDocumentsRequest(parent=NAME, page_size=1000),
    admin_service_pb2.CreateCollectionRequest(collection=admin_service_pb2.Collection(name=NAME)),
    admin_service_pb2.UpdateCollectionRequest(collection=admin_service_pb2.Collection(name=NAME)),
    admin_service_pb2.GetCollectionRequest(name=NAME),
    admin_service_pb2.DeleteCollectionRequest(name=NAME),
    admin_service_pb2.ListCollectionsRequest(parent="tenants/default"),
    admin_service_pb2.ListPluginsRequest(),
    admin_service_pb2.GetStatusRequest(),
]

BAD: list[tuple[Message, str]] = [
    (query_service_pb2.QueryRequest(), "search"),
    (query_service_pb2.RetrieveRequest(), "search"),
    (_search(question=""), "search.question"),
    (_search(question=" \n"), "search.question"),
    (_search(question="x" * 8193), "search.question"),
    (_search(collection="default"), "search.collection"),
    (_search(collection=f"{NAME}/documents/a"), "search.collection"),
    (_search(top_k=-1), "search.top_k"),
    (_search(top_k=1001), "search.top_k"),
    (_search(filter="x" * 8193), "search.filter"),
    (_search(min_watermark="x" * 257), "search.min_watermark"),
    (_search(turns=[TURN(role=USER, text="x")] * 65), "search.turns"),
    (_search(turns=[TURN(role=USER, text="x"), TURN(text="x")]), "search.turns[1].role"),
    (_search(turns=[TURN(role=99, text="x")]), "search.turns[0].role"),
    (_search(turns=[TURN(role=USER)]), "search.turns[0].text"),
    (_search(stage_options={str(i): {} for i in range(33)}), "search.stage_options"),
    (_search(stage_options={"x" * 65: {}}), "search.stage_options"),
    (query_service_pb2.QueryRequest(search=_search().search, context_tokens=-1), "context_tokens"),
    (query_service_pb2.QueryRequest(search=_search().search, max_output_tokens=100_001), "max_output_tokens"),
    (ingest_service_pb2.UpsertDocumentRequest(name=DOCUMENT), "content"),
    (_upsert(name=""), "name"),
    (_upsert(name="a"), "name"),
    (_upsert(name=f"{NAME}/documents/"), "name"),
    (_upsert(name=f"{NAME}/documents/a\nb"), "name"),
    (_upsert(name=f"{NAME}/documents/a\x7f"), "name"),
    (_upsert(name=f"{NAME}/documents/{'x' * 800}"), "name"),
    (_upsert(version=0), "version"),
    (_fields(title="x" * 1025), "fields.title"),
    (_fields(uri="x" * 2049), "fields.uri"),
    (_fields(filename="x" * 1025), "fields.filename"),
    (_fields(mime_type="x" * 256), "fields.mime_type"),
    (_fields(metadata={"": VALUE(bool_value=True)}), "fields.metadata"),
    (_fields(metadata={str(i): VALUE(bool_value=True) for i in range(257)}), "fields.metadata"),
    (_fields(metadata={"k": VALUE()}), "fields.metadata"),
    (_fields(metadata={"k": VALUE(number_value=float("nan"))}), "fields.metadata"),
    (_fields(metadata={"k": VALUE(string_value="ü" * 32769)}), "fields.metadata"),
    (_fields(readers=document_pb2.Readers(principals=[""])), "fields.readers.principals"),
    (_fields(readers=document_pb2.Readers(principals=["x"] * 1001)), "fields.readers.principals"),
    (ingest_service_pb2.IngestRequest(sequence=1), "action"),
    (_step(header=HEADER(name=DOCUMENT)), "header.content"),
    (_step(header=HEADER(name=DOCUMENT, size_bytes=0)), "header.size_bytes"),
    (_step(part=ingest_service_pb2.ContentPart()), "part.data"),
    (_step(part=ingest_service_pb2.ContentPart(data=bytes(4 * 1024 * 1024 + 1))), "part.data"),
    (_step(deletion=ingest_service_pb2.DocumentDeletion(name="a")), "deletion.name"),
    (ingest_service_pb2.DeleteDocumentRequest(name="a"), "name"),
    (ingest_service_pb2.DeleteDocumentRequest(name=DOCUMENT, version=-1), "version"),
    (ingest_service_pb2.GetDocumentRequest(name=NAME), "name"),
    (ingest_service_pb2.ListDocumentsRequest(), "parent"),
    (ingest_service_pb2.ListDocumentsRequest(parent=NAME, page_size=-1), "page_size"),
    (ingest_service_pb2.ListDocumentsRequest(parent=NAME, page_token="x" * 1025), "page_token"),
    (admin_service_pb2.CreateCollectionRequest(), "collection"),
    (admin_service_pb2.CreateCollectionRequest(collection=admin_service_pb2.Collection(name="hr")), "collection.name"),
    (
        admin_service_pb2.UpdateCollectionRequest(
            collection=admin_service_pb2.Collection(name=NAME, default_readers=9)  # type: ignore[arg-type]
        ),
        "collection.default_readers",
    ),
    (admin_service_pb2.GetCollectionRequest(), "name"),
    (admin_service_pb2.DeleteCollectionRequest(name="hr"), "name"),
    (admin_service_pb2.ListCollectionsRequest(parent=NAME), "parent"),
    (admin_service_pb2.ListCollectionsRequest(parent="tenants/default", page_size=1001), "page_size"),
]


@pytest.mark.parametrize("request_", GOOD, ids=lambda m: m.DESCRIPTOR.name)
def test_a_request_within_the_rules_passes(request_: Message) -> None:
    validate(request_)


@pytest.mark.parametrize(("request_", "field"), BAD, ids=lambda v: v if isinstance(v, str) else v.DESCRIPTOR.name)
def test_a_request_that_breaks_a_rule_is_refused_at_its_field(request_: Message, field: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        validate(request_)
    named = [violation.field for violation in error.value.violations]
    assert any(name.startswith(field) for name in named), (named, str(error.value))


def test_every_request_is_tried() -> None:
    requests = {m.input_type.full_name for module in SERVICES for m in _methods(module)}
    assert {message.DESCRIPTOR.full_name for message in GOOD} == requests
    without_rules = {"ragstone.v1.ListPluginsRequest", "ragstone.v1.GetStatusRequest"}  # they have no fields
    assert {message.DESCRIPTOR.full_name for message, _ in BAD} == requests - without_rules


# ProtoJSON, as scripts read it.


def test_events_are_named_in_lower_camel_case_and_seq_is_text() -> None:
    q = query_service_pb2
    assert json.loads(to_json(q.QueryResponse(seq=3, delta=q.Delta(text="ü")))) == {"seq": "3", "delta": {"text": "ü"}}
    names = {field.json_name for field in q.QueryResponse.DESCRIPTOR.oneofs_by_name["event"].fields}
    assert names == {
        *("started", "stage", "evidence", "attemptStarted", "delta", "citation", "attemptDiscarded"),
        *("degraded", "heartbeat", "completed"),
    }
    assert json.loads(to_json(q.QueryResponse(seq=2, heartbeat=q.Heartbeat()))) == {"seq": "2", "heartbeat": {}}
    assert "\n" not in to_json(q.QueryResponse(seq=1, delta=q.Delta(text="a\nb")))


def test_no_abstention_means_answered() -> None:
    q = query_service_pb2
    answered = q.Completed(answer=q.Answer(text="At nine."), finish_reason=q.FINISH_REASON_STOP)
    said = json.loads(to_json(q.QueryResponse(seq=9, completed=answered)))
    assert said["seq"] == "9"
    assert said["completed"]["answer"]["text"] == "At nine."
    assert "abstention" not in said["completed"]
    abstained = q.Completed(abstention=q.Abstention(reason=q.ABSTENTION_REASON_NO_RELEVANT_CONTENT))
    said = json.loads(to_json(q.QueryResponse(seq=9, completed=abstained)))
    assert said["completed"]["abstention"] == {"reason": "ABSTENTION_REASON_NO_RELEVANT_CONTENT"}


def test_the_events_have_the_numbers_that_they_had() -> None:
    events = query_service_pb2.QueryResponse.DESCRIPTOR.oneofs_by_name["event"].fields
    assert [field.number for field in events] == list(range(2, 12))


def test_a_page_that_is_absent_is_not_page_zero() -> None:
    assert "page" not in json.loads(to_json(evidence_pb2.Passage(rank=1)))
    assert json.loads(to_json(evidence_pb2.Passage(rank=1, page=4)))["page"] == 4


# Light: a service that only calls Ragstone gets grpcio and protobuf.


def test_the_client_depends_on_three_distributions() -> None:
    project = tomllib.loads((ROOT / "clients" / "python" / "pyproject.toml").read_text("utf-8"))["project"]
    names = {re.split(r"[<>=!~ \[]", dependency)[0] for dependency in project["dependencies"]}
    assert names == {"googleapis-common-protos", "grpcio", "protobuf"}


def test_importing_the_client_brings_nothing_else() -> None:
    program = (
        "import sys; before = set(sys.modules); import ragstone, ragstone.protojson; from ragstone.v1 import "
        "admin_service_pb2_grpc, error_reason_pb2; "
        "print(' '.join({m.partition('.')[0] for m in set(sys.modules) - before}))"
    )
    # -S and a bare path: the editable install of the server does not come along.
    packages = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    environment = {"PYTHONPATH": ":".join([str(ROOT / "clients" / "python"), *packages])}
    done = subprocess.run([sys.executable, "-S", "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    imported = {name for name in done.stdout.split() if not name.startswith("_")} - set(sys.stdlib_module_names)
    siblings = {
        "grpc_health",
        "grpc_reflection",
        "grpc_status",
        "grpc_tools",
    }  # grpc itself looks whether they are here
    assert imported - siblings <= {"ragstone", "grpc", "google", "typing_extensions", "cython_runtime"}
    assert {"ragstone", "grpc", "google"} <= imported


def test_generated_modules_do_not_depend_on_the_rules_of_others() -> None:
    for path in sorted(protos.GENERATED.glob("*_pb2*.py*")):
        assert "buf/validate" not in path.read_text("utf-8"), path.name
        assert "from buf" not in path.read_text("utf-8"), path.name
    assert not (protos.PROTOS / "buf").exists()
