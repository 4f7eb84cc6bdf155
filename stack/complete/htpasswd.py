"""The registry's list of users: lines `user:hash`, the hash by bcrypt, the only one that the registry reads."""

from collections.abc import Mapping

import bcrypt

# 2**8 rounds, 14 ms. The registry checks the password of each request of a push or pull anew, up to fifty for one
# image, and the passwords stand in clear in the .env beside this file: more rounds would protect nothing.
COST = 8


def htpasswd(passwords: Mapping[str, str], before: str) -> str:
    """A line for each user. Of `before`, the list so far, a line whose password still holds is kept to the letter."""
    known = dict(line.split(":", 1) for line in before.splitlines() if ":" in line)
    return "".join(f"{user}:{_hash(password, known.get(user, ''))}\n" for user, password in passwords.items())


def _hash(password: str, known: str) -> str:
    return known if _matches(password, known) else bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST)).decode()


def _matches(password: str, known: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode(), known.encode())
    except ValueError:  # no hash of bcrypt's
        return False
