"""Passwords that have broken bundles like this one, and a source of more."""

import random
import re

from hypothesis import strategies as st

from stack.settings import values

# Each for a reader on its way: .env, YAML, Compose, sh, URL, redis.conf, SQL, HTTP.
NASTY = (
    'it\'s "quoted" and `ticked`',
    "$HOME ${HOME} $$ ${x:?no} $(id) %(here)s %s %%",
    "@:/?#[]!&;=+,~^|<>*",
    "{{ braces }} {% block %} {# comment #}",
    "back\\slash \\n \\x41 \\' \\\" ends in one\\",
    "  spaces at both ends  ",
    "#begins like a comment # and has one",
    "'begins and ends with quotes'",
    '"so does this one"',
    "Zürich-密码-пароль-🔑",
    "null",
    "0x1F",
    "- yes: [no, {on: off}] !tag &anchor *alias",
    "\\",
    "'",
    '"',
    "$",
)


def is_free(text: str) -> bool:
    """Whether a user may choose it: printable, more than spaces, and no placeholder."""
    try:
        values.not_placeholder(text)
    except ValueError:
        return False
    return text.isprintable() and bool(text.strip())


_MARKS = st.sampled_from("$@%#:/\\'\"{} `!&*?=-[]<>|;,~^()+")
_PRINTABLE = st.characters(codec="utf-8").filter(str.isprintable)
_ASCII = st.characters(codec="ascii").filter(str.isprintable)

passwords = st.one_of(st.text(_MARKS, min_size=1), st.text(_MARKS | _ASCII | _PRINTABLE, min_size=1)).filter(is_free)
# The API login is printable ASCII; a colon ends the user's name.
logins = st.builds(
    "{}:{}".format,
    st.text(_ASCII, min_size=1).filter(lambda user: is_free(user) and ":" not in user),
    st.text(_MARKS | _ASCII, min_size=1).filter(is_free),
)


def redis_conf_password(conf: str) -> str:
    """What Redis makes of the quoted argument of `requirepass`: \\xHH is a byte (sds.c, sdssplitargs)."""
    quoted = re.search(r'^requirepass "((?:[A-Za-z0-9]|\\x[0-9a-f]{2})*)"$', conf, re.MULTILINE)
    assert quoted, conf
    return re.sub(rb"\\x(..)", lambda found: bytes([int(found[1], 16)]), quoted[1].encode()).decode()


def drawn(count: int, seed: int) -> list[str]:
    """Passwords that are the same in every run: of ASCII, of every script, and of both."""
    source = random.Random(seed)  # noqa: S311  # no secret
    ascii_, all_ = ([chr(code) for code in range(end) if chr(code).isprintable()] for end in (0x7F, 0x2FFFF))
    texts = (
        "".join(source.choices(source.choice((ascii_, all_)) + ascii_, k=source.randint(1, 40))) for _ in range(count)
    )
    return [text for text in texts if is_free(text)]
