//! The questions of `init` and `add-user`.

use std::collections::BTreeSet;

use model::Secret;
use share::Settings;
use share::name::{GroupName, SharedDirectory, UserName};
use share::system_users::SystemUsers;
use share::users_file::check_password;

use super::context::Context;
use crate::error::{CliError, Kind};

/// How many users are offered to be created.
const USUAL_USERS: usize = 2;

/// More than anybody types.
const MOST_USERS: usize = 1000;

/// The first three questions: where, which group, whose login.
pub(super) fn settings(context: &Context, base: &Settings) -> Result<Settings, CliError> {
    let mut settings = base.clone();
    let directory = base.shared_directory.display().to_string();
    settings.shared_directory = ask(context, "Shared directory", &directory, |text| {
        Ok(SharedDirectory::parse(text)?.as_str().into())
    })?;
    settings.group = ask(context, "Shared group", &base.group, |text| {
        Ok(GroupName::parse(text)?.to_string())
    })?;
    let source = "Source user (holds current ~/.claude auth)";
    settings.source_user = ask(context, source, &base.source_user, |text| {
        Ok(UserName::parse_existing(text)?.to_string())
    })?;
    Ok(settings)
}

/// The users to be created now, each with his password.
pub(super) fn users(
    context: &Context,
    is_first_time: bool,
) -> Result<Vec<(UserName, Secret)>, CliError> {
    let usual = if is_first_time { USUAL_USERS } else { 0 };
    let count = ask(
        context,
        "How many users to create now?",
        &usual.to_string(),
        |text| {
            let number = text.parse().ok().filter(|number| *number <= MOST_USERS);
            number.ok_or_else(|| input(format!("give a number from 0 to {MOST_USERS}")))
        },
    )?;
    let system = SystemUsers::read()?;
    let mut names = BTreeSet::new();
    let mut users = Vec::new();
    for number in 1..=count {
        let name = user_name(context, number, &system, &names)?;
        names.insert(name.clone());
        let password = password(
            context,
            &format!("  user {number} password: "),
            &format!("Confirm user {number} password: "),
        )?;
        users.push((name, password));
    }
    Ok(users)
}

fn user_name(
    context: &Context,
    number: usize,
    system: &SystemUsers,
    taken: &BTreeSet<UserName>,
) -> Result<UserName, CliError> {
    loop {
        let answer = context.prompt.line(&format!("  user {number} name: "))?;
        let name = match UserName::parse(&answer) {
            Ok(name) => name,
            Err(error) => {
                context.output.warning(&error.to_string());
                continue;
            }
        };
        if taken.contains(&name) {
            context.output.warning(&format!("{name} was given already"));
        } else if system.user(name.as_str()).is_some() {
            context.output.warning(&format!(
                "the user {name} is there already; give another name now, and adopt him later: claude-share server add-user {name} --existing"
            ));
        } else {
            return Ok(name);
        }
    }
}

/// A password, typed twice and not shown; asked for again until both are the same.
pub(super) fn password(context: &Context, question: &str, again: &str) -> Result<Secret, CliError> {
    loop {
        let password = context.prompt.hidden(question)?;
        if let Err(problem) = check_password(&password) {
            context
                .output
                .warning(&format!("the password {problem}; give another one"));
            continue;
        }
        if context.prompt.hidden(again)? == password {
            return Ok(password);
        }
        context
            .output
            .warning("the two passwords differ; type it again");
    }
}

/// Asks until the answer can be used; nothing typed is the answer in brackets.
fn ask<T>(
    context: &Context,
    question: &str,
    usual: &str,
    parse: impl Fn(&str) -> Result<T, CliError>,
) -> Result<T, CliError> {
    loop {
        let answer = context
            .prompt
            .line(&format!("[claude-share] {question} [{usual}]: "))?;
        let answer = if answer.is_empty() { usual } else { &answer };
        match parse(answer) {
            Ok(value) => return Ok(value),
            Err(error) => context.output.warning(&error.message),
        }
    }
}

fn input(message: String) -> CliError {
    CliError::new(Kind::Input, message, "")
}
