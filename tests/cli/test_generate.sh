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
python3 -c 'import json, struct, sys
h = json.dumps({"a.b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
open(sys.argv[1], "wb").write(struct.pack("<Q", len(h)) + h + bytes(4))' "$dir/named.safetensors"
expect 3 'two.safetensors' $run --latent "$dir/two.safetensors" -o "$dir/x.png"
expect 3 'expected a tensor "latent" or "noise", found a.b' $run --latent "$dir/named.safetensors" -o "$dir/x.png"
expect 3 'expected a tensor "latent" (a clean one), found image, latents, noise' \
    info -m "$m" -p cat --latent "$dir/one" --nodes 2 --replicates 3
# the folder of a run gives the noise that it began from: the same picture from another seed
expect 0 '' generate -m "$m" -p cat --steps 3 --sampler ddim --out "$dir/ddim"
expect 0 '' generate -m "$m" -p cat --steps 3 --sampler ddim --seed 7 --latent "$dir/ddim" --out "$dir/from"
cmp "$dir/ddim/tensors.safetensors" "$dir/from/tensors.safetensors" || fail 'the noise of a run gives another picture'

# several prompts: a folder each, and a table that tells them apart; the pictures of `daam`
printf 'a cat\n"two, three" dogs\n' >"$dir/prompts.txt"
expect 0 "$dir/many/001/image-1.png" generate -m "$m" --prompts "$dir/prompts.txt" -p first -b 2 --steps 2 --out "$dir/many"
python3 - "$dir/many" <<'END' || fail 'table.csv or result.json of several prompts'
import csv, json, os, sys
rows = list(csv.DictReader(open(sys.argv[1] + "/table.csv", newline="")))
result = json.load(open(sys.argv[1] + "/result.json"))
assert [r["prompt"] for r in rows] == ["first", "first", "a cat", "a cat", '"two, three" dogs', '"two, three" dogs'], rows
assert [int(r["seed"]) for r in rows] == list(range(42, 48)) and [r["folder"] for r in rows][::2] == ["000", "001", "002"]
assert all(os.path.exists(f"{sys.argv[1]}/{r['folder']}/{r['figure']}.png") for r in rows)
assert [{k: str(v) for k, v in p.items()} for p in result["pictures"]] == rows and result["images"] == 6
END
expect 0 '' daam -m "$m" --prompts "$dir/prompts.txt" -p first -b 2 --steps 2 --out "$dir/maps"
python3 - "$dir/many/001/tensors.safetensors" "$dir/maps/003/image.png" "$dir/maps" <<'END' || fail 'daam draws another picture of a list'
import csv, json, struct, sys, zlib
d = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", d[:8])[0]
t = json.loads(d[8:8 + n])["image"]
at, (b, c, h, w) = 8 + n + t["data_offsets"][0], t["shape"]
want = struct.unpack(f"<{b * c * h * w}f", d[at:at + 4 * b * c * h * w])[c * h * w:]
p, at, data = open(sys.argv[2], "rb").read(), 8, b""
while at < len(p):
    size, kind = struct.unpack(">I4s", p[at:at + 8])
    data += p[at + 8:at + 8 + size] if kind == b"IDAT" else b""
    at += 12 + size
raw, rows, stride = zlib.decompress(data), [bytes(3 * w)], 3 * w
for y in range(h):
    f, line, up, out = raw[y * (stride + 1)], raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)], rows[-1], bytearray()
    for x, v in enumerate(line):
        a, u, ul = out[x - 3] if x > 2 else 0, up[x], up[x - 3] if x > 2 else 0
        q = a + u - ul
        paeth = min((abs(q - a), 0, a), (abs(q - u), 1, u), (abs(q - ul), 2, ul))[2]
        out.append((v + [0, a, u, (a + u) // 2, paeth][f]) & 255)
    rows.append(bytes(out))
apart = max(abs(rows[y + 1][3 * x + k] - 255 * want[(k * h + y) * w + x]) for y in range(h) for x in range(w) for k in range(3))
assert apart < 0.51, apart
words = list(csv.DictReader(open(sys.argv[3] + "/table.csv", newline="")))
assert {(r["folder"], r["seed"]) for r in words} == {(f"{i:03}", str(42 + i)) for i in range(6)}
END
expect 0 'the same' replay "$dir/many" --out "$dir/many2"
expect 2 'standard output takes one picture, not 2' generate -m "$m" -p a -p b -o -
expect 0 'x-1.png' generate -m "$m" -p a -p b --steps 1 -o "$dir/x.png"

# nothing is dropped without a word
expect 2 'go beyond the largest seed' generate -m "$m" -p a -b 2 -s 18446744073709551615 -o "$dir/y.png"
expect 2 'go beyond the largest seed' daam -m "$m" -p a -b 2 -s 18446744073709551615 --out "$dir/y"
expect 2 'a prompt stands behind -p: -p "a cat"' generate -m "$m" 'a cat' -o "$dir/y.png"
expect 2 'found "cat" (a text of several words needs quotes)' generate -m "$m" -p a cat -o "$dir/y.png"
expect 2 '--prompt takes one value, and was given "a" and "b"' info -m "$m" -p a -p b --word a
expect 2 '--output takes one value' generate -m "$m" -p a -o "$dir/y.png" -o "$dir/z.png"
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
