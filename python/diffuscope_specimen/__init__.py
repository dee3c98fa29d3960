"""The specimen: the small model that diffuscope opens where no other is named. Pure data."""

import pathlib


def path():
    """Its folder, in the layout of diffusers."""
    return pathlib.Path(__file__).resolve().parent / "specimen"
