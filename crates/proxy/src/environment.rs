//! What a command on the laptop has in its environment: the laptop's own, without what is secret there, and a few things
//! that the server may say.
//!
//! What names code for a program to load is not passed on (`LD_PRELOAD`, `NODE_OPTIONS`, `RUSTC_WRAPPER`, `GIT_…` and so
//! on). That keeps accidents out, and what a project's own files could not do; it does not keep a hostile server from
//! running code, since the commands themselves do that.

/// What of the server's environment is passed on: how to print, and what such tools are told by hand for one run.
const PASSED: [&str; 26] = [
    "CARGO_TERM_COLOR",
    "CARGO_TERM_PROGRESS_WHEN",
    "CARGO_TERM_QUIET",
    "CARGO_TERM_VERBOSE",
    "CI",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLORTERM",
    "COLUMNS",
    "DEBIAN_FRONTEND",
    "DEBUG",
    "FORCE_COLOR",
    "LANG",
    "LANGUAGE",
    "LINES",
    "MAKEFLAGS",
    "NODE_ENV",
    "NO_COLOR",
    "PYTHONUNBUFFERED",
    "PY_COLORS",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "RUST_TEST_THREADS",
    "SOURCE_DATE_EPOCH",
    "TERM",
    "TZ",
];
/// The same of names that begin so.
const PASSED_BEGINNINGS: [&str; 1] = ["LC_"];
/// The longest value that is passed on, in bytes.
const LONGEST: usize = 4 << 10;

/// What of the laptop's own environment is kept from what the server has started: secrets that no word in their name tells,
/// sockets of what signs, unlocks, or does things for the user (agents, editors, terminals, window managers), and whose these
/// processes are.
const KEPT_BACK: [&str; 24] = [
    "BW_SESSION",
    "DESKTOP_STARTUP_ID",
    "GNOME_KEYRING_CONTROL",
    "GPG_AGENT_INFO",
    "GPG_TTY",
    "I3SOCK",
    "KITTY_LISTEN_ON",
    "KRB5CCNAME",
    "MYSQL_PWD",
    "NVIM",
    "NVIM_LISTEN_ADDRESS",
    "SESSION_MANAGER",
    "SSHPASS",
    "SSH_AGENT_PID",
    "SSH_AUTH_SOCK",
    "SSH_CLIENT",
    "SSH_CONNECTION",
    "SSH_TTY",
    "STY",
    "SWAYSOCK",
    "TMUX",
    "TMUX_PANE",
    "WEZTERM_UNIX_SOCKET",
    "XAUTHORITY",
];
/// The same of names that begin so: credentials of this product, of its vendor, and of clouds; the bus of the desktop; an
/// editor that hands out what it is signed in with.
const KEPT_BACK_BEGINNINGS: [&str; 8] = [
    "ANTHROPIC_",
    "AWS_",
    "AZURE_",
    "CLAUDE",
    "DBUS_",
    "GOOGLE_",
    "OP_",
    "VSCODE_",
];
/// The same of names that have one of these words, between other signs than letters and digits, or at an end.
const KEPT_BACK_WORDS: [&str; 16] = [
    "ASKPASS",
    "AUTH",
    "AUTHORIZATION",
    "COOKIE",
    "CREDENTIAL",
    "CREDENTIALS",
    "CREDS",
    "JWT",
    "KEY",
    "KEYS",
    "OAUTH",
    "PASS",
    "PASSWORDS",
    "PAT",
    "SECRETS",
    "TOKENS",
];
/// The same of names that have a word that ends so: `PGPASSWORD`, `_authToken`.
const KEPT_BACK_ENDINGS: [&str; 6] = [
    "APIKEY",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "SECRET",
    "TOKEN",
];

/// Whether the server may say what `name` is, and say `value`. Both without zero bytes, as every environment's are.
#[must_use]
pub fn passes(name: &[u8], value: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else {
        return false;
    };
    let is_plain = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'_';
    let is_passed = PASSED.contains(&name)
        || PASSED_BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning) && name.bytes().all(is_plain));
    is_passed && value.len() <= LONGEST && !value.contains(&0) && !has_shell_words(name, value)
}

/// Whether the laptop's own `name` is for a command that the server has started. By its name alone: a secret that is
/// called otherwise comes through.
#[must_use]
pub fn stays(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_uppercase();
    let is_secret = |word: &str| {
        KEPT_BACK_WORDS.contains(&word)
            || KEPT_BACK_ENDINGS
                .iter()
                .any(|ending| word.ends_with(ending))
    };
    // Registries' are in the names of npm's: `npm_config_//registry.npmjs.org/:_authToken`.
    let mut words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    !KEPT_BACK.contains(&name.as_str())
        && !KEPT_BACK_BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
        && !words.any(is_secret)
}

/// `make` reads its options in `MAKEFLAGS`, and with them variables and files: only how many jobs and what to print.
fn has_shell_words(name: &str, value: &[u8]) -> bool {
    let is_harmless = |word: &[u8]| {
        let word = word.strip_prefix(b"-").unwrap_or(word);
        let letters = word.strip_prefix(b"j").unwrap_or(word);
        let is_number = letters.iter().all(u8::is_ascii_digit);
        is_number || word.iter().all(|letter| b"Biknsw".contains(letter))
    };
    name == "MAKEFLAGS" && !value.split(|byte| *byte == b' ').all(is_harmless)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_code_is_not_passed_on() {
        for name in [
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "DYLD_INSERT_LIBRARIES",
            "NODE_OPTIONS",
            "NODE_PATH",
            "RUSTC_WRAPPER",
            "RUSTC",
            "RUSTFLAGS",
            "CARGO_TERM_COLOR\n",
            "CARGO_BUILD_RUSTC_WRAPPER",
            "CARGO_HOME",
            "GIT_SSH_COMMAND",
            "GIT_EXTERNAL_DIFF",
            "GIT_CONFIG_COUNT",
            "PATH",
            "HOME",
            "SHELL",
            "ENV",
            "BASH_ENV",
            "IFS",
            "PYTHONPATH",
            "PYTHONSTARTUP",
            "PYTEST_ADDOPTS",
            "PERL5OPT",
            "RUBYOPT",
            "JAVA_TOOL_OPTIONS",
            "MAVEN_OPTS",
            "EDITOR",
            "PAGER",
            "LESSOPEN",
            "TMPDIR",
            "XDG_CONFIG_HOME",
            "npm_config_script_shell",
            "LC_ALL=x",
            "lc_all",
            "",
        ] {
            assert!(!passes(name.as_bytes(), b"x"), "{name:?}");
        }
        assert!(!passes(b"LC_\xff", b"x"));
    }

    #[test]
    fn how_to_print_is() {
        for name in [
            "TERM",
            "NO_COLOR",
            "LC_ALL",
            "LC_TIME",
            "CI",
            "RUST_BACKTRACE",
            "TZ",
        ] {
            assert!(passes(name.as_bytes(), b"x y"), "{name}");
            assert!(!passes(name.as_bytes(), b"x\0y"), "{name}");
            assert!(!passes(name.as_bytes(), &[b'x'; LONGEST + 1]), "{name}");
        }
    }

    #[test]
    fn of_makes_options_only_those_that_run_nothing() {
        for value in ["", "-j4", "j4", "-j 8", "kw", "-n -s", " -k"] {
            assert!(passes(b"MAKEFLAGS", value.as_bytes()), "{value}");
        }
        for value in [
            "--eval=$(shell id)",
            "-f /tmp/x",
            "CC=evil",
            "-j4 -- SHELL=/x",
            "-I/x",
            "e",
        ] {
            assert!(!passes(b"MAKEFLAGS", value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn secrets_of_the_laptop_stay_behind() {
        for name in [
            "SSH_AUTH_SOCK",
            "ANTHROPIC_API_KEY",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "AWS_PROFILE",
            "GITHUB_TOKEN",
            "GH_TOKEN",
            "NPM_AUTH_TOKEN",
            "npm_config__auth",
            "DB_PASSWORD",
            "STRIPE_KEY",
            "KEY",
            "MY_SECRET_2",
            "KRB5CCNAME",
            "PGPASSWORD",
            "MYSQL_PWD",
            "SSHPASS",
            "BW_SESSION",
            "GITHUB_PAT",
            "npm_config_//registry.npmjs.org/:_authToken",
            "npm_config_//registry.npmjs.org/:_password",
            "ACCESSTOKEN",
            "API_KEYS",
            "GIT_ASKPASS",
            "SSH_ASKPASS",
            "SUDO_ASKPASS",
            "VSCODE_GIT_IPC_HANDLE",
            "VSCODE_IPC_HOOK_CLI",
            "DBUS_SESSION_BUS_ADDRESS",
            "TMUX",
            "KITTY_LISTEN_ON",
        ] {
            assert!(!stays(name.as_bytes()), "{name}");
        }
        for name in [
            "PATH",
            "HOME",
            "JAVA_HOME",
            "CARGO_HOME",
            "NVM_DIR",
            "VIRTUAL_ENV",
            "KEYBOARD",
            "AUTHOR_NAME",
            "PASSAGE",
            "MONKEY",
            "DISPLAY",
            "XDG_RUNTIME_DIR",
            "PWD",
            "PATTERN",
            "KEYMAP",
            "DATABASE_URL",
            "SSL_CERT_FILE",
            "DOCKER_HOST",
            "GIT_AUTHOR_NAME",
            "npm_config_registry",
            "npm_config_//registry.npmjs.org/:always",
        ] {
            assert!(stays(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn the_lists_are_in_order() {
        assert!(PASSED.is_sorted() && KEPT_BACK.is_sorted() && KEPT_BACK_BEGINNINGS.is_sorted());
        assert!(KEPT_BACK_WORDS.is_sorted() && KEPT_BACK_ENDINGS.is_sorted());
    }
}
