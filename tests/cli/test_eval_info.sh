#!/bin/sh
# `diffuscope eval info` on three scenes of the world and a model with random weights: it must not
# find anything, and it must count, resume and refuse as it says.
b=${BUILD:-build}
d=$b/diffuscope
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
out=$dir/out
bad=0

fail() {
    bad=$((bad + 1))
    echo "FAIL: $*"
    sed 's/^/    /' "$out"
}

expect() {
    code=$1 text=$2
    shift 2
    "$d" "$@" >"$out" 2>&1 </dev/null
    rc=$?
    [ $rc = "$code" ] || fail "$*: exit $rc, expected $code"
    grep -qF -- "$text" "$out" || fail "$*: expected to read: $text"
}

cat >"$dir/small.json" <<'CONFIG'
{"unet": {"block_out_channels": [16, 16], "norm_num_groups": 8, "layers_per_block": 1,
  "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"], "sample_size": 8,
  "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
  "cross_attention_dim": 16, "attention_head_dim": 4},
 "vae": {"block_out_channels": [8, 8, 8, 8], "norm_num_groups": 4, "sample_size": 64,
  "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D",
                       "DownEncoderBlock2D"],
  "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D",
                     "UpDecoderBlock2D"]},
 "text_encoder": {"vocab_size": 520, "hidden_size": 16, "num_hidden_layers": 2,
  "num_attention_heads": 2, "intermediate_size": 32, "projection_dim": 16, "eos_token_id": 519,
  "hidden_act": "quick_gelu"},
 "scheduler": {"_class_name": "DDIMScheduler", "clip_sample": false}}
CONFIG
m=$dir/model
expect 0 'parameters' new-model --like "$dir/small.json" --out "$m" --seed 3
"$b/diffuscope-world" export --split test --count 6 --out "$dir/world" >"$out" 2>&1 ||
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
