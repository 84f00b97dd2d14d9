//! The style sheet: one file from `style/main.css` and what it imports, and the rules that it keeps.
//!
//! - Every rule is in a layer, and the layers are declared once, first.
//! - A length in pixels is a hairline of one or two, or has a name in `tokens.css`. The names of spaces are on the scale:
//!   `--s8`, `--s12`, multiples of four. Other names there are sizes of things that are drawn.
//! - Fonts are sized in rem, so that they follow the browser's own size.
//! - What is sent is small.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use cssparser::{ParseError, Parser, ParserInput, Token};
use lightningcss::bundler::{Bundler, FileProvider};
use lightningcss::rules::CssRule;
use lightningcss::stylesheet::{MinifyOptions, ParserOptions, PrinterOptions, StyleSheet};
use lightningcss::targets::{Browsers, Targets};

use crate::shell;

/// What imports the rest.
const MAIN: &str = "style/main.css";
/// Where lengths get their names.
const TOKENS: &str = "tokens.css";
/// Bytes of the bundle, minified and not compressed.
const LARGEST: usize = 24_000;
/// Step of the scale of spaces, pixels.
const STEP: i32 = 4;
/// Step of the widths at which pages change, pixels.
const WIDTH_STEP: i32 = 8;
/// Pixels of the widest hairline.
const HAIRLINE: i32 = 2;

/// The bundle, minified. Browsers that have what the style is written in (layers, nesting, OKLCH, color-mix) are taken for
/// granted; nothing is lowered.
pub fn bundle() -> Result<String> {
    Ok(bundle_of(Path::new(MAIN))?.0)
}

/// The bundle of `main`, and what is wrong with its layers.
fn bundle_of(main: &Path) -> Result<(String, Vec<String>)> {
    let provider = FileProvider::new();
    let mut bundler = Bundler::new(&provider, None, ParserOptions::default());
    let mut sheet = bundler
        .bundle(main)
        .map_err(|error| anyhow!("{}: {error}", main.display()))?;
    // As they were written: what is merged below needs no declaration.
    let faults = layer_faults(&sheet);
    sheet
        .minify(MinifyOptions::default())
        .map_err(|error| anyhow!("{}: {error}", main.display()))?;
    let targets = Targets {
        browsers: None::<Browsers>,
        ..Targets::default()
    };
    let options = PrinterOptions {
        minify: true,
        targets,
        ..PrinterOptions::default()
    };
    let css = sheet
        .to_css(options)
        .map_err(|error| anyhow!("{}: {error}", main.display()))?
        .code;
    Ok((css, faults))
}

/// Fails with everything that breaks a rule.
pub fn check() -> Result<()> {
    let faults = faults_of(Path::new(MAIN))?;
    if !faults.is_empty() {
        bail!("the style sheet breaks its rules:\n{}", faults.join("\n"));
    }
    Ok(())
}

/// Says how large it is.
pub fn report(css: &str) {
    shell::say(&format!("the style sheet: {} of {LARGEST} bytes", css.len()));
}

fn faults_of(main: &Path) -> Result<Vec<String>> {
    let (css, mut faults) = bundle_of(main)?;
    if css.len() > LARGEST {
        faults.push(format!("the bundle has {} bytes, more than {LARGEST}", css.len()));
    }
    let folder = main.parent().context("a style sheet lies in a folder")?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.sort();
    for path in files {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.ends_with(".css") {
            let text =
                std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            faults.extend(length_faults(name, &text));
        }
    }
    Ok(faults)
}

/// Rules outside of layers, and layers that the first line does not declare.
fn layer_faults(sheet: &StyleSheet<'_>) -> Vec<String> {
    let mut declared = BTreeSet::new();
    let mut faults = Vec::new();
    for rule in &sheet.rules.0 {
        match rule {
            CssRule::LayerStatement(layers) if declared.is_empty() => {
                declared.extend(layers.names.iter().map(|name| format!("{name:?}")));
            }
            CssRule::LayerStatement(_) => faults.push("layers are declared twice".to_owned()),
            CssRule::LayerBlock(layer) => match &layer.name {
                Some(name) if declared.contains(&format!("{name:?}")) => (),
                name => faults.push(format!("{name:?} is no layer that main.css declares first")),
            },
            CssRule::Ignored => (),
            rule => faults.push(format!("this is in no layer: {}", beginning(rule))),
        }
    }
    faults
}

fn beginning(rule: &CssRule<'_>) -> String {
    let text = lightningcss::traits::ToCss::to_css_string(rule, PrinterOptions::default());
    let text = text.unwrap_or_else(|error| error.to_string());
    text.lines().next().unwrap_or_default().to_owned()
}

/// Lengths of a file that break a rule.
fn length_faults(file: &str, text: &str) -> Vec<String> {
    let mut input = ParserInput::new(text);
    let mut look = Look {
        file,
        faults: Vec::new(),
    };
    // An error would come from `look` alone, which has none.
    let _ = statements(&mut Parser::new(&mut input), &mut look);
    look.faults
}

type Scanned<'i> = Result<(), ParseError<'i, ()>>;

/// Goes through declarations, and through rules with what they hold.
fn statements<'i>(input: &mut Parser<'i, '_>, look: &mut Look<'_>) -> Scanned<'i> {
    let mut words = Vec::new();
    while let Ok(token) = input.next().cloned() {
        let line = input.current_source_location().line + 1;
        match token {
            Token::Semicolon => {
                look.declaration(&words, line);
                words.clear();
            }
            Token::CurlyBracketBlock => {
                look.prelude(&words, line);
                words.clear();
                input.parse_nested_block(|inner| statements(inner, look))?;
            }
            token => push(input, token, &mut words)?,
        }
    }
    let line = input.current_source_location().line + 1;
    look.declaration(&words, line);
    Ok(())
}

/// Adds a token, and what is in it when it is a function or in brackets.
fn push<'i>(input: &mut Parser<'i, '_>, token: Token<'i>, words: &mut Vec<Token<'i>>) -> Scanned<'i> {
    let has_more = matches!(
        token,
        Token::Function(_) | Token::ParenthesisBlock | Token::SquareBracketBlock
    );
    words.push(token);
    if has_more {
        input.parse_nested_block(|inner| {
            while let Ok(token) = inner.next().cloned() {
                push(inner, token, words)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

struct Look<'a> {
    file: &'a str,
    faults: Vec<String>,
}

impl Look<'_> {
    fn fault(&mut self, line: u32, text: &str) {
        self.faults.push(format!("{}:{line}: {text}", self.file));
    }

    fn declaration(&mut self, words: &[Token<'_>], line: u32) {
        let [Token::Ident(property), Token::Colon, value @ ..] = words else {
            return;
        };
        if self.file == TOKENS && property.starts_with("--") {
            return self.token(property, value, line);
        }
        for (length, unit) in lengths(value) {
            match unit {
                "px" if is_font(property) => self.fault(line, "a font is sized in px, not in rem"),
                "px" if !is_hairline(length) => {
                    self.fault(
                        line,
                        &format!("{length}px is no hairline and has no name in {TOKENS}"),
                    );
                }
                "rem" if is_space(property) => {
                    self.fault(
                        line,
                        &format!("{property} is a space, and {length}rem is not on the scale"),
                    );
                }
                _ => (),
            }
        }
    }

    fn token(&mut self, name: &str, value: &[Token<'_>], line: u32) {
        if name.starts_with("--font-") && lengths(value).any(|(_, unit)| unit != "rem") {
            self.fault(line, "a font is not sized in rem");
        }
        let Some(pixels) = name.strip_prefix("--s").and_then(|rest| rest.parse::<i32>().ok()) else {
            return;
        };
        let is_so = matches!(value, [Token::Dimension { int_value: Some(length), unit, .. }] if **unit == *"px" && *length == pixels);
        if !is_so || pixels <= 0 || pixels % STEP != 0 {
            self.fault(
                line,
                &format!("{name} is not a multiple of {STEP}px that its name says"),
            );
        }
    }

    fn prelude(&mut self, words: &[Token<'_>], line: u32) {
        for (length, unit) in lengths(words) {
            if unit != "px" || length.rem_euclid(WIDTH_STEP as f32) != 0.0 {
                self.fault(
                    line,
                    &format!("a page changes at {length}{unit}, which is no multiple of {WIDTH_STEP}px"),
                );
            }
        }
    }
}

fn lengths<'t>(words: &'t [Token<'_>]) -> impl Iterator<Item = (f32, &'t str)> {
    words.iter().filter_map(|word| match word {
        Token::Dimension { value, unit, .. } => Some((*value, &**unit)),
        _ => None,
    })
}

fn is_font(property: &str) -> bool {
    property == "font" || property == "font-size"
}

fn is_space(property: &str) -> bool {
    ["margin", "padding", "gap", "inset", "row-gap", "column-gap"]
        .iter()
        .any(|space| property.starts_with(space))
}

fn is_hairline(length: f32) -> bool {
    length.fract() == 0.0 && (1..=HAIRLINE).contains(&(length.abs() as i32))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_style_sheet_keeps_its_rules() {
        shell::enter_workspace().unwrap();
        check().unwrap();
    }

    /// What is wrong with a sheet that imports `text` in the layer `a`, and has `rest` itself.
    fn faults(text: &str, rest: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("main.css");
        fs::write(
            &main,
            format!("@layer a;\n@import \"part.css\" layer(a);\n{rest}"),
        )
        .unwrap();
        fs::write(folder.path().join("part.css"), text).unwrap();
        faults_of(&main).unwrap()
    }

    fn must_have(faults: &[String], part: &str) {
        assert!(
            faults.len() == 1 && faults[0].contains(part),
            "{faults:?} is not one that has {part:?}"
        );
    }

    #[test]
    fn what_is_well_is_not_complained_of() {
        let text = "@media (max-width: 760px) { a:hover { margin: calc(-1 * var(--s8)) 1px; width: 16rem } } \
                    i { padding: 0 0.4em; font: 600 0.9rem/1.2 serif }";
        assert!(faults(text, "").is_empty(), "{:?}", faults(text, ""));
    }

    #[test]
    fn a_rule_outside_of_every_layer_is_found() {
        must_have(&faults("", "p { color: red }"), "in no layer: p");
        must_have(
            &faults("", "@media print { p { color: red } }"),
            "in no layer: @media print",
        );
        must_have(
            &faults("", "@layer b { p { color: red } }"),
            "no layer that main.css declares",
        );
    }

    #[test]
    fn a_length_that_is_not_on_the_scale_is_found() {
        must_have(&faults("p { margin: 0 10px }", ""), "part.css:1: 10px");
        must_have(&faults("p { width: calc(100% - 3px) }", ""), "3px");
        must_have(&faults("@media print { p { border: 1.5px solid } }", ""), "1.5px");
        must_have(&faults("p { padding: 0.7rem }", ""), "0.7rem");
        must_have(
            &faults("@media (max-width: 763px) { p { color: red } }", ""),
            "763px",
        );
        must_have(
            &length_faults(TOKENS, ":root { --s8: 8px; --s10: 10px }"),
            "--s10",
        );
        must_have(
            &length_faults(TOKENS, ":root { --s8: 9px; --tile: 37px }"),
            "--s8",
        );
    }

    #[test]
    fn a_font_that_does_not_follow_the_browsers_own_size_is_found() {
        must_have(&faults("p { font-size: 14px }", ""), "not in rem");
        must_have(&faults("p { font: 400 1px/2 serif }", ""), "not in rem");
        must_have(
            &length_faults(TOKENS, ":root { --font-1: 13px }"),
            "not sized in rem",
        );
    }

    #[test]
    fn a_bundle_that_is_too_large_is_found() {
        let text: String = (0..2000).map(|n| format!(".c{n} {{ z-index: {n} }}\n")).collect();
        must_have(&faults(&text, ""), "more than 24000");
    }
}
