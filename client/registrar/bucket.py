"""Flow code in a bucket of an S3 server.

A folder for each content of the source, named by a hash of it: what is there is never written again, so a run that
began to pull, and one of an earlier version, finds what it was told of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from registrar import publish
from registrar.errors import RegistrarError
from registrar.outcome import LEFT, Outcome, changed
from registrar.registration import Block, Push

VERSION = "SITE_FLOWS_VERSION"
CREDENTIALS_TYPE = "aws-credentials"
HASH_DIGITS = 12
AT_ONCE = 1000  # objects that one request may remove
DEFAULT_REGION = "us-east-1"  # the one that must not be named when a bucket is made


def version(source: Path) -> str:
    """By what the source holds: every path and content, each with its length."""
    digest = hashlib.sha256()
    for path in publish.files(source):
        for part in (path.as_posix().encode(), (source / path).read_bytes()):
            digest.update(b"%d:%b" % (len(part), part))
    return digest.hexdigest()[:HASH_DIGITS]


def environment(push: Push | None) -> dict[str, str]:
    """What deployment files may name as `{{ $SITE_FLOWS_VERSION }}`."""
    return {VERSION: version(Path(push.source))} if push else {}


def check(push: Push, blocks: list[Block]) -> Iterator[str]:
    """What is wrong and can be seen without the bucket."""
    if not Path(push.source).is_dir():
        yield f"push.source: {push.source}: no such folder"
    if (CREDENTIALS_TYPE, push.credentials) not in {(block.type, block.name) for block in blocks}:
        yield f"push.credentials: {push.credentials}: blocks have none of this name and the type {CREDENTIALS_TYPE}"


def apply(push: Push) -> Outcome:
    """Make the bucket, bring there what it lacks of this version, and remove versions that are too many."""
    from prefect_aws import AwsCredentials  # a second to import, and most sites have no bucket

    login = cast(AwsCredentials, AwsCredentials.load(push.credentials))
    folder = f"{push.folder}/{version(Path(push.source))}"
    with refusals(push, login.aws_client_parameters.endpoint_url or "the S3 server"):
        client = login.get_client("s3")
        made = ensure(client, push.bucket, login.region_name)
        written = upload(client, push, folder)
        removed = prune(client, push, folder)
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
    source = Path(push.source)
    keys = {f"{folder}/{source.name}/{path.as_posix()}": source / path for path in publish.files(source)}
    lacking = {key: path for key, path in keys.items() if key not in present}
    for key, path in lacking.items():
        client.put_object(Bucket=push.bucket, Key=key, Body=path.read_bytes())
    return len(lacking)


def prune(client: Any, push: Push, folder: str) -> int:
    """Remove all versions but the newest, and never the present one; says how many."""
    versions: dict[str, list[dict[str, Any]]] = {}
    for item in listing(client, push.bucket, f"{push.folder}/"):
        versions.setdefault("/".join(item["Key"].split("/")[: folder.count("/") + 1]), []).append(item)
    others = sorted(
        (name for name in versions if name != folder),
        key=lambda name: max(item["LastModified"] for item in versions[name]),
        reverse=True,
    )
    gone = others[push.keep - 1 :]
    remove(client, push.bucket, [item["Key"] for name in gone for item in versions[name]])
    return len(gone)


def remove(client: Any, bucket: str, keys: list[str]) -> None:
    for start in range(0, len(keys), AT_ONCE):
        objects = [{"Key": key} for key in keys[start : start + AT_ONCE]]
        client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})


def listing(client: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    """The objects whose keys begin so."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", [])
