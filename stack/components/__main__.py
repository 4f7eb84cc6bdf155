"""`python -m stack.components` rewrites `.env.example` and `docs/settings.md`."""

from stack.components.all import SETTINGS
from stack.core.repo import REPO
from stack.settings import example

if __name__ == "__main__":
    (REPO / ".env.example").write_text(example.env_example(SETTINGS.sections), encoding="utf-8")
    (REPO / "docs" / "settings.md").write_text(example.settings_page(SETTINGS.sections), encoding="utf-8")
