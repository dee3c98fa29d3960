#!/bin/sh
# LoRAs of every naming and form, merged and compared with the formula; embeddings of one encoder and of two;
# an autoencoder of its own file; instruments on what was laid over a model; settings of models of few steps.
. tests/support.sh
export OMP_NUM_THREADS=1 # the same bits each time
small_model
m=$dir/model
printf 'a\nb\nc\nd\ne\nf\ng\nh\nzz\n' >"$dir/words"
make() { python3 tests/cli/models.py "$@" || fail "models.py $*"; }
works() { "$d" "$@" >"$out" 2>&1 </dev/null || fail "diffuscope $*"; }
tell() { works "$@"; grep -qF -- "$said" "$out" || fail "diffuscope $*: expected to read: $said"; }

# The same topology with two text encoders.
python3 - "$dir/small.json" "$dir/xl.json" <<'PYTHON'
import json, sys
c = json.load(open(sys.argv[1]))
c["unet"].update({"cross_attention_dim": 32, "use_linear_projection": True, "addition_embed_type": "text_time",
                  "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 64})
c["text_encoder_2"] = {**c["text_encoder"], "architectures": ["CLIPTextModelWithProjection"]}
json.dump(c, open(sys.argv[2], "w"))
PYTHON
xl=$dir/xl
works new-model --like "$dir/xl.json" --out "$xl" --seed 5

# ---- every kind, against the formula of docs/files.md in plain Python
works export -m "$m" --dtype f32 --out "$dir/base"
works export -m "$xl" --dtype f32 --out "$dir/base-xl"
for kind in alpha middle conv peft-pattern processor linear-layer lycoris peft-text loha lokr lokr-whole norm xl; do
    base=$dir/base
    [ $kind = xl ] && base=$dir/base-xl
    make lora "$dir/$kind.safetensors" $kind
    works export -m "$base" --lora "$dir/$kind.safetensors=0.5" --out "$dir/with-$kind"
    make merged "$base" "$dir/with-$kind" $kind 0.5
done
"$d" export -m "$m" --lora "$dir/xl.safetensors" --out "$dir/no" >"$out" 2>&1 && fail "a LoRA of XL on another model"
grep -q 'was trained for Stable Diffusion XL' "$out" || fail "a LoRA of XL is not called by its name"

# ---- <lora:NAME:W> in a prompt is --lora, and is not read as text
for command in generate daam; do
    works $command -m "$m" -p "a b <lora:alpha:0.5>" --lora-dir "$dir" --steps 1 --out "$dir/tag-$command"
    works $command -m "$m" -p "a b " --lora "$dir/alpha.safetensors=0.5" --steps 1 --out "$dir/option-$command"
    cmp -s "$dir/tag-$command/tensors.safetensors" "$dir/option-$command/tensors.safetensors" ||
        fail "$command: a tag differs from the option"
    "$d" $command -m "$m" -p "a <lora:alpha:0.5>" --steps 1 --out "$dir/tag" >"$out" 2>&1 && fail "$command: a tag, no folder"
    grep -q 'needs a folder (lora-dir)' "$out" || fail "$command: a tag without a folder"
    "$d" $command -m "$m" -p "a <lora:alpha:0.5>" -p b --lora-dir "$dir" --steps 1 --out "$dir/tag" >"$out" 2>&1 &&
        fail "$command: a tag in one of two prompts"
    grep -q 'by the option lora' "$out" || fail "$command: a tag in one of two prompts"
done

# ---- embeddings: a word that stands for two known tokens is read as those two
ids() { "$d" tokenize -m "$1" "$2" --json | python3 -c "import json, sys; print(*json.load(sys.stdin)['ids'])"; }
set -- $(ids "$m" "q k")
first=$2 second=$3
make embedding "$dir/pair.safetensors" "<pair>=$m:text_encoder:$first,$m:text_encoder:$second"
works encode -m "$m" -p "x q k z" --outputs "$dir/plain.safetensors"
for word in '<pair>' pair; do
    works encode -m "$m" --embedding "$dir/pair.safetensors" -p "x $word z" --outputs "$dir/learned.safetensors" --force
    make same "$dir/plain.safetensors" "$dir/learned.safetensors" encoder_hidden_states
done
make embedding "$dir/two.safetensors" "clip_l=$xl:text_encoder:$first,$xl:text_encoder:$second" \
    "clip_g=$xl:text_encoder_2:$first,$xl:text_encoder_2:$second"
works encode -m "$xl" -p "x q k z" --outputs "$dir/plain-xl.safetensors"
works encode -m "$xl" --embedding "$dir/two.safetensors" -p "x <two> z" --outputs "$dir/learned-xl.safetensors"
make same "$dir/plain-xl.safetensors" "$dir/learned-xl.safetensors" encoder_hidden_states pooled
make embedding "$dir/half.safetensors" "clip_l=$xl:text_encoder:$first"
expect 2 'expected both clip_l and clip_g' encode -m "$xl" --embedding "$dir/half.safetensors" -p x --outputs "$dir/h.safetensors"
expect 2 'a model of two text encoders needs both' encode -m "$xl" --embedding "$dir/pair.safetensors" -p x --outputs "$dir/h.safetensors"
make embedding "$dir/uneven.safetensors" "clip_l=$xl:text_encoder:$first" "clip_g=$xl:text_encoder_2:$first,$xl:text_encoder_2:$second"
expect 3 'different numbers of vectors' encode -m "$xl" --embedding "$dir/uneven.safetensors" -p x --outputs "$dir/h.safetensors"

# ---- NAME.vae.pt and the like: an autoencoder of its own, with published names without a prefix
sed 's/\[8, 8, 8, 8\], "norm_num_groups": 4/[32, 32, 32, 32], "norm_num_groups": 32/' "$dir/small.json" >"$dir/wide.json"
works new-model --like "$dir/wide.json" --out "$dir/wide" --seed 6
m=$dir/wide
works export -m "$m" --out "$dir/one.safetensors"
make part "$dir/one.safetensors" "$dir/one.vae.pt" first_stage_model.
make part "$dir/one.safetensors" "$dir/one.vae.safetensors" first_stage_model.
draw="-p a-cat --steps 2 -W 64 -H 64 --quiet"
works generate -m "$m" $draw --out "$dir/whole"
for vae in one.vae.pt one.vae.safetensors; do
    works generate -m "$m" --vae "$dir/$vae" $draw --out "$dir/with-$vae"
    make same "$dir/whole/tensors.safetensors" "$dir/with-$vae/tensors.safetensors"
done

# ---- 8-bit floats: the same picture as from the same values in 16 bits
for kind in e4m3 e5m2; do
    make f8 "$dir/one.safetensors" "$dir/$kind.safetensors" "$dir/$kind-16.safetensors" $kind
    works generate -m "$dir/$kind.safetensors" --config "$m" $draw --out "$dir/g-$kind"
    works generate -m "$dir/$kind-16.safetensors" --config "$m" $draw --out "$dir/g-$kind-16"
    make same "$dir/g-$kind/tensors.safetensors" "$dir/g-$kind-16/tensors.safetensors"
    cmp -s "$dir/g-$kind/tensors.safetensors" "$dir/whole/tensors.safetensors" && fail "$kind: nothing was rounded"
done

m=$dir/model
# ---- instruments on a model with a LoRA: at 0 the same numbers, at 4 others, and they run
make lora "$dir/v.safetensors" lycoris
score="component score --concept cat --base dog --seeds 2 --steps 2 --exact 1 --quiet"
concept() {
    works concept -m "$m" -w q -p "x <>" --steps 4 --batch 2 --restarts 2 --held-out 2 --bank-steps 4 --check-every 2 \
        --from 0 --draw-steps 2 --draw-count 1 --sampler ddim --dictionary "$dir/words" --tokens 5 --no-pictures --quiet "$@"
}
for w in 0 1; do
    works $score -m "$m" --lora "$dir/v.safetensors=$w" --out "$dir/score$w"
    concept --lora "$dir/v.safetensors=$w" --out "$dir/concept$w"
done
works $score -m "$m" --out "$dir/score"
concept --out "$dir/concept"
cmp -s "$dir/concept/tensors.safetensors" "$dir/concept0/tensors.safetensors" || fail "concept: a LoRA at 0 changes it"
cmp -s "$dir/concept/tensors.safetensors" "$dir/concept1/tensors.safetensors" && fail "concept: a LoRA changes nothing"
cmp -s "$dir/score/tensors.safetensors" "$dir/score0/tensors.safetensors" || fail "component: a LoRA at 0 changes scores"
cmp -s "$dir/score/tensors.safetensors" "$dir/score1/tensors.safetensors" && fail "component: a LoRA changes nothing"

# ---- models of few steps: the settings of docs/sampling.md
for s in "euler --timestep-spacing trailing --steps 1 --cfg-scale 0" "euler_a --timestep-spacing trailing --steps 1 --cfg-scale 0" \
    "euler --timestep-spacing trailing --steps 4 --cfg-scale 0" "ddim --timestep-spacing trailing --steps 4 --cfg-scale 0" \
    "tcd --eta 1 --steps 1 --cfg-scale 0" "tcd --eta 0.3 --steps 8 --cfg-scale 0" \
    "ddim --timestep-spacing trailing --steps 8 --cfg-scale 5" "lcm --steps 4 --cfg-scale 1"; do
    works generate -m "$m" --lora "$dir/v.safetensors" -p "a cat" -W 64 -H 64 --sampler $s -o "$dir/few.png" --force
done
said='guidance' tell generate -m "$m" -p "a cat" -n bad -W 64 -H 64 --sampler euler --steps 1 --cfg-scale 0 -o "$dir/few.png" --force

# Instruments that integrate over noise levels warn of such models.
cp -r "$m" "$dir/turbo"
python3 - "$dir/turbo/scheduler/scheduler_config.json" <<'PYTHON'
import json, sys
c = json.load(open(sys.argv[1]))
c.update({"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing", "prediction_type": "epsilon"})
c.pop("clip_sample", None)
json.dump(c, open(sys.argv[1], "w"))
PYTHON
said='distilled to a few steps'
tell info -m "$dir/turbo" -p "a cat" --word cat --steps 1 -W 64 -H 64 --nodes 1 --replicates 1
tell pid -m "$dir/turbo" -p "a cat and a dog" --words cat dog --steps 1 -W 64 -H 64 --nodes 1 --replicates 1

# Brackets that would be weights elsewhere are told.
said='are plain text in' tell generate -m "$m" -p "a (cat:1.3)" -W 64 -H 64 --steps 1 -o "$dir/few.png" --force

exit $bad
