//! Undo and redo of the recipe: the texts that it had, one for each time that the hand came to rest.

/// Texts remembered at most.
const MOST: usize = 200;

/// The texts, and which of them is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    texts: Vec<String>,
    at: usize,
}

impl History {
    /// Begins with `text`.
    pub fn new(text: String) -> Self {
        Self {
            texts: vec![text],
            at: 0,
        }
    }

    /// Remembers `text`, unless it is what is shown already. What was undone before is forgotten.
    pub fn rest(&mut self, text: &str) {
        if self.texts.get(self.at).is_some_and(|known| known == text) {
            return;
        }
        self.texts.truncate(self.at + 1);
        self.texts.push(text.to_owned());
        if self.texts.len() > MOST {
            self.texts.remove(0);
        }
        self.at = self.texts.len() - 1;
    }

    /// Whether there is something before `text`, which may not have been remembered yet.
    pub fn can_undo(&self, text: &str) -> bool {
        self.at > 0 || self.texts.get(self.at).is_some_and(|known| known != text)
    }

    /// Whether there is something that was undone, and `text` is still what that left.
    pub fn can_redo(&self, text: &str) -> bool {
        self.at + 1 < self.texts.len() && self.texts.get(self.at).is_some_and(|known| known == text)
    }

    /// The text before `text`.
    pub fn undo(&mut self, text: &str) -> Option<String> {
        self.rest(text);
        self.at = self.at.checked_sub(1)?;
        self.texts.get(self.at).cloned()
    }

    /// The text after `text`.
    pub fn redo(&mut self, text: &str) -> Option<String> {
        if !self.can_redo(text) {
            return None;
        }
        self.at += 1;
        self.texts.get(self.at).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_is_undone_and_done_again() {
        let mut history = History::new("blur".to_owned());
        assert!(!history.can_undo("blur"));
        history.rest("blur:sigma=2");
        history.rest("blur:sigma=2");
        // Not yet at rest.
        assert!(history.can_undo("blur:sigma=3"));
        assert_eq!(history.undo("blur:sigma=3").as_deref(), Some("blur:sigma=2"));
        assert_eq!(history.undo("blur:sigma=2").as_deref(), Some("blur"));
        assert_eq!(history.undo("blur"), None);
        assert!(history.can_redo("blur"));
        assert_eq!(history.redo("blur").as_deref(), Some("blur:sigma=2"));
        assert_eq!(history.redo("blur:sigma=2").as_deref(), Some("blur:sigma=3"));
        assert_eq!(history.redo("blur:sigma=3"), None);
    }

    #[test]
    fn another_change_forgets_what_was_undone_and_the_oldest_goes_first() {
        let mut history = History::new("a".to_owned());
        history.rest("b");
        assert_eq!(history.undo("b").as_deref(), Some("a"));
        history.rest("c");
        assert_eq!(history.redo("c"), None);
        for n in 0..2 * MOST {
            history.rest(&n.to_string());
        }
        assert_eq!(history.texts.len(), MOST);
        assert_eq!(history.undo("399").as_deref(), Some("398"));
    }
}
