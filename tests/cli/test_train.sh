#!/bin/sh
# Training at the smallest scale: a training that is killed and resumed ends with the same bits as one
# that was not; the loss falls; the exported model draws; wrong settings are refused.
. "$(dirname "$0")/../support.sh"
need_drawings

"$w" export --split single --count 10 --out "$dir/data" || fail "export: exit $?"
cat >"$dir/model.json" <<'END'
{
  "unet": {
    "_class_name": "UNet2DConditionModel",
    "in_channels": 4, "out_channels": 4, "sample_size": 8,
    "block_out_channels": [16, 32],
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "layers_per_block": 1, "attention_head_dim": 2, "cross_attention_dim": 16,
    "norm_num_groups": 8, "norm_eps": 1e-05, "act_fn": "silu",
    "flip_sin_to_cos": true, "freq_shift": 0, "center_input_sample": false,
    "downsample_padding": 1, "mid_block_scale_factor": 1
  },
  "vae": {
    "_class_name": "AutoencoderKL",
    "in_channels": 3, "out_channels": 3, "latent_channels": 4, "sample_size": 16,
    "block_out_channels": [8, 16],
    "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D"],
    "layers_per_block": 1, "norm_num_groups": 4, "act_fn": "silu", "scaling_factor": 0.5
  },
  "text_encoder": {
    "architectures": ["CLIPTextModel"], "model_type": "clip_text_model",
    "vocab_size": 514, "bos_token_id": 512, "eos_token_id": 513, "pad_token_id": 513,
    "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
    "num_attention_heads": 2, "max_position_embeddings": 77,
    "hidden_act": "quick_gelu", "layer_norm_eps": 1e-05
  },
  "scheduler": {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": 1000, "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "v_prediction", "clip_sample": false
  }
}
END
cat >"$dir/vae.json" <<END
{ "model": "$dir/model.json", "data": "$dir/data", "seed": 5, "batch": 4, "steps": 60, "checkpoint": 10,
  "sheet": 60, "rate": 0.004, "warmup": 5 }
END
cat >"$dir/diffusion.json" <<END
{ "model": "$dir/model.json", "vae": "$dir/vae/model", "data": "$dir/data", "seed": 5, "batch": 4,
  "steps": 60, "checkpoint": 10, "sheet": 60, "rate": 0.002, "warmup": 5, "min_snr": 5, "shift": 1.5,
  "guidance": 2 }
END

sed 's/"seed"/"optimiser": "muon", "seed"/' "$dir/diffusion.json" >"$dir/muon.json"

# Trains a $2 by $1.json whole with $3 threads, and once more with a kill after the first checkpoint.
killed_and_whole() {
    "$d" train "$2" "$dir/$1.json" --out "$dir/$1" -t $3 -q || fail "$1: exit $?"
    "$d" train "$2" "$dir/$1.json" --out "$dir/$1-killed" -t $3 -q &
    pid=$!
    n=0
    while [ ! -s "$dir/$1-killed/checkpoint.safetensors" ] && [ $n -lt 1200 ]; do
        sleep 0.05
        n=$((n + 1))
    done
    kill -9 $pid
    wait $pid 2>/dev/null
    grep -q '"step": 60' "$dir/$1-killed/log.jsonl" && fail "$1: was not killed in time"
    cmp -s "$dir/$1/checkpoint.safetensors" "$dir/$1-killed/checkpoint.safetensors" &&
        fail "$1: the killed training is complete"
    "$d" train "$2" "$dir/$1.json" --out "$dir/$1-killed" -t $3 -q --resume || fail "$1 resumed: exit $?"
    cmp "$dir/$1/checkpoint.safetensors" "$dir/$1-killed/checkpoint.safetensors" ||
        fail "$1: resumed, other bits"
    [ -s "$dir/$1/sheet-0000060.png" ] || fail "$1: no sheet"
    python3 - "$dir/$1" "$dir/$1-killed" <<'END' || fail "$1: resumed, another log"
import json, sys
steps = [[json.loads(l)["step"] for l in open(f + "/log.jsonl")] for f in sys.argv[1:]]
assert steps[0] == steps[1], steps
END
    python3 - "$dir/$1/log.jsonl" <<'END' || fail "$1: the loss does not fall"
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
print("loss", [round(l["loss"], 4) for l in lines])
first, last = ([l["loss"] for l in part] for part in (lines[:7], lines[-7:]))
assert lines[-1]["step"] == 60 and sum(last) < 0.8 * sum(first)
END
}

killed_and_whole vae vae 1

# ---- what a checkpoint says is done has its products ------------------------------------------------
mkdir -p "$dir/late/sheet-0000060.png/in-the-way"
"$d" train vae "$dir/vae.json" --out "$dir/late" -t 1 -q --force 2>"$dir/err" && fail "late: trained over a folder"
rm -r "$dir/late/sheet-0000060.png"
"$d" train vae "$dir/vae.json" --out "$dir/late" -t 1 -q --resume || fail "late resumed: exit $?"
cmp "$dir/vae/checkpoint.safetensors" "$dir/late/checkpoint.safetensors" || fail "late: other bits"
cmp "$dir/vae/sheet-0000060.png" "$dir/late/sheet-0000060.png" || fail "late: another sheet"

# ---- a checkpoint's step is read as a number ---------------------------------------------------------
for step in -1 abc 1.5 99999999999999999999 121; do
    python3 - "$dir/late/checkpoint.safetensors" "$dir/late/x" "$step" <<'END'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
head = json.loads(data[8:8 + size])
head["__metadata__"]["step"] = sys.argv[3]
new = json.dumps(head).encode()
new += b" " * (-len(new) % 8)
open(sys.argv[2], "wb").write(struct.pack("<Q", len(new)) + new + data[8 + size:])
END
    rm -rf "$dir/step"
    cp -r "$dir/late" "$dir/step"
    mv "$dir/step/x" "$dir/step/checkpoint.safetensors"
    timeout 20 "$d" train vae "$dir/vae.json" --out "$dir/step" -t 1 -q --resume 2>"$dir/err"
    rc=$?
    { [ $rc = 3 ] || [ $rc = 2 ]; } && grep -q 'steps' "$dir/err" || fail "step $step: exit $rc, $(cat "$dir/err")"
done
killed_and_whole diffusion diffusion 2
killed_and_whole muon diffusion 2
cmp -s "$dir/muon/checkpoint.safetensors" "$dir/diffusion/checkpoint.safetensors" &&
    fail "muon: the same bits as adamw"
# ---- the course of the rate: a rise, the whole of it, half a cosine ----------------------------------
sed 's/"steps": 60/"steps": 12/; s/"warmup": 5/"warmup": 4, "hold": 8/' "$dir/vae.json" >"$dir/hold.json"
"$d" train vae "$dir/hold.json" --out "$dir/hold" -t 1 -q || fail "hold: exit $?"
python3 - "$dir/hold/log.jsonl" <<'END' || fail "hold: the rates are others"
import json, sys
rate = {l["step"]: l["rate"] / 0.004 for l in map(json.loads, open(sys.argv[1]))}
for step, share in (1, 0.25), (4, 1), (6, 1), (8, 1), (9, 0.8565), (10, 0.51), (12, 0.02):
    assert abs(rate[step] - share) < 1e-3, (step, rate[step])
END

"$d" inspect -m "$dir/diffusion/model" >/dev/null || fail "the exported model does not open"

# ---- the world as data, two threads -----------------------------------------------------------------
sed '/"vae"/,/}/s/"sample_size": 16/"sample_size": 64/' "$dir/model.json" >"$dir/model64.json"
cat >"$dir/world.json" <<END
{ "model": "$dir/model64.json", "data": "world:train+icon", "test": "world:test", "seed": 3, "batch": 4,
  "steps": 24, "checkpoint": 4, "sheet": 24, "rate": 0.004, "warmup": 2 }
END
"$d" train vae "$dir/world.json" --out "$dir/parents/world" -t 2 -q || fail "world: exit $?"
"$d" train vae "$dir/world.json" --out "$dir/world-killed" -t 2 -q &
pid=$!
n=0
while [ ! -s "$dir/world-killed/checkpoint.safetensors" ] && [ $n -lt 1200 ]; do
    sleep 0.05
    n=$((n + 1))
done
kill -9 $pid
wait $pid 2>/dev/null
cmp -s "$dir/parents/world/checkpoint.safetensors" "$dir/world-killed/checkpoint.safetensors" &&
    fail "world: was not killed in time"
"$d" train vae "$dir/world.json" --out "$dir/world-killed" -t 2 -q --resume || fail "world resumed: exit $?"
cmp "$dir/parents/world/checkpoint.safetensors" "$dir/world-killed/checkpoint.safetensors" ||
    fail "world: resumed, other bits"

# ---- settings that must stay, and those that may change -------------------------------------------
changed() {
    sed "s|$1|$2|" "$dir/diffusion.json" >"$dir/changed.json"
    "$d" train diffusion "$dir/changed.json" --out "$dir/diffusion" --resume -q 2>"$dir/err"
}
changed '"min_snr": 5' '"min_snr": 1' && fail 'min_snr was changed'
grep -q '"min_snr": 5.0, this one has 1.0' "$dir/err" || fail "min_snr is not named: $(cat "$dir/err")"
changed '"seed"' '"drop": 0.2, "seed"' && fail 'drop was changed'
changed '"seed"' '"compute": "bf16", "seed"' && fail 'compute was changed'
changed '"seed"' '"optimiser": "muon", "seed"' && fail 'the optimiser was changed'
grep -q '"optimiser": "adamw", this one has "muon"' "$dir/err" || fail "optimiser: $(cat "$dir/err")"
changed '"seed"' '"drop": 0.1, "seed"' || fail "a default that is written out: $(cat "$dir/err")"
changed '"steps": 60' '"steps": 61' || fail "more steps: $(cat "$dir/err")"

# ---- refusals -------------------------------------------------------------------------------------
"$d" train vae "$dir/vae.json" --out "$dir/vae" -q 2>"$dir/err" && fail "a training was overwritten"
grep -q resume "$dir/err" || fail "no word of --resume: $(cat "$dir/err")"
"$d" train diffusion "$dir/diffusion.json" --out "$dir/vae" --resume -q 2>"$dir/err" &&
    fail "another training's checkpoint was taken"
sed 's/"rate"/"ratte"/' "$dir/vae.json" >"$dir/typo.json"
"$d" train vae "$dir/typo.json" --out "$dir/typo" -q 2>"$dir/err" && fail "an unknown field was taken"
grep -q ratte "$dir/err" || fail "the unknown field is not named: $(cat "$dir/err")"
"$d" train nothing "$dir/vae.json" --out "$dir/n" -q 2>/dev/null && fail "trained nothing"
sed 's/"seed"/"optimiser": "sgd", "seed"/' "$dir/vae.json" >"$dir/sgd.json"
"$d" train vae "$dir/sgd.json" --out "$dir/sgd" -q 2>"$dir/err" && fail "an unknown optimiser was taken"
grep -q 'optimiser is "sgd"' "$dir/err" || fail "the optimiser is not named: $(cat "$dir/err")"
sed 's,"data": "[^"]*","data": "world:train+nowhere",' "$dir/vae.json" >"$dir/where.json"
"$d" train vae "$dir/where.json" --out "$dir/where" -q 2>"$dir/err" && fail "an unknown split was taken"
grep -q '"nowhere"' "$dir/err" || fail "the split is not named: $(cat "$dir/err")"

[ $bad = 0 ] && echo "test_train: ok"
exit $((bad > 0))
