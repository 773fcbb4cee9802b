use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use vault::Protection;

use super::context::Context;
use super::keeper;
use crate::error::CliError;
use crate::table::details;

/// Show where the vault's key is kept, keep it elsewhere, or change it
#[derive(clap::Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Subcommand)]
enum KeyCommand {
    Status(KeyStatusArgs),
    Protect(KeyProtectArgs),
    Rotate(KeyRotateArgs),
}

/// Show where the key is kept, which one it is, and who can read the files
#[derive(clap::Args)]
struct KeyStatusArgs {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Keep the same key in another way
///
/// Whoever forgets the passphrase or loses the keyring loses the vault: make an export first.
#[derive(clap::Args)]
struct KeyProtectArgs {
    /// Where the key is to be kept
    #[arg(long, value_enum, value_name = "WAY")]
    with: Way,
    /// Read the new passphrase from this descriptor, one line
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u32>,
}

/// Make a new key and seal every record with it
///
/// Copies of the old key open nothing any more, except older copies of the database.
#[derive(clap::Args)]
struct KeyRotateArgs {}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    /// In the file .key, readable by you and root
    File,
    /// In the file .key, wrapped by a passphrase that is asked for
    Passphrase,
    /// In the keyring of the desktop session
    Keyring,
}

impl From<Way> for Protection {
    fn from(way: Way) -> Self {
        match way {
            Way::File => Self::File,
            Way::Passphrase => Self::Passphrase,
            Way::Keyring => Self::Keyring,
        }
    }
}

pub(crate) fn run(args: &KeyArgs, context: &Context) -> Result<(), CliError> {
    match &args.command {
        KeyCommand::Status(args) => status(args, context),
        KeyCommand::Protect(args) => protect(args, context),
        KeyCommand::Rotate(_) => rotate(context),
    }
}

fn status(args: &KeyStatusArgs, context: &Context) -> Result<(), CliError> {
    let vault = context.open_vault()?;
    let protection = vault.protection()?;
    let id = vault.key_id()?;
    let paths = vault.paths();
    let (key, database) = (paths.key(), paths.database());
    let files = [
        ("directory", paths.directory()),
        ("key file", &key),
        ("database", &database),
    ];
    for (_, path) in files {
        warn_if_open(context, path);
    }
    if args.json {
        let [directory, key, database] = files.map(|(_, path)| file_json(path));
        return context.output.json(
            &json!({"protection": protection.as_str(), "id": id.as_str(),
            "directory": directory, "key_file": key, "database": database}),
        );
    }
    let mut pairs = vec![
        ("kept in", words(protection).to_owned()),
        ("id", id.as_str().to_owned()),
    ];
    pairs.extend(files.map(|(name, path)| (name, describe(path))));
    context.output.text(&details(&pairs))
}

fn words(protection: Protection) -> &'static str {
    match protection {
        Protection::File => "the key file, as it is",
        Protection::Passphrase => "the key file, wrapped by a passphrase",
        Protection::Keyring => "the OS keyring",
    }
}

/// The permission bits; `None` if there is no such file.
fn mode(path: &Path) -> Option<u32> {
    path.metadata()
        .ok()
        .map(|metadata| metadata.mode() & 0o7777)
}

fn describe(path: &Path) -> String {
    match mode(path) {
        Some(mode) => format!("{} (mode {mode:04o})", path.display()),
        None => format!("{} (not there)", path.display()),
    }
}

fn file_json(path: &Path) -> Value {
    json!({"path": path.to_string_lossy(), "mode": mode(path).map(|mode| format!("{mode:04o}"))})
}

fn warn_if_open(context: &Context, path: &Path) {
    const OTHERS: u32 = 0o077;
    if mode(path).is_some_and(|mode| mode & OTHERS != 0) {
        let path = path.display();
        context.output.warning(&format!(
            "{path} is open to other users; close it: chmod go= {path}"
        ));
    }
}

fn protect(args: &KeyProtectArgs, context: &Context) -> Result<(), CliError> {
    let vault = context.open_vault()?;
    vault.unlock()?;
    if args.with != Way::File {
        context.output.warning(
            "without the passphrase or the keyring the vault cannot be opened: keep an export",
        );
    }
    let passphrase = match args.with {
        Way::Passphrase => Some(context.prompt.new_passphrase(args.passphrase_fd)?),
        Way::File | Way::Keyring => None,
    };
    let protection = Protection::from(args.with);
    vault.protect(protection, passphrase.as_ref())?;
    keeper::hand_over_key(context, &vault)?;
    context
        .output
        .note(&format!("the key is now kept in {}", words(protection)))
}

fn rotate(context: &Context) -> Result<(), CliError> {
    let vault = context.open_vault()?;
    let before = vault.key_id()?;
    vault.rotate_key()?;
    keeper::hand_over_key(context, &vault)?;
    let after = vault.key_id()?;
    context.output.note(&format!(
        "every record is sealed with a new key: {} in place of {}",
        after.as_str(),
        before.as_str()
    ))
}
