//! What is the same in every program: from arguments to an exit code, and the verbs that are about
//! the program itself.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::FromArgMatches;
use renew::TokenUrl;

use crate::environment::{Environment, Variable};
use crate::error::{self, CliError, Kind};
use crate::output::Output;

pub(crate) mod completions;
pub(crate) mod man;
pub(crate) mod runner;
pub(crate) mod version;

/// What came of a verb, and where failures are told.
pub(crate) type Outcome = (Output, Result<ExitCode, CliError>);

/// A whole program: `command` is its command line, `carry_out` does what it says.
pub(crate) fn run<Cli: FromArgMatches>(
    command: clap::Command,
    carry_out: impl FnOnce(Cli) -> Outcome,
) -> ExitCode {
    #[cfg(all(target_os = "linux", target_env = "gnu", target_feature = "crt-static"))]
    crate::static_glibc::look_up_hosts_without_modules();
    let parsed = command
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let (output, result) = carry_out(cli);
    result.unwrap_or_else(|error| {
        if error.kind != Kind::ReaderGone {
            output.failure(&error);
        }
        ExitCode::from(error.kind.exit_code())
    })
}

/// Help and version are printed as they are; a complaint may repeat what was typed in the wrong
/// place, which may be a key.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        drop(error.print());
        return ExitCode::SUCCESS;
    }
    let shown = error.render().to_string();
    if error::redacted(&shown) == shown {
        drop(error.print());
    } else {
        use std::io::Write as _;
        drop(std::io::stderr().write_all(error::redacted(&shown).as_bytes()));
    }
    ExitCode::from(Kind::Usage.exit_code())
}

/// This program by its absolute path.
///
/// # Errors
/// If the system does not tell.
pub(crate) fn own_path() -> Result<PathBuf, CliError> {
    std::env::current_exe().map_err(|error| {
        let message = format!("this program's own path cannot be determined: {error}");
        CliError::new(Kind::Internal, message, "Call it by its absolute path.")
    })
}

/// Where refresh tokens are sent.
///
/// # Errors
/// If `CLAUDE_ACCOUNTS_TOKEN_URL` is no address that tokens may be sent to.
pub(crate) fn token_url(environment: &Environment) -> Result<TokenUrl, CliError> {
    let Some(text) = environment.get(Variable::TokenUrl) else {
        return Ok(TokenUrl::documented());
    };
    TokenUrl::parse(&text.to_string_lossy()).map_err(|error| {
        let message = format!("{}: {error}", Variable::TokenUrl.name());
        CliError::new(
            Kind::Usage,
            message,
            "Correct the variable, or unset it to use the vendor's address.",
        )
    })
}

/// The variables that a process of ours in the background needs, and no others: `ours`, and what
/// libraries read.
pub(crate) fn background_environment(
    environment: &Environment,
    ours: &[Variable],
) -> Vec<(OsString, OsString)> {
    /// Proxies, certificates and the keyring's bus: what libraries read, not we.
    const OF_LIBRARIES: [&str; 13] = [
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "DBUS_SESSION_BUS_ADDRESS",
        "DISPLAY",
        "WAYLAND_DISPLAY",
    ];
    let wanted = |name: &OsString| {
        OF_LIBRARIES.iter().any(|wanted| name == wanted)
            || ours.iter().any(|variable| name == variable.name())
    };
    let mut variables = environment.inherited();
    variables.retain(|(name, _)| wanted(name));
    variables
}

/// What every program's command line is tested for.
#[cfg(test)]
pub(crate) mod tests {
    fn every_command(command: &clap::Command) -> Vec<clap::Command> {
        let below = command.get_subcommands().flat_map(every_command);
        std::iter::once(command.clone()).chain(below).collect()
    }

    pub(crate) fn every_command_and_every_argument_has_help(command: &clap::Command) {
        for command in every_command(command) {
            assert!(
                command.get_about().is_some(),
                "{} has no help",
                command.get_name()
            );
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} of {} has no help",
                    argument.get_id(),
                    command.get_name()
                );
            }
        }
    }
}
