"""Brings killed runs back: notices those of which nothing is heard any more, and schedules crashed ones again.

Prefect's own means, an automation on missing heartbeats and another from Crashed to Scheduled, do not do: they take an
API that is away for all runs being dead, they forget runs that died while the background services were down, they see
nothing of a run that never began, and they have no cap that holds for one that crashes before it is Running.
"""
