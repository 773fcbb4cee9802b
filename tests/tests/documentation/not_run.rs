//! Commands that the documentation shows and no test can run, each with the reason. Everything else is run.

/// The page, the first line of the block, and why.
pub(crate) const NOT_RUN: &[(&str, &str, &str)] = &[
    (
        "CONTRIBUTING.md",
        "cargo build -p cli            # the three programs, in target/debug",
        "the test would build what it is built from",
    ),
    (
        "CONTRIBUTING.md",
        ".ci/run                       # what continuous integration runs: cargo xtask test",
        "the test is run by it",
    ),
    (
        "README.md",
        "cargo xtask demo     # builds, and shows the main job from end to end in a throw-away HOME with stand-ins",
        "the test would build what it is built from",
    ),
    (
        "README.md",
        "./install.sh    # for you alone; as root, for everybody; --uninstall takes it back",
        "they would compile; tests/tests/install_script and tests/tests/containers run them",
    ),
    (
        "docs/accounts.md",
        "cargo install --path crates/cli",
        "the test would build what it is built from",
    ),
    (
        "docs/how-to/containers.md",
        "./start.sh",
        "it needs an engine and an image; tests/tests/containers runs start.sh and what it starts",
    ),
    (
        "docs/how-to/containers.md",
        "./start.sh --logs",
        "it needs an engine and an image; tests/tests/containers runs start.sh and what it starts",
    ),
    (
        "docs/how-to/containers.md",
        "mkdir -p -m 0700 ~/.claude-accounts ~/.claude",
        "it needs an engine and an image; tests/tests/containers runs start.sh and what it starts",
    ),
    (
        "docs/how-to/containers.md",
        "./start.sh -- --secret id=npmrc,src=\"$HOME/.npmrc\" --secret id=ca,src=company-ca.pem",
        "it needs an engine and an image; tests/tests/containers runs start.sh and what it starts",
    ),
    (
        "docs/how-to/install.md",
        "git clone … && cd claude-accounts",
        "it would compile; tests/tests/install_script runs install.sh in a checkout",
    ),
    (
        "docs/how-to/install.md",
        "cargo xtask dist",
        "the test would build what it is built from",
    ),
    (
        "docs/how-to/reverse-proxy-caddy.md",
        "export CLAUDE_ACCOUNTS_DOMAIN=claude.example.com",
        "it needs an engine and images; tests/tests/containers checks the files, and runs Caddy with the one of packaging/caddy",
    ),
    (
        "docs/how-to/reverse-proxy-nginx.md",
        "sudo certbot certonly --standalone -d claude.your-name.example \\",
        "it asks an authority on the Internet, which looks for the name there",
    ),
    (
        "docs/how-to/cloudflare-tunnel.md",
        "cloudflared tunnel login",
        "it needs an account at Cloudflare",
    ),
    (
        "docs/how-to/cloudflare-tunnel.md",
        "cloudflared tunnel run claude-accounts",
        "it needs an account at Cloudflare",
    ),
    (
        "docs/how-to/systemd.md",
        "systemctl --user enable --now claude-accounts-serve.socket claude-accounts-keeper.service",
        UNDER_SYSTEMD,
    ),
    (
        "docs/how-to/systemd.md",
        "sudo loginctl enable-linger \"$USER\"",
        UNDER_SYSTEMD,
    ),
    (
        "docs/how-to/systemd.md",
        "journalctl --user -u claude-accounts-serve -u claude-accounts-keeper",
        UNDER_SYSTEMD,
    ),
    (
        "docs/how-to/systemd.md",
        "sudo systemctl status claude-share-keeper",
        UNDER_SYSTEMD,
    ),
];

const UNDER_SYSTEMD: &str = "systemd has to run the machine; tests/tests/units runs the units, and this page's commands, under one";
