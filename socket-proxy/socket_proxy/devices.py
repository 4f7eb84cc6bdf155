"""Devices: graphics cards where a setting allows them, and no others."""

from socket_proxy.document import Value
from socket_proxy.refusal import RefusedError
from socket_proxy.shape import Rule, Scope, each, matching, number, one_of, record

# The driver "cdi" would hand out whatever the host's CDI files name.
_request: Rule = record(
    {
        "Driver": one_of("", "nvidia"),
        "Count": number(-1, 1024),
        "DeviceIDs": each(matching(r"[A-Za-z0-9-]+", "a card's number or UUID")),
        "Capabilities": each(each(one_of("gpu", "nvidia", "compute", "compat32", "graphics", "utility", "video"))),
    }
)
_requests = each(_request)


def device_requests(value: Value, name: str, scope: Scope) -> Value:
    if value and not scope.limits.gpus:
        raise RefusedError(f"{name} is refused", scope.limits.setting("GPUS"))
    return _requests(value, name, scope)
