"""Runs the flow run of its container, as `prefect flow-run execute` does, but sooner: `python -m run_flow`.

Prefect's command is three interpreters, one after the other: one that watches the run, one that fetches its code, one
that is the run. Each imports Prefect, which is most of the time until a run begins. This one imports Prefect once and
forks. The rest is Prefect's own code in both processes, and so are cancellation, hooks, SIGTERM, heartbeats, pull
steps and states.

It replaces private parts of Prefect, so it belongs to the one version in this image. They are, in the source of 3.9.1:
`run_process` in runner/_starter_engine.py, `_launch_engine` in runner/_workspace_supervisor.py, `critical_service_loop`
in _internal/_observation_delivery.py, and `ssl` in client/orchestration/__init__.py and _internal/version_checking.py.
It calls `execute` in cli/flow_run.py, `main` in runner/_workspace_supervisor.py and `_main` in flow_engine.py.
"""
