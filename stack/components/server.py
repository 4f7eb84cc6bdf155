"""server/: API, UI, background services, database."""

import re
import time
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from stack.components.component import LOGIN, PASSWORD, Component, Data, Secrets
from stack.core import url
from stack.core.finding import FAIL, NOTE, OK, Finding
from stack.core.machine import Machine, Response
from stack.core.quoting import redis_string, redis_url, supervisord_value
from stack.settings import values
from stack.settings.settings import Fault, Rules, Section, Settings, setting

PORT_INSIDE = 4200
NAME = "server"
AUTH = "PREFECT_API_AUTH_STRING"
SECONDS_PER_DAY = 86400
MAX_CLOCK_SECONDS = 5
REDIS_PING_SECONDS = 5
# Of each process that uses PostgreSQL: an API process, or the background services. Prefect's own defaults.
POOL_CONNECTIONS, OVERFLOW_CONNECTIONS = 5, 10
# What else logs in: a listener of the background services, `migrate`, a backup, people; 3 are for superusers alone.
OTHER_CONNECTIONS = 25
POSTGRES_CONNECTIONS = 100  # default of PostgreSQL: never less


# The second path is that of the public images from 18 on, for a volume that was filled by one.
_POSTGRES_DATA = r"""
runs=$(postgres --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
for file in /data/PG_VERSION /data/*/docker/PG_VERSION; do
    [ -s "$file" ] || continue
    holds=$(cat "$file")
    [ "$holds" = "$runs" ] || echo "holds data of PostgreSQL $holds, and this site runs PostgreSQL $runs"
    exit
done
"""
# Redis has no list of the formats that it reads; its own check stops at the head of a file that is too new.
_REDIS_DATA = r"""
for file in /data/appendonlydir/*.base.rdb /data/dump.rdb; do
    [ -s "$file" ] || continue
    timeout 20 redis-check-rdb "$file" | grep -aq 'handle RDB format version' || continue
    echo "holds data of a later Redis than this site runs ($(redis-server --version | cut -d ' ' -f 3))"
    exit
done
"""
_DATA = (
    Data(
        "postgres",
        "postgres",
        _POSTGRES_DATA,
        "PostgreSQL reads only its own: dump it with the version that wrote it, and restore the dump into an empty "
        "volume (docs/operations.md#backup-and-restore)",
    ),
    Data(
        "redis",
        "redis",
        _REDIS_DATA,
        "start the version that wrote it, or remove it with `docker volume rm {volume}`: it holds no runs, but "
        "messages in transit",
    ),
)


class ServerSettings(Section):
    """server/: API, UI, background services, database"""

    SERVER_BIND: values.BindAddress = setting(
        "127.0.0.1", "Address of this machine on which API and UI listen.", "127.0.0.1"
    )
    SERVER_PORT: values.Port = setting(4200, "Port of API and UI on this machine.", "4200")
    SERVER_CLEAR_LOGIN: values.Switch = setting(
        False,
        "true: allow other machines to reach API and UI without TLS, so the login travels in clear text. "
        "Needed if SERVER_BIND is not a loopback address.",
        "true",
    )
    SERVER_UI_API_URL: values.BrowserUrl = setting(
        "",
        "URL of the API as browsers reach it, for example behind your own proxy: the UI's URL and /api, also below a "
        "path such as https://host/prefect/api. Links in logs begin with the UI's. Empty: the host and port above.",
        "https://prefect.example.org/api",
        optional=True,
    )
    SERVER_AUTH: values.Switch = setting(
        True, "false: API and UI need no login; anyone who can reach the port can run code here.", "true"
    )
    SERVER_WORKERS: values.Count = setting(
        1,
        "Processes that answer API requests (1 with sqlite). Each adds 15 connections to what PostgreSQL accepts, and "
        "needs about 200 MiB.",
        "2",
    )
    SERVER_DATABASE: Annotated[str, values.one_of("postgres", "sqlite")] = setting(
        "postgres", "postgres (with Redis; for production) or sqlite (one container; for trying it out).", "postgres"
    )
    SERVER_DATABASE_NAME: values.Identifier = setting("prefect", "Name of the PostgreSQL database.", "prefect")
    SERVER_DATABASE_USER: values.Identifier = setting("prefect", "User of the PostgreSQL database.", "prefect")
    SERVER_DATABASE_PASSWORD: values.Secret = setting(
        "", "Password of the PostgreSQL user. Empty: render generates one.", "'any $printable \"text\"'", secret=True
    )
    SERVER_REDIS_PASSWORD: values.Secret = setting(
        "", "Password of Redis. Empty: render generates one.", "'any $printable \"text\"'", secret=True
    )
    MAX_CRASH_RETRIES: Annotated[int, values.whole_number(0, 100, "this")] = setting(
        2,
        "How many times a run restarts after a crash: its process, container, worker or engine was killed, or its "
        "container could not start. 0: it stays Crashed.",
        "5",
    )
    SERVER_RETENTION_DAYS: Annotated[int, values.whole_number(0, 36500, "this")] = setting(
        90, "Days after which ended flow runs are deleted, with their logs and artifacts. 0: never.", "30"
    )


def login_is_not_exposed(settings: Settings) -> Iterator[Fault]:
    loopback = ip_address(settings.SERVER_BIND).is_loopback
    if "server" in settings.COMPONENTS and not loopback and not settings.SERVER_CLEAR_LOGIN:
        yield Fault(
            "SERVER_BIND",
            "other machines would send the login in clear text; set SERVER_CLEAR_LOGIN=true to accept that, "
            "or use 127.0.0.1 behind a TLS proxy",
        )


def sqlite_has_one_process(settings: Settings) -> Iterator[Fault]:
    if settings.SERVER_DATABASE == "sqlite" and settings.SERVER_WORKERS > 1:
        reason = "sqlite allows one process; write 1, or SERVER_DATABASE=postgres"
        yield Fault("SERVER_WORKERS", reason, instead="1")


RULES: Rules = {
    login_is_not_exposed: ("COMPONENTS", "SERVER_BIND", "SERVER_CLEAR_LOGIN"),
    sqlite_has_one_process: ("SERVER_DATABASE", "SERVER_WORKERS"),
}


def api_url(settings: Settings, server: str = NAME) -> str:
    """The API as containers reach it; `server` is their name for the server of this machine."""
    return settings.PREFECT_API_URL or url.http(server, PORT_INSIDE, "/api")


def api_url_here(settings: Settings) -> str:
    """The API as people on this machine reach it: the URL in the settings, or else the server's port."""
    return settings.PREFECT_API_URL or settings.SERVER_UI_API_URL or api_url_direct(settings)


def api_url_direct(settings: Settings) -> str:
    """The API as this machine reaches it, without a proxy that people may use."""
    return settings.PREFECT_API_URL or url.http(url.callable_here(settings.SERVER_BIND), settings.SERVER_PORT, "/api")


def ui_url(settings: Settings) -> str:
    """The UI of this machine's server, without a proxy in front of it."""
    host = "localhost" if url.is_default_loopback(settings.SERVER_BIND) else settings.SERVER_BIND
    base = ui_base(settings)
    return url.http(host, settings.SERVER_PORT, f"{base}/" if base else "")


def ui_base(settings: Settings) -> str:
    """The path below which the UI is served, without a slash at its end; empty for the whole host."""
    return urlsplit(settings.SERVER_UI_API_URL).path.removesuffix("/api").rstrip("/")


def browser_url(settings: Settings) -> str:
    """The UI as people open it, without a slash at its end: what links in logs and notifications begin with."""
    api = settings.SERVER_UI_API_URL or settings.PREFECT_API_URL
    return api.removesuffix("/api").rstrip("/") if api else ui_url(settings)


def full_name(settings: Settings) -> str:
    """The server's name with the network's name, which the engine resolves too: some resolvers do not forward names
    without a dot."""
    return f"{NAME}.{settings.SITE}"


def process_api_url(settings: Settings) -> str:
    """The API as processes on this machine reach it, if the site runs without containers."""
    return settings.PREFECT_API_URL or url.http("127.0.0.1", settings.SERVER_PORT, "/api")


def process_environment(settings: Settings) -> dict[str, str]:
    """The environment of the server if it runs as a process, in supervisord's format."""
    environment = {
        "SECRETS_DIR": "%(here)s/.site/secrets",
        "PREFECT_HOME": "%(here)s/.site/processes/home",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": "%(here)s/.site/processes/ui",
        "PREFECT_SERVER_UI_API_URL": supervisord_value(ui_api_url(settings)),
        "PREFECT_UI_URL": supervisord_value(browser_url(settings)),
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": vacuum(settings),
    }
    if ui_base(settings):
        environment["PREFECT_SERVER_UI_SERVE_BASE"] = supervisord_value(f"{ui_base(settings)}/")
    if settings.SERVER_RETENTION_DAYS:
        environment["PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD"] = str(retention_seconds(settings))
    return environment


def ui_api_url(settings: Settings) -> str:
    """The API as the UI in a browser reaches it: by default on the host and port that served the UI."""
    return settings.SERVER_UI_API_URL or "/api"


def login(settings: Settings) -> dict[str, str]:
    """The login of the API under the name that clients use; empty if the API needs none."""
    asked = settings.SERVER_AUTH and settings.PREFECT_API_AUTH_STRING
    return {AUTH: settings.PREFECT_API_AUTH_STRING} if asked else {}


def login_required(settings: Settings) -> bool:
    return bool(login(settings))


def server_login(settings: Settings) -> dict[str, str]:
    """The login under the name that the server reads, and under the one that its clients use."""
    given = login(settings)
    return given | ({"PREFECT_SERVER_API_AUTH_STRING": given[AUTH]} if given else {})


def client_secrets(settings: Settings) -> Secrets:
    """The secret files of a component that only calls the API."""
    return Secrets(login(settings))


def has_postgres(settings: Settings) -> bool:
    return bool(settings.SERVER_DATABASE == "postgres")


def pool_connections(settings: Settings) -> int:
    """Connections that a process keeps open."""
    return POOL_CONNECTIONS


def overflow_connections(settings: Settings) -> int:
    """More connections, which a process opens while it is busy."""
    return OVERFLOW_CONNECTIONS


def max_connections(settings: Settings) -> int:
    """What PostgreSQL must accept, so that every process may use all of its own at once."""
    processes = settings.SERVER_WORKERS + 1  # and the background services
    needed = processes * (POOL_CONNECTIONS + OVERFLOW_CONNECTIONS) + OTHER_CONNECTIONS
    return int(max(needed, POSTGRES_CONNECTIONS))


def vacuum(settings: Settings) -> str:
    """What the server deletes after the retention period."""
    return "events,flow_runs" if settings.SERVER_RETENTION_DAYS else "events"


def retention_seconds(settings: Settings) -> int:
    return int(settings.SERVER_RETENTION_DAYS * SECONDS_PER_DAY)


def redis_ping_seconds(_: Settings) -> int:
    return REDIS_PING_SECONDS


def secrets(settings: Settings) -> Secrets:
    return Secrets(server_login(settings) | (_postgres_and_redis(settings) if has_postgres(settings) else {}))


def _postgres_and_redis(settings: Settings) -> dict[str, str]:
    return {
        "PREFECT_SERVER_DATABASE_PASSWORD": settings.SERVER_DATABASE_PASSWORD,
        "PREFECT_REDIS_MESSAGING_PASSWORD": settings.SERVER_REDIS_PASSWORD,
        "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_PASSWORD": settings.SERVER_REDIS_PASSWORD,
        # Docket takes only a URL.
        "PREFECT_SERVER_DOCKET_URL": docket_url(settings.SERVER_REDIS_PASSWORD, "redis"),
        "redis.conf": _redis_conf(settings.SERVER_REDIS_PASSWORD),
    }


def docket_url(password: str, host: str) -> str:
    """Docket's Redis, with a ping on connections that are quiet for some seconds.

    Without it, a connection that the kernel gives up (ETIMEDOUT) is never noticed by Docket 0.27 and redis-py 8.1:
    `read_response` takes that error for the end of its own time limit, so the listener for cancellations asks again at
    once and for ever. That stops the event loop, and each time the same exception gets one more traceback: 30 MB a
    second. The ping is a write, and a write to such a connection is an error that Docket knows: it connects again.
    A `socket_timeout` would also end Docket's reads that wait 60 s on purpose; the kernel's limits end dead ones.
    """
    return f"{redis_url(password, host)}?health_check_interval={REDIS_PING_SECONDS}"


def _redis_conf(password: str) -> str:
    """Redis' own configuration. The password is here because the process list would show an argument."""
    header = "# Made from .env: edit that and run `python render.py`, not this file."
    return f"{header}\nrequirepass {redis_string(password)}\nappendonly yes\ndir /data\n"


def data(settings: Settings) -> tuple[Data, ...]:
    return _DATA if has_postgres(settings) else ()


def made(settings: Settings) -> dict[str, str]:
    login = {AUTH: LOGIN} if settings.SERVER_AUTH else {}
    databases = ("SERVER_DATABASE_PASSWORD", "SERVER_REDIS_PASSWORD") if has_postgres(settings) else ()
    return login | dict.fromkeys(databases, PASSWORD)


def port_user(settings: Settings, machine: Machine) -> str:
    return "a Prefect API" if _health(settings, machine) else ""


def findings(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """Whether the API answers this machine, and whether clock, login and version fit."""
    answer = _health(settings, machine)
    if answer is None:
        yield _no_api(settings)
        return
    yield Finding(OK, f"the API answers at {api_url_direct(settings)}")
    yield from _clock(answer)
    yield _version(settings, machine)


def _health(settings: Settings, machine: Machine) -> Response | None:
    answer = machine.get(f"{api_url_direct(settings)}/health")
    return answer if answer and answer.worked else None


def _no_api(settings: Settings) -> Finding:
    what = f"no API answers at {api_url_direct(settings)}"
    if SERVER.is_in(settings):
        return Finding(NOTE, what, "start it with `make up`")
    return Finding(FAIL, what, "check PREFECT_API_URL, the network, and whether the server runs")


def _clock(answer: Response) -> Iterator[Finding]:
    from email.utils import parsedate_to_datetime  # render does not need it

    if not answer.date:
        return
    difference = abs(parsedate_to_datetime(answer.date).timestamp() - time.time())
    if difference <= MAX_CLOCK_SECONDS:
        yield Finding(OK, "this clock agrees with the server's")
        return
    yield Finding(
        FAIL,
        f"this clock and the server's differ by {difference:.0f} s",
        "set both by NTP: schedules and the detection of late runs depend on the clock",
    )


def _version(settings: Settings, machine: Machine) -> Finding:
    answer = machine.get(f"{api_url_direct(settings)}/admin/version", settings.PREFECT_API_AUTH_STRING)
    if answer is None or not answer.worked:
        return Finding(
            FAIL,
            "the API refuses the login of PREFECT_API_AUTH_STRING",
            "copy the server's; if it changed there, run `docker compose up -d` in server/",
        )
    version, wanted = answer.body.strip().strip('"'), settings.PREFECT_VERSION
    if _numbers(version) < _numbers(wanted):
        return Finding(
            FAIL,
            f"the server is Prefect {version}, older than this site's {wanted}",
            "update the server first: an older one refuses newer clients",
        )
    return Finding(OK, f"the server is Prefect {version}, this site {wanted}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def api_memory(settings: Settings) -> str:
    """A gigabyte for each API process, and one more."""
    return f"{1 + settings.SERVER_WORKERS}g"


SERVER = Component(
    noun="server",
    name="server",
    folder="server",
    images=("postgres", "redis", "prefect"),
    sources=(
        "server/api-health.sh",
        "server/end-if-stuck.sh",
        "server/lost_slots.py",
        "server/migrate.py",
        "server/recovery",
        "server/redis_server.py",
        "server/services_health.py",
        "server/sqlite_server.py",
        "server/start_server.py",
        "server/start_services.py",
        "server/web",
    ),
    published="SERVER",
    services=frozenset({"server", "services", "recovery", "postgres", "redis", "migrate"}),
    memory={
        "server": api_memory,
        "services": "2g",
        "recovery": "256m",
        "postgres": "2g",
        "redis": "1g",
        "migrate": "1g",
    },
    sections=(ServerSettings,),
    rules=RULES,
    secrets=secrets,
    made=made,
    data=data,
    findings=findings,
    port_user=port_user,
    seen=(
        api_url,
        process_api_url,
        process_environment,
        ui_api_url,
        ui_base,
        browser_url,
        login_required,
        has_postgres,
        pool_connections,
        overflow_connections,
        max_connections,
        vacuum,
        retention_seconds,
        redis_ping_seconds,
    ),
)
