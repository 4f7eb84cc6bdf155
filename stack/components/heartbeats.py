"""How often workers and runs say that they are alive: so soon is a killed one missed."""

WORKER_SECONDS = 10
RUN_SECONDS = 30  # the least that Prefect takes
# In a pool's template it says to the recovery what to expect of its runs, whoever serves the pool.
RUN_ENVIRONMENT = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(RUN_SECONDS)}
