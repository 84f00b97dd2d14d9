//! A worker's rate over its last heartbeats.

use std::fmt::Write;

use leptos::prelude::*;

/// Points of a polyline through `values` in a box of 100 by 30, oldest at the left; from zero up.
pub fn points(values: &[f32]) -> String {
    let top = values
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .fold(0.0_f32, f32::max)
        .max(1e-6);
    let last = values.len().saturating_sub(1).max(1) as f32;
    let mut text = String::new();
    for (n, value) in values.iter().enumerate() {
        let value = if value.is_finite() {
            value.clamp(0.0, top)
        } else {
            0.0
        };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{:.1},{:.1} ",
            n as f32 * 100.0 / last,
            28.0 - 26.0 * value / top
        );
    }
    text
}

/// The line.
#[component]
pub fn Sparkline(
    /// Tiles in a second, oldest first.
    #[prop(into)]
    values: Signal<Vec<f32>>,
) -> impl IntoView {
    view! {
        <svg class="spark" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">
            <path class="ground" d="M0 28H100" />
            <polyline points=move || values.with(|values| points(values)) />
        </svg>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::points;

    #[test]
    fn the_line_spans_the_box_from_zero_to_the_largest() {
        assert_eq!(points(&[0.0, 2.0, 4.0]), "0.0,28.0 50.0,15.0 100.0,2.0 ");
    }

    #[test]
    fn odd_values_stay_in_the_box() {
        assert_eq!(points(&[]), "");
        assert_eq!(points(&[f32::NAN, -1.0]), "0.0,28.0 100.0,28.0 ");
    }
}
