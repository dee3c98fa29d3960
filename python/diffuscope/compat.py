"""The verbs of the DAAM package (github.com/castorini/daam) on our objects:

    with trace(pipe) as tc:
        out = pipe("a dog runs", seed=0)
        tc.compute_global_heat_map().compute_word_heat_map("dog").plot_overlay(out.images[0])
"""

from ._result import WordMap, WordMaps


class GlobalHeatMap:
    def __init__(self, result):
        self.result = result

    @property
    def heat_maps(self):
        return self.result.global_map

    def compute_word_heat_map(self, word, word_idx=None):
        """The map of a word: a `WordMap`, with `plot_overlay`, `expand_as`, `.heatmap`."""
        return HeatMap(self.result[word])


class HeatMap(WordMap):
    def __init__(self, m):
        super().__init__(m.word, m.numpy(), m.image, m.unit)

    @property
    def heatmap(self):
        return self.numpy()

    value = heatmap

    def expand_as(self, image, absolute=False, threshold=None):
        from ._arrays import as_rgb

        h, w = as_rgb(image).shape[:2]
        out = self.expand(h, w, relative=not absolute)
        return (out > threshold).astype(out.dtype) if threshold else out


class Trace:
    """While the block lasts, pipe(...) draws as `daam` does, bit for bit the same picture, and keeps the maps."""

    def __init__(self, pipe, **options):
        self._pipe, self._options, self.last = pipe, options, None

    def __enter__(self):
        self._before = self._pipe.__dict__.get("_run")
        run = self._pipe._run

        def traced(method, options):
            if method != "generate":
                return run(method, options)
            self.last = run("daam", {**self._options, **options})
            return self.last

        self._pipe._run = traced
        return self

    def __exit__(self, *exc):
        del self._pipe._run

    def compute_global_heat_map(self, prompt=None, **_):
        if self.last is None:
            from .errors import ArgumentError

            raise ArgumentError("trace: nothing was drawn yet inside of the block")
        return GlobalHeatMap(self.last)


def trace(pipe, low_memory=False, **options):
    """`with trace(pipe) as tc:` as of the DAAM package."""
    return Trace(pipe, low_memory=low_memory or None, **options)


__all__ = ["trace", "Trace", "GlobalHeatMap", "HeatMap", "WordMaps"]
