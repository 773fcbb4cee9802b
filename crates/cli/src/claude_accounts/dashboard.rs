use clap::Subcommand;
use dashboard::{Reset, ResetError, StoreError};
use model::Secret;

use super::context::Context;
use crate::error::{CliError, Kind};
use crate::input;

/// Longest password that is read, in bytes; a line break may follow.
const PASSWORD_LIMIT: usize = 1024 + 2;

/// What concerns the dashboard besides serving it
#[derive(clap::Args)]
pub(crate) struct DashboardArgs {
    #[command(subcommand)]
    command: DashboardCommand,
}

#[derive(Subcommand)]
enum DashboardCommand {
    ResetPassword(ResetPasswordArgs),
}

/// Set a new password for the dashboard; every browser is signed out
///
/// Also while the dashboard runs. API tokens and second factors stay, unless told otherwise.
#[derive(clap::Args)]
struct ResetPasswordArgs {
    /// Read the new password from standard input, one line
    #[arg(long)]
    password_stdin: bool,
    /// Also remove authenticator app, passkeys and recovery codes
    #[arg(long)]
    remove_second_factors: bool,
    /// Also revoke every API token
    #[arg(long)]
    revoke_tokens: bool,
}

pub(crate) fn run(args: &DashboardArgs, context: &Context) -> Result<(), CliError> {
    match &args.command {
        DashboardCommand::ResetPassword(args) => reset_password(args, context),
    }
}

fn reset_password(args: &ResetPasswordArgs, context: &Context) -> Result<(), CliError> {
    let vault = context.open_vault()?;
    let password = match args.password_stdin {
        true => from_stdin()?,
        false => from_terminal(context)?,
    };
    let reset = Reset {
        remove_second_factors: args.remove_second_factors,
        revoke_tokens: args.revoke_tokens,
    };
    dashboard::reset_password(&vault, &password, reset)?;
    let mut done = String::from("the dashboard has a new password; every browser is signed out");
    if reset.remove_second_factors {
        done.push_str("; second factors are removed");
    }
    if reset.revoke_tokens {
        done.push_str("; API tokens are revoked");
    }
    context.output.note(&done)
}

fn from_stdin() -> Result<Secret, CliError> {
    let bytes = input::read_stdin(PASSWORD_LIMIT)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        refused(
            "the password is not UTF-8",
            "Check where the input comes from.",
        )
    })?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line.contains(['\n', '\r']) {
        true => Err(refused(
            "the password has more than one line",
            "Give one line.",
        )),
        false => Ok(Secret::new(line)),
    }
}

fn from_terminal(context: &Context) -> Result<Secret, CliError> {
    let password = context
        .prompt
        .hidden("New password: ")
        .map_err(|error| match error.kind {
            Kind::Usage => error.hinted("Run it on a terminal, or give --password-stdin."),
            _ => error,
        })?;
    // Told before it is typed a second time.
    dashboard::check_password(&password)?;
    match context.prompt.hidden("The same again: ")? == password {
        true => Ok(password),
        false => Err(refused(
            "the two passwords differ",
            "Try again; nothing was changed.",
        )),
    }
}

fn refused(message: &str, hint: &str) -> CliError {
    CliError::new(Kind::Input, message, hint)
}

impl From<ResetError> for CliError {
    fn from(error: ResetError) -> Self {
        let message = error.to_string();
        match error {
            ResetError::Password { advice } => Self::new(Kind::Input, message, advice),
            ResetError::Vault(source) | ResetError::Store(StoreError::File(source)) => {
                source.into()
            }
            ResetError::Store(StoreError::Busy { .. }) => {
                Self::new(Kind::Busy, message, "Try again in a moment.")
            }
            ResetError::Store(StoreError::Database { .. } | StoreError::TooNew(_)) => Self::new(
                Kind::Storage,
                message,
                "The accounts are in another file: accounts.db.",
            ),
            ResetError::Hash(_) => {
                Self::new(Kind::Internal, message, "Check that there is memory left.")
            }
        }
    }
}
