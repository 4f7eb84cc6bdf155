"""The picture of a site: an SVG drawn from its rendered Compose files, so that it shows what Compose reads.

Components are cards with a row for each service; networks and shared volumes are lanes, joined by a dot; the left side
shows what is reached from outside, and who calls the API. All lengths are pixels of the SVG.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from stack.render import picture_compose
from stack.render.picture_compose import Link, Project, Service

CARD_X, CARD_WIDTH = 224, 424
ROW_X, ROW_END = CARD_X + 10, CARD_X + CARD_WIDTH - 10
TOP, HEADER, ROW, GAP = 46, 34, 40, 20
LANES_X, LANE_STEP, MARGIN = 696, 76, 56
JOINT_STEP = 9
CALLS_X = CARD_X - 22
OUTSIDE_X, OUTSIDE_WIDTH = 10, 150
LEGEND_LINE = 19
COLOURS = 5

STYLE = """\
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.small { font-size: 11.5px; fill: #59636e }
.name { font-weight: 600 }
.paper { fill: #ffffff }
.card { fill: #f6f8fa; stroke: #d1d9e0 }
.box { fill: #ffffff; stroke: #9aa4af }
.once { stroke-dasharray: 4 3 }
.call { color: #59636e }
.line { fill: none; stroke: currentColor; stroke-width: 1.8 }
.volume { stroke-dasharray: 6 4 }
.dot { fill: currentColor }
.lane0 { color: #0969da } .lane1 { color: #1a7f37 } .lane2 { color: #8250df } .lane3 { color: #bc4c00 }
.lane4 { color: #bf3989 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.small { fill: #9198a1 }
.paper { fill: #0d1117 }
.card { fill: #161b22; stroke: #3d444d }
.box { fill: #0d1117; stroke: #656c76 }
.call { color: #9198a1 }
.lane0 { color: #4493f8 } .lane1 { color: #3fb950 } .lane2 { color: #ab7df8 } .lane3 { color: #f0883e }
.lane4 { color: #f778ba }
}
"""


@dataclass(frozen=True)
class Row:
    """A service, and the height of its middle."""

    project: Project
    service: Service
    y: int


@dataclass(frozen=True)
class Lane:
    """A network or shared volume, and the position of its line."""

    link: Link
    x: int
    style: str


def picture(files: Mapping[str, str]) -> str:
    """The SVG of a site, from its rendered Compose files by path. The tags of images are left out."""
    projects = picture_compose.read(files)
    tops, rows = _tops(projects), _rows(projects)
    lanes = [_lane(number, link) for number, link in enumerate(picture_compose.links(projects))]
    parts = [_lane_lines(lanes, rows), _cards(projects), _services(rows, lanes), _calls(rows), _ports(rows)]
    legend = _legend(lanes, tops[-1])
    height = tops[-1] + LEGEND_LINE * len(lanes) + MARGIN // 4
    return _document([line for part in [*parts, legend] for line in part], _width(lanes), height)


def _width(lanes: list[Lane]) -> int:
    return max([CARD_X + CARD_WIDTH, *(lane.x for lane in lanes)]) + MARGIN


def _tops(projects: list[Project]) -> list[int]:
    """The upper edge of each card, and of what follows the last."""
    tops = [TOP]
    for project in projects:
        tops.append(tops[-1] + _height(project) + GAP)
    return tops


def _height(project: Project) -> int:
    return HEADER + ROW * len(project.services) + 6


def _rows(projects: list[Project]) -> list[Row]:
    return [
        Row(project, service, top + HEADER + ROW * number + ROW // 2)
        for project, top in zip(projects, _tops(projects), strict=False)
        for number, service in enumerate(project.services)
    ]


def _lane(number: int, link: Link) -> Lane:
    dashes = " volume" if link.kind == "volume" else ""
    return Lane(link, LANES_X + LANE_STEP * number, f"lane{number % COLOURS}{dashes}")


def _cards(projects: list[Project]) -> Iterator[str]:
    for project, top in zip(projects, _tops(projects), strict=False):
        yield _rect((CARD_X, top, CARD_WIDTH, _height(project)), "card", 8)
        yield _text(CARD_X + 12, top + 22, project.folder, "name")
        yield _text(CARD_X + CARD_WIDTH - 12, top + 22, _fit(f"project {project.name}", 50), "small", "end")


def _lane_lines(lanes: list[Lane], rows: list[Row]) -> Iterator[str]:
    for lane in lanes:
        last = max(row.y for row in rows if lane.link.name in row.service.joined)
        yield _text(lane.x, 20, _fit(lane.link.short, 10), "name", "middle")
        yield _text(lane.x, 34, lane.link.kind, "small", "middle")
        yield _path(f"M{lane.x} 42 V{last}", lane.style)


def _services(rows: list[Row], lanes: list[Lane]) -> Iterator[str]:
    shared = {lane.link.name for lane in lanes}
    for service, y in ((row.service, row.y) for row in rows):
        yield from _joints([lane for lane in lanes if lane.link.name in service.joined], y)
        yield _rect((ROW_X, y - 16, ROW_END - ROW_X, 32), "box once" if service.once else "box", 5)
        yield _text(ROW_X + 12, y + 5, _fit(service.name, 14), "name")
        yield _text(ROW_X + 122, y + 4, _fit(f"image {service.image}", 22), "small")
        yield _text(ROW_END - 12, y + 4, _fit(_remarks(service, shared), 24), "small", "end")


def _joints(lanes: list[Lane], y: int) -> Iterator[str]:
    """A row's lines to its lanes, side by side around its middle."""
    for number, lane in enumerate(lanes):
        at = y + JOINT_STEP * number - JOINT_STEP * (len(lanes) - 1) // 2
        yield _path(f"M{ROW_END} {at} H{lane.x}", lane.style)
        yield f'<circle cx="{lane.x}" cy="{at}" r="4.5" class="dot {lane.style}"/>'


def _remarks(service: Service, shared: set[str]) -> str:
    """Its own volumes, the number of its containers, and whether it ends."""
    own = [_last_part(name) for name in service.volumes if name not in shared]
    volumes = [f"volume{'s' if len(own) > 1 else ''} {' '.join(own)}"] if own else []
    times = [f"×{service.scale}"] if service.scale > 1 else []
    return ", ".join([*times, *volumes, *(["runs once"] if service.once else [])])


def _last_part(volume: str) -> str:
    """`postgres` of als-server_postgres, `results` of als-results."""
    return volume.rpartition("_")[2].rpartition("-")[2]


def _calls(rows: list[Row]) -> Iterator[str]:
    """Lines from the services that use an API of another project to that API."""
    callers: dict[str, list[int]] = {}
    for row in rows:
        if row.service.api and row.service.api_host not in {service.name for service in row.project.services}:
            callers.setdefault(row.service.api, []).append(row.y)
    for url, heights in callers.items():
        api = next((row.y for row in rows if row.service.name == urlsplit(url).hostname), None)
        yield from _calls_inside(url, heights, api) if api else _calls_outside(url, heights)


def _calls_inside(url: str, callers: list[int], api: int) -> Iterator[str]:
    yield _path(f"M{ROW_X} {callers[-1]} H{CALLS_X} V{api + 6}", "call")
    yield from (_path(f"M{ROW_X} {y} H{CALLS_X}", "call") for y in callers[:-1])
    yield _path(f"M{CALLS_X - 1} {api + 6} H{ROW_X - 2}", "call", arrow=True)
    yield _turned(CALLS_X - 8, (api + callers[-1]) // 2, url)


def _calls_outside(url: str, callers: list[int]) -> Iterator[str]:
    yield _path(f"M{ROW_X} {callers[-1]} H{CALLS_X} V{callers[0]}", "call")
    yield _path(f"M{ROW_X} {callers[0]} H{OUTSIDE_X + OUTSIDE_WIDTH + 2}", "call", arrow=True)
    yield from (_path(f"M{ROW_X} {y} H{CALLS_X}", "call") for y in callers[1:-1])
    yield from _outside("API", urlsplit(url).netloc, callers[0])


def _ports(rows: list[Row]) -> Iterator[str]:
    """Who reaches a published port: a browser that of the API, anything else on this machine the others."""
    apis = {row.service.api_host for row in rows}
    for row in rows:
        for port in row.service.ports:
            yield from _outside("browser" if row.service.name in apis else "this machine", port, row.y - 5)
            yield _path(f"M{OUTSIDE_X + OUTSIDE_WIDTH} {row.y - 5} H{ROW_X - 2}", "call", arrow=True)


def _outside(what: str, address: str, y: int) -> Iterator[str]:
    middle = OUTSIDE_X + OUTSIDE_WIDTH // 2
    yield _rect((OUTSIDE_X, y - 18, OUTSIDE_WIDTH, 36), "box", 18)
    yield _text(middle, y - 2, what, "name", "middle")
    yield _text(middle, y + 12, _fit(address, 21), "small", "middle")


def _legend(lanes: list[Lane], y: int) -> Iterator[str]:
    for number, link in enumerate(lane.link for lane in lanes):
        made = f"made by {link.owner}" if link.owner else "made elsewhere"
        yield _text(CARD_X, y + LEGEND_LINE * number + 8, f"{link.short}: the {link.kind} {link.name}, {made}", "small")


def _document(parts: list[str], width: int, height: int) -> str:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    arrow = 'id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="5" markerHeight="5" orient="auto"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        "<title>The services of the site with their networks, volumes and ports</title>",
        f"<style>\n{STYLE}</style>",
        f'<marker {arrow}><path d="M0 0 L8 4 L0 8 z" class="dot call"/></marker>',
        _rect((0, 0, width, height), "paper", 0),
    ]
    return "\n".join([*head, *parts, "</svg>", ""])


def _rect(place: tuple[int, int, int, int], style: str, radius: int) -> str:
    """A rectangle at x, y, of this width and height."""
    x, y, width, height = place
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}" class="{style}"/>'


def _path(line: str, style: str, arrow: bool = False) -> str:
    end = ' marker-end="url(#arrow)"' if arrow else ""
    return f'<path d="{line}" class="line {style}"{end}/>'


def _text(x: int, y: int, text: str, style: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" class="{style}" text-anchor="{anchor}">{escape(text)}</text>'


def _turned(x: int, y: int, text: str) -> str:
    """A text that runs upwards along a line."""
    return f'<text transform="translate({x} {y}) rotate(-90)" class="small" text-anchor="middle">{escape(text)}</text>'


def _fit(text: str, characters: int) -> str:
    """A text, shortened to this length."""
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
