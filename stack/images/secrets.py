"""What a build needs of this machine and must not keep: BuildKit secrets, one file each."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from stack.core.errors import SiteError
from stack.images import apt, pip

# The path of the certificates in a Dockerfile.
CA = "/run/secrets/ca"
# The bundle of Debian and Arch, of Fedora, of openSUSE, of Alpine.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


@contextmanager
def secrets(ca_bundle: Path | None) -> Iterator[Mapping[str, Path]]:
    """Identifier -> file, until the builds have ended: `ca` (certificates), `pip` and `apt` (configuration)."""
    certificates = trusted(ca_bundle)
    inside = CA if certificates else ""
    texts = {
        "ca": certificates,
        "pip": pip.container_configuration(inside),
        "apt": apt.container_configuration(inside),
    }
    with tempfile.TemporaryDirectory(prefix="images-") as folder:
        for name, text in texts.items():
            (Path(folder) / name).write_text(text)
        yield {name: Path(folder) / name for name in texts}


def trusted(ca_bundle: Path | None) -> str:
    """The certificates (PEM) that this machine trusts, those of its pip and those of EXTRA_CA_BUNDLE."""
    if ca_bundle and not ca_bundle.is_file():
        raise SiteError(f"EXTRA_CA_BUNDLE: {ca_bundle} does not exist; write the path of a file with certificates")
    own = next((path for path in (os.environ.get("SSL_CERT_FILE", ""), *_BUNDLES) if Path(path).is_file()), None)
    paths = [own, pip.options().get("cert"), ca_bundle]
    files = dict.fromkeys(Path(path).resolve() for path in paths if path and Path(path).is_file())
    return "\n".join(path.read_text("utf-8", "replace") for path in files)
