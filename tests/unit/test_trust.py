"""What a machine lacks to use the registry by its name, and how root provides it."""

import os
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from stack import site
from stack.components import registry
from stack.core.errors import SiteError
from stack.run import trust
from stack.site import Site

# RFC 6761: no name below this one ever resolves.
NAME = "registry.invalid"
ADDRESS = f"{NAME}:5000"
NOBODY = 65534
HOSTS = "127.0.0.1\tlocalhost\n# a comment\n::1 ip6-localhost"


class Machine:
    """A site, and the two places of its machine that trust changes, in a folder of the test."""

    def __init__(self, root: Path) -> None:
        self.root = root / "site"
        self.certs = root / "certs.d"
        self.hosts = root / "hosts"
        self.hosts.write_text(HOSTS)

    def site(self, *settings: str, components: str = "registry", write: bool = True) -> Site:
        self.root.mkdir(exist_ok=True)
        lines = [f"COMPONENTS={components}", f"REGISTRY_HOST={NAME}", *settings]
        (self.root / ".env").write_text("\n".join(lines) + "\n")
        made = site.load(self.root / ".env", self.root)
        if write:
            site.write(made)
        return made

    def missing(self, made: Site) -> list[str]:
        return [each.what for each in trust.missing(made, self.certs, self.hosts)]

    def trust(self, made: Site) -> int:
        return trust.trust(made, self.certs, self.hosts)

    @property
    def ca(self) -> Path:
        return self.certs / ADDRESS / "ca.crt"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def root_user() -> None:
    if os.geteuid() != 0:
        pytest.skip("root alone may change a machine's trust")


ELSEWHERE = ("PREFECT_API_URL=http://prefect.example.org:4200/api", "SERVER_AUTH=false")


class TestMissing:
    def test_name_and_ca_at_first(self, machine: Machine) -> None:
        assert machine.missing(machine.site()) == [f"the name {NAME} does not resolve", f"{machine.ca} is missing"]

    def test_a_site_without_a_registry_lacks_nothing(self, machine: Machine) -> None:
        assert machine.missing(machine.site(components="server")) == []

    def test_the_ca_of_another(self, machine: Machine) -> None:
        made = machine.site()
        machine.ca.parent.mkdir(parents=True)
        machine.ca.write_text("another")
        assert f"{machine.ca} belongs to another CA" in machine.missing(made)

    def test_no_ca_where_there_is_no_tls(self, machine: Machine) -> None:
        assert machine.missing(machine.site("REGISTRY_TLS=false")) == [f"the name {NAME} does not resolve"]

    def test_a_registry_elsewhere_with_a_ca_of_its_own(self, machine: Machine, tmp_path: Path) -> None:
        here = machine.site()
        ca = tmp_path / "ca.pem"
        ca.write_bytes((here.root / ".site/ca/ca.crt").read_bytes())
        made = machine.site(*ELSEWHERE, f"REGISTRY_CA={ca}", components="agent")
        first, second = trust.missing(made, machine.certs, machine.hosts)
        assert first.what == f"the name {NAME} does not resolve"
        assert first.advice == f"add it to the name server, or `ADDRESS {NAME}` to {machine.hosts}"
        assert second.what == f"{machine.ca} is missing"
        assert (made.root / ".site/certs.d" / ADDRESS / "ca.crt").read_bytes() == ca.read_bytes()

    def test_a_registry_elsewhere_that_engines_trust_anyway(self, machine: Machine) -> None:
        assert machine.missing(machine.site(*ELSEWHERE, "REGISTRY_PASSWORD=p", components="agent")) == [
            f"the name {NAME} does not resolve"
        ]


@pytest.mark.usefixtures("root_user")
class TestTrust:
    def test_writes_both_and_says_so(self, machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
        made = machine.site()
        assert machine.trust(made) == 0
        assert capsys.readouterr().out.splitlines() == [
            f"wrote `0.0.0.0 {NAME}` into {machine.hosts}; a running engine sees it within five seconds",
            f"wrote {machine.ca}: engines of this machine trust the registry's certificate",
        ]
        assert machine.hosts.read_text() == f"{HOSTS}\n0.0.0.0 {NAME}  # by make trust-registry\n"
        assert machine.ca.read_bytes() == (made.root / ".site/ca/ca.crt").read_bytes()

    def test_every_user_of_the_machine_can_read_it(self, machine: Machine) -> None:
        before = os.umask(0o077)
        try:
            machine.trust(machine.site())
        finally:
            os.umask(before)
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (machine.ca, *machine.ca.parents[:2])]
        assert modes == [0o644, 0o755, 0o755]

    def test_again_writes_the_same(self, machine: Machine) -> None:
        made = machine.site()
        machine.trust(made)
        written = machine.hosts.read_text()
        machine.trust(made)
        assert machine.hosts.read_text() == written

    def test_follows_the_settings(self, machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
        machine.trust(machine.site())
        for settings, wanted in (
            ("REGISTRY_BIND=10.1.2.3", "10.1.2.3"),
            ("REGISTRY_BIND=0.0.0.0", "0.0.0.0"),
            ("REGISTRY_BIND=fd00::5", "fd00::5"),
            ("REGISTRY_BIND=::1", "::"),
            ("REGISTRY_TLS=false", "127.0.0.1"),
        ):
            machine.trust(machine.site(settings))
            assert machine.hosts.read_text() == f"{HOSTS}\n{wanted} {NAME}  # by make trust-registry\n"
        assert (
            machine.missing(machine.site())[0]
            == f"{machine.hosts} gives {NAME} the address 127.0.0.1 instead of 0.0.0.0"
        )

    def test_lines_of_others_stay(self) -> None:
        ours = f"0.0.0.0 {NAME}  # by make trust-registry\n"
        others = f"10.0.0.1 {NAME}\n0.0.0.0 x{NAME}  # by make trust-registry\n# by make trust-registry\n"
        assert registry.with_address(ours + others, NAME, "10.0.0.2") == others + ours.replace("0.0.0.0", "10.0.0.2")
        assert registry.address_of(others, NAME) == ""

    def test_what_it_cannot_write_is_said_after_what_it_could(self, machine: Machine, tmp_path: Path) -> None:
        here = machine.site()
        ca = tmp_path / "ca.pem"
        ca.write_bytes((here.root / ".site/ca/ca.crt").read_bytes())
        made = machine.site(*ELSEWHERE, f"REGISTRY_CA={ca}", components="agent")
        with pytest.raises(SiteError) as refused:
            machine.trust(made)
        assert refused.value.faults == (
            f"the name {NAME} does not resolve; add it to the name server, or `ADDRESS {NAME}` to {machine.hosts}",
        )
        assert machine.ca.read_bytes() == ca.read_bytes()

    def test_before_the_first_render(self, machine: Machine) -> None:
        made = machine.site(write=False)
        with pytest.raises(SiteError) as refused:
            machine.trust(made)
        assert refused.value.faults == (
            f"{machine.root}/.site/certs.d/{ADDRESS}/ca.crt: not rendered yet; "
            "run `python render.py` first, as the site's own user",
        )

    def test_without_a_registry(self, machine: Machine) -> None:
        with pytest.raises(SiteError) as refused:
            machine.trust(machine.site(components="server"))
        assert refused.value.faults == (
            "this site has no registry: add registry to COMPONENTS, or set REGISTRY_PASSWORD or REGISTRY_CA",
        )

    def test_as_another_user(self) -> None:
        with TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            machine = Machine(Path(folder))
            made = machine.site()
            os.seteuid(NOBODY)
            try:
                with pytest.raises(SiteError) as refused:
                    machine.trust(made)
            finally:
                os.seteuid(0)
            assert refused.value.faults == (
                f"the name {NAME} does not resolve; run `sudo make trust-registry`",
                f"{machine.ca} is missing; run `sudo make trust-registry`",
            )
            assert machine.hosts.read_text() == HOSTS
