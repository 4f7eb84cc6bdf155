"""A container launched by a flow run, beside the run's own: one code for Docker, its nested daemon and Podman."""
