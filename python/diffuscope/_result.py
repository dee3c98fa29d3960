"""What an instrument found: numbers with their errors, arrays, figures, a page."""

import ctypes
import html
import json
import os
from collections.abc import Mapping

from ._arrays import as_rgb, borrow, from_tensor
from ._lib import D, c, call, fsencode, new, text_of
from ._value import Value, from_json


class Tensors(Mapping):
    """Arrays of a result by name, float32 in PyTorch's axis order; they are the library's own memory, which lives as
    long as one of them."""

    def __init__(self, bundle, owner):
        self._bundle, self._owner = bundle, owner
        n = c.bundle_count(bundle) if bundle else 0
        self._place = {c.bundle_name(bundle, i).decode(): i for i in range(n)}

    def __getitem__(self, name):
        return from_tensor(c.bundle_at(self._bundle, self._place[name])[0], self._owner)

    def __iter__(self):
        return iter(self._place)

    def __len__(self):
        return len(self._place)

    def __repr__(self):
        rows = []
        for name, i in self._place.items():
            t = c.bundle_at(self._bundle, i)[0]
            rows.append(f"  {name}: {list(t.dim[: t.rank])}")
        return "\n".join(["Tensors of", *rows])


def image_of(image, owner):
    """A ds_image as uint8 [H,W,3], without a copy."""
    return borrow(ctypes.cast(image.rgb, ctypes.c_void_p).value, (image.height, image.width, 3), "uint8", owner)


def png_bytes(rgb):
    """A picture as a PNG, by the library."""
    a = as_rgb(rgb)
    import tempfile

    image = D.ds_image(width=a.shape[1], height=a.shape[0], rgb=a.ctypes.data)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.png")
        call("image_save_png", ctypes.byref(image), os.fsencode(path), None, 0)
        with open(path, "rb") as f:
            return f.read()


def enlarged(rgb, side=192):
    """A small picture in blocks, so that a notebook shows more than a stamp."""
    import numpy as np

    a = as_rgb(rgb)
    n = -(-side // max(a.shape[:2])) if max(a.shape[:2]) < side else 1
    return np.repeat(np.repeat(a, n, 0), n, 1)


def iframe(page, height=640):
    """A whole page as part of a notebook."""
    return (f"<iframe srcdoc=\"{html.escape(page, quote=True)}\" style='width:100%;height:{height}px;border:0' "
            "loading='lazy'></iframe>")


class Result(Mapping):
    """The result of an instrument. As a mapping it is result.json: r["questions"][0]["i_o"], or by path,
    r["questions.0.i_o"]; numbers with an error are `Value`s.

    tensors   arrays at native resolution, by name          figures  pictures, uint8 [H,W,3], by name
    record    what makes the run repeatable                 page     one HTML page that shows all of it
    summary   what a terminal shows                         warnings remarks that a user must see
    parts     of a result about many pictures, each one's   save(folder), replay()
    """

    def __init__(self, job, pointer, pipe, spec):
        self._job, self._p, self._pipe, self._spec = job, pointer, pipe, spec
        self._values = None

    # ---- numbers
    @property
    def values_(self):
        """result.json, with `Value`s."""
        if self._values is None:
            self._values = from_json(json.loads(text_of("result_json", self._p)))
        return self._values

    def __getitem__(self, path):
        at = self.values_
        if path in at:
            return at[path]
        for key in str(path).split("."):
            at = at[int(key)] if isinstance(at, list) else at[key]
        return at

    def __iter__(self):
        return iter(self.values_)

    def __len__(self):
        return len(self.values_)

    # ---- the rest
    @property
    def method(self):
        return self._spec[0]

    @property
    def record(self):
        return json.loads(text_of("result_record", self._p))

    @property
    def tensors(self):
        return Tensors(c.result_tensors(self._p), self._job)

    @property
    def figures(self):
        out, i, name = {}, 0, ctypes.c_char_p()
        while image := c.result_figure(self._p, i, ctypes.byref(name)):
            out[name.value.decode()] = image_of(image[0], self._job)
            i += 1
        return out

    @property
    def page(self):
        return text_of("result_page", self._p)

    @property
    def summary(self):
        return (c.result_summary(self._p) or b"").decode()

    @property
    def warnings(self):
        out = []
        while text := c.result_warning(self._p, len(out)):
            out.append(text.decode())
        return out

    @property
    def parts(self):
        return [type(self)(self._job, c.result_part(self._p, i), self._pipe, self._spec)
                for i in range(c.result_parts(self._p))]

    def save(self, folder):
        """Writes the run folder: result.json, tensors.safetensors, figures, report.html, and run.json last."""
        call("result_save", self._p, fsencode(folder))
        return folder

    def replay(self):
        """The same run once more; its arrays have the same bits."""
        method, options = self._spec
        from ._model import _run

        return self._pipe._run(method, options) if self._pipe is not None else _run(None, method, options)

    def to_frame(self, path):
        """A list of the result as a pandas DataFrame: r.to_frame("questions"). Numbers with an error have columns
        for the error and the interval too."""
        import pandas

        rows = []
        for item in self[path]:
            row = {}
            for k, v in (item if isinstance(item, dict) else {"value": item}).items():
                row[k] = float(v) if isinstance(v, Value) else v
                if isinstance(v, Value):
                    row.update({f"{k}_se": v.se, f"{k}_low": v.low, f"{k}_high": v.high})
            rows.append(row)
        return pandas.DataFrame(rows)

    def __repr__(self):
        return f"<{type(self).__name__} of {self.method}>\n{self.summary}".rstrip()

    def _repr_html_(self):
        try:
            return iframe(self.page)
        except Exception:  # no page: what a terminal shows
            return f"<pre>{html.escape(repr(self))}</pre>"

    # Results may be compared and kept in sets as objects: their numbers are floats, never quite equal.
    __hash__ = object.__hash__
    __eq__ = object.__eq__


class Step:
    """One step of a generation: index, steps, and the latents [B,4,h,w] after it."""

    __slots__ = ("index", "steps", "latents", "x0")

    def __init__(self, index, steps, latents, x0=None):
        self.index, self.steps, self.latents, self.x0 = index, steps, latents, x0

    def __repr__(self):
        return f"<Step {self.index + 1} of {self.steps}>"


class Run(Result):
    """A generation: .image uint8 [H,W,3], .images (several), .latents [steps,B,4,h,w]; iterating goes over the steps."""

    @property
    def images(self):
        return [v for k, v in self.figures.items() if k == "image" or k.startswith("image-")]

    @property
    def image(self):
        return self.images[0]

    @property
    def latents(self):
        return self.tensors["latents"]

    @property
    def seed(self):
        return self["seed"]

    def steps(self):
        x = self.latents
        for i in range(len(x)):
            yield Step(i, len(x), x[i])

    def __iter__(self):
        return self.steps()

    def _repr_png_(self):
        return png_bytes(enlarged(self.image))

    def _repr_html_(self):
        return None  # the picture itself, rather than a page


class WordMap:
    """Which pixels read a word: .numpy() [h,w] float32 at native resolution, without a copy."""

    def __init__(self, word, values, image=None, unit="share of attention", expanded=None):
        self.word, self._values, self.image, self.unit, self._expanded = word, values, image, unit, expanded

    def numpy(self):
        return self._values

    @property
    def __array_interface__(self):
        return self._values.__array_interface__

    def __dlpack__(self, **kw):
        return self._values.__dlpack__(**kw)

    def __dlpack_device__(self):
        return self._values.__dlpack_device__()

    @property
    def shape(self):
        return self._values.shape

    def expand(self, height=None, width=None, relative=True):
        """The map at another size (the picture's), bicubic; relative: from 0 to 1 by its minimum and maximum."""
        import numpy as np

        if height is None:
            height, width = self.image.shape[:2] if self.image is not None else self.shape
        out = np.empty((height, width or height), np.float32)
        a = np.ascontiguousarray(self._values, np.float32)
        call("daam_expand", out.ctypes.data, out.shape[0], out.shape[1], a.ctypes.data, *a.shape, relative)
        return out

    def mask(self, threshold=0.4):
        """Pixels of the picture where the map, from 0 to 1, is at least the threshold: bool [H,W]."""
        return self.expand() >= threshold

    def figure(self, title=None):
        """The map over the picture with its colour bar, uint8 [H,W,3], drawn by the library."""
        import numpy as np

        a = np.ascontiguousarray(self._values, np.float32)
        m = D.ds_map(values=a.ctypes.data, width=a.shape[1], height=a.shape[0])
        o = new("ds_figure_options", unit=self.unit.encode())
        if self.image is not None:
            rgb = as_rgb(self.image)
            picture = D.ds_image(width=rgb.shape[1], height=rgb.shape[0], rgb=rgb.ctypes.data)
            o.picture = ctypes.pointer(picture)
        out = D.ds_image()
        call("map_figure", ctypes.byref(out), (title or self.word).encode(), ctypes.byref(m), ctypes.byref(o))
        try:
            return image_of(out, None).copy()
        finally:
            c.image_clear(ctypes.byref(out))

    def plot_overlay(self, image=None, ax=None, threshold=None):
        """Draws the map over the picture with matplotlib, or, where that is absent, gives the library's figure."""
        image = self.image if image is None else as_rgb(image)
        try:
            import matplotlib.pyplot as plt
        except ImportError:
            return WordMap(self.word, self._values, image, self.unit).figure()
        ax = ax or plt.gca()
        heat = self.expand(*image.shape[:2]) if image is not None else self._values
        if image is not None:
            ax.imshow(image)
        if threshold is not None:
            heat = heat >= threshold
        ax.imshow(heat, alpha=0.6 if image is not None else 1.0, cmap="inferno")
        ax.set_title(self.word)
        ax.set_axis_off()
        return ax

    def _repr_png_(self):
        return png_bytes(self.figure())

    def __repr__(self):
        return f"<WordMap {self.word!r} {list(self.shape)}>"


class WordMaps(Run):
    """Word maps: maps["cat"] is a `WordMap`. Everything of `Result` too."""

    @property
    def words(self):
        """The words that were mapped."""
        return [name[5:] for name in self.tensors if name.startswith("word/")] + [
            name[4:] for name in self.tensors if name.startswith("ask/")]

    @property
    def latents(self):
        raise AttributeError("daam keeps no latents: generate with the same options does")

    def __iter__(self):
        return iter(self.words)

    def __len__(self):
        return len(self.words)

    def __getitem__(self, word):
        t = self.tensors
        for name in (f"word/{word}", f"ask/{word}"):
            if name in t:
                images = self.images
                return WordMap(word, t[name], images[0] if images else None)
        try:
            return super().__getitem__(word)
        except (KeyError, ValueError):
            raise KeyError(f"no map of {word!r}; there are: {', '.join(self.words)}") from None

    @property
    def global_map(self):
        """[tokens,h,w]: start, the prompt's tokens, end."""
        return self.tensors["global"]

    def _repr_png_(self):
        return None

    def _repr_html_(self):
        return iframe(self.page)


class Information(Result):
    """pipe.info's result: .word("cat") is how many nats the word carries, with its interval."""

    def word(self, word, measure="i_o"):
        for q in self["questions"]:
            if q.get("word") == word:
                return q[measure]
        raise KeyError(f"no question about {word!r}; there are: {', '.join(str(q.get('word')) for q in self['questions'])}")


class Edit(Result):
    """An edit of weights: .apply() gives a pipe with it; pipe.components.save(edit=..., lora="x.safetensors") writes it."""

    def apply(self, strength=1.0):
        """A `Pipe` with the edited weights, beside the one that it came from, which stays as it is."""
        import numpy as np

        from ._arrays import to_tensor
        from ._lib import Handle, out

        t, rows, keep = self.tensors, [], []
        for name in [k[6:] for k in t if k.startswith("index.")]:
            before, after = t[f"before.{name}"], t[f"after.{name}"]
            value = np.ascontiguousarray(before + np.float32(strength) * (after - before), np.float32)
            index, kept = to_tensor(t[f"index.{name}"])
            v, kept_too = to_tensor(value)
            keep += [index, kept, v, kept_too]
            rows.append(D.ds_change(name=name.encode(), kind=D.DS_CHANGE_SPARSE, value=ctypes.pointer(v),
                                    index=ctypes.pointer(index)))
        if not rows:
            raise TypeError(f"{self.method} keeps no list of changed weights: save it as a LoRA and open that")
        changes = (D.ds_change * len(rows))(*rows)
        overlay = D.ds_overlay(change=ctypes.cast(changes, ctypes.POINTER(D.ds_change)), count=len(rows))
        model = Handle(out("model_overlay", self._pipe._model, ctypes.byref(overlay)), "model_close")
        return type(self._pipe)(model, self._pipe.path, self._pipe.emphasis)


CLASSES = {"generate": Run, "daam": WordMaps, "info": Information, "component-edit": Edit, "component-redirect": Edit}
