//! `cargo xtask docs`: makes the reference from the programs, and the book from `docs/`, into `target/book`.

mod links;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::Result;
use crate::process::{self, Echo, Finished};
use crate::workspace::Workspace;

/// The book's generator.
const MDBOOK: &str = "mdbook@0.5.4";
/// Without its own web server and watcher.
const MDBOOK_FEATURES: [&str; 3] = ["--no-default-features", "--features", "search"];
/// What is written by the programs themselves, in `docs/reference`.
const GENERATED: [&str; 6] = [
    "claude-accounts.md",
    "claude-share.md",
    "cs.md",
    "environment-variables.md",
    "exit-codes.md",
    "http-api.md",
];

/// Writes the generated pages and builds the book.
pub(crate) fn run() -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let mdbook = provide(&workspace)?;
    println!("Writing docs/reference …");
    generate(&workspace, &workspace.root.join("docs/reference"))?;
    let complaints = build(&workspace, &mdbook)?;
    for complaint in &complaints {
        println!("{complaint}");
    }
    if !complaints.is_empty() {
        return Err("the book has links that lead nowhere".into());
    }
    println!(
        "The book: {}",
        book(&workspace).join("index.html").display()
    );
    Ok(ExitCode::SUCCESS)
}

/// What is wrong with the documentation: a generated page that is not current, or a link that leads nowhere.
pub(crate) fn check(workspace: &Workspace, mdbook: &Path) -> Result<Vec<String>> {
    let fresh = workspace.target.join("reference");
    std::fs::create_dir_all(&fresh)?;
    generate(workspace, &fresh)?;
    let mut complaints = Vec::new();
    for name in GENERATED {
        let kept =
            std::fs::read(workspace.root.join("docs/reference").join(name)).unwrap_or_default();
        if kept != std::fs::read(fresh.join(name))? {
            complaints.push(format!(
                "docs/reference/{name} is not what the programs say: run `cargo xtask docs`"
            ));
        }
    }
    complaints.extend(build(workspace, mdbook)?);
    Ok(complaints)
}

/// Where `mdbook` is, once it was installed.
///
/// # Errors
/// Why it could not be.
pub(crate) fn provide(workspace: &Workspace) -> Result<PathBuf> {
    let root = workspace.target.join("tools");
    let installed = root.join("bin/mdbook");
    if !installed.exists() {
        println!("installing mdbook with cargo (some minutes)");
        let mut install = workspace.cargo_install(MDBOOK);
        install.args(MDBOOK_FEATURES).arg("--root").arg(&root);
        let finished = process::run(&mut install, &workspace.log("mdbook"), Echo::Silent);
        if !finished.succeeded {
            return Err(format!("cargo install mdbook: {}", finished.reason()).into());
        }
    }
    Ok(installed)
}

fn book(workspace: &Workspace) -> PathBuf {
    workspace.target.join("book")
}

/// The programs write what they know of themselves into `directory`.
fn generate(workspace: &Workspace, directory: &Path) -> Result<()> {
    // Of the whole workspace, so that nothing is built in two ways.
    let build = ["build", "--quiet", "--workspace", "--example", "reference"];
    let built = process::run(
        &mut workspace.cargo(&build),
        &workspace.log("reference"),
        Echo::Silent,
    );
    succeeded("cargo build", &built)?;
    let mut write = workspace.command(workspace.target.join("debug/examples/reference"), &[]);
    let written = process::run(
        write.arg(directory),
        &workspace.log("reference pages"),
        Echo::Silent,
    );
    succeeded("reference", &written)
}

/// Builds the book, has its links to other files of the repository lead somewhere, and returns those that do not.
fn build(workspace: &Workspace, mdbook: &Path) -> Result<Vec<String>> {
    let book = book(workspace);
    if book.exists() {
        std::fs::remove_dir_all(&book)?;
    }
    let mut command = workspace.command(mdbook, &["build", "docs", "--dest-dir"]);
    let built = process::run(command.arg(&book), &workspace.log("book"), Echo::Silent);
    succeeded("mdbook", &built)?;
    // It goes on without a file that it should have included.
    let doubts = built
        .output
        .lines()
        .filter(|line| line.contains("WARN") || line.contains("ERROR"));
    let mut complaints: Vec<String> = doubts.map(|line| line.trim().to_owned()).collect();
    complaints.extend(links::settle(&workspace.root, &book)?);
    Ok(complaints)
}

fn succeeded(tool: &str, finished: &Finished) -> Result<()> {
    if finished.succeeded {
        Ok(())
    } else {
        Err(format!("{tool}: {}", finished.output.trim()).into())
    }
}
