//! A case as a file, in TOML or JSON: read, held against what it names, and written.
//!
//! What a file leaves out is as the words of [`Case`] and [`Machine`](crate::machine::Machine) leave it. A key that there is
//! not is refused, and so is a case that could not run: `docs/case-files.md` has the format, `docs/case.schema.json` its schema.
//!
//! ```
//! use bootwright::case::file::{Format, read, write};
//!
//! let text = r#"
//!     id = "mine::lower-bootindex-wins"
//!     control = "without-bootindex"
//!     [machine]
//!     firmware = "seabios"
//!     board = "pc"
//!     [[machine.devices]]
//!     class = "virtio-blk"
//!     medium = { name = "wrong" }
//!     [[machine.devices]]
//!     class = "nvme"
//!     bootindex = 1
//!     medium = { name = "right", image = "disk-gpt" }
//!     [expectation]
//!     attempts = [{ booted = "right" }]
//! "#;
//! let case = read(text, Format::Toml, "mine.toml")?;
//! assert_eq!(case.machine.devices[1].bootindex, Some(1));
//! let again = write(&case, Format::Json).unwrap();
//! assert_eq!(read(&again, Format::Json, "mine.json")?, case);
//! # Ok::<(), bootwright::case::file::CaseFileError>(())
//! ```

mod check;
mod format;
mod locate;
mod misplaced;
mod write;

use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Case, SourceLine};

pub use check::check;
pub use format::Format;
pub use locate::Key;
pub use misplaced::Misplaced;
pub use write::{WriteError, write};

/// The longest file that is read, in bytes. The longest case of the full suite takes a twentieth of it.
pub const LONGEST: u64 = 1 << 20;

/// A file that holds no case, or one that cannot run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct CaseFileError {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, and what was wanted where that can be said.
    pub problem: String,
}

/// Case files that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file system's.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something that is no file.
    #[error("{}: {found}; wanted {wanted}", path.display())]
    NoFile {
        /// Its path.
        path: PathBuf,
        /// What it is.
        found: &'static str,
        /// What was wanted.
        wanted: &'static str,
    },
    /// More bytes than any case has.
    #[error("{}: longer than {LONGEST} bytes, which no case is; wanted a case file", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// What is in it.
    #[error(transparent)]
    Content(#[from] CaseFileError),
    /// Two files have the same case.
    #[error("{second}: its id \"{id}\" is that of {first}; give every case an id of its own")]
    SameId {
        /// The id.
        id: String,
        /// The file that was read first.
        first: String,
        /// The other one.
        second: String,
    },
}

/// Reads the cases of these files, and of the `.toml` and `.json` files of these folders, in the order of their names.
///
/// # Errors
///
/// The first file that cannot be read, holds no case, or has a case that was read already.
pub fn read_all(paths: &[PathBuf]) -> Result<Vec<Case>, FileError> {
    let mut cases: Vec<(String, Case)> = Vec::new();
    for path in paths {
        for file in files(path)? {
            let case = read_file(&file)?;
            let second = file.display().to_string();
            if let Some((first, _)) = cases.iter().find(|(_, known)| known.id == case.id) {
                return Err(FileError::SameId { id: case.id, first: first.clone(), second });
            }
            cases.push((second, case));
        }
    }
    Ok(cases.into_iter().map(|(_, case)| case).collect())
}

/// The case files that a path stands for: itself, or those in the folder.
fn files(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let is_case = |file: &PathBuf| matches!(file.extension().and_then(|end| end.to_str()), Some("toml" | "json"));
    let entries = std::fs::read_dir(path).map_err(unreadable)?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_case).collect();
    files.sort();
    if files.is_empty() {
        let wanted = "a case file (.toml or .json), or a folder of such files";
        return Err(FileError::NoFile { path: path.to_owned(), found: "a folder without a case file", wanted });
    }
    Ok(files)
}

/// Reads the case of a file and holds it against what it names.
///
/// # Errors
///
/// [`FileError`] where it is no file, too long, or holds no case that can run.
pub fn read_file(path: &Path) -> Result<Case, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    let found = std::fs::metadata(path).map_err(unreadable)?;
    if !found.is_file() {
        let found = if found.is_dir() { "a folder" } else { "neither a file nor a folder" };
        return Err(FileError::NoFile { path: path.to_owned(), found, wanted: "one case file (.toml or .json)" });
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // what grows while it is read ends here too
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST {
        return Err(FileError::TooLong { path: path.to_owned() });
    }
    let name = path.display().to_string();
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let (line, column) = locate::line_and_column(&before, before.len());
        let problem = format!("not UTF-8: byte {:#04x}", bytes[error.valid_up_to()]);
        CaseFileError { file: name.clone(), line, column, problem }
    })?;
    let format = Format::of(path);
    let case = read(text, format, &name)?;
    check(&case).map_err(|misplaced| {
        let (line, column) = locate::place(text, format, &misplaced.place);
        CaseFileError { file: name, line, column, problem: misplaced.problem }
    })?;
    Ok(case)
}

/// Reads a case. `file` is the name that errors and the case's own [`SourceLine`] have. Whether it can run is not looked at.
///
/// # Errors
///
/// [`CaseFileError`] with line and column for text that is not of its format, a key that there is not, a key that is
/// missing, or a value of another type.
pub fn read(text: &str, format: Format, file: &str) -> Result<Case, CaseFileError> {
    let problem = |line, column, problem: String| {
        // some of serde's own words have line ends
        let problem = in_plain_words(&problem.split_whitespace().collect::<Vec<_>>().join(" "));
        CaseFileError { file: file.to_owned(), line, column, problem }
    };
    let mut case: Case = match format {
        Format::Json => serde_json::from_str(text).map_err(|error| {
            let words = error.to_string();
            let words = words.split(" at line ").next().unwrap_or_default().to_owned();
            problem(error.line(), error.column().max(1), words)
        })?,
        Format::Toml => toml::from_str(text).map_err(|error: toml::de::Error| {
            let (line, column) = locate::line_and_column(text, error.span().map_or(0, |span| span.start));
            problem(line, column, error.message().to_owned())
        })?,
    };
    if case.source == SourceLine::default() {
        case.source = SourceLine { file: file.to_owned(), line: 1 };
    }
    Ok(case)
}

/// An error of serde's without the names that types have in this program.
fn in_plain_words(problem: &str) -> String {
    let Some((seen, wanted)) = problem.rsplit_once("expected ") else { return problem.to_owned() };
    let wanted = match wanted {
        "u8" => format!("a whole number from 0 to {}", u8::MAX),
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" | "usize" => format!("a whole number from 0 to {}", u64::MAX),
        "i64" => "a whole number".to_owned(),
        _ if wanted.starts_with("struct ") => "a table".to_owned(),
        _ if wanted.starts_with("enum ") => "a word, or a table with one key".to_owned(),
        _ => wanted.to_owned(),
    };
    // a list may stand for a table by its elements, which nobody writes
    let is_list = wanted.starts_with("a table") && seen.starts_with("invalid length");
    let seen = if is_list { "invalid type: sequence, " } else { seen };
    format!("{seen}expected {wanted}")
}

/// The schema of a case file (JSON Schema 2020-12), out of the types that it is read with.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Case).to_value();
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("title".to_owned(), "bootwright case".into());
    }
    schema
}

#[cfg(test)]
mod tests;
