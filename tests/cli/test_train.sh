#!/bin/sh
# Training at the smallest scale: a training that is killed and resumed ends with the same bits as one
# that was not; the loss falls; the exported model draws; wrong settings are refused.
d=$(realpath "${BUILD:-build}")/diffuscope
d_world=$(realpath "${BUILD:-build}")/diffuscope-world
w=$(mktemp -d)
trap 'rm -rf "$w"' EXIT
bad=0

fail() {
    bad=$((bad + 1))
    echo "FAIL: $*"
}

if [ ! -f world/sprites/noto.png ]; then
    echo "SKIPPED: no drawings in world/sprites: run \`make world-data\`"
    exit 0
fi

"$d_world" export --split single --count 10 --out "$w/data" || fail "export: exit $?"
cat >"$w/model.json" <<'END'
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
cat >"$w/vae.json" <<END
{ "model": "$w/model.json", "data": "$w/data", "seed": 5, "batch": 4, "steps": 60, "checkpoint": 10,
  "sheet": 60, "rate": 0.004, "warmup": 5 }
END
cat >"$w/diffusion.json" <<END
{ "model": "$w/model.json", "vae": "$w/vae/model", "data": "$w/data", "easy": "$w/data",
  "easy_steps": 7, "seed": 5, "batch": 4,
  "steps": 60, "checkpoint": 10, "sheet": 60, "rate": 0.002, "warmup": 5, "min_snr": 5, "shift": 1.5,
  "guidance": 2 }
END

# Trains $1 whole with $2 threads, and once more with a kill after the first checkpoint.
killed_and_whole() {
    "$d" train "$1" "$w/$1.json" --out "$w/$1" -t $2 -q || fail "$1: exit $?"
    "$d" train "$1" "$w/$1.json" --out "$w/$1-killed" -t $2 -q &
    pid=$!
    n=0
    while [ ! -s "$w/$1-killed/checkpoint.safetensors" ] && [ $n -lt 1200 ]; do
        sleep 0.05
        n=$((n + 1))
    done
    kill -9 $pid
    wait $pid 2>/dev/null
    grep -q '"step": 60' "$w/$1-killed/log.jsonl" && fail "$1: was not killed in time"
    cmp -s "$w/$1/checkpoint.safetensors" "$w/$1-killed/checkpoint.safetensors" &&
        fail "$1: the killed training is complete"
    "$d" train "$1" "$w/$1.json" --out "$w/$1-killed" -t $2 -q --resume || fail "$1 resumed: exit $?"
    cmp "$w/$1/checkpoint.safetensors" "$w/$1-killed/checkpoint.safetensors" ||
        fail "$1: resumed, other bits"
    [ -s "$w/$1/sheet-0000060.png" ] || fail "$1: no sheet"
    python3 - "$w/$1/log.jsonl" <<'END' || fail "$1: the loss does not fall"
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
print("loss", [round(l["loss"], 4) for l in lines])
first, last = ([l["loss"] for l in part] for part in (lines[:7], lines[-7:]))
assert lines[-1]["step"] == 60 and sum(last) < 0.8 * sum(first)
END
}

killed_and_whole vae 1
killed_and_whole diffusion 2
"$d" inspect -m "$w/diffusion/model" >/dev/null || fail "the exported model does not open"

# ---- the world as data, two threads -----------------------------------------------------------------
sed '/"vae"/,/}/s/"sample_size": 16/"sample_size": 64/' "$w/model.json" >"$w/model64.json"
cat >"$w/world.json" <<END
{ "model": "$w/model64.json", "data": "world:train", "test": "world:test", "seed": 3, "batch": 4,
  "steps": 24, "checkpoint": 4, "sheet": 24, "rate": 0.004, "warmup": 2 }
END
"$d" train vae "$w/world.json" --out "$w/parents/world" -t 2 -q || fail "world: exit $?"
"$d" train vae "$w/world.json" --out "$w/world-killed" -t 2 -q &
pid=$!
n=0
while [ ! -s "$w/world-killed/checkpoint.safetensors" ] && [ $n -lt 1200 ]; do
    sleep 0.05
    n=$((n + 1))
done
kill -9 $pid
wait $pid 2>/dev/null
cmp -s "$w/parents/world/checkpoint.safetensors" "$w/world-killed/checkpoint.safetensors" &&
    fail "world: was not killed in time"
"$d" train vae "$w/world.json" --out "$w/world-killed" -t 2 -q --resume || fail "world resumed: exit $?"
cmp "$w/parents/world/checkpoint.safetensors" "$w/world-killed/checkpoint.safetensors" ||
    fail "world: resumed, other bits"

# ---- settings that must stay, and those that may change -------------------------------------------
changed() {
    sed "s|$1|$2|" "$w/diffusion.json" >"$w/changed.json"
    "$d" train diffusion "$w/changed.json" --out "$w/diffusion" --resume -q 2>"$w/err"
}
changed '"min_snr": 5' '"min_snr": 1' && fail 'min_snr was changed'
grep -q '"min_snr": 5.0, this one has 1.0' "$w/err" || fail "min_snr is not named: $(cat "$w/err")"
changed '"seed"' '"drop": 0.2, "seed"' && fail 'drop was changed'
changed '"easy_steps": 7' '"easy_steps": 8' && fail 'easy_steps was changed'
changed '"seed"' '"compute": "bf16", "seed"' && fail 'compute was changed'
changed '"seed"' '"drop": 0.1, "seed"' || fail "a default that is written out: $(cat "$w/err")"
changed '"steps": 60' '"steps": 61' || fail "more steps: $(cat "$w/err")"

# ---- refusals -------------------------------------------------------------------------------------
"$d" train vae "$w/vae.json" --out "$w/vae" -q 2>"$w/err" && fail "a training was overwritten"
grep -q resume "$w/err" || fail "no word of --resume: $(cat "$w/err")"
"$d" train diffusion "$w/diffusion.json" --out "$w/vae" --resume -q 2>"$w/err" &&
    fail "another training's checkpoint was taken"
sed 's/"rate"/"ratte"/' "$w/vae.json" >"$w/typo.json"
"$d" train vae "$w/typo.json" --out "$w/typo" -q 2>"$w/err" && fail "an unknown field was taken"
grep -q ratte "$w/err" || fail "the unknown field is not named: $(cat "$w/err")"
"$d" train nothing "$w/vae.json" --out "$w/n" -q 2>/dev/null && fail "trained nothing"
sed 's,"data": "[^"]*","data": "world:nowhere",' "$w/vae.json" >"$w/where.json"
"$d" train vae "$w/where.json" --out "$w/where" -q 2>/dev/null && fail "an unknown split was taken"

[ $bad = 0 ] && echo "test_train: ok"
exit $((bad > 0))
