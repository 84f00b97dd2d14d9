use super::*;

fn recipe(text: &str) -> Recipe {
    Recipe::parse(text).unwrap()
}

/// What the steps really cost in these tests, milliseconds for a megabyte.
const TRUTH: [(&str, f64); 4] = [
    ("blur:sigma=6", 9.0),
    ("sharpen", 2.0),
    ("median", 40.0),
    ("invert", 0.5),
];

fn true_ms(recipe: &Recipe, work: &[f64]) -> f64 {
    let steps = recipe.steps().iter().zip(work);
    steps
        .map(|(step, bytes)| {
            let text = step.to_string();
            let cost = TRUTH.iter().find(|(name, _)| *name == text).unwrap().1;
            cost * bytes / 1e6
        })
        .sum()
}

/// Answers to tiles of recipes that share steps, with sizes and noise as they come.
fn taught() -> Learner {
    let mut learner = Learner::default();
    let chains = [
        "blur:sigma=6|sharpen",
        "sharpen|median",
        "median|invert",
        "invert|blur:sigma=6",
        "sharpen",
    ];
    for round in 0..4000_u32 {
        let recipe = recipe(chains[round as usize % chains.len()]);
        let size = 2e5 + 1e5 * f64::from(round * 7 % 13);
        let work: Vec<f64> = (0..recipe.steps().len())
            .map(|step| size * (1.0 + 0.1 * step as f64))
            .collect();
        let noise = 0.8 + 0.4 * f64::from(round * 31 % 101) / 100.0;
        learner.learn_tile(&recipe, &work, true_ms(&recipe, &work) * noise);
    }
    learner
}

#[test]
fn the_steps_of_mixed_chains_are_told_apart() {
    let learner = taught();
    let costs = learner.costs();
    for (step, truth) in TRUTH {
        let found = costs.steps[step];
        assert!(
            (0.7..1.4).contains(&(found / truth)),
            "{step}: {found}, not {truth}"
        );
    }
    // A size and a chain that never were.
    let new = recipe("median|blur:sigma=6");
    let work = [8e6, 5e6];
    let found = costs.tile(&new, &work).unwrap();
    assert!((0.7..1.4).contains(&(found / true_ms(&new, &work))), "{found}");
}

#[test]
fn other_parameters_follow_from_the_operation() {
    let costs = taught().costs();
    let (cost, is_measured) = costs.step(&recipe("blur:sigma=12").steps()[0]);
    assert!(is_measured && (12.0..25.0).contains(&cost), "{cost}");
    assert!(!costs.step(&recipe("bilateral").steps()[0]).1);
}

#[test]
fn a_fleet_that_becomes_faster_is_followed() {
    let mut learner = taught();
    let recipe = recipe("sharpen");
    for _ in 0..40_000 {
        learner.learn_tile(&recipe, &[1e6], 1.0);
    }
    let found = learner.costs().steps["sharpen"];
    assert!((0.8..1.3).contains(&found), "{found}");
}

#[test]
fn impossible_numbers_change_nothing_and_wild_ones_little() {
    let mut learner = taught();
    let before = learner.clone();
    let blur = recipe("blur:sigma=6");
    for ms in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0] {
        learner.learn_tile(&blur, &[1e6], ms);
        learner.learn_tile(&blur, &[ms], 1.0);
    }
    learner.learn_tile(&blur, &[], 1.0);
    assert_eq!(learner, before);
    for ms in [1e300, 1e-300, f64::MAX, f64::MIN_POSITIVE] {
        learner.learn_tile(&blur, &[1e6], ms);
    }
    let cost = |learner: &Learner| learner.costs().steps["blur:sigma=6"];
    let changed = cost(&learner) / cost(&before);
    assert!((0.8..1.25).contains(&changed), "{changed}");
    // A worker that says such a thing first is overruled by those who know better.
    let mut fresh = Learner::default();
    fresh.learn_tile(&blur, &[1e6], 1e300);
    for _ in 0..2000 {
        fresh.learn_tile(&blur, &[1e6], 9.0);
    }
    assert!((8.0..10.0).contains(&cost(&fresh)), "{}", cost(&fresh));
}

#[test]
fn the_keys_are_bounded_and_the_latest_stay() {
    let mut learner = Learner::default();
    for n in 0..1000 {
        let text = format!("blur:sigma={}", 1.0 + f64::from(n) / 100.0);
        learner.learn_tile(&recipe(&text), &[1e6], 5.0);
        let (kind, slots) = (format!("kind-{n}"), 1);
        learner.learn_job(&Finished {
            kind: &kind,
            bytes: 1e6,
            tiles: 1,
            slots,
            rendered: 0.1,
            rendering: 0.1,
            wall: 0.3,
        });
    }
    let costs = learner.costs();
    assert_eq!(costs.steps.len(), MAX_STEPS);
    assert!(costs.steps.contains_key("blur:sigma=10.99"));
    assert_eq!(costs.operations.len(), 1);
    assert!(costs.around.len() <= MAX_KINDS);
    assert!(learner.to_json().len() < 64 << 10, "{}", learner.to_json().len());
}

fn finished(bytes: f64, rendered: f64, wall: f64) -> Finished<'static> {
    Finished {
        kind: "png",
        bytes,
        tiles: 100,
        slots: 4,
        rendered,
        rendering: rendered / 4.0,
        wall,
    }
}

#[test]
fn what_jobs_take_beside_their_rendering_is_learned_from_small_and_large_ones() {
    let mut learner = Learner::default();
    // Half a second, and a second for a hundred megabytes.
    let beside = |bytes: f64| 0.5 + 0.01 * bytes / 1e6;
    for round in 0..60 {
        let bytes = [1e6, 40e6, 300e6][round % 3];
        let rendered = [0.4, 8.0, 60.0][round * 7 % 3];
        learner.learn_job(&finished(bytes, rendered, rendered / 4.0 + beside(bytes)));
    }
    let around = learner.costs().around("png");
    assert!((0.4..0.6).contains(&around.seconds), "{around:?}");
    assert!(
        (0.008..0.012).contains(&around.seconds_per_megabyte),
        "{around:?}"
    );
    assert_eq!(
        learner.costs().around("jpeg"),
        around,
        "another kind is taken for like it"
    );
}

#[test]
fn one_small_job_does_not_make_large_ones_look_endless() {
    let mut learner = Learner::default();
    learner.learn_job(&finished(0.3e6, 0.01, 0.4));
    let around = learner.costs().around("png");
    let large = around.seconds + 200.0 * around.seconds_per_megabyte;
    assert!((0.5..3.0).contains(&large), "{around:?}");
}

#[test]
fn impossible_jobs_change_nothing() {
    let mut learner = Learner::default();
    learner.learn_job(&finished(1e6, 1.0, 1.0));
    let before = learner.clone();
    for bad in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
        learner.learn_job(&finished(bad, 1.0, bad));
        learner.learn_job(&finished(1e6, bad, 1.0));
        learner.learn_job(&finished(1e6, 1.0, bad));
    }
    learner.learn_job(&Finished {
        slots: 0,
        ..finished(1e6, 0.0, 1.0)
    });
    assert_eq!(learner, before);
}

#[test]
fn slots_that_do_not_work_at_a_time_are_not_counted() {
    let mut learner = Learner::default();
    for _ in 0..20 {
        // Four slots that together do what two could.
        learner.learn_job(&Finished {
            rendering: 20.0,
            ..finished(1e6, 44.0, 21.0)
        });
    }
    let busy = learner.costs().busy_slots(4);
    assert!((2.0..2.5).contains(&busy), "{busy}");
}

#[test]
fn it_is_kept_as_text_and_a_strange_text_is_nothing() {
    let learner = taught();
    let again = Learner::from_json(&learner.to_json()).costs();
    assert_eq!(again.steps.len(), TRUTH.len());
    for (step, cost) in learner.costs().steps {
        assert!((again.steps[&step] / cost - 1.0).abs() < 1e-9, "{step}");
    }
    for strange in ["", "{", "[1]", r#"{"steps":{"blur":{"time":null,"work":1}}}"#] {
        assert_eq!(Learner::from_json(strange), Learner::default());
    }
    let odd = Learner::from_json(r#"{"steps":{"blur":{"time":1e308,"work":1e-308}},"busy":-4}"#);
    assert!(odd.costs().steps["blur"] <= BOUNDS.1);
    assert!(odd.costs().busy_slots(4) >= 0.4);
}
