//! What `bench` has measured: one line for each system, size and recipe, and how they compare.

use std::collections::BTreeMap;

use serde::Serialize;

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// `embedded`, or the address of the Kafka; empty for a server that was there.
    pub broker: String,
    /// Worker processes; 0 for a server that was there.
    pub workers: u16,
    /// Tiles that each renders at a time; 0 for a server that was there.
    pub slots: u16,
    /// The recipe.
    pub recipe: String,
    /// Width and height of the image, pixels.
    pub side: u32,
    /// Tiles of the job.
    pub tiles: u32,
    /// From sending the file to the result being ready.
    pub seconds: f64,
    /// Tiles in a second.
    pub tiles_per_second: f64,
    /// Megapixels in a second.
    pub megapixels_per_second: f64,
    /// Seconds that `azulejo apply`, one process without Kafka, took for the same on this machine.
    pub apply_seconds: Option<f64>,
    /// How many times as fast as with the first number of workers, on the same broker.
    pub speed_up: Option<f64>,
    /// How many times as long as on the first broker, with as many workers.
    pub times_first_broker: Option<f64>,
    /// Whether the pixels are those of `azulejo apply`; `None` when that was not looked at.
    pub verified: Option<bool>,
}

/// Fills in how the lines compare: with the first number of workers on the same broker, and with the first broker with as many
/// workers. A line that there is nothing to compare with stays without.
pub fn compare(figures: &mut [Figure]) {
    let mut first_workers: BTreeMap<(String, String, u32), (u16, f64)> = BTreeMap::new();
    let mut first_broker: BTreeMap<(u16, String, u32), (String, f64)> = BTreeMap::new();
    for figure in figures {
        let (recipe, side) = (figure.recipe.clone(), figure.side);
        let (workers, seconds) = *first_workers
            .entry((figure.broker.clone(), recipe.clone(), side))
            .or_insert((figure.workers, figure.seconds));
        figure.speed_up = (workers != figure.workers).then(|| seconds / figure.seconds);
        let (broker, seconds) = first_broker
            .entry((figure.workers, recipe, side))
            .or_insert_with(|| (figure.broker.clone(), figure.seconds));
        figure.times_first_broker = (*broker != figure.broker).then(|| figure.seconds / *seconds);
    }
}

/// What stands in a column for a line.
type CellOf = Box<dyn Fn(&Figure) -> String>;

/// The table, its heading first, and the columns that are numbers.
pub fn table(figures: &[Figure]) -> (Vec<Vec<String>>, Vec<usize>) {
    let has = |of: &dyn Fn(&Figure) -> bool| figures.iter().any(of);
    let brokers = has(&|figure| figure.times_first_broker.is_some());
    let systems = has(&|figure| figure.speed_up.is_some());
    let first = figures.first();
    let mut columns: Vec<(String, bool, CellOf)> = Vec::new();
    let mut column = |heading: &str, is_number: bool, cell: CellOf| {
        columns.push((heading.to_owned(), is_number, cell));
    };
    if brokers {
        column("BROKER", false, Box::new(|figure| figure.broker.clone()));
    }
    if systems {
        column(
            "WORKERS",
            true,
            Box::new(|figure| format!("{} x {}", figure.workers, figure.slots)),
        );
    }
    column("RECIPE", false, Box::new(|figure| figure.recipe.clone()));
    column("SIZE", false, Box::new(|figure| format!("{0}x{0}", figure.side)));
    column("TILES", true, Box::new(|figure| figure.tiles.to_string()));
    column(
        "SECONDS",
        true,
        Box::new(|figure| format!("{:.2}", figure.seconds)),
    );
    column(
        "TILES/S",
        true,
        Box::new(|figure| format!("{:.1}", figure.tiles_per_second)),
    );
    column(
        "MPIXEL/S",
        true,
        Box::new(|figure| format!("{:.1}", figure.megapixels_per_second)),
    );
    if has(&|figure| figure.apply_seconds.is_some()) {
        column(
            "TIMES APPLY",
            true,
            Box::new(|figure| ratio(figure.apply_seconds.map(|apply| apply / figure.seconds))),
        );
    }
    if systems {
        let than = first.map_or(0, |figure| figure.workers);
        column(
            &format!("SPEED-UP OVER {than}"),
            true,
            Box::new(|figure| ratio(figure.speed_up)),
        );
    }
    if brokers {
        let than = first.map_or("", |figure| &figure.broker);
        column(
            &format!("TIMES {}", than.to_uppercase()),
            true,
            Box::new(|figure| ratio(figure.times_first_broker)),
        );
    }
    if has(&|figure| figure.verified.is_some()) {
        column(
            "PIXELS",
            false,
            Box::new(|figure| figure.verified.map_or("-", |_| "same as apply").to_owned()),
        );
    }
    let mut rows = vec![
        columns
            .iter()
            .map(|(heading, ..)| heading.clone())
            .collect::<Vec<_>>(),
    ];
    rows.extend(
        figures
            .iter()
            .map(|figure| columns.iter().map(|(_, _, cell)| cell(figure)).collect()),
    );
    let numbers = columns
        .iter()
        .enumerate()
        .filter(|(_, (_, is_number, _))| *is_number)
        .map(|(at, _)| at)
        .collect();
    (rows, numbers)
}

fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(broker: &str, workers: u16, seconds: f64) -> Figure {
        Figure {
            broker: broker.into(),
            workers,
            slots: 1,
            recipe: "blur".into(),
            side: 1024,
            tiles: 4,
            seconds,
            tiles_per_second: 4.0 / seconds,
            megapixels_per_second: 1.0 / seconds,
            apply_seconds: None,
            speed_up: None,
            times_first_broker: None,
            verified: None,
        }
    }

    #[test]
    fn numbers_of_workers_compare_on_one_broker_and_brokers_with_as_many_workers() {
        let mut figures = [
            figure("embedded", 1, 8.0),
            figure("embedded", 2, 4.0),
            figure("kafka:9092", 1, 10.0),
            figure("kafka:9092", 2, 5.0),
        ];
        compare(&mut figures);
        assert_eq!(
            figures.each_ref().map(|figure| figure.speed_up),
            [None, Some(2.0), None, Some(2.0)]
        );
        assert_eq!(
            figures.each_ref().map(|figure| figure.times_first_broker),
            [None, None, Some(1.25), Some(1.25)]
        );
        let (rows, numbers) = table(&figures);
        assert_eq!(rows[0].first().unwrap(), "BROKER");
        assert!(
            rows[0].contains(&"SPEED-UP OVER 1".to_owned()) && rows[0].contains(&"TIMES EMBEDDED".to_owned())
        );
        assert_eq!(rows[4].last().unwrap(), "1.25");
        assert!(numbers.contains(&1) && !numbers.contains(&0));
    }

    #[test]
    fn one_system_is_shown_without_what_it_has_nothing_to_compare_with() {
        let mut figures = [figure("embedded", 2, 1.0)];
        compare(&mut figures);
        let (rows, _) = table(&figures);
        assert_eq!(
            rows[0],
            ["RECIPE", "SIZE", "TILES", "SECONDS", "TILES/S", "MPIXEL/S"]
        );
    }
}
