"""What the services beside Prefect share: its API asked directly, since importing Prefect takes 2 s and 100 MiB; passes
at an interval; settings."""
