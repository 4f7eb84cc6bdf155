"""Runs in the container in which launching.py measures: [way, image] per line in, seconds per line out."""

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import yaml
from launchers.containers.engine import connect
from launchers.containers.launch import Launch
from launchers.containers.schema import DockerParams
from launchers.containers.site_env import read_site_env
from launchers.launching.run_identity import RunIdentity

logger = logging.getLogger("launch")
PARAMS = {"io_parameters": {"uid_retrieve": "", "uid_save": ""}}


def launched(image: str) -> None:
    name, _, tag = image.rpartition(":")
    params = DockerParams.model_validate({"image_name": name, "image_tag": tag, "command": ["true"], "params": PARAMS})
    with connect() as engine:
        Launch(engine, read_site_env(), RunIdentity(str(uuid.uuid4()), 1), params, logger).carry_out("")


def captured(image: str) -> None:
    descriptor, path = tempfile.mkstemp(suffix=".yaml", text=True)
    with os.fdopen(descriptor, "w") as file:
        yaml.dump(PARAMS, file)
    command = ["docker", "--host=unix:///var/run/docker.sock", "run", "--rm", image, "true", path]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    logger.info(done.stdout)
    Path(path).unlink()
    if done.returncode:
        raise SystemExit(done.stderr)


WAYS: dict[str, Callable[[str], None]] = {"launched": launched, "captured": captured}

for line in sys.stdin:
    way, target = json.loads(line)
    began = time.perf_counter()
    WAYS[way](target)
    print(time.perf_counter() - began)
