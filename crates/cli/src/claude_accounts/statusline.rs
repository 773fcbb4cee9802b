use launch::format_status_line;
use model::{LoginState, Timestamp};
use serde_json::{Value, json};
use vault::{Account, NoPassphrase, Vault};

use super::context::Context;
use super::selection::{current_directory, select};
use crate::error::CliError;
use crate::time;

/// Print the account in one line, for Claude Code's status line and shell prompts
///
/// The account of the session around it, else the one that `launch` would take here. Where there
/// is none it prints nothing: a prompt must not break. Asks nobody and reads no network.
#[derive(clap::Args)]
pub(crate) struct StatuslineArgs {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &StatuslineArgs, context: &Context) -> Result<(), CliError> {
    let Some(line) = line(context) else {
        return Ok(());
    };
    if args.json {
        return context.output.json(&line.to_json());
    }
    context.output.text(&format_status_line(
        &line.name,
        line.plan.as_deref(),
        line.left(),
        line.needs_sign_in,
    ))
}

struct Line {
    name: String,
    plan: Option<String>,
    expires_at: Option<Timestamp>,
    needs_sign_in: bool,
}

fn line(context: &Context) -> Option<Line> {
    let vault = Vault::open(&context.paths().ok()?, Box::new(NoPassphrase)).ok()?;
    let (account, _) = select(context, &vault, &current_directory().ok()?).ok()?;
    Some(Line {
        // A vault that is locked by a passphrase does not tell the plan.
        plan: vault
            .unseal(&account)
            .ok()
            .and_then(|unsealed| unsealed.login()?.plan()),
        expires_at: login_expiry(&account),
        needs_sign_in: account.state != LoginState::Alive,
        name: account.name,
    })
}

fn login_expiry(account: &Account) -> Option<Timestamp> {
    account
        .expires_at
        .filter(|_| account.auth_type == model::AuthType::OAuth)
}

impl Line {
    fn left(&self) -> Option<std::time::Duration> {
        self.expires_at.map(|at| time::now().until(at))
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "plan": self.plan,
            "expires_at": self.expires_at.map(Timestamp::as_millis),
            "sign_in_again": self.needs_sign_in,
        })
    }
}
