"""How addresses are written in URLs."""

from ipaddress import ip_address


def local_url(bind: str, port: int) -> str:
    """The URL at which this machine reaches what listens on an address of its own."""
    address = ip_address(bind)
    if address.is_unspecified:
        address = ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"http://{bracketed(str(address))}:{port}"


def bracketed(host: str) -> str:
    """A host as a URL has it: an IPv6 address needs brackets."""
    return f"[{host}]" if ":" in host else host
