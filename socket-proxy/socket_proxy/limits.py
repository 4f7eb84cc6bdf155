"""What a role may ask for when it creates a container: the part of the rules that settings decide."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from socket_proxy.image import Pattern

SITE_LABEL = "site"  # every container, network and volume of a site carries it
ROLE_LABEL = "site.managed"  # only containers made through this proxy carry it; its value is the role that made them
ENGINE_NETWORKS = frozenset({"bridge", "default", "host", "none"})


@dataclass(frozen=True)
class Limits:
    """The limits of one role on one site. `prefix` is that of the settings which set them, for messages.

    `bind_paths` and `volumes` say of each whether it may be mounted for writing.
    """

    site: str
    role: str
    prefix: str
    images: tuple[Pattern, ...] = ()
    networks: frozenset[str] = frozenset()
    bind_paths: Mapping[str, bool] = field(default_factory=dict)
    volumes: Mapping[str, bool] = field(default_factory=dict)
    gpus: bool = False
    reserved_names: frozenset[str] = frozenset()

    def setting(self, name: str) -> str:
        return f"{self.prefix}_{name}"

    def labels(self) -> dict[str, str]:
        return {SITE_LABEL: self.site, ROLE_LABEL: self.role}
