"""Generates what comes from `protos/`: the client's modules and the API reference. Lints them, finds breaking changes.

`validate.proto` is not in this repository: its descriptor is taken from the protovalidate wheel. The generated modules
carry our rules as options without depending on that file, so that a client needs grpcio and protobuf only.

Usage: protos.py generate | check | lint | breaking
"""

import filecmp
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import grpc_tools
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FileDescriptor
from google.rpc import status_pb2
from grpc_tools import protoc

from scripts.api_reference import api_reference

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
GENERATED = ROOT / "clients" / "python" / "ragstone" / "v1"
REFERENCE = ROOT / "docs" / "reference" / "api.md"
PACKAGE = "ragstone/v1"
RULES = "buf/validate/validate.proto"
BIN = Path(sys.executable).parent


def main() -> int:
    """Run the command of the command line."""
    commands: dict[str, Callable[[], int]] = {
        "generate": generate,
        "check": check,
        "lint": lint,
        "breaking": breaking,
    }
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        print(__doc__)
        return 2
    return commands[sys.argv[1]]()


def generate() -> int:
    """Write the generated files."""
    with tempfile.TemporaryDirectory() as folder:
        for path, target in _generated(Path(folder)).items():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return 0


def check() -> int:
    """Fail where a generated file is not what `generate` would write."""
    with tempfile.TemporaryDirectory() as folder:
        generated = _generated(Path(folder))
        stale = [t for p, t in generated.items() if not t.exists() or not filecmp.cmp(p, t, shallow=False)]
        left = set(GENERATED.glob("*_pb2*")) - set(generated.values())
    for target in sorted([*stale, *left]):
        print(f"{target.relative_to(ROOT)} is not what protos/ gives; run `make protos` and commit", file=sys.stderr)
    return 1 if stale or left else 0


def lint() -> int:
    """Lint and check the format, with buf."""
    with tempfile.TemporaryDirectory() as folder:
        image = _image(PROTOS, Path(folder))
        return _buf("lint", str(image), "--path", PACKAGE) | _buf("format", "--diff", "--exit-code", "protos")


def breaking() -> int:
    """Compare with the contract on main."""
    with tempfile.TemporaryDirectory() as folder:
        former = Path(folder) / "former"
        former.mkdir()
        for ref in ("origin/main", "main"):
            archive = subprocess.run(["git", "archive", ref, "protos"], cwd=ROOT, capture_output=True, check=False)
            if archive.returncode == 0:
                break
        else:
            print("breaking: main has no contract yet; nothing to compare with")
            return 0
        subprocess.run(["tar", "-x", "-C", str(former)], input=archive.stdout, check=True)
        against = _image(former / "protos", Path(folder), "against")
        image = str(_image(PROTOS, Path(folder)))
        return _buf("breaking", image, "--against", str(against), "--path", PACKAGE)


def _buf(command: str, *arguments: str) -> int:
    environment = {**os.environ, "BUF_CACHE_DIR": str(ROOT / ".build" / "buf")}
    return subprocess.run([BIN / "buf", command, *arguments], cwd=ROOT, env=environment, check=False).returncode


def _image(protos: Path, folder: Path, name: str = "image") -> Path:
    """Compile into a descriptor set with comments, imports included."""
    rules = folder / "rules.binpb"
    rules.write_bytes(_rules().SerializeToString())
    image = folder / f"{name}.binpb"
    _protoc(
        f"--descriptor_set_in={rules}",
        f"--proto_path={protos}",
        "--include_imports",
        "--include_source_info",
        f"--descriptor_set_out={image}",
        *_names(protos),
    )
    return image


def _rules() -> descriptor_pb2.FileDescriptorSet:
    """What protoc cannot find as files: `validate.proto`, and what it and we import."""
    from google.longrunning import operations_pb2
    from google.protobuf import any_pb2, duration_pb2, field_mask_pb2, struct_pb2, timestamp_pb2
    from protovalidate._gen.buf.validate import validate_pb

    files = descriptor_pb2.FileDescriptorSet()
    added: set[str] = set()

    def add(file: FileDescriptor) -> None:
        """What it imports comes first."""
        if file.name not in added:
            added.add(file.name)
            for each in file.dependencies:
                add(each)
            file.CopyToProto(files.file.add())

    for module in (any_pb2, descriptor_pb2, duration_pb2, field_mask_pb2, struct_pb2, timestamp_pb2, status_pb2):
        add(module.DESCRIPTOR)
    add(operations_pb2.Operation.DESCRIPTOR.file)
    files.file.add().MergeFromString(validate_pb._DESC.proto.to_binary())
    return files


def _names(protos: Path) -> list[str]:
    return sorted(str(path.relative_to(protos)) for path in protos.rglob("*.proto"))


def _generated(folder: Path) -> dict[Path, Path]:
    """Generate into a folder; where each file belongs."""
    image = descriptor_pb2.FileDescriptorSet.FromString(_image(PROTOS, folder).read_bytes())
    for file in image.file:
        if file.name.startswith(PACKAGE):
            kept = [name for name in file.dependency if name != RULES]
            del file.dependency[:]
            file.dependency.extend(kept)
    bare = folder / "bare.binpb"
    bare.write_bytes(image.SerializeToString())
    out = folder / "out"
    out.mkdir()
    plugins = (f"--plugin=protoc-gen-{n}={BIN / f'protoc-gen-{n}'}" for n in ("mypy", "mypy_grpc"))
    _protoc(
        f"--descriptor_set_in={bare}",
        *plugins,
        f"--python_out={out}",
        f"--grpc_python_out={out}",
        f"--mypy_out=quiet:{out}",
        f"--mypy_grpc_out=quiet:{out}",
        *_names(PROTOS),
    )
    reference = folder / "api.md"
    reference.write_text(api_reference([f for f in image.file if f.name.startswith(PACKAGE)]), "utf-8")
    files = {path: GENERATED / path.name for path in sorted((out / PACKAGE).iterdir())}
    return {**files, reference: REFERENCE}


def _protoc(*arguments: str) -> None:
    includes = (
        [f"--proto_path={Path(grpc_tools.__file__).parent / '_proto'}"] if "--python_out" not in str(arguments) else []
    )
    if protoc.main(["protoc", *includes, *arguments]) != 0:
        sys.exit("protoc failed")


if __name__ == "__main__":
    sys.exit(main())
