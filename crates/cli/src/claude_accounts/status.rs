use serde_json::{Value, json};
use vault::{Account, Vault};

use super::account_report::{AccountReport, State, Surroundings};
use super::context::Context;
use super::list::{reports, say_empty};
use super::renewal_note::RenewalNotes;
use crate::error::CliError;
use crate::table::{NOTHING, details};
use crate::time;

/// Show one account in detail, or all
#[derive(clap::Args)]
pub(crate) struct StatusArgs {
    /// The account; all if none is named
    name: Option<String>,
    /// Print JSON, for programs: an object for one account, an array for all
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &StatusArgs, context: &Context) -> Result<(), CliError> {
    let vault = match &args.name {
        Some(_) => Some(context.open_vault()?),
        None => context.open_vault_if_any()?,
    };
    let reports = match (&vault, &args.name) {
        (Some(vault), Some(name)) => vec![one(context, vault, name)?],
        (Some(vault), None) => reports(vault)?,
        (None, _) => Vec::new(),
    };
    match &vault {
        _ if args.json => print_json(args, context, vault.as_ref(), &reports),
        Some(vault) if !reports.is_empty() => print_blocks(context, vault, &reports),
        _ => say_empty(context),
    }
}

fn one(context: &Context, vault: &Vault, name: &str) -> Result<AccountReport, CliError> {
    let account = context.account(vault, name)?;
    AccountReport::make(vault, account, &Surroundings::read(vault)?)
}

fn print_json(
    args: &StatusArgs,
    context: &Context,
    vault: Option<&Vault>,
    reports: &[AccountReport],
) -> Result<(), CliError> {
    let notes = RenewalNotes::ask(context);
    let mut objects = Vec::with_capacity(reports.len());
    if let Some(vault) = vault {
        for report in reports {
            objects.push(object(&notes, vault, report)?);
        }
    }
    match args.name {
        Some(_) => context.output.json(&objects.remove(0)),
        None => context.output.json(&Value::Array(objects)),
    }
}

/// The object of `list --json` and what only `status` knows.
fn object(notes: &RenewalNotes, vault: &Vault, report: &AccountReport) -> Result<Value, CliError> {
    let account = &report.account;
    let failure = account.attempt.as_ref().map(|attempt| {
        json!({"reason": attempt.reason, "failures": attempt.failures,
            "at": attempt.at.as_millis(), "retry_at": attempt.retry_at.as_millis()})
    });
    let more = json!({
        "account_uuid": report.identity.account_uuid,
        "organization_uuid": report.identity.organization_uuid,
        "environment": report.variables,
        "history": history_count(vault, account)?,
        "renewed_at": account.renewed_at.map(model::Timestamp::as_millis),
        "failure": failure,
        "keeper": Some(notes.of(account)).filter(|note| note != NOTHING),
    });
    let mut object = report.to_json();
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    Ok(object)
}

fn print_blocks(
    context: &Context,
    vault: &Vault,
    reports: &[AccountReport],
) -> Result<(), CliError> {
    let notes = RenewalNotes::ask(context);
    let mut blocks = Vec::with_capacity(reports.len());
    for report in reports {
        blocks.push(details(&pairs(&notes, vault, report)?));
    }
    context.output.text(&blocks.join("\n"))
}

fn pairs(
    notes: &RenewalNotes,
    vault: &Vault,
    report: &AccountReport,
) -> Result<Vec<(&'static str, String)>, CliError> {
    let account = &report.account;
    let mut pairs = vec![
        ("account", report.starred_name()),
        ("type", report.type_words().to_owned()),
        ("state", state(report)),
        ("credential", report.masked.clone()),
        ("plan", report.plan.clone().unwrap_or_default()),
        ("email", report.identity.email.clone().unwrap_or_default()),
        (
            "organization",
            report.identity.organization.clone().unwrap_or_default(),
        ),
        ("expires", expiry(report)),
        (
            "renewed",
            account
                .renewed_at
                .map(|at| moment(report, at))
                .unwrap_or_default(),
        ),
        ("last failure", failure(report)),
        ("keeper", notes.of(account)),
        ("history", history(vault, account)?),
        ("variables", report.variables.join(", ")),
        ("bound to", report.bindings.join(", ")),
        (
            "created",
            time::parse_stored(&account.created_at)
                .map(|at| moment(report, at))
                .unwrap_or_default(),
        ),
        ("last used", report.last_used()),
    ];
    pairs.retain(|(_, value)| !value.is_empty() && value != NOTHING);
    Ok(pairs)
}

fn state(report: &AccountReport) -> String {
    let default = if report.is_default {
        " (the default)"
    } else {
        ""
    };
    match report.reason.as_str() {
        "" => format!("{}{default}", report.state.words()),
        reason => format!("{}: {reason}{default}", report.state.words()),
    }
}

fn expiry(report: &AccountReport) -> String {
    match report.account.expires_at {
        Some(at) if report.account.auth_type == model::AuthType::OAuth => match report.state {
            State::Ok => format!(
                "in {} ({})",
                time::duration(report.now.until(at)),
                time::local(at)
            ),
            _ => time::local(at),
        },
        _ => String::new(),
    }
}

fn failure(report: &AccountReport) -> String {
    let Some(attempt) = &report.account.attempt else {
        return String::new();
    };
    let next = match report.now.until(attempt.retry_at) {
        std::time::Duration::ZERO => "the next try is due".to_owned(),
        wait => format!("next try in {}", time::duration(wait)),
    };
    let times = if attempt.failures == 1 {
        "once"
    } else {
        "in a row"
    };
    let count = if attempt.failures == 1 {
        String::new()
    } else {
        format!("{} times ", attempt.failures)
    };
    format!(
        "{}, {count}{times}: {} ({next})",
        time::age(attempt.at, report.now),
        attempt.reason
    )
}

fn moment(report: &AccountReport, at: model::Timestamp) -> String {
    format!("{} ({})", time::age(at, report.now), time::local(at))
}

fn history(vault: &Vault, account: &Account) -> Result<String, CliError> {
    Ok(match history_count(vault, account)? {
        0 => String::new(),
        1 => "1 generation".to_owned(),
        count => format!("{count} generations"),
    })
}

fn history_count(vault: &Vault, account: &Account) -> Result<usize, CliError> {
    Ok(vault.history(account)?.len())
}
