//! Every environment variable that the programs read, and the only place where one is read.

use std::ffi::{OsStr, OsString};

/// The programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `claude-accounts`.
    Accounts,
    /// `claude-share`.
    Share,
    /// `cs`.
    Cs,
}

impl Program {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Accounts, Self::Share, Self::Cs];
}

const ACCOUNTS: &[Program] = &[Program::Accounts];
const SHARE: &[Program] = &[Program::Share];
const CS: &[Program] = &[Program::Cs];
const BOTH: &[Program] = &[Program::Accounts, Program::Share];
const LOCAL: &[Program] = &[Program::Accounts, Program::Cs];
const ALL: &[Program] = &Program::ALL;

macro_rules! variables {
    ($($variant:ident $readers:ident $name:literal $meaning:literal)*) => {
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

            /// Whether `program` reads it.
            #[must_use]
            pub fn is_read_by(self, program: Program) -> bool {
                let readers: &[Program] = match self {
                    $(Self::$variant => $readers,)*
                };
                readers.contains(&program)
            }
        }
    };
}

variables! {
    AccountsHome ALL "CLAUDE_ACCOUNTS_HOME" "directory of the vault; ~/.claude-accounts if not set"
    Client ACCOUNTS "CLAUDE_ACCOUNTS_CLAUDE" "the client to launch; `claude` from PATH if not set"
    TokenUrl ALL "CLAUDE_ACCOUNTS_TOKEN_URL" "token endpoint instead of the vendor's (https, or http to this machine)"
    KeeperLinger LOCAL "CLAUDE_ACCOUNTS_KEEPER_LINGER" "seconds that a keeper stays after the last session; 60 if not set"
    SessionAccount ACCOUNTS "CLAUDE_ACCOUNTS_ACCOUNT" "set inside a launched session: the account it was launched with"
    PassphraseDescriptor LOCAL "CLAUDE_ACCOUNTS_PASSPHRASE_FD" "number of a descriptor to read the vault's passphrase from, one line"
    KeyDescriptor LOCAL "CLAUDE_ACCOUNTS_KEY_FD" "number of a descriptor to read the vault's key itself from, one line; the dashboard sets it"
    ConfigDirectory ALL "CLAUDE_CONFIG_DIR" "the client's own directory; ~/.claude if not set"
    Home ALL "HOME" "the home directory"
    Path ALL "PATH" "where programs are looked for"
    RuntimeDirectory ALL "XDG_RUNTIME_DIR" "where the views and sockets of running sessions are kept"
    ConfigHome ACCOUNTS "XDG_CONFIG_HOME" "where the shell fish has its configuration; ~/.config if not set"
    ZshDirectory ACCOUNTS "ZDOTDIR" "where zsh has its .zshrc; the home directory if not set"
    Shell ACCOUNTS "SHELL" "the shell that aliases are written for"
    SessionBus LOCAL "DBUS_SESSION_BUS_ADDRESS" "where the OS keyring is asked for the vault's key, if it is kept there"
    NotifySocket BOTH "NOTIFY_SOCKET" "where systemd is told that the keeper or the dashboard is ready; systemd sets it"
    ListenDescriptors ACCOUNTS "LISTEN_FDS" "how many sockets systemd hands over to the dashboard; systemd sets it"
    ListenProcess ACCOUNTS "LISTEN_PID" "the process that they are meant for; systemd sets it"
    Display ACCOUNTS "DISPLAY" "set where there is a desktop to open the dashboard on"
    WaylandDisplay ACCOUNTS "WAYLAND_DISPLAY" "set where there is a desktop to open the dashboard on"
    JournalStream SHARE "JOURNAL_STREAM" "set by systemd where output goes to its journal: the keeper's lines then bear no time"
    DetachKeys CS "CLAUDE_SHARE_DETACH_KEYS" "the keys that detach, as --detach-keys has them"
    Terminal CS "TERM" "the kind of terminal, which programs on the server are told"
    TerminalColors CS "COLORTERM" "how many colours the terminal has; programs on the server are told"
    Language CS "LANG" "language and character set; programs on the server are told"
    LanguageOfAll CS "LC_ALL" "likewise"
    LanguageOfCharacters CS "LC_CTYPE" "likewise"
    TimeZone ALL "TZ" "time zone in which times are shown; the system's if not set"
    Columns ALL "COLUMNS" "width of tables; the terminal's if not set"
    NoColor ALL "NO_COLOR" "set to anything: no colours"
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

/// The list for a program's `--help`: name and meaning, one variable a line.
#[must_use]
pub fn explanation(program: Program) -> String {
    let read = || {
        Variable::ALL
            .iter()
            .filter(move |variable| variable.is_read_by(program))
    };
    let widest = read().map(|variable| variable.name().len());
    let width = widest.max().unwrap_or(0);
    let line =
        |variable: &Variable| format!("  {:width$}  {}\n", variable.name(), variable.meaning());
    read().map(line).collect()
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
    fn every_variable_is_explained_by_the_programs_that_read_it() {
        for variable in Variable::ALL {
            assert!(!variable.meaning().is_empty());
            let explained = Program::ALL.map(|program| {
                let name = format!("  {} ", variable.name());
                let explained = explanation(program).contains(&name);
                assert_eq!(
                    explained,
                    variable.is_read_by(program),
                    "{}",
                    variable.name()
                );
                explained
            });
            assert!(explained.contains(&true), "{}", variable.name());
        }
    }
}
