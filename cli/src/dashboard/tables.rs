//! The tables: topics, workers, jobs. Each leaves columns out where the terminal is narrow.

use azulejo_protocol::{Job, WorkerInfo};
use ratatui::layout::Constraint;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row, Table};

use super::cells::{Paint, bar, cut, time};
use super::news::{Look, News};
use crate::foreign::clean;
use crate::output;

/// Cells of a progress bar.
const BAR: usize = 16;

/// A column: its heading, its width, and the least width of a terminal that shows it.
type Column = (&'static str, Constraint, u16);

fn table<'a>(columns: &[Column], rows: Vec<Vec<Cell<'a>>>, width: u16, paint: Paint) -> Table<'a> {
    let shown: Vec<usize> = (0..columns.len())
        .filter(|column| width >= columns[*column].2)
        .collect();
    let header = shown.iter().map(|column| Cell::from(columns[*column].0));
    let rows = rows.into_iter().map(|cells| {
        let cells: Vec<Cell<'a>> = cells
            .into_iter()
            .enumerate()
            .filter(|(column, _)| shown.contains(column))
            .map(|(_, cell)| cell)
            .collect();
        Row::new(cells)
    });
    Table::new(rows, shown.iter().map(|column| columns[*column].1))
        .header(Row::new(header).style(paint.quiet()))
        .column_spacing(2)
}

fn number(text: impl Into<String>) -> Cell<'static> {
    Cell::from(Line::from(text.into()).right_aligned())
}

/// Topics, each with its partitions and, where tiles are, how many lie there.
pub fn topics(look: &Look, width: u16, paint: Paint) -> Table<'_> {
    use azulejo_protocol::health::TopicRole;
    let columns = [
        ("TOPIC", Constraint::Fill(1), 0),
        ("PARTITIONS", Constraint::Length(10), 0),
        ("COPIES", Constraint::Length(6), 0),
        ("LAG", Constraint::Length(24), 50),
    ];
    let rows = look
        .health
        .topics
        .iter()
        .map(|topic| {
            let lag = match topic.role {
                TopicRole::Tasks if look.health.tiles_in_flight > 0 => format!(
                    "{} tiles, oldest {}",
                    look.health.tiles_in_flight,
                    time(f64::from(look.health.lag_seconds))
                ),
                TopicRole::Tasks => "none".to_owned(),
                _ => String::new(),
            };
            let style = if topic.partitions == 0 {
                paint.bad()
            } else {
                paint.quiet()
            };
            vec![
                Cell::from(clean(&topic.name)),
                number(topic.partitions.to_string()),
                number(topic.replicas.to_string()).style(style),
                Cell::from(lag),
            ]
        })
        .collect();
    table(&columns, rows, width, paint)
}

/// Workers, live ones first.
pub fn workers(workers: &[WorkerInfo], width: u16, paint: Paint) -> Table<'_> {
    let columns = [
        ("WORKER", Constraint::Fill(2), 0),
        ("STATE", Constraint::Length(8), 0),
        ("SLOTS", Constraint::Length(7), 0),
        ("TILES/MIN", Constraint::Length(9), 0),
        ("EACH", Constraint::Length(8), 70),
        ("TILES", Constraint::Length(9), 70),
        ("FAILED", Constraint::Length(6), 90),
        ("MEMORY", Constraint::Length(10), 100),
        ("PARTITIONS", Constraint::Length(10), 100),
        ("MACHINE", Constraint::Fill(1), 120),
    ];
    let mut sorted: Vec<&WorkerInfo> = workers.iter().collect();
    sorted.sort_by_key(|worker| (!worker.status.is_live(), &worker.worker_id));
    let rows = sorted
        .into_iter()
        .map(|worker| {
            let mut name = vec![Span::from(clean(&worker.worker_id))];
            if let Some(note) = &worker.note {
                name.push(Span::styled(format!(" {}", clean(note)), paint.warn()));
            }
            let each = match worker.tasks_processed {
                0 => "–".to_owned(),
                _ => format!("{:.1} ms", worker.avg_processing_time * 1000.0),
            };
            vec![
                Cell::from(Line::from(name)),
                Cell::from(worker.status.name()).style(paint.worker(worker.status)),
                number(format!("{}/{}", worker.busy, worker.slots)),
                number(format!("{:.0}", worker.tasks_per_minute)),
                number(each),
                number(worker.tasks_processed.to_string()),
                number(worker.tasks_failed.to_string()),
                number(output::memory(worker.memory_bytes)),
                number(worker.partitions.len().to_string()),
                Cell::from(clean(&worker.host)),
            ]
        })
        .collect();
    table(&columns, rows, width, paint)
}

/// Jobs, newest first, from the one that the list is scrolled to.
pub fn jobs(news: &News, width: u16, paint: Paint) -> Table<'_> {
    let columns = [
        ("JOB", Constraint::Length(8), 0),
        ("FILE", Constraint::Fill(2), 0),
        ("RECIPE", Constraint::Fill(2), 80),
        ("STATE", Constraint::Length(10), 0),
        ("PROGRESS", Constraint::Length(BAR as u16), 80),
        ("TILES", Constraint::Length(13), 0),
        ("TILES/S", Constraint::Length(7), 100),
        ("LEFT", Constraint::Length(9), 90),
    ];
    let shown = news
        .look
        .iter()
        .flat_map(|look| look.jobs.iter().skip(news.scrolled));
    let rows = shown.map(|job| row(job, width, paint)).collect();
    table(&columns, rows, width, paint)
}

fn row(job: &Job, width: u16, paint: Paint) -> Vec<Cell<'_>> {
    let room = usize::from(width) / 4;
    let left = job
        .seconds_left
        .filter(|_| !job.status.is_final())
        .map_or_else(String::new, |seconds| time(f64::from(seconds)));
    vec![
        Cell::from(job.job_id.short().to_string()).style(paint.quiet()),
        Cell::from(cut(&clean(&job.original_filename), room, true)),
        Cell::from(cut(&clean(&job.transformation), room, false)),
        Cell::from(job.status.name()).style(paint.job(job.status)),
        Cell::from(bar(job, BAR)).style(paint.job(job.status)),
        number(format!("{} of {}", job.progress.completed, job.progress.total)),
        number(match job.tiles_per_second {
            rate if rate > 0.0 => format!("{rate:.1}"),
            _ => "–".to_owned(),
        }),
        number(left),
    ]
}
