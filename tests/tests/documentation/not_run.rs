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
        "docs/how-to/reverse-proxy-caddy.md",
        "claude-accounts serve --no-browser --behind-proxy 127.0.0.1/32",
        "tests/tests/containers runs Caddy with the file of packaging/caddy",
    ),
    (
        "docs/how-to/reverse-proxy-caddy.md",
        "export CLAUDE_ACCOUNTS_DOMAIN=claude.example.com",
        "tests/tests/containers runs Caddy with the file of packaging/caddy",
    ),
    (
        "docs/how-to/reverse-proxy-nginx.md",
        "claude-accounts serve --no-browser --behind-proxy 127.0.0.1/32",
        "tests/tests/containers runs nginx with the file of packaging/nginx",
    ),
    (
        "docs/how-to/reverse-proxy-nginx.md",
        "sed 's/claude\\.example\\.com/claude.your-name.example/' packaging/nginx/claude-accounts.conf | sudo tee /etc/nginx/conf.d/claude-accounts.conf",
        "tests/tests/containers runs nginx with the file of packaging/nginx",
    ),
    (
        "docs/how-to/ssh-tunnel.md",
        "claude-accounts serve --no-browser",
        "it needs two machines and stays in the foreground",
    ),
    (
        "docs/how-to/ssh-tunnel.md",
        "ssh -NL 5111:localhost:5111 you@server",
        "it needs two machines and stays in the foreground",
    ),
    (
        "docs/how-to/cloudflare-tunnel.md",
        "claude-accounts serve --no-browser --behind-proxy 127.0.0.1/32",
        "it needs an account at Cloudflare",
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
        "docs/how-to/ci-machines.md",
        "age-keygen -o ci.key                       # keep it as the CI's secret; it prints the recipient",
        "it needs the program age; tests/tests/accounts does the same with an identity of its own",
    ),
    (
        "docs/how-to/ci-machines.md",
        "claude-accounts --no-input import accounts.age --identity \"$SECRET_FILE\"",
        "it needs what the block before it makes",
    ),
    (
        "docs/how-to/status-line.md",
        "PS1='$(claude-accounts statusline) '\"$PS1\"",
        SETTING,
    ),
    ("docs/how-to/status-line.md", "setopt prompt_subst", SETTING),
    (
        "docs/how-to/status-line.md",
        "function fish_right_prompt",
        SETTING,
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

const SETTING: &str = "a line of a shell's settings: the command in it is run above";
const UNDER_SYSTEMD: &str = "systemd has to run the machine; tests/tests/units runs the units, and this page's commands, under one";
