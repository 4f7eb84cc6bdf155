"""Deployments."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from launchers.launching.nearest import nearest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import MissingFlowError, ObjectNotFound, ScriptError
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from prefect.utilities.templating import resolve_block_document_references, resolve_variables
from pydantic_core import to_jsonable_python

from registrar import pool as pools
from registrar import scheduled_ahead
from registrar.deployment_file import Deployment
from registrar.errors import RegistrarError
from registrar.moved import new_entrypoint
from registrar.outcome import MADE, REMOVED, Outcome, changed, differences
from registrar.record import Record
from registrar.schedule import Schedules

KIND = "deployment"
DEFAULT_QUEUE = "default"
VARIABLE = re.compile(r"\{\{\s*prefect\.variables\.([\w-]+)")
POOL_KEYS = {"work_pool_name", "work_queue_name"}


@dataclass(frozen=True)
class FlowDeployment:
    """An entry of a deployment file, together with its flow."""

    entry: Deployment
    flow: Flow[Any, Any]

    @property
    def name(self) -> str:
        """`flow/deployment`, as Prefect's command line has it."""
        return f"{self.flow.name}/{self.entry.name}"

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the flow's parameters."""
        return dict(to_jsonable_python(parameter_schema(self.flow).model_dump(exclude_unset=True)))


def load(entry: Deployment) -> FlowDeployment:
    """Import the entry's flow. Raises RegistrarError."""
    where = f"deployment {entry.name}: entrypoint: {entry.entrypoint}"
    path, colon, function = entry.entrypoint.rpartition(":")
    if not colon or not path.endswith(".py"):
        raise RegistrarError(f"{where}: write path/to/file.py:function")
    if not Path(path).is_file():
        new = new_entrypoint(entry.entrypoint)
        raise RegistrarError(f"{where}: this flow has moved; write {new}" if new else f"{where}: no such file")
    try:
        return FlowDeployment(entry, flow_at(entry.entrypoint))
    except MissingFlowError:
        raise RegistrarError(f"{where}: the file has no flow {function!r}") from None
    except Exception as error:  # the file is the user's code, and may raise anything
        cause = error.user_exc if isinstance(error, ScriptError) else error
        raise RegistrarError(f"{where}: cannot be imported: {type(cause).__name__}: {cause}") from None


def flow_at(entrypoint: str) -> Flow[Any, Any]:
    """The flow; where its file imports a package that only its workers have, as much of it as can be read."""
    try:
        return load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    except ScriptError as error:
        if isinstance(error.user_exc, ModuleNotFoundError):
            return load_flow_from_entrypoint(entrypoint)
        raise


def check(deployment: FlowDeployment) -> Iterator[str]:
    """What is wrong with the entry, seen beside its flow."""
    where, known = f"deployment {deployment.name}", deployment.schema.get("properties", {})
    sets = [("parameters", deployment.entry.parameters or {})]
    sets += [(f"schedules[{n}].parameters", s.parameters) for n, s in enumerate(deployment.entry.schedules or [])]
    for key, parameters in sets:
        unknown = parameters.keys() - known.keys()
        yield from (f"{where}: {key}: {line}" for line in json_faults(parameters))
        yield from (f"{where}: {key}.{name}: the flow has no such parameter{nearest(name, known)}" for name in unknown)
        if deployment.entry.enforce_parameter_schema and not unknown and "{{" not in str(parameters):
            yield from (f"{where}: {key}: {line}" for line in schema_faults(parameters, deployment.schema))
    for step in deployment.entry.pull or []:
        yield from (f"{where}: pull: {name}: there is no such step" for name in step if not is_step(name))


def json_faults(values: dict[str, Any]) -> Iterator[str]:
    """What would reach the server as nothing: `.nan`, `.inf`."""
    try:
        json.dumps(values, allow_nan=False, skipkeys=True, default=str)
    except ValueError:
        yield "a number is not finite (.nan or .inf); leave it out"


def schema_faults(values: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """What a JSON schema says against the values; what is missing has a default, or is given with the run."""
    if not values:
        return []
    # Loads SQLAlchemy: half a second that most registrations can do without.
    from prefect.utilities.schema_tools.validation import validate

    found = validate(values, schema, ignore_required=True)
    return [f"{error.json_path.removeprefix('$.')}: {error.message}" for error in found]


def is_step(name: str) -> bool:
    """Whether a pull step exists, as far as its package is installed here."""
    module, _, function = name.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        return error.name == module.partition(".")[0]
    except ValueError:
        return False


def check_job_variables(deployment: FlowDeployment, template: dict[str, Any]) -> Iterator[str]:
    """Job variables that the pool's base job template does not take: Prefect ignores them without a word."""
    known, pool = pools.variables(template), deployment.entry.work_pool.name
    if known is None:
        print(
            f"deployment {deployment.name}: work_pool.job_variables are not checked: the base job template of the pool "
            f"{pool} has no variables that can be read",
            file=sys.stderr,
        )
        return
    for key in (deployment.entry.work_pool.job_variables or {}).keys() - known.keys():
        yield (
            f"deployment {deployment.name}: work_pool.job_variables.{key}: "
            f"the pool {pool} has no such variable{nearest(key, known)}"
        )


def check_variables(client: SyncPrefectClient, deployment: FlowDeployment) -> Iterator[str]:
    """Variables that the parameters name and the server lacks: Prefect would leave the parameter out without a word."""
    for name in VARIABLE.findall(str(deployment.entry.parameters)):
        if client.read_variable_by_name(name) is None:
            yield (
                f"deployment {deployment.name}: parameters: there is no variable {name!r}; "
                f"run: prefect variable set {name} VALUE"
            )


def requested(deployment: FlowDeployment) -> dict[str, Any]:
    """The deployment as the server should have it."""
    entry, limit = deployment.entry, deployment.entry.concurrency_limit
    return {
        "version": entry.version or deployment.flow.version,
        # Prefect's client makes the text `None` of a new deployment's missing description: `convert_to_strings` of
        # DeploymentCreate (3.9.1). So it is always a text.
        "description": entry.description or deployment.flow.description or "",
        "tags": entry.tags or [],
        # As the server keeps them, or they would differ at each registration.
        "parameters": to_jsonable_python(asyncio.run(resolved(entry.parameters or {}))),
        "entrypoint": entry.entrypoint,
        "pull_steps": entry.pull,
        "work_pool_name": entry.work_pool.name,
        "work_queue_name": entry.work_pool.work_queue_name or DEFAULT_QUEUE,
        "job_variables": entry.work_pool.job_variables or {},
        "enforce_parameter_schema": entry.enforce_parameter_schema,
        "parameter_openapi_schema": deployment.schema,
        "concurrency_limit": limit.limit if limit else None,
        "concurrency_options": limit.options if limit else None,
    }


async def resolved(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters with `{{ prefect.variables.x }}` and `{{ prefect.blocks.x.y }}` replaced."""
    if "{{" not in str(parameters):
        return parameters
    async with get_client() as client:
        with_blocks = await resolve_block_document_references(parameters, client=client)
        return dict(await resolve_variables(with_blocks, client=client))


def found(present: DeploymentResponse) -> dict[str, Any]:
    """The same keys as in `requested`, as the server has them."""
    limit, options = present.global_concurrency_limit, present.concurrency_options
    return {
        **{key: getattr(present, key) for key in present.__class__.model_fields if key != "concurrency_limit"},
        "concurrency_limit": limit.limit if limit else None,
        "concurrency_options": options.model_dump(mode="json", exclude_none=True) if options else None,
    }


def read(client: SyncPrefectClient, name: str) -> DeploymentResponse | None:
    """The deployment that the server has by this name."""
    try:
        return client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None


def apply(client: SyncPrefectClient, deployment: FlowDeployment, record: Record) -> list[Outcome]:
    """Make the deployment and its schedules, or change what differs."""
    name, entry, memory = deployment.name, deployment.entry, record.deployment(deployment.name)
    record.remember_deployment(name, memory)
    present = read(client, name)
    ahead = scheduled_ahead.read(client, present.id) if present else []  # before a change, which removes some
    if present:
        identity, state = present.id, changed(update(client, present, deployment, memory["paused"]))
    else:
        identity, state = make(client, deployment), MADE
    outcomes, ours = Schedules(client, identity, name, memory["schedules"]).bring_to(entry.schedules or [])
    record.remember_deployment(name, {"paused": entry.paused, "schedules": ours})
    if ahead:
        outcomes += scheduled_ahead.remove_others(client, name, ahead, client.read_deployment_schedules(identity))
    return [Outcome(KIND, name, state), *outcomes]


def make(client: SyncPrefectClient, deployment: FlowDeployment) -> UUID:
    """A new deployment, without schedules yet. Gives its id."""
    entry, flow_id = deployment.entry, client.create_flow_from_name(deployment.flow.name)
    return client.create_deployment(flow_id, entry.name, paused=entry.paused, **requested(deployment))


def update(
    client: SyncPrefectClient, present: DeploymentResponse, deployment: FlowDeployment, asked_before: bool | None
) -> list[str]:
    """Change what differs. `paused` follows the file only where the file changed its mind since the last time."""
    wanted, paused = requested(deployment), deployment.entry.paused
    news = differences(wanted, found(present))
    if paused is not None and paused not in (asked_before, present.paused):
        news["paused"] = paused
    if news:
        # A queue's name means nothing to the server without its pool.
        pool = {key: wanted[key] for key in POOL_KEYS if POOL_KEYS & news.keys()}
        client.update_deployment(present.id, DeploymentUpdate(**{**pool, **news}))
    return list(news)


def remove(client: SyncPrefectClient, name: str, record: Record) -> Outcome:
    """Remove a deployment that no file names any more; its runs stay in the history."""
    if present := read(client, name):
        client.delete_deployment(present.id)
    record.forget_deployment(name)
    return Outcome(KIND, name, REMOVED)
