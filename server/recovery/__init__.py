"""Detects killed runs, whose heartbeats have stopped, and schedules crashed runs again.

Prefect's automations (one on missing heartbeats, one from Crashed to Scheduled) are not enough. While the API is away
they mark every run as crashed; they miss runs that die while the background services are down, and runs that never
began; and they retry without limit a run that crashes before it is Running.
"""
