//! A name that a person gives, and any text that is printed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::{AccountId, AccountName, NAME_LIMIT, printable};

fuzz_target!(|text: &str| {
    if let Ok(name) = AccountName::parse(text) {
        assert_eq!(name.as_str(), text);
        assert!((1..=NAME_LIMIT).contains(&text.chars().count()));
        assert!(!text.starts_with(['-', '.']));
        let trouble = |character: char| {
            character.is_whitespace() || character.is_control() || "/\\'\"`$;&|<>*?~#!(){}[]=%".contains(character)
        };
        assert!(!text.contains(trouble), "{text:?}");
        assert!(AccountName::same(text, text));
        assert_eq!(printable(text), text);
    }
    let shown = printable(text);
    assert!(!shown.contains(char::is_control));
    assert_eq!(printable(&shown), shown);
    let file_name = AccountId::from_stored(text).file_name();
    assert!(file_name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-%".contains(&byte)));
});
