//! Completions and man pages.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use azulejo_end2end::process::command;

fn azulejo(arguments: &[&str]) -> Result<Vec<u8>> {
    let output = command("azulejo")?.args(arguments).output()?;
    ensure!(
        output.status.success() && output.stderr.is_empty(),
        "{arguments:?}: {output:?}"
    );
    Ok(output.stdout)
}

/// Runs `program` with `input`; `None` where it is not installed.
fn with_input(program: &str, arguments: &[&str], input: &[u8]) -> Result<Option<Output>> {
    let piped = || Stdio::piped();
    let spawned = Command::new(program)
        .args(arguments)
        .stdin(piped())
        .stdout(piped())
        .stderr(piped())
        .spawn();
    let Ok(mut child) = spawned else {
        return Ok(None);
    };
    let mut stdin = child.stdin.take().context("stdin is piped")?;
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input).ok());
    let output = child.wait_with_output()?;
    ensure!(
        writer.join().is_ok_and(|written| written.is_some()),
        "{program} does not read"
    );
    Ok(Some(output))
}

/// The commands, as the help lists them.
fn commands() -> Result<Vec<String>> {
    let names = commands_of(&["--help"])?;
    ensure!(
        names.len() > 10 && names.iter().any(|name| name == "submit"),
        "{names:?}"
    );
    Ok(names)
}

/// The commands that this help lists; none where it has no list.
fn commands_of(help: &[&str]) -> Result<Vec<String>> {
    let help = String::from_utf8(azulejo(help)?)?;
    let Some((_, list)) = help.split_once("Commands:\n") else {
        return Ok(Vec::new());
    };
    let list = list.split("\n\n").next().unwrap_or_default();
    let names = list
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    Ok(names.filter(|name| *name != "help").map(str::to_owned).collect())
}

#[test]
fn completions_are_right_in_every_shell_that_is_here() -> Result<()> {
    let commands = commands()?;
    for (shell, check) in [
        ("bash", Some(&["-n"][..])),
        ("zsh", Some(&["-n"])),
        ("fish", Some(&["--no-execute"])),
        ("elvish", None),
        ("powershell", None),
    ] {
        let script = azulejo(&["completions", shell])?;
        let text = String::from_utf8_lossy(&script);
        for word in commands.iter().map(String::as_str).chain(["--recipe", "--json"]) {
            let word = word.trim_start_matches('-');
            ensure!(text.contains(word), "the completions of {shell} lack {word}");
        }
        let Some(check) = check else { continue };
        match with_input(shell, check, &script)? {
            Some(output) => ensure!(
                output.status.success() && output.stderr.is_empty(),
                "{shell}: {output:?}"
            ),
            None => eprintln!("SKIPPED: completions of {shell}: it is not installed"),
        }
    }
    // And bash really completes with them.
    let ask = "eval \"$(cat)\"; COMP_WORDS=(azulejo sub); COMP_CWORD=1; _azulejo azulejo sub azulejo; echo \"${COMPREPLY[@]}\"";
    let output = with_input("bash", &["-c", ask], &azulejo(&["completions", "bash"])?)?
        .context("bash is not installed")?;
    ensure!(
        String::from_utf8_lossy(&output.stdout).trim() == "submit",
        "{output:?}"
    );
    Ok(())
}

#[test]
fn every_command_has_a_man_page_that_nobody_warns_of() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dir = folder.path().join("man1");
    let listed = azulejo(&["man", "--dir", dir.to_str().context("a folder's name")?])?;
    let mut pages = vec![("azulejo".to_owned(), azulejo(&["man"])?)];
    for command in commands()? {
        pages.push((format!("azulejo-{command}"), azulejo(&["man", &command])?));
        for below in commands_of(&[&command, "--help"])? {
            let name = format!("{command}-{below}");
            pages.push((format!("azulejo-{name}"), azulejo(&["man", &name])?));
        }
    }
    ensure!(
        pages.iter().any(|(name, _)| name == "azulejo-keys-add"),
        "commands below others have pages, too"
    );
    ensure!(
        std::fs::read_dir(&dir)?.count() == pages.len(),
        "a page too many, or too few"
    );
    ensure!(
        String::from_utf8_lossy(&listed).lines().count() == pages.len(),
        "{listed:?}"
    );
    for (name, page) in &pages {
        ensure!(
            std::fs::read(dir.join(format!("{name}.1")))? == *page,
            "{name} is not what is printed"
        );
        let text = String::from_utf8_lossy(page);
        ensure!(text.contains(&format!(".TH {} 1", name.to_uppercase())), "{text}");
    }
    let submit = String::from_utf8_lossy(
        &pages
            .iter()
            .find(|(name, _)| name == "azulejo-submit")
            .context("submit")?
            .1,
    )
    .into_owned();
    for word in ["recipe", "AZULEJO_SERVER", "Exit codes"] {
        ensure!(submit.contains(word), "{word}: {submit}");
    }
    let mut judges = 0;
    for (judge, arguments) in [
        ("mandoc", &["-Tlint", "-W", "warning"][..]),
        ("groff", &["-man", "-Tutf8", "-ww", "-z"]),
    ] {
        for (name, page) in &pages {
            match with_input(judge, arguments, page)? {
                Some(output) => {
                    judges += 1;
                    let said = [output.stdout, output.stderr].concat();
                    ensure!(
                        output.status.success() && said.is_empty(),
                        "{judge}: {name}: {}",
                        String::from_utf8_lossy(&said)
                    );
                }
                None => {
                    eprintln!("SKIPPED: man pages by {judge}: it is not installed");
                    break;
                }
            }
        }
    }
    println!("{judges} judgements of {} pages", pages.len());
    Ok(())
}
