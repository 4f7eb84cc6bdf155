"""Work pools."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import WorkPool
from prefect.exceptions import ObjectNotFound
from prefect.workers.utilities import get_default_base_job_template_for_infrastructure_type

from registrar.errors import RegistrarError
from registrar.outcome import MADE, Outcome, changed, differences
from registrar.registration import Pool

TEMPLATE_KEYS = {"job_configuration", "variables"}


def template(pool: Pool) -> dict[str, Any] | None:
    """The pool's base job template as its file has it, or None where no file is named. Raises RegistrarError."""
    if pool.base_job_template is None:
        return None
    where = f"pool {pool.name}: base_job_template: {pool.base_job_template}"
    try:
        content = json.loads(Path(pool.base_job_template).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RegistrarError(f"{where}: no such file") from None
    except (OSError, ValueError) as error:
        raise RegistrarError(f"{where}: is not JSON: {error}") from None
    if not isinstance(content, dict) or TEMPLATE_KEYS - content.keys():
        raise RegistrarError(
            f"{where}: is not a base job template; it needs the keys 'job_configuration' and 'variables'"
        )
    if variables(content) is None:
        raise RegistrarError(f"{where}: variables: must be a JSON schema, an object with an object 'properties'")
    return content


def variables(template: dict[str, Any]) -> dict[str, Any] | None:
    """The variables of a base job template; None where it has another form, which the server takes."""
    described = template.get("variables")
    properties = described.get("properties", {}) if isinstance(described, dict) else None
    return properties if isinstance(properties, dict) else None


def read(client: SyncPrefectClient, name: str) -> WorkPool | None:
    """The pool that the server has by this name."""
    try:
        return client.read_work_pool(name)
    except ObjectNotFound:
        return None


def check(client: SyncPrefectClient, pool: Pool) -> Iterator[str]:
    """What keeps the server from having this pool."""
    present = read(client, pool.name)
    if present and present.type != pool.type:
        yield (
            f"pool {pool.name}: is of type {present.type!r} on the server and {pool.type!r} in the file, and a pool "
            f"keeps its type; choose another name, or run: prefect work-pool delete {pool.name}"
        )
    elif not present and not pool.base_job_template and default_template(pool.type) is None:
        yield f"pool {pool.name}: type: {pool.type!r} is unknown here; name a base_job_template, or install its package"


def default_template(pool_type: str) -> dict[str, Any] | None:
    """The template that workers of this type bring with them."""
    return asyncio.run(get_default_base_job_template_for_infrastructure_type(pool_type))


def requested(pool: Pool) -> dict[str, Any]:
    """The settings that the file asks for; a key that is not written is the server's own affair."""
    asked = pool.model_dump(include={"concurrency_limit", "description"} & pool.model_fields_set)
    return asked if pool.base_job_template is None else {**asked, "base_job_template": template(pool)}


def apply(client: SyncPrefectClient, pool: Pool) -> Outcome:
    """Make the pool, or change what differs."""
    present, wanted = read(client, pool.name), requested(pool)
    if present is None:
        wanted.setdefault("base_job_template", default_template(pool.type))
        # A worker that starts at this moment may make its pool first.
        client.create_work_pool(WorkPoolCreate(name=pool.name, type=pool.type, **wanted), overwrite=True)
        return Outcome("pool", pool.name, MADE)
    news = differences(wanted, present.model_dump())
    if news:
        client.update_work_pool(pool.name, WorkPoolUpdate(**news))
    return Outcome("pool", pool.name, changed(news))
