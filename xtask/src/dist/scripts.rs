//! What a package does when it is installed, brought up to date, removed and purged. All of it works where no systemd runs, as in
//! a container or a root that is only prepared: units are then enabled and not started.

use std::fmt::Write as _;

/// The user that all programs run as.
pub const USER: &str = "azulejo";

/// A unit of a package.
#[derive(Debug, Clone, Copy)]
pub struct Unit {
    /// Its file's name.
    pub file: &'static str,
    /// Whether it is enabled and started by the installation.
    pub enabled: bool,
}

impl Unit {
    /// What `systemctl` knows running ones by: of a template all that were made of it.
    fn running(&self) -> String {
        self.file.replace("@.", "@*.")
    }
}

/// Makes the user and its folder, enables and starts units, or restarts what ran before.
pub fn postinst(units: &[Unit]) -> String {
    let mut text = format!(
        "#!/bin/sh\nset -e\n\
         case \"$1\" in\n\
         configure | abort-upgrade | abort-deconfigure | abort-remove) ;;\n\
         *) exit 0 ;;\n\
         esac\n\n\
         if ! getent passwd {USER} >/dev/null; then\n\
         \tadduser --system --group --quiet --no-create-home --home /var/lib/{USER} --gecos Azulejo {USER}\n\
         fi\n\
         if [ ! -d /var/lib/{USER} ]; then\n\
         \tinstall -d -o {USER} -g {USER} -m 0750 /var/lib/{USER}\n\
         fi\n\n\
         if command -v deb-systemd-helper >/dev/null; then\n"
    );
    for unit in units {
        let file = unit.file;
        let _ = if unit.enabled {
            // Whoever has disabled it finds it disabled after an upgrade.
            write!(
                text,
                "\tdeb-systemd-helper unmask {file} >/dev/null || true\n\
                 \tif deb-systemd-helper --quiet was-enabled {file}; then\n\
                 \t\tdeb-systemd-helper enable {file} >/dev/null || true\n\
                 \telse\n\
                 \t\tdeb-systemd-helper update-state {file} >/dev/null || true\n\
                 \tfi\n"
            )
        } else {
            write!(
                text,
                "\tif deb-systemd-helper debian-installed {file}; then\n\
                 \t\tdeb-systemd-helper update-state {file} >/dev/null || true\n\
                 \tfi\n"
            )
        };
    }
    text.push_str(
        "fi\n\
         if [ -d /run/systemd/system ]; then\n\
         \tsystemctl --system daemon-reload >/dev/null || true\n\
         \tif [ -n \"$2\" ]; then action=restart; else action=start; fi\n",
    );
    for unit in units {
        let _ = if unit.enabled {
            writeln!(
                text,
                "\tdeb-systemd-invoke \"$action\" {} >/dev/null || true",
                unit.file
            )
        } else {
            writeln!(
                text,
                "\tsystemctl --system try-restart '{}' >/dev/null || true",
                unit.running()
            )
        };
    }
    text.push_str("fi\nexit 0\n");
    text
}

/// Stops units when the package goes. An upgrade leaves them running until the new programs are there.
pub fn prerm(units: &[Unit]) -> String {
    let mut text = String::from(
        "#!/bin/sh\nset -e\n\
         if [ \"$1\" = remove ] && [ -d /run/systemd/system ]; then\n",
    );
    for unit in units {
        let _ = writeln!(
            text,
            "\tsystemctl --system stop '{}' >/dev/null || true",
            unit.running()
        );
    }
    text.push_str("fi\nexit 0\n");
    text
}

/// Forgets units, and removes `state`, folders below `/var/lib/azulejo`, on a purge alone. The user stays, for files elsewhere
/// may belong to it.
pub fn postrm(units: &[Unit], state: &[&str]) -> String {
    let mut text = String::from("#!/bin/sh\nset -e\n\nif [ \"$1\" = purge ]; then\n");
    if !state.is_empty() {
        text.push_str("\trm -rf");
        for folder in state {
            let _ = write!(text, " /var/lib/{USER}/{folder}");
        }
        text.push('\n');
    }
    let _ = write!(
        text,
        "\tif [ -d /var/lib/{USER} ]; then\n\
         \t\trmdir --ignore-fail-on-non-empty /var/lib/{USER}\n\
         \tfi\n\
         \tif command -v deb-systemd-helper >/dev/null; then\n"
    );
    for unit in units {
        let _ = writeln!(
            text,
            "\t\tdeb-systemd-helper purge {} >/dev/null || true",
            unit.file
        );
    }
    text.push_str(
        "\tfi\nfi\n\
         if [ -d /run/systemd/system ]; then\n\
         \tsystemctl --system daemon-reload >/dev/null || true\n\
         fi\nexit 0\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    const UNITS: [Unit; 3] = [
        Unit {
            file: "azulejo-worker.service",
            enabled: true,
        },
        Unit {
            file: "azulejo-worker@.service",
            enabled: false,
        },
        Unit {
            file: "azulejo-broker.service",
            enabled: false,
        },
    ];

    fn must_parse(script: &str) {
        let mut shell = Command::new("sh")
            .arg("-n")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success(), "{script}");
    }

    #[test]
    fn the_shell_can_read_them() {
        for script in [
            postinst(&UNITS),
            prerm(&UNITS),
            postrm(&UNITS, &["server"]),
            postrm(&UNITS, &[]),
        ] {
            must_parse(&script);
        }
    }

    #[test]
    fn only_what_is_meant_to_start_is_started() {
        let script = postinst(&UNITS);
        assert!(script.contains("deb-systemd-helper enable azulejo-worker.service"));
        assert!(!script.contains("deb-systemd-helper enable azulejo-broker.service"));
        assert!(
            script.contains("try-restart 'azulejo-worker@*.service'"),
            "{script}"
        );
    }

    #[test]
    fn state_goes_on_a_purge_alone() {
        let folder = tempfile::tempdir().unwrap();
        let script = postrm(&UNITS, &["server"]).replace("/var/lib", &folder.path().to_string_lossy());
        let kept = folder.path().join("azulejo/server/a.png");
        // Nothing of this machine's own units is to be forgotten.
        let programs = folder.path().join("bin");
        std::fs::create_dir(&programs).unwrap();
        for name in ["rm", "rmdir"] {
            std::os::unix::fs::symlink(format!("/bin/{name}"), programs.join(name)).unwrap();
        }
        let run = |word: &str| {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", &script, "postrm", word]).env("PATH", &programs);
            assert!(shell.status().unwrap().success());
        };
        std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
        std::fs::write(&kept, "").unwrap();
        for word in [
            "remove",
            "upgrade",
            "failed-upgrade",
            "abort-install",
            "disappear",
        ] {
            run(word);
            assert!(kept.is_file(), "{word}");
        }
        run("purge");
        assert!(!folder.path().join("azulejo").exists());
    }
}
