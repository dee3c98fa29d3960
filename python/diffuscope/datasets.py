"""Pictures whose truth is known: the world's scenes with masks and factors, for scoring methods of one's own.

    for scene in datasets.scenes("test", 100):
        scene.image            uint8 [64,64,3]
        scene.caption          "a noto strawberry left of a cheese"
        scene.mask("cheese")   bool [64,64]
        scene.factors          what was decided when it was drawn

They are drawn as they are asked for; the same split and number give the same scene everywhere.
"""

import ctypes
import json
import os
import pathlib

from ._lib import D, Handle, c, call, fsencode, out
from ._arrays import borrow
from ._result import enlarged, image_of, png_bytes

SPLITS = ("train", "single", "test", "heldout", "icon", "pair", "homonym", "people", "series", "prompt")


class _Truth:
    """Owns a ds_scene_truth."""

    def __init__(self):
        self.struct = D.ds_scene_truth()

    def __del__(self):
        c.scene_truth_clear(ctypes.byref(self.struct))


class Scene:
    """image uint8 [64,64,3]; caption; entities [{kind, what, box, area}]; masks bool [entities,64,64]; links from
    bytes of the caption to entities; factors; all of it as JSON in `record`."""

    def __init__(self, truth):
        s = truth.struct
        self.record = json.loads(ctypes.string_at(s.json))
        self.caption, self.split, self.index = self.record["caption"], self.record["split"], self.record["index"]
        self.entities, self.links, self.factors = self.record["entities"], self.record["links"], self.record["factors"]
        self.image = image_of(s.picture, truth)
        self.masks = borrow(ctypes.cast(s.masks, ctypes.c_void_p).value, (s.entities, *self.image.shape[:2]), "bool", truth)

    def words(self):
        """{words of the caption: number of the entity that they name}."""
        text = self.caption.encode()
        return {text[l["first"] : l["last"]].decode(): l["entity"] for l in self.links
                if l["role"] == "object" and l["entity"] >= 0}

    def mask(self, word):
        """Where the thing is that a word of the caption names: bool [64,64]."""
        import numpy as np

        found = [e for w, e in self.words().items() if w == word or word in w.split()]
        if not found:
            raise KeyError(f"{word!r} names nothing in {self.caption!r}; these do: {', '.join(self.words())}")
        return np.logical_or.reduce([self.masks[e] for e in found])

    def _repr_png_(self):
        return png_bytes(enlarged(self.image))

    def __repr__(self):
        return f"<Scene {self.split} {self.index}: {self.caption!r}>"


def folder():
    """The world's tables and drawings."""
    if os.environ.get("DIFFUSCOPE_WORLD"):
        return pathlib.Path(os.environ["DIFFUSCOPE_WORLD"])
    try:
        import diffuscope_world

        return diffuscope_world.path()
    except ImportError:
        pass
    for above in pathlib.Path(__file__).resolve().parents:
        if (above / "world" / "grammar.json").exists():
            return above / "world"
    raise FileNotFoundError("diffuscope: the world's drawings are not here: pip install diffuscope-world, or set DIFFUSCOPE_WORLD")


_open = {}


class Scenes:
    """The scenes of a split, one after the other and by number; as many as are asked for (there is no end)."""

    def __init__(self, split="test", count=100, first=0):
        self.split, self.count, self.first = split, count, first
        place = str(folder())
        if place not in _open:
            _open[place] = Handle(out("scenes_open", fsencode(place)), "scenes_close")
        self._scenes = _open[place]
        self[0]  # refuses a split that is not there

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(self.count))]
        if not -self.count <= i < self.count:
            raise IndexError(i)
        truth = _Truth()
        call("scenes_draw", self._scenes, ctypes.byref(truth.struct), self.split.encode(), self.first + i % self.count)
        return Scene(truth)

    def __iter__(self):
        return (self[i] for i in range(self.count))

    def __repr__(self):
        return f"<Scenes {self.split} {self.first} to {self.first + self.count - 1}>"


def scenes(split="test", count=100, first=0):
    """Scenes of a split: "train", "single", "test", "heldout", "icon", "pair", "homonym", "people", "series", "prompt"."""
    return Scenes(split, count, first)
