# shellcheck shell=sh
# Removes what was put there. Told: $key, kind and key, or nothing; $programs, lines of SHA-256, a space and a path.
file=$HOME/.ssh/authorized_keys
if [ -n "$key" ] && [ -r "$file" ] && grep -qF -- "$key claude-share " "$file"; then
    # A link stays one: what it leads to is replaced, by a copy with the same owner and mode.
    target=$(readlink -f "$file") || fail "cannot follow $file"
    new=$target.$$.tmp
    trap 'rm -f "$new"' EXIT
    trap 'exit 1' HUP INT TERM PIPE
    cp -p "$target" "$new" || fail "cannot write $new"
    grep -vF -- "$key claude-share " "$target" >"$new"
    # 1: nothing is left, which is right too.
    [ "$?" -le 1 ] || fail "cannot write $new"
    sync "$new" 2>/dev/null || sync
    mv -f "$new" "$target" || fail "cannot write $target"
    say key removed
fi
[ -z "$programs" ] || printf '%s\n' "$programs" | while IFS=' ' read -r sum path; do
    [ -f "$path" ] || continue
    if [ "$(sum_of "$path")" = "$sum" ] && rm -f "$path"; then say removed "$path"
    else say kept "$path"
    fi
done
