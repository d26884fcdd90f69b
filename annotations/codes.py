"""Codes that sign people in: how they are drawn, typed, and hashed.

A code looks like ``7Q0M4RZD-K3TW-9XAB-41HF-V8NE-2JCS``, in Crockford's base 32: eight characters by which its
row is found, and a secret of 100 random bits, of which only the argon2 hash is stored.

Source: the alphabet is Douglas Crockford's Base 32; the parameters of argon2id are the least that OWASP's
Password Storage Cheat Sheet gives. They are enough here: a secret of 100 random bits cannot be guessed.
"""

import secrets
import unicodedata
from functools import lru_cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

PUBLIC_LENGTH: Final = 8
SECRET_LENGTH: Final = 20  # 5 bits a character
_GROUP: Final = 4
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})
# Hyphens of every kind, spaces, line ends, and marks without a width: what mail programs make of a code.
_IGNORED: Final = frozenset(("Pd", "Zs", "Zl", "Zp", "Cc", "Cf"))
_LONGEST_TYPED: Final = 200

hasher: PasswordHasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""Argon2id with the present parameters; a hash made with others is made anew at the next sign-in."""


def draw_code() -> tuple[str, str]:
    """Draw the public and the secret part of a new code."""
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(PUBLIC_LENGTH + SECRET_LENGTH))
    return drawn[:PUBLIC_LENGTH], drawn[PUBLIC_LENGTH:]


def write_code(public: str, secret: str) -> str:
    """Write a code as it is handed to a person, in groups that are easily typed."""
    return "-".join((public, *(secret[at : at + _GROUP] for at in range(0, len(secret), _GROUP))))


def read_code(typed: str) -> tuple[str, str] | None:
    """Read a code as somebody typed it: any case, hyphens and spaces anywhere, O for 0, and I or L for 1.

    Args:
        typed: What came from outside; may be anything.

    Returns:
        The public and the secret part, or None where it is no code.
    """
    if len(typed) > _LONGEST_TYPED:
        return None
    kept = (
        char for char in unicodedata.normalize("NFKC", typed) if unicodedata.category(char) not in _IGNORED
    )
    code = "".join(kept).upper().translate(_READ_AS)
    if len(code) != PUBLIC_LENGTH + SECRET_LENGTH or not set(code) <= set(_ALPHABET):
        return None
    return code[:PUBLIC_LENGTH], code[PUBLIC_LENGTH:]


def matches(code_hash: str, secret: str) -> bool:
    """Tell whether a secret is the one that was hashed; takes about 20 ms whatever the answer."""
    try:
        return hasher.verify(code_hash, secret)
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def nobodys_hash() -> str:
    """Return the hash of a secret that nobody has, to be compared where there is no invite."""
    return hasher.hash(secrets.token_hex())
