//! `cargo xtask dist`: the archive that a release offers, and the Debian package.

mod archive;
mod debian;
mod licences;
mod linkage;
mod staging;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::Result;
use crate::workspace::Workspace;
use linkage::Linkage;
use staging::Staging;

/// What the names of the archive and of the package start with.
const NAME: &str = "claude-accounts";
/// The programs in it.
const PROGRAMS: [&str; 3] = ["claude-accounts", "claude-share", "cs"];

const HELP: &str = "\
Pack the programs with what belongs to them.

Usage: cargo xtask dist [OPTIONS]

Writes target/dist/claude-accounts-VERSION-ARCH-linux.tar.gz, and its SHA-256 sum beside it.
SOURCE_DATE_EPOCH sets the time of every file in it; without it, that is the time of the last commit.

Options:
  --debug   From the programs of target/debug, stripped: quickly, for tests.
  --deb     The Debian package too.
  --help    Print this.
";

/// What was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Options {
    /// From a debug build.
    debug: bool,
    /// The Debian package too.
    deb: bool,
}

impl Options {
    /// Reads the arguments after `dist`; `None` where they ask for help.
    fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--debug" => options.debug = true,
                "--deb" => options.deb = true,
                "--help" | "-h" => return Ok(None),
                unknown => {
                    return Err(
                        format!("no option `{unknown}`; see `cargo xtask dist --help`").into(),
                    );
                }
            }
        }
        Ok(Some(options))
    }
}

/// Builds what `arguments` ask for and says where it is.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    };
    let linkage = if options.debug {
        Linkage::Debug
    } else {
        Linkage::of_release()?
    };
    println!("programs: {linkage}");
    for file in build(&Workspace::find()?, &linkage, options)? {
        println!("{}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// What tests need: the archive of the debug build and, `with_deb`, the package. Returns where they are.
pub(crate) fn for_tests(workspace: &Workspace, with_deb: bool) -> Result<PathBuf> {
    let options = Options {
        debug: true,
        deb: with_deb,
    };
    build(workspace, &Linkage::Debug, options)?;
    Ok(workspace.target.join("dist"))
}

/// The archive, then its sum, and where asked for the Debian package.
fn build(workspace: &Workspace, linkage: &Linkage, options: Options) -> Result<Vec<PathBuf>> {
    let programs = linkage.build(workspace)?;
    let staging = Staging::fill(workspace, linkage, &programs)?;
    let mut written = archive::write(workspace, &staging, options)?;
    if options.deb {
        written.push(debian::write_package(workspace, &staging, options)?);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn options_are_read_and_unknown_ones_refused() {
        assert_eq!(parse("").unwrap(), Some(Options::default()));
        let both = Options {
            debug: true,
            deb: true,
        };
        assert_eq!(parse("--deb --debug").unwrap(), Some(both));
        assert_eq!(parse("--debug --help").unwrap(), None);
        let error = parse("--static").unwrap_err().to_string();
        assert!(error.contains("`--static`"), "{error}");
    }
}
