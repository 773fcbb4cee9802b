//! What each home is to look like: a pure function of what was set up and of the account's
//! credential.

use std::path::Path;

use crate::home::{ClaudeJsonWish, CredentialsWish, HomeWish, Item, SettingsWish};
use crate::paths::shared_copy;
use crate::settings::{ClaudeJsonMode, CredentialsMode, Settings};
use crate::state::{ServerState, UserRecord};

/// What a user's account has for him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provision {
    /// A login: the document without its refresh token.
    Login(CredentialsWish),
    /// An API key, which is handed out on request and written nowhere.
    Key,
    /// Nothing at the moment: never signed in, or the record cannot be opened.
    Nothing,
}

/// The home of the user of `record`, as [`managed_home`]. There is one shared credential file: a
/// user with an account of his own has a view in `link` mode too.
#[must_use]
pub fn home_of(
    state: &ServerState,
    record: &UserRecord,
    provision: &Provision,
    key_command: &str,
) -> HomeWish {
    let mut settings = state.settings.clone();
    if state.account_of(record) != state.default_account {
        settings.credentials = CredentialsMode::View;
    }
    managed_home(&settings, provision, key_command)
}

/// The home of a managed user. `key_command` prints the caller's key.
#[must_use]
pub fn managed_home(settings: &Settings, provision: &Provision, key_command: &str) -> HomeWish {
    let copy = |item: Item| shared_copy(&settings.shared_directory, item.path());
    let credentials = match (provision, settings.credentials) {
        (Provision::Key, _) => CredentialsWish::Absent,
        (Provision::Login(_), CredentialsMode::Link) => {
            CredentialsWish::Link(copy(Item::Credentials))
        }
        (Provision::Login(view), CredentialsMode::View) => view.clone(),
        (Provision::Nothing, _) => CredentialsWish::Leave,
    };
    let own_settings = match provision {
        Provision::Key => SettingsWish::KeyHelper {
            command: key_command.to_owned(),
            shared: copy(Item::Settings),
        },
        Provision::Login(_) | Provision::Nothing => SettingsWish::Link(copy(Item::Settings)),
    };
    HomeWish {
        credentials,
        claude_json: match settings.claude_json {
            ClaudeJsonMode::Merge => ClaudeJsonWish::Merge,
            ClaudeJsonMode::Link => ClaudeJsonWish::Link(copy(Item::ClaudeJson)),
            ClaudeJsonMode::Private => ClaudeJsonWish::Private,
        },
        settings: own_settings,
        settings_local: match settings.share_settings_local {
            true => SettingsWish::Link(copy(Item::SettingsLocal)),
            false => SettingsWish::Private(copy(Item::SettingsLocal)),
        },
        umask: true,
    }
}

/// The home of the source user: a view in the place of the login that the vault took over, and
/// nothing else. Settings that others may write are no business of his, who is usually root: they
/// can name programs to be run.
#[must_use]
pub fn source_home(settings: &Settings, provision: &Provision) -> HomeWish {
    let copy = |item: Item| shared_copy(&settings.shared_directory, item.path());
    HomeWish {
        credentials: match provision {
            Provision::Login(view) => view.clone(),
            Provision::Key | Provision::Nothing => CredentialsWish::Leave,
        },
        claude_json: ClaudeJsonWish::Private,
        settings: SettingsWish::Private(copy(Item::Settings)),
        settings_local: SettingsWish::Private(copy(Item::SettingsLocal)),
        umask: false,
    }
}

/// The command that a user's settings name to print his key. The path is quoted for a shell, which
/// the client starts it with.
#[must_use]
pub fn key_command(program: &Path) -> String {
    let text = program.display().to_string();
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-+".contains(character);
    match text.chars().all(plain) {
        true => format!("{text} key"),
        false => format!("'{}' key", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_asked_for_and_written_nowhere() {
        let wish = managed_home(&Settings::default(), &Provision::Key, "/usr/bin/x key");
        assert_eq!(wish.credentials, CredentialsWish::Absent);
        assert!(
            matches!(wish.settings, SettingsWish::KeyHelper { command, .. } if command == "/usr/bin/x key")
        );
    }

    #[test]
    fn nothing_that_others_write_reaches_the_source_user() {
        let view = CredentialsWish::View("{}".to_owned());
        let wish = source_home(&Settings::default(), &Provision::Login(view.clone()));
        assert_eq!(wish.credentials, view);
        assert!(!matches!(wish.settings, SettingsWish::Link(_)));
        assert_eq!(wish.claude_json, ClaudeJsonWish::Private);
    }

    #[test]
    fn a_path_with_a_blank_is_quoted() {
        assert_eq!(
            key_command(Path::new("/usr/bin/claude-share")),
            "/usr/bin/claude-share key"
        );
        assert_eq!(key_command(Path::new("/a b/c'd")), "'/a b/c'\\''d' key");
    }
}
