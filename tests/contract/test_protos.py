"""The contract: commented, fresh, compatible, and readable as ProtoJSON. Its rules are tried in `test_protos_rules.py`."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.rpc import error_details_pb2

from ragstone.protojson import to_json
from ragstone.v1 import (
    error_reason_pb2,
    evidence_pb2,
    query_service_pb2,
)
from ragstone_server.spi import errors
from ragstone_server.spi.errors import RequestError
from ragstone_server.spi.reasons import Reason
from ragstone_server.transport.grpc.status import CODES, to_status
from scripts import protos

ROOT = Path(__file__).resolve().parent.parent.parent


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
        ("  string next_model = 2;\n", ""),
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
                            assert isinstance(key.value, str)
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
        "import sys; before = set(sys.modules); import ragstone, ragstone.events, ragstone.protojson; from ragstone.v1 import "
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
