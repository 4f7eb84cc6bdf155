"""Where this repository is, and what its images are called."""

from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
# Images with this prefix exist on one engine only; engines do not look for them elsewhere.
LOCAL = "localhost/"
REPOSITORY = f"{LOCAL}prefect-site"
# Folders with one folder per image: images with a flow, and images with an algorithm.
JOB_IMAGES = ("client/direct", "client/algorithms")
