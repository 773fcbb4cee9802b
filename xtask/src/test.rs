//! `cargo xtask test`: everything that must hold, in one command for contributors and continuous integration alike.

mod checks;
mod environment;
mod fuzz;
mod layers;
mod options;
mod page;
mod provision;
mod report;
mod suite;
mod summaries;
mod traces;

use std::process::ExitCode;

use crate::Result;
use crate::workspace::Workspace;
use options::{Options, Part};
use report::Report;

/// Installs what is missing, runs the parts that `arguments` ask for, and ends with the line that counts them.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{}", options::HELP);
        return Ok(ExitCode::SUCCESS);
    };
    let workspace = Workspace::find()?;
    let mut report = Report::default();
    let provisions = provision::provide(&workspace, &options);
    if options.runs(Part::Checks) {
        heading("checks");
        checks::run(&workspace, &options, &provisions, &mut report);
    }
    let built = std::thread::scope(|scope| {
        let fuzz = options.runs(Part::Fuzz);
        let built = fuzz.then(|| scope.spawn(|| fuzz::build(&workspace, &provisions)));
        if options.runs(Part::Tests) {
            heading("tests");
            suite::run(&workspace, &options, &provisions, &mut report)?;
        }
        let built = built.map(|built| built.join().map_err(|_| "building fuzz targets panicked"));
        Ok::<_, Box<dyn std::error::Error>>(built.transpose()?.flatten())
    })?;
    if options.runs(Part::Fuzz) {
        heading("fuzz");
        fuzz::run(&workspace, &options, &provisions, built, &mut report)?;
    }
    provisions.report(&mut report);
    heading("summary");
    print!("{report}");
    Ok(if report.total().failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn heading(name: &str) {
    println!("\n== {name}");
}
