//! `cargo xtask package`: the archive that a release offers.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::Result;
use crate::workspace::Workspace;

/// The program, and the name that the archive starts with.
const PROGRAM: &str = "claude-accounts";
/// The shells that get completions, and the names under which they look for them.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "claude-accounts.bash"),
    ("zsh", "_claude-accounts"),
    ("fish", "claude-accounts.fish"),
];

/// Builds the release program and packs it with its licence, read-me, completions and man pages.
pub(crate) fn run() -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    must(&mut workspace.cargo(&["build", "--release", "--package", "cli"]))?;
    let name = format!(
        "{PROGRAM}-{}-{}",
        version(&workspace)?,
        std::env::consts::ARCH
    );
    let packages = workspace.target.join("package");
    let staging = packages.join(&name);
    if staging.exists() {
        std::fs::remove_dir_all(&staging)?;
    }
    stage(&workspace, &staging)?;
    let archive = packages.join(format!("{name}.tar.gz"));
    pack(&packages, &name, &archive)?;
    let bytes = archive.metadata()?.len();
    println!("{}", archive.display());
    println!("size    {bytes} bytes");
    println!("sha256  {}", sha256(&archive)?);
    Ok(ExitCode::SUCCESS)
}

fn stage(workspace: &Workspace, staging: &Path) -> Result<()> {
    let completions = staging.join("completions");
    let man = staging.join("man");
    std::fs::create_dir_all(&completions)?;
    std::fs::create_dir_all(&man)?;
    let program = staging.join(PROGRAM);
    std::fs::copy(workspace.target.join("release").join(PROGRAM), &program)?;
    for file in ["LICENSE", "README.md"] {
        std::fs::copy(workspace.root.join(file), staging.join(file))
            .map_err(|error| format!("{file}: {error}"))?;
    }
    for (shell, file) in COMPLETIONS {
        let script = must(Command::new(&program).args(["completions", shell]))?;
        std::fs::write(completions.join(file), script)?;
    }
    must(Command::new(&program).arg("man").arg(&man))?;
    Ok(())
}

/// Packs the directory `name`; owners and order are fixed so that equal contents give archives that compare well.
fn pack(packages: &Path, name: &str, archive: &Path) -> Result<()> {
    must(
        Command::new("tar")
            .args([
                "--sort=name",
                "--owner=0",
                "--group=0",
                "--numeric-owner",
                "-czf",
            ])
            .arg(archive)
            .arg(name)
            .current_dir(packages),
    )?;
    Ok(())
}

fn sha256(archive: &Path) -> Result<String> {
    let line = String::from_utf8(must(Command::new("sha256sum").arg(archive))?)?;
    let sum = line.split_whitespace().next();
    Ok(sum.ok_or("sha256sum printed nothing")?.to_owned())
}

fn version(workspace: &Workspace) -> Result<String> {
    let packages = workspace.metadata["packages"].as_array();
    let cli =
        packages.and_then(|packages| packages.iter().find(|package| package["name"] == "cli"));
    let version = cli.and_then(|package| package["version"].as_str());
    Ok(version
        .ok_or("cargo metadata has no package `cli`")?
        .to_owned())
}

/// Runs `command`, its messages going to the caller, and returns its standard output; a failure is an error.
fn must(command: &mut Command) -> Result<Vec<u8>> {
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let arguments: Vec<_> = command
        .get_args()
        .map(|argument| argument.to_string_lossy())
        .collect();
    let program = command.get_program().display();
    Err(format!(
        "`{program} {}` failed: {}",
        arguments.join(" "),
        output.status
    )
    .into())
}
