//! What is wrong with a configuration, and where: every problem names its file, key and what was expected.

use std::fmt;
use std::path::PathBuf;

/// Everything wrong with a configuration, in the order an operator would look: the file from top to bottom first.
#[derive(Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

/// One mistake in one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where the setting was read.
    pub source: Source,
    /// The setting: a key path (`http.port`) or a variable; empty where the file as a whole is meant.
    pub key: String,
    /// What was expected instead.
    pub message: String,
}

/// Where a setting came from. Sorted as problems are listed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The configuration file; line 0 means the file as a whole.
    File {
        /// Line and column, counted from 1: first, so that sorting follows the file.
        at: At,
        /// The file as it was named.
        path: PathBuf,
    },
    /// A variable of the environment.
    Environment,
}

/// A place in the configuration file, counted from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

impl Problems {
    /// `None` when there is nothing to complain about.
    pub fn of(mut problems: Vec<Problem>) -> Option<Self> {
        problems.sort_by(|a, b| a.source.cmp(&b.source));
        (!problems.is_empty()).then_some(Self(problems))
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::File { at, path } if at.line == 0 => write!(f, "{}: ", path.display())?,
            Source::File { at, path } => {
                write!(f, "{}:{}:{}: ", path.display(), at.line, at.column)?
            }
            Source::Environment => f.write_str("environment: ")?,
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}
