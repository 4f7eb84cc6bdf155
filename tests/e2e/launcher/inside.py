"""Launches from inside a container, without a server; what they log and how they end goes to the output.

python inside.py WORD... runs the command WORD... in a container of IMAGE_NAME:IMAGE_TAG with the volumes VOLUMES.
"""

import logging
import os
import sys
import uuid

from launchers.containers.engine import connect
from launchers.containers.launch import Launch
from launchers.containers.schema import DockerParams, Volume
from launchers.containers.site_env import read_site_env
from launchers.launching.errors import LaunchError
from launchers.launching.run_identity import RunIdentity

logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
logging.getLogger("httpx").setLevel(logging.WARNING)
params = DockerParams(
    image_name=os.environ["IMAGE_NAME"],
    image_tag=os.environ["IMAGE_TAG"],
    command=sys.argv[1:],
    volumes=[Volume(text) for text in os.environ["VOLUMES"].split()],
)
try:
    with connect() as engine:
        run = RunIdentity(str(uuid.uuid4()), 1)
        Launch(engine, read_site_env(), run, params, logging.getLogger("launch")).carry_out("")
except LaunchError as error:
    print(f"error: {error}")
