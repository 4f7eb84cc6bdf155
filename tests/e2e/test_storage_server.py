"""The S3 server of a site, alone on an engine: what is stored comes back, and only its one port can be reached."""

import hashlib
import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from stack.components.all import SETTINGS
from stack.images import names as images
from stack.images.site_images import bases
from tests import sites
from tests.e2e import running
from tests.sites import SiteUnderTest, docker

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

BUCKET = "objects"
MIB = 1 << 20
# On both sides of 8 MiB, from which on clients upload in parts.
SIZES = (1, 8 * MIB - 1, 8 * MIB, 20 * MIB, pytest.param(200 * MIB, marks=pytest.mark.long))
# Every port of a neighbour on the network that accepts a connection. Closed ones refuse at once.
SCAN = """
import socket, sys
for port in range(1, 65536):
    with socket.socket() as each:
        each.settimeout(60)
        if each.connect_ex((sys.argv[1], port)) == 0:
            print(port)
"""
# Prints whether random bytes come back from the bucket through Prefect's own block and store of results.
RESULTS = """
import hashlib, os, sys
from prefect import flow
from prefect.results import ResultRecord, ResultStore
from prefect_aws import AwsCredentials, S3Bucket
login = AwsCredentials(aws_access_key_id=os.environ["STORAGE_ACCESS_KEY"],
    aws_secret_access_key=os.environ["STORAGE_SECRET_KEY"], aws_client_parameters={"endpoint_url": "http://storage:8333"})
bucket = S3Bucket(bucket_name="objects", bucket_folder="results", credentials=login)
def by_store(size):
    content, key = os.urandom(size), f"key-{size}"
    ResultStore(result_storage=bucket).write(content, key=key)
    return content, key
def by_flow(size):
    bucket.save("results", overwrite=True)
    @flow(persist_result=True, result_storage=bucket)
    def large(size):
        return os.urandom(size)
    state = large(size, return_state=True)
    return state.result(), state.data.metadata.storage_key
for size in map(int, sys.argv[2:]):
    made, key = globals()[sys.argv[1]](size)
    kept = ResultRecord.deserialize(bucket.read_path(key)).result
    print("equal" if hashlib.sha256(made).digest() == hashlib.sha256(kept).digest() else "different", len(kept))
"""


@pytest.fixture(scope="module")
def site() -> Iterator[SiteUnderTest]:
    images.ensure(("storage",), sites.REPO, "auto", None, {}, report=print, bases=bases(SETTINGS.defaults()))
    made = sites.make_site(COMPONENTS="storage", STORAGE_PORT=sites.free_ports(1)[0])
    try:
        made.compose("storage", "up", "--detach", "--wait")
        client(made).create_bucket(Bucket=BUCKET)
        yield made
    finally:
        made.remove()


def client(site: SiteUnderTest, **changed: str) -> Any:
    keys = {"aws_access_key_id": "prefect", "aws_secret_access_key": site.env["STORAGE_SECRET_KEY"]} | changed
    url = f"http://127.0.0.1:{site.env['STORAGE_PORT']}"
    return boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)


def run(site: SiteUnderTest, *command: str, check: bool = True) -> str:
    """What a command prints in another container on the site's network, with the login."""
    done = site.compose("storage", "run", "--rm", "--no-TTY", "storage", *command, check=check)
    return done.stdout + ("" if check else done.stderr)


@pytest.mark.parametrize("size", SIZES)
def test_an_object_comes_back_as_it_was_stored(site: SiteUnderTest, size: int) -> None:
    content, found, key = os.urandom(size), io.BytesIO(), f"object-{size}"
    client(site).upload_fileobj(io.BytesIO(content), BUCKET, key)
    client(site).download_fileobj(BUCKET, key, found)
    assert hashlib.sha256(found.getvalue()).digest() == hashlib.sha256(content).digest()
    assert client(site).get_object(Bucket=BUCKET, Key=key)["Body"].read() == content


def results(site: SiteUnderTest, way: str, *sizes: int) -> list[str]:
    server = ("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE=true", "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS=600")
    home = ("PYTHONPATH=/opt/prefect-aws", "PREFECT_HOME=/tmp/prefect")
    said = run(site, "env", *server, *home, "python", "-c", RESULTS, way, *map(str, sizes))
    return [line for line in said.splitlines() if line.startswith(("equal", "different"))]


def test_a_result_comes_back_as_it_was_stored(site: SiteUnderTest) -> None:
    sizes = (1, 8 * MIB - 1, 8 * MIB, 20 * MIB)
    assert results(site, "by_store", *sizes) == [f"equal {size}" for size in sizes]


@pytest.mark.long
def test_a_flows_result_comes_back_as_it_was_returned(site: SiteUnderTest) -> None:
    sizes = (1, 8 * MIB - 1, 8 * MIB, 20 * MIB, 200 * MIB)
    assert results(site, "by_flow", *sizes) == [f"equal {size}" for size in sizes]


def test_a_listing_by_folders_has_all_of_more_than_a_thousand(site: SiteUnderTest) -> None:
    s3, wanted = client(site), [f"many/{number:04d}/" for number in range(1100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda folder: s3.put_object(Bucket=BUCKET, Key=f"{folder}x", Body=b"x"), wanted))
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="many/", Delimiter="/")
    assert [found["Prefix"] for page in pages for found in page.get("CommonPrefixes", ())] == wanted


def test_what_is_there_is_not_written_over_if_a_client_asks_so(site: SiteUnderTest) -> None:
    s3 = client(site)
    s3.put_object(Bucket=BUCKET, Key="once", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=BUCKET, Key="once", Body=b"second", IfNoneMatch="*")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert s3.get_object(Bucket=BUCKET, Key="once")["Body"].read() == b"first"


def test_only_the_site_s_user_gets_in(site: SiteUnderTest) -> None:
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        client(site, aws_secret_access_key="another/secret+key").list_buckets()
    with pytest.raises(ClientError, match="NoSuchBucket"):  # a mistyped name makes none
        client(site).put_object(Bucket="mistyped", Key="x", Body=b"")


def test_only_the_port_of_s3_answers_on_the_network(site: SiteUnderTest) -> None:
    """Of its other servers, those of gRPC included, most ask for no login."""
    [container] = running.containers(site)
    address = container["NetworkSettings"]["Networks"][site.name]["IPAddress"]
    assert run(site, "python", "-c", SCAN, address).split() == ["8333"]


def test_its_keys_are_in_no_list(site: SiteUnderTest) -> None:
    [container] = running.containers(site)
    processes = docker("top", container["Id"], "-eo", "pid,args")
    assert "-s3.config=" in processes
    assert site.env["STORAGE_SECRET_KEY"] not in processes + str(container)


def test_data_outlives_a_stop_and_a_kill(site: SiteUnderTest) -> None:
    content = os.urandom(20 * MIB)
    client(site).upload_fileobj(io.BytesIO(content), BUCKET, "kept")
    for end in ("stop", "kill"):
        site.compose("storage", end)
        [container] = running.containers(site)
        assert (container["State"]["ExitCode"] == 0) == (end == "stop")
        site.compose("storage", "up", "--detach", "--wait")
        assert client(site).get_object(Bucket=BUCKET, Key="kept")["Body"].read() == content
        client(site).put_object(Bucket=BUCKET, Key=f"after-{end}", Body=b"x")


def test_data_of_another_server_is_named_and_taken_along(site: SiteUnderTest) -> None:
    """The page's commands, with a second SeaweedFS as the earlier server."""
    content = os.urandom(20 * MIB)
    other = sites.make_site(
        COMPONENTS="storage", STORAGE_PORT=sites.free_ports(1)[0], STORAGE_SECRET_KEY=site.env["STORAGE_SECRET_KEY"]
    )
    try:
        client(site).upload_fileobj(io.BytesIO(content), BUCKET, "results/of-a-run")
        other.compose("storage", "up", "--no-start")
        run_alone = ("run", "--rm", "--no-TTY", "--no-deps", "storage")
        other.compose("storage", *run_alone, "touch", "/data/config.db")
        said = other.render("up", check=False)
        assert said.returncode == 2
        assert "the volume holds the data of another S3 server (config.db)" in said.stderr

        other.compose("storage", *run_alone, "mkdir", "/data/seaweedfs")
        other.compose("storage", "up", "--detach", "--wait")
        [old] = running.containers(site)
        docker("network", "connect", "--alias", "old-storage", other.name, old["Id"])
        try:
            said = other.compose("storage", *run_alone, "take-along", "http://old-storage:8333")
        finally:
            docker("network", "disconnect", other.name, old["Id"])
        assert said.stdout.splitlines()[-1].endswith(", 0 were there already, 0 not copied")
        assert client(other).get_object(Bucket=BUCKET, Key="results/of-a-run")["Body"].read() == content
    finally:
        other.remove()
