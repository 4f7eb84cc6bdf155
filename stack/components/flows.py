"""What of this repository every component with flows reads."""

FLOW_SOURCES = ("client/flows", "client/launchers", "client/registrar")
