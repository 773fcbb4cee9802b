//! What users write into `.claude.json` reaches the others only as what is shared, and settles.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use share::claude_json::{Common, SHARED_KEYS, confirm, extract, merge};

fuzz_target!(|files: Vec<&[u8]>| {
    let mut common = Common::default();
    let mut users: Vec<Map<String, Value>> = files
        .iter()
        .take(4)
        .filter_map(|bytes| serde_json::from_slice(bytes).ok())
        .collect();
    // Twice round carries everything everywhere; the third time there is nothing left to do.
    for round in 0..3 {
        for (number, file) in users.iter_mut().enumerate() {
            let private: Vec<(String, Value)> = private_of(file);
            let name = format!("user{number}");
            let merged = merge(&mut common, &name, Some("account"), true, &extract(file));
            if let Some(patch) = merged.patch {
                assert!(round < 2, "it does not settle");
                assert!(patch.apply(file), "a patch fits what it was made for");
                confirm(&mut common, &name, &patch);
            }
            assert_eq!(private_of(file), private, "what is private stays as it is");
        }
    }
});

fn private_of(file: &Map<String, Value>) -> Vec<(String, Value)> {
    let private = |key: &&String| !SHARED_KEYS.contains(&key.as_str());
    let keys = file.keys().filter(private);
    keys.map(|key| (key.clone(), file[key].clone())).collect()
}
