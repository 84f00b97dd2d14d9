//! `azulejo top`: a live dashboard in the terminal.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::text::Span;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::client::Client;
use crate::commands::{ServerArgument, WrongArgument};
use crate::dashboard::news::Look;
use crate::dashboard::{News, Paint, draw};
use crate::output;
use crate::signals::Signals;

/// Jobs that PgUp and PgDn move by.
const PAGE: isize = 10;

/// How long a look may take before it counts as one without an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Watch an installation in the terminal: rate, topics, lag, workers, jobs, and what is wrong.
#[derive(Debug, clap::Args)]
#[command(after_help = "Keys: q or Ctrl-C quits, arrows and PgUp/PgDn move the jobs, space stands still.")]
pub struct Arguments {
    /// Seconds between looks, 0.2 to 60.
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS", value_parser = seconds)]
    interval: f64,

    /// Print one look as text and end: for logs and mails. The size is that of --width and --height.
    #[arg(long)]
    once: bool,

    /// Columns of --once, 40 to 400.
    #[arg(long, default_value_t = 120, value_name = "N", value_parser = clap::value_parser!(u16).range(40..=400))]
    width: u16,

    /// Lines of --once, 15 to 400.
    #[arg(long, default_value_t = 40, value_name = "N", value_parser = clap::value_parser!(u16).range(15..=400))]
    height: u16,

    #[command(flatten)]
    server: ServerArgument,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.2..=60.0).contains(&seconds) => Ok(seconds),
        _ => Err(format!("'{text}' is not a number from 0.2 to 60")),
    }
}

/// Runs the command.
///
/// # Errors
/// When standard output is no terminal, or `--once` finds no server.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let client = arguments.server.client()?;
    let mut news = News::new(arguments.server.server.to_string());
    if arguments.once {
        news.take(Ok(look(&client, PATIENCE).await?));
        return once(&news, arguments.width, arguments.height);
    }
    if !std::io::stdout().is_terminal() {
        let sentence = "standard output is no terminal: --once prints one look as text, `azulejo health --json` is for scripts";
        return Err(WrongArgument(sentence.to_owned()).into());
    }
    let mut signals = Signals::install()?;
    let mut terminal = ratatui::try_init().context("cannot take over the terminal")?;
    let ended = tokio::select! {
        ended = watch(&mut terminal, &client, &mut news, Duration::from_secs_f64(arguments.interval)) => ended,
        caught = signals.next() => Ok(ExitCode::from(caught)),
    };
    ratatui::restore();
    ended
}

fn once(news: &News, width: u16, height: u16) -> anyhow::Result<ExitCode> {
    let mut terminal = Terminal::new(TestBackend::new(width, height))?;
    let frame = terminal.draw(|frame| draw(frame, news, Paint::from_environment()))?;
    for line in lines(frame.buffer) {
        output::line(&line);
    }
    Ok(ExitCode::SUCCESS)
}

/// The text of a frame, without the blanks at the ends of lines. The cell after a wide character is its second half and holds a
/// blank that a terminal does not show either.
fn lines(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    let line = |y| {
        let mut line = String::new();
        let mut x = area.left();
        while x < area.right() {
            let symbol = buffer.cell((x, y)).map_or(" ", |cell| cell.symbol());
            line.push_str(symbol);
            x += u16::try_from(Span::raw(symbol).width()).unwrap_or(1).max(1);
        }
        line.trim_end().to_owned()
    };
    (area.top()..area.bottom()).map(line).collect()
}

/// Asks the server. One that accepts the question and stays silent is told of like one that is away.
async fn look(client: &Client, patience: Duration) -> anyhow::Result<Look> {
    match timeout(patience, Look::at(client)).await {
        Ok(found) => found,
        Err(_) => Err(anyhow!("no answer within {:.0} s", patience.as_secs_f64())),
    }
}

async fn watch(
    terminal: &mut ratatui::DefaultTerminal,
    client: &Client,
    news: &mut News,
    pause: Duration,
) -> anyhow::Result<ExitCode> {
    let paint = Paint::from_environment();
    let mut keys = keys();
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // One look at a time: a server that is slow is not asked again before it has answered.
    let (found, mut looks) = mpsc::channel(1);
    let mut is_looking = false;
    loop {
        terminal.draw(|frame| draw(frame, news, paint))?;
        tokio::select! {
            _ = ticks.tick() => {
                if !is_looking && !news.is_paused {
                    is_looking = true;
                    let (client, found) = (client.clone(), found.clone());
                    tokio::spawn(async move { found.send(look(&client, PATIENCE).await).await });
                }
            }
            Some(look) = looks.recv() => {
                is_looking = false;
                if !news.is_paused {
                    news.take(look);
                }
            }
            key = keys.recv() => match key {
                Some(Key::Quit) | None => return Ok(ExitCode::SUCCESS),
                Some(Key::Scroll(by)) => news.scroll(by),
                Some(Key::Pause) => news.is_paused = !news.is_paused,
                Some(Key::Resize) => {}
            },
        }
    }
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Quit,
    Scroll(isize),
    Pause,
    /// The terminal has another size.
    Resize,
}

/// Keys as they are pressed. The channel closes when the terminal is gone.
fn keys() -> mpsc::Receiver<Key> {
    let (sender, keys) = mpsc::channel(16);
    // Reading blocks; the thread ends with the program.
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if let Some(key) = meaning(&event)
                && sender.blocking_send(key).is_err()
            {
                return;
            }
        }
    });
    keys
}

fn meaning(event: &Event) -> Option<Key> {
    match event {
        Event::Resize(..) => Some(Key::Resize),
        Event::Key(key) if key.kind == KeyEventKind::Press => match key.code {
            KeyCode::Char('q') | KeyCode::Esc => Some(Key::Quit),
            // In raw mode Ctrl-C is a key like any other.
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Key::Quit),
            KeyCode::Char(' ') => Some(Key::Pause),
            KeyCode::Up | KeyCode::Char('k') => Some(Key::Scroll(-1)),
            KeyCode::Down | KeyCode::Char('j') => Some(Key::Scroll(1)),
            KeyCode::PageUp => Some(Key::Scroll(-PAGE)),
            KeyCode::PageDown => Some(Key::Scroll(PAGE)),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use ratatui::widgets::Paragraph;

    use super::*;
    use crate::client::Access;

    #[test]
    fn a_wide_character_takes_two_columns_and_moves_nothing() {
        let mut terminal = Terminal::new(TestBackend::new(12, 2)).unwrap();
        let frame = terminal
            .draw(|frame| frame.render_widget(Paragraph::new("風景.png |\nab12.png |"), frame.area()))
            .unwrap();
        assert_eq!(lines(frame.buffer), ["風景.png |", "ab12.png |"]);
    }

    #[tokio::test]
    async fn a_server_that_accepts_and_stays_silent_gives_no_answer() {
        // Connections wait in its queue and nobody takes them.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let client = Client::new(url.parse().unwrap(), &Access::default()).unwrap();
        let mut news = News::new(url);
        news.take(look(&client, Duration::from_millis(100)).await);
        let mut terminal = Terminal::new(TestBackend::new(100, 20)).unwrap();
        let frame = terminal
            .draw(|frame| draw(frame, &news, Paint::from_environment()))
            .unwrap();
        let shown = lines(frame.buffer).join("\n");
        assert!(shown.contains("no answer"), "{shown}");
    }
}
