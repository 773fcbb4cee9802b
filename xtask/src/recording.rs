//! `cargo xtask recording`: the three jobs at work, as a picture that moves.

mod cast;
mod picture;

use std::fs;
use std::process::{Command, ExitCode};

use crate::Result;
use crate::process;
use crate::workspace::Workspace;

/// Where the README looks for it.
const PICTURE: &str = "docs/pictures/demo.svg";
/// More would be felt by whoever opens the README, in bytes.
const LARGEST: usize = 150 << 10;

/// Builds the programs, has them recorded on disposable hosts (which takes root), and draws what was recorded. With the
/// name of an asciicast file, draws that.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let cast = match arguments.first() {
        Some(file) => fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?,
        None => record(&workspace)?,
    };
    let picture = picture::draw(&cast::parse(&cast)?)?;
    if picture.len() > LARGEST {
        return Err(format!(
            "the picture would have {} bytes, more than {LARGEST}: shorten the scenes",
            picture.len()
        )
        .into());
    }
    let path = workspace.root.join(PICTURE);
    fs::write(&path, &picture)?;
    println!("{}: {} bytes", path.display(), picture.len());
    Ok(ExitCode::SUCCESS)
}

/// The recording, also as a file for asciinema's player.
fn record(workspace: &Workspace) -> Result<String> {
    println!("Building …");
    let mut build = process::cargo();
    build.args([
        "build",
        "--quiet",
        "--package",
        "cli",
        "--package",
        "testkit",
        "--bins",
    ]);
    if !build.current_dir(&workspace.root).status()?.success() {
        return Err("the programs could not be built".into());
    }
    println!("Recording …");
    let recorded = Command::new(workspace.target.join("debug/recording"))
        .stderr(std::process::Stdio::inherit())
        .output()?;
    let text = String::from_utf8(recorded.stdout)?;
    if !recorded.status.success() {
        return Err(format!("nothing was recorded: {}", text.trim_end()).into());
    }
    let path = workspace.target.join("recording/demo.cast");
    fs::create_dir_all(workspace.target.join("recording"))?;
    fs::write(&path, &text)?;
    println!("{}", path.display());
    Ok(text)
}
