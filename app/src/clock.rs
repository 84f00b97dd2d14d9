//! What time it is, for "12 s ago". The first rendering in the browser uses the time that the server rendered with,
//! so that both say the same; from then on the clock ticks, and it is the server's clock that it shows.

use azulejo_protocol::Timestamp;
use leptos::prelude::*;

use crate::words;

/// The clock: milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Clock(RwSignal<i64>);

impl Clock {
    /// Provides the clock to the components below and, in the browser, lets it tick once a second.
    pub fn provide() {
        let rendered = SharedValue::new(server_now_ms).into_inner();
        let now = RwSignal::new(rendered);
        provide_context(Self(now));
        #[cfg(feature = "hydrate")]
        Effect::new(move |_| {
            // How far the server's clock is ahead of the browser's.
            let ahead = rendered - crate::browser::now_ms();
            set_interval(
                move || now.set(crate::browser::now_ms() + ahead),
                std::time::Duration::from_secs(1),
            );
        });
    }

    /// The time, tracked.
    pub fn now_ms(self) -> i64 {
        self.0.get()
    }
}

#[cfg(feature = "ssr")]
fn server_now_ms() -> i64 {
    words::millis(Timestamp::now_utc())
}

#[cfg(not(feature = "ssr"))]
fn server_now_ms() -> i64 {
    #[cfg(feature = "hydrate")]
    return crate::browser::now_ms();
    #[cfg(not(feature = "hydrate"))]
    return 0;
}

/// A point in time: relative, with the exact one on hover.
#[component]
pub fn Ago(
    /// When it was.
    #[prop(into)]
    time: Signal<Timestamp>,
) -> impl IntoView {
    let clock = expect_context::<Clock>();
    view! {
        <time datetime=move || words::machine(time.get()) title=move || words::exact(time.get())>
            {move || words::ago(time.get(), clock.now_ms())}
        </time>
    }
}
