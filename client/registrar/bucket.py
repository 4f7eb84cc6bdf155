"""Flow code in a bucket of an S3 server.

A folder for each content of the sources, named by a hash of it. No file there is ever written again, so a run that
began to pull, and one of an earlier version, finds what it asks for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

from registrar import flow_code
from registrar.errors import RegistrarError
from registrar.moved import redirects
from registrar.outcome import LEFT, Outcome, changed
from registrar.registration import Block, FlowCode, Push

VERSION = "SITE_FLOWS_VERSION"
CREDENTIALS_TYPE = "aws-credentials"
HASH_DIGITS = 12
AT_ONCE = 1000  # objects that one request may remove
DEFAULT_REGION = "us-east-1"  # the one that must not be named when a bucket is made


def version(code: FlowCode) -> str:
    """By what the sources hold: every path and content, each with its length."""
    digest = hashlib.sha256()
    for path, data in sorted(flow_code.content(code).items()):
        for part in (path.encode(), data):
            digest.update(b"%d:%b" % (len(part), part))
    return digest.hexdigest()[:HASH_DIGITS]


def environment(push: Push | None) -> dict[str, str]:
    """What deployment files may name as `{{ $SITE_FLOWS_VERSION }}`."""
    return {VERSION: version(push)} if push else {}


def check(push: Push, blocks: list[Block]) -> Iterator[str]:
    """What is wrong and can be seen without the bucket."""
    yield from flow_code.check(push, "push")
    if (CREDENTIALS_TYPE, push.credentials) not in {(block.type, block.name) for block in blocks}:
        yield f"push.credentials: {push.credentials}: blocks have none of this name and the type {CREDENTIALS_TYPE}"


def apply(push: Push) -> Outcome:
    """Make the bucket, bring there what it lacks of this version, and remove versions that are too many."""
    from prefect_aws import AwsCredentials  # a second to import, and most sites have no bucket

    login = cast(AwsCredentials, AwsCredentials.load(push.credentials))
    folder = f"{push.folder}/{version(push)}"
    with refusals(push, login.aws_client_parameters.endpoint_url or "the S3 server"):
        client = login.get_client("s3")
        made = ensure(client, push.bucket, login.region_name)
        written = upload(client, push, folder)
        removed = prune(client, push, folder)
        redirect(client, push)
    news = [made, f"{written} written" if written else "", f"{removed} version(s) removed" if removed else ""]
    return Outcome("flow code", f"s3://{push.bucket}/{folder}", changed(filter(None, news)) if any(news) else LEFT)


@contextmanager
def refusals(push: Push, server: str) -> Iterator[None]:
    """Raise RegistrarError for what the S3 server refuses, or where it does not answer."""
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise RegistrarError(
            f"push: bucket {push.bucket} on {server}: {error}; check STORAGE_* in .env, and that the server runs"
        ) from None


def ensure(client: Any, bucket: str, region: str | None) -> str:
    """Make the bucket where there is none; says so."""
    from botocore.exceptions import ClientError

    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
        elsewhere = {"LocationConstraint": region} if region and region != DEFAULT_REGION else None
        client.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": elsewhere} if elsewhere else {}))
        return "bucket made"
    return ""


def upload(client: Any, push: Push, folder: str) -> int:
    """Write the files that the folder lacks: all of a new version, or what a push that was cut off left out."""
    present = {item["Key"] for item in listing(client, push.bucket, f"{folder}/")}
    keys = {f"{folder}/{path}": data for path, data in flow_code.content(push).items()}
    lacking = {key: data for key, data in keys.items() if key not in present}
    for key, data in lacking.items():
        client.put_object(Bucket=push.bucket, Key=key, Body=data)
    return len(lacking)


def redirect(client: Any, push: Push) -> None:
    """Let runs of older versions, whose deployment names today's entry point, find the file that they have for it."""
    for folder, items in versions(client, push).items():
        held = {item["Key"].removeprefix(f"{folder}/") for item in items}
        for path, data in redirects(held).items():
            client.put_object(Bucket=push.bucket, Key=f"{folder}/{path}", Body=data)


def versions(client: Any, push: Push) -> dict[str, list[dict[str, Any]]]:
    """The objects of each version, by its folder."""
    found: dict[str, list[dict[str, Any]]] = {}
    depth = push.folder.count("/") + 2
    for item in listing(client, push.bucket, f"{push.folder}/"):
        found.setdefault("/".join(item["Key"].split("/")[:depth]), []).append(item)
    return found


def prune(client: Any, push: Push, folder: str) -> int:
    """Remove all versions but the newest, and never the present one; says how many."""
    found = versions(client, push)
    others = sorted((name for name in found if name != folder), key=lambda name: pushed(found[name]), reverse=True)
    gone = others[push.keep - 1 :]
    remove(client, push.bucket, [item["Key"] for name in gone for item in found[name]])
    return len(gone)


def pushed(version: list[dict[str, Any]]) -> datetime:
    """When a version was first pushed: redirects may be added to it later."""
    return cast(datetime, min(item["LastModified"] for item in version))


def remove(client: Any, bucket: str, keys: list[str]) -> None:
    for start in range(0, len(keys), AT_ONCE):
        objects = [{"Key": key} for key in keys[start : start + AT_ONCE]]
        client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})


def listing(client: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    """The objects whose keys begin so."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", [])
