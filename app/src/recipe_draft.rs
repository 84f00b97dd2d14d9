//! The recipe as the Studio edits it: steps with numbers that sliders move, to text and back. The text is the truth;
//! a draft is made from it for the cards, changed, and written as text again.

use azulejo_imaging::{OperationInfo, ParameterInfo, ParameterKind, Recipe, Value};

/// Positions of a slider: 0 to this.
pub const SLIDER: f64 = 1000.0;

/// A recipe under edit.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Its steps in order.
    pub steps: Vec<DraftStep>,
}

/// One operation with the values of its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftStep {
    /// The description of the operation.
    pub info: &'static OperationInfo,
    /// A value for each of its parameters.
    pub values: Vec<Value>,
}

impl From<&Recipe> for Draft {
    fn from(recipe: &Recipe) -> Self {
        let steps = recipe.steps().iter();
        Self {
            steps: steps
                .map(|step| DraftStep {
                    info: step.info(),
                    values: step.parameters().map(|(_, value)| value).collect(),
                })
                .collect(),
        }
    }
}

impl Draft {
    /// The canonical text; empty when there is no step.
    pub fn text(&self) -> String {
        let steps = self.steps.iter().map(|step| {
            let parameters: Vec<String> = step
                .info
                .parameters
                .iter()
                .zip(&step.values)
                .filter(|(parameter, value)| **value != parameter.default_value())
                .map(|(parameter, value)| format!("{}={value}", parameter.name))
                .collect();
            match parameters.is_empty() {
                true => step.info.name.to_owned(),
                false => format!("{}:{}", step.info.name, parameters.join(",")),
            }
        });
        steps.collect::<Vec<_>>().join("|")
    }

    /// Adds the operation described by `info` with its defaults.
    pub fn add(&mut self, info: &'static OperationInfo) {
        let values = info.parameters.iter().map(ParameterInfo::default_value).collect();
        self.steps.push(DraftStep { info, values });
    }

    /// Exchanges step `index` with the one after it, if there is one.
    pub fn swap_with_next(&mut self, index: usize) {
        if index + 1 < self.steps.len() {
            self.steps.swap(index, index + 1);
        }
    }
}

/// Whether small values need more room on the slider than large ones: sigma from 0.1 to 100.
fn is_wide(parameter: &ParameterInfo) -> bool {
    parameter.min >= 0.0 && parameter.max > 50.0 * parameter.min.max(parameter.step)
}

/// Where the slider stands for `value`.
pub fn slider_position(parameter: &ParameterInfo, value: f64) -> f64 {
    let share = ((value - parameter.min) / (parameter.max - parameter.min)).clamp(0.0, 1.0);
    (if is_wide(parameter) { share.sqrt() } else { share }) * SLIDER
}

/// The value for the slider's position, on the parameter's steps and within its range.
pub fn slider_value(parameter: &ParameterInfo, position: f64) -> Value {
    let share = (position / SLIDER).clamp(0.0, 1.0);
    let share = if is_wide(parameter) { share * share } else { share };
    number_value(parameter, parameter.min + share * (parameter.max - parameter.min))
}

/// `number` as a value of the parameter: on its steps and within its range.
pub fn number_value(parameter: &ParameterInfo, number: f64) -> Value {
    let step = if parameter.step > 0.0 { parameter.step } else { 1.0 };
    // Steps of 0.1 are counted as tenths, so that 0.3 is 0.3 and not 0.30000000000000004.
    let per_unit = (1.0 / step).round();
    let stepped = if per_unit >= 1.0 {
        (number * per_unit).round() / per_unit
    } else {
        (number / step).round() * step
    };
    let within = stepped.clamp(parameter.min, parameter.max);
    match parameter.kind {
        ParameterKind::Number => Value::Number(within),
        ParameterKind::Integer => Value::Integer(within as i64),
        ParameterKind::Choice(words) => Value::Choice(words.get(within as usize).copied().unwrap_or("")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azulejo_imaging::operations;

    #[test]
    fn text_and_draft_round_trip() {
        for text in ["blur", "blur:sigma=6|sharpen", "rotate_90|grayscale"] {
            let recipe = Recipe::parse(text).unwrap();
            assert_eq!(Draft::from(&recipe).text(), recipe.to_string());
        }
    }

    #[test]
    fn every_operation_with_defaults_is_a_recipe() {
        let mut draft = Draft { steps: Vec::new() };
        for info in operations() {
            draft.add(info);
        }
        assert_eq!(Recipe::parse(&draft.text()).unwrap().to_string(), draft.text());
    }

    #[test]
    fn every_position_of_every_slider_is_allowed() {
        for parameter in operations().iter().flat_map(|info| info.parameters) {
            for position in 0..=1000 {
                let value = slider_value(parameter, f64::from(position));
                if let Some(number) = value.as_f64() {
                    assert!(
                        (parameter.min..=parameter.max).contains(&number),
                        "{} {number}",
                        parameter.name
                    );
                }
            }
        }
    }

    #[test]
    fn the_slider_of_sigma_has_room_for_small_values() {
        let blur = operations().iter().find(|info| info.name == "blur").unwrap();
        let sigma = blur.parameter("sigma").unwrap();
        assert!(slider_position(sigma, 5.0) > 150.0);
        assert_eq!(slider_value(sigma, slider_position(sigma, 5.0)).to_string(), "5");
    }
}
