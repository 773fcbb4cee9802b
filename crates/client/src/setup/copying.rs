//! The programs are brought to the server, as was decided.

use std::collections::BTreeMap;

use super::{Event, Work};
use crate::ClientError;
use crate::facts::{Platform, ProgramName, ServerFacts};
use crate::local;
use crate::plan::{Decision, LocalProgram};
use crate::remote::{CopyEnd, Server};

impl Work<'_> {
    pub(super) fn copy(
        &mut self,
        server: &Server<'_>,
        facts: &ServerFacts,
        programs: &[LocalProgram],
        decisions: &BTreeMap<ProgramName, Decision>,
    ) -> Result<(), ClientError> {
        for program in programs {
            let (name, version) = (program.name.as_str(), program.version);
            match &decisions[&program.name] {
                Decision::Same => self.done(format!("{name} {version} is there")),
                Decision::Installed(path) => {
                    self.done(format!("{name} {version} is there: {path}"));
                }
                Decision::Newer(path, newer) => self.done(format!(
                    "{name} {newer} is there, which is newer than {version} here, and stays: {path}"
                )),
                Decision::OtherPlatform => {
                    let Platform { system, machine } = &facts.platform;
                    let own = local::platform();
                    let text = format!(
                        "{name} was not copied: the server is {system} {machine}, and this program is for {} {}; install {name} {version} there, built for it",
                        own.system, own.machine
                    );
                    self.not_there(program.name, text);
                }
                Decision::Copy(replaced) => match server.copy(program)? {
                    CopyEnd::Done => {
                        let words = copied_words(*replaced, program);
                        self.changed(words);
                    }
                    CopyEnd::CannotRun(said) => {
                        let text = format!(
                            "{name} was not copied: it does not run there ({}); build {name} {version} on the server, and install it in ~/.local/bin",
                            model::printable(&said)
                        );
                        self.not_there(program.name, text);
                    }
                },
            }
        }
        Ok(())
    }

    /// The server does without the other programs.
    fn not_there(&mut self, name: ProgramName, text: String) {
        match name {
            ProgramName::Share => self.miss(text),
            ProgramName::Accounts | ProgramName::Cs => (self.tell)(Event::Warning(text)),
        }
    }
}

fn copied_words(replaced: Option<crate::version::Version>, program: &LocalProgram) -> String {
    let (name, version) = (program.name.as_str(), program.version);
    match replaced {
        Some(old) if old == version => {
            format!("Updated {name} {version} in ~/.local/bin on the server")
        }
        Some(old) => {
            format!("Updated {name} from {old} to {version} in ~/.local/bin on the server")
        }
        None => format!("Copied {name} {version} to ~/.local/bin on the server"),
    }
}
