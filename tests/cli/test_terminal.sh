#!/bin/sh
# What comes from prompts and files cannot steer a terminal, on either stream; JSON reads back as it was.
. "$(dirname "$0")/../support.sh"
small_model
esc=$(printf '\033')
evil="${esc}]0;x$(printf '\007\302\233')2J$(printf '\342\200\256')"

# clean ARGUMENTS...: neither stream has a control, nor what turns the direction of writing.
clean() {
    "$d" "$@" >"$dir/1" 2>"$dir/2" </dev/null
    for stream in 1 2; do
        cp "$dir/$stream" "$out"
        LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]' "$dir/$stream" &&
            fail "diffuscope $*: a control on stream $stream"
    done
    cat "$dir/1" "$dir/2" >"$out"
}

clean tokenize -m "$dir/model" "cat $evil dog"
grep -q '?]0;x' "$out" || fail 'the word is not shown at all'
clean tokenize -m "$dir/model" --json "cat $evil dog"
python3 - "$dir/1" "$evil" <<'END' || fail 'JSON does not read back'
import json, sys
assert json.load(open(sys.argv[1]))["words"][1]["text"] == sys.argv[2]
END
clean "$evil"
clean pid "$evil"
clean generate "--$evil"
clean generate "-$evil"
clean generate -m "$dir/$evil" -p x -o "$dir/x.png"
clean generate -m "$dir/model" -p "$evil" --steps 1 -o "$dir/$evil.png"
clean daam -m "$dir/model" -p "a $evil" --steps 1 --out "$dir/daam$evil"
clean info -m "$dir/model" -p "a $evil cat" --word "$evil" --steps 1 --nodes 2 --replicates 3
clean info words -m "$dir/model" -p "a $evil cat" --steps 1 --nodes 2 --replicates 3
clean pid all -m "$dir/model" -p "a $evil cat" --steps 1 --nodes 2 --replicates 3
clean pid all -m "$dir/model" -p "a $evil cat" --words "dog$evil" cat --steps 1 --nodes 2
printf 'nurse\n%s\n' "$evil" >"$dir/occupations"
clean pid bias -m "$dir/model" --attributes male female --occupations-file "$dir/occupations" --pictures 2 --steps 1 \
    --nodes 2 --replicates 3
clean sites -m "$dir/model" "$evil"
clean inspect "$dir/$evil.png"
clean replay "$dir/daam$evil" --out "$dir/again$evil"
clean report "$dir/daam$evil" -o "$dir/page$evil.html"

# one way out: whoever prints otherwise is told
(cd "$(dirname "$0")/../../tools/cli" &&
    grep -nE '\b(printf|puts|putchar)\(|fprintf\(std|fputs\(.*std' ./*.c |
    grep -vE '^\./(help|print|progress|show|cmd_train)\.c') >"$out" && fail 'printed past print.h'

exit $bad
