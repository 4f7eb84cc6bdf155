"""The registry's list of users, line by line."""

import subprocess
import sys
from pathlib import Path

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack import site
from stack.complete.htpasswd import htpasswd
from stack.core.files import MOUNTED_SECRET
from tests.sites import REPO

PATH = "registry/secrets/htpasswd"
# At most 72 bytes in UTF-8, which is all that bcrypt takes.
PASSWORDS = st.text(st.characters(codec="utf-8").filter(str.isprintable), min_size=1, max_size=18)


def lines(text: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in text.splitlines())


def opens(text: str, user: str, password: str) -> bool:
    return bcrypt.checkpw(password.encode(), lines(text)[user].encode())


class TestLines:
    @settings(max_examples=15)
    @given(st.lists(PASSWORDS, min_size=1, max_size=3))
    def test_each_password_opens_its_own(self, passwords: list[str]) -> None:
        users = {f"user{number}": password for number, password in enumerate(passwords)}
        text = htpasswd(users, "")
        assert list(lines(text)) == list(users)
        assert all(opens(text, user, password) for user, password in users.items())
        assert not opens(text, "user0", passwords[0] + "x")
        assert htpasswd(users, text) == text

    def test_a_changed_password_changes_one_line(self) -> None:
        before = htpasswd({"alice": "a", "bob": "b", "carol": "c"}, "")
        after = htpasswd({"alice": "a", "bob": "new", "carol": "c"}, before)
        assert opens(after, "bob", "new") and not opens(after, "bob", "b")
        assert {user for user in lines(before) if lines(before)[user] != lines(after)[user]} == {"bob"}

    def test_a_removed_user_is_gone_and_the_others_are_as_they_were(self) -> None:
        before = htpasswd({"alice": "a", "bob": "b"}, "")
        assert htpasswd({"alice": "a"}, before) == before.splitlines(keepends=True)[0]

    def test_lines_of_other_makers_are_kept_too(self) -> None:
        """`htpasswd -B` writes $2y$, and other numbers of rounds."""
        line = "alice:" + bcrypt.hashpw(b"a", bcrypt.gensalt(5, b"2a")).decode().replace("$2a$", "$2y$") + "\n"
        assert htpasswd({"alice": "a"}, f"# users\n\n{line}") == line

    @pytest.mark.parametrize("hashed", ["", "x", "$apr1$salt$hash", "{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=", "$2b$99$x"])
    def test_what_is_no_bcrypt_is_replaced(self, hashed: str) -> None:
        assert opens(htpasswd({"alice": "a"}, f"alice:{hashed}\n"), "alice", "a")

    def test_only_what_the_registry_reads(self) -> None:
        """It takes $2a$, $2b$ and $2y$, and nothing else."""
        assert lines(htpasswd({"alice": "a"}, ""))["alice"].startswith("$2b$08$")


class TestRender:
    def render(self, root: Path, *settings: str) -> str:
        (root / ".env").write_text("\n".join(["COMPONENTS=registry", "REGISTRY_HTTP_SECRET=s", *settings]) + "\n")
        rendered = site.load(root / ".env", root)
        site.write(rendered)
        written = next(file for file in rendered.plan if file.path == PATH)
        assert written.mode == MOUNTED_SECRET
        assert (root / PATH).parent.stat().st_mode & 0o777 == 0o700
        return (root / PATH).read_text(encoding="utf-8")

    def test_users_come_and_go_by_the_settings(self, tmp_path: Path) -> None:
        own = "REGISTRY_PASSWORD=any $printable é text"
        first = self.render(tmp_path, own, "REGISTRY_USERS=alice:p%20w%25 bob:x:y%C3%A9")
        assert opens(first, "prefect", "any $printable é text")
        assert opens(first, "alice", "p w%") and opens(first, "bob", "x:yé")
        second = self.render(tmp_path, own, "REGISTRY_USERS=bob:x:y%C3%A9 carol:z")
        assert list(lines(second)) == ["prefect", "bob", "carol"]
        assert all(lines(second)[user] == lines(first)[user] for user in ("prefect", "bob"))

    def test_nothing_changes_where_nothing_did(self, tmp_path: Path) -> None:
        self.render(tmp_path, "REGISTRY_PASSWORD=p", "REGISTRY_USERS=alice:a bob:b")
        again = site.load(tmp_path / ".env", tmp_path)
        assert again.changes == []

    def test_a_site_without_a_registry_waits_for_none_of_it(self, tmp_path: Path) -> None:
        """bcrypt and cryptography are imported where a registry is, and nowhere else."""
        code = (
            "import sys; from pathlib import Path; from stack import cli; "
            f"cli.main(['--output', {str(tmp_path)!r}]); "
            "print([name for name in ('bcrypt', 'cryptography') if name in sys.modules])"
        )
        for settings_, imported in (("", "[]"), ("COMPONENTS=registry", "['bcrypt', 'cryptography']")):
            (tmp_path / ".env").write_text(settings_ + "\n")
            done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
            assert done.stdout.splitlines()[-1] == imported
