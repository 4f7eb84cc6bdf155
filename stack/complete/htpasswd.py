"""The registry's list of users: lines `user:hash`, the hash by bcrypt, the only one that the registry reads."""

from collections.abc import Mapping

import bcrypt

# 2**8 rounds take 14 ms. The registry checks the password in each request of a push or pull, up to fifty times for one
# image, and .env beside this file has the passwords in clear text: more rounds would protect nothing.
COST = 8


def htpasswd(passwords: Mapping[str, str], before: str) -> str:
    """A line for each user. A line of `before`, the present list, is kept unchanged if its password is still right."""
    known = dict(line.split(":", 1) for line in before.splitlines() if ":" in line)
    return "".join(f"{user}:{_hash(password, known.get(user, ''))}\n" for user, password in passwords.items())


def _hash(password: str, known: str) -> str:
    return known if _matches(password, known) else bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST)).decode()


def _matches(password: str, known: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode(), known.encode())
    except ValueError:  # not a bcrypt hash
        return False
