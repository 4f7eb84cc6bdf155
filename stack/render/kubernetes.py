"""The files of values for Prefect's Helm charts, and the secrets that they refer to."""

from typing import Any

from stack.components import kubernetes
from stack.components.kubernetes import FOLDER, VALUES
from stack.core.files import MOUNTED_SECRET, SECRET_FOLDER, File
from stack.render import templates
from stack.settings.settings import Settings


def files(settings: Settings, nouns: dict[str, Any]) -> list[File]:
    """The values of the components that have a chart, and the secrets that these are to find in the cluster."""
    if not settings.KUBERNETES_VALUES:
        return []
    charts = [f"{FOLDER}/{values}" for component, values in VALUES.items() if component.is_in(settings)]
    values = [File(path, templates.render(f"{path}{templates.SUFFIX}", nouns).encode()) for path in charts]
    return values + [
        File(f"{FOLDER}/{SECRET_FOLDER}/{name}", text.encode(), MOUNTED_SECRET)
        for name, text in kubernetes.secrets(settings).items()
    ]
