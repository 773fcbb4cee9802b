//! The record of starts that tests read back.

use super::CALLS_NAME;
use super::settings::Settings;
use serde_json::{Map, Value, json};
use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::parent_id;

/// Appends this start with one write, so that starts at the same time do not mix.
pub(super) fn note(settings: &Settings, arguments: &[String]) {
    let environment: Map<String, Value> = env::vars_os()
        .map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                json!(value.to_string_lossy()),
            )
        })
        .collect();
    let call = json!({
        "argv": arguments,
        "env": environment,
        "cwd": env::current_dir().unwrap_or_default().to_string_lossy(),
        "pid": std::process::id(),
        "ppid": parent_id(),
    });
    let path = settings.beside.join(CALLS_NAME);
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(format!("{call}\n").as_bytes()))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
