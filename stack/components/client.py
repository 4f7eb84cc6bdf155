"""client/: flows and their registration."""

from typing import Annotated

from stack.components import registry, storage
from stack.components.component import Component, Secrets
from stack.components.flows import FLOW_SOURCES
from stack.components.server import login
from stack.settings import values
from stack.settings.settings import Section, Settings, setting

# The variable by which the registrar gets the deployments that `up` runs once, separated by spaces.
SAMPLES = "REGISTRAR_SAMPLES"


class ClientSettings(Section):
    """client/: flows and their registration"""

    CLIENT_STORAGE: Annotated[str, values.one_of("volume", "s3", "image")] = setting(
        "volume",
        "Storage of flow code and results: volume (on this engine), s3 (a bucket), or image (the code of Docker "
        "deployments is in their image, the rest on the volume).",
        "s3",
    )
    CLIENT_CONCURRENCY_LIMITS: values.Limits = setting(
        {"weather-stations": 4},
        "Global concurrency limits that registration creates: NAME=SLOTS, separated by commas.",
        "weather-stations=4,licences=2",
        optional=True,
    )
    CLIENT_SCHEDULES: values.AnyPath = setting(
        "schedules.yml",
        "File with the schedules of deployments, absolute or relative to the folder of .env (client/README.md, "
        "schedules.example.yml). The default file is optional.",
        "als.schedules.yml",
    )
    CLIENT_WAIT_SECONDS: Annotated[int, values.whole_number(1, 3600, "this")] = setting(
        120, "Seconds that registration waits for the API.", "120"
    )


def secrets(settings: Settings) -> Secrets:
    """The registrar stores the passwords in blocks; workers and flows get them from the API."""
    password = {"REGISTRY_PASSWORD": settings.REGISTRY_PASSWORD} if registry.has_login(settings) else {}
    key = {"STORAGE_SECRET_KEY": settings.STORAGE_SECRET_KEY} if storage.is_bucket(settings) else {}
    return Secrets(login(settings) | password | key)


CLIENT = Component(
    noun="client",
    name="client",
    folder="client",
    images=("flows",),
    sources=(*FLOW_SOURCES, "client/deployments"),
    services=frozenset({"client"}),
    memory={"client": "1g"},
    templates=(
        "pools/dind.json",
        "pools/docker.json",
        "pools/podman.json",
        "pools/process.json",
        "prefect-dind.yaml",
        "prefect-docker.yaml",
        "prefect-podman.yaml",
        "prefect.yaml",
        "registration.yaml",
    ),
    sections=(ClientSettings,),
    secrets=secrets,
)
