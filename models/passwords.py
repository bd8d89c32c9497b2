"""Keeps passwords so that even a stolen database does not tell them."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from models.reasons import Reason, reason

SHORTEST = 10  # ASVS 6.2.1 asks for 8; no rules of composition (6.2.5)
LONGEST = 200
# The ones that guessing starts with; shorter ones are refused by their length.
COMMON = frozenset(
    """1234567890 0123456789 12345678910 123456789a a123456789 qwertyuiop 1q2w3e4r5t 1qaz2wsx3edc
    password12 password123 passw0rd123 administrator adminadmin ridgewatch ridgewatch1
    0987654321 1111111111 0000000000 5201314520 woaini1314 woaini520520 iloveyou123""".split()
)
_hasher = PasswordHasher()  # 64 MiB, 3 passes, 4 lanes: about 100 ms
# Each check takes 64 MiB, so that a flood of them would take the machine's memory.
_at_once = threading.BoundedSemaphore(3)
# Checked where there is no such account, so that the answer takes as long. Nobody knows its text.
_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$V4t7IGXnaZ7llO/33aigoQ"
    "$UY9TjIOUPjdM9sx8kjEWD4O1V902KRS3nDN8UTXQhkM"
)


def why_not_password(password: str, *, email: str = "") -> Reason | None:
    """Say why this can't be a password; None where it can."""
    if len(password) < SHORTEST:
        return reason("password.too_short", shortest=SHORTEST)
    if len(password) > LONGEST:
        return reason("password.too_long", longest=LONGEST)
    plain = password.casefold()
    name = email.split("@")[0].casefold()
    if plain in COMMON or len(set(plain)) < 4 or plain in (email.casefold(), name * 2):
        return reason("password.too_common")
    return None


def hash_password(password: str) -> str:
    """Return what is kept of a password."""
    with _at_once:
        return _hasher.hash(password)


def is_password(kept: str | None, password: str) -> bool:
    """Whether this is the password; takes as long where there is none."""
    try:
        with _at_once:
            # A long text is cut: hashing a megabyte would be a way to keep us busy.
            _hasher.verify(kept or _NOBODY, password[: LONGEST + 1])
    except (VerifyMismatchError, InvalidHashError):
        return False
    return kept is not None
