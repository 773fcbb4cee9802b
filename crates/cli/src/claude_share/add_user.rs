use std::path::PathBuf;

use model::Secret;
use share::name::UserName;
use share::server::{NewUser, Password, Questions, plan_add_user};
use share::user_tools::parse_public_key;
use share::users_file::{check_password, read_password_file};

use super::context::Context;
use super::machine::{Server, refused};
use super::questions;
use crate::error::{CliError, Kind};
use crate::input;

/// Largest file of a public key that is read, in bytes.
const KEY_LIMIT: usize = 16 * 1024;

/// Add another managed user
///
/// Creates the Linux user, puts him into the group and gives him the shared login. Without an
/// option for it, a password is asked for.
#[derive(clap::Args)]
pub(crate) struct AddUserArgs {
    /// His name
    name: String,
    #[command(flatten)]
    password: PasswordArgs,
    /// Let whoever has the private key of this public one log in as him
    #[arg(long, value_name = "FILE")]
    ssh_key: Option<PathBuf>,
    /// The vault's account for him, instead of the default one
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// What becomes of his password: one of these, or a question.
#[derive(clap::Args)]
#[group(multiple = false)]
struct PasswordArgs {
    /// His password; others can see it while this runs
    #[arg(long, value_name = "PASSWORD")]
    password: Option<String>,
    /// Read his password from a file of root's with mode 0600
    #[arg(long, value_name = "FILE")]
    password_from_file: Option<PathBuf>,
    /// No password: he logs in with an SSH key, or by `su` from root
    #[arg(long)]
    no_password: bool,
    /// Adopt a user who is there already; his password stays as it is
    #[arg(long)]
    existing: bool,
}

pub(crate) fn run(args: &AddUserArgs, context: &Context) -> Result<(), CliError> {
    context.require_root()?;
    let state = context.state()?;
    let user = new_user(args, context, state.users.contains_key(&args.name))?;
    let server = Server::open(context, args.dry_run)?;
    let facts = server.facts(&Questions {
        users: vec![user.name.clone()],
        ..Questions::default()
    })?;
    let plan = plan_add_user(&facts, &user).map_err(refused)?;
    if !server.carry_out(&facts, &plan, args.dry_run)? {
        return Ok(());
    }
    context
        .output
        .say(&format!("Done. Managed user: {}", user.name))
}

/// Whoever is managed already is asked for nothing.
fn new_user(args: &AddUserArgs, context: &Context, is_managed: bool) -> Result<NewUser, CliError> {
    let existing = args.password.existing || is_managed;
    let name = match existing {
        true => UserName::parse_existing(&args.name)?,
        false => UserName::parse(&args.name)?,
    };
    let key = args
        .ssh_key
        .as_deref()
        .map(|file| input::read(file, KEY_LIMIT))
        .transpose()?;
    let key = key
        .map(|bytes| parse_public_key(&String::from_utf8_lossy(&bytes)))
        .transpose()?;
    Ok(NewUser {
        password: password(&args.password, context, &name, is_managed)?,
        key,
        existing,
        account: args.account.clone(),
        name,
    })
}

fn password(
    args: &PasswordArgs,
    context: &Context,
    name: &UserName,
    is_managed: bool,
) -> Result<Password, CliError> {
    if args.existing || is_managed {
        return Ok(Password::AsItIs);
    }
    if args.no_password {
        return Ok(Password::Locked);
    }
    if let Some(file) = &args.password_from_file {
        return Ok(Password::Given(read_password_file(file, 0)?));
    }
    if let Some(password) = &args.password {
        context.output.warning(
            "a password on the command line can be seen by other users while this runs, and stays in the shell's history; --password-from-file avoids both",
        );
        let password = Secret::new(password.as_str());
        check_password(&password).map_err(|problem| {
            CliError::new(
                Kind::Input,
                format!("the password {problem}"),
                "Give another one.",
            )
        })?;
        return Ok(Password::Given(password));
    }
    if !context.prompt.can_ask() {
        return Err(CliError::new(
            Kind::Usage,
            format!("no password was given for {name}, and there is no terminal to ask on"),
            "Give --password-from-file FILE, --no-password (with --ssh-key FILE), or --existing.",
        ));
    }
    let password = questions::password(
        context,
        &format!("  {name} password: "),
        &format!("Confirm {name} password: "),
    )?;
    Ok(Password::Given(password))
}
