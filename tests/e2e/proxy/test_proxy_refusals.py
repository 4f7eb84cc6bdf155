"""The Docker CLI shows in clear words what is refused, and nothing is created."""

import uuid
from collections.abc import Iterator

import docker
import docker.errors
import pytest

from tests.e2e.proxy.proxy_site import LABEL, Site, engine

pytestmark = pytest.mark.engine
NEVER = "; no setting allows it"
IMAGES = "; DOCKER_PROXY_LAUNCHER_IMAGES would allow it"
BINDS = "; DOCKER_PROXY_LAUNCHER_BIND_PATHS would allow it"
VOLUMES = "; DOCKER_PROXY_LAUNCHER_VOLUMES would allow it"
NETWORK = "HostConfig.NetworkMode '{}' is not a network of this role ({site})"
SECURITY = (
    "HostConfig.SecurityOpt[0] '{}' is not one of "
    "'no-new-privileges', 'no-new-privileges:true', 'no-new-privileges=true'"
)
HOST_BIND = "type=none,volume-opt=o=bind,volume-opt=device=/"

RUNS = [
    (["--privileged"], "HostConfig.Privileged is refused" + NEVER),
    (["--cap-add", "SYS_ADMIN"], "HostConfig.CapAdd is refused" + NEVER),
    (["--pid", "host"], "HostConfig.PidMode is refused" + NEVER),
    (["--pid", "container:stranger"], "HostConfig.PidMode is refused" + NEVER),
    (["--ipc", "host"], "HostConfig.IpcMode 'host' is not one of '', 'none', 'private'" + NEVER),
    (["--uts", "host"], "HostConfig.UTSMode is refused" + NEVER),
    (["--userns", "host"], "HostConfig.UsernsMode is refused" + NEVER),
    (["--cgroupns", "host"], "HostConfig.CgroupnsMode 'host' is not one of '', 'private'" + NEVER),
    (["--cgroup-parent", "/x"], "HostConfig.CgroupParent is refused" + NEVER),
    (["--device", "/dev/null"], "HostConfig.Devices is refused" + NEVER),
    (["--device-cgroup-rule", "b 8:* rwm"], "HostConfig.DeviceCgroupRules is refused" + NEVER),
    (["--gpus", "all"], "HostConfig.DeviceRequests is refused; DOCKER_PROXY_LAUNCHER_GPUS would allow it"),
    (["--security-opt", "seccomp=unconfined"], SECURITY.format("seccomp=unconfined") + NEVER),
    (["--security-opt", "apparmor=unconfined"], SECURITY.format("apparmor=unconfined") + NEVER),
    (["--volumes-from", "stranger"], "HostConfig.VolumesFrom is refused" + NEVER),
    (["--volume-driver", "local", "-v", "x:/x"], "HostConfig.VolumeDriver is refused" + NEVER),
    (["--volume", "/:/host"], "HostConfig.Binds[0]: '/' is outside the allowed host paths" + NEVER),
    (["--volume", "/etc:/host:ro"], "HostConfig.Binds[0]: '/etc' is outside the allowed host paths" + NEVER),
    (["--volume", "/home:/host"], "HostConfig.Binds[0]: '/home' is outside the allowed host paths" + BINDS),
    (
        ["--volume", "/var/run/docker.sock:/s"],
        "HostConfig.Binds[0]: '/var/run/docker.sock' is outside the allowed host paths" + NEVER,
    ),
    (
        ["--mount", "type=bind,src=/,dst=/host"],
        "HostConfig.Mounts[0].Source: '/' is outside the allowed host paths" + NEVER,
    ),
    (
        ["--volume", "{site}-postgres:/d"],
        "HostConfig.Binds[0]: volume '{site}-postgres' is not one that this role may mount" + VOLUMES,
    ),
    (
        ["--mount", f"type=volume,dst=/d,volume-driver=local,volume-opt={HOST_BIND}"],
        "HostConfig.Mounts[0].VolumeOptions.DriverConfig is refused" + NEVER,
    ),
    (["--publish", "8080:80"], "HostConfig.PortBindings is refused" + NEVER),
    (["--publish-all"], "HostConfig.PublishAllPorts is refused" + NEVER),
    (["--sysctl", "net.ipv4.ip_forward=1"], "HostConfig.Sysctls is refused" + NEVER),
    (["--runtime", "runc"], "HostConfig.Runtime is refused" + NEVER),
    (["--oom-score-adj", "-1000"], "HostConfig.OomScoreAdj is refused" + NEVER),
    (["--log-driver", "syslog"], "HostConfig.LogConfig.Type 'syslog' is not one of '', 'json-file', 'local'" + NEVER),
    (["--ulimit", "nofile=2000000"], "HostConfig.Ulimits[0].Soft must be a whole number from 0 to 1048576" + NEVER),
    (["--name", "server"], "the name 'server' is reserved for a service of the site" + NEVER),
    (["--hostname", "postgres"], "Hostname 'postgres' is reserved for a service of the site" + NEVER),
    (
        ["--network-alias", "redis"],
        "NetworkingConfig.EndpointsConfig.{site}.Aliases[0] 'redis' is reserved for a service of the site" + NEVER,
    ),
    (["--label", "site=another"], "Labels: 'site' is set by the proxy, to '{site}'" + NEVER),
]

CALLS = [
    (["exec", "{mine}", "true"], "this role may not call POST /containers/{mine}/exec" + NEVER),
    (["build", "{context}"], "this role may not call POST /build" + NEVER),
    (["volume", "ls"], "this role may not call GET /volumes" + NEVER),
    (["volume", "create", "x"], "this role may not call POST /volumes/create" + NEVER),
    (["volume", "rm", "{site}-postgres"], "this role may not call DELETE /volumes/{site}-postgres" + NEVER),
    (["swarm", "init"], "this role may not call POST /swarm/init" + NEVER),
    (["swarm", "join", "--token", "x", "h:1"], "this role may not call POST /swarm/join" + NEVER),
    (["network", "create", "x"], "this role may not call POST /networks/create" + NEVER),
    (["network", "connect", "bridge", "{mine}"], "this role may not call POST /networks/bridge/connect" + NEVER),
    (
        ["ps"],
        "the list needs the filter label=io.prefect.flow-run-id=ID, the flow run whose containers it shows" + NEVER,
    ),
    (["image", "ls"], "this role may not call GET /images/json" + NEVER),
    (["cp", "{mine}:/etc/passwd", "-"], "this role may not call GET /containers/{mine}/archive" + NEVER),
    (["commit", "{mine}", "x"], "this role may not call POST /commit" + NEVER),
    (["update", "--memory", "1g", "{mine}"], "this role may not call POST /containers/{mine}/update" + NEVER),
    (["restart", "{mine}"], "this role may not call POST /containers/{mine}/restart" + NEVER),
    (["rename", "{mine}", "x"], "this role may not call POST /containers/{mine}/rename" + NEVER),
    (["export", "{mine}"], "this role may not call GET /containers/{mine}/export" + NEVER),
    (["pull", "alpine:3.20"], "image 'docker.io/library/alpine:3.20' is not one that this role may use" + IMAGES),
    (
        ["login", "--username", "u", "--password-stdin", "evil.example.org"],
        "'evil.example.org' is not the registry of an allowed image" + IMAGES,
    ),
    *(
        (command, "container {stranger} is not a run of this site that this role may use" + NEVER)
        for command in (
            ["container", "inspect", "{stranger}"],
            ["logs", "{stranger}"],
            ["stop", "{stranger}"],
            ["kill", "{stranger}"],
            ["rm", "--force", "{stranger}"],
            ["start", "{stranger}"],
            ["wait", "{stranger}"],
            ["attach", "{stranger}"],
        )
    ),
]


@pytest.fixture(scope="module")
def names(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A container of the site, one of somebody else, and a folder to build from."""
    context = tmp_path_factory.mktemp("context")
    (context / "Dockerfile").write_text("FROM scratch\n")
    mine, stranger = f"{site.name}-mine", f"{site.name}-stranger"
    engine(
        "run",
        "--detach",
        "--name",
        stranger,
        "--label",
        LABEL,
        "--label",
        f"site={site.name}",
        site.image,
        "sleep",
        "600",
    )
    site.docker("launcher", *site.run("--detach", "--name", mine), site.image, "sleep", "600")
    yield {
        "site": site.name,
        "mine": mine,
        "stranger": stranger,
        "context": str(context),
    }
    engine("rm", "--force", mine, stranger)


def asked_for(site: Site) -> set[str]:
    """Containers that a test here asked for and got."""
    return set(engine("ps", "--all", "--quiet", "--filter", f"label=site.test.of={site.name}").split())


@pytest.mark.parametrize(("options", "message"), RUNS)
def test_run_is_refused_with_its_reason(site: Site, options: list[str], message: str) -> None:
    before = asked_for(site)
    options = [option.format(site=site.name) for option in options]
    found = site.docker("launcher", *site.run(*options), site.image, "true")
    assert found.returncode == 125
    reason = message.format(site=site.name)
    assert found.stderr.splitlines()[0] == f"docker: Error response from daemon: socket proxy (launcher): {reason}"
    assert asked_for(site) == before
    logged = site.log()[-1]
    assert logged.endswith(f" status=403 reason={reason.rpartition('; ')[0]}")
    assert " refused role=launcher method=POST path=/v1." in logged


@pytest.mark.parametrize("network", ["host", "bridge", "container:stranger"])
def test_run_on_another_network_is_refused(site: Site, network: str) -> None:
    found = site.docker("launcher", "run", "--rm", "--label", LABEL, "--network", network, site.image, "true")
    assert NETWORK.format(network, site=site.name) + NEVER in found.stderr


@pytest.mark.parametrize(("command", "message"), CALLS)
def test_call_is_refused_with_its_reason(site: Site, names: dict[str, str], command: list[str], message: str) -> None:
    found = site.docker("launcher", *(word.format(**names) for word in command), stdin="password")
    assert found.returncode != 0
    assert f"socket proxy (launcher): {message.format(**names)}" in found.stderr
    running = engine("ps", "--quiet", "--no-trunc", "--filter", f"name={names['stranger']}")
    assert running


def test_sdk_raises_what_the_proxy_says(site: Site) -> None:
    client = site.client("worker")
    with pytest.raises(docker.errors.APIError) as caught:
        client.containers.create(site.image, privileged=True, network=site.name)
    assert caught.value.status_code == 403
    assert caught.value.explanation == "socket proxy (worker): HostConfig.Privileged is refused; no setting allows it"


def test_container_that_is_gone_is_not_found(site: Site) -> None:
    client = site.client("worker")
    with pytest.raises(docker.errors.NotFound, match="No such container: gone"):
        client.containers.get("gone")


@pytest.mark.parametrize("target", ["/etc", "/", "elsewhere"])
def test_link_below_the_allowed_path_leads_nowhere(site: Site, target: str) -> None:
    link = site.work / f"link-{uuid.uuid4().hex[:8]}"
    link.symlink_to(target)
    found = site.docker("launcher", *site.run("--volume", f"{link}:/x"), site.image, "true")
    assert f"HostConfig.Binds[0]: {link} is a symbolic link{NEVER}" in found.stderr


def test_directory_that_became_a_link_is_not_mounted_at_the_start(site: Site) -> None:
    folder = site.work / f"swap-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    made = site.docker(
        *("launcher", "create", "--label", LABEL, "--network", site.name, "--volume", f"{folder}:/x"),
        site.image,
        "ls",
        "/x",
    )
    folder.rmdir()
    folder.symlink_to("/")
    found = site.docker("launcher", "start", "--attach", made.stdout.strip())
    assert f"the container's mount: {folder} is a symbolic link{NEVER}" in found.stderr
    assert "bin" not in found.stdout


def test_roles_do_not_touch_each_others_containers(site: Site, names: dict[str, str]) -> None:
    found = site.docker("worker", "stop", names["mine"])
    assert f"container {names['mine']} is not a run of this site that this role may use{NEVER}" in found.stderr
