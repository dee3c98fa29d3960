#!/bin/sh
# `diffuscope eval info` on three scenes of the world and a model with random weights: it must not
# find anything, and it must count, resume and refuse as it says.
. "$(dirname "$0")/../support.sh"

small_model
m=$dir/model
"$w" export --split test --count 6 --out "$dir/world" >"$out" 2>&1 ||
    fail 'the world could not be exported'

scenes() {
    echo eval info -m "$m" --data "$dir/world" --nodes 1
}
expect 2 'expected one of --data' eval info -m "$m" --out "$dir/x"
expect 3 'no-such' eval info -m "$m" --data "$dir/no-such" --out "$dir/x"
expect 0 "right caption against wrong" $(scenes) --edit 4 --count 4 --out "$dir/run"
[ "$(wc -l <"$dir/run/scenes.jsonl")" = 4 ] || fail 'expected 4 lines'
cp "$dir/run/scenes.jsonl" "$dir/before"
printf '{"scene": 4, "na' >>"$dir/run/scenes.jsonl"
expect 2 '--resume' $(scenes) --edit 4 --json --out "$dir/run"
expect 0 "\"scenes\": 6" $(scenes) --edit 4 --json --out "$dir/run" --resume
[ "$(wc -l <"$dir/run/scenes.jsonl")" = 6 ] || fail 'expected 6 lines'
head -4 "$dir/run/scenes.jsonl" | cmp -s - "$dir/before" || fail 'lines were measured again'
expect 0 "\"scenes\": 6" $(scenes) --edit 4 --json --out "$dir/whole"
cmp -s "$dir/run/scenes.jsonl" "$dir/whole/scenes.jsonl" || fail 'a resumed run differs'
expect 2 '--nodes must be' eval info -m "$m" --data "$dir/world" --nodes 2 --edit 4 --out "$dir/run" \
    --resume
expect 2 '--settings must be' $(scenes) --edit 4 --settings best --out "$dir/run" --resume
expect 2 'is the file of one picture' $(scenes) --state "$dir/s" --out "$dir/x"

# Three parts and their merger say what one run says.
for i in 0 1 2; do
    expect 0 'words' $(scenes) --edit 4 --part $i/3 --out "$dir/p$i"
done
expect 0 'words' $(scenes) --edit 4 --merge "$dir/p2" "$dir/p0" "$dir/p1" --out "$dir/all"
cmp "$dir/all/result.json" "$dir/whole/result.json" >"$out" 2>&1 || fail 'parts that were merged differ'
cmp "$dir/all/scenes.jsonl" "$dir/whole/scenes.jsonl" >"$out" 2>&1 || fail 'their lines differ'
expect 2 'is of eval daam alone' $(scenes) --settings ask --out "$dir/x"
expect 2 'no setting is called' $(scenes) --settings nothing --out "$dir/x"

# The maps of attention are those of eval daam on the same scenes.
expect 0 'best' eval daam -m "$m" --data "$dir/world" --settings disc paper plain best \
    --out "$dir/daam"
python3 - "$dir" <<'CHECK' || fail 'maps differ from those of eval daam'
import json, sys
read = lambda f: [json.loads(l) for l in open(sys.argv[1] + f)]
compared = bad = 0
for a, b in zip(read("/run/scenes.jsonl"), read("/daam/pairs.jsonl")):
    maps = {w["word"]: w["maps"] for w in b.get("words", [])}
    for w in a["words"]:
        for name, iou in w["attention"].items():
            compared += 1
            bad += max(abs(x - y) for x, y in zip(iou, maps[w["word"]][name]["iou"])) > 1e-5
sys.exit(bad + (compared < 8))
CHECK
python3 - "$dir/run" <<'CHECK' || fail 'texts or numbers are wrong'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1] + "/scenes.jsonl")]
bad = 0
for l in lines:
    for c in l["choices"]:
        a, b = sorted(l["caption"].split()), sorted(c["wrong"].split())
        bad += c["wrong"] == l["caption"] or (c["kind"] != "attribute" and a != b)
    for w in l["words"]:
        bad += not 0 < w["whole"] < 1 or len(w["iou_o"]) != 39 or not w["cmi_o"] > 0
r = json.load(open(sys.argv[1] + "/result.json"))
where = r["localisation"]
names = ["disc", "paper", "plain", "best"]
bad += list(where["attention"]) != names or len(where["differences_held_out"]) != 8
for l in lines:
    for w in l["words"]:
        bad += list(w["attention"]) != names or any(len(v) != 39 for v in w["attention"].values())
tuned = lambda n: max(sum(w["attention"][n][t] for l in lines for w in l["words"])
                      for t in range(39)) / where["words"]
for n in names:
    bad += abs(where["attention"][n]["tuned"]["value"] - tuned(n)) > 1e-6
bad += r["caption_choice"]["order"]["i_s"]["count"] != 6
sys.exit(bad)
CHECK
[ $bad = 0 ] || exit 1
