"""Turns one `.env` into a Prefect site: Compose files, work pools, deployments, credentials."""
