"""Flows that launch work elsewhere: in containers, in conda environments, on clusters, and the parent of them all."""
