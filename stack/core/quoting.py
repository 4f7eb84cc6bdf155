"""How values are written in files of other programs: YAML, Compose files, Redis, supervisord."""

import json
from collections.abc import Mapping
from urllib.parse import quote

from stack.core.url import host_port


def supervisord_value(value: object) -> str:
    """A value in supervisord.conf, which expands %(NAME)s."""
    return str(value).replace("%", "%%")


def supervisord_environment(values: Mapping[str, str]) -> str:
    """NAME="value",... for `environment=` of a program; the values are as supervisord reads them."""
    return ",".join(f'{name}="{value}"' for name, value in values.items())


def redis_url(password: str, host: str) -> str:
    """The Redis URL of database 0; characters of the password that have a meaning in URLs are percent-encoded."""
    return f"redis://default:{quote(password, safe='')}@{host_port(host, 6379)}/0"


def redis_string(value: str) -> str:
    """A string of redis.conf: in double quotes, bytes other than letters and digits as \\xHH."""
    return (
        '"' + "".join(chr(b) if chr(b).isascii() and chr(b).isalnum() else f"\\x{b:02x}" for b in value.encode()) + '"'
    )


def compose_string(value: object) -> str:
    """A YAML scalar for a Compose file: JSON is YAML, and `$$` keeps Compose from substituting."""
    return yaml_value(value).replace("$", "$$")


def yaml_value(value: object) -> str:
    """A YAML scalar or flow collection for a file that Compose does not read."""
    return json.dumps(value, ensure_ascii=False, default=str)  # str() of an undefined name raises, and names it
