"""The Docker socket proxy: lets pass the calls a role needs, and looks into what they ask for."""
