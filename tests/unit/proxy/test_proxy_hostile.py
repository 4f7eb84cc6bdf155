"""Requests that must not pass, each with the words of the refusal."""

import json
from typing import Any

import pytest
from socket_proxy.case import Deny

from tests.unit.proxy.world import OTHER_NETWORK, OTHER_SITE, SERVICE, STRANGER, Judge, a_body

NEVER = "; no setting allows it"
NO_TARGET = "an absolute path without ':', ',' and quotes" + NEVER
CREATE = "/v1.45/containers/create"
GPU = {"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}


def by(setting: str) -> str:
    return f"; DOCKER_PROXY_LAUNCHER_{setting} would allow it"


# What HostConfig must not contain, and the refusal.
HOST: list[tuple[dict[str, Any], str]] = [
    ({"Privileged": True}, "HostConfig.Privileged is refused" + NEVER),
    ({"Privileged": 1}, "HostConfig.Privileged is refused" + NEVER),
    ({"privileged": True}, "HostConfig.privileged is refused" + NEVER),
    ({"PRIVILEGED": True}, "HostConfig.PRIVILEGED is refused" + NEVER),
    ({"Pri\u017filege\u017f": True}, "HostConfig.Pri\u017filege\u017f is refused" + NEVER),
    ({"\u017fecurityOpt": ["seccomp=unconfined"]}, "HostConfig.\u017fecurityOpt is refused" + NEVER),
    ({"Lin\u212as": ["server"]}, "HostConfig.Lin\u212as is refused" + NEVER),
    ({"CapAdd": ["SYS_ADMIN"]}, "HostConfig.CapAdd is refused" + NEVER),
    ({"capadd": ["ALL"]}, "HostConfig.capadd is refused" + NEVER),
    ({"Capabilities": ["CAP_SYS_ADMIN"]}, "HostConfig.Capabilities is refused" + NEVER),
    ({"NetworkMode": "host"}, "HostConfig.NetworkMode 'host' is not a network of this role (als)" + NEVER),
    ({"NetworkMode": "Host"}, "HostConfig.NetworkMode 'Host' is not a network of this role (als)" + by("NETWORKS")),
    (
        {"NetworkMode": "container:mine"},
        "HostConfig.NetworkMode 'container:mine' is not a network of this role (als)" + NEVER,
    ),
    ({"NetworkMode": "bridge"}, "HostConfig.NetworkMode 'bridge' is not a network of this role (als)" + NEVER),
    ({"NetworkMode": "default"}, "HostConfig.NetworkMode 'default' is not a network of this role (als)" + NEVER),
    ({"NetworkMode": ""}, "HostConfig.NetworkMode '' is not a network of this role (als)" + NEVER),
    ({"NetworkMode": None}, "HostConfig.NetworkMode 'default' is not a network of this role (als)" + NEVER),
    ({"NetworkMode": "db"}, "HostConfig.NetworkMode 'db' is not a network of this role (als)" + by("NETWORKS")),
    (
        {"NetworkMode": "ns:/proc/1/ns/net"},
        "HostConfig.NetworkMode 'ns:/proc/1/ns/net' is not a network of this role (als)" + NEVER,
    ),
    ({"NetworkMode": ["als"]}, "HostConfig.NetworkMode must be a string" + NEVER),
    ({"networkmode": "host"}, "HostConfig.networkmode is refused" + NEVER),
    ({"PidMode": "host"}, "HostConfig.PidMode is refused" + NEVER),
    ({"PidMode": "container:mine"}, "HostConfig.PidMode is refused" + NEVER),
    ({"IpcMode": "host"}, "HostConfig.IpcMode 'host' is not one of '', 'none', 'private'" + NEVER),
    ({"IpcMode": "container:mine"}, "HostConfig.IpcMode 'container:mine' is not one of '', 'none', 'private'" + NEVER),
    ({"IpcMode": "shareable"}, "HostConfig.IpcMode 'shareable' is not one of '', 'none', 'private'" + NEVER),
    ({"UTSMode": "host"}, "HostConfig.UTSMode is refused" + NEVER),
    ({"UsernsMode": "host"}, "HostConfig.UsernsMode is refused" + NEVER),
    ({"CgroupnsMode": "host"}, "HostConfig.CgroupnsMode 'host' is not one of '', 'private'" + NEVER),
    ({"Cgroup": "container:mine"}, "HostConfig.Cgroup is refused" + NEVER),
    ({"CgroupParent": "/"}, "HostConfig.CgroupParent is refused" + NEVER),
    ({"Devices": [{"PathOnHost": "/dev/sda"}]}, "HostConfig.Devices is refused" + NEVER),
    ({"DeviceCgroupRules": ["b *:* rwm"]}, "HostConfig.DeviceCgroupRules is refused" + NEVER),
    ({"DeviceRequests": [GPU]}, "HostConfig.DeviceRequests is refused" + by("GPUS")),
    (
        {"SecurityOpt": ["seccomp=unconfined"]},
        "HostConfig.SecurityOpt[0] 'seccomp=unconfined' is not one of "
        "'no-new-privileges', 'no-new-privileges:true', 'no-new-privileges=true'" + NEVER,
    ),
    (
        {"SecurityOpt": ["no-new-privileges", "no-new-privileges:false"]},
        "HostConfig.SecurityOpt[1] 'no-new-privileges:false' is not one of "
        "'no-new-privileges', 'no-new-privileges:true', 'no-new-privileges=true'" + NEVER,
    ),
    (
        {"SecurityOpt": ["label=disable"]},
        "HostConfig.SecurityOpt[0] 'label=disable' is not one of "
        "'no-new-privileges', 'no-new-privileges:true', 'no-new-privileges=true'" + NEVER,
    ),
    ({"SecurityOpt": "apparmor=unconfined"}, "HostConfig.SecurityOpt must be a list" + NEVER),
    ({"MaskedPaths": ["/x"]}, "HostConfig.MaskedPaths is refused" + NEVER),
    ({"ReadonlyPaths": ["/x"]}, "HostConfig.ReadonlyPaths is refused" + NEVER),
    ({"VolumesFrom": ["als-server-1"]}, "HostConfig.VolumesFrom is refused" + NEVER),
    ({"VolumeDriver": "local"}, "HostConfig.VolumeDriver is refused" + NEVER),
    ({"Links": ["server:server"]}, "HostConfig.Links is refused" + NEVER),
    ({"PortBindings": {"80/tcp": [{"HostPort": "80"}]}}, "HostConfig.PortBindings is refused" + NEVER),
    ({"PublishAllPorts": True}, "HostConfig.PublishAllPorts is refused" + NEVER),
    ({"OomScoreAdj": -1000}, "HostConfig.OomScoreAdj is refused" + NEVER),
    ({"OomKillDisable": True}, "HostConfig.OomKillDisable is refused" + NEVER),
    ({"Runtime": "sysbox-runc"}, "HostConfig.Runtime is refused" + NEVER),
    ({"Sysctls": {"net.ipv4.ip_forward": "1"}}, "HostConfig.Sysctls is refused" + NEVER),
    ({"Annotations": {"run.oci.keep_original_groups": "1"}}, "HostConfig.Annotations is refused" + NEVER),
    ({"StorageOpt": {"size": "1T"}}, "HostConfig.StorageOpt is refused" + NEVER),
    ({"CpuRealtimeRuntime": 950000}, "HostConfig.CpuRealtimeRuntime is refused" + NEVER),
    ({"Dns": ["127.0.0.1"]}, "HostConfig.Dns is refused" + NEVER),
    ({"BlkioDeviceReadBps": [{"Path": "/dev/sda", "Rate": 1}]}, "HostConfig.BlkioDeviceReadBps is refused" + NEVER),
    ({"AKeyOfNextYear": {"x": [0]}}, "HostConfig.AKeyOfNextYear is refused" + NEVER),
    (
        {"ExtraHosts": ["server:1.2.3.4\n5.6.7.8 x"]},
        "HostConfig.ExtraHosts[0] 'server:1.2.3.4\\n5.6.7.8 x' is not NAME:ADDRESS" + NEVER,
    ),
    ({"GroupAdd": ["0\n"]}, "HostConfig.GroupAdd[0] '0\\n' is not a group" + NEVER),
    (
        {"LogConfig": {"Type": "syslog"}},
        "HostConfig.LogConfig.Type 'syslog' is not one of '', 'json-file', 'local'" + NEVER,
    ),
    (
        {"LogConfig": {"Type": "", "Config": {"splunk-url": "http://x"}}},
        "HostConfig.LogConfig.Config.splunk-url is refused" + NEVER,
    ),
    ({"RestartPolicy": {"Name": "always"}}, "HostConfig.RestartPolicy.Name 'always' is not one of '', 'no'" + NEVER),
    ({"RestartPolicy": {"name": "always"}}, "HostConfig.RestartPolicy.name is refused" + NEVER),
    (
        {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 1}},
        "HostConfig.RestartPolicy.Name 'on-failure' is not one of '', 'no'" + NEVER,
    ),
    (
        {"Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2000000}]},
        "HostConfig.Ulimits[0].Hard must be a whole number from 0 to 1048576" + NEVER,
    ),
    (
        {"Ulimits": [{"Name": "nofile", "Soft": -1, "Hard": -1}]},
        "HostConfig.Ulimits[0].Soft must be a whole number from 0 to 1048576" + NEVER,
    ),
    (
        {"Ulimits": [{"Name": "rtprio", "Soft": 99, "Hard": 99}]},
        "HostConfig.Ulimits[0].Name 'rtprio' is not one of core, memlock, nofile, nproc, stack" + NEVER,
    ),
    ({"Memory": True}, f"HostConfig.Memory must be a whole number from 0 to {2**63 - 1}" + NEVER),
    ({"Memory": 2**64}, f"HostConfig.Memory must be a whole number from 0 to {2**63 - 1}" + NEVER),
    ({"Memory": 1.5}, f"HostConfig.Memory must be a whole number from 0 to {2**63 - 1}" + NEVER),
    ({"ReadonlyRootfs": "false"}, "HostConfig.ReadonlyRootfs must be true or false" + NEVER),
    (
        {"Tmpfs": {"/t": "exec,dev"}},
        "HostConfig.Tmpfs['/t'] 'exec,dev' is not a list of size=, mode=, uid=, gid=, ro, rw, noexec, nosuid, nodev"
        + NEVER,
    ),
]

# What cannot be mounted, as one of HostConfig.Binds.
BINDS = [
    ("/:/host", "HostConfig.Binds[0]: '/' is outside the allowed host paths" + NEVER),
    ("//:/host", "HostConfig.Binds[0]: '/' is outside the allowed host paths" + NEVER),
    ("/etc:/host", "HostConfig.Binds[0]: '/etc' is outside the allowed host paths" + NEVER),
    ("/home:/host", "HostConfig.Binds[0]: '/home' is outside the allowed host paths" + by("BIND_PATHS")),
    ("/dataspace:/host", "HostConfig.Binds[0]: '/dataspace' is outside the allowed host paths" + by("BIND_PATHS")),
    (
        "/var/run/docker.sock:/s",
        "HostConfig.Binds[0]: '/var/run/docker.sock' is outside the allowed host paths" + NEVER,
    ),
    ("/run/docker.sock:/s", "HostConfig.Binds[0]: '/run/docker.sock' is outside the allowed host paths" + NEVER),
    ("/var:/v", "HostConfig.Binds[0]: '/var' is outside the allowed host paths" + NEVER),
    ("/data/../etc:/e", "HostConfig.Binds[0]: '/data/../etc' is not an absolute path without '..'" + NEVER),
    ("/data/..:/e", "HostConfig.Binds[0]: '/data/..' is not an absolute path without '..'" + NEVER),
    ("/data/\u0000/../../etc:/e", "HostConfig.Binds[0] must be a string" + NEVER),
    ("/data/\n:/e", "HostConfig.Binds[0]: '/data/\\n' is not an absolute path without '..'" + NEVER),
    ("/data/link/in:/e", "HostConfig.Binds[0]: /data/link is a symbolic link" + NEVER),
    ("/data/secret/in:/e", "HostConfig.Binds[0]: the proxy cannot check /data/secret (Permission denied)" + NEVER),
    ("/data/engine.sock:/s", "HostConfig.Binds[0]: /data/engine.sock is neither a directory nor a file" + NEVER),
    ("/data/in:/in:rshared", "HostConfig.Binds[0]: mode 'rshared' is neither ro nor rw" + NEVER),
    ("/data/in:/in:z", "HostConfig.Binds[0]: mode 'z' is neither ro nor rw" + NEVER),
    ("/data/in:/in:ro,Z", "HostConfig.Binds[0]: mode 'ro,Z' is neither ro nor rw" + NEVER),
    ("/data/in:in", "HostConfig.Binds[0] 'in' is not " + NO_TARGET),
    (
        "/data/in:/in:ro:rw",
        "HostConfig.Binds[0] '/data/in:/in:ro:rw' is not SOURCE:TARGET or SOURCE:TARGET:MODE" + NEVER,
    ),
    ("/data/in", "HostConfig.Binds[0] '/data/in' is not SOURCE:TARGET or SOURCE:TARGET:MODE" + NEVER),
    (
        "als-postgres:/d",
        "HostConfig.Binds[0]: volume 'als-postgres' is not one that this role may mount" + by("VOLUMES"),
    ),
    ("../etc:/e", "HostConfig.Binds[0]: volume '../etc' is not one that this role may mount" + by("VOLUMES")),
    ("C:/:/e", "HostConfig.Binds[0]: mode '/e' is neither ro nor rw" + NEVER),
    ("/data/a,b:/e", "HostConfig.Binds[0]: '/data/a,b' is not a path without ',' and quotes" + NEVER),
    ("als-code:/c", "HostConfig.Binds[0]: 'als-code' may only be mounted read-only" + by("VOLUMES")),
    ("als-code:/c:rw", "HostConfig.Binds[0]: 'als-code' may only be mounted read-only" + by("VOLUMES")),
    ("/code/a:/c", "HostConfig.Binds[0]: '/code/a' may only be mounted read-only" + by("BIND_PATHS")),
]

# What cannot be one of HostConfig.Mounts.
MOUNTS: list[tuple[Any, str]] = [
    # As Podman reads them: options of a volume that binds `/`, another volume, another mode.
    *(
        ({"Type": "volume", "Target": target}, f"HostConfig.Mounts[0].Target {target!r} is not {NO_TARGET}")
        for target in (
            "/h,volume-opt=type=none,volume-opt=o=bind,volume-opt=device=/",
            "/h,source=als-postgres",
            '/h"',
            "/h\n",
        )
    ),
    (
        {"Type": "bind", "Source": "/data/x,bind-propagation=rshared", "Target": "/h"},
        "HostConfig.Mounts[0].Source: '/data/x,bind-propagation=rshared' is not a path without ',' and quotes" + NEVER,
    ),
    (
        {"Type": "volume", "Source": "als-flows", "Target": "/h", "VolumeOptions": {"Subpath": "a,readonly=false"}},
        "HostConfig.Mounts[0].VolumeOptions.Subpath 'a,readonly=false' is not a path inside the volume" + NEVER,
    ),
    (
        {"Type": "volume", "Source": "als-code", "Target": "/h"},
        "HostConfig.Mounts[0]: 'als-code' may only be mounted read-only" + by("VOLUMES"),
    ),
    (
        {"Type": "bind", "Source": "/code/a", "Target": "/h", "ReadOnly": False},
        "HostConfig.Mounts[0]: '/code/a' may only be mounted read-only" + by("BIND_PATHS"),
    ),
    (
        {"Type": "bind", "Source": "/", "Target": "/h"},
        "HostConfig.Mounts[0].Source: '/' is outside the allowed host paths" + NEVER,
    ),
    (
        {"Type": "bind", "source": "/", "Source": "/data", "Target": "/h"},
        "HostConfig.Mounts[0].source is refused" + NEVER,
    ),
    ({"Type": "bind", "Target": "/h"}, "HostConfig.Mounts[0].Source is missing" + NEVER),
    (
        {"Type": "Bind", "Source": "/", "Target": "/h"},
        "HostConfig.Mounts[0].Type 'Bind' is not one of 'bind', 'volume', 'tmpfs'" + NEVER,
    ),
    ({"type": "bind", "Source": "/", "Target": "/h"}, "HostConfig.Mounts[0].Type must be a string" + NEVER),
    (
        {"Type": "image", "Source": "x", "Target": "/h"},
        "HostConfig.Mounts[0].Type 'image' is not one of 'bind', 'volume', 'tmpfs'" + NEVER,
    ),
    (
        {"Type": "bind", "Source": "/data", "Target": "/h", "BindOptions": {"Propagation": "rshared"}},
        "HostConfig.Mounts[0].BindOptions.Propagation 'rshared' is not one of '', 'private', 'rprivate'" + NEVER,
    ),
    (
        {"Type": "volume", "Source": "als-postgres", "Target": "/d"},
        "HostConfig.Mounts[0].Source: volume 'als-postgres' is not one that this role may mount" + by("VOLUMES"),
    ),
    (
        {"Type": "volume", "Source": "/etc", "Target": "/d"},
        "HostConfig.Mounts[0].Source: volume '/etc' is not one that this role may mount" + by("VOLUMES"),
    ),
    (
        {
            "Type": "volume",
            "Source": "als-flows",
            "Target": "/d",
            "VolumeOptions": {
                "DriverConfig": {"Name": "local", "Options": {"type": "none", "o": "bind", "device": "/"}}
            },
        },
        "HostConfig.Mounts[0].VolumeOptions.DriverConfig is refused" + NEVER,
    ),
    (
        {"Type": "volume", "Target": "/d", "VolumeOptions": {"driverconfig": {"Options": {"device": "/"}}}},
        "HostConfig.Mounts[0].VolumeOptions.driverconfig is refused" + NEVER,
    ),
    (
        {"Type": "volume", "Source": "als-flows", "Target": "/d", "VolumeOptions": {"Subpath": "../../.."}},
        "HostConfig.Mounts[0].VolumeOptions.Subpath '../../..' is not a path inside the volume" + NEVER,
    ),
    ({"Type": "tmpfs", "Source": "/etc", "Target": "/t"}, "HostConfig.Mounts[0].Source is refused" + NEVER),
    (
        {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"Options": [["exec"]]}},
        "HostConfig.Mounts[0].TmpfsOptions.Options is refused" + NEVER,
    ),
    (["/:/h"], "HostConfig.Mounts[0] must be an object" + NEVER),
]

# What the body must not hold beside HostConfig.
CONFIG: list[tuple[dict[str, Any], str]] = [
    ({"hostconfig": {"Privileged": True}}, "hostconfig is refused" + NEVER),
    ({"Ho\u017ftConfig": {"Privileged": True}}, "Ho\u017ftConfig is refused" + NEVER),
    ({"HostConfig": []}, "HostConfig must be an object" + NEVER),
    ({"HostConfig": None}, "HostConfig.NetworkMode 'default' is not a network of this role (als)" + NEVER),
    ({"MacAddress": "02:42:ac:11:00:02"}, "MacAddress is refused" + NEVER),
    ({"Domainname": "lab"}, "Domainname is refused" + NEVER),
    ({"NetworkDisabled": True}, "NetworkDisabled is refused" + NEVER),
    ({"Hostname": "api.lab.org"}, "Hostname 'api.lab.org' is reserved for a service of the site" + NEVER),
    ({"Hostname": "server"}, "Hostname 'server' is reserved for a service of the site" + NEVER),
    ({"Hostname": "POSTGRES.als"}, "Hostname 'POSTGRES.als' is reserved for a service of the site" + NEVER),
    ({"Hostname": "a b"}, "Hostname 'a b' is not a name" + NEVER),
    (
        {"NetworkingConfig": {"EndpointsConfig": {"db": {}}}},
        "NetworkingConfig.EndpointsConfig 'db' is not a network of this role (als)" + by("NETWORKS"),
    ),
    (
        {"NetworkingConfig": {"EndpointsConfig": {"host": None}}},
        "NetworkingConfig.EndpointsConfig 'host' is not a network of this role (als)" + NEVER,
    ),
    (
        {"NetworkingConfig": {"endpointsconfig": {"db": {"Aliases": ["x"]}}}},
        "NetworkingConfig.endpointsconfig is refused" + NEVER,
    ),
    (
        {"NetworkingConfig": {"EndpointsConfig": {"als": {"Aliases": ["server"]}}}},
        "NetworkingConfig.EndpointsConfig.als.Aliases[0] 'server' is reserved for a service of the site" + NEVER,
    ),
    (
        {"NetworkingConfig": {"EndpointsConfig": {"als": {"IPAMConfig": {"IPv4Address": "172.18.0.2"}}}}},
        "NetworkingConfig.EndpointsConfig.als.IPAMConfig is refused" + NEVER,
    ),
    (
        {"NetworkingConfig": {"EndpointsConfig": {"als": {"Links": ["x"]}}}},
        "NetworkingConfig.EndpointsConfig.als.Links is refused" + NEVER,
    ),
    (
        {"NetworkingConfig": {"EndpointsConfig": {"als": {"MacAddress": "02:42:ac:11:00:02"}}}},
        "NetworkingConfig.EndpointsConfig.als.MacAddress is refused" + NEVER,
    ),
    ({"Labels": {"site": "other"}}, "Labels: 'site' is set by the proxy, to 'als'" + NEVER),
    ({"Labels": {"site.managed": "worker"}}, "Labels: 'site.managed' is set by the proxy, to 'launcher'" + NEVER),
    (
        {"Labels": {"com.docker.compose.project": "als-server"}},
        "Labels: 'com.docker.compose.project' is a label of the engine's own tools" + NEVER,
    ),
    ({"Labels": ["site=other"]}, "Labels must be an object" + NEVER),
    ({"Image": "alpine"}, "image 'docker.io/library/alpine:latest' is not one that this role may use" + by("IMAGES")),
    (
        {"Image": "registry.lab:5000.evil.org/job:1"},
        "'registry.lab:5000.evil.org/job:1' is not an image reference" + NEVER,
    ),
    ({"Image": "registry.lab/job:1"}, "image 'registry.lab/job:1' is not one that this role may use" + by("IMAGES")),
    (
        {"Image": "prefecthq/prefect:3.9.0"},
        "image 'docker.io/prefecthq/prefect:3.9.0' is not one that this role may use" + by("IMAGES"),
    ),
    (
        {"Image": "sha256:" + "0" * 64},
        f"image 'docker.io/library/sha256:{'0' * 64}' is not one that this role may use" + by("IMAGES"),
    ),
    (
        {"Image": "0123456789ab"},
        "image 'docker.io/library/0123456789ab:latest' is not one that this role may use" + by("IMAGES"),
    ),
    ({"Image": "registry.lab:5000/../x"}, "'registry.lab:5000/../x' is not an image reference" + NEVER),
    ({"Image": None}, "'' is not an image reference" + NEVER),
    ({"Volumes": {"/etc:/x": {}}}, "a key of Volumes '/etc:/x' is not " + NO_TARGET),
    ({"Volumes": {"/x": {"Device": "/"}}}, "Volumes['/x'].Device is refused" + NEVER),
    ({"Env": {"A": "b"}}, "Env must be a list" + NEVER),
    ({"Env": ["A=b", 7]}, "Env[1] must be a string" + NEVER),
    ({"Env": ["*"]}, "Env[0] is not NAME=VALUE" + NEVER),
    ({"Env": ["PODMAN_SECRET"]}, "Env[0] is not NAME=VALUE" + NEVER),
    ({"HostConfig": {"Binds": ["als-flows:/x"] * 65}}, "HostConfig.Binds has more than 64 entries" + NEVER),
    ({"OnBuild": ["RUN x"]}, "OnBuild is refused" + NEVER),
    ({"Shell": ["/bin/sh"]}, "Shell is refused" + NEVER),
]

# Calls that a role may not make, or not in this form, with the status of the refusal.
CALLS: list[tuple[str, str, str, str, int]] = [
    *(
        (
            "launcher",
            method,
            target,
            f"this role may not call {method} {target.partition('?')[0].removeprefix('/v1.45')}" + NEVER,
            403,
        )
        for method, target in (
            ("POST", "/v1.45/containers/sibling/exec"),
            ("POST", "/v1.45/exec/abc/start"),
            ("POST", "/v1.45/build"),
            ("POST", "/session"),
            ("POST", "/grpc"),
            ("GET", "/v1.45/volumes"),
            ("POST", "/v1.45/volumes/create"),
            ("DELETE", "/v1.45/volumes/als-postgres"),
            ("POST", "/v1.45/swarm/init"),
            ("GET", "/v1.45/secrets"),
            ("POST", "/v1.45/services/create"),
            ("POST", "/v1.45/plugins/pull"),
            ("GET", "/v1.45/info"),
            ("GET", "/v1.45/events"),
            ("GET", "/v1.45/images/json"),
            ("POST", "/v1.45/images/load"),
            ("POST", "/v1.45/commit"),
            ("DELETE", "/v1.45/images/registry.lab:5000/job"),
            ("POST", "/v1.45/images/registry.lab:5000/job/push"),
            ("POST", "/v1.45/containers/prune"),
            ("POST", "/v1.45/containers/sibling/update"),
            ("POST", "/v1.45/containers/sibling/rename"),
            ("POST", "/v1.45/containers/sibling/restart"),
            ("GET", "/v1.45/containers/sibling/archive"),
            ("PUT", "/v1.45/containers/sibling/archive"),
            ("GET", "/v1.45/containers/sibling/export"),
            ("GET", "/v1.45/containers/sibling/attach/ws"),
            ("POST", "/v1.45/networks/create"),
            ("POST", "/v1.45/networks/als/connect"),
            ("POST", "/v1.45/networks/als/disconnect"),
            ("PATCH", "/v1.45/containers/sibling/json"),
            ("post", "/v1.45/containers/create"),
        )
    ),
    ("worker", "GET", "/v1.45/containers/json", "this role may not call GET /containers/json" + NEVER, 403),
    (
        "worker",
        "POST",
        "/v1.45/containers/mine/attach",
        "this role may not call POST /containers/mine/attach" + NEVER,
        403,
    ),
    (
        "worker",
        "POST",
        "/v1.45/containers/mine/kill",
        "this role may not call POST /containers/mine/kill" + NEVER,
        403,
    ),
    ("worker", "DELETE", "/v1.45/containers/mine", "this role may not call DELETE /containers/mine" + NEVER, 403),
    ("reaper", "POST", "/v1.45/containers/create", "this role may not call POST /containers/create" + NEVER, 403),
    (
        "reaper",
        "POST",
        "/v1.45/containers/mine/start",
        "this role may not call POST /containers/mine/start" + NEVER,
        403,
    ),
    ("reaper", "GET", "/v1.45/containers/mine/logs", "this role may not call GET /containers/mine/logs" + NEVER, 403),
]

NOT_OURS = "container {} is not a run of this site that this role may use" + NEVER
FOREIGN: list[tuple[str, str, str, str]] = [
    *(
        ("launcher", method, f"/v1.45/containers/{name}{call}", NOT_OURS.format(name))
        for name in ("stranger", "als-server-1", "theirs", STRANGER, SERVICE, OTHER_SITE)
        for method, call in (("GET", "/json"), ("GET", "/logs"), ("POST", "/stop"), ("POST", "/kill"), ("DELETE", ""))
    ),
    ("launcher", "POST", "/v1.45/containers/mine/kill", NOT_OURS.format("mine")),
    ("launcher", "POST", "/v1.45/containers/mine/attach", NOT_OURS.format("mine")),
    ("worker", "GET", "/v1.45/containers/sibling/json", NOT_OURS.format("sibling")),
    ("worker", "POST", "/v1.45/containers/als-server-1/stop", NOT_OURS.format("als-server-1")),
    ("reaper", "DELETE", "/v1.45/containers/als-server-1?force=1", NOT_OURS.format("als-server-1")),
    (
        "launcher",
        "POST",
        "/v1.45/containers/swapped/start",
        "the container's mount: /data/link is a symbolic link" + NEVER,
    ),
    (
        "worker",
        "GET",
        "/v1.45/networks/db",
        "network 'db' is not a network of this role (als); DOCKER_PROXY_WORKER_NETWORKS would allow it",
    ),
    (
        "worker",
        "GET",
        f"/v1.45/networks/{OTHER_NETWORK}",
        "network 'db' is not a network of this role (als); DOCKER_PROXY_WORKER_NETWORKS would allow it",
    ),
    (
        "launcher",
        "GET",
        "/v1.45/images/postgres:15/json",
        "image 'docker.io/library/postgres:15' is not one that this role may use" + by("IMAGES"),
    ),
]

PATH = "the path has empty, dotted or encoded parts, or characters that no call has"
TWICE = "the query has a key twice"
TARGETS: list[tuple[str, str, int]] = [
    ("//containers/create", PATH, 400),
    ("/v1.45//containers/create", PATH, 400),
    ("/v1.45/../containers/create", PATH, 400),
    ("/v1.45/containers/../build", PATH, 400),
    ("/v1.45/./containers/create", PATH, 400),
    ("/v1.45/containers/create/", PATH, 400),
    ("/v1.45/%63ontainers/create", PATH, 400),
    ("/v1.45/containers%2fcreate", PATH, 400),
    ("/v1.45/containers/create%00", PATH, 400),
    ("/v1.45/containers/%2e%2e/build", PATH, 400),
    ("/v1.45/containers/create;x=1", PATH, 400),
    ("/v1.45/containers/create#x", PATH, 400),
    ("http://docker/v1.45/containers/create", PATH, 400),
    ("*", PATH, 400),
    ("", PATH, 400),
    ("/v1.45", "this role may not call POST /v1.45" + NEVER, 403),
    ("/v1.45/v1.45/containers/create", "this role may not call POST /v1.45/containers/create" + NEVER, 403),
    ("/V1.45/containers/create", "this role may not call POST /V1.45/containers/create" + NEVER, 403),
    ("/v1.45.0/containers/create", "this role may not call POST /v1.45.0/containers/create" + NEVER, 403),
    ("/v1.24/containers/create", "API version 1.24 is older than 1.41" + NEVER, 403),
    ("/v1.45/containers/create?name=a&name=server", TWICE, 400),
    ("/v1.45/containers/create?name=a&%6eame=server", TWICE, 400),
    ("/v1.45/containers/create?name", "the query is malformed", 400),
    ("/v1.45/containers/create?name=%ff", "the query is malformed", 400),
    ("/v1.45/containers/create?Name=a", "Name in the query of POST /containers/create is refused" + NEVER, 403),
    ("/v1.45/containers/create?name=server", "the name 'server' is reserved for a service of the site" + NEVER, 403),
    ("/v1.45/containers/create?name=Server", "the name 'Server' is reserved for a service of the site" + NEVER, 403),
    ("/v1.45/containers/create?name=/server", "name in the query of POST /containers/create is refused" + NEVER, 403),
    (
        "/v1.45/containers/create?checkpoint=x",
        "checkpoint in the query of POST /containers/create is refused" + NEVER,
        403,
    ),
    ("/v1.45/images/create?fromSrc=http://x", "fromSrc in the query of POST /images/create is refused" + NEVER, 403),
    (
        "/v1.45/images/create?fromImage=alpine",
        "image 'docker.io/library/alpine:latest' is not one that this role may use" + by("IMAGES"),
        403,
    ),
    (
        "/v1.45/images/create?fromImage=registry.lab:5000/job&tag=1@x",
        "'registry.lab:5000/job:1@x' is not an image reference" + NEVER,
        403,
    ),
    ("/v1.45/images/create", "'' is not an image reference" + NEVER, 403),
    (
        "/v1.45/containers/sibling/start?checkpoint=x&checkpoint-dir=/",
        "checkpoint in the query of POST /containers/{container}/start is refused" + NEVER,
        403,
    ),
    (
        "/v1.45/containers/sibling/wait?condition=x",
        "condition in the query of POST /containers/{container}/wait is refused" + NEVER,
        403,
    ),
    ("/v1.45/containers/gone/wait", "No such container: gone", 404),
]

BODIES: list[tuple[bytes, str]] = [
    (b"", "the body is not JSON: JSONDecodeError"),
    (b"null", "the body must be a JSON object"),
    (b"[]", "the body must be a JSON object"),
    (b"{}{}", "the body is not JSON: JSONDecodeError"),
    (b'{"Image": "a", "Image": "b"}', "the JSON has a key twice"),
    (b'{"HostConfig": {"Privileged": false, "Privileged": true}}', "the JSON has a key twice"),
    (b'{"HostConfig": {"Memory": NaN}}', "the body is not JSON: ValueError"),
    (b'{"Image": "\\ud800"}', "the body is not JSON: UnicodeEncodeError"),
    (b'{"Image": "\xff"}', "the body is not JSON: UnicodeDecodeError"),
    ('{"Image": "a"}'.encode("utf-16"), "the body is not JSON: UnicodeDecodeError"),
    (b"\xef\xbb\xbf{}", "the body is not JSON: JSONDecodeError"),
    (b'{"a":' * 100_000, "the body is not JSON: RecursionError"),
]


def refused(verdict: Any, status: int, role: str) -> str:
    """The message without its common beginning."""
    assert isinstance(verdict, Deny), verdict
    assert verdict.status == status
    return verdict.message.removeprefix(f"socket proxy ({role}): ")


@pytest.mark.parametrize(("host", "message"), HOST)
def test_host_config(judge: Judge, host: dict[str, Any], message: str) -> None:
    assert refused(judge("launcher", "POST", CREATE, a_body(host)), 403, "launcher") == message


@pytest.mark.parametrize(("bind", "message"), BINDS)
def test_bind(judge: Judge, bind: str, message: str) -> None:
    assert refused(judge("launcher", "POST", CREATE, a_body({"Binds": [bind]})), 403, "launcher") == message


@pytest.mark.parametrize(("mount", "message"), MOUNTS)
def test_mount(judge: Judge, mount: Any, message: str) -> None:
    assert refused(judge("launcher", "POST", CREATE, a_body({"Mounts": [mount]})), 403, "launcher") == message


@pytest.mark.parametrize(("config", "message"), CONFIG)
def test_config(judge: Judge, config: dict[str, Any], message: str) -> None:
    assert refused(judge("launcher", "POST", CREATE, a_body() | config), 403, "launcher") == message


@pytest.mark.parametrize(("role", "method", "target", "message", "status"), CALLS)
def test_call(judge: Judge, role: str, method: str, target: str, message: str, status: int) -> None:  # noqa: PLR0917
    assert refused(judge(role, method, target), status, role) == message


@pytest.mark.parametrize(("role", "method", "target", "message"), FOREIGN)
def test_what_is_not_the_roles(judge: Judge, role: str, method: str, target: str, message: str) -> None:
    assert refused(judge(role, method, target), 403, role) == message


@pytest.mark.parametrize(("target", "message", "status"), TARGETS)
def test_target(judge: Judge, target: str, message: str, status: int) -> None:
    body = a_body() if "create" in target and "images" not in target else b""
    assert refused(judge("launcher", "POST", target, body), status, "launcher") == message


@pytest.mark.parametrize(("body", "message"), BODIES)
def test_body(judge: Judge, body: bytes, message: str) -> None:
    assert refused(judge("launcher", "POST", CREATE, body), 400, "launcher") == message


def test_body_as_deep_as_it_can_be_read(judge: Judge) -> None:
    deep = b'{"a":' * 900 + b"1" + b"}" * 900
    verdict = judge("launcher", "POST", CREATE, b'{"X": %s}' % deep)
    assert refused(verdict, 403, "launcher") == "X is refused" + NEVER


def test_body_of_a_call_that_takes_none(judge: Judge) -> None:
    verdict = judge("launcher", "POST", "/v1.41/containers/sibling/start", {"Binds": ["/:/host"]})
    assert refused(verdict, 400, "launcher") == "POST /containers/{container}/start takes no body"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"Container": "stranger"}, NOT_OURS.format("stranger")),
        ({"container": "mine"}, "container is refused" + NEVER),
        ({}, "Container must be a string" + NEVER),
        (
            {"Container": "mine", "EndpointConfig": {"Aliases": ["server"]}},
            "EndpointConfig.Aliases[0] 'server' is reserved for a service of the site" + NEVER,
        ),
        (
            {"Container": "mine", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "172.18.0.2"}}},
            "EndpointConfig.IPAMConfig is refused" + NEVER,
        ),
        ({"Container": "../networks/db"}, "Container '../networks/db' is not a name" + NEVER),
    ],
)
def test_connect(judge: Judge, body: dict[str, Any], message: str) -> None:
    assert refused(judge("worker", "POST", "/v1.45/networks/als/connect", body), 403, "worker") == message


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (
            "https://evil.org",
            "'evil.org' is not the registry of an allowed image; DOCKER_PROXY_WORKER_IMAGES would allow it",
        ),
        (
            "http://registry.lab:5000@evil.org/",
            "'registry.lab:5000@evil.org' is not the registry of an allowed image; "
            "DOCKER_PROXY_WORKER_IMAGES would allow it",
        ),
        (
            "169.254.169.254",
            "'169.254.169.254' is not the registry of an allowed image; DOCKER_PROXY_WORKER_IMAGES would allow it",
        ),
    ],
)
def test_login_elsewhere(judge: Judge, address: str, message: str) -> None:
    login = {"username": "u", "password": "p", "serveraddress": address}
    assert refused(judge("worker", "POST", "/auth", login), 403, "worker") == message


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        (
            {"volume": ["als-postgres"]},
            "the filter 'volume' is not one of exited, id, label, name, status; no setting allows it",
        ),
        (
            {"label!": ["site=als"]},
            "the filter 'label!' is not one of exited, id, label, name, status; no setting allows it",
        ),
    ],
)
def test_filter(judge: Judge, filters: dict[str, Any], message: str) -> None:
    from urllib.parse import quote

    verdict = judge("reaper", "GET", f"/containers/json?filters={quote(json.dumps(filters))}")
    assert refused(verdict, 403, "reaper") == message


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"label": ["site=als"]},
        {"label": ["io.prefect.flow-run-id"]},
        {"label": ["io.prefect.flow-run-id="]},
        {"name": ["io.prefect.flow-run-id=12345678-1234-1234-1234-123456789abc"]},
    ],
)
def test_a_launcher_lists_nothing_but_the_containers_of_a_run(judge: Judge, filters: dict[str, Any]) -> None:
    from urllib.parse import quote

    verdict = judge("launcher", "GET", f"/containers/json?all=1&filters={quote(json.dumps(filters))}")
    assert refused(verdict, 403, "launcher") == (
        "the list needs the filter label=io.prefect.flow-run-id=ID, the flow run whose containers it shows" + NEVER
    )


def test_registry_token_cannot_carry_a_header(judge: Judge) -> None:
    target = "/v1.45/images/create?fromImage=registry.lab:5000/job&tag=1"
    verdict = judge("worker", "POST", target, registry_auth="abc X-Evil: 1")
    assert refused(verdict, 400, "worker") == "X-Registry-Auth must be base64"


def test_no_refusal_repeats_a_secret(judge: Judge) -> None:
    body = a_body(Env=["PASSWORD=hunter2", 1], Labels={"site": "hunter2"}, Cmd=["hunter2"])
    for verdict in (
        judge("launcher", "POST", CREATE, body),
        judge("launcher", "POST", "/auth", {"password": ["hunter2"]}),
    ):
        assert isinstance(verdict, Deny)
        assert "hunter2" not in verdict.message + verdict.reason
