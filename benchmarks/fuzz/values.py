"""JSON as nobody should send it: values exchanged for hostile ones, keys lost and added, deep and wide nesting."""

import json
import random
from typing import Any

NUMBERS = (0, -1, 1, 0.0, -1.5, 1e308, 2**31, 2**63, 10**30, 16_000_000, float("nan"), float("inf"), -float("inf"))
WORDS = (
    "",
    "\0",
    "../" * 8 + "etc/passwd",
    "/dev/zero",
    "/dev/stdin",
    "weights/../../x",
    "CON",
    "é\u202e",
    "=1+1",
    "x" * 5000,
    "http://127.0.0.1:1/",
    "file:///etc/passwd",
    "data:image/png;base64,AAAA",
    "None",
    "0",
    "malaria-64",
)
OTHERS = (None, True, False, [], {}, [[]], [None], {"": None}, {"a": {"b": {}}})
DEPTHS = (10, 200, 20_000)


def spoiled(value: Any, rng: random.Random) -> Any:
    """A copy of JSON's values with one to three places of it changed."""
    value = json.loads(json.dumps(value))
    for _ in range(rng.randint(1, 3)):
        value = _spoil(value, rng)
    return value


def text(value: Any, rng: random.Random) -> bytes:
    """The bytes of a value; at times nested, cut off, with a key twice, a number without end or what is no UTF-8."""
    words = json.dumps(value)
    how = rng.randrange(12)
    if how == 0:
        depth = rng.choice(DEPTHS)
        words = "[" * depth + words + "]" * depth
    elif how == 1:
        depth = rng.choice(DEPTHS)
        words = '{"a":' * depth + words + "}" * depth
    elif how == 2:
        words = words[: rng.randrange(len(words) + 1)]
    elif how == 3 and ":" in words:
        at = words.index(":") + 1
        words = words[:at] + rng.choice(("9" * 5000, "1e999999", "-", "0" * 5000, "NaN")) + words[at:]
    elif how == 4:
        words = words.replace("{", '{"data": [], ' if '"data"' in words else '{"x": 1, "x": 2, ', 1)
    elif how == 5:
        words = "[" + ",".join(["[]"] * rng.choice((1000, 200_000))) + "]"
    elif how == 6:
        return words.encode("utf-16" if rng.random() < 0.5 else "utf-8") + rng.randbytes(4)
    return words.encode("utf-8", "surrogatepass")


def _spoil(value: Any, rng: random.Random) -> Any:
    """Goes down to a random place and changes what is there."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        how = rng.random()
        if how < 0.05:
            del value[key]
        elif how < 0.1:
            value[rng.choice(WORDS)] = _hostile(rng)
        else:
            value[key] = _spoil(value[key], rng)
        return value
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        if rng.random() < 0.15:
            return value[:at] + value[at:] * rng.choice((0, 2, 50))
        value[at] = _spoil(value[at], rng)
        return value
    return _hostile(rng)


def _hostile(rng: random.Random) -> Any:
    return json.loads(json.dumps(rng.choice(rng.choice((NUMBERS, WORDS, OTHERS)))))
