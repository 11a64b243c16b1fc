"""A model file's protobuf, read without ONNX: strict, bounded, and no more of it than a pellucid file holds.

The wire format is that of https://protobuf.dev/programming-guides/encoding and the fields are those of `onnx.proto`. A
field that is not listed here, a field given twice where one is meant, or a group is refused: what this reader does not
see, ONNX Runtime cannot come to see either. Functions, subgraphs, sparse tensors and training graphs end here.

`read_foreign` does the same for files that other programs wrote: it knows more fields, and passes over those that say
nothing of where the file could reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pellucid.common import PellucidError

MAX_FIELDS = 50_000
"""Of a whole file; a network of 100 convolutions has about 5,000."""
MAX_TEXT = 256
"""Bytes of a name or another short string."""
MAX_CARD = 65_536
"""Bytes of the card."""
MAX_LIST = 16
"""Numbers in one list of an attribute or of dimensions; two per axis are the most that any operator here takes."""


@dataclass(frozen=True)
class _Field:
    """A field's name and its kind: int, text, card, bytes, skip, or the fields of a message; many of it, or one."""

    name: str
    kind: str | Mapping[int, _Field]
    many: bool = False


_ENTRY = {1: _Field("key", "text"), 2: _Field("value", "card")}
_TENSOR = {
    1: _Field("dims", "int", many=True),
    2: _Field("data_type", "int"),
    8: _Field("name", "text"),
    9: _Field("raw_data", "bytes"),
    13: _Field("external_data", _ENTRY, many=True),
    14: _Field("data_location", "int"),
}
_ATTRIBUTE = {
    1: _Field("name", "text"),
    3: _Field("i", "int"),
    8: _Field("ints", "int", many=True),
    20: _Field("type", "int"),
}
_NODE = {
    1: _Field("input", "text", many=True),
    2: _Field("output", "text", many=True),
    3: _Field("name", "text"),
    4: _Field("op_type", "text"),
    5: _Field("attribute", _ATTRIBUTE, many=True),
    7: _Field("domain", "text"),
}
_DIMENSION = {1: _Field("dim_value", "int"), 2: _Field("dim_param", "text")}
_SHAPE = {1: _Field("dim", _DIMENSION, many=True)}
_TENSOR_TYPE = {1: _Field("elem_type", "int"), 2: _Field("shape", _SHAPE)}
_PORT = {1: _Field("name", "text"), 2: _Field("type", {1: _Field("tensor_type", _TENSOR_TYPE)})}
_GRAPH = {
    1: _Field("node", _NODE, many=True),
    2: _Field("name", "text"),
    5: _Field("initializer", _TENSOR, many=True),
    11: _Field("input", _PORT, many=True),
    12: _Field("output", _PORT, many=True),
}
_OPSET = {1: _Field("domain", "text"), 2: _Field("version", "int")}
_MODEL = {
    1: _Field("ir_version", "int"),
    2: _Field("producer_name", "text"),
    3: _Field("producer_version", "text"),
    7: _Field("graph", _GRAPH),
    8: _Field("opset_import", _OPSET, many=True),
    14: _Field("metadata_props", _ENTRY, many=True),
}


def _skip(*numbers: int) -> dict[int, _Field]:
    return {number: _Field(f"skipped {number}", "skip", many=True) for number in numbers}


# What other programs write as well: numbers of other types, documentation, and shapes of tensors in between.
_FOREIGN_TENSOR = _TENSOR | _skip(4, 5, 7, 10, 11, 12, 16)
_FOREIGN_ATTRIBUTE = {
    1: _Field("name", "text"),
    5: _Field("t", _FOREIGN_TENSOR),
    10: _Field("tensors", _FOREIGN_TENSOR, many=True),
    **_skip(2, 3, 4, 7, 8, 9, 13, 20),
}
_FOREIGN_NODE = {**_NODE, 5: _Field("attribute", _FOREIGN_ATTRIBUTE, many=True), **_skip(6, 8, 9)}
_FOREIGN_SHAPE = {1: _Field("dim", _DIMENSION | _skip(3), many=True)}
_FOREIGN_TYPE = {1: _Field("elem_type", "int"), 2: _Field("shape", _FOREIGN_SHAPE)}
_FOREIGN_PORT = {1: _Field("name", "text"), 2: _Field("type", {1: _Field("tensor_type", _FOREIGN_TYPE), **_skip(6)})}
_FOREIGN_GRAPH = {
    1: _Field("node", _FOREIGN_NODE, many=True),
    2: _Field("name", "text"),
    5: _Field("initializer", _FOREIGN_TENSOR, many=True),
    11: _Field("input", _FOREIGN_PORT | _skip(3, 4), many=True),
    12: _Field("output", _FOREIGN_PORT | _skip(3, 4), many=True),
    **_skip(10, 13, 14, 16),
}
_FOREIGN_MODEL = {1: _Field("ir_version", "int"), 7: _Field("graph", _FOREIGN_GRAPH), **_skip(2, 3, 4, 5, 6, 8, 14)}

Message = dict[str, Any]
"""A message's fields by name: every field of its table is there, as a list or, if it was not in the file, as None."""


def read(content: bytes) -> Message:
    """Read an ONNX `ModelProto`; a tensor's `raw_data` stays a view of `content`.

    Raises
    ------
    PellucidError
        If it is not one, is damaged, or holds what no pellucid file holds; the text completes "it ...".
    """
    return _Reader().message(memoryview(content), _MODEL, "model")


def read_foreign(content: bytes) -> Message:
    """Read an ONNX `ModelProto` that another program wrote; parameters and errors as `read`."""
    return _Reader(fixed=True).message(memoryview(content), _FOREIGN_MODEL, "model")


class _Reader:
    """Counts the fields of one file. Messages nest only as deep as the tables above.

    With `fixed`, fields of four or eight bytes, such as single floats, may be there to be skipped.
    """

    def __init__(self, fixed: bool = False) -> None:
        self.left = MAX_FIELDS
        self.fixed = {1: 8, 5: 4} if fixed else {}

    def message(self, data: memoryview, table: Mapping[int, _Field], where: str) -> Message:
        found: Message = {field.name: [] if field.many else None for field in table.values()}
        for number, wire, value in self.fields(data):
            field = table.get(number)
            if field is None:
                raise PellucidError(f"holds field {number} of a {where}, which pellucid does not allow")
            if not field.many and found[field.name] is not None:
                raise PellucidError(f"is damaged: {field.name} of a {where} is there twice")
            if field.many:
                values = self.values(field, wire, value)
                found[field.name].extend(values)
                if field.kind == "int" and len(found[field.name]) > MAX_LIST:
                    raise PellucidError(f"is not allowed: {field.name} of a {where} has more than {MAX_LIST} numbers")
            else:
                found[field.name] = self.value(field, wire, value)
        return found

    def fields(self, data: memoryview) -> Iterator[tuple[int, int, Any]]:
        """Yield (field number, wire type, number or bytes) for all that `data` holds."""
        position = 0
        while position < len(data):
            self.left -= 1
            if self.left < 0:
                raise PellucidError(f"holds more than {MAX_FIELDS} fields, which no pellucid network needs")
            tag, position = _varint(data, position)
            wire = tag & 7
            if wire == 0:
                value, position = _varint(data, position)
                yield tag >> 3, wire, value
                continue
            if wire == 2:
                length, position = _varint(data, position)
            elif wire in self.fixed:
                length = self.fixed[wire]
            else:
                raise PellucidError("is damaged, or not an ONNX file")
            if length > len(data) - position:
                raise PellucidError("is damaged: it ends too early, or is not an ONNX file")
            yield tag >> 3, wire, data[position : position + length]
            position += length

    def values(self, field: _Field, wire: int, value: Any) -> list[Any]:
        """The values of a repeated field; numbers may come packed."""
        if field.kind != "int" or wire != 2:
            return [self.value(field, wire, value)]
        numbers: list[int] = []
        position = 0
        while position < len(value) and len(numbers) <= MAX_LIST:
            number, position = _varint(value, position)
            numbers.append(_signed(number))
        return numbers

    def value(self, field: _Field, wire: int, value: Any) -> Any:
        if field.kind == "skip":
            return None
        if wire != (0 if field.kind == "int" else 2):
            raise PellucidError(f"is damaged: {field.name} is of another type than ONNX says")
        if not isinstance(field.kind, str):
            return self.message(value, field.kind, field.name)
        if field.kind == "int":
            return _signed(value)
        return value if field.kind == "bytes" else _text(field, value)


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """(The number of at most 64 bits at `position`, the position after it)."""
    result = 0
    for index in range(10):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << (7 * index)
        if byte < 0x80 and result < 1 << 64:
            return result, position
    raise PellucidError("is damaged: it ends too early, or is not an ONNX file")


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


def _text(field: _Field, value: memoryview) -> str:
    if len(value) > (MAX_CARD if field.kind == "card" else MAX_TEXT):
        raise PellucidError(f"is not allowed: its {field.name} is {len(value):,} bytes long")
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError as error:
        raise PellucidError(f"is damaged: its {field.name} is not text") from error
