#!/bin/sh
# No state runs ahead of its products: what a new run does to the folder of an old one, kills between two
# files, targets that are links or pipes, temporary files of dead processes.
. "$(dirname "$0")/../support.sh"
small_model

# ---- --force: the old run goes, and nothing of the user's -------------------------------------------
expect 0 '' daam -m "$dir/model" -p 'a red cat' -p 'a dog' --steps 2 --out "$dir/many"
echo mine >"$dir/many/mine.txt"
second=$(ls -d "$dir"/many/*/ | tail -n 1)
echo mine >"$second/mine.txt"
python3 - "$dir/many" <<'END' || fail 'run.json does not list the files of the folder'
import json, os, sys
there = {os.path.relpath(os.path.join(d, f), sys.argv[1]) for d, _, names in os.walk(sys.argv[1]) for f in names}
listed = set(json.load(open(sys.argv[1] + "/run.json"))["files"])
assert listed == {f for f in there if not f.endswith("mine.txt")} - {"run.json"}, listed ^ there
END
expect 0 '' daam -m "$dir/model" -p 'one' --steps 2 --out "$dir/many" --force
left=$(cd "$dir/many" && find . -name '*.heat_map.png' -o -name 'mine.txt' | sort | tr '\n' ' ')
[ "$left" = "./${second#"$dir"/many/}mine.txt ./mine.txt ./one.heat_map.png " ] || fail "left: $left"

# names that lead out of the folder are not followed
expect 0 '' generate -m "$dir/model" -p x --steps 2 --out "$dir/run"
echo mine >"$dir/outside"
ln -s .. "$dir/run/up"
python3 - "$dir/run/run.json" "$dir/outside" <<'END'
import json, sys
r = json.load(open(sys.argv[1]))
r["files"] += ["../outside", sys.argv[2], "up/outside", "./../outside", ""]
json.dump(r, open(sys.argv[1], "w"))
END
expect 0 '' generate -m "$dir/model" -p y --steps 2 --out "$dir/run" --force
[ -e "$dir/outside" ] || fail 'a name in run.json led out of the folder'

# an input that the run would remove
expect 2 'belongs to the run in' daam -m "$dir/model" --image "$dir/run/image.png" -p x --out "$dir/run" --force
[ -s "$dir/run/image.png" ] || fail 'the input is gone'

# ---- a kill in between ------------------------------------------------------------------------------
if cc -D_GNU_SOURCE -shared -fPIC -o "$dir/kill.so" "$(dirname "$0")/../data/kill_rename.c" -ldl 2>"$out"; then
    for file in result.json tensors.safetensors image.png report.html run.json; do
        expect 0 '' generate -m "$dir/model" -p x -s 1 --steps 2 --out "$dir/run" --force
        KILL_AT=$file LD_PRELOAD=$dir/kill.so "$d" generate -m "$dir/model" -p x -s 2 --steps 2 \
            --out "$dir/run" --force >"$out" 2>&1
        [ $? = 137 ] || fail "no kill at $file"
        [ ! -e "$dir/run/run.json" ] || fail "killed at $file, and the old run.json is there"
        expect 0 '' generate -m "$dir/model" -p x -s 2 --steps 2 --out "$dir/run" --force
        [ -z "$(find "$dir/run" -name '*.tmp' -o -name run.files)" ] || fail "killed at $file: litter"
    done
    KILL_AT=config.json KILL_N=3 LD_PRELOAD=$dir/kill.so "$d" new-model --like "$dir/small.json" \
        --out "$dir/half" >"$out" 2>&1
    [ ! -e "$dir/half" ] || fail 'half a model is there'
    expect 0 '' new-model --like "$dir/small.json" --out "$dir/half"
    [ -z "$(find "$dir" -maxdepth 1 -name 'half.*')" ] || fail 'litter beside the model'
else
    echo 'no compiler: kills between two files are left out'
fi

# ---- links and pipes --------------------------------------------------------------------------------
echo precious >"$dir/precious"
ln -s "$dir/precious" "$dir/link.png"
mkfifo "$dir/pipe.png"
expect 3 'is a symbolic link' generate -m "$dir/model" -p x --steps 2 -o "$dir/link.png" --force
expect 3 'is a pipe' generate -m "$dir/model" -p x --steps 2 -o "$dir/pipe.png" --force
rm "$dir/run/result.json"
ln -s "$dir/precious" "$dir/run/result.json"
expect 3 'is a symbolic link' generate -m "$dir/model" -p x --steps 2 --out "$dir/run" --force
rm "$dir/run/result.json"
mkfifo "$dir/run/result.json"
expect 3 'is a pipe' info -m "$dir/model" -p 'a cat' --steps 2 --out "$dir/run" --force
[ "$(cat "$dir/precious")" = precious ] || fail 'a link was followed'

exit $bad
