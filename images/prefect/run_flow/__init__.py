"""Runs the flow run of its container, as `prefect flow-run execute` does, but sooner: `python -m run_flow`.

Prefect's command is three interpreters, one after the other: one that watches the run, one that fetches its code, one
that is the run. Each imports Prefect, which is most of the time until a run begins. This one imports Prefect once and
forks. The rest is Prefect's own code in both processes, and so are cancellation, hooks, SIGTERM, heartbeats, pull
steps and states. It takes the place of private parts of Prefect, and so belongs to the one version in this image.
"""
