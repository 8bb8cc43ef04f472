"""How the text after a flag becomes a value. Each reader raises ``ValueError`` with what was expected."""

import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Reader = Callable[[str], Any]

_UNIX = "unix:"
_LONGEST_SOCKET_PATH = 107
"""What the system has room for, less the byte that ends it."""
_EVERY_PERMISSION = 0o777

APIS = (
    "health",
    "metadata",
    "inference",
    "shared-memory",
    "model-config",
    "model-repository",
    "statistics",
    "trace",
    "logging",
)
"""Parts of the protocol that can be restricted."""
_LETTERS_OF_A_HEADER = frozenset("!#$%&'*+-.^_`|~" + string.ascii_letters + string.digits)

_BOOLEANS = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


@dataclass(frozen=True)
class Kind:
    """What a flag takes."""

    metavar: str
    """How help names it."""
    read: Reader


def _boolean(text: str) -> bool:
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise ValueError("expected true or false (on, off, 1, 0)")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("expected a number") from None


def _verbosity(text: str) -> int:
    value = _BOOLEANS.get(text.lower())
    return int(value) if value is not None and not text.isdigit() else _whole(text, 0, None)


def _whole(text: str, least: int, most: int | None) -> int:
    span = f"from {least} to {most}" if most is not None else f"of at least {least}"
    try:
        value = int(text)
    except ValueError:
        raise ValueError(f"expected a whole number {span}") from None
    if value < least or (most is not None and value > most):
        raise ValueError(f"expected a whole number {span}")
    return value


def _setting(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not (key and separator and value) or "," in key:
        raise ValueError("expected SETTING=VALUE")
    return key, value


def _named_setting(text: str) -> tuple[str, str, str]:
    """Read ``NAME,SETTING=VALUE``; without a name the setting holds for all, and the name is empty."""
    head, separator, value = text.partition("=")
    name, comma, key = head.rpartition(",")
    if not (key and separator and value) or (comma and not name):
        raise ValueError("expected NAME,SETTING=VALUE, or SETTING=VALUE for all")
    return name, key, value


def _cache_setting(text: str) -> tuple[str, str, str]:
    """Read ``NAME,SETTING=VALUE``; no setting holds for all caches."""
    head, separator, value = text.partition("=")
    name, comma, key = head.partition(",")
    if not (name and comma and key and separator):
        raise ValueError("expected NAME,SETTING=VALUE, such as local,size=104857600")
    return name, key, value


def _supply(text: str) -> tuple[str, int, int | None]:
    """Read ``NAME:COUNT`` or ``NAME:COUNT:DEVICE``."""
    name, *numbers = text.split(":")
    if not name or len(numbers) not in (1, 2) or not all(one.isascii() and one.isdigit() for one in numbers):
        raise ValueError("expected NAME:COUNT or NAME:COUNT:DEVICE, such as R1:4")
    return name, int(numbers[0]), int(numbers[1]) if numbers[1:] else None


def whole(least: int = 0, most: int | None = None) -> Kind:
    """Take a whole number within bounds."""
    return Kind("NUMBER", lambda text: _whole(text, least, most))


def choice(*words: str) -> Kind:
    """Take one of some words, in any case."""
    spelled = {word.lower(): word for word in words}

    def read(text: str) -> str:
        if text.lower() not in spelled:
            raise ValueError(f"expected {' or '.join(words)}")
        return spelled[text.lower()]

    return Kind("|".join(words), read)


def _place(text: str) -> str:
    """Read an address, or ``unix:PATH``, which gRPC clients also write ``unix://PATH``."""
    if not text.startswith(_UNIX):
        return _filled(text)
    path = text.removeprefix(_UNIX)
    path = path.removeprefix("//") if path.startswith("///") else path
    if not path or path.startswith("//"):
        raise ValueError("expected unix:PATH, the path of a socket")
    if len(path.encode()) > _LONGEST_SOCKET_PATH:
        raise ValueError(f"the path of a socket has {_LONGEST_SOCKET_PATH} bytes at most")
    return f"{_UNIX}{path}"


def _restriction(text: str) -> tuple[tuple[str, ...], str, str]:
    apis, colon, secret = text.partition(":")
    key, equals, value = secret.partition("=")
    if not (apis and colon and key and equals and value):
        raise ValueError("expected API1,API2:KEY=VALUE")
    names = tuple(apis.split(","))
    unknown = [f"'{name}'" for name in names if name not in APIS]
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: unknown; there are {', '.join(APIS)}")
    if not set(key) <= _LETTERS_OF_A_HEADER:
        raise ValueError(f"'{key}' cannot be the name of a header")
    if not value.isascii() or not value.isprintable() or value != value.strip():
        raise ValueError("the value cannot be sent in a header: letters, digits and signs of ASCII can")
    return names, key, value


def _mode(text: str) -> int:
    try:
        value = int(text, 8)
    except ValueError:
        value = -1
    if not 0 <= value <= _EVERY_PERMISSION:
        raise ValueError("expected permissions as chmod takes them in octal, such as 660")
    return value


def _filled(text: str) -> str:
    if not text:
        raise ValueError("expected some text, found none")
    return text


NOTHING = Kind("", lambda _text: True)
"""A flag that stands alone."""
BOOLEAN = Kind("true|false", _boolean)
NUMBER = Kind("NUMBER", _number)
VERBOSITY = Kind("NUMBER", _verbosity)
PORT = Kind("PORT", lambda text: _whole(text, 0, 65535))
TEXT = Kind("TEXT", _filled)
FOLDER = Kind("FOLDER", _filled)
FILE = Kind("FILE", str)
PLACE = Kind("ADDRESS", _place)
MODE = Kind("MODE", _mode)
RESTRICTION = Kind("API,...:KEY=VALUE", _restriction)
SETTING = Kind("SETTING=VALUE", _setting)
NAMED_SETTING = Kind("NAME,SETTING=VALUE", _named_setting)
SUPPLY = Kind("NAME:COUNT[:DEVICE]", _supply)
CACHE_SETTING = Kind("NAME,SETTING=VALUE", _cache_setting)
ANY = Kind("VALUE", str)
