"""Limits of every container of a site: its memory, without swap, and the size of its logs."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated

from stack.components.component import Memory, Part
from stack.settings import values
from stack.settings.settings import Section, Settings, setting

DRIVER = "json-file"  # log collectors read its files, and Docker and Podman both know it


def section(known: tuple[str, ...]) -> type[Section]:
    """The settings; `known` are the names of all services, and COMPONENT/SERVICE for each."""

    class LimitSettings(Section):
        """Limits of memory and logs"""

        MEMORY_LIMITS: Annotated[dict[str, str], values.memory_of(known)] = setting(
            {},
            "Memory of one container of a service, if not the default: SERVICE=SIZE, or COMPONENT/SERVICE=SIZE for one "
            "component, separated by commas. A container that exceeds it is killed and started again. "
            "`docs/operations.md` lists services and defaults.",
            "postgres=4g,agent/worker=16g",
            optional=True,
        )
        LOG_MAX_SIZE: values.LogSize = setting(
            "10m", "Size of one log file of a container; the oldest of LOG_MAX_FILES is deleted.", "50m"
        )
        LOG_MAX_FILES: Annotated[int, values.whole_number(1, 100, "this")] = setting(
            3, "Number of log files of a container.", "5"
        )

    return LimitSettings


def log_options(settings: Settings) -> dict[str, str]:
    """The options of the engine's log driver for each container."""
    return {"max-size": settings.LOG_MAX_SIZE, "max-file": str(settings.LOG_MAX_FILES)}


def log_config(settings: Settings) -> dict[str, object]:
    """The same, as the engine's API takes it."""
    return {"Type": DRIVER, "Config": log_options(settings)}


def part(memory: Mapping[str, Mapping[str, Memory]]) -> Part:
    """`memory` has the default of each service of each component."""

    def service(settings: Settings) -> Callable[[str, str], str]:
        """The lines of one service in a Compose file. An unknown service is an error of its template."""

        @cache
        def logging() -> str:
            options = ", ".join(f'{name}: "{value}"' for name, value in log_options(settings).items())
            return f"logging: {{driver: {DRIVER}, options: {{{options}}}}}"

        def lines(component: str, name: str) -> str:
            size = of(settings, component, name)
            return f"mem_limit: {size}\n    memswap_limit: {size}\n    {logging()}"

        return lines

    def of(settings: Settings, component: str, name: str) -> str:
        default = memory[component][name]
        chosen: Mapping[str, str] = settings.MEMORY_LIMITS
        found = chosen.get(f"{component}/{name}") or chosen.get(name)
        return found or (default if isinstance(default, str) else default(settings))

    return Part("limits", sections=(section(_names(memory)),), seen=(service, log_options, log_config))


def _names(memory: Mapping[str, Mapping[str, Memory]]) -> tuple[str, ...]:
    services = {name for component in memory.values() for name in component}
    return (*sorted(services), *(f"{component}/{name}" for component, names in memory.items() for name in names))
