# claude-accounts with its dashboard, and Claude Code, in a container. docs/how-to/containers.md has how it is used.
#
#   docker build -t claude-accounts .                         compiles the programs
#   docker build -t claude-accounts --target from-archive .   takes them from an archive of `cargo xtask dist`
#
# Needs BuildKit (Docker 23 or later has it on) or Podman 4.3 (Buildah 1.28), for the RUN --mount lines.

ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG NODE_IMAGE=node:22-bookworm-slim
ARG RUNTIME_IMAGE=debian:bookworm-slim


# The programs, compiled. Sources and target directory are never part of an image.
FROM ${RUST_IMAGE} AS build
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --package cli \
 && install -D --strip --target-directory=/programs \
        target/release/claude-accounts target/release/claude-share target/release/cs


# The programs, from the one archive in the context that this matches.
FROM ${RUNTIME_IMAGE} AS archive
ARG ARCHIVE=target/dist/claude-accounts-*-linux.tar.gz
COPY ${ARCHIVE} /archive/
RUN set -eu; cd /archive; set -- *.tar.gz; \
    if [ $# -ne 1 ]; then echo "several archives match, choose one with --build-arg ARCHIVE=…: $*" >&2; exit 1; fi; \
    tar --extract --gzip --no-same-owner --strip-components=1 --file "$1"; \
    sha256sum --check --strict --quiet SHA256SUMS; \
    install -D --target-directory=/programs bin/*


# Claude Code from npm. Only its program goes on from here, so the image needs neither npm nor Node.
# Both secrets are optional and stay out of every layer:
#   --secret id=npmrc,src=$HOME/.npmrc   settings of npm, for a registry or a proxy of your own
#   --secret id=ca,src=ca.pem            certificates of the authority that such a proxy's are from
FROM ${NODE_IMAGE} AS client
ARG CLAUDE_CODE_VERSION=2.1.330
RUN --mount=type=secret,id=npmrc --mount=type=secret,id=ca \
    set -eu; \
    if [ -e /run/secrets/npmrc ]; then export NPM_CONFIG_USERCONFIG=/run/secrets/npmrc; fi; \
    if [ -e /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi; \
    npm install --prefix /client --no-save --ignore-scripts --no-audit --no-fund \
        "@anthropic-ai/claude-code@${CLAUDE_CODE_VERSION}"; \
    set -- /client/node_modules/@anthropic-ai/claude-code-linux-*/claude; \
    if ! [ -f "$1" ]; then \
        echo "Claude Code ${CLAUDE_CODE_VERSION} has no program for this processor; choose with --build-arg CLAUDE_CODE_VERSION=…" >&2; \
        exit 1; \
    fi; \
    install -D -m 0755 "$1" /programs/claude; \
    rm -rf /client


# Everything but the programs of this project.
FROM ${RUNTIME_IMAGE} AS runtime
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates git openssh-client tini \
 && rm -rf /var/lib/apt/lists/*
# Those of the user on the host who owns the directories that are mounted. A large number would make a log of logins as
# large. Docker gives an empty tmpfs that comes to /run the mode of this one, and root as its owner.
ARG CLAUDE_UID=1000
ARG CLAUDE_GID=1000
RUN set -eu; \
    case "${CLAUDE_UID}:${CLAUDE_GID}" in \
        0:* | *[!0-9:]* | :* | *:) echo "CLAUDE_UID and CLAUDE_GID are numbers, and CLAUDE_UID is not 0" >&2; exit 1 ;; \
    esac; \
    groupadd --non-unique --gid "${CLAUDE_GID}" claude; \
    useradd --non-unique --uid "${CLAUDE_UID}" --gid "${CLAUDE_GID}" --no-log-init --create-home --shell /bin/bash claude; \
    install -d -m 0700 -o "${CLAUDE_UID}" -g "${CLAUDE_GID}" \
        /home/claude/.claude /home/claude/.claude-accounts /run/claude-accounts; \
    chmod 1777 /run
COPY --from=client /programs/claude /usr/local/bin/claude
COPY --chmod=0755 packaging/container/claude-accounts-start packaging/container/claude-accounts-healthy /usr/local/bin/
# HOME for runtimes that do not take it from /etc/passwd; no updates, since the program is part of the image.
ENV HOME=/home/claude \
    LANG=C.UTF-8 \
    XDG_RUNTIME_DIR=/run/claude-accounts \
    DISABLE_AUTOUPDATER=1
USER ${CLAUDE_UID}:${CLAUDE_GID}
WORKDIR /home/claude
# Directories only: a file that is mounted alone cannot be replaced, and replacing is how everything here is written.
VOLUME ["/home/claude/.claude", "/home/claude/.claude-accounts"]
EXPOSE 5111
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["claude-accounts-healthy"]
ENTRYPOINT ["tini", "--", "claude-accounts-start"]
# The container's own network is what others reach it by: publish the port on 127.0.0.1 alone, as compose.yaml does.
CMD ["serve", "--no-browser", "--remote", "--insecure-http"]


FROM runtime AS from-archive
COPY --from=archive /programs/ /usr/local/bin/


FROM runtime AS from-source
COPY --from=build /programs/ /usr/local/bin/
