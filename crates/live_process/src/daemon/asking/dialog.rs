//! A dialog on the desktop, made by a program that desktops have. Only a word that stands on a button is an answer: a
//! program that fails, or whose window is closed, has said nothing.

use std::env::split_paths;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::fs::{Access, access};
use tokio::process::Command;

use crate::local::{Question, QuestionAnswer};

/// The longest command line that a dialog shows, in bytes: what does not fit on a screen is for terminals.
const LONGEST: usize = 2 << 10;

const TITLE: &str = "claude-share";
const NO: &str = "No";
const ONCE: &str = "Once";
const ALWAYS: &str = "Always";

/// What the lines of a script for `osascript` are; the text is an argument, which is not interpreted.
const SCRIPT: [&str; 4] = [
    "on run argv",
    r#"display dialog (item 1 of argv) with title "claude-share" buttons {"No", "Always", "Once"} default button "No""#,
    "return button returned of result",
    "end run",
];

/// The user's desktop.
pub(super) struct Desktop {
    kind: Kind,
    program: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

#[derive(Clone, Copy)]
enum Kind {
    Zenity,
    Kdialog,
    Osascript,
}

impl Desktop {
    /// The one that `environment` leads to, if it does, and there is a program for dialogs that is not in one of the
    /// `published` directories.
    pub(super) fn find(
        environment: &[(OsString, OsString)],
        published: &[PathBuf],
    ) -> Option<Self> {
        let is_told = |names: &[&str]| {
            let mut pairs = environment.iter();
            pairs.any(|(name, value)| names.iter().any(|told| name == told) && !value.is_empty())
        };
        let kinds = if cfg!(target_os = "macos") {
            [(Kind::Osascript, "osascript")].to_vec()
        } else if is_told(&["DISPLAY", "WAYLAND_DISPLAY"]) {
            [(Kind::Zenity, "zenity"), (Kind::Kdialog, "kdialog")].to_vec()
        } else {
            return None;
        };
        let path = environment.iter().find(|(name, _)| name == "PATH");
        let path = path.map(|(_, value)| value.as_os_str());
        kinds.into_iter().find_map(|(kind, name)| {
            Some(Self {
                kind,
                program: program(name, path?, published)?,
                environment: environment.to_vec(),
            })
        })
    }

    /// Asks; `None` if nobody has answered. Dropping the future closes the dialog.
    pub(super) async fn ask(&self, question: &Question) -> Option<QuestionAnswer> {
        if question.line.len() > LONGEST {
            return None;
        }
        let text = text(question);
        let mut command = Command::new(&self.program);
        match self.kind {
            Kind::Zenity => zenity(&mut command, &text),
            Kind::Kdialog => kdialog(&mut command, &text),
            Kind::Osascript => osascript(&mut command, &text),
        }
        let pairs = self.environment.iter().map(|(name, value)| (name, value));
        command.env_clear().envs(pairs).current_dir("/");
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let output = command.kill_on_drop(true).output().await.ok()?;
        match String::from_utf8_lossy(&output.stdout).trim() {
            NO => Some(QuestionAnswer::No),
            ONCE => Some(QuestionAnswer::Once),
            ALWAYS => Some(QuestionAnswer::Always),
            _ => None,
        }
    }
}

fn program(name: &str, path: &OsStr, published: &[PathBuf]) -> Option<PathBuf> {
    let directories = split_paths(path).filter(|directory| directory.is_absolute());
    let is_trusted = |file: &Path| {
        let resolved = fs::canonicalize(file);
        let is_published = |file: &Path| published.iter().any(|root| file.starts_with(root));
        resolved.is_ok_and(|resolved| {
            resolved.is_file() && !is_published(&resolved) && !is_published(file)
        })
    };
    directories
        .map(|directory| directory.join(name))
        .find(|file| is_trusted(file) && access(file, Access::EXEC_OK).is_ok())
}

fn text(question: &Question) -> String {
    let Question {
        directory, line, ..
    } = question;
    format!("The server wants to run on this machine:\n\n{line}\n\nin {directory}")
}

/// Without buttons of its own: it says by its status both that one was pressed and that it has failed.
fn zenity(command: &mut Command, text: &str) {
    let buttons = [NO, ONCE, ALWAYS].map(|button| format!("--extra-button={button}"));
    command
        .args(["--question", "--switch", "--no-markup", "--no-wrap"])
        .arg(format!("--title={TITLE}"))
        // It takes `\n` and the like for what they stand for.
        .arg(format!("--text={}", text.replace('\\', r"\\")))
        .args(buttons);
}

/// A menu, which prints the word that belongs to a line. The text is marked up in any case: else it would be guessed
/// whether it is.
fn kdialog(command: &mut Command, text: &str) {
    let marked = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\\', "&#92;")
        .replace('\n', "<br/>");
    command.args(["--title", TITLE, "--menu"]);
    command.arg(format!("<qt>{marked}</qt>"));
    for word in [NO, ONCE, ALWAYS] {
        command.args([word, word]);
    }
}

fn osascript(command: &mut Command, text: &str) {
    for line in SCRIPT {
        command.args(["-e", line]);
    }
    command.arg(text);
}
