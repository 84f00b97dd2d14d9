//! Finding an operation by words: those of its title, name, other names, description and group.

use azulejo_imaging::OperationInfo;

/// Whether `info` has each word of `sought`, in any order and case; what is sought may be the beginning of a word.
pub fn matches(info: &OperationInfo, sought: &str) -> bool {
    let mut text = format!(
        "{} {} {} {} {}",
        info.title,
        info.name,
        info.aliases.join(" "),
        info.summary,
        info.group.label()
    );
    text.make_ascii_lowercase();
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect()
    };
    let known = words(&text);
    words(sought)
        .iter()
        .all(|word| known.iter().any(|known| known.starts_with(word.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use azulejo_imaging::operations;

    fn found(sought: &str) -> Vec<&'static str> {
        let all = operations().iter().filter(|info| matches(info, sought));
        all.map(|info| info.name).collect()
    }

    #[test]
    fn operations_are_found_by_what_people_call_them() {
        assert_eq!(found("").len(), operations().len());
        assert!(found("blur").starts_with(&["blur"]));
        assert!(found("SOFT").contains(&"median"));
        assert!(found("mirror left").contains(&"flip_horizontal"));
        assert!(found("noise").contains(&"bilateral"));
        assert!(found("outline").contains(&"edge_detection"));
        assert!(found("larger").contains(&"resize"));
        assert_eq!(found("swirl"), Vec::<&str>::new());
    }
}
