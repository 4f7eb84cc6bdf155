"""The whole of a registration: read, check, then bring about."""

from __future__ import annotations

import os
import sys
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from prefect.client.orchestration import SyncPrefectClient

from registrar import (
    api,
    block,
    bucket,
    deployment,
    deployment_file,
    limit,
    pool,
    publish,
    registration,
    result_storage,
)
from registrar.deployment import FlowDeployment
from registrar.deployment_file import Deployment
from registrar.errors import RegistrarError, raise_all
from registrar.outcome import Outcome
from registrar.record import Record
from registrar.registration import Registration

Item = TypeVar("Item")
Result = TypeVar("Result")


def register(path: Path, wait_s: float) -> Iterator[Outcome]:
    """Bring the server to what the file says, thing by thing. Raises RegistrarError, and before anything is made where
    the fault can be seen before."""
    wanted = registration.read(path)
    deployments = load(wanted)
    raise_all(faults_here(wanted, deployments))
    with api.connect(wait_s) as client:
        raise_all(faults_there(client, wanted, deployments))
        yield from apply(client, wanted, deployments)


def load(wanted: Registration) -> list[FlowDeployment]:
    """The deployments of all files, with their flows. Raises RegistrarError with what is wrong in any of them."""
    environment = ChainMap(bucket.environment(wanted.push), os.environ)
    read = partial(deployment_file.read, environment=environment)
    entries = gather(read, [path for name in wanted.deployments for path in paths(name)])
    for line in (line for file in entries for entry in file for line in warnings(entry)):
        print(line, file=sys.stderr)
    return gather(deployment.load, [entry for file in entries for entry in file])


def warnings(entry: Deployment) -> Iterator[str]:
    """A line for each schedule that Prefect will run otherwise than it says."""
    for number, schedule in enumerate(entry.schedules or []):
        for text in schedule.warnings():
            yield f"warning: deployment {entry.name}: schedules[{number}].{text}"


def paths(name: str) -> list[Path]:
    """The file of this name, or every file that `deployments/*.yaml` fits: none is fine then."""
    return sorted(Path().glob(name)) if "*" in name else [Path(name)]


def gather(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The function of every item; the errors of all of them as one."""
    results: list[Result] = []
    lines: list[str] = []
    for item in items:
        try:
            results.append(function(item))
        except RegistrarError as fault:
            lines += fault.lines
    raise_all(lines)
    return results


def faults_here(wanted: Registration, deployments: list[FlowDeployment]) -> Iterator[str]:
    """What is wrong and can be seen without the server."""
    if wanted.publish:
        yield from publish.check(wanted.publish)
    if wanted.push:
        yield from bucket.check(wanted.push, wanted.blocks)
    yield from twice("pools", [pool.name for pool in wanted.pools])
    yield from twice("concurrency_limits", [limit.name for limit in wanted.concurrency_limits])
    yield from twice("blocks", [f"{block.type}/{block.name}" for block in wanted.blocks])
    yield from twice("deployments", [deployment.name for deployment in deployments])
    for wanted_pool in wanted.pools:
        yield from fault_lines(pool.template, wanted_pool)
    for wanted_block in wanted.blocks:
        yield from block.check(wanted_block, wanted.blocks)
    yield from result_storage.check(wanted)
    for wanted_deployment in deployments:
        yield from deployment.check(wanted_deployment)


def fault_lines(function: Callable[[Item], object], item: Item) -> Iterable[str]:
    """The lines of the RegistrarError that the function raises."""
    try:
        function(item)
    except RegistrarError as fault:
        return fault.lines
    return ()


def twice(key: str, names: list[str]) -> Iterator[str]:
    """A name may appear once."""
    yield from (f"{key}: {name!r} appears twice" for name in names if names.count(name) > 1)


def faults_there(client: SyncPrefectClient, wanted: Registration, deployments: list[FlowDeployment]) -> Iterator[str]:
    """What is wrong and only the server can tell."""
    for wanted_pool in wanted.pools:
        yield from pool.check(client, wanted_pool)
    pools = {wanted_pool.name: wanted_pool for wanted_pool in wanted.pools}
    for wanted_deployment in deployments:
        yield from pool_faults(client, wanted_deployment, pools)
        yield from deployment.check_variables(client, wanted_deployment)


def pool_faults(
    client: SyncPrefectClient, wanted: FlowDeployment, pools: dict[str, registration.Pool]
) -> Iterator[str]:
    """Whether the deployment's pool exists, or will, and takes its job variables."""
    name = wanted.entry.work_pool.name
    planned, present = pools.get(name), pool.read(client, name)
    template = (pool.template(planned) if planned else None) or (present.base_job_template if present else None)
    if planned and not template:
        template = pool.default_template(planned.type)
    if template is not None:
        yield from deployment.check_job_variables(wanted, template)
    elif not planned:
        yield f"deployment {wanted.name}: work_pool.name: there is no pool {name!r}; add it to pools"


def apply(client: SyncPrefectClient, wanted: Registration, deployments: list[FlowDeployment]) -> Iterator[Outcome]:
    """Make, change, leave, and remove what the files dropped since the last time."""
    record = Record(client, wanted.owner)
    if wanted.publish:
        yield publish.apply(wanted.publish)
    for block_item in wanted.blocks:  # pools and deployments may refer to them
        yield block.apply(client, block_item)
    if wanted.result_storage:
        yield result_storage.apply(client, wanted.result_storage)
    if wanted.push:  # before the deployments, whose runs begin by pulling it
        yield bucket.apply(wanted.push)
    for item in wanted.pools:
        with api.refusals(f"pool {item.name}"):
            yield pool.apply(client, item)
    for limit_item in wanted.concurrency_limits:
        yield limit.apply(client, limit_item, record)
    for deployment_item in deployments:
        with api.refusals(f"deployment {deployment_item.name}"):
            yield from deployment.apply(client, deployment_item, record)
    yield from remove(client, wanted, deployments, record)


def remove(
    client: SyncPrefectClient, wanted: Registration, deployments: list[FlowDeployment], record: Record
) -> Iterator[Outcome]:
    """What an earlier run made and the files no longer name."""
    for name in record.deployments:
        if name not in {item.name for item in deployments}:
            yield deployment.remove(client, name, record)
    for name in record.limits:
        if name not in {item.name for item in wanted.concurrency_limits}:
            yield limit.remove(client, name, record)
