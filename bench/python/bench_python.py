#!/usr/bin/env python3
"""What the Python package costs: import, the overhead of a call, and what its presence does to PyTorch's threads.

    make python && PYTHONPATH=build/python python3 bench/python/bench_python.py

Seconds are those of the processor where a busy machine would blur them. PyTorch is measured where it is installed.
"""

import os
import resource
import statistics
import subprocess
import sys
import time


def processor(code):
    """Seconds of the processor that a new Python takes for a line of code, least of nine."""
    best = float("inf")
    for _ in range(9):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def imports():
    nothing = processor("pass")
    print(f"import diffuscope: {1e3 * (processor('import diffuscope') - nothing):.0f} ms of the processor "
          f"(import numpy: {1e3 * (processor('import numpy') - nothing):.0f} ms)")


def overhead():
    import diffuscope as ds
    from diffuscope._lib import call, c

    pipe = ds.open()
    times = []
    for _ in range(2000):
        t = time.perf_counter()
        c.threads()
        times.append(time.perf_counter() - t)
    print(f"a call without work: {1e6 * statistics.median(times):.1f} microseconds")
    times = []
    for _ in range(300):
        t = time.perf_counter()
        pipe.parameter("unet.conv_in.weight")
        times.append(time.perf_counter() - t)
    print(f"a parameter as an array: {1e6 * statistics.median(times):.1f} microseconds")
    from diffuscope._model import Job

    times = []
    for _ in range(300):
        t = time.perf_counter()
        Job(pipe, "generate", {"prompt": "a cat", "steps": 1})
        times.append(time.perf_counter() - t)
    print(f"a job, its options set, not run: {1e6 * statistics.median(times):.0f} microseconds")


def matmuls(torch, seconds=4.0):
    """Products of matrices per second of the wall and per second of the processor."""
    a, b = torch.randn(1200, 1200), torch.randn(1200, 1200)
    for _ in range(3):
        a @ b
    count, cpu, t = 0, time.process_time(), time.perf_counter()
    while time.perf_counter() - t < seconds:
        a @ b
        count += 1
    return count / (time.perf_counter() - t), count / (time.process_time() - cpu)


def beside_torch():
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed: not measured")
        return
    rows = [("before", *matmuls(torch))]
    import diffuscope as ds

    rows.append(("after import", *matmuls(torch)))
    pipe = ds.open()
    pipe("a cat", steps=4)
    rows.append(("after a run of ours", *matmuls(torch)))
    print(f"PyTorch's products of 1200 by 1200, {torch.get_num_threads()} threads")
    for name, wall, cpu in rows:
        print(f"  {name}: {wall:.1f} a second, {cpu:.1f} a second of the processor")
    print(f"  threads of PyTorch afterwards: {torch.get_num_threads()}; cores it may use: {len(os.sched_getaffinity(0))}")
    for name, code in (("alone", ""), ("beside PyTorch", "import torch; a = torch.randn(900, 900); a @ a; ")):
        work = ("import diffuscope as ds, time; p = ds.open(); p('a cat', steps=2); t = time.perf_counter(); c = time.process_time(); "
                "p('a cat', steps=40); print(f'{time.perf_counter() - t:.2f} s, {time.process_time() - c:.2f} s of the processor')")
        done = subprocess.run([sys.executable, "-c", code + work], check=True, capture_output=True, text=True)
        print(f"ours, 40 steps, {name}: {done.stdout.strip()}")


if __name__ == "__main__":
    imports()
    if sys.argv[1:] != ["import"]:
        beside_torch()  # before ours is loaded
        overhead()
