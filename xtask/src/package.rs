//! `cargo xtask package`: the archive that a release offers.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::Result;
use crate::workspace::Workspace;

/// What the archive's name starts with.
const NAME: &str = "claude-accounts";
/// The programs in it.
const PROGRAMS: [&str; 3] = ["claude-accounts", "claude-share", "cs"];

/// Builds the release programs and packs them with licence, documentation, completions and man pages.
pub(crate) fn run() -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    must(&mut workspace.cargo(&["build", "--release", "--package", "cli"]))?;
    let name = format!("{NAME}-{}-{}", version(&workspace)?, std::env::consts::ARCH);
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
    for file in ["LICENSE", "README.md", "docs/server.md"] {
        let copy = staging.join(file);
        std::fs::create_dir_all(copy.parent().ok_or("a file in the archive")?)?;
        std::fs::copy(workspace.root.join(file), copy)
            .map_err(|error| format!("{file}: {error}"))?;
    }
    for name in PROGRAMS {
        let program = staging.join(name);
        std::fs::copy(workspace.target.join("release").join(name), &program)?;
        for (shell, file) in completions_of(name) {
            let script = must(Command::new(&program).args(["completions", shell]))?;
            std::fs::write(completions.join(file), script)?;
        }
        must(Command::new(&program).arg("man").arg(&man))?;
    }
    Ok(())
}

/// The shells that get completions of a program, and the names under which they look for them.
fn completions_of(program: &str) -> [(&'static str, String); 3] {
    [
        ("bash", format!("{program}.bash")),
        ("zsh", format!("_{program}")),
        ("fish", format!("{program}.fish")),
    ]
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
