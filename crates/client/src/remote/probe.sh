# shellcheck shell=sh
# Looks, and changes nothing. Told: $key, kind and key of the public key; may be empty.
own=$HOME/.local/bin
say home "$HOME"
say user "$(id -un 2>/dev/null)"
say uid "$(id -u 2>/dev/null)"
say system "$(uname -s 2>/dev/null)"
say machine "$(uname -m 2>/dev/null)"
if [ -r /etc/os-release ]; then
    (
        # shellcheck source=/dev/null
        . /etc/os-release
        say distribution "${ID:-} ${ID_LIKE:-}"
        say distribution_name "${PRETTY_NAME:-}"
    )
fi

# What the user's programs are found in: the login shell's, as what is run here later goes through it.
path=$("${SHELL:-/bin/sh}" -l -c 'echo; echo claude-share:path; printenv PATH' </dev/null 2>/dev/null |
    sed -n '/^claude-share:path$/{n;p;q;}')
path=${path:-$PATH}

# The first program named $1 in the directories $2, leaving $3 out.
find_in() {
    (
        set -f
        IFS=:
        for directory in $2; do
            if [ "$directory" != "$3" ] && [ -f "$directory/$1" ] && [ -x "$directory/$1" ]; then
                printf '%s\n' "$directory/$1"
                break
            fi
        done
    )
}
version_of() { "$1" --version </dev/null 2>/dev/null | head -n 1; }

for name in claude-share claude-accounts cs; do
    if [ -e "$own/$name" ]; then
        say "own:$name" "$(version_of "$own/$name")"
        say "sum:$name" "$(sum_of "$own/$name")"
    fi
    installed=$(find_in "$name" "$path:$PATH" "$own")
    if [ -n "$installed" ]; then
        say "installed:$name" "$installed"
        say "installed-version:$name" "$(version_of "$installed")"
    fi
done

if [ ! -e /dev/fuse ]; then say fuse absent
elif (: <>/dev/fuse) 2>/dev/null; then say fuse usable
else say fuse refused
fi
for name in fusermount3 sshfs; do
    say "$name" "$(find_in "$name" "$PATH:$path:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/run/wrappers/bin" '')"
done
say claude "$(find_in claude "$path" '')"
[ -x "$own/claude" ] && say claude-unlisted "$own/claude"

file=$HOME/.ssh/authorized_keys
if [ -n "$key" ] && [ -r "$file" ]; then
    line=$(grep -F -- "$key" "$file" | grep -v '^[[:space:]]*#' | head -n 1)
    case $line in
        '') say authorized no ;;
        *"$key claude-share "*) say authorized ours ;;
        *) say authorized other ;;
    esac
fi
