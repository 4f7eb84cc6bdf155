"""Public images of the wrong kind, and data of another version, are refused before anything starts."""

import secrets
import subprocess
from collections.abc import Iterator

import pytest

from stack.core.errors import SiteError
from stack.images import names as images
from tests import sites
from tests.sites import LABELS, REPO, SiteUnderTest, docker

pytestmark = pytest.mark.engine

# What its name does not say: PostgreSQL 18, with the paths of its public image.
POSTGRES_18 = """
ARG BASE
FROM ${BASE}
RUN rm -r /usr/lib/postgresql/15 \\
    && printf '#!/bin/sh\\necho "postgres (PostgreSQL) 18.1"\\n' >/usr/local/bin/postgres \\
    && chmod 0755 /usr/local/bin/postgres
ENV PGDATA=/var/lib/postgresql/18/docker
"""


def postgres() -> str:
    return images.reference("postgres", REPO, {"postgres": "postgres:15.18-bookworm"})


@pytest.fixture
def mirrored(site_images: None) -> Iterator[str]:
    name = f"localhost/site-test/db:{secrets.token_hex(4)}"
    labels = [f"--label={key}={value}" for key, value in LABELS.items()]
    command = ["docker", "build", "--quiet", *labels, f"--build-arg=BASE={postgres()}", f"--tag={name}", "-"]
    subprocess.run(command, input=POSTGRES_18, text=True, check=True, capture_output=True)
    yield name
    docker("image", "rm", "--force", name)


def test_a_public_image_of_another_version_is_refused_before_it_is_used(mirrored: str) -> None:
    with pytest.raises(SiteError) as refused:
        images.ensure(("postgres",), REPO, "pull", None, LABELS, report=print, bases={"postgres": mirrored})
    assert refused.value.faults == (
        f"image postgres: {mirrored} is version 18.1 and has no /usr/lib/postgresql/15/bin and has no "
        "PGDATA=/var/lib/postgresql/data; the site needs PostgreSQL 15 on Debian, correct BASE_IMAGE_POSTGRES",
    )


@pytest.fixture
def site(site_images: None) -> Iterator[SiteUnderTest]:
    """Rendered, and never started."""
    made = sites.make_site(COMPONENTS="server")
    yield made
    made.remove()


def put(site: SiteUnderTest, volume: str, path: str, content: str) -> str:
    """Writes a file into a volume of the server, which is made for it; returns the volume's name."""
    name = f"{site.name}-server_{volume}"
    labels = [f"--label={key}={value}" for key, value in LABELS.items()]
    docker("volume", "create", *labels, name)
    script = f"mkdir -p $(dirname /data/{path}) && printf %s '{content}' >/data/{path}"
    docker("run", "--rm", "--network=none", "--entrypoint=sh", f"--volume={name}:/data", postgres(), "-c", script)
    return name


def test_data_of_another_version_is_told_before_the_start(site: SiteUnderTest) -> None:
    database = put(site, "postgres", "18/docker/PG_VERSION", "18\n")
    messages = put(site, "redis", "appendonlydir/appendonly.aof.1.base.rdb", "REDIS9999")
    done = site.render("up", check=False)
    assert done.returncode == 2
    told, of_redis = done.stderr.splitlines()[-2:]
    assert told == (
        f"server: the volume {database} holds data of PostgreSQL 18, and this site runs PostgreSQL 15; "
        "PostgreSQL reads only its own: dump it with the version that wrote it, and restore the dump into an empty "
        "volume (docs/operations.md#backup-and-restore)"
    )
    assert of_redis.startswith(f"server: the volume {messages} holds data of a later Redis than this site runs (v=")
    assert docker("ps", "--all", "--quiet", f"--filter=label=site={site.name}") == ""
