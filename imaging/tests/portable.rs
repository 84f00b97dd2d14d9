//! The portable path gives the bytes of the AVX2 path. A test program of its own with one test, since the choice is for the
//! whole process.

mod common;
mod random;

use azulejo_imaging::{apply, set_portable_only, uses_avx2};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

#[test]
fn any_recipe_gives_the_same_bytes_with_and_without_avx2() {
    if !uses_avx2() {
        eprintln!("this processor has no AVX2: there is nothing to compare");
        return;
    }
    let cases = (random::recipe(), random::size(), random::format(), 0..3u8);
    let mut runner = TestRunner::new(Config::with_cases(512));
    let outcome = runner.run(&cases, |(recipe, size, format, alpha)| {
        prop_assume!(
            recipe
                .output_size(size)
                .is_ok_and(|size| size.pixels() < 1_000_000)
        );
        let image = random::image(size, format, alpha);
        let with = apply(&recipe, &image).unwrap();
        set_portable_only(true);
        let without = apply(&recipe, &image).unwrap();
        set_portable_only(false);
        prop_assert!(with == without, "{} differs on {} {}", recipe, size, format);
        Ok(())
    });
    outcome.unwrap();
}
