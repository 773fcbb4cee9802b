#!/bin/sh
# Installs, upgrades and removes claude-accounts, claude-share and cs. `sh install.sh --help` tells how.
#
# For POSIX shells (bash, dash, BusyBox ash) and the tools that every Linux has. The brace below closes at the very end:
# a shell runs nothing of a group before it has read all of it, so a download that was cut off does nothing.
{
# Where releases are. Not given out yet: nothing answers at this address, which is how the script knows.
NO_ADDRESS_YET='https://releases.example.invalid/claude-accounts'
BASE_URL=${CLAUDE_ACCOUNTS_BASE_URL:-$NO_ADDRESS_YET}

NAME=claude-accounts
PROGRAMS='claude-accounts claude-share cs'
# What is known about an installation, below its prefix.
STATE=share/claude-accounts
# Ends the names of files that are written and not yet in place.
STAGED=.claude-accounts-new
# What `claude-share server init` leaves, the second for root's eyes only, and what starts its keeper.
SERVER_CONFIG=/etc/claude-share/config
SERVER_STATE=/var/lib/claude-share/state.json
SERVER_UNIT=/etc/systemd/system/claude-share-keeper.service

USAGE=2 NOT_THERE=3 IN_THE_WAY=4 UNWRITABLE=6 NETWORK=8 BAD_INPUT=9 HELD=10 STOPPED=11 LACKING=13 OTHER_MACHINE=14
SERVER_SET_UP=15

help() {
    cat <<'END'
Installs claude-accounts, claude-share and cs, with manual pages, completions, systemd units and documentation.

Usage: sh install.sh [OPTIONS]

What is installed is the first of these that there is:
  1. FILE of --archive FILE, an archive of a release
  2. the unpacked archive that this script lies in
  3. the checkout that this script lies in, built with cargo (some minutes)
  4. the release that REF names, downloaded

Where:
  --user         ~/.local, for you alone (what is done unless you are root)
  --system       /usr/local, for everybody (what is done for root)
  --prefix DIR   DIR, for everybody if root or --system, otherwise for you

What to do:
  --uninstall    remove what was installed there, and nothing that was changed since
  --dry-run      print what would be done, and do nothing
  --force        replace files that something else has put there, keeping each as NAME.~1~; with --uninstall:
                 although a server is set up
  --no-services  install no systemd units, and run no systemctl
  --quiet        print only warnings and errors
  --help         this

Environment:
  REF            which release to download: a version (v0.1.0), the full hash of a commit, or latest
  SHA256         the archive must have this sum, besides the one that lies beside it
  CLAUDE_ACCOUNTS_BASE_URL
                 where the releases are: https://…, or http://127.0.0.1:PORT/… for tests
  TMPDIR         where to unpack; /tmp

Exit codes:
  0   done                                     9   the archive or its sum is wrong
  1   unexpected                               10  another installation is under way
  2   usage                                    11  stopped by you
  3   nothing is installed there               13  a tool is missing
  4   a file of something else is in the way   14  the programs do not run on this machine
  6   disk full, read-only, or no permission   15  a server is set up with these programs
  8   the download failed

Unless it is 1, nothing was changed, or the message says what to do.
END
}

# --- What is said -----------------------------------------------------------------------------------------------------

# Neither ends the script when its reader has gone: that may be in the middle of something.
say() { [ -n "$quiet" ] || printf '%s\n' "$*" 2>/dev/null || true; }

warn() { printf 'warning: %s\n' "$*" >&2 || true; }

# fail CODE MESSAGE [HINT]: ends the script.
fail() {
    told=yes
    printf 'error: %s\n' "$2" >&2 || true
    [ -z "${3-}" ] || printf 'hint: %s\n' "$3" >&2 || true
    exit "$1"
}

# For paths in lines to type.
quoted() {
    case $1 in
    *[!A-Za-z0-9._/+@:~-]*) printf "'%s'" "$1" ;;
    *) printf '%s' "$1" ;;
    esac
}

# --- Options ----------------------------------------------------------------------------------------------------------

read_options() {
    scope='' prefix='' archive='' uninstall='' dry_run='' force='' services=yes quiet=''
    while [ $# -gt 0 ]; do
        case $1 in
        --user | --system)
            [ -z "$scope" ] || [ "$scope" = "${1#--}" ] || fail $USAGE '--user and --system contradict each other'
            scope=${1#--}
            ;;
        --prefix | --archive)
            [ -n "${2-}" ] || fail $USAGE "$1 needs a value" 'See --help.'
            set_value "$1" "$2"
            shift
            ;;
        --prefix=?* | --archive=?*) set_value "${1%%=*}" "${1#*=}" ;;
        --uninstall) uninstall=yes ;;
        --dry-run) dry_run=yes ;;
        --force) force=yes ;;
        --no-services) services='' ;;
        --quiet | -q) quiet=yes ;;
        --help | -h)
            help
            exit 0
            ;;
        *) fail $USAGE "there is no option $1" 'See --help.' ;;
        esac
        shift
    done
}

set_value() {
    case $1 in
    --prefix) prefix=$2 ;;
    --archive) archive=$2 ;;
    esac
}

# --- The machine ------------------------------------------------------------------------------------------------------

check_tools() {
    missing=''
    for tool in awk cat chmod cmp cp cut dirname find grep gzip id ln mkdir mktemp mv od readlink rm rmdir sed sort tar tr \
        uname uniq xargs; do
        command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
    done
    sum_tool=''
    for tool in 'sha256sum' 'shasum -a 256'; do
        if [ -z "$sum_tool" ] && command -v "${tool%% *}" >/dev/null 2>&1; then sum_tool=$tool; fi
    done
    [ -n "$sum_tool" ] || missing="$missing sha256sum"
    [ -z "$missing" ] || fail $LACKING "this needs tools that are not in PATH:$missing" 'Install them, and run this again.'
}

check_machine() {
    system=$(uname -s)
    [ "$system" = Linux ] || fail $OTHER_MACHINE "releases are for Linux, and this is $system"
    case $(uname -m) in
    x86_64 | amd64) machine=x86_64 ;;
    aarch64 | arm64) machine=aarch64 ;;
    *) machine=$(uname -m) ;;
    esac
}

# Decides `prefix`, absolute, and `scope`, user or system.
choose_place() {
    if [ -z "$scope" ]; then
        if [ "$(id -u)" = 0 ]; then scope=system; else scope=user; fi
        # Of an installed script, what it belongs to.
        if [ -n "$uninstall" ] && [ -z "$prefix" ] && installed_with_this; then prefix=$own_prefix; fi
    fi
    if [ -n "$prefix" ]; then
        case $prefix in /*) ;; *) prefix=$(pwd)/$prefix ;; esac
    elif [ "$scope" = system ]; then
        prefix=/usr/local
    else
        own_home
        prefix=$HOME/.local
    fi
    while [ "${prefix%/}" != "$prefix" ] && [ "$prefix" != / ]; do prefix=${prefix%/}; done
    # What cannot be written into a unit, or means something else there.
    case $prefix in
    / | *\"* | *\'* | *\\* | *\$* | *\`* | *\** | *\?* | *\[* | *[[:cntrl:]]* | */../* | */.. | */./* | */. | *//*)
        fail $USAGE "not a directory to install into: $prefix" 'Give its whole path, without quotes, wildcards, . and ..'
        ;;
    esac
    bin=$prefix/bin
}

# With sudo, HOME may still be the caller's: root's files do not belong there.
own_home() {
    case ${HOME-} in
    /?*) ;;
    *) fail $USAGE 'HOME is not set, so there is no ~/.local' 'Give the directory: --prefix DIR' ;;
    esac
    if [ -d "$HOME" ] && [ -z "$(find "$HOME/." -prune -user "$(id -u)" 2>/dev/null)" ]; then
        fail $USAGE "$HOME is another user's" 'For yourself, run this without sudo; for everybody: --system'
    fi
}

# Whether this script lies in an installation, and then its prefix in `own_prefix`.
installed_with_this() {
    [ -n "$here" ] && [ -f "$here/manifest" ] || return 1
    own_prefix=${here%/"$STATE"}
    [ "$own_prefix" != "$here" ]
}

# Where this script lies; nothing if it comes from a pipe.
find_here() {
    here=''
    case $0 in
    install.sh | */install.sh) [ ! -f "$0" ] || here=$(cd -P -- "$(dirname -- "$0")" && pwd) ;;
    esac
    # In /tmp and its like, what lies beside the script may be anybody's.
    if [ -n "$here" ] && [ -n "$(find "$here/." -prune -perm -1002 2>/dev/null)" ]; then here=''; fi
}

# --- Sums -------------------------------------------------------------------------------------------------------------

# Of the files named on the standard input, in this directory: SUM NAME. The names are harmless: check_names.
sums() {
    # shellcheck disable=SC2086 # Of program and arguments.
    xargs $sum_tool -- | sed 's/^\([0-9a-f]\{64\}\) [ *]\(.*\)$/\1 \2/'
}

sum_of() {
    # shellcheck disable=SC2086 # Of program and arguments.
    $sum_tool <"$1" | cut -c 1-64
}

is_sum() {
    case $1 in *[!0-9a-f]*) return 1 ;; esac
    [ ${#1} = 64 ]
}

lower_case() { printf '%s' "$1" | tr 'ABCDEF' 'abcdef'; }

# --- What is installed: `tree`, a directory as in an archive ----------------------------------------------------------

get_tree() {
    version=''
    if [ -n "$archive" ]; then
        [ -f "$archive" ] || fail $BAD_INPUT "there is no file $archive"
        say "from the archive $archive"
        take_archive "$archive" "$archive.sha256"
    elif [ -n "$here" ] && [ -f "$here/SHA256SUMS" ] && [ -d "$here/bin" ]; then
        tree=$here
        version_of_directory "${tree##*/}"
        pinned_is "$version"
        origin=$tree
        say "from the unpacked archive $tree"
    elif [ -n "$here" ] && [ -f "$here/Cargo.toml" ] && [ -d "$here/xtask" ]; then
        pinned_is ''
        build
    else
        download
    fi
    if [ -n "$tree" ]; then
        check_tree
        check_processor
    fi
}

# A REF that asks for something else than what this script lies in must not be passed over.
pinned_is() {
    [ -z "${SHA256-}" ] || fail $USAGE 'SHA256 is the sum of an archive, and what this script lies in is none' 'Unset it.'
    [ -n "${REF-}" ] || return 0
    [ -n "$1" ] && [ "${REF#v}" = "$1" ] && return 0
    fail $USAGE "REF asks for $REF, but this script lies in ${1:+release }${1:-a checkout}: $here" \
        'Unset REF, or download: sh -s <install.sh'
}

version_of_directory() {
    case $1 in
    "$NAME"-[0-9]*-*-linux)
        version=${1#"$NAME"-}
        version=${version%-linux}
        version=${version%-*}
        ;;
    esac
}

build() {
    command -v cargo >/dev/null 2>&1 || fail $LACKING "this is a checkout, and cargo, which builds it, is not in PATH" \
        'As the user who has it: cargo xtask dist; then here: --archive target/dist/ARCHIVE'
    version=$(sed -n 's/^version = "\([^"]*\)".*/\1/p' "$here/Cargo.toml" | sed 1q)
    built=$(cd "$here" && cargo metadata --format-version 1 --no-deps 2>/dev/null |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    built=${built:-$here/target}/dist/$NAME-$version-$machine-linux.tar.gz
    say "from the checkout $here, built with: cargo xtask dist"
    if [ -n "$dry_run" ]; then
        say "would install $built"
        tree=''
        return 0
    fi
    # What is there already may be of other sources.
    rm -f -- "$built"
    (cd "$here" && cargo xtask dist) >&2 || fail 1 'the checkout could not be built'
    [ -f "$built" ] || fail 1 "cargo xtask dist made no $built"
    take_archive "$built" "$built.sha256"
}

# take_archive ARCHIVE SUM-FILE: checks and unpacks it.
take_archive() {
    [ -r "$1" ] || fail 1 "cannot read $1"
    # A copy, so that what is unpacked is what was summed, whoever may write to the file meanwhile.
    taken=$work/archive.tar.gz
    cat <"$1" >"$taken" || unwritable "$work"
    found=$(sum_of "$taken")
    if [ -f "$2" ]; then
        expected=$(sum_in "$2" "${1##*/}")
        is_sum "$expected" || fail $BAD_INPUT "$2 has no SHA-256 sum of ${1##*/}"
        [ "$found" = "$expected" ] || fail $BAD_INPUT "${1##*/} has the sum $found, and not $expected as ${2##*/} says" \
            'It is damaged, or not what was published. Nothing was installed.'
    elif [ -z "${SHA256-}" ]; then
        warn "no $2: only the sums inside of the archive are checked"
    fi
    if [ -n "${SHA256-}" ]; then
        expected=$(lower_case "$SHA256")
        is_sum "$expected" || fail $USAGE 'SHA256 is not the 64 hexadecimal digits of a sum' 'As sha256sum prints it.'
        [ "$found" = "$expected" ] || fail $BAD_INPUT "${1##*/} has the sum $found, and not $expected as SHA256 says" \
            'It is not what you pinned. Nothing was installed.'
    fi
    unpack "$taken" "${1##*/}"
}

# The sum in a file as sha256sum writes it: of that name, or alone.
sum_in() {
    awk -v name="$2" '
        { file = $2; sub(/^\*/, "", file); sub(/.*\//, "", file) }
        NR == 1 && (NF == 1 || file == name) { print tolower($1) }' "$1"
}

# unpack ARCHIVE NAME: nothing that could come to lie elsewhere. Messages call it NAME.
unpack() {
    wrong="$2 is no archive of a release"
    gzip -dc <"$1" >"$work/archive.tar" 2>"$work/complaint" || unpacking_failed "$wrong"
    tar -tf "$work/archive.tar" >"$work/names" 2>"$work/complaint" || unpacking_failed "$wrong"
    tar -tvf "$work/archive.tar" >"$work/listing" 2>"$work/complaint" || unpacking_failed "$wrong"
    top=$(sed -n '1s|/.*||p' "$work/names")
    case $top in
    "$NAME"-[0-9]*-*-linux) ;;
    *) fail $BAD_INPUT "$wrong: it begins with $(sed 1q "$work/names")" ;;
    esac
    check_names "$work/names" "$wrong"
    outside=$(awk -v top="$top" '$0 != top && index($0, top "/") != 1 { print; exit }' "$work/names")
    [ -z "$outside" ] || fail $BAD_INPUT "$wrong: $outside lies beside $top"
    # Types as `ls` writes them; BusyBox writes a hard link as a file.
    odd=$(grep -v '^[-d]' "$work/listing" | sed 1q) || true
    [ -n "$odd" ] || odd=$(grep -e ' -> ' -e ' link to ' "$work/listing" | sed 1q) || true
    [ -z "$odd" ] || fail $BAD_INPUT "$wrong: it holds more than files and directories: $odd"
    mkdir "$work/unpacked" || fail $UNWRITABLE "cannot write in $work"
    (cd "$work/unpacked" && tar -xof "$work/archive.tar") 2>"$work/complaint" || unpacking_failed "$wrong"
    rm -f "$work/archive.tar" "$1"
    tree=$work/unpacked/$top
    origin=$2
    version_of_directory "$top"
}

unpacking_failed() {
    complaint=$(sed -n '/./{p;q;}' "$work/complaint")
    case $complaint in
    *[Nn]o\ space* | *[Qq]uota* | *short\ write*) unwritable "$work" ;;
    esac
    fail $BAD_INPUT "$1: $complaint"
}

# Only these letters, so that a name is one word of a line, and no option, for every tool here.
check_names() {
    odd=$(LC_ALL=C grep -v '^[A-Za-z0-9_][A-Za-z0-9._+@/-]*$' "$1" | sed 1q) || true
    [ -n "$odd" ] || odd=$(grep -E '(^|/)\.\.?(/|$)|//|/-' "$1" | sed 1q) || true
    [ -z "$odd" ] || fail $BAD_INPUT "$2: it holds the name $odd"
}

# Every file is one that SHA256SUMS lists, as it lists it. Leaves `SUM NAME` of all in tree-sums.
check_tree() {
    wrong="$origin is no archive of a release"
    odd=$(cd "$tree" && find . ! -type f ! -type d | sed -n '1s|^\./||p')
    [ -z "$odd" ] || fail $BAD_INPUT "$wrong: $odd is neither file nor directory"
    (cd "$tree" && find . -type f) | sed 's|^\./||' | sort >"$work/files"
    check_names "$work/files" "$wrong"
    for file in bin/claude-accounts bin/claude-share bin/cs install.sh SHA256SUMS; do
        [ -f "$tree/$file" ] || fail $BAD_INPUT "$wrong: $file is missing"
    done
    if grep -q -e "^$STATE/manifest" -e "$STAGED" "$work/files"; then fail $BAD_INPUT "$wrong: it holds a manifest"; fi
    grep -vx SHA256SUMS "$work/files" >"$work/summed"
    (cd "$tree" && sums) <"$work/summed" | sort -k 2 >"$work/tree-sums"
    sed -n 's/^\([0-9a-f]\{64\}\) [ *]\(\.\/\)\{0,1\}\(.*\)$/\1 \3/p' "$tree/SHA256SUMS" | sort -k 2 >"$work/listed-sums"
    if ! cmp -s "$work/tree-sums" "$work/listed-sums"; then
        odd=$(sort "$work/tree-sums" "$work/listed-sums" | uniq -u | sed -n '1s/^[^ ]* //p')
        fail $BAD_INPUT "$odd is not as SHA256SUMS in $origin says" \
            'It is damaged or was changed: get the archive anew. Nothing was installed.'
    fi
}

# By the header of an ELF program: whether it is for another processor.
check_processor() {
    [ "$(od -An -tx1 -N4 "$tree/bin/$NAME" | tr -d ' ')" = 7f454c46 ] || return 0
    case $(od -An -tx1 -j18 -N2 "$tree/bin/$NAME" | tr -d ' ') in
    3e00) for_machine=x86_64 ;;
    b700) for_machine=aarch64 ;;
    *) for_machine='another processor' ;;
    esac
    [ "$for_machine" = "$machine" ] ||
        fail $OTHER_MACHINE "these programs are for $for_machine, and this machine is $machine" 'Take the archive for it.'
}

# --- Downloads --------------------------------------------------------------------------------------------------------

download() {
    BASE_URL=${BASE_URL%/}
    case ${REF-} in
    '') fail $USAGE 'which release? Nothing lies beside this script to install' \
        'Name a version, as in REF=v0.1.0, or the full hash of a commit, or take the newest: REF=latest' ;;
    latest) ;;
    v[0-9]* | [0-9]*.[0-9]*.[0-9]*) check_version "${REF#v}" ;;
    *) is_commit "$REF" || fail $USAGE "REF is no version, no full hash of a commit, and not latest: $REF" \
        'As in: REF=v0.1.0' ;;
    esac
    check_address
    find_version
    file=$NAME-$version-$machine-linux.tar.gz
    say "from the release $BASE_URL/$release/$file"
    fetch "$BASE_URL/$release/$file.sha256" "$work/$file.sha256"
    fetch "$BASE_URL/$release/$file" "$work/$file"
    take_archive "$work/$file" "$work/$file.sha256"
}

check_version() {
    case $1 in
    *[!A-Za-z0-9.+-]* | *..*) fail "${2:-$USAGE}" "not a version: $1" 'As in: REF=v0.1.0' ;;
    [0-9]*.[0-9]*.[0-9]*) ;;
    *) fail "${2:-$USAGE}" "not a version: $1" 'As in: REF=v0.1.0' ;;
    esac
}

is_commit() {
    case $1 in *[!0-9a-f]*) return 1 ;; esac
    [ ${#1} = 40 ]
}

# Encrypted, or from this machine itself.
check_address() {
    if [ "$BASE_URL" = "$NO_ADDRESS_YET" ]; then
        fail $USAGE 'this project has no public address for releases yet' \
            'Say where they are: CLAUDE_ACCOUNTS_BASE_URL=https://…; or install from an archive: --archive FILE'
    fi
    case $BASE_URL in
    *[!A-Za-z0-9._~:/%+-]*) ;;
    https://?*) return 0 ;;
    http://127.0.0.1:*)
        port=${BASE_URL#http://127.0.0.1:}
        case ${port%%/*} in '' | *[!0-9]*) ;; *) return 0 ;; esac
        ;;
    http://127.0.0.1/* | http://127.0.0.1) return 0 ;;
    esac
    fail $USAGE "releases are downloaded over https only, not from $BASE_URL" 'Set CLAUDE_ACCOUNTS_BASE_URL=https://…'
}

# Decides `release`, the directory of the release, and `version`. A release that is not named by its version says it.
find_version() {
    release=$REF
    case $REF in
    v*) version=${REF#v} ;;
    *.*) version=$REF release=v$REF ;;
    *)
        case $REF:$BASE_URL in
        # GitHub has the newest release's files at an address of its own.
        latest:*/github.com/*/releases/download) fetch "${BASE_URL%/*}/latest/download/VERSION" "$work/VERSION" ;;
        *) fetch "$BASE_URL/$REF/VERSION" "$work/VERSION" ;;
        esac
        version=$(sed 1q "$work/VERSION")
        check_version "$version" $BAD_INPUT
        [ "$REF" != latest ] || release=v$version
        ;;
    esac
}

# fetch ADDRESS FILE
fetch() {
    if command -v curl >/dev/null 2>&1; then
        fetch_with_curl "$1" "$2"
    elif command -v wget >/dev/null 2>&1; then
        fetch_with_wget "$1" "$2"
    else
        fail $LACKING 'downloading needs curl or wget' 'Install curl, and run this again.'
    fi || fail $NETWORK "could not download $1" \
        'Is there such a release for this machine, and is the network there? Nothing was installed.'
}

fetch_with_curl() {
    case $1 in
    https:*) set -- "$1" "$2" --proto '=https' --proto-redir '=https' --tlsv1.2 --location --max-redirs 10 ;;
    *) set -- "$1" "$2" --proto '=http' --noproxy 127.0.0.1 ;;
    esac
    from=$1 to=$2
    shift 2
    # First -q: no settings of the user's.
    set -- "$@" --connect-timeout 30 --speed-limit 1 --speed-time 60 --output "$to" -- "$from"
    curl -q --fail --silent --show-error "$@" && return 0
    # What curl says of a disk that is full.
    [ $? != 23 ] || unwritable "$work"
    return 1
}

# GNU Wget can be led away from https by a redirect, and BusyBox's does not look whom it talks to (and version 1.35 crashes
# when it is given a time limit): what they may do without a sum that was pinned is less.
fetch_with_wget() {
    if wget --version 2>/dev/null | sed 1q | grep -q '^GNU Wget'; then
        redirects=0
        [ -z "${SHA256-}" ] || redirects=10
        wget --no-config -q --timeout=60 --max-redirect=$redirects -O "$2" "$1"
    else
        case $1 in
        https:*) [ -n "${SHA256-}" ] || fail $LACKING 'this wget does not check who it downloads from' \
            'Install curl, or pin the archive with SHA256=…' ;;
        esac
        wget -q -O "$2" "$1"
    fi
}

# --- The plan ---------------------------------------------------------------------------------------------------------

# What becomes of each file: `SUM MODE PLACE SOURCE`, the place below the prefix.
make_plan() {
    : >"$work/plan"
    # systemd reads other places of a user's than of everybody's.
    if [ "$scope" = system ]; then units=lib/systemd; else units=share/systemd; fi
    # As a unit writes it: `%` begins a specifier, and a space ends a word. Then as sed does.
    bin_in_units=$(printf '%s' "$bin" | sed -e 's/%/%%/g' -e 's/ /\\x20/g' -e 's/[\\&|]/\\&/g')
    while read -r sum place; do
        case $place in
        bin/*) plan_file "$sum" 755 "$place" "$tree/$place" ;;
        share/*) plan_file "$sum" 644 "$place" "$tree/$place" ;;
        install.sh) plan_file "$sum" 755 "$STATE/$place" "$tree/$place" ;;
        lib/systemd/user/*) plan_unit "$place" "$units/${place#lib/systemd/}" ;;
        lib/systemd/system/*) [ "$scope" != system ] || plan_unit "$place" "$place" ;;
        esac
    done <"$work/tree-sums"
}

plan_file() { printf '%s %s %s %s\n' "$1" "$2" "$3" "$4" >>"$work/plan"; }

plan_unit() {
    [ -n "$services" ] || return 0
    written=$work/units/$2
    mkdir -p "${written%/*}" || unwritable "$work"
    sed "s|@BINDIR@|$bin_in_units|g" "$tree/$1" >"$written" || unwritable "$work"
    plan_file "$(sum_of "$written")" 644 "$2" "$written"
}

# --- What is there ----------------------------------------------------------------------------------------------------

# Reads both lists of what was installed here: the one in force, and one of a run that did not end. Leaves
# `SUM PLACE` in owned, and the directories that were made in owned-directories. A place that no list of ours would
# hold makes the list somebody else's.
read_manifests() {
    : >"$work/owned"
    : >"$work/owned-directories"
    old_version='' old_scope=''
    for manifest in "$prefix/$STATE/manifest" "$prefix/$STATE/manifest.new"; do
        [ -f "$manifest" ] || continue
        sed 1q "$manifest" | grep -qx "$NAME manifest 1" ||
            fail $BAD_INPUT "$manifest is none that this script understands" 'It may be of a newer one: take that.'
        awk '$1 == "file" { print $2, $4 } $1 == "old" { print $2, $3 }' "$manifest" >>"$work/owned"
        # What removes it may be root, and who wrote it another.
        sed -n 's/^directory //p' "$manifest" | awk -v prefix="$prefix" '
            !/\/\.\.(\/|$)/ && (index($0 "/", prefix "/") == 1 || index(prefix "/", $0 "/") == 1)
        ' >>"$work/owned-directories"
        [ -n "$old_version" ] || [ "${manifest%.new}" != "$manifest" ] ||
            old_version=$(sed -n 's/^version //p' "$manifest")
        old_scope=$(sed -n 's/^scope //p' "$manifest")
    done
    sed 's/^[^ ]* //' "$work/owned" >"$work/owned-places"
    check_names "$work/owned-places" "the manifest in $prefix/$STATE is not this script's"
}

# Of each place of the plan and of what was installed: what is there now. `SUM PLACE` in present; what is no file in odd.
look_around() {
    { sed 's/^[^ ]* [^ ]* \([^ ]*\) .*/\1/' "$work/plan" && cat "$work/owned-places"; } | sort -u >"$work/places"
    : >"$work/present-places"
    : >"$work/odd"
    while read -r place; do
        if [ -h "$prefix/$place" ] || { [ -e "$prefix/$place" ] && [ ! -f "$prefix/$place" ]; }; then
            printf '%s\n' "$place" >>"$work/odd"
        elif [ -e "$prefix/$place" ]; then
            printf '%s\n' "$place" >>"$work/present-places"
        fi
    done <"$work/places"
    : >"$work/present"
    [ -s "$work/present-places" ] || return 0
    (cd "$prefix" && sums) <"$work/present-places" >"$work/present" ||
        fail $UNWRITABLE "not all files in $prefix can be read" 'Are they of another user?'
}

# Decides what to do for each file of the plan: `ACTION MODE PLACE SOURCE` in actions. And for each file that was installed
# and is no longer of it: `remove PLACE` or `keep PLACE` in removals.
decide() {
    awk -v owned="$work/owned" -v present="$work/present" -v odd="$work/odd" -v removals="$work/removals" '
        BEGIN {
            while ((getline line < owned) > 0) { split(line, word, " "); ours[word[1], word[2]]; known[word[2]] }
            while ((getline line < present) > 0) { split(line, word, " "); there[word[2]] = word[1] }
            while ((getline line < odd) > 0) strange[line]
            printf "" > removals
        }
        {
            source = $0; sub(/^[^ ]* [^ ]* [^ ]* /, "", source)
            planned[$3]
            if ($3 in strange) action = "odd"
            else if (!($3 in there)) action = "make"
            else if (there[$3] == $1) action = "same"
            else if ((there[$3], $3) in ours) action = "replace"
            else if ($3 in known) action = "changed"
            else action = "foreign"
            print action, $2, $3, source
        }
        END {
            for (place in known) {
                if (place in planned) continue
                if ((place in there) && ((there[place], place) in ours)) print "remove", place > removals
                else if ((place in there) || (place in strange)) print "keep", place > removals
            }
        }' "$work/plan" >"$work/actions" || fail 1 'cannot decide what to do'
    sort -o "$work/removals" "$work/removals"
    settle_conflicts
}

# Makes `replace` or `save` of what somebody else has put there, or refuses.
settle_conflicts() {
    grep -e '^odd ' -e '^changed ' -e '^foreign ' "$work/actions" >"$work/conflicts" || return 0
    grep -v -e '^odd ' -e '^changed ' -e '^foreign ' "$work/actions" >"$work/settled" || true
    while read -r action mode place source; do
        if [ -d "$prefix/$place" ] && [ ! -h "$prefix/$place" ]; then
            fail $IN_THE_WAY "there is a directory where a file belongs: $prefix/$place" \
                'Move it away. Nothing was changed.'
        elif [ "$action" != odd ] && is_our_program "$place"; then
            action=replace
        elif [ "$action" = changed ] || [ -n "$force" ]; then
            action=save
        else
            fail $IN_THE_WAY "something else has put $prefix/$place there" \
                'Move it away; or replace it, keeping it beside: --force. Nothing was changed.'
        fi
        printf '%s %s %s %s\n' "$action" "$mode" "$place" "$source" >>"$work/settled"
    done <"$work/conflicts"
    mv "$work/settled" "$work/actions"
}

# Whether the file is one of the programs, put there by other means (`claude-share client init`, by hand): it says so.
# One that belongs to another user is not started.
is_our_program() {
    case " $PROGRAMS " in *" ${1#bin/} "*) ;; *) return 1 ;; esac
    [ -n "$(find "$prefix/$1" -prune \( -user 0 -o -user "$(id -u)" \) 2>/dev/null)" ] || return 1
    says=$("$prefix/$1" --version 2>/dev/null | sed 1q) || return 1
    case $says in "${1#bin/} "[0-9]*.[0-9]*) return 0 ;; esac
    return 1
}

# The directories that are missing, each after the one that it lies in, in new-directories.
find_missing_directories() {
    { sed 's/^[^ ]* [^ ]* \([^ ]*\) .*/\1/' "$work/plan" && echo "$STATE/manifest"; } |
        sed 's|/[^/]*$||' | sort -u >"$work/directories"
    : >"$work/missing"
    while read -r directory; do
        directory=$prefix/$directory
        until [ -d "$directory" ] || [ -z "$directory" ]; do
            printf '%s\n' "$directory" >>"$work/missing"
            directory=${directory%/*}
        done
    done <"$work/directories"
    sort -u "$work/missing" >"$work/new-directories"
}

# Prints what is ahead, by versions.
announce() {
    if [ -z "$old_version" ]; then
        doing="installing $NAME $version"
    elif [ "$old_version" = "$version" ]; then
        doing="installing $NAME $version again"
    elif is_older "$version" "$old_version"; then
        doing="downgrading $NAME $old_version → $version"
        warn "$version is older than $old_version, which is installed: it may not understand what that has written"
    else
        doing="upgrading $NAME $old_version → $version"
    fi
    say "$doing in $prefix"
}

# Compares the numbers; what follows them (-rc.1) does not count.
is_older() {
    awk -v one="$1" -v other="$2" 'BEGIN {
        split(one, a, /[.+-]/); split(other, b, /[.+-]/)
        for (i = 1; i <= 3; i++) if (a[i] + 0 != b[i] + 0) exit !(a[i] + 0 < b[i] + 0)
        exit 1
    }'
}

print_plan() {
    while read -r directory; do say "would make the directory $directory"; done <"$work/new-directories"
    while read -r action mode place source; do
        case $action in
        make) say "would install $prefix/$place" ;;
        replace) say "would replace $prefix/$place" ;;
        save) say "would replace $prefix/$place, and keep it beside" ;;
        esac
    done <"$work/actions"
    print_removals
}

print_removals() {
    while read -r action place; do
        case $action in
        remove) say "would remove $prefix/$place" ;;
        keep) say "would keep $prefix/$place, which was changed since it was installed" ;;
        esac
    done <"$work/removals"
}

# --- Installing -------------------------------------------------------------------------------------------------------

install() {
    get_tree
    [ -n "$tree" ] || return 0
    if [ -z "$version" ]; then
        version=$("$tree/bin/$NAME" --version 2>/dev/null | sed -n "1s/^$NAME //p") || version=''
        [ -n "$version" ] || fail $OTHER_MACHINE "$tree/bin/$NAME does not run on this machine"
    fi
    check_version "$version" $BAD_INPUT
    make_plan
    find_missing_directories
    read_manifests
    look_around
    decide
    announce
    if [ -n "$dry_run" ]; then
        print_plan
        return 0
    fi
    undo=installation
    if [ -d "$prefix/$STATE" ]; then
        lock
        same_as_before
        write_manifests "$prefix/$STATE"
    else
        make_state
    fi
    make_directories
    stage
    try_staged
    put_in_place
    tell_systemd
    tell_result
}

unwritable() {
    fail $UNWRITABLE "cannot write in $1" \
        "Is the disk full, is it read-only, or is it not yours? Nothing was changed. For everybody: sudo; for you: --user"
}

# The list of what is made has to be there before it is made, and so has its directory: that appears with the list and the
# lock in it, by one rename.
make_state() {
    first=$(awk -v state="$prefix/$STATE/" 'index(state, $0 "/") == 1 { print; exit }' "$work/new-directories")
    nest=${first%/*}/.${first##*/}$STAGED
    # Of runs that were killed.
    for left in "$nest".*; do
        [ ! -d "$left" ] || [ -d "/proc/${left##*.}" ] || rm -rf -- "$left"
    done
    nest=$nest.$$
    place=$prefix/$STATE
    state=$nest${place#"$first"}
    mkdir -p -- "$state" 2>/dev/null || unwritable "${first%/*}"
    ln -s "$$" "$state/lock" || unwritable "${first%/*}"
    write_manifests "$state"
    [ ! -e "$first" ] || fail $HELD "another installation in $prefix has just begun" 'Run this again.'
    mv -- "$nest" "$first" || unwritable "${first%/*}"
    if [ "$(readlink "$prefix/$STATE/lock")" != $$ ]; then
        nest=$first/${nest##*/}
        fail $HELD "another installation in $prefix has just begun" 'Run this again.'
    fi
    nest='' locked=$prefix/$STATE/lock
}

make_directories() {
    while read -r directory; do
        [ -d "$directory" ] || mkdir -- "$directory" 2>/dev/null || [ -d "$directory" ] || unwritable "${directory%/*}"
    done <"$work/new-directories"
}

# A link is made whole or not at all. What it names is a process; one that was killed holds nothing.
lock() {
    lock_file=$prefix/$STATE/lock
    [ -w "$prefix/$STATE" ] || unwritable "$prefix/$STATE"
    until ln -s "$$" "$lock_file" 2>/dev/null; do
        holder=$(readlink "$lock_file") || unwritable "$prefix/$STATE"
        if [ -n "$holder" ] && [ "$holder" != "$$" ] && [ -d "/proc/$holder" ]; then
            fail $HELD "another installation in $prefix is under way: process $holder" \
                "Wait for it. If that is something else: rm $(quoted "$lock_file")"
        fi
        rm -f -- "$lock_file" || unwritable "$prefix/$STATE"
    done
    locked=$lock_file
}

# What was decided was decided before the lock was had.
same_as_before() {
    mv "$work/owned" "$work/owned-before"
    read_manifests
    cmp -s "$work/owned" "$work/owned-before" ||
        fail $HELD "another installation in $prefix has just ended" 'Run this again.'
}

# Into the directory STATE. manifest.new is there before the first file is, and knows the files of both versions: whoever
# finds it knows what may have been done. manifest.final takes the place of the old manifest in the end.
write_manifests() {
    final=$work/manifest.final
    {
        printf '%s\n' "$NAME manifest 1" "version $version" "scope $scope"
        sed 's/^/directory /' "$work/owned-directories" "$work/new-directories" | sort -u
        sed 's/^\([^ ]*\) \([^ ]*\) \([^ ]*\) .*/file \1 \2 \3/' "$work/plan"
    } >"$final" || unwritable "$work"
    if [ -f "$prefix/$STATE/manifest.new" ]; then cp "$prefix/$STATE/manifest.new" "$work/manifest.interrupted"; fi
    staged_begun=yes
    { cat "$final" && sort -u "$work/owned" | sed 's/^/old /'; } >"$work/manifest.new" || unwritable "$work"
    for manifest in manifest.new manifest.final; do
        cp "$work/$manifest" "$1/$manifest$STAGED" 2>/dev/null || unwritable "$1"
    done
    mv -f "$1/manifest.new$STAGED" "$1/manifest.new" || unwritable "$1"
}

# The name of a file beside `PLACE` until it is put in place.
staged() { staged=$prefix/${1%/*}/.${1##*/}$STAGED; }

stage() {
    while read -r action mode place source; do
        [ "$action" != same ] || continue
        staged "$place"
        cp -- "$source" "$staged" 2>/dev/null || unwritable "$prefix/${place%/*}"
        chmod "$mode" "$staged" || unwritable "$prefix/${place%/*}"
    done <"$work/actions"
}

# Before anything is in place: whether the programs run here and are what they are said to be.
try_staged() {
    for program in $PROGRAMS; do
        staged "bin/$program"
        [ -f "$staged" ] || staged=$bin/$program
        says=$("$staged" --version 2>&1 | sed 1q) || says="exit code $?"
        [ "$says" = "$program $version" ] && continue
        fail $OTHER_MACHINE "$program does not run in $bin: ${says:-it says nothing}" \
            'Is it for another system, or is that file system mounted noexec? Nothing was changed.'
    done
}

# From here on it goes forward only: what is interrupted is finished by running it again.
put_in_place() {
    trap '' INT TERM HUP PIPE
    undo=''
    unfinished="Run this again to finish what was begun in $prefix."
    while read -r action mode place source; do
        case $action in
        same)
            chmod "$mode" "$prefix/$place" 2>/dev/null || true
            continue
            ;;
        save) save "$place" ;;
        esac
        staged "$place"
        mv -f -- "$staged" "$prefix/$place" || fail $UNWRITABLE "cannot replace $prefix/$place" "$unfinished"
    done <"$work/actions"
    remove_files
    {
        mv -f -- "$prefix/$STATE/manifest.final$STAGED" "$prefix/$STATE/manifest" &&
            rm -f -- "$prefix/$STATE/manifest.new"
    } || fail $UNWRITABLE "cannot write in $prefix/$STATE" "$unfinished"
    remove_empty_directories
    unlock
}

# Puts aside what is at a place, under a name that no shell, pager or systemd takes for a file of its own.
save() {
    number=1
    while [ -e "$prefix/$1.~$number~" ] || [ -h "$prefix/$1.~$number~" ]; do number=$((number + 1)); done
    mv -- "$prefix/$1" "$prefix/$1.~$number~" || fail $UNWRITABLE "cannot rename $prefix/$1" "$unfinished"
    warn "$prefix/$1 was not as this script installed it: it is $prefix/$1.~$number~ now"
}

remove_files() {
    while read -r action place; do
        case $action in
        remove) rm -f -- "$prefix/$place" || fail $UNWRITABLE "cannot remove $prefix/$place" "$unfinished" ;;
        keep) warn "$prefix/$place stays: it was changed since it was installed" ;;
        esac
        staged "$place"
        rm -f -- "$staged"
    done <"$work/removals"
}

# Of those that were made for what was installed, the innermost first. The others are not empty.
remove_empty_directories() {
    sort -ru "$work/owned-directories" | while read -r directory; do
        rmdir -- "$directory" 2>/dev/null || true
    done
}

unlock() {
    [ -z "$locked" ] || rm -f -- "$locked"
    locked=''
}

# Takes back what was done before anything was put in place.
# shellcheck disable=SC2317 # A trap calls it.
take_back() {
    [ -z "$nest" ] || rm -rf -- "$nest"
    if [ -n "$staged_begun" ]; then
        while read -r _ _ place _; do
            staged "$place"
            rm -f -- "$staged"
        done <"$work/actions"
        rm -f -- "$prefix/$STATE/manifest.new" "$prefix/$STATE/manifest.new$STAGED" "$prefix/$STATE/manifest.final$STAGED"
        if [ -f "$work/manifest.interrupted" ]; then cp "$work/manifest.interrupted" "$prefix/$STATE/manifest.new"; fi
    fi
    unlock
    sort -r "$work/new-directories" | while read -r directory; do
        rmdir -- "$directory" 2>/dev/null || true
    done
}

# --- systemd ----------------------------------------------------------------------------------------------------------

# Runs systemctl for the services of this installation; nothing if there is none to ask.
ask_systemd() {
    [ -n "$services" ] && [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1 || return 0
    if [ "$scope" = user ]; then set -- --user "$@"; fi
    systemctl "$@" 2>/dev/null || true
}

# Names of the units that are installed for `user` or `system`, of those in the list FILE of places.
units_in() { sed -n "s|^[a-z]*/systemd/$2/\([^/]*\)\$|\1|p" "$1"; }

tell_systemd() {
    ask_systemd daemon-reload
    grep -q 'systemd/' "$work/plan" || return 0
    case $scope:$prefix in
    system:/usr/local | system:/usr | "user:${HOME-}/.local") ;;
    *) say "systemd does not look in $prefix: see systemctl link, and the units in $prefix/$units" ;;
    esac
}

# A unit that is enabled leaves links behind, and one that runs goes on. One of the same name elsewhere is not ours.
disable_units() {
    for kind in system user; do
        [ "$kind" = user ] || [ "$scope" = system ] || continue
        for unit in $(units_in "$work/owned-places" $kind | sort -u); do
            case $unit in *@.*) continue ;; esac
            if [ "$kind:$scope" = user:system ]; then
                ! enabled_for_all "$unit" || ask_systemd --global disable "$unit"
            else
                place=$(ask_systemd show --property=FragmentPath --value "$unit")
                [ "$place" != "$prefix/$(unit_place "$unit" $kind)" ] || ask_systemd disable --now "$unit"
            fi
        done
    done
}

# Whether it is this one that starts with every user's systemd: there is none to ask, but links that lead to the unit.
enabled_for_all() {
    for link in /etc/systemd/user/*.wants/"$1" /etc/systemd/user/*.requires/"$1"; do
        if [ "$(readlink "$link")" = "$prefix/$(unit_place "$1" user)" ]; then return 0; fi
    done
    return 1
}

unit_place() { sed -n "\|systemd/$2/$1\$|{p;q;}" "$work/owned-places"; }

# --- Afterwards -------------------------------------------------------------------------------------------------------

tell_result() {
    set -- "$(grep -c '' "$work/plan")" "$(grep -c '^remove ' "$work/removals")"
    say "done: $1 files in $prefix$([ "$2" = 0 ] || echo ", and $2 of the old version removed")"
    if [ -n "$old_version" ] && [ "$old_version" != "$version" ]; then tell_running; fi
    case :$PATH: in
    *:"$bin":*)
        first=$(command -v $NAME) || first=''
        [ "$first" = "$bin/$NAME" ] || warn "$first comes before $bin/$NAME in PATH"
        ;;
    *)
        say "$bin is not in PATH. Add this line to ~/.profile, and type it here:"
        say "  export PATH=$(quoted "$bin"):\"\$PATH\""
        ;;
    esac
    say "next: $NAME add NAME; claude-share --help; cs --help"
    say "to remove it: sh $(quoted "$prefix/$STATE/install.sh") --uninstall"
}

# What runs goes on with the programs that it was started with.
tell_running() {
    say 'what runs goes on as it is: sessions to their end, and a keeper until a minute after its last session'
    if [ "$scope" = system ] && [ -e "$SERVER_CONFIG" ]; then
        say "the server's keeper too, until: systemctl restart claude-share-keeper"
    fi
}

# --- Removing ---------------------------------------------------------------------------------------------------------

remove_installation() {
    read_manifests
    [ -s "$work/owned" ] || nothing_there
    scope=$old_scope
    : >"$work/plan"
    look_around
    decide
    refuse_for_server
    if [ -n "$dry_run" ]; then
        print_removals
        return 0
    fi
    lock
    same_as_before
    say "removing $NAME ${old_version:+$old_version }from $prefix"
    # From here on something is changed.
    trap '' INT TERM HUP PIPE
    disable_units
    unfinished='What is left is still known: run this again when that is mended.'
    remove_files
    sort -u "$work/owned-places" | while read -r place; do
        staged "$place"
        rm -f -- "$staged"
    done
    # Last the list itself: what is killed before can be run again.
    remove_empty_directories
    for manifest in manifest.new manifest.final manifest; do
        rm -f -- "$prefix/$STATE/$manifest" "$prefix/$STATE/$manifest$STAGED" ||
            fail $UNWRITABLE "cannot remove $prefix/$STATE/$manifest" "$unfinished"
    done
    unlock
    remove_empty_directories
    ask_systemd daemon-reload
    say 'done. Accounts, logins and settings were not touched.'
    tell_aliases
}

nothing_there() {
    for other in /usr/local "${HOME-}/.local"; do
        [ ! -f "$other/$STATE/manifest" ] || [ "$other" = "$prefix" ] ||
            fail $NOT_THERE "this script has installed nothing in $prefix" "It has in $other: --prefix $(quoted "$other")"
    done
    fail $NOT_THERE "this script has installed nothing in $prefix" 'Name the directory that it was told: --prefix DIR'
}

# Its users would be left with links and settings that name programs which are gone.
refuse_for_server() {
    [ -z "$force" ] || return 0
    [ -e "$SERVER_CONFIG" ] || [ -e "$SERVER_STATE" ] || return 0
    [ "$scope" = system ] || grep -qF "$bin/claude-share" "$SERVER_UNIT" 2>/dev/null || return 0
    fail $SERVER_SET_UP "a server is set up with these programs: $SERVER_CONFIG, $SERVER_STATE" \
        'First give its users back what they had: claude-share server uninstall; or go on all the same: --force'
}

tell_aliases() {
    [ "$scope" = user ] && [ -f "${HOME-}/.claude-accounts/aliases.sh" ] || return 0
    warn 'your shells still load ~/.claude-accounts/aliases.sh: remove the block of claude-accounts from their startup files'
}

# --- From beginning to end --------------------------------------------------------------------------------------------

# However it ends.
# shellcheck disable=SC2317 # A trap calls it.
clean_up() {
    ended=$?
    trap '' INT TERM HUP PIPE
    trap - EXIT
    set +e
    if [ "$ended" != 0 ] && [ -z "$told" ]; then
        printf 'error: this script failed where it did not expect to\n' >&2
        ended=1
    fi
    [ "$undo" != installation ] || take_back
    unlock
    [ -z "$work" ] || rm -rf -- "$work"
    exit "$ended"
}

main() {
    set -eu
    told='' undo='' locked='' nest='' staged_begun='' work='' tree=''
    umask 022
    LC_ALL=C
    export LC_ALL
    unset CDPATH TAR_OPTIONS GZIP POSIXLY_CORRECT GREP_OPTIONS
    read_options "$@"
    check_tools
    check_machine
    find_here
    choose_place
    trap clean_up EXIT
    trap 'fail $STOPPED "stopped; nothing was changed"' INT TERM HUP PIPE
    work=$(mktemp -d "${TMPDIR:-/tmp}/claude-accounts-install.XXXXXX") ||
        fail $UNWRITABLE "cannot write in ${TMPDIR:-/tmp}" 'Name a directory that can be written in: TMPDIR=…'
    if [ -n "$uninstall" ]; then remove_installation; else install; fi
}

main "$@" </dev/null
exit
}
