"""The pip configuration of this machine: the part that builds of images use."""

import ast
import re
import shutil
import subprocess
import sys

_OPTIONS = ("index-url", "extra-index-url", "find-links", "trusted-host", "proxy", "timeout", "retries")
_LOCATIONS = ("index-url", "extra-index-url", "find-links")
_LINE = re.compile(r"^(global|install|:env:)\.(?:default-)?([\w-]+)=(.+)$", re.MULTILINE)
# The later one wins, as in pip itself.
_ORDER = ("global", "install", ":env:")


def options() -> dict[str, str]:
    """Every option that pip on this machine has for an installation: files and PIP_* variables, in pip's own order."""
    found = sorted(_LINE.findall(_listed()), key=lambda row: _ORDER.index(row[0]))
    return {name: str(ast.literal_eval(value)) for _, name, value in found}


def container_configuration(ca: str) -> str:
    """A pip.conf for a container; `ca` is the path of the certificates there, empty for pip's own.

    Directories of this machine are left out: a container does not have them.
    """
    kept = {name: _reachable(name, value) for name, value in options().items() if name in _OPTIONS}
    kept |= {"cert": ca} if ca else {}
    return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in kept.items() if value)


def _reachable(name: str, value: str) -> str:
    """The value on one line; of locations, only the URLs that a container can reach."""
    return " ".join(word for word in value.split() if name not in _LOCATIONS or word.startswith(("http:", "https:")))


def _listed() -> str:
    """The output of `pip config list`; of the machine's pip if this environment has none, as one made by uv."""
    for pip in ([sys.executable, "-m", "pip"], ["pip3"], ["pip"]):
        if shutil.which(pip[0]):
            done = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return done.stdout
    return ""
