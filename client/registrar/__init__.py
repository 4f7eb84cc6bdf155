"""The one-shot registrar: brings a Prefect server's pools, limits, blocks and deployments to what files describe."""
