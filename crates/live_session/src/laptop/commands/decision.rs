//! Whether a command runs, and with what.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use live::Bytes;
use live::commands::{Command, End, LARGEST_START, MOST_VARIABLES, News, Start};
use proxy::environment::{passes, stays};
use proxy::{Name, Names, Paths};

use super::published::Published;

/// What is answered for a command that does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is not for the laptop.
    Here,
    Refused {
        message: String,
        hint: String,
    },
}

impl Answer {
    pub(super) fn refused(message: &str, hint: &str) -> Self {
        Self::Refused {
            message: message.to_owned(),
            hint: hint.to_owned(),
        }
    }
}

impl From<Answer> for News {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Here => Self::Here,
            Answer::Refused { message, hint } => Self::Refused { message, hint },
        }
    }
}

/// Whether a command is to run at all, without a look at any file: under which name and where.
pub(super) fn decide<'a>(
    names: &'a Names,
    published: &'a [Published],
    command: Command,
    start: &Start,
) -> Result<(&'a Name, &'a Published), Answer> {
    let name = names.find(&start.name).ok_or(Answer::Here)?;
    let root = published.iter().find(|one| one.root == start.root);
    let root = root.filter(|root| !root.read_only).ok_or(Answer::Here)?;
    if start.memory() > LARGEST_START || start.environment.len() > MOST_VARIABLES {
        return Err(Answer::refused(
            "the words and the environment of a command that runs on the laptop take 1 MiB at most",
            "Give the program a file with its arguments, or run it in parts.",
        ));
    }
    if start.arguments.iter().any(|word| word.contains(&0)) {
        return Err(nonsense("a word has a zero byte"));
    }
    let [input, output, _] = start.streams;
    let has_terminal = start.streams.contains(&End::Terminal);
    if input == End::AsOutput || output == End::AsOutput || has_terminal != command.has_terminal {
        return Err(nonsense("its streams are none that a program can have"));
    }
    Ok((name, root))
}

fn nonsense(message: &str) -> Answer {
    Answer::refused(
        message,
        "Have both ends be of the same version: claude-share client init",
    )
}

/// What a program on the laptop is told.
pub(super) fn arguments(paths: &Paths, words: &[Bytes]) -> Vec<Bytes> {
    let mapped = words.iter().map(|word| paths.argument(word));
    mapped.map(Bytes::from).collect()
}

/// The environment of a command that runs in `directory`: the laptop's own, and what the server may say.
pub(super) fn environment(
    own: &[(OsString, OsString)],
    servers: &[(Bytes, Bytes)],
    directory: &Path,
) -> Vec<(Bytes, Bytes)> {
    let owned = |text: &OsString| Bytes::from(text.clone().into_vec());
    let own = own.iter().filter(|(name, _)| stays(name.as_bytes()));
    let own = own.map(|(name, value)| (owned(name), owned(value)));
    let servers = servers.iter().filter(|(name, value)| passes(name, value));
    let mut all: BTreeMap<Bytes, Bytes> = own.chain(servers.cloned()).collect();
    // Of where the laptop's own program was before.
    all.remove(&b"OLDPWD"[..]);
    let directory = Bytes::copy_from_slice(directory.as_os_str().as_bytes());
    all.insert(Bytes::from_static(b"PWD"), directory);
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use live::RelativePath;
    use live::files::Root;
    use proxy::Pair;

    use super::*;

    const PIPES: Command = Command {
        number: 1,
        has_terminal: false,
    };

    fn start(name: &str) -> Start {
        Start {
            name: name.to_owned().into(),
            arguments: vec![Bytes::from_static(b"test")],
            root: Root(1),
            directory: RelativePath::root(),
            environment: Vec::new(),
            streams: [End::Nothing, End::Pipe, End::AsOutput],
            size: None,
            umask: 0o22,
        }
    }

    fn decided(command: Command, start: &Start) -> Result<(String, Root), Answer> {
        let names = Names::new(&[], &BTreeSet::new(), &[]);
        let published = |root, read_only| Published {
            root: Root(root),
            directory: "/nowhere".into(),
            read_only,
            mounted: None,
        };
        let published = [published(1, false), published(2, true)];
        let (name, root) = decide(&names, &published, command, start)?;
        Ok((name.to_string(), root.root))
    }

    #[test]
    fn what_is_not_for_the_laptop_runs_on_the_server() {
        assert_eq!(
            decided(PIPES, &start("npm")),
            Ok(("npm".to_owned(), Root(1)))
        );
        for name in ["", "sh", "/usr/bin/npm", "../npm", "npm\0", "claude", "NPM"] {
            assert_eq!(decided(PIPES, &start(name)), Err(Answer::Here), "{name}");
        }
        for root in [2, 3] {
            let start = Start {
                root: Root(root),
                ..start("npm")
            };
            assert_eq!(decided(PIPES, &start), Err(Answer::Here), "{root}");
        }
    }

    #[test]
    fn what_no_program_can_be_told_is_refused() {
        let word = |word: Vec<u8>| Start {
            arguments: vec![word.into()],
            ..start("npm")
        };
        let streams = |streams| Start {
            streams,
            ..start("npm")
        };
        let variable = (Bytes::from_static(b"CI"), Bytes::from_static(b"1"));
        let variables = Start {
            environment: vec![variable; MOST_VARIABLES + 1],
            ..start("npm")
        };
        for (number, start) in [
            word(vec![b'x'; LARGEST_START]),
            word(b"a\0b".to_vec()),
            variables,
            streams([End::AsOutput, End::Pipe, End::Pipe]),
            streams([End::Pipe, End::AsOutput, End::Pipe]),
            streams([End::Terminal, End::Pipe, End::Pipe]),
        ]
        .iter()
        .enumerate()
        {
            let decided = decided(PIPES, start);
            assert!(matches!(decided, Err(Answer::Refused { .. })), "{number}");
        }
    }

    #[test]
    fn paths_in_words_are_the_laptops() {
        let paths = Paths::new(vec![Pair {
            laptop: b"/w/p".to_vec(),
            server: b"/mnt/p".to_vec(),
        }]);
        let words = [&b"/mnt/p/a"[..], b"-x", b"--to=/mnt/p"].map(Bytes::copy_from_slice);
        let mapped = [&b"/w/p/a"[..], b"-x", b"--to=/w/p"];
        assert_eq!(arguments(&paths, &words), mapped);
    }

    #[test]
    fn the_environment_is_the_laptops_own_but_for_what_the_server_may_say() {
        let own = [
            ("PATH", "/usr/bin"),
            ("TERM", "dumb"),
            ("SSH_AUTH_SOCK", "/run/agent"),
            ("NPM_TOKEN", "secret"),
            ("PWD", "/elsewhere"),
            ("OLDPWD", "/elsewhere"),
            ("NODE_OPTIONS", "--own"),
        ];
        let own = own.map(|(name, value)| (name.into(), value.into()));
        let servers = [
            ("TERM", "xterm"),
            ("NODE_OPTIONS", "--require=/evil"),
            ("PATH", "/evil"),
            ("LD_PRELOAD", "/evil"),
            ("PWD", "/evil"),
            ("CI", "1"),
        ];
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let servers = servers.map(|(name, value)| (bytes(name), bytes(value)));
        let told = environment(&own, &servers, Path::new("/w/p"));
        let expected = [
            ("CI", "1"),
            ("NODE_OPTIONS", "--own"),
            ("PATH", "/usr/bin"),
            ("PWD", "/w/p"),
            ("TERM", "xterm"),
        ];
        let expected = expected.map(|(name, value)| (bytes(name), bytes(value)));
        assert_eq!(told, expected);
    }
}
