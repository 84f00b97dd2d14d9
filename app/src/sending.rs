//! From the choice of files in the Studio to their jobs: what is known of the first, the uploads one after the other, and the way
//! to what came of it.

use std::time::Duration;

use azulejo_imaging::header::Header;
use azulejo_protocol::JobId;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use wasm_bindgen::prelude::*;
use web_sys::{File, HtmlInputElement};

use crate::actions::{process, run_again};
use crate::base::at;
use crate::browser;
use crate::components::{Line, Phase, Preview, Sending, UploadControls};
use crate::failure::Failure;
use crate::header;
use crate::picked::{Picked, Sight};
use crate::stored_original;
use crate::studio_address::studio_address;
use crate::studio_state::StudioState;
use crate::upload::{self, Upload};

/// The address follows the recipe after so long a rest.
const ADDRESS_PAUSE: Duration = Duration::from_millis(300);
/// What a person is asked who leaves while files are sent.
const LEAVE: &str = "The upload is not finished. Leave? What was sent is kept: it goes on when the same file is chosen again.";

type Submit = Box<dyn Fn(leptos::ev::SubmitEvent)>;
type View = Box<dyn Fn() -> Option<AnyView> + Send>;

/// What the Studio does.
pub struct Actions {
    /// When files are chosen.
    pub choose: Callback<HtmlInputElement>,
    /// When another page of the file is.
    pub turn_to: Callback<Option<u32>>,
    /// When the form is sent.
    pub submit: Submit,
    /// About the upload.
    pub controls: UploadControls,
    /// What is shown of the picture.
    pub preview: View,
}

/// What happens when files or a page are chosen, when the form is sent and when the upload is cancelled; and the preview.
pub fn actions(phase: RwSignal<Phase>, objection: Memo<Option<String>>) -> Actions {
    let state = expect_context::<StudioState>();
    let StudioState {
        picked,
        text,
        file: result_file,
        files: chosen,
        engine,
        loaded,
    } = state;
    let upload = Upload::new();
    on_cleanup(move || upload.leave());
    // The window may have another size than when the picture was last shown.
    Effect::new(move |_| engine.want());
    keep_in_address(state);
    // The picture of a job is loaded once it is shown.
    Effect::new(move |_| {
        let stored = picked.with(|picked| picked.as_ref()?.stored);
        let is_here = chosen.with_value(|chosen| !chosen.is_empty());
        if let Some(job) = stored.filter(|_| !is_here)
            && loaded.get_value() != Some(job)
        {
            loaded.set_value(Some(job));
            stored_original::open(state, job);
        }
    });
    let choose = Callback::new(move |input: HtmlInputElement| {
        phase.set(Phase::Idle);
        loaded.set_value(None);
        // What is known of the picture before is shown until this one is looked at, but it is another file than the server has.
        picked.update(|picked| {
            if let Some(picked) = picked {
                picked.stored = None;
                picked.pages = None;
                picked.page = None;
            }
        });
        let files = input.files();
        let files: Vec<File> = files
            .iter()
            .flat_map(|files| (0..files.length()).filter_map(|index| files.get(index)))
            .collect();
        chosen.set_value(files.clone());
        let Some((first, others)) = files.split_first() else {
            return picked.set(None);
        };
        let (first, others) = (first.clone(), others.iter().map(File::name).collect());
        leptos::task::spawn_local(async move {
            let found = look_at(&first, others).await;
            // Another one may have been chosen meanwhile.
            let is_chosen = chosen.try_with_value(|chosen| chosen.first() == Some(&first));
            if is_chosen != Some(true) {
                return;
            }
            if picked.try_set(Some(found)).is_none() {
                engine.open(&first);
            }
        });
    });
    let turn_to = Callback::new(move |page: Option<u32>| {
        let Some(file) = chosen.with_value(|chosen| chosen.first().cloned()) else {
            return;
        };
        if phase.with_untracked(Phase::is_busy) {
            return;
        }
        phase.set(Phase::Idle);
        picked.update(|picked| {
            if let Some(picked) = picked {
                picked.turn_to(page);
            }
        });
        // At once, so that no answer about the page before is taken for one about this.
        engine.open(&file);
        leptos::task::spawn_local(async move {
            let header = header_of(&file, page).await;
            // Another file or page may have been chosen meanwhile.
            let is_chosen = chosen.try_with_value(|chosen| chosen.first() == Some(&file));
            let is_wanted =
                picked.try_with_untracked(|picked| picked.as_ref().is_some_and(|picked| picked.page == page));
            if is_chosen != Some(true) || is_wanted != Some(true) {
                return;
            }
            picked.try_update(|picked| {
                if let Some(picked) = picked {
                    picked.header = header;
                }
            });
        });
    });
    take_drops(phase);
    warn_of_leaving(phase);
    let navigate = use_navigate();
    let submit = move |event: leptos::ev::SubmitEvent| {
        let files = chosen.get_value();
        let stored = picked.with_untracked(|picked| picked.as_ref()?.stored);
        // Whatever the reason that this page has not heard of a file: the form posts by itself, and the browser or the server
        // says what is wrong.
        if files.is_empty() && stored.is_none() {
            return;
        }
        event.prevent_default();
        let order = Order {
            recipe: text.get_untracked(),
            format: result_file.get_untracked().map(|format| format.to_string()),
            page: picked.with_untracked(|picked| picked.as_ref()?.page),
        };
        let is_valid = azulejo_imaging::Recipe::parse(&order.recipe).is_ok();
        if !is_valid || objection.get_untracked().is_some() || phase.with_untracked(Phase::is_busy) {
            return;
        }
        let navigate = navigate.clone();
        leptos::task::spawn_local(async move {
            let sent = match stored {
                Some(job) if files.len() <= 1 => again(job, upload, &files, &order, phase).await,
                _ => send_all(upload, &files, &order, phase).await,
            };
            match sent {
                Ok((place, job)) => {
                    // Another picture may have been chosen meanwhile.
                    if chosen.try_with_value(|chosen| *chosen == files) == Some(true) {
                        picked.try_update(|picked| {
                            // A job on another page is none of what is shown.
                            if let Some(picked) = picked.as_mut().filter(|picked| picked.page == order.page) {
                                picked.stored = job.or(picked.stored);
                            }
                        });
                    }
                    if phase.try_set(Phase::Idle).is_none() {
                        navigate(&place, Default::default());
                    }
                }
                Err(failure) if failure.0.code == "cancelled" => {
                    phase.try_set(Phase::Idle);
                }
                Err(failure) => {
                    phase.try_set(Phase::Failed(failure));
                }
            }
        });
    };
    let preview = move || {
        picked
            .get()
            .and_then(|picked| picked.decoded())
            .map(|picture| view! { <Preview engine picture file=result_file /> }.into_any())
    };
    Actions {
        choose,
        turn_to,
        submit: Box::new(submit),
        controls: UploadControls {
            cancel: Callback::new(move |()| upload.cancel()),
            pause: Callback::new(move |paused| upload.pause(paused)),
        },
        preview: Box::new(preview),
    }
}

/// What is to be done with the files.
struct Order {
    recipe: String,
    /// The kind of file of the result, where one is wanted.
    format: Option<String>,
    /// The page of the file, where one is wanted.
    page: Option<u32>,
}

/// The address to go to, and the job where it is one.
type Place = (String, Option<JobId>);

fn place_of(job: JobId) -> Place {
    (format!("/job/{job}"), Some(job))
}

/// Starts another job on the file that the server keeps of `job`. Where it is gone and the file is here, it is sent.
async fn again(
    job: JobId,
    upload: Upload,
    files: &[File],
    order: &Order,
    phase: RwSignal<Phase>,
) -> Result<Place, Failure> {
    phase.try_set(Phase::Starting);
    match run_again(job, order.recipe.clone(), order.format.clone(), order.page).await {
        Ok(job) => Ok(place_of(job.job_id)),
        Err(failure)
            if !files.is_empty() && ["job_not_found", "original_gone"].contains(&failure.0.code.as_str()) =>
        {
            send_all(upload, files, order, phase).await
        }
        Err(failure) => Err(failure),
    }
}

/// Uploads `files` one after the other and starts a job on each; gives the address to go to. What is refused does not hold up
/// those after it; it is said at the end.
async fn send_all(
    upload: Upload,
    files: &[File],
    order: &Order,
    phase: RwSignal<Phase>,
) -> Result<Place, Failure> {
    let mut place = (String::new(), None);
    let mut refused = Vec::new();
    for (index, file) in files.iter().enumerate() {
        // The Studio was left while the job before was started.
        if phase.is_disposed() {
            return Ok(place);
        }
        let which = (files.len() > 1).then(|| format!("{} of {}", index + 1, files.len()));
        let total = file.size();
        let progress = move |sent, line| {
            let which = which.clone();
            phase.try_set(Phase::Uploading(Sending {
                sent,
                total,
                which,
                line,
            }));
        };
        progress(0.0, Line::Open);
        let started = match upload.send(file, progress).await {
            Ok(id) => {
                phase.try_set(Phase::Starting);
                process(id, order.recipe.clone(), order.format.clone(), order.page).await
            }
            Err(failure) => Err(failure),
        };
        match started {
            Ok(job) => {
                upload::forget(file);
                place = place_of(job.job_id);
            }
            Err(failure) if files.len() == 1 || failure.0.code == "cancelled" => return Err(failure),
            Err(failure) => refused.push((file.name(), failure)),
        }
    }
    if let Some((name, mut failure)) = refused.pop() {
        let others = match refused.len() {
            0 => String::new(),
            count => format!(" (and {count} more were refused)"),
        };
        // Another try is one with all of them, not the rest of an upload.
        failure.0.code = "some_refused".to_owned();
        failure.0.detail = format!("{name}: {}{others}; the rest became jobs", failure.0.detail);
        return Err(failure);
    }
    Ok(if files.len() > 1 {
        ("/jobs".to_owned(), None)
    } else {
        place
    })
}

async fn header_of(file: &File, page: Option<u32>) -> Option<Header> {
    let part =
        async |range: std::ops::Range<u64>| browser::part(file, range.start as f64, range.end as f64).await;
    header::read(file.size() as u64, page, part).await
}

async fn look_at(file: &File, others: Vec<String>) -> Picked {
    let header = header_of(file, None).await;
    Picked {
        name: file.name(),
        bytes: file.size() as u64,
        header,
        pages: header.and_then(|header| header.pages),
        page: None,
        sight: Sight::Reading,
        others,
        stored: None,
    }
}

/// Keeps the recipe in the page's address, so that the address can be kept, sent and gone back to; with the kind of file of the
/// result, and with the job whose picture is shown where this page has no file of it.
fn keep_in_address(state: StudioState) {
    let StudioState {
        picked, text, file, ..
    } = state;
    let waiting = StoredValue::new(None::<TimeoutHandle>);
    let stop = move || {
        if let Some(timer) = waiting.try_update_value(Option::take).flatten() {
            timer.clear();
        }
    };
    Effect::new(move |before: Option<()>| {
        let (recipe, file) = (text.get(), file.get());
        let stored = picked.with(|picked| picked.as_ref().and_then(|picked| picked.stored));
        let is_here = state.files.with_value(|files| !files.is_empty());
        let address = at(&studio_address(&recipe, file, stored.filter(|_| !is_here)));
        stop();
        // As long as nothing was changed the address is as it was asked for.
        if before.is_none() {
            return;
        }
        let keep = move || {
            if let Ok(history) = window().history() {
                let state = history.state().unwrap_or_default();
                // A browser that is asked too often refuses; the next change is kept again.
                let _ = history.replace_state_with_url(&state, "", Some(&address));
            }
        };
        if let Ok(timer) = set_timeout_with_handle(keep, ADDRESS_PAUSE) {
            waiting.set_value(Some(timer));
        }
    });
    on_cleanup(stop);
}

/// Files dropped anywhere on the page, or pasted, are put into the input, as if they had been chosen there; without this a
/// browser would leave the page and show the file.
fn take_drops(phase: RwSignal<Phase>) {
    let over = window_event_listener(leptos::ev::dragover, |event| event.prevent_default());
    let take = move |files: Option<web_sys::FileList>| {
        let input = document()
            .get_element_by_id("file")
            .and_then(|input| input.dyn_into::<HtmlInputElement>().ok());
        let Some((files, input)) = files.filter(|files| files.length() > 0).zip(input) else {
            return false;
        };
        let is_free = phase.try_with_untracked(Phase::is_busy) == Some(false);
        if is_free {
            input.set_files(Some(&files));
            if let Ok(change) = web_sys::Event::new("change") {
                // An event of this page's own making is never refused.
                let _ = input.dispatch_event(&change);
            }
        }
        is_free
    };
    let drop = window_event_listener(leptos::ev::drop, move |event| {
        event.prevent_default();
        take(event.data_transfer().and_then(|data| data.files()));
    });
    let paste = window_event_listener(leptos::ev::paste, move |event| {
        if take(event.clipboard_data().and_then(|data| data.files())) {
            event.prevent_default();
        }
    });
    on_cleanup(move || {
        over.remove();
        drop.remove();
        paste.remove();
    });
}

/// While files are sent, leaving the page is asked about first: it would interrupt them.
fn warn_of_leaving(phase: RwSignal<Phase>) {
    let is_busy = move || phase.try_with_untracked(Phase::is_busy) == Some(true);
    let unload = window_event_listener(leptos::ev::beforeunload, move |event| {
        if is_busy() {
            event.prevent_default();
        }
    });
    // In the capturing phase, before the router hears of it.
    let click = Closure::<dyn Fn(web_sys::Event)>::new(move |event: web_sys::Event| {
        let target = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let link = target.and_then(|target| target.closest("a[href]:not([target])").ok().flatten());
        if link.is_some() && is_busy() && !window().confirm_with_message(LEAVE).unwrap_or(true) {
            event.prevent_default();
            event.stop_immediate_propagation();
        }
    });
    let listener = click.as_ref().unchecked_ref();
    // Listeners of a window that is there are taken.
    let _ = window().add_event_listener_with_callback_and_bool("click", listener, true);
    let click = StoredValue::new_local(click);
    on_cleanup(move || {
        unload.remove();
        click.with_value(|click| {
            let listener = click.as_ref().unchecked_ref();
            let _ = window().remove_event_listener_with_callback_and_bool("click", listener, true);
        });
    });
}
