"""Frozen dataclasses from the plain values of JSON or TOML: every key known and present, each of its type."""

import dataclasses
import json
import math
import types
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, NoReturn, TypeVar, Union, cast, get_args, get_origin

from jdm_core.files import read_file

T = TypeVar("T")
MAX_JSON_BYTES = 4 * 2**20


class RecordError(ValueError):
    """Values that do not make the record; the message says where and which key, on one line."""


def read_json(path: Path) -> dict[str, Any]:
    """The object that a file of at most `MAX_JSON_BYTES` holds, all numbers in it finite.

    Raises RecordError for what is no such file, with the path and the reason on one line.
    """
    try:
        text = read_file(path, MAX_JSON_BYTES).decode("utf-8")
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise RecordError(f"{path}: {error}") from error
    return parse_json(text, str(path))


def parse_json(text: str, where: str) -> dict[str, Any]:
    """The object that a text holds, all numbers in it finite; RecordError, of which `where` opens the message."""
    try:
        values = json.loads(text, parse_float=_finite, parse_constant=_no_number)
    except RecursionError as error:
        raise RecordError(f"{where}: nested too deeply") from error
    except ValueError as error:  # what is no JSON, and numbers without end
        raise RecordError(f"{where}: {error}") from error
    if not isinstance(values, dict):
        raise RecordError(f"{where}: not an object of JSON")
    return values


def build_record(cls: type[T], values: Any, where: str) -> T:
    """An instance of dataclass `cls`, nested ones included; `where` opens every message.

    Raises RecordError for what has no keys, an unknown or wrongly typed key, a missing one that has no default, or
    values that the class refuses.
    """
    if not isinstance(values, dict):
        raise RecordError(f"{where}: {shortened(values)} has no keys")
    fields = {field.name: field for field in dataclasses.fields(cast(Any, cls))}
    for key in values:
        if key not in fields:
            raise RecordError(f"{where}: unknown key {shortened(key)} (known: {', '.join(fields)})")
    for key, field in fields.items():
        if key not in values and field.default is dataclasses.MISSING:
            raise RecordError(f"{where}: missing key {key!r}")
    try:
        return cls(**{key: _convert(fields[key].type, value, f"{where}: {key}") for key, value in values.items()})
    except RecordError:
        raise
    except (ValueError, ArithmeticError) as error:
        raise RecordError(f"{where}: {error}") from error


def _convert(kind: Any, value: Any, where: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind):
        return build_record(cast(type[Any], kind), value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_convert(inner[0], item, where) for item in value)
    if origin is dict and isinstance(value, dict):
        return {key: _convert(inner[1], item, f"{where}.{shortened(key)}") for key, item in value.items()}
    if origin in (Union, types.UnionType):
        return None if value is None else _convert(next(k for k in inner if k is not type(None)), value, where)
    if kind is Any:
        return value
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return _as_float(value, where)
    if isinstance(kind, type) and isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise RecordError(f"{where}: {shortened(value)} is not of type {getattr(kind, '__name__', kind)}")


def _as_float(value: float, where: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RecordError(f"{where}: {shortened(value)} is not a finite number")
    return number


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{shortened(text)} is not a finite number")
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")
