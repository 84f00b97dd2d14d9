//! All routes: where they are, what they need of who calls them, and who answers.
//!
//! A route is only reachable through this table, and an entry cannot be without its needs. Server functions have a table of their
//! own, as they share one route.

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, delete, get, post, put};

use super::access::{Gate, Need, check};
use super::limits::rate::limit;
use super::state::AppState;
use super::{
    again, dead_tiles, download, jobs, live, mosaic, openapi, pages, recipes, sign_in, submit, tus, vital,
};
use crate::access::Role;

const NOTHING: Need = Need::Nothing;
const READ: Need = Need::Role(Role::Read);
const SUBMIT: Need = Need::Role(Role::Submit);

/// The server functions of the pages, all below `/api/`, and what they need. One that is missing here needs an admin.
const FUNCTIONS: &[(Method, &str, Need)] = &[
    (Method::POST, "process", SUBMIT),
    (Method::POST, "run_again", SUBMIT),
    (Method::GET, "list_jobs", READ),
    (Method::GET, "get_job", READ),
    (Method::GET, "get_tile", READ),
    (Method::POST, "cancel_job", SUBMIT),
    (Method::POST, "retry_job", SUBMIT),
    (Method::POST, "replay_tiles", SUBMIT),
    (Method::POST, "replay_all_tiles", SUBMIT),
    (Method::POST, "delete_job", SUBMIT),
    (Method::GET, "list_workers", READ),
    (Method::GET, "get_costs", READ),
    (Method::GET, "get_health", READ),
    (Method::POST, "set_theme", NOTHING),
];

struct Route {
    path: String,
    needs: Vec<(Method, Need)>,
    answers: MethodRouter<AppState>,
}

fn route(path: &str, answers: MethodRouter<AppState>, needs: &[(Method, Need)]) -> Route {
    Route {
        path: path.to_owned(),
        needs: needs.to_vec(),
        answers,
    }
}

fn reads(path: &str, answers: MethodRouter<AppState>) -> Route {
    route(path, answers, &[(Method::GET, READ)])
}

fn acts(path: &str, answers: MethodRouter<AppState>) -> Route {
    route(path, answers, &[(Method::POST, SUBMIT)])
}

fn open(path: &str, answers: MethodRouter<AppState>) -> Route {
    route(path, answers, &[(Method::GET, NOTHING)])
}

/// The routes of the API, and those that are both API and page.
fn table() -> Vec<Route> {
    use Method as M;
    vec![
        acts("/process", post(submit::process)),
        route("/uploads", put(submit::upload), &[(M::PUT, SUBMIT)]),
        route("/uploads/{id}", delete(tus::give_up), &[(M::DELETE, SUBMIT)]),
        route(
            "/files",
            any(tus::collection),
            &[(M::GET, READ), (M::POST, SUBMIT)],
        ),
        route(
            "/files/{id}",
            any(tus::upload),
            &[
                (M::HEAD, SUBMIT),
                (M::PATCH, SUBMIT),
                (M::DELETE, SUBMIT),
                // In place of the two before it: `X-HTTP-Method-Override`.
                (M::POST, SUBMIT),
            ],
        ),
        reads("/jobs", get(jobs::list)),
        route(
            "/job/{id}",
            get(jobs::one).delete(jobs::delete),
            &[(M::GET, READ), (M::DELETE, SUBMIT)],
        ),
        reads("/job/{id}/progress", get(jobs::progress)),
        reads("/job/{id}/tile/{tile}", get(jobs::tile)),
        reads("/job/{id}/mosaic.png", get(mosaic::mosaic)),
        reads("/job/{id}/result", get(download::inline)),
        reads("/job/{id}/original", get(download::original)),
        acts("/job/{id}/cancel", post(jobs::cancel)),
        acts("/job/{id}/retry", post(jobs::retry)),
        acts("/job/{id}/again", post(again::again)),
        acts("/job/{id}/replay", post(dead_tiles::replay_job)),
        acts("/job/{id}/tile/{tile}/replay", post(dead_tiles::replay_tile)),
        reads("/job/{id}/tile/{tile}/report", get(dead_tiles::report)),
        reads("/dead-tiles", get(dead_tiles::list)),
        acts("/dead-tiles/replay", post(dead_tiles::replay_all)),
        reads("/download/{id}", get(download::attachment)),
        reads("/workers", get(jobs::workers)),
        reads("/health", get(jobs::health)),
        open("/live", get(vital::live)),
        open("/ready", get(vital::ready)),
        open("/recipes", get(recipes::list)),
        open("/openapi.json", get(openapi::description)),
        open("/docs", get(openapi::pages::swagger)),
        open("/redoc", get(openapi::pages::redoc)),
        open("/description/{file}", get(openapi::assets::file)),
        reads("/events", get(live::events::events)),
        reads("/ws", get(live::socket::socket)),
        route(
            "/sign-in",
            get(sign_in::page).post(sign_in::sign_in),
            &[(M::GET, NOTHING), (M::POST, NOTHING)],
        ),
        route("/sign-out", post(sign_in::sign_out), &[(M::POST, NOTHING)]),
    ]
}

/// The pages that are nothing else.
fn pages_alone(table: &[Route]) -> Vec<Route> {
    pages::paths()
        .iter()
        .filter(|page| !table.iter().any(|route| pages::same_shape(&route.path, page)))
        .map(|page| reads(page, get(pages::render)))
        .collect()
}

/// What every route needs, the server functions included.
pub fn list() -> Vec<(Method, String, Need)> {
    let mut routes = table();
    routes.extend(pages_alone(&routes));
    let of_routes = routes.into_iter().flat_map(|route| {
        let path = route.path;
        route
            .needs
            .into_iter()
            .map(move |(method, need)| (method, path.clone(), need))
    });
    let of_functions = FUNCTIONS
        .iter()
        .map(|(method, name, need)| (method.clone(), format!("/api/{name}"), *need));
    of_routes.chain(of_functions).collect()
}

/// All routes, each behind its gate.
pub fn router(app: &AppState) -> Router<AppState> {
    let mut routes = table();
    let alone = pages_alone(&routes);
    for route in &mut routes {
        if pages::paths()
            .iter()
            .any(|page| pages::same_shape(&route.path, page))
        {
            let both = from_fn_with_state(app.clone(), pages::page_or_json);
            route.answers = std::mem::take(&mut route.answers).layer(both);
        }
    }
    let mut router = Router::new();
    for Route { path, needs, answers } in routes.into_iter().chain(alone) {
        let gate = Gate::new(app.access.clone(), app.rates.clone(), move |method, _| {
            need_of(&needs, method)
        });
        router = router.route(
            &path,
            answers
                .layer(from_fn_with_state(app.rates.clone(), limit))
                .layer(from_fn_with_state(gate, check)),
        );
    }
    let gate = Gate::new(app.access.clone(), app.rates.clone(), |method, path| {
        Some(need_of_function(method, path))
    });
    let functions = get(pages::call).post(pages::call);
    router.route(
        "/api/{*function}",
        functions
            .layer(from_fn_with_state(app.rates.clone(), limit))
            .layer(from_fn_with_state(gate, check)),
    )
}

fn need_of(needs: &[(Method, Need)], method: &Method) -> Option<Need> {
    let find = |method: &Method| needs.iter().find(|(of, _)| of == method).map(|(_, need)| *need);
    match *method {
        Method::HEAD => find(&Method::HEAD).or_else(|| find(&Method::GET)),
        Method::OPTIONS => Some(NOTHING),
        _ => find(method),
    }
}

fn need_of_function(method: &Method, path: &str) -> Need {
    let name = path.rsplit('/').next().unwrap_or_default();
    let needs: Vec<_> = FUNCTIONS
        .iter()
        .filter(|(_, of, _)| *of == name)
        .map(|(method, _, need)| (method.clone(), *need))
        .collect();
    need_of(&needs, method).unwrap_or(Need::Role(Role::Admin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use leptos::server_fn::axum::server_fn_paths;

    #[test]
    fn every_server_function_has_its_needs() {
        for (path, method) in server_fn_paths() {
            let known = FUNCTIONS
                .iter()
                .any(|(of, name, _)| *of == method && format!("/api/{name}") == path);
            assert!(known, "{method} {path} is missing from FUNCTIONS");
        }
        for (method, name, _) in FUNCTIONS {
            let path = format!("/api/{name}");
            assert!(
                server_fn_paths().any(|(of, by)| of == path && by == *method),
                "there is no {method} {path}"
            );
        }
    }

    // Leptos lists the pages within a runtime.
    #[tokio::test]
    async fn only_what_says_nothing_of_jobs_needs_nothing() {
        let free: Vec<_> = list()
            .into_iter()
            .filter(|(.., need)| *need == NOTHING)
            .map(|(method, path, _)| format!("{method} {path}"))
            .collect();
        let wanted = [
            "GET /live",
            "GET /ready",
            "GET /recipes",
            "GET /openapi.json",
            "GET /docs",
            "GET /redoc",
            "GET /description/{file}",
            "GET /sign-in",
            "POST /sign-in",
            "POST /sign-out",
            "POST /api/set_theme",
        ];
        assert_eq!(free, wanted);
    }

    #[test]
    fn a_function_that_is_not_known_needs_an_admin_and_head_is_get() {
        assert_eq!(
            need_of_function(&Method::POST, "/api/nothing"),
            Need::Role(Role::Admin)
        );
        assert_eq!(
            need_of_function(&Method::GET, "/api/delete_job"),
            Need::Role(Role::Admin)
        );
        assert_eq!(need_of_function(&Method::HEAD, "/api/list_jobs"), READ);
        assert_eq!(need_of(&[(Method::GET, READ)], &Method::HEAD), Some(READ));
        assert_eq!(need_of(&[(Method::GET, READ)], &Method::DELETE), None);
    }
}
