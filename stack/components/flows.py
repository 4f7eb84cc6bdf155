"""The paths in this repository that every component with flows reads."""

FLOW_SOURCES = ("client/flows", "client/launchers", "client/registrar")
