use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use model::{Secret, Timestamp};
use renew::{
    Keeper, KeeperEvent, KeeperOptions, KeeperStatus, RuntimeDirectory, SessionKind,
    ask_keeper_to_stop, keeper_status, wake_keeper,
};
use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use vault::{Protection, Vault, VaultKey};

use super::context::Context;
use super::keeper_log::KeeperLog;
use super::services;
use crate::descriptors;
use crate::environment::Variable;
use crate::error::{CliError, Kind};
use crate::program;
use crate::table::Table;
use crate::time;

/// How long a keeper stays after the last session has ended.
const LINGER: Duration = Duration::from_secs(60);

/// A keeper that finds another one leaving waits this long for it.
const PATIENCE: Duration = Duration::from_secs(3);

/// See, stop or be the background renewer
#[derive(clap::Args)]
pub(crate) struct KeeperArgs {
    #[command(subcommand)]
    verb: KeeperVerb,
}

#[derive(clap::Subcommand)]
enum KeeperVerb {
    /// Show the keeper and the sessions that it keeps
    Status {
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Ask the keeper to leave; sessions go on until their tokens end
    Stop,
    /// Be the keeper, in the foreground: renew every login that has a session
    ///
    /// SIGTERM and Ctrl-C end it after a renewal that is under way. It tells systemd when it is
    /// ready.
    Run(RunArgs),
    /// Start a keeper in the background and return
    #[command(hide = true)]
    Start(RunArgs),
}

#[derive(clap::Args)]
struct RunArgs {
    /// Read the vault's unlocked key from standard input, as `launch` hands it over
    #[arg(long, hide = true)]
    key_stdin: bool,
    /// Write to keeper.log in the vault's directory instead of standard error
    #[arg(long)]
    log: bool,
}

pub(crate) fn run(args: &KeeperArgs, context: &Context) -> Result<(), CliError> {
    match &args.verb {
        KeeperVerb::Status { json } => status(context, *json),
        KeeperVerb::Stop => stop(context),
        KeeperVerb::Run(args) => be_keeper(context, args),
        KeeperVerb::Start(args) => start(context, args),
    }
}

fn status(context: &Context, json: bool) -> Result<(), CliError> {
    let status = keeper_status(&services::runtime(context)?);
    let names = names(context)?;
    if json {
        return context
            .output
            .json(&status.map_or(json!({"running": false}), |status| to_json(&status, &names)));
    }
    let Some(status) = status else {
        return context
            .output
            .text("no keeper is running: there is no session that needs one");
    };
    let since = time::age(Timestamp::from_millis(status.started_at), time::now());
    context
        .output
        .text(&format!("keeper: process {}, started {since}", status.pid))?;
    if status.sessions.is_empty() {
        return context
            .output
            .text("no session; it leaves a minute after the last one");
    }
    let mut table = Table::new(&["account", "process", "view", "since"]);
    for session in &status.sessions {
        let since = time::age(Timestamp::from_millis(session.started_at), time::now());
        table.push([
            &name_of(&names, &session.account_id),
            &session.pid.to_string(),
            kind_words(session.kind),
            &since,
        ]);
    }
    context.output.text(&table.render(context.output.width()))
}

type Names = Vec<(model::AccountId, String)>;

fn names(context: &Context) -> Result<Names, CliError> {
    Ok(context
        .open_vault_if_any()?
        .map(|vault| vault.names())
        .transpose()?
        .unwrap_or_default())
}

fn name_of(names: &Names, id: &str) -> String {
    let found = names.iter().find(|(known, _)| known.as_str() == id);
    found.map_or_else(|| "(removed)".to_owned(), |(_, name)| name.clone())
}

fn kind_words(kind: SessionKind) -> &'static str {
    match kind {
        SessionKind::SecureStorage => "secure storage",
        SessionKind::ConfigDirectory => "linked configuration",
    }
}

fn to_json(status: &KeeperStatus, names: &Names) -> Value {
    let sessions = status.sessions.iter().map(|session| {
        json!({"account": name_of(names, &session.account_id), "pid": session.pid, "kind": session.kind,
            "started_at": session.started_at})
    });
    json!({"running": true, "pid": status.pid, "started_at": status.started_at, "sessions": sessions.collect::<Vec<_>>()})
}

fn stop(context: &Context) -> Result<(), CliError> {
    if ask_keeper_to_stop(&services::runtime(context)?) {
        return context.output.note("the keeper has left");
    }
    context.output.note("no keeper is running")
}

fn be_keeper(context: &Context, args: &RunArgs) -> Result<(), CliError> {
    // Nobody else is to see even the socket, which is made with what the umask leaves.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let key = if args.key_stdin {
        Some(read_key()?)
    } else {
        unlocked_key(context)?
    };
    let mut log = KeeperLog::open(context, args.log)?;
    let supervisor = context.environment.get(Variable::NotifySocket);
    let told = supervisor.map(ToOwned::to_owned);
    let keeper = Keeper::start(
        options(context, key)?,
        Box::new(move |event: &KeeperEvent| {
            log.write(event);
            if let KeeperEvent::Started { .. } = event {
                share::keeper::notify(told.as_deref(), "READY=1");
            }
        }),
    )?;
    leave_on_signals(services::runtime(context)?, supervisor).map_err(|error| {
        let message = format!("cannot listen to signals: {error}");
        CliError::new(Kind::Internal, message, "Check the limits of this system.")
    })?;
    Ok(keeper.run()?)
}

/// From now on SIGTERM and Ctrl-C have the keeper leave as `keeper stop` does: killed between
/// request and answer of a renewal, it would lose the login.
fn leave_on_signals(runtime: RuntimeDirectory, supervisor: Option<&OsStr>) -> io::Result<()> {
    let (mut signals, signalled) = io::pipe()?;
    for signal in [SIGTERM, SIGINT] {
        pipe::register(signal, signalled.try_clone()?)?;
    }
    let told = supervisor.map(ToOwned::to_owned);
    let ask = move || {
        let mut byte = [0];
        while signals.read_exact(&mut byte).is_ok() {
            share::keeper::notify(told.as_deref(), "STOPPING=1");
            let _stopped: bool = ask_keeper_to_stop(&runtime);
        }
    };
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(ask).map(drop)
}

fn options(context: &Context, key: Option<VaultKey>) -> Result<KeeperOptions, CliError> {
    let runtime = services::runtime(context)?;
    let files = services::client_files(context, &runtime)?;
    let claude_directory = files.directory.clone();
    Ok(KeeperOptions {
        paths: context.paths()?,
        key,
        runtime,
        files: Some(files),
        renewer: Arc::new(services::renewer(context)?),
        linger: linger(context)?,
        lock_patience: PATIENCE,
        on_session_end: Some(Box::new(move |view| {
            // What cannot be carried back is removed with the session, as if it had never been.
            drop(launch::carry_back(view, &claude_directory));
        })),
    })
}

fn linger(context: &Context) -> Result<Duration, CliError> {
    let Some(text) = context.environment.get(Variable::KeeperLinger) else {
        return Ok(LINGER);
    };
    let seconds = text
        .to_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| {
            let message = format!(
                "{} is not a number of seconds",
                Variable::KeeperLinger.name()
            );
            CliError::new(
                Kind::Usage,
                message,
                "Set it to a whole number, or unset it.",
            )
        })?;
    Ok(Duration::from_secs(seconds))
}

fn read_key() -> Result<VaultKey, CliError> {
    let text = io::read_to_string(io::stdin().lock()).unwrap_or_default();
    let text = Secret::new(text);
    VaultKey::parse(text.expose()).ok_or_else(|| {
        CliError::new(
            Kind::Vault,
            "standard input holds no key",
            "Start it without --key-stdin.",
        )
    })
}

/// Where somebody can be asked for the passphrase, a keeper in the foreground asks.
fn unlocked_key(context: &Context) -> Result<Option<VaultKey>, CliError> {
    let vault = context.open_vault()?;
    match vault.protection()? {
        Protection::Passphrase => Ok(Some(context.exposed_key(&vault)?)),
        Protection::File | Protection::Keyring => Ok(None),
    }
}

/// Lets running sessions have a changed login now. Without a keeper there is nobody to be told.
///
/// # Errors
/// If nobody says where the vault is.
pub(crate) fn tell_of_change(context: &Context) -> Result<(), CliError> {
    let _told: bool = wake_keeper(&services::runtime(context)?);
    Ok(())
}

/// A keeper that was given a key which is wrapped by a passphrase cannot ask for the next one: it
/// makes room for one that is given it. Others read the key where it is kept.
///
/// # Errors
/// If none can be started.
pub(crate) fn hand_over_key(context: &Context, vault: &Vault) -> Result<(), CliError> {
    let runtime = services::runtime(context)?;
    if vault.protection()? != Protection::Passphrase || keeper_status(&runtime).is_none() {
        return Ok(());
    }
    let _stopped: bool = ask_keeper_to_stop(&runtime);
    ensure_running(context, vault)
}

/// Knocks at the keeper, and starts one if nobody answers.
///
/// # Errors
/// If none can be started.
pub(crate) fn ensure_running(context: &Context, vault: &Vault) -> Result<(), CliError> {
    if wake_keeper(&services::runtime(context)?) {
        return Ok(());
    }
    let key = match vault.protection()? {
        Protection::Passphrase => Some(context.exposed_key(vault)?),
        Protection::File | Protection::Keyring => None,
    };
    // It starts the keeper and ends, so that the client does not become the keeper's parent.
    let mut command = background(context, "start", key.is_some())?;
    let failed = |error: io::Error| {
        CliError::new(
            Kind::Internal,
            format!("cannot start the keeper: {error}"),
            "Use --inject env.",
        )
    };
    let mut child = command.spawn().map_err(failed)?;
    if let (Some(key), Some(mut input)) = (key, child.stdin.take()) {
        input.write_all(key.expose().as_bytes()).map_err(failed)?;
    }
    child.wait().map_err(failed)?;
    Ok(())
}

fn start(context: &Context, args: &RunArgs) -> Result<(), CliError> {
    // Away from the terminal: its hang-up and its Ctrl-C are not meant for the keeper.
    rustix::process::setsid().ok();
    // A lock on a file of the caller's would last as long as the keeper.
    descriptors::close_on_exec(|_| true);
    let mut command = background(context, "run", args.key_stdin)?;
    if args.key_stdin {
        command.stdin(Stdio::inherit());
    }
    let started = command.arg("--log").spawn();
    let failed = |error| {
        CliError::new(
            Kind::Internal,
            format!("cannot start the keeper: {error}"),
            "Use --inject env.",
        )
    };
    started.map(drop).map_err(failed)
}

/// This program, which may be `cs`, as a keeper: no terminal, no variable that it does not need, no directory held.
fn background(context: &Context, verb: &str, key_stdin: bool) -> Result<Command, CliError> {
    let mut command = Command::new(program::own_path()?);
    command
        .arg0("claude-accounts")
        .args(["keeper", "--vault"])
        .arg(context.paths()?.directory())
        .arg(verb);
    if key_stdin {
        command.arg("--key-stdin");
    }
    command
        .env_clear()
        .envs(services::background_environment(context))
        .current_dir("/")
        .stdin(if key_stdin {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Ok(command)
}
