"""A number with its error."""

import math

_UNITS = ("value", "nats", "bits", "share")


class Value(float):
    """A number, with standard error `se`, the 95 % interval `low` to `high`, and `unit`. What is not known is NaN.
    It computes as a float; it prints with its interval. `more` holds what else the result says beside it (the same
    number in bits, the form that was computed)."""

    __slots__ = ("se", "low", "high", "unit", "count", "more")

    def __new__(cls, value, se=math.nan, low=math.nan, high=math.nan, unit=None, count=0):
        self = super().__new__(cls, math.nan if value is None else value)
        nan = lambda x: math.nan if x is None else float(x)
        self.se, self.low, self.high, self.unit, self.count = nan(se), nan(low), nan(high), unit, count
        self.more = {}
        return self

    @property
    def value(self):
        return float(self)

    def __reduce__(self):
        return Value, (float(self), self.se, self.low, self.high, self.unit, self.count)

    def __str__(self):
        text = f"{float(self):.4g}"
        if not math.isnan(self.low):
            text += f" [{self.low:.4g}, {self.high:.4g}]"
        elif not math.isnan(self.se):
            text += f" ± {self.se:.2g}"
        return f"{text} {self.unit}" if self.unit else text

    def __repr__(self):
        return f"Value({self})"

    def __format__(self, spec):
        return format(float(self), spec) if spec else str(self)

    def _repr_html_(self):
        return f"<span style='font-variant-numeric:tabular-nums'>{self}</span>"


def from_json(x):
    """JSON of a result with its numbers that have an error as Values."""
    if isinstance(x, list):
        return [from_json(y) for y in x]
    if not isinstance(x, dict):
        return x
    keys = [k for k in _UNITS if k in x and (x[k] is None or isinstance(x[k], (int, float)))]
    if keys and ("se" in x or "low" in x):
        unit = x.get("unit") or (None if keys[0] == "value" else keys[0])
        v = Value(x[keys[0]], x.get("se"), x.get("low"), x.get("high"), unit, x.get("count", 0))
        v.more = {k: y for k, y in x.items() if k not in (keys[0], "se", "low", "high", "unit", "count")}
        return v
    return {k: from_json(v) for k, v in x.items()}
