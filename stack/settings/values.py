"""The kinds of value that a setting can have: each is a type, with the parser that makes it from the text of `.env`.

A parser raises ValueError with the rule that the value breaks; `stack.components.settings` adds file, line, key and
example.
"""

import ipaddress
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import SplitResult, unquote, urlsplit

from stack.core.nearest import advice

# Compose project names allow [a-z0-9][a-z0-9_-]*; the name is also a DNS label of the network and part of image
# and volume names, so the underscore is left out and RFC 1123's 63 characters less the longest suffix are the limit.
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
# RFC 1123; the last part is not all digits, so that a mistyped address (10.0.0.256) is not taken for a name.
_HOST = re.compile(r"(?=.{1,253}$)(?!(.*\.)?[0-9]+$)(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")
_URL = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")  # RFC 3986
_SERVED = ("/api", "/docs", "/redoc")  # paths that a server has already
# Prefect writes it into its UI's files, and takes /v2 at its end for its own.
_UI_PATH = re.compile(rf"(?!({'|'.join(_SERVED)})(/|$))(?!(.*/)v2$)(/(?!\.)[A-Za-z0-9._~$+=@-]+)*")
_REGISTRY_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9-]{1,64}")
# Base64 and its URL-safe form: what S3 servers give out, and what needs no quotes in JSON or on a command line.
_S3_KEY = re.compile(r"[A-Za-z0-9/+=_.-]{3,128}")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_LABEL_KEY = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")  # PostgreSQL cuts an identifier at 63 bytes
_OF_POSTGRES = {"public", "none", "template0", "template1"}
_SERVICE = re.compile(r"[a-z-]+(/[a-z-]+)?")
_POOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")  # Prefect refuses / % & > < " ' in a name
_VERSION = re.compile(r"3\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")
# The grammar of github.com/distribution/reference: a host (with a dot, with a port, or localhost), then lower case.
_PATH_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_REGISTRY = r"(?:localhost|\[[0-9a-f:]+\]|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)(?::[0-9]+)?|[A-Za-z0-9-]+:[0-9]+"
_IMAGE = re.compile(rf"(?:(?:{_REGISTRY})/)?{_PATH_PART}(?:/{_PATH_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# Placeholders of examples and other bundles, including `${NAME}`: .env has no substitution.
_PLACEHOLDER = re.compile(
    r"(?i)(change|replace)[-_ ]?(me|it|this)!?|your[-_ ][a-z_ -]+|<[a-z0-9_ -]+>|\[[a-z0-9_ -]+\]|\$\{\w+\}"
    r"|x{3,}|\*{3,}|\.{3,}|todo|tbd|fixme|password|secret|placeholder|example"
)

BCRYPT_BYTES = 72  # all that bcrypt reads of a password

_OR_MADE = "write the real value, or leave it empty to have one made"

TRUE = {"true", "yes", "on", "1"}
FALSE = {"false", "no", "off", "0"}


def _is_loopback_name(host: str) -> bool:
    return host.lower() == "localhost" or host.lower().endswith(".localhost")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_local_only(host: str) -> bool:
    """True for a host that another container or machine cannot reach: loopback, or the address of no interface."""
    address = _address(host)
    return _is_loopback_name(host) or (address is not None and (address.is_loopback or address.is_unspecified))


def not_placeholder(value: str, advice: str = "write the real value") -> str:
    if _PLACEHOLDER.fullmatch(value):
        raise ValueError(f"this is a placeholder; {advice}")
    return value


def whole_number(low: int, high: int, what: str) -> Callable[[str], int]:
    """A parser of decimal whole numbers from `low` to `high`; `what` names the thing counted."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise ValueError(f"{what} is a whole number from {low} to {high}")
        return int(value)

    return parse


def one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"allowed are {', '.join(allowed)}")
        return value

    return parse


def _switch(value: str) -> bool:
    word = value.lower()
    if word not in TRUE | FALSE:
        raise ValueError("this must be true or false")
    return word in TRUE


def _site_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(
            "a site's name has 1 to 40 lower-case letters, digits and inner hyphens: Compose and DNS allow no others"
        )
    return not_placeholder(value)


def _version(value: str) -> str:
    if not _VERSION.fullmatch(value):
        raise ValueError("this must be a full version of Prefect 3: three numbers, the first of them 3")
    return value


_PRIVATE = [ipaddress.IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]  # RFC 1918


def _subnet(value: str) -> str:
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError:
        network = ipaddress.IPv4Network("0.0.0.0/0")
    private = any(network.subnet_of(block) for block in _PRIVATE)
    if not private or network.prefixlen > 22:  # four networks of 254 addresses
        raise ValueError(
            "this must be a private IPv4 network of 1024 addresses or more, ADDRESS/BITS with BITS up to 22"
        )
    return str(network)


def _bind_address(value: str) -> str:
    if _address(value) is None:
        raise ValueError(
            "this must be an IP address without brackets: 127.0.0.1 for this machine only, 0.0.0.0 for everybody"
        )
    return value


def _api_url(value: str) -> str:
    if not value:
        return value
    host = _http_host(value)
    if not urlsplit(value).path.rstrip("/").endswith("/api"):
        raise ValueError("the URL of a Prefect API ends in /api")
    if is_local_only(host):
        raise ValueError(f"inside a container {host} is the container itself; write the name or address of the server")
    return value.rstrip("/")


def _browser_url(value: str) -> str:
    if not value:
        return value
    host = _http_host(value)
    address = _address(host)
    if address is not None and address.is_unspecified:
        raise ValueError(f"browsers cannot open {host}; write the name or address at which people open the UI")
    path = urlsplit(value).path.rstrip("/")
    if not path.endswith("/api"):
        raise ValueError("the URL of a Prefect API ends in /api")
    if not _UI_PATH.fullmatch(path.removesuffix("/api")):
        raise ValueError(
            "the UI cannot be served below this path: it has letters, digits and . _ ~ $ + = @ - between single "
            f"slashes, begins with none of {' '.join(_SERVED)}, and does not end in /v2"
        )
    return value.rstrip("/")


def _http_host(text: str) -> str:
    """The host of an http(s) URL without login, query or fragment; raises ValueError for anything else."""
    parts = _split(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or not _URL.fullmatch(text):
        raise ValueError("this is not a URL: it must begin with http:// or https:// and name a host")
    if not _has_good_port(parts):
        raise ValueError("this is not a URL: the port must be a number from 1 to 65535")
    if parts.username is not None or "?" in text or "#" in text:
        raise ValueError("this URL cannot have a login, a '?' or a '#'; a login has its own setting")
    if not _HOST.fullmatch(parts.hostname) and _address(parts.hostname) is None:
        raise ValueError(f"{parts.hostname} is not a host name: it has letters, digits and hyphens between dots")
    return not_placeholder(parts.hostname)


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:  # a bracket without its pair, for example
        return SplitResult("", "", "", "", "")


def _has_good_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _login(value: str) -> str:
    if not value:
        return value
    if not (value.isascii() and value.isprintable()):
        raise ValueError("the API login must be printable ASCII: the server answers 500 to others")
    user, colon, password = value.partition(":")
    if not (user.strip() and colon and password.strip()):
        raise ValueError("a login is a user name, a colon and a password")
    not_placeholder(user, _OR_MADE)
    not_placeholder(password, _OR_MADE)
    return value


def _secret(value: str) -> str:
    if value and not value.strip():
        raise ValueError(f"a password cannot be only spaces; {_OR_MADE}")
    return not_placeholder(value, _OR_MADE)


def _host_name(value: str) -> str:
    if not _HOST.fullmatch(value) or value != value.lower():
        raise ValueError("this must be a host name: lower-case letters, digits and hyphens between dots; not an IP")
    if _is_loopback_name(value):
        raise ValueError(f"inside a container {value} is the container itself; write a name of its own")
    return not_placeholder(value)


def _host_or_address(value: str) -> str:
    """Of another machine, in a URL: a name or an IPv4 address."""
    address = _address(value)
    if address is None or address.version == 6:
        return _host_name(value)
    if is_local_only(value):
        raise ValueError(f"inside a container {value} is the container itself; write the address of the server")
    return value


def _registry_user(value: str) -> str:
    """Of any registry: others have users such as robot$lab+ci. Basic authentication ends the name at a colon."""
    if not value.isprintable() or ":" in value or value != value.strip():
        raise ValueError("a user of a registry is printable text without a colon, and has no space at its ends")
    return value


def own_registry_user(value: str) -> str:
    """Raises ValueError for one that the site's own registry does not take."""
    if not _REGISTRY_USER.fullmatch(value):
        raise ValueError("a user of the registry has letters, digits and . _ @ -, and begins with a letter or digit")
    return value


def own_registry_password(text: str) -> str:
    """Raises ValueError for one that the site's own registry cannot check: it keeps bcrypt's hashes."""
    if not text.isprintable():
        raise ValueError("a password of the registry is printable text")
    if len(text.encode()) > BCRYPT_BYTES:
        raise ValueError(f"a password of the registry has at most {BCRYPT_BYTES} bytes, this has {len(text.encode())}")
    return text


def _registry_users(value: str) -> dict[str, str]:
    pairs = [part.partition(":") for part in value.split()]
    if any(not colon or not password for _, colon, password in pairs):
        raise ValueError("a user is written USER:PASSWORD, several are separated by spaces")
    names = [own_registry_user(user) for user, _, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("a user is given twice")
    return {user: _decoded(user, password) for user, _, password in pairs}


def _decoded(user: str, password: str) -> str:
    """The password without its percent-encoding; a fault names the user and does not show the password."""
    try:
        if _PERCENT.search(password):
            raise ValueError("a % is written %25")
        return own_registry_password(not_placeholder(unquote(password, errors="strict")))
    except UnicodeDecodeError:
        raise ValueError(f"{user}: the bytes behind % are not UTF-8 text") from None
    except ValueError as error:
        raise ValueError(f"{user}: {error}") from None


def _s3_url(value: str) -> str:
    if not value:
        return value
    host = _http_host(value)
    if urlsplit(value).path.strip("/"):
        raise ValueError("the URL of an S3 server ends with its host and port; the bucket is STORAGE_BUCKET")
    if is_local_only(host):
        raise ValueError(f"inside a container {host} is the container itself; write the name or address of the server")
    return value.rstrip("/")


def _bucket(value: str) -> str:
    if not _BUCKET.fullmatch(value):
        raise ValueError("a bucket's name has 3 to 63 lower-case letters, digits, inner hyphens and single dots")
    return not_placeholder(value)


def _region(value: str) -> str:
    if not _REGION.fullmatch(value):
        raise ValueError("a region's name has lower-case letters, digits and hyphens")
    return value


def _s3_key(value: str) -> str:
    """Of any S3 server. It is part of a header of each request."""
    if value and not (value.isascii() and value.isprintable() and " " not in value):
        raise ValueError("a key of S3 is printable ASCII without spaces")
    return not_placeholder(value, _OR_MADE)


def own_s3_key(value: str) -> str:
    """Raises ValueError for one that the site's own S3 server does not take."""
    if value and not _S3_KEY.fullmatch(value):
        raise ValueError("a key of S3 has 3 to 128 letters, digits and / + = _ . -")
    return value


def _identifier(value: str) -> str:
    if not _IDENTIFIER.fullmatch(value):
        raise ValueError("a PostgreSQL name has lower-case letters, digits and _, and does not begin with a digit")
    if value.startswith("pg_") or value in _OF_POSTGRES:
        raise ValueError("PostgreSQL reserves this name; choose another")
    return value


def _pool_name(value: str) -> str:
    if not _POOL.fullmatch(value):
        raise ValueError(
            "a work pool's name has up to 63 letters, digits, _ . and -, and begins with a letter or digit"
        )
    return not_placeholder(value)


def _image(value: str) -> str:
    if not value:
        return value
    name, at, digest = value.partition("@")
    path, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:  # the colon of a registry's port
        path, tag = name, ""
    if not _IMAGE.fullmatch(path) and _IMAGE.fullmatch(path.lower()):
        raise ValueError("an image's name is lower case")
    if not _IMAGE.fullmatch(path) or (tag and not _TAG.fullmatch(tag)) or (at and not _DIGEST.fullmatch(digest)):
        raise ValueError("this must be an image reference: NAME:TAG or NAME@sha256:DIGEST")
    if not tag and not digest:
        raise ValueError("an image needs a tag: without one it means latest, which changes every month")
    if tag == "latest":
        raise ValueError("latest changes every month; write the tag that you tested")
    return value


def _file_path(value: str) -> str:
    if value and not PurePosixPath(value).is_absolute():
        raise ValueError("write the absolute path of the file")
    return value


def _mounted_path(value: str) -> str:
    """A path that Compose files mount, written SOURCE:TARGET."""
    if ":" in value:
        raise ValueError("a mounted path cannot contain ':'; rename it, or name a link without ':'")
    return _file_path(value)


def _installation(value: str) -> str:
    """A program in FOLDER/bin: FOLDER is mounted at the same path, so it must not hide folders of the worker."""
    if value and len(PurePosixPath(_mounted_path(value)).parent.parent.parts) < 3:
        raise ValueError(
            "the installation would be mounted over folders of the worker; name the program of an installation that "
            "has a folder of its own"
        )
    return value


def _labels(value: str) -> dict[str, str]:
    return dict(_pairs(value, "a label", _LABEL_KEY))


def _limits(value: str) -> dict[str, int]:
    pairs = _pairs(value, "a limit", _POOL)
    for name, number in pairs:
        if not re.fullmatch(r"[1-9][0-9]{0,5}", number):
            raise ValueError(f"the limit of {name} is a whole number from 1 to 999999")
    return {name: int(number) for name, number in pairs}


def _pairs(text: str, what: str, key: re.Pattern[str]) -> list[tuple[str, str]]:
    pairs = [tuple(part.strip().partition("=")) for part in text.split(",") if part.strip()]
    for name, equals, _ in pairs:
        if not equals or not key.fullmatch(name):
            raise ValueError(f"{what} is written NAME=VALUE, several are separated by commas")
    if len({name for name, _, _ in pairs}) < len(pairs):
        raise ValueError(f"{what} is given twice")
    return [(name, value) for name, _, value in pairs]


def some_of(what: str, known: tuple[str, ...], every: str = "") -> Callable[[str], list[str]]:
    """A parser of names, in the order of `known`; `every` is one word for all of them."""

    def parse(value: str) -> list[str]:
        names = _words(value)
        words = (*known, every) if every else known
        unknown = [name for name in names if name not in words]
        if unknown:
            raise ValueError("; ".join(f"there is no {what} {name} ({advice(name, words)})" for name in unknown))
        if every in names and len(names) > 1:
            raise ValueError(f"{every} already includes every {what}; write it alone, or remove it")
        _once(names, what)
        return [name for name in known if name in names or every in names]

    return parse


def _once(names: list[str], what: str) -> None:
    if len(set(names)) < len(names):
        raise ValueError(f"a {what} is named twice")
    if not names:
        raise ValueError("a value is missing")


def _words(value: str) -> list[str]:
    return re.findall(r"[^\s,]+", value)


def _options(value: str) -> list[str]:
    """Words that may contain commas."""
    return value.split()


def _by_name(value: str) -> dict[str, str]:
    """NAME=VALUE, separated by commas; names follow the rule of work pools."""
    return dict(_pairs(value, "an entry", _POOL))


MIN_MEMORY = 6 * 1024**2  # bytes; Docker's daemon refuses less
MIN_CPUS = 0.01  # the daemon's
_POWERS = {"k": 1, "m": 2, "g": 3}


KILOBYTE = 1024


def kilobytes(size: str) -> int:
    """The size of a memory limit that was checked, in units of 1024 bytes."""
    return int(int(size[:-1]) * KILOBYTE ** (_POWERS[size[-1]] - 1))


def _memory(value: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]*[kmg]", value):
        raise ValueError("memory is written as a whole number and k, m or g")
    if int(value[:-1]) * 1024 ** _POWERS[value[-1]] < MIN_MEMORY:
        raise ValueError("engines refuse a container with less than 6m")
    return value


def memory_of(known: tuple[str, ...]) -> Callable[[str], dict[str, str]]:
    """A parser of NAME=SIZE; the names are among `known`."""

    def parse(value: str) -> dict[str, str]:
        sizes = dict(_pairs(value, "a limit", _SERVICE))
        unknown = [name for name in sizes if name not in known]
        if unknown:
            raise ValueError("; ".join(f"there is no service {name} ({advice(name, known)})" for name in unknown))
        return {name: _memory_named(name, size) for name, size in sizes.items()}

    return parse


def _memory_named(name: str, size: str) -> str:
    try:
        return _memory(size)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _log_size(value: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,8}[kmg]", value):
        raise ValueError("the size of a log is written as a whole number and k, m or g")
    return value


def _cpus(value: str) -> str:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", value) or float(value) < MIN_CPUS:
        raise ValueError(f"this must be a number of processor cores, such as 2 or 0.5, and at least {MIN_CPUS}")
    return value


def _folders(value: str) -> list[str]:
    """Host folders that containers may mount: absolute, and not so high that they give away the machine."""
    folders = value.split()
    for folder in folders:
        path = PurePosixPath(folder)
        if not path.is_absolute() or ".." in path.parts or any(sign in folder for sign in ":,"):
            raise ValueError(f"{folder} must be the absolute path of a folder, without '..', ':' and ','")
        if len(path.parts) < 3:
            raise ValueError(f"{folder} contains most of the machine; name a folder below it")
        if outer := [other for other in folders if PurePosixPath(other) in path.parents]:
            raise ValueError(f"{folder} is inside {outer[0]}; remove it")
    return list(dict.fromkeys(str(PurePosixPath(folder)) for folder in folders))


def _image_patterns(value: str) -> list[str]:
    """NAME, NAME:TAG, NAME@DIGEST or NAME/* for all images below, as the socket proxy reads them."""
    patterns = value.split()
    for pattern in patterns:
        below = pattern.endswith("/*")
        has_version = "@" in pattern or ":" in pattern.rpartition("/")[2]
        try:
            _image(f"{pattern[:-2]}/x:1" if below else pattern if has_version else f"{pattern}:1")
        except ValueError:
            raise ValueError(f"{pattern} is neither an image name nor NAME/* for all images below it") from None
    return patterns


Switch = Annotated[bool, _switch]
SiteName = Annotated[str, _site_name]
PrefectVersion = Annotated[str, _version]
Port = Annotated[int, whole_number(1, 65535, "a port")]
Count = Annotated[int, whole_number(1, 1000, "this")]
Subnet = Annotated[str, _subnet]
BindAddress = Annotated[str, _bind_address]
ApiUrl = Annotated[str, _api_url]
BrowserUrl = Annotated[str, _browser_url]
Login = Annotated[str, _login]
Secret = Annotated[str, _secret]
HostName = Annotated[str, _host_name]
HostOrAddress = Annotated[str, _host_or_address]
RegistryUser = Annotated[str, _registry_user]
RegistryUsers = Annotated[dict[str, str], _registry_users]
S3Url = Annotated[str, _s3_url]
Bucket = Annotated[str, _bucket]
Region = Annotated[str, _region]
S3Key = Annotated[str, _s3_key]
Identifier = Annotated[str, _identifier]
PoolName = Annotated[str, _pool_name]
Image = Annotated[str, _image]
FilePath = Annotated[str, _file_path]
MountedPath = Annotated[str, _mounted_path]
Installation = Annotated[str, _installation]
AnyPath = Annotated[str, str]
AnyText = Annotated[str, str]
Labels = Annotated[dict[str, str], _labels]
Limits = Annotated[dict[str, int], _limits]
Options = Annotated[list[str], _options]
Words = Annotated[list[str], _words]
ByName = Annotated[dict[str, str], _by_name]
Memory = Annotated[str, _memory]
LogSize = Annotated[str, _log_size]
Cpus = Annotated[str, _cpus]
Folders = Annotated[list[str], _folders]
ImagePatterns = Annotated[list[str], _image_patterns]
