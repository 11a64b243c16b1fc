"""The command line: a thin skin on pellucid's functions."""

from pellucid.cli.main import main

__all__ = ["main"]
