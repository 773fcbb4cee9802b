//! Asking people: hidden text, passphrases, yes or no.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::RawFd;
use std::path::PathBuf;

use model::Secret;
use vault::{Unlock, VaultError, VaultKey};
use zeroize::Zeroizing;

use crate::descriptors;
use crate::environment::{Environment, Variable};
use crate::error::{CliError, Kind};
use crate::terminal::{self, Echo};

/// Longest passphrase, in bytes.
const PASSPHRASE_LIMIT: usize = 4096;

const READ_PASSPHRASE: &str = "read the passphrase from";

/// Who is asked, and what may be asked.
#[derive(Clone, Debug)]
pub(crate) struct Prompt {
    no_input: bool,
    /// Value of [`Variable::PassphraseDescriptor`].
    descriptor: Option<String>,
    /// Value of [`Variable::KeyDescriptor`].
    key_descriptor: Option<String>,
}

impl Prompt {
    pub(crate) fn new(environment: &Environment, no_input: bool) -> Self {
        let number = |variable| {
            environment
                .get(variable)
                .map(|text| text.to_string_lossy().into_owned())
        };
        Self {
            no_input,
            descriptor: number(Variable::PassphraseDescriptor),
            key_descriptor: number(Variable::KeyDescriptor),
        }
    }

    /// Keeps the descriptors of passphrase and key from programs that are started from now on.
    pub(crate) fn withhold_passphrase(&self) {
        let given = [&self.descriptor, &self.key_descriptor];
        let numbers: Vec<RawFd> = given
            .into_iter()
            .flatten()
            .filter_map(|text| text.parse().ok())
            .collect();
        if !numbers.is_empty() {
            descriptors::close_on_exec(|open| numbers.contains(&open));
        }
    }

    /// The vault's key, where whoever started this program hands it over. A pipe gives it once.
    ///
    /// # Errors
    /// If what was announced is not there.
    pub(crate) fn given_key(&self) -> Result<Option<VaultKey>, CliError> {
        let Some(number) = &self.key_descriptor else {
            return Ok(None);
        };
        let text = read_descriptor("read the vault's key from", number)?;
        match VaultKey::parse(text.expose()) {
            Some(key) => Ok(Some(key)),
            None => Err(CliError::new(
                Kind::Vault,
                format!("descriptor {number} holds no key"),
                format!("Start it without {}.", Variable::KeyDescriptor.name()),
            )),
        }
    }

    /// Whether a program that is started may ask by itself.
    pub(crate) fn may_ask(&self) -> bool {
        !self.no_input
    }

    /// Whether anything can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        !self.no_input && terminal::is_attended()
    }

    /// A secret that is typed without being shown.
    ///
    /// # Errors
    /// If nobody can be asked, or Ctrl-C.
    pub(crate) fn hidden(&self, question: &str) -> Result<Secret, CliError> {
        if !self.can_ask() {
            return Err(nobody_there());
        }
        let answer = terminal::ask(question, Echo::Hidden).map_err(|error| failure(&error))?;
        Ok(Secret::new(answer.as_str()))
    }

    /// A line that is typed; empty if nothing was.
    ///
    /// # Errors
    /// If nobody can be asked, Ctrl-C, or the end of input.
    pub(crate) fn line(&self, question: &str) -> Result<String, CliError> {
        if !self.can_ask() {
            return Err(nobody_there());
        }
        let answer = terminal::ask(question, Echo::Shown).map_err(|error| failure(&error))?;
        Ok(answer.trim().to_owned())
    }

    /// Goes on after a yes.
    ///
    /// # Errors
    /// After anything else, or if nobody can be asked.
    pub(crate) fn confirm(&self, question: &str) -> Result<(), CliError> {
        if !self.can_ask() {
            return Err(nobody_there().hinted("Give -y to go on without being asked."));
        }
        let question = format!("{} [y/N] ", model::printable(question));
        let answer = terminal::ask(&question, Echo::Shown).map_err(|error| failure(&error))?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(CliError::stopped()),
        }
    }

    /// Asks a question that has two good answers; nothing typed is a yes.
    ///
    /// # Errors
    /// If nobody can be asked, or Ctrl-C.
    pub(crate) fn yes(&self, question: &str) -> Result<bool, CliError> {
        if !self.can_ask() {
            return Err(nobody_there());
        }
        let question = format!("{} [Y/n] ", model::printable(question));
        let answer = terminal::ask(&question, Echo::Shown).map_err(|error| failure(&error))?;
        Ok(matches!(
            answer.trim().to_lowercase().as_str(),
            "" | "y" | "yes"
        ))
    }

    /// A passphrase for a file: from a descriptor if one is given, else asked for.
    ///
    /// # Errors
    /// If there is none to be had.
    pub(crate) fn passphrase(
        &self,
        descriptor: Option<u32>,
        question: &str,
    ) -> Result<Secret, CliError> {
        match descriptor {
            Some(number) => Ok(read_descriptor(READ_PASSPHRASE, &number.to_string())?),
            None => self.hidden(question).map_err(hint_at_descriptor),
        }
    }

    /// A passphrase to be set: from a descriptor, or asked for twice.
    ///
    /// # Errors
    /// If there is none to be had, it is empty, or the two differ.
    pub(crate) fn new_passphrase(&self, descriptor: Option<u32>) -> Result<Secret, CliError> {
        let passphrase = self.passphrase(descriptor, "New passphrase: ")?;
        let refuse = |message: &str| {
            Err(CliError::new(
                Kind::Input,
                message,
                "Try again; nothing was changed.",
            ))
        };
        if passphrase.is_empty() {
            return refuse("the passphrase is empty");
        }
        if descriptor.is_none() && self.hidden("The same again: ")? != passphrase {
            return refuse("the two passphrases differ");
        }
        Ok(passphrase)
    }
}

impl Unlock for Prompt {
    fn passphrase(&mut self) -> Result<Secret, VaultError> {
        if let Some(number) = &self.descriptor {
            return read_descriptor(READ_PASSPHRASE, number);
        }
        if !self.can_ask() {
            return Err(VaultError::PassphraseNeeded);
        }
        match terminal::ask("Passphrase of the vault: ", Echo::Hidden) {
            Ok(answer) => Ok(Secret::new(answer.as_str())),
            Err(source) => Err(VaultError::File {
                action: "ask on",
                path: PathBuf::from("/dev/tty"),
                source,
            }),
        }
    }
}

/// One line from a descriptor that this process was started with. It is opened anew by its path:
/// a pipe gives what is left in it, a file starts at its beginning.
fn read_descriptor(action: &'static str, number: &str) -> Result<Secret, VaultError> {
    let path = PathBuf::from(format!("/dev/fd/{number}"));
    let read = || {
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(io::Error::new(ErrorKind::InvalidInput, "that is no number"));
        }
        let line = read_line(File::open(&path)?)?;
        let text = std::str::from_utf8(&line)
            .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8"))?;
        match text.is_empty() {
            true => Err(io::Error::new(ErrorKind::UnexpectedEof, "it is empty")),
            false => Ok(Secret::new(text)),
        }
    };
    read().map_err(|source| VaultError::File {
        action,
        path: path.clone(),
        source,
    })
}

/// Byte by byte: what follows the line belongs to whoever reads next.
fn read_line(mut source: impl io::Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(PASSPHRASE_LIMIT));
    let mut byte = Zeroizing::new([0_u8]);
    while source.read(byte.as_mut())? == 1 && byte[0] != b'\n' {
        if line.len() == PASSPHRASE_LIMIT {
            return Err(io::Error::new(ErrorKind::InvalidData, "it is too long"));
        }
        line.push(byte[0]);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line)
}

fn failure(error: &io::Error) -> CliError {
    match error.kind() {
        ErrorKind::Interrupted => CliError::stopped(),
        ErrorKind::InvalidData => CliError::new(
            Kind::Input,
            "what was typed is not UTF-8",
            "Check the terminal's character set.",
        ),
        _ => nobody_there(),
    }
}

fn nobody_there() -> CliError {
    CliError::new(
        Kind::Usage,
        "there is no terminal to ask on",
        "Run it on a terminal, without --no-input.",
    )
}

fn hint_at_descriptor(error: CliError) -> CliError {
    match error.kind {
        Kind::Usage => error.hinted("Run it on a terminal, or give --passphrase-fd N."),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_read_and_no_more() {
        let mut source = io::Cursor::new(b"first\r\nsecond");
        assert_eq!(read_line(&mut source).unwrap().as_slice(), b"first");
        assert_eq!(read_line(&mut source).unwrap().as_slice(), b"second");
        assert!(read_line(io::repeat(b'x')).is_err());
    }

    #[test]
    fn a_descriptor_is_a_number() {
        for number in ["", "x", "../passwd", "-1", "999999"] {
            assert!(
                read_descriptor(READ_PASSPHRASE, number).is_err(),
                "{number}"
            );
        }
    }
}
