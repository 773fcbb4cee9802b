# shellcheck shell=sh
# What is told stands in front of this.
# shellcheck disable=SC2154
# Adds a public key, once. Told: $key, kind and key; $line, the whole line.
umask 077
directory=$HOME/.ssh
file=$directory/authorized_keys
[ -d "$directory" ] || mkdir "$directory" || fail "cannot make $directory"
if [ -r "$file" ] && grep -F -- "$key" "$file" | grep -v '^[[:space:]]*#' | grep -q .; then
    say authorized already
else
    # In one write, and in place: a link stays a link, and whoever made the file keeps its owner and mode.
    before=
    if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then
        before='
'
    fi
    printf '%s%s\n' "$before" "$line" >>"$file" || fail "cannot write $file"
    grep -qF -- "$key" "$file" || fail "$file was not written"
    sync "$file" 2>/dev/null || sync
    say authorized added
fi
# Others who could write there could log in: sshd takes no key from such a file.
chmod go-w "$directory" "$file" 2>/dev/null
# Where SELinux is in force, sshd reads only what bears its label.
command -v restorecon >/dev/null 2>&1 && restorecon "$directory" "$file" >/dev/null 2>&1
[ -z "$(find "$HOME" -prune -perm -0020 2>/dev/null)" ] || say home-writable yes
