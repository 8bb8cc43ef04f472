"""The files in `proto/` say on the wire exactly what Triton's published client says.

Both sides are flattened into facts: one entry per message, field, enum value and call, named in
full, with everything that reaches the wire or its JSON form. Files, order and comments are our own.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import (
        Descriptor,
        EnumDescriptor,
        FieldDescriptor,
        FileDescriptor,
        ServiceDescriptor,
    )

PROTO = Path(__file__).resolve().parents[3] / "proto"
CLIENT_MODULES = ("tritonclient.grpc.service_pb2", "tritonclient.grpc.model_config_pb2")
HEALTH = "grpc.health.v1."

# Names that Triton has published since the client the tests install. Growth is written down here.
NEWER_THAN_THE_CLIENT: frozenset[str] = frozenset()


class FieldFact(NamedTuple):
    """All that a field puts on the wire or into JSON, and whether its absence can be told."""

    number: int
    type: int
    repeated: bool
    type_name: str
    oneof: str
    json_name: str
    packed: bool
    has_presence: bool


class MessageFact(NamedTuple):
    """Whether a message is a map's entry, which decides how its field reads."""

    is_map_entry: bool


class CallFact(NamedTuple):
    """What a call takes and gives, and which sides stream."""

    request: str
    response: str
    client_streams: bool
    server_streams: bool


Fact = FieldFact | MessageFact | CallFact | int
Facts = dict[str, Fact]


def field_fact(field: FieldDescriptor) -> FieldFact:
    """Describe one field."""
    target = field.message_type or field.enum_type
    return FieldFact(
        number=field.number,
        type=field.type,
        repeated=field.is_repeated,
        type_name=target.full_name if target else "",
        oneof=field.containing_oneof.name if field.containing_oneof else "",
        json_name=field.json_name,
        packed=field.is_packed,
        has_presence=field.has_presence,
    )


def enum_facts(enum: EnumDescriptor) -> Iterator[tuple[str, Fact]]:
    """Name every value of an enum with its number."""
    for value in enum.values:
        yield f"{enum.full_name}.{value.name}", value.number


def message_facts(message: Descriptor) -> Iterator[tuple[str, Fact]]:
    """Describe a message, its fields and all that is nested in it."""
    yield message.full_name, MessageFact(message.GetOptions().map_entry)
    for field in message.fields:
        yield field.full_name, field_fact(field)
    for enum in message.enum_types:
        yield from enum_facts(enum)
    for nested in message.nested_types:
        yield from message_facts(nested)


def service_facts(service: ServiceDescriptor) -> Iterator[tuple[str, Fact]]:
    """Describe every call of a service."""
    for call in service.methods:
        yield (
            call.full_name,
            CallFact(
                request=call.input_type.full_name,
                response=call.output_type.full_name,
                client_streams=call.client_streaming,
                server_streams=call.server_streaming,
            ),
        )


def file_facts(file: FileDescriptor) -> Facts:
    """Flatten a file into facts by full name."""
    facts: Facts = {}
    for message in file.message_types_by_name.values():
        facts.update(message_facts(message))
    for enum in file.enum_types_by_name.values():
        facts.update(enum_facts(enum))
    for service in file.services_by_name.values():
        facts.update(service_facts(service))
    return facts


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FileDescriptor]:
    """Compile `proto/` into a pool of its own: the default pool holds the client's same names."""
    output = tmp_path_factory.mktemp("contract") / "contract.bin"
    names = sorted(path.name for path in PROTO.glob("*.proto"))
    compile_protos = importlib.import_module("grpc_tools.protoc").main
    assert compile_protos(["protoc", f"-I{PROTO}", f"--descriptor_set_out={output}", *names]) == 0

    pool = descriptor_pool.DescriptorPool()
    # A file may only enter the pool after those it imports; protoc writes them in that order.
    for file in descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes()).file:
        pool.AddSerializedFile(file.SerializeToString())
    return {name: pool.FindFileByName(name) for name in names}


@pytest.fixture(scope="module")
def ours(files: dict[str, FileDescriptor]) -> Facts:
    """Return all facts of `proto/`."""
    return {name: fact for file in files.values() for name, fact in file_facts(file).items()}


@pytest.fixture(scope="module")
def theirs() -> Facts:
    """Return all facts of Triton's client."""
    modules = [importlib.import_module(name) for name in CLIENT_MODULES]
    return {name: fact for module in modules for name, fact in file_facts(module.DESCRIPTOR).items()}


def test_everything_the_client_knows_is_ours_to_the_letter(ours: Facts, theirs: Facts) -> None:
    """Every message, field, enum value and call of the client stands in `proto/` unchanged."""
    differing = {
        name: {"client": fact, "ours": ours.get(name)}
        for name, fact in theirs.items()
        if ours.get(name) != fact
    }
    assert differing == {}


def test_the_contract_adds_nothing_that_is_not_written_down(ours: Facts, theirs: Facts) -> None:
    """A name that the client lacks is a slip unless it is listed as newer than the client."""
    added = {name for name in ours if not name.startswith(HEALTH)} - theirs.keys()
    assert added == NEWER_THAN_THE_CLIENT


def test_the_comparison_covers_a_service_of_twenty_calls(theirs: Facts) -> None:
    """Guard against a comparison that passes because it found nothing to compare."""
    calls = [name for name, fact in theirs.items() if isinstance(fact, CallFact)]
    assert len(calls) == 20
    assert len([fact for fact in theirs.values() if isinstance(fact, FieldFact)]) > 350


def test_health_is_the_standard_protocol(ours: Facts) -> None:
    """The health service has the names, numbers and streaming of gRPC's own definition."""
    status = f"{HEALTH}HealthCheckResponse.status"
    expected: Facts = {
        "Health.Check": CallFact(
            f"{HEALTH}HealthCheckRequest",
            f"{HEALTH}HealthCheckResponse",
            client_streams=False,
            server_streams=False,
        ),
        "Health.Watch": CallFact(
            f"{HEALTH}HealthCheckRequest",
            f"{HEALTH}HealthCheckResponse",
            client_streams=False,
            server_streams=True,
        ),
        "HealthCheckResponse.ServingStatus.UNKNOWN": 0,
        "HealthCheckResponse.ServingStatus.SERVING": 1,
        "HealthCheckResponse.ServingStatus.NOT_SERVING": 2,
        "HealthCheckResponse.ServingStatus.SERVICE_UNKNOWN": 3,
    }
    assert {name: ours[HEALTH + name] for name in expected} == expected
    assert isinstance(service := ours[f"{HEALTH}HealthCheckRequest.service"], FieldFact)
    assert service.number == 1
    assert isinstance(field := ours[status], FieldFact)
    assert (field.number, field.type_name) == (1, f"{HEALTH}HealthCheckResponse.ServingStatus")


def test_importing_the_model_configuration_brings_all_its_parts(
    files: dict[str, FileDescriptor],
) -> None:
    """Parts are imported publicly, so that a user of model_config.proto needs no other import."""
    config = files["model_config.proto"]
    assert {file.name for file in config.public_dependencies} == {
        "model_execution.proto",
        "model_scheduling.proto",
        "model_tensors.proto",
    }
