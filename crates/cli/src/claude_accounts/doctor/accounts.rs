//! Accounts that need care.

use vault::Vault;

use super::Finding;
use crate::claude_accounts::account_report::{AccountReport, State};
use crate::claude_accounts::context::Context;
use crate::claude_accounts::list;
use crate::error::CliError;

pub(super) fn look(context: &Context) -> Result<Vec<Finding<'static>>, CliError> {
    let vault = match context.open_vault_if_any() {
        Ok(Some(vault)) => vault,
        Ok(None) => {
            return Ok(vec![Finding::note(
                "there is no vault yet",
                "Add an account: claude-accounts add NAME",
            )]);
        }
        Err(error) => return Ok(vec![Finding::problem(error.message, error.hint)]),
    };
    let reports = match list::reports(&vault) {
        Ok(reports) => reports,
        Err(error) => return Ok(vec![Finding::problem(error.message, error.hint)]),
    };
    let mut findings: Vec<Finding<'static>> = reports.iter().filter_map(account).collect();
    findings.extend(reports.iter().filter_map(|report| cut_off(&vault, report)));
    if findings.is_empty() {
        findings.push(Finding::good(format!(
            "all {} accounts can be opened and used",
            reports.len()
        )));
    }
    Ok(findings)
}

fn account(report: &AccountReport) -> Option<Finding<'static>> {
    let name = model::printable(&report.account.name);
    let what = format!("{name:?}: {}{}", report.state.words(), reason(report));
    match report.state {
        State::Ok => clock(report, &name),
        State::Expired => Some(Finding::note(what, "It is renewed when it is used.")),
        State::NoCredential => Some(Finding::note(what, format!("claude-accounts login {name}"))),
        State::SignInAgain => Some(Finding::problem(
            what,
            format!("claude-accounts login {name}"),
        )),
        State::Damaged => {
            let hint = format!("Sign in to it again, or remove it: claude-accounts remove {name}");
            Some(Finding::problem(what, hint))
        }
    }
}

fn reason(report: &AccountReport) -> String {
    if report.reason.is_empty() {
        String::new()
    } else {
        format!(" ({})", report.reason)
    }
}

fn clock(report: &AccountReport, name: &str) -> Option<Finding<'static>> {
    const AHEAD: std::time::Duration = std::time::Duration::from_secs(300);
    let ahead = report.now.until(report.account.obtained_at?);
    let what = format!("{name:?} was stored in the future: the clock was set back since");
    (ahead > AHEAD).then(|| {
        Finding::note(
            what,
            "Check the clock; the login is renewed when it is used.",
        )
    })
}

fn cut_off(vault: &Vault, report: &AccountReport) -> Option<Finding<'static>> {
    let pending = vault.pending_renewal(&report.account.id).ok()??;
    if pending.generation != report.account.generation {
        return None;
    }
    let name = model::printable(&report.account.name);
    let what = format!("{name:?}: a renewal was cut off; its token may have been spent");
    Some(Finding::note(
        what,
        format!("`claude-accounts refresh {name}` tells."),
    ))
}
