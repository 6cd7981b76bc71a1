"""TensorFlow's Example and SequenceExample messages, read without TensorFlow.

As in tensorflow/core/example/{feature,example}.proto. Examples are read as SequenceExamples: their only field has the
number and the type of the other's context.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from matcher_training.data.sequences import invalid

_PACKAGE = "needledrop.tf"
_FIELD = descriptor_pb2.FieldDescriptorProto
_ONE, _MANY = _FIELD.LABEL_OPTIONAL, _FIELD.LABEL_REPEATED


@dataclass(frozen=True)
class Example:
    """A parsed record; `where` names it in errors. Absent features and those of another type raise `FeatureError`."""

    _message: Any
    where: str

    def has(self, name: str) -> bool:
        return name in self._message.context.feature

    def has_frames(self, name: str) -> bool:
        return name in self._message.feature_lists.feature_list

    def text(self, name: str) -> str:
        """The first value of a bytes feature."""
        values = self._values(self._feature(name), "bytes", name)
        return bytes(values[0]).decode("utf-8", "replace") if values else ""

    def integers(self, name: str) -> list[int]:
        """All values of an int64 feature."""
        return list(self._values(self._feature(name), "int64", name))

    def floats(self, name: str) -> npt.NDArray[np.float32]:
        """float32 [n], all values of a float feature."""
        return np.array(self._values(self._feature(name), "float", name), np.float32)

    def frames(self, name: str) -> npt.NDArray[np.uint8]:
        """uint8 [T, D] of a feature list with one byte string a frame, all equally long."""
        # Looked up first: reading an absent entry of a protobuf map would add it.
        features = self._message.feature_lists.feature_list[name].feature if self.has_frames(name) else []
        rows = [b"".join(self._values(feature, "bytes", name)) for feature in features]
        if not rows or len({len(row) for row in rows}) > 1:
            raise invalid(f"{self.where}: “{name}” holds no frames, or frames of different lengths")
        return np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), -1)

    @property
    def names(self) -> list[str]:
        """All features that the record holds, for messages."""
        return sorted([*self._message.context.feature, *self._message.feature_lists.feature_list])

    def _feature(self, name: str) -> Any:
        if not self.has(name):
            raise invalid(f"{self.where}: no feature “{name}”; it holds {', '.join(self.names) or 'nothing'}")
        return self._message.context.feature[name]

    def _values(self, feature: Any, kind: str, name: str) -> Any:
        if feature.WhichOneof("kind") != f"{kind}_list":
            raise invalid(f"{self.where}: “{name}” is not a list of {kind} values")
        return getattr(feature, f"{kind}_list").value


def parse_example(record: bytes, where: str) -> Example:
    """A serialised Example or SequenceExample; `FeatureError` naming `where` for anything else."""
    try:
        return Example(_message_class().FromString(record), where)
    except message.DecodeError as error:
        raise invalid(f"{where} is no TensorFlow example") from error


@cache
def _message_class() -> Any:
    """SequenceExample's class, from a pool of its own: TensorFlow may be loaded in the same process."""
    file = descriptor_pb2.FileDescriptorProto(name="needledrop_tf_example.proto", package=_PACKAGE, syntax="proto3")
    for kind, scalar in (("Bytes", _FIELD.TYPE_BYTES), ("Float", _FIELD.TYPE_FLOAT), ("Int64", _FIELD.TYPE_INT64)):
        _field(_type(file, f"{kind}List"), "value", 1, _MANY, scalar=scalar)
    feature = _type(file, "Feature")
    feature.oneof_decl.add(name="kind")
    for number, kind in enumerate(("Bytes", "Float", "Int64"), start=1):
        _field(feature, f"{kind.lower()}_list", number, _ONE, kind=f"{kind}List").oneof_index = 0
    _map(_type(file, "Features"), "feature", "Feature")
    _field(_type(file, "FeatureList"), "feature", 1, _MANY, kind="Feature")
    _map(_type(file, "FeatureLists"), "feature_list", "FeatureList")
    sequence = _type(file, "SequenceExample")
    _field(sequence, "context", 1, _ONE, kind="Features")
    _field(sequence, "feature_lists", 2, _ONE, kind="FeatureLists")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.SequenceExample"))


def _type(file: Any, name: str) -> Any:
    return file.message_type.add(name=name)


def _field(owner: Any, name: str, number: int, label: int, kind: str = "", scalar: int | None = None) -> Any:
    if scalar is not None:
        return owner.field.add(name=name, number=number, label=label, type=scalar)
    return owner.field.add(
        name=name, number=number, label=label, type=_FIELD.TYPE_MESSAGE, type_name=f".{_PACKAGE}.{kind}"
    )


def _map(owner: Any, name: str, value: str) -> None:
    """A `map<string, value>`: on the wire, and in a descriptor, repeated entries of key and value."""
    entry = owner.nested_type.add(name=f"{''.join(word.title() for word in name.split('_'))}Entry")
    entry.options.map_entry = True
    _field(entry, "key", 1, _ONE, scalar=_FIELD.TYPE_STRING)
    _field(entry, "value", 2, _ONE, kind=value)
    _field(owner, name, 1, _MANY, kind=f"{owner.name}.{entry.name}")
