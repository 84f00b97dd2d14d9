//! An upload while it runs: how far it is, how the line is, and what a person can do about it.

use leptos::prelude::*;

use crate::words;

/// How the line to the server is.
#[cfg_attr(
    not(feature = "hydrate"),
    allow(dead_code, reason = "used in the browser only")
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Bytes go out.
    Open,
    /// Bytes go out again, from so many percent.
    Resumed(u32),
    /// It is cut, and tried again by itself.
    Cut,
    /// The person wants it to rest.
    Paused,
}

/// An upload under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Sending {
    /// Bytes sent.
    pub sent: f64,
    /// Bytes in all.
    pub total: f64,
    /// Of which file where there are several: `2 of 3`.
    pub which: Option<String>,
    /// How the line is.
    pub line: Line,
}

impl Sending {
    /// Before the first byte of nothing.
    pub const fn nothing() -> Self {
        Self {
            sent: 0.0,
            total: 0.0,
            which: None,
            line: Line::Open,
        }
    }

    /// How far it is, in words.
    fn amount(&self) -> String {
        let which = self
            .which
            .as_ref()
            .map(|which| format!("picture {which}: "))
            .unwrap_or_default();
        let (sent, total) = (words::bytes(self.sent as u64), words::bytes(self.total as u64));
        format!("{which}{sent} of {total} uploaded")
    }

    /// What is to be said of the line, if anything.
    fn note(&self) -> Option<String> {
        let at = percent(self.sent, self.total);
        match self.line {
            Line::Open => None,
            Line::Resumed(from) => Some(format!("Resumed at {from} %")),
            Line::Cut => Some(format!(
                "The line is cut; going on at {at} % as soon as it is back"
            )),
            Line::Paused => Some(format!("Paused at {at} %")),
        }
    }
}

/// Whole percent of `total` that `sent` is, never 100 before the end.
pub fn percent(sent: f64, total: f64) -> u32 {
    if total > 0.0 {
        (sent * 100.0 / total).floor().clamp(0.0, 100.0) as u32
    } else {
        0
    }
}

/// What a person can do about an upload.
#[derive(Clone, Copy)]
pub struct UploadControls {
    /// Gives it up.
    pub cancel: Callback<()>,
    /// Pauses it, or goes on.
    pub pause: Callback<bool>,
}

impl UploadControls {
    /// Those of a page without this code.
    #[cfg(not(feature = "hydrate"))]
    pub fn none() -> Self {
        Self {
            cancel: Callback::new(|()| ()),
            pause: Callback::new(|_| ()),
        }
    }
}

/// Progress and controls. One component for the whole upload, so that a button stays the same while the bytes count up.
#[component]
pub fn UploadProgress(
    /// How far it is.
    #[prop(into)]
    sending: Signal<Sending>,
    /// What can be done.
    controls: UploadControls,
) -> impl IntoView {
    let is_paused = Memo::new(move |_| sending.with(|sending| sending.line == Line::Paused));
    let note = Memo::new(move |_| sending.with(Sending::note));
    view! {
        <div class="uploading">
            <progress
                aria-label="Upload"
                max=move || sending.with(|sending| sending.total)
                value=move || sending.with(|sending| sending.sent)
            ></progress>
            <p>
                {move || sending.with(Sending::amount)}
                <span class="actions">
                    <button type="button" on:click=move |_| controls.pause.run(!is_paused.get_untracked())>
                        {move || if is_paused.get() { "Resume" } else { "Pause" }}
                    </button>
                    <button type="button" class="warn" on:click=move |_| controls.cancel.run(())>
                        "Cancel"
                    </button>
                </span>
            </p>
            <p class="line" role="status">
                {note}
            </p>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_told_in_words() {
        let sending = |line| Sending {
            sent: 45.9,
            total: 100.0,
            which: Some("2 of 3".into()),
            line,
        };
        assert_eq!(
            sending(Line::Open).amount(),
            "picture 2 of 3: 45 B of 100 B uploaded"
        );
        for (line, said) in [
            (Line::Open, None),
            (Line::Resumed(12), Some("Resumed at 12 %")),
            (
                Line::Cut,
                Some("The line is cut; going on at 45 % as soon as it is back"),
            ),
            (Line::Paused, Some("Paused at 45 %")),
        ] {
            assert_eq!(sending(line).note().as_deref(), said);
        }
        assert_eq!(
            (percent(0.0, 0.0), percent(99.99, 100.0), percent(5.0, 5.0)),
            (0, 99, 100)
        );
    }
}
