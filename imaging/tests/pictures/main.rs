//! `docs/operations.md` and the pictures in it are what this computes: `UPDATE=1 cargo test -p azulejo-imaging --features files --test
//! pictures` writes them anew.
#![cfg(feature = "files")]

mod scene;

use std::path::{Path, PathBuf};

use azulejo_imaging::file::{Decoder, EncodeOptions, Encoder, FileKind, Limits, Metadata};
use azulejo_imaging::{OperationInfo, Raster, Recipe, apply, operations};
use scene::scene;

const BEGIN: &str = "<!-- The table is computed: imaging/tests/pictures/main.rs. -->\n";
const END: &str = "<!-- Here it ends. -->\n";

/// Recipes that show more than the defaults do.
const RECIPES: [(&str, &str); 15] = [
    ("blur", "blur:sigma=3"),
    ("crop", "crop:x=84,y=30,width=60,height=60"),
    ("resize", "resize:width=72"),
    ("rotate_by", "rotate_by:angle=20"),
    ("warp", "warp:a=1.1,b=0.3,c=-22,g=0.002,h=0.001"),
    ("brightness", "brightness:factor=1.5"),
    ("gamma", "gamma:gamma=2"),
    ("saturation", "saturation:factor=2"),
    ("noise", "noise:amount=0.12"),
    (
        "watermark",
        "watermark:text=© Azulejo,at=top_right,size=24,opacity=80,margin=8",
    ),
    ("box_blur", "box_blur:radius=3"),
    ("median", "median:radius=2"),
    ("auto_levels", "auto_levels:clip=2,bands=each"),
    ("tophat", "tophat:radius=3"),
    ("blackhat", "blackhat:radius=3"),
];

fn recipe(info: &OperationInfo) -> &'static str {
    let shown = RECIPES.iter().find(|(name, _)| *name == info.name);
    shown.map_or(info.name, |(_, recipe)| recipe)
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// The picture of an operation, and its place in `docs`.
fn picture(info: &OperationInfo, scene: &Raster) -> (Raster, String) {
    let text = recipe(info);
    let recipe: Recipe = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    let result = apply(&recipe, scene).unwrap_or_else(|error| panic!("{text}: {error}"));
    (result, format!("images/operations/{}.webp", info.name))
}

fn write(path: &Path, picture: &Raster) {
    let (size, format) = (picture.size(), picture.format());
    let options = EncodeOptions::default();
    let encoder = Encoder::create(path, FileKind::WebP, &options, size, format, &Metadata::default());
    let mut encoder = encoder.unwrap();
    encoder.write_rows(picture.bytes()).unwrap();
    encoder.finish().unwrap();
}

/// What a WebP gives back of `picture`: gray is three equal colours.
fn as_read(picture: &Raster) -> Vec<u8> {
    match picture.format().channels.count() {
        1 => picture.bytes().iter().flat_map(|sample| [*sample; 3]).collect(),
        _ => picture.bytes().to_vec(),
    }
}

fn table(scene: &Raster) -> String {
    let mut table = "| | operation | what it does | how |\n|---|---|---|---|\n".to_owned();
    for info in operations() {
        let (_, place) = picture(info, scene);
        let recipe = recipe(info);
        let shown = if recipe == info.name {
            format!("`{recipe}`")
        } else {
            format!("`{}`<br>shown: `{recipe}`", info.name)
        };
        table += &format!(
            "| ![{}]({place}) | {shown} | {} | {} |\n",
            info.title, info.summary, info.method
        );
    }
    table
}

#[test]
fn every_operation_is_shown_as_it_is() {
    let scene = scene();
    let path = docs().join("operations.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the table's beginning");
    let (stored, after) = rest.split_once(END).expect("the table's end");
    let computed = table(&scene);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, [before, BEGIN, &computed, END, after].concat()).unwrap();
        write(&docs().join("images/operations/original.webp"), &scene);
        for info in operations() {
            let (picture, place) = picture(info, &scene);
            write(&docs().join(place), &picture);
        }
        return;
    }
    assert_eq!(stored, computed, "run it with UPDATE=1");
    for info in operations() {
        let (picture, place) = picture(info, &scene);
        let stored = Decoder::open(&docs().join(&place), &Limits::default())
            .and_then(Decoder::read_all)
            .unwrap_or_else(|error| panic!("{place}: {error}"));
        let same = stored.size() == picture.size() && stored.bytes() == as_read(&picture);
        assert!(
            same,
            "{place} is not what the operation makes; run it with UPDATE=1"
        );
    }
}
