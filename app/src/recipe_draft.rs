//! The recipe as the Studio edits it: steps with numbers that sliders move, to text and back. The text is the truth;
//! a draft is made from it for the cards, changed, and written as text again.

use azulejo_imaging::{OperationInfo, ParameterInfo, ParameterKind, Recipe, Size, Value};

/// Positions of a slider: 0 to this.
pub const SLIDER: f64 = 1000.0;

/// A recipe under edit.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Its steps in order.
    pub steps: Vec<DraftStep>,
    /// The id that the next new step gets.
    next: u32,
}

/// One operation with the values of its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftStep {
    /// Known by this while it is moved and changed, so that its card, and the focus in it, stay.
    pub id: u32,
    /// The description of the operation.
    pub info: &'static OperationInfo,
    /// A value for each of its parameters.
    pub values: Vec<Value>,
}

impl Draft {
    /// The draft of `recipe`. A step that was in `before` keeps its id: the same operation with the same values, wherever it is
    /// now, or else the first of the same operation.
    pub fn following(before: Option<&Self>, recipe: &Recipe) -> Self {
        let known: &[DraftStep] = before.map_or(&[], |before| &before.steps);
        let mut next = before.map_or(0, |before| before.next);
        let mut is_free = vec![true; known.len()];
        let mut take = |is_wanted: &dyn Fn(&DraftStep) -> bool| {
            let index = (0..known.len()).find(|&index| is_free[index] && is_wanted(&known[index]))?;
            is_free[index] = false;
            Some(known[index].id)
        };
        let mut steps: Vec<(Option<u32>, &'static OperationInfo, Vec<Value>)> = recipe
            .steps()
            .iter()
            .map(|step| {
                let values: Vec<Value> = step.parameters().map(|(_, value)| value).collect();
                let id = take(&|old| old.info.name == step.info().name && old.values == values);
                (id, step.info(), values)
            })
            .collect();
        for (id, info, _) in &mut steps {
            if id.is_none() {
                *id = take(&|old| old.info.name == info.name);
            }
        }
        let steps = steps.into_iter().map(|(id, info, values)| {
            let id = id.unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            DraftStep { id, info, values }
        });
        Self {
            steps: steps.collect(),
            next,
        }
    }

    /// Nothing, after `before`.
    pub fn empty(before: Option<&Self>) -> Self {
        Self {
            steps: Vec::new(),
            next: before.map_or(0, |before| before.next),
        }
    }

    /// The id that the next step gets that is added.
    pub fn next_id(&self) -> u32 {
        self.next
    }

    /// Where step `id` is.
    pub fn position(&self, id: u32) -> Option<usize> {
        self.steps.iter().position(|step| step.id == id)
    }

    /// Step `id`.
    pub fn step_mut(&mut self, id: u32) -> Option<&mut DraftStep> {
        self.steps.iter_mut().find(|step| step.id == id)
    }

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

    /// Adds the operation described by `info`, for a picture of size `picture`: with its defaults, but a new size to resize to
    /// has none that would do anything, so it is half the width.
    pub fn add(&mut self, info: &'static OperationInfo, picture: Option<Size>) {
        let values = info.parameters.iter().map(|parameter| match parameter.name {
            "width" if info.name == "resize" => {
                Value::Integer(picture.map_or(1024, |size| i64::from(size.width / 2).max(1)))
            }
            _ => parameter.default_value(),
        });
        let step = DraftStep {
            id: self.next,
            info,
            values: values.collect(),
        };
        // Colours are converted as the file is read: the step may not stand after what changes pixels.
        let place = if info.name == "convert" {
            0
        } else {
            self.steps.len()
        };
        self.steps.insert(place, step);
        self.next += 1;
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
        // No number stands for one.
        ParameterKind::Text { .. } => parameter.default_value(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azulejo_imaging::{MAX_STEPS, operations};

    #[test]
    fn text_and_draft_round_trip() {
        for text in [
            "blur",
            "blur:sigma=6|sharpen",
            "rotate_90|grayscale",
            "watermark:text=%2050%25%2C %7C Zoë: a=b,size=40",
        ] {
            let recipe = Recipe::parse(text).unwrap();
            assert_eq!(Draft::following(None, &recipe).text(), recipe.to_string());
        }
    }

    #[test]
    fn every_operation_with_defaults_is_a_recipe() {
        for some in operations().chunks(MAX_STEPS) {
            let mut draft = Draft::empty(None);
            for info in some {
                draft.add(info, None);
            }
            assert_eq!(Recipe::parse(&draft.text()).unwrap().to_string(), draft.text());
        }
    }

    #[test]
    fn a_step_keeps_its_id_while_it_is_changed_moved_and_others_come_and_go() {
        let mut draft = Draft::empty(None);
        let mut ids_of = |text: &str| {
            draft = Draft::following(Some(&draft), &Recipe::parse(text).unwrap());
            draft.steps.iter().map(|step| step.id).collect::<Vec<_>>()
        };
        assert_eq!(ids_of("blur:sigma=6|sharpen|blur:sigma=2"), [0, 1, 2]);
        assert_eq!(ids_of("blur:sigma=2|sharpen|blur:sigma=6"), [2, 1, 0]);
        assert_eq!(ids_of("sharpen|blur:sigma=2|blur:sigma=6"), [1, 2, 0]);
        assert_eq!(ids_of("sharpen|blur:sigma=3|blur:sigma=6"), [1, 2, 0]);
        assert_eq!(ids_of("sharpen|blur:sigma=6"), [1, 0]);
        assert_eq!(ids_of("sharpen|blur:sigma=6|sharpen"), [1, 0, 3]);
        assert_eq!(ids_of("invert"), [4]);
        assert_eq!(ids_of("sharpen"), [5], "an id is not given twice");
    }

    #[test]
    fn a_resize_is_added_with_a_size() {
        let resize = operations().iter().find(|info| info.name == "resize").unwrap();
        let mut draft = Draft::empty(None);
        draft.add(resize, Some(Size::new(3000, 2000)));
        draft.add(resize, None);
        assert_eq!(draft.text(), "resize:width=1500|resize:width=1024");
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
