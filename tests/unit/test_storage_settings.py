"""Where code and results are kept: what is refused, in which words, and what is rendered from the settings."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from stack import site
from stack.core.errors import SiteError
from stack.site import Site

URL = "https://s3.eu-central-1.amazonaws.com"
EXAMPLE = {
    "STORAGE_S3_URL": URL,
    "STORAGE_REGION": "eu-central-1",
    "STORAGE_BUCKET": "als-prefect",
    "STORAGE_SECRET_KEY": "any-letters-and-digits/+=_.-",
    "STORAGE_ACCESS_KEY": "prefect",
    "STORAGE_VERSIONS": "10",
    "STORAGE_PORT": "8333",
    "CLIENT_STORAGE": "s3",
}
VERSION = "{{ $SITE_FLOWS_VERSION }}"
LOGIN = "{{ prefect.blocks.aws-credentials.site-storage }}"


def load(root: Path, *settings: str) -> Site:
    (root / ".env").write_text("\n".join(settings) + "\n", encoding="utf-8")
    return site.load(root / ".env", root)


def faults(root: Path, *settings: str) -> list[str]:
    with pytest.raises(SiteError) as refused:
        load(root, *settings)
    return list(refused.value.faults)


def parsed(made: Site, path: str) -> Any:
    return yaml.safe_load(next(file for file in made.plan if file.path == path).content)


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("CLIENT_STORAGE=minio", "allowed are volume, s3, image"),
        ("STORAGE_S3_URL=s3://bucket", "this is not a URL: it must begin with http:// or https:// and name a host"),
        (
            "STORAGE_S3_URL=http://localhost:9000",
            "inside a container localhost is the container itself; write the name or address of the server",
        ),
        (
            "STORAGE_S3_URL=https://s3.example.org/bucket",
            "the URL of an S3 server ends with its host and port; the bucket is STORAGE_BUCKET",
        ),
        ("STORAGE_REGION=EU", "a region's name has lower-case letters, digits and hyphens"),
        (
            "STORAGE_BUCKET=Data",
            "a bucket's name has 3 to 63 lower-case letters, digits, inner hyphens and single dots",
        ),
        (
            "STORAGE_BUCKET=a..b",
            "a bucket's name has 3 to 63 lower-case letters, digits, inner hyphens and single dots",
        ),
        ("STORAGE_ACCESS_KEY=a b", "a key of S3 is printable ASCII without spaces"),
        ("STORAGE_VERSIONS=0", "this is a whole number from 1 to 1000"),
    ],
)
def test_a_wrong_value_is_refused(tmp_path: Path, setting: str, reason: str) -> None:
    key, _, value = setting.partition("=")
    assert faults(tmp_path, setting) == [f".env:1: {key}={value}: {reason}; write for example {key}={EXAMPLE[key]}"]


def test_a_bucket_needs_a_server_and_its_key(tmp_path: Path) -> None:
    assert faults(tmp_path, "CLIENT_STORAGE=s3") == [
        ".env: STORAGE_S3_URL=: CLIENT_STORAGE=s3 has no S3 server: set its URL, or add storage to COMPONENTS; "
        f"write for example STORAGE_S3_URL={URL}",
        ".env: STORAGE_SECRET_KEY=: the S3 server is elsewhere: copy its secret key; "
        f"write for example STORAGE_SECRET_KEY={EXAMPLE['STORAGE_SECRET_KEY']}",
    ]


def test_one_server_and_not_two(tmp_path: Path) -> None:
    assert faults(tmp_path, "COMPONENTS=server storage", f"STORAGE_S3_URL={URL}") == [
        f".env:2: STORAGE_S3_URL={URL}: this machine runs the S3 server itself; leave it empty, or take storage out of "
        f"COMPONENTS; write for example STORAGE_S3_URL="
    ]


def test_the_keys_of_a_server_elsewhere_are_its_own_affair(tmp_path: Path) -> None:
    keys = ("STORAGE_ACCESS_KEY=me!", "STORAGE_SECRET_KEY=a$b#c%")
    made = load(tmp_path, "CLIENT_STORAGE=s3", f"STORAGE_S3_URL={URL}", *keys)
    assert (made.settings.STORAGE_ACCESS_KEY, made.settings.STORAGE_SECRET_KEY) == ("me!", "a$b#c%")
    reason = "a key of S3 has 3 to 128 letters, digits and / + = _ . -; write for example STORAGE_"
    assert faults(tmp_path, "COMPONENTS=server storage", *keys) == [
        f".env:2: STORAGE_ACCESS_KEY=me!: {reason}ACCESS_KEY={EXAMPLE['STORAGE_ACCESS_KEY']}",
        f".env:3: STORAGE_SECRET_KEY=...: {reason}SECRET_KEY={EXAMPLE['STORAGE_SECRET_KEY']}",
    ]


def test_a_machine_that_registers_nothing_needs_no_key(tmp_path: Path) -> None:
    load(tmp_path, "COMPONENTS=server agent", "CLIENT_STORAGE=s3")


def test_an_image_needs_workers_that_make_containers(tmp_path: Path) -> None:
    assert faults(tmp_path, "CLIENT_STORAGE=image") == [
        ".env:1: CLIENT_STORAGE=image: an image needs workers that make containers; add worker-docker, worker-dind or "
        "worker-podman to COMPONENTS, or write volume; write for example CLIENT_STORAGE=volume"
    ]


def test_ports_differ(tmp_path: Path) -> None:
    assert faults(tmp_path, "COMPONENTS=server registry storage", "STORAGE_PORT=5000") == [
        ".env:2: STORAGE_PORT=5000: port 5000 is used twice: REGISTRY_PORT has it; write for example STORAGE_PORT=5001"
    ]


class TestVolume:
    def test_runs_read_the_volume_and_leave_results_there(self, tmp_path: Path) -> None:
        made = load(tmp_path)
        registration, deployments = (parsed(made, f"client/{name}") for name in ("registration.yaml", "prefect.yaml"))
        assert "push" not in registration
        assert registration["blocks"] == [
            {"type": "local-file-system", "name": "flow-storage", "values": {"basepath": "{{ $SITE_HOME }}/results"}}
        ]
        [step] = deployments["pull"]
        assert step == {"prefect.deployments.steps.set_working_directory": {"directory": "{{ $SITE_HOME }}"}}
        assert pool_env(made, "process")["PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK"] == "local-file-system/flow-storage"


class TestBucket:
    SETTINGS = ("SITE=als", "COMPONENTS=server storage agent worker-docker client", "CLIENT_STORAGE=s3")

    def test_the_secret_key_is_made_once(self, tmp_path: Path) -> None:
        made = load(tmp_path, *self.SETTINGS)
        site.write(made)
        again = site.load(tmp_path / ".env", tmp_path)
        assert "STORAGE_SECRET_KEY" in made.made
        assert not again.made
        assert again.settings.STORAGE_SECRET_KEY == made.settings.STORAGE_SECRET_KEY
        key = made.settings.STORAGE_SECRET_KEY.encode()
        holders = {file.path for file in made.plan[1:] if key in file.content}
        assert holders == {"client/secrets/STORAGE_SECRET_KEY", "storage/secrets/STORAGE_SECRET_KEY"}

    def test_runs_pull_the_version_of_their_deployment_with_a_login_from_a_block(self, tmp_path: Path) -> None:
        made = load(tmp_path, *self.SETTINGS)
        for name in ("prefect.yaml", "prefect-docker.yaml"):
            file = parsed(made, f"client/{name}")
            [step] = file["pull"]
            wanted = {"bucket": "prefect", "folder": f"flows/{VERSION}", "credentials": LOGIN}
            assert step == {"prefect_aws.deployments.steps.pull_from_s3": wanted}
            for deployment in (one for one in file["deployments"] if "pull" not in one):
                assert deployment["version"] == VERSION
                assert deployment["work_pool"]["job_variables"]["env"]["SITE_FLOWS_VERSION"] == VERSION

    def test_results_go_to_the_bucket(self, tmp_path: Path) -> None:
        made = load(tmp_path, *self.SETTINGS)
        login, results = parsed(made, "client/registration.yaml")["blocks"]
        assert login["values"]["aws_client_parameters"] == {"endpoint_url": "http://storage.als:8333"}
        assert (results["type"], results["name"]) == ("s3-bucket", "flow-storage")
        assert results["values"] == {"bucket_name": "prefect", "bucket_folder": "results", "credentials": LOGIN}
        for pool in ("process", "docker"):
            assert pool_env(made, pool)["PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK"] == "s3-bucket/flow-storage"

    def test_no_code_is_mounted_where_it_would_be_in_the_way(self, tmp_path: Path) -> None:
        made = load(tmp_path, *self.SETTINGS)
        mounts = ["als-results:/srv/site/results", "als-work:/srv/site/work"]
        variables = parsed(made, "client/pools/docker.json")["variables"]["properties"]
        assert variables["volumes"]["default"] == mounts
        # The version belongs to deployments: a pool takes it for a word of its template.
        assert "SITE_FLOWS_VERSION" not in variables["env"]["default"]


class TestImage:
    def test_docker_deployments_have_their_code_in_the_image_and_process_ones_on_the_volume(
        self, tmp_path: Path
    ) -> None:
        made = load(tmp_path, "SITE=als", "COMPONENTS=server agent worker-docker client", "CLIENT_STORAGE=image")
        docker, direct, _flights, launcher = parsed(made, "client/prefect-docker.yaml")["deployments"]
        assert docker["pull"] == direct["pull"]
        assert docker["work_pool"] == direct["work_pool"]
        assert docker["work_pool"]["job_variables"]["volumes"] == ["als-results:/srv/site/results"]
        assert "pull" not in launcher
        assert "set_working_directory" in str(parsed(made, "client/prefect.yaml")["pull"])


def pool_env(made: Site, pool: str) -> dict[str, str]:
    return dict(parsed(made, f"client/pools/{pool}.json")["variables"]["properties"]["env"]["default"])
