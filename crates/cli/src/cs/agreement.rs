//! Which commands of a server's run on this machine in a session that is to be; and that its user agrees to that, once for
//! each server.

use std::io::{self, ErrorKind, IsTerminal as _};

use client::{ClientPaths, Commands, Profiles};
use live_process::client::{SessionCommands, StartCommands};
use proxy::{Name, Names};

use super::context::Context;
use super::live_error::of_settings;
use crate::error::{CliError, Kind};
use crate::terminal::{self, Echo};
use crate::time;

/// How many names a question shows.
const SHOWN: usize = 6;

/// Which commands run here.
#[derive(clap::Args)]
pub(crate) struct CommandArgs {
    /// Run these commands on this machine too, in this session, besides those that `cs proxy` lists
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(super) proxy: Vec<String>,
    /// Run no commands on this machine: those that are typed on the server run there
    #[arg(long, conflicts_with_all = ["proxy", "ask", "sandbox", "map_output"])]
    pub(super) no_proxy: bool,
    /// Ask here before each command line that is new in the session
    #[arg(long)]
    pub(super) ask: bool,
    /// Let commands write only the published directories and their tools' caches, and read no keys and logins
    #[arg(long)]
    pub(super) sandbox: bool,
    /// Have the server's paths in what commands output, in the place of this machine's
    #[arg(long)]
    pub(super) map_output: bool,
}

/// The server that a session is to be on.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    /// Its profile; `None` if it has none: then nothing can be kept.
    pub(crate) profile: Option<&'a str>,
    /// As people call it.
    pub(crate) server: &'a str,
    /// Whether a question may be asked at all.
    pub(crate) may_ask: bool,
}

/// Which commands run here in a session that is to be, after its user was asked, where he has to be and can. `None`: none.
///
/// # Errors
/// If a name is none, or the settings cannot be read or written; after Ctrl-C at the question.
pub(crate) fn commands(
    args: &CommandArgs,
    asked: &Asked<'_>,
    context: &Context,
) -> Result<Option<StartCommands>, CliError> {
    if args.no_proxy {
        return Ok(None);
    }
    if args.sandbox && !runner::Sandbox::is_possible() {
        return Err(CliError::new(
            Kind::Storage,
            "this system cannot keep commands from files: it has no landlock",
            "Linux has it since 5.13, where it is switched on. Without it: --ask, or --no-proxy",
        ));
    }
    let session = names(&args.proxy)?;
    let paths = context.paths()?;
    let asked_about = Commands::load(&paths).map_err(of_settings)?;
    if !is_agreed(asked, &paths, &asked_about.names(&session), context)? {
        return Ok(None);
    }
    // Again: somebody may have taken his time to answer.
    let settings = Commands::load(&paths).map_err(of_settings)?;
    Ok(Some(StartCommands {
        added: settings.added().to_vec(),
        removed: settings.removed().iter().cloned().collect(),
        session: SessionCommands {
            names: session.iter().map(ToString::to_string).collect(),
            ask: args.ask,
            sandbox: args.sandbox,
            map_output: args.map_output,
        },
    }))
}

/// Names of commands, as they were typed.
///
/// # Errors
/// If one is none.
pub(crate) fn names(texts: &[String]) -> Result<Vec<Name>, CliError> {
    let name = |text: &String| {
        Name::new(text).map_err(|error| {
            CliError::new(
                Kind::Input,
                format!("{text:?}: {error}"),
                "Name a command as it is typed: npm",
            )
        })
    };
    texts.iter().map(name).collect()
}

fn is_agreed(
    asked: &Asked<'_>,
    paths: &ClientPaths,
    names: &Names,
    context: &Context,
) -> Result<bool, CliError> {
    if let Some(profile) = asked.profile {
        let profiles = Profiles::load(paths).map_err(of_settings)?;
        let known = profiles.get(profile);
        if known.is_some_and(|(_, profile)| profile.commands_agreed_at.is_some()) {
            return Ok(true);
        }
    }
    let Some(is_agreed) = ask(asked, names)? else {
        context.output.hint(&format!(
            "commands that are typed on {} run there; to have them run on this machine: {}",
            asked.server,
            how_to_agree(asked)
        ));
        return Ok(false);
    };
    if let (true, Some(profile)) = (is_agreed, asked.profile) {
        agree(profile, paths)?;
    }
    Ok(is_agreed)
}

fn how_to_agree(asked: &Asked<'_>) -> String {
    match asked.profile {
        Some(profile) => format!("cs proxy agree --server {}", client::shell_word(profile)),
        None => "start it on a terminal, which asks".to_owned(),
    }
}

/// Keeps that commands of the server `profile` run here.
///
/// # Errors
/// If there is no such profile, or it cannot be written.
pub(crate) fn agree(profile: &str, paths: &ClientPaths) -> Result<(), CliError> {
    let now = time::now().as_millis();
    let known = Profiles::change(paths, |profiles| {
        let found = profiles.get_mut(profile);
        found.map(|profile| profile.commands_agreed_at.get_or_insert(now).to_owned())
    });
    known
        .map_err(of_settings)?
        .ok_or_else(|| unknown(profile))?;
    Ok(())
}

/// Takes that back; whether it was agreed.
///
/// # Errors
/// As [`agree`].
pub(crate) fn disagree(profile: &str, paths: &ClientPaths) -> Result<bool, CliError> {
    let before = Profiles::change(paths, |profiles| {
        let found = profiles.get_mut(profile);
        found.map(|profile| profile.commands_agreed_at.take())
    });
    let before = before.map_err(of_settings)?;
    Ok(before.ok_or_else(|| unknown(profile))?.is_some())
}

fn unknown(profile: &str) -> CliError {
    of_settings(client::ClientError::NoProfile(profile.to_owned()))
}

/// The answer; `None` where there is nobody to ask.
fn ask(asked: &Asked<'_>, names: &Names) -> Result<Option<bool>, CliError> {
    if !asked.may_ask || !io::stdin().is_terminal() {
        return Ok(None);
    }
    match terminal::ask(&question(asked, names), Echo::Shown) {
        Ok(answer) => Ok(Some(matches!(
            answer.trim().to_lowercase().as_str(),
            "y" | "yes"
        ))),
        Err(error) if error.kind() == ErrorKind::Interrupted => Err(CliError::stopped()),
        Err(error) if error.kind() == ErrorKind::InvalidData => Ok(Some(false)),
        Err(_) => Ok(None),
    }
}

fn question(asked: &Asked<'_>, names: &Names) -> String {
    let server = model::printable(asked.server);
    let all: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
    let shown = model::printable(&all[..all.len().min(SHOWN)].join(", "));
    let list = match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    };
    let once = match asked.profile {
        Some(_) => "Asked once for this server; `cs proxy disagree` takes a yes back.\n",
        None => "",
    };
    format!(
        "Commands that are typed on {server} in your directories can run on this machine instead,
with its tools and processors: {list}
(cs proxy lists them).
Whoever controls that server, or the session on it, can then run these commands here, and through
them whatever the project tells them to: that is running code on this machine, as you.
`--sandbox` keeps them from your keys and from most of your files; `--no-proxy` leaves all
commands on the server.
{once}Run them here? [y/N] "
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cs::GlobalArgs;
    use crate::environment::{Environment, Variable};

    const ASKED: Asked<'_> = Asked {
        profile: Some("One"),
        server: "st@host",
        may_ask: false,
    };

    fn args(proxy: &[&str]) -> CommandArgs {
        CommandArgs {
            proxy: proxy.iter().map(ToString::to_string).collect(),
            no_proxy: false,
            ask: true,
            sandbox: false,
            map_output: false,
        }
    }

    /// A home with a profile.
    fn home() -> (tempfile::TempDir, Context) {
        let home = tempfile::tempdir().unwrap();
        let set = [(Variable::Home, home.path().to_str().unwrap())];
        let context = Context::new(Environment::of(&set), &GlobalArgs { quiet: true });
        let paths = context.paths().unwrap();
        let profiles = serde_json::json!({"format": 1, "profiles": {"one": {
            "destination": "st@host", "program": "/p/claude-share", "added_at": 0,
        }}});
        std::fs::create_dir(paths.directory()).unwrap();
        let placing = vault::durable::Placing::Replace;
        let bytes = profiles.to_string().into_bytes();
        vault::durable::write(&paths.profiles(), &bytes, 0o600, placing).unwrap();
        (home, context)
    }

    #[test]
    fn nothing_runs_here_that_nobody_agreed_to() {
        let (_home, context) = home();
        let paths = context.paths().unwrap();
        let wanted = |args: &CommandArgs| commands(args, &ASKED, &context).unwrap();
        assert_eq!(wanted(&args(&["just"])), None);
        agree("one", &paths).unwrap();
        let agreed = wanted(&args(&["just", "hugo"])).unwrap();
        assert_eq!(agreed.session.names, ["just", "hugo"]);
        assert!(agreed.session.ask && agreed.added.is_empty());
        let at = |paths| {
            Profiles::load(paths)
                .unwrap()
                .get("one")
                .unwrap()
                .1
                .commands_agreed_at
        };
        let first = at(&paths);
        agree("ONE", &paths).unwrap();
        assert_eq!(at(&paths), first);
        let none = CommandArgs {
            no_proxy: true,
            ..args(&[])
        };
        assert_eq!(wanted(&none), None);
        assert!(disagree("one", &paths).unwrap() && !disagree("one", &paths).unwrap());
        assert_eq!(wanted(&args(&[])), None);
        assert_eq!(agree("two", &paths).unwrap_err().kind, Kind::NotFound);
    }

    #[test]
    fn what_is_no_name_is_bad_input() {
        let (_home, context) = home();
        for wrong in ["/bin/sh", "", "cs", "a\nb"] {
            let refused = commands(&args(&[wrong]), &ASKED, &context).unwrap_err();
            assert_eq!(refused.kind, Kind::Input, "{wrong:?}");
        }
        let refused = names(&["../npm".to_owned()]).unwrap_err();
        assert!(refused.message.contains("without a directory"), "{refused}");
    }

    #[test]
    fn the_question_says_what_it_means() {
        let names = Commands::default().names(&[Name::new("just").unwrap()]);
        let asked = Asked {
            server: "st@h\x1b[2Jost",
            ..ASKED
        };
        let text = question(&asked, &names);
        for said in [
            "running code on this machine",
            "--sandbox",
            "--no-proxy",
            "bun, bundle,",
            "and 24 more",
            "[y/N] ",
        ] {
            assert!(text.contains(said), "{text}");
        }
        assert!(!text.contains('\x1b'));
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
    }
}
