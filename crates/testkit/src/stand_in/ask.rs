//! `-p`: one request a prompt, or one for each line of standard input.

use super::credential::{self, Credential, Login, Source};
use super::refresh;
use super::settings::{Settings, variable};
use super::value_of;
use crate::http;
use serde_json::{Value, json};
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::time::Duration;

const BETA: &str = "oauth-2025-04-20";
const PATIENCE: Duration = Duration::from_secs(60);

/// A reply, or what the client says instead of one.
type Reply = Result<String, String>;

pub(super) fn print(settings: &Settings, words: &[&str]) -> io::Result<ExitCode> {
    if value_of(words, "--input-format") == Some("stream-json") {
        return stream(settings);
    }
    let prompt = match prompt(words) {
        Some(prompt) => prompt.to_owned(),
        None => io::read_to_string(io::stdin())?,
    };
    let reply = ask(settings, &json!(prompt))?;
    let mut out = io::stdout();
    if value_of(words, "--output-format").is_some_and(|format| format != "text") {
        writeln!(out, "{}", result_line(&reply))?;
    } else {
        writeln!(out, "{}", reply.as_ref().unwrap_or_else(|message| message))?;
    }
    Ok(exit_code(&reply))
}

fn prompt<'a>(words: &[&'a str]) -> Option<&'a str> {
    let named = value_of(words, "-p").or_else(|| value_of(words, "--print"));
    named.filter(|word| !word.starts_with('-'))
}

/// Reads the credential anew for every request, as the real client does: a replaced file is picked up.
fn stream(settings: &Settings) -> io::Result<ExitCode> {
    let mut last = Ok(String::new());
    for line in io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let asked: Value = serde_json::from_str(&line).map_err(io::Error::other)?;
        last = ask(settings, &asked["message"]["content"])?;
        let mut out = io::stdout().lock();
        writeln!(out, "{}", result_line(&last))?;
        out.flush()?;
    }
    Ok(exit_code(&last))
}

fn exit_code(reply: &Reply) -> ExitCode {
    if reply.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn result_line(reply: &Reply) -> Value {
    let text = reply.as_ref().unwrap_or_else(|message| message);
    json!({"type": "result", "subtype": "success", "is_error": reply.is_err(), "result": text})
}

fn ask(settings: &Settings, content: &Value) -> io::Result<Reply> {
    let directory = settings.credential_dir();
    if credential::strongest(settings).source == Source::File {
        prepare(settings)?;
    }
    let credential = credential::strongest(settings);
    let Some(first) = send(&credential, content) else {
        return Ok(Err(not_logged_in()));
    };
    let rejected = match (&first, credential.source, &credential.bearer) {
        (Ok((401, _)), Source::File, Some(token)) => token.clone(),
        _ => return Ok(reply(first)),
    };
    refresh::after_rejection(&directory, &rejected)?;
    let renewed = credential::strongest(settings);
    if renewed == credential {
        return Ok(reply(first));
    }
    Ok(send(&renewed, content).map_or_else(|| Err(not_logged_in()), reply))
}

/// What happens to the file before a request: refresh when due, and the keys that it lacks.
fn prepare(settings: &Settings) -> io::Result<()> {
    let directory = settings.credential_dir();
    refresh::if_due(&directory)?;
    if let Some(mut login) = Login::read(&directory).filter(|login| login.access_token().is_some())
        && login.complete()
    {
        login.write(&directory)?;
    }
    Ok(())
}

/// Status and body of one request, or `None` when there is nothing to sign it with.
fn send(credential: &Credential, content: &Value) -> Option<io::Result<(u16, Vec<u8>)>> {
    if credential.source == Source::None {
        return None;
    }
    let Some(base) = variable("ANTHROPIC_BASE_URL") else {
        return Some(Err(io::Error::other(
            "the stand-in client sends nothing without ANTHROPIC_BASE_URL",
        )));
    };
    let bearer = credential
        .bearer
        .as_ref()
        .map(|token| format!("Bearer {token}"));
    let mut headers = vec![("anthropic-version", "2023-06-01")];
    headers.extend(bearer.as_deref().map(|value| ("authorization", value)));
    headers.extend(credential.api_key.as_deref().map(|key| ("x-api-key", key)));
    headers.extend(credential.oauth.then_some(("anthropic-beta", BETA)));
    let messages = json!([{"role": "user", "content": content}]);
    let body = json!({"model": "stand-in", "max_tokens": 16, "messages": messages}).to_string();
    let url = format!("{}/v1/messages", base.trim_end_matches('/'));
    let answer = http::send("POST", &url, &headers, body.as_bytes(), PATIENCE);
    Some(answer.map(|answer| (answer.status, answer.body)))
}

fn reply(answer: io::Result<(u16, Vec<u8>)>) -> Reply {
    let (status, body) = answer.map_err(|error| format!("API Error: {error}"))?;
    if status == 401 {
        let body = String::from_utf8_lossy(&body);
        return Err(format!("Failed to authenticate. API Error: 401 {body}"));
    }
    let read: Value = serde_json::from_slice(&body).unwrap_or_default();
    match (status, read["content"][0]["text"].as_str()) {
        (200, Some(text)) => Ok(text.to_owned()),
        _ => Err(format!(
            "API Error: {status} {}",
            String::from_utf8_lossy(&body)
        )),
    }
}

fn not_logged_in() -> String {
    "Not logged in · Please run /login".to_owned()
}
