"""Removes what a killed worker left on its engine: containers and parameters files of flow runs that have ended."""
