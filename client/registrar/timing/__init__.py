"""When a schedule runs: what its words mean to people, and what Prefect makes of them.

Render and registrar check schedules with this code, so it does not import Prefect. The packages that a kind of schedule
needs are slow to import: each is imported where it is used.
"""
