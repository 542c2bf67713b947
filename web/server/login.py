"""Who asks: logins by cookie or by name and password, wrong passwords slowed down, and requests of other sites."""

import base64
import binascii
import hmac
import ipaddress
import time
from collections import OrderedDict
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import cookie_parser

from jdm_core.report.words import noop
from web.server.bodies import Message, Refused
from web.server.private import user_of

FREE_TRIES = 5  # wrong passwords of one address until it has to wait
LONGEST_WAIT = 60.0  # seconds
FORGOTTEN = 900.0  # seconds after the last try
ADDRESSES = 10_000
TOO_MANY = noop("too many wrong passwords: try again in {seconds} s")
LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")


def visitor_of(scope: Message) -> str:
    """The address of whoever asks; of IPv6 its network, which one visitor has whole."""
    host = (scope.get("client") or ("",))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 6 and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(getattr(address, "ipv4_mapped", None) or address)


class Tries:
    """Passwords that were tried, by address: after a few wrong ones each must wait, ever longer."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, float, float]] = OrderedDict()  # tries, free from, last

    def begin(self, visitor: str) -> None:
        """Counts a try as wrong until it proves right. Raises Refused where it comes too early."""
        now = time.monotonic()
        tries, free, last = self._known.get(visitor, (0, 0.0, now))
        if now - last > FORGOTTEN:
            tries, free = 0, 0.0
        if now < free:
            wait = int(free - now) + 1
            raise Refused(429, TOO_MANY, {"seconds": wait}, {"retry-after": str(wait)})
        tries += 1
        wait = min(2.0 ** (tries - FREE_TRIES), LONGEST_WAIT) if tries >= FREE_TRIES else 0.0
        self._known[visitor] = tries, now + wait, now
        self._known.move_to_end(visitor)
        while len(self._known) > ADDRESSES:
            self._known.popitem(last=False)

    def right(self, visitor: str) -> None:
        """The last try was right."""
        self._known.pop(visitor, None)


class Door:
    """Lets in who is logged in, where a page has logins."""

    def __init__(self, logins: list[tuple[str, str]] | None) -> None:
        self.logins, self.tries = dict(logins) if logins else None, Tries()

    def check(self, scope: Message, headers: dict[bytes, bytes], app: Any, basic_too: bool) -> None:
        """Raises Refused where nobody is logged in: by the cookie of /login, or by HTTP's basic authentication.

        The latter is for clients that keep no cookies, and holds where `basic_too` says so.
        """
        if (
            self.logins is None
            or user_of(app, cookie_parser(headers.get(b"cookie", b"").decode("latin-1"))) is not None
        ):
            return
        basic = headers.get(b"authorization", b"")
        if basic_too and basic[:6].lower() == b"basic ":
            visitor = visitor_of(scope)
            self.tries.begin(visitor)
            if self._is_right(basic[6:]):
                self.tries.right(visitor)
                return
        raise Refused(401, {"error": "Not authenticated", "auth_message": None})

    def _is_right(self, encoded: bytes) -> bool:
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(password.encode(), (self.logins or {}).get(user, "").encode()) and bool(password)


def lax_cookie(value: bytes) -> bytes:
    """A Set-Cookie header whose cookie other sites' requests do not bear."""
    return value.replace(b"SameSite=none", b"SameSite=lax")


def is_of_other_site(headers: dict[bytes, bytes], sites: tuple[str, ...]) -> bool:
    """Whether a browser asks for a page of another site that is not among those that may."""
    origin = headers.get(b"origin", b"").decode("latin-1")
    if not origin or origin in sites:
        return False
    fetch = headers.get(b"sec-fetch-site")
    if fetch is not None:
        return fetch == b"cross-site"
    own, other = headers.get(b"host", b"").decode("latin-1"), urlsplit(origin).hostname
    # Without the browser's own word, a proxy may have changed the host: only of a page on this machine is it certain.
    return urlsplit(f"//{own}").hostname in LOOPBACK and other not in LOOPBACK
