"""Broken `.env` files, each with the lines that render prints about it, to the letter."""

from dataclasses import dataclass

# What a fault says to write instead. Spelled out here: a changed example must be a decision.
EXAMPLE = {
    "SITE": "als",
    "COMPONENTS": "server agent client",
    "PREFECT_VERSION": "3.9.1",
    "PREFECT_API_URL": "http://prefect.example.org:4200/api",
    "PREFECT_API_AUTH_STRING": "admin:correct-horse-battery-staple",
    "BASE_IMAGES": "build",
    "BASE_IMAGE_PYTHON": "mirror.example.org/python:3.11.15-slim-bookworm",
    "BASE_IMAGE_POSTGRES": "mirror.example.org/postgres:15.18-bookworm",
    "BASE_IMAGE_REDIS": "mirror.example.org/redis:7.2.12-bookworm",
    "EXTRA_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt",
    "SITE_LABELS": "team=beamline",
    "SERVER_BIND": "127.0.0.1",
    "SERVER_PORT": "4200",
    "SERVER_CLEAR_LOGIN": "true",
    "SERVER_UI_API_URL": "https://prefect.example.org/api",
    "SERVER_AUTH": "true",
    "SERVER_WORKERS": "2",
    "SERVER_DATABASE": "postgres",
    "SERVER_DATABASE_NAME": "prefect",
    "SERVER_DATABASE_USER": "prefect",
    "SERVER_DATABASE_PASSWORD": "'any $printable \"text\"'",
    "SERVER_REDIS_PASSWORD": "'any $printable \"text\"'",
    "SERVER_RETENTION_DAYS": "30",
    "AGENT_POOL": "agent_pool",
    "AGENT_REPLICAS": "3",
    "AGENT_LIMIT": "4",
    "AGENT_QUERY_SECONDS": "2",
    "AGENT_STOP_SECONDS": "600",
    "AGENT_HEALTH_PORT": "8080",
    "AGENT_IMAGE": "registry.example.org/flows:1.4.2",
    "AGENT_POOLS": "agent parent conda slurm",
    "PARENT_POOL": "parent_pool",
    "PARENT_SITES": "nersc=slurm,nsls-ii=podman,als=docker,max-iv=slurm",
    "PARENT_CATALOGUE": "als.catalogue.yml",
    "PARENT_VOLUMES": "/srv/site/results:/app/results /srv/site/work:/scratch",
    "SLURM_HOST": "svc-lab@login.example.org",
    "SLURM_SSH_KEY": "/etc/site/slurm_ed25519",
    "SLURM_PARTITIONS": "debug regular",
    "SLURM_MAX_TIME": "2-12:00:00",
    "SLURM_OPTIONS": "--account=m1234 --qos=regular",
    "PARENT_HPC_TYPE": "nersc",
    "CONDA_EXE": "/opt/miniforge3/bin/conda",
    "CONDA_ALGORITHMS": "/srv/algorithms",
    "DOCKER_SOCKET": "/run/user/1000/docker.sock",
    "DOCKER_IMAGES": "registry.example.org/lab/*",
    "DOCKER_BIND_PATHS": "/srv/data",
    "DOCKER_JOB_MEMORY": "512m",
    "DOCKER_JOB_CPUS": "0.5",
    "DIND_POOL": "dind_pool_b",
    "DIND_SUBNET": "172.30.0.0/20",
    "DIND_ROOTLESS": "true",
    "CLIENT_CONCURRENCY_LIMITS": "weather-stations=4,licences=2",
    "CLIENT_SCHEDULES": "als.schedules.yml",
    "CLIENT_WAIT_SECONDS": "120",
    "KUBERNETES_VALUES": "true",
    "KUBERNETES_IMAGE": "registry.example.org/flows:3.9.1-1",
    "KUBERNETES_DATABASE_HOST": "postgres.databases.svc.cluster.local",
    "KUBERNETES_REDIS_HOST": "redis.databases.svc.cluster.local",
}
SECRET = {"PREFECT_API_AUTH_STRING", "SERVER_DATABASE_PASSWORD", "SERVER_REDIS_PASSWORD"}

MISSING = "a value is missing"
NAME = "a site's name has 1 to 40 lower-case letters, digits and inner hyphens: Compose and DNS allow no others"
TAKEN = "every engine already has a network with this name; choose another"
PLACEHOLDER = "this is a placeholder; write the real value"
SECRET_PLACEHOLDER = f"{PLACEHOLDER}, or leave it empty to have one made"
TWICE = "a component is named twice"
ALL = "all already includes every component; write it alone, or remove it"
VERSION = "this must be a full version of Prefect 3: three numbers, the first of them 3"
LOCKED = (
    "images/prefect/requirements.txt locks 3.9.1; write that, or change the version in "
    "images/prefect/requirements.in and run `make lock`"
)
URL = "this is not a URL: it must begin with http:// or https:// and name a host"
URL_PORT = "this is not a URL: the port must be a number from 1 to 65535"
URL_API = "the URL of a Prefect API ends in /api"
URL_EXTRA = "this URL cannot have a login, a '?' or a '#'; a login has its own setting"
HERE = "this machine runs the server itself; leave it empty, or take server out of COMPONENTS"
COPY_LOGIN = "the server is on another machine: copy its login, or set SERVER_AUTH=false if it asks for none"
LOGIN = "a login is a user name, a colon and a password"
LOGIN_ASCII = "the API login must be printable ASCII: the server answers 500 to others"
SPACES = "a password cannot be only spaces; write the real value, or leave it empty to have one made"
IMAGE = "this must be an image reference: NAME:TAG or NAME@sha256:DIGEST"
IMAGE_TAG = "an image needs a tag: without one it means latest, which changes every month"
IMAGE_LATEST = "latest changes every month; write the tag that you tested"
IMAGE_CASE = "an image's name is lower case"
ABSOLUTE = "write the absolute path of the file"
NO_CERTIFICATES = "this file holds no certificates in PEM format, or cannot be read"
LABEL = "a label is written NAME=VALUE, several are separated by commas"
BIND = "this must be an IP address without brackets: 127.0.0.1 for this machine only, 0.0.0.0 for everybody"
EXPOSED = (
    "other machines would send the login in clear text; set SERVER_CLEAR_LOGIN=true to accept that, "
    "or use 127.0.0.1 behind a TLS proxy"
)
PORT = "a port is a whole number from 1 to 65535"
SWITCH = "this must be true or false"
COUNT = "this is a whole number from 1 to 1000"
SQLITE = "sqlite allows one process; write 1, or SERVER_DATABASE=postgres"
IDENTIFIER = "a PostgreSQL name has lower-case letters, digits and _, and does not begin with a digit"
OF_POSTGRES = "PostgreSQL reserves this name; choose another"
POOL = "a work pool's name has up to 63 letters, digits, _ . and -, and begins with a letter or digit"
LIMIT = "a limit is written NAME=VALUE, several are separated by commas"
NO_LINE = "is not an assignment; write KEY=value, or start the line with # for a comment"
CARRIAGE_RETURN = "contains a carriage return within the line; save the file with line ends LF or CRLF"
ZERO = "contains a zero byte, so this is not text; save the file as UTF-8 text"
DIGEST = "sha256:" + "0" * 64
# A machine without the server, complete but for its URL.
WORKER = "COMPONENTS=agent\nPREFECT_API_AUTH_STRING=admin:x-y-z\n"


@dataclass(frozen=True)
class Broken:
    """The text of a `.env`, and every line that is printed about it."""

    text: str
    faults: tuple[str, ...]


def value(
    key: str, reason: str, *values: str, before: str = "", quote: str = "", instead: str | None = None
) -> list[Broken]:
    """One file for each value, which is in the line after `before` and breaks the same rule."""
    number = before.count("\n") + 1
    advice = EXAMPLE[key] if instead is None else instead
    return [
        Broken(
            f"{before}{key}={quote}{text}{quote}\n",
            (
                f".env:{number}: {key}={'...' if key in SECRET and text else text}: {reason}; "
                f"write for example {key}={advice}",
            ),
        )
        for text in values
    ]


def whole_number(key: str, low: int, high: int, what: str = "this") -> list[Broken]:
    reason = f"{what} is a whole number from {low} to {high}"
    wrong = (str(low - 1), str(high + 1), "-7", "1.5", "two", "0x10", "+1", "1_0", "1e1", "４", "12345678901")
    return value(key, reason, *wrong) + value(key, MISSING, "")


def line(reason: str, *lines: str) -> list[Broken]:
    """One file for each line, in which the second line is at fault."""
    return [Broken(f"SITE=als\n{text}\nSERVER_PORT=4300\n", (f".env:2: {reason}",)) for text in lines]


def absent(key: str, reason: str, text: str) -> Broken:
    """A file that lacks a key."""
    return Broken(text, (f".env: {key}=: {reason}; write for example {key}={EXAMPLE[key]}",))


def image(key: str) -> list[Broken]:
    no_reference = ["py thon:3", "python:3:1", "/python:3", "python/:3", "a//b:1", "a..b:1", "python:-x", "-python:3"]
    no_reference += [
        "https://registry.example.org/python:3",
        "python@sha256:abc",
        "python:3@",
        "a:1@md5:00",
        "@" + DIGEST,
    ]
    return [
        *value(key, IMAGE, *no_reference, "python:" + "x" * 129, "pythön:3"),
        *value(key, IMAGE_TAG, "python", "python:", "registry.example.org:5000/python", "library/python"),
        *value(key, IMAGE_LATEST, "python:latest", "registry.example.org/python:latest", f"python:latest@{DIGEST}"),
        *value(key, IMAGE_CASE, "Python:3.11", "registry.example.org/Site/python:3"),
    ]


SITE = [
    *value("SITE", MISSING, ""),
    *value("SITE", MISSING, "   ", quote="'"),
    *value(
        "SITE", NAME, "Als", "als_1", "-als", "als-", "a.b", "als site", "als/1", "älš", "a" * 41, "$SITE", "a:b", "*"
    ),
    *value("SITE", PLACEHOLDER, "change-me", "changeme", "your-site", "todo", "xxx", "example"),
    *value("SITE", TAKEN, "bridge", "host", "none", "default", "ingress", "podman"),
]

COMPONENTS = [
    *value("COMPONENTS", MISSING, "", ",", ", ,"),
    *value("COMPONENTS", "there is no component servr (did you mean server?)", "servr", "servr agent"),
    *value("COMPONENTS", "there is no component Server (did you mean server?)", "Server"),
    *value(
        "COMPONENTS",
        "there is no component kubernetes (choose server, registry, storage, agent, worker-docker, worker-dind, "
        "worker-podman, client or all)",
        "kubernetes",
    ),
    *value(
        "COMPONENTS",
        "there is no component agnt (did you mean agent?); there is no component clint (did you mean client?)",
        "server,agnt,clint",
    ),
    *value("COMPONENTS", ALL, "all server", "server all"),
    *value("COMPONENTS", TWICE, "server server", "agent,server,agent"),
]

VERSION_ = [
    *value("PREFECT_VERSION", MISSING, ""),
    *value(
        "PREFECT_VERSION", VERSION, "3", "3.9", "v3.9.1", "latest", "2.20.1", "3.9.1rc1", "3.9.01", ">=3.9.1", "3.9.1.1"
    ),
    *value("PREFECT_VERSION", LOCKED, "3.8.8", "3.9.0", "3.9.10"),
]


def inside(host: str) -> str:
    return f"inside a container {host} is the container itself; write the name or address of the server"


def no_host(host: str) -> str:
    return f"{host} is not a host name: it has letters, digits and hyphens between dots"


def api_url(reason: str, *values: str) -> list[Broken]:
    return value("PREFECT_API_URL", reason, *values, before=WORKER)


API_URL = [
    *api_url(URL, "prefect.example.org:4200/api", "prefect/api", "ftp://prefect/api", "http://", "http:///api"),
    *api_url(
        URL, "http://[::1/api", "http://pre fect/api", "http://präfekt/api", 'http://pre"fect/api', "http://h/a<b/api"
    ),
    *api_url(
        URL_PORT, "http://prefect:0/api", "http://prefect:65536/api", "http://prefect:-1/api", "http://prefect:x/api"
    ),
    *api_url(
        URL_API, "http://prefect:4200", "http://prefect:4200/", "http://prefect:4200/apis", "http://prefect/api/v1"
    ),
    *api_url(
        URL_EXTRA, "http://u:p@prefect/api", "http://u@prefect/api", "http://prefect/api?x=1", "http://prefect/api#x"
    ),
    *api_url(inside("localhost"), "http://localhost:4200/api", "https://LOCALHOST/api"),
    *api_url(inside("api.localhost"), "http://api.localhost/api"),
    *api_url(inside("127.0.0.1"), "http://127.0.0.1:4200/api"),
    *api_url(inside("127.9.9.9"), "http://127.9.9.9/api"),
    *api_url(inside("0.0.0.0"), "http://0.0.0.0:4200/api"),
    *api_url(inside("::1"), "http://[::1]:4200/api"),
    *api_url(inside("::"), "http://[::]/api"),
    *api_url(no_host("pre_fect"), "http://pre_fect/api"),
    *api_url(no_host("-prefect"), "http://-prefect/api"),
    *api_url(no_host("prefect-"), "http://prefect-/api"),
    *api_url(no_host("a..b"), "http://a..b/api"),
    *api_url(no_host("10.0.0.256"), "http://10.0.0.256:4200/api"),
    *api_url(no_host("127.1"), "http://127.1/api"),
    *api_url(no_host("a" * 64), f"http://{'a' * 64}/api"),
    *api_url(PLACEHOLDER, "http://your-server:4200/api", "http://changeme/api"),
    *value("PREFECT_API_URL", HERE, "http://prefect.example.org/api", instead=""),
    *value("PREFECT_API_URL", HERE, "http://prefect.example.org/api", before="COMPONENTS=server\n", instead=""),
    absent("PREFECT_API_URL", "no server for agent: write the URL of its API, or add server to COMPONENTS", WORKER),
    absent(
        "PREFECT_API_URL",
        "no server for agent and client: write the URL of its API, or add server to COMPONENTS",
        "COMPONENTS=agent client\nSERVER_AUTH=false\n",
    ),
    *value(
        "PREFECT_API_URL",
        "no server for client: write the URL of its API, or add server to COMPONENTS",
        "",
        before="COMPONENTS=client\nSERVER_AUTH=false\n",
    ),
    absent("PREFECT_API_AUTH_STRING", COPY_LOGIN, "COMPONENTS=agent\nPREFECT_API_URL=http://prefect/api\n"),
]

SECRETS = [
    *value("PREFECT_API_AUTH_STRING", LOGIN, "admin", ":x", "admin:", ":", "admin:   ", "   :x", quote="'"),
    *value("PREFECT_API_AUTH_STRING", LOGIN_ASCII, "admin:pässword", "ädmin:x", "admin:密"),
    *value(
        "PREFECT_API_AUTH_STRING", SECRET_PLACEHOLDER, "admin:change-me", "admin:password", "changeme:x", "admin:<pass>"
    ),
    *value("PREFECT_API_AUTH_STRING", SECRET_PLACEHOLDER, "<user>:<password>", "admin:${PASSWORD}", "your_user:x"),
    *value(
        "SERVER_DATABASE_PASSWORD", SECRET_PLACEHOLDER, "change-me", "changeme", "CHANGE_ME!", "<password>", "password"
    ),
    *value(
        "SERVER_DATABASE_PASSWORD", SECRET_PLACEHOLDER, "your_password", "secret", "***", "....", "xxxx", "TODO", "tbd"
    ),
    *value("SERVER_DATABASE_PASSWORD", SECRET_PLACEHOLDER, "[your password]", "${DB_PASSWORD}", "replace-me", "FIXME"),
    *value("SERVER_REDIS_PASSWORD", SECRET_PLACEHOLDER, "change_it", "placeholder", "<redis-password>"),
    *value("SERVER_DATABASE_PASSWORD", SPACES, "   ", quote="'"),
    *value("SERVER_REDIS_PASSWORD", SPACES, " ", quote='"'),
]

IMAGES = [
    *value("BASE_IMAGES", "allowed are auto, pull, build", "Auto", "yes", "pull,build"),
    *value("BASE_IMAGES", MISSING, ""),
    *value("BASE_IMAGE_PYTHON", MISSING, ""),
    *image("BASE_IMAGE_PYTHON"),
    *value("BASE_IMAGE_POSTGRES", IMAGE_TAG, "postgres"),
    *value("BASE_IMAGE_POSTGRES", IMAGE_LATEST, "postgres:latest"),
    *value("BASE_IMAGE_REDIS", IMAGE_TAG, "redis"),
    *value("BASE_IMAGE_REDIS", IMAGE_LATEST, "redis:latest"),
    *image("AGENT_IMAGE"),
    *value("EXTRA_CA_BUNDLE", ABSOLUTE, "ca.pem", "~/ca.pem", "./ca.pem"),
    *value("EXTRA_CA_BUNDLE", "there is no such file", "/no/such/ca.pem"),
    *value("EXTRA_CA_BUNDLE", "this is not a file", "/etc", "/dev/zero"),
    *value("EXTRA_CA_BUNDLE", NO_CERTIFICATES, "/etc/passwd", "/dev/null/ca.pem"),
]

LABELS = [
    *value("SITE_LABELS", LABEL, "team", "Team=x", "=x", "a b=c", "-a=1", "a..b=1", "a=1,b", "a_b=1"),
    *value("SITE_LABELS", "a label is given twice", "a=1,a=2"),
    *value("SITE_LABELS", "the label site is set by the engine or by this bundle; choose another name", "site=als"),
    *value(
        "SITE_LABELS",
        "the label site.files is set by the engine or by this bundle; choose another name",
        "site.files=1",
    ),
    *value(
        "SITE_LABELS",
        "the label com.docker.compose.project is set by the engine or by this bundle; choose another name",
        "a=1,com.docker.compose.project=x",
    ),
]

SERVER = [
    *value("SERVER_BIND", MISSING, ""),
    *value("SERVER_BIND", BIND, "localhost", "eth0", "192.168.1.256", "127.0.0.1:4200", "1.2.3", "::g", "[::1]", "*"),
    *value("SERVER_BIND", EXPOSED, "0.0.0.0", "::", "10.0.0.5", "fd00::1"),
    *whole_number("SERVER_PORT", 1, 65535, "a port"),
    *value("SERVER_CLEAR_LOGIN", SWITCH, "maybe", "2", "y", "wahr"),
    *value("SERVER_CLEAR_LOGIN", MISSING, ""),
    *value("SERVER_AUTH", SWITCH, "none", "enabled"),
    *value("SERVER_AUTH", MISSING, ""),
    *value("SERVER_UI_API_URL", URL, "prefect.example.org/api", "/api", "https://<host>/api"),
    *value("SERVER_UI_API_URL", URL_API, "https://prefect.example.org", "https://prefect.example.org/ui"),
    *value(
        "SERVER_UI_API_URL",
        "the UI cannot be served below this path: it has letters, digits and . _ ~ $ + = @ - between single slashes, "
        "begins with none of /api /docs /redoc, and does not end in /v2",
        *(f"https://prefect.example.org{path}/api" for path in ("/a%20b", "//a", "/a//b", "/api", "/docs/a", "/v2")),
        *(f"https://prefect.example.org{path}/api" for path in ("/a/v2", "/a/..", "/a'b", "/a;b", "/a&b")),
    ),
    *value("SERVER_UI_API_URL", URL_PORT, "https://prefect.example.org:443443/api"),
    *value("SERVER_UI_API_URL", URL_EXTRA, "https://u:p@prefect.example.org/api"),
    *value(
        "SERVER_UI_API_URL",
        "browsers cannot open 0.0.0.0; write the name or address at which people open the UI",
        "http://0.0.0.0:4200/api",
    ),
    *whole_number("SERVER_WORKERS", 1, 1000),
    *value("SERVER_WORKERS", SQLITE, "2", before="SERVER_DATABASE=sqlite\n", instead="1"),
    *value("SERVER_DATABASE", "allowed are postgres, sqlite", "mysql", "Postgres", "postgresql", "postgres sqlite"),
    *value("SERVER_DATABASE", MISSING, ""),
    *value("SERVER_DATABASE_NAME", MISSING, ""),
    *value("SERVER_DATABASE_NAME", IDENTIFIER, "Prefect", "1db", "a-b", "a b", "a" * 64, "präfekt", "a;b", 'a"b'),
    *value("SERVER_DATABASE_NAME", OF_POSTGRES, "template0", "template1", "pg_catalog"),
    *value("SERVER_DATABASE_USER", IDENTIFIER, "Prefect", "0", "a.b"),
    *value("SERVER_DATABASE_USER", OF_POSTGRES, "pg_site", "public", "none"),
    *value("SERVER_DATABASE_USER", MISSING, ""),
    *whole_number("SERVER_RETENTION_DAYS", 0, 36500),
]

AGENT = [
    *value("AGENT_POOL", MISSING, ""),
    *value("AGENT_POOL", POOL, "-a", ".a", "a/b", "a b", "a" * 64, "a%b", "pööl", "a:b"),
    *value("AGENT_POOL", PLACEHOLDER, "your-pool", "CHANGEME"),
    *whole_number("AGENT_REPLICAS", 1, 1000),
    *whole_number("AGENT_LIMIT", 1, 1000),
    *whole_number("AGENT_QUERY_SECONDS", 1, 300),
    *whole_number("AGENT_STOP_SECONDS", 1, 86400),
    *whole_number("AGENT_HEALTH_PORT", 1, 65535, "a port"),
    *value(
        "AGENT_HEALTH_PORT",
        "3 workers need ports up to 65536, and 65535 is the last",
        "65534",
        before="AGENT_REPLICAS=3\n",
    ),
    *value(
        "AGENT_HEALTH_PORT",
        "port 4200 is used twice: SERVER_PORT has it, and 1 worker(s) take 4200 to 4200",
        "4200",
        instead="4201",
    ),
    *value(
        "AGENT_HEALTH_PORT",
        "port 8082 is used twice: SERVER_PORT has it, and 5 worker(s) take 8080 to 8084",
        "8080",
        before="SERVER_PORT=8082\nAGENT_REPLICAS=5\n",
        instead="8083",
    ),
]

PARENT, SLURM = "AGENT_POOLS=parent\n", "AGENT_POOLS=slurm\n"
ONE_ENGINE = "has this name; a pool belongs to one engine, so choose another"
COLON = "a mounted path cannot contain ':'; rename it, or name a link without ':'"
NO_KEY = "this is not a private key in PEM or OpenSSH format, such as ssh-keygen writes beside the .pub file"
OVER_THE_WORKER = (
    "the installation would be mounted over folders of the worker; name the program of an installation that "
    "has a folder of its own"
)
PROCESS_WORKERS = [
    *value("AGENT_POOLS", "there is no pool slurn (did you mean slurm?)", "slurn", "agent slurn"),
    *value("AGENT_POOLS", "there is no pool docker (choose agent, parent, conda or slurm)", "docker"),
    *value("AGENT_POOLS", "a pool is named twice", "slurm agent slurm"),
    *value("AGENT_POOLS", MISSING, ""),
    *value(
        "PARENT_POOL",
        f"AGENT_POOL {ONE_ENGINE}",
        "agent_pool",
        before="AGENT_POOLS=agent parent\n",
        instead="parent_pool",
    ),
    *value("CONDA_EXE", OVER_THE_WORKER, "/conda", "/bin/conda", "/usr/bin/micromamba", "/opt/bin/conda"),
    *value("CONDA_ALGORITHMS", COLON, "/srv/a:b"),
    *value("PARENT_SITES", "an entry is written NAME=VALUE, several are separated by commas", "als docker"),
    *value("PARENT_SITES", "an entry is given twice", "als=docker,als=conda"),
    *value("PARENT_SITES", "a site appears twice; case does not matter", "als=docker,ALS=conda", before=PARENT),
    *value(
        "PARENT_SITES",
        "max-iv: there is no environment 'slurn'; did you mean 'slurm'? (known: conda, docker, podman, slurm)",
        "max-iv=slurn",
        before=PARENT,
    ),
    *value("PARENT_VOLUMES", "volume 'data:/data': 'data' is not an absolute path", "data:/data", before=PARENT),
    *value(
        "PARENT_VOLUMES",
        "/srv/data is in none of /srv/site/results, /srv/site/work; add it to DOCKER_BIND_PATHS",
        "/srv/data:/data",
        before=PARENT,
    ),
    *value("PARENT_VOLUMES", "/a is used twice as the target", "/srv/site/work:/a /srv/site/results:/a", before=PARENT),
    *value(
        "PARENT_HPC_TYPE",
        "hpc_type 'nersk' is not a site or an environment; did you mean 'nersc'? (known: als, conda, docker, nersc, "
        "nsls-ii, podman, slurm)",
        "nersk",
        before=PARENT,
    ),
    *value(
        "PARENT_CATALOGUE",
        "there is no such file; make it with `cp catalogue.example.yml als.catalogue.yml` beside .env",
        "als.catalogue.yml",
        instead="catalogue.yml",
    ),
    *value("SLURM_HOST", "'a b' is not valid: write HOST, USER@HOST or USER@HOST:PORT", "a b", before=SLURM),
    *value(
        "SLURM_MAX_TIME",
        "'1 hour' is not valid: write minutes, hours:minutes:seconds or days-hours, for example 1:30:00",
        "1 hour",
        before=SLURM,
    ),
    *value(
        "SLURM_PARTITIONS",
        "'a/b' is not valid: write letters, digits and . _ + -, beginning with a letter or digit",
        "a/b",
        before=SLURM,
    ),
    *value(
        "SLURM_OPTIONS", "'-A' is not a long option of sbatch: write for example --account=m1234", "-A", before=SLURM
    ),
    *value("SLURM_SSH_KEY", NO_KEY, "/etc/hostname", before="SLURM_HOST=login\n"),
    *value("SLURM_SSH_KEY", "there is no such file", "/nowhere/key", before="SLURM_HOST=login\n"),
    *value(
        "AGENT_HEALTH_PORT",
        "port 4200 is used twice: SERVER_PORT has it, and 4 worker(s) take 4198 to 4201",
        "4198",
        before="AGENT_POOLS=agent parent conda slurm\n",
        instead="4201",
    ),
]

SUBNET = "this must be a private IPv4 network of 1024 addresses or more, ADDRESS/BITS with BITS up to 22"
DIND = [
    *value("DOCKER_SOCKET", COLON, "/run/a:b.sock"),
    *value("DOCKER_JOB_MEMORY", "engines refuse a container with less than 6m", "1k", "5m", "6143k"),
    *value(
        "DOCKER_JOB_CPUS",
        "this must be a number of processor cores, such as 2 or 0.5, and at least 0.01",
        "0",
        "0.001",
        "x",
    ),
    *value("DOCKER_IMAGES", "lab* is neither an image name nor NAME/* for all images below it", "lab*"),
    *value("DOCKER_BIND_PATHS", "/srv/data/in is inside /srv/data; remove it", "/srv/data/in /srv/data"),
    *value("DIND_POOL", f"DOCKER_POOL {ONE_ENGINE}", "docker_pool", before="COMPONENTS=all\n", instead="dind_pool"),
    *value(
        "DIND_POOL",
        f"AGENT_POOL {ONE_ENGINE}",
        "dind_pool",
        before="COMPONENTS=all\nAGENT_POOL=dind_pool\n",
        instead="dind_pool_2",
    ),
    *value(
        "DIND_SUBNET", SUBNET, "10.213.0.0", "10.213.0.0/23", "8.8.0.0/16", "0.0.0.0/0", "fd00::/48", "10.213.1.0/16"
    ),
    *value("DIND_SUBNET", SUBNET, "127.0.0.0/16", "0.0.0.0/8", "169.254.0.0/16", "240.0.0.0/8"),
    *value("DIND_ROOTLESS", SWITCH, "rootless"),
]

PODMAN = [
    Broken(
        "COMPONENTS=server worker-docker worker-podman\nPODMAN_SOCKET=/run/podman/podman.sock\n",
        (
            ".env:2: PODMAN_SOCKET=/run/podman/podman.sock: all components would run on that Podman, which cannot "
            "run worker-docker; leave it empty for a Podman in a container, or take them out of COMPONENTS; write for "
            "example PODMAN_SOCKET=",
        ),
    ),
]

CLIENT = [
    *value("CLIENT_CONCURRENCY_LIMITS", LIMIT, "a", "=4", "a b=1", "a=1,b"),
    *value("CLIENT_CONCURRENCY_LIMITS", "a limit is given twice", "a=1,a=2"),
    *value(
        "CLIENT_CONCURRENCY_LIMITS",
        "the limit of a is a whole number from 1 to 999999",
        "a=0",
        "a=x",
        "a=-1",
        "a=",
        "a=1000000",
    ),
    *whole_number("CLIENT_WAIT_SECONDS", 1, 3600),
]

LINES = [
    *line(
        NO_LINE,
        "SERVER_BIND 127.0.0.1",
        "SERVER_BIND: 127.0.0.1",
        "=127.0.0.1",
        "- SERVER_BIND=1",
        "[server]",
        "'SERVER_BIND",
    ),
    *line("the quotes of SERVER_BIND do not match; put the value into one pair of ' or \"", "SERVER_BIND='127.0.0.1"),
    *line("the quotes of SERVER_BIND do not match; put the value into one pair of ' or \"", 'SERVER_BIND="127.0.0.1'),
    *line(
        "the quotes of SERVER_BIND do not match; put the value into one pair of ' or \"", "export SERVER_BIND='127'0"
    ),
    *line(
        "the quotes of SERVER_BIND do not match; put the value into one pair of ' or \"", "SERVER_BIND='127.0.0.1\\'"
    ),
    *line(
        "SERVER_BIND has no '='; write SERVER_BIND=VALUE", "SERVER_BIND", "export SERVER_BIND", "  SERVER_BIND  # what?"
    ),
    *line("contains unprintable U+0007; write printable characters", "SERVER_BIND=127\a"),
    *line("contains unprintable U+001B; write printable characters", "SERVER_BIND=\x1b[1m", "\x1bSERVER_BIND=1"),
    *line("contains unprintable U+0009; write printable characters", "SERVER_BIND=127\t0"),
    *line("contains unprintable U+000A; write printable characters", 'SERVER_BIND="127\\n0"'),
    *line("contains unprintable U+00A0; write printable characters", "SERVER_BIND='127.0.0.1\u00a0'"),
    *line("contains unprintable U+200B; write printable characters", "SERVER_BIND=127.0.0.1\u200b"),
    *line(ZERO, "SERVER_BIND=127.0.0.1\0", "\0", "# a comment\0"),
    *line(
        CARRIAGE_RETURN,
        "SERVER_BIND=127.0.0.1\rSERVER_WORKERS=2",
        "# a comment\rSERVER_BIND=0.0.0.0",
        "SERVER_BIND=127.0.0.1\r\r",
    ),
    *line(
        "SITE is already set on line 1; keep one of the two lines", "SITE=als", "SITE=bnl", "SITE=", "export SITE='als'"
    ),
    *line("SERVER_PROT is not a setting; did you mean SERVER_PORT?", "SERVER_PROT=4200"),
    *line("server_port is not a setting; did you mean SERVER_PORT?", "server_port=4200"),
    *line("SITES is not a setting; did you mean SITE?", "SITES=als"),
    *line("PREFECT_API_AUTH is not a setting; did you mean PREFECT_API_AUTH_STRING?", "PREFECT_API_AUTH=a:b"),
    *line(
        "COMPOSE_PROJECT_NAME is not a setting; delete the line; .env.example lists every setting",
        "COMPOSE_PROJECT_NAME=x",
    ),
    *line("FOO is not a setting; delete the line; .env.example lists every setting", "FOO=1", "FOO="),
    *line("ÄÖÜ is not a setting; delete the line; .env.example lists every setting", "ÄÖÜ=1"),
    Broken("\ufeffSITE=Als\n", (f".env:1: SITE=Als: {NAME}; write for example SITE=als",)),
    Broken("\ufeffSITE='als\n", (".env:1: the quotes of SITE do not match; put the value into one pair of ' or \"",)),
    Broken("# a\r\n\r\nSITE=Als\r\n", (f".env:3: SITE=Als: {NAME}; write for example SITE=als",)),
    Broken("SITE=als\rSERVER_PORT=4300\r", (f".env:1: {CARRIAGE_RETURN}",)),
    Broken(
        "SITE=als\n" * 3, tuple(f".env:{n}: SITE is already set on line 1; keep one of the two lines" for n in (2, 3))
    ),
    Broken(f"SITE={'a' * 500_000}", (f".env:1: SITE=...: {NAME}; write for example SITE=als",)),
    Broken("<html>\n", (f".env:1: {NO_LINE}",)),
]

SEVERAL = [
    Broken(
        "SERVER_DATABASE_PASSWORD=change-me\n# SITE=Als\nSITE=Als\nFOO=1\n\nSITE=als\nSERVER_BIND='::\n"
        "SERVER_WORKERS=0\nSERVER_PORT=8080\nSERVER_AUTH\nPREFECT_API_URL=http://prefect/api\nAGENT_IMAGE=flows\nCOMPONENTS=",
        (
            f".env:1: SERVER_DATABASE_PASSWORD=...: {SECRET_PLACEHOLDER}; "
            "write for example SERVER_DATABASE_PASSWORD='any $printable \"text\"'",
            f".env:3: SITE=Als: {NAME}; write for example SITE=als",
            ".env:4: FOO is not a setting; delete the line; .env.example lists every setting",
            ".env:6: SITE is already set on line 3; keep one of the two lines",
            ".env:7: the quotes of SERVER_BIND do not match; put the value into one pair of ' or \"",
            f".env:8: SERVER_WORKERS=0: {COUNT}; write for example SERVER_WORKERS=2",
            ".env:10: SERVER_AUTH has no '='; write SERVER_AUTH=VALUE",
            f".env:12: AGENT_IMAGE=flows: {IMAGE_TAG}; write for example AGENT_IMAGE=registry.example.org/flows:1.4.2",
            f".env:13: COMPONENTS=: {MISSING}; write for example COMPONENTS=server agent client",
        ),
    ),
    Broken(
        "SERVER_BIND=0.0.0.0\nSITE=host\nPREFECT_VERSION=3.8.8\nSERVER_DATABASE=sqlite\nSERVER_WORKERS=4\nAGENT_LIMIT=0\n",
        (
            f".env:1: SERVER_BIND=0.0.0.0: {EXPOSED}; write for example SERVER_BIND=127.0.0.1",
            f".env:2: SITE=host: {TAKEN}; write for example SITE=als",
            f".env:3: PREFECT_VERSION=3.8.8: {LOCKED}; write for example PREFECT_VERSION=3.9.1",
            f".env:5: SERVER_WORKERS=4: {SQLITE}; write for example SERVER_WORKERS=1",
            f".env:6: AGENT_LIMIT=0: {COUNT}; write for example AGENT_LIMIT=4",
        ),
    ),
    Broken(
        "COMPONENTS=agent client\nSITE_LABELS=site.origin=1,com.docker.x=2\n",
        (
            ".env: PREFECT_API_URL=: no server for agent and client: write the URL of its API, or add server to "
            "COMPONENTS; write for example PREFECT_API_URL=http://prefect.example.org:4200/api",
            f".env: PREFECT_API_AUTH_STRING=: {COPY_LOGIN}; "
            "write for example PREFECT_API_AUTH_STRING=admin:correct-horse-battery-staple",
            ".env:2: SITE_LABELS=site.origin=1,com.docker.x=2: the label site.origin is set by the engine or by this "
            "bundle; choose another name; write for example SITE_LABELS=team=beamline",
            ".env:2: SITE_LABELS=site.origin=1,com.docker.x=2: the label com.docker.x is set by the engine or by this "
            "bundle; choose another name; write for example SITE_LABELS=team=beamline",
        ),
    ),
]

EVERY = [
    *SITE, *COMPONENTS, *VERSION_, *API_URL, *SECRETS, *IMAGES, *LABELS, *SERVER, *AGENT, *PROCESS_WORKERS, *DIND,
    *PODMAN, *CLIENT, *LINES, *SEVERAL,
]  # fmt: skip
