#!/usr/bin/env python3
"""Two programs side by side: how much processor time do they take for the same work?

    bench/compare.py OLD/build/diffuscope NEW/build/diffuscope [PAIRS]

Each case runs with one thread, old and new in turn, PAIRS times (60). What is told is the ratio new / old of
user and system time together: the median over pairs with the interval that holds the true median in 95 of 100
cases (order statistics), and the ratio of the fastest runs. Processor time, not the clock: other work on the
machine disturbs it little, and what it disturbs it does to both.
"""

import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile

PROMPT = ["-p", "a noto strawberry left of a cheese on a purple background", "--cfg-scale", "3"]
CASES = {
    "generate": ["generate", *PROMPT, "--steps", "20", "--force", "-o", "OUT.png"],
    "daam": ["daam", *PROMPT, "--steps", "12", "--preset", "best", "--force", "--out", "OUT"],
    "info": ["info", *PROMPT, "--word", "strawberry", "cheese", "--steps", "4"],
}


def seconds(program, arguments, work):
    e = dict(os.environ, OMP_NUM_THREADS="1", GOMP_SPINCOUNT="1000")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([program, *(a.replace("OUT", os.path.join(work, "out")) for a in arguments), "-q"],
                   env=e, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def interval(sorted_ratios):
    n = len(sorted_ratios)
    k = max(0, math.floor(n / 2 - 0.98 * math.sqrt(n)))
    return sorted_ratios[k], sorted_ratios[n - 1 - k]


def main(old, new, pairs=60):
    model = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "models/specimen")
    for name, arguments in CASES.items():
        arguments = arguments + ["-m", model]
        times = []
        with tempfile.TemporaryDirectory() as work:
            seconds(old, arguments, work)
            for i in range(pairs):
                order = (old, new) if i % 2 == 0 else (new, old)
                took = {p: seconds(p, arguments, work) for p in order}
                times.append((took[old], took[new]))
        ratios = sorted(b / a for a, b in times)
        low, high = interval(ratios)
        print(f"{name:9} {min(a for a, _ in times):6.2f} s -> {min(b for _, b in times):6.2f} s, "
              f"fastest {min(b for _, b in times) / min(a for a, _ in times):.3f}, "
              f"median {statistics.median(ratios):.3f} [{low:.3f}, {high:.3f}] of {pairs} pairs", flush=True)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), *map(int, sys.argv[3:]))
