//! Every command that README.md and the pages of docs/ show is run, in its order, on machines of its own, and prints what
//! the page says. `DOCUMENTATION=overwrite` puts what is printed into the pages instead.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests; pages are under version control"
)]

mod files;
mod likeness;
mod messages;
mod not_run;
mod page;
mod place;
mod rules;
mod run;

/// One test for each page that shows commands.
macro_rules! pages {
    ($($name:ident $path:literal;)*) => {
        /// Every page of the list; one that is not written yet has no test.
        const PAGES: &[&str] = &[$($path),*];

        $(#[test]
        fn $name() {
            run::check($path);
        })*
    };
}

pages! {
    readme "README.md";
    contributing "CONTRIBUTING.md";
    accounts "docs/accounts.md";
    client "docs/client.md";
    dashboard "docs/dashboard.md";
    live "docs/live.md";
    server "docs/server.md";
    introduction "docs/introduction.md";
    troubleshooting "docs/troubleshooting.md";
    explanation_architecture "docs/explanation/architecture.md";
    explanation_consistency_of_mounts "docs/explanation/consistency-of-mounts.md";
    explanation_threat_model "docs/explanation/threat-model.md";
    how_to_backup_and_restore "docs/how-to/backup-and-restore.md";
    how_to_ci_machines "docs/how-to/ci-machines.md";
    how_to_cloudflare_tunnel "docs/how-to/cloudflare-tunnel.md";
    how_to_containers "docs/how-to/containers.md";
    how_to_direnv "docs/how-to/direnv.md";
    how_to_editors "docs/how-to/editors.md";
    how_to_install "docs/how-to/install.md";
    how_to_move_from_claude_share "docs/how-to/move-from-claude-share.md";
    how_to_move_from_python "docs/how-to/move-from-python.md";
    how_to_reverse_proxy_caddy "docs/how-to/reverse-proxy-caddy.md";
    how_to_reverse_proxy_nginx "docs/how-to/reverse-proxy-nginx.md";
    how_to_several_accounts_on_one_server "docs/how-to/several-accounts-on-one-server.md";
    how_to_ssh_tunnel "docs/how-to/ssh-tunnel.md";
    how_to_status_line "docs/how-to/status-line.md";
    how_to_systemd "docs/how-to/systemd.md";
    how_to_teams_with_api_keys "docs/how-to/teams-with-api-keys.md";
    reference_files "docs/reference/files.md";
    tutorials_accounts "docs/tutorials/accounts.md";
    tutorials_live "docs/tutorials/live.md";
    tutorials_server "docs/tutorials/server.md";
}
