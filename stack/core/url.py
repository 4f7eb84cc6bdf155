"""How URLs are written: an IPv6 address is in brackets, and an address to listen on is not always one to call."""

from ipaddress import ip_address

# This machine itself, by its names and addresses.
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def host_port(host: str, port: int | str) -> str:
    """HOST:PORT, with an IPv6 address in brackets (RFC 3986)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def http(host: str, port: int, path: str = "", *, tls: bool = False) -> str:
    """An http(s) URL; `path` is empty or begins with a slash."""
    return f"{'https' if tls else 'http'}://{host_port(host, port)}{path}"


def callable_here(bind: str) -> str:
    """The address by which this machine reaches what listens on `bind`: loopback, if that is every interface."""
    address = ip_address(bind)
    if not address.is_unspecified:
        return str(address)
    return "::1" if address.version == 6 else "127.0.0.1"


def is_default_loopback(bind: str) -> bool:
    """Whether `localhost` reaches what listens on `bind`."""
    return callable_here(bind) in ("127.0.0.1", "::1")
