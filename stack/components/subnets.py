"""The addresses of an engine in a container, from the one network that the site gives it."""

from ipaddress import IPv4Network

BITS = 24  # of one network of containers


def bridge(subnet: str) -> str:
    """The engine's own network as its option --bip takes it: the first of the small networks."""
    first = next(IPv4Network(subnet).subnets(new_prefix=BITS))
    return f"{first[1]}/{BITS}"


def pool(subnet: str) -> str:
    """Where all other networks of containers come from, as its option --default-address-pool takes it."""
    upper = list(IPv4Network(subnet).subnets())[1]
    return f"base={upper},size={BITS}"
