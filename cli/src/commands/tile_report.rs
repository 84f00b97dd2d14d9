//! `azulejo apply --tile-report`: a tile rendered as a worker renders it, from what the worker got.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use azulejo_imaging::file::{EncodeOptions, Encoder, FileKind, Metadata};
use azulejo_imaging::{PixelFormat, Size};
use azulejo_protocol::TileReport;
use azulejo_protocol::record::Rendered;
use azulejo_protocol::report::MAX_REPORT_BYTES;

use crate::{naming, output};

/// The exit code when the tile cannot be rendered here, either: as for a job that failed.
const NOT_RENDERED: u8 = 3;

/// Renders the tile of the report in `file` and says how that went; its pixels go to `place`, if there is one: as they are when its
/// extension is `raw`, else as a picture.
///
/// # Errors
/// When the report cannot be read, or the pixels cannot be written.
pub fn run(file: &Path, place: Option<&Path>, force: bool) -> anyhow::Result<ExitCode> {
    if let Some(place) = place {
        naming::check(place, force)?;
    }
    let report = read(file).with_context(|| file.display().to_string())?;
    let task = &report.task;
    output::line(&format!(
        "tile {} of job {}: {}, {}, sent {} times, reported by version {}",
        task.tile,
        task.job,
        task.recipe,
        report.state.label(),
        report.attempts,
        report.version
    ));
    if let Some(error) = &report.error {
        let worker = report.worker.as_deref().unwrap_or("a worker");
        output::line(&format!("there, {worker} said: {error}"));
    }
    let size = task.output.size();
    match report.task.render(report.pixels).outcome {
        Ok(Rendered {
            value,
            format,
            statistic,
        }) => {
            let what = match statistic {
                Some(statistic) => format!("measured: the {statistic} of {size} {format}"),
                None => format!("rendered: {size} {format}"),
            };
            output::line(&format!("here, it is {what}, {} bytes", value.len()));
            if let Some(place) = place {
                ensure!(
                    statistic.is_none(),
                    "a tile that is measured has no pixels to write"
                );
                write(place, force, &value, size, format)?;
                output::path(place);
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            let same = if report.error.as_ref() == Some(&error) {
                ", the same"
            } else {
                ""
            };
            output::line(&format!("here, it fails{same}: {error}"));
            Ok(ExitCode::from(NOT_RENDERED))
        }
    }
}

/// Reads a report, which may come from anywhere and be of any length.
fn read(file: &Path) -> anyhow::Result<TileReport> {
    let mut bytes = Vec::new();
    let most = MAX_REPORT_BYTES as u64;
    std::fs::File::open(file)?
        .take(most + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        bail!("it has more than {most} bytes, more than a report of a tile can have");
    }
    Ok(TileReport::from_bytes(&bytes)?)
}

fn write(place: &Path, force: bool, pixels: &[u8], size: Size, format: PixelFormat) -> anyhow::Result<()> {
    let mut draft = naming::draft(place)?;
    let is_raw = place
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("raw"));
    if is_raw {
        draft.write_all(pixels)?;
    } else {
        let kind = FileKind::for_output(place, FileKind::Png)?;
        kind.check(size, format)?;
        let options = EncodeOptions::default();
        let mut encoder = Encoder::create(draft.path(), kind, &options, size, format, &Metadata::default())?;
        encoder.write_rows(pixels)?;
        encoder.finish()?;
    }
    naming::publish(draft, place, force)
}

#[cfg(test)]
mod tests {
    use azulejo_imaging::{Raster, Region, render};
    use azulejo_protocol::{JobId, TaskHeader, TileState};

    use super::*;

    fn report(recipe: &str) -> TileReport {
        let pixels = (0..64 * 48 * 3).map(|n: u32| (n * 7 % 251) as u8).collect();
        TileReport {
            task: TaskHeader {
                version: azulejo_protocol::record::VERSION,
                job: "01a20544-b985-730f-82a6-b84d915d4169".parse::<JobId>().unwrap(),
                tile: 3,
                attempt: 3,
                recipe: recipe.into(),
                image: Size::new(64, 48),
                format: PixelFormat::RGB8,
                region: Region::new(0, 0, 64, 48),
                output: Region::new(8, 8, 16, 16),
                measure: None,
                results: None,
                holder: None,
                traceparent: None,
            },
            pixels,
            state: TileState::Dead,
            attempts: 3,
            worker: Some("kiln".into()),
            error: Some("out of clay".into()),
            version: "0.1.0".into(),
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_whole_picture() {
        let folder = tempfile::tempdir().unwrap();
        let (file, place) = (folder.path().join("a.tile"), folder.path().join("out.raw"));
        let report = report("blur:sigma=2|grayscale");
        std::fs::write(&file, report.to_bytes().unwrap()).unwrap();
        assert_eq!(run(&file, Some(&place), false).unwrap(), ExitCode::SUCCESS);
        let image = Raster::from_bytes(Size::new(64, 48), PixelFormat::RGB8, report.pixels).unwrap();
        let whole = Region::new(0, 0, 64, 48);
        let recipe = report.task.recipe.parse().unwrap();
        let all = render(&recipe, image.size(), whole, &image, whole).unwrap();
        let wanted = all.crop(report.task.output).unwrap().into_bytes();
        assert!(std::fs::read(&place).unwrap() == wanted);

        let picture = folder.path().join("out.png");
        run(&file, Some(&picture), false).unwrap();
        assert!(std::fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
        let error = run(&file, Some(&picture), false).unwrap_err();
        assert!(format!("{error:#}").contains("--force"), "{error:#}");
    }

    #[test]
    fn a_tile_that_fails_is_told_by_the_exit_code_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let (file, place) = (folder.path().join("a.tile"), folder.path().join("out.raw"));
        std::fs::write(&file, report("no_such_thing").to_bytes().unwrap()).unwrap();
        assert_eq!(
            run(&file, Some(&place), false).unwrap(),
            ExitCode::from(NOT_RENDERED)
        );
        assert!(!place.exists());
    }

    #[test]
    fn what_is_no_report_is_named_and_read_only_so_far() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.tile");
        std::fs::write(&file, "no report").unwrap();
        let error = format!("{:#}", run(&file, None, false).unwrap_err());
        assert!(
            error.contains("a.tile") && error.contains("must begin with"),
            "{error}"
        );
        // Endless, and yet read to its bound.
        let endless = format!("{:#}", run(Path::new("/dev/zero"), None, false).unwrap_err());
        assert!(endless.contains("more than"), "{endless}");
    }
}
