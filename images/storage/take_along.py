#!/usr/bin/env python3
"""Copies every bucket of another S3 server with the same user: take-along OLD_URL [NEW_URL].

An object is copied if its content is what its ETag says: the MD5 of the content or, for one that was uploaded in
parts, of the MD5s of its parts. The others are named, and left out: the server lost what was stored. Objects that the
new server has already stay as they are, so a second run goes on where the first one ended.
"""

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

NEW_URL = "http://storage:8333"
MIB = 1 << 20
COPIES = 8  # at once
# What clients take as the size of a part: 8 MiB is that of boto3, and so of Prefect; others are of other programs.
PART_SIZES = tuple(size * MIB for size in (8, 5, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128, 256, 512, 1024))
KEPT = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Metadata")
USAGE = "take-along: write the URL of the server that has the data, such as: take-along http://old-storage:8333"


class Parts:
    """The ETag that a content would have, uploaded in parts of one size."""

    def __init__(self, size: int) -> None:
        self.size, self.filled, self.count = size, 0, 0
        self.part, self.all = hashlib.md5(usedforsecurity=False), hashlib.md5(usedforsecurity=False)

    def add(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            taken = view[: self.size - self.filled]
            self.part.update(taken)
            self.filled += len(taken)
            view = view[len(taken) :]
            if self.filled == self.size:
                self._close()

    def _close(self) -> None:
        self.all.update(self.part.digest())
        self.part, self.filled, self.count = hashlib.md5(usedforsecurity=False), 0, self.count + 1

    def etag(self) -> str:
        if self.filled:
            self._close()
        return f"{self.all.hexdigest()}-{self.count}"


def is_right(blocks: Iterable[bytes], etag: str, size: int) -> bool:
    """Whether a content is the one that was stored."""
    whole, _, count = etag.partition("-")
    if not count:
        digest = hashlib.md5(usedforsecurity=False)
        for block in blocks:
            digest.update(block)
        return digest.hexdigest() == whole
    number = int(count)
    sizes = [max(size, 1)] if number == 1 else [part for part in PART_SIZES if -(-size // part) == number]
    tried = [Parts(part) for part in sizes]
    for block in blocks:
        for parts in tried:
            parts.add(block)
    return any(parts.etag() == etag for parts in tried)


class Copy:
    """From one server to another; `copied` and `kept` count objects, `wrong` names those that are not right."""

    def __init__(self, old: Any, new: Any) -> None:
        self.old, self.new = old, new
        self.copied, self.kept = 0, 0
        self.wrong: list[str] = []

    def run(self) -> None:
        for bucket in [each["Name"] for each in self.old.list_buckets()["Buckets"]]:
            if bucket not in [each["Name"] for each in self.new.list_buckets()["Buckets"]]:
                self.new.create_bucket(Bucket=bucket)
            present = set(keys(self.new, bucket))
            wanted = list(keys(self.old, bucket))
            missing = [key for key in wanted if key not in present]
            self.kept += len(wanted) - len(missing)
            with ThreadPoolExecutor(COPIES) as pool:
                self._count(pool.map(lambda key, name=bucket: self._copy(name, key), missing))

    def _count(self, results: Iterable[str]) -> None:
        """`results` name the objects that are not right; empty for one that was copied."""
        for wrong in results:
            self.copied += not wrong
            self.wrong += [wrong] if wrong else []

    def _copy(self, bucket: str, key: str) -> str:
        """Empty, or which object is not right."""
        found = self.old.get_object(Bucket=bucket, Key=key)
        etag, size = found["ETag"].strip('"'), found["ContentLength"]
        if not is_right(found["Body"].iter_chunks(MIB), etag, size):
            return f"s3://{bucket}/{key} ({size} bytes, ETag {etag})"
        body: BinaryIO = self.old.get_object(Bucket=bucket, Key=key, IfMatch=found["ETag"])["Body"]
        kept = {name: found[name] for name in KEPT if found.get(name)}
        self.new.upload_fileobj(body, bucket, key, ExtraArgs=kept)
        return ""


def keys(client: Any, bucket: str) -> Iterator[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from (each["Key"] for each in page.get("Contents", ()))


def client(url: str) -> Any:
    import boto3  # type: ignore[import-untyped]
    from botocore.config import Config  # type: ignore[import-untyped]

    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=os.environ["STORAGE_ACCESS_KEY"],
        aws_secret_access_key=os.environ["STORAGE_SECRET_KEY"],
        config=Config(proxies={}, s3={"addressing_style": "path"}),
    )


def main(arguments: list[str]) -> int:
    if len(arguments) not in (1, 2):
        print(USAGE, file=sys.stderr)
        return 2
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

    old, new = client(arguments[0]), client(*(arguments[1:] or [NEW_URL]))
    copy = Copy(old, new)
    try:
        copy.run()
    except (BotoCoreError, ClientError) as error:
        print(f"take-along: {error}; check that both servers run, then run this again: it goes on", file=sys.stderr)
        return 1
    for each in copy.wrong:
        print(f"not copied, because its content is not what was stored: {each}")
    print(f"{copy.copied} objects copied, {copy.kept} were there already, {len(copy.wrong)} not copied")
    return 1 if copy.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
