#!/bin/sh
# `diffuscope eval pid` on a very small model with random weights: that all sets are read and summed
# up; what the numbers mean is for a trained model to show.
. "$(dirname "$0")/../support.sh"

small_model
m=$dir/model
fast="--steps 2 --replicates 2 --nodes 1 --pictures 1"
for set in homonym single; do
    "$w" export --select $set --split test --count 12 --out "$dir/$set" >"$out" 2>&1 || fail "export $set"
done

expect 0 'bias, mmi-image, s' eval pid -m "$m" --homonyms "$dir/homonym" --synonyms "$dir/single" \
    --bias "$dir/single" --scenes 6 $fast --out "$dir/e"
python3 - "$dir/e/result.json" >"$out" 2>&1 <<'CHECK' || fail 'result.json'
import json, sys
r = json.load(open(sys.argv[1]))
names = ["pm, o", "pm, s", "mmi-pixel, o", "mmi-pixel, s", "mmi-image, o", "mmi-image, s"]
h, s, b = r["homonyms"], r["synonyms"], r["bias"]
assert h["scenes"] == 6 == len(h["lines"]) and 1 <= s["scenes"] <= 6
for n in names:
    for rival, at in (("article", 1), ("unrelated", 2)):
        above = sum(l[n][0]["value"] > l[n][at]["value"] for l in h["lines"])
        assert abs(h[n][rival]["share_above"]["value"] - above / 6) < 1e-6
    same = [l[n][0]["value"] for l in s["lines"]]
    other = [v["value"] for l in s["lines"] for v in l[n][1:]]
    auc = sum((x > y) + 0.5 * (x == y) for x in same for y in other) / len(same) / len(other)
    assert abs(s[n]["auc"]["value"] - auc) < 1e-6
    assert len(b[n]["occupations"]) == 21 == b[n]["gap"]["mi"]["count"]
    assert -1 <= b[n]["gap"]["R_image"]["value"] <= 1 and "share" not in b[n]
for l in h["lines"]:
    assert l["words"][1] in ("a", "an") and l["words"][0] in l["caption"], l
    assert l["words"][2] not in l["caption"].split(), l
for l in s["lines"]:
    assert l["names"][0] in l["caption"] and l["names"][0] != l["names"][1], l
CHECK

# An ended run goes on from its lines, also after half of one, and says what a whole one says.
sets="--homonyms $dir/homonym --synonyms $dir/single --bias $dir/single"
expect 2 '--resume' eval pid -m "$m" $sets --scenes 6 $fast --out "$dir/e"
expect 0 'bias' eval pid -m "$m" $sets --scenes 2 $fast --out "$dir/part"
head -9 "$dir/part/occupations.jsonl" >"$dir/cut" && mv "$dir/cut" "$dir/part/occupations.jsonl"
printf '{"scene": 9, "occu' >>"$dir/part/occupations.jsonl"
cp "$dir/part/homonyms.jsonl" "$dir/two"
expect 0 'bias' eval pid -m "$m" $sets --scenes 6 $fast --out "$dir/part" --resume
for f in result.json homonyms.jsonl synonyms.jsonl occupations.jsonl; do
    cmp "$dir/e/$f" "$dir/part/$f" >"$out" 2>&1 || fail "a resumed run differs in $f"
done
head -2 "$dir/part/homonyms.jsonl" | cmp -s - "$dir/two" || fail 'lines were measured again'
expect 2 '--seed must be' eval pid -m "$m" $sets --seed 7 $fast --out "$dir/part" --resume
expect 2 'needs the folder' eval pid -m "$m" $sets $fast --resume

# Two parts and their merger say what one run says; a merger measures nothing.
for i in 0 1; do
    expect 0 'homonyms' eval pid -m "$m" $sets --scenes 6 $fast --part $i/2 --out "$dir/p$i"
done
expect 0 'bias' eval pid -m "$m" $sets --scenes 6 $fast --merge "$dir/p0" "$dir/p1" --out "$dir/all"
cmp "$dir/e/result.json" "$dir/all/result.json" >"$out" 2>&1 || fail 'parts that were merged differ'
expect 2 '--seed must be' eval pid -m "$m" $sets --scenes 6 $fast --seed 7 --merge "$dir/p0" "$dir/p1" \
    --out "$dir/other"
expect 2 '--part needs the folder' eval pid -m "$m" $sets $fast --part 0/2

# What can be refused is refused before anything is measured.
mv "$dir/single/images" "$dir/away"
expect 3 'expected the picture of scene' eval pid -m "$m" $sets $fast --out "$dir/nothing"
[ ! -e "$dir/nothing" ] || fail 'a refused run left a folder'
mv "$dir/away" "$dir/single/images"
echo 'woman 3' >"$dir/surprisal"
expect 2 'lacks the word' eval pid -m "$m" --bias "$dir/single" --surprisal "$dir/surprisal" $fast

expect 2 'is needed' eval pid -m "$m"
expect 3 'world.json' eval pid -m "$m" --homonyms "$dir"
"$d" eval pid -m "$m" --homonyms "$dir/single" >"$out" 2>&1 && fail 'no homonyms in it'
grep -qF 'no scene has a homonym' "$out" || fail 'no homonyms in it'
expect 2 'expected two, found 1' eval pid -m "$m" --bias "$dir/single" --attributes woman

[ $bad = 0 ] && echo "eval pid: all right"
exit $bad
