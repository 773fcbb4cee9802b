#!/bin/sh
# Builds the container of the dashboard, starts it, and opens the browser. `./start.sh --help` says more.
set -eu

NAME=claude-accounts
ADDRESS=http://localhost:5111/
# So long is waited for the dashboard to answer, in seconds.
PATIENCE=60

USAGE=2 NO_ENGINE=3 NOT_BUILT=4 BAD_DIRECTORY=5 NOT_STARTED=6 NOT_HEALTHY=7

help() {
    cat <<'END'
Build the container of the dashboard, start it, and open the browser.

Usage: ./start.sh [OPTIONS] [-- BUILD-OPTIONS]

Options:
  --archive      Take the programs from the archive in target/dist instead of compiling them
  --no-browser   Do not open the browser
  --logs         Show what the container says, and what it will, until Ctrl-C
  --stop         End and remove the container; accounts and history stay where they are
  --help         Print this

BUILD-OPTIONS go to `docker build` or `podman build` as they are: -- --build-arg CLAUDE_CODE_VERSION=2.1.330

Accounts stay in ~/.claude-accounts and Claude Code's own files in ~/.claude, on this machine; the rest of the container's
home is in the volume `claude-accounts_home`. Only this machine can come: http://localhost:5111/

Environment:
  CLAUDE_ACCOUNTS_ENGINE   docker or podman; the one that works, unless set
  CLAUDE_ACCOUNTS_UID      the user that the container runs as: you, unless set
  CLAUDE_ACCOUNTS_GID      that user's group

Exit codes: 0 done; 2 usage; 3 no engine that works; 4 not built; 5 a directory of somebody else's; 6 not started;
7 started, and does not answer.
END
}

# fail CODE MESSAGE HINT
fail() {
    printf 'error: %s\nhint: %s\n' "$2" "$3" >&2
    exit "$1"
}

choose_engine() {
    for engine in ${CLAUDE_ACCOUNTS_ENGINE:-docker podman}; do
        case $engine in
            docker | podman) ;;
            *) fail $USAGE "no engine is called $engine" "Set CLAUDE_ACCOUNTS_ENGINE to docker or podman." ;;
        esac
        if command -v "$engine" >/dev/null && "$engine" info >/dev/null 2>&1; then
            # Podman comes under Docker's name too.
            case $("$engine" --version) in podman*) engine=podman ;; esac
            refuse_what_cannot_share
            return
        fi
    done
    fail $NO_ENGINE "neither Docker nor Podman works here" \
        "Install one and start it. \`docker info\` says why not, if it is installed; as a user you may have to be in the group docker."
}

# In Docker's rootless mode, whoever is not root in the container is a stranger to your directories.
refuse_what_cannot_share() {
    if [ "$engine" = docker ] && docker info --format '{{.SecurityOptions}}' 2>/dev/null | grep -q rootless; then
        fail $NO_ENGINE "Docker in rootless mode cannot share your directories with a user who is not root" \
            "Use Podman: CLAUDE_ACCOUNTS_ENGINE=podman ./start.sh"
    fi
}

has_compose() {
    [ "$engine" = docker ] && docker compose version >/dev/null 2>&1
}

# Who the container runs as, and whose home it shares: yours, also under sudo.
choose_user() {
    uid=$(id -u) gid=$(id -g)
    if [ "$uid" = 0 ]; then
        uid=${SUDO_UID:-0} gid=${SUDO_GID:-0}
        if [ "$uid" != 0 ]; then
            HOME=$(getent passwd "$uid" | cut -d : -f 6)
            [ -d "$HOME" ] || fail $BAD_DIRECTORY "user $uid has no home here" "Run this as that user, without sudo."
        fi
    fi
    [ "$uid" != 0 ] || { uid=1000 gid=1000; }
    export HOME CLAUDE_ACCOUNTS_UID="${CLAUDE_ACCOUNTS_UID:-$uid}" CLAUDE_ACCOUNTS_GID="${CLAUDE_ACCOUNTS_GID:-$gid}"
}

# An engine that finds no directory to mount makes one of root's.
make_directories() {
    for directory in "$HOME/.claude-accounts" "$HOME/.claude"; do
        if ! [ -e "$directory" ]; then
            mkdir -m 0700 "$directory" || exit $BAD_DIRECTORY
            if [ "$(id -u)" = 0 ]; then
                chown "$CLAUDE_ACCOUNTS_UID:$CLAUDE_ACCOUNTS_GID" "$directory"
            fi
        fi
        if ! [ -d "$directory" ] || [ -z "$(find "$directory/" -prune -user "$CLAUDE_ACCOUNTS_UID")" ]; then
            fail $BAD_DIRECTORY "$directory is no directory of user $CLAUDE_ACCOUNTS_UID, whom the container runs as" \
                "Give it to that user (sudo chown -R $CLAUDE_ACCOUNTS_UID $directory), or set CLAUDE_ACCOUNTS_UID to its owner."
        fi
    done
}

build() {
    echo "building the image $NAME; compiling takes some minutes the first time"
    set -- --build-arg "CLAUDE_UID=$CLAUDE_ACCOUNTS_UID" --build-arg "CLAUDE_GID=$CLAUDE_ACCOUNTS_GID" "$@"
    # The other format has no place for a healthcheck.
    [ "$engine" = docker ] || set -- --format docker "$@"
    "$engine" build --tag "$NAME" "$@" . ||
        fail $NOT_BUILT "the image could not be built" "What failed is said above. Building needs the network."
}

start() {
    if has_compose; then
        docker compose up --detach --no-build ||
            fail $NOT_STARTED "the container could not be started" "If port 5111 is taken, end what has it; \`ss -ltnp\` tells."
        return
    fi
    "$engine" rm --force "$NAME" >/dev/null 2>&1 || :
    # The same as compose.yaml says.
    set -- --detach --name "$NAME" --restart unless-stopped --publish 127.0.0.1:5111:5111 \
        --mount "type=bind,source=$HOME/.claude-accounts,target=/home/claude/.claude-accounts" \
        --mount "type=bind,source=$HOME/.claude,target=/home/claude/.claude" \
        --volume "${NAME}_home:/home/claude" \
        --read-only --tmpfs /tmp:exec --tmpfs /run --cap-drop ALL --security-opt no-new-privileges --stop-timeout 15
    if [ "$engine" = podman ]; then
        # So that you are yourself inside.
        [ "$(id -u)" = 0 ] || set -- "$@" --userns keep-id
        # Podman has systemd ask for a container's health.
        [ -d /run/systemd/system ] || set -- "$@" --no-healthcheck
    fi
    # Your directories keep their labels: other programs of yours use them too.
    ! selinuxenabled 2>/dev/null || set -- "$@" --security-opt label=disable
    "$engine" run "$@" "$NAME" >/dev/null ||
        fail $NOT_STARTED "the container could not be started" "If port 5111 is taken, end what has it; \`ss -ltnp\` tells."
}

wait_until_healthy() {
    waited=0
    until "$engine" exec "$NAME" claude-accounts-healthy >/dev/null 2>&1; do
        waited=$((waited + 1))
        if [ $waited -gt $PATIENCE ] || [ "$("$engine" container inspect --format '{{.State.Status}}' "$NAME")" = exited ]; then
            "$engine" logs "$NAME" >&2 || :
            fail $NOT_HEALTHY "the dashboard does not answer" "What it said stands above. ./start.sh --stop removes it."
        fi
        sleep 1
    done
}

# What a container has said stays in its log; the code is told only while it counts, and that is the last one.
announce() {
    echo "dashboard: $ADDRESS"
    if "$engine" exec "$NAME" claude-accounts-healthy /api/auth/status 2>/dev/null | grep -q '"setup_done":false'; then
        code=$("$engine" logs "$NAME" 2>&1 | sed -n 's/^set-up code, asked for on other machines: //p' | tail -n 1)
        [ -z "$code" ] || echo "set-up code, for the first visit: $code"
    fi
}

open_browser() {
    if [ "$(uname)" = Darwin ]; then
        open "$ADDRESS" || :
    elif [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && command -v xdg-open >/dev/null; then
        xdg-open "$ADDRESS" >/dev/null 2>&1 || :
    fi
}

stop() {
    if has_compose; then
        choose_user
        docker compose down
    else
        "$engine" stop "$NAME" >/dev/null && "$engine" rm "$NAME" >/dev/null
    fi || fail $NOT_STARTED "there is no container $NAME to stop" "\`$engine ps --all\` lists those there are."
}

job=start browser=yes archive=''
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) help && exit ;;
        --archive) archive=yes ;;
        --no-browser) browser='' ;;
        --logs) job=logs ;;
        --stop) job=stop ;;
        --) shift && break ;;
        *) fail $USAGE "no option is called $1" "./start.sh --help lists them." ;;
    esac
    shift
done

cd "$(dirname "$0")"
choose_engine
case $job in
    logs) exec "$engine" logs --follow "$NAME" ;;
    stop) stop && exit ;;
esac
choose_user
make_directories
[ -z "$archive" ] || set -- --target from-archive "$@"
build "$@"
start
wait_until_healthy
announce
[ -z "$browser" ] || open_browser
