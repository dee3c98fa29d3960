#!/usr/bin/env python3
"""What the program promises, frozen: file names, keys, types, shapes, exit codes and numbers.

    contract.py check PROGRAM               compare with expected/ (tests/contract/test_contract.sh)
    contract.py freeze PROGRAM [CASE...]    write expected/ anew
    contract.py compare OLD NEW [CASE...]   two programs side by side on this machine, byte for byte

Python's standard library alone; README.md beside this file has the rest. The parts: cases.py reads
what is run and runs it, describe.py turns what a command leaves into lines of text.
"""

import difflib
import os
import shutil
import sys
import tempfile

import cases
import describe

HERE = os.path.dirname(os.path.abspath(__file__))
EXPECTED = os.path.join(HERE, "expected")
MOST_SHOWN = 12  # lines that are shown of a case that differs


def run_all(program, names):
    """Runs the cases in a new folder and returns it with {name: outcome}."""
    work = tempfile.mkdtemp(prefix="ds-contract-")
    return work, cases.run(program, work, cases.select(names))


def expected_path(name):
    return os.path.join(EXPECTED, name + ".txt")


def freeze(program, names):
    os.makedirs(EXPECTED, exist_ok=True)
    work, outcomes = run_all(program, names)
    wrong = [f"{n}: exit {o.code}, not {o.case.code}: {o.skipped or o.stderr[-300:].strip()}"
             for n, o in outcomes.items() if o.code != o.case.code]
    if wrong:  # link-grammar, too, must be there: all cases are frozen together
        sys.exit("\n".join(wrong))
    if not names:
        for old in os.listdir(EXPECTED):
            os.remove(os.path.join(EXPECTED, old))
    for name, outcome in outcomes.items():
        if outcome.code == 0:
            with open(expected_path(name), "w", encoding="utf-8") as f:
                f.write("\n".join(describe.outcome(work, outcome)) + "\n")
    shutil.rmtree(work)
    print(f"{len(outcomes)} cases run, those that succeed described in {EXPECTED}")
    return 0


def judge(work, outcome):
    """(what is wrong, what is new) with one case."""
    if outcome.code != outcome.case.code:
        return [f"exit {outcome.code}, frozen {outcome.case.code}"], []
    if outcome.code != 0:
        said = outcome.stderr.strip()
        return (["nothing on standard error"] if not said else []) + (
            ["a failed command wrote to standard output"] if outcome.stdout else []), []
    with open(expected_path(outcome.case.name), encoding="utf-8") as f:
        want = f.read().splitlines()
    return describe.differences(want, describe.outcome(work, outcome))


def check(program, names):
    work, outcomes = run_all(program, names)
    failed = skipped = 0
    for name, outcome in outcomes.items():
        if outcome.skipped:
            print(f"SKIPPED: {name}: {outcome.skipped}")
            skipped += 1
            continue
        wrong, new = judge(work, outcome)
        if wrong:
            failed += 1
            print(f"FAIL: {name}: diffuscope {outcome.case.line}")
            for line in wrong[:MOST_SHOWN]:
                print(f"    {line}")
            if len(wrong) > MOST_SHOWN:
                print(f"    and {len(wrong) - MOST_SHOWN} more")
            if outcome.code != outcome.case.code:
                print("    it said: " + outcome.stderr.strip()[-400:].replace("\n", "\n        "))
        for line in new[:MOST_SHOWN]:
            print(f"new in {name}, not frozen: {line}")
    shutil.rmtree(work)
    print(f"{len(outcomes) - failed - skipped} cases as frozen, {failed} differ, {skipped} left out")
    return min(failed, 99)


def compare(old, new, names):
    """Bytes of pictures (their pixels), tensors and everything else but timings and pages' records."""
    bad = same = 0
    works = []
    for program in (old, new):
        works.append(run_all(program, names))
    for name in works[0][1]:
        a, b = (describe.exact(work, outcomes[name]) for work, outcomes in works)
        for part in sorted(a.keys() | b.keys()):
            if a.get(part) == b.get(part):
                same += 1
                continue
            bad += 1
            if part not in a or part not in b:
                print(f"{name}: {part} is only in the {'old' if part in a else 'new'} run")
                continue
            print(f"{name}: {part} differs")
            if describe.is_text(part):
                lines = list(difflib.unified_diff(*(x[part].decode().splitlines() for x in (a, b)),
                                                  "old", "new", lineterm="", n=0))
                print("\n".join("    " + line[:160] for line in lines[:MOST_SHOWN]))
    for work, _ in works:
        shutil.rmtree(work)
    print(f"{len(works[0][1])} cases: {same} parts the same bytes, {bad} differ")
    return min(bad, 99)


def main(arguments):
    usage = "usage: contract.py check|freeze PROGRAM [CASE...], or contract.py compare OLD NEW [CASE...]"
    how = {"check": (check, 1), "freeze": (freeze, 1), "compare": (compare, 2)}
    if not arguments or arguments[0] not in how or len(arguments) <= how[arguments[0]][1]:
        sys.exit(usage)
    function, programs = how[arguments[0]]
    paths = [os.path.abspath(p) for p in arguments[1:1 + programs]]
    for path in paths:
        if not os.access(path, os.X_OK):
            sys.exit(f"{path}: expected a program; build it first")
    return function(*paths, arguments[1 + programs:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
