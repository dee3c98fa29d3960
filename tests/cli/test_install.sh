#!/bin/sh
# make install into a staging folder; then a program is compiled against what was installed, the
# headers are read by C and C++ compilers one by one, and the symbols of the libraries are checked.
build=${BUILD:-build}
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top" || exit 1
dest=$(mktemp -d)
trap 'rm -rf "$dest"' EXIT
bad=0

fail() {
    bad=$((bad + 1))
    echo "FAIL: $*"
}

case $build in
*-address* | *-undefined* | *-thread*)
    echo "skip: a sanitizer's build is not for installing"
    exit 77
    ;;
esac

# The Makefile that runs this test must not lend its flags to the one below.
unset MAKEFLAGS MFLAGS MAKELEVEL
make -s install BUILD="$build" DESTDIR="$dest" PREFIX=/usr >"$dest/log" 2>&1 || {
    cat "$dest/log"
    exit 1
}
usr=$dest/usr
export PKG_CONFIG_PATH="$usr/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$dest"

for f in bin/diffuscope lib/libdiffuscope.a lib/libdiffuscope.so lib/pkgconfig/diffuscope.pc \
    lib/libdiffuscope-report.so lib/libdiffuscope-report.a lib/pkgconfig/diffuscope-report.pc \
    include/diffuscope/base.h share/man/man1/diffuscope.1 share/man/man1/diffuscope-help.1 \
    share/bash-completion/completions/diffuscope; do
    [ -s "$usr/$f" ] || fail "$f was not installed"
done
grep -rqF "$dest" "$usr/lib/pkgconfig" && fail 'diffuscope.pc names the staging folder'

if [ -f models/specimen/model_index.json ]; then
    (cd / && "$usr/bin/diffuscope" sites >/dev/null) || fail 'the specimen was not installed'
else
    echo 'skip: no weights in models/specimen'
fi

# ---- a user's program, shared and static --------------------------------------------------------
cat >"$dest/user.c" <<'END'
#include <diffuscope/base.h>
#include <diffuscope/tensor.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    ds_error err = { 0 };
    ds_bundle *b = NULL;

    if (ds_bundle_load(&b, "/nonexistent.safetensors", &err) != DS_E_IO)
        return 1;
    printf("%s: %s\n", ds_status_name(err.code), err.text);
    return strstr(err.text, "nonexistent") == NULL;
}
END
cc=${CC:-cc}
$cc -std=c11 -Wall -Werror $(pkg-config --cflags diffuscope) "$dest/user.c" \
    $(pkg-config --libs diffuscope) -o "$dest/shared" || fail 'a program does not link (shared)'
LD_LIBRARY_PATH=$usr/lib "$dest/shared" || fail 'the program that was linked shared fails'

cat >"$dest/both.c" <<'END'
#include <diffuscope/optional.h>

int main(void)
{
    ds_report_use();
    return 0;
}
END
$cc -std=c11 $(pkg-config --cflags diffuscope-report) "$dest/both.c" \
    $(pkg-config --libs diffuscope-report) -o "$dest/both" || fail 'a program does not link both libraries'
LD_LIBRARY_PATH=$usr/lib "$dest/both" || fail 'the program that was linked with both fails'
mkdir "$dest/static"
mv "$usr/lib/libdiffuscope.a" "$dest/static/"
$cc -std=c11 $(pkg-config --cflags diffuscope) "$dest/user.c" -L"$dest/static" \
    $(pkg-config --static --libs diffuscope) -o "$dest/archive" ||
    fail 'a program does not link (static)'
"$dest/archive" || fail 'the program that was linked statically fails'
[ "$(pkg-config --modversion diffuscope)" = "$("$usr/bin/diffuscope" --version | cut -d' ' -f2)" ] ||
    fail 'diffuscope.pc and the program disagree about the version'

# ---- every header stands alone, in C and in C++ -------------------------------------------------
for h in "$usr"/include/diffuscope/*.h; do
    echo "#include <diffuscope/${h##*/}>" >"$dest/one.c"
    $cc -std=c11 -Wall -Wextra -pedantic -Werror -fsyntax-only -I"$usr/include" "$dest/one.c" ||
        fail "${h##*/} does not compile alone as C"
    if command -v c++ >/dev/null; then
        c++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only -I"$usr/include" -x c++ "$dest/one.c" ||
            fail "${h##*/} does not compile alone as C++"
    fi
done
command -v c++ >/dev/null || echo 'skip: no C++ compiler here, headers were read as C only'

for h in "$usr"/include/diffuscope/*.h; do
    case $h in */diffuscope.h) continue ;; esac
    grep -q "<diffuscope/${h##*/}>" "$usr/include/diffuscope/diffuscope.h" ||
        fail "diffuscope.h, which includes all headers, lacks ${h##*/}"
done

# ---- symbols ------------------------------------------------------------------------------------
for l in libdiffuscope libdiffuscope-report; do
    nm -D --defined-only "$usr/lib/$l.so"
done | awk '{ print $3 }' | sort >"$dest/exported"
grep -Ev '^ds_[a-z0-9]' "$dest/exported" >"$dest/foreign" &&
    fail "a shared library exports names that are not ds_noun_verb: $(tr '\n' ' ' <"$dest/foreign")"
nm -g --defined-only "$dest/static/libdiffuscope.a" | awk 'NF == 3 { print $3 }' |
    grep -v '^ds_' >"$dest/foreign" &&
    fail "the static library defines names without ds_: $(tr '\n' ' ' <"$dest/foreign")"
cat "$usr"/include/diffuscope/*.h | tr '\n' ' ' | grep -oE 'DS_API [^;(]*[ *]ds_[a-z0-9_]+\(' |
    sed 's/.*[ *]\(ds_[a-z0-9_]*\)($/\1/' | sort -u >"$dest/declared"
[ -s "$dest/declared" ] || fail 'no DS_API declaration was found in the headers'
missing=$(comm -23 "$dest/declared" "$dest/exported" | tr '\n' ' ')
[ -z "$missing" ] || fail "declared in a header, not in the library: $missing"
extra=$(comm -13 "$dest/declared" "$dest/exported" | tr '\n' ' ')
[ -z "$extra" ] || fail "exported, declared in no header: $extra"

# Inside the library names are ds__x; the world's, which its own programs call, are in its headers.
cat world/*.h | grep -oE '\bds_[a-z0-9_]+\(' | tr -d '(' | cat - "$dest/declared" | sort -u >"$dest/known"
nm -g --defined-only "$dest/static/libdiffuscope.a" | awk 'NF == 3 { print $3 }' |
    grep '^ds_[a-z0-9]' | sort -u | comm -13 "$dest/known" - >"$dest/undeclared"
[ -s "$dest/undeclared" ] &&
    fail "public names in the static library that no header declares: $(tr '\n' ' ' <"$dest/undeclared")"

# ---- what the core asks of a machine ------------------------------------------------------------
# A library that a wheel can carry: no fonts, no parser, and glibc of the year 2021.
readelf -d "$usr/lib/libdiffuscope.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
    grep -vE '^lib(dnnl|gomp|png16|jpeg|jansson|utf8proc|z|m|c)\.so|^ld-linux' >"$dest/foreign" &&
    fail "the core links more than it should: $(tr '\n' ' ' <"$dest/foreign")"
readelf -V "$usr/lib/libdiffuscope.so" | grep -o 'GLIBC_2\.[0-9]*' | sort -uV | tail -n 1 >"$dest/newest"
[ -s "$dest/newest" ] || fail 'no version of glibc was found in the core'
printf '%s\nGLIBC_2.34\n' "$(cat "$dest/newest")" | sort -V | tail -n 1 | grep -qx 'GLIBC_2.34' ||
    fail "the core needs $(cat "$dest/newest"), expected at most GLIBC_2.34:" \
        "$(readelf -Ws --dyn-syms "$usr/lib/libdiffuscope.so" | grep "$(cat "$dest/newest")")"

[ $bad = 0 ] || echo "$bad failed"
exit $bad
