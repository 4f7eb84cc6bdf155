"""`python3 load FILE` of a bundle, where this file is load/__main__.py."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  # before the rest, which an older one cannot read
    sys.exit("Python 3.11 or later is needed: name it, for example `python3.11 load FILE`")

from stack.cli import main

if __name__ == "__main__":
    sys.exit(main(["load", *sys.argv[1:]]))
