//! One frame: how it stands in a line, what is wrong, the course of the rate, topics, workers, jobs.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Sparkline, Wrap};

use super::cells::{Paint, time};
use super::news::{Look, News};
use super::tables;
use crate::checks::Check;
use crate::foreign::clean;
use crate::output;

/// From this width on, topics are beside the curve.
const WIDE: u16 = 110;
/// Lines of faults at most.
const FAULTS: u16 = 8;
/// Lines of workers at most, when there is not room for all.
const WORKERS: u16 = 8;

const KEYS: &str = " q quit   ↑ ↓ PgUp PgDn jobs   space stand still";

/// Draws what is known.
pub fn draw(frame: &mut Frame<'_>, news: &News, paint: Paint) {
    let area = frame.area();
    let Some(look) = &news.look else {
        let text = match &news.lost {
            Some((why, _)) => format!(
                "{}\n\n{}",
                clean(why),
                "`azulejo health` says more. Trying again. q quits."
            ),
            None => format!("Asking {}", news.server),
        };
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
        return;
    };
    let faults = faults(news, area.width, paint);
    let fault_lines = (faults.len() as u16).min(FAULTS);
    let upper = 6;
    let topics = look.health.topics.len() as u16 + 2;
    let workers = (look.workers.len() as u16).min(WORKERS) + 2;
    let middle = if area.width >= WIDE {
        topics.max(upper)
    } else {
        topics + upper
    };
    let [head, trouble, middle, staff, work, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(fault_lines),
        Constraint::Length(middle),
        Constraint::Length(workers),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(title(news, look, area.width, paint), head);
    frame.render_widget(Paragraph::new(faults), trouble);
    let [curve, list] = if area.width >= WIDE {
        Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)])
            .spacing(2)
            .areas(middle)
    } else {
        Layout::vertical([Constraint::Length(upper), Constraint::Fill(1)]).areas(middle)
    };
    rate(frame, news, look, curve, paint);
    section(frame, "Topics", list, paint, |frame, area| {
        frame.render_widget(tables::topics(look, area.width, paint), area);
    });
    let title = format!(
        "Workers: {} live, {} slots",
        look.health.workers, look.health.slots
    );
    section(frame, &title, staff, paint, |frame, area| {
        frame.render_widget(tables::workers(&look.workers, area.width, paint), area);
    });
    let title = match look.health.queue_seconds {
        Some(seconds) if look.health.jobs_processing > 0 => format!(
            "Jobs: {} under way, about {} left",
            look.health.jobs_processing,
            time(f64::from(seconds))
        ),
        _ => format!("Jobs: {} under way", look.health.jobs_processing),
    };
    section(frame, &title, work, paint, |frame, area| {
        frame.render_widget(tables::jobs(news, area.width, paint), area);
    });
    frame.render_widget(Line::styled(KEYS, paint.quiet()), keys);
}

/// A heading over what `inner` draws.
fn section(
    frame: &mut Frame<'_>,
    title: &str,
    area: Rect,
    paint: Paint,
    inner: impl FnOnce(&mut Frame<'_>, Rect),
) {
    let block = Block::new()
        .borders(Borders::TOP)
        .border_style(paint.quiet())
        .title(Span::styled(format!(" {title} "), paint.heading()));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    inner(frame, inside);
}

fn title<'a>(news: &News, look: &'a Look, width: u16, paint: Paint) -> Line<'a> {
    let (word, style) = match (news.silence(), look.health.status.as_str()) {
        (Some(silence), _) => (
            format!("no answer for {}", time(silence.as_secs_f64())),
            paint.bad(),
        ),
        (None, status @ "healthy") => (status.to_owned(), paint.good()),
        (None, status) => (clean(status).into_owned(), paint.bad()),
    };
    let mut spans = vec![
        Span::styled(" Azulejo ", paint.heading()),
        Span::raw(format!(" {} ", news.server)),
        Span::styled(format!(" {word} "), style),
    ];
    if width >= 80 {
        spans.push(Span::styled(
            format!(
                " Kafka {}  version {}  up {}",
                clean(&look.health.kafka_broker),
                clean(&look.health.version),
                time(look.health.uptime)
            ),
            paint.quiet(),
        ));
    }
    if news.is_paused {
        spans.push(Span::styled("  stands still", paint.warn()));
    }
    Line::from(spans)
}

/// What is not well, each with what to do, broken into lines that fit.
fn faults(news: &News, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for check in news.faults() {
        let Check {
            name,
            state,
            says,
            remedy,
        } = check;
        let label = format!(" {} {name}: ", state.word());
        let indent = " ".repeat(4);
        let text = format!(
            "{}. To do: {}",
            clean(says),
            clean(remedy.as_deref().unwrap_or("-"))
        );
        let room = usize::from(width).saturating_sub(label.chars().count()).max(20);
        let mut words = text.split(' ');
        let mut line = String::new();
        let mut broken = Vec::new();
        for word in &mut words {
            let limit = if broken.is_empty() {
                room
            } else {
                usize::from(width).saturating_sub(4).max(20)
            };
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > limit {
                broken.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        broken.push(line);
        for (number, line) in broken.into_iter().enumerate() {
            lines.push(if number == 0 {
                Line::from(vec![
                    Span::styled(label.clone(), paint.check(*state)),
                    Span::raw(line),
                ])
            } else {
                Line::from(format!("{indent}{line}"))
            });
        }
    }
    lines
}

fn rate(frame: &mut Frame<'_>, news: &News, look: &Look, area: Rect, paint: Paint) {
    let title = format!("{:.1} tiles/s", look.health.tiles_per_second);
    section(frame, &title, area, paint, |frame, area| {
        let [curve, note] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(area);
        let room = usize::from(curve.width);
        let skipped = news.course.len().saturating_sub(room);
        // The newest is at the right edge.
        let mut course = vec![0; room.saturating_sub(news.course.len())];
        course.extend(news.course.iter().skip(skipped));
        frame.render_widget(Sparkline::default().data(&course).style(paint.busy()), curve);
        let most = news.course.iter().copied().max().unwrap_or(0);
        let disk = look.health.disk.map_or_else(String::new, |disk| {
            format!("   disk {} free", output::bytes(disk.free_bytes))
        });
        let text = format!(
            "most {most} tiles/s of the last {} looks{disk}",
            news.course.len()
        );
        frame.render_widget(Line::styled(text, paint.quiet()), note);
    });
}
