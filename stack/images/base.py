"""Asks a public image what it is, before an image of the site is made from it."""

import json
from collections.abc import Mapping

from stack.components.base_images import BASES, Base
from stack.core.docker import docker
from stack.core.errors import SiteError


def check(name: str, image: str, labels: Mapping[str, str]) -> None:
    """Raises SiteError if the image `name` of the site cannot be made from this public image, which is present.

    The name of a mirror may show nothing, and a tag may be wrong, so it starts a container that prints what is in it.
    """
    base = BASES.get(name)
    if base and (faults := _faults(base, image, labels)):
        raise SiteError(
            f"image {name}: {image} {' and '.join(faults)}; the site needs {base.wanted}, correct {base.key}"
        )


def _faults(base: Base, image: str, labels: Mapping[str, str]) -> list[str]:
    marks = [f"--label={name}={value}" for name, value in labels.items()]
    isolated = ("--rm", "--network=none", "--user=0", "--entrypoint=sh")
    asked = docker("run", *isolated, *marks, image, "-c", base.script)
    if "asked" not in asked.output.splitlines():
        return [f"cannot run `sh` ({asked.reason})"]
    entry_point = docker("image", "inspect", "--format", "{{json .Config.Entrypoint}}", image).output
    return base.faults(asked.output, bool(json.loads(entry_point or "null")))
