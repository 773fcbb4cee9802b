//! Where it is installed from and to, upgraded, and removed.

use crate::scene::{SCRIPT, SHELLS, Scene, USER, assert_says};

#[test]
fn a_user_installs_upgrades_and_removes_it_in_every_shell() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let old = scene.unpack(&scene.archive("0.1.0", &["first", "both"]));
    let new = scene.archive("0.10.0", &["both", "second"]);
    let script = format!("{old}/install.sh");
    scene
        .as_user(&["mkdir", "-p", ".local/bin", ".claude"])
        .success();
    scene
        .host
        .write("/home/anna/.local/bin/other", "#!/bin/sh\n", 0o755);
    let before = scene.listing(&["/home/anna"]);
    for shell in SHELLS {
        let run = |words: &[&str]| scene.as_user(&[shell, words].concat());
        let dry = run(&[&script, "--dry-run"]).success();
        assert_says(&dry.stdout, &["would install /home/anna/.local/bin/cs\n"]);
        assert_eq!(scene.listing(&["/home/anna"]), before, "{shell:?}");

        let ran = run(&[&script]).success();
        assert_eq!(ran.stderr, "");
        assert_says(
            &ran.stdout,
            &[
                &format!("from the unpacked archive {old}\n"),
                "installing claude-accounts 0.1.0 in /home/anna/.local\n",
                "/home/anna/.local/bin is not in PATH",
                "export PATH=/home/anna/.local/bin:\"$PATH\"\n",
                "next: claude-accounts add NAME",
            ],
        );
        scene.assert_version("/home/anna/.local/bin", "0.1.0");
        let unit = "/home/anna/.local/share/systemd/user/made-up-keeper.service";
        assert_says(
            &scene.host.read_text(unit),
            &["ExecStart=/home/anna/.local/bin/claude-accounts keeper run\n"],
        );
        assert!(!scene.host.exists("/home/anna/.local/share/systemd/system"));
        let documents = "/home/anna/.local/share/doc/claude-accounts";
        assert!(scene.host.exists(&format!("{documents}/first/index.md")));

        let ran = run(&[SCRIPT, "--archive", &new]).success();
        assert_says(
            &ran.stdout,
            &["upgrading claude-accounts 0.1.0 → 0.10.0 in"],
        );
        scene.assert_version("/home/anna/.local/bin", "0.10.0");
        assert!(
            !scene.host.exists(&format!("{documents}/first")),
            "{shell:?}"
        );
        assert!(scene.host.exists(&format!("{documents}/second/index.md")));

        let ran = run(&[&script, "--quiet"]).success();
        assert_eq!(ran.stdout, "");
        assert_says(&ran.stderr, &["warning: 0.1.0 is older than 0.10.0"]);
        scene.assert_version("/home/anna/.local/bin", "0.1.0");

        let installed = "/home/anna/.local/share/claude-accounts/install.sh";
        let ran = run(&[installed, "--uninstall"]).success();
        assert_says(
            &ran.stdout,
            &["removing claude-accounts 0.1.0 from /home/anna/.local"],
        );
        assert_eq!(scene.listing(&["/home/anna"]), before, "{shell:?}");
    }
}

#[test]
fn root_installs_it_for_everybody_in_every_shell() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let old = scene.unpack(&scene.archive("0.1.0", &["first"]));
    let new = scene.archive("0.2.0", &[]);
    let before = scene.listing(&["/usr/local", "/root"]);
    for shell in SHELLS {
        let run = |words: &[&str]| scene.host.run(&[shell, words].concat());
        let ran = run(&[&format!("{old}/install.sh")]).success();
        assert!(!ran.stdout.contains("not in PATH"), "{}", ran.stdout);
        for (kind, unit, program) in [
            ("user", "made-up-keeper", "claude-accounts keeper run"),
            ("system", "made-up-server", "claude-share server keeper"),
        ] {
            let unit = format!("/usr/local/lib/systemd/{kind}/{unit}.service");
            assert_says(
                &scene.host.read_text(&unit),
                &[&format!("ExecStart=/usr/local/bin/{program}\n")],
            );
        }
        let modes = scene.sh(
            "cd /usr/local && stat -c '%U %a' bin/cs share/man/man1/cs.1 share/claude-accounts",
        );
        assert_eq!(modes, "root 755\nroot 644\nroot 755\n");
        scene.as_user(&["claude-accounts"]).success();
        // With a mode that keeps others out by default.
        let script = format!("umask 077; {} {SCRIPT} --archive {new}", shell.join(" "));
        assert_says(
            &scene.sh(&script),
            &["upgrading claude-accounts 0.1.0 → 0.2.0"],
        );
        scene.as_user(&["cs"]).success();
        assert_says(
            &run(&[SCRIPT, "--archive", &new]).success().stdout,
            &["0.2.0 again"],
        );
        run(&[SCRIPT, "--uninstall"]).success();
        assert_eq!(scene.listing(&["/usr/local", "/root"]), before, "{shell:?}");
    }
}

/// As on Alpine: no other tool than BusyBox's.
#[test]
fn the_tools_of_busybox_are_enough() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    scene.sh("mkdir /opt/tools && for tool in $(busybox --list); do ln -s \"$(command -v busybox)\" /opt/tools/$tool; done");
    let (old, new) = (
        scene.archive("0.1.0", &["first"]),
        scene.archive("0.2.0", &[]),
    );
    let before = scene.listing(&["/home/anna"]);
    let run = |words: &[&str]| {
        let tools: &[&str] = &["env", "PATH=/opt/tools", "ash", SCRIPT];
        scene.as_user(&[tools, words].concat()).success()
    };
    drop(run(&["--archive", &old]));
    scene.assert_version("/home/anna/.local/bin", "0.1.0");
    drop(run(&["--archive", &new]));
    scene.assert_version("/home/anna/.local/bin", "0.2.0");
    drop(run(&["--uninstall"]));
    assert_eq!(scene.listing(&["/home/anna"]), before);
}

#[test]
fn a_directory_of_ones_own_may_have_a_space_in_its_name() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let archive = scene.archive("0.1.0", &[]);
    let before = scene.listing(&["/home/anna"]);
    for shell in SHELLS {
        let run = |words: &[&str]| {
            let prefix: &[&str] = &[SCRIPT, "--prefix", "/home/anna/my 100%/tools/"];
            scene.as_user(&[shell, prefix, words].concat()).success()
        };
        let ran = run(&["--archive", &archive]);
        assert_says(
            &ran.stdout,
            &[
                "export PATH='/home/anna/my 100%/tools/bin':\"$PATH\"\n",
                "systemd does not look in /home/anna/my 100%/tools",
            ],
        );
        scene.assert_version("/home/anna/my 100%/tools/bin", "0.1.0");
        let unit = "/home/anna/my 100%/tools/share/systemd/user/made-up-keeper.service";
        assert_says(
            &scene.host.read_text(unit),
            &["ExecStart=/home/anna/my\\x20100%%/tools/bin/claude-accounts keeper run\n"],
        );
        drop(run(&["--archive", &archive, "--no-services"]));
        assert!(!scene.host.exists(unit));
        drop(run(&["--uninstall"]));
        assert_eq!(scene.listing(&["/home/anna"]), before, "{shell:?}");
    }
}

/// A stand-in for cargo, which takes minutes.
#[test]
fn a_checkout_is_built() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let archive = scene.archive("0.1.0", &[]);
    scene.sh("mkdir -p /opt/checkout/xtask && cd /opt/checkout && cp /opt/installer/install.sh . &&
        printf '[workspace.package]\\nversion = \"0.1.0\"\\n' > Cargo.toml && chmod -R a+rX . && chown anna . ");
    let ran = scene
        .as_user(&["dash", "/opt/checkout/install.sh"])
        .code(13);
    assert_says(&ran.stderr, &["cargo, which builds it, is not in PATH"]);
    let cargo = format!(
        "#!/bin/sh\n[ \"$*\" = 'xtask dist' ] || exit 101\nmkdir -p target/dist && cp {archive}* target/dist/ && echo built\n"
    );
    scene.host.write("/usr/local/bin/cargo", cargo, 0o755);
    let ran = scene
        .as_user(&["dash", "/opt/checkout/install.sh"])
        .success();
    assert_says(
        &ran.stdout,
        &["from the checkout /opt/checkout, built with: cargo xtask dist\n"],
    );
    scene.assert_version("/home/anna/.local/bin", "0.1.0");
    scene
        .host
        .write("/usr/local/bin/cargo", "#!/bin/sh\nexit 101\n", 0o755);
    let ran = scene.as_user(&["dash", "/opt/checkout/install.sh"]).code(1);
    assert_says(&ran.stderr, &["error: the checkout could not be built\n"]);
}

/// `claude-share client init` copies programs to `~/.local/bin`; what it has put there is no obstacle.
#[test]
fn programs_that_came_by_other_means_are_taken_over() {
    let Some(scene) = Scene::or_skip() else {
        return;
    };
    let archive = scene.archive("0.2.0", &[]);
    let script = "mkdir -p .local/bin && for name in claude-share cs; do
        printf '#!/bin/sh\\necho %s 0.1.0\\n' $name > .local/bin/$name && chmod 755 .local/bin/$name || exit; done";
    scene.as_user(&["sh", "-c", script]).success();
    let ran = scene
        .as_user(&["dash", SCRIPT, "--archive", &archive])
        .success();
    assert_eq!(ran.stderr, "");
    scene.assert_version(&format!("/home/{USER}/.local/bin"), "0.2.0");
    // And again, when they were replaced since.
    scene.as_user(&["sh", "-c", script]).success();
    drop(
        scene
            .as_user(&["dash", SCRIPT, "--archive", &archive])
            .success(),
    );
    scene.assert_version(&format!("/home/{USER}/.local/bin"), "0.2.0");
}
