# shellcheck shell=sh
# What is told stands in front of this.
# shellcheck disable=SC2154
# Puts a program in its place, whole or not at all; its bytes come behind this text. Told: $name, $size in bytes, $sum.
directory=$HOME/.local/bin
new=$directory/.$name.$$.tmp
mkdir -p "$directory" || fail "cannot make $directory"
trap 'rm -f "$new"' EXIT
trap 'exit 1' HUP INT TERM PIPE
(umask 077 && cat >"$new") || fail "cannot write $new: is the disk full?"
[ "$(($(wc -c <"$new")))" -eq "$size" ] || fail 'the connection broke before all of it was there'
came=$(sum_of "$new")
[ -z "$came" ] || [ "$came" = "$sum" ] || fail 'it came with errors'
chmod 755 "$new" || fail "cannot make $new executable"
version=$("$new" --version </dev/null 2>&1 | head -n 1)
case $version in
    "$name "*) ;;
    *)
        say cannot-run "$version"
        finish
        ;;
esac
sync "$new" 2>/dev/null || sync
mv -f "$new" "$directory/$name" || fail "cannot put it at $directory/$name"
say copied "$version"
