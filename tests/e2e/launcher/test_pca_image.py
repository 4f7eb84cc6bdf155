"""The algorithm image, launched as its users launch it: its figures are those of the raw data."""

import gzip
import io
import json
import subprocess
from typing import Any

import numpy as np
import pytest
from launchers.launching.run_identity import RunIdentity

from stack.components.all import SETTINGS
from stack.images import names
from stack.images.site_images import bases
from tests import sites
from tests.e2e.launcher.attempts import Ended, Site

pytestmark = pytest.mark.engine

TRAINED = RunIdentity("0b6f3f0c-90c4-4f3a-8d0e-0123456789ab", 1)
APPLIED = RunIdentity("1b6f3f0c-90c4-4f3a-8d0e-0123456789ab", 1)


@pytest.fixture(scope="module")
def image(site_images: None) -> str:
    """Made as `make up` makes it; like the other images of the site, it stays."""
    given = bases(SETTINGS.defaults())
    names.ensure(("pca",), sites.REPO, "auto", None, {}, report=print, bases=given)
    return names.reference("pca", sites.REPO, given)


@pytest.fixture(scope="module")
def digits(image: str) -> Any:
    """The data set in the image: 1797 rows of 64 pixels and the digit."""
    packed = subprocess.run(["docker", "run", "--rm", image, "cat", "digits.csv.gz"], capture_output=True, check=True)
    return np.loadtxt(io.BytesIO(gzip.decompress(packed.stdout)), delimiter=",")


def launch(site: Site, image: str, run: RunIdentity, **params: object) -> Ended:
    name, _, tag = image.rpartition(":")
    given = {"image_name": name, "image_tag": tag, "volumes": [f"{site.data}:/app/results"], "params": params}
    return site.launch("python", "/app/pca.py", run=run, **given)


def test_what_one_run_finds_the_next_applies(docker_site: Site, image: str, digits: Any) -> None:
    trained = launch(docker_site, image, TRAINED, components=7)
    applied = launch(docker_site, image, APPLIED, task="transform", io_parameters={"uid_retrieve": TRAINED.flow_run_id})
    assert (trained.error, applied.error) == ("", "")
    assert digits.shape == (1797, 65)
    known, new = digits[:1000, :64], digits[1000:, :64]
    variances = np.linalg.eigvalsh(np.cov(known.T))[::-1]
    summary = json.loads((docker_site.data / TRAINED.flow_run_id / "summary.json").read_text())
    assert summary["variance"] == pytest.approx(variances[:7].sum() / variances.sum())
    with np.load(docker_site.data / TRAINED.flow_run_id / "model.npz") as model:
        components = model["components"]
    left = (new - known.mean(axis=0)) @ (np.eye(64) - components.T @ components)
    summary = json.loads((docker_site.data / APPLIED.flow_run_id / "summary.json").read_text())
    assert summary["mean_squared_error"] == pytest.approx(np.mean(left**2))


def test_a_wrong_parameter_is_the_runs_message(docker_site: Site, image: str) -> None:
    ended = launch(docker_site, image, TRAINED, task="guess")
    assert ended.error.endswith(
        "ended with exit code 1; its last lines:\npca: task is 'guess': write train, update, transform"
    )


def test_the_image_is_not_root_and_has_no_more_than_it_needs(image: str) -> None:
    listed = ["docker", "run", "--rm", image, "sh", "-c", "id -u; ls /opt/pca/lib/python3*/site-packages"]
    output = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
    assert output[0] == "1000"
    assert not any(package.startswith(("sklearn", "scipy", "pip")) for package in output[1:])
