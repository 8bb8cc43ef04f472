"""The messages of ``proto/`` as tables, and the protobuf class of ``ModelConfig``.

Descriptors come from the extension and live in a pool of their own: a client library in the same process may
register the same names in the default pool.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from trilith.native import file_descriptor_set

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FieldDescriptorProto
    from google.protobuf.message import Message

ROOT: Final = "inference.ModelConfig"

# FieldDescriptorProto.Type and .Label, fixed by descriptor.proto.
_KINDS: Final = {
    1: "double",
    2: "float",
    3: "int64",
    4: "uint64",
    5: "int32",
    8: "bool",
    9: "string",
    11: "message",
    12: "bytes",
    13: "uint32",
    14: "enum",
}
_REPEATED: Final = 3

INTEGERS: Final[Mapping[str, tuple[int, int]]] = {
    "int32": (-(1 << 31), (1 << 31) - 1),
    "uint32": (0, (1 << 32) - 1),
    "int64": (-(1 << 63), (1 << 63) - 1),
    "uint64": (0, (1 << 64) - 1),
}
"""Smallest and largest value of each kind of integer."""


@dataclass(frozen=True)
class FieldType:
    """One field of a message."""

    name: str
    kind: str
    """``message``, ``enum``, ``string``, ``bool``, ``int32`` and so on."""
    repeated: bool = False
    """Whether it holds a list. A map is none."""
    type_name: str = ""
    """Of its message or enum."""
    oneof: str = ""
    """The group of which only one field may be set; empty if it is in none."""
    is_map: bool = False
    """Whether it maps; ``type_name`` is the message with the fields ``key`` and ``value``."""


class Schema:
    """Every message and enum that a descriptor set holds."""

    def __init__(self, serialized: bytes) -> None:
        """Load a serialized ``FileDescriptorSet``, whose files stand after the ones that they import."""
        # protobuf takes a dozen milliseconds to import, which only a process that reads models should pay.
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # noqa: PLC0415

        pool = descriptor_pool.DescriptorPool()
        self._messages: dict[str, DescriptorProto] = {}
        self._enums: dict[str, EnumDescriptorProto] = {}
        self._fields: dict[str, Mapping[str, FieldType]] = {}
        self._values: dict[str, Mapping[str, int]] = {}
        for file in descriptor_pb2.FileDescriptorSet.FromString(serialized).file:
            pool.AddSerializedFile(file.SerializeToString())
            self._enums |= {f"{file.package}.{enum.name}": enum for enum in file.enum_type}
            for message in file.message_type:
                self._index(f"{file.package}.{message.name}", message)
        self.message_class: type[Message] = message_factory.GetMessageClass(pool.FindMessageTypeByName(ROOT))

    def fields(self, message: str) -> Mapping[str, FieldType]:
        """Return the fields of a message by name, in the order of its declaration."""
        if message not in self._fields:
            declared = self._messages[message]
            self._fields[message] = {field.name: self._field(declared, field) for field in declared.field}
        return self._fields[message]

    def values(self, enum: str) -> Mapping[str, int]:
        """Return the numbers of an enum by name."""
        if enum not in self._values:
            self._values[enum] = {value.name: value.number for value in self._enums[enum].value}
        return self._values[enum]

    def owners(self, field: str) -> list[str]:
        """Return the plain names of the messages of a model configuration that have such a field."""
        found, queue = [], [ROOT]
        for message in queue:
            fields = self.fields(message)
            if field in fields and not message.endswith("Entry"):
                found.append(message.rpartition(".")[2])
            below = {entry.type_name for entry in fields.values() if entry.kind == "message"}
            queue += sorted(below.difference(queue))
        return found

    def _index(self, name: str, message: "DescriptorProto") -> None:
        self._messages[name] = message
        self._enums |= {f"{name}.{enum.name}": enum for enum in message.enum_type}
        for nested in message.nested_type:
            self._index(f"{name}.{nested.name}", nested)

    def _field(self, owner: "DescriptorProto", field: "FieldDescriptorProto") -> FieldType:
        type_name = field.type_name.removeprefix(".")
        kind = _KINDS[field.type]
        is_map = kind == "message" and self._messages[type_name].options.map_entry
        return FieldType(
            name=field.name,
            kind=kind,
            repeated=field.label == _REPEATED and not is_map,
            type_name=type_name,
            oneof=owner.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else "",
            is_map=is_map,
        )


@cache
def schema() -> Schema:
    """Return the schema that the extension was built with."""
    return Schema(file_descriptor_set())
