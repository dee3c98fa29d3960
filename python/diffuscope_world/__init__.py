"""The world's tables and drawings, of which diffuscope.datasets makes scenes. Pure data."""

import pathlib


def path():
    return pathlib.Path(__file__).resolve().parent / "world"
