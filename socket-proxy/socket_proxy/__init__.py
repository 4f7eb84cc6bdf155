"""The Docker socket proxy: passes on the calls that a role needs, after it has examined what they ask for."""
