//! Every environment variable that the programs read, and the only place where one is read.

use std::ffi::{OsStr, OsString};

macro_rules! variables {
    ($($variant:ident $name:literal $meaning:literal)*) => {
        /// A variable that a program reads.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Variable {
            $(#[doc = $meaning] $variant,)*
        }

        impl Variable {
            /// All of them, in the order in which they are explained.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// As it is called in the environment.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What it means, for people.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }
        }
    };
}

variables! {
    AccountsHome "CLAUDE_ACCOUNTS_HOME" "directory of the vault; ~/.claude-accounts if not set"
    Client "CLAUDE_ACCOUNTS_CLAUDE" "the client to launch; `claude` from PATH if not set"
    TokenUrl "CLAUDE_ACCOUNTS_TOKEN_URL" "token endpoint instead of the vendor's (https, or http to this machine)"
    KeeperLinger "CLAUDE_ACCOUNTS_KEEPER_LINGER" "seconds that a keeper stays after the last session; 60 if not set"
    SessionAccount "CLAUDE_ACCOUNTS_ACCOUNT" "set inside a launched session: the account it was launched with"
    PassphraseDescriptor "CLAUDE_ACCOUNTS_PASSPHRASE_FD" "number of a descriptor to read the vault's passphrase from, one line"
    ConfigDirectory "CLAUDE_CONFIG_DIR" "the client's own directory; ~/.claude if not set"
    Home "HOME" "the home directory"
    Path "PATH" "where programs are looked for"
    RuntimeDirectory "XDG_RUNTIME_DIR" "where the views of running sessions are kept"
    ConfigHome "XDG_CONFIG_HOME" "where the shell fish has its configuration; ~/.config if not set"
    ZshDirectory "ZDOTDIR" "where zsh has its .zshrc; the home directory if not set"
    Shell "SHELL" "the shell that aliases are written for"
    SessionBus "DBUS_SESSION_BUS_ADDRESS" "where the OS keyring is asked for the vault's key, if it is kept there"
    TimeZone "TZ" "time zone in which times are shown; the system's if not set"
    Columns "COLUMNS" "width of tables; the terminal's if not set"
    NoColor "NO_COLOR" "set to anything: no colours"
}

/// The environment as it was at the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    values: Vec<(Variable, OsString)>,
}

impl Environment {
    /// Reads every variable of [`Variable::ALL`].
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub(crate) fn read() -> Self {
        let read = |&variable: &Variable| Some((variable, std::env::var_os(variable.name())?));
        Self {
            values: Variable::ALL.iter().filter_map(read).collect(),
        }
    }

    /// The value; set to nothing counts as not set.
    pub(crate) fn get(&self, variable: Variable) -> Option<&OsStr> {
        let found = self.values.iter().find(|(known, _)| *known == variable);
        found
            .map(|(_, value)| value.as_os_str())
            .filter(|value| !value.is_empty())
    }

    /// Everything, known or not: for what is started.
    pub(crate) fn inherited(&self) -> Vec<(OsString, OsString)> {
        std::env::vars_os().collect()
    }

    #[cfg(test)]
    pub(crate) fn of(values: &[(Variable, &str)]) -> Self {
        let values = values
            .iter()
            .map(|(variable, value)| (*variable, OsString::from(value)));
        Self {
            values: values.collect(),
        }
    }
}

/// The list for `--help`: name and meaning, one variable a line.
#[must_use]
pub fn explanation() -> String {
    let widest = Variable::ALL.iter().map(|variable| variable.name().len());
    let width = widest.max().unwrap_or(0);
    let line =
        |variable: &Variable| format!("  {:width$}  {}\n", variable.name(), variable.meaning());
    Variable::ALL.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_to_nothing_is_not_set() {
        let environment = Environment::of(&[(Variable::Home, ""), (Variable::Columns, "40")]);
        assert_eq!(environment.get(Variable::Home), None);
        assert_eq!(environment.get(Variable::Columns), Some(OsStr::new("40")));
        assert_eq!(environment.get(Variable::Shell), None);
    }

    #[test]
    fn every_variable_is_explained() {
        let text = explanation();
        for variable in Variable::ALL {
            assert!(text.contains(variable.name()) && !variable.meaning().is_empty());
        }
    }
}
