//! Words for a shell that may be any: sh, fish, csh.

/// `word` as one word of a command line. Quotes, backslashes and exclamation marks stand outside of
/// the quotes with a backslash before them: inside, shells differ in what they make of them.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+,:@".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('\'');
    for character in word.chars() {
        match character {
            '\'' | '\\' | '!' => quoted.extend(['\'', '\\', character, '\'']),
            character => quoted.push(character),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const WORDS: [&str; 8] = [
        "plain/word-1.2",
        "",
        "two words",
        "it's",
        "back\\slash\\\\twice",
        "$HOME `id` \"x\" *?[a]~#&;|<>(){}",
        "wow!!1",
        "été 仕事",
    ];

    #[test]
    fn every_shell_that_is_here_reads_the_words_as_they_were() {
        for shell in ["sh", "bash", "fish", "zsh", "tcsh", "ksh"] {
            let line = WORDS.map(shell_word).join(" ");
            // Not shell's own echo or printf: they differ.
            let command = format!("/usr/bin/env printf '<%s>' {line}");
            let ran = Command::new(shell)
                .args(["-c", &command])
                .env_clear()
                .env("PATH", "/usr/bin:/bin")
                .output();
            let Ok(ran) = ran else { continue };
            let expected: String = WORDS.iter().map(|word| format!("<{word}>")).collect();
            assert_eq!(String::from_utf8_lossy(&ran.stdout), expected, "{shell}");
        }
    }
}
