#!/bin/sh
# `diffuscope tokenize` on a vocabulary of four letters.
. "$(dirname "$0")/../support.sh"

# As the shared one, for this command, which reads $dir/in.
expect() {
    code=$1 text=$2
    shift 2
    "$d" tokenize "$@" >"$out" 2>&1 <"$dir/in"
    rc=$?
    [ $rc = "$code" ] || fail "tokenize $*: exit $rc, expected $code"
    grep -qF -- "$text" "$out" || fail "tokenize $*: expected to read: $text"
}

m=$dir/model
mkdir -p "$m/tokenizer"
t=$m/tokenizer
: >"$dir/in"
cat >"$t/vocab.json" <<'VOCAB'
{"a": 0, "c": 1, "t": 2, ",": 3, "a</w>": 4, "c</w>": 5, "t</w>": 6, ",</w>": 7, "at</w>": 8,
 "cat</w>": 9, "<|startoftext|>": 10, "<|endoftext|>": 11}
VOCAB
printf '#version: 0.2\na t</w>\nc at</w>\n' >"$t/merges.txt"
echo '{"model_max_length": 6, "tokenizer_class": "CLIPTokenizer"}' >"$t/tokenizer_config.json"
cat >"$m/model_index.json" <<'INDEX'
{"_class_name": "StableDiffusionPipeline", "tokenizer": ["transformers", "CLIPTokenizer"]}
INDEX

json='{"ids": [10, 4, 9, 7, 11, 11], "tokens": ["a</w>", "cat</w>", ",</w>"], "words": '
json=$json'[{"text": "A", "first": 0, "last": 0}, {"text": "cat", "first": 1, "last": 1}, '
json=$json'{"text": ",", "first": 2, "last": 2}], "cut": 0}'
expect 0 "$json" -m "$m" 'A cat,' --json
expect 0 "$json" -m "$t" 'A cat,' --json
printf 'A cat,\n' >"$dir/in"
expect 0 "$json" --json -m "$m" -
expect 0 'cat	cat</w> 9' -m "$m" 'a cat'
expect 0 '"tokens": [], "words": [], "cut": 0' -m "$m" '' --json
expect 0 '"ids": [10, 4, 4, 4, 4, 11]' -m "$m" 'a a a a a a' --json
expect 0 '"cut": 2' -m "$m" 'a a a a a a' --json
expect 0 'the text has 6 tokens; the last 2 are cut off, since the model reads 4' -m "$m" 'a a a a a a'
expect 0 'a</w> 4 (cut off)' -m "$m" 'a a a a a a' --quiet
expect 2 'byte 0xff at offset 2' -m "$m" "$(printf 'a \377')"
printf 'a\0b' >"$dir/in"
expect 2 'zero byte' -m "$m" -
expect 2 'no component tokenizer_2' -m "$m" --tokenizer 2 a
expect 2 '--tokenizer' -m "$m" --tokenizer 3 a
expect 2 'TEXT' -m "$m"
echo 'c a' >>"$t/merges.txt"
expect 3 'the resulting token of the merge' -m "$m" a
expect 3 'merges.txt' -m "$m" a

[ $bad = 0 ] && echo ok
exit $bad
