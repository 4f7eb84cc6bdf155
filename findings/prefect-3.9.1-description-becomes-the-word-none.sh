#!/bin/sh
# A deployment that is created without a description gets the description "None".
#
# Versions:  prefect 3.9.1, Python 3.11; the client and a server of the same version.
# Behaviour: the client turns what is missing into text before it sends it, so the UI shows the word None, and a tool
#            that compares what it wants with what is stored sees a change at every run.
# Seen:      description: 'None'
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m pip install --quiet --disable-pip-version-check --target "$folder" \
    prefect==3.9.1 whenever==0.11.0 'sqlalchemy[asyncio]==2.0.58'
PYTHONPATH="$folder" PREFECT_HOME="$folder/home" PREFECT_SERVER_ALLOW_EPHEMERAL_MODE=true PREFECT_LOGGING_LEVEL=ERROR \
    PREFECT_SERVER_ANALYTICS_ENABLED=false python3.11 - <<'PYTHON'
import sys

from prefect.client.orchestration import get_client

with get_client(sync_client=True) as client:
    flow = client.create_flow_from_name("count")
    identity = client.create_deployment(flow_id=flow, name="one", description=None)
    found = client.read_deployment(identity).description
print(f"description: {found!r}")
sys.exit(found != "None")
PYTHON
