//! What keys and owners may be called.

/// Longest name of a key or an owner, bytes.
pub const MAX_NAME: usize = 64;

/// Checks a name: 1 to 64 letters, digits, `.`, `_`, `-` and `@`. Names of tokens have a colon in them, so that no key can
/// stand for one.
///
/// # Errors
/// A sentence that says what a name may be.
pub fn check(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    if (1..=MAX_NAME).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    let shown: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
    Err(format!(
        "'{shown}' is not a name: it must be 1 to {MAX_NAME} letters, digits, '.', '_', '-' and '@'"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_plain() {
        for good in ["lab", "a.b_c-d@example.org", &"x".repeat(64)] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "jwt:lab", "ü", "a\n", &"x".repeat(65)] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
