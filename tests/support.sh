# support.sh - what the tests of the command line share; they read it with `.`.
#
# Sets d and w (the programs), dir (a folder that goes when the test ends), out (what the last
# command printed) and bad (the number of failures): a test ends with `exit $bad`.

d=${BUILD:-build}/diffuscope
w=${BUILD:-build}/diffuscope-world
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
out=$dir/out
bad=0

fail() {
    bad=$((bad + 1))
    echo "FAIL: $*"
    [ ! -f "$out" ] || sed 's/^/    /' "$out"
}

# expect CODE TEXT ARGUMENTS...: the exit code, and TEXT somewhere in what is printed.
expect() {
    code=$1 text=$2
    shift 2
    "$d" "$@" >"$out" 2>&1 </dev/null
    rc=$?
    [ $rc = "$code" ] || fail "diffuscope $*: exit $rc, expected $code"
    grep -qF -- "$text" "$out" || fail "diffuscope $*: expected to read: $text"
}

# For tests that draw scenes of the world.
need_drawings() {
    [ -f world/sprites/noto.png ] && return
    echo "SKIPPED: no drawings in world/sprites: run \`make world-data\`"
    exit 77
}

# A very small model with random weights in $dir/model, its configuration in $dir/small.json.
small_model() {
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
    expect 0 'parameters' new-model --like "$dir/small.json" --out "$dir/model" --seed 3
}
