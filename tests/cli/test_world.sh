#!/bin/sh
# diffuscope-world: an export has what docs/world.md promises, the stored list of held-out
# combinations is the one that the rule gives, and the vocabulary spells the world's words whole.
. "$(dirname "$0")/../support.sh"
need_drawings

"$w" heldout >"$dir/heldout.json" || fail "heldout: exit $?"
cmp -s "$dir/heldout.json" world/heldout.json ||
    fail "world/heldout.json is not what the rule gives: $w heldout >world/heldout.json"

"$w" export --split train --count 40 --out "$dir/a" || fail "export: exit $?"
"$w" export --split train --count 40 --out "$dir/b" || fail "export again: exit $?"
diff -r "$dir/a" "$dir/b" >/dev/null || fail "two exports differ"
[ "$(wc -l <"$dir/a/captions.jsonl")" = 40 ] || fail "expected 40 lines in captions.jsonl"
[ "$(ls "$dir/a/images" | wc -l)" = 40 ] || fail "expected 40 pictures"
python3 - "$dir/a" <<'PYTHON' || fail "the export does not hold together"
import json, os, sys
folder = sys.argv[1]
tables = json.load(open(folder + "/world.json"))
for line in open(folder + "/captions.jsonl"):
    scene = json.loads(line)
    assert os.path.exists(f"{folder}/{scene['file']}"), scene["file"]
    for link in scene["links"]:
        assert scene["caption"][link["first"]:link["last"]] == link["text"], link
        assert link["entity"] is None or link["entity"] < len(scene["entities"]), link
    for entity in scene["entities"]:
        runs = entity["mask"]["counts"]
        assert sum(runs) == 64 * 64 and sum(runs[1::2]) == entity["area"], entity
    assert scene["factors"]["background"] in tables["backgrounds"]
PYTHON

"$w" bpe --count 20000 --out "$dir/bpe" >/dev/null || fail "bpe: exit $?"
"$d" tokenize -m "$dir/bpe" "a delft zorp to the left of a police officer" --json >"$dir/t" ||
    fail "tokenize: exit $?"
grep -q '"a</w>", "delft</w>", "zorp</w>", "to</w>", "the</w>", "left</w>", "of</w>", "a</w>", "police</w>", "officer</w>"\]' "$dir/t" ||
    fail "a word of the world is not one token: $(cat "$dir/t")"

"$w" sheet --count 9 -o "$dir/sheet.png" && [ "$(wc -l <"$dir/sheet.txt")" = 9 ] || fail "sheet: exit $?"
"$w" sheet --count 9 -o "$dir/sheet" 2>"$dir/out" && fail "a sheet without .png"
grep -q 'NAME.png, found' "$dir/out" || fail "sheet: $(cat "$dir/out")"

for args in "" "dance" "export --split train" "export --split nowhere --out $dir/c" "stats --count x"; do
    # shellcheck disable=SC2086
    "$w" $args >"$dir/out" 2>&1
    rc=$?
    [ $rc = 2 ] || fail "diffuscope-world $args: exit $rc, expected 2"
done
# What the judge sees in the pictures of a table, as labels: of real scenes, what was drawn.
"$w" export --select people --count 5 --out "$dir/people" >/dev/null || fail "people: exit $?"
python3 - "$dir/people" <<'PYTHON'
import json, sys
with open(sys.argv[1] + "/items.csv", "w") as f:
    print("occupation,seed,picture", file=f)
    for k, line in enumerate(open(sys.argv[1] + "/captions.jsonl")):
        scene = json.loads(line)
        print(f"{scene['factors']['things'][0]['occupation']},{k},{scene['file']}", file=f)
PYTHON
"$w" verdicts --items "$dir/people/items.csv" -o "$dir/verdicts.csv" || fail "verdicts: exit $?"
python3 - "$dir" <<'PYTHON' || fail "the verdicts are not what was drawn"
import csv, json, sys
seen = list(csv.DictReader(open(sys.argv[1] + "/verdicts.csv")))
assert len(seen) == 5
for v, line in zip(seen, open(sys.argv[1] + "/people/captions.jsonl")):
    scene = json.loads(line)
    thing = scene["factors"]["things"][0]
    assert v["picture"] == scene["file"] and v["person"] == v["dressed"] == "1", v
    assert (v["woman"] == "1") == (thing["gender"] == "woman"), (v, thing)
PYTHON
printf 'occupation,picture\nemperor,x.png\n' >"$dir/items.csv"
"$w" verdicts --items "$dir/items.csv" -o "$dir/none.csv" >"$dir/out" 2>&1 && fail "an occupation that there is not"
grep -q '"emperor" is no occupation' "$dir/out" || fail "verdicts: $(cat "$dir/out")"
"$w" stats --world "$dir" >"$dir/out" 2>&1 && fail "a folder without a world was accepted"
grep -q objects.json "$dir/out" || fail "the message does not name the missing file"
exit $bad
