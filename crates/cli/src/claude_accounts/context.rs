//! What every verb works with.

use std::cell::OnceCell;
use std::io::ErrorKind;
use std::path::PathBuf;

use model::{AccountId, printable};
use share::ServerPaths;
use vault::{Account, Vault, VaultError, VaultKey, VaultPaths};

use super::GlobalArgs;
use crate::environment::{Environment, Variable};
use crate::error::{CliError, Kind};
use crate::output::Output;
use crate::prompt::Prompt;

/// The environment, the output, the questions, and where the vault is.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) environment: Environment,
    pub(crate) output: Output,
    pub(crate) prompt: Prompt,
    vault: Option<PathBuf>,
    /// What [`Prompt::given_key`] gave: it can be read only once.
    given_key: OnceCell<Option<VaultKey>>,
}

impl Context {
    /// Touches nothing: files are looked at when a verb asks for them.
    pub(crate) fn new(environment: Environment, global: &GlobalArgs) -> Self {
        Self {
            output: Output::new(&environment, global.quiet),
            prompt: Prompt::new(&environment, global.no_input),
            vault: global.vault.clone(),
            given_key: OnceCell::new(),
            environment,
        }
    }

    /// The home directory.
    ///
    /// # Errors
    /// If `HOME` is not set to an absolute path.
    pub(crate) fn home(&self) -> Result<PathBuf, CliError> {
        let home = self.environment.get(Variable::Home).map(PathBuf::from);
        home.filter(|home| home.is_absolute()).ok_or_else(|| {
            CliError::new(
                Kind::Usage,
                "HOME is not set to an absolute path",
                "Set HOME, or name the vault's directory: --vault DIR.",
            )
        })
    }

    /// Where the vault is: `--vault`, then `CLAUDE_ACCOUNTS_HOME`, then `~/.claude-accounts`.
    ///
    /// # Errors
    /// If none of them says.
    pub(crate) fn paths(&self) -> Result<VaultPaths, CliError> {
        let told = self.vault.clone();
        let told = told.or_else(|| {
            self.environment
                .get(Variable::AccountsHome)
                .map(PathBuf::from)
        });
        let Some(directory) = told else {
            return Ok(VaultPaths::new(self.home()?.join(".claude-accounts")));
        };
        let absolute = std::path::absolute(&directory).map_err(|error| {
            CliError::new(
                Kind::Usage,
                format!(
                    "{:?} cannot be the vault's directory: {error}",
                    directory.display()
                ),
                "Name a directory: --vault DIR.",
            )
        })?;
        Ok(VaultPaths::new(absolute))
    }

    /// Whether the vault is the one of this server, which has several users.
    pub(crate) fn is_of_server(&self) -> bool {
        let paths = self.vault.as_ref().and_then(|_| self.paths().ok());
        let server = ServerPaths::documented().vault();
        paths.is_some_and(|paths| paths.directory() == server.directory())
    }

    /// What somebody types next to have `verb` done with an account of this vault. With those of a server's vault nothing is
    /// launched: its users are assigned them.
    pub(crate) fn next_command(&self, verb: &str, name: &str) -> String {
        let told = self.vault.as_ref().and_then(|_| self.paths().ok());
        let Some(paths) = told else {
            return format!("claude-accounts {verb} {name}");
        };
        if verb == "launch" && self.is_of_server() {
            return match ServerPaths::documented().state().exists() {
                true => format!("claude-share server assign USER {name}"),
                false => format!("claude-share server init --account {name}"),
            };
        }
        let vault = client::shell_word(&paths.directory().to_string_lossy());
        format!("claude-accounts --vault {vault} {verb} {name}")
    }

    /// The vault that is there.
    ///
    /// # Errors
    /// If there is none, or what is wrong with it.
    pub(crate) fn open_vault(&self) -> Result<Vault, CliError> {
        let paths = self.paths()?;
        match self.open_vault_if_any()? {
            Some(vault) => Ok(vault),
            None => Err(VaultError::NoVault(paths.directory().to_owned()).into()),
        }
    }

    /// The vault that is there; `None` if none is.
    ///
    /// # Errors
    /// What is wrong with the one that is there.
    pub(crate) fn open_vault_if_any(&self) -> Result<Option<Vault>, CliError> {
        let paths = self.paths()?;
        match Vault::open(&paths, Box::new(self.prompt.clone())) {
            Err(VaultError::NoVault(_)) => refuse_hidden(&paths).map(|()| None),
            opened => Ok(Some(self.unlocked(opened?)?)),
        }
    }

    /// The vault that is there, or a new one.
    ///
    /// # Errors
    /// What is wrong with the one that is there, or why none can be made.
    pub(crate) fn open_or_create_vault(&self) -> Result<Vault, CliError> {
        let vault = Vault::open_or_create(&self.paths()?, Box::new(self.prompt.clone()))?;
        self.unlocked(vault)
    }

    fn unlocked(&self, vault: Vault) -> Result<Vault, CliError> {
        if let Some(key) = self.given_key()? {
            vault.unlock_with(key)?;
        }
        Ok(vault)
    }

    /// The key that this program was handed, if it was.
    fn given_key(&self) -> Result<Option<&VaultKey>, CliError> {
        if let Some(known) = self.given_key.get() {
            return Ok(known.as_ref());
        }
        let given = self.prompt.given_key()?;
        Ok(self.given_key.get_or_init(|| given).as_ref())
    }

    /// The key of a vault that a passphrase protects, to hand it on.
    ///
    /// # Errors
    /// As [`Vault::expose_key`].
    pub(crate) fn exposed_key(&self, vault: &Vault) -> Result<VaultKey, CliError> {
        match self.given_key()? {
            Some(key) => Ok(key.clone()),
            None => Ok(vault.expose_key()?),
        }
    }

    /// The account that is meant by `name`: its name, in any case, or its name as a table shows it
    /// where another program stored one that cannot be typed.
    ///
    /// # Errors
    /// If there is none, with the name that was perhaps meant.
    pub(crate) fn account(&self, vault: &Vault, name: &str) -> Result<Account, CliError> {
        let missing = match vault.find(name) {
            Err(error @ VaultError::NotFound { .. }) => error,
            found => return Ok(found?),
        };
        let shown: Vec<AccountId> = vault
            .names()?
            .into_iter()
            .filter(|(_, stored)| printable(stored) == name)
            .map(|(id, _)| id)
            .collect();
        match shown.as_slice() {
            [id] => Ok(vault.get(id)?),
            _ => Err(missing.into()),
        }
    }
}

/// What cannot be looked at is not the same as not there: a directory closed to this user, a file
/// in the place of the directory.
fn refuse_hidden(paths: &VaultPaths) -> Result<(), CliError> {
    match paths.database().symlink_metadata() {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(VaultError::File {
            action: "look into",
            path: paths.directory().to_owned(),
            source,
        }
        .into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(values: &[(Variable, &str)], vault: Option<&str>) -> Context {
        let global = GlobalArgs {
            vault: vault.map(PathBuf::from),
            quiet: false,
            no_input: true,
        };
        Context::new(Environment::of(values), &global)
    }

    fn directory(values: &[(Variable, &str)], vault: Option<&str>) -> PathBuf {
        context(values, vault)
            .paths()
            .unwrap()
            .directory()
            .to_owned()
    }

    #[test]
    fn the_option_counts_before_the_variable_before_the_home() {
        let home = (Variable::Home, "/home/me");
        let variable = (Variable::AccountsHome, "/variable");
        assert_eq!(
            directory(&[home], None),
            PathBuf::from("/home/me/.claude-accounts")
        );
        assert_eq!(
            directory(&[home, variable], None),
            PathBuf::from("/variable")
        );
        assert_eq!(
            directory(&[variable], Some("/option")),
            PathBuf::from("/option")
        );
        assert!(directory(&[], Some("relative")).is_absolute());
    }

    #[test]
    fn a_file_in_its_place_is_not_an_empty_vault() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let context = context(&[], file.path().to_str());
        let Err(error) = context.open_vault_if_any() else {
            panic!("opened a vault in a file")
        };
        assert_eq!(error.kind, Kind::Storage);
    }

    #[test]
    fn without_a_home_there_is_a_hint() {
        assert_eq!(context(&[], None).paths().unwrap_err().kind, Kind::Usage);
        let relative = [(Variable::Home, "here")];
        assert_eq!(
            context(&relative, None).paths().unwrap_err().kind,
            Kind::Usage
        );
        assert_eq!(
            context(&[], Some("")).paths().unwrap_err().kind,
            Kind::Usage
        );
    }
}
