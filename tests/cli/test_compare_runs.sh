#!/bin/sh
# `compare RUN RUN`: run folders side by side, by prompt and seed; evaluations by scene; audits by item.
. tests/support.sh
small_model
m=$dir/model

# Pictures of the same prompts and seeds; what differs is told.
printf 'a cat\na dog\n' >"$dir/prompts"
for steps in 2 3; do
    expect 0 '' generate -m "$m" --prompts "$dir/prompts" -b 2 --steps $steps -W 64 -H 64 --out "$dir/g$steps" -q
done
expect 0 'steps: 2 | 3' compare "$dir/g2" "$dir/g3" --out "$dir/c"
python3 - "$dir" <<'PYTHON' || fail "two runs of generate"
import json, sys
folder = sys.argv[1]
r = json.load(open(folder + "/c/result.json"))
assert set(r["differ"]) == {"steps"} and r["differ"]["steps"] == [2, 3], r["differ"]
calls = [n for n in r["numbers"] if n["path"] == "denoiser_calls"][0]
assert calls["difference"]["value"] == 4 or calls["difference"]["value"] == 2, calls
page = open(folder + "/c/report.html").read()
assert page.count('loading="lazy"') == 8 and "a cat: 4 pictures" in page
at = [page.index(f"{run}, seed {seed}<") for seed in (42, 43) for run in ("g2", "g3")]
assert at == sorted(at), at  # a seed's pictures stand beside each other
PYTHON

mkdir "$dir/none"
# `audit` reads such a folder too; labels name the pictures in it.
python3 - "$dir" <<'PYTHON'
import sys
with open(sys.argv[1] + "/labels.csv", "w") as f:
    print("picture,cat", file=f)
    for k in range(4):
        print(f"00{k // 2}/image-{k % 2}.png,{int(k < 2)}", file=f)
PYTHON
expect 0 'a cat                               1 [' audit "$dir/g2" --labels "$dir/labels.csv"
expect 3 'expected a run of several pictures' audit "$dir/none"

# Two sweeps of one plan: pictures of the same items beside each other.
for steps in 2 3; do
    printf '{"method": "generate", "options": {"model": "%s", "steps": %s, "width": 64, "height": 64},
        "each": {"prompt": ["a cat", "a dog"], "seed": "0:2"}}' "$m" $steps >"$dir/plan$steps.json"
    expect 0 '' sweep "$dir/plan$steps.json" --out "$dir/s$steps" -q
done
expect 0 'plan.steps: 2 | 3' compare "$dir/s2" "$dir/s3" --out "$dir/ss"
[ "$(grep -o 'loading="lazy"' "$dir/ss/report.html" | wc -l)" = 8 ] || fail "the pictures of two sweeps"

# Items of audits: differences on the same prompts and seeds, whatever their order.
python3 - "$dir" <<'PYTHON'
import random, sys
random.seed(2)
rows = [(c, p, s) for c in ("nurse", "pilot") for p in range(3) for s in range(12)]
base = {r: random.random() for r in rows}
for name, shift in (("x", 0.0), ("y", 0.25)):
    random.shuffle(rows)
    with open(f"{sys.argv[1]}/{name}.csv", "w") as f:
        print("condition,prompt,seed,score", file=f)
        for c, p, s in rows:
            print(f"{c},{p} {c},{s},{base[c, p, s] + shift + 0.01 * (s % 3)}", file=f)
PYTHON
for name in x y; do
    expect 0 'compared' audit "$dir/$name.csv" --out "$dir/$name"
done
expect 0 '1 of 1 differences found' compare "$dir/x" "$dir/y" --out "$dir/xy"
python3 - "$dir/xy/result.json" <<'PYTHON' || fail "two audits"
import json, sys
r = json.load(open(sys.argv[1]))
d = r["measures"][0]["differences"][0]
assert (d["a"], d["b"]) == ("x", "y") and abs(d["value"] + 0.25) < 1e-9 and d["count"] == 72, d
assert r["measures"][0]["paired"] == "prompt and seed" and d["low"] <= d["value"] <= d["high"] < 0
nurse = [n for n in r["numbers"] if n["path"] == "measures.score.conditions.nurse"][0]
assert abs(nurse["difference"]["value"] - 0.25) < 1e-9 and nurse["difference"]["se"] > 0
PYTHON

# Scenes of an evaluation.
for name in p q; do
    mkdir "$dir/$name"
    echo '{"command": "eval-daam", "options": {"steps": 3}}' >"$dir/$name/run.json"
    echo '{"counts": {"scenes": 12}}' >"$dir/$name/result.json"
    python3 - $name >"$dir/$name/pairs.jsonl" <<'PYTHON'
import json, sys
for k in range(12):
    shift = 0.1 + 0.001 * k if sys.argv[1] == "q" else 0.0
    print(json.dumps({"scene": k, "words": [{"text": "a", "maps": {"best": {"fixed": 0.01 * k + shift, "iou": [1, 2]}}},
                                            {"text": "b", "maps": {"best": {"fixed": 0.03 * k + shift}}}]}))
PYTHON
done
expect 0 'words.maps.best.fixed' compare "$dir/p" "$dir/q" --out "$dir/pq"
python3 - "$dir/pq/result.json" <<'PYTHON' || fail "two evaluations"
import json, sys
m, = json.load(open(sys.argv[1]))["measures"]
d = m["differences"][0]
assert m["name"] == "words.maps.best.fixed" and d["count"] == 12 and abs(d["value"] + 0.1055) < 1e-9 and d["found"], d
PYTHON

# What is refused.
expect 2 'nothing is comparable' compare "$dir/x" "$dir/g2"
expect 2 'two run folders or more' compare "$dir/x"
expect 2 'is given twice' compare "$dir/x" "$dir/x"
expect 2 'nothing is drawn' compare "$dir/x" "$dir/y" -p "a cat"
expect 3 'run.json' compare "$dir" "$dir/x"
exit $bad
