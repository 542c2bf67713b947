"""Frozen dataclasses from the plain values of JSON or TOML: every key known and present, each of its type."""

import dataclasses
import types
from typing import Any, TypeVar, Union, get_args, get_origin

T = TypeVar("T")


class RecordError(ValueError):
    """Values that do not make the record; the message says where and which key."""


def build_record(cls: type[T], values: dict[str, Any], where: str) -> T:
    """An instance of dataclass `cls`, nested ones included; `where` opens every message.

    Raises RecordError for an unknown or wrongly typed key, a missing one that has no default, or values that the
    class refuses.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for key in values:
        if key not in fields:
            raise RecordError(f"{where}: unknown key {key!r} (known: {', '.join(fields)})")
    for key, field in fields.items():
        if key not in values and field.default is dataclasses.MISSING:
            raise RecordError(f"{where}: missing key {key!r}")
    try:
        return cls(**{key: _convert(fields[key].type, value, f"{where}: {key}") for key, value in values.items()})
    except RecordError:
        raise
    except ValueError as error:
        raise RecordError(f"{where}: {error}") from error


def _convert(kind: Any, value: Any, where: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        return build_record(kind, value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_convert(inner[0], item, where) for item in value)
    if origin is dict and isinstance(value, dict):
        return {key: _convert(inner[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin in (Union, types.UnionType):
        return None if value is None else _convert(next(k for k in inner if k is not type(None)), value, where)
    if kind is Any:
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(kind, type) and isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise RecordError(f"{where}: {value!r} is not of type {getattr(kind, '__name__', kind)}")
