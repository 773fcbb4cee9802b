use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use model::{AccountName, AuthType, CredentialDocument, DOCUMENT_LIMIT, Secret};
use vault::{Cause, NewAccount, VaultError, is_variable_name};

use super::context::Context;
use super::install;
use crate::error::{CliError, Kind};
use crate::input;

/// Largest key that is read, in bytes. Real ones have about 110.
const KEY_LIMIT: usize = 16 * 1024;

/// Add an account
///
/// Without an option that says where the credential comes from, an API key is asked for.
#[derive(clap::Args)]
pub(crate) struct AddArgs {
    /// Name of the account: letters and digits of any script, `.`, `_` and `-`
    name: String,
    #[command(flatten)]
    source: SourceArgs,
    /// Set a variable in each launch: a base URL, a model, a proxy. Repeatable; the value is sealed too
    #[arg(long = "env", value_name = "NAME=VALUE")]
    environment: Vec<String>,
}

/// Where the credential comes from: one of these, or a question.
#[derive(clap::Args)]
#[group(multiple = false)]
struct SourceArgs {
    /// Read the API key from standard input
    #[arg(long)]
    key_stdin: bool,
    /// The API key itself; other users of this machine can see it while this runs
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Add an account without credential, to sign in to with `login`
    #[arg(long)]
    oauth: bool,
    /// Take the login in a credential file of the client; `-` is standard input
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

pub(crate) fn run(args: &AddArgs, context: &Context) -> Result<(), CliError> {
    let name = AccountName::parse(&args.name)?;
    let environment = parse_environment(&args.environment)?;
    refuse_taken(context, &name)?;
    let mut account = credential(&args.source, context, name)?;
    account.environment = environment;
    context.open_or_create_vault()?.add(&account)?;
    install::follow(context);
    say_added(context, &account)
}

/// Before anybody is asked for a key that could not be stored.
fn refuse_taken(context: &Context, name: &AccountName) -> Result<(), CliError> {
    let Some(vault) = context.open_vault_if_any()? else {
        return Ok(());
    };
    match vault.find(name.as_str()) {
        Ok(account) => Err(VaultError::Exists(account.name).into()),
        Err(VaultError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn credential(
    source: &SourceArgs,
    context: &Context,
    name: AccountName,
) -> Result<NewAccount, CliError> {
    if source.oauth {
        return Ok(NewAccount::empty(name, AuthType::OAuth));
    }
    if let Some(file) = &source.from {
        return from_file(file, name);
    }
    let mut account = NewAccount::empty(name, AuthType::ApiKey);
    account.api_key = parse_key(&read_key(source, context)?)?;
    Ok(account)
}

fn from_file(file: &Path, name: AccountName) -> Result<NewAccount, CliError> {
    let bytes = input::read(file, DOCUMENT_LIMIT)?;
    let mut account = NewAccount::empty(name, AuthType::OAuth);
    account.login = Some(CredentialDocument::parse(&bytes)?);
    account.cause = Cause::Captured;
    Ok(account)
}

fn read_key(source: &SourceArgs, context: &Context) -> Result<Secret, CliError> {
    if let Some(key) = &source.key {
        context.output.warning(
            "a key on the command line can be seen by other users while this runs, and stays in the shell's history; --key-stdin avoids both",
        );
        return Ok(Secret::new(key.as_str()));
    }
    if source.key_stdin {
        let bytes = input::read_stdin(KEY_LIMIT)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| unusable_key("is not text"))?;
        return Ok(Secret::new(text));
    }
    if !std::io::stdin().is_terminal() || !context.prompt.can_ask() {
        return Err(CliError::new(
            Kind::Usage,
            "no credential was given, and there is no terminal to ask on",
            "Give --key-stdin, --from FILE or --oauth.",
        ));
    }
    context.prompt.hidden("API key (it is not shown): ")
}

/// A key goes into an HTTP header, so it is printable ASCII (RFC 9110, section 5.5).
fn parse_key(text: &Secret) -> Result<Secret, CliError> {
    let key = text.expose().trim();
    if key.is_empty() {
        return Err(unusable_key("is empty"));
    }
    if ["sk-ant-oat", "sk-ant-ort"]
        .iter()
        .any(|prefix| key.starts_with(prefix))
    {
        return Err(unusable_key("is a token of a login, not an API key").hinted(
            "Give the client's whole credential file with --from FILE, or sign in with `claude-accounts login NAME`.",
        ));
    }
    if key.chars().any(char::is_whitespace) {
        return Err(unusable_key("has white space in it"));
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unusable_key("has a character in it that no key has"));
    }
    Ok(Secret::new(key))
}

fn unusable_key(problem: &str) -> CliError {
    let hint =
        "Copy the key from the vendor's console again; for a credential file use --from FILE.";
    CliError::new(Kind::Input, format!("the key {problem}"), hint)
}

/// `NAME=VALUE` each. What is wrong is said without the value.
fn parse_environment(texts: &[String]) -> Result<Vec<(String, Secret)>, CliError> {
    let refuse = |message: String| {
        let hint =
            "Give --env NAME=VALUE; a name has letters, digits and `_`, and starts with no digit.";
        Err(CliError::new(Kind::Input, message, hint))
    };
    let mut variables: Vec<(String, Secret)> = Vec::with_capacity(texts.len());
    for text in texts {
        let Some((name, value)) = text.split_once('=') else {
            return refuse("a variable was given without a value".to_owned());
        };
        if !is_variable_name(name) {
            return refuse(format!("{name:?} cannot be the name of a variable"));
        }
        if variables.iter().any(|(known, _)| known == name) {
            return refuse(format!("the variable {name} was given twice"));
        }
        variables.push((name.to_owned(), Secret::new(value)));
    }
    Ok(variables)
}

fn say_added(context: &Context, account: &NewAccount) -> Result<(), CliError> {
    let name = &account.name;
    let (what, next) = match (&account.login, account.auth_type) {
        (Some(login), _) => (format!("OAuth {}", login.access_token().masked()), "launch"),
        (None, AuthType::OAuth) => ("OAuth, no credential yet".to_owned(), "login"),
        (None, AuthType::ApiKey) => (format!("API key {}", account.api_key.masked()), "launch"),
    };
    context.output.note(&format!("added {name}: {what}"))?;
    context.output.note(&format!(
        "next: {}",
        context.next_command(next, name.as_str())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<String, CliError> {
        parse_key(&Secret::new(text)).map(|key| key.expose().to_owned())
    }

    #[test]
    fn a_key_is_trimmed() {
        assert_eq!(key(" sk-ant-api03-FAKE\r\n").unwrap(), "sk-ant-api03-FAKE");
        assert_eq!(key("gateway-key").unwrap(), "gateway-key");
    }

    #[test]
    fn what_is_no_key_is_refused_without_repeating_it() {
        for text in [
            "",
            " \n",
            "FAKE two",
            "FAKE\u{1}",
            "FAKEé",
            "sk-ant-oat01-FAKE",
            "sk-ant-ort01-FAKE",
        ] {
            let error = key(text).unwrap_err();
            assert_eq!(error.kind, Kind::Input);
            assert!(!format!("{error:?}").contains("FAKE"));
        }
    }

    #[test]
    fn variables_are_names_and_values() {
        let parse = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            parse_environment(&texts)
        };
        let variables = parse(&["A=b=c", "_B2="]).unwrap();
        assert_eq!(variables[0], ("A".to_owned(), Secret::new("b=c")));
        for wrong in [
            &["secret"][..],
            &["=secret"],
            &["2A=secret"],
            &["A B=secret"],
            &["A=secret", "A=secret"],
        ] {
            let error = parse(wrong).unwrap_err();
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}
