#!/bin/sh
# `diffuscope eval component` on a very small model with random weights: that every edit is made, that the
# table says what the lines say, that a study goes on where it ended. What edits do is for a trained model.
. "$(dirname "$0")/../support.sh"

need_drawings
small_model
m=$dir/model
study() {
    echo eval component -m "$m" --steps 2 --captions 1
}

expect 2 'expected CONCEPT=GUIDE' eval component -m "$m" --concept dog --out "$dir/x"
expect 2 'no such two objects, or two styles' eval component -m "$m" --concept dog=noto --out "$dir/x"
expect 2 'asked about twice' eval component -m "$m" --concept dog=fox --concept dog=cat --out "$dir/x"
expect 2 'expected all, or some of base' $(study) --concept dog=fox --edits uce,none --out "$dir/x"
[ ! -e "$dir/x" ] || fail 'a refused study left a folder'

# An object under every way of making an edit, and a style.
dog="--concept dog=fox --edits one-shot,uce,within-random"
expect 0 'others' $(study) $dog --rounds 1 --out "$dir/dog"
expect 0 'others' $(study) --concept ink=noto --edits redirect --rounds 1 --out "$dir/ink"
[ "$(wc -l <"$dir/dog/pictures.jsonl")" = 4 ] || fail 'expected a line for each of four edits'
python3 - "$dir/dog" "$dir/ink" >"$out" 2>&1 <<'CHECK' || fail 'the table'
import json, sys
kinds = [("target", 0, 4), ("synonym", 4, 6), ("near", 6, 8), ("others", 8, 16)]
for folder, name in zip(sys.argv[1:], ("dog", "ink")):
    lines = [json.loads(l) for l in open(folder + "/pictures.jsonl")]
    table = json.load(open(folder + "/result.json"))["erase"][name]
    base = [l for l in lines if l["edit"] == "base"][0]["pictures"]
    for l in lines:
        for kind, a, b in kinds:
            x, y = ([p[0] for p in of[a:b]] for of in (l["pictures"], base))
            t = table[l["edit"]][kind]
            assert t["pictures"] == len(x) and abs(t["share"]["value"] - sum(x) / len(x)) < 1e-6
            assert t["lost"] == sum(v > u for u, v in zip(x, y)), (name, l["edit"], kind)
            assert t["gained"] == sum(u > v for u, v in zip(x, y))
            assert abs(t["change"]["value"] - (sum(x) - sum(y)) / len(x)) < 1e-6
        # The same is asked for under every edit; the concept's own pictures come first.
        assert [p[1] for p in l["pictures"]] == [p[1] for p in base]
        own = [p[1] == "dog" for p in l["pictures"]]
        assert own == [name == "dog" and i < 6 for i in range(16)]
        right = [p[3] == "ink" if name == "ink" and i < 6 else p[1] == p[2] for i, p in enumerate(l["pictures"])]
        assert right == [bool(p[0]) for p in l["pictures"]], l
    kept = open(f"{folder}/{name}/kept.txt").read().replace("hot dog", "")
    assert " dog " not in kept or name == "ink", "the concept is not kept"
    assert " ink " not in kept and kept.count("\n") > 200
    held = {p[1].replace("-", " ") for l in lines for p in l["pictures"][8:]}
    assert not any(f" {h} on " in kept for h in held), "what is held out is in no text of an edit"
CHECK

# More rounds, another edit: lines that are there stay, and one that was cut off is made again to the same.
cp "$dir/ink/pictures.jsonl" "$dir/whole"
head -c "$(($(wc -c <"$dir/whole") - 40))" "$dir/whole" >"$dir/ink/pictures.jsonl"
expect 2 'steps must be as it was' $(study) --concept ink=noto --steps 3 --out "$dir/ink" --resume
expect 0 'redirect' $(study) --concept ink=noto --rounds 2 --edits redirect --out "$dir/ink" --resume
python3 - "$dir/ink/pictures.jsonl" "$dir/whole" <<'CHECK' || fail 'going on'
import json, sys
now, then = ([json.loads(l) for l in open(f)] for f in sys.argv[1:])
sys.exit(len(now) != 4 or now[:2] != then)
CHECK
exit $bad
