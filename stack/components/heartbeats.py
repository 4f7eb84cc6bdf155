"""How often workers and runs send heartbeats; this bounds how fast a killed one is detected."""

WORKER_SECONDS = 10
RUN_SECONDS = 30  # Prefect's minimum
# The pool's template has it too: the recovery reads there how often runs of the pool send heartbeats.
RUN_ENVIRONMENT = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(RUN_SECONDS)}
