//! Original and preview on the canvas: one over the other with a split between, or side by side.

use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

/// Pixels between two pictures side by side.
pub const GAP: u32 = 8;

/// Draws `after`, and `before` where there is one: beside it, or over its left part up to `share` of its width.
///
/// # Errors
/// When the canvas has no context, or it refuses.
pub fn paint(
    canvas: &HtmlCanvasElement,
    after: &ImageData,
    before: Option<&ImageData>,
    is_side: bool,
    share: f64,
) -> Result<(), JsValue> {
    let (width, height) = (after.width(), after.height());
    let all = if is_side && before.is_some() {
        width * 2 + GAP
    } else {
        width
    };
    if (canvas.width(), canvas.height()) != (all, height) {
        canvas.set_width(all);
        canvas.set_height(height);
    }
    // A pixel of it for a pixel of the screen, also where several of those make one of the style sheet's.
    let css = f64::from(all) / window().device_pixel_ratio();
    let element: &web_sys::HtmlElement = canvas;
    element.style().set_property("width", &format!("{css}px"))?;
    let context = canvas
        .get_context("2d")?
        .and_then(|context| context.dyn_into::<CanvasRenderingContext2d>().ok())
        .ok_or(JsValue::UNDEFINED)?;
    let (w, h) = (f64::from(width), f64::from(height));
    let Some(before) = before else {
        return context.put_image_data(after, 0.0, 0.0);
    };
    if is_side {
        context.clear_rect(0.0, 0.0, f64::from(all), h);
        context.put_image_data(before, 0.0, 0.0)?;
        return context.put_image_data(after, w + f64::from(GAP), 0.0);
    }
    let x = (share * w).round();
    context.put_image_data(after, 0.0, 0.0)?;
    context.put_image_data_with_dirty_x_and_dirty_y_and_dirty_width_and_dirty_height(
        before, 0.0, 0.0, 0.0, 0.0, x, h,
    )?;
    context.set_fill_style_str("white");
    context.fill_rect(x - 1.5, 0.0, 3.0, h);
    context.begin_path();
    context.arc(x, h / 2.0, 18.0, 0.0, std::f64::consts::TAU)?;
    context.fill();
    context.set_stroke_style_str("#16213f");
    context.set_line_width(3.0);
    context.begin_path();
    for side in [-1.0, 1.0] {
        context.move_to(x + side * 4.0, h / 2.0 - 7.0);
        context.line_to(x + side * 10.0, h / 2.0);
        context.line_to(x + side * 4.0, h / 2.0 + 7.0);
    }
    context.stroke();
    Ok(())
}
