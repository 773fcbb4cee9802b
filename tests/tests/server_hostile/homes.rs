//! Homes that cannot be worked in.

use crate::scene::{Scene, user_of};

/// What root does to the home of `$1`, and what undoes it.
struct Harm {
    user: &'static str,
    harm: &'static str,
    heal: &'static str,
    /// Whether the user cannot get the new token.
    is_trouble: bool,
}

const HARMS: [Harm; 8] = [
    Harm {
        user: "missing",
        harm: "mv /home/missing /home/missing.away",
        heal: "mv /home/missing.away /home/missing",
        is_trouble: true,
    },
    Harm {
        user: "linked",
        harm: "mv /home/linked /home/linked.away && ln -s /home/carol /home/linked",
        heal: "rm /home/linked && mv /home/linked.away /home/linked",
        is_trouble: true,
    },
    Harm {
        user: "roots",
        harm: "chown root: /home/roots",
        heal: "chown roots: /home/roots",
        is_trouble: true,
    },
    Harm {
        user: "closed",
        harm: "chmod 0 /home/closed",
        heal: "chmod 700 /home/closed",
        is_trouble: true,
    },
    Harm {
        user: "readonly",
        harm: "chmod 0500 /home/readonly /home/readonly/.claude",
        heal: "chmod 0700 /home/readonly /home/readonly/.claude",
        is_trouble: true,
    },
    Harm {
        user: "file",
        harm: "mv /home/file /home/file.away && echo x > /home/file",
        heal: "rm /home/file && mv /home/file.away /home/file",
        is_trouble: true,
    },
    Harm {
        user: "moved",
        harm: "mv /home/moved /home/moved.away && ln -s /home/moved.away /home/moved",
        heal: "rm /home/moved && mv /home/moved.away /home/moved",
        is_trouble: false,
    },
    Harm {
        user: "full",
        harm: "head -c 1M /dev/zero > /home/full/fill 2> /dev/null || true; : > /home/full/x || true",
        heal: "rm -f /home/full/fill /home/full/x",
        is_trouble: true,
    },
];

const IMMUTABLE: [Harm; 2] = [
    Harm {
        user: "fixed",
        harm: "chattr +i /home/fixed/.claude/.credentials.json",
        heal: "chattr -i /home/fixed/.claude/.credentials.json",
        is_trouble: true,
    },
    Harm {
        user: "fixeddir",
        harm: "chattr +i /home/fixeddir/.claude",
        heal: "chattr -i /home/fixeddir/.claude",
        is_trouble: true,
    },
];

#[test]
fn homes_that_cannot_be_worked_in() {
    let names = HARMS.map(|harm| harm.user);
    let Some(scene) = Scene::with(&names) else {
        return;
    };
    // On a file system of its own, empty when it comes.
    scene.host().small_file_system("/home/full", 128 * 1024);
    scene.server.renew();
    scene.server.wait_for_good_home("full");
    harm_and_heal(&scene, &HARMS);
}

#[test]
fn what_nobody_can_change() {
    let Some(scene) = Scene::with(&IMMUTABLE.map(|harm| harm.user)) else {
        return;
    };
    let probe = scene.host().run(&[
        "sh",
        "-c",
        "touch /home/probe && chattr +i /home/probe && chattr -i /home/probe",
    ]);
    if !probe.status.success() {
        return testkit::skip("needs a file system in memory with attributes (chattr +i)");
    }
    harm_and_heal(&scene, &IMMUTABLE);
}

fn harm_and_heal(scene: &Scene, harms: &[Harm]) {
    for harm in harms {
        scene.as_root(harm.harm);
    }
    scene.serve_the_honest("homes that cannot be worked in");
    for harm in harms {
        if harm.is_trouble {
            let told = scene.wait_for_trouble(harm.user);
            eprintln!("{}: {told}", harm.user);
        } else {
            scene.server.wait_for_view(harm.user);
        }
    }
    // The table for people says it too, and of nobody else.
    let ran = scene.server.run(&["server", "status"]).code(1);
    assert!(!ran.stdout.contains("panicked"), "{ran:#?}");
    let status = scene.server.status();
    for name in crate::scene::HONEST {
        assert_eq!(user_of(&status, name)["needs_care"], false, "{status}");
    }
    scene.assert_harmless("homes that cannot be worked in");
    for harm in harms {
        scene.as_root(harm.heal);
    }
    // They are looked at when there is something for them, at the latest after a minute.
    scene.server.renew();
    for harm in harms {
        scene.server.wait_for_good_home(harm.user);
    }
    scene.wait_until_all_is_well("homes that cannot be worked in");
    scene.assert_untouched_outside("homes that cannot be worked in");
}
