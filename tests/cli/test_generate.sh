#!/bin/sh
# `diffuscope new-model` and `diffuscope generate` on a very small model with random weights.
. "$(dirname "$0")/../support.sh"

small_model
m=$dir/model
expect 2 'is not empty' new-model --like "$dir/small.json" --out "$m" --seed 3
expect 2 'expected sd15, sd21, sdxl or a JSON file' new-model --like sd16 --out "$dir/x"
expect 3 'expected an object "unet"' new-model --like "$m/model_index.json" --out "$dir/x"

expect 3 'nowhere' generate -p x -o "$dir/x.png" -m "$dir/nowhere"
expect 2 '--out DIR or -o FILE.png is needed' generate -m "$m" -p x
expect 2 '--prompt' generate -m "$m" -o "$dir/x.png"
expect 2 'expected a multiple of 8' generate -m "$m" -p x -W 100 -o "$dir/x.png"
expect 2 'nonsense' generate -m "$m" -p x --sampler nonsense -o "$dir/x.png"
[ -e "$dir/x.png" ] && fail 'a picture was written after a failure'

cat=$dir/cat.png
expect 0 "$cat" generate -m "$m" -p 'a cat' -n 'a dog' --steps 3 -o "$cat"
grep -qaF 'Steps: 3, Sampler: DDIM, CFG scale: 7, Seed: 42, Size: 64x64' "$cat" ||
    fail 'the PNG lacks its parameters'
grep -qaF '"prompt_ids"' "$cat" || fail 'the PNG lacks its record'
expect 2 'is there already' generate -m "$m" -p 'a cat' --steps 3 -o "$cat"
expect 0 'tokens; the last' generate -m "$m" --steps 1 --force -o "$cat" \
    -p 'far more letters than seventy-five, each of which is a token of this vocabulary of bytes alone'

run="generate -m $m -p cat --steps 3 --sampler euler_a"
expect 0 '"denoiser_calls": 3' $run --out "$dir/one" --json
expect 0 'image.png' $run --out "$dir/two"
for f in image.png run.json result.json report.html tensors.safetensors; do
    [ -s "$dir/one/$f" ] || fail "$f is missing"
done
grep -qF '"denoiser_calls": 3' "$dir/one/result.json" || fail 'result.json lacks its count'
grep -qF 'data:image/png;base64,' "$dir/one/report.html" || fail 'report.html lacks the picture'
grep -qF 'diffuscope generate --prompt cat --steps 3' "$dir/one/report.html" ||
    fail 'report.html lacks the command'
expect 0 'both.html' report "$dir/one" "$dir/two" --title 'a <b>' -o "$dir/both.html"
grep -qF '<h1>a &lt;b&gt;</h1>' "$dir/both.html" || fail 'both.html lacks its title'
[ "$(grep -c '<h2 id=' "$dir/both.html")" = 2 ] || fail 'both.html lacks a part'
expect 3 'report.html' report "$dir" -o "$dir/none.html"
cmp "$dir/one/tensors.safetensors" "$dir/two/tensors.safetensors" >"$out" ||
    fail 'the same seed gave another picture'
expect 0 'latents' inspect "$dir/one/tensors.safetensors"
expect 0 'image-1.png' $run -b 2 --out "$dir/batch"
[ -s "$dir/batch/image-0.png" ] || fail 'image-0.png is missing'
expect 0 '[3, 2, 4, 8, 8]' inspect "$dir/batch/tensors.safetensors"

expect 0 '' $run --init-img "$dir/one/image.png" --strength 0.7 -o "$dir/again.png"
expect 0 '"steps": 2' $run --init-img "$dir/one/image.png" --strength 0.7 -o "$dir/more.png" --json
expect 2 'strength: expected above 0' $run --init-img "$dir/one/image.png" --strength 0 -o "$dir/x.png"
expect 3 'two.safetensors' $run --latent "$dir/two.safetensors" -o "$dir/x.png"
expect 3 'expected a tensor "latent"' $run --latent "$dir/one/tensors.safetensors" -o "$dir/x.png"
expect 2 'exclude each other' $run --latent a --init-img b -o "$dir/x.png"
expect 0 '' $run --cfg-scale 1 --scheduler karras --vae-tiling -W 96 -H 72 -o "$dir/tiled.png"

expect 0 '▀' $run -o "$dir/shown.png" --show blocks
expect 0 '_Ga=T' $run -o "$dir/shown.png" --force --show kitty
expect 0 'Pq"1;1;256;256' $run -o "$dir/shown.png" --force --show sixel
expect 0 'shown.png' $run -o "$dir/shown.png" --force --show auto
[ "$(wc -l <"$out")" = 1 ] || fail '--show auto wrote a picture to a file'
expect 2 'exclude each other' $run -o "$dir/shown.png" --force --show blocks --json
expect 2 'kitty|iterm|sixel|blocks|none' $run -o "$dir/shown.png" --force --show off

"$d" generate -m "$m" -p cat --steps 1000 -W 256 -H 256 -o "$dir/never.png" >"$out" 2>&1 &
pid=$!
sleep 1
kill -INT $pid
wait $pid
rc=$?
[ $rc = 130 ] || fail "interrupted: exit $rc, expected 130"
[ -e "$dir/never.png" ] && fail 'an interrupted run wrote its picture'

[ $bad = 0 ] && echo "generate: all passed"
exit $bad
