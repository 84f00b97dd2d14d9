//! The description of an operation, which everything user-facing is made from: the parser, the API docs, the controls of the UI and
//! the help of the CLI.

use std::sync::Arc;

use serde::Serialize;

use crate::text;

/// An operation as people see it.
#[derive(Debug, PartialEq, Serialize)]
pub struct OperationInfo {
    /// The name in recipes: `edge_detection`.
    pub name: &'static str,
    /// The name for people: `Edge detection`.
    pub title: &'static str,
    /// Where a menu lists it.
    pub group: Group,
    /// One sentence for people with pictures: what it does to them.
    pub summary: &'static str,
    /// One sentence for people who know the field: how it is computed.
    pub method: &'static str,
    /// Other names that the parser accepts.
    pub aliases: &'static [&'static str],
    /// The parameters in the order of the canonical text.
    pub parameters: &'static [ParameterInfo],
}

/// What operations are grouped by in menus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Dark and light.
    Tone,
    /// Hues and how strong they are.
    Colour,
    /// What makes softer.
    Smooth,
    /// What makes crisper.
    Sharpen,
    /// Outlines and forms.
    Edges,
    /// Size, turn and part of the picture.
    Shape,
}

impl Group {
    /// All of them, in the order of a menu.
    pub const ALL: [Self; 6] = [
        Self::Tone,
        Self::Colour,
        Self::Smooth,
        Self::Sharpen,
        Self::Edges,
        Self::Shape,
    ];

    /// The heading in a menu.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tone => "Light and dark",
            Self::Colour => "Colour",
            Self::Smooth => "Soften",
            Self::Sharpen => "Sharpen",
            Self::Edges => "Edges and forms",
            Self::Shape => "Size and shape",
        }
    }
}

impl OperationInfo {
    /// The parameter called `name`.
    pub fn parameter(&self, name: &str) -> Option<&'static ParameterInfo> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}

/// A parameter of an operation.
#[derive(Debug, PartialEq, Serialize)]
pub struct ParameterInfo {
    /// The name in recipes: `sigma`.
    pub name: &'static str,
    /// What titles show instead of the name: `σ`. Equal to the name where there is no symbol.
    pub symbol: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// `px`, `°`, `%` or empty.
    pub unit: &'static str,
    /// Which values there are.
    pub kind: ParameterKind,
    /// Smallest value; for a choice, zero; for a text, the fewest characters.
    pub min: f64,
    /// Largest value; for a choice, the index of the last; for a text, the most characters.
    pub max: f64,
    /// The value when the recipe names none; for a choice, an index; for a text, the characters of the default.
    pub default: f64,
    /// A sensible step for a slider. Values between steps are allowed for a number.
    pub step: f64,
}

impl ParameterInfo {
    /// The default as a value.
    pub fn default_value(&self) -> Value {
        self.value(self.default)
    }

    /// `number` as a value of this parameter's kind: rounded for an integer, an index for a choice; a text is the default one. Not
    /// range-checked.
    pub(crate) fn value(&self, number: f64) -> Value {
        match self.kind {
            ParameterKind::Number => Value::Number(number),
            ParameterKind::Integer => Value::Integer(number as i64),
            ParameterKind::Choice(names) => Value::Choice(names.get(number as usize).copied().unwrap_or("")),
            ParameterKind::Text { default } => Value::Text(default.into()),
        }
    }

    /// `text` as a value of a parameter that is a text.
    ///
    /// # Errors
    /// A sentence: what is wrong with it, a character that is not allowed by its name.
    pub fn text_value(&self, text: &str) -> Result<Value, String> {
        text::check(text, self.max as usize)
            .map(|()| Value::Text(text.into()))
            .map_err(|problem| format!("{} {problem}", self.name))
    }

    /// The allowed values in words: `a number from 0.1 to 100`.
    pub fn allowed(&self) -> String {
        match self.kind {
            ParameterKind::Number => format!("a number from {} to {}", self.min, self.max),
            ParameterKind::Integer => format!("a whole number from {} to {}", self.min, self.max),
            ParameterKind::Choice(names) => format!("one of {}", names.join(", ")),
            ParameterKind::Text { .. } => format!(
                "a text of at most {} characters, with %2C for ',', %7C for '|' and %25 for '%'",
                self.max
            ),
        }
    }
}

/// Which values a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterKind {
    /// Any number in the range.
    Number,
    /// A whole number in the range.
    Integer,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Characters that the font has.
    Text {
        /// The text when the recipe names none.
        default: &'static str,
    },
}

/// The value of a parameter. Its `Display` is the one that recipes carry.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A finite number.
    Number(f64),
    /// A whole number.
    Integer(i64),
    /// One of the words of a choice.
    Choice(&'static str),
    /// A text as it is read, which recipes carry with its separators encoded.
    Text(Arc<str>),
}

impl Value {
    /// The number; the index of a choice is not known here and gives `None`, as a text does.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Integer(number) => Some(*number as f64),
            Self::Choice(_) | Self::Text(_) => None,
        }
    }

    /// As titles show it: a text in quotation marks, cut after 24 characters.
    pub fn shown(&self) -> String {
        match self {
            Self::Text(text) => text::shown(text),
            other => other.to_string(),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Choice(word) => f.write_str(word),
            Self::Text(text) => f.write_str(&text::encode(text)),
        }
    }
}

/// The checked values of one step, in the order of [`OperationInfo::parameters`].
pub(crate) struct Values<'a>(pub &'a [Value]);

impl Values<'_> {
    /// Parameter `index` as a number.
    pub fn number(&self, index: usize) -> f64 {
        self.0.get(index).and_then(Value::as_f64).unwrap_or(0.0)
    }

    /// Parameter `index` as a whole number that the table keeps within `u32`.
    pub fn integer(&self, index: usize) -> u32 {
        self.number(index) as u32
    }

    /// Parameter `index` as a word.
    pub fn choice(&self, index: usize) -> &'static str {
        match self.0.get(index) {
            Some(Value::Choice(word)) => word,
            _ => "",
        }
    }

    /// Parameter `index` as a text.
    pub fn text(&self, index: usize) -> Arc<str> {
        match self.0.get(index) {
            Some(Value::Text(text)) => text.clone(),
            _ => "".into(),
        }
    }
}
