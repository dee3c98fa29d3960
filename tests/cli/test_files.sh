#!/bin/sh
# Files that people have, as a newcomer meets them: what they are taken for, what is written, and back.
. tests/support.sh
small_model
m=$dir/model
draw="-p a-cat --steps 2 -W 64 -H 64 --quiet"

kind() { # the first bytes of a file
    python3 -c "import sys; print({b'\x89P': 'png', b'\xff\xd8': 'jpeg'}.get(open(sys.argv[1], 'rb').read(2), 'other'))" "$1"
}

works() { "$d" "$@" >"$out" 2>&1 </dev/null || fail "diffuscope $*"; }

# Pictures are of the kind that their name says.
for f in a.jpg b.JPEG c.png d; do
    expect 0 "$f" generate -m "$m" $draw -o "$dir/$f"
done
[ "$(kind "$dir/a.jpg")" = jpeg ] || fail "a.jpg is $(kind "$dir/a.jpg")"
[ "$(kind "$dir/b.JPEG")" = jpeg ] || fail "b.JPEG is $(kind "$dir/b.JPEG")"
[ "$(kind "$dir/c.png")" = png ] || fail "c.png is $(kind "$dir/c.png")"
[ "$(kind "$dir/d")" = png ] || fail "d is $(kind "$dir/d")"
grep -q 'Steps: 2' "$dir/a.jpg" || fail "a.jpg does not tell its settings"
expect 2 'ends in .png, .jpg or .jpeg' generate -m "$m" $draw -o "$dir/x.webp"
works generate -m "$m" $draw -i "$dir/a.jpg" -o "$dir/from.png"

# - is standard output, with nothing beside the picture.
"$d" generate -m "$m" $draw -o - >"$dir/stream" 2>/dev/null || fail "-o -"
cmp -n 40 "$dir/stream" "$dir/c.png" || fail "-o - writes something else"
[ "$(kind "$dir/stream")" = png ] || fail "-o -: $(kind "$dir/stream")"
[ ! -e ./- ] || fail "a file is called -"
expect 2 'takes one picture' generate -m "$m" $draw -b 2 -o -

# What is no model is called by its name.
head_of() { printf "$1" >"$dir/$2"; expect 3 "$3" inspect -m "$dir/$2"; }
head_of 'GGUF\003\000\000\000' m.gguf 'found a GGUF file, which is not read'
head_of '<!DOCTYPE html><html>' page.safetensors 'found a web page'
head_of 'version https://git-lfs.github.com/spec/v1\n' lfs.safetensors 'a pointer of Git LFS'
head_of '{"a": 1}' json.safetensors 'found a JSON file'
head_of 'hello there\n' text.safetensors 'found a text file'
head_of '' empty.safetensors 'found an empty file'
head_of '\200\002}q\000.' bare.pt 'a Python pickle that is no checkpoint'
expect 3 'found a PNG picture' inspect -m "$dir/c.png"
expect 3 'found a JPEG picture' generate -m "$m" $draw --lora "$dir/a.jpg" -o "$dir/q.png"
expect 3 'found a PNG picture' generate -m "$m" $draw --embedding "$dir/c.png" -o "$dir/q.png"
expect 3 'no such folder or file' inspect -m "$dir/nowhere.safetensors"
mkdir "$dir/held" && cp "$m/unet/diffusion_pytorch_model.safetensors" "$dir/held/mine.safetensors"
expect 3 'if mine.safetensors in it is the model, name that file' inspect -m "$dir/held"
works generate -m "$m" $draw --out "$dir/run"
expect 3 'it is the folder of a run, not of a model' inspect -m "$dir/run"

# Exports: nothing is overwritten; file, folder and file again hold the same tensors.
mkdir "$dir/full" && : >"$dir/full/x"
expect 2 'is not empty; give --force' export -m "$m" --out "$dir/full"
expect 0 'the file does not open alone' export -m "$m" --out "$dir/one.safetensors"
expect 2 'is there already; give --force' export -m "$m" --out "$dir/one.safetensors"
works export -m "$dir/one.safetensors" --config "$m" --out "$dir/folder"
works export -m "$dir/folder" --out "$dir/two.safetensors"
cmp "$dir/one.safetensors" "$dir/two.safetensors" || fail "file, folder, file: another file"

# A model of eight latent channels is no InstructPix2Pix, whose UNet answers with four of its eight.
specimen=models/specimen
if [ -f $specimen/unet/diffusion_pytorch_model.safetensors ]; then
    works export -m $specimen --out "$dir/s.safetensors"
    expect 3 '(--config)' inspect -m "$dir/s.safetensors"
    expect 0 'in_channels 8' inspect -m "$dir/s.safetensors" --config $specimen
    works export -m "$dir/s.safetensors" --config $specimen --out "$dir/s"
    works export -m "$dir/s" --out "$dir/s2.safetensors"
    cmp "$dir/s.safetensors" "$dir/s2.safetensors" || fail "the specimen: file, folder, file"
    works generate -m "$dir/s.safetensors" --config $specimen -p "a noto cat" --steps 2 --out "$dir/g1" -q
    works generate -m $specimen -p "a noto cat" --steps 2 --out "$dir/g2" -q
    cmp "$dir/g1/tensors.safetensors" "$dir/g2/tensors.safetensors" || fail "the specimen as a file draws something else"
fi

exit $bad
