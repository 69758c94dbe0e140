//! Patterns people write: Harbor's two kinds. Matching takes time linear in the name, whatever the pattern; what
//! would take a lot of memory to match is refused when it is written.

use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};

/// Longer ones are mistakes, or meant to hurt.
const MAX_PATTERN_CHARS: usize = 1024;
/// What a compiled regular expression may take. `(a{1000}){1000}` does not fit, no pattern for names comes near.
const MAX_REGEX_BYTES: usize = 256 * 1024;
/// How deep the groups of a regular expression may be nested.
const MAX_NESTING: u32 = 50;
/// How deep the alternatives of a glob may be nested: compiling recurses.
const MAX_BRACES: usize = 10;

/// A glob, as Go's `doublestar` reads it: `*`, `?` and classes stay within a part of the name, `**` as a whole part
/// is any number of parts, `{a,b}` is either. `a/**` does not match `a`.
#[derive(Clone, Debug)]
pub(crate) struct Glob(GlobMatcher);

/// A pattern for repositories, of one of Harbor's kinds.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// `doublestar`
    Glob(Glob),
    /// `regex`: the whole name must match.
    Regex(Regex),
}

impl Glob {
    /// # Errors
    /// What is wrong with it, in a sentence without an end.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        check_length(text)?;
        let text = within_parts(text)?;
        let glob = GlobBuilder::new(&text)
            .literal_separator(true)
            .backslash_escape(true)
            .empty_alternates(true)
            .build();
        glob.map(|glob| Self(glob.compile_matcher()))
            .map_err(|error| error.kind().to_string())
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

impl Pattern {
    /// Of Harbor's `proxy_cache_filter_pattern` and `_kind`. No kind means `doublestar`.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence without an end.
    pub(crate) fn new(text: &str, kind: &str) -> Result<Self, String> {
        let text = text.trim();
        match kind {
            "" | "doublestar" => Glob::new(text).map(Self::Glob),
            "regex" => whole_regex(text).map(Self::Regex),
            _ => Err(format!("its kind {kind:?} is neither doublestar nor regex")),
        }
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Glob(glob) => glob.matches(name),
            Self::Regex(regex) => regex.is_match(name),
        }
    }
}

/// The expression, for the whole of a name. It is compiled by itself first: `a)|(b` would be one only between our
/// parentheses, and would not be bound to the ends.
fn whole_regex(text: &str) -> Result<Regex, String> {
    check_length(text)?;
    compile(text)?;
    compile(&format!("^(?:{text})$"))
}

fn compile(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(text)
        .size_limit(MAX_REGEX_BYTES)
        .dfa_size_limit(MAX_REGEX_BYTES)
        .nest_limit(MAX_NESTING)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "it takes too much memory to match".to_owned(),
        // The message draws the pattern over several lines; what is wrong is in the last one.
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        }
    })
}

fn check_length(text: &str) -> Result<(), String> {
    if text.chars().count() > MAX_PATTERN_CHARS {
        return Err(format!("it has more than {MAX_PATTERN_CHARS} characters"));
    }
    Ok(())
}

/// The same glob, whose negated classes match no `/`: Go's never do, `globset`'s would.
fn within_parts(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len() + 4);
    let mut chars = text.chars().peekable();
    let (mut is_class, mut braces) = (false, 0_usize);
    while let Some(char) = chars.next() {
        out.push(char);
        match char {
            '\\' => out.extend(chars.next()),
            ']' => is_class = false,
            '[' if !is_class => {
                is_class = true;
                if let Some(negation) = chars.next_if(|next| matches!(next, '!' | '^')) {
                    out.push(negation);
                    out.push('/');
                }
            }
            '{' if !is_class => braces += 1,
            '}' if !is_class => braces = braces.saturating_sub(1),
            _ => {}
        }
        if braces > MAX_BRACES {
            return Err(format!(
                "its alternatives are nested more than {MAX_BRACES} deep"
            ));
        }
    }
    if is_class {
        return Err("a class is not closed: `]` is missing".to_owned());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases that the Go library's documentation gives its meaning by, in names of repositories.
    #[test]
    fn globs_mean_what_they_mean_to_harbor() {
        for (pattern, matching, other) in [
            ("**", &["a", "a/b", "a/b/c"][..], &[][..]),
            ("*", &["a", "nginx"], &["a/b"]),
            (
                "library/*",
                &["library/nginx"],
                &["library", "library/a/b", "other/nginx"],
            ),
            (
                "library/**",
                &["library/nginx", "library/a/b"],
                &["library", "mylibrary/nginx"],
            ),
            (
                "**/nginx",
                &["nginx", "a/nginx", "a/b/nginx"],
                &["mynginx", "a/nginx/b"],
            ),
            (
                "a/**/z",
                &["a/z", "a/b/z", "a/b/c/z"],
                &["az", "a/b", "a/bz"],
            ),
            ("a**", &["a", "ab"], &["a/b", "b"]),
            ("a**z", &["az", "abz"], &["a/z"]),
            ("a/**/*", &["a/b", "a/b/c"], &["a"]),
            ("**/b/**", &["b/c", "a/b/c/d"], &["b", "a/b"]),
            ("a?c", &["abc"], &["ac", "a/c", "abbc"]),
            ("a[bc]d", &["abd", "acd"], &["aed", "a/d"]),
            ("a[b-d]e", &["abe", "ade"], &["aee"]),
            ("a[^bc]d", &["aed"], &["abd", "a/d"]),
            ("a[!bc]d", &["aed"], &["acd", "a/d"]),
            (
                "{library,bitnami}/*",
                &["library/a", "bitnami/b"],
                &["other/a"],
            ),
            (
                "{library/**,nginx}",
                &["library/a/b", "nginx"],
                &["library", "a/nginx"],
            ),
            ("a{,-slim}", &["a", "a-slim"], &["a-fat"]),
            ("a{b,c{d,e}}", &["ab", "acd", "ace"], &["ac"]),
            (r"a\*b", &["a*b"], &["axb"]),
            ("nginx", &["nginx"], &["nginx2", "library/nginx", ""]),
            (" nginx ", &["nginx"], &[]),
        ] {
            let compiled = Pattern::new(pattern, "").unwrap();
            for name in matching {
                assert!(compiled.matches(name), "{pattern} {name}");
            }
            for name in other {
                assert!(!compiled.matches(name), "{pattern} {name}");
            }
        }
    }

    #[test]
    fn a_regular_expression_is_about_the_whole_name() {
        for (pattern, name, is_match) in [
            ("library/.*", "library/nginx", true),
            ("library/.*", "mylibrary/nginx", false),
            ("nginx", "nginx2", false),
            ("a|b", "b", true),
            ("a|b", "ab", false),
            ("^a$", "a", true),
            ("(?i)NGINX", "nginx", true),
            ("a\n", "a", true), // trimmed
        ] {
            let compiled = Pattern::new(pattern, "regex").unwrap();
            assert_eq!(compiled.matches(name), is_match, "{pattern} {name}");
        }
    }

    #[test]
    fn what_cannot_be_read_or_would_hurt_is_refused_in_a_sentence() {
        let long = "a".repeat(1025);
        let deep = "{a,".repeat(11) + &"}".repeat(11);
        let groups = "(".repeat(60) + &")".repeat(60);
        for (pattern, kind, part) in [
            ("a[b", "doublestar", "not closed"),
            ("{a", "doublestar", "alternate"),
            ("a}", "doublestar", "alternate"),
            (long.as_str(), "doublestar", "1024 characters"),
            (deep.as_str(), "", "nested"),
            ("a(", "regex", "unclosed group"),
            ("a)|(b", "regex", "unopened group"),
            ("(?x)a #", "regex", "unclosed"),
            ("((a{100}){100}){100}", "regex", "too much memory"),
            (r"(a)\1", "regex", "backreferences"),
            (groups.as_str(), "regex", "nest"),
            ("a", "glob", "neither doublestar nor regex"),
        ] {
            let error = Pattern::new(pattern, kind).unwrap_err();
            assert!(error.contains(part), "{pattern:?}: {error}");
        }
    }
}
