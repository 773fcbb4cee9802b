# shellcheck shell=sh
# Read by whatever `sh` the server has: POSIX, nothing more. What stands before the mark is noise of the user's own files.
LC_ALL=C
export LC_ALL
say() { printf '%s=%s\n' "$1" "$2"; }
finish() { printf '%s\n' 'claude-share:end'; exit 0; }
fail() { say failed "$1"; finish; }
sum_of() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum <"$1" | cut -d ' ' -f 1
    elif command -v openssl >/dev/null 2>&1; then openssl dgst -sha256 <"$1" | sed 's/.* //'
    fi 2>/dev/null
}
printf '\n%s\n' 'claude-share:begin'
