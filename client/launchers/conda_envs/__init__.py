"""A script run in a conda environment of the worker's machine."""
