"""The picture shows what the Compose files say."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from stack import site
from stack.render import picture

REPO = Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def compose_files(folder: Path, *settings: str) -> dict[str, str]:
    """The Compose files that a site with these lines in its .env has, by path."""
    env = folder / "site.env"
    env.write_text("\n".join(settings), encoding="utf-8")
    plan = site.load(env, folder).plan
    return {file.path: file.content.decode() for file in plan if re.fullmatch(r"[^/]+/compose.*\.yaml", file.path)}


def texts(svg: str) -> list[str]:
    """All text in the picture; fails if it is not XML."""
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314  # our own


def count(svg: str, element: str) -> int:
    return len(list(ET.fromstring(svg).iter(f"{SVG}{element}")))  # noqa: S314  # our own


def test_shows_every_service_with_its_image_port_and_volume(tmp_path: Path) -> None:
    shown = texts(picture.picture(compose_files(tmp_path, "SITE=als", "SERVER_PORT=4300")))
    services = ("postgres", "redis", "migrate", "server", "services", "flows", "worker", "client")
    assert set(services) <= set(shown)
    assert {"image postgres", "image prefect", "image flows", "127.0.0.1:4300", "volume redis"} <= set(shown)
    assert {"project als-server", "project als-agent", "project als-client"} <= set(shown)


def test_a_row_has_one_dot_for_each_network_and_shared_volume(tmp_path: Path) -> None:
    svg = picture.picture(compose_files(tmp_path, "SITE=als"))
    # data: postgres, redis, migrate, server, services. site: server, services, recovery, worker, client. flows: flows,
    # worker, client. results: flows, worker.
    assert count(svg, "circle") == 5 + 5 + 3 + 2


def test_says_who_makes_what_is_shared(tmp_path: Path) -> None:
    shown = texts(picture.picture(compose_files(tmp_path, "SITE=als")))
    assert "site: the network als, made by server/" in shown
    assert "data: the network als-server_data, made by server/" in shown
    assert "flows: the volume als-flows, made by agent/" in shown


def test_what_none_of_the_files_makes_is_made_elsewhere(tmp_path: Path) -> None:
    files = compose_files(tmp_path, "SITE=als")
    shown = texts(picture.picture({"client/compose.yaml": files["client/compose.yaml"]}))
    assert "site: the network als, made elsewhere" in shown


def test_worker_and_client_call_the_api_that_they_are_reported(tmp_path: Path) -> None:
    shown = texts(picture.picture(compose_files(tmp_path, "SITE=als")))
    assert shown.count("http://server:4200/api") == 1
    assert "browser" in shown
    assert "API" not in shown


def test_the_api_of_another_machine_stands_outside(tmp_path: Path) -> None:
    url, login = "PREFECT_API_URL=http://api.example.org:4200/api", "PREFECT_API_AUTH_STRING=admin:secret-word"
    svg = picture.picture(compose_files(tmp_path, "SITE=als", "COMPONENTS=agent", url, login))
    assert {"API", "api.example.org:4200"} <= set(texts(svg))
    assert "browser" not in texts(svg)
    assert "secret-word" not in svg


def test_sqlite_is_one_container_on_one_network(tmp_path: Path) -> None:
    shown = texts(picture.picture(compose_files(tmp_path, "SITE=als", "SERVER_DATABASE=sqlite")))
    assert "volume sqlite" in shown
    assert "postgres" not in shown
    assert "data" not in shown


def test_says_how_many_workers_there_are(tmp_path: Path) -> None:
    drawn = texts(picture.picture(compose_files(tmp_path, "SITE=als", "AGENT_REPLICAS=3")))
    assert "×3" in drawn
    assert not any("×" in text for text in texts(picture.picture(compose_files(tmp_path, "SITE=als"))))


def test_the_tag_of_an_image_is_left_out(tmp_path: Path) -> None:
    own = picture.picture(compose_files(tmp_path, "SITE=als"))
    mirrored = picture.picture(compose_files(tmp_path, "SITE=als", "AGENT_IMAGE=registry.example.org:5000/flows:1.4.2"))
    assert own == mirrored


def test_text_is_escaped() -> None:
    compose = 'name: "a<b"\nservices: {"x&y": {image: "r/<i>:1"}}\n'
    shown = texts(picture.picture({"x/compose.yaml": compose}))
    assert {"project a<b", "x&y", "image <i>"} <= set(shown)


def test_a_long_name_is_cut_to_its_place(tmp_path: Path) -> None:
    shown = texts(picture.picture(compose_files(tmp_path, f"SITE={'w' * 40}")))
    assert f"project {'w' * 40}-…" in shown


def test_render_writes_the_picture_of_the_site(tmp_path: Path) -> None:
    env = tmp_path / "site.env"
    env.write_text("SITE=als\nAGENT_REPLICAS=2\n", encoding="utf-8")
    plan = {file.path: file.content.decode() for file in site.load(env, tmp_path).plan}
    assert plan["site.svg"] == picture.picture(compose_files(tmp_path, "SITE=als", "AGENT_REPLICAS=2"))


def test_the_picture_in_the_readme_is_that_of_the_default_site(tmp_path: Path) -> None:
    """To update it: python render.py --output /tmp/site && cp /tmp/site/site.svg docs/site.svg"""
    plan = {file.path: file.content.decode() for file in site.load(tmp_path / ".env", tmp_path).plan}
    assert (REPO / "docs" / "site.svg").read_text(encoding="utf-8") == plan["site.svg"]
