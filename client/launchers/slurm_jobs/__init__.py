"""A batch job on a Slurm cluster: submitted, followed to its end, and found again."""
