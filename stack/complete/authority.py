"""The site's own certificate authority, and the certificates of its components, as files of the site."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from stack.core.errors import SiteError
from stack.core.files import MOUNTED_SECRET, PRIVATE, PUBLIC, SECRET_FOLDER, File
from stack.load import pem

if TYPE_CHECKING:
    from stack.complete.certificates import Pair

CERTIFICATE = ".site/ca/ca.crt"
KEY = ".site/ca/ca.key"


class Authority:
    """One CA for all components: made when the first of them asks for a certificate, and kept from then on.

    Slow packages are imported only then.
    """

    def __init__(self, root: Path, site: str) -> None:
        self.root = root
        self.site = site

    def issue(self, folder: str, stem: str, names: Sequence[str], usage: str) -> list[File]:
        """STEM.crt and STEM.key for the folder's `secrets`: the present ones, or new ones if those cannot be used.

        `names` are host names and IP addresses, `usage` is SERVER_USAGE or CLIENT_USAGE.
        """
        from stack.complete import certificates

        certificate, key = (f"{folder}/{SECRET_FOLDER}/{stem}.{kind}" for kind in ("crt", "key"))
        pair = certificates.issue(self.pair, names, usage, self._kept(certificate, key))
        return [
            File(certificate, pair.certificate, MOUNTED_SECRET, note=_note(pair)),
            File(key, pair.key, MOUNTED_SECRET),
        ]

    @cached_property
    def pair(self) -> "Pair":
        from stack.complete import certificates

        return certificates.authority(f"{self.site} CA", self._kept(CERTIFICATE, KEY))

    @property
    def files(self) -> list[File]:
        """The CA's two files: once made they stay, even if no component uses them any longer."""
        if "pair" not in self.__dict__ and not (self.root / CERTIFICATE).exists():
            return []
        return [
            File(CERTIFICATE, self.pair.certificate, PUBLIC, note=_note(self.pair)),
            File(KEY, self.pair.key, PRIVATE),
        ]

    def _kept(self, certificate: str, key: str) -> "Pair | None":
        from stack.complete.certificates import Pair

        try:
            return Pair((self.root / certificate).read_bytes(), (self.root / key).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise SiteError(f"{error.filename}: cannot be read ({error.strerror}); correct its owner or mode") from None


def _note(pair: "Pair") -> str:
    """Why it was made and how long it lasts, for the line that says that the file is new."""
    return f"{pair.reason}; valid until {pem.ends(pair.certificate):%Y-%m-%d}" if pair.reason else ""
