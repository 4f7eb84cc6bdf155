"""Whatever a container writes, and however it arrives, becomes lines that a log can hold."""

import struct

from hypothesis import given
from hypothesis import strategies as st
from launchers.containers.output import frames, records
from launchers.launching.lines import BURST, LONGEST_LINE, STDERR, STDOUT, LineReader, Record


def frame(stream: int, payload: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(payload)) + payload


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """The data in pieces of these sizes, the rest in one."""
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


def lines_of(stream: int, found: list[Record]) -> list[str]:
    return [line for record in found if record.stream == stream for line in record.lines]


LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=40), max_size=20)
SIZES = st.lists(st.integers(0, 50), max_size=30)


@given(LINES, LINES, SIZES, SIZES)
def test_lines_survive_any_cut_of_frames_and_reads(
    out: list[str], err: list[str], frame_sizes: list[int], read_sizes: list[int]
) -> None:
    def framed(stream: int, lines: list[str]) -> bytes:
        data = "".join(f"{line}\n" for line in lines).encode()
        return b"".join(frame(stream, piece) for piece in cut(data, frame_sizes))

    found = list(records(cut(framed(STDOUT, out) + framed(STDERR, err), read_sizes)))
    assert lines_of(STDOUT, found) == out
    assert lines_of(STDERR, found) == err


@given(st.binary(max_size=300), SIZES)
def test_no_byte_breaks_the_log(data: bytes, sizes: list[int]) -> None:
    reader = LineReader()
    lines = [line for piece in cut(data, sizes) for line in reader.feed(piece)] + reader.rest()
    shown = "".join(lines)
    assert shown.encode().decode() == shown
    assert not set(shown) & set(map(chr, [*range(9), *range(10, 32), 127]))


def test_a_line_is_given_out_as_soon_as_it_ends() -> None:
    def chunks() -> "list[bytes]":
        return [frame(STDOUT, b"one\ntw"), frame(STDERR, b"bad\n"), frame(STDOUT, b"o\nlast")]

    assert list(records(chunks())) == [
        Record(STDOUT, ["one"]),
        Record(STDERR, ["bad"]),
        Record(STDOUT, ["two"]),
        Record(STDOUT, ["last"]),
    ]


def test_half_a_frame_waits_for_the_rest() -> None:
    buffer = bytearray(frame(STDOUT, b"whole") + frame(STDOUT, b"half")[:-1])
    assert list(frames(buffer)) == [(STDOUT, b"whole")]
    assert buffer == frame(STDOUT, b"half")[:-1]


def test_the_engines_own_complaint_counts_as_stderr() -> None:
    assert list(records([frame(3, b"engine trouble\n")])) == [Record(STDERR, ["engine trouble"])]


def test_only_a_burst_stays_together() -> None:
    few = b"".join(b"%d\n" % number for number in range(BURST))
    assert [len(record.lines) for record in records([frame(STDOUT, few)])] == [1] * BURST
    assert [len(record.lines) for record in records([frame(STDOUT, few + b"x\n")])] == [BURST + 1]


def test_a_progress_bar_shows_its_last_state() -> None:
    reader = LineReader()
    assert reader.feed(b"10 %\r50 %\r100 %\r\nnext\r\n") == ["100 %", "next"]


def test_colours_are_dropped_and_controls_replaced() -> None:
    assert LineReader().feed(b"\x1b[1;31mred\x1b[0m \x00\x07\ttab\n") == ["red \ufffd\ufffd\ttab"]


def test_a_line_without_end_comes_in_pieces() -> None:
    reader = LineReader()
    assert reader.feed(b"x" * LONGEST_LINE) == []
    assert reader.feed(b"y") == ["x" * LONGEST_LINE, "y"]
    assert reader.feed(b"z" * (2 * LONGEST_LINE + 1) + b"\n") == ["z" * LONGEST_LINE, "z" * LONGEST_LINE, "z"]
    assert reader.rest() == []


def test_an_empty_line_is_a_line() -> None:
    assert LineReader().feed(b"\n\na\n") == ["", "", "a"]
