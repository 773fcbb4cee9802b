//! What a command has changed is told before it counts as settled.

use std::collections::HashSet;

use live::files::Change;

use crate::ends::{Laptop, script};

#[tokio::test(flavor = "multi_thread")]
async fn all_changes_come_before_it_is_settled() {
    let (_laptop, mut server) = Laptop::both().await;
    for round in 0..10 {
        server.changes.clear();
        let text = format!(
            "mkdir -p d{round}; i=0; while [ $i -lt 200 ]; do echo x > d{round}/f$i; i=$((i+1)); done"
        );
        let heard = server.run(script(&text)).await;
        let settled = heard.settled.unwrap();
        let told: HashSet<Vec<u8>> = server.changes[..settled]
            .iter()
            .filter_map(|change| match change {
                Change::At { path, .. } => Some(path.as_bytes().to_vec()),
                Change::Anything { .. } | Change::Watched { .. } => None,
            })
            .collect();
        let is_all = server.changes[..settled]
            .iter()
            .any(|change| matches!(change, Change::Anything { .. }));
        for number in 0..200 {
            let path = format!("d{round}/f{number}");
            assert!(is_all || told.contains(path.as_bytes()), "{path}");
        }
        let last = server.run(script(":")).await;
        assert_eq!(last.settled, Some(settled), "nothing of it came later");
    }
}
