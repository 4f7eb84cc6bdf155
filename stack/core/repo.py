"""Where this repository is, and what its images are called."""

from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
# An image of this name exists on one engine only; no engine looks for it elsewhere.
LOCAL = "localhost/"
REPOSITORY = f"{LOCAL}prefect-site"
# The folders of images that hold a flow, and of those that hold an algorithm: one folder per image.
JOB_IMAGES = ("client/direct", "client/algorithms")
