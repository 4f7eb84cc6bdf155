"""What a component is: one folder, one Compose project, one module of this package."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stack.core.finding import Finding
from stack.core.machine import Machine
from stack.settings.settings import Rules, Section, Settings

OVERRIDE = "compose.override.yaml"  # the user's own, which Compose merges with the rendered file

# What a certificate is for.
SERVER_USAGE, CLIENT_USAGE = "server", "client"
# Memory of a container: a size, or what gives one.
Memory = str | Callable[[Settings], str]
PASSWORD, LOGIN = "{password}", "admin:{password}"  # forms of secrets, filled in when one is made


@dataclass(frozen=True)
class Certificate:
    """A certificate of the site's own authority: files STEM.crt and STEM.key. `names` are host names and addresses."""

    stem: str
    names: tuple[str, ...]
    usage: str


@dataclass(frozen=True)
class Secrets:
    """The secret files of a component. Each has the name of the variable that it becomes in a container.

    `texts` maps file names to contents; `htpasswd` maps users to passwords, for a file of that name.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    certificates: tuple[Certificate, ...] = ()
    htpasswd: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Data:
    """What a service keeps on a volume of its project. `script`, for `sh` in the service's image with the volume at
    /data, prints what is wrong with it for this image, or nothing; `advice` says what to do about `{volume}`."""

    service: str
    volume: str
    script: str
    advice: str


def _none(_: Settings) -> Secrets:
    return Secrets()


def _nothing(_: Settings) -> dict[str, str]:
    return {}


def _no_data(_: Settings) -> tuple[Data, ...]:
    return ()


def _no_findings(_: Settings, __: Machine) -> Iterator[Finding]:
    return iter(())


def _nobody(_: Settings, __: Machine) -> str:
    return ""


@dataclass(frozen=True, eq=False)
class Part:
    """Settings that belong together, the rules between them, and `seen`: functions of the settings. Templates see
    their results as attributes of `noun`."""

    noun: str
    sections: tuple[type[Section], ...] = ()
    rules: Rules = field(default_factory=dict)
    seen: tuple[Callable[[Settings], Any], ...] = ()


@dataclass(frozen=True, eq=False)
class Component(Part):
    """What a name in COMPONENTS selects.

    `folder` holds its files in the repo and in the output; `images` are those that its services run in; `sources` are
    the paths, relative to the repo, that its containers read; a site in another folder gets a copy of them. `templates`
    are its rendered files in the folder, except the Compose file, without the variant in their names; `services` are
    the names of its services on the networks of a site.
    `memory` has the default memory limit of each of its services, also of those that end at once.
    `up` runs the deployment `sample` once to show that the component works.
    Of two components in one folder, the second has a `variant`: its templates are called NAME.VARIANT.SUFFIX.
    `calls_api` is false if it works without Prefect. `runs_flows` is true if it mounts the volumes of code and results.
    `published` is the prefix of the settings ..._BIND and ..._PORT of its port on this machine; empty without a port.
    `docker_workers` describes its workers that make a container for each run, if it has any.
    `data` is what its volumes hold in a form that another version of the service cannot read.
    `made` lists settings that are generated once if they are empty, with their forms.
    `findings` are the checks that `doctor` runs for it, on every machine of the site. `port_user` names what uses its
    published port now, if that belongs to the site; empty for a free port and for a foreign program.
    """

    name: str = ""
    folder: str = ""
    images: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    services: frozenset[str] = frozenset()
    memory: Mapping[str, Memory] = field(default_factory=dict)
    variant: str = ""
    sample: str = ""
    calls_api: bool = True
    runs_flows: bool = False
    published: str = ""
    secrets: Callable[[Settings], Secrets] = _none
    made: Callable[[Settings], dict[str, str]] = _nothing
    data: Callable[[Settings], tuple[Data, ...]] = _no_data
    docker_workers: Callable[[Settings], Any] | None = None
    findings: Callable[[Settings, Machine], Iterator[Finding]] = _no_findings
    port_user: Callable[[Settings, Machine], str] = _nobody

    def is_in(self, settings: Settings) -> bool:
        """Whether this machine runs it."""
        return self.name in settings.COMPONENTS

    def project(self, site: str) -> str:
        """The Compose project, one per site and component: `down` removes no other, and sites can share an engine."""
        return f"{site}-{self.name}"

    def file(self, name: str) -> str:
        """The component's name for this file; the variant in it keeps two components in one folder apart."""
        stem, dot, suffix = name.rpartition(".")
        return f"{stem}.{self.variant}{dot}{suffix}" if self.variant else name

    @property
    def rendered(self) -> tuple[str, ...]:
        """The paths of its rendered files, without the Compose file.

        Declared and not listed from templates/: otherwise a missing template would remove its file from a site.
        """
        return tuple(f"{self.folder}/{self.file(name)}" for name in self.templates)

    @property
    def compose_file(self) -> str:
        return self.file("compose.yaml")

    @property
    def compose_path(self) -> str:
        return f"{self.folder}/{self.compose_file}"


def compose_words(component: Component, *arguments: str) -> list[str]:
    """The words of a `docker` command for the component's Compose project; run it in the component's folder."""
    return ["compose", "--progress", "quiet", *_file_option(component), *arguments]


def by_hand(component: Component, *arguments: str) -> str:
    """A Compose command as a user types it in the site's folder."""
    return f"`cd {component.folder} && {shlex.join(['docker', 'compose', *_file_option(component), *arguments])}`"


def _file_option(component: Component) -> list[str]:
    """Only for a file that Compose does not find by itself: with this option it ignores the user's override."""
    return ["--file", component.compose_file] if component.variant else []
