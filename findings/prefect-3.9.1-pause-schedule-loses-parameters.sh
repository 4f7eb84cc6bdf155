#!/bin/sh
# Prefect 3.9.1: pausing one schedule by the API empties the parameters of that schedule.
#
# Versions:  prefect 3.9.1, Python 3.11.
# Behaviour: PATCH /deployments/{id}/schedules/{id} with {"active": false} answers 204, and the schedule that comes back
#            has parameters {} instead of those it was made with. Fields that the request does not name are expected to
#            stay, as `schedule` and `slug` do. Resumed, its runs use the deployment's defaults without a word.
# Seen:      before: {'days': 3}
#            after:  {} active=False
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check prefect==3.9.1 'whenever>=0.11' 'sqlalchemy<2.1'
cat > "$folder/try.py" <<'PY'
from prefect.testing.utilities import prefect_test_harness
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule

with prefect_test_harness(server_startup_timeout=120), get_client(sync_client=True) as client:
    flow = client.create_flow_from_name("count")
    schedule = DeploymentScheduleCreate(schedule=CronSchedule(cron="0 6 * * *"), parameters={"days": 3})
    made = client.create_deployment(flow_id=flow, name="daily", schedules=[schedule])
    url = f"/deployments/{made}/schedules"
    (before,) = client._client.get(url).json()
    print("before:", before["parameters"])
    client._client.patch(f"{url}/{before['id']}", json={"active": False}).raise_for_status()
    (after,) = client._client.get(url).json()
    print("after: ", after["parameters"], f"active={after['active']}")
    assert before["parameters"] == {"days": 3}
    assert after["active"] is False and after["parameters"] == {}, "changed: the parameters stay"
PY
export PREFECT_HOME="$folder/home" PREFECT_SERVER_ANALYTICS_ENABLED=false PREFECT_LOGGING_LEVEL=ERROR
"$folder/venv/bin/python" "$folder/try.py"
