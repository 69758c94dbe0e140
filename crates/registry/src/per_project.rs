//! What is made of a project's settings and shared by all its requests, until those settings change.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use metadata::Project;

/// One `V` for each project that needs one, made of the settings of `N` keys.
pub(crate) struct PerProject<V, const N: usize> {
    keys: [&'static str; N],
    made: Mutex<HashMap<i64, ([String; N], V)>>,
}

impl<V: Clone, const N: usize> PerProject<V, N> {
    pub(crate) fn new(keys: [&'static str; N]) -> Self {
        Self {
            keys,
            made: Mutex::default(),
        }
    }

    /// The project's, made anew only where its settings are others than they were. `None`, where none of the keys is
    /// set: most projects need nothing kept.
    pub(crate) fn of(&self, project: &Project, make: impl FnOnce([&str; N]) -> V) -> Option<V> {
        let texts = self
            .keys
            .map(|key| project.metadata.get(key).map_or("", |text| text.trim()));
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if texts.iter().all(|text| text.is_empty()) {
            made.remove(&project.id);
            return None;
        }
        if let Some((of, value)) = made.get(&project.id)
            && of.iter().map(String::as_str).eq(texts)
        {
            return Some(value.clone());
        }
        // Under the lock: two requests at once must get the same one.
        let value = make(texts);
        made.insert(project.id, (texts.map(str::to_owned), value.clone()));
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use chrono::DateTime;

    use super::*;

    fn project(id: i64, speed: &str) -> Project {
        Project {
            id,
            name: format!("p{id}"),
            owner_id: 1,
            owner_name: "admin".to_owned(),
            upstream_id: Some(1),
            is_public: true,
            is_declared: false,
            limit_bytes: None,
            metadata: [("speed".to_owned(), speed.to_owned())].into(),
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn all_requests_of_a_project_share_one_until_its_settings_change() {
        let made = Cell::new(0);
        let kept = PerProject::new(["speed", "other"]);
        let of = |project: &Project| {
            kept.of(project, |[speed, _]| {
                made.set(made.get() + 1);
                format!("{speed}#{}", made.get())
            })
        };
        assert_eq!(of(&project(1, "8")).as_deref(), Some("8#1"));
        assert_eq!(of(&project(1, "8")).as_deref(), Some("8#1"));
        assert_eq!(of(&project(2, "8")).as_deref(), Some("8#2"));
        assert_eq!(of(&project(1, "9")).as_deref(), Some("9#3"));
        assert_eq!(of(&project(1, "")), None);
        assert_eq!(of(&project(1, "9")).as_deref(), Some("9#4"));
        assert_eq!(of(&project(2, "8")).as_deref(), Some("8#2"));
    }
}
