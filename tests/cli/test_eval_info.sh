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
expect 2 '--data' eval info -m "$m" --out "$dir/x"
expect 3 'no-such' eval info -m "$m" --data "$dir/no-such" --out "$dir/x"
expect 0 "right caption against wrong" $(scenes) --edit 4 --count 4 --out "$dir/run"
[ "$(wc -l <"$dir/run/scenes.jsonl")" = 4 ] || fail 'expected 4 lines'
cp "$dir/run/scenes.jsonl" "$dir/before"
printf '{"scene": 4, "na' >>"$dir/run/scenes.jsonl"
expect 0 "\"scenes\": 6" $(scenes) --edit 4 --json --out "$dir/run"
[ "$(wc -l <"$dir/run/scenes.jsonl")" = 6 ] || fail 'expected 6 lines'
head -4 "$dir/run/scenes.jsonl" | cmp -s - "$dir/before" || fail 'lines were measured again'
expect 0 "\"scenes\": 6" $(scenes) --edit 4 --json --out "$dir/whole"
cmp -s "$dir/run/scenes.jsonl" "$dir/whole/scenes.jsonl" || fail 'a resumed run differs'
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
bad += r["caption_choice"]["order"]["i_s"]["count"] != 6
sys.exit(bad)
CHECK
[ $bad = 0 ] || exit 1
