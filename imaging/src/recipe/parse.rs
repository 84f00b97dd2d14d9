//! The parser of recipe text. Every error names what is wrong and what would be right.

use std::str::FromStr;
use std::sync::Arc;

use super::bounds::{MAX_STEPS, MAX_TEXT};
use super::{Recipe, RecipeError, Step};
use crate::measuring::{MEASURED, Measured};
use crate::operation::{OperationInfo, ParameterInfo, ParameterKind, Value, Values};
use crate::operations::{Entry, operations};

/// Names that people expect and that cannot be offered, with the reason.
const NOT_OFFERED: &[(&str, &str)] = &[(
    "canny",
    "its hysteresis follows an edge across the whole image, so a tile cannot know whether its weak edges are \
     connected to a strong one far away, and tiles would not give the bytes of the whole image; \
     use edge_detection, and otsu or threshold after it for a black and white result",
)];

impl Recipe {
    /// Reads the text form.
    ///
    /// # Errors
    /// With a sentence that names the operation, the parameter and the allowed range.
    pub fn parse(text: &str) -> Result<Self, RecipeError> {
        parse(text)
    }
}

impl FromStr for Recipe {
    type Err = RecipeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

fn parse(text: &str) -> Result<Recipe, RecipeError> {
    if text.len() > MAX_TEXT {
        return Err(RecipeError::TooLong { length: text.len() });
    }
    if text.trim().is_empty() {
        return Err(RecipeError::Empty);
    }
    let count = text.split('|').count();
    if count > MAX_STEPS {
        return Err(RecipeError::TooManySteps { count });
    }
    let steps = text
        .split('|')
        .enumerate()
        .map(|(index, step)| parse_step(index + 1, step.trim()));
    let recipe = Recipe {
        steps: steps.collect::<Result<_, _>>()?,
    };
    check_conversion(&recipe)?;
    // The canonical text may be the longer one (1e-9 is written out), and it has to be readable in its turn.
    let length = recipe.to_string().len();
    if length > MAX_TEXT {
        return Err(RecipeError::TooLong { length });
    }
    Ok(recipe)
}

/// Converting the colours of the file first must give what the recipe says.
fn check_conversion(recipe: &Recipe) -> Result<(), RecipeError> {
    let converts = |step: &Step| step.shape.color_space().is_some();
    let Some(last) = recipe.steps.iter().rposition(converts) else {
        return Ok(());
    };
    // A number that stands for no data would have become another.
    let may_stand_before = |step: &&Step| step.shape.moves_pixels() && step.shape.no_data().is_none();
    match recipe.steps[..last].iter().find(|step| !may_stand_before(step)) {
        None => Ok(()),
        Some(before) => Err(RecipeError::TooLate {
            operation: recipe.steps[last].info.name,
            before: before.info.name,
        }),
    }
}

fn parse_step(position: usize, text: &str) -> Result<Step, RecipeError> {
    if text.is_empty() {
        return Err(RecipeError::EmptyStep { position });
    }
    let (name, parameters) = match text.split_once(':') {
        Some((name, parameters)) => (name.trim(), Some(parameters)),
        None => (text, None),
    };
    let normal = name.to_ascii_lowercase().replace('-', "_");
    if let Some((name, reason)) = NOT_OFFERED.iter().find(|(refused, _)| *refused == normal) {
        return Err(RecipeError::NotOffered { name, reason });
    }
    let entry = Entry::find(&normal).ok_or_else(|| unknown_operation(name, &normal))?;
    let info = entry.info();
    let (parameters, measured) = split_measured(parameters);
    let values = match parameters {
        Some(parameters) => parse_parameters(info, parameters)?,
        None => info.parameters.iter().map(ParameterInfo::default_value).collect(),
    };
    let shape = entry.shape(&Values(&values));
    let step = Step {
        entry,
        info,
        values,
        shape,
        measured: None,
    };
    match measured {
        Some(text) => parse_measured(step, text),
        None => Ok(step),
    }
}

/// The parameters that people give, and what was measured, which stands behind them.
fn split_measured(parameters: Option<&str>) -> (Option<&str>, Option<&str>) {
    let measured = |part: &'_ str| {
        part.strip_prefix(MEASURED)
            .is_some_and(|rest| rest.starts_with('='))
    };
    let value = |part: &'_ str| MEASURED.len() + 1..part.len();
    match parameters.map(|all| (all, all.rsplit_once(','))) {
        Some((all, None)) if measured(all) => (None, all.get(value(all))),
        Some((_, Some((others, last)))) if measured(last) => (Some(others), last.get(value(last))),
        _ => (parameters, None),
    }
}

/// The step with the numbers in `text`, exactly as its own text has them.
fn parse_measured(mut step: Step, text: &str) -> Result<Step, RecipeError> {
    let operation = step.info.name;
    let Some(measuring) = step.shape.measuring() else {
        return Err(RecipeError::UnknownParameter {
            operation,
            name: MEASURED.to_owned(),
            known: known_parameters(step.info),
        });
    };
    let measured = Measured::parse(text, measuring).ok_or_else(|| RecipeError::BadValue {
        operation,
        parameter: MEASURED,
        value: short(text),
        allowed: "what a measuring pass over the whole image writes".to_owned(),
    })?;
    step.measured = Some(Arc::new(measured));
    Ok(step)
}

fn parse_parameters(info: &'static OperationInfo, text: &str) -> Result<Vec<Value>, RecipeError> {
    let operation = info.name;
    let mut values: Vec<Option<Value>> = vec![None; info.parameters.len()];
    for part in text.split(',') {
        let (name, value) = part
            .split_once('=')
            .map(|(name, value)| (name.trim(), value.trim()))
            .ok_or_else(|| RecipeError::NotAParameter {
                operation,
                text: short(part),
                known: known_parameters(info),
            })?;
        let index = info
            .parameters
            .iter()
            .position(|parameter| parameter.name == name)
            .ok_or_else(|| RecipeError::UnknownParameter {
                operation,
                name: short(name),
                known: known_parameters(info),
            })?;
        let parameter = &info.parameters[index];
        if values[index].is_some() {
            return Err(RecipeError::Duplicate {
                operation,
                parameter: parameter.name,
            });
        }
        values[index] = Some(parse_value(operation, parameter, value)?);
    }
    Ok(values
        .into_iter()
        .zip(info.parameters)
        .map(|(value, parameter)| value.unwrap_or_else(|| parameter.default_value()))
        .collect())
}

fn parse_value(
    operation: &'static str,
    parameter: &'static ParameterInfo,
    text: &str,
) -> Result<Value, RecipeError> {
    let in_range = |number: &f64| (parameter.min..=parameter.max).contains(number);
    let value = match parameter.kind {
        // Adding zero turns -0 into 0, so that equal recipes have equal texts.
        ParameterKind::Number => text
            .parse::<f64>()
            .ok()
            .filter(in_range)
            .map(|number| Value::Number(number + 0.0)),
        ParameterKind::Integer => text
            .parse::<i64>()
            .ok()
            .filter(|number| in_range(&(*number as f64)))
            .map(Value::Integer),
        ParameterKind::Choice(words) => words
            .iter()
            .find(|word| **word == text)
            .map(|word| Value::Choice(word)),
        ParameterKind::Text { .. } => {
            let read = crate::text::read(text, parameter.max as usize).map(Value::Text);
            return read.map_err(|problem| RecipeError::BadText {
                operation,
                parameter: parameter.name,
                problem,
            });
        }
    };
    value.ok_or_else(|| RecipeError::BadValue {
        operation,
        parameter: parameter.name,
        value: short(text),
        allowed: parameter.allowed(),
    })
}

fn known_parameters(info: &OperationInfo) -> String {
    if info.parameters.is_empty() {
        return "it has none".to_owned();
    }
    let each = info
        .parameters
        .iter()
        .map(|parameter| format!("{} ({})", parameter.name, parameter.allowed()));
    format!("it has {}", each.collect::<Vec<_>>().join(", "))
}

fn unknown_operation(name: &str, normal: &str) -> RecipeError {
    let all = operations()
        .iter()
        .flat_map(|info| info.aliases.iter().copied().chain([info.name]));
    let suggestion = all
        .map(|known| (distance(normal, known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len() / 3)
        .map(|(_, known)| format!(", did you mean '{known}'?"))
        .unwrap_or_default();
    let known = operations()
        .iter()
        .map(|info| info.name)
        .collect::<Vec<_>>()
        .join(", ");
    RecipeError::UnknownOperation {
        name: short(name),
        suggestion,
        known,
    }
}

/// Levenshtein distance, of the first 64 characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &y) in b.iter().enumerate() {
            let best = (row[j] + 1)
                .min(row[j + 1] + 1)
                .min(diagonal + usize::from(x != y));
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}

/// The first 40 characters, for error messages.
fn short(text: &str) -> String {
    let mut short: String = text.trim().chars().take(40).collect();
    if text.trim().chars().nth(40).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        parse(text).map_or_else(|error| error.to_string(), |recipe| panic!("{recipe} parsed"))
    }

    #[test]
    fn canonical_text_leaves_defaults_out_and_round_trips() {
        let recipe = parse(" Blur:sigma=2.50 | edge-detection|blur:sigma=5 ").unwrap();
        assert_eq!(recipe.to_string(), "blur:sigma=2.5|edge_detection|blur");
        assert_eq!(parse(&recipe.to_string()), Ok(recipe));
    }

    #[test]
    fn errors_name_the_operation_the_parameter_and_the_range() {
        assert_eq!(
            message("blur:sigma=1000"),
            "blur: sigma=1000 is not allowed; sigma is a number from 0.1 to 100"
        );
        assert!(message("blur:sigma=NaN").contains("not allowed"));
        assert!(message("blur:radius=3").starts_with("blur has no parameter 'radius'; it has sigma"));
        assert!(message("blur:2").contains("not of the form name=value"));
        assert!(message("blur:sigma=2,sigma=3").contains("twice"));
        assert!(message("grayscale:x=1").contains("it has none"));
    }

    #[test]
    fn an_unknown_operation_is_answered_with_the_known_ones() {
        let message = message("blurr");
        assert!(
            message.starts_with(
                "'blurr' is not an operation, did you mean 'blur'?; there are: grayscale, blur,"
            )
        );
    }

    #[test]
    fn empty_and_oversized_recipes_are_refused() {
        assert_eq!(parse("  "), Err(RecipeError::Empty));
        assert_eq!(
            parse("blur||sharpen"),
            Err(RecipeError::EmptyStep { position: 2 })
        );
        assert!(matches!(
            parse(&"x".repeat(5000)),
            Err(RecipeError::TooLong { .. })
        ));
        assert!(matches!(
            parse(&["blur"; 33].join("|")),
            Err(RecipeError::TooManySteps { count: 33 })
        ));
    }

    #[test]
    fn a_recipe_whose_canonical_text_would_not_parse_is_refused() {
        let tiny = ["sharpen:amount=1e-300"; 32].join("|");
        assert!(tiny.len() < MAX_TEXT);
        assert!(matches!(parse(&tiny), Err(RecipeError::TooLong { .. })));
    }

    #[test]
    fn what_was_measured_is_read_exactly_as_it_is_written() {
        for text in [
            "otsu:measured=7f",
            "otsu:measured=0100",
            "auto_levels:clip=1,measured=00ff",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        for (text, wrong) in [
            ("otsu:measured=", "not allowed"),
            ("otsu:measured=7", "not allowed"),
            ("otsu:measured=7F", "not allowed"),
            ("otsu:measured=+f", "not allowed"),
            ("otsu:measured=7é", "not allowed"),
            ("otsu:measured=7f7f7f", "not allowed"),
            ("auto_levels:measured=ff00", "not allowed"),
            ("otsu:measured=7f,measured=7f", "no parameter 'measured'"),
            ("auto_levels:measured=00ff,clip=1", "no parameter 'measured'"),
            (
                "blur:measured=7f",
                "blur has no parameter 'measured'; it has sigma",
            ),
        ] {
            assert!(message(text).contains(wrong), "{text}: {}", message(text));
        }
    }

    #[test]
    fn texts_are_encoded_where_they_would_separate() {
        let recipe = parse("watermark: text = 50%25%2C a=b: %7C© ,size=20|blur").unwrap();
        assert_eq!(
            recipe.to_string(),
            "watermark:text=50%25%2C a=b: %7C©,size=20|blur"
        );
        assert_eq!(parse(&recipe.to_string()), Ok(recipe.clone()));
        assert_eq!(
            recipe.steps()[0].parameters().next(),
            Some(("text", Value::Text("50%, a=b: |©".into())))
        );
        assert_eq!(
            recipe.title(),
            "watermark text “50%, a=b: |©”, size 20 then blur σ 5"
        );
        let long = parse(&format!("watermark:text={}", "Ж".repeat(200))).unwrap();
        assert_eq!(long.title(), format!("watermark text “{}…”", "Ж".repeat(24)));
    }

    #[test]
    fn texts_that_cannot_be_drawn_are_refused_in_words() {
        assert!(message("watermark:text=漢字").starts_with("watermark: text has the character '漢', U+6F22"));
        assert!(message("watermark:text=a\u{7}b").contains("U+0007"));
        assert!(message("watermark:text=").contains("no character that is seen"));
        assert!(message("watermark:text=50% off").contains("%25"));
        assert!(message(&format!("watermark:text={}", "x".repeat(201))).contains("more than 200 characters"));
        assert!(message("watermark:text=one, two").contains("%2C for ','"));
    }

    #[test]
    fn canny_is_refused_with_the_reason() {
        assert!(message("canny").contains("hysteresis"));
    }
}
